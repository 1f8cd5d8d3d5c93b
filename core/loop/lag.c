/* lag.c - see lag.h. */
#include "loop/lag.h"

const int gw_lag_bounds_ms[] = { 1, 5, 10, 50, 100, 500 };

static void add(atomic_ullong *count, uint64_t more)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more, memory_order_relaxed);
}

void gw_lag_count(struct gw_lag *lag, const struct gw_sleep *sleep)
{
    int64_t late_ms = sleep->woke_ms - sleep->began_ms;
    uint32_t i = 0;

    if (sleep->began_ms == 0 || (sleep->asked_ms != 0 && sleep->slept_ms == 0))
        return;
    if (sleep->asked_ms != 0) {
        int64_t over_ms = sleep->woke_ms - sleep->slept_ms - sleep->asked_ms;

        late_ms = sleep->slept_ms - sleep->began_ms + (sleep->did_time_out && over_ms > 0 ? over_ms : 0);
    }
    while (i < GW_LAGS - 1 && late_ms > gw_lag_bounds_ms[i])
        i++;
    add(&lag->turns[i], 1);
    if (late_ms > 0)
        add(&lag->sum_ms, (uint64_t)late_ms);
}

void gw_lag_add(const struct gw_lag *lag, struct gw_lags *sum)
{
    for (uint32_t i = 0; i < GW_LAGS; i++)
        sum->turns[i] += atomic_load_explicit(&lag->turns[i], memory_order_relaxed);
    sum->sum_ms += atomic_load_explicit(&lag->sum_ms, memory_order_relaxed);
}
