/* channel.c - libmicrohttpd reads requests.
 *
 * It is given them one by one over a channel: a socket pair whose other end is ours. What goes in was judged before
 * (head.c); what comes out are its callbacks: the head as it understands it, a chunked body without its framing, the
 * end. It is told of a head what could change how a request is read (http_head_told()), once (known.c). A body of a
 * stated length has no framing to read: it stays with us, and so does the line that states it, so the library takes the
 * head for a whole request. Its answer, an empty 204, is thrown away. So it never sees a client's
 * socket: it cannot read past the request it was given, answer on its own, or hold memory for a connection that waits.
 * Only documented calls are used, and nothing depends on its version: where its reading of a head differs from ours,
 * the request is refused.
 *
 * A channel is busy only while a request is being read; a worker needs few. When the library closes one (as it does
 * after HTTP/1.0, "connection: close" and errors), another is made.
 */
#include <errno.h>
#include <linux/sockios.h> /* SIOCOUTQ */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/internal.h"

#define RUNS_PER_TURN  8
#define CHANNELS_KEPT  16    /* idle ones */
#define CHANNELS_MAX   65536 /* connections are limited before */
#define ANSWERS_UNREAD 32    /* the library's answers are thrown away this many at once */
/* The library's memory for one request: the head, what it notes of it, and a buffer for chunks. */
#define SMALL_POOL   12288u
#define SMALL_HEAD   3072u
#define SMALL_NOTES  48u
#define LARGE_FACTOR 3 /* times header_max */
#define CHUNK_ROOM   16384u

struct http_channel {
    struct http_channel *next, *prev; /* all */
    struct http_channel *next_free;
    struct http_library *library;
    struct MHD_Connection *mhd; /* NULL: the library has not taken it yet */
    struct http_ex *ex;         /* whose request it reads; NULL: nobody's any more */
    int fd, far_fd;
    unsigned answers; /* not thrown away yet */
    enum {
        CHANNEL_BUSY = 0,
        CHANNEL_SPENT, /* the library will close it */
        CHANNEL_FREE,
    } state;
};

static void library_run(struct http_library *library)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    library->begun = 0;
    for (int i = 0; i < RUNS_PER_TURN && library->must_run; i++) {
        library->must_run = false; /* set again by whoever feeds it */
        MHD_run(library->daemon);
        if (MHD_get_timeout(library->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0)
            library->must_run = true;
    }
}

/* ---- life ----------------------------------------------------------------------------------------------------- */

static void channel_drain(struct http_channel *channel)
{
    char waste[4096];

    while (recv(channel->fd, waste, sizeof waste, MSG_DONTWAIT) == (ssize_t)sizeof waste)
        ;
    channel->answers = 0;
}

static void channel_unlist(struct http_channel *channel)
{
    struct http_library *library = channel->library;

    if (channel->state != CHANNEL_FREE)
        return;
    for (struct http_channel **at = &library->free_channels; *at; at = &(*at)->next_free) {
        if (*at == channel) {
            *at = channel->next_free;
            break;
        }
    }
    channel->state = CHANNEL_BUSY;
    library->free_count--;
}

/** Our end is closed; the library closes its own and says so. */
static void channel_drop(struct http_channel *channel)
{
    channel_unlist(channel);
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
    channel->library->must_run = true;
}

static void channel_free(struct http_channel *channel)
{
    struct http_library *library = channel->library;

    channel_drop(channel);
    if (channel->prev)
        channel->prev->next = channel->next;
    else
        library->channels = channel->next;
    if (channel->next)
        channel->next->prev = channel->prev;
    free(channel);
}

static struct http_channel *channel_new(struct http_library *library)
{
    struct sockaddr_un nobody = { .sun_family = AF_UNIX };
    struct http_channel *channel = calloc(1, sizeof *channel);
    int ends[2];

    if (!channel)
        return NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
        free(channel);
        return NULL;
    }
    channel->library = library;
    channel->fd = ends[0];
    channel->far_fd = ends[1];
    channel->next = library->channels;
    if (channel->next)
        channel->next->prev = channel;
    library->channels = channel;
    /* The library closes its end itself when it fails, and may have told on_connection() so already. */
    if (MHD_add_connection(library->daemon, ends[1], (struct sockaddr *)&nobody, sizeof nobody) == MHD_YES)
        return channel;
    for (struct http_channel *at = library->channels; at; at = at->next) {
        if (at == channel) {
            channel_free(channel);
            break;
        }
    }
    return NULL;
}

/** Many heads in one turn: let the library read some now rather than make a channel for each. */
static struct http_channel *channel_take(struct http_library *library)
{
    if (!library->free_channels && library->begun >= CHANNELS_KEPT)
        library_run(library);
    struct http_channel *channel = library->free_channels;
    library->begun++;
    if (!channel)
        return channel_new(library);
    channel_unlist(channel);
    return channel;
}

/* ---- callbacks of the library --------------------------------------------------------------------------------- */

static struct http_channel *channel_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/** "HTTP/1.1 413 …", behind the answers nobody has read: why the library refused, when it said so. */
static int channel_refusal(const struct http_channel *channel)
{
    static const char mark[] = "HTTP/1.1 ";
    char answers[8192];
    ssize_t len = channel->fd >= 0 ? recv(channel->fd, answers, sizeof answers - 1, MSG_DONTWAIT) : 0;
    const char *last = NULL;

    answers[len > 0 ? len : 0] = '\0';
    for (const char *at = answers; (at = strstr(at, mark)); at += sizeof mark - 1)
        last = at + sizeof mark - 1;
    long status = last ? strtol(last, NULL, 10) : 0;
    return status >= 400 && status < 600 ? (int)status : 400;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_library *library = cls;
    struct http_channel *channel = *context;
    const union MHD_ConnectionInfo *info;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        for (channel = library->channels; channel && info; channel = channel->next) {
            if (!channel->mhd && channel->far_fd == info->connect_fd) {
                channel->mhd = mhd;
                *context = channel;
                return;
            }
        }
        return;
    }
    if (!channel)
        return;
    struct http_ex *ex = channel->ex;
    *context = NULL;
    if (ex) {
        int status = channel_refusal(channel);
        ex->channel = NULL;
        http_request_failed(ex, status);
    }
    channel_free(channel);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *data_len, void **con_cls)
{
    struct http_library *library = cls;
    struct http_channel *channel = channel_of(mhd);
    struct http_ex *ex = channel ? channel->ex : NULL;

    (void)version;
    if (!channel)
        return MHD_NO;
    if (!*con_cls) {
        *con_cls = channel;
        /* One that nobody asked it to read is the rest of another: the channel is out of step and has to go. */
        return ex && http_request_parsed(ex, mhd, method, url) ? MHD_YES : MHD_NO;
    }
    if (*data_len) {
        if (ex)
            http_request_body(ex, data, *data_len);
        *data_len = 0;
        return MHD_YES;
    }
    if (ex) {
        channel->ex = NULL;
        ex->channel = NULL;
        if (ex->asks_to_close || ex->is_chunked) /* it closes the channel, or might */
            channel->state = CHANNEL_SPENT;
        http_request_read(ex);
    }
    channel->answers++;
    return MHD_queue_response(mhd, MHD_HTTP_NO_CONTENT, library->http->parsed);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code)
{
    struct http_library *library = cls;
    struct http_channel *channel = *con_cls ? channel_of(mhd) : NULL;

    if (!channel)
        return;
    *con_cls = NULL;
    if (channel->ex || channel->fd < 0)
        return; /* it failed: on_connection() says so */
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK || channel->state == CHANNEL_SPENT ||
        library->free_count >= CHANNELS_KEPT) {
        channel_drop(channel);
        return;
    }
    if (channel->answers >= ANSWERS_UNREAD)
        channel_drain(channel);
    channel->state = CHANNEL_FREE;
    channel->next_free = library->free_channels;
    library->free_channels = channel;
    library->free_count++;
}

/** Targets are decoded by gw_path_normalize(), once. */
static size_t no_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

/* ---- for an exchange ------------------------------------------------------------------------------------------ */

size_t http_channel_feed(struct http_ex *ex, const char *bytes, size_t len)
{
    struct http_channel *channel = ex->channel;
    ssize_t sent;

    if (!channel || channel->fd < 0)
        return 0;
    do {
        sent = send(channel->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    channel->library->must_run = true;
    return sent > 0 ? (size_t)sent : 0;
}

/** Does it fit into little memory? The library notes each header, cookie and query argument in 60 bytes or so. */
static bool is_small(const struct http_ex *ex, size_t head_len)
{
    unsigned notes = ex->header_count;

    if (head_len > SMALL_HEAD || ex->is_chunked || ex->has_cookies)
        return false;
    for (size_t i = 0; i < ex->pub.query.len; i++)
        notes += ex->pub.query.ptr[i] == '&';
    return notes <= SMALL_NOTES;
}

bool http_channel_begin(struct http_ex *ex, aigw_str told)
{
    struct http_library *libraries = ex->pub.http->libraries;
    struct http_channel *channel = channel_take(&libraries[is_small(ex, told.len) ? LIBRARY_SMALL : LIBRARY_LARGE]);

    if (!channel)
        return false;
    channel->ex = ex;
    ex->channel = channel;
    if (http_channel_feed(ex, told.ptr, told.len) == told.len)
        return true;
    http_channel_leave(ex, false);
    return false;
}

void http_channel_end(struct http_ex *ex)
{
    if (!ex->channel)
        return;
    shutdown(ex->channel->fd, SHUT_WR);
    ex->channel->state = CHANNEL_SPENT;
    ex->channel->library->must_run = true;
}

bool http_channel_is_idle(const struct http_ex *ex)
{
    int waiting = 0;

    return !ex->channel || ioctl(ex->channel->fd, SIOCOUTQ, &waiting) < 0 || waiting == 0;
}

void http_channel_leave(struct http_ex *ex, bool is_whole)
{
    struct http_channel *channel = ex->channel;

    if (!channel)
        return;
    ex->channel = NULL;
    channel->ex = NULL;
    if (!is_whole)
        channel_drop(channel); /* it will never be */
    else if (ex->asks_to_close)
        channel->state = CHANNEL_SPENT;
}

/* ---- on the loop ---------------------------------------------------------------------------------------------- */

static void on_library(struct gw_fd *self, uint32_t events)
{
    (void)events;
    GW_CONTAINER_OF(self, struct http_library, watch)->must_run = true;
}

int64_t http_channels_prepare(struct gw_hook *self)
{
    const struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, hook);

    for (int i = 0; i < LIBRARIES; i++) {
        if (http->libraries[i].must_run)
            return 0;
    }
    return -1;
}

void http_channels_run(struct gw_hook *self)
{
    struct gw_http *http = GW_CONTAINER_OF(self, struct gw_http, hook);

    for (int i = 0; i < LIBRARIES; i++)
        library_run(&http->libraries[i]);
}

static struct MHD_Daemon *library_start(struct http_library *library, size_t pool)
{
    unsigned flags = MHD_USE_EPOLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_NO_LISTEN_SOCKET;
    struct MHD_OptionItem strictness[] = {
#if MHD_VERSION >= 0x01000000
        { MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, NULL },
#else
        { MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
#endif
        { MHD_OPTION_END, 0, NULL },
    };

    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, library, MHD_OPTION_ARRAY, strictness,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, pool, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)CHANNELS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_UNESCAPE_CALLBACK,
                            no_unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, library,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, library, MHD_OPTION_END);
}

bool http_channels_init(struct gw_http *http, struct gw_err *reterr)
{
    const size_t pools[LIBRARIES] = {
        [LIBRARY_SMALL] = SMALL_POOL, [LIBRARY_LARGE] = http->limits.header_max * LARGE_FACTOR + CHUNK_ROOM
    };

    for (int i = 0; i < LIBRARIES; i++) {
        struct http_library *library = &http->libraries[i];
        library->http = http;
        library->daemon = library_start(library, pools[i]);
        const union MHD_DaemonInfo *info =
            library->daemon ? MHD_get_daemon_info(library->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
        if (info) {
            library->watch.fd = info->epoll_fd;
            library->watch.on_event = on_library;
        }
        if (!info || gw_loop_add(http->loop, &library->watch, EPOLLIN) != AIGW_OK) {
            gw_err_set(reterr, AIGW_E_STATE, "HTTP server: libmicrohttpd %s did not start; expected a build with epoll",
                       MHD_get_version());
            return false;
        }
    }
    http->parsed = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    if (!http->parsed) {
        gw_err_set(reterr, AIGW_E_NOMEM, "HTTP server: out of memory");
        return false;
    }
    return true;
}

void http_channels_done(struct gw_http *http)
{
    for (int i = 0; i < LIBRARIES; i++) {
        gw_loop_del(http->loop, &http->libraries[i].watch);
        if (http->libraries[i].daemon)
            MHD_stop_daemon(http->libraries[i].daemon); /* on_connection() frees the channels */
    }
    if (http->parsed)
        MHD_destroy_response(http->parsed);
}
