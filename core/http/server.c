/* server.c - the listeners, the server's life, and draining. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/internal.h"

#define ACCEPTS_PER_TURN 64
#define ACCEPTS_SHARED   4 /* from a socket that others watch too */
#define ACCEPT_PAUSE_MS  100
#define ACCEPT_TOLD_MS   5000
#define SPARE_CONNS      1024 /* beyond our own limit, so that those get a 503 and not silence */
#define DRAIN_SILENT_MS  500  /* what a client sent before it could know of the drain has arrived by then */
#define DRAIN_IDLE_MS    2000 /* the same where there is no hurry: those who ask again soon are told, not cut */
#define BODY_TOTAL_MS    60000
#define HEAD_MAX         (1u << 20) /* of an answer */

/* ---- accepting ------------------------------------------------------------------------------------------------ */

/** Of those who watch one socket the first in the kernel's list is woken, unless it is busy. Whoever begins to watch
 *  is the last; so those who share a socket do it anew after each turn at it, and take turns. */
static aigw_status listener_watch(struct http_listener *listener)
{
    gw_loop_del(listener->http->loop, &listener->watch);
    return gw_loop_add(listener->http->loop, &listener->watch,
                       EPOLLIN | (listener->flags & GW_HTTP_SHARED ? EPOLLEXCLUSIVE : 0));
}

static void on_listen_again(struct gw_timer *self)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, listen_again);

    for (struct http_listener *listener = http->listeners; listener; listener = listener->next)
        if (listener_watch(listener))
            gw_timer_set(http->loop, &http->listen_again, ACCEPT_PAUSE_MS);
}

static void http_close_listeners(struct gw_http *http)
{
    struct http_listener *listener;

    gw_timer_clear(http->loop, &http->listen_again);
    while ((listener = http->listeners)) {
        http->listeners = listener->next;
        gw_loop_del(http->loop, &listener->watch);
        close(listener->watch.fd);
        free(listener);
    }
}

static void http_accept_one(struct gw_http *http, int fd, const struct sockaddr_in6 *peer)
{
    if (http->open_connections >= (uint64_t)http->limits.connections_max + SPARE_CONNS)
        close(fd);
    else
        http_conn_new(http, fd, peer);
}

/** The listeners stay readable: without a pause this would spin. */
static void http_accept_later(struct gw_http *http, int error)
{
    int64_t now_ms = gw_loop_now_ms(http->loop);

    for (struct http_listener *listener = http->listeners; listener; listener = listener->next)
        gw_loop_del(http->loop, &listener->watch);
    gw_timer_set(http->loop, &http->listen_again, ACCEPT_PAUSE_MS);
    if (http->accept_told_ms && now_ms - http->accept_told_ms < ACCEPT_TOLD_MS)
        return;
    http->accept_told_ms = now_ms;
    gw_log(GW_LOG_ERROR, "http", "cannot accept connections: %s; raise the limit of open files", strerror(error));
}

#define ACCEPT_MORE  1
#define ACCEPT_NONE  2 /* nobody waits */
#define ACCEPT_LATER 3

static int accept_some(struct http_listener *listener, int count)
{
    struct gw_http *http = listener->http;

    for (int i = 0; i < count; i++) {
        struct sockaddr_in6 peer;
        socklen_t peer_len = sizeof peer;
        int fd = accept4(listener->watch.fd, (struct sockaddr *)&peer, &peer_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            http_accept_one(http, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            http_accept_later(http, errno);
            return ACCEPT_LATER;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return ACCEPT_NONE;
        }
    }
    return ACCEPT_MORE;
}

static void on_accept(struct gw_fd *self, uint32_t events)
{
    struct http_listener *listener = GW_CONTAINER_OF(self, struct http_listener, watch);
    bool is_shared = listener->flags & GW_HTTP_SHARED;

    (void)events;
    if (accept_some(listener, is_shared ? ACCEPTS_SHARED : ACCEPTS_PER_TURN) != ACCEPT_LATER && is_shared &&
        listener_watch(listener))
        http_accept_later(listener->http, ENOMEM);
}

aigw_status gw_http_add_listener(struct gw_http *http, int fd, unsigned flags, struct gw_err *reterr)
{
    struct http_listener *listener = calloc(1, sizeof *listener), **at = &http->listeners;

    if (!listener)
        return gw_err_set(reterr, AIGW_E_NOMEM, "HTTP server: out of memory");
    *listener = (struct http_listener){ .http = http, .flags = flags, .watch = { .on_event = on_accept } };
    listener->watch.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (listener->watch.fd < 0) {
        free(listener);
        return gw_err_set(reterr, AIGW_E_STATE, "HTTP server: %s; check the limit of open files", strerror(errno));
    }
    while (*at)
        at = &(*at)->next;
    *at = listener;
    return AIGW_OK;
}

aigw_status gw_http_accept(struct gw_http *http)
{
    aigw_status status = AIGW_OK;

    for (struct http_listener *listener = http->listeners; listener && !status; listener = listener->next)
        status = listener_watch(listener);
    return status;
}

/* ---- life ----------------------------------------------------------------------------------------------------- */

struct gw_http *gw_http_new(struct gw_loop *loop, const struct gw_http_limits *limits, const struct gw_http_tls *tls,
                            const struct gw_http_handler *handler, struct gw_err *reterr)
{
    struct gw_http *http = calloc(1, sizeof *http);

    if (!http) {
        gw_err_set(reterr, AIGW_E_NOMEM, "HTTP server: out of memory");
        return NULL;
    }
    http->loop = loop;
    http->handler = *handler;
    http->limits = *limits;
    if (!http->limits.body_total_ms)
        http->limits.body_total_ms = BODY_TOTAL_MS;
    http->turn.run = http_conns_turn;
    http->turn_tail = &http->turn_conns;
    gw_buf_init(&http->head, HEAD_MAX);
    http->in = malloc(IN_SIZE);
    http->told = malloc(limits->header_max);
    if (!http->in || !http->told || !http_known_init(http)) {
        gw_err_set(reterr, AIGW_E_NOMEM, "HTTP server: out of memory");
        goto fail;
    }
    if (tls) {
        http->is_tls = true;
        http->tls = http_tls_new(tls, reterr);
        if (!http->tls)
            goto fail;
    }
    if (!http_channels_init(http, reterr))
        goto fail;
    http->listen_again.on_due = on_listen_again;
    http->hook.prepare = http_channels_prepare;
    http->hook.run = http_channels_run;
    gw_loop_add_hook(loop, &http->hook);
    return http;
fail:
    http_channels_done(http);
    http_known_done(http);
    http_tls_unref(http->tls);
    free(http->told);
    free(http->in);
    free(http);
    return NULL;
}

void gw_http_free(struct gw_http *http)
{
    if (!http)
        return;
    http_close_listeners(http);
    gw_timer_clear(http->loop, &http->drain_silent);
    while (http->conns) {
        for (struct http_conn *conn = http->conns; conn; conn = conn->next) {
            if (conn->ex)
                http_ex_move(conn->ex, EX_LOSE);
            else
                http_conn_move(conn, CONN_CLOSE);
        }
        http_conns_turn(&http->turn);
    }
    gw_loop_undefer(http->loop, &http->turn);
    gw_loop_del_hook(http->loop, &http->hook);
    http_channels_done(http);
    http_known_done(http);
    http_tls_unref(http->tls);
    gw_buf_done(&http->head);
    while (http->out_count > 0)
        free(http->outs[--http->out_count]);
    free(http->told);
    free(http->in);
    free(http->proxies);
    free(http);
}

/* ---- draining ------------------------------------------------------------------------------------------------- */

static bool is_silent(const struct http_conn *conn)
{
    return conn->state == CONN_FRESH || conn->state == CONN_IDLE;
}

/** Whoever says nothing between two looks is let go, and not sooner: what a client is just sending on a connection that
 *  no answer told it to give up would be lost. */
static void on_drain_silent(struct gw_timer *self)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, drain_silent);

    for (struct http_conn *conn = http->conns; conn; conn = conn->next) {
        bool was_silent = conn->was_silent;

        conn->was_silent = is_silent(conn);
        if (conn->was_silent && was_silent) {
            http_conn_close_writing(conn);
            http_conn_move(conn, CONN_CLOSE);
        } else if (conn->state == CONN_HANDSHAKE && http->drain != GW_DRAIN_HANDED_OVER) {
            http_conn_move(conn, CONN_CLOSE); /* handed over, its own deadline bounds it */
        }
    }
    gw_timer_set(http->loop, self, DRAIN_SILENT_MS);
}

void gw_http_leave(struct gw_http *http)
{
    http->is_leaving = true;
}

/** Whoever was let in by the kernel, and whatever had arrived, is served; then the connection closes. */
void gw_http_drain(struct gw_http *http, enum gw_drain how)
{
    bool is_handed_over = how == GW_DRAIN_HANDED_OVER;

    if (http->drain)
        return;
    http->drain = how;
    gw_http_leave(http);
    for (struct http_listener *listener = http->listeners; listener; listener = listener->next)
        while (!is_handed_over && !(listener->flags & GW_HTTP_KEPT) &&
               accept_some(listener, ACCEPTS_PER_TURN) == ACCEPT_MORE)
            ;
    http_close_listeners(http);
    for (struct http_conn *conn = http->conns; conn; conn = conn->next) {
        conn->is_readable = true; /* the loop may not have told yet */
        http_conn_read(conn);
        conn->was_silent = is_silent(conn);
    }
    http->drain_silent.on_due = on_drain_silent;
    gw_timer_set(http->loop, &http->drain_silent, is_handed_over ? DRAIN_IDLE_MS : DRAIN_SILENT_MS);
}

bool gw_http_is_drained(const struct gw_http *http)
{
    for (const struct http_conn *conn = http->conns; conn; conn = conn->next) {
        bool is_over = conn->state == CONN_CLOSED || (conn->state == CONN_LINGER && http_conn_is_acknowledged(conn));
        if (!is_over)
            return false;
    }
    return true;
}

/* ---- settings ------------------------------------------------------------------------------------------------- */

aigw_status gw_http_set_tls(struct gw_http *http, const struct gw_http_tls *options, struct gw_err *reterr)
{
    if (!http->is_tls)
        return gw_err_set(reterr, AIGW_E_STATE, "TLS: this listener was started without; restart to switch it on");
    struct http_tls *tls = http_tls_new(options, reterr);
    if (!tls)
        return AIGW_E_CONFIG;
    http_tls_unref(http->tls);
    http->tls = tls;
    return AIGW_OK;
}

void gw_http_set_prefix(struct gw_http *http, const char *prefix)
{
    http->prefix = prefix;
}

uint32_t gw_http_open_exchanges(const struct gw_http *http)
{
    return http->open_exchanges;
}

uint32_t gw_http_open_connections(const struct gw_http *http)
{
    return http->open_connections;
}

uint32_t gw_http_full_streams(const struct gw_http *http)
{
    return http->full_streams;
}

void gw_http_set_limits(struct gw_http *http, const struct gw_http_limits *limits)
{
    size_t header_max = http->limits.header_max, backlog_high = http->limits.backlog_high;

    http->limits = *limits;
    http->limits.header_max = header_max;
    for (struct http_conn *conn = http->conns; conn && limits->backlog_high > backlog_high; conn = conn->next)
        conn->out.max += limits->backlog_high - backlog_high; /* their streams may hold that much now */
}

aigw_status gw_http_check_tls(const struct gw_http_tls *tls, struct gw_err *reterr)
{
    struct http_tls *made = http_tls_new(tls, reterr);

    http_tls_unref(made);
    return made ? AIGW_OK : AIGW_E_CONFIG;
}
