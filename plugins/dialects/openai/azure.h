/* azure.h - the OpenAI dialect as Azure serves it: what people write as an endpoint, and what it says when it refuses.
 *
 *     azure_place.c     endpoints, and the URL of a call there
 *     azure_error.c     refusals
 */
#ifndef OPENAI_AZURE_H
#define OPENAI_AZURE_H

#include "openai.h"

/** What stands below an endpoint's root. */
enum azure_form {
    AZURE_DEPLOYMENTS, /* …/deployments/{name}/chat/completions?api-version=… */
    AZURE_V1,          /* …/openai/v1/chat/completions: the model is named in the body */
    AZURE_MODELS,      /* …/models/chat/completions?api-version=…: Foundry, models of many makers */
};

/** An endpoint, taken apart. Its texts lie in the endpoint's. */
struct azure_place {
    enum azure_form form;
    const char *cloud;   /* "public", "government", "china" */
    bool is_bearer;      /* a key goes into Authorization: endpoints of a single model */
    aigw_str base;       /* the endpoint up to where the form's own path begins */
    const char *between; /* what is put between base and that path */
    aigw_str deployment; /* named in the endpoint, else absent */
    aigw_str query;      /* without its ?, may be absent */
    const char *version; /* of the API, for endpoints that name none */
};

/** `version` lives as long as the place. */
void azure_read_place(aigw_str endpoint, const char *version, struct azure_place *ret_place);
/** The endpoint's version of the API is older than the member stream_options, and refuses it. */
bool azure_is_old(const struct azure_place *place);
/** The URL of `path` (OPENAI_CHAT, COMPLETION, EMBEDDING; OPENAI_MODELS is always below "/v1") for a deployment; lives
 *  for the build. NULL without memory. AZURE_MODELS has no completions: not to be asked for. */
const char *azure_url(const struct aigw_host *host, struct aigw_ctx *ctx, const struct azure_place *place,
                      aigw_str deployment, uint32_t path);
/** Where OpenAI's "/v1" is at this place; lives for the build. NULL without memory. */
const char *azure_v1_root(const struct aigw_host *host, struct aigw_ctx *ctx, const struct azure_place *place);
/** openai_failure(), and what to do about it. */
void azure_failure(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str deployment,
                   const struct aigw_http_failure *failure, struct aigw_error *ret_error);

#endif
