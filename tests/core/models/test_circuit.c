/* test_circuit.c - when a target rests and for how long, who probes it, what counts, and that the table of seats never
 * fills up. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/circuit.h"

#define MAX   3
#define REST  10000
#define T0    1000000
#define LEASE 2000
#define SLOW  8000

static struct gw_seat *seat;

static uint64_t configured(const char *provider)
{
    return gw_seat_key(false, (aigw_str[]){ gw_str(provider), AIGW_STR("m") }, 2);
}

static uint64_t adhoc(const char *endpoint, const char *caller_key)
{
    return gw_seat_key(true, (aigw_str[]){ AIGW_STR("p"), gw_str(endpoint), AIGW_STR("m"), gw_str(caller_key) }, 4);
}

static void setup(void)
{
    gw_seats_reset();
    seat = gw_seat_take(configured("p"), T0);
}

static struct gw_fault fault_of(int64_t counts)
{
    return (struct gw_fault){ .failures = MAX, .counts = counts, .rest_ms = REST, .rest_max_ms = 4 * REST };
}

static void fail_at(struct gw_seat *at, int64_t now_ms, int times)
{
    struct gw_fault fault = fault_of(1);
    struct gw_pass pass;

    while (times-- > 0 && gw_circuit_enter(at, now_ms, LEASE, false, &pass))
        gw_circuit_fault(&pass, now_ms, &fault);
}

/* A story: one letter a step. Small letters name an attempt.
 *     > it asks and is let through, < it asks and is refused, ! it asks early and is let through
 *     + its first content comes, x it fails, h it hangs, l it is told to rest 5 s, k to rest at once, u it leaves
 *     Without an attempt: o it rests for the milliseconds `at` to `until`, c it is closed */
struct step {
    char does, who;
    int64_t at, rests; /* milliseconds after T0; what is left of the rest, -1: do not look */
};

static const struct {
    const char *id;
    struct step steps[20];
} stories[] = {
    { "opens after failures in a row",
      { { '>', 'a', 0, 0 },
        { '>', 'b', 0, 0 },
        { '>', 'c', 0, 0 },
        { 'x', 'a', 1, 0 },
        { 'x', 'b', 2, 0 },
        { 'x', 'c', 3, 10000 },
        { '<', 'd', 4, 9999 } } },
    { "an answer in between breaks the row",
      { { '>', 'a', 0, 0 },
        { 'x', 'a', 1, 0 },
        { '>', 'a', 2, 0 },
        { 'x', 'a', 3, 0 },
        { '>', 'a', 4, 0 },
        { '+', 'a', 5, 0 },
        { '>', 'a', 6, 0 },
        { 'x', 'a', 7, 0 },
        { '>', 'a', 8, 0 },
        { 'x', 'a', 9, 0 },
        { '>', 'a', 10, 0 },
        { 'x', 'a', 11, 10000 } } },
    { "OP-RT-20 after the rest one probes, until its lease is over",
      { { '>', 'a', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { '<', 'b', 9999, 1 },
        { '>', 'b', 10000, 2000 },
        { '<', 'c', 10000, 2000 },
        { '<', 'c', 11999, 1 },
        { '>', 'c', 12000, 2000 },
        { '<', 'd', 12001, -1 } } },
    { "a probe's content closes, and what set out then counts",
      { { '>', 'a', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { '>', 'b', 10000, 2000 },
        { '+', 'b', 10500, 0 },
        { '>', 'c', 10501, 0 },
        { '>', 'd', 10501, 0 },
        { 'x', 'c', 10502, 0 },
        { 'x', 'd', 10503, 0 },
        { '>', 'c', 10504, 0 },
        { 'x', 'c', 10505, 20000 } } },
    { "a probe that closed it and is cut afterwards is a failure of the new time",
      { { '>', 'a', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { '>', 'b', 10000, 2000 },
        { '+', 'b', 10500, 0 },
        { 'x', 'b', 10600, 0 },
        { '>', 'c', 10601, 0 },
        { 'x', 'c', 10602, 0 },
        { '>', 'c', 10603, 0 },
        { 'x', 'c', 10604, 20000 } } },
    { "each further rest is twice as long, up to the longest",
      { { '>', 'a', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { '>', 'a', 10000, 2000 },
        { 'x', 'a', 10000, 20000 },
        { '>', 'a', 30000, 2000 },
        { 'x', 'a', 30000, 40000 },
        { '>', 'a', 70000, 2000 },
        { 'x', 'a', 70000, 40000 } } },
    { "a full recovery forgets earlier rests",
      { { '>', 'a', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { '>', 'a', 10000, 2000 },
        { '+', 'a', 10000, 0 },
        { '>', 'b', 18000, 0 },
        { '+', 'b', 18000, 0 },
        { '>', 'b', 18001, 0 },
        { 'k', 'b', 18001, 10000 } } },
    { "OP-RT-21 what set out before the outage neither closes nor resets",
      { { '>', 'a', 0, 0 },
        { '>', 'b', 1, 0 },
        { 'k', 'b', 2, 10000 },
        { '+', 'a', 3, 9999 },
        { '>', 'c', 10002, 2000 },
        { '+', 'a', 10003, 1999 },
        { 'x', 'a', 10004, 1998 },
        { '<', 'd', 10005, 1997 } } },
    { "a probe without a verdict passes the place on",
      { { '>', 'a', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { '>', 'b', 10000, 2000 },
        { 'u', 'b', 10500, 0 },
        { '>', 'c', 10500, 2000 },
        { '<', 'd', 10500, 2000 } } },
    { "only the probe passes it on",
      { { '>', 'a', 0, 0 },
        { '>', 'e', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { '>', 'b', 10000, 2000 },
        { 'u', 'e', 10500, 1500 },
        { '<', 'd', 10500, 1500 } } },
    { "a late probe, whose lease another one has, says nothing",
      { { '>', 'a', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { '>', 'b', 10000, 2000 },
        { '>', 'c', 12000, 2000 },
        { '+', 'b', 12500, 1500 },
        { 'x', 'b', 12500, 1500 },
        { '+', 'c', 13000, 0 } } },
    { "one may ask before the end of the rest, but not beside the probe",
      { { '>', 'a', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { '!', 'b', 100, 2000 },
        { '?', 'c', 101, 1999 },
        { '+', 'b', 200, 0 } } },
    { "OP-RT-05 a longer end is kept, a shorter one is not",
      { { '>', 'a', 0, 0 },
        { '>', 'b', 0, 0 },
        { '>', 'c', 0, 0 },
        { 'k', 'a', 0, 10000 },
        { 'l', 'b', 1000, 9000 },
        { 'l', 'c', 6000, 5000 },
        { '<', 'd', 10999, 1 } } },
    { "hangs trip sooner: three",
      { { '>', 'a', 0, 0 }, { 'h', 'a', 0, 0 }, { '>', 'a', 0, 0 }, { 'h', 'a', 0, 10000 } } },
};

static struct gw_pass passes[128];

static bool play(const struct step *step)
{
    int64_t now_ms = T0 + step->at;
    struct gw_pass *pass = &passes[(unsigned char)step->who];
    struct gw_fault fault = fault_of(step->does == 'h' ? 2 : step->does == 'x' ? 1 : 0);

    switch (step->does) {
    case '>':
        return gw_circuit_enter(seat, now_ms, LEASE, false, pass);
    case '<':
        return !gw_circuit_enter(seat, now_ms, LEASE, false, pass);
    case '!':
        return gw_circuit_enter(seat, now_ms, LEASE, true, pass);
    case '?':
        return !gw_circuit_enter(seat, now_ms, LEASE, true, pass);
    case '+':
        gw_circuit_good(pass, now_ms, SLOW);
        return true;
    case 'u':
        gw_circuit_undecided(pass);
        return true;
    case 'l':
        fault.rest_ms = fault.floor_ms = 5000;
    }
    gw_circuit_fault(pass, now_ms, &fault);
    return true;
}

START_TEST(one_circuit_tells_its_story)
{
    for (const struct step *step = stories[_i].steps; step->does; step++) {
        int number = (int)(step - stories[_i].steps);

        ck_assert_msg(play(step), "%s: step %d, '%c%c' at %d", stories[_i].id, number, step->does, step->who,
                      (int)step->at);
        int64_t left_ms = gw_circuit_wait_ms(seat, T0 + step->at);
        ck_assert_msg(step->rests < 0 || left_ms == step->rests, "%s: step %d, rests for %d, expected %d",
                      stories[_i].id, number, (int)left_ms, (int)step->rests);
    }
}
END_TEST

START_TEST(half_of_many_failing_trips_without_a_row)
{
    struct gw_fault fault = { .failures = 100, .counts = 1, .rest_ms = REST, .rest_max_ms = REST };
    struct gw_pass pass;

    for (int i = 0; i < 9; i++) {
        ck_assert(gw_circuit_enter(seat, T0 + i * 1000, LEASE, false, &pass));
        if (i % 2)
            gw_circuit_good(&pass, T0 + i * 1000, SLOW);
        else
            ck_assert_int_eq(gw_circuit_fault(&pass, T0 + i * 1000, &fault), 0);
    }
    ck_assert(gw_circuit_enter(seat, T0 + 9000, LEASE, false, &pass));
    ck_assert_int_eq(gw_circuit_fault(&pass, T0 + 9000, &fault), REST);
}
END_TEST

START_TEST(what_is_older_than_thirty_seconds_does_not_count)
{
    struct gw_fault fault = { .failures = 100, .counts = 1, .rest_ms = REST, .rest_max_ms = REST };
    struct gw_pass pass;

    for (int i = 0; i < 50; i++) {
        ck_assert(gw_circuit_enter(seat, T0 + i * 4000, LEASE, false, &pass));
        ck_assert_int_eq(gw_circuit_fault(&pass, T0 + i * 4000, &fault), 0); /* eight in any half minute */
    }
}
END_TEST

/* What a health address says moves the end of a rest for failures, and of no other. */
START_TEST(health_moves_the_end_of_a_rest)
{
    struct gw_fault asked = { .failures = MAX, .rest_ms = REST, .floor_ms = REST };
    struct gw_pass pass, late;

    ck_assert(!gw_circuit_move_end(seat, T0, T0)); /* it is closed */
    ck_assert(gw_circuit_enter(seat, T0, LEASE, false, &late));
    fail_at(seat, T0, MAX);
    ck_assert(gw_circuit_rests_for_failures(seat, T0));
    ck_assert(gw_circuit_move_end(seat, T0 + 9000, T0 + 12000));
    ck_assert_int_eq(gw_circuit_wait_ms(seat, T0 + 9000), 3000);
    ck_assert(gw_circuit_move_end(seat, T0 + 9000, T0 + 10000)); /* it is ill: no reason to come back earlier */
    ck_assert_int_eq(gw_circuit_wait_ms(seat, T0 + 9000), 3000);
    ck_assert(gw_circuit_move_end(seat, T0 + 9500, T0 + 9500));
    ck_assert(!gw_circuit_rests_for_failures(seat, T0 + 9500));
    ck_assert(!gw_circuit_move_end(seat, T0 + 9500, T0 + 12000)); /* over is over */
    ck_assert(gw_circuit_enter(seat, T0 + 9500, LEASE, false, &pass));
    ck_assert(pass.is_probe && !gw_circuit_move_end(seat, T0 + 9600, T0 + 9600));
    gw_circuit_fault(&pass, T0 + 9700, &asked); /* Retry-After */
    ck_assert(!gw_circuit_rests_for_failures(seat, T0 + 9700));
    ck_assert(!gw_circuit_move_end(seat, T0 + 9700, T0 + 9700));
    ck_assert_int_eq(gw_circuit_wait_ms(seat, T0 + 9700), REST);

    gw_seats_reset();
    ck_assert(gw_circuit_enter(seat, T0, LEASE, false, &late));
    fail_at(seat, T0, MAX);
    gw_circuit_fault(&late, T0, &asked); /* a slower answer asks for a rest, too */
    ck_assert(!gw_circuit_move_end(seat, T0, T0));
    ck_assert(!gw_circuit_rests_for_failures(NULL, T0) && !gw_circuit_move_end(NULL, T0, T0));
}
END_TEST

START_TEST(jitter_cap_and_floor)
{
    struct gw_fault fault = { .failures = 5, .rest_ms = REST, .rest_max_ms = REST };
    struct gw_pass pass;

    fault.jitter = 100;
    gw_circuit_enter(seat, T0, LEASE, false, &pass);
    ck_assert_int_eq(gw_circuit_fault(&pass, T0, &fault), 11000);
    fault.jitter = -100;
    gw_circuit_enter(seat, T0 + 11000, LEASE, false, &pass);
    ck_assert_int_eq(gw_circuit_fault(&pass, T0 + 11000, &fault), 9000);
    fault.most_ms = 2000; /* OP: a lone target */
    gw_circuit_enter(seat, T0 + 20000, LEASE, false, &pass);
    ck_assert_int_eq(gw_circuit_fault(&pass, T0 + 20000, &fault), 2000);
    fault.floor_ms = 30000; /* but what the server asked for is kept */
    gw_circuit_enter(seat, T0 + 22000, LEASE, false, &pass);
    ck_assert_int_eq(gw_circuit_fault(&pass, T0 + 22000, &fault), 30000);
}
END_TEST

/* OP-RT-22 */
START_TEST(the_share_rises_after_a_rest_and_only_then)
{
    struct gw_fault fault = fault_of(0);
    struct gw_pass pass;

    ck_assert_uint_eq(gw_circuit_ramp(seat, T0, 10000), 1000);
    gw_circuit_enter(seat, T0, LEASE, false, &pass);
    gw_circuit_fault(&pass, T0, &fault);
    gw_circuit_enter(seat, T0 + REST, LEASE, false, &pass);
    ck_assert(gw_circuit_good(&pass, T0 + REST, 10000));
    ck_assert_uint_eq(gw_circuit_ramp(seat, T0 + REST, 10000), 100);
    ck_assert_uint_eq(gw_circuit_ramp(seat, T0 + REST + 5000, 10000), 500);
    ck_assert_uint_eq(gw_circuit_ramp(seat, T0 + REST + 9990, 10000), 999);
    ck_assert_uint_eq(gw_circuit_ramp(seat, T0 + REST + 10000, 10000), 1000);
    ck_assert_uint_eq(gw_circuit_ramp(seat, T0 + REST, 0), 1000);
}
END_TEST

START_TEST(zero_failures_switch_circuits_off)
{
    struct gw_fault fault = { .counts = 1, .rest_ms = REST };
    struct gw_pass pass;

    for (int i = 0; i < 100; i++) {
        ck_assert(gw_circuit_enter(seat, T0, LEASE, false, &pass));
        gw_circuit_fault(&pass, T0, &fault);
    }
}
END_TEST

START_TEST(without_a_seat_nothing_rests)
{
    struct gw_fault fault = fault_of(0);
    struct gw_pass pass;

    ck_assert(gw_circuit_enter(NULL, T0, LEASE, false, &pass));
    ck_assert_int_eq(gw_circuit_fault(&pass, T0, &fault), 0);
    ck_assert(!gw_circuit_good(&pass, T0, SLOW));
    gw_circuit_undecided(&pass);
    ck_assert_int_eq(gw_circuit_wait_ms(NULL, T0), 0);
}
END_TEST

/* ---- the table ---- */

START_TEST(keys_tell_every_part_apart)
{
    ck_assert(adhoc("pe", "") != adhoc("p", "e"));
    ck_assert(adhoc("e", "k1") != adhoc("e", "k2"));
    ck_assert(gw_seat_key(false, (aigw_str[]){ AIGW_STR("pe"), AIGW_STR("m") }, 2) !=
              gw_seat_key(false, (aigw_str[]){ AIGW_STR("p"), AIGW_STR("em") }, 2));
    ck_assert(adhoc("e", "k") == adhoc("e", "k"));
    ck_assert_ptr_eq(gw_seat_take(configured("p"), T0), seat);
}
END_TEST

START_TEST(one_callers_bad_key_rests_nobody_elses_target)
{
    struct gw_seat *bad = gw_seat_take(adhoc("http://h/v1", "bad"), T0);
    struct gw_seat *theirs = gw_seat_take(adhoc("http://h/v1", "theirs"), T0);

    fail_at(bad, T0, MAX);
    ck_assert_int_gt(gw_circuit_wait_ms(bad, T0), 0);
    ck_assert_int_eq(gw_circuit_wait_ms(theirs, T0), 0);
}
END_TEST

/* The endpoint's circuit, with its failures; nobody holds it afterwards. */
static struct gw_seat *fail_endpoint(int number, int times, int64_t now_ms)
{
    char endpoint[64];
    struct gw_seat *at;

    snprintf(endpoint, sizeof endpoint, "http://host-%d.example/v1", number);
    at = gw_seat_take(adhoc(endpoint, "k"), now_ms);
    fail_at(at, now_ms, times);
    gw_seat_drop(at);
    return at;
}

/* However many endpoints callers invent, the next one to fail still gets a circuit. */
START_TEST(ten_thousand_random_endpoints_do_not_fill_the_table)
{
    for (int i = 0; i < 10000; i++)
        fail_endpoint(i, 1, T0 + i);
    ck_assert_int_gt(gw_circuit_wait_ms(fail_endpoint(10001, MAX, T0 + 10000), T0 + 10000), 0);
}
END_TEST

START_TEST(rested_endpoints_make_room_when_their_rest_is_over)
{
    for (int i = 0; i < 10000; i++)
        fail_endpoint(i, MAX, T0);
    ck_assert_int_gt(gw_circuit_wait_ms(fail_endpoint(10001, MAX, T0 + REST), T0 + REST), 0);
}
END_TEST

START_TEST(random_endpoints_never_push_out_a_configured_target)
{
    fail_at(seat, T0, MAX - 1);
    gw_seat_drop(seat); /* even one that nobody holds */
    for (int i = 0; i < 10000; i++)
        fail_endpoint(i, 1 + i % MAX, T0 + 1);
    seat = gw_seat_take(configured("p"), T0 + 2);
    fail_at(seat, T0 + 2, 1);
    ck_assert_int_gt(gw_circuit_wait_ms(seat, T0 + 2), 0);
}
END_TEST

START_TEST(a_resting_circuit_is_not_pushed_out_nor_one_that_is_held)
{
    struct gw_seat *held = gw_seat_take(adhoc("http://held/v1", "k"), T0);
    struct gw_seat *resting = fail_endpoint(0, MAX, T0);

    fail_at(held, T0, 1);
    for (int i = 1; i < 10000; i++)
        fail_endpoint(i, 1, T0 + 1);
    ck_assert_int_gt(gw_circuit_wait_ms(resting, T0 + 2), 0);
    ck_assert_ptr_eq(gw_seat_take(adhoc("http://held/v1", "k"), T0 + 2), held);
}
END_TEST

START_TEST(places_are_exact)
{
    for (int i = 0; i < 4; i++)
        ck_assert(gw_seat_enter(seat, 4));
    ck_assert(!gw_seat_enter(seat, 4));
    gw_seat_leave(seat);
    ck_assert(gw_seat_enter(seat, 4));
}
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS  20000

static atomic_llong clock_ms;
static atomic_int let_through, most;

static void *hammer(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    struct gw_fault fault = { .failures = MAX, .counts = 1, .rest_ms = 500, .rest_max_ms = 500 };

    for (int i = 0; i < ROUNDS; i++) {
        char endpoint[64];
        int64_t now_ms = atomic_fetch_add(&clock_ms, 7);
        struct gw_pass pass;
        snprintf(endpoint, sizeof endpoint, "http://host-%d/v1", rand_r(&seed) % 3000);
        struct gw_seat *mine = gw_seat_take(adhoc(endpoint, "k"), now_ms);
        if (gw_circuit_enter(mine, now_ms, LEASE, false, &pass)) {
            switch (rand_r(&seed) % 4) {
            case 0:
                gw_circuit_good(&pass, now_ms, SLOW);
                break;
            case 1:
                gw_circuit_undecided(&pass);
                break;
            default:
                gw_circuit_fault(&pass, now_ms, &fault);
            }
        }
        gw_seat_drop(mine);
    }
    return NULL;
}

static void *ask_once(void *arg)
{
    struct gw_pass pass;

    (void)arg;
    for (int i = 0; i < 1000; i++)
        if (gw_circuit_enter(seat, T0 + REST, LEASE, false, &pass))
            atomic_fetch_add(&let_through, 1);
    return NULL;
}

/* OP-RT-23 */
static void *come_and_go(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (!gw_seat_enter(seat, 2))
            continue;
        int now = (int)atomic_load(&seat->in_flight);
        if (now > atomic_load(&most))
            atomic_store(&most, now);
        gw_seat_leave(seat);
    }
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
        struct gw_pass pass;
        snprintf(endpoint, sizeof endpoint, "http://host-%d/v1", i);
        struct gw_seat *mine = gw_seat_take(adhoc(endpoint, "k"), later_ms);
        ck_assert_ptr_nonnull(mine);
        ck_assert_uint_eq(atomic_load(&mine->pins), 1);
        ck_assert_msg(gw_circuit_enter(mine, later_ms, LEASE, false, &pass), "%s is refused after a minute", endpoint);
        gw_circuit_good(&pass, later_ms, SLOW);
        ck_assert_int_eq(gw_circuit_phase(mine), GW_CIRCUIT_CLOSED);
        gw_seat_drop(mine);
    }
}
END_TEST

START_TEST(of_all_threads_one_probes)
{
    fail_at(seat, T0, MAX);
    atomic_store(&let_through, 0);
    in_threads(ask_once);
    ck_assert_int_eq(atomic_load(&let_through), 1);
}
END_TEST

START_TEST(never_more_in_flight_than_places)
{
    atomic_store(&most, 0);
    in_threads(come_and_go);
    ck_assert_int_le(atomic_load(&most), 2);
    ck_assert_uint_eq(atomic_load(&seat->in_flight), 0);
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
    tcase_add_test(tcase, half_of_many_failing_trips_without_a_row);
    tcase_add_test(tcase, what_is_older_than_thirty_seconds_does_not_count);
    tcase_add_test(tcase, health_moves_the_end_of_a_rest);
    tcase_add_test(tcase, jitter_cap_and_floor);
    tcase_add_test(tcase, the_share_rises_after_a_rest_and_only_then);
    tcase_add_test(tcase, zero_failures_switch_circuits_off);
    tcase_add_test(tcase, without_a_seat_nothing_rests);
    tcase_add_test(tcase, keys_tell_every_part_apart);
    tcase_add_test(tcase, one_callers_bad_key_rests_nobody_elses_target);
    tcase_add_test(tcase, ten_thousand_random_endpoints_do_not_fill_the_table);
    tcase_add_test(tcase, rested_endpoints_make_room_when_their_rest_is_over);
    tcase_add_test(tcase, random_endpoints_never_push_out_a_configured_target);
    tcase_add_test(tcase, a_resting_circuit_is_not_pushed_out_nor_one_that_is_held);
    tcase_add_test(tcase, places_are_exact);
    tcase_add_test(tcase, threads_leave_no_circuit_stuck);
    tcase_add_test(tcase, of_all_threads_one_probes);
    tcase_add_test(tcase, never_more_in_flight_than_places);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
