/* request_params.c - the parameters of a request in OpenAI's dialect: what is sent, under which name, and what the
 * server at hand does not take. */
#include "openai.h"

static void drop(struct openai_out *out, const char *name)
{
    wire_drop(out->host, out->ctx, out->drops, wire_str(name));
}

bool openai_drops(struct openai_out *out, uint32_t what, const char *name)
{
    if (!(out->quirks->refuses & what))
        return false;
    drop(out, name);
    return true;
}

/* Where the server takes fewer, the answer is cut here: of several answers at once it is not. */
static aigw_status put_stops(struct openai_out *out, const struct aigw_params *params)
{
    int64_t max = out->quirks->max_stops;
    uint32_t count = params->stop_count;
    aigw_status status = AIGW_OK;

    if (max >= 0 && (int64_t)count > max) {
        count = (uint32_t)max;
        if (out->quirks->stops && params->choice_count <= 1)
            status = stops_begin(out->host, out->ctx, out->quirks->stops, params->stop, params->stop_count);
        else
            drop(out, "stop");
    }
    if (count == 0)
        return status;
    wire_key(out->body, "stop");
    for (uint32_t i = 0; i < count; i++) {
        wire_puts(out->body, i > 0 ? "," : "[");
        out->host->buf_json(out->body->buf, params->stop[i]);
    }
    wire_puts(out->body, "]");
    return status;
}

/* A number that the server takes by default: where it refuses to be told, nothing is said. */
static bool is_default(const struct openai_out *out, uint32_t bit, const struct aigw_params *params)
{
    return (out->quirks->says & OPENAI_SAYS_ABOVE_ZERO) &&
           ((bit == AIGW_PARAM_TEMPERATURE && params->temperature <= 0) ||
            (bit == AIGW_PARAM_TOP_P && params->top_p >= 1));
}

/* How to sample. */
static void put_sampling(struct openai_out *out, const struct aigw_params *params)
{
    const uint32_t all = OPENAI_NO_SAMPLING;
    const struct {
        uint32_t bit;
        const char *name;
        const double *real;
        const int64_t *integer;
        uint32_t refused;
    } rows[] = {
        { AIGW_PARAM_TEMPERATURE, "temperature", &params->temperature, NULL, all },
        { AIGW_PARAM_TOP_P, "top_p", &params->top_p, NULL, all },
        { AIGW_PARAM_PRESENCE_PENALTY, "presence_penalty", &params->presence_penalty, NULL, all | OPENAI_NO_PENALTIES },
        { AIGW_PARAM_FREQUENCY_PENALTY, "frequency_penalty", &params->frequency_penalty, NULL,
          all | OPENAI_NO_PENALTIES },
        { AIGW_PARAM_TOP_K, "top_k", NULL, &params->top_k, all | OPENAI_NO_TOP_K },
        { AIGW_PARAM_MIN_P, "min_p", &params->min_p, NULL, all | OPENAI_NO_MIN_P },
        { AIGW_PARAM_REPETITION_PENALTY,
          out->quirks->says & OPENAI_SAYS_REPEAT ? "repeat_penalty" : "repetition_penalty", &params->repetition_penalty,
          NULL, all | OPENAI_NO_REPETITION },
        { AIGW_PARAM_MIN_TOKENS, "min_tokens", NULL, &params->min_tokens, all | OPENAI_NO_MIN_TOKENS },
        { AIGW_PARAM_SEED, out->quirks->says & OPENAI_SAYS_RANDOM_SEED ? "random_seed" : "seed", NULL, &params->seed,
          OPENAI_NO_SEED },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!(params->set & rows[i].bit) || openai_drops(out, rows[i].refused, rows[i].name) ||
            is_default(out, rows[i].bit, params))
            continue;
        if (rows[i].real)
            wire_double(out->body, rows[i].name, *rows[i].real);
        else
            wire_int(out->body, rows[i].name, *rows[i].integer);
    }
}

static aigw_status put_json(struct openai_out *out, uint32_t refused, const char *name, aigw_str text)
{
    if (text.len == 0 || openai_drops(out, refused, name))
        return AIGW_OK;
    if (!wire_is_json_object(text))
        return out->host->fail(out->ctx, AIGW_E_INVALID,
                               "the request cannot be sent in the OpenAI dialect: %s is not a JSON object", name);
    wire_key(out->body, name);
    wire_put(out->body, text);
    return AIGW_OK;
}

/* Some JSON object. */
static void put_any_object(struct openai_out *out)
{
    wire_key(out->body, "response_format");
    wire_puts(out->body, out->quirks->says & OPENAI_SAYS_SCHEMA_ONLY
                             ? "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\",\"schema\":{\"type\":"
                               "\"object\"}}}"
                             : "{\"type\":\"json_object\"}");
}

static aigw_status put_format(struct openai_out *out, const struct aigw_params *params)
{
    struct wire_body *body = out->body;

    if (params->format == AIGW_FORMAT_TEXT)
        return AIGW_OK;
    if (params->format > AIGW_FORMAT_SCHEMA)
        return openai_unsupported(out, "such format of the answer", params->format);
    if (params->format == AIGW_FORMAT_JSON || openai_drops(out, OPENAI_NO_SCHEMA, "format")) {
        put_any_object(out);
        return AIGW_OK;
    }
    if (!wire_is_json_object(params->schema))
        return openai_invalid(out, "the schema of the answer is not a JSON object");
    wire_key(body, "response_format");
    wire_puts(body, "{\"type\":\"json_schema\",\"json_schema\":{\"name\":");
    out->host->buf_json(body->buf, params->schema_name.len > 0 ? params->schema_name : AIGW_STR("answer"));
    if (params->schema_description.len > 0) {
        wire_puts(body, ",\"description\":");
        out->host->buf_json(body->buf, params->schema_description);
    }
    wire_puts(body, ",\"schema\":");
    wire_put(body, params->schema);
    if (params->schema_strict != AIGW_UNSET)
        wire_puts(body, params->schema_strict == AIGW_YES ? ",\"strict\":true" : ",\"strict\":false");
    wire_puts(body, "}}");
    return AIGW_OK;
}

static aigw_status put_logprobs(struct openai_out *out, bool is_chat, const struct aigw_params *params)
{
    bool has_top = params->set & AIGW_PARAM_TOP_LOGPROBS;

    if (params->want_logprobs != AIGW_YES)
        return AIGW_OK;
    if (out->quirks->refuses & OPENAI_NO_LOGPROBS)
        return wire_lacks(out->host, out->ctx, "logprobs", "the OpenAI dialect",
                          "log probabilities at this kind of server or model");
    if (!is_chat || (out->quirks->says & OPENAI_SAYS_LOGPROBS_COUNT)) {
        wire_int(out->body, "logprobs", has_top ? params->top_logprobs : is_chat);
        return AIGW_OK;
    }
    wire_key(out->body, "logprobs");
    wire_puts(out->body, "true");
    if (has_top)
        wire_int(out->body, "top_logprobs", params->top_logprobs);
    return AIGW_OK;
}

/* The dialect knows an effort, not a number of tokens; some servers know a switch. */
static void put_reasoning(struct openai_out *out, const struct aigw_params *params)
{
    aigw_str effort = params->effort;
    bool has_budget = params->set & AIGW_PARAM_REASONING_BUDGET;
    bool is_off = params->reasoning == AIGW_REASONING_OFF || wire_is(effort, "none");
    const char *said = effort.len > 0 ? "effort" : has_budget ? "reasoning_budget" : "reasoning";
    bool is_on = params->reasoning == AIGW_REASONING_ON || params->reasoning == AIGW_REASONING_ADAPTIVE;

    if (out->quirks->thinking && (is_off || is_on)) {
        wire_key(out->body, out->quirks->thinking);
        wire_puts(out->body, is_off ? out->quirks->off : out->quirks->on);
    }
    if (is_off && out->quirks->thinking)
        return;
    if (effort.len == 0 && params->reasoning == AIGW_REASONING_OFF)
        effort = AIGW_STR("none");
    else if (effort.len == 0 && has_budget)
        effort = params->reasoning_budget < 2048    ? AIGW_STR("minimal")
                 : params->reasoning_budget < 8192  ? AIGW_STR("low")
                 : params->reasoning_budget < 16384 ? AIGW_STR("medium")
                                                    : AIGW_STR("high");
    if (effort.len > 0 && !openai_drops(out, OPENAI_NO_EFFORT, said))
        wire_string(out->body, "reasoning_effort", effort);
    else if (effort.len == 0 && params->reasoning == AIGW_REASONING_ON && !out->quirks->thinking)
        drop(out, "reasoning");
}

/* The others' words for what OpenAI's servers give anyway; what else they say, these do not know. */
static aigw_str service_tier(struct openai_out *out, aigw_str tier)
{
    static const char *const known[] = { "auto", "default", "flex", "priority", "scale" };

    if (!out->is_foreign || out->is_responses || tier.len == 0)
        return tier;
    if (wire_is(tier, "standard_only") || wire_is(tier, "standard"))
        return AIGW_STR("default");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (wire_is(tier, known[i]))
            return tier;
    drop(out, "service_tier");
    return AIGW_STR_NONE;
}

/* What only a chat has. */
static aigw_status put_chat_params(struct openai_out *out, const struct aigw_params *params)
{
    const struct {
        const char *canonical, *name;
        aigw_str value;
        uint32_t refused;
    } words[] = {
        { "verbosity", "verbosity", params->verbosity, OPENAI_NO_VERBOSITY },
        { "service_tier", "service_tier", service_tier(out, params->service_tier), OPENAI_NO_SERVICE_TIER },
        { "cache_key", "prompt_cache_key", params->cache_key, OPENAI_NO_CACHE_KEY },
    };
    aigw_status status = put_format(out, params);

    put_reasoning(out, params);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].value.len > 0 && !openai_drops(out, words[i].refused, words[i].canonical))
            wire_string(out->body, words[i].name, words[i].value);
    if (status == AIGW_OK)
        status = put_json(out, OPENAI_NO_PREDICTION, "prediction", params->prediction);
    return status == AIGW_OK ? put_json(out, OPENAI_NO_METADATA, "metadata", params->metadata) : status;
}

/* … and what is therefore left out elsewhere. */
static void drop_chat_params(struct openai_out *out, const struct aigw_params *params)
{
    const struct {
        const char *name;
        bool is_set;
    } rows[] = { { "format", params->format != AIGW_FORMAT_TEXT },
                 { "effort", params->effort.len > 0 },
                 { "reasoning", params->reasoning != AIGW_REASONING_DEFAULT },
                 { "reasoning_budget", (params->set & AIGW_PARAM_REASONING_BUDGET) != 0 },
                 { "verbosity", params->verbosity.len > 0 },
                 { "service_tier", params->service_tier.len > 0 },
                 { "metadata", params->metadata.len > 0 } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_set)
            drop(out, rows[i].name);
}

#define RESPONSES_LEAST 16 /* tokens of an answer: OpenAI's Responses API takes no less */

static int64_t max_tokens(const struct openai_out *out, int64_t wanted)
{
    bool is_openais = out->is_responses && (out->quirks->says & OPENAI_SAYS_DEVELOPER);

    return is_openais && wanted < RESPONSES_LEAST ? RESPONSES_LEAST : wanted;
}

aigw_status openai_params(struct openai_out *out, uint32_t path, const struct aigw_params *params)
{
    bool is_chat = path == OPENAI_CHAT;
    aigw_status status;

    if (params->choice_count > 1 && (out->quirks->refuses & OPENAI_NO_CHOICES))
        return wire_lacks(out->host, out->ctx, "n", "the OpenAI dialect", "several answers at this kind of server");
    if (params->set & AIGW_PARAM_MAX_TOKENS)
        wire_int(out->body,
                 is_chat && (out->quirks->says & OPENAI_SAYS_MAX_COMPLETION) ? "max_completion_tokens" : "max_tokens",
                 max_tokens(out, params->max_tokens));
    put_sampling(out, params);
    status = put_stops(out, params);
    if (status != AIGW_OK)
        return status;
    if (params->choice_count > 1)
        wire_int(out->body, "n", params->choice_count);
    status = put_logprobs(out, is_chat, params);
    if (params->user.len > 0 && !openai_drops(out, OPENAI_NO_USER, "user"))
        wire_string(out->body, "user", params->user);
    if (params->safety_settings.len > 0 && !wire_is_lenient(params->safety_settings))
        drop(out, "safety_settings");
    if (!is_chat)
        drop_chat_params(out, params);
    if (status == AIGW_OK)
        status = put_json(out, OPENAI_NO_LOGIT_BIAS, "logit_bias", params->logit_bias);
    return status == AIGW_OK && is_chat ? put_chat_params(out, params) : status;
}
