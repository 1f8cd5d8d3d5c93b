/* number.c - the logarithm; see number.h. */
#include "base/number.h"

#define LN2 0.693147180559945309417

double gw_log_of_part(double value)
{
    double halvings = 0, ratio, square, term, sum = 0;

    while (value < 0x1p-8) { /* a drawn number is rarely that small */
        value *= 0x1p8;
        halvings += 8;
    }
    while (value < 0.70710678) {
        value *= 2;
        halvings++;
    }
    /* ln x = 2 (r + r³/3 + r⁵/5 + …) with r = (x − 1)/(x + 1), here within ±0.172: eight terms leave 1e-14. */
    ratio = (value - 1) / (value + 1);
    square = ratio * ratio;
    term = 2 * ratio;
    for (int odd = 1; odd <= 15; odd += 2) {
        sum += term / odd;
        term *= square;
    }
    return sum - halvings * LN2;
}
