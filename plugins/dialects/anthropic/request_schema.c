/* request_schema.c - JSON Schemas that the API holds an answer to. It wants every object closed, and refuses
 * bounds on lengths and numbers: those are said in the description instead, where the model reads them. */
#include "request_write.h"

#include <aigw/json.h>
#include <string.h>

/* Keywords that hold a schema, schemas by name, or a list of them. */
static const char *const schema_keywords[] = { "items", "additionalProperties", "not", NULL };
static const char *const named_keywords[] = { "properties", "$defs", "definitions", NULL };
static const char *const list_keywords[] = { "anyOf", "allOf", "oneOf", "prefixItems", NULL };
static const char *const bound_keywords[] = { "minimum",    "maximum",     "exclusiveMinimum", "exclusiveMaximum",
                                              "multipleOf", "minLength",   "maxLength",        "minItems",
                                              "maxItems",   "uniqueItems", "minProperties",    "maxProperties",
                                              "$schema",    NULL };

static bool is_one_of(const struct aigw_json *key, const char *const *names)
{
    for (; *names; names++)
        if (aigw_json_is_text(key, *names))
            return true;
    return false;
}

/* minItems of 0 and 1 is the one bound that is served. */
static bool is_bound(const struct aigw_json *key, const struct aigw_json *value)
{
    int64_t number;

    if (aigw_json_is_text(key, "minItems") && aigw_json_int(value, &number) && (number == 0 || number == 1))
        return false;
    return is_one_of(key, bound_keywords);
}

/* The description with the bounds behind it: "Age (minimum: 0, maximum: 150)". */
static void put_description(struct anthropic_out *out, const struct aigw_json *schema,
                            const struct aigw_json *description)
{
    struct aigw_json_walk walk = aigw_json_begin(schema);
    struct aigw_json key, value;
    bool has_words = description->type == AIGW_JSON_STRING, is_first = true;

    wire_puts(out->body, "\"description\":\"");
    if (has_words) /* without its quotes */
        wire_put(out->body, (aigw_str){ description->text.ptr + 1, description->text.len - 2 });
    while (aigw_json_next(&walk, &key, &value)) {
        if (!is_bound(&key, &value) || aigw_json_is_text(&key, "$schema") || value.type == AIGW_JSON_OBJECT ||
            value.type == AIGW_JSON_LIST || value.type == AIGW_JSON_STRING)
            continue;
        wire_puts(out->body, !is_first ? ", " : has_words ? " (" : "(");
        wire_put(out->body, (aigw_str){ key.text.ptr + 1, key.text.len - 2 });
        wire_puts(out->body, ": ");
        wire_put(out->body, value.text);
        is_first = false;
    }
    wire_puts(out->body, is_first ? "\"" : ")\"");
}

static void put_schema(struct anthropic_out *out, const struct aigw_json *schema);

/* Every schema in a list, or in an object by name. */
static void put_schemas(struct anthropic_out *out, const struct aigw_json *container)
{
    bool is_list = container->type == AIGW_JSON_LIST, is_first = true;
    struct aigw_json_walk walk = aigw_json_begin(container);
    struct aigw_json key, value;

    if (!is_list && container->type != AIGW_JSON_OBJECT) {
        wire_put(out->body, container->text);
        return;
    }
    wire_puts(out->body, is_list ? "[" : "{");
    while (aigw_json_next(&walk, &key, &value)) {
        if (!is_first)
            wire_puts(out->body, ",");
        is_first = false;
        if (!is_list) {
            wire_put(out->body, key.text);
            wire_puts(out->body, ":");
        }
        put_schema(out, &value);
    }
    wire_puts(out->body, is_list ? "]" : "}");
}

static void put_member(struct anthropic_out *out, const struct aigw_json *key, const struct aigw_json *value)
{
    wire_put(out->body, key->text);
    wire_puts(out->body, ":");
    if (is_one_of(key, schema_keywords))
        put_schema(out, value);
    else if (is_one_of(key, named_keywords) || is_one_of(key, list_keywords))
        put_schemas(out, value);
    else
        wire_put(out->body, value->text);
}

/* As deep as aigw_json_check() lets a text be. */
static void put_schema(struct anthropic_out *out, const struct aigw_json *schema)
{
    enum { TYPE, PROPERTIES, CLOSED, DESCRIPTION, MEMBERS };
    static const char *const names[MEMBERS] = { "type", "properties", "additionalProperties", "description" };
    struct aigw_json_walk walk = aigw_json_begin(schema);
    struct aigw_json at[MEMBERS], key, value;
    bool is_first = true, has_bounds = false, is_object;

    if (schema->type == AIGW_JSON_LIST) {
        put_schemas(out, schema);
        return;
    }
    if (schema->type != AIGW_JSON_OBJECT) {
        wire_put(out->body, schema->text);
        return;
    }
    aigw_json_members(schema, names, MEMBERS, at);
    is_object = aigw_json_is_text(&at[TYPE], "object") || at[PROPERTIES].type == AIGW_JSON_OBJECT;
    wire_puts(out->body, "{");
    if (is_object && at[TYPE].type == AIGW_JSON_ABSENT) {
        wire_puts(out->body, "\"type\":\"object\"");
        is_first = false;
    }
    while (aigw_json_next(&walk, &key, &value)) {
        bool is_left_out = is_bound(&key, &value);

        has_bounds = has_bounds || (is_left_out && !aigw_json_is_text(&key, "$schema"));
        if (is_left_out || aigw_json_is_text(&key, "description"))
            continue;
        if (!is_first)
            wire_puts(out->body, ",");
        is_first = false;
        put_member(out, &key, &value);
    }
    if (is_object && at[CLOSED].type == AIGW_JSON_ABSENT) {
        wire_puts(out->body, is_first ? "\"additionalProperties\":false" : ",\"additionalProperties\":false");
        is_first = false;
    }
    if (has_bounds || at[DESCRIPTION].type == AIGW_JSON_STRING) {
        if (!is_first)
            wire_puts(out->body, ",");
        put_description(out, schema, &at[DESCRIPTION]);
    }
    wire_puts(out->body, "}");
}

aigw_status anthropic_put_answer_schema(struct anthropic_out *out, aigw_str schema)
{
    struct aigw_json root;

    if (schema.len == 0 || aigw_json_check(schema, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK ||
        root.type != AIGW_JSON_OBJECT)
        return anthropic_invalid(out, "the schema of the answer is not a JSON object");
    put_schema(out, &root);
    return AIGW_OK;
}
