/* host_answer.c - host functions that answer the client. */
#include "base/log.h"
#include "pipeline/host.h"
#include "plugin/abi.h"

#define HEADERS_MAX  16u
#define HEADER_BYTES ((size_t)64 << 10) /* of all of them */

/* Names must be tokens and values free of control characters: they may come from a client or a model. */
static bool is_header(const struct aigw_pair *header)
{
    if (!gw_is_text(header->name) || header->name.len == 0 || !gw_is_header_value(header->value))
        return false;
    for (size_t at = 0; at < header->name.len; at++)
        if ((unsigned char)header->name.ptr[at] <= ' ' || header->name.ptr[at] == ':' || header->name.ptr[at] == 0x7f)
            return false;
    return true;
}

/* Those that say where an answer ends, and what becomes of the connection: a second opinion of them in one head is how
 * answers are split. They come along when a model server's headers are passed on. And those that every answer of ours
 * has already. */
static bool is_ours(aigw_str name)
{
    static const char *const names[] = { "content-length",
                                         "transfer-encoding",
                                         "connection",
                                         "keep-alive",
                                         "trailer",
                                         "upgrade",
                                         "te",
                                         "proxy-connection",
                                         "date",
                                         "server",
                                         "x-request-id",
                                         "x-process-time" };

    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++)
        if (gw_str_eq_ci(name, gw_str(names[i])))
            return true;
    return false;
}

/* An answer's head as the plugin wants it, checked. */
struct head {
    const char *content_type;
    struct gw_http_header list[HEADERS_MAX];
    uint32_t count;
};

/* Left out, and said: the answer itself may be a good one. */
static void leave_out(struct aigw_ctx *ctx, const char *what, aigw_str name, const char *why)
{
    (void)gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE, "%s(): the header %.*s is left out: %s", what,
                        AIGW_STR_ARG(name), why);
}

static bool copy_headers(struct aigw_ctx *ctx, const char *what, const struct aigw_pair *from, uint32_t count,
                         struct head *to)
{
    if (count > HEADERS_MAX || (count && !from))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_header(&from[i]))
            return false;
        if (is_ours(from[i].name))
            leave_out(ctx, what, from[i].name, "the gateway says that itself");
        else if (to->content_type && gw_str_eq_ci(from[i].name, AIGW_STR("content-type")))
            leave_out(ctx, what, from[i].name, "a content type is given already");
        else
            to->list[to->count++] = (struct gw_http_header){ from[i].name, from[i].value };
    }
    return true;
}

/* The content type that an answer has when its plugin names none. */
static const char *usual_type(const struct head *head)
{
    for (uint32_t i = 0; i < head->count; i++)
        if (gw_str_eq_ci(head->list[i].name, AIGW_STR("content-type")))
            return NULL;
    return GW_JSON;
}

/* May an answer begin? `what`: the function that wants to. */
static aigw_status may_begin(struct aigw_ctx *ctx, const char *what)
{
    aigw_status status = gw_host_request(ctx, what);

    if (status)
        return status;
    if (ctx->request->ex->is_gone || (ctx->request->state == GW_REQUEST_GONE && !ctx->request->refusing))
        return AIGW_E_CLOSED;
    if (ctx->request->answer != GW_ANSWER_NONE)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "%s: an answer was already begun", what);
    return AIGW_OK;
}

static size_t head_bytes(const struct head *head)
{
    size_t bytes = head->content_type ? strlen(head->content_type) : 0;

    for (uint32_t i = 0; i < head->count; i++)
        bytes += head->list[i].name.len + head->list[i].value.len;
    return bytes;
}

/* Status, type and headers of an answer that may begin. */
static aigw_status check_head(struct aigw_ctx *ctx, const char *what, uint32_t http_status, const char *content_type,
                              const struct aigw_pair *headers, uint32_t header_count, struct head *ret_head)
{
    *ret_head = (struct head){ .content_type = content_type };
    if (http_status < 200 || http_status > 599)
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE, "%s(): the status is %u, expected 200 to 599", what,
                             http_status);
    if (content_type && (!gw_is_string(content_type) || !gw_is_header_value(gw_str(content_type))))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE, "%s(): the content type is no header value", what);
    if (!copy_headers(ctx, what, headers, header_count, ret_head))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE,
                             "%s(): more than %u headers, or one with a forbidden character", what, HEADERS_MAX);
    if (head_bytes(ret_head) > HEADER_BYTES)
        return gw_ctx_fail(ctx, AIGW_E_LIMIT, "%s: the headers are %zu bytes, at most %zu", what, head_bytes(ret_head),
                           HEADER_BYTES);
    return AIGW_OK;
}

aigw_status gw_host_respond(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                            const struct aigw_pair *headers, uint32_t header_count)
{
    aigw_status status = may_begin(ctx, "respond");
    struct head head;

    if (!status)
        status = check_head(ctx, "respond", http_status, content_type, headers, header_count, &head);
    if (!status)
        status = gw_host_text(ctx, "respond", "the body", body);
    if (!status && body.len > GW_HTTP_ANSWER_MAX)
        status =
            gw_ctx_fail(ctx, AIGW_E_LIMIT, "respond: the body is %zu bytes, at most %zu; a stream has no such limit",
                        body.len, GW_HTTP_ANSWER_MAX);
    if (status)
        return status;
    if (!gw_request_reply(ctx->request, (int)http_status, content_type ? content_type : usual_type(&head), body,
                          head.list, head.count))
        return gw_ctx_fail(ctx, AIGW_E_NOMEM, "respond: out of memory");
    return AIGW_OK;
}

aigw_status gw_host_respond_detail(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...)
{
    aigw_status status = may_begin(ctx, "respond_detail");
    const char *text;
    struct head head;
    va_list args;

    if (!status)
        status = check_head(ctx, "respond_detail", http_status, NULL, NULL, 0, &head);
    if (!status)
        status = gw_host_there(ctx, "respond_detail", "the format", fmt);
    if (status)
        return status;
    va_start(args, fmt);
    text = gw_arena_vprintf(ctx->request_arena, fmt, args);
    va_end(args);
    gw_answer_detail(ctx->request, (int)http_status, text ? text : "Internal Server Error");
    return AIGW_OK;
}

aigw_status gw_host_respond_invalid(struct aigw_ctx *ctx, aigw_str errors)
{
    aigw_status status = may_begin(ctx, "respond_invalid");

    if (!status && ctx->request->refusing)
        return AIGW_E_STATE;
    if (!status)
        status = gw_host_text(ctx, "respond_invalid", "the list", errors);
    if (!status)
        gw_answer_invalid(ctx->request, errors);
    return status;
}

aigw_status gw_host_respond_model_error(struct aigw_ctx *ctx, const struct aigw_error *error)
{
    aigw_status status = may_begin(ctx, "respond_model_error");
    struct aigw_error whole;

    if (!status && ctx->request->refusing)
        return AIGW_E_STATE;
    if (!status && !gw_abi_in(&whole, sizeof whole, error))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                             "respond_model_error(): the error's struct_size is not set");
    if (!status)
        status = gw_host_text(ctx, "respond_model_error", "the message", whole.message);
    if (!status)
        status = gw_host_text(ctx, "respond_model_error", "the code", whole.code);
    if (!status)
        gw_answer_model_error(ctx->request, &whole);
    return status;
}

aigw_status gw_host_stream_begin(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type,
                                 const struct aigw_pair *headers, uint32_t header_count)
{
    aigw_status status = may_begin(ctx, "stream_begin");
    struct head head;

    if (!status)
        status = check_head(ctx, "stream_begin", http_status, content_type, headers, header_count, &head);
    if (status)
        return status;
    if (!gw_request_stream_begin(ctx->request, (int)http_status, content_type, head.list, head.count))
        return AIGW_E_CLOSED;
    return AIGW_OK;
}

/* May a stream go on? */
static aigw_status may_stream(struct aigw_ctx *ctx, const char *what)
{
    aigw_status status = gw_host_request(ctx, what);

    if (status)
        return status;
    if (!gw_request_is_alive(ctx->request))
        return AIGW_E_CLOSED;
    if (ctx->request->answer != GW_ANSWER_STREAM)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "%s: %s", what,
                           ctx->request->answer == GW_ANSWER_NONE ? "stream_begin() comes first"
                                                                  : "the answer has ended");
    return AIGW_OK;
}

/* What was not taken would be a hole in the body. */
static aigw_status break_off(struct aigw_ctx *ctx, size_t len)
{
    aigw_status status =
        gw_ctx_fail(ctx, AIGW_E_LIMIT, "stream_write: with these %zu bytes the client is more than %zu behind", len,
                    GW_HTTP_ANSWER_MAX);
    struct gw_line line;

    gw_line_begin(&line, GW_LOG_ERROR, "pipeline", "an answer was broken off");
    gw_line_cstr(&line, "correlation_id", ctx->request->ex->request_id);
    gw_line_cstr(&line, "feature", ctx->instance);
    gw_line_cstr(&line, "cause", gw_ctx_error(ctx));
    gw_line_end(&line);
    gw_request_abort(ctx->request);
    return status;
}

aigw_status gw_host_stream_write(struct aigw_ctx *ctx, aigw_str bytes)
{
    aigw_status status = may_stream(ctx, "stream_write");

    if (!status)
        status = gw_host_text(ctx, "stream_write", "the bytes", bytes);
    if (status || !bytes.len)
        return status;
    switch (gw_http_stream_write(ctx->request->ex, bytes)) {
    case GW_WRITE_GONE:
        return AIGW_E_CLOSED;
    case GW_WRITE_LIMIT:
        return break_off(ctx, bytes.len);
    case GW_WRITE_FULL:
        gw_request_pause_calls(ctx->request);
        return AIGW_OK;
    default:
        return AIGW_OK;
    }
}

aigw_status gw_host_stream_end(struct aigw_ctx *ctx)
{
    aigw_status status = may_stream(ctx, "stream_end");

    if (!status)
        gw_request_stream_end(ctx->request);
    return status;
}

void gw_host_stream_abort(struct aigw_ctx *ctx)
{
    if (!gw_host_request(ctx, "stream_abort") && ctx->request->answer == GW_ANSWER_STREAM)
        gw_request_abort(ctx->request);
}
