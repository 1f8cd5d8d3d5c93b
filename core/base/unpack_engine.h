/* unpack_engine.h - what a compression library is to unpack.c. One file each: unpack_zlib.c, unpack_zstd.c. */
#ifndef GW_UNPACK_ENGINE_H
#define GW_UNPACK_ENGINE_H

#include "base/unpack.h"

#define GW_BEGIN_MAX 2u /* bytes that begins() ever needs */

#define GW_UNPACK_NO_MEMORY "out of memory while unpacking it"
#define GW_UNPACK_DAMAGED   "its compressed body is damaged"

enum gw_begin { GW_BEGIN_NO, GW_BEGIN_UNSURE, GW_BEGIN_YES };
enum gw_run { GW_RUN_MORE, GW_RUN_END, GW_RUN_BROKEN };

struct gw_unpack_engine {
    /** Is this how a body of this coding begins? UNSURE, never for GW_BEGIN_MAX bytes: it takes one more to tell. */
    enum gw_begin (*begins)(enum gw_coding coding, aigw_str first);
    /** After YES, whose bytes come to run() as well. NULL: out of memory. */
    void *(*open)(enum gw_coding coding, aigw_str first);
    void (*close)(void *library);
    /** After END, more bytes came: may they be another part of the same body? */
    bool (*again)(void *library, unsigned char first);
    /** One call of the library: takes off *input, fills `out` with *ret_made bytes. An empty input asks for what is
     * left inside. END: at the end of a part, and all of it is out. BROKEN: *ret_problem says why, static. */
    enum gw_run (*run)(void *library, aigw_str *input, char *out, size_t out_size, size_t *ret_made,
                       const char **ret_problem);
};

extern const struct gw_unpack_engine gw_unpack_zlib, gw_unpack_zstd;

#endif
