/* responses_write_items.c - the items of a Responses answer: reasoning and messages, and what all items share. One is
 * open at a time. Calls are in responses_write_calls.c. */
#include <stdio.h>
#include <string.h>

#include "answer_write.h"
#include "responses_write.h"

/* ---- places ---- */

static const char *prefix_of(const struct responses_writer *w)
{
    switch (w->open) {
    case RESPONSES_REASONING:
        return "rs_";
    case RESPONSES_MESSAGE:
        return "msg_";
    default:
        return w->call->is_search ? "tsc_" : w->call->is_free ? "ctc_" : "fc_";
    }
}

/* The same in all events of the item: made of the response's id and its place. */
void responses_put_item_id(struct responses_writer *w, struct aigw_buf *buf)
{
    size_t skip = wire_has_prefix(w->id, "resp_") ? 5 : 0;
    aigw_str own = { w->id.ptr + skip, w->id.len - skip };
    char room[256];
    int len = snprintf(room, sizeof room, "%s%.*s_%u", prefix_of(w), own.len > 200 ? 200 : (int)own.len, own.ptr,
                       w->item_count);

    w->host->buf_json(buf, (aigw_str){ room, len > 0 ? (size_t)len : 0 });
}

/* ,"item_id":…,"output_index":… of the open item, and the number of its open part: the same in event after event. */
static aigw_status set_place(struct responses_writer *w)
{
    aigw_status status = responses_renew(w, &w->place);
    aigw_str view;

    if (status != AIGW_OK)
        return status;
    w->host->buf_put(w->place, ",\"item_id\":", 11);
    responses_put_item_id(w, w->place);
    w->host->buf_printf(w->place, ",\"output_index\":%u", w->item_count);
    if (w->open == RESPONSES_REASONING && !w->is_thought)
        w->host->buf_printf(w->place, ",\"summary_index\":%u", w->part_count);
    else if (w->open != RESPONSES_CALL)
        w->host->buf_printf(w->place, ",\"content_index\":%u", w->part_count);
    return w->host->buf_view(w->place, &view);
}

/* An event about the open part, or call. */
bool responses_begin_part_event(struct responses_writer *w, const char *type)
{
    aigw_str place;

    if (!responses_begin_event(w, type))
        return false;
    place = responses_kept(w, w->place);
    w->host->buf_put(w->buf, place.ptr, place.len);
    return true;
}

/* ---- items ---- */

/* The item as it is now: begun, or done. */
static void put_item(struct responses_writer *w, struct aigw_buf *buf, bool is_done)
{
    const struct aigw_host *host = w->host;
    const char *status = is_done ? "completed" : "in_progress";
    aigw_str parts = is_done ? responses_kept(w, w->parts) : AIGW_STR_NONE;

    host->buf_printf(buf, "{\"id\":");
    responses_put_item_id(w, buf);
    if (w->open == RESPONSES_REASONING) {
        host->buf_printf(buf, w->is_thought ? ",\"type\":\"reasoning\",\"summary\":[],\"content\":["
                                            : ",\"type\":\"reasoning\",\"summary\":[");
        host->buf_put(buf, parts.ptr, parts.len);
        host->buf_printf(buf, "]");
        if (is_done && w->encrypted.len > 0) {
            host->buf_printf(buf, ",\"encrypted_content\":");
            host->buf_json(buf, w->encrypted);
        }
    } else {
        host->buf_printf(buf, ",\"type\":\"message\",\"status\":\"%s\",\"role\":\"assistant\",\"content\":[", status);
        host->buf_put(buf, parts.ptr, parts.len);
        host->buf_printf(buf, "]");
    }
    host->buf_printf(buf, "}");
}

aigw_status responses_open_item(struct responses_writer *w, uint32_t kind)
{
    aigw_status status = responses_close(w);

    if (status == AIGW_OK)
        status = responses_renew(w, &w->parts);
    if (status != AIGW_OK)
        return status;
    w->open = kind;
    w->part_type = 0;
    w->part_count = 0;
    w->encrypted = AIGW_STR_NONE;
    status = set_place(w);
    if (status != AIGW_OK)
        return status;
    if (!responses_begin_event(w, "response.output_item.added"))
        return AIGW_OK;
    w->host->buf_printf(w->buf, ",\"output_index\":%u,\"item\":", w->item_count);
    if (kind == RESPONSES_CALL)
        responses_put_call(w, w->buf, false);
    else
        put_item(w, w->buf, false);
    responses_end_event(w);
    return AIGW_OK;
}

/* Into the output, and out as an event. */
aigw_status responses_finish_item(struct responses_writer *w)
{
    size_t before;
    aigw_str output;
    aigw_status status;

    if (w->item_count > 0)
        w->host->buf_put(w->output, ",", 1);
    before = responses_kept(w, w->output).len;
    if (w->open == RESPONSES_CALL)
        responses_put_call(w, w->output, true);
    else
        put_item(w, w->output, true);
    status = w->host->buf_view(w->output, &output);
    if (status == AIGW_OK && responses_begin_event(w, "response.output_item.done")) {
        w->host->buf_printf(w->buf, ",\"output_index\":%u,\"item\":", w->item_count);
        w->host->buf_put(w->buf, output.ptr + before, output.len - before);
        responses_end_event(w);
    }
    w->item_count++;
    w->open = RESPONSES_NOTHING;
    return status;
}

/* ---- parts ---- */

static void put_part(struct responses_writer *w, struct aigw_buf *buf, aigw_str text)
{
    const struct aigw_host *host = w->host;
    aigw_str notes = responses_kept(w, w->notes), logprobs = responses_kept(w, w->logprobs);

    switch (w->part_type) {
    case AIGW_PART_REASONING:
        host->buf_printf(buf, w->is_thought ? "{\"type\":\"reasoning_text\",\"text\":"
                                            : "{\"type\":\"summary_text\",\"text\":");
        host->buf_json(buf, text);
        break;
    case AIGW_PART_REFUSAL:
        host->buf_printf(buf, "{\"type\":\"refusal\",\"refusal\":");
        host->buf_json(buf, text);
        break;
    default:
        host->buf_printf(buf, "{\"type\":\"output_text\",\"text\":");
        host->buf_json(buf, text);
        host->buf_printf(buf, ",\"annotations\":[");
        host->buf_put(buf, notes.ptr, notes.len);
        host->buf_printf(buf, "],\"logprobs\":[");
        host->buf_put(buf, logprobs.ptr, logprobs.len);
        host->buf_printf(buf, "]");
    }
    host->buf_printf(buf, "}");
}

/* The names of a part's events and of what its text is called in them. */
static const struct part_words {
    uint32_t type;
    bool is_thought;
    const char *part_added, *delta, *done, *part_done, *member;
} part_words[] = {
    { AIGW_PART_TEXT, false, "response.content_part.added", "response.output_text.delta", "response.output_text.done",
      "response.content_part.done", "text" },
    { AIGW_PART_REFUSAL, false, "response.content_part.added", "response.refusal.delta", "response.refusal.done",
      "response.content_part.done", "refusal" },
    { AIGW_PART_REASONING, false, "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
      "response.reasoning_summary_text.done", "response.reasoning_summary_part.done", "text" },
    { AIGW_PART_REASONING, true, "response.content_part.added", "response.reasoning_text.delta",
      "response.reasoning_text.done", "response.content_part.done", "text" },
};

static const struct part_words *words_of(const struct responses_writer *w, uint32_t type)
{
    bool is_thought = type == AIGW_PART_REASONING && w->is_thought;

    for (size_t i = 1; i < sizeof part_words / sizeof *part_words; i++)
        if (part_words[i].type == type && part_words[i].is_thought == is_thought)
            return &part_words[i];
    return &part_words[0];
}

static aigw_status open_part(struct responses_writer *w, uint32_t type)
{
    aigw_status status = responses_renew(w, &w->text);

    if (status == AIGW_OK)
        status = responses_renew(w, &w->notes);
    if (status == AIGW_OK)
        status = responses_renew(w, &w->logprobs);
    if (status == AIGW_OK)
        status = set_place(w);
    if (status != AIGW_OK)
        return status;
    w->part_type = type;
    w->note_count = 0;
    w->char_count = 0;
    if (responses_begin_part_event(w, words_of(w, type)->part_added)) {
        responses_put(w, ",\"part\":");
        put_part(w, w->buf, AIGW_STR(""));
        responses_end_event(w);
    }
    return AIGW_OK;
}

static aigw_status close_part(struct responses_writer *w)
{
    const struct part_words *words = words_of(w, w->part_type);
    aigw_str text = responses_kept(w, w->text), parts, logprobs = responses_kept(w, w->logprobs);
    size_t before;
    aigw_status status;

    if (w->part_type == 0)
        return AIGW_OK;
    if (responses_begin_part_event(w, words->done)) {
        responses_put_text(w, words->member, text);
        if (w->part_type == AIGW_PART_TEXT) {
            responses_put(w, ",\"logprobs\":[");
            w->host->buf_put(w->buf, logprobs.ptr, logprobs.len);
            responses_put(w, "]");
        }
        responses_end_event(w);
    }
    if (w->part_count > 0)
        w->host->buf_put(w->parts, ",", 1);
    before = responses_kept(w, w->parts).len;
    put_part(w, w->parts, text);
    status = w->host->buf_view(w->parts, &parts);
    if (status == AIGW_OK && responses_begin_part_event(w, words->part_done)) {
        responses_put(w, ",\"part\":");
        w->host->buf_put(w->buf, parts.ptr + before, parts.len - before);
        responses_end_event(w);
    }
    w->part_type = 0;
    w->part_count++;
    return status;
}

static aigw_status keep_late(struct responses_writer *w, uint32_t part_type, bool is_thought, aigw_str text)
{
    struct responses_late *late = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, sizeof *late);

    if (!late)
        return AIGW_E_NOMEM;
    *late = (struct responses_late){ .part_type = part_type, .is_thought = is_thought };
    if (w->last_late)
        w->last_late->next = late;
    else
        w->late = late;
    w->last_late = late;
    return responses_copy(w, text, &late->text);
}

aigw_status responses_write_late(struct responses_writer *w)
{
    struct responses_late *late = w->late;
    aigw_status status = AIGW_OK;

    w->late = w->last_late = NULL;
    for (; late && status == AIGW_OK; late = late->next)
        status = responses_write_piece(w, late->part_type, late->is_thought, late->text);
    return status;
}

aigw_status responses_write_piece(struct responses_writer *w, uint32_t part_type, bool is_thought, aigw_str text)
{
    bool is_other = w->open == RESPONSES_REASONING && w->is_thought != is_thought;
    uint32_t kind = part_type == AIGW_PART_REASONING ? RESPONSES_REASONING : RESPONSES_MESSAGE;
    aigw_status status = AIGW_OK;
    aigw_str view;

    if (text.len == 0)
        return AIGW_OK;
    if (responses_is_inside_call(w))
        return keep_late(w, part_type, is_thought, text);
    if (w->open != kind || is_other || w->encrypted.len > 0) /* what is signed is whole */
        status = responses_close_all(w);
    w->is_thought = is_thought;
    if (status == AIGW_OK && w->open != kind)
        status = responses_open_item(w, kind);
    if (status == AIGW_OK && w->part_type != part_type)
        status = close_part(w);
    if (status == AIGW_OK && w->part_type != part_type)
        status = open_part(w, part_type);
    if (status != AIGW_OK)
        return status;
    w->char_count += aigw_utf8_count(text);
    w->host->buf_put(w->text, text.ptr, text.len);
    if (responses_begin_part_event(w, words_of(w, part_type)->delta)) {
        responses_put_text(w, "delta", text);
        if (part_type == AIGW_PART_TEXT)
            responses_put(w, ",\"logprobs\":[]");
        responses_end_event(w);
    }
    return w->host->buf_view(w->text, &view);
}

aigw_status responses_write_citation(struct responses_writer *w, aigw_str text)
{
    struct openai_citation citation;
    struct reader reader;
    struct aigw_json root;
    bool is_good;

    if (w->open != RESPONSES_MESSAGE || w->part_type != AIGW_PART_TEXT)
        return AIGW_OK;
    is_good = reader_begin(&reader, text, &root) && openai_read_citation(&reader, &root, w->char_count, &citation);
    if (is_good) {
        w->host->buf_printf(w->notes, "%s{\"type\":\"url_citation\",", w->note_count > 0 ? "," : "");
        openai_put_citation(w->host, w->notes, &citation);
        w->host->buf_put(w->notes, "}", 1);
    }
    if (is_good && responses_begin_part_event(w, "response.output_text.annotation.added")) {
        w->host->buf_printf(w->buf, ",\"annotation_index\":%u,\"annotation\":{\"type\":\"url_citation\",",
                            w->note_count);
        openai_put_citation(w->host, w->buf, &citation);
        responses_put(w, "}");
        responses_end_event(w);
    }
    w->note_count += is_good;
    is_good = !reader.is_short;
    reader_end(&reader);
    return is_good ? AIGW_OK : AIGW_E_NOMEM;
}

/* Told once, when the text is whole. */
aigw_status responses_keep_logprobs(struct responses_writer *w, aigw_str text)
{
    struct reader reader;
    struct aigw_json root, list;
    aigw_str items = AIGW_STR_NONE, view = AIGW_STR_NONE;
    aigw_status status = AIGW_OK;

    if (w->open != RESPONSES_MESSAGE || w->part_type != AIGW_PART_TEXT)
        return AIGW_OK;
    if (reader_begin(&reader, text, &root) && reader_member(&root, "content", AIGW_JSON_LIST, &list) &&
        aigw_json_count(&list) > 0)
        items = reader_json(&reader, &list);
    if (items.len > 0) {
        if (responses_kept(w, w->logprobs).len > 0)
            w->host->buf_put(w->logprobs, ",", 1);
        w->host->buf_put(w->logprobs, items.ptr + 1, items.len - 2);
        status = w->host->buf_view(w->logprobs, &view);
    }
    if (reader.is_short)
        status = AIGW_E_NOMEM;
    reader_end(&reader);
    return status;
}

/* ---- closing ---- */

aigw_status responses_close(struct responses_writer *w)
{
    aigw_status status;

    switch (w->open) {
    case RESPONSES_NOTHING:
        return AIGW_OK;
    case RESPONSES_CALL:
        return responses_close_call(w);
    default:
        status = close_part(w);
        return status == AIGW_OK ? responses_finish_item(w) : status;
    }
}
