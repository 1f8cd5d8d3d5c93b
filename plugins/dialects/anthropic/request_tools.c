/* request_tools.c - tools and which of them may or must be called. */
#include "request_write.h"

#include <aigw/json.h>
#include <string.h>

#define ANTHROPIC_NAME_MAX 128 /* signs in a tool's name */

/* A schema must say that it is about an object. */
static aigw_status put_schema(struct anthropic_out *out, aigw_str schema)
{
    struct aigw_json root, type;

    if (schema.len > 0 && aigw_json_check(schema, 0, &root, NULL) == AIGW_OK && root.type == AIGW_JSON_OBJECT &&
        aigw_json_member(&root, "type", &type) && type.type != AIGW_JSON_NULL) {
        wire_put(out->body, root.text);
        return AIGW_OK;
    }
    wire_puts(out->body, "{\"type\":\"object\"");
    if (!wire_is(schema, "null") && wire_splice(out->body, schema) != AIGW_OK)
        return anthropic_invalid(out, "a tool's parameters are not a JSON object");
    wire_puts(out->body, "}");
    return AIGW_OK;
}

aigw_status anthropic_name_tool(struct anthropic_out *out, uint32_t kind, aigw_str scope, aigw_str name,
                                aigw_str *ret_sent)
{
    *ret_sent = name;
    if (out->quirks->names)
        return names_send(out->host, out->ctx, out->quirks->names, kind, scope, name, ANTHROPIC_NAME_MAX, ret_sent);
    return scope.len > 0 ? anthropic_unsupported(out, "namespaces of tools", kind) : AIGW_OK;
}

static void put_description(struct anthropic_out *out, const struct aigw_tool *tool)
{
    aigw_str words = names_describe(out->host, out->ctx, tool);

    if (words.len == 0)
        return;
    wire_puts(out->body, ",\"description\":");
    out->host->buf_json(out->body->buf, words);
}

static aigw_status put_function(struct anthropic_out *out, const struct aigw_tool *tool, aigw_str sent)
{
    bool is_ours = tool->origin.len > 0 && anthropic_is_ours(tool->origin);
    aigw_status status;

    wire_puts(out->body, "{\"name\":");
    out->host->buf_json(out->body->buf, sent);
    put_description(out, tool);
    wire_puts(out->body, ",\"input_schema\":");
    status = put_schema(out, tool->kind == AIGW_TOOL_FREE_TEXT ? AIGW_STR(NAMES_TEXT_SCHEMA) : tool->parameters);
    if (status != AIGW_OK)
        return status;
    if (tool->flags & AIGW_TOOLF_STRICT)
        wire_puts(out->body, ",\"strict\":true");
    if ((tool->flags & AIGW_TOOLF_DEFERRED) && is_ours) /* elsewhere nothing would search for it */
        wire_puts(out->body, ",\"defer_loading\":true");
    if (!anthropic_is_ours(tool->origin))
        wire_drop_tool_extra(out->host, out->ctx, out->drops, tool);
    else if (wire_splice(out->body, tool->extra) != AIGW_OK)
        return anthropic_invalid(out, "a tool's extra members are not a JSON object");
    anthropic_put_mark(out, tool->flags & AIGW_TOOLF_CACHE, 0);
    wire_puts(out->body, "}");
    return AIGW_OK;
}

/* What is put of the tools. */
struct anthropic_listed {
    uint32_t count;
    aigw_str named; /* what the demanded one is sent as; absent: it is not among them */
};

static aigw_status put_tool_list(struct anthropic_out *out, const struct aigw_tool *tools,
                                 struct anthropic_listed *listed)
{
    const struct aigw_model_request *req = out->req;
    aigw_status status = AIGW_OK;

    for (const struct aigw_tool *tool = tools; tool && status == AIGW_OK; tool = tool->next) {
        bool is_server = tool->kind == AIGW_TOOL_SERVER;
        aigw_str sent = tool->name;

        if (tool->kind > AIGW_TOOL_SERVER || (tool->kind == AIGW_TOOL_FREE_TEXT && !out->quirks->names))
            return anthropic_unsupported(out, "such kind of tool", tool->kind);
        if (is_server && (!anthropic_is_ours(tool->origin) || !wire_is_json_object(tool->extra))) {
            wire_drop(out->host, out->ctx, out->drops, tool->name); /* agents list them in every request */
            continue;
        }
        if (!wire_is_allowed(req->params, tool->name))
            continue;
        if (!is_server)
            status = anthropic_name_tool(out, tool->kind, tool->scope, tool->name, &sent);
        if (status != AIGW_OK)
            return status;
        if (listed->count == 0)
            wire_key(out->body, "tools");
        wire_puts(out->body, listed->count++ > 0 ? "," : "[");
        if (req->tool_choice_name.len > 0 && wire_same(tool->name, req->tool_choice_name))
            listed->named = sent;
        if (is_server)
            wire_put(out->body, tool->extra);
        else
            status = put_function(out, tool, sent);
    }
    return status;
}

static aigw_status put_choice(struct anthropic_out *out, const struct anthropic_listed *listed)
{
    const struct aigw_model_request *req = out->req;
    bool is_single = req->params && req->params->parallel_calls == AIGW_NO && req->tool_choice != AIGW_TOOLS_NONE;

    if (listed->count == 0) {
        if (req->tool_choice == AIGW_TOOLS_NAMED && req->tools)
            return wire_lacks_tool(out->host, out->ctx);
        if (req->tool_choice != AIGW_TOOLS_AUTO)
            anthropic_drop(out, "tool_choice");
        return AIGW_OK;
    }
    if (req->tool_choice > AIGW_TOOLS_NAMED)
        return anthropic_unsupported(out, "such choice of tools", req->tool_choice);
    if (req->tool_choice == AIGW_TOOLS_NAMED && listed->named.len == 0)
        return wire_lacks_tool(out->host, out->ctx);
    if (req->tool_choice == AIGW_TOOLS_AUTO && !is_single)
        return AIGW_OK;
    wire_key(out->body, "tool_choice");
    wire_puts(out->body, req->tool_choice == AIGW_TOOLS_NAMED      ? "{\"type\":\"tool\",\"name\":"
                         : req->tool_choice == AIGW_TOOLS_NONE     ? "{\"type\":\"none\""
                         : req->tool_choice == AIGW_TOOLS_REQUIRED ? "{\"type\":\"any\""
                                                                   : "{\"type\":\"auto\"");
    if (req->tool_choice == AIGW_TOOLS_NAMED)
        out->host->buf_json(out->body->buf, listed->named);
    wire_puts(out->body, is_single ? ",\"disable_parallel_tool_use\":true}" : "}");
    return AIGW_OK;
}

/* Old models answer in a form only where a tool demands it; answer_blocks.c makes text of its call. */
static aigw_status put_form_tool(struct anthropic_out *out)
{
    const struct aigw_params *params = out->req->params;
    struct aigw_tool tool = { .struct_size = sizeof tool,
                              .name = AIGW_STR_INIT(ANTHROPIC_JSON_TOOL),
                              .description = params->schema_description,
                              .parameters = params->schema };
    aigw_status status;

    if (tool.description.len == 0)
        tool.description = AIGW_STR("The answer. Call this once, with the whole answer.");
    wire_key(out->body, "tools");
    wire_puts(out->body, "[");
    status = put_function(out, &tool, tool.name);
    wire_puts(out->body, "]");
    wire_key(out->body, "tool_choice");
    wire_puts(out->body, "{\"type\":\"tool\",\"name\":\"" ANTHROPIC_JSON_TOOL "\",\"disable_parallel_tool_use\":true}");
    return status;
}

aigw_status anthropic_put_tools(struct anthropic_out *out)
{
    struct anthropic_listed listed = { .count = 0 };
    aigw_status status;

    if (out->form == ANTHROPIC_FORM_TOOL)
        return put_form_tool(out);
    status = put_tool_list(out, out->req->tools, &listed);
    for (const struct aigw_message *msg = out->req->messages; msg && status == AIGW_OK; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next)
            if (part->type == AIGW_PART_TOOLS)
                status = put_tool_list(out, part->tools, &listed);
    if (listed.count > 0)
        wire_puts(out->body, "]");
    return status == AIGW_OK ? put_choice(out, &listed) : status;
}
