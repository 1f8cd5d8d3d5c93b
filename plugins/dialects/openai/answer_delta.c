/* answer_quick.c - the short cuts: one delta of plain text, read in place, and whole answers of plain text, read
 * without json-c. Whatever is unusual goes to the full parser, which must say the same: tests/differential.c. */
#include "openai.h"

#include "../../common/json/json.h"
#include "../common/scan.h"

/* ---- one text delta ---- */

struct openai_delta {
    aigw_str text, finish;
    bool has_text, has_finish, has_delta;
};

/* Members that say nothing when null, and otherwise something that the full parser has to look at. */
static bool is_loud(aigw_str key, bool in_choice)
{
    if (in_choice)
        return SCAN_IS(key, "message") || SCAN_IS(key, "text") || SCAN_IS(key, "error") || SCAN_IS(key, "usage") ||
               SCAN_IS(key, "logprobs") || SCAN_IS(key, "finishReason");
    return SCAN_IS(key, "tool_calls") || SCAN_IS(key, "reasoning_content") || SCAN_IS(key, "reasoning") ||
           SCAN_IS(key, "refusal") || SCAN_IS(key, "thinking") || SCAN_IS(key, "error") ||
           SCAN_IS(key, "function_call") || SCAN_IS(key, "annotations") || SCAN_IS(key, "type") ||
           SCAN_IS(key, "object") || SCAN_IS(key, "finish_reason") || SCAN_IS(key, "usage");
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
            scan_skip(s);
        }
    }
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
        } else if (SCAN_IS(key, "usage") || SCAN_IS(key, "error") || SCAN_IS(key, "x_groq")) {
            s.is_ok = s.is_ok && scan_null(&s);
        } else if (SCAN_IS(key, "object") || SCAN_IS(key, "type")) {
            s.is_ok = !wire_is(scan_plain(&s), "error") && s.is_ok;
        } else {
            scan_skip(&s);
        }
    }
    return scan_at_end(&s) && delta->has_delta && !halves_at_edge(delta->text);
}

/* ---- whole answers: one choice of plain text ---- */

struct openai_whole {
    const struct pj *usage;
    aigw_str text, finish;
};

static bool is_absent(const struct pj *object, const char *name)
{
    const struct pj *value = pj_member(object, name);

    return !value || value->type == PJ_NULL;
}

static bool are_absent(const struct pj *object, const char *const *names)
{
    while (*names && is_absent(object, *names))
        names++;
    return !*names;
}

static aigw_str string_of(const struct pj *object, const char *name)
{
    const struct pj *value = pj_member_of(object, name, PJ_STRING);

    return value ? value->text : AIGW_STR_NONE;
}

/* Nothing in a message but its content, which is a string, null or absent. */
static bool is_plain_message(const struct pj *message)
{
    static const char *const loud[] = { "tool_calls", "reasoning_content", "reasoning",   "thinking", "refusal",
                                        "error",      "function_call",     "annotations", "type",     "object",
                                        "usage",      "finish_reason",     NULL };
    const struct pj *content = pj_member(message, "content");

    return (!content || content->type == PJ_STRING || content->type == PJ_NULL) && are_absent(message, loud);
}

static bool read_whole(const struct pj *root, struct openai_whole *ret_whole)
{
    static const char *const loud[] = { "delta", "error",  "usage",        "logprobs", "stop_reason",
                                        "type",  "object", "finishReason", NULL };
    const struct pj *choices = pj_member_of(root, "choices", PJ_LIST), *choice, *index, *message, *reason;

    if (!choices || choices->of.in.count != 1 || !is_absent(root, "error") || !is_absent(root, "x_groq") ||
        wire_is(string_of(root, "object"), "error") || wire_is(string_of(root, "type"), "error"))
        return false;
    choice = choices->of.in.first;
    index = pj_member(choice, "index");
    message = pj_member_of(choice, "message", PJ_OBJECT);
    reason = pj_member(choice, "finish_reason");
    if (choice->type != PJ_OBJECT || (index && (index->type != PJ_INT || index->of.integer != 0)) ||
        !are_absent(choice, loud) || (reason && reason->type != PJ_STRING && reason->type != PJ_NULL))
        return false;
    if (message ? !is_plain_message(message)
                : !is_absent(choice, "message") || !pj_member_of(choice, "text", PJ_STRING))
        return false;
    *ret_whole = (struct openai_whole){ .usage = pj_member_of(root, "usage", PJ_OBJECT),
                                        .text = string_of(message ? message : choice, message ? "content" : "text"),
                                        .finish = string_of(choice, "finish_reason") };
    return !halves_at_edge(ret_whole->text);
}

static int64_t usage_number(const void *obj, const char *group, const char *name)
{
    const struct pj *value = pj_member(group ? pj_member_of(obj, group, PJ_OBJECT) : obj, name);

    if (pj_is(value, PJ_INT))
        return value->of.integer;
    return pj_is(value, PJ_DOUBLE) ? openai_count_of(value->of.real) : -1;
}

static aigw_status emit_whole(struct openai_in *in, const struct openai_whole *whole)
{
    struct aigw_event text = { .struct_size = sizeof text, .type = AIGW_EVENT_TEXT, .text = whole->text };
    struct aigw_usage numbers;
    struct aigw_event usage = { .struct_size = sizeof usage, .type = AIGW_EVENT_USAGE, .usage = &numbers };
    aigw_status status = openai_emit_piece(in, &text);

    in->call->seen[0] |= 1;
    if (status == AIGW_OK)
        status = openai_emit_finish(in, 0, whole->finish, AIGW_STR_NONE);
    if (status != AIGW_OK || in->call->is_over)
        return status;
    if (whole->usage && whole->usage->of.in.count > 0) {
        openai_read_usage(&numbers, usage_number, whole->usage);
        status = openai_emit(in, &usage);
    }
    return status == AIGW_OK ? wire_pass(in->host, in->ctx, &in->pass) : status;
}

/* ---- frames ---- */

static aigw_status read_body(struct openai_in *in, const struct aigw_frame *frame)
{
    struct pj_document *document = pj_read(frame->data);
    struct openai_whole whole;
    aigw_status status;

    if (document && read_whole(pj_root(document), &whole))
        status = emit_whole(in, &whole);
    else
        status = openai_read(in, frame);
    pj_free(document);
    return status;
}

static aigw_status read_delta(struct openai_in *in, const struct openai_delta *delta)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TEXT, .text = delta->text };
    aigw_status status = AIGW_OK;

    in->call->has_delta = 1;
    in->call->seen[0] |= 1;
    if (delta->text.len > 0)
        status = openai_emit(in, &event);
    if (status == AIGW_OK && openai_is_reason(delta->finish))
        status = openai_emit_finish(in, 0, delta->finish, AIGW_STR_NONE);
    return status == AIGW_OK && !in->call->is_over ? wire_pass(in->host, in->ctx, &in->pass) : status;
}

aigw_status openai_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                              const struct aigw_frame *frame)
{
    struct openai_in in = { host, ctx, call, { call->raw, frame, &call->drops } };

    return call->is_over ? AIGW_OK : openai_read(&in, frame);
}

aigw_status openai_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                         const struct aigw_frame *frame)
{
    struct openai_in in = { host, ctx, call, { call->raw, frame, &call->drops } };
    struct openai_delta delta = { .has_text = false };
    char scratch[1024];

    if (call->is_over)
        return AIGW_OK;
    if (call->path == OPENAI_EMBEDDING || call->halves.count > 0)
        return openai_read(&in, frame);
    if (frame->framing == AIGW_FRAMING_BODY)
        return read_body(&in, frame);
    if (frame->event.len > 0 && (wire_is_error_event(frame->event) || wire_is_heartbeat(frame->event, frame->data)))
        return openai_read(&in, frame);
    return scan_frame(frame->data, &delta, scratch, sizeof scratch) ? read_delta(&in, &delta) : openai_read(&in, frame);
}
