/* fuzz_openai_answer.c - what an OpenAI-like server answers, in any bytes. The first byte chooses the kind of call and
 * how the rest comes: as one body, or as events with an empty line between them. The scan for text deltas and the full
 * reader must say the same, and the events that come of it keep the rules of model.h. */
#include <stdlib.h>
#include <string.h>

#include "dialects/common/tests/record.h"
#include "dialects/openai/openai.h"

#define CHOICES 3u

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* ---- a host whose events are checked ---- */

/* Behind the recording, so that a ctx is both. */
struct said {
    struct record record;
    uint32_t tools[OPENAI_CHOICES_MAX], models;
    uint64_t finished[OPENAI_CHOICES_MAX / 64];
    bool is_over, has_text, lists_models;
};

static void check_tool(struct said *said, const struct aigw_event *event)
{
    uint32_t *count = &said->tools[event->choice];

    check(event->index <= *count && (event->index < *count) == (event->name.len == 0));
    *count += event->index == *count;
}

static aigw_status emit(struct aigw_ctx *ctx, const struct aigw_event *event)
{
    struct said *said = (struct said *)(void *)ctx;

    check(!said->is_over && event->choice < OPENAI_CHOICES_MAX);
    check(event->text.len == 0 || event->text.ptr);
    switch (event->type) {
    case AIGW_EVENT_TEXT:
        said->has_text = true;
        break;
    case AIGW_EVENT_MODEL:
        check(event->text.len + event->id.len > 0);
        check(said->lists_models || (said->models++ == 0 && !said->has_text));
        break;
    case AIGW_EVENT_TOOL_CALL:
        check_tool(said, event);
        break;
    case AIGW_EVENT_FINISH:
        check(!openai_has_choice(said->finished, event->choice));
        openai_add_choice(said->finished, event->choice);
        break;
    case AIGW_EVENT_EMBEDDING:
        check(event->vector_len > 0 && event->vector);
        break;
    case AIGW_EVENT_OPAQUE:
    case AIGW_EVENT_CITATION:
    case AIGW_EVENT_LOGPROBS:
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

/* ---- frames ---- */

/* The next frame of the text, in memory of its exact size. */
static char *next_frame(aigw_str *rest, struct aigw_frame *ret_frame)
{
    const char *end = ret_frame->framing == AIGW_FRAMING_BODY ? NULL : memmem(rest->ptr, rest->len, "\n\n", 2), *feed;
    size_t len = end ? (size_t)(end - rest->ptr) : rest->len;
    char *copy = malloc(len + 1);

    check(copy != NULL);
    memcpy(copy, rest->ptr, len);
    *rest = end ? (aigw_str){ end + 2, rest->len - len - 2 } : AIGW_STR_NONE;
    ret_frame->event = AIGW_STR_NONE;
    ret_frame->data = (aigw_str){ copy, len };
    feed = len > 0 ? memchr(copy, '\n', len) : NULL;
    if (ret_frame->framing == AIGW_FRAMING_SSE && len > 7 && memcmp(copy, "event: ", 7) == 0 && feed) {
        ret_frame->event = (aigw_str){ copy + 7, (size_t)(feed - copy) - 7 };
        ret_frame->data = (aigw_str){ feed + 1, len - (size_t)(feed + 1 - copy) };
    }
    return copy;
}

static void run(struct said *said, uint8_t choice, aigw_str text, bool is_slow)
{
    struct aigw_ctx *ctx = (struct aigw_ctx *)(void *)said;
    struct aigw_host host = record_host;
    struct openai_call call = { .path = OPENAI_CHAT + choice % 5, .choice_count = 1, .input_count = 1 };
    struct aigw_frame frame = { .struct_size = sizeof frame,
                                .framing = choice & 32u ? AIGW_FRAMING_BODY : AIGW_FRAMING_SSE };
    aigw_status status = AIGW_OK;
    aigw_str sent;

    host.emit = emit;
    if (choice & 64u)
        call.choice_count = CHOICES;
    said->lists_models = call.path == OPENAI_MODELS;
    if (choice & 16u) /* a tool of free text that was sent as a function */
        check(names_send(&host, ctx, &call.names, AIGW_TOOL_FREE_TEXT, AIGW_STR_NONE, AIGW_STR("f"), 64, &sent) ==
              AIGW_OK);
    if (call.path == OPENAI_ANY)
        call.raw = host.buf_new(ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    do {
        char *copy = next_frame(&text, &frame);

        status = is_slow ? openai_frame_slow(&host, ctx, &call, &frame) : openai_frame(&host, ctx, &call, &frame);
        free(copy);
    } while (status == AIGW_OK && text.len > 0);
    check(status == AIGW_OK || status == AIGW_DONE || status == AIGW_E_UPSTREAM);
}

static void refuse(struct said *said, aigw_str body)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_NOT_FOUND,
                                .http_status = 404,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("neutral") };
    const struct aigw_http_failure failure = { .struct_size = sizeof failure,
                                               .status = 404,
                                               .body = body,
                                               .content_type = AIGW_STR_INIT("text/plain"),
                                               .retry_after_ms = -1 };

    openai_failure(&record_host, (struct aigw_ctx *)(void *)said, &failure, &error);
    check(error.kind != AIGW_ERR_NONE && error.message.len > 0 && error.message.len <= 600);
    record_free(&said->record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct said quick, slow;
    aigw_str text;

    if (size == 0 || size > 60000) /* what the recording holds */
        return 0;
    text = (aigw_str){ (const char *)data + 1, size - 1 };
    memset(&quick, 0, sizeof quick);
    memset(&slow, 0, sizeof slow);
    if (data[0] & 128u) {
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
