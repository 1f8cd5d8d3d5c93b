/* responses_write_calls.c - the calls of a Responses answer, an item each, and signatures. What belongs to a call that
 * has not had its turn is kept until the calls before it are whole. */
#include <string.h>

#include "responses_write.h"

/* ---- calls ---- */

void responses_put_call(struct responses_writer *w, struct aigw_buf *buf, bool is_done)
{
    const struct aigw_host *host = w->host;
    const struct responses_call *call = w->call;
    aigw_str text = is_done ? responses_kept(w, call->text) : AIGW_STR("");

    host->buf_printf(buf, "{\"id\":");
    responses_put_item_id(w, buf);
    host->buf_printf(buf, ",\"type\":\"%s\",\"status\":\"%s\",\"call_id\":",
                     call->is_search ? "tool_search_call"
                     : call->is_free ? "custom_tool_call"
                                     : "function_call",
                     is_done ? "completed" : "in_progress");
    host->buf_json(buf, call->id);
    if (call->is_search) { /* an object, which it is only when it is whole */
        if (!wire_is_json_object(text))
            text = AIGW_STR("{}");
        host->buf_printf(buf, ",\"execution\":\"client\",\"arguments\":");
        host->buf_put(buf, text.ptr, text.len);
    } else {
        host->buf_printf(buf, ",\"name\":");
        host->buf_json(buf, call->name);
        if (call->scope.len > 0) {
            host->buf_printf(buf, ",\"namespace\":");
            host->buf_json(buf, call->scope);
        }
        host->buf_printf(buf, call->is_free ? ",\"input\":" : ",\"arguments\":");
        host->buf_json(buf, text);
    }
    host->buf_printf(buf, "}");
}

static bool is_free_tool(const struct responses_writer *w, aigw_str name)
{
    for (uint32_t i = 0; i < w->free_tool_count; i++)
        if (w->free_tools[i].len == name.len && memcmp(w->free_tools[i].ptr, name.ptr, name.len) == 0)
            return true;
    return false;
}

static struct responses_call *find_call(const struct responses_writer *w, uint32_t index)
{
    struct responses_call *call = w->call;

    if (call && call->index == index)
        return call;
    for (call = w->calls; call && call->index != index; call = call->next)
        ;
    return call;
}

static aigw_status add_call(struct responses_writer *w, const struct aigw_event *event, struct responses_call **ret)
{
    struct responses_call *call = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, sizeof *call);
    uint32_t number = w->last_call ? w->last_call->index + 1 : 0;
    char *made;
    aigw_status status;

    if (!call)
        return AIGW_E_NOMEM;
    *call = (struct responses_call){ .index = event->index,
                                     .is_free = is_free_tool(w, event->name),
                                     .is_search = w->has_tool_search && wire_is(event->name, "tool_search") };
    call->text = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, RESPONSES_TEXT_MAX);
    if (!call->text)
        return AIGW_E_NOMEM;
    status = responses_copy(w, event->id, &call->id);
    if (status == AIGW_OK && event->id.len == 0) { /* of a server that gives none */
        made = w->host->format(w->ctx, AIGW_LIFE_REQUEST, "call_%.*s_%u", w->id.len > 200 ? 200 : (int)w->id.len,
                               w->id.ptr, number);
        if (!made)
            return AIGW_E_NOMEM;
        call->id = wire_str(made);
    }
    if (status == AIGW_OK)
        status = responses_copy(w, event->name, &call->name);
    if (status == AIGW_OK)
        status = responses_copy(w, event->scope, &call->scope);
    if (w->last_call)
        w->last_call->next = call;
    else
        w->calls = call;
    w->last_call = call;
    *ret = call;
    return status;
}

static void put_call_delta(struct responses_writer *w, aigw_str text)
{
    if (text.len == 0 || w->call->is_search ||
        !responses_begin_part_event(w, w->call->is_free ? "response.custom_tool_call_input.delta"
                                                        : "response.function_call_arguments.delta"))
        return;
    responses_put_text(w, "delta", text);
    responses_end_event(w);
}

aigw_status responses_close_call(struct responses_writer *w)
{
    aigw_str text = responses_kept(w, w->call->text);

    w->call->is_ended = true;
    if (text.len == 0 && !w->call->is_free) {
        w->host->buf_put(w->call->text, "{}", 2);
        text = responses_kept(w, w->call->text);
        put_call_delta(w, text);
    }
    if (!w->call->is_search &&
        responses_begin_part_event(w, w->call->is_free ? "response.custom_tool_call_input.done"
                                                       : "response.function_call_arguments.done")) {
        if (!w->call->is_free)
            responses_put_text(w, "name", w->call->name);
        responses_put_text(w, w->call->is_free ? "input" : "arguments", text);
        responses_end_event(w);
    }
    return responses_finish_item(w);
}

static aigw_status open_call(struct responses_writer *w, struct responses_call *call)
{
    aigw_status status = responses_close(w);

    if (status != AIGW_OK)
        return status;
    w->call = call;
    status = responses_open_item(w, RESPONSES_CALL);
    if (status == AIGW_OK)
        put_call_delta(w, responses_kept(w, call->text)); /* what came before its turn */
    return status;
}

/* Whole, as far as can be told: arguments are one JSON value. Plain text has no end of its own. */
static bool is_whole(struct responses_writer *w, const struct responses_call *call)
{
    struct aigw_json root;

    return call->is_ended ||
           (!call->is_free && aigw_json_check(responses_kept(w, call->text), 0, &root, NULL) == AIGW_OK);
}

bool responses_is_inside_call(struct responses_writer *w)
{
    if (w->open == RESPONSES_CALL)
        for (const struct responses_call *call = w->call; call; call = call->next)
            if (!is_whole(w, call))
                return true;
    return false;
}

/* The calls behind the open one have their turn while those before them are whole. */
static aigw_status advance_calls(struct responses_writer *w)
{
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && w->call && w->call->next && (w->open != RESPONSES_CALL || is_whole(w, w->call)))
        status = open_call(w, w->call->next);
    return status;
}

aigw_status responses_write_call(struct responses_writer *w, const struct aigw_event *event)
{
    struct responses_call *call = find_call(w, event->index);
    aigw_status status = AIGW_OK;
    aigw_str view;
    bool is_first = !w->calls;

    if (!call)
        status = add_call(w, event, &call);
    if (status != AIGW_OK || call->is_ended) /* what comes behind the end of its item has no place */
        return status;
    if (is_first)
        status = open_call(w, call);
    else if (call != w->call)
        status = advance_calls(w);
    if (status != AIGW_OK)
        return status;
    w->host->buf_put(call->text, event->text.ptr, event->text.len);
    if (call == w->call && w->open == RESPONSES_CALL)
        put_call_delta(w, event->text);
    if (w->late && !responses_is_inside_call(w))
        status = responses_write_late(w);
    return status == AIGW_OK ? w->host->buf_view(call->text, &view) : status;
}

aigw_status responses_end_call(struct responses_writer *w, uint32_t index)
{
    struct responses_call *call = find_call(w, index);

    if (!call || call->is_ended)
        return AIGW_OK;
    call->is_ended = true;
    if (call != w->call || w->open != RESPONSES_CALL)
        return AIGW_OK;
    return responses_close_call(w);
}

aigw_status responses_close_all(struct responses_writer *w)
{
    aigw_status status = responses_close(w);

    while (status == AIGW_OK && w->call && w->call->next)
        status = open_call(w, w->call->next);
    if (status == AIGW_OK)
        status = responses_close(w);
    if (status == AIGW_OK && w->late)
        status = responses_write_late(w);
    return status == AIGW_OK ? responses_close(w) : status;
}

/* ---- signatures ---- */

static void put_base64(struct aigw_buf *buf, const struct aigw_host *host, aigw_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16 |
                         (left > 1 ? (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)(unsigned char)bytes.ptr[i + 2] : 0);
        char out[4] = { digits[group >> 18], digits[group >> 12 & 63], left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '=' };

        host->buf_put(buf, out, sizeof out);
    }
}

/* OpenAI's own goes as it is; another vendor's is marked, so that it finds its way home. */
static aigw_status keep_encrypted(struct responses_writer *w, const struct aigw_event *event, const char *tag)
{
    struct aigw_buf *buf;

    if (event->origin.len == 0 || wire_is(event->origin, OPENAI_RESPONSES_DIALECT))
        return responses_copy(w, event->data, &w->encrypted);
    buf = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, RESPONSES_TEXT_MAX);
    if (!buf)
        return AIGW_E_NOMEM;
    w->host->buf_put(buf, tag, strlen(tag));
    w->host->buf_put(buf, event->origin.ptr, event->origin.len);
    w->host->buf_put(buf, ".", 1);
    put_base64(buf, w->host, event->data);
    return w->host->buf_view(buf, &w->encrypted);
}

/* The call's own item has no member for it: the next one has. The call is whole then. */
static aigw_status write_call_signature(struct responses_writer *w, const struct aigw_event *event)
{
    aigw_status status;

    if (w->open != RESPONSES_CALL || w->call->index != event->index || event->origin.len == 0)
        return AIGW_OK;
    status = responses_close_call(w);
    w->is_thought = false;
    if (status == AIGW_OK)
        status = responses_open_item(w, RESPONSES_REASONING);
    return status == AIGW_OK ? keep_encrypted(w, event, RESPONSES_TAG_CALL) : status;
}

aigw_status responses_write_signature(struct responses_writer *w, const struct aigw_event *event)
{
    aigw_status status = AIGW_OK;

    if (event->data.len == 0)
        return AIGW_OK;
    if (event->part_type == AIGW_PART_TOOL_CALL)
        return write_call_signature(w, event);
    if (w->open != RESPONSES_REASONING || w->encrypted.len > 0)
        status = responses_close_all(w);
    if (status == AIGW_OK && w->open != RESPONSES_REASONING) {
        w->is_thought = false;
        status = responses_open_item(w, RESPONSES_REASONING);
    }
    return status == AIGW_OK
               ? keep_encrypted(w, event,
                                event->part_type == AIGW_PART_REDACTED ? RESPONSES_TAG_REDACTED : RESPONSES_TAG)
               : status;
}
