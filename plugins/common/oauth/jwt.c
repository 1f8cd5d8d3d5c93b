/* jwt.c - see jwt.h: base64url(header) . base64url(claims) . base64url(signature). */
#include "jwt.h"

#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>

#define SIGNATURE_MAX 2048u /* bytes: RSA keys of 16384 bits */
#define BASE64_LEN(n) (((n)*4 + 2) / 3)

gnutls_privkey_t jwt_key(aigw_str pem, const char **ret_why)
{
    const gnutls_datum_t text = { (unsigned char *)(uintptr_t)pem.ptr, (unsigned)pem.len };
    gnutls_privkey_t key = NULL;
    int code = gnutls_privkey_init(&key);

    if (code == 0)
        code = gnutls_privkey_import_x509_raw(key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    *ret_why = code != 0 ? gnutls_strerror(code) : NULL;
    if (code == 0 && gnutls_privkey_get_pk_algorithm(key, NULL) != GNUTLS_PK_RSA)
        *ret_why = "it is no RSA key";
    if (*ret_why && key) {
        gnutls_privkey_deinit(key);
        key = NULL;
    }
    return key;
}

static size_t put_base64url(char *to, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0, count = 0;
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 6; count -= 6)
            to[at++] = digits[bits >> (count - 6) & 63];
    }
    if (count > 0)
        to[at++] = digits[bits << (6 - count) & 63];
    return at;
}

size_t jwt_room(aigw_str header, aigw_str claims)
{
    return BASE64_LEN(header.len) + BASE64_LEN(claims.len) + BASE64_LEN(SIGNATURE_MAX) + 2;
}

aigw_str jwt_sign(gnutls_privkey_t key, aigw_str header, aigw_str claims, char *room)
{
    gnutls_datum_t signature = { NULL, 0 }, signed_part;
    size_t len = put_base64url(room, (const unsigned char *)header.ptr, header.len);
    int code;

    room[len++] = '.';
    len += put_base64url(room + len, (const unsigned char *)claims.ptr, claims.len);
    signed_part = (gnutls_datum_t){ (unsigned char *)room, (unsigned)len };
    code = gnutls_privkey_sign_data2(key, GNUTLS_SIGN_RSA_SHA256, 0, &signed_part, &signature);
    if (code != 0 || signature.size > SIGNATURE_MAX) {
        gnutls_free(signature.data);
        return AIGW_STR_NONE;
    }
    room[len++] = '.';
    len += put_base64url(room + len, signature.data, signature.size);
    gnutls_free(signature.data);
    return (aigw_str){ room, len };
}
