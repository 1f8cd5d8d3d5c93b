/* json.c - a strict look at a JSON text before json-c makes objects of it.
 *
 * json-c forgives much (comments, single quotes, NaN, what comes after the end), its own strict mode means another
 * thing in every version, and in 0.18 it refuses every string with a byte above 0x7f. So the text is judged here and
 * json-c is used without flags. Names that appear twice are found by counting: it keeps the last of them. */
#include "config/json.h"

#include <json-c/json.h>
#include <string.h>

struct scan {
    const char *at, *end;
    unsigned depth_left;
    size_t members; /* of all objects together */
    const char *fault;
};

static bool fail(struct scan *s, const char *fault)
{
    if (!s->fault)
        s->fault = fault;
    return false;
}

static char peek(const struct scan *s)
{
    return s->at < s->end ? *s->at : '\0';
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

static bool scan_digits(struct scan *s)
{
    const char *begin = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > begin || fail(s, "a digit is missing");
}

static bool scan_number(struct scan *s)
{
    s->at += peek(s) == '-';
    if (peek(s) == '0')
        s->at++;
    else if (!scan_digits(s))
        return false;
    if (peek(s) == '.') {
        s->at++;
        if (!scan_digits(s))
            return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        s->at += peek(s) == '+' || peek(s) == '-';
        return scan_digits(s);
    }
    return true;
}

static bool scan_escape(struct scan *s)
{
    size_t left = (size_t)(s->end - s->at);

    if (left >= 6 && s->at[1] == 'u') {
        for (size_t i = 2; i < 6; i++)
            if (!s->at[i] || !strchr("0123456789abcdefABCDEF", s->at[i]))
                return fail(s, "a \\u escape needs four hex digits");
        s->at += 6;
        return true;
    }
    if (left < 2 || !s->at[1] || !strchr("\"\\/bfnrt", s->at[1]))
        return fail(s, "there is no such escape");
    s->at += 2;
    return true;
}

static bool scan_string(struct scan *s)
{
    if (peek(s) != '"')
        return fail(s, "expected text in double quotes");
    s->at++;
    while (s->at < s->end && *s->at != '"') {
        if ((unsigned char)*s->at < ' ')
            return fail(s, "a control character in a string must be escaped");
        if (*s->at != '\\')
            s->at++;
        else if (!scan_escape(s))
            return false;
    }
    if (s->at == s->end)
        return fail(s, "it ends within a string");
    s->at++;
    return true;
}

static bool scan_word(struct scan *s, aigw_str word)
{
    if ((size_t)(s->end - s->at) < word.len || memcmp(s->at, word.ptr, word.len) != 0)
        return fail(s, "expected a value");
    s->at += word.len;
    return true;
}

static bool scan_value(struct scan *s);

/** The inside of { } or [ ], s->at behind the opening bracket. Recursion is as deep as `depth_left` lets it be. */
static bool scan_items(struct scan *s, char close)
{
    skip_blanks(s);
    if (peek(s) == close) {
        s->at++;
        return true;
    }
    for (;;) {
        skip_blanks(s);
        if (close == '}') {
            s->members++;
            if (!scan_string(s))
                return false;
            skip_blanks(s);
            if (peek(s) != ':')
                return fail(s, "expected a colon after a name");
            s->at++;
        }
        if (!scan_value(s))
            return false;
        skip_blanks(s);
        if (peek(s) == close) {
            s->at++;
            return true;
        }
        if (peek(s) != ',')
            return fail(s, s->at == s->end ? "it ends early" : "expected a comma or a closing bracket");
        s->at++;
    }
}

static bool scan_value(struct scan *s)
{
    bool ok;

    skip_blanks(s);
    switch (peek(s)) {
    case '{':
    case '[':
        if (s->depth_left == 0)
            return fail(s, "nested too deep");
        s->depth_left--;
        s->at++;
        ok = scan_items(s, s->at[-1] == '{' ? '}' : ']');
        s->depth_left++;
        return ok;
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, AIGW_STR("true"));
    case 'f':
        return scan_word(s, AIGW_STR("false"));
    case 'n':
        return scan_word(s, AIGW_STR("null"));
    default:
        if (peek(s) == '-' || (peek(s) >= '0' && peek(s) <= '9'))
            return scan_number(s);
        return fail(s, s->at == s->end ? "it ends early" : "expected a value");
    }
}

static bool scan_text(struct scan *s)
{
    aigw_str text = { s->at, (size_t)(s->end - s->at) };
    size_t valid_len = gw_utf8_valid_len(text);

    if (valid_len < text.len) {
        s->at += valid_len;
        return fail(s, "is not UTF-8");
    }
    if (!scan_value(s))
        return false;
    skip_blanks(s);
    return s->at == s->end || fail(s, "it goes on after its end");
}

/** Members of all objects in it. */
static size_t count_members(struct json_object *value)
{
    size_t count = 0;

    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            count += count_members(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            (void)name;
            count += 1 + count_members(member);
        }
    }
    return count;
}

static struct json_object *parse(aigw_str text, unsigned depth)
{
    struct json_tokener *tokener = json_tokener_new_ex((int)depth + 2); /* the scan is what limits it */
    struct json_object *value = NULL;

    if (!tokener)
        return NULL;
    value = json_tokener_parse_ex(tokener, text.ptr, (int)text.len);
    if (json_tokener_get_error(tokener) == json_tokener_continue) /* a bare number ends only at the end */
        value = json_tokener_parse_ex(tokener, "", 1);
    if (json_tokener_get_error(tokener) != json_tokener_success) {
        json_object_put(value);
        value = NULL;
    }
    json_tokener_free(tokener);
    return value;
}

bool gw_json_is_object(aigw_str text, unsigned depth)
{
    struct scan scan = { text.ptr ? text.ptr : "", text.ptr ? text.ptr + text.len : "", depth, 0, NULL };

    skip_blanks(&scan);
    return peek(&scan) == '{' && scan_text(&scan);
}

struct json_object *gw_json_read(aigw_str text, unsigned depth, uint32_t flags, struct gw_err *reterr)
{
    struct scan scan = { text.ptr ? text.ptr : "", text.ptr ? text.ptr + text.len : "", depth, 0, NULL };
    const char *begin = scan.at;
    struct json_object *value;

    if (text.len > INT32_MAX) {
        gw_err_set(reterr, AIGW_E_LIMIT, "%zu bytes are too many", text.len);
        return NULL;
    }
    if (!scan_text(&scan)) {
        gw_err_set(reterr, AIGW_E_INVALID, "%s, at byte %zu", scan.fault, (size_t)(scan.at - begin));
        return NULL;
    }
    value = parse(text, depth);
    if (!value) {
        gw_err_set(reterr, AIGW_E_INVALID, "null or too large");
    } else if ((flags & GW_JSON_UNIQUE) && count_members(value) != scan.members) {
        gw_err_set(reterr, AIGW_E_INVALID, "a name appears twice in one object");
        json_object_put(value);
        value = NULL;
    }
    return value;
}
