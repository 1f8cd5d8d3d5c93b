/* circuit.c - rest targets that failed several times in a row. A fixed table of atomics shared by all workers: no lock
 * on the request path, bounded memory however many endpoints callers name.
 *
 *     CLOSED ──failures in a row──► OPEN (rests) ──first asker after the rest──► PROBING ──success──► forgotten
 *                                     ▲                                            │
 *                                     └──────── failure, or no verdict ────────────┘
 *
 * A target that never failed has no slot. A key belongs to one set of slots; a newcomer takes a free slot of its set or
 * the one that has been quiet longest, but never one that rests or is being probed. When all of a set do, the newcomer
 * goes without a circuit. Targets that callers name have sets of their own: they never push out configured ones.
 *
 * Everything that decides is in one word, changed by compare-and-swap: phase, failures, a part of the key and one time.
 * Whoever works with an outdated word loses the exchange, so a slot that was taken over never inherits a phase. */
#include <stdatomic.h>

#include "models/plan.h"

#define WAYS             4u
#define SETS_CONFIGURED  64u
#define SETS_ADHOC       192u
#define SETS             (SETS_CONFIGURED + SETS_ADHOC)
#define PROBE_MS         60000 /* a probe without a verdict holds the others back no longer than this */
#define FAILURES_COUNTED 1023u /* a larger upstream.circuit_failures counts as this */
#define ADHOC_BIT        UINT64_C(1)
#define TIME_BITS        40
#define TIME_MASK        ((UINT64_C(1) << TIME_BITS) - 1)

enum phase { PHASE_CLOSED, PHASE_OPEN, PHASE_PROBING };

struct slot {
    atomic_ullong key;
    atomic_ullong word;     /* struct state packed; 0: free */
    atomic_llong counts_ms; /* verdicts of attempts that started before this are about another time */
};

struct state {
    enum phase phase;
    uint32_t failures; /* in a row */
    uint32_t tag;      /* of the key, never 0 */
    int64_t at_ms;     /* CLOSED: last failure; OPEN: the rest's end; PROBING: when the probe set out */
};

/* Part of the process snapshot: circuits outlive configurations on purpose. */
static struct slot slots[SETS * WAYS];

/* ---- keys and words ---- */

static uint64_t hash_more(uint64_t hash, aigw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        hash ^= (unsigned char)text.ptr[i];
        hash *= UINT64_C(1099511628211); /* FNV-1a */
    }
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

uint64_t gw_circuit_key(aigw_str provider, aigw_str endpoint, aigw_str model, aigw_str caller_key)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    hash = hash_more(hash, provider);
    hash = hash_more(hash, endpoint);
    hash = hash_more(hash, model);
    hash = hash_more(hash, caller_key);
    hash ^= hash >> 32;
    hash = endpoint.len || caller_key.len ? hash | ADHOC_BIT : hash & ~ADHOC_BIT;
    return hash > ADHOC_BIT ? hash : hash + 2;
}

static uint32_t tag_of(uint64_t key)
{
    return (uint32_t)(key >> 52) | 1u;
}

static struct slot *set_of(uint64_t key)
{
    uint64_t number = key >> 1;

    number = key & ADHOC_BIT ? SETS_CONFIGURED + number % SETS_ADHOC : number % SETS_CONFIGURED;
    return &slots[number * WAYS];
}

static uint64_t pack(struct state state)
{
    uint64_t at_ms = state.at_ms > 0 ? (uint64_t)state.at_ms & TIME_MASK : 0;

    return (uint64_t)state.phase << 62 | (uint64_t)state.failures << 52 | (uint64_t)state.tag << TIME_BITS | at_ms;
}

static struct state unpack(uint64_t word)
{
    return (struct state){ .phase = (enum phase)(word >> 62),
                           .failures = word >> 52 & FAILURES_COUNTED,
                           .tag = word >> TIME_BITS & 0xfff,
                           .at_ms = (int64_t)(word & TIME_MASK) };
}

/* The key's slot and its word, or NULL. */
static struct slot *find(uint64_t key, unsigned long long *ret_word)
{
    struct slot *set = set_of(key);

    for (size_t i = 0; i < WAYS; i++) {
        if (atomic_load_explicit(&set[i].key, memory_order_acquire) != key)
            continue;
        *ret_word = atomic_load_explicit(&set[i].word, memory_order_acquire);
        if (unpack(*ret_word).tag == tag_of(key))
            return &set[i];
    }
    return NULL;
}

static bool move(struct slot *slot, unsigned long long *word, struct state next)
{
    return atomic_compare_exchange_strong(&slot->word, word, pack(next));
}

/* ---- asking ---- */

bool gw_circuit_allows(uint64_t key, int64_t now_ms)
{
    unsigned long long word;
    struct slot *slot;

    while ((slot = find(key, &word))) {
        struct state state = unpack(word);
        if (state.phase == PHASE_CLOSED)
            return true;
        if (now_ms < state.at_ms + (state.phase == PHASE_PROBING ? PROBE_MS : 0))
            return false;
        /* Whoever moves the word is the probe. */
        state.phase = PHASE_PROBING;
        state.at_ms = now_ms;
        if (move(slot, &word, state))
            return true;
    }
    return true;
}

bool gw_circuit_is_open(uint64_t key, int64_t now_ms)
{
    unsigned long long word;

    if (!find(key, &word))
        return false;
    struct state state = unpack(word);
    return state.phase != PHASE_CLOSED && now_ms < state.at_ms + (state.phase == PHASE_PROBING ? PROBE_MS : 0);
}

/* ---- verdicts ---- */

void gw_circuit_success(uint64_t key, int64_t started_ms)
{
    unsigned long long word;
    struct slot *slot = find(key, &word);

    if (slot && started_ms >= atomic_load(&slot->counts_ms))
        atomic_compare_exchange_strong(&slot->word, &word, 0); /* beaten: by a later verdict, which counts */
}

void gw_circuit_undecided(uint64_t key, int64_t started_ms)
{
    unsigned long long word;
    struct slot *slot = find(key, &word);

    if (!slot)
        return;
    struct state state = unpack(word);
    if (state.phase != PHASE_PROBING || started_ms < state.at_ms)
        return;
    state.phase = PHASE_OPEN; /* its rest is over: the next asker is the next probe */
    move(slot, &word, state);
}

static bool is_quiet(struct state state, int64_t now_ms)
{
    return state.phase == PHASE_CLOSED || (state.phase == PHASE_OPEN && now_ms >= state.at_ms);
}

/* The first failure of a key without a slot. The word is taken before the key is written: until then nobody finds the
 * slot under either key. */
static void claim(uint64_t key, int64_t now_ms, struct state first)
{
    struct slot *set = set_of(key), *victim = NULL;
    unsigned long long victim_word = 0;

    for (size_t i = 0; i < WAYS; i++) {
        unsigned long long word = atomic_load(&set[i].word);
        if (word == 0) {
            victim = &set[i];
            victim_word = 0;
            break;
        }
        struct state state = unpack(word);
        if (!is_quiet(state, now_ms) || (victim && state.at_ms >= unpack(victim_word).at_ms))
            continue;
        victim = &set[i];
        victim_word = word;
    }
    if (!victim || !move(victim, &victim_word, first)) /* lost to another newcomer: its failure is forgotten */
        return;
    atomic_store(&victim->counts_ms, now_ms);
    atomic_store_explicit(&victim->key, key, memory_order_release);
}

/* What one more failure makes of a state. */
static void count(struct state *state, int64_t now_ms, int64_t failures_max, int64_t rest_ms)
{
    if (state->failures < FAILURES_COUNTED)
        state->failures++;
    if (state->phase == PHASE_CLOSED && state->failures < failures_max && state->failures < FAILURES_COUNTED) {
        state->at_ms = now_ms;
        return;
    }
    state->phase = PHASE_OPEN;
    state->at_ms = now_ms + rest_ms;
}

void gw_circuit_failure(uint64_t key, int64_t started_ms, int64_t now_ms, int64_t failures_max, int64_t rest_ms)
{
    unsigned long long word;
    struct slot *slot;

    if (failures_max <= 0)
        return;
    while ((slot = find(key, &word))) {
        struct state state = unpack(word);
        if (state.phase == PHASE_OPEN && (now_ms < state.at_ms || started_ms < atomic_load(&slot->counts_ms)))
            return; /* rests already, or the attempt set out before the rest: nothing new */
        if (state.phase == PHASE_PROBING && started_ms < state.at_ms)
            return; /* not the probe */
        count(&state, now_ms, failures_max, rest_ms);
        if (!move(slot, &word, state))
            continue;
        if (state.phase == PHASE_OPEN)
            atomic_store(&slot->counts_ms, now_ms);
        return;
    }
    struct state first = { .phase = PHASE_CLOSED, .tag = tag_of(key) };
    count(&first, now_ms, failures_max, rest_ms);
    claim(key, now_ms, first);
}

void gw_circuit_reset(void)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(slots); i++) {
        atomic_store(&slots[i].word, 0);
        atomic_store(&slots[i].key, 0);
        atomic_store(&slots[i].counts_ms, 0);
    }
}
