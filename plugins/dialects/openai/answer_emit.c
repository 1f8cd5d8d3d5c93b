/* answer_emit.c - what an answer says, as canonical events: pieces of text whose characters were cut in half, ends in
 * all words that servers have for them, usage in all spellings, the model that answered. */
#include "openai.h"

#include "../common/finish.h"

#include <stdlib.h>

aigw_status openai_nonsense(struct openai_in *in, const char *what)
{
    return in->host->fail(in->ctx, AIGW_E_UPSTREAM, "the model server's answer %s; expected the OpenAI dialect", what);
}

/* ---- events ---- */

/* The piece of text that is said now; what was held back before something else. */
static aigw_status emit_cut(struct openai_in *in, const struct aigw_event *event, aigw_str text)
{
    struct aigw_event piece = { .struct_size = sizeof piece, .type = AIGW_EVENT_TEXT, .choice = event->choice };

    if (event->type == AIGW_EVENT_TEXT)
        piece = *event;
    piece.text = text;
    return text.len > 0 ? wire_emit(in->host, in->ctx, &in->pass, &piece) : AIGW_OK;
}

/* Of an answer that ends in front of a stop text that only we know. The server goes on behind it: of that only what it
 * costs is told. */
static aigw_status emit_to_stop(struct openai_in *in, const struct aigw_event *event)
{
    struct stops *stops = &in->call->stops;
    struct aigw_event end = *event;
    char *copy = NULL;
    aigw_str text;
    aigw_status status;

    switch (event->type) {
    case AIGW_EVENT_TEXT:
        if (!stops_take(stops, event->text, &text, &copy))
            return AIGW_E_NOMEM;
        status = emit_cut(in, event, text);
        free(copy);
        return status;
    case AIGW_EVENT_MODEL:
    case AIGW_EVENT_USAGE:
    case AIGW_EVENT_ERROR:
        return wire_emit(in->host, in->ctx, &in->pass, event);
    case AIGW_EVENT_FINISH:
        if (!stops->is_over)
            break;
        end.finish = AIGW_FINISH_STOP_SEQUENCE;
        end.text = AIGW_STR("stop");
        end.stop_sequence = stops->found;
        return wire_emit(in->host, in->ctx, &in->pass, &end);
    default:
        if (stops->is_over)
            return AIGW_OK;
        break;
    }
    status = emit_cut(in, event, stops_flush(stops));
    return status == AIGW_OK ? wire_emit(in->host, in->ctx, &in->pass, event) : status;
}

/* Something that a client could read. */
static bool is_said(uint32_t type)
{
    return type != AIGW_EVENT_MODEL && type != AIGW_EVENT_USAGE && type != AIGW_EVENT_FINISH &&
           type != AIGW_EVENT_ERROR && type != AIGW_EVENT_LOGPROBS;
}

aigw_status openai_emit(struct openai_in *in, const struct aigw_event *event)
{
    in->call->has_said |= is_said(event->type);
    if (in->call->held && event->type != AIGW_EVENT_ERROR) {
        aigw_status status = openai_release_call(in);

        if (status != AIGW_OK)
            return status;
    }
    return in->call->stops.count > 0 ? emit_to_stop(in, event) : wire_emit(in->host, in->ctx, &in->pass, event);
}

/* Number of a stream of text, for halves of characters: choice, type of event, tool call. */
#define STREAM_OF(choice, type, index) ((choice) << 16 | (type) << 12 | (index))
#define STREAM_CHOICE_MASK             0xffff0000u

aigw_status openai_emit_piece(struct openai_in *in, struct aigw_event *event)
{
    aigw_status status = AIGW_OK;
    char *copy = NULL;

    if (in->call->halves.count > 0 || halves_at_edge(event->text)) {
        uint32_t stream = STREAM_OF(event->choice, event->type, event->index);

        if (!halves_join(&in->call->halves, stream, event->text, &event->text, &copy))
            return AIGW_E_NOMEM;
    }
    if (event->text.len > 0 || event->name.len > 0 || event->id.len > 0)
        status = openai_emit(in, event);
    free(copy);
    return status;
}

aigw_status openai_emit_text(struct openai_in *in, uint32_t choice, uint32_t type, aigw_str text)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = type,
                                .choice = choice,
                                .text = text,
                                .part_flags = type == AIGW_EVENT_REASONING ? AIGW_PARTF_RAW : 0 };

    return openai_emit_piece(in, &event);
}

aigw_status openai_emit_json(struct openai_in *in, uint32_t choice, uint32_t type, const struct aigw_json *value)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .type = type, .choice = choice, .text = reader_json(in->r, value)
    };

    if (type != AIGW_EVENT_LOGPROBS) /* those are everybody's */
        event.origin = AIGW_STR(OPENAI_DIALECT);
    return openai_emit(in, &event);
}

aigw_status openai_emit_model(struct openai_in *in, const struct aigw_json *model, const struct aigw_json *id)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_MODEL,
                                .text = reader_text(in->r, model),
                                .id = reader_text(in->r, id) };

    if (in->call->is_named || (event.text.len == 0 && event.id.len == 0))
        return AIGW_OK;
    in->call->is_named = 1;
    return openai_emit(in, &event);
}

/* ---- finish ---- */

/* What was held back in this choice is text that lost its other half. */
static aigw_status flush_halves(struct openai_in *in, uint32_t choice)
{
    aigw_status status = AIGW_OK;
    uint32_t stream;

    while (status == AIGW_OK &&
           halves_take(&in->call->halves, STREAM_OF(choice, 0u, 0u), STREAM_CHOICE_MASK, &stream)) {
        struct aigw_event event = { .struct_size = sizeof event,
                                    .type = stream >> 12 & 0xf,
                                    .choice = choice,
                                    .index = stream & 0xfff,
                                    .text = HALVES_LOST };

        status = openai_emit(in, &event);
    }
    return status;
}

bool openai_is_reason(aigw_str word)
{
    static const char *const none[] = { "null", "none", "not_finished", "finish_reason_unspecified" };

    if (word.len == 0)
        return false;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (wire_same_word(word, none[i]))
            return false;
    return true;
}

aigw_status openai_emit_finish(struct openai_in *in, uint32_t choice, aigw_str word, aigw_str at)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .type = AIGW_EVENT_FINISH, .choice = choice, .text = word, .stop_sequence = at
    };
    uint32_t calls = 0, error;
    aigw_status status;

    event.finish = finish_of_word(word, &error);
    if (error)
        return openai_emit_broken(in, word);
    if (openai_has_choice(in->call->finished, choice))
        return AIGW_OK;
    if (in->r && in->r->is_short) /* something was not read: this is no good end */
        return AIGW_E_NOMEM;
    if (in->call->is_strange && !in->call->has_said && !in->call->raw && !in->call->tools)
        return openai_nonsense(in, "has its message in members that are not known");
    status = flush_halves(in, choice);
    if (status == AIGW_OK && in->call->tools)
        status = openai_close_calls(in, choice, &calls);
    if (status != AIGW_OK)
        return status;
    /* Whether there are calls is told by the calls. */
    if (calls > 0 && (event.finish == AIGW_FINISH_STOP || event.finish == AIGW_FINISH_UNKNOWN))
        event.finish = AIGW_FINISH_TOOL_CALLS;
    else if (calls == 0 && event.finish == AIGW_FINISH_TOOL_CALLS)
        event.finish = AIGW_FINISH_STOP;
    else if (event.finish == AIGW_FINISH_STOP && at.len > 0)
        event.finish = AIGW_FINISH_STOP_SEQUENCE;
    openai_add_choice(in->call->finished, choice);
    return openai_emit(in, &event);
}

/* ---- usage ---- */

struct openai_count {
    const char *name;
    size_t field;
};

#define COUNTS_MAX 16

/* Of several names for one number the first that is there. */
static void read_counts(struct aigw_usage *usage, const struct aigw_json *object, const struct openai_count *rows,
                        size_t count)
{
    const char *names[COUNTS_MAX];
    struct aigw_json values[COUNTS_MAX];

    for (size_t i = 0; i < count; i++)
        names[i] = rows[i].name;
    aigw_json_members(object, names, count, values);
    for (size_t i = 0; i < count; i++) {
        int64_t *field = (int64_t *)(void *)((char *)usage + rows[i].field);

        if (*field < 0)
            *field = reader_tokens(&values[i]);
    }
}

/* Most count thoughts as a part of the answer; xAI's servers beside it, as the sum tells. */
static void add_thoughts(struct aigw_usage *usage, int64_t total)
{
    if (usage->reasoning <= 0)
        return;
    if (usage->output < usage->reasoning ||
        (usage->input >= 0 && total == usage->input + usage->output + usage->reasoning))
        usage->output = (usage->output > 0 ? usage->output : 0) + usage->reasoning;
}

void openai_read_usage(const struct aigw_json *object, struct aigw_usage *ret_usage)
{
    static const struct openai_count input[] = {
        { "cached_tokens", offsetof(struct aigw_usage, cache_read) },
        { "cache_write_tokens", offsetof(struct aigw_usage, cache_write) },
        { "audio_tokens", offsetof(struct aigw_usage, audio_input) },
    };
    static const struct openai_count output[] = {
        { "reasoning_tokens", offsetof(struct aigw_usage, reasoning) },
        { "audio_tokens", offsetof(struct aigw_usage, audio_output) },
    };
    static const struct openai_count all[] = {
        { "prompt_tokens", offsetof(struct aigw_usage, input) },
        { "input_tokens", offsetof(struct aigw_usage, input) },
        { "completion_tokens", offsetof(struct aigw_usage, output) },
        { "output_tokens", offsetof(struct aigw_usage, output) },
        { "cached_tokens", offsetof(struct aigw_usage, cache_read) },
        { "prompt_cache_hit_tokens", offsetof(struct aigw_usage, cache_read) },
        { "cache_read_input_tokens", offsetof(struct aigw_usage, cache_read) },
        { "cache_creation_input_tokens", offsetof(struct aigw_usage, cache_write) },
        { "reasoning_tokens", offsetof(struct aigw_usage, reasoning) },
        { "promptTokens", offsetof(struct aigw_usage, input) },
        { "inputTokens", offsetof(struct aigw_usage, input) },
        { "completionTokens", offsetof(struct aigw_usage, output) },
        { "outputTokens", offsetof(struct aigw_usage, output) },
    };
    static const char *const groups[] = { "prompt_tokens_details", "input_tokens_details", "completion_tokens_details",
                                          "output_tokens_details" };
    struct aigw_json details[4];
    int64_t total = reader_tokens_in(object, "total_tokens");

    *ret_usage = (struct aigw_usage)AIGW_USAGE_INIT;
    aigw_json_members(object, groups, 4, details);
    for (size_t i = 0; i < 4; i++)
        if (details[i].type == AIGW_JSON_OBJECT)
            read_counts(ret_usage, &details[i], i < 2 ? input : output,
                        i < 2 ? sizeof input / sizeof *input : sizeof output / sizeof *output);
    read_counts(ret_usage, object, all, sizeof all / sizeof *all);
    if (ret_usage->output < 0 && ret_usage->input >= 0 && total > ret_usage->input)
        ret_usage->output = total - ret_usage->input;
    else if (ret_usage->input < 0 && ret_usage->output >= 0 && total > ret_usage->output)
        ret_usage->input = total - ret_usage->output;
    add_thoughts(ret_usage, total);
}

aigw_status openai_emit_usage(struct openai_in *in, const struct aigw_json *object)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json first;
    struct aigw_usage usage, *known = &in->call->usage;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = known };

    if (!walk.is_object || !aigw_json_next(&walk, NULL, &first))
        return AIGW_OK;
    openai_read_usage(object, &usage);
    if (known->struct_size == 0)
        *known = (struct aigw_usage)AIGW_USAGE_INIT;
    usage_merge(known, &usage);
    return openai_emit(in, &event);
}
