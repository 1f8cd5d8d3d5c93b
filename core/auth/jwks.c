/* jwks.c - JSON from issuers: discovery documents and key sets; and strict base64url.
 * Everything here reads hostile bytes: limits first, one odd key never spoils the others. */
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "auth/internal.h"
#include "config/json.h"

struct json_object *gw_json_object(aigw_str text, struct gw_err *reterr)
{
    struct json_object *obj;
    struct gw_err why;

    if (text.len > GW_KEYS_BODY_MAX || !text.ptr) {
        (void)gw_err_set(reterr, AIGW_E_INVALID, "%zu bytes, expected a JSON object of at most %u", text.len,
                         GW_KEYS_BODY_MAX);
        return NULL;
    }
    obj = gw_json_read(text, GW_JSON_DEPTH, 0, &why);
    if (!obj) {
        (void)gw_err_set(reterr, AIGW_E_INVALID, "not valid JSON (%s)", why.text);
    } else if (!json_object_is_type(obj, json_type_object)) {
        (void)gw_err_set(reterr, AIGW_E_INVALID, "JSON, but not an object");
        json_object_put(obj);
        obj = NULL;
    }
    return obj;
}

aigw_str gw_json_string(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return AIGW_STR_NONE;
    return (aigw_str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) };
}

aigw_str gw_json_text(struct json_object *obj, const char *name)
{
    struct json_object *value;

    return json_object_object_get_ex(obj, name, &value) ? gw_json_string(value) : AIGW_STR_NONE;
}

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

aigw_status gw_base64url_decode(aigw_str text, unsigned char *out, size_t cap, size_t *ret_len)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t len = 0;

    if (text.len % 4 == 1)
        return AIGW_E_INVALID;
    if (text.len / 4 * 3 + (text.len % 4 ? text.len % 4 - 1 : 0) > cap)
        return AIGW_E_LIMIT;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64url_value(text.ptr[i]);

        if (value < 0)
            return AIGW_E_INVALID;
        bits = (bits << 6 | (uint32_t)value) & 0xffffu;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[len++] = (unsigned char)(bits >> held);
        }
    }
    /* Left-over bits must be zero, or one value would have several spellings. */
    if (bits & ((1u << held) - 1))
        return AIGW_E_INVALID;
    *ret_len = len;
    return AIGW_OK;
}

void gw_base64url_put(struct gw_buf *buf, const void *bytes, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *in = bytes;

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i < 3 ? len - i : 3;
        uint32_t word = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        char quad[4] = { alphabet[word >> 18 & 63], alphabet[word >> 12 & 63], alphabet[word >> 6 & 63],
                         alphabet[word & 63] };

        gw_buf_put(buf, quad, left + 1);
    }
}

/** A JWK's two numbers into the set, by the names that they have there. */
static aigw_status add_numbers(struct gw_keyset *set, struct json_object *jwk, const char *first, const char *second,
                               aigw_status (*add)(struct gw_keyset *set, aigw_str a, aigw_str b, aigw_str kid,
                                                  struct gw_err *reterr))
{
    unsigned char a[GW_KEY_BITS_MAX / 8 + 8], b[64];
    size_t a_len, b_len;

    if (gw_base64url_decode(gw_json_text(jwk, first), a, sizeof a, &a_len) != AIGW_OK ||
        gw_base64url_decode(gw_json_text(jwk, second), b, sizeof b, &b_len) != AIGW_OK)
        return AIGW_E_UNSUPPORTED;
    return add(set, (aigw_str){ (const char *)a, a_len }, (aigw_str){ (const char *)b, b_len },
               gw_json_text(jwk, "kid"), NULL);
}

static aigw_status add_jwk(struct gw_keyset *set, struct json_object *jwk, bool is_rsa_only)
{
    struct json_object *ignored;
    bool is_ec;

    if (!json_object_is_type(jwk, json_type_object))
        return AIGW_E_UNSUPPORTED;
    is_ec = !is_rsa_only && gw_str_is(gw_json_text(jwk, "kty"), "EC") && gw_str_is(gw_json_text(jwk, "crv"), "P-256");
    if (!is_ec && !gw_str_is(gw_json_text(jwk, "kty"), "RSA"))
        return AIGW_E_UNSUPPORTED;
    if (json_object_object_get_ex(jwk, "use", &ignored) && !gw_str_is(gw_json_text(jwk, "use"), "sig"))
        return AIGW_E_UNSUPPORTED;
    if (json_object_object_get_ex(jwk, "alg", &ignored) &&
        !gw_str_is(gw_json_text(jwk, "alg"), is_ec ? "ES256" : "RS256"))
        return AIGW_E_UNSUPPORTED;
    return is_ec ? add_numbers(set, jwk, "x", "y", gw_keyset_add_ec) : add_numbers(set, jwk, "n", "e", gw_keyset_add);
}

/** A document without the byte order mark that some servers put before JSON. */
static aigw_str without_mark(aigw_str body)
{
    const aigw_str mark = AIGW_STR("\xef\xbb\xbf");

    return gw_str_has_prefix(body, mark) ? (aigw_str){ body.ptr + mark.len, body.len - mark.len } : body;
}

aigw_status gw_jwks_parse(aigw_str body, bool is_rsa_only, struct gw_keyset **ret_set, struct gw_err *reterr)
{
    struct gw_err why;
    struct json_object *doc = gw_json_object(without_mark(body), &why), *keys;
    struct gw_keyset *set = NULL;
    aigw_status status = AIGW_E_INVALID;
    size_t total;

    if (!doc)
        return gw_err_set(reterr, AIGW_E_INVALID, "key set: %s", why.text);
    if (!json_object_object_get_ex(doc, "keys", &keys) || !json_object_is_type(keys, json_type_array)) {
        (void)gw_err_set(reterr, AIGW_E_INVALID, "key set: no member \"keys\" with a list");
        goto done;
    }
    total = json_object_array_length(keys);
    set = gw_keyset_new(total, false);
    if (!set) {
        status = gw_err_set(reterr, AIGW_E_NOMEM, "key set: out of memory");
        goto done;
    }
    for (size_t i = 0; i < total && set->count < GW_KEYS_MAX; i++) {
        status = add_jwk(set, json_object_array_get_idx(keys, i), is_rsa_only);
        if (status == AIGW_E_NOMEM) {
            (void)gw_err_set(reterr, status, "key set: out of memory");
            goto done;
        }
    }
    set->skipped = total - set->count;
    if (set->count == 0) {
        /* An issuer without keys signs nothing: more likely a fault than a wish, so the last good keys stay. */
        status = gw_err_set(reterr, AIGW_E_INVALID,
                            "key set: none of its %zu keys is usable (expected kty RSA, use sig, alg RS256, %u to %u "
                            "bits%s)",
                            total, GW_KEY_BITS_MIN, GW_KEY_BITS_MAX, is_rsa_only ? "" : "; or EC, P-256, ES256");
        goto done;
    }
    *ret_set = set;
    set = NULL;
    status = AIGW_OK;
done:
    gw_keyset_unref(set);
    json_object_put(doc);
    return status;
}

/** Does it begin so, and go on? */
static bool has_scheme(aigw_str url, aigw_str scheme)
{
    return url.len > scheme.len && gw_str_has_prefix_ci(url, scheme);
}

static bool is_http_url(aigw_str url)
{
    if (url.len >= GW_URL_MAX || !(has_scheme(url, AIGW_STR("https://")) || has_scheme(url, AIGW_STR("http://"))))
        return false;
    for (size_t i = 0; i < url.len; i++) {
        if ((unsigned char)url.ptr[i] <= ' ' || (unsigned char)url.ptr[i] >= 0x7f)
            return false;
    }
    return true;
}

aigw_status gw_discovery_parse(aigw_str body, char ret_jwks_uri[GW_URL_MAX], char ret_issuer[GW_URL_MAX],
                               struct gw_err *reterr)
{
    struct gw_err why;
    struct json_object *doc = gw_json_object(without_mark(body), &why);
    aigw_str uri, issuer;
    aigw_status status = AIGW_OK;

    if (!doc)
        return gw_err_set(reterr, AIGW_E_INVALID, "discovery document: %s", why.text);
    uri = gw_json_text(doc, "jwks_uri");
    issuer = gw_json_text(doc, "issuer");
    if (!is_http_url(uri)) {
        status = gw_err_set(reterr, AIGW_E_INVALID, "discovery document: \"jwks_uri\" is not an http or https URL");
    } else {
        memcpy(ret_jwks_uri, uri.ptr, uri.len);
        ret_jwks_uri[uri.len] = '\0';
        ret_issuer[0] = '\0';
        if (is_http_url(issuer)) {
            memcpy(ret_issuer, issuer.ptr, issuer.len);
            ret_issuer[issuer.len] = '\0';
        }
    }
    json_object_put(doc);
    return status;
}
