/* answer_read.c - Anthropic's answers, whole or streamed → canonical events.
 *
 * What stands in the answer counts, not what was requested. Where text must be, another type is a failure: it must not
 * end as an empty answer that looks finished. Deltas of several blocks may alternate; one without an index belongs to
 * the block that began last. */
#include "anthropic.h"

#include <stdlib.h>
#include <string.h>

#define CALLS_MAX  1024
#define NOT_A_CALL UINT32_MAX /* index of a block that only this dialect understands */

struct anthropic_tool {
    struct anthropic_tool *next; /* the one before it */
    int64_t block;               /* number of its content block */
    uint32_t index;              /* ours */
};

static aigw_status nonsense(struct anthropic_in *in, const char *what)
{
    return in->host->fail(in->ctx, AIGW_E_UPSTREAM,
                          "the model server's answer %s; expected the Anthropic Messages dialect", what);
}

/* ---- events ---- */

aigw_status anthropic_emit(struct anthropic_in *in, const struct aigw_event *event)
{
    return wire_emit(in->host, in->ctx, &in->pass, event);
}

/* Number of a stream of text, for halves of characters: type of event, tool call. */
#define STREAM_OF(type, index) ((type) << 12 | (index))

static aigw_status emit_piece(struct anthropic_in *in, struct aigw_event *event)
{
    aigw_status status = AIGW_OK;
    char *copy = NULL;

    in->call->has_begun = 1;
    if (in->call->halves.count > 0 || halves_at_edge(event->text))
        if (!halves_join(&in->call->halves, STREAM_OF(event->type, event->index), event->text, &event->text, &copy))
            return AIGW_E_NOMEM;
    if (event->text.len > 0 || event->name.len > 0)
        status = anthropic_emit(in, event);
    free(copy);
    return status;
}

aigw_status anthropic_emit_text(struct anthropic_in *in, uint32_t type, aigw_str text)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = type, .text = text };

    return emit_piece(in, &event);
}

static aigw_status emit_member(struct anthropic_in *in, uint32_t type, struct json_object *obj, const char *member)
{
    aigw_str text;

    if (!json_object_object_get_ex(obj, member, NULL) || !wire_text(obj, member, &text))
        return nonsense(in, "has content that is no text");
    return anthropic_emit_text(in, type, text);
}

static aigw_status emit_json(struct anthropic_in *in, uint32_t type, struct json_object *value)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .type = type, .text = wire_json(value), .origin = AIGW_STR_INIT(ANTHROPIC_DIALECT)
    };

    return anthropic_emit(in, &event);
}

static aigw_status emit_signature(struct anthropic_in *in, aigw_str signature)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_SIGNATURE,
                                .part_type = AIGW_PART_REASONING,
                                .data = signature,
                                .origin = AIGW_STR_INIT(ANTHROPIC_DIALECT) };

    return signature.len > 0 ? anthropic_emit(in, &event) : AIGW_OK;
}

/* ---- finish ---- */

static uint32_t finish_of(aigw_str word)
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
        { "refusal", AIGW_FINISH_CONTENT_FILTER },
        { "model_context_window_exceeded", AIGW_FINISH_CONTEXT_FULL },
        { "guardrail_intervened", AIGW_FINISH_GUARDRAIL },
        /* of servers that translate other dialects */
        { "stop", AIGW_FINISH_STOP },
        { "length", AIGW_FINISH_LENGTH },
        { "tool_calls", AIGW_FINISH_TOOL_CALLS },
        { "content_filter", AIGW_FINISH_CONTENT_FILTER },
        { "content_filtered", AIGW_FINISH_CONTENT_FILTER },
    };

    for (size_t i = 0; word.len > 0 && i < sizeof words / sizeof *words; i++)
        if (wire_same_word(word, words[i].word))
            return words[i].finish;
    return AIGW_FINISH_UNKNOWN;
}

aigw_status anthropic_emit_finish(struct anthropic_in *in, aigw_str word, aigw_str stop, aigw_str detail)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_FINISH,
                                .finish = finish_of(word),
                                .text = word,
                                .stop_sequence = stop,
                                .detail = detail };
    aigw_status status = AIGW_OK;
    uint32_t stream;

    if (in->call->is_finished)
        return AIGW_OK;
    while (status == AIGW_OK && halves_take(&in->call->halves, 0, 0, &stream)) {
        struct aigw_event lost = {
            .struct_size = sizeof lost, .type = stream >> 12, .index = stream & 0xfff, .text = HALVES_LOST
        };

        status = anthropic_emit(in, &lost);
    }
    if (in->call->tool_count > 0 && (event.finish == AIGW_FINISH_STOP || event.finish == AIGW_FINISH_UNKNOWN))
        event.finish = AIGW_FINISH_TOOL_CALLS; /* whether there are calls is told by the calls */
    else if (in->call->tool_count == 0 && event.finish == AIGW_FINISH_TOOL_CALLS)
        event.finish = AIGW_FINISH_STOP;
    in->call->is_finished = 1;
    return status == AIGW_OK ? anthropic_emit(in, &event) : status;
}

/* The word, the sequence and the explanation stand in one object: the message, or the delta of its end. */
static aigw_status emit_finish_of(struct anthropic_in *in, struct json_object *obj, bool is_whole)
{
    struct json_object *details = wire_member(obj, "stop_details");
    aigw_str word, detail = wire_get_str(details, "explanation");

    if (!wire_text(obj, "stop_reason", &word))
        return nonsense(in, "has a stop reason that is no word");
    if (detail.len == 0)
        detail = wire_get_str(details, "category");
    if (word.len == 0 && !is_whole)
        return AIGW_OK;
    return anthropic_emit_finish(in, word, wire_get_str(obj, "stop_sequence"), detail);
}

/* ---- usage ---- */

/* Numbers come in pieces, some of them as 0 until they are known. */
static void learn(int64_t *known, int64_t number)
{
    if (number > 0 || (number == 0 && *known < 0))
        *known = number;
}

aigw_status anthropic_emit_usage(struct anthropic_in *in,
                                 int64_t (*number)(const void *obj, const char *group, const char *name),
                                 const void *obj)
{
    struct anthropic_call *call = in->call;
    struct aigw_usage *usage = &call->usage;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = usage };

    if (usage->struct_size == 0) {
        *usage = (struct aigw_usage)AIGW_USAGE_INIT;
        call->uncached = -1;
    }
    learn(&call->uncached, number(obj, NULL, "input_tokens"));
    learn(&usage->cache_read, number(obj, NULL, "cache_read_input_tokens"));
    learn(&usage->cache_write, number(obj, NULL, "cache_creation_input_tokens"));
    learn(&usage->cache_write_1h, number(obj, "cache_creation", "ephemeral_1h_input_tokens"));
    learn(&usage->output, number(obj, NULL, "output_tokens"));
    learn(&usage->reasoning, number(obj, "output_tokens_details", "thinking_tokens"));
    if (call->uncached >= 0) { /* theirs counts what was not cached, and leaves out what is 0 */
        learn(&usage->cache_read, 0);
        usage->input = call->uncached + usage->cache_read + (usage->cache_write > 0 ? usage->cache_write : 0);
    }
    return anthropic_emit(in, &event);
}

static int64_t usage_number(const void *obj, const char *group, const char *name)
{
    struct json_object *usage = (struct json_object *)(uintptr_t)obj;

    return wire_get_int(group ? wire_member(usage, group) : usage, name, -1);
}

static aigw_status emit_usage_of(struct anthropic_in *in, struct json_object *obj)
{
    struct json_object *usage = wire_get(obj, "usage", json_type_object);

    return usage ? anthropic_emit_usage(in, usage_number, usage) : AIGW_OK;
}

/* ---- tool calls ---- */

static aigw_status emit_args(struct anthropic_in *in, const struct anthropic_tool *tool, aigw_str text)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .type = AIGW_EVENT_TOOL_CALL, .index = tool->index, .text = text
    };

    return emit_piece(in, &event);
}

/* Remember whose the pieces of a block are. */
static aigw_status add_tool(struct anthropic_in *in, int64_t block, uint32_t index)
{
    struct anthropic_tool *tool;

    if (in->call->tools_kept++ >= CALLS_MAX)
        return nonsense(in, "has more than 1024 tool calls");
    tool = in->host->alloc(in->ctx, AIGW_LIFE_REQUEST, sizeof *tool);
    if (!tool)
        return AIGW_E_NOMEM;
    *tool = (struct anthropic_tool){ .next = in->call->tools, .block = block, .index = index };
    in->call->tools = tool;
    return AIGW_OK;
}

static aigw_status begin_call(struct anthropic_in *in, struct json_object *block, int64_t number)
{
    struct json_object *input = wire_member(block, "input");
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TOOL_CALL };
    aigw_status status;

    if (!wire_text(block, "id", &event.id) || !wire_text(block, "name", &event.name) || event.name.len == 0)
        return nonsense(in, "has a tool call without a name");
    if (json_object_is_type(input, json_type_object)) {
        if (json_object_object_length(input) > 0)
            event.text = wire_json(input);
    } else if (!wire_text(block, "input", &event.text)) {
        return nonsense(in, "has a tool call whose input is no object");
    }
    event.index = in->call->tool_count++;
    status = add_tool(in, number, event.index);
    return status == AIGW_OK ? emit_piece(in, &event) : status;
}

static aigw_status emit_call_piece(struct anthropic_in *in, struct json_object *obj, struct json_object *delta)
{
    int64_t number = wire_get_int(obj, "index", -1);
    struct json_object *piece = wire_member(delta, "partial_json");
    const struct anthropic_tool *tool = in->call->tools;
    aigw_str text = json_object_is_type(piece, json_type_object) ? wire_json(piece) : wire_value_str(piece);

    if (piece && !json_object_is_type(piece, json_type_object) && !json_object_is_type(piece, json_type_string))
        return nonsense(in, "has a piece of a tool call that is no text");
    if (text.len == 0)
        return AIGW_OK;
    while (tool && tool->block != number)
        tool = tool->next;
    if (!tool)
        tool = in->call->tools;
    if (tool && tool->index == NOT_A_CALL)
        return emit_json(in, AIGW_EVENT_OPAQUE, obj);
    return tool ? emit_args(in, tool, text) : nonsense(in, "has a piece of a tool call that did not begin");
}

/* ---- blocks ---- */

static aigw_status emit_citations(struct anthropic_in *in, struct json_object *block)
{
    struct json_object *list = wire_get(block, "citations", json_type_array);
    aigw_status status = AIGW_OK;

    for (size_t i = 0; list && i < json_object_array_length(list) && status == AIGW_OK; i++)
        status = emit_json(in, AIGW_EVENT_CITATION, json_object_array_get_idx(list, i));
    return status;
}

static aigw_status emit_redacted(struct anthropic_in *in, struct json_object *block)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_PART_START,
                                .part_type = AIGW_PART_REDACTED,
                                .data = wire_get_str(block, "data"),
                                .origin = AIGW_STR_INIT(ANTHROPIC_DIALECT) };
    struct aigw_event end = { .struct_size = sizeof end, .type = AIGW_EVENT_PART_END, .part_type = AIGW_PART_REDACTED };
    aigw_status status = anthropic_emit(in, &event);

    return status == AIGW_OK ? anthropic_emit(in, &end) : status;
}

/* A content block of a whole answer, or the one that content_block_start announces. */
static aigw_status emit_block(struct anthropic_in *in, struct json_object *block, int64_t number)
{
    aigw_str type = wire_get_str(block, "type");
    aigw_status status;

    if (!json_object_is_type(block, json_type_object) || type.len == 0)
        return nonsense(in, "has a content block without a type");
    in->call->has_begun = 1;
    in->call->blocks = number + 1 > in->call->blocks ? number + 1 : in->call->blocks;
    if (wire_is(type, "text")) {
        status = emit_member(in, AIGW_EVENT_TEXT, block, "text");
        return status == AIGW_OK ? emit_citations(in, block) : status;
    }
    if (wire_is(type, "thinking")) {
        status = emit_member(in, AIGW_EVENT_REASONING, block, "thinking");
        return status == AIGW_OK ? emit_signature(in, wire_get_str(block, "signature")) : status;
    }
    if (wire_is(type, "redacted_thinking"))
        return emit_redacted(in, block);
    if (wire_is(type, "tool_use"))
        return begin_call(in, block, number);
    status = add_tool(in, number, NOT_A_CALL); /* such as a tool that the server runs */
    return status == AIGW_OK ? emit_json(in, AIGW_EVENT_OPAQUE, block) : status;
}

static aigw_status emit_delta(struct anthropic_in *in, struct json_object *obj)
{
    struct json_object *delta = wire_member(obj, "delta"), *citation;
    aigw_str type = wire_get_str(delta, "type");

    if (!json_object_is_type(delta, json_type_object))
        return nonsense(in, "has a delta that is no object");
    if (wire_is(type, "text_delta") || (type.len == 0 && wire_member(delta, "text")))
        return emit_member(in, AIGW_EVENT_TEXT, delta, "text");
    if (wire_is(type, "thinking_delta") || (type.len == 0 && wire_member(delta, "thinking")))
        return emit_member(in, AIGW_EVENT_REASONING, delta, "thinking");
    if (wire_is(type, "input_json_delta") || (type.len == 0 && wire_member(delta, "partial_json")))
        return emit_call_piece(in, obj, delta);
    if (wire_is(type, "signature_delta"))
        return emit_signature(in, wire_get_str(delta, "signature"));
    citation = wire_is(type, "citations_delta") ? wire_member(delta, "citation") : NULL;
    return citation ? emit_json(in, AIGW_EVENT_CITATION, citation) : AIGW_OK;
}

/* ---- frames ---- */

static aigw_status emit_whole(struct anthropic_in *in, struct json_object *obj)
{
    struct json_object *content = wire_get(obj, "content", json_type_array);
    aigw_status status = AIGW_OK;

    if (!content)
        return nonsense(in, "has no content");
    in->call->has_begun = 1;
    for (size_t i = 0; i < json_object_array_length(content) && status == AIGW_OK; i++)
        status = emit_block(in, json_object_array_get_idx(content, i), (int64_t)i);
    if (status == AIGW_OK)
        status = emit_usage_of(in, obj);
    return status == AIGW_OK ? emit_finish_of(in, obj, true) : status;
}

static aigw_status emit_count(struct anthropic_in *in, struct json_object *obj)
{
    aigw_status status;

    if (wire_get_int(obj, "input_tokens", -1) < 0)
        return nonsense(in, "has no number of tokens");
    status = anthropic_emit_usage(in, usage_number, obj);
    return status == AIGW_OK ? anthropic_emit_finish(in, AIGW_STR("stop"), AIGW_STR_NONE, AIGW_STR_NONE) : status;
}

static aigw_status end_of_stream(struct anthropic_in *in)
{
    aigw_status status;

    if (!in->call->has_begun)
        return nonsense(in, "ended before it began");
    status = anthropic_emit_finish(in, AIGW_STR(""), AIGW_STR_NONE, AIGW_STR_NONE);
    in->call->is_over = 1;
    if (status == AIGW_OK)
        status = wire_pass(in->host, in->ctx, &in->pass);
    return status == AIGW_OK ? AIGW_DONE : status;
}

static aigw_status emit_event(struct anthropic_in *in, struct json_object *obj, aigw_str type)
{
    struct json_object *message;
    aigw_status status;

    if (wire_is(type, "content_block_delta"))
        return emit_delta(in, obj);
    if (wire_is(type, "content_block_start"))
        return emit_block(in, wire_member(obj, "content_block"), wire_get_int(obj, "index", in->call->blocks));
    if (wire_is(type, "message_stop")) {
        status = emit_usage_of(in, obj);
        return status == AIGW_OK ? end_of_stream(in) : status;
    }
    if (wire_is(type, "message_start")) {
        in->call->has_begun = 1;
        message = wire_member(obj, "message");
        status = emit_usage_of(in, message);
        return status == AIGW_OK ? emit_usage_of(in, obj) : status;
    }
    /* message_delta; ping, content_block_stop and whatever is added later have none of these */
    status = emit_usage_of(in, obj);
    if (status == AIGW_OK && wire_is(type, "message_delta")) {
        in->call->has_begun = 1;
        message = wire_member(obj, "delta");
        status = emit_usage_of(in, message);
        if (status == AIGW_OK)
            status = emit_finish_of(in, wire_member(message, "stop_reason") ? message : obj, false);
    }
    return status;
}

static aigw_status read_object(struct anthropic_in *in, struct json_object *obj, aigw_str event, bool is_body)
{
    aigw_str type;

    if (!json_object_is_type(obj, json_type_object))
        return nonsense(in, "is not a JSON object");
    if (anthropic_is_error(obj))
        return anthropic_emit_error(in, obj);
    if (in->call->is_count)
        return emit_count(in, obj);
    if (!wire_text(obj, "type", &type))
        return nonsense(in, "has an event without a type");
    if (wire_is(type, "message") || (type.len == 0 && (is_body || wire_member(obj, "content"))))
        return emit_whole(in, obj);
    if (type.len == 0 && event.len == 0 && json_object_object_length(obj) > 0 && !wire_member(obj, "usage"))
        return nonsense(in, "has an event without a type");
    if (is_body && wire_member(obj, "content"))
        return emit_whole(in, obj);
    return emit_event(in, obj, type.len > 0 ? type : event);
}

static aigw_status read_value(struct anthropic_in *in, struct json_object *value, aigw_str event, bool is_body)
{
    size_t count = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
    aigw_status status = AIGW_OK;

    if (!value && !is_body)
        return AIGW_OK; /* a heartbeat */
    if (count == 0)
        return read_object(in, value, event, is_body);
    for (size_t i = 0; i < count && status == AIGW_OK && !in->call->is_over; i++)
        status = read_object(in, json_object_array_get_idx(value, i), event, is_body);
    return status;
}

/* The values in `text`, one after the other: two in one event are two events. */
static aigw_status read_values(struct anthropic_in *in, aigw_str text, aigw_str event, bool is_body)
{
    aigw_status status = AIGW_OK;
    aigw_str words;

    do {
        struct json_object *value;

        if (!is_body && wire_is_end_marker(text))
            return end_of_stream(in);
        if (wire_is_error_line(text, &words))
            return anthropic_emit_error_text(in, words);
        if (!wire_parse_next(&text, &value))
            return nonsense(in, "is not a JSON object");
        status = read_value(in, value, event, is_body);
        json_object_put(value);
        text = wire_skip_blanks(text);
    } while (text.len > 0 && status == AIGW_OK && !in->call->is_over);
    return status;
}

aigw_status anthropic_read(struct anthropic_in *in, const struct aigw_frame *frame)
{
    bool is_body = frame->framing == AIGW_FRAMING_BODY;
    aigw_str text;
    char *copy;
    aigw_status status;

    if (!halves_mark(frame->data, &text, &copy))
        return AIGW_E_NOMEM;
    text = wire_skip_blanks(text);
    if (wire_is_error_event(frame->event))
        status = anthropic_emit_error_text(in, text);
    else if (text.len == 0 && wire_is(frame->event, "message_stop"))
        status = end_of_stream(in);
    else if (!is_body && wire_is_heartbeat(frame->event, text))
        status = AIGW_OK;
    else
        status = read_values(in, text, frame->event, is_body);
    free(copy);
    if (status == AIGW_OK && !in->call->is_over)
        status = wire_pass(in->host, in->ctx, &in->pass);
    return status;
}
