/* request_read_messages.c - "messages" of a chat → canonical messages. */
#include <string.h>

#include "request_read.h"

/* clang-format off */
enum {
    ROLE, CONTENT, NAME, TOOL_CALLS, FUNCTION_CALL, TOOL_CALL_ID, REFUSAL, REASONING_CONTENT, REASONING, ANNOTATIONS,
    CACHE_CONTROL, PREFIX, PARTIAL, MEMBERS
};
static const char *const names[] = {
    "role", "content", "name", "tool_calls", "function_call", "tool_call_id", "refusal", "reasoning_content",
    "reasoning", "annotations", "cache_control", "prefix", "partial"
};
/* clang-format on */
_Static_assert(sizeof names / sizeof *names == MEMBERS, "one name each");

/* The deprecated form has no ids: a result belongs to the last call of its function. */
struct functions {
    aigw_str name, id;
};

/* A message being read. */
struct turn {
    struct openai_reading *r;
    const struct openai_place *place;
    size_t index;                    /* of the message */
    const struct aigw_json *members; /* MEMBERS of them */
    struct aigw_message *message;
    struct openai_parts parts;
    struct functions *functions;
    uint64_t keep;
};

static const struct openai_place *at(const struct openai_place *place, uint32_t member, struct openai_place *ret_place)
{
    *ret_place = (struct openai_place){ place, names[member], 0 };
    return ret_place;
}

/* The member means nothing outside of this dialect, or more than is understood here. */
static void keep(struct turn *turn, uint32_t member)
{
    if (!openai_is_null(&turn->members[member]))
        turn->keep |= (uint64_t)1 << member;
}

static aigw_status take_text(struct turn *turn, uint32_t member, aigw_str *ret)
{
    struct openai_place place;

    return openai_take_text(turn->r, at(turn->place, member, &place), &turn->members[member], ret);
}

static aigw_status read_content(struct turn *turn, struct openai_parts *parts)
{
    struct openai_place place;

    return openai_request_content(turn->r, at(turn->place, CONTENT, &place), &turn->members[CONTENT], parts);
}

static aigw_status add_text(struct turn *turn, uint32_t type, aigw_str text)
{
    struct aigw_part *part;

    if (text.len == 0)
        return AIGW_OK;
    part = openai_add_part(turn->r, &turn->parts, type);
    if (!part)
        return AIGW_E_NOMEM;
    part->text = text;
    return AIGW_OK;
}

/* ---- the assistant ---- */

/* What it thought, under the names that servers give it. An object is a vendor's own. */
static aigw_status read_reasoning(struct turn *turn)
{
    uint32_t member = openai_is_null(&turn->members[REASONING_CONTENT]) ? REASONING : REASONING_CONTENT;
    aigw_str text = AIGW_STR_NONE;
    aigw_status status;

    if (member == REASONING && turn->members[REASONING].type != AIGW_JSON_STRING) {
        keep(turn, REASONING);
        return AIGW_OK;
    }
    status = take_text(turn, member, &text);
    return status == AIGW_OK ? add_text(turn, AIGW_PART_REASONING, text) : status;
}

/* Citations belong to the text; an empty list, which clients send back as they got it, says nothing. */
static aigw_status read_annotations(struct turn *turn)
{
    struct aigw_part *text = turn->parts.last;

    if (aigw_json_count(&turn->members[ANNOTATIONS]) == 0)
        return AIGW_OK;
    if (turn->members[ANNOTATIONS].type != AIGW_JSON_LIST || !text || text->type != AIGW_PART_TEXT) {
        keep(turn, ANNOTATIONS);
        return AIGW_OK;
    }
    text->origin = turn->r->request->dialect; /* other vendors spell them in another way */
    return aigw_json_mend(&turn->members[ANNOTATIONS], &turn->r->memory, &text->citations);
}

static aigw_status read_function_call(struct turn *turn)
{
    const struct aigw_json *value = &turn->members[FUNCTION_CALL];
    struct openai_place place;
    struct aigw_part *part;
    char *id;
    aigw_status status;

    if (openai_is_null(value))
        return AIGW_OK;
    part = openai_add_part(turn->r, &turn->parts, AIGW_PART_TOOL_CALL);
    id = turn->r->host->format(turn->r->ctx, AIGW_LIFE_BUILD, "call_fn%zu", turn->index);
    if (!part || !id)
        return AIGW_E_NOMEM;
    part->id = wire_str(id);
    status = openai_request_call_body(turn->r, at(turn->place, FUNCTION_CALL, &place), value, "arguments", part);
    *turn->functions = (struct functions){ part->name, part->id };
    return status;
}

/* Mistral's, DeepSeek's and Moonshot's way of asking that the message be continued. It counts for the last one only. */
static aigw_status read_prefix(struct turn *turn)
{
    static const uint32_t members[] = { PREFIX, PARTIAL };
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < 2 && status == AIGW_OK; i++) {
        uint32_t is_wanted = AIGW_UNSET;
        struct openai_place place;

        status = openai_take_bool(turn->r, at(turn->place, members[i], &place), &turn->members[members[i]], &is_wanted);
        if (is_wanted == AIGW_YES)
            turn->r->request->flags |= AIGW_REQF_PREFILL;
    }
    return status;
}

static aigw_status read_assistant(struct turn *turn)
{
    struct openai_place place;
    aigw_str refusal = AIGW_STR_NONE;
    aigw_status status = read_reasoning(turn);

    turn->r->answered = turn->r->made_ids; /* what was not answered will not be */
    if (status == AIGW_OK)
        status = read_content(turn, &turn->parts);
    if (status == AIGW_OK)
        status = read_annotations(turn);
    if (status == AIGW_OK)
        status = take_text(turn, REFUSAL, &refusal);
    if (status == AIGW_OK)
        status = add_text(turn, AIGW_PART_REFUSAL, refusal);
    if (status == AIGW_OK)
        status = openai_request_calls(turn->r, at(turn->place, TOOL_CALLS, &place), &turn->members[TOOL_CALLS],
                                      &turn->parts);
    if (status == AIGW_OK)
        status = read_function_call(turn);
    return status == AIGW_OK ? read_prefix(turn) : status;
}

/* ---- tools ---- */

/* A plain string stays plain: the parts are for what holds more. */
static aigw_status read_result(struct turn *turn, aigw_str id)
{
    struct aigw_part *part = openai_add_part(turn->r, &turn->parts, AIGW_PART_TOOL_RESULT);
    struct openai_parts inner = { .first = NULL };
    aigw_status status;

    if (!part)
        return AIGW_E_NOMEM;
    part->id = id;
    part->text = AIGW_STR("");
    if (turn->members[CONTENT].type == AIGW_JSON_STRING)
        return openai_take_long_text(turn->r, turn->place, &turn->members[CONTENT], &part->text);
    status = read_content(turn, &inner);
    part->parts = inner.first;
    return status;
}

static aigw_status read_tool(struct turn *turn)
{
    aigw_str id = AIGW_STR_NONE;
    aigw_status status = take_text(turn, TOOL_CALL_ID, &id);
    struct openai_place place;

    if (status == AIGW_OK && id.len == 0)
        id = openai_request_next_id(turn->r);
    if (status == AIGW_OK && id.len == 0)
        status = openai_refuse_missing(turn->r, at(turn->place, TOOL_CALL_ID, &place));
    return status == AIGW_OK ? read_result(turn, id) : status;
}

static aigw_status read_function(struct turn *turn)
{
    aigw_str name = turn->message->name;
    struct openai_place place;
    char *id;

    if (name.len == 0)
        return openai_refuse_missing(turn->r, at(turn->place, NAME, &place));
    if (name.len == turn->functions->name.len && memcmp(name.ptr, turn->functions->name.ptr, name.len) == 0)
        return read_result(turn, turn->functions->id);
    id = turn->r->host->format(turn->r->ctx, AIGW_LIFE_BUILD, "call_fn%zu", turn->index);
    return id ? read_result(turn, wire_str(id)) : AIGW_E_NOMEM;
}

/* ---- messages ---- */

static const char *const role_words[] = { "system", "developer", "user", "assistant", "tool", "function" };
enum { SYSTEM, DEVELOPER, USER, ASSISTANT, TOOL, FUNCTION };
static const uint32_t roles[] = { AIGW_ROLE_SYSTEM,    AIGW_ROLE_DEVELOPER, AIGW_ROLE_USER,
                                  AIGW_ROLE_ASSISTANT, AIGW_ROLE_TOOL,      AIGW_ROLE_TOOL };

static aigw_status read_by_role(struct turn *turn, int role)
{
    struct openai_place place;

    switch (role) {
    case ASSISTANT:
        return read_assistant(turn);
    case TOOL:
        return read_tool(turn);
    case FUNCTION:
        return read_function(turn);
    default:
        if (turn->members[CONTENT].type == AIGW_JSON_ABSENT)
            return openai_refuse_missing(turn->r, at(turn->place, CONTENT, &place));
        if (turn->members[CONTENT].type == AIGW_JSON_NULL)
            return openai_refuse_type(turn->r, at(turn->place, CONTENT, &place), &turn->members[CONTENT],
                                      "a string or a list of parts");
        return read_content(turn, &turn->parts);
    }
}

/* Members that stand for the whole message are those of its last part; a result is such a part. */
static aigw_status finish_message(struct turn *turn, const struct aigw_json *value, bool has_others)
{
    struct aigw_part *last = turn->parts.last;
    bool is_result = turn->message->role == AIGW_ROLE_TOOL;
    aigw_status status = AIGW_OK;

    if (last && openai_cache_mark(&turn->members[CACHE_CONTROL], &last->cache_ttl_s))
        last->flags |= AIGW_PARTF_CACHE;
    keep(turn, CACHE_CONTROL);
    if (has_others || turn->keep)
        status =
            openai_extra(turn->r, value, names, MEMBERS, turn->keep, is_result ? &last->extra : &turn->message->extra);
    if (is_result) {
        last->name = turn->message->name;
        turn->message->name = AIGW_STR_NONE;
    }
    turn->message->parts = turn->parts.first;
    return status;
}

static aigw_status read_message(struct openai_reading *r, const struct openai_place *place,
                                const struct aigw_json *value, const struct aigw_json_wanted *members,
                                struct functions *functions, struct aigw_message **ret_message)
{
    struct turn turn = {
        .r = r, .place = place, .index = place->index, .members = members->values, .functions = functions
    };
    struct openai_place inner;
    int role;
    aigw_status status;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    role = openai_word(&turn.members[ROLE], role_words, sizeof role_words / sizeof *role_words);
    if (openai_is_null(&turn.members[ROLE]))
        return openai_refuse_missing(r, at(place, ROLE, &inner));
    if (turn.members[ROLE].type != AIGW_JSON_STRING)
        return openai_refuse_type(r, at(place, ROLE, &inner), &turn.members[ROLE], "a string");
    if (role < 0)
        return openai_refuse(r, at(place, ROLE, &inner), "invalid_value",
                             "must be one of system, developer, user, assistant, tool and function");
    turn.message = openai_get(r, sizeof *turn.message);
    if (!turn.message)
        return AIGW_E_NOMEM;
    turn.message->struct_size = sizeof *turn.message;
    turn.message->role = roles[role];
    status = take_text(&turn, NAME, &turn.message->name);
    if (status == AIGW_OK)
        status = read_by_role(&turn, role);
    *ret_message = turn.message;
    return status == AIGW_OK ? finish_message(&turn, value, members->has_others) : status;
}

aigw_status openai_request_messages(struct openai_reading *r, const struct aigw_json *value)
{
    const struct openai_place *place = OPENAI_AT(NULL, "messages");
    struct functions functions = { .name = AIGW_STR_NONE };
    struct aigw_json_walk walk = aigw_json_begin(value);
    const struct aigw_message **link = &r->request->messages;
    struct aigw_message *message = NULL;
    struct aigw_json item, found[MEMBERS];
    struct aigw_json_wanted members = { .names = names, .count = MEMBERS, .values = found };
    aigw_status status = AIGW_OK;

    if (openai_is_null(value))
        return openai_refuse_missing(r, place);
    if (value->type != AIGW_JSON_LIST)
        return openai_refuse_type(r, place, value, "a list of messages");
    for (size_t i = 0; status == AIGW_OK && aigw_json_next_for(&walk, &members, &item); i++) {
        r->request->flags &= ~AIGW_REQF_PREFILL; /* only the last message counts */
        status = openai_count_piece(r, OPENAI_ITEM(place, i));
        if (status == AIGW_OK)
            status = read_message(r, OPENAI_ITEM(place, i), &item, &members, &functions, &message);
        if (status == AIGW_OK) {
            *link = message;
            status = openai_request_split(r, OPENAI_ITEM(place, i), message, &message);
        }
        if (status != AIGW_OK)
            return status;
        link = &message->next;
    }
    return message ? AIGW_OK : openai_refuse(r, place, "empty_array", "must hold at least one message");
}
