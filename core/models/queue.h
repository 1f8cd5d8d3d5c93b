/* queue.h - waiting for a place at a server that takes max_parallel at once. Each worker has a line of its own, first
 * come first served; how many wait in all is in the place's seat. A place that becomes free wakes one waiter, here or
 * on another worker. */
#ifndef GW_QUEUE_H
#define GW_QUEUE_H

#include "models/plan.h"

struct gw_waiter {
    struct gw_waiter *prev, *next;
    const struct gw_place *place; /* NULL: in no line */
    struct gw_loop *loop;
    /** Perhaps there is room: from the loop of whoever waits. It stays in line until gw_queue_leave(). */
    void (*on_turn)(struct gw_waiter *self);
};

/** Stand in line. False: place->queue are waiting already. Whoever joined has to look once more whether there is room
 *  now, since nobody wakes it for what became free before. */
bool gw_queue_join(struct gw_waiter *waiter, const struct gw_place *place, struct gw_loop *loop);
/** Nothing when it is in no line. If it was woken and leaves without having taken the room, the next one is woken. */
void gw_queue_leave(struct gw_waiter *waiter);
/** One less in flight at the place; whoever waits for it is told. */
void gw_place_leave(const struct gw_place *place);

#endif
