/* answer_write.c - canonical events → a message of the Messages API, whole or as a stream.
 *
 *     NEW ─→ OPEN ⇄ BLOCK      message_start goes out with the first block, so that usage which came before it is in it
 *      └──────┴───────┴──→ OVER
 */
#include "answer_write.h"

#include <string.h>

#include "anthropic.h"

aigw_status writer_nonsense(struct anthropic_writer *w, const char *what)
{
    return w->host->fail(w->ctx, AIGW_E_UPSTREAM, "the model server's answer %s", what);
}

void anthropic_write_begin(struct anthropic_writer *w, const struct aigw_host *host, struct aigw_ctx *ctx,
                           const struct anthropic_write_options *options)
{
    *w = (struct anthropic_writer){ .host = host, .ctx = ctx, .options = options, .usage = AIGW_USAGE_INIT };
}

/* ---- usage ---- */

static int64_t or_zero(int64_t number)
{
    return number > 0 ? number : 0;
}

/* Theirs counts what was neither read from a cache nor written to one. */
static void put_usage(struct anthropic_writer *w, struct aigw_buf *buf)
{
    const struct aigw_usage *usage = &w->usage;
    int64_t read = or_zero(usage->cache_read), written = or_zero(usage->cache_write);
    int64_t input = usage->input >= 0 ? or_zero(usage->input - read - written) : or_zero(w->options->input_estimate);
    int64_t output = usage->output >= 0 ? usage->output : (w->said_bytes + 3) / 4;

    w->host->buf_printf(buf,
                        "{\"input_tokens\":%lld,\"cache_creation_input_tokens\":%lld,"
                        "\"cache_read_input_tokens\":%lld,",
                        (long long)input, (long long)written, (long long)read);
    if (usage->cache_write_1h >= 0)
        w->host->buf_printf(buf,
                            "\"cache_creation\":{\"ephemeral_5m_input_tokens\":%lld,"
                            "\"ephemeral_1h_input_tokens\":%lld},",
                            (long long)or_zero(written - usage->cache_write_1h), (long long)usage->cache_write_1h);
    w->host->buf_printf(buf, "\"output_tokens\":%lld,", (long long)output);
    if (usage->reasoning >= 0)
        w->host->buf_printf(buf, "\"output_tokens_details\":{\"thinking_tokens\":%lld},", (long long)usage->reasoning);
    WRITE(w, buf, "\"server_tool_use\":null,\"service_tier\":\"standard\"}");
}

/* ---- finish ---- */

static const char *stop_reason(const struct anthropic_writer *w)
{
    switch (w->finish) {
    case AIGW_FINISH_LENGTH:
        return "max_tokens";
    case AIGW_FINISH_CONTEXT_FULL:
        return "model_context_window_exceeded";
    case AIGW_FINISH_CONTENT_FILTER:
    case AIGW_FINISH_GUARDRAIL:
        return "refusal";
    case AIGW_FINISH_PAUSE:
        return "pause_turn";
    case AIGW_FINISH_STOP_SEQUENCE:
        if (w->stop_sequence.len > 0) /* which one must be said */
            return "stop_sequence";
        break;
    default:
        break;
    }
    if (w->is_refused)
        return "refusal";
    return w->call_count > 0 ? "tool_use" : "end_turn"; /* whether there are calls is told by the calls */
}

/* `"stop_reason":…` and what explains it. */
static void put_finish(struct anthropic_writer *w, struct aigw_buf *buf)
{
    const char *reason = stop_reason(w);

    w->host->buf_printf(buf, "\"stop_reason\":\"%s\",\"stop_sequence\":", reason);
    if (strcmp(reason, "stop_sequence") == 0)
        w->host->buf_json(buf, w->stop_sequence);
    else
        WRITE(w, buf, "null");
    if (strcmp(reason, "refusal") == 0 && w->detail.len > 0) {
        WRITE(w, buf, ",\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":");
        w->host->buf_json(buf, w->detail);
        WRITE(w, buf, "}");
    }
}

static bool keep(const struct anthropic_writer *w, aigw_str text, aigw_str *ret)
{
    char *bytes = text.len > 0 ? w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, text.len) : NULL;

    *ret = (aigw_str){ bytes, bytes ? text.len : 0 };
    if (bytes)
        memcpy(bytes, text.ptr, text.len);
    return bytes || text.len == 0;
}

static aigw_status note_finish(struct anthropic_writer *w, const struct aigw_event *event)
{
    if (w->is_finished)
        return AIGW_OK;
    w->is_finished = true;
    w->finish = event->finish;
    return keep(w, event->stop_sequence, &w->stop_sequence) && keep(w, event->detail, &w->detail) ? AIGW_OK
                                                                                                  : AIGW_E_NOMEM;
}

static void note_usage(struct anthropic_writer *w, const struct aigw_usage *usage)
{
    if (!usage)
        return;
    w->usage = (struct aigw_usage)AIGW_USAGE_INIT;
    memcpy(&w->usage, usage, usage->struct_size < sizeof w->usage ? usage->struct_size : sizeof w->usage);
    w->usage.struct_size = sizeof w->usage;
}

/* ---- the message ---- */

void writer_begin_message(struct anthropic_writer *w, struct aigw_buf *buf)
{
    if (w->state != ANTHROPIC_WRITE_NEW)
        return;
    w->state = ANTHROPIC_WRITE_OPEN;
    if (w->options->is_stream)
        WRITE(w, buf, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    WRITE(w, buf, "{\"id\":");
    w->host->buf_json(buf, w->options->id);
    WRITE(w, buf, ",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    w->host->buf_json(buf, w->options->model);
    WRITE(w, buf, ",\"content\":[");
    if (!w->options->is_stream)
        return;
    WRITE(w, buf, "],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
    put_usage(w, buf);
    WRITE(w, buf, "}}\n\n");
}

aigw_status anthropic_write_end(struct anthropic_writer *w, struct aigw_buf *buf)
{
    aigw_status status;

    if (w->state == ANTHROPIC_WRITE_OVER)
        return AIGW_OK;
    writer_begin_message(w, buf);
    status = writer_close_all(w, buf);
    if (status != AIGW_OK)
        return status;
    w->state = ANTHROPIC_WRITE_OVER;
    if (!w->options->is_stream) {
        WRITE(w, buf, "],");
        put_finish(w, buf);
        WRITE(w, buf, ",\"usage\":");
        put_usage(w, buf);
        WRITE(w, buf, "}");
        return AIGW_OK;
    }
    WRITE(w, buf, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{");
    put_finish(w, buf);
    WRITE(w, buf, "},\"usage\":");
    put_usage(w, buf);
    WRITE(w, buf, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    return AIGW_OK;
}

void anthropic_write_error(struct anthropic_writer *w, struct aigw_buf *buf, const struct anthropic_refusal *refusal,
                           aigw_str request_id)
{
    if (w->state == ANTHROPIC_WRITE_OVER)
        return;
    w->state = ANTHROPIC_WRITE_OVER;
    WRITE(w, buf, "event: error\ndata: ");
    anthropic_write_refusal(w->host, buf, refusal, request_id);
    WRITE(w, buf, "\n\n");
}

void anthropic_write_ping(struct anthropic_writer *w, struct aigw_buf *buf)
{
    if (w->options->is_stream && w->state != ANTHROPIC_WRITE_OVER)
        WRITE(w, buf, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

/* ---- events ---- */

static bool is_ours(aigw_str origin)
{
    return wire_is(origin, ANTHROPIC_DIALECT);
}

static aigw_status write_thinking(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    if (event->type == AIGW_EVENT_REASONING)
        return w->options->thinking == ANTHROPIC_SEE_ALL ? writer_text(w, buf, AIGW_PART_REASONING, event->text)
                                                         : AIGW_OK;
    if (w->options->thinking == ANTHROPIC_SEE_NOTHING || event->data.len == 0)
        return AIGW_OK;
    if (event->type == AIGW_EVENT_PART_START)
        return writer_redacted(w, buf, event->origin, event->data);
    if (event->part_type == AIGW_PART_TEXT)
        return AIGW_OK; /* this dialect has no place for a text's signature */
    if (event->part_type == AIGW_PART_TOOL_CALL)
        return writer_call_signature(w, buf, event);
    return writer_signature(w, buf, event->origin, event->data);
}

aigw_status anthropic_write_event(struct anthropic_writer *w, struct aigw_buf *buf, const struct aigw_event *event)
{
    if (w->state == ANTHROPIC_WRITE_OVER || event->choice > 0)
        return AIGW_OK;
    switch (event->type) {
    case AIGW_EVENT_TEXT:
        return writer_text(w, buf, AIGW_PART_TEXT, event->text);
    case AIGW_EVENT_REFUSAL:
        w->is_refused = true;
        return writer_text(w, buf, AIGW_PART_TEXT, event->text);
    case AIGW_EVENT_TOOL_CALL:
        return writer_call(w, buf, event);
    case AIGW_EVENT_REASONING:
    case AIGW_EVENT_SIGNATURE:
        return write_thinking(w, buf, event);
    case AIGW_EVENT_PART_START:
        if (event->part_type == AIGW_PART_REDACTED)
            return write_thinking(w, buf, event);
        writer_part_start(w, event->part_type);
        return AIGW_OK;
    case AIGW_EVENT_PART_END:
        return writer_part_end(w, buf, event);
    case AIGW_EVENT_CITATION:
        return is_ours(event->origin) ? writer_citation(w, buf, event->text) : AIGW_OK;
    case AIGW_EVENT_OPAQUE:
        return is_ours(event->origin) ? writer_opaque(w, buf, event->text) : AIGW_OK;
    case AIGW_EVENT_USAGE:
        note_usage(w, event->usage);
        return AIGW_OK;
    case AIGW_EVENT_FINISH:
        return note_finish(w, event);
    default: /* what this dialect has no place for */
        return AIGW_OK;
    }
}
