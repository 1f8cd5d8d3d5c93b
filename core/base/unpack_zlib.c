/* unpack_zlib.c - gzip, which may come in several members, and "deflate", with zlib's wrapping or, from some, bare.
 * Which of them it is, its first bytes say: servers mix up the names (D36). */
#include "base/unpack_engine.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define WINDOW_BITS 15
#define GZIP_FIRST  0x1f
#define GZIP_SECOND 0x8b

struct zlib {
    z_stream z;
    bool is_gzip;
};

/** Two bytes tell zlib's wrapping from a bare deflate stream: method 8 and a check sum. */
static bool is_wrapped(unsigned char first, unsigned char second)
{
    return (first & 0x0f) == Z_DEFLATED && ((unsigned)first << 8 | second) % 31 == 0;
}

/** JSON and events that are not packed at all. A bare deflate stream that begins so would unpack to no text, or needs a
 *  second byte that is that of a field's name. */
static bool is_plain(aigw_str first)
{
    return first.ptr[0] == '{' || first.ptr[0] == '[' || first.ptr[0] == ':' ||
           (first.len > 1 && (memcmp(first.ptr, "da", 2) == 0 || memcmp(first.ptr, "ev", 2) == 0));
}

static enum gw_begin begins(enum gw_coding coding, aigw_str first)
{
    unsigned char byte = (unsigned char)first.ptr[0];

    if (coding == GW_CODING_DEFLATE) {
        if (is_plain(first))
            return GW_BEGIN_NO;
        return first.len < 2 ? GW_BEGIN_UNSURE : GW_BEGIN_YES;
    }
    if (byte == GZIP_FIRST)
        return GW_BEGIN_YES;
    if ((byte & 0x0f) != Z_DEFLATED)
        return GW_BEGIN_NO;
    if (first.len < 2)
        return GW_BEGIN_UNSURE;
    return is_wrapped(byte, (unsigned char)first.ptr[1]) ? GW_BEGIN_YES : GW_BEGIN_NO;
}

static void *open_zlib(enum gw_coding coding, aigw_str first)
{
    struct zlib *zlib = calloc(1, sizeof *zlib);
    int bits = WINDOW_BITS + 16;

    if (!zlib)
        return NULL;
    zlib->is_gzip = (unsigned char)first.ptr[0] == GZIP_FIRST &&
                    (coding == GW_CODING_GZIP || (unsigned char)first.ptr[1] == GZIP_SECOND);
    if (!zlib->is_gzip)
        bits = is_wrapped((unsigned char)first.ptr[0], (unsigned char)first.ptr[1]) ? WINDOW_BITS : -WINDOW_BITS;
    if (inflateInit2(&zlib->z, bits) == Z_OK)
        return zlib;
    free(zlib);
    return NULL;
}

static void close_zlib(void *library)
{
    struct zlib *zlib = library;

    inflateEnd(&zlib->z);
    free(zlib);
}

static bool again(void *library, unsigned char first)
{
    struct zlib *zlib = library;

    return zlib->is_gzip && first == GZIP_FIRST && inflateReset(&zlib->z) == Z_OK;
}

static enum gw_run run(void *library, aigw_str *input, char *out, size_t out_size, size_t *ret_made,
                       const char **ret_problem)
{
    z_stream *z = &((struct zlib *)library)->z;
    uInt in = input->len > UINT_MAX ? UINT_MAX : (uInt)input->len;
    uInt room = out_size > UINT_MAX ? UINT_MAX : (uInt)out_size;
    int rc;

    z->next_in = (Bytef *)(uintptr_t)input->ptr;
    z->avail_in = in;
    z->next_out = (Bytef *)out;
    z->avail_out = room;
    rc = inflate(z, Z_SYNC_FLUSH);
    in -= z->avail_in;
    *input = (aigw_str){ input->ptr + in, input->len - in };
    *ret_made = room - z->avail_out;
    if (rc == Z_STREAM_END)
        return GW_RUN_END;
    if (rc == Z_OK || rc == Z_BUF_ERROR)
        return GW_RUN_MORE;
    *ret_problem = rc == Z_MEM_ERROR ? GW_UNPACK_NO_MEMORY : GW_UNPACK_DAMAGED;
    return GW_RUN_BROKEN;
}

const struct gw_unpack_engine gw_unpack_zlib = {
    .begins = begins, .open = open_zlib, .close = close_zlib, .again = again, .run = run
};
