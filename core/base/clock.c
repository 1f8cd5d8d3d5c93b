/* clock.c - clocks and request ids. */
#include "base/base.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

#define MEASURE_US 1000

_Thread_local int64_t gw_turn_began_ms;

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t gw_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t gw_mono_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t gw_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t gw_wall_s(void)
{
    return clock_us(CLOCK_REALTIME) / 1000000;
}

int64_t gw_thread_cpu_us(void)
{
    return clock_us(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- the processor's counter ---- */

static struct {
    int64_t us, ticks; /* when it was measured last */
    _Atomic double ns_per_tick;
} counter;

int64_t gw_ticks_to_ns(int64_t ticks)
{
    return (int64_t)((double)ticks * atomic_load_explicit(&counter.ns_per_tick, memory_order_relaxed));
}

void gw_ticks_measure(void)
{
    int64_t us = gw_mono_us(), ticks = gw_ticks();

    if (counter.us && us - counter.us < MEASURE_US)
        return; /* too short to say anything */
    if (counter.us && ticks > counter.ticks)
        atomic_store_explicit(&counter.ns_per_tick, (double)(us - counter.us) * 1000 / (double)(ticks - counter.ticks),
                              memory_order_relaxed);
    counter.us = us;
    counter.ticks = ticks;
}

/* xorshift128+ per thread: ids must be unique, not secret. */
static uint64_t next_random(void)
{
    static _Thread_local uint64_t state[2];

    while (state[0] == 0 && state[1] == 0) {
        if (getrandom(state, sizeof state, 0) != (ssize_t)sizeof state) {
            state[0] = (uint64_t)clock_us(CLOCK_REALTIME);
            state[1] = (uint64_t)(uintptr_t)&state;
        }
    }
    uint64_t a = state[0];
    const uint64_t b = state[1];
    state[0] = b;
    a ^= a << 23;
    state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return state[1] + b;
}

void gw_id_hex(char ret_id[33])
{
    static const char digits[] = "0123456789abcdef";

    for (int half = 0; half < 2; half++) {
        uint64_t value = next_random();
        for (int i = 0; i < 16; i++) {
            ret_id[half * 16 + i] = digits[value & 15];
            value >>= 4;
        }
    }
    ret_id[32] = '\0';
}
