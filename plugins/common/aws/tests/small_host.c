/* small_host.c - see small_host.h. */
#include "small_host.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct small_block {
    struct small_block *next;
    _Alignas(16) char bytes[];
};

static struct small_host *of(struct aigw_ctx *ctx)
{
    return (struct small_host *)(void *)ctx;
}

struct aigw_ctx *small_ctx(struct small_host *h)
{
    return (struct aigw_ctx *)(void *)h;
}

static void *small_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len)
{
    struct small_block *block = malloc(sizeof *block + len);

    (void)life;
    if (!block)
        abort();
    block->next = of(ctx)->blocks;
    of(ctx)->blocks = block;
    return block->bytes;
}

void small_free(struct small_host *h)
{
    while (h->blocks) {
        struct small_block *block = h->blocks;

        h->blocks = block->next;
        free(block);
    }
}

static char *small_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...) AIGW_PRINTF(3, 4);
static char *small_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...)
{
    char *text = small_alloc(ctx, life, 16384);
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, 16384, fmt, args);
    va_end(args);
    return text;
}

static aigw_status small_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...) AIGW_PRINTF(3, 4);
static aigw_status small_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(of(ctx)->error, sizeof of(ctx)->error, fmt, args);
    va_end(args);
    return why;
}

struct aigw_buf {
    char bytes[65536];
    size_t len;
};

static struct aigw_buf *small_buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len)
{
    struct aigw_buf *buf = small_alloc(ctx, life, sizeof *buf);

    (void)max_len;
    buf->len = 0;
    return buf;
}

static void small_buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    if (len >= sizeof buf->bytes - buf->len)
        abort();
    if (len > 0)
        memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
}

static void small_buf_printf(struct aigw_buf *buf, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void small_buf_printf(struct aigw_buf *buf, const char *fmt, ...)
{
    char text[16384];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    small_buf_put(buf, text, strlen(text));
}

static aigw_status small_buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    buf->bytes[buf->len] = '\0';
    *ret_view = (aigw_str){ buf->bytes, buf->len };
    return AIGW_OK;
}

static void small_buf_json(struct aigw_buf *buf, aigw_str text)
{
    small_buf_put(buf, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            small_buf_put(buf, "\\", 1);
        small_buf_put(buf, text.ptr + i, 1);
    }
    small_buf_put(buf, "\"", 1);
}

static const char *small_last_error(struct aigw_ctx *ctx)
{
    return of(ctx)->error;
}

static void small_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...) AIGW_PRINTF(3, 4);
static void small_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...)
{
    va_list args;

    (void)level;
    va_start(args, fmt);
    vsnprintf(of(ctx)->logged, sizeof of(ctx)->logged, fmt, args);
    va_end(args);
}

static int64_t small_time_s(struct aigw_ctx *ctx)
{
    return of(ctx)->time_s;
}

static aigw_status small_sha256(struct aigw_ctx *ctx, aigw_str bytes, uint8_t ret_digest[32])
{
    (void)ctx;
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes.ptr ? bytes.ptr : "", bytes.len, ret_digest) == 0 ? AIGW_OK
                                                                                                       : AIGW_E_STATE;
}

static aigw_status small_hmac(struct aigw_ctx *ctx, aigw_str key, aigw_str bytes, uint8_t ret_digest[32])
{
    (void)ctx;
    return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.ptr, key.len, bytes.ptr, bytes.len, ret_digest) == 0 ? AIGW_OK
                                                                                                        : AIGW_E_STATE;
}

const struct aigw_host small_host = { .struct_size = sizeof small_host,
                                      .alloc = small_alloc,
                                      .format = small_format,
                                      .fail = small_fail,
                                      .buf_new = small_buf_new,
                                      .buf_put = small_buf_put,
                                      .buf_printf = small_buf_printf,
                                      .buf_json = small_buf_json,
                                      .buf_view = small_buf_view,
                                      .last_error = small_last_error,
                                      .log = small_log,
                                      .time_s = small_time_s,
                                      .sha256 = small_sha256,
                                      .hmac_sha256 = small_hmac };

static int differences;

void small_expect(const char *what, aigw_str found, const char *expected)
{
    if (wire_is(found, expected))
        return;
    differences++;
    fprintf(stderr, "%s\n  expected %s\n  found    %.*s\n", what, expected, AIGW_STR_ARG(found));
}

void small_expect_true(const char *what, bool is_true)
{
    if (is_true)
        return;
    differences++;
    fprintf(stderr, "%s: does not hold\n", what);
}

int small_result(void)
{
    return differences > 0;
}
