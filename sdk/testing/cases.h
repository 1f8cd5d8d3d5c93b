/* cases.h - case files: what their sections share. */
#ifndef TESTHOST_CASES_H
#define TESTHOST_CASES_H

#include "internal.h"

#define CASES_REFUSAL 300 /* statuses from here on are refusals: the core follows no redirection */

/** One case file at work. */
struct cases {
    const char *plugin, *file;
    struct gw_arena arena;
    struct aigw_testhost *th;
    const char *settings; /* to open with, NULL when that was done, well or not */
    int settings_line;    /* of the section that says them, while no host was opened with them; 0: none */
    const char *request;  /* the last call */
    const char *call_title;
    aigw_status status; /* what the last action answered, checked unless the next section expects failure */
    bool is_unchecked;
    bool was_asked;  /* there was a call, a send or a refuse since the plugin was opened */
    aigw_str answer; /* what the model server says; ptr NULL: nothing yet */
    int answer_status, answer_line;
    bool is_answer_new; /* nothing said yet what comes of it */
    bool has_played;    /* took_ms is of this call */
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

/** The whole of a case file, for free(); with line feeds alone at the ends of lines if it has none but those of DOS.
 * NULL: it cannot be read, and *ret_why says why. */
char *cases_read_file(const char *path, const char **ret_why);
/** The next section of what is left of a file, in memory of the arena; *line counts lines, from 0. False: there is
 * none. */
bool cases_next_section(struct gw_arena *arena, aigw_str *rest, int *line, struct section *ret);

/* cases_forms.c: what stands behind a section's name, and in its lines. False, and NULL: a finding was made of it. */

/** The next word of *rest, which is cut off; empty at its end. */
const char *cases_next_word(struct gw_arena *arena, const char **rest);
/** A whole number of at most `max`; `what` names it. */
bool cases_number(struct cases *c, const char *what, aigw_str text, uint64_t max, uint64_t *ret);
/** "<METHOD> <path>", with nothing behind it. */
bool cases_request_line(struct cases *c, const struct section *s, const char *arg, const char **ret_method,
                        const char **ret_path);
/** Header lines, an empty line, the body. */
bool cases_request_text(struct cases *c, const struct section *s, const char **ret_headers, const char **ret_body);
/** Each line that is not empty is a name, the separator, and a value. */
bool cases_check_lines(struct cases *c, const struct section *s, const char *lines, char separator);
/** "<status> [<type> [<retry-after>]]" of an answer. A type may have parameters; the rest is the third. */
struct cases_answer_head {
    int status;
    const char *type, *retry_after; /* retry_after: NULL for none */
};
bool cases_answer_line(struct cases *c, const struct section *s, struct cases_answer_head *ret);

#define CASES_PROVIDER 1u
#define CASES_FEATURE  2u
#define CASES_BOTH     3u
#define CASES_CLOSED   4u  /* works without an open plugin */
#define CASES_DOES     8u  /* begins something new: what was before it is over */
#define CASES_ASKED    16u /* of what a call, a send or a refuse left */

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

/** Memory of the file's arena, for aigw_memory. */
void *cases_memory_get(void *user, size_t len);

/** A finding that shows both; of long texts the pieces around the first difference. */
void cases_differ(struct cases *c, const char *what, aigw_str expected, aigw_str found, const char *fmt, ...)
    AIGW_PRINTF(5, 6);
/** To the byte, but for line feeds at the end. */
void cases_expect_text(struct cases *c, const char *what, const char *expected, const char *found);
/** To the byte, but for blanks around what is expected. */
void cases_expect_word(struct cases *c, const char *what, const char *expected, const char *found);
void cases_expect_number(struct cases *c, const char *what, const char *expected, int64_t found);
/** JSON objects and lists as JSON, a JSON string to the byte, all else without line feeds at the end. */
void cases_expect_body(struct cases *c, const char *what, const char *expected, aigw_str found);
/** Every line of expected is one of the lines found, at least as often as it is expected, and a counter's exactly so
 * often; "~text": one of them contains it; "!text": none does. Nothing expected: none must be there. */
void cases_expect_lines(struct cases *c, const char *what, const char *expected, const char *found);
/** The same of header lines, no one of which may be there with another value besides. */
void cases_expect_headers(struct cases *c, const char *what, const char *expected, const char *found);

/* cases_json.c */
void cases_expect_json(struct cases *c, const char *what, const char *expected, aigw_str found);
/** The text is strict JSON without a member twice; else a finding was made. */
bool cases_check_json(struct cases *c, const char *what, const char *text);
/** A JSON string, with nothing but line feeds behind it; else a finding was made. */
bool cases_read_string(struct cases *c, const char *what, const char *text, aigw_str *ret);

/** No rule of the headers was broken since the call or request began. */
void cases_expect_no_faults(struct cases *c);

#endif
