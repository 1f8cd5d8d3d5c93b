/* unpack_zstd.c - zstd (RFC 8878): frames one after the other, those that are to be skipped among them.
 *
 * A frame says how far back it looks, and that much memory it takes. 8 MiB is what RFC 9659 has both sides of the
 * content coding agree on: each reader takes as much, no writer asks for more. With the library's buffers and tables it
 * is 8.5 MiB at most for each body, touched only as far as data came out.
 */
#include "base/unpack_engine.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG 23

struct zstd {
    ZSTD_DCtx *dctx;
    bool is_in_frame;
    bool holds_more; /* the room was filled: there may be more behind it */
};

/** Of a frame, or of one to be skipped. Not of the formats before 1.0, which some builds of the library read too. */
static bool is_first(unsigned char c)
{
    return c == 0x28 || (c & 0xf0) == 0x50;
}

/** Two bytes, since JSON may begin with '[', which is one of those that begin a frame to be skipped. */
static enum gw_begin begins(enum gw_coding coding, aigw_str first)
{
    unsigned char c = (unsigned char)first.ptr[0];

    (void)coding;
    if (!is_first(c))
        return GW_BEGIN_NO;
    if (first.len < 2)
        return GW_BEGIN_UNSURE;
    return (unsigned char)first.ptr[1] == (c == 0x28 ? 0xb5 : 0x2a) ? GW_BEGIN_YES : GW_BEGIN_NO;
}

static void close_zstd(void *library)
{
    struct zstd *zstd = library;

    ZSTD_freeDCtx(zstd->dctx);
    free(zstd);
}

static void *open_zstd(enum gw_coding coding, aigw_str first)
{
    struct zstd *zstd = calloc(1, sizeof *zstd);

    (void)coding;
    (void)first;
    if (!zstd)
        return NULL;
    zstd->dctx = ZSTD_createDCtx();
    if (zstd->dctx && !ZSTD_isError(ZSTD_DCtx_setParameter(zstd->dctx, ZSTD_d_windowLogMax, WINDOW_LOG)))
        return zstd;
    close_zstd(zstd);
    return NULL;
}

static bool again(void *library, unsigned char first)
{
    (void)library; /* the library begins again by itself */
    return is_first(first);
}

static const char *problem_of(size_t rc)
{
    switch (ZSTD_getErrorCode(rc)) {
    case ZSTD_error_memory_allocation:
        return GW_UNPACK_NO_MEMORY;
    case ZSTD_error_frameParameter_windowTooLarge:
        return "its zstd frame has a window of more than 8 MiB, compress it with a smaller one";
    case ZSTD_error_dictionary_wrong:
        return "its zstd frame needs a dictionary, compress it without one";
    default:
        return GW_UNPACK_DAMAGED;
    }
}

static enum gw_run run(void *library, aigw_str *input, char *out, size_t out_size, size_t *ret_made,
                       const char **ret_problem)
{
    struct zstd *zstd = library;
    ZSTD_inBuffer in = { input->ptr, input->len, 0 };
    ZSTD_outBuffer made = { out, out_size, 0 };
    size_t rc;

    /* Calls that change nothing are counted by the library, and are an error in the end. */
    if (input->len == 0 && !zstd->holds_more)
        return GW_RUN_MORE;
    /* A frame that is whole in one call takes another way in the library, on which the window does not count. What is
     * refused would depend on how the network cut it. */
    if (!zstd->is_in_frame && in.size > 1)
        in.size = 1;
    rc = ZSTD_decompressStream(zstd->dctx, &made, &in);
    if (ZSTD_isError(rc)) {
        *ret_problem = problem_of(rc);
        return GW_RUN_BROKEN;
    }
    *input = (aigw_str){ input->ptr + in.pos, input->len - in.pos };
    *ret_made = made.pos;
    zstd->holds_more = made.pos == made.size;
    zstd->is_in_frame = rc != 0;
    return rc == 0 ? GW_RUN_END : GW_RUN_MORE;
}

const struct gw_unpack_engine gw_unpack_zstd = {
    .begins = begins, .open = open_zstd, .close = close_zstd, .again = again, .run = run
};
