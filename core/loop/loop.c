/* loop.c - epoll, timers, hooks, deferred tasks and posts.
 *
 * Threads: everything but gw_loop_post() and gw_loop_stop() belongs to the one thread that turns the loop.
 * Stale events: epoll carries slot and generation instead of a pointer; deleting a descriptor raises the slot's
 * generation, so an event that was fetched before the deletion finds nobody.
 */
#include "loop/loop.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/wheel.h"

#define EVENTS_PER_TURN 256
#define HELD_UP_MS      50
#define CATCH_UP_LOOKS \
    4 /* accepted, its first bytes, and what its reader hands on in the turn after; more for each batch */
#define NO_SLOT UINT32_MAX

struct loop_slot {
    struct gw_fd *fd; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct loop_post {
    struct loop_post *next;
    void (*fn)(void *arg);
    void *arg;
};

struct gw_loop {
    int epoll_fd;
    int64_t now_ms;
    struct gw_sleep sleep;
    int64_t cpu_us; /* 0: nobody asked in this turn */
    struct loop_slot *slots;
    uint32_t slot_count;
    uint32_t first_free;
    struct gw_hook *hooks;
    struct gw_hook *next_hook; /* where the walk over the hooks goes on; moved when that hook is deleted */
    struct gw_task *tasks;
    struct gw_task **tasks_tail;
    struct gw_task *running_tasks;
    struct gw_fd wake;
    atomic_bool is_stopping;
    pthread_mutex_t posts_lock;
    struct loop_post *posts; /* under posts_lock */
    struct loop_post **posts_tail;
    struct gw_wheel wheel;
    struct gw_lag lag;
    struct epoll_event events[EVENTS_PER_TURN];
};

static void loop_wake(struct gw_loop *loop)
{
    uint64_t one = 1;

    while (write(loop->wake.fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void loop_run_posts(struct gw_fd *self, uint32_t events)
{
    struct gw_loop *loop = GW_CONTAINER_OF(self, struct gw_loop, wake);
    uint64_t count;

    (void)events;
    while (read(self->fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&loop->posts_lock);
    struct loop_post *post = loop->posts;
    loop->posts = NULL;
    loop->posts_tail = &loop->posts;
    pthread_mutex_unlock(&loop->posts_lock);
    while (post) {
        struct loop_post *next = post->next;
        void (*fn)(void *arg) = post->fn;
        void *arg = post->arg;
        free(post);
        fn(arg);
        post = next;
    }
}

struct gw_loop *gw_loop_new(struct gw_err *reterr)
{
    struct gw_loop *loop = calloc(1, sizeof *loop);

    if (!loop) {
        gw_err_set(reterr, AIGW_E_NOMEM, "event loop: out of memory");
        return NULL;
    }
    pthread_mutex_init(&loop->posts_lock, NULL);
    loop->posts_tail = &loop->posts;
    loop->tasks_tail = &loop->tasks;
    loop->first_free = NO_SLOT;
    loop->now_ms = gw_mono_ms();
    gw_wheel_init(&loop->wheel, loop->now_ms);
    loop->wake.fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd >= 0)
        loop->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->wake.on_event = loop_run_posts;
    if (loop->wake.fd < 0 || gw_loop_add(loop, &loop->wake, EPOLLIN) != AIGW_OK) {
        gw_err_set(reterr, AIGW_E_STATE,
                   "event loop: cannot create epoll or eventfd: %s; check the limit of open files", strerror(errno));
        gw_loop_free(loop);
        return NULL;
    }
    return loop;
}

void gw_loop_free(struct gw_loop *loop)
{
    if (!loop)
        return;
    while (loop->posts) { /* their owners are gone or going: dropped, not run */
        struct loop_post *next = loop->posts->next;
        free(loop->posts);
        loop->posts = next;
    }
    if (loop->wake.fd >= 0)
        close(loop->wake.fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    pthread_mutex_destroy(&loop->posts_lock);
    free(loop->slots);
    free(loop);
}

/* ---- descriptors ---------------------------------------------------------------------------------------------- */

static bool loop_grow_slots(struct gw_loop *loop)
{
    uint32_t count = loop->slot_count ? loop->slot_count * 2 : 64;
    struct loop_slot *slots = realloc(loop->slots, count * sizeof *slots);

    if (!slots)
        return false;
    for (uint32_t i = loop->slot_count; i < count; i++)
        slots[i] = (struct loop_slot){ .next_free = i + 1 < count ? i + 1 : NO_SLOT };
    loop->first_free = loop->slot_count;
    loop->slots = slots;
    loop->slot_count = count;
    return true;
}

static aigw_status loop_ctl(struct gw_loop *loop, int op, struct gw_fd *fd, uint32_t events)
{
    struct epoll_event event = { .events = events };

    event.data.u64 = (uint64_t)loop->slots[fd->slot].generation << 32 | fd->slot;
    if (epoll_ctl(loop->epoll_fd, op, fd->fd, &event) < 0)
        return errno == ENOMEM || errno == ENOSPC ? AIGW_E_NOMEM : AIGW_E_STATE;
    fd->events = events;
    return AIGW_OK;
}

static void loop_free_slot(struct gw_loop *loop, struct gw_fd *fd)
{
    struct loop_slot *slot = &loop->slots[fd->slot];

    slot->fd = NULL;
    slot->generation++;
    slot->next_free = loop->first_free;
    loop->first_free = fd->slot;
    fd->events = 0;
}

aigw_status gw_loop_add(struct gw_loop *loop, struct gw_fd *fd, uint32_t events)
{
    if (loop->first_free == NO_SLOT && !loop_grow_slots(loop))
        return AIGW_E_NOMEM;
    fd->slot = loop->first_free;
    struct loop_slot *slot = &loop->slots[fd->slot];
    loop->first_free = slot->next_free;
    slot->fd = fd;
    aigw_status status = loop_ctl(loop, EPOLL_CTL_ADD, fd, events);
    if (status != AIGW_OK)
        loop_free_slot(loop, fd);
    return status;
}

aigw_status gw_loop_mod(struct gw_loop *loop, struct gw_fd *fd, uint32_t events)
{
    return loop_ctl(loop, EPOLL_CTL_MOD, fd, events);
}

void gw_loop_del(struct gw_loop *loop, struct gw_fd *fd)
{
    if (fd->slot >= loop->slot_count || loop->slots[fd->slot].fd != fd)
        return; /* never added, or deleted before */
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd->fd, NULL);
    loop_free_slot(loop, fd);
}

static void loop_deliver(struct gw_loop *loop, int count)
{
    for (int i = 0; i < count; i++) {
        uint32_t slot = (uint32_t)loop->events[i].data.u64;
        uint32_t generation = (uint32_t)(loop->events[i].data.u64 >> 32);
        struct gw_fd *fd = loop->slots[slot].fd;
        if (fd && loop->slots[slot].generation == generation)
            fd->on_event(fd, loop->events[i].events);
    }
}

/* ---- timers, hooks, tasks ------------------------------------------------------------------------------------- */

void gw_timer_set(struct gw_loop *loop, struct gw_timer *timer, int64_t delay_ms)
{
    if (delay_ms < 0)
        delay_ms = 0;
    gw_wheel_set(&loop->wheel, timer, loop->now_ms + (delay_ms < GW_TIMER_MS_MAX ? delay_ms : GW_TIMER_MS_MAX));
}

void gw_timer_clear(struct gw_loop *loop, struct gw_timer *timer)
{
    (void)loop;
    gw_wheel_clear(timer);
}

void gw_loop_add_hook(struct gw_loop *loop, struct gw_hook *hook)
{
    hook->next = loop->hooks;
    loop->hooks = hook;
}

void gw_loop_del_hook(struct gw_loop *loop, struct gw_hook *hook)
{
    for (struct gw_hook **at = &loop->hooks; *at; at = &(*at)->next) {
        if (*at == hook) {
            if (loop->next_hook == hook)
                loop->next_hook = hook->next;
            *at = hook->next;
            hook->next = NULL;
            return;
        }
    }
}

static void loop_run_hooks(struct gw_loop *loop)
{
    loop->next_hook = loop->hooks;
    while (loop->next_hook) {
        struct gw_hook *hook = loop->next_hook;
        loop->next_hook = hook->next;
        hook->run(hook);
    }
}

void gw_loop_defer(struct gw_loop *loop, struct gw_task *task)
{
    if (task->is_queued)
        return;
    task->is_queued = true;
    task->next = NULL;
    *loop->tasks_tail = task;
    loop->tasks_tail = &task->next;
}

void gw_loop_undefer(struct gw_loop *loop, struct gw_task *task)
{
    if (!task->is_queued)
        return;
    for (struct gw_task **at = &loop->running_tasks; *at; at = &(*at)->next) {
        if (*at == task) {
            *at = task->next;
            task->is_queued = false;
            return;
        }
    }
    for (struct gw_task **at = &loop->tasks; *at; at = &(*at)->next) {
        if (*at == task) {
            *at = task->next;
            if (loop->tasks_tail == &task->next)
                loop->tasks_tail = at;
            task->is_queued = false;
            return;
        }
    }
}

/** Tasks queued by tasks wait for the next call, so that one cannot starve the loop. */
static void loop_run_tasks(struct gw_loop *loop)
{
    loop->running_tasks = loop->tasks;
    loop->tasks = NULL;
    loop->tasks_tail = &loop->tasks;
    while (loop->running_tasks) {
        struct gw_task *task = loop->running_tasks;
        loop->running_tasks = task->next;
        task->is_queued = false;
        task->run(task);
    }
}

/* ---- turning -------------------------------------------------------------------------------------------------- */

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
    if (a_ms < 0)
        return b_ms;
    return b_ms < 0 || a_ms < b_ms ? a_ms : b_ms;
}

static int loop_sleep_ms(struct gw_loop *loop, int64_t max_ms)
{
    int64_t wait_ms = max_ms;

    loop->sleep.slept_ms = 0;
    /* Every hook is asked, even when an earlier one wants no sleep: prepare() may do work. */
    for (struct gw_hook *hook = loop->hooks; hook; hook = hook->next)
        wait_ms = sooner(wait_ms, hook->prepare(hook));
    if (loop->tasks || atomic_load_explicit(&loop->is_stopping, memory_order_relaxed))
        return 0;
    if (wait_ms != 0) {
        int64_t timers_ms = gw_wheel_wait_ms(&loop->wheel, loop->now_ms);
        if (timers_ms > 0) { /* the clock has moved since the turn began */
            loop->now_ms = loop->sleep.slept_ms = gw_mono_ms();
            timers_ms = gw_wheel_wait_ms(&loop->wheel, loop->now_ms);
        }
        wait_ms = sooner(wait_ms, timers_ms);
    }
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

/** Did nobody look for events for a while: the process was stopped, the machine has no time, a callback held the thread
 *  up? Then much may have arrived for which time seems to be up. */
static bool loop_was_held_up(const struct gw_loop *loop, int asked_ms)
{
    int64_t began_ms = loop->sleep.began_ms;

    return began_ms && asked_ms >= 0 && loop->now_ms - began_ms - asked_ms > HELD_UP_MS;
}

/** All that has arrived comes before timers do: what nobody read was not silence. count: events of the first look. */
static void loop_catch_up(struct gw_loop *loop, int count)
{
    uint32_t looks = CATCH_UP_LOOKS + loop->slot_count / EVENTS_PER_TURN;

    if (count < 0) /* SIGCONT ends the wait with EINTR, whatever is there */
        count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_TURN, 0);
    while (looks-- > 0 && (count > 0 || loop->tasks)) {
        loop_deliver(loop, count);
        loop_run_tasks(loop);
        loop_run_hooks(loop);
        count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_TURN, 0);
        loop->now_ms = gw_turn_began_ms = gw_mono_ms();
    }
    if (count > 0)
        loop_deliver(loop, count);
}

void gw_loop_turn(struct gw_loop *loop, int64_t max_ms)
{
    int sleep_ms = loop_sleep_ms(loop, max_ms);
    int count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_TURN, sleep_ms);
    bool was_held_up;

    loop->cpu_us = 0;
    loop->now_ms = gw_turn_began_ms = gw_mono_ms();
    was_held_up = loop_was_held_up(loop, sleep_ms);
    loop->sleep.asked_ms = sleep_ms;
    loop->sleep.did_time_out = count == 0;
    loop->sleep.woke_ms = loop->now_ms;
    gw_lag_count(&loop->lag, &loop->sleep);
    loop->sleep.began_ms = loop->now_ms;
    if (was_held_up)
        loop_catch_up(loop, count);
    else if (count > 0)
        loop_deliver(loop, count);
    gw_wheel_advance(&loop->wheel, loop->now_ms);
    gw_wheel_run(&loop->wheel);
    loop_run_tasks(loop);
    loop_run_hooks(loop);
    gw_wheel_run(&loop->wheel); /* what the hooks wanted at once */
    loop_run_tasks(loop);
    gw_log_flush();
}

void gw_loop_run(struct gw_loop *loop)
{
    while (!atomic_load_explicit(&loop->is_stopping, memory_order_relaxed))
        gw_loop_turn(loop, -1);
    atomic_store(&loop->is_stopping, false);
}

void gw_loop_stop(struct gw_loop *loop)
{
    atomic_store(&loop->is_stopping, true);
    loop_wake(loop);
}

bool gw_loop_post(struct gw_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_post *post = loop ? malloc(sizeof *post) : NULL;

    if (!post)
        return false;
    *post = (struct loop_post){ .fn = fn, .arg = arg };
    pthread_mutex_lock(&loop->posts_lock);
    bool was_empty = !loop->posts;
    *loop->posts_tail = post;
    loop->posts_tail = &post->next;
    pthread_mutex_unlock(&loop->posts_lock);
    if (was_empty)
        loop_wake(loop);
    return true;
}

int64_t gw_loop_now_ms(const struct gw_loop *loop)
{
    return loop->now_ms;
}

void gw_loop_add_lag(const struct gw_loop *loop, struct gw_lags *sum)
{
    gw_lag_add(&loop->lag, sum);
}

int64_t gw_loop_cpu_us(struct gw_loop *loop)
{
    if (!loop->cpu_us)
        loop->cpu_us = gw_thread_cpu_us();
    return loop->cpu_us;
}
