/* zone.h - time zones by their IANA names, read from the system's files once. Nothing of the process's own time zone is
 * used or changed; what was read is never written again, so any thread may ask. */
#ifndef GW_ZONE_H
#define GW_ZONE_H

#include "base/base.h"

#define GW_DAY_S INT64_C(86400)

struct gw_zone;

/** "Europe/Berlin"; "UTC" is there without any file. NULL with a reason that says what was expected. */
const struct gw_zone *gw_zone_load(struct gw_arena *arena, const char *name, const char **ret_reason);
/** The same from the bytes of a TZif file, for tests. */
const struct gw_zone *gw_zone_read(struct gw_arena *arena, aigw_str bytes, const char **ret_reason);

/** How far the zone is ahead of UTC at that moment, seconds. zone NULL: UTC. */
int32_t gw_zone_offset_s(const struct gw_zone *zone, int64_t wall_s);
/** The day there at that moment, counted from 1 January 1970 there. */
int64_t gw_zone_day(const struct gw_zone *zone, int64_t wall_s);
/** The first moment of a day there: midnight, or, where clocks skip it, the moment they do. */
int64_t gw_zone_day_begin_s(const struct gw_zone *zone, int64_t day);

/* zone_rule.c: what holds after the last change that a file lists, "CET-1CEST,M3.5.0,M10.5.0/3" (POSIX, RFC 9636). */
struct gw_zone_rule {
    int32_t offset_s; /* of standard time */
    int32_t summer_s; /* of summer time; the same: there is none */
    struct gw_zone_turn {
        char form; /* 'M', 'J', or 'n': a day counted from 0 */
        int month, week, day;
        int32_t second; /* of the local day, may be below 0 or beyond it */
    } begin, end;       /* of summer time */
};
/** False: not such a text. */
bool gw_zone_rule_read(aigw_str text, struct gw_zone_rule *ret_rule);
int32_t gw_zone_rule_offset_s(const struct gw_zone_rule *rule, int64_t wall_s);

#endif
