/* carry.h - signatures of one vendor on their way through the dialect of another: a client keeps them as it would keep
 * those of its own vendor and sends them back.
 *
 *     aigw1.<origin>.<base64 of the bytes>
 */
#ifndef DIALECT_CARRY_H
#define DIALECT_CARRY_H

#include "wire.h"

#define CARRY_MARK "aigw1."

/** True when our mark is in front of the text; then its origin and what stands behind that, absent when it is not as we
 *  wrote it. */
bool carry_split(aigw_str text, aigw_str *ret_origin, aigw_str *ret_data);
/** What a client sends back: its origin and data. Without our mark it is of the dialect `own`; data is absent when it
 * is not as we wrote it, or without memory. Lives for the build. */
void carry_read(const struct aigw_host *host, struct aigw_ctx *ctx, const char *own, aigw_str text,
                aigw_str *ret_origin, aigw_str *ret_data);
/** Append it as a JSON string: as it is when its origin is `own` or unknown. */
void carry_write(const struct aigw_host *host, struct aigw_buf *buf, const char *own, aigw_str origin, aigw_str data);

/** Bytes as base64 text, of which the length is answered. */
size_t carry_base64(aigw_str bytes, char *out);
#define CARRY_BASE64_SIZE(len) (((len) + 2) / 3 * 4)

/* That of a tool call, in dialects whose calls have no place for one: it stands behind the call, marked whatever its
 * origin. */
#define CARRY_CALL "aigw1c."
void carry_read_call(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret_origin,
                     aigw_str *ret_data);
void carry_write_call(const struct aigw_host *host, struct aigw_buf *buf, aigw_str origin, aigw_str data);

#endif
