/* request.c - walks one request along its way. Every step is taken on the worker's thread; their order is the
 * contract's (api-contract.md §2): CORS, authentication, route, body, validation, scope, feature. */
#include "pipeline/request.h"

#include <string.h>

#include "auth/grant.h"
#include "base/log.h"

#define BODY_MAX (INT64_C(1) << 30)

bool gw_request_move(struct gw_request *request, enum gw_request_step step)
{
    enum gw_request_state next = gw_request_next(request->state, step);

    if (next == GW_REQUEST_STATES) {
        gw_log(GW_LOG_ERROR, "pipeline", "a request in state \"%s\" cannot \"%s\"; the step is ignored",
               gw_request_state_name(request->state), gw_request_step_name(step));
        return false;
    }
    request->state = next;
    return true;
}

/* ---- small things others need ---- */

aigw_str gw_request_header(const struct gw_request *request, const char *name)
{
    return gw_http_request_header(request->ex, name);
}

bool gw_request_has_scope(const struct gw_request *request, const char *scope, uint32_t flags)
{
    const struct aigw_principal *principal = &request->principal;

    if (principal->flags & (AIGW_PRINCIPALF_BYPASS | AIGW_PRINCIPALF_ALL_SCOPES))
        return true;
    if (flags & AIGW_SCOPEF_NO_USER_TOKEN && principal->flags & AIGW_PRINCIPALF_USER_TOKEN)
        return false;
    for (uint32_t i = 0; i < principal->scope_count; i++)
        if (gw_str_is(principal->scopes[i], scope))
            return true;
    return false;
}

bool gw_request_is_alive(const struct gw_request *request)
{
    return request->state < GW_REQUEST_GONE && !request->ex->is_gone;
}

void gw_request_free_body(struct gw_request *request)
{
    request->view.body = AIGW_STR_NONE;
    gw_arena_done(&request->build);
    gw_http_free_body(request->ex);
}

/* ---- the feature's callbacks end here ---- */

static void stop_work(struct gw_request *request)
{
    gw_request_cancel_calls(request);
    gw_request_drop_work(request);
    gw_loop_undefer(request->worker->loop, &request->resume);
    request->is_step_pending = false;
}

/* Why the client gets no answer: our lack of memory is no fault of the feature, nor of the caller's syntax. */
static void refuse_failed(struct gw_request *request, aigw_status status)
{
    if (status == AIGW_E_LIMIT && request->state == GW_REQUEST_CHECK)
        gw_answer_refuse(request, AIGW_REFUSE_TOO_LARGE, 413,
                         "Request body is too large: reading it takes more than limits.request_memory_max", NULL, -1);
    else if (status == AIGW_E_NOMEM)
        gw_answer_refuse(request, AIGW_REFUSE_INTERNAL, 503, "Out of memory, try again shortly", NULL, 1);
    else
        gw_answer_refuse(request, AIGW_REFUSE_INTERNAL, 500, "Internal Server Error", NULL, -1);
}

/* An error, or a break: the client must not take it for an answer. */
static void fail(struct gw_request *request, aigw_status status)
{
    const char *cause = gw_ctx_error(&request->ctx);
    struct gw_line line;

    gw_line_begin(&line, GW_LOG_ERROR, "pipeline", "feature failed");
    gw_line_cstr(&line, "correlation_id", request->ex->request_id);
    gw_line_cstr(&line, "feature", request->ctx.instance);
    gw_line_int(&line, "status", status);
    gw_line_cstr(&line, "cause", *cause ? cause : "its callback answered a failure without host->fail()");
    gw_line_end(&line);
    stop_work(request);
    if (request->answer == GW_ANSWER_NONE)
        refuse_failed(request, status);
    else if (request->answer == GW_ANSWER_STREAM)
        gw_request_abort(request);
}

static bool is_awaited(const struct gw_request *request)
{
    return request->resume.is_queued || gw_request_has_calls(request) || gw_request_has_work(request);
}

void gw_request_settle(struct gw_request *request, aigw_status status)
{
    if (!gw_request_is_alive(request) || request->state < GW_REQUEST_CHECK)
        return;
    if (status < 0) {
        if (request->answer == GW_ANSWER_NONE || request->answer == GW_ANSWER_STREAM)
            fail(request, status);
        return;
    }
    if (is_awaited(request))
        return;
    if (request->is_step_pending)
        fail(request, gw_ctx_fail(&request->ctx, AIGW_E_STATE, "a step waits, but nothing will end that"));
    else if (request->answer == GW_ANSWER_STREAM)
        fail(request, gw_ctx_fail(&request->ctx, AIGW_E_STATE, "the answer was begun and never ended"));
    else if (request->answer == GW_ANSWER_NONE && request->state == GW_REQUEST_RUN)
        fail(request, gw_ctx_fail(&request->ctx, AIGW_E_STATE, "nothing is left that could bring an answer"));
}

/* ---- the steps ---- */

enum outcome { NEXT, WAIT, ENDED };

static enum outcome answer_unrouted(struct gw_request *request)
{
    char *detail = NULL;

    if (request->allow) {
        detail = gw_arena_printf(&request->ex->arena, "%.*s is not served here: this path takes %s",
                                 AIGW_STR_ARG(request->ex->method), request->allow);
        gw_answer_refuse(request, AIGW_REFUSE_METHOD, 405, "Method Not Allowed", detail, -1);
    } else {
        gw_answer_refuse(request, AIGW_REFUSE_PATH, 404, "Not Found", NULL, -1);
    }
    return ENDED;
}

static void prepare_view(struct gw_request *request, const struct gw_route *route)
{
    struct gw_exchange *ex = request->ex;
    const struct gw_instance *feature = route->feature;

    request->ctx = (struct aigw_ctx){ .plugin = feature->plugin,
                                      .instance = feature->name,
                                      .meter = feature->meter,
                                      .request_arena = &ex->arena,
                                      .build_arena = &request->build,
                                      .request = request,
                                      .request_id = ex->request_id };
    request->view = (struct aigw_request){ .struct_size = sizeof request->view,
                                           .route = route->spec,
                                           .method = ex->method,
                                           .path = ex->path,
                                           .query = ex->query,
                                           .content_type = gw_request_header(request, "content-type"),
                                           .id = gw_str(ex->request_id) };
}

/* What the parameters of the path stand for. False: out of memory. */
static bool keep_params(struct gw_request *request, const struct gw_route_match *match)
{
    struct aigw_pair *pairs;

    if (!match->param_count)
        return true;
    pairs = gw_arena_alloc(&request->ex->arena, match->param_count * sizeof *pairs);
    if (!pairs)
        return false;
    for (uint32_t i = 0; i < match->param_count; i++)
        pairs[i] = (struct aigw_pair){ match->params[i].name, match->params[i].value };
    request->view.path_param = pairs[0].value;
    request->view.path_params = pairs;
    request->view.path_param_count = match->param_count;
    return true;
}

/** For refusals as well: a page reads there how long to wait, and which request it was. */
static void open_to_pages(struct gw_request *request, const struct gw_route *route)
{
    (void)gw_answer_choose_origin(request, route);
    request->ex->has_open_headers = route->spec->callers & AIGW_CALLER_KEY;
}

static enum outcome step_head(struct gw_request *request)
{
    struct gw_exchange *ex = request->ex;
    struct gw_route_match match;

    if (gw_answer_before_auth(request))
        return ENDED;
    gw_answer_find_own(request);
    gw_router_find(request->snapshot->router, ex->method, ex->path, &match);
    request->route = match.route;
    if (!request->route) {
        request->near = request->own ? NULL : match.near;
        if (match.allow[0])
            request->allow = gw_arena_printf(&ex->arena, "%s", match.allow);
        if (request->near) {
            if (!(request->near->spec->callers & AIGW_CALLER_GITLAB))
                open_to_pages(request, request->near);
            prepare_view(request, request->near);
        }
        return NEXT;
    }
    open_to_pages(request, request->route);
    prepare_view(request, request->route);
    if (keep_params(request, &match))
        return NEXT;
    gw_answer_detail(request, 503, "Out of memory");
    return ENDED;
}

static void on_keys_ready(struct gw_auth_waiter *waiter);

static bool needs_no_token(const struct gw_request *request)
{
    return gw_request_is_open(request) || gw_answer_is_anonymous(request);
}

/* The caller may be served; is there something to serve? */
static enum outcome go_to_body(struct gw_request *request)
{
    const struct gw_settings *settings = &request->snapshot->settings;
    bool custom = settings->models.custom_models;
    bool asks = gw_str_is(gw_request_header(request, "x-gitlab-enabled-instance-verbose-ai-logs"), "true");

    request->is_verbose = settings->log.request_logging || (custom && asks);
    request->view.flags = request->is_verbose ? AIGW_REQUESTF_VERBOSE : 0;
    if (request->own) {
        gw_answer_own(request);
        return ENDED;
    }
    if (!request->route)
        return answer_unrouted(request);
    if (gw_meter_is_off(request->route->feature->meter)) {
        gw_answer_detail(request, 503,
                         gw_arena_printf(&request->ex->arena,
                                         "The feature %s is switched off by the operator of this "
                                         "gateway",
                                         request->route->feature->name));
        return ENDED;
    }
    if (request->route->spec->body_max) /* a plugin's word, and clients' bytes: as much as limits.body_max may be */
        request->ex->body_max =
            (size_t)(request->route->spec->body_max < BODY_MAX ? request->route->spec->body_max : BODY_MAX);
    if (request->ex->coding == GW_CODING_UNKNOWN) {
        gw_answer_refuse(request, AIGW_REFUSE_ENCODING, 415,
                         "Content-Encoding is not supported: send " GW_CODINGS ", or the body as it is", NULL, -1);
        return ENDED;
    }
    return NEXT;
}

/* Who was asked for the key or the token: the answer to a refusal is in that one's words. */
static enum outcome conclude_auth(struct gw_request *request, const struct gw_auth_result *result)
{
    request->token_issuer = result->token_issuer;
    switch (result->outcome) {
    case GW_AUTH_ALLOWED:
        request->principal = result->principal;
        request->grant = result->grant;
        return go_to_body(request);
    case GW_AUTH_WAIT:
        request->waiter.on_ready = on_keys_ready;
        gw_auth_wait(request->worker->auth, &request->waiter);
        return WAIT;
    default:
        request->auth_error = result->error;
        if (request->is_outsider && result->status == 401)
            gw_answer_refuse_key(request, result->error, result->detail);
        else
            gw_answer_refuse(request, result->status == 503 ? AIGW_REFUSE_KEYS : AIGW_REFUSE_TOKEN, result->status,
                             result->error, result->detail, result->retry_after_s > 0 ? result->retry_after_s : -1);
        return ENDED;
    }
}

static enum outcome step_auth(struct gw_request *request)
{
    struct gw_auth_result result = { 0 };
    int64_t start_us = gw_mono_us();

    if (needs_no_token(request))
        return go_to_body(request);
    request->is_outsider = gw_caller_check(request, &result);
    request->auth_us += gw_mono_us() - start_us;
    return conclude_auth(request, &result);
}

static enum outcome step_body(struct gw_request *request)
{
    (void)request;
    return WAIT; /* on_body() goes on */
}

/* check() and run() answer alike. */
static enum outcome after_step(struct gw_request *request, aigw_status status)
{
    request->is_step_pending = status == AIGW_PENDING;
    gw_request_settle(request, status);
    if (request->is_step_pending)
        return WAIT;
    return request->answer == GW_ANSWER_NONE && gw_request_is_alive(request) ? NEXT : ENDED;
}

static enum outcome step_check(struct gw_request *request)
{
    const struct aigw_feature_ops *ops = &request->route->feature->plugin->feature;

    if (!request->feature_call && ops->call_size) {
        request->feature_call = gw_guarded_calloc(&request->ex->arena, ops->call_size);
        if (!request->feature_call) {
            fail(request, gw_ctx_fail(&request->ctx, AIGW_E_NOMEM, "limits.request_memory_max is spent"));
            return ENDED;
        }
    }
    if (!ops->check)
        return NEXT;
    return after_step(request, gw_feature_check(request));
}

static enum outcome step_permit(struct gw_request *request)
{
    const struct aigw_route *spec = request->route->spec;
    uint32_t flags = spec->flags & AIGW_ROUTEF_NO_USER_TOKEN ? AIGW_SCOPEF_NO_USER_TOKEN : 0;

    if (!gw_request_may_force(request)) {
        gw_answer_refuse(request, AIGW_REFUSE_SCOPE, 403,
                         "x-aigw-force-target is for API keys whose scopes name \"admin\"; leave it out", NULL, -1);
        return ENDED;
    }
    if (!spec->scope || gw_request_has_scope(request, spec->scope, flags))
        return NEXT;
    gw_access_scope_refused(spec->scope);
    gw_answer_refuse(request, AIGW_REFUSE_SCOPE, 403, spec->forbidden_detail ? spec->forbidden_detail : "Forbidden",
                     NULL, -1);
    return ENDED;
}

static enum outcome step_run(struct gw_request *request)
{
    after_step(request, gw_feature_run(request));
    return WAIT;
}

static void walk(struct gw_request *request)
{
    static enum outcome (*const steps[])(struct gw_request *) = {
        [GW_REQUEST_HEAD] = step_head,   [GW_REQUEST_AUTH] = step_auth,     [GW_REQUEST_BODY] = step_body,
        [GW_REQUEST_CHECK] = step_check, [GW_REQUEST_PERMIT] = step_permit, [GW_REQUEST_RUN] = step_run,
    };

    while (request->state <= GW_REQUEST_RUN && steps[request->state](request) == NEXT)
        gw_request_move(request, GW_REQUEST_GO_ON);
}

/* ---- waking up ---- */

static int head_decision(const struct gw_request *request)
{
    return request->state == GW_REQUEST_BODY   ? GW_HEAD_READ
           : request->state == GW_REQUEST_AUTH ? GW_HEAD_WAIT
                                               : GW_HEAD_ANSWERED;
}

static void on_keys_ready(struct gw_auth_waiter *waiter)
{
    struct gw_request *request = GW_CONTAINER_OF(waiter, struct gw_request, waiter);

    waiter->on_ready = NULL; /* not waiting any more */
    walk(request);
    if (request->state != GW_REQUEST_AUTH)
        gw_http_head_done(request->ex, head_decision(request));
}

static void on_resume(struct gw_task *task)
{
    struct gw_request *request = GW_CONTAINER_OF(task, struct gw_request, resume);

    if (!request->is_step_pending || !gw_request_is_alive(request))
        return;
    request->is_step_pending = false;
    walk(request);
}

aigw_status gw_request_go_on(struct gw_request *request)
{
    if (!gw_request_is_alive(request))
        return AIGW_E_CLOSED;
    if (request->state != GW_REQUEST_CHECK && request->state != GW_REQUEST_RUN)
        return AIGW_E_STATE;
    request->resume.run = on_resume;
    gw_loop_defer(request->worker->loop, &request->resume);
    return AIGW_OK;
}

/* ---- the end ---- */

/* Nobody waits any more: stop, and tell the feature, unless it had finished. */
static void leave(struct gw_request *request)
{
    bool is_open = request->answer == GW_ANSWER_NONE || request->answer == GW_ANSWER_STREAM;
    bool was_at_work = request->state >= GW_REQUEST_CHECK && (is_open || is_awaited(request));

    if (request->state >= GW_REQUEST_GONE)
        return;
    if (request->waiter.on_ready)
        gw_auth_unwait(request->worker->auth, &request->waiter);
    request->waiter.on_ready = NULL;
    stop_work(request);
    gw_timer_clear(request->worker->loop, &request->deadline);
    gw_request_move(request, GW_REQUEST_LEAVE);
    if (was_at_work && request->route)
        gw_feature_gone(request);
}

static void deadline_due(struct gw_timer *timer)
{
    struct gw_request *request = GW_CONTAINER_OF(timer, struct gw_request, deadline);

    request->error_detail = "deadline";
    leave(request);
    if (request->answer == GW_ANSWER_NONE)
        gw_answer_refuse(request, AIGW_REFUSE_TIMEOUT, 504, "The request took longer than limits.request_ms allows",
                         NULL, -1);
    else if (request->answer == GW_ANSWER_STREAM)
        gw_request_abort(request);
}

/* ---- the listener's callbacks ---- */

static struct gw_request *new_request(struct gw_worker *worker, struct gw_exchange *ex)
{
    struct gw_request *request = gw_arena_calloc(&ex->arena, sizeof *request);

    if (!request)
        return NULL;
    request->worker = worker;
    request->ex = ex;
    request->snapshot = gw_snapshot_ref(worker->snapshot);
    request->deadline_ms = gw_loop_now_ms(worker->loop) + worker->snapshot->settings.limits.request_ms;
    if (worker->snapshot->settings.log.access)
        request->cpu_start_us = gw_loop_cpu_us(worker->loop);
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
    struct gw_request *request = new_request(user, ex);

    if (!request) {
        gw_http_reply(ex, 503, GW_JSON, AIGW_STR("{\"detail\":\"Out of memory\"}"), NULL, 0);
        return GW_HEAD_ANSWERED;
    }
    walk(request);
    return head_decision(request);
}

static void on_body(void *user, struct gw_exchange *ex)
{
    struct gw_request *request = ex->pipeline;

    (void)user;
    request->deadline.on_due = deadline_due;
    gw_timer_set(request->worker->loop, &request->deadline, request->snapshot->settings.limits.request_ms);
    if (request->route->spec->flags & AIGW_ROUTEF_NO_BODY)
        gw_http_free_body(ex);
    else
        request->view.body = ex->body;
    if (gw_request_move(request, GW_REQUEST_GO_ON))
        walk(request);
}

static void on_too_large(void *user, struct gw_exchange *ex)
{
    struct gw_request *request = ex->pipeline;
    char *text = gw_arena_printf(&ex->arena, "Request body is too large: more than %zu bytes", ex->body_max);

    (void)user;
    gw_answer_refuse(request, AIGW_REFUSE_TOO_LARGE, 413, text ? text : "Request body is too large", NULL, -1);
}

static void on_unreadable(void *user, struct gw_exchange *ex, const char *why)
{
    (void)user;
    gw_answer_refuse(ex->pipeline, AIGW_REFUSE_ENCODING, 400, why, NULL, -1);
}

static void on_gone(void *user, struct gw_exchange *ex)
{
    (void)user;
    if (ex->pipeline)
        leave(ex->pipeline);
}

static void on_drain(void *user, struct gw_exchange *ex)
{
    (void)user;
    if (ex->pipeline)
        gw_request_resume_calls(ex->pipeline);
}

static void on_done(void *user, struct gw_exchange *ex)
{
    struct gw_request *request = ex->pipeline;
    struct gw_snapshot *snapshot;

    (void)user;
    if (!request)
        return;
    leave(request); /* nothing when it had been answered */
    gw_request_move(request, GW_REQUEST_END);
    gw_access_done(request);
    gw_request_free_calls(request);
    gw_feature_note_memory(request);
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
                                     .on_too_large = on_too_large,
                                     .on_unreadable = on_unreadable,
                                     .on_gone = on_gone,
                                     .on_drain = on_drain,
                                     .on_done = on_done };
}
