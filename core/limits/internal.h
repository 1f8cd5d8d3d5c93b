/* internal.h - what the files of core/limits share. */
#ifndef GW_LIMITS_INTERNAL_H
#define GW_LIMITS_INTERNAL_H

#include <stdatomic.h>

#include "limits/limits.h"

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
    int64_t window_us;
    uint64_t seed; /* of its counters: name and window */
};

struct gw_quotas {
    struct gw_quota *items;
    size_t count;
};

/** Counters of one quota for one entity. Times are "theoretical arrival times": when all that was charged would be
 *  paid, at the quota's pace (GCRA). */
struct gw_limit_slot {
    atomic_ullong id; /* hash of quota and entity, 0: free */
    atomic_llong requests_until_us, tokens_until_us;
    atomic_llong parallel;
};

/** NULL: the table is full of callers that are still counted. */
struct gw_limit_slot *gw_limit_slot_of(struct gw_limit_table *table, uint64_t id, int64_t now_us);
/** Charge `cost` units of which `limit` fit into the window, if no more than `burst` are used then. False with the time
 *  until it would pass. */
bool gw_limit_take(atomic_llong *until_us, int64_t cost, int64_t limit, int64_t burst, int64_t window_us,
                   int64_t now_us, int64_t *ret_wait_us);
/** Change what was charged: more, or (negative) less. */
void gw_limit_correct(atomic_llong *until_us, int64_t cost, int64_t limit, int64_t window_us);
#endif
