/* framing.h - cut a model server's byte stream into frames: SSE, NDJSON, AWS event stream. Pure: no I/O. */
#ifndef GW_FRAMING_H
#define GW_FRAMING_H

#include "base/base.h"
#include <aigw/provider.h>

/** Called once per frame. Not AIGW_OK stops the feeding and is handed back. */
typedef aigw_status (*gw_frame_fn)(void *user, const struct aigw_frame *frame);

struct gw_framer {
    uint32_t framing;   /* AIGW_FRAMING_SSE, _NDJSON, _EVENTSTREAM or _BODY */
    struct gw_buf held; /* bytes of the unfinished line, message or body */
    struct gw_buf data; /* SSE: data lines of the event being collected */
    struct gw_buf name; /* SSE: its name */
    bool has_data, skip_lf, seen_bom;
    aigw_status failed; /* what ended the feeding for good, AIGW_OK while all is well */
};
/** frame_max: largest frame (or body); beyond it feeding fails with AIGW_E_LIMIT. */
void gw_framer_init(struct gw_framer *framer, uint32_t framing, size_t frame_max);
void gw_framer_done(struct gw_framer *framer);
/** Frames that lie whole inside `bytes` are delivered without a copy where the format allows. A failure is final:
 *  every later feed answers the same. */
aigw_status gw_framer_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user);
/** End of body: deliver what is complete (BODY: everything; NDJSON: a last line without newline; SSE: an event that
 *  lacks only its blank line is delivered too). AIGW_E_UPSTREAM if an event stream message is incomplete. */
aigw_status gw_framer_end(struct gw_framer *framer, gw_frame_fn fn, void *user);

#endif
