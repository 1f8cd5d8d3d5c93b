/* anthropic_api.h - what the files of this plugin share. The way of a request through them:
 *
 *     plugin.c    routes and settings; reads the body, refuses in Anthropic's words
 *     vertex.c    the same API in Vertex AI's form
 *     calls.c     asks the model and shapes the answer; counts tokens
 */
#ifndef ANTHROPIC_API_H
#define ANTHROPIC_API_H

#include "../../dialects/anthropic/anthropic.h"
#include "../../dialects/anthropic/anthropic_server.h"
#include "../common/client_api.h"

#define ANTHROPIC_API_MESSAGES      0u /* tags of routes */
#define ANTHROPIC_API_COUNT         1u
#define ANTHROPIC_API_HELLO         2u
#define ANTHROPIC_API_VERTEX        3u /* from here on: in Vertex AI's form */
#define ANTHROPIC_API_VERTEX_STREAM 4u

#define ANTHROPIC_API_PASSED 2u /* request headers that go through with the client's own bytes */

struct anthropic_api {
    const struct aigw_host *host;
    struct client_settings client;
};

/** A request. */
struct anthropic_api_call {
    const struct anthropic_api *api;
    bool is_count;
    struct anthropic_asked asked;
    const char *refusal_code;          /* struct anthropic_refusal.code of the last target that could not be asked */
    struct aigw_model_request request; /* canonical; as long as the body */
    aigw_str body;                     /* of /v1/messages, as it came or made of another form */
    aigw_str betas;                    /* names that came in it; absent: those of the header count */
    struct aigw_raw raw;               /* the body as it is */
    struct aigw_pair passed[ANTHROPIC_API_PASSED];
    size_t body_len;
    int64_t counted; /* tokens, -1: not yet */
    char id[CLIENT_ID_SIZE];
    aigw_str client_model; /* the client's word for it; request memory */
    aigw_str request_id;
    const struct aigw_model_info *model;
    struct client_answer answer;
    bool lacks_end; /* a server's own bytes so far, without its last event */
    struct anthropic_write_options options;
    struct anthropic_writer writer;
};

/** Make the body, and betas, of a request in Vertex AI's form. One that cannot be read stays as it is. */
aigw_status anthropic_api_from_vertex(struct aigw_ctx *ctx, struct anthropic_api_call *call,
                                      const struct aigw_request *request);
/** Begin the call that the body asks for. */
aigw_status anthropic_api_ask(struct aigw_ctx *ctx, struct anthropic_api_call *call);
aigw_status anthropic_api_build(struct aigw_ctx *ctx, struct anthropic_api_call *call,
                                const struct aigw_model_info *target, struct aigw_model_request *ret_request);
aigw_status anthropic_api_event(struct aigw_ctx *ctx, struct anthropic_api_call *call, const struct aigw_event *event);
/** Something for a client whose model is silent. */
void anthropic_api_heartbeat(struct client_answer *answer);
/** Answer with a refusal: status, headers and body as Anthropic's clients read them. */
aigw_status anthropic_api_refuse(struct aigw_ctx *ctx, struct client_answer *answer,
                                 const struct anthropic_refusal *refusal, aigw_str request_id);

#endif
