/* hostile.h - what both hostile plugins need. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <aigw/sdk.h>

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define NOWHERE ((const char *)NULL)

static inline int is(aigw_str word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.ptr, text, word.len) == 0;
}

static inline void wait_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static inline void wait_for_ever(void)
{
    for (;;)
        wait_ms(1000);
}

#endif
