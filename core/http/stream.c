/* stream.c - answers of unknown length.
 *
 * What is written during a turn of the loop is collected in conn->out and sent once, at the turn's end; beyond
 * COLLECT_MAX at once. What the socket does not take waits there and goes out on EPOLLOUT. HTTP/1.0 clients get plain
 * bytes and the end of the connection instead of chunks.
 */
#include <sys/socket.h>

#include "http/internal.h"

#define CHUNK_EXTRA 24u /* a size line, and CR LF twice */

bool gw_http_stream_begin(struct gw_exchange *pub, int status, const char *content_type,
                          const struct gw_http_header *headers, size_t header_count)
{
    struct http_ex *ex = http_ex_of(pub);

    if (!http_can_answer(ex))
        return false;
    if (pub->http_minor == 0 || http_request_has_rest(ex)) /* the rest of the body would come in between */
        ex->must_close = true;
    if (!http_put_head(ex, status, content_type, UINT64_MAX, headers, header_count))
        return false;
    gw_buf_put_str(&ex->conn->out, gw_buf_str(&pub->http->head));
    pub->status = status;
    pub->response_start_us = gw_mono_us();
    http_conn_deadline(ex->conn, DEADLINE_NONE, 0);
    return http_ex_move(ex, EX_BEGIN);
}

/** Too much to collect: send what the socket takes. What became of it is the pipeline's answer. */
static int stream_state(struct http_ex *ex)
{
    struct http_conn *conn = ex->conn;

    if (conn->out.status != AIGW_OK || (http_conn_backlog(conn) > COLLECT_MAX && !http_conn_flush(conn))) {
        http_ex_move(ex, EX_LOSE);
        return GW_WRITE_GONE;
    }
    if (http_conn_backlog(conn) <= conn->http->limits.backlog_high)
        return ex->state == EX_STREAM_FULL ? GW_WRITE_FULL : GW_WRITE_OK;
    if (ex->state == EX_STREAM)
        http_ex_move(ex, EX_FULL);
    return GW_WRITE_FULL;
}

/** "1f" CR LF */
static void put_size_line(struct gw_buf *out, size_t len)
{
    char line[20];
    char *at = line + sizeof line;

    *--at = '\n';
    *--at = '\r';
    for (; len; len >>= 4)
        *--at = "0123456789abcdef"[len & 15];
    gw_buf_put(out, at, (size_t)(line + sizeof line - at));
}

int gw_http_stream_write(struct gw_exchange *pub, aigw_str bytes)
{
    struct http_ex *ex = http_ex_of(pub);
    struct gw_buf *out = &ex->conn->out;

    if (ex->state != EX_STREAM && ex->state != EX_STREAM_FULL)
        return GW_WRITE_GONE;
    if (bytes.len == 0)
        return GW_WRITE_OK; /* an empty chunk would end the body */
    if (!pub->first_chunk_us)
        pub->first_chunk_us = gw_mono_us();
    if (http_has_no_body(ex, pub->status))
        return GW_WRITE_OK;
    if (bytes.len + http_conn_backlog(ex->conn) > GW_HTTP_ANSWER_MAX + ex->conn->http->limits.backlog_high)
        return GW_WRITE_LIMIT;
    pub->bytes_out += bytes.len;
    http_out_begin(ex->conn);
    gw_buf_reserve(out, bytes.len + CHUNK_EXTRA);
    if (pub->http_minor > 0)
        put_size_line(out, bytes.len);
    gw_buf_put_str(out, bytes);
    if (pub->http_minor > 0)
        gw_buf_put(out, "\r\n", 2);
    http_conn_queue(ex->conn);
    return stream_state(ex);
}

int gw_http_stream_state(const struct gw_exchange *pub)
{
    const struct http_ex *ex = http_ex_of((struct gw_exchange *)(uintptr_t)pub);

    if (ex->state == EX_STREAM_FULL)
        return GW_WRITE_FULL;
    return ex->state == EX_STREAM ? GW_WRITE_OK : GW_WRITE_GONE;
}

void gw_http_stream_end(struct gw_exchange *pub)
{
    struct http_ex *ex = http_ex_of(pub);

    if (ex->state != EX_STREAM && ex->state != EX_STREAM_FULL)
        return;
    if (pub->http_minor > 0 && !http_has_no_body(ex, pub->status))
        gw_buf_puts(&ex->conn->out, "0\r\n\r\n");
    http_ex_move(ex, ex->conn->out.status == AIGW_OK ? EX_END : EX_LOSE);
}
