/* lane.c - libmicrohttpd's daemons on our loop. They have no listening socket: the server accepts and hands over. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/internal.h"

#define RUNS_PER_TURN 4     /* a resumed answer needs two: headers, then body */
#define CONNS_MAX     65536 /* our own limits are lower */

/* ---- connections ---------------------------------------------------------------------------------------------- */

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_lane *lane = cls;
    struct http_conn *conn = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        conn = http_conn_new(lane, mhd);
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
    if (!conn->is_hup && !conn->is_shut && !lane->http->is_stopping && !conn->had_exchange)
        http_answer_garbage(conn); /* closed by the library: it could not make sense of the very first line */
    http_conn_free(conn);
    *context = NULL;
}

/** Targets are decoded by gw_path_normalize(), once. */
static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

/* ---- on the loop ---------------------------------------------------------------------------------------------- */

static void lane_on_event(struct gw_fd *self, uint32_t events)
{
    struct http_lane *lane = GW_CONTAINER_OF(self, struct http_lane, watch);

    (void)events;
    lane->is_ready = true;
}

int64_t http_lanes_prepare(struct gw_hook *self)
{
    const struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, hook);

    for (uint32_t i = 0; i < http->lane_count; i++) {
        if (http->lanes[i]->must_run)
            return 0;
    }
    return -1; /* libmicrohttpd has no timeouts of its own: connections have ours */
}

static void lane_run(struct http_lane *lane)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    lane->is_ready = false;
    for (int i = 0; i < RUNS_PER_TURN; i++) {
        lane->must_run = false; /* set again by resumes, which libmicrohttpd does not report */
        MHD_run(lane->daemon);
        if (MHD_get_timeout(lane->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0)
            lane->must_run = true;
        if (!lane->must_run)
            break;
    }
}

void http_lanes_run(struct gw_hook *self)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, hook);

    for (uint32_t i = 0; i < http->lane_count; i++) {
        if (http->lanes[i]->is_ready || http->lanes[i]->must_run)
            lane_run(http->lanes[i]);
    }
}

/* ---- life ----------------------------------------------------------------------------------------------------- */

static struct MHD_Daemon *lane_start(struct http_lane *lane)
{
    struct gw_http *http = lane->http;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK |
                     MHD_USE_NO_LISTEN_SOCKET;
    struct MHD_OptionItem tls_items[] = {
        { MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)http_tls_no_certificate },
        { MHD_OPTION_TLS_NO_ALPN, 0, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    struct MHD_OptionItem no_items[] = { { MHD_OPTION_END, 0, NULL } };

    if (http->is_tls)
        flags |= MHD_USE_TLS;
    return MHD_start_daemon(flags, 0, NULL, NULL, http_on_request, http, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            http_pool_size(http), MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNS_MAX,
                            MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_URI_LOG_CALLBACK, http_on_target, http,
                            MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, http, MHD_OPTION_NOTIFY_COMPLETED,
                            http_on_completed, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection, lane,
                            MHD_OPTION_ARRAY, http->is_tls ? tls_items : no_items, MHD_OPTION_END);
}

struct http_lane *http_lane_new(struct gw_http *http, struct gw_err *reterr)
{
    struct http_lane *lane = calloc(1, sizeof *lane);
    const union MHD_DaemonInfo *info;

    if (!lane) {
        gw_err_set(reterr, AIGW_E_NOMEM, "HTTP server: out of memory");
        return NULL;
    }
    lane->http = http;
    lane->daemon = lane_start(lane);
    if (!lane->daemon)
        goto fail;
    info = MHD_get_daemon_info(lane->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        goto fail;
    lane->watch.fd = info->epoll_fd;
    lane->watch.on_event = lane_on_event;
    if (gw_loop_add(http->loop, &lane->watch, EPOLLIN) == AIGW_OK)
        return lane;
fail:
    gw_err_set(reterr, AIGW_E_STATE, "HTTP server: libmicrohttpd %s did not start%s; expected a build with epoll%s",
               MHD_get_version(), http->is_tls ? " with TLS" : "", http->is_tls ? " and GnuTLS" : "");
    if (lane->daemon)
        MHD_stop_daemon(lane->daemon);
    free(lane);
    return NULL;
}

void http_lane_free(struct http_lane *lane)
{
    gw_loop_del(lane->http->loop, &lane->watch);
    MHD_stop_daemon(lane->daemon);
    free(lane);
}

struct http_lane *http_lane_pick(struct gw_http *http)
{
    struct http_lane *least = http->lanes[0];

    for (uint32_t i = 0; i < http->lane_count; i++) {
        if (http->lanes[i]->open_connections < LANE_CONNS)
            return http->lanes[i];
        if (http->lanes[i]->open_connections < least->open_connections)
            least = http->lanes[i];
    }
    struct http_lane *more = http->lane_count < LANES_MAX ? http_lane_new(http, NULL) : NULL;
    if (!more)
        return least;
    http->lanes[http->lane_count++] = more;
    return more;
}
