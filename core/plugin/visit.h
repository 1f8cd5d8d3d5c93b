/* visit.h - the one way into a plugin. Every call of a plugin's function stands between gw_visit_begin() and
 * gw_visit_end(): so its time is charged to the instance, a slow one is said by name, one that never comes back is
 * found (watchdog.h), and a host function knows whose callback is at work on this thread.
 *
 * Visits nest: a provider's frame() calls emit(), which calls the feature's event(). Each is charged for itself alone.
 * Time is read from the processor's counter (gw_ticks): four readings for a streamed event cost as much as one of the
 * clock. A visit that it calls slow is checked against the clock's time since the loop's turn began. In a burst, many
 * frames that came in one piece, the first frames are timed and then each eighth, for all eight. */
#ifndef GW_VISIT_H
#define GW_VISIT_H

#include "plugin/meter.h"

struct aigw_ctx;

#define GW_SLOW_MS 10 /* a callback on a loop that takes longer is said */

struct gw_visit {
    struct gw_visit *outer;
    struct gw_visitor *visitor;
    struct gw_meter *meter;     /* NULL: not counted */
    const struct aigw_ctx *ctx; /* the callback's; NULL: it has none */
    enum gw_callback callback;
    int64_t own; /* gw_ticks() without inner visits */
};

/** On the caller's stack; ended in the opposite order, whatever the callback did. */
void gw_visit_begin(struct gw_visit *visit, struct gw_meter *meter, const struct aigw_ctx *ctx,
                    enum gw_callback callback);
void gw_visit_end(struct gw_visit *visit);

/** Charge what this thread still owes: for those whose meters do not live as long as the process. */
void gw_visits_pay(void);
/** Between these, visits follow each other without pause. */
void gw_burst_begin(void);
void gw_burst_end(void);

/** The innermost one on this thread, NULL outside all. */
const struct gw_visit *gw_visit_now(void);

/** Time of some visits that is not charged yet. */
struct gw_owed {
    struct gw_meter *meter;
    enum gw_callback callback;
    int64_t ticks;
};
#define GW_OWED_MAX 16u

/** What the watchdog reads of a thread that calls plugins. Written by that thread alone. */
struct gw_visitor {
    struct gw_visitor *next;
    struct gw_visit *top;
    int64_t stamp; /* up to which time is charged */
    bool is_listed, is_in_burst;
    bool is_blind;                    /* the visit at hand is not timed */
    uint32_t run;                     /* visits of this burst */
    uint32_t sharp;                   /* visits that are timed in any case */
    const struct gw_meter *blind[2];  /* who was visited since the clock was read: outermost, inside it */
    _Atomic(struct gw_meter *) meter; /* of the innermost visit; NULL: none */
    atomic_int callback;
    atomic_ulong serial; /* of the outermost visit */
    struct gw_owed owed[GW_OWED_MAX];
    /* the watchdog's */
    unsigned long seen_serial;
    struct gw_meter *stuck_in;
    enum gw_callback stuck_callback;
    int64_t looks; /* that found it in one visit */
    struct gw_once_a_minute said;
};
/** Call `look` for each thread, with none coming or going meanwhile. */
void gw_visitors_each(void (*look)(void *user, struct gw_visitor *visitor), void *user);

#endif
