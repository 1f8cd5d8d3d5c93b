/* host.c - see host.h. */
#include "host.h"

#include <aigw/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

struct host_block {
    struct host_block *next;
    _Alignas(16) char bytes[];
};

static void *host_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len)
{
    struct host *host = (struct host *)(void *)ctx;
    struct host_block *block;

    (void)life;
    if (host->limit > 0 && host->taken + len > host->limit)
        return NULL;
    block = malloc(sizeof *block + len);
    if (!block)
        abort();
    host->taken += len;
    memset(block->bytes, 0xa5, len); /* nobody may count on zeros */
    block->next = host->blocks;
    host->blocks = block;
    return block->bytes;
}

static char *host_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...) AIGW_PRINTF(3, 4);
static char *host_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...)
{
    char *text;
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    text = len < 0 ? NULL : host_alloc(ctx, life, (size_t)len + 1);
    if (!text)
        return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return text;
}

/* ---- buffers ---- */

struct aigw_buf {
    struct host *host;
    char *bytes;
    size_t len, room;
    bool is_short;
};

static struct aigw_buf *host_buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len)
{
    struct aigw_buf *buf = host_alloc(ctx, life, sizeof *buf);

    (void)max_len;
    if (buf)
        *buf = (struct aigw_buf){ .host = (struct host *)(void *)ctx };
    return buf;
}

static void host_buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    if (buf->len + len + 1 > buf->room && !buf->is_short) {
        size_t room = (buf->len + len + 1) * 2;
        char *grown = host_alloc(host_ctx(buf->host), AIGW_LIFE_REQUEST, room);

        buf->is_short = !grown;
        if (grown && buf->len > 0)
            memcpy(grown, buf->bytes, buf->len);
        if (grown) {
            buf->bytes = grown;
            buf->room = room;
        }
    }
    if (buf->is_short)
        return;
    if (len > 0)
        memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
    buf->bytes[buf->len] = '\0';
}

static void host_buf_printf(struct aigw_buf *buf, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void host_buf_printf(struct aigw_buf *buf, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text)
        abort();
    host_buf_put(buf, text, (size_t)len);
}

static void host_buf_json(struct aigw_buf *buf, aigw_str text)
{
    bool is_valid = aigw_utf8_is_valid(text);

    host_buf_put(buf, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '"' || c == '\\')
            host_buf_printf(buf, "\\%c", c);
        else if (c < 0x20)
            host_buf_printf(buf, "\\u%04x", c);
        else if (c >= 0x80 && !is_valid)
            host_buf_put(buf, "\xef\xbf\xbd", 3);
        else
            host_buf_put(buf, text.ptr + i, 1);
    }
    host_buf_put(buf, "\"", 1);
}

static void host_buf_clear(struct aigw_buf *buf)
{
    buf->len = 0;
}

static aigw_status host_buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    *ret_view = (aigw_str){ buf->bytes, buf->len };
    return buf->is_short ? AIGW_E_NOMEM : AIGW_OK;
}

/* ---- the rest ---- */

static aigw_status host_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...) AIGW_PRINTF(3, 4);
static aigw_status host_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...)
{
    struct host *host = (struct host *)(void *)ctx;
    va_list args;

    va_start(args, fmt);
    vsnprintf(host->failed, sizeof host->failed, fmt, args);
    va_end(args);
    return why;
}

static aigw_status host_random(struct aigw_ctx *ctx, void *ret_bytes, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)ret_bytes)[i] = (uint8_t)(i * 37);
    return AIGW_OK;
}

/* No digest, but the same for the same bytes: enough for ids that must fit. */
static aigw_status host_sha256(struct aigw_ctx *ctx, aigw_str bytes, uint8_t ret_digest[32])
{
    uint32_t sum = 5381;

    (void)ctx;
    for (size_t i = 0; i < bytes.len; i++)
        sum = sum * 33 + (unsigned char)bytes.ptr[i];
    for (int i = 0; i < 32; i++) {
        sum = sum * 1664525u + 1013904223u;
        ret_digest[i] = (uint8_t)(sum >> 24);
    }
    return AIGW_OK;
}

static void host_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...) AIGW_PRINTF(3, 4);
static void host_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...)
{
    (void)ctx;
    (void)level;
    (void)fmt;
}

static aigw_status host_emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    host_note((struct host *)(void *)ctx, event);
    return AIGW_OK;
}

const struct aigw_host test_host = { .struct_size = sizeof test_host,
                                     .alloc = host_alloc,
                                     .format = host_format,
                                     .buf_new = host_buf_new,
                                     .buf_put = host_buf_put,
                                     .buf_printf = host_buf_printf,
                                     .buf_json = host_buf_json,
                                     .buf_clear = host_buf_clear,
                                     .buf_view = host_buf_view,
                                     .fail = host_fail,
                                     .log = host_log,
                                     .random = host_random,
                                     .sha256 = host_sha256,
                                     .emit = host_emit };

void host_free(struct host *host)
{
    while (host->blocks) {
        struct host_block *block = host->blocks;

        host->blocks = block->next;
        free(block);
    }
    memset(host, 0, sizeof *host);
}
