/* trust.h - TLS trust and identity towards servers, loaded once instead of once per connection.
 *
 * libcurl's GnuTLS backend reads the whole CA bundle again for every new connection, which blocks the loop for
 * milliseconds. So the bundle is read once into a trust list, and each new session gets a verify function that checks
 * the server's chain and name against that list during the handshake. When all is well the one CA that vouches for
 * the chain is put into the session's credentials, and libcurl then verifies the chain and the name as always: its
 * own verification is never off, and without our step it finds no CA and refuses (fail closed).
 *
 * The step also is where a refusal gets its words: which certificate, why, and which setting helps.
 */
#ifndef GW_TRUST_H
#define GW_TRUST_H

#include <gnutls/gnutls.h>

#include "upstream/upstream.h"

/** One distinct gw_upstream_tls of this worker. */
struct gw_trust {
    struct gw_trust *next;
    uint32_t multis; /* that use it */
    bool verify;
    char *ca_file, *ca_source, *extra_ca_file, *cert_file, *key_file, *key_password; /* NULL when not set */
    struct gw_trust_list *list; /* NULL until the first connection */
};

/** Copies what tls says; NULL tls: the system's CAs, verified, no client certificate. NULL when out of memory. */
struct gw_trust *gw_trust_new(const struct gw_upstream_tls *tls);
bool gw_trust_is_for(const struct gw_trust *trust, const struct gw_upstream_tls *tls);
void gw_trust_free(struct gw_trust *trust);

/** Check of one handshake; lives until the session is verified or gone. */
struct gw_trust_check {
    struct gw_trust *trust;
    const char *host;  /* as in the URL */
    bool is_installed; /* the session has our verify function */
    bool did_run;      /* it was called */
    bool did_pass;     /* and the chain is good */
    char *problem;     /* malloc'ed: why not */
};
/** Watch this session unless it is watched already (a pooled connection, verified long ago). */
void gw_trust_watch(gnutls_session_t session, struct gw_trust_check *check);

/** The system's CA bundle as a file, for libcurl's own loading; NULL when none is where it usually is. */
const char *gw_trust_system_file(void);

#endif
