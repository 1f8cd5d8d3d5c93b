/* request_tools.c - toolConfig. The API wants it as soon as an earlier turn has a call or a result: tools that nobody
 * lists any more are listed by their names then. */
#include "converse.h"

#include <string.h>

#define NAME_MAX_LEN 64u

/* ---- names ---- */

aigw_status converse_tool_name(struct converse_out *out, uint32_t kind, aigw_str scope, aigw_str name,
                               aigw_str *ret_sent)
{
    return names_send(out->host, out->ctx, out->quirks->names, kind, scope, name, NAME_MAX_LEN, ret_sent);
}

static const struct aigw_tool *find_tool(const struct aigw_tool *tool, aigw_str name)
{
    while (tool && (tool->kind == AIGW_TOOL_SERVER || !wire_same(tool->name, name)))
        tool = tool->next;
    return tool;
}

aigw_status converse_demanded(struct converse_out *out, aigw_str *ret_sent)
{
    const struct aigw_model_request *req = out->req;
    const struct aigw_tool *tool = find_tool(req->tools, req->tool_choice_name);

    for (const struct aigw_message *msg = req->messages; msg && !tool; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && !tool; part = part->next)
            if (part->type == AIGW_PART_TOOLS)
                tool = find_tool(part->tools, req->tool_choice_name);
    return converse_tool_name(out, tool ? tool->kind : AIGW_TOOL_FUNCTION, tool ? tool->scope : AIGW_STR_NONE,
                              req->tool_choice_name, ret_sent);
}

/* ---- the list ---- */

/** What is put of it. */
struct listed {
    uint32_t count;
    bool has_named; /* the demanded one is among them */
};

static void open_tool(struct converse_out *out, struct listed *listed)
{
    if (listed->count == 0) {
        wire_key(out->body, "toolConfig");
        wire_puts(out->body, "{\"tools\":");
    }
    wire_puts(out->body, listed->count++ > 0 ? "," : "[");
}

static aigw_status put_spec(struct converse_out *out, struct listed *listed, const struct aigw_tool *tool)
{
    aigw_str words = names_describe(out->host, out->ctx, tool), sent;
    aigw_status status = converse_tool_name(out, tool->kind, tool->scope, tool->name, &sent);

    if (status != AIGW_OK)
        return status;
    open_tool(out, listed);
    wire_puts(out->body, "{\"toolSpec\":{\"name\":");
    converse_put_text(out, sent);
    wire_puts(out->body, ",\"description\":"); /* must not be empty */
    converse_put_text(out, wire_is_blank(words) ? tool->name : words);
    wire_puts(out->body, ",\"inputSchema\":{\"json\":");
    status = converse_put_schema(out, names_parameters(tool));
    wire_puts(out->body, "}");
    if ((tool->flags & AIGW_TOOLF_STRICT) && converse_takes(out, CONVERSE_SCHEMA))
        wire_puts(out->body, ",\"strict\":true");
    if (!converse_is_ours(tool->origin))
        wire_drop_tool_extra(out->host, out->ctx, out->drops, tool);
    else if (status == AIGW_OK && wire_splice(out->body, tool->extra) != AIGW_OK)
        status = converse_invalid(out, "a tool's extra members are not a JSON object");
    wire_puts(out->body, "}}");
    if (converse_takes(out, CONVERSE_CACHE_TOOLS))
        converse_put_mark(out, tool->flags & AIGW_TOOLF_CACHE, 0);
    return status;
}

/* A model that can be made to call some tool, but not a certain one, is shown that one alone. */
static bool shows_named_only(const struct converse_out *out)
{
    return out->req->tool_choice == AIGW_TOOLS_NAMED && !converse_takes(out, CONVERSE_CHOICE_NAMED) &&
           converse_takes(out, CONVERSE_CHOICE_ANY);
}

static aigw_status put_list(struct converse_out *out, struct listed *listed, const struct aigw_tool *tools)
{
    const struct aigw_model_request *req = out->req;
    aigw_status status = AIGW_OK;

    for (const struct aigw_tool *tool = tools; tool && status == AIGW_OK; tool = tool->next) {
        bool is_named = req->tool_choice_name.len > 0 && wire_same(tool->name, req->tool_choice_name);

        if (tool->kind == AIGW_TOOL_SERVER && wire_is(tool->origin, CONVERSE_DIALECT) &&
            wire_is_json_object(tool->extra)) {
            open_tool(out, listed);
            wire_put(out->body, tool->extra);
            continue;
        }
        if (tool->kind == AIGW_TOOL_SERVER) { /* agents list them in every request */
            wire_drop(out->host, out->ctx, out->drops, tool->name);
            continue;
        }
        if (tool->kind > AIGW_TOOL_SERVER)
            return converse_unsupported(out, "such kind of tool", tool->kind);
        if (!wire_is_allowed(req->params, tool->name) || (shows_named_only(out) && !is_named))
            continue;
        if (!converse_takes(out, CONVERSE_TOOLS))
            return converse_model_lacks(out, "tools");
        listed->has_named |= is_named;
        status = put_spec(out, listed, tool);
    }
    return status;
}

/* ---- tools of earlier turns ---- */

static aigw_status put_called(struct converse_out *out, struct listed *listed)
{
    struct names called = { .by_name = NULL }; /* each is listed once */
    aigw_status status = AIGW_OK;
    aigw_str sent;

    for (const struct aigw_message *msg = out->req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
            const struct aigw_tool tool = { .struct_size = sizeof tool,
                                            .kind = part->flags & AIGW_PARTF_FREE_TEXT ? AIGW_TOOL_FREE_TEXT
                                                                                       : AIGW_TOOL_FUNCTION,
                                            .name = part->name,
                                            .scope = part->scope };

            if (part->type != AIGW_PART_TOOL_CALL || part->name.len == 0 || names_has(&called, part->scope, part->name))
                continue;
            status = names_send(out->host, out->ctx, &called, tool.kind, part->scope, part->name, NAME_MAX_LEN, &sent);
            if (status == AIGW_OK)
                status = put_spec(out, listed, &tool);
        }
    if (status == AIGW_OK && listed->count == 0) { /* results without a call in sight */
        const struct aigw_tool tool = { .struct_size = sizeof tool, .name = AIGW_STR_INIT("unknown") };

        status = put_spec(out, listed, &tool);
    }
    return status;
}

/* ---- the choice ---- */

static aigw_status put_choice(struct converse_out *out, const struct listed *listed)
{
    const struct aigw_model_request *req = out->req;
    aigw_status status = AIGW_OK;
    aigw_str sent;

    if (req->tool_choice > AIGW_TOOLS_NAMED)
        return converse_unsupported(out, "such choice of tools", req->tool_choice);
    if (listed->count == 0) {
        if (req->tool_choice == AIGW_TOOLS_NAMED && req->tools)
            return wire_lacks_tool(out->host, out->ctx);
        if (req->tool_choice != AIGW_TOOLS_AUTO && req->tool_choice != AIGW_TOOLS_NONE)
            converse_drop(out, "tool_choice");
        return AIGW_OK;
    }
    if (req->tool_choice == AIGW_TOOLS_NAMED && !listed->has_named)
        return wire_lacks_tool(out->host, out->ctx);
    if (req->tool_choice == AIGW_TOOLS_NAMED && converse_takes(out, CONVERSE_CHOICE_NAMED)) {
        status = converse_demanded(out, &sent);
        if (status != AIGW_OK)
            return status;
        wire_puts(out->body, ",\"toolChoice\":{\"tool\":{\"name\":");
        converse_put_text(out, sent);
        wire_puts(out->body, "}}");
    } else if (req->tool_choice == AIGW_TOOLS_NAMED || req->tool_choice == AIGW_TOOLS_REQUIRED) {
        if (converse_takes(out, CONVERSE_CHOICE_ANY))
            wire_puts(out->body, ",\"toolChoice\":{\"any\":{}}");
        else
            converse_drop(out, "tool_choice");
    }
    return AIGW_OK;
}

/* The answer is asked for as the arguments of a tool. */
static aigw_status put_json_tool(struct converse_out *out)
{
    const struct aigw_params *params = out->req->params;
    aigw_status status;

    wire_key(out->body, "toolConfig");
    wire_puts(out->body, "{\"tools\":[{\"toolSpec\":{\"name\":\"" CONVERSE_JSON_TOOL "\",\"description\":");
    converse_put_text(out, params->schema_description.len > 0 ? params->schema_description
                                                              : AIGW_STR("Takes the answer to the user."));
    wire_puts(out->body, ",\"inputSchema\":{\"json\":");
    status = converse_put_schema(out, params->schema);
    wire_puts(out->body, "}}}],\"toolChoice\":{\"tool\":{\"name\":\"" CONVERSE_JSON_TOOL "\"}}}");
    return status;
}

aigw_status converse_tools(struct converse_out *out)
{
    const struct aigw_model_request *req = out->req;
    bool has_blocks = converse_has_calls(req);
    struct listed listed = { .count = 0 };
    aigw_status status = AIGW_OK;

    if (converse_asks_by_tool(req, out->quirks))
        return put_json_tool(out);
    if (req->tool_choice != AIGW_TOOLS_NONE || has_blocks) { /* there is no "none": no tools, no calls */
        status = put_list(out, &listed, req->tools);
        for (const struct aigw_message *msg = req->messages; msg && status == AIGW_OK; msg = msg->next)
            for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next)
                if (part->type == AIGW_PART_TOOLS)
                    status = put_list(out, &listed, part->tools);
    }
    if (status == AIGW_OK && listed.count == 0 && has_blocks)
        status = converse_takes(out, CONVERSE_TOOLS) ? put_called(out, &listed) : converse_model_lacks(out, "tools");
    if (listed.count > 0)
        wire_puts(out->body, "]");
    if (status == AIGW_OK)
        status = put_choice(out, &listed);
    if (listed.count > 0)
        wire_puts(out->body, "}");
    return status;
}
