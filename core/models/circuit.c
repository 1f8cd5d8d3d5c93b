/* circuit.c - rest targets that failed several times in a row. A fixed table of atomics shared by all workers: no lock
 * on the request path, bounded memory however many endpoints callers name. When a slot is taken by another target the
 * newcomer simply goes without a circuit until the slot's owner recovers. */
#include <stdatomic.h>

#include "models/plan.h"

#define SLOTS 1024u

struct slot {
    atomic_ullong key; /* 0: free */
    atomic_llong failures;
    atomic_llong rest_until_ms;
};

/* Part of the process snapshot: circuits outlive configurations on purpose. */
static struct slot slots[SLOTS];

static uint64_t hash_more(uint64_t hash, aigw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        hash ^= (unsigned char)text.ptr[i];
        hash *= UINT64_C(1099511628211); /* FNV-1a */
    }
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

uint64_t gw_circuit_key(aigw_str provider, aigw_str endpoint, aigw_str model)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    hash = hash_more(hash, provider);
    hash = hash_more(hash, endpoint);
    hash = hash_more(hash, model);
    return hash ? hash : 1;
}

static struct slot *slot_of(uint64_t key)
{
    return &slots[(key ^ (key >> 32)) % SLOTS];
}

bool gw_circuit_allows(uint64_t key, int64_t now_ms)
{
    struct slot *slot = slot_of(key);
    long long rest_until_ms = atomic_load_explicit(&slot->rest_until_ms, memory_order_relaxed);

    if (rest_until_ms == 0 || atomic_load_explicit(&slot->key, memory_order_relaxed) != key)
        return true;
    if (now_ms < rest_until_ms)
        return false;
    /* The rest is over: whoever moves the mark is the probe, the others wait one more second for its result. */
    return atomic_compare_exchange_strong(&slot->rest_until_ms, &rest_until_ms, now_ms + 1000);
}

bool gw_circuit_is_open(uint64_t key, int64_t now_ms)
{
    struct slot *slot = slot_of(key);

    return atomic_load(&slot->key) == key && now_ms < atomic_load(&slot->rest_until_ms);
}

void gw_circuit_success(uint64_t key)
{
    struct slot *slot = slot_of(key);

    if (atomic_load_explicit(&slot->key, memory_order_relaxed) != key)
        return;
    atomic_store(&slot->failures, 0);
    atomic_store(&slot->rest_until_ms, 0);
    atomic_store(&slot->key, 0);
}

void gw_circuit_failure(uint64_t key, int64_t now_ms, int64_t failures_max, int64_t rest_ms)
{
    struct slot *slot = slot_of(key);
    unsigned long long owner = atomic_load(&slot->key);

    if (failures_max <= 0)
        return;
    if (owner != key && (owner != 0 || !atomic_compare_exchange_strong(&slot->key, &owner, key)))
        return;
    if (atomic_fetch_add(&slot->failures, 1) + 1 >= failures_max)
        atomic_store(&slot->rest_until_ms, now_ms + rest_ms);
}

void gw_circuit_reset(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        atomic_store(&slots[i].key, 0);
        atomic_store(&slots[i].failures, 0);
        atomic_store(&slots[i].rest_until_ms, 0);
    }
}
