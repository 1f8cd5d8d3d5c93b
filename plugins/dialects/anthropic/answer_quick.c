/* answer_quick.c - the short cuts: one delta of plain text, read in place, and whole answers of plain text, read
 * without json-c. Whatever is unusual goes to the full parser, which must say the same: tests/differential.c. */
#include "anthropic.h"

#include "../../common/json/json.h"
#include "../common/scan.h"

/* ---- one text delta ---- */

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

/* ---- whole answers: nothing but text blocks ---- */

static aigw_str string_of(const struct pj *object, const char *name)
{
    const struct pj *value = pj_member_of(object, name, PJ_STRING);

    return value ? value->text : AIGW_STR_NONE;
}

static bool is_word_or_null(const struct pj *object, const char *name)
{
    const struct pj *value = pj_member(object, name);

    return !value || value->type == PJ_STRING || value->type == PJ_NULL;
}

static int64_t usage_number(const void *obj, const char *group, const char *name)
{
    const struct pj *value = pj_member_of(group ? pj_member_of(obj, group, PJ_OBJECT) : obj, name, PJ_INT);

    return value ? value->of.integer : -1;
}

static bool is_plain_block(const struct pj *block)
{
    const struct pj *text = pj_member_of(block, "text", PJ_STRING);

    return wire_is(string_of(block, "type"), "text") && text && !halves_at_edge(text->text) &&
           !pj_member_of(block, "citations", PJ_LIST);
}

static bool is_plain(const struct pj *root)
{
    const struct pj *content = pj_member_of(root, "content", PJ_LIST), *type = pj_member(root, "type");

    if (!content || pj_member(root, "error") || (type && !wire_is(string_of(root, "type"), "message")) ||
        !is_word_or_null(root, "stop_reason") || pj_member_of(root, "stop_details", PJ_OBJECT))
        return false;
    for (const struct pj *block = content->of.in.first; block; block = block->next)
        if (!is_plain_block(block))
            return false;
    return true;
}

static aigw_status emit_plain(struct anthropic_in *in, const struct pj *root)
{
    const struct pj *content = pj_member(root, "content"), *usage = pj_member_of(root, "usage", PJ_OBJECT);
    aigw_status status = AIGW_OK;
    int64_t count = 0;

    in->call->has_begun = 1;
    for (const struct pj *block = content->of.in.first; block && status == AIGW_OK; block = block->next, count++)
        status = anthropic_emit_text(in, AIGW_EVENT_TEXT, string_of(block, "text"));
    if (count > in->call->blocks)
        in->call->blocks = count;
    if (status == AIGW_OK && usage)
        status = anthropic_emit_usage(in, usage_number, usage);
    if (status == AIGW_OK)
        status =
            anthropic_emit_finish(in, string_of(root, "stop_reason"), string_of(root, "stop_sequence"), AIGW_STR_NONE);
    return status == AIGW_OK ? wire_pass(in->host, in->ctx, &in->pass) : status;
}

/* ---- frames ---- */

static aigw_status read_body(struct anthropic_in *in, const struct aigw_frame *frame)
{
    struct pj_document *document = pj_read(frame->data);
    aigw_status status;

    if (document && is_plain(pj_root(document)))
        status = emit_plain(in, pj_root(document));
    else
        status = anthropic_read(in, frame);
    pj_free(document);
    return status;
}

aigw_status anthropic_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                                 const struct aigw_frame *frame)
{
    struct anthropic_in in = { host, ctx, call, { call->raw, frame, &call->drops } };

    return call->is_over ? AIGW_OK : anthropic_read(&in, frame);
}

aigw_status anthropic_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                            const struct aigw_frame *frame)
{
    struct anthropic_in in = { host, ctx, call, { call->raw, frame, &call->drops } };
    aigw_str text = AIGW_STR_NONE;
    char scratch[1024];
    aigw_status status;

    if (call->is_over)
        return AIGW_OK;
    if (call->is_count || call->halves.count > 0)
        return anthropic_read(&in, frame);
    if (frame->framing == AIGW_FRAMING_BODY)
        return read_body(&in, frame);
    if ((frame->event.len > 0 && (wire_is_error_event(frame->event) || wire_is_heartbeat(frame->event, frame->data))) ||
        !scan_frame(frame->data, &text, scratch, sizeof scratch))
        return anthropic_read(&in, frame);
    status = anthropic_emit_text(&in, AIGW_EVENT_TEXT, text);
    return status == AIGW_OK ? wire_pass(host, ctx, &in.pass) : status;
}
