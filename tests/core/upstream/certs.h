/* certs.h - certificates for the TLS tests, made on the spot and written to a temporary folder. */
#ifndef TEST_CERTS_H
#define TEST_CERTS_H

#include <gnutls/gnutls.h>

#include "base/base.h"

struct cert_spec {
    const char *name;   /* file name and common name */
    const char *issuer; /* an earlier name; NULL: self-signed */
    const char *dns;    /* subject alternative name, NULL for none */
    const char *ip;     /* the same, "127.0.0.1" */
    bool is_ca, is_client;
    int from_days, to_days; /* validity around now */
};

/** Make a folder and in it <name>.pem, <name>-key.pem and <name>.der for each. */
void certs_make(const struct cert_spec *specs, size_t count);
/** Remove everything. */
void certs_remove(void);
/** Path of "<name><suffix>"; static buffers, a few at a time. */
const char *certs_path(const char *name, const char *suffix);
/** A file with the first file's text and then the second's. */
void certs_join(const char *name, const char *first, const char *second);
/** Server credentials from <name>; ca: whose client certificates are good, NULL for none. */
gnutls_certificate_credentials_t certs_server(const char *name, const char *ca);

#endif
