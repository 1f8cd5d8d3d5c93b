/* differential.c - what the reader takes, json-c takes too and means the same by it; what RFC 8259 has, the reader
 * takes. A table first, which says what must be taken, then damaged copies of it. Exit status 0: no difference.
 *
 * json-c reads laxly here: its strict mode differs between versions, and refuses valid text in some. What it takes
 * beyond the grammar is in the table as refused.
 */
#include <aigw/json.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS     70
#define MEMORY_MAX ((size_t)16 << 20)

/* `is_good`: it is JSON. */
static const struct {
    const char *id, *text;
    bool is_good;
} texts[] = {
    { "empty", "", false },
    { "blank", " \n", false },
    { "object", "{}", true },
    { "list", " [ ] ", true },
    { "string", "\"a\"", true },
    { "word", "true", true },
    { "bare-number", "12", true },
    { "members", "{\"a\":1,\"b\":[1,-2,30],\"c\":{\"d\":null,\"e\":true,\"f\":false}}", true },
    { "blanks", "\t{ \"a\" : [ 1 , 2 ] ,\r\n \"b\" : { } }\n", true },
    { "vertical-tab", "{\"a\":\v1}", false },
    { "twice", "{\"a\":1,\"b\":2,\"a\":\"last\"}", true },
    { "twice-null", "{\"a\":1,\"a\":null}", true },
    { "doubles", "[1.5,-0.25,2e3,1E-2,0.1,1e400,123456789.123456789,0e0,5e-324]", true },
    { "odd-doubles", "[-0.0,1.0]", true },
    { "minus-zero", "[-0]", true },
    { "longest-int", "[999999999999999999,-999999999999999999]", true },
    { "long-int", "[9223372036854775807]", true },
    { "huge-int", "[123456789012345678901234567890]", true },
    { "leading-zero", "[01]", false },
    { "plus", "[+1]", false },
    { "no-digits", "[-]", false },
    { "no-fraction", "[1.]", false },
    { "no-exponent", "[1e]", false },
    { "hex", "[0x10]", false },
    { "nan", "[NaN]", false },
    { "infinity", "{\"a\":Infinity,\"b\":-Infinity}", false },
    { "case", "[TRUE]", false },
    { "word-run-on", "[truefalse]", false },
    { "escapes", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", true },
    { "only-escape", "[\"\\n\"]", true },
    { "escape-then-plain", "[\"\\nabcdefghijklmnopqrstuvwxyz\\t0123456789\"]", true },
    { "unicode", "[\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\\uffff\\u0001\"]", true },
    { "u0000", "[\"a\\u0000b\"]", true },
    { "lone-high", "[\"\\ud83d\"]", false },
    { "lone-high-then-text", "[\"\\ud83dabcdefgh\"]", false },
    { "lone-high-then-escape", "[\"\\ud83d\\n\\n\\n\\n\"]", false },
    { "two-highs", "[\"\\ud83d\\ud83d\\ude00\"]", false },
    { "lone-low", "[\"\\ude00\"]", false },
    { "bad-hex", "[\"\\u12x4\"]", false },
    { "short-hex", "[\"\\u12\"]", false },
    { "bad-escape", "[\"\\q\"]", false },
    { "open-string", "[\"abc", false },
    { "open-escape", "[\"abc\\", false },
    { "escaped-end", "[\"abc\\\"]", false },
    { "control", "[\"a\nb\"]", false },
    { "delete", "[\"a\x7f\"]", true },
    { "utf-8", "{\"\xC3\xA9\":\"\xE2\x82\xAC \xF0\x9F\x98\x80\"}", true },
    { "escaped-key", "{\"\\u0061\":1}", true },
    { "empty-key", "{\"\":1}", true },
    { "no-comma", "[1 2]", false },
    { "last-comma", "[1,]", false },
    { "last-comma-object", "{\"a\":1,}", false },
    { "no-colon", "{\"a\" 1}", false },
    { "bare-key", "{a:1}", false },
    { "single-quotes", "{'a':1}", false },
    { "comment", "{/* */\"a\":1}", false },
    { "wrong-close", "[1}", false },
    { "more", "{} {}", false },
    { "bom", "\xEF\xBB\xBF{}", true },
    { "body",
      "{\"prompt_version\":1,\"project_path\":\"a/"
      "b\",\"current_file\":{\"file_name\":\"x.py\",\"content_above_cursor\":"
      "\"def f(x):\\n    return \\\"\\u003cb\\u003e\\\" + x\\n\",\"content_below_cursor\":\"\"},\"stream\":false}",
      true },
    { "answer",
      "{\"id\":\"c\",\"created\":1700000000,\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
      "\"x\\n\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"total\":2.5}}",
      true },
};

#define COUNT (sizeof texts / sizeof *texts)

static struct json_object *parse(const char *text, size_t len, enum json_tokener_error *ret_error)
{
    struct json_tokener *tokener = json_tokener_new_ex(LEVELS);
    struct json_object *tree;

    if (!tokener)
        abort();
    tree = json_tokener_parse_ex(tokener, text, (int)len + 1);
    *ret_error = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    return tree;
}

static bool same_text(aigw_str text, struct json_object *tree)
{
    const char *other = json_object_get_string(tree);
    size_t len = json_object_is_type(tree, json_type_string) ? (size_t)json_object_get_string_len(tree) : strlen(other);

    return text.len == len && memcmp(text.ptr, other, len) == 0;
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool same(const struct aigw_json_node *value, struct json_object *tree);

static bool same_members(const struct aigw_json_node *object, struct json_object *tree)
{
    size_t different = 0;

    for (const struct aigw_json_node *member = object->of.in.first; member; member = member->next) {
        struct json_object *other = NULL;
        char *name = strndup(member->key.ptr, member->key.len);
        const struct aigw_json_node *last = aigw_json_node_member(object, name);
        bool is_there = json_object_object_get_ex(tree, name, &other), is_cut = strlen(name) != member->key.len;

        free(name);
        if (is_cut) /* json-c's names end at a NUL */
            return true;
        if (!is_there || !last || !same(last, other))
            return false;
        different += last == member;
    }
    return different == (size_t)json_object_object_length(tree);
}

static bool same_items(const struct aigw_json_node *list, struct json_object *tree)
{
    size_t at = 0;

    for (const struct aigw_json_node *item = list->of.in.first; item; item = item->next)
        if (!same(item, json_object_array_get_idx(tree, at++)))
            return false;
    return at == list->of.in.count && at == json_object_array_length(tree);
}

static bool same(const struct aigw_json_node *value, struct json_object *tree)
{
    switch (value->type) {
    case AIGW_JSON_NULL:
        return !tree;
    case AIGW_JSON_BOOL:
        return json_object_is_type(tree, json_type_boolean) && value->of.boolean == json_object_get_boolean(tree) &&
               same_text(value->text, tree);
    case AIGW_JSON_INT: /* of any size: both end at 64 bits */
        return value->of.integer == json_object_get_int64(tree) &&
               (json_object_is_type(tree, json_type_int) || value->of.integer == 0);
    case AIGW_JSON_REAL:
        return json_object_is_type(tree, json_type_double) &&
               same_double(value->of.real, json_object_get_double(tree)) && same_text(value->text, tree);
    case AIGW_JSON_STRING:
        return json_object_is_type(tree, json_type_string) && same_text(value->text, tree);
    case AIGW_JSON_LIST:
        return json_object_is_type(tree, json_type_array) && same_items(value, tree);
    default:
        return json_object_is_type(tree, json_type_object) && same_members(value, tree);
    }
}

/* The lazy way through the text finds what the tree has. */
static bool walk_agrees(const struct aigw_json *value, const struct aigw_json_node *node, struct aigw_memory *memory)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    const struct aigw_json_node *item;
    struct aigw_json key, part;
    aigw_str text;
    double real;

    if (value->type != node->type)
        return false;
    if (value->type == AIGW_JSON_STRING)
        return aigw_json_text(value, memory, &text) == AIGW_OK && text.len == node->text.len &&
               (!text.len || memcmp(text.ptr, node->text.ptr, text.len) == 0);
    if (value->type == AIGW_JSON_REAL)
        return aigw_json_real(value, &real) && same_double(real, node->of.real);
    if (value->type != AIGW_JSON_LIST && value->type != AIGW_JSON_OBJECT)
        return true;
    for (item = node->of.in.first; item && aigw_json_next(&walk, &key, &part); item = item->next) {
        if (value->type == AIGW_JSON_OBJECT && (aigw_json_text(&key, memory, &text) < 0 || text.len != item->key.len ||
                                                (text.len && memcmp(text.ptr, item->key.ptr, text.len) != 0)))
            return false;
        if (!walk_agrees(&part, item, memory))
            return false;
    }
    return !item && !aigw_json_next(&walk, &key, &part) && aigw_json_count(value) == node->of.in.count;
}

/* Checking and reading agree, on the verdict and on what is in the text. */
static bool check_agrees(aigw_str text, uint32_t options, const struct aigw_json_node *root,
                         const struct aigw_json_error *tree_error, struct aigw_memory *memory)
{
    struct aigw_json value;
    struct aigw_json_error error;

    if (aigw_json_check(text, options, &value, &error) == AIGW_OK)
        return root && walk_agrees(&value, root, memory);
    return !root && error.offset == tree_error->offset && error.kind == tree_error->kind && error.offset <= text.len;
}

/* One text, ended by a NUL for json-c; the reader gets a copy that ends where it must not read on. */
static bool agree(const char *text, size_t len, bool *ret_is_taken)
{
    static const uint32_t options[] = { AIGW_JSON_STRICT, 0, AIGW_JSON_NAN, AIGW_JSON_NAN | AIGW_JSON_BYTES };
    char *exact = malloc(len ? len : 1);
    bool is_same = true;

    if (!exact)
        abort();
    memcpy(exact, text, len);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct aigw_pool pool = { NULL };
        struct aigw_memory memory = aigw_pool_memory(&pool, MEMORY_MAX);
        const struct aigw_json_node *root;
        struct aigw_json_error error;
        aigw_status status = aigw_json_tree((aigw_str){ exact, len }, options[i], &memory, &root, &error);

        is_same = is_same && check_agrees((aigw_str){ exact, len }, options[i], root, &error, &memory);
        if (options[i] == AIGW_JSON_STRICT) {
            enum json_tokener_error json_error;
            size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; /* json-c knows none */
            struct json_object *tree = parse(text + mark, len - mark, &json_error);

            if (status == AIGW_OK && (json_error != json_tokener_success || !same(root, tree)))
                is_same = false;
            json_object_put(tree);
            *ret_is_taken = status == AIGW_OK;
        }
        aigw_pool_free(&pool);
    }
    free(exact);
    return is_same;
}

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* A copy with a few bytes changed, taken out or put in. NUL-ended; no NUL inside: json-c would stop there. */
static size_t damage(const char *text, char *out, size_t size, uint64_t *seed)
{
    static const char spice[] = "{}[]\",:\\u0dD8eEnt.-+1 \n/'x\xC3\xA9\x01";
    size_t len = strlen(text);
    uint32_t count = 1 + next_random(seed) % 3;

    memcpy(out, text, len + 1);
    for (uint32_t i = 0; i < count && len > 0; i++) {
        size_t at = next_random(seed) % len;
        char c = spice[next_random(seed) % (sizeof spice - 1)];

        switch (next_random(seed) % 3) {
        case 0:
            out[at] = c;
            break;
        case 1:
            memmove(out + at, out + at + 1, len-- - at);
            break;
        default:
            if (len + 1 < size) {
                memmove(out + at + 1, out + at, len++ - at + 1);
                out[at] = c;
            }
        }
    }
    return len;
}

/* Nested so deep that the reader gives up, and just not so deep. */
static uint32_t check_depth(void)
{
    uint32_t wrong = 0;
    bool is_taken;
    char text[2 * LEVELS + 1];

    for (size_t depth = 1; depth <= LEVELS; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        wrong += !agree(text, 2 * depth, &is_taken) || is_taken != (depth <= AIGW_JSON_DEPTH);
    }
    return wrong;
}

/* More values and longer strings than one block holds. */
static uint32_t check_size(void)
{
    size_t count = 20000, len = 0;
    char *text = malloc(count * 16 + 2);
    bool is_taken = false, is_same;

    if (!text)
        abort();
    text[len++] = '[';
    for (size_t i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, i % 3 ? "%zu," : "\"\\n%zu\",", i);
    text[len - 1] = ']';
    text[len] = '\0';
    is_same = agree(text, len, &is_taken) && is_taken;
    len = 0;
    text[len++] = '"';
    memset(text + len, 'x', count);
    memcpy(text + len + count / 2, "\\n", 2);
    len += count;
    text[len++] = '"';
    text[len] = '\0';
    is_same = is_same && agree(text, len, &is_taken) && is_taken;
    free(text);
    return !is_same;
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000, taken = 0;
    uint32_t wrong = 0;
    uint64_t seed = 20240501;
    char text[1024];
    bool is_taken;

    for (size_t i = 0; i < COUNT; i++)
        if (!agree(texts[i].text, strlen(texts[i].text), &is_taken) || is_taken != texts[i].is_good) {
            printf("%s: %s\n", texts[i].id, is_taken != texts[i].is_good ? "taken or not, wrongly" : "differs");
            wrong++;
        }
    wrong += check_depth() + check_size();
    for (unsigned long i = 0; i < rounds; i++) {
        size_t len = damage(texts[next_random(&seed) % COUNT].text, text, sizeof text, &seed);

        if (!agree(text, len, &is_taken) && wrong++ < 10)
            printf("differs: %s\n", text);
        taken += is_taken;
    }
    printf("%lu rounds, %lu taken, %u differences\n", rounds, taken, wrong);
    return wrong > 0 || taken == 0;
}
