/* bytes.h - looking at eight bytes of a string at once. Internal to aigw_parts. */
#ifndef AIGW_PARTS_BYTES_H
#define AIGW_PARTS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BYTES_ONES  UINT64_C(0x0101010101010101)
#define BYTES_HIGHS UINT64_C(0x8080808080808080)

/** The high bit of every byte among eight that needs a look is set: quote, backslash, control character, no ASCII.
 * Bytes after the first such one may be marked wrongly. */
static inline uint64_t bytes_special(uint64_t word)
{
    uint64_t quote = word ^ (BYTES_ONES * '"'), backslash = word ^ (BYTES_ONES * '\\');

    return (word | (word - BYTES_ONES * 0x20) | (quote - BYTES_ONES) | (backslash - BYTES_ONES)) & BYTES_HIGHS;
}

/** The same for one byte. */
static inline bool bytes_is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/** How many of the eight bytes at `at` are plain before the first that is not; `special` is not 0. */
static inline size_t bytes_plain(const char *at, uint64_t special)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    (void)at;
    return (size_t)__builtin_ctzll(special) / 8;
#else
    size_t count = 0;

    (void)special;
    while (bytes_is_plain(at[count]))
        count++;
    return count;
#endif
}

#endif
