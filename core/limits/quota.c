/* quota.c - which quotas a call meets, and charging them together. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "limits/internal.h"

/* ---- a call --------------------------------------------------------------------------------------------------- */

bool gw_quotas_has_any(const struct gw_quotas *quotas)
{
    return quotas->count > 0;
}

static bool matches(const struct aigw_list *patterns, aigw_str text)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (gw_str_like(text, gw_str(patterns->items[i])))
            return true;
    return patterns->count == 0;
}

/** False: the quota does not count this call. */
static bool entity_of(const struct gw_quota *quota, const struct gw_limit_subject *subject, aigw_str *ret_entity)
{
    const aigw_str entities[] = {
        [PER_ALL] = AIGW_STR(""), [PER_INSTANCE] = subject->instance, [PER_USER] = subject->user,
        [PER_KEY] = subject->key, [PER_TEAM] = subject->team,         [PER_MODEL] = subject->model,
    };

    *ret_entity = entities[quota->per];
    if (quota->per != PER_ALL && ret_entity->len == 0)
        return false;
    return matches(&quota->models, subject->model) && (quota->per == PER_ALL || matches(&quota->match, *ret_entity));
}

bool gw_quota_counts_model(const struct gw_quota *quota, aigw_str model)
{
    return matches(&quota->models, model) && (quota->per != PER_MODEL || matches(&quota->match, model));
}

static int64_t us_of(int64_t cost, int64_t limit, int window)
{
    return (int64_t)((double)cost * (double)gw_window_us(window) / (double)limit);
}

/** `cost` of a counter of which `limit` fit into the window, and no more than `burst` at once. */
static struct gw_limit_need need_of(const struct gw_limit_held *held, enum gw_limit_counter counter, int64_t cost,
                                    int64_t limit, int64_t burst)
{
    const int window = held->quota->window;

    if (held->end_s)
        return (struct gw_limit_need){ counter, GW_NEED_SUM, cost, limit, held->end_s };
    return (struct gw_limit_need){ counter, GW_NEED_PACE, us_of(cost, limit, window), us_of(burst, limit, window), 0 };
}

/** What a use counts against the tokens of a quota. */
static int64_t tokens_of(const struct gw_quota *quota, const struct gw_limit_use *use)
{
    int64_t cached = use->cached > 0 && use->cached <= use->tokens ? use->cached : 0;

    return use->tokens - cached + (int64_t)((double)cached * quota->cached_weight);
}

/** What a call needs of a quota's counters; as many as are limited. */
static size_t needs_of(const struct gw_limit_held *held, const struct gw_limit_use *use,
                       struct gw_limit_need *ret_needs)
{
    const struct gw_quota *quota = held->quota;
    size_t count = 0;

    if (quota->parallel)
        ret_needs[count++] = (struct gw_limit_need){ GW_LIMIT_PARALLEL, GW_NEED_PLACE, 1, quota->parallel, 0 };
    if (quota->requests)
        ret_needs[count++] =
            need_of(held, GW_LIMIT_REQUESTS, 1, quota->requests, held->end_s ? quota->requests : quota->burst);
    if (quota->tokens)
        ret_needs[count++] = need_of(held, GW_LIMIT_TOKENS, use->tokens, quota->tokens, quota->tokens);
    if (quota->cost)
        ret_needs[count++] =
            (struct gw_limit_need){ GW_LIMIT_COST, GW_NEED_MONEY, use->cost, quota->cost, held->end_s };
    return count;
}

/** " for team red". */
static void put_whom(const struct gw_quota *quota, aigw_str entity, char *ret, size_t size)
{
    *ret = '\0';
    if (quota->per == PER_USER) /* an id that tells nobody anything */
        (void)snprintf(ret, size, " for one user");
    else if (quota->per != PER_ALL)
        (void)snprintf(ret, size, " for %s %.*s", quota->per_text, (int)(entity.len < 80 ? entity.len : 80),
                       entity.ptr);
}

/** A budget: how much was used of how much, and when it begins anew. wait_us: -1 while calls under way have the rest.
 */
static void refuse_money(const struct gw_limit_hold *hold, const struct gw_limit_held *held, const char *whom,
                         int64_t wait_us, struct gw_limit_refusal *ret_refusal)
{
    const struct gw_quota *quota = held->quota;
    const char *currency = gw_prices_currency(hold->quotas->prices), *zone_name;
    const struct gw_zone *zone = gw_prices_zone(hold->quotas->prices, &zone_name);
    const time_t local_s = (time_t)(held->end_s + gw_zone_offset_s(zone, held->end_s));
    char used[GW_MONEY_TEXT], limit[GW_MONEY_TEXT], date[40] = "";
    struct tm tm;

    gw_money_text(atomic_load(&held->slot->words[GW_LIMIT_COST]), used);
    gw_money_text(quota->cost, limit);
    if (gmtime_r(&local_s, &tm))
        (void)strftime(date, sizeof date, "%Y-%m-%d %H:%M", &tm);
    ret_refusal->is_empty = wait_us >= 0;
    if (ret_refusal->is_empty)
        (void)snprintf(ret_refusal->text, sizeof ret_refusal->text,
                       "quota %s is used up: %s of %s %s a %s%s; it begins anew on %s %s", quota->name, used, limit,
                       currency, quota->window_text, whom, date, zone_name);
    else
        (void)snprintf(ret_refusal->text, sizeof ret_refusal->text,
                       "quota %s has no room: calls under way may need the rest of %s %s a %s%s", quota->name, limit,
                       currency, quota->window_text, whom);
}

/** wait_us: negative when it ends with a call, not with time. */
static void refuse(const struct gw_limit_hold *hold, const struct gw_limit_held *held, aigw_str entity,
                   enum gw_limit_counter counter, int64_t wait_us, struct gw_limit_refusal *ret_refusal)
{
    const struct gw_quota *quota = held->quota;
    const struct {
        int64_t limit;
        const char *what;
    } said[] = {
        [GW_LIMIT_PARALLEL] = { quota->parallel, "calls at one time" },
        [GW_LIMIT_REQUESTS] = { quota->requests, "requests" },
        [GW_LIMIT_TOKENS] = { quota->tokens, "tokens" },
    };
    char whom[128];

    put_whom(quota, entity, whom, sizeof whom);
    *ret_refusal = (struct gw_limit_refusal){ .quota = quota->name, .instead = quota->instead };
    ret_refusal->retry_after_ms = wait_us < 0 ? -1 : (wait_us + 999) / 1000;
    if (counter == GW_LIMIT_COST)
        refuse_money(hold, held, whom, wait_us, ret_refusal);
    else
        (void)snprintf(ret_refusal->text, sizeof ret_refusal->text, "quota %s is used up: %lld %s%s%s%s", quota->name,
                       (long long)said[counter].limit, said[counter].what, wait_us < 0 ? "" : " a ",
                       wait_us < 0 ? "" : quota->window_text, whom);
}

static void give_back(const struct gw_limit_held *held, const struct gw_limit_need *needs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gw_limit_need back = needs[i];

        back.room = back.add; /* of money: reserved no longer */
        back.add = -back.add;
        gw_limit_correct(held->slot, &back);
    }
}

/** Hold the counters of all quotas that count this call. */
static void meet(const struct gw_quotas *quotas, struct gw_limit_table *limits, const struct gw_limit_subject *subject,
                 const struct gw_limit_now *now, struct gw_limit_hold *ret_hold)
{
    const char *zone_name;
    const struct gw_zone *zone = gw_prices_zone(quotas->prices, &zone_name);

    ret_hold->count = 0;
    ret_hold->quotas = quotas;
    for (size_t i = 0; i < quotas->count && ret_hold->count < GW_QUOTAS_PER_CALL; i++) {
        const struct gw_quota *quota = &quotas->items[i];
        struct gw_limit_held *held = &ret_hold->held[ret_hold->count];
        struct gw_limit_key key = { .quota = quota->seed, .is_user = quota->per == PER_USER };

        if (!entity_of(quota, subject, &key.entity))
            continue;
        key.id = gw_hash_more(quota->seed, key.entity.ptr, key.entity.len);
        if (!window_slides(quota->window)) { /* a new window is a new counter: nothing is ever set back */
            gw_window_cached(&quotas->windows[quota->window], quota->window, zone, now->wall_s, &key.begin_s,
                             &key.end_s);
            key.id = gw_hash_more(key.id, &key.begin_s, sizeof key.begin_s);
        }
        key.id |= 1;
        *held = (struct gw_limit_held){ gw_limit_hold_slot(limits, &key, now), key.end_s, quota };
        if (held->slot) /* else more callers at once than can be told apart: nobody is refused for that */
            ret_hold->count++;
    }
}

/** One quota, all of it or nothing. */
static bool charge_one(const struct gw_limit_hold *hold, const struct gw_limit_held *held,
                       const struct gw_limit_subject *subject, const struct gw_limit_use *use,
                       const struct gw_limit_now *now, struct gw_limit_refusal *ret_refusal)
{
    struct gw_limit_need needs[GW_LIMIT_COUNTERS];
    size_t count = needs_of(held, use, needs);
    aigw_str entity;
    int64_t wait_us;

    for (size_t i = 0; i < count; i++) {
        if (gw_limit_take(held->slot, &needs[i], now, &wait_us))
            continue;
        (void)entity_of(held->quota, subject, &entity);
        refuse(hold, held, entity, needs[i].counter, wait_us, ret_refusal);
        give_back(held, needs, i);
        return false;
    }
    return true;
}

/* ---- what is left ---- */

int64_t gw_quota_room(const struct gw_quota *quota, enum gw_limit_counter counter)
{
    const int64_t rooms[] = { [GW_LIMIT_PARALLEL] = quota->parallel,
                              [GW_LIMIT_REQUESTS] = quota->requests,
                              [GW_LIMIT_TOKENS] = quota->tokens,
                              [GW_LIMIT_COST] = quota->cost };

    if (!rooms[counter] || !window_slides(quota->window) || counter == GW_LIMIT_PARALLEL)
        return rooms[counter];
    return counter == GW_LIMIT_REQUESTS ? us_of(quota->burst, quota->requests, quota->window)
                                        : gw_window_us(quota->window);
}

static bool left_of(const struct gw_limit_held *held, enum gw_limit_counter counter, const struct gw_limit_now *now,
                    struct gw_limit_left *ret_left)
{
    const struct gw_quota *quota = held->quota;
    int64_t room = gw_quota_room(quota, counter), used = gw_limit_used(held->slot, counter, now), left = room - used;

    if (room == 0)
        return false;
    left = left > 0 ? left : 0;
    ret_left->limit = counter == GW_LIMIT_REQUESTS ? quota->requests : quota->tokens;
    ret_left->remaining = left;
    ret_left->reset_ms = (held->end_s - now->wall_s) * 1000;
    if (window_slides(quota->window)) { /* microseconds of the pace */
        ret_left->remaining =
            (int64_t)((double)left * (double)ret_left->limit / (double)gw_window_us(quota->window) + 1e-6);
        ret_left->reset_ms = (used + 999) / 1000;
    }
    return true;
}

bool gw_quotas_left(const struct gw_limit_hold *hold, enum gw_limit_unit unit, const struct gw_limit_now *now,
                    struct gw_limit_left *ret_left)
{
    enum gw_limit_counter counter = unit == GW_LIMIT_OF_REQUESTS ? GW_LIMIT_REQUESTS : GW_LIMIT_TOKENS;
    struct gw_limit_left left;
    bool is_any = false;

    if (hold->count == 0) { /* it is over */
        *ret_left = hold->left[unit];
        return ret_left->limit > 0;
    }
    for (uint32_t i = 0; i < hold->count; i++) {
        if (!left_of(&hold->held[i], counter, now, &left) || (is_any && left.remaining >= ret_left->remaining))
            continue;
        *ret_left = left;
        is_any = true;
    }
    return is_any;
}

/** What the quotas have left is asked for later, by whoever writes the answer. */
static void let_go(struct gw_limit_hold *hold, const struct gw_limit_now *now)
{
    for (size_t unit = 0; unit < GW_LIMIT_UNITS; unit++)
        if (!gw_quotas_left(hold, (enum gw_limit_unit)unit, now, &hold->left[unit]))
            hold->left[unit].limit = 0;
    for (uint32_t i = 0; i < hold->count; i++)
        gw_limit_let_go(hold->held[i].slot);
    hold->count = 0;
}

bool gw_quotas_charge(const struct gw_quotas *quotas, struct gw_limit_table *limits,
                      const struct gw_limit_subject *subject, const struct gw_limit_use *estimate,
                      const struct gw_limit_now *now, struct gw_limit_hold *ret_hold,
                      struct gw_limit_refusal *ret_refusal)
{
    struct gw_limit_need needs[GW_LIMIT_COUNTERS];
    uint32_t charged = 0;

    meet(quotas, limits, subject, now, ret_hold);
    ret_hold->tokens = estimate->tokens;
    ret_hold->cost = estimate->cost;
    while (charged < ret_hold->count &&
           charge_one(ret_hold, &ret_hold->held[charged], subject, estimate, now, ret_refusal))
        charged++;
    if (charged == ret_hold->count)
        return true;
    gw_quota_log_refusal(&ret_hold->held[charged], ret_refusal->text, now);
    while (charged-- > 0)
        give_back(&ret_hold->held[charged], needs, needs_of(&ret_hold->held[charged], estimate, needs));
    let_go(ret_hold, now);
    return false;
}

void gw_quotas_settle(struct gw_limit_hold *hold, const struct gw_limit_use *use, const struct gw_limit_now *now)
{
    for (uint32_t i = 0; i < hold->count; i++) {
        const struct gw_limit_held *held = &hold->held[i];
        const struct gw_quota *quota = held->quota;
        struct gw_limit_need place = { GW_LIMIT_PARALLEL, GW_NEED_PLACE, -1, 0, 0 };
        struct gw_limit_need money = { GW_LIMIT_COST, GW_NEED_MONEY, use ? use->cost - hold->cost : 0, hold->cost, 0 };
        struct gw_limit_need change;

        if (quota->parallel)
            gw_limit_correct(held->slot, &place);
        if (quota->cost)
            gw_limit_correct(held->slot, &money);
        if (quota->tokens && use) {
            change = need_of(held, GW_LIMIT_TOKENS, tokens_of(quota, use) - hold->tokens, quota->tokens, 0);
            gw_limit_correct(held->slot, &change);
        }
        if (quota->warn_count)
            gw_quota_warn(hold->quotas, held);
    }
    if (hold->count)
        let_go(hold, now);
}
