/* The JSON reader: checking and reading a tree agree; what is found in checked text lies inside it, is all of it and
 * reads the same; mended text is JSON; text that was not checked does no harm. */
#include <stdlib.h>
#include <string.h>

#include <aigw/json.h>

#define MEMORY_MAX ((size_t)8 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
    if (!is_so)
        __builtin_trap();
}

static bool same(aigw_str a, aigw_str b)
{
    return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static void compare(const struct aigw_json *value, const struct aigw_json_node *node, struct aigw_memory *memory)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    const struct aigw_json_node *item = node->of.in.first;
    struct aigw_json key, part;
    aigw_str text;

    must(value->type == node->type && value->text.len > 0);
    if (value->type == AIGW_JSON_STRING) {
        must(aigw_json_text(value, memory, &text) == AIGW_OK && same(text, node->text));
        must((value->flags & AIGW_JSONF_ODD) || aigw_utf8_is_valid(text));
        must(aigw_utf8_strip(text).len <= text.len && aigw_utf8_count(text) <= text.len);
    }
    if (value->type < AIGW_JSON_LIST)
        return;
    must(aigw_json_count(value) == node->of.in.count);
    for (; item; item = item->next) {
        must(aigw_json_next(&walk, &key, &part));
        must(part.text.ptr > value->text.ptr && part.text.ptr + part.text.len < value->text.ptr + value->text.len);
        if (value->type == AIGW_JSON_OBJECT)
            must(aigw_json_text(&key, memory, &text) == AIGW_OK && same(text, item->key));
        compare(&part, item, memory);
    }
    must(!aigw_json_next(&walk, &key, &part));
}

/* Values one after the other: each is the whole of a text of its own. */
static void read_sequence(aigw_str rest, uint32_t options)
{
    struct aigw_json value, alone;
    aigw_str before = rest;

    while (aigw_json_check_first(&rest, options, &value, NULL) == AIGW_OK) {
        must(value.text.ptr >= before.ptr && value.text.ptr + value.text.len <= rest.ptr && rest.len < before.len);
        must(rest.ptr + rest.len == before.ptr + before.len);
        must(aigw_json_check(value.text, options, &alone, NULL) == AIGW_OK && alone.type == value.type &&
             alone.flags == value.flags && same(alone.text, value.text));
        before = rest;
    }
    must(same(before, rest) && value.type == AIGW_JSON_ABSENT);
}

static void read_unchecked(aigw_str text, uint8_t kind)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, MEMORY_MAX);
    struct aigw_json value = { text, kind % 8, kind / 8 % 4 }, part;
    struct aigw_json_walk walk = aigw_json_begin(&value);
    int64_t integer;
    double real;
    bool boolean;

    while (aigw_json_next(&walk, NULL, &part))
        must(part.text.ptr >= text.ptr && part.text.ptr + part.text.len <= text.ptr + text.len);
    aigw_json_member(&value, "a", &part);
    (void)aigw_json_text(&value, &memory, &text);
    (void)aigw_json_int(&value, &integer);
    (void)aigw_json_real(&value, &real);
    (void)aigw_json_bool(&value, &boolean);
    (void)aigw_json_mend(&value, &memory, &text);
    aigw_pool_free(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, MEMORY_MAX);
    uint8_t kind = size ? data[0] : 0;
    uint32_t options = kind % 8;
    struct aigw_json_error error, tree_error;
    const struct aigw_json_node *root;
    struct aigw_json value;
    aigw_str text, mended;
    size_t line, column;
    char *copy;
    aigw_status status;

    data += size > 0;
    size -= size > 0;
    copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    text = (aigw_str){ copy, size };
    status = aigw_json_tree(text, options, &memory, &root, &tree_error);
    if (aigw_json_check(text, options, &value, &error) == AIGW_OK) {
        must(status == AIGW_OK || status == AIGW_E_LIMIT);
        if (status == AIGW_OK)
            compare(&value, root, &memory);
        must((options & AIGW_JSON_BYTES) || aigw_utf8_is_valid(text));
        must(aigw_json_mend(&value, &memory, &mended) == AIGW_OK || memory.left < size * 6);
        must(!mended.ptr || aigw_json_check(mended, AIGW_JSON_STRICT, &value, NULL) == AIGW_OK);
    } else if (status != AIGW_E_LIMIT) {
        must(status == AIGW_E_INVALID && error.offset == tree_error.offset && error.kind == tree_error.kind);
        must(error.offset <= size);
        aigw_json_where(text, error.offset, &line, &column);
        must(line >= 1 && column >= 1);
    }
    read_sequence(text, options);
    read_unchecked(text, kind);
    aigw_pool_free(&pool);
    free(copy);
    return 0;
}
