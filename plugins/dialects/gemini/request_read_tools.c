/* request_read_tools.c - "tools" and "toolConfig" → canonical tools and the choice among them; schemas of OpenAPI's
 * form → JSON Schema. */
#include "request_read.h"

#include "gemini.h"

#include <string.h>

#define TOOLS_MAX 10000u

#define SCHEMA_MAX ((size_t)8 * 1024 * 1024)

/* ---- schemas ---- */

static aigw_status put_schema(struct gemini_reading *r, struct aigw_buf *buf, const struct aigw_json *schema);

static aigw_status put_json(struct gemini_reading *r, struct aigw_buf *buf, const struct aigw_json *value)
{
    aigw_str text;
    aigw_status status = gemini_read_json(r, value, &text);

    if (status == AIGW_OK)
        r->host->buf_put(buf, text.ptr, text.len);
    return status;
}

static aigw_status put_type(struct gemini_reading *r, struct aigw_buf *buf, const struct aigw_json *type,
                            bool is_nullable)
{
    aigw_status status = AIGW_OK;

    r->host->buf_put(buf, "[", is_nullable ? 1 : 0);
    if (type->flags & AIGW_JSONF_ESCAPES) /* no name of a type */
        status = put_json(r, buf, type);
    for (size_t i = 0; !(type->flags & AIGW_JSONF_ESCAPES) && i < type->text.len; i++) {
        char c = type->text.ptr[i];

        c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        r->host->buf_put(buf, &c, 1);
    }
    r->host->buf_put(buf, ",\"null\"]", is_nullable ? 8 : 0);
    return status;
}

/* An object or a list of schemas. */
static aigw_status put_all(struct gemini_reading *r, struct aigw_buf *buf, const struct aigw_json *all)
{
    struct aigw_json_walk walk = aigw_json_begin(all);
    bool is_list = all->type == AIGW_JSON_LIST;
    struct aigw_json key, value;
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    r->host->buf_put(buf, is_list ? "[" : "{", 1);
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        r->host->buf_put(buf, ",", count++ > 0 ? 1 : 0);
        if (!is_list) {
            status = put_json(r, buf, &key);
            r->host->buf_put(buf, ":", 1);
        }
        if (status == AIGW_OK)
            status = put_schema(r, buf, &value);
    }
    r->host->buf_put(buf, is_list ? "]" : "}", 1);
    return status;
}

/* Keywords that clients spell in two ways. The first SCHEMA_NESTED have schemas in them. */
#define SCHEMA_NESTED 6u
static const struct {
    const char *snake, *name;
    bool is_one; /* an object there is a schema, not many */
} schema_keys[] = {
    { "properties", "properties", false },
    { "any_of", "anyOf", false },
    { "prefix_items", "prefixItems", false },
    { "$defs", "$defs", false },
    { "items", "items", true },
    { "additional_properties", "additionalProperties", true },
    { "min_items", "minItems", false }, /* from here on: numbers, which Google's JSON may put in quotes */
    { "max_items", "maxItems", false },
    { "min_length", "minLength", false },
    { "max_length", "maxLength", false },
    { "min_properties", "minProperties", false },
    { "max_properties", "maxProperties", false },
    { "property_ordering", "propertyOrdering", false },
};
#define SCHEMA_KEYS (sizeof schema_keys / sizeof *schema_keys)

static aigw_status put_member(struct gemini_reading *r, struct aigw_buf *buf, const struct aigw_json *schema,
                              const struct aigw_json *key, const struct aigw_json *value)
{
    struct aigw_json nullable;
    bool is_nullable = false;
    int64_t number;
    aigw_str name;
    aigw_status status = aigw_json_text(key, &r->memory, &name);
    size_t i = 0;

    while (i < SCHEMA_KEYS && gemini_key_of(key, &schema_keys[i].snake, 1) == 1)
        i++;
    if (status != AIGW_OK)
        return status;
    r->host->buf_json(buf, i < SCHEMA_KEYS ? wire_str(schema_keys[i].name) : name);
    r->host->buf_put(buf, ":", 1);
    if (wire_is(name, "type") && value->type == AIGW_JSON_STRING) {
        aigw_json_member(schema, "nullable", &nullable);
        (void)aigw_json_bool(&nullable, &is_nullable);
        return put_type(r, buf, value, is_nullable);
    }
    if (i >= SCHEMA_NESTED && i < SCHEMA_KEYS && gemini_read_whole(value, &number)) {
        r->host->buf_printf(buf, "%lld", (long long)number);
        return AIGW_OK;
    }
    if (i >= SCHEMA_NESTED)
        return put_json(r, buf, value);
    if (value->type == AIGW_JSON_LIST || (value->type == AIGW_JSON_OBJECT && !schema_keys[i].is_one))
        return put_all(r, buf, value);
    return put_schema(r, buf, value);
}

static aigw_status put_schema(struct gemini_reading *r, struct aigw_buf *buf, const struct aigw_json *schema)
{
    struct aigw_json_walk walk = aigw_json_begin(schema);
    struct aigw_json key, value;
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    if (schema->type != AIGW_JSON_OBJECT)
        return put_json(r, buf, schema);
    r->host->buf_put(buf, "{", 1);
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        if (aigw_json_is_text(&key, "nullable"))
            continue;
        r->host->buf_put(buf, ",", count++ > 0 ? 1 : 0);
        status = put_member(r, buf, schema, &key, &value);
    }
    r->host->buf_put(buf, "}", 1);
    return status;
}

aigw_status gemini_read_schema(struct gemini_reading *r, const char *where, const struct aigw_json *schema,
                               aigw_str *ret)
{
    struct aigw_buf *buf;
    aigw_status status;

    if (schema->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, where, "must be an object");
    buf = r->host->buf_new(r->ctx, AIGW_LIFE_BUILD, SCHEMA_MAX);
    if (!buf)
        return AIGW_E_NOMEM;
    status = put_schema(r, buf, schema);
    return status == AIGW_OK ? r->host->buf_view(buf, ret) : status;
}

/* ---- tools ---- */

static struct aigw_tool *add_tool(struct gemini_reading *r, struct aigw_tool **last, uint32_t kind)
{
    struct aigw_tool *tool = gemini_read_piece(r, sizeof *tool);

    if (!tool)
        return NULL;
    tool->struct_size = sizeof *tool;
    tool->kind = kind;
    tool->origin = AIGW_STR(GEMINI_DIALECT);
    if (*last)
        (*last)->next = tool;
    else
        r->request->tools = tool;
    *last = tool;
    return tool;
}

static aigw_status read_function(struct gemini_reading *r, const struct aigw_json *one, struct aigw_tool **last)
{
    static const char *const names[] = { "name", "description", "parameters", "parameters_json_schema" };
    struct aigw_json_walk walk = aigw_json_begin(one);
    struct aigw_tool *tool = add_tool(r, last, AIGW_TOOL_FUNCTION);
    struct gemini_extra extra = { .count = 0 };
    struct aigw_json key, value;
    aigw_status status = AIGW_OK;

    if (!tool)
        return AIGW_E_NOMEM;
    if (one->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, "functionDeclarations", "must be an object");
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        size_t known = gemini_key_of(&key, names, 4);

        if (value.type == AIGW_JSON_NULL)
            continue;
        if (known == 0)
            status = gemini_read_text(r, "functionDeclarations.name", &value, &tool->name);
        else if (known == 1)
            status = gemini_read_text(r, "functionDeclarations.description", &value, &tool->description);
        else if (known == 2)
            status = gemini_read_schema(r, "functionDeclarations.parameters", &value, &tool->parameters);
        else if (known == 3)
            status = value.type == AIGW_JSON_OBJECT
                         ? gemini_read_json(r, &value, &tool->parameters)
                         : gemini_read_refuse(r, "functionDeclarations.parametersJsonSchema", "must be an object");
        else
            status = gemini_read_more(r, &extra, &key, &value);
    }
    if (status == AIGW_OK && tool->name.len == 0)
        return gemini_read_refuse(r, "functionDeclarations.name", "is missing");
    return status == AIGW_OK ? gemini_read_more_end(r, &extra, &tool->extra) : status;
}

/* One that Google runs itself: {"googleSearch":{}}. */
static aigw_status read_server_tool(struct gemini_reading *r, const struct aigw_json *key,
                                    const struct aigw_json *value, struct aigw_tool **last)
{
    struct aigw_tool *tool = add_tool(r, last, AIGW_TOOL_SERVER);
    struct gemini_extra extra = { .count = 0 };
    aigw_status status;

    if (!tool)
        return AIGW_E_NOMEM;
    status = aigw_json_text(key, &r->memory, &tool->name);
    if (status == AIGW_OK)
        status = gemini_read_more(r, &extra, key, value);
    return status == AIGW_OK ? gemini_read_more_end(r, &extra, &tool->extra) : status;
}

static aigw_status read_entry(struct gemini_reading *r, const struct aigw_json *entry, struct aigw_tool **last)
{
    static const char *const names[] = { "function_declarations" };
    struct aigw_json_walk walk = aigw_json_begin(entry), functions;
    struct aigw_json key, value, one;
    aigw_status status = AIGW_OK;

    if (entry->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, "tools", "must be an object");
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        if (value.type == AIGW_JSON_NULL)
            continue;
        if (gemini_key_of(&key, names, 1) == 1) {
            status = read_server_tool(r, &key, &value, last);
            continue;
        }
        if (value.type != AIGW_JSON_LIST || aigw_json_count(&value) > TOOLS_MAX)
            return gemini_read_refuse(r, "functionDeclarations", "must be a list of at most 10000 functions");
        functions = aigw_json_begin(&value);
        for (r->function_number = 1; status == AIGW_OK && aigw_json_next(&functions, NULL, &one); r->function_number++)
            status = read_function(r, &one, last);
        r->function_number = 0;
    }
    return status;
}

aigw_status gemini_read_tools(struct gemini_reading *r, const struct aigw_json *tools)
{
    struct aigw_json_walk walk = aigw_json_begin(tools);
    struct aigw_tool *last = NULL;
    struct aigw_json entry;
    aigw_status status = AIGW_OK;

    if (tools->type == AIGW_JSON_OBJECT) /* one, without its list */
        return read_entry(r, tools, &last);
    if (tools->type != AIGW_JSON_ABSENT && (tools->type != AIGW_JSON_LIST || aigw_json_count(tools) > TOOLS_MAX))
        return gemini_read_refuse(r, "tools", "must be a list of at most 10000");
    for (r->tool_number = 1; status == AIGW_OK && aigw_json_next(&walk, NULL, &entry); r->tool_number++)
        status = read_entry(r, &entry, &last);
    r->tool_number = 0;
    return status;
}

/* ---- the choice among them ---- */

static aigw_status read_allowed(struct gemini_reading *r, const struct aigw_json *list)
{
    struct aigw_params *params = (struct aigw_params *)(uintptr_t)r->request->params;
    struct aigw_json_walk walk = aigw_json_begin(list);
    size_t count = aigw_json_count(list);
    aigw_status status = AIGW_OK;
    struct aigw_json item;
    aigw_str *names;

    if (list->type != AIGW_JSON_LIST || count > WIRE_ALLOWED_MAX)
        return gemini_read_refuse(r, "allowedFunctionNames", "must be a list of at most 1024 names");
    names = gemini_read_alloc(r, (count + 1) * sizeof *names);
    if (!names)
        return AIGW_E_NOMEM;
    for (size_t i = 0; status == AIGW_OK && aigw_json_next(&walk, NULL, &item); i++)
        status = item.type == AIGW_JSON_STRING ? gemini_read_text(r, "allowedFunctionNames", &item, &names[i])
                                               : gemini_read_refuse(r, "allowedFunctionNames", "must hold strings");
    if (count == 1 && r->request->tool_choice == AIGW_TOOLS_REQUIRED) {
        r->request->tool_choice = AIGW_TOOLS_NAMED;
        r->request->tool_choice_name = names[0];
    } else {
        params->allowed_tools = names;
        params->allowed_count = (uint32_t)count;
    }
    return status;
}

static aigw_status read_calling(struct gemini_reading *r, const struct aigw_json *config)
{
    static const struct {
        const char *mode;
        uint32_t choice;
    } modes[] = { { "auto", AIGW_TOOLS_AUTO },
                  { "validated", AIGW_TOOLS_AUTO },
                  { "mode_unspecified", AIGW_TOOLS_AUTO },
                  { "any", AIGW_TOOLS_REQUIRED },
                  { "none", AIGW_TOOLS_NONE } };
    static const char *const names[] = { "mode", "allowed_function_names" };
    struct aigw_json found[2];
    aigw_str word = AIGW_STR_NONE;
    aigw_status status = gemini_read_members(r, config, names, 2, found);
    size_t i = 0;

    if (status == AIGW_OK)
        status = gemini_read_text(r, "functionCallingConfig.mode", &found[0], &word);
    while (i < sizeof modes / sizeof *modes && !wire_same_word(word, modes[i].mode))
        i++;
    if (status == AIGW_OK && word.len > 0 && i == sizeof modes / sizeof *modes)
        return gemini_read_refuse(r, "functionCallingConfig.mode", "must be AUTO, ANY, NONE or VALIDATED");
    if (word.len > 0 && status == AIGW_OK)
        r->request->tool_choice = modes[i].choice;
    if (status == AIGW_OK && aigw_json_count(&found[1]) > 0)
        status = read_allowed(r, &found[1]);
    return status;
}

aigw_status gemini_read_choice(struct gemini_reading *r, const struct aigw_json *config, aigw_str *ret_more)
{
    static const char *const names[] = { "function_calling_config" };
    struct aigw_json_walk walk = aigw_json_begin(config);
    struct gemini_extra extra = { .count = 0 };
    struct aigw_json key, value;
    aigw_status status = AIGW_OK;

    *ret_more = AIGW_STR_NONE;
    if (config->type != AIGW_JSON_ABSENT && config->type != AIGW_JSON_OBJECT)
        return gemini_read_refuse(r, "toolConfig", "must be an object");
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        if (gemini_key_of(&key, names, 1) == 1)
            status = gemini_read_more(r, &extra, &key, &value);
        else if (value.type == AIGW_JSON_OBJECT)
            status = read_calling(r, &value);
        else if (value.type != AIGW_JSON_NULL)
            status = gemini_read_refuse(r, "functionCallingConfig", "must be an object");
    }
    return status == AIGW_OK ? gemini_read_more_end(r, &extra, ret_more) : status;
}
