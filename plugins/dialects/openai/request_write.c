/* request_write.c - canonical request → OpenAI's JSON bodies. Written straight into a buffer: no tree. The messages of
 * a chat are in request_messages.c. */
#include "openai.h"

#include <string.h>

/* Members that describe the call itself; `extra` never sets them. */
static const char *const openai_reserved[] = { "model",          "messages", "prompt",      "input", "suffix", "stream",
                                               "stream_options", "tools",    "tool_choice", "n",     NULL };

static void drop(struct openai_out *out, const char *name)
{
    wire_drop(out->host, out->ctx, out->drops, wire_str(name));
}

/* ---- prompts ---- */

/* A chat for the legacy path: all its text, one message after the other. */
static aigw_status openai_prompt(struct openai_out *out, const struct aigw_model_request *req)
{
    const struct aigw_host *host = out->host;
    struct aigw_buf *joined;
    aigw_str text;
    aigw_status status;
    uint32_t count = 0;

    if (req->kind == AIGW_CALL_COMPLETION) {
        wire_string(out->body, "prompt", req->prompt);
        if (req->suffix.len > 0)
            wire_string(out->body, "suffix", req->suffix);
        return AIGW_OK;
    }
    if (req->tools)
        return openai_unsupported(out, "tools on the completions path", req->kind);
    joined = host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    if (!joined)
        return AIGW_E_NOMEM;
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next) {
            if (part->type != AIGW_PART_TEXT || part->extra.len > 0 || msg->extra.len > 0)
                return openai_unsupported(out, "such part on the completions path", part->type);
            if (count++ > 0)
                host->buf_put(joined, "\n", 1);
            host->buf_put(joined, part->text.ptr, part->text.len);
        }
    status = host->buf_view(joined, &text);
    if (status == AIGW_OK)
        wire_string(out->body, "prompt", text);
    return status;
}

static void openai_embedding(struct openai_out *out, const struct aigw_model_request *req)
{
    wire_key(out->body, "input");
    wire_puts(out->body, "[");
    for (uint32_t i = 0; i < req->input_count; i++) {
        if (i > 0)
            wire_puts(out->body, ",");
        out->host->buf_json(out->body->buf, req->inputs[i]);
    }
    wire_puts(out->body, "]");
    if (req->dimensions > 0)
        wire_int(out->body, "dimensions", req->dimensions);
    if (req->input_type.len > 0)
        drop(out, "input_type");
    if (req->params && req->params->user.len > 0)
        wire_string(out->body, "user", req->params->user);
}

/* ---- tools ---- */

static bool is_allowed(const struct aigw_params *params, aigw_str name)
{
    if (!params || params->allowed_count == 0)
        return true;
    for (uint32_t i = 0; i < params->allowed_count; i++)
        if (params->allowed_tools[i].len == name.len && memcmp(params->allowed_tools[i].ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

static aigw_status put_function(struct openai_out *out, const struct aigw_tool *tool)
{
    struct wire_body *body = out->body;

    wire_puts(body, "{\"type\":\"function\",\"function\":{\"name\":");
    out->host->buf_json(body->buf, tool->name);
    if (tool->description.len > 0) {
        wire_puts(body, ",\"description\":");
        out->host->buf_json(body->buf, tool->description);
    }
    if (tool->parameters.len > 0) {
        if (!wire_is_json_object(tool->parameters))
            return openai_invalid(out, "a tool's parameters are not a JSON object");
        wire_puts(body, ",\"parameters\":");
        wire_put(body, tool->parameters);
    }
    if (tool->flags & AIGW_TOOLF_STRICT)
        wire_puts(body, ",\"strict\":true");
    else if (tool->flags & AIGW_TOOLF_STRICT_OFF)
        wire_puts(body, ",\"strict\":false");
    wire_puts(body, "}");
    /* What another vendor's dialect says about its tools (caching, examples) means nothing here. */
    if (openai_is_ours(tool->origin) && wire_splice(body, tool->extra) != AIGW_OK)
        return openai_invalid(out, "a tool's extra members are not a JSON object");
    wire_puts(body, "}");
    return AIGW_OK;
}

static aigw_status put_free_text(struct openai_out *out, const struct aigw_tool *tool)
{
    struct wire_body *body = out->body;

    if (tool->grammar.len > 0 && (!openai_is_ours(tool->origin) || !wire_is_json_object(tool->grammar)))
        return openai_unsupported(out, "grammar in another vendor's spelling", tool->kind);
    wire_puts(body, "{\"type\":\"custom\",\"custom\":{\"name\":");
    out->host->buf_json(body->buf, tool->name);
    if (tool->description.len > 0) {
        wire_puts(body, ",\"description\":");
        out->host->buf_json(body->buf, tool->description);
    }
    if (tool->grammar.len > 0) {
        wire_puts(body, ",\"format\":");
        wire_put(body, tool->grammar);
    }
    wire_puts(body, "}");
    if (openai_is_ours(tool->origin) && wire_splice(body, tool->extra) != AIGW_OK)
        return openai_invalid(out, "a tool's extra members are not a JSON object");
    wire_puts(body, "}");
    return AIGW_OK;
}

static aigw_status put_tool(struct openai_out *out, const struct aigw_tool *tool, uint32_t *count)
{
    bool is_server = tool->kind == AIGW_TOOL_SERVER;

    if (tool->kind > AIGW_TOOL_SERVER)
        return openai_unsupported(out, "such kind of tool", tool->kind);
    if (tool->scope.len > 0)
        return openai_unsupported(out, "namespaces of tools", tool->kind);
    if (is_server && (!openai_is_ours(tool->origin) || !wire_is_json_object(tool->extra))) {
        wire_drop(out->host, out->ctx, out->drops, tool->name); /* agents list them in every request */
        return AIGW_OK;
    }
    if (*count == 0)
        wire_key(out->body, "tools");
    wire_puts(out->body, (*count)++ > 0 ? "," : "[");
    if (is_server)
        wire_put(out->body, tool->extra);
    return is_server ? AIGW_OK : tool->kind == AIGW_TOOL_FREE_TEXT ? put_free_text(out, tool) : put_function(out, tool);
}

/* What is put of the tools: how many, and the kind of the demanded one (SERVER: it is not among them). */
struct openai_listed {
    uint32_t count, named;
};

static aigw_status put_tool_list(struct openai_out *out, const struct aigw_tool *tools,
                                 const struct aigw_model_request *req, struct openai_listed *listed)
{
    aigw_str want = req->tool_choice_name;
    aigw_status status = AIGW_OK;

    for (const struct aigw_tool *tool = tools; tool && status == AIGW_OK; tool = tool->next) {
        if (want.len > 0 && tool->name.len == want.len && memcmp(tool->name.ptr, want.ptr, want.len) == 0)
            listed->named = tool->kind;
        if (out->quirks->is_official || is_allowed(req->params, tool->name))
            status = put_tool(out, tool, &listed->count);
    }
    return status;
}

/* The tools of the request, then those that become known in its messages. */
static aigw_status put_tools(struct openai_out *out, const struct aigw_model_request *req, struct openai_listed *listed)
{
    aigw_status status = put_tool_list(out, req->tools, req, listed);

    for (const struct aigw_message *msg = req->messages; msg && status == AIGW_OK; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next)
            if (part->type == AIGW_PART_TOOLS)
                status = put_tool_list(out, part->tools, req, listed);
    if (listed->count > 0)
        wire_puts(out->body, "]");
    return status;
}

static void put_allowed(struct openai_out *out, const struct aigw_params *params, uint32_t tool_choice)
{
    wire_key(out->body, "tool_choice");
    wire_puts(out->body, "{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"");
    wire_puts(out->body, tool_choice == AIGW_TOOLS_REQUIRED ? "required" : "auto");
    wire_puts(out->body, "\",\"tools\":[");
    for (uint32_t i = 0; i < params->allowed_count; i++) {
        wire_puts(out->body, i > 0 ? ",{\"type\":\"function\",\"function\":{\"name\":"
                                   : "{\"type\":\"function\",\"function\":{\"name\":");
        out->host->buf_json(out->body->buf, params->allowed_tools[i]);
        wire_puts(out->body, "}}");
    }
    wire_puts(out->body, "]}}");
}

static aigw_status openai_tools(struct openai_out *out, const struct aigw_model_request *req)
{
    struct openai_listed listed = { .named = AIGW_TOOL_SERVER };
    aigw_status status = put_tools(out, req, &listed);
    bool has_allowed = req->params && req->params->allowed_count > 0 && out->quirks->is_official;

    if (status == AIGW_OK && listed.count == 0 && req->tool_choice != AIGW_TOOLS_AUTO)
        drop(out, "tool_choice");
    if (status != AIGW_OK || listed.count == 0)
        return status;
    if (req->tool_choice == AIGW_TOOLS_NONE) {
        wire_string(out->body, "tool_choice", AIGW_STR("none"));
    } else if (req->tool_choice == AIGW_TOOLS_NAMED) {
        if (listed.named == AIGW_TOOL_SERVER)
            return openai_invalid(out, "the demanded tool is not among the tools");
        wire_key(out->body, "tool_choice");
        wire_puts(out->body, listed.named == AIGW_TOOL_FREE_TEXT ? "{\"type\":\"custom\",\"custom\":{\"name\":"
                                                                 : "{\"type\":\"function\",\"function\":{\"name\":");
        out->host->buf_json(out->body->buf, req->tool_choice_name);
        wire_puts(out->body, "}}");
    } else if (has_allowed) {
        put_allowed(out, req->params, req->tool_choice);
    } else if (req->tool_choice == AIGW_TOOLS_REQUIRED) {
        wire_string(out->body, "tool_choice", AIGW_STR("required"));
    } else if (req->tool_choice != AIGW_TOOLS_AUTO) {
        return openai_unsupported(out, "such choice of tools", req->tool_choice);
    }
    if (req->params && req->params->parallel_calls != AIGW_UNSET) {
        wire_key(out->body, "parallel_tool_calls");
        wire_puts(out->body, req->params->parallel_calls == AIGW_YES ? "true" : "false");
    }
    return AIGW_OK;
}

/* ---- parameters ---- */

static void put_stops(struct openai_out *out, const struct aigw_params *params)
{
    int64_t max = out->quirks->max_stops;
    uint32_t count = params->stop_count;

    if (max >= 0 && (int64_t)count > max) {
        count = (uint32_t)max;
        drop(out, "stop");
    }
    if (count == 0)
        return;
    wire_key(out->body, "stop");
    for (uint32_t i = 0; i < count; i++) {
        wire_puts(out->body, i > 0 ? "," : "[");
        out->host->buf_json(out->body->buf, params->stop[i]);
    }
    wire_puts(out->body, "]");
}

/* How to sample. Not all servers take all: `others` only exist outside of OpenAI. */
static void put_sampling(struct openai_out *out, const struct aigw_params *params)
{
    const struct {
        uint32_t bit;
        const char *name;
        const double *real;
        const int64_t *integer;
        bool others;
    } rows[] = {
        { AIGW_PARAM_TEMPERATURE, "temperature", &params->temperature, NULL, false },
        { AIGW_PARAM_TOP_P, "top_p", &params->top_p, NULL, false },
        { AIGW_PARAM_PRESENCE_PENALTY, "presence_penalty", &params->presence_penalty, NULL, false },
        { AIGW_PARAM_FREQUENCY_PENALTY, "frequency_penalty", &params->frequency_penalty, NULL, false },
        { AIGW_PARAM_TOP_K, "top_k", NULL, &params->top_k, true },
        { AIGW_PARAM_MIN_P, "min_p", &params->min_p, NULL, true },
        { AIGW_PARAM_REPETITION_PENALTY, "repetition_penalty", &params->repetition_penalty, NULL, true },
        { AIGW_PARAM_MIN_TOKENS, "min_tokens", NULL, &params->min_tokens, true },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!(params->set & rows[i].bit))
            continue;
        if (out->quirks->drop_sampling || (rows[i].others && out->quirks->is_official))
            drop(out, rows[i].name);
        else if (rows[i].real)
            wire_double(out->body, rows[i].name, *rows[i].real);
        else
            wire_int(out->body, rows[i].name, *rows[i].integer);
    }
    if (params->set & AIGW_PARAM_SEED)
        wire_int(out->body, "seed", params->seed);
}

static aigw_status put_json(struct openai_out *out, const char *name, aigw_str text)
{
    if (text.len == 0)
        return AIGW_OK;
    if (!wire_is_json_object(text))
        return out->host->fail(out->ctx, AIGW_E_INVALID,
                               "the request cannot be sent in the OpenAI dialect: %s is not a JSON object", name);
    wire_key(out->body, name);
    wire_put(out->body, text);
    return AIGW_OK;
}

static aigw_status put_format(struct openai_out *out, const struct aigw_params *params)
{
    struct wire_body *body = out->body;

    if (params->format == AIGW_FORMAT_TEXT)
        return AIGW_OK;
    if (params->format > AIGW_FORMAT_SCHEMA)
        return openai_unsupported(out, "such format of the answer", params->format);
    wire_key(body, "response_format");
    if (params->format == AIGW_FORMAT_JSON) {
        wire_puts(body, "{\"type\":\"json_object\"}");
        return AIGW_OK;
    }
    if (!wire_is_json_object(params->schema))
        return openai_invalid(out, "the schema of the answer is not a JSON object");
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

static void put_logprobs(struct openai_out *out, bool is_chat, const struct aigw_params *params)
{
    bool has_top = params->set & AIGW_PARAM_TOP_LOGPROBS;

    if (params->want_logprobs != AIGW_YES)
        return;
    if (!is_chat) {
        wire_int(out->body, "logprobs", has_top ? params->top_logprobs : 0);
        return;
    }
    wire_key(out->body, "logprobs");
    wire_puts(out->body, "true");
    if (has_top)
        wire_int(out->body, "top_logprobs", params->top_logprobs);
}

/* The dialect knows an effort, not a number of tokens. */
static void put_reasoning(struct openai_out *out, const struct aigw_params *params)
{
    aigw_str effort = params->effort;

    if (effort.len == 0 && params->reasoning == AIGW_REASONING_OFF)
        effort = AIGW_STR("none");
    else if (effort.len == 0 && (params->set & AIGW_PARAM_REASONING_BUDGET))
        effort = params->reasoning_budget < 2048    ? AIGW_STR("minimal")
                 : params->reasoning_budget < 8192  ? AIGW_STR("low")
                 : params->reasoning_budget < 16384 ? AIGW_STR("medium")
                                                    : AIGW_STR("high");
    if (effort.len > 0)
        wire_string(out->body, "reasoning_effort", effort);
}

/* What only a chat has. */
static aigw_status put_chat_params(struct openai_out *out, const struct aigw_params *params)
{
    const struct {
        const char *name;
        aigw_str value;
    } words[] = { { "verbosity", params->verbosity },
                  { "service_tier", params->service_tier },
                  { "prompt_cache_key", params->cache_key } };
    aigw_status status = put_format(out, params);

    put_reasoning(out, params);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].value.len > 0)
            wire_string(out->body, words[i].name, words[i].value);
    if (status == AIGW_OK)
        status = put_json(out, "prediction", params->prediction);
    return status == AIGW_OK ? put_json(out, "metadata", params->metadata) : status;
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

static aigw_status openai_params(struct openai_out *out, uint32_t path, const struct aigw_params *params)
{
    bool is_chat = path == OPENAI_CHAT;
    aigw_status status;

    if (params->set & AIGW_PARAM_MAX_TOKENS)
        wire_int(out->body, is_chat && out->quirks->max_completion_tokens ? "max_completion_tokens" : "max_tokens",
                 params->max_tokens);
    put_sampling(out, params);
    put_stops(out, params);
    if (params->choice_count > 1)
        wire_int(out->body, "n", params->choice_count);
    put_logprobs(out, is_chat, params);
    if (params->user.len > 0)
        wire_string(out->body, "user", params->user);
    if (params->safety_settings.len > 0)
        drop(out, "safety_settings");
    if (!is_chat)
        drop_chat_params(out, params);
    status = put_json(out, "logit_bias", params->logit_bias);
    return status == AIGW_OK && is_chat ? put_chat_params(out, params) : status;
}

/* ---- the whole ---- */

static aigw_status put_call(struct openai_out *out, uint32_t path, const struct aigw_model_request *req)
{
    aigw_status status;

    if (path == OPENAI_EMBEDDING) {
        openai_embedding(out, req);
        return AIGW_OK;
    }
    status = path == OPENAI_CHAT ? openai_messages(out, req) : openai_prompt(out, req);
    if (status == AIGW_OK && path == OPENAI_CHAT)
        status = openai_tools(out, req);
    if (status == AIGW_OK && req->params)
        status = openai_params(out, path, req->params);
    if (status == AIGW_OK && (req->flags & AIGW_REQF_STREAM)) {
        wire_key(out->body, "stream");
        wire_puts(out->body, "true");
        wire_key(out->body, "stream_options");
        wire_puts(out->body, "{\"include_usage\":true}");
    }
    return status;
}

aigw_status openai_body(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t path, aigw_str model,
                        const struct aigw_model_request *req, const struct openai_quirks *quirks,
                        struct wire_drops *drops, aigw_str *ret_body)
{
    struct wire_body body;
    struct openai_out out = { .host = host, .ctx = ctx, .body = &body, .quirks = quirks, .drops = drops };
    aigw_status status = wire_begin(&body, host, ctx);

    if (status != AIGW_OK)
        return status;
    /* Members in another vendor's spelling would mean something else here, or nothing. */
    out.is_foreign =
        req->dialect.len > 0 && (!wire_has_prefix(req->dialect, "openai") || wire_is(req->dialect, "openai-responses"));
    if (req->extra.len > 0 && out.is_foreign)
        return host->fail(ctx, AIGW_E_UNSUPPORTED,
                          "members in the dialect \"%.*s\" have no place in the OpenAI dialect",
                          AIGW_STR_ARG(req->dialect));
    wire_string(&body, "model", model);
    status = put_call(&out, path, req);
    if (status == AIGW_OK)
        status = wire_members(&body, quirks->body, openai_reserved, NULL);
    if (status == AIGW_OK) {
        status = wire_members(&body, req->extra, openai_reserved, drops);
        if (status == AIGW_E_INVALID)
            status = openai_invalid(&out, "the extra members are not a JSON object");
    }
    if (status == AIGW_OK)
        status = drops->status;
    if (status == AIGW_OK)
        status = wire_end(&body, ret_body);
    return status;
}
