/* request_read_tools.c - the tools of a chat, which of them may or must be called, and the form of the answer. */
#include <string.h>

#include "request_read.h"

/* A list of tools being made. */
struct tools {
    struct openai_reading *r;
    struct aigw_tool *last;
    uint32_t count, free_count;
};

static struct aigw_tool *add_tool(struct tools *tools, uint32_t kind)
{
    struct aigw_tool *tool = openai_get(tools->r, sizeof *tool);

    if (!tool)
        return NULL;
    tool->struct_size = sizeof *tool;
    tool->kind = kind;
    if (tools->last)
        tools->last->next = tool;
    else
        tools->r->request->tools = tool;
    tools->last = tool;
    tools->count++;
    tools->free_count += kind == AIGW_TOOL_FREE_TEXT;
    return tool;
}

/* ---- one tool ---- */

enum { NAME, DESCRIPTION, PARAMETERS, STRICT, FORMAT, BODY_MEMBERS };
static const char *const body_names[] = { "name", "description", "parameters", "strict", "format" };

/* What stands below "function" or "custom". */
static aigw_status read_tool_body(struct openai_reading *r, const struct openai_place *place,
                                  const struct aigw_json *value, struct aigw_tool *tool)
{
    struct aigw_json members[BODY_MEMBERS];
    uint32_t strict = AIGW_UNSET;
    aigw_status status;

    if (openai_is_null(value))
        return openai_refuse_missing(r, place);
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    aigw_json_members(value, body_names, BODY_MEMBERS, members);
    status = openai_take_text(r, OPENAI_AT(place, "name"), &members[NAME], &tool->name);
    if (status == AIGW_OK && tool->name.len == 0)
        return openai_refuse_missing(r, OPENAI_AT(place, "name"));
    if (status == AIGW_OK)
        status = openai_take_text(r, OPENAI_AT(place, "description"), &members[DESCRIPTION], &tool->description);
    if (status != AIGW_OK)
        return status;
    if (tool->kind == AIGW_TOOL_FREE_TEXT) {
        tool->origin = AIGW_STR(OPENAI_DIALECT);
        return openai_take_object(r, OPENAI_AT(place, "format"), &members[FORMAT], &tool->grammar);
    }
    status = openai_take_object(r, OPENAI_AT(place, "parameters"), &members[PARAMETERS], &tool->parameters);
    if (status == AIGW_OK)
        status = openai_take_bool(r, OPENAI_AT(place, "strict"), &members[STRICT], &strict);
    tool->flags |= strict == AIGW_YES ? AIGW_TOOLF_STRICT : strict == AIGW_NO ? AIGW_TOOLF_STRICT_OFF : 0;
    return status;
}

/* A kind that this dialect does not define: one that the server runs itself. */
static aigw_status read_server_tool(struct tools *tools, const struct aigw_json *type, const struct aigw_json *value)
{
    struct aigw_tool *tool = add_tool(tools, AIGW_TOOL_SERVER);
    aigw_status status = tool ? aigw_json_text(type, &tools->r->memory, &tool->name) : AIGW_E_NOMEM;

    if (status != AIGW_OK)
        return status;
    tool->origin = AIGW_STR(OPENAI_DIALECT);
    return aigw_json_mend(value, &tools->r->memory, &tool->extra);
}

static aigw_status read_tool(struct tools *tools, const struct openai_place *place, const struct aigw_json *value)
{
    enum { TYPE, FUNCTION, CUSTOM, CACHE_CONTROL, OWN };
    static const char *const names[] = { "type",        "function",   "custom", "cache_control", "name",
                                         "description", "parameters", "strict", "format" };
    const size_t count = sizeof names / sizeof *names;
    struct aigw_json members[sizeof names / sizeof *names];
    struct openai_reading *r = tools->r;
    const char *form;
    bool is_custom, is_flat, has_others;
    uint32_t ttl_s = 0;
    struct aigw_tool *tool;
    aigw_status status;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    has_others = openai_members(value, names, count, members);
    if (!openai_is_null(&members[TYPE]) && members[TYPE].type != AIGW_JSON_STRING)
        return openai_refuse_type(r, OPENAI_AT(place, "type"), &members[TYPE], "a string");
    is_custom = aigw_json_is_text(&members[TYPE], "custom");
    if (!is_custom && !openai_is_null(&members[TYPE]) && !aigw_json_is_text(&members[TYPE], "function"))
        return read_server_tool(tools, &members[TYPE], value);
    /* Flat, as the other API and the deprecated form have it: name and parameters beside the type. */
    is_flat = openai_is_null(&members[is_custom ? CUSTOM : FUNCTION]) && !openai_is_null(&members[OWN]);
    form = is_custom ? "custom" : "function";
    tool = add_tool(tools, is_custom ? AIGW_TOOL_FREE_TEXT : AIGW_TOOL_FUNCTION);
    if (!tool)
        return AIGW_E_NOMEM;
    status = is_flat ? read_tool_body(r, place, value, tool)
                     : read_tool_body(r, OPENAI_AT(place, form), &members[is_custom ? CUSTOM : FUNCTION], tool);
    if (openai_cache_mark(&members[CACHE_CONTROL], &ttl_s))
        tool->flags |= AIGW_TOOLF_CACHE;
    if (status == AIGW_OK && (has_others || (tool->flags & AIGW_TOOLF_CACHE)))
        status = openai_extra(r, value, names, count, (uint64_t)1 << CACHE_CONTROL, &tool->extra);
    if (tool->extra.len > 0)
        tool->origin = AIGW_STR(OPENAI_DIALECT);
    return status;
}

static aigw_status read_list(struct tools *tools, const char *name, const struct aigw_json *value)
{
    const struct openai_place *place = OPENAI_AT(NULL, name);
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json item;
    aigw_status status = AIGW_OK;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_LIST)
        return openai_refuse_type(tools->r, place, value, "a list of tools");
    for (size_t i = 0; status == AIGW_OK && aigw_json_next(&walk, NULL, &item); i++)
        status = read_tool(tools, OPENAI_ITEM(place, i), &item);
    return status;
}

/* The answer calls these in another form, and by then the tools are forgotten. */
static aigw_status note_free_tools(struct tools *tools)
{
    struct openai_asked *asked = tools->r->asked;
    aigw_str *names;

    if (tools->free_count == 0)
        return AIGW_OK;
    names = openai_get(tools->r, tools->free_count * sizeof *names);
    if (!names)
        return AIGW_E_NOMEM;
    for (const struct aigw_tool *tool = tools->r->request->tools; tool; tool = tool->next)
        if (tool->kind == AIGW_TOOL_FREE_TEXT)
            names[asked->free_tool_count++] = tool->name;
    asked->free_tools = names;
    return AIGW_OK;
}

/* ---- which of them ---- */

static bool is_tool(const struct tools *tools, aigw_str name)
{
    for (const struct aigw_tool *tool = tools->r->request->tools; tool; tool = tool->next)
        if (tool->name.len == name.len && memcmp(tool->name.ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

/* The name in {"type":"function","function":{"name":…}}, in the same of a custom tool, or flat. */
static aigw_status take_tool_name(struct openai_reading *r, const struct openai_place *place,
                                  const struct aigw_json *value, aigw_str *ret)
{
    static const char *const names[] = { "function", "custom", "name" };
    struct aigw_json members[3], name;
    const struct openai_place *inner;
    uint32_t form;
    aigw_status status;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    aigw_json_members(value, names, 3, members);
    form = members[0].type == AIGW_JSON_OBJECT ? 0 : members[1].type == AIGW_JSON_OBJECT ? 1 : 2;
    if (form == 2 && openai_is_null(&members[2]))
        return openai_refuse_missing(r, OPENAI_AT(place, names[0]));
    name = members[2];
    if (form < 2)
        aigw_json_member(&members[form], "name", &name);
    inner = OPENAI_AT(place, names[form]);
    if (form == 2)
        inner = place;
    status = openai_take_text(r, OPENAI_AT(inner, "name"), &name, ret);
    return status == AIGW_OK && ret->len == 0 ? openai_refuse_missing(r, OPENAI_AT(inner, "name")) : status;
}

static aigw_status take_choice_word(struct openai_reading *r, const struct openai_place *place,
                                    const struct aigw_json *value)
{
    static const char *const words[] = { "auto", "none", "required", "any" }; /* the last is Mistral's */
    static const uint32_t choices[] = { AIGW_TOOLS_AUTO, AIGW_TOOLS_NONE, AIGW_TOOLS_REQUIRED, AIGW_TOOLS_REQUIRED };
    int word = openai_word(value, words, sizeof words / sizeof *words);

    if (word < 0)
        return openai_refuse(r, place, "invalid_value", "must be none, auto, required or an object that names a tool");
    r->request->tool_choice = choices[word];
    return AIGW_OK;
}

static aigw_status take_allowed(struct openai_reading *r, const struct openai_place *place,
                                const struct aigw_json *value)
{
    static const char *const names[] = { "mode", "tools" };
    const struct openai_place *list = OPENAI_AT(place, "tools");
    struct aigw_json members[2], item;
    struct aigw_json_walk walk;
    aigw_str *allowed;
    aigw_status status = AIGW_OK;
    size_t count;

    aigw_json_members(value, names, 2, members);
    if (members[1].type != AIGW_JSON_LIST)
        return openai_is_null(&members[1]) ? openai_refuse_missing(r, list)
                                           : openai_refuse_type(r, list, &members[1], "a list of tools");
    if (!openai_is_null(&members[0]))
        status = take_choice_word(r, OPENAI_AT(place, "mode"), &members[0]);
    count = aigw_json_count(&members[1]);
    if (status == AIGW_OK && count == 0)
        status = openai_refuse(r, list, "empty_array", "must name at least one tool");
    allowed = status == AIGW_OK ? openai_get(r, count * sizeof *allowed) : NULL;
    if (status == AIGW_OK && !allowed)
        return AIGW_E_NOMEM;
    walk = aigw_json_begin(&members[1]);
    for (size_t i = 0; status == AIGW_OK && aigw_json_next(&walk, NULL, &item); i++) {
        status = take_tool_name(r, OPENAI_ITEM(list, i), &item, &allowed[i]);
        r->params->allowed_count++;
    }
    r->params->allowed_tools = allowed;
    return status;
}

static aigw_status read_choice(struct tools *tools, const char *member, const struct aigw_json *value)
{
    static const char *const names[] = { "type", "allowed_tools" };
    const struct openai_place *place = OPENAI_AT(NULL, member);
    struct openai_reading *r = tools->r;
    struct aigw_json members[2];
    aigw_status status;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type == AIGW_JSON_STRING)
        return take_choice_word(r, place, value);
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "a string or an object");
    aigw_json_members(value, names, 2, members);
    if (aigw_json_is_text(&members[0], "allowed_tools")) /* nested as here, or flat as in the other API */
        return members[1].type == AIGW_JSON_OBJECT ? take_allowed(r, OPENAI_AT(place, "allowed_tools"), &members[1])
                                                   : take_allowed(r, place, value);
    status = take_tool_name(r, place, value, &r->request->tool_choice_name);
    if (status != AIGW_OK)
        return status;
    r->request->tool_choice = AIGW_TOOLS_NAMED;
    return tools->count == 0 || is_tool(tools, r->request->tool_choice_name)
               ? AIGW_OK
               : openai_refuse(r, place, "invalid_value", "names a tool that is not among 'tools'");
}

aigw_status openai_request_tools(struct openai_reading *r, const struct openai_tool_members *members)
{
    struct tools tools = { .r = r };
    bool is_old;
    aigw_status status = read_list(&tools, "tools", &members->tools);

    is_old = status == AIGW_OK && tools.count == 0;
    if (is_old)
        status = read_list(&tools, "functions", &members->functions);
    if (is_old && tools.count > 0) {
        r->asked->uses_functions = true;
        r->params->parallel_calls = AIGW_NO; /* the form has room for one */
    }
    if (status == AIGW_OK)
        status = r->asked->uses_functions ? read_choice(&tools, "function_call", &members->function_call)
                                          : read_choice(&tools, "tool_choice", &members->tool_choice);
    if (tools.count == 0 && r->request->tool_choice == AIGW_TOOLS_NONE)
        r->request->tool_choice = AIGW_TOOLS_AUTO; /* there is nothing to forbid */
    return status == AIGW_OK ? note_free_tools(&tools) : status;
}

/* ---- the form of the answer ---- */

static aigw_status take_schema(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value)
{
    static const char *const names[] = { "name", "description", "schema", "strict" };
    struct aigw_params *params = r->params;
    struct aigw_json members[4];
    aigw_status status;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_is_null(value) ? openai_refuse_missing(r, place)
                                     : openai_refuse_type(r, place, value, "an object");
    aigw_json_members(value, names, 4, members);
    params->format = AIGW_FORMAT_SCHEMA;
    status = openai_take_text(r, OPENAI_AT(place, names[0]), &members[0], &params->schema_name);
    if (status == AIGW_OK)
        status = openai_take_text(r, OPENAI_AT(place, names[1]), &members[1], &params->schema_description);
    if (status == AIGW_OK)
        status = openai_take_object(r, OPENAI_AT(place, names[2]), &members[2], &params->schema);
    if (status == AIGW_OK && params->schema.len == 0)
        return openai_refuse_missing(r, OPENAI_AT(place, names[2]));
    return status == AIGW_OK ? openai_take_bool(r, OPENAI_AT(place, names[3]), &members[3], &params->schema_strict)
                             : status;
}

aigw_status openai_request_format(struct openai_reading *r, const struct aigw_json *value, bool *ret_is_kept)
{
    static const char *const names[] = { "type", "json_schema", "schema" };
    static const char *const types[] = { "text", "json_object", "json_schema" };
    const struct openai_place *place = OPENAI_AT(NULL, "response_format");
    struct aigw_json members[3];
    int type;

    *ret_is_kept = false;
    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    aigw_json_members(value, names, 3, members);
    if (openai_is_null(&members[0]))
        return openai_refuse_missing(r, OPENAI_AT(place, "type"));
    if (members[0].type != AIGW_JSON_STRING)
        return openai_refuse_type(r, OPENAI_AT(place, "type"), &members[0], "a string");
    type = openai_word(&members[0], types, sizeof types / sizeof *types);
    if (type < 0) { /* grammars and the like of some servers */
        *ret_is_kept = true;
        return AIGW_OK;
    }
    if (type == 2)
        return take_schema(r, OPENAI_AT(place, "json_schema"), &members[1]);
    if (type == 1 && members[2].type == AIGW_JSON_OBJECT) { /* llama.cpp's way of saying the same */
        r->params->format = AIGW_FORMAT_SCHEMA;
        return aigw_json_mend(&members[2], &r->memory, &r->params->schema);
    }
    r->params->format = type == 1 ? AIGW_FORMAT_JSON : AIGW_FORMAT_TEXT;
    return AIGW_OK;
}
