/* circuit.c - see circuit.h. What decides is in one word, changed by compare-and-swap: whoever works with an outdated
 * word loses. Whoever calls holds a pin on the seat, so it never becomes another target's meanwhile. */
#include "models/circuit.h"

#define TIME_BITS  40 /* 34 years of uptime */
#define TIME_MASK  ((UINT64_C(1) << TIME_BITS) - 1)
#define STREAK_MAX 255u /* a larger upstream.circuit_failures counts as this */
#define TRIPS_MAX  15u

/* A rest that is not for failures but was asked for: by Retry-After, by a refused key, by a model that is not there. */
#define ASKED 1u

#define BUCKET_MS    5000
#define WINDOW_LEAST 10u /* attempts that a share of failures is taken of */
#define COUNT_MAX    0x7ffu

struct state {
    enum gw_circuit_phase phase;
    uint32_t generation; /* 10 bits */
    uint32_t streak;     /* CLOSED: failures in a row; OPEN: ASKED, or 0 */
    uint32_t trips;      /* rests without a full recovery */
    int64_t at_ms;       /* CLOSED: last failure; OPEN: the rest's end; PROBING: the lease's end */
};

static uint64_t pack(struct state s)
{
    return (uint64_t)s.phase << 62 | (uint64_t)(s.generation & 0x3ff) << 52 | (uint64_t)s.streak << 44 |
           (uint64_t)s.trips << TIME_BITS | ((uint64_t)(s.at_ms > 0 ? s.at_ms : 0) & TIME_MASK);
}

static struct state unpack(uint64_t word)
{
    return (struct state){ .phase = (enum gw_circuit_phase)(word >> 62),
                           .generation = word >> 52 & 0x3ff,
                           .streak = word >> 44 & 0xff,
                           .trips = word >> TIME_BITS & 0xf,
                           .at_ms = (int64_t)(word & TIME_MASK) };
}

static struct state state_of(const struct gw_seat *seat)
{
    return unpack(atomic_load(&seat->word));
}

static bool move(struct gw_seat *seat, unsigned long long *word, struct state next)
{
    return atomic_compare_exchange_strong(&seat->word, word, pack(next));
}

/* ---- asking ---- */

enum gw_circuit_phase gw_circuit_phase(const struct gw_seat *seat)
{
    return seat ? state_of(seat).phase : GW_CIRCUIT_CLOSED;
}

int64_t gw_circuit_touched_ms(const struct gw_seat *seat)
{
    return state_of(seat).at_ms;
}

int64_t gw_circuit_wait_ms(const struct gw_seat *seat, int64_t now_ms)
{
    struct state s;

    if (!seat)
        return 0;
    s = state_of(seat);
    return s.phase == GW_CIRCUIT_CLOSED || now_ms >= s.at_ms ? 0 : s.at_ms - now_ms;
}

bool gw_circuit_enter(struct gw_seat *seat, int64_t now_ms, int64_t lease_ms, bool is_early, struct gw_pass *ret_pass)
{
    unsigned long long word = seat ? atomic_load(&seat->word) : 0;

    *ret_pass = (struct gw_pass){ .seat = seat };
    while (seat) {
        struct state s = unpack(word);

        ret_pass->generation = s.generation;
        if (s.phase == GW_CIRCUIT_CLOSED)
            break;
        if (now_ms < s.at_ms && !(is_early && s.phase == GW_CIRCUIT_OPEN))
            return false;
        s.phase = GW_CIRCUIT_PROBING; /* whoever moves the word is the probe */
        s.generation = (s.generation + 1) & 0x3ff;
        s.at_ms = now_ms + lease_ms;
        if (move(seat, &word, s)) {
            ret_pass->generation = s.generation;
            ret_pass->is_probe = true;
            break;
        }
    }
    return true;
}

uint32_t gw_circuit_ramp(const struct gw_seat *seat, int64_t now_ms, int64_t slow_start_ms)
{
    int64_t back_ms = seat ? atomic_load_explicit(&seat->back_ms, memory_order_relaxed) : 0;
    int64_t share;

    if (back_ms == 0 || slow_start_ms <= 0 || now_ms >= back_ms + slow_start_ms)
        return 1000;
    share = (now_ms - back_ms) * 1000 / slow_start_ms;
    return share < 100 ? 100 : (uint32_t)share;
}

/* ---- the last 30 seconds ----
 *
 * A bucket is a 10-bit number of its five seconds, and two counters. Counting is not exact when two threads begin a
 * bucket at once: one attempt more or less decides nothing. */

static void count(struct gw_seat *seat, int64_t now_ms, bool did_fail)
{
    uint32_t number = (uint32_t)(now_ms / BUCKET_MS) & 0x3ff;
    atomic_uint *bucket = &seat->buckets[(uint64_t)(now_ms / BUCKET_MS) % GW_SEAT_BUCKETS];
    uint32_t value = atomic_load_explicit(bucket, memory_order_relaxed), all, failed;

    if (value >> 22 != number)
        value = number << 22;
    all = value >> 11 & COUNT_MAX;
    failed = value & COUNT_MAX;
    if (all < COUNT_MAX)
        value = number << 22 | (all + 1) << 11 | (failed + did_fail);
    atomic_store_explicit(bucket, value, memory_order_relaxed);
}

static bool is_half_failing(const struct gw_seat *seat, int64_t now_ms)
{
    uint32_t all = 0, failed = 0;

    for (int64_t age = 0; age < (int64_t)GW_SEAT_BUCKETS; age++) {
        int64_t number = now_ms / BUCKET_MS - age;
        uint32_t value = atomic_load_explicit(&seat->buckets[(uint64_t)number % GW_SEAT_BUCKETS], memory_order_relaxed);
        if (value >> 22 != ((uint32_t)number & 0x3ff))
            continue;
        all += value >> 11 & COUNT_MAX;
        failed += value & COUNT_MAX;
    }
    return all >= WINDOW_LEAST && failed * 2 >= all;
}

static void forget_window(struct gw_seat *seat)
{
    for (size_t i = 0; i < GW_SEAT_BUCKETS; i++)
        atomic_store_explicit(&seat->buckets[i], 0, memory_order_relaxed);
}

/* ---- verdicts ---- */

bool gw_circuit_good(struct gw_pass *pass, int64_t now_ms, int64_t slow_start_ms)
{
    unsigned long long word;
    struct state s;

    if (!pass->seat)
        return false;
    word = atomic_load(&pass->seat->word);
    s = unpack(word);
    if (s.generation != pass->generation || s.phase == GW_CIRCUIT_OPEN)
        return false;
    if (s.phase == GW_CIRCUIT_CLOSED) {
        bool is_well = now_ms >= atomic_load(&pass->seat->back_ms) + slow_start_ms;

        count(pass->seat, now_ms, false);
        if (s.streak == 0 && (s.trips == 0 || !is_well))
            return false; /* as nearly always: nothing is written to the word */
        s.streak = 0;
        s.trips = is_well ? 0 : s.trips;
        move(pass->seat, &word, s); /* beaten: by a later verdict, which counts */
        return false;
    }
    s.phase = GW_CIRCUIT_CLOSED;
    s.generation = (s.generation + 1) & 0x3ff;
    s.streak = 0;
    s.at_ms = 0;
    if (!move(pass->seat, &word, s))
        return false;
    forget_window(pass->seat);
    atomic_store(&pass->seat->back_ms, now_ms > 0 ? now_ms : 1);
    pass->generation = s.generation;
    pass->is_probe = false;
    return true;
}

static int64_t rest_of(const struct gw_fault *fault, uint32_t trips)
{
    int64_t rest_ms = fault->rest_ms;

    for (uint32_t i = 1; i < trips && rest_ms < fault->rest_max_ms; i++)
        rest_ms *= 2;
    if (fault->rest_max_ms > 0 && rest_ms > fault->rest_max_ms)
        rest_ms = fault->rest_max_ms;
    rest_ms += rest_ms * fault->jitter / 1000;
    if (fault->most_ms > 0 && rest_ms > fault->most_ms)
        rest_ms = fault->most_ms;
    if (rest_ms < fault->floor_ms)
        rest_ms = fault->floor_ms;
    return rest_ms > 0 ? rest_ms : 1;
}

/* What one more fault makes of a state. The rest that begins, or 0. */
static int64_t take(struct state *s, const struct gw_fault *fault, bool is_half, int64_t now_ms)
{
    int64_t limit = fault->failures < (int64_t)STREAK_MAX ? fault->failures : (int64_t)STREAK_MAX;
    int64_t streak = (int64_t)s->streak + fault->counts, rest_ms;

    s->streak = streak > (int64_t)STREAK_MAX ? STREAK_MAX : (uint32_t)streak;
    if (s->phase == GW_CIRCUIT_CLOSED && fault->counts > 0 && (int64_t)s->streak < limit && !is_half) {
        s->at_ms = now_ms;
        return 0;
    }
    s->phase = GW_CIRCUIT_OPEN;
    s->generation = (s->generation + 1) & 0x3ff;
    s->streak = fault->counts > 0 ? 0 : ASKED;
    s->trips += s->trips < TRIPS_MAX;
    rest_ms = rest_of(fault, s->trips);
    s->at_ms = now_ms + rest_ms;
    return rest_ms;
}

int64_t gw_circuit_fault(struct gw_pass *pass, int64_t now_ms, const struct gw_fault *fault)
{
    unsigned long long word;
    int64_t rest_ms;
    bool is_half = false, was_counted = false;

    if (!pass->seat || fault->failures <= 0)
        return 0;
    word = atomic_load(&pass->seat->word);
    for (;;) {
        struct state s = unpack(word);

        if (s.phase == GW_CIRCUIT_OPEN && fault->floor_ms > 0) { /* asked for: never for less */
            if (now_ms + fault->floor_ms > s.at_ms)
                s.at_ms = now_ms + fault->floor_ms;
            s.streak = ASKED;
            rest_ms = 0;
        } else if (s.generation != pass->generation || s.phase == GW_CIRCUIT_OPEN) {
            return 0;
        } else {
            if (!was_counted && s.phase == GW_CIRCUIT_CLOSED && fault->counts > 0) {
                count(pass->seat, now_ms, true);
                is_half = is_half_failing(pass->seat, now_ms);
                was_counted = true;
            }
            rest_ms = take(&s, fault, is_half, now_ms);
        }
        if (move(pass->seat, &word, s))
            return rest_ms;
    }
}

bool gw_circuit_rests_for_failures(struct gw_seat *seat, int64_t now_ms)
{
    struct state s;

    if (!seat)
        return false;
    s = state_of(seat);
    return s.phase == GW_CIRCUIT_OPEN && s.streak != ASKED && now_ms < s.at_ms;
}

bool gw_circuit_move_end(struct gw_seat *seat, int64_t now_ms, int64_t until_ms)
{
    unsigned long long word = seat ? atomic_load(&seat->word) : 0;

    for (;;) {
        struct state s = unpack(word);

        if (s.phase != GW_CIRCUIT_OPEN || s.streak == ASKED || now_ms >= s.at_ms)
            return false;
        if (until_ms > now_ms && until_ms <= s.at_ms)
            return true; /* it rests that long anyway */
        s.at_ms = until_ms;
        if (move(seat, &word, s))
            return true;
    }
}

void gw_circuit_undecided(struct gw_pass *pass)
{
    unsigned long long word;
    struct state s;

    if (!pass->seat || !pass->is_probe)
        return;
    word = atomic_load(&pass->seat->word);
    s = unpack(word);
    if (s.phase != GW_CIRCUIT_PROBING || s.generation != pass->generation)
        return;
    s.phase = GW_CIRCUIT_OPEN;
    s.at_ms = 1; /* its rest is over: the next asker is the next probe */
    move(pass->seat, &word, s);
}
