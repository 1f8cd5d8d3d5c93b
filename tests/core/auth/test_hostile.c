/* test_hostile.c - issuers that answer nonsense, too much, or lead elsewhere; and TLS trust. In each row a second,
 * sound issuer shows that the service stays up. */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

static const int provider[] = { KEY_PROVIDER };
static const int spare[] = { KEY_SPARE };

static bool tried_twice(struct desk *desk, const void *arg)
{
    bool all = true;

    (void)arg;
    (void)pthread_mutex_lock(&desk->auth->lock);
    for (const struct gw_issuer *issuer = desk->auth->issuers; issuer; issuer = issuer->next)
        all = all && issuer->was_tried;
    (void)pthread_mutex_unlock(&desk->auth->lock);
    return all;
}

static const struct {
    const char *id;
    const char *path;
    int status;
    const char *headers, *body;
    int behaviour;
    const char *error; /* what the operator reads */
} rows[] = {
    { "HTML with 200", KEYS, 200, "", "<html>Sign in</html>", 0, "not valid JSON" },
    { "truncated JSON", KEYS, 200, "", "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"", 0, "not valid JSON" },
    { "cut connection", KEYS, 200, "", "{\"keys\":[]}", ROUTE_CUT, "" },
    { "dropped connection", KEYS, 200, "", "", ROUTE_DROP, "" },
    { "empty body", KEYS, 200, "", "", 0, "not valid JSON" },
    { "status 500", KEYS, 500, "", "{}", 0, "status 500" },
    { "redirect loop", KEYS, 302, "Location: " KEYS "\r\n", "", 0, "more than 3 redirects" },
    { "redirect without Location", KEYS, 302, "", "", 0, "without a usable Location" },
    { "redirect to a file", KEYS, 302, "Location: file:///etc/passwd\r\n", "", 0, "" },
    { "EC only", KEYS, 200, "", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}", 0,
      "none of its 1 keys" },
    { "oct only", KEYS, 200, "", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}", 0, "none of its 1 keys" },
    { "discovery a list", DISCOVERY, 200, "", "[]", 0, "not an object" },
    { "jwks_uri a file", DISCOVERY, 200, "", "{\"jwks_uri\":\"file:///etc/passwd\"}", 0, "not an http or https URL" },
};

START_TEST(a_hostile_issuer_harms_nobody_else)
{
    struct issuer *hostile = issuer_start(0), *sound = issuer_start(0);
    struct desk desk;
    char *good = kit_token(KEY_SPARE, "{}"), *bad = kit_token(KEY_PROVIDER, "{\"iss\":\"https://elsewhere\"}");
    struct gw_auth_result result;

    issuer_serve(hostile, provider, 1);
    if (strcmp(rows[_i].path, DISCOVERY) == 0)
        issuer_route(hostile, KEYS, 404, "", "", 0);
    issuer_route(hostile, rows[_i].path, rows[_i].status, rows[_i].headers, rows[_i].body, rows[_i].behaviour);
    issuer_serve(sound, spare, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(hostile);
    desk.settings.auth.customer_portal_url = issuer_url(sound);
    desk_open(&desk);
    desk_until(&desk, tried_twice, NULL);
    result = desk_check_token(&desk, good);
    ck_allowed(result);
    result = desk_check_token(&desk, bad);
    ck_refused(result, 401, FORBIDDEN);
    ck_assert_msg(strstr(desk.auth->issuers->error.text, rows[_i].error) != NULL, "%s: %s", rows[_i].id,
                  desk.auth->issuers->error.text);
    ck_assert_ptr_null(desk.auth->issuers->set);
    ck_assert_int_le(issuer_count(hostile, KEYS), 4);
    desk_close(&desk);
    issuer_stop(hostile);
    issuer_stop(sound);
    free(good);
    free(bad);
}
END_TEST

START_TEST(ten_megabytes_are_refused)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *body = malloc((10 << 20) + 64);

    (void)strcpy(body, "{\"keys\":[],\"x\":\"");
    memset(body + strlen("{\"keys\":[],\"x\":\""), 'x', 10 << 20);
    (void)strcpy(body + (10 << 20) + 16, "\"}");
    issuer_serve(issuer, provider, 1);
    issuer_route(issuer, KEYS, 200, "", body, 0);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    desk_await_loads(&desk, 0, 1);
    ck_assert_ptr_nonnull(strstr(desk.auth->issuers->error.text, "larger than 1048576 bytes"));
    desk_close(&desk);
    issuer_stop(issuer);
    free(body);
}
END_TEST

START_TEST(redirects_are_followed_three_times)
{
    struct issuer *issuer = issuer_start(0), *target = issuer_start(0);
    struct desk desk;
    char location[128], *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, provider, 1);
    issuer_serve(target, provider, 1);
    issuer_route(issuer, KEYS, 301, "Location: /a\r\n", "", 0);
    issuer_route(issuer, "/a", 307, "Location: /b\r\n", "", 0);
    (void)snprintf(location, sizeof location, "Location: %s" KEYS "\r\n", issuer_url(target));
    issuer_route(issuer, "/b", 302, location, "", 0);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    ck_assert_int_eq(issuer_count(target, KEYS), 1);
    desk_close(&desk);
    issuer_stop(issuer);
    issuer_stop(target);
    free(token);
}
END_TEST

/* ---- TLS ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *id;
    int trust; /* 0 nothing, 1 keys_ca_file, 2 extra_ca_file, 3 both (the extra one names it) , 4 missing file */
    bool ok;
    const char *error;
} trust_rows[] = {
    { "unknown authority", 0, false, "certificate (subject CN=" },
    { "keys_ca_file", 1, true, "" },
    { "extra_ca_file beside the system's", 2, true, "" },
    { "extra_ca_file beside another file", 3, true, "" },
    { "missing file", 4, false, "cannot read /nonexistent/ca.pem" },
};

START_TEST(tls_is_always_verified)
{
    struct issuer *issuer = issuer_start(ISSUER_TLS), *other = issuer_start(ISSUER_TLS);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;
    int trust = trust_rows[_i].trust;

    issuer_serve(issuer, provider, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.settings.upstream.verify = 0; /* is for model servers only */
    desk.settings.trust.keys_ca_file = trust == 1   ? issuer_ca_file(issuer)
                                       : trust == 3 ? issuer_ca_file(other)
                                       : trust == 4 ? "/nonexistent/ca.pem"
                                                    : NULL;
    desk.settings.upstream.extra_ca_file = trust == 2 || trust == 3 ? issuer_ca_file(issuer) : NULL;
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    if (trust_rows[_i].ok) {
        ck_allowed(result);
    } else {
        ck_refused(result, 503, "No signing key could be loaded");
        ck_assert_msg(strstr(desk.auth->issuers->error.text, trust_rows[_i].error) != NULL, "%s: %s", trust_rows[_i].id,
                      desk.auth->issuers->error.text);
        ck_assert_ptr_nonnull(strstr(desk.auth->issuers->error.text, "REQUESTS_CA_BUNDLE"));
        ck_assert_int_eq(issuer_count(issuer, NULL), 0);
    }
    desk_close(&desk);
    issuer_stop(issuer);
    issuer_stop(other);
    free(token);
}
END_TEST

static const char *const downgrades[] = { "redirect", "jwks_uri", "redirect of discovery", "jwks_uri of HTTPS://" };

START_TEST(https_never_becomes_http)
{
    struct issuer *issuer = issuer_start(ISSUER_TLS), *plain = issuer_start(0);
    struct desk desk;
    char text[256], url[256], *token = kit_token(KEY_PROVIDER, "{}");

    issuer_serve(issuer, spare, 1);
    issuer_serve(plain, provider, 1);
    (void)snprintf(url, sizeof url, "%s%s", _i == 3 ? "HTTPS" : "https", issuer_url(issuer) + strlen("https"));
    if (_i % 2) {
        (void)snprintf(text, sizeof text, "{\"jwks_uri\":\"%s" KEYS "\"}", issuer_url(plain));
        issuer_route(issuer, DISCOVERY, 200, "", text, 0);
        issuer_route(issuer, KEYS, 404, "", "", 0);
    } else {
        (void)snprintf(text, sizeof text, "Location: %s%s\r\n", issuer_url(plain), _i ? DISCOVERY : KEYS);
        issuer_route(issuer, _i ? DISCOVERY : KEYS, 302, text, "", 0);
        if (_i)
            issuer_route(issuer, KEYS, 404, "", "", 0);
    }
    desk_init(&desk);
    desk.settings.auth.gitlab_url = url;
    desk.settings.trust.keys_ca_file = issuer_ca_file(issuer);
    desk_open(&desk);
    desk_await_loads(&desk, 0, 1);
    ck_assert_msg(strstr(desk.auth->issuers->error.text, "leaves https") != NULL, "%s: %s", downgrades[_i],
                  desk.auth->issuers->error.text);
    ck_assert_int_eq(issuer_count(plain, NULL), 0);
    desk_close(&desk);
    issuer_stop(issuer);
    issuer_stop(plain);
    free(token);
}
END_TEST

static const char *const bad_urls[] = {
    "ftp://127.0.0.1/", "127.0.0.1:1",         "http://user:secret-word@127.0.0.1:1/",
    "http://",          "javascript:alert(1)", "http://127.0.0.1:99999/"
};

START_TEST(an_unusable_issuer_url_is_reported_and_not_fetched)
{
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    desk_init(&desk);
    desk.settings.auth.signing_key = NULL;
    desk.settings.auth.gitlab_url = bad_urls[_i];
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_refused(result, 503, "No signing key could be loaded");
    ck_assert_ptr_nonnull(strstr(result.detail, "expected http:// or https://"));
    ck_assert_ptr_null(strstr(result.detail, "secret-word"));
    desk_close(&desk);
    free(token);
}
END_TEST

TCase *hostile_cases(void)
{
    TCase *tcase = tcase_create("hostile");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, a_hostile_issuer_harms_nobody_else, 0, GW_ARRAY_LEN(rows));
    tcase_add_test(tcase, ten_megabytes_are_refused);
    tcase_add_test(tcase, redirects_are_followed_three_times);
    tcase_add_loop_test(tcase, tls_is_always_verified, 0, GW_ARRAY_LEN(trust_rows));
    tcase_add_loop_test(tcase, https_never_becomes_http, 0, GW_ARRAY_LEN(downgrades));
    tcase_add_loop_test(tcase, an_unusable_issuer_url_is_reported_and_not_fetched, 0, GW_ARRAY_LEN(bad_urls));
    return tcase;
}
