/* trust.c - see trust.h. Uses GnuTLS only; knows nothing of connections. */
#include "upstream/trust.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHAIN_MAX   16u
#define CHECK_MS    1000
#define PRIORITIES  "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define CLIENT_CERT "AIGW_MTLS__CERT_FILE, AIGW_MTLS__KEY_FILE and AIGW_MTLS__KEY_PASSWORD"

/** What a file was when it was read; a change means reading again. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/** The files behind a setting: CA bundle, extra CAs, client certificate, its key. */
struct stamps {
    struct stamp files[4];
};

struct gw_credentials {
    struct gw_credentials *next; /* under the store's lock, as is refs */
    unsigned refs;
    struct gw_trust_store *store;
    struct gw_trust_key key;
    struct stamps stamps;
    gnutls_certificate_credentials_t cred;
    char *problem;
};

struct gw_trust_store {
    pthread_mutex_t lock;
    struct gw_credentials *all; /* in use by somebody */
    gnutls_priority_t priorities;
};

/* ---- settings ------------------------------------------------------------------------------------------------- */

static bool copy_text(char **ret_copy, const char *text)
{
    *ret_copy = text ? strdup(text) : NULL;
    return *ret_copy || !text;
}

static void key_done(struct gw_trust_key *key)
{
    if (key->key_password)
        explicit_bzero(key->key_password, strlen(key->key_password));
    free(key->ca_file);
    free(key->ca_source);
    free(key->extra_ca_file);
    free(key->cert_file);
    free(key->key_file);
    free(key->key_password);
    *key = (struct gw_trust_key){ .verify = true };
}

static bool key_copy(struct gw_trust_key *ret_key, const struct gw_upstream_tls *tls)
{
    *ret_key = (struct gw_trust_key){ .verify = tls->verify };
    if (copy_text(&ret_key->ca_file, tls->ca_file) && copy_text(&ret_key->ca_source, tls->ca_source) &&
        copy_text(&ret_key->extra_ca_file, tls->extra_ca_file) && copy_text(&ret_key->cert_file, tls->cert_file) &&
        copy_text(&ret_key->key_file, tls->key_file) && copy_text(&ret_key->key_password, tls->key_password))
        return true;
    key_done(ret_key);
    return false;
}

/** The same settings, borrowed. */
static struct gw_upstream_tls settings_of(const struct gw_trust_key *key)
{
    return (struct gw_upstream_tls){ .ca_file = key->ca_file,
                                     .ca_source = key->ca_source,
                                     .extra_ca_file = key->extra_ca_file,
                                     .cert_file = key->cert_file,
                                     .key_file = key->key_file,
                                     .key_password = key->key_password,
                                     .verify = key->verify };
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool key_is(const struct gw_trust_key *key, const struct gw_upstream_tls *tls)
{
    return key->verify == tls->verify && same(key->ca_file, tls->ca_file) && same(key->ca_source, tls->ca_source) &&
           same(key->extra_ca_file, tls->extra_ca_file) && same(key->cert_file, tls->cert_file) &&
           same(key->key_file, tls->key_file) && same(key->key_password, tls->key_password);
}

static const char *ca_name(const struct gw_trust_key *key)
{
    return key->ca_file ? key->ca_file : "the system's CA bundle";
}

static const char *ca_setting(const struct gw_trust_key *key)
{
    if (key->ca_file && key->ca_source)
        return key->ca_source;
    return key->ca_file ? "configuration" : "no setting names another";
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

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

/** Where GnuTLS most likely reads the system's CAs from; only to see when they change. */
static const char *system_file(void)
{
    static const char *const files[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                         "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };

    for (size_t i = 0; i < GW_ARRAY_LEN(files); i++)
        if (access(files[i], R_OK) == 0)
            return files[i];
    return NULL;
}

static void take_stamps(struct stamps *stamps, const struct gw_trust_key *key)
{
    memset(stamps, 0, sizeof *stamps);
    if (key->verify) {
        stamps->files[0] = stamp_of(key->ca_file ? key->ca_file : system_file());
        stamps->files[1] = stamp_of(key->extra_ca_file);
    }
    stamps->files[2] = stamp_of(key->cert_file);
    stamps->files[3] = stamp_of(key->key_file);
}

static void complain(char **ret_problem, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void complain(char **ret_problem, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (vasprintf(ret_problem, fmt, args) < 0)
        *ret_problem = NULL;
    va_end(args);
}

/** Certificates added, or a negative GnuTLS code. PEM bundle, one DER certificate, or a directory of either. */
static int add_path(gnutls_certificate_credentials_t cred, const char *path)
{
    struct stat st = { 0 };
    int count;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return gnutls_certificate_set_x509_trust_dir(cred, path, GNUTLS_X509_FMT_PEM);
    if (S_ISFIFO(st.st_mode))
        return GNUTLS_E_FILE_ERROR; /* it would be waited for, by a worker */
    count = gnutls_certificate_set_x509_trust_file(cred, path, GNUTLS_X509_FMT_PEM);
    if (count <= 0) {
        int as_der = gnutls_certificate_set_x509_trust_file(cred, path, GNUTLS_X509_FMT_DER);

        if (as_der > 0)
            return as_der;
    }
    return count;
}

/** Read everything that is configured; what cannot be read is complained about: there is never a silent fall back to
 *  less. */
static void load_cas(struct gw_credentials *credentials)
{
    const struct gw_trust_key *key = &credentials->key;
    int count = key->ca_file ? add_path(credentials->cred, key->ca_file)
                             : gnutls_certificate_set_x509_system_trust(credentials->cred);

    if (count <= 0) {
        complain(&credentials->problem,
                 "no CA certificate could be read from %s (%s): %s; expected a readable PEM file", ca_name(key),
                 ca_setting(key), count < 0 ? gnutls_strerror(count) : "none found");
        return;
    }
    if (!key->extra_ca_file)
        return;
    count = add_path(credentials->cred, key->extra_ca_file);
    if (count <= 0)
        complain(&credentials->problem,
                 "no CA certificate could be read from %s (AIGW_EXTRA_CA_FILE): %s; expected a readable PEM file",
                 key->extra_ca_file, count < 0 ? gnutls_strerror(count) : "none found");
}

static void load_identity(struct gw_credentials *credentials)
{
    const struct gw_trust_key *key = &credentials->key;
    const char *key_file = key->key_file ? key->key_file : key->cert_file;
    int rc = gnutls_certificate_set_x509_key_file2(credentials->cred, key->cert_file, key_file, GNUTLS_X509_FMT_PEM,
                                                   key->key_password, 0);

    if (rc < 0)
        complain(&credentials->problem,
                 "TLS failed: the client certificate %s with the key %s cannot be used: %s; check the client "
                 "certificate, its key and its password: " CLIENT_CERT,
                 key->cert_file, key_file, gnutls_strerror(rc));
}

/* ---- credentials ---------------------------------------------------------------------------------------------- */

static void credentials_free(struct gw_credentials *credentials)
{
    if (credentials->cred)
        gnutls_certificate_free_credentials(credentials->cred);
    key_done(&credentials->key);
    free(credentials->problem);
    free(credentials);
}

static struct gw_credentials *credentials_load(struct gw_trust_store *store, const struct gw_upstream_tls *tls,
                                               const struct stamps *stamps)
{
    struct gw_credentials *credentials = calloc(1, sizeof *credentials);

    if (!credentials)
        return NULL;
    if (!key_copy(&credentials->key, tls) || gnutls_certificate_allocate_credentials(&credentials->cred) < 0) {
        credentials_free(credentials);
        return NULL;
    }
    credentials->store = store;
    credentials->stamps = *stamps;
    gnutls_certificate_set_verify_flags(credentials->cred, GNUTLS_VERIFY_ALLOW_X509_V1_CA_CRT);
    if (tls->verify)
        load_cas(credentials);
    if (tls->cert_file && !credentials->problem)
        load_identity(credentials);
    return credentials;
}

struct gw_credentials *gw_credentials_ref(struct gw_credentials *credentials)
{
    if (credentials) {
        pthread_mutex_lock(&credentials->store->lock);
        credentials->refs++;
        pthread_mutex_unlock(&credentials->store->lock);
    }
    return credentials;
}

void gw_credentials_unref(struct gw_credentials *credentials)
{
    struct gw_trust_store *store = credentials ? credentials->store : NULL;
    bool is_last;

    if (!credentials)
        return;
    pthread_mutex_lock(&store->lock);
    is_last = --credentials->refs == 0;
    if (is_last) {
        struct gw_credentials **at = &store->all;

        while (*at != credentials)
            at = &(*at)->next;
        *at = credentials->next;
    }
    pthread_mutex_unlock(&store->lock);
    if (is_last)
        credentials_free(credentials);
}

gnutls_certificate_credentials_t gw_credentials_gnutls(const struct gw_credentials *credentials)
{
    return credentials->cred;
}

gnutls_priority_t gw_credentials_priorities(const struct gw_credentials *credentials)
{
    return credentials->store->priorities;
}

bool gw_credentials_verify(const struct gw_credentials *credentials)
{
    return credentials->key.verify;
}

const char *gw_credentials_problem(const struct gw_credentials *credentials)
{
    return credentials->problem;
}

struct gw_trust_store *gw_trust_store_new(void)
{
    struct gw_trust_store *store = calloc(1, sizeof *store);

    if (!store)
        return NULL;
    if (gnutls_priority_init(&store->priorities, PRIORITIES, NULL) < 0) {
        free(store);
        return NULL;
    }
    pthread_mutex_init(&store->lock, NULL);
    return store;
}

void gw_trust_store_free(struct gw_trust_store *store)
{
    if (!store)
        return;
    gnutls_priority_deinit(store->priorities);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/** Credentials for these settings and files: another worker's, or read now. Counted for the caller. */
static struct gw_credentials *store_get(struct gw_trust_store *store, const struct gw_trust_key *key,
                                        const struct stamps *stamps)
{
    struct gw_upstream_tls tls = settings_of(key);
    struct gw_credentials *credentials;

    pthread_mutex_lock(&store->lock);
    for (credentials = store->all; credentials; credentials = credentials->next)
        if (key_is(&credentials->key, &tls) && memcmp(&credentials->stamps, stamps, sizeof *stamps) == 0)
            break;
    if (!credentials) {
        credentials = credentials_load(store, &tls, stamps);
        if (credentials) {
            credentials->next = store->all;
            store->all = credentials;
        }
    }
    if (credentials)
        credentials->refs++;
    pthread_mutex_unlock(&store->lock);
    return credentials;
}

/* ---- a worker's settings -------------------------------------------------------------------------------------- */

static const struct gw_upstream_tls plain_tls = { .verify = true };

struct gw_trust *gw_trust_new(struct gw_trust_store *store, const struct gw_upstream_tls *tls)
{
    struct gw_trust *trust = calloc(1, sizeof *trust);

    if (!trust)
        return NULL;
    trust->store = store;
    if (key_copy(&trust->key, tls ? tls : &plain_tls))
        return trust;
    free(trust);
    return NULL;
}

bool gw_trust_is_for(const struct gw_trust *trust, const struct gw_upstream_tls *tls)
{
    return key_is(&trust->key, tls ? tls : &plain_tls);
}

void gw_trust_free(struct gw_trust *trust)
{
    if (!trust)
        return;
    gw_credentials_unref(trust->credentials);
    key_done(&trust->key);
    free(trust);
}

bool gw_trust_is_current(const struct gw_trust *trust)
{
    struct stamps stamps;

    if (!trust->credentials)
        return true;
    take_stamps(&stamps, &trust->key);
    return memcmp(&trust->credentials->stamps, &stamps, sizeof stamps) == 0;
}

struct gw_credentials *gw_trust_credentials(struct gw_trust *trust, int64_t now_ms)
{
    struct gw_credentials *newer;
    struct stamps stamps;

    if (trust->credentials && now_ms < trust->check_ms)
        return trust->credentials;
    trust->check_ms = now_ms + CHECK_MS;
    take_stamps(&stamps, &trust->key);
    newer = store_get(trust->store, &trust->key, &stamps);
    if (!newer) /* out of memory: better the old ones than none */
        return trust->credentials;
    gw_credentials_unref(trust->credentials);
    trust->credentials = newer;
    return newer;
}

/* ---- words for a refusal -------------------------------------------------------------------------------------- */

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

static char *explain(const struct gw_trust_key *key, const char *host, gnutls_x509_crt_t *chain, unsigned count,
                     unsigned status)
{
    gnutls_x509_crt_t crt = culprit(chain, count, status);
    char *subject = dn_text(crt, gnutls_x509_crt_get_dn3), *issuer = dn_text(crt, gnutls_x509_crt_get_issuer_dn3);
    char *problem = NULL, date[32], names[256];
    gnutls_datum_t words = { NULL, 0 };

    if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) {
        bool is_expired = (status & GNUTLS_CERT_EXPIRED) != 0;

        date_text(is_expired ? gnutls_x509_crt_get_expiration_time(crt) : gnutls_x509_crt_get_activation_time(crt),
                  date);
        complain(&problem,
                 "certificate refused: subject '%s', issuer '%s' %s %s; renew it on the server, or correct this "
                 "machine's clock",
                 subject, issuer, is_expired ? "expired at" : "is valid only from", date);
    } else if (status & GNUTLS_CERT_UNEXPECTED_OWNER) {
        alt_names(chain[0], names, sizeof names);
        complain(&problem,
                 "certificate refused: subject '%s', issuer '%s' is not for the host name %s (it is for: %s); use "
                 "one of its names in the endpoint, or give the server a certificate for this name",
                 subject, issuer, host, names);
    } else if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)) {
        complain(&problem,
                 "certificate not trusted: subject '%s', issuer '%s' is not signed by a CA in %s (%s); add the "
                 "issuing CA's certificate with AIGW_EXTRA_CA_FILE%s",
                 subject, issuer, ca_name(key), ca_setting(key),
                 count == 1 ? " (or have the server send its intermediate certificates)" : "");
    } else {
        if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0) < 0)
            words.data = NULL;
        complain(&problem, "certificate refused: subject '%s', issuer '%s': %s", subject, issuer,
                 words.data ? (const char *)words.data : "verification failed");
        gnutls_free(words.data);
    }
    free(subject);
    free(issuer);
    return problem;
}

char *gw_credentials_explain(const struct gw_credentials *credentials, gnutls_session_t session, const char *host,
                             unsigned status)
{
    gnutls_x509_crt_t chain[CHAIN_MAX];
    unsigned offered = 0, count = 0;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(session, &offered);
    char *problem;

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
    problem = count > 0 ? explain(&credentials->key, host, chain, count, status)
                        : strdup("the server sent no certificate that can be read");
    while (count > 0)
        gnutls_x509_crt_deinit(chain[--count]);
    return problem;
}
