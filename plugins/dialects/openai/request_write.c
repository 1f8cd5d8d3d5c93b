/* request_write.c - canonical request → OpenAI's JSON bodies. Written straight into a buffer: no tree. The messages of
 * a chat are in request_messages.c, the parameters in request_params.c. */
#include "openai.h"
#include "openai_server.h"

#include <string.h>

#define NAME_MAX_LEN 64u /* of a tool */

/* Members that describe the call itself; `extra` never sets them. */
static const char *const openai_reserved[] = { "model",          "messages", "prompt",      "input", "suffix", "stream",
                                               "stream_options", "tools",    "tool_choice", "n",     NULL };

/* ---- prompts ---- */

aigw_status openai_join_chat(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_model_request *req,
                             aigw_str *ret_text, aigw_str *ret_last, uint32_t *ret_count)
{
    struct aigw_buf *joined = host->buf_new(ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);

    *ret_last = AIGW_STR_NONE;
    *ret_count = 0;
    if (req->tools)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "there are no tools on the completions path");
    if (!joined)
        return AIGW_E_NOMEM;
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next) {
            if (part->type != AIGW_PART_TEXT || part->extra.len > 0 || msg->extra.len > 0)
                return host->fail(ctx, AIGW_E_UNSUPPORTED, "there is no such part on the completions path (%u)",
                                  part->type);
            if ((*ret_count)++ > 0)
                host->buf_put(joined, "\n", 1);
            host->buf_put(joined, part->text.ptr, part->text.len);
            *ret_last = part->text;
        }
    return host->buf_view(joined, ret_text);
}

static aigw_status openai_prompt(struct openai_out *out, const struct aigw_model_request *req)
{
    aigw_str text = req->prompt, last;
    aigw_status status = AIGW_OK;
    uint32_t count;

    if (req->kind != AIGW_CALL_COMPLETION)
        status = openai_join_chat(out->host, out->ctx, req, &text, &last, &count);
    else if (req->suffix.len > 0 && (out->quirks->refuses & OPENAI_NO_SUFFIX))
        return wire_lacks(out->host, out->ctx, "suffix", "the OpenAI dialect",
                          "text behind a gap at this kind of server");
    if (status != AIGW_OK)
        return status;
    wire_string(out->body, "prompt", text);
    if (req->kind == AIGW_CALL_COMPLETION && req->suffix.len > 0)
        wire_string(out->body, "suffix", req->suffix);
    return AIGW_OK;
}

void openai_put_inputs(struct wire_body *body, const struct aigw_model_request *req)
{
    wire_key(body, "input");
    wire_puts(body, "[");
    for (uint32_t i = 0; i < req->input_count; i++) {
        if (i > 0)
            wire_puts(body, ",");
        body->host->buf_json(body->buf, req->inputs[i]);
    }
    wire_puts(body, "]");
}

static aigw_status openai_embedding(struct openai_out *out, const struct aigw_model_request *req)
{
    if (req->dimensions > 0 && (out->quirks->refuses & OPENAI_NO_DIMENSIONS))
        return wire_lacks(out->host, out->ctx, "dimensions", "the OpenAI dialect",
                          "length of vectors to choose at this kind of server");
    openai_put_inputs(out->body, req);
    if (req->dimensions > 0)
        wire_int(out->body, "dimensions", req->dimensions);
    if (req->input_type.len > 0)
        wire_drop(out->host, out->ctx, out->drops, AIGW_STR("input_type"));
    if (req->params && req->params->user.len > 0 && !openai_drops(out, OPENAI_NO_USER, "user"))
        wire_string(out->body, "user", req->params->user);
    return AIGW_OK;
}

/* ---- tools ---- */

aigw_status openai_name_tool(struct openai_out *out, uint32_t kind, aigw_str scope, aigw_str name, aigw_str *ret_sent)
{
    *ret_sent = name;
    if (openai_takes_text(out)) /* what comes back is that text, not a function's arguments */
        kind = AIGW_TOOL_FUNCTION;
    if (out->quirks->names)
        return names_send(out->host, out->ctx, out->quirks->names, kind, scope, name, NAME_MAX_LEN, ret_sent);
    return scope.len > 0 ? openai_unsupported(out, "namespaces of tools", kind) : AIGW_OK;
}

/* Plain text as the one argument of a function. */
static aigw_status put_text_function(struct openai_out *out, const struct aigw_tool *tool, aigw_str sent)
{
    struct wire_body *body = out->body;
    aigw_str words = names_describe(out->host, out->ctx, tool);

    wire_puts(body, "{\"type\":\"function\",\"function\":{\"name\":");
    out->host->buf_json(body->buf, sent);
    if (words.len > 0) {
        wire_puts(body, ",\"description\":");
        out->host->buf_json(body->buf, words);
    }
    wire_puts(body, ",\"parameters\":" NAMES_TEXT_SCHEMA "}}");
    wire_drop_tool_extra(out->host, out->ctx, out->drops, tool);
    return AIGW_OK;
}

/* OpenAI refuses the schema of an object that names no properties, "object schema missing properties", which others let
 * their clients write. */
static aigw_status put_parameters(struct openai_out *out, aigw_str schema)
{
    struct aigw_json root, member;

    if (aigw_json_check(schema, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return openai_invalid(out, "a tool's parameters are not a JSON object");
    wire_puts(out->body, ",\"parameters\":");
    if (aigw_json_member(&root, "type", &member) && aigw_json_is_text(&member, "object") &&
        !aigw_json_member(&root, "properties", &member)) {
        wire_puts(out->body, "{\"properties\":{},");
        schema = (aigw_str){ root.text.ptr + 1, root.text.len - 1 };
    }
    wire_put(out->body, schema);
    return AIGW_OK;
}

static aigw_status put_function(struct openai_out *out, const struct aigw_tool *tool, aigw_str sent)
{
    struct wire_body *body = out->body;
    aigw_status status;

    wire_puts(body, "{\"type\":\"function\",\"function\":{\"name\":");
    out->host->buf_json(body->buf, sent);
    if (tool->description.len > 0) {
        wire_puts(body, ",\"description\":");
        out->host->buf_json(body->buf, tool->description);
    }
    status = tool->parameters.len > 0 ? put_parameters(out, names_parameters(tool)) : AIGW_OK;
    if (status != AIGW_OK)
        return status;
    if (tool->flags & AIGW_TOOLF_STRICT)
        wire_puts(body, ",\"strict\":true");
    else if (tool->flags & AIGW_TOOLF_STRICT_OFF)
        wire_puts(body, ",\"strict\":false");
    wire_puts(body, "}");
    if (!openai_is_ours(tool->origin))
        wire_drop_tool_extra(out->host, out->ctx, out->drops, tool);
    else if (wire_splice(body, tool->extra) != AIGW_OK)
        return openai_invalid(out, "a tool's extra members are not a JSON object");
    wire_puts(body, "}");
    return AIGW_OK;
}

/* The Responses API spells the same without an object of its own around syntax and definition. */
static void put_format(struct wire_body *body, aigw_str grammar)
{
    static const char *const names[] = { "syntax", "definition" };
    struct aigw_json root, members[2];

    wire_puts(body, ",\"format\":");
    aigw_json_check(grammar, 0, &root, NULL);
    aigw_json_members(&root, names, 2, members);
    if (members[0].type == AIGW_JSON_STRING && members[1].type == AIGW_JSON_STRING) {
        wire_puts(body, "{\"type\":\"grammar\",\"grammar\":{\"syntax\":");
        wire_put(body, members[0].text);
        wire_puts(body, ",\"definition\":");
        wire_put(body, members[1].text);
        wire_puts(body, "}}");
    } else {
        wire_put(body, grammar);
    }
}

static aigw_status put_free_text(struct openai_out *out, const struct aigw_tool *tool, aigw_str sent)
{
    bool is_known = openai_is_ours(tool->origin) || wire_is(tool->origin, OPENAI_RESPONSES_DIALECT);
    struct wire_body *body = out->body;

    if (tool->grammar.len > 0 && (!is_known || !wire_is_json_object(tool->grammar)))
        return openai_unsupported(out, "grammar in another vendor's spelling", tool->kind);
    wire_puts(body, "{\"type\":\"custom\",\"custom\":{\"name\":");
    out->host->buf_json(body->buf, sent);
    if (tool->description.len > 0) {
        wire_puts(body, ",\"description\":");
        out->host->buf_json(body->buf, tool->description);
    }
    if (tool->grammar.len > 0)
        put_format(body, tool->grammar);
    wire_puts(body, "}");
    if (!openai_is_ours(tool->origin))
        wire_drop_tool_extra(out->host, out->ctx, out->drops, tool);
    else if (wire_splice(body, tool->extra) != AIGW_OK)
        return openai_invalid(out, "a tool's extra members are not a JSON object");
    wire_puts(body, "}");
    return AIGW_OK;
}

static aigw_status put_tool(struct openai_out *out, const struct aigw_tool *tool, uint32_t *count)
{
    bool is_server = tool->kind == AIGW_TOOL_SERVER;
    aigw_str sent = tool->name;
    aigw_status status = AIGW_OK;

    if (tool->kind > AIGW_TOOL_SERVER)
        return openai_unsupported(out, "such kind of tool", tool->kind);
    if (!is_server)
        status = openai_name_tool(out, tool->kind, tool->scope, tool->name, &sent);
    else if (tool->scope.len > 0)
        return openai_unsupported(out, "namespaces of tools", tool->kind);
    if (status != AIGW_OK)
        return status;
    if (is_server && (!openai_is_ours(tool->origin) || !wire_is_json_object(tool->extra))) {
        wire_drop(out->host, out->ctx, out->drops, tool->name); /* agents list them in every request */
        return AIGW_OK;
    }
    if (*count == 0)
        wire_key(out->body, "tools");
    wire_puts(out->body, (*count)++ > 0 ? "," : "[");
    if (is_server)
        wire_put(out->body, tool->extra);
    else if (tool->kind == AIGW_TOOL_FUNCTION)
        status = put_function(out, tool, sent);
    else
        status = openai_takes_text(out) ? put_free_text(out, tool, sent) : put_text_function(out, tool, sent);
    return status;
}

/* What is put of the tools: how many, and the demanded one: its kind (SERVER: it is not among them) and name. */
struct openai_listed {
    uint32_t count, named;
    aigw_str sent;
};

/* A word for tool_choice is all that some servers take: there the tool that must be called is the only one. */
static bool is_only_named(const struct openai_out *out, const struct aigw_model_request *req)
{
    return req->tool_choice == AIGW_TOOLS_NAMED && (out->quirks->says & OPENAI_SAYS_NO_NAMED);
}

static bool is_listed(const struct openai_out *out, const struct aigw_model_request *req, const struct aigw_tool *tool)
{
    if (is_only_named(out, req))
        return tool->name.len == req->tool_choice_name.len &&
               memcmp(tool->name.ptr, req->tool_choice_name.ptr, tool->name.len) == 0;
    return (out->quirks->says & OPENAI_SAYS_ALLOWED) || wire_is_allowed(req->params, tool->name);
}

static aigw_status put_tool_list(struct openai_out *out, const struct aigw_tool *tools,
                                 const struct aigw_model_request *req, struct openai_listed *listed)
{
    aigw_str want = req->tool_choice_name;
    aigw_status status = AIGW_OK;

    for (const struct aigw_tool *tool = tools; tool && status == AIGW_OK; tool = tool->next) {
        if (want.len > 0 && tool->name.len == want.len && memcmp(tool->name.ptr, want.ptr, want.len) == 0) {
            listed->named = tool->kind;
            if (tool->kind < AIGW_TOOL_SERVER)
                status = openai_name_tool(out, tool->kind, tool->scope, tool->name, &listed->sent);
        }
        if (status == AIGW_OK && is_listed(out, req, tool))
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

/* Which of the tools must be called, or may. */
static aigw_status put_choice(struct openai_out *out, const struct aigw_model_request *req,
                              const struct openai_listed *listed)
{
    bool has_allowed = req->params && req->params->allowed_count > 0 && (out->quirks->says & OPENAI_SAYS_ALLOWED);
    aigw_str required = out->quirks->says & OPENAI_SAYS_ANY ? AIGW_STR("any") : AIGW_STR("required");

    if (req->tool_choice > AIGW_TOOLS_NAMED)
        return openai_unsupported(out, "such choice of tools", req->tool_choice);
    if (req->tool_choice == AIGW_TOOLS_NAMED && listed->named == AIGW_TOOL_SERVER)
        return wire_lacks_tool(out->host, out->ctx);
    if ((req->tool_choice == AIGW_TOOLS_AUTO && !has_allowed) ||
        (!has_allowed && openai_drops(out, OPENAI_NO_TOOL_CHOICE, "tool_choice")))
        return AIGW_OK;
    if (req->tool_choice == AIGW_TOOLS_NONE) {
        wire_string(out->body, "tool_choice", AIGW_STR("none"));
    } else if (req->tool_choice == AIGW_TOOLS_NAMED && !is_only_named(out, req)) {
        wire_key(out->body, "tool_choice");
        wire_puts(out->body, listed->named == AIGW_TOOL_FREE_TEXT && openai_takes_text(out)
                                 ? "{\"type\":\"custom\",\"custom\":{\"name\":"
                                 : "{\"type\":\"function\",\"function\":{\"name\":");
        out->host->buf_json(out->body->buf, listed->sent);
        wire_puts(out->body, "}}");
    } else if (has_allowed) {
        put_allowed(out, req->params, req->tool_choice);
    } else {
        wire_string(out->body, "tool_choice", required);
    }
    return AIGW_OK;
}

static aigw_status openai_tools(struct openai_out *out, const struct aigw_model_request *req)
{
    struct openai_listed listed = { .named = AIGW_TOOL_SERVER };
    aigw_status status;

    if (req->tools && (out->quirks->refuses & OPENAI_NO_TOOLS))
        return wire_lacks(out->host, out->ctx, "tools", "the OpenAI dialect", "tools at this kind of server");
    status = put_tools(out, req, &listed);
    if (status != AIGW_OK)
        return status;
    if (listed.count == 0) {
        if (req->tool_choice == AIGW_TOOLS_NAMED && req->tools)
            return wire_lacks_tool(out->host, out->ctx);
        if (req->tool_choice != AIGW_TOOLS_AUTO)
            wire_drop(out->host, out->ctx, out->drops, AIGW_STR("tool_choice"));
        return AIGW_OK;
    }
    status = put_choice(out, req, &listed);
    if (status == AIGW_OK && req->params && req->params->parallel_calls != AIGW_UNSET &&
        !openai_drops(out, OPENAI_NO_PARALLEL, "parallel_calls")) {
        wire_key(out->body, "parallel_tool_calls");
        wire_puts(out->body, req->params->parallel_calls == AIGW_YES ? "true" : "false");
    }
    return status;
}

/* ---- the whole ---- */

static aigw_status put_call(struct openai_out *out, uint32_t path, const struct aigw_model_request *req)
{
    aigw_status status;

    if ((path == OPENAI_EMBEDDING && (out->quirks->refuses & OPENAI_NO_EMBEDDINGS)) ||
        (path == OPENAI_COMPLETION && (out->quirks->refuses & OPENAI_NO_COMPLETIONS)))
        return openai_unsupported(out, "such path at this kind of server", path);
    if (path == OPENAI_EMBEDDING)
        return openai_embedding(out, req);
    status = path == OPENAI_CHAT ? openai_messages(out, req) : openai_prompt(out, req);
    if (status == AIGW_OK && path == OPENAI_CHAT)
        status = openai_tools(out, req);
    if (status == AIGW_OK && req->params)
        status = openai_params(out, path, req->params);
    if (status == AIGW_OK && (req->flags & AIGW_REQF_STREAM)) {
        wire_key(out->body, "stream");
        wire_puts(out->body, "true");
        if (!(out->quirks->refuses & OPENAI_NO_STREAM_OPTIONS)) {
            wire_key(out->body, "stream_options");
            wire_puts(out->body, "{\"include_usage\":true}");
        }
    }
    return status;
}

aigw_status openai_body(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t path, aigw_str model,
                        const struct aigw_model_request *req, const struct openai_quirks *quirks,
                        struct wire_drops *drops, aigw_str *ret_body)
{
    struct wire_body body;
    struct openai_out out = { .host = host, .ctx = ctx, .body = &body, .quirks = quirks, .drops = drops };
    aigw_str extra = req->extra;
    aigw_status status = wire_begin(&body, host, ctx);

    if (status != AIGW_OK)
        return status;
    /* Members in another vendor's spelling would mean something else here, or nothing. */
    out.is_foreign =
        req->dialect.len > 0 && (!wire_has_prefix(req->dialect, "openai") || wire_is(req->dialect, "openai-responses"));
    out.is_responses = wire_is(req->dialect, "openai-responses");
    if (quirks->prefill == OPENAI_PREFILL_TOLD)
        status = wire_check_prefill(host, ctx, req);
    if (status != AIGW_OK)
        return status;
    if (out.is_foreign) {
        if (wire_drop_members(host, ctx, drops, extra) != AIGW_OK)
            return openai_invalid(&out, "the extra members are not a JSON object");
        extra = AIGW_STR_NONE;
    }
    wire_string(&body, "model", model);
    status = put_call(&out, path, req);
    if (status == AIGW_OK)
        status = wire_members(&body, quirks->body, openai_reserved, NULL);
    if (status == AIGW_OK) {
        status = wire_members(&body, extra, openai_reserved, drops);
        if (status == AIGW_E_INVALID)
            status = openai_invalid(&out, "the extra members are not a JSON object");
    }
    if (status == AIGW_OK)
        status = wire_settle_drops(host, ctx, drops, req, "the OpenAI dialect");
    if (status == AIGW_OK)
        status = wire_end(&body, ret_body);
    return status;
}
