/* answer_error.c - refusals of OpenAI-like servers in canonical terms. The shapes met in the field:
 *
 *     {"error":{"message","type","param","code"}}             OpenAI, newer vLLM, llama.cpp (code is a number), LiteLLM
 *     {"object":"error","message","type","param","code"}      older vLLM, Mistral (message may be an object)
 *     {"error":"text"} {"error":"text","error_type"}          LM Studio, Ollama; TGI
 *     {"detail":"text"} {"detail":[{"msg"}]} {"message"}      FastAPI servers and proxies
 *     [{"error":{…}}]                                         Google's compatible endpoint
 *     {"choices":[{"error":{"code","message"}}]}              OpenRouter, in a stream
 *     plain text or HTML                                      proxies in between
 */
#include "openai.h"

#include <string.h>

struct openai_refusal {
    aigw_str message;
    aigw_str type;
    aigw_str code;
    int64_t code_number; /* an HTTP status inside the answer, 0 when there is none */
};

/* The first of these members that is there. */
static struct json_object *first_member(struct json_object *obj, const char *const *names)
{
    struct json_object *value = NULL;

    for (; *names && !value; names++)
        value = wire_member(obj, *names);
    return value;
}

/* 429, "429" or 429.0; 0 for what is no number. */
static int64_t number_of(struct json_object *value)
{
    return json_object_is_type(value, json_type_object) || json_object_is_type(value, json_type_array)
               ? 0
               : json_object_get_int64(value);
}

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
    static const char *const messages[] = { "message",   "detail",     "msg",    "error_message",
                                            "error_msg", "status_msg", "reason", NULL };
    static const char *const errors[] = { "error", "errors", "base_resp", NULL };
    static const char *const codes[] = { "code", "status_code", "status", NULL };
    struct openai_refusal refusal = { .code_number = 0 };
    struct json_object *error;

    if (json_object_is_type(obj, json_type_array) && json_object_array_length(obj) > 0)
        obj = json_object_array_get_idx(obj, 0);
    if (!json_object_is_type(obj, json_type_object))
        return refusal;
    error = first_member(obj, errors);
    if (json_object_is_type(error, json_type_array) && json_object_array_length(error) > 0)
        error = json_object_array_get_idx(error, 0);
    if (json_object_is_type(error, json_type_string)) {
        refusal.message = wire_value_str(error);
        refusal.type = wire_get_str(obj, "error_type");
        error = obj;
    } else {
        if (!json_object_is_type(error, json_type_object))
            error = obj;
        refusal.message = openai_detail(first_member(error, messages));
        refusal.type = wire_get_str(error, "type");
        if (refusal.type.len == 0)
            refusal.type = wire_get_str(error, "status"); /* Google's word */
    }
    refusal.code = wire_get_str(error, "code");
    for (size_t i = 0; codes[i] && refusal.code_number == 0; i++) {
        refusal.code_number = number_of(wire_member(error, codes[i]));
        if (refusal.code_number < 400 || refusal.code_number > 599)
            refusal.code_number = 0;
    }
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

/* ---- inside an answer ---- */

bool openai_is_error(struct json_object *obj)
{
    return wire_is_set(wire_member(obj, "error")) || wire_is(wire_get_str(obj, "object"), "error") ||
           wire_is(wire_get_str(obj, "type"), "error");
}

bool openai_is_complaint(struct json_object *obj)
{
    static const char *const words[] = { "message", "msg", "error_message", "error_msg" };
    aigw_str status = wire_get_str(obj, "status");

    if (wire_member(obj, "error") || wire_member(obj, "errors"))
        return true;
    if (wire_get_int(obj, "code", 1) == 0) /* all is well, says it, whatever its words */
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (wire_get_str(obj, words[i]).len > 0)
            return true;
    return wire_member(obj, "detail") || wire_same_word(status, "error") || wire_same_word(status, "failed") ||
           wire_get_int(wire_member(obj, "base_resp"), "status_code", 0) != 0;
}

static aigw_status openai_emit_refusal(struct openai_in *in, const struct openai_refusal *refusal, uint32_t kind)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = kind,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("the model server reported an error in its answer") };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    in->call->is_over = 1;
    if (refusal->code_number > 0) {
        error.http_status = (int32_t)refusal->code_number;
        error.kind = aigw_error_kind_of_status(error.http_status);
    }
    openai_describe(in->host, in->ctx, refusal, &error);
    return openai_emit(in, &event);
}

aigw_status openai_emit_error(struct openai_in *in, struct json_object *obj)
{
    struct openai_refusal refusal = openai_read_refusal(obj);

    return openai_emit_refusal(in, &refusal, AIGW_ERR_SERVER);
}

aigw_status openai_emit_error_text(struct openai_in *in, aigw_str words)
{
    struct openai_refusal refusal = { .message = words };
    struct json_object *obj = wire_parse(words);
    uint32_t kind = AIGW_ERR_SERVER;
    aigw_status status;

    if (json_object_is_type(obj, json_type_object) || json_object_is_type(obj, json_type_array))
        refusal = openai_read_refusal(obj);
    else if (json_object_is_type(obj, json_type_string))
        refusal.message = wire_value_str(obj);
    if (wire_contains(refusal.message, "too many requests") || wire_contains(refusal.message, "rate limit"))
        kind = AIGW_ERR_RATE_LIMITED;
    status = openai_emit_refusal(in, &refusal, kind);
    json_object_put(obj);
    return status;
}

aigw_status openai_emit_broken(struct openai_in *in, uint32_t kind, aigw_str word)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = kind,
                                .retry_after_ms = -1,
                                .code = word,
                                .message = AIGW_STR_INIT("the model server broke the answer off") };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    in->call->is_over = 1;
    return openai_emit(in, &event);
}
