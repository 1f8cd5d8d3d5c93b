/* identity.h - a certificate that signs itself, for the TLS side of the tests. */
#ifndef HTTP_TEST_IDENTITY_H
#define HTTP_TEST_IDENTITY_H

struct identity {
    char cert[4096];
    char key[4096];
};

void identity_make(struct identity *ret, const char *name);

#endif
