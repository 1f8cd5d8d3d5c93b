/* request_schema.c - JSON Schema as tools and answer formats bring it → what the API takes of it: JSON Schema without
 * the keywords that it refuses, or for older models the subset of OpenAPI, without references. */
#include "gemini.h"

#include <string.h>

#define SCHEMA_NODES_MAX 10000
#define SCHEMA_REFS_MAX  24 /* references inside one another: more are a circle */
#define SCHEMA_DEPTH_MAX 200
#define SCHEMA_WORK_MAX  ((size_t)16 * 1024 * 1024) /* bytes looked through for names */
#define SCHEMA_NAME_WORK 64u                        /* what a name counts */

/* What becomes of a keyword. */
enum schema_way {
    WAY_COPY,
    WAY_LEAVE,    /* left out: the API would refuse the whole request */
    WAY_SCHEMA,   /* its value is a schema, or something else that is copied */
    WAY_MAP,      /* an object of schemas */
    WAY_LIST,     /* a list of schemas */
    WAY_ANY_OF,   /* the same, under the name anyOf */
    WAY_TYPE,     /* a name of a type, or several */
    WAY_CONST,    /* one value: an enum of it */
    WAY_ENUM,     /* texts only, where OpenAPI counts */
    WAY_FORMAT,   /* those formats that OpenAPI has */
    WAY_REF,      /* a reference: what it names stands in its place */
    WAY_ALL_OF,   /* the members of all of these */
    WAY_NULLABLE, /* said by the type already */
};

static const struct {
    const char *key;
    enum schema_way json, openapi;
} schema_keys[] = {
    { "type", WAY_TYPE, WAY_TYPE },          { "description", WAY_COPY, WAY_COPY },
    { "title", WAY_COPY, WAY_COPY },         { "properties", WAY_MAP, WAY_MAP },
    { "required", WAY_COPY, WAY_COPY },      { "items", WAY_SCHEMA, WAY_SCHEMA },
    { "enum", WAY_COPY, WAY_ENUM },          { "const", WAY_CONST, WAY_CONST },
    { "anyOf", WAY_LIST, WAY_LIST },         { "oneOf", WAY_ANY_OF, WAY_ANY_OF },
    { "allOf", WAY_ALL_OF, WAY_ALL_OF },     { "format", WAY_COPY, WAY_FORMAT },
    { "minimum", WAY_COPY, WAY_COPY },       { "maximum", WAY_COPY, WAY_COPY },
    { "minItems", WAY_COPY, WAY_COPY },      { "maxItems", WAY_COPY, WAY_COPY },
    { "minLength", WAY_COPY, WAY_COPY },     { "maxLength", WAY_COPY, WAY_COPY },
    { "minProperties", WAY_COPY, WAY_COPY }, { "maxProperties", WAY_COPY, WAY_COPY },
    { "pattern", WAY_LEAVE, WAY_COPY },      { "propertyOrdering", WAY_COPY, WAY_COPY },
    { "nullable", WAY_NULLABLE, WAY_COPY },  { "default", WAY_COPY, WAY_COPY },
    { "example", WAY_COPY, WAY_COPY },       { "additionalProperties", WAY_SCHEMA, WAY_LEAVE },
    { "prefixItems", WAY_LIST, WAY_LEAVE },  { "$ref", WAY_COPY, WAY_REF },
    { "$defs", WAY_MAP, WAY_LEAVE },         { "definitions", WAY_MAP, WAY_LEAVE },
    { "$schema", WAY_LEAVE, WAY_LEAVE },     { "not", WAY_LEAVE, WAY_LEAVE },
    { "if", WAY_LEAVE, WAY_LEAVE },          { "then", WAY_LEAVE, WAY_LEAVE },
    { "else", WAY_LEAVE, WAY_LEAVE },
};

struct schema_out {
    struct gemini_out *out;
    struct wire_body *to;
    const struct aigw_json *root;
    struct aigw_memory *memory;
    bool is_openapi;
    uint32_t refs, nodes, depth;
    size_t work;
};

/** The objects whose members are written into the open one before this one's, and win. */
struct schema_scope {
    const struct schema_scope *outer;
    const struct aigw_json *object;
};

static aigw_status put_schema(struct schema_out *s, const struct aigw_json *schema);
static aigw_status put_members(struct schema_out *s, const struct aigw_json *schema, const struct schema_scope *scope,
                               uint32_t *count);

static enum schema_way way_of(const struct schema_out *s, const struct aigw_json *key)
{
    for (size_t i = 0; i < sizeof schema_keys / sizeof *schema_keys; i++)
        if (aigw_json_is_text(key, schema_keys[i].key))
            return s->is_openapi ? schema_keys[i].openapi : schema_keys[i].json;
    return s->is_openapi ? WAY_LEAVE : WAY_COPY;
}

static aigw_status put_json(struct schema_out *s, const struct aigw_json *value)
{
    aigw_str text;
    aigw_status status = aigw_json_mend(value, s->memory, &text);

    if (status == AIGW_OK)
        wire_put(s->to, text);
    return status;
}

/* `"key":`, with a comma when it is not the first member. */
static aigw_status put_key(struct schema_out *s, const struct aigw_json *key, const char *name, uint32_t *count)
{
    aigw_str text = wire_str(name);
    aigw_status status = name ? AIGW_OK : aigw_json_text(key, s->memory, &text);

    if ((*count)++ > 0)
        wire_puts(s->to, ",");
    s->out->host->buf_json(s->to->buf, text);
    wire_puts(s->to, ":");
    return status;
}

static aigw_status put_map(struct schema_out *s, const struct aigw_json *map)
{
    struct aigw_json_walk walk = aigw_json_begin(map);
    struct aigw_json key, value;
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    wire_puts(s->to, "{");
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        status = put_key(s, &key, NULL, &count);
        if (status == AIGW_OK)
            status = put_schema(s, &value);
    }
    wire_puts(s->to, "}");
    return status;
}

static aigw_status put_list(struct schema_out *s, const struct aigw_json *list)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct aigw_json item;
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    wire_puts(s->to, "[");
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item)) {
        wire_puts(s->to, count++ > 0 ? "," : "");
        status = put_schema(s, &item);
    }
    wire_puts(s->to, "]");
    return status;
}

/* ---- keywords ---- */

/* In small letters: clients of this API write STRING, JSON Schema has string, and both forms take that. */
static void put_type_name(struct schema_out *s, const struct aigw_json *type)
{
    if (type->type != AIGW_JSON_STRING || (type->flags & AIGW_JSONF_ESCAPES)) { /* no name of a type */
        (void)put_json(s, type);
        return;
    }
    for (size_t i = 0; i < type->text.len; i++) {
        char c = type->text.ptr[i];

        c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        wire_put(s->to, (aigw_str){ &c, 1 });
    }
}

static bool is_null_type(const struct aigw_json *type)
{
    return aigw_json_is_text(type, "null") || aigw_json_is_text(type, "NULL");
}

/* Several types for OpenAPI, which has one, and a mark for null. */
static void put_openapi_types(struct schema_out *s, const struct aigw_json *types, uint32_t *count)
{
    struct aigw_json_walk walk = aigw_json_begin(types);
    struct aigw_json type, only = { .type = AIGW_JSON_ABSENT };
    uint32_t others = 0, listed = 0;
    bool has_null = false;

    while (aigw_json_next(&walk, NULL, &type)) {
        has_null |= is_null_type(&type);
        if (type.type == AIGW_JSON_STRING && !is_null_type(&type) && others++ == 0)
            only = type;
    }
    if (others == 1) {
        (void)put_key(s, NULL, "type", count);
        put_type_name(s, &only);
    } else if (others > 1) {
        (void)put_key(s, NULL, "anyOf", count);
        wire_puts(s->to, "[");
        walk = aigw_json_begin(types);
        while (aigw_json_next(&walk, NULL, &type))
            if (type.type == AIGW_JSON_STRING && !is_null_type(&type)) {
                wire_puts(s->to, listed++ > 0 ? ",{\"type\":" : "{\"type\":");
                put_type_name(s, &type);
                wire_puts(s->to, "}");
            }
        wire_puts(s->to, "]");
    }
    if (has_null && others > 0) {
        (void)put_key(s, NULL, "nullable", count);
        wire_puts(s->to, "true");
    }
}

static void put_type(struct schema_out *s, const struct aigw_json *schema, const struct aigw_json *value,
                     uint32_t *count)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json type, nullable;
    bool is_nullable = false, is_list = value->type == AIGW_JSON_LIST;
    uint32_t listed = 0;

    if (is_list && s->is_openapi) {
        put_openapi_types(s, value, count);
        return;
    }
    aigw_json_member(schema, "nullable", &nullable);
    is_nullable = !s->is_openapi && !is_list && aigw_json_bool(&nullable, &is_nullable) && is_nullable;
    (void)put_key(s, NULL, "type", count);
    wire_puts(s->to, is_list || is_nullable ? "[" : "");
    if (!is_list)
        put_type_name(s, value);
    while (is_list && aigw_json_next(&walk, NULL, &type)) {
        wire_puts(s->to, listed++ > 0 ? "," : "");
        put_type_name(s, &type);
    }
    wire_puts(s->to, is_nullable ? ",\"null\"]" : is_list ? "]" : "");
}

/* OpenAPI as they know it has enums of texts only. */
static aigw_status put_enum(struct schema_out *s, const struct aigw_json *list, uint32_t *count)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct aigw_json item;
    aigw_status status;

    while (aigw_json_next(&walk, NULL, &item))
        if (item.type != AIGW_JSON_STRING)
            return AIGW_OK;
    status = put_key(s, NULL, "enum", count);
    return status == AIGW_OK ? put_json(s, list) : status;
}

static aigw_status put_const(struct schema_out *s, const struct aigw_json *value, uint32_t *count)
{
    aigw_status status;

    if (s->is_openapi && value->type != AIGW_JSON_STRING)
        return AIGW_OK;
    (void)put_key(s, NULL, "enum", count);
    wire_puts(s->to, "[");
    status = put_json(s, value);
    wire_puts(s->to, "]");
    return status;
}

/* What "#/$defs/name" names; absent when there is no such thing. */
static struct aigw_json target_of(struct schema_out *s, const struct aigw_json *ref)
{
    static const char *const places[] = { "$defs", "definitions" };
    struct aigw_json found = { .type = AIGW_JSON_ABSENT }, defs;
    aigw_str path = AIGW_STR_NONE;
    const char *name;

    s->work += s->root->text.len;
    if (aigw_json_text(ref, s->memory, &path) != AIGW_OK)
        return found;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *start = s->out->host->format(s->out->ctx, AIGW_LIFE_BUILD, "#/%s/", places[i]);

        if (!start || !wire_has_prefix(path, start))
            continue;
        name = s->out->host->format(s->out->ctx, AIGW_LIFE_BUILD, "%.*s", (int)(path.len - strlen(start)),
                                    path.ptr + strlen(start));
        if (name && aigw_json_member(s->root, places[i], &defs))
            aigw_json_member(&defs, name, &found);
        return found;
    }
    if (wire_is(path, "#"))
        return *s->root;
    return found;
}

static aigw_status put_target(struct schema_out *s, const struct aigw_json *ref, const struct schema_scope *scope,
                              uint32_t *count)
{
    struct aigw_json target = target_of(s, ref);
    aigw_status status;

    if (target.type != AIGW_JSON_OBJECT)
        return gemini_invalid(s->out, "a schema refers to something that is not in its $defs");
    if (++s->refs > SCHEMA_REFS_MAX)
        return gemini_unsupported(s->out, "schemas that refer to themselves, for this model", s->refs);
    status = put_members(s, &target, scope, count);
    s->refs--;
    return status;
}

static aigw_status put_all_of(struct schema_out *s, struct aigw_json_walk *walk, const struct schema_scope *scope,
                              uint32_t *count)
{
    struct aigw_json item;
    struct schema_scope inner = { scope, &item };
    aigw_status status;

    if (!aigw_json_next(walk, NULL, &item))
        return AIGW_OK;
    s->depth++;
    status = put_members(s, &item, scope, count);
    if (status == AIGW_OK)
        status = put_all_of(s, walk, &inner, count);
    s->depth--;
    return status;
}

static bool is_format(const struct aigw_json *value)
{
    static const char *const known[] = { "enum", "date-time", "int32", "int64", "float", "double" };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (aigw_json_is_text(value, known[i]))
            return true;
    return false;
}

/* One member that has a form of its own. */
static aigw_status put_special(struct schema_out *s, const struct aigw_json *value, enum schema_way way,
                               const struct schema_scope *scope, uint32_t *count)
{
    struct aigw_json_walk walk = aigw_json_begin(value);

    switch (way) {
    case WAY_TYPE:
        put_type(s, scope->object, value, count);
        return AIGW_OK;
    case WAY_CONST:
        return put_const(s, value, count);
    case WAY_ENUM:
        return put_enum(s, value, count);
    case WAY_REF:
        return put_target(s, value, scope, count);
    case WAY_ALL_OF:
        return put_all_of(s, &walk, scope, count);
    default:
        return AIGW_OK; /* WAY_LEAVE, WAY_NULLABLE */
    }
}

static aigw_status put_member(struct schema_out *s, const struct aigw_json *key, const struct aigw_json *value,
                              const struct schema_scope *scope, uint32_t *count)
{
    enum schema_way way = way_of(s, key);
    aigw_status status;

    if (way == WAY_FORMAT)
        way = is_format(value) ? WAY_COPY : WAY_LEAVE;
    if (way == WAY_SCHEMA && value->type == AIGW_JSON_LIST)
        way = s->is_openapi ? WAY_LEAVE : WAY_LIST;
    if (way > WAY_ANY_OF || way == WAY_LEAVE)
        return put_special(s, value, way, scope, count);
    status = put_key(s, key, way == WAY_ANY_OF ? "anyOf" : NULL, count);
    if (status != AIGW_OK)
        return status;
    if (way == WAY_SCHEMA && value->type == AIGW_JSON_OBJECT)
        return put_schema(s, value);
    if (way == WAY_MAP && value->type == AIGW_JSON_OBJECT)
        return put_map(s, value);
    if ((way == WAY_LIST || way == WAY_ANY_OF) && value->type == AIGW_JSON_LIST)
        return put_list(s, value);
    return put_json(s, value);
}

static bool is_shadowed(struct schema_out *s, const struct schema_scope *scope, aigw_str key)
{
    struct aigw_json_walk walk;
    struct aigw_json other, value;

    for (; scope; scope = scope->outer) {
        walk = aigw_json_begin(scope->object);
        while (s->work < SCHEMA_WORK_MAX && aigw_json_next(&walk, &other, &value)) {
            s->work += other.text.len + value.text.len;
            if (other.text.len == key.len && memcmp(other.text.ptr, key.ptr, key.len) == 0)
                return true;
        }
    }
    return false;
}

static aigw_status put_members(struct schema_out *s, const struct aigw_json *schema, const struct schema_scope *scope,
                               uint32_t *count)
{
    struct schema_scope own = { scope, schema };
    struct aigw_json_walk walk = aigw_json_begin(schema);
    struct aigw_json key, value;
    aigw_status status = AIGW_OK;

    if (++s->nodes > SCHEMA_NODES_MAX)
        return gemini_unsupported(s->out, "schemas of so many parts", SCHEMA_NODES_MAX);
    if (s->depth >= SCHEMA_DEPTH_MAX)
        return gemini_unsupported(s->out, "schemas of such depth", SCHEMA_DEPTH_MAX);
    s->depth++;
    while (status == AIGW_OK && aigw_json_next(&walk, &key, &value)) {
        if (!is_shadowed(s, scope, key.text))
            status = put_member(s, &key, &value, &own, count);
        if (status == AIGW_OK && s->work >= SCHEMA_WORK_MAX)
            status = gemini_unsupported(s->out, "schemas of such size", SCHEMA_NODES_MAX);
    }
    s->depth--;
    return status;
}

static aigw_status put_schema(struct schema_out *s, const struct aigw_json *schema)
{
    aigw_status status;
    uint32_t count = 0;

    if (schema->type != AIGW_JSON_OBJECT) /* true and false are schemas, too */
        return s->is_openapi ? (wire_puts(s->to, "{}"), AIGW_OK) : put_json(s, schema);
    wire_puts(s->to, "{");
    status = put_members(s, schema, NULL, &count);
    wire_puts(s->to, "}");
    return status;
}

aigw_status gemini_put_schema(struct gemini_out *out, struct wire_body *to, aigw_str schema)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, WIRE_BODY_MAX);
    struct aigw_json root;
    struct schema_out s = { out, to, &root, &memory, out->quirks->openapi_schema, 0, 0, 0, 0 };
    aigw_status status = aigw_json_check(schema, 0, &root, NULL);

    if (status == AIGW_OK && root.type != AIGW_JSON_OBJECT)
        status = AIGW_E_INVALID;
    if (status == AIGW_OK)
        status = put_schema(&s, &root);
    else
        status = gemini_invalid(out, "a schema is not a JSON object");
    aigw_pool_free(&pool);
    return status;
}
