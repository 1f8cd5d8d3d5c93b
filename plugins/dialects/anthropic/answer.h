/* answer.h - reading an answer: what the files answer_*.c share.
 *
 *     answer_delta.c     a frame comes in; the ordinary text delta is read here, by a scan in place
 *     answer_read.c      all other frames: which event it is, whole answers, the end
 *     answer_blocks.c    content blocks and their deltas
 *     answer_end.c       usage, finish, model
 *     answer_error.c     refusals
 */
#ifndef ANTHROPIC_ANSWER_H
#define ANTHROPIC_ANSWER_H

#include "../common/read.h"
#include "../common/refusal.h"
#include "anthropic.h"

/** Reading one frame. */
struct anthropic_in {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct anthropic_call *call;
    struct wire_pass pass;
    struct reader r; /* of answer_read.c: begun by anthropic_read() */
};

/** What an event, a message or the delta of a message may hold, found in one go: messages are long. */
enum anthropic_member {
    ANTHROPIC_TYPE,
    ANTHROPIC_ERROR,
    ANTHROPIC_CONTENT,
    ANTHROPIC_MESSAGE,
    ANTHROPIC_MODEL,
    ANTHROPIC_ID,
    ANTHROPIC_USAGE,
    ANTHROPIC_STOP_REASON,
    ANTHROPIC_STOP_SEQUENCE,
    ANTHROPIC_STOP_DETAILS,
    ANTHROPIC_DELTA,
    ANTHROPIC_BLOCK,
    ANTHROPIC_INDEX,
    ANTHROPIC_MEMBERS
};
struct anthropic_object {
    struct aigw_json json; /* the object itself */
    struct aigw_json at[ANTHROPIC_MEMBERS];
};
void anthropic_look(const struct aigw_json *json, struct anthropic_object *ret_object);
/** It is there, and not null. */
bool anthropic_has(const struct anthropic_object *object, enum anthropic_member member);

/** One frame, whatever is in it. */
aigw_status anthropic_read(struct anthropic_in *in, const struct aigw_frame *frame);
/** AIGW_E_UPSTREAM: what the answer has that makes no sense. */
aigw_status anthropic_nonsense(struct anthropic_in *in, const char *what);

/** Emit, unless the client gets the bytes themselves. */
aigw_status anthropic_emit(struct anthropic_in *in, const struct aigw_event *event);
/** A piece of text, AIGW_EVENT_TEXT or _REASONING, joined with the half of a character that was held back before it. */
aigw_status anthropic_emit_text(struct anthropic_in *in, uint32_t type, aigw_str text);
/** Give up what is held back: no more text will come. */
aigw_status anthropic_emit_lost(struct anthropic_in *in);

/** A content block of a whole answer, or the one that content_block_start announces. */
aigw_status anthropic_block(struct anthropic_in *in, const struct aigw_json *block, int64_t number);
/** No more of the calls' arguments will come. */
aigw_status anthropic_end_calls(struct anthropic_in *in);
/** The event content_block_delta. */
aigw_status anthropic_delta(struct anthropic_in *in, const struct anthropic_object *event);

/** Which model answers, once. */
aigw_status anthropic_model(struct anthropic_in *in, const struct anthropic_object *message);
/** Take in the usage that stands in this object, if any, and emit what is known. */
aigw_status anthropic_usage(struct anthropic_in *in, const struct anthropic_object *object);
/** The whole answer to a question for a number of tokens. */
aigw_status anthropic_counted(struct anthropic_in *in, const struct aigw_json *object);
/** The whole answer to a question for models. */
aigw_status anthropic_listed(struct anthropic_in *in, const struct aigw_json *object);
/** The stop reason in this object, with all that stands beside it. Of a whole answer an absent one is an end, too. */
aigw_status anthropic_finish(struct anthropic_in *in, const struct anthropic_object *object, bool is_whole);
/** The end marker: AIGW_DONE. */
aigw_status anthropic_end(struct anthropic_in *in);

/** An object that reports an error, in any of the known shapes. */
bool anthropic_is_error(struct anthropic_in *in, const struct anthropic_object *object);
/** Emit it as the end of the call. */
aigw_status anthropic_emit_error(struct anthropic_in *in, const struct aigw_json *object);
/** The same for an error told in plain words, or in JSON where words are expected. */
aigw_status anthropic_emit_error_text(struct anthropic_in *in, aigw_str words);
/** What should be JSON and is not: a failure, with its words where they tell of one. */
aigw_status anthropic_emit_strange(struct anthropic_in *in, aigw_str text);
/** The end, by a word for it that says that the server gave up. */
aigw_status anthropic_emit_broken(struct anthropic_in *in, aigw_str word);

#endif
