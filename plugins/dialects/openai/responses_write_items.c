/* responses_write_items.c - the items of a Responses answer: reasoning, messages, calls. One is open at a time. What
 * belongs to a call that has not had its turn is kept until the calls before it are whole. */
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
static void put_item_id(struct responses_writer *w, struct aigw_buf *buf)
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
    put_item_id(w, w->place);
    w->host->buf_printf(w->place, ",\"output_index\":%u", w->item_count);
    if (w->open == RESPONSES_REASONING)
        w->host->buf_printf(w->place, ",\"summary_index\":%u", w->part_count);
    else if (w->open == RESPONSES_MESSAGE)
        w->host->buf_printf(w->place, ",\"content_index\":%u", w->part_count);
    return w->host->buf_view(w->place, &view);
}

/* An event about the open part, or call. */
static bool begin_part_event(struct responses_writer *w, const char *type)
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
    put_item_id(w, buf);
    if (w->open == RESPONSES_REASONING) {
        host->buf_printf(buf, ",\"type\":\"reasoning\",\"summary\":[");
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

static void put_call(struct responses_writer *w, struct aigw_buf *buf, bool is_done)
{
    const struct aigw_host *host = w->host;
    const struct responses_call *call = w->call;
    aigw_str text = is_done ? responses_kept(w, call->text) : AIGW_STR("");

    host->buf_printf(buf, "{\"id\":");
    put_item_id(w, buf);
    host->buf_printf(buf, ",\"type\":\"%s\",\"status\":\"%s\",\"call_id\":",
                     call->is_search ? "tool_search_call"
                     : call->is_free ? "custom_tool_call"
                                     : "function_call",
                     is_done ? "completed" : "in_progress");
    host->buf_json(buf, call->id);
    if (call->is_search) { /* an object, which it is only when it is whole */
        if (!wire_is_json_object(text))
            text = AIGW_STR("{}");
        host->buf_printf(buf, ",\"execution\":\"client\",\"arguments\":");
        host->buf_put(buf, text.ptr, text.len);
    } else {
        host->buf_printf(buf, ",\"name\":");
        host->buf_json(buf, call->name);
        if (call->scope.len > 0) {
            host->buf_printf(buf, ",\"namespace\":");
            host->buf_json(buf, call->scope);
        }
        host->buf_printf(buf, call->is_free ? ",\"input\":" : ",\"arguments\":");
        host->buf_json(buf, text);
    }
    host->buf_printf(buf, "}");
}

static aigw_status open_item(struct responses_writer *w, uint32_t kind)
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
        put_call(w, w->buf, false);
    else
        put_item(w, w->buf, false);
    responses_end_event(w);
    return AIGW_OK;
}

/* Into the output, and out as an event. */
static aigw_status finish_item(struct responses_writer *w)
{
    size_t before;
    aigw_str output;
    aigw_status status;

    if (w->item_count > 0)
        w->host->buf_put(w->output, ",", 1);
    before = responses_kept(w, w->output).len;
    if (w->open == RESPONSES_CALL)
        put_call(w, w->output, true);
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
        host->buf_printf(buf, "{\"type\":\"summary_text\",\"text\":");
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
    if (begin_part_event(w, type == AIGW_PART_REASONING ? "response.reasoning_summary_part.added"
                                                        : "response.content_part.added")) {
        responses_put(w, ",\"part\":");
        put_part(w, w->buf, AIGW_STR(""));
        responses_end_event(w);
    }
    return AIGW_OK;
}

/* The names of a part's events and of what its text is called in them. */
static const struct part_words {
    uint32_t type;
    const char *delta, *done, *part_done, *member;
} part_words[] = {
    { AIGW_PART_TEXT, "response.output_text.delta", "response.output_text.done", "response.content_part.done", "text" },
    { AIGW_PART_REFUSAL, "response.refusal.delta", "response.refusal.done", "response.content_part.done", "refusal" },
    { AIGW_PART_REASONING, "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done",
      "response.reasoning_summary_part.done", "text" },
};

static const struct part_words *words_of(uint32_t type)
{
    for (size_t i = 1; i < sizeof part_words / sizeof *part_words; i++)
        if (part_words[i].type == type)
            return &part_words[i];
    return &part_words[0];
}

static aigw_status close_part(struct responses_writer *w)
{
    const struct part_words *words = words_of(w->part_type);
    aigw_str text = responses_kept(w, w->text), parts, logprobs = responses_kept(w, w->logprobs);
    size_t before;
    aigw_status status;

    if (w->part_type == 0)
        return AIGW_OK;
    if (begin_part_event(w, words->done)) {
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
    if (status == AIGW_OK && begin_part_event(w, words->part_done)) {
        responses_put(w, ",\"part\":");
        w->host->buf_put(w->buf, parts.ptr + before, parts.len - before);
        responses_end_event(w);
    }
    w->part_type = 0;
    w->part_count++;
    return status;
}

aigw_status responses_write_piece(struct responses_writer *w, uint32_t part_type, aigw_str text)
{
    uint32_t kind = part_type == AIGW_PART_REASONING ? RESPONSES_REASONING : RESPONSES_MESSAGE;
    aigw_status status = AIGW_OK;
    aigw_str view;

    if (text.len == 0)
        return AIGW_OK;
    if (w->open != kind || w->encrypted.len > 0) /* what is signed is whole */
        status = responses_close_all(w);
    if (status == AIGW_OK && w->open != kind)
        status = open_item(w, kind);
    if (status == AIGW_OK && w->part_type != part_type)
        status = close_part(w);
    if (status == AIGW_OK && w->part_type != part_type)
        status = open_part(w, part_type);
    if (status != AIGW_OK)
        return status;
    w->char_count += aigw_utf8_count(text);
    w->host->buf_put(w->text, text.ptr, text.len);
    if (begin_part_event(w, words_of(part_type)->delta)) {
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
    if (is_good && begin_part_event(w, "response.output_text.annotation.added")) {
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

/* ---- signatures ---- */

static void put_base64(struct aigw_buf *buf, const struct aigw_host *host, aigw_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16 |
                         (left > 1 ? (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)(unsigned char)bytes.ptr[i + 2] : 0);
        char out[4] = { digits[group >> 18], digits[group >> 12 & 63], left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '=' };

        host->buf_put(buf, out, sizeof out);
    }
}

/* OpenAI's own goes as it is; another vendor's is marked, so that it finds its way home. */
aigw_status responses_write_signature(struct responses_writer *w, const struct aigw_event *event)
{
    bool is_redacted = event->part_type == AIGW_PART_REDACTED;
    struct aigw_buf *buf;
    aigw_status status = AIGW_OK;

    if (event->part_type == AIGW_PART_TOOL_CALL || event->data.len == 0)
        return AIGW_OK;
    if (w->open != RESPONSES_REASONING || w->encrypted.len > 0)
        status = responses_close_all(w);
    if (status == AIGW_OK && w->open != RESPONSES_REASONING)
        status = open_item(w, RESPONSES_REASONING);
    if (status != AIGW_OK || event->origin.len == 0 || wire_is(event->origin, OPENAI_RESPONSES_DIALECT))
        return status == AIGW_OK ? responses_copy(w, event->data, &w->encrypted) : status;
    buf = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, RESPONSES_TEXT_MAX);
    if (!buf)
        return AIGW_E_NOMEM;
    w->host->buf_printf(buf, "%s", is_redacted ? RESPONSES_TAG_REDACTED : RESPONSES_TAG);
    w->host->buf_put(buf, event->origin.ptr, event->origin.len);
    w->host->buf_put(buf, ".", 1);
    put_base64(buf, w->host, event->data);
    return w->host->buf_view(buf, &w->encrypted);
}

/* ---- calls ---- */

static bool is_free_tool(const struct responses_writer *w, aigw_str name)
{
    for (uint32_t i = 0; i < w->free_tool_count; i++)
        if (w->free_tools[i].len == name.len && memcmp(w->free_tools[i].ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

static struct responses_call *find_call(const struct responses_writer *w, uint32_t index)
{
    struct responses_call *call = w->call;

    if (call && call->index == index)
        return call;
    for (call = w->calls; call && call->index != index; call = call->next)
        ;
    return call;
}

static aigw_status add_call(struct responses_writer *w, const struct aigw_event *event, struct responses_call **ret)
{
    struct responses_call *call = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, sizeof *call);
    uint32_t number = w->last_call ? w->last_call->index + 1 : 0;
    char *made;
    aigw_status status;

    if (!call)
        return AIGW_E_NOMEM;
    *call = (struct responses_call){ .index = event->index,
                                     .is_free = is_free_tool(w, event->name),
                                     .is_search = w->has_tool_search && wire_is(event->name, "tool_search") };
    call->text = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, RESPONSES_TEXT_MAX);
    if (!call->text)
        return AIGW_E_NOMEM;
    status = responses_copy(w, event->id, &call->id);
    if (status == AIGW_OK && event->id.len == 0) { /* of a server that gives none */
        made = w->host->format(w->ctx, AIGW_LIFE_REQUEST, "call_%.*s_%u", w->id.len > 200 ? 200 : (int)w->id.len,
                               w->id.ptr, number);
        if (!made)
            return AIGW_E_NOMEM;
        call->id = wire_str(made);
    }
    if (status == AIGW_OK)
        status = responses_copy(w, event->name, &call->name);
    if (status == AIGW_OK)
        status = responses_copy(w, event->scope, &call->scope);
    if (w->last_call)
        w->last_call->next = call;
    else
        w->calls = call;
    w->last_call = call;
    *ret = call;
    return status;
}

static void put_call_delta(struct responses_writer *w, aigw_str text)
{
    if (text.len == 0 || w->call->is_search ||
        !begin_part_event(w, w->call->is_free ? "response.custom_tool_call_input.delta"
                                              : "response.function_call_arguments.delta"))
        return;
    responses_put_text(w, "delta", text);
    responses_end_event(w);
}

static aigw_status close_call(struct responses_writer *w)
{
    aigw_str text = responses_kept(w, w->call->text);

    w->call->is_ended = true;
    if (text.len == 0 && !w->call->is_free) {
        w->host->buf_put(w->call->text, "{}", 2);
        text = responses_kept(w, w->call->text);
        put_call_delta(w, text);
    }
    if (!w->call->is_search && begin_part_event(w, w->call->is_free ? "response.custom_tool_call_input.done"
                                                                    : "response.function_call_arguments.done")) {
        if (!w->call->is_free)
            responses_put_text(w, "name", w->call->name);
        responses_put_text(w, w->call->is_free ? "input" : "arguments", text);
        responses_end_event(w);
    }
    return finish_item(w);
}

static aigw_status open_call(struct responses_writer *w, struct responses_call *call)
{
    aigw_status status = responses_close(w);

    if (status != AIGW_OK)
        return status;
    w->call = call;
    status = open_item(w, RESPONSES_CALL);
    if (status == AIGW_OK)
        put_call_delta(w, responses_kept(w, call->text)); /* what came before its turn */
    return status;
}

/* Whole, as far as can be told: arguments are one JSON value. Plain text has no end of its own. */
static bool is_whole(struct responses_writer *w, const struct responses_call *call)
{
    struct aigw_json root;

    return call->is_ended ||
           (!call->is_free && aigw_json_check(responses_kept(w, call->text), 0, &root, NULL) == AIGW_OK);
}

/* The calls behind the open one have their turn while those before them are whole. */
static aigw_status advance_calls(struct responses_writer *w)
{
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && w->call && w->call->next && (w->open != RESPONSES_CALL || is_whole(w, w->call)))
        status = open_call(w, w->call->next);
    return status;
}

aigw_status responses_write_call(struct responses_writer *w, const struct aigw_event *event)
{
    struct responses_call *call = find_call(w, event->index);
    aigw_status status = AIGW_OK;
    aigw_str view;
    bool is_first = !w->calls;

    if (!call)
        status = add_call(w, event, &call);
    if (status != AIGW_OK || call->is_ended) /* what comes behind the end of its item has no place */
        return status;
    if (is_first)
        status = open_call(w, call);
    else if (call != w->call)
        status = advance_calls(w);
    if (status != AIGW_OK)
        return status;
    w->host->buf_put(call->text, event->text.ptr, event->text.len);
    if (call == w->call && w->open == RESPONSES_CALL)
        put_call_delta(w, event->text);
    return w->host->buf_view(call->text, &view);
}

aigw_status responses_end_call(struct responses_writer *w, uint32_t index)
{
    struct responses_call *call = find_call(w, index);

    if (!call || call->is_ended)
        return AIGW_OK;
    call->is_ended = true;
    if (call != w->call || w->open != RESPONSES_CALL)
        return AIGW_OK;
    return close_call(w);
}

/* ---- closing ---- */

aigw_status responses_close(struct responses_writer *w)
{
    aigw_status status;

    switch (w->open) {
    case RESPONSES_NOTHING:
        return AIGW_OK;
    case RESPONSES_CALL:
        return close_call(w);
    default:
        status = close_part(w);
        return status == AIGW_OK ? finish_item(w) : status;
    }
}

aigw_status responses_close_all(struct responses_writer *w)
{
    aigw_status status = responses_close(w);

    while (status == AIGW_OK && w->call && w->call->next)
        status = open_call(w, w->call->next);
    return status == AIGW_OK ? responses_close(w) : status;
}
