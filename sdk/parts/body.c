/* body.c - a text and a table → a struct and faults.
 *
 * First the whole text is checked in one pass, in which the places of the members that the tables name are noted
 * (body_note.c). Then the tables are gone through in their own order and the noted values judged: so the order of
 * members does not matter, the last of a name counts, and a text that is no JSON has one fault. Items of lists are
 * noted when their turn comes.
 */
#include <aigw/body.h>

#include <string.h>

#include "body_read.h"
#include "print.h"
#include "scan.h"

#define LIST_FIRST 16u /* items that memory is taken for at first */

/** The object that a check function looks at. */
struct object {
    const struct aigw_body_table *table;
    const struct slot *slots;
};

static bool read_object(struct aigw_body *b, const struct aigw_body_table *table, struct slot *slots, void *ret);
static bool read_value(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                       struct slot *slot, void *ret);

/* ---- lists and maps ---- */

static size_t size_of(const struct aigw_body_field *item)
{
    switch (item->type) {
    case AIGW_BODY_INT:
        return sizeof(int64_t);
    case AIGW_BODY_BOOL:
        return sizeof(bool);
    case AIGW_BODY_NUMBER:
        return sizeof(double);
    case AIGW_BODY_OBJECT:
        return item->table->size;
    case AIGW_BODY_LIST:
    case AIGW_BODY_MAP:
        return sizeof(struct aigw_body_list);
    default:
        return sizeof(aigw_str);
    }
}

/* Room for one more of `count` items in all. As long as everything is good: what is read of a bad body is not kept. */
static char *room_for(struct aigw_body *b, struct aigw_body_list *list, size_t *capacity, size_t count, size_t size)
{
    if (list->count == *capacity) {
        size_t more = *capacity ? *capacity * 2 : LIST_FIRST;
        char *items;

        if (more > count)
            more = count;
        items = aigw_body_get(b, more * size + 1);
        if (!items)
            return NULL;
        if (list->count > 0)
            memcpy(items, list->items, list->count * size);
        list->items = items;
        *capacity = more;
    }
    return (char *)(uintptr_t)list->items + list->count * size;
}

/* For one that is judged but not kept. */
static void *spare_for(struct aigw_body *b, struct slot *slot, size_t size)
{
    if (!slot->spare)
        slot->spare = aigw_body_get(b, size ? size : 1);
    return slot->spare;
}

static bool count_is_right(struct aigw_body *b, const struct aigw_body_field *field, size_t count)
{
    const char *what = field->type == AIGW_BODY_LIST ? "List" : "Dictionary";

    if (field->max && count > field->max)
        aigw_body_report(b, NULL, "too_long", "%s should have at most %zu item%s after validation, not %zu", what,
                         field->max, field->max == 1 ? "" : "s", count);
    else if (count < field->min)
        aigw_body_report(b, NULL, "too_short", "%s should have at least %zu item%s after validation, not %zu", what,
                         field->min, field->min == 1 ? "" : "s", count);
    else
        return true;
    return false;
}

static bool read_list(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                      struct slot *slot, struct aigw_body_list *ret)
{
    const struct aigw_body_field objects = { .type = AIGW_BODY_OBJECT, .table = field->table };
    const struct aigw_body_field *item = field->item ? field->item : &objects;
    struct scan s = aigw_body_scan_again(b, value);
    size_t capacity = 0, size = size_of(item);
    uint32_t before = b->fault_count;
    int64_t index = 0;

    if (value->type != AIGW_JSON_LIST) {
        aigw_body_report(b, NULL, "list_type", "Input should be a valid list");
        return false;
    }
    if (!count_is_right(b, field, slot->count))
        return false;
    if (!slot->members)
        slot->members = aigw_body_slots(b, 1);
    if (!slot->members)
        return false;
    s.at++;
    for (bool goes_on = aigw_scan_first(&s, ']'); goes_on; goes_on = aigw_scan_next(&s, ']')) {
        bool is_kept = !b->fault_count && field->offset != AIGW_BODY_NOWHERE;
        char *room = is_kept ? room_for(b, ret, &capacity, slot->count, size) : spare_for(b, slot->members, size);

        if (!room || b->fault_count >= AIGW_BODY_FAULTS || !aigw_body_note_value(b, &s, item, slot->members))
            break;
        aigw_body_enter_index(b, index++, false);
        if (read_value(b, item, &slot->members->value, slot->members, room))
            ret->count += is_kept;
        aigw_body_leave(b);
    }
    return b->status == AIGW_OK && b->fault_count == before;
}

static bool read_pair(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *key,
                      const struct aigw_json *value, struct aigw_body_pair *ret)
{
    static const struct aigw_body_field any = { .type = AIGW_BODY_ANY };
    bool is_good;

    b->status = aigw_json_text(key, b->memory, &ret->name);
    if (b->status < 0)
        return false;
    aigw_body_enter(b, ret->name, false);
    is_good = aigw_body_scalar(b, field->item ? field->item : &any, value, AIGW_STR_NONE, &ret->value);
    aigw_body_leave(b);
    return is_good;
}

/* A name that comes twice is there twice. */
static bool read_map(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                     const struct slot *slot, struct aigw_body_list *ret)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json key, member;
    size_t capacity = 0;
    uint32_t before = b->fault_count;

    if (value->type != AIGW_JSON_OBJECT) {
        aigw_body_report(b, NULL, "dict_type", "Input should be a valid dictionary");
        return false;
    }
    if (!count_is_right(b, field, slot->count))
        return false;
    while (aigw_json_next(&walk, &key, &member) && b->fault_count < AIGW_BODY_FAULTS) {
        struct aigw_body_pair spare;
        bool is_kept = b->fault_count == 0;
        char *room = is_kept ? room_for(b, ret, &capacity, slot->count, sizeof spare) : (char *)&spare;

        if (room && read_pair(b, field, &key, &member, (struct aigw_body_pair *)(void *)room))
            ret->count += is_kept;
        if (b->status < 0)
            return false;
    }
    return b->fault_count == before;
}

/* ---- objects ---- */

static bool read_nested(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                        struct slot *slot, void *ret)
{
    if (value->type != AIGW_JSON_OBJECT) {
        aigw_body_report(b, NULL, "model_attributes_type",
                         "Input should be a valid dictionary or object to extract fields from");
        return false;
    }
    if (!slot->has_members) { /* its row was not known while the text was checked */
        struct scan s = aigw_body_scan_again(b, value);

        if (!aigw_body_note_value(b, &s, field, slot))
            return false;
    }
    return read_object(b, field->table, slot->members, ret);
}

static bool read_value(struct aigw_body *b, const struct aigw_body_field *field, const struct aigw_json *value,
                       struct slot *slot, void *ret)
{
    const struct aigw_body_field *outer = b->field;
    uint32_t before = b->fault_count;
    bool is_good;

    b->field = field;
    switch (field->type) {
    case AIGW_BODY_OBJECT:
        is_good = read_nested(b, field, value, slot, ret);
        break;
    case AIGW_BODY_LIST:
        memset(ret, 0, sizeof(struct aigw_body_list));
        is_good = read_list(b, field, value, slot, ret);
        break;
    case AIGW_BODY_MAP:
        memset(ret, 0, sizeof(struct aigw_body_list));
        is_good = read_map(b, field, value, slot, ret);
        break;
    default:
        is_good = aigw_body_scalar(b, field, value, slot->text, ret);
    }
    if (is_good && field->check) {
        field->check(b, ret);
        is_good = b->fault_count == before;
    }
    b->field = outer;
    return is_good;
}

static void set_defaults(const struct aigw_body_table *table, char *ret);

/* The member is absent, or null where it may be. */
static void set_default(const struct aigw_body_field *field, char *ret)
{
    if (field->type == AIGW_BODY_OBJECT)
        set_defaults(field->table, ret);
    else
        aigw_body_default(field, ret);
}

static void set_defaults(const struct aigw_body_table *table, char *ret)
{
    for (uint32_t i = 0; i < table->field_count; i += aigw_body_group(table, i))
        if (table->fields[i].offset != AIGW_BODY_NOWHERE)
            set_default(&table->fields[i], ret + table->fields[i].offset);
}

/* The JSON type that a row is for, when another row of its name may be for others. */
static bool is_for(const struct aigw_body_field *field, const struct aigw_json *value)
{
    switch (field->type) {
    case AIGW_BODY_STRING:
        return value->type == AIGW_JSON_STRING;
    case AIGW_BODY_INT:
    case AIGW_BODY_NUMBER:
        return value->type == AIGW_JSON_INT || value->type == AIGW_JSON_REAL;
    case AIGW_BODY_BOOL:
        return value->type == AIGW_JSON_BOOL;
    case AIGW_BODY_LIST:
        return value->type == AIGW_JSON_LIST;
    case AIGW_BODY_OBJECT:
    case AIGW_BODY_MAP:
        return value->type == AIGW_JSON_OBJECT;
    default:
        return true;
    }
}

/* Of the rows of one name the one for this variant and value; NULL when the name is none of this variant. */
static const struct aigw_body_field *choose_row(const struct aigw_body_field *rows, uint32_t count, uint32_t variant,
                                                const struct aigw_json *value)
{
    const struct aigw_body_field *found = NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (rows[i].variants && !(rows[i].variants & variant))
            continue;
        found = &rows[i];
        if (!(found->flags & AIGW_BODYF_OR) || value->type <= AIGW_JSON_NULL || is_for(found, value))
            break;
    }
    return found;
}

/* `slot` has the value, `row_slot` is the row's own. */
static void read_member(struct aigw_body *b, const struct aigw_body_table *table, const struct aigw_body_field *field,
                        const struct slot *slot, struct slot *row_slot, char *ret)
{
    char *at = field->offset == AIGW_BODY_NOWHERE ? NULL : ret + field->offset;

    if (at)
        set_default(field, at);
    if (slot->value.type == AIGW_JSON_ABSENT) {
        if (field->flags & AIGW_BODYF_REQUIRED)
            aigw_body_missing(b, field);
        return;
    }
    if (slot->value.type == AIGW_JSON_NULL && (field->flags & AIGW_BODYF_NULLABLE))
        return;
    if (!at)
        at = spare_for(b, row_slot, size_of(field));
    if (!at)
        return;
    row_slot->count = slot->count;
    if (row_slot != slot) /* of several rows of this name: what it has is of the item before */
        row_slot->has_members = false;
    aigw_body_enter(b, (aigw_str){ field->name, strlen(field->name) }, false);
    if (read_value(b, field, &slot->value, row_slot, at) && table->has_given) {
        uint32_t given;

        memcpy(&given, ret + table->given_offset, sizeof given);
        given |= field->given;
        memcpy(ret + table->given_offset, &given, sizeof given);
    }
    aigw_body_leave(b);
}

static void read_members(struct aigw_body *b, const struct aigw_body_table *table, struct slot *slots, uint32_t variant,
                         bool is_before_tag, char *ret)
{
    for (uint32_t i = 0, count; i < table->field_count && b->status == AIGW_OK; i += count) {
        const struct aigw_body_field *field;

        count = aigw_body_group(table, i);
        if (((table->fields[i].flags & AIGW_BODYF_BEFORE_TAG) != 0) != is_before_tag)
            continue;
        field = choose_row(&table->fields[i], count, variant, &slots[i].value);
        if (field)
            read_member(b, table, field, &slots[i], &slots[field - table->fields], ret);
    }
}

/* The table's tag → its variant. False after a fault. */
static bool find_variant(struct aigw_body *b, const struct aigw_body_table *table, const struct aigw_json *tag,
                         uint32_t *ret_variant)
{
    aigw_str shown = tag->text;
    size_t count = 0;

    if (tag->type == AIGW_JSON_ABSENT && table->default_variant) {
        *ret_variant = table->default_variant - 1;
        return true;
    }
    if (tag->type == AIGW_JSON_ABSENT) {
        aigw_body_report(b, NULL, "union_tag_not_found", "Unable to extract tag using discriminator '%s'", table->tag);
        return false;
    }
    for (; aigw_print_word(table->tags, count).ptr; count++)
        if (aigw_body_is_tag(table, tag, count)) {
            *ret_variant = (uint32_t)count;
            return true;
        }
    if (tag->type == AIGW_JSON_STRING)
        shown = aigw_scan_inside(tag);
    else if (tag->type == AIGW_JSON_NULL)
        shown = AIGW_STR("None");
    else if (tag->type >= AIGW_JSON_LIST)
        shown = AIGW_STR("…");
    aigw_body_bad_tag(b, table, shown);
    return false;
}

/* The fields that are behind the tag, then the table's check function. */
static void read_rest(struct aigw_body *b, const struct aigw_body_table *table, struct slot *slots, uint32_t variant,
                      uint32_t before, char *ret)
{
    const struct object object = { .table = table, .slots = slots };
    const void *outer = b->object;
    uint32_t outer_before = b->faults_before;

    read_members(b, table, slots, variant, false, ret);
    if (!table->check || b->status < 0)
        return;
    b->object = &object;
    b->faults_before = before;
    table->check(b, ret);
    b->faults_before = outer_before;
    b->object = outer;
}

static void read_variant(struct aigw_body *b, const struct aigw_body_table *table, struct slot *slots, uint32_t before,
                         char *ret)
{
    uint32_t variant = 0;
    aigw_str tag;

    if (!find_variant(b, table, &slots[table->field_count].value, &variant))
        return;
    memcpy(ret + table->variant_offset, &variant, sizeof variant);
    tag = aigw_print_word(table->tags, variant);
    if (table->tag_is_number) {
        int64_t number = 0;

        for (; tag.len > 0; tag.ptr++, tag.len--)
            number = number * 10 + (*tag.ptr - '0');
        aigw_body_enter_index(b, number, true);
    } else {
        aigw_body_enter(b, tag, true);
    }
    read_rest(b, table, slots, UINT32_C(1) << variant, before, ret);
    aigw_body_leave(b);
}

static bool read_object(struct aigw_body *b, const struct aigw_body_table *table, struct slot *slots, void *ret)
{
    uint32_t before = b->fault_count;

    memset(ret, 0, table->size);
    read_members(b, table, slots, 0, true, ret);
    if (table->tag)
        read_variant(b, table, slots, before, ret);
    else
        read_rest(b, table, slots, 0, before, ret);
    return b->status == AIGW_OK && b->fault_count == before;
}

bool aigw_body_member(const struct aigw_body *body, const char *name, struct aigw_json *ret)
{
    const struct object *object = body->object;

    memset(ret, 0, sizeof *ret);
    if (!object)
        return false;
    if (object->table->tag && strcmp(object->table->tag, name) == 0)
        *ret = object->slots[object->table->field_count].value;
    for (uint32_t i = 0; i < object->table->field_count && ret->type == AIGW_JSON_ABSENT; i++)
        if (strcmp(object->table->fields[i].name, name) == 0)
            *ret = object->slots[i].value;
    return ret->type != AIGW_JSON_ABSENT;
}

bool aigw_body_is_good(const struct aigw_body *body)
{
    return body->fault_count == body->faults_before;
}

/* ---- the whole ---- */

static void text_fault(struct aigw_body *b, const struct scan *s, aigw_str text)
{
    const char *begin = aigw_scan_begin(text, 0).at; /* behind a byte order mark */

    if (s->error_kind == AIGW_JSON_BAD_EMPTY) {
        aigw_body_report(b, NULL, "missing", "Field required");
    } else if (s->error_kind == AIGW_JSON_BAD_UTF8 || !aigw_utf8_is_valid(text)) {
        aigw_body_report(b, NULL, "json_invalid", "JSON decode error: the body is not valid UTF-8 text");
    } else if (s->error_kind == AIGW_JSON_BAD_DEPTH) {
        aigw_body_report(b, NULL, "json_invalid", "JSON decode error: the body is nested deeper than %u levels",
                         AIGW_JSON_DEPTH);
    } else {
        aigw_body_enter_index(b, (int64_t)aigw_utf8_count((aigw_str){ begin, (size_t)(s->error_at - begin) }), false);
        aigw_body_report(b, NULL, "json_invalid", "JSON decode error");
        aigw_body_leave(b);
    }
}

aigw_status aigw_body_read(struct aigw_body *body, const struct aigw_body_table *table, aigw_str text, void *ret)
{
    struct scan s = aigw_scan_begin(text, body->options);
    struct slot *slots = aigw_body_slots(body, table->field_count + 1);
    struct aigw_json value = { .type = AIGW_JSON_ABSENT };

    memset(ret, 0, table->size);
    if (!slots)
        return body->status;
    aigw_scan_blanks(&s);
    if (s.at == s.end)
        aigw_scan_fail(&s, AIGW_JSON_BAD_EMPTY, s.at, "the text is empty");
    else if (*s.at == '{' ? aigw_body_note(body, &s, table, slots, 0, &value) : aigw_scan_value(&s, 0, &value))
        aigw_scan_finish(&s);
    if (body->status < 0)
        return body->status;
    if (s.error_kind)
        text_fault(body, &s, text);
    else if (value.type == AIGW_JSON_OBJECT)
        read_object(body, table, slots, ret);
    else if (value.type == AIGW_JSON_NULL)
        aigw_body_report(body, NULL, "missing", "Field required");
    else
        aigw_body_report(body, NULL, "model_attributes_type",
                         "Input should be a valid dictionary or object to extract fields from");
    if (body->status < 0)
        return body->status;
    return body->fault_count ? AIGW_E_INVALID : AIGW_OK;
}
