/* halves.h - characters cut in two: a server that cuts its text by UTF-16 units ends one piece with the first half of a
 * surrogate pair and begins the next with the second; one that cuts by bytes ends in the midst of a UTF-8 sequence.
 * What is not whole is held back and joined with the next piece of the same stream of text; what stays alone becomes
 * U+FFFD.
 *
 * On its way a half of a pair is three bytes, ed and what UTF-8 would make of it; valid text never contains them.
 */
#ifndef PROVIDER_HALVES_H
#define PROVIDER_HALVES_H

#include <aigw/sdk.h>
#include <stdbool.h>

#define HALVES_MAX 8

/** What is held back, for each stream of text. Zeroed: nothing. */
struct halves {
    struct {
        uint32_t stream; /* a number of the caller's */
        uint32_t len;
        char bytes[3];
    } held[HALVES_MAX];
    uint32_t count;
};

/** True when joining may change something in this text: it begins or ends in the midst of a character. */
bool halves_look_at_edge(aigw_str s);
static inline bool halves_at_edge(aigw_str s)
{
    /* Text that begins with a letter of ASCII, or a lead byte but ed, and ends in ASCII needs no second look. */
    return s.len > 0 &&
           ((unsigned char)s.ptr[s.len - 1] >= 0x80 || (unsigned char)s.ptr[0] == 0xed ||
            ((unsigned char)s.ptr[0] & 0xc0) == 0x80) &&
           halves_look_at_edge(s);
}

/** JSON text in which half escapes at the edges of strings are written as above and others are U+FFFD. The text itself
 *  when it has none; else *ret_copy, to be freed. False without memory. */
bool halves_mark(aigw_str json, aigw_str *ret_json, char **ret_copy);
/** The next piece of a stream: with the half that was held for it in front, without the one at its end. The text
 *  itself, or *ret_copy, to be freed. False without memory. */
bool halves_join(struct halves *halves, uint32_t stream, aigw_str text, aigw_str *ret_text, char **ret_copy);
/** Forget the half of a stream whose number is `stream` under `mask`: true, and which, when there was one. */
bool halves_take(struct halves *halves, uint32_t stream, uint32_t mask, uint32_t *ret_stream);
#define HALVES_LOST AIGW_STR("\xef\xbf\xbd") /* what a half without its other half becomes */

#endif
