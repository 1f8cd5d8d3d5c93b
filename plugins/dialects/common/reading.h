/* reading.h - a client's request being read, for the server halves of dialects: values, the place where one stands,
 * what is refused and what is left out. On aigw/json.h; the text was checked before.
 *
 *     struct reading r;
 *
 *     reading_begin(&r, host, ctx);
 *     reading_into(&r, "metadata");
 *     if (!reading_str(&r, &value, "user_id", READING_OPTIONAL, &user))
 *         return r.status;                           r.message: "metadata.user_id: Input should be a string, not a
 * list" reading_out(&r);
 */
#ifndef DIALECT_READING_H
#define DIALECT_READING_H

#include <aigw/body.h>
#include <stdbool.h>

#include "later.h"

#define READING_PATH_MAX    12 /* names and numbers on the way to a member */
#define READING_DROPPED_MAX 48

/** One request being read. The first thing that is wrong ends it: then status is not AIGW_OK, and every function below
 *  that answers bool has answered false. Must not move. */
struct reading {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_host_memory from;
    struct aigw_memory memory; /* AIGW_LIFE_BUILD */
    struct wire_laters later;  /* of reading_text() */
    aigw_status status;        /* AIGW_E_INVALID: refused, and */
    aigw_str param, message;   /* … the member it is about, absent: none; the words, which begin with it */
    bool has_brackets;         /* "contents[0].parts" and not "contents.0.parts" */
    bool is_for_others;        /* what only the vendor understands is left out, and named here: */
    uint32_t dropped_count;
    aigw_str dropped[READING_DROPPED_MAX];
    bool has_vendor_parts; /* something would have been left out for others */
    bool has_foreign;      /* a signature of another vendor came along: the vendor's own server would refuse it */
    bool is_continued;     /* the server has what came before: results may be of calls that are not here */
    uint32_t piece_count;  /* see reading_count() */
    uint32_t depth;
    struct {
        const char *name; /* NULL: the number */
        size_t number;
    } path[READING_PATH_MAX];
};
void reading_begin(struct reading *r, const struct aigw_host *host, struct aigw_ctx *ctx);
/** Check the whole text, which must be an object; refuses what is none. */
bool reading_root(struct reading *r, aigw_str body, struct aigw_json *ret_root);

/** Go into a member or an item, and out again: what is refused between is at that place. */
void reading_into(struct reading *r, const char *name);
void reading_into_item(struct reading *r, size_t number);
void reading_out(struct reading *r);

/** Refuse the member `name` of where we are (NULL: where we are), with a sentence. Answers false. */
bool reading_refuse(struct reading *r, const char *name, const char *fmt, ...) AIGW_PRINTF(3, 4);
/** Note a failure that is not the client's. Answers false. */
bool reading_fail(struct reading *r, aigw_status status);
/** One more message, part or tool, at most this many: each takes far more memory than its shortest text. */
#define READING_PIECES_MAX 200000u
bool reading_count(struct reading *r);
/** AIGW_LIFE_BUILD memory, zeroed; NULL was noted. */
void *reading_alloc(struct reading *r, size_t len);

/* What a member must be. Absent and null are the same; absent optional ones leave *ret as it is. */
#define READING_OPTIONAL 0u
#define READING_REQUIRED 1u
bool reading_str(struct reading *r, const struct aigw_json *value, const char *name, uint32_t need, aigw_str *ret);
/** The same for one that may be long, to a place that does not move: its escapes may stay until wire_later_read(). */
bool reading_text(struct reading *r, const struct aigw_json *value, const char *name, uint32_t need, aigw_str *ret);
/** The same, and something in it. */
bool reading_name(struct reading *r, const struct aigw_json *value, const char *name, aigw_str *ret);
bool reading_bool(struct reading *r, const struct aigw_json *value, const char *name, bool *ret);
/** A whole number of at least `least`; *ret_is_given says whether it is there. */
bool reading_int(struct reading *r, const struct aigw_json *value, const char *name, int64_t least, int64_t *ret,
                 bool *ret_is_given);
/** A number from 0 to `most`. */
bool reading_real(struct reading *r, const struct aigw_json *value, const char *name, double most, double *ret,
                  bool *ret_is_given);
/** "a string". */
const char *reading_type_name(uint32_t type);
/** True when the value is of that type (AIGW_JSON_OBJECT, _LIST). Absent optional ones are fine: ask reading_is(). */
bool reading_type(struct reading *r, const struct aigw_json *value, const char *name, uint32_t need, uint32_t type);
/** The JSON text of a value, fit for other JSON. */
bool reading_json(struct reading *r, const struct aigw_json *value, aigw_str *ret);
/** There, and not null. */
static inline bool reading_is(const struct aigw_json *value)
{
    return value->type != AIGW_JSON_ABSENT && value->type != AIGW_JSON_NULL;
}

/** aigw_json_members(); members that are not among them and say something are reading_drops(). */
void reading_members(struct reading *r, const struct aigw_json *object, const char *const *names, size_t count,
                     struct aigw_json *ret);
/** For another vendor: note the name of what is left out. False when it is to be kept: nothing was noted. */
bool reading_drops(struct reading *r, aigw_str name);

/** A JSON object put together of members, for what the canonical form has no place for. Zeroed: absent. */
struct reading_extra {
    struct aigw_buf *buf;
};
/** `key` with its quotes, and the value as it stands; left out for another vendor. */
bool reading_extra_add(struct reading *r, struct reading_extra *extra, aigw_str key, const struct aigw_json *value);
/** Close it; absent when nothing was added. */
bool reading_extra_end(struct reading *r, struct reading_extra *extra, aigw_str *ret);

#endif
