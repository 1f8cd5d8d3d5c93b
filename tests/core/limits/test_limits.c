/* test_limits.c - OP-LIM: counters with a clock of the test's own, quotas of conf.d, and threads that charge at once.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "world.h"

static int64_t epoch_s; /* of the wall clock, when the other one is 0 */

static void open_table(void)
{
    open_table_of(1024);
    epoch_s = 1000000000;
}

static const struct gw_quotas *quotas_of(const char *groups)
{
    const struct gw_prices *none;

    return read_limits(gw_arena_printf(&arena, "quotas: { %s };", groups), &none);
}

static bool charge(const struct gw_quotas *quotas, const char *user, const char *model, int64_t tokens, int64_t now_us,
                   struct gw_limit_hold *hold, struct gw_limit_refusal *refusal)
{
    const struct gw_limit_subject subject = { .user = user ? gw_str(user) : AIGW_STR_NONE,
                                              .model = gw_str(model),
                                              .team = AIGW_STR("red") };

    const struct gw_limit_now now = { .mono_us = now_us, .wall_s = epoch_s + now_us / S_US };

    memset(hold, 0, sizeof *hold);
    const struct gw_limit_use use = { .tokens = tokens };

    return gw_quotas_charge(quotas, table, &subject, &use, &now, hold, refusal) == GW_LIMIT_ADMITTED;
}

/** tokens negative: not known. */
static void settle(struct gw_limit_hold *hold, int64_t tokens)
{
    const struct gw_limit_use use = { .tokens = tokens };
    const struct gw_limit_now now = { 0, epoch_s };

    gw_quotas_settle(hold, tokens < 0 ? NULL : &use, &now);
}

static int admitted(const struct gw_quotas *quotas, const char *user, int asked, int64_t now_us)
{
    struct gw_limit_hold hold;
    struct gw_limit_refusal refusal;
    int count = 0;

    for (int i = 0; i < asked; i++) {
        count += charge(quotas, user, "coder", 0, now_us, &hold, &refusal);
        settle(&hold, -1); /* of one that was refused: nothing */
    }
    return count;
}

static int64_t whole(struct gw_tokens tokens)
{
    return tokens.input + tokens.output;
}

/* ---- requests ---- */

START_TEST(a_burst_then_the_pace)
{
    const struct gw_quotas *quotas = quotas_of("q = { per = \"user\"; requests = 60; burst = 10; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;

    ck_assert_int_eq(admitted(quotas, "a", 200, 100 * S_US), 10);
    ck_assert_int_eq(admitted(quotas, "a", 5, 100 * S_US + S_US - 1), 0);
    ck_assert_int_eq(admitted(quotas, "a", 5, 101 * S_US), 1); /* one a second */
    ck_assert_int_eq(admitted(quotas, "a", 20, 104 * S_US), 3);
    ck_assert_int_eq(admitted(quotas, "b", 20, 104 * S_US), 10); /* another user */
    ck_assert_int_eq(admitted(quotas, "a", 200, 1000 * S_US), 10);
    ck_assert(!charge(quotas, "a", "coder", 0, 1000 * S_US, &hold, &refusal));
    ck_assert_str_eq(refusal.text, "quota q is used up: 60 requests a minute for one user");
    ck_assert_int_eq(refusal.retry_after_ms, 1000);
    ck_assert_uint_eq(hold.count, 0);
    ck_assert_int_eq(admitted(quotas, NULL, 100, 1000 * S_US), 100); /* nobody it could count */
}
END_TEST

START_TEST(no_window_lets_twice_as_much_through)
{
    const struct gw_quotas *quotas = quotas_of("q = { requests = 10; burst = 10; window = \"second\"; };");
    int in_a_second = 0;

    ck_assert_int_eq(admitted(quotas, "a", 50, 10 * S_US - 1000), 10); /* at the end of one … */
    for (int ms = 0; ms < 900; ms += 10)                               /* … and all through the next */
        in_a_second += admitted(quotas, "a", 1, 10 * S_US + ms * 1000);
    ck_assert_int_le(in_a_second, 10);
    ck_assert_int_ge(in_a_second, 8);
}
END_TEST

/* ---- tokens ---- */

START_TEST(tokens_are_reserved_then_settled)
{
    const struct gw_quotas *quotas = quotas_of("q = { tokens = 1000; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold first, second, third;

    ck_assert(charge(quotas, "a", "coder", 600, S_US, &first, &refusal));
    ck_assert(!charge(quotas, "a", "coder", 600, S_US, &second, &refusal));
    ck_assert_int_eq(refusal.retry_after_ms, 12000); /* 200 tokens too many at 1,000 a minute */
    ck_assert(charge(quotas, "a", "coder", 400, S_US, &second, &refusal));
    settle(&first, 100); /* less than it was thought: room again */
    ck_assert(charge(quotas, "a", "coder", 500, S_US, &third, &refusal));
    settle(&second, 2400); /* far more: a debt that is paid at the pace */
    settle(&third, -1);    /* not known: the estimate stands */
    ck_assert(!charge(quotas, "a", "coder", 1, S_US, &first, &refusal));
    ck_assert(!charge(quotas, "a", "coder", 1, 119 * S_US, &first, &refusal));
    ck_assert(charge(quotas, "a", "coder", 1, 122 * S_US, &first, &refusal));
}
END_TEST

START_TEST(what_is_larger_than_the_window_passes_alone)
{
    const struct gw_quotas *quotas = quotas_of("q = { tokens = 100; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;

    ck_assert(charge(quotas, "a", "coder", 5000, S_US, &hold, &refusal));
    ck_assert(!charge(quotas, "a", "coder", 5000, 60 * S_US, &hold, &refusal));
    ck_assert(charge(quotas, "a", "coder", 5000, (1 + 50 * 60) * S_US, &hold, &refusal));
}
END_TEST

START_TEST(estimates_learn)
{
    int64_t before = whole(gw_limit_estimate(table, 3300));

    ck_assert_int_eq(before, 1000);
    for (int i = 0; i < 200; i++)
        gw_limit_learn(table, 8000, 1000, 300);
    ck_assert_int_ge(whole(gw_limit_estimate(table, 8000)), 1000 + 400);
    ck_assert_int_le(whole(gw_limit_estimate(table, 8000)), 1060 + 460);
    gw_limit_learn(table, 0, -1, -1); /* a call that said nothing teaches nothing */
}
END_TEST

/* ---- parallel, together ---- */

START_TEST(calls_at_one_time)
{
    const struct gw_quotas *quotas = quotas_of("q = { per = \"team\"; parallel = 2; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold holds[3];

    ck_assert(charge(quotas, "a", "coder", 0, S_US, &holds[0], &refusal));
    ck_assert(charge(quotas, "a", "coder", 0, S_US, &holds[1], &refusal));
    ck_assert(!charge(quotas, "a", "coder", 0, S_US, &holds[2], &refusal));
    ck_assert_str_eq(refusal.text, "quota q is used up: 2 calls at one time for team red");
    ck_assert_int_eq(refusal.retry_after_ms, -1);
    settle(&holds[0], 10);
    settle(&holds[0], 10); /* settled already */
    ck_assert(charge(quotas, "a", "coder", 0, S_US, &holds[2], &refusal));
    ck_assert(!charge(quotas, "a", "coder", 0, S_US, &holds[0], &refusal));
}
END_TEST

START_TEST(all_or_none_is_charged) /* OP-LIM-09 */
{
    const struct gw_quotas *quotas = quotas_of("wide = { requests = 100; burst = 100; tokens = 1000; parallel = 50; };"
                                               "narrow = { per = \"user\"; requests = 1; burst = 1; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;

    ck_assert(charge(quotas, "a", "coder", 10, S_US, &hold, &refusal));
    ck_assert_uint_eq(hold.count, 2);
    settle(&hold, 10);
    for (int i = 0; i < 500; i++) {
        ck_assert(!charge(quotas, "a", "coder", 900, S_US, &hold, &refusal));
        ck_assert_str_eq(refusal.quota, "narrow");
    }
    for (int i = 0; i < 49; i++) { /* nothing of that was charged to the wide one */
        char user[8];

        snprintf(user, sizeof user, "u%d", i);
        ck_assert(charge(quotas, user, "coder", 10, S_US, &hold, &refusal));
    }
}
END_TEST

START_TEST(which_calls_it_counts)
{
    const struct gw_quotas *quotas = quotas_of("one = { per = \"user\"; match = ( \"ci-*\" ); requests = 1; };"
                                               "two = { models = ( \"big\" ); requests = 1; };");

    ck_assert_int_eq(admitted(quotas, "ci-1", 5, S_US), 1);
    ck_assert_int_eq(admitted(quotas, "someone", 5, S_US), 5);
    ck_assert_int_eq(
        (int)charge(quotas, "x", "big", 0, S_US, &(struct gw_limit_hold){ 0 }, &(struct gw_limit_refusal){ 0 }), 1);
    ck_assert_int_eq(
        (int)charge(quotas, "y", "big", 0, S_US, &(struct gw_limit_hold){ 0 }, &(struct gw_limit_refusal){ 0 }), 0);
}
END_TEST

/* ---- the calendar ---- */

static const struct {
    int window;
    const char *at, *begin, *end;
} calendar[] = {
    { WINDOW_DAY, "2026-10-31 23:59:59", "2026-10-31", "2026-11-01" },
    { WINDOW_DAY, "2026-11-01 00:00:00", "2026-11-01", "2026-11-02" },
    { WINDOW_WEEK, "2026-11-01 12:00:00", "2026-10-26", "2026-11-02" }, /* a Sunday */
    { WINDOW_WEEK, "2026-11-02 00:00:00", "2026-11-02", "2026-11-09" },
    { WINDOW_WEEK, "1970-01-06 00:00:00", "1970-01-05", "1970-01-12" },
    { WINDOW_MONTH, "2026-12-31 23:59:59", "2026-12-01", "2027-01-01" },
    { WINDOW_MONTH, "2024-02-29 10:00:00", "2024-02-01", "2024-03-01" },
    { WINDOW_MONTH, "2026-02-28 23:59:59", "2026-02-01", "2026-03-01" },
};

START_TEST(windows_of_the_calendar)
{
    int64_t begin_s, end_s;

    gw_window_of(calendar[_i].window, NULL, seconds_of(calendar[_i].at), &begin_s, &end_s);
    ck_assert_int_eq(begin_s, seconds_of(calendar[_i].begin));
    ck_assert_int_eq(end_s, seconds_of(calendar[_i].end));
}
END_TEST

START_TEST(a_day_is_used_up_at_once_and_then_over) /* OP-LIM-06 */
{
    const struct gw_quotas *quotas = quotas_of("q = { requests = 50; tokens = 1000; window = \"day\"; };");
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;

    epoch_s = seconds_of("2026-10-31 23:00:00");
    ck_assert_int_eq(admitted(quotas, "a", 60, S_US), 50);
    ck_assert(!charge(quotas, "a", "coder", 0, 1800 * S_US, &hold, &refusal));
    ck_assert_str_eq(refusal.text, "quota q is used up: 50 requests a day");
    ck_assert_int_eq(refusal.retry_after_ms, 1800 * 1000);
    ck_assert_int_eq(admitted(quotas, "a", 10, 3599 * S_US), 0);
    ck_assert(charge(quotas, "a", "coder", 900, 3600 * S_US, &hold, &refusal)); /* midnight */
    settle(&hold, 1500);
    ck_assert(!charge(quotas, "a", "coder", 1, 80000 * S_US, &hold, &refusal));
    ck_assert_str_eq(refusal.text, "quota q is used up: 1000 tokens a day");
    ck_assert(charge(quotas, "a", "coder", 1, (3600 + 86400) * S_US, &hold, &refusal));
}
END_TEST

/* ---- many ---- */

#define THREADS 8

static void *hammer(void *user)
{
    const struct gw_quotas *quotas = user;
    size_t count = 0;

    for (int i = 0; i < 5000; i++) {
        struct gw_limit_refusal refusal;
        struct gw_limit_hold hold;

        count += charge(quotas, "a", "coder", 0, S_US, &hold, &refusal);
    }
    return (void *)count;
}

static const char *const exact[] = {
    "q = { per = \"user\"; requests = 6000; burst = 777; };",
    "q = { per = \"user\"; requests = 777; window = \"month\"; };",
};

START_TEST(exact_with_many_threads) /* OP-LIM-01 */
{
    const struct gw_quotas *quotas = quotas_of(exact[_i]);
    pthread_t threads[THREADS];
    size_t sum = 0;

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, (void *)(uintptr_t)quotas), 0);
    for (int i = 0; i < THREADS; i++) {
        void *count;

        pthread_join(threads[i], &count);
        sum += (size_t)count;
    }
    ck_assert_uint_eq(sum, 777);
}
END_TEST

START_TEST(places_change_hands_between_kinds)
{
    const struct gw_quotas *day = quotas_of("q = { per = \"user\"; requests = 3; window = \"day\"; };");
    const struct gw_quotas *pace = quotas_of("q = { per = \"user\"; requests = 60; burst = 3; };");
    char user[16];

    for (int64_t i = 0; i < 20000; i++) { /* each on a day of its own, or a minute later */
        snprintf(user, sizeof user, "user-%lld", (long long)i % 100);
        ck_assert_int_eq(admitted(i % 2 ? day : pace, user, 5, i * 86400 * S_US), 3);
    }
}
END_TEST

START_TEST(who_is_paid_makes_room)
{
    const struct gw_quotas *quotas = quotas_of("q = { per = \"user\"; requests = 60; burst = 1; };");
    char user[16];
    int refused = 0;

    for (int i = 0; i < 100000; i++) { /* far more callers than the table has places, one after the other */
        snprintf(user, sizeof user, "user-%d", i);
        refused += admitted(quotas, user, 1, i * 10000) != 1;
    }
    ck_assert_int_eq(refused, 0);
    ck_assert_int_eq(admitted(quotas, user, 1, INT64_C(99999) * 10000), 0); /* and the last is still counted */
}
END_TEST

/* More callers than slots, so that these change hands all the time: whoever is let in is alone with his counter until
 * he leaves, and nobody is refused for another's sake. */
#define CROWD   90
#define VISITS  2000 /* of a thread */
#define COMPANY 20   /* who come and go in the meantime */

static atomic_int inside[CROWD], about[CROWD]; /* let in; between coming and having left */
static atomic_int comings[CROWD];
static atomic_int intruders, let_in, wronged;

static void visit(const struct gw_quotas *quotas, uint64_t *random, int company)
{
    struct gw_limit_refusal refusal;
    struct gw_limit_hold hold;
    int others, coming;
    char name[16];
    unsigned who;

    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    who = (unsigned)(*random >> 33) % CROWD;
    snprintf(name, sizeof name, "user-%u", who);
    coming = atomic_load(&comings[who]); /* in this order: whoever comes in the meantime is seen in one of them */
    others = atomic_fetch_add(&about[who], 1);
    atomic_fetch_add(&comings[who], 1);
    if (!charge(quotas, name, "coder", 0, S_US, &hold, &refusal)) {
        if (others == 0 && atomic_load(&comings[who]) == coming + 1)
            atomic_fetch_add(&wronged, 1);
    } else if (hold.count) { /* else there was no slot left: he is not counted */
        atomic_fetch_add(&let_in, 1);
        if (atomic_fetch_add(&inside[who], 1) != 0)
            atomic_fetch_add(&intruders, 1);
        for (int i = 0; i < company; i++)
            visit(quotas, random, 0);
        atomic_fetch_sub(&inside[who], 1);
    }
    settle(&hold, 0);
    atomic_fetch_sub(&about[who], 1);
}

static void *come_and_go(void *user)
{
    const struct gw_quotas *quotas = user;
    uint64_t random = (uint64_t)(uintptr_t)&quotas;

    for (int i = 0; i < VISITS; i++)
        visit(quotas, &random, COMPANY);
    return NULL;
}

START_TEST(a_slot_in_use_stays_with_its_caller)
{
    const struct gw_quotas *quotas = quotas_of("q = { per = \"user\"; parallel = 1; };");
    pthread_t threads[THREADS];

    gw_limit_table_free(table);
    table = gw_limit_table_new(64);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, (void *)(uintptr_t)quotas), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_gt(let_in, VISITS);
    ck_assert_int_eq(intruders, 0);
    ck_assert_int_eq(wronged, 0);
    for (size_t i = 0; i <= table->mask; i++) {
        ck_assert_uint_eq(table->slots[i].holds, 0);
        ck_assert_int_eq(table->slots[i].words[GW_LIMIT_PARALLEL], 0);
    }
}
END_TEST

/* ---- conf.d ---- */

static const struct {
    const char *groups, *words;
} mistakes[] = {
    { "q = { };", "limits nothing" },
    { "q = { requests = 5; per = \"usr\"; };", "usr" },
    { "q = { requests = 5; window = \"year\"; };", "year" },
    { "q = { requests = 5; burst = 2; window = \"day\"; };", "a day has none" },
    { "q = { requests = 5; burst = 6; };", "more than requests (5)" },
    { "q = { requests = -1; };", "requests" },
    { "q = { requests = 5; match = ( \"a\" ); };", "nothing to match" },
    { "q = { requests = 5; models = ( \"codr\" ); };", "none of `models`" },
    { "q = { per = \"model\"; requests = 5; match = ( \"nobody*\" ); };", "none of `models`" },
    { "q = { request = 5; };", "did you mean requests?" },
};

START_TEST(mistakes_are_named)
{
    (void)quotas_of(mistakes[_i].groups);
    ck_assert_msg(problems.error_count >= 1 && strstr(problems.first->text, mistakes[_i].words), "%s: %s",
                  mistakes[_i].groups, problems.first ? problems.first->text : "no problem");
}
END_TEST

int main(void)
{
    const struct gw_log_options quiet = { .level = GW_LOG_CRITICAL }; /* refusals and warnings are log lines */

    (void)gw_log_reconfigure(&quiet, NULL);
    Suite *suite = suite_create("limits");
    TCase *tcase = tcase_create("limits");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, open_table, close_table);
    tcase_add_test(tcase, a_burst_then_the_pace);
    tcase_add_test(tcase, no_window_lets_twice_as_much_through);
    tcase_add_test(tcase, tokens_are_reserved_then_settled);
    tcase_add_test(tcase, what_is_larger_than_the_window_passes_alone);
    tcase_add_test(tcase, estimates_learn);
    tcase_add_test(tcase, calls_at_one_time);
    tcase_add_test(tcase, all_or_none_is_charged);
    tcase_add_test(tcase, which_calls_it_counts);
    tcase_add_loop_test(tcase, windows_of_the_calendar, 0, sizeof calendar / sizeof *calendar);
    tcase_add_test(tcase, a_day_is_used_up_at_once_and_then_over);
    tcase_add_loop_test(tcase, exact_with_many_threads, 0, sizeof exact / sizeof *exact);
    tcase_add_test(tcase, places_change_hands_between_kinds);
    tcase_add_test(tcase, who_is_paid_makes_room);
    tcase_add_test(tcase, a_slot_in_use_stays_with_its_caller);
    tcase_add_loop_test(tcase, mistakes_are_named, 0, sizeof mistakes / sizeof *mistakes);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
