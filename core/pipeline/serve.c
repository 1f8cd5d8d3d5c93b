/* serve.c - start, signals, drain. Runs on the main thread; workers never wait for it. */
#include "pipeline/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/listener.h"
#include "health/metrics_server.h"
#include "limits/shared.h"
#include "models/credential.h"
#include "pipeline/notify.h"
#include "pipeline/offload.h"
#include "pipeline/request.h"
#include "pipeline/serving.h"
#include "pipeline/switch.h"
#include "plugin/watchdog.h"

#define WATCH_MS        2000 /* how often certificate files, and those of the configuration, are looked at */
#define KEYS_LOOK_MS    20
#define KEYS_TOLD_MS    2000
#define LIMIT_SLOTS     65536 /* callers that quotas tell apart at one time; untouched memory costs nothing */
#define STOPPING_S      5     /* beyond server.drain_ms, until a worker that does not end is given up */
#define DESCRIPTORS_MAX 65536 /* of them room is made for at the start */

/* ---- start ---- */

/** The kernel doubles a process's table of descriptors as it fills, and with threads running every doubling waits for
 *  all processors to pass by: a first burst of streams lost 20 ms to it. Alone it is free, so one high number is used
 *  once before there are threads. */
static void make_room_for_descriptors(void)
{
    struct rlimit limit;
    int highest = DESCRIPTORS_MAX - 1, fd;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_MAX)
        highest = (int)limit.rlim_cur - 1;
    fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, highest);
    if (fd >= 0)
        close(fd);
}

static void harden_process(void)
{
    struct rlimit limit;

    prctl(PR_SET_DUMPABLE, 0); /* keys and prompts must not end up in a core file (T4) */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max; /* two descriptors a stream */
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    make_room_for_descriptors();
}

static uint32_t count_workers(const struct gw_settings *settings)
{
    struct gw_cgroup cgroup;

    if (settings->server.workers > 0)
        return (uint32_t)settings->server.workers;
    gw_cgroup_here(&cgroup);
    return gw_cgroup_workers(&cgroup);
}

/** Made, not started yet. */
static aigw_status make_workers(struct gw_serving *serving, struct gw_err *reterr)
{
    struct gw_server *server = &serving->server;
    struct gw_settings *settings = &serving->snapshot->settings;
    uint32_t count = count_workers(settings);
    bool use_tls = settings->tls.enabled != 0;
    struct gw_http_tls tls = gw_pem_tls(&serving->pem, settings);
    aigw_status status;

    server->workers = calloc(count, sizeof *server->workers);
    if (!server->workers)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    settings->server.workers = count; /* before anyone else reads it */
    status = gw_listeners_open(&serving->listeners, &serving->heritage, settings, count, reterr);
    for (uint32_t i = 0; i < count && !status; i++) {
        struct gw_worker *worker = &server->workers[i];

        status = gw_worker_init(worker, server, serving->snapshot, use_tls ? &tls : NULL, reterr);
        server->worker_count = i + 1;
        if (!status)
            status = gw_listeners_give(&serving->listeners, worker->http, i, count, reterr);
    }
    server->port = gw_listeners_port(&serving->listeners);
    return status;
}

static void announce(const struct gw_serving *serving)
{
    const struct gw_settings *settings = &serving->snapshot->settings;
    const char *bypass = gw_auth_bypass_text(settings);
    const char *metrics = gw_metrics_host(settings->server.metrics_host, (uint16_t)settings->server.metrics_port);
    bool is_v6 = metrics && strchr(metrics, ':');
    struct gw_line line;

    if (settings->tls.enabled)
        gw_log(GW_LOG_INFO, "run_app", "Starting the server with TLS encryption.");
    if (serving->metrics)
        gw_log(GW_LOG_INFO, "main", "Metrics HTTP server running on http://%s%s%s:%u", is_v6 ? "[" : "", metrics,
               is_v6 ? "]" : "", (unsigned)serving->server.metrics_port);
    if (bypass[0])
        gw_log(GW_LOG_WARNING, "authentication",
               "AUTHENTICATION IS BYPASSED (%s): anyone who reaches this port is served. Try: curl -s "
               "%s://127.0.0.1:%u/v2/code/completions -H 'Content-Type: application/json' -d "
               "'{\"prompt_version\":1,\"current_file\":{\"file_name\":\"hello.py\",\"content_above_cursor\":\"def "
               "hello(\",\"content_below_cursor\":\"\"}}'",
               bypass, settings->tls.enabled ? "https" : "http", (unsigned)serving->server.port);
    if (serving->heritage.before)
        gw_log(GW_LOG_INFO, "upgrade", "this process takes over from process %d, with %zu of its listeners",
               (int)serving->heritage.before, serving->listeners.inherited);
    else if (serving->listeners.inherited)
        gw_log(GW_LOG_INFO, "main",
               "%zu listening socket%s came with the process: server.host and server.port are not used",
               serving->listeners.inherited, serving->listeners.inherited == 1 ? "" : "s");
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

/** The socket of the metrics listener: the one that came with the process, if it fits. */
static aigw_status open_metrics(struct gw_serving *serving, struct gw_err *reterr)
{
    const struct gw_settings *settings = &serving->snapshot->settings;
    const char *host = settings->server.metrics_host;
    uint16_t port = (uint16_t)settings->server.metrics_port;
    struct gw_heir *heir = &serving->heritage.metrics;

    if (heir->fd >= 0 && (heir->is_given || (host && *host && gw_metrics_listens_at(heir->fd, host, port)))) {
        serving->metrics_fd = heir->fd;
        serving->is_metrics_given = heir->is_given;
        heir->fd = -1;
    } else if (host && *host) {
        serving->metrics_fd = gw_metrics_listen(host, port, reterr);
        if (serving->metrics_fd < 0)
            return AIGW_E_CONFIG;
    }
    if (serving->metrics_fd >= 0)
        serving->server.metrics_port = gw_listener_port(serving->metrics_fd);
    return AIGW_OK;
}

static aigw_status start_metrics(struct gw_serving *serving, struct gw_err *reterr)
{
    if (serving->metrics_fd < 0)
        return AIGW_OK;
    serving->metrics = gw_metrics_server_start(serving->metrics_fd, reterr);
    return serving->metrics ? AIGW_OK : AIGW_E_STATE;
}

/** One that cannot be had is no reason not to serve. */
static void open_control(struct gw_serving *serving)
{
    const struct gw_settings *settings = &serving->snapshot->settings;
    const char *configured = settings->server.control_socket;
    char name[GW_CONTROL_NAME_MAX];
    struct gw_err why = { "" };

    if (configured && !*configured)
        return;
    gw_control_name(name, configured, settings->server.port ? (unsigned)settings->server.port : serving->server.port);
    if (serving->heritage.control >= 0 && gw_control_adopt(&serving->control, serving->heritage.control, name))
        serving->heritage.control = -1;
    else if (gw_control_open(&serving->control, name, &why) != AIGW_OK)
        gw_log(GW_LOG_WARNING, "main", "%s; `aigw reload` and its like cannot reach this process", why.text);
}

/** What all workers use. */
static aigw_status make_shared(struct gw_serving *serving, struct gw_err *reterr)
{
    const struct gw_settings *settings = &serving->snapshot->settings;

    serving->server.started_us = gw_mono_us();
    atomic_store(&serving->server.cert_expires_s, serving->pem.expires_s);
    gw_limits_show(&serving->server, serving->snapshot);
    serving->server.auth = gw_auth_new(settings, serving->snapshot->oidc, reterr);
    if (!serving->server.auth)
        return AIGW_E_CONFIG;
    serving->server.offload = gw_offload_new(reterr);
    if (!serving->server.offload)
        return AIGW_E_NOMEM;
    serving->server.watchdog = gw_watchdog_start(reterr);
    if (!serving->server.watchdog)
        return AIGW_E_NOMEM;
    gw_watchdog_set(serving->server.watchdog, settings->limits.plugin_stuck_ms);
    serving->server.trusts = gw_trust_store_new();
    serving->server.limits = gw_limit_table_new(LIMIT_SLOTS);
    serving->server.shared = serving->server.limits ? gw_shared_new(serving->server.limits) : NULL;
    if (!serving->server.trusts || !serving->server.shared)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    return gw_shared_configure(serving->server.shared, serving->snapshot->shared, reterr);
}

/** A process that is replaced has GitLab's keys; without them this one would refuse what that one serves. Its patience
 *  bounds this: it ends a program that is not ready in time. */
static void await_keys(struct gw_serving *serving)
{
    struct pollfd stop = { .fd = serving->signal_fd, .events = POLLIN };
    bool is_told = false;
    int64_t since_ms = gw_mono_ms();

    while (serving->heritage.need_keys && !*gw_auth_bypass_text(&serving->snapshot->settings) &&
           gw_auth_lacks_keys(serving->server.auth) && gw_heritage_is_before_alive(&serving->heritage) &&
           poll(&stop, 1, KEYS_LOOK_MS) == 0) {
        if (is_told || gw_mono_ms() < since_ms + KEYS_TOLD_MS)
            continue;
        is_told = true;
        gw_heritage_say(&serving->heritage, "it waits for the keys of GitLab, which the running process has: `aigw "
                                            "doctor` looks for what is in the way");
    }
}

/** Until the last step fails nobody was let in: what a process before this one had, it still has. */
static aigw_status start(struct gw_serving *serving, struct gw_err *reterr)
{
    struct gw_server *server = &serving->server;
    aigw_status status = make_shared(serving, reterr);

    if (!status)
        status = make_workers(serving, reterr);
    if (!status)
        status = open_metrics(serving, reterr);
    for (uint32_t i = 0; i < server->worker_count && !status; i++)
        status = gw_worker_start(&server->workers[i], reterr);
    if (status)
        return status;
    open_control(serving);
    gw_heritage_drop_sockets(&serving->heritage);
    await_keys(serving);
    status = start_metrics(serving, reterr);
    atomic_store(&server->loaded_wall_s, gw_wall_s());
    atomic_store(&server->state, GW_SERVING); /* whoever waits in a queue may ask at once */
    for (uint32_t i = 0; i < server->worker_count && !status; i++)
        status = gw_worker_post_accept(&server->workers[i], reterr);
    if (status)
        return status;
    announce(serving);
    gw_heritage_ready(&serving->heritage);
    if (!serving->heritage.before) /* else the process before says who is the main one now */
        gw_notify("READY=1");
    return AIGW_OK;
}

/* ---- while serving ---- */

/** Take the signals that wait. False: it is time to stop. */
static bool take_signals(struct gw_serving *serving)
{
    struct signalfd_siginfo info;
    bool must_reload = serving->must_reload;

    serving->must_reload = false;
    while (read(serving->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGHUP)
            return false;
        must_reload = true;
    }
    if (must_reload)
        (void)gw_serving_reload(serving, NULL);
    return true;
}

static bool on_command(void *user, aigw_str command, struct gw_buf *out)
{
    struct gw_serving *serving = user;

    if (gw_str_is(command, "reload"))
        return gw_serving_reload(serving, out);
    if (gw_str_is(command, "compare"))
        return gw_serving_compare(serving, out);
    if (gw_str_has_prefix(command, AIGW_STR("upgrade ")))
        return gw_serving_upgrade(serving, (aigw_str){ command.ptr + 8, command.len - 8 }, out);
    if (gw_str_is(command, "plugin list") || gw_str_has_prefix(command, AIGW_STR("plugin off ")) ||
        gw_str_has_prefix(command, AIGW_STR("plugin on ")))
        return gw_switch_command(serving->snapshot, command, out);
    gw_buf_puts(out, "unknown command; this gateway is of another version than the program that asks\n");
    return false;
}

static void watch_files(struct gw_serving *serving)
{
    const struct gw_settings *settings = &serving->snapshot->settings;

    if (settings->server.watch_config && gw_watch_look(&serving->watch, &serving->options, settings)) {
        gw_log(GW_LOG_INFO, "config", "files of the configuration changed");
        (void)gw_serving_reload(serving, NULL);
    }
}

static void serve(struct gw_serving *serving)
{
    int64_t next_look_ms = 0;
    struct pollfd waits[] = { { .fd = serving->signal_fd, .events = POLLIN },
                              { .fd = serving->yard.event_fd, .events = POLLIN },
                              { .fd = serving->control.fd, .events = POLLIN } };

    while (poll(waits, GW_ARRAY_LEN(waits), WATCH_MS) >= 0 || errno == EINTR) {
        if (!take_signals(serving))
            return;
        gw_snapshot_yard_clear(&serving->yard);
        gw_control_serve(&serving->control, on_command, serving);
        if (serving->successor || serving->must_stop)
            return;
        gw_serving_watch_certificate(serving);
        if (gw_mono_ms() >= next_look_ms) {
            watch_files(serving);
            next_look_ms = gw_mono_ms() + WATCH_MS;
        }
        gw_log_flush();
    }
}

/** Balancers and Kubernetes need a moment until they send nothing any more: the listener stays open for them while
 * ready says 503 and answers end their connections. A second signal means "now". */
static void wait_for_balancers(struct gw_serving *serving)
{
    int64_t wait_ms = serving->snapshot->settings.server.drain_wait_ms, until_ms = gw_mono_ms() + wait_ms, left_ms;
    struct pollfd wait = { .fd = serving->signal_fd, .events = POLLIN };
    struct signalfd_siginfo info;
    bool must_stop = false;

    atomic_store(&serving->server.state, GW_DRAINING);
    if (wait_ms <= 0)
        return;
    gw_log(GW_LOG_INFO, "main", "stopping in %lld ms: ready says 503, requests are still served", (long long)wait_ms);
    gw_log_flush();
    for (uint32_t i = 0; i < serving->server.worker_count; i++)
        gw_worker_post_leave(&serving->server.workers[i]);
    while (!must_stop && (left_ms = until_ms - gw_mono_ms()) > 0) {
        (void)poll(&wait, 1, left_ms < WATCH_MS ? (int)left_ms : WATCH_MS);
        while (read(serving->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
            must_stop = must_stop || info.ssi_signo != SIGHUP;
        gw_snapshot_yard_clear(&serving->yard);
        gw_log_flush();
    }
}

/** A worker that is asked to stop does, unless a plugin's callback never comes back to it. */
static void end_at_once(void)
{
    gw_log(GW_LOG_CRITICAL, "main",
           "a worker does not stop: a callback of a plugin holds it (the log above says which); ending without it");
    gw_log_flush();
    gw_log_stop();
    _exit(GW_EXIT_STUCK);
}

static void drain(struct gw_serving *serving)
{
    struct timespec until;
    struct gw_server *server = &serving->server;
    int64_t drain_ms = serving->snapshot->settings.server.drain_ms;
    enum gw_drain how = serving->successor ? GW_DRAIN_HANDED_OVER : GW_DRAIN_END;

    gw_log(GW_LOG_INFO, "main", "stopping: no new connections%s, running requests have %lld ms to finish",
           serving->successor ? " but at the process that took over" : "", (long long)drain_ms);
    gw_log_flush();
    gw_listeners_close(&serving->listeners);
    for (uint32_t i = 0; i < server->worker_count; i++)
        gw_worker_post_drain(&server->workers[i], how, drain_ms);
    clock_gettime(CLOCK_MONOTONIC, &until); /* a clock that is set meanwhile cuts nobody off */
    until.tv_sec += (time_t)(drain_ms / 1000) + STOPPING_S;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        if (pthread_clockjoin_np(server->workers[i].thread, NULL, CLOCK_MONOTONIC, &until) != 0)
            end_at_once();
        server->workers[i].is_started = false;
    }
}

static void stop(struct gw_serving *serving)
{
    struct gw_server *server = &serving->server;

    gw_control_close(&serving->control);
    gw_metrics_server_stop(serving->metrics);
    gw_listeners_close(&serving->listeners);
    if (serving->metrics_fd >= 0)
        close(serving->metrics_fd);
    gw_offload_stop(server->offload);
    gw_shared_stop(server->shared);
    for (uint32_t i = 0; i < server->worker_count; i++)
        gw_worker_done(&server->workers[i]);
    gw_offload_free(server->offload);
    gw_credentials_free();
    gw_trust_store_free(server->trusts);
    gw_shared_free(server->shared);
    gw_limit_table_free(server->limits);
    gw_watchdog_stop(server->watchdog);
    if (server->auth)
        gw_auth_free(server->auth);
    free(server->workers);
    gw_buf_done(&server->limits_page);
    if (server->shown)
        gw_snapshot_unref(server->shown);
    gw_pem_done(&serving->pem);
    gw_arena_done(&serving->fixed_in);
    gw_snapshot_unref(serving->snapshot);
    gw_snapshot_yard_clear(&serving->yard);
}

static int run(struct gw_serving *serving)
{
    struct gw_err err = { "" };
    int exit_status = 0;

    if (!gw_serving_load(serving)) {
        exit_status = 1;
    } else if (start(serving, &err)) {
        gw_log_flush();
        fprintf(stderr, "aigw: %s\n", err.text);
        gw_heritage_say(&serving->heritage, err.text);
        if (serving->heritage.before)
            gw_control_leave(&serving->control); /* that process goes on answering there */
        exit_status = 1;
    } else {
        serve(serving);
        gw_control_close(&serving->control); /* whoever asks for something now is not to wait for the end */
        if (!serving->successor) {
            gw_notify("STOPPING=1");
            wait_for_balancers(serving);
        }
        drain(serving);
        gw_log(GW_LOG_INFO, "main", "stopped");
    }
    stop(serving);
    gw_log_stop();
    return exit_status;
}

/** Signals are read from a descriptor, by the main thread. -1 with a message. */
static int open_signals(void)
{
    sigset_t signals;
    int fd;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        fprintf(stderr, "aigw: cannot open a descriptor: %s\n", strerror(errno));
    return fd;
}

int gw_serve(const struct gw_serve_options *options)
{
    struct gw_serving serving = { .options = options->snapshot,
                                  .argv = options->argv,
                                  .server = { .limits_lock = PTHREAD_MUTEX_INITIALIZER },
                                  .metrics_fd = -1,
                                  .control = { .fd = -1 } };
    struct gw_err err = { "" };
    int exit_status = 1;

    if (gw_heritage_take(&serving.heritage, &err)) {
        fprintf(stderr, "aigw: %s\n", err.text);
        gw_heritage_done(&serving.heritage);
        return 1;
    }
    gw_serving_find_program(&serving);
    serving.signal_fd = open_signals();
    harden_process();
    gw_ticks_measure();                  /* for the first time; the watchdog goes on */
    gw_access_register(&serving.server); /* before plugins: the core's names are the core's */
    serving.yard.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    serving.options.yard = &serving.yard;
    if (serving.signal_fd >= 0 && serving.yard.event_fd >= 0)
        exit_status = run(&serving);
    close(serving.yard.event_fd);
    close(serving.signal_fd);
    gw_heritage_done(&serving.heritage);
    return exit_status;
}
