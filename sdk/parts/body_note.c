/* body_note.c - where the members that a table names stand in the text, found while the text is checked. */
#include <string.h>

#include "body_read.h"

#define NO_SLOT    UINT32_MAX
#define ROOM_MAX   ((size_t)256 << 10) /* for strings without their escapes: larger ones get memory of their own */
#define ROOM_SPARE 8u                  /* of it stay unused */

void *aigw_body_get(struct aigw_body *b, size_t len)
{
    void *got = aigw_memory_get(b->memory, len);

    if (!got)
        b->status = aigw_memory_status(b->memory, len);
    return got;
}

struct slot *aigw_body_slots(struct aigw_body *b, size_t count)
{
    size_t len = count * sizeof(struct slot);
    struct slot *slots = aigw_body_get(b, len);

    if (slots)
        memset(slots, 0, len);
    return slots;
}

/* Clients send members in much the same order as tables have them: the search begins where the last one ended. */
static uint32_t find_slot(const struct aigw_body_table *table, const struct aigw_json *key, uint32_t *after)
{
    const struct aigw_body_field *fields = table->fields;

    if (table->tag && aigw_scan_is_name(key, table->tag))
        return table->field_count;
    for (uint32_t i = 0, at = *after; i < table->field_count; i++, at++) {
        if (at >= table->field_count)
            at = 0;
        if (aigw_scan_is_name(key, fields[at].name) || (fields[at].alias && aigw_scan_is_name(key, fields[at].alias))) {
            while (at > 0 && strcmp(fields[at - 1].name, fields[at].name) == 0)
                at--;
            *after = at + 1;
            return at;
        }
    }
    return NO_SLOT;
}

static bool is_kept_text(const struct aigw_body_table *table, uint32_t at)
{
    const struct aigw_body_field *field = &table->fields[at];

    return field->type == AIGW_BODY_STRING && field->offset != AIGW_BODY_NOWHERE && aigw_body_group(table, at) == 1;
}

/* Undo a string's escapes while it is checked: the row will ask for it. The room is for many strings. */
static bool note_text(struct aigw_body *b, struct scan *s, struct slot *slot)
{
    size_t left = (size_t)(s->end - s->at) + ROOM_SPARE, size = left < ROOM_MAX ? left : ROOM_MAX;

    if (!aigw_scan_text(s, &slot->value, b->room, b->room_left, &slot->text)) {
        slot->text = AIGW_STR_NONE;
        if (b->room_left >= size) /* something is wrong with it, or it is very long */
            return aigw_scan_scalar(s, &slot->value);
        b->room = aigw_body_get(b, size);
        b->room_left = b->room ? size : 0;
        return b->room && note_text(b, s, slot);
    }
    if (slot->value.flags & AIGW_JSONF_ESCAPES) {
        b->room += slot->text.len;
        b->room_left -= slot->text.len;
    }
    return true;
}

bool aigw_body_note(struct aigw_body *b, struct scan *s, const struct aigw_body_table *table, struct slot *slots,
                    uint32_t depth, struct aigw_json *ret)
{
    uint32_t after = 0, flags = 0;
    const char *begin = s->at;

    if (depth >= AIGW_JSON_DEPTH)
        return aigw_scan_fail(s, AIGW_JSON_BAD_DEPTH, begin, "the text is nested too deeply");
    for (uint32_t i = 0; i <= table->field_count; i++)
        slots[i].value.type = AIGW_JSON_ABSENT;
    s->at++;
    for (bool goes_on = aigw_scan_first(s, '}'); goes_on; goes_on = aigw_scan_next(s, '}')) {
        struct slot unknown, *slot = &unknown;
        struct aigw_json key;
        uint32_t at;

        if (!aigw_scan_key(s, &key) || !aigw_scan_to_value(s))
            return false;
        at = find_slot(table, &key, &after);
        if (at != NO_SLOT)
            slot = &slots[at];
        slot->has_members = false;
        slot->text = AIGW_STR_NONE;
        if (*s->at == '{' && at < table->field_count && table->fields[at].type == AIGW_BODY_OBJECT &&
            aigw_body_group(table, at) == 1) {
            if (!slot->members)
                slot->members = aigw_body_slots(b, table->fields[at].table->field_count + 1);
            if (!slot->members ||
                !aigw_body_note(b, s, table->fields[at].table, slot->members, depth + 1, &slot->value))
                return false;
            slot->has_members = true;
        } else if (*s->at == '"' && at < table->field_count && is_kept_text(table, at)) {
            if (!note_text(b, s, slot))
                return false;
        } else if (aigw_scan_value(s, depth + 1, &slot->value)) {
            slot->count = s->count;
        } else {
            return false;
        }
        flags |= (slot->value.flags | key.flags) & AIGW_JSONF_ODD;
    }
    ret->type = AIGW_JSON_OBJECT;
    ret->flags = flags;
    ret->text = (aigw_str){ begin, (size_t)(s->at - begin) };
    return !s->error_kind;
}

struct scan aigw_body_scan_again(const struct aigw_body *b, const struct aigw_json *value)
{
    return (struct scan){ .at = value->text.ptr, .end = value->text.ptr + value->text.len, .options = b->options };
}

bool aigw_body_note_value(struct aigw_body *b, struct scan *s, const struct aigw_body_field *field, struct slot *slot)
{
    slot->has_members = false;
    slot->text = AIGW_STR_NONE;
    if (!aigw_scan_to_value(s))
        return false;
    if (*s->at != '{' || field->type != AIGW_BODY_OBJECT) {
        bool is_good = aigw_scan_value(s, 0, &slot->value);

        slot->count = s->count;
        return is_good;
    }
    if (!slot->members)
        slot->members = aigw_body_slots(b, field->table->field_count + 1);
    slot->has_members = slot->members && aigw_body_note(b, s, field->table, slot->members, 0, &slot->value);
    return slot->has_members;
}
