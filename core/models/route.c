/* route.c - the way of a call between its attempts: which target is next, or where it waits for one. */
#include "models/call.h"

#define WAIT_MS 1000 /* when nobody says how long: on_exhausted = "wait" without a queue */

static struct gw_chooser chooser_of(const struct aigw_call *call)
{
    const struct gw_settings *settings = &call->in.snapshot->settings;

    return (struct gw_chooser){ .plan = call->plan,
                                .left = call->left,
                                .now_ms = gw_loop_now_ms(call->in.loop),
                                .slow_start_ms = settings->upstream.slow_start_ms,
                                .idle_ms = call->in.options.idle_timeout_ms,
                                .is_early = call->plan->patience.on_exhausted == GW_EXHAUSTED_TRY,
                                .may_pass_queues = call->state == GW_CALL_QUEUED,
                                .waits_in_tier = call->plan->patience.on_busy == GW_BUSY_WAIT && !call->did_wait };
}

static enum gw_picked pick(const struct aigw_call *call, struct gw_choice *ret)
{
    struct gw_chooser chooser = chooser_of(call);

    if (call->must_stay) {
        chooser.left = UINT64_C(1) << call->target_at;
        chooser.is_early = false;
        if (gw_pick(&chooser, ret) == GW_PICKED)
            return GW_PICKED;
        chooser = chooser_of(call); /* it rests now, or is full */
        chooser.left &= ~(UINT64_C(1) << call->target_at);
        if (!call->plan->patience.try_next)
            chooser.left = 0;
    }
    return gw_pick(&chooser, ret);
}

/* Another target than the call would have had, had all been well. */
static void note_fallback(const struct aigw_call *call, uint32_t to)
{
    const struct gw_target *targets = call->plan->targets;
    uint32_t first = (uint32_t)__builtin_ctzll(call->plan->allowed);

    if (call->last_error && to != call->target_at)
        gw_models_count_fallback(call->plan->label, targets[call->target_at].provider->name, targets[to].provider->name,
                                 gw_cause_of(call->last_error));
    else if (!call->last_error && targets[to].tier != targets[first].tier)
        gw_models_count_fallback(call->plan->label, targets[first].provider->name, targets[to].provider->name,
                                 gw_circuit_phase(targets[first].seat) == GW_CIRCUIT_CLOSED ? "full" : "resting");
}

static void begin(struct aigw_call *call, const struct gw_choice *choice)
{
    if (!gw_call_move(call, GW_CALL_BEGIN))
        return;
    gw_call_note_wait(call);
    gw_queue_leave(&call->waiter);
    gw_timer_clear(call->in.loop, &call->rest);
    note_fallback(call, choice->index);
    if (choice->index != call->target_at)
        call->retries_left = call->plan->patience.retries;
    call->target_at = choice->index;
    call->must_stay = false;
    call->attempts_left--;
    gw_attempt_begin(call, choice);
}

void gw_call_note_wait(struct aigw_call *call)
{
    int64_t waited_ms;

    if (call->wait_from_ms == 0)
        return;
    waited_ms = gw_loop_now_ms(call->in.loop) - call->wait_from_ms;
    call->wait_from_ms = 0;
    call->stats.queue_ms += waited_ms;
    if (call->waiter.place)
        gw_models_note_wait(call->waiter.place->name, waited_ms);
}

static void give_up(struct aigw_call *call, enum gw_picked picked, const struct gw_choice *choice)
{
    bool is_busy = picked == GW_PICKED_BUSY;
    struct aigw_error error = gw_make_error(is_busy                    ? AIGW_ERR_OVERLOADED
                                            : picked == GW_PICKED_NONE ? AIGW_ERR_NO_MODEL
                                                                       : AIGW_ERR_CIRCUIT,
                                            0, "");

    if (is_busy)
        error.message = gw_str(gw_arena_printf(call->in.arena, "provider %s has all its places taken (max_parallel)",
                                               choice->place_name ? choice->place_name : "of the model"));
    else if (picked == GW_PICKED_NONE)
        error.message = gw_str("no target of the model is left to try");
    else
        error.message = gw_str("the model server failed repeatedly and is being rested");
    error.retry_after_ms = is_busy ? WAIT_MS : picked == GW_PICKED_NONE ? -1 : choice->wait_ms;
    gw_call_give_up(call, &error);
}

/* A line that takes the call: of the first target with room in its line, in the plan's order. tier: only of this one;
 * 0: of any. */
static const struct gw_place *stand_in_line(struct aigw_call *call, int64_t tier)
{
    for (uint32_t i = 0; i < call->plan->target_count; i++) {
        const struct gw_target *target = &call->plan->targets[i];
        if (call->left & UINT64_C(1) << i && (tier == 0 || target->tier == tier) &&
            gw_circuit_wait_ms(target->seat, gw_loop_now_ms(call->in.loop)) == 0 && target->place &&
            target->place->queue > 0 && gw_queue_join(&call->waiter, target->place, call->in.loop))
            return target->place;
    }
    return NULL;
}

static int64_t longest_wait_ms(const struct aigw_call *call)
{
    int64_t longest_ms = 0;

    for (uint32_t i = 0; i < call->plan->target_count; i++) {
        const struct gw_place *place = call->plan->targets[i].place;
        if (call->left & UINT64_C(1) << i && place && place->queue_ms > longest_ms)
            longest_ms = place->queue_ms;
    }
    return longest_ms ? longest_ms : WAIT_MS;
}

/* The first time that there is no target: wait for one, if conf.d wants that. True when the call waits, or was begun.
 */
static bool wait_for_one(struct aigw_call *call, enum gw_picked picked, struct gw_choice *choice)
{
    int64_t now_ms = gw_loop_now_ms(call->in.loop);
    const struct gw_place *place = call->waiter.place;

    if (!place && picked == GW_PICKED_BUSY)
        place = stand_in_line(call, 0);
    if (place) {
        if (!gw_call_move(call, GW_CALL_QUEUE))
            return true;
        call->wait_from_ms = now_ms;
        if (pick(call, choice) == GW_PICKED) { /* it became free before we stood there */
            begin(call, choice);
            return true;
        }
        call->wait_until_ms = now_ms + place->queue_ms;
        gw_timer_set(call->in.loop, &call->rest, choice->wait_ms < place->queue_ms ? choice->wait_ms : place->queue_ms);
        return true;
    }
    if (picked != GW_PICKED_RESTING || call->plan->patience.on_exhausted != GW_EXHAUSTED_WAIT ||
        choice->wait_ms > longest_wait_ms(call) || !gw_call_move(call, GW_CALL_QUEUE))
        return false;
    call->wait_from_ms = now_ms;
    call->wait_until_ms = now_ms + longest_wait_ms(call);
    gw_timer_set(call->in.loop, &call->rest, choice->wait_ms);
    return true;
}

/* on_busy = "wait", and a tier is full: does the call wait in this tier, from now on or still? */
static bool waits_in_tier(struct aigw_call *call, const struct gw_choice *choice)
{
    if (call->state == GW_CALL_QUEUED)
        return call->wait_until_ms > gw_loop_now_ms(call->in.loop);
    return stand_in_line(call, choice->tier) != NULL;
}

void gw_call_route(struct aigw_call *call)
{
    struct gw_choice choice;
    enum gw_picked picked;

    if (call->state == GW_CALL_TRYING || call->state >= GW_CALL_ANSWERING)
        return; /* told too late */
    picked = pick(call, &choice);
    if (picked == GW_PICKED_BUSY && chooser_of(call).waits_in_tier && !waits_in_tier(call, &choice)) {
        call->did_wait = true; /* the next tier, then */
        picked = pick(call, &choice);
    }
    if (picked == GW_PICKED) {
        begin(call, &choice);
        return;
    }
    if (call->state != GW_CALL_QUEUED) {
        if (!wait_for_one(call, picked, &choice))
            give_up(call, picked, &choice);
        return;
    }
    int64_t left_ms = call->wait_until_ms - gw_loop_now_ms(call->in.loop);
    if (left_ms <= 0)
        give_up(call, picked, &choice);
    else /* its turn comes, or a rest ends */
        gw_timer_set(call->in.loop, &call->rest, choice.wait_ms < left_ms ? choice.wait_ms : left_ms);
}

/* ---- for people ---- */

static const char *state_of(const struct gw_target *target, int64_t now_ms, int64_t slow_start_ms)
{
    uint32_t room = gw_pick_room(target, now_ms, slow_start_ms);

    if (gw_circuit_wait_ms(target->seat, now_ms) > 0)
        return "rests now";
    if (room && target->place->seat && atomic_load(&target->place->seat->in_flight) >= room)
        return "has all its places taken";
    return gw_circuit_phase(target->seat) == GW_CIRCUIT_CLOSED ? "is well" : "would be probed with this call";
}

void gw_models_explain(const struct aigw_model_info *model, const struct gw_settings *settings, struct gw_buf *why,
                       size_t *ret_index)
{
    const struct gw_plan *plan = model->plan;
    struct gw_chooser chooser = { .plan = plan,
                                  .left = plan->allowed,
                                  .now_ms = gw_mono_ms(),
                                  .slow_start_ms = settings->upstream.slow_start_ms,
                                  .idle_ms = settings->upstream.idle_ms,
                                  .is_early = plan->patience.on_exhausted == GW_EXHAUSTED_TRY };
    struct gw_choice choice;
    int64_t total = 0, tier = 0;

    *ret_index = SIZE_MAX;
    for (uint32_t i = 0; i < plan->target_count; i++) { /* the lowest tier that has somebody */
        if (!(plan->allowed & UINT64_C(1) << i) || (tier && plan->targets[i].tier != tier))
            continue;
        tier = plan->targets[i].tier;
        total += plan->targets[i].weight;
    }
    for (uint32_t i = 0; i < plan->target_count; i++) {
        const struct gw_target *target = &plan->targets[i];
        if (!(plan->allowed & UINT64_C(1) << i))
            continue;
        gw_buf_printf(why, "target %.*s at %s: tier %lld, ", AIGW_STR_ARG(target->model), target->provider->name,
                      (long long)target->tier);
        if (target->tier != tier)
            gw_buf_puts(why, "only when no target of a lower tier can, ");
        else if (target->weight == 0 && total > 0)
            gw_buf_puts(why, "weight 0: only when the others of its tier cannot, ");
        else if (!plan->is_sticky && total > 0)
            gw_buf_printf(why, "%lld of %lld calls, ", (long long)target->weight, (long long)total);
        gw_buf_puts(why, state_of(target, chooser.now_ms, chooser.slow_start_ms));
        if (target->place && target->place->health_url)
            gw_buf_printf(why, "; while it rests: GET %s", target->place->health_url);
        gw_buf_puts(why, "\n");
    }
    if (plan->is_sticky)
        gw_buf_puts(why, "sticky: this request's key chooses among the targets of a tier\n");
    if (!plan->patience.try_next && plan->target_count > 1)
        gw_buf_puts(why, "when its target fails: no other one (on_failure)\n");
    if (plan->patience.hedge_ms)
        gw_buf_printf(why, "a stream without content for %lld ms: ask another provider too\n",
                      (long long)plan->patience.hedge_ms);
    if (plan->patience.on_busy == GW_BUSY_WAIT)
        gw_buf_puts(why, "when a tier is full: wait in its queue, then the next tier\n");
    if (gw_pick(&chooser, &choice) != GW_PICKED)
        return;
    *ret_index = choice.index;
    gw_circuit_undecided(&choice.pass);
    gw_seat_leave(plan->targets[choice.index].seat);
    gw_place_leave(plan->targets[choice.index].place);
}
