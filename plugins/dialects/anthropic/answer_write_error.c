/* answer_write_error.c - refusals and failures as clients of the Messages API read them. The status and type of each
 * kind are a table; so is what x-should-retry says: without it some clients try a hopeless call again and again. */
#include "anthropic_server.h"

#include "../common/refusal.h"

#include <ctype.h>
#include <string.h>

/* ---- kinds ---- */

static const struct {
    uint32_t kind;
    int32_t http_status;
    const char *type;
    uint32_t should_retry;
    const char *words; /* when the failure has none */
} failure_kinds[] = {
    { AIGW_ERR_BAD_REQUEST, 400, "invalid_request_error", AIGW_NO, "the model server refused the request" },
    /* our key, not the client's: a 401 would make it throw away its own */
    { AIGW_ERR_AUTH, 502, "api_error", AIGW_NO, "the model server refused this gateway's key; tell its operator" },
    { AIGW_ERR_PERMISSION, 403, "permission_error", AIGW_NO, "this model may not be used" },
    { AIGW_ERR_NOT_FOUND, 404, "not_found_error", AIGW_NO, "the model server does not know this model" },
    { AIGW_ERR_CONTEXT_TOO_LONG, 400, "invalid_request_error", AIGW_NO, "prompt is too long" },
    { AIGW_ERR_RATE_LIMITED, 429, "rate_limit_error", AIGW_UNSET, "too many requests; try again later" },
    { AIGW_ERR_OVERLOADED, 529, "overloaded_error", AIGW_YES, "the model server is overloaded; try again later" },
    { AIGW_ERR_SERVER, 502, "api_error", AIGW_UNSET, "the model server failed" },
    { AIGW_ERR_TIMEOUT, 504, "timeout_error", AIGW_UNSET, "the model server did not answer in time" },
    { AIGW_ERR_CONNECT, 502, "api_error", AIGW_UNSET, "the model server cannot be reached" },
    { AIGW_ERR_TLS, 502, "api_error", AIGW_NO, "the model server's certificate was not accepted" },
    { AIGW_ERR_PROTOCOL, 502, "api_error", AIGW_UNSET, "the model server's answer made no sense" },
    { AIGW_ERR_CUT, 502, "api_error", AIGW_UNSET, "the model server's answer broke off" },
    { AIGW_ERR_REFUSED, 400, "invalid_request_error", AIGW_NO, "refused by the model server's content policy" },
    { AIGW_ERR_CANCELLED, 499, "api_error", AIGW_NO, "the request was cancelled" },
    { AIGW_ERR_NO_MODEL, 404, "not_found_error", AIGW_NO, "no such model" },
    { AIGW_ERR_ENDPOINT, 403, "permission_error", AIGW_NO, "the endpoint is not allowed" },
    { AIGW_ERR_CIRCUIT, 529, "overloaded_error", AIGW_YES, "the model failed repeatedly and is being rested" },
    { AIGW_ERR_LIMIT, 429, "rate_limit_error", AIGW_UNSET, "a limit of this gateway is reached; try again later" },
    { AIGW_ERR_INTERNAL, 500, "api_error", AIGW_UNSET, "this gateway failed" },
    { AIGW_ERR_UNSUPPORTED, 400, "invalid_request_error", AIGW_NO, "the model cannot do what was asked" },
};

static const struct {
    int32_t http_status;
    const char *type;
    uint32_t should_retry;
} failure_statuses[] = {
    { 400, "invalid_request_error", AIGW_NO }, { 401, "authentication_error", AIGW_NO },
    { 402, "billing_error", AIGW_NO },         { 403, "permission_error", AIGW_NO },
    { 404, "not_found_error", AIGW_NO },       { 405, "not_found_error", AIGW_NO },
    { 413, "request_too_large", AIGW_NO },     { 415, "invalid_request_error", AIGW_NO },
    { 422, "invalid_request_error", AIGW_NO }, { 429, "rate_limit_error", AIGW_UNSET },
    { 503, "overloaded_error", AIGW_YES },     { 504, "timeout_error", AIGW_UNSET },
    { 529, "overloaded_error", AIGW_YES },
};

void anthropic_refuse_status(int32_t http_status, aigw_str message, struct anthropic_refusal *ret_refusal)
{
    *ret_refusal = (struct anthropic_refusal){ .http_status = http_status,
                                               .retry_after_ms = -1,
                                               .type = http_status >= 500 ? "api_error" : "invalid_request_error",
                                               .should_retry = http_status >= 500 ? AIGW_UNSET : AIGW_NO,
                                               .message = message };
    for (size_t i = 0; i < sizeof failure_statuses / sizeof *failure_statuses; i++)
        if (failure_statuses[i].http_status == http_status) {
            ret_refusal->type = failure_statuses[i].type;
            ret_refusal->should_retry = failure_statuses[i].should_retry;
        }
}

/* ---- too long a prompt ---- */

/* The number at `*at`, which is moved behind it. "8,192" is one number. */
static int64_t read_number(aigw_str words, size_t *at)
{
    int64_t number = 0;
    size_t i = *at;

    for (; i < words.len; i++) {
        char c = words.ptr[i];

        if (isdigit((unsigned char)c))
            number = number < INT64_MAX / 100 ? number * 10 + (c - '0') : number;
        else if (c != ',' || i + 1 == words.len || !isdigit((unsigned char)words.ptr[i + 1]))
            break;
    }
    *at = i;
    return number;
}

/* Part of a name, such as "gpt-4o-2024-08-06": not a number of anything. */
static bool is_in_name(aigw_str words, size_t begin, size_t end)
{
    char before = begin > 0 ? words.ptr[begin - 1] : ' ', behind = end < words.len ? words.ptr[end] : ' ';

    if (behind == '-' || behind == '.')
        behind = end + 1 < words.len && isdigit((unsigned char)words.ptr[end + 1]) ? 'x' : ' ';
    return isalpha((unsigned char)before) || strchr("-_.", before) || isalpha((unsigned char)behind) || behind == '_';
}

/* The largest two numbers in a server's words. */
static void find_numbers(aigw_str words, int64_t *ret_first, int64_t *ret_second)
{
    *ret_first = *ret_second = 0;
    for (size_t i = 0; i < words.len; i++) {
        size_t begin = i;
        int64_t number;

        if (!isdigit((unsigned char)words.ptr[i]))
            continue;
        number = read_number(words, &i);
        if (is_in_name(words, begin, i))
            continue;
        if (number > *ret_first) {
            *ret_second = *ret_first;
            *ret_first = number;
        } else if (number > *ret_second && number != *ret_first) {
            *ret_second = number;
        }
    }
}

#define TOKENS_LEAST 100 /* a smaller number counts something else */

/* Clients look for these words, and read both numbers. */
static aigw_str too_long(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str words,
                         const struct anthropic_known *known)
{
    static const char said[] = "prompt is too long";
    const char *at = words.len > 0 ? memmem(words.ptr, words.len, said, sizeof said - 1) : NULL;
    int64_t larger, smaller, prompt, context;
    const char *text;

    if (at && wire_contains(words, "maximum")) /* perhaps behind words of a server in between */
        return (aigw_str){ at, words.len - (size_t)(at - words.ptr) };
    find_numbers(words, &larger, &smaller);
    context = known->context_tokens > 0 ? known->context_tokens : smaller >= TOKENS_LEAST ? smaller : larger;
    prompt = larger > context ? larger : known->prompt_tokens > context ? known->prompt_tokens : context + 1;
    if (context < TOKENS_LEAST)
        text = host->format(ctx, AIGW_LIFE_REQUEST, "prompt is too long: %.*s", AIGW_STR_ARG(words));
    else
        text = host->format(ctx, AIGW_LIFE_REQUEST, "prompt is too long: %lld tokens > %lld maximum", (long long)prompt,
                            (long long)context);
    return text ? wire_str(text) : AIGW_STR("prompt is too long");
}

/* ---- failures ---- */

void anthropic_refuse_error(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_error *error,
                            const struct anthropic_known *known, struct anthropic_refusal *ret_refusal)
{
    size_t i = 0;

    while (i < sizeof failure_kinds / sizeof *failure_kinds && failure_kinds[i].kind != error->kind)
        i++;
    if (i == sizeof failure_kinds / sizeof *failure_kinds) { /* younger than this table */
        anthropic_refuse_status(502, error->message, ret_refusal);
        return;
    }
    *ret_refusal = (struct anthropic_refusal){ .http_status = failure_kinds[i].http_status,
                                               .should_retry = failure_kinds[i].should_retry,
                                               .retry_after_ms = error->retry_after_ms,
                                               .type = failure_kinds[i].type,
                                               .message = error->message };
    if (error->kind == AIGW_ERR_BAD_REQUEST && error->http_status == 413)
        anthropic_refuse_status(413, error->message, ret_refusal);
    if (refusal_is_quota(error)) {
        anthropic_refuse_status(429, error->message, ret_refusal);
        ret_refusal->should_retry = AIGW_NO;
        if (error->http_status == 0) { /* a budget of this gateway, not of its account at a vendor */
            ret_refusal->type = "billing_error";
            ret_refusal->retry_after_ms = error->retry_after_ms;
        }
    }
    if (ret_refusal->message.len == 0)
        ret_refusal->message = wire_str(failure_kinds[i].words);
    if (error->kind == AIGW_ERR_CONTEXT_TOO_LONG)
        ret_refusal->message = too_long(host, ctx, ret_refusal->message, known);
    if ((error->kind == AIGW_ERR_NOT_FOUND || error->kind == AIGW_ERR_NO_MODEL) && known->model.len > 0) {
        const char *text = host->format(ctx, AIGW_LIFE_REQUEST, "model: %.*s (%.*s)", AIGW_STR_ARG(known->model),
                                        AIGW_STR_ARG(ret_refusal->message));

        ret_refusal->param = AIGW_STR("model");
        if (text)
            ret_refusal->message = wire_str(text);
    }
}

void anthropic_write_refusal(const struct aigw_host *host, struct aigw_buf *buf,
                             const struct anthropic_refusal *refusal, aigw_str request_id)
{
    host->buf_printf(buf, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", refusal->type);
    host->buf_json(buf, refusal->message);
    if (refusal->code)
        host->buf_printf(buf, ",\"details\":{\"error_code\":\"%s\",\"unsupported\":[]}", refusal->code);
    host->buf_put(buf, "}", 1);
    if (request_id.len > 0) {
        host->buf_printf(buf, ",\"request_id\":");
        host->buf_json(buf, request_id);
    }
    host->buf_put(buf, "}", 1);
}
