/* ctx.c - host functions that need no request: memory, buffers, errors, logs, counters. */
#include "plugin/ctx.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>

#include "base/log.h"
#include "health/metrics.h"

struct aigw_ctx *gw_ctx_new_instance(struct gw_arena *arena, const struct gw_plugin *plugin, const char *name)
{
    struct aigw_ctx *ctx = gw_arena_calloc(arena, sizeof *ctx);

    if (ctx)
        *ctx = (struct aigw_ctx){ .plugin = plugin, .instance = name, .request_arena = arena, .build_arena = arena };
    return ctx;
}

const char *gw_ctx_error(const struct aigw_ctx *ctx)
{
    return ctx->error ? ctx->error : "";
}

const char *gw_ctx_last_error(struct aigw_ctx *ctx)
{
    return gw_ctx_error(ctx);
}

static struct gw_arena *arena_of(struct aigw_ctx *ctx, uint32_t life)
{
    return life == AIGW_LIFE_BUILD ? ctx->build_arena : ctx->request_arena;
}

void *gw_ctx_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len)
{
    return gw_arena_alloc(arena_of(ctx, life), len);
}

char *gw_ctx_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    char *text = gw_arena_vprintf(arena_of(ctx, life), fmt, args);
    va_end(args);
    return text;
}

aigw_status gw_ctx_defer(struct aigw_ctx *ctx, uint32_t life, void (*fn)(void *arg), void *arg)
{
    return gw_arena_defer(arena_of(ctx, life), fn, arg);
}

aigw_status gw_ctx_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    ctx->error = gw_arena_vprintf(ctx->request_arena, fmt, args);
    va_end(args);
    return why;
}

void gw_ctx_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...)
{
    struct gw_line line;
    char text[1024];
    bool is_problem;
    va_list args;

    if (level > AIGW_LOG_ERROR)
        level = AIGW_LOG_ERROR;
    is_problem = ctx->opening && level == AIGW_LOG_WARNING;
    if (!is_problem && !gw_log_enabled((int)level))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (is_problem) {
        gw_problem_warning(ctx->opening->problems, ctx->opening->node, ctx->opening->path, "%s", text);
        return;
    }
    gw_line_begin(&line, (int)level, "plugin", text);
    gw_line_cstr(&line, "plugin", ctx->plugin->descriptor.name);
    gw_line_cstr(&line, "instance", ctx->instance);
    gw_line_cstr(&line, "correlation_id", ctx->request_id);
    gw_line_end(&line);
}

void gw_ctx_count(struct aigw_ctx *ctx, uint32_t index, const aigw_str *label_values, double delta)
{
    if (index >= ctx->plugin->descriptor.metric_count || !ctx->plugin->metric_ids)
        return;
    struct gw_series *series = gw_series(ctx->plugin->metric_ids[index], label_values);
    if (series)
        gw_series_add(series, delta);
}

/* ---- clocks, chance, digests ---- */

#define RANDOM_MAX 4096u

int64_t gw_ctx_time_s(struct aigw_ctx *ctx)
{
    (void)ctx;
    return gw_wall_s();
}

int64_t gw_ctx_mono_ms(struct aigw_ctx *ctx)
{
    (void)ctx;
    return gw_mono_ms();
}

aigw_status gw_ctx_random(struct aigw_ctx *ctx, void *ret_bytes, size_t len)
{
    if (len > RANDOM_MAX)
        return gw_ctx_fail(ctx, AIGW_E_INVALID, "random: %zu bytes are wanted, expected at most %u", len, RANDOM_MAX);
    if (gnutls_rnd(GNUTLS_RND_RANDOM, ret_bytes, len) < 0)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "random: the system's generator failed");
    return AIGW_OK;
}

aigw_status gw_ctx_sha256(struct aigw_ctx *ctx, aigw_str bytes, uint8_t ret_digest[32])
{
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes.len ? bytes.ptr : "", bytes.len, ret_digest) < 0)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "sha256: the crypto library refused it");
    return AIGW_OK;
}

aigw_status gw_ctx_hmac_sha256(struct aigw_ctx *ctx, aigw_str key, aigw_str bytes, uint8_t ret_digest[32])
{
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.len ? key.ptr : "", key.len, bytes.len ? bytes.ptr : "", bytes.len,
                         ret_digest) < 0)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "hmac_sha256: the crypto library refused it");
    return AIGW_OK;
}

/* ---- buffers ---- */

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
    gw_buf_init(&buf->bytes, max_len);
    return gw_ctx_defer(ctx, life, free_buf, buf) == AIGW_OK ? buf : NULL;
}

void gw_ctx_buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    gw_buf_put(&buf->bytes, bytes, len);
}

void gw_ctx_buf_printf(struct aigw_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    gw_buf_vprintf(&buf->bytes, fmt, args);
    va_end(args);
}

void gw_ctx_buf_json(struct aigw_buf *buf, aigw_str text)
{
    gw_buf_json(&buf->bytes, text, false);
}

void gw_ctx_buf_json_ascii(struct aigw_buf *buf, aigw_str text)
{
    gw_buf_json(&buf->bytes, text, true);
}

void gw_ctx_buf_clear(struct aigw_buf *buf)
{
    gw_buf_clear(&buf->bytes);
}

aigw_status gw_ctx_buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    if (buf->bytes.status)
        return buf->bytes.status;
    if (!gw_buf_reserve(&buf->bytes, 0)) /* an empty buffer is a "" too */
        return buf->bytes.status;
    *ret_view = gw_buf_str(&buf->bytes);
    return AIGW_OK;
}
