/* lag.h - how late a loop turned: the time for which it did not look for events, and by how much it overslept. In whole
 * milliseconds of the clock that it reads anyway, so one less or more. */
#ifndef GW_LOOP_LAG_H
#define GW_LOOP_LAG_H

#include <stdatomic.h>

#include "base/base.h"

#define GW_LAGS 7u
extern const int gw_lag_bounds_ms[GW_LAGS - 1];

/** What a loop counts: written by its thread alone. */
struct gw_lag {
    atomic_ullong turns[GW_LAGS], sum_ms;
};

/** What several loops counted. */
struct gw_lags {
    uint64_t turns[GW_LAGS]; /* up to each bound, above the one before; the last: above all of them */
    uint64_t sum_ms;
};

/** One turn, and the sleep that it ended in. Monotonic. */
struct gw_sleep {
    int64_t began_ms; /* the turn; 0: there was none yet */
    int64_t slept_ms; /* 0: nobody read the clock, as no timer was armed: such a turn is not counted */
    int64_t woke_ms;
    int asked_ms;      /* how long it was to sleep; 0: it only looked, -1: until something happens */
    bool did_time_out; /* nothing but the time woke it */
};

void gw_lag_count(struct gw_lag *lag, const struct gw_sleep *sleep);
/** Any thread. */
void gw_lag_add(const struct gw_lag *lag, struct gw_lags *sum);

#endif
