/* test_api_keys.c - `keys` of conf.d: what is refused there, and with which words. Requests:
 * tests/contract/api_keys.py. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "auth/api_keys.h"
#include "auth/grant.h"
#include "kit.h"

#define ABC  "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* of "abc" */
#define DATE "2031-02-28"

static struct gw_arena arena;
static struct gw_problems problems;

static struct gw_api_keys *build(const char *groups)
{
    char text[2048];
    struct gw_node *conf;

    snprintf(text, sizeof text, "keys: { %s };", groups);
    gw_arena_init(&arena, 1u << 20);
    gw_problems_init(&problems, &arena);
    conf = gw_conf_parse(&arena, text, "keys.conf", &problems);
    return gw_api_keys_build(&arena, conf, &problems);
}

static const struct {
    const char *groups, *words; /* of the only problem; NULL: none */
} rows[] = {
    { "", NULL },
    { "a: { hash = ( \"" ABC "\" ); };", NULL },
    { "a: { hash = ( \"" ABC " until " DATE "\" ); expires = \"" DATE "\"; from = ( \"::1\" ); };", NULL },
    { "a: { };", "hash" },
    { "a: { hash = ( \"abc\" ); };", "keys.a: hash: entry 1 is not \"sha256:\" with 64 hex digits" },
    { "a: { hash = ( \"sha256:00\" ); };", "entry 1 is not" },
    { "a: { hash = ( \"" ABC "0\" ); };", "entry 1 is not" },
    { "a: { hash = ( \"" ABC "\", \"" ABC " until tomorrow\" ); };", "entry 2 is not" },
    { "a: { hash = ( \"" ABC "\" ); }; b: { hash = ( \"" ABC "\" ); };",
      "keys.b: hash: entry 1 is also one of keys.a" },
    { "a: { hash = ( \"" ABC "\", \"" ABC "\" ); };", "entry 2 is also one of keys.a" },
    { "a: { hash = ( \"" ABC "\" ); expires = \"28.2.2031\"; };", "expires: is \"28.2.2031\", expected a day" },
    { "a: { hash = ( \"" ABC "\" ); expires = \"2031-02-28T00:00:00Z\"; };", "expected a day" },
    { "a: { hash = ( \"" ABC "\" ); from = ( \"10.0.0.0/33\" ); };", "from: \"10.0.0.0/33\" is no network" },
    { "a: { hash = ( \"" ABC "\" ); model = ( \"x\" ); };", "models" },
};

START_TEST(groups_are_checked)
{
    build(rows[_i].groups);
    if (!rows[_i].words) {
        ck_assert_msg(problems.error_count == 0, "%s: %s", rows[_i].groups, problems.first ? problems.first->text : "");
    } else {
        ck_assert_msg(problems.error_count == 1, "%s: %zu problems", rows[_i].groups, problems.error_count);
        ck_assert_msg(strstr(problems.first->text, rows[_i].words) != NULL, "%s: %s", rows[_i].groups,
                      problems.first->text);
    }
    gw_arena_done(&arena);
}
END_TEST

START_TEST(a_key_is_found_by_its_digest)
{
    const struct gw_api_keys *keys = build("a: { hash = ( \"" ABC "\" ); };");
    struct gw_auth_result result;

    gw_api_keys_check(keys, AIGW_STR("abc"), "192.0.2.1", &arena, &result);
    ck_assert_int_eq(result.outcome, GW_AUTH_ALLOWED);
    ck_assert_str_eq(result.grant->name, "a");
    ck_assert_uint_eq(result.principal.flags, AIGW_PRINCIPALF_KEY | AIGW_PRINCIPALF_ALL_SCOPES);
    gw_api_keys_check(keys, AIGW_STR("abd"), "192.0.2.1", &arena, &result);
    ck_assert_int_eq(result.outcome, GW_AUTH_REFUSED);
    ck_assert_str_eq(result.error, "key_unknown");
    ck_assert_ptr_null(result.grant);
    gw_arena_done(&arena);
}
END_TEST

#define DEF    "sha256:cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34" /* of "def" */
#define GHI    "sha256:50ae61e841fac4e8f9e40baf2ad36ec868922ea48368c18f9535e47db56dd7fb" /* of "ghi" */
#define DAY(n) (INT64_C(86400) * (n))

/* The last days are those of 1970: the second is over at DAY(2). */
static const struct {
    const char *groups;
    int64_t now_s, end_s;
} ends[] = {
    { "", 0, INT64_MAX },
    { "a: { hash = ( \"" ABC "\" ); };", 0, INT64_MAX },
    { "a: { hash = ( \"" ABC "\" ); expires = \"1970-01-02\"; };", 0, DAY(2) },
    { "a: { hash = ( \"" ABC "\" ); expires = \"1970-01-02\"; };", DAY(2) - 1, DAY(2) },
    { "a: { hash = ( \"" ABC "\" ); expires = \"1970-01-02\"; };", DAY(2), INT64_MAX },
    { "a: { hash = ( \"" ABC "\" ); expires = \"1970-01-09\"; }; b: { hash = ( \"" DEF
      "\" ); expires = \"1970-01-04\"; }; c: { hash = ( \"" GHI "\" ); expires = \"1970-01-02\"; };",
      DAY(3), DAY(4) },
    { "a: { hash = ( \"" ABC "\" ); expires = \"1970-01-02\"; enabled = false; };", 0, INT64_MAX },
    { "a: { hash = ( \"" ABC "\", \"" DEF " until 1970-01-02\" ); };", 0, INT64_MAX }, /* replaced, not ended */
    { "a: { hash = ( \"" ABC " until 1970-01-03\", \"" DEF " until 1970-01-02\" ); };", 0, DAY(3) },
    { "a: { hash = ( \"" ABC " until 1970-01-03\" ); expires = \"1970-01-02\"; };", 0, DAY(2) },
};

START_TEST(the_next_end_is_of_a_key_that_is_good)
{
    ck_assert_int_eq(gw_api_keys_next_end(build(ends[_i].groups), ends[_i].now_s), ends[_i].end_s);
    ck_assert_uint_eq(problems.error_count, 0);
    gw_arena_done(&arena);
}
END_TEST

START_TEST(keys_that_are_made_differ_and_fit_their_hash)
{
    char secrets[2][GW_API_KEY_SIZE], hash[GW_API_KEY_HASH_SIZE], group[256];
    struct gw_auth_result result;

    ck_assert_int_eq(gw_api_key_make(secrets[0], hash), AIGW_OK);
    ck_assert_int_eq(gw_api_key_make(secrets[1], hash), AIGW_OK);
    ck_assert_str_ne(secrets[0], secrets[1]);
    snprintf(group, sizeof group, "k: { hash = ( \"%s\" ); };", hash);
    gw_api_keys_check(build(group), gw_str(secrets[1]), NULL, &arena, &result);
    ck_assert_int_eq(result.outcome, GW_AUTH_ALLOWED);
    gw_arena_done(&arena);
}
END_TEST

TCase *api_keys_cases(void)
{
    TCase *tcase = tcase_create("api keys");

    tcase_add_loop_test(tcase, groups_are_checked, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tcase, a_key_is_found_by_its_digest);
    tcase_add_loop_test(tcase, the_next_end_is_of_a_key_that_is_good, 0, sizeof ends / sizeof *ends);
    tcase_add_test(tcase, keys_that_are_made_differ_and_fit_their_hash);
    return tcase;
}
