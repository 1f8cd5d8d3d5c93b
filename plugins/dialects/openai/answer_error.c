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
static bool first_member(const struct aigw_json *obj, const char *const *names, struct aigw_json *ret)
{
    for (; *names; names++)
        if (aigw_json_member(obj, *names, ret) && ret->type != AIGW_JSON_NULL)
            return true;
    *ret = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
    return false;
}

/* The first item of a list that has one, else the value itself. */
static struct aigw_json first_item(struct aigw_json value)
{
    struct aigw_json_walk walk = aigw_json_begin(&value);
    struct aigw_json item;

    return value.type == AIGW_JSON_LIST && aigw_json_next(&walk, NULL, &item) ? item : value;
}

/* 429, "429" or 429.0, when it is the status of a failure; else 0. */
static int64_t status_of(struct reader *r, const struct aigw_json *value)
{
    aigw_str text = reader_text(r, value);
    double number = 0;

    if (text.len == 3)
        for (size_t i = 0; i < 3; i++)
            number = text.ptr[i] < '0' || text.ptr[i] > '9' ? 0 : number * 10 + (text.ptr[i] - '0');
    else
        aigw_json_real(value, &number);
    return number >= 400 && number < 600 ? (int64_t)number : 0;
}

static aigw_str read_detail(struct reader *r, const struct aigw_json *value)
{
    struct aigw_json first = first_item(*value);
    aigw_str words;

    if (first.type != AIGW_JSON_OBJECT)
        return reader_text(r, &first);
    words = reader_str(r, &first, value->type == AIGW_JSON_LIST ? "msg" : "message");
    return words.len > 0 || value->type == AIGW_JSON_LIST ? words : reader_json(r, value);
}

/* What a body says. The strings live as long as the reader's. */
static struct openai_refusal read_refusal(struct reader *r, const struct aigw_json *value)
{
    static const char *const messages[] = { "message",   "detail",     "msg",    "error_message",
                                            "error_msg", "status_msg", "reason", NULL };
    static const char *const errors[] = { "error", "errors", "base_resp", NULL };
    static const char *const codes[] = { "code", "status_code", "status" };
    struct openai_refusal refusal = { .code_number = 0 };
    struct aigw_json obj = first_item(*value), error, member;

    if (obj.type != AIGW_JSON_OBJECT)
        return refusal;
    first_member(&obj, errors, &error);
    error = first_item(error);
    if (error.type == AIGW_JSON_STRING) {
        refusal.message = reader_text(r, &error);
        refusal.type = reader_str(r, &obj, "error_type");
        error = obj;
    } else {
        if (error.type != AIGW_JSON_OBJECT)
            error = obj;
        first_member(&error, messages, &member);
        refusal.message = read_detail(r, &member);
        refusal.type = reader_str(r, &error, "type");
        if (refusal.type.len == 0)
            refusal.type = reader_str(r, &error, "status"); /* Google's word */
    }
    refusal.code = reader_str(r, &error, "code");
    for (size_t i = 0; i < sizeof codes / sizeof *codes && refusal.code_number == 0; i++) {
        aigw_json_member(&error, codes[i], &member);
        refusal.code_number = status_of(r, &member);
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
    if (wire_contains(refusal->message, "Unexpected endpoint or method")) /* LM Studio, with a good status */
        return AIGW_ERR_NOT_FOUND;
    if (kind == AIGW_ERR_BAD_REQUEST && wire_contains(refusal->message, "Invalid model name")) /* LiteLLM */
        return AIGW_ERR_NOT_FOUND;
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
    struct openai_refusal refusal = { .code_number = 0 };
    aigw_str rest = failure->body;
    struct aigw_json value;
    struct reader r;

    reader_open(&r);
    if (reader_next(&r, &rest, &value))
        refusal = read_refusal(&r, &value);
    else if (wire_has_prefix(failure->content_type, "text/plain"))
        refusal.message = failure->body;
    openai_describe(host, ctx, &refusal, ret_error);
    reader_end(&r);
}

void openai_explain_path(const struct aigw_host *host, struct aigw_ctx *ctx, const struct openai_call *call,
                         const struct aigw_http_failure *failure, struct aigw_error *ret_error)
{
    bool has_no_path = failure->status == 404 || failure->status == 405;
    const char *words;

    if (!call->bare_url || !has_no_path || wire_contains(failure->body, "model"))
        return;
    words = host->format(ctx, AIGW_LIFE_REQUEST,
                         "the model server has no such path: %s; the endpoint probably lacks /v1 at its end",
                         call->bare_url);
    if (words)
        ret_error->message = wire_str(words);
}

/* ---- inside an answer ---- */

bool openai_is_error(const struct aigw_json *error, const struct aigw_json *object, const struct aigw_json *type)
{
    return reader_is_set(error) || aigw_json_is_text(object, "error") || aigw_json_is_text(type, "error");
}

bool openai_is_complaint(struct openai_in *in, const struct aigw_json *obj)
{
    static const char *const errors[] = { "error", "errors", NULL }, *const details[] = { "detail", NULL };
    static const char *const words[] = { "message", "msg", "error_message", "error_msg" };
    aigw_str status = reader_str(in->r, obj, "status");
    struct aigw_json member;

    if (first_member(obj, errors, &member))
        return true;
    if (reader_int(obj, "code", 1) == 0) /* all is well, says it, whatever its words */
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (reader_str(in->r, obj, words[i]).len > 0)
            return true;
    aigw_json_member(obj, "base_resp", &member);
    if (reader_int(&member, "status_code", 0) != 0)
        return true;
    return first_member(obj, details, &member) || wire_same_word(status, "error") || wire_same_word(status, "failed");
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

aigw_status openai_emit_error(struct openai_in *in, const struct aigw_json *obj)
{
    struct openai_refusal refusal = read_refusal(in->r, obj);

    return openai_emit_refusal(in, &refusal, AIGW_ERR_SERVER);
}

aigw_status openai_emit_error_text(struct openai_in *in, aigw_str words)
{
    struct openai_refusal refusal = { .message = words };
    uint32_t kind = AIGW_ERR_SERVER;
    struct aigw_json value;
    aigw_str rest = words;

    reader_next(in->r, &rest, &value);
    if (value.type == AIGW_JSON_OBJECT || value.type == AIGW_JSON_LIST)
        refusal = read_refusal(in->r, &value);
    else if (value.type == AIGW_JSON_STRING)
        refusal.message = reader_text(in->r, &value);
    if (wire_contains(refusal.message, "too many requests") || wire_contains(refusal.message, "rate limit"))
        kind = AIGW_ERR_RATE_LIMITED;
    return openai_emit_refusal(in, &refusal, kind);
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
