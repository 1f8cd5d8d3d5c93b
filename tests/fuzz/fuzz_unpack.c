/* fuzz_unpack.c - compressed bodies of any bytes. The first byte chooses the coding and how the rest is cut into
 * pieces; cut or whole, the same must come out or be refused. */
#include <stdlib.h>
#include <string.h>

#include "base/unpack.h"

#define OUT_MAX (1u << 22)

struct outcome {
    enum gw_unpack_step last;
    bool may_end;
    struct gw_buf out;
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

/** In pieces of `piece` bytes, into a room of as many, up to OUT_MAX. */
static void run(aigw_str packed, size_t piece, enum gw_coding coding, bool has_max, struct outcome *ret)
{
    struct gw_unpack *unpack = gw_unpack_new(coding, has_max);
    size_t room_size = piece < 4096 ? piece : 4096;
    char room[4096];

    gw_buf_init(&ret->out, OUT_MAX);
    ret->last = GW_UNPACK_MORE;
    for (size_t at = 0; at < packed.len && ret->last == GW_UNPACK_MORE; at += piece) {
        aigw_str input = { packed.ptr + at, packed.len - at < piece ? packed.len - at : piece }, data;

        do {
            ret->last = gw_unpack_step(unpack, &input, room, room_size, &data);
            if (ret->last == GW_UNPACK_DATA) {
                check(data.len > 0);
                gw_buf_put_str(&ret->out, data);
            }
        } while (ret->last == GW_UNPACK_DATA && ret->out.status == AIGW_OK);
        check(ret->last != GW_UNPACK_BROKEN || gw_unpack_problem(unpack));
        check(ret->last != GW_UNPACK_MORE || input.len == 0);
    }
    ret->may_end = gw_unpack_may_end(unpack);
    gw_unpack_free(unpack);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const enum gw_coding codings[] = { GW_CODING_GZIP, GW_CODING_DEFLATE, GW_CODING_ZSTD, GW_CODING_ZSTD };
    struct outcome whole, cut, guarded;
    enum gw_coding coding;
    aigw_str packed;

    if (len < 2)
        return 0;
    coding = codings[bytes[0] & 3];
    packed = (aigw_str){ (const char *)bytes + 1, len - 1 };
    run(packed, len, coding, true, &whole);
    run(packed, (size_t)(bytes[0] >> 2) + 1, coding, true, &cut);
    run(packed, len, coding, false, &guarded);
    if (whole.out.status == AIGW_OK && cut.out.status == AIGW_OK) {
        check(whole.last == cut.last && whole.may_end == cut.may_end);
        if (whole.last == GW_UNPACK_MORE)
            check(whole.out.len == cut.out.len && (!cut.out.len || !memcmp(whole.out.data, cut.out.data, cut.out.len)));
    }
    check(guarded.out.len <= GW_UNPACK_FREE || guarded.out.len / GW_UNPACK_RATIO <= len);
    gw_buf_done(&whole.out);
    gw_buf_done(&cut.out);
    gw_buf_done(&guarded.out);
    return 0;
}
