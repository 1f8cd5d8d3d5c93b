/* scan.c - see scan.h. Strict where it reads, lax where it skips: what it accepts, the readers of aigw/json.h read the
 * same way. */
#include "scan.h"

#include <aigw/json.h>
#include <string.h>

#define SCAN_DEPTH_MAX 4

static void scan_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

bool scan_try(struct scan *s, char c)
{
    scan_blanks(s);
    if (!s->is_ok || s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

void scan_char(struct scan *s, char c)
{
    if (!scan_try(s, c))
        s->is_ok = false;
}

bool scan_at_end(struct scan *s)
{
    scan_blanks(s);
    return s->is_ok && s->at == s->end;
}

/* Up to the closing quote, which must come before any control character. *ret_escapes: backslashes met. */
static aigw_str scan_raw(struct scan *s, size_t *ret_escapes)
{
    const char *begin;
    size_t escapes = 0;

    scan_char(s, '"');
    begin = s->at;
    while (s->is_ok && (s->at = aigw_json_plain_end(s->at, s->end)) < s->end && *s->at != '"') {
        if ((unsigned char)*s->at < 0x20) {
            s->is_ok = false;
        } else if (*s->at == '\\') {
            escapes++;
            s->at += s->end - s->at > 1 ? 2 : 1;
        } else {
            s->at++;
        }
    }
    *ret_escapes = escapes;
    if (!s->is_ok || s->at >= s->end) {
        s->is_ok = false;
        return AIGW_STR_NONE;
    }
    s->at++;
    return (aigw_str){ begin, (size_t)(s->at - 1 - begin) };
}

aigw_str scan_plain(struct scan *s)
{
    size_t escapes;
    aigw_str raw = scan_raw(s, &escapes);

    if (escapes > 0)
        s->is_ok = false;
    return s->is_ok ? raw : AIGW_STR_NONE;
}

static char scan_unescape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    default:
        return '\0'; /* \u and nonsense: not here */
    }
}

aigw_str scan_string(struct scan *s, char *scratch, size_t size)
{
    size_t escapes, len = 0;
    aigw_str raw = scan_raw(s, &escapes);

    if (!s->is_ok || escapes == 0)
        return raw;
    if (raw.len > size) {
        s->is_ok = false;
        return AIGW_STR_NONE;
    }
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];

        if (c == '\\') {
            c = scan_unescape(raw.ptr[++i]);
            if (c == '\0') {
                s->is_ok = false;
                return AIGW_STR_NONE;
            }
        }
        scratch[len++] = c;
    }
    return (aigw_str){ scratch, len };
}

static bool scan_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);

    scan_blanks(s);
    if (!s->is_ok || (size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return false;
    s->at += len;
    return true;
}

bool scan_null(struct scan *s)
{
    return scan_word(s, "null");
}

/* What may follow a number. */
static bool scan_is_behind(const struct scan *s)
{
    char c = s->at < s->end ? *s->at : '\0';

    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

int32_t scan_int(struct scan *s)
{
    int32_t value = 0, digits = 0;

    scan_blanks(s);
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && digits++ < 9)
        value = value * 10 + (*s->at++ - '0');
    /* A fraction, an exponent, a tenth digit or a leading zero is for the real parser. */
    if (digits == 0 || !scan_is_behind(s) || (digits > 1 && s->at[-digits] == '0'))
        s->is_ok = false;
    return value;
}

static size_t scan_digits(struct scan *s)
{
    const char *begin = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - begin);
}

/* An exponent is for the real parser. */
static void scan_number(struct scan *s)
{
    const char *first;
    size_t digits;

    if (s->at < s->end && *s->at == '-')
        s->at++;
    first = s->at;
    digits = scan_digits(s);
    if (digits == 0 || (digits > 1 && *first == '0'))
        s->is_ok = false;
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (scan_digits(s) == 0)
            s->is_ok = false;
    }
    if (!scan_is_behind(s))
        s->is_ok = false;
}

static void scan_skip_deep(struct scan *s, int depth)
{
    bool is_first = true;
    aigw_str key;
    size_t escapes;

    scan_blanks(s);
    if (!s->is_ok || s->at == s->end || depth > SCAN_DEPTH_MAX) {
        s->is_ok = false;
    } else if (*s->at == '"') {
        scan_raw(s, &escapes);
        if (escapes > 0) /* whether they are good ones is not looked at here */
            s->is_ok = false;
    } else if (*s->at == '{') {
        s->at++;
        while (scan_key(s, &is_first, &key))
            scan_skip_deep(s, depth + 1);
    } else if (*s->at == '[') {
        s->at++;
        if (scan_try(s, ']'))
            return;
        do
            scan_skip_deep(s, depth + 1);
        while (scan_try(s, ','));
        scan_char(s, ']');
    } else if (!scan_word(s, "null") && !scan_word(s, "true") && !scan_word(s, "false")) {
        scan_number(s);
    }
}

void scan_skip(struct scan *s)
{
    scan_skip_deep(s, 0);
}

/* ,"name": without a blank or an escape, as nearly all servers write it. */
static bool scan_tight_key(struct scan *s, bool is_first, aigw_str *ret_key)
{
    const char *at = s->at, *name;

    if (!is_first && (at == s->end || *at++ != ','))
        return false;
    if (at == s->end || *at++ != '"')
        return false;
    name = at;
    at = aigw_json_plain_end(at, s->end);
    if (s->end - at < 2 || at[0] != '"' || at[1] != ':')
        return false;
    *ret_key = (aigw_str){ name, (size_t)(at - name) };
    s->at = at + 2;
    return true;
}

bool scan_key(struct scan *s, bool *is_first, aigw_str *ret_key)
{
    if (s->is_ok && scan_tight_key(s, *is_first, ret_key)) {
        *is_first = false;
        return true;
    }
    if (scan_try(s, '}') || !s->is_ok)
        return false;
    if (!*is_first)
        scan_char(s, ',');
    *is_first = false;
    *ret_key = scan_plain(s);
    scan_char(s, ':');
    return s->is_ok;
}
