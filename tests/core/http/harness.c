/* harness.c - see harness.h: the server and its scripted pipeline; the client is harness_client.c. */
#include "harness.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/listener.h"

#define WAIT_MS 20000

/* Times that no test reaches, however busy the machine is. */
const struct gw_http_limits default_limits = {
    .header_ms = 60000,
    .body_ms = 60000,
    .idle_ms = 60000,
    .write_stall_ms = 60000,
    .header_max = 32768,
    .body_max = 1 << 20,
    .drain_max = 256 << 10,
    .backlog_high = 64 << 10,
    .connections_max = 100,
};

struct server {
    pthread_t thread;
    struct gw_loop *loop;
    struct gw_http *http;
    uint16_t port;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct counters counters; /* under lock */
    struct gw_exchange *last; /* the server's thread only */
};

struct job {
    struct gw_timer timer;
    struct gw_exchange *ex;
    struct server *server;
    size_t sent;
    int ticks;
    int gones;
};

#define COUNT(server, change) \
    do { \
        pthread_mutex_lock(&(server)->lock); \
        change; \
        pthread_cond_broadcast(&(server)->changed); \
        pthread_mutex_unlock(&(server)->lock); \
    } while (0)

/* ---- calls into the server, and callbacks out of it ------------------------------------------------------------ */

/* No callback may come from inside one of these. */
static _Thread_local int inside;

static bool reply(struct gw_exchange *ex, int status, const char *type, aigw_str body,
                  const struct gw_http_header *headers, size_t count)
{
    inside++;
    bool is_taken = gw_http_reply(ex, status, type, body, headers, count);
    inside--;
    return is_taken;
}

static bool stream_begin(struct gw_exchange *ex)
{
    inside++;
    bool is_begun = gw_http_stream_begin(ex, 200, "text/event-stream", NULL, 0);
    inside--;
    return is_begun;
}

static int stream_write(struct gw_exchange *ex, aigw_str bytes)
{
    inside++;
    int rc = gw_http_stream_write(ex, bytes);
    inside--;
    return rc;
}

static void stream_end(struct gw_exchange *ex)
{
    inside++;
    gw_http_stream_end(ex);
    inside--;
}

static void abort_answer(struct gw_exchange *ex)
{
    inside++;
    gw_http_abort(ex);
    inside--;
}

static void head_done(struct gw_exchange *ex, int decision)
{
    inside++;
    gw_http_head_done(ex, decision);
    inside--;
}

/* ---- the scripted pipeline ------------------------------------------------------------------------------------ */

static void echo(struct gw_exchange *ex)
{
    reply(ex, 200, "text/plain", ex->body, NULL, 0);
}

/** In bursts that are collected, and that are not. */
static int small_burst(struct job *job, const char *bytes, size_t *ret_len)
{
    size_t len = (size_t)(1 + job->ticks++ % 6) * 4096;
    int rc = GW_WRITE_OK;

    if (len > FLOOD_TOTAL - job->sent)
        len = FLOOD_TOTAL - job->sent;
    *ret_len = len;
    for (size_t at = 0; at < len; at += 4096)
        rc = stream_write(job->ex, (aigw_str){ bytes, 4096 });
    ck_assert(rc == gw_http_stream_state(job->ex));
    return rc;
}

static void flood(struct job *job)
{
    bool is_small = gw_str_is(job->ex->path, "/smallflood");
    static char bytes[FLOOD_CHUNK];
    size_t burst = 0;

    memset(bytes, 'f', sizeof bytes);
    while (job->sent < FLOOD_TOTAL) {
        size_t len = sizeof bytes;
        int rc = is_small ? small_burst(job, bytes, &len) : stream_write(job->ex, (aigw_str){ bytes, sizeof bytes });
        if (rc == GW_WRITE_GONE)
            return;
        job->sent += len;
        burst += len;
        if (rc == GW_WRITE_FULL) {
            COUNT(job->server, if (job->server->counters.fulls++ == 0) job->server->counters.first_burst = burst);
            return;
        }
    }
    stream_end(job->ex);
}

static void pieces(struct job *job)
{
    struct gw_exchange *ex = job->ex;
    char text[8];

    snprintf(text, sizeof text, "%d", job->ticks++);
    stream_write(ex, AIGW_STR("tick "));
    stream_write(ex, gw_str(text));
    stream_write(ex, AIGW_STR("\n"));
    if (gw_str_is(ex->path, "/cutpiece"))
        abort_answer(ex);
    else if (job->ticks == 5)
        stream_end(ex);
    else
        gw_timer_set(job->server->loop, &job->timer, 2);
}

static void on_tick(struct gw_timer *self)
{
    struct job *job = GW_CONTAINER_OF(self, struct job, timer);
    struct gw_exchange *ex = job->ex;
    char text[32];

    if (gw_str_is(ex->path, "/ticks") && job->ticks < 5) {
        snprintf(text, sizeof text, "tick %d\n", job->ticks++);
        if (stream_write(ex, gw_str(text)) != GW_WRITE_GONE)
            gw_timer_set(job->server->loop, self, 2);
    } else if (gw_str_is(ex->path, "/ticks")) {
        stream_end(ex);
    } else if (gw_str_is(ex->path, "/pieces") || gw_str_is(ex->path, "/cutpiece")) {
        pieces(job);
    } else if (gw_str_is(ex->path, "/later")) {
        echo(ex);
    } else if (gw_str_is(ex->path, "/wait")) {
        head_done(ex, GW_HEAD_READ);
    } else if (gw_str_is(ex->path, "/waitno")) {
        reply(ex, 401, "application/json", AIGW_STR("{\"no\":1}"), NULL, 0);
        head_done(ex, GW_HEAD_ANSWERED);
    }
}

static int on_head(void *user, struct gw_exchange *ex)
{
    struct server *server = user;
    struct job *job = calloc(1, sizeof *job);

    ck_assert_int_eq(inside, 0);
    ck_assert_ptr_nonnull(job);
    job->ex = ex;
    job->server = server;
    job->timer.on_due = on_tick;
    ex->pipeline = job;
    server->last = ex;
    COUNT(server, server->counters.heads++);
    if (gw_str_is(ex->path, "/small"))
        ex->body_max = 10;
    if (gw_str_is(ex->path, "/early")) {
        struct gw_http_header header = { AIGW_STR("x-early"), AIGW_STR("yes") };
        reply(ex, 401, "application/json", AIGW_STR("{\"error\":\"no\"}"), &header, 1);
        return GW_HEAD_ANSWERED;
    }
    if (gw_str_has_prefix(ex->path, AIGW_STR("/wait"))) {
        gw_timer_set(server->loop, &job->timer, 2);
        return GW_HEAD_WAIT;
    }
    return GW_HEAD_READ;
}

static void start_stream(struct job *job)
{
    struct gw_exchange *ex = job->ex;

    if (!stream_begin(ex))
        return;
    if (gw_str_is(ex->path, "/stream")) {
        stream_write(ex, AIGW_STR("one "));
        stream_write(ex, AIGW_STR(""));
        stream_write(ex, AIGW_STR("two "));
        stream_write(ex, AIGW_STR("three"));
        stream_end(ex);
    } else if (gw_str_is(ex->path, "/ticks") || gw_str_is(ex->path, "/pieces") || gw_str_is(ex->path, "/cutpiece")) {
        gw_timer_set(job->server->loop, &job->timer, 2);
    } else if (gw_str_is(ex->path, "/flood") || gw_str_is(ex->path, "/smallflood")) {
        flood(job);
    } else {
        stream_write(ex, AIGW_STR("first\n"));
        if (gw_str_is(ex->path, "/abort"))
            abort_answer(ex);
    }
}

static void info(struct gw_exchange *ex)
{
    char text[1024];

    int len = snprintf(text, sizeof text, "%.*s %.*s %.*s %s %d", AIGW_STR_ARG(ex->method), AIGW_STR_ARG(ex->path),
                       AIGW_STR_ARG(ex->query), ex->client_ip, ex->is_tls);
    reply(ex, 200, "text/plain", (aigw_str){ text, (size_t)len }, NULL, 0);
}

static void on_body(void *user, struct gw_exchange *ex)
{
    struct server *server = user;
    struct job *job = ex->pipeline;

    ck_assert_int_eq(inside, 0);
    COUNT(server, server->counters.bodies++);
    if (gw_str_is(ex->path, "/later")) {
        gw_timer_set(server->loop, &job->timer, 2);
    } else if (gw_str_is(ex->path, "/big")) {
        char *bytes = malloc(BIG_TOTAL);
        ck_assert_ptr_nonnull(bytes);
        memset(bytes, 'b', BIG_TOTAL);
        reply(ex, 200, "text/plain", (aigw_str){ bytes, BIG_TOTAL }, NULL, 0);
        free(bytes);
    } else if (gw_str_is(ex->path, "/info")) {
        info(ex);
    } else if (gw_str_is(ex->path, "/stream") || gw_str_is(ex->path, "/ticks") || gw_str_is(ex->path, "/hold") ||
               gw_str_is(ex->path, "/abort") || gw_str_is(ex->path, "/flood") || gw_str_is(ex->path, "/pieces") ||
               gw_str_is(ex->path, "/cutpiece") || gw_str_is(ex->path, "/smallflood")) {
        start_stream(job);
    } else if (!gw_str_is(ex->path, "/silent")) {
        echo(ex);
    }
}

static void on_gone(void *user, struct gw_exchange *ex)
{
    struct server *server = user;
    struct job *job = ex->pipeline;

    ck_assert_int_eq(inside, 0);
    gw_timer_clear(server->loop, &job->timer);
    ck_assert_int_eq(job->gones++, 0);
    COUNT(server, server->counters.gones++; server->counters.last_gone_us = now_us());
}

static void on_drain(void *user, struct gw_exchange *ex)
{
    struct server *server = user;

    ck_assert_int_eq(inside, 0);
    COUNT(server, server->counters.drains++);
    flood(ex->pipeline);
}

static void on_done(void *user, struct gw_exchange *ex)
{
    struct server *server = user;
    struct job *job = ex->pipeline;

    ck_assert_int_eq(inside, 0);
    gw_timer_clear(server->loop, &job->timer);
    free(job);
    ex->pipeline = NULL;
    COUNT(server, server->counters.dones++; server->counters.last_status = ex->status;
          server->counters.last_abort = ex->did_abort; server->counters.last_bytes_out = ex->bytes_out);
}

/* ---- the server ----------------------------------------------------------------------------------------------- */

static void *server_main(void *arg)
{
    struct server *server = arg;

    gw_loop_run(server->loop);
    return NULL;
}

struct server *server_start(const struct gw_http_limits *limits, const struct gw_http_tls *tls)
{
    static const struct gw_listener_options options = { .backlog = 4096, .is_prompt = true };
    struct server *server = calloc(1, sizeof *server);
    struct gw_err err = { .text = "" };
    int listener;

    ck_assert_ptr_nonnull(server);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    struct gw_http_handler handler = { .user = server,
                                       .on_head = on_head,
                                       .on_body = on_body,
                                       .on_gone = on_gone,
                                       .on_drain = on_drain,
                                       .on_done = on_done };
    server->loop = gw_loop_new(&err);
    ck_assert_msg(server->loop != NULL, "%s", err.text);
    server->http = gw_http_new(server->loop, limits ? limits : &default_limits, tls, &handler, &err);
    ck_assert_msg(server->http != NULL, "%s", err.text);
    listener = gw_listener_open("127.0.0.1", 0, &options, &err);
    ck_assert_msg(listener >= 0, "%s", err.text);
    server->port = gw_listener_port(listener);
    ck_assert_int_eq(gw_http_add_listener(server->http, listener, 0, &err), AIGW_OK);
    ck_assert_int_eq(gw_http_accept(server->http), AIGW_OK);
    close(listener);
    ck_assert_int_eq(pthread_create(&server->thread, NULL, server_main, server), 0);
    return server;
}

void server_stop(struct server *server)
{
    gw_loop_stop(server->loop);
    pthread_join(server->thread, NULL);
    gw_http_free(server->http);
    ck_assert_int_eq(server->counters.heads, server->counters.dones); /* every exchange ended, once */
    gw_loop_free(server->loop);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->changed);
    free(server);
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

struct call {
    struct server *server;
    void (*fn)(struct gw_http *http, void *arg);
    void *arg;
    bool is_done; /* under the server's lock */
};

struct gw_exchange *server_last(struct server *server)
{
    return server->last;
}

int server_write(struct gw_exchange *ex, aigw_str bytes)
{
    return stream_write(ex, bytes);
}

static void run_call(void *arg)
{
    struct call *call = arg;

    call->fn(call->server->http, call->arg);
    COUNT(call->server, call->is_done = true);
}

void server_call(struct server *server, void (*fn)(struct gw_http *http, void *arg), void *arg)
{
    struct call call = { server, fn, arg, false };

    ck_assert(gw_loop_post(server->loop, run_call, &call));
    pthread_mutex_lock(&server->lock);
    while (!call.is_done)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

struct counters server_counters(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    struct counters counters = server->counters;
    pthread_mutex_unlock(&server->lock);
    return counters;
}

bool server_wait(struct server *server, size_t field, int value)
{
    struct timespec until;
    int rc = 0;
    int found;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&server->lock);
    for (;;) {
        memcpy(&found, (const char *)&server->counters + field, sizeof found);
        if (found >= value || rc == ETIMEDOUT)
            break;
        rc = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    }
    pthread_mutex_unlock(&server->lock);
    return found >= value;
}

static void get_connections(struct gw_http *http, void *arg)
{
    *(uint32_t *)arg = gw_http_open_connections(http);
}

uint32_t server_connections(struct server *server)
{
    uint32_t count = 0;

    server_call(server, get_connections, &count);
    return count;
}

bool server_wait_connections(struct server *server, uint32_t count)
{
    int64_t until_us = now_us() + WAIT_MS * 1000;

    while (server_connections(server) != count) { /* each look is one turn of the server's loop */
        if (now_us() > until_us)
            return false;
        client_idle(1); /* it may take a second */
    }
    return true;
}
