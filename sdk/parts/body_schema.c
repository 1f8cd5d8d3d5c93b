/* body_schema.c - a table as JSON Schema: what strict clients should send. What is lax for old clients is not shown. */
#include <aigw/body.h>

#include <math.h>
#include <string.h>

#include "body_read.h"
#include "print.h"

#define NESTED_MAX 8u /* a table that holds itself is cut there */

static void print_row(struct print *out, const struct aigw_body_field *field, uint32_t level);

static void print_member(struct print *out, bool *is_first, const char *name)
{
    aigw_print(out, *is_first ? "" : ",");
    *is_first = false;
    aigw_print_string(out, (aigw_str){ name, strlen(name) });
    aigw_print(out, ":");
}

static void print_words(struct print *out, const char *words, bool are_numbers, bool is_nullable)
{
    aigw_print(out, "[");
    for (size_t i = 0;; i++) {
        aigw_str word = aigw_print_word(words, i);

        if (!word.ptr)
            break;
        aigw_print(out, i ? "," : "");
        if (are_numbers)
            aigw_print_bytes(out, word.ptr, word.len);
        else
            aigw_print_string(out, word);
    }
    aigw_print(out, is_nullable ? ",null]" : "]");
}

static const char *name_of(uint32_t type)
{
    switch (type) {
    case AIGW_BODY_INT:
        return "integer";
    case AIGW_BODY_BOOL:
        return "boolean";
    case AIGW_BODY_NUMBER:
        return "number";
    case AIGW_BODY_OBJECT:
    case AIGW_BODY_MAP:
        return "object";
    case AIGW_BODY_LIST:
        return "array";
    default:
        return "string";
    }
}

static void print_type(struct print *out, const struct aigw_body_field *field, bool *is_first)
{
    bool is_nullable = field->flags & AIGW_BODYF_NULLABLE;

    if (field->type == AIGW_BODY_ANY)
        return;
    if (field->words) {
        print_member(out, is_first, "enum");
        print_words(out, field->words, false, is_nullable);
        return;
    }
    print_member(out, is_first, "type");
    aigw_print(out, is_nullable ? "[\"" : "\"");
    aigw_print(out, name_of(field->type));
    aigw_print(out, is_nullable ? "\",\"null\"]" : "\"");
}

static void print_limit(struct print *out, bool *is_first, const char *name, size_t limit)
{
    if (!limit)
        return;
    print_member(out, is_first, name);
    aigw_print_int(out, (int64_t)limit);
}

static void print_limits(struct print *out, const struct aigw_body_field *field, bool *is_first)
{
    const char *min = "minLength", *max = "maxLength";

    if (field->type == AIGW_BODY_LIST) {
        min = "minItems";
        max = "maxItems";
    } else if (field->type == AIGW_BODY_MAP) {
        min = "minProperties";
        max = "maxProperties";
    }
    print_limit(out, is_first, min, field->min);
    print_limit(out, is_first, max, field->max);
    if (!(field->low < field->high))
        return;
    if (isfinite(field->low)) {
        print_member(out, is_first, "minimum");
        aigw_print_number(out, field->low);
    }
    if (isfinite(field->high)) {
        print_member(out, is_first, "maximum");
        aigw_print_number(out, field->high);
    }
}

static void print_default(struct print *out, const struct aigw_body_field *field, bool *is_first)
{
    union {
        aigw_str text;
        int64_t integer;
        double number;
        bool boolean;
    } value = { AIGW_STR_NONE };

    if (!field->default_value)
        return;
    print_member(out, is_first, "default");
    aigw_body_default(field, &value); /* as it reads: a table may write .5 */
    if (field->type == AIGW_BODY_INT)
        aigw_print_int(out, value.integer);
    else if (field->type == AIGW_BODY_NUMBER)
        aigw_print_number(out, value.number);
    else if (field->type == AIGW_BODY_BOOL)
        aigw_print(out, value.boolean ? "true" : "false");
    else
        aigw_print_string(out, (aigw_str){ field->default_value, strlen(field->default_value) });
}

/* The rows of one name. Where several may have a value, null is the first one's. */
static void print_group(struct print *out, const struct aigw_body_field *rows, uint32_t count, uint32_t level)
{
    if (count > 1)
        aigw_print(out, "{\"anyOf\":[");
    for (uint32_t row = 0; row < count; row++) {
        struct aigw_body_field field = rows[row];

        if (row > 0 && !rows[row].variants)
            field.flags &= ~AIGW_BODYF_NULLABLE;
        aigw_print(out, row > 0 ? "," : "");
        print_row(out, &field, level);
    }
    if (count > 1)
        aigw_print(out, "]}");
}

/* Must the member be there, whatever the variant? Of several rows the first one says it. */
static bool is_required(const struct aigw_body_field *row)
{
    return (row->flags & AIGW_BODYF_REQUIRED) && !row->variants;
}

static void print_required(struct print *out, const char **before, const char *name, bool *is_first)
{
    if (**before == '[')
        print_member(out, is_first, "required");
    aigw_print(out, *before);
    aigw_print_string(out, (aigw_str){ name, strlen(name) });
    *before = ",";
}

/* "required":[…],"properties":{…} of a table. */
static void print_members(struct print *out, const struct aigw_body_table *table, uint32_t level, bool *is_first)
{
    bool is_first_member = true;
    const char *before = "[";

    print_member(out, is_first, "properties");
    aigw_print(out, "{");
    if (table->tag) {
        print_member(out, &is_first_member, table->tag);
        aigw_print(out, "{\"enum\":");
        print_words(out, table->tags, table->tag_is_number, false);
        aigw_print(out, "}");
    }
    for (uint32_t i = 0, count; i < table->field_count; i += count) {
        count = aigw_body_group(table, i);
        print_member(out, &is_first_member, table->fields[i].name);
        print_group(out, &table->fields[i], count, level + 1);
    }
    aigw_print(out, "}");
    for (uint32_t i = 0; i < table->field_count; i += aigw_body_group(table, i))
        if (is_required(&table->fields[i]))
            print_required(out, &before, table->fields[i].name, is_first);
    if (table->tag && !table->default_variant)
        print_required(out, &before, table->tag, is_first);
    if (*before == ',')
        aigw_print(out, "]");
}

static void print_table(struct print *out, const struct aigw_body_table *table, uint32_t level, bool *is_first)
{
    if (table->title) {
        print_member(out, is_first, "title");
        aigw_print_string(out, (aigw_str){ table->title, strlen(table->title) });
    }
    if (level <= NESTED_MAX)
        print_members(out, table, level, is_first);
}

static void print_row(struct print *out, const struct aigw_body_field *field, uint32_t level)
{
    bool is_first = true;

    aigw_print(out, "{");
    print_type(out, field, &is_first);
    print_limits(out, field, &is_first);
    print_default(out, field, &is_first);
    if (field->flags & AIGW_BODYF_URL) {
        print_member(out, &is_first, "format");
        aigw_print(out, "\"uri\"");
    } else if (field->flags & AIGW_BODYF_SECRET) {
        print_member(out, &is_first, "format");
        aigw_print(out, "\"password\"");
    }
    if (field->description) {
        print_member(out, &is_first, "description");
        aigw_print_string(out, (aigw_str){ field->description, strlen(field->description) });
    }
    if (field->type == AIGW_BODY_OBJECT) {
        print_table(out, field->table, level, &is_first);
    } else if (field->type == AIGW_BODY_LIST) {
        const struct aigw_body_field objects = { .type = AIGW_BODY_OBJECT, .table = field->table };

        print_member(out, &is_first, "items");
        print_row(out, field->item ? field->item : &objects, level);
    } else if (field->type == AIGW_BODY_MAP && field->item) {
        print_member(out, &is_first, "additionalProperties");
        print_row(out, field->item, level);
    }
    aigw_print(out, "}");
}

static void print_schema(struct print *out, const void *what)
{
    const struct aigw_body_table *table = what;
    const struct aigw_body_field root = { .type = AIGW_BODY_OBJECT, .table = table, .description = table->description };

    print_row(out, &root, 0);
}

aigw_status aigw_body_schema(const struct aigw_body_table *table, struct aigw_memory *memory, aigw_str *ret_json)
{
    return aigw_print_all(print_schema, table, memory, ret_json);
}
