/* anthropic.h - the pieces of the Anthropic Messages dialect. Other hosts of Claude may compile anthropic_body.c and
 * anthropic_answer.c with their own settings and URLs. */
#ifndef ANTHROPIC_H
#define ANTHROPIC_H

#include "../common/wire.h"

struct anthropic_quirks {
    int64_t max_tokens;    /* when the request names none: the field is required     */
    bool drop_sampling;    /* the model refuses temperature, top_p and top_k         */
    bool refuses_prefill;  /* a trailing assistant turn becomes a user turn          */
    const char *cache_ttl; /* "5m", "1h" or "off"                                    */
    const char *version;   /* member anthropic_version of the body, NULL for none    */
    bool omit_model;       /* the model's name is in the URL                         */
};

struct anthropic_call {
    int64_t input_tokens, cached_tokens; /* from message_start, repeated with the output count */
    int64_t tool_block;                  /* content block index of the running tool call */
    uint32_t tool_count;
    uint32_t is_finished;
    uint32_t is_over;
};

aigw_status anthropic_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                           const struct aigw_model_request *req, const struct anthropic_quirks *quirks,
                           aigw_str *ret_body);
aigw_status anthropic_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                            const struct aigw_frame *frame);
aigw_status anthropic_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                                 const struct aigw_frame *frame);
void anthropic_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                       struct aigw_error *ret_error);

#endif
