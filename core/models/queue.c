/* queue.c - see queue.h. A worker that ever had a waiter has a desk, where others see that somebody waits there. */
#include "models/queue.h"

#define DESKS 1024u /* as many as there can be workers (server.workers) */

struct desk {
    _Atomic(struct gw_loop *) loop;
    atomic_uint waiting;
};
static struct desk desks[DESKS];

/* This worker's own. */
static _Thread_local struct gw_waiter *first, *last;
static _Thread_local struct desk *own;

static struct desk *desk_of(struct gw_loop *loop)
{
    if (own && atomic_load(&own->loop) == loop)
        return own;
    own = NULL;
    for (size_t i = 0; i < DESKS && !own; i++) {
        struct gw_loop *none = NULL;
        if (atomic_load(&desks[i].loop) == loop ||
            (atomic_load(&desks[i].waiting) == 0 && atomic_compare_exchange_strong(&desks[i].loop, &none, loop)))
            own = &desks[i];
    }
    return own;
}

static struct gw_waiter *first_for(const struct gw_seat *seat)
{
    struct gw_waiter *waiter = first;

    while (waiter && waiter->place->seat != seat)
        waiter = waiter->next;
    return waiter;
}

static void wake(struct gw_seat *seat);

/* On the loop of the desk that was told. */
static void turn(void *arg)
{
    struct gw_seat *seat = arg;
    struct gw_waiter *waiter = first_for(seat);

    if (waiter)
        waiter->on_turn(waiter);
    else
        wake(seat); /* it left meanwhile, or waits at another desk */
}

/* Tell one desk where somebody waits; another one each time, so that every line moves. */
static void wake(struct gw_seat *seat)
{
    static atomic_uint next;
    unsigned start;

    if (atomic_load(&seat->waiting) == 0)
        return;
    start = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
    for (unsigned i = 0; i < DESKS; i++) {
        struct desk *desk = &desks[(start + i) % DESKS];
        struct gw_loop *loop = atomic_load(&desk->loop);
        if (loop && atomic_load(&desk->waiting) > 0 && gw_loop_post(loop, turn, seat))
            return;
    }
}

bool gw_queue_join(struct gw_waiter *waiter, const struct gw_place *place, struct gw_loop *loop)
{
    struct desk *desk = desk_of(loop);
    unsigned waiting = place->seat ? atomic_load(&place->seat->waiting) : 0;

    if (!place->seat || !desk)
        return false;
    do {
        if ((int64_t)waiting >= place->queue)
            return false;
    } while (!atomic_compare_exchange_weak(&place->seat->waiting, &waiting, waiting + 1));
    atomic_fetch_add(&desk->waiting, 1);
    waiter->place = place;
    waiter->loop = loop;
    waiter->next = NULL;
    waiter->prev = last;
    *(last ? &last->next : &first) = waiter;
    last = waiter;
    return true;
}

void gw_queue_leave(struct gw_waiter *waiter)
{
    const struct gw_place *place = waiter->place;

    if (!place)
        return;
    *(waiter->prev ? &waiter->prev->next : &first) = waiter->next;
    *(waiter->next ? &waiter->next->prev : &last) = waiter->prev;
    waiter->place = NULL;
    atomic_fetch_sub(&desk_of(waiter->loop)->waiting, 1);
    atomic_fetch_sub(&place->seat->waiting, 1);
    if (place->max_parallel > 0 && atomic_load(&place->seat->in_flight) < (unsigned)place->max_parallel)
        wake(place->seat);
}

void gw_place_leave(const struct gw_place *place)
{
    if (!place || place->max_parallel <= 0)
        return;
    gw_seat_leave(place->seat);
    if (place->seat)
        wake(place->seat);
}
