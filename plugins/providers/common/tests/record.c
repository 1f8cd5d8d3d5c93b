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

    record_printf(record, "event %u index=%u finish=%u in=%lld out=%lld cached=%lld", event->type, event->index,
                  event->finish, (long long)event->input_tokens, (long long)event->output_tokens,
                  (long long)event->cached_tokens);
    record_str(record, "text", event->text);
    record_str(record, "id", event->id);
    record_str(record, "name", event->name);
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

/* Words of errors: few and short, kept until the test ends. */
static void *record_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len)
{
    static _Alignas(16) char pool[4096];

    (void)ctx;
    (void)life;
    return len <= sizeof pool / 2 ? pool + (len <= 64 ? 0 : sizeof pool / 2) : NULL;
}

const struct aigw_host record_host = {
    .struct_size = sizeof record_host, .emit = record_emit, .fail = record_fail, .alloc = record_alloc
};

void record_reset(struct record *record)
{
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

static bool record_same(const char *text, size_t len, uint32_t framing, size_t call_size, record_frame_fn quick,
                        record_frame_fn slow)
{
    static struct record a, b;
    char *exact = malloc(len > 0 ? len : 1); /* of its exact size: reading beyond it is found */
    void *call_a = calloc(1, call_size), *call_b = calloc(1, call_size);
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = framing, .data = { exact, len } };
    aigw_status status_a, status_b;
    bool is_same;

    if (!exact || !call_a || !call_b)
        abort();
    memcpy(exact, text, len);
    record_reset(&a);
    record_reset(&b);
    status_a = quick(&a, call_a, &frame);
    status_b = slow(&b, call_b, &frame);
    is_same = status_a == status_b && a.len == b.len && memcmp(a.text, b.text, a.len) == 0 &&
              memcmp(call_a, call_b, call_size) == 0;
    if (!is_same)
        fprintf(stderr, "frame: %.*s\nquick %d: %.*s\nslow %d: %.*s\n", (int)len, exact, status_a, (int)a.len, a.text,
                status_b, (int)b.len, b.text);
    free(exact);
    free(call_a);
    free(call_b);
    return is_same;
}

uint32_t record_compare(const char *const *frames, size_t count, uint32_t framing, uint32_t rounds, size_t call_size,
                        record_frame_fn quick, record_frame_fn slow)
{
    uint32_t seed = 1, differences = 0;
    char text[4096];

    for (size_t i = 0; i < count; i++)
        differences += !record_same(frames[i], strlen(frames[i]), framing, call_size, quick, slow);
    for (uint32_t round = 0; round < rounds && differences < 5; round++) {
        const char *frame = frames[record_next(&seed) % count];
        size_t len = strlen(frame);

        memcpy(text, frame, len);
        for (uint32_t n = 1 + record_next(&seed) % 3; n > 0; n--)
            len = record_mutate(text, len, sizeof text, frames[record_next(&seed) % count], &seed);
        differences += !record_same(text, len, framing, call_size, quick, slow);
    }
    return differences;
}
