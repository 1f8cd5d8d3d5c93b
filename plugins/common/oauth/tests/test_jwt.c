/* test_jwt.c - signatures are checked with the public half of a key that is made here. */
#include "../jwt.h"

#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "not ok %s\n", what);
        failures++;
    }
}

/* ---- tokens ---- */

/* A private key in PEM, to be freed with gnutls_free(), and its public half. */
static gnutls_datum_t make_key(gnutls_pk_algorithm_t kind, unsigned bits, gnutls_pubkey_t public_half)
{
    gnutls_datum_t pem = { NULL, 0 };
    gnutls_x509_privkey_t key;
    gnutls_privkey_t private_half;

    check(gnutls_x509_privkey_init(&key) == 0 && gnutls_x509_privkey_generate(key, kind, bits, 0) == 0, "make a key");
    check(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem) == 0, "export");
    check(gnutls_privkey_init(&private_half) == 0 && gnutls_privkey_import_x509(private_half, key, 0) == 0 &&
              gnutls_pubkey_import_privkey(public_half, private_half, 0, 0) == 0,
          "its public half");
    gnutls_privkey_deinit(private_half);
    gnutls_x509_privkey_deinit(key);
    return pem;
}

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Bytes of base64url without padding; -1 when it is none. */
static int decode(aigw_str text, unsigned char *to)
{
    unsigned bits = 0, count = 0;
    int len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_of(text.ptr[i]);

        if (digit < 0)
            return -1;
        bits = bits << 6 | (unsigned)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            to[len++] = (unsigned char)(bits >> count);
        }
    }
    return text.len % 4 == 1 || (bits & ((1u << count) - 1)) != 0 ? -1 : len;
}

static bool is_signed(gnutls_pubkey_t key, aigw_str signed_part, aigw_str signature)
{
    unsigned char bytes[1024];
    const gnutls_datum_t data = { (unsigned char *)(uintptr_t)signed_part.ptr, (unsigned)signed_part.len };
    int len = decode(signature, bytes);
    const gnutls_datum_t datum = { bytes, (unsigned)(len > 0 ? len : 0) };

    return len > 0 && gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_RSA_SHA256, 0, &data, &datum) >= 0;
}

static void test_token(gnutls_privkey_t key, gnutls_pubkey_t public_half, const char *header, const char *claims)
{
    const aigw_str head = { header, strlen(header) }, body = { claims, strlen(claims) };
    size_t size = jwt_room(head, body);
    char *room = malloc(size), *first, *second;
    unsigned char bytes[4096];
    aigw_str token;
    int len;

    if (!room)
        abort();
    token = jwt_sign(key, head, body, room);
    check(token.len > 0 && token.len <= size, "a token");
    first = token.len > 0 ? memchr(token.ptr, '.', token.len) : NULL;
    second = first ? memchr(first + 1, '.', (size_t)(token.ptr + token.len - first - 1)) : NULL;
    check(second != NULL, "three parts");
    if (second) {
        const aigw_str parts[] = { { token.ptr, (size_t)(first - token.ptr) },
                                   { first + 1, (size_t)(second - first - 1) },
                                   { second + 1, (size_t)(token.ptr + token.len - second - 1) } };
        const aigw_str all = { token.ptr, (size_t)(second - token.ptr) };

        len = decode(parts[0], bytes);
        check(len == (int)head.len && memcmp(bytes, header, head.len) == 0, "the header");
        len = decode(parts[1], bytes);
        check(len == (int)body.len && memcmp(bytes, claims, body.len) == 0, "the claims");
        check(is_signed(public_half, all, parts[2]), "the signature");
        room[0] ^= 1;
        check(!is_signed(public_half, all, parts[2]), "a signature of something else");
    }
    free(room);
}

static void test_tokens(void)
{
    static const char *const claims[] = { "{}", "{\"iss\":\"a\"}", "{\"iss\":\"ab\"}",
                                          "{\"iss\":\"abc\",\"s\":\"\xc3\xa4?>~\"}" };
    gnutls_pubkey_t public_half;
    gnutls_datum_t pem;
    gnutls_privkey_t key;
    const char *why;

    check(gnutls_pubkey_init(&public_half) == 0, "a place for the public half");
    pem = make_key(GNUTLS_PK_RSA, 2048, public_half);
    key = jwt_key((aigw_str){ (const char *)pem.data, pem.size }, &why);
    check(key != NULL && why == NULL, "an RSA key");
    for (size_t i = 0; key && i < sizeof claims / sizeof *claims; i++)
        test_token(key, public_half, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", claims[i]);
    if (key)
        gnutls_privkey_deinit(key);
    gnutls_free(pem.data);
    gnutls_pubkey_deinit(public_half);
}

static void test_no_keys(void)
{
    gnutls_pubkey_t public_half;
    gnutls_datum_t pem;
    const char *why = NULL;

    check(jwt_key((aigw_str){ "no key", 6 }, &why) == NULL && why, "text that is no key");
    check(jwt_key(AIGW_STR_NONE, &why) == NULL && why, "no text");
    check(gnutls_pubkey_init(&public_half) == 0, "a place for the public half");
    pem = make_key(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), public_half);
    check(jwt_key((aigw_str){ (const char *)pem.data, pem.size }, &why) == NULL && strcmp(why, "it is no RSA key") == 0,
          "a key of another kind");
    gnutls_free(pem.data);
    gnutls_pubkey_deinit(public_half);
}

int main(void)
{
    test_tokens();
    test_no_keys();
    return failures > 0;
}
