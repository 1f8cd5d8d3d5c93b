/* history.c - whether the results in a conversation belong to its calls, one to each. Servers refuse one in which they
 * do not, each in its own way and some in ways that nobody understands: so it is said before any is asked, with the id.
 */
#include "wire.h"

#include <string.h>

#define CALLS_MAX 256u /* of one turn; more of them are the server's to judge */

/* The calls of the last turn of the assistant's: of its messages with no other's between them. */
struct turn {
    const struct aigw_part *calls[CALLS_MAX];
    bool has_result[CALLS_MAX];
    uint32_t count;
};

/* Clip what goes into words. */
static aigw_str shown(aigw_str id)
{
    return (aigw_str){ id.ptr, id.len < 100 ? id.len : 100 };
}

static aigw_status end_turn(const struct aigw_host *host, struct aigw_ctx *ctx, struct turn *turn)
{
    for (uint32_t i = 0; i < turn->count && turn->count <= CALLS_MAX; i++)
        if (!turn->has_result[i])
            return host->fail(ctx, AIGW_E_UNSUPPORTED,
                              "the tool call %.*s has no result; each call needs one behind it",
                              AIGW_STR_ARG(shown(turn->calls[i]->id)));
    turn->count = 0;
    return AIGW_OK;
}

static aigw_status take_result(const struct aigw_host *host, struct aigw_ctx *ctx, struct turn *turn,
                               const struct aigw_part *result)
{
    bool is_known = false;

    if (turn->count > CALLS_MAX)
        return AIGW_OK;
    for (uint32_t i = 0; i < turn->count; i++) {
        if (!wire_same(turn->calls[i]->id, result->id))
            continue;
        is_known = true;
        if (!turn->has_result[i]) { /* of calls that share an id each takes one */
            turn->has_result[i] = true;
            return AIGW_OK;
        }
    }
    if (is_known)
        return host->fail(ctx, AIGW_E_UNSUPPORTED,
                          "there is another result for the tool call %.*s; each call takes one",
                          AIGW_STR_ARG(shown(result->id)));
    return host->fail(ctx, AIGW_E_UNSUPPORTED,
                      "tool_call_id %.*s not found: the assistant's message before this result makes no such call",
                      AIGW_STR_ARG(shown(result->id)));
}

static void take_call(struct turn *turn, const struct aigw_part *call)
{
    if (turn->count < CALLS_MAX) {
        turn->calls[turn->count] = call;
        turn->has_result[turn->count] = false;
    }
    if (turn->count <= CALLS_MAX)
        turn->count++;
}

aigw_status wire_check_history(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_message *messages)
{
    struct turn turn;
    aigw_status status = AIGW_OK;
    bool goes_on = false;

    turn.count = 0;
    for (const struct aigw_message *msg = messages; msg && status == AIGW_OK; msg = msg->next) {
        if (msg->role == AIGW_ROLE_ASSISTANT && !goes_on)
            status = end_turn(host, ctx, &turn);
        goes_on = msg->role == AIGW_ROLE_ASSISTANT;
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next)
            if (part->type == AIGW_PART_TOOL_CALL)
                take_call(&turn, part);
            else if (part->type == AIGW_PART_TOOL_RESULT)
                status = take_result(host, ctx, &turn, part);
    }
    return status == AIGW_OK ? end_turn(host, ctx, &turn) : status;
}

/* ---- results that stand apart from their calls ---- */

#define APART_MAX 64u /* more of them are no mishap */

struct apart {
    struct aigw_part *result;
    const struct aigw_message *before; /* the assistant's last message before it */
};

/* A reader's lists are its own, and their nodes may be linked otherwise. */
static struct aigw_message *own_message(const struct aigw_message *msg)
{
    return (struct aigw_message *)(uintptr_t)msg;
}
static struct aigw_part *own_part(const struct aigw_part *part)
{
    return (struct aigw_part *)(uintptr_t)part;
}

/* Does the turn that begins here make it? And which is its last message? */
static bool has_call(const struct aigw_message *turn, aigw_str id, const struct aigw_message **ret_last)
{
    uint32_t count = 0;
    bool found = false;

    for (*ret_last = turn; turn && turn->role == AIGW_ROLE_ASSISTANT; turn = turn->next) {
        for (const struct aigw_part *part = turn->parts; part && !found; part = part->next)
            found = part->type == AIGW_PART_TOOL_CALL && (++count > CALLS_MAX || wire_same(part->id, id));
        *ret_last = turn;
    }
    return found;
}

static bool has_result(const struct aigw_message *msg, aigw_str id)
{
    for (; msg && wire_has_part(msg->parts, AIGW_PART_TOOL_RESULT); msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            if (part->type == AIGW_PART_TOOL_RESULT && wire_same(part->id, id))
                return true;
    return false;
}

/* The results of a message that do not belong to the turn before it leave it. False: they are too many. */
static bool take_apart(struct aigw_message *msg, const struct aigw_message *turn, const struct aigw_message *before,
                       struct apart *apart, uint32_t *count)
{
    const struct aigw_part **link = &msg->parts;
    const struct aigw_message *last;

    while (*link) {
        struct aigw_part *part = own_part(*link);

        if (part->type != AIGW_PART_TOOL_RESULT || (turn && has_call(turn, part->id, &last))) {
            link = &part->next;
            continue;
        }
        if (*count == APART_MAX)
            return false;
        *link = part->next;
        part->next = NULL;
        apart[(*count)++] = (struct apart){ part, before };
    }
    return true;
}

static bool collect_apart(const struct aigw_message **messages, struct apart *apart, uint32_t *count)
{
    const struct aigw_message **link = messages, *turn = NULL, *before = NULL;
    bool was_assistant = false;

    while (*link) {
        struct aigw_message *msg = own_message(*link);
        bool had_parts = msg->parts, has_results = wire_has_part(msg->parts, AIGW_PART_TOOL_RESULT);

        if (msg->role == AIGW_ROLE_ASSISTANT) {
            turn = was_assistant ? turn : msg;
            before = msg;
        } else if (!has_results) {
            turn = NULL;
        }
        was_assistant = msg->role == AIGW_ROLE_ASSISTANT;
        if (has_results && !take_apart(msg, turn, before, apart, count))
            return false;
        if (had_parts && !msg->parts)
            *link = msg->next;
        else
            link = &msg->next;
    }
    return true;
}

static aigw_status insert(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_message *last,
                          struct aigw_part *result)
{
    struct aigw_message *msg = own_message(last->next);

    if (!msg || !wire_has_part(msg->parts, AIGW_PART_TOOL_RESULT)) {
        msg = host->alloc(ctx, AIGW_LIFE_REQUEST, sizeof *msg);
        if (!msg)
            return AIGW_E_NOMEM;
        *msg = (struct aigw_message){ .struct_size = sizeof *msg, .role = AIGW_ROLE_TOOL, .next = last->next };
        own_message(last)->next = msg;
    }
    result->next = msg->parts;
    msg->parts = result;
    return AIGW_OK;
}

/* The last message of the turn that makes the call and has no result of it yet; NULL: there is none up to `until`, or
 * at all without one. */
static const struct aigw_message *find_turn(const struct aigw_message *messages, const struct aigw_message *until,
                                            aigw_str id)
{
    const struct aigw_message *last;

    for (const struct aigw_message *msg = messages; msg; msg = msg == until ? NULL : msg->next)
        if (msg->role == AIGW_ROLE_ASSISTANT && has_call(msg, id, &last) && !has_result(last->next, id))
            return last;
    return NULL;
}

aigw_status wire_place_results(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_message **messages,
                               bool may_come_first)
{
    struct apart apart[APART_MAX];
    uint32_t count = 0;
    aigw_status status = AIGW_OK;

    if (!collect_apart(messages, apart, &count))
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "more than %u results of tools stand apart from their calls",
                          APART_MAX);
    while (count-- > 0 && status == AIGW_OK) { /* the last one first: each goes to the front */
        const struct apart *one = &apart[count];
        const struct aigw_message *last = may_come_first ? find_turn(*messages, NULL, one->result->id)
                                          : one->before  ? find_turn(*messages, one->before, one->result->id)
                                                         : NULL;

        status = last ? insert(host, ctx, last, one->result)
                      : host->fail(ctx, AIGW_E_UNSUPPORTED,
                                   "tool_call_id %.*s not found: no message of the assistant's before this result "
                                   "makes such a call",
                                   AIGW_STR_ARG(shown(one->result->id)));
    }
    return status;
}
