/* jsonc.h - json-c as the oracle of tests: another reader of the same JSON. */
#ifndef DIALECT_TESTS_JSONC_H
#define DIALECT_TESTS_JSONC_H

#include <aigw/sdk.h>
#include <json-c/json.h>

/** NULL when it is none. Put with json_object_put(). */
static inline struct json_object *wire_parse(aigw_str text)
{
    struct json_tokener *tok = json_tokener_new_ex(96);
    struct json_object *value = NULL;

    if (tok && text.len > 0 && text.len < INT32_MAX)
        value = json_tokener_parse_ex(tok, text.ptr, (int)text.len);
    if (tok)
        json_tokener_free(tok);
    return value;
}

/** The member of that type, NULL for everything else. */
static inline struct json_object *wire_get(struct json_object *obj, const char *key, enum json_type type)
{
    struct json_object *value = NULL;

    if (json_object_is_type(obj, json_type_object))
        json_object_object_get_ex(obj, key, &value);
    return value && json_object_is_type(value, type) ? value : NULL;
}

#endif
