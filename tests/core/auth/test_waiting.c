/* test_waiting.c - who waits for keys, and stopping while they are loaded. */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

static const int provider[] = { KEY_PROVIDER };
static const int both[] = { KEY_SPARE, KEY_PROVIDER };

struct counted {
    struct gw_auth_waiter waiter;
    struct gw_auth_worker *worker;
    struct counted *other; /* taken away when this one is woken */
    int woken;
};

static void count_and_take(struct gw_auth_waiter *self)
{
    struct counted *counted = GW_CONTAINER_OF(self, struct counted, waiter);

    counted->woken++;
    if (counted->other)
        gw_auth_unwait(counted->worker, &counted->other->waiter);
}

static bool first_woken(struct desk *desk, const void *arg)
{
    (void)desk;
    return ((const struct counted *)arg)->woken > 0;
}

START_TEST(a_waiter_may_take_another_away_while_both_are_woken)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    struct counted a = { .waiter.on_ready = count_and_take }, b = a, c = a;
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_route(issuer, DISCOVERY, 200, "", "", ROUTE_HANG);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk.tuning.wait_ms = 200;
    desk_open(&desk);
    desk_headers(&desk, token);
    result = desk_check_once(&desk);
    ck_assert_int_eq(result.outcome, GW_AUTH_WAIT);
    a.worker = b.worker = c.worker = desk.worker;
    a.other = &b;
    gw_auth_wait(desk.worker, &a.waiter);
    gw_auth_wait(desk.worker, &b.waiter);
    gw_auth_wait(desk.worker, &c.waiter);
    gw_auth_unwait(desk.worker, &c.waiter); /* its client left */
    gw_auth_unwait(desk.worker, &c.waiter); /* twice is once */
    desk_until(&desk, first_woken, &a);
    ck_assert_int_eq(a.woken, 1);
    ck_assert_int_eq(b.woken, 0);
    ck_assert_int_eq(c.woken, 0);
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

START_TEST(stopping_does_not_wait_for_a_hanging_load)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    int64_t start_ms;

    issuer_route(issuer, DISCOVERY, 200, "", "", ROUTE_HANG);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    issuer_await(issuer, DISCOVERY, 1);
    start_ms = gw_mono_ms();
    desk_close(&desk);
    ck_assert_int_lt(gw_mono_ms() - start_ms, 8000); /* below the 10 s of a load */
    issuer_stop(issuer);
}
END_TEST

START_TEST(workers_may_go_while_loads_end)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;

    issuer_serve(issuer, provider, 1);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    for (int i = 0; i < 50; i++) {
        struct gw_auth_worker *worker = gw_auth_worker_new(desk.auth, desk.loop);

        ck_assert_ptr_nonnull(worker);
        gw_auth_worker_free(worker);
    }
    desk_await_loads(&desk, 0, 1);
    desk_close(&desk);
    issuer_stop(issuer);
}
END_TEST

struct load_thread {
    pthread_t thread;
    struct gw_auth *auth;
    const char *token;
    _Atomic(struct gw_view *) next; /* to switch to */
    atomic_bool stop;
    atomic_int allowed;
    int other;
};

/** A worker of its own that checks and signs until told to stop. */
static void *check_for_ever(void *user)
{
    struct load_thread *self = user;
    struct desk desk = { .auth = self->auth };
    struct gw_err why = { "" };

    desk.loop = gw_loop_new(&why);
    desk.worker = desk.loop ? gw_auth_worker_new(self->auth, desk.loop) : NULL;
    while (desk.worker && !atomic_load(&self->stop)) {
        struct gw_view *next = atomic_exchange(&self->next, NULL);
        struct gw_auth_result result;
        aigw_str minted;

        if (next)
            gw_auth_worker_switch(desk.worker, next);
        gw_view_unref(next);
        gw_arena_init(&desk.arena, 1 << 20);
        desk_headers(&desk, self->token);
        result = desk_check_once(&desk);
        if (result.outcome == GW_AUTH_ALLOWED && gw_str_is(result.principal.subject, KIT_INSTANCE))
            self->allowed++;
        else
            self->other++;
        if (gw_auth_sign(self->auth, gw_str("{}"), &desk.arena, &minted, &why) != AIGW_OK)
            self->other++;
        if (self->allowed % 4 == 0)
            gw_cache_clear(desk.worker->cache);
        gw_arena_done(&desk.arena);
        gw_loop_turn(desk.loop, 0);
    }
    gw_auth_worker_free(desk.worker);
    gw_loop_free(desk.loop);
    return NULL;
}

static bool all_allowed(struct desk *desk, const void *arg)
{
    const struct load_thread *threads = arg;

    (void)desk;
    return atomic_load(&threads[0].allowed) > 0 && atomic_load(&threads[1].allowed) > 0;
}

START_TEST(workers_check_while_settings_and_keys_change)
{
    struct issuer *issuer = issuer_start(0);
    struct desk desk;
    struct load_thread threads[2];
    char *token = kit_token(KEY_PROVIDER, "{}");
    struct gw_auth_result result;

    issuer_serve(issuer, both, 2);
    desk_init(&desk);
    desk.settings.auth.gitlab_url = issuer_url(issuer);
    desk_open(&desk);
    result = desk_check_token(&desk, token);
    ck_allowed(result);
    memset(threads, 0, sizeof threads);
    for (size_t i = 0; i < GW_ARRAY_LEN(threads); i++) {
        threads[i].auth = desk.auth;
        threads[i].token = token;
        ck_assert_int_eq(pthread_create(&threads[i].thread, NULL, check_for_ever, &threads[i]), 0);
    }
    for (int i = 0; i < 12; i++) {
        char url[96];
        uint64_t epoch = desk_epoch(&desk);
        struct gw_view *view;
        struct gw_buf text;

        (void)snprintf(url, sizeof url, "%s/%d", issuer_url(issuer), i); /* another issuer each time */
        desk.settings.auth.customer_portal_url = url;
        desk.settings.auth.validation_key = i % 2 ? kit_pem(KEY_SPARE) : NULL;
        view = gw_auth_reconfigure(desk.auth, &desk.settings, NULL, NULL);
        ck_assert_ptr_nonnull(view);
        for (size_t k = 0; k < GW_ARRAY_LEN(threads); k++)
            gw_view_unref(atomic_exchange(&threads[k].next, gw_view_ref(view)));
        gw_view_unref(view);
        desk_await_loads(&desk, epoch, 1); /* of the new issuer */
        gw_buf_init(&text, 65536);
        gw_auth_describe(desk.auth, &text);
        ck_assert_int_eq(text.status, AIGW_OK);
        gw_buf_done(&text);
    }
    desk_until(&desk, all_allowed, threads); /* on a busy machine one may not have begun yet */
    for (size_t i = 0; i < GW_ARRAY_LEN(threads); i++) {
        atomic_store(&threads[i].stop, true);
        (void)pthread_join(threads[i].thread, NULL);
        gw_view_unref(atomic_exchange(&threads[i].next, NULL));
        ck_assert_int_eq(threads[i].other, 0);
    }
    desk_close(&desk);
    issuer_stop(issuer);
    free(token);
}
END_TEST

TCase *waiting_cases(void)
{
    TCase *tcase = tcase_create("waiting");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_waiter_may_take_another_away_while_both_are_woken);
    tcase_add_test(tcase, stopping_does_not_wait_for_a_hanging_load);
    tcase_add_test(tcase, workers_may_go_while_loads_end);
    tcase_add_test(tcase, workers_check_while_settings_and_keys_change);
    return tcase;
}
