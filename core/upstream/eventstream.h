/* eventstream.h - one message of application/vnd.amazon.eventstream: how long it is, is it sound, what it says. */
#ifndef GW_EVENTSTREAM_H
#define GW_EVENTSTREAM_H

#include "upstream/framing.h"

#define GW_EVENTSTREAM_PRELUDE 12u /* two lengths and their checksum */

/** How many bytes the message that begins at `bytes` has; GW_EVENTSTREAM_PRELUDE while fewer than that are there.
 *  AIGW_E_UPSTREAM when the prelude is unsound, AIGW_E_LIMIT when the message is longer than max. */
aigw_status gw_eventstream_need(const uint8_t *bytes, size_t len, size_t max, size_t *ret_want);
/** Check one whole message whose prelude gw_eventstream_need() accepted, and hand it to fn. Nothing is copied. */
aigw_status gw_eventstream_message(const uint8_t *bytes, size_t len, gw_frame_fn fn, void *user);
/** zlib's CRC-32. */
uint32_t gw_crc32(const uint8_t *bytes, size_t len);

#endif
