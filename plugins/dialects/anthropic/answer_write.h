/* answer_write.h - what the files that write an answer share. Internal to the server half. */
#ifndef ANTHROPIC_ANSWER_WRITE_H
#define ANTHROPIC_ANSWER_WRITE_H

#include "anthropic_server.h"

/** Append a literal. */
#define WRITE(w, buf, literal) (w)->host->buf_put((buf), (literal), sizeof(literal) - 1)

/** The message's beginning, if it is not there yet. */
void writer_begin_message(struct anthropic_writer *w, struct aigw_buf *buf);
/** Note a failure of the model server's. */
aigw_status writer_nonsense(struct anthropic_writer *w, const char *what);

/* answer_write_blocks.c: all of them open and close what is needed. */

/** A piece of text (AIGW_PART_TEXT) or thinking (AIGW_PART_REASONING). */
aigw_status writer_text(struct anthropic_writer *w, struct aigw_buf *buf, uint32_t type, aigw_str text);
/** A piece of a tool call, or its beginning. */
aigw_status writer_call(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event);
/** A part of that type ends; `event` is its PART_END. */
aigw_status writer_part_end(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event);
/** A new part of that type begins: what is open of it goes no further. */
void writer_part_start(struct anthropic_writer *w, uint32_t type);
aigw_status writer_signature(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str origin, aigw_str data);
aigw_status writer_redacted(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str origin, aigw_str data);
aigw_status writer_call_signature(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event);
aigw_status writer_citation(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str json);
/** A block of the vendor's, or a delta of the one that is open. */
aigw_status writer_opaque(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str json);
/** Write what waits and close what is open. */
aigw_status writer_close_all(struct anthropic_writer *w, struct aigw_buf *buf);

/* answer_write_order.c: which block may be written now. */

/** A block that came while a call was not complete. */
struct anthropic_waiting {
    struct anthropic_waiting *next;
    uint32_t type;  /* AIGW_PART_TEXT, _REASONING, _TOOL_CALL */
    uint32_t index; /* of a call */
    bool is_ended;  /* nothing more comes for it */
    aigw_str id, name;
    struct aigw_buf *text;
};
/** An id that no other call of this answer has: clients match results by it. False without memory. */
bool writer_unique_id(struct anthropic_writer *w, aigw_str id, aigw_str *ret);
/** Another block may begin: the open one is no call, or a complete one, and nothing waits. */
bool writer_may_leave(const struct anthropic_writer *w);
/** Follow a call's arguments: w->is_ended at the end of their object. */
void writer_follow(struct anthropic_writer *w, aigw_str text);
/** The waiting call with that index; NULL: none. */
struct anthropic_waiting *writer_waiting_call(const struct anthropic_writer *w, uint32_t index);
/** Put a block at the end of those that wait, or a piece of text to the last one. */
aigw_status writer_wait(struct anthropic_writer *w, uint32_t type, const struct aigw_event *event);

#endif
