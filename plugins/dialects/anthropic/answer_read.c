/* answer_read.c - Anthropic's answers, whole or streamed → canonical events.
 *
 * What stands in the answer counts, not what was requested. */
#include "answer.h"

#include <string.h>

aigw_status anthropic_nonsense(struct anthropic_in *in, const char *what)
{
    return in->host->fail(in->ctx, AIGW_E_UPSTREAM,
                          "the model server's answer %s; expected the Anthropic Messages dialect", what);
}

void anthropic_look(const struct aigw_json *json, struct anthropic_object *ret_object)
{
    static const char *const names[ANTHROPIC_MEMBERS] = {
        [ANTHROPIC_TYPE] = "type",
        [ANTHROPIC_ERROR] = "error",
        [ANTHROPIC_CONTENT] = "content",
        [ANTHROPIC_MESSAGE] = "message",
        [ANTHROPIC_MODEL] = "model",
        [ANTHROPIC_ID] = "id",
        [ANTHROPIC_USAGE] = "usage",
        [ANTHROPIC_STOP_REASON] = "stop_reason",
        [ANTHROPIC_STOP_SEQUENCE] = "stop_sequence",
        [ANTHROPIC_STOP_DETAILS] = "stop_details",
        [ANTHROPIC_DELTA] = "delta",
        [ANTHROPIC_BLOCK] = "content_block",
        [ANTHROPIC_INDEX] = "index",
    };

    ret_object->json = *json;
    aigw_json_members(json, names, ANTHROPIC_MEMBERS, ret_object->at);
}

bool anthropic_has(const struct anthropic_object *object, enum anthropic_member member)
{
    return object->at[member].type > AIGW_JSON_NULL;
}

static aigw_status read_content(struct anthropic_in *in, const struct anthropic_object *message)
{
    struct aigw_json_walk walk = aigw_json_begin(&message->at[ANTHROPIC_CONTENT]);
    struct aigw_json block;
    aigw_status status = AIGW_OK;
    int64_t count = 0;

    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &block))
        status = anthropic_block(in, &block, count++);
    return status;
}

static aigw_status read_whole(struct anthropic_in *in, const struct anthropic_object *message)
{
    aigw_status status;

    if (message->at[ANTHROPIC_CONTENT].type != AIGW_JSON_LIST)
        return anthropic_nonsense(in, "has no content");
    in->call->has_begun = 1;
    status = anthropic_model(in, message);
    if (status == AIGW_OK)
        status = read_content(in, message);
    if (status == AIGW_OK)
        status = anthropic_usage(in, message);
    return status == AIGW_OK ? anthropic_finish(in, message, true) : status;
}

static aigw_status read_start(struct anthropic_in *in, const struct anthropic_object *event)
{
    struct anthropic_object message;
    aigw_status status;

    in->call->has_begun = 1;
    anthropic_look(&event->at[ANTHROPIC_MESSAGE], &message);
    status = anthropic_model(in, &message);
    if (status == AIGW_OK)
        status = anthropic_usage(in, &message);
    if (status == AIGW_OK)
        status = anthropic_usage(in, event);
    /* Mostly empty; some servers have all of it there, and nothing behind it. */
    return status == AIGW_OK && message.at[ANTHROPIC_CONTENT].type == AIGW_JSON_LIST ? read_content(in, &message)
                                                                                     : status;
}

/* Why it ends, in the delta or beside it. */
static aigw_status read_message_delta(struct anthropic_in *in, const struct anthropic_object *event)
{
    struct anthropic_object delta;
    aigw_status status;

    in->call->has_begun = 1;
    anthropic_look(&event->at[ANTHROPIC_DELTA], &delta);
    status = anthropic_usage(in, &delta);
    if (status != AIGW_OK)
        return status;
    return anthropic_finish(in, anthropic_has(&delta, ANTHROPIC_STOP_REASON) ? &delta : event, false);
}

static aigw_status read_event(struct anthropic_in *in, const struct anthropic_object *event, aigw_str type)
{
    aigw_status status;

    if (wire_is(type, "content_block_delta"))
        return anthropic_delta(in, event);
    if (wire_is(type, "content_block_start"))
        return anthropic_block(in, &event->at[ANTHROPIC_BLOCK],
                               reader_number(&event->at[ANTHROPIC_INDEX], in->call->blocks));
    if (wire_is(type, "message_start"))
        return read_start(in, event);
    /* ping, content_block_stop and whatever is added later have no usage */
    status = anthropic_usage(in, event);
    if (status == AIGW_OK && wire_is(type, "message_stop"))
        return anthropic_end(in);
    if (status == AIGW_OK && wire_is(type, "message_delta"))
        return read_message_delta(in, event);
    return status;
}

/* `name`: of the event, for servers that say the type nowhere else. */
static aigw_status read_object(struct anthropic_in *in, const struct aigw_json *json, aigw_str name, bool is_body)
{
    struct anthropic_object object;
    bool has_content;
    aigw_str type;

    if (json->type != AIGW_JSON_OBJECT)
        return anthropic_nonsense(in, "is not a JSON object");
    anthropic_look(json, &object);
    if (anthropic_is_error(in, &object))
        return anthropic_emit_error(in, json);
    if (in->call->asks == ANTHROPIC_ASKS_COUNT)
        return anthropic_counted(in, json);
    if (in->call->asks == ANTHROPIC_ASKS_MODELS)
        return anthropic_listed(in, json);
    if (anthropic_has(&object, ANTHROPIC_TYPE) && object.at[ANTHROPIC_TYPE].type != AIGW_JSON_STRING)
        return anthropic_nonsense(in, "has an event without a type");
    type = reader_text(&in->r, &object.at[ANTHROPIC_TYPE]);
    in->pass.event = type;
    has_content = anthropic_has(&object, ANTHROPIC_CONTENT);
    if (wire_is(type, "message") && !is_body && !in->call->has_passed && (in->call->raw_flags & AIGW_RAWF_EVENTS))
        in->pass.buf = in->call->raw = NULL; /* clients of streams know no such event */
    if (wire_is(type, "message") || (type.len == 0 && is_body) || (has_content && (type.len == 0 || is_body)))
        return read_whole(in, &object);
    if (type.len == 0 && name.len == 0 && !anthropic_has(&object, ANTHROPIC_USAGE) && aigw_json_count(json) > 0)
        return anthropic_nonsense(in, "has an event without a type");
    return read_event(in, &object, type.len > 0 ? type : name);
}

/* An object, or a list of them. */
static aigw_status read_value(struct anthropic_in *in, const struct aigw_json *value, aigw_str name, bool is_body)
{
    aigw_status status = AIGW_OK;
    struct aigw_json_walk walk;
    struct aigw_json item;
    bool is_empty = true;

    if (value->type == AIGW_JSON_NULL && !is_body)
        return AIGW_OK; /* a heartbeat */
    if (value->type != AIGW_JSON_LIST)
        return read_object(in, value, name, is_body);
    walk = aigw_json_begin(value);
    while (status == AIGW_OK && !in->call->is_over && aigw_json_next(&walk, NULL, &item)) {
        is_empty = false;
        status = read_object(in, &item, name, is_body);
    }
    return is_empty ? anthropic_nonsense(in, "is not a JSON object") : status;
}

/* No JSON: behind the stop reason it is one more way to say that it is over, and nothing to pass on. */
static aigw_status read_strange(struct anthropic_in *in, aigw_str text)
{
    if (!in->call->is_finished || refusal_is_plain(text))
        return anthropic_emit_strange(in, text);
    in->pass.frame = NULL;
    return anthropic_end(in);
}

/* The values in `text`, one after the other: two in one event are two events. */
static aigw_status read_values(struct anthropic_in *in, aigw_str text, aigw_str name, bool is_body)
{
    struct wire_parts parts = wire_parts_of(&in->pass);
    aigw_status status;
    aigw_str words;

    do {
        aigw_str before = text;
        struct aigw_json value;

        if ((!is_body || in->call->is_finished) && wire_is_end_marker(text)) {
            in->pass.frame = NULL; /* clients of this dialect have no word for it */
            return anthropic_end(in);
        }
        if (wire_is_error_line(text, &words))
            return anthropic_emit_error_text(in, words);
        if (!reader_next(&in->r, &text, &value))
            return read_strange(in, text);
        if (is_body && wire_is_odd_body(in->call->raw_flags, &value, text))
            in->pass.buf = in->call->raw = NULL;
        wire_take_part(&in->pass, &parts, before, text);
        status = read_value(in, &value, name, is_body);
        if (status == AIGW_OK && parts.one.data.ptr && !in->call->is_over)
            status = wire_pass(in->host, in->ctx, &in->pass);
        if (in->r.is_short && status == AIGW_OK)
            status = AIGW_E_NOMEM;
    } while (text.len > 0 && status == AIGW_OK && !in->call->is_over);
    return status;
}

/* Bytes of a part of the API that is not known here; a body is all of them. */
static aigw_status read_other(struct anthropic_in *in, bool is_body)
{
    aigw_status status = wire_pass(in->host, in->ctx, &in->pass);

    in->call->has_begun = 1;
    return status == AIGW_OK && is_body ? anthropic_end(in) : status;
}

aigw_status anthropic_read(struct anthropic_in *in, const struct aigw_frame *frame)
{
    aigw_str text = wire_skip_blanks(frame->data);
    bool is_body = frame->framing == AIGW_FRAMING_BODY;
    aigw_status status;

    if (in->call->asks == ANTHROPIC_ASKS_OTHER)
        return read_other(in, is_body);
    reader_open(&in->r);
    if (wire_is_error_event(frame->event))
        status = anthropic_emit_error_text(in, text);
    else if (text.len == 0 && wire_is(frame->event, "message_stop"))
        status = anthropic_end(in);
    else if (!is_body && wire_is_heartbeat(frame->event, text))
        status = AIGW_OK;
    else
        status = read_values(in, text, frame->event, is_body);
    in->call->has_passed = 1;
    if (status == AIGW_OK && !in->call->is_over)
        status = wire_pass(in->host, in->ctx, &in->pass);
    reader_end(&in->r);
    return status;
}

aigw_status anthropic_done(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call)
{
    struct anthropic_in in = {
        .host = host, .ctx = ctx, .call = call, .pass = { .buf = call->raw, .drops = &call->drops }
    };
    aigw_status status = AIGW_OK;

    if (call->asks == ANTHROPIC_ASKS_OTHER && call->has_begun && !call->is_over)
        status = anthropic_end(&in);
    return status == AIGW_DONE ? AIGW_OK : status;
}

uint32_t anthropic_asks_at(aigw_str path)
{
    const char *query = path.len > 0 ? memchr(path.ptr, '?', path.len) : NULL;

    if (query)
        path.len = (size_t)(query - path.ptr);
    while (wire_has_suffix(path, "/"))
        path.len--;
    return path.len == 0 || wire_is(path, "/v1/messages") ? ANTHROPIC_ASKS_ANSWER
           : wire_is(path, "/v1/messages/count_tokens")   ? ANTHROPIC_ASKS_COUNT
                                                          : ANTHROPIC_ASKS_OTHER;
}
