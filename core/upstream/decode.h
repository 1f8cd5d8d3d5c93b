/* decode.h - the formats behind framing.h, a file each; they begin behind the byte order mark. */
#ifndef GW_DECODE_H
#define GW_DECODE_H

#include "upstream/framing.h"

aigw_status gw_sse_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user);
aigw_status gw_sse_end(struct gw_framer *framer, gw_frame_fn fn, void *user);
aigw_status gw_ndjson_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user);
aigw_status gw_ndjson_end(struct gw_framer *framer, gw_frame_fn fn, void *user);
aigw_status gw_eventstream_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user);
aigw_status gw_eventstream_end(struct gw_framer *framer);

/** True when the bytes, of which nothing but their end is new, are one whole JSON object or list. Looks at each once.
 */
bool gw_framer_sees_json(struct gw_framer_json *json, aigw_str bytes);
/** Append; answers the buffer's status. */
aigw_status gw_framer_hold(struct gw_buf *buf, const char *bytes, size_t len);
/** Empty a buffer; a large one is given back: thousands of streams idle at once. */
void gw_framer_empty(struct gw_buf *buf);

#endif
