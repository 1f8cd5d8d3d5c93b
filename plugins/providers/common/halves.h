/* halves.h - characters cut in half: a server that cuts its text by UTF-16 units ends one piece with the first half of
 * a surrogate pair and begins the next with the second. The half is held back and joined with the next piece of the
 * same stream of text; one that stays alone becomes U+FFFD.
 *
 * On its way a half is three bytes, ed and what UTF-8 would make of it; valid text never contains them.
 */
#ifndef PROVIDER_HALVES_H
#define PROVIDER_HALVES_H

#include <aigw/sdk.h>
#include <stdbool.h>

#define HALVES_MAX 8

/** Halves held back, one for each stream of text. Zeroed: none. */
struct halves {
    struct {
        uint32_t stream; /* a number of the caller's */
        char bytes[3];
    } held[HALVES_MAX];
    uint32_t count;
};

/** True when joining would change anything in this text: it begins or ends with a half. */
static inline bool halves_at_edge(aigw_str s)
{
    return s.len >= 3 && (((unsigned char)s.ptr[0] == 0xed && (unsigned char)s.ptr[1] >= 0xa0) ||
                          ((unsigned char)s.ptr[s.len - 3] == 0xed && (unsigned char)s.ptr[s.len - 2] >= 0xa0));
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
