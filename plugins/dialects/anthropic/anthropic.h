/* anthropic.h - the dialect of Anthropic's Messages API, client half, for every host of Claude.
 *
 *     request_*.c     canonical request → wire body
 *     answer_*.c      wire answer → canonical events; refusals, before and inside an answer
 */
#ifndef ANTHROPIC_H
#define ANTHROPIC_H

#include "../common/halves.h"
#include "../common/names.h"
#include "../common/wire.h"

#define ANTHROPIC_DIALECT "anthropic" /* what passes through, and the origin of signatures and vendor JSON */

/* The tool that holds the answers of old models to a schema: its call is the answer's text. */
#define ANTHROPIC_JSON_TOOL "aigw_json_answer"

struct anthropic_quirks {
    int64_t max_tokens;    /* when the request names none: the field is required     */
    bool drop_sampling;    /* the model refuses temperature, top_p and top_k         */
    bool refuses_prefill;  /* a trailing assistant turn becomes a user turn          */
    const char *cache_ttl; /* "5m", "1h" or "off"                                    */
    const char *version;   /* member anthropic_version of the body, NULL for none    */
    bool omit_model;       /* the model's name is in the URL                         */
    bool omit_stream;      /* so is whether to stream                                */
    struct names *names;   /* of the call, for tools that are sent as others; NULL: such tools are refused */
};

/** A tool call of an answer; answer_blocks.c. */
struct anthropic_tool;

/* What a call asks for. */
#define ANTHROPIC_ASKS_ANSWER 0u
#define ANTHROPIC_ASKS_COUNT  1u /* a number of tokens */
#define ANTHROPIC_ASKS_MODELS 2u /* the names of the server's models */
#define ANTHROPIC_ASKS_OTHER  3u /* another part of the API, passed through: its answer is none of ours to read */

/** State of one call. */
struct anthropic_call {
    uint32_t asks;        /* ANTHROPIC_ASKS_*: set by request() */
    uint32_t has_passed;  /* a frame was read, and went to the client if its bytes do */
    uint32_t has_begun;   /* something of an answer came */
    uint32_t is_named;    /* MODEL was emitted */
    uint32_t is_finished; /* FINISH was emitted */
    uint32_t is_over;     /* the end marker or an error came: the rest is ignored */
    uint32_t raw_flags;   /* pass-through: AIGW_RAWF_* */
    uint32_t tool_count, tools_kept;
    int64_t blocks;          /* content blocks that began */
    int64_t uncached;        /* input tokens that were neither read from a cache nor written to one */
    struct aigw_usage usage; /* what is known so far: it comes in pieces */
    struct halves halves;
    /* pointers last: tests compare what stands before them */
    struct anthropic_tool *tools; /* newest first */
    struct wire_drops drops;
    struct names names;
    struct aigw_buf *raw; /* pass-through: the frame for the client; else NULL */
};

aigw_status anthropic_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                           const struct aigw_model_request *req, const struct anthropic_quirks *quirks,
                           struct wire_drops *drops, aigw_str *ret_body);

/** True when a part names a file that the API keeps: that needs the beta feature ANTHROPIC_FILES_BETA. */
bool anthropic_names_files(const struct aigw_model_request *req);
#define ANTHROPIC_FILES_BETA "files-api-2025-04-14"

/** One frame of an answer. AIGW_DONE at the end marker. */
aigw_status anthropic_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                            const struct aigw_frame *frame);
/** The same without the short cut for plain text; for tests. */
aigw_status anthropic_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                                 const struct aigw_frame *frame);
/** Its body ended: of the answer to what is passed through unread, nothing else says so. */
aigw_status anthropic_done(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call);
/** What is asked for at this path of the API, with or without a query. */
uint32_t anthropic_asks_at(aigw_str path);
void anthropic_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                       struct aigw_error *ret_error);

#endif
