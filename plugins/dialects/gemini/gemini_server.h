/* gemini_server.h - the dialect of Google's Gemini API, seen from its server: what an inbound API links.
 *
 *     request_read.c request_read_params.c      a client's body → canonical request, or a refusal in the API's words
 *     request_read_contents.c                   … its contents; request_read_tools.c: its tools
 *     answer_write.c answer_write_parts.c       canonical events → an answer, whole or as a stream
 *     answer_write_beside.c                     … what stands beside its parts
 *     answer_write_error.c                      refusals and failures
 *     carry.c                                   signatures of other vendors, on their way through this dialect
 *
 * What is not said here is as in gemini.h, the client half. Reading what the client half wrote, and the other way
 * round, gives the same: tests/test_server.c.
 */
#ifndef GEMINI_SERVER_H
#define GEMINI_SERVER_H

#include "../common/later.h"
#include "../common/wire.h"

/* ---- refusals ------------------------------------------------------------------------------------------------ */

/** Why a client gets no answer. Texts live as AIGW_LIFE_BUILD memory does, or are static. */
struct gemini_refusal {
    int32_t http_status;
    const char *status; /* "INVALID_ARGUMENT" */
    aigw_str message;
    int64_t retry_after_ms; /* -1: not known */
    uint32_t should_retry;  /* AIGW_YES, AIGW_NO: what x-should-retry says; AIGW_UNSET: the status says enough */
};

/** A failed call as clients of this API read it; message: memory of AIGW_LIFE_REQUEST where it must be made. */
void gemini_refuse_error(const struct aigw_error *error, struct gemini_refusal *ret_refusal);
/** What the core refused by itself: the word for its status. */
void gemini_refuse_status(int32_t http_status, aigw_str message, struct gemini_refusal *ret_refusal);
/** Append {"error":{…}}. */
/** Words about a prompt that does not fit, as Google's clients look for them; the server's own stay in them. Memory of
 * the request's life. */
aigw_str gemini_too_long(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str words);
void gemini_write_refusal(const struct aigw_host *host, struct aigw_buf *buf, const struct gemini_refusal *refusal);

/** What stands in a path is "models/x", "tunedModels/x", "publishers/google/models/x" or x: the x of it. */
aigw_str gemini_model_name(aigw_str path);

/* ---- requests ------------------------------------------------------------------------------------------------ */

#define GEMINI_DROPPED_MAX 48u

/** What a client asked of its answer. Its model and whether it streams stand in the path. */
struct gemini_asked {
    bool shows_thoughts;
    bool has_foreign; /* brings another vendor's signatures: the body must not pass through as it is */
    bool is_batch;    /* embeddings: of :batchEmbedContents, whose answer is a list */
    uint32_t
        dropped_count; /* members that have no place anywhere but in the client's own bytes, by its names for them */
    aigw_str dropped[GEMINI_DROPPED_MAX];
    const char *vendor_only;  /* a member that Google itself alone can serve ("cachedContent"); NULL: there is none */
    struct wire_laters later; /* texts of the request: wire_later_read() before anybody looks at it */
};

/** Read a body of :generateContent (kind AIGW_CALL_CHAT), :countTokens (AIGW_CALL_COUNT), or :embedContent and
 *  :batchEmbedContents (AIGW_CALL_EMBEDDING). AIGW_OK; AIGW_E_INVALID and the refusal; AIGW_E_NOMEM or AIGW_E_LIMIT
 *  without one. Texts lie in the body where they hold no escapes; all else is AIGW_LIFE_BUILD memory.
 *
 *  Names of members are read as generationConfig and generation_config. Members that the canonical form has no place
 * for go to ret_request->extra, in this dialect; parts that only the vendor understands are OPAQUE parts in their
 * place. Results come before all else of their turn, as a message of AIGW_ROLE_TOOL; calls without an id get one, and
 * so does the result that answers them: by name, in order. */
aigw_status gemini_read_request(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t kind, aigw_str body,
                                struct gemini_asked *ret_asked, struct aigw_model_request *ret_request,
                                struct gemini_refusal *ret_refusal);

/* ---- answers ------------------------------------------------------------------------------------------------- */

#define GEMINI_WRITE_CHOICES 8u
#define GEMINI_WRITE_CALLS   256u /* open calls at a time */

/* In which form. */
#define GEMINI_WRITE_WHOLE 0u
#define GEMINI_WRITE_SSE   1u
#define GEMINI_WRITE_LIST  2u /* a stream as one JSON list: without alt=sse */

/** How an answer is written. Borrowed for as long as the writer is used. */
struct gemini_write_options {
    aigw_str id;    /* responseId, made by the caller */
    aigw_str model; /* the name to say: that the client used, or the target's */
    uint32_t form;  /* GEMINI_WRITE_* */
    bool shows_thoughts;
};

/** A call whose pieces still come; answer_write_parts.c. */
struct gemini_held_call;

/** One of the answers. */
struct gemini_write_choice {
    struct aigw_buf *parts, *text;              /* whole answers: closed parts, open text */
    struct aigw_buf *citations, *chosen, *tops; /* … lists beside the content */
    uint32_t citation_count, prob_count;
    aigw_str beside[3]; /* … and whole members, as they were said last */
    struct gemini_held_call *calls, *last_call;
    uint32_t part_count, text_type, call_count; /* text_type: AIGW_EVENT_TEXT, _REASONING, 0 for none */
    uint32_t begun_calls;                       /* with those that went out */
    uint32_t finish;                            /* AIGW_FINISH_* */
    bool is_seen, is_finished, is_refused;
    aigw_str word, detail; /* copies of FINISH's */
    aigw_str signature;    /* for the next part */
};

/** One answer being written. Zeroed by gemini_write_begin(); must not move. */
struct gemini_writer {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    const struct gemini_write_options *options;
    bool has_begun, is_over;
    struct aigw_usage usage;
    struct gemini_write_choice choices[GEMINI_WRITE_CHOICES];
};

void gemini_write_begin(struct gemini_writer *w, const struct aigw_host *host, struct aigw_ctx *ctx,
                        const struct gemini_write_options *options);
/** Append what one event of the call says, which may be nothing; START, DROPPED, RAW, END and ERROR are the caller's.
 *  AIGW_E_UPSTREAM when the events make no sense, AIGW_E_NOMEM, AIGW_E_LIMIT: the answer cannot go on. */
aigw_status gemini_write_event(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event);
/** Append what is missing, after END: of a stream the object that has the reasons to end and the usage. */
aigw_status gemini_write_end(struct gemini_writer *w, struct aigw_buf *buf);
/** Streams: append a failure, after which nothing follows. Whole answers: what was written is void, the caller takes
 *  gemini_write_refusal() into an empty buffer. */
void gemini_write_error(struct gemini_writer *w, struct aigw_buf *buf, const struct gemini_refusal *refusal);

/** Append the answer of :countTokens. */
void gemini_write_count(const struct aigw_host *host, struct aigw_buf *buf, const struct aigw_usage *usage);
/** Embeddings, one EMBEDDING event after the other, count 0 first; then the end. */
void gemini_write_vector(const struct aigw_host *host, struct aigw_buf *buf, bool is_batch, uint32_t count,
                         const float *vector, uint32_t vector_len);
void gemini_write_vectors_end(const struct aigw_host *host, struct aigw_buf *buf, bool is_batch, uint32_t count);

/* ---- signatures ----------------------------------------------------------------------------------------------- */

/** A thoughtSignature that a client sends back: its origin and data. Clients send them in the URL-safe alphabet, too:
 * the vendor's own comes back in the other one. Absent when it is the word for none. */
aigw_status gemini_carry_read(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret_origin,
                              aigw_str *ret_data);
/** A signature as this dialect has it, base64: another vendor's is "aigw1.<origin>.<data>" in it. */
aigw_status gemini_carry_write(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str origin, aigw_str data,
                               aigw_str *ret_text);

#endif
