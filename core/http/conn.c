/* conn.c - one client connection: deadlines, disconnects, and our own writing while libmicrohttpd stands aside.
 *
 * The socket is registered once in our epoll set for RDHUP and OUT, edge-triggered: OUT comes only after a short
 * write, so streams cost no epoll_ctl at all. libmicrohttpd has the socket in its own epoll set besides.
 */
#include <errno.h>
#include <linux/tcp.h> /* tcpi_bytes_acked */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>

#include "http/internal.h"

/* Beyond backlog_high a pipeline should have stopped; one that does not is cut here. */
#define OUT_MAX (32u << 20)

/* libmicrohttpd 0.9.75 overlooks the end of a connection that arrives together with bytes (edge-triggered, and it stops
 * reading after a short read). We know of the end: what is not read by then will not come. */
#define AFTER_HUP_MS 20

/* Between two requests of a busy client the memory stays: giving it back and faulting it in again costs more than the
 * request. */
#define IDLE_TRIM_MS 2000

static void conn_on_event(struct gw_fd *self, uint32_t events);
static void conn_on_due(struct gw_timer *self);

static void conn_read_peer(struct http_conn *conn)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    conn->peer_ip[0] = '\0';
    if (!info || !info->client_addr)
        return;
    if (info->client_addr->sa_family == AF_INET) {
        memcpy(&v4, info->client_addr, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, conn->peer_ip, sizeof conn->peer_ip);
        conn->peer_port = ntohs(v4.sin_port);
    } else if (info->client_addr->sa_family == AF_INET6) {
        memcpy(&v6, info->client_addr, sizeof v6);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
            inet_ntop(AF_INET, (const char *)&v6.sin6_addr + 12, conn->peer_ip, sizeof conn->peer_ip);
        else
            inet_ntop(AF_INET6, &v6.sin6_addr, conn->peer_ip, sizeof conn->peer_ip);
        conn->peer_port = ntohs(v6.sin6_port);
    }
}

struct http_conn *http_conn_new(struct http_lane *lane, struct MHD_Connection *mhd)
{
    struct gw_http *http = lane->http;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_conn *conn = info ? calloc(1, sizeof *conn) : NULL;

    if (!conn)
        return NULL;
    conn->http = http;
    conn->lane = lane;
    conn->mhd = mhd;
    conn->watch.fd = info->connect_fd;
    conn->watch.on_event = conn_on_event;
    conn->timer.on_due = conn_on_due;
    gw_buf_init(&conn->out, http->limits.backlog_high + OUT_MAX);
    if (http->is_tls) {
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (!info || !http_tls_attach(http->tls, info->tls_session)) {
            free(conn);
            return NULL;
        }
        conn->session = info->tls_session;
        conn->tls = http->tls;
        conn->tls->refs++;
    }
    if (gw_loop_add(http->loop, &conn->watch, EPOLLRDHUP | EPOLLOUT | EPOLLET) != AIGW_OK) {
        http_tls_unref(conn->tls);
        free(conn);
        return NULL;
    }
    conn_read_peer(conn);
    conn->next = http->conns;
    if (conn->next)
        conn->next->prev = conn;
    http->conns = conn;
    http->open_connections++;
    lane->open_connections++;
    conn->is_over_cap = http->open_connections > http->limits.connections_max;
    http_conn_deadline(conn, DEADLINE_HEADER, http->limits.header_ms);
    return conn;
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
    conn->lane->open_connections--;
    gw_buf_done(&conn->out);
    http_tls_unref(conn->tls);
    free(conn);
}

/* ---- deadlines ------------------------------------------------------------------------------------------------ */

bool http_conn_tcp_info(const struct http_conn *conn, struct tcp_info *ret_info)
{
    socklen_t len = sizeof *ret_info;

    memset(ret_info, 0, sizeof *ret_info);
    return getsockopt(conn->watch.fd, IPPROTO_TCP, TCP_INFO, ret_info, &len) == 0;
}

bool http_conn_was_written(const struct http_conn *conn)
{
    struct tcp_info info;

    return !http_conn_tcp_info(conn, &info) || info.tcpi_data_segs_out > 0;
}

/** Moving a deadline later costs two stores: the timer fires at the old time and is set again. */
void http_conn_deadline(struct http_conn *conn, int deadline, int64_t delay_ms)
{
    struct gw_loop *loop = conn->http->loop;

    conn->deadline = (uint8_t)deadline;
    if (deadline == DEADLINE_NONE)
        return;
    if (conn->is_hup && delay_ms > AFTER_HUP_MS && deadline <= DEADLINE_BODY)
        delay_ms = AFTER_HUP_MS;
    conn->acked = UINT64_MAX;
    conn->stalled = 0;
    conn->deadline_ms = gw_loop_now_ms(loop) + delay_ms;
    if (!conn->timer.is_armed || conn->timer.due_ms > conn->deadline_ms)
        gw_timer_set(loop, &conn->timer, delay_ms);
}

/** Look soon whether it stays idle; the timer of a busy connection fires once per IDLE_TRIM_MS. */
static void conn_trim_after(struct http_conn *conn, int64_t delay_ms)
{
    struct gw_loop *loop = conn->http->loop;

    if (!conn->timer.is_armed || conn->timer.due_ms > gw_loop_now_ms(loop) + delay_ms)
        gw_timer_set(loop, &conn->timer, delay_ms);
}

void http_conn_idle(struct http_conn *conn)
{
    http_conn_deadline(conn, DEADLINE_IDLE, conn->http->limits.idle_ms);
    conn->is_trimmed = !conn->pool;
    if (!conn->is_trimmed)
        conn_trim_after(conn, IDLE_TRIM_MS);
}

static void conn_maybe_trim(struct http_conn *conn, int64_t left_ms)
{
    int64_t idle_ms = conn->http->limits.idle_ms - left_ms;

    if (conn->deadline != DEADLINE_IDLE || conn->is_trimmed)
        return;
    if (idle_ms < IDLE_TRIM_MS) {
        conn_trim_after(conn, IDLE_TRIM_MS - idle_ms);
        return;
    }
    conn->is_trimmed = true;
    http_trim(conn);
}

static void conn_on_due(struct gw_timer *self)
{
    struct http_conn *conn = GW_CONTAINER_OF(self, struct http_conn, timer);
    struct gw_http *http = conn->http;
    int64_t left_ms = conn->deadline_ms - gw_loop_now_ms(http->loop);

    if (conn->deadline == DEADLINE_NONE)
        return;
    if (left_ms > 0) {
        gw_timer_set(http->loop, &conn->timer, left_ms);
        conn_maybe_trim(conn, left_ms);
        return;
    }
    if (conn->deadline == DEADLINE_LINGER) {
        http_linger_finish(conn);
        return;
    }
    if (conn->deadline == DEADLINE_STALL) {
        struct tcp_info info;
        uint64_t acked = http_conn_tcp_info(conn, &info) ? info.tcpi_bytes_acked : 0;
        unsigned stalled = acked == conn->acked ? conn->stalled + 1u : 0; /* the first look only sets the mark */
        if (stalled < STALL_LOOKS) {
            http_conn_deadline(conn, DEADLINE_STALL, http_stall_look_ms(http));
            conn->acked = acked;
            conn->stalled = (uint8_t)stalled;
            return;
        }
    }
    conn->deadline = DEADLINE_NONE;
    if (conn->ex)
        http_gone_and_cut(conn->ex);
    else
        http_conn_shut(conn);
}

/* ---- handing the socket back and forth ------------------------------------------------------------------------- */

void http_conn_suspend(struct http_conn *conn)
{
    conn->is_suspended = true;
    MHD_suspend_connection(conn->mhd);
}

void http_conn_resume(struct http_conn *conn)
{
    if (!conn->is_suspended)
        return;
    conn->is_suspended = false;
    MHD_resume_connection(conn->mhd);
    conn->lane->must_run = true; /* libmicrohttpd does not report a pending resume */
}

void http_conn_shut(struct http_conn *conn)
{
    conn->is_shut = true;
    shutdown(conn->watch.fd, SHUT_RDWR);
}

void http_conn_close_writing(struct http_conn *conn)
{
    if (conn->is_shut)
        return;
    conn->is_shut = true;
    if (conn->session)
        gnutls_bye(conn->session, GNUTLS_SHUT_WR);
    shutdown(conn->watch.fd, SHUT_WR);
}

static void conn_on_event(struct gw_fd *self, uint32_t events)
{
    struct http_conn *conn = GW_CONTAINER_OF(self, struct http_conn, watch);
    struct http_ex *ex = conn->ex;

    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn->is_hup = true;
    if (conn->is_hup && !conn->is_suspended && conn->deadline != DEADLINE_NONE && conn->deadline <= DEADLINE_BODY)
        http_conn_deadline(conn, conn->deadline, AFTER_HUP_MS);
    if (!ex)
        return;
    if (ex->phase == PHASE_LINGER) {
        http_linger_event(conn);
        return;
    }
    if (!conn->is_suspended)
        return; /* libmicrohttpd reads or writes, and notices by itself */
    if (conn->is_hup)
        http_gone_and_cut(ex);
    else if ((events & EPOLLOUT) && http_conn_has_unsent(conn))
        http_stream_writable(ex);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/** One plain send. Answers bytes taken, 0 for "later", -1 for broken. */
static ssize_t conn_send_plain(struct http_conn *conn, const struct iovec *parts, int count)
{
    struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count };
    ssize_t sent;

    do {
        sent = sendmsg(conn->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -1;
    return sent;
}

/** Let GnuTLS get rid of the record it holds. False when broken; see conn->is_tls_flushing. */
static bool conn_flush_tls(struct http_conn *conn, bool *ret_progress)
{
    if (!conn->is_tls_flushing)
        return true;
    ssize_t rc = gnutls_record_send(conn->session, NULL, 0); /* the rule after GNUTLS_E_AGAIN */
    if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
        return true;
    if (rc < 0)
        return false;
    conn->is_tls_flushing = false;
    *ret_progress = true;
    return true;
}

/** One TLS record or less. GnuTLS copies (encrypts) what it takes even when the socket is full: then the bytes count
 *  as sent and the record as pending. */
static ssize_t conn_send_tls(struct http_conn *conn, const char *bytes, size_t len)
{
    size_t record_max = gnutls_record_get_max_size(conn->session);

    if (conn->is_tls_flushing)
        return 0;
    if (len > record_max)
        len = record_max;
    ssize_t rc = gnutls_record_send(conn->session, bytes, len);
    if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED) {
        conn->is_tls_flushing = true;
        return (ssize_t)len;
    }
    return rc < 0 ? -1 : rc;
}

bool http_conn_flush(struct http_conn *conn, bool *ret_progress)
{
    *ret_progress = false;
    if (conn->session && !conn_flush_tls(conn, ret_progress))
        return false;
    while (conn->out.len > conn->out_at && !conn->is_tls_flushing) {
        struct iovec rest = { conn->out.data + conn->out_at, conn->out.len - conn->out_at };
        ssize_t sent =
            conn->session ? conn_send_tls(conn, rest.iov_base, rest.iov_len) : conn_send_plain(conn, &rest, 1);
        if (sent < 0)
            return false;
        if (sent == 0)
            break;
        conn->out_at += (size_t)sent;
        *ret_progress = true;
    }
    if (conn->out.len == conn->out_at) { /* an idle stream keeps no buffer */
        gw_buf_done(&conn->out);
        conn->out_at = 0;
    } else if (conn->out_at > conn->out.len / 2) {
        conn->out.len -= conn->out_at;
        memmove(conn->out.data, conn->out.data + conn->out_at, conn->out.len);
        conn->out_at = 0;
    }
    return true;
}

bool http_conn_send(struct http_conn *conn, const struct iovec *parts, int count)
{
    size_t skip = 0;
    bool progress;

    if (!http_conn_has_unsent(conn) && (!conn->session || count == 1)) {
        ssize_t sent = conn->session ? conn_send_tls(conn, parts[0].iov_base, parts[0].iov_len)
                                     : conn_send_plain(conn, parts, count);
        if (sent < 0)
            return false;
        skip = (size_t)sent;
    }
    for (int i = 0; i < count; i++) {
        size_t len = parts[i].iov_len;
        size_t from = skip < len ? skip : len;
        gw_buf_put(&conn->out, (const char *)parts[i].iov_base + from, len - from);
        skip -= from;
    }
    if (conn->out.status != AIGW_OK)
        return false;
    return !conn->session || conn->is_tls_flushing || http_conn_flush(conn, &progress);
}
