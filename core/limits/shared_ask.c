/* shared_ask.c - a call that waits for the store's word. Made and told on its worker's thread, decided on the keeper's,
 * handed over by posts. */
#include <stdlib.h>

#include "limits/shared_keeper.h"

static struct gw_limit_ask *new_ask(struct gw_shared *shared, const struct gw_limit_hold *hold,
                                    const struct gw_limit_use *estimate)
{
    struct gw_limit_need needs[GW_LIMIT_COUNTERS];
    struct gw_limit_ask *ask = calloc(1, sizeof *ask + hold->count * GW_LIMIT_COUNTERS * sizeof(struct gw_share_item));

    if (!ask)
        return NULL;
    ask->shared = shared;
    ask->hold = *hold;
    for (uint32_t i = 0; i < hold->count; i++) {
        size_t count = gw_quota_needs(&hold->held[i], estimate, needs);

        for (size_t n = 0; n < count; n++)
            ask->items[ask->count++] =
                (struct gw_share_item){ .slot = hold->held[i].slot, .need = needs[n], .base = -1, .held = i };
    }
    return ask;
}

static void free_ask(struct gw_limit_ask *ask)
{
    struct gw_asks *asks = gw_shared_asks(ask->shared);

    pthread_mutex_lock(&asks->lock);
    if (ask->prev)
        ask->prev->next = ask->next;
    else if (asks->all == ask)
        asks->all = ask->next;
    if (ask->next)
        ask->next->prev = ask->prev;
    pthread_mutex_unlock(&asks->lock);
    free(ask);
}

/** Nobody wants what was admitted. The configuration may be gone. */
static void give_back(struct gw_limit_ask *ask)
{
    for (size_t i = 0; ask->is_admitted && i < ask->count; i++) {
        struct gw_limit_need back = ask->items[i].need;

        back.room = back.add; /* of money: reserved no longer */
        back.add = -back.add;
        gw_shared_correct(ask->shared, ask->items[i].slot, &back);
    }
    for (uint32_t i = 0; i < ask->hold.count; i++)
        gw_limit_let_go(ask->hold.held[i].slot);
}

static void say_refusal(struct gw_limit_ask *ask, struct gw_limit_refusal *ret_refusal)
{
    const struct gw_limit_now now = { .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };
    const struct gw_share_item *item = &ask->items[ask->refused];
    const struct gw_limit_slot *slot = item->slot;

    if (item->need.kind == GW_NEED_SUM || item->need.kind == GW_NEED_MONEY)
        ask->wait_us = (item->need.end_s - now.wall_s) * 1000000;
    if (item->need.kind == GW_NEED_MONEY &&
        atomic_load(&slot->words[GW_LIMIT_COST]) - atomic_load(&slot->reserved) < item->need.room)
        ask->wait_us = -1; /* calls under way may need the rest */
    if (ask->is_store_down)
        gw_limit_refuse_closed(ret_refusal);
    else
        gw_quota_refuse(&ask->hold, &ask->hold.held[item->held], &ask->subject, &item->need, ask->wait_us, &now,
                        ret_refusal);
    gw_quotas_let_go(&ask->hold, &now);
}

/** Others who would be charged to the same wait for the store as well. */
static void count_asking(const struct gw_limit_ask *ask, bool begins)
{
    for (uint32_t i = 0; i < ask->hold.count; i++) {
        struct gw_share *share = gw_share_of(ask->shared, ask->hold.held[i].slot);

        if (begins) {
            atomic_fetch_add(&share->asking, 1);
            atomic_store_explicit(&share->used_ms, ask->begun_ms, memory_order_relaxed);
        } else {
            atomic_fetch_sub(&share->asking, 1);
        }
    }
}

/* On the worker's thread. */
static void come_back(void *arg)
{
    struct gw_limit_ask *ask = arg;
    struct gw_limit_refusal refusal = { 0 };

    count_asking(ask, false);
    if (!ask->owner) {
        give_back(ask);
    } else if (ask->is_admitted) {
        ask->on_verdict(ask->owner, GW_LIMIT_ADMITTED, &ask->hold, NULL);
    } else {
        say_refusal(ask, &refusal);
        ask->on_verdict(ask->owner, GW_LIMIT_REFUSED, &ask->hold, &refusal);
    }
    free_ask(ask);
}

void gw_ask_post_back(struct gw_limit_ask *ask)
{
    (void)gw_loop_post(ask->loop, come_back, ask); /* what cannot be posted is freed at the end */
}

void gw_ask_decide_alone(struct gw_limit_ask *ask)
{
    const struct gw_limit_now now = { .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };
    struct gw_shared_view *view = gw_shared_view(ask->shared);
    size_t taken = 0;

    if (atomic_load(&view->is_on))
        atomic_fetch_add_explicit(&view->alone, 1, memory_order_relaxed);
    ask->is_store_down = atomic_load(&view->is_on) && atomic_load(&view->on_down) == GW_SHARED_CLOSED;
    while (!ask->is_store_down && taken < ask->count &&
           gw_shared_take_alone(ask->shared, ask->items[taken].slot, &ask->items[taken].need, &now, &ask->wait_us))
        taken++;
    ask->is_admitted = taken == ask->count;
    ask->refused = taken < ask->count ? taken : 0;
    while (!ask->is_admitted && taken > 0) {
        struct gw_limit_need back = ask->items[--taken].need;

        back.room = back.add; /* of money: reserved no longer */
        back.add = -back.add;
        gw_shared_correct(ask->shared, ask->items[taken].slot, &back);
    }
}

static void arrive(void *arg)
{
    struct gw_limit_ask *ask = arg;

    gw_ops_ask(ask->shared, ask);
}

struct gw_limit_ask *
gw_limit_ask(struct gw_limit_table *table, struct gw_limit_hold *hold, const struct gw_limit_subject *subject,
             const struct gw_limit_use *estimate, struct gw_loop *loop,
             void (*on_verdict)(void *owner, enum gw_limit_verdict verdict, const struct gw_limit_hold *hold,
                                const struct gw_limit_refusal *refusal),
             void *owner)
{
    struct gw_limit_ask *ask = new_ask(table->shared, hold, estimate);
    struct gw_asks *asks = gw_shared_asks(table->shared);

    if (!ask)
        return NULL;
    ask->subject = *subject;
    ask->loop = loop;
    ask->on_verdict = on_verdict;
    ask->owner = owner;
    ask->begun_ms = gw_mono_ms();
    count_asking(ask, true);
    pthread_mutex_lock(&asks->lock);
    ask->next = asks->all;
    if (ask->next)
        ask->next->prev = ask;
    asks->all = ask;
    pthread_mutex_unlock(&asks->lock);
    if (!gw_loop_post(table->shared->loop, arrive, ask)) {
        count_asking(ask, false);
        free_ask(ask);
        return NULL;
    }
    hold->count = 0;
    return ask;
}

void gw_limit_abandon(struct gw_limit_ask *ask)
{
    ask->owner = NULL;
}
