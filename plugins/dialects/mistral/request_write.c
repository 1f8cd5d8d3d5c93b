/* request_write.c - canonical request → Mistral's JSON bodies, but for the messages of a chat. The API refuses members
 * that it does not know: what has no place is left out and named. */
#include "mistral.h"

#include <string.h>

#define TEMPERATURE_MAX 1.5

/* Members that describe the call itself; `extra` never sets them. */
static const char *const mistral_reserved[] = { "model",  "messages", "prompt",      "input", "suffix",
                                                "stream", "tools",    "tool_choice", "n",     NULL };

aigw_status mistral_unsupported(struct mistral_out *out, const char *what, uint32_t number)
{
    return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "the Mistral API has no %s (%u)", what, number);
}

aigw_status mistral_no_part(struct mistral_out *out, const char *what, uint32_t part_type)
{
    return wire_no_part(out->host, out->ctx, "the Mistral API", what, part_type);
}

aigw_status mistral_invalid(struct mistral_out *out, const char *what)
{
    return out->host->fail(out->ctx, AIGW_E_INVALID, "the request cannot be sent to the Mistral API: %s", what);
}

void mistral_drop(struct mistral_out *out, const char *name)
{
    wire_drop(out->host, out->ctx, out->drops, wire_str(name));
}

bool mistral_is_ours(aigw_str origin)
{
    return origin.len == 0 || wire_is(origin, MISTRAL_DIALECT);
}

bool mistral_model_is_magistral(aigw_str model)
{
    return wire_contains(model, "magistral");
}

/* ---- members as they stand ---- */

aigw_str mistral_name_of(const struct aigw_json *key)
{
    return key->text.len >= 2 && key->text.ptr[0] == '"' ? (aigw_str){ key->text.ptr + 1, key->text.len - 2 }
                                                         : key->text;
}

static bool is_written(const struct wire_body *body, aigw_str name)
{
    for (uint32_t i = 0; i < body->key_count; i++)
        if (wire_is(name, body->keys[i]))
            return true;
    for (const char *const *reserved = mistral_reserved; *reserved; reserved++)
        if (wire_is(name, *reserved))
            return true;
    return false;
}

/* A member of the operator's, who has the last word. */
static bool is_forced(const struct mistral_out *out, aigw_str name)
{
    struct aigw_json root, key, value;
    struct aigw_json_walk members;

    if (aigw_json_check(out->quirks->body, 0, &root, NULL) != AIGW_OK)
        return false;
    members = aigw_json_begin(&root);
    while (aigw_json_next(&members, &key, &value))
        if (wire_same(mistral_name_of(&key), name))
            return true;
    return false;
}

/* Further members of the body. Those that are there already stay as they are. */
static aigw_status put_members(struct mistral_out *out, aigw_str text, bool is_operators)
{
    struct aigw_json root, key, value;
    struct aigw_json_walk members;

    if (aigw_json_check(text, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return mistral_invalid(out, "the extra members are not a JSON object");
    members = aigw_json_begin(&root);
    while (aigw_json_next(&members, &key, &value)) {
        aigw_str name = mistral_name_of(&key);

        if (is_written(out->body, name) || (!is_operators && is_forced(out, name))) {
            if (!is_operators)
                wire_drop(out->host, out->ctx, out->drops, name);
            continue;
        }
        wire_puts(out->body, ",\"");
        wire_put(out->body, name);
        wire_puts(out->body, "\":");
        wire_put(out->body, value.text);
    }
    return AIGW_OK;
}

aigw_status mistral_splice(struct mistral_out *out, aigw_str extra)
{
    if (extra.len == 0)
        return AIGW_OK;
    return (out->is_foreign ? wire_drop_members(out->host, out->ctx, out->drops, extra)
                            : wire_splice(out->body, extra)) == AIGW_OK
               ? AIGW_OK
               : mistral_invalid(out, "extra members are not a JSON object");
}

/* ---- parameters ---- */

static void put_sampling(struct mistral_out *out, uint32_t path, const struct aigw_params *params)
{
    double temperature = params->temperature > TEMPERATURE_MAX ? TEMPERATURE_MAX : params->temperature;
    bool is_chat = path == MISTRAL_CHAT;
    const struct {
        uint32_t bit;
        const char *param, *name; /* name NULL: the API has none */
        const double *real;
        const int64_t *integer;
    } rows[] = {
        { AIGW_PARAM_MAX_TOKENS, "max_tokens", "max_tokens", NULL, &params->max_tokens },
        { AIGW_PARAM_MIN_TOKENS, "min_tokens", is_chat ? NULL : "min_tokens", NULL, &params->min_tokens },
        { AIGW_PARAM_TEMPERATURE, "temperature", "temperature", &temperature, NULL },
        { AIGW_PARAM_TOP_P, "top_p", "top_p", &params->top_p, NULL },
        { AIGW_PARAM_SEED, "seed", "random_seed", NULL, &params->seed },
        { AIGW_PARAM_PRESENCE_PENALTY, "presence_penalty", is_chat ? "presence_penalty" : NULL,
          &params->presence_penalty, NULL },
        { AIGW_PARAM_FREQUENCY_PENALTY, "frequency_penalty", is_chat ? "frequency_penalty" : NULL,
          &params->frequency_penalty, NULL },
        { AIGW_PARAM_TOP_K, "top_k", NULL, NULL, NULL },
        { AIGW_PARAM_MIN_P, "min_p", NULL, NULL, NULL },
        { AIGW_PARAM_REPETITION_PENALTY, "repetition_penalty", NULL, NULL, NULL },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!(params->set & rows[i].bit))
            continue;
        if (!rows[i].name)
            mistral_drop(out, rows[i].param);
        else if (rows[i].real)
            wire_double(out->body, rows[i].name, *rows[i].real);
        else
            wire_int(out->body, rows[i].name, *rows[i].integer);
    }
    if ((params->set & AIGW_PARAM_TEMPERATURE) && params->temperature > TEMPERATURE_MAX)
        mistral_drop(out, "temperature"); /* not as high as was asked */
}

static void put_stops(struct mistral_out *out, const struct aigw_params *params)
{
    if (params->stop_count == 0)
        return;
    wire_key(out->body, "stop");
    for (uint32_t i = 0; i < params->stop_count; i++) {
        wire_puts(out->body, i > 0 ? "," : "[");
        out->host->buf_json(out->body->buf, params->stop[i]);
    }
    wire_puts(out->body, "]");
}

/* Nothing can be said about these, on any path. */
static void drop_strangers(struct mistral_out *out, const struct aigw_params *params)
{
    const struct {
        const char *name;
        bool is_set;
    } rows[] = { { "user", params->user.len > 0 },
                 { "logit_bias", params->logit_bias.len > 0 },
                 { "verbosity", params->verbosity.len > 0 },
                 { "service_tier", params->service_tier.len > 0 },
                 { "safety_settings", params->safety_settings.len > 0 && !wire_is_lenient(params->safety_settings) } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_set)
            mistral_drop(out, rows[i].name);
}

/* … and about these where no chat is. */
static void drop_chat_params(struct mistral_out *out, const struct aigw_params *params)
{
    const struct {
        const char *name;
        bool is_set;
    } rows[] = { { "format", params->format != AIGW_FORMAT_TEXT },
                 { "effort", params->effort.len > 0 },
                 { "reasoning", params->reasoning > AIGW_REASONING_OFF },
                 { "reasoning_budget", (params->set & AIGW_PARAM_REASONING_BUDGET) != 0 },
                 { "prediction", params->prediction.len > 0 } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_set)
            mistral_drop(out, rows[i].name);
}

static aigw_status put_object(struct mistral_out *out, const char *name, aigw_str text)
{
    if (text.len == 0)
        return AIGW_OK;
    if (!wire_is_json_object(text))
        return out->host->fail(out->ctx, AIGW_E_INVALID,
                               "the request cannot be sent to the Mistral API: %s is not a JSON object", name);
    wire_key(out->body, name);
    wire_put(out->body, text);
    return AIGW_OK;
}

static aigw_status put_format(struct mistral_out *out, const struct aigw_params *params)
{
    aigw_str name = params->schema_name.len > 0 ? params->schema_name : AIGW_STR("answer");
    aigw_status status;

    if (params->format == AIGW_FORMAT_TEXT)
        return AIGW_OK;
    if (params->format > AIGW_FORMAT_SCHEMA)
        return mistral_unsupported(out, "such format of the answer", params->format);
    wire_key(out->body, "response_format");
    if (params->format == AIGW_FORMAT_JSON) {
        wire_puts(out->body, "{\"type\":\"json_object\"}");
        return AIGW_OK;
    }
    wire_puts(out->body, "{\"type\":\"json_schema\",\"json_schema\":{\"name\":");
    out->host->buf_json(out->body->buf, name);
    if (params->schema_description.len > 0) {
        wire_puts(out->body, ",\"description\":");
        out->host->buf_json(out->body->buf, params->schema_description);
    }
    wire_puts(out->body, ",\"schema\":");
    status = mistral_put_schema(out, params->schema);
    mistral_put_strict(out, params->schema_strict);
    wire_puts(out->body, "}}");
    return status;
}

/* Magistral thinks in a mode; other models know an effort, most of them none at all: only what was really asked for is
 * sent. No effort is what they begin with. */
static void put_reasoning(struct mistral_out *out, const struct aigw_params *params)
{
    static const struct {
        int64_t below;
        const char *effort;
    } steps[] = { { 2048, "minimal" }, { 8192, "low" }, { 16384, "medium" }, { INT64_MAX, "high" } };
    bool has_budget = params->set & AIGW_PARAM_REASONING_BUDGET, is_on = params->reasoning > AIGW_REASONING_OFF;
    aigw_str effort = params->effort;
    size_t step = 0;

    if (out->quirks->has_prompt_mode) {
        if (effort.len > 0 || has_budget)
            mistral_drop(out, effort.len > 0 ? "effort" : "reasoning_budget");
        if (is_on || (effort.len > 0 && !wire_is(effort, "none")))
            wire_string(out->body, "prompt_mode", AIGW_STR("reasoning"));
        return;
    }
    if (effort.len == 0 && params->reasoning != AIGW_REASONING_OFF && has_budget) {
        while (params->reasoning_budget >= steps[step].below && steps[step].below != INT64_MAX)
            step++;
        effort = wire_str(steps[step].effort);
    } else if (effort.len == 0 && params->reasoning == AIGW_REASONING_ON) {
        effort = AIGW_STR("high");
    } else if (effort.len == 0 && is_on) {
        mistral_drop(out, "reasoning"); /* how hard is up to the model, and it cannot be told so */
    }
    if (effort.len > 0)
        wire_string(out->body, "reasoning_effort", effort);
}

static aigw_status put_params(struct mistral_out *out, uint32_t path, const struct aigw_params *params)
{
    bool is_chat = path == MISTRAL_CHAT;
    aigw_status status = AIGW_OK;

    if (params->want_logprobs == AIGW_YES)
        return wire_lacks(out->host, out->ctx, "logprobs", "the Mistral API", "log probabilities");
    if (params->choice_count > 1 && !is_chat)
        return wire_lacks(out->host, out->ctx, "n", "the Mistral API", "several answers to one prompt");
    put_sampling(out, path, params);
    put_stops(out, params);
    drop_strangers(out, params);
    if (params->cache_key.len > 0)
        wire_string(out->body, "prompt_cache_key", params->cache_key);
    status = put_object(out, "metadata", params->metadata);
    if (!is_chat) {
        drop_chat_params(out, params);
        return status;
    }
    if (params->choice_count > 1)
        wire_int(out->body, "n", params->choice_count);
    put_reasoning(out, params);
    if (status == AIGW_OK)
        status = put_format(out, params);
    return status == AIGW_OK ? put_object(out, "prediction", params->prediction) : status;
}

/* ---- prompts ---- */

/* "[SUFFIX]…[PREFIX]…", the form in which prompts for Codestral ask for what stands between. */
static bool split_gap(aigw_str text, aigw_str *ret_prompt, aigw_str *ret_suffix)
{
    static const char begin[] = "[SUFFIX]", middle[] = "[PREFIX]";
    const char *at;

    if (wire_has_prefix(text, "<s>"))
        text = (aigw_str){ text.ptr + 3, text.len - 3 };
    if (!wire_has_prefix(text, begin))
        return false;
    text = (aigw_str){ text.ptr + sizeof begin - 1, text.len - (sizeof begin - 1) };
    at = text.len > 0 ? memmem(text.ptr, text.len, middle, sizeof middle - 1) : NULL;
    if (!at)
        return false;
    *ret_suffix = (aigw_str){ text.ptr, (size_t)(at - text.ptr) };
    at += sizeof middle - 1;
    *ret_prompt = (aigw_str){ at, (size_t)(text.ptr + text.len - at) };
    return true;
}

/* A chat for this path: all its text, one message after the other; or, where its last text asks for what stands in a
 * gap, that alone: instructions mean nothing to a completion. */
static aigw_status put_chat_prompt(struct mistral_out *out, const struct aigw_model_request *req)
{
    aigw_str text, prompt, suffix, last;
    uint32_t count;
    aigw_status status = openai_join_chat(out->host, out->ctx, req, &text, &last, &count);

    if (status != AIGW_OK)
        return status;
    if (!split_gap(last, &prompt, &suffix)) {
        wire_string(out->body, "prompt", text);
        return AIGW_OK;
    }
    if (count > 1)
        mistral_drop(out, "messages");
    wire_string(out->body, "prompt", prompt);
    wire_string(out->body, "suffix", suffix);
    return AIGW_OK;
}

static aigw_status put_prompt(struct mistral_out *out, const struct aigw_model_request *req)
{
    if (req->kind != AIGW_CALL_COMPLETION)
        return put_chat_prompt(out, req);
    wire_string(out->body, "prompt", req->prompt);
    if (req->suffix.len > 0)
        wire_string(out->body, "suffix", req->suffix);
    return AIGW_OK;
}

static void put_inputs(struct mistral_out *out, const struct aigw_model_request *req)
{
    openai_put_inputs(out->body, req);
    if (req->dimensions > 0)
        wire_int(out->body, "output_dimension", req->dimensions);
    if (req->input_type.len > 0)
        mistral_drop(out, "input_type");
    if (req->params && req->params->user.len > 0)
        mistral_drop(out, "user");
}

/* ---- the whole ---- */

static aigw_status put_call(struct mistral_out *out, uint32_t path, const struct aigw_model_request *req)
{
    aigw_status status;

    if (path == MISTRAL_EMBEDDING) {
        put_inputs(out, req);
        return AIGW_OK;
    }
    status = path == MISTRAL_CHAT ? mistral_messages(out, req) : put_prompt(out, req);
    if (status == AIGW_OK && path == MISTRAL_CHAT)
        status = mistral_put_tools(out, req);
    if (status == AIGW_OK && req->params)
        status = put_params(out, path, req->params);
    if (status == AIGW_OK && out->quirks->safe_prompt && path == MISTRAL_CHAT) {
        wire_key(out->body, "safe_prompt");
        wire_puts(out->body, "true");
    }
    if (req->flags & AIGW_REQF_STREAM) {
        wire_key(out->body, "stream");
        wire_puts(out->body, "true");
    }
    return status;
}

aigw_status mistral_body(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t path, aigw_str model,
                         const struct aigw_model_request *req, const struct mistral_quirks *quirks,
                         struct wire_drops *drops, aigw_str *ret_body)
{
    struct wire_body body;
    struct mistral_out out = { .host = host, .ctx = ctx, .body = &body, .quirks = quirks, .drops = drops };
    aigw_status status = wire_begin(&body, host, ctx);

    if (status != AIGW_OK)
        return status;
    wire_string(&body, "model", model);
    out.is_foreign = !mistral_is_ours(req->dialect);
    status = put_call(&out, path, req);
    if (status == AIGW_OK && req->extra.len > 0 && !out.is_foreign)
        status = put_members(&out, req->extra, false);
    else if (status == AIGW_OK && wire_drop_members(host, ctx, drops, req->extra) != AIGW_OK)
        status = mistral_invalid(&out, "the extra members are not a JSON object");
    if (status == AIGW_OK && quirks->body.len > 0)
        status = put_members(&out, quirks->body, true);
    if (status == AIGW_OK)
        status = wire_settle_drops(host, ctx, drops, req, "the Mistral API");
    return status == AIGW_OK ? wire_end(&body, ret_body) : status;
}
