/* conf_scan.c - a first look at a configuration text, before libconfig sees it.
 *
 * libconfig 1.5 (Debian 12) reads 3000000000 as -1294967296 without a word, and opens whatever file an @include
 * names. Both are settled here by a small lexer that knows comments, strings, names and numbers; what may follow what
 * is conf_syntax.c's. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/conf_syntax.h"
#include "config/internal.h"

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
    if (isdigit(c) || c == '-' || c == '+' ||
        (c == '.' && scan->end - scan->at > 1 && isdigit((unsigned char)scan->at[1])))
        return number_len(scan->at, scan->end, ret_is_wide);
    return 1;
}

/** A comment would swallow all the lines that follow it. */
static bool has_lone_cr(const char *at, size_t len, const char *end)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] == '\r' && at + i + 1 < end && at[i + 1] != '\n' && at[i + 1] != '\r')
            return true;
    }
    return false;
}

/** Why this token is wrong whatever stands around it, NULL when it is not. */
static const char *token_fault(const struct scan *scan, size_t len)
{
    aigw_str rest = { scan->at, (size_t)(scan->end - scan->at) };

    if (gw_str_has_prefix(rest, AIGW_STR("@include")))
        return "@include is not supported; put the text into a file of its own in the same folder: all *.conf files "
               "there are merged in name order";
    if (gw_str_has_prefix(rest, AIGW_STR("/*")) && (len < 4 || memcmp(scan->at + len - 2, "*/", 2) != 0))
        return "the comment that begins here with /* is never closed";
    if (memchr(scan->at, '\0', len))
        return "a NUL byte; the file is not text, expected UTF-8";
    if (*scan->at != '"' && has_lone_cr(scan->at, len, scan->end))
        return "this line ends in CR alone, expected LF or CRLF";
    return NULL;
}

bool gw_conf_scan(aigw_str text, struct gw_buf *out, int *ret_line, struct gw_err *reterr)
{
    struct scan scan = { .at = text.ptr, .end = text.ptr + text.len, .line = 1 };
    struct gw_conf_syntax syntax;
    bool is_good;

    gw_conf_syntax_begin(&syntax, text);
    is_good = !gw_conf_syntax_is_foreign(&syntax);
    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
        scan.at += 3; /* some editors begin UTF-8 files with a mark that libconfig chokes on */
    while (scan.at < scan.end && is_good) {
        bool is_wide = false;
        size_t len = token_len(&scan, &is_wide);
        const char *fault = token_fault(&scan, len);

        if (fault) {
            is_good = false;
            syntax.err_line = scan.line;
            gw_err_set(&syntax.err, AIGW_E_CONFIG, "%s", fault);
        } else if (!isspace((unsigned char)*scan.at) && comment_len(scan.at, scan.end) == 0) {
            is_good = gw_conf_syntax_token(&syntax, scan.at, len, scan.line);
        }
        for (size_t i = 0; i < len; i++)
            scan.line += scan.at[i] == '\n';
        gw_buf_put(out, scan.at, len);
        if (is_wide)
            gw_buf_put(out, "L", 1);
        scan.at += len;
    }
    gw_buf_put(out, "\n", 1); /* libconfig knows no comment that ends with the file */
    is_good = is_good && gw_conf_syntax_end(&syntax, scan.line);
    *ret_line = syntax.err_line;
    if (reterr)
        *reterr = syntax.err;
    gw_conf_syntax_done(&syntax);
    return is_good;
}
