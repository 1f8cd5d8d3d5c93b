/* exchange.c - one request and its answer: how its state moves, and what the pipeline is told at the end of a turn. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "http/internal.h"

#define ARENA_MAX (64u << 20)

struct http_ex *http_ex_new(struct http_conn *conn)
{
    struct gw_http *http = conn->http;
    struct http_ex *ex = malloc(sizeof *ex);

    if (!ex) {
        http_conn_move(conn, CONN_CLOSE);
        return NULL;
    }
    memset(ex, 0, offsetof(struct http_ex, room));
    ex->conn = conn;
    ex->state = EX_NEW;
    ex->pub.http = http;
    ex->pub.arrived_us = gw_mono_us();
    ex->pub.arrived_wall_us = gw_wall_us();
    ex->pub.is_tls = conn->session != NULL;
    ex->pub.body_max = http->limits.body_max;
    ex->pub.http_minor = 1;
    gw_id_hex(ex->pub.request_id);
    gw_arena_init(&ex->pub.arena, ARENA_MAX);
    ex->pub.arena.next = ex->room;
    ex->pub.arena.left = sizeof ex->room;
    conn->ex = ex;
    http_conn_move(conn, CONN_REQUEST);
    return ex;
}

bool http_ex_move(struct http_ex *ex, enum http_ex_event event)
{
    enum http_ex_state next = http_ex_next(ex->state, event);
    bool is_legal = next != EX_NONE;

    if (!is_legal) {
        gw_log(GW_LOG_ERROR, "http", "exchange %s: \"%s\" cannot happen in state \"%s\"; it is cut", ex->pub.request_id,
               http_ex_event_name(event), http_ex_state_name(ex->state));
        next = http_ex_safe(ex->state);
    }
    if (ex->state == EX_STREAM_FULL)
        ex->conn->http->full_streams--;
    if (next == EX_STREAM_FULL)
        ex->conn->http->full_streams++;
    ex->state = (uint8_t)next;
    switch (next) {
    case EX_LOST:
        ex->pub.is_gone = true;
        ex->pub.did_abort = true;
        http_conn_queue(ex->conn);
        break;
    case EX_ABORTED:
        ex->pub.did_abort = true;
        http_conn_queue(ex->conn);
        break;
    case EX_BODY:
    case EX_DRAIN: /* more of it may be there */
    case EX_STREAM:
    case EX_FLUSH:
        http_conn_queue(ex->conn);
        break;
    default:
        if (ex->conn->is_hup) /* is anybody still there? */
            http_conn_queue(ex->conn);
        break;
    }
    return is_legal;
}

/* ---- at the end of a turn ------------------------------------------------------------------------------------- */

/** The last call of the pipeline for this exchange, and its end. */
static void ex_finish(struct http_ex *ex, enum http_conn_event event)
{
    struct http_conn *conn = ex->conn;
    struct gw_http *http = conn->http;

    ex->pub.done_us = gw_mono_us();
    if (ex->handler) {
        ex->handler->on_done(ex->handler->user, &ex->pub);
        http->open_exchanges--;
    }
    http_channel_leave(ex, !ex->is_chunked);
    http_body_free(ex);
    gw_arena_done(&ex->pub.arena);
    free(ex);
    conn->ex = NULL;
    gw_buf_done(&conn->out);
    conn->out_at = 0;
    http_conn_move(conn, event);
    if (event == CONN_LAST)
        http_conn_linger(conn);
    else if (event == CONN_NEXT)
        http_conn_deadline(conn, DEADLINE_CLIENT, http->limits.idle_ms);
}

static void ex_sent(struct http_ex *ex)
{
    bool is_last = ex->must_close; /* as its head said: else the client may be sending the next one already */

    if (http_ex_move(ex, EX_SENT))
        ex_finish(ex, is_last ? CONN_LAST : CONN_NEXT);
}

static void ex_aborted(struct http_ex *ex)
{
    (void)http_conn_flush(ex->conn); /* what was written before goes out as far as it can */
    if (ex->pub.http_minor == 0) {
        /* The end of the connection is the end of the body there: only a reset says that something is missing. */
        struct sockaddr nobody = { .sa_family = AF_UNSPEC };
        (void)connect(ex->conn->watch.fd, &nobody, sizeof nobody);
    }
    if (http_ex_move(ex, EX_TOLD))
        ex_finish(ex, CONN_CLOSE);
}

static void ex_lost(struct http_ex *ex)
{
    if (ex->handler)
        ex->handler->on_gone(ex->handler->user, &ex->pub);
    if (http_ex_move(ex, EX_TOLD))
        ex_finish(ex, CONN_CLOSE);
}

/** Send what has been collected; guard what is left. */
static void ex_flush(struct http_ex *ex)
{
    struct http_conn *conn = ex->conn;

    if (!http_conn_has_unsent(conn))
        return;
    if (!http_conn_flush(conn)) {
        http_ex_move(ex, EX_LOSE);
        return;
    }
    if (!http_conn_has_unsent(conn))
        conn->deadline = DEADLINE_NONE;
    else if (conn->deadline != DEADLINE_STALL)
        http_conn_deadline(conn, DEADLINE_STALL, http_stall_look_ms(conn->http));
}

static bool ex_is_waiting_for_pipeline(const struct http_ex *ex)
{
    switch (ex->state) {
    case EX_WAIT:
    case EX_WAIT_WHOLE:
    case EX_WORK:
    case EX_STREAM:
    case EX_STREAM_FULL:
        return true;
    default:
        return false;
    }
}

void http_ex_turn(struct http_ex *ex)
{
    const struct http_conn *conn = ex->conn;

    if (conn->is_hup && ex_is_waiting_for_pipeline(ex))
        http_ex_move(ex, EX_LOSE);
    if (ex->state == EX_STREAM || ex->state == EX_STREAM_FULL || ex->state == EX_FLUSH)
        ex_flush(ex);
    switch (ex->state) {
    case EX_NEW:
        if (ex->is_known)
            http_request_known(ex);
        break;
    case EX_READY:
        http_request_hand(ex);
        break;
    case EX_STREAM_FULL:
        if (http_conn_backlog(conn) <= conn->http->limits.backlog_high / 2 && http_ex_move(ex, EX_DRAINED))
            ex->handler->on_drain(ex->handler->user, &ex->pub);
        break;
    case EX_FLUSH:
        if (!http_conn_has_unsent(conn))
            ex_sent(ex);
        break;
    case EX_ABORTED:
        ex_aborted(ex);
        break;
    case EX_LOST:
        ex_lost(ex);
        break;
    default:
        break;
    }
}

/* ---- for the pipeline ----------------------------------------------------------------------------------------- */

aigw_str gw_http_request_header(const struct gw_exchange *pub, const char *name)
{
    const struct http_ex *ex = GW_CONTAINER_OF((struct gw_exchange *)(uintptr_t)pub, struct http_ex, pub);
    aigw_str wanted = gw_str(name);

    for (uint32_t i = 0; i < ex->header_count; i++) {
        const struct http_header *header = &ex->headers[i];
        if (header->name_len == wanted.len && gw_str_eq_ci((aigw_str){ header->line, header->name_len }, wanted))
            return (aigw_str){ header->line + header->value_at, header->value_len };
    }
    return AIGW_STR_NONE;
}

void gw_http_free_body(struct gw_exchange *pub)
{
    http_body_free(http_ex_of(pub));
    pub->body = AIGW_STR_NONE;
}

void gw_http_abort(struct gw_exchange *pub)
{
    struct http_ex *ex = http_ex_of(pub);

    if (ex->state != EX_DONE)
        http_ex_move(ex, EX_ABORT);
}

bool gw_http_is_answered(const struct gw_exchange *pub)
{
    return pub->response_start_us != 0;
}
