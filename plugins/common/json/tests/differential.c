/* differential.c - what pj_read() takes, json-c takes too, strict and lax, and means the same by it. Table first, which
 * also says what must be taken at all, then damaged copies of it. Exit status 0: no difference. */
#include "../digits.h"
#include "../json.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

/* `is_plain`: the reader takes it itself. */
static const struct {
    const char *id, *text;
    bool is_plain;
} texts[] = {
    { "empty", "", false },
    { "blank", " \n", false },
    { "object", "{}", true },
    { "list", " [ ] ", true },
    { "string", "\"a\"", true },
    { "word", "true", true },
    { "bare-number", "12", false },
    { "members", "{\"a\":1,\"b\":[1,-2,30],\"c\":{\"d\":null,\"e\":true,\"f\":false}}", true },
    { "blanks", "\t{ \"a\" : [ 1 , 2 ] ,\r\n \"b\" : { } }\n", true },
    { "vertical-tab", "{\"a\":\v1}", false },
    { "twice", "{\"a\":1,\"b\":2,\"a\":\"last\"}", true },
    { "twice-null", "{\"a\":1,\"a\":null}", true },
    { "doubles", "[1.5,-0.25,2e3,1E-2,0.1,1e400,123456789.123456789,0e0,5e-324]", true },
    { "odd-doubles", "[-0.0,1.0]", true },
    { "minus-zero", "[-0]", false },
    { "longest-int", "[999999999999999999,-999999999999999999]", true },
    { "long-int", "[9223372036854775807]", false },
    { "huge-int", "[123456789012345678901234567890]", false },
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
    { "u0000", "[\"a\\u0000b\"]", false },
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
    { "escaped-key", "{\"\\u0061\":1}", false },
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
    { "bom", "\xEF\xBB\xBF{}", false },
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

static struct json_object *parse(const char *text, size_t len, int flags, enum json_tokener_error *ret_error)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    struct json_object *tree;

    if (!tokener)
        abort();
    json_tokener_set_flags(tokener, flags);
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

static bool same(const struct pj *value, struct json_object *tree);

static bool same_members(const struct pj *object, struct json_object *tree)
{
    size_t different = 0;

    for (const struct pj *member = object->of.in.first; member; member = member->next) {
        struct json_object *other = NULL;
        char *name = strndup(member->key.ptr, member->key.len);
        const struct pj *last = pj_member(object, name);
        bool is_there = json_object_object_get_ex(tree, name, &other);

        free(name);
        if (!is_there || !last || !same(last, other))
            return false;
        different += last == member;
    }
    return different == (size_t)json_object_object_length(tree);
}

static bool same_items(const struct pj *list, struct json_object *tree)
{
    size_t at = 0;

    for (const struct pj *item = list->of.in.first; item; item = item->next)
        if (!same(item, json_object_array_get_idx(tree, at++)))
            return false;
    return at == list->of.in.count && at == json_object_array_length(tree);
}

static bool same(const struct pj *value, struct json_object *tree)
{
    switch (value->type) {
    case PJ_NULL:
        return !tree;
    case PJ_BOOL:
        return json_object_is_type(tree, json_type_boolean) && value->of.boolean == json_object_get_boolean(tree) &&
               same_text(value->text, tree);
    case PJ_INT:
        return json_object_is_type(tree, json_type_int) && value->of.integer == json_object_get_int64(tree) &&
               same_text(value->text, tree);
    case PJ_DOUBLE:
        return json_object_is_type(tree, json_type_double) &&
               same_double(value->of.real, json_object_get_double(tree)) && same_text(value->text, tree);
    case PJ_STRING:
        return json_object_is_type(tree, json_type_string) && same_text(value->text, tree);
    case PJ_LIST:
        return json_object_is_type(tree, json_type_array) && same_items(value, tree);
    default:
        return json_object_is_type(tree, json_type_object) && same_members(value, tree);
    }
}

/* One text, ended by a NUL for json-c; the reader gets a copy that ends where it must not read on. */
static bool agree(const char *text, size_t len, bool *ret_is_taken)
{
    static const int flags[] = { 0, JSON_TOKENER_STRICT };
    char *exact = malloc(len ? len : 1);
    struct pj_document *document, *copy;
    bool is_same = true;

    if (!exact)
        abort();
    memcpy(exact, text, len);
    document = pj_read((aigw_str){ exact, len });
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        enum json_tokener_error error;
        struct json_object *tree = parse(text, len, flags[i], &error);

        if (document && (error != json_tokener_success || !same(pj_root(document), tree)))
            is_same = false;
        if (error == json_tokener_success) { /* the way round through json-c */
            copy = pj_from(tree);
            if (!copy || !same(pj_root(copy), tree))
                is_same = false;
            pj_free(copy);
        }
        json_object_put(tree);
    }
    *ret_is_taken = document != NULL;
    pj_free(document);
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
    char text[2 * 60 + 1];

    for (size_t depth = 1; depth <= 60; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        wrong += !agree(text, 2 * depth, &is_taken) || is_taken != (depth <= 32);
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

/* Numbers as printf prints them. */
static uint32_t check_digits(uint64_t *seed)
{
    static const double odd[] = {
        0.0, -0.0, 0.7, -0.2, 0.001, 0.0001, 1.0005, 999999.999, 1e6, 1e300, 5e-324, 0.1 + 0.2
    };
    static const int64_t ends[] = { 0, 1, -1, 9, 10, INT64_MAX, INT64_MIN };
    char room[DIGITS_SIZE], expected[64];
    uint32_t wrong = 0;

    for (size_t i = 0; i < 100000; i++) {
        int64_t number = (int64_t)((uint64_t)next_random(seed) << 32 | next_random(seed)) >> next_random(seed) % 64;
        double real = i % 2 ? (double)(number % 10000000) / 1000 : (double)number / (1 + next_random(seed) % 100000);
        aigw_str text;

        if (i < sizeof ends / sizeof *ends)
            number = ends[i];
        if (i < sizeof odd / sizeof *odd)
            real = odd[i];
        snprintf(expected, sizeof expected, "%lld", (long long)number);
        text = digits_of_int(number, room);
        wrong += text.len != strlen(expected) || memcmp(text.ptr, expected, text.len) != 0;
        snprintf(expected, sizeof expected, "%.15g", real);
        text = digits_of_double(real, room);
        wrong += text.len != strlen(expected) || memcmp(text.ptr, expected, text.len) != 0;
    }
    return wrong;
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000, taken = 0;
    uint32_t wrong = 0;
    uint64_t seed = 20240501;
    char text[1024];
    bool is_taken;

    for (size_t i = 0; i < COUNT; i++)
        if (!agree(texts[i].text, strlen(texts[i].text), &is_taken) || is_taken != texts[i].is_plain) {
            printf("%s: %s\n", texts[i].id, is_taken != texts[i].is_plain ? "taken or not, wrongly" : "differs");
            wrong++;
        }
    wrong += check_depth() + check_size() + check_digits(&seed);
    for (unsigned long i = 0; i < rounds; i++) {
        size_t len = damage(texts[next_random(&seed) % COUNT].text, text, sizeof text, &seed);

        if (!agree(text, len, &is_taken) && wrong++ < 10)
            printf("differs: %s\n", text);
        taken += is_taken;
    }
    printf("%lu rounds, %lu taken, %u differences\n", rounds, taken, wrong);
    return wrong > 0 || taken == 0;
}
