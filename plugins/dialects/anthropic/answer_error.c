/* answer_error.c - how the Messages API and what stands before it refuse: {"type":"error","error":{"type","message"},
 * "request_id"}, and the shapes of refusal.h. */
#include "answer.h"

#include "../common/finish.h"

static const struct refusal_word anthropic_words[] = {
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

static const struct refusal_word anthropic_phrases[] = {
    { "credit balance", AIGW_ERR_PERMISSION, 0 },
    { "content filtering policy", AIGW_ERR_REFUSED, 0 }, /* "Output blocked by …" */
    { "invalid model name", AIGW_ERR_NOT_FOUND, 0 },     /* LiteLLM, with 400 */
};

static const struct refusal_rules anthropic_rules = { REFUSAL_TABLE(word, anthropic_words),
                                                      REFUSAL_TABLE(phrase, anthropic_phrases) };

void anthropic_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                       struct aigw_error *ret_error)
{
    refusal_failure(host, ctx, failure, &anthropic_rules, ret_error);
}

/* ---- inside an answer ---- */

bool anthropic_is_error(struct anthropic_in *in, const struct anthropic_object *object)
{
    if (aigw_json_is_text(&object->at[ANTHROPIC_TYPE], "error") || refusal_says(&object->at[ANTHROPIC_ERROR]))
        return true;
    if (anthropic_has(object, ANTHROPIC_TYPE) || anthropic_has(object, ANTHROPIC_CONTENT))
        return false;
    return anthropic_has(object, ANTHROPIC_ERROR) || refusal_is_complaint(&in->r, &object->json);
}

aigw_status anthropic_emit_error(struct anthropic_in *in, const struct aigw_json *object)
{
    struct refusal refusal;

    in->call->is_over = 1;
    refusal_read(&in->r, object, &anthropic_rules, &refusal);
    return refusal_emit(in->host, in->ctx, &in->pass, &refusal, &anthropic_rules);
}

aigw_status anthropic_emit_strange(struct anthropic_in *in, aigw_str text)
{
    return refusal_is_plain(text) ? anthropic_emit_error_text(in, text)
                                  : anthropic_nonsense(in, "is not a JSON object");
}

aigw_status anthropic_emit_error_text(struct anthropic_in *in, aigw_str words)
{
    struct refusal refusal;
    struct reader reader;
    aigw_status status;

    if (refusal_is_page(words))
        return refusal_page(in->host, in->ctx, words);
    in->call->is_over = 1;
    refusal_read_text(&reader, words, &anthropic_rules, &refusal);
    status = refusal_emit(in->host, in->ctx, &in->pass, &refusal, &anthropic_rules);
    reader_end(&reader);
    return status;
}

aigw_status anthropic_emit_broken(struct anthropic_in *in, aigw_str word)
{
    struct aigw_error error;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    finish_of_broken(word, &error);
    in->call->is_over = 1;
    return anthropic_emit(in, &event);
}
