/* local.c - the settings of authentication as an immutable copy, with our own signing and validation keys.
 * Each key is loaded by itself: one that cannot be read never takes the other with it. */
#include <stdlib.h>
#include <string.h>

#include <gnutls/x509.h>

#include "auth/internal.h"

struct gw_auth_config *gw_auth_config_ref(struct gw_auth_config *config)
{
    atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

void gw_auth_config_unref(struct gw_auth_config *config)
{
    if (!config || atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (config->signing_key)
        gnutls_privkey_deinit(config->signing_key);
    gw_keyset_unref(config->local);
    free(config->service_name);
    free(config->ca_file);
    free(config->extra_ca_file);
    free(config);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_keys(const struct gw_keyset *a, const struct gw_keyset *b)
{
    if (!a || !b || a->count != b->count)
        return !a && !b;
    for (size_t i = 0; i < a->count; i++)
        if (memcmp(a->keys[i].id, b->keys[i].id, GW_DIGEST_LEN) != 0 || !gw_str_eq(a->keys[i].kid, b->keys[i].kid))
            return false;
    return true;
}

bool gw_auth_config_is_same(const struct gw_auth_config *a, const struct gw_auth_config *b)
{
    return a->bypass_external == b->bypass_external && a->bypass_with_header == b->bypass_with_header &&
           a->bypass_signature == b->bypass_signature && a->leeway_s == b->leeway_s && a->refresh_ms == b->refresh_ms &&
           same_text(a->service_name, b->service_name) && same_text(a->ca_file, b->ca_file) &&
           same_text(a->extra_ca_file, b->extra_ca_file) && same_keys(a->local, b->local) &&
           !a->signing_key == !b->signing_key && memcmp(a->oidc_print, b->oidc_print, sizeof a->oidc_print) == 0;
}

static char *copy_text(const char *text)
{
    return text && *text ? strdup(text) : NULL;
}

struct gw_auth_config *gw_auth_config_new(const struct gw_settings *settings, const struct gw_oidc *oidc,
                                          struct gw_err *reterr)
{
    struct gw_auth_config *config = calloc(1, sizeof *config);
    const char *name = settings->auth.service_name;
    int64_t refresh_s = settings->auth.keys_refresh_s;

    if (!config)
        goto nomem;
    atomic_init(&config->refs, 1);
    config->bypass_external = settings->auth.bypass_external != 0;
    config->bypass_with_header = settings->auth.bypass_external_with_header != 0;
    config->bypass_signature = settings->auth.bypass_jwt_signature != 0;
    config->bypass_text = gw_auth_bypass_text(settings);
    config->leeway_s = settings->auth.leeway_s < 0 ? 0 : settings->auth.leeway_s > 60 ? 60 : settings->auth.leeway_s;
    config->refresh_ms = (refresh_s <= 0 || refresh_s > 86400 ? 86400 : refresh_s) * 1000;
    config->service_name = strdup(name && *name ? name : "gitlab-ai-gateway");
    config->ca_file = copy_text(settings->trust.keys_ca_file);
    config->extra_ca_file = copy_text(settings->upstream.extra_ca_file);
    if (!config->service_name || (settings->trust.keys_ca_file && *settings->trust.keys_ca_file && !config->ca_file) ||
        (settings->upstream.extra_ca_file && *settings->upstream.extra_ca_file && !config->extra_ca_file))
        goto nomem;
    if (oidc)
        memcpy(config->oidc_print, oidc->print, sizeof config->oidc_print);
    if (gw_local_keys_load(config, settings->auth.signing_key, settings->auth.validation_key) != AIGW_OK)
        goto nomem;
    return config;
nomem:
    gw_auth_config_unref(config);
    (void)gw_err_set(reterr, AIGW_E_NOMEM, "authentication: out of memory");
    return NULL;
}

/** Public numbers of a PEM key into the set. ret_private may be NULL; a public PEM is enough then. */
static aigw_status load_pem(struct gw_keyset *set, const char *pem, const char *kid, gnutls_privkey_t *ret_private,
                            struct gw_err *reterr)
{
    gnutls_datum_t text = { (unsigned char *)(uintptr_t)pem, (unsigned int)strlen(pem) };
    gnutls_datum_t n = { NULL, 0 }, e = { NULL, 0 };
    gnutls_privkey_t private_key = NULL;
    gnutls_pubkey_t public_key = NULL;
    aigw_status status = AIGW_E_NOMEM;
    int code;

    if (gnutls_privkey_init(&private_key) < 0 || gnutls_pubkey_init(&public_key) < 0)
        goto done;
    code = gnutls_privkey_import_x509_raw(private_key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code == 0)
        code = gnutls_pubkey_import_privkey(public_key, private_key, 0, 0);
    else if (!ret_private)
        code = gnutls_pubkey_import(public_key, &text, GNUTLS_X509_FMT_PEM);
    if (code < 0) {
        status = gw_err_set(
            reterr, AIGW_E_CONFIG,
            "not a readable PEM key (%s); expected an unencrypted RSA private key: its first line says BEGIN "
            "PRIVATE KEY or BEGIN RSA PRIVATE KEY, and it has real newlines or \\n",
            gnutls_strerror(code));
        goto done;
    }
    if (gnutls_pubkey_get_pk_algorithm(public_key, NULL) != GNUTLS_PK_RSA ||
        gnutls_pubkey_export_rsa_raw2(public_key, &n, &e, GNUTLS_EXPORT_FLAG_NO_LZ) < 0) {
        status = gw_err_set(
            reterr, AIGW_E_CONFIG, "a %s key, expected RSA of 2048 bits or more",
            gnutls_pk_algorithm_get_name((gnutls_pk_algorithm_t)gnutls_pubkey_get_pk_algorithm(public_key, NULL)));
        goto done;
    }
    status = gw_keyset_add(set, (aigw_str){ (const char *)n.data, n.size }, (aigw_str){ (const char *)e.data, e.size },
                           gw_str(kid), reterr);
    if (status == AIGW_OK && ret_private) {
        *ret_private = private_key;
        private_key = NULL;
    }
done:
    gnutls_free(n.data);
    gnutls_free(e.data);
    if (public_key)
        gnutls_pubkey_deinit(public_key);
    if (private_key)
        gnutls_privkey_deinit(private_key);
    return status;
}

aigw_status gw_local_key_check(const char *pem, bool is_signing, struct gw_err *reterr)
{
    struct gw_keyset *set = gw_keyset_new(1, true);
    gnutls_privkey_t private_key = NULL;
    aigw_status status;

    if (!set)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
    status = load_pem(set, pem, "key", is_signing ? &private_key : NULL, reterr);
    if (private_key)
        gnutls_privkey_deinit(private_key);
    gw_keyset_unref(set);
    return status;
}

aigw_status gw_local_keys_load(struct gw_auth_config *config, const char *signing_pem, const char *validation_pem)
{
    struct gw_keyset *set = gw_keyset_new(2, true);
    struct gw_err why = { "" };
    char kid[GW_KID_MAX];

    if (!set)
        return AIGW_E_NOMEM;
    if (!signing_pem || !*signing_pem) {
        (void)gw_err_set(&config->signing_error, AIGW_E_CONFIG, "AIGW_SELF_SIGNED_JWT__SIGNING_KEY is not set");
    } else {
        (void)snprintf(kid, sizeof kid, "%.200s_signing_key", config->service_name);
        if (load_pem(set, signing_pem, kid, &config->signing_key, &why) != AIGW_OK) {
            (void)gw_err_set(&config->signing_error, AIGW_E_CONFIG, "AIGW_SELF_SIGNED_JWT__SIGNING_KEY: %s", why.text);
            gw_log(GW_LOG_ERROR, "cloud_connector", "%s. User tokens cannot be issued until it is right.",
                   config->signing_error.text);
        }
    }
    if (validation_pem && *validation_pem) {
        (void)snprintf(kid, sizeof kid, "%.200s_validation_key", config->service_name);
        if (load_pem(set, validation_pem, kid, NULL, &why) != AIGW_OK)
            gw_log(GW_LOG_ERROR, "cloud_connector",
                   "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY: %s. Tokens signed with the previous key are refused.",
                   why.text);
    }
    if (set->count == 0) {
        gw_keyset_unref(set);
        set = NULL;
    }
    config->local = set;
    return AIGW_OK;
}
