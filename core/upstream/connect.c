/* connect.c - how a socket comes to be: libcurl resolves names, tries addresses and speaks to proxies, with
 * CONNECT_ONLY; then the socket is ours. One multi handle per worker, which never holds more than the connections
 * under construction. libcurl never sees https: TLS is ours.
 *
 * Its callbacks here run no caller's code, so it is never entered from within itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "upstream/internal.h"

/* 7.88 does not announce the socket of a second address of one family; and it is cheap: see on_poke(). */
#define POKE_MS 50

struct gw_connect {
    CURL *easy;
    struct gw_conn *conn;
    const char *refusal;
    char error[CURL_ERROR_SIZE];
};

/** A descriptor that libcurl wants watched. */
struct gw_csock {
    struct gw_fd fd;
    LIST_ENTRY(gw_csock) entry;
    struct gw_upstream *up;
    dev_t device; /* what the number stood for: see csock_forget() */
    ino_t inode;
};

CURL *gw_connect_easy(const struct gw_connect *connect)
{
    return connect->easy;
}

const char *gw_connect_refusal(const struct gw_connect *connect)
{
    return connect->refusal;
}

const char *gw_connect_error_text(const struct gw_connect *connect)
{
    return connect->error;
}

/* ---- descriptors ------------------------------------------------------------------------------------------------ */

static void run_curl(struct gw_upstream *up, curl_socket_t fd, int mask);

static void on_csock(struct gw_fd *self, uint32_t events)
{
    struct gw_csock *sock = GW_CONTAINER_OF(self, struct gw_csock, fd);
    int mask = 0;

    if (events & EPOLLIN)
        mask |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (events & (EPOLLERR | EPOLLHUP))
        mask |= CURL_CSELECT_ERR;
    run_curl(sock->up, sock->fd.fd, mask);
}

static bool is_same_file(const struct gw_csock *sock)
{
    struct stat st;

    return fstat(sock->fd.fd, &st) == 0 && st.st_dev == sock->device && st.st_ino == sock->inode;
}

/** Out of epoll. Some versions close sockets that never connected without a word and tell us later: by then the number
 *  may belong to somebody else, whose registration is none of our business. */
static void csock_forget(struct gw_csock *sock)
{
    int fd = sock->fd.fd;

    if (!sock->fd.events)
        return;
    if (!is_same_file(sock))
        sock->fd.fd = -1;
    gw_loop_del(sock->up->loop, &sock->fd);
    sock->fd.fd = fd;
}

static void csock_free(struct gw_csock *sock)
{
    csock_forget(sock);
    LIST_REMOVE(sock, entry);
    free(sock);
}

static struct gw_csock *csock_new(struct gw_upstream *up, curl_socket_t fd)
{
    struct gw_csock *sock = calloc(1, sizeof *sock);

    if (!sock)
        return NULL;
    sock->up = up;
    sock->fd.fd = fd;
    sock->fd.on_event = on_csock;
    LIST_INSERT_HEAD(&up->connector.socks, sock, entry);
    return sock;
}

static void csock_watch(struct gw_csock *sock, uint32_t events)
{
    struct stat st;

    if (sock->fd.events && !is_same_file(sock))
        csock_forget(sock);
    if (sock->fd.events == events)
        return;
    if (sock->fd.events) {
        if (gw_loop_mod(sock->up->loop, &sock->fd, events) == AIGW_OK)
            return;
    } else if (fstat(sock->fd.fd, &st) == 0) {
        sock->device = st.st_dev;
        sock->inode = st.st_ino;
        if (gw_loop_add(sock->up->loop, &sock->fd, events) == AIGW_OK)
            return;
    }
    gw_log(GW_LOG_ERROR, "upstream", "descriptor %d cannot be watched: %s; its call will time out", sock->fd.fd,
           strerror(errno));
}

/** libcurl says which events it wants of a descriptor. */
static int on_want(CURL *easy, curl_socket_t fd, int what, void *user, void *assigned)
{
    struct gw_upstream *up = user;
    struct gw_csock *sock = assigned;

    (void)easy;
    if (what == CURL_POLL_REMOVE || what == CURL_POLL_NONE) {
        if (!sock)
            return 0;
        curl_multi_assign(up->connector.multi, fd, NULL);
        csock_free(sock);
        return 0;
    }
    if (!sock) {
        sock = csock_new(up, fd);
        if (!sock)
            return 0; /* the connect limit ends it */
        curl_multi_assign(up->connector.multi, fd, sock);
    }
    csock_watch(sock,
                (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0u) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0u));
    return 0;
}

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct gw_connect *connect = user;
    const struct gw_origin *origin = connect->conn->origin;

    (void)purpose;
    if (origin->is_checked && !origin->proxy) {
        const char *why = gw_address_forbidden(&address->addr);

        if (why) {
            connect->refusal = why;
            return CURL_SOCKET_BAD;
        }
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

/** Instead of close(): the socket that was taken over stays open. */
static int on_close_socket(void *user, curl_socket_t fd)
{
    const struct gw_upstream *up = user;

    return fd == up->connector.taking_fd ? 0 : close(fd);
}

/* ---- running libcurl -------------------------------------------------------------------------------------------- */

static void connect_free(struct gw_connect *connect)
{
    struct gw_upstream *up = connect->conn->up;

    connect->conn->connect = NULL;
    curl_multi_remove_handle(up->connector.multi, connect->easy);
    curl_easy_cleanup(connect->easy);
    free(connect);
    if (--up->connector.under_way == 0)
        gw_timer_clear(up->loop, &up->connector.poke);
}

static void connect_over(struct gw_connect *connect, CURLcode code)
{
    struct gw_conn *conn = connect->conn;
    struct gw_connector *connector = &conn->up->connector;
    curl_socket_t fd = CURL_SOCKET_BAD;

    if (code == CURLE_OK)
        curl_easy_getinfo(connect->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD) {
        struct gw_fault fault;

        gw_fault_of_connect(&fault, conn, code == CURLE_OK ? CURLE_COULDNT_CONNECT : code);
        connect_free(connect);
        gw_conn_failed(conn, &fault);
        return;
    }
    connector->taking_fd = fd; /* before libcurl lets go of it */
    connect_free(connect);
    connector->taking_fd = -1;
    gw_conn_connected(conn, fd);
}

/** Each end of an attempt may run callers' code: nothing of libcurl's is held meanwhile. */
static void take_messages(struct gw_upstream *up)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(up->connector.multi, &left)) != NULL) {
        struct gw_connect *connect = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&connect);
        connect_over(connect, code);
    }
}

static void run_curl(struct gw_upstream *up, curl_socket_t fd, int mask)
{
    int running;

    (void)curl_multi_socket_action(up->connector.multi, fd, mask, &running);
    take_messages(up);
}

static void on_timer(struct gw_timer *timer)
{
    run_curl(GW_CONTAINER_OF(timer, struct gw_upstream, connector.timer), CURL_SOCKET_TIMEOUT, 0);
}

static void on_kick(struct gw_task *task)
{
    run_curl(GW_CONTAINER_OF(task, struct gw_upstream, connector.kick), CURL_SOCKET_TIMEOUT, 0);
}

static void on_poke(struct gw_timer *timer)
{
    struct gw_upstream *up = GW_CONTAINER_OF(timer, struct gw_upstream, connector.poke);
    int running;

    gw_timer_set(up->loop, timer, POKE_MS);
    (void)curl_multi_perform(up->connector.multi, &running);
    take_messages(up);
}

/** libcurl wants to be called after timeout_ms; -1: not at all. It must not be called from in here. */
static int on_want_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct gw_upstream *up = user;
    struct gw_connector *connector = &up->connector;

    (void)multi;
    gw_loop_undefer(up->loop, &connector->kick);
    gw_timer_clear(up->loop, &connector->timer);
    if (timeout_ms > 0)
        gw_timer_set(up->loop, &connector->timer, timeout_ms);
    else if (timeout_ms == 0)
        gw_loop_defer(up->loop, &connector->kick);
    return 0;
}

/* ---- one connection --------------------------------------------------------------------------------------------- */

static size_t swallow(char *bytes, size_t size, size_t count, void *user)
{
    (void)bytes;
    (void)user;
    return size * count;
}

/** Where to, and through what. An https proxy is connected to like a server: TLS and the tunnel are ours. */
static bool set_target(CURL *easy, const struct gw_origin *origin)
{
    const struct gw_proxy *proxy = origin->proxy;
    char url[512];

    if (proxy && proxy->kind == GW_PROXY_HTTPS) {
        bool is_v6 = strchr(proxy->host, ':') != NULL;
        int len = snprintf(url, sizeof url, "http://%s%s%s:%u/", is_v6 ? "[" : "", proxy->host, is_v6 ? "]" : "",
                           proxy->port);

        return len > 0 && (size_t)len < sizeof url && !curl_easy_setopt(easy, CURLOPT_URL, url) &&
               !curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    return !curl_easy_setopt(easy, CURLOPT_URL, origin->url->connect) &&
           !curl_easy_setopt(easy, CURLOPT_PROXY, proxy ? proxy->url : "") &&
           !curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, origin->url->is_https ? 1L : 0L);
}

static bool set_up(struct gw_connect *connect)
{
    const struct gw_transfer *transfer = connect->conn->transfer;
    CURL *easy = connect->easy;

    if (!set_target(easy, connect->conn->origin))
        return false;
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "aigw");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Without this a transfer that is cancelled during a name lookup blocks the loop until the lookup ends. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->connect_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow); /* a proxy's words */
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, swallow);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, connect->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, connect);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, connect);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, connect->conn->up);
    return true;
}

bool gw_connect_start(struct gw_conn *conn)
{
    struct gw_connector *connector = &conn->up->connector;
    struct gw_connect *connect = calloc(1, sizeof *connect);

    if (!connect)
        return false;
    connect->conn = conn;
    connect->easy = curl_easy_init(); /* a fresh one: infos of an earlier attempt would stay */
    if (!connect->easy || !set_up(connect) || curl_multi_add_handle(connector->multi, connect->easy) != CURLM_OK) {
        curl_easy_cleanup(connect->easy);
        free(connect);
        return false;
    }
    conn->connect = connect;
    if (connector->under_way++ == 0)
        gw_timer_set(conn->up->loop, &connector->poke, POKE_MS);
    return true;
}

void gw_connect_cancel(struct gw_conn *conn)
{
    if (conn->connect)
        connect_free(conn->connect);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

bool gw_connector_init(struct gw_upstream *up)
{
    struct gw_connector *connector = &up->connector;

    connector->taking_fd = -1;
    connector->timer.on_due = on_timer;
    connector->kick.run = on_kick;
    connector->poke.on_due = on_poke;
    LIST_INIT(&connector->socks);
    connector->multi = curl_multi_init();
    if (!connector->multi)
        return false;
    curl_multi_setopt(connector->multi, CURLMOPT_SOCKETFUNCTION, on_want);
    curl_multi_setopt(connector->multi, CURLMOPT_SOCKETDATA, up);
    curl_multi_setopt(connector->multi, CURLMOPT_TIMERFUNCTION, on_want_timer);
    curl_multi_setopt(connector->multi, CURLMOPT_TIMERDATA, up);
    return true;
}

void gw_connector_done(struct gw_upstream *up)
{
    struct gw_connector *connector = &up->connector;
    struct gw_csock *sock;

    curl_multi_cleanup(connector->multi);
    while ((sock = LIST_FIRST(&connector->socks)) != NULL)
        csock_free(sock);
    gw_timer_clear(up->loop, &connector->timer);
    gw_timer_clear(up->loop, &connector->poke);
    gw_loop_undefer(up->loop, &connector->kick);
}
