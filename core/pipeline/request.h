/* request.h - one request on its way: http → auth → route → feature → models and back. */
#ifndef GW_REQUEST_H
#define GW_REQUEST_H

#include "models/models.h"
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

struct gw_request {
    struct gw_worker *worker;
    struct gw_exchange *ex;
    struct gw_snapshot *snapshot;
    const struct gw_route *route; /* NULL for the core's own paths and unknown ones */
    int own;                      /* which of the core's own routes (answer.c), 0: none */
    aigw_str path_param;
    const char *allow; /* methods of a path that has another one */
    struct aigw_principal principal;
    struct aigw_request view; /* what the feature sees */
    struct aigw_ctx ctx;      /* the feature's */
    void *call;               /* the feature's */
    struct gw_arena build;    /* AIGW_LIFE_BUILD */
    struct gw_run *run;
    const struct aigw_model_info *model;
    struct gw_auth_waiter waiter;
    struct gw_timer deadline;
    int64_t deadline_ms; /* monotonic */
    aigw_str *flags;     /* feature flags, parsed on first use */
    uint32_t flag_count;
    bool did_parse_flags, is_waiting, is_preflight, is_verbose, is_streaming_call;
    struct gw_note *notes;
    /* for logs and metrics */
    int64_t auth_us, cpu_start_us, model_us, call_started_us;
    int64_t input_tokens, output_tokens;
    uint32_t finish_kind, error_kind;
    aigw_str token_issuer;
    const char *auth_error;
    const char *error_detail;
};

/** The pipeline's callbacks for http. */
struct gw_http_handler gw_request_handler(struct gw_worker *worker);

aigw_str gw_request_header(const struct gw_request *request, const char *name);
/** Feature flags of this request that the operator allows. */
const aigw_str *gw_request_flags(struct gw_request *request, uint32_t *ret_count);
bool gw_request_has_scope(const struct gw_request *request, const char *scope, uint32_t flags);
/** Start the model call on behalf of the feature. */
aigw_status gw_request_call_model(struct gw_request *request, const struct aigw_model_info *model,
                                  const struct aigw_model_request *what, int64_t idle_ms);
void gw_request_cancel_model(struct gw_request *request);
/** The build lifetime is over. */
void gw_request_end_build(struct gw_request *request);

/** gw_http_reply() and gw_http_stream_begin(), counted. The count comes first: whoever has the answer finds it at
 *  /metrics. */
bool gw_request_reply(struct gw_request *request, int status, const char *content_type, aigw_str body,
                      const struct gw_http_header *headers, size_t header_count);
bool gw_request_stream_begin(struct gw_request *request, int status, const char *content_type,
                             const struct gw_http_header *headers, size_t header_count);

/* answer.c: answers of the core itself */
void gw_answer_detail(struct gw_request *request, int status, const char *detail);
void gw_answer_unauthorized(struct gw_request *request, const struct gw_auth_result *refusal);
/** Set request->own. */
void gw_answer_find_own(struct gw_request *request);
/** Does the core's own route need no token? */
bool gw_answer_is_anonymous(const struct gw_request *request);
void gw_answer_own(struct gw_request *request);
/** CORS preflight, HEAD /. True when answered. */
bool gw_answer_before_auth(struct gw_request *request);
void gw_answer_invalid(struct gw_request *request, aigw_str errors);
void gw_answer_model_error(struct gw_request *request, const struct aigw_error *error);

/* ready.c */
void gw_answer_ready(struct gw_request *request);

/* access.c: log line and metrics of a finished request */
void gw_access_answered(struct gw_request *request, int status);
void gw_access_done(struct gw_request *request);
void gw_access_model_started(struct gw_request *request);
void gw_access_model_ended(struct gw_request *request);
void gw_access_register(struct gw_server *server);

/* limits.c: the operator's model limits, shown as gauges and enforced by nobody */
void gw_limits_show(struct gw_server *server, const char *limits_json);
void gw_limits_collect(void *server, struct gw_buf *out);

/* host.c */
const struct aigw_host *gw_host(void);

#endif
