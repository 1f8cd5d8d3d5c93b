/* finish.h - why an answer ended, in the words that servers of all dialects have for it: those in between translate one
 * vendor's words into another's, or do not. A dialect's own words come first.
 */
#ifndef DIALECT_FINISH_H
#define DIALECT_FINISH_H

#include "wire.h"

/** AIGW_FINISH_*; UNKNOWN for other words. *ret_error: AIGW_ERR_* of a word that says that the server gave up, so that
 *  what came is no answer; else 0. */
uint32_t finish_of_word(aigw_str word, uint32_t *ret_error);
/** Such a word as an error: its kind, 0 when it is none. Borrows the word. */
uint32_t finish_of_broken(aigw_str word, struct aigw_error *ret_error);

#endif
