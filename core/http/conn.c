/* conn.c - one client connection: who has it, how long it may take, what comes in, and the end of a turn.
 *
 * The socket is registered once, edge-triggered: a busy stream costs no epoll_ctl. IN sets is_readable, which stays
 * until a read finds nothing more; whether anybody wants the bytes is the state's matter. All memory is freed in
 * http_conns_turn(), so no function has to fear that its connection went away under it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "base/log.h"
#include "http/internal.h"

#define OUT_HEAD  (1u << 20) /* of an answer */
#define LINGER_MS 2000
#define WASTE_MAX (8u << 20) /* a sender that does not stop by then is reset */

static void conn_on_event(struct gw_fd *self, uint32_t events);
static void conn_on_due(struct gw_timer *self);

/* ---- life ----------------------------------------------------------------------------------------------------- */

static void conn_set_peer(struct http_conn *conn, const struct sockaddr_in6 *peer)
{
    struct sockaddr_in v4;

    conn->peer_port = ntohs(peer->sin6_port); /* at the same place for IPv4 */
    if (peer->sin6_family == AF_INET) {
        memcpy(&v4, peer, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, conn->peer_ip, sizeof conn->peer_ip);
    } else if (IN6_IS_ADDR_V4MAPPED(&peer->sin6_addr)) {
        inet_ntop(AF_INET, (const char *)&peer->sin6_addr + 12, conn->peer_ip, sizeof conn->peer_ip);
    } else {
        inet_ntop(AF_INET6, &peer->sin6_addr, conn->peer_ip, sizeof conn->peer_ip);
    }
}

void http_conn_new(struct gw_http *http, int fd, const struct sockaddr_in6 *peer)
{
    struct http_conn *conn = calloc(1, sizeof *conn);

    if (!conn) {
        close(fd);
        return;
    }
    conn->http = http;
    conn->watch.fd = fd;
    conn->watch.on_event = conn_on_event;
    conn->timer.on_due = conn_on_due;
    conn->state = CONN_FRESH;
    gw_buf_init(&conn->out, http->limits.backlog_high + GW_HTTP_ANSWER_MAX + OUT_HEAD);
    gw_buf_init(&conn->in, http->limits.header_max + 2 * IN_SIZE);
    if (http->is_tls) {
        conn->state = CONN_HANDSHAKE;
        conn->session = http_tls_session(http->tls, fd);
        if (!conn->session)
            goto fail;
        conn->tls = http->tls;
        conn->tls->refs++;
    }
    if (gw_loop_add(http->loop, &conn->watch, EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET) != AIGW_OK)
        goto fail;
    conn_set_peer(conn, peer);
    conn->next = http->conns;
    if (conn->next)
        conn->next->prev = conn;
    http->conns = conn;
    http->open_connections++;
    conn->is_over_cap = http->open_connections > http->limits.connections_max;
    http_conn_deadline(conn, DEADLINE_CLIENT, http->limits.header_ms);
    return;
fail:
    if (conn->session)
        gnutls_deinit(conn->session);
    http_tls_unref(conn->tls);
    free(conn);
    close(fd);
}

void http_conn_free(struct http_conn *conn)
{
    struct gw_http *http = conn->http;

    gw_loop_del(http->loop, &conn->watch);
    gw_timer_clear(http->loop, &conn->timer);
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        http->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    http->open_connections--;
    gw_buf_done(&conn->in);
    gw_buf_done(&conn->out);
    if (conn->session)
        gnutls_deinit(conn->session);
    http_tls_unref(conn->tls);
    close(conn->watch.fd);
    free(conn);
}

void http_conn_queue(struct http_conn *conn)
{
    struct gw_http *http = conn->http;

    if (conn->is_in_turn)
        return;
    conn->is_in_turn = true;
    conn->turn_next = NULL;
    *http->turn_tail = conn;
    http->turn_tail = &conn->turn_next;
    gw_loop_defer(http->loop, &http->turn);
}

void http_conn_move(struct http_conn *conn, enum http_conn_event event)
{
    enum http_conn_state next = http_conn_next(conn->state, event);

    if (next == CONN_NONE) {
        gw_log(GW_LOG_ERROR, "http", "connection of %s: \"%s\" cannot happen in state \"%s\"; it is closed",
               conn->peer_ip, http_conn_event_name(event), http_conn_state_name(conn->state));
        next = http_conn_safe(conn->state);
        if (conn->ex)
            http_ex_move(conn->ex, EX_LOSE);
    }
    conn->state = (uint8_t)next;
    if (next == CONN_CLOSED)
        http_conn_queue(conn);
}

/** The client is gone, or has to go. */
static void conn_give_up(struct http_conn *conn)
{
    if (conn->ex)
        http_ex_move(conn->ex, EX_LOSE);
    else
        http_conn_move(conn, CONN_CLOSE);
}

/* ---- deadlines ------------------------------------------------------------------------------------------------ */

/** Moving a deadline later costs two stores: the timer fires at the old time and is set again. */
void http_conn_deadline(struct http_conn *conn, int deadline, int64_t delay_ms)
{
    struct gw_loop *loop = conn->http->loop;

    conn->deadline = (uint8_t)deadline;
    if (deadline == DEADLINE_NONE)
        return;
    conn->acked = UINT64_MAX;
    conn->stalled = 0;
    conn->deadline_ms = gw_loop_now_ms(loop) + delay_ms;
    if (!conn->timer.is_armed || conn->timer.due_ms > conn->deadline_ms)
        gw_timer_set(loop, &conn->timer, delay_ms);
}

/** Did the client take anything since the last look? */
static bool conn_is_stalled(struct http_conn *conn)
{
    uint64_t acked = http_conn_acked(conn);
    unsigned stalled = acked == conn->acked ? conn->stalled + 1u : 0; /* the first look only sets the mark */

    if (stalled >= STALL_LOOKS)
        return true;
    http_conn_deadline(conn, DEADLINE_STALL, http_stall_look_ms(conn->http));
    conn->acked = acked;
    conn->stalled = (uint8_t)stalled;
    return false;
}

static void conn_on_due(struct gw_timer *self)
{
    struct http_conn *conn = GW_CONTAINER_OF(self, struct http_conn, timer);
    int64_t left_ms = conn->deadline_ms - gw_loop_now_ms(conn->http->loop);

    if (conn->deadline == DEADLINE_NONE)
        return;
    if (left_ms > 0)
        gw_timer_set(conn->http->loop, &conn->timer, left_ms);
    else if (conn->deadline != DEADLINE_STALL || conn_is_stalled(conn))
        conn_give_up(conn);
}

/* ---- bytes come in -------------------------------------------------------------------------------------------- */

/** A blank line before a request is ignored; some clients send one behind a body. */
static size_t conn_skip_blank(struct http_conn *conn, const char *bytes, size_t len)
{
    if (conn->scanned > 0 || len < 2 || bytes[0] != '\r' || bytes[1] != '\n' || conn->blank_lines >= BLANK_LINES)
        return 0;
    conn->blank_lines++;
    return 2;
}

/** A head, or a part of one. How many bytes were eaten; 0: more are needed. */
static size_t conn_take_head(struct http_conn *conn, const char *bytes, size_t len)
{
    size_t header_max = conn->http->limits.header_max;
    struct http_refusal refusal = http_head_malformed("not an HTTP request");
    ssize_t head_len = 0;

    if (conn->scanned == 0 && len == 1 && bytes[0] == '\r') /* the half of a blank line? */
        return 0;
    size_t blank = conn_skip_blank(conn, bytes, len);
    if (blank)
        return blank;
    head_len = http_head_scan(bytes, len, &conn->scanned);
    if (head_len == 0 && len <= header_max)
        return 0;
    conn->scanned = 0;
    conn->blank_lines = 0;
    if (head_len > 0 && (size_t)head_len <= header_max)
        return http_request_begin(conn, bytes, (size_t)head_len, len);
    if (head_len >= 0)
        refusal = http_head_too_large();
    http_request_refuse(conn, &refusal);
    return len;
}

static size_t conn_take(struct http_conn *conn, const char *bytes, size_t len)
{
    size_t blank;

    switch (conn->state) {
    case CONN_IDLE:
    case CONN_FRESH:
        blank = conn_skip_blank(conn, bytes, len);
        if (blank)
            return blank;
        if (conn->state == CONN_IDLE) /* a new connection's deadline runs since it was accepted */
            http_conn_deadline(conn, DEADLINE_CLIENT, conn->http->limits.header_ms);
        http_conn_move(conn, CONN_BYTES);
        /* fall through */
    case CONN_HEAD:
        return conn_take_head(conn, bytes, len);
    case CONN_BUSY:
        return http_request_take(conn->ex, bytes, len);
    case CONN_LINGER:
        conn->wasted += len;
        if (conn->wasted > WASTE_MAX)
            http_conn_move(conn, CONN_CLOSE);
        return len;
    default:
        return len;
    }
}

static size_t conn_take_all(struct http_conn *conn, const char *bytes, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t used = conn_take(conn, bytes + at, len - at);
        if (used == 0)
            break;
        at += used;
    }
    return at;
}

/** New bytes (or none), behind those that were left. */
static void conn_eat(struct http_conn *conn, const char *bytes, size_t len)
{
    if (conn->in.len == 0) {
        size_t used = conn_take_all(conn, bytes, len);
        if (used < len)
            gw_buf_put(&conn->in, bytes + used, len - used);
    } else {
        if (len)
            gw_buf_put(&conn->in, bytes, len);
        size_t used = conn_take_all(conn, conn->in.data, conn->in.len);
        conn->in.len -= used;
        if (conn->in.len == 0)
            gw_buf_done(&conn->in); /* an idle connection keeps no buffer */
        else if (used)
            memmove(conn->in.data, conn->in.data + used, conn->in.len);
    }
    if (conn->in.status != AIGW_OK)
        conn_give_up(conn);
}

static bool conn_wants_bytes(const struct http_conn *conn)
{
    switch (conn->state) {
    case CONN_FRESH:
    case CONN_IDLE:
    case CONN_HEAD:
    case CONN_LINGER:
        return true;
    case CONN_BUSY: /* what is left over goes first */
        return conn->in.len == 0 && (conn->ex->state == EX_BODY || conn->ex->state == EX_DRAIN);
    default:
        return false;
    }
}

void http_conn_read(struct http_conn *conn)
{
    while (conn->is_readable && !conn->is_eof && conn_wants_bytes(conn)) {
        ssize_t got = http_conn_recv(conn, conn->http->in, IN_SIZE);
        if (got < 0) {
            conn_give_up(conn);
            return;
        }
        if (got > 0)
            conn_eat(conn, conn->http->in, (size_t)got);
    }
    if (!conn->is_eof)
        return;
    if (conn->state == CONN_BUSY && conn->in.len == 0)
        http_request_ended(conn->ex);
    else if (conn->state != CONN_BUSY && conn->state != CONN_CLOSED)
        http_conn_move(conn, CONN_CLOSE);
}

void http_conn_linger(struct http_conn *conn)
{
    gw_buf_done(&conn->in);
    http_conn_close_writing(conn);
    http_conn_deadline(conn, DEADLINE_CLIENT, LINGER_MS);
}

static void conn_handshake(struct http_conn *conn)
{
    int rc;

    do {
        rc = gnutls_handshake(conn->session);
    } while (rc == GNUTLS_E_INTERRUPTED || rc == GNUTLS_E_WARNING_ALERT_RECEIVED ||
             rc == GNUTLS_E_GOT_APPLICATION_DATA);
    if (rc == GNUTLS_E_SUCCESS) {
        http_conn_move(conn, CONN_SECURED);
    } else if (rc != GNUTLS_E_AGAIN) {
        gnutls_alert_send_appropriate(conn->session, rc);
        http_conn_move(conn, CONN_CLOSE);
    }
}

static void conn_on_event(struct gw_fd *self, uint32_t events)
{
    struct http_conn *conn = GW_CONTAINER_OF(self, struct http_conn, watch);

    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        conn->is_hup = true;
        if (conn->ex)
            http_conn_queue(conn);
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn->is_readable = true;
    if ((events & EPOLLOUT) && conn->is_blocked) {
        conn->is_blocked = false;
        http_conn_queue(conn);
    }
    if (conn->state == CONN_HANDSHAKE)
        conn_handshake(conn);
    http_conn_read(conn);
}

/* ---- the end of a turn ---------------------------------------------------------------------------------------- */

static void conn_turn(struct http_conn *conn)
{
    if (conn->ex)
        http_ex_turn(conn->ex);
    if (conn->in.len > 0 && conn->state != CONN_CLOSED)
        conn_eat(conn, NULL, 0);
    http_conn_read(conn);
    if (conn->state == CONN_CLOSED && !conn->ex) {
        if (conn->is_in_turn)
            return; /* queued again just now: then */
        http_conn_free(conn);
    }
}

/** What is queued while this runs has its turn in the next one. */
void http_conns_turn(struct gw_task *self)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, turn);
    struct http_conn *conn = http->turn_conns;

    http->turn_conns = NULL;
    http->turn_tail = &http->turn_conns;
    while (conn) {
        struct http_conn *next = conn->turn_next;
        conn->is_in_turn = false;
        conn_turn(conn);
        conn = next;
    }
}
