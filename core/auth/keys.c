/* keys.c - public keys, the set of one issuer, and the merged view that every worker reads.
 * Sets and views are immutable once published and reference-counted; any thread may read them. GnuTLS only reads a
 * public key while verifying, so one object serves all threads. */
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "auth/internal.h"

struct gw_keyset *gw_keyset_new(size_t cap, bool is_local)
{
    struct gw_keyset *set;

    if (cap > GW_KEYS_MAX)
        cap = GW_KEYS_MAX;
    set = calloc(1, sizeof *set + cap * sizeof set->keys[0]);
    if (!set)
        return NULL;
    atomic_init(&set->refs, 1);
    set->cap = cap;
    set->is_local = is_local;
    return set;
}

struct gw_keyset *gw_keyset_ref(struct gw_keyset *set)
{
    if (set)
        atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void gw_keyset_unref(struct gw_keyset *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < set->count; i++) {
        gnutls_pubkey_deinit(set->keys[i].pub);
        free((char *)(uintptr_t)set->keys[i].kid.ptr);
    }
    free(set->issuer);
    free(set);
}

static aigw_str strip_zeros(aigw_str number)
{
    while (number.len > 0 && number.ptr[0] == 0) {
        number.ptr++;
        number.len--;
    }
    return number;
}

static size_t bits_of(aigw_str number)
{
    size_t bits = number.len * 8;

    if (number.len == 0)
        return 0;
    for (unsigned char top = (unsigned char)number.ptr[0]; !(top & 0x80); top = (unsigned char)(top << 1))
        bits--;
    return bits;
}

static aigw_status check_numbers(aigw_str n, aigw_str e, struct gw_err *reterr)
{
    size_t bits = bits_of(n);

    if (bits < GW_KEY_BITS_MIN || bits > GW_KEY_BITS_MAX)
        return gw_err_set(reterr, AIGW_E_UNSUPPORTED, "RSA modulus of %zu bits, expected %u to %u", bits,
                          GW_KEY_BITS_MIN, GW_KEY_BITS_MAX);
    if (!(n.ptr[n.len - 1] & 1))
        return gw_err_set(reterr, AIGW_E_UNSUPPORTED, "RSA modulus is even");
    /* Beyond 64 bits an exponent only makes every verification slow. */
    if (e.len == 0 || e.len > 8 || !(e.ptr[e.len - 1] & 1) || (e.len == 1 && e.ptr[0] == 1))
        return gw_err_set(reterr, AIGW_E_UNSUPPORTED, "RSA exponent is not an odd number from 3 to 2^64");
    return AIGW_OK;
}

/** Of two numbers, so that no other two have the same. */
static aigw_status identify(aigw_str n, aigw_str e, unsigned char id[GW_DIGEST_LEN])
{
    gnutls_hash_hd_t hash;
    unsigned char e_len = (unsigned char)e.len;

    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
        return AIGW_E_NOMEM;
    (void)gnutls_hash(hash, &e_len, 1);
    (void)gnutls_hash(hash, e.ptr, e.len);
    (void)gnutls_hash(hash, n.ptr, n.len);
    gnutls_hash_deinit(hash, id);
    return AIGW_OK;
}

/** Put a key with its number imported into the set, which takes it over; `code` is what the import said. */
static aigw_status keep_key(struct gw_keyset *set, struct gw_key *key, int code, aigw_str kid, struct gw_err *reterr)
{
    char *kid_copy = NULL;
    aigw_status status;

    if (code < 0) {
        status = gw_err_set(reterr, AIGW_E_UNSUPPORTED, "%s key: %s", key->is_ec ? "EC" : "RSA", gnutls_strerror(code));
        goto fail;
    }
    if (kid.len > 0 && kid.len <= GW_KID_MAX) {
        kid_copy = malloc(kid.len);
        if (!kid_copy) {
            status = gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a key");
            goto fail;
        }
        memcpy(kid_copy, kid.ptr, kid.len);
        key->kid = (aigw_str){ kid_copy, kid.len };
    }
    set->keys[set->count++] = *key;
    return AIGW_OK;
fail:
    gnutls_pubkey_deinit(key->pub);
    return status;
}

static gnutls_datum_t datum_of(aigw_str bytes)
{
    return (gnutls_datum_t){ (unsigned char *)(uintptr_t)bytes.ptr, (unsigned int)bytes.len };
}

aigw_status gw_keyset_add(struct gw_keyset *set, aigw_str modulus, aigw_str exponent, aigw_str kid,
                          struct gw_err *reterr)
{
    aigw_str n = strip_zeros(modulus), e = strip_zeros(exponent);
    gnutls_datum_t n_datum = datum_of(n), e_datum = datum_of(e);
    struct gw_key key = { .kid = AIGW_STR_NONE };
    aigw_status status;

    if (set->count == set->cap)
        return AIGW_E_LIMIT;
    status = check_numbers(n, e, reterr);
    if (status != AIGW_OK)
        return status;
    if (identify(n, e, key.id) != AIGW_OK || gnutls_pubkey_init(&key.pub) < 0)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a key");
    return keep_key(set, &key, gnutls_pubkey_import_rsa_raw(key.pub, &n_datum, &e_datum), kid, reterr);
}

aigw_status gw_keyset_add_ec(struct gw_keyset *set, aigw_str x, aigw_str y, aigw_str kid, struct gw_err *reterr)
{
    gnutls_datum_t x_datum = datum_of(x), y_datum = datum_of(y);
    struct gw_key key = { .is_ec = true, .kid = AIGW_STR_NONE };

    if (set->count == set->cap)
        return AIGW_E_LIMIT;
    if (x.len != GW_P256_LEN || y.len != GW_P256_LEN)
        return gw_err_set(reterr, AIGW_E_UNSUPPORTED, "EC point of %zu and %zu bytes, expected %u each (P-256)", x.len,
                          y.len, GW_P256_LEN);
    if (identify(x, y, key.id) != AIGW_OK || gnutls_pubkey_init(&key.pub) < 0)
        return gw_err_set(reterr, AIGW_E_NOMEM, "out of memory for a key");
    return keep_key(set, &key, gnutls_pubkey_import_ecc_raw(key.pub, GNUTLS_ECC_CURVE_SECP256R1, &x_datum, &y_datum),
                    kid, reterr);
}

struct gw_view *gw_view_ref(struct gw_view *view)
{
    atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
    return view;
}

void gw_view_unref(struct gw_view *view)
{
    if (!view || atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < view->set_count; i++)
        gw_keyset_unref(view->sets[i]);
    gw_auth_config_unref(view->config);
    free(view);
}

bool gw_keyset_serves(const struct gw_keyset *set, aigw_str oidc_issuer)
{
    return oidc_issuer.ptr ? set->issuer && gw_str_is(oidc_issuer, set->issuer) : !set->issuer;
}

bool gw_view_has_key(const struct gw_view *view, aigw_str oidc_issuer, const unsigned char *id, bool local_only)
{
    for (size_t i = 0; i < view->set_count; i++) {
        const struct gw_keyset *set = view->sets[i];

        if ((local_only && !set->is_local) || !gw_keyset_serves(set, oidc_issuer))
            continue;
        for (size_t k = 0; k < set->count; k++) {
            if (memcmp(set->keys[k].id, id, GW_DIGEST_LEN) == 0)
                return true;
        }
    }
    return false;
}

bool gw_view_has_kid(const struct gw_view *view, aigw_str oidc_issuer, aigw_str kid)
{
    for (size_t i = 0; i < view->set_count; i++) {
        if (!gw_keyset_serves(view->sets[i], oidc_issuer))
            continue;
        for (size_t k = 0; k < view->sets[i]->count; k++) {
            if (kid.len > 0 && gw_str_eq(view->sets[i]->keys[k].kid, kid))
                return true;
        }
    }
    return false;
}

bool gw_view_has_keys(const struct gw_view *view, aigw_str oidc_issuer)
{
    for (size_t i = 0; i < view->set_count; i++)
        if (gw_keyset_serves(view->sets[i], oidc_issuer) && view->sets[i]->count > 0)
            return true;
    return false;
}
