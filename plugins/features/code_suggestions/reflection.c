/* reflection.c - see reflection.h. */
#include "reflection.h"

#include <string.h>

#include "clean.h"

#define RUN_MIN       5u    /* lines of code that are no chance */
#define COMMENT_MIN   4u    /* letters and digits of a comment that says something */
#define SPECIAL_SHARE 25u   /* per cent of the characters of a run that may be neither letters, digits nor blanks */
#define VARIETY_SHARE 35u   /* per cent of its characters that may be different ones */
#define ABOVE_MAX     2000u /* lines above that are looked at, nearest to the cursor first */
#define LINES_MAX     1000u /* lines of text that are looked at */

struct line {
    const char *text; /* without the blanks at its end */
    size_t len;
};

static struct line trim(const char *text, size_t len)
{
    while (len && cs_is_blank_char(text[len - 1]))
        len--;
    return (struct line){ text, len };
}

/** The line that ends at *end, which moves in front of it. */
static struct line last_line(const char *text, size_t *end)
{
    size_t start = *end;
    struct line line;

    while (start > 0 && text[start - 1] != '\n')
        start--;
    line = trim(text + start, *end - start);
    *end = start ? start - 1 : 0;
    return line;
}

static bool stands_above(aigw_str above, struct line line)
{
    size_t end = above.len, begin;

    if (!line.len)
        return false;
    for (uint32_t i = 0; i < ABOVE_MAX; i++) {
        struct line other;

        begin = end;
        other = last_line(above.ptr, &end);
        if (other.len == line.len && memcmp(other.text, line.text, line.len) == 0)
            return true;
        if (begin == end || end == 0)
            return false;
    }
    return false;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/** A whole line of words behind a comment sign. Not what may be the border of a comment, or code: #include, --x, and
 * the like. */
static bool is_comment(struct line line)
{
    size_t at = 0, words = 0;

    while (at < line.len && cs_is_blank_char(line.text[at]))
        at++;
    line = (struct line){ line.text + at, line.len - at };
    if (line.len < 3 || !((line.text[0] == '#' && cs_is_blank_char(line.text[1])) || memcmp(line.text, "//", 2) == 0 ||
                          memcmp(line.text, "-- ", 3) == 0))
        return false;
    for (size_t i = 0; i < line.len; i++)
        words += is_word(line.text[i]);
    return words >= COMMENT_MIN;
}

static bool is_plain(const char *text, size_t len)
{
    bool is_there[256] = { false };
    size_t specials = 0, different = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (!is_there[c])
            different++;
        is_there[c] = true;
        if (!cs_is_blank_char(text[i]) && c < 0x80 && !is_word(text[i]))
            specials++;
    }
    return specials * 100 < len * SPECIAL_SHARE && different * 100 < len * VARIETY_SHARE;
}

static bool is_reflection(const char *run, size_t len, size_t lines)
{
    if (lines == 1)
        return is_comment(trim(run, len));
    return lines >= RUN_MIN && is_plain(run, len);
}

size_t cs_drop_reflection(aigw_str above, char *text, size_t len)
{
    size_t from = 0, to = 0, run = 0, run_lines = 0;

    for (size_t n = 0; from < len && n < LINES_MAX; n++) {
        const char *newline = memchr(text + from, '\n', len - from);
        size_t line_len = newline ? (size_t)(newline - (text + from)) + 1 : len - from;
        bool is_again = n > 0 && stands_above(above, trim(text + from, line_len));

        if (is_again && !run_lines)
            run = to;
        if (!is_again && run_lines && is_reflection(text + run, to - run, run_lines))
            to = run;
        run_lines = is_again ? run_lines + 1 : 0;
        memmove(text + to, text + from, line_len);
        to += line_len;
        from += line_len;
    }
    if (run_lines && is_reflection(text + run, to - run, run_lines))
        to = run;
    memmove(text + to, text + from, len - from);
    return to + (len - from);
}
