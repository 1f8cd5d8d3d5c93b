/* reload.c - from files to a running configuration: the first time, at SIGHUP, and when certificate files change. Main
 * thread. A reload makes everything that can fail first; only then is anything told of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/diff.h"
#include "pipeline/request.h"
#include "pipeline/serving.h"
#include "pipeline/trial.h"
#include "plugin/watchdog.h"

#define PROBLEMS_MEMORY_MAX (16u << 20)
#define FIXED_MEMORY_MAX    (1u << 20)
#define TAKING_MS           10000 /* a worker takes a change between two events */

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

static bool start_log(const struct gw_snapshot *snapshot, const struct gw_heritage *heritage)
{
    struct gw_log_options log = log_options(&snapshot->settings);
    struct gw_err err = { "" };

    if (gw_log_start(&log, &err) == AIGW_OK)
        return true;
    fprintf(stderr, "aigw: %s\n", err.text);
    gw_heritage_say(heritage, err.text);
    return false;
}

/** Its certificate is the listener's now, not the snapshot's any more. */
static void take_pem(struct gw_serving *serving, struct gw_snapshot *snapshot)
{
    gw_pem_done(&serving->pem);
    serving->pem = *snapshot->pem;
    *snapshot->pem = (struct gw_pem){ 0 };
    snapshot->pem = NULL;
}

bool gw_serving_load(struct gw_serving *serving)
{
    struct gw_arena arena;
    struct gw_problems problems;
    bool has_log;

    gw_arena_init(&arena, PROBLEMS_MEMORY_MAX);
    gw_problems_init(&problems, &arena);
    gw_arena_init(&serving->fixed_in, FIXED_MEMORY_MAX);
    serving->snapshot = gw_snapshot_build(&serving->options, &problems);
    if (serving->snapshot)
        gw_heritage_has_log(&serving->heritage);
    has_log = serving->snapshot && start_log(serving->snapshot, &serving->heritage);
    report(&problems, has_log);
    if (!serving->snapshot)
        fprintf(stderr, "aigw: %zu problem%s in the configuration; nothing was started\n", problems.error_count,
                problems.error_count == 1 ? "" : "s");
    /* Hundreds of files: not for nothing. A reload, which may switch it on, looks at them in any case. */
    if (has_log && serving->snapshot->settings.server.watch_config)
        gw_watch_mark(&serving->watch, &serving->options, &serving->snapshot->settings);
    if (has_log)
        serving->fixed = gw_settings_fixed(&serving->snapshot->settings, &serving->fixed_in);
    if (has_log && serving->snapshot->pem)
        take_pem(serving, serving->snapshot);
    gw_arena_done(&arena);
    return has_log && serving->fixed;
}

/* ---- SIGHUP ---- */

/** Everything that a reload needs besides its snapshot, made before anything is told of it. */
struct change {
    struct gw_snapshot *snapshot;
    struct gw_view *auth;
    struct gw_http_tls tls;
    bool has_tls;
    struct gw_worker_post **posts;
    struct taking *taking; /* NULL: the workers' now */
};

/** Workers that have not taken it yet. */
struct taking {
    atomic_uint left;
    atomic_ulong *taken; /* the process's */
};

/** It is said when it is true: the last worker has it. */
static void on_taken(void *user)
{
    struct taking *taking = user;

    if (atomic_fetch_sub(&taking->left, 1) != 1)
        return;
    gw_log(GW_LOG_INFO, "config", "configuration reloaded");
    atomic_fetch_add(taking->taken, 1);
    free(taking);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/** Has the listener anything new to show? Only one that was started with TLS can. */
static bool needs_tls(const struct gw_serving *serving, const struct gw_snapshot *snapshot)
{
    struct gw_http_tls was, is;

    if (!serving->pem.cert || !snapshot->pem)
        return false;
    was = gw_pem_tls(&serving->pem, &serving->snapshot->settings);
    is = gw_pem_tls(snapshot->pem, &snapshot->settings);
    return !same_text(was.cert_pem, is.cert_pem) || !same_text(was.key_pem, is.key_pem) ||
           !same_text(was.client_ca_pem, is.client_ca_pem) || !same_text(was.priorities, is.priorities);
}

static void warn_about_fixed(const struct gw_serving *serving, const struct gw_settings *settings)
{
    struct gw_arena scratch;
    struct gw_buf names;

    gw_arena_init(&scratch, FIXED_MEMORY_MAX);
    gw_buf_init(&names, 4096);
    gw_settings_fixed_changed(serving->fixed, settings, &scratch, &names);
    if (names.len)
        gw_log(GW_LOG_WARNING, "config", "changed, but this process keeps what it began with until its next start: %s",
               names.data);
    gw_buf_done(&names);
    gw_arena_done(&scratch);
}

static void free_change(const struct gw_serving *serving, struct change *change)
{
    for (uint32_t i = 0; change->posts && i < serving->server.worker_count; i++)
        gw_worker_unprepare(change->posts[i]);
    free(change->posts);
    free(change->taking);
    gw_view_unref(change->auth);
    gw_snapshot_unref(change->snapshot);
}

static bool prepare_posts(struct gw_serving *serving, struct change *change)
{
    struct gw_server *server = &serving->server;
    struct gw_worker_change wanted = {
        .snapshot = change->snapshot,
        .tls = change->has_tls ? &change->tls : NULL,
        .must_forget_upstream = !gw_snapshot_has_same_upstream(serving->snapshot, change->snapshot),
        .on_taken = on_taken,
    };

    change->posts = calloc(server->worker_count, sizeof(struct gw_worker_post *));
    change->taking = malloc(sizeof *change->taking);
    if (!change->posts || !change->taking)
        return false;
    atomic_init(&change->taking->left, server->worker_count);
    change->taking->taken = &serving->reloads_taken;
    wanted.user = change->taking;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        change->posts[i] = gw_worker_prepare(&server->workers[i], &wanted);
        if (!change->posts[i])
            return false;
    }
    return true;
}

/** Authentication comes last: once its settings are published every worker has to be told. */
static aigw_status prepare(struct gw_serving *serving, struct change *change, struct gw_err *reterr)
{
    const struct gw_log_options was = log_options(&serving->snapshot->settings);
    struct gw_log_options log = log_options(&change->snapshot->settings);

    change->has_tls = needs_tls(serving, change->snapshot);
    if (change->has_tls)
        change->tls = gw_pem_tls(change->snapshot->pem, &change->snapshot->settings);
    if (!prepare_posts(serving, change))
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    if (gw_log_reconfigure(&log, reterr) != AIGW_OK)
        return AIGW_E_CONFIG;
    if (gw_shared_configure(serving->server.shared, change->snapshot->shared, reterr) != AIGW_OK) {
        (void)gw_log_reconfigure(&was, NULL);
        return AIGW_E_NOMEM;
    }
    change->auth =
        gw_auth_reconfigure(serving->server.auth, &change->snapshot->settings, change->snapshot->oidc, reterr);
    if (change->auth)
        return AIGW_OK;
    (void)gw_log_reconfigure(&was, NULL);
    return AIGW_E_NOMEM;
}

/** The workers come last: whoever reads that it is done finds all of it done. */
static void apply(struct gw_serving *serving, struct change *change)
{
    struct gw_server *server = &serving->server;
    struct gw_snapshot *old = serving->snapshot;

    gw_limits_show(server, change->snapshot);
    gw_watchdog_set(server->watchdog, change->snapshot->settings.limits.plugin_stuck_ms);
    gw_meters_all_on();
    if (serving->pem.cert && change->snapshot->pem) {
        take_pem(serving, change->snapshot);
        atomic_store(&server->cert_expires_s, serving->pem.expires_s);
    }
    serving->snapshot = change->snapshot;
    change->snapshot = old;
    change->taking = NULL;
    serving->reloads++;
    atomic_store(&server->loaded_wall_s, gw_wall_s());
    for (uint32_t i = 0; i < server->worker_count; i++) {
        gw_worker_post(change->posts[i], change->auth);
        change->posts[i] = NULL;
    }
}

/** A line each, as `aigw check` prints them. */
static void put_problems(const struct gw_problems *problems, struct gw_buf *out)
{
    for (const struct gw_problem *p = problems->first; p; p = p->next)
        gw_buf_printf(out, "%s%s\n", p->is_warning ? "warning: " : "", p->text);
}

/** False: to open it here would end us. */
static bool is_harmless(struct gw_serving *serving, bool to_log, struct gw_buf *out)
{
    struct gw_buf report;
    bool is_good;

    gw_buf_init(&report, PROBLEMS_MEMORY_MAX);
    is_good = gw_trial(&serving->options, serving->signal_fd, &report);
    if (to_log && !is_good)
        gw_log_lines(GW_LOG_ERROR, "config", gw_buf_str(&report));
    if (out)
        gw_buf_put_str(out, gw_buf_str(&report));
    gw_buf_done(&report);
    return is_good;
}

/** to_log: else only to `out`, which may be NULL. */
static bool build(struct gw_serving *serving, struct change *change, bool to_log, struct gw_buf *out)
{
    struct gw_snapshot_options options = serving->options;
    struct gw_arena arena;
    struct gw_problems problems;

    if (!is_harmless(serving, to_log, out))
        return false;
    options.running = serving->snapshot;
    gw_arena_init(&arena, PROBLEMS_MEMORY_MAX);
    gw_problems_init(&problems, &arena);
    change->snapshot = gw_snapshot_build(&options, &problems);
    if (to_log)
        report(&problems, true);
    if (out)
        put_problems(&problems, out);
    gw_arena_done(&arena);
    if (!change->snapshot)
        return false;
    if (out && gw_snapshot_diff(serving->snapshot, serving->fixed, change->snapshot, out) == 0)
        gw_buf_puts(out, "nothing changes\n");
    if (to_log)
        warn_about_fixed(serving, &change->snapshot->settings);
    change->snapshot->settings.server.workers = serving->server.worker_count;
    return true;
}

/** Until requests meet it: whoever is told "done" relies on it. */
static void await_workers(struct gw_serving *serving)
{
    const struct timespec moment = { .tv_nsec = 1000000 };

    for (int i = 0; i < TAKING_MS && atomic_load(&serving->reloads_taken) < serving->reloads; i++)
        nanosleep(&moment, NULL);
}

bool gw_serving_reload(struct gw_serving *serving, struct gw_buf *report)
{
    struct change change = { 0 };
    struct gw_err err = { "" };
    bool is_done = false;

    gw_watch_mark(&serving->watch, &serving->options, &serving->snapshot->settings);
    gw_log_reopen(); /* also when the configuration is bad: the file may have been rotated */
    if (!build(serving, &change, true, report)) {
        gw_log(GW_LOG_ERROR, "config", "reload refused, the running configuration stays");
    } else if (prepare(serving, &change, &err) != AIGW_OK) {
        gw_log(GW_LOG_ERROR, "config", "reload refused, the running configuration stays: %s", err.text);
        if (report)
            gw_buf_printf(report, "%s\n", err.text);
    } else {
        gw_log_flush(); /* warnings come before the line that says it is done */
        apply(serving, &change);
        is_done = true;
    }
    atomic_store(&serving->server.is_reload_bad, !is_done);
    free_change(serving, &change);
    if (is_done && report)
        await_workers(serving);
    return is_done;
}

bool gw_serving_compare(struct gw_serving *serving, struct gw_buf *report)
{
    struct change change = { 0 };
    bool is_good = build(serving, &change, false, report);

    free_change(serving, &change);
    return is_good;
}

/* ---- certificate files ---- */

void gw_serving_watch_certificate(struct gw_serving *serving)
{
    const struct gw_settings *settings = &serving->snapshot->settings;
    struct gw_worker_change change = { 0 };
    struct gw_err err = { "" };
    struct gw_pem fresh = { 0 };
    struct gw_http_tls tls;

    if (!serving->pem.cert || !settings->tls.enabled || !gw_pem_changed(&serving->pem, settings))
        return;
    if (gw_pem_read(&fresh, settings, &err) == AIGW_OK) {
        tls = gw_pem_tls(&fresh, settings);
        (void)gw_http_check_tls(&tls, &err);
    }
    if (err.text[0]) {
        gw_log(GW_LOG_ERROR, "tls", "certificate files changed, but cannot be used yet, the old one stays: %s",
               err.text);
        gw_pem_remember(&serving->pem, settings);
        gw_pem_done(&fresh);
        return;
    }
    gw_pem_done(&serving->pem);
    serving->pem = fresh;
    change.tls = &tls;
    for (uint32_t i = 0; i < serving->server.worker_count; i++) {
        struct gw_worker_post *post = gw_worker_prepare(&serving->server.workers[i], &change);

        if (post)
            gw_worker_post(post, NULL);
    }
    atomic_store(&serving->server.cert_expires_s, serving->pem.expires_s);
    gw_log(GW_LOG_INFO, "tls", "certificate reloaded for new connections");
}
