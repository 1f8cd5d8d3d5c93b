/* worker.c - make, run and stop one worker. Everything after gw_worker_start() happens on the worker's thread, reached
 * from outside only by posts to its loop. */
#include "pipeline/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "models/credential.h"
#include "models/health.h"
#include "pipeline/request.h"

#define DRAIN_CHECK_MS 20

static struct gw_http_limits limits_of(const struct gw_settings *settings)
{
    int64_t workers = settings->server.workers > 0 ? settings->server.workers : 1;
    int64_t connections_max = (settings->limits.connections_max + workers - 1) / workers; /* at least one each */

    return (struct gw_http_limits){
        .header_ms = settings->limits.header_ms,
        .body_ms = settings->limits.body_ms,
        .body_total_ms = settings->limits.body_total_ms,
        .idle_ms = settings->limits.idle_ms,
        .write_stall_ms = settings->limits.write_stall_ms,
        .header_max = (size_t)settings->limits.header_max,
        .body_max = (size_t)settings->limits.body_max,
        .drain_max = (size_t)settings->limits.drain_max,
        .backlog_high = (size_t)settings->limits.backlog_high,
        .connections_max = (uint32_t)connections_max,
    };
}

static struct gw_upstream_options upstream_options_of(const struct gw_server *server,
                                                      const struct gw_settings *settings)
{
    return (struct gw_upstream_options){
        .connections_per_host = (uint32_t)settings->upstream.connections_per_host,
        .connect_ms = settings->upstream.connect_ms,
        .trusts = server->trusts,
    };
}

/* Publish this worker's gauges once a turn: the metrics page may read them from its own thread. */
static void publish(struct gw_hook *hook)
{
    struct gw_worker *worker = GW_CONTAINER_OF(hook, struct gw_worker, gauges);

    atomic_store_explicit(&worker->open_requests, gw_http_open_exchanges(worker->http), memory_order_relaxed);
    atomic_store_explicit(&worker->open_connections, gw_http_open_connections(worker->http), memory_order_relaxed);
    atomic_store_explicit(&worker->slow_streams, gw_http_full_streams(worker->http), memory_order_relaxed);
    atomic_store_explicit(&worker->open_upstream, gw_upstream_open_connections(worker->upstream), memory_order_relaxed);
}

static int64_t sleep_any(struct gw_hook *hook)
{
    (void)hook;
    return -1;
}

/* What the listener borrows from a snapshot. */
static aigw_status follow_settings(struct gw_worker *worker, const struct gw_settings *settings, struct gw_err *reterr)
{
    gw_http_set_prefix(worker->http, settings->server.path_prefix);
    return gw_http_set_trusted_proxies(worker->http, settings->server.trusted_proxies.items,
                                       settings->server.trusted_proxies.count, reterr);
}

aigw_status gw_worker_init(struct gw_worker *worker, struct gw_server *server, struct gw_snapshot *snapshot,
                           const struct gw_http_tls *tls, struct gw_err *reterr)
{
    const struct gw_settings *settings = &snapshot->settings;
    struct gw_http_limits limits = limits_of(settings);
    struct gw_upstream_options options = upstream_options_of(server, settings);
    aigw_status status;

    *worker = (struct gw_worker){ .server = server, .snapshot = gw_snapshot_ref(snapshot) };
    worker->handler = gw_request_handler(worker);
    worker->loop = gw_loop_new(reterr);
    if (!worker->loop)
        return AIGW_E_NOMEM;
    worker->upstream = gw_upstream_new(worker->loop, &options, reterr);
    if (!worker->upstream)
        return AIGW_E_NOMEM;
    if (worker == server->workers) {
        worker->health = gw_health_new(worker->loop, worker->upstream);
        if (!worker->health)
            return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory while starting a worker");
        gw_health_follow(worker->health, snapshot);
    }
    worker->auth = gw_auth_worker_new(server->auth, worker->loop);
    if (!worker->auth)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory while starting a worker");
    worker->http = gw_http_new(worker->loop, &limits, tls, &worker->handler, reterr);
    if (!worker->http)
        return AIGW_E_CONFIG;
    status = follow_settings(worker, settings, reterr);
    if (status)
        return status;
    worker->gauges = (struct gw_hook){ .prepare = sleep_any, .run = publish };
    gw_loop_add_hook(worker->loop, &worker->gauges);
    return AIGW_OK;
}

static void *worker_main(void *arg)
{
    struct gw_worker *worker = arg;

    gw_loop_run(worker->loop);
    gw_log_flush();
    return NULL;
}

aigw_status gw_worker_start(struct gw_worker *worker, struct gw_err *reterr)
{
    int error = gw_thread_start(&worker->thread, worker_main, worker);

    if (error)
        return gw_err_set(reterr, AIGW_E_NOMEM, "cannot start a worker thread: %s", strerror(error));
    worker->is_started = true;
    return AIGW_OK;
}

static void accept_connections(void *arg)
{
    struct gw_worker *worker = arg;

    if (gw_http_accept(worker->http))
        gw_log(GW_LOG_CRITICAL, "server", "a worker cannot watch its listener: out of memory; restart");
}

aigw_status gw_worker_post_accept(struct gw_worker *worker, struct gw_err *reterr)
{
    if (gw_loop_post(worker->loop, accept_connections, worker))
        return AIGW_OK;
    return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
}

void gw_worker_done(struct gw_worker *worker)
{
    if (worker->is_started) {
        gw_loop_stop(worker->loop);
        pthread_join(worker->thread, NULL);
    }
    if (worker->http)
        gw_http_free(worker->http);
    if (worker->loop)
        gw_credentials_leave(worker->loop);
    gw_health_free(worker->health);
    if (worker->upstream)
        gw_upstream_free(worker->upstream);
    if (worker->auth)
        gw_auth_worker_free(worker->auth);
    if (worker->loop)
        gw_loop_free(worker->loop);
    gw_snapshot_unref(worker->snapshot);
}

/* ---- from the main thread ---- */

struct gw_worker_post {
    struct gw_worker *worker;
    struct gw_snapshot *snapshot;
    struct gw_view *auth;
    struct gw_http_tls tls; /* ours; without a certificate: none */
    enum gw_drain drain;
    int64_t drain_ms;
    bool must_forget_upstream;
    void (*on_taken)(void *user);
    void *user;
};

static struct gw_worker_post *new_post(struct gw_worker *worker)
{
    struct gw_worker_post *post = calloc(1, sizeof *post);

    if (post)
        post->worker = worker;
    return post;
}

void gw_worker_unprepare(struct gw_worker_post *post)
{
    if (!post)
        return;
    gw_snapshot_unref(post->snapshot);
    gw_view_unref(post->auth);
    free((char *)(uintptr_t)post->tls.cert_pem);
    if (post->tls.key_pem)
        explicit_bzero((char *)(uintptr_t)post->tls.key_pem, strlen(post->tls.key_pem));
    free((char *)(uintptr_t)post->tls.key_pem);
    free((char *)(uintptr_t)post->tls.client_ca_pem);
    free((char *)(uintptr_t)post->tls.priorities);
    free(post);
}

static void send_post(struct gw_worker_post *post, void (*fn)(void *))
{
    if (gw_loop_post(post->worker->loop, fn, post))
        return;
    gw_log(GW_LOG_ERROR, "server", "out of memory: a worker was not told of a change; reload again");
    if (post->on_taken)
        post->on_taken(post->user);
    gw_worker_unprepare(post);
}

/* On the worker's thread. The settings were tried before (check.c), so what fails here is out of memory. */
static void take_change(void *arg)
{
    struct gw_worker_post *post = arg;
    struct gw_worker *worker = post->worker;
    struct gw_snapshot *old = worker->snapshot;
    struct gw_err err = { "" };

    if (post->snapshot) {
        const struct gw_settings *settings = &post->snapshot->settings;
        struct gw_http_limits limits = limits_of(settings);
        struct gw_upstream_options options = upstream_options_of(worker->server, settings);

        worker->snapshot = post->snapshot;
        post->snapshot = old;
        if (follow_settings(worker, settings, &err))
            gw_log(GW_LOG_ERROR, "config", "%s", err.text);
        gw_http_set_limits(worker->http, &limits);
        gw_upstream_set_options(worker->upstream, &options);
        if (worker->health)
            gw_health_follow(worker->health, worker->snapshot);
    }
    if (post->auth)
        gw_auth_worker_switch(worker->auth, post->auth);
    if (post->tls.cert_pem && gw_http_set_tls(worker->http, &post->tls, &err))
        gw_log(GW_LOG_ERROR, "tls", "the new certificate is not used, the old one stays: %s", err.text);
    if (post->must_forget_upstream)
        gw_upstream_forget_connections(worker->upstream);
    if (post->on_taken)
        post->on_taken(post->user);
    gw_worker_unprepare(post);
}

static bool copy_text(const char **ret_copy, const char *text)
{
    *ret_copy = text ? strdup(text) : NULL;
    return *ret_copy || !text;
}

struct gw_worker_post *gw_worker_prepare(struct gw_worker *worker, const struct gw_worker_change *change)
{
    struct gw_worker_post *post = new_post(worker);

    if (!post)
        return NULL;
    post->snapshot = change->snapshot ? gw_snapshot_ref(change->snapshot) : NULL;
    post->must_forget_upstream = change->must_forget_upstream;
    post->on_taken = change->on_taken;
    post->user = change->user;
    if (!change->tls ||
        (copy_text(&post->tls.cert_pem, change->tls->cert_pem) && copy_text(&post->tls.key_pem, change->tls->key_pem) &&
         copy_text(&post->tls.client_ca_pem, change->tls->client_ca_pem) &&
         copy_text(&post->tls.priorities, change->tls->priorities)))
        return post;
    gw_worker_unprepare(post);
    return NULL;
}

void gw_worker_post(struct gw_worker_post *post, struct gw_view *auth)
{
    post->auth = auth ? gw_view_ref(auth) : NULL;
    send_post(post, take_change);
}

static void start_leaving(void *arg)
{
    struct gw_worker_post *post = arg;

    gw_http_leave(post->worker->http);
    gw_worker_unprepare(post);
}

void gw_worker_post_leave(struct gw_worker *worker)
{
    struct gw_worker_post *post = new_post(worker);

    if (post) /* without: clients stay until the drain */
        send_post(post, start_leaving);
}

static void check_drained(struct gw_timer *timer)
{
    struct gw_worker *worker = GW_CONTAINER_OF(timer, struct gw_worker, drain_timer);
    uint32_t left = gw_http_open_exchanges(worker->http);

    if (!gw_http_is_drained(worker->http) && gw_loop_now_ms(worker->loop) < worker->drain_deadline_ms) {
        gw_timer_set(worker->loop, timer, DRAIN_CHECK_MS);
        return;
    }
    if (left)
        gw_log(GW_LOG_WARNING, "server", "%u requests were still running after server.drain_ms and are cut", left);
    gw_loop_stop(worker->loop);
}

static void start_drain(void *arg)
{
    struct gw_worker_post *post = arg;
    struct gw_worker *worker = post->worker;

    if (!worker->is_draining) {
        worker->is_draining = true;
        gw_http_drain(worker->http, post->drain);
        worker->drain_deadline_ms = gw_loop_now_ms(worker->loop) + post->drain_ms;
        worker->drain_timer.on_due = check_drained;
        gw_timer_set(worker->loop, &worker->drain_timer, 0);
    }
    gw_worker_unprepare(post);
}

void gw_worker_post_drain(struct gw_worker *worker, enum gw_drain how, int64_t drain_ms)
{
    struct gw_worker_post *post = new_post(worker);

    if (!post) { /* end at once rather than never */
        gw_loop_stop(worker->loop);
        return;
    }
    post->drain = how;
    post->drain_ms = drain_ms;
    send_post(post, start_drain);
}
