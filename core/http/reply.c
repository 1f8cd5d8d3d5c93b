/* reply.c - the head of every answer, and answers that are whole at once. */
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "base/log.h"
#include "http/internal.h"

static const char *http_date(struct gw_http *http)
{
    int64_t now_s = gw_wall_s();
    time_t when = (time_t)now_s;
    struct tm utc;

    if (now_s != http->date_s && gmtime_r(&when, &utc)) {
        static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        snprintf(http->date, sizeof http->date, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[utc.tm_wday % 7],
                 (unsigned)utc.tm_mday % 100, months[utc.tm_mon % 12], (unsigned)(utc.tm_year + 1900) % 10000,
                 (unsigned)utc.tm_hour % 100, (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100);
        http->date_s = now_s;
    }
    return http->date;
}

void http_note_refusal(struct gw_http *http, const char *why)
{
    int64_t now_ms = gw_loop_now_ms(http->loop);

    http->refused++;
    if (now_ms - http->last_note_ms < 1000 && http->last_note_ms)
        return;
    struct gw_line line;
    gw_line_begin(&line, GW_LOG_INFO, "http", "request refused before the pipeline");
    gw_line_cstr(&line, "reason", why);
    gw_line_int(&line, "count", (int64_t)http->refused);
    gw_line_end(&line);
    http->refused = 0;
    http->last_note_ms = now_ms;
}

/** Seconds with six digits behind the point; printf is ten times slower. */
static void put_seconds(char text[32], uint64_t us)
{
    char reversed[32];
    size_t len = 0;

    for (; len < 6; us /= 10)
        reversed[len++] = (char)('0' + us % 10);
    reversed[len++] = '.';
    do {
        reversed[len++] = (char)('0' + us % 10);
        us /= 10;
    } while (us);
    for (size_t i = 0; i < len; i++)
        text[i] = reversed[len - 1 - i];
    text[len] = '\0';
}

static bool is_header(aigw_str name, aigw_str value)
{
    value = gw_str_trim(value);
    return value.len > 0 && http_is_token(name.ptr, name.len) && http_is_field_value(value.ptr, value.len);
}

/** A header of the pipeline. What could break the head is left out. */
static void put_header(struct gw_buf *out, aigw_str name, aigw_str value)
{
    if (!is_header(name, value))
        return;
    gw_buf_put_str(out, name);
    gw_buf_puts(out, ": ");
    gw_buf_put_str(out, gw_str_trim(value));
    gw_buf_puts(out, "\r\n");
}

static void put_status(struct gw_http *http, int status)
{
    struct gw_buf *out = &http->head;

    gw_buf_puts(out, "HTTP/1.1 ");
    gw_buf_put_u64(out, (unsigned)status);
    gw_buf_puts(out, " ");
    gw_buf_puts(out, MHD_get_reason_phrase_for((unsigned)status));
    gw_buf_puts(out, "\r\ndate: ");
    gw_buf_puts(out, http_date(http));
    gw_buf_puts(out, "\r\nserver: aigw\r\n");
}

/** RFC 9110 §8.6, RFC 9112 §6.1: not even the framing of a body. */
static bool is_bodiless(int status)
{
    return status == 204 || status == 304 || status < 200;
}

bool http_has_no_body(const struct http_ex *ex, int status)
{
    return ex->pub.is_head || is_bodiless(status);
}

/** For answers to pages: who may read them, and which headers. By their names, for `*` is what older browsers do not
 * know. */
static void put_cors(const struct http_ex *ex, struct gw_buf *out, const struct gw_http_header *headers, size_t count)
{
    if (ex->pub.is_origin_chosen)
        put_header(out, AIGW_STR("vary"), AIGW_STR("origin"));
    if (!ex->pub.allow_origin.ptr)
        return;
    put_header(out, AIGW_STR("access-control-allow-origin"), ex->pub.allow_origin);
    if (!ex->pub.has_open_headers)
        return;
    gw_buf_puts(out, "access-control-expose-headers: x-request-id, x-process-time");
    for (size_t i = 0; i < count; i++) {
        if (!is_header(headers[i].name, headers[i].value))
            continue;
        gw_buf_puts(out, ", ");
        gw_buf_put_str(out, headers[i].name);
    }
    gw_buf_puts(out, "\r\n");
}

static void put_length(const struct http_ex *ex, struct gw_buf *out, int status, uint64_t length)
{
    if (is_bodiless(status))
        return;
    if (length != UINT64_MAX) {
        gw_buf_puts(out, "content-length: ");
        gw_buf_put_u64(out, length);
        gw_buf_puts(out, "\r\n");
    } else {
        /* Proxies on the way must not collect what is meant to arrive piece by piece. */
        gw_buf_puts(out, "x-accel-buffering: no\r\n");
        if (ex->pub.http_minor > 0)
            gw_buf_puts(out, "transfer-encoding: chunked\r\n");
    }
}

bool http_put_head(struct http_ex *ex, int status, const char *content_type, uint64_t length,
                   const struct gw_http_header *headers, size_t header_count)
{
    struct gw_http *http = ex->pub.http;
    struct gw_buf *out = &http->head;
    int64_t elapsed_us = gw_mono_us() - ex->pub.arrived_us;
    char seconds[32];

    gw_buf_clear(out);
    put_status(http, status);
    if (content_type && *content_type) {
        size_t len = strnlen(content_type, sizeof ex->pub.answer_type - 1);
        put_header(out, AIGW_STR("content-type"), gw_str(content_type));
        memcpy(ex->pub.answer_type, content_type, len);
        ex->pub.answer_type[len] = '\0';
    }
    for (size_t i = 0; i < header_count; i++)
        put_header(out, headers[i].name, headers[i].value);
    if (status == 415 && ex->pub.coding == GW_CODING_UNKNOWN) /* RFC 9110 §12.5.3: what would be read */
        put_header(out, AIGW_STR("accept-encoding"), AIGW_STR(GW_CODINGS));
    put_cors(ex, out, headers, header_count);
    put_header(out, AIGW_STR("x-request-id"), gw_str(ex->pub.request_id));
    put_seconds(seconds, elapsed_us < 0 ? 0 : (uint64_t)elapsed_us);
    put_header(out, AIGW_STR("x-process-time"), gw_str(seconds));
    put_length(ex, out, status, length);
    if (http->is_leaving)
        ex->must_close = true;
    if (ex->must_close)
        gw_buf_puts(out, "connection: close\r\n");
    else if (ex->pub.http_minor == 0)
        gw_buf_puts(out, "connection: keep-alive\r\n");
    gw_buf_puts(out, "\r\n");
    return out->status == AIGW_OK;
}

/** Is the rest of the body short enough to be read, so that the connection can stay? */
static bool is_worth_draining(const struct http_ex *ex)
{
    if (ex->wants_continue)
        return false;
    return ex->is_chunked ? ex->channel != NULL : ex->body_left <= ex->pub.http->limits.drain_max;
}

static bool reply(struct http_ex *ex, int status, const char *content_type, aigw_str body,
                  const struct gw_http_header *headers, size_t header_count)
{
    struct http_conn *conn = ex->conn;
    bool is_late = http_request_has_rest(ex) && is_worth_draining(ex);

    if (http_request_has_rest(ex) && !is_late)
        ex->must_close = true;
    if (!http_put_head(ex, status, content_type, body.len, headers, header_count))
        return false;
    if (http_has_no_body(ex, status))
        body.len = 0;
    ex->pub.status = status;
    ex->pub.bytes_out = body.len;
    ex->pub.first_chunk_us = ex->pub.response_start_us = gw_mono_us();
    if (!http_ex_move(ex, is_late ? EX_REPLY_LATE : EX_REPLY))
        return false;
    struct iovec parts[2] = { { ex->pub.http->head.data, ex->pub.http->head.len },
                              { (void *)(uintptr_t)body.ptr, body.len } };
    bool is_taken;
    if (is_late) {
        gw_buf_put(&conn->out, parts[0].iov_base, parts[0].iov_len);
        gw_buf_put_str(&conn->out, body);
        is_taken = conn->out.status == AIGW_OK;
        http_request_await_rest(ex);
    } else {
        http_conn_deadline(conn, DEADLINE_NONE, 0);
        is_taken = http_conn_send(conn, parts, body.len ? 2 : 1);
    }
    if (!is_taken)
        http_ex_move(ex, EX_LOSE);
    return true;
}

bool http_reply_self(struct http_ex *ex, const struct http_refusal *refusal)
{
    struct gw_http_header retry = { AIGW_STR("retry-after"), AIGW_STR("1") };

    return (ex->state == EX_NEW || http_can_answer(ex)) &&
           reply(ex, refusal->status, refusal->content_type, gw_str(refusal->body), &retry, refusal->status == 503);
}

bool gw_http_reply(struct gw_exchange *pub, int status, const char *content_type, aigw_str body,
                   const struct gw_http_header *headers, size_t header_count)
{
    struct http_ex *ex = http_ex_of(pub);

    return http_can_answer(ex) && reply(ex, status, content_type, body, headers, header_count);
}
