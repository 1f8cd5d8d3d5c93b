/* shared_script.c - runs of shared.lua: their arguments and their replies. Replies are believed only when they have
 * exactly the shape and range that was asked for.
 *
 * Keys share the tag {aigw}. A pace is the store's time (microseconds) until which it is used up; sums and money are
 * numbers; a hash has the calls under way by replica, and counts those of replicas that have said of late that they
 * live. The ledger of a replica holds the number of its last op, and the verdicts of the last 64: after a connection
 * was lost it tells which of those under way were done. */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits/sharing.h"

#define NUMBER_MAX (INT64_C(1) << 53)                 /* larger ones are not exact in a script */
#define VALUE_MAX  ((int64_t)(2 * GW_COST_MAX * 1e9)) /* of a counter: a budget may be more, and exact to 256e-9 */
#define FIXED_KEYS 2
#define HEAD_ARGS  5
#define HEAD_REPLY 7
#define ITEM_ARGS  5
#define PLACES_MS  INT64_C(172800000) /* two days: no call lasts as long */

#define ARGS_MAX (3 + FIXED_KEYS + HEAD_ARGS + GW_SHARED_ITEMS * (1 + ITEM_ARGS))
#define TEXT_MAX (ARGS_MAX * 32)

_Static_assert(GW_SHARED_ALIVE_MS == 6000 && GW_SHARED_OPS == 64, "shared.lua has these numbers, too");

/* ---- commands ---- */

struct gw_command {
    int argc;
    size_t used;
    bool is_cut;
    const char *argv[ARGS_MAX];
    size_t lens[ARGS_MAX];
    char text[TEXT_MAX];
};

struct gw_command *gw_command_new(void)
{
    return malloc(sizeof(struct gw_command));
}

void gw_command_free(struct gw_command *command)
{
    free(command);
}

static void put(struct gw_command *command, const char *word)
{
    command->lens[command->argc] = strlen(word);
    command->argv[command->argc++] = word;
}

/** A word of its own memory: short ones, for which the room was reckoned. */
static void AIGW_PRINTF(2, 3) put_text(struct gw_command *command, const char *fmt, ...)
{
    char *at = command->text + command->used;
    const size_t room = sizeof command->text - command->used;
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(at, room, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= room) {
        command->is_cut = true;
        return;
    }
    command->used += (size_t)len + 1;
    put(command, at);
}

void gw_command_set(struct gw_command *command, const char *const *words)
{
    command->argc = 0;
    command->used = 0;
    command->is_cut = false;
    while (*words)
        put(command, *words++);
}

void gw_command_auth(struct gw_command *command, const struct gw_shared_options *options)
{
    const char *const both[] = { "AUTH", options->user, options->password, NULL };
    const char *const alone[] = { "AUTH", options->password, NULL };

    gw_command_set(command, options->user ? both : alone);
}

void gw_command_select(struct gw_command *command, const struct gw_shared_options *options)
{
    gw_command_set(command, (const char *const[]){ "SELECT", NULL });
    put_text(command, "%" PRId64, options->db);
}

static void put_item(struct gw_command *command, const struct gw_share_item *item, int64_t wall_s)
{
    static const char *const kinds[] = {
        [GW_NEED_PLACE] = "places", [GW_NEED_PACE] = "pace", [GW_NEED_SUM] = "sum", [GW_NEED_MONEY] = "money"
    };
    const struct gw_limit_need *need = &item->need;
    const int64_t left_s = need->end_s - wall_s;

    put(command, kinds[need->kind]);
    put_text(command, "%" PRId64, item->base);
    put_text(command, "%" PRId64, need->add);
    put_text(command, "%" PRId64, need->room);
    put_text(command, "%" PRId64, need->end_s ? ((left_s > 0 ? left_s : 0) + GW_DAY_S) * 1000 : PLACES_MS);
}

void gw_command_call(struct gw_command *command, const char *sha, const struct gw_script_call *call)
{
    static const char letters[GW_LIMIT_COUNTERS] = {
        [GW_LIMIT_PARALLEL] = 'p', [GW_LIMIT_REQUESTS] = 'r', [GW_LIMIT_TOKENS] = 't', [GW_LIMIT_COST] = 'c'
    };
    const char *const words[] = { "EVALSHA", sha, NULL };

    gw_command_set(command, words);
    put_text(command, "%zu", FIXED_KEYS + call->count);
    put_text(command, GW_LEDGER_KEY, call->ledger);
    put(command, GW_ALIVE_KEY);
    for (size_t i = 0; i < call->count; i++)
        put_text(command, "{aigw}:%016llx:%c", (unsigned long long)atomic_load(&call->items[i].slot->id),
                 letters[call->items[i].need.counter]);
    put(command, call->replica);
    put_text(command, "%" PRIu64, call->seq);
    put(command, call->is_ask ? "ask" : "tell");
    put(command, call->is_beat ? "beat" : "-");
    put_text(command, "%" PRId64, call->since_ms);
    for (size_t i = 0; i < call->count; i++)
        put_item(command, &call->items[i], call->wall_s);
}

int gw_command_argc(const struct gw_command *command)
{
    return command->is_cut ? 0 : command->argc;
}

const char **gw_command_argv(struct gw_command *command)
{
    return command->argv;
}

const size_t *gw_command_lens(const struct gw_command *command)
{
    return command->lens;
}

/* ---- replies ---- */

static const char *read_number(const redisReply *reply, size_t at, int64_t min, int64_t max, int64_t *ret_value)
{
    if (reply->element[at]->type != REDIS_REPLY_INTEGER)
        return "a part of its reply is no number";
    *ret_value = reply->element[at]->integer;
    return *ret_value < min || *ret_value > max ? "a number in its reply is out of all range" : NULL;
}

const char *gw_script_read(const struct redisReply *reply, uint64_t seq, size_t count,
                           struct gw_script_reply *ret_reply)
{
    int64_t said = 0, refused = 0;
    const char *why;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != HEAD_REPLY + count)
        return "its reply has not the shape that was asked for";
    why = read_number(reply, 0, 0, NUMBER_MAX, &said);
    if (!why && (uint64_t)said != seq)
        why = "its reply belongs to something else";
    if (!why)
        why = read_number(reply, 1, 0, (int64_t)count, &refused);
    if (!why)
        why = read_number(reply, 2, -1, NUMBER_MAX, &ret_reply->wait_us);
    if (!why)
        why = read_number(reply, 3, 0, 1000000, &ret_reply->replicas);
    if (!why)
        why = read_number(reply, 4, -1, 1000000, &ret_reply->rank);
    if (!why)
        why = read_number(reply, 5, 0, NUMBER_MAX, &ret_reply->now_ms);
    if (!why)
        why = read_number(reply, 6, 0, 1000000, &ret_reply->fresh);
    for (size_t i = 0; i < count && !why; i++)
        why = read_number(reply, HEAD_REPLY + i, 0, VALUE_MAX, &ret_reply->values[i]);
    ret_reply->refused = (size_t)refused;
    return why;
}

bool gw_ledger_is_good(aigw_str ledger)
{
    const char *colon = ledger.len ? memchr(ledger.ptr, ':', ledger.len) : NULL;
    uint64_t seq;

    if (!colon || !gw_str_to_u64((aigw_str){ ledger.ptr, (size_t)(colon - ledger.ptr) }, NUMBER_MAX, &seq))
        return false;
    for (const char *at = colon + 1; at < ledger.ptr + ledger.len; at++)
        if (*at != '0' && *at != '1')
            return false;
    return true;
}

int gw_ledger_verdict(aigw_str ledger, uint64_t seq)
{
    const char *colon = ledger.len ? memchr(ledger.ptr, ':', ledger.len) : NULL;
    uint64_t last;

    if (!colon || !gw_str_to_u64((aigw_str){ ledger.ptr, (size_t)(colon - ledger.ptr) }, NUMBER_MAX, &last))
        return -1;
    if (seq > last || last - seq >= (uint64_t)(ledger.ptr + ledger.len - (colon + 1)))
        return -1;
    return ledger.ptr[ledger.len - 1 - (size_t)(last - seq)] == '1';
}
