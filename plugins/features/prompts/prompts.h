/* prompts.h - state of the plugin and of one request; what its files share. */
#ifndef PROMPTS_H
#define PROMPTS_H

#include <aigw/sdk.h>

#include "../common/model_metadata.h"

#define PROMPTS_V1 1u /* a JSON string, or raw text */
#define PROMPTS_V2 2u /* an object, or objects line by line */

/* The one prompt whose refusals an administrator reads in GitLab's settings ("Test connection"). */
#define PROMPTS_CHECK "model_configuration/check"

/** One configured instance. Read-only after open(). */
struct prompts {
    const struct aigw_host *host;
    int64_t answer_max;
    struct aigw_list not_callable;
};

/** The body, checked. Strings live for the build. */
struct prompts_request {
    aigw_str inputs; /* text of a JSON object */
    aigw_str version;
    struct model_metadata metadata;
    bool stream;
};

extern const struct aigw_body_table prompts_table;

/** One request. Zeroed by the core. */
struct prompts_call {
    struct prompts_request request;
    aigw_str id;      /* of the prompt */
    uint32_t version; /* PROMPTS_V1, PROMPTS_V2 */
    struct aigw_call *handle;
    const struct aigw_model_info *model;
    struct aigw_prompt prompt; /* as rendered for `model`; lives for the build */
    aigw_str target_model;     /* the name that the model server knows */
    struct aigw_buf *text;     /* the answer, or NULL while it is passed on as it comes */
    struct aigw_buf *line;     /* one line of a stream of objects */
    struct aigw_usage usage;
    int64_t answer_bytes;
    bool did_begin;       /* the stream's head was handed over */
    bool did_refuse;      /* the answer grew too large: nothing more is said */
    bool holds_backslash; /* unescaping: the last piece ended in one */
};

/* request.c */
/** Read the body; answers 422 when it is wrong. */
aigw_status prompts_read(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call,
                         const struct aigw_request *request);

/* answer.c */
aigw_status prompts_begin(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call);
aigw_status prompts_text(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call, aigw_str text);
aigw_status prompts_end(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call);

/* refuse.c */
/** A fault of the request or of the configuration that the contract has no words for. */
aigw_status prompts_refuse(struct aigw_ctx *ctx, const struct prompts *prompts, const struct prompts_call *call,
                           uint32_t status, const char *text);
/** The answer for a model that failed, or that cannot be had: 421 for what the model's server said. */
aigw_status prompts_refuse_model(struct aigw_ctx *ctx, const struct prompts *prompts, const struct prompts_call *call,
                                 const struct aigw_error *error);
/** Code and reason phrase of a failure of the model's server, "401: Unauthorized"; 0 when the failure is not its. */
int32_t prompts_model_code(const struct aigw_error *error);
const char *prompts_reason(int32_t code);

/* invoke.c */
aigw_status prompts_run(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call);
aigw_status prompts_build(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call,
                          const struct aigw_model_info *target, struct aigw_model_request *req);
aigw_status prompts_event(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call,
                          const struct aigw_event *event);

#endif
