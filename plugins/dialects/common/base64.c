/* base64.c - base64 as clients write it, in either alphabet, with or without padding and line ends; and as servers take
 * it. */
#include "wire.h"

#include <string.h>

enum { OTHER, USUAL, URL_SAFE, PADDING, LINE_END };

static unsigned kind_of(char c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/')
        return USUAL;
    if (c == '-' || c == '_')
        return URL_SAFE;
    if (c == '=')
        return PADDING;
    return c == '\r' || c == '\n' ? LINE_END : OTHER;
}

/* Which kinds of characters there are, one bit each. */
static unsigned kinds_of(aigw_str text)
{
    unsigned kinds = 0;

    for (size_t i = 0; i < text.len; i++)
        kinds |= 1u << kind_of(text.ptr[i]);
    return kinds;
}

bool wire_is_base64(aigw_str text)
{
    return text.len > 0 && !(kinds_of(text) & (1u << OTHER | 1u << LINE_END));
}

aigw_status wire_usual_base64(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str *text)
{
    unsigned kinds = kinds_of(*text);
    size_t len = 0;
    char *copy;

    if (text->len == 0 || (kinds & 1u << OTHER))
        return AIGW_E_INVALID;
    if (!(kinds & (1u << URL_SAFE | 1u << LINE_END)) && text->len % 4 == 0)
        return AIGW_OK;
    copy = host->alloc(ctx, AIGW_LIFE_BUILD, text->len + 3);
    if (!copy)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < text->len; i++) {
        char c = text->ptr[i];
        unsigned kind = kind_of(c);

        if (kind == USUAL || kind == URL_SAFE)
            copy[len++] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    while (len % 4 != 0)
        copy[len++] = '=';
    *text = (aigw_str){ copy, len };
    return AIGW_OK;
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool wire_read_base64(aigw_str text, char *out, size_t *ret_len)
{
    uint32_t bits = 0, count = 0;
    size_t len = 0;

    while (text.len > 0 && text.ptr[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_of(text.ptr[i]);

        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[len++] = (char)(bits >> count & 0xff);
        }
    }
    *ret_len = len;
    return true;
}

aigw_str wire_from_base64(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text)
{
    char *bytes = host->alloc(ctx, AIGW_LIFE_BUILD, text.len + 1);
    size_t len;

    return bytes && wire_read_base64(text, bytes, &len) ? (aigw_str){ bytes, len } : AIGW_STR_NONE;
}
