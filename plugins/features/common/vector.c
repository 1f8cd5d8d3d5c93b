/* vector.c - see vector.h. */
#include "vector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Text of a finite float; most need 7 or 8 digits, none more than 9. */
static int write_float(char *text, size_t size, float value)
{
    int len = 0;

    for (int digits = 6; digits <= 9; digits++) {
        len = snprintf(text, size, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return len;
}

void vector_put_list(const struct aigw_host *host, struct aigw_buf *buf, const float *vector, uint32_t len)
{
    char text[32];

    host->buf_put(buf, "[", 1);
    for (uint32_t i = 0; i < len; i++) {
        if (i > 0)
            host->buf_put(buf, ",", 1);
        /* JSON has neither NaN nor infinity, and no model means them. */
        host->buf_put(buf, text, (size_t)write_float(text, sizeof text, isfinite(vector[i]) ? vector[i] : 0.0f));
    }
    host->buf_put(buf, "]", 1);
}

void vector_put_base64(const struct aigw_host *host, struct aigw_buf *buf, const float *vector, uint32_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t group = 0;
    int bytes = 0;
    char out[4];

    host->buf_put(buf, "\"", 1);
    for (uint32_t i = 0; i < len; i++) {
        uint32_t bits;

        memcpy(&bits, &vector[i], sizeof bits);
        for (int shift = 0; shift < 32; shift += 8) {
            group = group << 8 | (bits >> shift & 0xffu);
            if (++bytes < 3)
                continue;
            for (int k = 0; k < 4; k++)
                out[k] = digits[group >> (18 - 6 * k) & 63u];
            host->buf_put(buf, out, 4);
            group = 0;
            bytes = 0;
        }
    }
    if (bytes > 0) {
        group <<= 8 * (3 - bytes);
        for (int k = 0; k < 4; k++)
            out[k] = k <= bytes ? digits[group >> (18 - 6 * k) & 63u] : '=';
        host->buf_put(buf, out, 4);
    }
    host->buf_put(buf, "\"", 1);
}
