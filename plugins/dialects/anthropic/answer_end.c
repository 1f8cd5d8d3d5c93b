/* answer_end.c - what an answer says about itself: which model, how many tokens, why it ended. */
#include "answer.h"

#include "../common/finish.h"

/* ---- model ---- */

aigw_status anthropic_model(struct anthropic_in *in, const struct anthropic_object *message)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_MODEL,
                                .text = reader_text(&in->r, &message->at[ANTHROPIC_MODEL]),
                                .id = reader_text(&in->r, &message->at[ANTHROPIC_ID]) };

    if (in->call->is_named || event.text.len == 0)
        return AIGW_OK;
    in->call->is_named = 1;
    return anthropic_emit(in, &event);
}

/* ---- usage ---- */

enum usage_member { INPUT, OUTPUT, CACHE_READ, CACHE_WRITE, SPLIT, DETAILS, PROMPT, COMPLETION, USAGE_MEMBERS };

static aigw_status emit_usage(struct anthropic_in *in, const struct aigw_json *object)
{
    static const char *const names[USAGE_MEMBERS] = {
        "input_tokens",   "output_tokens",         "cache_read_input_tokens", "cache_creation_input_tokens",
        "cache_creation", "output_tokens_details", "prompt_tokens",           "completion_tokens"
    };
    struct anthropic_call *call = in->call;
    struct aigw_usage *usage = &call->usage;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = usage };
    struct aigw_json at[USAGE_MEMBERS];
    int64_t minutes, hour, written;

    if (usage->struct_size == 0) {
        *usage = (struct aigw_usage)AIGW_USAGE_INIT;
        call->uncached = -1;
    }
    aigw_json_members(object, names, USAGE_MEMBERS, at);
    minutes = reader_tokens_in(&at[SPLIT], "ephemeral_5m_input_tokens");
    hour = reader_tokens_in(&at[SPLIT], "ephemeral_1h_input_tokens");
    /* Some say it in another API's words. */
    usage_learn(&call->uncached, reader_tokens(&at[at[INPUT].type > AIGW_JSON_NULL ? INPUT : PROMPT]));
    usage_learn(&usage->output, reader_tokens(&at[at[OUTPUT].type > AIGW_JSON_NULL ? OUTPUT : COMPLETION]));
    usage_learn(&usage->cache_read, reader_tokens(&at[CACHE_READ]));
    written = reader_tokens(&at[CACHE_WRITE]);
    if (written < 0 && minutes >= 0 && hour >= 0)
        written = minutes + hour;
    usage_learn(&usage->cache_write, written);
    usage_learn(&usage->cache_write_1h, hour);
    usage_learn(&usage->reasoning, reader_tokens_in(&at[DETAILS], "thinking_tokens"));
    if (call->uncached >= 0) { /* theirs counts what was not cached, and leaves out what is 0 */
        usage_learn(&usage->cache_read, 0);
        usage->input = call->uncached + usage->cache_read + (usage->cache_write > 0 ? usage->cache_write : 0);
    }
    return anthropic_emit(in, &event);
}

aigw_status anthropic_usage(struct anthropic_in *in, const struct anthropic_object *object)
{
    const struct aigw_json *usage = &object->at[ANTHROPIC_USAGE];

    return usage->type == AIGW_JSON_OBJECT ? emit_usage(in, usage) : AIGW_OK;
}

/* ---- finish ---- */

static uint32_t finish_of(aigw_str word, uint32_t *ret_error)
{
    static const struct {
        const char *word; /* small letters, whatever the server writes */
        uint32_t finish;
    } words[] = {
        { "end_turn", AIGW_FINISH_STOP },
        { "stop_sequence", AIGW_FINISH_STOP_SEQUENCE },
        { "max_tokens", AIGW_FINISH_LENGTH },
        { "tool_use", AIGW_FINISH_TOOL_CALLS },
        { "pause_turn", AIGW_FINISH_PAUSE },
        { "compaction", AIGW_FINISH_PAUSE }, /* the turns so far were summed up; call again to go on */
        { "refusal", AIGW_FINISH_CONTENT_FILTER },
        { "model_context_window_exceeded", AIGW_FINISH_CONTEXT_FULL },
        { "guardrail_intervened", AIGW_FINISH_GUARDRAIL },
    };

    *ret_error = 0;
    for (size_t i = 0; word.len > 0 && i < sizeof words / sizeof *words; i++)
        if (wire_same_word(word, words[i].word))
            return words[i].finish;
    return finish_of_word(word, ret_error);
}

static aigw_status emit_finish(struct anthropic_in *in, struct aigw_event *event)
{
    aigw_status status = AIGW_OK;
    bool is_plain = event->finish == AIGW_FINISH_STOP || event->finish == AIGW_FINISH_UNKNOWN;

    if (in->call->is_finished)
        return AIGW_OK;
    status = anthropic_emit_lost(in);
    if (status == AIGW_OK)
        status = anthropic_end_calls(in);
    if (in->call->tool_count > 0 && is_plain)
        event->finish = AIGW_FINISH_TOOL_CALLS; /* whether there are calls is told by the calls */
    else if (in->call->tool_count == 0 && event->finish == AIGW_FINISH_TOOL_CALLS)
        event->finish = AIGW_FINISH_STOP;
    in->call->is_finished = 1;
    return status == AIGW_OK ? anthropic_emit(in, event) : status;
}

aigw_status anthropic_finish(struct anthropic_in *in, const struct anthropic_object *object, bool is_whole)
{
    const struct aigw_json *reason = &object->at[ANTHROPIC_STOP_REASON], *details = &object->at[ANTHROPIC_STOP_DETAILS];
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_FINISH };
    uint32_t error;

    if (anthropic_has(object, ANTHROPIC_STOP_REASON) && reason->type != AIGW_JSON_STRING)
        return anthropic_nonsense(in, "has a stop reason that is no word");
    event.text = reader_text(&in->r, reason);
    if (event.text.len == 0 && !is_whole)
        return AIGW_OK;
    event.finish = finish_of(event.text, &error);
    if (error)
        return anthropic_emit_broken(in, event.text);
    event.stop_sequence = reader_text(&in->r, &object->at[ANTHROPIC_STOP_SEQUENCE]);
    event.detail = reader_str(&in->r, details, "explanation");
    if (event.detail.len == 0)
        event.detail = reader_str(&in->r, details, "category");
    return emit_finish(in, &event);
}

/* The answer is whole, and the API has no word for it. */
static aigw_status emit_stop(struct anthropic_in *in)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_FINISH,
                                .finish = AIGW_FINISH_STOP,
                                .text = AIGW_STR_INIT("stop") };

    return emit_finish(in, &event);
}

aigw_status anthropic_counted(struct anthropic_in *in, const struct aigw_json *object)
{
    aigw_status status;

    if (reader_tokens_in(object, "input_tokens") < 0)
        return anthropic_nonsense(in, "has no number of tokens");
    status = emit_usage(in, object);
    return status == AIGW_OK ? emit_stop(in) : status;
}

aigw_status anthropic_listed(struct anthropic_in *in, const struct aigw_json *object)
{
    aigw_status status = AIGW_OK;
    struct aigw_json list, item;
    struct aigw_json_walk walk;

    if (!reader_member(object, "data", AIGW_JSON_LIST, &list))
        return anthropic_nonsense(in, "has no list of models");
    walk = aigw_json_begin(&list);
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item)) {
        struct aigw_event event = { .struct_size = sizeof event,
                                    .type = AIGW_EVENT_MODEL,
                                    .text = reader_str(&in->r, &item, "id") };

        if (event.text.len == 0)
            return anthropic_nonsense(in, "has a model without an id");
        status = anthropic_emit(in, &event);
    }
    return status == AIGW_OK ? emit_stop(in) : status;
}

aigw_status anthropic_end(struct anthropic_in *in)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_FINISH };
    aigw_status status;

    if (!in->call->has_begun)
        return anthropic_nonsense(in, "ended before it began");
    status = emit_finish(in, &event);
    in->call->is_over = 1;
    if (status == AIGW_OK)
        status = wire_pass(in->host, in->ctx, &in->pass);
    return status == AIGW_OK ? AIGW_DONE : status;
}
