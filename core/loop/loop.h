/* loop.h - one event loop: file descriptors, timers, cross-thread posts. One thread owns it; only gw_loop_post() and
 * gw_loop_stop() may be called from others. Facts: event-loop.md §2. */
#ifndef GW_LOOP_H
#define GW_LOOP_H

#include "base/base.h"
#include "loop/lag.h"

struct gw_loop;

/** A watched descriptor; embed it. on_event may delete any gw_fd, its own included. */
struct gw_fd {
    int fd;
    uint32_t events; /* EPOLL* as registered, 0 when not registered */
    uint32_t slot;   /* loop's own */
    void (*on_event)(struct gw_fd *self, uint32_t events);
};

/** A timer; embed it, zero it once. Setting an armed timer moves it. */
struct gw_timer {
    int64_t due_ms; /* monotonic */
    struct gw_timer *prev, *next;
    bool is_armed;
    void (*on_due)(struct gw_timer *self);
};

/** Something polled by the loop on every turn (libmicrohttpd, libcurl). */
struct gw_hook {
    struct gw_hook *next;
    /** Before sleeping: longest sleep in ms this wants, 0 for none, -1 for any. */
    int64_t (*prepare)(struct gw_hook *self);
    /** After events and timers were served. */
    void (*run)(struct gw_hook *self);
};

/** NULL with reterr on failure. */
struct gw_loop *gw_loop_new(struct gw_err *reterr);
void gw_loop_free(struct gw_loop *loop);
/** Serve until gw_loop_stop(). */
void gw_loop_run(struct gw_loop *loop);
/** One turn: sleep at most max_ms (-1: as long as nothing is due), then serve. For tests. */
void gw_loop_turn(struct gw_loop *loop, int64_t max_ms);
void gw_loop_stop(struct gw_loop *loop);

aigw_status gw_loop_add(struct gw_loop *loop, struct gw_fd *fd, uint32_t events);
aigw_status gw_loop_mod(struct gw_loop *loop, struct gw_fd *fd, uint32_t events);
/** Forget it; stale events of this turn are not delivered. Does not close the descriptor. */
void gw_loop_del(struct gw_loop *loop, struct gw_fd *fd);

/** Delays come from plugins, too: this is longer than anything runs, and can be added to a time. */
#define GW_TIMER_MS_MAX (INT64_C(1) << 42)
void gw_timer_set(struct gw_loop *loop, struct gw_timer *timer, int64_t delay_ms);
void gw_timer_clear(struct gw_loop *loop, struct gw_timer *timer);

void gw_loop_add_hook(struct gw_loop *loop, struct gw_hook *hook);
void gw_loop_del_hook(struct gw_loop *loop, struct gw_hook *hook);

/** Run fn(arg) on the loop's thread soon. Any thread. False when the loop is gone or memory is out. */
bool gw_loop_post(struct gw_loop *loop, void (*fn)(void *arg), void *arg);

/** A thing to do at the end of this turn, on the same thread; embed it, zero it once. Queueing twice is once. */
struct gw_task {
    struct gw_task *next;
    bool is_queued;
    void (*run)(struct gw_task *self);
};
void gw_loop_defer(struct gw_loop *loop, struct gw_task *task);
void gw_loop_undefer(struct gw_loop *loop, struct gw_task *task);

/** Monotonic time, read once per turn. */
int64_t gw_loop_now_ms(const struct gw_loop *loop);
/** CPU time of the loop's thread, read when first asked for in a turn: it is a system call. */
int64_t gw_loop_cpu_us(struct gw_loop *loop);

/** Add how late its turns were, since it was made (lag.h). Any thread. */
void gw_loop_add_lag(const struct gw_loop *loop, struct gw_lags *sum);

#endif
