/* test_own.c - our own keys and switches: minting, local keys, bypass, clock skew. */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

#define HEADER "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"kid-provider\"}"

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

START_TEST(minted_tokens_serve_one_user_and_other_gateways_with_the_key) /* A-NEG-46, C-AUTH-008, -009 */
{
    struct scene scene;
    struct desk other;
    struct gw_auth_result result;
    struct gw_err why = { "" };
    aigw_str token, header;
    char *payload = kit_payload("{\"iss\":\"gitlab-ai-gateway\",\"sub\":\"" KIT_USER
                                "\",\"gitlab_instance_id\":\"" KIT_INSTANCE "\"}");

    scene_open(&scene);
    ck_assert_int_eq(gw_auth_sign(scene.desk.auth, gw_str(payload), &scene.desk.arena, &token, &why), AIGW_OK);
    header = (aigw_str){ token.ptr, strcspn(token.ptr, ".") };
    ck_assert(gw_str_is(header, "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9"));
    result = desk_check_token(&scene.desk, token.ptr);
    ck_allowed(result);
    ck_assert_uint_eq(result.principal.flags, AIGW_PRINCIPALF_USER_TOKEN);
    desk_header(&scene.desk, "X-Gitlab-Global-User-Id", "someone else");
    result = desk_check(&scene.desk);
    ck_refused(result, 401, "Header mismatch 'X-Gitlab-Global-User-Id'");
    desk_header(&scene.desk, "X-Gitlab-Global-User-Id", NULL);
    result = desk_check(&scene.desk);
    ck_refused(result, 401, "Header mismatch 'X-Gitlab-Global-User-Id'");

    /* Another process: once with the key as its own, once as the key before. */
    for (int round = 0; round < 2; round++) {
        desk_init(&other);
        other.settings.auth.signing_key = round ? kit_pem(KEY_SPARE) : kit_pem_pkcs1(KEY_SIGNING);
        other.settings.auth.validation_key = round ? kit_pem(KEY_SIGNING) : NULL;
        desk_open(&other);
        result = desk_check_token(&other, token.ptr);
        ck_allowed(result);
        desk_close(&other);
    }
    desk_init(&other);
    other.settings.auth.signing_key = kit_pem(KEY_SPARE);
    desk_open(&other);
    result = desk_check_token(&other, token.ptr);
    ck_refused(result, 401, FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(result.detail, "the same AIGW_SELF_SIGNED_JWT__SIGNING_KEY"));
    desk_close(&other);
    free(payload);
    scene_close(&scene);
}
END_TEST

START_TEST(our_key_may_sign_for_another_issuer)
{
    struct scene scene;
    struct gw_auth_result result;
    char *token = kit_token(KEY_SIGNING, "{}");

    scene_open(&scene);
    result = desk_check_token(&scene.desk, token);
    ck_allowed(result);
    ck_assert_uint_eq(result.principal.flags, 0);
    scene_close(&scene);
    free(token);
}
END_TEST

static const struct {
    const char *id, *signing, *expected;
} signing_rows[] = {
    { "A-NEG-60", "BROKEN_KEY", "not a readable PEM key" },
    { "missing", NULL, "is not set" },
    { "empty", "", "is not set" },
};

START_TEST(without_a_usable_key_nothing_is_signed_and_the_rest_serves)
{
    struct desk desk;
    struct gw_err why = { "" };
    aigw_str token = AIGW_STR_NONE;
    struct gw_auth_result result;
    char *other;

    desk_init(&desk);
    desk.settings.auth.signing_key = signing_rows[_i].signing;
    desk.settings.auth.validation_key = kit_pem(KEY_SPARE); /* loaded on its own */
    desk_open(&desk);
    ck_assert_int_eq(gw_auth_sign(desk.auth, gw_str("{}"), &desk.arena, &token, &why), AIGW_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, signing_rows[_i].expected));
    ck_assert_ptr_null(token.ptr);
    other = kit_token(KEY_SPARE, "{}");
    result = desk_check_token(&desk, other);
    ck_allowed(result);
    free(other);
    desk_close(&desk);
}
END_TEST

START_TEST(small_signing_keys_and_broken_claims_are_refused)
{
    struct desk desk;
    struct gw_err why = { "" };
    aigw_str token = AIGW_STR_NONE;
    char *huge = calloc(1, 20000);

    desk_init(&desk);
    desk.settings.auth.signing_key = kit_pem(KEY_SMALL);
    desk_open(&desk);
    ck_assert_int_eq(gw_auth_sign(desk.auth, gw_str("{}"), &desk.arena, &token, &why), AIGW_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(why.text, "1024 bits"));
    desk_close(&desk);

    desk_init(&desk);
    desk_open(&desk);
    ck_assert_int_eq(gw_auth_sign(desk.auth, gw_str("[]"), &desk.arena, &token, &why), AIGW_E_INVALID);
    (void)strcpy(huge, "{\"a\":\"");
    memset(huge + 6, 'x', 16000);
    (void)strcpy(huge + 16006, "\"}");
    ck_assert_int_eq(gw_auth_sign(desk.auth, gw_str(huge), &desk.arena, &token, &why), AIGW_E_LIMIT);
    ck_assert_ptr_null(token.ptr);
    desk_close(&desk);
    free(huge);
}
END_TEST

/* ---- bypass ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *id;
    int external, with_header;
    const char *bypass_header;
    bool allowed;
} bypass_rows[] = {
    { "external", 1, 0, NULL, true },
    { "external, header besides", 1, 0, "no", true },
    { "with header", 0, 1, "true", true },
    { "A-NEG-57", 0, 1, "True", false },
    { "with header, none sent", 0, 1, NULL, false },
    { "A-NEG-56", 0, 0, "true", false },
};

START_TEST(bypass_switches_do_exactly_what_they_say)
{
    struct desk desk;
    struct gw_auth_result result;

    desk_init(&desk);
    desk.settings.auth.bypass_external = bypass_rows[_i].external;
    desk.settings.auth.bypass_external_with_header = bypass_rows[_i].with_header;
    desk_open(&desk);
    desk_header(&desk, "X-Gitlab-Global-User-Id", KIT_USER);
    desk_header(&desk, "Bypass-Auth", bypass_rows[_i].bypass_header);
    result = desk_check(&desk);
    if (bypass_rows[_i].allowed) {
        ck_allowed(result);
        ck_assert_uint_eq(result.principal.flags, AIGW_PRINCIPALF_BYPASS);
        ck_assert(gw_str_is(result.principal.global_user_id, KIT_USER));
        ck_assert_ptr_null(result.principal.realm.ptr);
        ck_assert_uint_eq(result.principal.scope_count, 0);
    } else {
        ck_refused(result, 401, "No authorization header presented");
    }
    desk_close(&desk);
}
END_TEST

static const struct {
    const char *id, *jose, *changes, *instance, *error; /* error NULL: allowed */
} signature_bypass_rows[] = {
    { "any key", HEADER, "{}", KIT_INSTANCE, NULL },
    { "any algorithm", "{\"alg\":\"none\"}", "{}", KIT_INSTANCE, NULL },
    { "A-NEG-58", HEADER, "{\"exp\":\"@now-120\"}", KIT_INSTANCE, FORBIDDEN },
    { "A-NEG-59", HEADER, "{}", "other", "Header mismatch 'X-Gitlab-Instance-Id'" },
    { "aud still counts", HEADER, "{\"aud\":\"x\"}", KIT_INSTANCE, FORBIDDEN },
    { "must parse", "nonsense", "{}", KIT_INSTANCE, FORBIDDEN },
};

START_TEST(signature_bypass_leaves_everything_else)
{
    struct desk desk;
    struct gw_auth_result result;
    char *payload = kit_payload(signature_bypass_rows[_i].changes);
    char *token = kit_sign(signature_bypass_rows[_i].jose, payload, KEY_STRANGER, GNUTLS_SIGN_RSA_SHA256, NULL, 0);

    desk_init(&desk);
    desk.settings.auth.signing_key = NULL; /* an empty key set does not fail in this mode */
    desk.settings.auth.bypass_jwt_signature = 1;
    desk_open(&desk);
    desk_headers(&desk, token);
    desk_header(&desk, "X-Gitlab-Instance-Id", signature_bypass_rows[_i].instance);
    result = desk_check(&desk);
    if (signature_bypass_rows[_i].error)
        ck_refused(result, 401, signature_bypass_rows[_i].error);
    else
        ck_allowed(result);
    desk_close(&desk);
    free(payload);
    free(token);
}
END_TEST

START_TEST(a_strict_setting_refuses_to_start_with_a_bypass)
{
    struct desk desk;
    struct gw_err why = { "" };

    desk_init(&desk);
    desk.settings.auth.bypass_external = 1;
    desk.settings.auth.refuse_bypass = 1;
    ck_assert_ptr_null(gw_auth_new(&desk.settings, NULL, &why));
    ck_assert_ptr_nonnull(strstr(why.text, "AIGW_AUTH__BYPASS_EXTERNAL is set"));
}
END_TEST

START_TEST(clock_skew_is_allowed_only_as_configured)
{
    struct desk desk;
    struct gw_auth_result result;
    char *token = kit_token(KEY_SIGNING, "{\"exp\":\"@now-30\"}"),
         *early = kit_token(KEY_SIGNING, "{\"nbf\":\"@now+30\"}");

    for (int64_t leeway_s = 0; leeway_s <= 60; leeway_s += 60) {
        desk_init(&desk);
        desk.settings.auth.leeway_s = leeway_s;
        desk_open(&desk);
        result = desk_check_token(&desk, token);
        ck_assert_int_eq(result.outcome, leeway_s ? GW_AUTH_ALLOWED : GW_AUTH_REFUSED);
        result = desk_check_token(&desk, early);
        ck_assert_int_eq(result.outcome, leeway_s ? GW_AUTH_ALLOWED : GW_AUTH_REFUSED);
        desk_close(&desk);
    }
    free(token);
    free(early);
}
END_TEST

TCase *own_cases(void)
{
    TCase *tcase = tcase_create("own");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, minted_tokens_serve_one_user_and_other_gateways_with_the_key);
    tcase_add_test(tcase, our_key_may_sign_for_another_issuer);
    tcase_add_loop_test(tcase, without_a_usable_key_nothing_is_signed_and_the_rest_serves, 0,
                        GW_ARRAY_LEN(signing_rows));
    tcase_add_test(tcase, small_signing_keys_and_broken_claims_are_refused);
    tcase_add_loop_test(tcase, bypass_switches_do_exactly_what_they_say, 0, GW_ARRAY_LEN(bypass_rows));
    tcase_add_loop_test(tcase, signature_bypass_leaves_everything_else, 0, GW_ARRAY_LEN(signature_bypass_rows));
    tcase_add_test(tcase, a_strict_setting_refuses_to_start_with_a_bypass);
    tcase_add_test(tcase, clock_skew_is_allowed_only_as_configured);
    return tcase;
}
