/* test_docs_page.c - the page is small, needs nothing from elsewhere and carries its URL safely. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "route/docs_page.h"

static const char *const foreign[] = { "http://", "https://", "src=", "@import", "url(", "innerHTML", "eval(" };

START_TEST(the_page_is_self_contained_and_builds_no_markup_from_text)
{
    ck_assert_msg(!strstr(gw_docs_page, foreign[_i]), "the page contains %s", foreign[_i]);
}
END_TEST

START_TEST(the_page_is_whole_and_small)
{
    ck_assert_uint_eq(strlen(gw_docs_page), gw_docs_page_len);
    ck_assert_uint_lt(gw_docs_page_len, 20000);
    ck_assert_int_eq(strncmp(gw_docs_page, "<!doctype html>", 15), 0);
    ck_assert_str_eq(gw_docs_page + gw_docs_page_len - 8, "</html>\n");
}
END_TEST

static const struct {
    const char *id, *url, *shown;
} urls[] = {
    { "usual", "/openapi.json", "name=\"openapi-url\" content=\"/openapi.json\">" },
    { "nasty", "/a\"><script>&", "name=\"openapi-url\" content=\"/a&quot;&gt;&lt;script&gt;&amp;\">" },
};

START_TEST(the_url_is_put_in_escaped)
{
    struct gw_buf page;

    gw_buf_init(&page, 65536);
    gw_docs_page_put(&page, urls[_i].url);
    ck_assert_int_eq(page.status, AIGW_OK);
    ck_assert_msg(strstr(page.data, urls[_i].shown), "%s", urls[_i].id);
    ck_assert_ptr_null(strstr(page.data, "%OPENAPI_URL%"));
    ck_assert_str_eq(page.data + page.len - 8, "</html>\n");
    gw_buf_done(&page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docs page");
    TCase *tcase = tcase_create("docs page");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, the_page_is_self_contained_and_builds_no_markup_from_text, 0,
                        (int)GW_ARRAY_LEN(foreign));
    tcase_add_test(tcase, the_page_is_whole_and_small);
    tcase_add_loop_test(tcase, the_url_is_put_in_escaped, 0, (int)GW_ARRAY_LEN(urls));
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
