/* text.c - escapes and UTF-8: what strings read as. */
#include "scan.h"

#include <string.h>

#include "bytes.h"

/* ---- UTF-8 ---- */

bool aigw_utf8_is_valid(aigw_str text)
{
    const char *at = text.ptr, *end = text.len ? text.ptr + text.len : text.ptr;

    while (at < end) {
        size_t len;

        while (end - at >= BYTES_FAR && !bytes_has_wide(at)) /* most texts are ASCII */
            at += BYTES_FAR;
        while (end - at >= BYTES_STEP && !bytes_wide(at))
            at += BYTES_STEP;
        if (at == end || (end - at < BYTES_STEP && end - text.ptr >= BYTES_STEP && !bytes_wide(end - BYTES_STEP)))
            break;
        len = aigw_scan_character(at, end);
        if (!len)
            return false;
        at += len;
    }
    return true;
}

size_t aigw_utf8_count(aigw_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return count;
}

/* Bytes of the white space character at the start, 0 when there is none. */
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

aigw_str aigw_utf8_strip(aigw_str s)
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

/* ---- escapes ---- */

/* Value of four hex digits, -1 for anything else. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t value = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

const char *aigw_scan_escape(const char *at, const char *end, int32_t *ret_code)
{
    int32_t code, low = -1;

    *ret_code = -1;
    if (end - at < 2)
        return NULL;
    if (at[1] != 'u') {
        bool is_wide = (unsigned char)at[1] >= 0x80; /* the rest of that character goes too */

        *ret_code = bytes_escape(at[1]) ? bytes_escape(at[1]) : -1;
        for (at += 2; is_wide && at < end && aigw_scan_continues(*at);)
            at++;
        return at;
    }
    code = hex4(at + 2, end);
    if (code < 0)
        return at + 2; /* the digits, such as they are, stay */
    at += 6;
    if (code < 0xD800 || code > 0xDFFF) {
        *ret_code = code;
    } else if (code < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        low = hex4(at + 2, end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *ret_code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            at += 6;
        }
    }
    return at;
}

size_t aigw_scan_put(char *out, int32_t code)
{
    size_t len = 0;

    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[len++] = (char)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            out[len++] = (char)(0xE0 | code >> 12);
        } else {
            out[len++] = (char)(0xF0 | code >> 18);
            out[len++] = (char)(0x80 | (code >> 12 & 0x3F));
        }
        out[len++] = (char)(0x80 | (code >> 6 & 0x3F));
    }
    out[len++] = (char)(0x80 | (code & 0x3F));
    return len;
}

/* What is plain, and escapes of one letter, many bytes at a time. Moves *out; answers where it stopped: at another
 * escape or near the end. There is room for as much as there is text. */
static const char *unescape_blocks(const char *at, const char *end, char **out)
{
    char *to = *out;

    while (end - at >= BYTES_STEP + 1) { /* a backslash has something behind it */
        uint64_t marks = bytes_backslash(at);
        size_t plain = marks ? bytes_before(marks) : BYTES_STEP;

        memcpy(to, at, BYTES_STEP);
        at += plain;
        to += plain;
        if (!marks)
            continue;
        *to = bytes_escape(at[1]);
        if (!*to)
            break;
        to++;
        at += 2;
    }
    *out = to;
    return at;
}

size_t aigw_scan_unescape(aigw_str inside, char *out)
{
    const char *at = inside.ptr, *end = inside.ptr + inside.len;
    char *to = out;
    int32_t code;

    while (at && at < end) {
        at = unescape_blocks(at, end, &to);
        if (at == end)
            break;
        if (*at != '\\') {
            *to++ = *at++;
        } else if (end - at >= 2 && bytes_escape(at[1])) {
            *to++ = bytes_escape(at[1]);
            at += 2;
        } else {
            at = aigw_scan_escape(at, end, &code);
            if (at) /* or the text was not checked */
                to += aigw_scan_put(to, code < 0 ? 0xFFFD : code);
        }
    }
    return (size_t)(to - out);
}

static const char *behind_character(const char *at, const char *end)
{
    at++;
    while (at < end && aigw_scan_continues(*at))
        at++;
    return at;
}

size_t aigw_scan_characters(aigw_str inside)
{
    const char *at = inside.ptr, *end = inside.ptr + inside.len;
    size_t characters = 0;
    int32_t code;

    for (; at && at < end; characters++)
        at = *at == '\\' ? aigw_scan_escape(at, end, &code) : behind_character(at, end);
    return characters;
}

bool aigw_scan_reads_as(const struct aigw_json *string, const char *text, size_t len)
{
    aigw_str inside = aigw_scan_inside(string);
    size_t at = 0, from = 0;
    char one[4];

    if (!(string->flags & AIGW_JSONF_ESCAPES))
        return inside.len == len && memcmp(inside.ptr, text, len) == 0;
    while (from < inside.len) { /* names are short: byte by byte */
        const char *behind = inside.ptr + from + 1;
        size_t size = 1;
        int32_t code = 0;

        if (inside.ptr[from] != '\\') {
            one[0] = inside.ptr[from];
        } else {
            behind = aigw_scan_escape(inside.ptr + from, inside.ptr + inside.len, &code);
            size = behind ? aigw_scan_put(one, code < 0 ? 0xFFFD : code) : 0;
        }
        if (!size || len - at < size || memcmp(text + at, one, size) != 0)
            return false;
        at += size;
        from = (size_t)(behind - inside.ptr);
    }
    return at == len;
}
