/* conf_syntax.c - see conf_syntax.h. Grammar of libconfig 1.5, the oldest that is supported: name (= or :) value, then
 * perhaps ; or , and the next name. Values: numbers, true, false, text in double quotes, groups { }, lists ( ), arrays
 * [ ]. Texts are never shown in a message: they may be secrets. */
#include "config/conf_syntax.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXPECTS_NAME   0 /* or the end of the group */
#define EXPECTS_ASSIGN 1
#define EXPECTS_VALUE  2
#define EXPECTS_FIRST  3 /* element of a list, or its end */
#define EXPECTS_COMMA  4 /* in a list, or its end */

#define NAMES_MAX ((size_t)64 << 20)

struct setting_name {
    const char *name;
    uint32_t len, group;
    int line;
};

void gw_conf_syntax_begin(struct gw_conf_syntax *s, aigw_str text)
{
    *s = (struct gw_conf_syntax){ .text = text };
    gw_buf_init(&s->names, NAMES_MAX);
}

void gw_conf_syntax_done(struct gw_conf_syntax *s)
{
    gw_buf_done(&s->names);
}

static bool AIGW_PRINTF(3, 4) wrong(struct gw_conf_syntax *s, int line, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(s->err.text, sizeof s->err.text, fmt, args);
    va_end(args);
    s->err_line = line;
    return false;
}

/* ---- another kind of file ---- */

bool gw_conf_syntax_is_foreign(struct gw_conf_syntax *s)
{
    const char *at = s->text.ptr;
    size_t len = s->text.len;

    if (len >= 2 && (memcmp(at, "\xff\xfe", 2) == 0 || memcmp(at, "\xfe\xff", 2) == 0 ||
                     (len >= 4 && !at[0] != !at[1] && !at[0] == !at[2] && !at[1] == !at[3]))) {
        wrong(s, 1, "this file is UTF-16, expected UTF-8: save it in that encoding");
        return true;
    }
    if (len >= 11 && memcmp(at, "-----BEGIN ", 11) == 0) {
        wrong(s, 1, "this is a PEM file, expected  name = value;  : keep it elsewhere and name its path in a setting");
        return true;
    }
    return false;
}

/* ---- showing what was found ---- */

/** Name of a character that cannot be seen or looks like another, NULL for all others. */
static const char *odd_character(const char *at, const char *end)
{
    static const struct {
        const char *bytes, *name;
    } odd[] = {
        { "\xc2\xa0", "a no-break space (U+00A0), expected an ordinary one" },
        { "\xe2\x80\x8b", "an invisible character (U+200B), expected none" },
        { "\xef\xbb\xbf", "an invisible character (U+FEFF), expected none" },
        { "\xe2\x80\x9c", "a typographic quote, expected a straight one: \"" },
        { "\xe2\x80\x9d", "a typographic quote, expected a straight one: \"" },
        { "\xe2\x80\x9e", "a typographic quote, expected a straight one: \"" },
        { "\xe2\x80\x98", "a typographic quote, expected a straight double one: \"" },
        { "\xe2\x80\x99", "a typographic quote, expected a straight double one: \"" },
        { "'", "a single quote, expected text in double ones: \"text\"" },
        { "`", "a back quote, expected text in double ones: \"text\"" },
    };

    for (size_t i = 0; i < GW_ARRAY_LEN(odd); i++) {
        size_t len = strlen(odd[i].bytes);

        if ((size_t)(end - at) >= len && memcmp(at, odd[i].bytes, len) == 0)
            return odd[i].name;
    }
    return NULL;
}

/** The token as a message shows it. */
static const char *shown(const char *at, size_t len, char *text, size_t size)
{
    unsigned char c = (unsigned char)*at;

    if (c == '"')
        return "text in quotes";
    if (c < ' ' || c == 0x7f)
        snprintf(text, size, "the byte 0x%02x", c);
    else if (c >= 0x80)
        snprintf(text, size, "a letter or sign beyond ASCII");
    else
        snprintf(text, size, "%.*s", (int)(len < 40 ? len : 40), at);
    return text;
}

/** `rest` begins behind a word: is it "= value" or ": value"? */
static bool is_assignment(const char *rest, const char *end)
{
    while (rest < end && (*rest == ' ' || *rest == '\t'))
        rest++;
    return rest < end && (*rest == '=' || *rest == ':');
}

/* ---- brackets ---- */

static char closing(char bracket)
{
    return bracket == '{' ? '}' : bracket == '(' ? ')' : ']';
}

/** After a value, or the end of one. */
static void value_read(struct gw_conf_syntax *s, bool is_text)
{
    bool is_list = s->depth && s->open[s->depth - 1].bracket != '{';

    s->expects = is_list ? EXPECTS_COMMA : EXPECTS_NAME;
    s->was_text = is_text;
}

static bool open_bracket(struct gw_conf_syntax *s, char bracket, int line)
{
    if (s->depth == GW_CONF_DEPTH_MAX)
        return wrong(s, line, "nested deeper than %d levels", GW_CONF_DEPTH_MAX);
    s->open[s->depth].bracket = bracket;
    s->open[s->depth].line = line;
    s->open[s->depth].name = s->name;
    s->open[s->depth].id = ++s->group_count;
    s->depth++;
    s->expects = bracket == '{' ? EXPECTS_NAME : EXPECTS_FIRST;
    s->was_text = false;
    return true;
}

static bool close_bracket(struct gw_conf_syntax *s, char bracket, int line)
{
    char wanted = s->depth ? closing(s->open[s->depth - 1].bracket) : 0;

    if (!wanted)
        return wrong(s, line, "found %c, but nothing is open here: it is one too many, here or above", bracket);
    if (bracket != wanted)
        return wrong(s, line, "found %c, expected %c: the %c of line %d (%.*s) is still open", bracket, wanted,
                     s->open[s->depth - 1].bracket, s->open[s->depth - 1].line,
                     AIGW_STR_ARG(s->open[s->depth - 1].name));
    s->depth--;
    value_read(s, false);
    return true;
}

/* ---- names ---- */

static bool take_name(struct gw_conf_syntax *s, const char *at, size_t len, int line)
{
    const struct setting_name name = { at, (uint32_t)len, s->depth ? s->open[s->depth - 1].id : 0, line };

    s->name = (aigw_str){ at, len };
    s->name_line = line;
    s->expects = EXPECTS_ASSIGN;
    s->was_text = false;
    gw_buf_put(&s->names, (const char *)&name, sizeof name);
    return s->names.status == AIGW_OK || wrong(s, line, "out of memory: too many settings");
}

static bool token_for_name(struct gw_conf_syntax *s, const char *at, size_t len, int line)
{
    char text[64];

    if (isalpha((unsigned char)*at))
        return take_name(s, at, len, line);
    if (*at == ';' || *at == ',') {
        s->was_text = false;
        return true;
    }
    if (*at == '}' || *at == ')' || *at == ']')
        return close_bracket(s, *at, line);
    if (*at == '"' && s->was_text)
        return true; /* text goes on: "a" "b" is "ab" */
    if (*at == '"')
        return wrong(s, line,
                     "text in quotes is out of place; expected  name = \"text\";  (is a ; or , missing before it?)");
    if (*at == '[' && s->depth == 0)
        return wrong(s, line, "found [, expected the name of a section; one is written  server: { port = 5052; };");
    if (*at == '{' && s->depth == 0)
        return wrong(s, line, "found { without a name before it; a section is written  server: { port = 5052; };");
    if ((*at == '*' || *at == '+' || *at == '-' || *at == '/') && s->name.len)
        return wrong(s, line, "found %c after the value of %.*s, expected ; : nothing is calculated here", *at,
                     AIGW_STR_ARG(s->name));
    return wrong(s, line, "found %s, expected a setting:  name = value;", shown(at, len, text, sizeof text));
}

static bool token_for_assign(struct gw_conf_syntax *s, const char *at, size_t len, int line)
{
    char text[64];

    if (*at == '=' || *at == ':') {
        s->expects = EXPECTS_VALUE;
        return true;
    }
    if (*at == '.')
        return wrong(s, line, "found a dot in a name, expected one level after the other:  %.*s: { … };",
                     AIGW_STR_ARG(s->name));
    if (*at == '{')
        return wrong(s, line, "found { after %.*s, expected  %.*s: { … };", AIGW_STR_ARG(s->name),
                     AIGW_STR_ARG(s->name));
    if (*at == ';' || *at == ',' || *at == '}')
        return wrong(s, s->name_line, "%.*s has no value, expected  %.*s = value;", AIGW_STR_ARG(s->name),
                     AIGW_STR_ARG(s->name));
    return wrong(s, line, "found %s after %.*s, expected = before it:  %.*s = value;",
                 shown(at, len, text, sizeof text), AIGW_STR_ARG(s->name), AIGW_STR_ARG(s->name));
}

/* ---- values ---- */

/** As libconfig's lexer has them. */
static bool is_number(const char *at, size_t len)
{
    static const char digits[] = "0123456789";
    char text[64];
    const char *p = text;
    size_t whole, part = 0;

    if (len >= sizeof text)
        return false;
    memcpy(text, at, len);
    text[len] = '\0';
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        p += 2;
        whole = strspn(p, "0123456789abcdefABCDEF");
        p += whole;
        return whole > 0 && (!*p || strcmp(p, "L") == 0 || strcmp(p, "LL") == 0);
    }
    p += *p == '+' || *p == '-';
    whole = strspn(p, digits);
    p += whole;
    if (whole > 0 && (!*p || strcmp(p, "L") == 0 || strcmp(p, "LL") == 0))
        return true;
    if (*p == '.') {
        part = strspn(++p, digits);
        p += part;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        part = strspn(p, digits);
        p += part;
    }
    return whole + part > 0 && !*p;
}

static bool is_bool(const char *at, size_t len)
{
    return (len == 4 && strncasecmp(at, "true", 4) == 0) || (len == 5 && strncasecmp(at, "false", 5) == 0);
}

static bool word_for_value(struct gw_conf_syntax *s, const char *at, size_t len, int line)
{
    static const char *const words[] = { "yes", "no", "on", "off" };

    if (is_bool(at, len)) {
        value_read(s, false);
        return true;
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(words); i++) {
        if (len == strlen(words[i]) && strncasecmp(at, words[i], len) == 0)
            return wrong(s, line, "%.*s is %.*s, expected true or false", AIGW_STR_ARG(s->name), (int)len, at);
    }
    if (is_assignment(at + len, s->text.ptr + s->text.len))
        return wrong(s, s->name_line,
                     "%.*s has no value: the next setting follows, %.*s; expected a value, or  %.*s: { … };  around "
                     "what belongs to it",
                     AIGW_STR_ARG(s->name), (int)(len < 40 ? len : 40), at, AIGW_STR_ARG(s->name));
    return wrong(s, line, "%.*s is %.*s without quotes, expected text in double quotes, a number, true or false",
                 AIGW_STR_ARG(s->name), (int)(len < 40 ? len : 40), at);
}

static bool token_for_value(struct gw_conf_syntax *s, const char *at, size_t len, int line)
{
    const char *odd = odd_character(at, s->text.ptr + s->text.len);
    bool is_list = s->depth && s->open[s->depth - 1].bracket != '{';
    char text[64];

    if (*at == '"') {
        value_read(s, true);
        return true;
    }
    if (*at == '{' || *at == '(' || *at == '[')
        return open_bracket(s, *at, line);
    if (isalpha((unsigned char)*at))
        return word_for_value(s, at, len, line);
    if (isdigit((unsigned char)*at) || *at == '+' || *at == '-' || *at == '.') {
        if (!is_number(at, len))
            return wrong(s, line,
                         "%.*s is %.*s, which is no number; expected digits without a unit, or text in double quotes",
                         AIGW_STR_ARG(s->name), (int)(len < 40 ? len : 40), at);
        value_read(s, false);
        return true;
    }
    if (is_list && (*at == ')' || *at == ']') && s->expects == EXPECTS_FIRST)
        return close_bracket(s, *at, line);
    if (is_list && (*at == ')' || *at == ']'))
        return wrong(s, line, "found , before %c, expected no comma behind the last element", *at);
    if (*at == ';' || *at == '}' || *at == ')' || *at == ']')
        return wrong(s, s->name_line, "%.*s has no value, expected  %.*s = value;", AIGW_STR_ARG(s->name),
                     AIGW_STR_ARG(s->name));
    if (*at == '$')
        return wrong(s, line, "%.*s is a shell variable, expected \"env:NAME\"", AIGW_STR_ARG(s->name));
    if (odd)
        return wrong(s, line, "%.*s: found %s", AIGW_STR_ARG(s->name), odd);
    return wrong(s, line, "%.*s begins with %s, expected text in double quotes, a number, true, false, { or (",
                 AIGW_STR_ARG(s->name), shown(at, len, text, sizeof text));
}

static bool token_for_comma(struct gw_conf_syntax *s, const char *at, size_t len, int line)
{
    int opened = s->open[s->depth - 1].line;
    char end = closing(s->open[s->depth - 1].bracket), text[64];

    if (*at == ',') {
        s->expects = EXPECTS_VALUE;
        s->was_text = false;
        return true;
    }
    if (*at == ')' || *at == ']' || *at == '}')
        return close_bracket(s, *at, line);
    if (*at == '"' && s->was_text)
        return true;
    return wrong(s, line, "found %s in the list of line %d (%.*s), expected , between elements or %c at its end",
                 shown(at, len, text, sizeof text), opened, AIGW_STR_ARG(s->open[s->depth - 1].name), end);
}

static bool take_token(struct gw_conf_syntax *s, const char *at, size_t len, int line)
{
    const char *odd = odd_character(at, s->text.ptr + s->text.len);

    if (*at == '"' && len == 0)
        return wrong(s, line, "the text that begins here with \" is never closed");
    if (odd && s->expects != EXPECTS_VALUE && s->expects != EXPECTS_FIRST)
        return wrong(s, line, "found %s", odd);
    switch (s->expects) {
    case EXPECTS_NAME:
        return token_for_name(s, at, len, line);
    case EXPECTS_ASSIGN:
        return token_for_assign(s, at, len, line);
    case EXPECTS_COMMA:
        return token_for_comma(s, at, len, line);
    default:
        return token_for_value(s, at, len, line);
    }
}

bool gw_conf_syntax_token(struct gw_conf_syntax *s, const char *at, size_t len, int line)
{
    bool is_good = take_token(s, at, len, line);

    /* A text may go over lines, but when nonsense follows it, it was not meant to. */
    if (!is_good && s->long_text_begin && s->long_text_end == line)
        return wrong(s, s->long_text_begin,
                     "the text that begins here with \" goes on to line %d, expected its closing quote in this line",
                     line);
    if (*at == '"') {
        s->long_text_end = line;
        for (size_t i = 0; i < len; i++)
            s->long_text_end += at[i] == '\n';
        s->long_text_begin = s->long_text_end > line ? line : 0;
    }
    return is_good;
}

/* ---- the end ---- */

static int by_group_and_name(const void *a, const void *b)
{
    const struct setting_name *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = x->group != y->group ? (x->group < y->group ? -1 : 1) : memcmp(x->name, y->name, len);

    if (order == 0)
        order = x->len != y->len ? (x->len < y->len ? -1 : 1) : (x->name < y->name ? -1 : 1);
    return order;
}

/** libconfig refuses a name that stands twice in a group, too, but does not say which one and where the other is. */
static bool find_twice(struct gw_conf_syntax *s)
{
    struct setting_name *names = (void *)s->names.data;
    size_t count = s->names.len / sizeof *names;

    if (count < 2)
        return true;
    qsort(names, count, sizeof *names, by_group_and_name);
    for (size_t i = 1; i < count; i++) {
        const struct setting_name *a = &names[i - 1], *b = &names[i];

        if (a->group == b->group && a->len == b->len && memcmp(a->name, b->name, a->len) == 0)
            return wrong(s, b->line, "%.*s is in this %s twice, here and in line %d: put both into one, or remove one",
                         (int)(b->len < 64 ? b->len : 64), b->name, a->group ? "group" : "file", a->line);
    }
    return true;
}

bool gw_conf_syntax_end(struct gw_conf_syntax *s, int line)
{
    if (s->expects == EXPECTS_ASSIGN || s->expects == EXPECTS_VALUE)
        return wrong(s, line, "the file ends before %.*s has a value", AIGW_STR_ARG(s->name));
    if (s->depth > 0)
        return wrong(s, s->open[s->depth - 1].line, "the %c that begins here (%.*s) is never closed, expected %c",
                     s->open[s->depth - 1].bracket, AIGW_STR_ARG(s->open[s->depth - 1].name),
                     closing(s->open[s->depth - 1].bracket));
    return find_twice(s);
}
