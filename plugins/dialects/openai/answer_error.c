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

#include "../common/finish.h"
#include "../common/refusal.h"

/* Beside those that others use too. */
static const struct refusal_word openai_words[] = {
    { "exceed_context_size_error", AIGW_ERR_CONTEXT_TOO_LONG, 0 }, /* llama.cpp */
    { "string_above_max_length", AIGW_ERR_CONTEXT_TOO_LONG, 0 },
    { "incomplete_generation", AIGW_ERR_SERVER, 0 }, /* TGI */
    { "generation", AIGW_ERR_SERVER, 0 },
    { "validation", AIGW_ERR_BAD_REQUEST, 0 },
};

static const struct refusal_word openai_phrases[] = {
    { "unexpected endpoint or method", AIGW_ERR_NOT_FOUND, 0 }, /* LM Studio, with a good status */
    { "invalid model name", AIGW_ERR_NOT_FOUND, 0 },            /* LiteLLM */
};

static const struct refusal_rules openai_rules = { REFUSAL_TABLE(word, openai_words),
                                                   REFUSAL_TABLE(phrase, openai_phrases) };

void openai_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                    struct aigw_error *ret_error)
{
    refusal_failure(host, ctx, failure, &openai_rules, ret_error);
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
    return refusal_says(error) || aigw_json_is_text(object, "error") || aigw_json_is_text(type, "error");
}

bool openai_is_complaint(struct openai_in *in, const struct aigw_json *obj)
{
    return refusal_is_complaint(in->r, obj);
}

aigw_status openai_emit_error(struct openai_in *in, const struct aigw_json *obj)
{
    struct refusal refusal;

    in->call->is_over = 1;
    refusal_read(in->r, obj, &openai_rules, &refusal);
    return refusal_emit(in->host, in->ctx, &in->pass, &refusal, &openai_rules);
}

aigw_status openai_emit_error_text(struct openai_in *in, aigw_str words)
{
    struct refusal refusal;
    struct reader r;
    aigw_status status;

    if (refusal_is_page(words))
        return refusal_page(in->host, in->ctx, words);
    in->call->is_over = 1;
    refusal_read_text(&r, words, &openai_rules, &refusal);
    status = refusal_emit(in->host, in->ctx, &in->pass, &refusal, &openai_rules);
    reader_end(&r);
    return status;
}

aigw_status openai_emit_strange(struct openai_in *in, aigw_str text)
{
    return refusal_is_plain(text) ? openai_emit_error_text(in, text) : openai_nonsense(in, "is not a JSON object");
}

aigw_status openai_emit_broken(struct openai_in *in, aigw_str word)
{
    struct aigw_error error;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    finish_of_broken(word, &error);
    in->call->is_over = 1;
    return openai_emit(in, &event);
}
