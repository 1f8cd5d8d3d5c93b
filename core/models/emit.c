/* emit.c - what a provider says of the answer: kept until the answer begins, which may yet be another target's, then
 * told the feature (D37). */
#include "models/call.h"

#include "plugin/abi.h"

#define CHOICES_MAX 64u /* bits of finished_choices */
#define EARLY_MAX   96u /* names of what was left out, above all */
#define TOKENS_MAX  (INT64_C(1) << 40)

/* Said before the answer itself: tokens of the prompt, the model's name. An error that follows can still be an honest
 * status (D37), so it does not begin the answer; names do where they are the answer. */
static bool is_early(const struct gw_attempt *attempt, const struct aigw_event *event)
{
    if (attempt->early_count >= EARLY_MAX) /* whatever it is, it is said at last */
        return false;
    switch (event->type) {
    case AIGW_EVENT_USAGE:
    case AIGW_EVENT_DROPPED:
    case AIGW_EVENT_PART_START:
        return true;
    case AIGW_EVENT_MODEL:
        return attempt->request.kind != AIGW_CALL_MODELS;
    case AIGW_EVENT_RAW:
        return event->flags & AIGW_EVENTF_PREAMBLE;
    case AIGW_EVENT_TEXT:
    case AIGW_EVENT_REASONING:
        return event->text.len == 0;
    default:
        return false;
    }
}

static aigw_status keep_early(struct gw_attempt *attempt, const struct aigw_event *event)
{
    struct gw_arena *arena = attempt->call->in.arena;
    struct gw_early_event *early = gw_arena_calloc(arena, sizeof *early), **tail = &attempt->early;

    if (!early)
        return AIGW_E_NOMEM;
    attempt->early_count++;
    early->event = (struct aigw_event){ .struct_size = sizeof early->event,
                                        .type = event->type,
                                        .choice = event->choice,
                                        .index = event->index,
                                        .part_type = event->part_type,
                                        .flags = event->flags,
                                        .item_id = gw_arena_str(arena, event->item_id),
                                        .scope = gw_arena_str(arena, event->scope),
                                        .text = gw_arena_str(arena, event->text),
                                        .id = gw_arena_str(arena, event->id),
                                        .name = gw_arena_str(arena, event->name) };
    if (event->usage) {
        early->usage = *event->usage;
        early->event.usage = &early->usage;
    }
    while (*tail)
        tail = &(*tail)->next;
    *tail = early;
    return AIGW_OK;
}

/* False: this choice has its reason already; some servers say it twice. */
static bool note_finish(struct aigw_call *call, uint32_t choice)
{
    uint64_t bit = UINT64_C(1) << (choice < CHOICES_MAX ? choice : CHOICES_MAX - 1);

    if (call->finished_choices & bit)
        return false;
    call->finished_choices |= bit;
    return true;
}

static aigw_status deliver_finish(struct gw_attempt *attempt, const struct aigw_event *event)
{
    struct aigw_call *call = attempt->call;
    const struct gw_settings *settings = &call->in.snapshot->settings;

    if (!note_finish(call, event->choice))
        return AIGW_OK;
    if (call->state == GW_CALL_ANSWERING &&
        (uint32_t)__builtin_popcountll(call->finished_choices) >= call->choice_count) {
        gw_call_move(call, GW_CALL_FINISH);
        attempt->grace.on_due = gw_attempt_grace_over;
        if (settings->upstream.finish_grace_ms > 0)
            gw_timer_set(call->in.loop, &attempt->grace, settings->upstream.finish_grace_ms);
    }
    gw_call_deliver(call, event);
    return call->attempt == attempt ? AIGW_OK : AIGW_E_CLOSED;
}

static aigw_status emit(struct gw_attempt *attempt, const struct aigw_event *event)
{
    struct aigw_call *call = attempt->call;
    struct aigw_error failure;

    switch (event->type) {
    case AIGW_EVENT_ERROR:
        if (!event->error)
            return gw_ctx_breach(&attempt->ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "emit(): ERROR without error");
        failure = *event->error;
        gw_error_mend(&attempt->ctx, &failure);
        gw_attempt_fail(attempt, &failure);
        return AIGW_E_CLOSED;
    case AIGW_EVENT_START:
    case AIGW_EVENT_END:
    case AIGW_EVENT_WAITING:
        return gw_ctx_breach(&attempt->ctx, AIGW_E_STATE, GW_BREACH_VALUE,
                             "emit(): events of type %u are the core's own", event->type);
    default:
        if (event->type == 0 || event->type > AIGW_EVENT_WAITING)
            return AIGW_OK; /* a stranger is ignored */
    }
    if (call->state == GW_CALL_TRYING) {
        if (is_early(attempt, event))
            return keep_early(attempt, event);
        if (!gw_hedge_choose(attempt))
            return AIGW_E_CLOSED;
        gw_call_commit(call);
        if (call->attempt != attempt)
            return AIGW_E_CLOSED;
    }
    if (event->type == AIGW_EVENT_FINISH)
        return deliver_finish(attempt, event);
    /* More of an answer that had its finish reason: go on waiting. Heartbeats, in whatever form, are none (D35). */
    if (call->state == GW_CALL_FINISHED && attempt->grace.is_armed && !is_early(attempt, event))
        gw_timer_set(call->in.loop, &attempt->grace, call->in.snapshot->settings.upstream.finish_grace_ms);
    gw_call_deliver(call, event);
    return call->attempt == attempt ? AIGW_OK : AIGW_E_CLOSED;
}

/* Whatever a server writes there is added up: more than a number of tokens can be is not known. */
static void mend_usage(struct aigw_usage *usage)
{
    int64_t *const counts[] = { &usage->input,       &usage->output,         &usage->cache_read,
                                &usage->cache_write, &usage->cache_write_1h, &usage->reasoning,
                                &usage->audio_input, &usage->audio_output,   &usage->tool_prompt };

    for (size_t i = 0; i < GW_ARRAY_LEN(counts); i++)
        if (*counts[i] > TOKENS_MAX)
            *counts[i] = -1;
}

aigw_status gw_attempt_emit(struct gw_attempt *attempt, const struct aigw_event *event)
{
    struct aigw_event whole;
    struct aigw_usage usage;
    struct aigw_error error;
    aigw_status status;

    if (attempt->state == GW_ATTEMPT_OVER)
        return AIGW_E_CLOSED;
    if (attempt->state != GW_ATTEMPT_ANSWERING)
        return gw_ctx_breach(&attempt->ctx, AIGW_E_STATE, GW_BREACH_MOMENT,
                             "emit() works inside frame(), done() and produce() only");
    if (!gw_abi_is_full(event, sizeof whole) || (event->usage && !gw_abi_is_full(event->usage, sizeof usage)) ||
        (event->error && !gw_abi_is_full(event->error, sizeof error))) { /* from an older SDK, or nonsense */
        if (!gw_abi_in(&whole, sizeof whole, event) || (whole.usage && !gw_abi_in(&usage, sizeof usage, whole.usage)) ||
            (whole.error && !gw_abi_in(&error, sizeof error, whole.error)))
            return gw_ctx_breach(&attempt->ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                                 "emit(): the event, its usage or its error has a struct_size that no struct has");
        whole.usage = whole.usage ? &usage : NULL;
        whole.error = whole.error ? &error : NULL;
        event = &whole;
    }
    status = gw_event_check(&attempt->ctx, event);
    if (status)
        return status;
    if (event->usage) {
        if (event != &whole)
            whole = *event;
        if (event->usage != &usage)
            usage = *event->usage;
        mend_usage(&usage);
        whole.usage = &usage;
        event = &whole;
    }
    return emit(attempt, event);
}
