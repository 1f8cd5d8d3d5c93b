/* answer_error.c - refusals of Google's APIs, in canonical terms. The shape, alone or as a list of one:
 *
 *     {"error":{"code":429,"message","status":"RESOURCE_EXHAUSTED","details":[{"@type":"…ErrorInfo","reason"},
 *                                                                             {"@type":"…RetryInfo","retryDelay"}]}}
 */
#include "gemini.h"

#include "../common/finish.h"

#include <string.h>

/* Google's canonical codes, and what its APIs say more exactly in details[].reason. */
static const struct refusal_word words[] = {
    { "invalid_argument", AIGW_ERR_BAD_REQUEST, 400 },
    { "failed_precondition", AIGW_ERR_BAD_REQUEST, 400 },
    { "out_of_range", AIGW_ERR_BAD_REQUEST, 400 },
    { "unauthenticated", AIGW_ERR_AUTH, 401 },
    { "permission_denied", AIGW_ERR_PERMISSION, 403 },
    { "not_found", AIGW_ERR_NOT_FOUND, 404 },
    { "aborted", AIGW_ERR_OVERLOADED, 409 },
    { "already_exists", AIGW_ERR_BAD_REQUEST, 409 },
    { "resource_exhausted", AIGW_ERR_RATE_LIMITED, 429 },
    { "cancelled", AIGW_ERR_SERVER, 499 },
    { "data_loss", AIGW_ERR_SERVER, 500 },
    { "unknown", AIGW_ERR_SERVER, 500 },
    { "internal", AIGW_ERR_SERVER, 500 },
    { "unimplemented", AIGW_ERR_BAD_REQUEST, 501 },
    { "unavailable", AIGW_ERR_OVERLOADED, 503 },
    { "deadline_exceeded", AIGW_ERR_TIMEOUT, 504 },
};

static const struct {
    const char *reason;
    uint32_t kind;
} reasons[] = {
    { "API_KEY_INVALID", AIGW_ERR_AUTH },
    { "ACCESS_TOKEN_EXPIRED", AIGW_ERR_AUTH },
    { "ACCESS_TOKEN_TYPE_UNSUPPORTED", AIGW_ERR_AUTH },
    { "CREDENTIALS_MISSING", AIGW_ERR_AUTH },
    { "SERVICE_DISABLED", AIGW_ERR_PERMISSION },
    { "BILLING_DISABLED", AIGW_ERR_PERMISSION },
    { "API_KEY_SERVICE_BLOCKED", AIGW_ERR_PERMISSION },
    { "API_KEY_HTTP_REFERRER_BLOCKED", AIGW_ERR_PERMISSION },
    { "API_KEY_IP_ADDRESS_BLOCKED", AIGW_ERR_PERMISSION },
    { "CONSUMER_INVALID", AIGW_ERR_PERMISSION },
};

static const struct refusal_word phrases[] = {
    { "api key expired", AIGW_ERR_AUTH, 0 },
    { "user location is not supported", AIGW_ERR_PERMISSION, 0 },
    { "input token count", AIGW_ERR_CONTEXT_TOO_LONG, 0 },
    { "model is overloaded", AIGW_ERR_OVERLOADED, 0 },
    { "invalid model name", AIGW_ERR_NOT_FOUND, 0 }, /* LiteLLM, with 400 */
};

static const char *const errors[] = { "error", NULL };
static const char *const messages[] = { "message", "error_description", "detail", NULL };
static const char *const types[] = { "status", NULL };
static const char *const codes[] = { "code", NULL };

static const struct refusal_rules rules = { .errors = errors,
                                            .messages = messages,
                                            .types = types,
                                            .codes = codes,
                                            REFUSAL_TABLE(word, words),
                                            REFUSAL_TABLE(phrase, phrases) };

/* What details[].reason tells; AIGW_ERR_NONE when it tells nothing. */
static uint32_t kind_of_reason(struct reader *r, const struct aigw_json *body)
{
    struct aigw_json_walk walk = aigw_json_begin(body);
    struct aigw_json object = *body, error, details, item;

    if (body->type == AIGW_JSON_LIST && !aigw_json_next(&walk, NULL, &object))
        return AIGW_ERR_NONE;
    aigw_json_member(&object, "error", &error);
    aigw_json_member(&error, "details", &details);
    walk = aigw_json_begin(&details);
    while (aigw_json_next(&walk, NULL, &item)) {
        aigw_str reason = reader_str(r, &item, "reason");

        for (size_t i = 0; reason.len > 0 && i < sizeof reasons / sizeof *reasons; i++)
            if (wire_is(reason, reasons[i].reason))
                return reasons[i].kind;
    }
    return AIGW_ERR_NONE;
}

static void correct(struct aigw_error *error, uint32_t kind)
{
    if (kind == AIGW_ERR_NONE)
        return;
    error->kind = kind;
    if (kind == AIGW_ERR_AUTH)
        error->message = AIGW_STR("the model server refused the API key; check the key configured for this model");
}

void gemini_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                    struct aigw_error *ret_error)
{
    struct reader reader;
    struct aigw_json body;
    uint32_t kind;

    refusal_failure(host, ctx, failure, &rules, ret_error);
    reader_begin(&reader, failure->body, &body);
    kind = kind_of_reason(&reader, &body);
    reader_end(&reader);
    if (kind == AIGW_ERR_NONE && failure->status == 499) /* given up on their side, not for our request's sake */
        kind = AIGW_ERR_SERVER;
    correct(ret_error, kind);
}

/* ---- inside an answer ---- */

static aigw_status emit(struct gemini_in *in, const struct refusal *refusal, uint32_t kind)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_SERVER,
                                .http_status = refusal->status,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("the model server reported an error in its answer") };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    in->call->is_over = 1;
    if (refusal->status > 0)
        error.kind = aigw_error_kind_of_status(refusal->status);
    refusal_describe(in->host, in->ctx, refusal, &rules, &error);
    correct(&error, kind);
    return gemini_emit(in, &event);
}

aigw_status gemini_emit_error(struct gemini_in *in, const struct aigw_json *value)
{
    struct refusal refusal;

    refusal_read(&in->reader, value, &rules, &refusal);
    return emit(in, &refusal, kind_of_reason(&in->reader, value));
}

aigw_status gemini_emit_error_text(struct gemini_in *in, aigw_str text)
{
    struct reader reader;
    struct refusal refusal;
    aigw_status status;

    if (refusal_is_page(text))
        return refusal_page(in->host, in->ctx, text);
    refusal_read_text(&reader, text, &rules, &refusal);
    status = emit(in, &refusal, AIGW_ERR_NONE);
    reader_end(&reader);
    return status;
}

aigw_status gemini_emit_strange(struct gemini_in *in, aigw_str text)
{
    return refusal_is_plain(text) ? gemini_emit_error_text(in, text) : gemini_nonsense(in, "is not a JSON object");
}

aigw_status gemini_emit_blocked(struct gemini_in *in, aigw_str reason, aigw_str message)
{
    struct aigw_error error = {
        .struct_size = sizeof error, .kind = AIGW_ERR_REFUSED, .http_status = 400, .retry_after_ms = -1
    };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };
    const char *text;

    in->call->is_over = 1;
    error.code = wire_words(in->host, in->ctx, reason);
    message = wire_words(in->host, in->ctx, message);
    text = in->host->format(in->ctx, AIGW_LIFE_REQUEST, "the model server refused the prompt: %.*s%s%.*s",
                            AIGW_STR_ARG(error.code), message.len > 0 ? ": " : "", AIGW_STR_ARG(message));
    error.message = wire_str(text);
    return gemini_emit(in, &event);
}

aigw_status gemini_emit_broken(struct gemini_in *in, aigw_str word)
{
    struct aigw_error error;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    finish_of_broken(word, &error);
    in->call->is_over = 1;
    return gemini_emit(in, &event);
}
