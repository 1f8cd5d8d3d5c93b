/* tls.c - certificates, protocol versions, client certificates.
 *
 * Every new connection is handed the present configuration before its handshake begins; it keeps a reference until it
 * is closed. So a new certificate, key, client CA or cipher list needs no restart.
 */
#include <string.h>

#include <gnutls/x509.h>
#include <stdlib.h>

#include "http/internal.h"

#define DEFAULT_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

void http_tls_unref(struct http_tls *tls)
{
    if (!tls || --tls->refs > 0)
        return;
    if (tls->credentials)
        gnutls_certificate_free_credentials(tls->credentials);
    if (tls->priorities)
        gnutls_priority_deinit(tls->priorities);
    free(tls);
}

static gnutls_datum_t datum(const char *text)
{
    return (gnutls_datum_t){ .data = (unsigned char *)(uintptr_t)text, .size = (unsigned int)strlen(text) };
}

static aigw_status tls_load(struct http_tls *tls, const struct gw_http_tls *options, struct gw_err *reterr)
{
    const char *priorities = options->priorities && *options->priorities ? options->priorities : DEFAULT_PRIORITIES;
    const char *bad_at = NULL;

    if (!options->cert_pem || !options->key_pem)
        return gw_err_set(reterr, AIGW_E_CONFIG, "TLS: certificate or key is missing; set both");
    int rc = gnutls_priority_init(&tls->priorities, priorities, &bad_at);
    if (rc < 0) {
        tls->priorities = NULL;
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "TLS: cipher list \"%s\": %s near \"%.40s\"; expected a GnuTLS "
                          "priority string such as \"%s\"",
                          priorities, gnutls_strerror(rc), bad_at ? bad_at : "", DEFAULT_PRIORITIES);
    }
    gnutls_datum_t cert = datum(options->cert_pem);
    gnutls_datum_t key = datum(options->key_pem);
    rc = gnutls_certificate_allocate_credentials(&tls->credentials);
    if (rc < 0)
        return gw_err_set(reterr, AIGW_E_NOMEM, "TLS: %s", gnutls_strerror(rc));
    rc = gnutls_certificate_set_x509_key_mem(tls->credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
    if (rc < 0)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "TLS: certificate and key: %s; expected a PEM certificate chain, "
                          "server certificate first, and its unencrypted PEM key",
                          gnutls_strerror(rc));
    if (options->client_ca_pem) {
        gnutls_datum_t ca = datum(options->client_ca_pem);
        rc = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca, GNUTLS_X509_FMT_PEM);
        if (rc <= 0)
            return gw_err_set(reterr, AIGW_E_CONFIG, "TLS: client CA: %s; expected PEM certificates",
                              rc < 0 ? gnutls_strerror(rc) : "no certificate found");
        tls->wants_client_cert = true;
    }
    return AIGW_OK;
}

struct http_tls *http_tls_new(const struct gw_http_tls *options, struct gw_err *reterr)
{
    struct http_tls *tls = calloc(1, sizeof *tls);

    if (!tls) {
        gw_err_set(reterr, AIGW_E_NOMEM, "TLS: out of memory");
        return NULL;
    }
    tls->refs = 1;
    if (tls_load(tls, options, reterr) != AIGW_OK) {
        http_tls_unref(tls);
        return NULL;
    }
    return tls;
}

gnutls_session_t http_tls_session(const struct http_tls *tls, int fd)
{
    gnutls_session_t session;

    if (gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
        return NULL;
    if (gnutls_priority_set(session, tls->priorities) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0) {
        gnutls_deinit(session);
        return NULL;
    }
    if (tls->wants_client_cert) {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert(session, NULL, 0); /* the handshake fails on a bad one */
    }
    gnutls_transport_set_int(session, fd);
    gnutls_handshake_set_timeout(session, 0); /* the connection's own deadline ends it */
    return session;
}
