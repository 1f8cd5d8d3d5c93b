/* arguments.c - see arguments.h. */
#include "arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64u /* beyond it nothing is looked at any more */

enum {
    AT_START, /* of the object */
    AT_KEY_OR_END,
    AT_KEY,
    AT_COLON,
    AT_VALUE,
    AT_VALUE_OR_END,
    AT_NEXT, /* behind a value */
    IN_STRING,
    IN_ESCAPE,
    IN_HEX,
    IN_WORD,
    BEHIND_SIGN, /* of a number */
    BEHIND_ZERO,
    IN_WHOLE,
    BEHIND_POINT,
    IN_FRACTION,
    BEHIND_E,
    BEHIND_E_SIGN,
    IN_POWER,
    BEHIND_ALL,
    IN_RAW, /* the member that keeps what is no JSON */
    UNREAD, /* passed as it is */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_in_list(const struct arguments *args)
{
    return args->depth > 0 && args->lists >> (args->depth - 1) & 1;
}

static void open_container(struct arguments *args, bool is_list)
{
    if (args->depth == DEPTH_MAX) {
        args->state = UNREAD;
        return;
    }
    args->lists &= ~(UINT64_C(1) << args->depth);
    args->lists |= (uint64_t)is_list << args->depth;
    args->depth++;
    args->state = is_list ? AT_VALUE_OR_END : AT_KEY_OR_END;
}

static void close_container(struct arguments *args)
{
    args->depth--;
    args->state = args->depth > 0 ? AT_NEXT : BEHIND_ALL;
}

static bool begin_string(struct arguments *args, bool is_key)
{
    args->is_key = is_key;
    args->state = IN_STRING;
    return true;
}

static bool begin_value(struct arguments *args, char c)
{
    static const char *const words[] = { "true", "false", "null" };

    if (c == '"')
        return begin_string(args, false);
    if (c == '{' || c == '[') {
        open_container(args, c == '[');
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (c == words[i][0]) {
            args->word = words[i] + 1;
            args->state = IN_WORD;
            return true;
        }
    args->state = c == '-' ? BEHIND_SIGN : c == '0' ? BEHIND_ZERO : is_digit(c) ? IN_WHOLE : args->state;
    return c == '-' || is_digit(c);
}

static bool step_string(struct arguments *args, char c)
{
    if (args->state == IN_HEX) {
        bool is_hex = is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');

        if (is_hex && ++args->hex_count == 4)
            args->state = IN_STRING;
        return is_hex;
    }
    if (args->state == IN_ESCAPE) {
        if (!c || !strchr("\"\\/bfnrtu", c))
            return false;
        args->hex_count = 0;
        args->state = c == 'u' ? IN_HEX : IN_STRING;
        return true;
    }
    if (c == '\\')
        args->state = IN_ESCAPE;
    else if (c == '"')
        args->state = args->is_key ? AT_COLON : AT_NEXT;
    return (unsigned char)c >= 0x20;
}

static bool step_next(struct arguments *args, char c)
{
    if (c == ',')
        args->state = is_in_list(args) ? AT_VALUE : AT_KEY;
    else if (c == (is_in_list(args) ? ']' : '}'))
        close_container(args);
    else
        return is_blank(c);
    return true;
}

/* A sign of a number, or the first behind it. */
static bool step_number(struct arguments *args, char c)
{
    bool is_sign = args->state == BEHIND_SIGN, is_point = args->state == BEHIND_POINT;
    bool is_e = args->state == BEHIND_E, has_e = args->state >= BEHIND_E;
    bool is_open = is_sign || is_point || is_e || args->state == BEHIND_E_SIGN; /* a digit must follow */

    if (is_digit(c) && args->state != BEHIND_ZERO)
        args->state = is_sign    ? (c == '0' ? BEHIND_ZERO : IN_WHOLE)
                      : is_point ? IN_FRACTION
                      : has_e    ? IN_POWER
                                 : args->state;
    else if (is_e && (c == '+' || c == '-'))
        args->state = BEHIND_E_SIGN;
    else if (is_open)
        return false;
    else if (c == '.' && (args->state == BEHIND_ZERO || args->state == IN_WHOLE))
        args->state = BEHIND_POINT;
    else if ((c | 0x20) == 'e' && !has_e)
        args->state = BEHIND_E;
    else if (step_next(args, c))
        args->state = args->state < BEHIND_SIGN || args->state > IN_POWER ? args->state : AT_NEXT;
    else
        return false;
    return true;
}

/* False: this is no JSON, and nothing has changed. */
static bool step(struct arguments *args, char c)
{
    switch (args->state) {
    case IN_STRING:
    case IN_ESCAPE:
    case IN_HEX:
        return step_string(args, c);
    case AT_NEXT:
        return step_next(args, c);
    case IN_WORD:
        if (c != *args->word)
            return false;
        if (!*++args->word)
            args->state = AT_NEXT;
        return true;
    case IN_RAW:
        return false; /* all of it has to be escaped */
    case UNREAD:
        return true;
    default:
        break;
    }
    if (args->state >= BEHIND_SIGN && args->state <= IN_POWER)
        return step_number(args, c);
    if (is_blank(c))
        return true;
    switch (args->state) {
    case AT_START:
        if (c == '{')
            open_container(args, false);
        return c == '{';
    case AT_COLON:
        if (c == ':')
            args->state = AT_VALUE;
        return c == ':';
    case AT_KEY_OR_END:
    case AT_VALUE_OR_END:
        if (c == (is_in_list(args) ? ']' : '}')) {
            close_container(args);
            return true;
        }
        return is_in_list(args) ? begin_value(args, c) : c == '"' && begin_string(args, true);
    case AT_KEY:
        return c == '"' && begin_string(args, true);
    case AT_VALUE:
        return begin_value(args, c);
    default:
        return false;
    }
}

/* ---- mending ---- */

static char *put(char *to, const char *text)
{
    size_t len = strlen(text);

    memcpy(to, text, len);
    return to + len;
}

static char *put_escaped(char *to, char c)
{
    if (c == '\n' || c == '\t' || c == '"' || c == '\\') {
        *to++ = '\\';
        *to++ = c == '\n' ? 'n' : c == '\t' ? 't' : c;
        return to;
    }
    if ((unsigned char)c < 0x20)
        return to + snprintf(to, 7, "\\u%04x", (unsigned)c);
    *to++ = c;
    return to;
}

/* The shortest text that makes a whole value of what has begun. */
static char *put_rest(const struct arguments *args, char *to)
{
    switch (args->state) {
    case AT_START:
        return put(to, "{");
    case AT_COLON:
        return put(to, ":null");
    case AT_VALUE:
        return put(to, "null");
    case IN_WORD:
        return put(to, args->word);
    case BEHIND_SIGN:
    case BEHIND_POINT:
    case BEHIND_E:
    case BEHIND_E_SIGN:
        return put(to, "0");
    default:
        return to;
    }
}

/* The member for the rest, in the innermost object that is open. */
static char *begin_raw(struct arguments *args, char *to)
{
    bool is_first = args->state == AT_START || args->state == AT_KEY_OR_END || args->state == AT_KEY;

    to = put_rest(args, to);
    if (args->state == AT_START)
        open_container(args, false);
    for (; is_in_list(args); args->depth--)
        to = put(to, "]");
    args->state = IN_RAW;
    return put(to, is_first ? "\"_raw\":\"" : ",\"_raw\":\"");
}

/* A byte that is no JSON where it stands. */
static char *put_odd(struct arguments *args, char c, char *to)
{
    switch (args->state) {
    case IN_STRING:
    case IN_RAW:
        return put_escaped(to, c);
    case IN_HEX: /* an escape without an end */
        while (args->hex_count++ < 4)
            to = put(to, "0");
        break;
    case IN_ESCAPE: /* a backslash that stands for itself */
        to = put(to, "\\");
        break;
    default: /* something behind the object: there is no place for it, and two values are no JSON to anybody */
        args->is_cut = 1;
        return to;
    }
    args->state = IN_STRING;
    if (step(args, c))
        *to++ = c;
    else
        to = put_escaped(to, c);
    return to;
}

bool arguments_piece(struct arguments *args, aigw_str piece, aigw_str *ret_text, char **ret_copy)
{
    size_t at = 0;
    char *to;

    *ret_text = (aigw_str){ piece.ptr, args->is_cut ? 0 : piece.len };
    *ret_copy = NULL;
    if (args->is_cut)
        return true;
    while (at < piece.len && step(args, piece.ptr[at]))
        at++;
    if (at == piece.len)
        return true;
    *ret_copy = to = malloc(piece.len * 6 + DEPTH_MAX + 64);
    if (!to)
        return false;
    if (at > 0)
        memcpy(to, piece.ptr, at);
    to += at;
    for (; at < piece.len && !args->is_cut; at++) {
        if (step(args, piece.ptr[at])) {
            *to++ = piece.ptr[at];
            continue;
        }
        if (args->state < IN_STRING || (args->state >= IN_WORD && args->state <= IN_POWER))
            to = begin_raw(args, to);
        to = put_odd(args, piece.ptr[at], to);
    }
    *ret_text = (aigw_str){ *ret_copy, (size_t)(to - *ret_copy) };
    return true;
}

aigw_str arguments_end(const struct aigw_host *host, struct aigw_ctx *ctx, struct arguments *args, char *room)
{
    char *to = room;

    if (args->is_cut)
        host->log(ctx, AIGW_LOG_WARNING,
                  "what the model wrote behind the arguments of a tool call was left out: they are one JSON object");

    if (args->state != IN_RAW)
        return AIGW_STR_NONE;
    *to++ = '"';
    for (; args->depth > 0; args->depth--)
        *to++ = is_in_list(args) ? ']' : '}';
    args->state = BEHIND_ALL;
    return (aigw_str){ room, (size_t)(to - room) };
}
