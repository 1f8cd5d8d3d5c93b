/* reply.c - building answers and handing them to libmicrohttpd. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "http/internal.h"

const char *http_date(struct gw_http *http)
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

/** MHD_add_response_header() wants NUL-terminated text. */
static void add_header(struct http_ex *ex, struct MHD_Response *response, aigw_str name, aigw_str value)
{
    char small_name[64];
    char small_value[512];
    const char *n = small_name;
    const char *v = small_value;

    if (name.len < sizeof small_name) {
        memcpy(small_name, name.ptr, name.len);
        small_name[name.len] = '\0';
    } else {
        n = gw_arena_strndup(&ex->pub.arena, name.ptr, name.len);
    }
    if (value.len < sizeof small_value) {
        if (value.len)
            memcpy(small_value, value.ptr, value.len);
        small_value[value.len] = '\0';
    } else {
        v = gw_arena_strndup(&ex->pub.arena, value.ptr, value.len);
    }
    if (n && v)
        MHD_add_response_header(response, n, v); /* refuses CR, LF and empty values: then there is no such header */
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

bool http_add_headers(struct http_ex *ex, struct MHD_Response *response, const char *content_type,
                      const struct gw_http_header *headers, size_t header_count)
{
    struct gw_http *http = ex->conn->http;
    char seconds[32];
    int64_t elapsed_us = gw_mono_us() - ex->pub.arrived_us;

    put_seconds(seconds, elapsed_us < 0 ? 0 : (uint64_t)elapsed_us);
    /* The library puts new headers at the end. */
    if (MHD_add_response_header(response, "date", http_date(http)) != MHD_YES ||
        MHD_add_response_header(response, "server", "aigw") != MHD_YES)
        return false;
    if (content_type && *content_type) {
        MHD_add_response_header(response, "content-type", content_type);
        size_t len = strnlen(content_type, sizeof ex->pub.answer_type - 1);
        memcpy(ex->pub.answer_type, content_type, len);
        ex->pub.answer_type[len] = '\0';
    }
    for (size_t i = 0; i < header_count; i++)
        add_header(ex, response, headers[i].name, headers[i].value);
    if (ex->has_origin)
        MHD_add_response_header(response, "access-control-allow-origin", "*");
    MHD_add_response_header(response, "x-request-id", ex->pub.request_id);
    MHD_add_response_header(response, "x-process-time", seconds);
    if (ex->must_close || http->is_draining)
        MHD_add_response_header(response, "connection", "close");
    return true;
}

static void mark_answered(struct http_ex *ex, int status)
{
    ex->is_answered = true;
    ex->pub.status = status;
    ex->pub.response_start_us = gw_mono_us();
}

bool http_build_reply(struct http_ex *ex, int status, const char *content_type, aigw_str body,
                      const struct gw_http_header *headers, size_t header_count, bool keep_body)
{
    struct MHD_Response *response;

    if (ex->is_answered || ex->is_cut || ex->pub.is_gone)
        return false;
    response = MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)(body.ptr ? body.ptr : ""),
                                               body.len ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
    if (!response)
        return false;
    if (keep_body) {
        ex->reply_body = gw_arena_str(&ex->pub.arena, body);
        if (!ex->reply_body.ptr && body.len) {
            MHD_destroy_response(response);
            return false;
        }
    }
    if (!http_add_headers(ex, response, content_type, headers, header_count)) {
        MHD_destroy_response(response);
        return false;
    }
    ex->reply = response;
    mark_answered(ex, status);
    ex->pub.bytes_out = ex->pub.is_head ? 0 : body.len;
    ex->pub.first_chunk_us = ex->pub.response_start_us;
    return true;
}

bool http_reply_self(struct http_ex *ex, int status, const char *content_type, const char *body)
{
    struct gw_http_header retry = { AIGW_STR("retry-after"), AIGW_STR("1") };

    return http_build_reply(ex, status, content_type, gw_str(body), &retry, status == 503, true);
}

bool http_queue(struct http_ex *ex)
{
    enum MHD_Result rc = MHD_queue_response(ex->conn->mhd, (unsigned)ex->pub.status, ex->reply);

    MHD_destroy_response(ex->reply);
    ex->reply = NULL;
    if (rc != MHD_YES)
        return false;
    ex->phase = PHASE_QUEUED;
    http_conn_deadline(ex->conn, DEADLINE_STALL, http_stall_look_ms(ex->conn->http));
    return true;
}

bool gw_http_reply(struct gw_exchange *pub, int status, const char *content_type, aigw_str body,
                   const struct gw_http_header *headers, size_t header_count)
{
    struct http_ex *ex = http_ex_of(pub);

    /* Before the body is in, the answer may have to be written by ourselves. */
    if (!http_build_reply(ex, status, content_type, body, headers, header_count, ex->phase != PHASE_WORK))
        return false;
    if (ex->phase == PHASE_WORK && ex->conn->is_suspended) {
        if (!http_queue(ex))
            ex->is_cut = true;
        http_conn_resume(ex->conn);
    }
    return true;
}

bool gw_http_is_answered(const struct gw_exchange *pub)
{
    return GW_CONTAINER_OF((struct gw_exchange *)(uintptr_t)pub, struct http_ex, pub)->is_answered;
}
