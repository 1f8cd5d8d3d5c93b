/* pick.c - which target the next attempt goes to. Once for each attempt: what rests or is full now, and what failed
 * this call before, is left out, and its share goes to the others by their weights. No lock, no memory. */
#include "base/number.h"
#include "models/plan.h"

#define LEAST_LOAD 4 /* a sticky target with fewer in flight is never too busy */

/* Candidates of one tier with what they weigh now. */
struct field {
    const struct gw_chooser *chooser;
    uint64_t mask;
    int64_t total;
    int64_t weights[GW_TARGETS_MAX];
};

static uint64_t random_u64(void)
{
    static _Thread_local uint64_t state = 0;

    if (state == 0)
        state = (uint64_t)gw_mono_us() * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)(uintptr_t)&state;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t bit(uint32_t index)
{
    return UINT64_C(1) << index;
}

static const struct gw_target *target_at(const struct field *field, uint32_t index)
{
    return &field->chooser->plan->targets[index];
}

static uint32_t in_flight(const struct gw_target *target)
{
    return target->seat ? atomic_load_explicit(&target->seat->in_flight, memory_order_relaxed) : 0;
}

int64_t gw_first_token_ms(const struct gw_plan *plan, const struct gw_target *target)
{
    return target->first_token_ms ? target->first_token_ms : plan->patience.first_token_ms;
}

uint32_t gw_pick_room(const struct gw_target *target, int64_t now_ms, int64_t slow_start_ms)
{
    int64_t most = target->place ? target->place->max_parallel : 0;
    int64_t room = most * gw_circuit_ramp(target->seat, now_ms, slow_start_ms) / 1000;

    return most == 0 ? 0 : room < 1 ? 1 : (uint32_t)room;
}

static bool has_room(const struct gw_chooser *chooser, const struct gw_target *target)
{
    uint32_t room = gw_pick_room(target, chooser->now_ms, chooser->slow_start_ms);
    const struct gw_seat *seat = target->place ? target->place->seat : NULL;

    if (room == 0 || !seat)
        return true;
    if (!chooser->may_pass_queues && atomic_load(&seat->waiting) > 0)
        return false; /* whoever waits is first */
    return atomic_load(&seat->in_flight) < room;
}

/* Weights of the candidates in `mask`, those with weight 0 only when there is no other. */
static void weigh(struct field *field, uint64_t mask)
{
    const struct gw_chooser *chooser = field->chooser;

    field->mask = 0;
    field->total = 0;
    for (uint32_t i = 0; i < chooser->plan->target_count; i++) {
        const struct gw_target *target = &chooser->plan->targets[i];
        if (!(mask & bit(i)) || target->weight <= 0)
            continue;
        field->weights[i] = target->weight * gw_circuit_ramp(target->seat, chooser->now_ms, chooser->slow_start_ms);
        field->total += field->weights[i];
        field->mask |= bit(i);
    }
    if (!field->mask && mask) { /* the first in the list: "never first" has an order, too */
        uint32_t first = (uint32_t)__builtin_ctzll(mask);
        field->weights[first] = field->total = 1000;
        field->mask = bit(first);
    }
}

static uint32_t by_weight(const struct field *field)
{
    int64_t ticket = (int64_t)(random_u64() % (uint64_t)field->total);
    uint32_t last = 0;

    for (uint64_t rest = field->mask; rest; rest &= rest - 1) {
        last = (uint32_t)__builtin_ctzll(rest);
        if (ticket < field->weights[last])
            break;
        ticket -= field->weights[last];
    }
    return last;
}

/* Two drawn by weight, with replacement, so that the worst one stays within reach. */
static uint32_t least_busy(const struct field *field)
{
    uint32_t a = by_weight(field), b = by_weight(field);
    int64_t of_a = in_flight(target_at(field, a)), of_b = in_flight(target_at(field, b));

    return of_b * field->weights[a] < of_a * field->weights[b] ? b : a;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Over 1.25 times its part of the tier's load? */
static bool is_overloaded(const struct field *field, uint32_t index)
{
    int64_t load = 0, mine = in_flight(target_at(field, index));

    if (mine < LEAST_LOAD)
        return false;
    for (uint64_t rest = field->mask; rest; rest &= rest - 1)
        load += in_flight(target_at(field, (uint32_t)__builtin_ctzll(rest)));
    return mine * 4 * field->total > 5 * load * field->weights[index];
}

/* Weighted rendezvous: each target draws a number from the key and itself; the highest has it. Losing a target moves
 * only its own keys. Configured weights, without the ramp: keys must not wander while a target warms up. */
static uint32_t by_key(const struct field *field)
{
    uint32_t best = (uint32_t)__builtin_ctzll(field->mask), free = GW_TARGETS_MAX;
    double best_score = -1, free_score = -1;

    for (uint64_t rest = field->mask; rest; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(rest);
        const struct gw_target *target = target_at(field, i);
        uint64_t drawn = mix(mix(field->chooser->plan->sticky_key) ^ target->identity);
        double score = -(double)(target->weight > 0 ? target->weight : 1) /
                       gw_log_of_part(((double)(drawn >> 11) + 0.5) * 0x1p-53);

        if (score > best_score) {
            best = i;
            best_score = score;
        }
        if (score > free_score && !is_overloaded(field, i)) {
            free = i;
            free_score = score;
        }
    }
    return free < GW_TARGETS_MAX ? free : best;
}

static uint32_t choose(const struct field *field)
{
    if (field->chooser->plan->is_sticky)
        return by_key(field);
    return field->chooser->plan->patience.balance == GW_BALANCE_LEAST_BUSY ? least_busy(field) : by_weight(field);
}

/* The circuit's pass and a place; false: neither. */
static bool enter(const struct gw_chooser *chooser, uint32_t index, bool is_early, bool *ret_is_full,
                  struct gw_choice *ret)
{
    const struct gw_target *target = &chooser->plan->targets[index];
    int64_t lease_ms = gw_first_token_ms(chooser->plan, target);

    if (lease_ms == 0)
        lease_ms = chooser->idle_ms;
    *ret_is_full = false;
    if (!gw_circuit_enter(target->seat, chooser->now_ms, lease_ms + 1000, is_early, &ret->pass))
        return false;
    if (target->place && target->place->max_parallel > 0 &&
        !gw_seat_enter(target->place->seat, gw_pick_room(target, chooser->now_ms, chooser->slow_start_ms))) {
        gw_circuit_undecided(&ret->pass);
        *ret_is_full = true;
        return false;
    }
    gw_seat_enter(target->seat, 0);
    ret->index = index;
    return true;
}

/* All that could serve in this tier, until one takes the call. */
static bool pick_in(const struct gw_chooser *chooser, uint64_t mask, bool *is_busy, struct gw_choice *ret)
{
    struct field field = { .chooser = chooser };
    bool is_full;

    while (mask) {
        weigh(&field, mask);
        uint32_t index = choose(&field);
        if (enter(chooser, index, false, &is_full, ret))
            return true;
        *is_busy |= is_full;
        mask &= ~bit(index); /* somebody was quicker */
    }
    return false;
}

/* The one whose rest ends first, before its end, unless a probe is at it already. */
static bool pick_early(const struct gw_chooser *chooser, bool *is_busy, struct gw_choice *ret)
{
    int64_t soonest_ms = INT64_MAX;
    uint32_t soonest = GW_TARGETS_MAX;
    bool is_full;

    for (uint64_t rest = chooser->left; rest; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(rest);
        const struct gw_target *target = &chooser->plan->targets[i];
        int64_t wait_ms = gw_circuit_wait_ms(target->seat, chooser->now_ms);
        if (gw_circuit_phase(target->seat) != GW_CIRCUIT_OPEN || wait_ms >= soonest_ms)
            continue;
        soonest = i;
        soonest_ms = wait_ms;
    }
    if (soonest == GW_TARGETS_MAX)
        return false;
    if (enter(chooser, soonest, true, &is_full, ret))
        return true;
    *is_busy |= is_full;
    return false;
}

enum gw_picked gw_pick(const struct gw_chooser *chooser, struct gw_choice *ret_choice)
{
    const struct gw_plan *plan = chooser->plan;
    bool is_busy = false;

    *ret_choice = (struct gw_choice){ .wait_ms = INT64_MAX };
    for (uint32_t i = 0; i < plan->target_count;) {
        int64_t tier = plan->targets[i].tier;
        uint64_t mask = 0;

        for (; i < plan->target_count && plan->targets[i].tier == tier; i++) {
            const struct gw_target *target = &plan->targets[i];
            int64_t wait_ms = gw_circuit_wait_ms(target->seat, chooser->now_ms);
            if (!(chooser->left & bit(i)))
                continue;
            if (wait_ms > 0) {
                ret_choice->wait_ms = wait_ms < ret_choice->wait_ms ? wait_ms : ret_choice->wait_ms;
            } else if (has_room(chooser, target)) {
                mask |= bit(i);
            } else {
                is_busy = true;
                ret_choice->place_name = target->place->name;
            }
        }
        if (mask && pick_in(chooser, mask, &is_busy, ret_choice))
            return GW_PICKED;
        if (is_busy && ret_choice->tier == 0)
            ret_choice->tier = tier;
        if (is_busy && chooser->waits_in_tier)
            return GW_PICKED_BUSY;
    }
    if (!is_busy && chooser->is_early && pick_early(chooser, &is_busy, ret_choice))
        return GW_PICKED;
    if (is_busy)
        return GW_PICKED_BUSY;
    if (!chooser->left)
        return GW_PICKED_NONE;
    if (ret_choice->wait_ms == INT64_MAX)
        ret_choice->wait_ms = 1000; /* probes took what was left, just now */
    return GW_PICKED_RESTING;
}
