/* fuzz_converse_answer.c - what Bedrock may send, in any bytes: frames through the Converse dialect's reader. The first
 * byte chooses what was asked for and the framing; the rest is lines: an event's name, a blank, the payload. A "!" in
 * front makes it an exception. */
#include <stdlib.h>
#include <string.h>

#include "dialects/common/tests/record.h"
#include "dialects/converse/converse.h"

static struct record record;

static aigw_str no_header(struct aigw_ctx *ctx, const char *name)
{
    (void)ctx, (void)name;
    return AIGW_STR_NONE;
}

/* Each payload lies alone in memory of its exact size: reading beyond it is found. */
static aigw_status feed(const struct aigw_host *host, struct converse_call *call, uint32_t framing, aigw_str line)
{
    bool is_exception = line.len > 0 && line.ptr[0] == '!';
    const char *blank;
    struct aigw_frame frame = { .struct_size = sizeof frame, .framing = framing };
    aigw_status status;
    char *exact;

    if (is_exception)
        line = (aigw_str){ line.ptr + 1, line.len - 1 };
    blank = line.len > 0 && framing == AIGW_FRAMING_EVENTSTREAM ? memchr(line.ptr, ' ', line.len) : NULL;
    if (blank) {
        *(is_exception ? &frame.exception : &frame.event) = (aigw_str){ line.ptr, (size_t)(blank - line.ptr) };
        line = (aigw_str){ blank + 1, line.len - (size_t)(blank - line.ptr) - 1 };
    }
    exact = malloc(line.len > 0 ? line.len : 1);
    if (!exact)
        abort();
    if (line.len > 0)
        memcpy(exact, line.ptr, line.len);
    frame.data = (aigw_str){ exact, line.len };
    status = converse_frame(host, (struct aigw_ctx *)(void *)&record, call, &frame);
    free(exact);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const uint32_t framings[] = { AIGW_FRAMING_EVENTSTREAM, AIGW_FRAMING_BODY, AIGW_FRAMING_SSE,
                                         AIGW_FRAMING_EVENTSTREAM };
    struct aigw_host host = record_host;
    struct converse_call call = { .state = CONVERSE_WAITING };
    aigw_str rest = { (const char *)bytes + 1, len - 1 };
    aigw_status status = AIGW_OK;
    uint32_t framing;

    if (len < 1)
        return 0;
    host.answer_header = no_header;
    framing = framings[bytes[0] & 3];
    call.is_count = bytes[0] & 4;
    call.asked_by_tool = bytes[0] & 8;
    call.input_count = bytes[0] & 16 ? 2 : 0;
    while (rest.len > 0 && status == AIGW_OK) {
        const char *end = framing == AIGW_FRAMING_BODY ? NULL : memchr(rest.ptr, '\n', rest.len);
        aigw_str line = { rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len };
        enum converse_state before = call.state;

        rest = end ? (aigw_str){ end + 1, rest.len - line.len - 1 } : AIGW_STR_NONE;
        status = feed(&host, &call, framing, line);
        if (call.state < before || (status == AIGW_DONE && call.state != CONVERSE_OVER))
            abort();
    }
    record_free(&record);
    return 0;
}
