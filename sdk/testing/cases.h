/* cases.h - case files: what their sections share. */
#ifndef TESTHOST_CASES_H
#define TESTHOST_CASES_H

#include "internal.h"

/** One case file at work. */
struct cases {
    const char *plugin, *file;
    struct gw_arena arena;
    struct aigw_testhost *th;
    const char *settings; /* to open with, NULL when the host is open already */
    const char *request;  /* the last call */
    const char *call_title;
    aigw_status status; /* what the last action answered, checked unless the next section expects failure */
    bool is_unchecked;
    aigw_str answer; /* what the model server says; ptr NULL: nothing yet */
    const char *content_type;
    const struct aigw_error *error;
    int64_t took_ms;
    int line; /* of the section at hand */
    int findings;
};

struct section {
    const char *name, *arg;
    const char *text;
    int line;
};

/** The whole of a case file, for free(). NULL: it cannot be read. */
char *cases_read_file(const char *path);
/** The next section of what is left of a file, in memory of the arena; *line counts lines, from 0. False: there is
 * none. */
bool cases_next_section(struct gw_arena *arena, aigw_str *rest, int *line, struct section *ret);

#define CASES_PROVIDER 1u
#define CASES_FEATURE  2u
#define CASES_BOTH     3u
#define CASES_CLOSED   4u /* works without an open plugin */

/** A kind of section: the table is what a file may say, and the help. */
struct case_section {
    const char *name, *arg; /* arg: how the help writes it, "" for none */
    uint32_t kind;          /* CASES_* */
    void (*handler)(struct cases *c, const struct section *s);
    const char *help;
};
extern const struct case_section cases_provider[], cases_feature[]; /* end with a NULL name */

void cases_finding(struct cases *c, const char *fmt, ...) AIGW_PRINTF(2, 3);
/** What a server sends for an answer's text: the text itself, or the messages that its lines describe. */
aigw_str cases_answer_bytes(struct cases *c, const char *content_type, const char *text);
/** The text without line feeds at its end. */
aigw_str cases_trimmed(const char *text);
/** The same as a string of its own. */
const char *cases_plain(struct cases *c, const struct section *s);

void cases_expect_text(struct cases *c, const char *what, const char *expected, const char *found);
void cases_expect_number(struct cases *c, const char *what, const char *expected, int64_t found);
void cases_expect_json(struct cases *c, const char *what, const char *expected, aigw_str found);
/** JSON objects and lists as JSON, a JSON string to the byte, all else without line feeds at the end. */
void cases_expect_body(struct cases *c, const char *what, const char *expected, aigw_str found);
/** Every line of expected is one of the lines found; "~text": one of them contains it; "!text": none does. */
void cases_expect_lines(struct cases *c, const char *what, const char *expected, const char *found);
/** No rule of the headers was broken since the call or request began. */
void cases_expect_no_faults(struct cases *c);

#endif
