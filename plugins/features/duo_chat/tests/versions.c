/* versions.c - which GitLab has the tools that came with 17.5. */
#include "tests.h"

#include <string.h>

#include "../tools.h"

static const struct {
    const char *version;
    bool is_enough;
} rows[] = {
    { "17.5.0-pre", true },
    { "17.5.0", true },
    { "17.5", true },
    { "17.5.0.0", true },
    { "17.5.1", true },
    { "17.10.0", true },
    { "18.0.0", true },
    { "18", true },
    { "v17.5.0", true },
    { "V18.1", true },
    { " 17.5.0", false },
    { "17.5.0rc1", true },
    { "17.5.0-rc.2", true },
    { "17.5.0_pre_3", true },
    { "17.5.0RC1", true },
    { "17.5.0c1", true },
    { "17.5.0.preview", true },
    { "17.5.0-1", true },
    { "17.5.0.post1", true },
    { "17.5.0-rev2", true },
    { "17.5.0+ee.1", true },
    { "17.5.0-pre+x", true },
    { "1!1.0", true },
    { "17.5.0.1-dev", true },
    { "18.0.0.dev1", true },
    { "17.5.0rc1.dev2", true },
    { "17.5.0-pre.dev1", false },
    { "17.5.0.dev1", false },
    { "17.5.0a1", false },
    { "17.5.0-alpha", false },
    { "17.5.0b9", false },
    { "17.5.0.beta.2", false },
    { "17.4.9", false },
    { "17.4", false },
    { "17.0.0", false },
    { "16.11.0", false },
    { "17", false },
    { "0", false },
    { "", false },
    { "x", false },
    { "17.5.x", false },
    { "17.5.0-ee", false },
    { "17..5", false },
    { "17.5.0+", false },
    { "17.5.0-", false },
    { "99999999999999999999.1", true },
    { "-1", false },
    { "v", false },
    { "1!", false },
    { "18.0.0 ", false },
    { "18.0.0\n", false },
    { "17.5.0-pre-pre", false },
};

START_TEST(versions)
{
    static const uint32_t least[3] = { 17, 5, 0 };
    const char *text = rows[_i].version;
    aigw_str version = { text, strlen(text) };

    ck_assert_msg(chat_version_reaches(version, least) == rows[_i].is_enough, "\"%s\": expected %s", text,
                  rows[_i].is_enough ? "yes" : "no");
}
END_TEST

Suite *version_suite(void)
{
    Suite *suite = suite_create("versions");
    TCase *tcase = tcase_create("rows");

    tcase_add_loop_test(tcase, versions, 0, sizeof rows / sizeof *rows);
    suite_add_tcase(suite, tcase);
    return suite;
}
