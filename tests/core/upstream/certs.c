/* certs.c - see certs.h. */
#include "certs.h"

#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CERTS_MAX 24

struct made {
    const char *name;
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

static struct made made[CERTS_MAX];
static size_t made_count;
static char folder[64];
static char files[CERTS_MAX * 4][160];
static size_t file_count;

#define MUST(call) \
    do { \
        int rc_ = (call); \
        if (rc_ < 0) { \
            fprintf(stderr, "%s: %s\n", #call, gnutls_strerror(rc_)); \
            abort(); \
        } \
    } while (0)

const char *certs_path(const char *name, const char *suffix)
{
    static char paths[16][160];
    static int next;
    char *path = paths[next++ % 16];

    snprintf(path, sizeof paths[0], "%s/%s%s", folder, name, suffix);
    return path;
}

static void write_file(const char *name, const char *suffix, const void *bytes, size_t len)
{
    FILE *file;

    snprintf(files[file_count], sizeof files[0], "%s", certs_path(name, suffix));
    file = fopen(files[file_count++], "wb");
    if (!file || fwrite(bytes, 1, len, file) != len)
        abort();
    fclose(file);
}

static struct made *find(const char *name)
{
    for (size_t i = 0; i < made_count; i++)
        if (strcmp(made[i].name, name) == 0)
            return &made[i];
    abort();
}

static void make_one(const struct cert_spec *spec)
{
    struct made *one = &made[made_count++];
    const struct made *issuer;
    unsigned char serial[2] = { 1, (unsigned char)made_count };
    time_t now = time(NULL);
    gnutls_datum_t out;

    one->name = spec->name;
    MUST(gnutls_x509_privkey_init(&one->key));
    MUST(gnutls_x509_privkey_generate(one->key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    MUST(gnutls_x509_crt_init(&one->crt));
    issuer = spec->issuer ? find(spec->issuer) : one;
    MUST(gnutls_x509_crt_set_version(one->crt, 3));
    MUST(gnutls_x509_crt_set_serial(one->crt, serial, sizeof serial));
    MUST(gnutls_x509_crt_set_key(one->crt, one->key));
    MUST(gnutls_x509_crt_set_dn_by_oid(one->crt, GNUTLS_OID_X520_COMMON_NAME, 0, spec->name,
                                       (unsigned)strlen(spec->name)));
    MUST(gnutls_x509_crt_set_activation_time(one->crt, now + spec->from_days * 86400));
    MUST(gnutls_x509_crt_set_expiration_time(one->crt, now + spec->to_days * 86400));
    MUST(gnutls_x509_crt_set_basic_constraints(one->crt, spec->is_ca, -1));
    if (spec->dns)
        MUST(gnutls_x509_crt_set_subject_alt_name(one->crt, GNUTLS_SAN_DNSNAME, spec->dns, (unsigned)strlen(spec->dns),
                                                  GNUTLS_FSAN_APPEND));
    if (spec->ip) {
        struct in_addr in;

        inet_aton(spec->ip, &in);
        MUST(gnutls_x509_crt_set_subject_alt_name(one->crt, GNUTLS_SAN_IPADDRESS, &in, sizeof in, GNUTLS_FSAN_APPEND));
    }
    if (spec->is_ca)
        MUST(gnutls_x509_crt_set_key_usage(one->crt, GNUTLS_KEY_KEY_CERT_SIGN));
    else
        MUST(gnutls_x509_crt_set_key_purpose_oid(
            one->crt, spec->is_client ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER, 0));
    MUST(gnutls_x509_crt_sign2(one->crt, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0));
    MUST(gnutls_x509_crt_export2(one->crt, GNUTLS_X509_FMT_PEM, &out));
    write_file(spec->name, ".pem", out.data, out.size);
    gnutls_free(out.data);
    MUST(gnutls_x509_crt_export2(one->crt, GNUTLS_X509_FMT_DER, &out));
    write_file(spec->name, ".der", out.data, out.size);
    gnutls_free(out.data);
    MUST(gnutls_x509_privkey_export2(one->key, GNUTLS_X509_FMT_PEM, &out));
    write_file(spec->name, "-key.pem", out.data, out.size);
    gnutls_free(out.data);
    MUST(gnutls_x509_privkey_export2_pkcs8(one->key, GNUTLS_X509_FMT_PEM, "sesame", GNUTLS_PKCS_PBES2_AES_256, &out));
    write_file(spec->name, "-locked.pem", out.data, out.size);
    gnutls_free(out.data);
}

void certs_make(const struct cert_spec *specs, size_t count)
{
    snprintf(folder, sizeof folder, "/tmp/aigw-certs-XXXXXX");
    if (!mkdtemp(folder))
        abort();
    for (size_t i = 0; i < count; i++)
        make_one(&specs[i]);
}

void certs_join(const char *name, const char *first, const char *second)
{
    const char *const parts[] = { first, second };
    char text[16384];
    size_t len = 0;

    for (size_t i = 0; i < 2; i++) {
        FILE *file = fopen(certs_path(parts[i], ".pem"), "rb");

        if (!file)
            abort();
        len += fread(text + len, 1, sizeof text - len, file);
        fclose(file);
    }
    write_file(name, ".pem", text, len);
}

void certs_remove(void)
{
    for (size_t i = 0; i < made_count; i++) {
        gnutls_x509_crt_deinit(made[i].crt);
        gnutls_x509_privkey_deinit(made[i].key);
    }
    for (size_t i = 0; i < file_count; i++)
        unlink(files[i]);
    rmdir(folder);
    made_count = file_count = 0;
}

gnutls_certificate_credentials_t certs_server(const char *name, const char *ca)
{
    gnutls_certificate_credentials_t cred;
    const char *key = strncmp(name, "chain-", 6) == 0 ? name + 6 : name;

    MUST(gnutls_certificate_allocate_credentials(&cred));
    MUST(gnutls_certificate_set_x509_key_file(cred, certs_path(name, ".pem"), certs_path(key, "-key.pem"),
                                              GNUTLS_X509_FMT_PEM));
    if (ca)
        MUST(gnutls_certificate_set_x509_trust_file(cred, certs_path(ca, ".pem"), GNUTLS_X509_FMT_PEM));
    return cred;
}
