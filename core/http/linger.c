/* linger.c - answers that libmicrohttpd cannot give: while a body is still coming, or to a request nobody must parse
 * any further. We write the answer, close our side, and throw away what the client sends until it closes too; closing
 * at once would reset the connection and could destroy the answer on its way. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "http/internal.h"

#define LINGER_MS 2000

static enum MHD_Result append_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct gw_buf *out = cls;

    (void)kind;
    if (!gw_str_eq_ci(gw_str(name), AIGW_STR("connection")))
        gw_buf_printf(out, "%s: %s\r\n", name, value);
    return MHD_YES;
}

void http_linger(struct http_ex *ex)
{
    struct http_conn *conn = ex->conn;
    struct gw_buf *out = &conn->out;
    bool progress;

    gw_buf_printf(out, "HTTP/1.1 %d %s\r\n", ex->pub.status, MHD_get_reason_phrase_for((unsigned)ex->pub.status));
    MHD_get_response_headers(ex->reply, append_header, out);
    gw_buf_printf(out, "content-length: %zu\r\nconnection: close\r\n\r\n", ex->reply_body.len);
    if (!ex->pub.is_head)
        gw_buf_put_str(out, ex->reply_body);
    ex->phase = PHASE_LINGER;
    http_conn_suspend(conn);
    http_conn_deadline(conn, DEADLINE_LINGER, LINGER_MS);
    gw_loop_mod(conn->http->loop, &conn->watch, EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET); /* reports what is there */
    if (out->status != AIGW_OK || !http_conn_flush(conn, &progress))
        http_linger_finish(conn);
}

void http_linger_finish(struct http_conn *conn)
{
    conn->deadline = DEADLINE_NONE;
    conn->did_finish_linger = true;
    if (conn->ex)
        conn->ex->is_cut = true;
    gw_buf_done(&conn->out);
    conn->out_at = 0;
    http_conn_shut(conn);
    http_conn_resume(conn);
}

void http_linger_event(struct http_conn *conn)
{
    static const size_t read_max = 8u << 20; /* a sender that does not stop by then is reset */
    char waste[16384];
    bool progress;

    if (conn->did_finish_linger)
        return;
    if (!http_conn_flush(conn, &progress)) {
        http_linger_finish(conn);
        return;
    }
    if (!http_conn_has_unsent(conn))
        http_conn_close_writing(conn);
    for (;;) {
        ssize_t got = recv(conn->watch.fd, waste, sizeof waste, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got > 0) {
            conn->lingered += (size_t)got;
            if (conn->lingered < read_max)
                continue;
        }
        http_linger_finish(conn);
        return;
    }
}

void http_answer_garbage(struct http_conn *conn)
{
    static const char body[] = "Invalid HTTP request received.";
    char answer[256];

    if (conn->session || http_conn_was_written(conn))
        return;
    int len = snprintf(answer, sizeof answer,
                       "HTTP/1.1 400 Bad Request\r\ndate: %s\r\nserver: aigw\r\ncontent-type: text/plain; "
                       "charset=utf-8\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n%s",
                       http_date(conn->http), sizeof body - 1, body);
    if (send(conn->watch.fd, answer, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* nobody there any more */
    http_note_refusal(conn->http, "not an HTTP request");
}
