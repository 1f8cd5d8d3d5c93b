/* digits.h - numbers as JSON text without printf: bodies and answers are full of small ones. */
#ifndef PLUGIN_DIGITS_H
#define PLUGIN_DIGITS_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <aigw/abi.h>

#define DIGITS_SIZE 32 /* bytes of any number, and a NUL */

/** As "%lld" would print it. The result lies in `room`. */
static inline aigw_str digits_of_int(int64_t value, char room[DIGITS_SIZE])
{
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *end = room + DIGITS_SIZE, *at = end;

    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (value < 0)
        *--at = '-';
    return (aigw_str){ at, (size_t)(end - at) };
}

/** As "%.15g" would print it: 0.7 stays 0.7. The value must be finite. */
static inline aigw_str digits_of_double(double value, char room[DIGITS_SIZE])
{
    double size = fabs(value);
    uint32_t thousandths;
    aigw_str text;
    char *at;

    /* At most three decimals, and nothing lost by saying so: temperatures and the like. */
    if (size < 1e6 && !(value == 0 && signbit(value))) {
        thousandths = (uint32_t)(size * 1000 + 0.5);
        if ((double)thousandths / 1000 == size) {
            text = digits_of_int(thousandths / 1000, room); /* at the end of the room: move it to the front */
            memmove(room + 1, text.ptr, text.len);
            at = room + 1 + text.len;
            if (thousandths % 1000) {
                *at++ = '.';
                *at++ = (char)('0' + thousandths / 100 % 10);
                *at++ = (char)('0' + thousandths / 10 % 10);
                *at++ = (char)('0' + thousandths % 10);
                while (at[-1] == '0')
                    at--;
            }
            room[0] = '-';
            return value < 0 ? (aigw_str){ room, (size_t)(at - room) }
                             : (aigw_str){ room + 1, (size_t)(at - room) - 1 };
        }
    }
    return (aigw_str){ room, (size_t)snprintf(room, DIGITS_SIZE, "%.15g", value) };
}

#endif
