/* fuzz_gemini_answer.c - what a Gemini server answers, in any bytes. The first byte chooses the kind of call and how
 * the rest comes: as one body, or as events with an empty line between them. Whatever it is, the events that come of it
 * keep the rules of model.h. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/dialects/common/tests/record.h"
#include "../../plugins/dialects/gemini/gemini.h"

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* ---- a host whose events are checked ---- */

static struct {
    struct record record;
    uint32_t finished, tools[GEMINI_CHOICES_MAX];
    bool is_over;
} said;

static aigw_status emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    uint32_t choice = event->choice;

    check(!said.is_over && choice < GEMINI_CHOICES_MAX);
    said.is_over = event->type == AIGW_EVENT_ERROR;
    check(!said.is_over || event->error->kind != AIGW_ERR_NONE);
    if (event->type == AIGW_EVENT_FINISH) {
        check(!(said.finished & 1u << choice));
        said.finished |= 1u << choice;
    }
    if (event->type == AIGW_EVENT_TOOL_CALL) {
        check(event->index == said.tools[choice]++); /* they come whole */
        check(event->id.len > 0 && event->name.len > 0 && event->text.len >= 2 && event->text.ptr[0] == '{');
    }
    if (event->type == AIGW_EVENT_LOGPROBS)
        check(wire_is_json_object(event->text));
    return record_host.emit(ctx, event);
}

static aigw_status chance(struct aigw_ctx *ctx, void *ret_bytes, size_t len)
{
    (void)ctx;
    memset(ret_bytes, 7, len);
    return AIGW_OK;
}

/** One is enough: frames follow one another. */
struct aigw_buf {
    char *bytes;
    size_t len, size;
};
static struct aigw_buf frame_bytes;

static void buf_put(struct aigw_buf *buf, const char *bytes, size_t len)
{
    if (buf->len + len > buf->size) {
        buf->size = 2 * (buf->len + len);
        buf->bytes = realloc(buf->bytes, buf->size);
        check(buf->bytes != NULL);
    }
    if (len > 0)
        memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
}

static void buf_clear(struct aigw_buf *buf)
{
    buf->len = 0;
}

static aigw_status buf_view(struct aigw_buf *buf, aigw_str *ret_view)
{
    *ret_view = (aigw_str){ buf->bytes, buf->len };
    return AIGW_OK;
}

/* ---- frames ---- */

/* Each lies alone in memory of its exact size: reading beyond it is found. */
static aigw_status feed(const struct aigw_host *host, struct gemini_call *call, uint32_t framing, aigw_str data)
{
    char *exact = malloc(data.len > 0 ? data.len : 1);
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = framing };
    aigw_status status;

    check(exact != NULL);
    if (data.len > 0)
        memcpy(exact, data.ptr, data.len);
    frame.data = (aigw_str){ exact, data.len };
    status = gemini_frame(host, (struct aigw_ctx *)(void *)&said.record, call, &frame);
    free(exact);
    return status;
}

static void run(const struct aigw_host *host, struct gemini_call *call, uint32_t framing, aigw_str rest)
{
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && rest.len > 0) {
        const char *end = framing == AIGW_FRAMING_SSE ? memmem(rest.ptr, rest.len, "\n\n", 2) : NULL;
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;

        status = feed(host, call, framing, (aigw_str){ rest.ptr, len });
        rest = end ? (aigw_str){ end + 2, rest.len - len - 2 } : AIGW_STR_NONE;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const uint32_t kinds[] = { AIGW_CALL_CHAT, AIGW_CALL_CHAT, AIGW_CALL_COUNT, AIGW_CALL_EMBEDDING };
    struct aigw_host host = record_host;
    struct gemini_call call = { .input_count = 1 };

    if (len < 2)
        return 0;
    host.emit = emit;
    host.random = chance;
    host.buf_put = buf_put;
    host.buf_clear = buf_clear;
    host.buf_view = buf_view;
    call.kind = kinds[bytes[0] >> 2 & 3];
    call.wants_single = bytes[0] >> 4 & 1;
    call.raw = bytes[0] & 2 ? &frame_bytes : NULL;
    memset(&said.tools, 0, sizeof said.tools);
    said.finished = 0;
    said.is_over = false;
    run(&host, &call, bytes[0] & 1 ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY,
        (aigw_str){ (const char *)bytes + 1, len - 1 });
    record_free(&said.record);
    return 0;
}
