/* vertex.h - Google's Vertex AI and AI Studio: whose model a name means, at which URL it is, and in which of the other
 * dialects it speaks there.
 *
 *     place.c     names, locations, URLs, a client's own paths
 *     call.c      a call in the dialect of the model's publisher
 *     beta.c      which of Anthropic's beta features are there
 */
#ifndef VERTEX_H
#define VERTEX_H

#include "../anthropic/anthropic.h"
#include "../gemini/gemini.h"
#include "../mistral/mistral.h"

#define VERTEX_DIALECT "vertex" /* what passes through by Vertex AI's paths, whosever model is behind them */

/* Whose model, and with it which protocol is spoken. */
enum vertex_publisher {
    VERTEX_GOOGLE,    /* Gemini, embeddings */
    VERTEX_ENDPOINT,  /* a tuned Gemini model of one's own */
    VERTEX_ANTHROPIC, /* Claude */
    VERTEX_MISTRAL,
    VERTEX_OPENAPI, /* all others: one endpoint that speaks OpenAI's dialect */
};

/** Where a call goes. */
struct vertex_place {
    enum vertex_publisher publisher;
    aigw_str model;     /* as it stands in the URL, or in the body of VERTEX_OPENAPI */
    const char *method; /* ":generateContent", with the query behind it */
};

/** What the settings say; strings may be NULL but for those that say otherwise. */
struct vertex_site {
    bool is_studio;       /* AI Studio: Gemini alone, with a key */
    const char *base_url; /* instead of Google's host */
    const char *version;  /* of the API, not NULL */
    const char *location; /* not NULL */
    const char *mistral_location;
    const char *publisher; /* "auto", or the one to be; not NULL */
    const char *schema;    /* "auto", "json" or "openapi" */
    const char *cache_ttl; /* of Claude */
    int64_t max_tokens;    /* of Claude, when the request names none */
};

enum vertex_speaks { VERTEX_SPEAKS_GEMINI, VERTEX_SPEAKS_ANTHROPIC, VERTEX_SPEAKS_MISTRAL, VERTEX_SPEAKS_OPENAI };

/** State of one call. */
struct vertex_call {
    enum vertex_speaks speaks;
    union {
        struct gemini_call gemini;
        struct anthropic_call anthropic;
        struct mistral_call mistral;
        struct openai_call openai;
    } of;
};

/** Where a request to `model` goes: by the model's name, or by the path of a client's own bytes. AIGW_E_INVALID for
 *  names and paths that no URL may carry, AIGW_E_UNSUPPORTED for bytes that cannot pass there. */
aigw_status vertex_find(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_site *site,
                        aigw_str model, const struct aigw_model_request *req, struct vertex_place *ret_place);
/** Begin the call there: the body, the framing, and place->method where the path did not say it. */
aigw_status vertex_begin(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_site *site,
                         const struct aigw_model_request *req, struct vertex_place *place, struct vertex_call *call,
                         struct aigw_http_request *ret_http);
/** The beta features of a client's Anthropic request that Vertex AI has, for the header anthropic-beta; lives for the
 *  build. AIGW_E_UNSUPPORTED when there is one that it does not have. */
aigw_status vertex_betas(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                         aigw_str *ret_names);
/** The URL of it; lives for the build. `endpoint`: a caller's own, which AI Studio may have. Without a project that of
 *  Vertex AI's express mode; without a model AI Studio's list of them. NULL without memory. */
const char *vertex_url(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_site *site,
                       aigw_str endpoint, aigw_str project, const struct vertex_place *place);

/** One frame of an answer, in whichever dialect. AIGW_DONE at its end marker. */
aigw_status vertex_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct vertex_call *call,
                         const struct aigw_frame *frame);
void vertex_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct vertex_call *call,
                    const struct aigw_http_failure *failure, struct aigw_error *ret_error);

#endif
