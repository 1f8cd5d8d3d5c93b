/* test_cache.c - what a worker remembers: verified tokens and fresh refusals. */
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "kit.h"

/** Count of RSA work is not visible; the number of remembered tokens is. */
static size_t remembered(struct desk *desk)
{
    return gw_cache_count(desk->worker->cache);
}

START_TEST(the_least_recently_used_token_goes_first)
{
    struct gw_auth_config config = { .serial = 1 };
    struct gw_view view = { .generation = 1, .config = &config };
    struct gw_key key = { .id = { 1 } };
    struct gw_token_cache *cache = gw_cache_new(3, 1 << 20);
    struct gw_claims *claims = calloc(1, sizeof *claims);
    unsigned char digest[GW_DIGEST_LEN] = { 0 };

    atomic_init(&claims->refs, 1);
    claims->size = sizeof *claims;
    claims->exp_s = 1000;
    for (unsigned char i = 0; i < 3; i++) {
        digest[9] = i; /* all in one bucket */
        gw_cache_put(cache, digest, &view, &key, false, claims);
    }
    digest[9] = 0;
    ck_assert_ptr_eq(gw_cache_get(cache, digest, &view, 1000), claims);
    digest[9] = 3;
    gw_cache_put(cache, digest, &view, &key, false, claims);
    ck_assert_uint_eq(gw_cache_count(cache), 3);
    digest[9] = 1;
    ck_assert_ptr_null(gw_cache_get(cache, digest, &view, 1000));
    digest[9] = 0;
    ck_assert_ptr_eq(gw_cache_get(cache, digest, &view, 1000), claims);
    /* Past its time it is dropped, not only hidden. */
    ck_assert_ptr_null(gw_cache_get(cache, digest, &view, 1001));
    ck_assert_uint_eq(gw_cache_count(cache), 2);
    gw_cache_clear(cache);
    ck_assert_uint_eq(gw_cache_count(cache), 0);
    ck_assert_uint_eq(atomic_load(&claims->refs), 1);
    gw_cache_free(cache);
    gw_claims_unref(claims);
}
END_TEST

/* What the clock says when a token is shown again that was good at 5000: valid from 4000 to 6000. */
static const struct {
    const char *id;
    int64_t now_s, leeway_s;
    bool is_good;
} clocks[] = {
    { "same", 5000, 0, true },
    { "first-second", 4000, 0, true },
    { "set-back", 3999, 0, false },
    { "set-back-two-hours", 5000 - 7200, 0, false },
    { "set-back-within-leeway", 3940, 60, true },
    { "set-back-beyond-leeway", 3939, 60, false },
    { "last-second", 6000, 0, true },
    { "expired", 6001, 0, false },
    { "expired-within-leeway", 6060, 60, true },
    { "expired-beyond-leeway", 6061, 60, false },
};

START_TEST(a_cached_token_is_held_against_the_clock_at_every_use)
{
    struct gw_auth_config config = { .serial = 1, .leeway_s = clocks[_i].leeway_s };
    struct gw_view view = { .generation = 1, .config = &config };
    struct gw_key key = { .id = { 1 } };
    struct gw_token_cache *cache = gw_cache_new(3, 1 << 20);
    struct gw_claims *claims = calloc(1, sizeof *claims);
    const unsigned char digest[GW_DIGEST_LEN] = { 0 };

    atomic_init(&claims->refs, 1);
    claims->size = sizeof *claims;
    claims->nbf_s = 4000;
    claims->exp_s = 6000;
    gw_cache_put(cache, digest, &view, &key, false, claims);
    ck_assert_ptr_eq(gw_cache_get(cache, digest, &view, 5000), claims);
    ck_assert_msg((gw_cache_get(cache, digest, &view, clocks[_i].now_s) != NULL) == clocks[_i].is_good, "%s",
                  clocks[_i].id);
    gw_cache_free(cache);
    gw_claims_unref(claims);
}
END_TEST

START_TEST(the_start_of_a_token_is_kept_with_it)
{
    static const struct gw_token_rules rules = { .service_name = "gitlab-ai-gateway", .now_s = 5000 };
    static const struct {
        const char *nbf;
        int64_t nbf_s;
    } starts[] = { { "4000", 4000 }, { "4000.9", 4000 }, { "\"4000\"", 4000 } };

    for (size_t i = 0; i < GW_ARRAY_LEN(starts); i++) {
        struct json_object *payload = json_tokener_parse("{\"aud\":\"gitlab-ai-gateway\",\"exp\":6000}");
        struct gw_claims *claims = NULL;
        struct gw_err err;

        json_object_object_add(payload, "nbf", json_tokener_parse(starts[i].nbf));
        ck_assert_int_eq(gw_claims_read(payload, &rules, &claims, &err), AIGW_OK);
        ck_assert_int_eq(claims->nbf_s, starts[i].nbf_s);
        ck_assert_int_eq(claims->exp_s, 6000);
        gw_claims_unref(claims);
        json_object_put(payload);
    }
}
END_TEST

START_TEST(bytes_bound_the_cache_too)
{
    struct gw_auth_config config = { .serial = 1 };
    struct gw_view view = { .generation = 1, .config = &config };
    struct gw_key key = { .id = { 1 } };
    struct gw_token_cache *cache = gw_cache_new(1000, 100000);
    struct gw_claims *claims = calloc(1, sizeof *claims);

    atomic_init(&claims->refs, 1);
    claims->size = 9000;
    claims->exp_s = 1000;
    for (unsigned i = 0; i < 500; i++) {
        unsigned char digest[GW_DIGEST_LEN] = { (unsigned char)i, (unsigned char)(i >> 8) };

        gw_cache_put(cache, digest, &view, &key, false, claims);
    }
    ck_assert_uint_ge(gw_cache_count(cache), 9);
    ck_assert_uint_le(gw_cache_count(cache), 11);
    gw_cache_free(cache);
    gw_claims_unref(claims);
}
END_TEST

START_TEST(a_withdrawn_key_takes_its_tokens_with_it_and_others_stay)
{
    static const int both[] = { KEY_PROVIDER, KEY_SPARE }, one[] = { KEY_SPARE };
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *gone = kit_token(KEY_PROVIDER, "{}"), *kept = kit_token(KEY_SPARE, "{}"),
         *trigger = kit_token(KEY_STRANGER, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, both, 2);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    result = desk_check_token(&desk, gone);
    ck_allowed(result);
    result = desk_check_token(&desk, kept);
    ck_allowed(result);
    ck_assert_uint_eq(remembered(&desk), 2);

    issuer_serve(issuer, one, 1);
    result = desk_check_token(&desk, trigger); /* unknown kid: loads again */
    ck_refused(result, 401, FORBIDDEN);
    ck_assert_int_eq(issuer_count(issuer, KEYS), 2);
    result = desk_check_token(&desk, gone);
    ck_refused(result, 401, FORBIDDEN);
    result = desk_check_token(&desk, kept);
    ck_allowed(result);
    ck_assert_uint_eq(remembered(&desk), 1);
    desk_close(&desk);
    issuer_stop(issuer);
    free(gone);
    free(kept);
    free(trigger);
}
END_TEST

START_TEST(a_reload_forgets_tokens_that_the_new_settings_refuse)
{
    struct desk desk;
    char *token = kit_token(KEY_SIGNING, "{}");
    struct gw_auth_result result;

    desk_init(&desk);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    ck_assert_uint_eq(remembered(&desk), 1);
    desk.settings.auth.service_name = "another-gateway";
    desk_reload(&desk);
    result = desk_check_token(&desk, token);
    ck_refused(result, 401, FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(result.detail, "another-gateway"));
    ck_assert_uint_eq(remembered(&desk), 0);
    free(token);
    desk_close(&desk);
}
END_TEST

/** Until the worker is switched its requests meet the settings they began with, whatever was published meanwhile. */
START_TEST(a_worker_keeps_its_settings_until_it_is_switched)
{
    static const int keys[] = { KEY_PROVIDER };
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *local = kit_token(KEY_SIGNING, "{}"), *foreign = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;
    struct gw_view *first, *second;
    uint64_t epoch;

    issuer_serve(issuer, keys, 1);
    desk_init(&desk);
    desk_open(&desk);
    desk.settings.auth.service_name = "another-gateway";
    first = gw_auth_reconfigure(desk.auth, &desk.settings, NULL, NULL);
    desk.settings.auth.service_name = "gitlab-ai-gateway";
    desk.settings.auth.bypass_external = true;
    second = gw_auth_reconfigure(desk.auth, &desk.settings, NULL, NULL);
    ck_assert(first && second);
    result = desk_check_token(&desk, local);
    ck_allowed(result);
    ck_assert_uint_eq(result.principal.flags & AIGW_PRINCIPALF_BYPASS, 0);
    gw_auth_worker_switch(desk.worker, first);
    result = desk_check_token(&desk, local);
    ck_refused(result, 401, FORBIDDEN); /* for another audience; not let through by what came after */
    gw_auth_worker_switch(desk.worker, second);
    result = desk_check_token(&desk, local);
    ck_allowed(result);
    ck_assert_uint_ne(result.principal.flags & AIGW_PRINCIPALF_BYPASS, 0);
    gw_view_unref(first);
    gw_view_unref(second);

    /* Keys that come for newer settings do not count before the switch: a request for them is told to come again. */
    desk.settings.auth.bypass_external = false;
    desk_reload(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    epoch = desk_epoch(&desk);
    first = gw_auth_reconfigure(desk.auth, &desk.settings, NULL, NULL);
    desk_await_loads(&desk, epoch, 1);
    desk_headers(&desk, foreign);
    result = desk_check_once(&desk);
    ck_refused(result, 503, "No signing key could be loaded");
    ck_assert_int_eq(result.retry_after_s, 1);
    gw_auth_worker_switch(desk.worker, first);
    result = desk_check_token(&desk, foreign);
    ck_allowed(result);
    gw_view_unref(first);
    desk_close(&desk);
    issuer_stop(issuer);
    free(local);
    free(foreign);
}
END_TEST

START_TEST(a_reload_that_changes_nothing_keeps_cached_tokens)
{
    static const int keys[] = { KEY_PROVIDER };
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, keys, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.settings.auth.validation_key = kit_pem(KEY_SPARE);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    for (int i = 0; i < 3; i++) {
        uint64_t serial = gw_worker_view(desk.worker)->config->serial;

        desk_reload(&desk);
        ck_assert_uint_eq(gw_worker_view(desk.worker)->config->serial, serial);
        result = desk_check_token(&desk, token);
        ck_allowed(result);
        ck_assert_uint_eq(remembered(&desk), 1);
    }
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

/* One change each of which makes other settings. */
enum { CHANGE_NAME, CHANGE_LEEWAY, CHANGE_BYPASS, CHANGE_SIGNING, CHANGE_VALIDATION, CHANGE_ISSUER, CHANGES };

static void change(struct gw_settings *settings, int what)
{
    settings->auth.service_name = what == CHANGE_NAME ? "another" : settings->auth.service_name;
    settings->auth.leeway_s = what == CHANGE_LEEWAY ? 5 : 0;
    settings->auth.bypass_external_with_header = what == CHANGE_BYPASS;
    settings->auth.signing_key = what == CHANGE_SIGNING ? NULL : settings->auth.signing_key;
    settings->auth.validation_key = what == CHANGE_VALIDATION ? kit_pem(KEY_SPARE) : NULL;
    settings->auth.gitlab_url = what == CHANGE_ISSUER ? "" : settings->auth.gitlab_url;
}

struct waiting {
    struct gw_auth_waiter waiter;
    struct desk *desk;
    struct gw_auth_result result;
    bool is_decided;
};

static void decide(struct gw_auth_waiter *self)
{
    struct waiting *waiting = GW_CONTAINER_OF(self, struct waiting, waiter);

    waiting->result = desk_check_once(waiting->desk);
    waiting->is_decided = true;
}

/** A request that began before a change of the settings is never decided by the new ones. */
START_TEST(who_waits_for_keys_is_decided_before_a_switch_to_other_settings)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct waiting waiting = { .waiter.on_ready = decide, .desk = &desk };

    issuer_route(issuer, DISCOVERY, 200, "", "", ROUTE_HANG);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    desk_headers(&desk, token);
    ck_assert_int_eq(desk_check_once(&desk).outcome, GW_AUTH_WAIT);
    gw_auth_wait(desk.worker, &waiting.waiter);
    desk_reload(&desk);
    ck_assert(!waiting.is_decided); /* the same settings: nothing changes for it */
    change(&desk.settings, _i);
    desk_reload(&desk);
    ck_assert(waiting.is_decided);
    ck_refused(waiting.result, 503, "No signing key could be loaded");
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

START_TEST(a_switch_forgets_refusals_of_the_settings_before)
{
    struct desk desk;
    char *token = kit_token(KEY_SPARE, "{\"iss\":\"gitlab-ai-gateway\",\"sub\":\"" KIT_USER "\"}");
    struct gw_auth_result result;

    desk_init(&desk);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_refused(result, 401, FORBIDDEN);
    desk.settings.auth.validation_key = kit_pem(KEY_SPARE);
    desk_reload(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    free(token);
    desk_close(&desk);
}
END_TEST

START_TEST(a_cached_token_is_still_compared_with_its_headers)
{
    struct desk desk;
    char *token = kit_token(KEY_SIGNING, "{}");
    struct gw_auth_result result;

    desk_init(&desk);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    desk_header(&desk, "X-Gitlab-Instance-Id", "other");
    result = desk_check(&desk);
    ck_refused(result, 401, "Header mismatch 'X-Gitlab-Instance-Id'");
    free(token);
    desk_close(&desk);
}
END_TEST

START_TEST(refused_tokens_are_not_remembered_as_good)
{
    struct desk desk;
    char *token = kit_token(KEY_STRANGER, "{}");
    struct gw_auth_result result;

    desk_init(&desk);
    desk_open(&desk);
    for (int i = 0; i < 3; i++) {
        result = desk_check_token(&desk, token);
        ck_refused(result, 401, FORBIDDEN);
    }
    ck_assert_uint_eq(remembered(&desk), 0);
    free(token);
    desk_close(&desk);
}
END_TEST

START_TEST(a_refusal_is_remembered_for_seconds_and_one_state_of_keys)
{
    struct gw_refusals *refusals = gw_refusals_new();
    unsigned char digest[GW_DIGEST_LEN] = { 7 }, other[GW_DIGEST_LEN] = { 7, 1 };

    gw_refusals_put(refusals, digest, 5, 1000, "why");
    ck_assert_str_eq(gw_refusals_get(refusals, digest, 5, 999), "why");
    ck_assert_ptr_null(gw_refusals_get(refusals, digest, 5, 1000));
    ck_assert_ptr_null(gw_refusals_get(refusals, digest, 6, 999));
    ck_assert_ptr_null(gw_refusals_get(refusals, other, 5, 999));
    gw_refusals_put(refusals, other, 5, 1000, "other");
    ck_assert_ptr_null(gw_refusals_get(refusals, digest, 5, 999));
    gw_refusals_free(refusals);
}
END_TEST

START_TEST(principals_outlive_the_cache)
{
    struct desk desk;
    char *token = kit_token(KEY_SIGNING, "{}");
    struct gw_auth_result result;

    desk_init(&desk);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    gw_cache_clear(desk.worker->cache);
    ck_assert(gw_str_is(result.principal.subject, KIT_INSTANCE)); /* the sanitizer watches */
    ck_assert(gw_str_is(result.principal.scopes[0], "complete_code"));
    free(token);
    desk_close(&desk);
}
END_TEST

TCase *cache_cases(void)
{
    TCase *tcase = tcase_create("cache");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, the_least_recently_used_token_goes_first);
    tcase_add_loop_test(tcase, a_cached_token_is_held_against_the_clock_at_every_use, 0, GW_ARRAY_LEN(clocks));
    tcase_add_test(tcase, the_start_of_a_token_is_kept_with_it);
    tcase_add_test(tcase, bytes_bound_the_cache_too);
    tcase_add_test(tcase, a_withdrawn_key_takes_its_tokens_with_it_and_others_stay);
    tcase_add_test(tcase, a_reload_forgets_tokens_that_the_new_settings_refuse);
    tcase_add_test(tcase, a_worker_keeps_its_settings_until_it_is_switched);
    tcase_add_test(tcase, a_reload_that_changes_nothing_keeps_cached_tokens);
    tcase_add_loop_test(tcase, who_waits_for_keys_is_decided_before_a_switch_to_other_settings, 0, CHANGES);
    tcase_add_test(tcase, a_switch_forgets_refusals_of_the_settings_before);
    tcase_add_test(tcase, a_cached_token_is_still_compared_with_its_headers);
    tcase_add_test(tcase, refused_tokens_are_not_remembered_as_good);
    tcase_add_test(tcase, a_refusal_is_remembered_for_seconds_and_one_state_of_keys);
    tcase_add_test(tcase, principals_outlive_the_cache);
    return tcase;
}
