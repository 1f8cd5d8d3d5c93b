/* answer_write_error.c - refusals and failures in the words of Google's APIs. */
#include "gemini_server.h"

#include "../common/refusal.h"

#include <string.h>

/* By kind of error. What is our own trouble with a model server's key is nobody's bad key. */
static const struct {
    uint32_t kind;
    int32_t http_status;
    const char *status;
} rows[] = {
    { AIGW_ERR_BAD_REQUEST, 400, "INVALID_ARGUMENT" },
    { AIGW_ERR_CONTEXT_TOO_LONG, 400, "INVALID_ARGUMENT" },
    { AIGW_ERR_REFUSED, 400, "INVALID_ARGUMENT" },
    { AIGW_ERR_UNSUPPORTED, 400, "INVALID_ARGUMENT" },
    { AIGW_ERR_NO_MODEL, 404, "NOT_FOUND" },
    { AIGW_ERR_NOT_FOUND, 404, "NOT_FOUND" },
    { AIGW_ERR_ENDPOINT, 403, "PERMISSION_DENIED" },
    { AIGW_ERR_PERMISSION, 403, "PERMISSION_DENIED" },
    { AIGW_ERR_RATE_LIMITED, 429, "RESOURCE_EXHAUSTED" },
    { AIGW_ERR_LIMIT, 429, "RESOURCE_EXHAUSTED" },
    { AIGW_ERR_OVERLOADED, 503, "UNAVAILABLE" },
    { AIGW_ERR_CIRCUIT, 503, "UNAVAILABLE" },
    { AIGW_ERR_TIMEOUT, 504, "DEADLINE_EXCEEDED" },
    { AIGW_ERR_CANCELLED, 499, "CANCELLED" },
    { AIGW_ERR_INTERNAL, 500, "INTERNAL" },
};

/* Whether the same again may be served, where the status does not tell every client. */
static uint32_t retry_of(int32_t http_status)
{
    if (http_status == 503)
        return AIGW_YES;
    return http_status < 500 && http_status != 429 ? AIGW_NO : AIGW_UNSET;
}

void gemini_refuse_error(const struct aigw_error *error, struct gemini_refusal *ret_refusal)
{
    *ret_refusal = (struct gemini_refusal){ .http_status = 502, /* the model server's or the way's fault */
                                            .status = "INTERNAL",
                                            .message = error->message,
                                            .retry_after_ms = error->retry_after_ms };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].kind == error->kind) {
            ret_refusal->http_status = rows[i].http_status;
            ret_refusal->status = rows[i].status;
        }
    if (error->kind == AIGW_ERR_BAD_REQUEST && error->http_status == 413)
        ret_refusal->http_status = 413;
    ret_refusal->should_retry = error->kind == AIGW_ERR_AUTH ? AIGW_NO : retry_of(ret_refusal->http_status);
    if (refusal_is_quota(error)) {
        ret_refusal->should_retry = AIGW_NO;
        ret_refusal->http_status = 429;
        ret_refusal->status = "RESOURCE_EXHAUSTED";
    }
    if (ret_refusal->message.len == 0)
        ret_refusal->message = AIGW_STR("the model server failed");
}

void gemini_refuse_status(int32_t http_status, aigw_str message, struct gemini_refusal *ret_refusal)
{
    *ret_refusal = (struct gemini_refusal){ .http_status = http_status,
                                            .status = http_status == 401   ? "UNAUTHENTICATED"
                                                      : http_status == 405 ? "UNIMPLEMENTED"
                                                      : http_status >= 500 ? "INTERNAL"
                                                                           : "INVALID_ARGUMENT",
                                            .message = message,
                                            .retry_after_ms = -1,
                                            .should_retry = retry_of(http_status) };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].http_status == http_status)
            ret_refusal->status = rows[i].status;
}

aigw_str gemini_too_long(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str words)
{
    const char *text;

    if (wire_contains(words, "input token count") && wire_contains(words, "exceeds the maximum"))
        return words;
    text =
        host->format(ctx, AIGW_LIFE_REQUEST, "The input token count exceeds the maximum number of tokens allowed%s%.*s",
                     words.len > 0 ? ": " : "", AIGW_STR_ARG(words));
    return text ? wire_str(text) : words;
}

void gemini_write_refusal(const struct aigw_host *host, struct aigw_buf *buf, const struct gemini_refusal *refusal)
{
    long long ms = (long long)refusal->retry_after_ms;

    host->buf_printf(buf, "{\"error\":{\"code\":%d,\"message\":", (int)refusal->http_status);
    host->buf_json(buf, refusal->message);
    host->buf_printf(buf, ",\"status\":\"%s\"", refusal->status);
    if (ms >= 0)
        host->buf_printf(buf,
                         ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":"
                         "\"%lld.%03llds\"}]",
                         ms / 1000, ms % 1000);
    host->buf_printf(buf, "}}");
}
