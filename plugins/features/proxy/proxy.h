/* proxy.h - what the files of this plugin share. The way of a request through them:
 *
 *     plugin.c   routes; then, one after the other,
 *     access.c   who may: unit primitive, scope, ids of instance or namespace, lists of the operator
 *     vendor.c   which path of which vendor, and what becomes of it
 *     body.c     the body's marks: the model's name, whether a stream is wanted; which model of conf.d that is
 *     forward.c  the call, the client's bytes to the model server and back
 *     embed.c    OpenAI's embeddings, which any provider can serve: built and shaped here
 *     error.c    failures in the words and the form that the vendor's clients read
 */
#ifndef PROXY_H
#define PROXY_H

#include <aigw/body.h>
#include <aigw/sdk.h>

#include <stdbool.h>

/* Index into proxy.vendors, and tag of a route. */
#define PROXY_ANTHROPIC 0u
#define PROXY_OPENAI    1u
#define PROXY_VERTEX    2u
#define PROXY_VENDORS   3u

#define PROXY_BODY_MAX   ((size_t)32 << 20) /* bytes of a request: images travel inside */
#define PROXY_ANSWER_MAX ((size_t)64 << 20) /* bytes of an answer that is not a stream */
#define PROXY_PASSED_MAX 2u                 /* headers that one vendor lets through, each way */

/** What an operator says about one vendor. */
struct proxy_vendor {
    const char *model;       /* name of a model in conf.d, NULL when not given */
    struct aigw_list models; /* "name", "name*" or either with " = model of conf.d"; empty: any name */
};

struct proxy {
    const struct aigw_host *host;
    struct proxy_vendor vendors[PROXY_VENDORS];
    const char *self_managed_enabled; /* comma lists, NULL or empty for all */
    const char *saas_enabled;
};

/* What becomes of a path. */
#define PROXY_DO_RAW   1u /* the bytes pass */
#define PROXY_DO_EMBED 2u

/** One path of a vendor; the query belongs to it. */
struct proxy_path {
    const char *path;
    uint32_t action;  /* PROXY_DO_* */
    bool is_other;    /* not that of the dialect's answers: the server is told the path */
    aigw_str dialect; /* whose bytes they are */
    aigw_str method;  /* absent: POST */
};

/** One vendor's API. */
struct proxy_api {
    const char *name;    /* as in the path */
    const char *setting; /* that names the model */
    bool model_in_path;
    const struct proxy_path *paths;
    const char *passed[PROXY_PASSED_MAX + 1]; /* request headers that go through, NULL-ended */
    const char *answered[PROXY_PASSED_MAX];   /* answer headers that come back */
    uint32_t answered_count;
    uint32_t no_key_status; /* what the contract says when nothing is configured */
};

/** A request. */
struct proxy_call {
    const struct proxy *proxy;
    const struct proxy_api *api;
    const struct proxy_vendor *vendor;
    const struct proxy_path *path;
    const struct aigw_request *request;
    struct aigw_json root;  /* the body; as long as the body lives */
    struct aigw_json model; /* where the model's name stands in it; absent when it stands in the path */
    aigw_str server_path;   /* the path behind the vendor's name, query included */
    aigw_str model_name;    /* what the client calls it; request memory */
    const char *chosen;     /* the model of conf.d, NULL when none is configured */
    struct aigw_pair passed[PROXY_PASSED_MAX];
    uint32_t passed_count;
    struct aigw_pair answered[PROXY_PASSED_MAX];
    uint32_t answered_count;
    struct aigw_buf *whole; /* the answer as it comes, when it is no stream */
    bool wants_stream;
    bool has_begun; /* the stream's head is out */
    bool base64;    /* embeddings: as the client wants the vectors */
    uint32_t inputs;
    uint32_t vectors;
    int64_t input_count; /* tokens, -1 unknown */
};

bool proxy_is(aigw_str text, const char *literal);

/** True when the caller may use this path of the proxy; otherwise it has been answered. */
bool proxy_may_enter(struct aigw_ctx *ctx, const struct proxy *proxy);

/** The vendor's API by route tag. */
const struct proxy_api *proxy_api_of(uint32_t tag);
/** What becomes of the path behind the vendor's name, query included; NULL when it is none of the vendor's. */
const struct proxy_path *proxy_path_of(uint32_t tag, aigw_str path, aigw_str query);

/** The model's name and the method of a path of Vertex AI; false when it is none. */
bool proxy_split_vertex(aigw_str path, aigw_str *ret_model, aigw_str *ret_method);

/** Read what the proxy needs of body and path into the call. False when it has been answered. */
bool proxy_read_body(struct aigw_ctx *ctx, struct proxy_call *call);

/** Resolve the model and call it. */
aigw_status proxy_forward(struct aigw_ctx *ctx, struct proxy_call *call);
aigw_status proxy_build_raw(struct aigw_ctx *ctx, struct proxy_call *call, const struct aigw_model_info *target,
                            struct aigw_model_request *ret_request);
aigw_status proxy_event_raw(struct aigw_ctx *ctx, struct proxy_call *call, const struct aigw_event *event);

/** True when the body is one of an embeddings request; otherwise it has been answered. */
bool proxy_check_embed(struct aigw_ctx *ctx, struct proxy_call *call);
aigw_status proxy_build_embed(struct aigw_ctx *ctx, struct proxy_call *call, struct aigw_model_request *ret_request);
aigw_status proxy_event_embed(struct aigw_ctx *ctx, struct proxy_call *call, const struct aigw_event *event);

/** Answer with the failure of a call: status, Retry-After, body as the vendor's clients know it. */
aigw_status proxy_respond_error(struct aigw_ctx *ctx, const struct proxy_call *call, const struct aigw_error *error);
/** The failure as the last event of a stream that has begun. */
aigw_status proxy_stream_error(struct aigw_ctx *ctx, const struct proxy_call *call, const struct aigw_error *error);
/** {"detail": text}, and a word to the vendors' clients that trying again is useless. */
aigw_status proxy_refuse(struct aigw_ctx *ctx, const struct proxy *proxy, uint32_t status, const char *text);

#endif
