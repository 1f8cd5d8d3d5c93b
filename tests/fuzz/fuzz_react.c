/* What a model writes in the ReAct form: cut in pieces it is read as it is read whole, and what was handed out together
 * with the rest is one answer.
 */
#include <stdlib.h>
#include <string.h>

#include "react.h"

#define TEXT_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
    char answer[TEXT_MAX + 1];
    size_t answer_len;
    struct react_step step;
    aigw_status status;
};

/** Read in pieces of `piece` bytes. */
static void read_text(struct react *react, const char *text, size_t len, size_t piece, struct reading *reading)
{
    memset(reading, 0, sizeof *reading);
    react_init(react, TEXT_MAX);
    for (size_t at = 0; at < len && reading->status == AIGW_OK; at += piece) {
        aigw_str grown = { NULL, 0 };

        reading->status = react_feed(react, (aigw_str){ text + at, len - at < piece ? len - at : piece }, &grown);
        if (reading->answer_len + grown.len > TEXT_MAX)
            __builtin_trap(); /* more than there was */
        if (grown.len)
            memcpy(reading->answer + reading->answer_len, grown.ptr, grown.len);
        reading->answer_len += grown.len;
    }
    if (reading->status != AIGW_OK)
        return;
    react_finish(react, &reading->step);
    if (reading->step.kind != REACT_IS_ANSWER || !reading->step.text.len)
        return;
    if (reading->answer_len + reading->step.text.len > TEXT_MAX)
        __builtin_trap();
    memcpy(reading->answer + reading->answer_len, reading->step.text.ptr, reading->step.text.len);
    reading->answer_len += reading->step.text.len;
}

static void must_equal(aigw_str one, aigw_str other)
{
    if (one.len != other.len || (one.len && memcmp(one.ptr, other.ptr, one.len)))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reading whole, cut;
    struct react one, other;

    if (size < 2 || size - 1 > TEXT_MAX)
        return 0;
    const char *text = (const char *)data + 1;
    size_t len = size - 1;

    read_text(&one, text, len, len, &whole);
    read_text(&other, text, len, data[0] % 16u + 1, &cut);
    if (whole.status != cut.status || whole.step.kind != cut.step.kind)
        __builtin_trap();
    must_equal((aigw_str){ whole.answer, whole.answer_len }, (aigw_str){ cut.answer, cut.answer_len });
    must_equal(whole.step.thought, cut.step.thought);
    must_equal(whole.step.tool, cut.step.tool);
    must_equal(whole.step.input, cut.step.input);
    react_free(&one);
    react_free(&other);
    return 0;
}
