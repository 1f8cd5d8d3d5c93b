/* request_tools.c - toolConfig. The API wants it as soon as an earlier turn has a call or a result: tools that nobody
 * lists any more are listed by their names then. */
#include "converse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 64u
#define NAME_READ    47u /* of a name that does not fit: so many bytes are kept */

static bool same(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ---- names ---- */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool fits(aigw_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_char(name.ptr[i]))
            return false;
    return name.len > 0 && name.len <= NAME_MAX_LEN;
}

/* What stands in a name's place: what can be read of it and a hash of the whole, so that two never become one. It is
 * the same each time: calls of earlier turns keep to their tool. */
static aigw_str name_for_wire(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str name)
{
    char text[NAME_MAX_LEN + 1], *copy;
    size_t len = name.len < NAME_READ ? name.len : NAME_READ;
    uint8_t digest[32];

    if (fits(name))
        return name;
    if (host->sha256(ctx, name, digest) != AIGW_OK)
        return AIGW_STR_NONE;
    for (size_t i = 0; i < len; i++)
        text[i] = is_name_char(name.ptr[i]) ? name.ptr[i] : '_';
    text[len++] = '_';
    for (size_t i = 0; i < 8; i++)
        snprintf(text + len + 2 * i, sizeof text - len - 2 * i, "%02x", digest[i]);
    len += 16;
    copy = host->alloc(ctx, AIGW_LIFE_REQUEST, len);
    if (!copy)
        return AIGW_STR_NONE;
    memcpy(copy, text, len);
    return (aigw_str){ copy, len };
}

aigw_str converse_tool_name(struct converse_out *out, aigw_str name)
{
    return name_for_wire(out->host, out->ctx, name);
}

struct converse_alias {
    struct converse_alias *next;
    aigw_str wire, name;
};

static aigw_status keep_name(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str name,
                             struct converse_call *call)
{
    struct converse_alias *alias;
    char *copy;

    if (fits(name))
        return AIGW_OK;
    alias = host->alloc(ctx, AIGW_LIFE_REQUEST, sizeof *alias + name.len);
    if (!alias)
        return AIGW_E_NOMEM;
    copy = (char *)(alias + 1);
    if (name.len > 0)
        memcpy(copy, name.ptr, name.len);
    *alias = (struct converse_alias){ .next = call->aliases,
                                      .wire = name_for_wire(host, ctx, name),
                                      .name = { copy, name.len } };
    call->aliases = alias;
    return alias->wire.ptr ? AIGW_OK : AIGW_E_NOMEM;
}

aigw_status converse_keep_names(const struct aigw_host *host, struct aigw_ctx *ctx,
                                const struct aigw_model_request *req, struct converse_call *call)
{
    aigw_status status = AIGW_OK;

    for (const struct aigw_tool *tool = req->tools; tool && status == AIGW_OK; tool = tool->next)
        status = keep_name(host, ctx, tool->name, call);
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            for (const struct aigw_tool *tool = part->type == AIGW_PART_TOOLS ? part->tools : NULL;
                 tool && status == AIGW_OK; tool = tool->next)
                status = keep_name(host, ctx, tool->name, call);
    return status;
}

aigw_str converse_own_name(const struct converse_call *call, aigw_str wire)
{
    for (const struct converse_alias *alias = call->aliases; alias; alias = alias->next)
        if (same(alias->wire, wire))
            return alias->name;
    return wire;
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
    aigw_str name = converse_tool_name(out, tool->name);
    aigw_status status;

    open_tool(out, listed);
    wire_puts(out->body, "{\"toolSpec\":{\"name\":");
    converse_put_text(out, name);
    wire_puts(out->body, ",\"description\":"); /* must not be empty */
    converse_put_text(out, wire_is_blank(tool->description) ? tool->name : tool->description);
    wire_puts(out->body, ",\"inputSchema\":{\"json\":");
    status = converse_put_schema(out, tool->parameters);
    wire_puts(out->body, "}");
    if ((tool->flags & AIGW_TOOLF_STRICT) && converse_takes(out, CONVERSE_SCHEMA))
        wire_puts(out->body, ",\"strict\":true");
    if (status == AIGW_OK && converse_is_ours(tool->origin) && wire_splice(out->body, tool->extra) != AIGW_OK)
        status = converse_invalid(out, "a tool's extra members are not a JSON object");
    wire_puts(out->body, "}}");
    if (converse_takes(out, CONVERSE_CACHE_TOOLS))
        converse_put_mark(out, tool->flags & AIGW_TOOLF_CACHE, 0);
    return status;
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
        bool is_named = req->tool_choice_name.len > 0 && same(tool->name, req->tool_choice_name);

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
        if (tool->kind != AIGW_TOOL_FUNCTION)
            return converse_unsupported(out, "such kind of tool", tool->kind);
        if (tool->scope.len > 0)
            return converse_unsupported(out, "namespaces of tools", tool->kind);
        if (!is_allowed(req->params, tool->name) || (shows_named_only(out) && !is_named))
            continue;
        if (!converse_takes(out, CONVERSE_TOOLS))
            return converse_model_lacks(out, "tools");
        listed->has_named |= is_named;
        status = put_spec(out, listed, tool);
    }
    return status;
}

/* ---- tools of earlier turns ---- */

/* Was the tool of this call named by one before it? */
static bool was_called_before(const struct aigw_model_request *req, const struct aigw_part *until)
{
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next) {
            if (part == until)
                return false;
            if (part->type == AIGW_PART_TOOL_CALL && same(part->name, until->name))
                return true;
        }
    return false;
}

static aigw_status put_called(struct converse_out *out, struct listed *listed)
{
    aigw_status status = AIGW_OK;

    for (const struct aigw_message *msg = out->req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
            const struct aigw_tool tool = { .struct_size = sizeof tool, .name = part->name };

            if (part->type == AIGW_PART_TOOL_CALL && part->name.len > 0 && !was_called_before(out->req, part))
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

    if (req->tool_choice > AIGW_TOOLS_NAMED)
        return converse_unsupported(out, "such choice of tools", req->tool_choice);
    if (listed->count == 0) {
        if (req->tool_choice != AIGW_TOOLS_AUTO && req->tool_choice != AIGW_TOOLS_NONE)
            converse_drop(out, "tool_choice");
        return AIGW_OK;
    }
    if (req->tool_choice == AIGW_TOOLS_NAMED && !listed->has_named)
        return converse_invalid(out, "the demanded tool is not among the tools");
    if (req->tool_choice == AIGW_TOOLS_NAMED && converse_takes(out, CONVERSE_CHOICE_NAMED)) {
        wire_puts(out->body, ",\"toolChoice\":{\"tool\":{\"name\":");
        converse_put_text(out, converse_tool_name(out, req->tool_choice_name));
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
