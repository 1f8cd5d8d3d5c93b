/* aigw/json.h - reading JSON text: checked once, then looked at where it lies. Part of the static library aigw_parts,
 * which a plugin links into itself; nothing here crosses the border to the core.
 *
 *     struct aigw_json root, delta;
 *     struct aigw_json_error error;
 *
 *     if (aigw_json_check(text, 0, &root, &error) < 0)
 *         … error.reason at byte error.offset
 *     if (aigw_json_member(&root, "delta", &delta) && delta.type == AIGW_JSON_STRING) …
 *
 * Grammar    RFC 8259, read strictly: no comments, no trailing commas, no text behind the value, no bytes that are not
 *            UTF-8, at most AIGW_JSON_DEPTH containers inside one another. One byte order mark in front is passed over.
 *            Of members with the same name the last one counts. Three things are served although they are no JSON,
 *            because they are sent; a flag each refuses or allows:
 *              escapes that JSON does not have (\q, \u12, half of a surrogate pair) read as U+FFFD;
 *              the numbers NaN, Infinity and -Infinity, with AIGW_JSON_NAN;
 *              strings of any bytes, with AIGW_JSON_BYTES: some servers cut their text in the midst of a character.
 * Memory     none, but what a function's comment names. A value is a piece of the text, so the text must outlive it.
 * Threads    nothing is shared: use it anywhere.
 * Errors     aigw_json_check() and the tree reader judge the text. Every other function trusts that this was done: on
 *            other text its answer may be nonsense, yet it never reads outside.
 */
#ifndef AIGW_JSON_H
#define AIGW_JSON_H

#include <stdbool.h>

#include <aigw/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Containers inside one another that aigw_json_check() allows. */
#define AIGW_JSON_DEPTH 64u

/* ---- memory ---- */

/** Where a part takes memory from. It gives nothing back: the owner frees all of it at once. */
struct aigw_memory {
    void *(*get)(void *user, size_t len); /* aligned for any type, uninitialised; NULL when there is none */
    void *user;
    size_t left; /* bytes that may still be taken: with more, AIGW_E_LIMIT */
};

/** len bytes or NULL. */
void *aigw_memory_get(struct aigw_memory *memory, size_t len);
/** Why aigw_memory_get(memory, len) answered NULL: AIGW_E_LIMIT or AIGW_E_NOMEM. */
aigw_status aigw_memory_status(const struct aigw_memory *memory, size_t len);

/** Memory for what lives shorter than any life of the host: a frame, a test. Zeroed is empty. Of one thread. */
struct aigw_pool {
    void *blocks;
};

/** Memory out of the pool, at most `limit` bytes. The pool must not move while it is used. */
struct aigw_memory aigw_pool_memory(struct aigw_pool *pool, size_t limit);
/** Free all that was taken out of it. The pool is empty then and may be used again. */
void aigw_pool_free(struct aigw_pool *pool);

/* ---- text → value ---- */

/* Type of a value. */
#define AIGW_JSON_ABSENT 0u /* no value at all: a member that is not there                                         */
#define AIGW_JSON_NULL   1u
#define AIGW_JSON_BOOL   2u
#define AIGW_JSON_INT    3u /* a number without fraction and exponent, of any size                                 */
#define AIGW_JSON_REAL   4u
#define AIGW_JSON_STRING 5u
#define AIGW_JSON_LIST   6u
#define AIGW_JSON_OBJECT 7u

/* What is special about a value. */
#define AIGW_JSONF_ESCAPES 0x1u /* a string: its text holds backslashes                                            */
#define AIGW_JSONF_ODD     0x2u /* in it or around it is something that RFC 8259 does not have: see aigw_json_mend() */

/** One value, where it stands in the text. Copy it freely. */
struct aigw_json {
    aigw_str text; /* as it is written, without blanks around it; a string with its quotes */
    uint32_t type;
    uint32_t flags;
};

/* Options of the readers. */
#define AIGW_JSON_NAN    0x1u /* NaN, Infinity, -Infinity are numbers                                              */
#define AIGW_JSON_STRICT 0x2u /* an escape that JSON does not have is an error                                     */
#define AIGW_JSON_BYTES \
    0x4u /* strings may hold any bytes: what is no UTF-8, and control characters as they are. \
          * They read as these bytes; aigw_json_mend() makes text of them                     */

/* What kind of error it is. */
#define AIGW_JSON_BAD_SYNTAX 1u
#define AIGW_JSON_BAD_UTF8   2u
#define AIGW_JSON_BAD_DEPTH  3u
#define AIGW_JSON_BAD_EMPTY  4u /* nothing but blanks */

struct aigw_json_error {
    size_t offset; /* byte in the text where it stands */
    uint32_t kind;
    uint32_t reserved;
    const char *reason; /* a few words without anything of the text; static */
};

/** Check the whole text. AIGW_OK and the value, or AIGW_E_INVALID and the error. ret_error may be NULL. */
aigw_status aigw_json_check(aigw_str text, uint32_t options, struct aigw_json *ret_root,
                            struct aigw_json_error *ret_error);
/** The same for a text that may hold several values one after the other, with or without blanks between them: check the
 *  first one, and nothing behind it. *rest then begins behind it and its blanks; after an error it is as it was. */
aigw_status aigw_json_check_first(aigw_str *rest, uint32_t options, struct aigw_json *ret_value,
                                  struct aigw_json_error *ret_error);

/** Members that are wanted of an object. They are found in the same pass in which the object is checked or passed over:
 *  a long one is not read twice. */
struct aigw_json_wanted {
    const char *const *names;
    size_t count;             /* of names */
    struct aigw_json *values; /* room for `count`: the last value of each name, absent ones among them; all absent when
                                 the value is no object */
    bool has_others;          /* the object has members of other names, too */
};

/** The two functions above, together with members of the value. After an error those are of no use. wanted may be
 *  NULL. */
aigw_status aigw_json_check_for(aigw_str text, uint32_t options, struct aigw_json_wanted *wanted,
                                struct aigw_json *ret_root, struct aigw_json_error *ret_error);
aigw_status aigw_json_check_first_for(aigw_str *rest, uint32_t options, struct aigw_json_wanted *wanted,
                                      struct aigw_json *ret_value, struct aigw_json_error *ret_error);
/** Line and column of a byte offset, both from 1, the column in characters. For messages. */
void aigw_json_where(aigw_str text, size_t offset, size_t *ret_line, size_t *ret_column);

/** The first byte from `at` on that is a quote, a backslash, a control character or no ASCII; `end` when there is none.
 *  For readers of their own. */
const char *aigw_json_plain_end(const char *at, const char *end);

/* ---- looking into a value ---- */

/** A way through the members of an object or the items of a list. */
struct aigw_json_walk {
    const char *at, *end;
    uint32_t flags;
    bool is_object;
};

/** Begin before the first one. Of a value that is no container there is none. */
struct aigw_json_walk aigw_json_begin(const struct aigw_json *container);
/** The next one, or false behind the last. The key is a string like any other: plain ones are its text without the
 *  quotes, aigw_json_is_text() compares all. It is absent in a list. ret_key may be NULL. */
bool aigw_json_next(struct aigw_json_walk *walk, struct aigw_json *ret_key, struct aigw_json *ret_value);
/** The next item of a list, together with its members. */
bool aigw_json_next_for(struct aigw_json_walk *walk, struct aigw_json_wanted *wanted, struct aigw_json *ret_item);
/** The last member of that name, or false with *ret absent, also when `object` is no object. */
bool aigw_json_member(const struct aigw_json *object, const char *name, struct aigw_json *ret);
/** The same for several members in one go: ret has `count` values, absent ones among them. */
void aigw_json_members(const struct aigw_json *object, const char *const *names, size_t count, struct aigw_json *ret);
void aigw_json_find(const struct aigw_json *object, struct aigw_json_wanted *wanted);
/** Members or items. */
size_t aigw_json_count(const struct aigw_json *container);

/** True for a string that reads as this text. */
bool aigw_json_is_text(const struct aigw_json *value, const char *text);
/** The string: in the text itself when it holds no escapes, else written to memory. AIGW_E_INVALID: it is no string,
 *  and *ret is absent. AIGW_E_NOMEM, AIGW_E_LIMIT. */
aigw_status aigw_json_text(const struct aigw_json *value, struct aigw_memory *memory, aigw_str *ret);
/** The same with memory of the caller's: `room` of at least aigw_json_room(value) bytes, which is 0 for a string
 *  without escapes. Absent when it is no string. */
aigw_str aigw_json_text_in(const struct aigw_json *value, char *room);
size_t aigw_json_room(const struct aigw_json *value);

/** True when it was a bool. */
bool aigw_json_bool(const struct aigw_json *value, bool *ret);
/** True for AIGW_JSON_INT. Beyond 64 bits it is INT64_MAX or INT64_MIN. */
bool aigw_json_int(const struct aigw_json *value, int64_t *ret);
/** True for a number: the nearest double, infinite when it is too large for one. */
bool aigw_json_real(const struct aigw_json *value, double *ret);

/** The value's text for use in other JSON: itself, or when it is odd a copy in memory in which every odd escape and
 *  every byte that is no UTF-8 (the three bytes of half a surrogate pair count as one) is written \ufffd, every control
 *  character as its escape, every odd number null. */
aigw_status aigw_json_mend(const struct aigw_json *value, struct aigw_memory *memory, aigw_str *ret);

/* ---- the whole tree ---- */

/** A value with everything in it, for small documents that are looked at many times. Members of an object and items of
 *  a list hang together by `next`. */
struct aigw_json_node {
    const struct aigw_json_node *next;
    aigw_str key;  /* of a member; absent for others */
    aigw_str text; /* STRING: the value. INT, REAL, BOOL: as it was written. NULL, LIST, OBJECT: absent */
    union {
        bool boolean;
        int64_t integer; /* INT; see aigw_json_int() */
        double real;     /* REAL */
        struct {
            const struct aigw_json_node *first;
            size_t count; /* members that are named twice count twice */
        } in;             /* LIST, OBJECT */
    } of;
    uint32_t type;
    uint32_t flags; /* AIGW_JSONF_ODD for a string or number that is */
};

/** Check and read the whole text; nodes and strings with escapes come out of memory. AIGW_OK, AIGW_E_INVALID and the
 *  error, AIGW_E_LIMIT or AIGW_E_NOMEM. ret_error may be NULL. */
aigw_status aigw_json_tree(aigw_str text, uint32_t options, struct aigw_memory *memory,
                           const struct aigw_json_node **ret_root, struct aigw_json_error *ret_error);
/** The last member of that name, NULL when absent or when `object` is none or NULL. */
const struct aigw_json_node *aigw_json_node_member(const struct aigw_json_node *object, const char *name);

/* ---- text as such ---- */

/** True for well-formed UTF-8. */
bool aigw_utf8_is_valid(aigw_str text);
/** Characters (code points) of valid UTF-8. */
size_t aigw_utf8_count(aigw_str text);
/** The text without white space (Unicode's) around it. */
aigw_str aigw_utf8_strip(aigw_str text);

#ifdef __cplusplus
}
#endif
#endif
