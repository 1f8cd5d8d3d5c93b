/* record.c - see record.h. */
#include "record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void record_put(struct record *record, const char *bytes, size_t len)
{
    if (record->len + len >= sizeof record->text)
        len = sizeof record->text - record->len - 1;
    memcpy(record->text + record->len, bytes, len);
    record->len += len;
}

static void record_printf(struct record *record, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void record_printf(struct record *record, const char *fmt, ...)
{
    char line[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    record_put(record, line, strlen(line));
}

static void record_str(struct record *record, const char *name, aigw_str s)
{
    record_printf(record, " %s=%zu:", name, s.len);
    if (s.len > 0)
        record_put(record, s.ptr, s.len);
}

static aigw_status record_emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    struct record *record = (struct record *)(void *)ctx;

    record_printf(record, "event %u choice=%u index=%u part=%u finish=%u", event->type, event->choice, event->index,
                  event->part_type, event->finish);
    if (event->usage)
        record_printf(record, " in=%lld out=%lld cached=%lld written=%lld thought=%lld", (long long)event->usage->input,
                      (long long)event->usage->output, (long long)event->usage->cache_read,
                      (long long)event->usage->cache_write, (long long)event->usage->reasoning);
    record_str(record, "text", event->text);
    record_str(record, "id", event->id);
    record_str(record, "name", event->name);
    record_str(record, "data", event->data);
    record_str(record, "stop", event->stop_sequence);
    record_str(record, "detail", event->detail);
    if (event->error) {
        record_printf(record, " kind=%u status=%d", event->error->kind, event->error->http_status);
        record_str(record, "code", event->error->code);
        record_str(record, "message", event->error->message);
    }
    record_put(record, "\n", 1);
    return AIGW_OK;
}

static aigw_status record_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...)
{
    record_printf((struct record *)(void *)ctx, "fail %d %s\n", why, fmt);
    return why;
}

static void record_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...)
{
    (void)ctx;
    (void)level;
    (void)fmt;
}

struct record_block {
    struct record_block *next;
    _Alignas(16) char bytes[];
};

static void *record_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len)
{
    struct record *record = (struct record *)(void *)ctx;
    struct record_block *block = malloc(sizeof *block + len);

    (void)life;
    if (!block)
        abort();
    block->next = record->blocks;
    record->blocks = block;
    return block->bytes;
}

static char *record_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...) AIGW_PRINTF(3, 4);
static char *record_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...)
{
    char *text = record_alloc(ctx, life, 512);
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, 512, fmt, args);
    va_end(args);
    return text;
}

/* A buffer that holds what a test needs. */
struct aigw_buf {
    char bytes[65536];
    size_t len;
};

static struct aigw_buf *record_buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len)
{
    struct aigw_buf *buf = record_alloc(ctx, life, sizeof *buf);

    (void)max_len;
    buf->len = 0;
    return buf;
}

static void record_buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    if (len > sizeof buf->bytes - buf->len)
        abort();
    if (len > 0)
        memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
}

static void record_buf_clear(struct aigw_buf *buf)
{
    buf->len = 0;
}

static aigw_status record_buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    *ret_view = (aigw_str){ buf->bytes, buf->len };
    return AIGW_OK;
}

const struct aigw_host record_host = { .struct_size = sizeof record_host,
                                       .emit = record_emit,
                                       .fail = record_fail,
                                       .log = record_log,
                                       .alloc = record_alloc,
                                       .format = record_format,
                                       .buf_new = record_buf_new,
                                       .buf_put = record_buf_put,
                                       .buf_clear = record_buf_clear,
                                       .buf_view = record_buf_view };

void record_free(struct record *record)
{
    while (record->blocks) {
        struct record_block *block = record->blocks;

        record->blocks = block->next;
        free(block);
    }
    record->len = 0;
}

static uint32_t record_next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Change a frame a little: replace, drop, double, or take a piece of another one. */
static size_t record_mutate(char *text, size_t len, size_t size, const char *other, uint32_t *seed)
{
    static const char odd[] = "\"\\{}[],:null0019.-e u\n\x80";
    size_t at = len > 0 ? record_next(seed) % len : 0, n;

    switch (record_next(seed) % 4) {
    case 0:
        if (len > 0)
            text[at] = odd[record_next(seed) % (sizeof odd - 1)];
        return len;
    case 1:
        n = 1 + record_next(seed) % 6;
        n = n > len - at ? len - at : n;
        memmove(text + at, text + at + n, len - at - n);
        return len - n;
    case 2:
        n = 1 + record_next(seed) % 24;
        n = n > len - at ? len - at : n;
        n = len + n > size ? 0 : n;
        memmove(text + at + n, text + at, len - at);
        return len + n;
    default:
        n = strlen(other) / 2;
        n = len + n > size ? 0 : n;
        memmove(text + at + n, text + at, len - at);
        memcpy(text + at, other + record_next(seed) % (strlen(other) - n + 1), n);
        return len + n;
    }
}

#define RECORD_ROW_MAX 4

/* One frame of a row. */
struct record_frame {
    char text[4096];
    size_t len;
};

/* Feed a row of frames one way; each lies alone in memory of its exact size: reading beyond it is found. */
static aigw_status record_feed(struct record *record, void *call, const struct record_frame *row, size_t count,
                               uint32_t framing, record_frame_fn way)
{
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < count && status == AIGW_OK; i++) {
        char *exact = malloc(row[i].len > 0 ? row[i].len : 1);
        struct aigw_frame frame = { .struct_size = sizeof frame, .framing = framing, .data = { exact, row[i].len } };

        if (!exact)
            abort();
        memcpy(exact, row[i].text, row[i].len);
        status = way(record, call, &frame);
        record_printf(record, "= %d\n", status);
        free(exact);
    }
    return status;
}

static bool record_same(const struct record_frame *row, size_t count, uint32_t framing, const struct record_ways *ways)
{
    static struct record a, b;
    void *call_a = calloc(1, ways->call_size), *call_b = calloc(1, ways->call_size);
    bool is_same;

    if (!call_a || !call_b)
        abort();
    record_feed(&a, call_a, row, count, framing, ways->quick);
    record_feed(&b, call_b, row, count, framing, ways->slow);
    is_same = a.len == b.len && memcmp(a.text, b.text, a.len) == 0 && memcmp(call_a, call_b, ways->same_size) == 0;
    if (!is_same) {
        for (size_t i = 0; i < count; i++)
            fprintf(stderr, "frame: %.*s\n", (int)row[i].len, row[i].text);
        fprintf(stderr, "quick: %.*s\nslow: %.*s\n", (int)a.len, a.text, (int)b.len, b.text);
    }
    record_free(&a);
    record_free(&b);
    free(call_a);
    free(call_b);
    return is_same;
}

static void record_set(struct record_frame *frame, const char *text)
{
    frame->len = strlen(text);
    memcpy(frame->text, text, frame->len);
}

uint32_t record_compare(const char *const *frames, size_t count, uint32_t framing, uint32_t rounds,
                        const struct record_ways *ways)
{
    static struct record_frame row[RECORD_ROW_MAX];
    uint32_t seed = 1, differences = 0;

    for (size_t i = 0; i < count; i++) {
        record_set(&row[0], frames[i]);
        differences += !record_same(row, 1, framing, ways);
    }
    for (uint32_t round = 0; round < rounds && differences < 5; round++) {
        size_t len = framing == AIGW_FRAMING_BODY ? 1 : 1 + record_next(&seed) % RECORD_ROW_MAX;

        for (size_t i = 0; i < len; i++) {
            if (i > 0 && record_next(&seed) % 2) /* much the same again, as streams have it */
                row[i] = row[i - 1];
            else
                record_set(&row[i], frames[record_next(&seed) % count]);
            for (uint32_t n = record_next(&seed) % 4; n > 0; n--)
                row[i].len = record_mutate(row[i].text, row[i].len, sizeof row[i].text,
                                           frames[record_next(&seed) % count], &seed);
        }
        differences += !record_same(row, len, framing, ways);
    }
    return differences;
}
