/* hours.c - "Mon-Fri 08:00-18:00 Europe/Berlin". The zone is read from the system's files once; nothing of the
 * process's own time zone is used or changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/plan.h"

#define ZONES    "/usr/share/zoneinfo"
#define ZONE_MAX ((size_t)256 << 10)
#define DAY_S    86400
#define MINUTES  1440

struct shift {
    int64_t from_s;   /* from this moment on … */
    int32_t offset_s; /* … the zone is so far ahead of UTC */
};

struct gw_hours {
    uint32_t days;    /* bit 0: Sunday */
    int32_t from, to; /* minutes of the day; from == to: all of it */
    struct shift *shifts;
    size_t shift_count;
};

static int64_t big_endian(const unsigned char *at, size_t bytes)
{
    uint64_t value = at[0] & 0x80 ? ~UINT64_C(0) : 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return (int64_t)value;
}

/* The second, 64-bit part of a TZif file: transitions, the type of each, and the types. */
static const char *read_shifts(struct gw_arena *arena, const unsigned char *bytes, size_t len, struct gw_hours *hours)
{
    static const char broken[] = "the zone's file cannot be read";
    int64_t n[6]; /* isutc, isstd, leap, time, type, char */
    size_t at = 0;

    for (int part = 0; part < 2; part++) {
        if (len - at < 44 || memcmp(bytes + at, "TZif", 4) != 0 || bytes[at + 4] < '2')
            return broken;
        for (size_t i = 0; i < 6; i++) {
            n[i] = big_endian(bytes + at + 20 + 4 * i, 4);
            if (n[i] < 0 || n[i] > 100000)
                return broken;
        }
        at += 44;
        if (part == 0)
            at += (size_t)(n[3] * 5 + n[4] * 6 + n[5] + n[2] * 8 + n[1] + n[0]);
        if (at > len)
            return broken;
    }
    size_t times = (size_t)n[3], types = (size_t)n[4];
    if (types == 0 || at + times * 9 + types * 6 > len)
        return broken;
    const unsigned char *index = bytes + at + times * 8, *type = index + times;
    hours->shifts = gw_arena_alloc(arena, (times + 1) * sizeof *hours->shifts);
    if (!hours->shifts)
        return "out of memory";
    hours->shifts[hours->shift_count++] = (struct shift){ INT64_MIN, (int32_t)big_endian(type, 4) };
    for (size_t i = 0; i < times; i++) {
        if (index[i] >= types)
            return broken;
        hours->shifts[hours->shift_count++] =
            (struct shift){ big_endian(bytes + at + 8 * i, 8), (int32_t)big_endian(type + 6 * (size_t)index[i], 4) };
    }
    return NULL;
}

static const char *read_zone(struct gw_arena *arena, const char *zone, struct gw_hours *hours)
{
    const char *path, *why =
                          "there is no such time zone on this machine; expected a name such as Europe/Berlin (and the "
                          "package tzdata)";
    unsigned char *bytes = NULL;
    FILE *file = NULL;

    if (strcmp(zone, "UTC") == 0) {
        hours->shifts = gw_arena_calloc(arena, sizeof *hours->shifts);
        hours->shift_count = 1;
        return hours->shifts ? NULL : "out of memory";
    }
    if (strstr(zone, "..") || zone[0] == '/' || !(path = gw_arena_printf(arena, ZONES "/%s", zone)))
        return why;
    file = fopen(path, "re");
    bytes = file ? malloc(ZONE_MAX) : NULL;
    if (bytes)
        why = read_shifts(arena, bytes, fread(bytes, 1, ZONE_MAX, file), hours);
    free(bytes);
    if (file)
        fclose(file);
    return why;
}

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
    *ret_reason = read_zone(arena, zone, hours);
    return *ret_reason ? NULL : hours;
}

bool gw_hours_contain(const struct gw_hours *hours, int64_t wall_s)
{
    size_t low = 0, high = hours->shift_count;

    while (high - low > 1) { /* the last shift that has begun */
        size_t middle = (low + high) / 2;
        if (hours->shifts[middle].from_s <= wall_s)
            low = middle;
        else
            high = middle;
    }
    int64_t local_s = wall_s + hours->shifts[low].offset_s;
    int64_t day = local_s / DAY_S;
    int32_t minute = (int32_t)(local_s % DAY_S / 60);
    uint32_t today = 1u << (day + 4) % 7, yesterday = 1u << (day + 3) % 7; /* 1970 began on a Thursday */

    if (hours->from == hours->to)
        return hours->days & today;
    if (hours->from < hours->to)
        return hours->days & today && minute >= hours->from && minute < hours->to;
    return (hours->days & today && minute >= hours->from) || (hours->days & yesterday && minute < hours->to);
}
