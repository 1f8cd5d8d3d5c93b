/* answer_write_blocks.c - content blocks, whole or as events of a stream. A whole block is collected and written when
 * it is closed; of a stream each piece is written as it comes. */
#include "answer_write.h"

#include <aigw/json.h>
#include <stdio.h>
#include <string.h>

#include "../common/carry.h"
#include "anthropic.h"

#define CALL_ID_DIGITS 24

/* JSON of the vendor's. A server that prints it over several lines would break the lines of a stream. */
static void put_json(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str json)
{
    size_t begin = 0;

    for (size_t i = 0; i < json.len; i++)
        if (json.ptr[i] == '\n' || json.ptr[i] == '\r') {
            w->host->buf_put(buf, json.ptr + begin, i - begin);
            WRITE(w, buf, " ");
            begin = i + 1;
        }
    w->host->buf_put(buf, json.ptr + begin, json.len - begin);
}

/* ---- opening and closing ---- */

/* `"id":…,"name":…` of a call. Servers that give no id get one of ours. */
static aigw_status put_call_head(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str id, aigw_str name)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789AB";
    uint8_t chance[CALL_ID_DIGITS];
    char made[6 + CALL_ID_DIGITS] = "toolu_";

    if (id.len == 0) {
        if (w->host->random(w->ctx, chance, sizeof chance) != AIGW_OK)
            return AIGW_E_NOMEM;
        for (size_t i = 0; i < CALL_ID_DIGITS; i++)
            made[6 + i] = digits[chance[i] & 63];
        id = (aigw_str){ made, sizeof made };
    }
    if (!writer_unique_id(w, id, &id))
        return AIGW_E_NOMEM;
    WRITE(w, buf, "{\"type\":\"tool_use\",\"id\":");
    w->host->buf_json(buf, id);
    WRITE(w, buf, ",\"name\":");
    w->host->buf_json(buf, name);
    WRITE(w, buf, ",\"input\":");
    return AIGW_OK;
}

static void begin_start(struct anthropic_writer *w, struct aigw_buf *buf)
{
    w->host->buf_printf(buf,
                        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":%u,"
                        "\"content_block\":",
                        w->block_count - 1);
}

/* A delta of the open block up to its own members. */
static void begin_delta(struct anthropic_writer *w, struct aigw_buf *buf)
{
    w->host->buf_printf(buf,
                        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":%u,\"delta\":",
                        w->block_count - 1);
}

/* What stands before the text of each delta is made once: there are many of them. */
static void prepare_delta(struct anthropic_writer *w, const char *member)
{
    int len = snprintf(w->delta, sizeof w->delta,
                       "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":%u,"
                       "\"delta\":{\"type\":%s:",
                       w->block_count - 1, member);

    w->delta_len = len > 0 && (size_t)len < sizeof w->delta ? (uint32_t)len : 0;
}

/* Memory for what a whole block collects. */
static aigw_status collect(struct anthropic_writer *w)
{
    if (!w->text)
        w->text = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    if (!w->more)
        w->more = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    if (!w->text || !w->more)
        return AIGW_E_NOMEM;
    w->host->buf_clear(w->text);
    w->host->buf_clear(w->more);
    return AIGW_OK;
}

static aigw_status open_block(struct anthropic_writer *w, struct aigw_buf *buf, uint32_t type)
{
    writer_begin_message(w, buf);
    w->state = ANTHROPIC_WRITE_BLOCK;
    w->block_type = type;
    w->is_signed = w->is_ended = w->is_in_string = w->is_in_escape = false;
    w->call_depth = 0;
    if (w->block_count++ > 0 && !w->options->is_stream)
        WRITE(w, buf, ",");
    return w->options->is_stream ? AIGW_OK : collect(w);
}

static aigw_status open_call(struct anthropic_writer *w, struct aigw_buf *buf, uint32_t index, aigw_str id,
                             aigw_str name)
{
    aigw_status status = open_block(w, buf, AIGW_PART_TOOL_CALL);

    if (status != AIGW_OK)
        return status;
    w->call_index = index;
    w->call_count++;
    if (!w->options->is_stream)
        return put_call_head(w, buf, id, name);
    begin_start(w, buf);
    status = put_call_head(w, buf, id, name);
    WRITE(w, buf, "{}}}\n\n");
    prepare_delta(w, "\"input_json_delta\",\"partial_json\"");
    return status;
}

static aigw_status open_text(struct anthropic_writer *w, struct aigw_buf *buf, uint32_t type)
{
    aigw_status status = open_block(w, buf, type);

    if (status != AIGW_OK || !w->options->is_stream)
        return status;
    begin_start(w, buf);
    if (type == AIGW_PART_TEXT) {
        WRITE(w, buf, "{\"type\":\"text\",\"text\":\"\"}}\n\n");
        prepare_delta(w, "\"text_delta\",\"text\"");
    } else {
        WRITE(w, buf, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n");
        prepare_delta(w, "\"thinking_delta\",\"thinking\"");
    }
    return AIGW_OK;
}

/* A piece for the open block. */
static void put_piece(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str text)
{
    if (text.len == 0)
        return;
    w->said_bytes += (int64_t)text.len;
    if (w->block_type == AIGW_PART_TOOL_CALL)
        writer_follow(w, text);
    if (!w->options->is_stream) {
        w->host->buf_put(w->text, text.ptr, text.len);
        return;
    }
    w->host->buf_put(buf, w->delta, w->delta_len);
    w->host->buf_json(buf, text);
    WRITE(w, buf, "}}\n\n");
}

/* Arguments must be an object; what a model wrote in place of one is kept in one. */
static aigw_status put_arguments(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str text)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, WIRE_BODY_MAX * 2);
    struct aigw_json value;
    aigw_status status = AIGW_OK;

    if (wire_is_blank(text)) {
        WRITE(w, buf, "{}");
    } else if (aigw_json_check(text, AIGW_JSON_NAN, &value, NULL) == AIGW_OK && value.type == AIGW_JSON_OBJECT) {
        status = aigw_json_mend(&value, &memory, &text);
        if (status == AIGW_OK)
            w->host->buf_put(buf, text.ptr, text.len);
    } else {
        WRITE(w, buf, "{\"_raw\":");
        w->host->buf_json(buf, text);
        WRITE(w, buf, "}");
    }
    aigw_pool_free(&pool);
    return status;
}

/* A block of the vendor's whose input came in pieces. */
static void put_opaque_with(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str block, aigw_str input)
{
    struct aigw_json value, key;
    struct aigw_json_walk walk;
    const char *comma = "{";

    if (input.len == 0 || aigw_json_check(input, 0, &value, NULL) != AIGW_OK ||
        aigw_json_check(block, 0, &value, NULL) != AIGW_OK) {
        w->host->buf_put(buf, block.ptr, block.len);
        return;
    }
    walk = aigw_json_begin(&value);
    while (aigw_json_next(&walk, &key, &value)) {
        aigw_str text = aigw_json_is_text(&key, "input") ? input : value.text;

        w->host->buf_put(buf, comma, 1);
        w->host->buf_put(buf, key.text.ptr, key.text.len);
        WRITE(w, buf, ":");
        w->host->buf_put(buf, text.ptr, text.len);
        comma = ",";
    }
    WRITE(w, buf, "}");
}

static aigw_status close_whole(struct anthropic_writer *w, struct aigw_buf *buf)
{
    aigw_str text, more;
    aigw_status status = w->host->buf_view(w->text, &text);

    if (status == AIGW_OK)
        status = w->host->buf_view(w->more, &more);
    if (status != AIGW_OK)
        return status;
    switch (w->block_type) {
    case AIGW_PART_TEXT:
        WRITE(w, buf, "{\"type\":\"text\",\"text\":");
        w->host->buf_json(buf, text);
        if (more.len > 0) {
            WRITE(w, buf, ",\"citations\":[");
            w->host->buf_put(buf, more.ptr, more.len);
            WRITE(w, buf, "]");
        }
        break;
    case AIGW_PART_REASONING:
        WRITE(w, buf, "{\"type\":\"thinking\",\"thinking\":");
        w->host->buf_json(buf, text);
        WRITE(w, buf, ",\"signature\":");
        w->host->buf_put(buf, more.len > 0 ? more.ptr : "\"\"", more.len > 0 ? more.len : 2);
        break;
    case AIGW_PART_TOOL_CALL:
        status = put_arguments(w, buf, text);
        break;
    default:
        put_opaque_with(w, buf, text, more);
        return AIGW_OK;
    }
    WRITE(w, buf, "}");
    return status;
}

static aigw_status close_block(struct anthropic_writer *w, struct aigw_buf *buf)
{
    if (w->state != ANTHROPIC_WRITE_BLOCK)
        return AIGW_OK;
    w->state = ANTHROPIC_WRITE_OPEN;
    if (!w->options->is_stream)
        return close_whole(w, buf);
    w->host->buf_printf(buf, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":%u}\n\n",
                        w->block_count - 1);
    return AIGW_OK;
}

/* ---- in order ---- */

/* Open the first block that waits, with what is there of it. */
static aigw_status open_waiting(struct anthropic_writer *w, struct aigw_buf *buf)
{
    struct anthropic_waiting *next = w->waiting;
    aigw_status status = close_block(w, buf);
    aigw_str text;

    w->waiting = next->next;
    w->last_waiting = w->waiting ? w->last_waiting : NULL;
    w->waiting_count--;
    if (status == AIGW_OK)
        status = w->host->buf_view(next->text, &text);
    if (status == AIGW_OK)
        status = next->type == AIGW_PART_TOOL_CALL ? open_call(w, buf, next->index, next->id, next->name)
                                                   : open_text(w, buf, next->type);
    if (status != AIGW_OK)
        return status;
    put_piece(w, buf, text);
    w->is_ended = w->is_ended || next->is_ended;
    return AIGW_OK;
}

/* A call may have become complete: those behind it go on. */
static aigw_status advance(struct anthropic_writer *w, struct aigw_buf *buf)
{
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && w->waiting && (w->block_type != AIGW_PART_TOOL_CALL || w->is_ended))
        status = open_waiting(w, buf);
    return status;
}

/* What waits is written, whether the calls before it are complete or not. The last block stays open. */
static aigw_status drain(struct anthropic_writer *w, struct aigw_buf *buf)
{
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && w->waiting)
        status = open_waiting(w, buf);
    return status;
}

aigw_status writer_close_all(struct anthropic_writer *w, struct aigw_buf *buf)
{
    aigw_status status = drain(w, buf);

    return status == AIGW_OK ? close_block(w, buf) : status;
}

/* ---- what events say ---- */

static bool is_open(const struct anthropic_writer *w, uint32_t type)
{
    return w->state == ANTHROPIC_WRITE_BLOCK && w->block_type == type;
}

aigw_status writer_text(struct anthropic_writer *w, struct aigw_buf *buf, uint32_t type, aigw_str text)
{
    struct aigw_event event = { .struct_size = sizeof event, .text = text };
    aigw_status status = AIGW_OK;

    if (text.len == 0)
        return AIGW_OK;
    if (!writer_may_leave(w))
        return writer_wait(w, type, &event);
    if (!is_open(w, type) || w->is_ended) {
        status = close_block(w, buf);
        if (status == AIGW_OK)
            status = open_text(w, buf, type);
    }
    if (status == AIGW_OK)
        put_piece(w, buf, text);
    return status;
}

static aigw_status begin_call(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    aigw_status status;

    if (!writer_may_leave(w))
        return writer_wait(w, AIGW_PART_TOOL_CALL, event);
    status = close_block(w, buf);
    if (status == AIGW_OK)
        status = open_call(w, buf, event->index, event->id, event->name);
    if (status == AIGW_OK)
        put_piece(w, buf, event->text);
    return status;
}

aigw_status writer_call(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    struct anthropic_waiting *waiting;

    if (event->name.len > 0)
        return begin_call(w, buf, event);
    if (is_open(w, AIGW_PART_TOOL_CALL) && w->call_index == event->index) {
        put_piece(w, buf, event->text);
        return advance(w, buf);
    }
    waiting = writer_waiting_call(w, event->index);
    if (waiting)
        w->host->buf_put(waiting->text, event->text.ptr, event->text.len);
    else if (!wire_is_blank(event->text))
        return writer_nonsense(w, "has a piece of a tool call that is not open");
    return AIGW_OK;
}

void writer_part_start(struct anthropic_writer *w, uint32_t type)
{
    if (w->last_waiting && w->last_waiting->type == type && type != AIGW_PART_TOOL_CALL)
        w->last_waiting->is_ended = true;
    else if (is_open(w, type) && type != AIGW_PART_TOOL_CALL)
        w->is_ended = true;
}

aigw_status writer_part_end(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    struct anthropic_waiting *waiting;

    if (event->part_type != AIGW_PART_TOOL_CALL) {
        writer_part_start(w, event->part_type);
        return AIGW_OK;
    }
    waiting = writer_waiting_call(w, event->index);
    if (waiting) {
        waiting->is_ended = true;
        return AIGW_OK;
    }
    if (!is_open(w, AIGW_PART_TOOL_CALL) || w->call_index != event->index)
        return AIGW_OK;
    w->is_ended = true;
    return advance(w, buf);
}

aigw_status writer_signature(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str origin, aigw_str data)
{
    aigw_status status = drain(w, buf);

    if (status == AIGW_OK && (!is_open(w, AIGW_PART_REASONING) || w->is_signed)) {
        status = close_block(w, buf);
        if (status == AIGW_OK)
            status = open_text(w, buf, AIGW_PART_REASONING);
    }
    if (status != AIGW_OK)
        return status;
    w->is_signed = w->is_ended = true;
    if (!w->options->is_stream) {
        carry_write(w->host, w->more, ANTHROPIC_DIALECT, origin, data);
        return AIGW_OK;
    }
    begin_delta(w, buf);
    WRITE(w, buf, "{\"type\":\"signature_delta\",\"signature\":");
    carry_write(w->host, buf, ANTHROPIC_DIALECT, origin, data);
    WRITE(w, buf, "}}\n\n");
    return AIGW_OK;
}

/* A block that comes in one. */
static aigw_status open_single(struct anthropic_writer *w, struct aigw_buf *buf, uint32_t type)
{
    aigw_status status = writer_close_all(w, buf);

    if (status == AIGW_OK)
        status = open_block(w, buf, type);
    if (status == AIGW_OK && w->options->is_stream)
        begin_start(w, buf);
    return status;
}

static aigw_status put_redacted(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str origin, aigw_str data,
                                bool is_of_call)
{
    aigw_status status = open_single(w, buf, AIGW_PART_REDACTED);
    struct aigw_buf *to = w->options->is_stream ? buf : w->text;

    if (status != AIGW_OK)
        return status;
    WRITE(w, to, "{\"type\":\"redacted_thinking\",\"data\":");
    if (is_of_call)
        carry_write_call(w->host, to, origin, data);
    else
        carry_write(w->host, to, ANTHROPIC_DIALECT, origin, data);
    WRITE(w, to, "}");
    if (w->options->is_stream)
        WRITE(w, buf, "}\n\n");
    return close_block(w, buf);
}

aigw_status writer_redacted(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str origin, aigw_str data)
{
    return put_redacted(w, buf, origin, data, false);
}

/* The call's own block has no member for it: a block behind it has, which clients send back unread. The call is whole
 * then. One that waits for its turn goes without. */
aigw_status writer_call_signature(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    if (!is_open(w, AIGW_PART_TOOL_CALL) || w->call_index != event->index || event->origin.len == 0)
        return AIGW_OK;
    w->is_ended = true;
    return put_redacted(w, buf, event->origin, event->data, true);
}

/* Text behind a citation is another block's. */
aigw_status writer_citation(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str json)
{
    struct aigw_json value;
    aigw_status status;
    aigw_str more;

    if (aigw_json_check(json, 0, &value, NULL) != AIGW_OK || value.type != AIGW_JSON_OBJECT)
        return writer_nonsense(w, "has a citation that is no object");
    status = drain(w, buf);
    if (status == AIGW_OK && !is_open(w, AIGW_PART_TEXT)) {
        status = close_block(w, buf);
        if (status == AIGW_OK)
            status = open_text(w, buf, AIGW_PART_TEXT);
    }
    if (status != AIGW_OK)
        return status;
    w->is_ended = true;
    if (w->options->is_stream) {
        begin_delta(w, buf);
        WRITE(w, buf, "{\"type\":\"citations_delta\",\"citation\":");
        put_json(w, buf, value.text);
        WRITE(w, buf, "}}\n\n");
        return AIGW_OK;
    }
    status = w->host->buf_view(w->more, &more);
    if (status == AIGW_OK && more.len > 0)
        WRITE(w, w->more, ",");
    put_json(w, w->more, value.text);
    return status;
}

/* The vendor's own delta, with our number of the block. */
static void put_opaque_delta(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_json *delta)
{
    struct aigw_json piece;
    aigw_str text;

    if (w->options->is_stream) {
        begin_delta(w, buf);
        put_json(w, buf, delta->text);
        WRITE(w, buf, "}\n\n");
        return;
    }
    if (aigw_json_member(delta, "partial_json", &piece) && piece.type == AIGW_JSON_STRING) {
        struct aigw_pool pool = { NULL };
        struct aigw_memory memory = aigw_pool_memory(&pool, WIRE_BODY_MAX);

        if (aigw_json_text(&piece, &memory, &text) == AIGW_OK)
            w->host->buf_put(w->more, text.ptr, text.len);
        aigw_pool_free(&pool);
    }
}

aigw_status writer_opaque(struct anthropic_writer *w, struct aigw_buf *buf, aigw_str json)
{
    struct aigw_json value, type, delta;
    aigw_status status;

    if (aigw_json_check(json, 0, &value, NULL) != AIGW_OK || value.type != AIGW_JSON_OBJECT)
        return writer_nonsense(w, "has vendor JSON that is none");
    aigw_json_member(&value, "type", &type);
    if (aigw_json_is_text(&type, "content_block_delta")) {
        aigw_json_member(&value, "delta", &delta);
        if (is_open(w, AIGW_PART_OPAQUE) && delta.type == AIGW_JSON_OBJECT)
            put_opaque_delta(w, buf, &delta);
        return AIGW_OK;
    }
    status = open_single(w, buf, AIGW_PART_OPAQUE);
    if (status != AIGW_OK)
        return status;
    put_json(w, w->options->is_stream ? buf : w->text, value.text);
    if (w->options->is_stream)
        WRITE(w, buf, "}\n\n");
    return AIGW_OK; /* open: deltas may follow */
}
