/* window.c - how long a window is, and which days, weeks and months there are. */
#include <time.h>

#include "limits/internal.h"

#define S_US INT64_C(1000000)

int64_t gw_window_us(int window)
{
    return window == WINDOW_SECOND ? S_US : window == WINDOW_MINUTE ? 60 * S_US : 3600 * S_US;
}

/** First day of a month; month may be 12: January of the next year. */
static int64_t month_begin(int year, int month)
{
    struct tm day = { .tm_year = year, .tm_mon = month, .tm_mday = 1 };

    return (int64_t)timegm(&day) / GW_DAY_S;
}

/** The days, counted from 1970, of the window that has this one: its first, and the first behind it. */
static void days_of(int window, int64_t day, int64_t *ret_begin, int64_t *ret_end)
{
    const time_t midnight = (time_t)(day * GW_DAY_S);
    struct tm tm;

    if (window == WINDOW_MONTH && gmtime_r(&midnight, &tm)) {
        *ret_begin = month_begin(tm.tm_year, tm.tm_mon);
        *ret_end = month_begin(tm.tm_year, tm.tm_mon + 1);
        return;
    }
    if (window == WINDOW_WEEK)
        day -= (day + 3) % 7; /* 1 January 1970 was a Thursday */
    *ret_begin = day;
    *ret_end = day + (window == WINDOW_WEEK ? 7 : 1);
}

void gw_window_of(int window, const struct gw_zone *zone, int64_t wall_s, int64_t *ret_begin_s, int64_t *ret_end_s)
{
    int64_t day = gw_zone_day(zone, wall_s), begin, end;

    days_of(window, day, &begin, &end);
    *ret_begin_s = gw_zone_day_begin_s(zone, begin);
    *ret_end_s = gw_zone_day_begin_s(zone, end);
    if (wall_s < *ret_end_s)
        return;
    /* Clocks were set back over midnight: the day before is there a second time, but its window is over. */
    days_of(window, end, &begin, &end);
    *ret_begin_s = gw_zone_day_begin_s(zone, begin);
    *ret_end_s = gw_zone_day_begin_s(zone, end);
}

#define QUARTER_S INT64_C(900) /* every zone's days begin with a quarter of an hour, or are not kept */

void gw_window_cached(atomic_ullong *last, int window, const struct gw_zone *zone, int64_t wall_s, int64_t *ret_begin_s,
                      int64_t *ret_end_s)
{
    unsigned long long word = atomic_load(last);

    *ret_begin_s = (int64_t)(word >> 32) * QUARTER_S;
    *ret_end_s = (int64_t)(word & UINT32_MAX) * QUARTER_S;
    if (wall_s >= *ret_begin_s && wall_s < *ret_end_s)
        return;
    gw_window_of(window, zone, wall_s, ret_begin_s, ret_end_s);
    if (*ret_begin_s >= 0 && *ret_begin_s % QUARTER_S == 0 && *ret_end_s % QUARTER_S == 0)
        atomic_store(last, (unsigned long long)(*ret_begin_s / QUARTER_S) << 32 |
                               (unsigned long long)(*ret_end_s / QUARTER_S));
}
