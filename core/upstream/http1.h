/* http1.h - reads one answer in HTTP/1.x: status line and headers, then the body out of its framing. Pure: bytes in,
 * pieces out, any split. Strict and bounded: what two parsers could read differently is refused, because what follows
 * an answer on its connection would become the next call's answer.
 */
#ifndef GW_HTTP1_H
#define GW_HTTP1_H

#include "base/base.h"

#define GW_HTTP1_HEAD_MAX    32768u /* all heads of one answer, interim ones too */
#define GW_HTTP1_LINE_MAX    8192u
#define GW_HTTP1_LINES_MAX   100u
#define GW_HTTP1_EXT_MAX     1024u /* of one chunk */
#define GW_HTTP1_TRAILER_MAX 8192u

enum gw_http1_state {
    GW_HTTP1_IN_HEAD,
    GW_HTTP1_IN_LENGTH,      /* `left` bytes to come */
    GW_HTTP1_IN_CLOSE,       /* until the connection ends */
    GW_HTTP1_IN_SIZE,        /* a chunk's size */
    GW_HTTP1_IN_EXTENSION,   /* what follows the size */
    GW_HTTP1_IN_SIZE_LF,     /* the size's line ends */
    GW_HTTP1_IN_CHUNK,       /* `left` bytes to come */
    GW_HTTP1_IN_CHUNK_CR,    /* what ends a chunk */
    GW_HTTP1_IN_CHUNK_LF,    /* … */
    GW_HTTP1_IN_TRAILER,     /* at the beginning of a line after the last chunk */
    GW_HTTP1_IN_TRAIL_NAME,  /* a trailer's name, … */
    GW_HTTP1_IN_TRAIL_VALUE, /* value, … */
    GW_HTTP1_IN_TRAIL_LF,    /* and line end */
    GW_HTTP1_IN_LAST_LF,     /* of the empty line that ends it all */
    GW_HTTP1_IS_WHOLE,
    GW_HTTP1_IS_BROKEN
};

struct gw_http1 {
    char *head; /* status line and headers as they came; kept for look-ups until gw_http1_done() */
    uint32_t head_len, head_cap, line_at;
    uint32_t spent;   /* bytes of all heads */
    uint16_t lines;   /* of all heads */
    uint16_t section; /* bytes of this chunk's extension, or of the trailers */
    uint64_t left;
    const char *problem; /* why it is broken */
    uint16_t status;     /* of the head being read; final once the state is beyond the head */
    uint16_t keep_s;     /* Keep-Alive: timeout, 0: not said */
    uint8_t state;       /* enum gw_http1_state */
    uint8_t digits;      /* of a chunk's size */
    uint8_t minor;       /* of HTTP/1.x */
    bool is_bodiless;    /* the answer to HEAD or CONNECT */
    bool has_length, is_chunked, says_close, says_keep, has_coding; /* what the head said */
};

enum gw_http1_step {
    GW_HTTP1_MORE,   /* the input is used up */
    GW_HTTP1_HEAD,   /* the final head is in: `status` and the headers may be read */
    GW_HTTP1_DATA,   /* a piece of the body */
    GW_HTTP1_END,    /* the answer is whole; what is left of the input does not belong to it */
    GW_HTTP1_BROKEN, /* `problem` says why */
    GW_HTTP1_NOMEM
};

void gw_http1_begin(struct gw_http1 *answer, bool is_bodiless);
void gw_http1_done(struct gw_http1 *answer);
/** One step; takes what it used off the front of *input. *ret_data points into the input. */
enum gw_http1_step gw_http1_step(struct gw_http1 *answer, aigw_str *input, aigw_str *ret_data);
/** The last len bytes of the piece just given were not taken; the caller puts them back in front of its input. */
void gw_http1_unread(struct gw_http1 *answer, size_t len);
/** The connection ended here: is the answer whole? */
bool gw_http1_may_end(const struct gw_http1 *answer);
/** The server will take another request on this connection, as far as the head says. */
bool gw_http1_keeps(const struct gw_http1 *answer);

/** First value of a header, any case; absent when there is none. */
aigw_str gw_http1_header(const struct gw_http1 *answer, const char *name);
size_t gw_http1_header_count(const struct gw_http1 *answer);
/** False when there is no such header. */
bool gw_http1_header_at(const struct gw_http1 *answer, size_t index, aigw_str *ret_name, aigw_str *ret_value);

/** A header name or method as RFC 9110 has them. */
bool gw_is_token(aigw_str s);
/** No control characters but TAB. */
bool gw_is_field_value(aigw_str s);
/** The comma-separated list's next item, blanks off; false at the end. */
bool gw_http1_next_item(aigw_str *list, aigw_str *ret_item);
/** Is `token` in the comma-separated list? */
bool gw_has_list_token(aigw_str list, const char *token);

#endif
