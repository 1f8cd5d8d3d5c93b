/* trust.h - TLS trust and identity towards servers: parsed once per setting, shared by all sessions and, through one
 * store, by all workers; GnuTLS only reads credentials once they are made. Also the words for a refused certificate.
 *
 * A setting's files are looked at again, by their stat(), when a new connection is made, at most once a second, and at
 * once after a certificate was refused. Changed files mean new credentials; sessions keep the ones they began with.
 */
#ifndef GW_TRUST_H
#define GW_TRUST_H

#include <gnutls/gnutls.h>

#include "upstream/upstream.h"

/** What a setting says, copied. */
struct gw_trust_key {
    bool verify;
    char *ca_file, *ca_source, *extra_ca_file, *cert_file, *key_file, *key_password; /* NULL when not set */
};

struct gw_credentials;
/** One more, one less user. Any thread. NULL is fine for both. */
struct gw_credentials *gw_credentials_ref(struct gw_credentials *credentials);
void gw_credentials_unref(struct gw_credentials *credentials);
gnutls_certificate_credentials_t gw_credentials_gnutls(const struct gw_credentials *credentials);
gnutls_priority_t gw_credentials_priorities(const struct gw_credentials *credentials);
bool gw_credentials_verify(const struct gw_credentials *credentials);
/** Why they cannot be used (a file that cannot be read), NULL when they can. */
const char *gw_credentials_problem(const struct gw_credentials *credentials);
/** Words for a server's certificate that was refused with this GnuTLS status. free(); NULL when out of memory. */
char *gw_credentials_explain(const struct gw_credentials *credentials, gnutls_session_t session, const char *host,
                             unsigned status);

/** One distinct gw_upstream_tls of a worker. */
struct gw_trust {
    struct gw_trust *next;
    uint32_t uses; /* origins that name it */
    struct gw_trust_key key;
    struct gw_trust_store *store;
    struct gw_credentials *credentials; /* NULL before the first connection */
    int64_t check_ms;                   /* no look at the files before this */
    bool is_outdated;                   /* its files had changed when it was last looked at */
};

/** Copies what tls says; NULL tls: the system's CAs, verified, no client certificate. NULL when out of memory. */
struct gw_trust *gw_trust_new(struct gw_trust_store *store, const struct gw_upstream_tls *tls);
bool gw_trust_is_for(const struct gw_trust *trust, const struct gw_upstream_tls *tls);
void gw_trust_free(struct gw_trust *trust);
/** The credentials in force, read now if need be; borrowed. NULL when out of memory. */
struct gw_credentials *gw_trust_credentials(struct gw_trust *trust, int64_t now_ms);
/** The files are what they were when the credentials were made. */
bool gw_trust_is_current(const struct gw_trust *trust);

#endif
