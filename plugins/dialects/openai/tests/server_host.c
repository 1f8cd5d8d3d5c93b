/* server_host.c - see server_host.h. */
#include "server_host.h"

#include <aigw/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

struct server_block {
    struct server_block *next;
    void (*free)(void *bytes);
    void *bytes;
};

struct aigw_ctx *server_ctx(struct server_ctx *ctx)
{
    return (struct aigw_ctx *)(void *)ctx;
}

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static void keep(struct server_ctx *ctx, void *bytes, void (*free_bytes)(void *bytes))
{
    struct server_block *block = must(malloc(sizeof *block));

    *block = (struct server_block){ ctx->blocks, free_bytes, bytes };
    ctx->blocks = block;
}

static void *host_alloc(struct aigw_ctx *ctx, uint32_t life, size_t len)
{
    struct server_ctx *world = (struct server_ctx *)(void *)ctx;
    void *bytes;

    (void)life;
    world->allocated += len;
    if (world->budget > 0 && world->allocated > world->budget)
        return NULL;
    bytes = must(malloc(len > 0 ? len : 1));
    memset(bytes, 0xa5, len);
    keep(world, bytes, free);
    return bytes;
}

static char *host_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...) AIGW_PRINTF(3, 4);
static char *host_format(struct aigw_ctx *ctx, uint32_t life, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    char *copy;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text)
        abort();
    copy = host_alloc(ctx, life, (size_t)len + 1);
    if (copy)
        memcpy(copy, text, (size_t)len + 1);
    return copy;
}

/* ---- buffers ---- */

struct aigw_buf {
    char *bytes;
    size_t len, room, max;
    aigw_status status;
};

static void free_buf(void *bytes)
{
    struct aigw_buf *buf = bytes;

    free(buf->bytes);
    free(buf);
}

static struct aigw_buf *host_buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len)
{
    struct aigw_buf *buf = must(calloc(1, sizeof *buf));

    (void)life;
    buf->max = max_len;
    keep((struct server_ctx *)(void *)ctx, buf, free_buf);
    return buf;
}

static void host_buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    if (buf->status != AIGW_OK || len > buf->max - buf->len) {
        buf->status = AIGW_E_LIMIT;
        return;
    }
    if (buf->len + len + 1 > buf->room) {
        buf->room = (buf->len + len + 1) * 2;
        buf->bytes = must(realloc(buf->bytes, buf->room));
    }
    if (len > 0)
        memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
    buf->bytes[buf->len] = '\0';
}

static void host_buf_printf(struct aigw_buf *buf, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void host_buf_printf(struct aigw_buf *buf, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text)
        abort();
    host_buf_put(buf, text, (size_t)len);
}

static void host_buf_json(struct aigw_buf *buf, aigw_str text)
{
    static const struct {
        char c;
        const char *text;
    } escapes[] = { { '"', "\\\"" }, { '\\', "\\\\" }, { '\n', "\\n" }, { '\t', "\\t" }, { '\r', "\\r" } };

    host_buf_put(buf, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        const char *escape = NULL;

        for (size_t k = 0; k < sizeof escapes / sizeof *escapes; k++)
            if (escapes[k].c == c)
                escape = escapes[k].text;
        if (escape)
            host_buf_put(buf, escape, 2);
        else if ((unsigned char)c < 0x20)
            host_buf_printf(buf, "\\u%04x", (unsigned)(unsigned char)c);
        else
            host_buf_put(buf, &c, 1);
    }
    host_buf_put(buf, "\"", 1);
}

static void host_buf_clear(struct aigw_buf *buf)
{
    buf->len = 0;
    buf->status = AIGW_OK;
}

static aigw_status host_buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    *ret_view = (aigw_str){ buf->bytes, buf->len };
    return buf->status;
}

/* ---- the rest ---- */

static aigw_status host_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...) AIGW_PRINTF(3, 4);
static aigw_status host_fail(struct aigw_ctx *ctx, aigw_status why, const char *fmt, ...)
{
    struct server_ctx *world = (struct server_ctx *)(void *)ctx;
    va_list args;

    va_start(args, fmt);
    vsnprintf(world->why, sizeof world->why, fmt, args);
    va_end(args);
    return why;
}

/* The same every time. */
static aigw_status host_random(struct aigw_ctx *ctx, void *ret_bytes, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)ret_bytes)[i] = (unsigned char)i;
    return AIGW_OK;
}

/* ---- events ---- */

struct server_event {
    struct server_event *next;
    uint32_t type, choice, index;
    struct aigw_buf *head, *text;
};

static const char *const finish_words[] = { "unknown",        "stop",      "length",        "tool_calls",
                                            "content_filter", "guardrail", "stop_sequence", "context_full",
                                            "pause",          "malformed" };

static const struct {
    char letter;
    uint32_t type;
} letters[] = { { 'T', AIGW_EVENT_TEXT },      { 'R', AIGW_EVENT_REASONING }, { 'X', AIGW_EVENT_REFUSAL },
                { 'N', AIGW_EVENT_CITATION },  { 'L', AIGW_EVENT_LOGPROBS },  { 'C', AIGW_EVENT_TOOL_CALL },
                { 'S', AIGW_EVENT_SIGNATURE }, { 'F', AIGW_EVENT_FINISH },    { 'U', AIGW_EVENT_USAGE },
                { 'E', AIGW_EVENT_ERROR },     { 'V', AIGW_EVENT_EMBEDDING } };

static bool joins(uint32_t type)
{
    return type == AIGW_EVENT_TEXT || type == AIGW_EVENT_REASONING || type == AIGW_EVENT_REFUSAL ||
           type == AIGW_EVENT_TOOL_CALL;
}

/* The event that this one goes on with: of a call any of its pieces, of a text the one before. */
static struct server_event *find_begun(struct server_ctx *ctx, const struct aigw_event *event)
{
    struct server_event *last = ctx->events;

    for (; last && event->type == AIGW_EVENT_TOOL_CALL; last = last->next)
        if (last->type == event->type && last->choice == event->choice && last->index == event->index)
            return last;
    return last && joins(event->type) && last->type == event->type && last->choice == event->choice ? last : NULL;
}

static const char *word_or_dash(aigw_str word, char *room, size_t size)
{
    snprintf(room, size, "%.*s", word.len > 0 ? (int)word.len : 1, word.len > 0 ? word.ptr : "-");
    return room;
}

static void put_head(struct aigw_buf *head, const struct aigw_event *event)
{
    char id[200], name[200];
    const struct aigw_usage *usage = event->usage;

    switch (event->type) {
    case AIGW_EVENT_TOOL_CALL:
        host_buf_printf(head, "%u.%u %s %s ", event->choice, event->index, word_or_dash(event->id, id, sizeof id),
                        word_or_dash(event->name, name, sizeof name));
        break;
    case AIGW_EVENT_SIGNATURE:
        host_buf_printf(head, "%u.%u %s %s", event->choice, event->index, word_or_dash(event->origin, id, sizeof id),
                        word_or_dash(event->data, name, sizeof name));
        break;
    case AIGW_EVENT_FINISH:
        host_buf_printf(head, "%u %s", event->choice, finish_words[event->finish]);
        break;
    case AIGW_EVENT_USAGE:
        host_buf_printf(head, " %lld %lld %lld %lld %lld", (long long)usage->input, (long long)usage->output,
                        (long long)usage->cache_read, (long long)usage->cache_write, (long long)usage->reasoning);
        break;
    case AIGW_EVENT_ERROR:
        host_buf_printf(head, " %u %s %.*s", event->error->kind, word_or_dash(event->error->code, id, sizeof id),
                        AIGW_STR_ARG(event->error->message));
        break;
    case AIGW_EVENT_EMBEDDING:
        host_buf_printf(head, "%u", event->index);
        for (uint32_t i = 0; i < event->vector_len; i++)
            host_buf_printf(head, " %g", (double)event->vector[i]);
        break;
    default:
        host_buf_printf(head, "%u ", event->choice);
    }
}

static aigw_status host_emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    struct server_ctx *world = (struct server_ctx *)(void *)ctx;
    struct server_event *kept = find_begun(world, event);
    char letter = 0;

    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].type == event->type)
            letter = letters[i].letter;
    if (!letter)
        return AIGW_OK; /* MODEL, parts: not what is tested here */
    if (!kept) {
        kept = must(calloc(1, sizeof *kept));
        keep(world, kept, free);
        *kept = (struct server_event){ .next = world->events,
                                       .type = event->type,
                                       .choice = event->choice,
                                       .index = event->index,
                                       .head = host_buf_new(ctx, AIGW_LIFE_REQUEST, SIZE_MAX),
                                       .text = host_buf_new(ctx, AIGW_LIFE_REQUEST, SIZE_MAX) };
        world->events = kept;
        host_buf_put(kept->head, &letter, 1);
        put_head(kept->head, event);
    }
    if (event->type != AIGW_EVENT_FINISH && event->type != AIGW_EVENT_SIGNATURE)
        for (size_t i = 0; i < event->text.len; i++)
            host_buf_put(kept->text, event->text.ptr[i] == '\n' ? "\x01" : event->text.ptr + i, 1);
    return AIGW_OK;
}

static void put_events(struct aigw_buf *out, const struct server_event *event)
{
    if (!event)
        return;
    put_events(out, event->next);
    host_buf_put(out, event->head->bytes, event->head->len);
    host_buf_put(out, event->text->bytes, event->text->len);
    host_buf_put(out, "\n", 1);
}

const char *server_events(struct server_ctx *ctx)
{
    struct aigw_buf *out = host_buf_new(server_ctx(ctx), AIGW_LIFE_REQUEST, SIZE_MAX);

    host_buf_put(out, "", 0);
    put_events(out, ctx->events);
    return out->bytes;
}

void server_free(struct server_ctx *ctx)
{
    while (ctx->blocks) {
        struct server_block *block = ctx->blocks;

        ctx->blocks = block->next;
        block->free(block->bytes);
        free(block);
    }
    memset(ctx, 0, sizeof *ctx);
}

/* ---- lines ---- */

/* The next word; "-" is none. */
static aigw_str take_word(char **at)
{
    char *begin = *at, *end = strchr(begin, ' ');

    if (!end)
        end = begin + strlen(begin);
    *at = *end ? end + 1 : end;
    return end - begin == 1 && *begin == '-' ? AIGW_STR_NONE : (aigw_str){ begin, (size_t)(end - begin) };
}

static int64_t take_number(char **at)
{
    return strtoll(*at, at, 10);
}

static void take_usage(char *at, struct server_line *ret)
{
    ret->usage = (struct aigw_usage)AIGW_USAGE_INIT;
    ret->usage.input = take_number(&at);
    ret->usage.output = take_number(&at);
    ret->usage.cache_read = take_number(&at);
    ret->usage.cache_write = take_number(&at);
    ret->usage.reasoning = take_number(&at);
    ret->event.usage = &ret->usage;
}

static void take_rest(char *at, struct server_line *ret)
{
    struct aigw_event *event = &ret->event;
    aigw_str word;

    switch (event->type) {
    case AIGW_EVENT_TOOL_CALL:
        event->id = take_word(&at);
        event->name = take_word(&at);
        break;
    case AIGW_EVENT_SIGNATURE:
        event->origin = take_word(&at);
        event->data = take_word(&at);
        event->part_type = AIGW_PART_TOOL_CALL;
        return;
    case AIGW_EVENT_FINISH:
        word = take_word(&at);
        for (uint32_t i = 0; i < sizeof finish_words / sizeof *finish_words; i++)
            if (strlen(finish_words[i]) == word.len && memcmp(finish_words[i], word.ptr, word.len) == 0)
                event->finish = i;
        return;
    case AIGW_EVENT_ERROR:
        ret->error = (struct aigw_error){ .struct_size = sizeof ret->error, .retry_after_ms = -1 };
        ret->error.kind = (uint32_t)take_number(&at);
        at += *at == ' ';
        ret->error.code = take_word(&at);
        ret->error.message = (aigw_str){ at, strlen(at) };
        event->error = &ret->error;
        return;
    case AIGW_EVENT_EMBEDDING:
        event->index = event->choice;
        event->choice = 0;
        while (*at && event->vector_len < sizeof ret->vector / sizeof *ret->vector)
            ret->vector[event->vector_len++] = strtof(at, &at);
        event->vector = ret->vector;
        return;
    default:
        break;
    }
    event->text = (aigw_str){ at, strlen(at) };
}

bool server_line(const char *line, size_t len, struct server_line *ret)
{
    char *at;

    memset(ret, 0, sizeof *ret);
    at = ret->text;
    if (len == 0 || len >= sizeof ret->text)
        return false;
    for (size_t i = 0; i < len; i++)
        ret->text[i] = line[i];
    for (size_t i = 0; i < len; i++)
        if (ret->text[i] == '\x01')
            ret->text[i] = '\n';
    ret->event.struct_size = sizeof ret->event;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].letter == *at)
            ret->event.type = letters[i].type;
    if (ret->event.type == 0)
        return false;
    at++;
    if (ret->event.type == AIGW_EVENT_USAGE) {
        take_usage(at, ret);
        return true;
    }
    if (ret->event.type != AIGW_EVENT_ERROR)
        ret->event.choice = (uint32_t)take_number(&at);
    if (*at == '.') {
        at++;
        ret->event.index = (uint32_t)take_number(&at);
    }
    at += *at == ' ';
    take_rest(at, ret);
    return true;
}

/* ---- JSON ---- */

static bool same_node(const struct aigw_json_node *a, const struct aigw_json_node *b);

static bool same_members(const struct aigw_json_node *a, const struct aigw_json_node *b)
{
    char name[256];

    if (a->of.in.count != b->of.in.count)
        return false;
    for (const struct aigw_json_node *member = a->of.in.first; member; member = member->next) {
        const struct aigw_json_node *other;

        snprintf(name, sizeof name, "%.*s", AIGW_STR_ARG(member->key));
        other = aigw_json_node_member(b, name);
        if (!other || !same_node(member, other))
            return false;
    }
    return true;
}

static bool same_items(const struct aigw_json_node *a, const struct aigw_json_node *b)
{
    const struct aigw_json_node *x = a->of.in.first, *y = b->of.in.first;

    for (; x && y; x = x->next, y = y->next)
        if (!same_node(x, y))
            return false;
    return !x && !y;
}

static bool same_node(const struct aigw_json_node *a, const struct aigw_json_node *b)
{
    bool are_numbers = (a->type == AIGW_JSON_INT || a->type == AIGW_JSON_REAL) &&
                       (b->type == AIGW_JSON_INT || b->type == AIGW_JSON_REAL);

    if (are_numbers) {
        char x[64], y[64];

        snprintf(x, sizeof x, "%.*s", AIGW_STR_ARG(a->text));
        snprintf(y, sizeof y, "%.*s", AIGW_STR_ARG(b->text));
        return strtod(x, NULL) == strtod(y, NULL);
    }
    if (a->type != b->type)
        return false;
    if (a->type == AIGW_JSON_OBJECT)
        return same_members(a, b);
    if (a->type == AIGW_JSON_LIST)
        return same_items(a, b);
    return a->type == AIGW_JSON_NULL ||
           (a->text.len == b->text.len && (a->text.len == 0 || memcmp(a->text.ptr, b->text.ptr, a->text.len) == 0));
}

bool server_same_json(aigw_str a, aigw_str b)
{
    struct aigw_pool pool = { .blocks = NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, SIZE_MAX);
    const struct aigw_json_node *x, *y;
    bool is_same = aigw_json_tree(a, 0, &memory, &x, NULL) == AIGW_OK &&
                   aigw_json_tree(b, 0, &memory, &y, NULL) == AIGW_OK && same_node(x, y);

    aigw_pool_free(&pool);
    return is_same;
}

static void host_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...) AIGW_PRINTF(3, 4);
static void host_log(struct aigw_ctx *ctx, uint32_t level, const char *fmt, ...)
{
    (void)ctx;
    (void)level;
    (void)fmt;
}

static int64_t host_time_s(struct aigw_ctx *ctx)
{
    (void)ctx;
    return 19;
}

const struct aigw_host server_host = { .struct_size = sizeof server_host,
                                       .time_s = host_time_s,
                                       .alloc = host_alloc,
                                       .format = host_format,
                                       .buf_new = host_buf_new,
                                       .buf_put = host_buf_put,
                                       .buf_printf = host_buf_printf,
                                       .buf_json = host_buf_json,
                                       .buf_clear = host_buf_clear,
                                       .buf_view = host_buf_view,
                                       .fail = host_fail,
                                       .log = host_log,
                                       .random = host_random,
                                       .emit = host_emit };
