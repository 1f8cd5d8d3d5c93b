/* str.c - comparison, trimming, numbers, UTF-8, spelling suggestions. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool gw_str_eq(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool gw_str_eq_ci(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

aigw_str gw_str_cut(aigw_str text, size_t max)
{
    if (text.len <= max)
        return text;
    while (max && ((unsigned char)text.ptr[max] & 0xc0) == 0x80)
        max--;
    return (aigw_str){ text.ptr, max };
}

bool gw_is_transport_header(aigw_str name)
{
    static const char *const names[] = {
        "host", "content-length", "transfer-encoding", "connection",      "expect", "keep-alive",
        "te",   "trailer",        "upgrade",           "proxy-connection"
    };

    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++)
        if (gw_str_eq_ci(name, gw_str(names[i])))
            return true;
    return false;
}

bool gw_str_has_prefix(aigw_str s, aigw_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool gw_str_has_prefix_ci(aigw_str s, aigw_str prefix)
{
    return s.len >= prefix.len && gw_str_eq_ci((aigw_str){ s.ptr, prefix.len }, prefix);
}

bool gw_str_like(aigw_str s, aigw_str pattern)
{
    if (pattern.len > 0 && pattern.ptr[pattern.len - 1] == '*')
        return gw_str_has_prefix(s, (aigw_str){ pattern.ptr, pattern.len - 1 });
    return gw_str_eq(s, pattern);
}

bool gw_match(const char *pattern, aigw_str text)
{
    const char *star = NULL;
    size_t at = 0, mark = 0;

    for (;;) {
        char p = *pattern, c = at < text.len ? text.ptr[at] : '\0';

        if (p == '*') {
            star = ++pattern;
            mark = at;
        } else if (at < text.len && p && gw_str_eq_ci((aigw_str){ &p, 1 }, (aigw_str){ &c, 1 })) {
            pattern++;
            at++;
        } else if (!p && at == text.len) {
            return true;
        } else if (star && mark < text.len) {
            pattern = star;
            at = ++mark;
        } else {
            return false;
        }
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

aigw_str gw_str_trim(aigw_str s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

aigw_str gw_str_from_uint(char room[20], uint64_t value)
{
    size_t at = 20;

    do {
        room[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return (aigw_str){ room + at, 20 - at };
}

bool gw_str_to_u64(aigw_str s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (s.len == 0 || s.len > 20)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        unsigned digit = (unsigned)(s.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *ret_value = value;
    return true;
}

/* Length of the UTF-8 sequence at p, 0 when invalid or cut. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];

    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (c >= 0xe0 && c <= 0xef) {
        if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
            return 0;
        if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f)) /* overlong, surrogate */
            return 0;
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        if (left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
            return 0;
        if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
}

size_t gw_utf8_valid_len(aigw_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t at = 0;

    while (at < s.len) {
        uint64_t word;
        if (s.len - at >= 8) { /* eight ASCII bytes at a time */
            memcpy(&word, p + at, 8);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += 8;
                continue;
            }
        }
        size_t len = utf8_sequence(p + at, s.len - at);
        if (len == 0)
            return at;
        at += len;
    }
    return at;
}

#define WORD_MAX 64

static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[WORD_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *gw_closest(const char *word, const char *const *candidates, size_t count)
{
    size_t word_len = strlen(word);
    size_t best_distance = word_len <= 3 ? 2 : word_len / 3 + 2; /* farther is no suggestion */
    const char *best = NULL;

    if (word_len > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(candidates[i]);
        if (len > WORD_MAX)
            continue;
        size_t distance = edit_distance(word, word_len, candidates[i], len);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    return best;
}

aigw_status gw_err_set(struct gw_err *err, aigw_status why, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return why;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    return why;
}
