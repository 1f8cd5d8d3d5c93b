/* trust.c - see trust.h. Uses GnuTLS only; knows nothing of libcurl. */
#include "upstream/trust.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHAIN_MAX 16u

/** What a file was when it was read; a change means reading again. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/** Parsed, a system's bundle takes some 4 MB per worker and 11 ms, yet the servers in use hang on a handful of CAs. So
 *  the whole bundle is kept only while some server is not trusted; otherwise just the CAs that have vouched before. */
struct gw_trust_list {
    gnutls_x509_trust_list_t all; /* NULL: not loaded */
    gnutls_x509_trust_list_t known;
    struct stamp ca_stamp, extra_stamp;
};

static bool copy_text(char **ret_copy, const char *text)
{
    *ret_copy = text ? strdup(text) : NULL;
    return *ret_copy || !text;
}

struct gw_trust *gw_trust_new(const struct gw_upstream_tls *tls)
{
    static const struct gw_upstream_tls plain = { .verify = true };
    struct gw_trust *trust = calloc(1, sizeof *trust);

    if (!trust)
        return NULL;
    if (!tls)
        tls = &plain;
    trust->verify = tls->verify;
    if (copy_text(&trust->ca_file, tls->ca_file) && copy_text(&trust->ca_source, tls->ca_source) &&
        copy_text(&trust->extra_ca_file, tls->extra_ca_file) && copy_text(&trust->cert_file, tls->cert_file) &&
        copy_text(&trust->key_file, tls->key_file) && copy_text(&trust->key_password, tls->key_password))
        return trust;
    gw_trust_free(trust);
    return NULL;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool gw_trust_is_for(const struct gw_trust *trust, const struct gw_upstream_tls *tls)
{
    static const struct gw_upstream_tls plain = { .verify = true };

    if (!tls)
        tls = &plain;
    return trust->verify == tls->verify && same(trust->ca_file, tls->ca_file) &&
           same(trust->extra_ca_file, tls->extra_ca_file) && same(trust->cert_file, tls->cert_file) &&
           same(trust->key_file, tls->key_file) && same(trust->key_password, tls->key_password);
}

static void list_free(struct gw_trust_list *list)
{
    if (!list)
        return;
    if (list->all)
        gnutls_x509_trust_list_deinit(list->all, 1);
    gnutls_x509_trust_list_deinit(list->known, 1);
    free(list);
}

void gw_trust_free(struct gw_trust *trust)
{
    if (!trust)
        return;
    list_free(trust->list);
    if (trust->key_password)
        explicit_bzero(trust->key_password, strlen(trust->key_password));
    free(trust->ca_file);
    free(trust->ca_source);
    free(trust->extra_ca_file);
    free(trust->cert_file);
    free(trust->key_file);
    free(trust->key_password);
    free(trust);
}

static void complain(struct gw_trust_check *check, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void complain(struct gw_trust_check *check, const char *fmt, ...)
{
    va_list args;

    free(check->problem);
    va_start(args, fmt);
    if (vasprintf(&check->problem, fmt, args) < 0)
        check->problem = NULL;
    va_end(args);
}

static const char *ca_name(const struct gw_trust *trust)
{
    return trust->ca_file ? trust->ca_file : "the system's CA bundle";
}

static const char *ca_setting(const struct gw_trust *trust)
{
    if (trust->ca_file && trust->ca_source)
        return trust->ca_source;
    return trust->ca_file ? "configuration" : "no setting names another";
}

/* ---- the list ----------------------------------------------------------------------------------------------- */

static struct stamp stamp_of(const char *path)
{
    struct stamp stamp;
    struct stat st;

    memset(&stamp, 0, sizeof stamp); /* compared with memcmp: no stray padding */
    if (path && stat(path, &st) == 0) {
        stamp.device = st.st_dev;
        stamp.inode = st.st_ino;
        stamp.size = st.st_size;
        stamp.changed = st.st_mtim;
    }
    return stamp;
}

/** Certificates added, or a negative GnuTLS code. PEM bundle, one DER certificate, or a directory of either. */
static int add_path(gnutls_x509_trust_list_t cas, const char *path)
{
    struct stat st;
    int count;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return gnutls_x509_trust_list_add_trust_dir(cas, path, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    count = gnutls_x509_trust_list_add_trust_file(cas, path, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    if (count <= 0) {
        int as_der = gnutls_x509_trust_list_add_trust_file(cas, path, NULL, GNUTLS_X509_FMT_DER, 0, 0);

        if (as_der > 0)
            return as_der;
    }
    return count;
}

/** Read everything that is configured. False with a complaint when a named file gives no certificate: there is never a
 *  silent fall back to less. */
static bool load_all(struct gw_trust *trust, struct gw_trust_check *check)
{
    gnutls_x509_trust_list_t all;
    int count;

    if (trust->list->all)
        return true;
    if (gnutls_x509_trust_list_init(&all, 0) < 0) {
        complain(check, "out of memory while loading CA certificates");
        return false;
    }
    count = trust->ca_file ? add_path(all, trust->ca_file) : gnutls_x509_trust_list_add_system_trust(all, 0, 0);
    if (count <= 0) {
        complain(check, "no CA certificate could be read from %s (%s): %s; expected a readable PEM file",
                 ca_name(trust), ca_setting(trust), count < 0 ? gnutls_strerror(count) : "none found");
        goto fail;
    }
    if (trust->extra_ca_file) {
        count = add_path(all, trust->extra_ca_file);
        if (count < 0) {
            complain(check,
                     "no CA certificate could be read from %s (AIGW_EXTRA_CA_FILE): %s; expected a readable PEM file",
                     trust->extra_ca_file, gnutls_strerror(count));
            goto fail;
        }
    }
    trust->list->all = all;
    return true;
fail:
    gnutls_x509_trust_list_deinit(all, 1);
    return false;
}

/** Forget what was read when a file has changed since. False when out of memory. */
static bool refresh(struct gw_trust *trust)
{
    struct stamp ca_stamp = stamp_of(trust->ca_file ? trust->ca_file : gw_trust_system_file());
    struct stamp extra_stamp = stamp_of(trust->extra_ca_file);
    struct gw_trust_list *list = trust->list;

    if (list && memcmp(&list->ca_stamp, &ca_stamp, sizeof ca_stamp) == 0 &&
        memcmp(&list->extra_stamp, &extra_stamp, sizeof extra_stamp) == 0)
        return true;
    list = calloc(1, sizeof *list);
    if (!list || gnutls_x509_trust_list_init(&list->known, 0) < 0) {
        free(list);
        return false;
    }
    list->ca_stamp = ca_stamp;
    list->extra_stamp = extra_stamp;
    list_free(trust->list);
    trust->list = list;
    return true;
}

/** Remember who vouched, and let the rest go. A trusted certificate that is no CA is not
 *  remembered: then the rest stays. */
static void keep_known(struct gw_trust_list *list, gnutls_x509_crt_t *chain, unsigned count)
{
    bool is_known = false;

    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_t issuer, copy;
        gnutls_datum_t der;

        if (gnutls_x509_trust_list_get_issuer(list->all, chain[i], &issuer, 0) < 0 ||
            gnutls_x509_crt_export2(issuer, GNUTLS_X509_FMT_DER, &der) < 0)
            continue;
        if (gnutls_x509_crt_init(&copy) == 0) {
            if (gnutls_x509_crt_import(copy, &der, GNUTLS_X509_FMT_DER) == 0 &&
                gnutls_x509_trust_list_add_cas(list->known, &copy, 1, GNUTLS_TL_NO_DUPLICATES) == 1)
                is_known = true;
            else
                gnutls_x509_crt_deinit(copy);
        }
        gnutls_free(der.data);
    }
    if (!is_known)
        return;
    gnutls_x509_trust_list_deinit(list->all, 1);
    list->all = NULL;
#ifdef __GLIBC__
    malloc_trim(0); /* megabytes in thousands of small pieces */
#endif
}

const char *gw_trust_system_file(void)
{
    static const char *const files[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                         "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };

    for (size_t i = 0; i < GW_ARRAY_LEN(files); i++)
        if (access(files[i], R_OK) == 0)
            return files[i];
    return NULL;
}

/* ---- words for a refusal ------------------------------------------------------------------------------------ */

/** A name in text form, control characters out: it comes from a stranger. Free with free(). */
static char *dn_text(gnutls_x509_crt_t crt, int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned))
{
    gnutls_datum_t dn = { NULL, 0 };
    char *text;

    if (get(crt, &dn, 0) < 0)
        return strdup("?");
    text = dn.size > 0 ? strndup((const char *)dn.data, dn.size < 200 ? dn.size : 200) : strdup("(empty)");
    gnutls_free(dn.data);
    for (char *at = text; at && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return text;
}

static void date_text(time_t when, char ret_text[32])
{
    struct tm tm;

    if (when == (time_t)-1 || !gmtime_r(&when, &tm) || strftime(ret_text, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        snprintf(ret_text, 32, "?");
}

/** The names the certificate is good for, "a, b"; as many as fit. */
static void alt_names(gnutls_x509_crt_t crt, char *ret_text, size_t size)
{
    size_t used = 0;

    ret_text[0] = '\0';
    for (unsigned i = 0; i < 32; i++) {
        char name[128];
        size_t len = sizeof name - 1;
        int type = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &len, NULL);

        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            break;
        if (type != GNUTLS_SAN_DNSNAME || len >= sizeof name || used + len + 3 > size)
            continue;
        name[len] = '\0';
        for (size_t c = 0; c < len; c++)
            if ((unsigned char)name[c] <= 0x20 || name[c] == 0x7f)
                name[c] = '?';
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used ? ", " : "", name);
    }
    if (used == 0)
        snprintf(ret_text, size, "none");
}

/** The certificate that the status is about: for a missing issuer the last of the chain, for dates the bad one. */
static gnutls_x509_crt_t culprit(gnutls_x509_crt_t *chain, unsigned count, unsigned status)
{
    time_t now = time(NULL);

    if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED))
        for (unsigned i = 0; i < count; i++)
            if (gnutls_x509_crt_get_expiration_time(chain[i]) < now ||
                gnutls_x509_crt_get_activation_time(chain[i]) > now)
                return chain[i];
    if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
        return chain[count - 1];
    return chain[0];
}

static void explain(struct gw_trust_check *check, gnutls_x509_crt_t *chain, unsigned count, unsigned status)
{
    const struct gw_trust *trust = check->trust;
    gnutls_x509_crt_t crt = culprit(chain, count, status);
    char *subject = dn_text(crt, gnutls_x509_crt_get_dn3), *issuer = dn_text(crt, gnutls_x509_crt_get_issuer_dn3);
    char date[32], names[256];
    gnutls_datum_t words = { NULL, 0 };

    if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) {
        bool is_expired = (status & GNUTLS_CERT_EXPIRED) != 0;

        date_text(is_expired ? gnutls_x509_crt_get_expiration_time(crt) : gnutls_x509_crt_get_activation_time(crt),
                  date);
        complain(check,
                 "certificate refused: subject '%s', issuer '%s' %s %s; renew it on the server, or correct this "
                 "machine's clock",
                 subject, issuer, is_expired ? "expired at" : "is valid only from", date);
    } else if (status & GNUTLS_CERT_UNEXPECTED_OWNER) {
        alt_names(chain[0], names, sizeof names);
        complain(check,
                 "certificate refused: subject '%s', issuer '%s' is not for the host name %s (it is for: %s); use "
                 "one of its names in the endpoint, or give the server a certificate for this name",
                 subject, issuer, check->host, names);
    } else if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)) {
        complain(check,
                 "certificate not trusted: subject '%s', issuer '%s' is not signed by a CA in %s (%s); add the "
                 "issuing CA's certificate with AIGW_EXTRA_CA_FILE%s",
                 subject, issuer, ca_name(trust), ca_setting(trust),
                 count == 1 ? " (or have the server send its intermediate certificates)" : "");
    } else {
        if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0) < 0)
            words.data = NULL;
        complain(check, "certificate refused: subject '%s', issuer '%s': %s", subject, issuer,
                 words.data ? (const char *)words.data : "verification failed");
        gnutls_free(words.data);
    }
    free(subject);
    free(issuer);
}

/* ---- the check ---------------------------------------------------------------------------------------------- */

/** The CA in the list that vouches for the chain goes into the session's own credentials, where libcurl's
 *  verification looks next. */
static void lend_anchor(gnutls_session_t session, gnutls_x509_trust_list_t cas, gnutls_x509_crt_t *chain,
                        unsigned count)
{
    gnutls_certificate_credentials_t cred = NULL;

    if (gnutls_credentials_get(session, GNUTLS_CRD_CERTIFICATE, (void **)&cred) < 0 || !cred)
        return;
    gnutls_certificate_set_verify_flags(cred, GNUTLS_VERIFY_ALLOW_X509_V1_CA_CRT);
    for (unsigned i = count; i-- > 0;) {
        gnutls_x509_crt_t issuer;

        if (gnutls_x509_trust_list_get_issuer(cas, chain[i], &issuer, 0) == 0)
            (void)gnutls_certificate_set_x509_trust(cred, &issuer, 1);
    }
}

/** Chain, dates, purpose and name against one list; *ret_status as GnuTLS has it. */
static int verify(gnutls_x509_trust_list_t cas, const char *url_host, gnutls_x509_crt_t *chain, unsigned count,
                  unsigned *ret_status)
{
    char host[256];
    size_t len = strlen(url_host);
    bool has_brackets = len > 2 && url_host[0] == '[';
    gnutls_typed_vdata_st data[2] = { { .type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)host },
                                      { .type = GNUTLS_DT_KEY_PURPOSE_OID,
                                        .data = (unsigned char *)GNUTLS_KP_TLS_WWW_SERVER } };

    snprintf(host, sizeof host, "%.*s", (int)(has_brackets ? len - 2 : len), url_host + has_brackets);
    len = strlen(host);
    if (len > 0 && host[len - 1] == '.')
        host[len - 1] = '\0';
    return gnutls_x509_trust_list_verify_crt2(cas, chain, count, data, 2, GNUTLS_VERIFY_ALLOW_X509_V1_CA_CRT,
                                              ret_status, NULL);
}

static bool check_chain(gnutls_session_t session, struct gw_trust_check *check, gnutls_x509_crt_t *chain,
                        unsigned count)
{
    struct gw_trust *trust = check->trust;
    unsigned status = 0;
    int rc;

    if (!refresh(trust)) {
        complain(check, "out of memory while loading CA certificates");
        return false;
    }
    if (verify(trust->list->known, check->host, chain, count, &status) == 0 && status == 0) {
        lend_anchor(session, trust->list->known, chain, count);
        return true;
    }
    if (!load_all(trust, check))
        return false;
    status = 0;
    rc = verify(trust->list->all, check->host, chain, count, &status);
    if (rc < 0) {
        complain(check, "the server's certificate could not be checked: %s", gnutls_strerror(rc));
        return false;
    }
    if (status != 0) {
        explain(check, chain, count, status);
        return false;
    }
    lend_anchor(session, trust->list->all, chain, count);
    keep_known(trust->list, chain, count);
    return true;
}

static int on_verify(gnutls_session_t session)
{
    struct gw_trust_check *check = gnutls_session_get_ptr(session);
    const gnutls_datum_t *der;
    gnutls_x509_crt_t chain[CHAIN_MAX];
    unsigned offered = 0, count = 0;

    /* Once only: the check ends with the handshake, the session may outlive it by hours. The pointer stays non-NULL to
     * mark the session as done with. */
    gnutls_session_set_verify_function(session, NULL);
    gnutls_session_set_ptr(session, session);
    check->did_run = true;
    der = gnutls_certificate_get_peers(session, &offered);
    if (gnutls_certificate_type_get(session) == GNUTLS_CRT_X509 && der)
        while (count < offered && count < CHAIN_MAX) {
            if (gnutls_x509_crt_init(&chain[count]) < 0)
                break;
            count++;
            if (gnutls_x509_crt_import(chain[count - 1], &der[count - 1], GNUTLS_X509_FMT_DER) < 0) {
                gnutls_x509_crt_deinit(chain[--count]);
                break;
            }
        }
    if (count == 0)
        complain(check, "the server sent no certificate that can be read");
    else
        check->did_pass = check_chain(session, check, chain, count);
    while (count > 0)
        gnutls_x509_crt_deinit(chain[--count]);
    return check->did_pass ? 0 : GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

void gw_trust_watch(gnutls_session_t session, struct gw_trust_check *check)
{
    if (gnutls_session_get_ptr(session))
        return;
    gnutls_session_set_ptr(session, check);
    gnutls_session_set_verify_function(session, on_verify);
    check->is_installed = true;
}
