/* visit.c - see visit.h. */
#include "plugin/visit.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "plugin/ctx.h"

#define TIMED_FIRST 2u /* visits of a burst that are timed, and then */
#define TIMED_EACH  8u /* each eighth */
#define SHARP       100000u
#define SLOW_NS     ((int64_t)GW_SLOW_MS * 1000000)
#define SUSPICIOUS  8000               /* counts: fewer are less than 10 ms with any counter */
#define OWED_MOST   (1 << 20)          /* counts: a third of a millisecond, mostly */
#define TICK_NS     ((int64_t)4000000) /* a single reading is off by so much at most */

static _Thread_local struct gw_visitor here;

static struct {
    pthread_mutex_t lock;
    struct gw_visitor *first;
    pthread_key_t thread_end;
} visitors = { .lock = PTHREAD_MUTEX_INITIALIZER };
static pthread_once_t visitors_once = PTHREAD_ONCE_INIT;

/* ---- threads that call plugins ---- */

static void pay(struct gw_owed *owed)
{
    if (owed->meter && owed->ticks)
        atomic_fetch_add_explicit(&owed->meter->busy[owed->callback], owed->ticks, memory_order_relaxed);
    owed->ticks = 0;
}

static void pay_all(struct gw_visitor *visitor)
{
    for (size_t i = 0; i < GW_OWED_MAX; i++) {
        pay(&visitor->owed[i]);
        visitor->owed[i].meter = NULL;
    }
}

void gw_visits_pay(void)
{
    pay_all(&here);
}

static void unlist(void *arg)
{
    struct gw_visitor *visitor = arg, **at = &visitors.first;

    pay_all(visitor);
    pthread_mutex_lock(&visitors.lock);
    while (*at && *at != visitor)
        at = &(*at)->next;
    if (*at)
        *at = visitor->next;
    if (visitor->stuck_in) /* it came back since the watchdog looked */
        atomic_fetch_sub(&visitor->stuck_in->stuck[visitor->stuck_callback], 1);
    visitor->stuck_in = NULL;
    visitor->is_listed = false;
    pthread_mutex_unlock(&visitors.lock);
}

static void make_key(void)
{
    if (pthread_key_create(&visitors.thread_end, unlist) != 0)
        abort(); /* only with 1,024 keys in use: our bug */
}

static void list(struct gw_visitor *visitor)
{
    pthread_once(&visitors_once, make_key);
    if (pthread_setspecific(visitors.thread_end, visitor) != 0)
        return; /* no memory: the watchdog does not see it this time */
    pthread_mutex_lock(&visitors.lock);
    visitor->is_listed = true;
    visitor->next = visitors.first;
    visitors.first = visitor;
    pthread_mutex_unlock(&visitors.lock);
}

void gw_visitors_each(void (*look)(void *user, struct gw_visitor *visitor), void *user)
{
    pthread_mutex_lock(&visitors.lock);
    for (struct gw_visitor *visitor = visitors.first; visitor; visitor = visitor->next)
        look(user, visitor);
    pthread_mutex_unlock(&visitors.lock);
}

/* ---- time ---- */

/* To whoever is at work. */
static void charge(struct gw_visitor *visitor, int64_t now)
{
    struct gw_visit *visit = visitor->top;
    int64_t passed = now - visitor->stamp;

    visitor->stamp = now;
    if (visit && passed > 0)
        visit->own += passed;
}

/* The visit is over: its time goes to the instance, for those of a burst that were not timed, too. Small sums are kept
 * by the thread for a while: workers that share a meter should not fight for its cache line. */
static void settle(struct gw_visitor *visitor, const struct gw_visit *visit)
{
    struct gw_owed *owed = &visitor->owed[((uintptr_t)visit->meter / 64 + visit->callback) % GW_OWED_MAX];
    bool is_sample = visitor->is_in_burst && visitor->run > TIMED_FIRST && !visitor->sharp;

    if (owed->meter != visit->meter || owed->callback != visit->callback) {
        pay(owed);
        *owed = (struct gw_owed){ visit->meter, visit->callback, 0 };
    }
    owed->ticks += visit->own * (is_sample ? TIMED_EACH : 1);
    if (owed->ticks >= OWED_MOST)
        pay(owed);
}

static void say_slow(const struct gw_visit *visit, int64_t ms)
{
    struct gw_meter *meter = visit->meter;
    unsigned long times = 0;
    struct gw_line line;

    atomic_fetch_add_explicit(&meter->slow[visit->callback], 1, memory_order_relaxed);
    if (!gw_once_a_minute(&meter->said_slow[visit->callback], &times))
        return;
    gw_line_begin(&line, GW_LOG_WARNING, "plugin", "a plugin's callback held its worker up");
    gw_line_cstr(&line, "plugin", meter->plugin);
    gw_line_cstr(&line, "instance", meter->instance);
    gw_line_cstr(&line, "callback", gw_callback_name(visit->callback));
    gw_line_int(&line, "ms", ms);
    gw_line_int(&line, "times", (int64_t)times);
    gw_line_cstr(&line, "correlation_id", visit->ctx ? visit->ctx->request_id : NULL);
    gw_line_end(&line);
}

/* By the counter it took too long; by the clock the whole turn did, or it did not. */
static void judge(const struct gw_visit *visit)
{
    int64_t turn_ms, own_ms = gw_ticks_to_ns(visit->own) / 1000000;

    if (!visit->meter || visit->callback < GW_CALLBACK_CHECK || gw_turn_began_ms == 0 || own_ms < GW_SLOW_MS)
        return;
    turn_ms = gw_mono_ms() - gw_turn_began_ms;
    if (turn_ms >= GW_SLOW_MS)
        say_slow(visit, own_ms < turn_ms ? own_ms : turn_ms);
}

/* ---- bursts ---- */

/* One of some visits took too long, and which of two plugins it was is not known. The next ones are all timed. */
static void say_blind(struct gw_visitor *visitor)
{
    const struct gw_meter *outer = visitor->blind[0], *inner = visitor->blind[1];
    struct gw_line line;

    visitor->sharp = SHARP;
    gw_line_begin(&line, GW_LOG_WARNING, "plugin",
                  "a plugin's callback held its worker up; which of these was not timed, the next time it will be");
    gw_line_cstr(&line, "instance", outer->instance);
    gw_line_cstr(&line, "or", inner ? inner->instance : NULL);
    gw_line_end(&line);
}

/* The clock is about to be read after visits that were not timed. */
static void end_blindness(struct gw_visitor *visitor, int64_t now)
{
    if (gw_turn_began_ms && gw_ticks_to_ns(now - visitor->stamp) >= SLOW_NS &&
        gw_mono_ms() - gw_turn_began_ms >= GW_SLOW_MS)
        say_blind(visitor);
    visitor->blind[0] = visitor->blind[1] = NULL;
}

void gw_burst_begin(void)
{
    here.is_in_burst = true;
    here.run = 0;
}

void gw_burst_end(void)
{
    struct gw_visitor *visitor = &here;

    if (visitor->blind[0])
        end_blindness(visitor, gw_ticks());
    visitor->is_in_burst = false;
    visitor->is_blind = false;
}

/* Is the visit that begins, the outermost one, to be timed? */
static bool is_timed(struct gw_visitor *visitor)
{
    if (visitor->sharp > 0) {
        visitor->sharp--;
        return true;
    }
    return !visitor->is_in_burst || visitor->run <= TIMED_FIRST || visitor->run % TIMED_EACH == 0;
}

/* ---- visits ---- */

static void show(struct gw_visitor *visitor, const struct gw_visit *visit)
{
    atomic_store_explicit(&visitor->callback, visit ? (int)visit->callback : 0, memory_order_relaxed);
    atomic_store_explicit(&visitor->meter, visit ? visit->meter : NULL, memory_order_relaxed);
}

static void begin_outermost(struct gw_visitor *visitor)
{
    atomic_store_explicit(&visitor->serial, atomic_load_explicit(&visitor->serial, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    visitor->run++;
    visitor->is_blind = !is_timed(visitor);
}

void gw_visit_begin(struct gw_visit *visit, struct gw_meter *meter, const struct aigw_ctx *ctx,
                    enum gw_callback callback)
{
    struct gw_visitor *visitor = &here;
    int64_t now;

    if (!visitor->is_listed)
        list(visitor);
    if (!visitor->top)
        begin_outermost(visitor);
    if (visitor->is_blind) {
        visitor->blind[visitor->top != NULL] = meter;
    } else {
        now = gw_ticks();
        if (visitor->blind[0])
            end_blindness(visitor, now);
        charge(visitor, now);
    }
    *visit = (struct gw_visit){ visitor->top, visitor, meter, ctx, callback, 0 };
    visitor->top = visit;
    show(visitor, visit);
}

void gw_visit_end(struct gw_visit *visit)
{
    struct gw_visitor *visitor = visit->visitor;

    if (!visitor->is_blind) {
        charge(visitor, gw_ticks());
        settle(visitor, visit);
    }
    visitor->top = visit->outer;
    show(visitor, visit->outer);
    if (visit->own >= SUSPICIOUS)
        judge(visit);
}

const struct gw_visit *gw_visit_now(void)
{
    return here.top;
}
