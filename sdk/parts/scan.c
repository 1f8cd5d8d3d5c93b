/* scan.c - see scan.h. */
#include "scan.h"

#include <string.h>

#define LEVELS_WORDS ((AIGW_JSON_DEPTH + 63) / 64)
#define ROOM_SPARE   8 /* for the last character that is written */

const char *aigw_json_plain_end(const char *at, const char *end)
{
    return aigw_scan_plain_end(at, end);
}

struct scan aigw_scan_begin(aigw_str text, uint32_t options)
{
    struct scan s = { .at = text.ptr, .end = text.ptr, .options = options };

    if (text.len > 0)
        s.end += text.len;
    if (text.len >= 3 && memcmp(text.ptr, "\xEF\xBB\xBF", 3) == 0)
        s.at += 3;
    return s;
}

bool aigw_scan_fail(struct scan *s, uint32_t kind, const char *at, const char *reason)
{
    if (!s->error_kind) {
        s->error_kind = kind;
        s->error_at = at;
        s->error_reason = reason;
        s->end = s->at = at; /* nothing is left to read */
    }
    return false;
}

static bool syntax(struct scan *s, const char *at, const char *reason)
{
    return aigw_scan_fail(s, AIGW_JSON_BAD_SYNTAX, at, reason);
}

aigw_status aigw_scan_error(const struct scan *s, aigw_str text, struct aigw_json_error *ret_error)
{
    if (ret_error) {
        ret_error->offset = text.len ? (size_t)(s->error_at - text.ptr) : 0;
        ret_error->kind = s->error_kind;
        ret_error->reserved = 0;
        ret_error->reason = s->error_reason;
    }
    return AIGW_E_INVALID;
}

bool aigw_scan_to_value(struct scan *s)
{
    aigw_scan_blanks(s);
    return s->at < s->end || syntax(s, s->at, "the text ends where a value must be");
}

/* ---- strings ---- */

/* Behind a character that is no ASCII and those like it that follow; NULL after noting an error. */
static const char *pass_wide(struct scan *s, const char *at, uint32_t *flags)
{
    while (at < s->end && (unsigned char)*at >= 0x80) {
        size_t len = aigw_scan_character(at, s->end);

        if (!len && !(s->options & AIGW_JSON_BYTES)) {
            aigw_scan_fail(s, AIGW_JSON_BAD_UTF8, at, "the text is not valid UTF-8");
            return NULL;
        }
        if (!len)
            *flags |= AIGW_JSONF_ODD;
        at += len ? len : 1;
    }
    return at;
}

/* Behind the escape at `at`; NULL after noting an error. */
static const char *pass_escape(struct scan *s, const char *at, const char *begin, uint32_t *flags)
{
    const char *behind;
    int32_t code;

    *flags |= AIGW_JSONF_ESCAPES;
    behind = aigw_scan_escape(at, s->end, &code);
    if (!behind) {
        syntax(s, begin, "the string does not end");
    } else if (code < 0) {
        *flags |= AIGW_JSONF_ODD;
        if (s->options & AIGW_JSON_STRICT) {
            syntax(s, at, "JSON has no such escape");
            return NULL;
        }
        if ((unsigned char)at[1] >= 0x80) /* a character behind the backslash: it goes too, if it is one */
            return pass_wide(s, at + 1, flags);
    }
    return behind;
}

static bool set_string(struct scan *s, const char *begin, const char *behind, uint32_t flags, struct aigw_json *ret)
{
    s->at = behind;
    ret->type = AIGW_JSON_STRING;
    ret->flags = flags;
    ret->text.ptr = begin;
    ret->text.len = (size_t)(behind - begin);
    return true;
}

/* Pass over plain bytes and escapes of one letter, as long as there are enough bytes to look at many at once. Answers
 * where the first other byte is: a quote, an escape of another kind, what is no escape, a character that is no ASCII.
 */
static const char *pass_blocks(const char *at, const char *end)
{
#ifdef __SSE2__
    uint64_t is_escaped = 0;

    for (; end - at >= BYTES_BLOCK; at += BYTES_BLOCK) {
        uint64_t backslashes = bytes_block_of(at, '\\'), quotes = bytes_block_of(at, '"');
        uint64_t escaped = bytes_block_escaped(backslashes, &is_escaped);
        uint64_t stop = (quotes & ~escaped) | bytes_block_odd(at);
        uint64_t others = escaped & ~(backslashes | quotes | bytes_block_of(at, 'n')); /* most are one of these */

        for (uint64_t letters = others & (stop ^ (stop - 1)); letters; letters &= letters - 1) {
            const char *letter = at + bytes_before(letters);
            if (!bytes_escape(*letter))
                return letter - 1;
        }
        if (stop)
            return at + bytes_before(stop);
    }
    at -= is_escaped;
#else
    while (end - at >= 2 && *at == '\\' && bytes_escape(at[1]))
        at = aigw_scan_plain_end(at + 2, end);
#endif
    return at;
}

/* The string at s->at, of which everything before `at` is plain. */
static bool scan_special(struct scan *s, const char *at, struct aigw_json *ret)
{
    const char *begin = s->at, *end = s->end;
    uint32_t flags = 0;

    for (;; at = aigw_scan_plain_end(at, end)) {
        if (end - at >= 2 && *at == '\\' && bytes_escape(at[1])) {
            flags |= AIGW_JSONF_ESCAPES;
            at = pass_blocks(at, end);
        }
        while (end - at >= 2 && *at == '\\' && bytes_escape(at[1]))
            at += 2;
        if (at < end && bytes_is_plain(*at))
            continue;
        if (at == end)
            return syntax(s, begin, "the string does not end");
        if (*at == '"')
            break;
        if (*at == '\\') {
            at = pass_escape(s, at, begin, &flags);
        } else if ((unsigned char)*at >= 0x80) {
            at = pass_wide(s, at, &flags);
        } else if (s->options & AIGW_JSON_BYTES) {
            flags |= AIGW_JSONF_ODD;
            at++;
        } else {
            return syntax(s, at, "a control character in a string must be escaped");
        }
        if (!at)
            return false;
    }
    return set_string(s, begin, at + 1, flags, ret);
}

static inline bool scan_string(struct scan *s, struct aigw_json *ret)
{
    const char *at = aigw_scan_plain_end(s->at + 1, s->end);

    return at < s->end && *at == '"' ? set_string(s, s->at, at + 1, 0, ret) : scan_special(s, at, ret);
}

/* Copy plain bytes to *out, which ends at `full`; answers where the first other byte is. */
static const char *copy_plain(const char *at, const char *end, char **out, const char *full)
{
    while (end - at >= BYTES_STEP && full - *out >= BYTES_STEP) {
        uint64_t marks = bytes_special(at);
        size_t count = marks ? bytes_before(marks) : BYTES_STEP;

        memcpy(*out, at, BYTES_STEP);
        at += count;
        *out += count;
        if (marks)
            return at;
    }
    while (at < end && *out < full && bytes_is_plain(*at))
        *(*out)++ = *at++;
    return at;
}

/* Copy one character that is not plain, or undo one escape; answers where it ends, NULL when it is wrong. */
static const char *copy_other(const struct scan *s, const char *at, char **out, uint32_t *flags)
{
    const char *behind;
    int32_t code;
    size_t len;

    if ((unsigned char)*at >= 0x80) {
        len = aigw_scan_character(at, s->end);
        memcpy(*out, at, len);
        *out += len;
        return len ? at + len : NULL;
    }
    if (*at != '\\')
        return NULL;
    behind = aigw_scan_escape(at, s->end, &code);
    if (!behind || (code < 0 && ((s->options & AIGW_JSON_STRICT) || (unsigned char)at[1] >= 0x80)))
        return NULL;
    *flags |= code < 0 ? AIGW_JSONF_ESCAPES | AIGW_JSONF_ODD : AIGW_JSONF_ESCAPES;
    *out += aigw_scan_put(*out, code < 0 ? 0xFFFD : code);
    return behind;
}

/* The first quote, backslash or control character from `at` on; NULL when what is before it is no UTF-8 or the text
 * ends in it. */
static const char *find_special(const char *at, const char *end)
{
    for (at = aigw_scan_plain_end(at, end); at < end && (unsigned char)*at >= 0x80;) {
        size_t len = aigw_scan_character(at, end);

        if (!len)
            return NULL;
        at += len;
        if (at < end && bytes_is_plain(*at))
            at = aigw_scan_plain_end(at, end);
    }
    return at < end ? at : NULL;
}

bool aigw_scan_text(struct scan *s, struct aigw_json *ret, char *room, size_t size, aigw_str *ret_text)
{
    const char *begin = s->at, *end = s->end, *at = find_special(begin + 1, end), *full;
    char *out = room;
    uint32_t flags = 0;
    size_t plain;

    if (!at)
        return false;
    plain = (size_t)(at - begin) - 1;
    *ret_text = (aigw_str){ begin + 1, plain };
    if (*at != '"') {
        if (size < plain + ROOM_SPARE)
            return false;
        full = room + size - ROOM_SPARE;
        memcpy(room, begin + 1, plain);
        for (out += plain; at < end && *at != '"' && out < full; at = copy_plain(at, end, &out, full)) {
            if (*at == '\\' && end - at >= 2 && bytes_escape(at[1])) {
                flags |= AIGW_JSONF_ESCAPES;
                *out++ = bytes_escape(at[1]);
                at += 2;
            } else {
                at = copy_other(s, at, &out, &flags);
                if (!at)
                    return false;
            }
        }
        if (at == end || *at != '"')
            return false;
        *ret_text = (aigw_str){ room, (size_t)(out - room) };
    }
    return set_string(s, begin, at + 1, flags, ret);
}

/* ---- other values that are no containers ---- */

static size_t pass_digits(struct scan *s)
{
    const char *begin = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - begin);
}

static bool scan_word(struct scan *s, const char *word, size_t len, uint32_t type, struct aigw_json *ret)
{
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return syntax(s, s->at, "expected a value");
    ret->type = type;
    ret->flags = 0;
    ret->text.ptr = s->at;
    ret->text.len = len;
    s->at += len;
    return true;
}

static bool scan_odd_number(struct scan *s, const char *word, size_t len, struct aigw_json *ret)
{
    if (!(s->options & AIGW_JSON_NAN))
        return syntax(s, s->at, "expected a value");
    if (!scan_word(s, word, len, AIGW_JSON_REAL, ret))
        return false;
    ret->flags = AIGW_JSONF_ODD;
    return true;
}

static bool scan_number(struct scan *s, struct aigw_json *ret)
{
    const char *begin = s->at, *first;
    size_t digits;

    if (*s->at == '-') {
        s->at++;
        if (s->at < s->end && *s->at == 'I') {
            s->at = begin;
            return scan_odd_number(s, "-Infinity", 9, ret);
        }
    }
    first = s->at;
    digits = pass_digits(s);
    if (!digits)
        return syntax(s, begin, first == begin ? "expected a value" : "a number has no digits");
    if (*first == '0' && digits > 1)
        return syntax(s, first + 1, "a number begins with a zero");
    ret->type = AIGW_JSON_INT;
    if (s->at < s->end && *s->at == '.') {
        ret->type = AIGW_JSON_REAL;
        s->at++;
        if (!pass_digits(s))
            return syntax(s, s->at, "a number has no digits behind its point");
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        ret->type = AIGW_JSON_REAL;
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        if (!pass_digits(s))
            return syntax(s, s->at, "a number has no digits in its exponent");
    }
    ret->flags = 0;
    ret->text.ptr = begin;
    ret->text.len = (size_t)(s->at - begin);
    return true;
}

bool aigw_scan_scalar(struct scan *s, struct aigw_json *ret)
{
    switch (*s->at) {
    case '"':
        return scan_string(s, ret);
    case 't':
        return scan_word(s, "true", 4, AIGW_JSON_BOOL, ret);
    case 'f':
        return scan_word(s, "false", 5, AIGW_JSON_BOOL, ret);
    case 'n':
        return scan_word(s, "null", 4, AIGW_JSON_NULL, ret);
    case 'N':
        return scan_odd_number(s, "NaN", 3, ret);
    case 'I':
        return scan_odd_number(s, "Infinity", 8, ret);
    default:
        return scan_number(s, ret);
    }
}

/* ---- containers ---- */

bool aigw_scan_key(struct scan *s, struct aigw_json *ret_key)
{
    aigw_scan_blanks(s);
    if (s->at == s->end || *s->at != '"')
        return syntax(s, s->at, "expected a member's name in double quotes");
    if (!scan_string(s, ret_key))
        return false;
    aigw_scan_blanks(s);
    if (s->at == s->end || *s->at != ':')
        return syntax(s, s->at, "expected a colon behind a member's name");
    s->at++;
    return true;
}

bool aigw_scan_first(struct scan *s, char close)
{
    aigw_scan_blanks(s);
    if (s->at < s->end && *s->at == close) {
        s->at++;
        return false;
    }
    return !s->error_kind;
}

bool aigw_scan_next(struct scan *s, char close)
{
    aigw_scan_blanks(s);
    if (s->at < s->end && (*s->at == ',' || *s->at == close))
        return *s->at++ == ',';
    return syntax(s, s->at, close == '}' ? "expected a comma or } behind a member" : "expected a comma or ] in a list");
}

/* No recursion: one bit a level says whether it is an object. */
bool aigw_scan_value(struct scan *s, uint32_t depth, struct aigw_json *ret)
{
    uint64_t objects[LEVELS_WORDS] = { 0 };
    const char *begin = s->at;
    uint32_t type = *begin == '{' ? AIGW_JSON_OBJECT : AIGW_JSON_LIST, flags = 0, level = 0;
    struct aigw_json part;
    bool is_object = false, goes_on;

    if (*begin != '{' && *begin != '[')
        return aigw_scan_scalar(s, ret);
    s->count = 0;
    do {
        s->count += level == 1;
        if (level > 0 && is_object) {
            if (!aigw_scan_key(s, &part))
                return false;
            flags |= part.flags & AIGW_JSONF_ODD;
        }
        if (!aigw_scan_to_value(s))
            return false;
        if (*s->at == '{' || *s->at == '[') {
            if (depth + level >= AIGW_JSON_DEPTH)
                return aigw_scan_fail(s, AIGW_JSON_BAD_DEPTH, s->at, "the text is nested too deeply");
            is_object = *s->at++ == '{';
            objects[level / 64] &= ~(UINT64_C(1) << level % 64);
            objects[level / 64] |= (uint64_t)is_object << level % 64;
            level++;
            goes_on = aigw_scan_first(s, is_object ? '}' : ']');
        } else {
            if (!aigw_scan_scalar(s, &part))
                return false;
            flags |= part.flags & AIGW_JSONF_ODD;
            goes_on = aigw_scan_next(s, is_object ? '}' : ']');
        }
        while (!goes_on) { /* the level is complete, or there was an error */
            if (s->error_kind)
                return false;
            if (--level == 0)
                break;
            is_object = objects[(level - 1) / 64] >> (level - 1) % 64 & 1;
            goes_on = aigw_scan_next(s, is_object ? '}' : ']');
        }
    } while (level > 0);
    ret->text.ptr = begin;
    ret->text.len = (size_t)(s->at - begin);
    ret->type = type;
    ret->flags = flags;
    return true;
}

bool aigw_scan_finish(struct scan *s)
{
    aigw_scan_blanks(s);
    return !s->error_kind && (s->at == s->end || syntax(s, s->at, "there is more text behind the value"));
}
