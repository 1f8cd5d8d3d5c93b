/* seat.h - what the process knows of one target, or of one provider's capacity: a cache line of atomics in a fixed
 * table that all workers share and that outlives configurations. No lock, no allocation, bounded memory.
 *
 * A seat is found by its key and held by a pin while somebody uses it: configured targets as long as their snapshot
 * lives, targets that requests name as long as the request. A seat that nobody holds keeps what it knows until another
 * key needs the room; one that rests is kept till then. */
#ifndef GW_SEAT_H
#define GW_SEAT_H

#include <stdalign.h>
#include <stdatomic.h>

#include "base/base.h"

#define GW_SEAT_BUCKETS 6u

struct gw_seat {
    alignas(64) atomic_ullong key; /* 0: free */
    atomic_ullong word;            /* circuit.c: phase, generation, failures in a row, trips, one time */
    atomic_llong back_ms;          /* when it last came back from a rest, 0: never rested */
    atomic_uint pins;
    atomic_uint in_flight;
    atomic_uint waiting; /* in queues for it, on all workers */
    atomic_uint buckets[GW_SEAT_BUCKETS];
};
_Static_assert(sizeof(struct gw_seat) == 64, "a seat is one cache line");

/** A key of several texts that tells them apart. Of a target: provider, endpoint, model, the caller's key; the last but
 *  one absent for configured ones. is_callers: requests name it; such seats never push out others. */
uint64_t gw_seat_key(bool is_callers, const aigw_str *texts, size_t count);
/** The seat of this key, with a pin on it; NULL when there is no room: then it has no circuit and no limit. */
struct gw_seat *gw_seat_take(uint64_t key, int64_t now_ms);
void gw_seat_drop(struct gw_seat *seat); /* NULL is fine */
/** One more in flight if there are less than max (0: no limit). NULL: always. */
bool gw_seat_enter(struct gw_seat *seat, uint32_t max);
void gw_seat_leave(struct gw_seat *seat);
/** Forget every circuit: for tests. */
void gw_seats_reset(void);

#endif
