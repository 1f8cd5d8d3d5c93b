/* quota_show.c - what people are told of quotas: log lines, /monitoring/ready?verbose, metrics. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "limits/internal.h"

#define SHOWN_MAX   50u /* of aigw_quota_used_ratio */
#define VERBOSE_MAX 20u
#define REFUSED_S   60

const char *gw_money_text(int64_t amount, char ret_text[GW_MONEY_TEXT])
{
    uint64_t size = amount < 0 ? -(uint64_t)amount : (uint64_t)amount;
    int len = snprintf(ret_text, GW_MONEY_TEXT, "%s%llu.%09llu", amount < 0 ? "-" : "",
                       (unsigned long long)(size / 1000000000), (unsigned long long)(size % 1000000000));

    while (ret_text[len - 1] == '0' && ret_text[len - 3] != '.') /* two digits stay */
        ret_text[--len] = '\0';
    return ret_text;
}

const char *gw_limit_quota_name(const struct gw_quota *quota)
{
    return quota->name;
}

/* ---- log ---- */

static const enum gw_limit_counter warned[] = { GW_LIMIT_REQUESTS, GW_LIMIT_TOKENS, GW_LIMIT_COST };
static const char *const counter_names[] = { [GW_LIMIT_PARALLEL] = "parallel",
                                             [GW_LIMIT_REQUESTS] = "requests",
                                             [GW_LIMIT_TOKENS] = "tokens",
                                             [GW_LIMIT_COST] = "cost" };

static void put_amount(struct gw_buf *out, enum gw_limit_counter counter, int64_t amount)
{
    char text[GW_MONEY_TEXT];

    if (counter == GW_LIMIT_COST)
        gw_buf_puts(out, gw_money_text(amount, text));
    else
        gw_buf_printf(out, "%lld", (long long)amount);
}

static void put_amount_member(struct gw_line *line, const char *name, enum gw_limit_counter counter, int64_t amount)
{
    char text[GW_MONEY_TEXT];

    if (counter == GW_LIMIT_COST)
        gw_line_raw(line, name, gw_str(gw_money_text(amount, text)));
    else
        gw_line_int(line, name, amount);
}

static void log_warning(const struct gw_quotas *quotas, const struct gw_limit_held *held, enum gw_limit_counter counter,
                        int64_t used, int32_t percent)
{
    const struct gw_quota *quota = held->quota;
    char message[160];
    struct gw_line line;

    (void)snprintf(message, sizeof message, "quota %.64s has used %d %% of its %s a %s", quota->name, percent,
                   counter == GW_LIMIT_COST ? "budget" : counter_names[counter], quota->window_text);
    gw_line_begin(&line, GW_LOG_WARNING, "quota.warn", message);
    gw_line_cstr(&line, "quota", quota->name);
    gw_line_cstr(&line, "entity", held->slot->whose.entity);
    gw_line_int(&line, "percent", percent);
    put_amount_member(&line, "used", counter, used);
    put_amount_member(&line, "limit", counter, gw_quota_room(quota, counter));
    gw_line_cstr(&line, "unit", counter == GW_LIMIT_COST ? gw_prices_currency(quotas->prices) : counter_names[counter]);
    gw_line_time(&line, "resets_at", held->slot->whose.end_s * 1000000);
    gw_line_end(&line);
}

void gw_quota_warn(const struct gw_quotas *quotas, const struct gw_limit_held *held)
{
    const struct gw_limit_now now = { 0, 0 }; /* windows of the calendar do not ask for it */
    const struct gw_quota *quota = held->quota;
    enum gw_limit_counter most = GW_LIMIT_COST;
    double share = 0;
    unsigned bits = 0, was;

    for (size_t i = 0; i < GW_ARRAY_LEN(warned); i++) {
        int64_t room = gw_quota_room(quota, warned[i]);
        double used = room ? (double)gw_limit_used(held->slot, warned[i], &now) / (double)room : 0;

        if (used > share) {
            share = used;
            most = warned[i];
        }
    }
    for (uint32_t i = 0; i < quota->warn_count && share * 100 >= quota->warn[i]; i++)
        bits |= 1u << i;
    if ((bits & ~atomic_load(&held->slot->warned)) == 0)
        return;
    was = atomic_fetch_or(&held->slot->warned, bits);
    if (bits > was) /* the highest of them is new */
        log_warning(quotas, held, most, gw_limit_used(held->slot, most, &now), quota->warn[31 - __builtin_clz(bits)]);
}

void gw_quota_log_refusal(const struct gw_limit_held *held, const char *text, const struct gw_limit_now *now)
{
    long long was = atomic_load(&held->slot->refused_s);
    struct gw_line line;

    if ((was && now->wall_s - was < REFUSED_S && now->wall_s >= was) ||
        !atomic_compare_exchange_strong(&held->slot->refused_s, &was, now->wall_s))
        return;
    gw_line_begin(&line, GW_LOG_WARNING, "quota.refused", text);
    gw_line_cstr(&line, "quota", held->quota->name);
    gw_line_cstr(&line, "entity", held->slot->whose.entity);
    gw_line_end(&line);
}

/* ---- who uses most ---- */

struct used {
    const struct gw_quota *quota;
    double ratio;
    int64_t amounts[GW_LIMIT_COUNTERS], end_s;
    char entity[sizeof((struct gw_limit_slot *)0)->whose.entity];
};

struct ranking {
    const struct gw_quotas *quotas;
    const struct gw_limit_now *now;
    size_t max, count;
    struct used items[SHOWN_MAX]; /* the most used first */
};

static const struct gw_quota *find_quota(const struct gw_quotas *quotas, uint64_t seed)
{
    for (size_t i = 0; quotas && i < quotas->count; i++)
        if (quotas->items[i].seed == seed)
            return &quotas->items[i];
    return NULL;
}

static void rank(void *user, const struct gw_limit_slot *slot)
{
    struct ranking *r = user;
    struct used one = { .quota = find_quota(r->quotas, slot->whose.quota), .end_s = slot->whose.end_s };
    size_t at;

    if (!one.quota || (one.end_s && one.end_s <= r->now->wall_s))
        return;
    for (int i = 0; i < GW_LIMIT_COUNTERS; i++) {
        const enum gw_limit_counter counter = (enum gw_limit_counter)i;
        int64_t room = gw_quota_room(one.quota, counter), used = gw_limit_used(slot, counter, r->now);
        double ratio = room ? (double)used / (double)room : 0;

        one.amounts[i] = used;
        if (room && window_slides(one.quota->window) && counter != GW_LIMIT_PARALLEL) /* time of the pace: as units */
            one.amounts[i] =
                (int64_t)(ratio * (double)(counter == GW_LIMIT_REQUESTS ? one.quota->burst : one.quota->tokens));
        one.ratio = ratio > one.ratio ? ratio : one.ratio;
    }
    memcpy(one.entity, slot->whose.entity, sizeof one.entity);
    if (one.ratio <= 0 || (r->count == r->max && one.ratio <= r->items[r->count - 1].ratio))
        return;
    at = r->count < r->max ? r->count++ : r->count - 1;
    for (; at > 0 && r->items[at - 1].ratio < one.ratio; at--)
        r->items[at] = r->items[at - 1];
    r->items[at] = one;
}

static void make_ranking(struct ranking *r, const struct gw_quotas *quotas, struct gw_limit_table *table,
                         const struct gw_limit_now *now, size_t max)
{
    r->quotas = quotas;
    r->now = now;
    r->max = max;
    r->count = 0;
    if (quotas->count)
        gw_limit_each(table, rank, r);
}

static const char *entity_text(const struct used *used)
{
    return used->quota->per == PER_ALL ? "all" : used->entity;
}

/* ---- verbose ---- */

static void put_quota(const struct gw_quotas *quotas, const struct gw_quota *quota, struct gw_buf *json)
{
    gw_buf_json(json, gw_str(quota->name), false);
    gw_buf_printf(json, ":{\"per\":\"%s\",\"window\":\"%s\",\"requests\":%lld,\"tokens\":%lld,\"parallel\":%lld",
                  quota->per_text, quota->window_text, (long long)quota->requests, (long long)quota->tokens,
                  (long long)quota->parallel);
    if (quota->cost) {
        gw_buf_puts(json, ",\"cost\":");
        put_amount(json, GW_LIMIT_COST, quota->cost);
        gw_buf_puts(json, ",\"currency\":");
        gw_buf_json(json, gw_str(gw_prices_currency(quotas->prices)), false);
    }
    gw_buf_puts(json, "}");
}

static void put_used(const struct ranking *r, const struct used *used, struct gw_buf *json)
{
    gw_buf_puts(json, "{\"quota\":");
    gw_buf_json(json, gw_str(used->quota->name), false);
    gw_buf_puts(json, ",\"entity\":");
    gw_buf_json(json, gw_str(entity_text(used)), false);
    gw_buf_printf(json, ",\"ratio\":%.4f", used->ratio);
    for (int i = 0; i < GW_LIMIT_COUNTERS; i++) {
        if (gw_quota_room(used->quota, (enum gw_limit_counter)i) == 0)
            continue;
        gw_buf_printf(json, ",\"%s\":", counter_names[i]);
        put_amount(json, (enum gw_limit_counter)i, used->amounts[i]);
    }
    if (used->end_s)
        gw_buf_printf(json, ",\"resets_in_s\":%lld", (long long)(used->end_s - r->now->wall_s));
    gw_buf_puts(json, "}");
}

void gw_quotas_describe(const struct gw_quotas *quotas, struct gw_limit_table *table, const struct gw_limit_now *now,
                        struct gw_buf *json)
{
    struct ranking r;

    gw_buf_puts(json, "\"quotas\":{");
    for (size_t i = 0; i < quotas->count; i++) {
        gw_buf_puts(json, i ? "," : "");
        put_quota(quotas, &quotas->items[i], json);
    }
    gw_buf_puts(json, "},\"quotas_used\":[");
    make_ranking(&r, quotas, table, now, VERBOSE_MAX);
    for (size_t i = 0; i < r.count; i++) {
        gw_buf_puts(json, i ? "," : "");
        put_used(&r, &r.items[i], json);
    }
    gw_buf_puts(json, "]");
}

void gw_quotas_collect(const struct gw_quotas *quotas, struct gw_limit_table *table, const struct gw_limit_now *now,
                       struct gw_buf *page)
{
    struct ranking r;

    make_ranking(&r, quotas, table, now, SHOWN_MAX);
    if (r.count == 0)
        return;
    gw_buf_puts(page, "# HELP aigw_quota_used_ratio How much of a quota is used, of those that are used most.\n"
                      "# TYPE aigw_quota_used_ratio gauge\n");
    for (size_t i = 0; i < r.count; i++) {
        gw_buf_puts(page, "aigw_quota_used_ratio{quota=");
        gw_buf_json(page, gw_str(r.items[i].quota->name), false);
        gw_buf_puts(page, ",entity=");
        gw_buf_json(page, gw_str(entity_text(&r.items[i])), false);
        gw_buf_printf(page, "} %.6g\n", r.items[i].ratio);
    }
}
