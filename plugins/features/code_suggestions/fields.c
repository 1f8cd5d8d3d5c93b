/* fields.c - see fields.h. */
#include "fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ERRORS_MAX       50u
#define ERRORS_BYTES_MAX ((size_t)64 << 10)

bool cs_str_is(aigw_str s, const char *text)
{
    size_t len = strlen(text);

    return s.len == len && (!len || memcmp(s.ptr, text, len) == 0);
}

bool cs_is_word(aigw_str value, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cs_str_is(value, words[i]))
            return true;
    return false;
}

size_t cs_utf8_count(aigw_str s)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++)
        count += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return count;
}

/** Bytes of the white space character at the start of s, 0 when there is none. */
static size_t space_len(aigw_str s)
{
    static const char *const wide[] = { "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\xA8",
                                        "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80" };

    if (!s.len)
        return 0;
    if (s.ptr[0] == ' ' || (s.ptr[0] >= '\t' && s.ptr[0] <= '\r'))
        return 1;
    if ((unsigned char)s.ptr[0] < 0x80)
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        size_t len = strlen(wide[i]);

        if (s.len >= len && memcmp(s.ptr, wide[i], len) == 0)
            return len;
    }
    /* U+2000 to U+200A */
    if (s.len >= 3 && memcmp(s.ptr, "\xE2\x80", 2) == 0 && (unsigned char)s.ptr[2] >= 0x80 &&
        (unsigned char)s.ptr[2] <= 0x8A)
        return 3;
    return 0;
}

aigw_str cs_strip(aigw_str s)
{
    size_t len;

    while ((len = space_len(s)) > 0)
        s = (aigw_str){ s.ptr + len, s.len - len };
    for (;;) {
        size_t start = s.len;

        while (start > 0 && s.len - start < 3) {
            start--;
            if (((unsigned char)s.ptr[start] & 0xC0) != 0x80)
                break;
        }
        len = s.len - start;
        if (!len || space_len((aigw_str){ s.ptr + start, len }) != len)
            return s;
        s.len = start;
    }
}

/* ---- errors ---- */

void cs_enter(struct cs_check *check, const char *name)
{
    if (check->depth < CS_LOC_MAX)
        check->loc[check->depth].name = name;
    check->depth++;
}

void cs_enter_index(struct cs_check *check, int64_t index)
{
    if (check->depth < CS_LOC_MAX) {
        check->loc[check->depth].name = NULL;
        check->loc[check->depth].index = index;
    }
    check->depth++;
}

void cs_leave(struct cs_check *check)
{
    check->depth--;
}

void cs_error(struct cs_check *check, const char *field, const char *type, const char *fmt, ...)
{
    const struct aigw_host *host = check->host;
    char msg[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    if (check->error_count++ >= ERRORS_MAX)
        return;
    if (!check->errors)
        check->errors = host->buf_new(check->ctx, AIGW_LIFE_BUILD, ERRORS_BYTES_MAX);
    if (!check->errors)
        return;
    host->buf_printf(check->errors, "%s{\"type\":\"%s\",\"loc\":[\"body\"", check->error_count > 1 ? "," : "[", type);
    for (uint32_t i = 0; i < check->depth && i < CS_LOC_MAX; i++) {
        if (check->loc[i].name)
            host->buf_printf(check->errors, ",\"%s\"", check->loc[i].name);
        else
            host->buf_printf(check->errors, ",%lld", (long long)check->loc[i].index);
    }
    if (field)
        host->buf_printf(check->errors, ",\"%s\"", field);
    host->buf_printf(check->errors, "],\"msg\":");
    host->buf_json(check->errors, (aigw_str){ msg, strlen(msg) });
    host->buf_printf(check->errors, "}");
}

aigw_str cs_errors(struct cs_check *check)
{
    aigw_str view = AIGW_STR("[]");

    if (check->errors) {
        check->host->buf_printf(check->errors, "]");
        if (check->host->buf_view(check->errors, &view) != AIGW_OK)
            view = AIGW_STR("[]");
    }
    return view;
}

/* ---- members ---- */

/** The member, or NULL after recording that a required one is missing. *ret_is_null tells an explicit null. */
static const struct pj *member(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags,
                               bool *ret_is_null)
{
    const struct pj *value = pj_member(object, field);

    *ret_is_null = pj_is(value, PJ_NULL);
    if (!value) {
        if (flags & CS_REQUIRED)
            cs_error(check, field, "missing", "Field required");
        return NULL;
    }
    return *ret_is_null ? NULL : value;
}

bool cs_string(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags,
               size_t max_characters, aigw_str *ret)
{
    bool is_null;
    const struct pj *value = member(check, object, field, flags, &is_null);
    aigw_str text;

    if (!value && (!is_null || (flags & CS_NULLABLE)))
        return false;
    if (!pj_is(value, PJ_STRING)) {
        cs_error(check, field, "string_type", "Input should be a valid string");
        return false;
    }
    text = value->text;
    if (flags & CS_STRIP)
        text = cs_strip(text);
    if (text.len > max_characters && cs_utf8_count(text) > max_characters) {
        cs_error(check, field, "string_too_long", "String should have at most %zu character%s", max_characters,
                 max_characters == 1 ? "" : "s");
        return false;
    }
    *ret = text;
    return true;
}

static bool word_to_bool(aigw_str text, bool *ret)
{
    static const char *const words[][2] = { { "true", "false" }, { "t", "f" },    { "yes", "no" },
                                            { "y", "n" },        { "on", "off" }, { "1", "0" } };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (size_t side = 0; side < 2; side++)
            if (text.len == strlen(words[i][side]) && strncasecmp(text.ptr, words[i][side], text.len) == 0) {
                *ret = side == 0;
                return true;
            }
    return false;
}

bool cs_bool(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags, bool *ret)
{
    bool is_null;
    const struct pj *value = member(check, object, field, flags, &is_null);

    if (!value && (!is_null || (flags & CS_NULLABLE)))
        return false;
    switch (value ? value->type : PJ_NULL) {
    case PJ_BOOL:
        *ret = value->of.boolean;
        return true;
    case PJ_INT:
    case PJ_DOUBLE: {
        double number = value->type == PJ_INT ? (double)value->of.integer : value->of.real;

        if (number == 0.0 || number == 1.0) {
            *ret = number == 1.0;
            return true;
        }
        break;
    }
    case PJ_STRING:
        if (word_to_bool(value->text, ret))
            return true;
        break;
    default:
        cs_error(check, field, "bool_type", "Input should be a valid boolean");
        return false;
    }
    cs_error(check, field, "bool_parsing", "Input should be a valid boolean, unable to interpret input");
    return false;
}

/** Decimal digits with an optional sign and an optional ".0", blanks around allowed. */
static bool text_to_int(aigw_str text, int64_t *ret)
{
    int64_t number = 0;
    size_t at = 0, digits = 0;
    bool negative;

    text = cs_strip(text);
    negative = text.len && text.ptr[0] == '-';
    if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'))
        at++;
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, digits++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, text.ptr[at] - '0', &number))
            return false;
    if (digits && at + 1 < text.len && text.ptr[at] == '.')
        for (at++; at < text.len && text.ptr[at] == '0';)
            at++;
    if (!digits || at != text.len)
        return false;
    *ret = negative ? -number : number;
    return true;
}

bool cs_int(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags, int64_t *ret)
{
    bool is_null;
    const struct pj *value = member(check, object, field, flags, &is_null);
    double number;

    if (!value && (!is_null || (flags & CS_NULLABLE)))
        return false;
    switch (value ? value->type : PJ_NULL) {
    case PJ_INT:
        *ret = value->of.integer;
        return true;
    case PJ_BOOL:
        *ret = value->of.boolean;
        return true;
    case PJ_DOUBLE:
        number = value->of.real;
        if (!isfinite(number)) {
            cs_error(check, field, "finite_number", "Input should be a finite number");
            return false;
        }
        if (number != floor(number) || fabs(number) > 9e18) {
            cs_error(check, field, "int_from_float",
                     "Input should be a valid integer, got a number with a fractional part");
            return false;
        }
        *ret = (int64_t)number;
        return true;
    case PJ_STRING:
        if (text_to_int(value->text, ret))
            return true;
        cs_error(check, field, "int_parsing", "Input should be a valid integer, unable to parse string as an integer");
        return false;
    default:
        cs_error(check, field, "int_type", "Input should be a valid integer");
        return false;
    }
}

bool cs_list(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags, size_t max,
             const struct pj **ret)
{
    bool is_null;
    const struct pj *value = member(check, object, field, flags, &is_null);

    if (!value && (!is_null || (flags & CS_NULLABLE)))
        return false;
    if (!pj_is(value, PJ_LIST)) {
        cs_error(check, field, "list_type", "Input should be a valid list");
        return false;
    }
    if (value->of.in.count > max) {
        cs_error(check, field, "too_long", "List should have at most %zu items after validation, not %zu", max,
                 value->of.in.count);
        return false;
    }
    *ret = value;
    return true;
}

bool cs_object(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags,
               const struct pj **ret)
{
    bool is_null;
    const struct pj *value = member(check, object, field, flags, &is_null);

    if (!value && (!is_null || (flags & CS_NULLABLE)))
        return false;
    if (!pj_is(value, PJ_OBJECT)) {
        cs_error(check, field, "model_attributes_type",
                 "Input should be a valid dictionary or object to extract fields from");
        return false;
    }
    *ret = value;
    return true;
}
