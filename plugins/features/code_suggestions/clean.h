/* clean.h - what a model wrote → what an editor may see, piece by piece and however it is cut. Pure.
 *
 * Three steps, each on what the one before lets through:
 *
 *     unescape   \_ reads _ , for models that escape underscores
 *     markers    texts that are never code: stop texts that the model server let through end the answer (one in front
 *                of all text is left out), <new_code> and <|cursor|> are left out
 *     fences     lines that are nothing but a Markdown fence, and a fence at the end
 *
 * As little as possible is held back: what may still become a marker or a fence.
 */
#ifndef CS_CLEAN_H
#define CS_CLEAN_H

#include <stdbool.h>

#include <aigw/abi.h>

#define CS_CLEAN_UNESCAPE 0x1u
#define CS_CLEAN_FENCES   0x2u

#define CS_MARKER_MAX  64u /* bytes of one; longer stop texts are the model server's alone */
#define CS_MARKERS_MAX 48u
#define CS_FENCE_MAX   48u /* bytes of a line that may be a fence */

typedef void (*cs_put_fn)(void *user, aigw_str text);

/* What of a line was seen, for the fences. */
enum cs_line {
    CS_LINE_START, /* all of it is held: it may be a fence */
    CS_LINE_CODE,  /* it is none; held are backticks that may be its end */
};

struct cs_clean {
    uint32_t flags; /* CS_CLEAN_* */
    cs_put_fn put;
    void *user;
    aigw_str markers[CS_MARKERS_MAX]; /* the built-in ones first; they live as long as the struct */
    uint32_t marker_count;
    bool is_first[256]; /* a byte that some marker begins with */
    bool is_cut;        /* a marker ended the answer: what follows is not looked at */
    bool did_say;       /* text that is not blank was let through by the markers' step */
    bool skips_newline; /* the one behind <new_code> */
    bool holds_backslash;
    enum cs_line line;
    uint32_t held_len, fence_len;
    char held[CS_MARKER_MAX];
    char fence[CS_FENCE_MAX];
};

/** Begin. `stops` are the stop texts of the request; blank and overlong ones are no markers. They must outlive it. */
void cs_clean_begin(struct cs_clean *clean, uint32_t flags, const aigw_str *stops, uint32_t stop_count, cs_put_fn put,
                    void *user);
void cs_clean_feed(struct cs_clean *clean, aigw_str text);
/** The answer is whole: let go of what is held back. */
void cs_clean_end(struct cs_clean *clean);

static inline bool cs_is_blank_char(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/** True when there is nothing but blanks in it. */
bool cs_is_blank(aigw_str text);

#endif
