/* test_pattern.c - what a plugin may write as a path, what fits it, and which of two comes first. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route/pattern.h"

static struct gw_arena arena;

static void setup(void)
{
    gw_arena_init(&arena, 4 << 20);
}

static void teardown(void)
{
    gw_arena_done(&arena);
}

static struct gw_pattern parse(const char *text)
{
    struct gw_pattern pattern;
    struct gw_err err = { "" };

    ck_assert_msg(gw_pattern_parse(&arena, text, &pattern, &err) == AIGW_OK, "%s: %s", text, err.text);
    return pattern;
}

/* params: what is found, as "name=value name=value"; NULL: no match */
static const struct {
    const char *pattern, *path, *params;
} match_rows[] = {
    { "/", "/", "" },
    { "/", "/a", NULL },
    { "/a", "/a", "" },
    { "/a", "/", NULL },
    { "/a", "/A", NULL },
    { "/a", "/ab", NULL },
    { "/a", "/a/b", NULL },
    { "/a/b", "/a", NULL },
    { "/a/b", "/a/b", "" },
    { "/\xc3\xa4", "/\xc3\xa4", "" },
    /* one parameter, one segment */
    { "/{x}", "/", NULL },
    { "/{x}", "/v", "x=v" },
    { "/{x}", "/v/w", NULL },
    { "/a/{x}", "/a", NULL },
    { "/a/{x}", "/a/v", "x=v" },
    { "/a/{x}", "/ab/v", NULL },
    { "/a/{x}/c", "/a/v/c", "x=v" },
    { "/a/{x}/c", "/a/v/d", NULL },
    { "/a/{x}/c", "/a/v/w/c", NULL },
    { "/a/{x}/{y}", "/a/v/w", "x=v y=w" },
    { "/{x}/{y}/{z}", "/1/2/3", "x=1 y=2 z=3" },
    { "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", "/1/2/3/4/5/6/7/8", "a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8" },
    /* text in the same segment */
    { "/v1beta/models/{model}:generateContent", "/v1beta/models/gemini-pro:generateContent", "model=gemini-pro" },
    { "/v1beta/models/{model}:generateContent", "/v1beta/models/a:b:generateContent", "model=a:b" },
    { "/v1beta/models/{model}:generateContent", "/v1beta/models/:generateContent", NULL },
    { "/v1beta/models/{model}:generateContent", "/v1beta/models/gemini-pro:streamGenerateContent", NULL },
    { "/v1beta/models/{model}:generateContent", "/v1beta/models/gemini-pro:generateContents", NULL },
    { "/v1beta/models/{model}:generateContent", "/v1beta/models/a/b:generateContent", NULL },
    { "/{m}:g", "/a:g:g", "m=a:g" },
    { "/v{n}", "/v1", "n=1" },
    { "/v{n}", "/v", NULL },
    { "/v{n}", "/w1", NULL },
    { "/v{n}x", "/vx", NULL },
    { "/v{n}x", "/vxx", "n=x" },
    { "/{a}-{b}", "/x-y", "a=x b=y" },
    { "/{a}-{b}", "/x-y-z", "a=x-y b=z" },
    { "/{a}-{b}", "/-y", NULL },
    { "/{a}-{b}", "/x-", NULL },
    { "/{a}-{b}", "/---", "a=- b=-" },
    { "/{a}-{b}", "/--", NULL },
    { "/{a}--{b}", "/x---y", "a=x- b=y" },
    { "/{a}.{b}.{c}", "/1.2.3", "a=1 b=2 c=3" },
    { "/{a}.{b}.{c}", "/1.2", NULL },
    { "/<{a}|{b}>", "/<x|y>", "a=x b=y" },
    { "/<{a}|{b}>", "/<x|y", NULL },
    /* slashes */
    { "/v1/prompts/{id:path}", "/v1/prompts", NULL },
    { "/v1/prompts/{id:path}", "/v1/promptsa", NULL },
    { "/v1/prompts/{id:path}", "/v1/prompts/a", "id=a" },
    { "/v1/prompts/{id:path}", "/v1/prompts/a/b/c", "id=a/b/c" },
    { "/v1/proxy/{vendor}/{rest:path}", "/v1/proxy/acme/v1/chat", "vendor=acme rest=v1/chat" },
    { "/v1/proxy/{vendor}/{rest:path}", "/v1/proxy/acme", NULL },
    { "/{all:path}", "/", NULL },
    { "/{all:path}", "/a/b", "all=a/b" },
    { "/f/{id:path}/content", "/f/a/content", "id=a" },
    { "/f/{id:path}/content", "/f/a/b/content", "id=a/b" },
    { "/f/{id:path}/content", "/f/content/content", "id=content" },
    { "/f/{id:path}/content", "/f/content", NULL },
    { "/f/{id:path}/content", "/f/a/contents", NULL },
    { "/f/{id:path}/p/{n}", "/f/a/b/p/7", "id=a/b n=7" },
    { "/f/{id:path}/p/{n}", "/f/a/p/b/p/7", "id=a/p/b n=7" },
    { "/f/{id:path}/p/{n}", "/f/p/7", NULL },
    { "/f/{id:path}:read", "/f/a/b:read", "id=a/b" },
    { "/f/{id:path}:read", "/f/a/b", NULL },
    { "/f/x-{id:path}", "/f/x-a/b", "id=a/b" },
    { "/f/x-{id:path}", "/f/x-", NULL },
    { "/{a}/{b:path}/{c}", "/1/2/3/4", "a=1 b=2/3 c=4" },
    { "/{a}/{b:path}/{c}", "/1/2", NULL },
    /* what no normal path is */
    { "/{x}", "", NULL },
    { "/{x}", "v", NULL },
    { "/a/{x}", "/a//", NULL },
    { "/a", "/a/", NULL },
};

START_TEST(paths_fit_patterns)
{
    struct gw_pattern pattern = parse(match_rows[_i].pattern);
    struct gw_path_param params[GW_PATTERN_PARAMS_MAX];
    char found[256] = "";
    size_t len = 0;

    bool does = gw_pattern_match(&pattern, gw_str(match_rows[_i].path), params);
    ck_assert_msg(does == (match_rows[_i].params != NULL), "%s ~ %s: %d", match_rows[_i].pattern, match_rows[_i].path,
                  does);
    for (uint32_t i = 0; does && i < pattern.param_count; i++)
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%.*s=%.*s", i ? " " : "",
                                AIGW_STR_ARG(params[i].name), AIGW_STR_ARG(params[i].value));
    if (does)
        ck_assert_str_eq(found, match_rows[_i].params);
}
END_TEST

static const struct {
    const char *pattern, *says;
} bad_rows[] = {
    { NULL, "begin with /" },
    { "", "begin with /" },
    { "a", "begin with /" },
    { "//", "segment is empty" },
    { "/a/", "segment is empty" },
    { "/a//b", "segment is empty" },
    { "/a/../b", ".." },
    { "/./b", ".." },
    { "/{", "no }" },
    { "/a{", "no }" },
    { "/{x", "no }" },
    { "/{x/y}", "no }" },
    { "/{x{y}}", "no }" },
    { "/x}", "no {" },
    { "/}{", "no {" },
    { "/{x}}", "no {" },
    { "/{}", "name" },
    { "/{:path}", "name" },
    { "/{1x}", "name" },
    { "/{x-y}", "name" },
    { "/{x y}", "name" },
    { "/{\xc3\xa4}", "name" },
    { "/{x:}", "kind" },
    { "/{x:int}", "kind" },
    { "/{x:path:path}", "kind" },
    { "/{x:Path}", "kind" },
    { "/{x}/{x}", "same name" },
    { "/{x}-{x:path}", "same name" },
    { "/{x}{y}", "touch" },
    { "/{x}{y:path}", "touch" },
    { "/{x:path}/{y:path}", "more than one" },
    { "/{x}-{y:path}", "shares" },
    { "/{y:path}-{x}", "shares" },
    { "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", "more than 8" },
    { "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3", "32 segments" },
    { "/a b", "blank" },
    { "/a\n", "blank" },
    { "/a\x7f", "blank" },
    { "/a?b", "one of" },
    { "/a#b", "one of" },
    { "/a%2fb", "one of" },
    { "/a\\b", "one of" },
    { "/v1/*", "{name:path}" },
};

START_TEST(malformed_patterns_are_refused_with_a_reason)
{
    struct gw_pattern pattern;
    struct gw_err err = { "" };

    ck_assert_int_lt(gw_pattern_parse(&arena, bad_rows[_i].pattern, &pattern, &err), 0);
    ck_assert_msg(strstr(err.text, bad_rows[_i].says), "%s: found \"%s\"", bad_rows[_i].pattern, err.text);
}
END_TEST

START_TEST(a_pattern_has_a_longest_length)
{
    char text[GW_PATTERN_LEN_MAX + 2];
    struct gw_pattern pattern;
    struct gw_err err = { "" };

    memset(text, 'a', sizeof text);
    text[0] = '/';
    text[GW_PATTERN_LEN_MAX + 1] = '\0';
    ck_assert_int_lt(gw_pattern_parse(&arena, text, &pattern, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "512"));
    text[GW_PATTERN_LEN_MAX] = '\0';
    parse(text);
}
END_TEST

/* In the order in which they are tried. */
static const char *const ordered[] = {
    "/a/bcd",          "/a/bc",           "/a/b/{x}",    "/a/b/{x:path}",
    "/a/{x}:generate", "/a/pre{x}fix",    "/a/pre{x}",   "/a/{x}/b",
    "/a/{x}/{y}",      "/a/{x}/{y:path}", "/a/{x}",      "/a/{x:path}:generate",
    "/a/{x:path}/b",   "/a/{x:path}/{y}", "/a/{x:path}", "/a",
    "/{x}/a/b",        "/{x}/{y}",        "/{x:path}",   "/",
};

START_TEST(the_more_specific_pattern_comes_first)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(ordered); i++) {
        for (size_t j = 0; j < GW_ARRAY_LEN(ordered); j++) {
            struct gw_pattern a = parse(ordered[i]), b = parse(ordered[j]);
            int order = gw_pattern_compare(&a, &b);
            ck_assert_msg((order < 0) == (i < j) && (order > 0) == (i > j), "%s before %s: %d", ordered[i], ordered[j],
                          order);
        }
    }
}
END_TEST

static const struct {
    const char *a, *b;
    bool is_same;
} same_rows[] = {
    { "/a/{x}", "/a/{y}", true },
    { "/a/{x:path}", "/a/{y:path}", true },
    { "/a/{x}-{y}", "/a/{y}-{x}", true },
    { "/a/{x}", "/a/{x:path}", false },
    { "/a/{x}-{y}", "/a/{x}-", false },
    { "/x{a}", "/{a}x", false },
    { "/a", "/b", false },
    { "/a", "/A", false },
};

START_TEST(patterns_of_one_shape_are_equal)
{
    struct gw_pattern a = parse(same_rows[_i].a), b = parse(same_rows[_i].b);

    ck_assert_msg((gw_pattern_compare(&a, &b) == 0) == same_rows[_i].is_same, "%s, %s", same_rows[_i].a,
                  same_rows[_i].b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pattern");
    TCase *tcase = tcase_create("pattern");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, paths_fit_patterns, 0, (int)GW_ARRAY_LEN(match_rows));
    tcase_add_loop_test(tcase, malformed_patterns_are_refused_with_a_reason, 0, (int)GW_ARRAY_LEN(bad_rows));
    tcase_add_test(tcase, a_pattern_has_a_longest_length);
    tcase_add_test(tcase, the_more_specific_pattern_comes_first);
    tcase_add_loop_test(tcase, patterns_of_one_shape_are_equal, 0, (int)GW_ARRAY_LEN(same_rows));
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
