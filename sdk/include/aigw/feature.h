/* aigw/feature.h - what a feature plugin implements.
 *
 * A feature speaks the client's side of one or more routes: it checks the body, builds a prompt, asks for a model and
 * shapes the answer. It never sees sockets, tokens, retries or which vendor answers.
 *
 * The life of one request, all on one thread:
 *
 *     core: authentication, route, body read
 *     check()   validate the body; may answer (422 …)
 *     core:     scope of the route; answers 403
 *     run()     answer, or host->model_call()
 *     event()   … the model's events, until END or ERROR; write the answer
 *     core:     frees the call state and the request's memory
 *
 * When the client leaves or a deadline passes, the callbacks simply stop; what was tied to the request with
 * host->defer() is released. gone() is only for what cannot be tied that way.
 */
#ifndef AIGW_FEATURE_H
#define AIGW_FEATURE_H

#include <aigw/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AIGW_ROUTEF_ANONYMOUS     0x1u /* no authentication                                                        */
#define AIGW_ROUTEF_NO_USER_TOKEN 0x2u /* tokens that this gateway issued are refused like a missing scope          */
#define AIGW_ROUTEF_NO_BODY       0x4u /* the body, if any, is read and thrown away                                 */
#define AIGW_ROUTEF_DEPRECATED    0x8u /* marked so in the API document                                             */

/** One route. All pointers live as long as the plugin. */
struct aigw_route {
    const char *method;           /* "POST" */
    const char *path;             /* "/v2/code/completions"; "/v1/prompts/{prompt_id:path}" takes the rest           */
    const char *scope;            /* right needed, checked by the core after check(); NULL: none, or checked by run() */
    const char *forbidden_detail; /* text of the 403, without quotes                                                  */
    uint32_t flags;               /* AIGW_ROUTEF_* */
    uint32_t tag;                 /* for the plugin: tells its routes apart in check() and run()                      */
    int64_t body_max;             /* bytes, 0 for the configured default                                              */
    const char *category;         /* metric and log label, such as "code_suggestions"                                 */
    /* for the API document */
    const char *summary;
    const char *group;           /* tag in the document */
    const char *request_schema;  /* JSON Schema text of the body, NULL for none */
    const char *response_schema; /* JSON Schema text of the 200 answer, NULL for none */
};

/** The request as a feature sees it. Borrowed for the whole request, but `body` only until the build ends. */
struct aigw_request {
    uint32_t struct_size;
    uint32_t flags; /* AIGW_REQUESTF_* */
    const struct aigw_route *route;
    aigw_str method;
    aigw_str path;       /* normal form: decoded once, no prefix, no trailing slash */
    aigw_str path_param; /* what {…} matched */
    aigw_str query;      /* raw, without '?' */
    aigw_str content_type;
    aigw_str body; /* NUL-terminated for convenience */
    aigw_str id;   /* request id */
};
#define AIGW_REQUESTF_VERBOSE 0x1u /* the caller may see and log details of prompts (gated by the operator) */

struct aigw_feature_ops {
    uint32_t struct_size;
    uint32_t route_size; /* sizeof(struct aigw_route): stride of routes */
    const struct aigw_route *routes;
    uint32_t route_count;
    uint32_t reserved;

    /** Bytes of per-request state the core allocates zeroed before check(). */
    size_t call_size;

    /** As in aigw_provider_ops. Either may be NULL. */
    aigw_status (*open)(const struct aigw_host *host, struct aigw_ctx *ctx, void *self);
    void (*close)(void *self);

    /** Validate. AIGW_OK to go on; anything else after having answered (respond_invalid …). May be NULL. If it
     *  fails without having answered the client gets a 500. */
    aigw_status (*check)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request);

    /** Answer or start a model call. If it fails without having answered the client gets a 500. */
    aigw_status (*run)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request);

    /** One event of the model call. After END or ERROR the answer must be complete. Answer AIGW_OK once you have
     *  responded, good or bad: any failure makes the core answer 500, or break an answer that was begun. May be NULL
     *  without models. */
    aigw_status (*event)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event);

    /** The client left or the deadline passed. May be NULL. */
    void (*gone)(struct aigw_ctx *ctx, void *self, void *call);
};

#ifdef __cplusplus
}
#endif
#endif
