/* feature.c - a feature played by a client: a request goes through the core's own pipeline, and the answer is kept. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/* ---- configured by the test ---- */

aigw_status aigw_testhost_model(struct aigw_testhost *th, const char *json)
{
    json_object_put(th->model);
    th->model = json ? json_tokener_parse(json) : NULL;
    testhost_reconfigure(th);
    return json && !json_object_is_type(th->model, json_type_object) ? AIGW_E_INVALID : AIGW_OK;
}

aigw_status aigw_testhost_conf(struct aigw_testhost *th, const char *text)
{
    th->conf = text && *text ? testhost_keep(th, text) : NULL;
    testhost_reconfigure(th);
    return testhost_configure(th) ? AIGW_OK : AIGW_E_CONFIG;
}

static bool is_pause(aigw_str line)
{
    uint64_t ms;

    return gw_str_has_prefix(line, AIGW_STR("wait ")) &&
           gw_str_to_u64((aigw_str){ line.ptr + 5, line.len - 5 }, INT32_MAX, &ms);
}

static aigw_status check_script(const char *events)
{
    struct gw_arena scratch;
    struct aigw_event event;
    aigw_str rest = gw_str(events), line;
    aigw_status status = AIGW_OK;

    gw_arena_init(&scratch, (size_t)16 << 20);
    while (rest.len > 0 && status == AIGW_OK) {
        line = gw_str_trim(testhost_next_line(&rest));
        if (line.len > 0 && !is_pause(line))
            status = testhost_read_event(&scratch, line, &event);
    }
    gw_arena_done(&scratch);
    return status;
}

aigw_status aigw_testhost_script_of(struct aigw_testhost *th, const char *model, const char *events)
{
    struct testhost_prompt *script = gw_arena_alloc(&th->setup_arena, sizeof *script);
    aigw_status status = check_script(events);

    if (!script)
        return AIGW_E_NOMEM;
    if (status != AIGW_OK)
        return status;
    *script = (struct testhost_prompt){ .next = th->scripts,
                                        .id = testhost_keep(th, model),
                                        .text = testhost_keep(th, events) };
    th->scripts = script;
    return AIGW_OK;
}

aigw_status aigw_testhost_script(struct aigw_testhost *th, const char *events)
{
    return aigw_testhost_script_of(th, "", events);
}

void aigw_testhost_settings(struct aigw_testhost *th, const char *lines)
{
    th->settings = testhost_keep(th, lines);
}

void aigw_testhost_leave_after(struct aigw_testhost *th, uint32_t n)
{
    th->leave_after = n;
}

const struct aigw_testhost_answer *aigw_testhost_answer(const struct aigw_testhost *th)
{
    return &th->answer;
}

/* ---- one request ---- */

/* The exchange as the listener would hand it over. False: the listener would have refused it. */
static bool make_exchange(struct aigw_testhost *th, const char *method, const char *path, const char *headers)
{
    struct gw_exchange *ex = &th->exchange.base;
    const char *question = strchr(path, '?');
    aigw_str raw = { path, question ? (size_t)(question - path) : strlen(path) };

    th->exchange = (struct testhost_exchange){ .th = th };
    gw_arena_init(&ex->arena, (size_t)64 << 20);
    ex->method = gw_str(gw_arena_printf(&ex->arena, "%s", method));
    ex->target = gw_str(gw_arena_printf(&ex->arena, "%s", path));
    ex->query = gw_str(gw_arena_printf(&ex->arena, "%s", question ? question + 1 : ""));
    ex->http_minor = 1;
    ex->is_head = strcmp(method, "HEAD") == 0;
    memcpy(ex->request_id, "test-request", sizeof "test-request");
    memcpy(ex->client_ip, "127.0.0.1", sizeof "127.0.0.1");
    ex->arrived_us = gw_mono_us();
    th->headers = testhost_keep_answer(th, headers ? headers : "");
    return gw_path_normalize(&ex->arena, raw, th->snapshot.settings.server.path_prefix, &ex->path);
}

static bool is_over(const struct aigw_testhost *th)
{
    return th->answer.state == AIGW_ANSWER_COMPLETE || th->answer.state == AIGW_ANSWER_ABORTED ||
           th->exchange.base.is_gone;
}

/* The body in memory of its own, NUL-terminated, gone when the pipeline says so. One that is too large the listener
 * answers itself. */
static void read_body(struct aigw_testhost *th, const char *body)
{
    struct gw_exchange *ex = &th->exchange.base;

    if (body && strlen(body) > ex->body_max) {
        const char *text = gw_arena_printf(
            &th->sent_arena, "{\"detail\":\"Request body is too large: more than %zu bytes\"}", ex->body_max);

        gw_http_reply(ex, 413, GW_JSON, gw_str(text), NULL, 0);
        return;
    }
    ex->body.ptr = strdup(body ? body : "");
    if (!ex->body.ptr)
        abort();
    ex->body.len = strlen(ex->body.ptr);
    th->worker.handler.on_body(th->worker.handler.user, ex);
}

static void serve(struct aigw_testhost *th, const char *body)
{
    struct gw_exchange *ex = &th->exchange.base;
    struct gw_http_handler *handler = &th->worker.handler;
    const struct gw_request *request;

    if (handler->on_head(handler->user, ex) == GW_HEAD_READ)
        read_body(th, body);
    request = ex->pipeline;
    while (!is_over(th) && testhost_loop_step(th->loop, INT64_MAX, request && request->jobs))
        continue;
    while (testhost_loop_step(th->loop, gw_loop_now_ms(th->loop), false)) /* the rest of this turn */
        continue;
}

/* The exchange is over: the pipeline forgets it. */
static void finish(struct aigw_testhost *th)
{
    struct gw_exchange *ex = &th->exchange.base;

    th->worker.handler.on_done(th->worker.handler.user, ex);
    gw_http_free_body(ex);
    gw_arena_done(&ex->arena);
    testhost_end_call(th);
    if (th->body.status != AIGW_OK)
        testhost_fault(th, "the test host keeps %zu bytes of an answer, and this one is longer", th->body.max);
    th->answer.body = th->body.len > 0 ? th->body.data : "";
    th->answer.body_len = th->body.len;
    th->answer.headers = th->answer_headers.len > 0 ? th->answer_headers.data : "";
}

aigw_status aigw_testhost_send(struct aigw_testhost *th, const char *method, const char *path, const char *headers,
                               const char *body)
{
    if (th->plugin.descriptor.kind != AIGW_KIND_FEATURE)
        return AIGW_E_UNSUPPORTED;
    testhost_clear(th);
    if (!testhost_configure(th))
        return AIGW_E_CONFIG;
    if (make_exchange(th, method, path, headers)) {
        serve(th, body);
    } else {
        th->error = "the path cannot be decoded: the listener answers 400";
        th->status = AIGW_E_INVALID;
    }
    finish(th);
    return th->status;
}

/* What the core would answer itself. */
static const struct {
    uint32_t kind;
    int32_t http_status;
    const char *message;
} refusals[] = {
    { AIGW_REFUSE_TOKEN, 401, "No authorization header presented" },
    { AIGW_REFUSE_SCOPE, 403, "Forbidden" },
    { AIGW_REFUSE_TOO_LARGE, 413, "Request body too large" },
    { AIGW_REFUSE_LIMIT, 429, "Too many requests" },
    { AIGW_REFUSE_TIMEOUT, 504, "The request took longer than limits.request_ms allows" },
    { AIGW_REFUSE_INTERNAL, 500, "Internal Server Error" },
    { AIGW_REFUSE_KEYS, 503, "No keys to validate tokens with" },
    { AIGW_REFUSE_ENCODING, 415, "Content-Encoding is not supported" },
    { AIGW_REFUSE_PATH, 404, "Not Found" },
    { AIGW_REFUSE_METHOD, 405, "Method Not Allowed" },
};

/* Refuse the request, once the core knows whose it is. */
static void refuse(struct gw_request *request, uint32_t kind)
{
    const struct aigw_error error = { .struct_size = sizeof error,
                                      .kind = AIGW_ERR_OVERLOADED,
                                      .http_status = 529,
                                      .retry_after_ms = -1,
                                      .message = AIGW_STR_INIT("the model is busy") };
    int32_t http_status = 400;
    const char *message = "refused"; /* a kind of a later SDK */

    for (size_t i = 0; i < GW_ARRAY_LEN(refusals); i++)
        if (refusals[i].kind == kind) {
            http_status = refusals[i].http_status;
            message = refusals[i].message;
        }
    if (kind == AIGW_REFUSE_MODEL)
        gw_answer_model_error(request, &error);
    else if (kind == AIGW_REFUSE_INVALID)
        gw_answer_invalid(request, AIGW_STR("[]"));
    else
        gw_answer_refuse(request, kind, http_status, message, NULL, kind == AIGW_REFUSE_LIMIT ? 7 : -1);
}

aigw_status aigw_testhost_refuse(struct aigw_testhost *th, const char *method, const char *path, const char *headers,
                                 uint32_t kind)
{
    struct gw_http_handler *handler = &th->worker.handler;

    if (th->plugin.descriptor.kind != AIGW_KIND_FEATURE)
        return AIGW_E_UNSUPPORTED;
    testhost_clear(th);
    if (!testhost_configure(th))
        return AIGW_E_CONFIG;
    th->status = AIGW_E_UNSUPPORTED; /* the core's own answer, unless refuse() gives one */
    if (make_exchange(th, method, path, headers) && handler->on_head(handler->user, &th->exchange.base) == GW_HEAD_READ)
        refuse(th->exchange.base.pipeline, kind);
    finish(th);
    return th->status;
}
