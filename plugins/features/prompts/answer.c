/* answer.c - what a model says → what the client reads.
 *
 *          whole                              stream
 *     v1   "text"                             text
 *     v2   {"content":"text","usage":{…}}     {"content":"te"}⏎ {"content":"xt"}⏎ {"content":"","usage":{…}}⏎
 *
 * `usage` is left out when the model's server did not say. */
#include <string.h>

#include "../../common/json/digits.h"
#include "../common/plain.h"
#include "prompts.h"

#define STREAM_TYPE "text/event-stream; charset=utf-8"

static void put(const struct aigw_host *host, struct aigw_buf *out, const char *text)
{
    host->buf_put(out, text, strlen(text));
}

static void put_count(const struct aigw_host *host, struct aigw_buf *out, const char *before, int64_t count)
{
    char room[DIGITS_SIZE];
    aigw_str digits = digits_of_int(count < 0 ? 0 : count, room);

    put(host, out, before);
    host->buf_put(out, digits.ptr, digits.len);
}

/** {"content":…} with the usage of the whole answer. A stream calls the model what its server does, like a bill. */
static void put_object(const struct aigw_host *host, const struct prompts_call *call, struct aigw_buf *out,
                       aigw_str text, bool is_last)
{
    const struct aigw_usage *usage = &call->usage;

    put(host, out, "{\"content\":");
    host->buf_json(out, text);
    if (is_last && (usage->input >= 0 || usage->output >= 0)) {
        put(host, out, ",\"usage\":{");
        host->buf_json(out, call->request.stream && call->target_model.len ? call->target_model : call->model->name);
        put_count(host, out, ":{\"input_tokens\":", usage->input);
        put_count(host, out, ",\"output_tokens\":", usage->output);
        put(host, out, "}}");
    }
    put(host, out, "}");
}

/** One line of a stream of objects. */
static aigw_status write_line(struct aigw_ctx *ctx, const struct prompts *prompts, const struct prompts_call *call,
                              aigw_str text, bool is_last)
{
    const struct aigw_host *host = prompts->host;
    aigw_str view;
    aigw_status status;

    host->buf_clear(call->line);
    put_object(host, call, call->line, text, is_last);
    put(host, call->line, "\n");
    status = host->buf_view(call->line, &view);
    return status < 0 ? status : host->stream_write(ctx, view);
}

aigw_status prompts_begin(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call)
{
    if (call->text || call->did_begin)
        return AIGW_OK;
    call->did_begin = true;
    return prompts->host->stream_begin(ctx, 200, STREAM_TYPE, NULL, 0);
}

static aigw_status deliver(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call,
                           aigw_str text)
{
    const struct aigw_host *host = prompts->host;
    aigw_status status;

    if (call->did_refuse) /* the rest of a piece that was too much */
        return AIGW_OK;
    if (!call->text) {
        status = prompts_begin(ctx, prompts, call);
        if (status < 0 || !text.len)
            return status;
        return call->version == PROMPTS_V2 ? write_line(ctx, prompts, call, text, false) : plain_write(host, ctx, text);
    }
    call->answer_bytes += (int64_t)text.len;
    if (call->answer_bytes <= prompts->answer_max) {
        host->buf_put(call->text, text.ptr, text.len);
        return AIGW_OK;
    }
    call->did_refuse = true;
    host->model_cancel(ctx, call->handle);
    return host->respond_detail(ctx, 503, "%.*s: the answer is larger than answer_max (%lld bytes)",
                                AIGW_STR_ARG(call->model->name), (long long)prompts->answer_max);
}

/** A piece with every backslash in front of an underscore left out, across the borders of pieces too: such models write
 *  them even into JSON. */
static aigw_status deliver_unescaped(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call,
                                     aigw_str text)
{
    aigw_status status = AIGW_OK;
    size_t from = 0;

    if (call->holds_backslash && text.len && text.ptr[0] != '_')
        status = deliver(ctx, prompts, call, AIGW_STR("\\"));
    call->holds_backslash = call->holds_backslash && !text.len;
    for (size_t i = 0; i < text.len && status == AIGW_OK; i++) {
        bool is_last = i + 1 == text.len;

        if (text.ptr[i] != '\\' || (!is_last && text.ptr[i + 1] != '_'))
            continue;
        if (i > from)
            status = deliver(ctx, prompts, call, (aigw_str){ text.ptr + from, i - from });
        from = i + 1;
        call->holds_backslash = is_last;
    }
    if (status == AIGW_OK && from < text.len)
        status = deliver(ctx, prompts, call, (aigw_str){ text.ptr + from, text.len - from });
    return status;
}

aigw_status prompts_text(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call, aigw_str text)
{
    return call->model->flags & AIGW_MODELF_UNESCAPE ? deliver_unescaped(ctx, prompts, call, text)
                                                     : deliver(ctx, prompts, call, text);
}

/** The whole text at once, in the form that was asked for. */
static aigw_status answer(struct aigw_ctx *ctx, const struct prompts *prompts, const struct prompts_call *call,
                          aigw_str text)
{
    const struct aigw_host *host = prompts->host;
    struct aigw_buf *out;
    aigw_status status;
    aigw_str view;

    if (call->request.stream && call->version == PROMPTS_V1)
        return host->respond(ctx, 200, STREAM_TYPE, text, NULL, 0);
    out = host->buf_new(ctx, AIGW_LIFE_REQUEST, 6 * (size_t)prompts->answer_max + 4096);
    if (!out)
        return AIGW_E_NOMEM;
    if (call->version == PROMPTS_V1)
        host->buf_json(out, text);
    else
        put_object(host, call, out, text, true);
    if (call->request.stream)
        put(host, out, "\n");
    status = host->buf_view(out, &view);
    if (status < 0)
        return host->fail(ctx, status, "out of memory writing the answer");
    return host->respond(ctx, 200, call->request.stream ? STREAM_TYPE : NULL, view, NULL, 0);
}

aigw_status prompts_end(struct aigw_ctx *ctx, const struct prompts *prompts, struct prompts_call *call)
{
    const struct aigw_host *host = prompts->host;
    aigw_status status = AIGW_OK;
    aigw_str text;

    if (call->holds_backslash)
        status = deliver(ctx, prompts, call, AIGW_STR("\\"));
    if (status < 0 || call->did_refuse)
        return status;
    if (call->text) {
        status = host->buf_view(call->text, &text);
        return status < 0 ? host->fail(ctx, status, "out of memory collecting the model's answer")
                          : answer(ctx, prompts, call, text);
    }
    status = prompts_begin(ctx, prompts, call);
    if (status == AIGW_OK && call->version == PROMPTS_V2)
        status = write_line(ctx, prompts, call, AIGW_STR_NONE, true);
    return status < 0 ? status : host->stream_end(ctx);
}
