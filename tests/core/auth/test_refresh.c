/* test_refresh.c - loading keys in time: first load, rotation, rate limit, back-off, stale keys. */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

static const int provider[] = { KEY_PROVIDER };
static const int spare[] = { KEY_SPARE };
static const int both[] = { KEY_SPARE, KEY_PROVIDER };

START_TEST(the_first_request_waits_for_the_first_load)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, provider, 1);
    desk_init(&desk);
    desk.settings.auth.signing_key = NULL;
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    ck_assert_int_eq(issuer_count(issuer, DISCOVERY), 1);
    ck_assert_int_eq(issuer_count(issuer, KEYS), 1);
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

START_TEST(an_unreachable_portal_never_delays_what_gitlab_keys_verify)
{
    struct issuer *issuer = issuer_start(0), *portal = issuer_start(0);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;
    uint64_t epoch;

    issuer_serve(issuer, provider, 1);
    issuer_route(portal, DISCOVERY, 200, "", "", ROUTE_HANG);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.settings.auth.customer_portal_url = issuer_url(portal);
    desk_open(&desk);
    epoch = desk_epoch(&desk);
    issuer_await(portal, DISCOVERY, 1);
    if (epoch == 0)
        desk_await_loads(&desk, 0, 1); /* GitLab's keys came; the portal still hangs */
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    ck_assert_int_eq(desk.waits, 0);
    desk_close(&desk);
    issuer_stop(issuer);
    issuer_stop(portal);
    free(token);
}
END_TEST

START_TEST(a_hanging_issuer_ends_in_503_after_the_longest_wait)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;
    int64_t start_ms = gw_mono_ms();

    issuer_route(issuer, DISCOVERY, 200, "", "", ROUTE_HANG);
    desk_init(&desk);
    desk.settings.auth.signing_key = NULL;
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.tuning.wait_ms = 300;
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_refused(result, 503, "No signing key could be loaded");
    ck_assert_int_ge(result.retry_after_s, 1);
    ck_assert_int_ge(gw_mono_ms() - start_ms, 290);
    ck_assert_int_lt(gw_mono_ms() - start_ms, 9000); /* a load may take 10 s */
    ck_assert_ptr_nonnull(strstr(result.detail, "Gitlab ("));
    ck_assert_ptr_nonnull(strstr(result.detail, "not loaded yet"));
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

START_TEST(an_issuer_that_refuses_connections_is_named_in_a_503) /* A-NEG-61 as D31 has it */
{
    struct desk desk;
    char url[64], *token = kit_token(KEY_PROVIDER, "{}"), *expired = kit_token(KEY_PROVIDER, "{\"exp\":\"@now-120\"}");
    struct gw_auth_result result;

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", issuer_dead_port());
    for (int has_local = 0; has_local < 2; has_local++) {
        desk_init(&desk);
        desk.settings.auth.signing_key = has_local ? kit_pem(KEY_SIGNING) : NULL;
        desk.settings.auth.gitlab_url = url;
        desk_open(&desk);
        result = desk_check_token(&desk, token);
        ck_refused(result, 503, "No signing key could be loaded");
        ck_assert_ptr_nonnull(strstr(result.detail, url));
        ck_assert_ptr_nonnull(strstr(result.detail, "onnect"));
        ck_assert_int_ge(result.retry_after_s, 1);
        ck_assert_int_le(result.retry_after_s, 5);
        result = desk_check_token(&desk, expired); /* the token's own fault stays its own */
        ck_refused(result, 401, FORBIDDEN);
        desk_close(&desk);
    }
    free(token);
    free(expired);
}
END_TEST

START_TEST(the_named_issuer_without_keys_is_503_while_others_are_401)
{
    struct issuer *portal = issuer_start(0);
    struct desk desk;
    char url[64], changes[128], *ours, *strange = kit_token(KEY_STRANGER, "{\"iss\":\"https://elsewhere\"}");
    struct gw_auth_result result;

    issuer_serve(portal, spare, 1);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", issuer_dead_port());
    (void)snprintf(changes, sizeof changes, "{\"iss\":\"%s\"}", url);
    ours = kit_token(KEY_PROVIDER, changes);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = url;
    desk.settings.auth.customer_portal_url = issuer_url(portal);
    desk_open(&desk);
    result = desk_check_token(&desk, ours);
    ck_refused(result, 503, "No signing key could be loaded");
    result = desk_check_token(&desk, strange);
    ck_refused(result, 401, FORBIDDEN);
    desk_close(&desk);
    issuer_stop(portal);
    free(ours);
    free(strange);
}
END_TEST

START_TEST(an_issuer_known_by_its_external_name_only_is_503_too)
{
    struct issuer *gitlab = issuer_start(0), *portal = issuer_start(0);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_serve(gitlab, provider, 1); /* says it is https://gitlab.example.com, as the token does */
    issuer_route(gitlab, KEYS, 502, "", "", 0);
    issuer_serve(portal, spare, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(gitlab);
    desk.settings.auth.customer_portal_url = issuer_url(portal);
    desk_open(&desk);
    desk_await_loads(&desk, 0, 2);
    result = desk_check_token(&desk, token);
    ck_refused(result, 503, "No signing key could be loaded");
    ck_assert_ptr_nonnull(strstr(result.detail, "status 502"));
    ck_assert_ptr_nonnull(strstr(result.detail, "CustomersDot ("));
    desk_close(&desk);
    issuer_stop(gitlab);
    issuer_stop(portal);
    free(token);
}
END_TEST

START_TEST(without_any_issuer_and_key_the_setting_is_named)
{
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    desk_init(&desk);
    desk.settings.auth.signing_key = NULL;
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_refused(result, 503, "No signing key could be loaded");
    ck_assert_ptr_nonnull(strstr(result.detail, "AIGW_GITLAB_URL"));
    desk_close(&desk);
    free(token);
}
END_TEST

START_TEST(rotation_is_repaired_by_one_load_and_verified_again)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *old = kit_token(KEY_SPARE, "{}"), *fresh = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, spare, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    result = desk_check_token(&desk, old);
    ck_allowed(result);
    issuer_serve(issuer, both, 2);
    result = desk_check_token(&desk, fresh);
    ck_allowed(result);
    ck_assert_int_ge(desk.waits, 1); /* woken by the first load, too, when that ends just now */
    result = desk_check_token(&desk, old);
    ck_allowed(result);
    ck_assert_int_eq(issuer_count(issuer, KEYS), 2);
    desk_close(&desk);
    issuer_stop(issuer);
    free(old);
    free(fresh);
}
END_TEST

START_TEST(a_flood_of_unknown_kids_causes_one_load_a_minute)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *good = kit_token(KEY_SPARE, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, spare, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    result = desk_check_token(&desk, good);
    ck_allowed(result);
    for (int i = 0; i < 40; i++) {
        char changes[64], header[96], *payload, *token;

        (void)snprintf(changes, sizeof changes, "{\"jti\":\"%d\"}", i);
        (void)snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":\"made-up-%d\"}", i);
        payload = kit_payload(changes);
        token = kit_sign(header, payload, KEY_STRANGER, GNUTLS_SIGN_RSA_SHA256, NULL, 0);
        result = desk_check_token(&desk, token);
        ck_refused(result, 401, FORBIDDEN);
        ck_assert_int_eq(desk.waits > 0, i == 0);
        ck_assert_ptr_nonnull(strstr(result.detail, "kid \"made-up-"));
        ck_assert_ptr_nonnull(strstr(result.detail, "look again in "));
        free(token);
        free(payload);
    }
    ck_assert_int_eq(issuer_count(issuer, DISCOVERY), 2);
    ck_assert_int_eq(issuer_count(issuer, KEYS), 2);
    desk_close(&desk);
    issuer_stop(issuer);
    free(good);
}
END_TEST

START_TEST(the_next_minute_allows_the_next_load)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *good = kit_token(KEY_SPARE, "{}"), *bad = kit_token(KEY_STRANGER, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, spare, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.tuning.demand_gap_ms = 0;
    desk.tuning.negative_ms = 0;
    desk_open(&desk);
    result = desk_check_token(&desk, good);
    ck_allowed(result);
    /* With no gap at all a request would wait for ever: each look starts a load. One look, one load. */
    for (int i = 0; i < 3; i++) {
        uint64_t epoch = desk_epoch(&desk);

        desk_headers(&desk, bad);
        result = desk_check_once(&desk);
        ck_assert_int_eq(result.outcome, GW_AUTH_WAIT);
        desk_await_loads(&desk, epoch, 1);
    }
    ck_assert_int_eq(issuer_count(issuer, KEYS), 4);
    desk_close(&desk);
    issuer_stop(issuer);
    free(good);
    free(bad);
}
END_TEST

START_TEST(keys_stay_when_the_issuer_fails_later) /* A-NEG-62, for every way of failing */
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *good = kit_token(KEY_SPARE, "{}"), *bad = kit_token(KEY_STRANGER, "{}");
    struct gw_auth_result result;
    static const struct {
        const char *path;
        int status, behaviour;
        const char *body;
    } faults[] = {
        { DISCOVERY, 500, 0, "{}" },
        { DISCOVERY, 200, 0, "<html>" },
        { KEYS, 200, 0, "{\"keys\":[]}" },
        { KEYS, 200, ROUTE_CUT, "{\"keys\":[" },
        { KEYS, 502, 0, "" },
        { KEYS, 200, ROUTE_DROP, "" },
    };

    issuer_serve(issuer, spare, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    result = desk_check_token(&desk, good);
    ck_allowed(result);
    issuer_route(issuer, faults[_i].path, faults[_i].status, "", faults[_i].body, faults[_i].behaviour);
    if (strcmp(faults[_i].path, DISCOVERY) == 0)
        issuer_route(issuer, KEYS, 404, "", "", 0); /* the fallback address, too */
    result = desk_check_token(&desk, bad);          /* unknown kid: one load, which fails */
    ck_refused(result, 401, FORBIDDEN);
    ck_assert_int_ge(desk.waits, 1);
    gw_cache_clear(desk.worker->cache);
    result = desk_check_token(&desk, good);
    ck_allowed(result);
    ck_assert_uint_eq(desk.auth->issuers->failures, 1);
    desk_close(&desk);
    issuer_stop(issuer);
    free(good);
    free(bad);
}
END_TEST

START_TEST(failures_back_off_and_a_success_ends_them)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;
    int64_t start_ms;

    issuer_route(issuer, DISCOVERY, 503, "", "", 0);
    desk_init(&desk);
    desk.settings.auth.signing_key = NULL;
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.tuning.backoff_ms[0] = 50;
    desk.tuning.backoff_ms[1] = 100;
    desk.tuning.backoff_ms[2] = 200;
    start_ms = gw_mono_ms();
    desk_open(&desk);
    desk_await_loads(&desk, 0, 4);
    ck_assert_int_ge(gw_mono_ms() - start_ms, 350);       /* 50 + 100 + 200 */
    ck_assert_int_ge(issuer_count(issuer, DISCOVERY), 4); /* on a slow machine the fifth may be under way */
    issuer_serve(issuer, provider, 1);
    desk_await_loads(&desk, 0, 5);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    ck_assert_uint_eq(desk.auth->issuers->failures, 0);
    ck_assert_str_eq(desk.auth->issuers->error.text, "");
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

START_TEST(requests_never_load_while_an_issuer_is_resting)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_route(issuer, DISCOVERY, 503, "", "", 0);
    desk_init(&desk);
    desk.settings.auth.signing_key = NULL;
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    for (int i = 0; i < 20; i++) {
        result = desk_check_token(&desk, token);
        ck_refused(result, 503, "No signing key could be loaded");
    }
    ck_assert_int_eq(issuer_count(issuer, DISCOVERY), 1);
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

START_TEST(max_age_and_settings_bound_the_refresh)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *jwks = kit_jwks(provider, 1);
    static const struct {
        const char *header;
        int64_t refresh_s, low_s, high_s;
    } rows[] = {
        { "Cache-Control: max-age=86400\r\n", 86400, 86390, 86400 },
        { "Cache-Control: max-age=3600\r\n", 86400, 3590, 3600 },
        { "Cache-Control: max-age=1\r\n", 86400, 290, 300 },
        { "Cache-Control: max-age=999999999\r\n", 86400, 86390, 86400 },
        { "", 86400, 86390, 86400 },
        { "Cache-Control: max-age=86400\r\n", 600, 590, 600 },
    };

    issuer_serve(issuer, provider, 1);
    issuer_route(issuer, KEYS, 200, rows[_i].header, jwks, 0);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.settings.auth.keys_refresh_s = rows[_i].refresh_s;
    desk_open(&desk);
    desk_await_loads(&desk, 0, 1);
    {
        int64_t left_s = (desk.auth->issuers->due_ms - gw_mono_ms()) / 1000;

        ck_assert_int_ge(left_s, rows[_i].low_s - 1);
        ck_assert_int_le(left_s, rows[_i].high_s);
    }
    desk_close(&desk);
    issuer_stop(issuer);
    free(jwks);
}
END_TEST

START_TEST(keys_are_loaded_again_when_their_time_is_up)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;

    issuer_serve(issuer, provider, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.settings.auth.keys_refresh_s = 1;
    desk_open(&desk);
    desk_await_loads(&desk, 0, 2);
    ck_assert_int_eq(issuer_count(issuer, KEYS), 2);
    desk_close(&desk);
    issuer_stop(issuer);
}
END_TEST

TCase *refresh_cases(void)
{
    TCase *tcase = tcase_create("refresh");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, the_first_request_waits_for_the_first_load);
    tcase_add_test(tcase, an_unreachable_portal_never_delays_what_gitlab_keys_verify);
    tcase_add_test(tcase, a_hanging_issuer_ends_in_503_after_the_longest_wait);
    tcase_add_test(tcase, an_issuer_that_refuses_connections_is_named_in_a_503);
    tcase_add_test(tcase, the_named_issuer_without_keys_is_503_while_others_are_401);
    tcase_add_test(tcase, an_issuer_known_by_its_external_name_only_is_503_too);
    tcase_add_test(tcase, without_any_issuer_and_key_the_setting_is_named);
    tcase_add_test(tcase, rotation_is_repaired_by_one_load_and_verified_again);
    tcase_add_test(tcase, a_flood_of_unknown_kids_causes_one_load_a_minute);
    tcase_add_test(tcase, the_next_minute_allows_the_next_load);
    tcase_add_loop_test(tcase, keys_stay_when_the_issuer_fails_later, 0, 6);
    tcase_add_test(tcase, failures_back_off_and_a_success_ends_them);
    tcase_add_test(tcase, requests_never_load_while_an_issuer_is_resting);
    tcase_add_loop_test(tcase, max_age_and_settings_bound_the_refresh, 0, 6);
    tcase_add_test(tcase, keys_are_loaded_again_when_their_time_is_up);
    return tcase;
}
