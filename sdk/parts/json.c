/* json.c - see aigw/json.h: a text is checked once; then values are found in it again and again without checking. */
#include <aigw/json.h>

#include <string.h>

#include "scan.h"

#define NEAR 8 /* bytes that are looked at one by one before many are at once */

/* ---- members that are wanted ---- */

static void want_nothing(struct aigw_json_wanted *wanted)
{
    memset(wanted->values, 0, wanted->count * sizeof *wanted->values);
    wanted->has_others = false;
}

static void want_member(struct aigw_json_wanted *wanted, const struct aigw_json *key, const struct aigw_json *value)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (aigw_scan_is_name(key, wanted->names[i])) {
            wanted->values[i] = *value;
            return;
        }
    wanted->has_others = true;
}

/* ---- checking ---- */

/* The object at s->at, as aigw_scan_value() would pass over it. */
static bool check_object(struct scan *s, struct aigw_json_wanted *wanted, struct aigw_json *ret)
{
    const char *begin = s->at++;
    struct aigw_json key, value;
    uint32_t flags = 0;

    for (bool goes_on = aigw_scan_first(s, '}'); goes_on; goes_on = aigw_scan_next(s, '}')) {
        if (!aigw_scan_key(s, &key) || !aigw_scan_to_value(s) || !aigw_scan_value(s, 1, &value))
            return false;
        flags |= (key.flags | value.flags) & AIGW_JSONF_ODD;
        want_member(wanted, &key, &value);
    }
    if (s->error_kind)
        return false;
    ret->text = (aigw_str){ begin, (size_t)(s->at - begin) };
    ret->type = AIGW_JSON_OBJECT;
    ret->flags = flags;
    return true;
}

/* wanted may be NULL. */
static bool check_value(struct scan *s, struct aigw_json_wanted *wanted, struct aigw_json *ret)
{
    memset(ret, 0, sizeof *ret);
    if (wanted)
        want_nothing(wanted);
    aigw_scan_blanks(s);
    if (s->at == s->end)
        return aigw_scan_fail(s, AIGW_JSON_BAD_EMPTY, s->at, "the text is empty");
    return wanted && *s->at == '{' ? check_object(s, wanted, ret) : aigw_scan_value(s, 0, ret);
}

aigw_status aigw_json_check_for(aigw_str text, uint32_t options, struct aigw_json_wanted *wanted,
                                struct aigw_json *ret_root, struct aigw_json_error *ret_error)
{
    struct scan s = aigw_scan_begin(text, options);

    if (check_value(&s, wanted, ret_root) && aigw_scan_finish(&s))
        return AIGW_OK;
    memset(ret_root, 0, sizeof *ret_root);
    return aigw_scan_error(&s, text, ret_error);
}

aigw_status aigw_json_check(aigw_str text, uint32_t options, struct aigw_json *ret_root,
                            struct aigw_json_error *ret_error)
{
    return aigw_json_check_for(text, options, NULL, ret_root, ret_error);
}

aigw_status aigw_json_check_first_for(aigw_str *rest, uint32_t options, struct aigw_json_wanted *wanted,
                                      struct aigw_json *ret_value, struct aigw_json_error *ret_error)
{
    struct scan s = aigw_scan_begin(*rest, options);

    if (!check_value(&s, wanted, ret_value)) {
        memset(ret_value, 0, sizeof *ret_value);
        return aigw_scan_error(&s, *rest, ret_error);
    }
    aigw_scan_blanks(&s);
    *rest = (aigw_str){ s.at, (size_t)(s.end - s.at) };
    return AIGW_OK;
}

aigw_status aigw_json_check_first(aigw_str *rest, uint32_t options, struct aigw_json *ret_value,
                                  struct aigw_json_error *ret_error)
{
    return aigw_json_check_first_for(rest, options, NULL, ret_value, ret_error);
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
    for (uint64_t is_escaped = 0; end - at >= BYTES_BLOCK; at += BYTES_BLOCK) {
        uint64_t escaped = bytes_block_escaped(bytes_block_of(at, '\\'), &is_escaped);
        uint64_t closing = bytes_block_of(at, '"') & ~escaped;

        if (closing)
            return at + bytes_before(closing);
        if (is_escaped && end - at < 2 * BYTES_BLOCK) { /* the rest is looked at byte by byte */
            at += BYTES_BLOCK + (end - at > BYTES_BLOCK);
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

/* The object at `at` with its members: behind it. What does not end is no object either. */
static const char *find_object(const char *at, const char *end, uint32_t flags, struct aigw_json_wanted *wanted,
                               struct aigw_json *ret)
{
    const char *begin = at++;
    struct aigw_json key, value;

    while ((at = next_start(at, end)) < end && *at != '}') {
        at = find_value(at, end, flags, &key);
        at = next_start(at, end);
        if (at == end)
            break;
        at = find_value(at, end, flags, &value);
        want_member(wanted, &key, &value);
    }
    at += at < end;
    *ret = (struct aigw_json){ { begin, (size_t)(at - begin) }, AIGW_JSON_OBJECT, flags };
    return at;
}

bool aigw_json_next_for(struct aigw_json_walk *walk, struct aigw_json_wanted *wanted, struct aigw_json *ret_item)
{
    want_nothing(wanted);
    walk->at = next_start(walk->at, walk->end);
    if (walk->is_object || walk->at >= walk->end || *walk->at != '{')
        return aigw_json_next(walk, NULL, ret_item);
    walk->at = find_object(walk->at, walk->end, walk->flags, wanted, ret_item);
    return true;
}

void aigw_json_find(const struct aigw_json *object, struct aigw_json_wanted *wanted)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json key, value;

    want_nothing(wanted);
    while (walk.is_object && aigw_json_next(&walk, &key, &value))
        want_member(wanted, &key, &value);
}

void aigw_json_members(const struct aigw_json *object, const char *const *names, size_t count, struct aigw_json *ret)
{
    struct aigw_json_wanted wanted = { .names = names, .count = count, .values = ret };

    aigw_json_find(object, &wanted);
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
