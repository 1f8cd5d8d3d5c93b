/* metrics_server.c - a thread that accepts connections and turns a libmicrohttpd daemon.
 *
 * We accept ourselves because the library cannot make room: at most CONNECTIONS_MAX connections are open, and when
 * another one comes, the one that has been idle for longest goes. Whoever holds idle ones does not stop a scrape (D43).
 */
#include "health/metrics_server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/listener.h"
#include "health/metrics.h"

#define PAGE_MAX         (64u * 1024 * 1024)
#define CONNECTIONS_MAX  64u
#define IDLE_S           5u
#define BACKLOG          128
#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE_MS  100  /* after running out of descriptors */
#define RETIRED_MS       1000 /* for those who were let in just before to ask */
#define RUNS_TO_CLOSE    4    /* until the library has noticed a shut socket */

/** A connection, in the order of last use: the first has been idle for longest. */
struct scrape_conn {
    struct scrape_conn *prev, *next;
    int fd;
    bool is_answering;
    bool is_shut;
};

struct gw_metrics_server {
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int listener;
    int library; /* the daemon's epoll descriptor */
    int wake;
    struct scrape_conn *first, *last;
    unsigned count;
    atomic_bool is_stopping;
    atomic_llong retired_ms; /* monotonic, when another process took the listener over; 0: it did not */
};

/* ---- the page ------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int status, const char *type, char *text,
                                   size_t len, enum MHD_ResponseMemoryMode mode, bool is_last)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(len, text, mode);
    enum MHD_Result result = MHD_NO;

    if (!response) {
        if (mode == MHD_RESPMEM_MUST_FREE)
            free(text);
        return MHD_NO;
    }
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
        (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES) &&
        (!is_last || MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES))
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_len, void **state)
{
    static char not_allowed[] = "only GET and HEAD are served here\n";
    static char no_memory[] = "out of memory\n";
    struct gw_metrics_server *server = user;
    bool is_last = atomic_load(&server->retired_ms) != 0;
    struct gw_buf page;
    size_t len;
    char *text;

    (void)url, (void)version, (void)upload;
    if (!*state) { /* headers only: answering here would cut off a client that still sends its body */
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        if (info && info->socket_context)
            ((struct scrape_conn *)info->socket_context)->is_answering = true;
        *state = not_allowed;
        return MHD_YES;
    }
    if (*upload_len > 0) {
        *upload_len = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", not_allowed, sizeof not_allowed - 1,
                           MHD_RESPMEM_PERSISTENT, is_last);
    gw_buf_init(&page, PAGE_MAX);
    gw_metrics_render(&page);
    if (page.status != AIGW_OK) {
        gw_buf_done(&page);
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain", no_memory, sizeof no_memory - 1,
                           MHD_RESPMEM_PERSISTENT, is_last);
    }
    len = page.len;
    text = len > 0 ? malloc(len) : NULL; /* a block that libmicrohttpd may free(), whatever the buffer uses */
    if (text)
        memcpy(text, page.data, len);
    gw_buf_done(&page);
    if (!text && len > 0)
        return MHD_NO;
    return answer_text(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, len,
                       MHD_RESPMEM_MUST_FREE, is_last);
}

/* ---- connections ---------------------------------------------------------------------------------------------- */

static void conn_unlink(struct gw_metrics_server *server, struct scrape_conn *conn)
{
    *(conn->prev ? &conn->prev->next : &server->first) = conn->next;
    *(conn->next ? &conn->next->prev : &server->last) = conn->prev;
}

static void conn_link_last(struct gw_metrics_server *server, struct scrape_conn *conn)
{
    conn->next = NULL;
    conn->prev = server->last;
    *(conn->prev ? &conn->prev->next : &server->first) = conn;
    server->last = conn;
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct gw_metrics_server *server = user;
    struct scrape_conn *conn = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        conn = calloc(1, sizeof *conn);
        if (conn && info) {
            conn->fd = info->connect_fd;
            conn_link_last(server, conn);
            server->count++;
        } else if (info) {
            shutdown(info->connect_fd, SHUT_RDWR); /* no memory to keep track of it */
        }
        *context = conn;
    } else if (conn) {
        conn_unlink(server, conn);
        server->count--;
        free(conn);
        *context = NULL;
    }
}

static void on_completed(void *user, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct gw_metrics_server *server = user;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct scrape_conn *conn = info ? info->socket_context : NULL;

    (void)state, (void)code;
    if (!conn)
        return;
    conn->is_answering = false;
    conn_unlink(server, conn);
    conn_link_last(server, conn);
}

/** The one that has been idle for longest; if all are being answered, the oldest of them. */
static void make_room(struct gw_metrics_server *server)
{
    struct scrape_conn *leaving = NULL;

    for (struct scrape_conn *conn = server->first; conn; conn = conn->next) {
        if (conn->is_shut)
            continue;
        if (!leaving)
            leaving = conn;
        if (!conn->is_answering) {
            leaving = conn;
            break;
        }
    }
    if (!leaving)
        return;
    leaving->is_shut = true;
    shutdown(leaving->fd, SHUT_RDWR);
    for (int i = 0; i < RUNS_TO_CLOSE && server->count >= CONNECTIONS_MAX; i++)
        MHD_run(server->daemon);
}

/** False: out of descriptors. */
static bool accept_some(struct gw_metrics_server *server)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer;
        socklen_t peer_len = sizeof peer;
        int fd = accept4(server->listener, (struct sockaddr *)&peer, &peer_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
        if (server->count >= CONNECTIONS_MAX)
            make_room(server);
        if (server->count >= CONNECTIONS_MAX)
            close(fd);
        else
            MHD_add_connection(server->daemon, fd, (struct sockaddr *)&peer, peer_len); /* closes it if it fails */
        MHD_run(server->daemon); /* what came with it is read before the next one may push it out */
    }
    return true;
}

/** Nobody listens here any more; whoever was let in still gets an answer. */
static void leave_listener(struct gw_metrics_server *server)
{
    close(server->listener);
    server->listener = -1;
}

static bool is_over(const struct gw_metrics_server *server)
{
    int64_t retired_ms = atomic_load(&server->retired_ms);
    bool is_waited_for = retired_ms && server->count > 0 && gw_mono_ms() < retired_ms + RETIRED_MS;

    return atomic_load(&server->is_stopping) && !is_waited_for;
}

static int longest_wait_ms(const struct gw_metrics_server *server, bool is_accepting)
{
    MHD_UNSIGNED_LONG_LONG library_ms;
    int wait_ms = -1;

    if (MHD_get_timeout(server->daemon, &library_ms) == MHD_YES)
        wait_ms = library_ms > 1000 ? 1000 : (int)library_ms;
    if ((!is_accepting || server->listener < 0) && (wait_ms < 0 || wait_ms > ACCEPT_PAUSE_MS))
        wait_ms = ACCEPT_PAUSE_MS;
    return wait_ms;
}

static void *serve(void *arg)
{
    struct gw_metrics_server *server = arg;
    struct pollfd fds[3] = { { .fd = server->wake, .events = POLLIN },
                             { .fd = server->library, .events = POLLIN },
                             { .fd = server->listener, .events = POLLIN } };
    bool is_accepting = true;
    uint64_t count;

    while (!is_over(server)) {
        fds[2].fd = is_accepting ? server->listener : -1;
        bool is_ready =
            poll(fds, 3, longest_wait_ms(server, is_accepting)) > 0 && is_accepting && (fds[2].revents & POLLIN);
        if (fds[0].revents)
            (void)!read(server->wake, &count, sizeof count);
        if (server->listener >= 0 && atomic_load(&server->retired_ms))
            leave_listener(server);
        is_accepting = !is_ready || server->listener < 0 || accept_some(server);
        MHD_run(server->daemon);
    }
    return NULL;
}

/* ---- the listener --------------------------------------------------------------------------------------------- */

const char *gw_metrics_host(const char *host, uint16_t port)
{
    return port ? host : gw_listener_reached_at(host);
}

int gw_metrics_listen(const char *host, uint16_t port, struct gw_err *reterr)
{
    static const struct gw_listener_options options = { .backlog = BACKLOG };
    struct gw_err why = { "" };
    int fd = gw_listener_open(gw_metrics_host(host, port), port, &options, &why);

    if (fd < 0)
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "metrics listener: %s; set server.metrics_port or AIGW_FASTAPI__METRICS_PORT to a free port, "
                   "server.metrics_host or AIGW_FASTAPI__METRICS_HOST to an address of this machine, or to \"\" for no "
                   "metrics listener",
                   why.text);
    return fd;
}

bool gw_metrics_listens_at(int fd, const char *host, uint16_t port)
{
    return gw_listener_is_at(fd, gw_metrics_host(host, port), port);
}

static aigw_status start_library(struct gw_metrics_server *server)
{
    const union MHD_DaemonInfo *info;

    server->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, answer, server,
                                      MHD_OPTION_CONNECTION_LIMIT, 2 * CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                      IDLE_S, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
                                      MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
    info = server->daemon ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info)
        return AIGW_E_STATE;
    server->library = info->epoll_fd;
    return AIGW_OK;
}

static aigw_status start_thread(struct gw_metrics_server *server)
{
    return gw_thread_start(&server->thread, serve, server) == 0 ? AIGW_OK : AIGW_E_STATE;
}

static void server_free(struct gw_metrics_server *server)
{
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    if (server->listener >= 0)
        close(server->listener);
    if (server->wake >= 0)
        close(server->wake);
    free(server);
}

struct gw_metrics_server *gw_metrics_server_start(int listener, struct gw_err *reterr)
{
    struct gw_metrics_server *server = calloc(1, sizeof *server);

    if (!server) {
        gw_err_set(reterr, AIGW_E_NOMEM, "metrics listener: out of memory");
        return NULL;
    }
    server->listener = fcntl(listener, F_DUPFD_CLOEXEC, 0);
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->listener >= 0 && server->wake >= 0 && start_library(server) == AIGW_OK &&
        start_thread(server) == AIGW_OK)
        return server;
    gw_err_set(reterr, AIGW_E_STATE,
               "metrics listener: the HTTP daemon did not start; look for a limit on threads or file descriptors of "
               "this process");
    server_free(server);
    return NULL;
}

static void wake(struct gw_metrics_server *server)
{
    const uint64_t one = 1;

    while (write(server->wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void gw_metrics_server_retire(struct gw_metrics_server *server)
{
    if (!server)
        return;
    atomic_store(&server->retired_ms, gw_mono_ms());
    wake(server);
}

void gw_metrics_server_stop(struct gw_metrics_server *server)
{
    if (!server)
        return;
    atomic_store(&server->is_stopping, true);
    wake(server);
    pthread_join(server->thread, NULL);
    server_free(server);
}
