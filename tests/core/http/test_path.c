/* test_path.c - the normal form of request paths (D17). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"

#define BAD NULL

static const struct {
    const char *raw;
    const char *prefix;
    const char *path; /* BAD: refused */
} rows[] = {
    { "/", NULL, "/" },
    { "/nope", NULL, "/nope" },
    { "/v2/code/completions", NULL, "/v2/code/completions" },
    { "/v2/code/completions/", NULL, "/v2/code/completions" },
    { "/monitoring/healthz/", NULL, "/monitoring/healthz" },
    { "//monitoring/healthz", NULL, "/monitoring/healthz" },
    { "/monitoring///healthz//", NULL, "/monitoring/healthz" },
    { "//", NULL, "/" },
    { "/MONITORING/HEALTHZ", NULL, "/MONITORING/HEALTHZ" },
    { "/monitoring/healthz/../../v1/code/user_access_token", NULL, BAD },
    { "/monitoring/healthz/%2e%2e/x", NULL, BAD },
    { "/monitoring/healthz%2f..%2fx", NULL, BAD },
    { "/monitoring/%2E/healthz", NULL, BAD },
    { "/./monitoring/healthz", NULL, BAD },
    { "/a/..", NULL, BAD },
    { "/a/.", NULL, BAD },
    { "/..", NULL, BAD },
    { "/.%2e", NULL, BAD },
    { "/...", NULL, "/..." },
    { "/a/..b/c", NULL, "/a/..b/c" },
    { "/a/.b", NULL, "/a/.b" },
    { "/monitoring/healthz;x=1", NULL, "/monitoring/healthz;x=1" },
    { "/monitoring/healthz/..;/x", NULL, "/monitoring/healthz/..;/x" },
    { "/v1/models%2Fdefinitions", NULL, "/v1/models/definitions" },
    { "/v1/prompts/model_configuration%2fcheck", NULL, "/v1/prompts/model_configuration/check" },
    { "/a%252Fb", NULL, "/a%2Fb" },
    { "/a%2F%2Fb%2F", NULL, "/a/b" },
    { "%2Fa", NULL, BAD },
    { "/a%20b", NULL, "/a b" },
    { "/a+b", NULL, "/a+b" },
    { "/a%", NULL, BAD },
    { "/a%4", NULL, BAD },
    { "/a%4g", NULL, BAD },
    { "/a%00b", NULL, BAD },
    { "/a%C3%A9", NULL, "/a\xc3\xa9" },
    { "", NULL, BAD },
    { "a", NULL, BAD },
    { "a:80", NULL, BAD },
    { "*", NULL, "*" },
    { "http://host/x", NULL, "/x" },
    { "HTTPS://user@host:1/x//y/", NULL, "/x/y" },
    { "http://host", NULL, "/" },
    { "http://host/..", NULL, BAD },
    { "ftp://host/x", NULL, BAD },
    { "/ai", "/ai", "/" },
    { "/ai/", "/ai", "/" },
    { "/ai/v1/proxy/openai", "/ai", "/v1/proxy/openai" },
    { "/%61i/v1", "/ai", "/v1" },
    { "//ai//v1", "/ai", "/v1" },
    { "/ai/ai/v1", "/ai", "/ai/v1" },
    { "/aix/v1", "/ai", "/aix/v1" },
    { "/x/ai/v1", "/ai", "/x/ai/v1" },
    { "/AI/v1", "/ai", "/AI/v1" },
    { "/a/b/c", "/a/b/", "/c" },
    { "/ai/v1", "", "/ai/v1" },
    { "/ai/v1", "/", "/ai/v1" },
};

START_TEST(a_path_has_one_normal_form)
{
    struct gw_arena arena;
    aigw_str path = AIGW_STR("untouched");

    gw_arena_init(&arena, 4096);
    bool is_good = gw_path_normalize(&arena, gw_str(rows[_i].raw), rows[_i].prefix, &path);
    ck_assert_msg(is_good == (rows[_i].path != BAD), "%s", rows[_i].raw);
    ck_assert_msg(gw_str_is(path, is_good ? rows[_i].path : "untouched"), "%s gives %.*s", rows[_i].raw,
                  AIGW_STR_ARG(path));
    gw_arena_done(&arena);
}
END_TEST

START_TEST(the_normal_form_is_stable)
{
    struct gw_arena arena;
    aigw_str once, twice;

    gw_arena_init(&arena, 4096);
    if (rows[_i].path && !strchr(rows[_i].path, '%') && gw_path_normalize(&arena, gw_str(rows[_i].raw), NULL, &once)) {
        ck_assert(gw_path_normalize(&arena, once, NULL, &twice));
        ck_assert(gw_str_eq(once, twice));
    }
    gw_arena_done(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http.path");
    TCase *tcase = tcase_create("path");

    tcase_add_loop_test(tcase, a_path_has_one_normal_form, 0, GW_ARRAY_LEN(rows));
    tcase_add_loop_test(tcase, the_normal_form_is_stable, 0, GW_ARRAY_LEN(rows));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
