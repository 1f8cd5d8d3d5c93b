/* canon_read.c - JSON text → model request, every piece in memory of its exact size. */
#include "canon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include <aigw/json.h>

struct canon {
    struct gw_arena *arena;
    size_t growth; /* bytes behind each struct that only a later SDK would know */
    struct gw_err *err;
    aigw_status status;
};

static void bad(struct canon *c, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void bad(struct canon *c, const char *fmt, ...)
{
    va_list args;

    if (c->status != AIGW_OK)
        return;
    c->status = AIGW_E_INVALID;
    va_start(args, fmt);
    vsnprintf(c->err->text, sizeof c->err->text, fmt, args);
    va_end(args);
}

/* Zeroed memory of its exact size: AddressSanitizer sees who reads beyond it. */
static void *exact(struct canon *c, size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);

    if (!memory || gw_arena_defer(c->arena, free, memory) != AIGW_OK)
        abort();
    return memory;
}

/* A struct, which says its size itself. */
static void *sized(struct canon *c, size_t size)
{
    char *memory = exact(c, size + c->growth);

    memset(memory + size, 0xa5, c->growth);
    *(uint32_t *)(void *)memory = (uint32_t)(size + c->growth);
    return memory;
}

static const char *type_name(struct json_object *value)
{
    static const char *const names[] = { "null", "a bool", "a number", "a number", "an object", "a list", "a string" };
    enum json_type type = json_object_get_type(value);

    return (size_t)type < GW_ARRAY_LEN(names) ? names[type] : "?";
}

static bool is_type(struct canon *c, const char *name, struct json_object *value, enum json_type type,
                    const char *expected)
{
    if (json_object_is_type(value, type))
        return true;
    bad(c, "%s: expected %s, found %s", name, expected, type_name(value));
    return false;
}

/* A string as it is, anything else as JSON text. Not NUL-terminated, like any aigw_str. */
static aigw_str text_of(struct canon *c, struct json_object *value)
{
    const char *text;
    size_t len;
    char *copy;

    if (!value)
        return AIGW_STR_NONE;
    if (json_object_is_type(value, json_type_string)) {
        text = json_object_get_string(value);
        len = (size_t)json_object_get_string_len(value);
    } else {
        text = json_object_to_json_string_length(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
    }
    copy = exact(c, len);
    memcpy(copy, text, len);
    return (aigw_str){ copy, len };
}

static struct json_object *member(struct json_object *obj, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(obj, json_type_object))
        json_object_object_get_ex(obj, key, &value);
    return value;
}

static uint32_t word_of(struct canon *c, const struct canon_field *field, struct json_object *value)
{
    const char *text;

    if (!is_type(c, field->name, value, json_type_string, "a word"))
        return 0;
    text = json_object_get_string(value);
    for (uint32_t i = 0; field->words[i]; i++)
        if (field->words[i][0] && strcmp(text, field->words[i]) == 0)
            return i;
    bad(c, "%s: unknown word \"%s\"", field->name, text);
    return 0;
}

static void *read_struct(struct canon *c, const struct canon_form *form, struct json_object *obj);

static void *read_list(struct canon *c, const struct canon_field *field, struct json_object *list)
{
    void *first = NULL, **link = &first;

    if (!is_type(c, field->name, list, json_type_array, "a list"))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        char *item = read_struct(c, field->form, json_object_array_get_idx(list, i));

        *link = item;
        link = (void **)(void *)(item + field->form->next);
    }
    return first;
}

static void *read_content(struct canon *c, const struct canon_field *field, struct json_object *value)
{
    struct aigw_part *part;

    if (!json_object_is_type(value, json_type_string))
        return read_list(c, field, value);
    part = sized(c, sizeof *part);
    part->type = AIGW_PART_TEXT;
    part->text = text_of(c, value);
    return part;
}

static aigw_str *read_texts(struct canon *c, const struct canon_field *field, struct json_object *list,
                            uint32_t *ret_count)
{
    size_t count =
        is_type(c, field->name, list, json_type_array, "a list of strings") ? json_object_array_length(list) : 0;
    aigw_str *texts = exact(c, count * sizeof *texts);

    for (size_t i = 0; i < count; i++)
        if (is_type(c, field->name, json_object_array_get_idx(list, i), json_type_string, "a list of strings"))
            texts[i] = text_of(c, json_object_array_get_idx(list, i));
    *ret_count = (uint32_t)count;
    return texts;
}

static void read_choice(struct canon *c, const struct canon_field *field, struct json_object *value,
                        struct aigw_model_request *req)
{
    const struct canon_field words = { .name = field->name, .words = canon_choice_words };

    if (json_object_is_type(value, json_type_object)) {
        req->tool_choice = AIGW_TOOLS_NAMED;
        req->tool_choice_name = text_of(c, member(value, "name"));
    } else {
        req->tool_choice = word_of(c, &words, value);
    }
}

/* Where the value of the top-level member "model" stands, and where members may be added. */
static void locate(struct aigw_raw *raw)
{
    const char *text = raw->body.ptr;
    size_t depth = 0, begin = 0;
    bool in_string = false, is_model = false;

    for (size_t at = 0; at < raw->body.len; at++) {
        if (in_string && text[at] == '\\') {
            at++;
        } else if (text[at] == '"') {
            in_string = !in_string;
            if (in_string)
                begin = at;
            else if (is_model && depth == 1) {
                raw->model_at = begin;
                raw->model_len = at + 1 - begin;
                is_model = false;
            } else
                is_model = depth == 1 && at + 1 - begin == 7 && memcmp(text + begin, "\"model\"", 7) == 0;
        } else if (!in_string && (text[at] == '{' || text[at] == '[')) {
            if (depth++ == 0)
                raw->insert_at = at + 1;
        } else if (!in_string && (text[at] == '}' || text[at] == ']')) {
            depth--;
        }
    }
}

static struct aigw_raw *read_raw(struct canon *c, struct json_object *value)
{
    struct json_object *headers = member(value, "headers");
    struct aigw_pair *pairs;
    struct aigw_raw *raw;
    uint32_t count = 0;

    if (!is_type(c, "raw", value, json_type_object, "an object") ||
        (headers && !is_type(c, "headers", headers, json_type_object, "an object")))
        return NULL;
    json_object_get(headers);
    json_object_object_del(value, "headers");
    raw = read_struct(c, &canon_raw, value);
    locate(raw);
    if (headers) {
        pairs = exact(c, (size_t)json_object_object_length(headers) * sizeof *pairs);
        json_object_object_foreach(headers, name, text)
        {
            char *copy = exact(c, strlen(name));

            memcpy(copy, name, strlen(name));
            pairs[count++] = (struct aigw_pair){ .name = { copy, strlen(name) }, .value = text_of(c, text) };
        }
        raw->headers = pairs;
        raw->header_count = count;
    }
    json_object_put(headers);
    return raw;
}

static double number_of(struct canon *c, const struct canon_field *field, struct json_object *value)
{
    if (json_object_is_type(value, json_type_int))
        return json_object_get_double(value);
    return is_type(c, field->name, value, json_type_double, "a number") ? json_object_get_double(value) : 0;
}

static int64_t integer_of(struct canon *c, const struct canon_field *field, struct json_object *value, int64_t most)
{
    int64_t integer =
        is_type(c, field->name, value, json_type_int, "a whole number") ? json_object_get_int64(value) : 0;

    if (most < INT64_MAX && (integer < 0 || integer > most))
        bad(c, "%s: expected a whole number of 0 to %lld", field->name, (long long)most);
    return integer;
}

static bool bool_of(struct canon *c, const struct canon_field *field, struct json_object *value)
{
    return is_type(c, field->name, value, json_type_boolean, "true or false") && json_object_get_boolean(value);
}

/* Objects and lists are written as they are where the field holds their text. */
static aigw_str string_of(struct canon *c, const struct canon_field *field, struct json_object *value)
{
    if (!json_object_is_type(value, json_type_object) && !json_object_is_type(value, json_type_array) &&
        !is_type(c, field->name, value, json_type_string, "a string"))
        return AIGW_STR_NONE;
    return text_of(c, value);
}

static void read_field(struct canon *c, const struct canon_field *field, struct json_object *value, char *out)
{
    void *at = out + field->offset;
    uint32_t *number = at, *second = (uint32_t *)(void *)(out + field->second);

    switch (field->type) {
    case CANON_TEXT:
        *(aigw_str *)at = string_of(c, field, value);
        break;
    case CANON_JSON:
        *(aigw_str *)at = text_of(c, value);
        break;
    case CANON_WORD:
        *number = word_of(c, field, value);
        break;
    case CANON_FLAG:
        *number |= bool_of(c, field, value) ? field->bit : 0;
        break;
    case CANON_SWITCH:
        *number = bool_of(c, field, value) ? AIGW_YES : AIGW_NO;
        break;
    case CANON_COUNT:
        *number = (uint32_t)integer_of(c, field, value, INT32_MAX);
        break;
    case CANON_NUMBER:
        *second |= field->bit;
        *(double *)at = number_of(c, field, value);
        break;
    case CANON_INTEGER:
        *second |= field->bit;
        *(int64_t *)at = integer_of(c, field, value, INT64_MAX);
        break;
    case CANON_TEXTS:
        *(aigw_str **)at = read_texts(c, field, value, second);
        break;
    case CANON_LIST:
        *(void **)at = read_list(c, field, value);
        break;
    case CANON_CONTENT:
        *(void **)at = read_content(c, field, value);
        break;
    case CANON_CHOICE:
        read_choice(c, field, value, (void *)out);
        break;
    case CANON_RAW:
        *(struct aigw_raw **)at = read_raw(c, value);
        break;
    case CANON_PART: /* its members are looked for one by one */
        break;
    }
}

static const struct canon_field *find_field(const struct canon_form *form, const char *name)
{
    for (size_t i = 0; i < form->field_count; i++)
        if (form->fields[i].name[0] && strcmp(form->fields[i].name, name) == 0)
            return &form->fields[i];
    return NULL;
}

/* One member: of the struct itself, or of a part of it that is written in the same object. */
static bool read_member(struct canon *c, const struct canon_form *form, const char *name, struct json_object *value,
                        char *out)
{
    const struct canon_field *field = find_field(form, name);

    if (field) {
        read_field(c, field, value, out);
        return true;
    }
    for (size_t i = 0; i < form->field_count; i++) {
        const struct canon_field *part = &form->fields[i];
        void **at = (void **)(void *)(out + part->offset);

        if (part->type != CANON_PART || !find_field(part->form, name))
            continue;
        if (!*at)
            *at = sized(c, part->form->size);
        return read_member(c, part->form, name, value, *at);
    }
    return false;
}

static void *read_struct(struct canon *c, const struct canon_form *form, struct json_object *obj)
{
    char *out = sized(c, form->size);

    if (!json_object_is_type(obj, json_type_object)) {
        bad(c, "%s: expected an object", form->what);
        return out;
    }
    json_object_object_foreach(obj, name, value)
    {
        if (!read_member(c, form, name, value, out))
            bad(c, "%s: unknown member \"%s\"", form->what, name);
    }
    return out;
}

/* What is not said: parts are text, messages the user's. */
static void complete(struct aigw_model_request *req)
{
    if (req->kind == 0)
        req->kind = AIGW_CALL_CHAT;
    for (struct aigw_message *msg = (void *)(uintptr_t)req->messages; msg; msg = (void *)(uintptr_t)msg->next) {
        if (msg->role == 0)
            msg->role = AIGW_ROLE_USER;
        for (struct aigw_part *part = (void *)(uintptr_t)msg->parts; part; part = (void *)(uintptr_t)part->next)
            if (part->type == 0)
                part->type = AIGW_PART_TEXT;
    }
}

/* The text as a tree, strictly. NULL: it is none. */
static struct json_object *read_tree(const char *json, struct gw_err *reterr)
{
    struct json_tokener *tok = json_tokener_new_ex((int)AIGW_JSON_DEPTH + 1);
    struct json_object *obj = NULL;
    struct aigw_json_error error;
    struct aigw_json root;
    size_t line, column;

    if (!tok)
        abort();
    if (aigw_json_check(gw_str(json), AIGW_JSON_STRICT, &root, &error) != AIGW_OK) {
        aigw_json_where(gw_str(json), error.offset, &line, &column);
        gw_err_set(reterr, AIGW_E_INVALID, "not JSON: %s in line %zu, column %zu", error.reason, line, column);
    } else {
        obj = json_tokener_parse_ex(tok, root.text.ptr, (int)root.text.len);
        if (!json_object_is_type(obj, json_type_object)) {
            gw_err_set(reterr, AIGW_E_INVALID, "not a JSON object");
            json_object_put(obj);
            obj = NULL;
        }
    }
    json_tokener_free(tok);
    return obj;
}

aigw_status testhost_read_request(struct gw_arena *arena, const char *json, size_t growth,
                                  struct aigw_target **ret_target, struct aigw_model_request **ret_req,
                                  struct gw_err *reterr)
{
    struct canon c = { .arena = arena, .growth = growth, .err = reterr, .status = AIGW_OK };
    struct json_object *obj = read_tree(json, reterr), *place, *nothing;
    struct aigw_model_request *req;
    struct aigw_target *target;

    if (!obj)
        return AIGW_E_INVALID;
    nothing = json_object_new_object();
    place = json_object_get(member(obj, "target"));
    json_object_object_del(obj, "target");
    req = read_struct(&c, &canon_request, obj);
    target = read_struct(&c, &canon_target, place ? place : nothing);
    complete(req);
    if (!target->model.ptr)
        target->model = AIGW_STR("test-model");
    json_object_put(place);
    json_object_put(nothing);
    json_object_put(obj);
    *ret_req = req;
    *ret_target = target;
    return c.status;
}
