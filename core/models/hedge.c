/* hedge.c - `hedge_ms`: a stream whose server is silent for so long is asked of another provider too. Whoever answers
 * first serves, the other is cancelled; both are paid for. Bounded twice: a model spends one hedge for each 20 of its
 * streams, and hedges are taken from the process's pot of retries.
 *
 *     attempt ──hedge_ms without content──► attempt + rival ──first content of either──► attempt
 *                                                 └──── one fails: the other goes on ───────┘
 */
#include "models/call.h"

#define PRICE     20 /* streams that pay for a hedge: a twentieth */
#define SAVED_MAX (10 * PRICE)
#define ZERO      0x10000u /* of the balance, in the seat's word */
#define DID_HEDGE (UINT64_C(1) << 32)
#define BALANCE   UINT64_C(0xffffffff)
#define LEAST_MS  500 /* a call with less time left is not hedged */

/* ---- what a model may spend ----
 *
 * A balance in the word of a seat of its own: each stream pays in one, each hedge takes out PRICE. The first one ever
 * may be made on credit, so that a model with few calls has one at all. What can be saved is bounded: after a quiet
 * day not everything may be asked twice. */

static uint64_t pack(int64_t balance, uint64_t flags)
{
    return (uint64_t)(balance + ZERO) | flags;
}

static int64_t balance_of(uint64_t word)
{
    return word ? (int64_t)(word & BALANCE) - ZERO : 0;
}

static void pay_in(struct gw_seat *seat, int64_t streams)
{
    unsigned long long word = atomic_load_explicit(&seat->word, memory_order_relaxed), next;

    do {
        int64_t balance = balance_of(word) + streams;
        next = pack(balance < SAVED_MAX ? balance : SAVED_MAX, word & DID_HEDGE);
    } while (!atomic_compare_exchange_weak(&seat->word, &word, next));
}

static bool take_out(struct gw_seat *seat)
{
    unsigned long long word = atomic_load(&seat->word);

    do {
        if (balance_of(word) < PRICE && word & DID_HEDGE)
            return false;
    } while (!atomic_compare_exchange_weak(&seat->word, &word, pack(balance_of(word) - PRICE, DID_HEDGE)));
    return true;
}

/* ---- the second attempt ---- */

static uint32_t index_of(const struct gw_attempt *attempt)
{
    return (uint32_t)(attempt->target - attempt->call->plan->targets);
}

/* A question that may be asked twice: what is made of it is the answer, and nothing else. Requests that go to a path of
 * their own may leave something behind at the server, such as a stored response. */
static bool is_repeatable(const struct gw_attempt *attempt)
{
    const struct aigw_model_request *request = &attempt->request;

    return request->kind == AIGW_CALL_COMPLETION ||
           (request->kind == AIGW_CALL_CHAT && !(request->raw && request->raw->path.len));
}

void gw_hedge_arm(struct gw_attempt *attempt)
{
    struct aigw_call *call = attempt->call;

    if (!call->plan->patience.hedge_ms || !(call->in.options.flags & AIGW_CALLF_STREAM) || call->was_hedged)
        return;
    if (call->stats.attempts == 1)
        pay_in(call->plan->hedges, 1);
    if (is_repeatable(attempt))
        gw_timer_set(call->in.loop, &call->hedge, call->plan->patience.hedge_ms);
}

static uint64_t at_other_providers(const struct aigw_call *call)
{
    const struct gw_target *targets = call->plan->targets;
    uint64_t others = 0;

    for (uint32_t i = 0; i < call->plan->target_count; i++)
        if (targets[i].provider != call->attempt->target->provider)
            others |= call->left & UINT64_C(1) << i;
    return others;
}

static bool pick_other(const struct aigw_call *call, struct gw_choice *ret)
{
    const struct gw_settings *settings = &call->in.snapshot->settings;
    struct gw_chooser chooser = { .plan = call->plan,
                                  .left = at_other_providers(call),
                                  .now_ms = gw_loop_now_ms(call->in.loop),
                                  .slow_start_ms = settings->upstream.slow_start_ms,
                                  .idle_ms = call->in.options.idle_timeout_ms };

    return gw_pick(&chooser, ret) == GW_PICKED;
}

void gw_hedge_due(struct gw_timer *timer)
{
    struct aigw_call *call = GW_CONTAINER_OF(timer, struct aigw_call, hedge);
    int64_t left_ms = call->in.deadline_ms - gw_loop_now_ms(call->in.loop);
    struct gw_choice choice;

    if (call->state != GW_CALL_TRYING || !call->attempt || call->rival || call->attempts_left <= 0 ||
        left_ms < LEAST_MS)
        return;
    if (!take_out(call->plan->hedges)) {
        gw_models_count_hedge(call->plan->label, "over_budget");
        return;
    }
    if (!gw_budget_take(call)) {
        pay_in(call->plan->hedges, PRICE);
        gw_models_count_hedge(call->plan->label, "over_budget");
        return;
    }
    if (!pick_other(call, &choice)) {
        gw_budget_retried(call);
        pay_in(call->plan->hedges, PRICE);
        gw_models_count_hedge(call->plan->label, "nowhere");
        return;
    }
    call->was_hedged = true;
    call->attempts_left--;
    gw_attempt_begin(call, &choice);
}

/* ---- its end ---- */

/* The one that is left. */
static void keep(struct aigw_call *call, struct gw_attempt *attempt, struct gw_attempt *other)
{
    int64_t until_us = attempt->started_us ? attempt->started_us : gw_mono_us();

    if (other->started_us && other->started_us < until_us) /* waited for a model, until then for the other one alone */
        call->stats.model_us += until_us - other->started_us;
    call->attempt = attempt;
    call->rival = other;
    call->target_at = index_of(attempt);
    call->stats.provider = attempt->target->provider->name;
    call->stats.sent_model = attempt->target->model;
    call->stats.target = attempt->target;
    gw_attempt_close(other);
    gw_budget_retried(call);
}

/* What the feature remembers is of the request that it wrote last, and that was the other one's. */
static bool build_again(struct gw_attempt *attempt)
{
    struct aigw_call *call = attempt->call;
    struct aigw_model_request unused = { .struct_size = sizeof unused };
    const char *why = NULL;
    struct gw_arena scratch;
    aigw_status status;

    gw_arena_init(&scratch, (size_t)call->in.snapshot->settings.limits.request_memory_max);
    status = gw_attempt_build(attempt, &scratch, &unused, &why);
    gw_arena_done(&scratch);
    if (call->attempt != attempt)
        return false; /* it cancelled the call */
    if (status == AIGW_E_STATE)
        gw_call_drop(call);
    else if (status)
        gw_attempt_fail_status(attempt, status);
    return status == AIGW_OK;
}

bool gw_hedge_choose(struct gw_attempt *attempt)
{
    struct aigw_call *call = attempt->call;
    struct gw_attempt *other = call->rival == attempt ? call->attempt : call->rival;

    if (other) {
        gw_models_count_hedge(call->plan->label, call->rival == attempt ? "won" : "lost");
        gw_models_count_attempt(other->target->provider->name, "hedged");
        gw_call_bill(other, true);
        keep(call, attempt, other);
        gw_attempt_keep_headers(attempt);
    }
    return call->last_built == attempt || build_again(attempt);
}

bool gw_hedge_failed(struct gw_attempt *attempt, const struct aigw_error *error)
{
    struct aigw_call *call = attempt->call;
    struct gw_attempt *other = call->rival == attempt ? call->attempt : call->rival;

    if (!other || call->state != GW_CALL_TRYING)
        return false;
    if (call->rival == attempt)
        gw_models_count_hedge(call->plan->label, "failed");
    gw_call_note_failure(attempt, error, "the other provider is being asked");
    gw_call_bill(attempt, false);
    call->left &= ~(UINT64_C(1) << index_of(attempt));
    keep(call, other, attempt);
    return true;
}

/* ---- what it costs ---- */

void gw_call_bill(struct gw_attempt *attempt, bool is_loser)
{
    struct aigw_call *call = attempt ? attempt->call : NULL;
    const struct aigw_usage *usage = NULL;

    if (!call || call->state != GW_CALL_TRYING) /* or it was delivered, and counted with that */
        return;
    for (const struct gw_early_event *early = attempt->early; early; early = early->next)
        if (early->event.usage)
            usage = early->event.usage;
    if (!is_loser && !(usage && (usage->input > 0 || usage->output > 0)))
        return;
    struct gw_lost *lost = gw_arena_calloc(call->in.arena, sizeof *lost);
    if (!lost)
        return;
    lost->target = attempt->target;
    lost->usage = (struct aigw_usage)AIGW_USAGE_INIT;
    if (usage)
        lost->usage = *usage;
    lost->next = call->stats.lost;
    call->stats.lost = lost;
}

void gw_call_settle(struct aigw_call *call)
{
    struct gw_call_stats *stats = &call->stats;
    int64_t prompt = stats->input_tokens > 0 ? stats->input_tokens : 0, input = 0, output = 0;

    for (struct gw_lost *lost = stats->lost; lost && !call->did_settle; lost = lost->next) {
        if (lost->usage.input <= 0) { /* the same prompt, at the other server */
            lost->usage.input = prompt;
            lost->is_guess = true;
        }
        input += lost->usage.input;
        output += lost->usage.output > 0 ? lost->usage.output : 0;
    }
    if (input > 0)
        stats->input_tokens = prompt + input;
    if (output > 0)
        stats->output_tokens = output + (stats->output_tokens > 0 ? stats->output_tokens : 0);
    call->did_settle = true;
}
