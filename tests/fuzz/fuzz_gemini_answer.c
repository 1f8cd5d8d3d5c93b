/* fuzz_gemini_answer.c - what a Gemini server answers, in any bytes. The first byte chooses the kind of call and how
 * the rest comes: as one body, or as events with an empty line between them. Whatever it is, the events that come of it
 * keep the rules of model.h, and the server half makes JSON of them. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/dialects/gemini/gemini.h"
#include "../../plugins/dialects/gemini/gemini_server.h"
#include "../../plugins/dialects/gemini/tests/server_host.h"

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* ---- the events written again ---- */

static struct gemini_writer writer;
static struct aigw_buf *whole;

static void write_end(const struct aigw_host *host)
{
    aigw_str text = AIGW_STR_NONE;

    check(gemini_write_end(&writer, whole) == AIGW_OK && host->buf_view(whole, &text) == AIGW_OK);
    check(wire_is_json_object(text));
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
    if (event->type != AIGW_EVENT_ERROR)
        check(gemini_write_event(&writer, whole, event) == AIGW_OK);
    return record_host.emit(ctx, event);
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const uint32_t kinds[] = { AIGW_CALL_CHAT, AIGW_CALL_CHAT, AIGW_CALL_COUNT, AIGW_CALL_EMBEDDING };
    static const struct gemini_write_options options = { .model = AIGW_STR_INIT("m"), .shows_thoughts = true };
    struct aigw_host host = server_host();
    struct gemini_call call = { .input_count = 1 };

    if (len < 2)
        return 0;
    host.emit = emit;
    whole = host.buf_new((struct aigw_ctx *)(void *)&said.record, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    gemini_write_begin(&writer, &host, (struct aigw_ctx *)(void *)&said.record, &options);
    call.kind = kinds[bytes[0] >> 2 & 3];
    call.wants_single = bytes[0] >> 4 & 1;
    call.raw =
        bytes[0] & 2 ? host.buf_new((struct aigw_ctx *)(void *)&said.record, AIGW_LIFE_REQUEST, WIRE_BODY_MAX) : NULL;
    memset(&said.tools, 0, sizeof said.tools);
    said.finished = 0;
    said.is_over = false;
    run(&host, &call, bytes[0] & 1 ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY,
        (aigw_str){ (const char *)bytes + 1, len - 1 });
    write_end(&host);
    server_host_free(&said.record);
    return 0;
}
