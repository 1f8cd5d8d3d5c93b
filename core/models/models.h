/* models.h - from a need to a plan (conf.d's targets, or an ad-hoc one from the request), and the run that walks the
 * plan: provider → upstream → events, with retry, fallback, deadline, circuit. Facts: features-and-models.md §3, §6;
 * decisions D9–D11, D14, D20, D21. */
#ifndef GW_MODELS_H
#define GW_MODELS_H

#include "base/base.h"
#include "config/snapshot.h"
#include "plugin/plugin.h"
#include "upstream/upstream.h"

struct gw_models;
struct gw_plan;
struct gw_run;

/** Read `models`, `families` and `prefixes` of conf.d. */
struct gw_models *gw_models_build(struct gw_arena *arena, const struct gw_node *conf,
                                  const struct gw_settings *settings, const struct gw_plugins *plugins,
                                  struct gw_problems *problems);

/** What a need leads to; result and plan in `arena`. feature: the asking instance. */
aigw_status gw_models_resolve(const struct gw_models *models, const struct gw_instance *feature,
                              const struct aigw_need *need, struct gw_arena *arena, struct aigw_model_info *ret_info,
                              struct aigw_error *ret_error);

/** Receives the run's events. After END or ERROR nothing follows. */
typedef void (*gw_run_event_fn)(void *user, const struct aigw_event *event);

/** What a run needs from its request. */
struct gw_run_request {
    struct gw_snapshot *snapshot;
    struct gw_loop *loop;
    struct gw_upstream *upstream;
    struct aigw_ctx *ctx; /* handed to the provider */
    struct gw_arena *request_arena;
    struct gw_arena *build_arena; /* emptied by on_build_end */
    const struct aigw_model_info *model;
    const struct aigw_model_request *request;
    int64_t idle_ms;     /* 0: default */
    int64_t deadline_ms; /* monotonic */
    gw_run_event_fn on_event;
    /* Around the events that one piece of the model's answer brings, so that what they cause can be sent together.
     * May be NULL. */
    void (*on_piece)(void *user, bool begins);
    void (*on_build_end)(void *user); /* the build lifetime is over: before the first event, or at the end */
    void *user;
};
struct gw_run *gw_run_start(const struct gw_run_request *request);
/** Stop without events. Allowed anywhere, on_event included. */
void gw_run_cancel(struct gw_run *run);
/** Back-pressure: hold and release the model server. */
void gw_run_pause(struct gw_run *run);
void gw_run_resume(struct gw_run *run);
/** host->emit() lands here. */
aigw_status gw_run_emit(struct gw_run *run, const struct aigw_event *event);
/** Time spent waiting for the model so far, microseconds; for the overhead metric. */
int64_t gw_run_model_us(const struct gw_run *run);

/** Register the metrics of model calls; once, before the workers start. */
void gw_models_register_metrics(void);

#endif
