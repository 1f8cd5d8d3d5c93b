/* answer_read.c - Bedrock's answers, whole or as messages of an event stream → canonical events.
 *
 * A stream's order: messageStart, then for each block contentBlockStart (tools only), contentBlockDelta …,
 * contentBlockStop, then messageStop with the reason, then metadata with the usage: that is its end. What stands in the
 * answer counts, not what was requested. Where text must be, another type is a failure: it must not end as an empty
 * answer that looks finished. */
#include "converse.h"

#include "../common/arguments.h"
#include "../common/finish.h"
#include "../common/refusal.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX 1024u

enum block_kind {
    BLOCK_CALL,   /* of a tool */
    BLOCK_ANSWER, /* a tool's call that is the answer's text */
    BLOCK_OPAQUE, /* what only this dialect understands, such as a tool that the server runs */
};

struct converse_block {
    struct converse_block *next; /* the one before it */
    int64_t number;              /* theirs */
    enum block_kind kind;
    uint32_t index; /* of the call, ours */
    bool has_args;
    bool is_text;          /* the one argument is plain text: */
    struct unwrap unwrap;  /* how much of it came */
    struct arguments told; /* those of a call, as far as they went out */
};

static aigw_status nonsense(struct converse_in *in, const char *what)
{
    return in->host->fail(in->ctx, AIGW_E_UPSTREAM, "the model server's answer %s; expected Bedrock's Converse dialect",
                          what);
}

/* ---- events ---- */

aigw_status converse_emit(struct converse_in *in, const struct aigw_event *event)
{
    aigw_status status = AIGW_OK;

    if (in->call->drops.first && event->type != AIGW_EVENT_ERROR)
        status = wire_emit_drops(in->host, in->ctx, &in->call->drops);
    return status == AIGW_OK ? in->host->emit(in->ctx, event) : status;
}

static aigw_status emit_text(struct converse_in *in, uint32_t type, const struct aigw_json *object, const char *name)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = type };
    struct aigw_json value;

    if (!aigw_json_member(object, name, &value) || !reader_must_str(in->reader, object, name, &event.text))
        return nonsense(in, "has content that is no text");
    return event.text.len > 0 ? converse_emit(in, &event) : AIGW_OK;
}

static aigw_status emit_json(struct converse_in *in, uint32_t type, const struct aigw_json *value)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = type,
                                .text = reader_json(in->reader, value),
                                .origin = AIGW_STR_INIT(CONVERSE_DIALECT) };

    return converse_emit(in, &event);
}

static aigw_status emit_signature(struct converse_in *in, aigw_str signature)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_SIGNATURE,
                                .part_type = AIGW_PART_REASONING,
                                .data = signature,
                                .origin = AIGW_STR_INIT(CONVERSE_DIALECT) };

    return signature.len > 0 ? converse_emit(in, &event) : AIGW_OK;
}

static aigw_status emit_redacted(struct converse_in *in, aigw_str data)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_PART_START,
                                .part_type = AIGW_PART_REDACTED,
                                .data = data,
                                .origin = AIGW_STR_INIT(CONVERSE_DIALECT) };
    struct aigw_event end = { .struct_size = sizeof end, .type = AIGW_EVENT_PART_END, .part_type = AIGW_PART_REDACTED };
    aigw_status status = data.len > 0 ? converse_emit(in, &event) : AIGW_OK;

    return status == AIGW_OK && data.len > 0 ? converse_emit(in, &end) : status;
}

/* Thinking: a delta has text, signature or redactedContent; a whole block has reasoningText around the first two. */
static aigw_status emit_reasoning(struct converse_in *in, const struct aigw_json *content)
{
    struct aigw_json inner = *content, value;
    aigw_status status = AIGW_OK;

    if (content->type != AIGW_JSON_OBJECT)
        return nonsense(in, "has reasoning that is no object");
    reader_member(content, "reasoningText", AIGW_JSON_OBJECT, &value);
    if (value.type == AIGW_JSON_OBJECT)
        inner = value;
    if (aigw_json_member(&inner, "text", &value))
        status = emit_text(in, AIGW_EVENT_REASONING, &inner, "text");
    if (status == AIGW_OK)
        status = emit_signature(in, reader_str(in->reader, &inner, "signature"));
    return status == AIGW_OK ? emit_redacted(in, reader_str(in->reader, content, "redactedContent")) : status;
}

/* ---- usage ---- */

/* Theirs counts what was neither read from the cache nor written to it. */
static aigw_status emit_usage(struct converse_in *in, const struct aigw_json *usage)
{
    struct aigw_usage *known = &in->call->usage;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = known };
    struct aigw_json details, detail;
    struct aigw_json_walk walk;

    *known = (struct aigw_usage)AIGW_USAGE_INIT;
    known->output = reader_tokens_in(usage, "outputTokens");
    known->input = reader_tokens_in(usage, "inputTokens");
    known->cache_read = reader_tokens_in(usage, "cacheReadInputTokens");
    known->cache_write = reader_tokens_in(usage, "cacheWriteInputTokens");
    if (known->input >= 0) {
        known->input += known->cache_read > 0 ? known->cache_read : 0;
        known->input += known->cache_write > 0 ? known->cache_write : 0;
    }
    reader_member(usage, "cacheDetails", AIGW_JSON_LIST, &details);
    walk = aigw_json_begin(&details);
    while (aigw_json_next(&walk, NULL, &detail))
        if (wire_is(reader_str(in->reader, &detail, "ttl"), "1h"))
            known->cache_write_1h = reader_tokens_in(&detail, "inputTokens");
    return converse_emit(in, &event);
}

/* ---- tool calls ---- */

static struct converse_block *find_block(const struct converse_in *in, int64_t number)
{
    struct converse_block *block = in->call->blocks;

    while (block && block->number != number)
        block = block->next;
    return block;
}

static struct converse_block *add_block(struct converse_in *in, int64_t number, enum block_kind kind)
{
    struct converse_block *block = NULL;

    if (in->call->block_count++ < BLOCKS_MAX)
        block = in->host->alloc(in->ctx, AIGW_LIFE_REQUEST, sizeof *block);
    else
        nonsense(in, "has more than 1024 blocks that are no text");
    if (!block)
        return NULL;
    *block = (struct converse_block){ .next = in->call->blocks, .number = number, .kind = kind };
    in->call->blocks = block;
    return block;
}

static aigw_status emit_unwrapped(struct converse_in *in, struct converse_block *block, struct aigw_event *event)
{
    char *room = malloc(UNWRAP_ROOM(event->text.len));
    aigw_status status;

    if (!room)
        return AIGW_E_NOMEM;
    event->text = unwrap_piece(&block->unwrap, event->text, room);
    status = event->text.len > 0 ? converse_emit(in, event) : AIGW_OK;
    free(room);
    return status;
}

static aigw_status emit_mended(struct converse_in *in, struct converse_block *block, struct aigw_event *event)
{
    aigw_status status;
    char *copy;

    if (!arguments_piece(&block->told, event->text, &event->text, &copy))
        return AIGW_E_NOMEM;
    status = converse_emit(in, event);
    free(copy);
    return status;
}

/* A piece of the arguments: text, or an object from those who write it so. */
static aigw_status emit_args(struct converse_in *in, struct converse_block *block, const struct aigw_json *input)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = block->kind == BLOCK_ANSWER ? AIGW_EVENT_TEXT : AIGW_EVENT_TOOL_CALL,
                                .index = block->index };

    if (input->type == AIGW_JSON_STRING)
        event.text = reader_text(in->reader, input);
    else if (input->type == AIGW_JSON_OBJECT)
        event.text = reader_json(in->reader, input);
    else if (input->type != AIGW_JSON_ABSENT && input->type != AIGW_JSON_NULL)
        return nonsense(in, "has a tool call whose input is neither text nor an object");
    if (event.text.len == 0)
        return AIGW_OK;
    block->has_args = true;
    if (block->kind == BLOCK_ANSWER)
        return converse_emit(in, &event);
    return block->is_text ? emit_unwrapped(in, block, &event) : emit_mended(in, block, &event);
}

/* `use`: toolUse of a start, or the whole one. */
static aigw_status begin_call(struct converse_in *in, const struct aigw_json *use, int64_t number)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TOOL_CALL };
    struct converse_block *block;
    const struct name *known;

    if (!reader_must_str(in->reader, use, "toolUseId", &event.id) ||
        !reader_must_str(in->reader, use, "name", &event.name) || event.name.len == 0)
        return nonsense(in, "has a tool call without a name");
    if (in->call->asked_by_tool && wire_is(event.name, CONVERSE_JSON_TOOL))
        return add_block(in, number, BLOCK_ANSWER) ? AIGW_OK : AIGW_E_UPSTREAM;
    block = add_block(in, number, BLOCK_CALL);
    if (!block)
        return AIGW_E_UPSTREAM;
    block->index = in->call->tool_count++;
    event.index = block->index;
    known = names_find(&in->call->names, event.name);
    if (known) {
        event.name = known->name;
        event.scope = known->scope;
        block->is_text = known->kind == AIGW_TOOL_FREE_TEXT;
    }
    return converse_emit(in, &event);
}

/* Arguments are an object's text: a tool without any gets the empty one. */
static aigw_status end_call(struct converse_in *in, struct converse_block *block)
{
    static const struct aigw_json none = { .text = AIGW_STR_INIT("{}"), .type = AIGW_JSON_OBJECT };

    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TOOL_CALL };
    char room[ARGUMENTS_END_ROOM];

    if (!block || block->kind != BLOCK_CALL)
        return AIGW_OK;
    if (!block->has_args)
        return emit_args(in, block, &none);
    event.index = block->index;
    event.text = arguments_end(in->host, in->ctx, &block->told, room);
    return event.text.len > 0 ? converse_emit(in, &event) : AIGW_OK;
}

/* ---- finish ---- */

/* Words of models may shine through. */
static uint32_t finish_of(aigw_str word, uint32_t *ret_error)
{
    static const struct {
        const char *word;
        uint32_t finish;
    } words[] = {
        { "end_turn", AIGW_FINISH_STOP },
        { "stop_sequence", AIGW_FINISH_STOP_SEQUENCE },
        { "max_tokens", AIGW_FINISH_LENGTH },
        { "tool_use", AIGW_FINISH_TOOL_CALLS },
        { "guardrail_intervened", AIGW_FINISH_GUARDRAIL },
        { "content_filtered", AIGW_FINISH_CONTENT_FILTER },
        { "malformed_model_output", AIGW_FINISH_MALFORMED },
        { "malformed_tool_use", AIGW_FINISH_MALFORMED },
        { "model_context_window_exceeded", AIGW_FINISH_CONTEXT_FULL },
    };

    *ret_error = 0;
    for (size_t i = 0; word.len > 0 && i < sizeof words / sizeof *words; i++)
        if (wire_same_word(word, words[i].word))
            return words[i].finish;
    return finish_of_word(word, ret_error);
}

static aigw_status emit_finish(struct converse_in *in, const struct aigw_json *object)
{
    struct converse_call *call = in->call;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_FINISH };
    struct converse_block *block = call->blocks;
    aigw_status status = AIGW_OK;
    struct aigw_json fields;
    struct aigw_error error;
    uint32_t kind;

    if (call->state >= CONVERSE_FINISHED)
        return AIGW_OK;
    if (!reader_must_str(in->reader, object, "stopReason", &event.text))
        return nonsense(in, "has a stop reason that is no word");
    reader_member(object, "additionalModelResponseFields", AIGW_JSON_OBJECT, &fields);
    event.stop_sequence = reader_str(in->reader, &fields, "stop_sequence");
    event.finish = finish_of(event.text, &kind);
    if (kind) {
        event.type = AIGW_EVENT_ERROR;
        event.error = &error;
        finish_of_broken(event.text, &error);
        call->state = CONVERSE_OVER;
        return converse_emit(in, &event);
    }
    if (call->tool_count > 0 && (event.finish == AIGW_FINISH_STOP || event.finish == AIGW_FINISH_UNKNOWN))
        event.finish = AIGW_FINISH_TOOL_CALLS; /* whether there are calls is told by the calls */
    else if (call->tool_count == 0 && event.finish == AIGW_FINISH_TOOL_CALLS)
        event.finish = AIGW_FINISH_STOP;
    call->state = CONVERSE_FINISHED;
    for (; block && status == AIGW_OK; block = block->next) /* whose own end did not come */
        status = end_call(in, block);
    return status == AIGW_OK ? converse_emit(in, &event) : status;
}

/* ---- a whole answer ---- */

static aigw_status emit_cited(struct converse_in *in, const struct aigw_json *cited)
{
    struct aigw_json list, item;
    struct aigw_json_walk walk;
    aigw_status status = AIGW_OK;

    reader_member(cited, "content", AIGW_JSON_LIST, &list);
    walk = aigw_json_begin(&list);
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item))
        status = emit_text(in, AIGW_EVENT_TEXT, &item, "text");
    reader_member(cited, "citations", AIGW_JSON_LIST, &list);
    walk = aigw_json_begin(&list);
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item))
        status = emit_json(in, AIGW_EVENT_CITATION, &item);
    return status;
}

static aigw_status emit_call(struct converse_in *in, const struct aigw_json *use, int64_t number)
{
    aigw_status status = begin_call(in, use, number);
    struct converse_block *block = in->call->blocks;
    struct aigw_json input;

    if (status != AIGW_OK)
        return status;
    aigw_json_member(use, "input", &input);
    status = emit_args(in, block, &input);
    return status == AIGW_OK ? end_call(in, block) : status;
}

static aigw_status emit_block(struct converse_in *in, const struct aigw_json *block, int64_t number)
{
    struct aigw_json value;

    if (block->type != AIGW_JSON_OBJECT)
        return nonsense(in, "has a content block that is no object");
    if (aigw_json_member(block, "text", &value))
        return emit_text(in, AIGW_EVENT_TEXT, block, "text");
    if (aigw_json_member(block, "reasoningContent", &value))
        return emit_reasoning(in, &value);
    if (aigw_json_member(block, "citationsContent", &value))
        return emit_cited(in, &value);
    if (aigw_json_member(block, "toolUse", &value) && reader_str(in->reader, &value, "type").len == 0)
        return emit_call(in, &value, number);
    return emit_json(in, AIGW_EVENT_OPAQUE, block);
}

static aigw_status emit_whole(struct converse_in *in, const struct aigw_json *root)
{
    struct aigw_json output, message, content, block, usage;
    struct aigw_json_walk walk;
    aigw_status status = AIGW_OK;
    int64_t number = 0;

    reader_member(root, "output", AIGW_JSON_OBJECT, &output);
    reader_member(&output, "message", AIGW_JSON_OBJECT, &message);
    if (!reader_member(&message, "content", AIGW_JSON_LIST, &content))
        return nonsense(in, "has no content");
    in->call->state = CONVERSE_BEGUN;
    walk = aigw_json_begin(&content);
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &block))
        status = emit_block(in, &block, number++);
    if (status == AIGW_OK && reader_member(root, "usage", AIGW_JSON_OBJECT, &usage))
        status = emit_usage(in, &usage);
    if (status == AIGW_OK)
        status = emit_finish(in, root);
    if (status == AIGW_OK)
        in->call->state = CONVERSE_OVER;
    return status;
}

static aigw_status emit_count(struct converse_in *in, const struct aigw_json *root)
{
    struct aigw_usage usage = AIGW_USAGE_INIT;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = &usage };
    struct aigw_event end = { .struct_size = sizeof end, .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP };
    aigw_status status;

    usage.input = reader_tokens_in(root, "inputTokens");
    if (usage.input < 0)
        return nonsense(in, "has no number of tokens");
    status = converse_emit(in, &event);
    in->call->state = CONVERSE_OVER;
    return status == AIGW_OK ? converse_emit(in, &end) : status;
}

/* ---- a stream ---- */

static aigw_status on_start(struct converse_in *in, const struct aigw_json *event)
{
    int64_t number = reader_int(event, "contentBlockIndex", -1);
    struct aigw_json start, value;

    reader_member(event, "start", AIGW_JSON_OBJECT, &start);
    if (reader_member(&start, "toolUse", AIGW_JSON_OBJECT, &value) && reader_str(in->reader, &value, "type").len == 0)
        return begin_call(in, &value, number);
    if (aigw_json_member(&start, "reasoningContent", &value)) /* AWS does not announce these, others do */
        return emit_reasoning(in, &value);
    if (aigw_json_count(&start) == 0 || aigw_json_member(&start, "text", &value))
        return AIGW_OK;
    if (!add_block(in, number, BLOCK_OPAQUE))
        return AIGW_E_UPSTREAM;
    return emit_json(in, AIGW_EVENT_OPAQUE, event);
}

static aigw_status on_delta(struct converse_in *in, const struct aigw_json *event)
{
    struct converse_block *block = find_block(in, reader_int(event, "contentBlockIndex", -1));
    struct aigw_json delta, value, input;

    if (!reader_member(event, "delta", AIGW_JSON_OBJECT, &delta))
        return nonsense(in, "has a delta that is no object");
    if (block && block->kind == BLOCK_OPAQUE)
        return emit_json(in, AIGW_EVENT_OPAQUE, event);
    if (aigw_json_member(&delta, "text", &value))
        return emit_text(in, AIGW_EVENT_TEXT, &delta, "text");
    if (aigw_json_member(&delta, "reasoningContent", &value))
        return emit_reasoning(in, &value);
    if (aigw_json_member(&delta, "citation", &value))
        return emit_json(in, AIGW_EVENT_CITATION, &value);
    if (!aigw_json_member(&delta, "toolUse", &value))
        return aigw_json_count(&delta) > 0 ? emit_json(in, AIGW_EVENT_OPAQUE, event) : AIGW_OK;
    if (!block)
        block = in->call->blocks; /* the one that began last */
    if (!block)
        return nonsense(in, "has a piece of a tool call that did not begin");
    aigw_json_member(&value, "input", &input);
    return emit_args(in, block, &input);
}

static aigw_status on_metadata(struct converse_in *in, const struct aigw_json *event)
{
    struct aigw_json usage;
    aigw_status status = AIGW_OK;

    if (reader_member(event, "usage", AIGW_JSON_OBJECT, &usage))
        status = emit_usage(in, &usage);
    if (status != AIGW_OK || in->call->state != CONVERSE_FINISHED)
        return status;
    in->call->state = CONVERSE_OVER;
    return AIGW_DONE;
}

static aigw_status on_event(struct converse_in *in, aigw_str name, const struct aigw_json *event)
{
    if (wire_is(name, "contentBlockDelta"))
        return on_delta(in, event);
    if (wire_is(name, "contentBlockStart"))
        return on_start(in, event);
    if (wire_is(name, "contentBlockStop"))
        return end_call(in, find_block(in, reader_int(event, "contentBlockIndex", -1)));
    if (wire_is(name, "messageStop"))
        return emit_finish(in, event);
    if (wire_is(name, "metadata"))
        return on_metadata(in, event);
    if (converse_is_exception(name))
        return converse_emit_exception(in, name, event, AIGW_STR_NONE);
    return AIGW_OK; /* messageStart, and whatever is added later */
}

/* The event's name stands in the message's headers; some servers wrap the payload in it once more, or say it there
 * alone. */
static aigw_status read_event(struct converse_in *in, aigw_str name, const struct aigw_json *root)
{
    struct aigw_json_walk walk = aigw_json_begin(root);
    struct aigw_json key, value;

    if (root->type != AIGW_JSON_OBJECT)
        return nonsense(in, "is not a JSON object");
    if (in->call->state == CONVERSE_WAITING)
        in->call->state = CONVERSE_BEGUN;
    if (aigw_json_count(root) == 1 && aigw_json_next(&walk, &key, &value) && value.type == AIGW_JSON_OBJECT) {
        aigw_str inner = reader_text(in->reader, &key);

        if (name.len == 0 || (inner.len == name.len && memcmp(inner.ptr, name.ptr, name.len) == 0))
            return on_event(in, inner, &value);
    }
    return on_event(in, name, root);
}

static aigw_status read_frame(struct converse_in *in, const struct aigw_frame *frame, const struct aigw_json *root)
{
    struct aigw_json value;

    if (frame->exception.len > 0)
        return converse_emit_exception(in, frame->exception, root, frame->data);
    if (frame->framing != AIGW_FRAMING_BODY)
        return read_event(in, frame->event, root);
    if (root->type != AIGW_JSON_OBJECT)
        return nonsense(in, "is not a JSON object");
    if (in->call->is_count)
        return emit_count(in, root);
    if (!aigw_json_member(root, "output", &value) &&
        (aigw_json_member(root, "message", &value) || aigw_json_member(root, "Message", &value) ||
         aigw_json_member(root, "error", &value)))
        return converse_emit_exception(in, reader_str(in->reader, root, "__type"), root, AIGW_STR_NONE);
    return in->call->input_count > 0 ? converse_read_embeddings(in, root) : emit_whole(in, root);
}

aigw_status converse_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct converse_call *call,
                           const struct aigw_frame *frame)
{
    struct reader reader;
    struct converse_in in = { .host = host, .ctx = ctx, .call = call, .reader = &reader };
    struct aigw_json root;
    aigw_status status;
    bool is_json;

    if (call->state == CONVERSE_OVER)
        return AIGW_OK;
    is_json = reader_begin(&reader, frame->data, &root);
    if (!is_json && frame->exception.len == 0 && frame->framing != AIGW_FRAMING_BODY && wire_is_blank(frame->data))
        status = AIGW_OK; /* a heartbeat */
    else if (!is_json && frame->exception.len == 0 && refusal_begins_page(frame->data))
        status = refusal_page(host, ctx, frame->data);
    else if (!is_json && frame->exception.len == 0)
        status = nonsense(&in, "is not a JSON object");
    else
        status = read_frame(&in, frame, &root);
    if (status == AIGW_OK && reader.is_short)
        status = AIGW_E_NOMEM;
    reader_end(&reader);
    return status;
}
