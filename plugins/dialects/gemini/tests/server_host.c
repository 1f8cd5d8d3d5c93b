/* server_host.c - see server_host.h. */
#include "server_host.h"

#include <aigw/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct aigw_buf {
    struct aigw_buf *next;
    char *bytes;
    size_t len, size, max;
    bool is_full;
};
static struct aigw_buf *buffers;

static struct aigw_buf *host_buf_new(struct aigw_ctx *ctx, uint32_t life, size_t max_len)
{
    struct aigw_buf *buf = calloc(1, sizeof *buf);

    (void)ctx;
    (void)life;
    if (!buf)
        abort();
    buf->max = max_len;
    buf->next = buffers;
    buffers = buf;
    return buf;
}

static void host_buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    if (buf->is_full || len > buf->max - buf->len) {
        buf->is_full = true;
        return;
    }
    if (buf->len + len + 1 > buf->size) {
        buf->size = 2 * (buf->len + len + 1);
        buf->bytes = realloc(buf->bytes, buf->size);
        if (!buf->bytes)
            abort();
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
    bool is_valid = aigw_utf8_is_valid(text);

    host_buf_put(buf, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '"' || c == '\\')
            host_buf_printf(buf, "\\%c", c);
        else if (c < 0x20 || (c >= 0x80 && !is_valid))
            host_buf_printf(buf, "\\u%04x", c);
        else
            host_buf_put(buf, text.ptr + i, 1);
    }
    host_buf_put(buf, "\"", 1);
}

static void host_buf_clear(struct aigw_buf *buf)
{
    buf->len = 0;
}

static aigw_status host_buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    *ret_view = (aigw_str){ buf->bytes ? buf->bytes : "", buf->len };
    return buf->is_full ? AIGW_E_LIMIT : AIGW_OK;
}

static aigw_status host_random(struct aigw_ctx *ctx, void *ret_bytes, size_t len)
{
    (void)ctx;
    memset(ret_bytes, 1, len);
    return AIGW_OK;
}

static bool same_value(const struct aigw_json_node *a, const struct aigw_json_node *b)
{
    const struct aigw_json_node *at, *other;

    if (a->type != b->type && !(a->type + b->type == AIGW_JSON_INT + AIGW_JSON_REAL))
        return false;
    if (a->type == AIGW_JSON_STRING)
        return a->text.len == b->text.len && (a->text.len == 0 || memcmp(a->text.ptr, b->text.ptr, a->text.len) == 0);
    if (a->type == AIGW_JSON_BOOL)
        return a->of.boolean == b->of.boolean;
    if (a->type == AIGW_JSON_INT || a->type == AIGW_JSON_REAL)
        return strtod(a->text.ptr, NULL) <= strtod(b->text.ptr, NULL) &&
               strtod(a->text.ptr, NULL) >= strtod(b->text.ptr, NULL);
    if (a->type != AIGW_JSON_LIST && a->type != AIGW_JSON_OBJECT)
        return true;
    if (a->of.in.count != b->of.in.count)
        return false;
    other = b->of.in.first;
    for (at = a->of.in.first; at; at = at->next, other = other->next) {
        const struct aigw_json_node *match = other;
        char name[256];

        if (a->type == AIGW_JSON_OBJECT) {
            snprintf(name, sizeof name, "%.*s", AIGW_STR_ARG(at->key));
            match = aigw_json_node_member(b, name);
        }
        if (!match || !same_value(at, match))
            return false;
    }
    return true;
}

bool server_same_json(aigw_str a, aigw_str b)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, WIRE_BODY_MAX);
    const struct aigw_json_node *left, *right;
    bool is_same = aigw_json_tree(a, 0, &memory, &left, NULL) == AIGW_OK &&
                   aigw_json_tree(b, 0, &memory, &right, NULL) == AIGW_OK && same_value(left, right);

    aigw_pool_free(&pool);
    return is_same;
}

struct aigw_host server_host(void)
{
    struct aigw_host host = record_host;

    host.buf_new = host_buf_new;
    host.buf_put = host_buf_put;
    host.buf_printf = host_buf_printf;
    host.buf_json = host_buf_json;
    host.buf_clear = host_buf_clear;
    host.buf_view = host_buf_view;
    host.random = host_random;
    return host;
}

void server_host_free(struct record *record)
{
    while (buffers) {
        struct aigw_buf *buf = buffers;

        buffers = buf->next;
        free(buf->bytes);
        free(buf);
    }
    record_free(record);
}
