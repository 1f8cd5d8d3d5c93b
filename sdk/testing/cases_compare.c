/* cases_compare.c - what a section expects against what was found. */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

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

aigw_str cases_trimmed(const char *text)
{
    aigw_str s = gw_str(text);

    while (s.len > 0 && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
        s.len--;
    return s;
}

const char *cases_plain(struct cases *c, const struct section *s)
{
    return gw_arena_strndup(&c->arena, s->text, cases_trimmed(s->text).len);
}

static void differs(struct cases *c, const char *what, aigw_str expected, aigw_str found)
{
    cases_finding(c, "%s differs\n--- expected\n%.*s\n--- found\n%.*s\n---", what, AIGW_STR_ARG(expected),
                  AIGW_STR_ARG(found));
}

void cases_expect_text(struct cases *c, const char *what, const char *expected, const char *found)
{
    aigw_str a = cases_trimmed(expected), b = cases_trimmed(found);

    if (!gw_str_eq(a, b))
        differs(c, what, a, b);
}

void cases_expect_number(struct cases *c, const char *what, const char *expected, int64_t found)
{
    cases_expect_text(c, what, expected, gw_arena_printf(&c->arena, "%lld", (long long)found));
}

void cases_expect_json(struct cases *c, const char *what, const char *expected, aigw_str found)
{
    char *copy = strndup(found.len > 0 ? found.ptr : "", found.len);
    struct json_object *a = json_tokener_parse(expected), *b = json_tokener_parse(copy ? copy : "");

    if (!a)
        cases_finding(c, "%s: the expected text is not JSON", what);
    else if (!b)
        differs(c, what, gw_str(json_object_to_json_string_ext(a, JSON_C_TO_STRING_PLAIN)), found);
    else if (!json_object_equal(a, b))
        differs(c, what, gw_str(json_object_to_json_string_ext(a, JSON_C_TO_STRING_PLAIN)),
                gw_str(json_object_to_json_string_ext(b, JSON_C_TO_STRING_PLAIN)));
    json_object_put(a);
    json_object_put(b);
    free(copy);
}

void cases_expect_body(struct cases *c, const char *what, const char *expected, aigw_str found)
{
    const char *first = expected + strspn(expected, " \n");

    if (*first == '"') {
        struct json_object *text = json_tokener_parse(first);
        aigw_str bytes = { json_object_get_string(text), (size_t)json_object_get_string_len(text) };

        if (!gw_str_eq(bytes, found))
            differs(c, what, bytes, found);
        json_object_put(text);
    } else if (*first == '{' || *first == '[') {
        cases_expect_json(c, what, expected, found);
    } else {
        cases_expect_text(c, what, expected, gw_arena_strndup(&c->arena, found.ptr ? found.ptr : "", found.len));
    }
}

static bool has_line(const char *found, aigw_str wanted, bool is_part)
{
    aigw_str rest = gw_str(found);

    while (rest.len > 0) {
        aigw_str line = testhost_next_line(&rest);

        if (is_part ? memmem(line.ptr, line.len, wanted.ptr, wanted.len) != NULL : gw_str_eq(line, wanted))
            return true;
    }
    return false;
}

void cases_expect_lines(struct cases *c, const char *what, const char *expected, const char *found)
{
    aigw_str rest = gw_str(expected), line;

    while (rest.len > 0) {
        bool is_absent, is_part;

        line = testhost_next_line(&rest);
        if (line.len == 0)
            continue;
        is_absent = line.ptr[0] == '!';
        is_part = is_absent || line.ptr[0] == '~';
        if (is_part)
            line = (aigw_str){ line.ptr + 1, line.len - 1 };
        if (has_line(found, line, is_part) == is_absent)
            cases_finding(c, "%s: %s \"%.*s\"\n--- found\n%s---", what,
                          is_absent ? "must not hold"
                          : is_part ? "no line contains"
                                    : "lack the line",
                          AIGW_STR_ARG(line), found);
    }
}

void cases_expect_no_faults(struct cases *c)
{
    const char *faults = aigw_testhost_faults(c->th);

    if (*faults)
        cases_finding(c, "%.*s", AIGW_STR_ARG(cases_trimmed(faults)));
}
