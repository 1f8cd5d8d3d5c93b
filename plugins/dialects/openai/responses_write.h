/* responses_write.h - what the writers of Responses answers share. */
#ifndef OPENAI_RESPONSES_WRITE_H
#define OPENAI_RESPONSES_WRITE_H

#include "responses_server.h"

#define RESPONSES_TEXT_MAX ((size_t)64 * 1024 * 1024) /* of one text, and of all items together */

struct responses_call {
    struct responses_call *next;
    uint32_t index; /* the event's */
    bool is_free;   /* its input is plain text */
    bool is_search; /* the client's own search for tools */
    bool is_ended;  /* nothing more of it comes */
    aigw_str id, name, scope;
    struct aigw_buf *text; /* arguments so far */
};

struct responses_late {
    struct responses_late *next;
    uint32_t part_type;
    bool is_thought;
    aigw_str text;
};

/* ---- responses_write.c ---- */

void responses_put(struct responses_writer *w, const char *text);
/** `event:` and the begin of its data, with the number; the caller goes on with members and responses_end_event(). Not
 *  of whole answers: false. */
bool responses_begin_event(struct responses_writer *w, const char *type);
void responses_end_event(struct responses_writer *w);
/** ,"name": and text. */
void responses_put_text(struct responses_writer *w, const char *name, aigw_str text);
/** A buffer that is emptied and used again. */
aigw_status responses_renew(struct responses_writer *w, struct aigw_buf **buf);
aigw_str responses_kept(struct responses_writer *w, struct aigw_buf *buf);
aigw_status responses_copy(struct responses_writer *w, aigw_str text, aigw_str *ret);

/* ---- responses_write_items.c ---- */

/** The id of the open item. */
void responses_put_item_id(struct responses_writer *w, struct aigw_buf *buf);
/** An item of that kind (RESPONSES_*) begins; the one before it is closed. */
aigw_status responses_open_item(struct responses_writer *w, uint32_t kind);
/** The open item goes into the output. */
aigw_status responses_finish_item(struct responses_writer *w);
/** As responses_begin_event(), about the open part or call. */
bool responses_begin_part_event(struct responses_writer *w, const char *type);
/** The open item is complete. */
aigw_status responses_close(struct responses_writer *w);
/** A piece of reasoning, text or refusal. is_thought: of reasoning that is the thought itself and no summary. */
aigw_status responses_write_piece(struct responses_writer *w, uint32_t part_type, bool is_thought, aigw_str text);
/** Pieces that came inside of a call, now that it is whole, or will not become so. */
aigw_status responses_write_late(struct responses_writer *w);
aigw_status responses_write_citation(struct responses_writer *w, aigw_str text);
aigw_status responses_keep_logprobs(struct responses_writer *w, aigw_str text);

/* ---- responses_write_calls.c ---- */

/** The open call as an item. */
void responses_put_call(struct responses_writer *w, struct aigw_buf *buf, bool is_done);
aigw_status responses_close_call(struct responses_writer *w);
/** A call is not whole as far as can be told: an item that is opened now would end it. */
bool responses_is_inside_call(struct responses_writer *w);
/** The open item, and all calls that wait for their turn. */
aigw_status responses_close_all(struct responses_writer *w);
aigw_status responses_write_call(struct responses_writer *w, const struct aigw_event *event);
/** The call of that index is whole. */
aigw_status responses_end_call(struct responses_writer *w, uint32_t index);
aigw_status responses_write_signature(struct responses_writer *w, const struct aigw_event *event);

#endif
