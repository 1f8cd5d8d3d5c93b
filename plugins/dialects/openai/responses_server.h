/* responses_server.h - OpenAI's Responses API as its clients speak it, without state: every request brings its whole
 * conversation. The dialect "openai-responses"; refusals, errors and identity are those of openai_server.h.
 *
 *     responses_read.c          a body → canonical request
 *     responses_read_items.c    … the items of its input
 *     responses_write.c         events → a stream of events, or the response object
 *     responses_write_items.c   … the items of the output
 *     responses_write_calls.c   … of which calls have rules of their own
 */
#ifndef OPENAI_RESPONSES_SERVER_H
#define OPENAI_RESPONSES_SERVER_H

#include "openai_server.h"

/** Signatures and encrypted reasoning of another vendor travel in `encrypted_content` as one of these, the origin, a
 * dot and base64. What is not marked so is OpenAI's own. */
#define RESPONSES_TAG          "aigw1."  /* of the reasoning in the same item */
#define RESPONSES_TAG_REDACTED "aigw1r." /* … which had no readable text */
#define RESPONSES_TAG_CALL     "aigw1c." /* of the call before the item, which has nothing else */

/** As openai_read_chat(). AIGW_E_UNSUPPORTED also for what needs a server that keeps state: previous_response_id,
 *  conversation, item_reference, background, prompt, compaction. */
aigw_status openai_read_responses(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body,
                                  struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                                  struct openai_refusal *ret_refusal);

/** The item of the output that is being written. */
#define RESPONSES_NOTHING   0u
#define RESPONSES_REASONING 1u
#define RESPONSES_MESSAGE   2u
#define RESPONSES_CALL      3u

/** A tool call, and a piece of something else; see responses_write.h. */
struct responses_call;
struct responses_late;

/** Writes one answer. Zero it, then responses_write_begin(). A stream is a tree of events in a fixed order: one item
 *  after the other, each closed before the next begins. */
struct responses_writer {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_buf *buf; /* the caller's: bytes for the client are appended; empty it whenever they were sent */
    bool is_stream, shows_reasoning, wants_encrypted, has_tool_search;
    bool is_begun; /* the client was told that there is a response; the caller's, too: where it got a server's own bytes
                    */
    bool is_over;
    aigw_str id, model, echo;
    int64_t created;
    const aigw_str *free_tools;
    uint32_t free_tool_count;
    uint32_t finish;         /* AIGW_FINISH_* */
    uint64_t sequence;       /* of the next event */
    struct aigw_buf *output; /* items that are done, with commas between them */
    uint32_t item_count;     /* of these */
    uint32_t open;           /* RESPONSES_*: what is being written */
    bool is_thought;         /* … REASONING: the thought itself, in `content`; else a summary */
    /* … of the open item */
    uint32_t part_type;        /* MESSAGE: AIGW_PART_TEXT, AIGW_PART_REFUSAL, 0 none; REASONING: AIGW_PART_REASONING */
    uint32_t part_count;       /* parts that are done */
    uint32_t note_count;       /* annotations of the open part */
    size_t char_count;         /* characters of it */
    struct aigw_buf *place;    /* members of its events that say where they belong */
    struct aigw_buf *parts;    /* that are done */
    struct aigw_buf *text;     /* of the open part */
    struct aigw_buf *notes;    /* its annotations */
    struct aigw_buf *logprobs; /* its logprobs */
    aigw_str encrypted;        /* REASONING */
    struct responses_call *calls, *last_call; /* all of them, in their order */
    struct responses_call *call;              /* the open one, or the last that was */
    struct responses_late *late, *last_late;  /* what came between the pieces of a call, and waits until it is whole */
    struct aigw_usage usage;
};

/** As openai_write_begin() and its like. asked: of openai_read_responses(). identity->id: "resp_…" */
aigw_status responses_write_begin(struct responses_writer *w, const struct aigw_host *host, struct aigw_ctx *ctx,
                                  struct aigw_buf *buf, const struct openai_asked *asked,
                                  const struct openai_identity *identity);
aigw_status responses_write_event(struct responses_writer *w, const struct aigw_event *event);
aigw_status responses_write_end(struct responses_writer *w);
/** In a stream response.failed, which is the only failure that all clients see. */
aigw_status responses_write_error(struct responses_writer *w, const struct aigw_error *error);
void responses_write_heartbeat(struct responses_writer *w);

#endif
