/* worker.c - one worker's share of authentication: its view of the keys, its token cache and the requests that wait
 * for keys. Everything but the wake-up runs on the worker's thread. The refresher wakes a worker through an eventfd,
 * so nothing of a freed worker can still be on its way to a loop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "auth/internal.h"

static void list_init(struct gw_auth_waiter *head)
{
    head->prev = head;
    head->next = head;
}

static void list_remove(struct gw_auth_waiter *waiter)
{
    waiter->prev->next = waiter->next;
    waiter->next->prev = waiter->prev;
    waiter->prev = NULL;
    waiter->next = NULL;
}

static void list_append(struct gw_auth_waiter *head, struct gw_auth_waiter *waiter)
{
    waiter->prev = head->prev;
    waiter->next = head;
    head->prev->next = waiter;
    head->prev = waiter;
}

static void arm_timer(struct gw_auth_worker *worker)
{
    const struct gw_auth_waiter *first = worker->waiting.next;
    int64_t left_ms;

    if (first == &worker->waiting) {
        gw_timer_clear(worker->loop, &worker->timer);
        return;
    }
    /* Deadlines come from loads that started one after the other: the list is in their order but for milliseconds. */
    left_ms = first->due_ms - gw_mono_ms();
    gw_timer_set(worker->loop, &worker->timer, left_ms > 0 ? left_ms : 0);
}

/** Let every waiter check again. A callback may wait anew, or take any other waiter away. */
static void wake_all(struct gw_auth_worker *worker)
{
    while (worker->waiting.next != &worker->waiting) {
        struct gw_auth_waiter *waiter = worker->waiting.next;

        list_remove(waiter);
        list_append(&worker->waking, waiter);
    }
    while (worker->waking.next != &worker->waking) {
        struct gw_auth_waiter *waiter = worker->waking.next;

        list_remove(waiter);
        waiter->on_ready(waiter);
    }
    arm_timer(worker);
}

static void on_wake(struct gw_fd *self, uint32_t events)
{
    struct gw_auth_worker *worker = GW_CONTAINER_OF(self, struct gw_auth_worker, wake);
    uint64_t count;

    (void)events;
    (void)!read(self->fd, &count, sizeof count);
    wake_all(worker);
}

static void on_timer(struct gw_timer *self)
{
    wake_all(GW_CONTAINER_OF(self, struct gw_auth_worker, timer));
}

static void signal_worker(const struct gw_auth_worker *worker)
{
    const uint64_t one = 1;

    (void)!write(worker->wake.fd, &one, sizeof one); /* full means already signalled */
}

void gw_auth_wake_workers(struct gw_auth *auth)
{
    for (const struct gw_auth_worker *worker = auth->workers; worker; worker = worker->next)
        signal_worker(worker);
}

struct gw_auth_worker *gw_auth_worker_new(struct gw_auth *auth, struct gw_loop *loop)
{
    struct gw_auth_worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        return NULL;
    worker->auth = auth;
    worker->loop = loop;
    worker->timer.on_due = on_timer;
    worker->wake.on_event = on_wake;
    worker->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    list_init(&worker->waiting);
    list_init(&worker->waking);
    worker->cache = gw_cache_new(auth->tuning.cache_entries, auth->tuning.cache_bytes);
    worker->refusals = gw_refusals_new();
    if (!worker->cache || !worker->refusals || worker->wake.fd < 0 ||
        gw_loop_add(loop, &worker->wake, EPOLLIN) != AIGW_OK)
        goto fail;
    (void)pthread_mutex_lock(&auth->lock);
    worker->view = gw_view_ref(auth->view);
    worker->next = auth->workers;
    auth->workers = worker;
    (void)pthread_mutex_unlock(&auth->lock);
    return worker;
fail:
    if (worker->wake.fd >= 0)
        (void)close(worker->wake.fd);
    gw_refusals_free(worker->refusals);
    gw_cache_free(worker->cache);
    free(worker);
    return NULL;
}

void gw_auth_worker_free(struct gw_auth_worker *worker)
{
    struct gw_auth_worker **link;

    if (!worker)
        return;
    (void)pthread_mutex_lock(&worker->auth->lock);
    for (link = &worker->auth->workers; *link != worker; link = &(*link)->next)
        ;
    *link = worker->next;
    (void)pthread_mutex_unlock(&worker->auth->lock);
    while (worker->waiting.next != &worker->waiting)
        list_remove(worker->waiting.next);
    gw_timer_clear(worker->loop, &worker->timer);
    gw_loop_del(worker->loop, &worker->wake);
    (void)close(worker->wake.fd);
    gw_refusals_free(worker->refusals);
    gw_cache_free(worker->cache);
    gw_view_unref(worker->view);
    free(worker);
}

const struct gw_view *gw_worker_view(struct gw_auth_worker *worker)
{
    struct gw_auth *auth = worker->auth;
    struct gw_view *old = NULL;

    if (atomic_load_explicit(&auth->generation, memory_order_acquire) == worker->view->generation)
        return worker->view;
    (void)pthread_mutex_lock(&auth->lock);
    if (auth->view->config->serial == worker->view->config->serial) {
        old = worker->view;
        worker->view = gw_view_ref(auth->view);
    }
    (void)pthread_mutex_unlock(&auth->lock);
    gw_view_unref(old);
    return worker->view;
}

bool gw_worker_is_behind(const struct gw_auth_worker *worker)
{
    bool is_behind;

    (void)pthread_mutex_lock(&worker->auth->lock);
    is_behind = worker->auth->view->config->serial != worker->view->config->serial;
    (void)pthread_mutex_unlock(&worker->auth->lock);
    return is_behind;
}

void gw_auth_worker_switch(struct gw_auth_worker *worker, struct gw_view *view)
{
    struct gw_view *old = worker->view;

    if (view->config->serial != old->config->serial) {
        wake_all(worker); /* they began with the old settings and are decided by them; behind, none waits again */
        gw_refusals_clear(worker->refusals); /* cached tokens know whose settings let them in */
    }
    worker->view = gw_view_ref(view);
    gw_view_unref(old);
}

void gw_auth_wait(struct gw_auth_worker *worker, struct gw_auth_waiter *waiter)
{
    int64_t latest_ms = gw_mono_ms() + worker->auth->tuning.wait_ms;

    waiter->due_ms = worker->wait_deadline_ms < latest_ms ? worker->wait_deadline_ms : latest_ms;
    list_append(&worker->waiting, waiter);
    if (worker->waiting.next == waiter)
        arm_timer(worker);
    /* A load may have ended, and its signal been served, since the request was told to wait. */
    if (atomic_load_explicit(&worker->auth->epoch, memory_order_acquire) != worker->epoch_seen)
        signal_worker(worker);
}

void gw_auth_unwait(struct gw_auth_worker *worker, struct gw_auth_waiter *waiter)
{
    if (!waiter->next)
        return;
    list_remove(waiter);
    arm_timer(worker);
}
