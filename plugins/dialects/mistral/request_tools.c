/* request_tools.c - tools, the choice among them, and what calls of them carry. */
#include "mistral.h"

#include <ctype.h>
#include <string.h>

#define TOOL_ID_LEN  9u
#define NAME_MAX_LEN 64u

/* What goes into the list of tools. */
struct listed {
    uint32_t count;
    aigw_str named; /* what the demanded one is sent as; absent: it is not among them */
};

aigw_status mistral_name_tool(struct mistral_out *out, uint32_t kind, aigw_str scope, aigw_str name, aigw_str *ret_sent)
{
    return names_send(out->host, out->ctx, out->quirks->names, kind, scope, name, NAME_MAX_LEN, ret_sent);
}

/* A JSON Schema; which draft it follows is nothing that the API wants to know. */
aigw_status mistral_put_schema(struct mistral_out *out, aigw_str text)
{
    struct aigw_json root, key, value;
    struct aigw_json_walk members;
    const char *comma = "";

    if (aigw_json_check(text, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return mistral_invalid(out, "a JSON Schema is not a JSON object");
    wire_puts(out->body, "{");
    members = aigw_json_begin(&root);
    while (aigw_json_next(&members, &key, &value)) {
        if (wire_is(mistral_name_of(&key), "$schema"))
            continue;
        wire_puts(out->body, comma);
        wire_puts(out->body, "\"");
        wire_put(out->body, mistral_name_of(&key));
        wire_puts(out->body, "\":");
        wire_put(out->body, value.text);
        comma = ",";
    }
    wire_puts(out->body, "}");
    return AIGW_OK;
}

void mistral_put_strict(struct mistral_out *out, uint32_t strict)
{
    if (strict != AIGW_UNSET)
        wire_puts(out->body, strict == AIGW_YES ? ",\"strict\":true" : ",\"strict\":false");
}

static aigw_status put_function(struct mistral_out *out, const struct aigw_tool *tool, aigw_str sent)
{
    const struct aigw_host *host = out->host;
    aigw_str words = names_describe(host, out->ctx, tool);
    aigw_status status;

    wire_puts(out->body, "{\"type\":\"function\",\"function\":{\"name\":");
    host->buf_json(out->body->buf, sent);
    if (words.len > 0) {
        wire_puts(out->body, ",\"description\":");
        host->buf_json(out->body->buf, words);
    }
    wire_puts(out->body, ",\"parameters\":");
    status = mistral_put_schema(out, names_parameters(tool));
    mistral_put_strict(out, tool->flags & AIGW_TOOLF_STRICT       ? AIGW_YES
                            : tool->flags & AIGW_TOOLF_STRICT_OFF ? AIGW_NO
                                                                  : AIGW_UNSET);
    wire_puts(out->body, "}");
    if (!mistral_is_ours(tool->origin))
        wire_drop_tool_extra(host, out->ctx, out->drops, tool);
    else if (status == AIGW_OK)
        status = mistral_splice(out, tool->extra);
    wire_puts(out->body, "}");
    return status;
}

static aigw_status put_tool(struct mistral_out *out, const struct aigw_tool *tool, bool is_named, struct listed *listed)
{
    bool is_server = tool->kind == AIGW_TOOL_SERVER;
    aigw_status status = AIGW_OK;
    aigw_str sent;

    if (tool->kind > AIGW_TOOL_SERVER)
        return mistral_unsupported(out, "such kind of tool", tool->kind);
    if (is_server && (!mistral_is_ours(tool->origin) || !wire_is_json_object(tool->extra))) {
        wire_drop(out->host, out->ctx, out->drops, tool->name); /* agents list them in every request */
        return AIGW_OK;
    }
    if (!is_server)
        status = mistral_name_tool(out, tool->kind, tool->scope, tool->name, &sent);
    if (status != AIGW_OK)
        return status;
    if (listed->count == 0)
        wire_key(out->body, "tools");
    wire_puts(out->body, listed->count++ > 0 ? "," : "[");
    if (is_server) {
        wire_put(out->body, tool->extra);
        return AIGW_OK;
    }
    if (is_named)
        listed->named = sent;
    return put_function(out, tool, sent);
}

static aigw_status put_tool_list(struct mistral_out *out, const struct aigw_tool *tools,
                                 const struct aigw_model_request *req, struct listed *listed)
{
    aigw_status status = AIGW_OK;

    for (; tools && status == AIGW_OK; tools = tools->next) {
        if (!wire_is_allowed(req->params, tools->name))
            continue;
        status = put_tool(out, tools, wire_same(tools->name, req->tool_choice_name), listed);
    }
    return status;
}

static aigw_status put_tool_choice(struct mistral_out *out, const struct aigw_model_request *req, aigw_str named)
{
    switch (req->tool_choice) {
    case AIGW_TOOLS_AUTO:
        return AIGW_OK;
    case AIGW_TOOLS_NONE:
        wire_string(out->body, "tool_choice", AIGW_STR("none"));
        return AIGW_OK;
    case AIGW_TOOLS_REQUIRED:
        wire_string(out->body, "tool_choice", AIGW_STR("any"));
        return AIGW_OK;
    case AIGW_TOOLS_NAMED:
        if (named.len == 0)
            return wire_lacks_tool(out->host, out->ctx);
        wire_key(out->body, "tool_choice");
        wire_puts(out->body, "{\"type\":\"function\",\"function\":{\"name\":");
        out->host->buf_json(out->body->buf, named);
        wire_puts(out->body, "}}");
        return AIGW_OK;
    default:
        return mistral_unsupported(out, "such choice of tools", req->tool_choice);
    }
}

/* The tools of the request, and those that become known in its messages. */
aigw_status mistral_put_tools(struct mistral_out *out, const struct aigw_model_request *req)
{
    struct listed listed = { .count = 0 };
    aigw_status status = put_tool_list(out, req->tools, req, &listed);

    for (const struct aigw_message *msg = req->messages; msg && status == AIGW_OK; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next)
            if (part->type == AIGW_PART_TOOLS)
                status = put_tool_list(out, part->tools, req, &listed);
    if (listed.count > 0)
        wire_puts(out->body, "]");
    else if (status == AIGW_OK && req->tool_choice == AIGW_TOOLS_NAMED && req->tools)
        return wire_lacks_tool(out->host, out->ctx);
    else if (status == AIGW_OK && req->tool_choice != AIGW_TOOLS_AUTO)
        mistral_drop(out, "tool_choice");
    if (status != AIGW_OK || listed.count == 0)
        return status;
    if (req->params && req->params->parallel_calls != AIGW_UNSET) {
        wire_key(out->body, "parallel_tool_calls");
        wire_puts(out->body, req->params->parallel_calls == AIGW_YES ? "true" : "false");
    }
    return put_tool_choice(out, req, listed.named);
}

/* ---- calls ---- */

aigw_status mistral_put_arguments(struct mistral_out *out, const struct aigw_part *part)
{
    bool is_free = part->flags & AIGW_PARTF_FREE_TEXT;
    struct aigw_buf *object;
    aigw_str text = part->text;

    wire_puts(out->body, ",\"arguments\":");
    if (!is_free && wire_is_blank(text)) {
        text = AIGW_STR("{}");
    } else if (is_free || !wire_is_json_object(text)) { /* plain text, or what a model wrote in place of an object */
        object = out->host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
        if (!object)
            return AIGW_E_NOMEM;
        out->host->buf_printf(object, "%s", is_free ? "{\"input\":" : "{\"_raw\":");
        out->host->buf_json(object, text);
        out->host->buf_put(object, "}", 1);
        if (out->host->buf_view(object, &text) != AIGW_OK)
            return AIGW_E_NOMEM;
    }
    out->host->buf_json(out->body->buf, text);
    return AIGW_OK;
}

aigw_str mistral_tool_id(struct mistral_out *out, aigw_str id)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    bool fits = id.len == TOOL_ID_LEN;
    uint8_t digest[32];
    char *text;

    for (size_t i = 0; i < id.len && fits; i++)
        fits = isalnum((unsigned char)id.ptr[i]);
    if (fits)
        return id;
    text = out->host->alloc(out->ctx, AIGW_LIFE_BUILD, TOOL_ID_LEN);
    if (!text || out->host->sha256(out->ctx, id, digest) != AIGW_OK)
        return AIGW_STR_NONE;
    text[0] = 'h';
    for (size_t i = 1; i < TOOL_ID_LEN; i++)
        text[i] = digits[digest[i - 1] % 62];
    return (aigw_str){ text, TOOL_ID_LEN };
}
