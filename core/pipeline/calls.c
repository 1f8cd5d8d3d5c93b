/* calls.c - the model calls of a request: the feature builds each attempt's request and hears each event. */
#include <string.h>

#include "base/log.h"
#include "pipeline/host.h"

static struct gw_request *request_of(const void *user)
{
    return ((const struct gw_request_call *)user)->request;
}

/* The feature writes the request for the target that was chosen, in memory of that attempt. */
static aigw_status on_build(void *user, struct aigw_call *call, const struct aigw_model_info *target,
                            struct gw_arena *build, struct aigw_model_request *ret_request, const char **ret_why)
{
    struct gw_request *request = request_of(user);
    const struct gw_instance *feature = request->route->feature;
    aigw_status status;

    if (!feature->plugin->feature.build)
        status = gw_ctx_fail(&request->ctx, AIGW_E_STATE, "the plugin calls a model but has no function build()");
    else {
        request->ctx.build_arena = build;
        status = gw_feature_build(request, target, gw_call_options(call), ret_request);
        request->ctx.build_arena = &request->build;
    }
    ret_request->struct_size = sizeof *ret_request;
    if (ret_request->idle_timeout_ms > GW_TIMER_MS_MAX)
        ret_request->idle_timeout_ms = GW_TIMER_MS_MAX;
    if (status == AIGW_OK && request->answer == GW_ANSWER_WHOLE)
        return AIGW_E_STATE;     /* it answered instead */
    if (gw_call_is_over(call)) { /* it cancelled the call: is there another thing that will bring an answer? */
        gw_request_settle(request, status < 0 && status != AIGW_E_UNSUPPORTED ? status : AIGW_OK);
        return AIGW_E_STATE;
    }
    if (status == AIGW_OK || status == AIGW_E_UNSUPPORTED) {
        *ret_why = status ? gw_ctx_error(&request->ctx) : NULL;
        if (status && !**ret_why)
            *ret_why = "the feature's build() gave no reason";
        return status;
    }
    gw_request_settle(request, status);
    return AIGW_E_STATE;
}

void gw_request_call_started(struct gw_request_call *node)
{
    if (!node->is_started)
        gw_access_model_started(gw_call_stats(node->call));
    node->is_started = true;
}

/* Once for each call, whichever way it ends. */
static void note_end(struct gw_request_call *node)
{
    const struct gw_call_stats *stats = gw_call_stats(node->call);
    struct gw_request *request = node->request;

    gw_request_call_started(node);
    request->model_us += stats->model_us;
    gw_access_model_ended(request, stats);
    gw_spend_settle(node);
}

static void on_event(void *user, struct aigw_call *call, const struct aigw_event *event)
{
    struct gw_request *request = request_of(user);
    const struct gw_instance *feature = request->route->feature;

    (void)call;
    if (event->type == AIGW_EVENT_END || event->type == AIGW_EVENT_ERROR)
        note_end(user);
    if (!gw_request_is_alive(request) || !feature->plugin->feature.event)
        return;
    gw_request_settle(request, gw_feature_event(request, event));
}

static void on_dropped(void *user, struct aigw_call *call)
{
    (void)call;
    note_end(user);
    gw_request_settle(request_of(user), AIGW_OK);
}

/* The body stays while an attempt of any call may still be built from it. */
static void on_built(void *user, struct aigw_call *call)
{
    struct gw_request *request = request_of(user);

    if (gw_call_options(call)->flags & AIGW_CALLF_KEEP_BODY)
        return;
    for (const struct gw_request_call *at = request->calls; at; at = at->next)
        if (gw_call_may_build(at->call))
            return;
    gw_request_free_body(request);
}

/* The clients' libraries say how long they stand silence; a whole answer is silence until it is there. They would ask
 * again, so what they gave up is not worth finishing. */
static int64_t deadline_of(const struct gw_request *request, const struct aigw_call_options *options)
{
    aigw_str text = gw_str_trim(gw_request_header(request, "x-stainless-read-timeout"));
    const char *dot = text.len ? memchr(text.ptr, '.', text.len) : NULL;
    int64_t until_ms = gw_loop_now_ms(request->worker->loop);
    uint64_t seconds;

    if (dot)
        text.len = (size_t)(dot - text.ptr);
    if (options->flags & AIGW_CALLF_STREAM || !gw_str_to_u64(text, 86400, &seconds) || seconds == 0)
        return request->deadline_ms;
    until_ms += (int64_t)seconds * 1000;
    return until_ms < request->deadline_ms ? until_ms : request->deadline_ms;
}

aigw_status gw_request_call_model(struct gw_request *request, const struct aigw_model_info *model,
                                  const struct aigw_call_options *options, struct aigw_call **ret_call)
{
    struct gw_request_call *node;

    if (!gw_request_is_alive(request))
        return AIGW_E_CLOSED;
    if (request->state < GW_REQUEST_CHECK)
        return AIGW_E_STATE;
    if (request->call_count >= GW_REQUEST_CALLS_MAX)
        return AIGW_E_LIMIT;
    node = gw_arena_calloc(&request->ex->arena, sizeof *node);
    if (!node)
        return AIGW_E_NOMEM;
    node->request = request;
    const enum gw_limit_verdict verdict = gw_spend_charge(node, &model);
    struct gw_call_request call = {
        .snapshot = request->snapshot,
        .loop = request->worker->loop,
        .upstream = request->worker->upstream,
        .arena = &request->ex->arena,
        .request_id = request->ex->request_id,
        .model = model,
        .options = *options,
        .deadline_ms = deadline_of(request, options),
        .refused = verdict == GW_LIMIT_REFUSED ? &node->refused : NULL,
        .is_held = verdict == GW_LIMIT_ASK,
        .on_build = on_build,
        .on_event = on_event,
        .on_dropped = on_dropped,
        .on_built = on_built,
        .user = node,
    };
    node->call = gw_call_new(&call);
    if (!node->call) {
        gw_spend_undo(node);
        return AIGW_E_NOMEM;
    }
    node->next = request->calls;
    request->calls = node;
    request->call_count++;
    request->model = model;
    if (verdict != GW_LIMIT_ASK)
        gw_request_call_started(node);
    *ret_call = node->call;
    return AIGW_OK;
}

static void cancel(struct gw_request_call *node)
{
    if (gw_call_is_over(node->call))
        return;
    gw_call_cancel(node->call);
    note_end(node);
}

bool gw_request_cancel_call(struct gw_request *request, struct aigw_call *call)
{
    for (struct gw_request_call *at = request->calls; at; at = at->next)
        if (at->call == call) {
            cancel(at);
            return true;
        }
    return false;
}

void gw_request_cancel_calls(struct gw_request *request)
{
    for (struct gw_request_call *at = request->calls; at; at = at->next)
        cancel(at);
}

bool gw_request_has_calls(const struct gw_request *request)
{
    for (const struct gw_request_call *at = request->calls; at; at = at->next)
        if (!gw_call_is_over(at->call))
            return true;
    return false;
}

void gw_request_pause_calls(struct gw_request *request)
{
    for (const struct gw_request_call *at = request->calls; at; at = at->next)
        gw_call_pause(at->call);
}

void gw_request_resume_calls(struct gw_request *request)
{
    for (const struct gw_request_call *at = request->calls; at; at = at->next)
        if (!gw_call_is_over(at->call))
            gw_call_resume(at->call);
}

void gw_request_free_calls(struct gw_request *request)
{
    for (struct gw_request_call *at = request->calls; at; at = at->next) {
        cancel(at); /* one that a feature forgot is counted, too */
        gw_call_done(at->call);
    }
    request->calls = NULL;
}
