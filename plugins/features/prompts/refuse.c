/* refuse.c - how these routes say no. 421 means "the model's server said no" and nothing else: GitLab shows its detail,
 * "401: Unauthorized", to the administrator who tests a connection. */
#include <string.h>

#include "prompts.h"

/* ---- what the model's server said ---- */

static const struct {
    int32_t code;
    const char *reason;
} reasons[] = {
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 402, "Payment Required" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 407, "Proxy Authentication Required" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Request Entity Too Large" },
    { 414, "Request-URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Requested Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 418, "I'm a Teapot" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Entity" },
    { 423, "Locked" },
    { 424, "Failed Dependency" },
    { 425, "Too Early" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 451, "Unavailable For Legal Reasons" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 506, "Variant Also Negotiates" },
    { 507, "Insufficient Storage" },
    { 508, "Loop Detected" },
    { 510, "Not Extended" },
    { 511, "Network Authentication Required" },
    { 529, "Overloaded" },
};

const char *prompts_reason(int32_t code)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].code == code)
            return reasons[i].reason;
    return code < 500 ? "Client Error" : "Server Error";
}

int32_t prompts_model_code(const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_NO_MODEL: /* ours: nobody was asked */
    case AIGW_ERR_ENDPOINT:
    case AIGW_ERR_UNSUPPORTED:
    case AIGW_ERR_LIMIT:
    case AIGW_ERR_INTERNAL:
    case AIGW_ERR_CANCELLED:
        return 0;
    default:
        break;
    }
    if (error->http_status >= 400 && error->http_status <= 599)
        return error->http_status;
    switch (error->kind) {
    case AIGW_ERR_BAD_REQUEST:
    case AIGW_ERR_CONTEXT_TOO_LONG:
    case AIGW_ERR_REFUSED:
        return 400;
    case AIGW_ERR_AUTH:
        return 401;
    case AIGW_ERR_PERMISSION:
        return 403;
    case AIGW_ERR_NOT_FOUND:
        return 404;
    case AIGW_ERR_TIMEOUT:
        return 408;
    case AIGW_ERR_RATE_LIMITED:
        return 429;
    case AIGW_ERR_OVERLOADED:
    case AIGW_ERR_CIRCUIT:
        return 503;
    default:
        return 500;
    }
}

/* ---- answers ---- */

static bool is_check(const struct prompts_call *call)
{
    return call->id.len == sizeof PROMPTS_CHECK - 1 && memcmp(call->id.ptr, PROMPTS_CHECK, call->id.len) == 0;
}

aigw_status prompts_refuse(struct aigw_ctx *ctx, const struct prompts *prompts, const struct prompts_call *call,
                           uint32_t status, const char *text)
{
    const struct aigw_host *host = prompts->host;
    aigw_str view, msg = { text, strlen(text) };
    struct aigw_buf *out;

    if (!is_check(call))
        return host->respond_detail(ctx, status, "%s", text);
    /* GitLab's form shows the msg of a list, and of a text only that there is one. */
    out = host->buf_new(ctx, AIGW_LIFE_REQUEST, 65536);
    if (!out)
        return AIGW_E_NOMEM;
    host->buf_printf(out, "{\"detail\":[{\"msg\":");
    host->buf_json(out, msg);
    host->buf_printf(out, "}]}");
    if (host->buf_view(out, &view) < 0)
        return AIGW_E_NOMEM;
    return host->respond(ctx, status, NULL, view, NULL, 0);
}

aigw_status prompts_refuse_model(struct aigw_ctx *ctx, const struct prompts *prompts, const struct prompts_call *call,
                                 const struct aigw_error *error)
{
    static const char disabled[] = "specifying custom models endpoint is disabled";
    const struct aigw_host *host = prompts->host;
    int32_t code = prompts_model_code(error);
    bool was_asked = call->handle != NULL;
    char *text;

    host->annotate(ctx, "model_error", error->message);
    if (error->kind == AIGW_ERR_RATE_LIMITED &&
        error->http_status == 0) /* a quota of this gateway: no model was asked */
        return host->respond_model_error(ctx, error);
    if (was_asked && code)
        return host->respond_detail(ctx, 421, "%d: %s", (int)code, prompts_reason(code));
    if (error->message.len >= sizeof disabled - 1 && memcmp(error->message.ptr, disabled, sizeof disabled - 1) == 0)
        return host->respond_detail(ctx, 400, "%.*s", AIGW_STR_ARG(error->message));
    if (error->kind == AIGW_ERR_LIMIT || error->kind == AIGW_ERR_INTERNAL)
        return host->respond_model_error(ctx, error);
    text = host->format(ctx, AIGW_LIFE_REQUEST, "%.*s: %.*s", AIGW_STR_ARG(call->id), AIGW_STR_ARG(error->message));
    return text ? prompts_refuse(ctx, prompts, call, 422, text) : AIGW_E_NOMEM;
}
