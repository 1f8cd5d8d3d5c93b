/* test_circuit.c - when a target rests, who probes it, what counts, and that the table never fills up. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/plan.h"

#define MAX  3
#define REST 10000
#define T0   1000000

static uint64_t key;

static uint64_t configured(const char *provider)
{
    return gw_circuit_key(gw_str(provider), AIGW_STR_NONE, AIGW_STR("m"), AIGW_STR_NONE);
}

static uint64_t adhoc(const char *endpoint, const char *caller_key)
{
    return gw_circuit_key(AIGW_STR("p"), gw_str(endpoint), AIGW_STR("m"), gw_str(caller_key));
}

static void setup(void)
{
    gw_circuit_reset();
    key = configured("p");
}

static void fail_at(int64_t now_ms, int times)
{
    while (times-- > 0)
        gw_circuit_failure(key, now_ms, now_ms, MAX, REST);
}

/* A story: one letter a step, played on one circuit.
 *     F fails, S succeeds, U undecided: an attempt that set out at `started`
 *     a asks and is let through, r asks and is refused, o is open, c is not */
struct step {
    char does;
    int64_t at, started; /* milliseconds after T0 */
};

static const struct {
    const char *id;
    struct step steps[16];
} stories[] = {
    { "opens after failures in a row",
      { { 'F', 0, 0 }, { 'F', 1, 1 }, { 'a', 1, 0 }, { 'c', 1, 0 }, { 'F', 2, 2 }, { 'r', 2, 0 }, { 'o', 2, 0 } } },
    { "rests, then lets one probe through",
      { { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'r', 9999, 0 },
        { 'a', 10000, 0 },
        { 'r', 10000, 0 },
        { 'o', 10001, 0 } } },
    { "a slow probe keeps the place for a minute",
      { { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'a', 10000, 0 },
        { 'r', 69999, 0 },
        { 'a', 70000, 0 },
        { 'r', 70001, 0 } } },
    { "a good probe closes",
      { { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'a', 10000, 0 },
        { 'S', 12000, 10000 },
        { 'a', 12000, 0 },
        { 'a', 12000, 0 },
        { 'c', 12000, 0 } } },
    { "a closed circuit counts from the start again",
      { { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'a', 10000, 0 },
        { 'S', 12000, 10000 },
        { 'F', 12001, 12001 },
        { 'F', 12001, 12001 },
        { 'a', 12001, 0 },
        { 'F', 12001, 12001 },
        { 'r', 12001, 0 } } },
    { "a failed probe rests at once",
      { { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'a', 10000, 0 },
        { 'F', 12000, 10000 },
        { 'r', 21999, 0 },
        { 'a', 22000, 0 } } },
    { "a probe without a verdict passes the place on",
      { { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'a', 10000, 0 },
        { 'U', 10500, 10000 },
        { 'a', 10500, 0 },
        { 'r', 10500, 0 } } },
    { "only the probe can pass it on",
      { { 'F', 0, 0 }, { 'F', 0, 0 }, { 'F', 0, 0 }, { 'a', 10000, 0 }, { 'U', 10500, -1 }, { 'r', 10500, 0 } } },
    { "an attempt without a verdict changes nothing before",
      { { 'F', 0, 0 }, { 'F', 0, 0 }, { 'U', 1, 0 }, { 'F', 2, 2 }, { 'r', 2, 0 } } },
    { "an answer in between breaks the row",
      { { 'F', 0, 0 },
        { 'F', 1, 1 },
        { 'S', 2, 1 },
        { 'F', 3, 3 },
        { 'F', 4, 4 },
        { 'a', 4, 0 },
        { 'F', 5, 5 },
        { 'r', 5, 0 } } },
    { "a stream begun before the failures does not break the row",
      { { 'F', 1000, 900 }, { 'F', 1001, 901 }, { 'S', 1500, -60000 }, { 'F', 1600, 1600 }, { 'r', 1600, 0 } } },
    { "a stream begun before the rest does not end it",
      { { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'F', 5, 0 },
        { 'S', 6, 4 },
        { 'r', 6, 0 },
        { 'S', 9000, -60000 },
        { 'r', 9999, 0 } } },
    { "nor the probing",
      { { 'F', 0, 0 }, { 'F', 0, 0 }, { 'F', 0, 0 }, { 'a', 10000, 0 }, { 'S', 10001, -60000 }, { 'r', 10002, 0 } } },
    { "attempts that set out before the rest do not prolong it",
      { { 'F', 0, 0 }, { 'F', 0, 0 }, { 'F', 0, 0 }, { 'F', 5000, -5000 }, { 'F', 10001, -1 }, { 'a', 10001, 0 } } },
    { "nor spoil the probe",
      { { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'F', 0, 0 },
        { 'a', 10000, 0 },
        { 'F', 10001, -1 },
        { 'S', 10002, 10000 },
        { 'a', 10002, 0 },
        { 'c', 10002, 0 } } },
    { "an attempt made all the same may end the rest",
      { { 'F', 0, 0 }, { 'F', 0, 0 }, { 'F', 0, 0 }, { 'r', 100, 0 }, { 'S', 200, 100 }, { 'a', 200, 0 } } },
    { "a success without failures is nothing", { { 'S', 0, 0 }, { 'a', 0, 0 }, { 'c', 0, 0 } } },
};

START_TEST(one_circuit_tells_its_story)
{
    for (const struct step *step = stories[_i].steps; step->does; step++) {
        int64_t at_ms = T0 + step->at, started_ms = T0 + step->started;
        bool ok = true;
        switch (step->does) {
        case 'F':
            gw_circuit_failure(key, started_ms, at_ms, MAX, REST);
            break;
        case 'S':
            gw_circuit_success(key, started_ms);
            break;
        case 'U':
            gw_circuit_undecided(key, started_ms);
            break;
        case 'a':
        case 'r':
            ok = gw_circuit_allows(key, at_ms) == (step->does == 'a');
            break;
        default:
            ok = gw_circuit_is_open(key, at_ms) == (step->does == 'o');
        }
        ck_assert_msg(ok, "%s: step %d, '%c' at %d", stories[_i].id, (int)(step - stories[_i].steps), step->does,
                      (int)step->at);
    }
}
END_TEST

START_TEST(zero_failures_switch_circuits_off)
{
    for (int i = 0; i < 100; i++)
        gw_circuit_failure(key, T0, T0, 0, REST);
    ck_assert(gw_circuit_allows(key, T0));
}
END_TEST

START_TEST(a_huge_limit_still_counts)
{
    for (int i = 0; i < 1022; i++)
        gw_circuit_failure(key, T0, T0, 1000000, REST);
    ck_assert(gw_circuit_allows(key, T0));
    gw_circuit_failure(key, T0, T0, 1000000, REST);
    ck_assert(!gw_circuit_allows(key, T0));
}
END_TEST

START_TEST(keys_tell_every_part_apart)
{
    ck_assert(adhoc("pe", "") != adhoc("p", "e"));
    ck_assert(adhoc("e", "k1") != adhoc("e", "k2"));
    ck_assert(gw_circuit_key(AIGW_STR("pe"), AIGW_STR_NONE, AIGW_STR("m"), AIGW_STR_NONE) !=
              gw_circuit_key(AIGW_STR("p"), AIGW_STR_NONE, AIGW_STR("em"), AIGW_STR_NONE));
    ck_assert(adhoc("e", "k") == adhoc("e", "k"));
}
END_TEST

START_TEST(one_callers_bad_key_rests_nobody_elses_target)
{
    uint64_t theirs = adhoc("http://h/v1", "theirs");

    key = adhoc("http://h/v1", "bad");
    fail_at(T0, MAX);
    ck_assert(!gw_circuit_allows(key, T0));
    ck_assert(gw_circuit_allows(theirs, T0));
}
END_TEST

static void fail_endpoint(int number, int times, int64_t now_ms)
{
    char endpoint[64];

    snprintf(endpoint, sizeof endpoint, "http://host-%d.example/v1", number);
    key = adhoc(endpoint, "k");
    fail_at(now_ms, times);
}

/* However many endpoints callers invent, the next one to fail still gets a circuit. */
START_TEST(ten_thousand_random_endpoints_do_not_fill_the_table)
{
    for (int i = 0; i < 10000; i++)
        fail_endpoint(i, 1, T0 + i);
    fail_endpoint(10001, MAX, T0 + 10000);
    ck_assert(!gw_circuit_allows(key, T0 + 10000));
}
END_TEST

START_TEST(rested_endpoints_make_room_when_their_rest_is_over)
{
    for (int i = 0; i < 10000; i++)
        fail_endpoint(i, MAX, T0);
    fail_endpoint(10001, MAX, T0 + REST);
    ck_assert(!gw_circuit_allows(key, T0 + REST));
}
END_TEST

START_TEST(random_endpoints_never_push_out_a_configured_target)
{
    uint64_t ours = key;

    fail_at(T0, MAX - 1);
    for (int i = 0; i < 10000; i++)
        fail_endpoint(i, 1 + i % MAX, T0 + 1);
    key = ours;
    ck_assert(gw_circuit_allows(key, T0 + 2));
    fail_at(T0 + 2, 1);
    ck_assert(!gw_circuit_allows(key, T0 + 2));
}
END_TEST

START_TEST(a_resting_circuit_is_not_pushed_out)
{
    fail_endpoint(0, MAX, T0);
    uint64_t resting = key;
    for (int i = 1; i < 10000; i++)
        fail_endpoint(i, 1, T0 + 1);
    ck_assert(!gw_circuit_allows(resting, T0 + 2));
}
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS  20000

static atomic_llong clock_ms;
static atomic_int let_through;

static void *hammer(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < ROUNDS; i++) {
        char endpoint[64];
        int64_t now_ms = atomic_fetch_add(&clock_ms, 7);
        snprintf(endpoint, sizeof endpoint, "http://host-%d/v1", rand_r(&seed) % 3000);
        uint64_t mine = adhoc(endpoint, "k");
        if (!gw_circuit_allows(mine, now_ms))
            continue;
        switch (rand_r(&seed) % 4) {
        case 0:
            gw_circuit_success(mine, now_ms);
            break;
        case 1:
            gw_circuit_undecided(mine, now_ms);
            break;
        default:
            gw_circuit_failure(mine, now_ms, now_ms, MAX, 500);
        }
        gw_circuit_is_open(mine, now_ms);
    }
    return NULL;
}

static void *ask_once(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        if (gw_circuit_allows(key, T0 + REST))
            atomic_fetch_add(&let_through, 1);
    return NULL;
}

static void in_threads(void *(*fn)(void *))
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, fn, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* After any storm every circuit comes to an end: none refuses for ever. */
START_TEST(threads_leave_no_circuit_stuck)
{
    atomic_store(&clock_ms, T0);
    in_threads(hammer);
    int64_t later_ms = atomic_load(&clock_ms) + 60000;
    for (int i = 0; i < 3000; i++) {
        char endpoint[64];
        snprintf(endpoint, sizeof endpoint, "http://host-%d/v1", i);
        uint64_t mine = adhoc(endpoint, "k");
        ck_assert_msg(gw_circuit_allows(mine, later_ms), "%s is refused after a minute of silence", endpoint);
        gw_circuit_success(mine, later_ms);
        ck_assert(gw_circuit_allows(mine, later_ms) && gw_circuit_allows(mine, later_ms));
    }
}
END_TEST

START_TEST(of_all_threads_one_probes)
{
    fail_at(T0, MAX);
    atomic_store(&let_through, 0);
    in_threads(ask_once);
    ck_assert_int_eq(atomic_load(&let_through), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("circuit");
    TCase *tcase = tcase_create("circuit");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, one_circuit_tells_its_story, 0, (int)GW_ARRAY_LEN(stories));
    tcase_add_test(tcase, zero_failures_switch_circuits_off);
    tcase_add_test(tcase, a_huge_limit_still_counts);
    tcase_add_test(tcase, keys_tell_every_part_apart);
    tcase_add_test(tcase, one_callers_bad_key_rests_nobody_elses_target);
    tcase_add_test(tcase, ten_thousand_random_endpoints_do_not_fill_the_table);
    tcase_add_test(tcase, rested_endpoints_make_room_when_their_rest_is_over);
    tcase_add_test(tcase, random_endpoints_never_push_out_a_configured_target);
    tcase_add_test(tcase, a_resting_circuit_is_not_pushed_out);
    tcase_add_test(tcase, threads_leave_no_circuit_stuck);
    tcase_add_test(tcase, of_all_threads_one_probes);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
