/* query.c - words out of any text. They are joined by OR, and the ranking does the rest: a page that has more of the
 * words, and the rarer ones, comes first. With AND a whole question would hardly ever find anything. */
#include "query.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Words that say nothing about what is looked for. */
static const char *const small_words[] = {
    "a",     "about", "an",     "and",  "any",  "are",  "as",    "at",   "be",   "by",   "can",   "could",
    "d",     "did",   "do",     "does", "for",  "from", "has",   "have", "how",  "i",    "if",    "in",
    "into",  "is",    "it",     "its",  "ll",   "m",    "me",    "my",   "of",   "on",   "or",    "our",
    "re",    "s",     "should", "so",   "some", "t",    "than",  "that", "the",  "then", "there", "these",
    "they",  "this",  "to",     "us",   "ve",   "want", "was",   "we",   "were", "what", "when",  "where",
    "which", "while", "who",    "why",  "will", "with", "would", "you",  "your",
};

/* Punctuation beyond ASCII that separates words; everything else there belongs to a word. */
static const struct {
    uint32_t first, last;
} separators[] = {
    { 0x80, 0xa9 },     { 0xab, 0xb4 },           { 0xb6, 0xb9 },     { 0xbb, 0xbf },
    { 0xd7, 0xd7 },     { 0xf7, 0xf7 },           { 0x2000, 0x206f }, { 0x3000, 0x303f },
    { 0xfe30, 0xfe4f }, /* */ { 0xff00, 0xff0f }, { 0xfffd, 0xfffd },
};

/** The character at `at` and its bytes. Anything that is not UTF-8 is one separator. */
static uint32_t decode(aigw_str text, size_t at, size_t *ret_len)
{
    const unsigned char *p = (const unsigned char *)text.ptr + at;
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
    uint32_t code;

    *ret_len = 1;
    if (len <= 1)
        return len ? p[0] : 0xfffd;
    if (len > text.len - at)
        return 0xfffd;
    code = p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0xfffd;
        code = code << 6 | (p[i] & 0x3fu);
    }
    *ret_len = len;
    return code;
}

static bool is_word_char(uint32_t code)
{
    if (code < 0x80)
        return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || (code >= '0' && code <= '9') ||
               code == '_';
    for (size_t i = 0; i < sizeof separators / sizeof *separators; i++)
        if (code >= separators[i].first && code <= separators[i].last)
            return false;
    return true;
}

/** The next word from *at on, or absent. */
static aigw_str next_word(aigw_str text, size_t *at)
{
    size_t begin, len;

    while (*at < text.len && !is_word_char(decode(text, *at, &len)))
        *at += len;
    begin = *at;
    while (*at < text.len && is_word_char(decode(text, *at, &len)))
        *at += len;
    return *at > begin ? (aigw_str){ text.ptr + begin, *at - begin } : AIGW_STR_NONE;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool same_word(aigw_str a, aigw_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

static bool is_small(aigw_str word)
{
    for (size_t i = 0; i < sizeof small_words / sizeof *small_words; i++)
        if (same_word(word, (aigw_str){ small_words[i], strlen(small_words[i]) }))
            return true;
    return false;
}

static size_t collect(aigw_str text, bool with_small, aigw_str words[DS_WORDS_MAX])
{
    size_t count = 0, at = 0;
    aigw_str word;

    while (count < DS_WORDS_MAX && (word = next_word(text, &at)).len) {
        bool is_known = word.len > DS_WORD_MAX || (!with_small && is_small(word));

        for (size_t i = 0; i < count && !is_known; i++)
            is_known = same_word(words[i], word);
        if (!is_known)
            words[count++] = word;
    }
    return count;
}

void ds_expression(aigw_str text, char ret_expression[DS_EXPRESSION_MAX])
{
    aigw_str words[DS_WORDS_MAX];
    size_t count = collect(text, false, words), at = 0;

    if (count == 0)
        count = collect(text, true, words);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            memcpy(ret_expression + at, " OR ", 4);
            at += 4;
        }
        ret_expression[at++] = '"';
        memcpy(ret_expression + at, words[i].ptr, words[i].len);
        at += words[i].len;
        ret_expression[at++] = '"';
    }
    ret_expression[at] = '\0';
}
