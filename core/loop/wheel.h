/* wheel.h - hierarchical timer wheel: set, move and clear in constant time. Internal to the loop. */
#ifndef GW_LOOP_WHEEL_H
#define GW_LOOP_WHEEL_H

#include "loop/loop.h"

#define GW_WHEEL_BITS   6
#define GW_WHEEL_SLOTS  64
#define GW_WHEEL_LEVELS 5 /* 64^5 ms = 12 days; timers further out are looked at again every 12 days */

struct gw_wheel {
    int64_t tick_ms;                                        /* everything due up to here has left the slots */
    uint64_t used[GW_WHEEL_LEVELS];                         /* bit: the slot may hold timers (cleared lazily) */
    struct gw_timer slots[GW_WHEEL_LEVELS][GW_WHEEL_SLOTS]; /* list heads */
    struct gw_timer ready;                                  /* list head: due, waiting to be run */
    struct gw_timer running;                                /* list head: being run now */
};

void gw_wheel_init(struct gw_wheel *wheel, int64_t now_ms);
void gw_wheel_set(struct gw_wheel *wheel, struct gw_timer *timer, int64_t due_ms);
void gw_wheel_clear(struct gw_timer *timer);
/** Collect what is due by now_ms. */
void gw_wheel_advance(struct gw_wheel *wheel, int64_t now_ms);
/** Run collected timers; timers set meanwhile wait for the next call. */
void gw_wheel_run(struct gw_wheel *wheel);
/** When to look again: 0 when something is ready, -1 when nothing is armed; never later than the next due timer. */
int64_t gw_wheel_wait_ms(struct gw_wheel *wheel, int64_t now_ms);

#endif
