/* request_read.h - what the files that read a request share. Internal to the server half. */
#ifndef ANTHROPIC_REQUEST_READ_H
#define ANTHROPIC_REQUEST_READ_H

#include "../common/reading.h"
#include "anthropic_server.h"

/** "ephemeral" marks of a block or tool. *ret_is_marked and, in seconds, how long; 0 for the server's default. */
bool reading_mark(struct reading *r, const struct aigw_json *value, bool *ret_is_marked, uint32_t *ret_ttl_s);

/* request_read_turns.c */

/** Messages in order, the instructions of `system` first. */
struct reading_turns {
    struct aigw_message *first, *last;
    bool is_prefill;
    aigw_str effort; /* the last one that a message asks for; absent: none */
};
bool reading_system(struct reading *r, const struct aigw_json *system, struct reading_turns *turns);
bool reading_messages(struct reading *r, const struct aigw_json *messages, struct reading_turns *turns);

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
bool reading_calls_add(struct reading *r, struct reading_calls *calls, aigw_str id, struct aigw_part *part,
                       size_t message, size_t block);
/** Each call has its one result and each result its call: give the results the tools' names. Empties both. */
bool reading_calls_match(struct reading *r, struct reading_calls *calls, struct reading_calls *results);

/* request_read_tools.c */

bool reading_tools(struct reading *r, const struct aigw_json *tools, const struct aigw_json *choice,
                   struct aigw_model_request *req, struct aigw_params *params);

#endif
