/* answer_delta.c - one delta of plain text, which nearly all frames of a stream are, read in place and at once.
 * Whatever is unusual goes to the reader of whole answers, which must say the same: tests/differential.c. */
#include "openai.h"

#include "../common/scan.h"

struct openai_delta {
    aigw_str text, finish;
    aigw_str model; /* the first name of it, with its quotes */
    bool has_text, has_finish, has_delta, has_other;
};

/* Members that say nothing when null, and otherwise something that the full parser has to look at. */
static bool is_loud(aigw_str key, bool in_choice)
{
    if (in_choice)
        return SCAN_IS(key, "message") || SCAN_IS(key, "text") || SCAN_IS(key, "error") || SCAN_IS(key, "usage") ||
               SCAN_IS(key, "logprobs") || SCAN_IS(key, "finishReason") || SCAN_IS(key, "content") ||
               SCAN_IS(key, "tool_calls") || SCAN_IS(key, "toolCalls") || SCAN_IS(key, "function_call");
    return SCAN_IS(key, "tool_calls") || SCAN_IS(key, "toolCalls") || SCAN_IS(key, "reasoning_content") ||
           SCAN_IS(key, "reasoning") || SCAN_IS(key, "refusal") || SCAN_IS(key, "thinking") ||
           SCAN_IS(key, "reasoning_text") || SCAN_IS(key, "reasoning_details") || SCAN_IS(key, "text") ||
           SCAN_IS(key, "error") || SCAN_IS(key, "function_call") || SCAN_IS(key, "annotations") ||
           SCAN_IS(key, "type") || SCAN_IS(key, "object") || SCAN_IS(key, "finish_reason") || SCAN_IS(key, "usage");
}

static void scan_delta(struct scan *s, struct openai_delta *delta, char *scratch, size_t scratch_size)
{
    bool is_first = true;
    aigw_str key;

    s->is_ok = s->is_ok && !delta->has_delta;
    delta->has_delta = true;
    scan_char(s, '{');
    while (scan_key(s, &is_first, &key)) {
        if (SCAN_IS(key, "content")) {
            s->is_ok = s->is_ok && !delta->has_text; /* of two, the last counts: not here */
            delta->has_text = true;
            if (!scan_null(s))
                delta->text = scan_string(s, scratch, scratch_size);
        } else if (is_loud(key, false)) {
            s->is_ok = s->is_ok && scan_null(s);
        } else {
            delta->has_other |= !SCAN_IS(key, "role");
            scan_skip(s);
        }
    }
    if (delta->has_other && !delta->text.ptr) /* perhaps it stands there */
        s->is_ok = false;
}

static void scan_choice(struct scan *s, struct openai_delta *delta, char *scratch, size_t scratch_size)
{
    bool is_first = true;
    aigw_str key;

    scan_char(s, '{');
    while (scan_key(s, &is_first, &key)) {
        if (SCAN_IS(key, "delta")) {
            scan_delta(s, delta, scratch, scratch_size);
        } else if (SCAN_IS(key, "index")) {
            s->is_ok = scan_int(s) == 0 && s->is_ok;
        } else if (SCAN_IS(key, "finish_reason")) {
            s->is_ok = s->is_ok && !delta->has_finish;
            delta->has_finish = true;
            if (!scan_null(s))
                delta->finish = scan_plain(s);
        } else if (SCAN_IS(key, "stop_reason")) {
            if (!scan_null(s)) /* the number of a token, or the text that it stopped at */
                scan_int(s);
        } else if (is_loud(key, true) || SCAN_IS(key, "type") || SCAN_IS(key, "object")) {
            s->is_ok = s->is_ok && scan_null(s);
        } else {
            scan_skip(s);
        }
    }
}

/* True when the frame is an ordinary text delta, or the one that ends with a finish reason. */
static bool scan_frame(aigw_str data, struct openai_delta *delta, char *scratch, size_t scratch_size)
{
    struct scan s = { .at = data.ptr, .end = data.ptr + data.len, .is_ok = data.len > 0 };
    bool is_first = true, has_choices = false;
    aigw_str key;

    scan_char(&s, '{');
    while (scan_key(&s, &is_first, &key)) {
        if (SCAN_IS(key, "choices")) {
            s.is_ok = s.is_ok && !has_choices;
            has_choices = true;
            scan_char(&s, '[');
            scan_choice(&s, delta, scratch, scratch_size);
            scan_char(&s, ']');
        } else if (SCAN_IS(key, "usage") || SCAN_IS(key, "error") || SCAN_IS(key, "x_groq") ||
                   SCAN_IS(key, "base_resp")) {
            s.is_ok = s.is_ok && scan_null(&s);
        } else if (SCAN_IS(key, "model") && delta->model.len == 0) {
            aigw_str name = scan_plain(&s);

            if (s.is_ok)
                delta->model = (aigw_str){ name.ptr - 1, name.len + 2 };
        } else if (SCAN_IS(key, "object") || SCAN_IS(key, "type")) {
            s.is_ok = !wire_is(scan_plain(&s), "error") && s.is_ok;
        } else {
            scan_skip(&s);
        }
    }
    return scan_at_end(&s) && delta->has_delta && !halves_at_edge(delta->text);
}

/* ---- the frame before ---- */

#define SAME_MAX   768u
#define MISSES_MAX 8u /* then the frames of this server differ elsewhere, too */

/* The same frame with another text? Between the same bytes a whole string is all that can have changed. */
static bool scan_same(const struct openai_same *same, aigw_str data, struct openai_delta *delta, char *scratch,
                      size_t scratch_size)
{
    size_t around = (size_t)same->head_len + same->tail_len;
    struct scan s = { .is_ok = true };

    if (same->head_len == 0 || data.len < around || memcmp(data.ptr, same->bytes, same->head_len) != 0)
        return false;
    s.at = data.ptr + same->head_len - 1;
    s.end = data.ptr + data.len - same->tail_len;
    if (memcmp(s.end, same->bytes + same->head_len, same->tail_len) != 0)
        return false;
    delta->text = scan_string(&s, scratch, scratch_size);
    if (!scan_at_end(&s) || halves_at_edge(delta->text)) {
        delta->text = AIGW_STR_NONE;
        return false;
    }
    if (same->model_len > 0)
        delta->model = (aigw_str){ data.ptr + same->model_at, same->model_len };
    return true;
}

/* Keep what stands around the text, if it is in the frame as it is and the frame says nothing else. */
static void keep_same(struct openai_in *in, aigw_str data, const struct openai_delta *delta)
{
    struct openai_same *same = &in->call->same;
    uintptr_t at = (uintptr_t)delta->text.ptr - (uintptr_t)data.ptr;
    size_t tail_at = at + delta->text.len + 1, around = data.len - delta->text.len - 1;

    same->head_len = 0;
    if (same->misses >= MISSES_MAX || !delta->text.ptr || at >= data.len || delta->finish.len > 0 ||
        around > SAME_MAX || (delta->model.len > 0 && delta->model.ptr > delta->text.ptr))
        return;
    same->misses++;
    if (!same->bytes) {
        same->bytes = in->host->alloc(in->ctx, AIGW_LIFE_REQUEST, around);
        same->room = same->bytes ? (uint32_t)around : 0;
    }
    if (around > same->room)
        return;
    memcpy(same->bytes, data.ptr, at);
    memcpy(same->bytes + at, data.ptr + tail_at, data.len - tail_at);
    same->head_len = (uint32_t)at;
    same->tail_len = (uint32_t)(data.len - tail_at);
    same->model_at = delta->model.len > 0 ? (uint32_t)(delta->model.ptr - data.ptr) : 0;
    same->model_len = (uint32_t)delta->model.len;
}

/* ---- together ---- */

static aigw_status read_delta(struct openai_in *in, const struct openai_delta *delta)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TEXT, .text = delta->text };
    aigw_status status = AIGW_OK;

    in->call->has_delta = 1;
    in->call->has_begun = 1;
    in->call->seen[0] |= 1;
    in->pass.model = delta->model;
    if (delta->text.len > 0)
        status = openai_emit(in, &event);
    if (status == AIGW_OK && openai_is_reason(delta->finish))
        status = openai_emit_finish(in, 0, delta->finish, AIGW_STR_NONE);
    return status == AIGW_OK && !in->call->is_over ? wire_pass(in->host, in->ctx, &in->pass) : status;
}

aigw_status openai_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                              const struct aigw_frame *frame)
{
    struct openai_in in = {
        .host = host, .ctx = ctx, .call = call, .pass = { .buf = call->raw, .frame = frame, .drops = &call->drops }
    };

    return call->is_over ? AIGW_OK : openai_read(&in, frame);
}

/* What came before allows a short cut: the first frame names the model, half a character may be held back. */
static bool may_be_delta(const struct openai_call *call, const struct aigw_frame *frame)
{
    return call->is_named && call->halves.count == 0 && call->the_choice == 0 && frame->framing != AIGW_FRAMING_BODY &&
           (call->path == OPENAI_CHAT || call->path == OPENAI_COMPLETION) &&
           (frame->event.len == 0 ||
            (!wire_is_error_event(frame->event) && !wire_is_heartbeat(frame->event, frame->data)));
}

aigw_status openai_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                         const struct aigw_frame *frame)
{
    struct openai_in in = {
        .host = host, .ctx = ctx, .call = call, .pass = { .buf = call->raw, .frame = frame, .drops = &call->drops }
    };
    struct openai_delta delta = { .has_text = false };
    char scratch[1024];

    if (call->raw && wire_is_other_form(call->raw_flags, frame))
        in.pass.buf = call->raw = NULL;
    if (!call->is_over && may_be_delta(call, frame)) {
        if (scan_same(&call->same, frame->data, &delta, scratch, sizeof scratch)) {
            call->same.misses = 0;
            return read_delta(&in, &delta);
        }
        if (scan_frame(frame->data, &delta, scratch, sizeof scratch)) {
            keep_same(&in, frame->data, &delta);
            return read_delta(&in, &delta);
        }
    }
    return call->is_over ? AIGW_OK : openai_read(&in, frame);
}
