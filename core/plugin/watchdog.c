/* watchdog.c - see watchdog.h. Time is counted in looks rather than read from a clock: a process that was stopped, or a
 * machine that was suspended, has not been stuck meanwhile. */
#include "plugin/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/visit.h"

#define LOOK_MS        500
#define STUCK_MS       2000  /* on a loop, where 10 ms are too long */
#define STUCK_ASIDE_MS 60000 /* where it may block: open(), close(), work() */

struct gw_watchdog {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_stopping;
    atomic_llong abort_ms;
};

static bool is_on_loop(enum gw_callback callback)
{
    return callback >= GW_CALLBACK_CHECK;
}

static void say(const struct gw_visitor *visitor, int level, const char *message)
{
    struct gw_line line;

    gw_line_begin(&line, level, "plugin", message);
    gw_line_cstr(&line, "plugin", visitor->stuck_in->plugin);
    gw_line_cstr(&line, "instance", visitor->stuck_in->instance);
    gw_line_cstr(&line, "callback", gw_callback_name(visitor->stuck_callback));
    gw_line_int(&line, "ms", visitor->looks * LOOK_MS);
    gw_line_end(&line);
}

static void forget(struct gw_visitor *visitor)
{
    if (visitor->stuck_in)
        atomic_fetch_sub(&visitor->stuck_in->stuck[visitor->stuck_callback], 1);
    visitor->stuck_in = NULL;
    visitor->looks = 0;
    atomic_store(&visitor->said.said_ms, 0);
    atomic_store(&visitor->said.unsaid, 0);
}

/* The line must be out before the process is. */
static void end_process(const struct gw_visitor *visitor)
{
    say(visitor, GW_LOG_CRITICAL,
        "a plugin's callback does not come back: ending the process, so that it is started anew "
        "(limits.plugin_stuck_ms)");
    gw_log_flush();
    gw_log_stop();
    _exit(GW_EXIT_STUCK);
}

static void look(void *user, struct gw_visitor *visitor)
{
    struct gw_watchdog *watchdog = user;
    struct gw_meter *meter = atomic_load_explicit(&visitor->meter, memory_order_relaxed);
    enum gw_callback callback = (enum gw_callback)atomic_load_explicit(&visitor->callback, memory_order_relaxed);
    unsigned long serial = atomic_load_explicit(&visitor->serial, memory_order_relaxed), times;
    int64_t stuck_ms, abort_ms = atomic_load(&watchdog->abort_ms);

    if (!meter || serial != visitor->seen_serial) {
        visitor->seen_serial = serial;
        forget(visitor);
        return;
    }
    stuck_ms = ++visitor->looks * LOOK_MS;
    if (stuck_ms < (is_on_loop(callback) ? STUCK_MS : STUCK_ASIDE_MS))
        return;
    if (!visitor->stuck_in) {
        visitor->stuck_in = meter;
        visitor->stuck_callback = callback;
        atomic_fetch_add(&meter->stuck[callback], 1);
    }
    if (gw_once_a_minute(&visitor->said, &times))
        say(visitor, GW_LOG_CRITICAL,
            "a plugin's callback does not come back: its thread serves nobody until it does; restart, and switch "
            "the instance off");
    if (abort_ms > 0 && stuck_ms >= abort_ms && is_on_loop(callback))
        end_process(visitor);
}

static void *run(void *arg)
{
    struct gw_watchdog *watchdog = arg;
    struct timespec until;

    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->is_stopping) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&watchdog->wake, &watchdog->lock, &until);
        gw_ticks_measure();
        gw_visitors_each(look, watchdog);
        gw_log_flush();
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

struct gw_watchdog *gw_watchdog_start(struct gw_err *reterr)
{
    struct gw_watchdog *watchdog = calloc(1, sizeof *watchdog);
    pthread_condattr_t clock;

    if (!watchdog) {
        gw_err_set(reterr, AIGW_E_NOMEM, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->wake, &clock);
    pthread_condattr_destroy(&clock);
    gw_ticks_measure();
    if (gw_thread_start(&watchdog->thread, run, watchdog) == 0)
        return watchdog;
    gw_err_set(reterr, AIGW_E_NOMEM, "cannot start a thread to watch plugins");
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
    return NULL;
}

void gw_watchdog_stop(struct gw_watchdog *watchdog)
{
    if (!watchdog)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->is_stopping = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
}

void gw_watchdog_set(struct gw_watchdog *watchdog, int64_t abort_ms)
{
    atomic_store(&watchdog->abort_ms, abort_ms);
}
