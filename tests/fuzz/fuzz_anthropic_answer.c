/* fuzz_anthropic_answer.c - an answer of the Messages API in any bytes: frames through the dialect's decoder. The first
 * byte chooses what was asked for and how it is framed; frames are parted by an empty line and may begin with "event:
 * ". The scan for text deltas and the full reader must say the same, and what they say must keep the rules of events.
 */
#include <stdlib.h>
#include <string.h>

#include "dialects/anthropic/anthropic.h"
#include "dialects/common/tests/record.h"

#define RAW_MAX 4096 /* bytes that pass through: the recording host's buffers are small */

/* What was said so far; behind the recording, so that a ctx is both. */
struct said {
    struct record record;
    uint32_t calls, finishes;
    bool is_over;
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static aigw_status emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    struct said *said = (struct said *)(void *)ctx;

    check(!said->is_over);
    check(event->text.len == 0 || event->text.ptr);
    switch (event->type) {
    case AIGW_EVENT_TOOL_CALL:
        check(event->index <= said->calls && (event->index < said->calls) == (event->name.len == 0));
        said->calls += event->index == said->calls;
        break;
    case AIGW_EVENT_FINISH:
        check(said->finishes++ == 0);
        break;
    case AIGW_EVENT_USAGE:
        check(event->usage->input < 0 || event->usage->input >= event->usage->cache_read);
        break;
    case AIGW_EVENT_OPAQUE:
    case AIGW_EVENT_CITATION:
        check(event->text.len > 0 && !memchr(event->text.ptr, '\n', event->text.len));
        break;
    case AIGW_EVENT_ERROR:
        check(event->error->kind != AIGW_ERR_NONE && event->error->message.len > 0);
        said->is_over = true;
        break;
    default:
        break;
    }
    return record_host.emit(ctx, event);
}

/* The next frame of the text, in memory of its exact size. */
static char *next_frame(aigw_str *rest, struct aigw_frame *ret_frame)
{
    const char *end = memmem(rest->ptr, rest->len, "\n\n", 2);
    size_t len = end ? (size_t)(end - rest->ptr) : rest->len, name;
    char *copy = malloc(len + 1);
    const char *feed;

    check(copy != NULL);
    memcpy(copy, rest->ptr, len);
    *rest = end ? (aigw_str){ end + 2, rest->len - len - 2 } : AIGW_STR_NONE;
    ret_frame->event = AIGW_STR_NONE;
    ret_frame->data = (aigw_str){ copy, len };
    if (ret_frame->framing == AIGW_FRAMING_SSE && len > 7 && memcmp(copy, "event: ", 7) == 0) {
        feed = memchr(copy, '\n', len);
        name = feed ? (size_t)(feed - copy) : len;
        ret_frame->event = (aigw_str){ copy + 7, name - 7 };
        ret_frame->data = feed ? (aigw_str){ copy + name + 1, len - name - 1 } : AIGW_STR_NONE;
    }
    if (ret_frame->data.len > 6 && memcmp(ret_frame->data.ptr, "data: ", 6) == 0)
        ret_frame->data = (aigw_str){ ret_frame->data.ptr + 6, ret_frame->data.len - 6 };
    return copy;
}

/* Tools that were sent as others: apply_patch, ns__list. */
static void send_names(const struct aigw_host *host, struct aigw_ctx *ctx, struct names *names)
{
    aigw_str sent;

    check(!names_send(host, ctx, names, AIGW_TOOL_FREE_TEXT, AIGW_STR_NONE, AIGW_STR("apply.patch"), 64, &sent));
    check(!names_send(host, ctx, names, AIGW_TOOL_FUNCTION, AIGW_STR("ns"), AIGW_STR("list"), 64, &sent));
}

static void run(struct said *said, uint8_t choice, aigw_str text, bool is_slow)
{
    struct aigw_host host = record_host;
    struct anthropic_call call = { .asks = choice & 3u };
    struct aigw_ctx *ctx = (struct aigw_ctx *)(void *)said;
    bool is_body = choice & 4u;
    struct aigw_frame frame = { .struct_size = sizeof frame,
                                .framing = is_body ? AIGW_FRAMING_BODY : AIGW_FRAMING_SSE };
    aigw_status status = AIGW_OK;

    host.emit = emit;
    send_names(&host, ctx, &call.names);
    if ((choice & 8u) && text.len <= RAW_MAX)
        call.raw = host.buf_new(ctx, AIGW_LIFE_REQUEST, RAW_MAX);
    do {
        char *copy = next_frame(&text, &frame);

        status = is_slow ? anthropic_frame_slow(&host, ctx, &call, &frame) : anthropic_frame(&host, ctx, &call, &frame);
        free(copy);
    } while (status == AIGW_OK && text.len > 0 && !is_body);
    if (status == AIGW_OK)
        status = anthropic_done(&host, ctx, &call);
    check(status == AIGW_OK || status == AIGW_DONE || status == AIGW_E_UPSTREAM);
}

static void refuse(struct said *said, aigw_str body)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_BAD_REQUEST,
                                .http_status = 400,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("neutral") };
    const struct aigw_http_failure failure = {
        .struct_size = sizeof failure, .status = 400, .body = body, .retry_after_ms = -1
    };

    anthropic_failure(&record_host, (struct aigw_ctx *)(void *)said, &failure, &error);
    check(error.kind != AIGW_ERR_NONE && error.message.len > 0 && error.message.len <= 600);
    record_free(&said->record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct said quick, slow;
    aigw_str text = { (const char *)data + 1, size - 1 };

    if (size == 0)
        return 0;
    memset(&quick, 0, sizeof quick);
    memset(&slow, 0, sizeof slow);
    if (data[0] & 16u) {
        refuse(&quick, text);
        return 0;
    }
    run(&quick, data[0], text, false);
    run(&slow, data[0], text, true);
    check(quick.record.len == slow.record.len && memcmp(quick.record.text, slow.record.text, quick.record.len) == 0);
    record_free(&quick.record);
    record_free(&slow.record);
    return 0;
}
