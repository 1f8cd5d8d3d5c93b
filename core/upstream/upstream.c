/* upstream.c - a worker's side towards model servers: curl multi handles on our loop, sockets, timers, pools.
 *
 * Many small multi handles, filled first-fit: a multi handle's connection cache is walked linearly, and first-fit keeps
 * idle connections together so that they are used again. A socket stays registered for reading when curl lets go of
 * it, since it usually comes back with the next call; a stray event then takes it out.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "upstream/internal.h"

#define IDLE_EASIES_MAX  256u
#define CONNECTION_AGE_S 60L /* an idle connection older than this is not used again */
#define SWEEP_MS         30000
#define DNS_CACHE_S      60L

/* ---- sockets ------------------------------------------------------------------------------------------------ */

static struct gw_up_sock *sock_at(const struct gw_upstream *up, curl_socket_t fd)
{
    return fd >= 0 && (size_t)fd < up->sock_count ? up->socks[fd] : NULL;
}

static void run_multi(struct gw_multi *multi, curl_socket_t fd, int mask);

static void on_socket_event(struct gw_fd *self, uint32_t events)
{
    struct gw_up_sock *sock = GW_CONTAINER_OF(self, struct gw_up_sock, fd);
    int mask = 0;

    if (!sock->multi) { /* a pooled connection: curl looks at it before it is used again */
        gw_loop_del(sock->up->loop, &sock->fd);
        return;
    }
    if (events & EPOLLIN)
        mask |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (events & (EPOLLERR | EPOLLHUP))
        mask |= CURL_CSELECT_ERR;
    run_multi(sock->multi, sock->fd.fd, mask);
}

static void sock_free(struct gw_up_sock *sock)
{
    sock->up->connection_count -= sock->is_connection;
    if (sock->fd.events)
        gw_loop_del(sock->up->loop, &sock->fd);
    sock->up->socks[sock->fd.fd] = NULL;
    free(sock);
}

static struct gw_up_sock *sock_new(struct gw_upstream *up, curl_socket_t fd)
{
    struct gw_up_sock *sock;

    if ((size_t)fd >= up->sock_count) {
        size_t count = up->sock_count ? up->sock_count : 64;
        struct gw_up_sock **socks;

        while (count <= (size_t)fd)
            count *= 2;
        socks = realloc(up->socks, count * sizeof *socks);
        if (!socks)
            return NULL;
        memset(socks + up->sock_count, 0, (count - up->sock_count) * sizeof *socks);
        up->socks = socks;
        up->sock_count = count;
    }
    sock = calloc(1, sizeof *sock);
    if (!sock)
        return NULL;
    sock->up = up;
    sock->fd.fd = fd;
    sock->fd.on_event = on_socket_event;
    up->socks[fd] = sock;
    return sock;
}

static void watch(struct gw_up_sock *sock, uint32_t events)
{
    aigw_status status = AIGW_OK;

    if (sock->fd.events == 0)
        status = gw_loop_add(sock->up->loop, &sock->fd, events);
    else if (sock->fd.events != events)
        status = gw_loop_mod(sock->up->loop, &sock->fd, events);
    if (status != AIGW_OK)
        gw_log(GW_LOG_ERROR, "upstream", "descriptor %d cannot be watched: %s; its call will time out", sock->fd.fd,
               strerror(errno));
}

/** curl says which events it wants of a descriptor. */
static int on_want(CURL *easy, curl_socket_t fd, int what, void *user, void *unused)
{
    struct gw_multi *multi = user;
    struct gw_transfer *call = NULL;
    struct gw_up_sock *sock = sock_at(multi->up, fd);

    (void)unused;
    if (what == CURL_POLL_REMOVE || what == CURL_POLL_NONE) {
        if (!sock)
            return 0;
        sock->multi = NULL;
        /* curl closes its resolver's descriptors and connections that never stood behind our back, and their numbers
         * come back as something else: only an established connection may stay registered. */
        if (!sock->is_connection)
            sock_free(sock);
        else if (sock->fd.events & EPOLLOUT)
            watch(sock, EPOLLIN);
        return 0;
    }
    if (!sock)
        sock = sock_new(multi->up, fd);
    if (!sock)
        return 0; /* the call's timers end it */
    sock->multi = multi;
    if (!sock->is_connection && (what & CURL_POLL_IN)) {
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
        sock->is_connection = call && call->is_ready;
        multi->up->connection_count += sock->is_connection;
    }
    watch(sock, (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0u) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0u));
    return 0;
}

curl_socket_t gw_up_open_socket(struct gw_upstream *up, const struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    struct gw_up_sock *stale = sock_at(up, fd);

    if (stale)
        sock_free(stale);
    return fd;
}

int gw_up_close_socket(void *user, curl_socket_t fd)
{
    struct gw_upstream *up = user;
    struct gw_up_sock *sock = sock_at(up, fd);

    if (sock)
        sock_free(sock);
    return close(fd);
}

/* ---- running curl ------------------------------------------------------------------------------------------- */

static void settle_all(struct gw_upstream *up)
{
    while (up->waiting && up->in_curl == 0) {
        struct gw_transfer *call = up->waiting;

        up->waiting = call->next_waiting;
        call->is_waiting = false;
        gw_call_settle(call);
    }
}

static void on_settle(struct gw_task *task)
{
    settle_all(GW_CONTAINER_OF(task, struct gw_upstream, settle));
}

void gw_up_wait(struct gw_transfer *call)
{
    struct gw_upstream *up = call->up;

    if (!call->is_waiting) {
        call->is_waiting = true;
        call->next_waiting = up->waiting;
        up->waiting = call;
    }
    gw_loop_defer(up->loop, &up->settle);
}

static void run_multi(struct gw_multi *multi, curl_socket_t fd, int mask)
{
    struct gw_upstream *up = multi->up;
    int running, left;
    CURLMsg *message;

    up->in_curl++;
    (void)curl_multi_socket_action(multi->curl, fd, mask, &running);
    up->in_curl--;
    /* Each end of a call runs the caller's code; multi itself stays: it is freed by the sweep only. */
    while ((message = curl_multi_info_read(multi->curl, &left)) != NULL) {
        struct gw_transfer *call = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        gw_call_finished(call, code);
    }
    settle_all(up);
}

static void on_multi_timer(struct gw_timer *timer)
{
    run_multi(GW_CONTAINER_OF(timer, struct gw_multi, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void on_multi_kick(struct gw_task *task)
{
    run_multi(GW_CONTAINER_OF(task, struct gw_multi, kick), CURL_SOCKET_TIMEOUT, 0);
}

/** curl wants to be called after timeout_ms; -1: not at all. It must not be called from in here. */
static int on_want_timer(CURLM *curl, long timeout_ms, void *user)
{
    struct gw_multi *multi = user;
    struct gw_loop *loop = multi->up->loop;

    (void)curl;
    if (timeout_ms > 0) {
        gw_loop_undefer(loop, &multi->kick);
        gw_timer_set(loop, &multi->timer, timeout_ms);
        return 0;
    }
    gw_timer_clear(loop, &multi->timer);
    if (timeout_ms == 0)
        gw_loop_defer(loop, &multi->kick);
    else
        gw_loop_undefer(loop, &multi->kick);
    return 0;
}

/* ---- multi handles ------------------------------------------------------------------------------------------ */

static void multi_free(struct gw_multi *multi)
{
    struct gw_upstream *up = multi->up;

    up->in_curl++;
    curl_multi_cleanup(multi->curl);
    up->in_curl--;
    gw_timer_clear(up->loop, &multi->timer);
    gw_loop_undefer(up->loop, &multi->kick);
    if (multi->trust)
        multi->trust->multis--;
    free(multi);
}

static struct gw_multi *multi_new(struct gw_upstream *up, struct gw_trust *trust, bool is_checked)
{
    struct gw_multi *multi = calloc(1, sizeof *multi);

    if (!multi)
        return NULL;
    multi->curl = curl_multi_init();
    if (!multi->curl) {
        free(multi);
        return NULL;
    }
    multi->up = up;
    multi->trust = trust;
    multi->is_checked = is_checked;
    multi->timer.on_due = on_multi_timer;
    multi->kick.run = on_multi_kick;
    if (trust)
        trust->multis++;
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_want);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_want_timer);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    /* The cache counts connections in use too: with less than a full house every finished call would close one. */
    curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long)(GW_MULTI_CALLS + up->options.connections_per_host));
    return multi;
}

struct gw_multi *gw_up_multi_for(struct gw_upstream *up, struct gw_trust *trust, bool is_checked)
{
    struct gw_multi **at = &up->multis;

    for (; *at; at = &(*at)->next) {
        struct gw_multi *multi = *at;

        if (multi->trust == trust && multi->is_checked == is_checked && multi->calls < GW_MULTI_CALLS &&
            !multi->is_retired) {
            multi->calls++;
            return multi;
        }
    }
    *at = multi_new(up, trust, is_checked);
    if (*at)
        (*at)->calls = 1;
    return *at;
}

void gw_up_multi_left(struct gw_multi *multi)
{
    struct gw_upstream *up = multi->up;

    if (--multi->calls > 0)
        return;
    multi->empty_since_ms = gw_loop_now_ms(up->loop);
    if (multi->is_retired)
        gw_timer_set(up->loop, &up->sweep, 0);
    else if (!up->sweep.is_armed)
        gw_timer_set(up->loop, &up->sweep, SWEEP_MS);
}

/** Close what has been idle for long: curl itself closes idle connections only when a new call comes along. */
static void on_sweep(struct gw_timer *timer)
{
    struct gw_upstream *up = GW_CONTAINER_OF(timer, struct gw_upstream, sweep);
    int64_t now_ms = gw_loop_now_ms(up->loop);
    bool has_empty = false;

    for (struct gw_multi **at = &up->multis; *at;) {
        struct gw_multi *multi = *at;
        bool is_empty = multi->calls == 0;

        if (is_empty && (multi->is_retired || now_ms - multi->empty_since_ms >= CONNECTION_AGE_S * 1000)) {
            *at = multi->next;
            multi_free(multi);
            continue;
        }
        has_empty = has_empty || is_empty;
        at = &multi->next;
    }
    for (struct gw_trust **at = &up->trusts; *at;) {
        struct gw_trust *trust = *at;

        if (trust->multis == 0) {
            *at = trust->next;
            gw_trust_free(trust);
            continue;
        }
        at = &trust->next;
    }
    if (has_empty)
        gw_timer_set(up->loop, &up->sweep, SWEEP_MS);
}

struct gw_trust *gw_up_trust_for(struct gw_upstream *up, const struct gw_upstream_tls *tls)
{
    struct gw_trust *trust;

    for (trust = up->trusts; trust; trust = trust->next)
        if (gw_trust_is_for(trust, tls))
            return trust;
    trust = gw_trust_new(tls);
    if (trust) {
        trust->next = up->trusts;
        up->trusts = trust;
    }
    return trust;
}

/* ---- easy handles ------------------------------------------------------------------------------------------- */

static CURL *easy_new(struct gw_upstream *up)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return NULL;
    curl_easy_setopt(easy, CURLOPT_SHARE, up->share);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* each call says so when it takes one */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_AGE_S);
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "aigw");
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a resumed session would skip trust.c */
    /* Without this a call that is cancelled during a name lookup blocks the loop until the lookup ends. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, gw_up_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, up);
    gw_call_prepare_easy(easy);
    return easy;
}

CURL *gw_up_easy_take(struct gw_upstream *up)
{
    if (up->idle_easy_count > 0)
        return up->idle_easies[--up->idle_easy_count];
    return easy_new(up);
}

void gw_up_easy_give(struct gw_upstream *up, CURL *easy)
{
    if (up->idle_easy_count < IDLE_EASIES_MAX)
        up->idle_easies[up->idle_easy_count++] = easy;
    else
        curl_easy_cleanup(easy);
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

struct gw_upstream *gw_upstream_new(struct gw_loop *loop, const struct gw_upstream_options *options,
                                    struct gw_err *reterr)
{
    struct gw_upstream *up = calloc(1, sizeof *up);

    if (!up)
        goto nomem;
    up->loop = loop;
    up->options = *options;
    up->options.proxy = NULL;
    up->settle.run = on_settle;
    up->sweep.on_due = on_sweep;
    up->idle_easies = calloc(IDLE_EASIES_MAX, sizeof *up->idle_easies);
    up->share = curl_share_init();
    if (!up->idle_easies || !up->share || !gw_proxies_init(&up->proxies, options->proxy))
        goto nomem;
    /* One thread owns it: no lock functions. */
    curl_share_setopt(up->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    return up;
nomem:
    gw_err_set(reterr, AIGW_E_NOMEM, "out of memory while preparing connections to model servers");
    if (up) {
        curl_share_cleanup(up->share);
        free(up->idle_easies);
        free(up);
    }
    return NULL;
}

void gw_upstream_free(struct gw_upstream *up)
{
    if (!up)
        return;
    while (up->calls)
        gw_call_destroy(up->calls);
    while (up->multis) {
        struct gw_multi *multi = up->multis;

        up->multis = multi->next;
        multi_free(multi);
    }
    while (up->trusts) {
        struct gw_trust *trust = up->trusts;

        up->trusts = trust->next;
        gw_trust_free(trust);
    }
    while (up->idle_easy_count > 0)
        curl_easy_cleanup(up->idle_easies[--up->idle_easy_count]);
    for (size_t i = 0; i < up->sock_count; i++)
        if (up->socks[i])
            sock_free(up->socks[i]);
    gw_loop_undefer(up->loop, &up->settle);
    gw_timer_clear(up->loop, &up->sweep);
    curl_share_cleanup(up->share);
    gw_proxies_done(&up->proxies);
    for (size_t i = 0; i < GW_URLS_KEPT; i++)
        gw_up_url_unref(up->urls[i]);
    free(up->idle_easies);
    free(up->socks);
    free(up);
}

void gw_upstream_forget_connections(struct gw_upstream *up)
{
    for (struct gw_multi *multi = up->multis; multi; multi = multi->next)
        multi->is_retired = true;
    /* Not here: the caller may be one of our callbacks. */
    gw_timer_set(up->loop, &up->sweep, 0);
}

uint32_t gw_upstream_open_transfers(const struct gw_upstream *up)
{
    return up->call_count;
}

uint32_t gw_upstream_open_connections(const struct gw_upstream *up)
{
    return up->connection_count;
}

void gw_upstream_set_options(struct gw_upstream *up, const struct gw_upstream_options *options)
{
    const char *proxy = up->options.proxy;

    up->options = *options;
    up->options.proxy = proxy; /* what the process began with */
}
