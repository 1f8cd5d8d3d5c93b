/* request_read_prompt.c - the bodies of /v1/completions and /v1/embeddings → canonical requests. */
#include <string.h>

#include "request_read.h"

/* ---- texts, or the numbers of their tokens ---- */

/* One text by numbers, or a list of these. */
static bool is_tokens(const struct aigw_json *value)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json item;

    return value->type == AIGW_JSON_LIST && aigw_json_next(&walk, NULL, &item) &&
           (item.type == AIGW_JSON_INT || item.type == AIGW_JSON_LIST);
}

/* AIGW_E_UNSUPPORTED when everything else was good: the body itself may do. */
static aigw_status refuse_tokens(struct openai_reading *r, const char *name, const char *words)
{
    aigw_status status = openai_refuse(r, OPENAI_AT(NULL, name), "unsupported_parameter", words);

    return status == AIGW_E_INVALID ? AIGW_E_UNSUPPORTED : status;
}

/* ---- completions ---- */

/* clang-format off */
enum {
    MODEL, STREAM, PROMPT, SUFFIX, STREAM_OPTIONS, MAX_TOKENS, TEMPERATURE, TOP_P, TOP_K, MIN_P, REPETITION_PENALTY,
    MIN_TOKENS, PRESENCE_PENALTY, FREQUENCY_PENALTY, SEED, N, STOP, LOGIT_BIAS, LOGPROBS, ECHO, USER, MEMBERS
};
static const char *const names[] = {
    "model", "stream", "prompt", "suffix", "stream_options", "max_tokens", "temperature", "top_p", "top_k", "min_p",
    "repetition_penalty", "min_tokens", "presence_penalty", "frequency_penalty", "seed", "n", "stop", "logit_bias",
    "logprobs", "echo", "user"
};
/* clang-format on */
_Static_assert(sizeof names / sizeof *names == MEMBERS, "one name each");

static aigw_status read_prompts(struct openai_reading *r, const struct aigw_json *value)
{
    /* What OpenAI takes for a prompt that is not there: the begin of a new text. */
    static const aigw_str nothing[] = { AIGW_STR_INIT("<|endoftext|>") };
    struct openai_asked *asked = r->asked;
    aigw_status status = AIGW_OK;

    if (is_tokens(value))
        return AIGW_OK;
    status = openai_take_texts(r, OPENAI_AT(NULL, names[PROMPT]), value, false, &asked->prompts, &asked->prompt_count);
    if (status == AIGW_OK && asked->prompt_count == 0) {
        if (value->type == AIGW_JSON_LIST)
            return openai_refuse(r, OPENAI_AT(NULL, names[PROMPT]), "empty_array", "must hold at least one text");
        asked->prompts = nothing;
        asked->prompt_count = 1;
    }
    if (status == AIGW_OK)
        r->request->prompt = asked->prompts[0];
    return status;
}

static aigw_status read_completion_params(struct openai_reading *r, const struct aigw_json *members)
{
    static const struct openai_number rows[] = {
        { TEMPERATURE, AIGW_PARAM_TEMPERATURE, offsetof(struct aigw_params, temperature), false, 0, 2 },
        { TOP_P, AIGW_PARAM_TOP_P, offsetof(struct aigw_params, top_p), false, 0, 1 },
        { TOP_K, AIGW_PARAM_TOP_K, offsetof(struct aigw_params, top_k), true, -1, 1e9 },
        { MIN_P, AIGW_PARAM_MIN_P, offsetof(struct aigw_params, min_p), false, 0, 1 },
        { REPETITION_PENALTY, AIGW_PARAM_REPETITION_PENALTY, offsetof(struct aigw_params, repetition_penalty), false, 0,
          100 },
        { MIN_TOKENS, AIGW_PARAM_MIN_TOKENS, offsetof(struct aigw_params, min_tokens), true, 0, 1e15 },
        { PRESENCE_PENALTY, AIGW_PARAM_PRESENCE_PENALTY, offsetof(struct aigw_params, presence_penalty), false,
          -OPENAI_PENALTY_MAX, OPENAI_PENALTY_MAX },
        { FREQUENCY_PENALTY, AIGW_PARAM_FREQUENCY_PENALTY, offsetof(struct aigw_params, frequency_penalty), false,
          -OPENAI_PENALTY_MAX, OPENAI_PENALTY_MAX },
        { SEED, AIGW_PARAM_SEED, offsetof(struct aigw_params, seed), true, -9.2e18, 9.2e18 },
        { LOGPROBS, AIGW_PARAM_TOP_LOGPROBS, offsetof(struct aigw_params, top_logprobs), true, 0, 5 },
    };
    struct aigw_params *params = r->params;
    aigw_status status =
        openai_request_max(r, names[MAX_TOKENS], &members[MAX_TOKENS], 0); /* with echo: how likely is the prompt? */

    if (status == AIGW_OK)
        status = openai_request_numbers(r, rows, sizeof rows / sizeof *rows, names, members);
    if (params->set & AIGW_PARAM_TOP_LOGPROBS)
        params->want_logprobs = AIGW_YES;
    if (status == AIGW_OK)
        status = openai_request_n(r, &members[N]);
    if (status == AIGW_OK)
        status = openai_take_texts(r, OPENAI_AT(NULL, names[STOP]), &members[STOP], true, &params->stop,
                                   &params->stop_count);
    if (status == AIGW_OK)
        status = openai_take_members(r, OPENAI_AT(NULL, names[LOGIT_BIAS]), &members[LOGIT_BIAS], &params->logit_bias);
    return status == AIGW_OK ? openai_take_text(r, OPENAI_AT(NULL, names[USER]), &members[USER], &params->user)
                             : status;
}

aigw_status openai_read_completion(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body,
                                   struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                                   struct openai_refusal *ret_refusal)
{
    struct openai_reading r = {
        .host = host, .ctx = ctx, .asked = ret_asked, .request = ret_request, .refusal = ret_refusal
    };
    struct aigw_json root, members[MEMBERS];
    uint32_t wants_echo = AIGW_UNSET;
    bool has_others;
    aigw_status status = openai_request_begin(&r, OPENAI_COMPLETION, body, names, MEMBERS, &root, members, &has_others);

    if (status == AIGW_OK)
        status = read_prompts(&r, &members[PROMPT]);
    if (status == AIGW_OK)
        status = openai_take_text(&r, OPENAI_AT(NULL, names[SUFFIX]), &members[SUFFIX], &ret_request->suffix);
    if (status == AIGW_OK)
        status = read_completion_params(&r, members);
    if (status == AIGW_OK)
        status = openai_request_stream_options(&r, &members[STREAM_OPTIONS]);
    if (status == AIGW_OK)
        status = openai_take_bool(&r, OPENAI_AT(NULL, names[ECHO]), &members[ECHO], &wants_echo);
    ret_asked->wants_echo = wants_echo == AIGW_YES;
    if (status == AIGW_OK && (has_others || ret_asked->wants_echo))
        status = openai_extra(&r, &root, names, MEMBERS, ret_asked->wants_echo ? (uint64_t)1 << ECHO : 0,
                              &ret_request->extra);
    if (status == AIGW_OK && is_tokens(&members[PROMPT]))
        return refuse_tokens(&r, names[PROMPT], "holds token ids, which this model does not take; send the text");
    return status;
}

/* ---- embeddings ---- */

enum { E_MODEL, E_STREAM, E_INPUT, E_DIMENSIONS, E_ENCODING, E_USER, E_INPUT_TYPE, E_MEMBERS };
static const char *const embedding_names[] = { "model",           "stream", "input",     "dimensions",
                                               "encoding_format", "user",   "input_type" };
_Static_assert(sizeof embedding_names / sizeof *embedding_names == E_MEMBERS, "one name each");

static aigw_status read_encoding(struct openai_reading *r, const struct aigw_json *value)
{
    static const char *const words[] = { "float", "base64" };
    const struct openai_place *place = OPENAI_AT(NULL, embedding_names[E_ENCODING]);
    int word = openai_word(value, words, 2);

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_STRING)
        return openai_refuse_type(r, place, value, "a string");
    r->asked->wants_base64 = word == 1;
    return word >= 0 ? AIGW_OK : openai_refuse(r, place, "invalid_value", "must be float or base64");
}

static aigw_status read_inputs(struct openai_reading *r, const struct aigw_json *value)
{
    const struct openai_place *place = OPENAI_AT(NULL, embedding_names[E_INPUT]);
    aigw_status status;

    if (openai_is_null(value))
        return openai_refuse_missing(r, place);
    if (is_tokens(value))
        return AIGW_OK;
    status = openai_take_texts(r, place, value, false, &r->request->inputs, &r->request->input_count);
    return status == AIGW_OK && r->request->input_count == 0
               ? openai_refuse(r, place, "empty_array", "must hold at least one text")
               : status;
}

aigw_status openai_read_embedding(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body,
                                  struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                                  struct openai_refusal *ret_refusal)
{
    struct openai_reading r = {
        .host = host, .ctx = ctx, .asked = ret_asked, .request = ret_request, .refusal = ret_refusal
    };
    struct aigw_json root, members[E_MEMBERS];
    int64_t dimensions = 0;
    bool has_others, is_set = false;
    aigw_status status =
        openai_request_begin(&r, OPENAI_EMBEDDING, body, embedding_names, E_MEMBERS, &root, members, &has_others);

    ret_asked->is_stream = false;
    ret_asked->raw.flags = 0;
    if (status == AIGW_OK)
        status = read_inputs(&r, &members[E_INPUT]);
    if (status == AIGW_OK)
        status = openai_take_int(&r, OPENAI_AT(NULL, embedding_names[E_DIMENSIONS]), &members[E_DIMENSIONS], 1,
                                 INT32_MAX, &dimensions, &is_set);
    if (is_set)
        ret_request->dimensions = (int32_t)dimensions;
    if (status == AIGW_OK)
        status = read_encoding(&r, &members[E_ENCODING]);
    if (status == AIGW_OK)
        status = openai_take_text(&r, OPENAI_AT(NULL, embedding_names[E_USER]), &members[E_USER], &r.params->user);
    if (status == AIGW_OK)
        status = openai_take_text(&r, OPENAI_AT(NULL, embedding_names[E_INPUT_TYPE]), &members[E_INPUT_TYPE],
                                  &ret_request->input_type);
    if (status == AIGW_OK && has_others)
        status = openai_extra(&r, &root, embedding_names, E_MEMBERS, 0, &ret_request->extra);
    if (status == AIGW_OK && is_tokens(&members[E_INPUT]))
        return refuse_tokens(&r, embedding_names[E_INPUT],
                             "holds token ids, which this model does not take; send texts (in LangChain: "
                             "check_embedding_ctx_length=False)");
    return status;
}
