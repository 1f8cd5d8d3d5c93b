/* test_decide.c - headers → principal or refusal: the rows A-NEG of the reference that live at this level, by id, with
 * their positive controls. One desk with one issuer serves the whole table within a forked test. */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

#define HEADER "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"kid-provider\"}"

static char *mangle_none(const char *token)
{
    return strdup(token);
}

/** The signature's 7th character from its middle is changed to another valid one. */
static char *mangle_signature(const char *token)
{
    char *copy = strdup(token), *at = strrchr(copy, '.') + 40;

    *at = *at == 'A' ? 'B' : 'A';
    return copy;
}

static char *mangle_two_segments(const char *token)
{
    char *copy = strdup(token);

    *strrchr(copy, '.') = '\0';
    return copy;
}

static char *mangle_four_segments(const char *token)
{
    char *copy = malloc(strlen(token) + 5);

    (void)sprintf(copy, "%s.e30", token);
    return copy;
}

static char *mangle_no_signature(const char *token)
{
    char *copy = strdup(token);

    strrchr(copy, '.')[1] = '\0';
    return copy;
}

static char *mangle_padding(const char *token)
{
    char *copy = malloc(strlen(token) + 3);

    (void)sprintf(copy, "%s==", token);
    return copy;
}

static char *mangle_blank(const char *token)
{
    char *copy = malloc(strlen(token) + 2);

    (void)sprintf(copy, " %s", token);
    return copy;
}

/** Another payload under the old signature. */
static char *mangle_payload(const char *token)
{
    char *payload = kit_payload("{\"scopes\":[\"complete_code\",\"duo_chat\"]}");
    const char *dot = strchr(token, '.'), *last = strrchr(token, '.');
    struct gw_buf out;

    gw_buf_init(&out, 65536);
    gw_buf_put(&out, token, (size_t)(dot - token) + 1);
    gw_base64url_put(&out, payload, strlen(payload));
    gw_buf_puts(&out, last);
    free(payload);
    return out.data;
}

static char *mangle_long(const char *token)
{
    char *copy = malloc(20001);

    (void)token;
    memset(copy, 'A', 20000);
    copy[20000] = '\0';
    copy[10] = copy[20] = '.';
    return copy;
}

static const struct row {
    const char *id;
    const char *jose;    /* JOSE header, NULL: HEADER */
    const char *changes; /* of the payload, NULL: none */
    const char *payload; /* whole payload instead */
    int key;
    gnutls_sign_algorithm_t algorithm; /* 0: RS256 */
    char *(*mangle)(const char *token);
    const char *detail; /* the help text holds this */
} token_rows[] = {
    { .id = "A-NEG-11", .mangle = mangle_two_segments, .detail = "three parts" },
    { .id = "A-NEG-12", .mangle = mangle_four_segments, .detail = "three parts" },
    { .id = "A-NEG-13", .mangle = mangle_signature, .detail = "does not match the key" },
    { .id = "A-NEG-14", .mangle = mangle_payload, .detail = "does not match the key" },
    { .id = "A-NEG-15",
      .jose = "{\"alg\":\"RS256\"}",
      .key = KEY_STRANGER,
      .detail = "no kid). Keys come from Gitlab" },
    { .id = "A-NEG-16", .jose = "{\"alg\":\"none\"}", .mangle = mangle_no_signature, .detail = "\"none\"" },
    { .id = "A-NEG-16b RS256 without signature", .mangle = mangle_no_signature, .detail = "no signature" },
    { .id = "A-NEG-19", .jose = "{\"alg\":\"RS384\"}", .algorithm = GNUTLS_SIGN_RSA_SHA384, .detail = "\"RS384\"" },
    { .id = "A-NEG-19b RS384 signature under RS256", .algorithm = GNUTLS_SIGN_RSA_SHA384, .detail = "does not match" },
    { .id = "A-NEG-19c RS512", .jose = "{\"alg\":\"RS512\"}", .algorithm = GNUTLS_SIGN_RSA_SHA512, .detail = "RS512" },
    { .id = "A-NEG-19d PS256", .jose = "{\"alg\":\"PS256\"}", .detail = "PS256" },
    { .id = "A-NEG-20", .jose = "{\"alg\":\"rs256\",\"kid\":\"kid-provider\"}", .detail = "expected \"RS256\"" },
    { .id = "A-NEG-21", .jose = "{\"kid\":\"kid-provider\"}", .detail = "expected \"RS256\"" },
    { .id = "A-NEG-21b alg a list", .jose = "{\"alg\":[\"RS256\"]}", .detail = "expected \"RS256\"" },
    { .id = "A-NEG-24", .key = KEY_STRANGER, .detail = "does not match the key" },
    { .id = "A-NEG-25", .changes = "{\"exp\":\"@now-120\"}", .detail = "expired 12" },
    { .id = "A-NEG-26", .changes = "{\"exp\":\"@delete\"}", .detail = "no expiry" },
    { .id = "A-NEG-27", .changes = "{\"exp\":\"soon\"}", .detail = "not a number" },
    { .id = "A-NEG-28", .changes = "{\"exp\":null}", .detail = "not a number" },
    { .id = "A-NEG-28b list", .changes = "{\"exp\":[1]}", .detail = "not a number" },
    { .id = "A-NEG-28c true", .changes = "{\"exp\":true}", .detail = "not a number" },
    { .id = "A-NEG-28d 1e999", .payload = "{\"exp\":1e999,\"aud\":\"gitlab-ai-gateway\"}", .detail = "not a number" },
    { .id = "A-NEG-28e Infinity", .payload = "{\"exp\":Infinity,\"aud\":\"gitlab-ai-gateway\"}", .detail = "not" },
    { .id = "A-NEG-28f NaN", .payload = "{\"exp\":NaN,\"aud\":\"gitlab-ai-gateway\"}", .detail = "not" },
    { .id = "A-NEG-28g far past", .changes = "{\"exp\":-9223372036854775808}", .detail = "expired" },
    { .id = "A-NEG-29", .changes = "{\"nbf\":\"@now+120\"}", .detail = "not valid yet" },
    { .id = "A-NEG-30", .changes = "{\"nbf\":{}}", .detail = "claim nbf" },
    { .id = "A-NEG-30b iat a text", .changes = "{\"iat\":\"yesterday\"}", .detail = "claim iat" },
    { .id = "A-NEG-31",
      .changes = "{\"aud\":\"gitlab-duo-workflow-service\"}",
      .detail = "\"gitlab-duo-workflow-service\", expected \"gitlab-ai-gateway\"" },
    { .id = "A-NEG-32", .changes = "{\"aud\":[\"a\",\"b\"]}", .detail = "2 entries" },
    { .id = "A-NEG-32b empty list", .changes = "{\"aud\":[]}", .detail = "0 entries" },
    { .id = "A-NEG-32c mixed list", .changes = "{\"aud\":[\"gitlab-ai-gateway\",7]}", .detail = "more than strings" },
    { .id = "A-NEG-33", .changes = "{\"aud\":7}", .detail = "neither" },
    { .id = "A-NEG-34", .changes = "{\"aud\":\"@delete\"}", .detail = "no audience" },
    { .id = "A-NEG-35", .changes = "{\"sub\":7}", .detail = "claim sub" },
    { .id = "A-NEG-35b null", .changes = "{\"sub\":null}", .detail = "claim sub" },
    { .id = "A-NEG-36", .changes = "{\"jti\":7}", .detail = "claim jti" },
    { .id = "A-NEG-37", .changes = "{\"at_hash\":\"x\"}", .detail = "at_hash" },
    { .id = "A-NEG-37b null", .changes = "{\"at_hash\":null}", .detail = "at_hash" },
    { .id = "A-NEG-38", .payload = "[]", .detail = "payload" },
    { .id = "A-NEG-38b cut", .payload = "{\"exp\":", .detail = "payload" },
    { .id = "A-NEG-38c deep", .payload = "{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}", .detail = "payload" },
    { .id = "A-NEG-39", .jose = "not json", .detail = "header" },
    { .id = "A-NEG-39b list", .jose = "[\"alg\",\"RS256\"]", .detail = "header" },
    { .id = "crit is refused", .jose = "{\"alg\":\"RS256\",\"crit\":[\"exp\"]}", .detail = "crit" },
    { .id = "padding is refused", .mangle = mangle_padding, .detail = "base64url" },
    { .id = "a second blank is refused", .mangle = mangle_blank, .detail = "base64url" },
    { .id = "17 KiB is refused", .mangle = mangle_long, .detail = "at most 16384" },
    { .id = "local issuer signed by the provider (D6)",
      .changes = "{\"iss\":\"gitlab-ai-gateway\",\"sub\":\"" KIT_USER "\"}",
      .detail = "none of its own keys" },
    { .id = "local issuer signed by a stranger",
      .changes = "{\"iss\":\"gitlab-ai-gateway\"}",
      .key = KEY_STRANGER,
      .detail = "none of its own keys" },
};

static char *make_token(const struct row *row)
{
    char *payload = row->payload ? strdup(row->payload) : kit_payload(row->changes ? row->changes : "{}");
    char *token = kit_sign(row->jose ? row->jose : HEADER, payload, row->key,
                           row->algorithm ? row->algorithm : GNUTLS_SIGN_RSA_SHA256, NULL, 0);
    char *mangled = row->mangle ? row->mangle(token) : mangle_none(token);

    free(payload);
    free(token);
    return mangled;
}

struct scene {
    struct desk desk;
    struct issuer *issuer;
};

static void scene_open(struct scene *scene)
{
    static const int keys[] = { KEY_SPARE, KEY_PROVIDER };

    scene->issuer = issuer_start(0);
    issuer_serve(scene->issuer, keys, 2);
    desk_init(&scene->desk);
    scene->desk.settings.auth.gitlab_url = issuer_url(scene->issuer);
    desk_open(&scene->desk);
}

static void scene_close(struct scene *scene)
{
    desk_close(&scene->desk);
    issuer_stop(scene->issuer);
}

static void check_a_wrong_token_is_forbidden_with_its_reason(struct scene *scene, size_t i)
{
    const struct row *row = &token_rows[i];
    struct gw_auth_result result;
    char *token = make_token(row);

    result = desk_check_token(&scene->desk, token);
    ck_assert_msg(result.outcome == GW_AUTH_REFUSED && result.status == 401, "%s: outcome %d status %d", row->id,
                  result.outcome, result.status);
    ck_assert_str_eq(result.error, FORBIDDEN);
    ck_assert_msg(strstr(result.detail, row->detail) != NULL, "%s: %s", row->id, result.detail);
    /* Again, now perhaps from memory: the same answer. */
    result = desk_check_token(&scene->desk, token);
    ck_refused(result, 401, FORBIDDEN);
    ck_assert_msg(strstr(result.detail, row->detail) != NULL, "%s: %s", row->id, result.detail);
    free(token);
}

START_TEST(a_wrong_token_is_forbidden_with_its_reason)
{
    struct scene scene;

    scene_open(&scene);
    for (size_t i = 0; i < GW_ARRAY_LEN(token_rows); i++) {
        kit_row = token_rows[i].id;
        check_a_wrong_token_is_forbidden_with_its_reason(&scene, i);
    }
    scene_close(&scene);
}
END_TEST

static const struct {
    const char *id, *name, *value, *second_name, *second_value;
    const char *changes;
    int status; /* 0: allowed */
    const char *error;
} header_rows[] = {
    { "base", NULL, NULL, NULL, NULL, NULL, 0, NULL },
    { "A-NEG-01", "Authorization", NULL, NULL, NULL, NULL, 401, "No authorization header presented" },
    { "A-NEG-02", "Authorization", "", NULL, NULL, NULL, 401, "Invalid authorization header" },
    { "A-NEG-03", "Authorization", "a.b.c", NULL, NULL, NULL, 401, "Invalid authorization header" },
    { "A-NEG-04", "Authorization", "Basic dXNlcjpwdw==", NULL, NULL, NULL, 401, "Invalid authorization header" },
    { "A-NEG-05", "Authorization", "Bearer", NULL, NULL, NULL, 401, FORBIDDEN },
    { "A-NEG-05b", "Authorization", "Bearer ", NULL, NULL, NULL, 401, FORBIDDEN },
    { "A-NEG-06", "Authorization", "Bearer\ta.b.c", NULL, NULL, NULL, 401, "Invalid authorization header" },
    { "A-NEG-07", "X-Gitlab-Authentication-Type", NULL, NULL, NULL, NULL, 401,
      "Invalid authentication token type - only OIDC is supported" },
    { "A-NEG-08", "X-Gitlab-Authentication-Type", "OIDC", NULL, NULL, NULL, 401,
      "Invalid authentication token type - only OIDC is supported" },
    { "A-NEG-09", "X-Gitlab-Authentication-Type", "token", "Authorization", "Bearer garbage", NULL, 401,
      "Invalid authentication token type - only OIDC is supported" },
    { "A-NEG-10", "Authorization", "Bearer 12345", NULL, NULL, NULL, 401, FORBIDDEN },
    { "A-NEG-40", "X-Gitlab-Realm", "saas", NULL, NULL, NULL, 401, "Header mismatch 'X-Gitlab-Realm'" },
    { "A-NEG-41", "X-Gitlab-Realm", NULL, NULL, NULL, NULL, 401, "Header mismatch 'X-Gitlab-Realm'" },
    { "A-NEG-42", "X-Gitlab-Instance-Id", "other", NULL, NULL, NULL, 401, "Header mismatch 'X-Gitlab-Instance-Id'" },
    { "A-NEG-43", "X-Gitlab-Instance-Id", NULL, NULL, NULL, NULL, 401, "Header mismatch 'X-Gitlab-Instance-Id'" },
    { "A-NEG-44", NULL, NULL, NULL, NULL, "{\"gitlab_instance_id\":\"X\"}", 401,
      "Header mismatch 'X-Gitlab-Instance-Id'" },
    { "A-NEG-45", "X-Gitlab-Realm", "saas", "X-Gitlab-Instance-Id", "other", NULL, 401,
      "Header mismatch 'X-Gitlab-Realm'" },
    { "A-NEG-56", "Authorization", NULL, "Bypass-Auth", "true", NULL, 401, "No authorization header presented" },
    { "A-NEG-70", "X-Gitlab-Instance-Id", NULL, "X_Gitlab_Instance_Id", KIT_INSTANCE, NULL, 401,
      "Header mismatch 'X-Gitlab-Instance-Id'" },
    { "realm a number", NULL, NULL, NULL, NULL, "{\"gitlab_realm\":5}", 401, "Header mismatch 'X-Gitlab-Realm'" },
    { "realm zero counts as none", NULL, NULL, NULL, NULL, "{\"gitlab_realm\":0}", 0, NULL },
    { "instance an object", NULL, NULL, NULL, NULL, "{\"gitlab_instance_id\":{\"a\":1}}", 401,
      "Header mismatch 'X-Gitlab-Instance-Id'" },
    { "C-AUTH-007", "X-Gitlab-Instance-Id", "any", NULL, NULL, "{\"sub\":\"@delete\"}", 0, NULL },
    { "empty sub", "X-Gitlab-Instance-Id", "any", NULL, NULL, "{\"sub\":\"\"}", 0, NULL },
    { "no realm claim", "X-Gitlab-Realm", "whatever", NULL, NULL, "{\"gitlab_realm\":\"@delete\"}", 0, NULL },
    { "empty realm claim", "X-Gitlab-Realm", "whatever", NULL, NULL, "{\"gitlab_realm\":\"\"}", 0, NULL },
    { "aud list", NULL, NULL, NULL, NULL, "{\"aud\":[\"x\",\"gitlab-ai-gateway\"]}", 0, NULL },
    { "lower-case header names", "x-gitlab-realm", "self-managed", NULL, NULL, NULL, 0, NULL },
    { "no user id header", "X-Gitlab-Global-User-Id", NULL, NULL, NULL, NULL, 0, NULL },
    { "exp as digits", NULL, NULL, NULL, NULL, "{\"exp\":\"99999999999\"}", 0, NULL },
    { "exp with a fraction", NULL, NULL, NULL, NULL, "{\"exp\":99999999999.5}", 0, NULL },
    { "exp beyond all time", NULL, NULL, NULL, NULL, "{\"exp\":1e300}", 0, NULL },
    { "iat in the future", NULL, NULL, NULL, NULL, "{\"iat\":\"@now+900\"}", 0, NULL },
    { "no nbf, iat, jti", NULL, NULL, NULL, NULL, "{\"nbf\":\"@delete\",\"iat\":\"@delete\",\"jti\":\"@delete\"}", 0,
      NULL },
    { "unknown claims", NULL, NULL, NULL, NULL, "{\"x\":{\"a\":[1,{\"b\":null}]},\"duo_seat_count\":5}", 0, NULL },
};

static void check_headers_decide_in_the_order_of_the_contract(struct scene *scene, size_t i)
{
    struct gw_auth_result result;
    char *token = kit_token(KEY_PROVIDER, header_rows[i].changes ? header_rows[i].changes : "{}");

    desk_headers(&scene->desk, token);
    if (header_rows[i].name)
        desk_header(&scene->desk, header_rows[i].name, header_rows[i].value);
    if (header_rows[i].second_name)
        desk_header(&scene->desk, header_rows[i].second_name, header_rows[i].second_value);
    result = desk_check(&scene->desk);
    if (header_rows[i].status == 0) {
        ck_allowed(result);
    } else {
        ck_refused(result, header_rows[i].status, header_rows[i].error);
        ck_assert_uint_gt(strlen(result.detail), 10);
    }
    free(token);
}

START_TEST(headers_decide_in_the_order_of_the_contract)
{
    struct scene scene;

    scene_open(&scene);
    for (size_t i = 0; i < GW_ARRAY_LEN(header_rows); i++) {
        kit_row = header_rows[i].id;
        check_headers_decide_in_the_order_of_the_contract(&scene, i);
    }
    scene_close(&scene);
}
END_TEST

static const struct {
    const char *id, *scheme, *jose;
} positive_rows[] = {
    { "scheme bearer", "bearer", HEADER },
    { "scheme BEARER", "BEARER", HEADER },
    { "no kid", "Bearer", "{\"alg\":\"RS256\"}" },
    { "kid unknown but key right", "Bearer", "{\"alg\":\"RS256\",\"kid\":\"nobody\"}" },
    { "kid of another key", "Bearer", "{\"alg\":\"RS256\",\"kid\":\"kid-spare\"}" },
    { "kid a number", "Bearer", "{\"alg\":\"RS256\",\"kid\":7}" },
    { "duplicate alg, last wins", "Bearer", "{\"alg\":\"none\",\"alg\":\"RS256\"}" },
};

static void check_positive_controls(struct scene *scene, size_t i)
{
    struct gw_auth_result result;
    char *payload = kit_payload("{}");
    char *token = kit_sign(positive_rows[i].jose, payload, KEY_PROVIDER, GNUTLS_SIGN_RSA_SHA256, NULL, 0);

    desk_headers(&scene->desk, NULL);
    desk_header(&scene->desk, "Authorization",
                gw_arena_printf(&scene->desk.arena, "%s %s", positive_rows[i].scheme, token));
    result = desk_check(&scene->desk);
    ck_allowed(result);
    ck_assert_int_eq(issuer_count(scene->issuer, DISCOVERY), 1); /* nothing in a token makes us fetch */
    free(payload);
    free(token);
}

START_TEST(positive_controls)
{
    struct scene scene;

    scene_open(&scene);
    for (size_t i = 0; i < GW_ARRAY_LEN(positive_rows); i++) {
        kit_row = positive_rows[i].id;
        check_positive_controls(&scene, i);
    }
    scene_close(&scene);
}
END_TEST

START_TEST(hmac_with_public_key_material_is_forbidden) /* A-NEG-17, A-NEG-18 */
{
    struct scene scene;
    struct gw_auth_result result;
    char *payload = kit_payload("{}"), *token;
    struct gw_buf jwk;
    gnutls_datum_t n, e;

    scene_open(&scene);
    gw_buf_init(&jwk, 4096);
    kit_put_jwk(&jwk, KEY_PROVIDER, "kid-provider", "");
    ck_assert_int_ge(gnutls_x509_privkey_export_rsa_raw(kit_key(KEY_PROVIDER), &n, &e, NULL, NULL, NULL, NULL), 0);
    for (int i = 0; i < 3; i++) {
        const char *mac = i == 0 ? jwk.data : i == 1 ? (const char *)n.data : kit_pem(KEY_PROVIDER);
        size_t len = i == 0 ? jwk.len : i == 1 ? n.size : strlen(kit_pem(KEY_PROVIDER));

        for (int named = 0; named < 2; named++) {
            token = kit_sign(named ? "{\"alg\":\"HS256\",\"kid\":\"kid-provider\"}" : HEADER, payload, 0, 0, mac, len);
            result = desk_check_token(&scene.desk, token);
            ck_refused(result, 401, FORBIDDEN);
            free(token);
        }
    }
    gnutls_free(n.data);
    gnutls_free(e.data);
    gw_buf_done(&jwk);
    free(payload);
    scene_close(&scene);
}
END_TEST

START_TEST(keys_and_addresses_inside_a_token_are_not_used) /* A-NEG-22, A-NEG-23 */
{
    static const int stranger[] = { KEY_STRANGER };
    struct issuer *evil = issuer_start(0);
    struct scene scene;
    struct gw_auth_result result;
    char *payload = kit_payload("{}"), *token;
    struct gw_buf header, jwk;

    issuer_serve(evil, stranger, 1);
    scene_open(&scene);
    gw_buf_init(&jwk, 4096);
    gw_buf_init(&header, 8192);
    kit_put_jwk(&jwk, KEY_STRANGER, "k", "");
    gw_buf_printf(&header,
                  "{\"alg\":\"RS256\",\"jwk\":%s,\"jku\":\"%s" KEYS "\",\"x5u\":\"%s/x\",\"kid\":\"%s" KEYS "\"}",
                  jwk.data, issuer_url(evil), issuer_url(evil), issuer_url(evil));
    token = kit_sign(header.data, payload, KEY_STRANGER, GNUTLS_SIGN_RSA_SHA256, NULL, 0);
    result = desk_check_token(&scene.desk, token);
    ck_refused(result, 401, FORBIDDEN);
    ck_assert_int_eq(issuer_count(evil, NULL), 0);
    gw_buf_done(&jwk);
    gw_buf_done(&header);
    free(payload);
    free(token);
    scene_close(&scene);
    issuer_stop(evil);
}
END_TEST

START_TEST(a_principal_carries_what_the_token_says)
{
    struct scene scene;
    struct gw_auth_result result;
    const struct aigw_principal *who = &result.principal;
    char *token = kit_token(KEY_PROVIDER, "{\"duo_seat_count\":7,\"gitlab_instance_uid\":\"uid\",\"x\":{\"y\":1},"
                                          "\"scopes\":[\"b\",\"a\"],\"gitlab_instance_id\":\"" KIT_INSTANCE "\"}");

    scene_open(&scene);
    for (int round = 0; round < 2; round++) { /* the second time from the cache */
        result = desk_check_token(&scene.desk, token);
        ck_allowed(result);
        ck_assert_uint_eq(who->struct_size, sizeof *who);
        ck_assert_uint_eq(who->flags, 0);
        ck_assert(gw_str_is(who->issuer, "https://gitlab.example.com"));
        ck_assert(gw_str_is(who->subject, KIT_INSTANCE));
        ck_assert(gw_str_is(who->realm, "self-managed"));
        ck_assert(gw_str_is(who->instance_id, KIT_INSTANCE));
        ck_assert(gw_str_is(who->instance_uid, "uid"));
        ck_assert(gw_str_is(who->seat_count, "7"));
        ck_assert(gw_str_is(who->global_user_id, KIT_USER));
        ck_assert(gw_str_is(who->extra_claims, "{\"x\":{\"y\":1}}"));
        ck_assert_uint_eq(who->scope_count, 2);
        ck_assert(gw_str_is(who->scopes[0], "b"));
        ck_assert(gw_str_is(who->scopes[1], "a"));
        ck_assert(gw_str_is(result.token_issuer, "https://gitlab.example.com"));
    }
    ck_assert_uint_eq(gw_cache_count(scene.desk.worker->cache), 1);
    scene_close(&scene);
    free(token);
}
END_TEST

static const char *const no_scopes[] = { /* A-NEG-49, A-NEG-50 */
                                         "{\"scopes\":\"@delete\"}", "{\"scopes\":\"complete_code\"}",
                                         "{\"scopes\":null}",        "{\"scopes\":{\"complete_code\":1}}",
                                         "{\"scopes\":[]}",          "{\"scopes\":[\"complete_code\",7]}"
};

static void check_scopes_that_are_no_list_of_strings_are_none(struct scene *scene, size_t i)
{
    struct gw_auth_result result;
    char *token = kit_token(KEY_PROVIDER, no_scopes[i]);

    result = desk_check_token(&scene->desk, token);
    ck_allowed(result);
    ck_assert_uint_eq(result.principal.scope_count, 0);
    free(token);
}

START_TEST(scopes_that_are_no_list_of_strings_are_none)
{
    struct scene scene;

    scene_open(&scene);
    for (size_t i = 0; i < GW_ARRAY_LEN(no_scopes); i++) {
        kit_row = no_scopes[i];
        check_scopes_that_are_no_list_of_strings_are_none(&scene, i);
    }
    scene_close(&scene);
}
END_TEST

START_TEST(claims_may_have_accents)
{
    struct scene scene;
    struct gw_auth_result result;
    char *token = kit_token(KEY_PROVIDER, "{\"nom\":\"Zoë Müller\",\"équipe\":[\"漢字\",\"😀\"],"
                                          "\"scopes\":[\"complété\",\"complete_code\"]}");

    scene_open(&scene);
    result = desk_check_token(&scene.desk, token);
    ck_allowed(result);
    ck_assert_uint_eq(result.principal.scope_count, 2);
    ck_assert(gw_str_is(result.principal.scopes[0], "complété"));
    ck_assert_ptr_nonnull(memmem(result.principal.extra_claims.ptr, result.principal.extra_claims.len, "Zoë Müller",
                                 strlen("Zoë Müller")));
    scene_close(&scene);
    free(token);
}
END_TEST

START_TEST(an_empty_bearer_is_explained)
{
    struct scene scene;
    struct gw_auth_result result;

    scene_open(&scene);
    desk_headers(&scene.desk, "");
    result = desk_check(&scene.desk);
    ck_refused(result, 401, FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(result.detail, "Assign a self-hosted model to Code completion"));
    scene_close(&scene);
}
END_TEST

TCase *decide_cases(void)
{
    TCase *tcase = tcase_create("decide");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_wrong_token_is_forbidden_with_its_reason);
    tcase_add_test(tcase, headers_decide_in_the_order_of_the_contract);
    tcase_add_test(tcase, positive_controls);
    tcase_add_test(tcase, hmac_with_public_key_material_is_forbidden);
    tcase_add_test(tcase, keys_and_addresses_inside_a_token_are_not_used);
    tcase_add_test(tcase, a_principal_carries_what_the_token_says);
    tcase_add_test(tcase, scopes_that_are_no_list_of_strings_are_none);
    tcase_add_test(tcase, claims_may_have_accents);
    tcase_add_test(tcase, an_empty_bearer_is_explained);
    return tcase;
}
