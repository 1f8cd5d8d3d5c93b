/* auth.c - process state of authentication: settings in, issuers and views built, a description out.
 * gw_auth_new(), _reconfigure() and _free() run on the main thread. */
#include <stdlib.h>
#include <string.h>

#include "auth/internal.h"
#include "health/metrics.h"

struct gw_auth_tuning gw_auth_tuning_default(void)
{
    return (struct gw_auth_tuning){ .fetch_ms = 10000,
                                    .wait_ms = 10000,
                                    .demand_gap_ms = 60000,
                                    .backoff_ms = { 5000, 15000, 60000 },
                                    .age_floor_ms = 300000,
                                    .negative_ms = 5000,
                                    .cache_entries = 4096,
                                    .cache_bytes = 4 * 1024 * 1024 };
}

const char *gw_auth_bypass_text(const struct gw_settings *settings)
{
    static const char *const texts[8] = {
        "",
        "AIGW_AUTH__BYPASS_EXTERNAL",
        "AIGW_AUTH__BYPASS_EXTERNAL_WITH_HEADER",
        "AIGW_AUTH__BYPASS_EXTERNAL, AIGW_AUTH__BYPASS_EXTERNAL_WITH_HEADER",
        "AIGW_AUTH__BYPASS_JWT_SIGNATURE",
        "AIGW_AUTH__BYPASS_EXTERNAL, AIGW_AUTH__BYPASS_JWT_SIGNATURE",
        "AIGW_AUTH__BYPASS_EXTERNAL_WITH_HEADER, AIGW_AUTH__BYPASS_JWT_SIGNATURE",
        "AIGW_AUTH__BYPASS_EXTERNAL, AIGW_AUTH__BYPASS_EXTERNAL_WITH_HEADER, AIGW_AUTH__BYPASS_JWT_SIGNATURE",
    };

    return texts[(settings->auth.bypass_external ? 1 : 0) | (settings->auth.bypass_external_with_header ? 2 : 0) |
                 (settings->auth.bypass_jwt_signature ? 4 : 0)];
}

/* ---- issuers ------------------------------------------------------------------------------------------------ */

static void warn_plain_http(const struct gw_issuer *issuer)
{
    aigw_str url = gw_str(issuer->url);

    if (gw_str_has_prefix(url, AIGW_STR("http://")) && !gw_str_has_prefix(url, AIGW_STR("http://127.")) &&
        !gw_str_has_prefix(url, AIGW_STR("http://localhost")) && !gw_str_has_prefix(url, AIGW_STR("http://[::1]")))
        gw_log(GW_LOG_WARNING, "cloud_connector",
               "issuer %s is reached by plain http (%s): who can change that traffic can replace the keys. Use https.",
               issuer->name, issuer->url);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool loads_same(const struct gw_issuer *a, const struct gw_issuer *b)
{
    return strcmp(a->url, b->url) == 0 && same_text(a->oidc_issuer, b->oidc_issuer) &&
           same_text(a->keys_url, b->keys_url);
}

/** Mark the issuer of auth->issuers like this new one as wanted, else add it to `wanted`. Freed when not needed: it is
 *  wanted already. NULL: out of memory. Lock held. */
static aigw_status want_issuer(struct gw_auth *auth, struct gw_issuer **wanted, struct gw_issuer *issuer)
{
    if (!issuer)
        return AIGW_E_NOMEM;
    for (struct gw_issuer *other = auth->issuers; other; other = other->next) {
        if (!loads_same(other, issuer) || issuer->config_error.text[0])
            continue;
        if (other->is_wanted || strcmp(other->name, issuer->name) == 0) {
            other->is_wanted = true;
            gw_issuer_free(issuer);
            return AIGW_OK;
        }
    }
    for (; *wanted; wanted = &(*wanted)->next) {
        if (!issuer->config_error.text[0] && loads_same(*wanted, issuer)) {
            gw_issuer_free(issuer); /* offline sites name one URL twice */
            return AIGW_OK;
        }
    }
    if (issuer->config_error.text[0])
        gw_log(GW_LOG_ERROR, "cloud_connector", "%s", issuer->config_error.text);
    else
        warn_plain_http(issuer);
    *wanted = issuer;
    return AIGW_OK;
}

static aigw_status want_gitlab(struct gw_auth *auth, struct gw_issuer **wanted, const char *name, const char *url)
{
    return url && *url ? want_issuer(auth, wanted, gw_issuer_new(name, url)) : AIGW_OK;
}

static aigw_status want_issuers(struct gw_auth *auth, struct gw_issuer **wanted, const struct gw_settings *settings,
                                const struct gw_oidc *oidc)
{
    aigw_status status = want_gitlab(auth, wanted, "Gitlab", settings->auth.gitlab_url);

    if (status == AIGW_OK)
        status = want_gitlab(auth, wanted, "CustomersDot", settings->auth.customer_portal_url);
    for (size_t i = 0; i < settings->auth.issuers.count && status == AIGW_OK; i++)
        status = want_gitlab(auth, wanted, settings->auth.issuers.names[i], settings->auth.issuers.values[i]);
    for (size_t i = 0; oidc && i < oidc->count && status == AIGW_OK; i++)
        status = want_issuer(auth, wanted, gw_issuer_new_oidc(&oidc->groups[i]));
    return status;
}

/** Is every issuer that counts wanted, and no other? Lock held. */
static bool keeps_issuers(const struct gw_auth *auth)
{
    for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next)
        if (issuer->is_gone == issuer->is_wanted)
            return false;
    return true;
}

/** Make auth->issuers what is wanted. Kept ones that fail are tried at once. Lock held. */
static void take_issuers(struct gw_auth *auth, struct gw_issuer *wanted, int64_t latest_ms)
{
    struct gw_issuer **link;

    for (link = &auth->issuers; *link; link = &(*link)->next) {
        struct gw_issuer *issuer = *link;

        issuer->is_gone = !issuer->is_wanted;
        if (issuer->failures > 0) {
            issuer->failures = 0;
            issuer->due_ms = gw_mono_ms();
        }
        if (issuer->due_ms > latest_ms) /* the setting was shortened */
            issuer->due_ms = latest_ms;
    }
    *link = wanted;
}

static void free_issuers(struct gw_issuer *issuer)
{
    while (issuer) {
        struct gw_issuer *next = issuer->next;

        gw_issuer_free(issuer);
        issuer = next;
    }
}

/* ---- views -------------------------------------------------------------------------------------------------- */

/** A view with room for the local keys and those of every issuer there is. */
static struct gw_view *alloc_view(const struct gw_auth *auth)
{
    size_t count = 1;

    for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next)
        count++;
    return calloc(1, sizeof(struct gw_view) + count * sizeof(struct gw_keyset *));
}

/** Fill it and make it the present one. Lock held. */
static void publish(struct gw_auth *auth, struct gw_view *view, struct gw_auth_config *config)
{
    struct gw_view *old = auth->view;

    atomic_init(&view->refs, 1);
    view->config = gw_auth_config_ref(config);
    if (config->local)
        view->sets[view->set_count++] = gw_keyset_ref(config->local);
    for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next) {
        if (issuer->set && !issuer->is_gone)
            view->sets[view->set_count++] = gw_keyset_ref(issuer->set);
    }
    for (size_t i = 0; i < view->set_count; i++)
        view->key_count += gw_keyset_serves(view->sets[i], AIGW_STR_NONE) ? view->sets[i]->count : 0;
    view->generation = old ? old->generation + 1 : 1;
    auth->view = view;
    atomic_store_explicit(&auth->generation, view->generation, memory_order_release);
    gw_view_unref(old);
}

aigw_status gw_auth_publish(struct gw_auth *auth)
{
    struct gw_view *view = alloc_view(auth);

    if (!view)
        return AIGW_E_NOMEM;
    publish(auth, view, auth->view->config);
    return AIGW_OK;
}

/** Apply settings, wholly or, when out of memory, not at all. Lock held. No issuers while every token is let through
 *  unread: nobody's keys are needed. */
static aigw_status apply(struct gw_auth *auth, const struct gw_settings *settings, const struct gw_oidc *oidc,
                         struct gw_auth_config *config)
{
    struct gw_issuer *wanted = NULL;
    struct gw_view *view = alloc_view(auth);
    aigw_status status = view ? AIGW_OK : AIGW_E_NOMEM;

    for (struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next)
        issuer->is_wanted = false;
    if (status == AIGW_OK && !settings->auth.bypass_external)
        status = want_issuers(auth, &wanted, settings, oidc);
    if (status != AIGW_OK) {
        free_issuers(wanted);
        free(view);
        return status;
    }
    if (auth->view && !wanted && keeps_issuers(auth) && gw_auth_config_is_same(config, auth->view->config))
        config->serial = auth->view->config->serial; /* cached tokens stay good */
    else
        config->serial = ++auth->next_serial;
    take_issuers(auth, wanted, gw_mono_ms() + config->refresh_ms);
    publish(auth, view, config);
    return AIGW_OK;
}

/** The start-up banner is the server's; a reload has none. */
static void announce_bypass(const struct gw_auth *auth, const struct gw_auth_config *config, bool is_reload)
{
    gw_series_set(gw_series(auth->metric_bypass, NULL), *config->bypass_text ? 1 : 0);
    if (*config->bypass_text && is_reload)
        gw_log(GW_LOG_WARNING, "authentication",
               "authentication is weakened by %s: for troubleshooting only, unset it afterwards", config->bypass_text);
}

static void register_metrics(struct gw_auth *auth)
{
    static const char *const check_labels[] = { "result" };
    static const char *const fetch_labels[] = { "provider", "result" };

    auth->metric_checks = gw_metric(GW_METRIC_COUNTER, "aigw_auth_total", "Authentication decisions by result.",
                                    check_labels, 1, NULL, 0);
    auth->metric_fetches = gw_metric(GW_METRIC_COUNTER, "aigw_jwks_fetches_total",
                                     "Loads of an issuer's signing keys by result.", fetch_labels, 2, NULL, 0);
    auth->metric_keys =
        gw_metric(GW_METRIC_GAUGE, "aigw_jwks_keys", "Usable signing keys of an issuer.", fetch_labels, 1, NULL, 0);
    auth->metric_bypass = gw_metric(GW_METRIC_GAUGE, "aigw_auth_bypass",
                                    "1 while a setting weakens or switches off authentication.", NULL, 0, NULL, 0);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

struct gw_auth *gw_auth_new_tuned(const struct gw_settings *settings, const struct gw_oidc *oidc,
                                  const struct gw_auth_tuning *tuning, struct gw_err *reterr)
{
    struct gw_auth *auth;
    struct gw_auth_config *config;
    aigw_status status;

    if (settings->auth.refuse_bypass && *gw_auth_bypass_text(settings)) {
        (void)gw_err_set(reterr, AIGW_E_CONFIG, "%s is set, and auth.refuse_bypass forbids it: unset one of them",
                         gw_auth_bypass_text(settings));
        return NULL;
    }
    auth = calloc(1, sizeof *auth);
    if (!auth || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(auth);
        (void)gw_err_set(reterr, AIGW_E_NOMEM, "authentication: out of memory");
        return NULL;
    }
    (void)pthread_mutex_init(&auth->lock, NULL);
    auth->tuning = *tuning;
    register_metrics(auth);
    config = gw_auth_config_new(settings, oidc, reterr);
    if (!config)
        goto fail;
    (void)pthread_mutex_lock(&auth->lock);
    status = apply(auth, settings, oidc, config);
    (void)pthread_mutex_unlock(&auth->lock);
    if (status != AIGW_OK) {
        (void)gw_err_set(reterr, status, "authentication: out of memory");
        goto fail;
    }
    announce_bypass(auth, config, false);
    if (gw_refresh_start(auth, reterr) != AIGW_OK)
        goto fail;
    gw_auth_config_unref(config);
    return auth;
fail:
    gw_auth_config_unref(config);
    gw_auth_free(auth);
    return NULL;
}

struct gw_auth *gw_auth_new(const struct gw_settings *settings, const struct gw_oidc *oidc, struct gw_err *reterr)
{
    const struct gw_auth_tuning tuning = gw_auth_tuning_default();

    return gw_auth_new_tuned(settings, oidc, &tuning, reterr);
}

void gw_auth_free(struct gw_auth *auth)
{
    if (!auth)
        return;
    gw_refresh_stop(auth);
    gw_view_unref(auth->view);
    (void)pthread_mutex_destroy(&auth->lock);
    free(auth);
    curl_global_cleanup();
}

struct gw_view *gw_auth_reconfigure(struct gw_auth *auth, const struct gw_settings *settings,
                                    const struct gw_oidc *oidc, struct gw_err *reterr)
{
    struct gw_auth_config *config = gw_auth_config_new(settings, oidc, reterr);
    struct gw_view *view = NULL;

    if (!config)
        return NULL;
    (void)pthread_mutex_lock(&auth->lock);
    if (apply(auth, settings, oidc, config) == AIGW_OK)
        view = gw_view_ref(auth->view);
    (void)pthread_mutex_unlock(&auth->lock);
    if (view) {
        (void)curl_multi_wakeup(auth->multi);
        announce_bypass(auth, config, true);
    } else {
        (void)gw_err_set(reterr, AIGW_E_NOMEM, "authentication: out of memory");
    }
    gw_auth_config_unref(config);
    return view;
}

bool gw_auth_lacks_keys(struct gw_auth *auth)
{
    bool is_one_asked = false, has_keys = false;

    (void)pthread_mutex_lock(&auth->lock);
    for (const struct gw_issuer *issuer = auth->issuers; issuer; issuer = issuer->next) {
        if (issuer->is_gone || issuer->config_error.text[0] || !gw_issuer_serves(issuer, AIGW_STR_NONE))
            continue;
        is_one_asked = true;
        has_keys = has_keys || (issuer->set && issuer->set->count > 0);
    }
    (void)pthread_mutex_unlock(&auth->lock);
    return is_one_asked && !has_keys;
}

void gw_auth_describe(struct gw_auth *auth, struct gw_buf *json)
{
    int64_t now_ms = gw_mono_ms();
    const struct gw_auth_config *config;

    (void)pthread_mutex_lock(&auth->lock);
    config = auth->view->config;
    gw_buf_printf(json, "\"keys\":{\"total\":%zu,\"bypass\":", auth->view->key_count);
    gw_buf_json(json, gw_str(config->bypass_text), true);
    gw_buf_printf(json, ",\"local\":{\"keys\":%zu,\"can_sign\":%s", config->local ? config->local->count : (size_t)0,
                  config->signing_key ? "true" : "false");
    if (config->signing_key && config->local) /* tells replicas apart; of the public half */
        gw_buf_printf(json, ",\"id\":\"%02x%02x%02x%02x\"", config->local->keys[0].id[0], config->local->keys[0].id[1],
                      config->local->keys[0].id[2], config->local->keys[0].id[3]);
    gw_buf_puts(json, "}");
    gw_buf_puts(json, ",\"issuers\":{");
    for (const struct gw_issuer *issuer = auth->issuers, *first = NULL; issuer; issuer = issuer->next) {
        if (issuer->is_gone)
            continue;
        gw_buf_puts(json, first ? "," : "");
        first = issuer;
        gw_buf_json(json, gw_str(issuer->name), true);
        gw_buf_puts(json, ":{\"url\":");
        gw_buf_json(json, gw_str(issuer->url), true);
        gw_buf_printf(json, ",\"keys\":%zu,\"age_s\":", issuer->set ? issuer->set->count : (size_t)0);
        if (issuer->set)
            gw_buf_printf(json, "%lld", (long long)((now_ms - issuer->loaded_ms) / 1000));
        else
            gw_buf_puts(json, "null");
        if (issuer->set)
            gw_buf_printf(json, ",\"clock_ahead_s\":%lld", (long long)issuer->clock_ahead_s);
        gw_buf_printf(json, ",\"failures\":%u,\"next_load_s\":%lld,\"error\":", (unsigned)issuer->failures,
                      (long long)(issuer->due_ms > now_ms ? (issuer->due_ms - now_ms) / 1000 : 0));
        if (issuer->error.text[0])
            gw_buf_json(json, gw_str(issuer->error.text), true);
        else
            gw_buf_puts(json, "null");
        gw_buf_puts(json, "}");
    }
    gw_buf_puts(json, "}}");
    (void)pthread_mutex_unlock(&auth->lock);
}
