/* internal.h - what the files of core/limits share. */
#ifndef GW_LIMITS_INTERNAL_H
#define GW_LIMITS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/zone.h"
#include "limits/limits.h"

enum {
    PER_ALL,
    PER_INSTANCE,
    PER_USER,
    PER_KEY,
    PER_TEAM,
    PER_MODEL,
};

#define GW_WARN_MAX 16u
#define GW_COST_MAX 1e9 /* units of the currency */

/** One group of conf.d. */
struct gw_quota {
    const char *name;
    const char *per_text, *window_text;
    struct aigw_list match;  /* of the entity; none: any */
    struct aigw_list models; /* the call's model; none: any */
    int64_t requests, tokens, parallel, burst;
    double cost_units, cached_weight;
    int64_t cost;                   /* 1e-9 of the currency */
    const char *on_empty, *instead; /* instead: the model behind "use:" */
    int32_t warn[GW_WARN_MAX];      /* per cent, rising */
    uint32_t warn_count;
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
    WINDOW_KINDS,
};
static inline bool window_slides(int window)
{
    return window <= WINDOW_HOUR;
}
/** Length of one that slides. */
int64_t gw_window_us(int window);
/** The one of the zone's calendar (NULL: UTC) in which that moment lies: from its first to the first after it. */
void gw_window_of(int window, const struct gw_zone *zone, int64_t wall_s, int64_t *ret_begin_s, int64_t *ret_end_s);

/** As gw_window_of(), from `last` if the moment lies in that: each call asks for the same window, and dates are dear.
 *  Any thread. *last: begin and end in one word; 0: none yet. */
void gw_window_cached(atomic_ullong *last, int window, const struct gw_zone *zone, int64_t wall_s, int64_t *ret_begin_s,
                      int64_t *ret_end_s);

struct gw_quotas {
    struct gw_quota *items;
    size_t count;
    atomic_ullong *windows; /* WINDOW_KINDS for gw_window_cached() */
    const struct gw_prices *prices;
};

enum gw_limit_counter {
    GW_LIMIT_PARALLEL, /* calls under way */
    GW_LIMIT_REQUESTS,
    GW_LIMIT_TOKENS,
    GW_LIMIT_COST, /* 1e-9 of the currency, what calls under way reserved among it */
    GW_LIMIT_COUNTERS,
};

/** Counters of one quota for one entity. Each is one word. Those of windows say by themselves what they are, so that a
 * slot can change hands without being cleared: in a window that slides a "theoretical arrival time" on the monotonic
 * clock, when all that was charged would be paid at the quota's pace (GCRA); in one of the calendar its end and a sum.
 * Money needs the whole word: it is set to zero when the slot changes hands.
 *
 * A slot changes hands only while nobody holds it: whoever charges it holds it from before that until the call is
 * settled. */
struct gw_limit_slot {
    atomic_ullong id; /* of the key; 0: free, or about to change hands */
    atomic_uint holds;
    atomic_uint warned; /* bit for each of the quota's `warn` */
    atomic_llong words[GW_LIMIT_COUNTERS];
    atomic_llong reserved;  /* of the cost: by calls under way */
    atomic_llong refused_s; /* when a refusal was last logged */
    struct gw_limit_whose {
        uint64_t quota;         /* its seed */
        int64_t begin_s, end_s; /* of a window of the calendar, else 0 */
        char entity[64];        /* for people: cut, and of a user no name */
    } whose;
    bool is_listed;
};
/** Whose counters are looked for. */
struct gw_limit_key {
    uint64_t id; /* hash of the rest; never 0 */
    uint64_t quota;
    int64_t begin_s, end_s;
    aigw_str entity;
    bool is_user;
};

#define GW_LIMIT_SUM_MAX ((INT64_C(1) << 38) - 1)

struct gw_limit_table {
    size_t mask;
    struct gw_shared *shared;                         /* NULL: nothing can be shared; else see gw_shared_is_on() */
    atomic_llong bytes_per_token_x100, output_tokens; /* means of the calls so far */
    pthread_mutex_t claiming;                         /* one entity at a time gets a slot */
    uint32_t *listed;                                 /* slots that anybody ever had */
    size_t listed_count;
    struct gw_limit_slot slots[];
};

/** Hold the slot of an entity. NULL: the table is full of callers that are still counted. */
struct gw_limit_slot *gw_limit_hold_slot(struct gw_limit_table *table, const struct gw_limit_key *key,
                                         const struct gw_limit_now *now);
void gw_limit_let_go(struct gw_limit_slot *slot);
/** Call fn for each slot that somebody has. It does not change hands meanwhile; fn is quick and claims none. */
void gw_limit_each(struct gw_limit_table *table, void (*fn)(void *user, const struct gw_limit_slot *slot), void *user);
/** What is used of a counter: calls, units, 1e-9 of the currency; in a window that slides microseconds of its pace. */
int64_t gw_limit_used(const struct gw_limit_slot *slot, enum gw_limit_counter counter, const struct gw_limit_now *now);

/** What a call needs of one counter. */
struct gw_limit_need {
    enum gw_limit_counter counter;
    enum {
        GW_NEED_PLACE, /* add calls, if no more than room are under way then */
        GW_NEED_PACE,  /* both are microseconds of the quota's pace */
        GW_NEED_SUM,   /* both are units of a window of the calendar */
        GW_NEED_MONEY, /* both are 1e-9 of the currency: add it while less than room is used or reserved */
    } kind;
    int64_t add, room;
    int64_t end_s; /* of the window */
    int64_t slice; /* while limits are shared: how much of it may be charged ahead of the store */
};
#define GW_LIMIT_ROOM_ANY (INT64_MAX / 4)
/** Charge it. False with the time until it would pass; -1: when calls under way end. */
bool gw_limit_take(struct gw_limit_slot *slot, const struct gw_limit_need *need, const struct gw_limit_now *now,
                   int64_t *ret_wait_us);
/** Change what was charged by need->add units: more, or (negative) less. Of money need->room is reserved no longer. */
void gw_limit_correct(struct gw_limit_slot *slot, const struct gw_limit_need *need);
/** Set the counter of a window to a value (a moment on the monotonic clock, a sum, money) if its word is `was` still;
 *  else it is put there. */
bool gw_limit_exchange(struct gw_limit_slot *slot, const struct gw_limit_need *need, long long *was, int64_t value);
/** Does a counter hold nothing that matters any more? */
bool gw_limit_is_over(const struct gw_limit_slot *slot, enum gw_limit_counter counter, const struct gw_limit_now *now);

/* prices.c */

/** Whose days, weeks and months count, and its name. NULL: UTC. */
const struct gw_zone *gw_prices_zone(const struct gw_prices *prices, const char **ret_name);

bool gw_price_is_free(const struct gw_price *price);

/* quota.c */

/** Would it count calls of this model, whoever makes them? */
bool gw_quota_counts_model(const struct gw_quota *quota, aigw_str model);
/** What fits into a quota's counter at one time, in the units of gw_limit_used(). 0: it has none. */
int64_t gw_quota_room(const struct gw_quota *quota, enum gw_limit_counter counter);

/** What a call needs of a quota's counters; as many as are limited, GW_LIMIT_COUNTERS at most. */
size_t gw_quota_needs(const struct gw_limit_held *held, const struct gw_limit_use *use,
                      struct gw_limit_need *ret_needs);
/** A need refused a call; wait_us as gw_limit_take() says it. */
void gw_quota_refuse(const struct gw_limit_hold *hold, const struct gw_limit_held *held,
                     const struct gw_limit_subject *subject, const struct gw_limit_need *need, int64_t wait_us,
                     const struct gw_limit_now *now, struct gw_limit_refusal *ret_refusal);
/** For all, because the store is down. */
void gw_limit_refuse_closed(struct gw_limit_refusal *ret_refusal);

/* shared.c, for the counters; see shared.h */

bool gw_shared_is_on(struct gw_shared *shared);
/** How a call is charged now: ADMITTED when counters here decide, ASK when the store does, REFUSED when it is down and
 *  that is what is wanted then. */
enum gw_limit_verdict gw_shared_begin(struct gw_shared *shared);
/** As gw_limit_take(). *ret_must_ask, set with false: the store knows. */
bool gw_shared_take(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need,
                    const struct gw_limit_now *now, int64_t *ret_wait_us, bool *ret_must_ask);
/** As gw_limit_correct(). */
void gw_shared_correct(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need);
/** A slot has another entity now, and nobody holds it yet. */
void gw_shared_forget(struct gw_shared *shared, const struct gw_limit_slot *slot);

/* quota_show.c */

/** A quota of the calendar was charged: say once in a window that a percentage of `warn` is reached. */
void gw_quota_warn(const struct gw_quotas *quotas, const struct gw_limit_held *held);
/** It refused: say so, at most once a minute for an entity. */
void gw_quota_log_refusal(const struct gw_limit_held *held, const char *text, const struct gw_limit_now *now);
#endif
