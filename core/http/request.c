/* request.c - a request on its way in: from its head's bytes, through the library, to on_head and on_body. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "http/internal.h"

#define JSON "application/json"
/* A declared length alone makes us reserve no more than this; pages are taken as bytes come. */
#define EARLY_MAX  (2 * IN_SIZE) /* what may come in before a decision */
#define FIRST_MAX  (1u << 20)
#define PER_SECOND 65536u /* body bytes that buy a slow client another second */

/* ---- the head ------------------------------------------------------------------------------------------------- */

static bool request_set_path(struct http_ex *ex)
{
    aigw_str target = ex->pub.target;
    const char *question = memchr(target.ptr, '?', target.len);
    size_t path_len = question ? (size_t)(question - target.ptr) : target.len;

    if (question)
        ex->pub.query = (aigw_str){ question + 1, target.len - path_len - 1 };
    return gw_path_normalize(&ex->pub.arena, (aigw_str){ target.ptr, path_len }, ex->pub.http->prefix, &ex->pub.path);
}

/** Refused before the pipeline hears of it. Nothing after this request is read. */
static void ex_refuse(struct http_ex *ex, const struct http_refusal *refusal)
{
    ex->must_close = true;
    http_note_refusal(ex->pub.http, refusal->why);
    if (!http_reply_self(ex, refusal))
        http_ex_move(ex, EX_LOSE);
}

/** Of a body whose length is known: what is there of it. */
static size_t plain_share(const struct http_ex *ex, size_t len)
{
    return len < ex->body_left ? len : (size_t)ex->body_left;
}

/** What came with the head. It is kept until the pipeline has decided. */
static size_t request_take_early(struct http_ex *ex, const char *bytes, size_t len)
{
    size_t used = plain_share(ex, len);

    if (used == 0)
        return 0;
    gw_buf_reserve(&ex->body, ex->content_length < EARLY_MAX ? (size_t)ex->content_length : EARLY_MAX);
    gw_buf_put(&ex->body, bytes, used);
    ex->body_left -= used;
    ex->body_got += used;
    return used;
}

size_t http_request_begin(struct http_conn *conn, const char *bytes, size_t head_len, size_t len)
{
    static const struct http_refusal bad_path = { 400, JSON, "{\"detail\":\"Invalid request path\"}", "bad path" };
    static const struct http_refusal over_cap = { 503, JSON, "{\"detail\":\"Too many connections, try again shortly\"}",
                                                  "connection limit" };
    static const struct http_refusal no_channel = { 503, JSON,
                                                    "{\"detail\":\"Too many requests at once, try again shortly\"}",
                                                    "no memory or descriptors to read it" };
    struct http_ex *ex = http_ex_new(conn);
    struct http_refusal refusal;

    if (!ex)
        return head_len;
    if (!http_head_judge(ex, bytes, head_len, &refusal)) {
        ex_refuse(ex, &refusal);
    } else if (!request_set_path(ex)) {
        ex_refuse(ex, &bad_path);
    } else if (conn->is_over_cap) {
        ex_refuse(ex, &over_cap);
    } else {
        aigw_str told = http_head_told(ex, bytes, head_len);
        gw_buf_init(&ex->body, EARLY_MAX);
        ex->is_known = http_known_find(ex, told);
        if (ex->is_known)
            http_conn_queue(conn);
        if (ex->is_known || http_channel_begin(ex, told))
            return head_len + request_take_early(ex, bytes + head_len, len - head_len);
        ex_refuse(ex, &no_channel);
    }
    return head_len;
}

void http_request_refuse(struct http_conn *conn, const struct http_refusal *refusal)
{
    struct http_ex *ex = http_ex_new(conn);

    if (ex)
        ex_refuse(ex, refusal);
}

/** The library's list of headers, held against ours. */
struct comparison {
    const struct http_ex *ex;
    const struct http_header *at;
    bool is_same;
};

static void pass_ours(struct comparison *comparison)
{
    const struct http_header *end = comparison->ex->headers + comparison->ex->header_count;

    while (comparison->at < end && comparison->at->is_ours)
        comparison->at++;
}

static enum MHD_Result compare_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                      const char *value, size_t value_len)
{
    struct comparison *comparison = cls;
    const struct http_ex *ex = comparison->ex;

    (void)kind;
    pass_ours(comparison);
    if (comparison->at < ex->headers + ex->header_count) {
        const struct http_header *ours = comparison->at++;
        aigw_str theirs = value ? gw_str_trim((aigw_str){ value, value_len }) : AIGW_STR("");
        if (ours->name_len == name_len && memcmp(ours->line, name, name_len) == 0 && ours->value_len == theirs.len &&
            memcmp(ours->line + ours->value_at, theirs.ptr, theirs.len) == 0)
            return MHD_YES;
    }
    comparison->is_same = false;
    return MHD_NO;
}

static bool library_agrees(const struct http_ex *ex, struct MHD_Connection *mhd, const char *method, const char *url)
{
    struct comparison comparison = { .ex = ex, .at = ex->headers, .is_same = true };
    aigw_str target = ex->pub.target;
    size_t url_len = strlen(url); /* the target without its query */

    if (!gw_str_is(ex->pub.method, method) || !gw_str_has_prefix(target, (aigw_str){ url, url_len }) ||
        (target.len > url_len && target.ptr[url_len] != '?'))
        return false;
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, compare_header, &comparison);
    pass_ours(&comparison);
    return comparison.is_same && comparison.at == ex->headers + ex->header_count;
}

/* ---- deadlines ------------------------------------------------------------------------------------------------ */

/** Silence, and slowness: what makes no body is no progress (D42). */
static void request_await_body(struct http_ex *ex)
{
    const struct gw_http_limits *limits = &ex->pub.http->limits;
    int64_t spent_ms = gw_loop_now_ms(ex->pub.http->loop) - ex->body_since_ms;
    int64_t whole_ms = limits->body_total_ms + (int64_t)(ex->body_got / PER_SECOND) * 1000 - spent_ms;

    http_conn_deadline(ex->conn, DEADLINE_CLIENT, whole_ms < limits->body_ms ? whole_ms : limits->body_ms);
}

void http_request_await_rest(struct http_ex *ex)
{
    if (!ex->body_since_ms)
        ex->body_since_ms = gw_loop_now_ms(ex->pub.http->loop);
    request_await_body(ex);
}

/* ---- reading it or not ---------------------------------------------------------------------------------------- */

bool http_request_has_rest(const struct http_ex *ex)
{
    bool is_reading = ex->state == EX_HEAD || ex->state == EX_WAIT || ex->state == EX_BODY;

    return is_reading && (ex->is_chunked || ex->body_left > 0);
}

void http_request_hand(struct http_ex *ex)
{
    const struct gw_http_handler *handler = ex->handler;

    if (!http_body_end(ex) || !http_ex_move(ex, EX_HANDED))
        return;
    ex->pub.body = ex->body.data ? gw_buf_str(&ex->body) : AIGW_STR("");
    handler->on_body(handler->user, &ex->pub);
}

/** The pipeline wants the body. */
static void request_read(struct http_ex *ex)
{
    struct http_conn *conn = ex->conn;
    bool is_untouched = ex->body_left == ex->content_length && ex->raw_since == 0;

    if (!http_body_begin(ex))
        return;
    size_t wanted = ex->content_length < FIRST_MAX ? (size_t)ex->content_length : FIRST_MAX;
    if (wanted > ex->body.cap)
        gw_buf_reserve(&ex->body, wanted - ex->body.len);
    if (!http_ex_move(ex, EX_READ))
        return;
    if (ex->state == EX_BODY && (ex->content_length || ex->is_chunked)) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (ex->wants_continue && is_untouched && ex->pub.http_minor > 0 && conn->in.len == 0 &&
            !http_conn_send(conn, &(struct iovec){ (void *)(uintptr_t)go_on, sizeof go_on - 1 }, 1)) {
            http_ex_move(ex, EX_LOSE);
            return;
        }
        http_request_await_rest(ex);
    }
    if (ex->state == EX_READY)
        http_conn_queue(conn); /* on_body is due */
}

void gw_http_head_done(struct gw_exchange *pub, int decision)
{
    struct http_ex *ex = http_ex_of(pub);

    if (ex->state != EX_HEAD && ex->state != EX_WAIT && ex->state != EX_WAIT_WHOLE)
        return; /* answered, or over */
    if (decision == GW_HEAD_READ)
        request_read(ex);
    else
        http_ex_move(ex, EX_LOSE); /* it said it had answered, but did not: drop it rather than hang */
}

/* ---- from the library ----------------------------------------------------------------------------------------- */

/** The head is read: tell the pipeline. */
static bool request_parsed(struct http_ex *ex)
{
    struct gw_http *http = ex->pub.http;

    ex->handler = &http->handler;
    http->open_exchanges++;
    http_conn_deadline(ex->conn, DEADLINE_NONE, 0);
    if (!http_ex_move(ex, EX_PARSED))
        return false;
    int decision = http->handler.on_head(http->handler.user, &ex->pub);
    if (ex->state != EX_HEAD)
        return true; /* answered, or decided already */
    if (decision == GW_HEAD_WAIT)
        http_ex_move(ex, EX_UNDECIDED);
    else
        gw_http_head_done(&ex->pub, decision);
    return true;
}

bool http_request_parsed(struct http_ex *ex, struct MHD_Connection *mhd, const char *method, const char *url)
{
    if (ex->state != EX_NEW)
        return false;
    if (library_agrees(ex, mhd, method, url))
        return request_parsed(ex);
    gw_log(GW_LOG_WARNING, "http", "libmicrohttpd %s read a request's head differently; it is refused",
           MHD_get_version());
    return false;
}

void http_request_body(struct http_ex *ex, const char *bytes, size_t len)
{
    ex->body_got += len;
    ex->raw_since = 0;
    switch (ex->state) {
    case EX_WAIT:
        gw_buf_put(&ex->body, bytes, len);
        break;
    case EX_BODY:
        request_await_body(ex);
        (void)http_body_keep(ex, bytes, len);
        break;
    case EX_DRAIN:
        request_await_body(ex);
        if (ex->is_chunked && ex->body_got > ex->pub.http->limits.drain_max)
            http_ex_move(ex, EX_ENOUGH);
        break;
    default:
        break; /* nobody wants it */
    }
}

static void request_whole(struct http_ex *ex)
{
    if (ex->state != EX_WAIT && ex->state != EX_BODY && ex->state != EX_DRAIN)
        return;
    http_conn_deadline(ex->conn, DEADLINE_NONE, 0);
    if (http_ex_move(ex, EX_WHOLE) && ex->state == EX_READY)
        http_request_hand(ex);
}

static void request_read_whole(struct http_ex *ex)
{
    if (ex->is_chunked || ex->body_left == 0)
        request_whole(ex);
}

void http_request_read(struct http_ex *ex)
{
    http_known_agree(ex);
    request_read_whole(ex);
}

void http_request_known(struct http_ex *ex)
{
    ex->is_known = false; /* once */
    if (request_parsed(ex))
        request_read_whole(ex);
}

void http_request_failed(struct http_ex *ex, int status)
{
    static const struct http_refusal too_large = { 413, JSON, "{\"detail\":\"Request body is too large\"}",
                                                   "chunk too large" };
    struct http_refusal refusal = http_head_malformed("libmicrohttpd refused it");

    if (status == 413)
        refusal = too_large;
    else if (status == 414 || status == 431)
        refusal = http_head_too_large();
    ex->must_close = true;
    if (ex->state == EX_NEW || ex->state == EX_WAIT || ex->state == EX_BODY)
        ex_refuse(ex, &refusal);
    else if (ex->state == EX_DRAIN)
        http_ex_move(ex, EX_ENOUGH);
}

/* ---- from the client ------------------------------------------------------------------------------------------ */

/** Of a chunked body: a little at a time, so that size lines without chunks behind them are seen. 0: not now. */
static size_t chunked_share(struct http_ex *ex, size_t len)
{
    if (ex->raw_since < CHUNK_HEAD_MAX) {
        size_t most = CHUNK_HEAD_MAX - ex->raw_since;
        return len < most ? len : most;
    }
    if (http_channel_is_idle(ex)) {
        http_channel_leave(ex, false);
        http_request_failed(ex, 400);
    } else {
        http_conn_queue(ex->conn); /* the library has not seen all of it yet */
    }
    return 0;
}

void http_request_ended(struct http_ex *ex)
{
    if ((ex->state != EX_BODY && ex->state != EX_DRAIN) || (!ex->is_chunked && ex->body_left == 0))
        return; /* it is all there, the library has yet to look at it */
    if (ex->is_chunked) {
        http_channel_end(ex); /* the library knows whether that was all */
    } else if (ex->state == EX_DRAIN) {
        ex->must_close = true; /* the answer is there; perhaps it is waited for */
        http_ex_move(ex, EX_ENOUGH);
    } else {
        http_ex_move(ex, EX_LOSE);
    }
}

static size_t request_take_chunked(struct http_ex *ex, const char *bytes, size_t len)
{
    size_t share = chunked_share(ex, len), used;

    if (!share || !ex->channel)
        return 0;
    used = http_channel_feed(ex, bytes, share);
    ex->raw_since += used;
    if (used < len)
        http_conn_queue(ex->conn); /* the rest when the library has taken this */
    return used;
}

size_t http_request_take(struct http_ex *ex, const char *bytes, size_t len)
{
    if (ex->state != EX_BODY && ex->state != EX_DRAIN)
        return 0;
    if (ex->is_chunked)
        return request_take_chunked(ex, bytes, len);
    size_t used = plain_share(ex, len);
    if (!used)
        return 0; /* it is all there: the library has yet to read the head */
    ex->body_left -= used;
    http_request_body(ex, bytes, used);
    if (ex->body_left == 0 && !ex->channel)
        request_whole(ex);
    return used;
}
