/* openai.h - the pieces of the OpenAI dialect. Other providers of the family may compile openai_body.c,
 * openai_answer.c (which needs ../../common/json/json.c) and openai_error.c with their own settings and URLs. */
#ifndef OPENAI_H
#define OPENAI_H

#include "../common/wire.h"

/* The path of a call: its URL and the shape of its answer. */
#define OPENAI_CHAT       1u
#define OPENAI_COMPLETION 2u
#define OPENAI_EMBEDDING  3u

/** How the server at hand differs from the plain dialect. */
struct openai_quirks {
    bool max_completion_tokens; /* the name of max_tokens                                        */
    bool drop_sampling;         /* refuses temperature, top_p and the penalties                  */
    bool send_top_k;            /* knows top_k                                                   */
    bool continue_final;        /* vLLM's switch for continuing the last assistant message       */
    bool refuses_prefill;       /* a trailing assistant message becomes a user message           */
    int64_t max_stops;          /* -1 unlimited                                                  */
    aigw_str body;              /* the operator's extra members, a JSON object's text, may be absent */
};

/** State of one call. */
struct openai_call {
    uint32_t path;        /* OPENAI_* */
    uint32_t input_count; /* embeddings asked for */
    uint32_t tool_count;  /* tool calls seen */
    uint32_t is_finished; /* FINISH was emitted */
    uint32_t is_over;     /* the end marker or an error came: the rest is ignored */
};

/** Write the wire body of `req` for `path`. */
aigw_status openai_body(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t path, aigw_str model,
                        const struct aigw_model_request *req, const struct openai_quirks *quirks, aigw_str *ret_body);

/** One frame of an answer. */
aigw_status openai_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                         const struct aigw_frame *frame);
/** The same without the short cuts for plain text; for tests. */
aigw_status openai_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                              const struct aigw_frame *frame);

/** Correct ret_error (filled from the status) by what the body says. */
void openai_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                    struct aigw_error *ret_error);
/** A parsed object that reports an error: an `error` member, or the old vLLM form. */
bool openai_is_error(struct json_object *obj);
/** Emit it as the end of the call. */
aigw_status openai_emit_error(const struct aigw_host *host, struct aigw_ctx *ctx, struct json_object *obj);

#endif
