/* policy.c - what the failure of an attempt means: again at the same target, at another one, or the end of the call
 * (D20); and what it says about the target's health. One place, against canonical kinds. */
#include "base/log.h"
#include "models/call.h"

#define RETRY_MS            150
#define RETRY_MS_MAX        2000
#define LEAST_LEFT_MS       500   /* a further attempt with less time than this is not begun */
#define LONE_REST_MS        2000  /* a target without an alternative never rests longer */
#define LIMIT_REST_MS       2000  /* after a 429 that does not say how long */
#define ACCOUNT_REST_MS     60000 /* bad key, empty account, no such model */
#define ACCOUNT_REST_MAX_MS 900000
#define ASKED_REST_MAX_MS   3600000 /* of a Retry-After */

/* ---- the process's budget of retries ---- */

static atomic_llong active_calls, active_retries;

void gw_budget_begin(struct aigw_call *call)
{
    call->is_counted = true;
    atomic_fetch_add_explicit(&active_calls, 1, memory_order_relaxed);
}

/* At most once a minute: it is a state, not an event. */
static void say_over_budget(const struct aigw_call *call)
{
    static atomic_llong next_ms;
    long long now_ms = gw_loop_now_ms(call->in.loop), due_ms = atomic_load(&next_ms);
    struct gw_line line;

    if (now_ms < due_ms || !atomic_compare_exchange_strong(&next_ms, &due_ms, now_ms + 60000))
        return;
    gw_line_begin(&line, GW_LOG_WARNING, "models",
                  "retry budget spent: failures go to clients (upstream.retry_budget)");
    gw_line_str(&line, "model", call->plan->name);
    gw_line_int(&line, "calls", atomic_load(&active_calls));
    gw_line_int(&line, "retries", atomic_load(&active_retries));
    gw_line_end(&line);
}

bool gw_budget_take(struct aigw_call *call)
{
    long long share = atomic_load_explicit(&active_calls, memory_order_relaxed) *
                      call->in.snapshot->settings.upstream.retry_budget / 100;
    long long now = atomic_load(&active_retries);

    do {
        if (now >= (share > 3 ? share : 3) || call->holds_retry)
            return false;
    } while (!atomic_compare_exchange_weak(&active_retries, &now, now + 1));
    call->holds_retry = true;
    return true;
}

bool gw_budget_may_retry(struct aigw_call *call)
{
    bool may = gw_budget_take(call);

    gw_models_count_retry(call->plan->label, may ? "granted" : "over_budget");
    if (!may)
        say_over_budget(call);
    return may;
}

void gw_budget_retried(struct aigw_call *call)
{
    if (call->holds_retry)
        atomic_fetch_sub(&active_retries, 1);
    call->holds_retry = false;
}

void gw_budget_end(struct aigw_call *call)
{
    gw_budget_retried(call);
    if (call->is_counted)
        atomic_fetch_sub_explicit(&active_calls, 1, memory_order_relaxed);
    call->is_counted = false;
}

/* ---- what comes next ---- */

static bool is_transient(const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_CONNECT:
    case AIGW_ERR_RATE_LIMITED:
    case AIGW_ERR_OVERLOADED:
        return true;
    default: /* whatever the provider calls it */
        return error->http_status == 502 || error->http_status == 503 || error->http_status == 504 ||
               error->http_status == 529;
    }
}

/* Would another target do better? Not when the request itself is at fault. */
static bool is_targets_fault(const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_BAD_REQUEST:
    case AIGW_ERR_REFUSED:
    case AIGW_ERR_CANCELLED:
    case AIGW_ERR_LIMIT:
        return false;
    default:
        return true;
    }
}

uint64_t gw_call_left_after(const struct aigw_call *call, const struct aigw_error *error)
{
    const struct gw_target *targets = call->plan->targets;
    uint64_t left = call->left & ~(UINT64_C(1) << call->target_at);
    int64_t window = targets[call->target_at].max_context_tokens;

    if (error->kind != AIGW_ERR_CONTEXT_TOO_LONG)
        return left;
    for (uint32_t i = 0; i < call->plan->target_count; i++) /* only a larger window helps */
        if (window == 0 || targets[i].max_context_tokens <= window)
            left &= ~(UINT64_C(1) << i);
    return left;
}

/* A number below `below`, evenly enough. */
static int64_t dice(int64_t below)
{
    static _Thread_local uint64_t seed = 0;

    seed = (seed ? seed : (uint64_t)gw_mono_us()) * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(seed >> 33) % below;
}

/* How long to wait before the same target is asked again; below 0: do not. */
static int64_t retry_delay_ms(const struct aigw_call *call, const struct aigw_error *error)
{
    int64_t made = call->plan->patience.retries - call->retries_left;
    int64_t delay_ms = RETRY_MS << (made < 4 ? made : 4);

    if (call->retries_left <= 0 || !is_transient(error))
        return -1;
    if (error->retry_after_ms > call->in.snapshot->settings.upstream.retry_after_max_ms)
        return -1;
    delay_ms += dice(delay_ms);
    if (delay_ms > RETRY_MS_MAX)
        delay_ms = RETRY_MS_MAX;
    return error->retry_after_ms > delay_ms ? error->retry_after_ms : delay_ms;
}

struct gw_verdict gw_call_judge(const struct aigw_call *call, const struct aigw_error *error)
{
    int64_t left_ms = call->in.deadline_ms - gw_loop_now_ms(call->in.loop);
    int64_t delay_ms = retry_delay_ms(call, error);

    if (call->state != GW_CALL_TRYING || call->attempts_left <= 0) /* something of an answer was delivered, or enough */
        return (struct gw_verdict){ .repeats = false };
    if (delay_ms >= 0 && delay_ms + LEAST_LEFT_MS < left_ms)
        return (struct gw_verdict){ .repeats = true, .delay_ms = delay_ms };
    if (delay_ms >= 0)
        gw_models_count_retry(call->plan->label, "no_time");
    if (left_ms >= LEAST_LEFT_MS && call->plan->patience.try_next && is_targets_fault(error) &&
        gw_call_left_after(call, error))
        return (struct gw_verdict){ .repeats = true, .moves_on = true };
    return (struct gw_verdict){ .repeats = false };
}

/* ---- the target's health ---- */

static bool is_illness(const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_CONNECT:
    case AIGW_ERR_TLS:
    case AIGW_ERR_TIMEOUT:
    case AIGW_ERR_OVERLOADED:
    case AIGW_ERR_SERVER:
    case AIGW_ERR_CUT:
        return true;
    case AIGW_ERR_AUTH: /* nobody refused a key: it could not be fetched */
        return error->http_status == 0;
    default:
        return false;
    }
}

/* What a failure says about the target. False: nothing. A caller's own endpoint is judged by its illnesses alone: its
 * key and its model are the caller's business. */
static bool fault_of(const struct gw_attempt *attempt, const struct aigw_error *error, struct gw_fault *ret)
{
    const struct gw_settings *settings = &attempt->call->in.snapshot->settings;
    bool is_lone = __builtin_popcountll(attempt->call->plan->allowed) == 1;

    *ret = (struct gw_fault){ .failures = settings->upstream.circuit_failures,
                              .jitter = (int)dice(201) - 100,
                              .most_ms = is_lone ? LONE_REST_MS : 0 };
    if (is_illness(error)) {
        ret->rest_ms = settings->upstream.circuit_rest_ms;
        ret->rest_max_ms = settings->upstream.circuit_rest_max_ms;
        ret->counts = error->kind == AIGW_ERR_TIMEOUT && ret->failures > 3 ? (ret->failures + 2) / 3 : 1;
        return true;
    }
    if (attempt->target->is_adhoc)
        return false;
    switch (error->kind) {
    case AIGW_ERR_RATE_LIMITED:
        ret->rest_ms = LIMIT_REST_MS;
        ret->rest_max_ms = settings->upstream.circuit_rest_max_ms;
        ret->jitter = 0; /* not shorter than it has to be */
        if (error->retry_after_ms > 0)
            ret->floor_ms = error->retry_after_ms < ASKED_REST_MAX_MS ? error->retry_after_ms : ASKED_REST_MAX_MS;
        if (ret->floor_ms) /* and no longer, however often it says so */
            ret->rest_ms = ret->rest_max_ms = ret->floor_ms;
        return true;
    case AIGW_ERR_AUTH:
    case AIGW_ERR_PERMISSION:
        ret->rest_ms = ACCOUNT_REST_MS;
        ret->rest_max_ms = ACCOUNT_REST_MAX_MS;
        return true;
    case AIGW_ERR_NOT_FOUND: /* its model, and not a path that this server lacks */
        ret->rest_ms = ret->rest_max_ms = ACCOUNT_REST_MS;
        return attempt->is_for_model;
    default:
        return false;
    }
}

const char *gw_cause_of(const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_CONTEXT_TOO_LONG:
        return "context";
    case AIGW_ERR_UNSUPPORTED:
        return "unsupported";
    case AIGW_ERR_RATE_LIMITED:
        return "rate_limited";
    case AIGW_ERR_AUTH:
    case AIGW_ERR_PERMISSION:
        return "account";
    case AIGW_ERR_NOT_FOUND:
        return "not_found";
    case AIGW_ERR_TIMEOUT:
        return "timeout";
    case AIGW_ERR_CONNECT:
    case AIGW_ERR_TLS:
        return "connect";
    default:
        return "failures";
    }
}

/* cause NULL: it is well again. */
static void log_rest(const struct gw_attempt *attempt, const char *cause, int64_t rest_ms)
{
    struct gw_line line;

    gw_line_begin(&line, cause ? GW_LOG_WARNING : GW_LOG_INFO, "models", cause ? "target rests" : "target recovered");
    gw_line_cstr(&line, "provider", attempt->target->provider->name);
    gw_line_str(&line, "model", attempt->target->model);
    gw_line_cstr(&line, "endpoint", attempt->origin);
    if (cause) {
        gw_line_cstr(&line, "cause", cause);
        gw_line_int(&line, "rest_ms", rest_ms);
    }
    gw_line_end(&line);
}

void gw_attempt_note_content(struct gw_attempt *attempt)
{
    const struct gw_settings *settings = &attempt->call->in.snapshot->settings;

    gw_timer_clear(attempt->call->in.loop, &attempt->first);
    attempt->is_judged = true;
    if (!gw_circuit_good(&attempt->pass, gw_loop_now_ms(attempt->call->in.loop), settings->upstream.slow_start_ms))
        return;
    log_rest(attempt, NULL, 0);
    gw_models_note_rest(attempt->call->plan->label, attempt->target, NULL);
}

void gw_attempt_note_health(struct gw_attempt *attempt, const struct aigw_error *error)
{
    int64_t now_ms = gw_loop_now_ms(attempt->call->in.loop);
    struct gw_fault fault;

    if (fault_of(attempt, error, &fault)) {
        int64_t rest_ms = gw_circuit_fault(&attempt->pass, now_ms, &fault);
        attempt->is_judged = true;
        if (rest_ms > 0) {
            log_rest(attempt, gw_cause_of(error), rest_ms);
            gw_models_note_rest(attempt->call->plan->label, attempt->target, gw_cause_of(error));
        }
    } else if (error->http_status > 0 && attempt->pass.is_probe) { /* whatever it refuses, it is alive */
        gw_attempt_note_content(attempt);
    }
}
