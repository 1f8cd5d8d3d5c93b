/* hours.c - "Mon-Fri 08:00-18:00 Europe/Berlin". */
#include <stdio.h>
#include <string.h>

#include "base/zone.h"
#include "models/plan.h"

#define MINUTES 1440

struct gw_hours {
    uint32_t days;    /* bit 0: Sunday */
    int32_t from, to; /* minutes of the day; from == to: all of it */
    const struct gw_zone *zone;
};

static int day_of(const char *text)
{
    static const char *const names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

    for (int i = 0; i < 7; i++)
        if (gw_str_eq_ci((aigw_str){ text, 3 }, gw_str(names[i])))
            return i;
    return -1;
}

/* "Mon-Fri" or "Sat". */
static bool read_days(const char *word, size_t len, uint32_t *ret_days)
{
    int from = len == 3 || (len == 7 && word[3] == '-') ? day_of(word) : -1;
    int to = from < 0 ? -1 : len == 7 ? day_of(word + 4) : from;

    if (to < 0)
        return false;
    *ret_days = 0;
    for (int day = from;; day = (day + 1) % 7) {
        *ret_days |= 1u << day;
        if (day == to)
            return true;
    }
}

static bool read_times(const char *word, size_t len, struct gw_hours *hours)
{
    unsigned a, b, c, d;
    char copy[16];
    int used = 0;

    if (len >= sizeof copy)
        return false;
    memcpy(copy, word, len);
    copy[len] = '\0';
    if (sscanf(copy, "%2u:%2u-%2u:%2u%n", &a, &b, &c, &d, &used) != 4 || (size_t)used != len)
        return false;
    if (b > 59 || d > 59 || a * 60 + b >= MINUTES || c * 60 + d > MINUTES)
        return false;
    hours->from = (int32_t)(a * 60 + b);
    hours->to = (int32_t)(c * 60 + d);
    return true;
}

struct gw_hours *gw_hours_build(struct gw_arena *arena, const char *text, const char **ret_reason)
{
    struct gw_hours *hours = gw_arena_calloc(arena, sizeof *hours);
    const char *zone = "UTC";
    const char *at = text;
    bool did_days = false, did_times = false;

    *ret_reason = "expected days, hours and time zone, such as \"Mon-Fri 08:00-18:00 Europe/Berlin\"";
    if (!hours)
        return NULL;
    hours->days = 0x7f;
    while (*(at += strspn(at, " "))) {
        size_t len = strcspn(at, " ");
        if (!did_days && !did_times && read_days(at, len, &hours->days))
            did_days = true;
        else if (!did_times && read_times(at, len, hours))
            did_times = true;
        else if (at[len] || (!did_days && !did_times)) /* a zone stands last, and not alone */
            return NULL;
        else
            zone = at;
        at += len;
    }
    if (!did_days && !did_times)
        return NULL;
    hours->zone = gw_zone_load(arena, zone, ret_reason);
    return hours->zone ? hours : NULL;
}

bool gw_hours_contain(const struct gw_hours *hours, int64_t wall_s)
{
    int64_t local_s = wall_s + gw_zone_offset_s(hours->zone, wall_s);
    int64_t day = local_s / GW_DAY_S;
    int32_t minute = (int32_t)(local_s % GW_DAY_S / 60);
    uint32_t today = 1u << (day + 4) % 7, yesterday = 1u << (day + 3) % 7; /* 1970 began on a Thursday */

    if (hours->from == hours->to)
        return hours->days & today;
    if (hours->from < hours->to)
        return hours->days & today && minute >= hours->from && minute < hours->to;
    return (hours->days & today && minute >= hours->from) || (hours->days & yesterday && minute < hours->to);
}
