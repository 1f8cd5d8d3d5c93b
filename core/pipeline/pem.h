/* pem.h - the serving certificate: read, judged, watched for changes. */
#ifndef GW_PEM_H
#define GW_PEM_H

#include <sys/stat.h>

#include "config/settings.h"
#include "http/http.h"

struct gw_pem {
    char *cert, *key, *client_ca; /* PEM texts; key is wiped when freed */
    struct timespec cert_changed, key_changed, client_ca_changed;
    int64_t expires_s; /* notAfter, seconds since 1970 */
};
/** Read and check that certificate and key fit. */
aigw_status gw_pem_read(struct gw_pem *pem, const struct gw_settings *settings, struct gw_err *reterr);
/** Have the files changed since they were read (or remembered)? */
bool gw_pem_changed(const struct gw_pem *pem, const struct gw_settings *settings);
/** Take note of the files' times without reading, so that a bad change is reported once. */
void gw_pem_remember(struct gw_pem *pem, const struct gw_settings *settings);
struct gw_http_tls gw_pem_tls(const struct gw_pem *pem, const struct gw_settings *settings);
void gw_pem_done(struct gw_pem *pem);

#endif
