/* request_params.c - canonical parameters → "generationConfig" and what stands beside it. */
#include "gemini.h"

#include <ctype.h>
#include <string.h>

#define BUDGET_AUTO (-1) /* the model decides */

/* ---- what a name tells ---- */

struct gemini_model gemini_model_of(aigw_str name)
{
    struct gemini_model model = { .major = 0 };
    size_t at = 0;

    for (size_t i = name.len; i > 0 && at == 0; i--) /* the part behind the last slash */
        at = name.ptr[i - 1] == '/' ? i : 0;
    name = (aigw_str){ name.ptr + at, name.len - at };
    model.is_pro = wire_contains(name, "-pro");
    model.is_light = wire_contains(name, "-lite");
    model.is_flash = wire_contains(name, "-flash");
    if (!wire_has_prefix(name, "gemini-"))
        return model;
    at = 7;
    for (; at < name.len && isdigit((unsigned char)name.ptr[at]) && model.major < 100; at++)
        model.major = model.major * 10 + (name.ptr[at] - '0');
    if (at + 1 < name.len && name.ptr[at] == '.')
        for (at++; at < name.len && isdigit((unsigned char)name.ptr[at]) && model.minor < 100; at++)
            model.minor = model.minor * 10 + (name.ptr[at] - '0');
    return model;
}

bool gemini_wants_openapi_schema(aigw_str name)
{
    struct gemini_model model = gemini_model_of(name);

    return model.major == 1 || (model.major == 2 && model.minor < 5);
}

/* ---- thinking ---- */

/* A word for tokens to think with, and back by the next lower step. */
static const struct {
    const char *effort, *level;
    int64_t budget;
} efforts[] = {
    { "minimal", "MINIMAL", 1024 }, { "low", "LOW", 2048 },     { "medium", "MEDIUM", 8192 },
    { "high", "HIGH", 16384 },      { "xhigh", "HIGH", 32768 }, { "max", "HIGH", 32768 },
};
#define EFFORTS (sizeof efforts / sizeof *efforts)

static size_t step_of_word(aigw_str word)
{
    size_t i = 0;

    while (i < EFFORTS && !wire_is(word, efforts[i].effort))
        i++;
    return i;
}

static size_t step_of_budget(int64_t budget)
{
    size_t i = 3; /* high */

    while (i > 0 && efforts[i].budget > budget)
        i--;
    return i;
}

/* From the third generation on: words, of which the large models do not know all. */
static void put_level(struct gemini_out *out, struct wire_body *thinking, size_t step)
{
    const char *level = efforts[step].level;

    if (out->model.is_pro && step == 0)
        level = "LOW";
    if (out->model.is_pro && step == 2 && out->model.major == 3 && out->model.minor == 0)
        level = "HIGH";
    wire_string(thinking, "thinkingLevel", wire_str(level));
}

/* Before: tokens, within what the model allows. */
static void put_budget(struct gemini_out *out, struct wire_body *thinking, int64_t budget, const char *name)
{
    int64_t least = out->model.is_pro ? 128 : out->model.is_light ? 512 : 1;
    int64_t most = out->model.is_pro ? 32768 : 24576;
    int64_t fitted = budget;

    if (budget != BUDGET_AUTO && out->model.major > 0)
        fitted = budget > most ? most : budget < least && (budget != 0 || out->model.is_pro) ? least : budget;
    if (fitted != budget && name)
        gemini_drop(out, name); /* held within its range */
    wire_int(thinking, "thinkingBudget", fitted);
}

static void put_off(struct gemini_out *out, struct wire_body *thinking)
{
    if (out->model.major < 3) {
        put_budget(out, thinking, 0, "reasoning");
        return;
    }
    gemini_drop(out, "reasoning"); /* these always think: as little as they can */
    put_level(out, thinking, 0);
}

/* The members of thinkingConfig. */
static void put_amount(struct gemini_out *out, struct wire_body *thinking, const struct aigw_params *params)
{
    bool has_budget = params->set & AIGW_PARAM_REASONING_BUDGET, is_new = out->model.major >= 3;
    bool is_off = params->reasoning == AIGW_REASONING_OFF || wire_is(params->effort, "none") ||
                  (has_budget && params->reasoning_budget == 0);
    size_t step = step_of_word(params->effort);

    if (is_off)
        put_off(out, thinking);
    else if (has_budget && is_new && params->reasoning_budget > 0)
        put_level(out, thinking, step_of_budget(params->reasoning_budget));
    else if (has_budget && !is_new)
        put_budget(out, thinking, params->reasoning_budget < 0 ? BUDGET_AUTO : params->reasoning_budget,
                   "reasoning_budget");
    else if (step < EFFORTS && is_new)
        put_level(out, thinking, step);
    else if (step < EFFORTS)
        put_budget(out, thinking, efforts[step].budget, NULL);
    else if (params->effort.len > 0)
        gemini_drop(out, "effort");
    else if (!is_new && (params->reasoning == AIGW_REASONING_ON || params->reasoning == AIGW_REASONING_ADAPTIVE))
        wire_int(thinking, "thinkingBudget", BUDGET_AUTO);
}

static aigw_status put_thinking(struct gemini_out *out, struct wire_body *config, const struct aigw_params *params)
{
    bool is_asked = params->reasoning != AIGW_REASONING_DEFAULT || params->effort.len > 0 ||
                    params->reasoning_show != AIGW_SHOW_DEFAULT || (params->set & AIGW_PARAM_REASONING_BUDGET);
    bool is_on = params->reasoning == AIGW_REASONING_ON || params->reasoning == AIGW_REASONING_ADAPTIVE;
    bool is_shown = params->reasoning_show == AIGW_SHOW_SUMMARY || params->reasoning_show == AIGW_SHOW_ALL;
    struct wire_body thinking;
    aigw_str text;
    aigw_status status;

    if (!is_asked)
        return AIGW_OK;
    if (gemini_wants_openapi_schema(out->model_name)) { /* those do not think at all */
        if (is_on || params->effort.len > 0 || (params->set & AIGW_PARAM_REASONING_BUDGET))
            gemini_drop(out, params->effort.len > 0 ? "effort" : "reasoning");
        return AIGW_OK;
    }
    status = wire_begin(&thinking, out->host, out->ctx);
    if (status != AIGW_OK)
        return status;
    put_amount(out, &thinking, params);
    if (is_shown || (is_on && params->reasoning_show == AIGW_SHOW_DEFAULT)) {
        wire_key(&thinking, "includeThoughts");
        wire_puts(&thinking, "true");
    }
    if (thinking.key_count == 0)
        return AIGW_OK;
    status = wire_end(&thinking, &text);
    wire_key(config, "thinkingConfig");
    wire_put(config, text);
    return status;
}

/* ---- the answer's form ---- */

static aigw_status put_format(struct gemini_out *out, struct wire_body *config, const struct aigw_params *params,
                              bool has_tools, const char **ret_note)
{
    aigw_status status = AIGW_OK;

    if (params->format > AIGW_FORMAT_SCHEMA)
        return gemini_unsupported(out, "such format of the answer", params->format);
    if (params->format == AIGW_FORMAT_TEXT)
        return AIGW_OK;
    if (has_tools && out->model.major < 3) { /* refused together */
        gemini_drop(out, "format");
        *ret_note = "Answer with one JSON object only.";
        return AIGW_OK;
    }
    wire_string(config, "responseMimeType", AIGW_STR("application/json"));
    if (params->format == AIGW_FORMAT_SCHEMA) {
        wire_key(config, out->quirks->openapi_schema ? "responseSchema" : "responseJsonSchema");
        status = gemini_put_schema(out, config, params->schema);
    }
    return status;
}

/* ---- sampling ---- */

static aigw_status put_stops(struct gemini_out *out, struct wire_body *config, const struct aigw_params *params)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < params->stop_count; i++) {
        if (params->stop[i].len == 0) {
            gemini_drop(out, "stop");
            continue;
        }
        if (count == 0)
            wire_key(config, "stopSequences");
        wire_puts(config, count++ > 0 ? "," : "[");
        out->host->buf_json(config->buf, params->stop[i]);
    }
    wire_puts(config, count > 0 ? "]" : "");
    return count > GEMINI_STOPS_MAX
               ? wire_lacks(out->host, out->ctx, "stop", "the Gemini dialect", "more than five stop texts")
               : AIGW_OK;
}

static void put_sampling(struct gemini_out *out, struct wire_body *config, const struct aigw_params *params)
{
    if (params->set & AIGW_PARAM_TEMPERATURE) {
        double temperature = params->temperature < 0 ? 0 : params->temperature > 2 ? 2 : params->temperature;

        if (temperature < params->temperature || temperature > params->temperature)
            gemini_drop(out, "temperature"); /* held within its range */
        wire_double(config, "temperature", temperature);
    }
    if (params->set & AIGW_PARAM_TOP_P)
        wire_double(config, "topP", params->top_p);
    if (params->set & AIGW_PARAM_TOP_K)
        wire_int(config, "topK", params->top_k);
    if (params->set & AIGW_PARAM_MAX_TOKENS)
        wire_int(config, "maxOutputTokens", params->max_tokens);
    if ((params->set & AIGW_PARAM_SEED) && params->seed >= INT32_MIN && params->seed <= INT32_MAX)
        wire_int(config, "seed", params->seed);
    else if (params->set & AIGW_PARAM_SEED)
        gemini_drop(out, "seed");
    if (params->set & AIGW_PARAM_PRESENCE_PENALTY)
        wire_double(config, "presencePenalty", params->presence_penalty);
    if (params->set & AIGW_PARAM_FREQUENCY_PENALTY)
        wire_double(config, "frequencyPenalty", params->frequency_penalty);
    if (params->choice_count > 1)
        wire_int(config, "candidateCount", params->choice_count);
    if (params->want_logprobs == AIGW_YES) {
        wire_key(config, "responseLogprobs");
        wire_puts(config, "true");
        if (params->set & AIGW_PARAM_TOP_LOGPROBS)
            wire_int(config, "logprobs", params->top_logprobs);
    }
}

static void drop_others(struct gemini_out *out, const struct aigw_params *params)
{
    if (params->set & AIGW_PARAM_MIN_P)
        gemini_drop(out, "min_p");
    if (params->set & AIGW_PARAM_REPETITION_PENALTY)
        gemini_drop(out, "repetition_penalty");
    if (params->set & AIGW_PARAM_MIN_TOKENS)
        gemini_drop(out, "min_tokens");
    if (params->logit_bias.len > 0)
        gemini_drop(out, "logit_bias");
    if (params->verbosity.len > 0)
        gemini_drop(out, "verbosity");
    if (params->user.len > 0)
        gemini_drop(out, "user");
}

/* ---- beside it ---- */

/* In quotes: at most 63 small letters, digits, - and _. */
static bool is_label(aigw_str text)
{
    for (size_t i = 1; i + 1 < text.len; i++)
        if (!islower((unsigned char)text.ptr[i]) && !isdigit((unsigned char)text.ptr[i]) && text.ptr[i] != '-' &&
            text.ptr[i] != '_')
            return false;
    return text.len <= 65;
}

static bool are_labels(aigw_str object)
{
    struct aigw_json_walk walk;
    struct aigw_json root, key, value;

    if (aigw_json_check(object, 0, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return false;
    walk = aigw_json_begin(&root);
    while (aigw_json_next(&walk, &key, &value)) {
        if (value.type != AIGW_JSON_STRING || !is_label(key.text) || !is_label(value.text))
            return false;
    }
    return true;
}

static void put_beside(struct gemini_out *out, const struct aigw_params *params)
{
    bool is_default = wire_is(params->service_tier, "auto") || wire_is(params->service_tier, "default");
    bool is_known = wire_is(params->service_tier, "standard") || wire_is(params->service_tier, "flex") ||
                    wire_is(params->service_tier, "priority");

    if (params->safety_settings.len > 0 && wire_is_json_list(params->safety_settings)) {
        wire_key(out->body, "safetySettings");
        wire_put(out->body, params->safety_settings);
    } else if (params->safety_settings.len > 0) {
        gemini_drop(out, "safety_settings");
    }
    if (is_known && !out->quirks->is_vertex)
        wire_string(out->body, "serviceTier", params->service_tier);
    else if (params->service_tier.len > 0 && !is_default)
        gemini_drop(out, "service_tier");
    if (params->metadata.len > 0 && out->quirks->is_vertex && are_labels(params->metadata)) {
        wire_key(out->body, "labels");
        wire_put(out->body, params->metadata);
    } else if (params->metadata.len > 0) {
        gemini_drop(out, "metadata");
    }
}

/* ---- all ---- */

static aigw_status put_config(struct gemini_out *out, struct wire_body *config, const struct aigw_params *params,
                              bool has_tools, const char **ret_note)
{
    aigw_status status;

    if (params->choice_count > GEMINI_CHOICES_MAX)
        return wire_lacks(out->host, out->ctx, "n", "the Gemini dialect", "more than eight answers to a call");
    put_sampling(out, config, params);
    drop_others(out, params);
    status = put_stops(out, config, params);
    if (status == AIGW_OK)
        status = put_format(out, config, params, has_tools, ret_note);
    return status == AIGW_OK ? put_thinking(out, config, params) : status;
}

aigw_status gemini_params(struct gemini_out *out, const struct aigw_model_request *req, aigw_str more, bool has_tools,
                          const char **ret_note)
{
    struct wire_body config;
    aigw_str text;
    aigw_status status = wire_begin(&config, out->host, out->ctx);

    if (status == AIGW_OK && req->params)
        status = put_config(out, &config, req->params, has_tools, ret_note);
    if (status == AIGW_OK)
        status = gemini_merge(out, &config, more, NULL, NULL);
    if (status != AIGW_OK)
        return status;
    if (config.key_count > 0) {
        status = wire_end(&config, &text);
        wire_key(out->body, "generationConfig");
        wire_put(out->body, text);
    }
    if (req->params && req->kind != AIGW_CALL_COUNT)
        put_beside(out, req->params);
    return status;
}
