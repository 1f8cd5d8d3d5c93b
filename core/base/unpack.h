/* unpack.h - bodies that come compressed: answers although nobody asked (D39), requests whose client says so. Pure:
 * bytes in, pieces out, any split.
 *
 * A body that is labelled packed but does not begin so is handed on as it is: proxies unpack a body and leave the label
 * on it (D36). Others lose the label: gw_coding_of_text() tells by the first byte.
 */
#ifndef GW_UNPACK_H
#define GW_UNPACK_H

#include "base/base.h"

/** More than this, and more than so many times what went in, is a bomb where nothing else limits what comes out. */
#define GW_UNPACK_FREE  (1u << 20)
#define GW_UNPACK_RATIO 256u

enum gw_coding { GW_CODING_NONE, GW_CODING_GZIP, GW_CODING_DEFLATE, GW_CODING_ZSTD, GW_CODING_UNKNOWN };
/** Those that are known, as a header and as words. */
#define GW_CODINGS "gzip, deflate, zstd"
/** What a Content-Encoding says. */
enum gw_coding gw_coding_of(aigw_str content_encoding);
/** What a body is packed with that should be text, by its first byte: no text begins so. */
enum gw_coding gw_coding_of_text(char first);
/** Not NONE, and known. */
bool gw_coding_is_packed(enum gw_coding coding);

struct gw_unpack;

/** `coding` is packed. has_max: the caller stops at a size of its own, what is no larger is no bomb. NULL when out of
 *  memory. The library's own memory comes with the first bytes: 40 KiB for gzip and deflate; for zstd what the body's
 *  window asks for, 8.5 MiB at most. */
struct gw_unpack *gw_unpack_new(enum gw_coding coding, bool has_max);
void gw_unpack_free(struct gw_unpack *unpack);

enum gw_unpack_step {
    GW_UNPACK_MORE,  /* the input is used up and nothing is left inside */
    GW_UNPACK_DATA,  /* a piece of what it means */
    GW_UNPACK_BROKEN /* gw_unpack_problem() says why */
};
/** One step; takes what it used off the front of *input. *ret_data is valid until the next step, and as long as `out`
 *  and the input are. Call it until it answers MORE, with an empty input too: output may be left inside. */
enum gw_unpack_step gw_unpack_step(struct gw_unpack *unpack, aigw_str *input, char *out, size_t out_size,
                                   aigw_str *ret_data);
/** The body may end here. */
bool gw_unpack_may_end(const struct gw_unpack *unpack);
/** Words that go on from "it is refused: "; static. */
const char *gw_unpack_problem(const struct gw_unpack *unpack);

#endif
