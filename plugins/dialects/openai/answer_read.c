/* answer_read.c - OpenAI's answers → canonical events: chat, legacy completions and embeddings, whole or streamed.
 *
 * Servers answer in other forms than asked for, put things in odd places and mix forms: what counts is what stands
 * there, not what was requested. Where text must be, another type is a failure: it must not end as an empty answer that
 * looks finished. */
#include "openai.h"

#include <stdlib.h>
#include <string.h>

#define OPENAI_VECTOR_MAX 65536 /* numbers in one embedding */

aigw_status openai_nonsense(struct openai_in *in, const char *what)
{
    return in->host->fail(in->ctx, AIGW_E_UPSTREAM, "the model server's answer %s; expected the OpenAI dialect", what);
}

/* ---- events ---- */

aigw_status openai_emit(struct openai_in *in, const struct aigw_event *event)
{
    return wire_emit(in->host, in->ctx, &in->pass, event);
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

static aigw_status emit_text(struct openai_in *in, uint32_t choice, uint32_t type, aigw_str text)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = type, .choice = choice, .text = text };

    return openai_emit_piece(in, &event);
}

static aigw_status emit_json(struct openai_in *in, uint32_t choice, uint32_t type, struct json_object *value)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = type, .choice = choice, .text = wire_json(value) };

    if (type != AIGW_EVENT_LOGPROBS) /* those are everybody's */
        event.origin = AIGW_STR(OPENAI_DIALECT);
    return openai_emit(in, &event);
}

/* ---- finish ---- */

static const struct {
    const char *word; /* small letters, whatever the server writes */
    uint32_t finish, error;
} openai_words[] = {
    { "stop", AIGW_FINISH_STOP, 0 },
    { "length", AIGW_FINISH_LENGTH, 0 },
    { "tool_calls", AIGW_FINISH_TOOL_CALLS, 0 },
    { "tool_call", AIGW_FINISH_TOOL_CALLS, 0 },
    { "tool_use", AIGW_FINISH_TOOL_CALLS, 0 },
    { "function_call", AIGW_FINISH_TOOL_CALLS, 0 },
    { "function_calls", AIGW_FINISH_TOOL_CALLS, 0 },
    { "content_filter", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "content_filtered", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "safety", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "sensitive", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "refusal", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "recitation", AIGW_FINISH_CONTENT_FILTER, 0 },
    { "guardrail_intervened", AIGW_FINISH_GUARDRAIL, 0 },
    { "eos", AIGW_FINISH_STOP, 0 },
    { "eos_token", AIGW_FINISH_STOP, 0 },
    { "end", AIGW_FINISH_STOP, 0 },
    { "end_turn", AIGW_FINISH_STOP, 0 },
    { "end_of_turn", AIGW_FINISH_STOP, 0 },
    { "complete", AIGW_FINISH_STOP, 0 },
    { "completed", AIGW_FINISH_STOP, 0 },
    { "done", AIGW_FINISH_STOP, 0 },
    { "stopped", AIGW_FINISH_STOP, 0 },
    { "stop_sequence", AIGW_FINISH_STOP_SEQUENCE, 0 },
    { "stop_token", AIGW_FINISH_STOP, 0 },
    { "max_tokens", AIGW_FINISH_LENGTH, 0 },
    { "max_length", AIGW_FINISH_LENGTH, 0 },
    { "max_output_tokens", AIGW_FINISH_LENGTH, 0 },
    { "max_new_tokens", AIGW_FINISH_LENGTH, 0 },
    { "limit", AIGW_FINISH_LENGTH, 0 },
    { "model_length", AIGW_FINISH_CONTEXT_FULL, 0 },
    { "model_context_window_exceeded", AIGW_FINISH_CONTEXT_FULL, 0 },
    { "malformed_function_call", AIGW_FINISH_MALFORMED, 0 },
    /* these say that the server gave up: what came is not an answer */
    { "error", 0, AIGW_ERR_SERVER },
    { "abort", 0, AIGW_ERR_SERVER },
    { "aborted", 0, AIGW_ERR_SERVER },
    { "cancelled", 0, AIGW_ERR_SERVER },
    { "failed", 0, AIGW_ERR_SERVER },
    { "internal_error", 0, AIGW_ERR_SERVER },
    { "network_error", 0, AIGW_ERR_SERVER },
    { "timeout", 0, AIGW_ERR_TIMEOUT },
    { "insufficient_system_resource", 0, AIGW_ERR_OVERLOADED },
};

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

static bool has_choice(const uint64_t *choices, uint32_t choice)
{
    return choices[choice / 64] >> (choice % 64) & 1;
}

static bool has_any(const uint64_t *choices)
{
    return choices[0] || choices[1];
}

static void add_choice(uint64_t *choices, uint32_t choice)
{
    choices[choice / 64] |= (uint64_t)1 << (choice % 64);
}

bool openai_is_reason(aigw_str word)
{
    return word.len > 0 && !wire_same_word(word, "null") && !wire_same_word(word, "none");
}

aigw_status openai_emit_finish(struct openai_in *in, uint32_t choice, aigw_str word, aigw_str at)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_FINISH,
                                .choice = choice,
                                .finish = AIGW_FINISH_UNKNOWN,
                                .text = word,
                                .stop_sequence = at };
    uint32_t calls = 0;
    aigw_status status;

    if (has_choice(in->call->finished, choice))
        return AIGW_OK;
    for (size_t i = 0; word.len > 0 && i < sizeof openai_words / sizeof *openai_words; i++)
        if (wire_same_word(word, openai_words[i].word)) {
            if (openai_words[i].error)
                return openai_emit_broken(in, openai_words[i].error, word);
            event.finish = openai_words[i].finish;
            break;
        }
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
    add_choice(in->call->finished, choice);
    return openai_emit(in, &event);
}

/* The end marker: choices without a reason are finished all the same. */
static aigw_status end_of_stream(struct openai_in *in)
{
    aigw_status status = AIGW_OK;

    if (!has_any(in->call->seen) && in->call->path != OPENAI_EMBEDDING)
        return openai_nonsense(in, "ended before it began");
    for (uint32_t choice = 0; choice < in->call->choice_count && status == AIGW_OK; choice++)
        if (has_choice(in->call->seen, choice))
            status = openai_emit_finish(in, choice, AIGW_STR(""), AIGW_STR_NONE);
    in->call->is_over = 1;
    return status == AIGW_OK ? wire_pass(in->host, in->ctx, &in->pass) : status;
}

/* ---- content ---- */

/* An empty object, or an empty list, as PHP writes it. */
static bool is_empty(struct json_object *value)
{
    return json_object_is_type(value, json_type_array)    ? json_object_array_length(value) == 0
           : json_object_is_type(value, json_type_object) ? json_object_object_length(value) == 0
                                                          : false;
}

static aigw_status emit_content(struct openai_in *in, uint32_t choice, uint32_t type, struct json_object *content);

/* A typed part of a content list. */
static aigw_status emit_part(struct openai_in *in, uint32_t choice, uint32_t type, struct json_object *part)
{
    static const struct {
        const char *type, *member;
        uint32_t event; /* 0: that of the list */
    } rows[] = {
        { "text", "text", 0 },
        { "output_text", "text", 0 },
        { "thinking", "thinking", AIGW_EVENT_REASONING },
        { "reasoning", "reasoning", AIGW_EVENT_REASONING },
        { "reasoning", "text", AIGW_EVENT_REASONING },
        { "reasoning_text", "text", AIGW_EVENT_REASONING },
        { "refusal", "refusal", AIGW_EVENT_REFUSAL },
        { "", "text", 0 },
    };
    aigw_str name = wire_get_str(part, "type");

    if (json_object_is_type(part, json_type_string))
        return emit_text(in, choice, type, wire_value_str(part));
    if (!json_object_is_type(part, json_type_object))
        return openai_nonsense(in, "has content that is no text");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (wire_is(name, rows[i].type) && json_object_object_get_ex(part, rows[i].member, NULL))
            return emit_content(in, choice, rows[i].event ? rows[i].event : type, wire_member(part, rows[i].member));
    if (name.len == 0 || wire_is(name, "text"))
        return openai_nonsense(in, "has content that is no text");
    return emit_json(in, choice, AIGW_EVENT_OPAQUE, part);
}

/* A string, or a list of parts. */
static aigw_status emit_content(struct openai_in *in, uint32_t choice, uint32_t type, struct json_object *content)
{
    aigw_status status = AIGW_OK;

    if (!content)
        return AIGW_OK;
    if (json_object_is_type(content, json_type_string))
        return emit_text(in, choice, type, wire_value_str(content));
    if (!json_object_is_type(content, json_type_array))
        return openai_nonsense(in, "has content that is no text");
    for (size_t i = 0; i < json_object_array_length(content) && status == AIGW_OK; i++)
        status = emit_part(in, choice, type, json_object_array_get_idx(content, i));
    return status;
}

static aigw_status emit_calls(struct openai_in *in, uint32_t choice, struct json_object *message, bool is_whole)
{
    struct json_object *calls = wire_member(message, "tool_calls"), *old = wire_member(message, "function_call");
    aigw_status status = AIGW_OK;

    if (calls && !json_object_is_type(calls, json_type_array))
        return json_object_is_type(calls, json_type_object) && json_object_object_length(calls) > 0
                   ? openai_emit_call(in, choice, calls, is_whole)
                   : openai_nonsense(in, "has tool calls that are no list");
    for (size_t i = 0; calls && i < json_object_array_length(calls) && status == AIGW_OK; i++)
        status = openai_emit_call(in, choice, json_object_array_get_idx(calls, i), is_whole);
    if (status == AIGW_OK && old && (!calls || json_object_array_length(calls) == 0))
        status = openai_emit_call(in, choice, old, is_whole);
    return status;
}

/* `message` of a whole answer, `delta` of a streamed one. */
static aigw_status emit_message(struct openai_in *in, uint32_t choice, struct json_object *message, bool is_whole)
{
    static const char *const reasoning[] = { "reasoning_content", "reasoning", "thinking" };
    struct json_object *notes = wire_get(message, "annotations", json_type_array), *thought = NULL;
    aigw_status status = AIGW_OK;

    if (is_empty(message))
        return AIGW_OK;
    if (!json_object_is_type(message, json_type_object))
        return openai_nonsense(in, "has a message that is no object");
    for (size_t i = 0; i < sizeof reasoning / sizeof *reasoning && !wire_is_set(thought); i++)
        thought = wire_member(message, reasoning[i]); /* some servers send two names with the same text */
    if (wire_is_set(thought))
        status = emit_content(in, choice, AIGW_EVENT_REASONING, thought);
    if (status == AIGW_OK)
        status = emit_content(in, choice, AIGW_EVENT_TEXT, wire_member(message, "content"));
    if (status == AIGW_OK)
        status = emit_content(in, choice, AIGW_EVENT_REFUSAL, wire_member(message, "refusal"));
    for (size_t i = 0; notes && i < json_object_array_length(notes) && status == AIGW_OK; i++)
        status = emit_json(in, choice, AIGW_EVENT_CITATION, json_object_array_get_idx(notes, i));
    return status == AIGW_OK ? emit_calls(in, choice, message, is_whole) : status;
}

/* ---- usage ---- */

void openai_read_usage(struct aigw_usage *usage,
                       int64_t (*number)(const void *obj, const char *group, const char *name), const void *obj)
{
    static const struct {
        const char *group, *name;
        size_t field;
    } rows[] = {
        { NULL, "prompt_tokens", offsetof(struct aigw_usage, input) },
        { NULL, "input_tokens", offsetof(struct aigw_usage, input) },
        { NULL, "completion_tokens", offsetof(struct aigw_usage, output) },
        { NULL, "output_tokens", offsetof(struct aigw_usage, output) },
        { "prompt_tokens_details", "cached_tokens", offsetof(struct aigw_usage, cache_read) },
        { "input_tokens_details", "cached_tokens", offsetof(struct aigw_usage, cache_read) },
        { NULL, "cached_tokens", offsetof(struct aigw_usage, cache_read) },
        { NULL, "prompt_cache_hit_tokens", offsetof(struct aigw_usage, cache_read) },
        { NULL, "cache_read_input_tokens", offsetof(struct aigw_usage, cache_read) },
        { "prompt_tokens_details", "cache_write_tokens", offsetof(struct aigw_usage, cache_write) },
        { NULL, "cache_creation_input_tokens", offsetof(struct aigw_usage, cache_write) },
        { "completion_tokens_details", "reasoning_tokens", offsetof(struct aigw_usage, reasoning) },
        { "output_tokens_details", "reasoning_tokens", offsetof(struct aigw_usage, reasoning) },
        { "prompt_tokens_details", "audio_tokens", offsetof(struct aigw_usage, audio_input) },
        { "completion_tokens_details", "audio_tokens", offsetof(struct aigw_usage, audio_output) },
    };

    *usage = (struct aigw_usage)AIGW_USAGE_INIT;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t *field = (int64_t *)(void *)((char *)usage + rows[i].field);

        if (*field < 0) /* the first name that is there */
            *field = number(obj, rows[i].group, rows[i].name);
        if (*field < 0)
            *field = -1;
    }
}

int64_t openai_count_of(double number)
{
    return number >= 0 && number < 1e15 ? (int64_t)number : -1;
}

static int64_t usage_number(const void *obj, const char *group, const char *name)
{
    struct json_object *usage = (struct json_object *)(uintptr_t)obj, *value;

    value = wire_member(group ? wire_member(usage, group) : usage, name);
    if (json_object_is_type(value, json_type_int))
        return json_object_get_int64(value);
    return json_object_is_type(value, json_type_double) ? openai_count_of(json_object_get_double(value)) : -1;
}

static aigw_status emit_usage(struct openai_in *in, struct json_object *obj)
{
    struct aigw_usage usage;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = &usage };

    if (!json_object_is_type(obj, json_type_object) || json_object_object_length(obj) == 0)
        return AIGW_OK;
    openai_read_usage(&usage, usage_number, obj);
    return openai_emit(in, &event);
}

/* ---- choices ---- */

static aigw_status emit_choice_end(struct openai_in *in, uint32_t choice, struct json_object *obj, bool is_whole)
{
    struct json_object *reason = wire_member(obj, "finish_reason"), *logprobs = wire_member(obj, "logprobs");
    struct json_object *inner = wire_member(obj, is_whole ? "message" : "delta"), *usage = wire_member(obj, "usage");
    aigw_status status = AIGW_OK;

    if (!wire_is_set(reason)) /* odd places */
        reason =
            wire_member(obj, "finishReason") ? wire_member(obj, "finishReason") : wire_member(inner, "finish_reason");
    if (wire_is_set(reason) && !json_object_is_type(reason, json_type_string))
        return openai_nonsense(in, "has a finish reason that is no word");
    if (logprobs)
        status = emit_json(in, choice, AIGW_EVENT_LOGPROBS, logprobs);
    if (status == AIGW_OK && (openai_is_reason(wire_value_str(reason)) || is_whole))
        status = openai_emit_finish(in, choice, wire_value_str(reason), wire_get_str(obj, "stop_reason"));
    if (status == AIGW_OK && !in->call->is_over)
        status = emit_usage(in, usage ? usage : wire_member(inner, "usage"));
    return status;
}

static aigw_status emit_choice(struct openai_in *in, struct json_object *obj, size_t position, bool is_body)
{
    struct json_object *delta = wire_member(obj, "delta"), *message = wire_member(obj, "message");
    int64_t index = wire_get_int(obj, "index", in->call->choice_count > 1 ? (int64_t)position : 0);
    bool is_whole = false;
    aigw_status status = AIGW_OK;
    aigw_str text;

    if (!json_object_is_type(obj, json_type_object))
        return openai_nonsense(in, "has a choice that is no object");
    if (openai_is_error(obj) || openai_is_error(delta) || openai_is_error(message))
        return openai_emit_error(in, openai_is_error(obj) ? obj : openai_is_error(delta) ? delta : message);
    if (index < 0 || index >= in->call->choice_count)
        return AIGW_OK; /* nobody asked for it */
    add_choice(in->call->seen, (uint32_t)index);
    if (delta && !(message && is_empty(delta))) {
        in->call->has_delta = 1;
        status = emit_message(in, (uint32_t)index, delta, false);
    } else if (message) {
        /* Beside pieces a whole message only repeats them. */
        is_whole = !in->call->has_delta;
        status = is_whole ? emit_message(in, (uint32_t)index, message, true) : AIGW_OK;
    } else if (!wire_text(obj, "text", &text)) {
        return openai_nonsense(in, "has content that is no text");
    } else if (is_body && !wire_member(obj, "text")) {
        return openai_nonsense(in, "has a choice without a message");
    } else {
        is_whole = is_body;
        status = emit_text(in, (uint32_t)index, AIGW_EVENT_TEXT, text);
    }
    return status == AIGW_OK ? emit_choice_end(in, (uint32_t)index, obj, is_whole) : status;
}

/* ---- embeddings ---- */

static aigw_status emit_vector(struct openai_in *in, struct json_object *numbers, uint32_t index)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_EMBEDDING, .index = index };
    size_t len = json_object_array_length(numbers);
    aigw_status status = AIGW_OK;
    float *vector;

    if (len == 0 || len > OPENAI_VECTOR_MAX)
        return openai_nonsense(in, "has an embedding that is empty or too long");
    vector = malloc(len * sizeof *vector);
    if (!vector)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < len && status == AIGW_OK; i++) {
        struct json_object *number = json_object_array_get_idx(numbers, i);

        vector[i] = (float)json_object_get_double(number);
        if (!json_object_is_type(number, json_type_double) && !json_object_is_type(number, json_type_int))
            status = openai_nonsense(in, "has an embedding with something that is no number");
    }
    event.vector = vector;
    event.vector_len = (uint32_t)len;
    if (status == AIGW_OK)
        status = openai_emit(in, &event);
    free(vector);
    return status;
}

static aigw_status openai_embeddings(struct openai_in *in, struct json_object *obj)
{
    struct json_object *data = wire_get(obj, "data", json_type_array);
    aigw_status status = AIGW_OK;

    if (!data || json_object_array_length(data) != in->call->input_count)
        return in->host->fail(
            in->ctx, AIGW_E_UPSTREAM,
            "the model server answered %zu embeddings for %u inputs; is the model an embedding model?",
            data ? json_object_array_length(data) : (size_t)0, in->call->input_count);
    for (size_t i = 0; i < json_object_array_length(data) && status == AIGW_OK; i++) {
        struct json_object *item = json_object_array_get_idx(data, i);
        struct json_object *numbers = wire_get(item, "embedding", json_type_array);
        int64_t index = wire_get_int(item, "index", (int64_t)i);

        if (!numbers || index < 0 || index >= (int64_t)in->call->input_count)
            return openai_nonsense(in, "has an embedding without numbers or with an index out of range");
        status = emit_vector(in, numbers, (uint32_t)index);
    }
    if (status == AIGW_OK)
        status = emit_usage(in, wire_member(obj, "usage"));
    return status == AIGW_OK ? openai_emit_finish(in, 0, AIGW_STR("stop"), AIGW_STR_NONE) : status;
}

/* ---- frames ---- */

static aigw_status openai_object(struct openai_in *in, struct json_object *obj, bool is_body)
{
    struct json_object *choices = wire_member(obj, "choices"), *usage = wire_member(obj, "usage");
    size_t count = json_object_is_type(choices, json_type_array) ? json_object_array_length(choices) : 0;
    aigw_status status = AIGW_OK;

    if (!json_object_is_type(obj, json_type_object))
        return openai_nonsense(in, "is not a JSON object");
    if (openai_is_error(obj) || (!choices && !wire_member(obj, "data") && openai_is_complaint(obj)))
        return openai_emit_error(in, obj);
    if (in->call->path == OPENAI_EMBEDDING)
        return openai_embeddings(in, obj);
    if (choices && !json_object_is_type(choices, json_type_array))
        return openai_nonsense(in, "has choices that are no list");
    if (is_body && count == 0 && !has_any(in->call->seen))
        return openai_nonsense(in, "has no choices");
    if (!usage)
        usage = wire_member(wire_member(obj, "x_groq"), "usage");
    if (in->call->hides_usage && count == 0 && usage)
        in->pass.frame = NULL;
    for (size_t i = 0; i < count && status == AIGW_OK && !in->call->is_over; i++)
        status = emit_choice(in, json_object_array_get_idx(choices, i), i, is_body);
    if (status == AIGW_OK && !in->call->is_over)
        status = emit_usage(in, usage);
    return status;
}

/* A value of a frame; lists are wrapped around errors, or around all that a stream would have said. */
static aigw_status openai_value(struct openai_in *in, struct json_object *value, bool is_body)
{
    size_t count = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
    aigw_status status = AIGW_OK;

    if (!value && !is_body)
        return AIGW_OK; /* a heartbeat */
    if (count == 0)
        return openai_object(in, value, is_body);
    for (size_t i = 0; i < count && status == AIGW_OK && !in->call->is_over; i++)
        status = openai_object(in, json_object_array_get_idx(value, i), is_body);
    return status;
}

/* The values in `text`, one after the other: two in one event are two events. */
static aigw_status openai_values(struct openai_in *in, aigw_str text, bool is_body)
{
    aigw_status status = AIGW_OK;
    aigw_str words;

    do {
        struct json_object *value;

        if ((!is_body || has_any(in->call->seen)) && wire_is_end_marker(text)) {
            status = end_of_stream(in);
            return status == AIGW_OK ? AIGW_DONE : status;
        }
        if (wire_is_error_line(text, &words))
            return openai_emit_error_text(in, words);
        if (!wire_parse_next(&text, &value))
            return openai_nonsense(in, "is not a JSON object");
        status = openai_value(in, value, is_body);
        json_object_put(value);
        text = wire_skip_blanks(text);
    } while (text.len > 0 && status == AIGW_OK && !in->call->is_over);
    return status;
}

aigw_status openai_read(struct openai_in *in, const struct aigw_frame *frame)
{
    bool is_body = frame->framing == AIGW_FRAMING_BODY;
    aigw_str text;
    char *copy;
    aigw_status status;

    if (!halves_mark(frame->data, &text, &copy))
        return AIGW_E_NOMEM;
    text = wire_skip_blanks(text);
    if (wire_is_error_event(frame->event)) {
        struct json_object *value = wire_parse(text);

        status = json_object_is_type(value, json_type_object) || json_object_is_type(value, json_type_array)
                     ? openai_emit_error(in, value)
                     : openai_emit_error_text(in, text);
        json_object_put(value);
    } else if (!is_body && wire_is_heartbeat(frame->event, text)) {
        status = AIGW_OK;
    } else {
        status = openai_values(in, text, is_body);
    }
    free(copy);
    if (status == AIGW_OK && !in->call->is_over)
        status = wire_pass(in->host, in->ctx, &in->pass);
    return status;
}
