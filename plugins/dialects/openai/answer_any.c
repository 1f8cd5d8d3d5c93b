/* answer_any.c - answers of other paths of the API (responses, images, files, …), handed through: the bytes are the
 * client's, and only what the gateway itself has to know is read of them: usage, the end, a failure. What a response
 * looks like is known: something else in its place is a failure. */
#include "openai.h"

enum { ANY_TYPE, ANY_OBJECT, ANY_ERROR, ANY_USAGE, ANY_RESPONSE, ANY_STATUS, ANY_DETAILS, ANY_OUTPUT, ANY_ALL };
static const char *const any_names[ANY_ALL] = {
    "type", "object", "error", "usage", "response", "status", "incomplete_details", "output"
};

/* Events that end a stream, in which `status` or nothing says how. */
static bool is_last(aigw_str type)
{
    static const char *const words[] = { "response.completed", "response.incomplete",       "response.cancelled",
                                         "speech.audio.done",  "transcript.text.done",      "image_edit.completed",
                                         "transcription.done", "image_generation.completed" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (wire_is(type, words[i]))
            return true;
    return false;
}

/* The reason of an end that came too early, else how it ended. */
static aigw_str end_word(struct openai_in *in, const struct aigw_json *members)
{
    aigw_str reason = reader_str(in->r, &members[ANY_DETAILS], "reason");

    return reason.len > 0 ? reason : reader_text(in->r, &members[ANY_STATUS]);
}

/* An object in the place of a response, or of an event of one. */
static aigw_status refuse_strange(struct openai_in *in, const struct aigw_json *value, bool is_body)
{
    if (openai_is_complaint(in, value))
        return openai_emit_error(in, value);
    return openai_nonsense(in, is_body ? "is no response" : "has an event without a type");
}

static aigw_status read_any(struct openai_in *in, const struct aigw_json *value, bool is_body)
{
    struct aigw_json outer[ANY_ALL], inner[ANY_ALL];
    const struct aigw_json *members = outer, *object = value;
    aigw_str type;
    aigw_status status;

    aigw_json_members(value, any_names, ANY_ALL, outer);
    if (outer[ANY_RESPONSE].type == AIGW_JSON_OBJECT) {
        object = &outer[ANY_RESPONSE];
        aigw_json_members(object, any_names, ANY_ALL, inner);
        members = inner;
    }
    type = reader_text(in->r, &outer[ANY_TYPE]);
    in->pass.event = type;
    if (openai_is_error(&outer[ANY_ERROR], &outer[ANY_OBJECT], &outer[ANY_TYPE]))
        return openai_emit_error(in, value);
    if (wire_is(type, "response.failed") || reader_is_set(&members[ANY_ERROR]))
        return openai_emit_error(in, object);
    if (in->call->path == OPENAI_RESPONSE &&
        (is_body ? !aigw_json_is_text(&outer[ANY_OBJECT], "response") && outer[ANY_OUTPUT].type != AIGW_JSON_LIST
                 : type.len == 0))
        return refuse_strange(in, value, is_body);
    if (!in->call->raw) /* another form than was asked for, to a client that cannot read it: openai_frame() */
        return openai_nonsense(in, is_body ? "is whole, and a stream was asked for"
                                           : "is a stream, and a whole one was asked for");
    status = openai_emit_usage(in, &members[ANY_USAGE]);
    if (status == AIGW_OK && (is_body || is_last(type)))
        status = openai_emit_finish(in, 0, end_word(in, members), AIGW_STR_NONE);
    return status == AIGW_OK && !is_body && is_last(type) ? AIGW_DONE : status;
}

/* A piece of something longer: nothing in it concerns us. */
static bool is_piece(aigw_str event)
{
    return wire_has_suffix(event, ".delta");
}

/* Says that an answer begins, and nothing of it. */
static bool is_opening(aigw_str event)
{
    return wire_is(event, "response.created") || wire_is(event, "response.queued") ||
           wire_is(event, "response.in_progress") || wire_is(event, "response.output_item.added");
}

/* [DONE], or the event that is the last: nothing behind it is waited for. */
static aigw_status end_any(struct openai_in *in)
{
    aigw_status status;

    if (in->call->path == OPENAI_RESPONSE && !openai_has_choice(in->call->finished, 0))
        return openai_nonsense(in, "ended before its last event");
    status = openai_emit_finish(in, 0, AIGW_STR(""), AIGW_STR_NONE);
    in->call->is_over = 1;
    if (status == AIGW_OK)
        status = wire_pass(in->host, in->ctx, &in->pass);
    return status == AIGW_OK ? AIGW_DONE : status;
}

static aigw_status read_frame(struct openai_in *in, const struct aigw_frame *frame, bool is_body)
{
    aigw_str text = wire_skip_blanks(frame->data);
    struct aigw_json value;

    if (!is_body && wire_is_error_event(frame->event))
        return openai_emit_error_text(in, text);
    if (!is_body && wire_is_end_marker(text))
        return end_any(in);
    if (is_piece(frame->event))
        return AIGW_OK;
    if (reader_next(in->r, &text, &value) && value.type == AIGW_JSON_OBJECT)
        return read_any(in, &value, is_body);
    if (in->call->path == OPENAI_RESPONSE)
        return openai_emit_strange(in, text);
    /* sound, a picture, a list: whole as it is */
    return is_body ? openai_emit_finish(in, 0, AIGW_STR(""), AIGW_STR_NONE) : AIGW_OK;
}

aigw_status openai_read_any(struct openai_in *in, const struct aigw_frame *frame)
{
    bool is_body = frame->framing == AIGW_FRAMING_BODY;
    aigw_status status;

    if (!is_body && (wire_is_heartbeat(frame->event, wire_skip_blanks(frame->data)) || wire_is(frame->data, "null"))) {
        in->pass.frame = NULL; /* clients fail at events without data */
        return AIGW_OK;
    }
    in->pass.has_content = !is_opening(frame->event);
    status = read_frame(in, frame, is_body);
    if (status == AIGW_DONE && !in->call->is_over)
        return end_any(in);
    return status == AIGW_OK && !in->call->is_over ? wire_pass(in->host, in->ctx, &in->pass) : status;
}
