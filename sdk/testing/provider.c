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

aigw_status aigw_testhost_request(struct aigw_testhost *th, const struct aigw_target *target,
                                  const struct aigw_model_request *req)
{
    static const struct aigw_target plain = { .struct_size = sizeof plain, .model = AIGW_STR_INIT("test-model") };

    if (th->plugin->descriptor.kind != AIGW_KIND_PROVIDER)
        return AIGW_E_UNSUPPORTED;
    if (!testhost_begin(th, ops_of(th)->call_size))
        return AIGW_E_NOMEM;
    return ops_of(th)->request(&th->ctx.base, th->state, th->call, target ? target : &plain, req, &th->http);
}

aigw_status aigw_testhost_request_json(struct aigw_testhost *th, const char *json)
{
    struct aigw_model_request req;
    struct aigw_target target;
    struct gw_err err;
    aigw_status status;

    if (th->plugin->descriptor.kind != AIGW_KIND_PROVIDER)
        return AIGW_E_UNSUPPORTED;
    if (!testhost_begin(th, ops_of(th)->call_size))
        return AIGW_E_NOMEM;
    /* A request lives as long as the build: the provider may point into it. */
    status = testhost_read_request(&th->build_arena, json, &target, &req, &err);
    if (status != AIGW_OK)
        return gw_ctx_fail(&th->ctx.base, status, "the test's request: %s", err.text);
    return ops_of(th)->request(&th->ctx.base, th->state, th->call, &target, &req, &th->http);
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

static aigw_status failed(struct aigw_testhost *th, aigw_status status)
{
    if (status != AIGW_OK && status != AIGW_E_CLOSED) {
        gw_buf_puts(&th->events, "failed ");
        gw_buf_json(&th->events, gw_str(gw_ctx_error(&th->ctx.base)), false);
        gw_buf_puts(&th->events, "\n");
        th->is_over = true;
    }
    return status;
}

/* START is the first event of a call: with it the build lifetime ends. */
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
    status = ops_of(th)->frame(&th->ctx.base, th->state, th->call, &copy);
    for (size_t i = 0; i < GW_ARRAY_LEN(strings); i++)
        free(memory[i]);
    return status;
}

aigw_status aigw_testhost_feed(struct aigw_testhost *th, const char *bytes, size_t len)
{
    if (!th->is_active || !ops_of(th)->frame)
        return AIGW_E_STATE;
    if (!th->is_framing)
        aigw_testhost_accept(th, NULL);
    if (th->is_over)
        return AIGW_E_CLOSED;
    return failed(th, gw_framer_feed(&th->framer, bytes, len, on_frame, th));
}

static aigw_status complete(struct aigw_testhost *th)
{
    aigw_status status = AIGW_OK;

    if (!th->is_over && ops_of(th)->done)
        status = failed(th, ops_of(th)->done(&th->ctx.base, th->state, th->call));
    if (!th->is_over)
        gw_buf_puts(&th->events, th->did_finish ? "end\n" : "cut\n");
    th->is_over = true;
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
    return status == AIGW_OK ? complete(th) : status;
}

const struct aigw_error *aigw_testhost_failure(struct aigw_testhost *th, int32_t status, const char *content_type,
                                               const char *retry_after, const char *body)
{
    struct aigw_http_failure failure = { .struct_size = sizeof failure,
                                         .status = status,
                                         .content_type = gw_str(content_type),
                                         .retry_after = gw_str(retry_after),
                                         .retry_after_ms = -1 };
    size_t len = body ? strlen(body) : 0;
    char *copy = len > 0 ? malloc(len) : NULL;
    uint64_t seconds;

    if (copy)
        failure.body = (aigw_str){ memcpy(copy, body, len), len };
    if (retry_after && gw_str_to_u64(failure.retry_after, INT32_MAX, &seconds))
        failure.retry_after_ms = (int64_t)seconds * 1000;
    th->failure = (struct aigw_error){ .struct_size = sizeof th->failure,
                                       .kind = aigw_error_kind_of_status(status),
                                       .http_status = status,
                                       .retry_after_ms = failure.retry_after_ms,
                                       .message = AIGW_STR_INIT("the model server refused the request") };
    if (ops_of(th)->failure)
        ops_of(th)->failure(&th->ctx.base, th->state, th->call, &failure, &th->failure);
    free(copy);
    th->is_over = true;
    return &th->failure;
}

aigw_status aigw_testhost_produce(struct aigw_testhost *th, int64_t limit_ms, int64_t *ret_ms)
{
    int64_t now_ms = 0;
    aigw_status status = AIGW_OK;

    if (!th->is_active || !ops_of(th)->produce)
        return AIGW_E_STATE;
    end_build(th);
    while (status == AIGW_OK && !th->is_over) {
        struct aigw_produce next = { .struct_size = sizeof next };

        status = failed(th, ops_of(th)->produce(&th->ctx.base, th->state, th->call, &next));
        if (status == AIGW_OK && next.is_done)
            status = complete(th);
        else if (next.next_ms < 0)
            status = failed(th, gw_ctx_fail(&th->ctx.base, AIGW_E_INVALID, "produce() asked for a negative pause"));
        else if (now_ms + next.next_ms > limit_ms)
            break;
        now_ms += next.next_ms;
    }
    if (ret_ms)
        *ret_ms = now_ms;
    return status;
}
