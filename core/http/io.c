/* io.c - bytes on and off a client's socket, plain or through GnuTLS. No state of a connection changes here. */
#include <errno.h>
#include <linux/sockios.h> /* SIOCOUTQ */
#include <linux/tcp.h>     /* tcpi_bytes_acked */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "http/internal.h"

/* ---- reading -------------------------------------------------------------------------------------------------- */

static ssize_t recv_plain(struct http_conn *conn, char *bytes, size_t max)
{
    ssize_t got;

    do {
        got = recv(conn->watch.fd, bytes, max, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        conn->is_readable = false;
        return 0;
    }
    if (got == 0)
        conn->is_eof = true;
    else if (got > 0 && (size_t)got < max && !conn->is_hup)
        conn->is_readable = false; /* all there was: what comes later is a new edge */
    return got;
}

static ssize_t recv_tls(struct http_conn *conn, char *bytes, size_t max)
{
    ssize_t got;

    do {
        got = gnutls_record_recv(conn->session, bytes, max);
    } while (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_WARNING_ALERT_RECEIVED);
    if (got == GNUTLS_E_AGAIN) {
        conn->is_readable = false;
        return 0;
    }
    if (got == 0)
        conn->is_eof = true;
    return got < 0 ? -1 : got;
}

ssize_t http_conn_recv(struct http_conn *conn, char *bytes, size_t max)
{
    return conn->session ? recv_tls(conn, bytes, max) : recv_plain(conn, bytes, max);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

/** One plain send. Answers bytes taken, 0 for "later", -1 for broken. */
static ssize_t send_plain(struct http_conn *conn, const struct iovec *parts, int count)
{
    struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count };
    ssize_t sent;

    do {
        if (count == 1) /* the kernel has less to look at */
            sent = send(conn->watch.fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            sent = sendmsg(conn->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
        return -1;
    conn->is_blocked = true;
    return 0;
}

/** Let GnuTLS get rid of the record it holds. False when broken; see conn->is_tls_flushing. */
static bool flush_tls(struct http_conn *conn)
{
    if (!conn->is_tls_flushing)
        return true;
    ssize_t rc = gnutls_record_send(conn->session, NULL, 0); /* the rule after GNUTLS_E_AGAIN */
    if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED) {
        conn->is_blocked = true;
        return true;
    }
    conn->is_tls_flushing = false;
    return rc >= 0;
}

/** One TLS record or less. GnuTLS copies (encrypts) what it takes even when the socket is full: then the bytes count
 *  as sent and the record as pending. */
static ssize_t send_tls(struct http_conn *conn, const char *bytes, size_t len)
{
    size_t record_max = gnutls_record_get_max_size(conn->session);

    if (conn->is_tls_flushing)
        return 0;
    if (len > record_max)
        len = record_max;
    ssize_t rc = gnutls_record_send(conn->session, bytes, len);
    if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED) {
        conn->is_tls_flushing = true;
        conn->is_blocked = true;
        return (ssize_t)len;
    }
    return rc < 0 ? -1 : rc;
}

void http_out_begin(struct http_conn *conn)
{
    struct gw_http *http = conn->http;

    if (conn->out.data)
        return;
    if (http->out_count == 0) {
        gw_buf_reserve(&conn->out, OUT_ROOM - 1); /* and a NUL */
        return;
    }
    conn->out.data = http->outs[--http->out_count];
    conn->out.cap = OUT_ROOM;
}

/** An idle stream keeps no buffer. */
static void out_done(struct http_conn *conn)
{
    struct gw_http *http = conn->http;

    if (conn->out.cap == OUT_ROOM && conn->out.status == AIGW_OK && http->out_count < OUTS_KEPT) {
        http->outs[http->out_count++] = conn->out.data;
        gw_buf_init(&conn->out, conn->out.max);
    } else {
        gw_buf_done(&conn->out);
    }
    conn->out_at = 0;
}

bool http_conn_flush(struct http_conn *conn)
{
    if (conn->is_blocked)
        return true;
    if (conn->session && !flush_tls(conn))
        return false;
    while (conn->out.len > conn->out_at && !conn->is_blocked) {
        struct iovec rest = { conn->out.data + conn->out_at, conn->out.len - conn->out_at };
        ssize_t sent = conn->session ? send_tls(conn, rest.iov_base, rest.iov_len) : send_plain(conn, &rest, 1);
        if (sent < 0)
            return false;
        conn->out_at += (size_t)sent;
    }
    if (conn->out.len == conn->out_at) {
        out_done(conn);
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

    if (!http_conn_has_unsent(conn) && !conn->session && !conn->is_blocked) {
        ssize_t sent = send_plain(conn, parts, count);
        if (sent < 0)
            return false;
        skip = (size_t)sent;
    }
    for (int i = 0; i < count; i++) {
        size_t len = parts[i].iov_len;
        size_t from = skip < len ? skip : len;
        if (len > from)
            gw_buf_put(&conn->out, (const char *)parts[i].iov_base + from, len - from);
        skip -= from;
    }
    return conn->out.status == AIGW_OK && http_conn_flush(conn);
}

void http_conn_close_writing(struct http_conn *conn)
{
    if (conn->session)
        gnutls_bye(conn->session, GNUTLS_SHUT_WR);
    shutdown(conn->watch.fd, SHUT_WR);
}

bool http_conn_is_acknowledged(const struct http_conn *conn)
{
    int waiting = 0;

    return ioctl(conn->watch.fd, SIOCOUTQ, &waiting) == 0 && waiting == 0;
}

uint64_t http_conn_acked(const struct http_conn *conn)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    memset(&info, 0, sizeof info);
    return getsockopt(conn->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_bytes_acked : 0;
}
