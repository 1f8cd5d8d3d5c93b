/* answer_write_whole.c - events → one object: what they say is collected and written at the end. Embeddings, which come
 * whole only, are written as they come, in the order of the inputs. */
#include "answer_write.h"

#include <string.h>

#include "../../features/common/vector.h"
#include "../common/read.h"

/* ---- collecting ---- */

static const char *const chat_lists[] = { "content", "refusal" };
static const char *const completion_lists[] = { "tokens", "token_logprobs", "top_logprobs", "text_offset" };

static const char *const *lists_of(const struct openai_writer *w, size_t *ret_count)
{
    *ret_count = w->path == OPENAI_CHAT ? 2 : OPENAI_LOGPROBS_MAX;
    return w->path == OPENAI_CHAT ? chat_lists : completion_lists;
}

/* A streamed answer says them piece by piece: the lists of all pieces behind one another. */
static aigw_status keep_logprobs(struct openai_writer *w, struct openai_written *choice, aigw_str text)
{
    size_t count;
    const char *const *lists = lists_of(w, &count);
    struct reader reader;
    struct aigw_json root, list;
    aigw_status status = AIGW_OK;

    if (reader_begin(&reader, text, &root))
        for (size_t i = 0; i < count && status == AIGW_OK; i++) {
            aigw_str items = AIGW_STR_NONE;

            if (reader_member(&root, lists[i], AIGW_JSON_LIST, &list))
                items = reader_json(&reader, &list);
            if (items.len == 0 || reader.is_short)
                continue;
            items = (aigw_str){ items.ptr + 1, items.len - 2 };
            if (openai_kept(w, choice->logprobs[i]).len > 0 && aigw_json_count(&list) > 0)
                status = openai_keep(w, &choice->logprobs[i], AIGW_STR(","));
            if (status == AIGW_OK)
                status = openai_keep(w, &choice->logprobs[i], items);
        }
    if (reader.is_short)
        status = AIGW_E_NOMEM;
    reader_end(&reader);
    return status;
}

aigw_status openai_whole_event(struct openai_writer *w, struct openai_written *choice, const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_TEXT:
        return openai_keep(w, &choice->text, event->text);
    case AIGW_EVENT_REASONING:
        return openai_keep(w, &choice->reasoning, event->text);
    case AIGW_EVENT_REFUSAL:
        return openai_keep(w, &choice->refusal, event->text);
    case AIGW_EVENT_LOGPROBS:
        return keep_logprobs(w, choice, event->text);
    default:
        return AIGW_OK;
    }
}

/* ---- writing ---- */

static void put_logprobs(struct openai_writer *w, const struct openai_written *choice)
{
    size_t count;
    const char *const *lists = lists_of(w, &count);
    bool has_any = false;

    for (size_t i = 0; i < count; i++)
        has_any = has_any || choice->logprobs[i];
    if (!has_any) {
        openai_put(w, "null");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        w->host->buf_printf(w->buf, "%s\"%s\":", i > 0 ? "," : "{", lists[i]);
        if (!choice->logprobs[i]) {
            openai_put(w, "null");
            continue;
        }
        openai_put(w, "[");
        openai_put_str(w, openai_kept(w, choice->logprobs[i]));
        openai_put(w, "]");
    }
    openai_put(w, "}");
}

static void put_calls(struct openai_writer *w, const struct openai_written *choice)
{
    const struct openai_written_call *call = choice->calls;
    aigw_str text;

    if (call && w->uses_functions) { /* the deprecated form has room for one */
        openai_put(w, ",\"function_call\":{\"name\":");
        openai_put_json(w, call->name);
        openai_put(w, ",\"arguments\":");
        text = openai_kept(w, call->text);
        openai_put_json(w, text.len > 0 ? text : AIGW_STR("{}"));
        openai_put(w, "}");
        return;
    }
    if (!call)
        return;
    openai_put(w, ",\"tool_calls\":[");
    for (; call; call = call->next) {
        text = openai_kept(w, call->text);
        openai_put_call_head(w, call, false);
        openai_put(w, call->is_free ? ",\"input\":" : ",\"arguments\":");
        openai_put_json(w, text.len > 0 || call->is_free ? text : AIGW_STR("{}"));
        openai_put(w, call->next ? "}}," : "}}");
    }
    openai_put(w, "]");
}

static void put_member(struct openai_writer *w, const char *member, struct aigw_buf *kept)
{
    openai_put(w, member);
    openai_put_json(w, openai_kept(w, kept));
}

static void put_choice(struct openai_writer *w, uint32_t index, const struct openai_written *choice)
{
    aigw_str notes = openai_kept(w, choice->notes);

    if (w->path == OPENAI_COMPLETION) {
        put_member(w, "{\"text\":", choice->text);
        w->host->buf_printf(w->buf, ",\"index\":%u", index);
    } else {
        w->host->buf_printf(w->buf, "{\"index\":%u,\"message\":{\"role\":\"assistant\"", index);
        /* No text beside calls or a refusal is null; otherwise there is an empty answer. */
        if (choice->text || (!choice->calls && !choice->refusal))
            put_member(w, ",\"content\":", choice->text);
        else
            openai_put(w, ",\"content\":null");
        if (choice->refusal)
            put_member(w, ",\"refusal\":", choice->refusal);
        else
            openai_put(w, ",\"refusal\":null");
        if (choice->reasoning)
            put_member(w, ",\"reasoning_content\":", choice->reasoning);
        if (notes.len > 0) {
            openai_put(w, ",\"annotations\":[");
            openai_put_str(w, notes);
            openai_put(w, "]");
        }
        put_calls(w, choice);
        openai_put(w, "}");
    }
    openai_put(w, ",\"logprobs\":");
    put_logprobs(w, choice);
    w->host->buf_printf(w->buf, ",\"finish_reason\":\"%s\"}", openai_finish_word(w, choice));
}

aigw_status openai_whole_end(struct openai_writer *w)
{
    uint32_t count = 0;

    openai_put_str(w, w->head);
    for (uint32_t i = 0; i < w->choice_count; i++) {
        const struct openai_written *choice = &w->choices[i];

        if (!choice->is_seen && (i > 0 || w->choice_count > 1))
            continue;
        if (count++ > 0)
            openai_put(w, ",");
        put_choice(w, i, choice);
    }
    openai_put(w, "],\"usage\":");
    openai_put_usage(w);
    openai_put(w, "}");
    return AIGW_OK;
}

/* ---- embeddings ---- */

static void put_vector(struct openai_writer *w, const float *vector, uint32_t len)
{
    w->host->buf_printf(w->buf, "%s{\"object\":\"embedding\",\"index\":%u,\"embedding\":",
                        w->next_vector > 0 ? "," : "{\"object\":\"list\",\"data\":[", w->next_vector);
    if (w->wants_base64)
        vector_put_base64(w->host, w->buf, vector, len);
    else
        vector_put_list(w->host, w->buf, vector, len);
    openai_put(w, "}");
    w->next_vector++;
}

aigw_status openai_vector_event(struct openai_writer *w, const struct aigw_event *event)
{
    size_t len = event->vector_len * sizeof *event->vector;
    float *copy;

    if (event->index >= w->vector_count || event->index < w->next_vector || w->vectors[event->index].numbers)
        return AIGW_OK;
    if (event->index > w->next_vector) {
        copy = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, len > 0 ? len : 1);
        if (!copy)
            return AIGW_E_NOMEM;
        if (len > 0)
            memcpy(copy, event->vector, len);
        w->vectors[event->index] = (struct openai_vector){ copy, event->vector_len };
        return AIGW_OK;
    }
    put_vector(w, event->vector, event->vector_len);
    while (w->next_vector < w->vector_count && w->vectors[w->next_vector].numbers)
        put_vector(w, w->vectors[w->next_vector].numbers, w->vectors[w->next_vector].len);
    return AIGW_OK;
}

void openai_vector_end(struct openai_writer *w)
{
    if (w->next_vector == 0)
        openai_put(w, "{\"object\":\"list\",\"data\":[");
    openai_put_str(w, w->head);
    openai_put(w, ",\"usage\":");
    openai_put_usage(w);
    openai_put(w, "}");
}
