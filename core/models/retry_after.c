/* retry_after.c - when to come back, in all the spellings that model servers use: Retry-After with seconds (whole or
 * not) or a date, and the vendors' headers with milliseconds. */
#define _XOPEN_SOURCE 700
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "models/call.h"

#define WAIT_MAX_MS INT64_C(31622400000) /* a year: longer is no answer, but it still says "not now" */

/* A decimal number without sign and exponent. */
static bool read_number(aigw_str text, double *ret_value)
{
    char copy[32], *end;

    text = gw_str_trim(text);
    if (!text.len || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (strspn(copy, "0123456789.") != text.len || copy[0] == '.')
        return false;
    *ret_value = strtod(copy, &end);
    return *end == '\0' && isfinite(*ret_value);
}

static int64_t clamp_ms(double wait_ms)
{
    return wait_ms >= (double)WAIT_MAX_MS ? WAIT_MAX_MS : (int64_t)ceil(wait_ms);
}

static int64_t until_date_ms(aigw_str text)
{
    static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                         "%a %b %e %H:%M:%S %Y" };
    char date[65];

    text = gw_str_trim(text);
    if (!text.len || text.len >= sizeof date)
        return -1;
    memcpy(date, text.ptr, text.len);
    date[text.len] = '\0';
    for (size_t i = 0; i < GW_ARRAY_LEN(forms); i++) {
        struct tm utc = { 0 };
        const char *end = strptime(date, forms[i], &utc);
        if (!end || *end)
            continue;
        int64_t wait_s = (int64_t)timegm(&utc) - gw_wall_s();
        return wait_s > 0 ? clamp_ms((double)wait_s * 1000) : 0;
    }
    return -1;
}

int64_t gw_retry_after_ms(const struct gw_transfer *transfer)
{
    static const char *const in_ms[] = { "retry-after-ms", "x-ms-retry-after-ms" };
    aigw_str text = gw_transfer_header(transfer, "retry-after");
    double value;

    for (size_t i = 0; i < GW_ARRAY_LEN(in_ms); i++)
        if (read_number(gw_transfer_header(transfer, in_ms[i]), &value))
            return clamp_ms(value);
    if (read_number(text, &value))
        return clamp_ms(value * 1000);
    return until_date_ms(text);
}
