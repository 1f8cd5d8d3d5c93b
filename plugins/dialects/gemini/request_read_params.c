/* request_read_params.c - "generationConfig" → canonical parameters. */
#include "request_read.h"

#include <string.h>

enum config_key {
    CONFIG_TEMPERATURE,
    CONFIG_TOP_P,
    CONFIG_PRESENCE,
    CONFIG_FREQUENCY, /* until here: real numbers */
    CONFIG_TOP_K,
    CONFIG_MAX_TOKENS,
    CONFIG_SEED,
    CONFIG_LOGPROBS,
    CONFIG_CANDIDATES, /* until here: whole ones */
    CONFIG_WANT_LOGPROBS,
    CONFIG_STOPS,
    CONFIG_MEDIA_TYPE,
    CONFIG_SCHEMA,
    CONFIG_JSON_SCHEMA,
    CONFIG_THINKING,
    CONFIG_KEYS,
};
static const char *const config_keys[CONFIG_KEYS] = {
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_k",
    "max_output_tokens",
    "seed",
    "logprobs",
    "candidate_count",
    "response_logprobs",
    "stop_sequences",
    "response_mime_type",
    "response_schema",
    "response_json_schema",
    "thinking_config",
};

static aigw_status read_real(struct gemini_reading *r, enum config_key key, const struct aigw_json *value,
                             struct aigw_params *params)
{
    static const uint32_t bits[] = { AIGW_PARAM_TEMPERATURE, AIGW_PARAM_TOP_P, AIGW_PARAM_PRESENCE_PENALTY,
                                     AIGW_PARAM_FREQUENCY_PENALTY };
    double *fields[] = { &params->temperature, &params->top_p, &params->presence_penalty, &params->frequency_penalty };

    if (!gemini_read_real(value, fields[key]))
        return gemini_read_refuse(r, config_keys[key], "must be a number");
    params->set |= bits[key];
    return AIGW_OK;
}

static aigw_status read_whole(struct gemini_reading *r, enum config_key key, const struct aigw_json *value,
                              struct aigw_params *params)
{
    static const uint32_t bits[] = { AIGW_PARAM_TOP_K, AIGW_PARAM_MAX_TOKENS, AIGW_PARAM_SEED,
                                     AIGW_PARAM_TOP_LOGPROBS };
    int64_t *fields[] = { &params->top_k, &params->max_tokens, &params->seed, &params->top_logprobs };
    int64_t number = 0;

    if (!gemini_read_whole(value, &number))
        return gemini_read_refuse(r, config_keys[key], "must be a whole number");
    if (key != CONFIG_CANDIDATES) {
        *fields[key - CONFIG_TOP_K] = number;
        params->set |= bits[key - CONFIG_TOP_K];
        return AIGW_OK;
    }
    if (number < 1 || number > GEMINI_WRITE_CHOICES)
        return gemini_read_refuse(r, config_keys[key], "must be 1 to 8");
    params->choice_count = (uint32_t)number;
    return AIGW_OK;
}

static aigw_status read_stops(struct gemini_reading *r, const struct aigw_json *list, struct aigw_params *params)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    size_t count = aigw_json_count(list);
    aigw_status status = AIGW_OK;
    struct aigw_json item;
    aigw_str *stops;

    if (list->type != AIGW_JSON_LIST || count > 5)
        return gemini_read_refuse(r, "stopSequences", "must be a list of at most 5 strings");
    stops = gemini_read_alloc(r, (count + 1) * sizeof *stops);
    if (!stops)
        return AIGW_E_NOMEM;
    params->stop = stops;
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item)) {
        status = item.type == AIGW_JSON_STRING ? gemini_read_text(r, "stopSequences", &item, &stops[params->stop_count])
                                               : gemini_read_refuse(r, "stopSequences", "must hold strings");
        params->stop_count += stops[params->stop_count].len > 0; /* an empty one ends nothing */
    }
    return status;
}

/* The words for how much to think. */
static aigw_status read_level(struct gemini_reading *r, const struct aigw_json *value, struct aigw_params *params)
{
    static const char *const levels[] = { "minimal", "low", "medium", "high", "xhigh" };
    aigw_str word;
    aigw_status status = gemini_read_text(r, "thinkingLevel", value, &word);

    for (size_t i = 0; status == AIGW_OK && i < sizeof levels / sizeof *levels; i++)
        if (wire_same_word(word, levels[i])) {
            params->effort = wire_str(levels[i]);
            return AIGW_OK;
        }
    if (status == AIGW_OK && word.len > 0 && !wire_same_word(word, "thinking_level_unspecified"))
        return gemini_read_refuse(r, "thinkingConfig.thinkingLevel", "must be MINIMAL, LOW, MEDIUM, HIGH or XHIGH");
    return status;
}

static aigw_status read_thinking(struct gemini_reading *r, const struct aigw_json *config, struct aigw_params *params)
{
    static const char *const names[] = { "include_thoughts", "thinking_budget", "thinking_level" };
    struct aigw_json found[3];
    int64_t tokens = -2;
    aigw_status status = gemini_read_members(r, config, names, 3, found);

    if (config->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, "thinkingConfig", "must be an object");
    if (found[0].type > AIGW_JSON_NULL && !aigw_json_bool(&found[0], &r->asked->shows_thoughts))
        return gemini_read_refuse(r, "thinkingConfig.includeThoughts", "must be true or false");
    if (found[1].type > AIGW_JSON_NULL && (!gemini_read_whole(&found[1], &tokens) || tokens < -1))
        return gemini_read_refuse(r, "thinkingConfig.thinkingBudget", "must be a whole number from -1");
    if (status == AIGW_OK)
        status = read_level(r, &found[2], params);
    params->reasoning_show = r->asked->shows_thoughts ? AIGW_SHOW_SUMMARY : AIGW_SHOW_OMIT;
    params->reasoning = tokens == 0    ? AIGW_REASONING_OFF
                        : tokens == -1 ? AIGW_REASONING_ADAPTIVE
                        : tokens > 0   ? AIGW_REASONING_ON
                                       : AIGW_REASONING_DEFAULT;
    if (tokens > 0) {
        params->set |= AIGW_PARAM_REASONING_BUDGET;
        params->reasoning_budget = tokens;
    }
    return status;
}

/* How the answer is to look: a media type, and a schema in one of two forms. */
static aigw_status read_format(struct gemini_reading *r, const struct aigw_json found[CONFIG_KEYS],
                               struct aigw_params *params, struct gemini_extra *extra)
{
    static const struct aigw_json key = { .text = AIGW_STR_INIT("\"responseMimeType\""), .type = AIGW_JSON_STRING };
    const struct aigw_json *schema = &found[CONFIG_SCHEMA], *json_schema = &found[CONFIG_JSON_SCHEMA];
    aigw_str type;
    aigw_status status = gemini_read_text(r, "responseMimeType", &found[CONFIG_MEDIA_TYPE], &type);

    if (status != AIGW_OK)
        return status;
    if (wire_is(type, "application/json") ||
        (type.len == 0 && (json_schema->type > AIGW_JSON_NULL || schema->type > AIGW_JSON_NULL)))
        params->format = AIGW_FORMAT_JSON;
    else if (type.len > 0 && !wire_is(type, "text/plain"))
        status = gemini_read_more(r, extra, &key, &found[CONFIG_MEDIA_TYPE]);
    if (status != AIGW_OK || params->format != AIGW_FORMAT_JSON)
        return status;
    if (json_schema->type > AIGW_JSON_NULL) {
        params->format = AIGW_FORMAT_SCHEMA;
        return json_schema->type == AIGW_JSON_OBJECT ? gemini_read_json(r, json_schema, &params->schema)
                                                     : gemini_read_refuse(r, "responseJsonSchema", "must be an object");
    }
    if (schema->type > AIGW_JSON_NULL) {
        params->format = AIGW_FORMAT_SCHEMA;
        return gemini_read_schema(r, "responseSchema", schema, &params->schema);
    }
    return AIGW_OK;
}

static aigw_status read_one(struct gemini_reading *r, enum config_key key, const struct aigw_json *value,
                            struct aigw_params *params)
{
    bool is_wanted;

    if (key <= CONFIG_FREQUENCY)
        return read_real(r, key, value, params);
    if (key <= CONFIG_CANDIDATES)
        return read_whole(r, key, value, params);
    switch (key) {
    case CONFIG_WANT_LOGPROBS:
        if (!aigw_json_bool(value, &is_wanted))
            return gemini_read_refuse(r, "responseLogprobs", "must be true or false");
        params->want_logprobs = is_wanted ? AIGW_YES : AIGW_NO;
        return AIGW_OK;
    case CONFIG_STOPS:
        return read_stops(r, value, params);
    case CONFIG_THINKING:
        return read_thinking(r, value, params);
    default: /* the format, when all of it is there */
        return AIGW_OK;
    }
}

/* "responseModalities": text need not be asked for, and who asks for more can be answered by nobody else. */
static bool is_text_wanted(struct gemini_reading *r, const struct aigw_json *key, const struct aigw_json *value)
{
    static const char *const names[] = { "response_modalities" };
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json item;
    aigw_str word;

    if (gemini_key_of(key, names, 1) == 1 || value->type != AIGW_JSON_LIST)
        return false;
    while (aigw_json_next(&walk, NULL, &item)) {
        word = item.type == AIGW_JSON_STRING ? (aigw_str){ item.text.ptr + 1, item.text.len - 2 } : AIGW_STR_NONE;
        if (!wire_same_word(word, "text") && !wire_same_word(word, "modality_unspecified")) {
            r->asked->vendor_only = "responseModalities";
            return false;
        }
    }
    return true;
}

aigw_status gemini_read_params(struct gemini_reading *r, const struct aigw_json *config, struct aigw_params *params,
                               aigw_str *ret_more)
{
    struct aigw_json_walk walk = aigw_json_begin(config);
    struct aigw_json found[CONFIG_KEYS], key, value;
    struct gemini_extra extra = { .count = 0 };
    aigw_status status = AIGW_OK;

    *ret_more = AIGW_STR_NONE;
    if (config->type == AIGW_JSON_ABSENT)
        return AIGW_OK;
    if (config->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, "generationConfig", "must be an object");
    for (size_t i = 0; i < CONFIG_KEYS; i++)
        found[i] = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        size_t known = gemini_key_of(&key, config_keys, CONFIG_KEYS);

        if (value.type == AIGW_JSON_NULL)
            continue;
        if (known < CONFIG_KEYS)
            found[known] = value;
        else if (!is_text_wanted(r, &key, &value))
            status = gemini_read_more(r, &extra, &key, &value);
    }
    r->is_in_config = true;
    for (size_t i = 0; status == AIGW_OK && i < CONFIG_KEYS; i++)
        if (found[i].type != AIGW_JSON_ABSENT)
            status = read_one(r, (enum config_key)i, &found[i], params);
    if (status == AIGW_OK)
        status = read_format(r, found, params, &extra);
    r->is_in_config = false;
    return status == AIGW_OK ? gemini_read_more_end(r, &extra, ret_more) : status;
}
