/* answer_any.c - answers of other paths of the API (responses, images, files, …), handed through: the bytes are the
 * client's, and only what the gateway itself has to know is read of them: usage, the end, a failure. */
#include "openai.h"

enum { ANY_TYPE, ANY_OBJECT, ANY_ERROR, ANY_USAGE, ANY_RESPONSE, ANY_STATUS, ANY_DETAILS, ANY_ALL };
static const char *const any_names[ANY_ALL] = {
    "type", "object", "error", "usage", "response", "status", "incomplete_details"
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

static aigw_status read_any(struct openai_in *in, const struct aigw_json *value, aigw_str event, bool is_body)
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
    if (openai_is_error(&outer[ANY_ERROR], &outer[ANY_OBJECT], &outer[ANY_TYPE]) || wire_is_error_event(event))
        return openai_emit_error(in, value);
    if (wire_is(type, "response.failed") || reader_is_set(&members[ANY_ERROR]))
        return openai_emit_error(in, object);
    status = openai_emit_usage(in, &members[ANY_USAGE]);
    if (status == AIGW_OK && (is_body || is_last(type)))
        status = openai_emit_finish(in, 0, end_word(in, members), AIGW_STR_NONE);
    return status;
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

aigw_status openai_read_any(struct openai_in *in, const struct aigw_frame *frame)
{
    bool is_body = frame->framing == AIGW_FRAMING_BODY;
    aigw_str text = wire_skip_blanks(frame->data);
    aigw_status status = AIGW_OK;
    struct aigw_json value;

    in->pass.has_content = !is_opening(frame->event);
    if (!is_body && wire_is_end_marker(text)) {
        status = openai_emit_finish(in, 0, AIGW_STR(""), AIGW_STR_NONE);
        in->call->is_over = 1;
        if (status == AIGW_OK)
            status = wire_pass(in->host, in->ctx, &in->pass);
        return status == AIGW_OK ? AIGW_DONE : status;
    }
    if (!is_piece(frame->event) && reader_next(in->r, &text, &value) && value.type == AIGW_JSON_OBJECT)
        status = read_any(in, &value, frame->event, is_body);
    else if (is_body) /* sound, a picture, a list: whole as it is */
        status = openai_emit_finish(in, 0, AIGW_STR(""), AIGW_STR_NONE);
    return status == AIGW_OK && !in->call->is_over ? wire_pass(in->host, in->ctx, &in->pass) : status;
}
