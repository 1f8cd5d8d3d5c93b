/* version.c - is a GitLab new enough? Versions are read as PEP 440 says:
 * [v][epoch!]1.2.3[{a|b|rc}1][.post1][.dev1][+x], in all their spellings. What cannot be read is old. */
#include <string.h>

#include "tools.h"

#define PARTS_MAX  8u
#define NUMBER_MAX 1000000u

/* Which side of the bare number a version stands on; in their order. */
enum stage { STAGE_DEV, STAGE_ALPHA, STAGE_BETA, STAGE_CANDIDATE, STAGE_FINAL };

struct version {
    uint32_t parts[PARTS_MAX];
    uint32_t part_count, epoch;
    enum stage stage;
    bool is_dev;           /* …dev of that stage: before it */
    uint32_t stage_number; /* 0 for "-pre" */
};

struct reader {
    const char *at, *end;
};

static char peek(const struct reader *r)
{
    char c = r->at < r->end ? *r->at : '\0';

    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool number(struct reader *r, uint32_t *ret)
{
    if (!is_digit(peek(r)))
        return false;
    for (*ret = 0; is_digit(peek(r)); r->at++)
        if (*ret < NUMBER_MAX)
            *ret = *ret * 10 + (uint32_t)(peek(r) - '0');
    return true;
}

static bool word(struct reader *r, const char *text)
{
    struct reader at = *r;

    for (; *text; text++, at.at++)
        if (peek(&at) != *text)
            return false;
    *r = at;
    return true;
}

/** [.-_] before a suffix word. */
static struct reader after_separator(struct reader r)
{
    char c = peek(&r);

    if (c == '.' || c == '-' || c == '_')
        r.at++;
    return r;
}

static uint32_t suffix_number(struct reader *r)
{
    struct reader at = after_separator(*r);
    uint32_t value = 0;

    if (number(&at, &value))
        *r = at;
    return value;
}

static void read_stage(struct reader *r, struct version *v)
{
    static const struct {
        const char *word;
        enum stage stage;
    } words[] = { { "alpha", STAGE_ALPHA },  { "a", STAGE_ALPHA },           { "beta", STAGE_BETA },
                  { "b", STAGE_BETA },       { "preview", STAGE_CANDIDATE }, { "pre", STAGE_CANDIDATE },
                  { "rc", STAGE_CANDIDATE }, { "c", STAGE_CANDIDATE } };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct reader at = after_separator(*r);

        if (!word(&at, words[i].word))
            continue;
        *r = at;
        v->stage = words[i].stage;
        v->stage_number = suffix_number(r);
        return;
    }
}

/** "post1", "rev1", "r1" or "-1": newer than the bare version, which is all that counts here. */
static void read_post(struct reader *r)
{
    static const char *const words[] = { "post", "rev", "r" };
    uint32_t ignored;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct reader at = after_separator(*r);

        if (!word(&at, words[i]))
            continue;
        *r = at;
        suffix_number(r);
        return;
    }
    struct reader at = *r;
    if (word(&at, "-") && number(&at, &ignored))
        *r = at;
}

static bool read_local(struct reader *r)
{
    if (!word(r, "+"))
        return true;
    if (r->at == r->end)
        return false;
    for (; r->at < r->end; r->at++) {
        char c = peek(r);

        if (!is_digit(c) && (c < 'a' || c > 'z') && c != '.' && c != '-' && c != '_')
            return false;
    }
    return true;
}

static bool read_version(aigw_str text, struct version *v)
{
    struct reader r = { text.ptr, text.ptr + text.len }, at;

    *v = (struct version){ .stage = STAGE_FINAL };
    word(&r, "v");
    at = r;
    if (number(&at, &v->epoch) && word(&at, "!"))
        r = at;
    else
        v->epoch = 0;
    do {
        uint32_t part;

        if (!number(&r, &part))
            return false;
        if (v->part_count < PARTS_MAX)
            v->parts[v->part_count++] = part;
        at = r;
    } while (word(&at, ".") && is_digit(peek(&at)) && (r = at, true));
    read_stage(&r, v);
    read_post(&r);
    at = after_separator(r);
    if (word(&at, "dev")) {
        r = at;
        suffix_number(&r);
        v->is_dev = true;
    }
    return read_local(&r) && r.at == r.end;
}

bool chat_version_reaches(aigw_str version, const uint32_t least[3])
{
    struct version v;

    if (!version.len || !read_version(version, &v))
        return false;
    if (v.epoch)
        return true;
    for (uint32_t i = 0; i < 3; i++)
        if (v.parts[i] != least[i])
            return v.parts[i] > least[i];
    for (uint32_t i = 3; i < v.part_count; i++)
        if (v.parts[i])
            return true;
    if (v.stage == STAGE_FINAL)
        return !v.is_dev; /* 17.5.0.dev1 is older than 17.5.0-pre */
    return v.stage == STAGE_CANDIDATE && (v.stage_number > 0 || !v.is_dev);
}
