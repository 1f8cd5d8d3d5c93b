/* policy.c - what the failure of an attempt means: again at the same target, at the next one, or the end of the call
 * (D20); and what it says about the target's health. One place, against canonical kinds. */
#include "models/call.h"

#define QUICK_RETRY_MS 150

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
    case AIGW_ERR_CONTEXT_TOO_LONG:
    case AIGW_ERR_REFUSED:
    case AIGW_ERR_CANCELLED:
    case AIGW_ERR_LIMIT:
        return false;
    default:
        return true;
    }
}

/* How long to wait before the same target is asked again; below 0: do not. */
static int64_t retry_delay_ms(const struct aigw_call *call, const struct aigw_error *error)
{
    int64_t delay_ms = QUICK_RETRY_MS + gw_mono_us() % QUICK_RETRY_MS; /* jitter */

    if (call->retries_left <= 0 || !is_transient(error))
        return -1;
    if (error->retry_after_ms > call->in.snapshot->settings.upstream.retry_after_max_ms)
        return -1;
    return error->retry_after_ms > delay_ms ? error->retry_after_ms : delay_ms;
}

struct gw_verdict gw_call_judge(const struct aigw_call *call, const struct aigw_error *error)
{
    int64_t left_ms = call->in.deadline_ms - gw_loop_now_ms(call->in.loop);
    int64_t delay_ms = retry_delay_ms(call, error);

    if (call->state != GW_CALL_TRYING) /* something of an answer was delivered */
        return (struct gw_verdict){ .repeats = false };
    if (delay_ms >= 0 && delay_ms < left_ms)
        return (struct gw_verdict){ .repeats = true, .delay_ms = delay_ms };
    if (call->plan->try_next && call->target_at + 1 < call->plan->target_count && is_targets_fault(error) &&
        left_ms > 0)
        return (struct gw_verdict){ .repeats = true, .moves_on = true };
    return (struct gw_verdict){ .repeats = false };
}

static bool is_illness(const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_CONNECT:
    case AIGW_ERR_TLS:
    case AIGW_ERR_TIMEOUT:
    case AIGW_ERR_OVERLOADED:
    case AIGW_ERR_SERVER:
        return true;
    case AIGW_ERR_CUT:
        return error->http_status == 0; /* it hung up on the request */
    default:
        return false;
    }
}

void gw_attempt_note_health(struct gw_attempt *attempt, const struct aigw_error *error)
{
    const struct gw_settings *settings = &attempt->call->in.snapshot->settings;
    uint64_t key = attempt->target->circuit_key;
    int64_t allowed_ms = attempt->allowed_ms;

    if (!allowed_ms)
        return;
    attempt->allowed_ms = 0;
    if (error && is_illness(error))
        gw_circuit_failure(key, allowed_ms, gw_loop_now_ms(attempt->call->in.loop), settings->upstream.circuit_failures,
                           settings->upstream.circuit_rest_ms);
    else if (!error || error->http_status > 0) /* it answered: whatever it refuses, it is alive */
        gw_circuit_success(key, allowed_ms);
    else
        gw_circuit_undecided(key, allowed_ms);
}
