/* conf_scan.c - a first look at a configuration text, before libconfig sees it.
 *
 * libconfig 1.5 (Debian 12) reads 3000000000 as -1294967296 without a word, and opens whatever file an @include
 * names. Both are settled here by a small lexer that knows comments, strings, names and numbers, and no more. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/internal.h"

#define DEPTH_MAX 32

struct scan {
    const char *at, *end;
    int line;
};

/** Length of the comment that begins here, 0 if none does. */
static size_t comment_len(const char *at, const char *end)
{
    size_t left = (size_t)(end - at);
    const char *stop = NULL;

    if (*at == '#' || (left >= 2 && at[0] == '/' && at[1] == '/')) {
        stop = memchr(at, '\n', left);
        return stop ? (size_t)(stop - at) : left;
    }
    if (left >= 2 && at[0] == '/' && at[1] == '*') {
        stop = memmem(at + 2, left - 2, "*/", 2);
        return stop ? (size_t)(stop - at) + 2 : left;
    }
    return 0;
}

/** Length of the string that begins at a quote, the closing quote included; 0 when it is never closed. */
static size_t string_len(const char *at, const char *end)
{
    const char *p = at + 1;

    while (p < end && *p != '"')
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    return p < end ? (size_t)(p + 1 - at) : 0;
}

static size_t name_len(const char *at, const char *end)
{
    const char *p = at;

    while (p < end && (isalnum((unsigned char)*p) || *p == '_' || *p == '-' || *p == '*'))
        p++;
    return (size_t)(p - at);
}

/** Length of the number that begins here; *ret_is_wide when it is an integer that needs an L it has not got. */
static size_t number_len(const char *at, const char *end, bool *ret_is_wide)
{
    const char *p = at;
    char digits[32];
    bool is_hex = false;
    size_t len;

    *ret_is_wide = false;
    if (p < end && (*p == '+' || *p == '-'))
        p++;
    if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        is_hex = true;
        p += 2;
    }
    while (p < end && (is_hex ? isxdigit((unsigned char)*p) : isdigit((unsigned char)*p)))
        p++;
    len = (size_t)(p - at);
    if (p < end && (isalnum((unsigned char)*p) || *p == '.' || *p == '_')) { /* 1.5, 1e9, 5L, or nonsense */
        while (p < end && (isalnum((unsigned char)*p) || *p == '.' || *p == '_' ||
                           ((*p == '+' || *p == '-') && (p[-1] == 'e' || p[-1] == 'E'))))
            p++;
        return (size_t)(p - at);
    }
    if (len >= sizeof digits) {
        *ret_is_wide = true;
    } else if (len > 0) {
        memcpy(digits, at, len);
        digits[len] = '\0';
        long long value = strtoll(digits, NULL, is_hex ? 16 : 10);
        *ret_is_wide = value > INT32_MAX || value < INT32_MIN;
    }
    return len > 0 ? len : 1;
}

/** Length of the next token; *ret_is_wide as above. */
static size_t token_len(const struct scan *scan, bool *ret_is_wide)
{
    unsigned char c = (unsigned char)*scan->at;
    size_t len = comment_len(scan->at, scan->end);

    *ret_is_wide = false;
    if (len > 0)
        return len;
    if (c == '"')
        return string_len(scan->at, scan->end);
    if (isalpha(c) || c == '*')
        return name_len(scan->at, scan->end);
    if (isdigit(c) || c == '-' || c == '+')
        return number_len(scan->at, scan->end, ret_is_wide);
    return 1;
}

/** What the scan remembers between tokens. */
struct nesting {
    char open[DEPTH_MAX]; /* the brackets that are open */
    size_t depth;
    char last; /* first byte of the last token that was neither blank nor comment */
};

/** libconfig leaks a string that stands where its grammar has no place for one, so such text must not reach it. */
static bool may_be_string(const struct nesting *n)
{
    char inner = n->depth ? n->open[n->depth - 1] : '{';

    return n->last == '=' || n->last == ':' || n->last == '"' || n->last == '(' || n->last == '[' ||
           (n->last == ',' && inner != '{');
}

/** Take note of a token; NULL when all is well, else what is wrong. */
static const char *note_token(struct nesting *n, const char *at, size_t len)
{
    if (*at == '"' && len == 0) /* named here with its first line; libconfig would name its last one */
        return "the text that begins here with \" is never closed";
    if (*at == '"' && !may_be_string(n))
        return "text in quotes is out of place; expected  name = \"text\";  (is a ; or , missing before it?)";
    if (*at == '{' || *at == '(' || *at == '[') {
        if (n->depth == DEPTH_MAX)
            return "nested deeper than 32 levels";
        n->open[n->depth++] = *at;
    } else if ((*at == '}' || *at == ')' || *at == ']') && n->depth > 0) {
        n->depth--; /* of another kind: libconfig stops there and says so */
    }
    n->last = *at;
    return NULL;
}

bool gw_conf_scan(aigw_str text, struct gw_buf *out, int *ret_line, const char **ret_reason)
{
    struct scan scan = { .at = text.ptr, .end = text.ptr + text.len, .line = 1 };
    struct nesting nesting = { .depth = 0 };

    *ret_reason = NULL;
    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
        scan.at += 3; /* some editors begin UTF-8 files with a mark that libconfig chokes on */
    while (scan.at < scan.end && !*ret_reason) {
        bool is_wide = false;
        size_t len = token_len(&scan, &is_wide);
        aigw_str rest = { scan.at, (size_t)(scan.end - scan.at) };

        if (gw_str_has_prefix(rest, AIGW_STR("@include")))
            *ret_reason = "@include is not supported; put the text into a file of its own in the same folder: "
                          "all *.conf files there are merged in name order";
        else if (!isspace((unsigned char)*scan.at) && comment_len(scan.at, scan.end) == 0)
            *ret_reason = note_token(&nesting, scan.at, len);
        for (size_t i = 0; i < len && !*ret_reason; i++) {
            if (scan.at[i] == '\0')
                *ret_reason = "a NUL byte; the file is not text, expected UTF-8";
            scan.line += scan.at[i] == '\n';
        }
        gw_buf_put(out, scan.at, len);
        if (is_wide)
            gw_buf_put(out, "L", 1);
        scan.at += len;
    }
    *ret_line = scan.line;
    return *ret_reason == NULL;
}
