/* halves.c - see halves.h. */
#include "halves.h"

#include <stdlib.h>
#include <string.h>

static bool is_high(const char *at)
{
    return (unsigned char)at[0] == 0xed && ((unsigned char)at[1] & 0xf0) == 0xa0;
}

static bool is_low(const char *at)
{
    return (unsigned char)at[0] == 0xed && ((unsigned char)at[1] & 0xf0) == 0xb0;
}

/* ---- escapes ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* The unit of "\uXXXX" at `at` if it is half a pair, else 0. */
static uint32_t half_escape(const char *at, const char *end)
{
    uint32_t unit = 0;

    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0)
            return 0;
        unit = unit << 4 | (uint32_t)digit;
    }
    return (unit & 0xf800) == 0xd800 ? unit : 0;
}

/* The next escape that is a half without its other half; NULL when there is none. *ret_begins: nothing stands before
 * it in its string. */
static const char *next_lone(const char *at, const char *end, uint32_t *ret_unit, bool *ret_begins)
{
    const char *plain = at; /* what stands here and later is no part of an escape */

    while (at < end && (at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        uint32_t unit = half_escape(at, end), next = unit ? half_escape(at + 6, end) : 0;

        if (unit && (unit & 0x400) == 0 && (next & 0x400)) { /* a whole pair */
            at += 12;
        } else if (unit) {
            *ret_unit = unit;
            *ret_begins = at > plain && at[-1] == '"';
            return at;
        } else {
            at += end - at > 1 ? 2 : 1;
        }
        plain = at;
    }
    return NULL;
}

bool halves_mark(aigw_str json, aigw_str *ret_json, char **ret_copy)
{
    const char *end = json.ptr + json.len, *from = json.ptr, *at;
    char *copy, *to;
    uint32_t unit;
    bool begins;

    *ret_json = json;
    *ret_copy = NULL;
    at = json.len > 0 ? next_lone(from, end, &unit, &begins) : NULL;
    if (!at)
        return true;
    copy = to = malloc(json.len); /* marks are shorter than escapes */
    if (!copy)
        return false;
    for (; at; at = next_lone(from, end, &unit, &begins)) {
        bool is_edge = (unit & 0x400) ? begins : at + 6 < end && at[6] == '"';

        memcpy(to, from, (size_t)(at - from));
        to += at - from;
        if (!is_edge)
            unit = 0xfffd;
        *to++ = (char)(0xe0 | unit >> 12);
        *to++ = (char)(0x80 | (unit >> 6 & 0x3f));
        *to++ = (char)(0x80 | (unit & 0x3f));
        from = at + 6;
    }
    memcpy(to, from, (size_t)(end - from));
    to += end - from;
    *ret_json = (aigw_str){ copy, (size_t)(to - copy) };
    *ret_copy = copy;
    return true;
}

/* ---- joining ---- */

/* Bytes at the end that begin a UTF-8 sequence without completing it. */
static size_t unfinished(aigw_str s)
{
    for (size_t n = 1; n <= 3 && n <= s.len; n++) {
        unsigned char c = (unsigned char)s.ptr[s.len - n];

        if (c >= 0xc2 && c <= 0xf4)
            return n < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? n : 0;
        if ((c & 0xc0) != 0x80)
            return 0;
    }
    return 0;
}

static size_t leading_continuation(aigw_str s)
{
    size_t n = 0;

    while (n < s.len && n < 3 && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
        n++;
    return n;
}

bool halves_look_at_edge(aigw_str s)
{
    return leading_continuation(s) > 0 || unfinished(s) > 0 ||
           (s.len >= 3 && (is_low(s.ptr) || is_high(s.ptr + s.len - 3)));
}

bool halves_take(struct halves *halves, uint32_t stream, uint32_t mask, uint32_t *ret_stream)
{
    for (uint32_t i = 0; i < halves->count; i++)
        if ((halves->held[i].stream & mask) == (stream & mask)) {
            *ret_stream = halves->held[i].stream;
            halves->held[i] = halves->held[--halves->count];
            return true;
        }
    return false;
}

/* Both halves as one character of four bytes. */
static void put_pair(char *to, const char *high, const char *low)
{
    uint32_t top = (uint32_t)(high[1] & 0x0f) << 6 | (uint32_t)(high[2] & 0x3f);
    uint32_t code = 0x10000 + (top << 10 | (uint32_t)(low[1] & 0x0f) << 6 | (uint32_t)(low[2] & 0x3f));

    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
}

static char *put(char *to, const char *bytes, size_t len)
{
    if (len > 0)
        memcpy(to, bytes, len);
    return to + len;
}

/* The beginning: what was held, and the rest of that character. */
static char *join_head(char *to, const char *held, size_t held_len, aigw_str *text)
{
    bool begins_low = text->len >= 3 && is_low(text->ptr);
    size_t rest = leading_continuation(*text), skip = begins_low ? 3 : rest;

    if (held_len == 3 && is_high(held) && begins_low) {
        put_pair(to, held, text->ptr);
        to += 4;
    } else if (held_len > 0 && !begins_low && !unfinished((aigw_str){ held, held_len }) && rest == 0) {
        to = put(to, HALVES_LOST.ptr, 3); /* half a pair, and no other half */
    } else if (held_len > 0 && rest > 0 && unfinished((aigw_str){ held, held_len })) {
        to = put(to, held, held_len); /* the rest follows with the text */
        skip = 0;
    } else if (held_len > 0 || skip > 0) {
        to = put(to, HALVES_LOST.ptr, 3);
    }
    *text = (aigw_str){ text->ptr + skip, text->len - skip };
    return to;
}

bool halves_join(struct halves *halves, uint32_t stream, aigw_str text, aigw_str *ret_text, char **ret_copy)
{
    size_t held_len = 0, tail;
    char held[3], *copy, *to;
    aigw_str whole;

    *ret_text = text;
    *ret_copy = NULL;
    if (text.len == 0)
        return true;
    for (uint32_t i = 0; i < halves->count; i++)
        if (halves->held[i].stream == stream) {
            held_len = halves->held[i].len;
            memcpy(held, halves->held[i].bytes, held_len);
            halves->held[i] = halves->held[--halves->count];
            break;
        }
    if (held_len == 0 && !halves_at_edge(text))
        return true;
    copy = malloc(text.len + 6);
    if (!copy)
        return false;
    to = join_head(copy, held, held_len, &text);
    to = put(to, text.ptr, text.len);
    whole = (aigw_str){ copy, (size_t)(to - copy) };
    tail = whole.len >= 3 && is_high(whole.ptr + whole.len - 3) ? 3 : unfinished(whole);
    whole.len -= tail;
    if (tail > 0 && halves->count < HALVES_MAX) {
        halves->held[halves->count].stream = stream;
        halves->held[halves->count].len = (uint32_t)tail;
        memcpy(halves->held[halves->count++].bytes, whole.ptr + whole.len, tail);
    } else if (tail > 0) {
        put(copy + whole.len, HALVES_LOST.ptr, 3);
        whole.len += 3;
    }
    *ret_text = whole;
    *ret_copy = copy;
    return true;
}
