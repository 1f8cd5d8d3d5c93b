/* sse.c - the event stream of v4: stream_start, content_chunk …, stream_end, with a comment now and then so that nobody
 * on the way takes a thinking model for a dead one. CRLF lines; JSON with blanks behind ':' and ',' and nothing outside
 * ASCII. */
#include "code_suggestions.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define HEAD_MAX    65536u
#define MESSAGE_MAX ((size_t)256 << 20) /* a piece of text, each byte of it escaped */
#define COMMENT_MAX 64u

static void put(const struct aigw_host *host, struct aigw_buf *out, const char *text)
{
    host->buf_put(out, text, strlen(text));
}

static aigw_status write_buf(struct aigw_ctx *ctx, const struct aigw_host *host, struct aigw_buf *buf)
{
    aigw_str view;
    aigw_status status = host->buf_view(buf, &view);

    if (status < 0)
        return host->fail(ctx, status, "an event of the stream is too large or memory ran out");
    return host->stream_write(ctx, view);
}

/* ---- comments ---- */

static void ping(struct aigw_ctx *ctx, void *arg)
{
    struct cs_call *call = arg;
    const struct aigw_host *host = call->cs->host;
    time_t now = (time_t)host->time_s(ctx);
    char text[COMMENT_MAX], when[32];
    struct tm utc;

    if (call->stage != CS_STREAMING)
        return;
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &utc);
    snprintf(text, sizeof text, ": ping - %s.000000+00:00\r\n\r\n", when);
    if (host->stream_write(ctx, (aigw_str){ text, strlen(text) }) == AIGW_OK)
        host->timer_set(ctx, &call->ping, call->cs->ping_ms, ping, call);
}

static void stop_pinging(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    if (call->ping)
        cs->host->timer_clear(ctx, call->ping);
}

/* ---- events ---- */

static void put_start(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call, struct aigw_buf *out)
{
    const struct aigw_host *host = cs->host;
    struct cs_names names = cs_names_of(call);
    aigw_str region = host->setting(ctx, "server.region");
    uint32_t flag_count = 0;
    const aigw_str *flags = host->feature_flags(ctx, &flag_count);

    put(host, out, "event: stream_start\r\ndata: {\"metadata\": {\"model\": {\"engine\": ");
    host->buf_json_ascii(out, names.engine);
    put(host, out, ", \"name\": ");
    host->buf_json_ascii(out, names.name);
    host->buf_printf(out, "}, \"timestamp\": %lld, \"enabled_feature_flags\": [", (long long)host->time_s(ctx));
    for (uint32_t i = 0; i < flag_count; i++) {
        if (i)
            put(host, out, ", ");
        host->buf_json_ascii(out, flags[i]);
    }
    put(host, out, "]");
    if (region.len) {
        put(host, out, ", \"region\": ");
        host->buf_json_ascii(out, region);
    }
    put(host, out, "}}\r\n\r\n");
}

aigw_status cs_sse_begin(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    static const struct aigw_pair headers[] = {
        { AIGW_STR_INIT("x-streaming-format"), AIGW_STR_INIT("sse") },
        { AIGW_STR_INIT("cache-control"), AIGW_STR_INIT("no-store") },
    };
    struct aigw_buf *out = cs->host->buf_new(ctx, AIGW_LIFE_REQUEST, HEAD_MAX);
    aigw_status status;

    if (!out)
        return AIGW_E_NOMEM;
    status = cs->host->stream_begin(ctx, 200, CS_STREAM_TYPE, headers, sizeof headers / sizeof *headers);
    if (status < 0)
        return status;
    put_start(ctx, cs, call, out);
    status = write_buf(ctx, cs->host, out);
    return status < 0 ? status : cs->host->timer_set(ctx, &call->ping, cs->ping_ms, ping, call);
}

aigw_status cs_sse_text(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text)
{
    if (!call->message)
        call->message = cs->host->buf_new(ctx, AIGW_LIFE_REQUEST, MESSAGE_MAX);
    if (!call->message)
        return AIGW_E_NOMEM;
    cs->host->buf_clear(call->message);
    put(cs->host, call->message, "event: content_chunk\r\ndata: {\"choices\": [{\"delta\": {\"content\": ");
    cs->host->buf_json_ascii(call->message, text);
    put(cs->host, call->message, "}, \"index\": 0}]}\r\n\r\n");
    return write_buf(ctx, cs->host, call->message);
}

aigw_status cs_sse_end(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    aigw_status status = cs->host->stream_write(ctx, AIGW_STR("event: stream_end\r\ndata: null\r\n\r\n"));

    stop_pinging(ctx, cs, call);
    return status < 0 ? status : cs->host->stream_end(ctx);
}

aigw_status cs_sse_error(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                         const struct aigw_error *error)
{
    struct aigw_buf *out = cs->host->buf_new(ctx, AIGW_LIFE_REQUEST, HEAD_MAX);
    const char *words;
    aigw_status status;

    stop_pinging(ctx, cs, call);
    if (!out)
        return AIGW_E_NOMEM;
    words = error->http_status ? cs->host->format(ctx, AIGW_LIFE_REQUEST, "Model %.*s answered %d: %.*s",
                                                  AIGW_STR_ARG(call->model->name), (int)error->http_status,
                                                  AIGW_STR_ARG(error->message))
                               : cs->host->format(ctx, AIGW_LIFE_REQUEST, "Model %.*s: %.*s",
                                                  AIGW_STR_ARG(call->model->name), AIGW_STR_ARG(error->message));
    if (!words)
        return AIGW_E_NOMEM;
    put(cs->host, out, "event: error\r\ndata: {\"detail\": ");
    cs->host->buf_json_ascii(out, (aigw_str){ words, strlen(words) });
    put(cs->host, out, "}\r\n\r\n");
    status = write_buf(ctx, cs->host, out);
    return status < 0 ? status : cs->host->stream_end(ctx);
}
