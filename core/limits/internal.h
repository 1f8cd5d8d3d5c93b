/* internal.h - what the files of core/limits share. */
#ifndef GW_LIMITS_INTERNAL_H
#define GW_LIMITS_INTERNAL_H

#include <pthread.h>
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

enum gw_limit_counter {
    GW_LIMIT_PARALLEL, /* calls under way */
    GW_LIMIT_REQUESTS,
    GW_LIMIT_TOKENS,
    GW_LIMIT_COUNTERS,
};

/** Counters of one quota for one entity. Each is one word. Those of windows say by themselves what they are, so that a
 * slot can change hands without being cleared: in a window that slides a "theoretical arrival time" on the monotonic
 * clock, when all that was charged would be paid at the quota's pace (GCRA); in one of the calendar the day on which it
 * ends, and a sum.
 *
 * A slot changes hands only while nobody holds it: whoever charges it holds it from before that until the call is
 * settled. */
struct gw_limit_slot {
    atomic_ullong id; /* hash of quota, entity and window; 0: free, or about to change hands */
    atomic_uint holds;
    atomic_llong words[GW_LIMIT_COUNTERS];
};

#define GW_LIMIT_SUM_MAX ((INT64_C(1) << 38) - 1)

struct gw_limit_table {
    size_t mask;
    atomic_llong bytes_per_token_x100, output_tokens; /* means of the calls so far */
    pthread_mutex_t claiming;                         /* one entity at a time gets a slot */
    struct gw_limit_slot slots[];
};

/** Hold the slot of an entity. NULL: the table is full of callers that are still counted. */
struct gw_limit_slot *gw_limit_hold_slot(struct gw_limit_table *table, uint64_t id, const struct gw_limit_now *now);
void gw_limit_let_go(struct gw_limit_slot *slot);

/** What a call needs of one counter. */
struct gw_limit_need {
    enum gw_limit_counter counter;
    enum {
        GW_NEED_PLACE, /* add calls, if no more than room are under way then */
        GW_NEED_PACE,  /* both are microseconds of the quota's pace */
        GW_NEED_SUM,   /* both are units of a window of the calendar, */
    } kind;
    int64_t add, room;
    int64_t end_day; /* … which ends when that day begins */
};
/** Charge it. False with the time until it would pass; -1: nobody knows. */
bool gw_limit_take(struct gw_limit_slot *slot, const struct gw_limit_need *need, const struct gw_limit_now *now,
                   int64_t *ret_wait_us);
/** Change what was charged by need->add units: more, or (negative) less. */
void gw_limit_correct(struct gw_limit_slot *slot, const struct gw_limit_need *need);

#endif
