/* ctx.c - host functions that need no request: memory, buffers, errors, logs, counters. */
#include "plugin/ctx.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

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

/* ---- what a plugin hands over ---- */

bool gw_is_string(const char *text)
{
    return text && strnlen(text, GW_STRING_MAX) < GW_STRING_MAX;
}

bool gw_is_header_value(aigw_str text)
{
    if (!gw_is_text(text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] == 0x7f)
            return false;
    return true;
}

static const char *callback_now(void)
{
    const struct gw_visit *visit = gw_visit_now();

    return visit ? gw_callback_name(visit->callback) : NULL;
}

bool gw_ctx_is_here(const struct aigw_ctx *ctx, const char *what)
{
    const struct gw_visit *visit = gw_visit_now();

    if (ctx && visit && visit->ctx == ctx)
        return true;
    gw_meter_breach(visit ? visit->meter : NULL, GW_BREACH_CTX, callback_now(), NULL,
                    "%s(): the ctx is %s; use the one that the callback was given, while it runs, on its thread", what,
                    !ctx    ? "NULL"
                    : visit ? "not that of the callback at work"
                            : "used on a thread where no callback is at work");
    return false;
}

aigw_status gw_ctx_breach(struct aigw_ctx *ctx, aigw_status why, enum gw_breach breach, const char *fmt, ...)
{
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    ctx->error = gw_arena_vprintf(ctx->request_arena, fmt, args);
    gw_meter_vbreach(ctx->meter, breach, callback_now(), ctx->request_id, fmt, again);
    va_end(again);
    va_end(args);
    return why;
}

aigw_status gw_ctx_status(struct aigw_ctx *ctx, enum gw_callback callback, aigw_status status, aigw_status more)
{
    if (status == AIGW_OK || status == more || (status < 0 && status >= AIGW_E_FORBIDDEN))
        return status;
    gw_meter_breach(ctx->meter, GW_BREACH_STATUS, gw_callback_name(callback), ctx->request_id,
                    "%s() answered %d, which its comment does not allow", gw_callback_name(callback), status);
    if (status == AIGW_DONE || status == AIGW_PENDING)
        return status;
    if (!ctx->error)
        ctx->error = "the plugin answered with a number that means nothing there";
    return AIGW_E_STATE;
}

/* ---- memory ---- */

#define INSTANCE_MEMORY_MAX ((size_t)64 << 20) /* what open() may take */

/* NULL with a fault: there is no such lifetime. */
static struct gw_arena *arena_of(struct aigw_ctx *ctx, uint32_t life, const char *what)
{
    if (!gw_ctx_is_here(ctx, what))
        return NULL;
    if (life == AIGW_LIFE_BUILD)
        return ctx->build_arena;
    if (life == AIGW_LIFE_REQUEST)
        return ctx->request_arena;
    (void)gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE, "%s(): life is %u, expected AIGW_LIFE_REQUEST or _BUILD",
                        what, life);
    return NULL;
}

static void say_spent(struct aigw_ctx *ctx, const char *what, size_t len)
{
    gw_meter_breach(ctx->meter, GW_BREACH_MEMORY, callback_now(), ctx->request_id, "%s() of %zu bytes: %s", what, len,
                    ctx->opening ? "an instance gets 64 MiB at most"
                                 : "the memory of the request or attempt is spent (limits.request_memory_max)");
}

void *gw_ctx_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len)
{
    struct gw_arena *arena = arena_of(ctx, life, "alloc");
    void *memory = NULL;
    size_t taken;

    if (!arena)
        return NULL;
    if (!ctx->opening || !ctx->meter) {
        memory = gw_arena_alloc(arena, len);
    } else {
        taken = atomic_load(&ctx->meter->instance_bytes);
        if (len <= INSTANCE_MEMORY_MAX && taken <= INSTANCE_MEMORY_MAX - len)
            memory = gw_arena_alloc(arena, len);
        if (memory)
            atomic_fetch_add(&ctx->meter->instance_bytes, len);
    }
    if (!memory)
        say_spent(ctx, "alloc", len);
    return memory;
}

char *gw_ctx_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...)
{
    struct gw_arena *arena = arena_of(ctx, life, "format");
    char *text;
    va_list args;

    if (!arena)
        return NULL;
    if (!fmt) {
        (void)gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "format(): the format is NULL");
        return NULL;
    }
    va_start(args, fmt);
    text = gw_arena_vprintf(arena, fmt, args);
    va_end(args);
    if (!text)
        say_spent(ctx, "format", 0);
    return text;
}

/* A deferred function is a visit like any other callback. */
struct deferred {
    struct gw_meter *meter;
    void (*fn)(void *arg);
    void *arg;
};

static void run_deferred(void *arg)
{
    const struct deferred *deferred = arg;
    struct gw_visit visit;

    gw_visit_begin(&visit, deferred->meter, NULL, GW_CALLBACK_DEFERRED);
    deferred->fn(deferred->arg);
    gw_visit_end(&visit);
}

aigw_status gw_ctx_defer(struct aigw_ctx *ctx, uint32_t life, void (*fn)(void *arg), void *arg)
{
    struct gw_arena *arena = fn ? arena_of(ctx, life, "defer") : NULL;
    struct deferred *deferred;

    if (!fn)
        return gw_ctx_is_here(ctx, "defer")
                   ? gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "defer(): the function is NULL")
                   : AIGW_E_STATE;
    deferred = arena ? gw_arena_alloc(arena, sizeof *deferred) : NULL;
    if (!deferred) {
        fn(arg); /* inside the callback that asks for it */
        return arena ? AIGW_E_NOMEM : AIGW_E_STATE;
    }
    *deferred = (struct deferred){ ctx->meter, fn, arg };
    return gw_arena_defer(arena, run_deferred, deferred);
}

/* ---- saying what happened ---- */

aigw_status gw_ctx_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    ctx->error = gw_arena_vprintf(ctx->request_arena, fmt, args);
    va_end(args);
    return why;
}

aigw_status gw_ctx_host_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...)
{
    va_list args;

    if (!gw_ctx_is_here(ctx, "fail"))
        return why;
    if (!fmt)
        return gw_ctx_breach(ctx, why, GW_BREACH_SIZE, "fail(): the format is NULL");
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

    if (!gw_ctx_is_here(ctx, "log"))
        return;
    if (!fmt || level > AIGW_LOG_ERROR)
        (void)gw_ctx_breach(ctx, AIGW_E_INVALID, fmt ? GW_BREACH_VALUE : GW_BREACH_SIZE, "log(): %s",
                            fmt ? "the level is none of AIGW_LOG_*" : "the format is NULL");
    if (!fmt)
        return;
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
    const struct aigw_metric *metric;

    if (!gw_ctx_is_here(ctx, "count"))
        return;
    if (index >= ctx->plugin->descriptor.metric_count) {
        (void)gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE, "count(): metric %u, but the plugin has %u", index,
                            ctx->plugin->descriptor.metric_count);
        return;
    }
    metric = &ctx->plugin->metrics[index];
    for (uint32_t i = 0; i < metric->label_count; i++)
        if (!label_values || !gw_is_text(label_values[i])) {
            (void)gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "count() of %s: label value %u is %s",
                                metric->name, i, label_values ? "NULL with a length, or too long" : "missing");
            return;
        }
    if (!(delta >= 0 && delta <= 1e18)) {
        (void)gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_VALUE, "count() of %s: %g is nothing that a counter takes",
                            metric->name, delta);
        return;
    }
    if (ctx->plugin->metric_ids)
        gw_series_add(gw_series(ctx->plugin->metric_ids[index], label_values), delta);
}

const char *gw_ctx_last_error(struct aigw_ctx *ctx)
{
    return gw_ctx_is_here(ctx, "last_error") ? gw_ctx_error(ctx) : "";
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
    if (!gw_ctx_is_here(ctx, "random"))
        return AIGW_E_STATE;
    if (len > RANDOM_MAX || (!ret_bytes && len))
        return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE,
                             "random(): %zu bytes are wanted%s, expected at most %u", len,
                             ret_bytes ? "" : " into NULL", RANDOM_MAX);
    if (gnutls_rnd(GNUTLS_RND_RANDOM, ret_bytes, len) < 0)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "random: the system's generator failed");
    return AIGW_OK;
}

/* AIGW_OK: they may be digested. */
static aigw_status check_digest(struct aigw_ctx *ctx, const char *what, aigw_str key, aigw_str bytes,
                                const uint8_t *ret_digest)
{
    if (!gw_ctx_is_here(ctx, what))
        return AIGW_E_STATE;
    if (gw_is_text(key) && gw_is_text(bytes) && ret_digest)
        return AIGW_OK;
    return gw_ctx_breach(ctx, AIGW_E_INVALID, GW_BREACH_SIZE, "%s(): %s", what,
                         ret_digest ? "bytes or key are NULL with a length, or too long" : "the result is NULL");
}

aigw_status gw_ctx_sha256(struct aigw_ctx *ctx, aigw_str bytes, uint8_t ret_digest[32])
{
    aigw_status status = check_digest(ctx, "sha256", AIGW_STR_NONE, bytes, ret_digest);

    if (!status && gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes.len ? bytes.ptr : "", bytes.len, ret_digest) < 0)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "sha256: the crypto library refused it");
    return status;
}

aigw_status gw_ctx_hmac_sha256(struct aigw_ctx *ctx, aigw_str key, aigw_str bytes, uint8_t ret_digest[32])
{
    aigw_status status = check_digest(ctx, "hmac_sha256", key, bytes, ret_digest);

    if (!status && gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.len ? key.ptr : "", key.len, bytes.len ? bytes.ptr : "",
                                    bytes.len, ret_digest) < 0)
        return gw_ctx_fail(ctx, AIGW_E_STATE, "hmac_sha256: the crypto library refused it");
    return status;
}
