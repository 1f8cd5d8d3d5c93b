/* upstream.c - a mock OpenAI-compatible model server for measurements: fast, and slow exactly where it is told to.
 *
 *     bench_upstream [--port N] [--interval-ms N] [--events N] [--answer-bytes N] [--burst N] [--begin TEXT]
 *                    [--cert FILE --key FILE]
 *
 * POST …/chat/completions and …/completions: with "stream":true an SSE stream of one event per --interval-ms, until
 * the client leaves or --events were sent (0: no end), else a JSON answer with --answer-bytes of text. Every event's
 * text is "@<microseconds of the monotonic clock, 16 digits>@", so that whoever reads it at the far end of a proxy on
 * the same machine knows how old it is. With --burst a stream is the text of the JSON answer in that many events, sent
 * at once. Every text begins with --begin, which goes into JSON as it is. With --cert and --key (PEM) it serves TLS.
 * Prints "listening <port>" once ready.
 *
 * One thread, one epoll. Streams wait in a wheel of slots, one slot per tick of TICK_MS, so that thousands of them
 * cost one timer and their events are spread over the interval instead of coming in bursts.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS     5
#define SLOTS_MAX   4096
#define REQUEST_MAX (1u << 20)
#define EVENTS_MAX  256

struct peer {
    int fd;
    bool is_streaming, is_chat, had_event, is_shaking;
    gnutls_session_t tls;     /* NULL: plain */
    uint32_t events_left;     /* 0: no end */
    struct peer *prev, *next; /* in a slot of the wheel */
    char *in;
    size_t in_len, in_cap;
};

static struct {
    int epoll, listener, timer;
    uint32_t slot_count, slot, next_slot, events_per_stream, burst;
    size_t answer_bytes;
    const char *begin, *cert_file, *key_file;
    gnutls_certificate_credentials_t credentials; /* NULL: plain */
    char *chat_answer, *text_answer, *chat_burst, *text_burst;
    size_t chat_answer_len, text_answer_len, chat_burst_len, text_burst_len;
    struct peer *slots[SLOTS_MAX];
} server;

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_upstream: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

/* The text of every answer, --answer-bytes long but for what it has to begin with. */
static char text_at(size_t at)
{
    size_t begin_len = strlen(server.begin);

    return at < begin_len ? server.begin[at] : "return value + 1 "[(at - begin_len) % 17];
}

static char *make_answer(const char *object, const char *before, const char *after, size_t *ret_len)
{
    size_t cap = server.answer_bytes + 1024;
    char *body = malloc(cap), *whole = malloc(cap + 256);
    int len, total;

    if (!body || !whole)
        die("memory");
    len = snprintf(body, cap,
                   "{\"id\":\"bench-1\",\"object\":\"%s\",\"created\":1700000000,\"model\":\"bench\",\"choices\":[{"
                   "\"index\":0,%s",
                   object, before);
    for (size_t i = 0; i < server.answer_bytes; i++)
        body[len++] = text_at(i);
    len += snprintf(body + len, cap - (size_t)len,
                    "%s,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":200,"
                    "\"total_tokens\":320}}",
                    after);
    total =
        snprintf(whole, cap + 256,
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%.*s", len, len, body);
    free(body);
    *ret_len = (size_t)total;
    return whole;
}

static const char stream_head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                                  "X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n";

/* One SSE event with this text as one HTTP chunk; its length. `end` is the value of finish_reason. */
static size_t put_event(bool is_chat, const char *text, size_t text_len, const char *end, char *out, size_t cap)
{
    static const char *const forms[] = {
        "data: {\"id\":\"bench-1\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"bench\","
        "\"choices\":[{\"index\":0,\"text\":\"%.*s\",\"finish_reason\":%s}]}\n\n",
        "data: {\"id\":\"bench-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\","
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%.*s\"},\"finish_reason\":%s}]}\n\n",
    };
    int len = snprintf(NULL, 0, forms[is_chat], (int)text_len, text, end);
    int head_len = snprintf(out, cap, "%x\r\n", (unsigned)len);

    if ((size_t)(head_len + len) + 3 > cap)
        die("an event is too long");
    snprintf(out + head_len, cap - (size_t)head_len, forms[is_chat], (int)text_len, text, end);
    memcpy(out + head_len + len, "\r\n", 2);
    return (size_t)(head_len + len) + 2;
}

static size_t make_event(struct peer *peer, char *out, size_t cap)
{
    char text[128];
    int len = snprintf(text, sizeof text, "%s@%016lld@", peer->had_event ? "" : server.begin, (long long)now_us());

    peer->had_event = true;
    return put_event(peer->is_chat, text, (size_t)len, "null", out, cap);
}

static const char stream_end[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

/* A whole stream: the text of make_answer() in --burst events. */
static char *make_burst(bool is_chat, size_t *ret_len)
{
    size_t cap = server.answer_bytes + (server.burst + 2) * 300 + 1024, len = sizeof stream_head - 1, at = 0;
    char *whole = malloc(cap), *text = malloc(server.answer_bytes + 1);

    if (!whole || !text)
        die("memory");
    for (size_t i = 0; i < server.answer_bytes; i++)
        text[i] = text_at(i);
    memcpy(whole, stream_head, len);
    for (uint32_t i = 1; i <= server.burst; i++) {
        size_t to = server.answer_bytes * i / server.burst;

        len += put_event(is_chat, text + at, to - at, i == server.burst ? "\"stop\"" : "null", whole + len, cap - len);
        at = to;
    }
    memcpy(whole + len, stream_end, sizeof stream_end - 1);
    free(text);
    *ret_len = len + sizeof stream_end - 1;
    return whole;
}

/* ---- peers -------------------------------------------------------------------------------------------------- */

static void leave_wheel(struct peer *peer)
{
    if (!peer->is_streaming)
        return;
    if (peer->prev)
        peer->prev->next = peer->next;
    else
        for (uint32_t i = 0; i < server.slot_count; i++)
            if (server.slots[i] == peer)
                server.slots[i] = peer->next;
    if (peer->next)
        peer->next->prev = peer->prev;
    peer->prev = peer->next = NULL;
    peer->is_streaming = false;
}

static void drop(struct peer *peer)
{
    leave_wheel(peer);
    if (peer->tls)
        gnutls_deinit(peer->tls);
    close(peer->fd);
    free(peer->in);
    free(peer);
}

/* False: the peer is gone. A full socket loses the bytes of an event on purpose: a reader that slow is not what is
 * measured here, and it shows up as a broken stream. */
static bool send_all(struct peer *peer, const char *bytes, size_t len)
{
    ssize_t sent;

    do {
        sent = peer->tls ? gnutls_record_send(peer->tls, bytes, len)
                         : send(peer->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == (ssize_t)len)
            return true;
        bytes += sent;
        len -= (size_t)sent;
    } while (sent > 0 && peer->tls); /* a record at a time */
    drop(peer);
    return false;
}

static bool start_stream(struct peer *peer)
{
    if (!send_all(peer, stream_head, sizeof stream_head - 1))
        return false;
    /* Slots are dealt in turn: streams that begin together do not beat together. */
    server.next_slot = (server.next_slot + 7) % server.slot_count;
    peer->is_streaming = true;
    peer->events_left = server.events_per_stream;
    peer->prev = NULL;
    peer->next = server.slots[server.next_slot];
    if (peer->next)
        peer->next->prev = peer;
    server.slots[server.next_slot] = peer;
    return true;
}

/* First bytes of one whole request in peer->in; its length, 0 when not all is there, or -1 when it is nonsense. */
static ssize_t request_len(const struct peer *peer, size_t *ret_head_len)
{
    const char *end = memmem(peer->in, peer->in_len, "\r\n\r\n", 4);
    const char *at;
    size_t head_len, body_len = 0;

    if (!end)
        return peer->in_len >= REQUEST_MAX ? -1 : 0;
    head_len = (size_t)(end - peer->in) + 4;
    for (at = peer->in; at < end; at = (const char *)memchr(at, '\n', (size_t)(end + 2 - at)) + 1)
        if ((size_t)(end - at) > 15 && strncasecmp(at, "content-length:", 15) == 0)
            body_len = strtoul(at + 15, NULL, 10);
    if (body_len > REQUEST_MAX)
        return -1;
    *ret_head_len = head_len;
    return peer->in_len >= head_len + body_len ? (ssize_t)(head_len + body_len) : 0;
}

static bool has(const char *text, size_t len, const char *word)
{
    return memmem(text, len, word, strlen(word)) != NULL;
}

/* False: the peer is gone. */
static bool answer(struct peer *peer, size_t len, size_t head_len)
{
    const char *body = peer->in + head_len;
    size_t body_len = len - head_len;
    bool is_stream = has(body, body_len, "\"stream\":true") || has(body, body_len, "\"stream\": true");
    const char *line_end = memchr(peer->in, '\r', head_len);

    peer->is_chat = has(peer->in, (size_t)(line_end - peer->in), "/chat/");
    if (is_stream && server.burst)
        return send_all(peer, peer->is_chat ? server.chat_burst : server.text_burst,
                        peer->is_chat ? server.chat_burst_len : server.text_burst_len);
    if (is_stream)
        return start_stream(peer);
    if (peer->is_chat)
        return send_all(peer, server.chat_answer, server.chat_answer_len);
    return send_all(peer, server.text_answer, server.text_answer_len);
}

/* recv(), through TLS where there is TLS. */
static ssize_t get(struct peer *peer, char *bytes, size_t len)
{
    ssize_t got;

    if (!peer->tls)
        return recv(peer->fd, bytes, len, MSG_DONTWAIT);
    got = gnutls_record_recv(peer->tls, bytes, len);
    errno = got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED ? EAGAIN : EIO;
    return got;
}

/* False: the handshake goes on, or the peer is gone. */
static bool is_shaken(struct peer *peer)
{
    int rc = gnutls_handshake(peer->tls);

    if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
        return false;
    peer->is_shaking = false;
    if (rc < 0)
        drop(peer);
    return rc >= 0;
}

static void on_readable(struct peer *peer)
{
    if (peer->is_shaking && !is_shaken(peer))
        return;
    for (;;) {
        ssize_t got, len;
        size_t head_len = 0;

        if (peer->in_cap - peer->in_len < 4096) {
            size_t cap = peer->in_cap ? peer->in_cap * 2 : 8192;
            char *grown = cap <= 4 * REQUEST_MAX ? realloc(peer->in, cap) : NULL;

            if (!grown) {
                drop(peer);
                return;
            }
            peer->in = grown;
            peer->in_cap = cap;
        }
        got = get(peer, peer->in + peer->in_len, peer->in_cap - peer->in_len);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            drop(peer);
            return;
        }
        peer->in_len += (size_t)got;
        while (!peer->is_streaming && (len = request_len(peer, &head_len)) != 0) {
            if (len < 0) {
                drop(peer);
                return;
            }
            if (!answer(peer, (size_t)len, head_len))
                return;
            memmove(peer->in, peer->in + len, peer->in_len - (size_t)len);
            peer->in_len -= (size_t)len;
        }
        if (peer->is_streaming && peer->in_len == 0) {
            free(peer->in); /* thousands of streams wait; their request is done with */
            peer->in = NULL;
            peer->in_cap = 0;
        }
        if ((size_t)got < 4096 && !(peer->tls && gnutls_record_check_pending(peer->tls) > 0))
            return;
    }
}

static void on_tick(void)
{
    char events[EVENTS_MAX + 512];
    uint64_t ticks = 0;

    if (read(server.timer, &ticks, sizeof ticks) != sizeof ticks)
        return;
    for (; ticks > 0; ticks--) {
        struct peer *next;

        server.slot = (server.slot + 1) % server.slot_count;
        for (struct peer *peer = server.slots[server.slot]; peer; peer = next) {
            size_t len = make_event(peer, events, sizeof events);

            next = peer->next;
            if (!send_all(peer, events, len))
                continue;
            if (peer->events_left > 0 && --peer->events_left == 0) {
                leave_wheel(peer);
                send_all(peer, stream_end, sizeof stream_end - 1);
            }
        }
    }
}

static void on_connect(void)
{
    int fd, on = 1;

    while ((fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *peer = calloc(1, sizeof *peer);
        struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = peer };

        if (!peer)
            die("memory");
        peer->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            die("epoll_ctl");
        if (!server.credentials)
            continue;
        if (gnutls_init(&peer->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
            gnutls_set_default_priority(peer->tls) < 0 ||
            gnutls_credentials_set(peer->tls, GNUTLS_CRD_CERTIFICATE, server.credentials) < 0)
            die("TLS");
        gnutls_transport_set_int(peer->tls, fd);
        peer->is_shaking = true;
    }
}

/* ---- set-up ------------------------------------------------------------------------------------------------- */

static void open_listener(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    socklen_t len = sizeof at;
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &server.listener };
    int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(server.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (server.listener < 0 || bind(server.listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(server.listener, 8192) != 0 || getsockname(server.listener, (struct sockaddr *)&at, &len) != 0)
        die("listen");
    if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, server.listener, &event) != 0)
        die("epoll_ctl");
    printf("listening %u\n", ntohs(at.sin_port));
    fflush(stdout);
}

static void open_timer(void)
{
    const struct itimerspec tick = { { 0, TICK_MS * 1000000 }, { 0, TICK_MS * 1000000 } };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &server.timer };

    server.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (server.timer < 0 || timerfd_settime(server.timer, 0, &tick, NULL) != 0 ||
        epoll_ctl(server.epoll, EPOLL_CTL_ADD, server.timer, &event) != 0)
        die("timer");
}

static void make_answers(void)
{
    server.chat_answer = make_answer("chat.completion", "\"message\":{\"role\":\"assistant\",\"content\":\"", "\"}",
                                     &server.chat_answer_len);
    server.text_answer = make_answer("text_completion", "\"text\":\"", "\"", &server.text_answer_len);
    if (server.burst) {
        server.chat_burst = make_burst(true, &server.chat_burst_len);
        server.text_burst = make_burst(false, &server.text_burst_len);
    }
}

static void load_certificate(void)
{
    if (gnutls_certificate_allocate_credentials(&server.credentials) < 0 ||
        gnutls_certificate_set_x509_key_file(server.credentials, server.cert_file, server.key_file,
                                             GNUTLS_X509_FMT_PEM) < 0)
        die("the certificate");
}

int main(int argc, char **argv)
{
    struct rlimit files;
    unsigned long port = 0, interval_ms = 100;

    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a mock must not outlive the run that started it */
    server.answer_bytes = 600;
    server.begin = "";
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long value = strtoul(argv[i + 1], NULL, 10);

        if (strcmp(argv[i], "--port") == 0)
            port = value;
        else if (strcmp(argv[i], "--interval-ms") == 0)
            interval_ms = value;
        else if (strcmp(argv[i], "--events") == 0)
            server.events_per_stream = (uint32_t)value;
        else if (strcmp(argv[i], "--answer-bytes") == 0)
            server.answer_bytes = value;
        else if (strcmp(argv[i], "--burst") == 0)
            server.burst = (uint32_t)value;
        else if (strcmp(argv[i], "--begin") == 0)
            server.begin = argv[i + 1];
        else if (strcmp(argv[i], "--cert") == 0)
            server.cert_file = argv[i + 1];
        else if (strcmp(argv[i], "--key") == 0)
            server.key_file = argv[i + 1];
        else
            return fprintf(stderr, "bench_upstream: unknown option %s\n", argv[i]), 2;
    }
    if (interval_ms < TICK_MS || interval_ms > TICK_MS * SLOTS_MAX || server.answer_bytes > 1000000 || port > 65535 ||
        server.burst > 100000 || strlen(server.begin) > 64 || !server.cert_file != !server.key_file)
        return fprintf(stderr, "bench_upstream: a value is out of range\n"), 2;
    server.slot_count = (uint32_t)(interval_ms / TICK_MS);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    make_answers();
    if (server.cert_file)
        load_certificate();
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    open_timer();
    open_listener((uint16_t)port);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(server.epoll, events, EVENTS_MAX, -1);
        bool is_tick = false;

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &server.listener)
                on_connect();
            else if (events[i].data.ptr == &server.timer)
                is_tick = true;
            else
                on_readable(events[i].data.ptr);
        }
        if (is_tick) /* last: it may free peers that have events of their own above */
            on_tick();
    }
}
