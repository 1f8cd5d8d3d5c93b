/* body_value.c - single values by the lax rules that clients rely on. */
#include <aigw/body.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "body_read.h"
#include "print.h"
#include "scan.h"

#define WORD_ROOM      64u    /* bytes of a string that may be a number or a bool */
#define ESCAPE_MAX     12u    /* bytes of text for one character */
#define BLANKS_MAX     65536u /* characters of blanks around a string that are looked through for what is between */
#define INT_DOUBLE_MAX 9.2e18

static bool fault(struct aigw_body *b, const char *type, const char *msg)
{
    aigw_body_report(b, NULL, type, "%s", msg);
    return false;
}

/* ---- strings ---- */

bool aigw_body_is_word(const char *words, aigw_str text)
{
    for (size_t i = 0;; i++) {
        aigw_str word = aigw_print_word(words, i);

        if (!word.ptr)
            return false;
        if (word.len == text.len && (!text.len || memcmp(word.ptr, text.ptr, text.len) == 0))
            return true;
    }
}

static bool word_fault(struct aigw_body *b, const struct aigw_body_field *field)
{
    char text[384] = "";
    size_t len = 0;

    for (size_t i = 0; len < sizeof text; i++) {
        aigw_str word = aigw_print_word(field->words, i);
        const char *before = i == 0 ? "" : aigw_print_word(field->words, i + 1).ptr ? ", " : " or ";

        if (!word.ptr)
            break;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s'%.*s'", before, AIGW_STR_ARG(word));
    }
    aigw_body_report(b, NULL, field->flags & AIGW_BODYF_LITERAL ? "literal_error" : "enum", "Input should be %s", text);
    return false;
}

bool aigw_body_is_url(aigw_str url)
{
    size_t host = 0;

    if (url.len > 7 && strncasecmp(url.ptr, "http://", 7) == 0)
        host = 7;
    else if (url.len > 8 && strncasecmp(url.ptr, "https://", 8) == 0)
        host = 8;
    if (!host || memchr("/?#:@", url.ptr[host], 5))
        return false;
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f)
            return false;
    return true;
}

static bool length_fault(struct aigw_body *b, const char *type, const char *how, size_t limit)
{
    aigw_body_report(b, NULL, type, "String should have at %s %zu character%s", how, limit, limit == 1 ? "" : "s");
    return false;
}

/* Nothing but its length is asked of the string: memory for undoing its escapes can be saved. */
static bool is_only_measured(const struct aigw_body_field *field, const struct aigw_json *value)
{
    if (!(value->flags & AIGW_JSONF_ESCAPES))
        return false;
    if (field->flags & AIGW_BODYF_STRIP) /* what of it is blank is not known yet, but so much of it? */
        return field->max && aigw_utf8_strip(aigw_scan_inside(value)).len / ESCAPE_MAX > field->max + BLANKS_MAX;
    if (field->offset == AIGW_BODY_NOWHERE)
        return !field->words && !(field->flags & AIGW_BODYF_URL) && !field->check;
    return field->max && value->text.len > field->max;
}

/* False after a fault; true with *ret_is_known false when the text itself must be looked at. */
static bool measure(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                    bool *ret_is_known)
{
    size_t characters;

    *ret_is_known = false;
    if (!is_only_measured(field, value))
        return true;
    characters = aigw_scan_characters(aigw_scan_inside(value));
    if (field->max && characters > field->max)
        return length_fault(b, "string_too_long", "most", field->max);
    if (characters < field->min)
        return length_fault(b, "string_too_short", "least", field->min);
    *ret_is_known = field->offset == AIGW_BODY_NOWHERE;
    return true;
}

static bool read_string(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                        aigw_str text, aigw_str *ret)
{
    bool is_known;

    if (value->type != AIGW_JSON_STRING)
        return field->words ? word_fault(b, field) : fault(b, "string_type", "Input should be a valid string");
    if (!text.ptr) {
        if (!measure(b, field, value, &is_known))
            return false;
        if (is_known)
            return true;
        b->status = aigw_json_text(value, b->memory, &text);
        if (b->status < 0)
            return false;
    }
    if (field->flags & AIGW_BODYF_STRIP)
        text = aigw_utf8_strip(text);
    if (field->max && text.len > field->max && aigw_utf8_count(text) > field->max)
        return length_fault(b, "string_too_long", "most", field->max);
    if (field->min && aigw_utf8_count(text) < field->min)
        return length_fault(b, "string_too_short", "least", field->min);
    if (field->words && !aigw_body_is_word(field->words, text))
        return word_fault(b, field);
    if ((field->flags & AIGW_BODYF_URL) && text.len > 0 && !aigw_body_is_url(text))
        return fault(b, "url_parsing", "Input should be a valid URL that begins with http:// or https://");
    *ret = text;
    return true;
}

/* ---- bools and numbers ---- */

/* A string that may be a word or a number, without blanks around it; absent when it is too long for one. */
static aigw_str short_text(const struct aigw_json *value, char room[WORD_ROOM * 2])
{
    if (value->text.len > WORD_ROOM && (value->flags & AIGW_JSONF_ESCAPES))
        return AIGW_STR_NONE;
    return aigw_json_text_in(value, room);
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

static bool read_bool(struct aigw_body *b, const struct aigw_json *value, bool *ret)
{
    char room[WORD_ROOM * 2];
    double number = 2;

    switch (value->type) {
    case AIGW_JSON_BOOL:
        return aigw_json_bool(value, ret);
    case AIGW_JSON_INT:
    case AIGW_JSON_REAL:
        aigw_json_real(value, &number);
        *ret = number == 1.0;
        if (number == 0.0 || number == 1.0)
            return true;
        break;
    case AIGW_JSON_STRING:
        if (word_to_bool(short_text(value, room), ret))
            return true;
        break;
    default:
        return fault(b, "bool_type", "Input should be a valid boolean");
    }
    return fault(b, "bool_parsing", "Input should be a valid boolean, unable to interpret input");
}

/* Decimal digits with an optional sign and an optional ".0", blanks around allowed. */
static bool text_to_int(aigw_str text, int64_t *ret)
{
    struct aigw_json number = { .type = AIGW_JSON_INT };
    size_t at = 0, digits;

    text = aigw_utf8_strip(text);
    if (text.len && text.ptr[0] == '+')
        text = (aigw_str){ text.ptr + 1, text.len - 1 };
    else if (text.len && text.ptr[0] == '-')
        at++;
    for (digits = at; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9';)
        at++;
    number.text = (aigw_str){ text.ptr, at };
    digits = at - digits;
    if (digits && at + 1 < text.len && text.ptr[at] == '.')
        for (at++; at < text.len && text.ptr[at] == '0';)
            at++;
    return digits && at == text.len && aigw_json_int(&number, ret);
}

static bool real_to_int(struct aigw_body *b, const struct aigw_json *value, int64_t *ret)
{
    double number = 0;

    aigw_json_real(value, &number);
    if (!isfinite(number))
        return fault(b, "finite_number", "Input should be a finite number");
    if (number != floor(number))
        return fault(b, "int_from_float", "Input should be a valid integer, got a number with a fractional part");
    if (fabs(number) > INT_DOUBLE_MAX)
        *ret = number > 0 ? INT64_MAX : INT64_MIN;
    else
        *ret = (int64_t)number;
    return true;
}

/* A long double holds every 64-bit integer. */
static bool is_in_range(struct aigw_body *b, const struct aigw_body_field *field, long double number)
{
    if (!(field->low < field->high))
        return true;
    if (number < (long double)field->low)
        aigw_body_report(b, NULL, "greater_than_equal", "Input should be greater than or equal to %.15g", field->low);
    else if (number > (long double)field->high)
        aigw_body_report(b, NULL, "less_than_equal", "Input should be less than or equal to %.15g", field->high);
    else
        return true;
    return false;
}

/* How large an integer is that was cut to 64 bits, if it was. */
static long double size_of(const struct aigw_json *value, int64_t number)
{
    double real;

    return (number == INT64_MAX || number == INT64_MIN) && aigw_json_real(value, &real) ? (long double)real
                                                                                        : (long double)number;
}

static bool read_int(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                     int64_t *ret)
{
    char room[WORD_ROOM * 2];
    bool boolean = false;
    int64_t number = 0;

    switch (value->type) {
    case AIGW_JSON_INT:
        aigw_json_int(value, &number);
        break;
    case AIGW_JSON_BOOL:
        aigw_json_bool(value, &boolean);
        number = boolean;
        break;
    case AIGW_JSON_REAL:
        if (!real_to_int(b, value, &number))
            return false;
        break;
    case AIGW_JSON_STRING:
        if (!text_to_int(short_text(value, room), &number))
            return fault(b, "int_parsing", "Input should be a valid integer, unable to parse string as an integer");
        break;
    default:
        return fault(b, "int_type", "Input should be a valid integer");
    }
    if (!is_in_range(b, field, size_of(value, number)))
        return false;
    *ret = number;
    return true;
}

static bool read_number(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                        double *ret)
{
    char room[WORD_ROOM * 2];
    struct aigw_json parsed = *value;
    bool boolean = false;
    double number = 0;

    if (value->type == AIGW_JSON_STRING &&
        aigw_json_check(aigw_utf8_strip(short_text(value, room)), AIGW_JSON_NAN, &parsed, NULL) < 0)
        parsed.type = AIGW_JSON_ABSENT;
    if (aigw_json_bool(&parsed, &boolean) && value->type == AIGW_JSON_BOOL)
        number = boolean;
    else if (!aigw_json_real(&parsed, &number))
        return value->type == AIGW_JSON_STRING
                   ? fault(b, "float_parsing", "Input should be a valid number, unable to parse string as a number")
                   : fault(b, "float_type", "Input should be a valid number");
    if (!isfinite(number))
        return fault(b, "finite_number", "Input should be a finite number");
    if (!is_in_range(b, field, number))
        return false;
    *ret = number;
    return true;
}

/* ---- all of them ---- */

bool aigw_body_scalar(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                      aigw_str text, void *ret)
{
    switch (field->type) {
    case AIGW_BODY_STRING:
        return read_string(b, field, value, text, ret);
    case AIGW_BODY_INT:
        return read_int(b, field, value, ret);
    case AIGW_BODY_BOOL:
        return read_bool(b, value, ret);
    case AIGW_BODY_NUMBER:
        return read_number(b, field, value, ret);
    default:
        b->status = aigw_json_mend(value, b->memory, ret);
        return b->status == AIGW_OK;
    }
}

void aigw_body_default(const struct aigw_body_field *field, void *ret)
{
    const char *text = field->default_value;

    if (!text)
        return;
    switch (field->type) {
    case AIGW_BODY_STRING:
        *(aigw_str *)ret = (aigw_str){ text, strlen(text) };
        break;
    case AIGW_BODY_INT:
        *(int64_t *)ret = strtoll(text, NULL, 10);
        break;
    case AIGW_BODY_NUMBER:
        *(double *)ret = strtod(text, NULL);
        break;
    case AIGW_BODY_BOOL:
        *(bool *)ret = *text == 't';
        break;
    default:
        break;
    }
}

bool aigw_body_is_tag(const struct aigw_body_table *table, const struct aigw_json *tag, size_t index)
{
    aigw_str word = aigw_print_word(table->tags, index);
    struct aigw_json expected = { .text = word, .type = AIGW_JSON_INT };
    int64_t wanted = 0, number = 0;
    double real = 0;
    bool boolean = false;

    if (!table->tag_is_number)
        return tag->type == AIGW_JSON_STRING && aigw_scan_reads_as(tag, word.ptr, word.len);
    aigw_json_int(&expected, &wanted);
    if (aigw_json_int(tag, &number))
        return number == wanted;
    if (aigw_json_bool(tag, &boolean))
        return boolean == wanted;
    return aigw_json_real(tag, &real) && real == (double)wanted;
}

bool aigw_body_is_json_type(aigw_str type)
{
    const char *semicolon = type.len ? memchr(type.ptr, ';', type.len) : NULL;

    if (semicolon)
        type.len = (size_t)(semicolon - type.ptr);
    type = aigw_utf8_strip(type);
    if (!type.len)
        return true;
    if (type.len < 16 || strncasecmp(type.ptr, "application/", 12) != 0)
        return false;
    return (type.len == 16 && strncasecmp(type.ptr + 12, "json", 4) == 0) ||
           (type.len > 17 && strncasecmp(type.ptr + type.len - 5, "+json", 5) == 0);
}
