/* request.h - one request on its way: http → auth → route → feature → models and back.
 *
 *     request.c   its steps, its end
 *     caller.c    whose rules say who calls
 *     ask.c       what it tells routing about itself
 *     calls.c     the model calls it makes
 *     spend.c     what quotas say of them, and what they cost
 *     feature.c   the way into its feature
 *     work.c      its timers and its jobs on other threads
 *     answer.c    what the core answers itself, and in whose language
 *     host.c, host_answer.c   the table that plugins call
 *     access.c    what is logged and counted
 *     gauges.c    what is read when the metrics page is asked for
 *
 * A feature is called back from the loop only. After each of its callbacks gw_request_settle() looks whether something
 * is still to come, and ends what was left open: no request hangs on a feature's oversight.
 */
#ifndef GW_REQUEST_H
#define GW_REQUEST_H

#include "limits/shared.h"
#include "models/models.h"
#include "pipeline/states.h"
#include "pipeline/worker.h"
#include "plugin/ctx.h"
#include "route/route.h"

#define GW_JSON "application/json"

/** A member that a plugin adds to the access-log line. */
struct gw_note {
    struct gw_note *next;
    const char *name;
    aigw_str value;
};

/** A call of this request, newest first. */
struct gw_request_call {
    struct gw_request_call *next;
    struct gw_request *request;
    struct aigw_call *call;
    struct gw_limit_hold hold; /* quotas that it was charged to */
    struct gw_limit_ask *ask;  /* limits are shared, and their store is asked whether it may be made */
    size_t asked_bytes;        /* of the request's body when it began */
    struct aigw_error refused; /* by a quota */
    /* while it is not known yet whether a quota refuses it */
    const struct aigw_model_info *asked, *trying; /* for, and the one that quotas are charged for now */
    const struct gw_limit_refusal *first;         /* of the model that was asked for */
    uint32_t tries;
    bool is_started; /* counted as a call under way */
};

/** A plan that model_resolve() handed out. */
struct gw_resolved {
    const struct gw_resolved *next;
    const void *plan;
};

#define GW_REQUEST_CALLS_MAX  64u
#define GW_REQUEST_TIMERS_MAX 16u

struct gw_request {
    struct gw_worker *worker;
    struct gw_exchange *ex;
    struct gw_snapshot *snapshot;
    enum gw_request_state state;
    enum gw_answer_state answer;
    struct aigw_ctx ctx; /* the feature's */
    void *feature_call;  /* the feature's; NULL: check() was not reached */
    struct gw_request_call *calls;
    bool is_step_pending;                       /* check() or run() answered AIGW_PENDING */
    bool is_preflight, is_verbose, is_outsider; /* outsider: judged by an API key's rules, not by GitLab's */
    uint32_t call_count;                        /* made so far */
    /* Events of a stream do not come here. */
    const struct gw_route *route; /* NULL for the core's own paths and unknown ones */
    const struct gw_route *near;  /* of those: whose clients ask there, if anybody's (gw_route_match) */
    int own;                      /* which of the core's own routes (answer.c), 0: none */
    const char *allow;            /* methods of a path that has another one */
    struct aigw_principal principal;
    const struct gw_grant *grant; /* what limits the caller; NULL: GitLab, or nobody was asked for */
    struct aigw_request view;     /* what the feature sees */
    struct gw_arena build;        /* AIGW_LIFE_BUILD of check() and run(); goes with the body */
    const struct gw_resolved *resolved;
    const struct aigw_model_info *model; /* of the newest call */
    struct aigw_timer *timers;
    uint32_t timer_count;
    struct gw_job *jobs;
    struct gw_auth_waiter waiter;
    struct gw_timer deadline;
    struct gw_task resume;
    int64_t deadline_ms;                 /* monotonic */
    const struct aigw_refusal *refusing; /* the feature's refuse() is at work on it */
    aigw_str *flags;                     /* feature flags, parsed on first use */
    uint32_t flag_count;
    bool did_parse_flags;
    struct gw_note *notes;
    /* for logs and metrics */
    int64_t auth_us, cpu_start_us, model_us;
    aigw_str token_issuer;
    const char *auth_error;
    const char *error_detail;
    struct gw_tokens tokens; /* of all its calls */
    int64_t cost;            /* 1e-9 of the currency */
    bool has_tokens, has_cost;
    const char *quota; /* that refused it, or led it to another model */
    aigw_str faults;   /* of a body that was refused: types and places, never values */
};

/** The pipeline's callbacks for http. */
struct gw_http_handler gw_request_handler(struct gw_worker *worker);

/** The one way its state changes (states.h). An illegal step is logged and changes nothing: false. */
bool gw_request_move(struct gw_request *request, enum gw_request_step step);

aigw_str gw_request_header(const struct gw_request *request, const char *name);
/** "provider/model" that the newest call went to last, as it came; absent: none was asked. In the request's memory. */
aigw_str gw_request_target(struct gw_request *request);
/** The route, or whatever is near where there is none; or NULL. */
static inline const struct gw_route *gw_request_owner(const struct gw_request *request)
{
    return request->route ? request->route : request->near;
}
/** Nobody needs a token here: a route for anyone, or where there is none, what is near is for nobody else. */
static inline bool gw_request_is_open(const struct gw_request *request)
{
    return request->route ? request->route->spec->callers & AIGW_CALLER_ANYONE
                          : request->near && request->near->spec->callers == AIGW_CALLER_ANYONE;
}
/** Feature flags of this request that the operator allows. */
const aigw_str *gw_request_flags(struct gw_request *request, uint32_t *ret_count);
bool gw_request_has_scope(const struct gw_request *request, const char *scope, uint32_t flags);
/** Does anybody still want to hear of it? */
bool gw_request_is_alive(const struct gw_request *request);
/** After each callback of the feature: what it answered, and is there something that will bring the answer? */
void gw_request_settle(struct gw_request *request, aigw_status status);
/** AIGW_PENDING is over: take the step again, from the loop. */
aigw_status gw_request_go_on(struct gw_request *request);
/** The body is not needed any more. */
void gw_request_free_body(struct gw_request *request);

/* caller.c: as gw_auth_check(). False: it was GitLab who was asked for. */
bool gw_caller_check(struct gw_request *request, struct gw_auth_result *ret_result);

/* ask.c */
/** What a need leads to, by the rules for this request and by what its key may use; result in the request's memory. */
aigw_status gw_request_resolve(struct gw_request *request, const struct aigw_need *need,
                               struct aigw_model_info *ret_info, struct aigw_error *ret_error);
/** False: it names the target that is to serve (x-aigw-force-target), and may not. */
bool gw_request_may_force(const struct gw_request *request);
/** conf.d's models that it may use, aliases too; in the request's memory. */
const aigw_str *gw_request_model_names(struct gw_request *request, uint32_t *ret_count);

/* The same with a model of conf.d that serves instead of what was asked for, if it may. */
aigw_status gw_request_resolve_instead(struct gw_request *request, const char *model, struct aigw_model_info *ret_info);

/* spend.c */
/** Charge the quotas. A budget that is empty may name another model: *model changes. REFUSED: see node->refused. ASK:
 * the call is to be held, gw_call_permit() follows. */
enum gw_limit_verdict gw_spend_charge(struct gw_request_call *node, const struct aigw_model_info **model);
/** Once for each call, whichever way it ends: what it used, what that cost. */
void gw_spend_settle(struct gw_request_call *node);
/** The call could not be begun. */
void gw_spend_undo(struct gw_request_call *node);
/** What the tightest of the quotas of a request's calls has left. False: none counts that. */
bool gw_spend_left(const struct gw_request *request, enum gw_limit_unit unit, struct gw_limit_left *ret_left);

/* calls.c */
aigw_status gw_request_call_model(struct gw_request *request, const struct aigw_model_info *model,
                                  const struct aigw_call_options *options, struct aigw_call **ret_call);
/** It is known by which model it is made, or that it is refused. Once is enough. */
void gw_request_call_started(struct gw_request_call *node);
/** False: it is not one of the request's. */
bool gw_request_cancel_call(struct gw_request *request, struct aigw_call *call);
void gw_request_cancel_calls(struct gw_request *request);
bool gw_request_has_calls(const struct gw_request *request);
void gw_request_pause_calls(struct gw_request *request);
void gw_request_resume_calls(struct gw_request *request);
/** Before the request's memory goes. */
void gw_request_free_calls(struct gw_request *request);

/* feature.c: into its feature; each of the first four, and refuse(), must be there */
aigw_status gw_feature_check(struct gw_request *request);
aigw_status gw_feature_run(struct gw_request *request);
/** What it wrote was looked over, too. */
aigw_status gw_feature_build(struct gw_request *request, const struct aigw_model_info *target,
                             const struct aigw_call_options *options, struct aigw_model_request *ret_request);
aigw_status gw_feature_event(struct gw_request *request, const struct aigw_event *event);
void gw_feature_refuse(struct gw_request *request, const struct aigw_refusal *refusal);
void gw_feature_gone(struct gw_request *request);
/** Once it is over: how much memory it took, and whether the feature kept to its own. */
void gw_feature_note_memory(const struct gw_request *request);

/* work.c */
aigw_status gw_request_set_timer(struct gw_request *request, struct aigw_timer **timer, int64_t delay_ms,
                                 void (*fn)(struct aigw_ctx *ctx, void *arg), void *arg);
bool gw_request_has_timer(const struct gw_request *request, const struct aigw_timer *timer);
void gw_request_clear_timer(struct gw_request *request, struct aigw_timer *timer);
aigw_status gw_request_offload(struct gw_request *request, const struct aigw_job *job);
bool gw_request_has_work(const struct gw_request *request);
/** Timers and jobs: none of them calls back any more. */
void gw_request_drop_work(struct gw_request *request);

/* reply.c */
/** gw_http_reply() and gw_http_stream_begin(), counted. The count comes first: whoever has the answer finds it at
 *  /metrics. */
bool gw_request_reply(struct gw_request *request, int status, const char *content_type, aigw_str body,
                      const struct gw_http_header *headers, size_t header_count);
bool gw_request_stream_begin(struct gw_request *request, int status, const char *content_type,
                             const struct gw_http_header *headers, size_t header_count);

void gw_request_stream_end(struct gw_request *request);
/** Break an answer that was begun, so that the client can tell. */
void gw_request_abort(struct gw_request *request);

/* answer.c: answers of the core itself */
void gw_answer_detail(struct gw_request *request, int status, const char *detail);
/** A refusal, in the form that the route's feature gives it, or in GitLab's. message is the contract's text. */
void gw_answer_refuse(struct gw_request *request, uint32_t kind, int status, const char *message, const char *detail,
                      int64_t retry_after_s);
/** 401 on a route for API keys; code as in aigw_refusal. */
void gw_answer_refuse_key(struct gw_request *request, const char *code, const char *detail);
/** Set request->own. */
void gw_answer_find_own(struct gw_request *request);
/** Does the core's own route need no token? */
bool gw_answer_is_anonymous(const struct gw_request *request);
void gw_answer_own(struct gw_request *request);
/** Which pages may read what this route answers. False: not the one that asks. */
bool gw_answer_choose_origin(struct gw_request *request, const struct gw_route *route);
/** CORS preflight, HEAD /. True when answered. */
bool gw_answer_before_auth(struct gw_request *request);
void gw_answer_invalid(struct gw_request *request, aigw_str errors);
void gw_answer_model_error(struct gw_request *request, const struct aigw_error *error);

/* ready.c */
void gw_answer_ready(struct gw_request *request);

/* stream_probe.c */
#define GW_STREAM_PROBE_QUIET_MAX_S 310
void gw_answer_stream_probe(struct gw_request *request);

/* access.c: log line and metrics of a finished request */
void gw_access_answered(struct gw_request *request, int status);
void gw_access_scope_refused(const char *scope);
void gw_access_done(struct gw_request *request);
void gw_access_model_started(const struct gw_call_stats *stats);
void gw_access_model_ended(const struct gw_request *request, const struct gw_call_stats *stats);
void gw_access_quota_refused(const char *quota);
void gw_access_quotas_admitted(const struct gw_limit_hold *hold);
/** What a call used, and what that cost. */
struct gw_spent {
    aigw_str model; /* of conf.d */
    struct gw_tokens tokens;
    int64_t cost;
    bool has_price, has_no_price, is_guess; /* has_no_price: others have one; is_guess: the server said nothing */
};
/** What one target took of them. is_guess: they are an estimate. */
void gw_access_tokens(aigw_str model, const char *provider, const struct gw_tokens *tokens, bool is_guess);
void gw_access_spent(struct gw_request *request, const struct gw_spent *spent);
void gw_access_register(struct gw_server *server);

/* gauges.c */
void gw_gauges_register(struct gw_server *server);

/* limits.c: the operator's model limits, shown as gauges and enforced by nobody, and the gauges of the configuration in
 * use */
/** This configuration is in use from now on. */
void gw_limits_show(struct gw_server *server, struct gw_snapshot *snapshot);
void gw_limits_collect(void *server, struct gw_buf *out);
void gw_shown_collect(void *server, struct gw_buf *out);

/* host.c */
const struct aigw_host *gw_host(void);

#endif
