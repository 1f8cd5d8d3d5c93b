/* history.c - whether the results in a conversation belong to its calls. Servers refuse one in which they do not, each
 * in its own way and some in ways that nobody understands: so it is said before any is asked, with the id. */
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
    uint32_t i = 0;

    while (i < turn->count && i < CALLS_MAX && !wire_same(turn->calls[i]->id, result->id))
        i++;
    if (i < turn->count && i < CALLS_MAX)
        turn->has_result[i] = true;
    else if (turn->count <= CALLS_MAX)
        return host->fail(ctx, AIGW_E_UNSUPPORTED,
                          "tool_call_id %.*s not found: the assistant's message before this result makes no such call",
                          AIGW_STR_ARG(shown(result->id)));
    return AIGW_OK;
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
