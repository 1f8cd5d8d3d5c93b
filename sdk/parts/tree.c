/* tree.c - the whole of a small text as nodes: one pass, every node taken as it is met. */
#include <aigw/json.h>

#include <string.h>

#include "scan.h"

struct reader {
    struct scan s;
    struct aigw_memory *memory;
    aigw_status status; /* why memory was refused */
};

static void *take(struct reader *r, size_t len)
{
    void *got = aigw_memory_get(r->memory, len);

    if (!got)
        r->status = aigw_memory_status(r->memory, len);
    return got;
}

static bool read_text(struct reader *r, const struct aigw_json *string, aigw_str *ret)
{
    r->status = aigw_json_text(string, r->memory, ret);
    return r->status == AIGW_OK;
}

static bool read_scalar(struct reader *r, struct aigw_json_node *node)
{
    struct aigw_json value;

    if (!aigw_scan_scalar(&r->s, &value))
        return false;
    node->type = value.type;
    node->flags = value.flags & AIGW_JSONF_ODD;
    switch (value.type) {
    case AIGW_JSON_STRING:
        return read_text(r, &value, &node->text);
    case AIGW_JSON_INT:
        aigw_json_int(&value, &node->of.integer);
        break;
    case AIGW_JSON_REAL:
        aigw_json_real(&value, &node->of.real);
        break;
    case AIGW_JSON_BOOL:
        aigw_json_bool(&value, &node->of.boolean);
        break;
    default:
        return true;
    }
    node->text = value.text;
    return true;
}

/* Recursion as deep as AIGW_JSON_DEPTH allows. */
static bool read_value(struct reader *r, struct aigw_json_node *node, uint32_t depth)
{
    const struct aigw_json_node **last = &node->of.in.first;
    struct aigw_json key;
    char close;

    memset(node, 0, sizeof *node);
    if (!aigw_scan_to_value(&r->s))
        return false;
    if (*r->s.at != '{' && *r->s.at != '[')
        return read_scalar(r, node);
    if (depth == AIGW_JSON_DEPTH)
        return aigw_scan_fail(&r->s, AIGW_JSON_BAD_DEPTH, r->s.at, "the text is nested too deeply");
    node->type = *r->s.at == '{' ? AIGW_JSON_OBJECT : AIGW_JSON_LIST;
    close = *r->s.at++ == '{' ? '}' : ']';
    for (bool goes_on = aigw_scan_first(&r->s, close); goes_on; goes_on = aigw_scan_next(&r->s, close)) {
        struct aigw_json_node *item = take(r, sizeof *item);
        aigw_str name = AIGW_STR_NONE;

        if (!item || (close == '}' && (!aigw_scan_key(&r->s, &key) || !read_text(r, &key, &name))) ||
            !read_value(r, item, depth + 1))
            return false;
        item->key = name;
        *last = item;
        last = &item->next;
        node->of.in.count++;
    }
    return !r->s.error_kind;
}

aigw_status aigw_json_tree(aigw_str text, uint32_t options, struct aigw_memory *memory,
                           const struct aigw_json_node **ret_root, struct aigw_json_error *ret_error)
{
    struct reader r = { .s = aigw_scan_begin(text, options), .memory = memory };
    struct aigw_json_node *root;

    *ret_root = NULL;
    aigw_scan_blanks(&r.s);
    if (r.s.at == r.s.end) {
        aigw_scan_fail(&r.s, AIGW_JSON_BAD_EMPTY, r.s.at, "the text is empty");
        return aigw_scan_error(&r.s, text, ret_error);
    }
    root = take(&r, sizeof *root);
    if (root && read_value(&r, root, 0) && aigw_scan_finish(&r.s)) {
        *ret_root = root;
        return AIGW_OK;
    }
    return r.status < 0 ? r.status : aigw_scan_error(&r.s, text, ret_error);
}

const struct aigw_json_node *aigw_json_node_member(const struct aigw_json_node *object, const char *name)
{
    const struct aigw_json_node *found = NULL;
    size_t len = strlen(name);

    if (!object || object->type != AIGW_JSON_OBJECT)
        return NULL;
    for (const struct aigw_json_node *member = object->of.in.first; member; member = member->next)
        if (member->key.len == len && memcmp(member->key.ptr, name, len) == 0)
            found = member;
    return found;
}
