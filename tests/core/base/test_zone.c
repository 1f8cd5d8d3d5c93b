/* test_zone.c - time zones: held to the C library's own reading of the same files, and rules and days by hand. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/zone.h"

static struct gw_arena arena;

static void open_arena(void)
{
    gw_arena_init(&arena, 8 << 20);
}

static void close_arena(void)
{
    gw_arena_done(&arena);
}

static int64_t seconds_of(const char *text)
{
    struct tm tm = { 0 };
    const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);

    ck_assert_msg(end && !*end, "%s", text);
    return (int64_t)timegm(&tm);
}

/* ---- files ---- */

static const char *const zones[] = { "Europe/Berlin",     "Europe/Dublin",      "America/New_York",
                                     "America/Santiago",  "Asia/Kathmandu",     "Asia/Tehran",
                                     "Africa/Casablanca", "Africa/Cairo",       "Australia/Lord_Howe",
                                     "Pacific/Apia",      "Pacific/Kiritimati", "Asia/Gaza",
                                     "America/Nuuk",      "Antarctica/Troll",   "Etc/GMT+12" };

START_TEST(as_the_c_library)
{
    const char *reason, *name = zones[_i];
    const struct gw_zone *zone = gw_zone_load(&arena, name, &reason);
    uint64_t random = 42;

    if (!zone) /* this machine has no tzdata, or not all of it */
        return;
    setenv("TZ", name, 1); /* of this process, a test's child */
    tzset();
    for (int i = 0; i < 4000; i++) {
        int64_t at;
        time_t now;
        struct tm tm;

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        at = (int64_t)(random >> 16) % INT64_C(4102444800); /* 1970 to 2100 */
        now = (time_t)at;
        if (!localtime_r(&now, &tm) || gw_zone_offset_s(zone, at) != tm.tm_gmtoff)
            ck_abort_msg("%s at %lld: %d, not %ld", name, (long long)at, (int)gw_zone_offset_s(zone, at), tm.tm_gmtoff);
    }
}
END_TEST

/* Days follow one another without a gap, and none begins before the one ahead of it. */
START_TEST(days_follow_one_another)
{
    const char *reason;
    const struct gw_zone *zone = gw_zone_load(&arena, zones[_i], &reason);
    int64_t before = INT64_MIN;

    for (int64_t day = 14000; zone && day < 26000; day++) {
        int64_t begin = gw_zone_day_begin_s(zone, day);

        if (begin < before)
            ck_abort_msg("%s: day %lld begins at %lld, before the one ahead of it", zones[_i], (long long)day,
                         (long long)begin);
        if (gw_zone_day(zone, begin) < day || gw_zone_day(zone, begin - 1) >= gw_zone_day(zone, begin) + 1)
            ck_abort_msg("%s: around the begin of day %lld the days are %lld and %lld", zones[_i], (long long)day,
                         (long long)gw_zone_day(zone, begin - 1), (long long)gw_zone_day(zone, begin));
        before = begin;
    }
}
END_TEST

START_TEST(a_name_that_is_none)
{
    static const char *const names[] = { "", "Europe/Berlim", "../../etc/passwd", "/etc/localtime", "Europe" };
    const char *reason;

    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++) {
        reason = NULL;
        ck_assert_ptr_null(gw_zone_load(&arena, names[i], &reason));
        ck_assert_ptr_nonnull(reason);
    }
    ck_assert_int_eq(gw_zone_offset_s(gw_zone_load(&arena, "UTC", &reason), 1000000000), 0);
    ck_assert_int_eq(gw_zone_offset_s(NULL, 1000000000), 0);
}
END_TEST

START_TEST(a_file_that_is_cut)
{
    static const char path[] = "/usr/share/zoneinfo/Europe/Berlin";
    char bytes[8192];
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    const char *reason;

    if (file)
        fclose(file);
    for (size_t cut = 0; cut < len; cut++) { /* whatever is missing, nothing is read behind the end */
        char *copy = malloc(cut + 1);
        memcpy(copy, bytes, cut);
        if (!gw_zone_read(&arena, (aigw_str){ copy, cut }, &reason))
            ck_assert_ptr_nonnull(reason);
        free(copy);
        gw_arena_done(&arena);
    }
}
END_TEST

/* ---- rules ---- */

static const struct {
    const char *rule, *at;
    int offset_s;
} offsets[] = {
    { "CET-1CEST,M3.5.0,M10.5.0/3", "2040-03-25 00:59:59", 3600 },
    { "CET-1CEST,M3.5.0,M10.5.0/3", "2040-03-25 01:00:00", 7200 },
    { "CET-1CEST,M3.5.0,M10.5.0/3", "2040-10-28 00:59:59", 7200 },
    { "CET-1CEST,M3.5.0,M10.5.0/3", "2040-10-28 01:00:00", 3600 },
    { "EST5EDT,M3.2.0,M11.1.0", "2026-03-08 06:59:59", -18000 },
    { "EST5EDT,M3.2.0,M11.1.0", "2026-03-08 07:00:00", -14400 },
    { "EST5EDT,M3.2.0,M11.1.0", "2026-11-01 06:00:00", -18000 },
    { "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-01-01 00:00:00", 39600 }, /* summer over the year's end */
    { "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-07-01 00:00:00", 37800 },
    { "IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01 00:00:00", 0 }, /* winter time, said the other way round */
    { "IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01 00:00:00", 3600 },
    { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29 00:59:59", -7200 },
    { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29 01:00:00", -3600 },
    { "XXX3YYY,J60,J300", "2024-03-01 05:00:00", -7200 }, /* 1 March, leap year or not */
    { "XXX3YYY,J60,J300", "2024-03-01 04:59:59", -10800 },
    { "XXX3YYY,J60,J300", "2023-03-01 05:00:00", -7200 },
    { "XXX3YYY,59,300", "2024-02-29 05:00:00", -7200 },
    { "<+0545>-5:45", "2026-01-01 00:00:00", 20700 },
};

START_TEST(rules_are_understood)
{
    struct gw_zone_rule rule;

    ck_assert_msg(gw_zone_rule_read(gw_str(offsets[_i].rule), &rule), "%s", offsets[_i].rule);
    ck_assert_msg(gw_zone_rule_offset_s(&rule, seconds_of(offsets[_i].at)) == offsets[_i].offset_s, "%s at %s: %d",
                  offsets[_i].rule, offsets[_i].at, (int)gw_zone_rule_offset_s(&rule, seconds_of(offsets[_i].at)));
}
END_TEST

static const char *const no_rules[] = { "",
                                        "CE-1",
                                        "CET",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5.0",
                                        "CET-200",
                                        "CET-1CEST,M13.1.0,M1.1.0",
                                        "CET-1x",
                                        "<+01-1",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.5.0,M10.5.0/3 " };

START_TEST(what_is_no_rule)
{
    struct gw_zone_rule rule;

    ck_assert_msg(!gw_zone_rule_read(gw_str(no_rules[_i]), &rule), "%s", no_rules[_i]);
}
END_TEST

/* ---- days ---- */

static const struct {
    const char *zone, *day, *begin;
} days[] = {
    { "Europe/Berlin", "2026-10-31", "2026-10-30 23:00:00" },
    { "Europe/Berlin", "2026-10-25", "2026-10-24 22:00:00" }, /* of 25 hours */
    { "Europe/Berlin", "2026-10-26", "2026-10-25 23:00:00" },
    { "Europe/Berlin", "2026-03-29", "2026-03-28 23:00:00" }, /* of 23 */
    { "Europe/Berlin", "2026-03-30", "2026-03-29 22:00:00" },
    { "Europe/Berlin", "2050-07-01", "2050-06-30 22:00:00" },    /* behind the end of the list */
    { "America/Santiago", "2026-09-06", "2026-09-06 04:00:00" }, /* midnight is skipped: it begins at one */
    { "America/New_York", "2026-11-01", "2026-11-01 04:00:00" },
    { "Pacific/Apia", "2011-12-31", "2011-12-30 10:00:00" }, /* the 30th was left out */
    { "Asia/Kathmandu", "2026-01-01", "2025-12-31 18:15:00" },
};

START_TEST(days_begin)
{
    char midnight[32];
    const char *reason;
    const struct gw_zone *zone = gw_zone_load(&arena, days[_i].zone, &reason);
    int64_t day;

    if (!zone)
        return;
    snprintf(midnight, sizeof midnight, "%s 00:00:00", days[_i].day);
    day = seconds_of(midnight) / GW_DAY_S;
    ck_assert_int_eq(gw_zone_day_begin_s(zone, day), seconds_of(days[_i].begin));
    ck_assert_int_eq(gw_zone_day(zone, seconds_of(days[_i].begin)), day);
    ck_assert_int_lt(gw_zone_day(zone, seconds_of(days[_i].begin) - 1), day);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zone");
    TCase *tcase = tcase_create("zone");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, as_the_c_library, 0, GW_ARRAY_LEN(zones));
    tcase_add_loop_test(tcase, days_follow_one_another, 0, GW_ARRAY_LEN(zones));
    tcase_add_test(tcase, a_name_that_is_none);
    tcase_add_test(tcase, a_file_that_is_cut);
    tcase_add_loop_test(tcase, rules_are_understood, 0, GW_ARRAY_LEN(offsets));
    tcase_add_loop_test(tcase, what_is_no_rule, 0, GW_ARRAY_LEN(no_rules));
    tcase_add_loop_test(tcase, days_begin, 0, GW_ARRAY_LEN(days));
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
