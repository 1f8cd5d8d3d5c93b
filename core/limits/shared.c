/* shared.c - what a call is charged here while limits are shared, and what has to be asked of the store. On the
 * workers' threads, for many at once. */
#include "limits/shared_keeper.h"

struct gw_share *gw_share_of(const struct gw_shared *shared, const struct gw_limit_slot *slot)
{
    return &shared->shares[slot - shared->table->slots];
}

struct gw_shared_view *gw_shared_view(struct gw_shared *shared)
{
    return &shared->view;
}

struct gw_asks *gw_shared_asks(struct gw_shared *shared)
{
    return &shared->asks;
}

void gw_share_reset(struct gw_share *share)
{
    for (int i = 0; i < GW_LIMIT_COUNTERS; i++) {
        atomic_store(&share->charged[i], 0);
        atomic_store(&share->acked[i], 0);
        atomic_store(&share->presumed[i], 0);
        share->sent[i] = share->deferred[i] = share->missing[i] = 0;
    }
    atomic_store(&share->others, 0);
    atomic_store(&share->seen_ms, 0);
    atomic_store(&share->used_ms, 0);
    atomic_store(&share->asking, 0);
    share->generation = 0;
    share->forgotten = 0;
}

void gw_shared_forget(struct gw_shared *shared, const struct gw_limit_slot *slot)
{
    gw_share_reset(gw_share_of(shared, slot));
}

int64_t gw_share_ahead(const struct gw_share *share, const struct gw_limit_slot *slot, enum gw_limit_counter counter)
{
    const int64_t charged =
        counter == GW_LIMIT_PARALLEL ? atomic_load(&slot->words[counter]) : atomic_load(&share->charged[counter]);

    return charged - atomic_load(&share->acked[counter]);
}

/* ---- telling the keeper ---- */

static void on_wake(void *arg)
{
    struct gw_shared *shared = arg;

    if (atomic_load(&shared->view.woken) > 1 || shared->options.is_strict)
        gw_ops_send(shared);
    else if (!shared->tell.is_armed)
        gw_timer_set(shared->loop, &shared->tell, GW_SHARED_TELL_MS);
}

void gw_shared_wake(struct gw_shared *shared, int urgency)
{
    int was = atomic_load(&shared->view.woken);

    while (was < urgency)
        if (atomic_compare_exchange_weak(&shared->view.woken, &was, urgency)) {
            (void)gw_loop_post(shared->loop, on_wake, shared);
            return;
        }
}

void gw_shared_list(struct gw_shared *shared, struct gw_limit_slot *slot, int urgency)
{
    struct gw_share *share = gw_share_of(shared, slot), *first;

    if (!atomic_exchange(&share->is_listed, true)) {
        atomic_fetch_add(&slot->holds, 1);
        first = atomic_load(&shared->view.first);
        do
            atomic_store(&share->next, first);
        while (!atomic_compare_exchange_weak(&shared->view.first, &first, share));
    }
    gw_shared_wake(shared, urgency);
}

/** After the counter itself and before it is listed: should the keeper set the counter in between, without this, then
 *  it does so once more. */
static void note_charge(struct gw_share *share, const struct gw_limit_need *need)
{
    if (need->kind != GW_NEED_PLACE)
        atomic_fetch_add(&share->charged[need->counter], need->add);
}

/* ---- without the store ---- */

/** This one's part of the places; the first ones get what is left over. */
static int64_t places_of(struct gw_shared_view *view, int64_t places, int64_t replicas)
{
    return places / replicas + ((int64_t)atomic_load(&view->rank) < places % replicas ? 1 : 0);
}

static int64_t replicas_of(struct gw_shared_view *view)
{
    const int64_t seen = atomic_load(&view->replicas), least = atomic_load(&view->least);

    return seen > least ? seen : least > 0 ? least : 1;
}

/** The part of what was left when the store was last seen. */
static bool take_part_of_sum(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need,
                             const struct gw_limit_now *now, int64_t *ret_wait_us)
{
    const int64_t ahead = gw_share_ahead(gw_share_of(shared, slot), slot, need->counter);
    const int64_t used = gw_limit_used(slot, need->counter, now), known = used > ahead ? used - ahead : 0;
    const int64_t left = need->room > known ? need->room - known : 0;
    struct gw_limit_need mine = *need;

    mine.room = known + left / replicas_of(&shared->view);
    if (need->kind == GW_NEED_SUM && used == 0 && mine.room < need->add && need->add <= need->room) {
        *ret_wait_us = (need->end_s - now->wall_s) * 1000000; /* the first of a day would pass, whatever it is */
        return false;
    }
    return gw_limit_take(slot, &mine, now, ret_wait_us);
}

/** As if each of the others did the same. */
static bool take_part_of_pace(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need,
                              const struct gw_limit_now *now, int64_t *ret_wait_us)
{
    const int64_t presumed = need->add * (replicas_of(&shared->view) - 1);
    struct gw_limit_need all = *need;

    all.add += presumed;
    if (!gw_limit_take(slot, &all, now, ret_wait_us))
        return false;
    atomic_fetch_add(&gw_share_of(shared, slot)->presumed[need->counter], presumed);
    return true;
}

static bool take_part(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need,
                      const struct gw_limit_now *now, int64_t *ret_wait_us)
{
    struct gw_limit_need mine = *need;

    if (need->kind == GW_NEED_SUM || need->kind == GW_NEED_MONEY)
        return take_part_of_sum(shared, slot, need, now, ret_wait_us);
    if (need->kind == GW_NEED_PACE)
        return take_part_of_pace(shared, slot, need, now, ret_wait_us);
    mine.room = places_of(&shared->view, need->room, replicas_of(&shared->view));
    return gw_limit_take(slot, &mine, now, ret_wait_us);
}

bool gw_shared_take_alone(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need,
                          const struct gw_limit_now *now, int64_t *ret_wait_us)
{
    struct gw_share *share = gw_share_of(shared, slot);
    struct gw_limit_need open = *need;
    bool is_taken;

    if (!atomic_load(&shared->view.is_on))
        return gw_limit_take(slot, need, now, ret_wait_us);
    if (atomic_load(&shared->view.on_down) == GW_SHARED_OPEN) {
        open.room = GW_LIMIT_ROOM_ANY;
        is_taken = gw_limit_take(slot, &open, now, ret_wait_us);
    } else {
        is_taken = take_part(shared, slot, need, now, ret_wait_us);
    }
    if (is_taken) {
        note_charge(share, need);
        gw_shared_list(shared, slot, 1);
    }
    return is_taken;
}

/* ---- with it ---- */

bool gw_shared_is_on(struct gw_shared *shared)
{
    return atomic_load_explicit(&shared->view.is_on, memory_order_relaxed);
}

enum gw_limit_verdict gw_shared_begin(struct gw_shared *shared)
{
    if (!atomic_load(&shared->view.is_up)) {
        atomic_fetch_add_explicit(&shared->view.alone, 1, memory_order_relaxed);
        return atomic_load(&shared->view.on_down) == GW_SHARED_CLOSED ? GW_LIMIT_REFUSED : GW_LIMIT_ADMITTED;
    }
    return atomic_load(&shared->view.is_strict) ? GW_LIMIT_ASK : GW_LIMIT_ADMITTED;
}

/** May so much more be charged that the store does not know of? */
static bool is_within_slice(const struct gw_share *share, const struct gw_limit_need *need, int64_t ahead)
{
    if (atomic_load(&share->seen_ms) == 0)
        return false; /* what others charged is not guessed */
    if (atomic_load(&share->asking) > 0)
        return false; /* behind those who wait for its word */
    return ahead <= 0 || ahead + need->add <= need->slice;
}

bool gw_shared_take(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need,
                    const struct gw_limit_now *now, int64_t *ret_wait_us, bool *ret_must_ask)
{
    struct gw_share *share = gw_share_of(shared, slot);
    struct gw_limit_need mine = *need;
    int64_t ahead;

    if (!atomic_load(&shared->view.is_up))
        return gw_shared_take_alone(shared, slot, need, now, ret_wait_us);
    atomic_store_explicit(&share->used_ms, now->mono_us / 1000, memory_order_relaxed);
    ahead = gw_share_ahead(share, slot, need->counter);
    if (!is_within_slice(share, need, ahead)) {
        *ret_must_ask = true;
        return false;
    }
    if (need->kind == GW_NEED_PLACE)
        mine.room -= atomic_load(&share->others);
    if (gw_limit_take(slot, &mine, now, ret_wait_us)) {
        note_charge(share, need);
        gw_shared_list(shared, slot, ahead + need->add > need->slice / 2 ? 2 : 1);
        return true;
    }
    if (now->mono_us / 1000 - atomic_load(&share->seen_ms) > GW_SHARED_FRESH_MS)
        *ret_must_ask = true; /* by now there may be room */
    return false;
}

/** While the store is down others are presumed to do the same with a pace: pay back, too. */
static void correct_presumed(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need)
{
    atomic_llong *presumed = &gw_share_of(shared, slot)->presumed[need->counter];
    struct gw_limit_need more = *need;
    long long was = atomic_load(presumed);

    do {
        more.add = need->add * (replicas_of(&shared->view) - 1);
        if (was + more.add < 0)
            more.add = -was;
    } while (!atomic_compare_exchange_weak(presumed, &was, was + more.add));
    gw_limit_correct(slot, &more);
}

void gw_shared_correct(struct gw_shared *shared, struct gw_limit_slot *slot, const struct gw_limit_need *need)
{
    gw_limit_correct(slot, need);
    note_charge(gw_share_of(shared, slot), need);
    if (!gw_shared_is_on(shared))
        return;
    if (need->kind == GW_NEED_PACE && !atomic_load(&shared->view.is_up) &&
        atomic_load(&shared->view.on_down) == GW_SHARED_SHARE)
        correct_presumed(shared, slot, need);
    gw_shared_list(shared, slot, need->kind == GW_NEED_PLACE || atomic_load(&shared->view.is_strict) ? 2 : 1);
}
