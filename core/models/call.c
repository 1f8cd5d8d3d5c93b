/* call.c - one model call from its plan to END or ERROR: when to try, what the feature hears. Decisions D14 (a cut
 * answer is never complete), D20 (retries), D32 and D37 (when START comes), D35 (when an answer is whole). */
#include "models/call.h"

#include "base/log.h"

bool gw_call_move(struct aigw_call *call, enum gw_call_step step)
{
    enum gw_call_state next = gw_call_next(call->state, step);

    if (next == GW_CALL_STATES) {
        gw_log(GW_LOG_ERROR, "models", "a call that is %s cannot %s; the step is ignored",
               gw_call_state_name(call->state), gw_call_step_name(step));
        return false;
    }
    call->state = next;
    return true;
}

/* ---- telling the feature ---- */

static void tell_built(struct aigw_call *call)
{
    if (call->was_build_told)
        return;
    call->was_build_told = true;
    call->in.on_built(call->in.user, call);
}

/* A server tells parts of it more than once; what is told last counts. */
static void note_usage(struct gw_call_stats *stats, const struct aigw_usage *told)
{
    struct aigw_usage *usage = &stats->usage;
    const struct {
        int64_t *known, told;
    } counts[] = { { &usage->input, told->input },
                   { &usage->output, told->output },
                   { &usage->cache_read, told->cache_read },
                   { &usage->cache_write, told->cache_write },
                   { &usage->cache_write_1h, told->cache_write_1h },
                   { &usage->reasoning, told->reasoning } };

    for (size_t i = 0; i < GW_ARRAY_LEN(counts); i++)
        if (counts[i].told >= 0)
            *counts[i].known = counts[i].told;
    stats->input_tokens = usage->input;
    stats->output_tokens = usage->output;
}

static void note_piece(struct gw_call_stats *stats, const struct aigw_event *event)
{
    if (event->flags & AIGW_EVENTF_PREAMBLE || event->text.len == 0)
        return;
    stats->answer_bytes += event->text.len;
    if (event->type == AIGW_EVENT_RAW && stats->is_stream &&
        (stats->answer_pieces == 0 || event->text.len < stats->wrapping))
        stats->wrapping = event->text.len;
    stats->answer_pieces++;
}

static void note(struct aigw_call *call, const struct aigw_event *event)
{
    struct gw_call_stats *stats = &call->stats;

    switch (event->type) {
    case AIGW_EVENT_TEXT:
    case AIGW_EVENT_REASONING:
    case AIGW_EVENT_TOOL_CALL:
    case AIGW_EVENT_RAW: /* instead of the others */
        call->piece_count += call->last_ms == 0;
        note_piece(stats, event);
        break;
    case AIGW_EVENT_USAGE:
        if (event->usage)
            note_usage(stats, event->usage);
        break;
    case AIGW_EVENT_FINISH:
        stats->finish = event->finish;
        call->last_ms = gw_loop_now_ms(call->in.loop);
        break;
    case AIGW_EVENT_ERROR:
        stats->error_kind = event->error->kind;
        break;
    default:
        break;
    }
}

void gw_call_deliver(struct aigw_call *call, const struct aigw_event *event)
{
    struct aigw_event named = *event;

    named.call = call;
    named.tag = call->in.options.tag;
    note(call, &named);
    call->in.on_event(call->in.user, call, &named);
}

static void deliver_plain(struct aigw_call *call, uint32_t type)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = type,
                                .headers = type == AIGW_EVENT_START ? call->answer_headers : NULL,
                                .header_count = type == AIGW_EVENT_START ? call->answer_header_count : 0 };

    gw_call_deliver(call, &event);
}

/* When a stream's content began. The loop's time: no clock is read for it. */
static void note_first(struct aigw_call *call)
{
    int64_t waited_ms;

    if (!(call->in.options.flags & AIGW_CALLF_STREAM))
        return;
    call->first_ms = gw_loop_now_ms(call->in.loop);
    waited_ms = call->first_ms - call->attempt->started_us / 1000;
    call->stats.first_token_ms = waited_ms > 0 ? waited_ms : 0;
    call->first_series = gw_models_note_first(call->plan->label, call->stats.provider, call->stats.first_token_ms);
}

static void note_interval(const struct aigw_call *call)
{
    if (call->first_series && call->piece_count > 1)
        gw_models_note_interval(call->first_series,
                                (double)(call->last_ms - call->first_ms) / 1000 / (call->piece_count - 1));
}

void gw_call_commit(struct aigw_call *call)
{
    struct gw_attempt *attempt = call->attempt;

    if (!gw_call_move(call, GW_CALL_COMMIT))
        return;
    gw_timer_clear(call->in.loop, &call->hedge);
    gw_timer_clear(call->in.loop, &call->waiting);
    tell_built(call);
    call->stats.had_answer = true;
    gw_attempt_note_content(attempt);
    note_first(call);
    if (attempt->http.framing == AIGW_FRAMING_LOCAL) /* nothing was sent: it accepts by beginning */
        gw_arena_done(&attempt->build);
    deliver_plain(call, AIGW_EVENT_START);
    for (struct gw_early_event *early = attempt->early; early && call->attempt == attempt; early = early->next)
        gw_call_deliver(call, &early->event);
}

/* ---- the end ---- */

static void count(const struct gw_attempt *attempt, const char *result)
{
    gw_models_count_attempt(attempt && attempt->target ? attempt->target->provider->name : "none", result);
}

/* Nothing may begin after this. */
static void shut(struct aigw_call *call)
{
    struct gw_loop *loop = call->in.loop;

    call->stats.was_under_way =
        call->attempt && (call->attempt->state == GW_ATTEMPT_ANSWERING ||
                          (call->attempt->state == GW_ATTEMPT_SENT && gw_transfer_was_sent(call->attempt->transfer)));
    gw_attempt_close(call->rival);
    gw_attempt_close(call->attempt);
    gw_call_settle(call);
    gw_call_note_wait(call);
    gw_queue_leave(&call->waiter);
    gw_budget_end(call);
    gw_loop_undefer(loop, &call->begin);
    gw_timer_clear(loop, &call->rest);
    gw_timer_clear(loop, &call->deadline);
    gw_timer_clear(loop, &call->waiting);
    gw_timer_clear(loop, &call->hedge);
}

static void finish(struct aigw_call *call, enum gw_call_step step, const struct aigw_event *event)
{
    if (!gw_call_move(call, step))
        return;
    shut(call);
    tell_built(call);
    gw_call_deliver(call, event);
}

static void finish_with(struct aigw_call *call, const struct aigw_error *error)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_ERROR,
                                .error = error,
                                .headers = call->answer_headers,
                                .header_count = call->answer_header_count };

    finish(call, GW_CALL_FAIL, &event);
}

void gw_call_complete(struct gw_attempt *attempt)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_END };
    struct aigw_call *call = attempt->call;

    if (call->state != GW_CALL_FINISHED) {
        struct aigw_error error =
            gw_make_error(AIGW_ERR_CUT, attempt->status, "the model's answer ended before its end marker");
        gw_attempt_fail(attempt, &error);
        return;
    }
    count(attempt, "ok");
    note_interval(call);
    gw_attempt_leave(attempt);
    finish(call, GW_CALL_END, &event);
}

void gw_call_drop(struct aigw_call *call)
{
    if (!gw_call_move(call, GW_CALL_CANCEL))
        return;
    shut(call);
    tell_built(call);
    call->in.on_dropped(call->in.user, call);
}

void gw_call_cancel(struct aigw_call *call)
{
    if (call->state == GW_CALL_OVER)
        return;
    count(call->attempt, "cancelled");
    call->stats.error_kind = AIGW_ERR_CANCELLED;
    gw_call_bill(call->attempt, false);
    gw_call_bill(call->rival, false);
    gw_call_move(call, GW_CALL_CANCEL);
    shut(call);
    call->was_build_told = true; /* and not told: the feature may be at work on the body right now */
}

/* ---- failures ---- */

static void log_failure(const struct aigw_call *call, const struct gw_attempt *attempt, const struct aigw_error *error,
                        const char *next)
{
    struct gw_line line;

    gw_line_begin(&line, GW_LOG_WARNING, "models", "model call failed");
    gw_line_cstr(&line, "correlation_id", call->in.request_id);
    gw_line_str(&line, "model", call->plan->name);
    if (attempt) {
        gw_line_cstr(&line, "provider", attempt->target->provider->name);
        gw_line_cstr(&line, "endpoint", attempt->origin);
    }
    gw_line_int(&line, "upstream_status", error->http_status);
    gw_line_str(&line, "cause", error->message);
    gw_line_cstr(&line, "next", next);
    gw_line_end(&line);
}

/* Should no other target be there, its words are better than ours. Without memory ours will do. */
static void keep_error(struct aigw_call *call, const struct aigw_error *error)
{
    struct aigw_error *copy = gw_arena_alloc(call->in.arena, sizeof *copy);

    if (copy)
        *copy = *error;
    call->last_error = copy;
}

void gw_call_give_up(struct aigw_call *call, const struct aigw_error *error)
{
    count(call->attempt, "error");
    log_failure(call, call->attempt, error, "none");
    finish_with(call, call->last_error ? call->last_error : error);
}

void gw_call_note_failure(struct gw_attempt *attempt, const struct aigw_error *error, const char *next)
{
    count(attempt, "error");
    gw_attempt_note_health(attempt, error);
    log_failure(attempt->call, attempt, error, next);
}

void gw_call_failed(struct aigw_call *call, const struct aigw_error *error)
{
    struct gw_verdict verdict = gw_call_judge(call, error);

    count(call->attempt, "error");
    if (call->attempt) {
        gw_attempt_note_health(call->attempt, error);
        gw_call_bill(call->attempt, false);
    }
    gw_budget_retried(call);
    if (verdict.repeats && !verdict.moves_on && !gw_budget_may_retry(call)) {
        call->left = gw_call_left_after(call, error);
        verdict = (struct gw_verdict){ .repeats = call->left && call->plan->patience.try_next, .moves_on = true };
    }
    log_failure(call, call->attempt, error, !verdict.repeats ? "none" : verdict.moves_on ? "next target" : "retry");
    if (!verdict.repeats) {
        finish_with(call, error);
        return;
    }
    if (!gw_call_move(call, GW_CALL_REPEAT))
        return;
    keep_error(call, error);
    gw_attempt_close(call->attempt);
    call->must_stay = !verdict.moves_on;
    if (verdict.moves_on) {
        call->left = gw_call_left_after(call, error);
        call->retries_left = call->plan->patience.retries;
        if (error->kind == AIGW_ERR_UNSUPPORTED) /* nothing was asked of it */
            call->attempts_left++;
    } else {
        call->retries_left--;
    }
    gw_timer_set(call->in.loop, &call->rest, verdict.delay_ms);
}

/* ---- time ---- */

static void deadline_due(struct gw_timer *timer)
{
    struct aigw_call *call = GW_CONTAINER_OF(timer, struct aigw_call, deadline);
    struct aigw_error error =
        gw_make_error(AIGW_ERR_TIMEOUT, 0, "the model did not finish within the request's deadline");

    count(call->attempt, "deadline");
    log_failure(call, call->attempt, &error, "none");
    finish_with(call, &error);
}

/* D32: the client should see a status by now, whatever the model does. */
static void waiting_due(struct gw_timer *timer)
{
    deliver_plain(GW_CONTAINER_OF(timer, struct aigw_call, waiting), AIGW_EVENT_WAITING);
}

static void rest_due(struct gw_timer *timer)
{
    gw_call_route(GW_CONTAINER_OF(timer, struct aigw_call, rest));
}

static void turn_came(struct gw_waiter *waiter)
{
    gw_call_route(GW_CONTAINER_OF(waiter, struct aigw_call, waiter));
}

static void begin_first(struct gw_task *task)
{
    struct aigw_call *call = GW_CONTAINER_OF(task, struct aigw_call, begin);

    if (call->in.refused)
        finish_with(call, call->in.refused);
    else
        gw_call_route(call);
}

static void set_deadline(struct aigw_call *call)
{
    int64_t now_ms = gw_loop_now_ms(call->in.loop);
    int64_t total_ms = call->plan->patience.deadline_ms ? call->plan->patience.deadline_ms
                                                        : call->in.snapshot->settings.upstream.total_ms;

    if (total_ms > 0 && now_ms + total_ms < call->in.deadline_ms)
        call->in.deadline_ms = now_ms + total_ms;
    call->deadline.on_due = deadline_due;
    gw_timer_set(call->in.loop, &call->deadline, call->in.deadline_ms - now_ms);
}

/* ---- life ---- */

static void reap_dead(struct aigw_call *call)
{
    while (call->dead) {
        struct gw_attempt *attempt = call->dead;

        call->dead = attempt->next_dead;
        gw_attempt_free(attempt);
    }
}

static void reap(struct gw_task *task)
{
    reap_dead(GW_CONTAINER_OF(task, struct aigw_call, reap));
}

static void use_model(struct aigw_call *call, const struct aigw_model_info *model)
{
    call->in.model = model;
    call->plan = model->plan;
    call->left = call->plan->allowed;
    call->retries_left = call->plan->patience.retries;
    call->attempts_left = call->plan->patience.attempts;
    call->stats.model = model;
}

struct aigw_call *gw_call_new(const struct gw_call_request *request)
{
    struct aigw_call *call = gw_arena_calloc(request->arena, sizeof *call);
    const struct gw_settings *settings = &request->snapshot->settings;

    if (!call)
        return NULL;
    call->in = *request;
    use_model(call, request->model);
    call->waiter.on_turn = turn_came;
    call->begin.run = begin_first;
    call->reap.run = reap;
    call->rest.on_due = rest_due;
    call->waiting.on_due = waiting_due;
    call->hedge.on_due = gw_hedge_due;
    call->stats = (struct gw_call_stats){ .model = request->model,
                                          .started_us = gw_mono_us(),
                                          .first_token_ms = -1,
                                          .input_tokens = -1,
                                          .output_tokens = -1,
                                          .usage = AIGW_USAGE_INIT,
                                          .is_stream = request->options.flags & AIGW_CALLF_STREAM };
    if (call->in.options.idle_timeout_ms <= 0)
        call->in.options.idle_timeout_ms =
            call->plan->patience.idle_ms ? call->plan->patience.idle_ms : settings->upstream.idle_ms;
    if (settings->models.disable_streaming)
        call->in.options.flags &= ~AIGW_CALLF_STREAM;
    set_deadline(call);
    if (call->in.options.flags & AIGW_CALLF_STREAM && settings->limits.stream_status_ms > 0)
        gw_timer_set(request->loop, &call->waiting, settings->limits.stream_status_ms);
    gw_budget_begin(call);
    if (!request->is_held)
        gw_loop_defer(request->loop, &call->begin);
    return call;
}

void gw_call_permit(struct aigw_call *call, const struct aigw_model_info *model, const struct aigw_error *refused)
{
    if (call->state == GW_CALL_OVER)
        return;
    use_model(call, model);
    call->in.refused = refused;
    gw_loop_defer(call->in.loop, &call->begin);
}

void gw_call_done(struct aigw_call *call)
{
    gw_call_cancel(call);
    gw_loop_undefer(call->in.loop, &call->reap);
    reap_dead(call);
}

void gw_call_pause(struct aigw_call *call)
{
    call->is_paused = true;
}

void gw_call_resume(struct aigw_call *call)
{
    if (!call->is_paused)
        return;
    call->is_paused = false;
    if (call->attempt)
        gw_attempt_resume(call->attempt);
    if (call->rival)
        gw_attempt_resume(call->rival);
}

bool gw_call_is_over(const struct aigw_call *call)
{
    return call->state == GW_CALL_OVER;
}

bool gw_call_may_build(const struct aigw_call *call)
{
    return !call->was_build_told;
}

bool gw_call_is_settled(const struct aigw_call *call)
{
    return call->state >= GW_CALL_ANSWERING;
}

const struct aigw_call_options *gw_call_options(const struct aigw_call *call)
{
    return &call->in.options;
}

const struct gw_call_stats *gw_call_stats(struct aigw_call *call)
{
    return &call->stats;
}
