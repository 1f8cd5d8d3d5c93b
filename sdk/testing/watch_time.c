/* watch_time.c - how long a plugin's callbacks hold the loop up.
 *
 * The machine that tests a plugin may be busy with something else, so time on the wall says little. A callback is too
 * long when the thread itself worked that long, or when it waited of its own accord: a sleep, a lock, input or output.
 */
#include "internal.h"

#include <sys/resource.h>
#include <time.h>

/* A few among many are accidents of the machine: so many, and one in so many, are the plugin's doing. */
#define SLOW_LEAST 3u
#define SLOW_SHARE 50u

static const char *volatile running;
static volatile unsigned serial;

const char *testhost_running(unsigned *ret_serial)
{
    if (ret_serial)
        *ret_serial = serial;
    return running;
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void read_clocks(struct testhost_span *span)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    span->waits = usage.ru_nvcsw;
    span->disk_reads = usage.ru_majflt;
    span->cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
    span->wall_us = clock_us(CLOCK_MONOTONIC);
}

void testhost_span_begin(struct testhost_span *span, const char *callback)
{
    span->callback = callback;
    running = callback;
    serial++;
    read_clocks(span);
}

void testhost_span_end(struct aigw_testhost *th, const struct testhost_span *span)
{
    struct testhost_span now;
    int64_t cpu_us, wall_us;
    bool did_wait;

    read_clocks(&now);
    running = NULL;
    cpu_us = now.cpu_us - span->cpu_us;
    wall_us = now.wall_us - span->wall_us;
    did_wait = now.waits != span->waits && now.disk_reads == span->disk_reads && wall_us > TESTHOST_CALLBACK_MAX_US;
    if (!th->slowest || cpu_us > th->slowest_us) {
        th->slowest = span->callback;
        th->slowest_us = cpu_us;
    }
    th->callback_count++;
    if (!did_wait && cpu_us <= TESTHOST_CALLBACK_MAX_US)
        return;
    th->slow_count++;
    if (th->slow_count < SLOW_LEAST || th->slow_count * SLOW_SHARE < th->callback_count)
        return;
    if (did_wait)
        testhost_fault(th, "%s waited %lld ms: no callback may block; host->offload() is for that", span->callback,
                       (long long)(wall_us / 1000));
    else
        testhost_fault(th, "%s worked %lld ms on the loop, at most %d are good manners: other streams wait",
                       span->callback, (long long)(cpu_us / 1000), TESTHOST_CALLBACK_MAX_US / 1000);
}
