/* test_held_up.c - a loop that nobody turned for a while reads what has arrived before it says that time is up. */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/loop.h"

#define PEERS        700 /* more than one look brings */
#define LIMIT_MS     100 /* of their silence */
#define HELD_MS      250
#define HOOKED       7 /* every so many: what it said is understood in a hook only, as chunked bodies are */
#define IS_HOOKED(i) ((i) % HOOKED == 0)

struct peer {
    struct gw_fd watch;
    struct gw_timer limit;
    bool has_arrived, is_heard, was_cut;
};

static struct peer peers[PEERS];
static struct gw_loop *loop;

static void peer_on_event(struct gw_fd *self, uint32_t events)
{
    struct peer *peer = GW_CONTAINER_OF(self, struct peer, watch);
    eventfd_t value;

    (void)events;
    ck_assert_int_eq(eventfd_read(self->fd, &value), 0);
    peer->has_arrived = true;
    if (!IS_HOOKED(peer - peers)) {
        peer->is_heard = true;
        gw_timer_clear(loop, &peer->limit);
    }
}

static void peer_on_due(struct gw_timer *self)
{
    GW_CONTAINER_OF(self, struct peer, limit)->was_cut = true;
}

static int64_t hook_prepare(struct gw_hook *self)
{
    (void)self;
    return -1;
}

static void hook_run(struct gw_hook *self)
{
    (void)self;
    for (int i = 0; i < PEERS; i++) {
        if (IS_HOOKED(i) && peers[i].has_arrived && !peers[i].is_heard) {
            peers[i].is_heard = true;
            gw_timer_clear(loop, &peers[i].limit);
        }
    }
}

static void hold_up(struct gw_timer *self)
{
    (void)self;
    for (int i = 0; i < PEERS; i++)
        if (i != 1) /* who really says nothing */
            ck_assert_int_eq(eventfd_write(peers[i].watch.fd, 1), 0);
    (void)poll(NULL, 0, HELD_MS);
}

START_TEST(what_arrived_while_nobody_looked_was_no_silence)
{
    struct gw_hook hook = { .prepare = hook_prepare, .run = hook_run };
    struct gw_timer busy = { .on_due = hold_up };
    struct gw_err err;
    int heard = 0;

    loop = gw_loop_new(&err);
    ck_assert_ptr_nonnull(loop);
    gw_loop_add_hook(loop, &hook);
    for (int i = 0; i < PEERS; i++) {
        peers[i] = (struct peer){ .watch = { .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .on_event = peer_on_event },
                                  .limit.on_due = peer_on_due };
        ck_assert_int_eq(gw_loop_add(loop, &peers[i].watch, EPOLLIN | EPOLLET), AIGW_OK);
        gw_timer_set(loop, &peers[i].limit, LIMIT_MS);
    }
    gw_timer_set(loop, &busy, 0);
    while (!peers[1].was_cut)
        gw_loop_turn(loop, -1);
    for (int i = 0; i < PEERS; i++) {
        ck_assert_msg(peers[i].was_cut == (i == 1), "peer %d", i);
        heard += peers[i].is_heard;
        gw_timer_clear(loop, &peers[i].limit);
        gw_loop_del(loop, &peers[i].watch);
        close(peers[i].watch.fd);
    }
    ck_assert_int_eq(heard, PEERS - 1);
    gw_loop_del_hook(loop, &hook);
    gw_loop_free(loop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_held_up");
    TCase *tcase = tcase_create("loop_held_up");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, what_arrived_while_nobody_looked_was_no_silence);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
