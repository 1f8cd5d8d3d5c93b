/* bytes.h - looking at many bytes of a string at once: sixteen with SSE2, which every amd64 has, else eight in a plain
 * integer. Internal to aigw_parts. */
#ifndef AIGW_PARTS_BYTES_H
#define AIGW_PARTS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* BYTES_STEP bytes are looked at; the answer marks those that are looked for, 0 when there are none. Behind the first
 * such byte others may be marked wrongly. */
#ifdef __SSE2__
#define BYTES_STEP 16

/** Quote, backslash, control character, no ASCII. */
static inline uint64_t bytes_special(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* signed: no ASCII is negative */

    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), other));
}

/** Backslash. */
static inline uint64_t bytes_backslash(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);

    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
}

/** Quote. */
static inline uint64_t bytes_quote(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);

    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
}

/** Quote or bracket. */
static inline uint64_t bytes_structure(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20)); /* [ and ] become { and } */
    __m128i open = _mm_cmpeq_epi8(folded, _mm_set1_epi8('{')), shut = _mm_cmpeq_epi8(folded, _mm_set1_epi8('}'));

    return (uint32_t)_mm_movemask_epi8(
        _mm_or_si128(_mm_or_si128(open, shut), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'))));
}

/* As many bytes as a word has bits. Each answer marks exactly those that are looked for. */
#define BYTES_BLOCK 64

/** The bytes that are c. */
static inline uint64_t bytes_block_of(const char *at, char c)
{
    const __m128i wanted = _mm_set1_epi8(c);
    uint64_t marks = 0;

    for (unsigned i = 0; i < BYTES_BLOCK; i += BYTES_STEP) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
        marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) << i;
    }
    return marks;
}

/** Control characters, and what is no ASCII. */
static inline uint64_t bytes_block_odd(const char *at)
{
    const __m128i least = _mm_set1_epi8(0x20);
    uint64_t marks = 0;

    for (unsigned i = 0; i < BYTES_BLOCK; i += BYTES_STEP) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
        marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(bytes, least)) << i; /* signed */
    }
    return marks;
}

/** The bytes of a block that are escaped, when *is_escaped says whether its first is behind a backslash that escapes;
 *  afterwards it says so of the byte behind the block. */
static inline uint64_t bytes_block_escaped(uint64_t backslashes, uint64_t *is_escaped)
{
    const uint64_t even = UINT64_C(0x5555555555555555);
    uint64_t begins = backslashes & ~*is_escaped; /* an escaped backslash escapes nothing */
    uint64_t behind = begins << 1 | *is_escaped;
    uint64_t odd = begins & ~even & ~behind, sum; /* rows of backslashes that begin at an odd place */

    *is_escaped =
        __builtin_add_overflow(odd, begins, &sum); /* a row becomes one bit behind it, at an even place or not */
    return (even ^ sum << 1) & behind;
}

/** No ASCII. */
static inline uint64_t bytes_wide(const char *at)
{
    return (uint32_t)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)at));
}

/** Is there any that is no ASCII among the next BYTES_FAR? */
static inline bool bytes_has_wide(const char *at)
{
    const __m128i *word = (const __m128i *)(const void *)at;
    __m128i first = _mm_or_si128(_mm_loadu_si128(word), _mm_loadu_si128(word + 1));
    __m128i second = _mm_or_si128(_mm_loadu_si128(word + 2), _mm_loadu_si128(word + 3));

    return _mm_movemask_epi8(_mm_or_si128(first, second)) != 0;
}

/** Bytes before the first that is marked; marks is not 0. */
static inline size_t bytes_before(uint64_t marks)
{
    return (size_t)__builtin_ctzll(marks);
}

#else
#define BYTES_STEP  8
#define BYTES_ONES  UINT64_C(0x0101010101010101)
#define BYTES_HIGHS UINT64_C(0x8080808080808080)

/* The first byte lowest. */
static inline uint64_t bytes_load(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint64_t bytes_special(const char *at)
{
    uint64_t word = bytes_load(at), quote = word ^ (BYTES_ONES * '"'), backslash = word ^ (BYTES_ONES * '\\');

    return (word | (word - BYTES_ONES * 0x20) | (quote - BYTES_ONES) | (backslash - BYTES_ONES)) & BYTES_HIGHS;
}

static inline uint64_t bytes_backslash(const char *at)
{
    uint64_t backslash = bytes_load(at) ^ (BYTES_ONES * '\\');

    return (backslash - BYTES_ONES) & ~backslash & BYTES_HIGHS;
}

static inline uint64_t bytes_wide(const char *at)
{
    return bytes_load(at) & BYTES_HIGHS;
}

static inline bool bytes_has_wide(const char *at)
{
    return ((bytes_load(at) | bytes_load(at + 8) | bytes_load(at + 16) | bytes_load(at + 24)) & BYTES_HIGHS) != 0;
}

static inline size_t bytes_before(uint64_t marks)
{
    return (size_t)__builtin_ctzll(marks) / 8;
}
#endif
#define BYTES_FAR (4 * BYTES_STEP)

/** One byte that bytes_special() would not mark. */
static inline bool bytes_is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/** What a backslash and c stand for; 0 for u and for what JSON does not have. */
static inline char bytes_escape(char c)
{
    static const char table[128] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
    };

    return (unsigned char)c < sizeof table ? table[(unsigned char)c] : '\0';
}

#endif
