/* pem.c - files of the serving certificate. */
#include "pipeline/pem.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

#define PEM_MAX (1u << 20)

static char *read_file(const char *path, struct gw_err *reterr)
{
    const char *why = "";
    FILE *file = gw_file_open(path, &why);
    char *text = NULL;
    size_t len = 0;

    if (!file) {
        gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot read: %s", path, why);
        return NULL;
    }
    text = malloc(PEM_MAX + 1);
    if (text)
        len = fread(text, 1, PEM_MAX, file);
    fclose(file);
    if (!text || len == 0 || len == PEM_MAX) {
        gw_err_set(reterr, AIGW_E_CONFIG, "%s: empty or larger than 1 MiB; expected a PEM file", path);
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

static struct timespec changed_at(const char *path)
{
    struct stat info;

    if (!path || stat(path, &info) != 0)
        return (struct timespec){ 0 };
    return info.st_mtim;
}

static bool differs(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec;
}

/* Do certificate and key belong together? Asked here because GnuTLS's own answer leaks the certificate when they do
 * not, and a certificate that is replaced file by file does not for a moment. */
static int match(gnutls_x509_crt_t cert, gnutls_x509_privkey_t key)
{
    unsigned char cert_id[64], key_id[64];
    size_t cert_id_len = sizeof cert_id, key_id_len = sizeof key_id;
    int error = gnutls_x509_crt_get_key_id(cert, 0, cert_id, &cert_id_len);

    if (error >= 0)
        error = gnutls_x509_privkey_get_key_id(key, 0, key_id, &key_id_len);
    if (error >= 0 && (cert_id_len != key_id_len || memcmp(cert_id, key_id, key_id_len) != 0))
        error = GNUTLS_E_CERTIFICATE_KEY_MISMATCH;
    return error;
}

static aigw_status judge(struct gw_pem *pem, const struct gw_settings *settings, struct gw_err *reterr)
{
    gnutls_datum_t cert_text = { (unsigned char *)pem->cert, (unsigned)strlen(pem->cert) };
    gnutls_datum_t key_text = { (unsigned char *)pem->key, (unsigned)strlen(pem->key) };
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t *chain = NULL;
    unsigned count = 0;
    int error = gnutls_x509_crt_list_import2(&chain, &count, &cert_text, GNUTLS_X509_FMT_PEM, 0);

    if (error >= 0)
        error = gnutls_x509_privkey_init(&key);
    if (error >= 0)
        error = gnutls_x509_privkey_import2(key, &key_text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (error >= 0)
        error = match(chain[0], key);
    if (error >= 0)
        pem->expires_s = (int64_t)gnutls_x509_crt_get_expiration_time(chain[0]);
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(chain[i]);
    gnutls_free(chain);
    if (key)
        gnutls_x509_privkey_deinit(key);
    if (error < 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s and %s: not a usable certificate and key: %s",
                          settings->tls.cert_file, settings->tls.key_file, gnutls_strerror(error));
    return AIGW_OK;
}

void gw_pem_remember(struct gw_pem *pem, const struct gw_settings *settings)
{
    pem->cert_changed = changed_at(settings->tls.cert_file);
    pem->key_changed = changed_at(settings->tls.key_file);
    pem->client_ca_changed = changed_at(settings->tls.client_ca_file);
}

aigw_status gw_pem_read(struct gw_pem *pem, const struct gw_settings *settings, struct gw_err *reterr)
{
    struct gw_pem fresh = { 0 };
    aigw_status status = AIGW_E_CONFIG;

    gw_pem_remember(&fresh, settings); /* before reading: a change in between is seen as one next time */
    fresh.cert = read_file(settings->tls.cert_file, reterr);
    fresh.key = fresh.cert ? read_file(settings->tls.key_file, reterr) : NULL;
    if (!fresh.key)
        goto fail;
    if (settings->tls.client_ca_file) {
        fresh.client_ca = read_file(settings->tls.client_ca_file, reterr);
        if (!fresh.client_ca)
            goto fail;
    }
    status = judge(&fresh, settings, reterr);
    if (status)
        goto fail;
    *pem = fresh;
    return AIGW_OK;
fail:
    gw_pem_done(&fresh);
    return status;
}

bool gw_pem_changed(const struct gw_pem *pem, const struct gw_settings *settings)
{
    return differs(pem->cert_changed, changed_at(settings->tls.cert_file)) ||
           differs(pem->key_changed, changed_at(settings->tls.key_file)) ||
           differs(pem->client_ca_changed, changed_at(settings->tls.client_ca_file));
}

struct gw_http_tls gw_pem_tls(const struct gw_pem *pem, const struct gw_settings *settings)
{
    const char *ciphers = settings->tls.ciphers;

    /* The original takes OpenSSL names here; "TLSv1" and "TLSv1.2" mean its default suites (auth-and-config.md §2.3).
     */
    if (!ciphers || !ciphers[0] || strncmp(ciphers, "TLSv1", 5) == 0)
        ciphers = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    return (struct gw_http_tls){
        .cert_pem = pem->cert, .key_pem = pem->key, .client_ca_pem = pem->client_ca, .priorities = ciphers
    };
}

void gw_pem_done(struct gw_pem *pem)
{
    if (pem->key)
        explicit_bzero(pem->key, strlen(pem->key));
    free(pem->cert);
    free(pem->key);
    free(pem->client_ca);
    *pem = (struct gw_pem){ 0 };
}
