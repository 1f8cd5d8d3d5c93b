/* openai_api.h - what the files of this plugin share. The way of a request through them:
 *
 *     plugin.c    routes and settings; reads the body, refuses in OpenAI's words
 *     calls.c     asks the model, once for each prompt, and shapes the answer
 *     stateless.c what of the Responses API needs a memory that this gateway does not have
 */
#ifndef OPENAI_API_H
#define OPENAI_API_H

#include "../../dialects/openai/openai_server.h"
#include "../../dialects/openai/responses_server.h"
#include "../common/client_api.h"

#define OPENAI_API_PROMPTS_MAX 64u /* model calls of one request */

/* Tags of routes beside OPENAI_CHAT, _COMPLETION, _EMBEDDING and OPENAI_RESPONSES. */
#define OPENAI_API_COUNT     64u /* tokens of a body of the Responses API */
#define OPENAI_API_SOCKET    65u /* that API over a WebSocket             */
#define OPENAI_API_NO_STATE  66u /* … an answer that is long gone         */
#define OPENAI_API_NO_SHRINK 67u /* … making a conversation shorter       */

struct openai_api {
    const struct aigw_host *host;
    struct client_settings client;
    int32_t responses_pass; /* the Responses API goes to servers that have it as it is */
};

/** A request. */
struct openai_api_call {
    const struct openai_api *api;
    struct openai_asked asked;
    struct aigw_model_request request; /* canonical; as long as the body */
    bool passes;                       /* the last server that was asked got the client's own bytes */
    struct openai_refusal only_as_is;  /* with words: only a server of this dialect can take it, and why */
    char id[CLIENT_ID_SIZE];
    aigw_str client_model; /* the client's word for it; request memory */
    struct client_answer answer;
    struct aigw_pair passed[2]; /* headers that go along with the client's own bytes */
    struct client_word said[6]; /* how this client spells what it said in other words than usual */
    bool is_responses, is_count;
    bool has_written; /* something of the answer */
    bool lacks_end;   /* … a server's own bytes, without its end marker so far */
    size_t body_len;
    union {
        struct openai_writer chat;
        struct responses_writer responses; /* is_responses */
    } writer;
    uint32_t calls, ended;
    struct aigw_usage *usage; /* of each call; the tag of a call is its place here */
};

/** What is refused on these paths, in words that send clients the right way. */
aigw_status openai_api_stateless(struct aigw_ctx *ctx, struct openai_api_call *call, uint32_t tag);
/** Begin the calls that the body asks for. */
aigw_status openai_api_ask(struct aigw_ctx *ctx, struct openai_api_call *call);
aigw_status openai_api_build(struct aigw_ctx *ctx, struct openai_api_call *call, const struct aigw_model_info *target,
                             uint32_t prompt, struct aigw_model_request *ret_request);
aigw_status openai_api_event(struct aigw_ctx *ctx, struct openai_api_call *call, const struct aigw_event *event);
/** Something for a client whose model is silent. */
void openai_api_heartbeat(struct client_answer *answer);
/** Answer with a failure: status, headers and body as OpenAI's clients read them. */
aigw_status openai_api_refuse(struct aigw_ctx *ctx, struct openai_api_call *call, const struct aigw_error *error);

#endif
