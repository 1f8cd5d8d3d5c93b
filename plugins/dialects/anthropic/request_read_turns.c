/* request_read_turns.c - the instructions and messages of a Messages body. Blocks become parts in their order, but for
 * results, which come first in their turn, as servers want them. */
#include <string.h>

#include "../common/carry.h"
#include "anthropic.h"
#include "request_read_blocks.h"

#define MESSAGES_MAX 100000 /* says the API */

/* Where a block stands. */
#define IN_USER      0x1u
#define IN_ASSISTANT 0x2u
#define IN_SYSTEM    0x4u  /* a message of that role */
#define IN_TOP       0x8u  /* the member "system" */
#define IN_RESULT    0x10u /* a tool's result */

static const char *const of_names[OF_COUNT] = {
    [OF_TYPE] = "type",           [OF_TEXT] = "text",
    [OF_SOURCE] = "source",       [OF_CACHE] = "cache_control",
    [OF_CITATIONS] = "citations", [OF_TITLE] = "title",
    [OF_CONTEXT] = "context",     [OF_ID] = "id",
    [OF_NAME] = "name",           [OF_INPUT] = "input",
    [OF_CALLER] = "caller",       [OF_TOOL_USE_ID] = "tool_use_id",
    [OF_CONTENT] = "content",     [OF_IS_ERROR] = "is_error",
    [OF_THINKING] = "thinking",   [OF_SIGNATURE] = "signature",
    [OF_DATA] = "data",
};

/** Parts in order. */
struct reading_parts {
    struct aigw_part *first, *last;
};

struct reading_talk;

/** What the blocks of one message come to. */
struct reading_turn {
    struct reading_parts parts, results;
    struct reading_talk *talk; /* NULL where no calls and results can be */
    size_t number;             /* of the message */
};

static bool read_blocks(struct reading *r, const struct aigw_json *list, uint32_t where, struct reading_turn *turn);

static void append(struct reading_parts *parts, struct aigw_part *part)
{
    if (parts->last)
        parts->last->next = part;
    else
        parts->first = part;
    parts->last = part;
}

static struct aigw_part *new_part(struct reading *r, uint32_t type)
{
    struct aigw_part *part;

    if (!reading_count(r))
        return NULL;
    part = reading_alloc(r, sizeof *part);
    if (part) {
        part->struct_size = sizeof *part;
        part->type = type;
    }
    return part;
}

/* ---- kinds of blocks ---- */

static bool read_text(struct reading *r, struct reading_block *b)
{
    b->part->type = AIGW_PART_TEXT;
    if (!reading_text(r, &b->of[OF_TEXT], "text", READING_REQUIRED, &b->part->text) ||
        !reading_type(r, &b->of[OF_CITATIONS], "citations", READING_OPTIONAL, AIGW_JSON_LIST))
        return false;
    if (aigw_json_count(&b->of[OF_CITATIONS]) == 0)
        return true;
    b->part->origin = AIGW_STR(ANTHROPIC_DIALECT);
    return reading_json(r, &b->of[OF_CITATIONS], &b->part->citations);
}

static bool read_call(struct reading *r, struct reading_block *b)
{
    struct reading_extra extra = { NULL };
    struct aigw_json type;

    b->part->type = AIGW_PART_TOOL_CALL;
    b->part->text = AIGW_STR("{}");
    if (!reading_name(r, &b->of[OF_ID], "id", &b->part->id) ||
        !reading_name(r, &b->of[OF_NAME], "name", &b->part->name) ||
        !reading_type(r, &b->of[OF_INPUT], "input", READING_OPTIONAL, AIGW_JSON_OBJECT))
        return false;
    if (reading_is(&b->of[OF_INPUT]) && !reading_json(r, &b->of[OF_INPUT], &b->part->text))
        return false;
    aigw_json_member(&b->of[OF_CALLER], "type", &type);
    if (type.type == AIGW_JSON_STRING && !aigw_json_is_text(&type, "direct") &&
        !reading_extra_add(r, &extra, AIGW_STR("\"caller\""), &b->of[OF_CALLER]))
        return false;
    return reading_extra_end(r, &extra, &b->part->extra);
}

static bool read_result(struct reading *r, struct reading_block *b)
{
    struct reading_turn inner = { .talk = NULL };
    bool is_error = false;

    b->part->type = AIGW_PART_TOOL_RESULT;
    if (!reading_name(r, &b->of[OF_TOOL_USE_ID], "tool_use_id", &b->part->id) ||
        !reading_bool(r, &b->of[OF_IS_ERROR], "is_error", &is_error))
        return false;
    b->part->flags |= is_error ? AIGW_PARTF_ERROR : 0;
    if (b->of[OF_CONTENT].type == AIGW_JSON_STRING)
        return reading_text(r, &b->of[OF_CONTENT], "content", READING_OPTIONAL, &b->part->text);
    if (!reading_type(r, &b->of[OF_CONTENT], "content", READING_OPTIONAL, AIGW_JSON_LIST) ||
        !read_blocks(r, &b->of[OF_CONTENT], IN_RESULT, &inner))
        return false;
    b->part->parts = inner.parts.first;
    return true;
}

static void take_signature(struct reading *r, aigw_str text, struct aigw_part *part)
{
    carry_read(r->host, r->ctx, ANTHROPIC_DIALECT, text, &part->origin, &part->data);
    r->has_foreign |= !wire_is(part->origin, ANTHROPIC_DIALECT);
}

static bool read_thinking(struct reading *r, struct reading_block *b)
{
    aigw_str signature = AIGW_STR_NONE;

    b->part->type = AIGW_PART_REASONING;
    if (!reading_text(r, &b->of[OF_THINKING], "thinking", READING_REQUIRED, &b->part->text) ||
        !reading_str(r, &b->of[OF_SIGNATURE], "signature", READING_OPTIONAL, &signature))
        return false;
    if (signature.len > 0)
        take_signature(r, signature, b->part);
    else
        r->has_foreign = true; /* of a server that signs nothing */
    return true;
}

static bool read_redacted(struct reading *r, struct reading_block *b)
{
    aigw_str data;

    if (!reading_name(r, &b->of[OF_DATA], "data", &data))
        return false;
    if (wire_has_prefix(data, CARRY_CALL)) { /* that of a call is no part: see place_part() */
        carry_read_call(r->host, r->ctx, data, &b->part->origin, &b->part->data);
        r->has_foreign = true;
        return true;
    }
    b->part->type = AIGW_PART_REDACTED;
    take_signature(r, data, b->part);
    return true;
}

static const struct {
    const char *type;
    bool (*read)(struct reading *r, struct reading_block *b);
    uint32_t where; /* IN_*: where it may stand */
} block_kinds[] = {
    { "text", read_text, IN_USER | IN_ASSISTANT | IN_SYSTEM | IN_TOP | IN_RESULT },
    { "image", reading_image, IN_USER | IN_ASSISTANT | IN_RESULT },
    { "document", reading_document, IN_USER | IN_ASSISTANT | IN_RESULT },
    { "search_result", reading_search_result, IN_USER | IN_RESULT | IN_ASSISTANT | IN_SYSTEM },
    { "tool_use", read_call, IN_ASSISTANT },
    { "tool_result", read_result, IN_USER },
    { "tool_reference", reading_reference, IN_RESULT },
    { "container_upload", reading_upload, IN_USER },
    { "thinking", read_thinking, IN_ASSISTANT },
    { "redacted_thinking", read_redacted, IN_ASSISTANT },
};

/* Others are the vendor's: server tools, search results, what is younger than this table. */
#define IN_OPAQUE (IN_USER | IN_ASSISTANT | IN_SYSTEM | IN_RESULT)

static const char *place_name(uint32_t where)
{
    switch (where) {
    case IN_USER:
        return "a user message";
    case IN_ASSISTANT:
        return "an assistant message";
    case IN_RESULT:
        return "a tool's result";
    default:
        return "a system message";
    }
}

/* ---- lists of blocks ---- */

static bool read_block(struct reading *r, const struct aigw_json *json, uint32_t where, struct aigw_part **ret_part)
{
    bool (*read)(struct reading *, struct reading_block *) = reading_opaque;
    struct reading_block b = { .json = *json };
    uint32_t allowed = IN_OPAQUE, dropped = r->dropped_count;
    bool is_marked = false, has_vendor_parts = r->has_vendor_parts;

    if (!reading_type(r, json, NULL, READING_REQUIRED, AIGW_JSON_OBJECT))
        return false;
    reading_members(r, json, of_names, OF_COUNT, b.of);
    if (!reading_type(r, &b.of[OF_TYPE], "type", READING_REQUIRED, AIGW_JSON_STRING))
        return false;
    for (size_t i = 0; i < sizeof block_kinds / sizeof *block_kinds; i++)
        if (aigw_json_is_text(&b.of[OF_TYPE], block_kinds[i].type)) {
            read = block_kinds[i].read;
            allowed = block_kinds[i].where;
        }
    if (read == reading_opaque || read == reading_reference || read == reading_upload) { /* named as one, or read */
        r->dropped_count = dropped;
        r->has_vendor_parts = has_vendor_parts;
    }
    if (!(allowed & where))
        return reading_refuse(r, "type", "such a block cannot stand in %s", place_name(where));
    b.part = new_part(r, 0);
    if (!b.part || !reading_mark(r, &b.of[OF_CACHE], &is_marked, &b.part->cache_ttl_s))
        return false;
    b.part->flags = is_marked ? AIGW_PARTF_CACHE : 0;
    *ret_part = b.part;
    return read(r, &b);
}

/** The conversation so far: whose turn it is, calls that wait for their results, and results that came. */
struct reading_talk {
    struct reading_turns *turns;
    struct reading_calls calls, results;
    bool is_answered; /* something came behind the assistant's turn */
    bool is_over;     /* … without a result: those that come now are too late */
};

/* Put a part where it belongs. Empty texts are left out: servers refuse them. */
static bool place_part(struct reading *r, struct reading_turn *turn, struct aigw_part *part, size_t block)
{
    struct reading_talk *talk = turn->talk;
    struct aigw_part *call = turn->parts.last;

    if (part->type == 0 && part->data.len > 0 && call && call->type == AIGW_PART_TOOL_CALL) { /* its signature */
        call->data = part->data;
        call->origin = part->origin;
    }
    if (part->type == 0 || (part->type == AIGW_PART_TEXT && part->text.len == 0))
        return true;
    append(part->type == AIGW_PART_TOOL_RESULT ? &turn->results : &turn->parts, part);
    if (part->type == AIGW_PART_TOOL_CALL)
        return reading_calls_add(r, &talk->calls, part->id, part, turn->number, block);
    if (part->type == AIGW_PART_TOOL_RESULT)
        return reading_calls_add(r, &talk->results, part->id, part, turn->number, block);
    return true;
}

static bool read_blocks(struct reading *r, const struct aigw_json *list, uint32_t where, struct reading_turn *turn)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct aigw_part *part = NULL;
    struct aigw_json item;

    reading_into(r, where == IN_TOP ? "system" : "content");
    for (size_t number = 0; aigw_json_next(&walk, NULL, &item); number++) {
        reading_into_item(r, number);
        if (!read_block(r, &item, where, &part) || !place_part(r, turn, part, number))
            return false;
        reading_out(r);
    }
    reading_out(r);
    return true;
}

/* A string stands for one block of text. */
static bool read_content(struct reading *r, const struct aigw_json *content, uint32_t where, struct reading_turn *turn)
{
    const char *name = where == IN_TOP ? "system" : "content";
    struct aigw_part *part;

    if (content->type != AIGW_JSON_STRING)
        return reading_type(r, content, name, where == IN_TOP ? READING_OPTIONAL : READING_REQUIRED, AIGW_JSON_LIST) &&
               read_blocks(r, content, where, turn);
    part = new_part(r, AIGW_PART_TEXT);
    return part && reading_text(r, content, name, READING_REQUIRED, &part->text) && place_part(r, turn, part, 0);
}

/* ---- messages ---- */

static struct aigw_message *add_message(struct reading *r, struct reading_turns *turns, uint32_t role,
                                        const struct aigw_part *parts)
{
    struct aigw_message *message = reading_alloc(r, sizeof *message);

    if (!message)
        return NULL;
    message->struct_size = sizeof *message;
    message->role = role;
    message->parts = parts;
    if (turns->last)
        turns->last->next = message;
    else
        turns->first = message;
    turns->last = message;
    return message;
}

/* Attribution of one client to the vendor; its text differs from conversation to conversation. It goes there with the
 * client's own bytes only: elsewhere it would break the prompt's cache. */
static bool is_billing(const struct aigw_part *part)
{
    return part && wire_has_prefix(part->text, "x-anthropic-billing-header");
}

bool reading_system(struct reading *r, const struct aigw_json *system, struct reading_turns *turns)
{
    struct reading_turn turn = { .talk = NULL };
    const struct aigw_part *first;

    if (!read_content(r, system, IN_TOP, &turn))
        return false;
    first = turn.parts.first;
    if (is_billing(first))
        first = first->next;
    return !first || add_message(r, turns, AIGW_ROLE_SYSTEM, first);
}

enum { MESSAGE_ROLE, MESSAGE_CONTENT, MESSAGE_OUTPUT, MESSAGE_CLEAR_AT, MESSAGE_COUNT };
static const char *const message_names[MESSAGE_COUNT] = {
    [MESSAGE_ROLE] = "role",
    [MESSAGE_CONTENT] = "content",
    [MESSAGE_OUTPUT] = "output_config",
    [MESSAGE_CLEAR_AT] = "clear_at",
};

/* A system message may ask for effort from here on, and say how long it holds. */
static bool read_system_rest(struct reading *r, const struct aigw_json *at, struct reading_turns *turns,
                             struct aigw_message *message)
{
    struct reading_extra extra = { NULL };
    static const char *const names[] = { "effort" };
    struct aigw_json effort;

    if (!reading_type(r, &at[MESSAGE_OUTPUT], "output_config", READING_OPTIONAL, AIGW_JSON_OBJECT))
        return false;
    reading_members(r, &at[MESSAGE_OUTPUT], names, 1, &effort);
    reading_into(r, "output_config");
    if (!reading_str(r, &effort, "effort", READING_OPTIONAL, &message->effort))
        return false;
    reading_out(r);
    if (message->effort.len > 0) {
        turns->effort = message->effort;
        r->has_vendor_parts = true;
    }
    if (r->is_for_others)
        message->effort = AIGW_STR_NONE; /* said once, for the whole request */
    if (reading_is(&at[MESSAGE_CLEAR_AT]) &&
        !reading_extra_add(r, &extra, AIGW_STR("\"clear_at\""), &at[MESSAGE_CLEAR_AT]))
        return false;
    return reading_extra_end(r, &extra, &message->extra);
}

static bool read_assistant(struct reading *r, const struct aigw_json *at, struct reading_talk *talk,
                           struct reading_turn *turn)
{
    if (talk->is_answered && !reading_calls_match(r, &talk->calls, &talk->results))
        return false;
    talk->is_answered = talk->is_over = false;
    if (!read_content(r, &at[MESSAGE_CONTENT], IN_ASSISTANT, turn))
        return false;
    talk->turns->is_prefill = turn->parts.first != NULL;
    return !turn->parts.first || add_message(r, talk->turns, AIGW_ROLE_ASSISTANT, turn->parts.first);
}

static bool read_user(struct reading *r, const struct aigw_json *at, struct reading_talk *talk,
                      struct reading_turn *turn)
{
    talk->is_answered = true;
    talk->turns->is_prefill = false;
    if (!read_content(r, &at[MESSAGE_CONTENT], IN_USER, turn))
        return false;
    if (turn->results.first && talk->is_over && !r->is_continued)
        return reading_refuse(r, NULL,
                              "the tool_result for %.*s does not stand directly behind the message of its tool_use",
                              AIGW_STR_ARG(turn->results.first->id));
    talk->is_over = !turn->results.first;
    if (turn->results.first && !add_message(r, talk->turns, AIGW_ROLE_TOOL, turn->results.first))
        return false;
    return (!turn->parts.first && turn->results.first) ||
           add_message(r, talk->turns, AIGW_ROLE_USER, turn->parts.first);
}

/* `at`: the message's members. */
static bool read_message(struct reading *r, const struct aigw_json *json, const struct aigw_json at[MESSAGE_COUNT],
                         size_t number, struct reading_talk *talk)
{
    struct reading_turn turn = { .talk = talk, .number = number };
    struct aigw_message *message;

    if (!reading_type(r, json, NULL, READING_REQUIRED, AIGW_JSON_OBJECT))
        return false;
    if (!reading_type(r, &at[MESSAGE_ROLE], "role", READING_REQUIRED, AIGW_JSON_STRING))
        return false;
    if (aigw_json_is_text(&at[MESSAGE_ROLE], "user"))
        return read_user(r, at, talk, &turn);
    if (aigw_json_is_text(&at[MESSAGE_ROLE], "assistant"))
        return read_assistant(r, at, talk, &turn);
    if (!aigw_json_is_text(&at[MESSAGE_ROLE], "system"))
        return reading_refuse(r, "role", "Input should be 'user', 'assistant' or 'system'");
    talk->turns->is_prefill = false;
    if (!read_content(r, &at[MESSAGE_CONTENT], IN_SYSTEM, &turn))
        return false;
    message = add_message(r, talk->turns, AIGW_ROLE_SYSTEM, turn.parts.first);
    return message && read_system_rest(r, at, talk->turns, message);
}

bool reading_messages(struct reading *r, const struct aigw_json *messages, struct reading_turns *turns)
{
    struct aigw_json_walk walk = aigw_json_begin(messages);
    struct reading_talk talk = { .turns = turns };
    struct aigw_json item, at[MESSAGE_COUNT];
    struct aigw_json_wanted members = { .names = message_names, .count = MESSAGE_COUNT, .values = at };
    size_t count = 0;

    if (!reading_type(r, messages, "messages", READING_REQUIRED, AIGW_JSON_LIST))
        return false;
    reading_into(r, "messages");
    while (aigw_json_next_for(&walk, &members, &item)) {
        if (count == MESSAGES_MAX)
            return reading_refuse(r, NULL, "List should have at most %d items", MESSAGES_MAX);
        reading_into_item(r, count);
        if (members.has_others)
            reading_members(r, &item, message_names, MESSAGE_COUNT, at); /* names them */
        if (!read_message(r, &item, at, count++, &talk))
            return false;
        reading_out(r);
    }
    if (count == 0)
        return reading_refuse(r, NULL, "at least one message is needed");
    reading_out(r);
    return reading_calls_match(r, &talk.calls, &talk.results);
}
