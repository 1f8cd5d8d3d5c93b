/* plain.c - see plain.h. */
#include "plain.h"

#include <aigw/json.h>

#include <stdlib.h>
#include <string.h>

#define LOST     "\xef\xbf\xbd"
#define LOST_LEN 3

/* Bytes of the character at the front, 0 when it is none. */
static size_t character(aigw_str text)
{
    for (size_t len = 1; len <= 4 && len <= text.len; len++)
        if (aigw_utf8_is_valid((aigw_str){ text.ptr, len }))
            return len;
    return 0;
}

bool plain_text(aigw_str text, aigw_str *ret_text, char **ret_copy)
{
    size_t len = 0;
    char *copy;

    *ret_text = text;
    *ret_copy = NULL;
    if (aigw_utf8_is_valid(text))
        return true;
    *ret_copy = copy = malloc(text.len * LOST_LEN);
    if (!copy)
        return false;
    while (text.len > 0) {
        size_t size = character(text), used = size > 0 ? size : 1;

        memcpy(copy + len, size > 0 ? text.ptr : LOST, size > 0 ? size : LOST_LEN);
        len += size > 0 ? size : LOST_LEN;
        text = (aigw_str){ text.ptr + used, text.len - used };
    }
    *ret_text = (aigw_str){ copy, len };
    return true;
}

aigw_status plain_write(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text)
{
    aigw_status status;
    char *copy;

    if (!plain_text(text, &text, &copy))
        return AIGW_E_NOMEM;
    status = host->stream_write(ctx, text);
    free(copy);
    return status;
}
