/* parse.c - body bytes → JSON. Plain bodies are read in one pass; whatever is not plain goes through json-c, which
 * knows what is wrong with it and where. Editors cut emoji in half and some clients write escapes that JSON does not
 * have: such places become U+FFFD instead of failing the request. Everything else is strict. */
#include "fields.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX 64

static bool is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/** Length of the character at p, 0 when it is not valid (overlong, surrogate, beyond U+10FFFF, cut short). */
static size_t character_len(const unsigned char *p, size_t left)
{
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        return left >= 2 && is_continuation(p[1]) ? 2 : 0;
    if (p[0] >= 0xE0 && p[0] <= 0xEF) {
        unsigned char low = p[0] == 0xE0 ? 0xA0 : 0x80, high = p[0] == 0xED ? 0x9F : 0xBF;

        return left >= 3 && p[1] >= low && p[1] <= high && is_continuation(p[2]) ? 3 : 0;
    }
    if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        unsigned char low = p[0] == 0xF0 ? 0x90 : 0x80, high = p[0] == 0xF4 ? 0x8F : 0xBF;

        return left >= 4 && p[1] >= low && p[1] <= high && is_continuation(p[2]) && is_continuation(p[3]) ? 4 : 0;
    }
    return 0;
}

bool cs_utf8_is_valid(aigw_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len;

    while (p < end) {
        uint64_t eight;
        size_t len;

        while (end - p >= 8) { /* most bodies are ASCII */
            memcpy(&eight, p, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080))
                break;
            p += 8;
        }
        if (p == end)
            break;
        len = *p < 0x80 ? 1 : character_len(p, (size_t)(end - p));
        if (!len)
            return false;
        p += len;
    }
    return true;
}

bool cs_is_json_type(aigw_str type)
{
    const char *semicolon = type.len ? memchr(type.ptr, ';', type.len) : NULL;

    if (semicolon)
        type.len = (size_t)(semicolon - type.ptr);
    type = cs_strip(type);
    if (!type.len)
        return true;
    if (type.len < 16 || strncasecmp(type.ptr, "application/", 12) != 0)
        return false;
    return (type.len == 16 && strncasecmp(type.ptr + 12, "json", 4) == 0) ||
           (type.len > 17 && strncasecmp(type.ptr + type.len - 5, "+json", 5) == 0);
}

/** Both directions in one place: bytes of text, or the error. Answers NULL with *ret_error set. */
static struct json_object *parse(const char *text, size_t len, enum json_tokener_error *ret_error, size_t *ret_at)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    struct json_object *json;

    *ret_error = json_tokener_error_size;
    *ret_at = 0;
    if (!tokener)
        return NULL;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    /* The NUL behind the text tells the tokener that nothing more will come. */
    json = json_tokener_parse_ex(tokener, text, (int)len + 1);
    *ret_error = json_tokener_get_error(tokener);
    *ret_at = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    return json;
}

static bool is_hex4(const char *p, const char *end)
{
    for (int i = 0; i < 4; i++, p++)
        if (p >= end || !((*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'f')))
            return false;
    return true;
}

/** Copy with every escape that JSON does not know replaced by U+FFFD. NUL-terminated; the caller frees. */
static char *mend_escapes(aigw_str text, size_t *ret_len)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    const char *p = text.ptr, *end = text.ptr + text.len;
    char *copy, *out;
    bool in_string = false;

    if (text.len > SIZE_MAX / 2 - 1)
        return NULL;
    copy = out = malloc(text.len * 2 + 1); /* two bytes become at most three */
    if (!copy)
        return NULL;
    while (p < end) {
        if (*p != '\\' || !in_string || end - p < 2) {
            in_string ^= *p == '"';
            *out++ = *p++;
        } else if (p[1] == 'u' ? is_hex4(p + 2, end) : memchr("\"\\/bfnrt", p[1], 8) != NULL) {
            *out++ = *p++;
            *out++ = *p++;
        } else {
            memcpy(out, replacement, 3);
            out += 3;
            p += 2;
            while (p < end && ((unsigned char)*p & 0xC0) == 0x80) /* the rest of an escaped character goes too */
                p++;
        }
    }
    *out = '\0';
    *ret_len = (size_t)(out - copy);
    return copy;
}

static bool is_blank(aigw_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!memchr(" \t\r\n", text.ptr[i], 4))
            return false;
    return true;
}

/** What the quick reader did not take. Records what is wrong, or answers the tree, an object. */
static struct json_object *parse_thoroughly(struct cs_check *check, aigw_str text)
{
    enum json_tokener_error error;
    struct json_object *json;
    size_t at;

    json = parse(text.ptr, text.len, &error, &at);
    if (!json && error == json_tokener_error_parse_string) {
        size_t len = 0;
        char *mended = mend_escapes(text, &len);

        if (mended && len < INT32_MAX)
            json = parse(mended, len, &error, &at);
        free(mended);
    }
    if (json_object_is_type(json, json_type_object))
        return json;
    if (error == json_tokener_success && !json) { /* the text "null" */
        cs_error(check, NULL, "missing", "Field required");
    } else if (error == json_tokener_success) {
        cs_error(check, NULL, "model_attributes_type",
                 "Input should be a valid dictionary or object to extract fields from");
    } else {
        cs_enter_index(check, (int64_t)at);
        cs_error(check, NULL, "json_invalid", "JSON decode error");
        cs_leave(check);
    }
    json_object_put(json);
    return NULL;
}

struct pj_document *cs_parse(struct cs_check *check, aigw_str text)
{
    struct pj_document *document;
    struct json_object *tree;

    if (text.len >= 3 && memcmp(text.ptr, "\xEF\xBB\xBF", 3) == 0)
        text = (aigw_str){ text.ptr + 3, text.len - 3 };
    if (!text.len || is_blank(text)) {
        cs_error(check, NULL, "missing", "Field required");
        return NULL;
    }
    if (text.len >= INT32_MAX || !cs_utf8_is_valid(text)) {
        cs_error(check, NULL, "json_invalid", "JSON decode error: the body is not valid UTF-8 text");
        return NULL;
    }
    document = pj_read(text);
    if (document && pj_root(document)->type == PJ_OBJECT)
        return document;
    pj_free(document);
    tree = parse_thoroughly(check, text);
    if (!tree)
        return NULL;
    document = pj_from(tree);
    json_object_put(tree);
    if (!document)
        cs_error(check, NULL, "json_invalid", "JSON decode error: out of memory");
    return document;
}
