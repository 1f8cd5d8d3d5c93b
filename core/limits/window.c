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

    return (int64_t)timegm(&day) / DAY_S;
}

void gw_window_of(int window, int64_t wall_s, int64_t *ret_begin_day, int64_t *ret_end_day)
{
    const time_t now = (time_t)wall_s;
    int64_t day = wall_s / DAY_S;
    struct tm tm;

    if (window == WINDOW_MONTH && gmtime_r(&now, &tm)) {
        *ret_begin_day = month_begin(tm.tm_year, tm.tm_mon);
        *ret_end_day = month_begin(tm.tm_year, tm.tm_mon + 1);
        return;
    }
    if (window == WINDOW_WEEK)
        day -= (day + 3) % 7; /* 1 January 1970 was a Thursday */
    *ret_begin_day = day;
    *ret_end_day = day + (window == WINDOW_WEEK ? 7 : 1);
}
