/* table.c - the counters of all callers in one table of fixed size, and the arithmetic on them. */
#include <stdlib.h>
#include <string.h>

#include "limits/internal.h"

#define PROBES     32u
#define LEARN_STEP 20 /* the newest call weighs a twentieth */
/* bytes of a request for a token of input, in hundredths, before anything was learned */
#define BYTES_PER_TOKEN_X100 330

struct gw_limit_table {
    size_t mask;
    atomic_llong bytes_per_token_x100, output_tokens; /* means of the calls so far */
    struct gw_limit_slot slots[];
};

struct gw_limit_table *gw_limit_table_new(size_t slots)
{
    struct gw_limit_table *table;
    size_t size = 64;

    while (size < slots)
        size *= 2;
    table = calloc(1, sizeof *table + size * sizeof table->slots[0]);
    if (!table)
        return NULL;
    table->mask = size - 1;
    atomic_init(&table->bytes_per_token_x100, BYTES_PER_TOKEN_X100);
    return table;
}

void gw_limit_table_free(struct gw_limit_table *table)
{
    free(table);
}

/* ---- words ---- */

#define IS_SUM   (INT64_C(1) << 62)
#define DAY_BITS 38
#define DAY_MASK ((INT64_C(1) << (62 - DAY_BITS)) - 1)

static bool is_sum(int64_t word)
{
    return (word & IS_SUM) != 0;
}

static int64_t end_day_of(int64_t word)
{
    return word >> DAY_BITS & DAY_MASK;
}

/** What a window that ends on that day has; anything else is left from another. */
static int64_t sum_of(int64_t word, int64_t end_day)
{
    return is_sum(word) && end_day_of(word) == end_day ? word & GW_LIMIT_SUM_MAX : 0;
}

static int64_t word_of(int64_t sum, int64_t end_day)
{
    sum = sum < 0 ? 0 : sum > GW_LIMIT_SUM_MAX ? GW_LIMIT_SUM_MAX : sum;
    return IS_SUM | (end_day & DAY_MASK) << DAY_BITS | sum;
}

/** Is nothing owed by it any more? */
static bool is_over(int64_t word, const struct gw_limit_now *now)
{
    return is_sum(word) ? end_day_of(word) * DAY_S <= now->wall_s : word <= now->mono_us;
}

/* ---- slots ---- */

/** Another caller may have it. */
static bool is_idle(struct gw_limit_slot *slot, const struct gw_limit_now *now)
{
    return atomic_load(&slot->parallel) <= 0 && is_over(atomic_load(&slot->requests), now) &&
           is_over(atomic_load(&slot->tokens), now);
}

struct gw_limit_slot *gw_limit_slot_of(struct gw_limit_table *table, uint64_t id, const struct gw_limit_now *now)
{
    struct gw_limit_slot *slot;

    for (uint64_t i = 0; i < PROBES; i++) {
        slot = &table->slots[(id + i) & table->mask];
        if (atomic_load(&slot->id) == id)
            return slot;
    }
    for (uint64_t i = 0; i < PROBES; i++) {
        unsigned long long was;

        slot = &table->slots[(id + i) & table->mask];
        was = atomic_load(&slot->id);
        if (was != id && (was == 0 || is_idle(slot, now)) && atomic_compare_exchange_strong(&slot->id, &was, id))
            return slot;
        if (was == id) /* another thread was faster */
            return slot;
    }
    return NULL;
}

/* ---- charging ---- */

static int64_t us_of(int64_t cost, int64_t limit, int64_t window_us)
{
    return (int64_t)((double)cost * (double)window_us / (double)limit);
}

bool gw_limit_take(atomic_llong *until_us, int64_t cost, int64_t limit, int64_t burst, int64_t window_us,
                   int64_t now_us, int64_t *ret_wait_us)
{
    const int64_t add_us = us_of(cost, limit, window_us), room_us = us_of(burst, limit, window_us);
    long long was = atomic_load(until_us);

    for (;;) {
        int64_t from_us = !is_sum(was) && was > now_us ? was : now_us, after_us = from_us + add_us - now_us;

        /* What is larger than all there is may pass when nothing is owed: later it would not, either. */
        if (after_us > room_us && from_us > now_us) {
            *ret_wait_us = after_us - (add_us > room_us ? add_us : room_us);
            return false;
        }
        if (atomic_compare_exchange_weak(until_us, &was, from_us + add_us))
            return true;
    }
}

void gw_limit_correct(atomic_llong *until_us, int64_t cost, int64_t limit, int64_t window_us)
{
    const int64_t add_us = us_of(cost, limit, window_us);
    long long was = atomic_load(until_us);

    while (!is_sum(was) && !atomic_compare_exchange_weak(until_us, &was, was + add_us > 0 ? was + add_us : 0))
        ;
}

bool gw_limit_add(atomic_llong *sum, int64_t cost, int64_t limit, int64_t end_day)
{
    long long was = atomic_load(sum);
    int64_t used;

    do {
        used = sum_of(was, end_day);
        if (used > 0 && used + cost > limit)
            return false;
    } while (!atomic_compare_exchange_weak(sum, &was, word_of(used + cost, end_day)));
    return true;
}

void gw_limit_add_correct(atomic_llong *sum, int64_t cost, int64_t end_day)
{
    long long was = atomic_load(sum);

    while (is_sum(was) && end_day_of(was) == end_day &&
           !atomic_compare_exchange_weak(sum, &was, word_of(sum_of(was, end_day) + cost, end_day)))
        ;
}

/* ---- estimates ---- */

int64_t gw_limit_estimate(const struct gw_limit_table *table, size_t asked_bytes)
{
    long long ratio = atomic_load(&table->bytes_per_token_x100);

    return (int64_t)asked_bytes * 100 / (ratio > 0 ? ratio : BYTES_PER_TOKEN_X100) +
           atomic_load(&table->output_tokens) * 3 / 2;
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
