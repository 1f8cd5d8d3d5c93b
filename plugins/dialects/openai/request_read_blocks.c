/* request_read_blocks.c - Anthropic's blocks in a chat's messages: an editor that takes the model for a Claude by its
 * name sends them to whatever speaks this dialect. They mean what they mean there; no server of this dialect would
 * understand them, so such a body never passes as it is. */
#include <string.h>

#include "request_read.h"

#define CLAUDE "anthropic" /* who made a signature, and understands it */

static aigw_status take_name(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             aigw_str *ret)
{
    aigw_status status = openai_take_text(r, place, value, ret);

    return status == AIGW_OK && ret->len == 0 ? openai_refuse_missing(r, place) : status;
}

/* {"id","name","input"} */
static aigw_status read_call(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                             struct aigw_part *part)
{
    static const char *const names[] = { "id", "name", "input" };
    struct aigw_json members[3];
    aigw_status status;

    aigw_json_members(value, names, 3, members);
    status = take_name(r, OPENAI_AT(place, names[0]), &members[0], &part->id);
    if (status == AIGW_OK)
        status = take_name(r, OPENAI_AT(place, names[1]), &members[1], &part->name);
    if (status != AIGW_OK)
        return status;
    part->text = AIGW_STR("{}");
    if (members[2].type == AIGW_JSON_STRING)
        return aigw_json_text(&members[2], &r->memory, &part->text);
    return openai_take_object(r, OPENAI_AT(place, names[2]), &members[2], &part->text);
}

/* {"tool_use_id","content","is_error"} */
static aigw_status read_result(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value, struct aigw_part *part)
{
    static const char *const names[] = { "tool_use_id", "content", "is_error" };
    struct openai_parts inner = { .first = NULL };
    struct aigw_json members[3];
    uint32_t is_error = AIGW_UNSET;
    aigw_status status;

    aigw_json_members(value, names, 3, members);
    part->text = AIGW_STR("");
    status = take_name(r, OPENAI_AT(place, names[0]), &members[0], &part->id);
    if (status == AIGW_OK)
        status = openai_take_bool(r, OPENAI_AT(place, names[2]), &members[2], &is_error);
    if (status != AIGW_OK)
        return status;
    part->flags |= is_error == AIGW_YES ? AIGW_PARTF_ERROR : 0;
    if (members[1].type == AIGW_JSON_STRING)
        return aigw_json_text(&members[1], &r->memory, &part->text);
    status = openai_request_content(r, OPENAI_AT(place, names[1]), &members[1], &inner);
    part->parts = inner.first;
    return status;
}

/* {"source":{"type":"base64","media_type","data"}}, or {"type":"url","url"}, or {"type":"text","data"} */
static aigw_status read_source(struct openai_reading *r, const struct openai_place *place,
                               const struct aigw_json *value, struct aigw_part *part)
{
    static const char *const names[] = { "type", "media_type", "data", "url" };
    const struct openai_place *inner = OPENAI_AT(place, "source");
    struct aigw_json source, members[4];
    aigw_status status;

    aigw_json_member(value, "source", &source);
    if (source.type != AIGW_JSON_OBJECT)
        return openai_is_null(&source) ? openai_refuse_missing(r, inner)
                                       : openai_refuse_type(r, inner, &source, "an object");
    aigw_json_members(&source, names, 4, members);
    if (aigw_json_is_text(&members[0], "url"))
        return take_name(r, OPENAI_AT(inner, "url"), &members[3], &part->url);
    status = take_name(r, OPENAI_AT(inner, "data"), &members[2], &part->data);
    if (status != AIGW_OK)
        return status;
    if (part->type == AIGW_PART_DOCUMENT && aigw_json_is_text(&members[0], "text")) {
        part->type = AIGW_PART_TEXT;
        part->text = part->data;
        part->data = AIGW_STR_NONE;
        return AIGW_OK;
    }
    status = take_name(r, OPENAI_AT(inner, "media_type"), &members[1], &part->media_type);
    if (status == AIGW_OK)
        status = wire_usual_media_type(r->host, r->ctx, &part->media_type);
    if (status == AIGW_OK)
        status = wire_usual_base64(r->host, r->ctx, &part->data);
    return status == AIGW_E_INVALID && r->refusal->message.len == 0
               ? openai_refuse(r, OPENAI_AT(inner, "data"), "invalid_value", "must be base64")
               : status;
}

static aigw_status read_thought(struct openai_reading *r, const struct openai_place *place,
                                const struct aigw_json *value, struct aigw_part *part)
{
    static const char *const names[] = { "thinking", "signature", "data" };
    struct aigw_json members[3];
    aigw_status status;

    aigw_json_members(value, names, 3, members);
    status = openai_take_text(r, OPENAI_AT(place, names[0]), &members[0], &part->text);
    if (status == AIGW_OK)
        status = openai_take_text(r, OPENAI_AT(place, names[1]), &members[1], &part->data);
    if (status == AIGW_OK && part->type == AIGW_PART_REDACTED)
        status = openai_take_text(r, OPENAI_AT(place, names[2]), &members[2], &part->data);
    if (part->data.len > 0)
        part->origin = AIGW_STR(CLAUDE);
    return status;
}

static const struct {
    const char *type;
    uint32_t part;
    aigw_status (*read)(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                        struct aigw_part *part);
} kinds[] = {
    { "tool_use", AIGW_PART_TOOL_CALL, read_call },    { "tool_result", AIGW_PART_TOOL_RESULT, read_result },
    { "image", AIGW_PART_IMAGE, read_source },         { "document", AIGW_PART_DOCUMENT, read_source },
    { "thinking", AIGW_PART_REASONING, read_thought }, { "redacted_thinking", AIGW_PART_REDACTED, read_thought },
};

bool openai_request_block(struct openai_reading *r, const struct openai_place *place, const struct aigw_json *value,
                          const struct aigw_json *type, struct openai_parts *parts, aigw_status *ret_status)
{
    struct aigw_part *part;
    size_t i = 0;

    while (i < sizeof kinds / sizeof *kinds && !aigw_json_is_text(type, kinds[i].type))
        i++;
    if (i == sizeof kinds / sizeof *kinds || r->asked->path != OPENAI_CHAT)
        return false;
    part = openai_add_part(r, parts, kinds[i].part);
    *ret_status = part ? kinds[i].read(r, place, value, part) : AIGW_E_NOMEM;
    r->asked->has_foreign = true;
    return true;
}

aigw_status openai_request_split(struct openai_reading *r, const struct openai_place *place,
                                 struct aigw_message *message, struct aigw_message **ret_last)
{
    uint32_t odd = message->role == AIGW_ROLE_ASSISTANT ? AIGW_PART_TOOL_RESULT : AIGW_PART_TOOL_CALL;
    struct openai_parts results = { .first = NULL }, rest = { .first = NULL };
    struct aigw_message *behind;

    *ret_last = message;
    if (message->role != AIGW_ROLE_TOOL && wire_has_part(message->parts, odd))
        return openai_refuse(r, OPENAI_AT(place, "content"), "invalid_value",
                             odd == AIGW_PART_TOOL_CALL ? "holds a tool_use, which only an assistant's message can"
                                                        : "holds a tool_result, which only a user's message can");
    if (message->role != AIGW_ROLE_USER || !wire_has_part(message->parts, AIGW_PART_TOOL_RESULT))
        return AIGW_OK;
    for (const struct aigw_part *at = message->parts, *next; at; at = next) {
        struct openai_parts *list = at->type == AIGW_PART_TOOL_RESULT ? &results : &rest;
        struct aigw_part *part = openai_add_part(r, list, at->type);

        if (!part)
            return AIGW_E_NOMEM;
        next = at->next;
        *part = *at;
        part->next = NULL;
    }
    message->role = AIGW_ROLE_TOOL;
    message->parts = results.first;
    if (!rest.first)
        return AIGW_OK;
    behind = openai_get(r, sizeof *behind);
    if (!behind)
        return AIGW_E_NOMEM;
    *behind = (struct aigw_message){ .struct_size = sizeof *behind, .role = AIGW_ROLE_USER, .parts = rest.first };
    message->next = behind;
    *ret_last = behind;
    return AIGW_OK;
}
