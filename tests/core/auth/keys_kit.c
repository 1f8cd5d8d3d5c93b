/* keys_kit.c - RSA keys, JWKs and tokens made at run time. */
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <json-c/json.h>

#include "kit.h"

static struct {
    gnutls_x509_privkey_t key;
    char *pem, *pem_pkcs1;
    const char *kid;
} keys[KEY_COUNT] = { { .kid = "kid-provider" },
                      { .kid = "kid-spare" },
                      { .kid = "kid-stranger" },
                      { .kid = "kid-signing" },
                      { .kid = "kid-small" } };

/** Outside a test check cannot report. */
static void must(int code)
{
    if (code < 0)
        abort();
}

static char *export(gnutls_x509_privkey_t key, bool pkcs8)
{
    gnutls_datum_t out = { NULL, 0 };
    char *text;

    if (pkcs8)
        must(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &out));
    else
        must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out));
    text = strndup((const char *)out.data, out.size);
    gnutls_free(out.data);
    return text;
}

void kit_keys_init(void)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        must(gnutls_x509_privkey_init(&keys[i].key));
        must(gnutls_x509_privkey_generate(keys[i].key, GNUTLS_PK_RSA, i == KEY_SMALL ? 1024 : 2048, 0));
        keys[i].pem = export(keys[i].key, true);
        keys[i].pem_pkcs1 = export(keys[i].key, false);
    }
}

void kit_keys_done(void)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        gnutls_x509_privkey_deinit(keys[i].key);
        free(keys[i].pem);
        free(keys[i].pem_pkcs1);
    }
}

gnutls_x509_privkey_t kit_key(int which)
{
    return keys[which].key;
}

const char *kit_kid(int which)
{
    return keys[which].kid;
}

const char *kit_pem(int which)
{
    return keys[which].pem;
}

const char *kit_pem_pkcs1(int which)
{
    return keys[which].pem_pkcs1;
}

void kit_put_jwk(struct gw_buf *out, int which, const char *kid, const char *more)
{
    gnutls_datum_t n, e;

    ck_assert_int_ge(gnutls_x509_privkey_export_rsa_raw(keys[which].key, &n, &e, NULL, NULL, NULL, NULL), 0);
    gw_buf_puts(out, "{\"kty\":\"RSA\",\"n\":\"");
    gw_base64url_put(out, n.data, n.size);
    gw_buf_puts(out, "\",\"e\":\"");
    gw_base64url_put(out, e.data, e.size);
    gw_buf_puts(out, "\"");
    if (kid)
        gw_buf_printf(out, ",\"kid\":\"%s\"", kid);
    gw_buf_printf(out, "%s}", more);
    gnutls_free(n.data);
    gnutls_free(e.data);
}

char *kit_jwks(const int *which, size_t count)
{
    struct gw_buf out;

    gw_buf_init(&out, 65536);
    gw_buf_puts(&out, "{\"keys\":[");
    for (size_t i = 0; i < count; i++) {
        gw_buf_puts(&out, i ? "," : "");
        kit_put_jwk(&out, which[i], keys[which[i]].kid, ",\"use\":\"sig\",\"alg\":\"RS256\"");
    }
    gw_buf_puts(&out, "]}");
    return out.data;
}

char *kit_sign(const char *header, const char *payload, int which, gnutls_sign_algorithm_t algorithm, const char *mac,
               size_t mac_len)
{
    struct gw_buf out;

    gw_buf_init(&out, 1 << 20);
    gw_base64url_put(&out, header, strlen(header));
    gw_buf_puts(&out, ".");
    gw_base64url_put(&out, payload, strlen(payload));
    if (mac) {
        unsigned char digest[32];

        ck_assert_int_ge(gnutls_hmac_fast(GNUTLS_MAC_SHA256, mac, mac_len, out.data, out.len, digest), 0);
        gw_buf_puts(&out, ".");
        gw_base64url_put(&out, digest, sizeof digest);
    } else {
        gnutls_privkey_t key;
        gnutls_datum_t data = { (unsigned char *)out.data, (unsigned int)out.len }, signature;

        ck_assert_int_ge(gnutls_privkey_init(&key), 0);
        ck_assert_int_ge(gnutls_privkey_import_x509(key, keys[which].key, 0), 0);
        ck_assert_int_ge(gnutls_privkey_sign_data2(key, algorithm, 0, &data, &signature), 0);
        gw_buf_puts(&out, ".");
        gw_base64url_put(&out, signature.data, signature.size);
        gnutls_free(signature.data);
        gnutls_privkey_deinit(key);
    }
    ck_assert_int_eq(out.status, AIGW_OK);
    return out.data;
}

char *kit_payload(const char *changes)
{
    struct json_object *payload = json_object_new_object(), *edits = json_tokener_parse(changes);
    int64_t now_s = gw_wall_s();
    struct json_object *scopes = json_object_new_array();
    char *text;

    ck_assert_ptr_nonnull(edits);
    json_object_array_add(scopes, json_object_new_string("complete_code"));
    json_object_object_add(payload, "iss", json_object_new_string("https://gitlab.example.com"));
    json_object_object_add(payload, "aud", json_object_new_string("gitlab-ai-gateway"));
    json_object_object_add(payload, "sub", json_object_new_string(KIT_INSTANCE));
    json_object_object_add(payload, "gitlab_realm", json_object_new_string("self-managed"));
    json_object_object_add(payload, "scopes", scopes);
    json_object_object_add(payload, "iat", json_object_new_int64(now_s));
    json_object_object_add(payload, "nbf", json_object_new_int64(now_s - 5));
    json_object_object_add(payload, "exp", json_object_new_int64(now_s + 3600));
    json_object_object_add(payload, "jti", json_object_new_string("6f1c9d4e-9a3f-4a0e-8f7c-2f2b6f1b7d11"));
    json_object_object_foreach(edits, name, value)
    {
        const char *word = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

        if (strcmp(word, "@delete") == 0)
            json_object_object_del(payload, name);
        else if (strncmp(word, "@now", 4) == 0)
            json_object_object_add(payload, name, json_object_new_int64(now_s + atoll(word + 4)));
        else
            json_object_object_add(payload, name, json_object_get(value));
    }
    text = strdup(json_object_to_json_string_ext(payload, JSON_C_TO_STRING_PLAIN));
    json_object_put(edits);
    json_object_put(payload);
    return text;
}

char *kit_token(int which, const char *changes)
{
    char *payload = kit_payload(changes), header[128], *token;

    (void)snprintf(header, sizeof header, "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"%s\"}", keys[which].kid);
    token = kit_sign(header, payload, which, GNUTLS_SIGN_RSA_SHA256, NULL, 0);
    free(payload);
    return token;
}
