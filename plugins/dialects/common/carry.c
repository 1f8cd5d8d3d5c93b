/* carry.c - see carry.h. */
#include "carry.h"

#include <string.h>

#define CARRY_STEP 192u /* bytes at a time: a multiple of three */

static const char carry_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* What stands behind a mark of that length. */
static void split(aigw_str text, size_t mark_len, aigw_str *ret_origin, aigw_str *ret_data)
{
    const char *dot;

    *ret_origin = *ret_data = AIGW_STR_NONE;
    text = (aigw_str){ text.ptr + mark_len, text.len - mark_len };
    dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    if (dot && dot != text.ptr) {
        *ret_origin = (aigw_str){ text.ptr, (size_t)(dot - text.ptr) };
        *ret_data = (aigw_str){ dot + 1, text.len - ret_origin->len - 1 };
    }
}

bool carry_split(aigw_str text, aigw_str *ret_origin, aigw_str *ret_data)
{
    *ret_origin = *ret_data = AIGW_STR_NONE;
    if (!wire_has_prefix(text, CARRY_MARK))
        return false;
    split(text, sizeof CARRY_MARK - 1, ret_origin, ret_data);
    return true;
}

void carry_read(const struct aigw_host *host, struct aigw_ctx *ctx, const char *own, aigw_str text,
                aigw_str *ret_origin, aigw_str *ret_data)
{
    if (carry_split(text, ret_origin, ret_data) && ret_origin->len > 0) {
        *ret_data = wire_from_base64(host, ctx, *ret_data); /* not as we wrote it: as good as none */
        return;
    }
    *ret_origin = wire_str(own);
    *ret_data = text;
}

size_t carry_base64(aigw_str bytes, char *out)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    size_t len = 0;

    for (size_t left = bytes.len; left > 0; at += 3, left = left > 3 ? left - 3 : 0) {
        uint32_t bits = (uint32_t)at[0] << 16 | (left > 1 ? (uint32_t)at[1] << 8 : 0) | (left > 2 ? at[2] : 0u);

        out[len++] = carry_digits[bits >> 18];
        out[len++] = carry_digits[bits >> 12 & 63];
        out[len++] = left > 1 ? carry_digits[bits >> 6 & 63] : '=';
        out[len++] = left > 2 ? carry_digits[bits & 63] : '=';
    }
    return len;
}

static void write_marked(const struct aigw_host *host, struct aigw_buf *buf, const char *mark, aigw_str origin,
                         aigw_str data)
{
    char piece[CARRY_BASE64_SIZE(CARRY_STEP)];

    host->buf_printf(buf, "\"%s", mark);
    host->buf_put(buf, origin.ptr, origin.len);
    host->buf_put(buf, ".", 1);
    while (data.len > 0) {
        aigw_str step = { data.ptr, data.len < CARRY_STEP ? data.len : CARRY_STEP };

        host->buf_put(buf, piece, carry_base64(step, piece));
        data = (aigw_str){ data.ptr + step.len, data.len - step.len };
    }
    host->buf_put(buf, "\"", 1);
}

void carry_write(const struct aigw_host *host, struct aigw_buf *buf, const char *own, aigw_str origin, aigw_str data)
{
    if (origin.len == 0 || wire_is(origin, own))
        host->buf_json(buf, data);
    else
        write_marked(host, buf, CARRY_MARK, origin, data);
}

void carry_write_call(const struct aigw_host *host, struct aigw_buf *buf, aigw_str origin, aigw_str data)
{
    write_marked(host, buf, CARRY_CALL, origin, data);
}

void carry_read_call(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret_origin,
                     aigw_str *ret_data)
{
    split(text, sizeof CARRY_CALL - 1, ret_origin, ret_data);
    *ret_data = ret_data->len > 0 ? wire_from_base64(host, ctx, *ret_data) : AIGW_STR_NONE;
}
