/* quota.c - which quotas a call meets, and charging them together. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "limits/internal.h"

#define SLICES    20   /* of a limit that is shared: one may be charged before the store knows */
#define CLOSED_MS 1000 /* after which a call may be tried again that is refused while the store is down */

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
        return (struct gw_limit_need){ counter, GW_NEED_SUM, cost, limit, held->end_s, limit / SLICES };
    return (struct gw_limit_need){ .counter = counter,
                                   .kind = GW_NEED_PACE,
                                   .add = us_of(cost, limit, window),
                                   .room = us_of(burst, limit, window),
                                   .slice = gw_window_us(window) / SLICES };
}

/** What a use counts against the tokens of a quota. */
static int64_t tokens_of(const struct gw_quota *quota, const struct gw_limit_use *use)
{
    int64_t cached = use->cached > 0 && use->cached <= use->tokens ? use->cached : 0;

    return use->tokens - cached + (int64_t)((double)cached * quota->cached_weight);
}

size_t gw_quota_needs(const struct gw_limit_held *held, const struct gw_limit_use *use, struct gw_limit_need *ret_needs)
{
    const struct gw_quota *quota = held->quota;
    size_t count = 0;

    if (quota->parallel)
        ret_needs[count++] =
            (struct gw_limit_need){ GW_LIMIT_PARALLEL, GW_NEED_PLACE, 1, quota->parallel, 0, quota->parallel / SLICES };
    if (quota->requests)
        ret_needs[count++] =
            need_of(held, GW_LIMIT_REQUESTS, 1, quota->requests, held->end_s ? quota->requests : quota->burst);
    if (quota->tokens)
        ret_needs[count++] = need_of(held, GW_LIMIT_TOKENS, use->tokens, quota->tokens, quota->tokens);
    if (quota->cost)
        ret_needs[count++] = (struct gw_limit_need){ GW_LIMIT_COST, GW_NEED_MONEY, use->cost,
                                                     quota->cost,   held->end_s,   quota->cost / SLICES };
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

void gw_quota_refuse(const struct gw_limit_hold *hold, const struct gw_limit_held *held,
                     const struct gw_limit_subject *subject, const struct gw_limit_need *need, int64_t wait_us,
                     const struct gw_limit_now *now, struct gw_limit_refusal *ret_refusal)
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
    const enum gw_limit_counter counter = need->counter;
    const char *a = quota->window == WINDOW_HOUR ? " an " : " a ";
    char whom[128];
    aigw_str entity;

    (void)entity_of(quota, subject, &entity);
    put_whom(quota, entity, whom, sizeof whom);
    *ret_refusal = (struct gw_limit_refusal){ .quota = quota->name, .instead = quota->instead };
    ret_refusal->retry_after_ms = wait_us < 0 ? -1 : (wait_us + 999) / 1000;
    if (counter == GW_LIMIT_COST)
        refuse_money(hold, held, whom, wait_us, ret_refusal);
    else
        (void)snprintf(ret_refusal->text, sizeof ret_refusal->text, "quota %s is used up: %lld %s%s%s%s", quota->name,
                       (long long)said[counter].limit, said[counter].what, wait_us < 0 ? "" : a,
                       wait_us < 0 ? "" : quota->window_text, whom);
    gw_quota_log_refusal(held, ret_refusal->text, now);
}

void gw_limit_refuse_closed(struct gw_limit_refusal *ret_refusal)
{
    *ret_refusal = (struct gw_limit_refusal){ .retry_after_ms = CLOSED_MS, .is_store_down = true };
    (void)snprintf(ret_refusal->text, sizeof ret_refusal->text,
                   "the store of shared limits cannot be reached (shared.on_down = \"closed\")");
}

/* ---- charging ---- */

static bool is_shared(const struct gw_limit_table *limits)
{
    return limits->shared && gw_shared_is_on(limits->shared);
}

static bool take(struct gw_limit_table *limits, struct gw_limit_slot *slot, const struct gw_limit_need *need,
                 const struct gw_limit_now *now, int64_t *ret_wait_us, bool *ret_must_ask)
{
    return is_shared(limits) ? gw_shared_take(limits->shared, slot, need, now, ret_wait_us, ret_must_ask)
                             : gw_limit_take(slot, need, now, ret_wait_us);
}

static void correct(struct gw_limit_table *limits, struct gw_limit_slot *slot, const struct gw_limit_need *need)
{
    if (is_shared(limits))
        gw_shared_correct(limits->shared, slot, need);
    else
        gw_limit_correct(slot, need);
}

static void give_back(struct gw_limit_table *limits, const struct gw_limit_held *held,
                      const struct gw_limit_need *needs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gw_limit_need back = needs[i];

        back.room = back.add; /* of money: reserved no longer */
        back.add = -back.add;
        correct(limits, held->slot, &back);
    }
}

/** Hold the counters of all quotas that count this call. */
static void meet(const struct gw_quotas *quotas, struct gw_limit_table *limits, const struct gw_limit_subject *subject,
                 const struct gw_limit_now *now, struct gw_limit_hold *ret_hold)
{
    const char *zone_name;
    const struct gw_zone *zone = gw_prices_zone(quotas->prices, &zone_name);

    ret_hold->count = 0;
    ret_hold->limits = limits;
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
static enum gw_limit_verdict charge_one(const struct gw_limit_hold *hold, const struct gw_limit_held *held,
                                        const struct gw_limit_subject *subject, const struct gw_limit_use *use,
                                        const struct gw_limit_now *now, struct gw_limit_refusal *ret_refusal)
{
    struct gw_limit_need needs[GW_LIMIT_COUNTERS];
    size_t count = gw_quota_needs(held, use, needs);
    bool must_ask = false;
    int64_t wait_us;

    for (size_t i = 0; i < count; i++) {
        if (take(hold->limits, held->slot, &needs[i], now, &wait_us, &must_ask))
            continue;
        if (!must_ask)
            gw_quota_refuse(hold, held, subject, &needs[i], wait_us, now, ret_refusal);
        give_back(hold->limits, held, needs, i);
        return must_ask ? GW_LIMIT_ASK : GW_LIMIT_REFUSED;
    }
    return GW_LIMIT_ADMITTED;
}

static enum gw_limit_verdict charge_all(const struct gw_limit_hold *hold, const struct gw_limit_subject *subject,
                                        const struct gw_limit_use *use, const struct gw_limit_now *now,
                                        struct gw_limit_refusal *ret_refusal)
{
    enum gw_limit_verdict verdict = GW_LIMIT_ADMITTED;
    struct gw_limit_need needs[GW_LIMIT_COUNTERS];
    uint32_t charged = 0;

    while (charged < hold->count && verdict == GW_LIMIT_ADMITTED) {
        verdict = charge_one(hold, &hold->held[charged], subject, use, now, ret_refusal);
        charged += verdict == GW_LIMIT_ADMITTED;
    }
    while (verdict != GW_LIMIT_ADMITTED && charged > 0) {
        const struct gw_limit_held *held = &hold->held[--charged];

        give_back(hold->limits, held, needs, gw_quota_needs(held, use, needs));
    }
    return verdict;
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
void gw_quotas_let_go(struct gw_limit_hold *hold, const struct gw_limit_now *now)
{
    for (size_t unit = 0; unit < GW_LIMIT_UNITS; unit++)
        if (!gw_quotas_left(hold, (enum gw_limit_unit)unit, now, &hold->left[unit]))
            hold->left[unit].limit = 0;
    for (uint32_t i = 0; i < hold->count; i++)
        gw_limit_let_go(hold->held[i].slot);
    hold->count = 0;
}

enum gw_limit_verdict gw_quotas_charge(const struct gw_quotas *quotas, struct gw_limit_table *limits,
                                       const struct gw_limit_subject *subject, const struct gw_limit_use *estimate,
                                       const struct gw_limit_now *now, struct gw_limit_hold *ret_hold,
                                       struct gw_limit_refusal *ret_refusal)
{
    enum gw_limit_verdict verdict = GW_LIMIT_ADMITTED;

    meet(quotas, limits, subject, now, ret_hold);
    ret_hold->tokens = estimate->tokens;
    ret_hold->cost = estimate->cost;
    if (ret_hold->count && is_shared(limits)) {
        verdict = gw_shared_begin(limits->shared);
        if (verdict == GW_LIMIT_REFUSED)
            gw_limit_refuse_closed(ret_refusal);
    }
    if (verdict == GW_LIMIT_ADMITTED)
        verdict = charge_all(ret_hold, subject, estimate, now, ret_refusal);
    if (verdict == GW_LIMIT_REFUSED)
        gw_quotas_let_go(ret_hold, now);
    return verdict;
}

void gw_quotas_settle(struct gw_limit_hold *hold, const struct gw_limit_use *use, const struct gw_limit_now *now)
{
    for (uint32_t i = 0; i < hold->count; i++) {
        const struct gw_limit_held *held = &hold->held[i];
        const struct gw_quota *quota = held->quota;
        struct gw_limit_need place = { GW_LIMIT_PARALLEL, GW_NEED_PLACE, -1, 0, 0, 0 };
        struct gw_limit_need money = {
            GW_LIMIT_COST, GW_NEED_MONEY, use ? use->cost - hold->cost : 0, hold->cost, 0, 0
        };
        struct gw_limit_need change;

        if (quota->parallel)
            correct(hold->limits, held->slot, &place);
        if (quota->cost)
            correct(hold->limits, held->slot, &money);
        if (quota->tokens && use) {
            change = need_of(held, GW_LIMIT_TOKENS, tokens_of(quota, use) - hold->tokens, quota->tokens, 0);
            correct(hold->limits, held->slot, &change);
        }
        if (quota->warn_count)
            gw_quota_warn(hold->quotas, held);
    }
    if (hold->count)
        gw_quotas_let_go(hold, now);
}
