/* answer.c - what the model says → what the client gets: one JSON object, raw text as it comes (v2, v3), or events
 * (v4).
 *
 *     CS_NOTHING_SENT ─ START, WAITING, TEXT, END of a stream → CS_STREAMING ─ END, ERROR, cut → CS_ANSWERED
 *            └──────── END, ERROR, too much, all at once ───────────────────────────────────────────┘
 */
#include "code_suggestions.h"

#include <string.h>

#include "../common/plain.h"
#include "reflection.h"
#include "truncate.h"

/* ---- shapes ---- */

static bool is_v2(const struct cs_call *call)
{
    return call->route == CS_ROUTE_COMPLETIONS || call->route == CS_ROUTE_GENERATIONS;
}

struct cs_names cs_names_of(const struct cs_call *call)
{
    struct cs_names names = { call->model->engine, call->model->name };

    if (is_v2(call) && !call->request.prompt_id.len)
        return names;
    names.engine = AIGW_STR("agent");
    if (call->title.len)
        names.name = call->title;
    return names;
}

aigw_status cs_answer_json(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text)
{
    struct cs_answer out = { .model = cs_names_of(call),
                             .language = call->language,
                             .text = text,
                             .usage = call->request.kind == CS_COMPLETION ? &call->usage : NULL };

    call->stage = CS_ANSWERED;
    return is_v2(call) ? cs_respond_v2(cs->host, ctx, &out) : cs_respond_v3(cs->host, ctx, &out);
}

/* ---- streams ---- */

static bool is_sse(const struct cs_call *call)
{
    return call->request.stream && call->route == CS_ROUTE_V4;
}

static aigw_status begin_stream(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    if (call->stage != CS_NOTHING_SENT)
        return AIGW_OK;
    call->stage = CS_STREAMING;
    if (is_sse(call))
        return cs_sse_begin(ctx, cs, call);
    return cs->host->stream_begin(ctx, 200, CS_STREAM_TYPE, NULL, 0);
}

static aigw_status end_stream(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    call->stage = CS_ANSWERED;
    return is_sse(call) ? cs_sse_end(ctx, cs, call) : cs->host->stream_end(ctx);
}

static aigw_status write_piece(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text)
{
    if (!text.len)
        return AIGW_OK;
    return is_sse(call) ? cs_sse_text(ctx, cs, call, text) : plain_write(cs->host, ctx, text);
}

/* ---- text ---- */

static void put_piece(void *user, aigw_str text)
{
    const struct cs_call *call = user;

    call->cs->host->buf_put(call->piece, text.ptr, text.len);
}

void cs_clean_answer(struct cs_call *call, const aigw_str *stops, uint32_t stop_count)
{
    uint32_t flags = call->model->flags & AIGW_MODELF_UNESCAPE ? CS_CLEAN_UNESCAPE : 0;
    bool is_markdown = aigw_body_is_word("md|markdown|mdx|rmd|qmd", call->spoken); /* a fence is part of the text */

    if (call->request.kind == CS_GENERATION && !is_markdown)
        flags |= CS_CLEAN_FENCES;
    cs_clean_begin(&call->clean, flags, stops, stop_count, put_piece, call);
}

/** Hand on what the cleaner let through. */
static aigw_status deliver(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    aigw_str text;
    aigw_status status = cs->host->buf_view(call->piece, &text);

    if (status < 0)
        return cs->host->fail(ctx, status, "a piece of the model's answer is too large or memory ran out");
    call->answer_bytes += (int64_t)text.len;
    if (!call->text)
        return write_piece(ctx, cs, call, text);
    if (call->answer_bytes > cs->answer_max) {
        call->stage = CS_ANSWERED;
        cs->host->model_cancel(ctx, call->handle);
        return cs->host->respond_detail(ctx, 503, "%.*s: the answer is larger than answer_max (%lld bytes)",
                                        AIGW_STR_ARG(call->model->name), (long long)cs->answer_max);
    }
    cs->host->buf_put(call->text, text.ptr, text.len);
    return AIGW_OK;
}

static aigw_status on_text(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text)
{
    aigw_status status;

    cs->host->buf_clear(call->piece);
    cs_clean_feed(&call->clean, text);
    status = deliver(ctx, cs, call);
    if (status < 0 || !call->clean.is_cut || call->text || call->stage == CS_ANSWERED)
        return status;
    cs->host->model_cancel(ctx, call->handle); /* it said a stop text: nothing that follows is wanted */
    cs->host->buf_clear(call->piece);
    cs_clean_end(&call->clean);
    status = deliver(ctx, cs, call);
    return status < 0 ? status : end_stream(ctx, cs, call);
}

/* ---- the end ---- */

static void estimate_usage(struct cs_call *call)
{
    struct cs_usage *usage = &call->usage;

    if (usage->input_tokens < 0)
        usage->input_tokens = cs_tokens_of((size_t)call->sent_bytes);
    if (usage->output_tokens < 0)
        usage->output_tokens = cs_tokens_of((size_t)call->answer_bytes);
    usage->was_cut = call->max_tokens > 0 && usage->output_tokens >= call->max_tokens;
}

/** New code begins on a line of its own. Clients of v3 and v4 that name the prompt get the text as it is. */
static bool begins_line(const struct cs_call *call, aigw_str text)
{
    aigw_str above = call->request.above;

    if (call->request.kind != CS_GENERATION || (!is_v2(call) && call->request.prompt_id.len) ||
        cs_str_is(call->request.model.provider, "anthropic"))
        return false;
    return above.len && above.ptr[above.len - 1] != '\n' && text.ptr[0] != '\n';
}

/** A whole answer, after what pieces get. */
static aigw_status finish_text(struct aigw_ctx *ctx, const struct cs *cs, const struct cs_call *call, aigw_str *text)
{
    char *copy;
    size_t len = 0;

    if (cs_is_blank(*text)) {
        *text = AIGW_STR_NONE;
        return AIGW_OK;
    }
    if (call->request.kind != CS_GENERATION)
        return AIGW_OK;
    copy = cs->host->alloc(ctx, AIGW_LIFE_REQUEST, text->len + 2);
    if (!copy)
        return AIGW_E_NOMEM;
    if (begins_line(call, *text))
        copy[len++] = '\n';
    memcpy(copy + len, text->ptr, text->len);
    len += text->len;
    len = cs_drop_reflection(call->request.above, copy, len);
    *text = cs_is_blank((aigw_str){ copy, len }) ? AIGW_STR_NONE : (aigw_str){ copy, len };
    return AIGW_OK;
}

/** The whole text in the form of a stream, when streaming is switched off. */
static aigw_status answer_stream(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, aigw_str text)
{
    aigw_status status;

    if (!is_sse(call)) {
        call->stage = CS_ANSWERED;
        return cs->host->respond(ctx, 200, CS_STREAM_TYPE, text, NULL, 0);
    }
    status = begin_stream(ctx, cs, call);
    if (status == AIGW_OK)
        status = write_piece(ctx, cs, call, text);
    return status < 0 ? status : end_stream(ctx, cs, call);
}

static aigw_status on_end(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call)
{
    aigw_str text = AIGW_STR_NONE;
    aigw_status status;

    cs->host->buf_clear(call->piece);
    cs_clean_end(&call->clean);
    status = deliver(ctx, cs, call);
    if (status < 0 || call->stage == CS_ANSWERED)
        return status;
    if (!call->text)
        return end_stream(ctx, cs, call);
    status = cs->host->buf_view(call->text, &text);
    if (status < 0)
        return cs->host->fail(ctx, status, "out of memory collecting the model's answer");
    if (call->request.stream)
        return answer_stream(ctx, cs, call, text);
    estimate_usage(call);
    status = finish_text(ctx, cs, call, &text);
    return status < 0 ? status : cs_answer_json(ctx, cs, call, text);
}

static aigw_status on_error(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call,
                            const struct aigw_error *error)
{
    enum cs_stage stage = call->stage;

    call->stage = CS_ANSWERED;
    if (stage == CS_NOTHING_SENT)
        return cs->host->respond_model_error(ctx, error);
    if (is_sse(call))
        return cs_sse_error(ctx, cs, call, error);
    cs->host->stream_abort(ctx); /* a cut text must not look finished */
    return AIGW_OK;
}

void cs_is_late(struct aigw_ctx *ctx, void *arg)
{
    static const char text[] = "no answer in time (features.code_suggestions.answer_ms)";
    struct cs_call *call = arg;
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_TIMEOUT,
                                .retry_after_ms = -1,
                                .message = { text, sizeof text - 1 } };

    if (call->stage != CS_NOTHING_SENT)
        return;
    call->cs->host->model_cancel(ctx, call->handle);
    on_error(ctx, call->cs, call, &error);
}

aigw_status cs_event(struct aigw_ctx *ctx, const struct cs *cs, struct cs_call *call, const struct aigw_event *event)
{
    aigw_status status = AIGW_OK;

    if (call->stage == CS_ANSWERED) /* the rest of a piece that was too much */
        return AIGW_OK;
    switch (event->type) {
    case AIGW_EVENT_START:
    case AIGW_EVENT_WAITING:
    case AIGW_EVENT_TEXT: /* in case text came first */
    case AIGW_EVENT_END:
        if (!call->text)
            status = begin_stream(ctx, cs, call);
        break;
    case AIGW_EVENT_USAGE:
        if (event->usage->input >= 0)
            call->usage.input_tokens = event->usage->input;
        if (event->usage->output >= 0)
            call->usage.output_tokens = event->usage->output;
        return AIGW_OK;
    case AIGW_EVENT_ERROR:
        return on_error(ctx, cs, call, event->error);
    default:
        return AIGW_OK;
    }
    if (status == AIGW_OK && event->type == AIGW_EVENT_TEXT)
        return on_text(ctx, cs, call, event->text);
    if (status == AIGW_OK && event->type == AIGW_EVENT_END)
        return on_end(ctx, cs, call);
    return status;
}
