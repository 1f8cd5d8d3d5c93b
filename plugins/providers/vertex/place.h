/* place.h - where a call goes on Vertex AI or AI Studio: whose model it is, in which location, at which URL. */
#ifndef VERTEX_PLACE_H
#define VERTEX_PLACE_H

#include "../../dialects/common/wire.h"

/* Whose model, and with it which protocol is spoken. */
enum vertex_publisher {
    VERTEX_GOOGLE,    /* Gemini, embeddings */
    VERTEX_ENDPOINT,  /* a tuned Gemini model of one's own */
    VERTEX_ANTHROPIC, /* Claude */
    VERTEX_MISTRAL,
    VERTEX_OPENAPI, /* all others: one endpoint that speaks OpenAI's dialect */
};

struct vertex_place {
    enum vertex_publisher publisher;
    aigw_str model; /* as it stands in the URL, or in the body of VERTEX_OPENAPI */
};

/** What a model's name means: "gemini-2.5-flash", "mistralai/codestral-2", "meta/llama-…-maas", "endpoints/123".
 *  `publisher` is the setting, "auto" or the one to be. AIGW_E_INVALID for names that no URL may carry. */
aigw_status vertex_find(const struct aigw_host *host, struct aigw_ctx *ctx, const char *publisher, aigw_str name,
                        struct vertex_place *ret_place);

/** What the settings say about where; strings may be NULL. */
struct vertex_site {
    const char *base_url; /* instead of Google's host */
    const char *version;  /* of the API */
    const char *location, *mistral_location;
};
/** The location that serves this model. */
const char *vertex_location(const struct vertex_site *site, const struct vertex_place *place);
/** The URL of a method (":generateContent") of the place's model. Without a project that of the express mode. */
const char *vertex_url(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_site *site,
                       aigw_str project, const struct vertex_place *place, const char *method);

/** A client's own path: /v1/projects/<p>/locations/<l>/publishers/<publisher>/models/<model>:<method>[?alt=sse].
 *  *ret_method as vertex_url() takes it. False when it is none of that form. */
bool vertex_split_path(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str path,
                       struct vertex_place *ret_place, const char **ret_method);
/** The method of a client's path, with its query when that asks for SSE; NULL when there is none. */
const char *vertex_method_of(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str path);

#endif
