/* gzip.c - see gzip.h. gzip may come in several members; "deflate" comes with zlib's wrapping or, from some, bare. */
#include "base/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS 15

enum gzip_state {
    GZIP_BEGINS,   /* no byte yet */
    GZIP_BEGAN,    /* deflate only: one byte, which alone does not tell bare from wrapped */
    GZIP_AS_IS,    /* labelled and not so */
    GZIP_INFLATES, /* in the middle */
    GZIP_ENDED,    /* at the end of a member */
    GZIP_BROKEN
};

struct gw_gzip {
    z_stream z;
    enum gw_coding coding;
    enum gzip_state state;
    bool has_inflate;
    unsigned char first;
    uint64_t in, out;
    const char *problem;
};

enum gw_coding gw_coding_of(aigw_str text)
{
    text = gw_str_trim(text);
    if (text.len == 0 || gw_str_eq_ci(text, AIGW_STR("identity")))
        return GW_CODING_NONE;
    if (gw_str_eq_ci(text, AIGW_STR("gzip")) || gw_str_eq_ci(text, AIGW_STR("x-gzip")))
        return GW_CODING_GZIP;
    return gw_str_eq_ci(text, AIGW_STR("deflate")) ? GW_CODING_DEFLATE : GW_CODING_UNKNOWN;
}

struct gw_gzip *gw_gzip_new(enum gw_coding coding)
{
    struct gw_gzip *gzip = calloc(1, sizeof *gzip);

    if (gzip)
        gzip->coding = coding;
    return gzip;
}

void gw_gzip_free(struct gw_gzip *gzip)
{
    if (!gzip)
        return;
    if (gzip->has_inflate)
        inflateEnd(&gzip->z);
    free(gzip);
}

static enum gw_gzip_step refuse(struct gw_gzip *gzip, const char *problem)
{
    gzip->state = GZIP_BROKEN;
    gzip->problem = problem;
    return GW_GZIP_BROKEN;
}

static bool begin(struct gw_gzip *gzip, int window_bits)
{
    gzip->has_inflate = inflateInit2(&gzip->z, window_bits) == Z_OK;
    gzip->state = GZIP_INFLATES;
    return gzip->has_inflate;
}

/** Two bytes tell zlib's wrapping from a bare deflate stream: method 8 and a check sum. */
static bool is_wrapped(unsigned char first, unsigned char second)
{
    return (first & 0x0f) == Z_DEFLATED && ((unsigned)first << 8 | second) % 31 == 0;
}

/** The first bytes decide how to go on. False when out of memory. */
static bool look_at_begin(struct gw_gzip *gzip, aigw_str *input)
{
    unsigned char c = (unsigned char)input->ptr[0], nothing[1];

    if (gzip->state == GZIP_BEGINS && gzip->coding == GW_CODING_GZIP) {
        if (c == 0x1f)
            return begin(gzip, WINDOW_BITS + 16);
        gzip->state = GZIP_AS_IS;
        return true;
    }
    if (gzip->state == GZIP_BEGINS) {
        gzip->first = c;
        gzip->state = GZIP_BEGAN;
        *input = (aigw_str){ input->ptr + 1, input->len - 1 };
        return true;
    }
    if (!begin(gzip, is_wrapped(gzip->first, c) ? WINDOW_BITS : -WINDOW_BITS))
        return false;
    gzip->in = 1;
    gzip->z.next_in = &gzip->first;
    gzip->z.avail_in = 1;
    gzip->z.next_out = nothing; /* one byte gives no output */
    gzip->z.avail_out = 0;
    (void)inflate(&gzip->z, Z_SYNC_FLUSH);
    return true;
}

/** One call of inflate(). *ret_data may be empty. */
static int inflate_some(struct gw_gzip *gzip, aigw_str *input, char *out, size_t out_size, aigw_str *ret_data)
{
    z_stream *z = &gzip->z;
    uInt in = input->len > UINT_MAX ? UINT_MAX : (uInt)input->len;
    uInt room = out_size > UINT_MAX ? UINT_MAX : (uInt)out_size;
    int rc;

    z->next_in = (Bytef *)(uintptr_t)input->ptr;
    z->avail_in = in;
    z->next_out = (Bytef *)out;
    z->avail_out = room;
    rc = inflate(z, Z_SYNC_FLUSH);
    in -= z->avail_in;
    room -= z->avail_out;
    gzip->in += in;
    gzip->out += room;
    *input = (aigw_str){ input->ptr + in, input->len - in };
    *ret_data = (aigw_str){ out, room };
    return rc;
}

static enum gw_gzip_step go_on(struct gw_gzip *gzip, aigw_str *input, char *out, size_t out_size, aigw_str *ret_data)
{
    size_t before = input->len;
    int rc = inflate_some(gzip, input, out, out_size, ret_data);

    if (rc == Z_MEM_ERROR)
        return refuse(gzip, "out of memory while unpacking it");
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return refuse(gzip, "its compressed body is damaged");
    if (gzip->out > GW_GZIP_FREE && gzip->out / GW_GZIP_RATIO > gzip->in)
        return refuse(gzip, "its compressed body unpacks to more than 256 times its size");
    if (rc == Z_STREAM_END)
        gzip->state = GZIP_ENDED;
    if (ret_data->len > 0)
        return GW_GZIP_DATA;
    if (input->len > 0 && input->len == before && rc != Z_STREAM_END)
        return refuse(gzip, "its compressed body is damaged");
    return GW_GZIP_MORE;
}

enum gw_gzip_step gw_gzip_step(struct gw_gzip *gzip, aigw_str *input, char *out, size_t out_size, aigw_str *ret_data)
{
    for (;;) {
        enum gw_gzip_step step;

        if (gzip->state == GZIP_BROKEN)
            return GW_GZIP_BROKEN;
        if (input->len == 0 && gzip->state != GZIP_INFLATES)
            return GW_GZIP_MORE;
        switch (gzip->state) {
        case GZIP_AS_IS:
            *ret_data = *input;
            *input = (aigw_str){ input->ptr + input->len, 0 };
            return GW_GZIP_DATA;
        case GZIP_ENDED:
            if (gzip->coding != GW_CODING_GZIP || (unsigned char)input->ptr[0] != 0x1f ||
                inflateReset(&gzip->z) != Z_OK)
                return refuse(gzip, "bytes follow the end of its compressed body");
            gzip->state = GZIP_INFLATES;
            break;
        case GZIP_INFLATES:
            step = go_on(gzip, input, out, out_size, ret_data);
            if (step != GW_GZIP_MORE || input->len == 0)
                return step;
            break;
        default:
            if (!look_at_begin(gzip, input))
                return refuse(gzip, "out of memory while unpacking it");
            break;
        }
    }
}

bool gw_gzip_may_end(const struct gw_gzip *gzip)
{
    return gzip->state == GZIP_BEGINS || gzip->state == GZIP_AS_IS || gzip->state == GZIP_ENDED;
}

const char *gw_gzip_problem(const struct gw_gzip *gzip)
{
    return gzip->problem;
}
