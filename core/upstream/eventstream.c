/* eventstream.c - messages of application/vnd.amazon.eventstream. Layout, big-endian:
 *
 *     u32 total length | u32 headers length | u32 CRC of these 8 | headers | payload | u32 CRC of all before
 *     header: u8 name length, name, u8 type, value (its length by type; bytes and strings have a u16 before them)
 */
#include "upstream/eventstream.h"

#include <string.h>

#include "upstream/decode.h"

#define MESSAGE_MIN 16u /* prelude and the last checksum */
#define TYPE_STRING 7

uint32_t gw_crc32(const uint8_t *bytes, size_t len)
{
    /* One entry per half byte: 64 bytes of table instead of 1 KiB, fast enough for frames of a few hundred bytes. */
    static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return ~crc;
}

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

aigw_status gw_eventstream_need(const uint8_t *bytes, size_t len, size_t max, size_t *ret_want)
{
    uint32_t total, headers;

    if (len < GW_EVENTSTREAM_PRELUDE) {
        *ret_want = GW_EVENTSTREAM_PRELUDE;
        return AIGW_OK;
    }
    /* The checksum first: a length that is not sound must not decide how much is waited for. */
    if (gw_crc32(bytes, 8) != be32(bytes + 8))
        return AIGW_E_UPSTREAM;
    total = be32(bytes);
    headers = be32(bytes + 4);
    if (total < MESSAGE_MIN || headers > total - MESSAGE_MIN)
        return AIGW_E_UPSTREAM;
    if (total > max)
        return AIGW_E_LIMIT;
    *ret_want = total;
    return AIGW_OK;
}

/** Bytes of a value of this type at `at`, its own length field included; SIZE_MAX when it does not fit or the type is
 *  unknown. */
static size_t value_size(uint8_t type, const uint8_t *at, size_t left)
{
    static const uint8_t fixed[10] = { 0, 0, 1, 2, 4, 8, 0, 0, 8, 16 };
    size_t size;

    if (type >= sizeof fixed)
        return SIZE_MAX;
    if (type == 6 || type == TYPE_STRING) {
        if (left < 2)
            return SIZE_MAX;
        size = 2 + ((size_t)at[0] << 8 | at[1]);
    } else {
        size = fixed[type];
    }
    return size <= left ? size : SIZE_MAX;
}

/** What the headers say that a frame carries. */
struct said {
    aigw_str message_type, event_type, exception_type, error_code, error_message;
};

static aigw_status read_headers(const uint8_t *at, size_t left, struct said *said)
{
    while (left > 0) {
        aigw_str name, value = AIGW_STR_NONE;
        size_t size;
        uint8_t type;

        if (left < 2u + at[0])
            return AIGW_E_UPSTREAM;
        name = (aigw_str){ (const char *)at + 1, at[0] };
        type = at[1 + name.len];
        at += 2 + name.len;
        left -= 2 + name.len;
        size = value_size(type, at, left);
        if (size == SIZE_MAX)
            return AIGW_E_UPSTREAM;
        if (type == TYPE_STRING)
            value = (aigw_str){ (const char *)at + 2, size - 2 };
        at += size;
        left -= size;
        if (gw_str_is(name, ":message-type"))
            said->message_type = value;
        else if (gw_str_is(name, ":event-type"))
            said->event_type = value;
        else if (gw_str_is(name, ":exception-type"))
            said->exception_type = value;
        else if (gw_str_is(name, ":error-code"))
            said->error_code = value;
        else if (gw_str_is(name, ":error-message"))
            said->error_message = value;
    }
    return AIGW_OK;
}

aigw_status gw_eventstream_message(const uint8_t *bytes, size_t len, gw_frame_fn fn, void *user)
{
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = AIGW_FRAMING_EVENTSTREAM };
    struct said said = { .message_type = AIGW_STR_NONE };
    uint32_t headers = be32(bytes + 4);
    aigw_status status;

    if (gw_crc32(bytes, len - 4) != be32(bytes + len - 4))
        return AIGW_E_UPSTREAM;
    status = read_headers(bytes + GW_EVENTSTREAM_PRELUDE, headers, &said);
    if (status != AIGW_OK)
        return status;
    frame.event = said.event_type;
    frame.exception = said.exception_type.len > 0 ? said.exception_type : said.error_code;
    /* A failure that does not say which must still not pass for an ordinary message. */
    if (frame.exception.len == 0 && said.message_type.len > 0 && !gw_str_is(said.message_type, "event"))
        frame.exception = said.message_type;
    frame.data = (aigw_str){ (const char *)bytes + GW_EVENTSTREAM_PRELUDE + headers, len - headers - MESSAGE_MIN };
    if (frame.data.len == 0 && said.error_message.len > 0) /* an error has no payload: these are its words */
        frame.data = said.error_message;
    return fn(user, &frame);
}

/* ---- the stream --------------------------------------------------------------------------------------------- */

/** Complete the message that an earlier feed began: ask for exactly what it lacks. *ret_used: bytes of that. */
static aigw_status complete_held(struct gw_framer *framer, const char *bytes, size_t len, size_t *ret_used,
                                 gw_frame_fn fn, void *user)
{
    aigw_status status = AIGW_OK;
    size_t at = 0;

    while (framer->held.len > 0 && at < len && status == AIGW_OK) {
        size_t want, part;

        status = gw_eventstream_need((const uint8_t *)framer->held.data, framer->held.len, framer->data.max, &want);
        if (status != AIGW_OK)
            break;
        part = want - framer->held.len < len - at ? want - framer->held.len : len - at;
        status = gw_framer_hold(&framer->held, bytes + at, part);
        at += part;
        if (status == AIGW_OK && framer->held.len == want && want > GW_EVENTSTREAM_PRELUDE) {
            status = gw_eventstream_message((const uint8_t *)framer->held.data, want, fn, user);
            gw_framer_empty(&framer->held);
        }
    }
    *ret_used = at;
    return status;
}

aigw_status gw_eventstream_feed(struct gw_framer *framer, const char *bytes, size_t len, gw_frame_fn fn, void *user)
{
    size_t used;
    aigw_status status = complete_held(framer, bytes, len, &used, fn, user);

    bytes += used;
    len -= used;
    while (len > 0 && status == AIGW_OK) {
        size_t want;

        status = gw_eventstream_need((const uint8_t *)bytes, len, framer->data.max, &want);
        if (status != AIGW_OK)
            break;
        if (want > len)
            return gw_framer_hold(&framer->held, bytes, len);
        status = gw_eventstream_message((const uint8_t *)bytes, want, fn, user);
        bytes += want;
        len -= want;
    }
    return status;
}

aigw_status gw_eventstream_end(struct gw_framer *framer)
{
    return framer->held.len > 0 ? AIGW_E_UPSTREAM : AIGW_OK;
}
