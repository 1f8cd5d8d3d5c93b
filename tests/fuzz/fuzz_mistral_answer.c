/* What Mistral's server may answer: frames of a good answer, and the bodies of refusals. The first byte says which, and
 * how many choices were asked for; frames are separated by line feeds.
 */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/dialects/common/tests/record.h"
#include "../../plugins/dialects/mistral/mistral.h"

#define TEXT_MAX 16384u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of its exact size: reading beyond it is seen. */
static char *copy_of(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);

    if (!copy)
        abort();
    memcpy(copy, text, len);
    return copy;
}

static void read_frames(struct record *record, uint8_t how, const char *text, size_t len)
{
    struct mistral_call call = { .openai = { .path = how & 2 ? MISTRAL_EMBEDDING : MISTRAL_CHAT,
                                             .input_count = 2,
                                             .choice_count = how & 4 ? 3 : 1 } };
    aigw_status status = AIGW_OK;

    for (size_t at = 0; at < len && status == AIGW_OK;) {
        const char *end = how & 1 ? memchr(text + at, '\n', len - at) : NULL;
        size_t piece = end ? (size_t)(end - text) - at : len - at;
        char *copy = copy_of(text + at, piece);
        struct aigw_frame frame = { .struct_size = sizeof frame,
                                    .framing = how & 1 ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY,
                                    .data = { copy, piece } };

        status = mistral_frame(&record_host, (struct aigw_ctx *)(void *)record, &call, &frame);
        free(copy);
        at += piece + 1;
    }
}

static void read_refusal(struct record *record, uint8_t how, const char *text, size_t len)
{
    static const int32_t statuses[] = { 400, 401, 422, 429, 500, 503, 404, 413 };
    char *copy = copy_of(text, len);
    struct aigw_http_failure failure = {
        .struct_size = sizeof failure, .status = statuses[how & 7], .body = { copy, len }, .retry_after_ms = -1
    };
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = aigw_error_kind_of_status(failure.status),
                                .http_status = failure.status,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("the model server refused") };

    mistral_failure(&record_host, (struct aigw_ctx *)(void *)record, &failure, &error);
    free(copy);
    if (error.kind == AIGW_ERR_NONE || error.message.len == 0)
        __builtin_trap();
    for (size_t i = 0; i < error.message.len; i++) /* they stay good when the body is gone */
        if ((unsigned char)error.message.ptr[i] < 0x20)
            __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct record record;

    if (size < 2 || size - 1 > TEXT_MAX)
        return 0;
    record.len = 0;
    if (data[0] & 0x80)
        read_refusal(&record, data[0], (const char *)data + 1, size - 1);
    else
        read_frames(&record, data[0], (const char *)data + 1, size - 1);
    record_free(&record);
    return 0;
}
