/* transfer.c - a transfer from start to end: what callers ask for, its states, its one timer.
 *
 * The timer serves connect, idle and total limit. It is not moved when data comes: when it fires it looks at how long
 * ago the last sign of life was and goes back to sleep for the rest, so a stream costs no timer work per event.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "upstream/internal.h"

/* ---- states ----------------------------------------------------------------------------------------------------- */

static struct gw_transfer_list *list_of(struct gw_upstream *up, int state)
{
    switch (state) {
    case GW_TRANSFER_QUEUED:
    case GW_TRANSFER_RESUMING:
        return &up->waiting;
    case GW_TRANSFER_ENDED:
        return &up->over;
    default:
        return &up->active;
    }
}

static void enter(struct gw_transfer *transfer, int state)
{
    struct gw_upstream *up = transfer->up;
    struct gw_transfer_list *list = list_of(up, state);

    transfer->state = (uint8_t)state;
    TAILQ_INSERT_TAIL(list, transfer, entry);
    if (list == &up->waiting) {
        up->waiting_count++;
        gw_loop_defer(up->loop, &up->work);
    } else if (list == &up->over) {
        up->transfer_count--;
        gw_up_reap_later(up);
    }
}

bool gw_transfer_move(struct gw_transfer *transfer, enum gw_transfer_event event)
{
    struct gw_upstream *up = transfer->up;
    int next = gw_transfer_next(transfer->state, event);
    struct gw_transfer_list *list;

    if (next < 0) {
        /* Callers may resume what does not rest and cancel what is over; we may not. */
        if (event != GW_TRANSFER_RESUME && event != GW_TRANSFER_CANCEL)
            gw_log(GW_LOG_ERROR, "upstream", "transfer in state %d: event %d must not happen", transfer->state,
                   (int)event);
        return false;
    }
    list = list_of(up, transfer->state);
    up->waiting_count -= list == &up->waiting;
    TAILQ_REMOVE(list, transfer, entry);
    enter(transfer, next);
    return true;
}

/* ---- timer ------------------------------------------------------------------------------------------------------ */

void gw_transfer_sign_of_life(struct gw_transfer *transfer)
{
    transfer->last_ms = gw_loop_now_ms(transfer->up->loop);
}

/** The limit of this state that counts from the last sign of life; 0: none. */
static int64_t limit_ms(const struct gw_transfer *transfer)
{
    switch (transfer->state) {
    case GW_TRANSFER_CONNECTING:
        return transfer->connect_ms;
    case GW_TRANSFER_HEAD:
    case GW_TRANSFER_BODY:
        return transfer->idle_ms;
    case GW_TRANSFER_LEAVING:
        return GW_LEAVE_MS;
    default:
        return 0;
    }
}

void gw_transfer_arm(struct gw_transfer *transfer)
{
    struct gw_loop *loop = transfer->up->loop;
    int64_t limit = limit_ms(transfer), due_ms = INT64_MAX;

    if (transfer->total_ms > 0)
        due_ms = transfer->start_ms + transfer->total_ms;
    if (limit > 0 && transfer->last_ms + limit < due_ms)
        due_ms = transfer->last_ms + limit;
    if (due_ms == INT64_MAX || (transfer->timer.is_armed && transfer->timer.due_ms <= due_ms))
        return;
    gw_timer_set(loop, &transfer->timer, due_ms - gw_loop_now_ms(loop));
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_transfer *transfer = GW_CONTAINER_OF(timer, struct gw_transfer, timer);
    int64_t now_ms = gw_loop_now_ms(transfer->up->loop), limit = limit_ms(transfer);
    bool is_total = transfer->total_ms > 0 && now_ms - transfer->start_ms >= transfer->total_ms;
    bool is_limit = limit > 0 && now_ms - transfer->last_ms >= limit;
    struct gw_fault fault = { .kind = GW_UP_TIMEOUT };

    if (!is_total && !is_limit) {
        gw_transfer_arm(transfer);
        return;
    }
    if (transfer->state != GW_TRANSFER_LEAVING)
        gw_fault_of_time(&fault, transfer, is_total);
    gw_transfer_end(transfer, &fault);
}

/* ---- start ------------------------------------------------------------------------------------------------------ */

void gw_transfer_free(struct gw_transfer *transfer)
{
    gw_request_done(&transfer->out);
    gw_http1_done(&transfer->answer);
    gw_unpack_free(transfer->unpack);
    if (transfer->origin)
        gw_origin_unref(transfer->origin);
    gw_url_unref(transfer->url);
    free(transfer);
}

static void set_limits(struct gw_transfer *transfer, const struct gw_transfer_request *request)
{
    const struct gw_upstream *up = transfer->up;

    transfer->flags = request->flags;
    transfer->connect_ms = request->connect_ms > 0 ? request->connect_ms : up->options.connect_ms;
    if (transfer->connect_ms <= 0)
        transfer->connect_ms = GW_CONNECT_MS;
    transfer->idle_ms = request->idle_ms;
    transfer->total_ms = request->total_ms;
    transfer->body_max = request->flags & GW_UPF_EXPECT_STREAM ? 0 : request->body_max;
    transfer->start_ms = transfer->last_ms = gw_loop_now_ms(up->loop);
    transfer->started_us = gw_mono_us();
}

static aigw_status set_origin(struct gw_transfer *transfer, const struct gw_transfer_request *request,
                              struct gw_err *reterr)
{
    struct gw_upstream *up = transfer->up;
    bool is_checked = (request->flags & GW_UPF_CHECK_ADDRESS) != 0;
    const struct gw_url *url = transfer->url;

    if (!transfer->refusal && is_checked)
        transfer->refusal = url->forbidden;
    if (transfer->refusal)
        return AIGW_OK;
    transfer->origin = gw_origin_get(up, transfer->url, gw_proxy_for(&up->proxies, url->is_https, url->host, url->port),
                                     request->tls, is_checked);
    return transfer->origin ? AIGW_OK : gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
}

struct gw_transfer *gw_transfer_start(struct gw_upstream *up, const struct gw_transfer_request *request,
                                      const struct gw_transfer_events *events, struct gw_err *reterr)
{
    struct gw_transfer *transfer = calloc(1, sizeof *transfer);

    if (!transfer) {
        gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a model call");
        return NULL;
    }
    transfer->up = up;
    transfer->events = *events;
    transfer->timer.on_due = on_timer;
    set_limits(transfer, request);
    if (gw_url_parse(up, request->url, &transfer->url, &transfer->refusal, reterr) != AIGW_OK ||
        set_origin(transfer, request, reterr) != AIGW_OK || gw_request_build(transfer, request, reterr) != AIGW_OK) {
        gw_transfer_free(transfer);
        return NULL;
    }
    up->transfer_count++;
    enter(transfer, GW_TRANSFER_QUEUED);
    return transfer;
}

static void open_fresh(struct gw_transfer *transfer, enum gw_transfer_event event)
{
    if (!gw_transfer_move(transfer, event))
        return;
    gw_transfer_sign_of_life(transfer); /* the connect limit counts from here */
    gw_transfer_arm(transfer);
    if (!gw_conn_open(transfer))
        gw_transfer_fail(transfer, GW_UP_INTERNAL, "the gateway could not run the call: out of memory");
}

static void begin(struct gw_transfer *transfer)
{
    struct gw_conn *conn;

    if (transfer->refusal) {
        struct gw_fault fault = { .kind = GW_UP_REFUSED };

        snprintf(fault.words, sizeof fault.words, "not allowed as an endpoint: %s", transfer->refusal);
        gw_transfer_end(transfer, &fault);
        return;
    }
    conn = gw_pool_take(transfer->origin);
    if (conn)
        gw_conn_carry(conn, transfer);
    else
        open_fresh(transfer, GW_TRANSFER_CONNECT);
}

void gw_transfer_again(struct gw_transfer *transfer)
{
    transfer->must_be_fresh = true;
    transfer->out.sent = 0;
    transfer->out.is_sent = transfer->out.is_dead = false;
    gw_conn_close(transfer->conn);
    open_fresh(transfer, GW_TRANSFER_STALE);
}

static void go_on(struct gw_transfer *transfer)
{
    if (!gw_transfer_move(transfer, GW_TRANSFER_GO_ON))
        return;
    gw_transfer_sign_of_life(transfer);
    gw_transfer_arm(transfer);
    gw_answer_go_on(transfer->conn);
}

/** Those that wait now; what they cause to wait has its turn later. */
void gw_transfer_on_work(struct gw_task *task)
{
    struct gw_upstream *up = GW_CONTAINER_OF(task, struct gw_upstream, work);
    struct gw_transfer *transfer;

    for (uint32_t left = up->waiting_count; left > 0 && (transfer = TAILQ_FIRST(&up->waiting)) != NULL; left--) {
        if (transfer->state == GW_TRANSFER_QUEUED)
            begin(transfer);
        else
            go_on(transfer);
    }
    if (up->waiting_count > 0)
        gw_loop_defer(up->loop, &up->work);
}

/* ---- end -------------------------------------------------------------------------------------------------------- */

void gw_transfer_end(struct gw_transfer *transfer, const struct gw_fault *fault)
{
    struct gw_transfer_result result = { .kind = GW_UP_INTERNAL };
    bool has_caller = transfer->state != GW_TRANSFER_LEAVING;
    char text[GW_FAULT_MAX + 512];

    if (has_caller)
        gw_report(transfer, fault, text, sizeof text, &result);
    if (!gw_transfer_move(transfer, GW_TRANSFER_END))
        return;
    gw_timer_clear(transfer->up->loop, &transfer->timer);
    if (transfer->conn)
        gw_conn_close(transfer->conn);
    if (has_caller)
        transfer->events.on_done(transfer->events.user, transfer, &result);
}

void gw_transfer_fail(struct gw_transfer *transfer, int kind, const char *words)
{
    struct gw_fault fault = { .kind = kind };

    snprintf(fault.words, sizeof fault.words, "%s", words);
    gw_transfer_end(transfer, &fault);
}

void gw_transfer_cancel(struct gw_transfer *transfer)
{
    struct gw_conn *conn;

    if (!transfer || !gw_transfer_move(transfer, GW_TRANSFER_CANCEL))
        return;
    gw_timer_clear(transfer->up->loop, &transfer->timer);
    conn = transfer->conn;
    if (!conn)
        return;
    if (conn->state == GW_CONN_BUSY)
        gw_answer_skip(conn, transfer);
    gw_conn_release(conn);
}

void gw_transfer_leave(struct gw_transfer *transfer)
{
    struct gw_conn *conn = transfer ? transfer->conn : NULL;

    if (!conn || transfer->state != GW_TRANSFER_BODY || !transfer->out.is_sent) {
        gw_transfer_cancel(transfer);
        return;
    }
    gw_answer_skip(conn, transfer);
    if (transfer->answer.state == GW_HTTP1_IS_WHOLE || conn->rest.len > 0) {
        gw_transfer_cancel(transfer);
        return;
    }
    (void)gw_transfer_move(transfer, GW_TRANSFER_LEAVE);
    gw_transfer_sign_of_life(transfer);
    gw_transfer_arm(transfer);
    if (gw_conn_has_more(conn))
        gw_answer_drain(conn);
    else
        gw_conn_wait(conn);
}

void gw_transfer_resume(struct gw_transfer *transfer)
{
    (void)gw_transfer_move(transfer, GW_TRANSFER_RESUME);
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

aigw_str gw_transfer_header(const struct gw_transfer *transfer, const char *name)
{
    return gw_http1_header(&transfer->answer, name);
}

size_t gw_transfer_header_count(const struct gw_transfer *transfer)
{
    return gw_http1_header_count(&transfer->answer);
}

void gw_transfer_header_at(const struct gw_transfer *transfer, size_t index, aigw_str *ret_name, aigw_str *ret_value)
{
    if (!gw_http1_header_at(&transfer->answer, index, ret_name, ret_value))
        *ret_name = *ret_value = AIGW_STR_NONE;
}

bool gw_transfer_was_sent(const struct gw_transfer *transfer)
{
    return transfer && transfer->out.is_sent;
}
