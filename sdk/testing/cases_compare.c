/* cases_compare.c - what a section expects against what was found. */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX ((size_t)16384) /* bytes of a text that are printed */

void cases_finding(struct cases *c, const char *fmt, ...)
{
    va_list args;

    c->findings++;
    fprintf(stderr, "%s:%d: %s%s", c->file, c->line, c->call_title ? c->call_title : "", c->call_title ? ": " : "");
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

/* A text without line feeds at its end. */
static aigw_str without_feeds(aigw_str text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    return text;
}

aigw_str cases_trimmed(const char *text)
{
    return without_feeds(gw_str(text));
}

const char *cases_plain(struct cases *c, const struct section *s)
{
    return gw_arena_strndup(&c->arena, s->text, cases_trimmed(s->text).len);
}

void *cases_memory_get(void *user, size_t len)
{
    return gw_arena_alloc(&((struct cases *)user)->arena, len);
}

/* ---- what differs ---- */

/* As it is when people can read it, else as a JSON string; of a long one only the piece around `at`. */
static void put_shown(struct gw_buf *out, aigw_str text, size_t at)
{
    size_t begin = text.len > SHOWN_MAX && at > SHOWN_MAX / 2 ? at - SHOWN_MAX / 2 : 0;
    aigw_str shown = { text.ptr + begin, text.len - begin < SHOWN_MAX ? text.len - begin : SHOWN_MAX };
    bool is_text = gw_utf8_valid_len(shown) + 3 >= shown.len; /* a character may be cut */

    for (size_t i = 0; i < shown.len && is_text; i++)
        is_text = (unsigned char)shown.ptr[i] >= ' ' || shown.ptr[i] == '\n' || shown.ptr[i] == '\t';
    if (shown.len < text.len)
        gw_buf_printf(out, "(bytes %zu to %zu of %zu)\n", begin, begin + shown.len, text.len);
    if (is_text)
        gw_buf_put_str(out, shown);
    else
        gw_buf_json(out, shown, true);
}

static size_t first_difference(aigw_str a, aigw_str b)
{
    size_t at = 0;

    while (at < a.len && at < b.len && a.ptr[at] == b.ptr[at])
        at++;
    return at;
}

void cases_differ(struct cases *c, const char *what, aigw_str expected, aigw_str found, const char *fmt, ...)
{
    size_t at = first_difference(expected, found);
    struct gw_buf text;
    va_list args;

    gw_buf_init(&text, (size_t)1 << 20);
    gw_buf_puts(&text, "--- expected\n");
    put_shown(&text, expected, at);
    gw_buf_puts(&text, "\n--- found\n");
    put_shown(&text, found, at);
    gw_buf_puts(&text, "\n---");
    if (*fmt)
        gw_buf_puts(&text, " ");
    va_start(args, fmt);
    gw_buf_vprintf(&text, fmt, args);
    va_end(args);
    cases_finding(c, "%s differs\n%s", what, text.data);
    gw_buf_done(&text);
}

static void expect_bytes(struct cases *c, const char *what, aigw_str expected, aigw_str found)
{
    if (!gw_str_eq(expected, found))
        cases_differ(c, what, expected, found, "the first difference is at byte %zu",
                     first_difference(expected, found));
}

void cases_expect_text(struct cases *c, const char *what, const char *expected, const char *found)
{
    expect_bytes(c, what, cases_trimmed(expected), without_feeds(gw_str(found)));
}

void cases_expect_word(struct cases *c, const char *what, const char *expected, const char *found)
{
    expect_bytes(c, what, gw_str_trim(gw_str(expected)), gw_str(found));
}

void cases_expect_number(struct cases *c, const char *what, const char *expected, int64_t found)
{
    cases_expect_word(c, what, expected, gw_arena_printf(&c->arena, "%lld", (long long)found));
}

void cases_expect_body(struct cases *c, const char *what, const char *expected, aigw_str found)
{
    const char *first = expected + strspn(expected, " \n\t");
    aigw_str bytes;

    if (*first == '"') {
        if (cases_read_string(c, what, first, &bytes))
            expect_bytes(c, what, bytes, found);
    } else if (*first == '{' || *first == '[') {
        cases_expect_json(c, what, expected, found);
    } else {
        expect_bytes(c, what, cases_trimmed(expected), without_feeds(found));
    }
}

/* ---- lines ---- */

static bool has_part(const char *found, aigw_str wanted)
{
    aigw_str rest = gw_str(found);

    while (rest.len > 0) {
        aigw_str line = testhost_next_line(&rest);

        if (memmem(line.ptr, line.len, wanted.ptr, wanted.len))
            return true;
    }
    return false;
}

/* How often the line occurs. */
static size_t count_line(aigw_str lines, aigw_str wanted)
{
    size_t count = 0;

    while (lines.len > 0)
        count += gw_str_eq(testhost_next_line(&lines), wanted);
    return count;
}

/* The name of a header line, in front of its colon. */
static aigw_str name_of(aigw_str line)
{
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;

    return (aigw_str){ line.ptr, colon ? (size_t)(colon - line.ptr) : 0 };
}

/* A header line that has the name of an expected one, and is none of the expected lines itself; absent when there is
 * none: `X-Key: good` beside `X-Key: bad` is not what somebody meant who expects the first. */
static aigw_str second_value(const char *expected, const char *found, aigw_str wanted)
{
    aigw_str rest = gw_str(found), name = name_of(wanted);

    while (rest.len > 0 && name.len > 0) {
        aigw_str line = testhost_next_line(&rest);

        if (gw_str_eq_ci(name_of(line), name) && count_line(gw_str(expected), line) == 0)
            return line;
    }
    return AIGW_STR_NONE;
}

static void expect_line(struct cases *c, const char *what, const char *expected, const char *found, aigw_str line,
                        bool is_header)
{
    size_t wanted = count_line(gw_str(expected), line), count = count_line(gw_str(found), line);
    aigw_str other = AIGW_STR_NONE;

    if (count == 0) {
        cases_finding(c, "%s: lack the line \"%.*s\"\n--- found\n%s---", what, AIGW_STR_ARG(line), found);
        return;
    }
    if (count < wanted || (count > wanted && (is_header || gw_str_has_prefix(line, AIGW_STR("count ")))))
        cases_finding(c, "%s: expected the line \"%.*s\" %zu times, found %zu\n--- found\n%s---", what,
                      AIGW_STR_ARG(line), wanted, count, found);
    else if (is_header)
        other = second_value(expected, found, line);
    if (other.ptr)
        cases_finding(c, "%s: expected \"%.*s\" alone, found \"%.*s\", too\n--- found\n%s---", what, AIGW_STR_ARG(line),
                      AIGW_STR_ARG(other), found);
}

static void expect_lines(struct cases *c, const char *what, const char *expected, const char *found, bool are_headers)
{
    aigw_str rest = gw_str(expected), line;
    bool is_empty = true;

    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        if (line.len == 0)
            continue;
        is_empty = false;
        if (line.ptr[0] != '!' && line.ptr[0] != '~') {
            if (count_line((aigw_str){ expected, (size_t)(line.ptr - expected) }, line) == 0) /* said once is enough */
                expect_line(c, what, expected, found, line, are_headers);
        } else if (has_part(found, (aigw_str){ line.ptr + 1, line.len - 1 }) == (line.ptr[0] == '!')) {
            cases_finding(c, "%s: %s \"%.*s\"\n--- found\n%s---", what,
                          line.ptr[0] == '!' ? "must not hold" : "no line contains", (int)line.len - 1, line.ptr + 1,
                          found);
        }
    }
    if (is_empty && *found)
        cases_finding(c, "%s: expected none, found\n%s---", what, found);
}

void cases_expect_lines(struct cases *c, const char *what, const char *expected, const char *found)
{
    expect_lines(c, what, expected, found, false);
}

void cases_expect_headers(struct cases *c, const char *what, const char *expected, const char *found)
{
    expect_lines(c, what, expected, found, true);
}

void cases_expect_no_faults(struct cases *c)
{
    const char *faults = aigw_testhost_faults(c->th);

    if (*faults)
        cases_finding(c, "%.*s", AIGW_STR_ARG(cases_trimmed(faults)));
}
