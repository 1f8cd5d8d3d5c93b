/* verify.c - one signature against the keys of a view. */
#include <gnutls/crypto.h>

#include "auth/internal.h"

aigw_status gw_sha256(const void *bytes, size_t len, unsigned char ret_digest[GW_DIGEST_LEN])
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, len, ret_digest) < 0 ? AIGW_E_NOMEM : AIGW_OK;
}

/** A token has both halves of an ECDSA signature side by side; GnuTLS wants them as DER. */
static bool verifies_ec(const struct gw_key *key, const gnutls_datum_t *data, const struct gw_token *token)
{
    unsigned char *bytes = (unsigned char *)(uintptr_t)token->signature;
    const gnutls_datum_t r = { bytes, GW_P256_LEN }, s = { bytes + GW_P256_LEN, GW_P256_LEN };
    gnutls_datum_t der = { NULL, 0 };
    bool is_good;

    if (token->signature_len != (size_t)2 * GW_P256_LEN || gnutls_encode_rs_value(&der, &r, &s) < 0)
        return false;
    is_good = gnutls_pubkey_verify_data2(key->pub, GNUTLS_SIGN_ECDSA_SHA256, 0, data, &der) >= 0;
    gnutls_free(der.data);
    return is_good;
}

static bool verifies(const struct gw_key *key, const struct gw_token *token)
{
    gnutls_datum_t data = { (unsigned char *)(uintptr_t)token->signed_part.ptr, (unsigned int)token->signed_part.len };
    gnutls_datum_t signature = { (unsigned char *)(uintptr_t)token->signature, (unsigned int)token->signature_len };

    if (key->is_ec != token->is_ec)
        return false;
    if (key->is_ec)
        return verifies_ec(key, &data, token);
    return gnutls_pubkey_verify_data2(key->pub, GNUTLS_SIGN_RSA_SHA256, 0, &data, &signature) >= 0;
}

const struct gw_key *gw_view_verify(const struct gw_view *view, const struct gw_token *token, bool *ret_is_local)
{
    aigw_str oidc_issuer = gw_claims_oidc_issuer(token->claims);
    /* Otherwise any issuer could make tokens whose user id the caller may choose. */
    bool local_only = !oidc_issuer.ptr && gw_str_is(token->claims->issuer, view->config->service_name);

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < view->set_count; i++) {
            const struct gw_keyset *set = view->sets[i];

            if ((local_only && !set->is_local) || !gw_keyset_serves(set, oidc_issuer))
                continue;
            for (size_t k = 0; k < set->count; k++) {
                bool has_kid = token->kid.len > 0 && gw_str_eq(set->keys[k].kid, token->kid);

                if (has_kid == (round == 0) && verifies(&set->keys[k], token)) {
                    *ret_is_local = set->is_local;
                    return &set->keys[k];
                }
            }
        }
    }
    return NULL;
}
