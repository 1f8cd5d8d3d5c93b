/* json.c - see aigw/json.h: a text is checked once; then values are found in it again and again without checking. */
#include <aigw/json.h>

#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define NEAR        8    /* bytes that are looked at one by one before many are at once */
#define REAL_SHORT  64u  /* a number's text up to here goes to strtod() as it is */
#define REAL_DIGITS 800u /* more cannot change which double is nearest, but for one that says "and a bit more" */

static bool check_value(struct scan *s, struct aigw_json *ret)
{
    memset(ret, 0, sizeof *ret);
    aigw_scan_blanks(s);
    if (s->at == s->end)
        return aigw_scan_fail(s, AIGW_JSON_BAD_EMPTY, s->at, "the text is empty");
    return aigw_scan_value(s, 0, ret);
}

aigw_status aigw_json_check(aigw_str text, uint32_t options, struct aigw_json *ret_root,
                            struct aigw_json_error *ret_error)
{
    struct scan s = aigw_scan_begin(text, options);

    if (check_value(&s, ret_root) && aigw_scan_finish(&s))
        return AIGW_OK;
    memset(ret_root, 0, sizeof *ret_root);
    return aigw_scan_error(&s, text, ret_error);
}

aigw_status aigw_json_check_first(aigw_str *rest, uint32_t options, struct aigw_json *ret_value,
                                  struct aigw_json_error *ret_error)
{
    struct scan s = aigw_scan_begin(*rest, options);

    if (!check_value(&s, ret_value)) {
        memset(ret_value, 0, sizeof *ret_value);
        return aigw_scan_error(&s, *rest, ret_error);
    }
    aigw_scan_blanks(&s);
    *rest = (aigw_str){ s.at, (size_t)(s.end - s.at) };
    return AIGW_OK;
}

void aigw_json_where(aigw_str text, size_t offset, size_t *ret_line, size_t *ret_column)
{
    size_t begin = 0;

    if (offset > text.len)
        offset = text.len;
    *ret_line = 1;
    for (size_t i = 0; i < offset; i++)
        if (text.ptr[i] == '\n') {
            (*ret_line)++;
            begin = i + 1;
        }
    *ret_column = 1 + aigw_utf8_count((aigw_str){ text.ptr ? text.ptr + begin : NULL, offset - begin });
}

/* ---- finding values ---- */

/* Is the quote at `quote` one of the string's own characters? `begin`: the string's first. */
static bool is_escaped(const char *quote, const char *begin)
{
    const char *at = quote;

    while (at > begin && at[-1] == '\\')
        at--;
    return (quote - at) % 2 != 0;
}

#ifdef __SSE2__
/* The quote that ends the string of which everything before `at` was looked at; `end` when there is none. */
static const char *find_quote(const char *at, const char *end)
{
    for (uint64_t escaped = 0; end - at >= BYTES_STEP; at += BYTES_STEP) {
        uint64_t closing = bytes_closing(bytes_quote(at), bytes_backslash(at), &escaped);

        if (closing)
            return at + bytes_before(closing);
        if (escaped && end - at < 2 * BYTES_STEP) { /* the rest is looked at byte by byte */
            at += BYTES_STEP + (end - at > BYTES_STEP);
            break;
        }
    }
    while (at < end && *at != '"')
        at += *at == '\\' && end - at >= 2 ? 2 : 1;
    return at;
}
#endif

/* Behind the string whose quote is at `at`: text is passed over again and again, and most of it is strings. Long ones
 * have few quotes, which memchr() finds fastest; where they are dense, such as in JSON inside of JSON, blocks are.
 * `flags` may be NULL. */
static const char *string_end(const char *at, const char *end, uint32_t *flags)
{
    const char *begin = ++at, *quote;

#ifdef __SSE2__
    if (end - at >= BYTES_STEP) { /* names and words */
        uint64_t quotes = bytes_quote(at);

        if (quotes && !(bytes_backslash(at) & ((quotes & -quotes) - 1)))
            return at + bytes_before(quotes) + 1;
    }
#endif
    while ((quote = at < end ? memchr(at, '"', (size_t)(end - at)) : NULL) != NULL && is_escaped(quote, begin)) {
        bool is_dense = quote - at < BYTES_STEP;

        at = quote + 1;
#ifdef __SSE2__
        if (is_dense) {
            quote = find_quote(at, end);
            break;
        }
#else
        (void)is_dense;
#endif
    }
    if (!quote)
        quote = end;
    if (flags && begin < quote && memchr(begin, '\\', (size_t)(quote - begin)))
        *flags |= AIGW_JSONF_ESCAPES;
    return quote < end ? quote + 1 : end;
}

/* The first quote or bracket from `at` on: near in most texts, far in those of many numbers. */
static const char *find_structure(const char *at, const char *end)
{
#ifdef __SSE2__
    for (int i = 0; i < NEAR && at < end; i++, at++)
        if (*at == '"' || (*at | 0x20) == '{' || (*at | 0x20) == '}')
            return at;
    for (; end - at >= BYTES_STEP; at += BYTES_STEP) {
        uint64_t marks = bytes_structure(at);

        if (marks)
            return at + bytes_before(marks);
    }
#endif
    while (at < end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}')
        at++;
    return at;
}

static const char *container_end(const char *at, const char *end)
{
    size_t level = 0;

    while ((at = find_structure(at, end)) < end) {
        char c = *at;

        if (c == '"') {
            at = string_end(at, end, NULL);
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            level++;
        else if ((c == '}' || c == ']') && --level == 0)
            break;
    }
    return at;
}

static const char *scalar_end(const char *at, const char *end)
{
    while (at < end && *at != ',' && *at != ']' && *at != '}' && *at != ' ' && *at != '\n' && *at != '\r' &&
           *at != '\t')
        at++;
    return at;
}

static bool is_integer(aigw_str number)
{
    for (size_t i = 0; i < number.len; i++)
        if ((number.ptr[i] < '0' || number.ptr[i] > '9') && number.ptr[i] != '-')
            return false;
    return true;
}

/* The value at `at`, which is no blank. */
static const char *find_value(const char *at, const char *end, uint32_t flags, struct aigw_json *ret)
{
    const char *behind;

    ret->flags = flags;
    switch (*at) {
    case '"':
        ret->type = AIGW_JSON_STRING;
        behind = string_end(at, end, &ret->flags);
        break;
    case '{':
    case '[':
        ret->type = *at == '{' ? AIGW_JSON_OBJECT : AIGW_JSON_LIST;
        behind = container_end(at, end);
        break;
    default:
        ret->type = *at == 't' || *at == 'f' ? AIGW_JSON_BOOL : *at == 'n' ? AIGW_JSON_NULL : AIGW_JSON_INT;
        behind = scalar_end(at, end);
    }
    if (behind == at) /* no value: never stand still */
        behind++;
    ret->text.ptr = at;
    ret->text.len = (size_t)(behind - at);
    if (ret->type == AIGW_JSON_INT && !is_integer(ret->text))
        ret->type = AIGW_JSON_REAL;
    return behind;
}

/* Pass over blanks, commas and colons. */
static const char *next_start(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == ',' || *at == ':' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

struct aigw_json_walk aigw_json_begin(const struct aigw_json *container)
{
    struct aigw_json_walk walk = { .at = NULL };

    if ((container->type != AIGW_JSON_OBJECT && container->type != AIGW_JSON_LIST) || container->text.len < 2)
        return walk;
    walk.at = container->text.ptr + 1;
    walk.end = container->text.ptr + container->text.len - 1;
    walk.flags = container->flags & AIGW_JSONF_ODD;
    walk.is_object = container->type == AIGW_JSON_OBJECT;
    return walk;
}

bool aigw_json_next(struct aigw_json_walk *walk, struct aigw_json *ret_key, struct aigw_json *ret_value)
{
    struct aigw_json key = { .type = AIGW_JSON_ABSENT };

    walk->at = next_start(walk->at, walk->end);
    if (walk->at < walk->end && walk->is_object) {
        walk->at = find_value(walk->at, walk->end, walk->flags, &key);
        walk->at = next_start(walk->at, walk->end);
    }
    if (ret_key)
        *ret_key = key;
    if (walk->at >= walk->end) {
        memset(ret_value, 0, sizeof *ret_value);
        return false;
    }
    walk->at = find_value(walk->at, walk->end, walk->flags, ret_value);
    return true;
}

/* Most names differ in their first byte. */
static bool is_name(const struct aigw_json *key, const char *name)
{
    aigw_str inside = aigw_scan_inside(key);

    if (!(key->flags & AIGW_JSONF_ESCAPES) && inside.len > 0 && inside.ptr[0] != name[0])
        return false;
    return aigw_scan_reads_as(key, name, strlen(name));
}

void aigw_json_members(const struct aigw_json *object, const char *const *names, size_t count, struct aigw_json *ret)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;

    memset(ret, 0, count * sizeof *ret);
    while (walk.is_object && aigw_json_next(&walk, &key, &value))
        for (size_t i = 0; i < count; i++)
            if (is_name(&key, names[i])) {
                ret[i] = value;
                break;
            }
}

bool aigw_json_member(const struct aigw_json *object, const char *name, struct aigw_json *ret)
{
    aigw_json_members(object, &name, 1, ret);
    return ret->type != AIGW_JSON_ABSENT;
}

size_t aigw_json_count(const struct aigw_json *container)
{
    struct aigw_json_walk walk = aigw_json_begin(container);
    struct aigw_json value;
    size_t count = 0;

    while (aigw_json_next(&walk, NULL, &value))
        count++;
    return count;
}

/* ---- what they are ---- */

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

/* ---- text for other JSON ---- */

/* Half of a surrogate pair, as UTF-8 would write it if it were a character. */
static bool is_half_pair(const char *at, const char *end)
{
    return end - at >= 3 && (unsigned char)at[0] == 0xED && (unsigned char)at[1] >= 0xA0 &&
           aigw_scan_continues(at[1]) && aigw_scan_continues(at[2]);
}

/* Behind the piece of a string at `at`. *ret_code: what has to be written as an escape there, -1 when the piece is good
 * as it is. */
static const char *mend_piece(const char *at, const char *end, int32_t *ret_code)
{
    const char *behind = at + 1;
    int32_t code;
    size_t len;

    *ret_code = -1;
    if (*at == '\\') {
        behind = aigw_scan_escape(at, end, &code);
        if (code < 0)
            *ret_code = 0xFFFD;
        return behind ? behind : end;
    }
    if ((unsigned char)*at < 0x20)
        *ret_code = *at;
    if ((unsigned char)*at < 0x80)
        return behind;
    len = aigw_scan_character(at, end);
    if (len)
        return at + len;
    *ret_code = 0xFFFD;
    return is_half_pair(at, end) ? at + 3 : behind;
}

/* Copy a string with its quotes, what is odd as an escape of six bytes. Answers the bytes; out NULL only counts. */
static size_t mend_string(const char *at, const char *end, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 0;

    while (at < end) {
        int32_t code;
        const char *behind = mend_piece(at, end, &code);
        size_t piece = code < 0 ? (size_t)(behind - at) : 6;

        if (out && code < 0) {
            memcpy(out + len, at, piece);
        } else if (out) {
            memcpy(out + len, code == 0xFFFD ? "\\ufffd" : "\\u0000", 6);
            if (code != 0xFFFD) {
                out[len + 4] = digits[code >> 4];
                out[len + 5] = digits[code & 0xF];
            }
        }
        len += piece;
        at = behind;
    }
    return len;
}

static size_t mend_text(aigw_str text, char *out)
{
    const char *at = text.ptr, *end = text.ptr + text.len, *behind;
    uint32_t flags;
    size_t len = 0;

    for (; at < end; at = behind) {
        if (*at == '"') {
            behind = string_end(at, end, &flags);
            len += mend_string(at, behind, out ? out + len : NULL);
        } else if (*at == 'N' || *at == 'I' || (*at == '-' && end - at > 1 && at[1] == 'I')) {
            behind = scalar_end(at, end);
            if (out)
                memcpy(out + len, "null", 4);
            len += 4;
        } else {
            behind = at + 1;
            if (out)
                out[len] = *at;
            len++;
        }
    }
    return len;
}

aigw_status aigw_json_mend(const struct aigw_json *value, struct aigw_memory *memory, aigw_str *ret)
{
    size_t len;
    char *copy;

    *ret = value->text;
    if (!(value->flags & AIGW_JSONF_ODD))
        return AIGW_OK;
    len = mend_text(value->text, NULL);
    copy = aigw_memory_get(memory, len);
    if (!copy) {
        *ret = AIGW_STR_NONE;
        return aigw_memory_status(memory, len);
    }
    mend_text(value->text, copy);
    *ret = (aigw_str){ copy, len };
    return AIGW_OK;
}
