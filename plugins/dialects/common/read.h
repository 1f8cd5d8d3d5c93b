/* read.h - a model server's JSON, read where it lies (aigw/json.h): the few questions that all dialects ask of it.
 *
 *     struct reader r;
 *     struct aigw_json root;
 *
 *     if (!reader_begin(&r, frame->data, &root))
 *         …                                            no JSON
 *     text = reader_str(&r, &root, "text");            lives until reader_end()
 *     reader_end(&r);
 *
 * Events of a stream, two of which may come in one:
 *
 *     reader_open(&r);
 *     while (text.len > 0)
 *         if (!reader_next(&r, &text, &value))
 *             …                                        no JSON
 *     reader_end(&r);
 */
#ifndef DIALECT_READ_H
#define DIALECT_READ_H

#include <aigw/json.h>
#include <aigw/model.h>
#include <stdbool.h>

/** Reading of one text, or of several values. Must not move. */
struct reader {
    struct aigw_pool pool;
    struct aigw_memory memory; /* for strings with escapes */
    char *marked;              /* the value at hand, when halves of characters had to be marked in it */
    bool is_short;             /* memory ran out: what was read since is not to be trusted */
};

/** Check the text and give its value. False when it is no JSON: then *ret_root is absent. reader_end() in any case. */
bool reader_begin(struct reader *r, aigw_str text, struct aigw_json *ret_root);
/** Begin without a text: reader_next() gives the values of one, one after the other. */
void reader_open(struct reader *r);
/** The value at the beginning of *rest, which then begins behind it and its blanks; false when there is no JSON. It may
 *  be of a server that cuts its text where it likes: strings are any bytes, with the marks of halves.h among them. It
 *  lives until the next one. */
bool reader_next(struct reader *r, aigw_str *rest, struct aigw_json *ret_value);
/** The same, together with members of the value. */
bool reader_next_for(struct reader *r, aigw_str *rest, struct aigw_json_wanted *wanted, struct aigw_json *ret_value);
/** Free what the strings took. */
void reader_end(struct reader *r);

/** The string; absent for everything else. */
aigw_str reader_text(struct reader *r, const struct aigw_json *value);
/** The member, when it is a string; absent for everything else. */
aigw_str reader_str(struct reader *r, const struct aigw_json *object, const char *name);
/** A member that must be text: false when it is something else. Absent and null are the absent string. */
bool reader_must_str(struct reader *r, const struct aigw_json *object, const char *name, aigw_str *ret_text);
/** The value as JSON text that may be put into other JSON, and on one line: without blanks between values. */
aigw_str reader_json(struct reader *r, const struct aigw_json *value);
/** The number (a whole one that was written as a real one, too); `otherwise` for everything else. */
int64_t reader_number(const struct aigw_json *value, int64_t otherwise);
/** The same for a member. */
int64_t reader_int(const struct aigw_json *object, const char *name, int64_t otherwise);
/** A number of tokens, be it written as text; -1 for everything else, and for what no answer can have. */
int64_t reader_tokens(const struct aigw_json *value);
/** The same for a member. */
int64_t reader_tokens_in(const struct aigw_json *object, const char *name);
/** Numbers come in pieces, some of them as 0 until they are known, or when they are repeated: the last one that says
 *  something counts. */
void usage_learn(int64_t *known, int64_t number);
void usage_merge(struct aigw_usage *known, const struct aigw_usage *told);
/** The member when it is of that type (AIGW_JSON_*), else false and *ret absent. */
bool reader_member(const struct aigw_json *object, const char *name, uint32_t type, struct aigw_json *ret);
/** A finite number, as a float has it. */
bool reader_float(const struct aigw_json *value, float *ret);
/** Something is there, says this value: absent, null, false, 0 and "" say that nothing is. */
bool reader_is_set(const struct aigw_json *value);

/** A whole answer is one object. What else is in its place, or behind it, is read all the same, and is nothing for a
 *  client that would get the bytes. */
static inline bool wire_is_odd_body(uint32_t raw_flags, const struct aigw_json *value, aigw_str rest)
{
    return (raw_flags & AIGW_RAWF_EVENTS) && (value->type != AIGW_JSON_OBJECT || rest.len > 0);
}

#endif
