/* zone_rule.c - the rule at the end of a zone's file: when summer time begins and ends in years that it does not list.
 */
#include "base/zone.h"

#define YEAR_DAYS 365

/* ---- reading ---- */

struct text {
    const char *at, *end;
};

static bool take(struct text *text, char c)
{
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    return true;
}

static bool is_digit(const struct text *text)
{
    return text->at < text->end && *text->at >= '0' && *text->at <= '9';
}

static bool take_number(struct text *text, int max, int *ret)
{
    int value = 0;

    if (!is_digit(text))
        return false;
    for (; is_digit(text) && value <= max; text->at++)
        value = value * 10 + (*text->at - '0');
    *ret = value;
    return value <= max;
}

/* A zone's short name: letters, or anything within <>. */
static bool take_name(struct text *text)
{
    const char *begin = text->at;

    if (take(text, '<')) {
        while (text->at < text->end && *text->at != '>')
            text->at++;
        return take(text, '>');
    }
    while (text->at < text->end && ((*text->at | 0x20) >= 'a' && (*text->at | 0x20) <= 'z'))
        text->at++;
    return text->at - begin >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_time(struct text *text, int32_t *ret_s)
{
    bool is_negative = take(text, '-');
    int h, m = 0, s = 0;

    if (!is_negative)
        (void)take(text, '+');
    if (!take_number(text, 167, &h) || (take(text, ':') && !take_number(text, 59, &m)) ||
        (take(text, ':') && !take_number(text, 59, &s)))
        return false;
    *ret_s = (h * 3600 + m * 60 + s) * (is_negative ? -1 : 1);
    return true;
}

/* "M3.5.0/2", "J60", "59/3"; without a time at two o'clock. */
static bool take_turn(struct text *text, struct gw_zone_turn *ret)
{
    *ret = (struct gw_zone_turn){ .form = 'n', .second = 7200 };
    if (!take(text, ','))
        return false;
    if (take(text, 'M')) {
        ret->form = 'M';
        if (!take_number(text, 12, &ret->month) || !take(text, '.') || !take_number(text, 5, &ret->week) ||
            !take(text, '.') || !take_number(text, 6, &ret->day) || ret->month < 1 || ret->week < 1)
            return false;
    } else {
        if (take(text, 'J'))
            ret->form = 'J';
        if (!take_number(text, YEAR_DAYS, &ret->day) || (ret->form == 'J' && ret->day < 1))
            return false;
    }
    return !take(text, '/') || take_time(text, &ret->second);
}

bool gw_zone_rule_read(aigw_str bytes, struct gw_zone_rule *ret_rule)
{
    struct text text = { bytes.ptr, bytes.ptr + bytes.len };
    int32_t west_s;

    *ret_rule = (struct gw_zone_rule){ .offset_s = 0 };
    if (bytes.len == 0 || !take_name(&text) || !take_time(&text, &west_s))
        return false;
    ret_rule->offset_s = ret_rule->summer_s = -west_s; /* POSIX counts what is to be added to reach UTC */
    if (text.at == text.end)
        return true;
    if (!take_name(&text))
        return false;
    ret_rule->summer_s = ret_rule->offset_s + 3600;
    if (text.at < text.end && *text.at != ',') {
        if (!take_time(&text, &west_s))
            return false;
        ret_rule->summer_s = -west_s;
    }
    return take_turn(&text, &ret_rule->begin) && take_turn(&text, &ret_rule->end) && text.at == text.end;
}

/* ---- years ---- */

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970 to 1 January of a year. */
static int64_t days_before(int64_t year)
{
    int64_t y = year - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static int64_t year_of(int64_t day)
{
    int64_t year = 1970 + day / YEAR_DAYS;

    while (days_before(year) > day)
        year--;
    while (days_before(year + 1) <= day)
        year++;
    return year;
}

/* The day of a turn in a year, counted from 1970. */
static int64_t day_of_turn(const struct gw_zone_turn *turn, int64_t year)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int64_t first = days_before(year), day;
    int length;

    if (turn->form == 'n')
        return first + turn->day;
    if (turn->form == 'J') /* 29 February is never counted */
        return first + turn->day - 1 + (is_leap(year) && turn->day >= 60);
    for (int m = 1; m < turn->month; m++)
        first += lengths[m - 1] + (m == 2 && is_leap(year));
    length = lengths[turn->month - 1] + (turn->month == 2 && is_leap(year));
    day = (turn->day - (first + 4) % 7 + 7) % 7 + (turn->week - 1) * 7; /* 1970 began on a Thursday */
    return first + (day >= length ? day - 7 : day);
}

int32_t gw_zone_rule_offset_s(const struct gw_zone_rule *rule, int64_t wall_s)
{
    int64_t year, begin_s, end_s;
    bool is_summer;

    if (rule->summer_s == rule->offset_s)
        return rule->offset_s;
    year = year_of((wall_s + rule->offset_s) / GW_DAY_S);
    begin_s = day_of_turn(&rule->begin, year) * GW_DAY_S + rule->begin.second - rule->offset_s;
    end_s = day_of_turn(&rule->end, year) * GW_DAY_S + rule->end.second - rule->summer_s;
    is_summer = begin_s < end_s ? wall_s >= begin_s && wall_s < end_s : wall_s >= begin_s || wall_s < end_s;
    return is_summer ? rule->summer_s : rule->offset_s;
}
