/* run.h - inside of models/: the state of one model call. run.c walks the plan, attempt.c does one attempt. */
#ifndef GW_RUN_H
#define GW_RUN_H

#include "models/plan.h"
#include "plugin/ctx.h"
#include "upstream/framing.h"

struct gw_run {
    struct gw_run_request in;
    const struct gw_plan *plan;
    struct aigw_ctx ctx; /* the provider's view */
    const struct gw_target *target;
    uint32_t target_at;
    int64_t retries_left;
    void *call; /* provider's call state */
    /* one attempt */
    struct gw_transfer *upstream;
    struct aigw_http_request http;
    struct gw_framer framer;
    struct gw_buf failure_body; /* of a status ≥ 400 */
    int status;
    /* timers */
    struct gw_timer wait; /* a retry, or the next produce() */
    struct gw_timer deadline;
    struct gw_timer early_start; /* D32 */
    struct gw_task finish_task;  /* deliver an outcome that was known before start() returned */
    struct aigw_error outcome;   /* for finish_task */
    int64_t attempt_us;
    int64_t model_us;
    bool is_feeding; /* inside the framer: it must not be freed */
    bool is_framing; /* framer is initialised */
    bool did_start;  /* START was delivered */
    bool did_accept; /* the server's status was good */
    bool did_emit;   /* something of the answer was delivered: no retry any more */
    bool did_finish; /* FINISH was seen */
    bool did_quiet_retry;
    bool is_paused;
    bool is_over;      /* END, ERROR or cancel: nothing follows */
    bool is_producing; /* inside produce(): a pause must not re-arm */
    bool did_build_end;
};

/* attempt.c */
void gw_attempt_start(struct gw_run *run);
void gw_attempt_stop(struct gw_run *run);
void gw_attempt_produce(struct gw_run *run);

/* run.c */
void gw_run_deliver(struct gw_run *run, const struct aigw_event *event);
void gw_run_accepted(struct gw_run *run);
/** One attempt failed: retry, go to the next target, or end the call. */
void gw_run_failed(struct gw_run *run, const struct aigw_error *error);
/** The answer's body ended well. */
void gw_run_complete(struct gw_run *run);
/** Call produce() again after delay_ms. */
void gw_run_produce_in(struct gw_run *run, int64_t delay_ms);
/** End the call with this error after the caller returned: gw_run_start() must not call back. */
void gw_run_fail_later(struct gw_run *run, const struct aigw_error *error);

/* metrics.c */
void gw_models_count_attempt(const char *provider, const char *result);

#endif
