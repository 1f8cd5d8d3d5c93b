/* test_loop.c - timers against a model, descriptors and their stale events, posts, tasks, hooks. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"
#include "loop/wheel.h"

static struct gw_loop *loop;

static void setup(void)
{
    struct gw_err err;

    loop = gw_loop_new(&err);
    ck_assert_ptr_nonnull(loop);
}

static void teardown(void)
{
    gw_loop_free(loop);
}

/* ---- the wheel, with a clock of our own ------------------------------------------------------------------------ */

#define TIMERS 400

struct model {
    struct gw_timer timer;
    int64_t expected_ms; /* -1: not armed */
    int64_t *now_ms;
    int fired;
};

static void model_due(struct gw_timer *self)
{
    struct model *model = GW_CONTAINER_OF(self, struct model, timer);

    if (self->is_armed || model->expected_ms < 0 || *model->now_ms < model->expected_ms)
        ck_abort_msg("fired at %lld, expected %lld", (long long)*model->now_ms, (long long)model->expected_ms);
    model->expected_ms = -1;
    model->fired++;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/** Largest delay per run of the random test, and how far the clock jumps at most. */
static const struct {
    int64_t delay_ms, step_ms;
} spans[] = {
    { 10, 3 },  { 100, 7 },   { 70000, 900 },   { 5000000, 70000 }, { 400000000, 90000000 }, { 5000000000, 1500000000 },
    { 64, 64 }, { 4096, 64 }, { 262144, 4096 },
};

START_TEST(timers_fire_in_time_and_never_early)
{
    struct gw_wheel *wheel = calloc(1, sizeof *wheel);
    static struct model models[TIMERS];
    uint64_t seed = 88172645463325252u + (uint64_t)_i;
    int64_t now_ms = 1000003;

    ck_assert_ptr_nonnull(wheel);
    gw_wheel_init(wheel, now_ms);
    memset(models, 0, sizeof models);
    for (size_t i = 0; i < TIMERS; i++) {
        models[i].expected_ms = -1;
        models[i].now_ms = &now_ms;
        models[i].timer.on_due = model_due;
    }
    for (int round = 0; round < 3000; round++) {
        struct model *model = &models[random_next(&seed) % TIMERS];
        if (random_next(&seed) % 4 == 0) {
            gw_wheel_clear(&model->timer);
            model->expected_ms = -1;
        } else {
            model->expected_ms = now_ms + (int64_t)(random_next(&seed) % (uint64_t)(spans[_i].delay_ms + 1));
            gw_wheel_set(wheel, &model->timer, model->expected_ms);
        }
        int64_t wait_ms = gw_wheel_wait_ms(wheel, now_ms);
        for (size_t i = 0; i < TIMERS; i++) { /* nobody may be slept over */
            if (models[i].expected_ms < 0)
                continue;
            int64_t left_ms = models[i].expected_ms - now_ms;
            if (wait_ms < 0 || wait_ms > (left_ms > 0 ? left_ms : 0))
                ck_abort_msg("would sleep %lld ms with a timer due in %lld", (long long)wait_ms, (long long)left_ms);
        }
        now_ms += (int64_t)(random_next(&seed) % (uint64_t)(spans[_i].step_ms + 1));
        gw_wheel_advance(wheel, now_ms);
        gw_wheel_run(wheel);
        for (size_t i = 0; i < TIMERS; i++) { /* plain tests: a passing ck_assert() costs a system call */
            if (models[i].expected_ms >= 0 && models[i].expected_ms <= now_ms)
                ck_abort_msg("timer due at %lld not fired at %lld", (long long)models[i].expected_ms,
                             (long long)now_ms);
        }
    }
    now_ms += 2 * spans[_i].delay_ms + 1;
    gw_wheel_advance(wheel, now_ms);
    gw_wheel_run(wheel);
    int fired = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        ck_assert_int_eq(models[i].expected_ms, -1);
        fired += models[i].fired;
    }
    ck_assert_int_gt(fired, 100);
    ck_assert_int_eq(gw_wheel_wait_ms(wheel, now_ms), -1);
    free(wheel);
}
END_TEST

START_TEST(moving_many_timers_is_cheap)
{
    enum { COUNT = 20000, MOVES = 2000000 };
    struct gw_timer *timers = calloc(COUNT, sizeof *timers);

    ck_assert_ptr_nonnull(timers);
    int64_t start_us = gw_thread_cpu_us();
    for (int i = 0; i < MOVES; i++)
        gw_timer_set(loop, &timers[i % COUNT], 30000 + i % 1000);
    int64_t spent_us = gw_thread_cpu_us() - start_us;
    ck_assert_int_lt(spent_us, MOVES); /* under 1 us each, sanitizers included */
    for (int i = 0; i < COUNT; i++)
        gw_timer_clear(loop, &timers[i]);
    free(timers);
}
END_TEST

/* ---- timers on the loop ---------------------------------------------------------------------------------------- */

struct probe {
    struct gw_timer timer;
    struct gw_timer *other;
    int fired;
    int again;
};

static void probe_due(struct gw_timer *self)
{
    struct probe *probe = GW_CONTAINER_OF(self, struct probe, timer);

    probe->fired++;
    if (probe->other)
        gw_timer_clear(loop, probe->other);
    if (probe->again-- > 0)
        gw_timer_set(loop, self, 0);
}

START_TEST(a_timer_may_clear_another_one_that_is_due)
{
    struct probe a = { .timer.on_due = probe_due }, b = { .timer.on_due = probe_due };

    a.other = &b.timer;
    b.other = &a.timer;
    gw_timer_set(loop, &a.timer, 0);
    gw_timer_set(loop, &b.timer, 0);
    gw_loop_turn(loop, 0);
    ck_assert_int_eq(a.fired + b.fired, 1);
}
END_TEST

START_TEST(a_timer_that_sets_itself_does_not_starve_the_loop)
{
    struct probe a = { .timer.on_due = probe_due, .again = 1000 };

    gw_timer_set(loop, &a.timer, 0);
    gw_loop_turn(loop, 0);
    ck_assert_int_le(a.fired, 2);
    gw_timer_clear(loop, &a.timer);
}
END_TEST

START_TEST(the_loop_sleeps_until_the_timer_is_due)
{
    struct probe a = { .timer.on_due = probe_due };
    int64_t start_us = gw_mono_us();
    int turns = 0;

    gw_timer_set(loop, &a.timer, 30);
    while (!a.fired) {
        gw_loop_turn(loop, -1);
        turns++;
    }
    ck_assert_int_ge(gw_mono_us() - start_us, 28000);
    ck_assert_int_lt(turns, 5);
}
END_TEST

/* ---- how late it turns ------------------------------------------------------------------------------------------ */

static const struct {
    struct gw_sleep sleep;
    int bucket; /* -1: not counted */
    uint64_t late_ms;
} sleeps[] = {
    { { 0, 100, 100, 0, true }, -1, 0 },   /* the first turn */
    { { 100, 0, 900, -1, false }, -1, 0 }, /* without timers: nobody knows when it went to sleep */
    { { 100, 0, 900, 50, true }, -1, 0 },  /* likewise, as a hook wished */
    { { 100, 0, 100, 0, true }, 0, 0 },    /* it only looked */
    { { 100, 0, 101, 0, false }, 0, 1 },   /* … and turned for so long */
    { { 100, 0, 105, 0, false }, 1, 5 },
    { { 100, 105, 900, 1000, false }, 1, 5 }, /* what woke it came whenever it came */
    { { 100, 106, 116, 10, true }, 2, 6 },    /* on time */
    { { 100, 106, 112, 10, true }, 2, 6 },    /* before its time: no credit */
    { { 100, 100, 160, 10, true }, 3, 50 },   /* overslept */
    { { 100, 120, 180, 10, true }, 4, 70 },   /* both */
    { { 100, 100, 611, 10, true }, 6, 501 },
    { { 100, 600, 5000, 9000, false }, 5, 500 },
};

START_TEST(lateness_is_the_turn_and_what_was_overslept)
{
    struct gw_lag lag = { .sum_ms = 0 };
    struct gw_lags sum = { .sum_ms = 1000 };

    gw_lag_count(&lag, &sleeps[_i].sleep);
    gw_lag_add(&lag, &sum);
    for (int i = 0; i < (int)GW_LAGS; i++)
        ck_assert_uint_eq(sum.turns[i], i == sleeps[_i].bucket);
    ck_assert_uint_eq(sum.sum_ms, 1000 + sleeps[_i].late_ms);
}
END_TEST

static void hold_up(struct gw_timer *self)
{
    int64_t until_us = gw_mono_us() + 60000;

    (void)self;
    while (gw_mono_us() < until_us)
        ;
}

START_TEST(a_callback_that_holds_the_loop_up_makes_it_late)
{
    struct probe later = { .timer.on_due = probe_due };
    struct gw_timer busy = { .on_due = hold_up };
    struct gw_lags sum = { .sum_ms = 0 };

    gw_timer_set(loop, &later.timer, 70); /* there is something to sleep for: the clock is read */
    gw_timer_set(loop, &busy, 0);
    while (!later.fired)
        gw_loop_turn(loop, -1);
    gw_loop_add_lag(loop, &sum);
    ck_assert_uint_ge(sum.turns[4] + sum.turns[5] + sum.turns[6], 1);
    ck_assert_uint_ge(sum.sum_ms, 59);
}
END_TEST

/* ---- descriptors ------------------------------------------------------------------------------------------------ */

struct pair {
    struct gw_fd watch;
    int far;
    struct pair *victim;
    int events;
    uint32_t last;
};

static void pair_event(struct gw_fd *self, uint32_t events)
{
    struct pair *pair = GW_CONTAINER_OF(self, struct pair, watch);

    pair->events++;
    pair->last = events;
    if (pair->victim) {
        gw_loop_del(loop, &pair->victim->watch);
        close(pair->victim->watch.fd);
        pair->victim->watch.fd = -1;
        pair->victim = NULL;
    }
}

static void pair_open(struct pair *pair)
{
    int fds[2];

    memset(pair, 0, sizeof *pair);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    pair->watch.fd = fds[0];
    pair->watch.on_event = pair_event;
    pair->far = fds[1];
    ck_assert_int_eq(gw_loop_add(loop, &pair->watch, EPOLLIN), AIGW_OK);
}

static void pair_close(struct pair *pair)
{
    gw_loop_del(loop, &pair->watch);
    if (pair->watch.fd >= 0)
        close(pair->watch.fd);
    close(pair->far);
}

START_TEST(events_of_deleted_descriptors_are_not_delivered)
{
    struct pair a, b;

    pair_open(&a);
    pair_open(&b);
    a.victim = &b; /* both are ready in the same turn: whichever is first deletes the other */
    b.victim = &a;
    ck_assert_int_eq(write(a.far, "x", 1), 1);
    ck_assert_int_eq(write(b.far, "x", 1), 1);
    gw_loop_turn(loop, 1000);
    ck_assert_int_eq(a.events + b.events, 1);
    pair_close(&a);
    pair_close(&b);
}
END_TEST

static struct pair reborn;

static void replace_victim(struct gw_fd *self, uint32_t events)
{
    struct pair *pair = GW_CONTAINER_OF(self, struct pair, watch);

    (void)events;
    pair->events++;
    if (pair->victim) {
        struct pair *victim = pair->victim;
        pair->victim = victim->victim = NULL;
        pair_close(victim);
        pair_open(&reborn); /* takes the freed slot, and most likely the same number */
    }
}

START_TEST(a_new_descriptor_does_not_inherit_a_stale_event)
{
    struct pair a, b;

    pair_open(&a);
    pair_open(&b);
    a.watch.on_event = replace_victim;
    b.watch.on_event = replace_victim;
    a.victim = &b;
    b.victim = &a;
    ck_assert_int_eq(write(a.far, "x", 1), 1);
    ck_assert_int_eq(write(b.far, "x", 1), 1);
    gw_loop_turn(loop, 1000);
    ck_assert_int_eq(a.events + b.events, 1);
    ck_assert_int_eq(reborn.events, 0);
    pair_close(&reborn);
    pair_close(a.events ? &a : &b);
}
END_TEST

START_TEST(a_descriptor_may_be_changed_and_deleted_twice)
{
    struct pair a;

    pair_open(&a);
    ck_assert_int_eq(gw_loop_mod(loop, &a.watch, EPOLLOUT), AIGW_OK);
    ck_assert_uint_eq(a.watch.events, EPOLLOUT);
    gw_loop_turn(loop, 1000);
    ck_assert_uint_eq(a.last, EPOLLOUT);
    gw_loop_del(loop, &a.watch);
    gw_loop_del(loop, &a.watch);
    ck_assert_uint_eq(a.watch.events, 0);
    gw_loop_turn(loop, 0);
    ck_assert_int_eq(a.events, 1);
    pair_close(&a);
}
END_TEST

START_TEST(adding_a_bad_descriptor_fails)
{
    struct gw_fd bad = { .fd = -1, .on_event = pair_event };

    ck_assert_int_eq(gw_loop_add(loop, &bad, EPOLLIN), AIGW_E_STATE);
    gw_loop_del(loop, &bad);
}
END_TEST

START_TEST(many_descriptors_are_told_apart)
{
    enum { COUNT = 200 };
    struct pair *pairs = calloc(COUNT, sizeof *pairs);

    ck_assert_ptr_nonnull(pairs);
    for (int i = 0; i < COUNT; i++)
        pair_open(&pairs[i]);
    for (int i = 0; i < COUNT; i += 3)
        ck_assert_int_eq(write(pairs[i].far, "x", 1), 1);
    gw_loop_turn(loop, 1000);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(pairs[i].events, i % 3 == 0);
        pair_close(&pairs[i]);
    }
    free(pairs);
}
END_TEST

/* ---- posts ------------------------------------------------------------------------------------------------------ */

#define POSTERS 4
#define POSTS   5000

static int posted; /* touched by the loop's thread only */
static int last_of[POSTERS];

static void take_post(void *arg)
{
    int value = (int)(intptr_t)arg;
    int poster = value / POSTS;

    ck_assert_int_eq(value % POSTS, last_of[poster]); /* in order */
    last_of[poster]++;
    if (++posted == POSTERS * POSTS)
        gw_loop_stop(loop);
}

static void *post_many(void *arg)
{
    intptr_t poster = (intptr_t)arg;

    for (int i = 0; i < POSTS; i++)
        ck_assert(gw_loop_post(loop, take_post, (void *)(poster * POSTS + i)));
    return NULL;
}

START_TEST(posts_from_many_threads_arrive_once_and_in_order)
{
    pthread_t threads[POSTERS];

    posted = 0;
    memset(last_of, 0, sizeof last_of);
    for (intptr_t i = 0; i < POSTERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, post_many, (void *)i), 0);
    gw_loop_run(loop);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(posted, POSTERS * POSTS);
}
END_TEST

START_TEST(posts_that_never_ran_are_freed)
{
    ck_assert(gw_loop_post(loop, take_post, NULL));
    ck_assert(!gw_loop_post(NULL, take_post, NULL));
}
END_TEST

/* ---- tasks and hooks --------------------------------------------------------------------------------------------- */

struct chore {
    struct gw_task task;
    int runs;
    bool again;
    struct gw_task *cancel;
};

static void chore_run(struct gw_task *self)
{
    struct chore *chore = GW_CONTAINER_OF(self, struct chore, task);

    chore->runs++;
    if (chore->cancel)
        gw_loop_undefer(loop, chore->cancel);
    if (chore->again)
        gw_loop_defer(loop, self);
}

START_TEST(tasks_run_once_per_deferral_and_can_be_taken_back)
{
    struct chore a = { .task.run = chore_run }, b = { .task.run = chore_run }, c = { .task.run = chore_run };

    gw_loop_defer(loop, &a.task);
    gw_loop_defer(loop, &a.task);
    gw_loop_defer(loop, &b.task);
    gw_loop_undefer(loop, &b.task);
    gw_loop_defer(loop, &c.task); /* the tail was taken back: appending still works */
    gw_loop_turn(loop, -1);
    ck_assert_int_eq(a.runs, 1);
    ck_assert_int_eq(b.runs, 0);
    ck_assert_int_eq(c.runs, 1);
    a.cancel = &b.task;
    gw_loop_defer(loop, &a.task);
    gw_loop_defer(loop, &b.task);
    gw_loop_turn(loop, -1);
    ck_assert_int_eq(a.runs, 2);
    ck_assert_int_eq(b.runs, 0);
    a.again = true;
    gw_loop_defer(loop, &a.task);
    gw_loop_turn(loop, -1); /* comes back although it queues itself for ever */
    ck_assert_int_le(a.runs, 4);
    gw_loop_undefer(loop, &a.task);
}
END_TEST

struct hook_probe {
    struct gw_hook hook;
    int64_t wants_ms;
    int prepared, ran;
    struct gw_hook *remove;
};

static int64_t hook_prepare(struct gw_hook *self)
{
    struct hook_probe *probe = GW_CONTAINER_OF(self, struct hook_probe, hook);

    probe->prepared++;
    return probe->wants_ms;
}

static void hook_run(struct gw_hook *self)
{
    struct hook_probe *probe = GW_CONTAINER_OF(self, struct hook_probe, hook);

    probe->ran++;
    if (probe->remove)
        gw_loop_del_hook(loop, probe->remove);
}

START_TEST(hooks_limit_the_sleep_and_may_be_removed_while_running)
{
    struct hook_probe a = { .hook = { NULL, hook_prepare, hook_run }, .wants_ms = -1 };
    struct hook_probe b = { .hook = { NULL, hook_prepare, hook_run }, .wants_ms = 20 };
    int64_t start_us = gw_mono_us();

    gw_loop_add_hook(loop, &a.hook);
    gw_loop_add_hook(loop, &b.hook); /* walked first */
    gw_loop_turn(loop, -1);
    ck_assert_int_ge(gw_mono_us() - start_us, 19000);
    ck_assert(a.prepared == 1 && b.prepared == 1 && a.ran == 1 && b.ran == 1);
    b.remove = &a.hook;
    gw_loop_turn(loop, 0);
    ck_assert(a.ran == 1 && b.ran == 2);
    b.remove = &b.hook;
    gw_loop_turn(loop, 0);
    gw_loop_turn(loop, 0);
    ck_assert(b.ran == 3);
}
END_TEST

static void *stop_later(void *arg)
{
    gw_loop_stop(arg);
    return NULL;
}

START_TEST(stop_wakes_a_sleeping_loop)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, stop_later, loop), 0);
    gw_loop_run(loop);
    pthread_join(thread, NULL);
    gw_loop_stop(loop); /* before run: comes back at once */
    gw_loop_run(loop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("loop");

    tcase_set_timeout(tcase, 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, timers_fire_in_time_and_never_early, 0, GW_ARRAY_LEN(spans));
    tcase_add_test(tcase, moving_many_timers_is_cheap);
    tcase_add_test(tcase, a_timer_may_clear_another_one_that_is_due);
    tcase_add_test(tcase, a_timer_that_sets_itself_does_not_starve_the_loop);
    tcase_add_test(tcase, the_loop_sleeps_until_the_timer_is_due);
    tcase_add_loop_test(tcase, lateness_is_the_turn_and_what_was_overslept, 0, GW_ARRAY_LEN(sleeps));
    tcase_add_test(tcase, a_callback_that_holds_the_loop_up_makes_it_late);
    tcase_add_test(tcase, events_of_deleted_descriptors_are_not_delivered);
    tcase_add_test(tcase, a_new_descriptor_does_not_inherit_a_stale_event);
    tcase_add_test(tcase, a_descriptor_may_be_changed_and_deleted_twice);
    tcase_add_test(tcase, adding_a_bad_descriptor_fails);
    tcase_add_test(tcase, many_descriptors_are_told_apart);
    tcase_add_test(tcase, posts_from_many_threads_arrive_once_and_in_order);
    tcase_add_test(tcase, posts_that_never_ran_are_freed);
    tcase_add_test(tcase, tasks_run_once_per_deferral_and_can_be_taken_back);
    tcase_add_test(tcase, hooks_limit_the_sleep_and_may_be_removed_while_running);
    tcase_add_test(tcase, stop_wakes_a_sleeping_loop);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
