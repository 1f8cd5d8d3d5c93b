/* code_suggestions.h - state of the plugin and of one request; what its routes share. */
#ifndef CODE_SUGGESTIONS_H
#define CODE_SUGGESTIONS_H

#include <aigw/sdk.h>

#include "request.h"
#include "respond.h"

/** One configured instance. Read-only after open(). */
struct cs {
    const struct aigw_host *host;
    const char *completions_prompt;
    int64_t default_context_tokens;
    int64_t answer_max;
};

#define CS_METRIC_LANGUAGE 0u

/** One request. Zeroed by the core. */
struct cs_call {
    struct cs_request request; /* strings live for the build */
    const char *language;      /* reported name, "" when unknown */
    aigw_str spoken;           /* what the model is told; lives as the request's strings do */
    struct aigw_call *handle;
    const struct aigw_model_info *model;
    struct aigw_buf *text; /* the answer, or NULL while it is passed on as it comes */
    struct cs_usage usage;
    int64_t sent_bytes, answer_bytes; /* for estimates when the model server reports no usage */
    int64_t max_tokens;               /* 0 unknown */
    bool did_begin;                   /* the stream's head was handed over */
    bool did_answer;                  /* before the model ended: nothing more is said */
    bool holds_backslash;             /* unescaping: the last piece ended in one */
};

/** Read the body of a request by the table; answers 422 when it is wrong. */
aigw_status cs_check_body(const struct cs *cs, struct aigw_ctx *ctx, const struct aigw_request *request,
                          const struct aigw_body_table *table, void *ret);
/** The model that the request, or else conf.d, names. Not AIGW_OK: it was answered already. */
aigw_status cs_find_model(const struct cs *cs, struct aigw_ctx *ctx, const struct cs_model *wanted,
                          const struct aigw_model_info **ret_info);

aigw_status cs_completions_check(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                 const struct aigw_request *request);
aigw_status cs_completions_run(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call);
aigw_status cs_completions_build(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                 const struct aigw_model_info *target, struct aigw_model_request *req);
aigw_status cs_completions_event(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                 const struct aigw_event *event);

#endif
