/* fields.h - read JSON members with the lax rules that clients rely on, and collect what is wrong as the list
 * [{"type":…,"loc":["body",…],"msg":…},…]. Values never appear in it: they may be secrets or code. */
#ifndef CS_FIELDS_H
#define CS_FIELDS_H

#include <stdbool.h>

#include <aigw/host.h>

#include "../../common/json/json.h"

#define CS_LOC_MAX 8u

struct cs_check {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_buf *errors; /* made with the first error */
    uint32_t error_count;
    uint32_t depth;
    struct {
        const char *name; /* NULL: index */
        int64_t index;
    } loc[CS_LOC_MAX];
    char plain[256]; /* first error that must be told to everyone: "model_metadata.endpoint: …" */
};

/** Go into a member or element, and out again. */
void cs_enter(struct cs_check *check, const char *name);
void cs_enter_index(struct cs_check *check, int64_t index);
void cs_leave(struct cs_check *check);
/** Record an error at the current place, or at its member `field` when not NULL. */
void cs_error(struct cs_check *check, const char *field, const char *type, const char *fmt, ...) AIGW_PRINTF(4, 5);
/** The JSON list, "[]" when there is none. */
aigw_str cs_errors(struct cs_check *check);

#define CS_REQUIRED 0x1u /* must be there */
#define CS_NULLABLE 0x2u /* may be null, which reads as absent */
#define CS_STRIP    0x4u /* white space around it does not count */

/** Each answers true when a usable value was read into *ret; false when absent, null or wrong (then recorded). */
bool cs_string(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags,
               size_t max_characters, aigw_str *ret);
bool cs_bool(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags, bool *ret);
bool cs_int(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags, int64_t *ret);
bool cs_list(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags, size_t max,
             const struct pj **ret);
bool cs_object(struct cs_check *check, const struct pj *object, const char *field, uint32_t flags,
               const struct pj **ret);
/** One of `count` exact words. msg lists them: "'a', 'b' or 'c'". */
bool cs_is_word(aigw_str value, const char *const *words, size_t count);

/** Parse a request body: valid UTF-8 with or without a byte order mark. Lone surrogates and broken escapes become
 *  U+FFFD. NULL after the error was recorded; else the document's root is an object. The caller owns the result, which
 *  points into the text. Text must be followed by a NUL byte. */
struct pj_document *cs_parse(struct cs_check *check, aigw_str text);
/** Missing, application/json or application/…+json, any case, any parameters. */
bool cs_is_json_type(aigw_str content_type);
bool cs_utf8_is_valid(aigw_str s);
size_t cs_utf8_count(aigw_str s);
aigw_str cs_strip(aigw_str s);
bool cs_str_is(aigw_str s, const char *text);

#endif
