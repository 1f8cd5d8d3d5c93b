/* retry_after.c - when to come back, in all the spellings that model servers use: Retry-After with seconds (whole or
 * not), a duration or a date, and the vendors' headers with milliseconds. */
#define _XOPEN_SOURCE 700
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/number.h"
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
    return wait_ms >= (double)WAIT_MAX_MS ? WAIT_MAX_MS : gw_ceil_i64(wait_ms);
}

/* What stands behind the seconds: a fraction of one, and a zone as word, letter or offset. */
static bool read_zone(const char *rest, int64_t *ret_offset_s)
{
    static const char *const words[] = { "", "Z", "GMT", "UTC", "UT" };
    int hours, minutes, used = 0;

    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    rest += strspn(rest, " ");
    *ret_offset_s = 0;
    for (size_t i = 0; i < GW_ARRAY_LEN(words); i++)
        if (strcasecmp(rest, words[i]) == 0)
            return true;
    if ((sscanf(rest, "%*1[+-]%2d:%2d%n", &hours, &minutes, &used) != 2 &&
         sscanf(rest, "%*1[+-]%2d%2d%n", &hours, &minutes, &used) != 2) ||
        rest[used] != '\0')
        return false;
    *ret_offset_s = (hours * 60 + minutes) * (*rest == '-' ? -60 : 60);
    return true;
}

static int64_t until_date_ms(aigw_str text)
{
    static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S", "%A, %d-%b-%y %H:%M:%S", "%a %b %e %H:%M:%S %Y",
                                         "%d %b %Y %H:%M:%S",     "%Y-%m-%dT%H:%M:%S",     "%Y-%m-%d %H:%M:%S" };
    char date[65];

    text = gw_str_trim(text);
    if (!text.len || text.len >= sizeof date)
        return -1;
    memcpy(date, text.ptr, text.len);
    date[text.len] = '\0';
    for (size_t i = 0; i < GW_ARRAY_LEN(forms); i++) {
        struct tm utc = { 0 };
        const char *end = strptime(date, forms[i], &utc);
        int64_t offset_s;

        if (!end || !read_zone(end, &offset_s))
            continue;
        int64_t wait_s = (int64_t)timegm(&utc) - offset_s - gw_wall_s();
        return wait_s > 0 ? clamp_ms((double)wait_s * 1000) : 0;
    }
    return -1;
}

/* ---- when a rate limit begins anew: servers that say no Retry-After often say that ---- */

/* "6m0s", "1.5s", "20ms", "1h", "2 minutes". -1: it is no such text. */
static int64_t duration_ms(aigw_str text)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = { { "ms", 1 },          { "s", 1000 },       { "m", 60000 },      { "h", 3600000 }, { "d", 86400000 },
                  { "sec", 1000 },      { "second", 1000 },  { "seconds", 1000 }, { "min", 60000 }, { "minute", 60000 },
                  { "minutes", 60000 }, { "hour", 3600000 }, { "hours", 3600000 } };
    double sum_ms = 0, value;

    while (text.len) {
        size_t digits = 0, letters = 0, i = 0;

        while (digits < text.len && strchr("0123456789.", text.ptr[digits]) && text.ptr[digits])
            digits++;
        while (digits + letters < text.len && !strchr("0123456789.", text.ptr[digits + letters]))
            letters++;
        aigw_str unit = gw_str_trim((aigw_str){ text.ptr + digits, letters });
        while (i < GW_ARRAY_LEN(units) && !gw_str_eq_ci(unit, gw_str(units[i].unit)))
            i++;
        if (i == GW_ARRAY_LEN(units) || !read_number((aigw_str){ text.ptr, digits }, &value))
            return -1;
        sum_ms += value * units[i].ms;
        text.ptr += digits + letters;
        text.len -= digits + letters;
    }
    return clamp_ms(sum_ms);
}

/* A duration, seconds from now, or a moment: seconds or milliseconds since 1970, or a date. */
static int64_t reset_ms(aigw_str text)
{
    double value;

    text = gw_str_trim(text);
    if (!read_number(text, &value)) {
        int64_t wait_ms = text.len ? duration_ms(text) : -1;

        return wait_ms >= 0 ? wait_ms : until_date_ms(text);
    }
    if (value < 1e9)
        return clamp_ms(value * 1000);
    value = (value < 1e11 ? value * 1000 : value) - (double)gw_wall_s() * 1000;
    return value > 0 ? clamp_ms(value) : 0;
}

/* When the limits begin anew: of those of which nothing is left the last, else the first. */
struct reset {
    const struct gw_transfer *transfer;
    int64_t exhausted_ms, soonest_ms;
};

/* What a header says in one line of all limits: "limit=9, remaining=0, reset=30", newer ones "\"name\";r=0;t=30". */
static int64_t reset_among_ms(aigw_str text)
{
    static const char *const marks[] = { "reset=", ";t=" };
    const char *at = NULL;
    aigw_str rest;

    for (size_t i = 0; i < GW_ARRAY_LEN(marks) && !at && text.len > 0; i++)
        if ((at = memmem(text.ptr, text.len, marks[i], strlen(marks[i]))))
            at += strlen(marks[i]);
    if (!at)
        return -1;
    rest = (aigw_str){ at, 0 };
    while (at + rest.len < text.ptr + text.len && at[rest.len] >= '0' && at[rest.len] <= '9')
        rest.len++;
    return reset_ms(rest);
}

static void note_wait(struct reset *reset, int64_t wait_ms, const char *remaining)
{
    if (wait_ms < 0)
        return;
    if (remaining && gw_str_is(gw_str_trim(gw_transfer_header(reset->transfer, remaining)), "0") &&
        wait_ms > reset->exhausted_ms)
        reset->exhausted_ms = wait_ms;
    if (reset->soonest_ms < 0 || wait_ms < reset->soonest_ms)
        reset->soonest_ms = wait_ms;
}

static void note_reset(struct reset *reset, const char *name, const char *remaining)
{
    note_wait(reset, reset_ms(gw_transfer_header(reset->transfer, name)), remaining);
}

/* The name of the header that says what is left of a limit of that unit; NULL: the provider knows of none. */
static const char *remaining_of(const struct gw_plugin *plugin, uint32_t unit)
{
    for (uint32_t i = 0; i < plugin->provider.rate_header_count; i++)
        if (plugin->rate_headers[i].unit == unit && plugin->rate_headers[i].what == AIGW_RATE_REMAINING)
            return plugin->rate_headers[i].name;
    return NULL;
}

int64_t gw_rate_reset_ms(const struct gw_plugin *plugin, const struct gw_transfer *transfer)
{
    static const struct {
        const char *reset, *remaining;
    } limits[] = {
        /* without a vendor */
        { "x-ratelimit-reset", "x-ratelimit-remaining" },
        { "x-ratelimit-reset-requests", "x-ratelimit-remaining-requests" },
        { "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens" },
        { "x-ratelimit-reset-input-tokens", "x-ratelimit-remaining-input-tokens" },
        { "x-ratelimit-reset-output-tokens", "x-ratelimit-remaining-output-tokens" },
        { "ratelimit-reset", "ratelimit-remaining" },
    };
    struct reset reset = { transfer, -1, -1 };

    for (size_t i = 0; i < GW_ARRAY_LEN(limits); i++)
        note_reset(&reset, limits[i].reset, limits[i].remaining);
    note_wait(&reset, reset_among_ms(gw_transfer_header(transfer, "ratelimit")), NULL);
    for (uint32_t i = 0; i < plugin->provider.rate_header_count; i++)
        if (plugin->rate_headers[i].what == AIGW_RATE_RESET)
            note_reset(&reset, plugin->rate_headers[i].name, remaining_of(plugin, plugin->rate_headers[i].unit));
    return reset.exhausted_ms >= 0 ? reset.exhausted_ms : reset.soonest_ms;
}

/* The first of a list of numbers, without quotes and parameters; a date has a comma of its own. */
static aigw_str first_of(aigw_str text)
{
    size_t len = 0;

    text = gw_str_trim(text);
    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        text = gw_str_trim((aigw_str){ text.ptr + 1, text.len - 2 });
    if (text.len == 0 || text.ptr[0] < '0' || text.ptr[0] > '9')
        return text;
    while (len < text.len && text.ptr[len] != ',' && text.ptr[len] != ';')
        len++;
    return (aigw_str){ text.ptr, len };
}

int64_t gw_retry_after_ms(const struct gw_transfer *transfer)
{
    static const char *const in_ms[] = { "retry-after-ms", "x-ms-retry-after-ms" };
    aigw_str text = gw_transfer_header(transfer, "retry-after");
    double value;

    for (size_t i = 0; i < GW_ARRAY_LEN(in_ms); i++)
        if (read_number(gw_transfer_header(transfer, in_ms[i]), &value))
            return clamp_ms(value);
    return reset_ms(first_of(text));
}
