/* cases_eventstream.c - answers of type application/vnd.amazon.eventstream in case files: a line for each message.
 *
 *     event messageStart {"role":"assistant"}
 *     exception throttlingException {"message":"slow down"}
 *     error InternalError words of the server           a failure without a payload
 *     !event …                                          its checksum is wrong
 *     ~event …                                          only its first half came
 */
#include "cases.h"

#include <string.h>

#include "upstream/eventstream.h"

#define STREAM_MAX ((size_t)16 << 20)
#define STRING     7 /* type of a header's value */

static void put_u32(struct gw_buf *out, uint32_t value)
{
    const char bytes[4] = { (char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value };

    gw_buf_put(out, bytes, sizeof bytes);
}

static void put_header(struct gw_buf *out, const char *name, aigw_str value)
{
    const char head[1] = { (char)strlen(name) };
    const char type[3] = { STRING, (char)(value.len >> 8), (char)value.len };

    gw_buf_put(out, head, 1);
    gw_buf_puts(out, name);
    gw_buf_put(out, type, sizeof type);
    gw_buf_put_str(out, value);
}

static void put_crc(struct gw_buf *out, size_t from, bool is_wrong)
{
    put_u32(out, gw_crc32((const uint8_t *)out->data + from, out->len - from) ^ (is_wrong ? 1u : 0u));
}

static aigw_str cut(aigw_str *rest, char mark)
{
    const char *at = rest->len > 0 ? memchr(rest->ptr, mark, rest->len) : NULL;
    aigw_str piece = { rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len };

    *rest = at ? (aigw_str){ at + 1, rest->len - piece.len - 1 } : AIGW_STR_NONE;
    return piece;
}

static void put_message(struct gw_buf *out, struct gw_buf *headers, aigw_str payload, bool is_wrong)
{
    size_t from = out->len;

    put_u32(out, (uint32_t)(headers->len + payload.len + 16));
    put_u32(out, (uint32_t)headers->len);
    put_crc(out, from, false);
    gw_buf_put_str(out, gw_buf_str(headers));
    gw_buf_put_str(out, payload);
    put_crc(out, from, is_wrong);
}

static bool put_line(struct gw_buf *out, aigw_str line)
{
    bool is_wrong = line.ptr[0] == '!', is_half = line.ptr[0] == '~';
    aigw_str rest = is_wrong || is_half ? (aigw_str){ line.ptr + 1, line.len - 1 } : line;
    aigw_str kind = cut(&rest, ' '), name = cut(&rest, ' ');
    size_t from = out->len;
    struct gw_buf headers;

    gw_buf_init(&headers, STREAM_MAX);
    put_header(&headers, ":message-type", kind);
    if (gw_str_is(kind, "event"))
        put_header(&headers, ":event-type", name);
    else if (gw_str_is(kind, "exception"))
        put_header(&headers, ":exception-type", name);
    else
        put_header(&headers, ":error-code", name);
    if (gw_str_is(kind, "error")) {
        put_header(&headers, ":error-message", rest);
        rest = AIGW_STR_NONE;
    } else {
        put_header(&headers, ":content-type", AIGW_STR("application/json"));
    }
    put_message(out, &headers, rest, is_wrong);
    gw_buf_done(&headers);
    if (is_half)
        out->len = from + (out->len - from) / 2;
    return gw_str_is(kind, "event") || gw_str_is(kind, "exception") || gw_str_is(kind, "error");
}

bool cases_is_eventstream(const char *content_type)
{
    return strncmp(content_type, "application/vnd.amazon.eventstream", 34) == 0;
}

aigw_str cases_eventstream(struct cases *c, const char *text)
{
    aigw_str rest = gw_str(text), line, bytes;
    struct gw_buf out;

    gw_buf_init(&out, STREAM_MAX);
    while (rest.len > 0) {
        line = testhost_next_line(&rest);
        if (line.len > 0 && !put_line(&out, line))
            cases_finding(c, "an event stream's line must begin with event, exception or error: %.*s",
                          AIGW_STR_ARG(line));
    }
    bytes = gw_arena_str(&c->arena, gw_buf_str(&out));
    gw_buf_done(&out);
    return bytes;
}
