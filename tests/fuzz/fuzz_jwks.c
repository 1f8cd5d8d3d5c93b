/* fuzz_jwks.c - what an issuer may answer: a key set, a discovery document, a Cache-Control value. A usable key of 2048
 * bits is within reach through '@', which stands for its modulus. */
#include <stdlib.h>
#include <string.h>

#include "auth/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_modulus(struct gw_buf *out)
{
    unsigned char modulus[256];

    memset(modulus, 0xa5, sizeof modulus);
    gw_base64url_put(out, modulus, sizeof modulus);
}

static void check_set(const struct gw_keyset *set)
{
    if (set->count == 0 || set->count > GW_KEYS_MAX || set->count > set->cap)
        abort();
    for (size_t i = 0; i < set->count; i++) {
        unsigned int bits = 0;

        if (gnutls_pubkey_get_pk_algorithm(set->keys[i].pub, &bits) != GNUTLS_PK_RSA || bits < GW_KEY_BITS_MIN ||
            bits > GW_KEY_BITS_MAX || set->keys[i].kid.len > GW_KID_MAX)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char uri[GW_URL_MAX], issuer[GW_URL_MAX];
    struct gw_keyset *set = NULL;
    struct gw_err why = { "" };
    struct gw_buf text;
    int64_t age_s;

    gw_buf_init(&text, 2 << 20);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '@')
            put_modulus(&text);
        else
            gw_buf_put(&text, (const char *)data + i, 1);
    }
    if (gw_jwks_parse(gw_buf_str(&text), true, &set, &why) == AIGW_OK)
        check_set(set);
    else if (set || !why.text[0])
        abort();
    gw_keyset_unref(set);
    if (gw_discovery_parse(gw_buf_str(&text), uri, issuer, &why) == AIGW_OK &&
        (strncmp(uri, "http", 4) != 0 || strlen(uri) >= GW_URL_MAX || strlen(issuer) >= GW_URL_MAX))
        abort();
    age_s = gw_cache_max_age_s(gw_buf_str(&text));
    if (age_s < -1 || age_s > INT32_MAX)
        abort();
    gw_buf_done(&text);
    return 0;
}
