/* answer_read.c - OpenAI's answers → canonical events: chat and legacy completions, whole or streamed. Lists
 * (embeddings, models) are in answer_list.c.
 *
 * Servers answer in other forms than asked for, put things in odd places and mix forms: what counts is what stands
 * there, not what was requested. Where text must be, another type is a failure: it must not end as an empty answer that
 * looks finished. */
#include "openai.h"

#include "../common/refusal.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* The members of an object that are looked at, found in one go. */
enum {
    ROOT_CHOICES,
    ROOT_USAGE,
    ROOT_MODEL,
    ROOT_ID,
    ROOT_DATA,
    ROOT_GROQ,
    ROOT_ERROR,
    ROOT_OBJECT,
    ROOT_TYPE,
    ROOT_RESULT,
    ROOT_ALL
};
static const char *const root_names[ROOT_ALL] = { "choices", "usage", "model",  "id",   "data",
                                                  "x_groq",  "error", "object", "type", "base_resp" };

enum {
    CHOICE_INDEX,
    CHOICE_DELTA,
    CHOICE_MESSAGE,
    CHOICE_TEXT,
    CHOICE_CONTENT, /* an odd place, as the next three */
    CHOICE_CALLS,
    CHOICE_CALLS_TOO,
    CHOICE_CALL,
    CHOICE_REASON,
    CHOICE_REASON_TOO,
    CHOICE_LOGPROBS,
    CHOICE_STOP,
    CHOICE_USAGE,
    CHOICE_ERROR,
    CHOICE_OBJECT,
    CHOICE_TYPE,
    CHOICE_ALL
};
static const char *const choice_names[CHOICE_ALL] = { "index",         "delta",        "message",   "text",
                                                      "content",       "tool_calls",   "toolCalls", "function_call",
                                                      "finish_reason", "finishReason", "logprobs",  "stop_reason",
                                                      "usage",         "error",        "object",    "type" };

enum {
    SAID_CONTENT,
    SAID_TEXT,      /* an odd place */
    SAID_REASONING, /* many names: some servers send two of them with the same text */
    SAID_REASONING_TOO,
    SAID_REASONING_TEXT,
    SAID_THINKING,
    SAID_REASONING_PARTS,
    SAID_REFUSAL,
    SAID_NOTES,
    SAID_CALLS,
    SAID_CALLS_TOO,
    SAID_CALL,
    SAID_REASON,
    SAID_USAGE,
    SAID_ERROR,
    SAID_OBJECT,
    SAID_TYPE,
    SAID_ALL
};
static const char *const said_names[SAID_ALL] = { "content",
                                                  "text",
                                                  "reasoning_content",
                                                  "reasoning",
                                                  "reasoning_text",
                                                  "thinking",
                                                  "reasoning_details",
                                                  "refusal",
                                                  "annotations",
                                                  "tool_calls",
                                                  "toolCalls",
                                                  "function_call",
                                                  "finish_reason",
                                                  "usage",
                                                  "error",
                                                  "object",
                                                  "type" };

static bool is_there(const struct aigw_json *value)
{
    return value->type > AIGW_JSON_NULL;
}

static bool has_any(const uint64_t *choices)
{
    return choices[0] || choices[1];
}

/* The end marker: choices without a reason are finished all the same. */
static aigw_status end_of_stream(struct openai_in *in)
{
    aigw_status status = AIGW_OK;

    if (!has_any(in->call->seen) && (in->call->path == OPENAI_CHAT || in->call->path == OPENAI_COMPLETION))
        return openai_nonsense(in, "ended before it began");
    for (uint32_t choice = 0; choice < in->call->choice_count && status == AIGW_OK; choice++)
        if (openai_has_choice(in->call->seen, choice))
            status = openai_emit_finish(in, choice, AIGW_STR(""), AIGW_STR_NONE);
    in->call->is_over = 1;
    return status == AIGW_OK ? wire_pass(in->host, in->ctx, &in->pass) : status;
}

/* ---- content ---- */

/* An empty object, or an empty list, as PHP writes it. */
static bool is_empty(const struct aigw_json *value)
{
    return value->type >= AIGW_JSON_LIST &&
           wire_is_blank((aigw_str){ value->text.ptr + 1, value->text.len > 2 ? value->text.len - 2 : 0 });
}

static aigw_status emit_content(struct openai_in *in, uint32_t choice, uint32_t type, const struct aigw_json *content);

/* A tool call among the parts, as other dialects have them. */
static bool is_call(aigw_str type)
{
    return wire_same_word(type, "tool_use") || wire_same_word(type, "tool_call") ||
           wire_same_word(type, "function_call");
}

/* A typed part of a content list. */
static aigw_status emit_part(struct openai_in *in, uint32_t choice, uint32_t type, const struct aigw_json *part)
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
        { "reasoning", "summary", AIGW_EVENT_REASONING },
        { "reasoning_text", "text", AIGW_EVENT_REASONING },
        { "reasoning_summary", "summary", AIGW_EVENT_REASONING },
        { "refusal", "refusal", AIGW_EVENT_REFUSAL },
        { "", "text", 0 },
    };
    struct aigw_json inner;
    aigw_str name;

    if (part->type == AIGW_JSON_STRING)
        return openai_emit_text(in, choice, type, reader_text(in->r, part));
    if (part->type != AIGW_JSON_OBJECT)
        return openai_nonsense(in, "has content that is no text");
    name = reader_str(in->r, part, "type");
    if (is_call(name))
        return openai_emit_call(in, choice, part, false);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (wire_same_word(name, rows[i].type) && aigw_json_member(part, rows[i].member, &inner))
            return emit_content(in, choice, rows[i].event ? rows[i].event : type, &inner);
    if (aigw_json_member(part, "text", &inner) && inner.type == AIGW_JSON_STRING) /* of whatever sort */
        return openai_emit_text(in, choice, type, reader_text(in->r, &inner));
    if (name.len == 0 || wire_is(name, "text"))
        return openai_nonsense(in, "has content that is no text");
    if (type == AIGW_EVENT_REASONING) /* encrypted: of no use to anybody else */
        return AIGW_OK;
    return openai_emit_json(in, choice, AIGW_EVENT_OPAQUE, part);
}

/* A string, or a list of parts. */
static aigw_status emit_content(struct openai_in *in, uint32_t choice, uint32_t type, const struct aigw_json *content)
{
    struct aigw_json_walk walk = aigw_json_begin(content);
    aigw_status status = AIGW_OK;
    struct aigw_json part;

    if (!is_there(content))
        return AIGW_OK;
    if (content->type == AIGW_JSON_STRING)
        return openai_emit_text(in, choice, type, reader_text(in->r, content));
    if (content->type != AIGW_JSON_LIST)
        return openai_nonsense(in, "has content that is no text");
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &part))
        status = emit_part(in, choice, type, &part);
    return status;
}

static aigw_status emit_calls(struct openai_in *in, uint32_t choice, const struct aigw_json *said, bool is_whole)
{
    const struct aigw_json *calls = &said[is_there(&said[SAID_CALLS]) ? SAID_CALLS : SAID_CALLS_TOO];
    const struct aigw_json *old = &said[SAID_CALL];
    struct aigw_json_walk walk = aigw_json_begin(calls);
    aigw_status status = AIGW_OK;
    struct aigw_json item;

    if (calls->type == AIGW_JSON_OBJECT && !is_empty(calls))
        return openai_emit_call(in, choice, calls, is_whole);
    if (is_there(calls) && calls->type != AIGW_JSON_LIST)
        return openai_nonsense(in, "has tool calls that are no list");
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item))
        status = openai_emit_call(in, choice, &item, is_whole);
    if (status == AIGW_OK && is_there(old) && (!is_there(calls) || is_empty(calls)))
        status = openai_emit_call(in, choice, old, is_whole);
    return status;
}

/* What stands in `message` of a whole answer, `delta` of a streamed one. */
static aigw_status emit_said(struct openai_in *in, uint32_t choice, const struct aigw_json *said, bool is_whole)
{
    struct aigw_json_walk notes = aigw_json_begin(&said[SAID_NOTES]);
    const struct aigw_json *thought = &said[SAID_REASONING];
    aigw_status status = AIGW_OK;
    struct aigw_json note;

    while (thought < &said[SAID_REASONING_PARTS] && !reader_is_set(thought))
        thought++;
    if (reader_is_set(thought))
        status = emit_content(in, choice, AIGW_EVENT_REASONING, thought);
    if (status == AIGW_OK)
        status =
            emit_content(in, choice, AIGW_EVENT_TEXT, &said[is_there(&said[SAID_CONTENT]) ? SAID_CONTENT : SAID_TEXT]);
    if (status == AIGW_OK)
        status = emit_content(in, choice, AIGW_EVENT_REFUSAL, &said[SAID_REFUSAL]);
    while (status == AIGW_OK && !notes.is_object && aigw_json_next(&notes, NULL, &note))
        status = openai_emit_json(in, choice, AIGW_EVENT_CITATION, &note);
    return status == AIGW_OK ? emit_calls(in, choice, said, is_whole) : status;
}

/* ---- choices ---- */

/* Behind what was said; is_whole: nothing more of this choice will come. */
static aigw_status emit_choice_end(struct openai_in *in, uint32_t choice, const struct aigw_json *members,
                                   const struct aigw_json *said, bool is_whole)
{
    const struct aigw_json *reason = &members[CHOICE_REASON], *stop = &members[CHOICE_STOP];
    aigw_status status = AIGW_OK;
    aigw_str word;

    if (!reader_is_set(reason)) /* odd places */
        reason = is_there(&members[CHOICE_REASON_TOO]) ? &members[CHOICE_REASON_TOO] : &said[SAID_REASON];
    if (reader_is_set(reason) && reason->type != AIGW_JSON_STRING)
        return openai_nonsense(in, "has a finish reason that is no word");
    word = reader_text(in->r, reason);
    if (is_there(&members[CHOICE_LOGPROBS]))
        status = openai_emit_json(in, choice, AIGW_EVENT_LOGPROBS, &members[CHOICE_LOGPROBS]);
    if (status == AIGW_OK && (openai_is_reason(word) || is_whole))
        status = openai_emit_finish(in, choice, word, reader_text(in->r, stop));
    if (status == AIGW_OK && !in->call->is_over)
        status = openai_emit_usage(in, is_there(&members[CHOICE_USAGE]) ? &members[CHOICE_USAGE] : &said[SAID_USAGE]);
    return status;
}

/* What was said stands in the choice itself: legacy completions, and servers that take the one for the other. */
static bool look_beside(const struct aigw_json *members, struct aigw_json *said)
{
    if (!is_there(&said[SAID_CONTENT]) && !is_there(&said[SAID_TEXT]))
        said[SAID_TEXT] = members[is_there(&members[CHOICE_CONTENT]) ? CHOICE_CONTENT : CHOICE_TEXT];
    if (!is_there(&said[SAID_CALLS]) && !is_there(&said[SAID_CALLS_TOO]) && !is_there(&said[SAID_CALL])) {
        said[SAID_CALLS] = members[CHOICE_CALLS];
        said[SAID_CALLS_TOO] = members[CHOICE_CALLS_TOO];
        said[SAID_CALL] = members[CHOICE_CALL];
    }
    return is_there(&said[SAID_TEXT]) || is_there(&said[SAID_CALLS]) || is_there(&said[SAID_CALLS_TOO]) ||
           is_there(&said[SAID_CALL]);
}

/* Where text could be, nothing stands; in members that nobody knows something does. */
static bool is_strange(const struct aigw_json *inner, const struct aigw_json *said)
{
    struct aigw_json_walk walk = aigw_json_begin(inner);
    struct aigw_json key, value;
    bool is_known;

    for (size_t i = 0; i < SAID_ALL; i++)
        if (is_there(&said[i]))
            return false;
    while (walk.is_object && aigw_json_next(&walk, &key, &value)) {
        is_known = aigw_json_is_text(&key, "role") || aigw_json_is_text(&key, "name");
        for (size_t i = 0; i < SAID_ALL && !is_known; i++)
            is_known = aigw_json_is_text(&key, said_names[i]);
        if (!is_known && value.type >= AIGW_JSON_STRING && !is_empty(&value))
            return true;
    }
    return false;
}

#define ALONE SIZE_MAX /* a choice's position: it is the one that was asked for, whatever its number */

/* Our number of a choice. In a stream of one the first that comes is it, whatever its number. */
static int64_t number_of(struct openai_in *in, const struct aigw_json *said, size_t position, bool is_body)
{
    bool is_one = in->call->choice_count == 1;
    int64_t number;

    if (position == ALONE)
        return 0;
    if (!aigw_json_int(said, &number)) /* in a frame of a stream all belong to the one choice */
        return is_body || !is_one ? (int64_t)position : 0;
    if (is_body || !is_one)
        return number;
    if (!has_any(in->call->seen))
        in->call->the_choice = number;
    return number == in->call->the_choice ? 0 : -1;
}

/* The server writes in another form than the client asked for, as its first word shows. */
static void pass_no_more(struct openai_in *in)
{
    if ((in->call->raw_flags & AIGW_RAWF_EVENTS) && !in->call->has_begun)
        in->pass.buf = in->call->raw = NULL;
}

/* `members` of the choice `obj`. */
static aigw_status emit_choice(struct openai_in *in, const struct aigw_json *obj, const struct aigw_json *members,
                               size_t position, bool is_body)
{
    struct aigw_json said[SAID_ALL];
    const struct aigw_json *delta = &members[CHOICE_DELTA], *message = &members[CHOICE_MESSAGE], *inner;
    bool is_piece, is_repeated, has_inner, is_beside;
    aigw_status status = AIGW_OK;
    int64_t index;
    uint32_t choice;

    if (obj->type != AIGW_JSON_OBJECT)
        return openai_nonsense(in, "has a choice that is no object");
    is_piece = is_there(delta) && !(is_there(message) && is_empty(delta));
    inner = is_piece ? delta : message;
    has_inner = is_there(inner);
    aigw_json_members(inner, said_names, SAID_ALL, said);
    if (openai_is_error(&members[CHOICE_ERROR], &members[CHOICE_OBJECT], &members[CHOICE_TYPE]))
        return openai_emit_error(in, obj);
    if (openai_is_error(&said[SAID_ERROR], &said[SAID_OBJECT], &said[SAID_TYPE]))
        return openai_emit_error(in, inner);
    index = number_of(in, &members[CHOICE_INDEX], position, is_body);
    if (index < 0 || index >= in->call->choice_count)
        return AIGW_OK; /* nobody asked for it */
    choice = (uint32_t)index;
    openai_add_choice(in->call->seen, choice);
    if (has_inner && inner->type != AIGW_JSON_OBJECT && !is_empty(inner))
        return openai_nonsense(in, "has a message that is no object");
    in->call->is_strange |= has_inner && is_strange(inner, said);
    is_beside = look_beside(members, said);
    if (is_body && !has_inner && !is_beside)
        return openai_nonsense(in, "has a choice without a message");
    in->call->has_delta |= is_piece;
    if (is_body ? is_piece : has_inner && !is_piece) /* a whole answer has no pieces, and a stream nothing else */
        pass_no_more(in);
    is_repeated = in->call->has_delta && !is_piece && has_inner; /* a whole message behind its pieces */
    is_body = is_body && !in->call->has_delta;                   /* nothing more of it will come */
    if (!is_repeated)
        status = emit_said(in, choice, said, is_body);
    return status == AIGW_OK ? emit_choice_end(in, choice, members, said, is_body) : status;
}

/* ---- frames ---- */

static aigw_status emit_choices(struct openai_in *in, const struct aigw_json *members, bool is_body)
{
    struct aigw_json_walk walk = aigw_json_begin(&members[ROOT_CHOICES]);
    aigw_status status = AIGW_OK;
    struct aigw_json choice, found[CHOICE_ALL];
    struct aigw_json_wanted wanted = { .names = choice_names, .count = CHOICE_ALL, .values = found };
    bool is_alone = is_body && in->call->choice_count == 1 && aigw_json_count(&members[ROOT_CHOICES]) == 1;

    for (size_t i = 0; status == AIGW_OK && !in->call->is_over && aigw_json_next_for(&walk, &wanted, &choice); i++)
        status = emit_choice(in, &choice, found, is_alone ? ALONE : i, is_body);
    return status;
}

static aigw_status read_object(struct openai_in *in, const struct aigw_json *obj, const struct aigw_json *members,
                               bool is_body)
{
    struct aigw_json usage, error;
    const struct aigw_json *choices = &members[ROOT_CHOICES];
    bool has_none;
    aigw_status status;

    if (in->call->path == OPENAI_MODELS && obj->type == AIGW_JSON_LIST)
        return openai_read_models(in, obj);
    if (obj->type != AIGW_JSON_OBJECT)
        return openai_nonsense(in, "is not a JSON object");
    if (openai_is_error(&members[ROOT_ERROR], &members[ROOT_OBJECT], &members[ROOT_TYPE]) ||
        reader_int(&members[ROOT_RESULT], "status_code", 0) != 0)
        return openai_emit_error(in, obj);
    if (!is_there(choices) && !is_there(&members[ROOT_DATA]) &&
        ((members[ROOT_ERROR].type >= AIGW_JSON_LIST && !is_there(&members[ROOT_USAGE])) ||
         openai_is_complaint(in, obj)))
        return openai_emit_error(in, obj);
    if (aigw_json_member(&members[ROOT_GROQ], "error", &error) && reader_is_set(&error))
        return openai_emit_error(in, &members[ROOT_GROQ]);
    if (in->call->path == OPENAI_MODELS)
        return openai_read_models(in, &members[ROOT_DATA]);
    status = openai_emit_model(in, &members[ROOT_MODEL], &members[ROOT_ID]);
    if (status != AIGW_OK)
        return status;
    if (in->call->path == OPENAI_EMBEDDING)
        return openai_read_embeddings(in, &members[ROOT_DATA], &members[ROOT_USAGE]);
    if (is_there(choices) && choices->type != AIGW_JSON_LIST)
        return openai_nonsense(in, "has choices that are no list");
    has_none = !is_there(choices) || is_empty(choices);
    if (is_body && has_none && !has_any(in->call->seen))
        return openai_nonsense(in, "has no choices");
    usage = members[ROOT_USAGE];
    if (!is_there(&usage))
        aigw_json_member(&members[ROOT_GROQ], "usage", &usage);
    if (in->call->hides_usage && has_none && is_there(&usage))
        in->pass.frame = NULL;
    in->call->is_named |= !has_none; /* text comes: too late for a name */
    status = emit_choices(in, members, is_body);
    in->call->has_begun = 1;
    return status == AIGW_OK && !in->call->is_over ? openai_emit_usage(in, &usage) : status;
}

/* A value of a frame, with its members if it is an object; lists are wrapped around errors, or around all that a stream
 * would have said. */
static aigw_status read_value(struct openai_in *in, const struct aigw_json *value, struct aigw_json_wanted *members,
                              bool is_body)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    aigw_status status = AIGW_OK;
    struct aigw_json item;

    if (!is_body && (value->type == AIGW_JSON_NULL || (value->type == AIGW_JSON_OBJECT && is_empty(value)))) {
        in->pass.frame = NULL; /* a heartbeat: clients of this dialect have no word for it */
        return AIGW_OK;
    }
    if (value->type != AIGW_JSON_LIST || is_empty(value) || in->call->path == OPENAI_MODELS)
        return read_object(in, value, members->values, is_body);
    pass_no_more(in);
    while (status == AIGW_OK && !in->call->is_over && aigw_json_next_for(&walk, members, &item))
        status = read_object(in, &item, members->values, is_body);
    return status;
}

/* No JSON: after the end of all that was said it is one more way to say so, and nothing to pass on. */
static aigw_status read_strange(struct openai_in *in, aigw_str text)
{
    aigw_status status;

    if (!has_any(in->call->seen) || memcmp(in->call->seen, in->call->finished, sizeof in->call->seen) != 0 ||
        refusal_is_plain(text))
        return openai_emit_strange(in, text);
    in->pass.frame = NULL;
    status = end_of_stream(in);
    return status == AIGW_OK ? AIGW_DONE : status;
}

/* The values in `text`, one after the other: two in one event are two events. */
static aigw_status read_values(struct openai_in *in, aigw_str text, bool is_body)
{
    struct aigw_json value, found[ROOT_ALL];
    struct aigw_json_wanted members = { .names = root_names, .count = ROOT_ALL, .values = found };
    struct wire_parts parts = wire_parts_of(&in->pass);
    aigw_status status = AIGW_OK;
    aigw_str words;

    do {
        aigw_str before = text;

        if ((!is_body || has_any(in->call->seen)) && wire_is_end_marker(text)) {
            wire_take_part(&in->pass, &parts, before, AIGW_STR_NONE);
            status = end_of_stream(in);
            return status == AIGW_OK ? AIGW_DONE : status;
        }
        if (wire_is_error_line(text, &words))
            return openai_emit_error_text(in, words);
        if (!reader_next_for(in->r, &text, &members, &value))
            return read_strange(in, text);
        if (is_body && wire_is_odd_body(in->call->raw_flags, &value, text))
            in->pass.buf = in->call->raw = NULL;
        wire_take_part(&in->pass, &parts, before, text);
        status = read_value(in, &value, &members, is_body);
        if (status == AIGW_OK && parts.one.data.ptr && !in->call->is_over)
            status = wire_pass(in->host, in->ctx, &in->pass);
    } while (text.len > 0 && status == AIGW_OK && !in->call->is_over);
    return status == AIGW_OK && in->r->is_short ? AIGW_E_NOMEM : status;
}

aigw_status openai_read(struct openai_in *in, const struct aigw_frame *frame)
{
    bool is_body = frame->framing == AIGW_FRAMING_BODY;
    aigw_str text = wire_skip_blanks(frame->data);
    struct reader r;
    aigw_status status = AIGW_OK;

    reader_open(&r);
    in->r = &r;
    if (in->call->path == OPENAI_ANY || in->call->path == OPENAI_RESPONSE)
        status = openai_read_any(in, frame);
    else if (wire_is_error_event(frame->event))
        status = openai_emit_error_text(in, text);
    else if (is_body || !wire_is_heartbeat(frame->event, text))
        status = read_values(in, text, is_body);
    else
        in->pass.frame = NULL;
    in->r = NULL;
    reader_end(&r);
    if (status == AIGW_OK && !in->call->is_over)
        status = wire_pass(in->host, in->ctx, &in->pass);
    return status;
}
