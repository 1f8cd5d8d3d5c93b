/* table.c - the counters of all callers in one table of fixed size, and the arithmetic on them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits/internal.h"

#define PROBES     32u /* at most so many slots are looked at for an entity */
#define LEARN_STEP 20  /* the newest call weighs a twentieth */
/* bytes of a request for a token of input, in hundredths, before anything was learned */
#define BYTES_PER_TOKEN_X100 330

struct gw_limit_table *gw_limit_table_new(size_t slots)
{
    struct gw_limit_table *table;
    size_t size = 64;

    while (size < slots)
        size *= 2;
    table = calloc(1, sizeof *table + size * sizeof table->slots[0]);
    if (!table)
        return NULL;
    table->listed = calloc(size, sizeof *table->listed);
    if (!table->listed) {
        free(table);
        return NULL;
    }
    table->mask = size - 1;
    atomic_init(&table->bytes_per_token_x100, BYTES_PER_TOKEN_X100);
    pthread_mutex_init(&table->claiming, NULL);
    return table;
}

void gw_limit_table_free(struct gw_limit_table *table)
{
    if (!table)
        return;
    pthread_mutex_destroy(&table->claiming);
    free(table->listed);
    free(table);
}

/* ---- words ---- */

/* A sum says of which window it is by the window's end, in quarters of an hour since 1970: every zone's days begin with
 * one. */
#define IS_SUM    (INT64_C(1) << 62)
#define SUM_BITS  38
#define QUARTER_S INT64_C(900)
#define END_MASK  ((INT64_C(1) << (62 - SUM_BITS)) - 1)

static bool is_sum(int64_t word)
{
    return (word & IS_SUM) != 0;
}

static int64_t mark_of(int64_t end_s)
{
    return (end_s + QUARTER_S - 1) / QUARTER_S & END_MASK;
}

static int64_t end_of(int64_t word)
{
    return word >> SUM_BITS & END_MASK;
}

/** What the window with that end has; anything else is left from another. */
static int64_t sum_of(int64_t word, int64_t end_s)
{
    return is_sum(word) && end_of(word) == mark_of(end_s) ? word & GW_LIMIT_SUM_MAX : 0;
}

static int64_t word_of(int64_t sum, int64_t end_s)
{
    sum = sum < 0 ? 0 : sum > GW_LIMIT_SUM_MAX ? GW_LIMIT_SUM_MAX : sum;
    return IS_SUM | mark_of(end_s) << SUM_BITS | sum;
}

/** Is nothing owed by it any more? */
static bool is_over(int64_t word, const struct gw_limit_now *now)
{
    return is_sum(word) ? end_of(word) * QUARTER_S <= now->wall_s : word <= now->mono_us;
}

/* ---- slots ---- */

bool gw_limit_is_over(const struct gw_limit_slot *slot, enum gw_limit_counter counter, const struct gw_limit_now *now)
{
    const int64_t word = atomic_load(&slot->words[counter]);

    if (counter == GW_LIMIT_PARALLEL)
        return word <= 0;
    if (counter == GW_LIMIT_COST)
        return word == 0 || slot->whose.end_s <= now->wall_s;
    return is_over(word, now);
}

/** Nothing is owed by it any more. */
static bool is_idle(const struct gw_limit_slot *slot, const struct gw_limit_now *now)
{
    return gw_limit_is_over(slot, GW_LIMIT_REQUESTS, now) && gw_limit_is_over(slot, GW_LIMIT_TOKENS, now) &&
           gw_limit_is_over(slot, GW_LIMIT_COST, now);
}

void gw_limit_let_go(struct gw_limit_slot *slot)
{
    atomic_fetch_sub(&slot->holds, 1);
}

/** It may change hands before it is held: then it is let go. */
static struct gw_limit_slot *hold_known(struct gw_limit_table *table, uint64_t id)
{
    for (uint64_t i = 0; i < PROBES; i++) {
        struct gw_limit_slot *slot = &table->slots[(id + i) & table->mask];

        if (atomic_load(&slot->id) != id)
            continue;
        atomic_fetch_add(&slot->holds, 1);
        if (atomic_load(&slot->id) == id)
            return slot;
        gw_limit_let_go(slot);
    }
    return NULL;
}

/** A user's id tells nobody anything, or too much: two of them can be told apart. */
static struct gw_limit_whose whose_of(const struct gw_limit_key *key)
{
    struct gw_limit_whose whose = { .quota = key->quota, .begin_s = key->begin_s, .end_s = key->end_s };
    size_t len = key->entity.len < sizeof whose.entity ? key->entity.len : sizeof whose.entity - 1;

    if (key->is_user)
        snprintf(whose.entity, sizeof whose.entity, "user-%08x",
                 (unsigned)gw_hash_more(UINT64_C(14695981039346656037), key->entity.ptr, key->entity.len));
    else if (len)
        memcpy(whose.entity, key->entity.ptr, gw_utf8_valid_len((aigw_str){ key->entity.ptr, len }));
    return whose;
}

/** Give an idle slot to another entity. It has none for a moment: whoever wants to hold it either sees that, or is seen
 *  here. */
static bool claim(struct gw_limit_table *table, uint64_t at, const struct gw_limit_key *key,
                  const struct gw_limit_now *now)
{
    struct gw_limit_slot *slot = &table->slots[at & table->mask];
    unsigned long long was = atomic_load(&slot->id);

    if (was != 0 && (atomic_load(&slot->holds) > 0 || !is_idle(slot, now)))
        return false;
    atomic_store(&slot->id, 0);
    if (was != 0 && (atomic_load(&slot->holds) > 0 || !is_idle(slot, now))) {
        atomic_store(&slot->id, was);
        return false;
    }
    if (table->shared)
        gw_shared_forget(table->shared, slot);
    atomic_fetch_add(&slot->holds, 1);
    slot->whose = whose_of(key);
    atomic_store(&slot->words[GW_LIMIT_COST], 0);
    atomic_store(&slot->reserved, 0);
    atomic_store(&slot->warned, 0);
    atomic_store(&slot->refused_s, 0);
    if (was == 0 && !slot->is_listed) {
        slot->is_listed = true;
        table->listed[table->listed_count++] = (uint32_t)(at & table->mask);
    }
    atomic_store(&slot->id, key->id);
    return true;
}

struct gw_limit_slot *gw_limit_hold_slot(struct gw_limit_table *table, const struct gw_limit_key *key,
                                         const struct gw_limit_now *now)
{
    const uint64_t id = key->id;
    struct gw_limit_slot *slot = hold_known(table, id);

    if (slot)
        return slot;
    pthread_mutex_lock(&table->claiming);
    slot = hold_known(table, id); /* another thread was faster, or at work on it */
    for (uint64_t i = 0; !slot && i < PROBES; i++)
        if (claim(table, id + i, key, now))
            slot = &table->slots[(id + i) & table->mask];
    pthread_mutex_unlock(&table->claiming);
    return slot;
}

void gw_limit_each(struct gw_limit_table *table, void (*fn)(void *user, const struct gw_limit_slot *slot), void *user)
{
    for (size_t i = 0;; i++) { /* let go in between: a caller may be waiting for a slot */
        pthread_mutex_lock(&table->claiming);
        if (i == table->listed_count)
            break;
        if (atomic_load(&table->slots[table->listed[i]].id) != 0)
            fn(user, &table->slots[table->listed[i]]);
        pthread_mutex_unlock(&table->claiming);
    }
    pthread_mutex_unlock(&table->claiming);
}

/* ---- charging ---- */

static bool take_place(atomic_llong *count, const struct gw_limit_need *need)
{
    long long was = atomic_load(count);

    do {
        if (was + need->add > need->room)
            return false;
    } while (!atomic_compare_exchange_weak(count, &was, was + need->add));
    return true;
}

static bool take_pace(atomic_llong *until_us, const struct gw_limit_need *need, int64_t now_us, int64_t *ret_wait_us)
{
    long long was = atomic_load(until_us);

    for (;;) {
        int64_t from_us = !is_sum(was) && was > now_us ? was : now_us, after_us = from_us + need->add - now_us;

        /* What is larger than all there is may pass when nothing is owed: later it would not, either. */
        if (after_us > need->room && from_us > now_us) {
            *ret_wait_us = after_us - (need->add > need->room ? need->add : need->room);
            return false;
        }
        if (atomic_compare_exchange_weak(until_us, &was, from_us + need->add))
            return true;
    }
}

static bool take_sum(atomic_llong *sum, const struct gw_limit_need *need)
{
    long long was = atomic_load(sum);
    int64_t used;

    do {
        used = sum_of(was, need->end_s);
        if (used > 0 && used + need->add > need->room)
            return false;
    } while (!atomic_compare_exchange_weak(sum, &was, word_of(used + need->add, need->end_s)));
    return true;
}

/** A budget has room until it is used up: what the last call takes beyond it is at most what that call costs. What
 * costs nothing passes always. What is refused for the sake of calls under way may pass when they end. */
static bool take_money(struct gw_limit_slot *slot, const struct gw_limit_need *need, int64_t *ret_wait_us)
{
    atomic_llong *money = &slot->words[need->counter];
    long long reserved = atomic_fetch_add(&slot->reserved, need->add); /* first: it is never less than it seems */
    long long was = atomic_load(money);

    do {
        if (need->add == 0 || was < need->room)
            continue;
        if (was - reserved < need->room)
            *ret_wait_us = -1;
        atomic_fetch_sub(&slot->reserved, need->add);
        return false;
    } while (!atomic_compare_exchange_weak(money, &was, was + need->add));
    return true;
}

bool gw_limit_take(struct gw_limit_slot *slot, const struct gw_limit_need *need, const struct gw_limit_now *now,
                   int64_t *ret_wait_us)
{
    atomic_llong *word = &slot->words[need->counter];

    switch (need->kind) {
    case GW_NEED_PLACE:
        *ret_wait_us = -1;
        return take_place(word, need);
    case GW_NEED_PACE:
        return take_pace(word, need, now->mono_us, ret_wait_us);
    case GW_NEED_MONEY:
        *ret_wait_us = (need->end_s - now->wall_s) * 1000000;
        return take_money(slot, need, ret_wait_us);
    default:
        *ret_wait_us = (need->end_s - now->wall_s) * 1000000;
        return take_sum(word, need);
    }
}

void gw_limit_correct(struct gw_limit_slot *slot, const struct gw_limit_need *need)
{
    atomic_llong *word = &slot->words[need->counter];
    long long was = atomic_load(word);

    switch (need->kind) {
    case GW_NEED_MONEY: /* the slot is held: it has no other window */
        atomic_fetch_sub(&slot->reserved, need->room);
        atomic_fetch_add(word, need->add);
        break;
    case GW_NEED_PLACE:
        atomic_fetch_add(word, need->add);
        break;
    case GW_NEED_PACE:
        while (!is_sum(was) && !atomic_compare_exchange_weak(word, &was, was + need->add > 0 ? was + need->add : 0))
            ;
        break;
    default:
        while (is_sum(was) && end_of(was) == mark_of(need->end_s) &&
               !atomic_compare_exchange_weak(word, &was, word_of(sum_of(was, need->end_s) + need->add, need->end_s)))
            ;
    }
}

bool gw_limit_exchange(struct gw_limit_slot *slot, const struct gw_limit_need *need, long long *was, int64_t value)
{
    value = value > 0 ? value : 0;
    return atomic_compare_exchange_strong(&slot->words[need->counter], was,
                                          need->kind == GW_NEED_SUM ? word_of(value, need->end_s) : value);
}

int64_t gw_limit_used(const struct gw_limit_slot *slot, enum gw_limit_counter counter, const struct gw_limit_now *now)
{
    int64_t word = atomic_load(&slot->words[counter]);

    if (counter == GW_LIMIT_PARALLEL || counter == GW_LIMIT_COST)
        return word;
    if (slot->whose.end_s)
        return sum_of(word, slot->whose.end_s);
    return !is_sum(word) && word > now->mono_us ? word - now->mono_us : 0;
}

/* ---- estimates ---- */

int64_t gw_limit_tokens_of(const struct gw_limit_table *table, size_t bytes)
{
    long long ratio = table ? atomic_load(&table->bytes_per_token_x100) : 0;

    if (ratio <= 0)
        ratio = BYTES_PER_TOKEN_X100;
    return ((int64_t)bytes * 100 + ratio - 1) / ratio;
}

struct gw_tokens gw_limit_estimate(const struct gw_limit_table *table, size_t asked_bytes)
{
    return (struct gw_tokens){ .input = gw_limit_tokens_of(table, asked_bytes),
                               .output = atomic_load(&table->output_tokens) * 3 / 2 };
}

/* A lost update between two threads costs nothing: it is a mean of estimates. */
static void learn(atomic_llong *mean, int64_t found)
{
    long long was = atomic_load(mean);

    atomic_store(mean, was == 0 ? found : was + (found - was) / LEARN_STEP);
}

void gw_limit_learn(struct gw_limit_table *table, size_t asked_bytes, int64_t input_tokens, int64_t output_tokens)
{
    if (input_tokens > 0 && asked_bytes > 0 && (int64_t)asked_bytes * 100 / input_tokens > 0)
        learn(&table->bytes_per_token_x100, (int64_t)asked_bytes * 100 / input_tokens);
    if (output_tokens > 0)
        learn(&table->output_tokens, output_tokens);
}
