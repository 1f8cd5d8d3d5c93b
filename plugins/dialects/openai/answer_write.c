/* answer_write.c - canonical events → answers in the OpenAI dialect: the state of an answer, and what streams and whole
 * answers share. Tool calls are numbered without gaps here, whatever the events' indexes are, and get an id where the
 * model server gave none. */
#include "answer_write.h"

#include <string.h>

#include "../common/read.h"

void openai_put(struct openai_writer *w, const char *text)
{
    w->host->buf_put(w->buf, text, strlen(text));
}

void openai_put_str(struct openai_writer *w, aigw_str text)
{
    w->host->buf_put(w->buf, text.ptr, text.len);
}

void openai_put_json(struct openai_writer *w, aigw_str text)
{
    w->host->buf_json(w->buf, text);
}

aigw_status openai_keep(struct openai_writer *w, struct aigw_buf **buf, aigw_str text)
{
    aigw_str view;

    if (!*buf)
        *buf = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, OPENAI_TEXT_MAX);
    if (!*buf)
        return AIGW_E_NOMEM;
    w->host->buf_put(*buf, text.ptr, text.len);
    return w->host->buf_view(*buf, &view);
}

aigw_str openai_kept(struct openai_writer *w, struct aigw_buf *buf)
{
    aigw_str view = AIGW_STR_NONE;

    return buf && w->host->buf_view(buf, &view) == AIGW_OK ? view : AIGW_STR_NONE;
}

aigw_status openai_copy(struct openai_writer *w, aigw_str text, aigw_str *ret)
{
    return wire_keep(w->host, w->ctx, text, ret);
}

/* ---- usage and finish ---- */

const char *openai_finish_word(const struct openai_writer *w, const struct openai_written *choice)
{
    switch (choice->finish) {
    case AIGW_FINISH_LENGTH:
    case AIGW_FINISH_CONTEXT_FULL:
        return "length";
    case AIGW_FINISH_CONTENT_FILTER:
    case AIGW_FINISH_GUARDRAIL:
        return "content_filter";
    case AIGW_FINISH_UNKNOWN:
    case AIGW_FINISH_STOP:
    case AIGW_FINISH_TOOL_CALLS: /* whether there are calls is told by the calls */
        return choice->call_count == 0 ? "stop" : w->uses_functions ? "function_call" : "tool_calls";
    default:
        return "stop";
    }
}

static void put_details(struct openai_writer *w, const char *name, const char *const *members, const int64_t *counts,
                        size_t count)
{
    bool is_open = false;

    for (size_t i = 0; i < count; i++) {
        if (counts[i] < 0)
            continue;
        if (is_open)
            w->host->buf_printf(w->buf, ",\"%s\":%lld", members[i], (long long)counts[i]);
        else
            w->host->buf_printf(w->buf, ",\"%s\":{\"%s\":%lld", name, members[i], (long long)counts[i]);
        is_open = true;
    }
    if (is_open)
        openai_put(w, "}");
}

void openai_put_usage(struct openai_writer *w)
{
    static const char *const of_input[] = { "cached_tokens", "cache_write_tokens", "audio_tokens" };
    static const char *const of_output[] = { "reasoning_tokens", "audio_tokens" };
    const struct aigw_usage *usage = &w->usage;
    const int64_t input_details[] = { usage->cache_read, usage->cache_write, usage->audio_input };
    const int64_t output_details[] = { usage->reasoning, usage->audio_output };
    long long input = usage->input > 0 ? usage->input : 0, output = usage->output > 0 ? usage->output : 0;

    if (w->path == OPENAI_EMBEDDING) {
        w->host->buf_printf(w->buf, "{\"prompt_tokens\":%lld,\"total_tokens\":%lld}", input, input);
        return;
    }
    w->host->buf_printf(w->buf, "{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld", input,
                        output, input + output);
    put_details(w, "prompt_tokens_details", of_input, input_details, 3);
    put_details(w, "completion_tokens_details", of_output, output_details, 2);
    openai_put(w, "}");
}

/* ---- citations ---- */

static int64_t number_of(const struct aigw_json *object, const char *name, const char *other, int64_t otherwise)
{
    return reader_int(object, name, reader_int(object, other, otherwise));
}

bool openai_read_citation(struct reader *reader, const struct aigw_json *citation, size_t char_count,
                          struct openai_citation *ret)
{
    int64_t here = (int64_t)char_count;
    struct aigw_json inner;

    if (reader_member(citation, "url_citation", AIGW_JSON_OBJECT, &inner))
        citation = &inner;
    *ret = (struct openai_citation){ .start = number_of(citation, "start_index", "startIndex", here),
                                     .end = number_of(citation, "end_index", "endIndex", here),
                                     .url = reader_str(reader, citation, "url"),
                                     .title = reader_str(reader, citation, "title") };
    if (ret->url.len == 0)
        ret->url = reader_str(reader, citation, "uri");
    if (ret->title.len == 0)
        ret->title = ret->url;
    return ret->url.len > 0;
}

void openai_put_citation(const struct aigw_host *host, struct aigw_buf *buf, const struct openai_citation *citation)
{
    host->buf_printf(buf, "\"start_index\":%lld,\"end_index\":%lld,\"url\":", (long long)citation->start,
                     (long long)citation->end);
    host->buf_json(buf, citation->url);
    host->buf_put(buf, ",\"title\":", 9);
    host->buf_json(buf, citation->title);
}

static aigw_status keep_citation(struct openai_writer *w, struct openai_written *choice, aigw_str text)
{
    const char *before = openai_kept(w, choice->notes).len > 0 ? "," : "";
    struct openai_citation citation;
    struct reader reader;
    struct aigw_json root;
    aigw_status status = AIGW_OK;

    if (reader_begin(&reader, text, &root) && openai_read_citation(&reader, &root, choice->char_count, &citation)) {
        status = openai_keep(w, &choice->notes, wire_str(before));
        if (status == AIGW_OK) {
            w->host->buf_printf(choice->notes, "{\"type\":\"url_citation\",\"url_citation\":{");
            openai_put_citation(w->host, choice->notes, &citation);
            w->host->buf_put(choice->notes, "}}", 2);
        }
    }
    if (reader.is_short)
        status = AIGW_E_NOMEM;
    reader_end(&reader);
    return status;
}

/* ---- tool calls ---- */

static bool is_free_tool(const struct openai_writer *w, aigw_str name)
{
    for (uint32_t i = 0; i < w->free_tool_count; i++)
        if (w->free_tools[i].len == name.len && memcmp(w->free_tools[i].ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

static aigw_status make_id(struct openai_writer *w, aigw_str *ret)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    enum { BEFORE = 5, RANDOM = 24 };
    uint8_t bytes[RANDOM];
    char id[BEFORE + RANDOM] = "call_";
    aigw_status status = w->host->random(w->ctx, bytes, sizeof bytes);

    if (status != AIGW_OK)
        return status;
    for (size_t i = 0; i < RANDOM; i++)
        id[BEFORE + i] = letters[bytes[i] % (sizeof letters - 1)];
    return openai_copy(w, (aigw_str){ id, sizeof id }, ret);
}

static struct openai_written_call *find_call(const struct openai_written *choice, uint32_t index)
{
    struct openai_written_call *call = choice->last_call;

    if (call && call->index == index)
        return call;
    for (call = choice->calls; call && call->index != index; call = call->next)
        ;
    return call;
}

static aigw_status begin_call(struct openai_writer *w, struct openai_written *choice, const struct aigw_event *event,
                              struct openai_written_call **ret)
{
    struct openai_written_call *call = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, sizeof *call);
    aigw_status status;

    if (!call)
        return AIGW_E_NOMEM;
    *call = (struct openai_written_call){ .index = event->index,
                                          .number = choice->call_count++,
                                          .is_free = is_free_tool(w, event->name) };
    if (choice->last_call)
        choice->last_call->next = call;
    else
        choice->calls = call;
    choice->last_call = call;
    if (choice->early_signature.len > 0 && choice->early_index == event->index)
        call->signature = choice->early_signature;
    status = event->id.len > 0 ? openai_copy(w, event->id, &call->id) : make_id(w, &call->id);
    *ret = call;
    return status == AIGW_OK ? openai_copy(w, event->name, &call->name) : status;
}

void openai_put_call_head(struct openai_writer *w, const struct openai_written_call *call, bool has_number)
{
    openai_put(w, "{");
    if (has_number)
        w->host->buf_printf(w->buf, "\"index\":%u,", call->number);
    openai_put(w, "\"id\":");
    openai_put_json(w, call->id);
    openai_put(w, call->is_free ? ",\"type\":\"custom\"" : ",\"type\":\"function\"");
    if (call->signature.len > 0)
        openai_put_signature(w, call->signature);
    openai_put(w, call->is_free ? ",\"custom\":{\"name\":" : ",\"function\":{\"name\":");
    openai_put_json(w, call->name);
}

/* As Google's own server of this dialect hands it out, and wants it back. */
void openai_put_signature(struct openai_writer *w, aigw_str signature)
{
    openai_put(w, ",\"extra_content\":{\"google\":{\"thought_signature\":");
    openai_put_json(w, signature);
    openai_put(w, "}}");
}

/* ---- an answer ---- */

static const char *object_of(const struct openai_writer *w)
{
    return w->path == OPENAI_COMPLETION ? "text_completion"
           : w->is_stream               ? "chat.completion.chunk"
                                        : "chat.completion";
}

static aigw_status write_head(struct openai_writer *w, const struct openai_identity *identity)
{
    struct aigw_buf *buf = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, OPENAI_TEXT_MAX);

    if (!buf)
        return AIGW_E_NOMEM;
    if (w->path == OPENAI_EMBEDDING) {
        w->host->buf_printf(buf, "],\"model\":");
        w->host->buf_json(buf, identity->model);
    } else {
        w->host->buf_printf(buf, "%s{\"id\":", w->is_stream ? "data: " : "");
        w->host->buf_json(buf, identity->id);
        w->host->buf_printf(buf, ",\"object\":\"%s\",\"created\":%lld,\"model\":", object_of(w),
                            (long long)identity->created);
        w->host->buf_json(buf, identity->model);
        w->host->buf_printf(buf, ",\"choices\":[");
    }
    return w->host->buf_view(buf, &w->head);
}

static aigw_status copy_names(struct openai_writer *w, const struct openai_asked *asked)
{
    aigw_str *names;
    aigw_status status = AIGW_OK;

    if (asked->free_tool_count == 0)
        return AIGW_OK;
    names = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, asked->free_tool_count * sizeof *names);
    if (!names)
        return AIGW_E_NOMEM;
    for (uint32_t i = 0; i < asked->free_tool_count && status == AIGW_OK; i++)
        status = openai_copy(w, asked->free_tools[i], &names[i]);
    w->free_tools = names;
    w->free_tool_count = asked->free_tool_count;
    return status;
}

static void *get_zeroed(struct openai_writer *w, size_t len)
{
    void *memory = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, len);

    if (memory)
        memset(memory, 0, len);
    return memory;
}

aigw_status openai_write_begin(struct openai_writer *w, const struct aigw_host *host, struct aigw_ctx *ctx,
                               struct aigw_buf *buf, const struct openai_asked *asked,
                               const struct openai_identity *identity, uint32_t vector_count)
{
    uint32_t prompts = asked->prompt_count > 0 ? asked->prompt_count : 1;
    aigw_status status;

    w->host = host;
    w->ctx = ctx;
    w->buf = buf;
    w->path = asked->path;
    w->is_stream = asked->is_stream && asked->path != OPENAI_EMBEDDING;
    w->wants_usage = asked->wants_usage;
    w->wants_base64 = asked->wants_base64;
    w->uses_functions = asked->uses_functions;
    w->usage = (struct aigw_usage)AIGW_USAGE_INIT;
    if (prompts > UINT32_MAX / OPENAI_CHOICES_MAX)
        return AIGW_E_LIMIT;
    if (w->path == OPENAI_EMBEDDING) {
        w->vector_count = vector_count;
        w->vectors = get_zeroed(w, vector_count * sizeof *w->vectors + 1);
        if (!w->vectors)
            return AIGW_E_NOMEM;
    } else {
        w->choice_count = asked->choice_count * prompts;
        w->choices = get_zeroed(w, w->choice_count * sizeof *w->choices);
        if (!w->choices)
            return AIGW_E_NOMEM;
    }
    status = write_head(w, identity);
    return status == AIGW_OK ? copy_names(w, asked) : status;
}

/* The first piece of a call, once it is known whether a signature comes behind it: clients look for one there only. */
static void release_call(struct openai_writer *w)
{
    struct openai_written *choice = w->holding;

    w->holding = NULL;
    if (choice && choice->last_call)
        openai_stream_call(w, choice, choice->last_call, choice->held_text, true);
}

/* Of a tool call, and one of Google's; those of reasoning have no place here. */
static bool is_call_signature(const struct openai_writer *w, const struct aigw_event *event)
{
    return event->type == AIGW_EVENT_SIGNATURE && event->part_type == AIGW_PART_TOOL_CALL &&
           wire_is(event->origin, "gemini") && !w->uses_functions;
}

static aigw_status take_signature(struct openai_writer *w, struct openai_written *choice,
                                  const struct aigw_event *event)
{
    struct openai_written_call *call = find_call(choice, event->index);
    aigw_status status;

    if (!call) {
        choice->early_index = event->index;
        return openai_copy(w, event->data, &choice->early_signature);
    }
    if (!w->is_stream)
        return openai_copy(w, event->data, &call->signature);
    if (w->holding == choice && choice->last_call == call) {
        status = openai_copy(w, event->data, &call->signature);
        release_call(w);
        return status;
    }
    release_call(w);
    openai_stream_signature(w, choice, call, event->data);
    return AIGW_OK;
}

static aigw_status take_call(struct openai_writer *w, struct openai_written *choice, const struct aigw_event *event)
{
    struct openai_written_call *call = find_call(choice, event->index);
    bool is_new = !call;
    aigw_status status = is_new ? begin_call(w, choice, event, &call) : AIGW_OK;

    choice->is_seen = true;
    if (status != AIGW_OK)
        return status;
    if (!w->is_stream)
        return openai_keep(w, &call->text, event->text);
    if (is_new) {
        w->holding = choice;
        return openai_copy(w, event->text, &choice->held_text);
    }
    openai_stream_call(w, choice, call, event->text, false);
    return AIGW_OK;
}

static aigw_status take_event(struct openai_writer *w, struct openai_written *choice, const struct aigw_event *event)
{
    bool is_chat = w->path == OPENAI_CHAT;

    if (!is_call_signature(w, event))
        release_call(w);
    switch (event->type) {
    case AIGW_EVENT_REASONING:
        if (!is_chat || w->hides_reasoning)
            return AIGW_OK;
        break;
    case AIGW_EVENT_REFUSAL:
        if (!is_chat)
            return AIGW_OK;
        break;
    case AIGW_EVENT_TEXT:
        choice->char_count += is_chat ? aigw_utf8_count(event->text) : 0;
        break;
    case AIGW_EVENT_LOGPROBS:
        break;
    case AIGW_EVENT_FINISH: /* written at the end: some servers say why, and go on */
        choice->finish = choice->is_finished ? choice->finish : event->finish;
        choice->is_finished = choice->is_seen = true;
        return AIGW_OK;
    case AIGW_EVENT_TOOL_CALL:
        return is_chat ? take_call(w, choice, event) : AIGW_OK;
    case AIGW_EVENT_SIGNATURE:
        return is_chat && is_call_signature(w, event) ? take_signature(w, choice, event) : AIGW_OK;
    case AIGW_EVENT_CITATION:
        return is_chat ? keep_citation(w, choice, event->text) : AIGW_OK;
    default: /* what this dialect has no words for, or nobody needs to know */
        return AIGW_OK;
    }
    choice->is_seen = true;
    if (!w->is_stream)
        return openai_whole_event(w, choice, event);
    openai_stream_event(w, choice, event);
    return AIGW_OK;
}

static aigw_status write_state(struct openai_writer *w)
{
    aigw_str view;

    return w->host->buf_view(w->buf, &view);
}

aigw_status openai_write_event(struct openai_writer *w, const struct aigw_event *event)
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
        openai_write_heartbeat(w);
        break;
    case AIGW_EVENT_EMBEDDING:
        status = w->path == OPENAI_EMBEDDING ? openai_vector_event(w, event) : AIGW_OK;
        break;
    default:
        if (event->choice < w->choice_count)
            status = take_event(w, &w->choices[event->choice], event);
    }
    return status == AIGW_OK ? write_state(w) : status;
}

aigw_status openai_write_end(struct openai_writer *w)
{
    aigw_status status = AIGW_OK;

    if (w->is_over)
        return AIGW_OK;
    w->is_over = true;
    release_call(w);
    if (w->path == OPENAI_EMBEDDING)
        openai_vector_end(w);
    else if (w->is_stream)
        openai_stream_end(w);
    else
        status = openai_whole_end(w);
    return status == AIGW_OK ? write_state(w) : status;
}

aigw_status openai_write_error(struct openai_writer *w, const struct aigw_error *error)
{
    struct openai_error form;

    if (w->is_over)
        return AIGW_OK;
    w->is_over = true;
    openai_error_of(error, &form);
    if (w->is_stream)
        openai_put(w, "data: ");
    else
        w->host->buf_clear(w->buf);
    openai_put_error(w->host, w->buf, &form, error->message);
    if (w->is_stream)
        openai_put(w, "\n\n");
    return write_state(w);
}

void openai_write_heartbeat(struct openai_writer *w)
{
    if (w->is_stream && !w->is_over)
        openai_put(w, ": waiting\n\n");
}
