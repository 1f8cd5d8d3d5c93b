/* answer_delta.c - where a frame comes in, and the event that makes up nearly all of a stream: a delta of plain text,
 * scanned in place. Whatever is unusual goes to the reader, which must say the same: tests/differential.c. */
#include "answer.h"

#include "../common/scan.h"

static bool scan_delta(struct scan *s, aigw_str *ret_text, char *scratch, size_t scratch_size)
{
    bool is_first = true, has_type = false, has_text = false;
    aigw_str key;

    scan_char(s, '{');
    while (scan_key(s, &is_first, &key)) {
        if (SCAN_IS(key, "type")) {
            s->is_ok = !has_type && wire_is(scan_plain(s), "text_delta") && s->is_ok;
            has_type = true;
        } else if (SCAN_IS(key, "text")) {
            s->is_ok = s->is_ok && !has_text;
            has_text = true;
            *ret_text = scan_string(s, scratch, scratch_size);
        } else {
            scan_skip(s);
        }
    }
    return has_type && has_text;
}

static bool scan_frame(aigw_str data, aigw_str *ret_text, char *scratch, size_t scratch_size)
{
    struct scan s = { .at = data.ptr, .end = data.ptr + data.len, .is_ok = data.len > 0 };
    bool is_first = true, has_type = false, has_delta = false;
    aigw_str key;

    scan_char(&s, '{');
    while (scan_key(&s, &is_first, &key)) {
        if (SCAN_IS(key, "type")) {
            s.is_ok = !has_type && wire_is(scan_plain(&s), "content_block_delta") && s.is_ok;
            has_type = true;
        } else if (SCAN_IS(key, "delta")) {
            s.is_ok = !has_delta && scan_delta(&s, ret_text, scratch, scratch_size) && s.is_ok;
            has_delta = true;
        } else if (SCAN_IS(key, "error")) {
            s.is_ok = false;
        } else {
            scan_skip(&s);
        }
    }
    return scan_at_end(&s) && has_type && has_delta && !halves_at_edge(*ret_text);
}

/* Its name could make a failure or a heartbeat of it. */
static bool is_odd(aigw_str name, aigw_str data)
{
    return name.len > 0 && (wire_is_error_event(name) || wire_is_heartbeat(name, data));
}

aigw_status anthropic_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                                 const struct aigw_frame *frame)
{
    struct anthropic_in in = {
        .host = host, .ctx = ctx, .call = call, .pass = { .buf = call->raw, .frame = frame, .drops = &call->drops }
    };

    return call->is_over ? AIGW_OK : anthropic_read(&in, frame);
}

aigw_status anthropic_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                            const struct aigw_frame *frame)
{
    struct anthropic_in in = {
        .host = host, .ctx = ctx, .call = call, .pass = { .buf = call->raw, .frame = frame, .drops = &call->drops }
    };
    aigw_str text = AIGW_STR_NONE;
    char scratch[1024];
    aigw_status status;

    if (call->is_over)
        return AIGW_OK;
    if (call->raw && wire_is_other_form(call->raw_flags, frame))
        in.pass.buf = call->raw = NULL;
    if (frame->framing == AIGW_FRAMING_BODY || call->asks != ANTHROPIC_ASKS_ANSWER || call->halves.count > 0 ||
        is_odd(frame->event, frame->data) || !scan_frame(frame->data, &text, scratch, sizeof scratch))
        return anthropic_read(&in, frame);
    in.pass.event = AIGW_STR("content_block_delta");
    call->has_passed = 1;
    status = anthropic_emit_text(&in, AIGW_EVENT_TEXT, text);
    return status == AIGW_OK ? wire_pass(host, ctx, &in.pass) : status;
}
