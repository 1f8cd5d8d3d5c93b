/* wire_jsonc.c - see wire_jsonc.h. */
#include "wire.h"

#define WIRE_JSON_DEPTH 96

aigw_status wire_merge(struct wire_body *body, struct json_object *members, const char *const *reserved,
                       struct wire_drops *drops)
{
    if (!json_object_is_type(members, json_type_object))
        return AIGW_OK;
    json_object_object_foreach(members, key, value)
    {
        if (wire_has_key(body, reserved, key)) {
            if (drops)
                wire_drop(body->host, body->ctx, drops, wire_str(key));
            continue;
        }
        if (body->key_count == WIRE_KEYS_MAX)
            return body->host->fail(body->ctx, AIGW_E_LIMIT, "the request has more than %d members", WIRE_KEYS_MAX);
        if (body->key_count > 0)
            wire_puts(body, ",");
        body->keys[body->key_count++] = key;
        body->host->buf_json(body->buf, wire_str(key));
        wire_puts(body, ":");
        wire_put(body, wire_json(value));
    }
    return AIGW_OK;
}

/* *ret_used: bytes of the value. False when the text does not begin with one. */
static bool wire_tokenize(aigw_str text, int flags, struct json_object **ret_value, size_t *ret_used)
{
    struct json_tokener *tok;
    bool is_good;

    *ret_value = NULL;
    if (!text.ptr || text.len > INT32_MAX - 1)
        return false;
    tok = json_tokener_new_ex(WIRE_JSON_DEPTH);
    if (!tok)
        return false;
    json_tokener_set_flags(tok, flags);
    *ret_value = json_tokener_parse_ex(tok, text.ptr, (int)text.len);
    *ret_used = json_tokener_get_parse_end(tok);
    if (json_tokener_get_error(tok) == json_tokener_continue) { /* a bare number or word ends only at the end */
        *ret_value = json_tokener_parse_ex(tok, "", 1);
        *ret_used = text.len;
    }
    is_good = json_tokener_get_error(tok) == json_tokener_success;
    if (!is_good) {
        json_object_put(*ret_value);
        *ret_value = NULL;
    }
    json_tokener_free(tok);
    return is_good;
}

struct json_object *wire_parse(aigw_str text)
{
    struct json_object *value;
    size_t used;

    wire_tokenize(text, 0, &value, &used);
    return value;
}

bool wire_parse_next(aigw_str *rest, struct json_object **ret_value)
{
    size_t used;

    if (!wire_tokenize(*rest, 0, ret_value, &used))
        return false;
    *rest = (aigw_str){ rest->ptr + used, rest->len - used };
    return true;
}

struct json_object *wire_member(struct json_object *obj, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(obj, json_type_object))
        json_object_object_get_ex(obj, key, &value);
    return value;
}

bool wire_text(struct json_object *obj, const char *key, aigw_str *ret_text)
{
    struct json_object *value = wire_member(obj, key);

    *ret_text = wire_value_str(value);
    return !value || json_object_is_type(value, json_type_string);
}

bool wire_is_set(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return false;
    case json_type_string:
        return json_object_get_string_len(value) > 0;
    case json_type_boolean:
    case json_type_int:
    case json_type_double:
        return json_object_get_double(value) != 0;
    default:
        return true;
    }
}

aigw_str wire_json(struct json_object *value)
{
    const int style = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    size_t len = 0;
    const char *text = json_object_to_json_string_length(value, style, &len); /* "null" for a NULL value */

    return (aigw_str){ text, len };
}

struct json_object *wire_get(struct json_object *obj, const char *key, enum json_type type)
{
    struct json_object *value = wire_member(obj, key);

    return value && json_object_is_type(value, type) ? value : NULL;
}

aigw_str wire_value_str(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return AIGW_STR_NONE;
    return (aigw_str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) };
}

aigw_str wire_get_str(struct json_object *obj, const char *key)
{
    return wire_value_str(wire_get(obj, key, json_type_string));
}

int64_t wire_get_int(struct json_object *obj, const char *key, int64_t otherwise)
{
    struct json_object *value = wire_member(obj, key);

    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : otherwise;
}
