/* spend.c - model calls and money: what quotas say before a call, what it used and cost when it is over. */
#include "auth/grant.h"
#include "models/plan.h"
#include "pipeline/request.h"

#define INSTEAD_MAX 4u /* models named one after the other by budgets that are empty */

static struct gw_limit_now now_of(void)
{
    return (struct gw_limit_now){ .mono_us = gw_mono_us(), .wall_s = gw_wall_s() };
}

/* ---- before ---- */

/* Who asks, as quotas count. GitLab's users are told apart by GitLab, and their ids are salted already. */
static struct gw_limit_subject subject_of(const struct gw_request *request, const struct aigw_model_info *model)
{
    const struct aigw_principal *principal = &request->principal;
    struct gw_limit_subject subject = { .model = gw_models_plan_name(model) };

    if (request->grant) {
        subject.user = principal->subject;
        subject.key = principal->flags & AIGW_PRINCIPALF_KEY ? principal->subject : AIGW_STR_NONE;
        subject.team = request->grant->team ? gw_str(request->grant->team) : AIGW_STR_NONE;
    } else {
        subject.user = principal->global_user_id;
        subject.instance = principal->instance_id.len                         ? principal->instance_id
                           : !(principal->flags & AIGW_PRINCIPALF_USER_TOKEN) ? principal->subject
                                                                              : AIGW_STR_NONE;
    }
    return subject;
}

/* Which target will serve is not known yet: as much as the dearest would take. */
static struct gw_limit_use estimate(const struct gw_request_call *node, const struct aigw_model_info *model)
{
    const struct gw_prices *prices = node->request->snapshot->prices;
    struct gw_tokens tokens = gw_limit_estimate(node->request->worker->server->limits, node->asked_bytes);
    struct gw_limit_use use = { .tokens = tokens.input + tokens.output };
    const struct gw_plan *plan = model->plan;

    for (uint32_t i = 0; gw_prices_has_any(prices) && i < plan->target_count; i++) {
        const struct gw_target *target = &plan->targets[i];
        const struct gw_price *price =
            plan->allowed & UINT64_C(1) << i ? gw_prices_find(prices, target->provider->name, target->model) : NULL;
        int64_t cost = price ? gw_price_of(price, &tokens) : 0;

        use.cost = cost > use.cost ? cost : use.cost;
    }
    return use;
}

/* The model that an empty budget names. The caller must be allowed to use it, and it must suit the request. */
static const struct aigw_model_info *instead_of(struct gw_request *request, const struct gw_limit_refusal *refusal)
{
    struct aigw_model_info *info = refusal->instead ? gw_arena_calloc(&request->ex->arena, sizeof *info) : NULL;

    return info && gw_request_resolve_instead(request, refusal->instead, info) == AIGW_OK ? info : NULL;
}

static void refuse(struct gw_request_call *node, const struct gw_limit_refusal *refusal)
{
    node->refused = (struct aigw_error){
        .struct_size = sizeof node->refused,
        .kind = refusal->is_store_down ? AIGW_ERR_OVERLOADED : AIGW_ERR_RATE_LIMITED,
        .message = gw_arena_str(&node->request->ex->arena, gw_str(refusal->text)),
        .retry_after_ms = refusal->retry_after_ms,
        .code = refusal->is_empty ? AIGW_STR("insufficient_quota") : AIGW_STR_NONE,
    };
    node->request->quota = refusal->quota;
    if (refusal->quota)
        gw_access_quota_refused(refusal->quota);
}

static void on_verdict(void *owner, enum gw_limit_verdict verdict, const struct gw_limit_hold *hold,
                       const struct gw_limit_refusal *refusal);

/* The store of shared limits decides. Without memory to ask it the call is made: limits are not to fail it. */
static enum gw_limit_verdict ask_store(struct gw_request_call *node, const struct gw_limit_subject *subject,
                                       const struct gw_limit_use *use, const struct gw_limit_now *now)
{
    struct gw_worker *worker = node->request->worker;

    node->ask = gw_limit_ask(worker->server->limits, &node->hold, subject, use, worker->loop, on_verdict, node);
    if (node->ask)
        return GW_LIMIT_ASK;
    gw_quotas_let_go(&node->hold, now);
    return GW_LIMIT_ADMITTED;
}

/* Keep why the model that was asked for is refused, and look for another. */
static void go_on(struct gw_request_call *node, const struct gw_limit_refusal *refusal)
{
    struct gw_limit_refusal *copy = node->tries ? NULL : gw_arena_alloc(&node->request->ex->arena, sizeof *copy);

    if (copy) {
        *copy = *refusal;
        node->first = copy;
    }
    node->tries++;
    node->trying = node->tries < INSTEAD_MAX ? instead_of(node->request, refusal) : NULL;
    if (!node->trying)
        refuse(node, node->first ? node->first : refusal);
}

/* From node->trying on: one of them is admitted, its store is asked, or all are refused. */
static enum gw_limit_verdict charge(struct gw_request_call *node)
{
    struct gw_request *request = node->request;
    struct gw_limit_table *limits = request->worker->server->limits;

    while (node->trying) {
        const struct gw_limit_subject subject = subject_of(request, node->trying);
        const struct gw_limit_use use = estimate(node, node->trying);
        const struct gw_limit_now now = now_of();
        struct gw_limit_refusal refusal;
        enum gw_limit_verdict verdict =
            gw_quotas_charge(request->snapshot->quotas, limits, &subject, &use, &now, &node->hold, &refusal);

        if (verdict == GW_LIMIT_ASK)
            verdict = ask_store(node, &subject, &use, &now);
        if (verdict == GW_LIMIT_ADMITTED)
            gw_access_quotas_admitted(&node->hold);
        if (verdict != GW_LIMIT_REFUSED)
            return verdict;
        go_on(node, &refusal);
    }
    return GW_LIMIT_REFUSED;
}

static void note_quota(const struct gw_request_call *node)
{
    if (node->tries && node->first)
        node->request->quota = node->first->quota;
}

enum gw_limit_verdict gw_spend_charge(struct gw_request_call *node, const struct aigw_model_info **model)
{
    struct gw_request *request = node->request;
    const struct gw_quotas *quotas = request->snapshot->quotas;
    enum gw_limit_verdict verdict;

    node->asked_bytes = request->ex->body.len;
    if (!quotas || !gw_quotas_has_any(quotas))
        return GW_LIMIT_ADMITTED;
    node->asked = node->trying = *model;
    verdict = charge(node);
    if (verdict != GW_LIMIT_ADMITTED)
        return verdict;
    note_quota(node);
    *model = node->trying;
    return verdict;
}

static void on_verdict(void *owner, enum gw_limit_verdict verdict, const struct gw_limit_hold *hold,
                       const struct gw_limit_refusal *refusal)
{
    struct gw_request_call *node = owner;

    node->ask = NULL;
    node->hold = *hold;
    if (verdict == GW_LIMIT_ADMITTED)
        gw_access_quotas_admitted(&node->hold);
    if (verdict == GW_LIMIT_REFUSED) {
        go_on(node, refusal);
        verdict = charge(node);
    }
    if (verdict == GW_LIMIT_ASK)
        return;
    if (verdict == GW_LIMIT_ADMITTED) {
        note_quota(node);
        node->request->model = node->trying;
    }
    gw_call_permit(node->call, verdict == GW_LIMIT_ADMITTED ? node->trying : node->asked,
                   verdict == GW_LIMIT_ADMITTED ? NULL : &node->refused);
    gw_request_call_started(node);
}

/* ---- after ---- */

static int64_t known(int64_t count)
{
    return count > 0 ? count : 0;
}

static struct gw_tokens tokens_of(const struct aigw_usage *usage)
{
    return (struct gw_tokens){ .input = known(usage->input),
                               .output = known(usage->output),
                               .cached = known(usage->cache_read),
                               .cache_write = known(usage->cache_write),
                               .cache_write_1h = known(usage->cache_write_1h),
                               .reasoning = known(usage->reasoning) };
}

/* The server said nothing, or the client did not wait for it: by the length of what went and came. A server that was
 * not at work takes nothing. */
static void guess(const struct gw_request_call *node, const struct gw_call_stats *stats, struct gw_spent *spent)
{
    const struct gw_limit_table *limits = node->request->worker->server->limits;
    bool was_left =
        stats->was_under_way && (stats->error_kind == AIGW_ERR_CANCELLED || stats->error_kind == AIGW_ERR_TIMEOUT);
    size_t text_bytes = stats->answer_bytes - stats->wrapping * stats->answer_pieces;
    int64_t output = gw_limit_tokens_of(limits, text_bytes) + (stats->wrapping ? stats->answer_pieces : 0);

    if (!stats->had_answer && (!was_left || stats->lost)) /* what it told before that is among the lost */
        return;
    output = output > stats->answer_pieces ? output : stats->answer_pieces;
    if (stats->kind == AIGW_CALL_EMBEDDING)
        output = 0;
    if (spent->tokens.input <= 0)
        spent->tokens.input = gw_limit_tokens_of(limits, node->asked_bytes);
    if (spent->tokens.output < output) /* some servers tell a first number at the beginning */
        spent->tokens.output = output;
    spent->is_guess = true;
}

static void find_tokens(const struct gw_request_call *node, const struct gw_call_stats *stats, struct gw_spent *spent)
{
    const struct aigw_usage *usage = &stats->usage;
    bool is_counted =
        stats->kind == AIGW_CALL_CHAT || stats->kind == AIGW_CALL_COMPLETION || stats->kind == AIGW_CALL_EMBEDDING;
    bool is_whole = usage->input >= 0 && (usage->output >= 0 || stats->kind == AIGW_CALL_EMBEDDING) &&
                    stats->error_kind == AIGW_ERR_NONE;

    if (stats->kind == AIGW_CALL_COUNT || stats->kind == AIGW_CALL_MODELS) /* nothing is made: numbers are the answer */
        return;
    spent->tokens = tokens_of(usage);
    if (is_counted && !is_whole)
        guess(node, stats, spent);
}

static void add_cost(const struct gw_request *request, const struct gw_target *target, const struct gw_tokens *tokens,
                     struct gw_spent *spent)
{
    const struct gw_prices *prices = request->snapshot->prices;
    const struct gw_price *price;

    if (!gw_prices_has_any(prices) || !target || (tokens->input == 0 && tokens->output == 0))
        return;
    price = gw_prices_find(prices, target->provider->name, target->model);
    spent->has_price |= price != NULL;
    spent->has_no_price |= !price;
    spent->cost += price ? gw_price_of(price, tokens) : 0;
}

/* What served, and what attempts took that did not. */
static void find_cost(const struct gw_request *request, const struct gw_call_stats *stats, struct gw_spent *spent)
{
    add_cost(request, stats->target, &spent->tokens, spent);
    if (stats->target)
        gw_access_tokens(spent->model, stats->target->provider->name, &spent->tokens, spent->is_guess);
    for (const struct gw_lost *lost = stats->lost; lost; lost = lost->next) {
        const struct gw_tokens tokens = tokens_of(&lost->usage);

        add_cost(request, lost->target, &tokens, spent);
        if (lost->target)
            gw_access_tokens(spent->model, lost->target->provider->name, &tokens, lost->is_guess);
        spent->tokens.input += tokens.input;
        spent->tokens.output += tokens.output;
        spent->tokens.cached += tokens.cached;
    }
}

static void stop_asking(struct gw_request_call *node)
{
    if (node->ask)
        gw_limit_abandon(node->ask);
    node->ask = NULL;
}

void gw_spend_settle(struct gw_request_call *node)
{
    struct gw_request *request = node->request;
    const struct gw_call_stats *stats = gw_call_stats(node->call);
    struct gw_spent spent = { .model = ((const struct gw_plan *)stats->model->plan)->label };

    stop_asking(node);
    find_tokens(node, stats, &spent);
    find_cost(request, stats, &spent);
    gw_access_spent(request, &spent);
    if (node->hold.count == 0)
        return;
    const struct gw_limit_use use = { .tokens = spent.tokens.input + spent.tokens.output,
                                      .cached = spent.tokens.cached,
                                      .cost = spent.cost };
    const struct gw_limit_now now = now_of();

    gw_quotas_settle(&node->hold, &use, &now);
    if (!spent.is_guess)
        gw_limit_learn(request->worker->server->limits, node->asked_bytes, stats->usage.input, stats->usage.output);
}

void gw_spend_undo(struct gw_request_call *node)
{
    const struct gw_limit_use nothing = { .tokens = 0 };
    const struct gw_limit_now now = now_of();

    stop_asking(node);
    gw_quotas_settle(&node->hold, &nothing, &now);
}

bool gw_spend_left(const struct gw_request *request, enum gw_limit_unit unit, struct gw_limit_left *ret_left)
{
    struct gw_limit_left left;
    bool is_any = false;

    if (!request->snapshot->quotas || !gw_quotas_has_any(request->snapshot->quotas))
        return false;
    const struct gw_limit_now now = now_of();
    for (const struct gw_request_call *at = request->calls; at; at = at->next) {
        if (!gw_quotas_left(&at->hold, unit, &now, &left) || (is_any && left.remaining >= ret_left->remaining))
            continue;
        *ret_left = left;
        is_any = true;
    }
    return is_any;
}
