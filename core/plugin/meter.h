/* meter.h - what the process knows of a configured instance beyond its settings: the time that its callbacks took, what
 * it got wrong, its memory, and whether the operator switched it off. One for each instance's name and plugin, shared
 * by all threads; it outlives configurations and is never freed. */
#ifndef GW_METER_H
#define GW_METER_H

#include <stdatomic.h>

#include "base/base.h"

/** Every function of a plugin that the core calls. */
enum gw_callback {
    GW_CALLBACK_OPEN,
    GW_CALLBACK_CLOSE,
    GW_CALLBACK_WORK,     /* aigw_job.work: on a thread where it may block */
    GW_CALLBACK_DEFERRED, /* what host->defer() tied to a lifetime */
    GW_CALLBACK_CHECK,    /* from here on: on a loop, at the expense of all who are served there */
    GW_CALLBACK_RUN,
    GW_CALLBACK_BUILD,
    GW_CALLBACK_EVENT,
    GW_CALLBACK_GONE,
    GW_CALLBACK_REFUSE,
    GW_CALLBACK_TIMER,
    GW_CALLBACK_JOB_DONE,
    GW_CALLBACK_JOB_DROP,
    GW_CALLBACK_REQUEST,
    GW_CALLBACK_SIGN,
    GW_CALLBACK_CREDENTIAL,
    GW_CALLBACK_FRAME,
    GW_CALLBACK_DONE,
    GW_CALLBACK_FAILURE,
    GW_CALLBACK_PRODUCE,
    GW_CALLBACKS
};
/** "frame", as the headers call it. */
const char *gw_callback_name(enum gw_callback callback);

/** What a plugin can get wrong and the core can tell. */
enum gw_breach {
    GW_BREACH_STATUS, /* answered a number that the callback's comment does not allow */
    GW_BREACH_VALUE,  /* a number, flag or text out of range */
    GW_BREACH_SIZE,   /* NULL with a length, a length or a count beyond its maximum, a struct_size that no struct has */
    GW_BREACH_MOMENT, /* a host function that does not work there */
    GW_BREACH_CTX,    /* a ctx or handle that is not of the callback at work: another request's, thread's, or kept */
    GW_BREACH_MEMORY, /* its memory is spent, or it wrote behind what is its own */
    GW_BREACHES
};

/** A thing that stays is said once a minute. */
struct gw_once_a_minute {
    atomic_llong said_ms; /* 0: never */
    atomic_ulong unsaid;
};

struct gw_meter {
    struct gw_meter *next;
    uint32_t kind; /* AIGW_KIND_* */
    const char *plugin, *instance;
    atomic_bool is_off;              /* by the operator, until the next reload */
    atomic_llong busy[GW_CALLBACKS]; /* gw_ticks(), without what it waited for in callbacks of others */
    atomic_ulong slow[GW_CALLBACKS]; /* longer than GW_SLOW_MS */
    atomic_uint stuck[GW_CALLBACKS]; /* threads that have not come back from it */
    atomic_ulong breaches[GW_BREACHES];
    atomic_size_t request_peak;   /* most memory of a request (feature) or of an attempt (provider) */
    atomic_size_t instance_bytes; /* its state and what open() took from the host */
    struct gw_once_a_minute said_slow[GW_CALLBACKS];
    _Atomic(struct gw_said *) said_breaches; /* made with the first */
};

/** The one for that name; NULL when there are too many, or no memory: then nothing is counted. Any thread. */
struct gw_meter *gw_meter_of(uint32_t kind, const char *plugin, const char *instance);
/** Give back what one took that is not of that table: a test host's own. */
void gw_meter_done(struct gw_meter *meter);
/** The first of all; go on with ->next. */
struct gw_meter *gw_meters(void);

/** True: say it now, with the number of times since it was said. */
bool gw_once_a_minute(struct gw_once_a_minute *once, unsigned long *ret_times);

/** Count a fault and say it, by name. meter NULL: a plugin whose name is not known. callback, request_id may be NULL.
 *  Never more than a line a minute for the same words, numbers apart, nor more than 128 for an instance. */
void gw_meter_breach(struct gw_meter *meter, enum gw_breach breach, const char *callback, const char *request_id,
                     const char *fmt, ...) AIGW_PRINTF(5, 6);
void gw_meter_vbreach(struct gw_meter *meter, enum gw_breach breach, const char *callback, const char *request_id,
                      const char *fmt, va_list args) AIGW_PRINTF(5, 0);
/** Called with each breach, before it is counted; NULL: nobody. A test host's, set before there are threads. */
extern void (*gw_breach_heard)(struct gw_meter *meter, const char *cause);
void gw_meter_note_memory(struct gw_meter *meter, size_t bytes);
/** len zeroed bytes with a mark behind them, for what a plugin writes to: its state, and that of its calls. */
void *gw_guarded_calloc(struct gw_arena *arena, size_t len);
/** Was it written over? Then that is a fault of the plugin, and the mark is set anew. memory or meter NULL: there is
 *  nothing to look at. */
void gw_guard_check(void *memory, size_t len, struct gw_meter *meter, const char *what);
static inline bool gw_meter_is_off(const struct gw_meter *meter)
{
    return meter && atomic_load_explicit(&meter->is_off, memory_order_relaxed);
}
/** Whatever was switched off is on again. */
void gw_meters_all_on(void);

/** A collector for gw_metrics_add_collector(): aigw_plugin_… */
void gw_meters_collect(void *user, struct gw_buf *out);
/** "plugins":[…]: who was slow, wrong, stuck or switched off. */
void gw_meters_describe(struct gw_buf *out);

#endif
