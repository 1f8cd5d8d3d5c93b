/* scan.h - passing over JSON text byte by byte: what json.c, tree.c and body.c are built on. Internal to aigw_parts.
 *
 * The functions of `struct scan` check what they pass over, all of it, and note the first error; after one, nothing
 * moves any more. The others trust the text.
 */
#ifndef AIGW_PARTS_SCAN_H
#define AIGW_PARTS_SCAN_H

#include <aigw/json.h>

#include "bytes.h"

/** A place in a text. */
struct scan {
    const char *at, *end;
    size_t count;             /* members or items of the container that aigw_scan_value() passed over last */
    uint32_t options;         /* AIGW_JSON_NAN, AIGW_JSON_STRICT, AIGW_JSON_BYTES */
    uint32_t error_kind;      /* AIGW_JSON_BAD_*, 0 for none */
    const char *error_at;     /* where it is */
    const char *error_reason; /* what it is */
};

/** At the start of the text, behind a byte order mark. */
struct scan aigw_scan_begin(aigw_str text, uint32_t options);
/** Note an error. Answers false. */
bool aigw_scan_fail(struct scan *s, uint32_t kind, const char *at, const char *reason);
/** What was noted, as the caller of a reader is told it: AIGW_E_INVALID. */
aigw_status aigw_scan_error(const struct scan *s, aigw_str text, struct aigw_json_error *ret_error);
/** Pass over blanks; true when a value's first byte follows, else the error is noted. */
bool aigw_scan_to_value(struct scan *s);
/** Pass over the value at s->at, which is no blank. `depth` containers are around it. */
bool aigw_scan_value(struct scan *s, uint32_t depth, struct aigw_json *ret);
/** Pass over a value that is no container. */
bool aigw_scan_scalar(struct scan *s, struct aigw_json *ret);
/** The same for a string, s->at is at its quote, in one go with writing what it reads as: *ret_text lies in the text
 * when there are no escapes, else at `room`. False, with nothing moved or noted, when `size` bytes may not do or
 * something is wrong with the string: aigw_scan_scalar() tells. */
bool aigw_scan_text(struct scan *s, struct aigw_json *ret, char *room, size_t size, aigw_str *ret_text);
/** Pass over `"key" :` and the blanks around them. */
bool aigw_scan_key(struct scan *s, struct aigw_json *ret_key);
/** Behind a '{' or '[': true when a member or item follows; false at the end of the container, which is passed over, or
 *  after an error. */
bool aigw_scan_first(struct scan *s, char close);
/** Behind a member or an item: the same. */
bool aigw_scan_next(struct scan *s, char close);
/** Nothing but blanks is left. */
bool aigw_scan_finish(struct scan *s);

static inline void aigw_scan_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

/** Behind the escape at `at`, which is a backslash; NULL when the text ends in it. *ret_code: the character it stands
 *  for, -1 for an escape that JSON does not have. */
const char *aigw_scan_escape(const char *at, const char *end, int32_t *ret_code);
/** Write a character; answers its bytes, at most 4. */
size_t aigw_scan_put(char *out, int32_t code);
/** A byte that is not the first of its character. */
static inline bool aigw_scan_continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/** Bytes of the UTF-8 character at `at`, which is before the end. 0 when it is none: overlong, a surrogate, beyond
 * U+10FFFF, cut short. */
static inline size_t aigw_scan_character(const char *at, const char *end)
{
    unsigned char first = (unsigned char)at[0], second = end - at >= 2 ? (unsigned char)at[1] : 0;

    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4 || !aigw_scan_continues((char)second))
        return 0;
    if (first < 0xE0)
        return 2;
    if (end - at < 3 || !aigw_scan_continues(at[2]))
        return 0;
    if (first < 0xF0)
        return (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ? 0 : 3;
    if (end - at < 4 || !aigw_scan_continues(at[3]))
        return 0;
    return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ? 0 : 4;
}

/** Write what a string without its quotes reads as, where there is room for half as many bytes again as it has. Answers
 *  the bytes. */
size_t aigw_scan_unescape(aigw_str inside, char *out);
/** How many characters it reads as. */
size_t aigw_scan_characters(aigw_str inside);
/** True when a string, with its quotes, reads as the len bytes at `text`. */
bool aigw_scan_reads_as(const struct aigw_json *string, const char *text, size_t len);

/** The first byte from `at` on that is a quote, a backslash, a control character or no ASCII; `end` if there is none.
 *  Strings are nearly all of a text. */
static inline const char *aigw_scan_plain_end(const char *at, const char *end)
{
    for (; end - at >= BYTES_STEP; at += BYTES_STEP) {
        uint64_t marks = bytes_special(at);

        if (marks)
            return at + bytes_before(marks);
    }
    while (at < end && bytes_is_plain(*at))
        at++;
    return at;
}

/** The string without its quotes. */
static inline aigw_str aigw_scan_inside(const struct aigw_json *string)
{
    aigw_str inside;

    inside.ptr = string->text.ptr + 1;
    inside.len = string->text.len > 2 ? string->text.len - 2 : 0;
    return inside;
}

/** aigw_scan_reads_as() of names: most differ in their first byte. */
static inline bool aigw_scan_is_name(const struct aigw_json *key, const char *name)
{
    aigw_str inside = aigw_scan_inside(key);

    if (key->flags & AIGW_JSONF_ESCAPES)
        return aigw_scan_reads_as(key, name, strlen(name));
    if (inside.len == 0)
        return !name[0];
    /* A NUL in the text, which a reader of bytes lets pass, ends no name. */
    return inside.ptr[0] == name[0] && strncmp(inside.ptr, name, inside.len) == 0 && strlen(name) == inside.len;
}

#endif
