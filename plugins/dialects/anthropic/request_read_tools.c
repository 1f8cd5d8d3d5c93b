/* request_read_tools.c - the tools of a Messages body and which of them the model is to call. */
#include <string.h>

#include "anthropic.h"
#include "request_read.h"

#define TOOLS_MAX 10000u

/* ---- one tool ---- */

enum {
    TOOL_NAME,
    TOOL_TYPE,
    TOOL_DESCRIPTION,
    TOOL_SCHEMA,
    TOOL_STRICT,
    TOOL_DEFER,
    TOOL_CACHE,
    TOOL_KNOWN, /* those behind it change nothing of what is meant: another vendor does without them */
    TOOL_EXAMPLES = TOOL_KNOWN,
    TOOL_EAGER,
    TOOL_CALLERS,
    TOOL_COUNT
};
static const char *const tool_names[TOOL_COUNT] = {
    [TOOL_NAME] = "name",
    [TOOL_TYPE] = "type",
    [TOOL_DESCRIPTION] = "description",
    [TOOL_SCHEMA] = "input_schema",
    [TOOL_STRICT] = "strict",
    [TOOL_DEFER] = "defer_loading",
    [TOOL_CACHE] = "cache_control",
    [TOOL_EXAMPLES] = "input_examples",
    [TOOL_EAGER] = "eager_input_streaming",
    [TOOL_CALLERS] = "allowed_callers",
};

/* Run by the vendor: kept as it is. Some have no name of their own. */
static bool read_server_tool(struct reading *r, const struct aigw_json *tool, const struct aigw_json *at,
                             struct aigw_tool *ret)
{
    ret->kind = AIGW_TOOL_SERVER;
    return reading_str(r, &at[TOOL_NAME], "name", READING_OPTIONAL, &ret->name) &&
           (ret->name.len > 0 || reading_name(r, &at[TOOL_TYPE], "type", &ret->name)) &&
           reading_json(r, tool, &ret->extra);
}

/* What is ours alone, such as input_examples, and a cache mark that asks for more than the default. */
static bool read_tool_rest(struct reading *r, const struct aigw_json *tool, const struct aigw_json *at,
                           struct aigw_tool *ret)
{
    struct aigw_json_walk walk = aigw_json_begin(tool);
    struct reading_extra extra = { NULL };
    bool is_ours = !r->is_for_others, is_marked;
    struct aigw_json key, value;
    uint32_t ttl_s = 0;
    aigw_str text;

    if (!reading_mark(r, &at[TOOL_CACHE], &is_marked, &ttl_s))
        return false;
    if (is_marked && (ttl_s <= 300 || !is_ours))
        ret->flags |= AIGW_TOOLF_CACHE;
    else if (is_marked && !reading_extra_add(r, &extra, AIGW_STR("\"cache_control\""), &at[TOOL_CACHE]))
        return false;
    while (is_ours && aigw_json_next(&walk, &key, &value)) {
        bool is_known = !reading_is(&value);

        for (size_t i = 0; i < TOOL_KNOWN && !is_known; i++)
            is_known = aigw_json_is_text(&key, tool_names[i]);
        if (!is_known && !(reading_json(r, &key, &text) && reading_extra_add(r, &extra, text, &value)))
            return false;
    }
    return reading_extra_end(r, &extra, &ret->extra);
}

static bool read_function(struct reading *r, const struct aigw_json *tool, const struct aigw_json *at,
                          struct aigw_tool *ret)
{
    bool is_strict = false, is_deferred = false;

    if (!reading_name(r, &at[TOOL_NAME], "name", &ret->name) ||
        !reading_text(r, &at[TOOL_DESCRIPTION], "description", READING_OPTIONAL, &ret->description) ||
        !reading_type(r, &at[TOOL_SCHEMA], "input_schema", READING_REQUIRED, AIGW_JSON_OBJECT) ||
        !reading_json(r, &at[TOOL_SCHEMA], &ret->parameters) ||
        !reading_bool(r, &at[TOOL_STRICT], "strict", &is_strict) ||
        !reading_bool(r, &at[TOOL_DEFER], "defer_loading", &is_deferred))
        return false;
    ret->kind = AIGW_TOOL_FUNCTION;
    if (reading_is(&at[TOOL_STRICT]))
        ret->flags |= is_strict ? AIGW_TOOLF_STRICT : AIGW_TOOLF_STRICT_OFF;
    if (is_deferred)
        ret->flags |= AIGW_TOOLF_DEFERRED;
    return read_tool_rest(r, tool, at, ret);
}

static bool read_tool(struct reading *r, const struct aigw_json *tool, struct aigw_tool *ret)
{
    struct aigw_json at[TOOL_COUNT];
    uint32_t dropped = r->dropped_count;
    bool has_vendor_parts = r->has_vendor_parts;

    if (!reading_type(r, tool, NULL, READING_REQUIRED, AIGW_JSON_OBJECT))
        return false;
    reading_members(r, tool, tool_names, TOOL_COUNT, at);
    if (!reading_type(r, &at[TOOL_TYPE], "type", READING_OPTIONAL, AIGW_JSON_STRING))
        return false;
    ret->struct_size = sizeof *ret;
    ret->origin = AIGW_STR(ANTHROPIC_DIALECT);
    if (reading_is(&at[TOOL_TYPE]) && !aigw_json_is_text(&at[TOOL_TYPE], "custom")) {
        r->dropped_count = dropped; /* it stays or goes as a whole */
        r->has_vendor_parts = has_vendor_parts;
        return read_server_tool(r, tool, at, ret);
    }
    return read_function(r, tool, at, ret);
}

/* ---- which of them ---- */

static bool is_among(const struct aigw_tool *tools, aigw_str name)
{
    for (; tools; tools = tools->next)
        if (tools->name.len == name.len && memcmp(tools->name.ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

static bool read_named(struct reading *r, const struct aigw_json *name, struct aigw_model_request *req)
{
    if (!reading_name(r, name, "name", &req->tool_choice_name))
        return false;
    if (!is_among(req->tools, req->tool_choice_name))
        return reading_refuse(r, "name", "the tool %.*s is not among the tools of this request",
                              (int)(req->tool_choice_name.len < 128 ? req->tool_choice_name.len : 128),
                              req->tool_choice_name.ptr);
    req->tool_choice = AIGW_TOOLS_NAMED;
    return true;
}

static bool read_choice(struct reading *r, const struct aigw_json *choice, struct aigw_model_request *req,
                        struct aigw_params *params)
{
    enum { TYPE, SINGLE, NAME, MEMBERS };
    static const char *const names[MEMBERS] = { "type", "disable_parallel_tool_use", "name" };
    struct aigw_json at[MEMBERS];
    bool is_single = false;

    if (!reading_type(r, choice, "tool_choice", READING_OPTIONAL, AIGW_JSON_OBJECT))
        return false;
    if (!reading_is(choice))
        return true;
    reading_members(r, choice, names, MEMBERS, at);
    reading_into(r, "tool_choice");
    if (!reading_type(r, &at[TYPE], "type", READING_REQUIRED, AIGW_JSON_STRING) ||
        !reading_bool(r, &at[SINGLE], "disable_parallel_tool_use", &is_single))
        return false;
    if (aigw_json_is_text(&at[TYPE], "tool")) {
        if (!read_named(r, &at[NAME], req))
            return false;
    } else if (aigw_json_is_text(&at[TYPE], "any")) {
        if (!req->tools)
            return reading_refuse(r, NULL, "it asks for a tool, and there are no tools in this request");
        req->tool_choice = AIGW_TOOLS_REQUIRED;
    } else if (aigw_json_is_text(&at[TYPE], "none")) {
        req->tool_choice = AIGW_TOOLS_NONE;
    } else if (!aigw_json_is_text(&at[TYPE], "auto")) {
        return reading_refuse(r, "type", "Input should be 'auto', 'any', 'tool' or 'none'");
    }
    if (reading_is(&at[SINGLE]))
        params->parallel_calls = is_single ? AIGW_NO : AIGW_YES;
    reading_out(r);
    return true;
}

bool reading_tools(struct reading *r, const struct aigw_json *tools, const struct aigw_json *choice,
                   struct aigw_model_request *req, struct aigw_params *params)
{
    struct aigw_json_walk walk = aigw_json_begin(tools);
    struct aigw_tool *last = NULL;
    struct aigw_json item;
    size_t number = 0;

    if (!reading_type(r, tools, "tools", READING_OPTIONAL, AIGW_JSON_LIST))
        return false;
    reading_into(r, "tools");
    while (aigw_json_next(&walk, NULL, &item)) {
        struct aigw_tool *tool;

        if (number == TOOLS_MAX)
            return reading_refuse(r, NULL, "List should have at most %u items", TOOLS_MAX);
        tool = reading_alloc(r, sizeof *tool);
        reading_into_item(r, number++);
        if (!tool || !reading_count(r) || !read_tool(r, &item, tool))
            return false;
        reading_out(r);
        if (last)
            last->next = tool;
        else
            req->tools = tool;
        last = tool;
    }
    reading_out(r);
    return read_choice(r, choice, req, params);
}
