/* gemini_api.h - what the files of this plugin share. The way of a request through them:
 *
 *     plugin.c    routes and settings; reads the body, refuses in Google's words
 *     calls.c     asks the model and shapes the answer; counts tokens, embeds
 */
#ifndef GEMINI_API_H
#define GEMINI_API_H

#include "../../dialects/gemini/gemini.h"
#include "../../dialects/gemini/gemini_server.h"
#include "../common/client_api.h"

/* Tags of routes: the method that a path names. */
#define GEMINI_API_GENERATE 0u
#define GEMINI_API_STREAM   1u
#define GEMINI_API_COUNT    2u
#define GEMINI_API_EMBED    3u /* one content, or a batch: the body says */
#define GEMINI_API_BATCH    4u

struct gemini_api {
    const struct aigw_host *host;
    struct client_settings client;
};

/** A request. */
struct gemini_api_call {
    const struct gemini_api *api;
    uint32_t method; /* GEMINI_API_* */
    struct gemini_asked asked;
    struct aigw_model_request request; /* canonical; as long as the body */
    struct aigw_raw raw;               /* the body as it is */
    struct aigw_pair passed;           /* the header that goes along with it */
    size_t body_len;
    uint32_t vectors;
    struct aigw_usage counted;
    char id[CLIENT_ID_SIZE];
    aigw_str client_model; /* the client's word for it; request memory */
    struct client_answer answer;
    struct gemini_write_options options;
    struct gemini_writer writer;
};

/** Begin the call that the body asks for. */
aigw_status gemini_api_ask(struct aigw_ctx *ctx, struct gemini_api_call *call);
aigw_status gemini_api_build(struct aigw_ctx *ctx, struct gemini_api_call *call, const struct aigw_model_info *target,
                             struct aigw_model_request *ret_request);
aigw_status gemini_api_event(struct aigw_ctx *ctx, struct gemini_api_call *call, const struct aigw_event *event);
/** Something for a client whose model is silent. */
void gemini_api_heartbeat(struct client_answer *answer);
/** Answer with a refusal, as Google's clients read it. */
aigw_status gemini_api_refuse(struct aigw_ctx *ctx, struct client_answer *answer, const struct gemini_refusal *refusal);

#endif
