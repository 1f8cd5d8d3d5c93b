/* fuzz_framing.c - whatever a model server sends: no crash, and the same frames however the bytes are split.
 *
 * Input: byte 0 picks the framing, byte 1 seeds the splits, the rest is the stream. With the top bit of byte 0 the
 * checksums of an event stream are put right first, so that what lies behind them is reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/eventstream.h"
#include "upstream/framing.h"

#define FRAME_MAX 65536u

/** All frames of one pass, written down one after the other. */
struct record {
    struct gw_buf text;
    size_t frames;
};

static void put_part(struct gw_buf *text, aigw_str part)
{
    gw_buf_printf(text, "%zu:", part.len);
    gw_buf_put_str(text, part);
}

static aigw_status on_frame(void *user, const struct aigw_frame *frame)
{
    struct record *record = user;

    gw_buf_printf(&record->text, "%u:", frame->framing);
    put_part(&record->text, frame->event);
    put_part(&record->text, frame->data);
    put_part(&record->text, frame->exception);
    record->frames++;
    return AIGW_OK;
}

/** Feed in pieces of 1 to `most` bytes; each piece lies alone in memory so that reading past it is seen. */
static aigw_status pass(uint32_t framing, const uint8_t *bytes, size_t len, size_t most, uint32_t seed,
                        struct record *record)
{
    struct gw_framer framer;
    aigw_status status = AIGW_OK;

    gw_framer_init(&framer, framing, FRAME_MAX);
    while (len > 0 && status == AIGW_OK) {
        size_t part;
        char *copy;

        seed = seed * 1664525u + 1013904223u;
        part = 1 + (seed >> 8) % most;
        if (part > len)
            part = len;
        copy = malloc(part);
        if (!copy)
            abort();
        memcpy(copy, bytes, part);
        status = gw_framer_feed(&framer, copy, part, on_frame, record);
        free(copy);
        bytes += part;
        len -= part;
    }
    if (status == AIGW_OK)
        status = gw_framer_end(&framer, on_frame, record);
    gw_framer_done(&framer);
    return status;
}

static void put_crc(uint8_t *at, uint32_t crc)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void mend(uint8_t *bytes, size_t len)
{
    while (len >= 16) {
        size_t total = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];

        put_crc(bytes + 8, gw_crc32(bytes, 8));
        if (total < 16 || total > len)
            return;
        put_crc(bytes + total - 4, gw_crc32(bytes, total - 4));
        bytes += total;
        len -= total;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const uint32_t framings[] = { AIGW_FRAMING_SSE, AIGW_FRAMING_NDJSON, AIGW_FRAMING_EVENTSTREAM,
                                         AIGW_FRAMING_BODY };
    struct record whole = { .frames = 0 }, split = { .frames = 0 };
    aigw_status a, b;
    uint32_t framing;
    uint8_t *stream;

    if (len < 3 || len > FRAME_MAX / 2) /* below the limit, where both ways must agree */
        return 0;
    framing = framings[bytes[0] % 4];
    stream = malloc(len - 2);
    if (!stream)
        abort();
    memcpy(stream, bytes + 2, len - 2);
    if (bytes[0] & 0x80)
        mend(stream, len - 2);
    gw_buf_init(&whole.text, 16u << 20);
    gw_buf_init(&split.text, 16u << 20);
    a = pass(framing, stream, len - 2, len, 0, &whole);
    b = pass(framing, stream, len - 2, 1 + bytes[1] % 16u, bytes[1], &split);
    if (a != b || whole.frames != split.frames || !gw_str_eq(gw_buf_str(&whole.text), gw_buf_str(&split.text)))
        abort();
    gw_buf_done(&whole.text);
    gw_buf_done(&split.text);
    free(stream);
    return 0;
}
