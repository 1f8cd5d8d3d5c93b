/* responses_write.c - canonical events → the answer of the Responses API: its begin and end, as a stream or whole. */
#include "responses_write.h"

#include <string.h>

void responses_put(struct responses_writer *w, const char *text)
{
    w->host->buf_put(w->buf, text, strlen(text));
}

void responses_put_text(struct responses_writer *w, const char *name, aigw_str text)
{
    responses_put(w, ",\"");
    responses_put(w, name);
    responses_put(w, "\":");
    w->host->buf_json(w->buf, text);
}

/* By hand: it is in every event of a stream. */
static void put_number(struct responses_writer *w, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    w->host->buf_put(w->buf, digits + at, sizeof digits - at);
}

bool responses_begin_event(struct responses_writer *w, const char *type)
{
    if (!w->is_stream)
        return false;
    responses_put(w, "event: ");
    responses_put(w, type);
    responses_put(w, "\ndata: {\"type\":\"");
    responses_put(w, type);
    responses_put(w, "\",\"sequence_number\":");
    put_number(w, w->sequence++);
    return true;
}

void responses_end_event(struct responses_writer *w)
{
    responses_put(w, "}\n\n");
}

aigw_status responses_renew(struct responses_writer *w, struct aigw_buf **buf)
{
    if (!*buf)
        *buf = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, RESPONSES_TEXT_MAX);
    if (!*buf)
        return AIGW_E_NOMEM;
    w->host->buf_clear(*buf);
    return AIGW_OK;
}

aigw_str responses_kept(struct responses_writer *w, struct aigw_buf *buf)
{
    aigw_str view = AIGW_STR_NONE;

    return buf && w->host->buf_view(buf, &view) == AIGW_OK ? view : AIGW_STR_NONE;
}

aigw_status responses_copy(struct responses_writer *w, aigw_str text, aigw_str *ret)
{
    return wire_keep(w->host, w->ctx, text, ret);
}

/* ---- the response object ---- */

static void put_usage(struct responses_writer *w)
{
    const struct aigw_usage *usage = &w->usage;
    long long input = usage->input > 0 ? usage->input : 0, output = usage->output > 0 ? usage->output : 0;

    /* Clients read the details without asking whether they are there. */
    w->host->buf_printf(w->buf,
                        "{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":%lld,"
                        "\"cache_write_tokens\":%lld},\"output_tokens\":%lld,\"output_tokens_details\":{"
                        "\"reasoning_tokens\":%lld},\"total_tokens\":%lld}",
                        input, usage->cache_read > 0 ? (long long)usage->cache_read : 0,
                        usage->cache_write > 0 ? (long long)usage->cache_write : 0, output,
                        usage->reasoning > 0 ? (long long)usage->reasoning : 0, input + output);
}

/* What becomes of the response. */
struct outcome {
    const char *status;
    const char *incomplete; /* why; NULL: it is not */
    const struct openai_error *error;
    aigw_str message;
};

static void put_outcome(struct responses_writer *w, const struct outcome *outcome)
{
    if (strcmp(outcome->status, "completed") == 0)
        w->host->buf_printf(w->buf, ",\"completed_at\":%lld", (long long)w->host->time_s(w->ctx));
    else
        responses_put(w, ",\"completed_at\":null");
    w->host->buf_printf(w->buf, ",\"status\":\"%s\",\"error\":", outcome->status);
    if (outcome->error) {
        responses_put(w, "{\"code\":");
        w->host->buf_json(w->buf, outcome->error->code);
        responses_put_text(w, "message", outcome->message);
        responses_put(w, "}");
    } else {
        responses_put(w, "null");
    }
    if (outcome->incomplete)
        w->host->buf_printf(w->buf, ",\"incomplete_details\":{\"reason\":\"%s\"}", outcome->incomplete);
    else
        responses_put(w, ",\"incomplete_details\":null");
}

/* Nothing is kept, so it says store:false. The tools, which may be many, are not repeated. Members that the
 * specification demands are there whatever their value. */
static void put_response(struct responses_writer *w, const struct outcome *outcome, bool is_last)
{
    aigw_str output = responses_kept(w, w->output);

    responses_put(w, "{\"id\":");
    w->host->buf_json(w->buf, w->id);
    w->host->buf_printf(w->buf, ",\"object\":\"response\",\"created_at\":%lld", (long long)w->created);
    put_outcome(w, outcome);
    responses_put_text(w, "model", w->model);
    responses_put(w, ",\"background\":false,\"frequency_penalty\":0,\"instructions\":null,\"max_tool_calls\":null,"
                     "\"presence_penalty\":0,\"previous_response_id\":null,\"store\":false,\"tools\":[],"
                     "\"truncation\":\"disabled\",");
    w->host->buf_put(w->buf, w->echo.ptr, w->echo.len);
    responses_put(w, ",\"output\":[");
    w->host->buf_put(w->buf, output.ptr, output.len);
    responses_put(w, "],\"usage\":");
    if (is_last)
        put_usage(w);
    else
        responses_put(w, "null");
    responses_put(w, "}");
}

static void put_response_event(struct responses_writer *w, const char *type, const struct outcome *outcome,
                               bool is_last)
{
    if (!responses_begin_event(w, type))
        return;
    responses_put(w, ",\"response\":");
    put_response(w, outcome, is_last);
    responses_end_event(w);
}

/* Every stream begins so; its accumulators need both. */
static void begin_response(struct responses_writer *w)
{
    static const struct outcome outcome = { .status = "in_progress" };

    if (w->is_begun)
        return;
    w->is_begun = true;
    put_response_event(w, "response.created", &outcome, false);
    put_response_event(w, "response.in_progress", &outcome, false);
}

/* ---- an answer ---- */

static aigw_status copy_names(struct responses_writer *w, const struct openai_asked *asked)
{
    aigw_str *names;
    aigw_status status = AIGW_OK;

    if (asked->free_tool_count == 0)
        return AIGW_OK;
    names = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, asked->free_tool_count * sizeof *names);
    if (!names)
        return AIGW_E_NOMEM;
    for (uint32_t i = 0; i < asked->free_tool_count && status == AIGW_OK; i++)
        status = responses_copy(w, asked->free_tools[i], &names[i]);
    w->free_tools = names;
    w->free_tool_count = asked->free_tool_count;
    return status;
}

aigw_status responses_write_begin(struct responses_writer *w, const struct aigw_host *host, struct aigw_ctx *ctx,
                                  struct aigw_buf *buf, const struct openai_asked *asked,
                                  const struct openai_identity *identity)
{
    aigw_status status;

    w->host = host;
    w->ctx = ctx;
    w->buf = buf;
    w->is_stream = asked->is_stream;
    w->shows_reasoning = asked->shows_reasoning;
    w->wants_encrypted = asked->wants_encrypted;
    w->has_tool_search = asked->has_tool_search;
    w->created = identity->created;
    w->usage = (struct aigw_usage)AIGW_USAGE_INIT;
    status = responses_copy(w, identity->id, &w->id);
    if (status == AIGW_OK)
        status = responses_copy(w, identity->model, &w->model);
    if (status == AIGW_OK)
        status = responses_copy(w, asked->echo, &w->echo);
    if (status == AIGW_OK)
        status = responses_renew(w, &w->output);
    return status == AIGW_OK ? copy_names(w, asked) : status;
}

static aigw_status take_event(struct responses_writer *w, const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_TEXT:
        return responses_write_piece(w, AIGW_PART_TEXT, false, event->text);
    case AIGW_EVENT_REASONING:
        return w->shows_reasoning
                   ? responses_write_piece(w, AIGW_PART_REASONING, event->part_flags & AIGW_PARTF_RAW, event->text)
                   : AIGW_OK;
    case AIGW_EVENT_REFUSAL:
        return responses_write_piece(w, AIGW_PART_REFUSAL, false, event->text);
    case AIGW_EVENT_TOOL_CALL:
        return responses_write_call(w, event);
    case AIGW_EVENT_PART_END:
        return event->part_type == AIGW_PART_TOOL_CALL ? responses_end_call(w, event->index) : AIGW_OK;
    case AIGW_EVENT_SIGNATURE:
        return w->wants_encrypted ? responses_write_signature(w, event) : AIGW_OK;
    case AIGW_EVENT_CITATION:
        return responses_write_citation(w, event->text);
    case AIGW_EVENT_LOGPROBS:
        return responses_keep_logprobs(w, event->text);
    case AIGW_EVENT_FINISH:
        w->finish = event->finish; /* written at the end: some servers say why, and go on */
        return AIGW_OK;
    default: /* what this dialect has no words for, or nobody needs to know */
        return AIGW_OK;
    }
}

static aigw_status write_state(struct responses_writer *w)
{
    aigw_str view;

    return w->host->buf_view(w->buf, &view);
}

aigw_status responses_write_event(struct responses_writer *w, const struct aigw_event *event)
{
    aigw_status status = AIGW_OK;

    if (w->is_over)
        return AIGW_OK;
    switch (event->type) {
    case AIGW_EVENT_USAGE:
        if (event->usage)
            w->usage = *event->usage;
        break;
    case AIGW_EVENT_WAITING:
        responses_write_heartbeat(w);
        break;
    case AIGW_EVENT_DROPPED:
    case AIGW_EVENT_MODEL:
        break;
    default:
        if (event->choice > 0)
            break;
        begin_response(w);
        status = take_event(w, event);
    }
    return status == AIGW_OK ? write_state(w) : status;
}

/* The last event, or all of a whole answer. */
static void put_last(struct responses_writer *w, const char *type, const struct outcome *outcome)
{
    w->is_over = true;
    if (w->is_stream)
        put_response_event(w, type, outcome, true);
    else
        put_response(w, outcome, true);
}

aigw_status responses_write_end(struct responses_writer *w)
{
    static const struct openai_error malformed = { .code = AIGW_STR_INIT("server_error") };
    struct outcome outcome = { .status = "completed" };
    aigw_status status;

    if (w->is_over)
        return AIGW_OK;
    begin_response(w);
    status = responses_close_all(w);
    if (status != AIGW_OK)
        return status;
    switch (w->finish) {
    case AIGW_FINISH_LENGTH:
    case AIGW_FINISH_CONTEXT_FULL:
    case AIGW_FINISH_PAUSE:
        outcome = (struct outcome){ .status = "incomplete", .incomplete = "max_output_tokens" };
        put_last(w, "response.incomplete", &outcome);
        break;
    case AIGW_FINISH_CONTENT_FILTER:
    case AIGW_FINISH_GUARDRAIL:
        outcome = (struct outcome){ .status = "incomplete", .incomplete = "content_filter" };
        put_last(w, "response.incomplete", &outcome);
        break;
    case AIGW_FINISH_MALFORMED:
        outcome = (struct outcome){ .status = "failed",
                                    .error = &malformed,
                                    .message = AIGW_STR("the model wrote a tool call that cannot be read; ask again") };
        put_last(w, "response.failed", &outcome);
        break;
    default:
        put_last(w, "response.completed", &outcome);
    }
    return write_state(w);
}

aigw_status responses_write_error(struct responses_writer *w, const struct aigw_error *error)
{
    struct openai_error form;
    struct outcome outcome = { .status = "failed", .error = &form, .message = error->message };

    if (w->is_over)
        return AIGW_OK;
    openai_error_of(error, &form);
    if (form.code.len == 0) /* here it must be a text */
        form.code = wire_str(form.type);
    if (w->is_stream) {
        begin_response(w);
        put_last(w, "response.failed", &outcome);
        return write_state(w);
    }
    w->is_over = true;
    w->host->buf_clear(w->buf);
    openai_put_error(w->host, w->buf, &form, error->message);
    return write_state(w);
}

void responses_write_heartbeat(struct responses_writer *w)
{
    if (w->is_stream && !w->is_over)
        responses_put(w, ": waiting\n\n");
}
