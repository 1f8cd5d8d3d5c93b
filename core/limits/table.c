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

/** Nothing of it is owed any more: another caller may have it. */
static bool is_idle(struct gw_limit_slot *slot, int64_t now_us)
{
    return atomic_load(&slot->requests_until_us) <= now_us && atomic_load(&slot->tokens_until_us) <= now_us &&
           atomic_load(&slot->parallel) <= 0;
}

struct gw_limit_slot *gw_limit_slot_of(struct gw_limit_table *table, uint64_t id, int64_t now_us)
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
        if (was == id)
            return slot; /* another thread was faster */
        if ((was == 0 || is_idle(slot, now_us)) && atomic_compare_exchange_strong(&slot->id, &was, id))
            return slot;
        if (was == id)
            return slot;
    }
    return NULL;
}

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
        int64_t from_us = was > now_us ? was : now_us, after_us = from_us + add_us - now_us;

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
    atomic_fetch_add(until_us, us_of(cost, limit, window_us));
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
