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
 *     run()     answer, or host->model_call(), or set a timer, or offload work
 *     build()   … for each attempt of each call: the request for the target that was chosen
 *     event()   … the models' events, until END or ERROR of each; write the answer
 *     gone()    instead of all that would follow, when the client left or the deadline passed
 *     core:     frees the call state and the request's memory
 *
 * After the last callback that something could bring (a call's last event, a timer, a job) the answer must be complete;
 * one that is not is broken off, and a missing one becomes a 500. The log says which.
 */
#ifndef AIGW_FEATURE_H
#define AIGW_FEATURE_H

#include <aigw/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AIGW_ROUTEF_NO_USER_TOKEN 0x2u /* tokens that this gateway issued are refused like a missing scope          */
#define AIGW_ROUTEF_NO_BODY       0x4u /* the body, if any, is read and thrown away: aigw_request.body is absent    */
#define AIGW_ROUTEF_DEPRECATED    0x8u /* marked so in the API document                                             */
/* No route, but a claim: who asks for `path`, or for what is below it, and finds nothing there is a client of this
 * feature: `callers` says by which rules it may call, refuse() tells it (AIGW_REFUSE_PATH). method is "*", the path has
 * no {name}. The nearest claim counts. One that GitLab's callers share counts for good keys alone. */
#define AIGW_ROUTEF_CLAIM 0x10u

#define AIGW_CALLER_GITLAB 0x1u /* tokens of the configured issuers, under GitLab's header rules                    */
#define AIGW_CALLER_KEY    0x2u /* API keys of this gateway                                                         */
#define AIGW_CALLER_ANYONE 0x4u /* no authentication                                                                */

/* Which header counts when a caller presents different API keys in several of them: the first one that is there, of
 * x-api-key, api-key, x-goog-api-key, Authorization, unless another one goes before those: */
#define AIGW_KEY_FIRST_USUAL  0u
#define AIGW_KEY_FIRST_BEARER 1u /* Authorization, while it holds a key of this gateway */
#define AIGW_KEY_FIRST_PLAIN  2u /* api-key        */
#define AIGW_KEY_FIRST_GOOG   3u /* x-goog-api-key */

/** One route. All pointers live as long as the plugin. */
struct aigw_route {
    const char *method;           /* "POST". GET serves HEAD, too; "*" of a claim */
    const char *path;             /* "/v1/models/{model}:generateContent"; {name:path} takes slashes, too. The most
                                     specific route wins: text before {name}, {name} before {name:path} */
    const char *scope;            /* right needed, checked by the core after check(); NULL: none, or checked by run() */
    const char *forbidden_detail; /* text of the 403, without quotes                                                  */
    uint32_t flags;               /* AIGW_ROUTEF_* */
    uint32_t tag;                 /* for the plugin: tells its routes apart                                           */
    int64_t body_max;             /* bytes, 1 GiB at most; 0 for the configured default                               */
    const char *category;         /* metric and log label, such as "code_suggestions"                                 */
    /* for the API document */
    const char *summary;
    const char *group;           /* tag in the document */
    const char *request_schema;  /* JSON Schema text of the body, NULL for none */
    const char *response_schema; /* JSON Schema text of the 200 answer, NULL for none */
    uint32_t callers;            /* AIGW_CALLER_* who may call it; 0: AIGW_CALLER_GITLAB */
    uint32_t reserved;
    uint32_t key_first; /* AIGW_KEY_FIRST_*: where its clients put their API key */
    uint32_t reserved_2;
};

/** The request as a feature sees it. Borrowed for the whole request, but `body` only as AIGW_LIFE_BUILD memory of
 *  check() lives; then it is absent. */
struct aigw_request {
    uint32_t struct_size;
    uint32_t flags; /* AIGW_REQUESTF_* */
    const struct aigw_route *route;
    aigw_str method;
    aigw_str path;       /* normal form: decoded once, no prefix, no trailing slash */
    aigw_str path_param; /* what the first {…} matched */
    aigw_str query;      /* raw, without '?' */
    aigw_str content_type;
    aigw_str body;                       /* NUL-terminated for convenience */
    aigw_str id;                         /* request id */
    const struct aigw_pair *path_params; /* path_param_count names and what they matched, in order */
    uint32_t path_param_count;
    uint32_t reserved;
};
#define AIGW_REQUESTF_VERBOSE 0x1u /* the caller may see and log details of prompts (gated by the operator) */

/* Why the core refuses a request by itself. */
#define AIGW_REFUSE_TOKEN     1u /* 401: no token, or not a good one                                               */
#define AIGW_REFUSE_SCOPE     2u /* 403                                                                            */
#define AIGW_REFUSE_TOO_LARGE 3u /* 413: the body                                                                  */
#define AIGW_REFUSE_LIMIT     4u /* 429: a limit of this gateway                                                   */
#define AIGW_REFUSE_TIMEOUT   5u /* 504: limits.request_ms                                                         */
#define AIGW_REFUSE_INTERNAL  6u /* 500: the feature failed without an answer                                      */
#define AIGW_REFUSE_KEYS      7u /* 503: no key to judge tokens with could be loaded                               */
#define AIGW_REFUSE_MODEL     8u /* host->respond_model_error(): http_status as the contract maps it               */
#define AIGW_REFUSE_INVALID   9u /* host->respond_invalid()                                                        */
#define AIGW_REFUSE_ENCODING \
    10u /* 415: a Content-Encoding that the core cannot unpack; 400: a body that is not what it says */
#define AIGW_REFUSE_PATH 11u /* 404: nothing is served there, and a claim of this feature is the nearest         */
#define AIGW_REFUSE_METHOD \
    12u /* 405: a route of this feature has the path, by another method; the core adds the header "allow" */

/** A refusal that the owner of the path may put into its clients' own form. */
struct aigw_refusal {
    uint32_t struct_size;
    uint32_t kind;       /* AIGW_REFUSE_*                                                                        */
    int32_t http_status; /* what the core would answer                                                           */
    int32_t reserved;
    int64_t retry_after_s; /* -1: none                                                                             */
    aigw_str message;      /* the contract's text                                                                  */
    aigw_str detail;       /* precise cause and remedy, may be absent; no secrets                                  */
    const struct aigw_error *error; /* MODEL: the failure, else NULL                                                 */
    aigw_str code; /* TOKEN of a route for API keys: key_missing, key_unknown, key_expired, key_disabled, key_address,
                      token_refused, token_address                                                                 */
};

struct aigw_feature_ops {
    uint32_t struct_size;
    uint32_t route_size; /* sizeof(struct aigw_route): stride of routes */
    const struct aigw_route *routes;
    uint32_t route_count;
    uint32_t reserved;

    /** Bytes of per-request state, "call" below: the core allocates them zeroed before check(). */
    size_t call_size;

    /** As in aigw_provider_ops. Either may be NULL. */
    aigw_status (*open)(const struct aigw_host *host, struct aigw_ctx *ctx, void *self);
    void (*close)(void *self);

    /** Validate. AIGW_OK to go on, AIGW_PENDING to be called again after host->go_on(); anything else after having
     *  answered (respond_invalid …). May be NULL. If it fails without having answered the client gets a 500;
     *  AIGW_E_NOMEM: a 503; AIGW_E_LIMIT: a 413, for the body's sake. */
    aigw_status (*check)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request);

    /** Answer, or start what will bring the answer. AIGW_PENDING to be called again after host->go_on(). If it fails
     *  without having answered the client gets a 500; AIGW_E_NOMEM: a 503. */
    aigw_status (*run)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request);

    /** Write the request of one model call for the target in `model` into *ret_request. Called for each attempt, so
     * that a fallback to another kind of model gets that model's prompt; memory: AIGW_LIFE_BUILD. Answers AIGW_OK;
     *  AIGW_E_UNSUPPORTED with host->fail() to have the next target tried; any other failure, or an answer to the
     *  client, ends the call without an event. Needed by whoever calls models. */
    aigw_status (*build)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_model_info *model,
                         const struct aigw_call_options *options, struct aigw_model_request *ret_request);

    /** One event of a model call; event->call and event->tag say of which. After END or ERROR of the last one the
     * answer must be complete. New calls may be started here. Answer AIGW_OK once you have responded, good or bad: any
     * failure makes the core answer as for run(), or break an answer that was begun. May be NULL without models. */
    aigw_status (*event)(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event);

    /** The client left or the deadline passed; calls, timers and jobs are cancelled. Once at most, from the loop, never
     *  from inside a host function. What was tied to the request with host->defer() is released by itself: this is for
     *  what cannot be tied that way. May be NULL. */
    void (*gone)(struct aigw_ctx *ctx, void *self, void *call);

    /** Say a refusal in the form that clients of this route read, with host->respond(). The request has not been
     *  checked, its body may be absent, and there is no call state. Of PATH and METHOD, request->route is the claim, or
     *  the route that has the path, and no model can be resolved. AIGW_E_UNSUPPORTED, or NULL here: the core answers in
     *  GitLab's form. */
    aigw_status (*refuse)(struct aigw_ctx *ctx, void *self, const struct aigw_request *request,
                          const struct aigw_refusal *refusal);
};

#ifdef __cplusplus
}
#endif
#endif
