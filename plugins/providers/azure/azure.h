/* azure.h - provider plugin for Azure OpenAI and Azure AI Foundry, on the OpenAI dialect.
 *
 *     plugin.c     settings, requests
 *     place.c      what an endpoint is, and the URL of a call there
 *     identity.c   tokens of Entra ID in place of a key
 *     refusal.c    what Azure says besides
 */
#ifndef AZURE_H
#define AZURE_H

#include "../../dialects/common/headers.h"
#include "../../dialects/openai/openai.h"

/** What stands below an endpoint's root. */
enum azure_form {
    AZURE_DEPLOYMENTS, /* …/deployments/{name}/chat/completions?api-version=… */
    AZURE_V1,          /* …/openai/v1/chat/completions: the model is named in the body */
    AZURE_MODELS,      /* …/models/chat/completions?api-version=…: Foundry, models of many makers */
};

enum azure_cloud { AZURE_PUBLIC, AZURE_GOVERNMENT, AZURE_CHINA };

/** An endpoint, taken apart. Its texts lie in the endpoint's. */
struct azure_place {
    enum azure_form form;
    enum azure_cloud cloud;
    bool is_bearer;      /* a key goes into Authorization: endpoints of a single model */
    aigw_str base;       /* the endpoint up to where the form's own path begins */
    const char *between; /* what is put between base and that path */
    aigw_str deployment; /* named in the endpoint, else absent */
    aigw_str query;      /* without its ?, may be absent */
};

struct azure {
    const struct aigw_host *host;
    const char *base_url, *api_key, *api_version, *auth;
    const char *tenant_id, *client_id, *client_secret, *federated_token_file, *authority_host, *scope;
    const char *identity_endpoint, *identity_header, *metadata_host;
    const char *model_kind;
    struct aigw_list reasoning_deployments;
    int64_t max_stops;
};

/** State of one call. */
struct azure_call {
    struct openai_call openai;
    aigw_str deployment; /* asked for; for the words of a refusal */
};

void azure_read_place(aigw_str endpoint, struct azure_place *ret_place);
/** The endpoint's version of the API is older than the member stream_options, and refuses it. */
bool azure_is_old(const struct azure *azure, const struct azure_place *place);
/** The URL of `path` (OPENAI_CHAT, COMPLETION, EMBEDDING) for a deployment. NULL without memory. AZURE_MODELS has no
 *  completions: not to be asked for. */
const char *azure_url(const struct azure *azure, struct aigw_ctx *ctx, const struct azure_place *place,
                      aigw_str deployment, uint32_t path);
/** Where OpenAI's "/v1" is at this place. NULL without memory. */
const char *azure_v1_root(const struct azure *azure, struct aigw_ctx *ctx, const struct azure_place *place);

/** In open(): AIGW_E_CONFIG when the way to a token that was chosen lacks something. */
aigw_status azure_check_identity(const struct azure *azure, struct aigw_ctx *ctx);
/** There is a way to a token. */
bool azure_has_identity(const struct azure *azure);
/** The token for a cloud: as host->credential(). */
aigw_status azure_token(const struct azure *azure, struct aigw_ctx *ctx, enum azure_cloud cloud, aigw_str *ret_token);
/** aigw_provider_ops.credential */
aigw_status azure_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step);

/** aigw_provider_ops.failure */
void azure_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                   struct aigw_error *ret_error);

#endif
