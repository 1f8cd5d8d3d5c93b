/* responses_read.h - what the two readers of a Responses body share. */
#ifndef OPENAI_RESPONSES_READ_H
#define OPENAI_RESPONSES_READ_H

#include "request_read.h"
#include "responses_server.h"

/** One reading. Must not move. */
struct responses_reading {
    struct openai_reading r;
    struct aigw_message *message; /* the last one, which may grow */
    struct openai_parts parts;    /* its parts */
    bool needs_server;            /* something only a server of this dialect can take: the refusal says what */
};

/** Note that this needs such a server; reading goes on. The first one counts. */
aigw_status responses_needs_server(struct responses_reading *rs, const struct openai_place *place, const char *code,
                                   const char *words);
/** A message of that role begins. NULL without memory. */
struct aigw_message *responses_begin_message(struct responses_reading *rs, uint32_t role);
/** The items of `input`. */
aigw_status responses_read_items(struct responses_reading *rs, const struct openai_place *place,
                                 const struct aigw_json *value);

#endif
