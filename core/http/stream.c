/* stream.c - bodies of unknown length, written by ourselves while libmicrohttpd has the connection suspended.
 *
 * 1. stream_begin gives libmicrohttpd a callback response; it writes the headers.
 * 2. Its first call of the reader comes after the kernel took every header byte: from there on we own the socket.
 * 3. Every write is one sendmsg of size line, bytes and CR LF, or, corked, all writes together are one; what the
 *    socket does not take waits in conn->out and goes out on EPOLLOUT.
 * 4. At the end, with nothing unsent, the reader answers "end" and libmicrohttpd writes the last chunk and goes on
 *    with the next request. HTTP/1.0 clients get plain bytes and the end of the connection instead of chunks.
 */
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/internal.h"

#define CORK_MAX     16384u /* collected bytes of one stream */
#define READER_BLOCK 64     /* libmicrohttpd wants one; nothing is ever put there */

/** Give back the pages of libmicrohttpd's write buffer: the headers left it, and a stream may idle for minutes. */
static void stream_trim(char *scratch, size_t len)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)scratch + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)scratch + len) & ~(page - 1);

    if (to > from)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

/** Make libmicrohttpd drop the connection, whose socket is shut already: the byte cannot leave, the failed send closes.
 *  Answering END_WITH_ERROR (or, without chunks, END_OF_STREAM) instead would leave 0.9.75 with a closed connection
 * that it does not clean up, and the client waiting. */
static ssize_t stream_break(char *buffer)
{
    buffer[0] = '\n';
    return 1;
}

static ssize_t stream_end(struct http_ex *ex, char *buffer)
{
    struct http_conn *conn = ex->conn;

    ex->phase = PHASE_QUEUED;
    if (ex->pub.http_minor == 0) { /* the end of the connection is the end of the body */
        ex->did_close = true;
        http_conn_close_writing(conn);
        return stream_break(buffer);
    }
    http_conn_deadline(conn, DEADLINE_STALL, http_stall_look_ms(conn->http));
    return MHD_CONTENT_READER_END_OF_STREAM;
}

/** Let a pipeline that was told to stop go on. Call last: it may do anything to ex. */
static void stream_drained(struct http_ex *ex)
{
    const struct http_conn *conn = ex->conn;
    const struct gw_http *http = conn->http;

    if (!ex->is_full || conn->out.len - conn->out_at > http->limits.backlog_high / 2)
        return;
    ex->is_full = false;
    if (!ex->is_ended)
        http->handler.on_drain(http->handler.user, &ex->pub);
}

static ssize_t stream_read(void *cls, uint64_t position, char *buffer, size_t max)
{
    struct http_ex *ex = cls;
    struct http_conn *conn = ex->conn;
    bool progress;

    (void)position;
    if (ex->is_cut || ex->pub.is_gone) {
        http_conn_shut(conn);
        return stream_break(buffer);
    }
    if (!ex->is_direct) {
        ex->is_direct = true;
        if (conn->session) { /* libmicrohttpd may have left it corked */
            int off = 0;
            setsockopt(conn->watch.fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
        }
        conn->deadline = DEADLINE_NONE;
        if (!http_conn_flush(conn, &progress)) {
            http_conn_shut(conn);
            http_gone(ex);
            return stream_break(buffer);
        }
        if (http_conn_has_unsent(conn))
            http_conn_deadline(conn, DEADLINE_STALL, http_stall_look_ms(conn->http));
        if (!ex->is_ended) {
            stream_trim(buffer, max);
            if (conn->had_exchange) /* a new connection's pages were not touched yet */
                http_trim(conn);
        }
    }
    if (ex->is_ended && !http_conn_has_unsent(conn))
        return stream_end(ex, buffer);
    http_conn_suspend(conn); /* returning 0 without it would spin */
    if (conn->is_hup)
        http_gone_and_cut(ex);
    else
        stream_drained(ex);
    return 0;
}

bool gw_http_stream_begin(struct gw_exchange *pub, int status, const char *content_type,
                          const struct gw_http_header *headers, size_t header_count)
{
    struct http_ex *ex = http_ex_of(pub);

    if (pub->is_head) { /* the library would send a chunk to a HEAD request */
        if (!http_build_reply(ex, status, content_type, AIGW_STR(""), headers, header_count, true))
            return false;
        ex->is_stream = true;
    } else {
        if (ex->is_answered || ex->is_cut || pub->is_gone)
            return false;
        ex->reply = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, READER_BLOCK, stream_read, ex, NULL);
        if (!ex->reply)
            return false;
        if (!http_add_headers(ex, ex->reply, content_type, headers, header_count)) {
            MHD_destroy_response(ex->reply);
            ex->reply = NULL;
            return false;
        }
        ex->is_stream = true;
        ex->is_answered = true;
        pub->status = status;
        pub->response_start_us = gw_mono_us();
    }
    if (ex->phase == PHASE_WORK && ex->conn->is_suspended) {
        if (!http_queue(ex))
            ex->is_cut = true;
        http_conn_resume(ex->conn);
    }
    return true;
}

/** What the pipeline has to know after its bytes were taken. */
static int stream_state(struct http_ex *ex)
{
    const struct http_conn *conn = ex->conn;

    if (conn->out.len - conn->out_at <= conn->http->limits.backlog_high)
        return GW_WRITE_OK;
    ex->is_full = true;
    return GW_WRITE_FULL;
}

/** Send now what the socket takes, and guard the rest. False when the client is gone. */
static bool stream_send(struct http_ex *ex, const struct iovec *parts, int count)
{
    struct http_conn *conn = ex->conn;
    bool was_waiting = http_conn_has_unsent(conn);

    if (!http_conn_send(conn, parts, count))
        return false;
    if (!was_waiting && http_conn_has_unsent(conn))
        http_conn_deadline(conn, DEADLINE_STALL, http_stall_look_ms(conn->http));
    return true;
}

static bool stream_send_corked(struct http_ex *ex)
{
    struct gw_buf *cork = &ex->pub.http->cork;
    struct iovec all = { cork->data, cork->len };

    if (ex->pub.http->corked != ex || cork->len == 0)
        return true;
    cork->len = 0;
    return stream_send(ex, &all, 1);
}

static bool stream_collect(struct http_ex *ex, const struct iovec *parts, int count)
{
    struct gw_buf *cork = &ex->pub.http->cork;
    size_t len = 0;

    for (int i = 0; i < count; i++)
        len += parts[i].iov_len;
    if (len > CORK_MAX - cork->len && !stream_send_corked(ex))
        return false;
    if (len > CORK_MAX)
        return stream_send(ex, parts, count);
    gw_buf_reserve(cork, CORK_MAX - cork->len);
    for (int i = 0; i < count; i++)
        gw_buf_put(cork, parts[i].iov_base, parts[i].iov_len);
    return cork->status == AIGW_OK;
}

void gw_http_cork(struct gw_exchange *pub)
{
    struct gw_http *http = pub->http;

    if (http->corked)
        return;
    http->corked = http_ex_of(pub);
    http->cork.max = CORK_MAX;
    gw_buf_clear(&http->cork);
}

int gw_http_uncork(struct gw_exchange *pub)
{
    struct http_ex *ex = http_ex_of(pub);

    bool is_sent = ex->is_cut || pub->is_gone || stream_send_corked(ex);
    if (pub->http->corked == ex)
        pub->http->corked = NULL;
    if (ex->is_cut || pub->is_gone)
        return GW_WRITE_GONE;
    if (is_sent)
        return ex->is_stream && !ex->is_ended ? stream_state(ex) : GW_WRITE_OK;
    http_gone_and_cut(ex);
    return GW_WRITE_GONE;
}

/** "1f" CR LF, written from the back. */
static struct iovec stream_size_line(char line[20], size_t len)
{
    char *at = line + 20;

    *--at = '\n';
    *--at = '\r';
    for (; len; len >>= 4)
        *--at = "0123456789abcdef"[len & 15];
    return (struct iovec){ at, (size_t)(line + 20 - at) };
}

int gw_http_stream_write(struct gw_exchange *pub, aigw_str bytes)
{
    struct http_ex *ex = http_ex_of(pub);
    struct http_conn *conn = ex->conn;
    struct iovec parts[3];
    char size_line[20];
    int count = 0;

    if (ex->is_cut || pub->is_gone || !ex->is_stream || ex->is_ended)
        return GW_WRITE_GONE;
    if (bytes.len == 0)
        return GW_WRITE_OK; /* an empty chunk would end the body */
    if (!pub->first_chunk_us)
        pub->first_chunk_us = gw_mono_us();
    if (pub->is_head)
        return GW_WRITE_OK;
    pub->bytes_out += bytes.len;
    if (pub->http_minor > 0)
        parts[count++] = stream_size_line(size_line, bytes.len);
    parts[count++] = (struct iovec){ (void *)(uintptr_t)bytes.ptr, bytes.len };
    if (pub->http_minor > 0)
        parts[count++] = (struct iovec){ (void *)(uintptr_t) "\r\n", 2 };
    if (!ex->is_direct) { /* the headers are not out yet */
        for (int i = 0; i < count; i++)
            gw_buf_put(&conn->out, parts[i].iov_base, parts[i].iov_len);
        if (conn->out.status == AIGW_OK)
            return stream_state(ex);
    } else if (pub->http->corked == ex ? stream_collect(ex, parts, count) : stream_send(ex, parts, count)) {
        return stream_state(ex);
    }
    http_gone_and_cut(ex);
    return GW_WRITE_GONE;
}

void gw_http_stream_end(struct gw_exchange *pub)
{
    struct http_ex *ex = http_ex_of(pub);

    if (!ex->is_stream || ex->is_ended || ex->is_cut || pub->is_gone)
        return;
    ex->is_ended = true;
    if (!stream_send_corked(ex)) {
        http_gone_and_cut(ex);
        return;
    }
    if (ex->is_direct && !http_conn_has_unsent(ex->conn))
        http_conn_resume(ex->conn);
}

/** The socket takes bytes again. */
void http_stream_writable(struct http_ex *ex)
{
    struct http_conn *conn = ex->conn;
    bool progress;

    if (!ex->is_direct)
        return;
    if (!http_conn_flush(conn, &progress)) {
        http_gone_and_cut(ex);
        return;
    }
    if (!http_conn_has_unsent(conn)) {
        conn->deadline = DEADLINE_NONE;
        if (ex->is_ended) {
            http_conn_resume(conn);
            return;
        }
    }
    stream_drained(ex);
}

void gw_http_abort(struct gw_exchange *pub)
{
    struct http_ex *ex = http_ex_of(pub);
    struct http_conn *conn = ex->conn;

    if (ex->is_cut || ex->phase == PHASE_LINGER)
        return;
    pub->did_abort = true;
    (void)stream_send_corked(ex); /* what was written before the abort goes out as far as it can */
    ex->is_cut = true;
    if (pub->http->corked == ex)
        pub->http->corked = NULL;
    if (ex->is_stream && pub->http_minor == 0) {
        /* The end of the connection is the end of the body there: only a reset says that something is missing. */
        struct sockaddr nobody = { .sa_family = AF_UNSPEC };
        (void)connect(conn->watch.fd, &nobody, sizeof nobody);
    }
    if (conn->is_suspended)
        http_conn_resume(conn);
    else if (ex->phase == PHASE_QUEUED && !ex->is_stream)
        http_conn_shut(conn); /* libmicrohttpd is writing: nothing else stops it */
}
