/* responses_read_items.c - the items of a Responses body's input → canonical messages. What the assistant thought, said
 * and called in one turn are items of their own here, and become one message; so do the results that follow. An item of
 * a kind that is not known is kept in its place: a server of this dialect may know it. */
#include <string.h>

#include "responses_read.h"

/* clang-format off */
enum {
    TYPE, ROLE, CONTENT, ID, STATUS, PHASE, CALL_ID, NAME, NAMESPACE, ARGUMENTS, INPUT, OUTPUT, SUMMARY, ENCRYPTED, TOOLS,
    EXECUTION, CREATED_BY, MEMBERS
};
static const char *const names[] = {
    "type", "role", "content", "id", "status", "phase", "call_id", "name", "namespace", "arguments", "input", "output",
    "summary", "encrypted_content", "tools", "execution", "created_by"
};
/* clang-format on */
_Static_assert(sizeof names / sizeof *names == MEMBERS, "one name each");

/* An item being read. */
struct item {
    struct responses_reading *rs;
    struct openai_reading *r;
    const struct openai_place *place;
    const struct aigw_json *value;
    const struct aigw_json *members; /* MEMBERS of them */
    bool has_others;
};

static const struct openai_place *at(const struct item *item, uint32_t member, struct openai_place *ret_place)
{
    *ret_place = (struct openai_place){ item->place, names[member], 0 };
    return ret_place;
}

static aigw_status take_text(struct item *item, uint32_t member, aigw_str *ret)
{
    struct openai_place place;

    return openai_take_text(item->r, at(item, member, &place), &item->members[member], ret);
}

static aigw_status must_text(struct item *item, uint32_t member, aigw_str *ret)
{
    aigw_status status = take_text(item, member, ret);
    struct openai_place place;

    return status == AIGW_OK && ret->len == 0 ? openai_refuse_missing(item->r, at(item, member, &place)) : status;
}

/* A part of the turn of that role, which begins when another one's was going on. */
static struct aigw_part *add_part(struct item *item, uint32_t role, uint32_t type)
{
    struct responses_reading *rs = item->rs;
    struct aigw_part *part;

    if ((!rs->message || rs->message->role != role) && !responses_begin_message(rs, role))
        return NULL;
    part = openai_add_part(item->r, &rs->parts, type);
    rs->message->parts = rs->parts.first;
    return part;
}

static aigw_status take_extra(struct item *item, aigw_str *ret)
{
    return item->has_others ? openai_extra(item->r, item->value, names, MEMBERS, 0, ret) : AIGW_OK;
}

/* ---- messages ---- */

static const char *const role_words[] = { "system", "developer", "user", "assistant" };
static const uint32_t roles[] = { AIGW_ROLE_SYSTEM, AIGW_ROLE_DEVELOPER, AIGW_ROLE_USER, AIGW_ROLE_ASSISTANT };

/* The assistant's turn goes on, unless it now says something of another phase. */
static bool goes_on(const struct responses_reading *rs, uint32_t role, aigw_str phase)
{
    return role == AIGW_ROLE_ASSISTANT && rs->message && rs->message->role == role && !rs->message->extra.len &&
           (rs->message->phase.len == 0 || wire_same(rs->message->phase, phase));
}

static aigw_status read_message(struct item *item)
{
    struct responses_reading *rs = item->rs;
    struct openai_place place;
    struct aigw_part *before;
    aigw_str phase = AIGW_STR_NONE, id = AIGW_STR_NONE;
    int role = openai_word(&item->members[ROLE], role_words, sizeof role_words / sizeof *role_words);
    aigw_status status = take_text(item, PHASE, &phase);

    if (status == AIGW_OK)
        status = take_text(item, ID, &id);
    if (status == AIGW_OK && openai_is_null(&item->members[ROLE]))
        return openai_refuse_missing(item->r, at(item, ROLE, &place));
    if (status == AIGW_OK && role < 0)
        return openai_refuse(item->r, at(item, ROLE, &place), "invalid_value",
                             "must be one of system, developer, user and assistant");
    if (status == AIGW_OK && openai_is_null(&item->members[CONTENT]))
        return openai_refuse_missing(item->r, at(item, CONTENT, &place));
    if (status != AIGW_OK)
        return status;
    if (!goes_on(rs, roles[role], phase) && !responses_begin_message(rs, roles[role]))
        return AIGW_E_NOMEM;
    rs->message->phase = phase;
    before = rs->parts.last;
    status = openai_request_content(item->r, at(item, CONTENT, &place), &item->members[CONTENT], &rs->parts);
    rs->message->parts = rs->parts.first;
    if (rs->parts.last && rs->parts.last != before && role == 3)
        rs->parts.last->item_id = id;
    return status == AIGW_OK ? take_extra(item, &rs->message->extra) : status;
}

/* ---- reasoning ---- */

/* The next part's text that is one. */
static bool next_text(struct aigw_json_walk *walk, struct aigw_json *ret_text)
{
    struct aigw_json part;

    while (aigw_json_next(walk, NULL, &part))
        if (aigw_json_member(&part, "text", ret_text) && ret_text->type == AIGW_JSON_STRING)
            return true;
    return false;
}

/* The texts of a list of parts, with an empty line between them. One alone stays where it is. */
static aigw_status join_texts(struct item *item, uint32_t member, aigw_str *ret)
{
    const struct aigw_json *list = &item->members[member];
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct openai_place place;
    struct aigw_json text, only;
    size_t count = 0, room = 0;
    char *out;

    if (!openai_is_null(list) && list->type != AIGW_JSON_LIST)
        return openai_refuse_type(item->r, at(item, member, &place), list, "a list of parts");
    for (; next_text(&walk, &text); count++) {
        only = text;
        room += 2 + (aigw_json_room(&text) > 0 ? aigw_json_room(&text) : text.text.len);
    }
    if (count < 2)
        return count == 0 ? AIGW_OK : aigw_json_text(&only, &item->r->memory, ret);
    out = openai_get(item->r, room);
    if (!out)
        return AIGW_E_NOMEM;
    ret->ptr = out;
    walk = aigw_json_begin(list);
    while (next_text(&walk, &text)) {
        aigw_str plain = aigw_json_text_in(&text, out);

        if (plain.ptr != out && plain.len > 0)
            memcpy(out, plain.ptr, plain.len);
        memcpy(out + plain.len, "\n\n", 2);
        out += plain.len + 2;
    }
    ret->len = (size_t)(out - ret->ptr) - 2;
    return AIGW_OK;
}

/* What stands behind a tag: whose it is, and the text. Something that cannot be read is nobody's. */
static void take_tagged(struct item *item, aigw_str text, const char *tag, struct aigw_part *part)
{
    size_t len = strlen(tag);
    const char *dot = memchr(text.ptr + len, '.', text.len - len);
    aigw_str data;

    item->r->asked->has_foreign = true;
    if (!dot)
        return;
    data =
        wire_from_base64(item->r->host, item->r->ctx, (aigw_str){ dot + 1, text.len - (size_t)(dot + 1 - text.ptr) });
    if (data.len == 0)
        return;
    part->data = data;
    part->origin = (aigw_str){ text.ptr + len, (size_t)(dot - text.ptr) - len };
}

static void take_encrypted(struct item *item, aigw_str text, struct aigw_part *part)
{
    if (wire_has_prefix(text, RESPONSES_TAG_REDACTED)) {
        take_tagged(item, text, RESPONSES_TAG_REDACTED, part);
        part->type = part->data.len > 0 ? AIGW_PART_REDACTED : part->type;
    } else if (wire_has_prefix(text, RESPONSES_TAG)) {
        take_tagged(item, text, RESPONSES_TAG, part);
    } else if (text.len > 0) {
        part->data = text;
        part->origin = AIGW_STR(OPENAI_RESPONSES_DIALECT);
    }
}

static aigw_status read_reasoning(struct item *item)
{
    aigw_str summary = AIGW_STR_NONE, thought = AIGW_STR_NONE, encrypted = AIGW_STR_NONE, id = AIGW_STR_NONE;
    struct aigw_part *part;
    aigw_status status = join_texts(item, SUMMARY, &summary);

    if (status == AIGW_OK)
        status = join_texts(item, CONTENT, &thought);
    if (status == AIGW_OK)
        status = take_text(item, ENCRYPTED, &encrypted);
    if (status == AIGW_OK)
        status = take_text(item, ID, &id);
    if (item->has_others)
        openai_note_others(item->r, item->value, names, MEMBERS);
    if (status != AIGW_OK || (summary.len == 0 && thought.len == 0 && encrypted.len == 0))
        return status;
    if (wire_has_prefix(encrypted, RESPONSES_TAG_CALL)) {
        struct aigw_part lost = { .struct_size = sizeof lost };

        part = item->rs->parts.last;
        take_tagged(item, encrypted, RESPONSES_TAG_CALL, part && part->type == AIGW_PART_TOOL_CALL ? part : &lost);
        return AIGW_OK;
    }
    part = add_part(item, AIGW_ROLE_ASSISTANT, AIGW_PART_REASONING);
    if (!part)
        return AIGW_E_NOMEM;
    part->text = thought.len > 0 ? thought : summary;
    part->flags = thought.len == 0 && summary.len > 0 ? AIGW_PARTF_SUMMARY : 0;
    part->item_id = id;
    take_encrypted(item, encrypted, part);
    return AIGW_OK;
}

/* ---- tools ---- */

static aigw_status read_call(struct item *item, uint32_t text_member, uint32_t flags)
{
    const struct aigw_json *text = &item->members[text_member];
    struct aigw_part *part = add_part(item, AIGW_ROLE_ASSISTANT, AIGW_PART_TOOL_CALL);
    aigw_status status;

    if (!part)
        return AIGW_E_NOMEM;
    part->flags = flags;
    status = must_text(item, CALL_ID, &part->id);
    if (status == AIGW_OK)
        status = must_text(item, NAME, &part->name);
    if (status == AIGW_OK)
        status = take_text(item, ID, &part->item_id);
    if (status == AIGW_OK)
        status = take_text(item, NAMESPACE, &part->scope);
    if (status == AIGW_OK && text->type == AIGW_JSON_OBJECT && !(flags & AIGW_PARTF_FREE_TEXT))
        status = aigw_json_mend(text, &item->r->memory, &part->text);
    else if (status == AIGW_OK)
        status = take_text(item, text_member, &part->text);
    return status == AIGW_OK ? take_extra(item, &part->extra) : status;
}

static aigw_status read_function_call(struct item *item)
{
    return read_call(item, ARGUMENTS, 0);
}

static aigw_status read_custom_call(struct item *item)
{
    return read_call(item, INPUT, AIGW_PARTF_FREE_TEXT);
}

static struct aigw_part *add_result(struct item *item, aigw_status *ret_status)
{
    struct aigw_part *part = add_part(item, AIGW_ROLE_TOOL, AIGW_PART_TOOL_RESULT);

    if (!part) {
        *ret_status = AIGW_E_NOMEM;
        return NULL;
    }
    part->text = AIGW_STR("");
    *ret_status = must_text(item, CALL_ID, &part->id);
    return part;
}

static aigw_status read_output(struct item *item)
{
    struct openai_parts inner = { .first = NULL };
    struct openai_place place;
    aigw_status status;
    struct aigw_part *part = add_result(item, &status);

    if (status == AIGW_OK)
        status = take_text(item, ID, &part->item_id);
    if (status != AIGW_OK)
        return status;
    if (item->members[OUTPUT].type == AIGW_JSON_STRING)
        status = aigw_json_text(&item->members[OUTPUT], &item->r->memory, &part->text);
    else
        status = openai_request_content(item->r, at(item, OUTPUT, &place), &item->members[OUTPUT], &inner);
    part->parts = inner.first;
    return status == AIGW_OK ? take_extra(item, &part->extra) : status;
}

/* Tools that become known here. */
static aigw_status add_tools(struct item *item)
{
    struct openai_tool_list list = { .r = item->r };
    struct openai_place place;
    struct aigw_part *part;
    aigw_status status = openai_request_tool_list(&list, at(item, TOOLS, &place), &item->members[TOOLS]);

    if (status != AIGW_OK || !list.first)
        return status;
    part = responses_begin_message(item->rs, AIGW_ROLE_DEVELOPER) ? add_part(item, AIGW_ROLE_DEVELOPER, AIGW_PART_TOOLS)
                                                                  : NULL;
    if (!part)
        return AIGW_E_NOMEM;
    part->tools = list.first;
    return AIGW_OK;
}

/* In its place in the assistant's turn, where servers put what they did themselves. */
static aigw_status read_unknown(struct item *item)
{
    struct responses_reading *rs = item->rs;
    aigw_status status;

    if ((!rs->message || rs->message->role != AIGW_ROLE_ASSISTANT) && !responses_begin_message(rs, AIGW_ROLE_ASSISTANT))
        return AIGW_E_NOMEM;
    status = openai_request_opaque(item->r, item->value, &rs->parts);
    rs->message->parts = rs->parts.first;
    return status;
}

/* The search for tools that the client does itself is a call like any other; a server's own stays what it is. */
static aigw_status read_search_call(struct item *item)
{
    struct aigw_part *part;
    aigw_status status;

    if (openai_is_null(&item->members[CALL_ID]))
        return read_unknown(item);
    part = add_part(item, AIGW_ROLE_ASSISTANT, AIGW_PART_TOOL_CALL);
    if (!part)
        return AIGW_E_NOMEM;
    part->name = AIGW_STR(OPENAI_TOOL_SEARCH);
    status = must_text(item, CALL_ID, &part->id);
    if (status == AIGW_OK && item->members[ARGUMENTS].type == AIGW_JSON_OBJECT)
        status = aigw_json_mend(&item->members[ARGUMENTS], &item->r->memory, &part->text);
    return status;
}

static aigw_status read_search_output(struct item *item)
{
    aigw_status status = AIGW_OK;
    struct aigw_part *part;

    if (!openai_is_null(&item->members[CALL_ID])) {
        part = add_result(item, &status);
        if (status == AIGW_OK)
            part->text = AIGW_STR("The tools that were found are available now.");
    }
    return status == AIGW_OK ? add_tools(item) : status;
}

/* ---- the rest ---- */

static aigw_status read_reference(struct item *item)
{
    return responses_needs_server(
        item->rs, item->place, "previous_response_not_found",
        "refers to an item that was not found: this gateway keeps none; send the item itself, as "
        "clients do with store: false");
}

static aigw_status read_compaction(struct item *item)
{
    return responses_needs_server(item->rs, item->place, "unsupported_parameter",
                                  "is of a kind that this model's server does not know");
}

static const struct {
    const char *type;
    aigw_status (*read)(struct item *item);
} kinds[] = {
    { "message", read_message },
    { "function_call", read_function_call },
    { "custom_tool_call", read_custom_call },
    { "function_call_output", read_output },
    { "custom_tool_call_output", read_output },
    { "reasoning", read_reasoning },
    { "additional_tools", add_tools },
    { "tool_search_call", read_search_call },
    { "tool_search_output", read_search_output },
    { "item_reference", read_reference },
    { "compaction", read_compaction },
    { "compaction_trigger", read_compaction },
    { "configuration_update", read_compaction },
};

static aigw_status read_item(struct responses_reading *rs, const struct openai_place *place,
                             const struct aigw_json *value, const struct aigw_json_wanted *members)
{
    struct item item = { .rs = rs,
                         .r = &rs->r,
                         .place = place,
                         .value = value,
                         .members = members->values,
                         .has_others = members->has_others };
    struct openai_place type_place;

    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(&rs->r, place, value, "an object");
    if (openai_is_null(&item.members[TYPE]))
        /* {"id":…} alone is the short form of a reference */
        return openai_is_null(&item.members[ROLE]) && !openai_is_null(&item.members[ID]) ? read_reference(&item)
                                                                                         : read_message(&item);
    if (item.members[TYPE].type != AIGW_JSON_STRING)
        return openai_refuse_type(&rs->r, at(&item, TYPE, &type_place), &item.members[TYPE], "a string");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (aigw_json_is_text(&item.members[TYPE], kinds[i].type))
            return kinds[i].read(&item);
    return read_unknown(&item);
}

aigw_status responses_read_items(struct responses_reading *rs, const struct openai_place *place,
                                 const struct aigw_json *value)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json item, found[MEMBERS];
    struct aigw_json_wanted members = { .names = names, .count = MEMBERS, .values = found };
    aigw_status status = AIGW_OK;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_LIST)
        return openai_refuse_type(&rs->r, place, value, "a string or a list of items");
    for (size_t i = 0; status == AIGW_OK && aigw_json_next_for(&walk, &members, &item); i++) {
        status = openai_count_piece(&rs->r, OPENAI_ITEM(place, i));
        if (status == AIGW_OK)
            status = read_item(rs, OPENAI_ITEM(place, i), &item, &members);
    }
    return status;
}
