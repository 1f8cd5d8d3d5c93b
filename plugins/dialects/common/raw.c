/* raw.c - pass-through: the client's own bytes to the server, the server's to the client; and ids that fit both. */
#include "wire.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Is the model called what the client calls it, as it is written there? */
static bool is_named(const struct aigw_raw *raw, aigw_str model)
{
    const char *name = raw->body.ptr + raw->model_at;

    return model.len > 0 && raw->model_len == model.len + 2 && name[0] == '"' &&
           memcmp(name + 1, model.ptr, model.len) == 0 && name[model.len + 1] == '"' &&
           !memchr(model.ptr, '\\', model.len);
}

aigw_status wire_raw_body(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                          aigw_str model, const char *insert, aigw_str *ret_body)
{
    size_t at = raw->insert_at, model_end = raw->model_at + raw->model_len;
    struct aigw_buf *buf;

    if (raw->body.len > WIRE_BODY_MAX || at > raw->body.len || model_end > raw->body.len || model_end < raw->model_at ||
        (raw->model_len > 0 && raw->model_at < at))
        return host->fail(ctx, AIGW_E_INVALID, "the marks of the client's body lie outside of it");
    if (!*insert && (raw->model_len == 0 || is_named(raw, model))) { /* nothing changes, and it lives as long */
        *ret_body = raw->body;
        return AIGW_OK;
    }
    buf = host->buf_new(ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    if (!buf)
        return AIGW_E_NOMEM;
    host->buf_put(buf, raw->body.ptr, at);
    host->buf_put(buf, insert, strlen(insert));
    if (raw->model_len > 0) {
        host->buf_put(buf, raw->body.ptr + at, raw->model_at - at);
        host->buf_json(buf, model);
        at = model_end;
    }
    host->buf_put(buf, raw->body.ptr + at, raw->body.len - at);
    return host->buf_view(buf, ret_body);
}

static bool is_header(aigw_str name, const char *literal)
{
    return name.len == strlen(literal) && strncasecmp(name.ptr, literal, name.len) == 0;
}

aigw_str wire_raw_header(const struct aigw_raw *raw, const char *name)
{
    for (uint32_t i = 0; i < raw->header_count; i++) {
        const struct aigw_pair *header = &raw->headers[i];

        if (is_header(header->name, name))
            return header->value;
    }
    return AIGW_STR_NONE;
}

/* Secrets and framing never pass, whatever a list lets through. */
static bool may_pass(const struct aigw_pair *header, const char *const *ours)
{
    static const char *const never[] = {
        "authorization",     "x-api-key", "api-key",      "cookie",          "content-length",
        "transfer-encoding", "host",      "content-type", "accept-encoding", NULL
    };

    for (size_t i = 0; never[i]; i++)
        if (is_header(header->name, never[i]))
            return false;
    for (; *ours; ours++)
        if (is_header(header->name, *ours))
            return false;
    for (size_t i = 0; i < header->name.len; i++)
        if (!isalnum((unsigned char)header->name.ptr[i]) && header->name.ptr[i] != '-' && header->name.ptr[i] != '_')
            return false;
    return header->name.len > 0 && wire_is_header_value(header->value);
}

aigw_status wire_raw_headers(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                             const char *const *ours, const char **headers, uint32_t *count, uint32_t max)
{
    for (uint32_t i = 0; i < raw->header_count && max > 0; i++) {
        const struct aigw_pair *header = &raw->headers[i];

        if (!may_pass(header, ours))
            continue;
        headers[*count] =
            host->format(ctx, AIGW_LIFE_BUILD, "%.*s: %.*s", AIGW_STR_ARG(header->name), AIGW_STR_ARG(header->value));
        if (!headers[(*count)++])
            return AIGW_E_NOMEM;
        max--;
    }
    return AIGW_OK;
}

/* Data lines; a line feed in the data was the end of one. True when it was one line. */
static bool put_data(const struct aigw_host *host, struct aigw_buf *buf, aigw_str rest, bool is_bare)
{
    const char *begin = rest.ptr;

    host->buf_put(buf, "data: ", 6);
    for (;;) {
        const char *feed = rest.len > 0 ? memchr(rest.ptr, '\n', rest.len) : NULL;
        size_t len = feed ? (size_t)(feed - rest.ptr) : rest.len;

        host->buf_put(buf, rest.ptr, len);
        if (!feed)
            break;
        if (is_bare) /* between two tokens of JSON */
            host->buf_put(buf, " ", 1);
        else
            host->buf_put(buf, "\ndata: ", 7);
        rest = (aigw_str){ feed + 1, rest.len - len - 1 };
    }
    host->buf_put(buf, "\n\n", 2);
    return rest.ptr == begin;
}

/* *ret_is_line: the frame's data ends as the bytes do, but for the two line feeds behind them. */
static aigw_status raw_bytes(const struct aigw_host *host, const struct wire_pass *pass, const struct aigw_frame *frame,
                             aigw_str *ret_bytes, bool *ret_is_line)
{
    aigw_str name = frame->event.len > 0 ? frame->event : pass->event, data = frame->data;
    struct aigw_buf *buf = pass->buf;

    *ret_is_line = false;
    if (frame->framing != AIGW_FRAMING_SSE) {
        *ret_bytes = frame->data;
        return AIGW_OK;
    }
    host->buf_clear(buf);
    if (name.len > 0 && !pass->is_bare) {
        host->buf_put(buf, "event: ", 7);
        host->buf_put(buf, name.ptr, name.len);
        host->buf_put(buf, "\n", 1);
    }
    if (wire_is_end_marker(wire_skip_blanks(data))) /* clients look for it as the vendor writes it */
        data = AIGW_STR("[DONE]");
    *ret_is_line = put_data(host, buf, data, pass->is_bare);
    return host->buf_view(buf, ret_bytes);
}

/* Where in the bytes for the client that place of the frame is, when it is a line. */
static aigw_str place_in(aigw_str bytes, const struct aigw_frame *frame, aigw_str place)
{
    size_t from_end = (size_t)(frame->data.ptr + frame->data.len - place.ptr);

    return (aigw_str){ bytes.ptr + bytes.len - 2 - from_end, place.len };
}

aigw_status wire_pass(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_pass *pass)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_RAW };
    const struct aigw_frame *frame = pass->frame;
    bool is_line;
    aigw_status status;

    if (!pass->buf || !frame)
        return AIGW_OK;
    pass->frame = NULL;
    event.flags = pass->has_content ? 0 : AIGW_EVENTF_PREAMBLE;
    status = raw_bytes(host, pass, frame, &event.text, &is_line);
    if (status != AIGW_OK)
        return status;
    if (is_line && pass->model.len > 0)
        event.name = place_in(event.text, frame, pass->model);
    return host->emit(ctx, &event);
}

void wire_take_part(struct wire_pass *pass, struct wire_parts *parts, aigw_str from, aigw_str rest)
{
    const struct aigw_frame *whole = parts->whole;

    if (!pass->buf || !whole || whole->framing != AIGW_FRAMING_SSE || (rest.len == 0 && !parts->one.data.ptr) ||
        from.ptr < whole->data.ptr || from.ptr > whole->data.ptr + whole->data.len) /* a copy with marks in it */
        return;
    parts->one = *whole;
    parts->one.data = (aigw_str){ from.ptr, from.len - rest.len };
    pass->frame = &parts->one;
}

/* Beginnings of parts, pieces without text and counts are none. */
static bool is_content(const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_TEXT:
    case AIGW_EVENT_REASONING:
        return event->text.len > 0;
    case AIGW_EVENT_USAGE:
    case AIGW_EVENT_PART_START:
    case AIGW_EVENT_MODEL:
    case AIGW_EVENT_DROPPED:
        return false;
    default:
        return true;
    }
}

aigw_status wire_emit(const struct aigw_host *host, struct aigw_ctx *ctx, struct wire_pass *pass,
                      const struct aigw_event *event)
{
    aigw_status status = AIGW_OK;

    if (pass->drops->first && event->type != AIGW_EVENT_ERROR)
        status = wire_emit_drops(host, ctx, pass->drops);
    if (pass->buf) {
        pass->has_content |= is_content(event);
        if (event->type != AIGW_EVENT_USAGE && event->type != AIGW_EVENT_FINISH && event->type != AIGW_EVENT_ERROR)
            return AIGW_OK;
        if (event->type != AIGW_EVENT_ERROR) /* the client is told of an error in its own words */
            status = wire_pass(host, ctx, pass);
    }
    return status == AIGW_OK ? host->emit(ctx, event) : status;
}

/* ---- ids ---- */

aigw_str wire_tool_id(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str id)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    bool fits = id.len <= 64;
    uint8_t digest[32];
    char *text;

    for (size_t i = 0; i < id.len && fits; i++)
        fits = isalnum((unsigned char)id.ptr[i]) || id.ptr[i] == '_' || id.ptr[i] == '-';
    if (fits)
        return id;
    text = host->alloc(ctx, AIGW_LIFE_BUILD, 24);
    if (!text || host->sha256(ctx, id, digest) != AIGW_OK)
        return AIGW_STR_NONE;
    text[0] = 'h';
    for (int i = 0; i < 22; i++)
        text[i + 1] = digits[digest[i] % 62];
    return (aigw_str){ text, 23 };
}
