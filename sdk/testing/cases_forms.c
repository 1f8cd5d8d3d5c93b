/* cases_forms.c - what stands behind a section's name and in its lines, read to its end: what is half understood is not
 * understood. */
#include "cases.h"

#include <string.h>

#define TOKEN_CHARS "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

const char *cases_next_word(struct gw_arena *arena, const char **rest)
{
    const char *begin = *rest + strspn(*rest, " ");
    size_t len = strcspn(begin, " ");

    *rest = begin + len + strspn(begin + len, " ");
    return gw_arena_strndup(arena, begin, len);
}

bool cases_number(struct cases *c, const char *what, aigw_str text, uint64_t max, uint64_t *ret)
{
    if (gw_str_to_u64(gw_str_trim(text), max, ret))
        return true;
    cases_finding(c, "%s: expected a whole number of at most %llu, found \"%.*s\"", what, (unsigned long long)max,
                  AIGW_STR_ARG(cases_trimmed(gw_arena_strndup(&c->arena, text.ptr, text.len))));
    return false;
}

bool cases_request_line(struct cases *c, const struct section *s, const char *arg, const char **ret_method,
                        const char **ret_path)
{
    const char *rest = arg;

    *ret_method = cases_next_word(&c->arena, &rest);
    *ret_path = cases_next_word(&c->arena, &rest);
    if (**ret_method && (*ret_method)[strspn(*ret_method, TOKEN_CHARS)] == '\0' && **ret_path == '/' && !*rest)
        return true;
    cases_finding(c, "%s: expected <METHOD> <path>, a path that begins with / and nothing behind it, found \"%s\"",
                  s->name, arg);
    return false;
}

static bool is_line(aigw_str line, char separator)
{
    const char *end = line.len > 0 ? memchr(line.ptr, separator, line.len) : NULL;
    size_t len = end ? (size_t)(end - line.ptr) : 0;

    for (size_t i = 0; i < len && separator == ':'; i++)
        if (!strchr(TOKEN_CHARS, line.ptr[i]))
            return false;
    return len > 0;
}

bool cases_check_lines(struct cases *c, const struct section *s, const char *lines, char separator)
{
    aigw_str rest = gw_str(lines), line;

    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        if (line.len == 0 || is_line(line, separator))
            continue;
        cases_finding(c, "%s: expected lines \"name%c value\", found \"%.*s\"%s", s->name, separator,
                      AIGW_STR_ARG(line), separator == ':' ? "; a body begins behind an empty line" : "");
        return false;
    }
    return true;
}

bool cases_request_text(struct cases *c, const struct section *s, const char **ret_headers, const char **ret_body)
{
    aigw_str rest = gw_str(s->text), line = AIGW_STR("x"), body;

    while (rest.len > 0 && line.len > 0)
        line = testhost_next_line(&rest);
    *ret_headers =
        gw_arena_strndup(&c->arena, s->text, (size_t)((rest.len > 0 ? rest.ptr : strchr(s->text, '\0')) - s->text));
    body = cases_trimmed(rest.len > 0 ? rest.ptr : "");
    *ret_body = gw_arena_strndup(&c->arena, body.ptr, body.len);
    return cases_check_lines(c, s, *ret_headers, ':');
}

bool cases_answer_line(struct cases *c, const struct section *s, struct cases_answer_head *ret)
{
    const char *rest = s->arg, *status = cases_next_word(&c->arena, &rest);
    const char *type = cases_next_word(&c->arena, &rest);
    uint64_t number = 0;

    while (*type && type[strlen(type) - 1] == ';' && *rest) {
        const char *parameter = cases_next_word(&c->arena, &rest);

        type = gw_arena_printf(&c->arena, "%s %s", type, parameter);
    }
    if (!gw_str_to_u64(gw_str(status), 599, &number) || number < 200 ||
        (*type && strcmp(type, "-") != 0 && !strchr(type, '/'))) {
        cases_finding(c,
                      "answer: expected \"=== answer <status> [<content type, - for none> [<retry-after>]]\" with a "
                      "status of 200 to 599, found \"%s\"",
                      s->arg);
        return false;
    }
    *ret = (struct cases_answer_head){ .status = (int)number,
                                       .type = strcmp(type, "-") == 0 ? ""
                                               : *type                ? type
                                                                      : "text/event-stream",
                                       .retry_after = *rest ? rest : NULL };
    return true;
}
