/* error.c - a failed call in the form that the vendor's clients read.
 *
 * GitLab's client takes any error for the end of its user's credentials whose status is 401, or whose text, the names
 * of types included, holds "token" beside "expired", "revoked" or "invalid"; it would then throw good credentials away.
 * What failed here is never the caller's: no 401 leaves, and those words are said in another way. Only a context that
 * is too long keeps the model's own words, because clients look for them.
 */
#include "proxy.h"

#include <stdio.h>
#include <string.h>

#define ERROR_MAX ((size_t)16 << 10)

static const struct {
    uint32_t kind;
    uint32_t status; /* when the server gave none */
    const char *anthropic, *openai;
} kinds[] = {
    { AIGW_ERR_BAD_REQUEST, 400, "invalid_request_error", "invalid_request_error" },
    { AIGW_ERR_AUTH, 502, "api_error", "server_error" },
    { AIGW_ERR_PERMISSION, 403, "permission_error", "permission_error" },
    { AIGW_ERR_NOT_FOUND, 404, "not_found_error", "not_found_error" },
    { AIGW_ERR_CONTEXT_TOO_LONG, 400, "invalid_request_error", "invalid_request_error" },
    { AIGW_ERR_RATE_LIMITED, 429, "rate_limit_error", "rate_limit_error" },
    { AIGW_ERR_OVERLOADED, 503, "overloaded_error", "server_error" },
    { AIGW_ERR_SERVER, 500, "api_error", "server_error" },
    { AIGW_ERR_REFUSED, 400, "invalid_request_error", "invalid_request_error" },
};

/** Row of the table, or -1: the failure is no server's answer. */
static int kind_of(const struct aigw_error *error)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].kind == error->kind)
            return (int)i;
    return -1;
}

/** Our own key was refused, whatever else the server calls it. */
static bool is_key_trouble(const struct aigw_error *error)
{
    return error->kind == AIGW_ERR_AUTH || error->http_status == 401;
}

/** A budget of this gateway is used up: waiting helps, but not before its next day, week or month. */
static bool is_empty_budget(const struct aigw_error *error)
{
    static const char word[] = "insufficient_quota";

    return error->kind == AIGW_ERR_RATE_LIMITED && error->http_status == 0 && error->code.len == sizeof word - 1 &&
           memcmp(error->code.ptr, word, sizeof word - 1) == 0;
}

static uint32_t status_of(const struct aigw_error *error, int kind)
{
    if (is_key_trouble(error))
        return 502;
    if (kind >= 0 && (error->http_status < 400 || error->kind == AIGW_ERR_CONTEXT_TOO_LONG))
        return kinds[kind].status;
    if (kind >= 0)
        return (uint32_t)error->http_status;
    switch (error->kind) {
    case AIGW_ERR_CIRCUIT:
    case AIGW_ERR_LIMIT:
        return 503;
    case AIGW_ERR_NO_MODEL:
    case AIGW_ERR_ENDPOINT:
    case AIGW_ERR_UNSUPPORTED:
    case AIGW_ERR_INTERNAL:
        return 500;
    default: /* the transport, or an answer that is none */
        return 502;
    }
}

/* ---- words ---- */

static bool begins(aigw_str text, const char *word)
{
    for (size_t i = 0; word[i]; i++)
        if (i >= text.len || (text.ptr[i] | 0x20) != word[i])
            return false;
    return true;
}

static bool holds(aigw_str text, const char *word)
{
    for (; text.len > 0; text.ptr++, text.len--)
        if (begins(text, word))
            return true;
    return false;
}

static const struct {
    const char *word, *instead;
} misread[] = { { "expired", "lapsed" }, { "revoked", "withdrawn" }, { "invalid", "not valid" } };

static bool holds_misread(aigw_str text)
{
    for (size_t i = 0; i < sizeof misread / sizeof *misread; i++)
        if (holds(text, misread[i].word))
            return true;
    return false;
}

/** The text with the words that clients misread said in another way. */
static aigw_str reword(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text)
{
    struct aigw_buf *buf = holds_misread(text) ? host->buf_new(ctx, AIGW_LIFE_REQUEST, ERROR_MAX) : NULL;
    aigw_str view = AIGW_STR_NONE;

    if (!buf)
        return text;
    while (text.len > 0) {
        size_t len = 0;

        for (size_t i = 0; i < sizeof misread / sizeof *misread && len == 0; i++)
            if (begins(text, misread[i].word)) {
                len = strlen(misread[i].word);
                host->buf_put(buf, misread[i].instead, strlen(misread[i].instead));
            }
        if (len == 0) {
            host->buf_put(buf, text.ptr, 1);
            len = 1;
        }
        text.ptr += len;
        text.len -= len;
    }
    host->buf_view(buf, &view);
    return view;
}

/** What the client is told. */
struct told {
    aigw_str message, type, code; /* code: OpenAI's clients only */
};

static struct told tell(const struct aigw_host *host, struct aigw_ctx *ctx, bool is_anthropic,
                        const struct aigw_error *error)
{
    int kind = is_key_trouble(error) ? -1 : kind_of(error);
    const char *type = kind < 0 ? (is_anthropic ? "api_error" : "server_error")
                                : (is_anthropic ? kinds[kind].anthropic : kinds[kind].openai);
    struct told told = { error->message, { type, strlen(type) }, kind < 0 ? AIGW_STR_NONE : error->code };

    if (is_empty_budget(error))
        told.type = is_anthropic ? AIGW_STR("billing_error") : error->code;
    else if (is_anthropic && told.code.len > 0)
        told.type = told.code;
    if (error->kind == AIGW_ERR_CONTEXT_TOO_LONG ||
        !(holds(told.message, "token") || holds(told.type, "token") || holds(told.code, "token")))
        return told;
    told.message = reword(host, ctx, told.message);
    if (holds_misread(told.type))
        told.type = AIGW_STR("request_error");
    if (holds_misread(told.code))
        told.code = AIGW_STR_NONE;
    return told;
}

/** {"type":"error","error":{"type":…,"message":…}} or {"error":{"message":…,"type":…,"param":null,"code":…}}. */
static void put_error(const struct aigw_host *host, struct aigw_ctx *ctx, struct aigw_buf *buf,
                      const struct proxy_call *call, const struct aigw_error *error)
{
    bool is_anthropic = call->api == proxy_api_of(PROXY_ANTHROPIC);
    struct told told = tell(host, ctx, is_anthropic, error);

    host->buf_printf(buf, "%s\"error\":{\"message\":", is_anthropic ? "{\"type\":\"error\"," : "{");
    host->buf_json(buf, told.message);
    host->buf_printf(buf, ",\"type\":");
    host->buf_json(buf, told.type);
    if (!is_anthropic) {
        host->buf_printf(buf, ",\"param\":null,\"code\":");
        if (told.code.len > 0)
            host->buf_json(buf, told.code);
        else
            host->buf_put(buf, "null", 4);
    }
    host->buf_put(buf, "}}", 2);
}

/* ---- answers ---- */

/* Clients of both vendors try a 5xx again unless this says no. */
static const struct aigw_pair do_not_retry = { AIGW_STR_INIT("x-should-retry"), AIGW_STR_INIT("false") };

aigw_status proxy_refuse(struct aigw_ctx *ctx, const struct proxy *proxy, uint32_t status, const char *text)
{
    const struct aigw_host *host = proxy->host;
    struct aigw_buf *buf = host->buf_new(ctx, AIGW_LIFE_REQUEST, ERROR_MAX);
    aigw_str body;
    aigw_status made;

    if (!buf)
        return AIGW_E_NOMEM;
    host->buf_put(buf, "{\"detail\":", 10);
    host->buf_json(buf, (aigw_str){ text, strlen(text) });
    host->buf_put(buf, "}", 1);
    made = host->buf_view(buf, &body);
    return made == AIGW_OK ? host->respond(ctx, status, NULL, body, &do_not_retry, 1) : made;
}

/** A failure of ours or of the transport: what the client can do about it is nothing, the log says more. */
static aigw_status respond_ours(struct aigw_ctx *ctx, const struct proxy_call *call, const struct aigw_error *error,
                                uint32_t status)
{
    const char *text = "Bad Gateway";

    if (status != 502)
        text = call->proxy->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", AIGW_STR_ARG(error->message));
    if (!text)
        return AIGW_E_NOMEM;
    if (status == 500)
        return proxy_refuse(ctx, call->proxy, status, text);
    return call->proxy->host->respond_detail(ctx, status, "%s", text);
}

aigw_status proxy_respond_error(struct aigw_ctx *ctx, const struct proxy_call *call, const struct aigw_error *error)
{
    const struct aigw_host *host = call->proxy->host;
    int kind = kind_of(error);
    uint32_t status = status_of(error, kind), count = 0;
    struct aigw_buf *buf = host->buf_new(ctx, AIGW_LIFE_REQUEST, ERROR_MAX);
    struct aigw_pair headers[2];
    char seconds[24];
    aigw_str body;
    aigw_status made;

    if (kind < 0)
        return respond_ours(ctx, call, error, status);
    if (!buf)
        return AIGW_E_NOMEM;
    put_error(host, ctx, buf, call, error);
    if (error->retry_after_ms >= 0) {
        int len = snprintf(seconds, sizeof seconds, "%lld", (long long)((error->retry_after_ms + 999) / 1000));

        headers[count++] = (struct aigw_pair){ AIGW_STR("retry-after"), { seconds, (size_t)len } };
    }
    if (is_key_trouble(error) || is_empty_budget(error))
        headers[count++] = do_not_retry;
    made = host->buf_view(buf, &body);
    return made == AIGW_OK ? host->respond(ctx, status, NULL, body, headers, count) : made;
}

aigw_status proxy_stream_error(struct aigw_ctx *ctx, const struct proxy_call *call, const struct aigw_error *error)
{
    const struct aigw_host *host = call->proxy->host;
    struct aigw_buf *buf = host->buf_new(ctx, AIGW_LIFE_REQUEST, ERROR_MAX);
    bool is_anthropic = call->api == proxy_api_of(PROXY_ANTHROPIC);
    aigw_str body;
    aigw_status status;

    if (!buf)
        return AIGW_E_NOMEM;
    host->buf_printf(buf, is_anthropic ? "event: error\ndata: " : "data: ");
    put_error(host, ctx, buf, call, error);
    host->buf_put(buf, "\n\n", 2);
    status = host->buf_view(buf, &body);
    if (status == AIGW_OK)
        status = host->stream_write(ctx, body);
    return status == AIGW_OK ? host->stream_end(ctx) : status;
}
