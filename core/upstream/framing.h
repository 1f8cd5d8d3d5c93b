/* framing.h - cut a model server's byte stream into frames: SSE, NDJSON, AWS event stream, or one whole body. Pure: no
 * I/O.
 *
 * Servers do not always answer in the form that was asked for, and label it wrongly: what the body begins with decides.
 * `{` or `[` where an event stream was asked for: it is a whole body of JSON. A field or a comment of SSE where
 * something else was asked for: it is SSE. A byte order mark and blanks before that are passed over. */
#ifndef GW_FRAMING_H
#define GW_FRAMING_H

#include "base/base.h"
#include <aigw/provider.h>

/** Called once per frame. Not AIGW_OK stops the feeding and is handed back. */
typedef aigw_status (*gw_frame_fn)(void *user, const struct aigw_frame *frame);

enum gw_framer_state {
    GW_FRAMER_MARK,  /* nothing came: a byte order mark may */
    GW_FRAMER_BLANK, /* behind it; blanks are passed over */
    GW_FRAMER_FIRST, /* the first bytes are held until they say what it is */
    GW_FRAMER_FRAMES /* known */
};

/** How far a text is, as JSON: told by brackets alone. */
struct gw_framer_json {
    size_t scanned; /* bytes looked at */
    uint32_t depth;
    bool in_string, is_escaped;
    bool is_more; /* something follows the first value */
};

struct gw_framer {
    enum gw_framer_state state;
    uint32_t framing; /* AIGW_FRAMING_*: what was asked for, then what it is */
    bool has_data, has_next, skip_lf;
    aigw_status failed;         /* what ended the feeding for good, AIGW_OK while all is well */
    struct gw_buf held;         /* bytes of the beginning, or of the unfinished line, message or body */
    struct gw_buf data;         /* SSE: data lines of the event being collected */
    struct gw_buf name;         /* SSE: its name */
    struct gw_buf next;         /* SSE: a name that came behind its data: its own, or that of the event behind it */
    struct gw_framer_json json; /* SSE: of data, once there is a second line; BODY: of held, when that was asked */
};
/** framing: what was asked for. frame_max: largest frame (or body); beyond it feeding fails with AIGW_E_LIMIT. */
void gw_framer_init(struct gw_framer *framer, uint32_t framing, size_t frame_max);
void gw_framer_done(struct gw_framer *framer);
/** Frames that lie whole inside `bytes` are delivered without a copy where the format allows. A failure is final:
 *  every later feed answers the same. */
aigw_status gw_framer_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user);
/** A body that says by itself that it is whole: one JSON object or list, whatever its framing says. Cheap, but for a
 *  look at each byte. */
bool gw_framer_is_whole(struct gw_framer *framer);
/** End of body: deliver what is complete (BODY: everything; NDJSON: a last line without newline; SSE: an event that
 *  lacks only its blank line is delivered too). AIGW_E_UPSTREAM if an event stream message is incomplete. */
aigw_status gw_framer_end(struct gw_framer *framer, gw_frame_fn fn, void *user);

#endif
