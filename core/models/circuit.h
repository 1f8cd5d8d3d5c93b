/* circuit.h - when a target rests. Its state is in its seat: process-wide, lock-free.
 *
 *     CLOSED ──trip──► OPEN (rests) ──first asker after the rest──► PROBING ──first content──► CLOSED, slow start
 *                        ▲                                             │
 *                        └──────────────── fault ──────────────────────┘   no verdict, or the lease is over: next probe
 *
 * Each step begins a new generation. An attempt holds a pass with the generation in which it set out; what comes of
 * attempts of another generation says nothing about this one. Times are of the monotonic clock and given by the caller.
 */
#ifndef GW_CIRCUIT_H
#define GW_CIRCUIT_H

#include "models/seat.h"

struct gw_pass {
    struct gw_seat *seat; /* NULL: no circuit */
    uint32_t generation;
    bool is_probe;
};

/** 0: it may be tried; else the milliseconds until it may. NULL: 0. */
int64_t gw_circuit_wait_ms(const struct gw_seat *seat, int64_t now_ms);
enum gw_circuit_phase { GW_CIRCUIT_CLOSED, GW_CIRCUIT_OPEN, GW_CIRCUIT_PROBING };
enum gw_circuit_phase gw_circuit_phase(const struct gw_seat *seat);
/** Last failure, or the end of the rest; 0: nothing was ever wrong. */
int64_t gw_circuit_touched_ms(const struct gw_seat *seat);

/** May this attempt set out? After a rest one may, the probe: until its verdict, or until its lease is over. is_early:
 *  do not wait for the end of the rest (but for another probe). */
bool gw_circuit_enter(struct gw_seat *seat, int64_t now_ms, int64_t lease_ms, bool is_early, struct gw_pass *ret_pass);

/** The first content came. A probe's ends the rest; without a rest for slow_start_ms its earlier rests are forgotten.
 *  True when the rest ended with this. */
bool gw_circuit_good(struct gw_pass *pass, int64_t now_ms, int64_t slow_start_ms);

/** What a failure says. */
struct gw_fault {
    int64_t failures;    /* in a row that trip; 0: a fault never trips */
    int64_t counts;      /* as how many; 0: it trips at once */
    int64_t rest_ms;     /* first rest, doubled with each further one … */
    int64_t rest_max_ms; /* … up to this */
    int64_t floor_ms;    /* not less than this: Retry-After */
    int64_t most_ms;     /* nor more than this, floor_ms apart; 0: no such limit */
    int jitter;          /* of the rest, in thousandths: -100 … 100 */
};
/** Count it. Trips too when half of at least ten attempts in 30 s failed. The rest that began, milliseconds, or 0. A
 *  fault of an earlier generation can only prolong a rest, to its floor. */
int64_t gw_circuit_fault(struct gw_pass *pass, int64_t now_ms, const struct gw_fault *fault);
/** Does it rest because calls failed, rather than because a server asked for it, or for a bad key? */
bool gw_circuit_rests_for_failures(struct gw_seat *seat, int64_t now_ms);
/** End such a rest now (until_ms not after now_ms), or let it last until then at least. False: it is in none. */
bool gw_circuit_move_end(struct gw_seat *seat, int64_t now_ms, int64_t until_ms);
/** The attempt ended without a verdict: its client left, or it was never sent. If it was the probe, the next asker is.
 */
void gw_circuit_undecided(struct gw_pass *pass);
/** Thousandths of its share that a target gets, 100 … 1000: after a rest it rises for slow_start_ms. */
uint32_t gw_circuit_ramp(const struct gw_seat *seat, int64_t now_ms, int64_t slow_start_ms);

#endif
