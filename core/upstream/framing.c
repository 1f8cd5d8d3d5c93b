/* framing.c - what a body is, told by its first bytes, and whole bodies. The other formats: sse.c, ndjson.c,
 * eventstream.c. */
#include "upstream/framing.h"

#include <string.h>
#include <strings.h>

#include "upstream/decode.h"

#define LINE_EXTRA 16   /* "data: " and some room */
#define FIRST_MAX  6    /* "retry:" and "event:" are the longest beginnings */
#define KEEP_CAP   2048 /* of an emptied buffer */

void gw_framer_init(struct gw_framer *framer, uint32_t framing, size_t frame_max)
{
    memset(framer, 0, sizeof *framer);
    framer->framing = framing;
    /* A held line of SSE is longer than its frame by the field's name; data.max is the limit that counts. */
    gw_buf_init(&framer->held, frame_max < SIZE_MAX - LINE_EXTRA ? frame_max + LINE_EXTRA : frame_max);
    gw_buf_init(&framer->data, frame_max);
    gw_buf_init(&framer->name, frame_max);
    gw_buf_init(&framer->next, frame_max);
}

void gw_framer_done(struct gw_framer *framer)
{
    gw_buf_done(&framer->held);
    gw_buf_done(&framer->data);
    gw_buf_done(&framer->name);
    gw_buf_done(&framer->next);
}

void gw_framer_empty(struct gw_buf *buf)
{
    if (buf->cap > KEEP_CAP) {
        size_t max = buf->max;

        gw_buf_done(buf);
        gw_buf_init(buf, max);
    } else {
        gw_buf_clear(buf);
    }
}

aigw_status gw_framer_hold(struct gw_buf *buf, const char *bytes, size_t len)
{
    gw_buf_put(buf, bytes, len);
    return buf->status;
}

bool gw_framer_sees_json(struct gw_framer_json *json, aigw_str bytes)
{
    if (bytes.len == 0 || (bytes.ptr[0] != '{' && bytes.ptr[0] != '['))
        return false;
    for (; json->scanned < bytes.len; json->scanned++) {
        char c = bytes.ptr[json->scanned];

        if (json->depth == 0 && json->scanned > 0) /* something follows the value */
            json->is_more = json->is_more || !memchr(" \t\r\n", c, 4);
        else if (json->is_escaped)
            json->is_escaped = false;
        else if (json->in_string && c == '\\')
            json->is_escaped = true;
        else if (c == '"')
            json->in_string = !json->in_string;
        else if (!json->in_string && (c == '{' || c == '['))
            json->depth++;
        else if (!json->in_string && (c == '}' || c == ']') && json->depth > 0)
            json->depth--;
    }
    return json->depth == 0 && !json->is_more;
}

/* ---- what is it? -------------------------------------------------------------------------------------------- */

/** What a body is that begins so: AIGW_FRAMING_*, or 0 while more bytes are needed to tell. */
static uint32_t framing_of(uint32_t asked, const char *first, size_t len)
{
    static const char *const fields[] = { "data:", "event:", "id:", "retry:", ":", "error:" };
    bool is_event_stream = asked == AIGW_FRAMING_SSE || asked == AIGW_FRAMING_EVENTSTREAM;
    bool may_be_sse = false;

    if (*first == '{' || *first == '[')
        return is_event_stream ? AIGW_FRAMING_BODY : asked;
    if (asked == AIGW_FRAMING_SSE)
        return asked;
    for (size_t i = 0; i < GW_ARRAY_LEN(fields); i++) {
        size_t want = strlen(fields[i]);

        if (strncasecmp(first, fields[i], len < want ? len : want) != 0)
            continue;
        if (len >= want)
            return AIGW_FRAMING_SSE;
        may_be_sse = true;
    }
    return may_be_sse ? 0 : asked;
}

static aigw_status body_feed(struct gw_framer *framer, const char *bytes, size_t len)
{
    aigw_status status = gw_framer_hold(&framer->held, bytes, len);

    return status == AIGW_OK && framer->held.len > framer->data.max ? AIGW_E_LIMIT : status;
}

static aigw_status frames_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user)
{
    if (len == 0)
        return AIGW_OK;
    switch (framer->framing) {
    case AIGW_FRAMING_SSE:
        return gw_sse_feed(framer, bytes, len, fn, user);
    case AIGW_FRAMING_NDJSON:
        return gw_ndjson_feed(framer, bytes, len, fn, user);
    case AIGW_FRAMING_EVENTSTREAM:
        return gw_eventstream_feed(framer, bytes, len, fn, user);
    default:
        return body_feed(framer, bytes, len);
    }
}

/** It is known what it is: the first bytes, if they had to be held, go ahead. */
static aigw_status begin_frames(struct gw_framer *framer, uint32_t framing, gw_frame_fn fn, void *user)
{
    char first[FIRST_MAX];
    size_t len = framer->held.len;

    if (len > 0)
        memcpy(first, framer->held.data, len);
    gw_buf_clear(&framer->held);
    framer->framing = framing;
    framer->state = GW_FRAMER_FRAMES;
    return frames_feed(framer, first, len, fn, user);
}

/** Hold one byte; *ret_is_mark when the bytes so far are, or may become, the byte order mark. */
static aigw_status mark_byte(struct gw_framer *framer, char byte, bool *ret_is_mark)
{
    static const char mark[] = "\xef\xbb\xbf";

    *ret_is_mark = byte == mark[framer->held.len];
    return *ret_is_mark ? gw_framer_hold(&framer->held, &byte, 1) : AIGW_OK;
}

/** Move through the states until it is known what the body is; *ret_used bytes belong to that. */
static aigw_status first_feed(struct gw_framer *framer, const char *bytes, size_t len, size_t *ret_used, gw_frame_fn fn,
                              void *user)
{
    aigw_status status = AIGW_OK;
    size_t at = 0;
    bool is_mark;

    while (at < len && framer->state != GW_FRAMER_FRAMES && status == AIGW_OK) {
        uint32_t framing;

        switch (framer->state) {
        case GW_FRAMER_MARK:
            status = mark_byte(framer, bytes[at], &is_mark);
            at += is_mark;
            if (is_mark && framer->held.len == 3)
                gw_buf_clear(&framer->held);
            else if (is_mark)
                break;
            framer->state = framer->held.len > 0 ? GW_FRAMER_FIRST : GW_FRAMER_BLANK;
            break;
        case GW_FRAMER_BLANK:
            if (bytes[at] == ' ' || bytes[at] == '\t' || bytes[at] == '\r' || bytes[at] == '\n') {
                at++;
                break;
            }
            framer->state = GW_FRAMER_FIRST;
            framing = framing_of(framer->framing, bytes + at, len - at); /* mostly it can be told in place */
            if (framing)
                status = begin_frames(framer, framing, fn, user);
            break;
        default:
            status = gw_framer_hold(&framer->held, bytes + at++, 1);
            framing = status == AIGW_OK ? framing_of(framer->framing, framer->held.data, framer->held.len) : 0;
            if (framing)
                status = begin_frames(framer, framing, fn, user);
            break;
        }
    }
    *ret_used = at;
    return status;
}

/* ---- all formats -------------------------------------------------------------------------------------------- */

aigw_status gw_framer_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user)
{
    size_t used = 0;

    if (framer->failed == AIGW_OK && framer->state != GW_FRAMER_FRAMES)
        framer->failed = first_feed(framer, bytes, len, &used, fn, user);
    if (framer->failed == AIGW_OK && used < len)
        framer->failed = frames_feed(framer, bytes + used, len - used, fn, user);
    return framer->failed;
}

bool gw_framer_is_whole(struct gw_framer *framer)
{
    return framer->failed == AIGW_OK && framer->state == GW_FRAMER_FRAMES && framer->framing == AIGW_FRAMING_BODY &&
           framer->held.len > 0 && gw_framer_sees_json(&framer->json, gw_buf_str(&framer->held));
}

static aigw_status body_end(struct gw_framer *framer, gw_frame_fn fn, void *user)
{
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_BODY };

    frame.data = framer->held.data ? gw_buf_str(&framer->held) : AIGW_STR("");
    return fn(user, &frame);
}

aigw_status gw_framer_end(struct gw_framer *framer, gw_frame_fn fn, void *user)
{
    if (framer->failed == AIGW_OK && framer->state != GW_FRAMER_FRAMES)
        framer->failed = begin_frames(framer, framer->framing, fn, user);
    if (framer->failed != AIGW_OK)
        return framer->failed;
    switch (framer->framing) {
    case AIGW_FRAMING_SSE:
        framer->failed = gw_sse_end(framer, fn, user);
        break;
    case AIGW_FRAMING_NDJSON:
        framer->failed = gw_ndjson_end(framer, fn, user);
        break;
    case AIGW_FRAMING_EVENTSTREAM:
        framer->failed = gw_eventstream_end(framer);
        break;
    default:
        framer->failed = body_end(framer, fn, user);
        break;
    }
    gw_framer_empty(&framer->held);
    return framer->failed;
}
