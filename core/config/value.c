/* value.c - one value, given as a node or as text, → one typed field of a struct. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/url.h"
#include "config/internal.h"
#include "config/json.h"

#define VALUE_ITEMS_MAX 10000
#define JSON_DEPTH      32

const char *gw_setting_type_name(uint32_t type)
{
    static const char *const names[] = { "?", "text", "integer", "number", "true or false", "list", "map" };

    return type < GW_ARRAY_LEN(names) ? names[type] : names[0];
}

size_t gw_setting_field_size(uint32_t type)
{
    switch (type) {
    case AIGW_SET_STRING:
        return sizeof(const char *);
    case AIGW_SET_INT:
        return sizeof(int64_t);
    case AIGW_SET_DOUBLE:
        return sizeof(double);
    case AIGW_SET_BOOL:
        return sizeof(int32_t);
    case AIGW_SET_LIST:
        return sizeof(struct aigw_list);
    case AIGW_SET_MAP:
        return sizeof(struct aigw_map);
    default:
        return 0;
    }
}

struct aigw_setting gw_setting_at(const struct aigw_setting *table, uint32_t index, uint32_t stride)
{
    struct aigw_setting copy = { 0 };
    size_t len = stride < sizeof copy ? stride : sizeof copy;

    memcpy(&copy, (const char *)table + (size_t)index * stride, len);
    return copy;
}

bool gw_text_to_bool(const char *text, int32_t *ret_value)
{
    static const char *const words[2][6] = { { "0", "false", "f", "no", "n", "off" },
                                             { "1", "true", "t", "yes", "y", "on" } };

    for (int value = 0; value < 2; value++) {
        for (size_t i = 0; i < GW_ARRAY_LEN(words[0]); i++) {
            if (strcasecmp(text, words[value][i]) == 0) {
                *ret_value = value;
                return true;
            }
        }
    }
    return false;
}

/* ---- storing and its checks ---- */

static void *field(const struct gw_value_target *t)
{
    return (char *)t->out + t->setting->offset;
}

static bool in_range(const struct gw_value_target *t, const struct gw_node *where, double value)
{
    const struct aigw_setting *s = t->setting;

    if (!(s->min < s->max) || (value >= s->min && value <= s->max))
        return true;
    return gw_value_is_out_of_range(t, where, value);
}

static bool store_int(const struct gw_value_target *t, const struct gw_node *where, int64_t value)
{
    if (!in_range(t, where, (double)value))
        return false;
    memcpy(field(t), &value, sizeof value);
    return true;
}

static bool store_double(const struct gw_value_target *t, const struct gw_node *where, double value)
{
    if (!isfinite(value)) {
        gw_problem(t->problems, where, t->key, "is not a finite number");
        return false;
    }
    if (!in_range(t, where, value))
        return false;
    memcpy(field(t), &value, sizeof value);
    return true;
}

static bool store_bool(const struct gw_value_target *t, int32_t value)
{
    memcpy(field(t), &value, sizeof value);
    return true;
}

static bool check_choice(const struct gw_value_target *t, const struct gw_node *where, const char *text)
{
    size_t count = 0, room = 1, text_len = strlen(text);
    const char **names, *closest;

    for (const char *at = t->setting->choices; *at; at++)
        room += *at == '|';
    names = gw_arena_alloc(t->arena, room * sizeof *names);
    for (const char *at = names ? t->setting->choices : NULL; at;) {
        size_t len = strcspn(at, "|");

        if (len == text_len && memcmp(at, text, len) == 0)
            return true;
        names[count] = gw_arena_strndup(t->arena, at, len);
        if (names[count])
            count++;
        at = at[len] ? at + len + 1 : NULL;
    }
    closest = gw_closest(text, names, count);
    gw_problem(t->problems, where, t->key, "is %s, expected one of %s%s%s%s", gw_value_shown(t, text),
               t->setting->choices, closest ? "; did you mean " : "", closest ? closest : "", closest ? "?" : "");
    return false;
}

/** Whether text is a URL that we accept; reterr says why not. */
static bool is_url(const char *text, struct gw_err *reterr)
{
    char host[GW_URL_HOST_MAX];
    struct gw_url url;
    const char *why;
    uint16_t port;

    if (*text == '"' || *text == '\'')
        return gw_err_set(reterr, AIGW_E_CONFIG, "the quotes are part of it; remove them"), false;
    if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "expected a URL that begins with http:// or https://"), false;
    for (const char *p = text; *p; p++) { /* gw_url_split() would drop those around it */
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return gw_err_set(reterr, AIGW_E_CONFIG, "a URL may hold no blanks or control characters"), false;
    }
    why = gw_url_split(gw_str(text), &url);
    if (!why)
        why = gw_url_port(url.port, &port);
    if (!why && *url.host.ptr == '[')
        why = gw_url_host(url.host, host);
    if (why)
        gw_err_set(reterr, AIGW_E_CONFIG, "the URL %s", why);
    return !why;
}

static bool store_string(const struct gw_value_target *t, const struct gw_node *where, const char *text)
{
    size_t len = strlen(text);
    const char *copy;

    if (gw_utf8_valid_len((aigw_str){ text, len }) != len) {
        gw_problem(t->problems, where, t->key, "is not valid UTF-8");
        return false;
    }
    if (t->setting->choices && !check_choice(t, where, text))
        return false;
    if (t->setting->flags & AIGW_SETF_URL) {
        struct gw_err why = { "" };

        if (!is_url(text, &why)) {
            gw_problem(t->problems, where, t->key, "is %s: %s",
                       strchr(text, '@') ? "(hidden: it may hold a password)" : gw_value_shown(t, text), why.text);
            return false;
        }
        if (text[len - 1] == '/')
            len--;
    }
    copy = gw_arena_strndup(t->arena, text, len);
    if (!copy) {
        gw_problem(t->problems, where, t->key, "out of memory");
        return false;
    }
    if (t->setting->flags & AIGW_SETF_SECRET)
        gw_log_add_secret(copy);
    memcpy(field(t), &copy, sizeof copy);
    return true;
}

/* ---- lists and maps ---- */

/** Names and values being collected; a list uses values only. */
struct collect {
    const struct gw_value_target *target;
    const struct gw_node *where;
    const char **names, **values;
    size_t count, cap;
    bool failed;
};

static void collect_begin(struct collect *c, const struct gw_value_target *target, const struct gw_node *where,
                          size_t cap)
{
    *c = (struct collect){ .target = target, .where = where, .cap = cap };
    if (cap > VALUE_ITEMS_MAX) {
        gw_problem(target->problems, where, target->key, "has more than %d items", VALUE_ITEMS_MAX);
        c->failed = true;
        return;
    }
    c->names = gw_arena_calloc(target->arena, (cap + 1) * sizeof *c->names);
    c->values = gw_arena_calloc(target->arena, (cap + 1) * sizeof *c->values);
    c->failed = !c->names || !c->values;
}

/** text may be a reference when it came from conf.d (`where` has a line). Both strings are copied. */
static void collect_add(struct collect *c, const struct gw_node *where, const char *name, const char *text)
{
    const struct gw_value_target *t = c->target;
    const char *value = NULL, *reason = NULL;

    if (c->failed || c->count == c->cap)
        return;
    if (gw_text_resolve(t->arena, text, &value, &reason) != GW_RESOLVED) {
        gw_problem(t->problems, where, t->key, "%s%s%s", name ? name : "", name ? ": " : "",
                   reason ? reason : "its environment variable is not set");
        c->failed = true;
        return;
    }
    gw_value_warn_of_clear_secret(t, where, text);
    if (gw_text_is_reference(text) || (t->setting->flags & AIGW_SETF_SECRET))
        gw_log_add_secret(value);
    c->names[c->count] = name ? gw_arena_strndup(t->arena, name, strlen(name)) : NULL;
    c->values[c->count] = value;
    if (name && !c->names[c->count])
        c->failed = true;
    c->count++;
}

static bool collect_store(struct collect *c)
{
    const struct gw_value_target *t = c->target;

    if (c->failed)
        return false;
    if (t->setting->type == AIGW_SET_LIST) {
        struct aigw_list list = { c->values, c->count };
        memcpy(field(t), &list, sizeof list);
    } else {
        struct aigw_map map = { c->names, c->values, c->count };
        memcpy(field(t), &map, sizeof map);
    }
    return true;
}

/** JSON text of the kind wanted, or NULL with a problem. The caller puts it. */
static struct json_object *parse_json(const struct gw_value_target *t, const struct gw_node *where, const char *text,
                                      enum json_type wanted)
{
    struct gw_err why = { "" };
    struct json_object *doc = gw_json_read(gw_str(text), JSON_DEPTH, GW_JSON_UNIQUE, &why);

    if (doc && json_object_is_type(doc, wanted))
        return doc;
    if (doc)
        gw_problem(
            t->problems, where, t->key, "is a JSON %s, expected %s", json_type_to_name(json_object_get_type(doc)),
            wanted == json_type_array ? "a list such as [\"a\", \"b\"]" : "an object such as {\"name\": \"value\"}");
    else
        gw_problem(t->problems, where, t->key, "is not valid JSON (%s), expected %s", why.text,
                   wanted == json_type_array ? "a list such as [\"a\", \"b\"]"
                                             : "an object such as {\"name\": \"value\"}");
    json_object_put(doc);
    return NULL;
}

static bool list_from_json(const struct gw_value_target *t, const struct gw_node *where, const char *text)
{
    struct json_object *doc = parse_json(t, where, text, json_type_array);
    struct collect c;
    size_t count;

    if (!doc)
        return false;
    count = json_object_array_length(doc);
    collect_begin(&c, t, where, count);
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(doc, i);

        if (item) /* null: not there */
            collect_add(&c, where, NULL, json_object_get_string(item));
    }
    json_object_put(doc);
    return collect_store(&c);
}

static bool list_from_text(const struct gw_value_target *t, const struct gw_node *where, const char *text)
{
    struct collect c;
    size_t count = 1;

    if (gw_str_trim(gw_str(text)).len > 0 && *gw_str_trim(gw_str(text)).ptr == '[')
        return list_from_json(t, where, text);
    for (const char *p = text; *p; p++)
        count += *p == ',';
    collect_begin(&c, t, where, count);
    for (const char *at = text; at && !c.failed;) {
        size_t len = strcspn(at, ",");
        aigw_str item = gw_str_trim((aigw_str){ at, len });
        char *copy = item.len ? gw_arena_strndup(t->arena, item.ptr, item.len) : NULL;

        if (copy)
            collect_add(&c, where, NULL, copy);
        at = at[len] ? at + len + 1 : NULL;
    }
    return collect_store(&c);
}

static bool map_from_text(const struct gw_value_target *t, const struct gw_node *where, const char *text)
{
    struct json_object *doc;
    struct collect c;

    if (!*text) {
        collect_begin(&c, t, where, 0);
        return collect_store(&c);
    }
    doc = parse_json(t, where, text, json_type_object);
    if (!doc)
        return false;
    collect_begin(&c, t, where, (size_t)json_object_object_length(doc));
    json_object_object_foreach(doc, name, member)
    {
        if (member) /* null: not there */
            collect_add(&c, where, name, json_object_get_string(member));
    }
    json_object_put(doc);
    return collect_store(&c);
}

/** Text of a scalar node, as it would be written; NULL for groups and lists. */
static const char *scalar_text(struct gw_arena *arena, const struct gw_node *node)
{
    switch (node->type) {
    case GW_NODE_STRING:
        return node->string;
    case GW_NODE_INT:
        return gw_arena_printf(arena, "%lld", (long long)node->integer);
    case GW_NODE_DOUBLE:
        return gw_arena_printf(arena, "%.15g", node->number);
    case GW_NODE_BOOL:
        return node->integer ? "true" : "false";
    default:
        return NULL;
    }
}

/** LIST from ( … ), MAP from { … }. */
static bool aggregate_from_node(const struct gw_value_target *t, const struct gw_node *node)
{
    struct collect c;
    size_t count = 0;

    for (const struct gw_node *child = node->first; child; child = child->next)
        count++;
    collect_begin(&c, t, node, count);
    for (const struct gw_node *child = node->first; child; child = child->next) {
        const char *text = scalar_text(t->arena, child);

        if (!text) {
            gw_problem(t->problems, child, t->key, "%s%sis a group or list, expected text",
                       child->key ? child->key : "", child->key ? ": " : "");
            c.failed = true;
        } else {
            collect_add(&c, child, child->key, text);
        }
    }
    return collect_store(&c);
}

/* ---- entry points ---- */

bool gw_value_from_text(const struct gw_value_target *t, const struct gw_node *where, const char *text)
{
    char *end = NULL;
    int32_t flag;
    long long integer;
    double number;

    switch (t->setting->type) {
    case AIGW_SET_STRING:
        return store_string(t, where, text);
    case AIGW_SET_INT:
        errno = 0;
        integer = strtoll(text, &end, 10);
        if (!*text || strchr(" \t\r\n\v\f", *text) || *end || errno)
            return gw_value_is_wrong_text(t, where, text);
        return store_int(t, where, integer);
    case AIGW_SET_DOUBLE:
        errno = 0;
        number = strtod(text, &end);
        if (!*text || strchr(" \t\r\n\v\f", *text) || *end || errno)
            return gw_value_is_wrong_text(t, where, text);
        return store_double(t, where, number);
    case AIGW_SET_BOOL:
        return gw_text_to_bool(text, &flag) ? store_bool(t, flag) : gw_value_is_wrong_text(t, where, text);
    case AIGW_SET_LIST:
        return list_from_text(t, where, text);
    default:
        return map_from_text(t, where, text);
    }
}

/** `port = "env:PORT:-"` with PORT empty or unset means the default where an empty text could mean nothing else. */
static bool empty_is_absent(const struct gw_value_target *t, const struct gw_node *node)
{
    const struct aigw_setting *s = t->setting;

    return gw_text_is_reference(node->string) && !(s->flags & AIGW_SETF_REQUIRED) &&
           (s->type != AIGW_SET_STRING || (s->flags & AIGW_SETF_URL) || s->choices);
}

bool gw_value_from_node(const struct gw_value_target *t, const struct gw_node *node, bool *ret_is_absent)
{
    uint32_t type = t->setting->type;
    const char *text = NULL, *reason = NULL;
    int resolved;

    *ret_is_absent = false;
    if (node->type == GW_NODE_STRING && (gw_text_is_reference(node->string) || type == AIGW_SET_STRING ||
                                         type == AIGW_SET_LIST || type == AIGW_SET_MAP)) {
        resolved = gw_text_resolve(t->arena, node->string, &text, &reason);
        if (resolved == GW_RESOLVED && !*text && empty_is_absent(t, node)) {
            *ret_is_absent = true;
            return true;
        }
        if (resolved == GW_RESOLVED) {
            if (type == AIGW_SET_STRING)
                gw_value_warn_of_clear_secret(t, node, node->string);
            return gw_value_from_text(t, node, text);
        }
        *ret_is_absent = resolved == GW_UNSET && !(t->setting->flags & AIGW_SETF_REQUIRED);
        if (*ret_is_absent && reason)
            gw_problem_warning(t->problems, node, t->key, "%s: taken as not given", reason);
        else if (!*ret_is_absent)
            gw_problem(t->problems, node, t->key, "%s", reason ? reason : "its environment variable is not set");
        return *ret_is_absent;
    }
    if (type == AIGW_SET_INT && node->type == GW_NODE_INT)
        return store_int(t, node, node->integer);
    if (type == AIGW_SET_DOUBLE && node->type == GW_NODE_INT)
        return store_double(t, node, (double)node->integer);
    if (type == AIGW_SET_DOUBLE && node->type == GW_NODE_DOUBLE)
        return store_double(t, node, node->number);
    if (type == AIGW_SET_BOOL && node->type == GW_NODE_BOOL)
        return store_bool(t, node->integer != 0);
    if ((type == AIGW_SET_LIST && node->type == GW_NODE_LIST) || (type == AIGW_SET_MAP && node->type == GW_NODE_GROUP))
        return aggregate_from_node(t, node);
    return gw_value_is_wrong_type(t, node);
}
