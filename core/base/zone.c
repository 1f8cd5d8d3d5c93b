/* zone.c - see zone.h. A zone is a list of moments and what holds from each of them on, and a rule for later ones. */
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONES      "/usr/share/zoneinfo"
#define ZONE_MAX   ((size_t)256 << 10)
#define COUNTS_MAX 100000 /* of anything in a file: none has more than some hundreds */

struct shift {
    int64_t from_s;   /* from this moment on … */
    int32_t offset_s; /* … the zone is so far ahead of UTC */
};

struct gw_zone {
    struct shift *shifts;
    size_t shift_count;
    bool has_rule; /* for what comes behind the last shift */
    struct gw_zone_rule rule;
};

/* ---- reading ---- */

static int64_t big_endian(const unsigned char *at, size_t bytes)
{
    uint64_t value = at[0] & 0x80 ? ~UINT64_C(0) : 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return (int64_t)value;
}

/* Behind the data stands the rule, between two line ends; it may be empty. */
static void read_rule(const unsigned char *at, size_t len, struct gw_zone *zone)
{
    const char *text = (const char *)at + 1, *end;

    if (len < 2 || at[0] != '\n' || !(end = memchr(text, '\n', len - 1)))
        return;
    zone->has_rule = gw_zone_rule_read((aigw_str){ text, (size_t)(end - text) }, &zone->rule);
}

/* The second, 64-bit part of a TZif file: transitions, the type of each, and the types. */
static const char *read_shifts(struct gw_arena *arena, const unsigned char *bytes, size_t len, struct gw_zone *zone)
{
    static const char broken[] = "the zone's file cannot be read";
    int64_t n[6]; /* isutc, isstd, leap, time, type, char */
    size_t at = 0, times, types, behind;
    const unsigned char *index, *type;

    for (int part = 0; part < 2; part++) {
        if (len - at < 44 || memcmp(bytes + at, "TZif", 4) != 0 || bytes[at + 4] < '2')
            return broken;
        for (size_t i = 0; i < 6; i++) {
            n[i] = big_endian(bytes + at + 20 + 4 * i, 4);
            if (n[i] < 0 || n[i] > COUNTS_MAX)
                return broken;
        }
        at += 44;
        if (part == 0)
            at += (size_t)(n[3] * 5 + n[4] * 6 + n[5] + n[2] * 8 + n[1] + n[0]);
        if (at > len)
            return broken;
    }
    times = (size_t)n[3];
    types = (size_t)n[4];
    behind = at + times * 9 + types * 6 + (size_t)(n[5] + n[2] * 12 + n[1] + n[0]);
    if (types == 0 || behind > len)
        return broken;
    index = bytes + at + times * 8;
    type = index + times;
    zone->shifts = gw_arena_alloc(arena, (times + 1) * sizeof *zone->shifts);
    if (!zone->shifts)
        return "out of memory";
    zone->shifts[zone->shift_count++] = (struct shift){ INT64_MIN, (int32_t)big_endian(type, 4) };
    for (size_t i = 0; i < times; i++) {
        if (index[i] >= types)
            return broken;
        zone->shifts[zone->shift_count++] =
            (struct shift){ big_endian(bytes + at + 8 * i, 8), (int32_t)big_endian(type + 6 * (size_t)index[i], 4) };
    }
    read_rule(bytes + behind, len - behind, zone);
    return NULL;
}

const struct gw_zone *gw_zone_read(struct gw_arena *arena, aigw_str bytes, const char **ret_reason)
{
    struct gw_zone *zone = gw_arena_calloc(arena, sizeof *zone);

    *ret_reason = zone ? read_shifts(arena, (const unsigned char *)bytes.ptr, bytes.len, zone) : "out of memory";
    return *ret_reason ? NULL : zone;
}

const struct gw_zone *gw_zone_load(struct gw_arena *arena, const char *name, const char **ret_reason)
{
    const struct gw_zone *zone = NULL;
    const char *path;
    char *bytes = NULL;
    FILE *file = NULL;

    *ret_reason = "there is no such time zone on this machine; expected a name such as Europe/Berlin (and the package "
                  "tzdata)";
    if (strcmp(name, "UTC") == 0) {
        struct gw_zone *utc = gw_arena_calloc(arena, sizeof *utc);
        if (utc)
            utc->has_rule = true; /* nothing is ever added */
        *ret_reason = utc ? NULL : "out of memory";
        return utc;
    }
    if (name[0] == '\0' || strstr(name, "..") || name[0] == '/' || !(path = gw_arena_printf(arena, ZONES "/%s", name)))
        return NULL;
    file = fopen(path, "re");
    bytes = file ? malloc(ZONE_MAX) : NULL;
    if (bytes)
        zone = gw_zone_read(arena, (aigw_str){ bytes, fread(bytes, 1, ZONE_MAX, file) }, ret_reason);
    free(bytes);
    if (file)
        fclose(file);
    return zone;
}

/* ---- asking ---- */

int32_t gw_zone_offset_s(const struct gw_zone *zone, int64_t wall_s)
{
    size_t low = 0, high = zone ? zone->shift_count : 0;

    if (!zone)
        return 0;
    while (high - low > 1) { /* the last shift that has begun */
        size_t middle = (low + high) / 2;
        if (zone->shifts[middle].from_s <= wall_s)
            low = middle;
        else
            high = middle;
    }
    if (zone->has_rule && low + 1 >= zone->shift_count)
        return gw_zone_rule_offset_s(&zone->rule, wall_s);
    return zone->shifts[low].offset_s;
}

int64_t gw_zone_day(const struct gw_zone *zone, int64_t wall_s)
{
    int64_t local_s = wall_s + gw_zone_offset_s(zone, wall_s);

    return local_s >= 0 ? local_s / GW_DAY_S : -((-local_s + GW_DAY_S - 1) / GW_DAY_S);
}

int64_t gw_zone_day_begin_s(const struct gw_zone *zone, int64_t day)
{
    /* Clocks change at most once in these two days. */
    int64_t midnight_s = day * GW_DAY_S, low = midnight_s - GW_DAY_S, high = midnight_s + GW_DAY_S;
    int32_t before = gw_zone_offset_s(zone, low), after = gw_zone_offset_s(zone, high);

    if (before == after)
        return midnight_s - before;
    while (high - low > 1) { /* the moment of the change */
        int64_t middle = low + (high - low) / 2;
        if (gw_zone_offset_s(zone, middle) == before)
            low = middle;
        else
            high = middle;
    }
    if (midnight_s - before < high)
        return midnight_s - before;
    return midnight_s - after > high ? midnight_s - after : high;
}
