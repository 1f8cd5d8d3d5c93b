/* shared_ops.c - what is under way to the store, in the order in which it answers. On the keeper's thread.
 *
 * When a connection is lost, nobody knows whether what was under way was done: `sent` stays, and the ledger decides at
 * the next connection. Calls under way are told anew then: each connection counts them under a name of its own. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "limits/shared_keeper.h"

#define WAITING_MAX 20000u

/* ---- lists ---- */

static void append(struct gw_op_list *list, struct gw_shared_op *op)
{
    op->next = NULL;
    *list->last = op;
    list->last = &op->next;
    list->count++;
}

static struct gw_shared_op *take_first(struct gw_op_list *list)
{
    struct gw_shared_op *op = list->first;

    list->first = op->next;
    if (!list->first)
        list->last = &list->first;
    list->count--;
    return op;
}

static void free_op(struct gw_shared_op *op)
{
    for (size_t i = 0; i < op->slot_count; i++)
        gw_limit_let_go(op->slots[i]);
    free(op);
}

/** With room for so many items, and as many slots. */
static struct gw_shared_op *new_op(struct gw_shared *shared, size_t items)
{
    struct gw_shared_op *op = calloc(1, sizeof *op + items * (sizeof op->items[0] + sizeof op->slots[0]));

    if (!op)
        return NULL;
    op->slots = (struct gw_limit_slot **)(void *)&op->items[items];
    op->seq = ++shared->seq;
    return op;
}

/* ---- sending ---- */

static void set_patience(struct gw_shared *shared)
{
    if (shared->flying.first)
        gw_timer_set(shared->loop, &shared->patience, shared->flying.first->due_ms - gw_mono_ms());
    else
        gw_timer_clear(shared->loop, &shared->patience);
}

/** It is under way, whatever becomes of it. */
static void send_op(struct gw_shared *shared, struct gw_shared_op *op, bool is_beat)
{
    const struct gw_script_call call = { .replica = shared->name,
                                         .ledger = shared->id,
                                         .seq = op->seq,
                                         .is_ask = op->ask != NULL,
                                         .is_beat = is_beat,
                                         .items = op->items,
                                         .count = op->count,
                                         .wall_s = gw_wall_s(),
                                         .since_ms = shared->store_ms };

    op->sent_us = gw_mono_us();
    op->due_ms = op->sent_us / 1000 + shared->options.timeout_ms;
    op->was_ask = op->ask != NULL;
    append(&shared->flying, op);
    shared->tells_flying += !op->was_ask;
    if (shared->flying.count == 1)
        set_patience(shared);
    gw_command_call(shared->command, shared->sha, &call);
    if (!gw_link_send(&shared->link, shared->command))
        gw_keeper_lose(shared, "out of memory while asking it");
}

/** Is a counter one that its quota has? Others are never charged. */
static bool is_of_use(const struct gw_share *share, const struct gw_limit_slot *slot, enum gw_limit_counter counter,
                      const struct gw_limit_now *now)
{
    return share->sent[counter] != 0 || !gw_limit_is_over(slot, counter, now);
}

static void put_item(struct gw_shared *shared, struct gw_shared_op *op, struct gw_limit_slot *slot,
                     enum gw_limit_counter counter, const struct gw_limit_now *now)
{
    struct gw_share *share = gw_share_of(shared, slot);
    struct gw_share_item *item = &op->items[op->count];
    int64_t charged;

    *item = (struct gw_share_item){ .slot = slot, .need = { .counter = counter, .end_s = slot->whose.end_s } };
    item->need.kind = counter == GW_LIMIT_PARALLEL ? GW_NEED_PLACE
                      : counter == GW_LIMIT_COST   ? GW_NEED_MONEY
                      : item->need.end_s           ? GW_NEED_SUM
                                                   : GW_NEED_PACE;
    gw_counter_put_base(shared, item, now);
    charged = counter == GW_LIMIT_PARALLEL ? atomic_load(&slot->words[counter]) : atomic_load(&share->charged[counter]);
    item->need.add = charged - share->sent[counter];
    if (item->need.add == 0 && item->base <= 0 && !(share->must_look && is_of_use(share, slot, counter, now)))
        return;
    share->sent[counter] = charged;
    op->count++;
}

static void take_listed(struct gw_shared *shared)
{
    struct gw_share *first, *last;

    atomic_store(&shared->view.woken, 0); /* before: whoever lists something from now on wakes again */
    first = last = atomic_exchange(&shared->view.first, NULL);
    while (last && atomic_load(&last->next))
        last = atomic_load(&last->next);
    if (last) {
        atomic_store(&last->next, shared->listed);
        shared->listed = first;
    }
}

static struct gw_share *next_listed(struct gw_shared *shared)
{
    struct gw_share *share = shared->listed;

    if (share)
        shared->listed = atomic_load(&share->next);
    return share;
}

static void send_tell(struct gw_shared *shared)
{
    const struct gw_limit_now now = { .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };
    struct gw_shared_op *op = new_op(shared, GW_SHARED_ITEMS);
    struct gw_share *share;

    if (!op)
        return; /* with the next one */
    while (op->slot_count < GW_SHARED_SLOTS && (share = next_listed(shared))) {
        struct gw_limit_slot *slot = &shared->table->slots[share - shared->shares];

        atomic_store(&share->is_listed, false); /* before it is looked at: what changes from now on lists it again */
        op->slots[op->slot_count++] = slot;
        for (int counter = 0; counter < GW_LIMIT_COUNTERS; counter++)
            put_item(shared, op, slot, (enum gw_limit_counter)counter, &now);
        share->generation = shared->generation;
        share->must_look = false;
    }
    if (op->count) {
        send_op(shared, op, false);
        return;
    }
    shared->seq--; /* not used */
    free_op(op);
}

static void send_ask(struct gw_shared *shared, struct gw_limit_ask *ask)
{
    const struct gw_limit_now now = { .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };
    struct gw_shared_op *op = new_op(shared, ask->count);

    if (!op) {
        gw_ask_decide_alone(ask);
        gw_ask_post_back(ask);
        return;
    }
    op->ask = ask;
    op->count = ask->count;
    memcpy(op->items, ask->items, ask->count * sizeof op->items[0]);
    for (size_t i = 0; i < op->count; i++) {
        struct gw_share_item *item = &op->items[i];

        op->slots[op->slot_count++] = item->slot;
        atomic_fetch_add(&item->slot->holds, 1);
        gw_counter_put_base(shared, item, &now);
        /* what is told later has its room already */
        item->need.room -= gw_counter_untold(gw_share_of(shared, item->slot), item->slot, item->need.counter);
    }
    for (size_t i = 0; i < op->count; i++)
        gw_share_of(shared, op->items[i].slot)->generation = shared->generation;
    send_op(shared, op, false);
}

static bool may_send(const struct gw_shared *shared)
{
    return shared->state == GW_KEEPER_UP && shared->flying.count < GW_SHARED_OPS;
}

static struct gw_limit_ask *take_waiting(struct gw_shared *shared)
{
    struct gw_limit_ask *ask = shared->waiting;

    shared->waiting = ask->next_waiting;
    if (!shared->waiting)
        shared->waiting_last = &shared->waiting;
    shared->waiting_count--;
    return ask;
}

/** There is more to ask than a store that far away can answer: who stood in line for as long as an answer may take is
 *  decided without it. */
static void answer_late(struct gw_shared *shared)
{
    const int64_t late_ms = gw_mono_ms() - shared->options.timeout_ms;

    while (shared->waiting && shared->waiting->begun_ms < late_ms) {
        struct gw_limit_ask *ask = take_waiting(shared);

        gw_ask_decide_alone(ask);
        gw_ask_post_back(ask);
    }
}

void gw_ops_send(struct gw_shared *shared)
{
    if (shared->state != GW_KEEPER_UP)
        return; /* what is listed stays so */
    gw_timer_clear(shared->loop, &shared->tell);
    take_listed(shared);
    while (shared->listed && shared->tells_flying == 0 && may_send(shared))
        send_tell(shared);
    /* Who hears it at the return relies on what was told before. */
    if (shared->must_beat && !(shared->is_returning && shared->listed)) {
        shared->must_beat = false;
        gw_ops_beat(shared);
    }
    answer_late(shared);
    while (shared->waiting && may_send(shared))
        send_ask(shared, take_waiting(shared));
}

void gw_ops_beat(struct gw_shared *shared)
{
    struct gw_shared_op *op = may_send(shared) ? new_op(shared, 0) : NULL;

    if (op)
        send_op(shared, op, true);
    else
        shared->must_beat = true; /* as soon as there is room: nobody is to seem dead who has much to ask */
}

void gw_ops_ask(struct gw_shared *shared, struct gw_limit_ask *ask)
{
    if (shared->state != GW_KEEPER_UP || shared->waiting_count >= WAITING_MAX) {
        gw_ask_decide_alone(ask);
        gw_ask_post_back(ask);
        return;
    }
    ask->next_waiting = NULL;
    *shared->waiting_last = ask;
    shared->waiting_last = &ask->next_waiting;
    shared->waiting_count++;
    gw_ops_send(shared);
}

/* ---- all slots ---- */

/** The slot at that place, held, if it is anybody's. Not even what is only the keeper's may be touched otherwise: it is
 *  reset when the slot changes hands. */
static struct gw_limit_slot *hold_at(struct gw_shared *shared, size_t at)
{
    struct gw_limit_slot *slot = &shared->table->slots[at];

    if (atomic_load(&slot->id) == 0)
        return NULL;
    atomic_fetch_add(&slot->holds, 1);
    if (atomic_load(&slot->id) != 0)
        return slot;
    gw_limit_let_go(slot);
    return NULL;
}

/* ---- answers ---- */

void gw_ops_returned(struct gw_shared *shared)
{
    for (size_t i = 0; i <= shared->table->mask; i++) {
        struct gw_limit_slot *slot = hold_at(shared, i);
        struct gw_share *share = &shared->shares[i];

        if (!slot)
            continue;
        for (int counter = 0; counter < GW_LIMIT_COUNTERS; counter++) {
            atomic_fetch_add(&share->acked[counter], share->deferred[counter]);
            share->deferred[counter] = 0;
        }
        if (atomic_exchange(&share->seen_ms, 0) != 0) { /* the next call asks */
            share->must_look = true;
            gw_shared_list(shared, slot, 0);
        }
        gw_limit_let_go(slot);
    }
}

static void note_replicas(struct gw_shared *shared, const struct gw_script_reply *said)
{
    const bool has_changed = said->replicas != (int64_t)atomic_load(&shared->view.replicas);

    if (said->rank >= 0)
        shared->heard_ms = said->now_ms;
    if (said->rank >= 0 && shared->is_returning &&
        (said->fresh >= shared->expected || gw_mono_ms() - shared->returned_ms > GW_SHARED_ALIVE_MS))
        gw_keeper_return(shared);
    else if (said->rank >= 0 && shared->is_returning)
        gw_timer_set(shared->loop, &shared->beat, GW_SHARED_BACK_MS);
    if (shared->is_returning)
        return; /* the parts are those of before */
    shared->store_ms = said->now_ms;
    shared->answered_ms = gw_mono_ms();
    atomic_store(&shared->view.replicas, (unsigned)said->replicas);
    if (said->rank >= 0)
        atomic_store(&shared->view.rank, (unsigned)said->rank);
    else if (has_changed)
        gw_timer_set(shared->loop, &shared->beat, 0); /* which one are we among them? */
}

static void finish(struct gw_shared *shared, struct gw_shared_op *op, const struct gw_script_reply *said)
{
    struct gw_limit_ask *ask = op->ask;

    for (size_t i = 0; i < op->count && !said->refused; i++)
        if (ask)
            gw_counter_charge(shared, &op->items[i]);
        else
            gw_counter_acknowledge(shared, &op->items[i]);
    for (size_t i = 0; i < op->count; i++)
        gw_counter_absorb(shared, &op->items[i], said->values[i], op->sent_us, ask && !said->refused);
    if (!ask)
        return;
    ask->is_admitted = !said->refused;
    ask->refused = said->refused ? said->refused - 1 : 0;
    ask->wait_us = said->wait_us;
    gw_ask_post_back(ask);
}

void gw_ops_reply(struct gw_shared *shared, const struct redisReply *reply)
{
    struct gw_shared_op *op = shared->flying.first;
    struct gw_script_reply said;
    const char *why;
    char text[160];

    if (!op) {
        gw_keeper_lose(shared, "it answers what nobody asked");
        return;
    }
    if (reply->type == REDIS_REPLY_ERROR)
        (void)snprintf(text, sizeof text, "it answers: %.140s", reply->str);
    why = reply->type == REDIS_REPLY_ERROR ? text : gw_script_read(reply, op->seq, op->count, &said);
    if (!why && said.refused && !op->was_ask)
        why = "it refuses what it was told";
    if (!why && shared->heard_ms && said.now_ms - shared->heard_ms > GW_SHARED_ALIVE_MS)
        why = "by its clock it had not heard of this gateway for so long that calls under way do not count any more";
    if (why) {
        gw_keeper_lose(shared, why);
        return;
    }
    gw_shared_observe(gw_mono_us() - op->sent_us);
    (void)take_first(&shared->flying);
    shared->tells_flying -= !op->was_ask;
    set_patience(shared);
    note_replicas(shared, &said);
    finish(shared, op, &said);
    free_op(op);
    if (shared->waiting || shared->listed || atomic_load(&shared->view.woken) > 1)
        gw_ops_send(shared);
}

/* ---- doubt ---- */

void gw_ops_doubt(struct gw_shared *shared)
{
    struct gw_limit_ask *ask = shared->waiting;

    while (shared->flying.first) {
        struct gw_shared_op *op = take_first(&shared->flying);

        append(&shared->doubts, op);
        if (!op->ask)
            continue;
        gw_ask_decide_alone(op->ask);
        gw_ask_post_back(op->ask);
        op->ask = NULL;
    }
    shared->tells_flying = 0;
    shared->waiting = NULL;
    shared->waiting_last = &shared->waiting;
    shared->waiting_count = 0;
    while (ask) {
        struct gw_limit_ask *next = ask->next_waiting; /* whoever has it back may free it */

        gw_ask_decide_alone(ask);
        gw_ask_post_back(ask);
        ask = next;
    }
    gw_timer_clear(shared->loop, &shared->patience);
}

/** Calls under way are told anew, so only windows are in doubt. */
static void resolve(struct gw_shared *shared, const struct gw_shared_op *op, int verdict)
{
    for (size_t i = 0; i < op->count; i++) {
        const struct gw_share_item *item = &op->items[i];
        struct gw_share *share = gw_share_of(shared, item->slot);

        if (item->need.kind == GW_NEED_PLACE)
            continue;
        if (verdict == 1)
            gw_counter_acknowledge(shared, item);
        if (verdict == 1 && op->was_ask)
            share->sent[item->need.counter] += item->need.add;
        else if (verdict != 1 && !op->was_ask)
            share->sent[item->need.counter] -= item->need.add;
    }
}

/** Everything that still counts: a store that has forgotten it is told. */
static void list_all(struct gw_shared *shared)
{
    const struct gw_limit_now now = { .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };

    for (size_t i = 0; i <= shared->table->mask; i++) {
        struct gw_limit_slot *slot = hold_at(shared, i);
        bool counts = false;

        if (!slot)
            continue;
        for (int counter = 0; counter < GW_LIMIT_COUNTERS; counter++)
            counts = counts || !gw_limit_is_over(slot, (enum gw_limit_counter)counter, &now);
        if (counts)
            gw_shared_list(shared, slot, 0);
        gw_limit_let_go(slot);
    }
}

void gw_ops_join(struct gw_shared *shared, aigw_str ledger)
{
    while (shared->doubts.first) {
        struct gw_shared_op *op = take_first(&shared->doubts);

        resolve(shared, op, gw_ledger_verdict(ledger, op->seq));
        free_op(op);
    }
    list_all(shared);
}

void gw_ops_look(struct gw_shared *shared)
{
    const int64_t from_ms = gw_mono_ms() - GW_SHARED_WARM_MS;

    for (size_t i = 0; i <= shared->table->mask; i++) {
        struct gw_share *share = &shared->shares[i];
        const int64_t used_ms = atomic_load(&shared->table->slots[i].id) == 0
                                    ? 0
                                    : atomic_load_explicit(&share->used_ms, memory_order_relaxed);
        struct gw_limit_slot *slot = used_ms == 0 || used_ms < from_ms ? NULL : hold_at(shared, i);

        if (!slot)
            continue;
        share->must_look = true;
        gw_shared_list(shared, slot, 0);
        gw_limit_let_go(slot);
    }
    gw_ops_send(shared);
}

/* ---- without the store ---- */

/** A pace that is paid off: nobody needs to hear of it. */
static bool has_expired(const struct gw_shared *shared, const struct gw_share *share, const struct gw_limit_now *now)
{
    const struct gw_limit_slot *slot = &shared->table->slots[share - shared->shares];

    for (int counter = 0; counter < GW_LIMIT_COUNTERS; counter++)
        if (!gw_limit_is_over(slot, (enum gw_limit_counter)counter, now))
            return false;
    return atomic_load(&slot->holds) == 1;
}

void gw_ops_sweep(struct gw_shared *shared)
{
    const struct gw_limit_now now = { .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };
    struct gw_share *kept = NULL, *share;

    take_listed(shared);
    while ((share = next_listed(shared))) {
        if (!has_expired(shared, share, &now)) {
            atomic_store(&share->next, kept);
            kept = share;
            continue;
        }
        for (int counter = 0; counter < GW_LIMIT_COUNTERS; counter++)
            share->sent[counter] = atomic_load(&share->charged[counter]);
        for (int counter = 0; counter < GW_LIMIT_COUNTERS; counter++)
            atomic_store(&share->acked[counter], counter == GW_LIMIT_PARALLEL ? 0 : share->sent[counter]);
        atomic_store(&share->is_listed, false);
        gw_limit_let_go(&shared->table->slots[share - shared->shares]);
    }
    shared->listed = kept;
}

bool gw_ops_are_done(const struct gw_shared *shared)
{
    return !shared->flying.first && !shared->waiting && !shared->listed && !atomic_load(&shared->view.first);
}

void gw_ops_init(struct gw_shared *shared)
{
    shared->flying.last = &shared->flying.first;
    shared->doubts.last = &shared->doubts.first;
    shared->waiting_last = &shared->waiting;
}

void gw_ops_free(struct gw_shared *shared)
{
    while (shared->flying.first)
        free_op(take_first(&shared->flying));
    while (shared->doubts.first)
        free_op(take_first(&shared->doubts));
}
