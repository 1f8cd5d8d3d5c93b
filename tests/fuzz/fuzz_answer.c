/* fuzz_answer.c - a server's answer in any bytes: HTTP parser and unpacking. The first byte chooses how the rest is cut
 * into pieces; cut or whole, the same must come out, and never more than the limits allow. */
#include <stdlib.h>
#include <string.h>

#include "base/unpack.h"
#include "upstream/http1.h"

#define OUT_MAX (1u << 22)

struct outcome {
    enum gw_http1_step last;
    int heads;
    uint16_t status;
    bool may_end, keeps, is_unpacked, may_unpack_end;
    struct gw_buf body, unpacked;
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool take_packed(struct gw_unpack *unpack, aigw_str packed, struct gw_buf *out)
{
    char room[4096];
    aigw_str data;
    enum gw_unpack_step step;

    while ((step = gw_unpack_step(unpack, &packed, room, sizeof room, &data)) == GW_UNPACK_DATA) {
        check(data.len > 0);
        gw_buf_put_str(out, data);
    }
    check(step == GW_UNPACK_BROKEN ? gw_unpack_problem(unpack) != NULL : packed.len == 0);
    return step == GW_UNPACK_MORE;
}

static void look_up(const struct gw_http1 *answer)
{
    size_t count = gw_http1_header_count(answer);
    aigw_str name, value;

    check(count <= GW_HTTP1_LINES_MAX && answer->head_cap <= 2 * GW_HTTP1_HEAD_MAX);
    for (size_t i = 0; i < count; i++) {
        check(gw_http1_header_at(answer, i, &name, &value));
        check(gw_is_token(name) && gw_is_field_value(value));
    }
    check(!gw_http1_header_at(answer, count, &name, &value));
    (void)gw_coding_of(gw_http1_header(answer, "content-encoding"));
}

/** Pieces of `piece` bytes; *ret_used: how much the answer took. */
static void run(const char *bytes, size_t len, size_t piece, enum gw_coding coding, struct outcome *ret,
                size_t *ret_used)
{
    struct gw_unpack *unpack = gw_unpack_new(coding, false);
    struct gw_http1 answer = { 0 };

    memset(ret, 0, sizeof *ret);
    gw_buf_init(&ret->body, OUT_MAX);
    gw_buf_init(&ret->unpacked, OUT_MAX);
    gw_http1_begin(&answer, false);
    ret->is_unpacked = true;
    *ret_used = 0;
    for (size_t at = 0; at < len && ret->last != GW_HTTP1_END && ret->last != GW_HTTP1_BROKEN; at += piece) {
        aigw_str input = { bytes + at, len - at < piece ? len - at : piece }, data;
        size_t given = input.len;

        do {
            ret->last = gw_http1_step(&answer, &input, &data);
            if (ret->last == GW_HTTP1_HEAD) {
                ret->heads++;
                ret->status = answer.status;
                look_up(&answer);
            }
            if (ret->last == GW_HTTP1_DATA) {
                check(data.len > 0);
                gw_buf_put_str(&ret->body, data);
                ret->is_unpacked = ret->is_unpacked && take_packed(unpack, data, &ret->unpacked);
            }
        } while (ret->last == GW_HTTP1_HEAD || ret->last == GW_HTTP1_DATA);
        *ret_used += given - input.len;
    }
    check(ret->last != GW_HTTP1_BROKEN || answer.problem);
    ret->may_end = gw_http1_may_end(&answer);
    ret->keeps = gw_http1_keeps(&answer);
    ret->may_unpack_end = gw_unpack_may_end(unpack);
    gw_http1_done(&answer);
    gw_unpack_free(unpack);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct outcome whole, cut;
    enum gw_coding coding;
    size_t used, cut_used, piece;

    if (len < 2)
        return 0;
    coding = bytes[0] & 1 ? GW_CODING_GZIP : GW_CODING_DEFLATE;
    piece = (size_t)(bytes[0] >> 1) + 1;
    run((const char *)bytes + 1, len - 1, len, coding, &whole, &used);
    run((const char *)bytes + 1, len - 1, piece, coding, &cut, &cut_used);
    check(whole.last == cut.last && whole.heads == cut.heads && whole.status == cut.status);
    check(whole.may_end == cut.may_end && whole.keeps == cut.keeps);
    check(whole.body.len == cut.body.len && (!whole.body.len || !memcmp(whole.body.data, cut.body.data, cut.body.len)));
    if (whole.last != GW_HTTP1_BROKEN)
        check(used == cut_used);
    if (whole.is_unpacked && cut.is_unpacked) {
        check(whole.may_unpack_end == cut.may_unpack_end && whole.unpacked.len == cut.unpacked.len);
        check(!whole.unpacked.len || !memcmp(whole.unpacked.data, cut.unpacked.data, cut.unpacked.len));
    }
    gw_buf_done(&whole.body);
    gw_buf_done(&whole.unpacked);
    gw_buf_done(&cut.body);
    gw_buf_done(&cut.unpacked);
    return 0;
}
