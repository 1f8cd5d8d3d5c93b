/* attempt.c - one attempt at one target: provider → upstream → frames → provider → events. */
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "models/run.h"

#define FAILURE_BODY_MAX (64u << 10)

static struct aigw_error make_error(uint32_t kind, int http_status, const char *message)
{
    return (struct aigw_error){ .struct_size = sizeof(struct aigw_error),
                                .kind = kind,
                                .http_status = http_status,
                                .retry_after_ms = -1,
                                .message = gw_str(message) };
}

static const struct aigw_provider_ops *ops_of(const struct gw_run *run)
{
    return &run->target->provider->plugin->provider;
}

static void *state_of(const struct gw_run *run)
{
    return run->target->provider->state;
}

/* A provider callback failed: its own words if it gave any. */
static void fail_with_status(struct gw_run *run, aigw_status why)
{
    const char *words = run->ctx.error;
    struct aigw_error error;

    if (run->is_over || why == AIGW_E_CLOSED)
        return;
    switch (why) {
    case AIGW_E_NOMEM:
        error = make_error(AIGW_ERR_INTERNAL, 0, "the request's memory budget is spent (limits.request_memory_max)");
        break;
    case AIGW_E_LIMIT:
        error = make_error(AIGW_ERR_LIMIT, run->status,
                           words ? words : "the model's answer is larger than upstream.answer_max");
        break;
    case AIGW_E_UPSTREAM:
        error = make_error(AIGW_ERR_PROTOCOL, run->status,
                           words ? words : "the model server answered something its protocol does not allow");
        break;
    case AIGW_E_UNSUPPORTED:
    case AIGW_E_INVALID:
        error = make_error(AIGW_ERR_BAD_REQUEST, 0, words ? words : "this provider cannot serve such a request");
        break;
    default:
        error = make_error(AIGW_ERR_INTERNAL, 0, words ? words : "the provider plugin failed without a reason");
    }
    gw_run_failed(run, &error);
}

static void free_framer(struct gw_run *run)
{
    if (run->is_framing && !run->is_feeding) {
        gw_framer_done(&run->framer);
        run->is_framing = false;
    }
}

/* ---- the answer ---- */

static aigw_status on_frame(void *user, const struct aigw_frame *frame)
{
    struct gw_run *run = user;

    if (run->is_over)
        return AIGW_E_CLOSED;
    return ops_of(run)->frame(&run->ctx, state_of(run), run->call, frame);
}

static bool is_json(aigw_str content_type)
{
    static const char json[] = "application/json";

    return content_type.len >= sizeof json - 1 &&
           gw_str_eq_ci((aigw_str){ content_type.ptr, sizeof json - 1 }, gw_str(json));
}

static int on_head(void *user, struct gw_transfer *call, int status)
{
    struct gw_run *run = user;
    size_t frame_max = (size_t)run->in.snapshot->settings.upstream.answer_max;

    run->status = status;
    if (status < 200 || status >= 300) {
        gw_buf_init(&run->failure_body, FAILURE_BODY_MAX);
        return GW_UP_MORE;
    }
    uint32_t framing = run->http.framing;
    if (framing != AIGW_FRAMING_BODY && is_json(gw_transfer_header(call, "content-type")) &&
        framing != AIGW_FRAMING_NDJSON)
        framing = AIGW_FRAMING_BODY; /* some servers ignore "stream" */
    gw_framer_init(&run->framer, framing, frame_max);
    run->is_framing = true;
    gw_run_accepted(run);
    return run->is_over ? GW_UP_STOP : GW_UP_MORE;
}

static void tell_piece(const struct gw_run *run, bool begins)
{
    if (run->in.on_piece)
        run->in.on_piece(run->in.user, begins);
}

static int on_data(void *user, struct gw_transfer *call, const char *bytes, size_t len)
{
    struct gw_run *run = user;

    (void)call;
    if (!run->is_framing) { /* a refusal: keep what explains it */
        size_t room = run->failure_body.max - run->failure_body.len;
        gw_buf_put(&run->failure_body, bytes, len < room ? len : room);
        return GW_UP_MORE;
    }
    run->is_feeding = true;
    tell_piece(run, true);
    aigw_status status = gw_framer_feed(&run->framer, bytes, len, on_frame, run);
    tell_piece(run, false);
    run->is_feeding = false;
    if (status)
        fail_with_status(run, status);
    if (run->is_over)
        free_framer(run); /* gw_attempt_stop() could not, inside gw_framer_feed() */
    if (run->is_over || !run->upstream)
        return GW_UP_STOP;
    return run->is_paused ? GW_UP_PAUSE : GW_UP_MORE;
}

/* Retry-After: seconds or an HTTP date; retry-after-ms wins. */
static int64_t parse_retry_after(struct gw_transfer *call, aigw_str *ret_text)
{
    uint64_t value;
    aigw_str text = gw_transfer_header(call, "retry-after");

    *ret_text = text;
    if (gw_str_to_u64(gw_str_trim(gw_transfer_header(call, "retry-after-ms")), INT32_MAX, &value))
        return (int64_t)value;
    if (gw_str_to_u64(gw_str_trim(text), INT32_MAX, &value))
        return (int64_t)value * 1000;
    if (!text.len || text.len > 64)
        return -1;
    char date[65];
    memcpy(date, text.ptr, text.len);
    date[text.len] = '\0';
    struct tm utc = { 0 };
    if (!strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &utc))
        return -1;
    int64_t wait_s = (int64_t)timegm(&utc) - gw_wall_s();
    return wait_s > 0 ? wait_s * 1000 : 0;
}

/* The server's words may repeat the key that the caller sent: it must not come back or reach a log. */
static aigw_str without_key(struct gw_run *run, aigw_str message)
{
    aigw_str key = run->target->api_key;
    const char *found = key.len >= 4 && message.len > 0 ? memmem(message.ptr, message.len, key.ptr, key.len) : NULL;
    struct gw_buf clean, masked;
    aigw_str result;

    gw_buf_init(&clean, FAILURE_BODY_MAX * 2);
    gw_buf_init(&masked, FAILURE_BODY_MAX * 2);
    while (found) {
        gw_buf_put(&clean, message.ptr, (size_t)(found - message.ptr));
        gw_buf_puts(&clean, "**********");
        message.len -= (size_t)(found - message.ptr) + key.len;
        message.ptr = found + key.len;
        found = memmem(message.ptr, message.len, key.ptr, key.len);
    }
    gw_buf_put_str(&clean, message);
    gw_log_mask(&masked, gw_buf_str(&clean));
    result = gw_arena_str(run->in.request_arena, gw_buf_str(&masked));
    gw_buf_done(&clean);
    gw_buf_done(&masked);
    return result;
}

static void report_refusal(struct gw_run *run, struct gw_transfer *call)
{
    struct aigw_http_failure failure = { .struct_size = sizeof failure,
                                         .status = run->status,
                                         .body = gw_buf_str(&run->failure_body),
                                         .content_type = gw_transfer_header(call, "content-type") };
    struct aigw_error error =
        make_error(aigw_error_kind_of_status(run->status), run->status,
                   gw_arena_printf(run->in.request_arena, "the model server answered %d", run->status));

    failure.retry_after_ms = parse_retry_after(call, &failure.retry_after);
    error.retry_after_ms = failure.retry_after_ms;
    if (run->status >= 300 && run->status < 400)
        error.message = AIGW_STR("the model server answered with a redirect, which is not followed; use its final URL "
                                 "as the endpoint");
    else if (ops_of(run)->failure)
        ops_of(run)->failure(&run->ctx, state_of(run), run->call, &failure, &error);
    error.message = without_key(run, error.message);
    gw_run_failed(run, &error);
}

static struct aigw_error transport_error(const struct gw_run *run, const struct gw_transfer_result *result)
{
    static const uint32_t kinds[] = {
        [GW_UP_OK] = AIGW_ERR_INTERNAL,     [GW_UP_CONNECT] = AIGW_ERR_CONNECT,   [GW_UP_TLS] = AIGW_ERR_TLS,
        [GW_UP_TIMEOUT] = AIGW_ERR_TIMEOUT, [GW_UP_CUT] = AIGW_ERR_CUT,           [GW_UP_REFUSED] = AIGW_ERR_ENDPOINT,
        [GW_UP_TOO_LARGE] = AIGW_ERR_LIMIT, [GW_UP_STOPPED] = AIGW_ERR_CANCELLED, [GW_UP_INTERNAL] = AIGW_ERR_INTERNAL
    };
    uint32_t kind = result->kind >= 0 && result->kind <= GW_UP_INTERNAL ? kinds[result->kind] : AIGW_ERR_INTERNAL;

    /* Nothing of an answer came: to the caller that is a server that could not be reached. */
    if (kind == AIGW_ERR_CUT && !result->got_bytes)
        kind = AIGW_ERR_CONNECT;
    return make_error(kind, run->status, gw_arena_printf(run->in.request_arena, "%s", result->message));
}

static void add_model_time(struct gw_run *run)
{
    if (run->attempt_us)
        run->model_us += gw_mono_us() - run->attempt_us;
    run->attempt_us = 0;
}

/* log.upstream_trace: URL without its query, sizes, times; never a key, a prompt or an answer. */
static struct gw_line begin_trace(const struct gw_run *run, const char *message)
{
    struct gw_line line = { NULL };

    if (!run->in.snapshot->settings.log.upstream_trace)
        return line;
    gw_line_begin(&line, GW_LOG_INFO, "models", message);
    gw_line_cstr(&line, "correlation_id", run->in.ctx->request_id);
    gw_line_cstr(&line, "provider", run->target->provider->name);
    gw_line_str(&line, "model", run->target->model);
    return line;
}

static void trace_start(const struct gw_run *run)
{
    struct gw_line line = begin_trace(run, "Request to LLM");

    gw_line_cstr(&line, "request_method", run->http.method);
    gw_line_str(&line, "request_url", (aigw_str){ run->http.url, strcspn(run->http.url, "?") });
    gw_line_int(&line, "request_bytes", (int64_t)run->http.body.len);
    gw_line_end(&line);
}

/* What run->http points to may be gone: the build ended when the server accepted. */
static void trace_end(const struct gw_run *run, const struct gw_transfer_result *result)
{
    struct gw_line line = begin_trace(run, "Request to LLM complete");

    gw_line_int(&line, "status_code", run->status);
    gw_line_seconds(&line, "duration_s", result->total_us);
    gw_line_bool(&line, "is_connection_reused", result->was_reused);
    gw_line_end(&line);
}

static void on_done(void *user, struct gw_transfer *call, const struct gw_transfer_result *result)
{
    struct gw_run *run = user;
    aigw_status status = AIGW_OK;

    run->upstream = NULL; /* freed by the caller after this */
    trace_end(run, result);
    add_model_time(run);
    if (run->is_over)
        return;
    if (result->kind == GW_UP_OK && !run->is_framing) {
        report_refusal(run, call);
        return;
    }
    if (result->kind != GW_UP_OK) {
        if (result->was_reused && !result->got_bytes && !run->did_quiet_retry && result->kind == GW_UP_CUT) {
            run->did_quiet_retry = true; /* the pooled connection was stale: nobody has to know */
            gw_attempt_start(run);
            return;
        }
        struct aigw_error error = transport_error(run, result);
        gw_run_failed(run, &error);
        return;
    }
    tell_piece(run, true);
    run->is_feeding = true;
    status = gw_framer_end(&run->framer, on_frame, run);
    run->is_feeding = false;
    if (!status && ops_of(run)->done && !run->is_over)
        status = ops_of(run)->done(&run->ctx, state_of(run), run->call);
    if (status)
        fail_with_status(run, status);
    else if (!run->is_over)
        gw_run_complete(run);
    tell_piece(run, false); /* run lives in the request's arena, which goes with the exchange, later */
    if (run->is_over)
        free_framer(run);
}

/* ---- providers without HTTP ---- */

void gw_attempt_produce(struct gw_run *run)
{
    struct aigw_produce next = { .struct_size = sizeof next };

    if (run->is_over || run->is_paused)
        return; /* gw_run_resume() starts it again */
    run->is_producing = true;
    aigw_status status = ops_of(run)->produce(&run->ctx, state_of(run), run->call, &next);
    run->is_producing = false;
    if (run->is_over)
        return;
    if (!status && !next.is_done) {
        if (!run->is_paused)
            gw_run_produce_in(run, next.next_ms);
        return;
    }
    if (!status && ops_of(run)->done)
        status = ops_of(run)->done(&run->ctx, state_of(run), run->call);
    add_model_time(run);
    if (status)
        fail_with_status(run, status);
    else if (!run->is_over)
        gw_run_complete(run);
}

/* ---- starting and stopping ---- */

void gw_attempt_stop(struct gw_run *run)
{
    struct gw_transfer *call = run->upstream;

    run->upstream = NULL;
    add_model_time(run);
    if (call)
        gw_transfer_cancel(call);
    free_framer(run);
    gw_buf_done(&run->failure_body);
}

static aigw_str extra_headers(struct gw_run *run)
{
    const struct aigw_map *map = &run->in.snapshot->settings.models.extra_headers;
    struct gw_buf lines;
    aigw_str result = AIGW_STR_NONE;

    if (!map->count)
        return result;
    gw_buf_init(&lines, 16u << 10);
    for (size_t i = 0; i < map->count; i++)
        gw_buf_printf(&lines, "%s: %s\r\n", map->names[i], map->values[i]);
    result = gw_arena_str(run->in.build_arena, gw_buf_str(&lines));
    gw_buf_done(&lines);
    return result;
}

/* The request as this plan sends it: streaming may be switched off for all. */
static aigw_status describe(struct gw_run *run)
{
    struct aigw_model_request request = *run->in.request;
    struct aigw_target target = {
        .struct_size = sizeof target,
        .flags = run->target->is_adhoc ? AIGW_TARGETF_CALLER_ENDPOINT : 0,
        .model = run->target->model,
        .endpoint = run->target->endpoint,
        .api_key = run->target->api_key,
        .prefix = run->target->prefix,
    };

    if (run->in.snapshot->settings.models.disable_streaming)
        request.flags &= ~AIGW_REQF_STREAM;
    run->http = (struct aigw_http_request){ .struct_size = sizeof run->http, .framing = AIGW_FRAMING_BODY };
    run->ctx.error = NULL;
    return ops_of(run)->request(&run->ctx, state_of(run), run->call, &target, &request, &run->http);
}

static aigw_status send_request(struct gw_run *run, struct gw_err *reterr)
{
    static const struct gw_transfer_events template = { .on_head = on_head, .on_data = on_data, .on_done = on_done };
    const struct gw_settings *settings = &run->in.snapshot->settings;
    struct gw_transfer_events events = template;
    bool is_stream = run->http.framing != AIGW_FRAMING_BODY;
    struct gw_transfer_request request = {
        .method = run->http.method,
        .url = run->http.url,
        .headers = run->http.headers,
        .header_count = run->http.header_count,
        .extra_headers = extra_headers(run),
        .body = run->http.body,
        .flags =
            (is_stream ? GW_UPF_EXPECT_STREAM : 0) | (settings->models.allow_link_local ? 0 : GW_UPF_CHECK_ADDRESS),
        .idle_ms = run->in.idle_ms,
        .body_max = is_stream ? 0 : (size_t)settings->upstream.answer_max,
        .tls = &run->in.snapshot->upstream_tls,
    };

    events.user = run;
    if (!request.url || !request.method)
        return gw_err_set(reterr, AIGW_E_INVALID, "provider plugin %s described no request",
                          run->target->provider->plugin->descriptor.name);
    run->upstream = gw_transfer_start(run->in.upstream, &request, &events, reterr);
    return run->upstream ? AIGW_OK : AIGW_E_INVALID;
}

static bool prepare_call(struct gw_run *run)
{
    size_t size = ops_of(run)->call_size;

    run->call = size ? gw_arena_calloc(run->in.request_arena, size) : NULL;
    return size == 0 || run->call;
}

void gw_attempt_start(struct gw_run *run)
{
    struct gw_err err = { "" };
    struct aigw_error error;
    aigw_status status;

    run->target = &run->plan->targets[run->target_at];
    run->ctx.plugin = run->target->provider->plugin;
    run->ctx.instance = run->target->provider->name;
    run->status = 0;
    if (!gw_circuit_allows(run->target->circuit_key, gw_loop_now_ms(run->in.loop))) {
        error = make_error(AIGW_ERR_CIRCUIT, 0, "the model server failed repeatedly and is being rested");
        goto fail;
    }
    if (!prepare_call(run)) {
        error = make_error(AIGW_ERR_INTERNAL, 0, "the request's memory budget is spent (limits.request_memory_max)");
        goto fail;
    }
    status = describe(run);
    if (status) {
        error = make_error(status == AIGW_E_NOMEM ? AIGW_ERR_INTERNAL : AIGW_ERR_BAD_REQUEST, 0,
                           run->ctx.error ? run->ctx.error : "the provider plugin could not build the request");
        goto fail;
    }
    run->attempt_us = gw_mono_us();
    if (run->http.framing == AIGW_FRAMING_LOCAL) {
        gw_run_produce_in(run, 0);
        return;
    }
    if (send_request(run, &err) == AIGW_OK) {
        trace_start(run);
        return;
    }
    error = make_error(AIGW_ERR_BAD_REQUEST, 0, gw_arena_printf(run->in.request_arena, "%s", err.text));
fail:
    if (run->plan->try_next && run->target_at + 1 < run->plan->target_count)
        gw_run_failed(run, &error); /* moves on through a timer */
    else
        gw_run_fail_later(run, &error);
}
