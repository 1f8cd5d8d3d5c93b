/* answer_error.c - refusals of the Messages API and of what stands before it, in canonical terms. The shapes:
 *
 *     {"type":"error","error":{"type","message"},"request_id"}      Anthropic
 *     {"error":{"message","code"}}, {"error":"text"}                proxies
 *     {"message":"text"}, {"detail":"text"}                         gateways and frameworks
 *     plain text                                                    inside a stream
 */
#include "anthropic.h"

static const struct {
    const char *type;
    uint32_t kind;
    int32_t status;
} anthropic_types[] = {
    { "invalid_request_error", AIGW_ERR_BAD_REQUEST, 400 },
    { "authentication_error", AIGW_ERR_AUTH, 401 },
    { "billing_error", AIGW_ERR_PERMISSION, 402 },
    { "permission_error", AIGW_ERR_PERMISSION, 403 },
    { "not_found_error", AIGW_ERR_NOT_FOUND, 404 },
    { "request_too_large", AIGW_ERR_CONTEXT_TOO_LONG, 413 },
    { "rate_limit_error", AIGW_ERR_RATE_LIMITED, 429 },
    { "api_error", AIGW_ERR_SERVER, 500 },
    { "timeout_error", AIGW_ERR_TIMEOUT, 504 },
    { "overloaded_error", AIGW_ERR_OVERLOADED, 529 },
};

/* What is told; the strings live as long as what was read. */
struct anthropic_refusal {
    aigw_str type, message;
    int64_t code; /* an HTTP status inside the answer, 0 when there is none */
};

static struct anthropic_refusal read_refusal(struct json_object *obj)
{
    struct json_object *error, *code;
    struct anthropic_refusal refusal = { .code = 0 };

    if (json_object_is_type(obj, json_type_array) && json_object_array_length(obj) > 0)
        obj = json_object_array_get_idx(obj, 0);
    error = wire_member(obj, "error");
    if (json_object_is_type(error, json_type_string)) {
        refusal.message = wire_value_str(error);
    } else {
        if (!json_object_is_type(error, json_type_object))
            error = obj;
        refusal.message = wire_get_str(error, "message");
    }
    if (refusal.message.len == 0)
        refusal.message = wire_get_str(obj, "message");
    if (refusal.message.len == 0)
        refusal.message = wire_get_str(obj, "detail");
    refusal.type = wire_get_str(error, "type");
    if (wire_is(refusal.type, "error"))
        refusal.type = AIGW_STR_NONE;
    code = wire_member(error, "code");
    if (json_object_is_type(code, json_type_int) || json_object_is_type(code, json_type_string))
        refusal.code = json_object_get_int64(code);
    if (refusal.code < 400 || refusal.code > 599)
        refusal.code = 0;
    return refusal;
}

/* Fill in what the refusal tells. */
static void describe(const struct aigw_host *host, struct aigw_ctx *ctx, const struct anthropic_refusal *refusal,
                     struct aigw_error *ret_error)
{
    aigw_str words;

    for (size_t i = 0; i < sizeof anthropic_types / sizeof *anthropic_types; i++)
        if (wire_is(refusal->type, anthropic_types[i].type)) {
            ret_error->kind = anthropic_types[i].kind;
            if (ret_error->http_status == 0) /* in a stream the status was 200: say what it would have been */
                ret_error->http_status = anthropic_types[i].status;
        }
    if (ret_error->kind == AIGW_ERR_BAD_REQUEST && wire_says_too_long(refusal->message))
        ret_error->kind = AIGW_ERR_CONTEXT_TOO_LONG;
    if (ret_error->kind == AIGW_ERR_BAD_REQUEST && wire_contains(refusal->message, "credit balance"))
        ret_error->kind = AIGW_ERR_PERMISSION;
    if (refusal->type.len > 0)
        ret_error->code = wire_words(host, ctx, refusal->type);
    if (ret_error->kind == AIGW_ERR_AUTH) {
        ret_error->message = AIGW_STR("the model server refused the API key; check the key configured for this model");
        return;
    }
    words = wire_words(host, ctx, refusal->message);
    if (words.len > 0)
        ret_error->message = words;
}

void anthropic_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                       struct aigw_error *ret_error)
{
    struct json_object *obj = wire_parse(failure->body);
    struct anthropic_refusal refusal = read_refusal(obj);
    aigw_str request_id = wire_get_str(obj, "request_id");

    describe(host, ctx, &refusal, ret_error);
    if (request_id.len > 0) /* what the vendor's support asks for */
        host->log(ctx, AIGW_LOG_INFO, "the model server calls the refused request %.*s",
                  AIGW_STR_ARG(wire_words(host, ctx, request_id)));
    json_object_put(obj);
}

/* ---- inside an answer ---- */

bool anthropic_is_error(struct json_object *obj)
{
    if (wire_is(wire_get_str(obj, "type"), "error") || wire_is_set(wire_member(obj, "error")))
        return true;
    return !wire_member(obj, "type") && !wire_member(obj, "content") &&
           (wire_member(obj, "error") || wire_get_str(obj, "message").len > 0 || wire_member(obj, "detail"));
}

static aigw_status emit_refusal(struct anthropic_in *in, const struct anthropic_refusal *refusal, uint32_t kind)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = kind,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("the model server reported an error in its answer") };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    in->call->is_over = 1;
    if (refusal->code > 0) {
        error.http_status = (int32_t)refusal->code;
        error.kind = aigw_error_kind_of_status(error.http_status);
    }
    describe(in->host, in->ctx, refusal, &error);
    return anthropic_emit(in, &event);
}

aigw_status anthropic_emit_error(struct anthropic_in *in, struct json_object *obj)
{
    struct anthropic_refusal refusal = read_refusal(obj);

    return emit_refusal(in, &refusal, AIGW_ERR_SERVER);
}

aigw_status anthropic_emit_error_text(struct anthropic_in *in, aigw_str words)
{
    struct anthropic_refusal refusal = { .message = words };
    struct json_object *obj = wire_parse(words);
    uint32_t kind = AIGW_ERR_SERVER;
    aigw_status status;

    if (json_object_is_type(obj, json_type_object) || json_object_is_type(obj, json_type_array))
        refusal = read_refusal(obj);
    else if (json_object_is_type(obj, json_type_string))
        refusal.message = wire_value_str(obj);
    if (wire_contains(refusal.message, "too many requests") || wire_contains(refusal.message, "rate limit"))
        kind = AIGW_ERR_RATE_LIMITED;
    status = emit_refusal(in, &refusal, kind);
    json_object_put(obj);
    return status;
}
