/* work.c - a request's timers and its jobs on other threads. */
#include "pipeline/offload.h"
#include "pipeline/request.h"
#include "plugin/abi.h"

#define ARG_MAX (1u << 20)

/* ---- timers ---- */

struct aigw_timer {
    struct aigw_timer *next;
    struct gw_request *request;
    struct gw_timer timer;
    void (*fn)(struct aigw_ctx *ctx, void *arg);
    void *arg;
};

static void timer_due(struct gw_timer *timer)
{
    struct aigw_timer *due = GW_CONTAINER_OF(timer, struct aigw_timer, timer);
    struct gw_request *request = due->request;
    struct gw_visit visit;

    if (!gw_request_is_alive(request))
        return;
    gw_visit_begin(&visit, request->ctx.meter, &request->ctx, GW_CALLBACK_TIMER);
    due->fn(&request->ctx, due->arg);
    gw_visit_end(&visit);
    gw_request_settle(request, AIGW_OK);
}

aigw_status gw_request_set_timer(struct gw_request *request, struct aigw_timer **timer, int64_t delay_ms,
                                 void (*fn)(struct aigw_ctx *ctx, void *arg), void *arg)
{
    if (!gw_request_is_alive(request))
        return AIGW_E_CLOSED;
    if (!fn || delay_ms < 0)
        return AIGW_E_INVALID;
    if (!*timer) {
        if (request->timer_count >= GW_REQUEST_TIMERS_MAX)
            return AIGW_E_LIMIT;
        *timer = gw_arena_calloc(&request->ex->arena, sizeof **timer);
        if (!*timer)
            return AIGW_E_NOMEM;
        (*timer)->request = request;
        (*timer)->timer.on_due = timer_due;
        (*timer)->next = request->timers;
        request->timers = *timer;
        request->timer_count++;
    }
    (*timer)->fn = fn;
    (*timer)->arg = arg;
    gw_timer_set(request->worker->loop, &(*timer)->timer, delay_ms);
    return AIGW_OK;
}

bool gw_request_has_timer(const struct gw_request *request, const struct aigw_timer *timer)
{
    for (const struct aigw_timer *at = request->timers; at; at = at->next)
        if (at == timer)
            return true;
    return false;
}

void gw_request_clear_timer(struct gw_request *request, struct aigw_timer *timer)
{
    gw_timer_clear(request->worker->loop, &timer->timer);
}

/* ---- jobs ---- */

static void job_done(void *owner, struct gw_job *job)
{
    struct gw_request *request = owner;
    struct gw_job **at = &request->jobs;

    while (*at != job)
        at = gw_job_next(*at);
    *at = *gw_job_next(job);
    gw_job_tell(job, &request->ctx);
    gw_request_settle(request, AIGW_OK);
}

aigw_status gw_request_offload(struct gw_request *request, const struct aigw_job *given)
{
    struct aigw_job spec;
    struct gw_job *job;

    if (!gw_request_is_alive(request))
        return AIGW_E_CLOSED;
    if (!gw_abi_in(&spec, sizeof spec, given) || !spec.work || spec.arg_size > ARG_MAX || (spec.arg_size && !spec.arg))
        return AIGW_E_INVALID;
    job = gw_offload(request->worker->server->offload, request->worker->loop, request->snapshot, &spec,
                     request->ctx.meter, job_done, request);
    if (!job)
        return AIGW_E_LIMIT;
    *gw_job_next(job) = request->jobs;
    request->jobs = job;
    return AIGW_OK;
}

/* ---- both ---- */

bool gw_request_has_work(const struct gw_request *request)
{
    for (const struct aigw_timer *timer = request->timers; timer; timer = timer->next)
        if (timer->timer.is_armed)
            return true;
    return request->jobs != NULL;
}

void gw_request_drop_work(struct gw_request *request)
{
    for (struct aigw_timer *timer = request->timers; timer; timer = timer->next)
        gw_timer_clear(request->worker->loop, &timer->timer);
    while (request->jobs) {
        struct gw_job *job = request->jobs;

        request->jobs = *gw_job_next(job);
        gw_job_disown(job);
    }
}
