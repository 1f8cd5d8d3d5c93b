/* ndjson.c - one frame per line; empty lines are passed over. A line that lies whole in the fed bytes is not copied. */
#include <string.h>

#include "upstream/decode.h"

static aigw_status ndjson_line(struct gw_framer *framer, aigw_str line, gw_frame_fn fn, void *user)
{
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_NDJSON };

    frame.data = gw_str_trim(line);
    if (frame.data.len == 0)
        return AIGW_OK;
    if (frame.data.len > framer->data.max)
        return AIGW_E_LIMIT;
    return fn(user, &frame);
}

aigw_status gw_ndjson_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user)
{
    const char *at = bytes, *end = bytes + len, *lf;
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && at < end && (lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (framer->held.len > 0) {
            status = gw_framer_hold(&framer->held, at, (size_t)(lf - at));
            if (status == AIGW_OK)
                status = ndjson_line(framer, gw_buf_str(&framer->held), fn, user);
            gw_framer_empty(&framer->held);
        } else {
            status = ndjson_line(framer, (aigw_str){ at, (size_t)(lf - at) }, fn, user);
        }
        at = lf + 1;
    }
    if (status == AIGW_OK && at < end)
        status = gw_framer_hold(&framer->held, at, (size_t)(end - at));
    return status;
}

aigw_status gw_ndjson_end(struct gw_framer *framer, gw_frame_fn fn, void *user)
{
    return framer->held.len > 0 ? ndjson_line(framer, gw_buf_str(&framer->held), fn, user) : AIGW_OK;
}
