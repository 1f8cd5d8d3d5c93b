/* gzip.h - bodies that come compressed: answers although nobody asked (D39), requests whose client says so. Pure: bytes
 * in, pieces out, any split.
 *
 * A body that is labelled gzip but does not begin like one is handed on as it is: proxies unpack a body and leave the
 * label on it (D36).
 */
#ifndef GW_GZIP_H
#define GW_GZIP_H

#include "base/base.h"

/** More than this, and more than so many times what went in, is a bomb. */
#define GW_GZIP_FREE  (1u << 20)
#define GW_GZIP_RATIO 256u

enum gw_coding { GW_CODING_NONE, GW_CODING_GZIP, GW_CODING_DEFLATE, GW_CODING_UNKNOWN };
/** What a Content-Encoding says. */
enum gw_coding gw_coding_of(aigw_str content_encoding);

struct gw_gzip;

/** NULL when out of memory. */
struct gw_gzip *gw_gzip_new(enum gw_coding coding);
void gw_gzip_free(struct gw_gzip *gzip);

enum gw_gzip_step {
    GW_GZIP_MORE,  /* the input is used up and nothing is left inside */
    GW_GZIP_DATA,  /* a piece of what it means */
    GW_GZIP_BROKEN /* gw_gzip_problem() says why */
};
/** One step; takes what it used off the front of *input. *ret_data points into `out` or into the input. Call it until
 *  it answers MORE, with an empty input too: output may be left inside. */
enum gw_gzip_step gw_gzip_step(struct gw_gzip *gzip, aigw_str *input, char *out, size_t out_size, aigw_str *ret_data);
/** The body may end here. */
bool gw_gzip_may_end(const struct gw_gzip *gzip);
const char *gw_gzip_problem(const struct gw_gzip *gzip);

#endif
