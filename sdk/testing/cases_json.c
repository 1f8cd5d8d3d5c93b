/* cases_json.c - JSON that a case file expects against JSON that was found. Both are read strictly, to the last byte:
 * a text that is JSON only for a patient reader is none, and nothing may stand behind it. */
#include "cases.h"

#include <aigw/json.h>

#define JSON_MEMORY_MAX ((size_t)512 << 20)
#define PATH_MAX_LEN    ((size_t)4096)

/* The way to the first difference, and what it is. */
struct way {
    struct gw_buf path;
    const char *what;
};

static bool differs_here(struct way *way, const char *what)
{
    way->what = what;
    return false;
}

static bool is_same(struct way *way, const struct aigw_json_node *a, const struct aigw_json_node *b);

static bool is_same_list(struct way *way, const struct aigw_json_node *a, const struct aigw_json_node *b)
{
    const struct aigw_json_node *other = b->of.in.first;
    size_t begin = way->path.len, at = 0;

    for (const struct aigw_json_node *item = a->of.in.first; item; item = item->next, other = other->next, at++) {
        gw_buf_printf(&way->path, "[%zu]", at);
        if (!other)
            return differs_here(way, "is missing");
        if (!is_same(way, item, other))
            return false;
        gw_buf_back(&way->path, begin);
    }
    if (!other)
        return true;
    gw_buf_printf(&way->path, "[%zu]", at);
    return differs_here(way, "is not expected");
}

static const struct aigw_json_node *find(const struct aigw_json_node *object, aigw_str key)
{
    const struct aigw_json_node *member = object->of.in.first;

    while (member && !gw_str_eq(member->key, key))
        member = member->next;
    return member;
}

/* The member that was found, and that nobody expects. */
static const struct aigw_json_node *stranger(const struct aigw_json_node *a, const struct aigw_json_node *b)
{
    for (const struct aigw_json_node *member = b->of.in.first; member; member = member->next) {
        if (!find(a, member->key))
            return member;
    }
    return NULL;
}

static void go_into(struct way *way, aigw_str key)
{
    gw_buf_puts(&way->path, way->path.len > 0 ? "." : "");
    gw_buf_put_str(&way->path, key);
}

/* Names that the expected object has once and the found one as often as the expected one are once in both. */
static bool is_same_object(struct way *way, const struct aigw_json_node *a, const struct aigw_json_node *b)
{
    const struct aigw_json_node *other;
    size_t begin = way->path.len;

    for (const struct aigw_json_node *member = a->of.in.first; member; member = member->next) {
        other = find(b, member->key);
        go_into(way, member->key);
        if (!other)
            return differs_here(way, "is missing");
        if (!is_same(way, member, other))
            return false;
        gw_buf_back(&way->path, begin);
    }
    if (a->of.in.count == b->of.in.count)
        return true;
    other = stranger(a, b);
    if (other)
        go_into(way, other->key);
    return differs_here(way, other ? "is not expected" : "has a member twice");
}

static bool is_same_number(const struct aigw_json_node *a, const struct aigw_json_node *b)
{
    if (gw_str_eq(a->text, b->text))
        return true;
    if (a->type == AIGW_JSON_REAL)
        return a->of.real - b->of.real == 0; /* which infinite ones are not */
    return a->of.integer == b->of.integer && a->of.integer != INT64_MAX && a->of.integer != INT64_MIN;
}

static bool is_same(struct way *way, const struct aigw_json_node *a, const struct aigw_json_node *b)
{
    if (a->type != b->type)
        return differs_here(way, "has another type");
    switch (a->type) {
    case AIGW_JSON_LIST:
        return is_same_list(way, a, b);
    case AIGW_JSON_OBJECT:
        return is_same_object(way, a, b);
    case AIGW_JSON_INT:
    case AIGW_JSON_REAL:
        return is_same_number(a, b) || differs_here(way, "is another number");
    case AIGW_JSON_BOOL:
        return a->of.boolean == b->of.boolean || differs_here(way, "is the other one");
    case AIGW_JSON_STRING:
        return gw_str_eq(a->text, b->text) || differs_here(way, "is another text");
    default:
        return true;
    }
}

/* The first name that an object of the text has twice, absent when there is none. */
static aigw_str doubled(const struct aigw_json_node *node)
{
    if (node->type != AIGW_JSON_LIST && node->type != AIGW_JSON_OBJECT)
        return AIGW_STR_NONE;
    for (const struct aigw_json_node *child = node->of.in.first; child; child = child->next) {
        aigw_str inside = doubled(child);

        if (inside.ptr)
            return inside;
        if (node->type == AIGW_JSON_OBJECT && find(node, child->key) != child)
            return child->key.ptr ? child->key : AIGW_STR("");
    }
    return AIGW_STR_NONE;
}

/* Strictly, where a byte order mark is a byte too many. */
static const struct aigw_json_node *read_tree(aigw_str text, struct aigw_memory *memory, struct aigw_json_error *error)
{
    const struct aigw_json_node *root = NULL;

    *error = (struct aigw_json_error){ .reason = "a byte order mark" };
    if (gw_str_has_prefix(text, AIGW_STR("\xef\xbb\xbf")))
        return NULL;
    error->reason = "it is too large";
    return aigw_json_tree(text, AIGW_JSON_STRICT, memory, &root, error) == AIGW_OK ? root : NULL;
}

static const struct aigw_json_node *read_expected(struct cases *c, const char *what, aigw_str text,
                                                  struct aigw_memory *memory)
{
    struct aigw_json_error error;
    const struct aigw_json_node *root = read_tree(text, memory, &error);
    size_t line, column;
    aigw_str twice;

    if (!root) {
        aigw_json_where(text, error.offset, &line, &column);
        cases_finding(c,
                      "%s: the expected text is not JSON: %s in line %zu, column %zu of it. What begins with { or [ is "
                      "compared as JSON; any other text is written as a JSON string, \"…\"",
                      what, error.reason, line, column);
        return NULL;
    }
    twice = doubled(root);
    if (!twice.ptr)
        return root;
    cases_finding(c, "%s: the expected text has the member \"%.*s\" twice in one object", what, AIGW_STR_ARG(twice));
    return NULL;
}

bool cases_check_json(struct cases *c, const char *what, const char *text)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, JSON_MEMORY_MAX);
    bool is_good = read_expected(c, what, gw_str(text), &memory);

    aigw_pool_free(&pool);
    return is_good;
}

void cases_expect_json(struct cases *c, const char *what, const char *expected, aigw_str found)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, JSON_MEMORY_MAX);
    const struct aigw_json_node *a = read_expected(c, what, gw_str(expected), &memory), *b;
    struct aigw_json_error error;
    struct way way = { .what = "" };

    gw_buf_init(&way.path, PATH_MAX_LEN);
    if (!a)
        goto out;
    b = read_tree(found, &memory, &error);
    if (!b)
        cases_differ(c, what, cases_trimmed(expected), found, "what was found is not JSON: %s at byte %zu",
                     error.reason, error.offset);
    else if (!is_same(&way, a, b))
        cases_differ(c, what, cases_trimmed(expected), found, "%.*s %s",
                     way.path.len > 0 ? (int)way.path.len : (int)strlen("the whole"),
                     way.path.len > 0 ? way.path.data : "the whole", way.what);
out:
    gw_buf_done(&way.path);
    aigw_pool_free(&pool);
}

bool cases_read_string(struct cases *c, const char *what, const char *text, aigw_str *ret)
{
    struct aigw_memory memory = { cases_memory_get, c, JSON_MEMORY_MAX };
    struct aigw_json_error error = { .reason = "out of memory" };
    struct aigw_json root;

    if (aigw_json_check(cases_trimmed(text), AIGW_JSON_STRICT, &root, &error) == AIGW_OK &&
        aigw_json_text(&root, &memory, ret) == AIGW_OK)
        return true;
    cases_finding(c, "%s: the expected text begins like a JSON string and is none: %s at byte %zu", what, error.reason,
                  error.offset);
    return false;
}
