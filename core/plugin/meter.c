/* meter.c - the table of meters, what is counted there, and who reads it. */
#include "plugin/meter.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "health/metrics.h"
#include "plugin/plugin.h"

#define METERS_MAX 1024u
#define CAUSE_MAX  512u
#define CAUSES_MAX 128u
#define MINUTE_MS  60000

/* One per process, like the metrics that are made of it. Read without the lock: entries are only ever added, in front.
 */
static struct {
    pthread_mutex_t lock;
    _Atomic(struct gw_meter *) first;
    uint32_t count;
} meters = { .lock = PTHREAD_MUTEX_INITIALIZER };

const char *gw_callback_name(enum gw_callback callback)
{
    static const char *const names[] = {
        [GW_CALLBACK_OPEN] = "open",         [GW_CALLBACK_CLOSE] = "close",
        [GW_CALLBACK_WORK] = "work",         [GW_CALLBACK_DEFERRED] = "deferred",
        [GW_CALLBACK_CHECK] = "check",       [GW_CALLBACK_RUN] = "run",
        [GW_CALLBACK_BUILD] = "build",       [GW_CALLBACK_EVENT] = "event",
        [GW_CALLBACK_GONE] = "gone",         [GW_CALLBACK_REFUSE] = "refuse",
        [GW_CALLBACK_TIMER] = "timer",       [GW_CALLBACK_JOB_DONE] = "job_done",
        [GW_CALLBACK_JOB_DROP] = "job_drop", [GW_CALLBACK_REQUEST] = "request",
        [GW_CALLBACK_SIGN] = "sign",         [GW_CALLBACK_CREDENTIAL] = "credential",
        [GW_CALLBACK_FRAME] = "frame",       [GW_CALLBACK_DONE] = "done",
        [GW_CALLBACK_FAILURE] = "failure",   [GW_CALLBACK_PRODUCE] = "produce",
    };

    return (size_t)callback < GW_ARRAY_LEN(names) ? names[callback] : "?";
}

static const char *breach_name(enum gw_breach breach)
{
    static const char *const names[] = {
        [GW_BREACH_STATUS] = "status", [GW_BREACH_VALUE] = "value", [GW_BREACH_SIZE] = "size",
        [GW_BREACH_MOMENT] = "moment", [GW_BREACH_CTX] = "ctx",     [GW_BREACH_MEMORY] = "memory",
    };

    return names[breach];
}

/* ---- the table ---- */

struct gw_meter *gw_meters(void)
{
    return atomic_load_explicit(&meters.first, memory_order_acquire);
}

static struct gw_meter *make_meter(uint32_t kind, const char *plugin, const char *instance)
{
    struct gw_meter *meter = calloc(1, sizeof *meter);

    if (!meter)
        return NULL;
    meter->kind = kind;
    meter->plugin = strdup(plugin);
    meter->instance = strdup(instance);
    if (meter->plugin && meter->instance)
        return meter;
    free((char *)(uintptr_t)meter->plugin);
    free((char *)(uintptr_t)meter->instance);
    free(meter);
    return NULL;
}

struct gw_meter *gw_meter_of(uint32_t kind, const char *plugin, const char *instance)
{
    struct gw_meter *meter;

    pthread_mutex_lock(&meters.lock);
    for (meter = gw_meters(); meter; meter = meter->next)
        if (meter->kind == kind && strcmp(meter->instance, instance) == 0 && strcmp(meter->plugin, plugin) == 0)
            break;
    if (!meter && meters.count < METERS_MAX && (meter = make_meter(kind, plugin, instance)) != NULL) {
        meter->next = gw_meters();
        atomic_store_explicit(&meters.first, meter, memory_order_release);
        meters.count++;
    }
    pthread_mutex_unlock(&meters.lock);
    return meter;
}

void gw_meters_all_on(void)
{
    for (struct gw_meter *meter = gw_meters(); meter; meter = meter->next)
        if (atomic_exchange(&meter->is_off, false))
            gw_log(GW_LOG_INFO, "plugin", "%ss.%s is on again: a reload ends what `aigw plugin off` began",
                   gw_plugin_kind_name(meter->kind), meter->instance);
}

/* ---- counting ---- */

bool gw_once_a_minute(struct gw_once_a_minute *once, unsigned long *ret_times)
{
    long long now_ms = gw_mono_ms(), said_ms = atomic_load(&once->said_ms);

    atomic_fetch_add(&once->unsaid, 1);
    if ((said_ms && now_ms - said_ms < MINUTE_MS) || !atomic_compare_exchange_strong(&once->said_ms, &said_ms, now_ms))
        return false;
    *ret_times = atomic_exchange(&once->unsaid, 0);
    return true;
}

/* What was said of an instance. Each cause has its own minute: the second thing that goes wrong must not hide behind
 * the first. */
struct gw_said {
    struct {
        _Atomic uint64_t what; /* 0: free */
        struct gw_once_a_minute once;
    } causes[CAUSES_MAX];
};

static struct gw_said *said_of(_Atomic(struct gw_said *) *place)
{
    struct gw_said *said = atomic_load_explicit(place, memory_order_acquire), *fresh;

    if (said)
        return said;
    fresh = calloc(1, sizeof *fresh);
    if (!fresh || atomic_compare_exchange_strong(place, &said, fresh))
        return fresh;
    free(fresh); /* somebody was quicker */
    return said;
}

void gw_meter_done(struct gw_meter *meter)
{
    free(atomic_exchange(&meter->said_breaches, NULL));
}

static uint64_t hash_words(const char *text)
{
    uint64_t hash = 1;

    for (; *text; text++)
        if (*text < '0' || *text > '9')
            hash = gw_hash_more(hash, text, 1);
    return hash | 1;
}

/* NULL: there were too many already this minute. */
static struct gw_once_a_minute *once_for(struct gw_said *said, const char *cause)
{
    uint64_t what = hash_words(cause);
    int64_t now_ms = gw_mono_ms();

    for (size_t i = 0; said && i < CAUSES_MAX; i++) {
        uint64_t known = atomic_load(&said->causes[i].what);

        if (known != what && known != 0 && now_ms - atomic_load(&said->causes[i].once.said_ms) < MINUTE_MS)
            continue;
        if (known == what || atomic_compare_exchange_strong(&said->causes[i].what, &known, what))
            return &said->causes[i].once;
    }
    return NULL;
}

void (*gw_breach_heard)(struct gw_meter *meter, const char *cause);

void gw_meter_vbreach(struct gw_meter *meter, enum gw_breach breach, const char *callback, const char *request_id,
                      const char *fmt, va_list args)
{
    static _Atomic(struct gw_said *) unknown; /* of plugins whose name is not known */
    struct gw_once_a_minute *once;
    unsigned long times = 0;
    struct gw_line line;
    char cause[CAUSE_MAX];

    vsnprintf(cause, sizeof cause, fmt, args);
    if (gw_breach_heard)
        gw_breach_heard(meter, cause);
    if (meter)
        atomic_fetch_add_explicit(&meter->breaches[breach], 1, memory_order_relaxed);
    once = once_for(said_of(meter ? &meter->said_breaches : &unknown), cause);
    if (!once || !gw_once_a_minute(once, &times))
        return;
    gw_line_begin(&line, GW_LOG_ERROR, "plugin", "a plugin broke a rule of its interface");
    gw_line_cstr(&line, "plugin", meter ? meter->plugin : NULL);
    gw_line_cstr(&line, "instance", meter ? meter->instance : NULL);
    gw_line_cstr(&line, "callback", callback);
    gw_line_cstr(&line, "rule", breach_name(breach));
    gw_line_cstr(&line, "cause", cause);
    gw_line_int(&line, "times", (int64_t)times);
    gw_line_cstr(&line, "correlation_id", request_id);
    gw_line_end(&line);
}

void gw_meter_breach(struct gw_meter *meter, enum gw_breach breach, const char *callback, const char *request_id,
                     const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    gw_meter_vbreach(meter, breach, callback, request_id, fmt, args);
    va_end(args);
}

void gw_meter_note_memory(struct gw_meter *meter, size_t bytes)
{
    size_t peak;

    if (!meter)
        return;
    peak = atomic_load_explicit(&meter->request_peak, memory_order_relaxed);
    while (bytes > peak && !atomic_compare_exchange_weak(&meter->request_peak, &peak, bytes))
        ;
}

/* ---- memory with a mark behind it ---- */

static const uint64_t mark = UINT64_C(0xa5c3965af00fc35a);

void *gw_guarded_calloc(struct gw_arena *arena, size_t len)
{
    char *memory = gw_arena_calloc(arena, len + sizeof mark);

    if (memory)
        memcpy(memory + len, &mark, sizeof mark);
    return memory;
}

void gw_guard_check(void *memory, size_t len, struct gw_meter *meter, const char *what)
{
    if (!memory || !meter || memcmp((const char *)memory + len, &mark, sizeof mark) == 0)
        return;
    gw_meter_breach(meter, GW_BREACH_MEMORY, NULL, NULL, "it wrote behind the %zu bytes of %s", len, what);
    memcpy((char *)memory + len, &mark, sizeof mark);
}

/* ---- who reads it ---- */

/* Not "instance": that label is the scraper's own. */
static void put_row(struct gw_buf *out, const char *name, const struct gw_meter *meter, const char *label,
                    const char *value, double number)
{
    gw_buf_printf(out, "%s{kind=\"%s\",plugin=\"%s\",group=\"%s\"", name, gw_plugin_kind_name(meter->kind),
                  meter->plugin, meter->instance);
    if (label)
        gw_buf_printf(out, ",%s=\"%s\"", label, value);
    gw_buf_puts(out, "} ");
    gw_metrics_put_number(out, number);
    gw_buf_puts(out, "\n");
}

/* Does that kind of plugins have it, on a loop? Those are shown with 0, too: who counts wants to see the first. */
static bool has_callback(const struct gw_meter *meter, enum gw_callback callback)
{
    return meter->kind == AIGW_KIND_PROVIDER ? callback >= GW_CALLBACK_REQUEST
                                             : callback >= GW_CALLBACK_CHECK && callback < GW_CALLBACK_REQUEST;
}

static void put_times(struct gw_buf *out)
{
    static const char busy[] = "aigw_plugin_callback_seconds_total", slow[] = "aigw_plugin_slow_callbacks_total";

    gw_metrics_put_head(out, busy, "Time in callbacks of plugins, without what they call in turn.", "counter");
    for (const struct gw_meter *meter = gw_meters(); meter; meter = meter->next)
        for (enum gw_callback i = 0; i < GW_CALLBACKS; i++)
            if (atomic_load(&meter->busy[i]))
                put_row(out, busy, meter, "callback", gw_callback_name(i),
                        (double)gw_ticks_to_ns(atomic_load(&meter->busy[i])) / 1e9);
    gw_metrics_put_head(out, slow, "Callbacks of plugins that held their worker up for more than 10 ms.", "counter");
    for (const struct gw_meter *meter = gw_meters(); meter; meter = meter->next)
        for (enum gw_callback i = 0; i < GW_CALLBACKS; i++)
            if (has_callback(meter, i))
                put_row(out, slow, meter, "callback", gw_callback_name(i), (double)atomic_load(&meter->slow[i]));
}

static double count_stuck(const struct gw_meter *meter)
{
    unsigned count = 0;

    for (int i = 0; i < GW_CALLBACKS; i++)
        count += atomic_load(&meter->stuck[i]);
    return count;
}

static void put_state(struct gw_buf *out)
{
    static const char stuck[] = "aigw_plugin_stuck_callbacks", errors[] = "aigw_plugin_errors_total",
                      off[] = "aigw_plugin_off";

    gw_metrics_put_head(out, stuck, "Threads that do not come back from a plugin's callback.", "gauge");
    for (const struct gw_meter *meter = gw_meters(); meter; meter = meter->next)
        put_row(out, stuck, meter, NULL, NULL, count_stuck(meter));
    gw_metrics_put_head(out, errors, "Rules of the plugin interface that a plugin broke.", "counter");
    for (const struct gw_meter *meter = gw_meters(); meter; meter = meter->next)
        for (enum gw_breach i = 0; i < GW_BREACHES; i++)
            put_row(out, errors, meter, "error", breach_name(i), (double)atomic_load(&meter->breaches[i]));
    gw_metrics_put_head(out, off, "1 while the operator has it switched off (aigw plugin off).", "gauge");
    for (const struct gw_meter *meter = gw_meters(); meter; meter = meter->next)
        put_row(out, off, meter, NULL, NULL, gw_meter_is_off(meter));
}

static void put_memory(struct gw_buf *out)
{
    static const char peak[] = "aigw_plugin_request_memory_peak_bytes", bytes[] = "aigw_plugin_instance_memory_bytes";

    gw_metrics_put_head(out, peak, "Most memory of one request (feature) or one attempt (provider).", "gauge");
    for (const struct gw_meter *meter = gw_meters(); meter; meter = meter->next)
        put_row(out, peak, meter, NULL, NULL, (double)atomic_load(&meter->request_peak));
    gw_metrics_put_head(out, bytes, "Memory that the core gave an instance: state, and what open() asked for.",
                        "gauge");
    for (const struct gw_meter *meter = gw_meters(); meter; meter = meter->next)
        put_row(out, bytes, meter, NULL, NULL, (double)atomic_load(&meter->instance_bytes));
}

void gw_meters_collect(void *user, struct gw_buf *out)
{
    (void)user;
    put_times(out);
    put_state(out);
    put_memory(out);
}

void gw_meters_describe(struct gw_buf *out)
{
    const char *comma = "";

    gw_buf_puts(out, "\"plugins\":[");
    for (const struct gw_meter *meter = gw_meters(); meter; meter = meter->next) {
        unsigned long slow = 0, faults = 0, stuck = 0;

        for (int i = 0; i < GW_CALLBACKS; i++) {
            slow += atomic_load(&meter->slow[i]);
            stuck += atomic_load(&meter->stuck[i]);
        }
        for (int i = 0; i < GW_BREACHES; i++)
            faults += atomic_load(&meter->breaches[i]);
        if (!slow && !faults && !stuck && !gw_meter_is_off(meter))
            continue;
        gw_buf_printf(out,
                      "%s{\"instance\":\"%ss.%s\",\"plugin\":\"%s\",\"off\":%s,\"stuck\":%lu,\"slow\":%lu,"
                      "\"errors\":%lu}",
                      comma, gw_plugin_kind_name(meter->kind), meter->instance, meter->plugin,
                      gw_meter_is_off(meter) ? "true" : "false", stuck, slow, faults);
        comma = ",";
    }
    gw_buf_puts(out, "]");
}
