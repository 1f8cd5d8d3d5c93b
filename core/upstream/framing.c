/* framing.c - the line formats (SSE, NDJSON) and the whole body; eventstream.c has the binary one.
 *
 * A line that lies whole in the fed bytes is looked at in place; only the unfinished tail of a feed is kept. The event
 * under construction holds views into the fed bytes and is copied only when a second data line comes or the feed ends.
 */
#include "upstream/framing.h"

#include <string.h>

#include "upstream/eventstream.h"

#define LINE_EXTRA 16   /* BOM, "data: " and some room */
#define KEEP_CAP   2048 /* an emptied buffer larger than this is given back: thousands of streams idle at once */

void gw_framer_init(struct gw_framer *framer, uint32_t framing, size_t frame_max)
{
    memset(framer, 0, sizeof *framer);
    framer->framing = framing;
    /* A held line is longer than its frame by the field's name; data.max is the limit that counts. */
    gw_buf_init(&framer->held,
                framing == AIGW_FRAMING_SSE && frame_max < SIZE_MAX - LINE_EXTRA ? frame_max + LINE_EXTRA : frame_max);
    gw_buf_init(&framer->data, frame_max);
    gw_buf_init(&framer->name, frame_max);
}

void gw_framer_done(struct gw_framer *framer)
{
    gw_buf_done(&framer->held);
    gw_buf_done(&framer->data);
    gw_buf_done(&framer->name);
}

static void empty(struct gw_buf *buf)
{
    if (buf->cap > KEEP_CAP) {
        size_t max = buf->max;

        gw_buf_done(buf);
        gw_buf_init(buf, max);
    } else {
        gw_buf_clear(buf);
    }
}

static aigw_status hold(struct gw_buf *buf, const char *bytes, size_t len)
{
    gw_buf_put(buf, bytes, len);
    return buf->status;
}

/* ---- SSE ---------------------------------------------------------------------------------------------------- */

/** The event under construction during one feed. */
struct sse {
    struct gw_framer *framer;
    gw_frame_fn fn;
    void *user;
    aigw_str data; /* the one data line so far, in the fed bytes; counts only while !in_buffer */
    aigw_str name;
    bool in_buffer; /* data lives in framer->data */
};

/** Move the views into the framer: the bytes they point to go away, or a second data line joins them. */
static aigw_status sse_settle(struct sse *sse)
{
    struct gw_framer *framer = sse->framer;
    aigw_status status = AIGW_OK;

    if (framer->has_data && !sse->in_buffer) {
        status = hold(&framer->data, sse->data.ptr, sse->data.len);
        sse->in_buffer = true;
    }
    if (status == AIGW_OK && sse->name.ptr && sse->name.ptr != framer->name.data) {
        gw_buf_clear(&framer->name);
        status = hold(&framer->name, sse->name.ptr, sse->name.len);
        sse->name = gw_buf_str(&framer->name);
    }
    return status;
}

static aigw_status sse_dispatch(struct sse *sse)
{
    struct gw_framer *framer = sse->framer;
    aigw_status status = AIGW_OK;

    if (framer->has_data) {
        struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_SSE };

        frame.data = sse->in_buffer ? gw_buf_str(&framer->data) : sse->data;
        if (!frame.data.ptr)
            frame.data = AIGW_STR("");
        frame.event = sse->name.len > 0 ? sse->name : AIGW_STR_NONE;
        if (frame.data.len > framer->data.max)
            status = AIGW_E_LIMIT;
        else
            status = sse->fn(sse->user, &frame);
    }
    framer->has_data = false;
    sse->in_buffer = false;
    sse->name = AIGW_STR_NONE;
    empty(&framer->data);
    empty(&framer->name);
    return status;
}

/** `line` may lie in framer->held: `may_view` says whether it outlives this call. */
static aigw_status sse_line(struct sse *sse, aigw_str line, bool may_view)
{
    struct gw_framer *framer = sse->framer;
    aigw_status status = AIGW_OK;
    const char *colon;
    aigw_str field, value = AIGW_STR("");

    if (!framer->seen_bom) {
        framer->seen_bom = true;
        if (line.len >= 3 && memcmp(line.ptr, "\xef\xbb\xbf", 3) == 0)
            line = (aigw_str){ line.ptr + 3, line.len - 3 };
    }
    if (line.len == 0)
        return sse_dispatch(sse);
    colon = memchr(line.ptr, ':', line.len);
    field = (aigw_str){ line.ptr, colon ? (size_t)(colon - line.ptr) : line.len };
    if (colon) {
        value = (aigw_str){ colon + 1, line.len - field.len - 1 };
        if (value.len > 0 && value.ptr[0] == ' ')
            value = (aigw_str){ value.ptr + 1, value.len - 1 };
    }
    if (gw_str_is(field, "data")) {
        if (framer->has_data) {
            status = sse_settle(sse);
            if (status == AIGW_OK)
                status = hold(&framer->data, "\n", 1);
            if (status == AIGW_OK)
                status = hold(&framer->data, value.ptr, value.len);
        } else {
            framer->has_data = true;
            sse->data = value;
            if (!may_view)
                status = sse_settle(sse);
        }
    } else if (gw_str_is(field, "event")) {
        sse->name = value;
        if (!may_view)
            status = sse_settle(sse);
    } /* id, retry, comments (an empty field name) and strangers: nothing to do */
    return status;
}

static aigw_status sse_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user)
{
    struct sse sse = { .framer = framer, .fn = fn, .user = user, .in_buffer = framer->has_data };
    const char *at = bytes, *end = bytes + len, *lf = NULL;
    aigw_status status = AIGW_OK;

    if (framer->name.len > 0)
        sse.name = gw_buf_str(&framer->name);
    if (framer->skip_lf && at < end) {
        framer->skip_lf = false;
        at += *at == '\n';
    }
    while (at < end && status == AIGW_OK) {
        const char *stop, *cr;

        /* One search for LF serves every CR before it: lines that end in CR alone stay linear. */
        if (!lf || lf < at) {
            lf = memchr(at, '\n', (size_t)(end - at));
            if (!lf)
                lf = end;
        }
        cr = memchr(at, '\r', (size_t)(lf - at));
        stop = cr ? cr : lf;
        if (stop == end)
            break;
        if (framer->held.len > 0) {
            status = hold(&framer->held, at, (size_t)(stop - at));
            if (status == AIGW_OK)
                status = sse_line(&sse, gw_buf_str(&framer->held), false);
            empty(&framer->held);
        } else {
            status = sse_line(&sse, (aigw_str){ at, (size_t)(stop - at) }, true);
        }
        at = stop + 1;
        if (cr && at == end)
            framer->skip_lf = true;
        else if (cr && *at == '\n')
            at++;
    }
    if (status == AIGW_OK)
        status = sse_settle(&sse);
    if (status == AIGW_OK && at < end)
        status = hold(&framer->held, at, (size_t)(end - at));
    return status;
}

static aigw_status sse_end(struct gw_framer *framer, gw_frame_fn fn, void *user)
{
    struct sse sse = { .framer = framer, .fn = fn, .user = user, .in_buffer = framer->has_data };
    aigw_status status = AIGW_OK;

    if (framer->name.len > 0)
        sse.name = gw_buf_str(&framer->name);
    if (framer->held.len > 0)
        status = sse_line(&sse, gw_buf_str(&framer->held), false);
    if (status == AIGW_OK)
        status = sse_dispatch(&sse);
    return status;
}

/* ---- NDJSON ------------------------------------------------------------------------------------------------- */

static aigw_status ndjson_line(struct gw_framer *framer, aigw_str line, gw_frame_fn fn, void *user)
{
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_NDJSON };

    if (!framer->seen_bom) {
        framer->seen_bom = true;
        if (line.len >= 3 && memcmp(line.ptr, "\xef\xbb\xbf", 3) == 0)
            line = (aigw_str){ line.ptr + 3, line.len - 3 };
    }
    frame.data = gw_str_trim(line);
    if (frame.data.len == 0)
        return AIGW_OK;
    if (frame.data.len > framer->held.max)
        return AIGW_E_LIMIT;
    return fn(user, &frame);
}

static aigw_status ndjson_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user)
{
    const char *at = bytes, *end = bytes + len, *lf;
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && at < end && (lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (framer->held.len > 0) {
            status = hold(&framer->held, at, (size_t)(lf - at));
            if (status == AIGW_OK)
                status = ndjson_line(framer, gw_buf_str(&framer->held), fn, user);
            empty(&framer->held);
        } else {
            status = ndjson_line(framer, (aigw_str){ at, (size_t)(lf - at) }, fn, user);
        }
        at = lf + 1;
    }
    if (status == AIGW_OK && at < end)
        status = hold(&framer->held, at, (size_t)(end - at));
    return status;
}

/* ---- all formats -------------------------------------------------------------------------------------------- */

static aigw_status eventstream_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user)
{
    aigw_status status = AIGW_OK;
    size_t max = framer->held.max;

    /* First complete the message that an earlier feed began: ask for exactly what it lacks. */
    while (framer->held.len > 0 && len > 0 && status == AIGW_OK) {
        size_t want, part;

        status = gw_eventstream_need((const uint8_t *)framer->held.data, framer->held.len, max, &want);
        if (status != AIGW_OK)
            break;
        part = want - framer->held.len < len ? want - framer->held.len : len;
        status = hold(&framer->held, bytes, part);
        bytes += part;
        len -= part;
        if (status == AIGW_OK && framer->held.len == want && want > GW_EVENTSTREAM_PRELUDE) {
            status = gw_eventstream_message((const uint8_t *)framer->held.data, want, fn, user);
            empty(&framer->held);
        }
    }
    while (len > 0 && status == AIGW_OK) {
        size_t want;

        status = gw_eventstream_need((const uint8_t *)bytes, len, max, &want);
        if (status != AIGW_OK)
            break;
        if (want > len)
            return hold(&framer->held, bytes, len);
        status = gw_eventstream_message((const uint8_t *)bytes, want, fn, user);
        bytes += want;
        len -= want;
    }
    return status;
}

aigw_status gw_framer_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user)
{
    if (framer->failed != AIGW_OK || len == 0)
        return framer->failed;
    switch (framer->framing) {
    case AIGW_FRAMING_SSE:
        framer->failed = sse_feed(framer, bytes, len, fn, user);
        break;
    case AIGW_FRAMING_NDJSON:
        framer->failed = ndjson_feed(framer, bytes, len, fn, user);
        break;
    case AIGW_FRAMING_EVENTSTREAM:
        framer->failed = eventstream_feed(framer, bytes, len, fn, user);
        break;
    default:
        framer->failed = hold(&framer->held, bytes, len);
        break;
    }
    return framer->failed;
}

aigw_status gw_framer_end(struct gw_framer *framer, gw_frame_fn fn, void *user)
{
    if (framer->failed != AIGW_OK)
        return framer->failed;
    switch (framer->framing) {
    case AIGW_FRAMING_SSE:
        framer->failed = sse_end(framer, fn, user);
        break;
    case AIGW_FRAMING_NDJSON:
        if (framer->held.len > 0)
            framer->failed = ndjson_line(framer, gw_buf_str(&framer->held), fn, user);
        break;
    case AIGW_FRAMING_EVENTSTREAM:
        if (framer->held.len > 0)
            framer->failed = AIGW_E_UPSTREAM;
        break;
    default: {
        struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_BODY };

        frame.data = framer->held.data ? gw_buf_str(&framer->held) : AIGW_STR("");
        framer->failed = fn(user, &frame);
        break;
    }
    }
    empty(&framer->held);
    return framer->failed;
}
