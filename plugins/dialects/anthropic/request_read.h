/* request_read.h - what the files that read a request share. Internal to the server half. */
#ifndef ANTHROPIC_REQUEST_READ_H
#define ANTHROPIC_REQUEST_READ_H

#include <aigw/body.h>

#include "anthropic_server.h"

#define READ_PATH_MAX 12 /* names and numbers on the way to a member */

/** One request being read. The first thing that is wrong ends it: then status is not AIGW_OK, and every function below
 *  that answers bool has answered false. */
struct anthropic_reading {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_host_memory from;
    struct aigw_memory memory;
    struct anthropic_asked *asked;
    struct anthropic_refusal *refusal;
    bool is_for_others; /* ANTHROPIC_FOR_OTHERS */
    aigw_status status;
    uint32_t depth;
    struct {
        const char *name; /* NULL: the number */
        size_t number;
    } path[READ_PATH_MAX];
};

/** Go into a member or an item, and out again: what is refused between is at that place. */
void reading_into(struct anthropic_reading *r, const char *name);
void reading_into_item(struct anthropic_reading *r, size_t number);
void reading_out(struct anthropic_reading *r);

/** Refuse the member `name` of where we are (NULL: where we are), with a sentence. Answers false. */
bool reading_refuse(struct anthropic_reading *r, const char *name, const char *fmt, ...) AIGW_PRINTF(3, 4);
/** Note a failure that is not the client's. Answers false. */
bool reading_fail(struct anthropic_reading *r, aigw_status status);
/** AIGW_LIFE_BUILD memory, zeroed; NULL was noted. */
void *reading_alloc(struct anthropic_reading *r, size_t len);

/* What a member must be. Absent and null are the same; absent optional ones leave *ret as it is. */
#define READING_OPTIONAL 0u
#define READING_REQUIRED 1u
bool reading_str(struct anthropic_reading *r, const struct aigw_json *value, const char *name, uint32_t need,
                 aigw_str *ret);
/** The same, and something in it. */
bool reading_name(struct anthropic_reading *r, const struct aigw_json *value, const char *name, aigw_str *ret);
bool reading_bool(struct anthropic_reading *r, const struct aigw_json *value, const char *name, bool *ret);
/** A whole number of at least `least`; *ret_is_given says whether it is there. */
bool reading_int(struct anthropic_reading *r, const struct aigw_json *value, const char *name, int64_t least,
                 int64_t *ret, bool *ret_is_given);
/** A number from 0 to `most`. */
bool reading_real(struct anthropic_reading *r, const struct aigw_json *value, const char *name, double most,
                  double *ret, bool *ret_is_given);
/** "a string". */
const char *reading_type_name(uint32_t type);
/** True when the value is of that type (AIGW_JSON_OBJECT, _LIST). Absent optional ones are fine: ask reading_is(). */
bool reading_type(struct anthropic_reading *r, const struct aigw_json *value, const char *name, uint32_t need,
                  uint32_t type);
/** The JSON text of a value, fit for other JSON. */
bool reading_json(struct anthropic_reading *r, const struct aigw_json *value, aigw_str *ret);
/** There, and not null. */
static inline bool reading_is(const struct aigw_json *value)
{
    return value->type != AIGW_JSON_ABSENT && value->type != AIGW_JSON_NULL;
}

/** For another vendor: note the name of what is left out. False when it is to be kept: nothing was noted. */
bool reading_drops(struct anthropic_reading *r, aigw_str name);

/** A JSON object put together of members, for what the canonical form has no place for. Zeroed: absent. */
struct reading_extra {
    struct aigw_buf *buf;
};
/** `key` with its quotes, and the value as it stands; left out for another vendor. */
bool reading_extra_add(struct anthropic_reading *r, struct reading_extra *extra, aigw_str key,
                       const struct aigw_json *value);
/** Close it; absent when nothing was added. */
bool reading_extra_end(struct anthropic_reading *r, struct reading_extra *extra, aigw_str *ret);

/** "ephemeral" marks of a block or tool. *ret_is_marked and, in seconds, how long; 0 for the server's default. */
bool reading_mark(struct anthropic_reading *r, const struct aigw_json *value, bool *ret_is_marked, uint32_t *ret_ttl_s);

/* request_read_turns.c */

/** Messages in order, the instructions of `system` first. */
struct reading_turns {
    struct aigw_message *first, *last;
    bool is_prefill;
    aigw_str effort; /* the last one that a message asks for; absent: none */
};
bool reading_system(struct anthropic_reading *r, const struct aigw_json *system, struct reading_turns *turns);
bool reading_messages(struct anthropic_reading *r, const struct aigw_json *messages, struct reading_turns *turns);

/* request_read_calls.c */

/** Where a tool call or a result stands in the client's body. */
struct reading_call {
    aigw_str id;
    struct aigw_part *part;
    uint32_t message, block;
};
/** The calls of one turn and the results behind it, collected while it is read. Zeroed: none. */
struct reading_calls {
    struct reading_call *items;
    uint32_t count, room;
};
bool reading_calls_add(struct anthropic_reading *r, struct reading_calls *calls, aigw_str id, struct aigw_part *part,
                       size_t message, size_t block);
/** Each call has its one result and each result its call: give the results the tools' names. Empties both. */
bool reading_calls_match(struct anthropic_reading *r, struct reading_calls *calls, struct reading_calls *results);

/* request_read_tools.c */

bool reading_tools(struct anthropic_reading *r, const struct aigw_json *tools, const struct aigw_json *choice,
                   struct aigw_model_request *req, struct aigw_params *params);

#endif
