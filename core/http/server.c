/* server.c - the listener, the server's life, and draining. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/internal.h"

#define BACKLOG          4096
#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE_MS  100
#define ACCEPT_TOLD_MS   5000
#define SPARE_CONNS      1024 /* beyond our own limit, so that those get a 503 and not silence */
#define DRAIN_SILENT_MS  500  /* what a client sent before draining began has arrived by then */
#define BODY_TOTAL_MS    60000
#define HEAD_MAX         (1u << 20) /* of an answer */

/* ---- listening ------------------------------------------------------------------------------------------------ */

static int listen_on(const struct addrinfo *address)
{
    int on = 1, off = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* inherited by accepted sockets */
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int http_listen(const char *host, uint16_t port, uint16_t *ret_port, struct gw_err *reterr)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *addresses = NULL;
    struct sockaddr_in6 bound;
    socklen_t bound_len = sizeof bound;
    char service[8];
    int fd = -1;

    snprintf(service, sizeof service, "%u", port);
    int rc = getaddrinfo(host && *host ? host : NULL, service, &hints, &addresses);
    if (rc != 0) {
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "listen address \"%s\": %s; expected an IP address or host name of this "
                   "machine",
                   host ? host : "", gai_strerror(rc));
        return -1;
    }
    errno = EADDRNOTAVAIL;
    for (const struct addrinfo *at = addresses; at && fd < 0; at = at->ai_next)
        fd = listen_on(at);
    freeaddrinfo(addresses);
    if (fd < 0) {
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "cannot listen on %s port %u: %s; is the port taken or the address not of "
                   "this machine?",
                   host ? host : "*", port, strerror(errno));
        return -1;
    }
    memset(&bound, 0, sizeof bound);
    getsockname(fd, (struct sockaddr *)&bound, &bound_len);
    *ret_port = ntohs(bound.sin6_port); /* at the same place for IPv4 */
    return fd;
}

/* ---- accepting ------------------------------------------------------------------------------------------------ */

static void on_listen_again(struct gw_timer *self)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, listen_again);

    gw_loop_mod(http->loop, &http->listener, EPOLLIN);
}

static void http_close_listener(struct gw_http *http)
{
    gw_timer_clear(http->loop, &http->listen_again);
    if (http->listener.fd < 0)
        return;
    gw_loop_del(http->loop, &http->listener);
    close(http->listener.fd);
    http->listener.fd = -1;
}

static void http_accept_one(struct gw_http *http, int fd, const struct sockaddr_in6 *peer)
{
    if (http->open_connections >= (uint64_t)http->limits.connections_max + SPARE_CONNS)
        close(fd);
    else
        http_conn_new(http, fd, peer);
}

/** The listener stays readable: without a pause this would spin. */
static void http_accept_later(struct gw_http *http, int error)
{
    int64_t now_ms = gw_loop_now_ms(http->loop);

    gw_loop_mod(http->loop, &http->listener, 0);
    gw_timer_set(http->loop, &http->listen_again, ACCEPT_PAUSE_MS);
    if (http->accept_told_ms && now_ms - http->accept_told_ms < ACCEPT_TOLD_MS)
        return;
    http->accept_told_ms = now_ms;
    gw_log(GW_LOG_ERROR, "http", "cannot accept connections: %s; raise the limit of open files", strerror(error));
}

/** True when there may be more. */
static bool http_accept_some(struct gw_http *http, int count)
{
    for (int i = 0; i < count; i++) {
        struct sockaddr_in6 peer;
        socklen_t peer_len = sizeof peer;
        int fd = accept4(http->listener.fd, (struct sockaddr *)&peer, &peer_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            http_accept_one(http, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            http_accept_later(http, errno);
            return false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return false;
        }
    }
    return true;
}

static void on_accept(struct gw_fd *self, uint32_t events)
{
    (void)events;
    http_accept_some(GW_CONTAINER_OF(self, struct gw_http, listener), ACCEPTS_PER_TURN);
}

/* ---- life ----------------------------------------------------------------------------------------------------- */

struct gw_http *gw_http_new(struct gw_loop *loop, const char *host, uint16_t port, const struct gw_http_limits *limits,
                            const struct gw_http_tls *tls, const struct gw_http_handler *handler, struct gw_err *reterr)
{
    struct gw_http *http = calloc(1, sizeof *http);

    if (!http) {
        gw_err_set(reterr, AIGW_E_NOMEM, "HTTP server: out of memory");
        return NULL;
    }
    http->loop = loop;
    http->listener.fd = -1;
    http->handler = *handler;
    http->limits = *limits;
    if (!http->limits.body_total_ms)
        http->limits.body_total_ms = BODY_TOTAL_MS;
    http->turn.run = http_conns_turn;
    http->turn_tail = &http->turn_conns;
    gw_buf_init(&http->head, HEAD_MAX);
    http->in = malloc(IN_SIZE);
    if (!http->in) {
        gw_err_set(reterr, AIGW_E_NOMEM, "HTTP server: out of memory");
        goto fail;
    }
    if (tls) {
        http->is_tls = true;
        http->tls = http_tls_new(tls, reterr);
        if (!http->tls)
            goto fail;
    }
    http->listener.fd = http_listen(host, port, &http->port, reterr);
    if (http->listener.fd < 0)
        goto fail;
    if (!http_channels_init(http, reterr))
        goto fail;
    http->listener.on_event = on_accept;
    http->listen_again.on_due = on_listen_again;
    if (gw_loop_add(loop, &http->listener, EPOLLIN) != AIGW_OK) {
        gw_err_set(reterr, AIGW_E_STATE,
                   "HTTP server: cannot watch the listening socket; check the limit of open files");
        goto fail;
    }
    http->hook.prepare = http_channels_prepare;
    http->hook.run = http_channels_run;
    gw_loop_add_hook(loop, &http->hook);
    return http;
fail:
    http_channels_done(http);
    if (http->listener.fd >= 0)
        close(http->listener.fd);
    http_tls_unref(http->tls);
    free(http->in);
    free(http);
    return NULL;
}

void gw_http_free(struct gw_http *http)
{
    if (!http)
        return;
    http_close_listener(http);
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
    http_tls_unref(http->tls);
    gw_buf_done(&http->head);
    free(http->in);
    free(http->proxies);
    free(http);
}

/* ---- draining ------------------------------------------------------------------------------------------------- */

static void on_drain_silent(struct gw_timer *self)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, drain_silent);

    for (struct http_conn *conn = http->conns; conn; conn = conn->next) {
        if (conn->state == CONN_FRESH || conn->state == CONN_HANDSHAKE) /* there is no request of theirs */
            http_conn_move(conn, CONN_CLOSE);
    }
}

void gw_http_leave(struct gw_http *http)
{
    http->is_leaving = true;
}

/** Whoever was let in by the kernel, and whatever had arrived, is served; then the connection closes. */
void gw_http_drain(struct gw_http *http)
{
    if (http->is_draining)
        return;
    http->is_draining = true;
    gw_http_leave(http);
    while (http->listener.fd >= 0 && http_accept_some(http, ACCEPTS_PER_TURN))
        ;
    http_close_listener(http);
    for (struct http_conn *conn = http->conns; conn; conn = conn->next) {
        conn->is_readable = true; /* the loop may not have told yet */
        http_conn_read(conn);
        if (conn->state == CONN_IDLE) /* a client may close an idle connection at any time, and so may we */
            http_conn_move(conn, CONN_CLOSE);
    }
    http->drain_silent.on_due = on_drain_silent;
    gw_timer_set(http->loop, &http->drain_silent, DRAIN_SILENT_MS);
}

bool gw_http_is_drained(const struct gw_http *http)
{
    for (const struct http_conn *conn = http->conns; conn; conn = conn->next) {
        bool is_over = conn->state == CONN_IDLE || conn->state == CONN_CLOSED ||
                       (conn->state == CONN_LINGER && http_conn_is_acknowledged(conn));
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

uint16_t gw_http_port(const struct gw_http *http)
{
    return http->port;
}

uint32_t gw_http_open_exchanges(const struct gw_http *http)
{
    return http->open_exchanges;
}

uint32_t gw_http_open_connections(const struct gw_http *http)
{
    return http->open_connections;
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
