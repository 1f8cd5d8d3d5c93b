/* answer_blocks.c - content blocks of an answer and their deltas → canonical events.
 *
 * Where text must be, another type is a failure: it must not end as an empty answer that looks finished. Deltas of
 * several blocks may alternate; one without an index belongs to the block that began last. */
#include "../common/arguments.h"
#include "answer.h"

#include <stdlib.h>

#define CALLS_MAX  1024
#define NOT_A_CALL UINT32_MAX       /* index of a block that only this dialect understands */
#define THE_ANSWER (UINT32_MAX - 1) /* index of ANTHROPIC_JSON_TOOL's: its input is the answer's text */

struct anthropic_tool {
    struct anthropic_tool *next; /* the one before it */
    int64_t block;               /* number of its content block */
    uint32_t index;              /* ours */
    bool is_text;                /* its argument is plain text */
    bool is_whole;               /* it came with its block: pieces repeat it */
    struct unwrap unwrap;        /* then: how much of it came */
    struct arguments told;       /* else: its arguments, as far as they went out */
};

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

aigw_status anthropic_emit_lost(struct anthropic_in *in)
{
    aigw_status status = AIGW_OK;
    uint32_t stream;

    while (status == AIGW_OK && halves_take(&in->call->halves, 0, 0, &stream)) {
        struct aigw_event lost = {
            .struct_size = sizeof lost, .type = stream >> 12, .index = stream & 0xfff, .text = HALVES_LOST
        };

        status = anthropic_emit(in, &lost);
    }
    return status;
}

static aigw_status emit_value(struct anthropic_in *in, uint32_t type, const struct aigw_json *text)
{
    if (text->type != AIGW_JSON_STRING && text->type != AIGW_JSON_NULL)
        return anthropic_nonsense(in, "has content that is no text");
    return anthropic_emit_text(in, type, reader_text(&in->r, text));
}

static aigw_status emit_json(struct anthropic_in *in, uint32_t type, const struct aigw_json *value)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = type,
                                .text = reader_json(&in->r, value),
                                .origin = AIGW_STR_INIT(ANTHROPIC_DIALECT) };

    return anthropic_emit(in, &event);
}

static aigw_status emit_signature(struct anthropic_in *in, const struct aigw_json *signature)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_SIGNATURE,
                                .part_type = AIGW_PART_REASONING,
                                .data = reader_text(&in->r, signature),
                                .origin = AIGW_STR_INIT(ANTHROPIC_DIALECT) };

    return event.data.len > 0 ? anthropic_emit(in, &event) : AIGW_OK;
}

/* ---- tool calls ---- */

/* Remember whose the pieces of a block are. */
static aigw_status add_tool(struct anthropic_in *in, int64_t block, uint32_t index)
{
    struct anthropic_tool *tool;

    if (in->call->tools_kept++ >= CALLS_MAX)
        return anthropic_nonsense(in, "has more than 1024 tool calls");
    tool = in->host->alloc(in->ctx, AIGW_LIFE_REQUEST, sizeof *tool);
    if (!tool)
        return AIGW_E_NOMEM;
    *tool = (struct anthropic_tool){ .next = in->call->tools, .block = block, .index = index };
    in->call->tools = tool;
    return AIGW_OK;
}

/* The block with that number, else the last one that began. */
static struct anthropic_tool *find_tool(const struct anthropic_in *in, const struct anthropic_object *event)
{
    int64_t number = reader_number(&event->at[ANTHROPIC_INDEX], -1);

    for (struct anthropic_tool *tool = in->call->tools; tool; tool = tool->next)
        if (tool->block == number)
            return tool;
    return in->call->tools;
}

/* A piece of a call's arguments; of those that are plain text the text. */
static aigw_status emit_arguments(struct anthropic_in *in, struct anthropic_tool *tool, struct aigw_event *piece)
{
    char *room = NULL;
    aigw_status status;

    if (tool->is_text && piece->text.len > 0) {
        room = malloc(UNWRAP_ROOM(piece->text.len));
        if (!room)
            return AIGW_E_NOMEM;
        piece->text = unwrap_piece(&tool->unwrap, piece->text, room);
    } else if (!tool->is_text && !arguments_piece(&tool->told, piece->text, &piece->text, &room)) {
        return AIGW_E_NOMEM;
    }
    status = emit_piece(in, piece);
    free(room);
    return status;
}

aigw_status anthropic_end_calls(struct anthropic_in *in)
{
    aigw_status status = AIGW_OK;

    for (struct anthropic_tool *tool = in->call->tools; tool && status == AIGW_OK; tool = tool->next) {
        struct aigw_event piece = { .struct_size = sizeof piece, .type = AIGW_EVENT_TOOL_CALL, .index = tool->index };
        char room[ARGUMENTS_END_ROOM];

        piece.text = arguments_end(in->host, in->ctx, &tool->told, room);
        if (piece.text.len > 0)
            status = emit_piece(in, &piece);
    }
    return status;
}

/* Its arguments, under the vendor's name or another's. */
static struct aigw_json find_input(const struct aigw_json *block)
{
    static const char *const names[] = { "input", "arguments", "parameters" };
    struct aigw_json found[3];
    size_t at = 0;

    aigw_json_members(block, names, 3, found);
    while (at < 2 && found[at].type <= AIGW_JSON_NULL)
        at++;
    return found[at];
}

static aigw_status begin_call(struct anthropic_in *in, const struct aigw_json *block, int64_t number)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TOOL_CALL };
    const struct name *known;
    struct aigw_json input = find_input(block);
    aigw_status status;

    if (!reader_must_str(&in->r, block, "id", &event.id) || !reader_must_str(&in->r, block, "name", &event.name) ||
        event.name.len == 0)
        return anthropic_nonsense(in, "has a tool call without a name");
    known = names_find(&in->call->names, event.name);
    if (known) {
        event.name = known->name;
        event.scope = known->scope;
    }
    if (input.type == AIGW_JSON_STRING)
        event.text = reader_text(&in->r, &input);
    else if (aigw_json_count(&input) > 0 && input.type == AIGW_JSON_OBJECT)
        event.text = reader_json(&in->r, &input);
    else if (input.type > AIGW_JSON_NULL && (input.type < AIGW_JSON_LIST || aigw_json_count(&input) > 0))
        return anthropic_nonsense(in, "has a tool call whose input is no object");
    if (wire_is(event.name, ANTHROPIC_JSON_TOOL)) {
        status = add_tool(in, number, THE_ANSWER);
        return status == AIGW_OK ? anthropic_emit_text(in, AIGW_EVENT_TEXT, event.text) : status;
    }
    event.index = in->call->tool_count++;
    status = add_tool(in, number, event.index);
    if (status != AIGW_OK)
        return status;
    in->call->tools->is_whole = input.type == AIGW_JSON_OBJECT && event.text.len > 0;
    in->call->tools->is_text = known && known->kind == AIGW_TOOL_FREE_TEXT;
    return emit_arguments(in, in->call->tools, &event);
}

static aigw_status emit_call_piece(struct anthropic_in *in, const struct anthropic_object *event,
                                   const struct aigw_json *text)
{
    struct aigw_event piece = { .struct_size = sizeof piece, .type = AIGW_EVENT_TOOL_CALL };
    struct anthropic_tool *tool;

    if (text->type == AIGW_JSON_OBJECT)
        piece.text = reader_json(&in->r, text);
    else if (text->type == AIGW_JSON_STRING)
        piece.text = reader_text(&in->r, text);
    else if (text->type > AIGW_JSON_NULL)
        return anthropic_nonsense(in, "has a piece of a tool call that is no text");
    if (piece.text.len == 0)
        return AIGW_OK;
    tool = find_tool(in, event);
    if (!tool)
        return anthropic_nonsense(in, "has a piece of a tool call that did not begin");
    if (tool->index == NOT_A_CALL)
        return emit_json(in, AIGW_EVENT_OPAQUE, &event->json);
    if (tool->is_whole)
        return AIGW_OK;
    if (tool->index == THE_ANSWER)
        return anthropic_emit_text(in, AIGW_EVENT_TEXT, piece.text);
    piece.index = tool->index;
    return emit_arguments(in, tool, &piece);
}

/* ---- blocks ---- */

static aigw_status emit_citations(struct anthropic_in *in, const struct aigw_json *list)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct aigw_json citation;
    aigw_status status = AIGW_OK;

    if (list->type != AIGW_JSON_LIST)
        return AIGW_OK;
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &citation))
        status = emit_json(in, AIGW_EVENT_CITATION, &citation);
    return status;
}

static aigw_status emit_redacted(struct anthropic_in *in, const struct aigw_json *block)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_PART_START,
                                .part_type = AIGW_PART_REDACTED,
                                .data = reader_str(&in->r, block, "data"),
                                .origin = AIGW_STR_INIT(ANTHROPIC_DIALECT) };
    struct aigw_event end = { .struct_size = sizeof end, .type = AIGW_EVENT_PART_END, .part_type = AIGW_PART_REDACTED };
    aigw_status status = anthropic_emit(in, &event);

    return status == AIGW_OK ? anthropic_emit(in, &end) : status;
}

aigw_status anthropic_block(struct anthropic_in *in, const struct aigw_json *block, int64_t number)
{
    enum { TYPE, TEXT, CITATIONS, THINKING, SIGNATURE, MEMBERS };
    static const char *const names[MEMBERS] = { "type", "text", "citations", "thinking", "signature" };
    struct aigw_json at[MEMBERS];
    aigw_status status;

    aigw_json_members(block, names, MEMBERS, at);
    if (at[TYPE].type != AIGW_JSON_STRING || !reader_is_set(&at[TYPE]))
        return anthropic_nonsense(in, "has a content block without a type");
    in->call->has_begun = 1;
    if (number >= in->call->blocks && number < INT64_MAX)
        in->call->blocks = number + 1;
    if (aigw_json_is_text(&at[TYPE], "text")) {
        status = emit_value(in, AIGW_EVENT_TEXT, &at[TEXT]);
        return status == AIGW_OK ? emit_citations(in, &at[CITATIONS]) : status;
    }
    if (aigw_json_is_text(&at[TYPE], "thinking")) {
        status = emit_value(in, AIGW_EVENT_REASONING, &at[THINKING]);
        return status == AIGW_OK ? emit_signature(in, &at[SIGNATURE]) : status;
    }
    if (aigw_json_is_text(&at[TYPE], "redacted_thinking"))
        return emit_redacted(in, block);
    if (aigw_json_is_text(&at[TYPE], "tool_use"))
        return begin_call(in, block, number);
    if (at[TEXT].type == AIGW_JSON_STRING) /* of whatever sort */
        return emit_value(in, AIGW_EVENT_TEXT, &at[TEXT]);
    status = add_tool(in, number, NOT_A_CALL); /* such as a tool that the server runs */
    return status == AIGW_OK ? emit_json(in, AIGW_EVENT_OPAQUE, block) : status;
}

/* The block is one that we do not know: so are its deltas. */
static bool is_opaque(const struct anthropic_in *in, const struct anthropic_object *event)
{
    const struct anthropic_tool *tool = in->call->tools;
    int64_t number = reader_number(&event->at[ANTHROPIC_INDEX], -1);

    while (tool && tool->block != number)
        tool = tool->next;
    return tool && tool->index == NOT_A_CALL;
}

aigw_status anthropic_delta(struct anthropic_in *in, const struct anthropic_object *event)
{
    enum { TYPE, TEXT, THINKING, PIECE, CITATION, SIGNATURE, MEMBERS };
    static const char *const names[MEMBERS] = { "type", "text", "thinking", "partial_json", "citation", "signature" };
    struct aigw_json at[MEMBERS];

    if (event->at[ANTHROPIC_DELTA].type != AIGW_JSON_OBJECT)
        return anthropic_nonsense(in, "has a delta that is no object");
    aigw_json_members(&event->at[ANTHROPIC_DELTA], names, MEMBERS, at);
    if (aigw_json_is_text(&at[TYPE], "text_delta"))
        return emit_value(in, AIGW_EVENT_TEXT, &at[TEXT]);
    if (aigw_json_is_text(&at[TYPE], "thinking_delta"))
        return emit_value(in, AIGW_EVENT_REASONING, &at[THINKING]);
    if (aigw_json_is_text(&at[TYPE], "input_json_delta"))
        return emit_call_piece(in, event, &at[PIECE]);
    if (aigw_json_is_text(&at[TYPE], "signature_delta"))
        return emit_signature(in, &at[SIGNATURE]);
    if (aigw_json_is_text(&at[TYPE], "citations_delta"))
        return at[CITATION].type > AIGW_JSON_NULL ? emit_json(in, AIGW_EVENT_CITATION, &at[CITATION]) : AIGW_OK;
    if (is_opaque(in, event))
        return emit_json(in, AIGW_EVENT_OPAQUE, &event->json);
    /* without a type, or of another one: what stands there tells */
    if (at[TEXT].type > AIGW_JSON_NULL)
        return emit_value(in, AIGW_EVENT_TEXT, &at[TEXT]);
    if (at[THINKING].type > AIGW_JSON_NULL)
        return emit_value(in, AIGW_EVENT_REASONING, &at[THINKING]);
    return at[PIECE].type > AIGW_JSON_NULL ? emit_call_piece(in, event, &at[PIECE]) : AIGW_OK;
}
