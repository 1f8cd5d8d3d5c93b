/* json_value.c - see aigw/json.h: what values are, as C has it. */
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define REAL_SHORT  64u  /* a number's text up to here goes to strtod() as it is */
#define REAL_DIGITS 800u /* more cannot change which double is nearest, but for one that says "and a bit more" */

bool aigw_json_is_text(const struct aigw_json *value, const char *text)
{
    return value->type == AIGW_JSON_STRING && aigw_scan_reads_as(value, text, strlen(text));
}

size_t aigw_json_room(const struct aigw_json *value)
{
    size_t len = value->text.len;

    if (value->type != AIGW_JSON_STRING || !(value->flags & AIGW_JSONF_ESCAPES))
        return 0;
    return len + len / 2; /* no escape is shorter than what it stands for, but \q of two bytes is a U+FFFD of three */
}

aigw_str aigw_json_text_in(const struct aigw_json *value, char *room)
{
    aigw_str text = AIGW_STR_NONE;

    if (value->type != AIGW_JSON_STRING)
        return text;
    text = aigw_scan_inside(value);
    if (value->flags & AIGW_JSONF_ESCAPES) {
        text.len = aigw_scan_unescape(text, room);
        text.ptr = room;
    }
    return text;
}

aigw_status aigw_json_text(const struct aigw_json *value, struct aigw_memory *memory, aigw_str *ret)
{
    size_t len = aigw_json_room(value);
    char *room = NULL;

    *ret = AIGW_STR_NONE;
    if (value->type != AIGW_JSON_STRING)
        return AIGW_E_INVALID;
    if (len > 0) {
        room = aigw_memory_get(memory, len);
        if (!room)
            return aigw_memory_status(memory, len);
    }
    *ret = aigw_json_text_in(value, room);
    return AIGW_OK;
}

bool aigw_json_bool(const struct aigw_json *value, bool *ret)
{
    if (value->type != AIGW_JSON_BOOL || !value->text.len)
        return false;
    *ret = value->text.ptr[0] == 't';
    return true;
}

bool aigw_json_int(const struct aigw_json *value, int64_t *ret)
{
    bool is_negative;
    int64_t number = 0;

    if (value->type != AIGW_JSON_INT || !value->text.len)
        return false;
    is_negative = value->text.ptr[0] == '-';
    for (size_t i = is_negative; i < value->text.len; i++) {
        int digit = value->text.ptr[i] - '0';

        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, is_negative ? -digit : digit, &number)) {
            *ret = is_negative ? INT64_MIN : INT64_MAX;
            return true;
        }
    }
    *ret = number;
    return true;
}

/* A number of any length: its digits without zeros in front, no more than can matter, and where the point was. */
static double long_real(aigw_str text)
{
    char short_text[REAL_DIGITS + REAL_SHORT];
    const char *at = text.ptr, *end = text.ptr + text.len;
    int64_t exponent = 0, written = 0;
    size_t len = 0;
    bool is_behind_point = false, is_cut = false, is_down = false;

    if (*at == '-')
        short_text[len++] = *at++;
    short_text[len++] = '.';
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            is_behind_point = true;
        } else if (*at != '0' || written > 0) {
            if (written < REAL_DIGITS) {
                short_text[len++] = *at;
                written++;
            } else {
                is_cut = is_cut || *at != '0';
            }
            exponent += !is_behind_point;
        } else {
            exponent -= is_behind_point;
        }
    }
    if (!written)
        short_text[len++] = '0';
    if (is_cut)
        short_text[len++] = '1';
    if (at < end) {
        int64_t given = 0;

        at++;
        if (at < end && (*at == '-' || *at == '+'))
            is_down = *at++ == '-';
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            if (given < INT64_MAX / 100)
                given = given * 10 + (*at - '0');
        exponent += is_down ? -given : given;
    }
    /* Far beyond what a double has: as good as any exponent there, and short. */
    if (exponent > 9999 || exponent < -9999)
        exponent = exponent > 0 ? 9999 : -9999;
    short_text[len++] = 'e';
    if (exponent < 0)
        short_text[len++] = '-';
    exponent = exponent < 0 ? -exponent : exponent;
    for (int64_t unit = 1000; unit > 0; unit /= 10)
        short_text[len++] = (char)('0' + exponent / unit % 10);
    short_text[len] = '\0';
    return strtod(short_text, NULL);
}

bool aigw_json_real(const struct aigw_json *value, double *ret)
{
    char text[REAL_SHORT];

    if (value->type != AIGW_JSON_REAL && value->type != AIGW_JSON_INT)
        return false;
    if (value->text.len >= sizeof text) {
        *ret = long_real(value->text);
        return true;
    }
    memcpy(text, value->text.ptr, value->text.len);
    text[value->text.len] = '\0';
    *ret = strtod(text, NULL); /* knows NaN and Infinity too */
    return true;
}
