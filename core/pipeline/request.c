/* request.c - walks one request along its way. Every step is a callback on the worker's thread; the order of checks is
 * the contract's (api-contract.md §2): CORS, authentication, route, body, validation, scope, feature. */
#include "pipeline/request.h"

#include <string.h>

#include "base/log.h"

/* ---- small things others need ---- */

aigw_str gw_request_header(const struct gw_request *request, const char *name)
{
    return gw_http_request_header(request->ex, name);
}

bool gw_request_has_scope(const struct gw_request *request, const char *scope, uint32_t flags)
{
    const struct aigw_principal *principal = &request->principal;

    if (principal->flags & AIGW_PRINCIPALF_BYPASS)
        return true;
    if (flags & AIGW_SCOPEF_NO_USER_TOKEN && principal->flags & AIGW_PRINCIPALF_USER_TOKEN)
        return false;
    for (uint32_t i = 0; i < principal->scope_count; i++)
        if (gw_str_is(principal->scopes[i], scope))
            return true;
    return false;
}

void gw_request_end_build(struct gw_request *request)
{
    request->view.body = AIGW_STR_NONE;
    gw_arena_done(&request->build);
    gw_http_free_body(request->ex);
}

bool gw_request_reply(struct gw_request *request, int status, const char *content_type, aigw_str body,
                      const struct gw_http_header *headers, size_t header_count)
{
    if (gw_http_is_answered(request->ex))
        return false;
    gw_access_answered(request, status);
    return gw_http_reply(request->ex, status, content_type, body, headers, header_count);
}

bool gw_request_stream_begin(struct gw_request *request, int status, const char *content_type,
                             const struct gw_http_header *headers, size_t header_count)
{
    if (gw_http_is_answered(request->ex))
        return false;
    gw_access_answered(request, status);
    return gw_http_stream_begin(request->ex, status, content_type, headers, header_count);
}

/* ---- model calls ---- */

static void feature_failed(struct gw_request *request, aigw_status status)
{
    struct gw_line line;

    if (status == AIGW_E_CLOSED || request->ex->is_gone)
        return;
    gw_line_begin(&line, GW_LOG_ERROR, "pipeline", "feature failed");
    gw_line_cstr(&line, "correlation_id", request->ex->request_id);
    gw_line_cstr(&line, "feature", request->ctx.instance);
    gw_line_int(&line, "status", status);
    gw_line_cstr(&line, "cause", gw_ctx_error(&request->ctx));
    gw_line_end(&line);
    gw_request_cancel_model(request);
    if (gw_http_is_answered(request->ex))
        gw_http_abort(request->ex);
    else
        gw_answer_detail(request, 500, "Internal Server Error");
}

static void note_event(struct gw_request *request, const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_USAGE:
        if (event->input_tokens >= 0)
            request->input_tokens = event->input_tokens;
        if (event->output_tokens >= 0)
            request->output_tokens = event->output_tokens;
        break;
    case AIGW_EVENT_FINISH:
        request->finish_kind = event->finish;
        break;
    case AIGW_EVENT_ERROR:
        request->error_kind = event->error->kind;
        break;
    default:
        break;
    }
}

static void on_model_event(void *user, const struct aigw_event *event)
{
    struct gw_request *request = user;
    const struct gw_instance *feature = request->route->feature;
    bool is_last = event->type == AIGW_EVENT_END || event->type == AIGW_EVENT_ERROR;

    note_event(request, event);
    if (is_last) {
        request->model_us += gw_run_model_us(request->run);
        request->run = NULL;
        gw_access_model_ended(request);
    }
    if (request->ex->is_gone || !feature->plugin->feature.event)
        return;
    aigw_status status = feature->plugin->feature.event(&request->ctx, feature->state, request->call, event);
    if (status)
        feature_failed(request, status);
    else if (is_last && !gw_http_is_answered(request->ex))
        feature_failed(request, gw_ctx_fail(&request->ctx, AIGW_E_STATE, "the model call ended without an answer"));
}

static void on_model_piece(void *user, bool begins)
{
    struct gw_request *request = user;

    if (!begins && request->run && gw_http_stream_state(request->ex) == GW_WRITE_FULL)
        gw_run_pause(request->run);
}

static void on_build_end(void *user)
{
    gw_request_end_build(user);
}

aigw_status gw_request_call_model(struct gw_request *request, const struct aigw_model_info *model,
                                  const struct aigw_model_request *what, int64_t idle_ms)
{
    if (request->run || request->ex->is_gone)
        return request->run ? AIGW_E_STATE : AIGW_E_CLOSED;
    struct gw_run_request run = {
        .snapshot = request->snapshot,
        .loop = request->worker->loop,
        .upstream = request->worker->upstream,
        .ctx = &request->ctx,
        .request_arena = &request->ex->arena,
        .build_arena = &request->build,
        .model = model,
        .idle_ms = idle_ms,
        .deadline_ms = request->deadline_ms,
        .on_event = on_model_event,
        .on_piece = on_model_piece,
        .on_build_end = on_build_end,
        .user = request,
    };
    struct aigw_model_request *copy = gw_arena_alloc(&request->build, sizeof *copy);
    if (!copy)
        return AIGW_E_NOMEM;
    *copy = *what; /* the feature's struct may be on its stack */
    run.request = copy;
    request->model = model;
    request->is_streaming_call = what->flags & AIGW_REQF_STREAM;
    gw_access_model_started(request);
    request->run = gw_run_start(&run);
    if (!request->run)
        gw_access_model_ended(request);
    return request->run ? AIGW_OK : AIGW_E_NOMEM;
}

void gw_request_cancel_model(struct gw_request *request)
{
    struct gw_run *run = request->run;

    if (!run)
        return;
    request->run = NULL;
    request->model_us += gw_run_model_us(run);
    request->error_kind = AIGW_ERR_CANCELLED;
    gw_run_cancel(run);
    gw_access_model_ended(request);
}

/* ---- deadline ---- */

static void deadline_due(struct gw_timer *timer)
{
    struct gw_request *request = GW_CONTAINER_OF(timer, struct gw_request, deadline);

    request->error_detail = "deadline";
    gw_request_cancel_model(request);
    if (gw_http_is_answered(request->ex))
        gw_http_abort(request->ex);
    else
        gw_answer_detail(request, 504, "The request took longer than limits.request_ms allows");
}

/* ---- the body is there: feature ---- */

static bool check_scope(struct gw_request *request)
{
    const struct aigw_route *spec = request->route->spec;
    uint32_t flags = spec->flags & AIGW_ROUTEF_NO_USER_TOKEN ? AIGW_SCOPEF_NO_USER_TOKEN : 0;

    if (!spec->scope || gw_request_has_scope(request, spec->scope, flags))
        return true;
    gw_answer_detail(request, 403, spec->forbidden_detail ? spec->forbidden_detail : "Forbidden");
    return false;
}

static bool prepare_feature(struct gw_request *request)
{
    struct gw_exchange *ex = request->ex;
    const struct gw_instance *feature = request->route->feature;
    size_t call_size = feature->plugin->feature.call_size;

    request->ctx = (struct aigw_ctx){ .plugin = feature->plugin,
                                      .instance = feature->name,
                                      .request_arena = &ex->arena,
                                      .build_arena = &request->build,
                                      .request = request,
                                      .request_id = ex->request_id };
    request->view = (struct aigw_request){ .struct_size = sizeof request->view,
                                           .flags = request->is_verbose ? AIGW_REQUESTF_VERBOSE : 0,
                                           .route = request->route->spec,
                                           .method = ex->method,
                                           .path = ex->path,
                                           .path_param = request->path_param,
                                           .query = ex->query,
                                           .content_type = gw_request_header(request, "content-type"),
                                           .body = ex->body,
                                           .id = gw_str(ex->request_id) };
    request->call = call_size ? gw_arena_calloc(&ex->arena, call_size) : NULL;
    return !call_size || request->call;
}

static void on_body(void *user, struct gw_exchange *ex)
{
    struct gw_request *request = ex->pipeline;
    const struct gw_instance *feature = request->route->feature;
    const struct aigw_feature_ops *ops = &feature->plugin->feature;
    aigw_status status = AIGW_OK;

    (void)user;
    if (!prepare_feature(request)) {
        gw_answer_detail(request, 500, "Internal Server Error");
        return;
    }
    request->deadline.on_due = deadline_due;
    gw_timer_set(request->worker->loop, &request->deadline, request->snapshot->settings.limits.request_ms);
    if (ops->check) {
        status = ops->check(&request->ctx, feature->state, request->call, &request->view);
        if (status || gw_http_is_answered(ex)) {
            if (!gw_http_is_answered(ex))
                feature_failed(request, status);
            return;
        }
    }
    if (!check_scope(request))
        return;
    status = ops->run(&request->ctx, feature->state, request->call, &request->view);
    if (status && !gw_http_is_answered(ex))
        feature_failed(request, status);
    else if (!status && !gw_http_is_answered(ex) && !request->run)
        feature_failed(request, gw_ctx_fail(&request->ctx, AIGW_E_STATE, "run() neither answered nor called a model"));
}

/* ---- the head is there: who, where ---- */

static aigw_str get_header(void *user, const char *name)
{
    return gw_request_header(user, name);
}

static int answer_unrouted(struct gw_request *request)
{
    struct gw_http_header allow = { AIGW_STR_INIT("allow"), gw_str(request->allow) };

    if (!request->allow) {
        gw_answer_detail(request, 404, "Not Found");
        return GW_HEAD_ANSWERED;
    }
    request->error_detail = "Method Not Allowed";
    gw_request_reply(request, 405, GW_JSON, AIGW_STR("{\"detail\":\"Method Not Allowed\"}"), &allow, 1);
    return GW_HEAD_ANSWERED;
}

/* The caller may be served; is there something to serve? */
static int go_on(struct gw_request *request)
{
    const struct gw_settings *settings = &request->snapshot->settings;
    bool custom = settings->models.custom_models;
    bool asks = gw_str_is(gw_request_header(request, "x-gitlab-enabled-instance-verbose-ai-logs"), "true");

    request->is_verbose = settings->log.request_logging || (custom && asks);
    if (request->own) {
        gw_answer_own(request);
        return GW_HEAD_ANSWERED;
    }
    if (!request->route)
        return answer_unrouted(request);
    if (request->route->spec->body_max)
        request->ex->body_max = (size_t)request->route->spec->body_max;
    return GW_HEAD_READ;
}

static int authenticate(struct gw_request *request);

static void on_keys_ready(struct gw_auth_waiter *waiter)
{
    struct gw_request *request = GW_CONTAINER_OF(waiter, struct gw_request, waiter);

    request->is_waiting = false;
    int decision = authenticate(request);
    if (decision != GW_HEAD_WAIT)
        gw_http_head_done(request->ex, decision);
}

static int authenticate(struct gw_request *request)
{
    struct gw_auth_headers headers = { .user = request, .get = get_header };
    struct gw_auth_result result = { 0 };
    int64_t start_us = gw_mono_us();

    gw_auth_check(request->worker->auth, &headers, &request->ex->arena, &result);
    request->auth_us += gw_mono_us() - start_us;
    request->token_issuer = result.token_issuer;
    switch (result.outcome) {
    case GW_AUTH_ALLOWED:
        request->principal = result.principal;
        return go_on(request);
    case GW_AUTH_WAIT:
        request->is_waiting = true;
        request->waiter.on_ready = on_keys_ready;
        gw_auth_wait(request->worker->auth, &request->waiter);
        return GW_HEAD_WAIT;
    default:
        request->auth_error = result.error;
        gw_answer_unauthorized(request, &result);
        return GW_HEAD_ANSWERED;
    }
}

static struct gw_request *new_request(struct gw_worker *worker, struct gw_exchange *ex)
{
    struct gw_request *request = gw_arena_calloc(&ex->arena, sizeof *request);

    if (!request)
        return NULL;
    request->worker = worker;
    request->ex = ex;
    request->snapshot = gw_snapshot_ref(worker->snapshot);
    request->deadline_ms = gw_loop_now_ms(worker->loop) + worker->snapshot->settings.limits.request_ms;
    request->input_tokens = request->output_tokens = -1;
    if (worker->snapshot->settings.log.access) /* a system call, and only the access line tells it */
        request->cpu_start_us = gw_thread_cpu_us();
    request->principal =
        (struct aigw_principal){ .struct_size = sizeof request->principal, .flags = AIGW_PRINCIPALF_ANONYMOUS };
    gw_arena_init(&request->build, (size_t)worker->snapshot->settings.limits.request_memory_max);
    ex->arena.limit = (size_t)worker->snapshot->settings.limits.request_memory_max;
    ex->body_max = (size_t)worker->snapshot->settings.limits.body_max;
    ex->pipeline = request;
    return request;
}

static int on_head(void *user, struct gw_exchange *ex)
{
    struct gw_worker *worker = user;
    struct gw_request *request = new_request(worker, ex);

    if (!request) {
        gw_http_reply(ex, 503, GW_JSON, AIGW_STR("{\"detail\":\"Out of memory\"}"), NULL, 0);
        return GW_HEAD_ANSWERED;
    }
    if (gw_answer_before_auth(request))
        return GW_HEAD_ANSWERED;
    gw_answer_find_own(request);
    gw_router_find(request->snapshot->router, ex->method, ex->path, &request->route, &request->path_param,
                   &request->allow);
    if (request->route && request->route->spec->flags & AIGW_ROUTEF_ANONYMOUS)
        return go_on(request);
    if (gw_answer_is_anonymous(request))
        return go_on(request);
    return authenticate(request);
}

/* ---- the end ---- */

static void on_gone(void *user, struct gw_exchange *ex)
{
    struct gw_request *request = ex->pipeline;

    (void)user;
    if (!request)
        return;
    if (request->is_waiting)
        gw_auth_unwait(request->worker->auth, &request->waiter);
    request->is_waiting = false;
    gw_request_cancel_model(request);
    if (request->call && request->route && request->route->feature->plugin->feature.gone)
        request->route->feature->plugin->feature.gone(&request->ctx, request->route->feature->state, request->call);
}

static void on_drain(void *user, struct gw_exchange *ex)
{
    struct gw_request *request = ex->pipeline;

    (void)user;
    if (request && request->run)
        gw_run_resume(request->run);
}

static void on_done(void *user, struct gw_exchange *ex)
{
    struct gw_request *request = ex->pipeline;
    struct gw_snapshot *snapshot;

    (void)user;
    if (!request)
        return;
    if (request->is_waiting)
        gw_auth_unwait(request->worker->auth, &request->waiter);
    gw_request_cancel_model(request);
    gw_timer_clear(request->worker->loop, &request->deadline);
    gw_access_done(request);
    snapshot = request->snapshot;
    ex->pipeline = NULL;
    gw_arena_done(&request->build);
    gw_arena_done(&ex->arena); /* deferred functions of plugins run before their code may be unloaded */
    gw_snapshot_unref(snapshot);
}

struct gw_http_handler gw_request_handler(struct gw_worker *worker)
{
    return (struct gw_http_handler){ .user = worker,
                                     .on_head = on_head,
                                     .on_body = on_body,
                                     .on_gone = on_gone,
                                     .on_drain = on_drain,
                                     .on_done = on_done };
}
