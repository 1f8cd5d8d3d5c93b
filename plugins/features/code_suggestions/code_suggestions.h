/* code_suggestions.h - state of the plugin and of one request; what its routes share. */
#ifndef CODE_SUGGESTIONS_H
#define CODE_SUGGESTIONS_H

#include <aigw/sdk.h>

#include "clean.h"
#include "request.h"
#include "respond.h"

/** One configured instance. Read-only after open(). */
struct cs {
    const struct aigw_host *host;
    const char *completions_prompt;
    const char *generations_prompt;
    int64_t default_context_tokens;
    int64_t answer_max;
    int64_t ping_ms;
    int64_t answer_ms;
};

#define CS_METRIC_LANGUAGE 0u

#define CS_STREAM_TYPE "text/event-stream; charset=utf-8" /* of raw text, too: clients know it so */

/** Routes' tags. */
enum cs_route {
    CS_ROUTE_COMPLETIONS,
    CS_ROUTE_GENERATIONS,
    CS_ROUTE_V3,
    CS_ROUTE_V4,
};

/** How far the answer is. It only moves down this list. */
enum cs_stage {
    CS_NOTHING_SENT,
    CS_STREAMING, /* the stream's head was handed over */
    CS_ANSWERED,  /* nothing more is said */
};

/** One request. Zeroed by the core; stays where it is. */
struct cs_call {
    const struct cs *cs;
    struct cs_request request; /* strings live for the build */
    enum cs_route route;
    enum cs_stage stage;
    const char *language; /* reported name, "" when unknown */
    aigw_str spoken;      /* what the model is told; lives as the request's strings do */
    struct aigw_call *handle;
    const struct aigw_model_info *model;
    aigw_str title; /* of the prompt that was used, absent before */
    struct cs_clean clean;
    struct aigw_buf *piece;   /* what of one event the editor may see */
    struct aigw_buf *text;    /* the whole answer, or NULL while it is passed on as it comes */
    struct aigw_buf *message; /* v4: one event of the stream */
    struct aigw_timer *ping;
    struct aigw_timer *patience; /* until a whole answer is late */
    struct cs_usage usage;
    int64_t sent_bytes, answer_bytes; /* for estimates when the model server reports no usage */
    int64_t max_tokens;               /* 0 unknown */
};

/* ---- common.c: before the model is called ---- */

/** The body → call->request; answers 422 when it is wrong. */
aigw_status cs_check(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                     const struct aigw_request *request);
/** Rights that a component asks for, language, model; then the call, or an answer. */
aigw_status cs_run(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call);
/** 403 in the words of the route. Answers what the caller has to return. */
aigw_status cs_refuse(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call);

/* ---- completions.c, generations.c: the request for one target ---- */

aigw_status cs_completion_build(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                const struct aigw_model_info *target, struct aigw_model_request *req);
aigw_status cs_generation_build(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                                const struct aigw_model_info *target, struct aigw_model_request *req);

/* ---- build.c: what both share ---- */

/** Tokens of a target's window that code and context may take. */
int64_t cs_budget(const struct cs *cs, const struct aigw_model_info *target);
/** As much of the joined context as fits, a line feed, and `tail`. Just `tail` when there is no context or no room. */
aigw_status cs_join_context(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, int64_t tokens,
                            aigw_str tail, aigw_str *ret_text);
/** Render and put it into the request. A failure was answered. */
aigw_status cs_use_prompt(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                          const struct aigw_prompt_query *query, struct aigw_model_request *req);
/** Send the messages that the client prepared in place of the prompt's. */
aigw_status cs_use_messages(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call,
                            struct aigw_model_request *req);

/* ---- answer.c: what the model says ---- */

aigw_status cs_event(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, const struct aigw_event *event);
/** A timer's: a whole answer is late. 503 while the client still waits for it. */
void cs_is_late(struct aigw_ctx *ctx, void *call);
/** Begin with cleaning what the model will say. `stops` live as long as the request. */
void cs_clean_answer(struct cs_call *call, const aigw_str *stops, uint32_t stop_count);
/** The whole JSON answer of the route. Empty text: no choice. */
aigw_status cs_answer_json(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text);
/** The model as it is reported to the client. */
struct cs_names cs_names_of(const struct cs_call *call);

/* ---- sse.c: the stream of v4 ---- */

aigw_status cs_sse_begin(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call);
aigw_status cs_sse_text(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text);
aigw_status cs_sse_end(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call);
/** Say that the model failed; the end that a whole stream has does not come. */
aigw_status cs_sse_error(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                         const struct aigw_error *error);

#endif
