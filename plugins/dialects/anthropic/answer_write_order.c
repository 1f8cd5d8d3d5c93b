/* answer_write_order.c - blocks of this dialect follow each other, canonical calls may alternate: a block that begins
 * while a call is not complete waits for it.
 *
 * A call is complete at the end of its arguments' object, or at its PART_END. So calls that come one after the other,
 * as nearly all do, are never held back; only the pieces of those that alternate are. */
#include "answer_write.h"

#include <string.h>

#define WAITING_MAX 1024 /* blocks */
#define IDS_MAX     256  /* that are compared */

bool writer_may_leave(const struct anthropic_writer *w)
{
    return !w->waiting && (w->state != ANTHROPIC_WRITE_BLOCK || w->block_type != AIGW_PART_TOOL_CALL || w->is_ended);
}

void writer_follow(struct anthropic_writer *w, aigw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (w->is_in_escape) {
            w->is_in_escape = false;
        } else if (w->is_in_string) {
            w->is_in_escape = c == '\\';
            w->is_in_string = c != '"';
        } else if (c == '"') {
            w->is_in_string = true;
        } else if (c == '{' || c == '[') {
            w->call_depth++;
        } else if ((c == '}' || c == ']') && w->call_depth > 0 && --w->call_depth == 0) {
            w->is_ended = true;
        }
    }
}

struct anthropic_waiting *writer_waiting_call(const struct anthropic_writer *w, uint32_t index)
{
    for (struct anthropic_waiting *at = w->waiting; at; at = at->next)
        if (at->type == AIGW_PART_TOOL_CALL && at->index == index)
            return at;
    return NULL;
}

static bool copy(const struct anthropic_writer *w, aigw_str text, aigw_str *ret)
{
    char *bytes = text.len > 0 ? w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, text.len) : NULL;

    *ret = (aigw_str){ bytes, bytes ? text.len : 0 };
    if (bytes)
        memcpy(bytes, text.ptr, text.len);
    return bytes || text.len == 0;
}

static struct anthropic_waiting *add(struct anthropic_writer *w, uint32_t type, const struct aigw_event *event)
{
    struct anthropic_waiting *added = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, sizeof *added);

    if (!added)
        return NULL;
    *added = (struct anthropic_waiting){ .type = type, .index = event->index };
    added->text = w->host->buf_new(w->ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    if (!added->text || !copy(w, event->id, &added->id) || !copy(w, event->name, &added->name))
        return NULL;
    if (w->last_waiting)
        w->last_waiting->next = added;
    else
        w->waiting = added;
    w->last_waiting = added;
    w->waiting_count++;
    return added;
}

aigw_status writer_wait(struct anthropic_writer *w, uint32_t type, const struct aigw_event *event)
{
    struct anthropic_waiting *at = w->last_waiting;

    if (!at || type == AIGW_PART_TOOL_CALL || at->type != type || at->is_ended) {
        if (w->waiting_count >= WAITING_MAX)
            return writer_nonsense(w, "has more blocks that alternate than can be put in order");
        at = add(w, type, event);
    }
    if (!at)
        return AIGW_E_NOMEM;
    w->host->buf_put(at->text, event->text.ptr, event->text.len);
    return AIGW_OK;
}

/* ---- ids ---- */

struct anthropic_written_id {
    struct anthropic_written_id *next;
    aigw_str id;
};

static bool is_taken(const struct anthropic_writer *w, aigw_str id)
{
    const struct anthropic_written_id *at = w->ids;

    for (uint32_t i = 0; at && i < IDS_MAX; i++, at = at->next)
        if (at->id.len == id.len && memcmp(at->id.ptr, id.ptr, id.len) == 0)
            return true;
    return false;
}

bool writer_unique_id(struct anthropic_writer *w, aigw_str id, aigw_str *ret)
{
    struct anthropic_written_id *added = w->host->alloc(w->ctx, AIGW_LIFE_REQUEST, sizeof *added);
    uint32_t number = 2;
    const char *text;

    if (!added || !copy(w, id, &added->id))
        return false;
    while (is_taken(w, added->id)) {
        text = w->host->format(w->ctx, AIGW_LIFE_REQUEST, "%.*s_%u", AIGW_STR_ARG(id), number++);
        if (!text)
            return false;
        added->id = wire_str(text);
    }
    added->next = w->ids;
    w->ids = added;
    *ret = added->id;
    return true;
}
