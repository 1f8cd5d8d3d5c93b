/* answer_write_stream.c - events → chunks, each an event of a stream. One event, one chunk: nothing is held back but
 * the first piece of a call (until the next event), the finish and citations (for the last chunk of their choice) and
 * usage (for the last one of all). */
#include "answer_write.h"

static uint32_t index_of(const struct openai_writer *w, const struct openai_written *choice)
{
    return (uint32_t)(choice - w->choices);
}

/* {…"choices":[{"index":0,"delta":{ */
static void open_delta(struct openai_writer *w, uint32_t index)
{
    openai_put_str(w, w->head);
    if (index == 0) /* as nearly always */
        openai_put(w, "{\"index\":0,\"delta\":{");
    else
        w->host->buf_printf(w->buf, "{\"index\":%u,\"delta\":{", index);
}

static void close_delta(struct openai_writer *w)
{
    openai_put(w, "},\"finish_reason\":null}]}\n\n");
}

/* The first chunk of each choice says who speaks. They begin in order: a client's list of choices has no gaps. */
static void begin_choices(struct openai_writer *w, uint32_t index)
{
    for (; w->begun_count <= index; w->begun_count++) {
        open_delta(w, w->begun_count);
        openai_put(w, "\"role\":\"assistant\",\"content\":\"\"");
        close_delta(w);
    }
}

static void put_piece(struct openai_writer *w, uint32_t index, const char *member, aigw_str text)
{
    if (text.len == 0)
        return;
    open_delta(w, index);
    openai_put(w, member);
    openai_put_json(w, text);
    close_delta(w);
}

/* A chunk of a legacy completion. */
static void put_completion(struct openai_writer *w, uint32_t index, aigw_str text, aigw_str logprobs,
                           const char *finish)
{
    openai_put_str(w, w->head);
    openai_put(w, "{\"text\":");
    openai_put_json(w, text);
    w->host->buf_printf(w->buf, ",\"index\":%u,\"logprobs\":", index);
    openai_put_str(w, logprobs.len > 0 ? logprobs : AIGW_STR("null"));
    if (finish)
        w->host->buf_printf(w->buf, ",\"finish_reason\":\"%s\"}]}\n\n", finish);
    else
        openai_put(w, ",\"finish_reason\":null}]}\n\n");
}

static void put_call(struct openai_writer *w, uint32_t index, const struct openai_written_call *call, aigw_str text,
                     bool is_new)
{
    if (!is_new && text.len == 0)
        return;
    open_delta(w, index);
    openai_put(w, "\"tool_calls\":[");
    if (is_new) {
        openai_put_call_head(w, call, true);
        openai_put(w, call->is_free ? ",\"input\":" : ",\"arguments\":");
    } else {
        w->host->buf_printf(w->buf, "{\"index\":%u,", call->number);
        openai_put(w, call->is_free ? "\"custom\":{\"input\":" : "\"function\":{\"arguments\":");
    }
    openai_put_json(w, text);
    openai_put(w, "}}]");
    close_delta(w);
}

/* The deprecated form has room for one call. */
static void put_function_call(struct openai_writer *w, uint32_t index, const struct openai_written_call *call,
                              aigw_str text, bool is_new)
{
    if (call->number > 0 || (!is_new && text.len == 0))
        return;
    open_delta(w, index);
    openai_put(w, "\"function_call\":{");
    if (is_new) {
        openai_put(w, "\"name\":");
        openai_put_json(w, call->name);
        openai_put(w, ",");
    }
    openai_put(w, "\"arguments\":");
    openai_put_json(w, text);
    openai_put(w, "}");
    close_delta(w);
}

void openai_stream_call(struct openai_writer *w, const struct openai_written *choice, struct openai_written_call *call,
                        aigw_str text, bool is_new)
{
    uint32_t index = index_of(w, choice);

    call->has_text = call->has_text || text.len > 0;
    begin_choices(w, index);
    if (w->uses_functions)
        put_function_call(w, index, call, text, is_new);
    else
        put_call(w, index, call, text, is_new);
}

void openai_stream_signature(struct openai_writer *w, const struct openai_written *choice,
                             const struct openai_written_call *call, aigw_str signature)
{
    open_delta(w, index_of(w, choice));
    w->host->buf_printf(w->buf, "\"tool_calls\":[{\"index\":%u", call->number);
    openai_put_signature(w, signature);
    /* Clients' accumulators insist on this member in every piece. */
    openai_put(w, call->is_free ? ",\"custom\":{\"input\":\"\"}}]" : ",\"function\":{\"arguments\":\"\"}}]");
    close_delta(w);
}

/* Servers send no arguments where a call has none; clients parse what they joined, and nothing is no JSON. */
static void end_calls(struct openai_writer *w, const struct openai_written *choice)
{
    for (struct openai_written_call *call = choice->calls; call; call = call->next)
        if (!call->has_text && !call->is_free)
            openai_stream_call(w, choice, call, AIGW_STR("{}"), false);
}

static void put_finish(struct openai_writer *w, struct openai_written *choice)
{
    uint32_t index = index_of(w, choice);
    aigw_str notes = openai_kept(w, choice->notes);

    if (choice->finish != AIGW_FINISH_LENGTH)
        end_calls(w, choice);
    if (w->path == OPENAI_COMPLETION) {
        put_completion(w, index, AIGW_STR(""), AIGW_STR_NONE, openai_finish_word(w, choice));
        return;
    }
    open_delta(w, index);
    if (notes.len > 0) {
        openai_put(w, "\"annotations\":[");
        openai_put_str(w, notes);
        openai_put(w, "]");
    }
    w->host->buf_printf(w->buf, "},\"finish_reason\":\"%s\"}]}\n\n", openai_finish_word(w, choice));
}

static void put_logprobs(struct openai_writer *w, uint32_t index, aigw_str logprobs)
{
    open_delta(w, index);
    openai_put(w, "},\"logprobs\":");
    openai_put_str(w, logprobs);
    openai_put(w, ",\"finish_reason\":null}]}\n\n");
}

static void put_completion_event(struct openai_writer *w, struct openai_written *choice, const struct aigw_event *event)
{
    uint32_t index = index_of(w, choice);

    if (event->type == AIGW_EVENT_TEXT && event->text.len > 0)
        put_completion(w, index, event->text, AIGW_STR_NONE, NULL);
    else if (event->type == AIGW_EVENT_LOGPROBS)
        put_completion(w, index, AIGW_STR(""), event->text, NULL);
}

void openai_stream_event(struct openai_writer *w, struct openai_written *choice, const struct aigw_event *event)
{
    uint32_t index = index_of(w, choice);

    if (w->path == OPENAI_COMPLETION) {
        put_completion_event(w, choice, event);
        return;
    }
    begin_choices(w, index);
    switch (event->type) {
    case AIGW_EVENT_TEXT:
        put_piece(w, index, "\"content\":", event->text);
        break;
    case AIGW_EVENT_REASONING:
        put_piece(w, index, "\"reasoning_content\":", event->text);
        break;
    case AIGW_EVENT_REFUSAL:
        put_piece(w, index, "\"refusal\":", event->text);
        break;
    case AIGW_EVENT_LOGPROBS:
        put_logprobs(w, index, event->text);
        break;
    default:
        break;
    }
}

void openai_stream_end(struct openai_writer *w)
{
    /* An answer that says nothing is an empty message, and every message ends with a reason. */
    for (uint32_t i = 0; i < w->choice_count; i++) {
        struct openai_written *choice = &w->choices[i];

        if (i > 0 && !choice->is_seen && i >= w->begun_count)
            continue;
        if (w->path == OPENAI_CHAT)
            begin_choices(w, i);
        put_finish(w, choice);
    }
    if (w->wants_usage) {
        openai_put_str(w, w->head);
        openai_put(w, "],\"usage\":");
        openai_put_usage(w);
        openai_put(w, "}\n\n");
    }
    openai_put(w, "data: [DONE]\n\n");
}
