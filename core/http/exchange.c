/* exchange.c - one request from its first line to its end, as libmicrohttpd's callbacks tell it. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

#define ARENA_MAX     (64u << 20)
#define FIRST_RESERVE 65536u /* a declared length alone makes us allocate no more than this */

/** Request line: from here on there is an exchange. Returned pointer: the request's context. */
void *http_on_target(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct gw_http *http = cls;
    struct http_conn *conn = info ? info->socket_context : NULL;
    struct http_ex *ex = conn ? malloc(sizeof *ex) : NULL;

    if (!ex)
        return NULL; /* http_on_request() drops the connection */
    memset(ex, 0, offsetof(struct http_ex, room));
    ex->conn = conn;
    ex->target_at = uri;
    ex->pub.http = http;
    ex->pub.arrived_us = gw_mono_us();
    ex->pub.is_tls = conn->session != NULL;
    ex->pub.body_max = http->limits.body_max;
    gw_arena_init(&ex->pub.arena, ARENA_MAX);
    ex->pub.arena.next = ex->room;
    ex->pub.arena.left = sizeof ex->room;
    ex->pub.target = gw_arena_str(&ex->pub.arena, gw_str(uri));
    conn->ex = ex;
    if (conn->deadline != DEADLINE_HEADER) /* a new connection's runs since it was accepted */
        http_conn_deadline(conn, DEADLINE_HEADER, http->limits.header_ms);
    return ex;
}

/* ---- going away ----------------------------------------------------------------------------------------------- */

void http_gone(struct http_ex *ex)
{
    struct gw_http *http = ex->conn->http;

    if (ex->pub.is_gone)
        return;
    ex->pub.is_gone = true;
    ex->pub.did_abort = true;
    if (ex->is_begun)
        http->handler.on_gone(http->handler.user, &ex->pub);
}

void http_gone_and_cut(struct http_ex *ex)
{
    struct http_conn *conn = ex->conn;

    ex->is_cut = true;
    if (conn->http->corked == ex)
        conn->http->corked = NULL;
    gw_buf_done(&conn->out);
    conn->out_at = 0;
    http_conn_shut(conn);
    http_gone(ex);
    http_conn_resume(conn);
}

void http_on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code)
{
    struct gw_http *http = cls;
    struct http_ex *ex = *con_cls;

    (void)mhd;
    if (!ex)
        return;
    struct http_conn *conn = ex->conn;
    bool is_complete = code == MHD_REQUEST_TERMINATED_COMPLETED_OK || ex->phase == PHASE_LINGER || ex->did_close;
    if (!is_complete && !ex->pub.did_abort)
        http_gone(ex);
    if (is_complete && ex->must_close && conn->session && !conn->is_shut)
        gnutls_bye(conn->session, GNUTLS_SHUT_WR); /* libmicrohttpd would close without a word */
    ex->pub.done_us = gw_mono_us();
    if (ex->is_begun) {
        http->handler.on_done(http->handler.user, &ex->pub);
        http->open_exchanges--;
    }
    *con_cls = NULL;
    conn->ex = NULL;
    if (http->corked == ex)
        http->corked = NULL;
    conn->is_suspended = false;
    conn->had_exchange = true;
    gw_buf_done(&conn->out);
    conn->out_at = 0;
    conn->is_tls_flushing = false;
    http_conn_idle(conn);
    if (ex->reply)
        MHD_destroy_response(ex->reply);
    gw_buf_done(&ex->body);
    gw_arena_done(&ex->pub.arena);
    free(ex);
}

/* ---- the request comes in ------------------------------------------------------------------------------------- */

/** The answer is there although the body is not: drain a body worth draining, else write it ourselves. */
static enum MHD_Result exchange_early_answer(struct http_ex *ex)
{
    const struct gw_http *http = ex->conn->http;
    bool has_body = ex->is_chunked || ex->content_length > 0;

    if (ex->is_cut)
        return MHD_NO;
    if (has_body && ex->is_stream && ex->reply_body.ptr == NULL) { /* cannot be drained first: answer and close */
        ex->must_close = true;
        return http_queue(ex) ? MHD_YES : MHD_NO;
    }
    if (ex->phase == PHASE_LINE || ex->phase == PHASE_HEAD_WAIT) {
        if (has_body && (ex->wants_continue || ex->content_length > http->limits.drain_max)) {
            http_linger(ex);
            return MHD_YES;
        }
        ex->phase = PHASE_BODY;
        if (has_body)
            http_conn_deadline(ex->conn, DEADLINE_BODY, http->limits.body_ms);
    } else if (ex->drained > http->limits.drain_max) {
        http_linger(ex);
    }
    return MHD_YES;
}

static enum MHD_Result exchange_too_large(struct http_ex *ex)
{
    char text[96];

    gw_buf_done(&ex->body);
    snprintf(text, sizeof text, "{\"detail\":\"Request body is too large: more than %zu bytes\"}", ex->pub.body_max);
    if (!http_reply_self(ex, 413, "application/json", text))
        return MHD_NO;
    return exchange_early_answer(ex);
}

static enum MHD_Result exchange_after_head(struct http_ex *ex, int decision)
{
    const struct gw_http *http = ex->conn->http;

    if (ex->is_cut)
        return MHD_NO;
    if (ex->is_answered)
        return exchange_early_answer(ex);
    if (decision == GW_HEAD_ANSWERED) /* it said so but did not: drop the connection rather than hang */
        return MHD_NO;
    gw_buf_init(&ex->body, ex->pub.body_max);
    if (ex->content_length > ex->pub.body_max)
        return exchange_too_large(ex);
    if (ex->content_length)
        gw_buf_reserve(&ex->body, ex->content_length < FIRST_RESERVE ? (size_t)ex->content_length : FIRST_RESERVE);
    ex->phase = PHASE_BODY;
    if (ex->content_length || ex->is_chunked)
        http_conn_deadline(ex->conn, DEADLINE_BODY, http->limits.body_ms);
    return MHD_YES;
}

/** Refused before the pipeline hears of it. Nothing after this request is read. */
static enum MHD_Result exchange_refuse(struct http_ex *ex, const struct http_refusal *refusal)
{
    ex->must_close = true;
    http_note_refusal(ex->conn->http, refusal->why);
    if (!http_reply_self(ex, refusal->status, refusal->content_type, refusal->body))
        return MHD_NO;
    http_linger(ex);
    return MHD_YES;
}

static enum MHD_Result exchange_head(struct http_ex *ex, const char *method, const char *version)
{
    struct gw_http *http = ex->conn->http;
    struct http_refusal refusal;

    ex->pub.arrived_wall_us = gw_wall_us();
    ex->pub.method = gw_arena_str(&ex->pub.arena, gw_str(method));
    ex->pub.http_minor = version[7] == '0' ? 0 : 1; /* the library lets only HTTP/1.x through */
    ex->pub.is_head = gw_str_eq(ex->pub.method, AIGW_STR("HEAD"));
    ex->conn->deadline = DEADLINE_NONE;
    if (!http_check_head(ex, method, version, &refusal))
        return exchange_refuse(ex, &refusal);
    aigw_str target = ex->pub.target;
    const char *question = memchr(target.ptr, '?', target.len);
    size_t path_len = question ? (size_t)(question - target.ptr) : target.len;
    if (question)
        ex->pub.query = (aigw_str){ question + 1, target.len - path_len - 1 };
    if (!gw_path_normalize(&ex->pub.arena, (aigw_str){ target.ptr, path_len }, http->prefix, &ex->pub.path)) {
        refusal = (struct http_refusal){ 400, "application/json", "{\"detail\":\"Invalid request path\"}", "bad path" };
        return exchange_refuse(ex, &refusal);
    }
    if (ex->conn->is_over_cap) {
        refusal =
            (struct http_refusal){ 503, "application/json", "{\"detail\":\"Too many connections, try again shortly\"}",
                                   "connection limit" };
        return exchange_refuse(ex, &refusal);
    }
    /* libmicrohttpd accepts a bare LF between chunks, which cannot be seen from here. With nothing served after it on
     * this connection there is nothing to smuggle. */
    ex->must_close = ex->is_chunked || ex->pub.http_minor == 0;
    aigw_str connection = gw_http_request_header(&ex->pub, "connection");
    if (connection.len && gw_str_eq_ci(connection, AIGW_STR("close")))
        ex->must_close = true;
    else if (connection.len && gw_str_eq_ci(connection, AIGW_STR("keep-alive")) && !ex->is_chunked)
        ex->must_close = false;
    ex->is_begun = true;
    http->open_exchanges++;
    int decision = http->handler.on_head(http->handler.user, &ex->pub);
    if (decision == GW_HEAD_WAIT && !ex->decision) {
        ex->phase = PHASE_HEAD_WAIT;
        http_conn_suspend(ex->conn);
        if (ex->conn->is_hup)
            http_gone_and_cut(ex);
        return MHD_YES;
    }
    return exchange_after_head(ex, decision == GW_HEAD_WAIT ? ex->decision : decision);
}

static enum MHD_Result exchange_body(struct http_ex *ex, const char *data, size_t *data_len)
{
    size_t len = *data_len;

    *data_len = 0;
    http_conn_deadline(ex->conn, DEADLINE_BODY, ex->conn->http->limits.body_ms);
    if (ex->is_answered) {
        ex->drained += len;
        return exchange_early_answer(ex);
    }
    gw_buf_put(&ex->body, data, len);
    if (ex->body.status == AIGW_OK)
        return MHD_YES;
    ex->drained = ex->body.len + len;
    return exchange_too_large(ex);
}

static enum MHD_Result exchange_complete(struct http_ex *ex, const char *method)
{
    struct gw_http *http = ex->conn->http;

    http_trim_learn(ex, method);
    ex->conn->deadline = DEADLINE_NONE;
    ex->phase = PHASE_WORK;
    if (!ex->is_answered) {
        ex->pub.body = ex->body.data ? gw_buf_str(&ex->body) : AIGW_STR("");
        http->handler.on_body(http->handler.user, &ex->pub);
    }
    if (ex->is_cut)
        return MHD_NO;
    if (ex->is_answered)
        return http_queue(ex) ? MHD_YES : MHD_NO;
    http_conn_suspend(ex->conn);
    if (ex->conn->is_hup)
        http_gone_and_cut(ex);
    return MHD_YES;
}

enum MHD_Result http_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *data_len, void **con_cls)
{
    struct http_ex *ex = *con_cls;

    (void)cls;
    (void)mhd;
    (void)url;
    if (!ex || ex->is_cut)
        return MHD_NO;
    switch (ex->phase) {
    case PHASE_LINE:
        return exchange_head(ex, method, version);
    case PHASE_HEAD_WAIT:
        if (ex->decision)
            return exchange_after_head(ex, ex->decision);
        break;
    case PHASE_BODY:
        return *data_len ? exchange_body(ex, data, data_len) : exchange_complete(ex, method);
    case PHASE_WORK:
        if (ex->is_answered)
            return http_queue(ex) ? MHD_YES : MHD_NO;
        break;
    case PHASE_LINGER: /* suspended, but the library goes on with the chunks it has read already */
        *data_len = 0;
        return MHD_YES;
    default:
        return MHD_NO;
    }
    http_conn_suspend(ex->conn); /* woken without a reason */
    return MHD_YES;
}

/* ---- for the pipeline ----------------------------------------------------------------------------------------- */

void gw_http_head_done(struct gw_exchange *pub, int decision)
{
    struct http_ex *ex = http_ex_of(pub);

    if (ex->decision || ex->is_cut || pub->is_gone)
        return;
    ex->decision = (uint8_t)decision;
    if (ex->phase == PHASE_HEAD_WAIT)
        http_conn_resume(ex->conn);
}

aigw_str gw_http_request_header(const struct gw_exchange *pub, const char *name)
{
    const struct http_ex *ex = http_ex_of((struct gw_exchange *)(uintptr_t)pub);
    const char *value = NULL;
    size_t len = 0;

    if (MHD_lookup_connection_value_n(ex->conn->mhd, MHD_HEADER_KIND, name, strlen(name), &value, &len) != MHD_YES)
        return AIGW_STR_NONE;
    return gw_str_trim(value ? (aigw_str){ value, len } : AIGW_STR(""));
}

void gw_http_free_body(struct gw_exchange *pub)
{
    struct http_ex *ex = http_ex_of(pub);

    gw_buf_done(&ex->body);
    pub->body = AIGW_STR_NONE;
}
