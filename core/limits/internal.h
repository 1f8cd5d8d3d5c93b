/* internal.h - what the files of core/limits share. */
#ifndef GW_LIMITS_INTERNAL_H
#define GW_LIMITS_INTERNAL_H

#include <stdatomic.h>

#include "limits/limits.h"

#define DAY_S INT64_C(86400)

enum {
    PER_ALL,
    PER_INSTANCE,
    PER_USER,
    PER_KEY,
    PER_TEAM,
    PER_MODEL,
};

/** One group of conf.d. */
struct gw_quota {
    const char *name;
    const char *per_text, *window_text;
    struct aigw_list match;  /* of the entity; none: any */
    struct aigw_list models; /* the call's model; none: any */
    int64_t requests, tokens, parallel, burst;
    int per;
    int window;
    uint64_t seed; /* of its counters: name and window */
};

enum {
    WINDOW_SECOND, /* they slide */
    WINDOW_MINUTE,
    WINDOW_HOUR,
    WINDOW_DAY, /* they begin and end */
    WINDOW_WEEK,
    WINDOW_MONTH,
};
static inline bool window_slides(int window)
{
    return window <= WINDOW_HOUR;
}
/** Length of one that slides. */
int64_t gw_window_us(int window);
/** The one of the calendar at hand: its first day and the day after its last, since 1970. */
void gw_window_of(int window, int64_t wall_s, int64_t *ret_begin_day, int64_t *ret_end_day);

struct gw_quotas {
    struct gw_quota *items;
    size_t count;
};

/** Counters of one quota for one entity. Each is one word that says by itself what it is, so that a place can change
 *  hands without ever being cleared: in a window that slides a "theoretical arrival time" on the monotonic clock, when
 * all that was charged would be paid at the quota's pace (GCRA); in one of the calendar the day on which it ends, and a
 * sum. */
struct gw_limit_slot {
    atomic_ullong id; /* hash of quota, entity and window, 0: free */
    atomic_llong requests, tokens;
    atomic_llong parallel;
};

#define GW_LIMIT_SUM_MAX ((INT64_C(1) << 38) - 1)

/** NULL: the table is full of callers that are still counted. */
struct gw_limit_slot *gw_limit_slot_of(struct gw_limit_table *table, uint64_t id, const struct gw_limit_now *now);
/** Charge `cost` units of which `limit` fit into the window, if no more than `burst` are used then. False with the time
 *  until it would pass. */
bool gw_limit_take(atomic_llong *until_us, int64_t cost, int64_t limit, int64_t burst, int64_t window_us,
                   int64_t now_us, int64_t *ret_wait_us);
/** Change what was charged: more, or (negative) less. */
void gw_limit_correct(atomic_llong *until_us, int64_t cost, int64_t limit, int64_t window_us);
/** Both for a window of the calendar that ends with that day's beginning. */
bool gw_limit_add(atomic_llong *sum, int64_t cost, int64_t limit, int64_t end_day);
void gw_limit_add_correct(atomic_llong *sum, int64_t cost, int64_t end_day);

#endif
