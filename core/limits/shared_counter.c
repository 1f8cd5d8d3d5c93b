/* shared_counter.c - one counter of a slot between here and the store: what is sent of it, and what an answer makes of
 * it. On the keeper's thread.
 *
 * Of each counter three amounts are known: what was charged here, how much of that was sent, and how much the store
 * said it has. A reply sets the counter to what all replicas have charged, and what was charged here since. An ask is
 * charged by its reply.
 *
 * A store may forget while it is connected: it is emptied, or evicts for want of memory. It has less than we told it
 * then, which sums of the calendar show, for nobody takes away what we added. The counter stays as it is, and the store
 * is told what it should have. What slides is forgotten with it: a store has nothing of a pace that is paid off,
 * either. */
#include "limits/shared_keeper.h"

/** Charged here, and not sent. */
int64_t gw_counter_untold(const struct gw_share *share, const struct gw_limit_slot *slot, enum gw_limit_counter counter)
{
    return gw_share_ahead(share, slot, counter) + atomic_load(&share->acked[counter]) - share->sent[counter];
}

/** What the store has of a counter as far as is known here, for one that may have lost it. */
static int64_t base_of(const struct gw_share *share, const struct gw_limit_slot *slot, const struct gw_limit_need *need,
                       const struct gw_limit_now *now)
{
    int64_t base;

    if (need->kind == GW_NEED_PLACE)
        return atomic_load(&slot->words[need->counter]);
    if (gw_limit_is_over(slot, need->counter, now))
        return 0;
    base = need->kind != GW_NEED_PACE
               ? gw_limit_used(slot, need->counter, now)
               : atomic_load(&slot->words[need->counter]) - now->mono_us - atomic_load(&share->presumed[need->counter]);
    base -= gw_counter_untold(share, slot, need->counter);
    return base > 0 ? base : 0;
}

void gw_counter_put_base(struct gw_shared *shared, struct gw_share_item *item, const struct gw_limit_now *now)
{
    struct gw_share *share = gw_share_of(shared, item->slot);
    const enum gw_limit_counter counter = item->need.counter;
    int64_t acked;

    item->base = -1;
    if (share->generation == shared->generation && !(share->forgotten & 1u << counter))
        return;
    share->forgotten &= ~(1u << counter);
    item->base = base_of(share, item->slot, &item->need, now);
    if (item->need.kind == GW_NEED_PLACE) {
        share->sent[counter] = item->base;
        atomic_store(&share->acked[counter], item->base);
    }
    acked = atomic_load(&share->acked[counter]);
    share->missing[counter] = acked > item->base ? acked - item->base : 0;
}

/** Has the store less than it was told from here? Its numbers are not exact beyond 2^53. */
static bool is_forgotten(const struct gw_share *share, const struct gw_share_item *item, int64_t value)
{
    const struct gw_limit_now now = { .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };
    const enum gw_limit_counter counter = item->need.counter;
    const int64_t acked = atomic_load(&share->acked[counter]);

    return (item->need.kind == GW_NEED_SUM || item->need.kind == GW_NEED_MONEY) &&
           value < acked - share->missing[counter] - (acked >> 40) &&
           !gw_limit_is_over(item->slot, counter, &now); /* else it was to forget */
}

/** Tell it what it should have, with the next that is told: a store that answers nonsense is not asked for more at
 * once. */
static void remind(struct gw_shared *shared, const struct gw_share_item *item, bool was_charged_by_it)
{
    struct gw_share *share = gw_share_of(shared, item->slot);
    struct gw_limit_need more = item->need;

    more.room = 0; /* it stays reserved */
    if (was_charged_by_it)
        gw_limit_correct(item->slot, &more);
    share->forgotten |= 1u << item->need.counter;
    gw_shared_list(shared, item->slot, 0);
    gw_shared_say_forgot(shared);
}

void gw_counter_absorb(struct gw_shared *shared, const struct gw_share_item *item, int64_t value, int64_t sent_us,
                       bool was_charged_by_it)
{
    struct gw_share *share = gw_share_of(shared, item->slot);
    const enum gw_limit_counter counter = item->need.counter;
    long long was = atomic_load(&item->slot->words[counter]);
    int64_t is;

    if (shared->is_returning)
        return; /* what the others used is not in it */
    if (item->need.kind == GW_NEED_PLACE) {
        atomic_store(&share->others, value);
    } else if (is_forgotten(share, item, value)) {
        remind(shared, item, was_charged_by_it);
    } else {
        atomic_store(&share->presumed[counter], 0);
        do
            is = value + gw_share_ahead(share, item->slot, counter) + (item->need.kind == GW_NEED_PACE ? sent_us : 0);
        while (!gw_limit_exchange(item->slot, &item->need, &was, is));
    }
    atomic_store(&share->seen_ms, gw_mono_ms());
}

void gw_counter_acknowledge(struct gw_shared *shared, const struct gw_share_item *item)
{
    struct gw_share *share = gw_share_of(shared, item->slot);

    if (shared->is_returning && item->need.kind != GW_NEED_PLACE)
        share->deferred[item->need.counter] += item->need.add;
    else
        atomic_fetch_add(&share->acked[item->need.counter], item->need.add);
}

void gw_counter_charge(struct gw_shared *shared, const struct gw_share_item *item)
{
    struct gw_share *share = gw_share_of(shared, item->slot);
    const enum gw_limit_counter counter = item->need.counter;

    if (item->need.kind == GW_NEED_PLACE)
        atomic_fetch_add(&item->slot->words[counter], item->need.add);
    else
        atomic_fetch_add(&share->charged[counter], item->need.add);
    if (item->need.kind == GW_NEED_MONEY)
        atomic_fetch_add(&item->slot->reserved, item->need.add);
    share->sent[counter] += item->need.add;
    gw_counter_acknowledge(shared, item);
}
