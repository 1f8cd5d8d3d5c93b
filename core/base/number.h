/* number.h - what little the program needs of libm. Linked for these alone, it would be a third of a megabyte of every
 * gateway's memory. */
#ifndef GW_BASE_NUMBER_H
#define GW_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/** Is a finite value an integer? Those from 2^53 on all are. */
static inline bool gw_is_whole(double value)
{
    return value >= 9007199254740992.0 || value <= -9007199254740992.0 || (double)(int64_t)value == value;
}

/** The smallest integer that is not below the value, which is finite and fits. */
static inline int64_t gw_ceil_i64(double value)
{
    int64_t whole = (int64_t)value; /* towards zero */

    return whole + ((double)whole < value);
}

/** The nearest integer, halves upwards, of a finite value that is not negative and fits. */
static inline int64_t gw_round_i64(double value)
{
    int64_t whole = (int64_t)value;

    return whole + (value - (double)whole >= 0.5);
}

/** The natural logarithm of a value in (0, 1], to within 1e-11. */
double gw_log_of_part(double value);

#endif
