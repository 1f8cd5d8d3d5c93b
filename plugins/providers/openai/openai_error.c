/* openai_error.c - refusals of OpenAI-like servers in canonical terms. The shapes met in the field:
 *
 *     {"error":{"message","type","param","code"}}             OpenAI, newer vLLM, llama.cpp (code is a number), LiteLLM
 *     {"object":"error","message","type","param","code"}      older vLLM, Mistral (message may be an object)
 *     {"error":"text"} {"error":"text","error_type"}          LM Studio, Ollama; TGI
 *     {"detail":"text"} {"detail":[{"msg"}]} {"message"}      FastAPI servers and proxies
 *     [{"error":{…}}]                                         Google's compatible endpoint
 *     plain text or HTML                                      proxies in between
 */
#include "openai.h"

#include <string.h>

struct openai_refusal {
    aigw_str message;
    aigw_str type;
    aigw_str code;
    int64_t code_number; /* 0 when the code is no number */
};

static aigw_str openai_detail(struct json_object *value)
{
    struct json_object *first;

    if (json_object_is_type(value, json_type_string))
        return wire_value_str(value);
    if (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0) {
        first = json_object_array_get_idx(value, 0);
        return json_object_is_type(first, json_type_string) ? wire_value_str(first) : wire_get_str(first, "msg");
    }
    if (json_object_is_type(value, json_type_object)) {
        if (wire_get_str(value, "message").len > 0)
            return wire_get_str(value, "message");
        return wire_str(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    }
    return AIGW_STR_NONE;
}

/* What a parsed body says. The strings live as long as obj. */
static struct openai_refusal openai_read_refusal(struct json_object *obj)
{
    struct openai_refusal refusal = { .code_number = 0 };
    struct json_object *error = NULL, *message = NULL;

    if (json_object_is_type(obj, json_type_array) && json_object_array_length(obj) > 0)
        obj = json_object_array_get_idx(obj, 0);
    if (!json_object_is_type(obj, json_type_object))
        return refusal;
    if (!json_object_object_get_ex(obj, "error", &error) || !error)
        error = obj;
    if (json_object_is_type(error, json_type_string)) {
        refusal.message = wire_value_str(error);
        refusal.type = wire_get_str(obj, "error_type");
        return refusal;
    }
    if (!json_object_is_type(error, json_type_object))
        return refusal;
    if (json_object_object_get_ex(error, "message", &message) || json_object_object_get_ex(error, "detail", &message))
        refusal.message = openai_detail(message);
    refusal.type = wire_get_str(error, "type");
    if (refusal.type.len == 0)
        refusal.type = wire_get_str(error, "status"); /* Google's word */
    refusal.code = wire_get_str(error, "code");
    refusal.code_number = wire_get_int(error, "code", 0);
    return refusal;
}

/* The server's machine-readable words, most telling first. */
static const struct {
    const char *word;
    uint32_t kind;
} openai_words[] = {
    { "context_length_exceeded", AIGW_ERR_CONTEXT_TOO_LONG },
    { "exceed_context_size_error", AIGW_ERR_CONTEXT_TOO_LONG },
    { "string_above_max_length", AIGW_ERR_CONTEXT_TOO_LONG },
    { "insufficient_quota", AIGW_ERR_PERMISSION }, /* 429, but waiting does not help */
    { "billing_hard_limit_reached", AIGW_ERR_PERMISSION },
    { "content_filter", AIGW_ERR_REFUSED },
    { "content_policy_violation", AIGW_ERR_REFUSED },
    { "invalid_api_key", AIGW_ERR_AUTH },
    { "authentication_error", AIGW_ERR_AUTH },
    { "AuthenticationError", AIGW_ERR_AUTH },
    { "UNAUTHENTICATED", AIGW_ERR_AUTH },
    { "permission_error", AIGW_ERR_PERMISSION },
    { "PERMISSION_DENIED", AIGW_ERR_PERMISSION },
    { "model_not_found", AIGW_ERR_NOT_FOUND },
    { "NotFoundError", AIGW_ERR_NOT_FOUND },
    { "not_found_error", AIGW_ERR_NOT_FOUND },
    { "rate_limit_exceeded", AIGW_ERR_RATE_LIMITED },
    { "rate_limit_error", AIGW_ERR_RATE_LIMITED },
    { "RateLimitError", AIGW_ERR_RATE_LIMITED },
    { "RESOURCE_EXHAUSTED", AIGW_ERR_RATE_LIMITED },
    { "overloaded", AIGW_ERR_OVERLOADED },
    { "overloaded_error", AIGW_ERR_OVERLOADED },
    { "unavailable_error", AIGW_ERR_OVERLOADED },
    { "ServiceUnavailableError", AIGW_ERR_OVERLOADED },
    { "timeout", AIGW_ERR_TIMEOUT },
    { "timeout_error", AIGW_ERR_TIMEOUT },
    { "incomplete_generation", AIGW_ERR_SERVER },
    { "generation", AIGW_ERR_SERVER },
    { "server_error", AIGW_ERR_SERVER },
    { "internal_server_error", AIGW_ERR_SERVER },
    { "InternalServerError", AIGW_ERR_SERVER },
    { "invalid_request_error", AIGW_ERR_BAD_REQUEST },
    { "BadRequestError", AIGW_ERR_BAD_REQUEST },
    { "validation", AIGW_ERR_BAD_REQUEST },
};

static uint32_t openai_kind_of_word(aigw_str word)
{
    for (size_t i = 0; i < sizeof openai_words / sizeof *openai_words; i++)
        if (word.len > 0 && wire_is(word, openai_words[i].word))
            return openai_words[i].kind;
    return AIGW_ERR_NONE;
}

static uint32_t openai_kind(const struct openai_refusal *refusal, uint32_t kind)
{
    uint32_t by_code = openai_kind_of_word(refusal->code), by_type = openai_kind_of_word(refusal->type);
    bool is_generic = by_type == AIGW_ERR_BAD_REQUEST || by_type == AIGW_ERR_SERVER;

    /* The words are asked only where a mistaken guess cannot turn a retryable failure into a final one. */
    if ((kind == AIGW_ERR_BAD_REQUEST || kind == AIGW_ERR_SERVER) && wire_says_too_long(refusal->message))
        return AIGW_ERR_CONTEXT_TOO_LONG;
    if (wire_contains(refusal->message, "API key not valid"))
        return AIGW_ERR_AUTH;
    if (by_code != AIGW_ERR_NONE)
        return by_code;
    /* A general type never overrules what a precise status says (404 invalid_request_error). */
    if (by_type != AIGW_ERR_NONE && (!is_generic || kind == AIGW_ERR_SERVER))
        return by_type;
    return kind;
}

/* Fill ret_error from what the body says; its kind and status are there already. */
static void openai_describe(const struct aigw_host *host, struct aigw_ctx *ctx, const struct openai_refusal *refusal,
                            struct aigw_error *ret_error)
{
    aigw_str words, code = refusal->code.len > 0 ? refusal->code : refusal->type;

    ret_error->kind = openai_kind(refusal, ret_error->kind);
    if (code.len > 0)
        ret_error->code = wire_words(host, ctx, code);
    if (ret_error->kind == AIGW_ERR_AUTH) {
        /* Servers repeat parts of the key, and clients mistake their words for trouble with the user's own token. */
        ret_error->message = AIGW_STR("the model server refused the API key; check the key configured for this model");
        return;
    }
    words = wire_words(host, ctx, refusal->message);
    if (words.len > 0)
        ret_error->message = words;
}

void openai_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                    struct aigw_error *ret_error)
{
    struct json_object *obj = wire_parse(failure->body);
    struct openai_refusal refusal = openai_read_refusal(obj);

    if (!obj && failure->body.len > 0 && wire_has_prefix(failure->content_type, "text/plain"))
        refusal.message = failure->body;
    openai_describe(host, ctx, &refusal, ret_error);
    json_object_put(obj);
}

bool openai_is_error(struct json_object *obj)
{
    struct json_object *error = NULL;

    if (json_object_is_type(obj, json_type_object) && json_object_object_get_ex(obj, "error", &error) && error)
        return true;
    return wire_is(wire_get_str(obj, "object"), "error");
}

aigw_status openai_emit_error(const struct aigw_host *host, struct aigw_ctx *ctx, struct json_object *obj)
{
    struct openai_refusal refusal = openai_read_refusal(obj);
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_SERVER,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("the model server reported an error in its answer") };

    if (refusal.code_number >= 400 && refusal.code_number < 600) {
        error.http_status = (int32_t)refusal.code_number;
        error.kind = aigw_error_kind_of_status(error.http_status);
    }
    openai_describe(host, ctx, &refusal, &error);
    return wire_emit_error(host, ctx, &error);
}
