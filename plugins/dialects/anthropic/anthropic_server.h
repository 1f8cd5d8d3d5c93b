/* anthropic_server.h - the dialect of Anthropic's Messages API, seen from its server: what an inbound API links.
 *
 *     request_read.c request_read_turns.c    a client's body → canonical request, or a refusal in the API's words
 *     request_read_tools.c                   … its tools; request_read_calls.c: which result belongs to which call
 *     answer_write.c answer_write_blocks.c   canonical events → a message, whole or as a stream
 *     answer_write_error.c                   refusals and failures; answer_write_lists.c: counts and lists of models
 *
 * What is not said here is as in anthropic.h, the client half. Reading what the client half wrote, and the other way
 * round, gives the same: tests/round_trip.c.
 */
#ifndef ANTHROPIC_SERVER_H
#define ANTHROPIC_SERVER_H

#include "../common/reading.h"
#include "../common/wire.h"

/* ---- refusals ------------------------------------------------------------------------------------------------ */

/** Why a client gets no answer. Texts live as AIGW_LIFE_BUILD memory does, or are static. */
struct anthropic_refusal {
    int32_t http_status;
    uint32_t should_retry;  /* AIGW_YES, AIGW_NO: what x-should-retry says; AIGW_UNSET: the status says enough */
    int64_t retry_after_ms; /* -1: not known */
    const char *type;       /* "invalid_request_error" */
    aigw_str param;         /* the member it is about: "messages.2.content.0.source"; absent: none */
    aigw_str message;       /* for the client; begins with param when there is one */
    const char *code;       /* in `details`, for clients that then do otherwise; NULL: none */
};

/** What is known besides the failure itself. Zeroed: nothing. */
struct anthropic_known {
    aigw_str model;         /* by the name that the client used */
    int64_t prompt_tokens;  /* of the request, perhaps estimated; 0: unknown */
    int64_t context_tokens; /* that fit the model's window; 0: unknown */
};

/** A failed call as clients of this API read it; message: host->alloc(ctx, AIGW_LIFE_REQUEST, …) where it must be made.
 *  Too long a prompt is said in the words that clients look for. */
void anthropic_refuse_error(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_error *error,
                            const struct anthropic_known *known, struct anthropic_refusal *ret_refusal);
/** What the core refused by itself: the type for its status. */
void anthropic_refuse_status(int32_t http_status, aigw_str message, struct anthropic_refusal *ret_refusal);
/** Append {"type":"error",…}. */
void anthropic_write_refusal(const struct aigw_host *host, struct aigw_buf *buf,
                             const struct anthropic_refusal *refusal, aigw_str request_id);

/* ---- requests ------------------------------------------------------------------------------------------------ */

/* What of the model's thinking the client wants to see. */
#define ANTHROPIC_SEE_ALL       0u
#define ANTHROPIC_SEE_SIGNATURE 1u /* display "omitted": blocks that can be sent back, without text */
#define ANTHROPIC_SEE_NOTHING   2u /* thinking is switched off */

/** What a client asked of its answer, and the marks of its body for pass-through (struct aigw_raw). */
struct anthropic_asked {
    aigw_str model;
    bool is_stream;
    uint32_t dropped_count;
    aigw_str dropped[READING_DROPPED_MAX]; /* names of what was left out for another vendor: x-aigw-dropped */
    uint32_t thinking;                     /* ANTHROPIC_SEE_* */
    const char *vendor_only; /* a member that Anthropic itself alone can serve ("container"); NULL: there is none */
    bool has_foreign;        /* brings another vendor's signatures: the body must not pass through as it is */
    bool has_vendor_parts;   /* before it goes to another vendor it is to be read again, with ANTHROPIC_FOR_OTHERS */
    size_t model_at, model_len, insert_at;
    struct wire_laters later; /* texts of the request: wire_later_read() before anybody looks at it */
};

/* With the kind of a request: it is for a target of another vendor. What only this one understands is left out and
 * named in `dropped`, or refused when the answer would be another one. */
#define ANTHROPIC_FOR_OTHERS 0x100u

/** Read a body of /v1/messages (kind AIGW_CALL_CHAT) or its count_tokens (AIGW_CALL_COUNT). AIGW_OK; AIGW_E_INVALID and
 * the refusal; AIGW_E_NOMEM or AIGW_E_LIMIT without one. Texts lie in the body where they hold no escapes; all else is
 * AIGW_LIFE_BUILD memory. ret_request NULL: only what is asked, which is quick and takes no memory but for a model's
 * name with escapes.
 *
 *  Members that the canonical form has no place for go to ret_request->extra, in this dialect. Those of blocks that no
 *  version of the API documents are skipped. Blocks that only the vendor understands are OPAQUE parts in their place.
 *  Results come before all else of their turn, as a message of AIGW_ROLE_TOOL. */
aigw_status anthropic_read_request(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t kind, aigw_str body,
                                   struct anthropic_asked *ret_asked, struct aigw_model_request *ret_request,
                                   struct anthropic_refusal *ret_refusal);

/* ---- answers ------------------------------------------------------------------------------------------------- */

/** A block that has to wait for its turn, and the id of a call that was written; answer_write_order.c. */
struct anthropic_waiting;
struct anthropic_written_id;

#define ANTHROPIC_WRITE_NEW   0u /* nothing was written */
#define ANTHROPIC_WRITE_OPEN  1u /* between blocks */
#define ANTHROPIC_WRITE_BLOCK 2u /* in a block */
#define ANTHROPIC_WRITE_OVER  3u /* nothing may follow */

/** How an answer is written. Borrowed for as long as the writer is used. */
struct anthropic_write_options {
    aigw_str id;    /* "msg_…", made by the caller */
    aigw_str model; /* the name that the client used */
    bool is_stream;
    uint32_t thinking;      /* ANTHROPIC_SEE_* */
    int64_t input_estimate; /* tokens of the prompt, for servers that do not say; 0: unknown */
};

/** One answer being written. Zeroed by anthropic_write_begin(); must not move. */
struct anthropic_writer {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    const struct anthropic_write_options *options;
    uint32_t state;       /* ANTHROPIC_WRITE_* */
    uint32_t block_type;  /* AIGW_PART_* of the open block */
    uint32_t block_count; /* that were opened */
    uint32_t call_index;  /* canonical index of the open or last call */
    uint32_t call_count;
    uint32_t call_depth; /* of the open call's arguments: see answer_write_blocks.c */
    uint32_t finish;     /* AIGW_FINISH_* */
    uint32_t waiting_count;
    bool is_signed, is_ended;        /* the open block: has its signature; nothing more comes for it */
    bool is_in_string, is_in_escape; /* where the open call's arguments stand */
    bool is_finished, is_refused;    /* FINISH came; a REFUSAL came */
    int64_t said_bytes;              /* of text, thinking and arguments: for an estimate of tokens */
    struct aigw_usage usage;         /* the last one that came */
    aigw_str stop_sequence, detail;  /* copies of FINISH's */
    struct aigw_buf *text, *more;    /* whole answers: text and citations of the open block */
    struct anthropic_waiting *waiting, *last_waiting;
    struct anthropic_written_id *ids; /* newest first */
    char delta[160];                  /* streams: what stands before the text of each delta of the open block */
    uint32_t delta_len;
};

/** Begin. Nothing is written before the first event that says something: until then usage may come that belongs to the
 *  beginning. */
void anthropic_write_begin(struct anthropic_writer *w, const struct aigw_host *host, struct aigw_ctx *ctx,
                           const struct anthropic_write_options *options);
/** Append what one event of the call says, which may be nothing; START, DROPPED, RAW, END and ERROR are the caller's.
 *  AIGW_E_UPSTREAM when the events make no sense, AIGW_E_NOMEM, AIGW_E_LIMIT: the answer cannot go on. */
aigw_status anthropic_write_event(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event);
/** Append what is missing to a whole answer, after END. */
aigw_status anthropic_write_end(struct anthropic_writer *w, struct aigw_buf *buf);
/** Streams: append a failure, after which nothing follows. Whole answers: what was written is void, the caller takes
 *  anthropic_write_refusal() into an empty buffer. */
void anthropic_write_error(struct anthropic_writer *w, struct aigw_buf *buf, const struct anthropic_refusal *refusal,
                           aigw_str request_id);
/** Streams: append a heartbeat. */
void anthropic_write_ping(struct anthropic_writer *w, struct aigw_buf *buf);

/** Append the answer of count_tokens. */
void anthropic_write_count(const struct aigw_host *host, struct aigw_buf *buf, int64_t input_tokens);

/** A model as clients see it. */
struct anthropic_model {
    aigw_str id;
    aigw_str display_name;     /* absent: the id */
    int64_t created_s;         /* since 1970; 0: unknown */
    int64_t max_input_tokens;  /* 0: unknown */
    int64_t max_output_tokens; /* 0: unknown */
};
/** Which of them. Zeroed: the first twenty. */
struct anthropic_page {
    int64_t limit; /* 1 to 1000 */
    aigw_str before_id, after_id;
};
/** Append the list of models: of those that this caller may use, the page. */
void anthropic_write_models(const struct aigw_host *host, struct aigw_buf *buf, const struct anthropic_model *models,
                            size_t count, const struct anthropic_page *page);
void anthropic_write_model(const struct aigw_host *host, struct aigw_buf *buf, const struct anthropic_model *model);

#endif
