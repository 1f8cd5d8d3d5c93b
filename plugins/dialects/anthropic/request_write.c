/* request_write.c - canonical request → Anthropic's Messages body: parameters, tools, thinking. The turns are in
 * request_turns.c. */
#include "anthropic.h"

#include <string.h>

#define ANTHROPIC_BUDGET_MIN     1024
#define ANTHROPIC_BUDGET_DEFAULT 8192

static const char *const anthropic_reserved[] = { "model",       "messages",          "system", "stream", "tools",
                                                  "tool_choice", "anthropic_version", NULL };

static void drop(struct anthropic_out *out, const char *name)
{
    wire_drop(out->host, out->ctx, out->drops, wire_str(name));
}

static bool same(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ---- tools ---- */

/* A schema must say that it is about an object. */
static aigw_status put_schema(struct anthropic_out *out, aigw_str schema)
{
    struct json_object *obj = schema.len > 0 ? wire_parse(schema) : NULL;
    bool has_type = wire_member(obj, "type");

    json_object_put(obj);
    if (has_type && wire_is_json_object(schema)) {
        wire_put(out->body, schema);
        return AIGW_OK;
    }
    wire_puts(out->body, "{\"type\":\"object\"");
    if (!wire_is(schema, "null") && wire_splice(out->body, schema) != AIGW_OK)
        return anthropic_invalid(out, "a tool's parameters are not a JSON object");
    wire_puts(out->body, "}");
    return AIGW_OK;
}

static aigw_status put_function(struct anthropic_out *out, const struct aigw_tool *tool)
{
    bool is_ours = tool->origin.len > 0 && anthropic_is_ours(tool->origin);
    aigw_status status;

    wire_puts(out->body, "{\"name\":");
    out->host->buf_json(out->body->buf, tool->name);
    if (tool->description.len > 0) {
        wire_puts(out->body, ",\"description\":");
        out->host->buf_json(out->body->buf, tool->description);
    }
    wire_puts(out->body, ",\"input_schema\":");
    status = put_schema(out, tool->parameters);
    if (status != AIGW_OK)
        return status;
    if (tool->flags & AIGW_TOOLF_STRICT)
        wire_puts(out->body, ",\"strict\":true");
    if ((tool->flags & AIGW_TOOLF_DEFERRED) && is_ours) /* elsewhere nothing would search for it */
        wire_puts(out->body, ",\"defer_loading\":true");
    if (anthropic_is_ours(tool->origin) && wire_splice(out->body, tool->extra) != AIGW_OK)
        return anthropic_invalid(out, "a tool's extra members are not a JSON object");
    anthropic_put_mark(out, tool->flags & AIGW_TOOLF_CACHE, 0);
    wire_puts(out->body, "}");
    return AIGW_OK;
}

static bool is_allowed(const struct aigw_params *params, aigw_str name)
{
    if (!params || params->allowed_count == 0)
        return true;
    for (uint32_t i = 0; i < params->allowed_count; i++)
        if (same(params->allowed_tools[i], name))
            return true;
    return false;
}

/* What is put of the tools. */
struct anthropic_listed {
    uint32_t count;
    bool has_named; /* the demanded one is among them */
};

static aigw_status put_tool_list(struct anthropic_out *out, const struct aigw_tool *tools,
                                 const struct aigw_model_request *req, struct anthropic_listed *listed)
{
    aigw_status status = AIGW_OK;

    for (const struct aigw_tool *tool = tools; tool && status == AIGW_OK; tool = tool->next) {
        bool is_server = tool->kind == AIGW_TOOL_SERVER;

        if (tool->kind != AIGW_TOOL_FUNCTION && !is_server)
            return anthropic_unsupported(out, "such kind of tool", tool->kind);
        if (tool->scope.len > 0)
            return anthropic_unsupported(out, "namespaces of tools", tool->kind);
        if (is_server && (!anthropic_is_ours(tool->origin) || !wire_is_json_object(tool->extra))) {
            wire_drop(out->host, out->ctx, out->drops, tool->name); /* agents list them in every request */
            continue;
        }
        if (!is_allowed(req->params, tool->name))
            continue;
        if (listed->count == 0)
            wire_key(out->body, "tools");
        wire_puts(out->body, listed->count++ > 0 ? "," : "[");
        listed->has_named |= req->tool_choice_name.len > 0 && same(tool->name, req->tool_choice_name);
        if (is_server)
            wire_put(out->body, tool->extra);
        else
            status = put_function(out, tool);
    }
    return status;
}

static aigw_status put_choice(struct anthropic_out *out, const struct aigw_model_request *req,
                              const struct anthropic_listed *listed)
{
    bool is_single = req->params && req->params->parallel_calls == AIGW_NO && req->tool_choice != AIGW_TOOLS_NONE;

    if (listed->count == 0) {
        if (req->tool_choice != AIGW_TOOLS_AUTO)
            drop(out, "tool_choice");
        return AIGW_OK;
    }
    if (req->tool_choice > AIGW_TOOLS_NAMED)
        return anthropic_unsupported(out, "such choice of tools", req->tool_choice);
    if (req->tool_choice == AIGW_TOOLS_NAMED && !listed->has_named)
        return anthropic_invalid(out, "the demanded tool is not among the tools");
    if (req->tool_choice == AIGW_TOOLS_AUTO && !is_single)
        return AIGW_OK;
    wire_key(out->body, "tool_choice");
    wire_puts(out->body, req->tool_choice == AIGW_TOOLS_NAMED      ? "{\"type\":\"tool\",\"name\":"
                         : req->tool_choice == AIGW_TOOLS_NONE     ? "{\"type\":\"none\""
                         : req->tool_choice == AIGW_TOOLS_REQUIRED ? "{\"type\":\"any\""
                                                                   : "{\"type\":\"auto\"");
    if (req->tool_choice == AIGW_TOOLS_NAMED)
        out->host->buf_json(out->body->buf, req->tool_choice_name);
    wire_puts(out->body, is_single ? ",\"disable_parallel_tool_use\":true}" : "}");
    return AIGW_OK;
}

static aigw_status anthropic_tools(struct anthropic_out *out, const struct aigw_model_request *req)
{
    struct anthropic_listed listed = { .count = 0 };
    aigw_status status = put_tool_list(out, req->tools, req, &listed);

    for (const struct aigw_message *msg = req->messages; msg && status == AIGW_OK; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next)
            if (part->type == AIGW_PART_TOOLS)
                status = put_tool_list(out, part->tools, req, &listed);
    if (listed.count > 0)
        wire_puts(out->body, "]");
    return status == AIGW_OK ? put_choice(out, req, &listed) : status;
}

/* ---- thinking ---- */

/* Tokens to think with, when only a word or nothing says how much. */
static int64_t budget_of_effort(aigw_str effort)
{
    static const struct {
        const char *effort;
        int64_t budget;
    } rows[] = { { "minimal", 1024 }, { "low", 2048 }, { "medium", 8192 }, { "high", 16384 }, { "xhigh", 32768 } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (wire_is(effort, rows[i].effort))
            return rows[i].budget;
    return ANTHROPIC_BUDGET_DEFAULT;
}

/* Settle thinking and the output limit together: the budget is part of it, and has a least size. */
static void settle_thinking(struct anthropic_out *out, const struct aigw_model_request *req, int64_t *max_tokens,
                            int64_t *ret_budget)
{
    const struct aigw_params *params = req->params;
    bool has_max = params && (params->set & AIGW_PARAM_MAX_TOKENS);
    bool has_budget = params && (params->set & AIGW_PARAM_REASONING_BUDGET);

    *max_tokens = has_max ? params->max_tokens : out->quirks->max_tokens;
    *ret_budget = 0;
    if (!params)
        return;
    if (params->reasoning == AIGW_REASONING_OFF || wire_is(params->effort, "none"))
        out->thinking = ANTHROPIC_THINK_OFF;
    else if (params->reasoning == AIGW_REASONING_ADAPTIVE)
        out->thinking = ANTHROPIC_THINK_ADAPTIVE;
    else if (params->reasoning == AIGW_REASONING_ON || has_budget)
        out->thinking = ANTHROPIC_THINK_BUDGET;
    /* A demanded tool leaves nothing to think about, says the API. */
    if ((out->thinking == ANTHROPIC_THINK_BUDGET || out->thinking == ANTHROPIC_THINK_ADAPTIVE) && req->tools &&
        (req->tool_choice == AIGW_TOOLS_REQUIRED || req->tool_choice == AIGW_TOOLS_NAMED)) {
        out->thinking = ANTHROPIC_THINK_UNSAID;
        drop(out, "reasoning");
    }
    if (out->thinking != ANTHROPIC_THINK_BUDGET)
        return;
    *ret_budget = has_budget ? params->reasoning_budget : budget_of_effort(params->effort);
    if (!has_max)
        *max_tokens = *ret_budget + out->quirks->max_tokens;
    else if (*ret_budget >= *max_tokens)
        *ret_budget = *max_tokens - 1;
    if (*ret_budget < ANTHROPIC_BUDGET_MIN) {
        out->thinking = ANTHROPIC_THINK_UNSAID;
        if (!has_max)
            *max_tokens = out->quirks->max_tokens;
        drop(out, has_budget ? "reasoning_budget" : "reasoning");
    }
}

static void put_thinking(struct anthropic_out *out, const struct aigw_params *params, int64_t budget)
{
    if (out->thinking == ANTHROPIC_THINK_UNSAID || !params)
        return;
    wire_key(out->body, "thinking");
    if (out->thinking == ANTHROPIC_THINK_OFF) {
        wire_puts(out->body, "{\"type\":\"disabled\"}");
        return;
    }
    if (out->thinking == ANTHROPIC_THINK_BUDGET)
        out->host->buf_printf(out->body->buf, "{\"type\":\"enabled\",\"budget_tokens\":%lld", (long long)budget);
    else
        wire_puts(out->body, "{\"type\":\"adaptive\"");
    if (params->reasoning_show == AIGW_SHOW_OMIT)
        wire_puts(out->body, ",\"display\":\"omitted\"");
    else if (params->reasoning_show == AIGW_SHOW_SUMMARY)
        wire_puts(out->body, ",\"display\":\"summarized\"");
    wire_puts(out->body, "}");
}

/* ---- parameters ---- */

static void put_sampling(struct anthropic_out *out, const struct aigw_params *params)
{
    bool is_thinking = out->thinking == ANTHROPIC_THINK_BUDGET || out->thinking == ANTHROPIC_THINK_ADAPTIVE;
    bool is_refused = out->quirks->drop_sampling || is_thinking;
    bool has_temperature = params->set & AIGW_PARAM_TEMPERATURE;

    if (has_temperature && (is_refused || params->temperature > 1 || params->temperature < 0))
        drop(out, "temperature"); /* or held within its range */
    if (has_temperature && !is_refused)
        wire_double(out->body, "temperature",
                    params->temperature < 0   ? 0
                    : params->temperature > 1 ? 1
                                              : params->temperature);
    /* Newer models refuse temperature together with top_p. */
    if ((params->set & AIGW_PARAM_TOP_P) && (is_refused || has_temperature))
        drop(out, "top_p");
    else if (params->set & AIGW_PARAM_TOP_P)
        wire_double(out->body, "top_p", params->top_p);
    if ((params->set & AIGW_PARAM_TOP_K) && is_refused)
        drop(out, "top_k");
    else if (params->set & AIGW_PARAM_TOP_K)
        wire_int(out->body, "top_k", params->top_k);
}

static void put_stops(struct anthropic_out *out, const struct aigw_params *params)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < params->stop_count; i++) {
        if (wire_is_blank(params->stop[i])) { /* refused */
            drop(out, "stop");
            continue;
        }
        if (count == 0)
            wire_key(out->body, "stop_sequences");
        wire_puts(out->body, count++ > 0 ? "," : "[");
        out->host->buf_json(out->body->buf, params->stop[i]);
    }
    if (count > 0)
        wire_puts(out->body, "]");
}

static void drop_others(struct anthropic_out *out, const struct aigw_params *params)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } rows[] = {
        { AIGW_PARAM_SEED, "seed" },
        { AIGW_PARAM_PRESENCE_PENALTY, "presence_penalty" },
        { AIGW_PARAM_FREQUENCY_PENALTY, "frequency_penalty" },
        { AIGW_PARAM_MIN_P, "min_p" },
        { AIGW_PARAM_REPETITION_PENALTY, "repetition_penalty" },
        { AIGW_PARAM_MIN_TOKENS, "min_tokens" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (params->set & rows[i].bit)
            drop(out, rows[i].name);
    if (params->logit_bias.len > 0)
        drop(out, "logit_bias");
    if (params->verbosity.len > 0)
        drop(out, "verbosity");
    if (params->safety_settings.len > 0)
        drop(out, "safety_settings");
}

static aigw_status put_output_config(struct anthropic_out *out, const struct aigw_params *params)
{
    bool has_effort = params->effort.len > 0 && !wire_is(params->effort, "none");
    bool has_schema = params->format == AIGW_FORMAT_SCHEMA;

    if (params->format > AIGW_FORMAT_SCHEMA)
        return anthropic_unsupported(out, "such format of the answer", params->format);
    if (!has_effort && !has_schema)
        return AIGW_OK;
    wire_key(out->body, "output_config");
    wire_puts(out->body, "{");
    if (has_effort) {
        wire_puts(out->body, "\"effort\":");
        out->host->buf_json(out->body->buf, wire_is(params->effort, "minimal") ? AIGW_STR("low") : params->effort);
    }
    if (has_schema) {
        if (!wire_is_json_object(params->schema))
            return anthropic_invalid(out, "the schema of the answer is not a JSON object");
        wire_puts(out->body, has_effort ? ",\"format\":{\"type\":\"json_schema\",\"schema\":"
                                        : "\"format\":{\"type\":\"json_schema\",\"schema\":");
        wire_put(out->body, params->schema);
        wire_puts(out->body, "}");
    }
    wire_puts(out->body, "}");
    return AIGW_OK;
}

/* What a client reads in the answer cannot be left out without a lie. */
static aigw_status check_params(struct anthropic_out *out, const struct aigw_params *params)
{
    if (params->choice_count > 1)
        return anthropic_unsupported(out, "more than one answer to a call", params->choice_count);
    if (params->want_logprobs == AIGW_YES)
        return anthropic_unsupported(out, "log probabilities", params->want_logprobs);
    return AIGW_OK;
}

static void anthropic_params(struct anthropic_out *out, const struct aigw_params *params)
{
    put_sampling(out, params);
    put_stops(out, params);
    drop_others(out, params);
    if (wire_is(params->service_tier, "auto") || wire_is(params->service_tier, "standard_only"))
        wire_string(out->body, "service_tier", params->service_tier);
    else if (params->service_tier.len > 0)
        drop(out, "service_tier");
    if (params->user.len > 0) {
        wire_key(out->body, "metadata");
        wire_puts(out->body, "{\"user_id\":");
        out->host->buf_json(out->body->buf, params->user);
        wire_puts(out->body, "}");
    }
}

/* ---- the whole ---- */

static bool asks_for_thinking(struct json_object *extra)
{
    struct json_object *thinking = wire_get(extra, "thinking", json_type_object);

    return thinking && !wire_is(wire_get_str(thinking, "type"), "disabled");
}

static aigw_status put_call(struct anthropic_out *out, const struct aigw_model_request *req, struct json_object *extra)
{
    const struct aigw_params *params = req->params;
    bool is_count = req->kind == AIGW_CALL_COUNT, is_json = params && params->format == AIGW_FORMAT_JSON;
    bool thinks_by_extra = asks_for_thinking(extra);
    int64_t max_tokens, budget;
    aigw_status status = params ? check_params(out, params) : AIGW_OK;

    if (status != AIGW_OK)
        return status;
    settle_thinking(out, req, &max_tokens, &budget);
    if (!is_count)
        wire_int(out->body, "max_tokens", max_tokens);
    if (out->thinking != ANTHROPIC_THINK_UNSAID)
        put_thinking(out, params, budget);
    else if (thinks_by_extra)
        out->thinking = ANTHROPIC_THINK_ADAPTIVE; /* in whichever form it says */
    if (params && !is_count)
        anthropic_params(out, params);
    if (params)
        status = put_output_config(out, params);
    anthropic_count_marks(out, req);
    if (status == AIGW_OK)
        status = anthropic_tools(out, req);
    if (is_json)
        drop(out, "format");
    if (status == AIGW_OK)
        status = anthropic_turns(out, req, is_json ? "Answer with one JSON object only." : NULL);
    if (status == AIGW_OK && (req->flags & AIGW_REQF_STREAM) && !is_count) {
        wire_key(out->body, "stream");
        wire_puts(out->body, "true");
    }
    return status;
}

aigw_status anthropic_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                           const struct aigw_model_request *req, const struct anthropic_quirks *quirks,
                           struct wire_drops *drops, aigw_str *ret_body)
{
    struct json_object *extra = NULL;
    struct wire_body body;
    struct anthropic_out out = { .host = host, .ctx = ctx, .body = &body, .quirks = quirks, .drops = drops };
    aigw_status status = wire_begin(&body, host, ctx);

    if (status != AIGW_OK)
        return status;
    /* Members in another vendor's spelling would mean something else here, or nothing. */
    out.is_foreign = !anthropic_is_ours(req->dialect);
    if (req->extra.len > 0 && out.is_foreign)
        return host->fail(ctx, AIGW_E_UNSUPPORTED,
                          "members in the dialect \"%.*s\" have no place in the Anthropic dialect",
                          AIGW_STR_ARG(req->dialect));
    if (req->extra.len > 0) {
        extra = wire_parse(req->extra);
        if (!json_object_is_type(extra, json_type_object)) {
            status = anthropic_invalid(&out, "the extra members are not a JSON object");
            goto out;
        }
    }
    if (quirks->version)
        wire_string(&body, "anthropic_version", wire_str(quirks->version));
    if (!quirks->omit_model)
        wire_string(&body, "model", model);
    status = put_call(&out, req, extra);
    if (status == AIGW_OK)
        status = wire_merge(&body, extra, anthropic_reserved, drops);
    if (status == AIGW_OK)
        status = drops->status;
    if (status == AIGW_OK)
        status = wire_end(&body, ret_body);
out:
    json_object_put(extra);
    return status;
}
