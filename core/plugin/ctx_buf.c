/* ctx_buf.c - host functions for buffers. They have no ctx, so what they get wrong is charged to the callback at work
 * on this thread. A buffer's memory counts against the limit of the lifetime that it was made for. */
#include <string.h>

#include "plugin/ctx.h"

static void free_buf(void *arg)
{
    struct aigw_buf *buf = arg;

    gw_buf_done(&buf->bytes);
}

struct aigw_buf *gw_ctx_buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len)
{
    struct aigw_buf *buf = gw_ctx_alloc(ctx, life, sizeof *buf);

    if (!buf)
        return NULL;
    buf->arena = life == AIGW_LIFE_BUILD ? ctx->build_arena : ctx->request_arena;
    buf->max = max_len;
    gw_buf_init(&buf->bytes, max_len);
    return gw_arena_defer(buf->arena, free_buf, buf) == AIGW_OK ? buf : NULL;
}

/* Before something is appended: how far it may grow now. False: there is nothing to append to; alloc() has said why. */
static bool begin(struct aigw_buf *buf)
{
    size_t left;

    if (!buf)
        return false;
    left = buf->arena->limit > buf->arena->used ? buf->arena->limit - buf->arena->used : 0;
    buf->bytes.max = left < buf->max && buf->bytes.cap < buf->max - left ? buf->bytes.cap + left : buf->max;
    return true;
}

/* After it: what it grew by is spent, and not given back before the lifetime ends. */
static void end(struct aigw_buf *buf, size_t cap)
{
    if (buf->bytes.cap > cap)
        buf->arena->used += buf->bytes.cap - cap;
}

static bool is_bad(aigw_str text, const char *what)
{
    const struct gw_visit *visit = gw_visit_now();

    if (gw_is_text(text))
        return false;
    gw_meter_breach(visit ? visit->meter : NULL, GW_BREACH_SIZE, visit ? gw_callback_name(visit->callback) : NULL, NULL,
                    "%s(): the bytes are NULL with a length, or %zu of them", what, text.len);
    return true;
}

static void put(struct aigw_buf *buf, aigw_str text, const char *what)
{
    size_t cap;

    if (is_bad(text, what) || !begin(buf))
        return;
    cap = buf->bytes.cap;
    gw_buf_put_str(&buf->bytes, text);
    end(buf, cap);
}

void gw_ctx_buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    if (!buf || !bytes || !gw_buf_fits(&buf->bytes, len))
        put(buf, (aigw_str){ bytes, len }, "buf_put");
    else /* as nearly always: there is room that was counted before */
        gw_buf_put_fitting(&buf->bytes, bytes, len);
}

void gw_ctx_buf_printf(struct aigw_buf *buf, const char *fmt, ...)
{
    va_list args;
    size_t cap;

    if (is_bad((aigw_str){ fmt, 1 }, "buf_printf") || !begin(buf))
        return;
    cap = buf->bytes.cap;
    va_start(args, fmt);
    gw_buf_vprintf(&buf->bytes, fmt, args);
    va_end(args);
    end(buf, cap);
}

static void put_json(struct aigw_buf *buf, aigw_str text, bool is_ascii, const char *what)
{
    size_t cap;

    if (is_bad(text, what) || !begin(buf))
        return;
    cap = buf->bytes.cap;
    gw_buf_json(&buf->bytes, text, is_ascii);
    end(buf, cap);
}

void gw_ctx_buf_json(struct aigw_buf *buf, aigw_str text)
{
    put_json(buf, text, false, "buf_json");
}

void gw_ctx_buf_json_ascii(struct aigw_buf *buf, aigw_str text)
{
    put_json(buf, text, true, "buf_json_ascii");
}

void gw_ctx_buf_clear(struct aigw_buf *buf)
{
    if (buf)
        gw_buf_clear(&buf->bytes);
}

aigw_status gw_ctx_buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    if (!buf || !ret_view)
        return buf ? AIGW_E_INVALID : AIGW_E_NOMEM;
    if (buf->bytes.status)
        return buf->bytes.status;
    if (!begin(buf) || !gw_buf_reserve(&buf->bytes, 0)) /* an empty buffer is a "" too */
        return buf->bytes.status;
    *ret_view = gw_buf_str(&buf->bytes);
    return AIGW_OK;
}
