/* tls.h - one TLS session as a client, over a socket or inside another session (an https proxy's). Knows GnuTLS and
 * nothing of HTTP or of the loop.
 *
 * Reading goes through one buffer per worker: a session takes what the socket has in one recv() and gives it to GnuTLS
 * piece by piece. Whoever reads must go on until gw_tls_has_more() is false, or call gw_tls_park(), before another
 * session of this worker reads.
 */
#ifndef GW_UPSTREAM_TLS_H
#define GW_UPSTREAM_TLS_H

#include <gnutls/gnutls.h>
#include <sys/types.h>

#include "upstream/trust.h"

/* Answers of all that reads and writes, besides a number of bytes. */
#define GW_IO_END   0 /* the peer said that it is done */
#define GW_IO_AGAIN (-1)
#define GW_IO_CUT   (-2) /* the connection ended without a word */
#define GW_IO_ERROR (-3) /* anything else; errno, or gw_tls_error() */

#define GW_TLS_AHEAD_MAX  65536u
#define GW_TLS_RECORD_MAX 16384u

/** A session to come back to: one per origin, newest wins. Zero it once. */
struct gw_ticket {
    gnutls_datum_t data;
    struct gw_credentials *credentials; /* it was given under these */
};
void gw_ticket_forget(struct gw_ticket *ticket);

struct gw_tls;

struct gw_tls_options {
    int fd;               /* the transport, … */
    struct gw_tls *below; /* … or this session when not NULL */
    char *ahead;          /* the worker's buffer, GW_TLS_AHEAD_MAX bytes */
    struct gw_credentials *credentials;
    const char *host;         /* as in a URL, without brackets; copied */
    struct gw_ticket *ticket; /* NULL: none; lives as long as the session */
};

/** NULL when out of memory. */
struct gw_tls *gw_tls_new(const struct gw_tls_options *options);
/** The worker's buffer stays, the transport too. */
void gw_tls_free(struct gw_tls *tls);
/** 1 when done, GW_IO_AGAIN (see gw_tls_wants_write()) or GW_IO_ERROR. Verifies the server, resumed or not. */
int gw_tls_handshake(struct gw_tls *tls);
ssize_t gw_tls_recv(struct gw_tls *tls, char *bytes, size_t len);
/** After GW_IO_AGAIN the same bytes must come again. */
ssize_t gw_tls_send(struct gw_tls *tls, const char *bytes, size_t len);
/** What GW_IO_AGAIN waits for. */
bool gw_tls_wants_write(const struct gw_tls *tls);
/** Something was read ahead and not yet asked for. */
bool gw_tls_has_more(const struct gw_tls *tls);
/** Keep what was read ahead in memory of its own. False when out of memory. */
bool gw_tls_park(struct gw_tls *tls);
/** Say that nothing more will be sent. Does not wait. */
void gw_tls_bye(struct gw_tls *tls);

/** The GnuTLS code behind the last GW_IO_ERROR or GW_IO_CUT. */
int gw_tls_error(const struct gw_tls *tls);
/** The alert that came with GNUTLS_E_FATAL_ALERT_RECEIVED. */
gnutls_alert_description_t gw_tls_alert(const struct gw_tls *tls);
/** Words for a refused certificate, NULL when it was not that. */
const char *gw_tls_refusal(const struct gw_tls *tls);
/** The server asked for a client certificate. */
bool gw_tls_wanted_certificate(const struct gw_tls *tls);
bool gw_tls_is_resumed(const struct gw_tls *tls);
struct gw_credentials *gw_tls_credentials(const struct gw_tls *tls);

#endif
