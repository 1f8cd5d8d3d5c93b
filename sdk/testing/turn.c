/* turn.c - what comes to a feature from the loop: the events of its model calls, played from the script; jobs; timers;
 * steps that were pending. Time passes only when nothing else is left to do. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define TESTHOST_CALLS_MAX  64 /* of one request, as in the core */
#define TESTHOST_TIMERS_MAX 16
#define TESTHOST_TURNS_MAX  10000

static const struct aigw_feature_ops *ops_of(const struct aigw_testhost *th)
{
    return &th->plugin->feature;
}

bool testhost_has_left(const struct aigw_testhost *th)
{
    return th->leave_after > 0 && th->answer.is_stream && th->answer.write_count >= th->leave_after;
}

/* ---- the scripted model ---- */

/* Hand one event on, its strings in memory of their own. False: the call is over. */
static bool deliver(struct aigw_testhost *th, struct aigw_call *call, const struct aigw_event *event)
{
    struct aigw_event copy = *event;
    char *text = event->text.len > 0 ? malloc(event->text.len) : NULL;
    aigw_status status;

    copy.call = call;
    copy.tag = call->options.tag;
    if (event->type == AIGW_EVENT_END || event->type == AIGW_EVENT_ERROR)
        call->state = TESTHOST_CALL_ENDED;
    if (text)
        copy.text.ptr = memcpy(text, event->text.ptr, event->text.len);
    status = ops_of(th)->event ? ops_of(th)->event(&th->ctx.base, th->state, th->call, &copy) : AIGW_E_STATE;
    free(text);
    if (status != AIGW_OK && status != AIGW_E_CLOSED)
        gw_buf_printf(&th->notes, "event() answered %d: %s\n", status, gw_ctx_error(&th->ctx.base));
    if (status != AIGW_OK)
        call->state = TESTHOST_CALL_ENDED;
    return call->state == TESTHOST_CALL_PLAYS && !testhost_has_left(th);
}

static void deliver_error(struct aigw_testhost *th, struct aigw_call *call, uint32_t kind, const char *message)
{
    struct aigw_error error = {
        .struct_size = sizeof error, .kind = kind, .retry_after_ms = -1, .message = gw_str(message)
    };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_ERROR, .error = &error };

    deliver(th, call, &event);
}

/* The server accepted: the memory of build() goes, and the request's body with it unless it is needed again. */
static void accept(struct aigw_testhost *th, const struct aigw_call *call)
{
    gw_arena_done(&th->call_arena);
    if (call->options.flags & AIGW_CALLF_KEEP_BODY)
        return;
    gw_arena_done(&th->build_arena);
    th->request.body = AIGW_STR_NONE;
}

static void play_script(struct aigw_testhost *th, struct aigw_call *call)
{
    aigw_str rest = gw_str(th->script ? th->script : "text \"scripted answer\"\nfinish stop\n"), line;
    struct aigw_event event, start = { .struct_size = sizeof start, .type = AIGW_EVENT_START };
    bool did_start = false, did_finish = false, goes_on = true;

    while (goes_on && rest.len > 0) {
        line = testhost_next_line(&rest);
        if (gw_str_trim(line).len == 0)
            continue;
        if (testhost_read_event(&th->request_arena, line, &event) != AIGW_OK) {
            testhost_fault(th, "bad line in the script: %.*s", AIGW_STR_ARG(line));
            return;
        }
        if (!did_start && event.type != AIGW_EVENT_ERROR) { /* a refusal before the first event: no START */
            accept(th, call);
            goes_on = deliver(th, call, &start);
        }
        did_start = true;
        did_finish |= event.type == AIGW_EVENT_FINISH;
        goes_on = goes_on && deliver(th, call, &event);
    }
    if (!goes_on)
        return;
    event = (struct aigw_event){ .struct_size = sizeof event, .type = AIGW_EVENT_END };
    if (did_finish)
        deliver(th, call, &event);
    else
        deliver_error(th, call, AIGW_ERR_CUT, "the model's answer ended early");
}

static void play_call(struct aigw_testhost *th, struct aigw_call *call)
{
    struct aigw_model_request req = { .struct_size = sizeof req };
    struct aigw_model_info target = *call->model;
    aigw_status status;

    call->state = TESTHOST_CALL_PLAYS;
    target.model = AIGW_STR("test-model");
    if (call->options.flags & AIGW_CALLF_STREAM && !(target.flags & AIGW_MODELF_STREAM_OFF))
        req.flags = AIGW_REQF_STREAM;
    if (!ops_of(th)->build) {
        testhost_fault(th, "model_call() needs the feature's build()");
        return;
    }
    th->ctx.base.build_arena = &th->call_arena;
    status = ops_of(th)->build(&th->ctx.base, th->state, th->call, &target, &call->options, &req);
    th->ctx.base.build_arena = &th->build_arena;
    if (status == AIGW_OK) {
        gw_buf_puts(&th->asked, th->asked.len > 0 ? "\n" : "");
        testhost_write_request(&th->asked, &req, &th->faults);
        play_script(th, call);
    } else if (status == AIGW_E_UNSUPPORTED) { /* there is no other target */
        deliver_error(th, call, AIGW_ERR_UNSUPPORTED, gw_ctx_error(&th->ctx.base));
    }
    gw_arena_done(&th->call_arena);
    call->state = TESTHOST_CALL_ENDED;
}

aigw_status testhost_model_call(struct aigw_ctx *ctx, const struct aigw_model_info *model,
                                const struct aigw_call_options *options, struct aigw_call **ret_call)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct aigw_call **link = &th->calls, *call;
    size_t count = 0;

    if (!testhost_is(ctx, TESTHOST_REQUEST, "model_call") || !th->is_active)
        return AIGW_E_STATE;
    if (!model)
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "model_call() needs what model_resolve() handed out");
    for (; *link; link = &(*link)->next)
        count++;
    call = count < TESTHOST_CALLS_MAX ? gw_arena_calloc(&th->request_arena, sizeof *call) : NULL;
    if (!call)
        return gw_ctx_fail(ctx, AIGW_E_LIMIT, "more than %d model calls in one request", TESTHOST_CALLS_MAX);
    call->model = model;
    if (options)
        testhost_copy_in(th, "call options", &call->options, options, sizeof call->options);
    *link = call;
    if (ret_call)
        *ret_call = call;
    return AIGW_OK;
}

void testhost_model_cancel(struct aigw_ctx *ctx, struct aigw_call *call)
{
    (void)ctx;
    if (call)
        call->state = TESTHOST_CALL_ENDED;
}

/* ---- time and work ---- */

aigw_status testhost_go_on(struct aigw_ctx *ctx)
{
    if (!testhost_is(ctx, TESTHOST_REQUEST, "go_on"))
        return AIGW_E_STATE;
    testhost_of(ctx)->did_go_on = true;
    return AIGW_OK;
}

aigw_status testhost_timer_set(struct aigw_ctx *ctx, struct aigw_timer **timer, int64_t delay_ms,
                               void (*fn)(struct aigw_ctx *ctx, void *arg), void *arg)
{
    struct aigw_testhost *th = testhost_of(ctx);
    size_t count = 0;

    if (!testhost_is(ctx, TESTHOST_REQUEST, "timer_set") || !th->is_active)
        return AIGW_E_STATE;
    if (delay_ms < 0)
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "timer_set(): the delay is %lld ms", (long long)delay_ms);
    if (!*timer) {
        struct aigw_timer *made;

        for (const struct aigw_timer *t = th->timers; t; t = t->next)
            count++;
        made = count < TESTHOST_TIMERS_MAX ? gw_arena_calloc(&th->request_arena, sizeof *made) : NULL;
        if (!made)
            return gw_ctx_fail(ctx, AIGW_E_LIMIT, "more than %d timers in one request", TESTHOST_TIMERS_MAX);
        made->next = th->timers;
        th->timers = *timer = made;
    }
    **timer = (struct aigw_timer){ .next = (*timer)->next, .at_ms = th->now_ms + delay_ms, .fn = fn, .arg = arg };
    return AIGW_OK;
}

void testhost_timer_clear(struct aigw_ctx *ctx, struct aigw_timer *timer)
{
    (void)ctx;
    if (timer)
        timer->at_ms = -1;
}

aigw_status testhost_offload(struct aigw_ctx *ctx, const struct aigw_job *job)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct testhost_job **link = &th->jobs, *made;

    if (!testhost_is(ctx, TESTHOST_REQUEST, "offload") || !th->is_active)
        return AIGW_E_STATE;
    made = calloc(1, sizeof *made);
    if (!made)
        return AIGW_E_NOMEM;
    testhost_copy_in(th, "job", &made->job, job, sizeof made->job);
    made->arg = calloc(1, made->job.arg_size > 0 ? made->job.arg_size : 1);
    if (!made->arg)
        abort();
    memcpy(made->arg, made->job.arg, made->job.arg_size);
    while (*link)
        link = &(*link)->next;
    *link = made;
    return AIGW_OK;
}

static void free_job(struct testhost_job *job)
{
    free(job->arg);
    free(job);
}

void testhost_drop_jobs(struct aigw_testhost *th)
{
    while (th->jobs) {
        struct testhost_job *job = th->jobs;

        th->jobs = job->next;
        if (job->job.drop)
            job->job.drop(job->arg);
        free_job(job);
    }
}

static void run_job(struct aigw_testhost *th)
{
    struct testhost_job *job = th->jobs;

    th->jobs = job->next;
    job->job.work(job->arg);
    job->job.done(&th->ctx.base, job->arg);
    free_job(job);
}

/* Let time pass until the next timer is due. False: none is set. */
static bool fire_timer(struct aigw_testhost *th)
{
    struct aigw_timer *first = NULL;

    for (struct aigw_timer *t = th->timers; t; t = t->next)
        if (t->at_ms >= 0 && (!first || t->at_ms <= first->at_ms))
            first = t;
    if (!first)
        return false;
    th->now_ms = first->at_ms;
    first->at_ms = -1;
    first->fn(&th->ctx.base, first->arg);
    return true;
}

static struct aigw_call *waiting_call(struct aigw_testhost *th)
{
    for (struct aigw_call *call = th->calls; call; call = call->next)
        if (call->state == TESTHOST_CALL_WAITS)
            return call;
    return NULL;
}

static bool is_answered(const struct aigw_testhost *th)
{
    return th->answer.state == AIGW_ANSWER_COMPLETE || th->answer.state == AIGW_ANSWER_ABORTED;
}

aigw_status testhost_turn(struct aigw_testhost *th, aigw_status status)
{
    struct aigw_call *call;

    for (int i = 0; i < TESTHOST_TURNS_MAX && !testhost_has_left(th); i++) {
        if (status < 0 || is_answered(th))
            return status;
        if (status == AIGW_PENDING && th->did_go_on)
            status = testhost_step(th);
        else if (th->jobs)
            run_job(th);
        else if ((call = waiting_call(th)))
            play_call(th, call);
        else if (!fire_timer(th))
            break;
    }
    if (status == AIGW_PENDING)
        status = gw_ctx_fail(&th->ctx.base, AIGW_E_STATE, "AIGW_PENDING, and nothing calls go_on()");
    return status;
}
