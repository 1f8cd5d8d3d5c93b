/* schema_differential.c - a table and the schema that it prints mean the same: random tables, and values near what
 * their rows allow, are judged by the reader and by a small reader of JSON Schema. Values have the types that JSON has
 * for them; what the reader takes besides ("4" for 4) is not shown in schemas on purpose. Exit status 0: no difference.
 */
#include <aigw/body.h>

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH      3
#define FIELDS_MAX 5u
#define MEMORY_MAX ((size_t)16 << 20)

static uint64_t seed = 1;

static uint32_t roll(uint32_t sides)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % sides;
}

static bool chance(uint32_t in_ten)
{
    return roll(10) < in_ten;
}

/* ---- tables, in memory that goes with them ---- */

static struct aigw_pool kept;

static void *keep(size_t size)
{
    struct aigw_memory memory = aigw_pool_memory(&kept, MEMORY_MAX);
    void *bytes = aigw_memory_get(&memory, size);

    if (!bytes)
        abort();
    return memset(bytes, 0, size);
}

static const double ends[] = { -9007199254740993.0, -2.5, -1, 0, 0.1, 0.30000000000000004, 1, 3, 1e3, 1e18, 1e300 };
static const char *const words[] = { "a", "a|b", "|x", "\xc3\xa9t\xc3\xa9|\"q\"|b", "one|two|three" };
static const char *const names[] = { "a", "bb", "c_c", "d-d", "E" };

static struct aigw_body_table *make_table(int depth);

static void make_limits(struct aigw_body_field *field)
{
    if (chance(4))
        field->min = roll(4);
    if (chance(4))
        field->max = field->min + roll(4);
}

static void make_range(struct aigw_body_field *field)
{
    if (!chance(6))
        return;
    field->low = chance(2) ? -INFINITY : ends[roll(11)];
    field->high = chance(2) ? INFINITY : ends[roll(11)];
}

static void make_row(struct aigw_body_field *field, uint32_t type, int depth)
{
    struct aigw_body_field *item = keep(sizeof *item);

    field->type = type;
    field->offset = AIGW_BODY_NOWHERE;
    switch (type) {
    case AIGW_BODY_STRING:
        make_limits(field);
        field->words = chance(3) ? words[roll(5)] : NULL;
        field->default_value = chance(2) ? "a" : NULL;
        break;
    case AIGW_BODY_INT:
    case AIGW_BODY_NUMBER:
        make_range(field);
        field->default_value = !chance(2) ? NULL : type == AIGW_BODY_INT ? "007" : ".5";
        break;
    case AIGW_BODY_BOOL:
        field->default_value = chance(2) ? "t" : NULL;
        break;
    case AIGW_BODY_OBJECT:
        field->table = make_table(depth - 1);
        break;
    case AIGW_BODY_LIST:
        make_limits(field);
        make_row(item, 1 + roll(depth > 0 ? 8 : 4), depth - 1);
        field->item = item;
        break;
    case AIGW_BODY_MAP:
        make_limits(field);
        make_row(item, AIGW_BODY_STRING, 0);
        field->item = chance(5) ? item : NULL;
        break;
    default:
        break;
    }
}

static uint32_t json_type_of(uint32_t type)
{
    return type == AIGW_BODY_INT ? AIGW_BODY_NUMBER : type == AIGW_BODY_MAP ? AIGW_BODY_OBJECT : type;
}

/* One or more rows of one name, each for another type of JSON. */
static uint32_t make_group(struct aigw_body_field *rows, const char *name, uint32_t room, int depth)
{
    uint32_t count = chance(3) ? 1 + roll(room) : 1, made = 0, used = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t type = 1 + roll(depth > 0 ? 8 : 4), bit = 1u << json_type_of(type);

        if ((used & bit) || (count > 1 && type == AIGW_BODY_ANY))
            continue;
        used |= bit;
        make_row(&rows[made], type, depth);
        rows[made].name = name;
        rows[made].flags |= (chance(3) ? AIGW_BODYF_REQUIRED : 0) | (chance(3) ? AIGW_BODYF_NULLABLE : 0);
        if (made > 0)
            rows[made - 1].flags |= AIGW_BODYF_OR;
        made++;
    }
    return made;
}

static struct aigw_body_table *make_table(int depth)
{
    struct aigw_body_table *table = keep(sizeof *table);
    struct aigw_body_field *fields = keep((FIELDS_MAX + 3) * sizeof *fields);

    table->fields = fields;
    table->title = chance(2) ? "T\"" : NULL;
    for (uint32_t i = 0; i < 5 && table->field_count < FIELDS_MAX; i++)
        if (chance(6))
            table->field_count += make_group(&fields[table->field_count], names[i], 3, depth);
    return table;
}

/* ---- bodies ---- */

static void put(struct json_object *list, struct json_object *value)
{
    json_object_array_add(list, value);
}

static struct json_object *any_value(int depth)
{
    static const char *const texts[] = { "", "a", "b", "x", "\xc3\xa9t\xc3\xa9", "\"q\"", "two", "abc", "abcdefghij" };
    struct json_object *value;

    switch (roll(depth > 0 ? 8 : 6)) {
    case 0:
        return NULL;
    case 1:
        return json_object_new_boolean(chance(5));
    case 2:
        return json_object_new_int64(chance(8) ? (int64_t)roll(7) - 3 : (int64_t)1 << (50 + roll(13)));
    case 3:
        return json_object_new_double(ends[roll(11)] + (chance(5) ? 0 : 0.25));
    case 4:
    case 5:
        return json_object_new_string(texts[roll(9)]);
    case 6:
        value = json_object_new_array();
        for (uint32_t i = roll(5); i > 0; i--)
            put(value, any_value(depth - 1));
        return value;
    default:
        value = json_object_new_object();
        for (uint32_t i = roll(5); i > 0; i--)
            json_object_object_add(value, names[roll(5)], any_value(depth - 1));
        return value;
    }
}

static struct json_object *body_for(const struct aigw_body_table *table, int depth);

/* What the row may hold, or nearly. */
static struct json_object *value_for(const struct aigw_body_field *row, int depth)
{
    struct json_object *value;
    uint32_t count = (uint32_t)(row->min + roll(3));

    if (chance(1))
        return any_value(1);
    switch (row->type) {
    case AIGW_BODY_INT:
        return json_object_new_int64(chance(7) ? (int64_t)roll(6) - 2 : INT64_C(9007199254740992) + roll(3));
    case AIGW_BODY_NUMBER:
        return chance(5) ? json_object_new_double(ends[roll(11)]) : json_object_new_int64((int64_t)roll(6) - 2);
    case AIGW_BODY_BOOL:
        return json_object_new_boolean(chance(5));
    case AIGW_BODY_OBJECT:
        return body_for(row->table, depth - 1);
    case AIGW_BODY_LIST:
        value = json_object_new_array();
        for (; count > 0; count--)
            put(value, value_for(row->item, depth - 1));
        return value;
    case AIGW_BODY_MAP:
        value = json_object_new_object();
        for (; count > 0; count--)
            json_object_object_add(value, names[roll(5)], row->item ? value_for(row->item, 0) : any_value(1));
        return value;
    default:
        return any_value(0);
    }
}

static struct json_object *body_for(const struct aigw_body_table *table, int depth)
{
    struct json_object *body = json_object_new_object();

    for (uint32_t i = 0; i < table->field_count; i++)
        if (chance(8))
            json_object_object_add(body, table->fields[i].name, value_for(&table->fields[i], depth));
    return body;
}

/* ---- JSON Schema ---- */

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(object, name, &value) ? value : NULL;
}

static bool is_valid(struct json_object *schema, struct json_object *value);

static bool has_type(const char *name, struct json_object *value)
{
    enum json_type type = json_object_get_type(value);
    double number = json_object_get_double(value);

    switch (type) {
    case json_type_null:
        return strcmp(name, "null") == 0;
    case json_type_boolean:
        return strcmp(name, "boolean") == 0;
    case json_type_int:
        return strcmp(name, "integer") == 0 || strcmp(name, "number") == 0;
    case json_type_double:
        return strcmp(name, "number") == 0 || (strcmp(name, "integer") == 0 && number == floor(number));
    case json_type_string:
        return strcmp(name, "string") == 0;
    case json_type_array:
        return strcmp(name, "array") == 0;
    default:
        return strcmp(name, "object") == 0;
    }
}

static bool fits_type(struct json_object *type, struct json_object *value)
{
    if (!type || json_object_is_type(type, json_type_string))
        return !type || has_type(json_object_get_string(type), value);
    for (size_t i = 0; i < json_object_array_length(type); i++)
        if (has_type(json_object_get_string(json_object_array_get_idx(type, i)), value))
            return true;
    return false;
}

static bool fits_limit(struct json_object *schema, const char *min, const char *max, size_t count)
{
    struct json_object *least = member(schema, min), *most = member(schema, max);

    return (!least || count >= (size_t)json_object_get_int64(least)) &&
           (!most || count <= (size_t)json_object_get_int64(most));
}

static bool fits_number(struct json_object *schema, struct json_object *value)
{
    struct json_object *least = member(schema, "minimum"), *most = member(schema, "maximum");
    bool is_int = json_object_is_type(value, json_type_int);
    long double number =
        is_int ? (long double)json_object_get_int64(value) : (long double)json_object_get_double(value);

    return (!least || number >= (long double)json_object_get_double(least)) &&
           (!most || number <= (long double)json_object_get_double(most));
}

static bool fits_object(struct json_object *schema, struct json_object *value)
{
    struct json_object *required = member(schema, "required"), *properties = member(schema, "properties");
    struct json_object *rest = member(schema, "additionalProperties"), *known;

    if (!fits_limit(schema, "minProperties", "maxProperties", (size_t)json_object_object_length(value)))
        return false;
    for (size_t i = 0; required && i < json_object_array_length(required); i++)
        if (!json_object_object_get_ex(value, json_object_get_string(json_object_array_get_idx(required, i)), NULL))
            return false;
    json_object_object_foreach(value, name, inside)
    {
        if (properties && json_object_object_get_ex(properties, name, &known) ? !is_valid(known, inside)
                                                                              : rest && !is_valid(rest, inside))
            return false;
    }
    return true;
}

static bool fits_any(struct json_object *list, struct json_object *value,
                     bool (*fits)(struct json_object *, struct json_object *))
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (fits(json_object_array_get_idx(list, i), value))
            return true;
    return !list;
}

static bool is_equal(struct json_object *a, struct json_object *b)
{
    return json_object_equal(a, b);
}

static bool is_valid(struct json_object *schema, struct json_object *value)
{
    struct json_object *items = member(schema, "items");

    if (!fits_type(member(schema, "type"), value) || !fits_any(member(schema, "enum"), value, is_equal) ||
        !fits_any(member(schema, "anyOf"), value, is_valid))
        return false;
    switch (json_object_get_type(value)) {
    case json_type_string:
        return fits_limit(
            schema, "minLength", "maxLength",
            aigw_utf8_count((aigw_str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) }));
    case json_type_int:
    case json_type_double:
        return fits_number(schema, value);
    case json_type_array:
        if (!fits_limit(schema, "minItems", "maxItems", json_object_array_length(value)))
            return false;
        for (size_t i = 0; items && i < json_object_array_length(value); i++)
            if (!is_valid(items, json_object_array_get_idx(value, i)))
                return false;
        return true;
    case json_type_object:
        return fits_object(schema, value);
    default:
        return true;
    }
}

/* ---- both ---- */

static bool is_lax_for(const struct aigw_body_field *row, struct json_object *value);

static bool is_lax_in(const struct aigw_body_table *table, struct json_object *body)
{
    struct json_object *value;

    if (!json_object_is_type(body, json_type_object))
        return false;
    for (uint32_t i = 0; i < table->field_count; i++)
        if (json_object_object_get_ex(body, table->fields[i].name, &value) && is_lax_for(&table->fields[i], value))
            return true;
    return false;
}

/* A bool or a string where a number is wanted, a number or a string where a bool is: schemas do not say that. */
static bool is_lax_for(const struct aigw_body_field *row, struct json_object *value)
{
    enum json_type type = json_object_get_type(value);

    switch (row->type) {
    case AIGW_BODY_INT:
    case AIGW_BODY_NUMBER:
        return type == json_type_boolean || type == json_type_string;
    case AIGW_BODY_BOOL:
        return type == json_type_int || type == json_type_double || type == json_type_string;
    case AIGW_BODY_OBJECT:
        return is_lax_in(row->table, value);
    case AIGW_BODY_LIST:
        for (size_t i = 0; type == json_type_array && i < json_object_array_length(value); i++)
            if (is_lax_for(row->item, json_object_array_get_idx(value, i)))
                return true;
        return false;
    default:
        return false;
    }
}

static int compare(const struct aigw_body_table *table, struct json_object *schema, struct json_object *body,
                   const char *schema_text)
{
    const char *text = json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN);
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, MEMORY_MAX);
    struct aigw_body reading = { .memory = &memory };
    char nothing[64];
    aigw_status status = aigw_body_read(&reading, table, (aigw_str){ text, strlen(text) }, nothing);
    bool is_right = is_valid(schema, body);
    int result = 0;

    if ((status == AIGW_OK) != is_right && !(status == AIGW_OK && is_lax_in(table, body))) {
        printf("the reader answers %d, the schema %s\nbody   %s\nschema %s\n", status,
               is_right ? "takes it" : "does not", text, schema_text);
        for (const struct aigw_body_fault *fault = reading.faults; fault; fault = fault->next)
            printf("fault  %.*s: %.*s\n", AIGW_STR_ARG(fault->path), AIGW_STR_ARG(fault->msg));
        result = 1;
    }
    aigw_pool_free(&pool);
    return result;
}

static int try_table(void)
{
    const struct aigw_body_table *table = make_table(DEPTH);
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, MEMORY_MAX);
    struct aigw_json root;
    struct json_object *schema, *body;
    int differences = 0;
    aigw_str text;

    if (aigw_body_schema(table, &memory, &text) != AIGW_OK ||
        aigw_json_check(text, AIGW_JSON_STRICT, &root, NULL) != AIGW_OK) {
        printf("a schema is not JSON: %.*s\n", AIGW_STR_ARG(text));
        return 1;
    }
    schema = json_tokener_parse(text.ptr);
    for (int i = 0; i < 40 && differences == 0; i++) {
        body = chance(9) ? body_for(table, DEPTH) : any_value(2);
        differences += compare(table, schema, body, text.ptr);
        json_object_put(body);
    }
    json_object_put(schema);
    aigw_pool_free(&pool);
    aigw_pool_free(&kept);
    return differences;
}

int main(int argc, char **argv)
{
    long tables = argc > 1 ? strtol(argv[1], NULL, 10) : 3000;
    int differences = 0;

    for (long i = 0; i < tables && differences < 3; i++)
        differences += try_table();
    return differences > 0;
}
