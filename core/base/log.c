/* log.c - building lines, per-thread buffers, the writer thread. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mask.h"

#define THREAD_BUFFER_MAX (1u << 20)
#define FLUSH_AT          (16u << 10)
#define QUEUE_MAX         (8u << 20)
#define VALUE_MAX         4096u

/* The log is one of the two permitted globals: it must be reachable from every thread and every error path. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    pthread_cond_t did_drain;
    pthread_t writer;
    struct gw_buf queue; /* lines waiting for the writer */
    char *file;          /* NULL: standard error */
    int fd;
    bool is_stopping, is_writing, must_reopen;
    atomic_bool is_running;
    uint64_t unreported_drops;
    atomic_ullong dropped;
    atomic_int level;
    atomic_bool json;
} the_log = { .lock = PTHREAD_MUTEX_INITIALIZER,
              .has_work = PTHREAD_COND_INITIALIZER,
              .did_drain = PTHREAD_COND_INITIALIZER,
              .queue = { .max = QUEUE_MAX },
              .fd = STDERR_FILENO,
              .level = GW_LOG_INFO,
              .json = true };

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t buffer_key;

static const char *const level_names[] = { "debug", "info", "warning", "error", "critical" };

/* ---- this thread's lines ---- */

static void hand_over(struct gw_buf *lines);

static void free_thread_buffer(void *arg)
{
    struct gw_buf *lines = arg;

    hand_over(lines);
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

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* a broken sink must not stop the program */
        bytes += written;
        len -= (size_t)written;
    }
}

static size_t count_lines(const struct gw_buf *lines)
{
    size_t count = 0;

    for (size_t i = 0; i < lines->len; i++)
        count += lines->data[i] == '\n';
    return count;
}

/* Move a thread's lines to the queue, or straight out while there is no writer. */
static void hand_over(struct gw_buf *lines)
{
    if (lines->len == 0)
        return;
    pthread_mutex_lock(&the_log.lock);
    if (!the_log.is_running) {
        write_all(the_log.fd, lines->data, lines->len);
    } else {
        gw_buf_put(&the_log.queue, lines->data, lines->len);
        if (the_log.queue.status) {
            size_t lost = count_lines(lines);
            the_log.queue.status = AIGW_OK; /* what is in it stays */
            the_log.unreported_drops += lost;
            atomic_fetch_add_explicit(&the_log.dropped, lost, memory_order_relaxed);
        }
        pthread_cond_signal(&the_log.has_work);
    }
    pthread_mutex_unlock(&the_log.lock);
    gw_buf_clear(lines);
}

void gw_log_flush(void)
{
    struct gw_buf *lines = thread_buffer();

    if (lines)
        hand_over(lines);
}

/* ---- the writer ---- */

static int open_sink(const char *file, struct gw_err *reterr)
{
    if (!file)
        return STDERR_FILENO;
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        gw_err_set(reterr, AIGW_E_CONFIG, "log file %s: cannot open: %s; check the path and its permissions", file,
                   strerror(errno));
    return fd;
}

static void swap_sink(int fd)
{
    if (the_log.fd != STDERR_FILENO)
        close(the_log.fd);
    the_log.fd = fd;
}

static void reopen_sink(void)
{
    int fd = open_sink(the_log.file, NULL);

    the_log.must_reopen = false;
    if (fd >= 0)
        swap_sink(fd); /* else keep writing to the old one */
}

static void *writer_main(void *arg)
{
    struct gw_buf batch;

    (void)arg;
    gw_buf_init(&batch, QUEUE_MAX);
    pthread_mutex_lock(&the_log.lock);
    for (;;) {
        while (the_log.queue.len == 0 && !the_log.is_stopping && !the_log.must_reopen)
            pthread_cond_wait(&the_log.has_work, &the_log.lock);
        if (the_log.must_reopen)
            reopen_sink();
        if (the_log.queue.len == 0 && the_log.is_stopping)
            break;
        struct gw_buf full = the_log.queue;
        the_log.queue = batch;
        batch = full;
        uint64_t lost = the_log.unreported_drops;
        the_log.unreported_drops = 0;
        int fd = the_log.fd;
        the_log.is_writing = true;
        pthread_mutex_unlock(&the_log.lock);
        write_all(fd, batch.data, batch.len);
        gw_buf_clear(&batch);
        if (lost)
            gw_log(GW_LOG_WARNING, "log", "%llu lines were dropped because the log sink is too slow",
                   (unsigned long long)lost);
        gw_log_flush();
        pthread_mutex_lock(&the_log.lock);
        the_log.is_writing = false;
        pthread_cond_broadcast(&the_log.did_drain);
    }
    pthread_mutex_unlock(&the_log.lock);
    gw_buf_done(&batch);
    return NULL;
}

aigw_status gw_log_reconfigure(const struct gw_log_options *options, struct gw_err *reterr)
{
    const char *file = options->file && options->file[0] ? options->file : NULL;
    int fd = open_sink(file, reterr);

    if (fd < 0)
        return AIGW_E_CONFIG;
    char *copy = file ? strdup(file) : NULL;
    pthread_mutex_lock(&the_log.lock);
    while (the_log.is_writing) /* the writer holds the old descriptor */
        pthread_cond_wait(&the_log.did_drain, &the_log.lock);
    free(the_log.file);
    the_log.file = copy;
    swap_sink(fd);
    pthread_mutex_unlock(&the_log.lock);
    atomic_store(&the_log.level, options->level);
    atomic_store(&the_log.json, options->json);
    return AIGW_OK;
}

aigw_status gw_log_start(const struct gw_log_options *options, struct gw_err *reterr)
{
    aigw_status status = gw_log_reconfigure(options, reterr);

    if (status)
        return status;
    gw_log_flush();
    pthread_mutex_lock(&the_log.lock);
    bool start = !the_log.is_running;
    the_log.is_running = true;
    the_log.is_stopping = false;
    pthread_mutex_unlock(&the_log.lock);
    if (start && pthread_create(&the_log.writer, NULL, writer_main, NULL) != 0) {
        the_log.is_running = false;
        return gw_err_set(reterr, AIGW_E_NOMEM, "log: cannot start the writer thread");
    }
    return AIGW_OK;
}

void gw_log_reopen(void)
{
    pthread_mutex_lock(&the_log.lock);
    the_log.must_reopen = true;
    pthread_cond_signal(&the_log.has_work);
    pthread_mutex_unlock(&the_log.lock);
}

void gw_log_stop(void)
{
    gw_log_flush();
    pthread_mutex_lock(&the_log.lock);
    bool was_running = the_log.is_running;
    the_log.is_stopping = true;
    pthread_cond_signal(&the_log.has_work);
    pthread_mutex_unlock(&the_log.lock);
    if (was_running)
        pthread_join(the_log.writer, NULL);
    pthread_mutex_lock(&the_log.lock);
    the_log.is_running = false;
    swap_sink(STDERR_FILENO);
    free(the_log.file);
    the_log.file = NULL;
    gw_buf_done(&the_log.queue);
    pthread_mutex_unlock(&the_log.lock);
    gw_mask_forget();
    struct gw_buf *lines = thread_buffer();
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
    return atomic_load(&the_log.dropped);
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
        atomic_fetch_add_explicit(&the_log.dropped, 1, memory_order_relaxed);
    }
    if (out->len >= FLUSH_AT || !the_log.is_running)
        hand_over(out);
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
