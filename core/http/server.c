/* server.c - the listener and libmicrohttpd's daemon on our loop. */
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

#define BACKLOG       4096
#define RUNS_PER_TURN 4    /* a resumed answer needs two: headers, then body */
#define SPARE_CONNS   1024 /* beyond our own limit, so that those get a 503 and not silence */

/* ---- on the loop ---------------------------------------------------------------------------------------------- */

static void mhd_on_event(struct gw_fd *self, uint32_t events)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, mhd_watch);

    (void)events;
    http->is_mhd_ready = true;
}

static bool mhd_has_work(struct gw_http *http)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    return http->must_run || (MHD_get_timeout(http->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0);
}

static int64_t mhd_prepare(struct gw_hook *self)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, hook);

    return mhd_has_work(http) ? 0 : -1; /* no other timeouts: connections have ours */
}

static void mhd_run(struct gw_hook *self)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, hook);

    if (!http->is_mhd_ready && !mhd_has_work(http))
        return;
    http->is_mhd_ready = false;
    http->is_running = true;
    for (int i = 0; i < RUNS_PER_TURN; i++) {
        http->must_run = false;
        MHD_run(http->daemon);
        if (!mhd_has_work(http))
            break;
    }
    http->is_running = false;
}

/* ---- connections ---------------------------------------------------------------------------------------------- */

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct gw_http *http = cls;
    struct http_conn *conn = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        conn = http_conn_new(http, mhd);
        *context = conn;
        if (!conn) { /* no memory: libmicrohttpd notices the closed socket */
            const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
            if (info)
                shutdown(info->connect_fd, SHUT_RDWR);
        }
        return;
    }
    if (!conn)
        return;
    if (!conn->is_hup && !conn->is_shut && !http->is_stopping && !conn->had_exchange)
        http_answer_garbage(conn); /* closed by the library: it could not make sense of the very first line */
    http_conn_free(conn);
    *context = NULL;
    http->must_run = true; /* at a limit, only the next run listens again */
}

/** Targets are decoded by gw_path_normalize(), once. */
static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

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

/* ---- life ----------------------------------------------------------------------------------------------------- */

static bool http_start_daemon(struct gw_http *http, int listen_fd)
{
    const struct gw_http_limits *limits = &http->limits;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
    struct MHD_OptionItem tls_items[] = {
        { MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)http_tls_no_certificate },
        { MHD_OPTION_TLS_NO_ALPN, 0, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    uint32_t limit =
        limits->connections_max < UINT32_MAX - SPARE_CONNS ? limits->connections_max + SPARE_CONNS : UINT32_MAX;
    struct MHD_OptionItem no_items[] = { { MHD_OPTION_END, 0, NULL } };

    if (http->is_tls)
        flags |= MHD_USE_TLS;
    http->daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, http_on_request, http, MHD_OPTION_LISTEN_SOCKET, listen_fd,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, http_pool_size(http), MHD_OPTION_CONNECTION_LIMIT, limit,
                         MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_URI_LOG_CALLBACK, http_on_target, http,
                         MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, http, MHD_OPTION_NOTIFY_COMPLETED,
                         http_on_completed, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_ARRAY,
                         http->is_tls ? tls_items : no_items, MHD_OPTION_END);
    if (!http->daemon)
        return false;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return false;
    http->mhd_watch.fd = info->epoll_fd;
    http->mhd_watch.on_event = mhd_on_event;
    http->must_run = true; /* the first run puts the listener into its epoll set */
    return gw_loop_add(http->loop, &http->mhd_watch, EPOLLIN) == AIGW_OK;
}

struct gw_http *gw_http_new(struct gw_loop *loop, const char *host, uint16_t port, const struct gw_http_limits *limits,
                            const struct gw_http_tls *tls, const struct gw_http_handler *handler, struct gw_err *reterr)
{
    struct gw_http *http = calloc(1, sizeof *http);

    if (!http) {
        gw_err_set(reterr, AIGW_E_NOMEM, "HTTP server: out of memory");
        return NULL;
    }
    http->loop = loop;
    http->handler = *handler;
    http->limits = *limits;
    http->knows_layout = strcmp(MHD_get_version(), "0.9.75") == 0;
    if (tls) {
        http->is_tls = true;
        http->tls = http_tls_new(tls, reterr);
        if (!http->tls)
            goto fail;
    }
    int fd = http_listen(host, port, &http->port, reterr);
    if (fd < 0)
        goto fail;
    if (!http_start_daemon(http, fd)) {
        if (!http->daemon)
            close(fd); /* otherwise it is libmicrohttpd's */
        gw_err_set(reterr, AIGW_E_STATE, "HTTP server: libmicrohttpd %s did not start%s", MHD_get_version(),
                   tls ? "; was it built with TLS?" : "");
        goto fail;
    }
    http->hook.prepare = mhd_prepare;
    http->hook.run = mhd_run;
    gw_loop_add_hook(loop, &http->hook);
    return http;
fail:
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    http_tls_unref(http->tls);
    free(http);
    return NULL;
}

void gw_http_free(struct gw_http *http)
{
    if (!http)
        return;
    http->is_stopping = true;
    /* libmicrohttpd panics when it is stopped with suspended connections. */
    for (struct http_conn *conn = http->conns; conn; conn = conn->next) {
        if (conn->ex)
            http_gone_and_cut(conn->ex);
    }
    gw_loop_del(http->loop, &http->mhd_watch);
    gw_loop_del_hook(http->loop, &http->hook);
    MHD_stop_daemon(http->daemon);
    http_tls_unref(http->tls);
    free(http->proxies);
    free(http);
}

void gw_http_drain(struct gw_http *http)
{
    if (http->is_draining)
        return;
    http->is_draining = true;
    http->must_run = true;
    for (int i = 0; i < RUNS_PER_TURN && !http->is_running; i++) /* whoever the kernel has already let in */
        MHD_run(http->daemon);
    MHD_socket fd = MHD_quiesce_daemon(http->daemon);
    if (fd >= 0)
        close(fd);
}

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
