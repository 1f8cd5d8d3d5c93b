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
    atomic_bool json, is_running;
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
    atomic_store(&the_log.is_running, status == AIGW_OK);
    return status;
}

bool gw_log_is_json(void)
{
    return atomic_load(&the_log.is_running) && atomic_load(&the_log.json);
}

void gw_log_reopen(void)
{
    gw_log_writer_reopen();
}

void gw_log_stop(void)
{
    struct gw_buf *lines;

    gw_log_flush();
    atomic_store(&the_log.is_running, false);
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

/* Digits and times are written at a pointer into room that was reserved, and answer where they end: a line has forty
 * members, and a call for each piece of one would cost more than the piece. */

#define NUMBER_ROOM 48u /* a sign, twenty digits, a point, six digits, quotes, a time zone */

static char *put_text(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

/* Decimal digits of value, at least `width` of them. */
static char *put_digits(char *at, uint64_t value, size_t width)
{
    char room[20];
    aigw_str digits = gw_str_from_uint(room, value);

    for (; width > digits.len; width--)
        *at++ = '0';
    return put_text(at, digits.ptr, digits.len);
}

#define TIME_LEN 26u

/* 2026-01-02T03:04:05.000006, UTC. Most lines of a thread share their second. */
static char *put_time(char *at, int64_t wall_us)
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
    memcpy(at, text, 20);
    return put_digits(at + 20, (uint64_t)(wall_us % 1000000), 6);
}

/* Up to here is text. */
static void end_at(struct gw_buf *out, char *at)
{
    *at = '\0';
    out->len = (size_t)(at - out->data);
}

/* The line's key, and `room` bytes behind it to write its value to; NULL: no line, or no memory for it. */
static char *put_key(struct gw_line *line, const char *key, size_t room)
{
    struct gw_buf *out = line->out;
    size_t len = strlen(key);
    char *at;

    if (!out || !gw_buf_reserve(out, len + 4 + room))
        return NULL;
    at = out->data + out->len;
    if (!line->json) {
        *at++ = ' ';
        at = put_text(at, key, len);
        *at++ = '=';
        return at;
    }
    *at++ = ',';
    *at++ = '"';
    at = put_text(at, key, len);
    *at++ = '"';
    *at++ = ':';
    return at;
}

static void put_now(struct gw_buf *out)
{
    if (gw_buf_reserve(out, TIME_LEN))
        end_at(out, put_time(out->data + out->len, gw_wall_us()));
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
        put_now(line->out);
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
    put_now(line->out);
    gw_buf_puts(line->out, "Z\",\"type\":\"mlops\",\"stage\":\"main\"");
}

void gw_line_str(struct gw_line *line, const char *key, aigw_str value)
{
    char *at = put_key(line, key, 0);

    if (!at)
        return;
    end_at(line->out, at);
    gw_mask_put(line->out, value, line->json ? GW_MASK_JSON : GW_MASK_QUOTED, VALUE_MAX);
}

void gw_line_cstr(struct gw_line *line, const char *key, const char *value)
{
    if (value)
        gw_line_str(line, key, gw_str(value));
    else
        gw_line_null(line, key);
}

void gw_line_int(struct gw_line *line, const char *key, int64_t value)
{
    char *at = put_key(line, key, NUMBER_ROOM);

    if (!at)
        return;
    if (value < 0)
        *at++ = '-';
    end_at(line->out, put_digits(at, value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value, 1));
}

void gw_line_seconds(struct gw_line *line, const char *key, int64_t microseconds)
{
    char *at = put_key(line, key, NUMBER_ROOM);

    if (!at)
        return;
    if (microseconds < 0) {
        *at++ = '-';
        microseconds = -microseconds;
    }
    at = put_digits(at, (uint64_t)microseconds / 1000000, 1);
    *at++ = '.';
    end_at(line->out, put_digits(at, (uint64_t)microseconds % 1000000, 6));
}

void gw_line_time(struct gw_line *line, const char *key, int64_t wall_us)
{
    char *at = put_key(line, key, NUMBER_ROOM);

    if (!at)
        return;
    if (line->json)
        *at++ = '"';
    at = put_text(put_time(at, wall_us), "+00:00", 6);
    if (line->json)
        *at++ = '"';
    end_at(line->out, at);
}

void gw_line_bool(struct gw_line *line, const char *key, bool value)
{
    char *at = put_key(line, key, NUMBER_ROOM);

    if (at)
        end_at(line->out, value ? put_text(at, "true", 4) : put_text(at, "false", 5));
}

void gw_line_null(struct gw_line *line, const char *key)
{
    char *at = put_key(line, key, NUMBER_ROOM);

    if (at)
        end_at(line->out, line->json ? put_text(at, "null", 4) : put_text(at, "-", 1));
}

void gw_line_raw(struct gw_line *line, const char *key, aigw_str json)
{
    char *at = put_key(line, key, json.len);

    if (at)
        end_at(line->out, put_text(at, json.ptr, json.len));
}

void gw_line_literal(struct gw_line *line, const char *key, const char *value)
{
    size_t len = strlen(value);
    char *at = put_key(line, key, len + 2);

    if (!at)
        return;
    if (line->json)
        *at++ = '"';
    at = put_text(at, value, len);
    if (line->json)
        *at++ = '"';
    end_at(line->out, at);
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

void gw_log_lines(int level, const char *logger, aigw_str text)
{
    while (text.len) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end ? (size_t)(end - text.ptr) : text.len;

        if (len)
            gw_log(level, logger, "%.*s", (int)len, text.ptr);
        len += end != NULL;
        text = (aigw_str){ text.ptr + len, text.len - len };
    }
}
