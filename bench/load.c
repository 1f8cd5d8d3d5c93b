/* load.c - a load generator for measurements on one machine: one thread, one epoll, loopback only.
 *
 *     bench_load json   --port N --path /p --body FILE [--header 'Name: value']… [--connections N] [--seconds N]
 *                       [--pids 1,2] [--tls yes]
 *         closed loop: every connection sends its next request as soon as it has the answer
 *     bench_load stream … the same options
 *         opens that many streams, waits until each had its first event, then counts events for --seconds. An event is
 *         "@<16 digits>@" in the body, the digits being the clock when bench_upstream made it
 *         With --at-once yes all of them begin at the same moment, and first_p99_us and so on are of each one's first
 * event bench_load mixed  … the same options, --stream-body FILE --streams N [--rate N] calls with --body on
 * --connections while --streams streams with --stream-body run bench_load start  --port N --path /p -- COMMAND…
 *         microseconds from exec to the first 200; the command is then asked to end (SIGTERM)
 *     bench_load memory --pids 1,2
 *
 * With --rate calls begin at that pace in all, whatever the server does, and a call's time counts from when it was due.
 * CPU time and memory are those of --pids, taken inside the measured window. Prints one JSON object: count, p50_us and
 * so on are of the calls (stream: of the events), event_count, event_p50_us and so on of the events of mixed.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "measured.h"

#define HEADERS_MAX     16
#define SAMPLES_MAX     (8u << 20)
#define ANSWER_MAX      (64u << 10)
#define RAMP_MAX        128      /* connections that may be without their first event at a time */
#define RAMP_TIMEOUT_US 60000000 /* to have all streams up */
#define SETTLE_US       1000000  /* between the last stream's first event and the window */
#define MARK_LEN        18       /* @ 16 digits @ */
#define EVENTS_MAX      512

struct connection {
    int fd;
    bool is_stream, is_connecting, is_shaking, had_event;
    gnutls_session_t tls; /* NULL: plain */
    int64_t sent_us;
    size_t in_len;
    char *in; /* call: an answer so far; stream: the last bytes, where a mark may have begun */
    struct connection *next_idle;
};

struct tally {
    uint64_t count;
    uint32_t *samples_us;
    size_t sample_count;
};

struct request {
    char *bytes;
    size_t len;
};

static struct {
    const char *path, *body_file, *stream_body_file;
    const char *headers[HEADERS_MAX];
    int header_count;
    struct measured measured;
    uint16_t port;
    uint32_t connections, streams;
    double seconds, rate; /* of calls a second; 0: as fast as they are answered */
    bool is_tls;          /* whatever the server's certificate says */
    bool at_once;         /* streams: all begin together */
} options = { .path = "/", .connections = 1, .seconds = 3 };

static struct {
    int epoll, timer;
    struct request call, stream;
    gnutls_certificate_credentials_t credentials;
    bool is_measuring;
    uint64_t errors, broken, broken_streams, started, waiting, due, due_total;
    int64_t paced_from_us;
    struct connection *idle; /* with --rate: those that wait for their turn */
    struct tally calls, events, firsts;
    char last_error[200];
} load;

/* ---- connections -------------------------------------------------------------------------------------------- */

static void note_error(const char *what)
{
    load.errors++;
    if (!load.last_error[0])
        snprintf(load.last_error, sizeof load.last_error, "%s", what);
}

static void begin(struct connection *c)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(options.port) };
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.ptr = c };
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->is_connecting = true;
    c->in_len = 0;
    if (connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        die("connect");
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        die("epoll_ctl");
}

/* recv() and send(), through TLS where there is TLS. */
static ssize_t get(struct connection *c, char *bytes, size_t len)
{
    ssize_t got;

    if (!c->tls)
        return recv(c->fd, bytes, len, 0);
    got = gnutls_record_recv(c->tls, bytes, len);
    errno = got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED ? EAGAIN : EIO;
    return got;
}

static ssize_t put(struct connection *c, const char *bytes, size_t len)
{
    return c->tls ? gnutls_record_send(c->tls, bytes, len) : send(c->fd, bytes, len, MSG_NOSIGNAL);
}

static void send_request(struct connection *c, int64_t since_us)
{
    const struct request *request = c->is_stream ? &load.stream : &load.call;

    c->sent_us = since_us;
    c->in_len = 0;
    if (put(c, request->bytes, request->len) != (ssize_t)request->len)
        note_error("a request could not be sent in one piece");
}

/* Calls that are due and a connection that is free: bring them together. */
static void pace(void)
{
    while (load.due > 0 && load.idle) {
        struct connection *c = load.idle;
        uint64_t number = load.due_total - load.due;

        load.idle = c->next_idle;
        load.due--;
        send_request(c, load.paced_from_us + (int64_t)((double)number * 1e6 / options.rate));
    }
}

/* The connection can take a request. */
static void on_ready(struct connection *c)
{
    if (c->is_stream || options.rate <= 0) {
        send_request(c, now_us());
        return;
    }
    c->next_idle = load.idle;
    load.idle = c;
    pace();
}

static void on_pace(void)
{
    uint64_t ticks = 0;

    if (read(load.timer, &ticks, sizeof ticks) != sizeof ticks)
        return;
    load.due += ticks;
    load.due_total += ticks;
    pace();
}

static void start_pace(void)
{
    int64_t period_ns = (int64_t)(1e9 / options.rate);
    const struct timespec every = { (time_t)(period_ns / 1000000000), (long)(period_ns % 1000000000) };
    const struct itimerspec period = { every, every };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &load.timer };

    load.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (load.timer < 0 || timerfd_settime(load.timer, 0, &period, NULL) != 0 ||
        epoll_ctl(load.epoll, EPOLL_CTL_ADD, load.timer, &event) != 0)
        die("timer");
    load.paced_from_us = now_us() + period_ns / 1000;
}

static void shake(struct connection *c)
{
    int rc = gnutls_handshake(c->tls);

    if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
        return;
    c->is_shaking = false;
    if (rc < 0)
        note_error(gnutls_strerror(rc));
    else
        on_ready(c);
}

static void on_connected(struct connection *c)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c };

    c->is_connecting = false;
    epoll_ctl(load.epoll, EPOLL_CTL_MOD, c->fd, &event);
    if (!options.is_tls) {
        on_ready(c);
        return;
    }
    if (gnutls_init(&c->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0 ||
        gnutls_set_default_priority(c->tls) < 0 ||
        gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, load.credentials) < 0)
        die("TLS");
    gnutls_transport_set_int(c->tls, c->fd);
    c->is_shaking = true;
    shake(c);
}

static void add_sample(struct tally *tally, int64_t us)
{
    if (!load.is_measuring)
        return;
    tally->count++;
    if (tally->sample_count < SAMPLES_MAX)
        tally->samples_us[tally->sample_count++] = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* The answer begins with status 200 as far as it can be told. */
static bool is_ok(const char *bytes, size_t len)
{
    return len < 12 || memcmp(bytes + 9, "200", 3) == 0;
}

static void keep_refusal(const char *bytes, size_t len)
{
    char text[200];

    snprintf(text, sizeof text, "%.*s", (int)(len < 190 ? len : 190), bytes);
    for (char *at = text; *at; at++)
        if (*at < ' ' || *at == '"' || *at == '\\')
            *at = ' ';
    note_error(text);
}

/* Length of the whole answer when all of it is there, else 0. Content-Length or chunked. */
static size_t answer_len(const struct connection *c)
{
    const char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
    size_t head_len;

    if (!end)
        return 0;
    head_len = (size_t)(end - c->in) + 4;
    for (const char *at = c->in; at < end; at = (const char *)memchr(at, '\n', (size_t)(end + 2 - at)) + 1) {
        if ((size_t)(end - at) > 15 && strncasecmp(at, "content-length:", 15) == 0) {
            size_t len = head_len + strtoul(at + 15, NULL, 10);

            return len <= c->in_len ? len : 0;
        }
    }
    end = memmem(c->in + head_len - 2, c->in_len - head_len + 2, "\r\n0\r\n\r\n", 7); /* the last chunk */
    return end ? (size_t)(end - c->in) + 7 : 0;
}

/* False: the connection ended. */
static bool read_json(struct connection *c)
{
    ssize_t got = get(c, c->in + c->in_len, ANSWER_MAX - c->in_len);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0)
        return false;
    c->in_len += (size_t)got;
    if (!is_ok(c->in, c->in_len))
        keep_refusal(c->in, c->in_len);
    if (answer_len(c) == 0)
        return c->in_len < ANSWER_MAX;
    add_sample(&load.calls, now_us() - c->sent_us);
    on_ready(c);
    return true;
}

static void on_mark(struct connection *c, const char *digits)
{
    int64_t made_us = 0;

    for (int i = 0; i < 16; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return;
        made_us = made_us * 10 + (digits[i] - '0');
    }
    add_sample(&load.events, now_us() - made_us);
    if (!c->had_event) {
        if (options.at_once && load.firsts.sample_count < options.streams) {
            load.firsts.count++;
            load.firsts.samples_us[load.firsts.sample_count++] = (uint32_t)(now_us() - made_us);
        }
        c->had_event = true;
        load.started++;
        load.waiting--;
    }
}

static bool read_stream(struct connection *c)
{
    char bytes[MARK_LEN + 16384];
    size_t len = c->in_len, at = 0;
    ssize_t got;

    memcpy(bytes, c->in, c->in_len);
    got = get(c, bytes + len, sizeof bytes - len);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0)
        return false;
    len += (size_t)got;
    if (!c->had_event && len > 12 && memcmp(bytes, "HTTP/", 5) == 0 && !is_ok(bytes, len)) {
        keep_refusal(bytes, len);
        return false;
    }
    while (at < len) {
        const char *mark = memchr(bytes + at, '@', len - at);

        at = mark ? (size_t)(mark - bytes) : len;
        if (len - at < MARK_LEN)
            break;
        if (bytes[at + MARK_LEN - 1] == '@') {
            on_mark(c, bytes + at + 1);
            at += MARK_LEN;
        } else {
            at++;
        }
    }
    c->in_len = len - at;
    memcpy(c->in, bytes + at, c->in_len);
    return true;
}

/* ---- runs --------------------------------------------------------------------------------------------------- */

static struct request make_request(const char *body_file)
{
    FILE *file = body_file ? fopen(body_file, "re") : NULL;
    static char body[1 << 20];
    struct request request;
    size_t body_len = 0, cap = sizeof body + 8192;
    int len;

    if (body_file && !file)
        die(body_file);
    if (file) {
        body_len = fread(body, 1, sizeof body, file);
        if (body_len == sizeof body)
            die("the body has a megabyte or more");
        fclose(file);
    }
    request.bytes = malloc(cap);
    if (!request.bytes)
        die("memory");
    len = snprintf(request.bytes, cap, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", file ? "POST" : "GET", options.path,
                   options.port);
    for (int i = 0; i < options.header_count; i++)
        len += snprintf(request.bytes + len, cap - (size_t)len, "%s\r\n", options.headers[i]);
    if (file)
        len += snprintf(request.bytes + len, cap - (size_t)len,
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_len);
    len += snprintf(request.bytes + len, cap - (size_t)len, "\r\n");
    memcpy(request.bytes + len, body, body_len);
    request.len = (size_t)len + body_len;
    return request;
}

static void turn(int wait_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(load.epoll, events, EVENTS_MAX, wait_ms);

    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;

        bool is_well = true;

        if (events[i].data.ptr == &load.timer) {
            on_pace();
            continue;
        }
        if (c->is_connecting && (events[i].events & EPOLLOUT)) {
            on_connected(c);
            continue;
        }
        if (c->is_shaking) {
            shake(c);
            continue;
        }
        do {
            is_well = c->is_stream ? read_stream(c) : read_json(c);
        } while (is_well && c->tls && gnutls_record_check_pending(c->tls) > 0);
        if (!is_well) {
            load.broken++;
            load.broken_streams += c->is_stream;
            if (c->is_stream && !c->had_event)
                load.waiting--;
            close(c->fd);
            c->fd = -1;
            if (c->tls)
                gnutls_deinit(c->tls);
            c->tls = NULL;
            for (struct connection **at = &load.idle; *at; at = &(*at)->next_idle)
                if (*at == c) {
                    *at = c->next_idle;
                    break;
                }
            if (!c->is_stream)
                begin(c);
        }
    }
}

static int compare(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static uint32_t percentile(const struct tally *tally, double part)
{
    size_t at = (size_t)((double)tally->sample_count * part);

    if (tally->sample_count == 0)
        return 0;
    return tally->samples_us[at < tally->sample_count ? at : tally->sample_count - 1];
}

/* False: the streams did not all come up. */
static bool ramp(struct connection *streams)
{
    int64_t give_up_us = now_us() + RAMP_TIMEOUT_US, settle_us;
    uint32_t opened = 0;

    while (load.started + load.broken < options.streams) {
        while (opened < options.streams && (options.at_once || load.waiting < RAMP_MAX)) {
            load.waiting++;
            begin(&streams[opened++]);
        }
        turn(100);
        if (now_us() > give_up_us || load.broken > options.streams / 10)
            return false;
    }
    for (settle_us = now_us() + SETTLE_US; now_us() < settle_us;)
        turn(10);
    return true;
}

static struct connection *make_connections(uint32_t count, bool is_stream)
{
    size_t room = is_stream ? MARK_LEN : ANSWER_MAX;
    struct connection *connections = calloc(count + 1, sizeof *connections);
    char *memory = calloc(count + 1, room);

    if (!connections || !memory)
        die("memory");
    for (uint32_t i = 0; i < count; i++) {
        connections[i].is_stream = is_stream;
        connections[i].in = memory + i * room;
    }
    return connections;
}

static void print_tally(const char *prefix, struct tally *tally)
{
    qsort(tally->samples_us, tally->sample_count, sizeof *tally->samples_us, compare);
    printf("\"%scount\":%llu,\"%sp50_us\":%u,\"%sp90_us\":%u,\"%sp99_us\":%u,\"%smax_us\":%u,", prefix,
           (unsigned long long)tally->count, prefix, percentile(tally, 0.5), prefix, percentile(tally, 0.9), prefix,
           percentile(tally, 0.99), prefix, percentile(tally, 1));
}

static int run(void)
{
    struct connection *calls = make_connections(options.connections, false);
    struct connection *streams = make_connections(options.streams, true);
    int64_t began_us, end_us;
    double cpu_before, cpu_used, seconds;
    bool is_up = true;
    long pss_kb, rss_kb;

    load.calls.samples_us = malloc(SAMPLES_MAX * sizeof *load.calls.samples_us);
    load.events.samples_us = malloc(SAMPLES_MAX * sizeof *load.events.samples_us);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.firsts.samples_us = calloc(options.streams + 1, sizeof *load.firsts.samples_us);
    if (!load.calls.samples_us || !load.events.samples_us || !load.firsts.samples_us || load.epoll < 0)
        die("memory");
    if (options.is_tls && gnutls_certificate_allocate_credentials(&load.credentials) < 0)
        die("TLS");
    load.call = make_request(options.body_file);
    load.stream = make_request(options.stream_body_file);
    if (options.streams > 0)
        is_up = ramp(streams);
    if (options.connections > 0) {
        if (options.rate > 0)
            start_pace();
        for (uint32_t i = 0; i < options.connections; i++)
            begin(&calls[i]);
        /* Warm up; with a pace what was due while the connections were made has to be done as well. */
        for (end_us = now_us() + (options.rate > 0 ? SETTLE_US : SETTLE_US / 4); now_us() < end_us;)
            turn(10);
    }
    load.broken = load.broken_streams;
    load.errors = 0;
    load.is_measuring = true;
    cpu_before = measured_cpu_s(&options.measured);
    began_us = now_us();
    end_us = began_us + (int64_t)(options.seconds * 1e6);
    while (is_up && now_us() < end_us)
        turn(10);
    seconds = (double)(now_us() - began_us) / 1e6;
    cpu_used = measured_cpu_s(&options.measured) - cpu_before;
    pss_kb = measured_kb(&options.measured, "smaps_rollup", "Pss");
    rss_kb = measured_kb(&options.measured, "status", "VmRSS");
    printf("{\"is_up\":%s,\"connections\":%u,\"streams\":%u,\"seconds\":%.3f,\"errors\":%llu,\"broken\":%llu,",
           is_up ? "true" : "false", options.connections, options.streams, seconds, (unsigned long long)load.errors,
           (unsigned long long)load.broken);
    if (options.connections > 0)
        print_tally("", &load.calls);
    if (options.streams > 0)
        print_tally(options.connections > 0 ? "event_" : "", &load.events);
    if (options.at_once)
        print_tally("first_", &load.firsts);
    printf("\"cpu_s\":%.3f,\"pss_kb\":%ld,\"rss_kb\":%ld,\"first_error\":\"%s\"}\n", cpu_used, pss_kb, rss_kb,
           load.last_error);
    return 0;
}

static int measure_start(char **command)
{
    load.call = make_request(NULL);
    int64_t took_us = measured_start_us(command, options.port, load.call.bytes, load.call.len);

    printf("{\"start_us\":%lld}\n", (long long)took_us);
    return took_us < 0;
}

/* Index of what follows the options. */
static int parse_options(int argc, char **argv)
{
    int i;

    for (i = 2; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2) {
        if (strcmp(argv[i], "--port") == 0)
            options.port = (uint16_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--path") == 0)
            options.path = argv[i + 1];
        else if (strcmp(argv[i], "--body") == 0)
            options.body_file = argv[i + 1];
        else if (strcmp(argv[i], "--header") == 0 && options.header_count < HEADERS_MAX)
            options.headers[options.header_count++] = argv[i + 1];
        else if (strcmp(argv[i], "--connections") == 0)
            options.connections = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--stream-body") == 0)
            options.stream_body_file = argv[i + 1];
        else if (strcmp(argv[i], "--streams") == 0)
            options.streams = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--rate") == 0)
            options.rate = strtod(argv[i + 1], NULL);
        else if (strcmp(argv[i], "--seconds") == 0)
            options.seconds = strtod(argv[i + 1], NULL);
        else if (strcmp(argv[i], "--pids") == 0)
            measured_parse(&options.measured, argv[i + 1]);
        else if (strcmp(argv[i], "--tls") == 0)
            options.is_tls = strcmp(argv[i + 1], "yes") == 0;
        else if (strcmp(argv[i], "--at-once") == 0)
            options.at_once = strcmp(argv[i + 1], "yes") == 0;
        else
            break;
    }
    return i;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    int rest = parse_options(argc, argv);
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (strcmp(mode, "start") == 0 && rest + 1 < argc && strcmp(argv[rest], "--") == 0)
        return measure_start(argv + rest + 1);
    if (rest < argc || options.connections < 1 || (options.rate != 0 && (options.rate < 0.1 || options.rate > 1e6))) {
        fprintf(stderr, "bench_load: bad options; the top of bench/load.c shows them\n");
        return 2;
    }
    if (strcmp(mode, "stream") == 0) { /* its connections and its body are those of the streams */
        options.streams = options.connections;
        options.stream_body_file = options.body_file;
        options.connections = 0;
    } else if (strcmp(mode, "json") == 0) {
        options.streams = 0;
    }
    if (strcmp(mode, "json") == 0 || strcmp(mode, "stream") == 0 || strcmp(mode, "mixed") == 0)
        return run();
    if (strcmp(mode, "memory") == 0) {
        printf("{\"pss_kb\":%ld,\"rss_kb\":%ld}\n", measured_kb(&options.measured, "smaps_rollup", "Pss"),
               measured_kb(&options.measured, "status", "VmRSS"));
        return 0;
    }
    fprintf(stderr, "bench_load: unknown mode '%s', expected json, stream, mixed, start or memory\n", mode);
    return 2;
}
