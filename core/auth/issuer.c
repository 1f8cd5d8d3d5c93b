/* issuer.c - load the keys of one OIDC provider: discovery document, its jwks_uri, and, when that address does not
 * work, <base>/oauth/discovery/keys. GitLab builds jwks_uri from the Host of the caller but with the scheme of its
 * external URL, so a gateway that reaches it by an internal address is often sent to a URL that cannot answer.
 * An issuer of conf.d's `oidc` is taken at its word instead: the document below its own address, with exactly its name
 * in it, or the address of the keys that conf.d names, and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/internal.h"

#define DISCOVERY_PATH "/.well-known/openid-configuration"
#define FALLBACK_PATH  "/oauth/discovery/keys"

/** Take the URL apart. Leaves url, origin and has_path in the issuer. */
static aigw_status read_url(struct gw_issuer *issuer, const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL;
    aigw_status status = AIGW_E_NOMEM;
    size_t path_len;

    if (!parts)
        return gw_err_set(&issuer->config_error, AIGW_E_NOMEM, "out of memory");
    if (curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PATH, &path, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) || strlen(url) > GW_URL_MAX / 2) {
        status = gw_err_set(&issuer->config_error, AIGW_E_CONFIG,
                            "the URL of issuer %s cannot be used; expected http:// or https:// with a host and without "
                            "user name or password",
                            issuer->name);
        goto done;
    }
    (void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
    path_len = strlen(path);
    while (path_len > 0 && path[path_len - 1] == '/')
        path_len--;
    issuer->has_path = path_len > 0;
    if (asprintf(&issuer->origin, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "") < 0) {
        issuer->origin = NULL;
        goto done;
    }
    free(issuer->url);
    if (asprintf(&issuer->url, "%s%.*s", issuer->origin, (int)path_len, path) < 0) {
        issuer->url = NULL;
        goto done;
    }
    status = AIGW_OK;
done:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_url_cleanup(parts);
    return status;
}

struct gw_issuer *gw_issuer_new(const char *name, const char *url)
{
    struct gw_issuer *issuer = calloc(1, sizeof *issuer);
    aigw_status status;

    if (!issuer)
        return NULL;
    gw_fetch_init(&issuer->load.fetch, NULL, issuer);
    issuer->name = strdup(name);
    issuer->url = strdup("");
    issuer->created_ms = gw_mono_ms();
    issuer->due_ms = issuer->created_ms;
    if (!issuer->name || !issuer->url)
        goto fail;
    status = read_url(issuer, url);
    if (status == AIGW_E_CONFIG)
        issuer->error = issuer->config_error;
    else if (status != AIGW_OK)
        goto fail;
    return issuer;
fail:
    gw_issuer_free(issuer);
    return NULL;
}

struct gw_issuer *gw_issuer_new_oidc(const struct gw_oidc_group *group)
{
    struct gw_issuer *issuer = gw_issuer_new(group->grant.name, group->issuer);

    if (!issuer)
        return NULL;
    issuer->oidc_issuer = strdup(group->issuer);
    issuer->keys_url = group->keys_url ? strdup(group->keys_url) : NULL;
    if (issuer->oidc_issuer && (issuer->keys_url || !group->keys_url))
        return issuer;
    gw_issuer_free(issuer);
    return NULL;
}

bool gw_issuer_serves(const struct gw_issuer *issuer, aigw_str oidc_issuer)
{
    return oidc_issuer.ptr ? issuer->oidc_issuer && gw_str_is(oidc_issuer, issuer->oidc_issuer) : !issuer->oidc_issuer;
}

void gw_issuer_free(struct gw_issuer *issuer)
{
    if (!issuer)
        return;
    gw_issuer_stop(issuer);
    gw_fetch_done(&issuer->load.fetch);
    gw_keyset_unref(issuer->set);
    free(issuer->name);
    free(issuer->url);
    free(issuer->origin);
    free(issuer->oidc_issuer);
    free(issuer->keys_url);
    free(issuer);
}

void gw_issuer_stop(struct gw_issuer *issuer)
{
    gw_fetch_stop(&issuer->load.fetch);
    gw_auth_config_unref(issuer->load.config);
    issuer->load.config = NULL;
    issuer->load.step = GW_STEP_IDLE;
}

static aigw_status fetch(struct gw_issuer *issuer, int step, const char *base, const char *path, int64_t fetch_ms,
                         struct gw_err *reterr)
{
    char url[GW_URL_MAX];

    issuer->load.step = step;
    (void)snprintf(url, sizeof url, "%s%s", base, path);
    return gw_fetch_start(&issuer->load.fetch, issuer->load.config, url, fetch_ms, reterr);
}

/** The first document that is asked for. */
static aigw_status fetch_first(struct gw_issuer *issuer, int64_t fetch_ms, struct gw_err *reterr)
{
    if (issuer->keys_url)
        return fetch(issuer, GW_STEP_KEYS, issuer->keys_url, "", fetch_ms, reterr);
    if (issuer->oidc_issuer)
        return fetch(issuer, GW_STEP_DISCOVERY_AT_PATH, issuer->url, DISCOVERY_PATH, fetch_ms, reterr);
    return fetch(issuer, GW_STEP_DISCOVERY, issuer->origin, DISCOVERY_PATH, fetch_ms, reterr);
}

int gw_issuer_begin(struct gw_issuer *issuer, CURLM *multi, struct gw_auth_config *config, int64_t fetch_ms,
                    struct gw_err *reterr)
{
    gw_issuer_stop(issuer);
    issuer->load.fetch.multi = multi;
    issuer->load.config = gw_auth_config_ref(config);
    issuer->load.first_error.text[0] = '\0';
    issuer->load.issuer[0] = '\0';
    if (fetch_first(issuer, fetch_ms, reterr) == AIGW_OK)
        return GW_LOAD_MORE;
    gw_issuer_stop(issuer);
    return GW_LOAD_FAILED;
}

/** The address that GitLab should have named. `why` is what was wrong with the one it did name. */
static int try_fallback(struct gw_issuer *issuer, int64_t fetch_ms, const struct gw_err *why, struct gw_err *reterr)
{
    struct gw_err second;

    if (issuer->oidc_issuer) {
        *reterr = *why;
        return GW_LOAD_FAILED;
    }
    issuer->load.first_error = *why;
    if (fetch(issuer, GW_STEP_FALLBACK, issuer->url, FALLBACK_PATH, fetch_ms, &second) == AIGW_OK)
        return GW_LOAD_MORE;
    (void)gw_err_set(reterr, AIGW_E_CONFIG, "%.360s; then %.360s", why->text, second.text);
    return GW_LOAD_FAILED;
}

/** Name the document in what its parser found wrong. */
static void name_document(const struct gw_load *load, struct gw_err *why)
{
    struct gw_err found = *why;

    (void)gw_err_set(why, AIGW_E_INVALID, "%.300s: %.400s", load->fetch.url, found.text);
}

/** Discovery ended; failed: `why` is set. */
static int after_discovery(struct gw_issuer *issuer, bool is_good, int64_t fetch_ms, struct gw_err *why,
                           struct gw_err *reterr)
{
    struct gw_load *load = &issuer->load;
    bool was_answered = load->fetch.status != 0;
    bool is_usable = false;

    if (is_good) {
        is_usable = gw_discovery_parse(gw_buf_str(&load->fetch.body), load->jwks_uri, load->issuer, why) == AIGW_OK;
        if (is_usable && issuer->oidc_issuer && strcmp(load->issuer, issuer->oidc_issuer) != 0) {
            (void)gw_err_set(why, AIGW_E_CONFIG,
                             "it is the document of issuer \"%.300s\", conf.d says \"%.300s\": tokens name the former",
                             load->issuer, issuer->oidc_issuer);
            is_usable = false;
        }
        if (!is_usable)
            name_document(load, why);
    }
    if (is_usable) {
        if (gw_is_https(issuer->url) && !gw_is_https(load->jwks_uri))
            (void)gw_err_set(why, AIGW_E_CONFIG, "jwks_uri %.300s is refused because it leaves https", load->jwks_uri);
        else if (fetch(issuer, GW_STEP_KEYS, load->jwks_uri, "", fetch_ms, why) == AIGW_OK)
            return GW_LOAD_MORE;
        return try_fallback(issuer, fetch_ms, why, reterr);
    }
    /* Who did not answer at all will not answer another path either. */
    if (was_answered && load->step == GW_STEP_DISCOVERY && issuer->has_path) {
        if (fetch(issuer, GW_STEP_DISCOVERY_AT_PATH, issuer->url, DISCOVERY_PATH, fetch_ms, why) == AIGW_OK)
            return GW_LOAD_MORE;
    }
    if (was_answered)
        return try_fallback(issuer, fetch_ms, why, reterr);
    *reterr = *why;
    return GW_LOAD_FAILED;
}

/** Mark the keys as this issuer's. False: out of memory, and the set is gone. */
static bool own_keys(const struct gw_issuer *issuer, struct gw_keyset *set, struct gw_err *why)
{
    if (!issuer->oidc_issuer || (set->issuer = strdup(issuer->oidc_issuer)) != NULL)
        return true;
    gw_keyset_unref(set);
    (void)gw_err_set(why, AIGW_E_NOMEM, "out of memory for the keys");
    return false;
}

static int after_keys(struct gw_issuer *issuer, bool is_good, int64_t fetch_ms, struct gw_err *why,
                      struct gw_keyset **ret_set, struct gw_err *reterr)
{
    struct gw_load *load = &issuer->load;
    char fallback[GW_URL_MAX];

    if (is_good) {
        is_good = gw_jwks_parse(gw_buf_str(&load->fetch.body), !issuer->oidc_issuer, ret_set, why) == AIGW_OK;
        if (!is_good)
            name_document(load, why);
        else if (!own_keys(issuer, *ret_set, why))
            is_good = false;
    }
    if (is_good) {
        if (load->step == GW_STEP_FALLBACK)
            gw_log(GW_LOG_WARNING, "cloud_connector",
                   "keys of issuer %s were loaded from %s" FALLBACK_PATH
                   " because the announced way failed (%s). If GitLab is reached by an internal address, this is "
                   "expected and harmless; to end it, use the address that GitLab has as its external URL.",
                   issuer->name, issuer->url, load->first_error.text);
        return GW_LOAD_OK;
    }
    (void)snprintf(fallback, sizeof fallback, "%s" FALLBACK_PATH, issuer->url);
    if (load->step == GW_STEP_KEYS && !issuer->oidc_issuer && strcmp(load->jwks_uri, fallback) != 0)
        return try_fallback(issuer, fetch_ms, why, reterr);
    if (load->step == GW_STEP_FALLBACK)
        (void)gw_err_set(reterr, AIGW_E_CONFIG, "%.360s; then %.360s", load->first_error.text, why->text);
    else
        *reterr = *why;
    return GW_LOAD_FAILED;
}

int gw_issuer_step(struct gw_issuer *issuer, CURLcode code, int64_t fetch_ms, struct gw_keyset **ret_set,
                   struct gw_err *reterr)
{
    struct gw_load *load = &issuer->load;
    struct gw_err why = { "" };
    int outcome = gw_fetch_finish(&load->fetch, code, &why);

    if (outcome == GW_FETCH_REDIRECTED)
        return GW_LOAD_MORE;
    if (load->step == GW_STEP_DISCOVERY || load->step == GW_STEP_DISCOVERY_AT_PATH)
        outcome = after_discovery(issuer, outcome == GW_FETCH_OK, fetch_ms, &why, reterr);
    else
        outcome = after_keys(issuer, outcome == GW_FETCH_OK, fetch_ms, &why, ret_set, reterr);
    if (outcome != GW_LOAD_MORE)
        gw_issuer_stop(issuer);
    return outcome;
}
