/* call.c - what every call in this dialect begins with, whoever serves it. */
#include "openai.h"

#include <string.h>

aigw_status openai_begin(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_model_request *req,
                         bool wants_text, struct openai_call *call, struct aigw_http_request *ret_http)
{
    static const uint32_t paths[] = { [AIGW_CALL_CHAT] = OPENAI_CHAT,
                                      [AIGW_CALL_COMPLETION] = OPENAI_COMPLETION,
                                      [AIGW_CALL_EMBEDDING] = OPENAI_EMBEDDING,
                                      [AIGW_CALL_MODELS] = OPENAI_MODELS };
    bool has_text;

    call->path = req->kind < sizeof paths / sizeof *paths ? paths[req->kind] : 0;
    if (call->path == OPENAI_CHAT && wants_text)
        call->path = OPENAI_COMPLETION;
    if (call->path == 0)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "the API has no such call (kind %u)", req->kind);
    call->input_count = req->input_count;
    call->choice_count = req->params && req->params->choice_count > 1 ? req->params->choice_count : 1;
    if (call->choice_count > OPENAI_CHOICES_MAX)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "no more than %d answers to one call are asked for",
                          OPENAI_CHOICES_MAX);
    has_text = call->path == OPENAI_CHAT || call->path == OPENAI_COMPLETION;
    ret_http->framing = (req->flags & AIGW_REQF_STREAM) && has_text ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY;
    ret_http->method = call->path == OPENAI_MODELS ? "GET" : "POST";
    return AIGW_OK;
}

#define ADDED_MAX ((size_t)64 << 10)

/* What a client's body lacks: the model, where its path names it, and the wish for usage. */
static aigw_status added_members(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                                 aigw_str model, bool wants_usage, const char **ret_text)
{
    static const char usage[] = "\"stream_options\":{\"include_usage\":true},";
    struct aigw_buf *buf;
    aigw_status status;
    aigw_str text;

    *ret_text = wants_usage ? usage : "";
    if (raw->model_len > 0 || raw->body.len == 0)
        return AIGW_OK;
    buf = host->buf_new(ctx, AIGW_LIFE_BUILD, ADDED_MAX);
    if (!buf)
        return AIGW_E_NOMEM;
    host->buf_printf(buf, "\"model\":");
    host->buf_json(buf, model);
    host->buf_printf(buf, ",%s", *ret_text);
    status = host->buf_view(buf, &text);
    *ret_text = text.ptr;
    return status;
}

aigw_status openai_begin_raw(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                             aigw_str model, uint32_t refuses, struct openai_call *call,
                             struct aigw_http_request *ret_http)
{
    static const char name[] = "\"stream_options\"";
    bool is_stream = raw->flags & AIGW_RAWF_STREAM;
    const char *added;
    aigw_status status;

    if (!wire_is(raw->dialect, OPENAI_DIALECT) && !wire_is(raw->dialect, OPENAI_DIALECT_ANY))
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "the bytes of the dialect \"%.*s\" cannot pass here",
                          AIGW_STR_ARG(raw->dialect));
    call->path = raw->path.len == 0 || wire_raw_path_ends(raw, "/chat/completions") ? OPENAI_CHAT
                 : wire_raw_path_ends(raw, "/responses")                            ? OPENAI_RESPONSE
                                                                                    : OPENAI_ANY;
    call->choice_count = OPENAI_CHOICES_MAX;
    call->raw_flags = call->path == OPENAI_ANY ? 0 : raw->flags;
    call->hides_usage = call->path == OPENAI_CHAT && is_stream && raw->body.len > 0 &&
                        !(refuses & OPENAI_NO_STREAM_OPTIONS) &&
                        !memmem(raw->body.ptr, raw->body.len, name, sizeof name - 1);
    call->raw = host->buf_new(ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    if (!call->raw)
        return AIGW_E_NOMEM;
    ret_http->method = "POST";
    ret_http->framing = is_stream ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY;
    status = added_members(host, ctx, raw, model, call->hides_usage, &added);
    return status == AIGW_OK ? wire_raw_body(host, ctx, raw, model, added, &ret_http->body) : status;
}
