/* Constraints: one row per rule. Versions are the list below in the order given. */
#include "prompt/prompt.h"
#include "tests.h"

#include <string.h>

static const char *const versions[] = { "0.9.0",    "1.0.0", "1.0.1-dev", "1.0.1",     "1.1.0",  "1.2.0-alpha",
                                        "1.2.0-rc", "2.0.0", "2.0.1",     "2.1.0-dev", "10.0.0", "3.0.2-dev" };

static const struct {
    const char *constraint;
    const char *expect; /* NULL: none matches; "?": not a constraint */
} rows[] = {
    { "1.0.0", "1.0.0" },
    { "=1.0.0", "1.0.0" },
    { "==1.0.0", "1.0.0" },
    { "1", "1.0.0" },
    { "v1.0", "1.0.0" },
    { "1.0.0.0", "1.0.0" },
    { "^1.0.0", "1.1.0" },
    { "^1", "1.1.0" },
    { "^0.9", "0.9.0" },
    { "^0.9.1", NULL },
    { "^0.0.3", NULL },
    { "^2.0", "2.0.1" },
    { "^3.0.0", NULL },
    { "~1.0", "1.0.1" },
    { "~1.0.0", "1.0.1" },
    { "~1", "1.1.0" },
    { "~=1.0.0", "1.0.1" },
    { "~=1.0", "1.1.0" },
    { ">=1,<2", "1.1.0" },
    { ">=1, <2", "1.1.0" },
    { ">= 1 < 2", "1.1.0" },
    { ">1.1.0 <=2.0.0", "2.0.0" },
    { "<1.0.0", "0.9.0" },
    { "<0.9", NULL },
    { ">=2", "10.0.0" },
    { ">10", NULL },
    { ">=10", "10.0.0" },
    { "!=10.0.0", "2.0.1" },
    { "!=10.*", "2.0.1" },
    { "*", "10.0.0" },
    { "1.*", "1.1.0" },
    { "1.x", "1.1.0" },
    { "1.0.x", "1.0.1" },
    { "==1.0.*", "1.0.1" },
    { "1.x.x", "1.1.0" },
    { "^0.9 || ^2.0", "2.0.1" },
    { "^7 || ^0.9", "0.9.0" },
    { "^1.0.0 || 1.2.0-rc", "1.1.0" },
    { "1.0.1-dev", "1.0.1-dev" },
    { "==1.0.1.dev0", "1.0.1-dev" },
    { "1.2.0-alpha", "1.2.0-alpha" },
    { "1.2.0rc0", "1.2.0-rc" },
    { "1.2.0", NULL },
    { "^1.2.0", NULL },
    { "~2.1", NULL },
    { ">=3,<4", NULL },
    { "^", "?" },
    { "", "?" },
    { "latest", "?" },
    { "^abc", "?" },
    { "1.2.3.4.5", "?" },
    { "1..2", "?" },
    { "1.0.0-strange", "?" },
    { "^1.0.0 ||", "?" },
    { "99999999999", "?" },
    { "~=1", "?" },
    { ">1.*", "?" },
    { "^1.0.0 or 2", "?" },
};

START_TEST(constraint_picks_the_highest_match)
{
    size_t index = 999;
    aigw_status status = gw_version_pick(gw_str(rows[_i].constraint), versions, GW_ARRAY_LEN(versions), &index);

    if (!rows[_i].expect) {
        ck_assert_msg(status == AIGW_E_NOT_FOUND, "'%s': status %d, picked %zu", rows[_i].constraint, status, index);
    } else if (rows[_i].expect[0] == '?') {
        ck_assert_msg(status == AIGW_E_INVALID, "'%s': status %d", rows[_i].constraint, status);
    } else {
        ck_assert_msg(status == AIGW_OK, "'%s': status %d", rows[_i].constraint, status);
        ck_assert_str_eq(versions[index], rows[_i].expect);
    }
}
END_TEST

START_TEST(name_that_is_no_version_matches_exactly)
{
    static const char *const names[] = { "1.0.0", "nightly" };
    size_t index = 0;

    ck_assert_int_eq(gw_version_pick(AIGW_STR("nightly"), names, 2, &index), AIGW_OK);
    ck_assert_uint_eq(index, 1);
    ck_assert_int_eq(gw_version_pick(AIGW_STR("*"), names, 2, &index), AIGW_OK);
    ck_assert_uint_eq(index, 0);
    ck_assert_int_eq(gw_version_pick(AIGW_STR("*"), names, 0, &index), AIGW_E_NOT_FOUND);
}
END_TEST

START_TEST(long_constraint_is_refused)
{
    char text[4096];
    size_t index;

    memset(text, '1', sizeof text);
    ck_assert_int_eq(gw_version_pick((aigw_str){ text, sizeof text }, versions, 1, &index), AIGW_E_INVALID);
}
END_TEST

TCase *version_case(void)
{
    TCase *tc = tcase_create("version");

    tcase_add_loop_test(tc, constraint_picks_the_highest_match, 0, (int)GW_ARRAY_LEN(rows));
    tcase_add_test(tc, name_that_is_no_version_matches_exactly);
    tcase_add_test(tc, long_constraint_is_refused);
    return tc;
}
