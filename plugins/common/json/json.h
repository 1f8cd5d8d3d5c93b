/* json.h - a small JSON reader for plugins: one pass over the text, one block of memory for an ordinary document,
 * strings that point into the text unless they hold escapes. Compiled into each plugin that lists it; no state.
 *
 * It reads plain JSON only and answers NULL for whatever is unusual: malformed text, lone surrogates, \u0000, comments,
 * escapes in keys, numbers beyond int64, deep nesting. json-c is the judge of those: the caller parses again with
 * json-c and, if that succeeds, takes its tree with pj_from(). What pj_read() does accept means the same to json-c,
 * strict or not; tests/differential.c proves it.
 */
#ifndef PLUGIN_JSON_H
#define PLUGIN_JSON_H

#include <stdbool.h>

#include <aigw/abi.h>

struct json_object;

enum pj_type { PJ_NULL, PJ_BOOL, PJ_INT, PJ_DOUBLE, PJ_STRING, PJ_LIST, PJ_OBJECT };

/** One value. Members of an object and items of a list hang together by `next`. */
struct pj {
    const struct pj *next;
    aigw_str key;  /* of a member; absent for others */
    aigw_str text; /* PJ_STRING: the value. PJ_INT, PJ_DOUBLE, PJ_BOOL: as it was written */
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct {
            const struct pj *first;
            size_t count; /* members of an object that are named twice count twice */
        } in;             /* PJ_LIST, PJ_OBJECT */
    } of;
    enum pj_type type;
};

/** A document: owns its values and unescaped strings; the text itself must outlive it. */
struct pj_document;

/** NULL when the text is not plain JSON or memory ran out. Bytes of 0x80 and above in strings are not looked at. */
struct pj_document *pj_read(aigw_str text);
/** A copy of json-c's tree; NULL is the value null. NULL when memory ran out. */
struct pj_document *pj_from(struct json_object *tree);
void pj_free(struct pj_document *document);
const struct pj *pj_root(const struct pj_document *document);

/** The member of an object; of several with the same name the last. NULL when absent or when `object` is none. */
const struct pj *pj_member(const struct pj *object, const char *name);
/** The same, but only of the wanted type. */
const struct pj *pj_member_of(const struct pj *object, const char *name, enum pj_type type);
/** True for a value of that type; false for NULL. */
static inline bool pj_is(const struct pj *value, enum pj_type type)
{
    return value && value->type == type;
}

#endif
