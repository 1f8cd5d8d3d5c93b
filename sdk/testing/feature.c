/* feature.c - the test host playing the core for a feature: a request through check() and run(), and what the client
 * gets. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static const struct aigw_feature_ops *ops_of(const struct aigw_testhost *th)
{
    return &th->plugin->feature;
}

/* ---- what the feature answers ---- */

static aigw_status begin_answer(struct aigw_testhost *th, uint32_t state, uint32_t http_status,
                                const char *content_type, const struct aigw_pair *headers, uint32_t header_count)
{
    if (!testhost_is(&th->ctx.base, TESTHOST_REQUEST, "respond") || !th->is_active ||
        th->answer.state != AIGW_ANSWER_NONE)
        return AIGW_E_STATE;
    for (uint32_t i = 0; i < header_count; i++)
        gw_buf_printf(&th->answer_headers, "%.*s: %.*s\n", AIGW_STR_ARG(headers[i].name),
                      AIGW_STR_ARG(headers[i].value));
    th->answer = (struct aigw_testhost_answer){
        .state = state,
        .status = http_status,
        .is_stream = state == AIGW_ANSWER_OPEN,
        .content_type = gw_arena_printf(&th->request_arena, "%s", content_type ? content_type : "application/json"),
    };
    return AIGW_OK;
}

aigw_status testhost_respond(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type, aigw_str body,
                             const struct aigw_pair *headers, uint32_t header_count)
{
    struct aigw_testhost *th = testhost_of(ctx);
    aigw_status status = begin_answer(th, AIGW_ANSWER_COMPLETE, http_status, content_type, headers, header_count);

    if (status == AIGW_OK)
        gw_buf_put_str(&th->body, body);
    return status;
}

static aigw_status respond_text(struct aigw_testhost *th, uint32_t http_status, aigw_str detail,
                                const struct aigw_pair *headers, uint32_t header_count)
{
    aigw_status status = begin_answer(th, AIGW_ANSWER_COMPLETE, http_status, NULL, headers, header_count);

    if (status == AIGW_OK) {
        gw_buf_puts(&th->body, "{\"detail\":");
        gw_buf_json(&th->body, detail, false);
        gw_buf_puts(&th->body, "}");
    }
    return status;
}

aigw_status testhost_respond_detail(struct aigw_ctx *ctx, uint32_t http_status, const char *fmt, ...)
{
    struct aigw_testhost *th = testhost_of(ctx);
    va_list args;
    char *detail;

    va_start(args, fmt);
    detail = gw_arena_vprintf(&th->request_arena, fmt, args);
    va_end(args);
    return respond_text(th, http_status, gw_str(detail), NULL, 0);
}

aigw_status testhost_respond_invalid(struct aigw_ctx *ctx, aigw_str errors)
{
    struct aigw_testhost *th = testhost_of(ctx);

    gw_buf_printf(&th->notes, "invalid %.*s\n", AIGW_STR_ARG(errors));
    return respond_text(th, 422, AIGW_STR("Validation error"), NULL, 0);
}

aigw_status testhost_respond_model_error(struct aigw_ctx *ctx, const struct aigw_error *error)
{
    struct aigw_testhost *th = testhost_of(ctx);
    struct aigw_pair retry = { .name = AIGW_STR_INIT("Retry-After") };
    uint32_t status = 503;

    if (error->kind == AIGW_ERR_RATE_LIMITED)
        status = 429;
    else if (error->kind == AIGW_ERR_NO_MODEL || error->kind == AIGW_ERR_ENDPOINT)
        status = 422;
    retry.value =
        gw_str(gw_arena_printf(&th->request_arena, "%lld", (long long)((error->retry_after_ms + 999) / 1000)));
    return respond_text(th, status, error->message, &retry, status == 429 && error->retry_after_ms >= 0 ? 1 : 0);
}

aigw_status testhost_stream_begin(struct aigw_ctx *ctx, uint32_t http_status, const char *content_type,
                                  const struct aigw_pair *headers, uint32_t header_count)
{
    return begin_answer(testhost_of(ctx), AIGW_ANSWER_OPEN, http_status, content_type, headers, header_count);
}

aigw_status testhost_stream_write(struct aigw_ctx *ctx, aigw_str bytes)
{
    struct aigw_testhost *th = testhost_of(ctx);

    if (th->answer.state != AIGW_ANSWER_OPEN)
        return AIGW_E_STATE;
    if (th->leave_after > 0 && th->answer.write_count >= th->leave_after)
        return AIGW_E_CLOSED;
    th->answer.write_count++;
    gw_buf_put_str(&th->body, bytes);
    return AIGW_OK;
}

aigw_status testhost_stream_end(struct aigw_ctx *ctx)
{
    struct aigw_testhost *th = testhost_of(ctx);

    if (th->answer.state != AIGW_ANSWER_OPEN)
        return AIGW_E_STATE;
    th->answer.state = AIGW_ANSWER_COMPLETE;
    return AIGW_OK;
}

void testhost_stream_abort(struct aigw_ctx *ctx)
{
    struct aigw_testhost *th = testhost_of(ctx);

    if (th->answer.state == AIGW_ANSWER_OPEN)
        th->answer.state = AIGW_ANSWER_ABORTED;
}

const struct aigw_testhost_answer *aigw_testhost_answer(const struct aigw_testhost *th)
{
    return &th->answer;
}

void aigw_testhost_leave_after(struct aigw_testhost *th, uint32_t n)
{
    th->leave_after = n;
}

/* ---- one request ---- */

/* True when path fits pattern; the part that {name} or {name:path} stands for goes to *ret_param. */
static bool fits(const char *pattern, aigw_str path, aigw_str *ret_param)
{
    const char *brace = strchr(pattern, '{'), *end = brace ? strchr(brace, '}') : NULL;
    aigw_str head = { pattern, brace ? (size_t)(brace - pattern) : strlen(pattern) }, param;
    size_t tail_len = end ? strlen(end + 1) : 0;

    *ret_param = AIGW_STR_NONE;
    if (!end)
        return gw_str_eq(path, head);
    if (path.len <= head.len + tail_len || !gw_str_has_prefix(path, head) ||
        memcmp(path.ptr + path.len - tail_len, end + 1, tail_len) != 0)
        return false;
    param = (aigw_str){ path.ptr + head.len, path.len - head.len - tail_len };
    if (strncmp(end - 5, ":path", 5) != 0 && memchr(param.ptr, '/', param.len))
        return false;
    *ret_param = param;
    return true;
}

static const struct aigw_route *find_route(const struct aigw_testhost *th, const char *method, aigw_str path,
                                           aigw_str *ret_param)
{
    for (uint32_t i = 0; i < ops_of(th)->route_count; i++) {
        const struct aigw_route *route = &th->plugin->routes[i];

        if (strcmp(route->method, method) == 0 && fits(route->path, path, ret_param))
            return route;
    }
    return NULL;
}

static aigw_status build_request(struct aigw_testhost *th, const char *method, const char *path, const char *headers,
                                 const char *body)
{
    const char *question = strchr(path, '?');
    size_t body_len = body ? strlen(body) : 0;
    char *copy;
    aigw_str param;

    th->request = (struct aigw_request){
        .struct_size = sizeof th->request,
        .flags = th->is_verbose ? AIGW_REQUESTF_VERBOSE : 0,
        .method = gw_str(gw_arena_printf(&th->request_arena, "%s", method)),
        .path = gw_str(gw_arena_strndup(&th->request_arena, path, question ? (size_t)(question - path) : strlen(path))),
        .query = gw_str(gw_arena_printf(&th->request_arena, "%s", question ? question + 1 : "")),
        .id = AIGW_STR_INIT("test-request"),
    };
    th->headers = gw_arena_printf(&th->request_arena, "%s", headers ? headers : "");
    th->request.content_type = testhost_line_value(th->headers, "content-type", ':');
    th->request.route = find_route(th, method, th->request.path, &param);
    if (!th->request.route)
        return gw_ctx_fail(&th->ctx.base, AIGW_E_NOT_FOUND, "the plugin has no route for %s %s", method, path);
    th->request.path_param = gw_arena_str(&th->request_arena, param);
    if (param.ptr) {
        const char *brace = strchr(th->request.route->path, '{') + 1;
        struct aigw_pair *pair = gw_arena_calloc(&th->request_arena, sizeof *pair);

        if (!pair)
            return AIGW_E_NOMEM;
        *pair = (struct aigw_pair){ .name = { brace, strcspn(brace, ":}") }, .value = th->request.path_param };
        th->request.path_params = pair;
        th->request.path_param_count = 1;
    }
    if (th->request.route->flags & AIGW_ROUTEF_NO_BODY)
        return AIGW_OK;
    copy = malloc(body_len + 1); /* gone with the build, as in the core */
    if (!copy || gw_arena_defer(&th->build_arena, free, copy) != AIGW_OK)
        return AIGW_E_NOMEM;
    memcpy(copy, body ? body : "", body_len + 1);
    th->request.body = (aigw_str){ copy, body_len };
    return AIGW_OK;
}

aigw_status testhost_step(struct aigw_testhost *th)
{
    const struct aigw_feature_ops *ops = ops_of(th);
    const struct aigw_route *route = th->request.route;
    aigw_status status = AIGW_OK;

    th->did_go_on = false;
    if (th->step == TESTHOST_CHECK) {
        if (ops->check)
            status = ops->check(&th->ctx.base, th->state, th->call, &th->request);
        if (status != AIGW_OK || th->answer.state != AIGW_ANSWER_NONE)
            return status;
        if (route->scope &&
            !testhost_has_scope(&th->ctx.base, route->scope,
                                route->flags & AIGW_ROUTEF_NO_USER_TOKEN ? AIGW_SCOPEF_NO_USER_TOKEN : 0))
            return respond_text(th, 403, gw_str(route->forbidden_detail ? route->forbidden_detail : "Forbidden"), NULL,
                                0);
        th->step = TESTHOST_RUN;
    }
    status = ops->run(&th->ctx.base, th->state, th->call, &th->request);
    if (status != AIGW_PENDING)
        th->step = TESTHOST_ANSWER;
    return status;
}

static void finish_request(struct aigw_testhost *th)
{
    testhost_drop_jobs(th);
    gw_arena_done(&th->build_arena);
    th->answer.body = th->body.len > 0 ? th->body.data : "";
    th->answer.body_len = th->body.len;
    th->answer.headers = th->answer_headers.len > 0 ? th->answer_headers.data : "";
}

aigw_status aigw_testhost_send(struct aigw_testhost *th, const char *method, const char *path, const char *headers,
                               const char *body)
{
    aigw_status status;

    if (th->plugin->descriptor.kind != AIGW_KIND_FEATURE)
        return AIGW_E_UNSUPPORTED;
    if (!testhost_begin(th, TESTHOST_REQUEST, ops_of(th)->call_size))
        return AIGW_E_NOMEM;
    th->step = TESTHOST_CHECK;
    status = build_request(th, method, path, headers, body);
    if (status == AIGW_OK)
        status = testhost_turn(th, testhost_step(th));
    if (testhost_has_left(th) && ops_of(th)->gone)
        ops_of(th)->gone(&th->ctx.base, th->state, th->call);
    finish_request(th);
    return status;
}

/* What the core would answer itself. */
static const struct {
    uint32_t kind;
    int32_t http_status;
    const char *message;
} refusals[] = {
    { AIGW_REFUSE_TOKEN, 401, "Token validation failed" },
    { AIGW_REFUSE_SCOPE, 403, "Forbidden" },
    { AIGW_REFUSE_TOO_LARGE, 413, "Request body too large" },
    { AIGW_REFUSE_LIMIT, 429, "Too many requests" },
    { AIGW_REFUSE_TIMEOUT, 504, "Request timed out" },
    { AIGW_REFUSE_INTERNAL, 500, "Internal server error" },
    { AIGW_REFUSE_KEYS, 503, "No keys to validate tokens with" },
    { AIGW_REFUSE_MODEL, 503, "the model is busy" },
    { AIGW_REFUSE_INVALID, 422, "Validation error" },
};

aigw_status aigw_testhost_refuse(struct aigw_testhost *th, const char *method, const char *path, const char *headers,
                                 uint32_t kind)
{
    const struct aigw_error error = { .struct_size = sizeof error,
                                      .kind = AIGW_ERR_OVERLOADED,
                                      .http_status = 529,
                                      .retry_after_ms = -1,
                                      .message = AIGW_STR_INIT("the model is busy") };
    struct aigw_refusal refusal = { .struct_size = sizeof refusal, .kind = kind, .http_status = 400 };
    aigw_status status;

    if (th->plugin->descriptor.kind != AIGW_KIND_FEATURE)
        return AIGW_E_UNSUPPORTED;
    if (!testhost_begin(th, TESTHOST_REQUEST, 0))
        return AIGW_E_NOMEM;
    refusal.retry_after_s = kind == AIGW_REFUSE_LIMIT ? 7 : -1;
    refusal.message = AIGW_STR("refused"); /* a kind of a later SDK */
    for (size_t i = 0; i < GW_ARRAY_LEN(refusals); i++)
        if (refusals[i].kind == kind) {
            refusal.http_status = refusals[i].http_status;
            refusal.message = gw_str(refusals[i].message);
        }
    if (kind == AIGW_REFUSE_MODEL)
        refusal.error = &error;
    status = build_request(th, method, path, headers, NULL);
    if (status == AIGW_OK)
        status = ops_of(th)->refuse ? ops_of(th)->refuse(&th->ctx.base, th->state, &th->request, &refusal)
                                    : AIGW_E_UNSUPPORTED;
    finish_request(th);
    return status;
}
