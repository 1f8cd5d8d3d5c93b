/* seat.c - the table of seats. Callers' keys belong to a set of four places each, so that finding one is four looks;
 * configured ones are looked for everywhere, when a configuration is built. */
#include "models/seat.h"

#include "models/circuit.h"

#define WAYS        4u
#define CALLER_SETS 192u
#define CONFIGURED  256u
#define CALLER_BIT  UINT64_C(1)
#define TAKING      0x80000000u /* in pins: its key is being changed */

static struct gw_seat seats[CONFIGURED + CALLER_SETS * WAYS];

uint64_t gw_seat_key(bool is_callers, const aigw_str *texts, size_t count)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < count; i++)
        hash = gw_hash_more(hash, texts[i].ptr, texts[i].len);
    hash ^= hash >> 32;
    hash = is_callers ? hash | CALLER_BIT : hash & ~CALLER_BIT;
    return hash > CALLER_BIT ? hash : hash + 2;
}

static struct gw_seat *set_of(uint64_t key, size_t *ret_count)
{
    bool is_callers = key & CALLER_BIT;

    *ret_count = is_callers ? WAYS : CONFIGURED;
    return is_callers ? &seats[CONFIGURED + (key >> 1) % CALLER_SETS * WAYS] : seats;
}

static bool pin(struct gw_seat *seat, uint64_t key)
{
    unsigned pins = atomic_fetch_add(&seat->pins, 1);

    if (!(pins & TAKING) && atomic_load(&seat->key) == key)
        return true;
    atomic_fetch_sub(&seat->pins, 1);
    return false;
}

static struct gw_seat *find(uint64_t key)
{
    size_t count;
    struct gw_seat *set = set_of(key, &count);

    for (size_t i = 0; i < count; i++)
        if (atomic_load(&set[i].key) == key && pin(&set[i], key))
            return &set[i];
    return NULL;
}

static void clear(struct gw_seat *seat)
{
    atomic_store(&seat->word, 0);
    atomic_store(&seat->back_ms, 0);
    for (size_t i = 0; i < GW_SEAT_BUCKETS; i++)
        atomic_store(&seat->buckets[i], 0);
}

/* Somebody's place, unless it is held. Whoever pins it meanwhile finds another key, and lets go. */
static bool claim(struct gw_seat *seat, uint64_t key)
{
    unsigned none = 0;

    if (!atomic_compare_exchange_strong(&seat->pins, &none, TAKING))
        return false;
    atomic_store(&seat->key, 0);
    atomic_store(&seat->in_flight, 0);
    atomic_store(&seat->waiting, 0);
    clear(seat);
    atomic_store(&seat->key, key);
    atomic_fetch_sub(&seat->pins, TAKING - 1);
    return true;
}

struct gw_seat *gw_seat_take(uint64_t key, int64_t now_ms)
{
    struct gw_seat *seat = find(key), *set, *best;
    size_t count;

    for (int tries = 0; !seat && tries < 4; tries++) {
        set = set_of(key, &count);
        best = NULL;
        for (size_t i = 0; i < count; i++) {
            if (atomic_load(&set[i].pins) || (atomic_load(&set[i].key) && gw_circuit_wait_ms(&set[i], now_ms) > 0))
                continue;
            if (!atomic_load(&set[i].key)) {
                best = &set[i];
                break;
            }
            if (!best || gw_circuit_touched_ms(&set[i]) < gw_circuit_touched_ms(best))
                best = &set[i];
        }
        if (!best)
            return NULL;
        if (claim(best, key))
            seat = best;
        else
            seat = find(key); /* somebody was quicker, perhaps with this very key */
    }
    return seat;
}

void gw_seat_drop(struct gw_seat *seat)
{
    if (seat)
        atomic_fetch_sub(&seat->pins, 1);
}

bool gw_seat_enter(struct gw_seat *seat, uint32_t max)
{
    unsigned now;

    if (!seat)
        return true;
    now = atomic_load(&seat->in_flight);
    do {
        if (max && now >= max)
            return false;
    } while (!atomic_compare_exchange_weak(&seat->in_flight, &now, now + 1));
    return true;
}

void gw_seat_leave(struct gw_seat *seat)
{
    if (seat)
        atomic_fetch_sub(&seat->in_flight, 1);
}

void gw_seats_reset(void)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(seats); i++)
        if (atomic_load(&seats[i].key)) /* the others never had anybody */
            clear(&seats[i]);
}
