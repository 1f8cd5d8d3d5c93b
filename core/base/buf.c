/* buf.c - growable bytes with a maximum, and JSON string escaping. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define FIRST_CAP 256u
#define SMALL_CAP 4096u /* up to here few sizes, which malloc() finds again at once */

void gw_buf_init(struct gw_buf *buf, size_t max)
{
    *buf = (struct gw_buf){ .max = max };
}

void gw_buf_done(struct gw_buf *buf)
{
    free(buf->data);
    gw_buf_init(buf, buf->max);
}

void gw_buf_clear(struct gw_buf *buf)
{
    gw_buf_back(buf, 0);
}

void gw_buf_back(struct gw_buf *buf, size_t len)
{
    buf->len = len;
    buf->status = AIGW_OK;
    if (buf->data)
        buf->data[len] = '\0';
}

bool gw_buf_reserve(struct gw_buf *buf, size_t extra)
{
    if (buf->status)
        return false;
    if (extra > buf->max || buf->len > buf->max - extra) {
        buf->status = AIGW_E_LIMIT;
        return false;
    }
    size_t need = buf->len + extra + 1; /* the NUL is not counted against max */
    if (need <= buf->cap)
        return true;
    size_t cap = buf->cap ? buf->cap : FIRST_CAP / 2;
    do {
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    } while (cap < need && cap < SMALL_CAP);
    if (cap < need) /* what is large and comes at once needs no more than its size */
        cap = need;
    if (cap > buf->max && buf->max < SIZE_MAX)
        cap = need > buf->max + 1 ? need : buf->max + 1;
    char *data = realloc(buf->data, cap);
    if (!data) {
        buf->status = AIGW_E_NOMEM;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    data[buf->len] = '\0';
    return true;
}

void gw_buf_put(struct gw_buf *buf, const char *bytes, size_t len)
{
    if (gw_buf_fits(buf, len) || gw_buf_reserve(buf, len))
        gw_buf_put_fitting(buf, bytes, len);
}

void gw_buf_puts(struct gw_buf *buf, const char *text)
{
    gw_buf_put(buf, text, strlen(text));
}

void gw_buf_put_str(struct gw_buf *buf, aigw_str s)
{
    gw_buf_put(buf, s.ptr, s.len);
}

void gw_buf_vprintf(struct gw_buf *buf, const char *fmt, va_list args)
{
    size_t room = buf->data && !buf->status ? buf->cap - buf->len : 0;
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(room ? buf->data + buf->len : NULL, room, fmt, again); /* it fits nearly always */
    va_end(again);
    if (len >= 0 && (size_t)len < room) {
        buf->len += (size_t)len;
        return;
    }
    if (room)
        buf->data[buf->len] = '\0';
    if (len < 0 || !gw_buf_reserve(buf, (size_t)len))
        return;
    vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
    buf->len += (size_t)len;
}

void gw_buf_put_u64(struct gw_buf *buf, uint64_t number)
{
    char text[20];
    char *at = text + sizeof text;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    gw_buf_put(buf, at, (size_t)(text + sizeof text - at));
}

void gw_buf_printf(struct gw_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    gw_buf_vprintf(buf, fmt, args);
    va_end(args);
}

/* Plain bytes form nearly all of every prompt: STEP of them are looked at, and copied, at once. */
#ifdef __SSE2__ /* every amd64 */
#define STEP 16

/* How many bytes from `text` on are plain, at most STEP. */
static size_t plain_prefix(const char *text)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* signed: no ASCII is negative */
    uint32_t marks = (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), other));

    return marks ? (size_t)__builtin_ctz(marks) : STEP;
}
#else
#define STEP 8

static size_t plain_prefix(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    uint64_t word;

    memcpy(&word, text, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    uint64_t below_space = (word - ones * 0x20) & ~word;
    /* bytes after the first marked one may be marked wrongly */
    uint64_t marks = (below_space | word | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & highs;

    return marks ? (size_t)__builtin_ctzll(marks) / 8 : STEP;
}
#endif

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Length of the plain bytes at the start of text. */
static size_t plain_run(const char *text, size_t len)
{
    size_t at = 0;

    while (at + STEP <= len && plain_prefix(text + at) == STEP)
        at += STEP;
    while (at < len && is_plain((unsigned char)text[at]))
        at++;
    return at;
}

/* Append without a check: the caller reserved the room. */
static void put_reserved(struct gw_buf *buf, const char *bytes, size_t len)
{
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

static void put_unicode_escape(struct gw_buf *buf, uint32_t code)
{
    if (code > 0xffff) {
        code -= 0x10000;
        gw_buf_printf(buf, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
        return;
    }
    gw_buf_printf(buf, "\\u%04x", code);
}

static uint32_t utf8_decode(const unsigned char *p, size_t len)
{
    switch (len) {
    case 2:
        return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    case 3:
        return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    default:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 |
               (p[3] & 0x3f);
    }
}

static void put_ascii_escape(struct gw_buf *buf, unsigned char c)
{
    switch (c) { /* the frequent ones first */
    case '"':
        gw_buf_put(buf, "\\\"", 2);
        break;
    case '\\':
        gw_buf_put(buf, "\\\\", 2);
        break;
    case '\n':
        gw_buf_put(buf, "\\n", 2);
        break;
    case '\r':
        gw_buf_put(buf, "\\r", 2);
        break;
    case '\t':
        gw_buf_put(buf, "\\t", 2);
        break;
    case '\b':
        gw_buf_put(buf, "\\b", 2);
        break;
    case '\f':
        gw_buf_put(buf, "\\f", 2);
        break;
    default:
        put_unicode_escape(buf, c);
    }
}

/* Length in bytes of the valid sequence at p (its lead byte says how long), 0 when it is invalid. */
static size_t sequence_len(const char *p, size_t left)
{
    unsigned char c = (unsigned char)p[0];
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

    if (len > left || gw_utf8_valid_len((aigw_str){ p, len }) != len)
        return 0;
    return len;
}

/* The letter of a two-byte escape, 0 when the byte has none. */
static char escape_letter(char c)
{
    switch (c) {
    case '\n':
        return 'n';
    case '"':
    case '\\':
        return c;
    case '\t':
        return 't';
    case '\r':
        return 'r';
    default:
        return 0;
    }
}

/* What fits into the memory at hand and holds nothing but plain bytes and two-byte escapes. Answers the bytes taken. */
static size_t put_quickly(struct gw_buf *buf, aigw_str text)
{
    char *out = buf->data + buf->len;
    const char *last = buf->data + buf->cap - STEP - 8; /* room for a step, an escape and the NUL */
    size_t at = 0;

    if (buf->cap < STEP + 8)
        return 0;
    while (text.len - at >= STEP && out <= last) {
        size_t run = plain_prefix(text.ptr + at);

        memcpy(out, text.ptr + at, STEP);
        at += run;
        out += run;
        if (run == STEP)
            continue;
        char letter = escape_letter(text.ptr[at]);
        if (!letter)
            break;
        *out++ = '\\';
        *out++ = letter;
        at++;
    }
    while (at < text.len && text.len - at < STEP && out <= last && is_plain((unsigned char)text.ptr[at]))
        *out++ = text.ptr[at++];
    buf->len = (size_t)(out - buf->data);
    *out = '\0';
    return at;
}

void gw_buf_json(struct gw_buf *buf, aigw_str text, bool ascii)
{
    size_t at = 0;

    if (!gw_buf_reserve(buf, text.len + 2)) /* one reservation for the usual case */
        return;
    put_reserved(buf, "\"", 1);
    while (at < text.len) {
        at += put_quickly(buf, (aigw_str){ text.ptr + at, text.len - at });
        if (at == text.len)
            break;
        size_t run = plain_run(text.ptr + at, text.len - at);
        if (run) {
            if (!gw_buf_reserve(buf, run + 1))
                return;
            put_reserved(buf, text.ptr + at, run);
            at += run;
        }
        if (at == text.len)
            break;
        unsigned char c = (unsigned char)text.ptr[at];
        if (c < 0x80) {
            put_ascii_escape(buf, c);
            at++;
            continue;
        }
        size_t len = sequence_len(text.ptr + at, text.len - at);
        uint32_t code = len ? utf8_decode((const unsigned char *)text.ptr + at, len) : 0xfffd;
        if (ascii)
            put_unicode_escape(buf, code);
        else if (len)
            gw_buf_put(buf, text.ptr + at, len);
        else
            gw_buf_put(buf, "\xef\xbf\xbd", 3);
        at += len ? len : 1;
    }
    gw_buf_put(buf, "\"", 1);
}
