/* react_marker.c - see react_marker.h. A decorated word is looked for at the start of a line only; in the middle of one
 * it has to be spelled as published, and an action's is not part of another word: what follows "Final Answer:" is the
 * answer wherever that stands, as GitLab has always read it. */
#include "react_marker.h"

#include <string.h>

#define DECORATION_MAX 32u /* bytes in front of a word at the start of a line; more is no decoration */
#define BETWEEN_MAX    8u  /* bytes between the word and its colon */

/* Two words may be joined by one of these, or by nothing. */
static const struct {
    enum react_word word;
    const char *first, *second;
} words[] = {
    { REACT_WORD_ANSWER, "Final", "Answer" }, { REACT_WORD_INPUT, "Action", "Input" },
    { REACT_WORD_ACTION, "Action", NULL },    { REACT_WORD_OBSERVATION, "Observation", NULL },
    { REACT_WORD_THOUGHT, "Thought", NULL },
};

static const char think_end[] = "</think>";

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_';
}

/* What opens around a word and has to close again: bold, code. */
static bool is_wrap(char c)
{
    return c == '*' || c == '_' || c == '`';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A place in the text, and how far it may go. */
struct cursor {
    aigw_str text;
    size_t at;
    bool is_whole, is_exact;
};

/** The state of affairs where the text ends. */
static enum react_match at_the_end(const struct cursor *c)
{
    return c->is_whole ? REACT_NO : REACT_MORE;
}

static enum react_match eat(struct cursor *c, const char *word)
{
    for (; *word; word++, c->at++) {
        if (c->at == c->text.len)
            return at_the_end(c);
        if (c->is_exact ? c->text.ptr[c->at] != *word : lower(c->text.ptr[c->at]) != lower(*word))
            return REACT_NO;
    }
    return REACT_YES;
}

static enum react_match eat_words(struct cursor *c, const char *first, const char *second)
{
    enum react_match found = eat(c, first);

    if (found != REACT_YES || !second)
        return found;
    if (c->is_exact) {
        found = eat(c, " ");
        return found == REACT_YES ? eat(c, second) : found;
    }
    for (size_t n = 0; n < 2 && c->at < c->text.len; n++) {
        char between = c->text.ptr[c->at];

        if (!is_blank(between) && between != '_' && between != '-')
            break;
        c->at++;
    }
    return eat(c, second);
}

/** Colon and closing decoration; `opened` wraps stand in front of the word. */
static enum react_match eat_colon(struct cursor *c, size_t opened)
{
    size_t limit = c->at + BETWEEN_MAX;

    while (c->at < c->text.len && c->at < limit) {
        char between = c->text.ptr[c->at];

        if (is_wrap(between) && opened)
            opened--;
        else if (!is_blank(between) || c->is_exact)
            break;
        c->at++;
    }
    if (c->at == c->text.len)
        return at_the_end(c);
    if (c->text.ptr[c->at] != ':')
        return REACT_NO;
    for (c->at++; opened; opened--, c->at++) {
        if (c->at == c->text.len)
            return c->is_whole ? REACT_YES : REACT_MORE;
        if (!is_wrap(c->text.ptr[c->at]))
            break;
    }
    return REACT_YES;
}

/** One of the words behind the decoration that ends at c->at. */
static enum react_match match_word(struct cursor c, size_t opened, struct react_marker *ret)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct cursor at = c;
        enum react_match found = eat_words(&at, words[i].first, words[i].second);

        if (found == REACT_YES)
            found = eat_colon(&at, opened);
        if (found == REACT_NO)
            continue;
        ret->word = words[i].word;
        ret->end = at.at;
        return found;
    }
    return REACT_NO;
}

static bool may_begin(char c)
{
    c = lower(c);
    return c == 'f' || c == 'a' || c == 'o' || c == 't';
}

static enum react_match match_line(aigw_str text, size_t at, bool is_whole, struct react_marker *ret)
{
    struct cursor c = { text, at, is_whole, false };
    size_t opened = 0;

    while (c.at < text.len && c.at - at < DECORATION_MAX) {
        char d = text.ptr[c.at];

        if (is_wrap(d))
            opened++;
        else if (!is_blank(d) && d != '#' && d != '>' && d != '-')
            break;
        c.at++;
    }
    if (c.at == text.len)
        return at_the_end(&c);
    return may_begin(text.ptr[c.at]) ? match_word(c, opened, ret) : REACT_NO;
}

static enum react_match match_inside(aigw_str text, size_t at, bool is_whole, struct react_marker *ret)
{
    struct cursor c = { text, at, is_whole, true };
    enum react_match found;
    size_t opened = 0;

    while (opened < at && opened < BETWEEN_MAX && text.ptr[at - 1 - opened] == '*')
        opened++;
    if (!opened && at && text.ptr[at] == 'A' && is_word_byte(text.ptr[at - 1]))
        return REACT_NO;
    found = match_word(c, opened, ret);
    if (found == REACT_YES && ret->word >= REACT_WORD_OBSERVATION) /* part nothing in the middle of a line */
        return REACT_NO;
    ret->at = at - opened;
    return found;
}

enum react_match react_match_at(aigw_str text, size_t at, bool is_whole, struct react_marker *ret_marker)
{
    char c = text.ptr[at];
    enum react_match found = REACT_NO;

    ret_marker->at = at;
    if (!at || text.ptr[at - 1] == '\n' || text.ptr[at - 1] == '\r')
        found = match_line(text, at, is_whole, ret_marker);
    else if (c == 'F' || c == 'A')
        found = match_inside(text, at, is_whole, ret_marker);
    if (found != REACT_NO || c != '<')
        return found;
    struct cursor end = { text, at, is_whole, true };
    found = eat(&end, think_end);
    ret_marker->word = REACT_WORD_THINK_END;
    ret_marker->end = end.at;
    return found;
}
