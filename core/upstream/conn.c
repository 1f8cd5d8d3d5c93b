/* conn.c - a connection: handshakes, an https proxy's tunnel, sending, reading, its end. What the bytes mean is
 * answer.c's business. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "upstream/internal.h"

/* Plain sockets are watched by edges: a level would have epoll look at each of them once more after every event. TLS
 * reads ahead in pieces of its own, so its sockets are watched by level. */
#define EDGES ((uint32_t)EPOLLET | EPOLLRDHUP)

/* A sender that never rests gets so many reads at a time; then others have their turn. */
#define READS_PER_TURN 32

/** CONNECT to an https proxy. */
struct gw_tunnel {
    struct gw_buf request;
    size_t sent;
    struct gw_http1 answer;
};

static void on_event(struct gw_fd *self, uint32_t events);

static bool conn_move(struct gw_conn *conn, enum gw_conn_event event)
{
    int next = gw_conn_next(conn->state, event);

    if (next < 0) {
        gw_log(GW_LOG_ERROR, "upstream", "connection in state %d: event %d must not happen", conn->state, (int)event);
        return false;
    }
    conn->state = (uint8_t)next;
    return true;
}

/** The session that carries HTTP; NULL: plain. */
static struct gw_tls *session_of(const struct gw_conn *conn)
{
    return conn->tls ? conn->tls : conn->proxy_tls;
}

static bool watch(struct gw_conn *conn, uint32_t events)
{
    struct gw_loop *loop = conn->up->loop;
    aigw_status status = AIGW_OK;

    if (conn->fd.events == events)
        return true;
    if (events == 0)
        gw_loop_del(loop, &conn->fd);
    else if (conn->fd.events == 0)
        status = gw_loop_add(loop, &conn->fd, events);
    else
        status = gw_loop_mod(loop, &conn->fd, events);
    return status == AIGW_OK;
}

static void fail(struct gw_conn *conn, const struct gw_fault *fault)
{
    struct gw_transfer *transfer = conn->transfer;

    if (transfer)
        gw_transfer_end(transfer, fault); /* closes the connection */
    else
        gw_conn_close(conn);
}

static void fail_internally(struct gw_conn *conn, const char *words)
{
    struct gw_fault fault = { .kind = GW_UP_INTERNAL };

    snprintf(fault.words, sizeof fault.words, "the gateway could not run the call: %s", words);
    fail(conn, &fault);
}

/** Wait for these events; the transfer ends when that cannot be had. */
static void wait_for(struct gw_conn *conn, uint32_t events)
{
    if (!watch(conn, events))
        fail_internally(conn, "its socket cannot be watched; check the limit of open files and memory");
}

/** Before the loop has its turn: the worker's buffer is everybody's. */
static void leave(struct gw_conn *conn)
{
    if (conn->state != GW_CONN_CLOSED && session_of(conn) && !gw_tls_park(session_of(conn)))
        fail_internally(conn, "out of memory");
}

/* ---- beginning -------------------------------------------------------------------------------------------------- */

bool gw_conn_open(struct gw_transfer *transfer)
{
    struct gw_conn *conn = calloc(1, sizeof *conn);

    if (!conn)
        return false;
    conn->up = transfer->up;
    conn->origin = transfer->origin;
    conn->origin->refs++;
    conn->transfer = transfer;
    conn->fd.fd = -1;
    conn->fd.on_event = on_event;
    conn->state = GW_CONN_CONNECTING;
    transfer->conn = conn;
    if (gw_connect_start(conn))
        return true;
    gw_conn_close(conn);
    return false;
}

void gw_conn_failed(struct gw_conn *conn, const struct gw_fault *fault)
{
    fail(conn, fault);
}

/* ---- handshakes ------------------------------------------------------------------------------------------------- */

static void ask_for_tunnel(struct gw_conn *conn);

static struct gw_trust *trust_of(const struct gw_origin *origin, bool is_proxy)
{
    return is_proxy ? origin->proxy_trust : origin->trust;
}

static void shake_hands(struct gw_conn *conn)
{
    bool is_proxy = conn->state == GW_CONN_PROXY_TLS;
    struct gw_tls *tls = is_proxy ? conn->proxy_tls : conn->tls;
    int rc = gw_tls_handshake(tls);

    if (rc == GW_IO_AGAIN) {
        wait_for(conn, gw_tls_wants_write(tls) ? EPOLLOUT : EPOLLIN);
    } else if (rc == GW_IO_ERROR) {
        struct gw_fault fault;

        gw_fault_of_tls(&fault, conn, tls, false);
        trust_of(conn->origin, is_proxy)->check_ms = 0; /* somebody may be about to mend it */
        fail(conn, &fault);
    } else if (is_proxy && conn->origin->url->is_https) {
        ask_for_tunnel(conn);
    } else {
        gw_conn_carry(conn, conn->transfer);
    }
}

/** Begin TLS, with the proxy or with the server. */
static void greet(struct gw_conn *conn, bool is_proxy)
{
    struct gw_origin *origin = conn->origin;
    struct gw_trust *trust = trust_of(origin, is_proxy);
    struct gw_credentials *credentials = gw_trust_credentials(trust, gw_loop_now_ms(conn->up->loop));
    struct gw_ticket *ticket = is_proxy ? &origin->proxy_ticket : &origin->ticket;
    struct gw_tls_options options = { .fd = conn->fd.fd,
                                      .below = conn->proxy_tls,
                                      .ahead = gw_up_buffer(&conn->up->ahead, GW_TLS_AHEAD_MAX),
                                      .credentials = credentials,
                                      .host = is_proxy ? origin->proxy->host : origin->url->bare_host,
                                      .ticket = ticket };
    struct gw_tls *tls;

    if (!credentials || !options.ahead) {
        fail_internally(conn, "out of memory");
        return;
    }
    if (gw_credentials_problem(credentials)) {
        struct gw_fault fault = { .kind = GW_UP_TLS };

        snprintf(fault.words, sizeof fault.words, "%s", gw_credentials_problem(credentials));
        trust->check_ms = 0;
        fail(conn, &fault);
        return;
    }
    if (ticket->credentials != credentials)
        gw_ticket_forget(ticket);
    tls = gw_tls_new(&options);
    if (!tls) {
        fail_internally(conn, "no TLS session could be set up");
        return;
    }
    if (is_proxy)
        conn->proxy_tls = tls;
    else
        conn->tls = tls;
    if (conn_move(conn, is_proxy ? GW_CONN_GREET_PROXY : GW_CONN_GREET_SERVER))
        shake_hands(conn);
}

void gw_conn_connected(struct gw_conn *conn, int fd)
{
    const struct gw_proxy *proxy = conn->origin->proxy;

    conn->fd.fd = fd;
    conn->up->connection_count++;
    if (proxy && proxy->kind == GW_PROXY_HTTPS)
        greet(conn, true);
    else if (conn->origin->url->is_https)
        greet(conn, false);
    else
        gw_conn_carry(conn, conn->transfer);
    leave(conn);
}

/* ---- tunnel ----------------------------------------------------------------------------------------------------- */

static void tunnel_free(struct gw_conn *conn)
{
    if (!conn->tunnel)
        return;
    gw_http1_done(&conn->tunnel->answer);
    gw_buf_done(&conn->tunnel->request);
    free(conn->tunnel);
    conn->tunnel = NULL;
}

static void tunnel_broke(struct gw_conn *conn, const char *words)
{
    struct gw_fault fault = { .kind = GW_UP_CONNECT };

    snprintf(fault.words, sizeof fault.words, "the proxy %s; check HTTPS_PROXY and NO_PROXY", words);
    fail(conn, &fault);
}

/** The connection is over before the proxy answered. */
static void tunnel_ended(struct gw_conn *conn, ssize_t why)
{
    struct gw_fault fault;

    if (why == GW_IO_ERROR || gw_tls_wanted_certificate(conn->proxy_tls)) {
        gw_fault_of_tls(&fault, conn, conn->proxy_tls, true);
        fail(conn, &fault);
    } else {
        tunnel_broke(conn, "closed the connection when it was asked for the server");
    }
}

/** The proxy's answer, as far as it came. */
static void read_tunnel(struct gw_conn *conn)
{
    struct gw_tunnel *tunnel = conn->tunnel;
    char bytes[4096];
    aigw_str piece;

    for (;;) {
        ssize_t n = gw_tls_recv(conn->proxy_tls, bytes, sizeof bytes);
        aigw_str input = { bytes, n > 0 ? (size_t)n : 0 };

        if (n == GW_IO_AGAIN) {
            wait_for(conn, EPOLLIN);
            return;
        }
        if (n <= 0) {
            tunnel_ended(conn, n);
            return;
        }
        switch (gw_http1_step(&tunnel->answer, &input, &piece)) {
        case GW_HTTP1_MORE:
            break;
        case GW_HTTP1_HEAD:
            if (tunnel->answer.status / 100 != 2) {
                struct gw_fault fault;

                gw_fault_of_tunnel(&fault, tunnel->answer.status);
                fail(conn, &fault);
            } else if (input.len > 0) {
                tunnel_broke(conn, "sent more than its answer");
            } else {
                tunnel_free(conn);
                greet(conn, false);
            }
            return;
        default:
            tunnel_broke(conn, "did not answer in HTTP");
            return;
        }
    }
}

static void drive_tunnel(struct gw_conn *conn)
{
    struct gw_tunnel *tunnel = conn->tunnel;

    while (tunnel->sent < tunnel->request.len) {
        ssize_t n =
            gw_tls_send(conn->proxy_tls, tunnel->request.data + tunnel->sent, tunnel->request.len - tunnel->sent);

        if (n == GW_IO_AGAIN) {
            wait_for(conn, EPOLLOUT);
            return;
        }
        if (n < 0) {
            tunnel_ended(conn, n);
            return;
        }
        tunnel->sent += (size_t)n;
    }
    read_tunnel(conn);
}

static void ask_for_tunnel(struct gw_conn *conn)
{
    const struct gw_origin *origin = conn->origin;
    const char *host = origin->url->host;
    unsigned port = origin->url->port;
    struct gw_buf *request;

    conn->tunnel = calloc(1, sizeof *conn->tunnel);
    if (!conn->tunnel) {
        fail_internally(conn, "out of memory");
        return;
    }
    request = &conn->tunnel->request;
    gw_buf_init(request, GW_TLS_RECORD_MAX);
    gw_http1_begin(&conn->tunnel->answer, true);
    gw_buf_printf(request, "CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: aigw\r\n", host, port, host, port);
    if (origin->proxy->authorization)
        gw_buf_printf(request, "Proxy-Authorization: %s\r\n", origin->proxy->authorization);
    gw_buf_puts(request, "\r\n");
    if (request->status != AIGW_OK)
        fail_internally(conn, "out of memory");
    else if (conn_move(conn, GW_CONN_ASK_TUNNEL))
        drive_tunnel(conn);
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static ssize_t io_code(int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK)
        return GW_IO_AGAIN;
    return error == ECONNRESET || error == EPIPE ? GW_IO_CUT : GW_IO_ERROR;
}

/** Head and body in one go. */
static ssize_t send_plain(struct gw_conn *conn, const struct gw_outgoing *out)
{
    size_t of_head = out->sent < out->head_len ? out->head_len - out->sent : 0;
    size_t of_body = out->sent > out->head_len ? out->sent - out->head_len : 0;
    struct iovec parts[2] = { { of_head ? out->head + out->sent : NULL, of_head },
                              { (void *)((uintptr_t)out->body.ptr + of_body), out->body.len - of_body } };
    struct msghdr message = { .msg_iov = of_head ? parts : parts + 1, .msg_iovlen = of_head ? 2 : 1 };
    ssize_t n;

    do
        n = sendmsg(conn->fd.fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : io_code(errno);
}

/** The next record: what it is made of depends on `sent` alone, so that it can be made again. */
static ssize_t send_tls(struct gw_conn *conn, const struct gw_outgoing *out)
{
    char *chunk = gw_up_buffer(&conn->up->chunk, GW_CHUNK_MAX);
    size_t len = 0, of_body = out->sent > out->head_len ? out->sent - out->head_len : 0, more;

    if (!chunk)
        return GW_IO_ERROR;
    if (out->sent < out->head_len) {
        len = out->head_len - out->sent < GW_CHUNK_MAX ? out->head_len - out->sent : GW_CHUNK_MAX;
        memcpy(chunk, out->head + out->sent, len);
    }
    more = out->body.len - of_body < GW_CHUNK_MAX - len ? out->body.len - of_body : GW_CHUNK_MAX - len;
    if (more > 0)
        memcpy(chunk + len, out->body.ptr + of_body, more);
    return gw_tls_send(session_of(conn), chunk, len + more);
}

/** Send what can be sent. False when the connection takes no more; reading then says why. */
static bool flush(struct gw_conn *conn, struct gw_transfer *transfer)
{
    struct gw_outgoing *out = &transfer->out;

    while (!out->is_sent) {
        ssize_t n = session_of(conn) ? send_tls(conn, out) : send_plain(conn, out);

        if (n == GW_IO_AGAIN)
            return true;
        if (n < 0)
            return false;
        out->sent += (size_t)n;
        out->is_sent = out->sent >= out->head_len + out->body.len;
        gw_transfer_sign_of_life(transfer);
    }
    return true;
}

/** What a connection waits for that has nothing to send. */
static uint32_t reading(const struct gw_conn *conn)
{
    return session_of(conn) ? EPOLLIN : EPOLLIN | EDGES;
}

/** What a busy connection waits for. */
static uint32_t wanted(const struct gw_conn *conn)
{
    const struct gw_tls *tls = session_of(conn);
    bool has_to_send = !conn->transfer->out.is_sent && !conn->transfer->out.is_dead;

    return reading(conn) | (has_to_send || (tls && gw_tls_wants_write(tls)) ? EPOLLOUT : 0u);
}

void gw_conn_carry(struct gw_conn *conn, struct gw_transfer *transfer)
{
    bool may_have_more;

    if (!conn_move(conn, GW_CONN_CARRY) || !gw_transfer_move(transfer, GW_TRANSFER_CARRY))
        return;
    conn->transfer = transfer;
    transfer->conn = conn;
    transfer->was_reused = conn->served > 0;
    if (!transfer->was_reused)
        transfer->connect_us = gw_mono_us() - transfer->started_us;
    gw_http1_begin(&transfer->answer, transfer->is_head_request);
    gw_transfer_sign_of_life(transfer);
    gw_transfer_arm(transfer);
    transfer->out.is_dead = !flush(conn, transfer);
    may_have_more = transfer->out.is_dead || gw_conn_has_more(conn);
    if (may_have_more) /* read ahead with the handshake, or what the server said before it hung up */
        gw_conn_read(conn);
    else
        gw_conn_wait(conn);
    leave(conn);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

ssize_t gw_conn_recv(struct gw_conn *conn, char *bytes, size_t len)
{
    ssize_t n;

    if (session_of(conn))
        return gw_tls_recv(session_of(conn), bytes, len);
    do
        n = recv(conn->fd.fd, bytes, len, 0);
    while (n < 0 && errno == EINTR);
    /* A short read means that the socket is empty, and what comes next is a new edge. Not so the end, when it came
     * together with what was read. */
    conn->is_unread = n == (ssize_t)len || (n > 0 && conn->is_hup);
    return n >= 0 ? n : io_code(errno);
}

bool gw_conn_has_more(const struct gw_conn *conn)
{
    return session_of(conn) ? gw_tls_has_more(session_of(conn)) : conn->is_unread;
}

void gw_conn_wait(struct gw_conn *conn)
{
    wait_for(conn, wanted(conn));
}

/** This was read enough for one turn. A head has limits of its own and is read to its end. */
static bool is_enough(const struct gw_conn *conn, int reads)
{
    return reads >= READS_PER_TURN && conn->transfer->state == GW_TRANSFER_BODY;
}

void gw_conn_read(struct gw_conn *conn)
{
    if (!gw_up_buffer(&conn->up->in, GW_READ_MAX)) {
        fail_internally(conn, "out of memory");
        return;
    }
    for (int reads = 1;; reads++) {
        ssize_t n = gw_conn_recv(conn, conn->up->in, GW_READ_MAX);

        if (n == GW_IO_AGAIN)
            break;
        if (n <= 0) {
            gw_answer_cut(conn, n);
            return;
        }
        if (!gw_answer_feed(conn, (aigw_str){ conn->up->in, (size_t)n }))
            return;
        if (!gw_conn_has_more(conn))
            break;
        if (is_enough(conn, reads)) {
            gw_answer_rest(conn);
            return;
        }
    }
    gw_conn_wait(conn);
    leave(conn);
}

bool gw_conn_pause(struct gw_conn *conn)
{
    watch(conn, 0);
    return !session_of(conn) || gw_tls_park(session_of(conn));
}

/** Something happened to a connection in the pool. TLS may only have sent a ticket or new keys. */
static void look_at_idle(struct gw_conn *conn)
{
    if (session_of(conn) && gw_up_buffer(&conn->up->in, GW_READ_MAX) &&
        gw_conn_recv(conn, conn->up->in, GW_READ_MAX) == GW_IO_AGAIN)
        return;
    gw_conn_close(conn);
}

static void on_event(struct gw_fd *self, uint32_t events)
{
    struct gw_conn *conn = GW_CONTAINER_OF(self, struct gw_conn, fd);

    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn->is_hup = true;
    switch (conn->state) {
    case GW_CONN_PROXY_TLS:
    case GW_CONN_TLS:
        shake_hands(conn);
        break;
    case GW_CONN_TUNNEL:
        drive_tunnel(conn);
        break;
    case GW_CONN_BUSY:
        if ((events & EPOLLOUT) && !conn->transfer->out.is_sent && !conn->transfer->out.is_dead)
            conn->transfer->out.is_dead = !flush(conn, conn->transfer);
        if (conn->transfer->state == GW_TRANSFER_LEAVING)
            gw_answer_drain(conn);
        else
            gw_conn_read(conn);
        break;
    case GW_CONN_IDLE:
        look_at_idle(conn);
        break;
    default:
        break;
    }
    leave(conn);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/** Nothing is left to read but perhaps a ticket of TLS. */
static bool is_drained(struct gw_conn *conn)
{
    char byte;

    return !gw_conn_has_more(conn) || gw_conn_recv(conn, &byte, 1) == GW_IO_AGAIN;
}

void gw_conn_release(struct gw_conn *conn)
{
    struct gw_transfer *transfer = conn->transfer;
    bool may_stay = conn->state == GW_CONN_BUSY && transfer->out.is_sent && conn->rest.len == 0 &&
                    gw_http1_keeps(&transfer->answer) && is_drained(conn) && watch(conn, reading(conn));

    conn->rest = AIGW_STR_NONE;
    if (!may_stay || !gw_pool_put(conn, transfer->answer.keep_s)) {
        gw_conn_close(conn);
        return;
    }
    conn->served++;
    conn->transfer = NULL;
    transfer->conn = NULL;
    free(conn->kept);
    conn->kept = NULL;
    conn->kept_len = 0;
    (void)conn_move(conn, GW_CONN_REST);
}

void gw_conn_close(struct gw_conn *conn)
{
    bool was_idle = conn->state == GW_CONN_IDLE;

    if (conn->state == GW_CONN_CLOSED)
        return;
    (void)conn_move(conn, GW_CONN_CLOSE);
    gw_connect_cancel(conn);
    tunnel_free(conn);
    if (was_idle)
        gw_pool_remove(conn);
    if (conn->transfer)
        conn->transfer->conn = NULL;
    conn->transfer = NULL;
    if (conn->fd.events)
        gw_loop_del(conn->up->loop, &conn->fd);
    if (conn->tls && was_idle)
        gw_tls_bye(conn->tls);
    gw_tls_free(conn->tls);
    gw_tls_free(conn->proxy_tls);
    conn->tls = conn->proxy_tls = NULL;
    if (conn->fd.fd >= 0) {
        close(conn->fd.fd);
        conn->fd.fd = -1;
        conn->up->connection_count--;
    }
    gw_origin_unref(conn->origin);
    conn->origin = NULL;
    TAILQ_INSERT_TAIL(&conn->up->closed, conn, in_worker);
    gw_up_reap_later(conn->up);
}

void gw_conn_free(struct gw_conn *conn)
{
    free(conn->kept);
    free(conn);
}
