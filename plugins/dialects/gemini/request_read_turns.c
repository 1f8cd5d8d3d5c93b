/* request_read_turns.c - the pieces of an answer that a client brings back in its history, as one turn.
 *
 * Google's SDKs keep a streamed answer as they got it, a content for each piece, the last one without a word. A server
 * of another dialect would take each for a message of its own. */
#include "request_read.h"

/* A reader's lists are its own, and their nodes may be linked otherwise. */
static struct aigw_message *own_message(const struct aigw_message *msg)
{
    return (struct aigw_message *)(uintptr_t)msg;
}
static struct aigw_part *own_part(const struct aigw_part *part)
{
    return (struct aigw_part *)(uintptr_t)part;
}

/** A turn being put together. */
struct joining {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct aigw_part *first, *last;
    struct aigw_buf *text; /* of `last`, when it is more than one piece's */
};

/* Nothing but words. */
static bool is_plain(const struct aigw_part *part)
{
    return (part->type == AIGW_PART_TEXT || part->type == AIGW_PART_REASONING) && part->data.len == 0 &&
           part->extra.len == 0;
}

/* The text of the last part is complete. */
static aigw_status end_text(struct joining *j)
{
    aigw_status status = j->text ? j->host->buf_view(j->text, &j->last->text) : AIGW_OK;

    j->text = NULL;
    return status;
}

static aigw_status add_text(struct joining *j, aigw_str text)
{
    if (!j->text) {
        j->text = j->host->buf_new(j->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
        if (!j->text)
            return AIGW_E_NOMEM;
        j->host->buf_put(j->text, j->last->text.ptr, j->last->text.len);
    }
    j->host->buf_put(j->text, text.ptr, text.len);
    return AIGW_OK;
}

/* The parts of one piece; the first goes on with what the piece before it said. */
static aigw_status add_piece(struct joining *j, const struct aigw_part *parts)
{
    aigw_status status = AIGW_OK;
    bool may_go_on = j->last != NULL;

    while (parts && status == AIGW_OK) {
        struct aigw_part *part = own_part(parts);

        parts = part->next;
        if (is_plain(part) && part->text.len == 0)
            continue;
        if (may_go_on && is_plain(part) && is_plain(j->last) && part->type == j->last->type) {
            status = add_text(j, part->text);
        } else {
            status = end_text(j);
            if (j->last)
                j->last->next = part;
            else
                j->first = part;
            j->last = part;
        }
        may_go_on = false;
    }
    return status;
}

aigw_status gemini_read_turns(struct gemini_reading *r)
{
    aigw_status status = AIGW_OK;

    for (const struct aigw_message *msg = r->request->messages; msg && status == AIGW_OK; msg = msg->next) {
        struct joining joining = { .host = r->host, .ctx = r->ctx };
        const struct aigw_message *piece = msg;

        if (msg->role != AIGW_ROLE_ASSISTANT || !msg->next || msg->next->role != AIGW_ROLE_ASSISTANT)
            continue;
        for (; piece && piece->role == AIGW_ROLE_ASSISTANT && status == AIGW_OK; piece = piece->next)
            status = add_piece(&joining, piece->parts);
        if (status == AIGW_OK)
            status = end_text(&joining);
        if (joining.last)
            joining.last->next = NULL;
        own_message(msg)->parts = joining.first;
        own_message(msg)->next = piece;
    }
    return status;
}
