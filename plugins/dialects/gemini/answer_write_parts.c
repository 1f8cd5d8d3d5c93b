/* answer_write_parts.c - the parts of an answer being written. In a stream each is an object of its own; in a whole
 * answer they are gathered, and text that comes in pieces is one part. */
#include "answer_write.h"

#include "../common/read.h"

#include <string.h>

/** A call whose pieces still come. */
struct gemini_held_call {
    struct gemini_held_call *next;
    uint32_t index;
    aigw_str id, name, signature; /* the last one in this dialect's form */
    struct aigw_buf *args;
};

static void put(struct gemini_writer *w, struct aigw_buf *buf, const char *text)
{
    w->host->buf_put(buf, text, strlen(text));
}

/* Where the parts of a choice go: NULL without memory. */
static struct aigw_buf *begin_part(struct gemini_writer *w, struct aigw_buf *buf, uint32_t number)
{
    struct gemini_write_choice *choice = &w->choices[number];

    if (w->options->form != GEMINI_WRITE_WHOLE) {
        gemini_write_open(w, buf);
        put(w, buf, "{\"content\":{\"role\":\"model\",\"parts\":[");
    } else {
        if (!choice->parts)
            choice->parts = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, GEMINI_ANSWER_MAX);
        buf = choice->parts;
        if (buf && choice->part_count > 0)
            put(w, buf, ",");
    }
    choice->part_count++;
    return buf;
}

static void end_part(struct gemini_writer *w, struct aigw_buf *buf, uint32_t number)
{
    if (w->options->form == GEMINI_WRITE_WHOLE)
        return;
    w->host->buf_printf(buf, "]},\"index\":%u}]", number);
    gemini_write_close(w, buf);
}

/* `,"thoughtSignature":…` of what waits for this part. */
static void put_waiting_signature(struct gemini_writer *w, struct aigw_buf *to, struct gemini_write_choice *choice)
{
    if (choice->signature.len == 0)
        return;
    put(w, to, ",\"thoughtSignature\":");
    w->host->buf_json(to, choice->signature);
    choice->signature = AIGW_STR_NONE;
}

aigw_status gemini_write_part(struct gemini_writer *w, struct aigw_buf *buf, uint32_t choice, aigw_str part,
                              bool may_be_signed)
{
    aigw_status status = gemini_write_close_text(w, choice);
    struct aigw_buf *to = status == AIGW_OK ? begin_part(w, buf, choice) : NULL;

    if (!to)
        return status == AIGW_OK ? AIGW_E_NOMEM : status;
    w->host->buf_put(to, part.ptr, may_be_signed ? part.len - 1 : part.len);
    if (may_be_signed) {
        put_waiting_signature(w, to, &w->choices[choice]);
        put(w, to, "}");
    }
    end_part(w, to, choice);
    return AIGW_OK;
}

/* ---- text ---- */

static void put_text_part(struct gemini_writer *w, struct aigw_buf *to, uint32_t number, uint32_t type, aigw_str text)
{
    put(w, to, "{\"text\":");
    w->host->buf_json(to, text);
    if (type == AIGW_EVENT_REASONING)
        put(w, to, ",\"thought\":true");
    else
        put_waiting_signature(w, to, &w->choices[number]);
    put(w, to, "}");
}

aigw_status gemini_write_close_text(struct gemini_writer *w, uint32_t number)
{
    struct gemini_write_choice *choice = &w->choices[number];
    struct aigw_buf *to;
    aigw_str text;
    aigw_status status;

    if (choice->text_type == 0)
        return AIGW_OK;
    to = begin_part(w, NULL, number);
    if (!to)
        return AIGW_E_NOMEM;
    status = w->host->buf_view(choice->text, &text);
    if (status == AIGW_OK)
        put_text_part(w, to, number, choice->text_type, text);
    w->host->buf_clear(choice->text);
    choice->text_type = 0;
    return status;
}

aigw_status gemini_write_text(struct gemini_writer *w, struct aigw_buf *buf, uint32_t number, uint32_t type,
                              aigw_str text)
{
    struct gemini_write_choice *choice = &w->choices[number];
    aigw_status status = AIGW_OK;
    struct aigw_buf *to;

    if (text.len == 0)
        return AIGW_OK;
    if (w->options->form != GEMINI_WRITE_WHOLE) {
        to = begin_part(w, buf, number);
        put_text_part(w, to, number, type, text);
        end_part(w, to, number);
        return AIGW_OK;
    }
    if (choice->text_type != type)
        status = gemini_write_close_text(w, number);
    if (!choice->text)
        choice->text = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, GEMINI_ANSWER_MAX);
    if (status != AIGW_OK || !choice->text)
        return status == AIGW_OK ? AIGW_E_NOMEM : status;
    choice->text_type = type;
    w->host->buf_put(choice->text, text.ptr, text.len);
    return AIGW_OK;
}

/* ---- calls ---- */

static struct gemini_held_call *find_call(const struct gemini_write_choice *choice, uint32_t index)
{
    struct gemini_held_call *call = choice->calls;

    while (call && call->index != index)
        call = call->next;
    return call;
}

static struct gemini_held_call *add_call(struct gemini_writer *w, struct gemini_write_choice *choice,
                                         const struct aigw_event *event)
{
    struct gemini_held_call *call = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, sizeof *call);

    if (!call)
        return NULL;
    *call = (struct gemini_held_call){ .index = event->index,
                                       .id = gemini_write_keep(w, event->id),
                                       .name = gemini_write_keep(w, event->name),
                                       .args = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, GEMINI_ANSWER_MAX) };
    if (choice->last_call)
        choice->last_call->next = call;
    else
        choice->calls = call;
    choice->last_call = call;
    choice->call_count++;
    choice->begun_calls++;
    return call->args ? call : NULL;
}

aigw_status gemini_write_call_piece(struct gemini_writer *w, const struct aigw_event *event)
{
    struct gemini_write_choice *choice = &w->choices[event->choice];
    struct gemini_held_call *call = find_call(choice, event->index);

    if (!call && event->name.len == 0 && event->index < choice->begun_calls)
        return AIGW_OK; /* it was whole, and is out: blanks, or nonsense */
    if (!call && event->name.len == 0)
        return w->host->fail(w->ctx, AIGW_E_UPSTREAM, "a piece of tool call %u came, which did not begin",
                             event->index);
    if (!call && choice->call_count == GEMINI_WRITE_CALLS)
        return w->host->fail(w->ctx, AIGW_E_LIMIT, "more than %u tool calls in a row", GEMINI_WRITE_CALLS);
    if (!call)
        call = add_call(w, choice, event);
    if (!call)
        return AIGW_E_NOMEM;
    w->host->buf_put(call->args, event->text.ptr, event->text.len);
    return AIGW_OK;
}

/* On one line, without halves of characters; what is cut short, or plain text, in an object: one must be. */
static aigw_status put_args(struct gemini_writer *w, struct aigw_buf *to, aigw_str args)
{
    struct reader r;
    struct aigw_json root;
    aigw_str rest = args, object = AIGW_STR_NONE;
    aigw_status status;

    reader_open(&r);
    if (wire_is_blank(args))
        object = AIGW_STR("{}");
    else if (reader_next(&r, &rest, &root) && rest.len == 0 && root.type == AIGW_JSON_OBJECT)
        object = reader_json(&r, &root);
    if (object.len > 0) {
        w->host->buf_put(to, object.ptr, object.len);
    } else {
        put(w, to, "{\"_raw\":");
        w->host->buf_json(to, args);
        put(w, to, "}");
    }
    status = r.is_short ? AIGW_E_NOMEM : AIGW_OK;
    reader_end(&r);
    return status;
}

static aigw_status write_call(struct gemini_writer *w, struct aigw_buf *buf, uint32_t number,
                              const struct gemini_held_call *call)
{
    struct gemini_write_choice *choice = &w->choices[number];
    struct aigw_buf *to;
    aigw_str args;
    aigw_status status = w->host->buf_view(call->args, &args);

    if (status == AIGW_OK)
        status = gemini_write_close_text(w, number);
    to = status == AIGW_OK ? begin_part(w, buf, number) : NULL;
    if (!to)
        return status == AIGW_OK ? AIGW_E_NOMEM : status;
    put(w, to, "{\"functionCall\":{");
    if (call->id.len > 0) {
        put(w, to, "\"id\":");
        w->host->buf_json(to, call->id);
        put(w, to, ",");
    }
    put(w, to, "\"name\":");
    w->host->buf_json(to, call->name);
    put(w, to, ",\"args\":");
    status = put_args(w, to, args);
    put(w, to, "}");
    if (call->signature.len > 0)
        choice->signature = call->signature;
    put_waiting_signature(w, to, choice);
    put(w, to, "}");
    end_part(w, to, number);
    return status;
}

/* As far as can be told: arguments are one JSON value. */
static bool is_whole(struct gemini_writer *w, const struct gemini_held_call *call)
{
    struct aigw_json root;
    aigw_str args;

    return w->host->buf_view(call->args, &args) == AIGW_OK && aigw_json_check(args, 0, &root, NULL) == AIGW_OK;
}

aigw_status gemini_write_calls(struct gemini_writer *w, struct aigw_buf *buf, uint32_t number, bool is_end)
{
    struct gemini_write_choice *choice = &w->choices[number];
    aigw_status status = AIGW_OK;

    while (choice->calls && status == AIGW_OK && (is_end || is_whole(w, choice->calls))) {
        status = write_call(w, buf, number, choice->calls);
        choice->calls = choice->calls->next;
        choice->call_count--;
    }
    if (!choice->calls)
        choice->last_call = NULL;
    return status;
}

/* ---- signatures ---- */

/* A thought's waits for the next part, a call's goes with the call, a text's with an empty text: it has gone already.
 */
aigw_status gemini_write_signature(struct gemini_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    struct gemini_write_choice *choice = &w->choices[event->choice];
    struct gemini_held_call *call = event->part_type == AIGW_PART_TOOL_CALL ? find_call(choice, event->index) : NULL;
    aigw_str text;
    aigw_status status = gemini_carry_write(w->host, w->ctx, event->origin, event->data, &text);

    if (status != AIGW_OK || text.len == 0)
        return status;
    text = gemini_write_keep(w, text);
    if (call)
        call->signature = text;
    else
        choice->signature = text;
    if (event->part_type != AIGW_PART_TEXT)
        return AIGW_OK;
    if (w->options->form == GEMINI_WRITE_WHOLE && choice->text_type == AIGW_EVENT_TEXT)
        return gemini_write_close_text(w, event->choice);
    return gemini_write_part(w, buf, event->choice, AIGW_STR("{\"text\":\"\"}"), true);
}
