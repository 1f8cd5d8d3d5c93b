/* log.c - building lines, per-thread buffers. The way out is log_writer.c. */
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log_writer.h"
#include "base/mask.h"

#define THREAD_BUFFER_MAX (1u << 20)
#define FLUSH_AT          (16u << 10)
#define VALUE_MAX         4096u

/* The log is one of the two permitted globals: it must be reachable from every thread and every error path. */
static struct {
    atomic_int level;
    atomic_bool json;
} the_log = { .level = GW_LOG_INFO, .json = true };

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t buffer_key;

static const char *const level_names[] = { "debug", "info", "warning", "error", "critical" };

/* ---- this thread's lines ---- */

static void free_thread_buffer(void *arg)
{
    struct gw_buf *lines = arg;

    gw_log_writer_put(lines);
    gw_buf_done(lines);
    free(lines);
}

static void make_key(void)
{
    pthread_key_create(&buffer_key, free_thread_buffer);
}

static struct gw_buf *thread_buffer(void)
{
    pthread_once(&key_once, make_key);
    struct gw_buf *lines = pthread_getspecific(buffer_key);
    if (!lines) {
        lines = calloc(1, sizeof *lines);
        if (!lines)
            return NULL;
        gw_buf_init(lines, THREAD_BUFFER_MAX);
        pthread_setspecific(buffer_key, lines);
    }
    return lines;
}

void gw_log_flush(void)
{
    struct gw_buf *lines = thread_buffer();

    if (lines)
        gw_log_writer_put(lines);
}

/* ---- life ---- */

aigw_status gw_log_reconfigure(const struct gw_log_options *options, struct gw_err *reterr)
{
    aigw_status status = gw_log_writer_open(options->file && options->file[0] ? options->file : NULL, reterr);

    if (status)
        return status;
    atomic_store(&the_log.level, options->level);
    atomic_store(&the_log.json, options->json);
    return AIGW_OK;
}

aigw_status gw_log_start(const struct gw_log_options *options, struct gw_err *reterr)
{
    aigw_status status = gw_log_reconfigure(options, reterr);

    if (status == AIGW_OK)
        status = gw_log_writer_start(reterr);
    if (status == AIGW_OK)
        gw_log_flush();
    return status;
}

void gw_log_reopen(void)
{
    gw_log_writer_reopen();
}

void gw_log_stop(void)
{
    struct gw_buf *lines;

    gw_log_flush();
    if (!gw_log_writer_stop())
        return;
    gw_mask_forget();
    lines = thread_buffer();
    if (lines) {
        pthread_setspecific(buffer_key, NULL);
        free_thread_buffer(lines);
    }
}

bool gw_log_enabled(int level)
{
    return level >= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

uint64_t gw_log_dropped(void)
{
    return gw_log_writer_dropped();
}

/* ---- lines ---- */

/* Decimal digits of value, at least `width` of them. */
static void put_digits(struct gw_buf *out, uint64_t value, int width)
{
    char digits[24];
    int at = (int)sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
        width--;
    } while (value || width > 0);
    gw_buf_put(out, digits + at, sizeof digits - (size_t)at);
}

/* 2026-01-02T03:04:05.000006, UTC. Most lines of a thread share their second. */
static void put_time(struct gw_buf *out, int64_t wall_us)
{
    static _Thread_local int64_t cached_second = -1;
    static _Thread_local char text[24];
    int64_t second = wall_us / 1000000;

    if (second != cached_second) {
        struct tm utc;
        time_t seconds = (time_t)second;
        gmtime_r(&seconds, &utc);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &utc);
        cached_second = second;
    }
    gw_buf_put(out, text, 20);
    put_digits(out, (uint64_t)(wall_us % 1000000), 6);
}

void gw_line_begin(struct gw_line *line, int level, const char *logger, const char *message)
{
    *line = (struct gw_line){ 0 };
    if (!gw_log_enabled(level))
        return;
    line->out = thread_buffer();
    if (!line->out)
        return;
    line->start = line->out->len;
    line->json = atomic_load_explicit(&the_log.json, memory_order_relaxed);
    if (!line->json) {
        put_time(line->out, gw_wall_us());
        gw_buf_printf(line->out, "Z %-8s %s: ", level_names[level], logger);
        gw_mask_put(line->out, gw_str(message), GW_MASK_TEXT, VALUE_MAX);
        return;
    }
    gw_buf_puts(line->out, "{\"message\":");
    gw_mask_put(line->out, gw_str(message), GW_MASK_JSON, VALUE_MAX);
    gw_buf_puts(line->out, ",\"level\":\"");
    gw_buf_puts(line->out, level_names[level]);
    gw_buf_puts(line->out, "\",\"logger\":\"");
    gw_buf_puts(line->out, logger);
    gw_buf_puts(line->out, "\",\"timestamp\":\"");
    put_time(line->out, gw_wall_us());
    gw_buf_puts(line->out, "Z\",\"type\":\"mlops\",\"stage\":\"main\"");
}

static bool put_key(struct gw_line *line, const char *key)
{
    if (!line->out)
        return false;
    gw_buf_puts(line->out, line->json ? ",\"" : " ");
    gw_buf_puts(line->out, key);
    gw_buf_puts(line->out, line->json ? "\":" : "=");
    return true;
}

void gw_line_str(struct gw_line *line, const char *key, aigw_str value)
{
    if (put_key(line, key))
        gw_mask_put(line->out, value, line->json ? GW_MASK_JSON : GW_MASK_QUOTED, VALUE_MAX);
}

void gw_line_cstr(struct gw_line *line, const char *key, const char *value)
{
    if (value)
        gw_line_str(line, key, gw_str(value));
    else
        gw_line_null(line, key);
}

static void put_signed(struct gw_buf *out, int64_t value)
{
    if (value < 0)
        gw_buf_put(out, "-", 1);
    put_digits(out, value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value, 1);
}

void gw_line_int(struct gw_line *line, const char *key, int64_t value)
{
    if (put_key(line, key))
        put_signed(line->out, value);
}

void gw_line_seconds(struct gw_line *line, const char *key, int64_t microseconds)
{
    if (!put_key(line, key))
        return;
    if (microseconds < 0) {
        gw_buf_put(line->out, "-", 1);
        microseconds = -microseconds;
    }
    put_digits(line->out, (uint64_t)microseconds / 1000000, 1);
    gw_buf_put(line->out, ".", 1);
    put_digits(line->out, (uint64_t)microseconds % 1000000, 6);
}

void gw_line_time(struct gw_line *line, const char *key, int64_t wall_us)
{
    if (!put_key(line, key))
        return;
    gw_buf_puts(line->out, line->json ? "\"" : "");
    put_time(line->out, wall_us);
    gw_buf_puts(line->out, line->json ? "+00:00\"" : "+00:00");
}

void gw_line_bool(struct gw_line *line, const char *key, bool value)
{
    if (put_key(line, key))
        gw_buf_puts(line->out, value ? "true" : "false");
}

void gw_line_null(struct gw_line *line, const char *key)
{
    if (put_key(line, key))
        gw_buf_puts(line->out, line->json ? "null" : "-");
}

void gw_line_raw(struct gw_line *line, const char *key, aigw_str json)
{
    if (put_key(line, key))
        gw_buf_put_str(line->out, json);
}

void gw_line_end(struct gw_line *line)
{
    struct gw_buf *out = line->out;

    if (!out)
        return;
    gw_buf_puts(out, line->json ? "}\n" : "\n");
    if (out->status) { /* the thread's buffer is full: drop this line, keep the ones before it */
        out->len = line->start;
        out->status = AIGW_OK;
        gw_log_writer_count_drop();
    }
    if (out->len >= FLUSH_AT || !gw_log_writer_is_running())
        gw_log_writer_put(out);
    line->out = NULL;
}

void gw_log(int level, const char *logger, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    struct gw_line line;

    if (!gw_log_enabled(level))
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    gw_line_begin(&line, level, logger, text);
    gw_line_end(&line);
}
