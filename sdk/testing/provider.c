/* provider.c - a provider played by hand: the core's own call asks it, and the answer is fed to the core's own attempt.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "models/plan.h"

#define ATTEMPTS_MAX 8

static bool is_provider(const struct aigw_testhost *th)
{
    return th->plugin.descriptor.kind == AIGW_KIND_PROVIDER;
}

/* ---- the call ---- */

static aigw_status build(void *user, struct aigw_call *call, const struct aigw_model_info *target,
                         struct gw_arena *arena, struct aigw_model_request *ret_request, const char **ret_why)
{
    const struct aigw_testhost *th = user;

    (void)call, (void)target, (void)arena, (void)ret_why;
    gw_abi_in(ret_request, sizeof *ret_request, th->request);
    return AIGW_OK;
}

static void note_failure(struct aigw_testhost *th, const struct aigw_error *error)
{
    th->failure = *error;
    th->failure.code = gw_arena_str(&th->sent_arena, error->code);
    th->failure.param = gw_arena_str(&th->sent_arena, error->param);
    th->failure.message = gw_arena_str(&th->sent_arena, error->message);
    if (th->may_emit || th->emit_status == AIGW_E_CLOSED)
        return; /* the plugin's own event, noted as it came; or the test wanted no more */
    if (error->kind == AIGW_ERR_CUT) {
        gw_buf_puts(&th->events, "cut\n");
    } else if (th->did_describe && th->status == AIGW_OK) {
        gw_buf_puts(&th->events, "failed ");
        gw_buf_json(&th->events, th->failure.message, false);
        gw_buf_puts(&th->events, "\n");
    }
}

/* How the call ended; what the plugin emitted was noted as it came. */
static void on_event(void *user, struct aigw_call *call, const struct aigw_event *event)
{
    struct aigw_testhost *th = user;

    (void)call;
    if (event->type == AIGW_EVENT_END)
        gw_buf_puts(&th->events, "end\n");
    else if (event->type == AIGW_EVENT_ERROR)
        note_failure(th, event->error);
    else
        return;
    th->is_over = true;
}

static void on_dropped(void *user, struct aigw_call *call)
{
    (void)call;
    ((struct aigw_testhost *)user)->is_over = true;
}

static void on_built(void *user, struct aigw_call *call)
{
    (void)user, (void)call;
}

void testhost_end_call(struct aigw_testhost *th)
{
    if (th->call)
        gw_call_done(th->call);
    th->call = NULL;
    th->transfer = NULL;
    while (th->loop && testhost_loop_step(th->loop, gw_loop_now_ms(th->loop), false))
        continue;
    gw_arena_done(&th->call_arena);
}

/* The plan that conf.d made, with what the test says about its target. */
static const struct aigw_model_info *make_plan(struct aigw_testhost *th, const struct aigw_target *target)
{
    struct aigw_model_info *info = gw_arena_calloc(&th->call_arena, sizeof *info);
    struct gw_plan *plan = gw_arena_calloc(&th->call_arena, sizeof *plan);
    struct gw_target *place = gw_arena_calloc(&th->call_arena, sizeof *place);
    const struct aigw_need need = { .struct_size = sizeof need, .model = AIGW_STR_INIT("test") };
    struct aigw_error error = { .struct_size = sizeof error };
    struct gw_ask ask = { .feature = &th->instance };

    if (!info || !plan || !place ||
        gw_models_resolve(th->snapshot.models, &ask, &need, &th->call_arena, info, &error) != AIGW_OK)
        return NULL;
    *plan = *(const struct gw_plan *)info->plan;
    *place = plan->targets[0];
    if (target) {
        place->model = target->model;
        place->endpoint = target->endpoint;
        place->api_key = target->api_key;
        place->prefix = target->prefix;
        place->is_adhoc = target->flags & AIGW_TARGETF_CALLER_ENDPOINT;
    }
    plan->targets = place;
    plan->target_count = 1;
    info->plan = plan;
    return info;
}

static aigw_status begin(struct aigw_testhost *th)
{
    if (!is_provider(th))
        return AIGW_E_UNSUPPORTED;
    testhost_clear(th);
    return testhost_configure(th) ? AIGW_OK : AIGW_E_CONFIG;
}

/* Let the core ask for the request, until it is described or refused. */
static aigw_status describe(struct aigw_testhost *th, const struct aigw_target *target,
                            const struct aigw_model_request *req)
{
    struct gw_call_request call = {
        .snapshot = &th->snapshot,
        .loop = th->loop,
        .upstream = (struct gw_upstream *)(void *)th,
        .arena = &th->call_arena,
        .request_id = "test-request",
        .model = make_plan(th, target),
        .options = { .struct_size = sizeof call.options,
                     .flags = req->flags & AIGW_REQF_STREAM ? AIGW_CALLF_STREAM : 0,
                     .dialect = req->raw ? req->raw->dialect : AIGW_STR_NONE },
        .deadline_ms = gw_loop_now_ms(th->loop) + th->snapshot.settings.limits.request_ms,
        .on_build = build,
        .on_event = on_event,
        .on_dropped = on_dropped,
        .on_built = on_built,
        .user = th,
    };

    th->request = req;
    th->call = call.model ? gw_call_new(&call) : NULL;
    if (!th->call)
        return AIGW_E_NOMEM;
    while (!th->did_describe && !th->is_over && testhost_loop_step(th->loop, INT64_MAX, false))
        continue;
    if (!th->is_over || th->status < 0)
        return th->status;
    /* The core's refusal rather than the plugin's: no URL, no credential … */
    th->error = gw_arena_strndup(&th->sent_arena, th->failure.message.ptr, th->failure.message.len);
    th->status = th->status == AIGW_PENDING ? AIGW_E_STATE : AIGW_E_INVALID;
    return th->status;
}

aigw_status aigw_testhost_request(struct aigw_testhost *th, const struct aigw_target *target,
                                  const struct aigw_model_request *req)
{
    aigw_status status = begin(th);

    return status == AIGW_OK ? describe(th, target, req) : status;
}

aigw_status testhost_request_changed(struct aigw_testhost *th, const char *json,
                                     void (*change)(struct aigw_model_request *req))
{
    struct aigw_model_request *req;
    struct aigw_target *target;
    struct gw_err err;
    aigw_status status = begin(th);

    if (status != AIGW_OK)
        return status;
    status = testhost_read_request(&th->call_arena, json, th->growth, &target, &req, &err);
    if (status != AIGW_OK) {
        th->error = gw_arena_printf(&th->sent_arena, "the test's request: %s", err.text);
        return status;
    }
    if (change)
        change(req);
    return describe(th, target, req);
}

aigw_status aigw_testhost_request_json(struct aigw_testhost *th, const char *json)
{
    return testhost_request_changed(th, json, NULL);
}

const struct aigw_http_request *aigw_testhost_http(const struct aigw_testhost *th)
{
    return &th->http;
}

const char *aigw_testhost_http_header(const struct aigw_testhost *th, const char *name)
{
    size_t len = strlen(name);

    for (uint32_t i = 0; i < th->http.header_count; i++) {
        const char *line = th->http.headers[i];

        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " ");
    }
    return NULL;
}

/* ---- the answer ---- */

void aigw_testhost_server_headers(struct aigw_testhost *th, const char *lines)
{
    th->server_headers = testhost_keep(th, lines);
}

void aigw_testhost_emit_max(struct aigw_testhost *th, uint32_t n)
{
    th->emit_max = n;
}

static const char *answer_headers(struct aigw_testhost *th, const char *content_type, const char *retry_after)
{
    return gw_arena_printf(&th->sent_arena, "content-type: %s\n%s%s%s%s", content_type ? content_type : "",
                           retry_after ? "retry-after: " : "", retry_after ? retry_after : "", retry_after ? "\n" : "",
                           th->server_headers ? th->server_headers : "");
}

/* What was started by the bytes that came; no time passes. */
static void settle(struct aigw_testhost *th)
{
    while (testhost_loop_step(th->loop, gw_loop_now_ms(th->loop), false))
        continue;
}

static aigw_status status_of(const struct aigw_testhost *th)
{
    if (!th->is_over)
        return AIGW_OK;
    return th->callback < 0 ? th->callback : th->finished ? AIGW_DONE : AIGW_E_CLOSED;
}

void testhost_accept(struct aigw_testhost *th, int status, const char *content_type)
{
    if (!th->transfer)
        return;
    testhost_server_head(th, status, answer_headers(th, content_type ? content_type : "text/event-stream", NULL));
    settle(th);
}

void aigw_testhost_accept(struct aigw_testhost *th, const char *content_type)
{
    testhost_accept(th, 200, content_type);
}

aigw_status aigw_testhost_feed(struct aigw_testhost *th, const char *bytes, size_t len)
{
    if (!th->call || !is_provider(th) || !th->plugin.provider.frame)
        return AIGW_E_STATE;
    if (!th->transfer)
        return AIGW_E_CLOSED;
    if (!testhost_is_accepted(th))
        aigw_testhost_accept(th, NULL);
    testhost_server_data(th, bytes, len);
    settle(th);
    return status_of(th);
}

aigw_status aigw_testhost_end(struct aigw_testhost *th)
{
    aigw_status status;

    if (!th->call || !is_provider(th))
        return AIGW_E_STATE;
    if (th->transfer && !testhost_is_accepted(th))
        aigw_testhost_accept(th, NULL);
    testhost_server_end(th, 200);
    settle(th);
    status = status_of(th);
    return status == AIGW_DONE || (th->is_over && th->callback >= 0) ? AIGW_OK : status;
}

const struct aigw_error *aigw_testhost_failure(struct aigw_testhost *th, int32_t status, const char *content_type,
                                               const char *retry_after, const char *body)
{
    const char *headers = answer_headers(th, content_type, retry_after);

    for (int i = 0; i < ATTEMPTS_MAX && th->transfer; i++) { /* once more after a credential was renewed */
        testhost_server_head(th, status, headers);
        if (th->transfer && body && *body)
            testhost_server_data(th, body, strlen(body));
        testhost_server_end(th, status);
        settle(th);
    }
    return &th->failure;
}

aigw_status aigw_testhost_produce(struct aigw_testhost *th, int64_t limit_ms, int64_t *ret_ms)
{
    int64_t begin_ms = gw_loop_now_ms(th->loop);

    if (!th->call || !is_provider(th) || !th->plugin.provider.produce)
        return AIGW_E_STATE;
    while (!th->is_over && testhost_loop_step(th->loop, begin_ms + limit_ms, false))
        continue;
    if (ret_ms)
        *ret_ms = gw_loop_now_ms(th->loop) - begin_ms;
    return th->callback < 0 ? th->callback : AIGW_OK;
}

/* ---- credentials ---- */

struct testhost_credential {
    struct testhost_credential *next;
    const char *name, *value;
};

void aigw_testhost_credential(struct aigw_testhost *th, const char *name, const char *value)
{
    struct testhost_credential *credential = gw_arena_alloc(&th->setup_arena, sizeof *credential);

    if (!credential)
        return;
    *credential = (struct testhost_credential){ .next = th->credentials,
                                                .name = testhost_keep(th, name),
                                                .value = testhost_keep(th, value) };
    th->credentials = credential;
}

const char *testhost_known_credential(const struct aigw_testhost *th, const char *name)
{
    for (const struct testhost_credential *known = th->credentials; known; known = known->next)
        if (strcmp(known->name, name) == 0)
            return known->value;
    return NULL;
}

void aigw_testhost_credential_answer(struct aigw_testhost *th, int32_t status, const char *body)
{
    struct testhost_server_answer **link = &th->credential_answers;
    struct testhost_server_answer *answer = gw_arena_calloc(&th->setup_arena, sizeof *answer);

    if (!answer)
        return;
    answer->status = status;
    answer->body = gw_str(testhost_keep(th, body));
    while (*link)
        link = &(*link)->next;
    *link = answer;
}
