/* answer.c - the answer of one attempt: transfer → frames → provider → events. */
#include "base/log.h"
#include "models/call.h"
#include "models/credential.h"

#define REFUSAL_MAX  (1u << 20) /* some repeat the request behind their words */
#define PAUSE_MAX_MS 86400000

/* ---- frames ---- */

static aigw_status on_frame(void *user, const struct aigw_frame *frame)
{
    struct gw_attempt *attempt = user;
    struct gw_visit visit;
    aigw_status status;

    if (attempt->state == GW_ATTEMPT_OVER)
        return AIGW_E_CLOSED;
    gw_attempt_visit(attempt, &visit, GW_CALLBACK_FRAME);
    status = gw_attempt_ops(attempt)->frame(&attempt->ctx, gw_attempt_self(attempt), attempt->provider_call, frame);
    status = gw_attempt_visited(attempt, &visit, status, AIGW_DONE);
    return attempt->state == GW_ATTEMPT_OVER ? AIGW_E_CLOSED : status;
}

/* Nothing more is waited for: let the provider say what it held back, and end the call. */
static void end_answer(struct gw_attempt *attempt)
{
    const struct aigw_provider_ops *ops = gw_attempt_ops(attempt);
    aigw_status status = AIGW_OK;
    struct gw_visit visit;

    if (ops->done) {
        gw_attempt_visit(attempt, &visit, GW_CALLBACK_DONE);
        status = ops->done(&attempt->ctx, gw_attempt_self(attempt), attempt->provider_call);
        status = gw_attempt_visited(attempt, &visit, status, AIGW_DONE);
    }
    if (attempt->state == GW_ATTEMPT_OVER)
        return;
    if (status < 0)
        gw_attempt_fail_status(attempt, status);
    else
        gw_call_complete(attempt);
}

/* What the framer or a provider's callback answered. */
static void settle(struct gw_attempt *attempt, aigw_status status)
{
    if (attempt->state == GW_ATTEMPT_OVER)
        return;
    if (status == AIGW_DONE)
        end_answer(attempt);
    else if (status)
        gw_attempt_fail_status(attempt, status);
}

/* D35: a finish reason came, then for a while nothing of the answer. */
void gw_attempt_grace_over(struct gw_timer *timer)
{
    end_answer(GW_CONTAINER_OF(timer, struct gw_attempt, grace));
}

static void report_refusal(struct gw_attempt *attempt);

/* Its words may be all that comes: the status says enough. */
static void refusal_is_over(struct gw_timer *timer)
{
    report_refusal(GW_CONTAINER_OF(timer, struct gw_attempt, grace));
}

/* D35 for bodies: one JSON value is whole, whatever its framing still lacks. */
static void body_is_over(struct gw_timer *timer)
{
    struct gw_attempt *attempt = GW_CONTAINER_OF(timer, struct gw_attempt, grace);
    aigw_status status;

    if (!gw_framer_is_whole(&attempt->framer))
        return;
    status = gw_framer_end(&attempt->framer, on_frame, attempt);
    settle(attempt, status ? status : AIGW_DONE);
}

static void await_end(struct gw_attempt *attempt, void (*on_due)(struct gw_timer *timer))
{
    int64_t grace_ms = attempt->call->in.snapshot->settings.upstream.finish_grace_ms;

    attempt->grace.on_due = on_due;
    if (grace_ms > 0)
        gw_timer_set(attempt->call->in.loop, &attempt->grace, grace_ms);
}

/* These bytes may be the last of a body. */
static bool may_be_last(const struct gw_attempt *attempt, const char *bytes, size_t len)
{
    aigw_str piece = gw_str_trim((aigw_str){ bytes, len });

    return attempt->framer.framing == AIGW_FRAMING_BODY && !attempt->grace.is_armed && piece.len > 0 &&
           (piece.ptr[piece.len - 1] == '}' || piece.ptr[piece.len - 1] == ']');
}

/* ---- the transfer ---- */

static int on_head(void *user, struct gw_transfer *transfer, int status)
{
    struct gw_attempt *attempt = user;

    attempt->status = status;
    gw_attempt_note_headers(attempt, transfer);
    if (status < 200 || status >= 300) {
        gw_buf_init(&attempt->refusal, REFUSAL_MAX);
        gw_attempt_move(attempt, GW_ATTEMPT_REFUSE);
        await_end(attempt, refusal_is_over);
        return GW_UP_MORE;
    }
    gw_framer_init(&attempt->framer, attempt->http.framing,
                   (size_t)attempt->call->in.snapshot->settings.upstream.answer_max);
    gw_attempt_move(attempt, GW_ATTEMPT_ACCEPT);
    attempt->http = (struct aigw_http_request){ .framing = attempt->http.framing };
    gw_meter_note_memory(attempt->ctx.meter, attempt->build.used);
    gw_arena_done(&attempt->build); /* the server has the request: a stream of minutes need not hold it */
    return GW_UP_MORE;
}

static int on_data(void *user, struct gw_transfer *transfer, const char *bytes, size_t len)
{
    struct gw_attempt *attempt = user;
    aigw_status status;

    (void)transfer;
    if (attempt->state == GW_ATTEMPT_REFUSED) { /* keep what explains it */
        size_t room = attempt->refusal.max - attempt->refusal.len;
        gw_buf_put(&attempt->refusal, bytes, len < room ? len : room);
        if (room > 0) /* nothing of what comes behind it is kept: it is not waited for either */
            await_end(attempt, refusal_is_over);
        return GW_UP_MORE;
    }
    gw_burst_begin();
    status = gw_framer_feed(&attempt->framer, bytes, len, on_frame, attempt);
    gw_burst_end();
    settle(attempt, status);
    if (attempt->state == GW_ATTEMPT_OVER)
        return GW_UP_STOP;
    if (may_be_last(attempt, bytes, len))
        await_end(attempt, body_is_over);
    return attempt->call->is_paused ? GW_UP_PAUSE : GW_UP_MORE;
}

/* The credential that was refused is thrown away, once in a call; the next attempt gets a new one. */
static bool renew_credential(struct gw_attempt *attempt, const struct aigw_error *error)
{
    struct aigw_call *call = attempt->call;

    if (error->kind != AIGW_ERR_AUTH || !attempt->credential_name || call->did_renew || call->state != GW_CALL_TRYING)
        return false;
    gw_credential_reject(attempt->target->provider, attempt->credential_name);
    if (call->rival) /* the other one of the two goes on */
        return false;
    call->did_renew = true;
    if (!gw_call_move(call, GW_CALL_REPEAT))
        return false;
    call->must_stay = true;
    call->attempts_left++; /* our own matter, not the target's */
    gw_attempt_close(attempt);
    gw_timer_set(call->in.loop, &call->rest, 0);
    return true;
}

static void report_refusal(struct gw_attempt *attempt)
{
    struct gw_transfer *transfer = attempt->transfer;
    struct aigw_http_failure failure = { .struct_size = sizeof failure,
                                         .status = attempt->status,
                                         .body = gw_buf_str(&attempt->refusal),
                                         .content_type = gw_transfer_header(transfer, "content-type"),
                                         .retry_after_ms = gw_retry_after_ms(transfer) };
    struct aigw_error error =
        gw_make_error(aigw_error_kind_of_status(attempt->status), attempt->status,
                      gw_arena_printf(attempt->call->in.arena, "the model server answered %d", attempt->status));
    struct gw_visit visit;

    if (attempt->status == 429 && failure.retry_after_ms < 0)
        failure.retry_after_ms = gw_rate_reset_ms(attempt->target->provider->plugin, transfer);
    error.retry_after_ms = failure.retry_after_ms;
    attempt->ctx.build_arena = attempt->ctx.request_arena;
    if (attempt->status >= 300 && attempt->status < 400)
        error.message = AIGW_STR("the model server answered with a redirect, which is not followed; use its final URL "
                                 "as the endpoint");
    else if (gw_attempt_ops(attempt)->failure) {
        gw_attempt_visit(attempt, &visit, GW_CALLBACK_FAILURE);
        gw_attempt_ops(attempt)->failure(&attempt->ctx, gw_attempt_self(attempt), attempt->provider_call, &failure,
                                         &error);
        gw_error_mend(&attempt->ctx, &error);
        gw_visit_end(&visit);
    }
    error.struct_size = sizeof error; /* an older plugin may have written its own */
    if (!renew_credential(attempt, &error))
        gw_attempt_fail(attempt, &error);
}

static struct aigw_error transport_error(const struct gw_attempt *attempt, const struct gw_transfer_result *result)
{
    static const uint32_t kinds[] = {
        [GW_UP_OK] = AIGW_ERR_INTERNAL,      [GW_UP_CONNECT] = AIGW_ERR_CONNECT,   [GW_UP_TLS] = AIGW_ERR_TLS,
        [GW_UP_TIMEOUT] = AIGW_ERR_TIMEOUT,  [GW_UP_CUT] = AIGW_ERR_CUT,           [GW_UP_REFUSED] = AIGW_ERR_ENDPOINT,
        [GW_UP_TOO_LARGE] = AIGW_ERR_LIMIT,  [GW_UP_STOPPED] = AIGW_ERR_CANCELLED, [GW_UP_INTERNAL] = AIGW_ERR_INTERNAL,
        [GW_UP_PROTOCOL] = AIGW_ERR_PROTOCOL
    };
    uint32_t kind =
        result->kind >= 0 && result->kind < (int)GW_ARRAY_LEN(kinds) ? kinds[result->kind] : AIGW_ERR_INTERNAL;

    /* The server never had the whole request: asking again does nothing twice. */
    if (kind == AIGW_ERR_CUT && !result->got_bytes && !result->was_sent)
        kind = AIGW_ERR_CONNECT;
    return gw_make_error(kind, attempt->status, gw_arena_printf(attempt->call->in.arena, "%s", result->message));
}

static void trace_end(const struct gw_attempt *attempt, const struct gw_transfer_result *result)
{
    struct gw_line line;

    if (!attempt->call->in.snapshot->settings.log.upstream_trace)
        return;
    gw_line_begin(&line, GW_LOG_INFO, "models", "Request to LLM complete");
    gw_line_cstr(&line, "correlation_id", attempt->ctx.request_id);
    gw_line_cstr(&line, "provider", attempt->target->provider->name);
    gw_line_str(&line, "model", attempt->target->model);
    gw_line_int(&line, "status_code", attempt->status);
    gw_line_seconds(&line, "duration_s", result->total_us);
    gw_line_bool(&line, "is_connection_reused", result->was_reused);
    gw_line_end(&line);
}

/* D35: once the finish reason is there, or one whole JSON value, how the body ends does not matter. */
static bool is_good_enough(struct gw_attempt *attempt, const struct gw_transfer_result *result)
{
    return (attempt->call->state == GW_CALL_FINISHED || gw_framer_is_whole(&attempt->framer)) &&
           (result->kind == GW_UP_CUT || result->kind == GW_UP_PROTOCOL || result->kind == GW_UP_TIMEOUT);
}

static void on_done(void *user, struct gw_transfer *transfer, const struct gw_transfer_result *result)
{
    struct gw_attempt *attempt = user;
    aigw_status status;

    (void)transfer;
    trace_end(attempt, result);
    if (attempt->state == GW_ATTEMPT_REFUSED && result->kind != GW_UP_STOPPED) {
        report_refusal(attempt); /* however its body ended */
    } else if (attempt->state == GW_ATTEMPT_ANSWERING &&
               (result->kind == GW_UP_OK || is_good_enough(attempt, result))) {
        status = gw_framer_end(&attempt->framer, on_frame, attempt);
        settle(attempt, status ? status : AIGW_DONE);
    } else {
        struct aigw_error error = transport_error(attempt, result);
        gw_attempt_fail(attempt, &error);
    }
    attempt->transfer = NULL; /* freed after this */
}

const struct gw_transfer_events gw_attempt_events = { .on_head = on_head, .on_data = on_data, .on_done = on_done };

aigw_str gw_attempt_answer_header(const struct gw_attempt *attempt, const char *name)
{
    if (!attempt->transfer || attempt->state < GW_ATTEMPT_REFUSED || attempt->state == GW_ATTEMPT_OVER)
        return AIGW_STR_NONE;
    return gw_transfer_header(attempt->transfer, name);
}

/* ---- providers without HTTP ---- */

void gw_attempt_produce(struct gw_attempt *attempt)
{
    struct aigw_produce next = { .struct_size = sizeof next };
    struct aigw_call *call = attempt->call;
    struct gw_visit visit;
    aigw_status status;

    if (call->is_paused)
        return; /* gw_attempt_resume() starts it again */
    gw_attempt_visit(attempt, &visit, GW_CALLBACK_PRODUCE);
    status = gw_attempt_ops(attempt)->produce(&attempt->ctx, gw_attempt_self(attempt), attempt->provider_call, &next);
    if (status == AIGW_OK && !next.is_done && (next.next_ms < 0 || next.next_ms > PAUSE_MAX_MS))
        status = gw_ctx_breach(&attempt->ctx, AIGW_E_STATE, GW_BREACH_VALUE,
                               "produce() wants a pause of %lld ms, expected 0 to a day", (long long)next.next_ms);
    status = gw_attempt_visited(attempt, &visit, status, AIGW_DONE);
    if (attempt->state == GW_ATTEMPT_OVER)
        return;
    if (status || next.is_done) {
        settle(attempt, status ? status : AIGW_DONE);
        return;
    }
    if (!call->is_paused)
        gw_timer_set(call->in.loop, &attempt->produce, next.next_ms);
}
