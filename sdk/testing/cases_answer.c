/* cases_answer.c - the bytes of a case's answer: its text as it stands, or, of an event stream in AWS's binary form,
 * one message for each line. */
#include "cases.h"

#include <string.h>

#include "upstream/eventstream.h"

#define EVENTSTREAM     "application/vnd.amazon.eventstream"
#define EVENTSTREAM_MAX ((size_t)1 << 20)
#define HEADER_STRING   7 /* type of a header's value */
#define EVENTSTREAM_USAGE \
    "event <type> <payload>, exception <type> <payload>, error <code> <words>, or broken … before them"

static void put_u32(struct gw_buf *out, uint32_t value)
{
    const char bytes[4] = { (char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value };

    gw_buf_put(out, bytes, sizeof bytes);
}

static void put_header(struct gw_buf *out, const char *name, aigw_str value)
{
    const char name_len = (char)strlen(name);
    const char head[3] = { HEADER_STRING, (char)(value.len >> 8), (char)value.len };

    gw_buf_put(out, &name_len, 1);
    gw_buf_puts(out, name);
    gw_buf_put(out, head, sizeof head);
    gw_buf_put_str(out, value);
}

static void put_message(struct gw_buf *out, const struct gw_buf *headers, aigw_str payload, bool is_broken)
{
    size_t begin = out->len;

    put_u32(out, (uint32_t)(GW_EVENTSTREAM_PRELUDE + headers->len + payload.len + 4));
    put_u32(out, (uint32_t)headers->len);
    put_u32(out, gw_crc32((const uint8_t *)out->data + begin, out->len - begin));
    gw_buf_put(out, headers->data, headers->len);
    gw_buf_put_str(out, payload);
    put_u32(out, gw_crc32((const uint8_t *)out->data + begin, out->len - begin) ^ (is_broken ? 1u : 0u));
}

/* The first word of *rest, which is cut off. */
static aigw_str next_word(aigw_str *rest)
{
    const char *blank = rest->len > 0 ? memchr(rest->ptr, ' ', rest->len) : NULL;
    aigw_str word = { rest->ptr, blank ? (size_t)(blank - rest->ptr) : rest->len };
    size_t skip = word.len + (blank ? 1 : 0);

    *rest = (aigw_str){ rest->ptr + skip, rest->len - skip };
    return word;
}

static bool put_line(struct gw_buf *out, aigw_str line)
{
    aigw_str rest = line, kind = next_word(&rest), name;
    bool is_broken = gw_str_is(kind, "broken");
    struct gw_buf headers;

    if (is_broken)
        kind = next_word(&rest);
    name = next_word(&rest);
    if (name.len == 0)
        return false;
    gw_buf_init(&headers, EVENTSTREAM_MAX);
    if (gw_str_is(kind, "event") || gw_str_is(kind, "exception")) {
        put_header(&headers, gw_str_is(kind, "event") ? ":event-type" : ":exception-type", name);
        put_header(&headers, ":content-type", AIGW_STR("application/json"));
        put_header(&headers, ":message-type", kind);
        put_message(out, &headers, rest, is_broken);
    } else if (gw_str_is(kind, "error")) { /* no payload: the words are a header */
        put_header(&headers, ":error-code", name);
        put_header(&headers, ":error-message", rest);
        put_header(&headers, ":message-type", kind);
        put_message(out, &headers, AIGW_STR_NONE, is_broken);
    }
    gw_buf_done(&headers);
    return gw_str_is(kind, "event") || gw_str_is(kind, "exception") || gw_str_is(kind, "error");
}

aigw_str cases_answer_bytes(struct cases *c, const char *content_type, const char *text)
{
    aigw_str rest = gw_str(text), line, bytes;
    struct gw_buf out;

    if (strncmp(content_type, EVENTSTREAM, strlen(EVENTSTREAM)) != 0)
        return rest;
    gw_buf_init(&out, EVENTSTREAM_MAX);
    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        if (line.len > 0 && !put_line(&out, line))
            cases_finding(c, "answer: \"%.*s\" is no message; expected %s", AIGW_STR_ARG(line), EVENTSTREAM_USAGE);
    }
    bytes = gw_arena_str(&c->arena, (aigw_str){ out.data ? out.data : "", out.len });
    gw_buf_done(&out);
    return bytes;
}
