/* names.c - see names.h. */
#include "names.h"
#include "wire.h"

#include <ctype.h>
#include <string.h>

#define SENT_MAX 64u
#define TAIL_LEN 8u /* of a name that was cut or is another tool's: _ and seven characters */

/* ---- names ---- */

static bool is_sign(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool fits(aigw_str name, size_t max_len)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_sign(name.ptr[i]))
            return false;
    return name.len > 0 && name.len <= max_len;
}

static uint64_t hash_of(const struct names *names, aigw_str first, aigw_str second)
{
    const aigw_str texts[] = { first, second };
    uint64_t hash = names->seed;

    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < texts[i].len; k++)
            hash = (hash ^ (unsigned char)texts[i].ptr[k]) * UINT64_C(0x100000001b3);
        hash = (hash ^ texts[i].len) * UINT64_C(0x100000001b3);
    }
    return hash ^ hash >> 32; /* the upper bits are the better mixed ones */
}

/* Where the tool that was sent under this name is, or would be. */
static struct name **place_of_sent(struct names *names, aigw_str sent)
{
    uint64_t hash = hash_of(names, sent, AIGW_STR_NONE);
    struct name **at = &names->by_sent;

    for (; *at && !wire_same((*at)->sent, sent); hash >>= 1)
        at = &(*at)->by_sent[hash & 1];
    return at;
}

static struct name **place_of_tool(struct names *names, aigw_str scope, aigw_str name)
{
    uint64_t hash = hash_of(names, scope, name);
    struct name **at = &names->by_name;

    for (; *at && !(wire_same((*at)->name, name) && wire_same((*at)->scope, scope)); hash >>= 1)
        at = &(*at)->by_name[hash & 1];
    return at;
}

const struct name *names_find(const struct names *names, aigw_str sent)
{
    return *place_of_sent((struct names *)(uintptr_t)names, sent); /* it is only looked at */
}

bool names_has(const struct names *names, aigw_str scope, aigw_str name)
{
    return *place_of_tool((struct names *)(uintptr_t)names, scope, name) != NULL; /* it is only looked at */
}

/* Seven characters that are the tool's own. */
static aigw_status put_tail(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str whole, char *out)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t digest[32];

    if (host->sha256(ctx, whole, digest) != AIGW_OK)
        return AIGW_E_NOMEM;
    *out++ = '_';
    for (size_t i = 0; i + 1 < TAIL_LEN; i++)
        *out++ = digits[digest[i] % 62];
    return AIGW_OK;
}

/* "scope__name" with every sign that does not fit as _. `has_tail`: the name alone will not do. */
static aigw_status make_sent(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str whole, bool has_tail,
                             char *text, aigw_str *ret_sent)
{
    size_t len = whole.len;

    if (has_tail || len > SENT_MAX) {
        len = len > SENT_MAX - TAIL_LEN ? SENT_MAX - TAIL_LEN : len;
        if (put_tail(host, ctx, whole, text + len) != AIGW_OK)
            return AIGW_E_NOMEM;
        has_tail = true;
    }
    for (size_t i = 0; i < len; i++)
        text[i] = is_sign(whole.ptr[i]) ? whole.ptr[i] : '_';
    *ret_sent = (aigw_str){ text, len + (has_tail ? TAIL_LEN : 0) };
    return AIGW_OK;
}

aigw_status names_send(const struct aigw_host *host, struct aigw_ctx *ctx, struct names *names, uint32_t kind,
                       aigw_str scope, aigw_str name, size_t max_len, aigw_str *ret_sent)
{
    struct name **place = place_of_tool(names, scope, name), *known = *place, *added;
    aigw_str whole;
    char *text;

    if (known) {
        *ret_sent = known->sent;
        return AIGW_OK;
    }
    added = host->alloc(ctx, AIGW_LIFE_REQUEST, sizeof *added);
    text = host->alloc(ctx, AIGW_LIFE_REQUEST, scope.len + 2 + name.len + SENT_MAX);
    if (!added || !text)
        return AIGW_E_NOMEM;
    whole.ptr = text + SENT_MAX; /* behind what is sent */
    whole.len = 0;
    if (scope.len > 0) {
        memcpy(text + SENT_MAX, scope.ptr, scope.len);
        memcpy(text + SENT_MAX + scope.len, "__", 2);
        whole.len = scope.len + 2;
    }
    if (name.len > 0)
        memcpy(text + SENT_MAX + whole.len, name.ptr, name.len);
    whole.len += name.len;
    *added = (struct name){ .sent = whole,
                            .name = { whole.ptr + whole.len - name.len, name.len },
                            .scope = { whole.ptr, scope.len },
                            .kind = kind };
    if ((!fits(whole, max_len) || (scope.len > 0 && whole.len > SENT_MAX)) &&
        make_sent(host, ctx, whole, false, text, &added->sent) != AIGW_OK)
        return AIGW_E_NOMEM;
    if (names_find(names, added->sent) && make_sent(host, ctx, whole, true, text, &added->sent) != AIGW_OK)
        return AIGW_E_NOMEM;
    if (!names->by_name)
        names->seed =
            (uint64_t)(uintptr_t)added * UINT64_C(0x9e3779b97f4a7c15); /* where memory lies is nobody's choice */
    *place = added;
    place = place_of_sent(names, added->sent);
    if (*place) /* of the same name and sign for sign: the later one is meant */
        memcpy(added->by_sent, (*place)->by_sent, sizeof added->by_sent);
    *place = added;
    *ret_sent = added->sent;
    return AIGW_OK;
}

/* ---- plain text as an argument ---- */

aigw_str names_describe(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_tool *tool)
{
    const char *words;

    if (tool->kind != AIGW_TOOL_FREE_TEXT || tool->grammar.len == 0)
        return tool->description;
    words = wire_join(host, ctx, tool->description, AIGW_STR("\n\nThe input must follow this grammar: "));
    words = words ? wire_join(host, ctx, wire_str(words), tool->grammar) : NULL;
    return words ? wire_str(words) : tool->description;
}

aigw_str names_parameters(const struct aigw_tool *tool)
{
    aigw_str text = wire_trim_end(wire_skip_blanks(tool->parameters));

    if (tool->kind == AIGW_TOOL_FREE_TEXT)
        return AIGW_STR(NAMES_TEXT_SCHEMA);
    if (text.len == 0 || wire_is(text, "null") ||
        (text.ptr[0] == '{' && wire_is(wire_skip_blanks((aigw_str){ text.ptr + 1, text.len - 1 }), "}")))
        return AIGW_STR("{\"type\":\"object\",\"properties\":{}}");
    return text;
}

/* What comes next. Before the text: how many of the signs of {"input":" were seen. */
#define UNWRAP_START 0u
#define UNWRAP_TEXT  10u
#define UNWRAP_SLASH 11u
#define UNWRAP_HEX   12u /* … to 15: digits of \uXXXX seen */
#define UNWRAP_OVER  16u
#define UNWRAP_PLAIN 17u /* it is no such object */

static const char unwrap_start[] = "{\"" NAMES_TEXT_MEMBER "\":\"";
_Static_assert(sizeof unwrap_start - 1 == UNWRAP_TEXT, "a state for each sign");

static char *put(char *to, const char *bytes, size_t len)
{
    if (len > 0)
        memcpy(to, bytes, len);
    return to + len;
}

/* One sign before the text. False: it is no such object. */
static bool step_start(struct unwrap *unwrap, char c)
{
    bool is_blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    bool in_name = unwrap->state > 1 && unwrap->state < UNWRAP_TEXT - 2;

    if (unwrap->held_len == sizeof unwrap->held || (c != unwrap_start[unwrap->state] && (!is_blank || in_name)))
        return false;
    unwrap->held[unwrap->held_len++] = c;
    unwrap->state += c == unwrap_start[unwrap->state];
    if (unwrap->state == UNWRAP_TEXT)
        unwrap->held_len = 0;
    return true;
}

/* The character of an escape's letter, 0 for none. */
static char letter_of(char c)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *at = c ? strchr(letters, c) : NULL;

    return at ? meant[at - letters] : '\0';
}

/* Four hex digits that are held, as UTF-8 or a mark of half a character. */
static char *put_unit(struct unwrap *unwrap, char *to)
{
    uint32_t unit = 0;

    for (uint32_t i = 0; i < 4; i++) {
        char c = unwrap->held[i];

        unit = unit << 4 | (uint32_t)(isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    unwrap->held_len = 0;
    if (unit < 0x80) {
        *to++ = (char)unit;
    } else if (unit < 0x800) {
        *to++ = (char)(0xc0 | unit >> 6);
        *to++ = (char)(0x80 | (unit & 0x3f));
    } else {
        *to++ = (char)(0xe0 | unit >> 12);
        *to++ = (char)(0x80 | (unit >> 6 & 0x3f));
        *to++ = (char)(0x80 | (unit & 0x3f));
    }
    return to;
}

static char *put_lost(struct unwrap *unwrap, char *to)
{
    unwrap->state = UNWRAP_TEXT;
    unwrap->held_len = 0;
    return put(to, "\xef\xbf\xbd", 3);
}

static char *step_text(struct unwrap *unwrap, char c, char *to)
{
    char letter;

    switch (unwrap->state) {
    case UNWRAP_TEXT:
        if (c == '"')
            unwrap->state = UNWRAP_OVER;
        else if (c == '\\')
            unwrap->state = UNWRAP_SLASH;
        else
            *to++ = c;
        return to;
    case UNWRAP_SLASH:
        letter = letter_of(c);
        if (!letter && c != 'u')
            return put_lost(unwrap, to);
        unwrap->state = letter ? UNWRAP_TEXT : UNWRAP_HEX;
        if (letter)
            *to++ = letter;
        return to;
    case UNWRAP_OVER:
        return to;
    default: /* a digit of \uXXXX */
        if (!isxdigit((unsigned char)c)) {
            to = put_lost(unwrap, to);
            return step_text(unwrap, c, to); /* no digit: a sign of the text */
        }
        unwrap->held[unwrap->held_len++] = c;
        if (++unwrap->state < UNWRAP_OVER)
            return to;
        unwrap->state = UNWRAP_TEXT;
        return put_unit(unwrap, to);
    }
}

aigw_str unwrap_piece(struct unwrap *unwrap, aigw_str piece, char *room)
{
    char *to = room;

    for (size_t i = 0; i < piece.len; i++) {
        if (unwrap->state == UNWRAP_PLAIN) {
            to = put(to, piece.ptr + i, piece.len - i);
            break;
        }
        if (unwrap->state >= UNWRAP_TEXT) {
            to = step_text(unwrap, piece.ptr[i], to);
        } else if (!step_start(unwrap, piece.ptr[i])) {
            to = put(to, unwrap->held, unwrap->held_len);
            *to++ = piece.ptr[i];
            unwrap->state = UNWRAP_PLAIN;
        }
    }
    return (aigw_str){ room, (size_t)(to - room) };
}
