/* serve.c - start, signals, reload, certificate changes, drain. Runs on the main thread; workers never wait for it. */
#include "pipeline/serve.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "health/metrics_server.h"
#include "models/credential.h"
#include "pipeline/offload.h"
#include "pipeline/pem.h"
#include "pipeline/request.h"

#define PROBLEMS_MEMORY_MAX (16u << 20)
#define WATCH_S             2 /* how often certificate files are looked at */

struct serving {
    const struct gw_snapshot_options *options;
    struct gw_server server;
    struct gw_snapshot *snapshot;
    struct gw_metrics_server *metrics;
    struct gw_pem pem; /* serving certificate as last read */
};

/* ---- configuration ---- */

static int level_of(const char *name)
{
    static const char *const names[] = { "debug", "info", "warning", "error", "critical" };

    for (int i = 0; name && i < (int)GW_ARRAY_LEN(names); i++)
        if (gw_str_eq_ci(gw_str(name), gw_str(names[i])))
            return i;
    return GW_LOG_INFO;
}

static struct gw_log_options log_options(const struct gw_settings *settings)
{
    return (struct gw_log_options){ .level = level_of(settings->log.level),
                                    .json = settings->log.json != 0,
                                    .file = settings->log.file };
}

/* Errors go to standard error while there is no log yet, warnings to the log in any case. */
static void report(const struct gw_problems *problems, bool has_log)
{
    for (const struct gw_problem *p = problems->first; p; p = p->next) {
        if (p->is_warning || has_log)
            gw_log(p->is_warning ? GW_LOG_WARNING : GW_LOG_ERROR, "config", "%s", p->text);
        else
            fprintf(stderr, "%s\n", p->text);
    }
}

static struct gw_snapshot *load(const struct gw_snapshot_options *options, bool is_reload)
{
    struct gw_arena arena;
    struct gw_problems problems;
    struct gw_err err = { "" };

    gw_arena_init(&arena, PROBLEMS_MEMORY_MAX);
    gw_problems_init(&problems, &arena);
    struct gw_snapshot *snapshot = gw_snapshot_build(options, &problems);
    if (snapshot && !is_reload) {
        struct gw_log_options log = log_options(&snapshot->settings);
        if (gw_log_start(&log, &err)) {
            fprintf(stderr, "aigw: %s\n", err.text);
            gw_snapshot_unref(snapshot);
            snapshot = NULL;
            goto out;
        }
    }
    report(&problems, snapshot || is_reload);
    if (!snapshot && !is_reload)
        fprintf(stderr, "aigw: %zu problem%s in the configuration; nothing was started\n", problems.error_count,
                problems.error_count == 1 ? "" : "s");
out:
    gw_arena_done(&arena);
    return snapshot;
}

/* ---- start ---- */

static void harden_process(void)
{
    struct rlimit limit;

    prctl(PR_SET_DUMPABLE, 0); /* keys and prompts must not end up in a core file (T4) */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max; /* two descriptors a stream */
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static uint32_t count_workers(const struct gw_settings *settings)
{
    cpu_set_t set;

    if (settings->server.workers > 0)
        return (uint32_t)settings->server.workers;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (uint32_t)CPU_COUNT(&set);
    return 1;
}

static aigw_status start_workers(struct serving *serving, struct gw_err *reterr)
{
    struct gw_server *server = &serving->server;
    struct gw_settings *settings = &serving->snapshot->settings;
    uint32_t count = count_workers(settings);
    bool use_tls = settings->tls.enabled != 0;
    struct gw_http_tls tls = gw_pem_tls(&serving->pem, settings);
    aigw_status status = AIGW_OK;

    server->workers = calloc(count, sizeof *server->workers);
    if (!server->workers)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    settings->server.workers = count; /* before anyone else reads it */
    server->port = (uint16_t)settings->server.port;
    for (uint32_t i = 0; i < count && !status; i++) {
        status =
            gw_worker_init(&server->workers[i], server, serving->snapshot, server->port, use_tls ? &tls : NULL, reterr);
        server->worker_count = i + 1;
        if (!status)
            server->port = gw_http_port(server->workers[i].http); /* port 0: all take the first one's */
    }
    for (uint32_t i = 0; i < count && !status; i++)
        status = gw_worker_start(&server->workers[i], reterr);
    return status;
}

static void announce(const struct serving *serving)
{
    const struct gw_settings *settings = &serving->snapshot->settings;
    const char *bypass = gw_auth_bypass_text(settings);
    struct gw_line line;

    if (settings->tls.enabled)
        gw_log(GW_LOG_INFO, "run_app", "Starting the server with TLS encryption.");
    if (serving->metrics)
        gw_log(GW_LOG_INFO, "main", "Metrics HTTP server running on http://%s:%u", settings->server.metrics_host,
               (unsigned)serving->server.metrics_port);
    if (bypass[0])
        gw_log(GW_LOG_WARNING, "authentication",
               "AUTHENTICATION IS BYPASSED (%s): anyone who reaches this port is served. Try: curl -s "
               "%s://127.0.0.1:%u/v2/code/completions -H 'Content-Type: application/json' -d "
               "'{\"prompt_version\":1,\"current_file\":{\"file_name\":\"hello.py\",\"content_above_cursor\":\"def "
               "hello(\",\"content_below_cursor\":\"\"}}'",
               bypass, settings->tls.enabled ? "https" : "http", (unsigned)serving->server.port);
    gw_line_begin(&line, GW_LOG_INFO, "main", "listening");
    gw_line_cstr(&line, "host", settings->server.host);
    gw_line_int(&line, "port", serving->server.port);
    gw_line_int(&line, "metrics_port", serving->server.metrics_port);
    gw_line_int(&line, "workers", serving->server.worker_count);
    gw_line_cstr(&line, "environment", settings->server.environment);
    gw_line_cstr(&line, "serves_gitlab", "17.6 to 18.x");
    gw_line_end(&line);
    gw_log_flush();
}

static aigw_status start_metrics(struct serving *serving, struct gw_err *reterr)
{
    const struct gw_settings *settings = &serving->snapshot->settings;

    if (!settings->server.metrics_host || !settings->server.metrics_host[0])
        return AIGW_OK;
    serving->metrics = gw_metrics_server_start(settings->server.metrics_host, (uint16_t)settings->server.metrics_port,
                                               &serving->server.metrics_port, reterr);
    return serving->metrics ? AIGW_OK : AIGW_E_CONFIG;
}

static aigw_status start(struct serving *serving, struct gw_err *reterr)
{
    const struct gw_settings *settings = &serving->snapshot->settings;
    aigw_status status;

    serving->server.started_us = gw_mono_us();
    if (settings->auth.refuse_bypass && gw_auth_bypass_text(settings)[0])
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "authentication is bypassed (%s) but auth.refuse_bypass is set; unset one of the two",
                          gw_auth_bypass_text(settings));
    if (settings->tls.enabled) {
        status = gw_pem_read(&serving->pem, settings, reterr);
        if (status)
            return status;
        atomic_store(&serving->server.cert_expires_s, serving->pem.expires_s);
    }
    gw_limits_show(&serving->server, settings->metrics.model_limits);
    gw_access_register(&serving->server);
    serving->server.auth = gw_auth_new(settings, reterr);
    if (!serving->server.auth)
        return AIGW_E_CONFIG;
    serving->server.offload = gw_offload_new(reterr);
    if (!serving->server.offload)
        return AIGW_E_NOMEM;
    status = start_workers(serving, reterr);
    if (status)
        return status;
    status = start_metrics(serving, reterr); /* after the workers: the page reads their gauges */
    if (status)
        return status;
    atomic_store(&serving->server.state, GW_SERVING);
    announce(serving);
    return AIGW_OK;
}

/* ---- while serving ---- */

/* What a running process cannot change; said rather than silently ignored. */
static void warn_about_fixed(const struct gw_settings *was, const struct gw_settings *is)
{
    if (was->server.port != is->server.port || strcmp(was->server.host, is->server.host) != 0 ||
        was->tls.enabled != is->tls.enabled || was->server.metrics_port != is->server.metrics_port)
        gw_log(GW_LOG_WARNING, "config",
               "server.host, server.port, server.metrics_port and tls.enabled take effect "
               "only at the next start");
}

static void reload(struct serving *serving)
{
    struct gw_snapshot *snapshot = load(serving->options, true);
    struct gw_err err = { "" };

    gw_log_reopen();
    if (!snapshot) {
        gw_log(GW_LOG_ERROR, "config", "reload refused, the running configuration stays");
        return;
    }
    struct gw_log_options options = log_options(&snapshot->settings);
    if (gw_log_reconfigure(&options, &err))
        gw_log(GW_LOG_ERROR, "config", "%s", err.text);
    warn_about_fixed(&serving->snapshot->settings, &snapshot->settings);
    snapshot->settings.server.workers = serving->server.worker_count;
    gw_auth_reconfigure(serving->server.auth, &snapshot->settings);
    gw_limits_show(&serving->server, snapshot->settings.metrics.model_limits);
    for (uint32_t i = 0; i < serving->server.worker_count; i++)
        gw_worker_post_snapshot(&serving->server.workers[i], snapshot);
    gw_snapshot_unref(serving->snapshot);
    serving->snapshot = snapshot;
    gw_log(GW_LOG_INFO, "config", "configuration reloaded");
}

static void watch_certificate(struct serving *serving)
{
    const struct gw_settings *settings = &serving->snapshot->settings;
    struct gw_err err = { "" };
    struct gw_pem fresh = { 0 };

    if (!settings->tls.enabled || !gw_pem_changed(&serving->pem, settings))
        return;
    if (gw_pem_read(&fresh, settings, &err)) {
        gw_log(GW_LOG_ERROR, "tls", "certificate files changed, but cannot be used yet, the old one stays: %s",
               err.text);
        gw_pem_remember(&serving->pem, settings);
        return;
    }
    gw_pem_done(&serving->pem);
    serving->pem = fresh;
    struct gw_http_tls tls = gw_pem_tls(&serving->pem, settings);
    for (uint32_t i = 0; i < serving->server.worker_count; i++)
        gw_worker_post_tls(&serving->server.workers[i], &tls);
    atomic_store(&serving->server.cert_expires_s, serving->pem.expires_s);
    gw_log(GW_LOG_INFO, "tls", "certificate reloaded for new connections");
}

static void serve(struct serving *serving, const sigset_t *signals)
{
    struct timespec watch = { .tv_sec = WATCH_S };

    for (;;) {
        int signal_number = sigtimedwait(signals, NULL, &watch);
        if (signal_number == SIGTERM || signal_number == SIGINT)
            return;
        if (signal_number == SIGHUP)
            reload(serving);
        watch_certificate(serving);
        gw_log_flush();
    }
}

static void drain(struct serving *serving)
{
    struct gw_server *server = &serving->server;
    int64_t drain_ms = serving->snapshot->settings.server.drain_ms;

    atomic_store(&server->state, GW_DRAINING);
    gw_log(GW_LOG_INFO, "main", "stopping: no new connections, running requests have %lld ms to finish",
           (long long)drain_ms);
    gw_log_flush();
    for (uint32_t i = 0; i < server->worker_count; i++)
        gw_worker_post_drain(&server->workers[i], drain_ms);
    for (uint32_t i = 0; i < server->worker_count; i++) {
        pthread_join(server->workers[i].thread, NULL);
        server->workers[i].is_started = false;
    }
}

static void stop(struct serving *serving)
{
    struct gw_server *server = &serving->server;

    gw_metrics_server_stop(serving->metrics);
    gw_offload_stop(server->offload);
    for (uint32_t i = 0; i < server->worker_count; i++)
        gw_worker_done(&server->workers[i]);
    gw_offload_free(server->offload);
    gw_credentials_free();
    if (server->auth)
        gw_auth_free(server->auth);
    free(server->workers);
    gw_buf_done(&server->limits_page);
    gw_pem_done(&serving->pem);
    gw_snapshot_unref(serving->snapshot);
}

int gw_serve(const struct gw_snapshot_options *options)
{
    struct serving serving = { .options = options, .server = { .limits_lock = PTHREAD_MUTEX_INITIALIZER } };
    struct gw_err err = { "" };
    sigset_t signals;
    int exit_status = 0;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    harden_process();
    serving.snapshot = load(options, false);
    if (!serving.snapshot)
        return 1;
    if (start(&serving, &err)) {
        gw_log_flush();
        fprintf(stderr, "aigw: %s\n", err.text);
        exit_status = 1;
    } else {
        serve(&serving, &signals);
        drain(&serving);
        gw_log(GW_LOG_INFO, "main", "stopped");
    }
    stop(&serving);
    gw_log_stop();
    return exit_status;
}
