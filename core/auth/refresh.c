/* refresh.c - the thread that keeps the keys fresh. One thread, one curl multi handle, at most one load per issuer;
 * issuers load side by side, so a slow one delays nobody. The thread sleeps in curl_multi_poll() and is woken by
 * curl_multi_wakeup(), also to stop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/internal.h"
#include "health/metrics.h"

#define FAILURE_LINE_EVERY_MS (3600 * 1000)

static const char logger[] = "cloud_connector";

static void count_fetch(struct gw_auth *auth, const struct gw_issuer *issuer, const char *result)
{
    aigw_str labels[2] = { gw_str(issuer->name), gw_str(result) };

    gw_series_add(gw_series(auth->metric_fetches, labels), 1);
}

static void show_keys(struct gw_auth *auth, const struct gw_issuer *issuer, size_t count)
{
    aigw_str label = gw_str(issuer->name);

    gw_series_set(gw_series(auth->metric_keys, &label), (double)count);
}

static void log_loaded(const struct gw_issuer *issuer, const struct gw_keyset *set)
{
    struct gw_line line;
    struct gw_buf kids;

    gw_buf_init(&kids, 16384);
    gw_buf_puts(&kids, "[");
    for (size_t i = 0; i < set->count; i++) {
        gw_buf_puts(&kids, i ? "," : "");
        gw_buf_json(&kids, set->keys[i].kid, true);
    }
    gw_buf_puts(&kids, "]");
    gw_line_begin(&line, GW_LOG_INFO, logger, "JWKS refreshed");
    gw_line_cstr(&line, "provider", issuer->name);
    if (kids.status == AIGW_OK)
        gw_line_raw(&line, "kids", gw_buf_str(&kids));
    gw_line_int(&line, "skipped", (int64_t)set->skipped);
    gw_line_end(&line);
    gw_buf_done(&kids);
}

static void log_failed(const struct gw_issuer *issuer, const char *why, bool has_old_keys)
{
    struct gw_line line;

    gw_line_begin(&line, GW_LOG_ERROR, logger,
                  has_old_keys ? "Old JWKS re-cached: some key providers failed"
                               : "Incomplete JWKS cached: some key providers failed, no old cache to fall back to");
    gw_line_cstr(&line, "oidc_provider", issuer->name);
    gw_line_cstr(&line, "url", issuer->url);
    gw_line_cstr(&line, "error", why);
    gw_line_end(&line);
}

/** When to load again after a good load: the issuer's max-age, within our bounds. */
static int64_t next_load_ms(const struct gw_auth *auth, const struct gw_auth_config *config, int64_t max_age_s)
{
    int64_t wait_ms = max_age_s < 0 ? config->refresh_ms : max_age_s * 1000;

    if (wait_ms < auth->tuning.age_floor_ms)
        wait_ms = auth->tuning.age_floor_ms;
    return wait_ms < config->refresh_ms ? wait_ms : config->refresh_ms;
}

static void load_ended(struct gw_auth *auth, struct gw_issuer *issuer, struct gw_keyset *set, const struct gw_err *why,
                       int64_t max_age_s)
{
    int64_t now_ms = gw_mono_ms();
    bool must_log = false, has_old = false, is_gone;

    (void)pthread_mutex_lock(&auth->lock);
    is_gone = issuer->is_gone;
    issuer->is_loading = false;
    issuer->is_demanded = false;
    issuer->was_tried = true;
    if (issuer->load.issuer[0])
        (void)snprintf(issuer->issuer, sizeof issuer->issuer, "%s", issuer->load.issuer);
    if (set) {
        gw_keyset_unref(issuer->set);
        issuer->set = gw_keyset_ref(set);
        issuer->failures = 0;
        issuer->loaded_ms = now_ms;
        issuer->clock_ahead_s = issuer->load.fetch.clock_ahead_s;
        issuer->error.text[0] = '\0';
        issuer->due_ms = now_ms + next_load_ms(auth, auth->view->config, max_age_s);
        if (!is_gone && gw_auth_publish(auth) != AIGW_OK)
            issuer->due_ms = now_ms + auth->tuning.backoff_ms[0];
    } else {
        size_t step = issuer->failures < GW_ARRAY_LEN(auth->tuning.backoff_ms)
                          ? issuer->failures
                          : GW_ARRAY_LEN(auth->tuning.backoff_ms) - 1;

        must_log = issuer->failures == 0 || strcmp(issuer->error.text, why->text) != 0 ||
                   now_ms - issuer->logged_ms > FAILURE_LINE_EVERY_MS;
        if (must_log)
            issuer->logged_ms = now_ms;
        has_old = issuer->set != NULL;
        issuer->failures++;
        issuer->error = *why;
        issuer->due_ms = now_ms + auth->tuning.backoff_ms[step];
    }
    atomic_fetch_add(&auth->epoch, 1);
    gw_auth_wake_workers(auth);
    (void)pthread_mutex_unlock(&auth->lock);

    count_fetch(auth, issuer, set ? "ok" : "failed");
    if (set && !is_gone)
        show_keys(auth, issuer, set->count);
    if (set)
        log_loaded(issuer, set);
    else if (must_log && !is_gone)
        log_failed(issuer, why->text, has_old);
    gw_log_flush();
}

static void finish_step(struct gw_auth *auth, struct gw_issuer *issuer, CURLcode code)
{
    struct gw_keyset *set = NULL;
    struct gw_err why = { "" };
    int64_t max_age_s;

    int outcome = gw_issuer_step(issuer, code, auth->tuning.fetch_ms, &set, &why);

    if (outcome == GW_LOAD_MORE)
        return;
    max_age_s = issuer->load.fetch.max_age_s;
    load_ended(auth, issuer, outcome == GW_LOAD_OK ? set : NULL, &why, max_age_s);
    gw_keyset_unref(set);
}

/** Free what a reload dropped; begin what is due. Answers the sleep until something is due. */
static int64_t serve_schedule(struct gw_auth *auth)
{
    struct gw_issuer *due = NULL, **link, *issuer;
    struct gw_auth_config *config;
    struct gw_err why = { "" };
    int64_t now_ms = gw_mono_ms(), sleep_ms = 60000;

    (void)pthread_mutex_lock(&auth->lock);
    link = &auth->issuers;
    while ((issuer = *link) != NULL) {
        if (issuer->is_gone) {
            *link = issuer->next;
            show_keys(auth, issuer, 0);
            gw_issuer_free(issuer);
            continue;
        }
        link = &issuer->next;
        if (issuer->is_loading || issuer->config_error.text[0])
            continue;
        if (issuer->due_ms <= now_ms && !due) {
            due = issuer;
            due->is_loading = true;
            due->begun_ms = now_ms;
            sleep_ms = 0; /* look for the next one right after */
        } else if (issuer->due_ms - now_ms < sleep_ms) {
            sleep_ms = issuer->due_ms > now_ms ? issuer->due_ms - now_ms : 0;
        }
    }
    config = gw_auth_config_ref(auth->view->config);
    (void)pthread_mutex_unlock(&auth->lock);

    if (due && gw_issuer_begin(due, auth->multi, config, auth->tuning.fetch_ms, &why) == GW_LOAD_FAILED)
        load_ended(auth, due, NULL, &why, -1);
    gw_auth_config_unref(config);
    return sleep_ms;
}

static bool is_stopping(struct gw_auth *auth)
{
    bool yes;

    (void)pthread_mutex_lock(&auth->lock);
    yes = auth->is_stopping;
    (void)pthread_mutex_unlock(&auth->lock);
    return yes;
}

static void *refresher(void *user)
{
    struct gw_auth *auth = user;
    int running = 0;

    while (!is_stopping(auth)) {
        int64_t sleep_ms = serve_schedule(auth);
        CURLMsg *message;
        int left;

        (void)curl_multi_perform(auth->multi, &running);
        while ((message = curl_multi_info_read(auth->multi, &left)) != NULL) {
            CURLcode code = message->data.result;
            char *owner = NULL;

            if (message->msg != CURLMSG_DONE)
                continue;
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
            finish_step(auth, (struct gw_issuer *)(void *)owner, code);
            sleep_ms = 0; /* the next step was added: perform it */
        }
        (void)curl_multi_poll(auth->multi, NULL, 0, (int)sleep_ms, NULL);
    }
    gw_log_flush();
    return NULL;
}

aigw_status gw_refresh_start(struct gw_auth *auth, struct gw_err *reterr)
{
    int code;

    auth->multi = curl_multi_init();
    if (!auth->multi)
        return gw_err_set(reterr, AIGW_E_NOMEM, "authentication: out of memory");
    code = gw_thread_start(&auth->thread, refresher, auth);
    if (code != 0)
        return gw_err_set(reterr, AIGW_E_NOMEM, "authentication: cannot start the key refresher: %s", strerror(code));
    auth->is_started = true;
    return AIGW_OK;
}

void gw_refresh_stop(struct gw_auth *auth)
{
    if (auth->is_started) {
        (void)pthread_mutex_lock(&auth->lock);
        auth->is_stopping = true;
        (void)pthread_mutex_unlock(&auth->lock);
        (void)curl_multi_wakeup(auth->multi);
        (void)pthread_join(auth->thread, NULL);
        auth->is_started = false;
    }
    while (auth->issuers) {
        struct gw_issuer *issuer = auth->issuers;

        auth->issuers = issuer->next;
        gw_issuer_free(issuer);
    }
    if (auth->multi)
        (void)curl_multi_cleanup(auth->multi);
    auth->multi = NULL;
}

int64_t gw_refresh_demand_ms(const struct gw_auth *auth, aigw_str oidc_issuer)
{
    int64_t last_ms = 0;

    for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next)
        if (!issuer->is_gone && gw_issuer_serves(issuer, oidc_issuer) && issuer->demand_ms > last_ms)
            last_ms = issuer->demand_ms;
    return last_ms;
}

/** An unknown kid: load every issuer in question that is known to work, unless one did so a moment ago. Issuers that
 *  fail, or were never loaded, have their own schedule. Lock held. */
static void demand_load(struct gw_auth *auth, aigw_str oidc_issuer, int64_t now_ms)
{
    int64_t last_ms = gw_refresh_demand_ms(auth, oidc_issuer);

    if (last_ms > 0 && now_ms - last_ms < auth->tuning.demand_gap_ms)
        return;
    for (struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next) {
        if (issuer->is_gone || issuer->is_loading || !issuer->was_tried || issuer->failures > 0 ||
            !gw_issuer_serves(issuer, oidc_issuer))
            continue;
        issuer->due_ms = now_ms;
        issuer->is_demanded = true;
        issuer->demand_ms = now_ms;
        (void)curl_multi_wakeup(auth->multi);
    }
}

/** Latest end of a first load that may still bring keys; 0: none. Lock held. */
static int64_t first_load_deadline_ms(const struct gw_auth *auth, aigw_str oidc_issuer, int64_t now_ms)
{
    int64_t deadline_ms = 0;

    for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next) {
        int64_t until_ms = issuer->created_ms + auth->tuning.wait_ms;

        if (!issuer->is_gone && gw_issuer_serves(issuer, oidc_issuer) && !issuer->was_tried &&
            !issuer->config_error.text[0] && until_ms > now_ms && until_ms > deadline_ms)
            deadline_ms = until_ms;
    }
    return deadline_ms;
}

bool gw_refresh_worth_waiting(struct gw_auth *auth, aigw_str oidc_issuer, uint64_t generation, bool has_unknown_kid,
                              int64_t *ret_deadline_ms)
{
    int64_t now_ms = gw_mono_ms(), deadline_ms;

    (void)pthread_mutex_lock(&auth->lock);
    if (auth->view->generation != generation) {
        (void)pthread_mutex_unlock(&auth->lock);
        return false; /* the caller looked at keys of yesterday: it looks again */
    }
    deadline_ms = first_load_deadline_ms(auth, oidc_issuer, now_ms);
    /* The missing key is most likely in what was not read yet: spend no load on demand before that. */
    if (deadline_ms == 0 && has_unknown_kid) {
        demand_load(auth, oidc_issuer, now_ms);
        for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next) {
            int64_t begun_ms = issuer->is_demanded ? issuer->demand_ms : issuer->begun_ms;

            if (issuer->is_gone || issuer->failures > 0 || !(issuer->is_demanded || issuer->is_loading) ||
                !gw_issuer_serves(issuer, oidc_issuer))
                continue;
            if (begun_ms + auth->tuning.wait_ms > deadline_ms)
                deadline_ms = begun_ms + auth->tuning.wait_ms;
        }
    }
    (void)pthread_mutex_unlock(&auth->lock);
    *ret_deadline_ms = deadline_ms;
    return deadline_ms > now_ms;
}
