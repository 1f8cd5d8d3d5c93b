/* scan.h - look at small JSON objects in place, without building a tree: for the one event shape that makes up nearly
 * all of a stream. Whatever is unusual ends the scan; the caller then parses properly. */
#ifndef PROVIDER_SCAN_H
#define PROVIDER_SCAN_H

#include <aigw/sdk.h>
#include <stdbool.h>
#include <string.h>

/** The key is this literal. Compared in place: it is asked for every key of every event. */
#define SCAN_IS(key, literal) \
    ((key).len == sizeof(literal) - 1 && memcmp((key).ptr, (literal), sizeof(literal) - 1) == 0)

/** A place in a text. Not valid any more: is_ok is false, and stays so. */
struct scan {
    const char *at, *end;
    bool is_ok;
};

/** Pass over blanks, then `c`. */
void scan_char(struct scan *s, char c);
/** True, and passed over, when `c` comes next. */
bool scan_try(struct scan *s, char c);
/** A string without any escape, as it stands. */
aigw_str scan_plain(struct scan *s);
/** A string. One with simple escapes is written to scratch (of size bytes); \u escapes end the scan. */
aigw_str scan_string(struct scan *s, char *scratch, size_t size);
/** Pass over a string, number, true, false or null, or an object or list of these, at most 4 deep. */
void scan_skip(struct scan *s);
/** True, and passed over, when null comes next. */
bool scan_null(struct scan *s);
/** A non-negative integer of at most 9 digits. */
int32_t scan_int(struct scan *s);
/** The next key of an object whose '{' was passed over, or false at its '}'. `is_first` begins true. */
bool scan_key(struct scan *s, bool *is_first, aigw_str *ret_key);
/** Nothing but blanks is left. */
bool scan_at_end(struct scan *s);

#endif
