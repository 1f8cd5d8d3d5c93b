/* provider.c - the test host playing the core for a provider: request, answer bytes, refusals, produce(). */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TESTHOST_FRAME_MAX ((size_t)16 << 20)

static const struct aigw_provider_ops *ops_of(const struct aigw_testhost *th)
{
    return &th->plugin->provider;
}

/* ---- request ---- */

/* request() and sign(), each again while a credential is missing. */
static aigw_status describe(struct aigw_testhost *th, const struct aigw_target *target,
                            const struct aigw_model_request *req)
{
    aigw_status status;

    do {
        th->http = (struct aigw_http_request){ .struct_size = sizeof th->http, .framing = AIGW_FRAMING_BODY };
        testhost_may_ask(th, true);
        status = ops_of(th)->request(&th->ctx.base, th->state, th->call, target, req, &th->http);
        testhost_may_ask(th, false);
    } while (status == AIGW_PENDING && (status = testhost_fetch_credential(th)) == AIGW_OK);
    if (status == AIGW_OK && ops_of(th)->sign && th->http.framing != AIGW_FRAMING_LOCAL)
        status = testhost_sign(th);
    return status;
}

static aigw_status begin(struct aigw_testhost *th)
{
    if (th->plugin->descriptor.kind != AIGW_KIND_PROVIDER)
        return AIGW_E_UNSUPPORTED;
    if (!testhost_begin(th, TESTHOST_CALL, ops_of(th)->call_size))
        return AIGW_E_NOMEM;
    th->emit_left = th->emit_max > 0 ? th->emit_max : UINT32_MAX;
    return AIGW_OK;
}

aigw_status aigw_testhost_request(struct aigw_testhost *th, const struct aigw_target *target,
                                  const struct aigw_model_request *req)
{
    static const struct aigw_target plain = { .struct_size = sizeof plain, .model = AIGW_STR_INIT("test-model") };
    aigw_status status = begin(th);

    return status == AIGW_OK ? describe(th, target ? target : &plain, req) : status;
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
    /* A request lives as long as the build: the provider may point into it. */
    status = testhost_read_request(&th->build_arena, json, th->growth, &target, &req, &err);
    if (status != AIGW_OK)
        return gw_ctx_fail(&th->ctx.base, status, "the test's request: %s", err.text);
    if (change)
        change(req);
    return describe(th, target, req);
}

aigw_status aigw_testhost_request_json(struct aigw_testhost *th, const char *json)
{
    return testhost_request_changed(th, json, NULL);
}

void aigw_testhost_server_headers(struct aigw_testhost *th, const char *lines)
{
    th->server_headers = gw_arena_printf(&th->setup_arena, "%s", lines ? lines : "");
}

void aigw_testhost_emit_max(struct aigw_testhost *th, uint32_t n)
{
    th->emit_max = n;
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

/* ---- a good answer ---- */

static void enter(struct aigw_testhost *th)
{
    th->may_emit = true;
    th->emit_status = AIGW_OK;
}

/* A callback is over: what emit() answered must be what it answers. */
static aigw_status leave(struct aigw_testhost *th, const char *callback, aigw_status status)
{
    th->may_emit = false;
    if (th->emit_status != AIGW_OK && status != th->emit_status)
        testhost_fault(th, "%s answered %d after emit() had answered %d: return that at once", callback, status,
                       th->emit_status);
    if (status > 0 && status != AIGW_DONE)
        testhost_fault(th, "%s answered %d, expected AIGW_OK, AIGW_DONE or a failure", callback, status);
    return status;
}

static aigw_status failed(struct aigw_testhost *th, aigw_status status)
{
    if (status < 0 && status != AIGW_E_CLOSED) {
        gw_buf_puts(&th->events, "failed ");
        gw_buf_json(&th->events, gw_str(gw_ctx_error(&th->ctx.base)), false);
        gw_buf_puts(&th->events, "\n");
        th->is_over = true;
    }
    return status;
}

static aigw_status complete(struct aigw_testhost *th)
{
    aigw_status status = AIGW_OK;

    if (!th->is_over && ops_of(th)->done) {
        enter(th);
        status = failed(th, leave(th, "done()", ops_of(th)->done(&th->ctx.base, th->state, th->call)));
    }
    if (!th->is_over)
        gw_buf_puts(&th->events, th->finished ? "end\n" : "cut\n");
    th->is_over = true;
    return status;
}

/* The server accepted: with that the build lifetime ends. */
static void end_build(struct aigw_testhost *th)
{
    gw_arena_done(&th->build_arena);
    th->http = (struct aigw_http_request){ .struct_size = sizeof th->http, .framing = th->http.framing };
}

void aigw_testhost_accept(struct aigw_testhost *th, const char *content_type)
{
    uint32_t framing = th->http.framing;

    if (th->is_framing)
        gw_framer_done(&th->framer);
    if (content_type && strncasecmp(content_type, "application/json", 16) == 0 && framing != AIGW_FRAMING_NDJSON)
        framing = AIGW_FRAMING_BODY; /* some servers ignore "stream" */
    gw_framer_init(&th->framer, framing, TESTHOST_FRAME_MAX);
    th->is_framing = true;
    th->has_headers = true;
    end_build(th);
}

/* Every string of the frame in memory of its own, of its exact size: reading beyond it is found. */
static aigw_status on_frame(void *user, const struct aigw_frame *frame)
{
    struct aigw_testhost *th = user;
    struct aigw_frame copy = *frame;
    aigw_str *strings[] = { &copy.event, &copy.data, &copy.exception };
    char *memory[GW_ARRAY_LEN(strings)] = { NULL };
    aigw_status status = AIGW_OK;

    if (th->is_over)
        return AIGW_E_CLOSED;
    for (size_t i = 0; i < GW_ARRAY_LEN(strings); i++) {
        if (strings[i]->len == 0)
            continue;
        memory[i] = malloc(strings[i]->len);
        if (!memory[i])
            abort();
        memcpy(memory[i], strings[i]->ptr, strings[i]->len);
        strings[i]->ptr = memory[i];
    }
    enter(th);
    status = leave(th, "frame()", ops_of(th)->frame(&th->ctx.base, th->state, th->call, &copy));
    for (size_t i = 0; i < GW_ARRAY_LEN(strings); i++)
        free(memory[i]);
    return status;
}

aigw_status aigw_testhost_feed(struct aigw_testhost *th, const char *bytes, size_t len)
{
    aigw_status status;

    if (!th->is_active || !ops_of(th)->frame)
        return AIGW_E_STATE;
    if (!th->is_framing)
        aigw_testhost_accept(th, NULL);
    if (th->is_over)
        return AIGW_E_CLOSED;
    status = failed(th, gw_framer_feed(&th->framer, bytes, len, on_frame, th));
    if (status == AIGW_DONE && complete(th) < 0)
        return AIGW_E_UPSTREAM;
    return status;
}

aigw_status aigw_testhost_end(struct aigw_testhost *th)
{
    aigw_status status = AIGW_OK;

    if (!th->is_active)
        return AIGW_E_STATE;
    if (!th->is_framing)
        aigw_testhost_accept(th, NULL);
    if (!th->is_over)
        status = failed(th, gw_framer_end(&th->framer, on_frame, th));
    status = status >= 0 ? complete(th) : status;
    th->has_headers = false;
    return status > 0 ? AIGW_OK : status;
}

/* ---- refusals and providers without a server ---- */

const struct aigw_error *aigw_testhost_failure(struct aigw_testhost *th, int32_t status, const char *content_type,
                                               const char *retry_after, const char *body)
{
    struct aigw_http_failure failure = {
        .struct_size = sizeof failure, .status = status, .content_type = gw_str(content_type), .retry_after_ms = -1
    };
    size_t len = body ? strlen(body) : 0;
    char *copy = len > 0 ? malloc(len) : NULL;
    uint64_t seconds;

    if (copy)
        failure.body = (aigw_str){ memcpy(copy, body, len), len };
    if (retry_after && gw_str_to_u64(gw_str(retry_after), INT32_MAX, &seconds))
        failure.retry_after_ms = (int64_t)seconds * 1000;
    th->failure = (struct aigw_error){ .struct_size = sizeof th->failure,
                                       .kind = aigw_error_kind_of_status(status),
                                       .http_status = status,
                                       .retry_after_ms = failure.retry_after_ms,
                                       .message = AIGW_STR_INIT("the model server refused the request") };
    th->has_headers = true;
    if (ops_of(th)->failure)
        ops_of(th)->failure(&th->ctx.base, th->state, th->call, &failure, &th->failure);
    th->has_headers = false;
    free(copy);
    th->is_over = true;
    return &th->failure;
}

aigw_status aigw_testhost_produce(struct aigw_testhost *th, int64_t limit_ms, int64_t *ret_ms)
{
    int64_t begin_ms = th->now_ms, left_ms = limit_ms;
    aigw_status status = AIGW_OK;

    if (!th->is_active || !ops_of(th)->produce)
        return AIGW_E_STATE;
    end_build(th);
    while (status == AIGW_OK && !th->is_over) {
        struct aigw_produce next = { .struct_size = sizeof next };

        enter(th);
        status = failed(th, leave(th, "produce()", ops_of(th)->produce(&th->ctx.base, th->state, th->call, &next)));
        if (status == AIGW_OK && next.is_done)
            status = complete(th);
        else if (next.next_ms < 0)
            status = failed(th, gw_ctx_fail(&th->ctx.base, AIGW_E_INVALID, "produce() asked for a negative pause"));
        else if (next.next_ms > left_ms)
            break;
        th->now_ms += next.next_ms;
        left_ms -= next.next_ms;
    }
    if (ret_ms)
        *ret_ms = th->now_ms - begin_ms;
    return status;
}
