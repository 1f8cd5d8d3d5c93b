/* answer_write_error.c - errors, refusals and lists of models, as OpenAI's clients read them. */
#include "answer_write.h"

#include "../common/refusal.h"

#include <string.h>

/* ---- errors ---- */

static const struct {
    uint32_t kind, http_status, retry;
    const char *type, *code, *param;
} errors[] = {
    { AIGW_ERR_BAD_REQUEST, 400, AIGW_NO, "invalid_request_error", NULL, NULL },
    { AIGW_ERR_AUTH, 502, AIGW_NO, "server_error", "upstream_auth", NULL },
    { AIGW_ERR_PERMISSION, 403, AIGW_NO, "permission_error", "model_not_allowed", NULL },
    { AIGW_ERR_NOT_FOUND, 404, AIGW_NO, "invalid_request_error", "model_not_found", "model" },
    { AIGW_ERR_CONTEXT_TOO_LONG, 400, AIGW_NO, "invalid_request_error", "context_length_exceeded", NULL },
    { AIGW_ERR_RATE_LIMITED, 429, AIGW_UNSET, "rate_limit_error", "rate_limit_exceeded", NULL },
    { AIGW_ERR_OVERLOADED, 503, AIGW_YES, "server_error", "overloaded", NULL },
    { AIGW_ERR_SERVER, 502, AIGW_UNSET, "server_error", "upstream_error", NULL },
    { AIGW_ERR_TIMEOUT, 504, AIGW_UNSET, "server_error", "timeout", NULL },
    { AIGW_ERR_CONNECT, 502, AIGW_UNSET, "server_error", "upstream_error", NULL },
    { AIGW_ERR_TLS, 502, AIGW_UNSET, "server_error", "upstream_error", NULL },
    { AIGW_ERR_PROTOCOL, 502, AIGW_UNSET, "server_error", "upstream_error", NULL },
    { AIGW_ERR_CUT, 502, AIGW_UNSET, "server_error", "upstream_error", NULL },
    { AIGW_ERR_REFUSED, 400, AIGW_NO, "invalid_request_error", "content_policy_violation", NULL },
    { AIGW_ERR_NO_MODEL, 404, AIGW_NO, "invalid_request_error", "model_not_found", "model" },
    { AIGW_ERR_ENDPOINT, 403, AIGW_NO, "permission_error", "endpoint_not_allowed", NULL },
    { AIGW_ERR_CIRCUIT, 503, AIGW_YES, "server_error", "overloaded", NULL },
    { AIGW_ERR_LIMIT, 429, AIGW_UNSET, "rate_limit_error", "rate_limit_exceeded", NULL },
    { AIGW_ERR_UNSUPPORTED, 400, AIGW_NO, "invalid_request_error", "unsupported_parameter", NULL },
};

void openai_error_of(const struct aigw_error *error, struct openai_error *ret_error)
{
    *ret_error = (struct openai_error){
        .http_status = 500, .type = "server_error", .code = AIGW_STR("internal_error"), .retry = AIGW_UNSET
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].kind == error->kind)
            *ret_error = (struct openai_error){ .http_status = errors[i].http_status,
                                                .type = errors[i].type,
                                                .code = errors[i].code ? wire_str(errors[i].code) : error->code,
                                                .param = errors[i].param ? wire_str(errors[i].param) : AIGW_STR_NONE,
                                                .retry = errors[i].retry };
    if (error->kind == AIGW_ERR_BAD_REQUEST && error->http_status == 413) {
        ret_error->http_status = 413;
        ret_error->code = AIGW_STR("request_too_large");
    }
    if (refusal_is_quota(error)) {
        ret_error->http_status = 429;
        ret_error->type = "insufficient_quota";
        ret_error->code = AIGW_STR("insufficient_quota");
        ret_error->retry = AIGW_NO;
    }
}

static const struct {
    uint32_t kind, retry;
    const char *type, *code;
} refusals[] = {
    { AIGW_REFUSE_TOKEN, AIGW_NO, "invalid_request_error", "invalid_api_key" },
    { AIGW_REFUSE_SCOPE, AIGW_NO, "permission_error", "insufficient_permissions" },
    { AIGW_REFUSE_TOO_LARGE, AIGW_NO, "invalid_request_error", "request_too_large" },
    { AIGW_REFUSE_ENCODING, AIGW_NO, "invalid_request_error", "unsupported_encoding" },
    { AIGW_REFUSE_LIMIT, AIGW_UNSET, "rate_limit_error", "rate_limit_exceeded" },
    { AIGW_REFUSE_TIMEOUT, AIGW_UNSET, "server_error", "timeout" },
    { AIGW_REFUSE_KEYS, AIGW_YES, "server_error", "overloaded" },
    { AIGW_REFUSE_PATH, AIGW_NO, "invalid_request_error", "unknown_url" },
    { AIGW_REFUSE_METHOD, AIGW_NO, "invalid_request_error", "unknown_url" },
};

void openai_error_of_refusal(uint32_t kind, struct openai_error *ret_error)
{
    *ret_error =
        (struct openai_error){ .type = "server_error", .code = AIGW_STR("internal_error"), .retry = AIGW_UNSET };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].kind == kind) {
            ret_error->type = refusals[i].type;
            ret_error->code = wire_str(refusals[i].code);
            ret_error->retry = refusals[i].retry;
        }
}

static void put(const struct aigw_host *host, struct aigw_buf *buf, const char *text)
{
    host->buf_put(buf, text, strlen(text));
}

static void put_word(const struct aigw_host *host, struct aigw_buf *buf, const char *member, aigw_str word)
{
    put(host, buf, member);
    if (word.len > 0)
        host->buf_json(buf, word);
    else
        put(host, buf, "null");
}

static void put_object(const struct aigw_host *host, struct aigw_buf *buf, aigw_str message, aigw_str type,
                       aigw_str param, aigw_str code)
{
    put(host, buf, "{\"error\":{\"message\":");
    host->buf_json(buf, message); /* never null: clients take it for text */
    put_word(host, buf, ",\"type\":", type);
    put_word(host, buf, ",\"param\":", param);
    put_word(host, buf, ",\"code\":", code);
    put(host, buf, "}}");
}

void openai_put_error(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_error *error,
                      aigw_str message)
{
    put_object(host, buf, message, wire_str(error->type), error->param, error->code);
}

void openai_put_refusal(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_refusal *refusal)
{
    put_object(host, buf, refusal->message, AIGW_STR("invalid_request_error"), refusal->param, refusal->code);
}

/* ---- models ---- */

void openai_put_model(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_model *model)
{
    put(host, buf, "{\"id\":");
    host->buf_json(buf, model->id);
    host->buf_printf(buf, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":", (long long)model->created);
    host->buf_json(buf, model->owned_by);
    if (model->max_context_tokens > 0) /* two names that clients look for */
        host->buf_printf(buf, ",\"max_model_len\":%lld,\"context_window\":%lld", (long long)model->max_context_tokens,
                         (long long)model->max_context_tokens);
    put(host, buf, "}");
}

void openai_put_models(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_model *models,
                       size_t count)
{
    put(host, buf, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            put(host, buf, ",");
        openai_put_model(host, buf, &models[i]);
    }
    put(host, buf, "]}");
}
