#include "fake_host.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/base.h"

struct aigw_buf {
    struct gw_buf buf;
};

#define BUFS_MAX 16
static struct aigw_buf *bufs[BUFS_MAX];
static size_t buf_count;

static struct aigw_buf *buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len)
{
    struct aigw_buf *buf = buf_count < BUFS_MAX ? malloc(sizeof *buf) : NULL;

    (void)ctx;
    (void)life;
    if (!buf)
        return NULL;
    gw_buf_init(&buf->buf, max_len);
    bufs[buf_count++] = buf;
    return buf;
}

static void buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    gw_buf_put(&buf->buf, bytes, len);
}

static void buf_printf(struct aigw_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    gw_buf_vprintf(&buf->buf, fmt, args);
    va_end(args);
}

static void buf_json(struct aigw_buf *buf, aigw_str text)
{
    gw_buf_json(&buf->buf, text, false);
}

static aigw_status buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    *ret_view = gw_buf_str(&buf->buf);
    return buf->buf.status;
}

const struct aigw_host fake_host = {
    .struct_size = sizeof fake_host,
    .buf_new = buf_new,
    .buf_put = buf_put,
    .buf_printf = buf_printf,
    .buf_json = buf_json,
    .buf_view = buf_view,
};

void fake_host_done(void)
{
    for (size_t i = 0; i < buf_count; i++) {
        gw_buf_done(&bufs[i]->buf);
        free(bufs[i]);
    }
    buf_count = 0;
}
