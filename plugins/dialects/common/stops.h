/* stops.h - stop texts that a server is not told of, since it takes none, or not so many: the answer ends in front of
 * the first of them, and nothing of it comes out, however it is cut into pieces. */
#ifndef DIALECT_STOPS_H
#define DIALECT_STOPS_H

#include "wire.h"

/** Of one answer. Zeroed: there are none. All memory is the request's. */
struct stops {
    const aigw_str *texts;
    uint32_t count;
    bool is_over;   /* one of them came */
    aigw_str found; /* … that one */
    char *held;     /* what may be the beginning of one */
    size_t held_len, held_size;
};

/** Copies the texts; empty ones mean nothing. AIGW_E_NOMEM. */
aigw_status stops_begin(const struct aigw_host *host, struct aigw_ctx *ctx, struct stops *stops, const aigw_str *texts,
                        uint32_t count);
/** The next piece of the answer's text: *ret_text is what may be said now. It lies in *ret_copy, which is the caller's
 * to free. False without memory. */
bool stops_take(struct stops *stops, aigw_str text, aigw_str *ret_text, char **ret_copy);
/** Something else than text came, or the end: what was held back is no stop text. Valid until the next piece. */
aigw_str stops_flush(struct stops *stops);

#endif
