/* run.c - one model call from plan to END or ERROR: which target, when to try again, what the feature hears.
 * Decisions D14 (a cut stream is never complete), D20 (retries), D32 (when START comes). */
#include "models/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define QUICK_RETRY_MS 150

static void count_attempt(const struct gw_run *run, const char *result);

/* ---- telling the feature ---- */

static void end_build(struct gw_run *run)
{
    if (run->did_build_end)
        return;
    run->did_build_end = true;
    run->in.on_build_end(run->in.user);
}

void gw_run_deliver(struct gw_run *run, const struct aigw_event *event)
{
    if (!run->is_over)
        run->in.on_event(run->in.user, event);
}

static void deliver_start(struct gw_run *run)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_START };

    if (run->did_start || run->is_over)
        return;
    run->did_start = true;
    gw_timer_clear(run->in.loop, &run->early_start);
    gw_run_deliver(run, &event);
}

void gw_run_accepted(struct gw_run *run)
{
    run->did_accept = true;
    deliver_start(run);
    if (!run->is_over)
        end_build(run);
}

/* Nothing may be delivered after this. */
static void shut(struct gw_run *run)
{
    run->is_over = true;
    gw_attempt_stop(run);
    gw_timer_clear(run->in.loop, &run->wait);
    gw_timer_clear(run->in.loop, &run->deadline);
    gw_timer_clear(run->in.loop, &run->early_start);
    gw_loop_undefer(run->in.loop, &run->finish_task);
}

static void finish(struct gw_run *run, const struct aigw_event *event)
{
    gw_run_event_fn on_event = run->in.on_event;
    void *user = run->in.user;

    if (run->is_over)
        return;
    shut(run);
    on_event(user, event); /* the run lives in the request's arena: still there, but over */
    end_build(run);
}

static void finish_error(struct gw_run *run, const struct aigw_error *error)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = error };

    finish(run, &event);
}

static void finish_later(struct gw_task *task)
{
    struct gw_run *run = GW_CONTAINER_OF(task, struct gw_run, finish_task);

    finish_error(run, &run->outcome);
}

void gw_run_complete(struct gw_run *run)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_END };

    if (!run->did_finish) {
        struct aigw_error error = {
            .struct_size = sizeof error,
            .kind = AIGW_ERR_CUT,
            .http_status = run->status,
            .retry_after_ms = -1,
            .message = AIGW_STR_INIT("the model's answer ended before its end marker"),
        };
        gw_run_failed(run, &error);
        return;
    }
    count_attempt(run, "ok");
    gw_circuit_success(run->target->circuit_key, run->attempt_us / 1000);
    finish(run, &event);
}

/* ---- failure: what next ---- */

static bool is_transient(const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_CONNECT:
    case AIGW_ERR_RATE_LIMITED:
    case AIGW_ERR_OVERLOADED:
        return true;
    default: /* whatever the provider calls it */
        return error->http_status == 502 || error->http_status == 503 || error->http_status == 504 ||
               error->http_status == 529;
    }
}

/* Would another target do better? Not when the request itself is at fault. */
static bool is_targets_fault(const struct aigw_error *error)
{
    return error->kind != AIGW_ERR_BAD_REQUEST && error->kind != AIGW_ERR_CONTEXT_TOO_LONG &&
           error->kind != AIGW_ERR_REFUSED && error->kind != AIGW_ERR_CANCELLED && error->kind != AIGW_ERR_LIMIT;
}

static bool is_illness(const struct aigw_error *error)
{
    return error->kind == AIGW_ERR_CONNECT || error->kind == AIGW_ERR_TLS || error->kind == AIGW_ERR_TIMEOUT ||
           error->kind == AIGW_ERR_OVERLOADED || error->kind == AIGW_ERR_SERVER;
}

/* How long to wait before the same target is asked again; below 0: do not. */
static int64_t retry_delay_ms(const struct gw_run *run, const struct aigw_error *error)
{
    const struct gw_settings *settings = &run->in.snapshot->settings;
    int64_t delay_ms = QUICK_RETRY_MS + gw_mono_us() % QUICK_RETRY_MS; /* jitter */

    if (run->retries_left <= 0 || !is_transient(error))
        return -1;
    if (error->retry_after_ms > settings->upstream.retry_after_max_ms)
        return -1;
    if (error->retry_after_ms > delay_ms)
        delay_ms = error->retry_after_ms;
    if (gw_loop_now_ms(run->in.loop) + delay_ms >= run->in.deadline_ms)
        return -1;
    return delay_ms;
}

static void log_failure(const struct gw_run *run, const struct aigw_error *error, const char *next)
{
    struct gw_line line;

    gw_line_begin(&line, GW_LOG_WARNING, "models", "model call failed");
    gw_line_cstr(&line, "correlation_id", run->in.ctx->request_id);
    gw_line_str(&line, "model", run->plan->name);
    gw_line_cstr(&line, "provider", run->target ? run->target->provider->name : NULL);
    gw_line_str(&line, "endpoint", run->target ? run->target->endpoint : AIGW_STR_NONE);
    gw_line_int(&line, "upstream_status", error->http_status);
    gw_line_str(&line, "cause", error->message);
    gw_line_cstr(&line, "next", next);
    gw_line_end(&line);
}

static void retry_due(struct gw_timer *timer)
{
    gw_attempt_start(GW_CONTAINER_OF(timer, struct gw_run, wait));
}

static void produce_due(struct gw_timer *timer)
{
    gw_attempt_produce(GW_CONTAINER_OF(timer, struct gw_run, wait));
}

static void schedule(struct gw_run *run, void (*fn)(struct gw_timer *), int64_t delay_ms)
{
    run->wait.on_due = fn;
    gw_timer_set(run->in.loop, &run->wait, delay_ms);
}

void gw_run_failed(struct gw_run *run, const struct aigw_error *error)
{
    const struct gw_settings *settings = &run->in.snapshot->settings;
    int64_t now_ms = gw_loop_now_ms(run->in.loop);

    if (run->is_over)
        return;
    count_attempt(run, "error");
    if (is_illness(error) && run->target)
        gw_circuit_failure(run->target->circuit_key, run->attempt_us / 1000, now_ms,
                           settings->upstream.circuit_failures, settings->upstream.circuit_rest_ms);
    bool may_repeat = !run->did_emit && !run->did_accept;
    int64_t delay_ms = may_repeat ? retry_delay_ms(run, error) : -1;
    if (delay_ms >= 0) {
        log_failure(run, error, "retry");
        gw_attempt_stop(run);
        run->retries_left--;
        schedule(run, retry_due, delay_ms);
        return;
    }
    if (may_repeat && run->plan->try_next && run->target_at + 1 < run->plan->target_count && is_targets_fault(error) &&
        now_ms < run->in.deadline_ms) {
        log_failure(run, error, "next target");
        gw_attempt_stop(run);
        run->target_at++;
        run->retries_left = run->plan->retries;
        schedule(run, retry_due, 0);
        return;
    }
    log_failure(run, error, "none");
    finish_error(run, error);
}

static void deadline_due(struct gw_timer *timer)
{
    struct gw_run *run = GW_CONTAINER_OF(timer, struct gw_run, deadline);
    struct aigw_error error = {
        .struct_size = sizeof error,
        .kind = AIGW_ERR_TIMEOUT,
        .retry_after_ms = -1,
        .message = AIGW_STR_INIT("the model did not finish within the request's deadline"),
    };

    count_attempt(run, "deadline");
    log_failure(run, &error, "none");
    finish_error(run, &error);
}

static void early_start_due(struct gw_timer *timer)
{
    deliver_start(GW_CONTAINER_OF(timer, struct gw_run, early_start));
}

/* ---- the run's life ---- */

static void count_attempt(const struct gw_run *run, const char *result)
{
    gw_models_count_attempt(run->target ? run->target->provider->name : "none", result);
}

static void set_deadline(struct gw_run *run)
{
    const struct gw_settings *settings = &run->in.snapshot->settings;
    int64_t now_ms = gw_loop_now_ms(run->in.loop);
    int64_t total_ms = run->plan->deadline_ms ? run->plan->deadline_ms : settings->upstream.total_ms;

    if (total_ms > 0 && now_ms + total_ms < run->in.deadline_ms)
        run->in.deadline_ms = now_ms + total_ms;
    run->deadline.on_due = deadline_due;
    gw_timer_set(run->in.loop, &run->deadline, run->in.deadline_ms - now_ms);
}

struct gw_run *gw_run_start(const struct gw_run_request *request)
{
    struct gw_run *run = gw_arena_calloc(request->request_arena, sizeof *run);
    const struct gw_settings *settings = &request->snapshot->settings;

    if (!run)
        return NULL;
    run->in = *request;
    run->plan = request->model->plan;
    run->retries_left = run->plan->retries;
    run->ctx = (struct aigw_ctx){ .request_arena = request->request_arena,
                                  .build_arena = request->build_arena,
                                  .request = request->ctx->request,
                                  .request_id = request->ctx->request_id,
                                  .run = run };
    run->finish_task.run = finish_later;
    run->early_start.on_due = early_start_due;
    if (run->in.idle_ms <= 0)
        run->in.idle_ms = run->plan->idle_ms ? run->plan->idle_ms : settings->upstream.idle_ms;
    set_deadline(run);
    if (request->request->flags & AIGW_REQF_STREAM && settings->limits.stream_status_ms > 0)
        gw_timer_set(request->loop, &run->early_start, settings->limits.stream_status_ms);
    gw_attempt_start(run);
    return run;
}

void gw_run_cancel(struct gw_run *run)
{
    if (run->is_over)
        return;
    count_attempt(run, "cancelled");
    shut(run);
    end_build(run);
}

void gw_run_pause(struct gw_run *run)
{
    run->is_paused = true;
}

void gw_run_resume(struct gw_run *run)
{
    if (!run->is_paused || run->is_over)
        return;
    run->is_paused = false;
    if (run->upstream)
        gw_transfer_resume(run->upstream);
    else if (run->http.framing == AIGW_FRAMING_LOCAL && !run->wait.is_armed && !run->is_producing)
        schedule(run, produce_due, 0);
}

void gw_run_produce_in(struct gw_run *run, int64_t delay_ms)
{
    schedule(run, produce_due, delay_ms);
}

void gw_run_fail_later(struct gw_run *run, const struct aigw_error *error)
{
    run->outcome = *error;
    gw_loop_defer(run->in.loop, &run->finish_task);
}

aigw_status gw_run_emit(struct gw_run *run, const struct aigw_event *event)
{
    if (run->is_over)
        return AIGW_E_CLOSED;
    if (!run->did_accept && event->type != AIGW_EVENT_ERROR) { /* a provider without HTTP has no status line */
        gw_run_accepted(run);
        if (run->is_over)
            return AIGW_E_CLOSED;
    }
    switch (event->type) {
    case AIGW_EVENT_ERROR:
        gw_run_failed(run, event->error);
        return AIGW_E_CLOSED;
    case AIGW_EVENT_FINISH:
        if (run->did_finish)
            return AIGW_OK; /* some servers say it twice */
        run->did_finish = true;
        break;
    case AIGW_EVENT_START:
    case AIGW_EVENT_END:
        return AIGW_E_STATE; /* the core's own */
    default:
        run->did_emit = true;
    }
    gw_run_deliver(run, event);
    return run->is_over ? AIGW_E_CLOSED : AIGW_OK;
}

int64_t gw_run_model_us(const struct gw_run *run)
{
    return run->model_us + (run->attempt_us ? gw_mono_us() - run->attempt_us : 0);
}
