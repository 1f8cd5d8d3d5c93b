/* answer_write.h - what the writers of an answer share. */
#ifndef GEMINI_ANSWER_WRITE_H
#define GEMINI_ANSWER_WRITE_H

#include "gemini_server.h"

#include <aigw/json.h>

/** Members of a candidate that travel as they are. */
#define GEMINI_BESIDE 3
extern const char *const gemini_beside[GEMINI_BESIDE];

#define GEMINI_ANSWER_MAX ((size_t)64 * 1024 * 1024) /* of a whole answer, and of a call's arguments */

/** A part that says nothing. Google's SDKs take a turn out of a chat's history, and the user's word before it, when any
 * piece of the answer has no part. */
#define GEMINI_NO_TEXT "{\"text\":\"\"}"

/** One part, JSON text of an object; a signature that waits may be put into it. */
aigw_status gemini_write_part(struct gemini_writer *w, struct aigw_buf *buf, uint32_t choice, aigw_str part,
                              bool may_be_signed);
/** Text or a thought, joined with what came before it in a whole answer. */
aigw_status gemini_write_text(struct gemini_writer *w, struct aigw_buf *buf, uint32_t choice, uint32_t type,
                              aigw_str text);
/** End the open text of a whole answer. */
aigw_status gemini_write_close_text(struct gemini_writer *w, uint32_t choice);
/** A piece of a call: held until the call is whole. */
aigw_status gemini_write_call_piece(struct gemini_writer *w, const struct aigw_event *event);
/** Write the calls that are held, as far as they are whole; at the end all of them. */
aigw_status gemini_write_calls(struct gemini_writer *w, struct aigw_buf *buf, uint32_t choice, bool is_end);
aigw_status gemini_write_signature(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event);
/** What stands beside the parts: groundingMetadata and the like, a citation, log probabilities as OpenAI spells them.
 * In a stream an object of its own. */
aigw_status gemini_write_beside(struct gemini_writer *w, struct aigw_buf *buf, uint32_t choice,
                                const struct aigw_json *object);
aigw_status gemini_write_citation(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event);
aigw_status gemini_write_probs(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event);
/** All of it that was gathered for a whole answer, each member with a comma before it. */
aigw_status gemini_write_gathered(struct gemini_writer *w, struct aigw_buf *buf,
                                  const struct gemini_write_choice *choice);

/** Around one object of a stream: `{"candidates":[{` and what follows the candidate. */
void gemini_write_open(struct gemini_writer *w, struct aigw_buf *buf);
void gemini_write_close(struct gemini_writer *w, struct aigw_buf *buf);
aigw_str gemini_write_keep(struct gemini_writer *w, aigw_str text);

#endif
