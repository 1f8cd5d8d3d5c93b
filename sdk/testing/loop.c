/* loop.c - the core's event loop (core/loop/loop.h) for tests: the same functions, but its clock jumps to the next
 * timer as soon as nothing else is left to do. No time passes in truth, and every run is the same. */
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>

#include "loop/loop.h"

struct post {
    struct post *next;
    void (*fn)(void *arg);
    void *arg;
};

struct gw_loop {
    int64_t now_ms;
    struct gw_timer *timers; /* by due_ms */
    struct gw_task *tasks, **last_task;
    pthread_mutex_t lock; /* guards posts */
    pthread_cond_t came;
    struct post *posts, **last_post;
};

struct gw_loop *gw_loop_new(struct gw_err *reterr)
{
    struct gw_loop *loop = calloc(1, sizeof *loop);

    if (!loop) {
        gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
        return NULL;
    }
    loop->now_ms = 1000000;
    loop->last_task = &loop->tasks;
    loop->last_post = &loop->posts;
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->came, NULL);
    return loop;
}

void gw_loop_free(struct gw_loop *loop)
{
    if (!loop)
        return;
    pthread_mutex_destroy(&loop->lock);
    pthread_cond_destroy(&loop->came);
    free(loop);
}

int64_t gw_loop_now_ms(const struct gw_loop *loop)
{
    return loop->now_ms;
}

int64_t gw_loop_cpu_us(struct gw_loop *loop)
{
    (void)loop;
    return gw_thread_cpu_us();
}

void gw_loop_add_lag(const struct gw_loop *loop, struct gw_lags *sum)
{
    (void)loop, (void)sum; /* it is never late: time is the test's */
}

/* ---- timers ---- */

void gw_timer_clear(struct gw_loop *loop, struct gw_timer *timer)
{
    if (!timer->is_armed)
        return;
    if (timer->prev)
        timer->prev->next = timer->next;
    else
        loop->timers = timer->next;
    if (timer->next)
        timer->next->prev = timer->prev;
    timer->prev = timer->next = NULL;
    timer->is_armed = false;
}

void gw_timer_set(struct gw_loop *loop, struct gw_timer *timer, int64_t delay_ms)
{
    struct gw_timer *before = NULL, *after;

    gw_timer_clear(loop, timer);
    timer->due_ms = loop->now_ms + (delay_ms > 0 ? delay_ms : 0);
    after = loop->timers;
    while (after && after->due_ms <= timer->due_ms) {
        before = after;
        after = after->next;
    }
    timer->prev = before;
    timer->next = after;
    if (before)
        before->next = timer;
    else
        loop->timers = timer;
    if (after)
        after->prev = timer;
    timer->is_armed = true;
}

static bool fire_timer(struct gw_loop *loop)
{
    struct gw_timer *first = loop->timers;

    if (!first || first->due_ms > loop->now_ms)
        return false;
    gw_timer_clear(loop, first);
    first->on_due(first);
    return true;
}

/* ---- tasks and posts ---- */

void gw_loop_defer(struct gw_loop *loop, struct gw_task *task)
{
    if (task->is_queued)
        return;
    task->is_queued = true;
    task->next = NULL;
    *loop->last_task = task;
    loop->last_task = &task->next;
}

void gw_loop_undefer(struct gw_loop *loop, struct gw_task *task)
{
    struct gw_task **link = &loop->tasks;

    if (!task->is_queued)
        return;
    while (*link != task)
        link = &(*link)->next;
    *link = task->next;
    if (!*link)
        loop->last_task = link;
    task->is_queued = false;
}

static bool run_task(struct gw_loop *loop)
{
    struct gw_task *task = loop->tasks;

    if (!task)
        return false;
    gw_loop_undefer(loop, task);
    task->run(task);
    return true;
}

bool gw_loop_post(struct gw_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct post *post = malloc(sizeof *post);

    if (!post)
        return false;
    *post = (struct post){ .fn = fn, .arg = arg };
    pthread_mutex_lock(&loop->lock);
    *loop->last_post = post;
    loop->last_post = &post->next;
    pthread_cond_signal(&loop->came);
    pthread_mutex_unlock(&loop->lock);
    return true;
}

static bool run_post(struct gw_loop *loop, bool may_wait)
{
    struct post *post;

    pthread_mutex_lock(&loop->lock);
    while (!loop->posts && may_wait)
        pthread_cond_wait(&loop->came, &loop->lock);
    post = loop->posts;
    if (post)
        loop->posts = post->next;
    if (!loop->posts)
        loop->last_post = &loop->posts;
    pthread_mutex_unlock(&loop->lock);
    if (!post)
        return false;
    post->fn(post->arg);
    free(post);
    return true;
}

bool testhost_loop_step(struct gw_loop *loop, int64_t until_ms, bool awaits_post)
{
    if (run_post(loop, false) || fire_timer(loop) || run_task(loop) || run_post(loop, awaits_post))
        return true;
    if (!loop->timers || loop->timers->due_ms > until_ms)
        return false;
    loop->now_ms = loop->timers->due_ms;
    return fire_timer(loop);
}

/* ---- what a test has no use for ---- */

aigw_status gw_loop_add(struct gw_loop *loop, struct gw_fd *fd, uint32_t events)
{
    (void)loop, (void)fd, (void)events;
    return AIGW_E_UNSUPPORTED;
}

aigw_status gw_loop_mod(struct gw_loop *loop, struct gw_fd *fd, uint32_t events)
{
    (void)loop, (void)fd, (void)events;
    return AIGW_E_UNSUPPORTED;
}

void gw_loop_del(struct gw_loop *loop, struct gw_fd *fd)
{
    (void)loop, (void)fd;
}

void gw_loop_add_hook(struct gw_loop *loop, struct gw_hook *hook)
{
    (void)loop, (void)hook;
}

void gw_loop_del_hook(struct gw_loop *loop, struct gw_hook *hook)
{
    (void)loop, (void)hook;
}
