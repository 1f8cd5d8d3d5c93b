/* test_discovery.c - where keys are found: discovery, the fallback address, relative roots, several issuers, reloads.
 */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

static const int provider[] = { KEY_PROVIDER };
static const int spare[] = { KEY_SPARE };

START_TEST(a_jwks_uri_with_the_wrong_scheme_is_replaced_by_gitlabs_own_path)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char discovery[256], *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, provider, 1);
    (void)snprintf(discovery, sizeof discovery,
                   "{\"issuer\":\"https://gitlab.example.com\",\"jwks_uri\":\"https%s" KEYS "\"}",
                   issuer_url(issuer) + strlen("http"));
    issuer_route(issuer, DISCOVERY, 200, "", discovery, 0);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    ck_assert_int_eq(issuer_count(issuer, KEYS), 1);
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

START_TEST(a_relative_root_is_found_after_the_origin)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char discovery[256], url[128], *jwks = kit_jwks(provider, 1), *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    (void)snprintf(url, sizeof url, "%s/gitlab/", issuer_url(issuer));
    (void)snprintf(discovery, sizeof discovery, "{\"jwks_uri\":\"%s/gitlab" KEYS "\"}", issuer_url(issuer));
    issuer_route(issuer, "/gitlab" DISCOVERY, 200, "", discovery, 0);
    issuer_route(issuer, "/gitlab" KEYS, 200, "", jwks, 0);
    issuer_route(issuer, DISCOVERY, _i ? 200 : 404, "", _i ? "<html>" : "", 0);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = url;
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    ck_assert_int_eq(issuer_count(issuer, DISCOVERY), 1);
    ck_assert_int_eq(issuer_count(issuer, "/gitlab" DISCOVERY), 1);
    desk_close(&desk);
    issuer_stop(issuer);
    free(jwks);
    free(token);
}
END_TEST

START_TEST(keys_are_found_without_a_discovery_document)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, provider, 1);
    issuer_route(issuer, DISCOVERY, 404, "", "", 0);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

START_TEST(more_issuers_come_from_the_settings)
{
    struct issuer *first = issuer_start(0), *second = issuer_start(0);
    struct desk desk;
    char *one = kit_token(KEY_PROVIDER, "{}"), *two = kit_token(KEY_SPARE, "{}");
    const char *names[] = { "Gitlab-EU" }, *values[1];
    struct gw_auth_result result;
    struct gw_buf text;

    issuer_serve(first, provider, 1);
    issuer_serve(second, spare, 1);
    values[0] = issuer_url(second);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(first);
    desk.settings.auth.customer_portal_url = issuer_url(first); /* offline sites: the same once more */
    desk.settings.auth.issuers = (struct aigw_map){ names, values, 1 };
    desk_open(&desk);
    result = desk_check_token(&desk, one);
    ck_allowed(result);
    result = desk_check_token(&desk, two);
    ck_allowed(result);
    ck_assert_int_eq(issuer_count(first, KEYS), 1);
    gw_buf_init(&text, 65536);
    gw_auth_describe(desk.auth, &text);
    ck_assert_ptr_nonnull(strstr(text.data, "\"keys\":{\"total\":3,"));
    ck_assert_ptr_nonnull(strstr(text.data, "\"Gitlab-EU\":{\"url\":\"http://127.0.0.1:"));
    ck_assert_ptr_null(strstr(text.data, "CustomersDot"));
    gw_buf_done(&text);
    desk_close(&desk);
    issuer_stop(first);
    issuer_stop(second);
    free(one);
    free(two);
}
END_TEST

START_TEST(a_reload_keeps_keys_of_unchanged_issuers_and_drops_the_others)
{
    struct issuer *first = issuer_start(0), *second = issuer_start(0);
    struct desk desk;
    char *one = kit_token(KEY_PROVIDER, "{}"), *two = kit_token(KEY_SPARE, "{}");
    struct gw_auth_result result;

    issuer_serve(first, provider, 1);
    issuer_serve(second, spare, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(first);
    desk_open(&desk);
    result = desk_check_token(&desk, one);
    ck_allowed(result);
    desk.settings.auth.customer_portal_url = issuer_url(second);
    desk_reload(&desk);
    result = desk_check_token(&desk, one);
    ck_allowed(result);
    ck_assert_int_eq(issuer_count(first, KEYS), 1);
    result = desk_check_token(&desk, two);
    ck_allowed(result);
    desk.settings.auth.keys_refresh_s = 600;
    desk_reload(&desk);
    ck_assert_int_le(desk.auth->issuers->due_ms, gw_mono_ms() + 600000);
    desk.settings.auth.gitlab_url = "";
    desk_reload(&desk);
    result = desk_check_token(&desk, one);
    ck_refused(result, 401, FORBIDDEN);
    result = desk_check_token(&desk, two);
    ck_allowed(result);
    desk_close(&desk);
    issuer_stop(first);
    issuer_stop(second);
    free(one);
    free(two);
}
END_TEST

START_TEST(the_description_shows_clocks_and_errors)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char url[64], *jwks = kit_jwks(provider, 1);
    struct gw_buf text;

    issuer_serve(issuer, provider, 1);
    issuer_route(issuer, KEYS, 200, "Date: Tue, 01 Jan 2030 00:00:00 GMT\r\n", jwks, 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", issuer_dead_port());
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.settings.auth.customer_portal_url = url;
    desk_open(&desk);
    desk_await_loads(&desk, 0, 2);
    gw_buf_init(&text, 65536);
    gw_auth_describe(desk.auth, &text);
    ck_assert_int_eq(text.status, AIGW_OK);
    ck_assert_ptr_nonnull(strstr(text.data, "\"local\":{\"keys\":1,\"can_sign\":true,\"id\":\""));
    ck_assert_ptr_nonnull(strstr(text.data, "\"clock_ahead_s\":"));
    ck_assert_ptr_null(strstr(text.data, "\"clock_ahead_s\":0,"));
    ck_assert_ptr_nonnull(strstr(text.data, "\"CustomersDot\":{\"url\":\"http://127.0.0.1:"));
    ck_assert_ptr_nonnull(strstr(text.data, "\"age_s\":null,\"failures\":1,"));
    gw_buf_done(&text);
    desk_close(&desk);
    issuer_stop(issuer);
    free(jwks);
}
END_TEST

TCase *discovery_cases(void)
{
    TCase *tcase = tcase_create("discovery");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_jwks_uri_with_the_wrong_scheme_is_replaced_by_gitlabs_own_path);
    tcase_add_loop_test(tcase, a_relative_root_is_found_after_the_origin, 0, 2);
    tcase_add_test(tcase, keys_are_found_without_a_discovery_document);
    tcase_add_test(tcase, more_issuers_come_from_the_settings);
    tcase_add_test(tcase, a_reload_keeps_keys_of_unchanged_issuers_and_drops_the_others);
    tcase_add_test(tcase, the_description_shows_clocks_and_errors);
    return tcase;
}
