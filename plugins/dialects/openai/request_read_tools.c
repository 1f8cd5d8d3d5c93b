/* request_read_tools.c - the tools of a request, which of them may or must be called, and the form of the answer. Chats
 * put what describes a tool below its type, the Responses API beside it; either is read from both. */
#include <string.h>

#include "request_read.h"

static struct aigw_tool *add_tool(struct openai_tool_list *list, uint32_t kind)
{
    struct aigw_tool *tool = openai_get(list->r, sizeof *tool);

    if (!tool)
        return NULL;
    tool->struct_size = sizeof *tool;
    tool->kind = kind;
    tool->scope = list->scope;
    if (list->last)
        list->last->next = tool;
    else
        list->first = tool;
    list->last = tool;
    return tool;
}

/* ---- one tool ---- */

enum { NAME, DESCRIPTION, PARAMETERS, STRICT, FORMAT, INPUT_SCHEMA, BODY_MEMBERS };
static const char *const body_names[] = { "name", "description", "parameters", "strict", "format", "input_schema" };

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
    openai_inner_members(r, value, body_names, BODY_MEMBERS, members);
    status = openai_take_text(r, OPENAI_AT(place, "name"), &members[NAME], &tool->name);
    if (status == AIGW_OK && tool->name.len == 0)
        return openai_refuse_missing(r, OPENAI_AT(place, "name"));
    if (status == AIGW_OK)
        status = openai_take_long_text(r, OPENAI_AT(place, "description"), &members[DESCRIPTION], &tool->description);
    if (status != AIGW_OK)
        return status;
    if (tool->kind == AIGW_TOOL_FREE_TEXT) {
        tool->origin = r->request->dialect;
        return openai_take_object(r, OPENAI_AT(place, "format"), &members[FORMAT], &tool->grammar);
    }
    status = openai_is_null(&members[PARAMETERS])
                 ? openai_take_object(r, OPENAI_AT(place, "input_schema"), &members[INPUT_SCHEMA], &tool->parameters)
                 : openai_take_object(r, OPENAI_AT(place, "parameters"), &members[PARAMETERS], &tool->parameters);
    if (status == AIGW_OK)
        status = openai_take_bool(r, OPENAI_AT(place, "strict"), &members[STRICT], &strict);
    tool->flags |= strict == AIGW_YES ? AIGW_TOOLF_STRICT : strict == AIGW_NO ? AIGW_TOOLF_STRICT_OFF : 0;
    return status;
}

/* A kind that this dialect does not define: one that the server runs itself. */
static aigw_status read_server_tool(struct openai_tool_list *list, const struct aigw_json *type,
                                    const struct aigw_json *value)
{
    struct openai_reading *r = list->r;
    struct aigw_tool *tool = add_tool(list, AIGW_TOOL_SERVER);
    aigw_status status = tool ? aigw_json_text(type, &r->memory, &tool->name) : AIGW_E_NOMEM;

    if (status != AIGW_OK)
        return status;
    tool->origin = r->request->dialect;
    return aigw_json_mend(value, &r->memory, &tool->extra);
}

/* Tools under a common name. There are none within one another. */
static aigw_status read_namespace(struct openai_tool_list *list, const struct openai_place *place,
                                  const struct aigw_json *name, const struct aigw_json *tools)
{
    struct openai_reading *r = list->r;
    aigw_str scope = AIGW_STR_NONE;
    aigw_status status = openai_take_text(r, OPENAI_AT(place, "name"), name, &scope);

    if (status == AIGW_OK && scope.len == 0)
        return openai_refuse_missing(r, OPENAI_AT(place, "name"));
    if (status == AIGW_OK && list->scope.len > 0)
        return openai_refuse(r, place, "invalid_value", "is a namespace within a namespace");
    list->scope = scope;
    if (status == AIGW_OK)
        status = openai_request_tool_list(list, OPENAI_AT(place, "tools"), tools);
    list->scope = AIGW_STR_NONE;
    return status;
}

/* clang-format off */
enum {
    TYPE, FUNCTION, CUSTOM, CACHE_CONTROL, DEFER_LOADING, TOOLS, EXECUTION, OWN_NAME, OWN_DESCRIPTION, OWN_PARAMETERS,
    OWN_STRICT, OWN_FORMAT, OWN_SCHEMA, MEMBERS
};
static const char *const names[] = {
    "type", "function", "custom", "cache_control", "defer_loading", "tools", "execution", "name", "description",
    "parameters", "strict", "format", "input_schema"
};
/* clang-format on */
_Static_assert(sizeof names / sizeof *names == MEMBERS, "one name each");

/* The client searches its tools itself: to the model that is a function like any other. */
static aigw_status read_tool_search(struct openai_tool_list *list, const struct openai_place *place,
                                    const struct aigw_json *members)
{
    struct openai_reading *r = list->r;
    struct aigw_tool *tool = add_tool(list, AIGW_TOOL_FUNCTION);
    aigw_status status;

    if (!tool)
        return AIGW_E_NOMEM;
    tool->name = AIGW_STR(OPENAI_TOOL_SEARCH);
    r->asked->has_tool_search = true;
    status = openai_take_text(r, OPENAI_AT(place, "description"), &members[OWN_DESCRIPTION], &tool->description);
    return status == AIGW_OK
               ? openai_take_object(r, OPENAI_AT(place, "parameters"), &members[OWN_PARAMETERS], &tool->parameters)
               : status;
}

/* A function, or a tool whose input is plain text. With an input_schema it is one of Anthropic's, whatever its type. */
static aigw_status read_own_tool(struct openai_tool_list *list, const struct openai_place *place,
                                 const struct aigw_json *value, const struct aigw_json *members, bool has_others)
{
    struct openai_reading *r = list->r;
    bool is_custom = aigw_json_is_text(&members[TYPE], "custom") && openai_is_null(&members[OWN_SCHEMA]),
         is_responses = r->asked->path == OPENAI_RESPONSES;
    const struct aigw_json *below = &members[is_custom ? CUSTOM : FUNCTION];
    bool is_flat = openai_is_null(below) && (is_responses || !openai_is_null(&members[OWN_NAME]));
    struct aigw_tool *tool = add_tool(list, is_custom ? AIGW_TOOL_FREE_TEXT : AIGW_TOOL_FUNCTION);
    uint64_t keep = (uint64_t)1 << CACHE_CONTROL | (is_responses ? 0 : (uint64_t)1 << DEFER_LOADING);
    uint32_t is_deferred = AIGW_UNSET, ttl_s = 0;
    aigw_status status;

    if (!tool)
        return AIGW_E_NOMEM;
    r->asked->has_foreign |= is_flat && !is_responses; /* servers of chats know none that is so */
    status = is_flat ? read_tool_body(r, place, value, tool)
                     : read_tool_body(r, OPENAI_AT(place, names[is_custom ? CUSTOM : FUNCTION]), below, tool);
    if (status == AIGW_OK)
        status = openai_take_bool(r, OPENAI_AT(place, "defer_loading"), &members[DEFER_LOADING], &is_deferred);
    if (is_deferred == AIGW_YES)
        tool->flags |= AIGW_TOOLF_DEFERRED;
    if (openai_cache_mark(&members[CACHE_CONTROL], &ttl_s))
        tool->flags |= AIGW_TOOLF_CACHE;
    if (status == AIGW_OK && (has_others || (tool->flags & (AIGW_TOOLF_CACHE | AIGW_TOOLF_DEFERRED))))
        status = openai_extra(r, value, names, MEMBERS, keep, &tool->extra);
    if (tool->extra.len > 0)
        tool->origin = r->request->dialect;
    return status;
}

static aigw_status read_tool(struct openai_tool_list *list, const struct openai_place *place,
                             const struct aigw_json *value)
{
    static const char *const own[] = { "function", "custom" };
    struct aigw_json members[MEMBERS];
    struct openai_reading *r = list->r;
    bool is_responses = r->asked->path == OPENAI_RESPONSES, has_others;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    has_others = openai_members(value, names, MEMBERS, members);
    if (!openai_is_null(&members[TYPE]) && members[TYPE].type != AIGW_JSON_STRING)
        return openai_refuse_type(r, OPENAI_AT(place, "type"), &members[TYPE], "a string");
    if (openai_is_null(&members[TYPE]) || openai_word(&members[TYPE], own, 2) >= 0)
        return read_own_tool(list, place, value, members, has_others);
    if (is_responses && aigw_json_is_text(&members[TYPE], "namespace"))
        return read_namespace(list, place, &members[OWN_NAME], &members[TOOLS]);
    if (is_responses && aigw_json_is_text(&members[TYPE], OPENAI_TOOL_SEARCH) &&
        aigw_json_is_text(&members[EXECUTION], "client"))
        return read_tool_search(list, place, members);
    return read_server_tool(list, &members[TYPE], value);
}

aigw_status openai_request_tool_list(struct openai_tool_list *list, const struct openai_place *place,
                                     const struct aigw_json *value)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json item;
    aigw_status status = AIGW_OK;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_LIST)
        return openai_refuse_type(list->r, place, value, "a list of tools");
    for (size_t i = 0; status == AIGW_OK && aigw_json_next(&walk, NULL, &item); i++) {
        status = openai_count_piece(list->r, OPENAI_ITEM(place, i));
        if (status == AIGW_OK)
            status = read_tool(list, OPENAI_ITEM(place, i), &item);
    }
    return status;
}

/* ---- all of them ---- */

/* The tools of the request, then those that become known in its messages. */
struct walk {
    const struct aigw_message *message;
    const struct aigw_part *part;
    const struct aigw_tool *tool;
};

static struct walk begin_walk(const struct openai_reading *r)
{
    const struct aigw_message *first = r->request->messages;

    return (struct walk){ .message = first, .part = first ? first->parts : NULL, .tool = r->request->tools };
}

static const struct aigw_tool *next_tool(struct walk *walk)
{
    const struct aigw_tool *tool;

    while (!walk->tool) {
        while (!walk->part && walk->message) {
            walk->message = walk->message->next;
            walk->part = walk->message ? walk->message->parts : NULL;
        }
        if (!walk->part)
            return NULL;
        walk->tool = walk->part->type == AIGW_PART_TOOLS ? walk->part->tools : NULL;
        walk->part = walk->part->next;
    }
    tool = walk->tool;
    walk->tool = tool->next;
    return tool;
}

/* The answer calls these in another form, and by then the tools are forgotten. */
static aigw_status note_free_tools(struct openai_reading *r)
{
    struct openai_asked *asked = r->asked;
    struct walk walk = begin_walk(r);
    const struct aigw_tool *tool;
    aigw_str *free_tools;
    uint32_t count = 0;

    while ((tool = next_tool(&walk)) != NULL)
        count += tool->kind == AIGW_TOOL_FREE_TEXT;
    if (count == 0)
        return AIGW_OK;
    free_tools = openai_get(r, count * sizeof *free_tools);
    if (!free_tools)
        return AIGW_E_NOMEM;
    walk = begin_walk(r);
    while ((tool = next_tool(&walk)) != NULL)
        if (tool->kind == AIGW_TOOL_FREE_TEXT)
            free_tools[asked->free_tool_count++] = tool->name;
    asked->free_tools = free_tools;
    return AIGW_OK;
}

/* ---- which of them ---- */

/* There are tools, and none is called so. */
static bool is_missing(const struct openai_reading *r, aigw_str name)
{
    struct walk walk = begin_walk(r);
    const struct aigw_tool *tool;
    bool has_any = false;

    while ((tool = next_tool(&walk)) != NULL) {
        if (tool->name.len == name.len && memcmp(tool->name.ptr, name.ptr, name.len) == 0)
            return false;
        has_any = true;
    }
    return has_any;
}

/* The name in {"type":"function","function":{"name":…}}, in the same of a custom tool, or flat. */
static aigw_status take_tool_name(struct openai_reading *r, const struct openai_place *place,
                                  const struct aigw_json *value, aigw_str *ret)
{
    static const char *const forms[] = { "function", "custom", "name" };
    struct aigw_json members[3], name;
    const struct openai_place *inner;
    uint32_t form;
    aigw_status status;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    aigw_json_members(value, forms, 3, members);
    form = members[0].type == AIGW_JSON_OBJECT ? 0 : members[1].type == AIGW_JSON_OBJECT ? 1 : 2;
    if (form == 2 && openai_is_null(&members[2])) /* flat in the other API */
        return openai_refuse_missing(r, OPENAI_AT(place, forms[r->asked->path == OPENAI_RESPONSES ? 2 : 0]));
    name = members[2];
    if (form < 2)
        aigw_json_member(&members[form], "name", &name);
    inner = OPENAI_AT(place, forms[form]);
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

/* {"type":"any"} and its like, as Anthropic has them. False when it is none. */
static bool take_claudes_choice(struct openai_reading *r, const struct aigw_json *type, const struct aigw_json *value)
{
    static const char *const words[] = { "auto", "none", "any", "tool" };
    static const uint32_t choices[] = { AIGW_TOOLS_AUTO, AIGW_TOOLS_NONE, AIGW_TOOLS_REQUIRED, AIGW_TOOLS_NAMED };
    int word = openai_word(type, words, sizeof words / sizeof *words);
    struct aigw_json single;
    bool is_single = false;

    if (word < 0)
        return false;
    aigw_json_member(value, "disable_parallel_tool_use", &single);
    if (aigw_json_bool(&single, &is_single) && is_single)
        r->params->parallel_calls = AIGW_NO;
    r->asked->has_foreign = true;
    r->request->tool_choice = choices[word];
    return choices[word] != AIGW_TOOLS_NAMED;
}

static aigw_status take_allowed(struct openai_reading *r, const struct openai_place *place,
                                const struct aigw_json *value)
{
    static const char *const parts[] = { "mode", "tools" };
    const struct openai_place *list = OPENAI_AT(place, "tools");
    struct aigw_json members[2], item;
    struct aigw_json_walk walk;
    aigw_str *allowed;
    aigw_status status = AIGW_OK;
    size_t count;

    aigw_json_members(value, parts, 2, members);
    if (members[1].type != AIGW_JSON_LIST)
        return openai_is_null(&members[1]) ? openai_refuse_missing(r, list)
                                           : openai_refuse_type(r, list, &members[1], "a list of tools");
    if (!openai_is_null(&members[0]))
        status = take_choice_word(r, OPENAI_AT(place, "mode"), &members[0]);
    count = aigw_json_count(&members[1]);
    if (status == AIGW_OK && count == 0)
        status = openai_refuse(r, list, "empty_array", "must name at least one tool");
    if (status == AIGW_OK && count > WIRE_ALLOWED_MAX)
        status = openai_refuse(r, list, "array_above_max_length", "must name at most 1024 tools");
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

aigw_status openai_request_choice(struct openai_reading *r, const char *member, const struct aigw_json *value)
{
    static const char *const parts[] = { "type",   "allowed_tools", "name",  "function",
                                         "custom", "mode",          "tools", "disable_parallel_tool_use" };
    const struct openai_place *place = OPENAI_AT(NULL, member);
    aigw_str *name = &r->request->tool_choice_name;
    struct aigw_json members[8];
    aigw_status status;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type == AIGW_JSON_STRING)
        return take_choice_word(r, place, value);
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "a string or an object");
    openai_note_members(r, value, parts, sizeof parts / sizeof *parts, members);
    if (aigw_json_is_text(&members[0], "allowed_tools")) /* nested as here, or flat as in the other API */
        return members[1].type == AIGW_JSON_OBJECT ? take_allowed(r, OPENAI_AT(place, "allowed_tools"), &members[1])
                                                   : take_allowed(r, place, value);
    if (take_claudes_choice(r, &members[0], value))
        return AIGW_OK;
    if (members[0].type == AIGW_JSON_STRING && openai_word(&members[0], parts + 3, 2) < 0 &&
        openai_is_null(&members[2])) /* one that the server runs is called by its type */
        status = aigw_json_text(&members[0], &r->memory, name);
    else
        status = take_tool_name(r, place, value, name);
    if (status != AIGW_OK)
        return status;
    r->request->tool_choice = AIGW_TOOLS_NAMED;
    return is_missing(r, *name) ? openai_refuse(r, place, "invalid_value", "names a tool that is not among 'tools'")
                                : AIGW_OK;
}

aigw_status openai_request_tools_end(struct openai_reading *r)
{
    struct walk walk = begin_walk(r);

    if (r->request->tool_choice == AIGW_TOOLS_NONE && !next_tool(&walk))
        r->request->tool_choice = AIGW_TOOLS_AUTO; /* there is nothing to forbid */
    return note_free_tools(r);
}

aigw_status openai_request_tools(struct openai_reading *r, const struct openai_tool_members *members)
{
    struct openai_tool_list list = { .r = r };
    bool is_old;
    aigw_status status = openai_request_tool_list(&list, OPENAI_AT(NULL, "tools"), &members->tools);

    is_old = status == AIGW_OK && !list.first;
    if (is_old)
        status = openai_request_tool_list(&list, OPENAI_AT(NULL, "functions"), &members->functions);
    if (is_old && list.first) {
        r->asked->uses_functions = true;
        r->params->parallel_calls = AIGW_NO; /* the form has room for one */
    }
    r->request->tools = list.first;
    if (status == AIGW_OK)
        status = r->asked->uses_functions ? openai_request_choice(r, "function_call", &members->function_call)
                                          : openai_request_choice(r, "tool_choice", &members->tool_choice);
    return status == AIGW_OK ? openai_request_tools_end(r) : status;
}

/* ---- the form of the answer ---- */

aigw_status openai_request_schema(struct openai_reading *r, const struct openai_place *place,
                                  const struct aigw_json *value)
{
    static const char *const parts[] = { "name", "description", "schema", "strict", "type" };
    struct aigw_params *params = r->params;
    struct aigw_json members[5];
    aigw_status status;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_is_null(value) ? openai_refuse_missing(r, place)
                                     : openai_refuse_type(r, place, value, "an object");
    openai_note_members(r, value, parts, 5, members);
    params->format = AIGW_FORMAT_SCHEMA;
    status = openai_take_text(r, OPENAI_AT(place, parts[0]), &members[0], &params->schema_name);
    if (status == AIGW_OK)
        status = openai_take_text(r, OPENAI_AT(place, parts[1]), &members[1], &params->schema_description);
    if (status == AIGW_OK)
        status = openai_take_object(r, OPENAI_AT(place, parts[2]), &members[2], &params->schema);
    if (status == AIGW_OK && params->schema.len == 0)
        return openai_refuse_missing(r, OPENAI_AT(place, parts[2]));
    return status == AIGW_OK ? openai_take_bool(r, OPENAI_AT(place, parts[3]), &members[3], &params->schema_strict)
                             : status;
}

aigw_status openai_request_format(struct openai_reading *r, const struct openai_place *place,
                                  const struct aigw_json *value, bool *ret_is_kept)
{
    static const char *const parts[] = { "type", "json_schema", "schema" };
    static const char *const types[] = { "text", "json_object", "json_schema" };
    struct aigw_json members[3];
    bool has_others;
    int type;

    *ret_is_kept = false;
    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    has_others = openai_members(value, parts, 3, members);
    if (openai_is_null(&members[0]))
        return openai_refuse_missing(r, OPENAI_AT(place, "type"));
    if (members[0].type != AIGW_JSON_STRING)
        return openai_refuse_type(r, OPENAI_AT(place, "type"), &members[0], "a string");
    type = openai_word(&members[0], types, sizeof types / sizeof *types);
    if (type < 0) { /* grammars and the like of some servers */
        *ret_is_kept = true;
        return AIGW_OK;
    }
    if (has_others)
        openai_note_others(r, value, parts, 3);
    if (type == 2)
        return openai_request_schema(r, OPENAI_AT(place, "json_schema"), &members[1]);
    if (type == 1 && members[2].type == AIGW_JSON_OBJECT) { /* llama.cpp's way of saying the same */
        r->params->format = AIGW_FORMAT_SCHEMA;
        return aigw_json_mend(&members[2], &r->memory, &r->params->schema);
    }
    r->params->format = type == 1 ? AIGW_FORMAT_JSON : AIGW_FORMAT_TEXT;
    return AIGW_OK;
}
