/* Large bodies: memory is for what is kept. */
#include <check.h>

#include "shape.h"
#include "tests.h"

#define LARGE ((size_t)4 << 20)

/* `before`, `unit` again and again, `after`; what it may take of memory, and what comes of it. */
static const struct {
    const char *id, *before, *unit, *after;
    size_t memory_max;
    const char *fault; /* type of the first one; NULL: good */
} larges[] = {
    { "zeros in an unknown member", "{" SHAPE_V ",\"q\":[0", ",0", "]}", 10000, NULL },
    { "objects in an unknown member", "{" SHAPE_V ",\"q\":[{}", ",{\"a\":[]}", "]}", 10000, NULL },
    { "unknown members", "{" SHAPE_V, ",\"q\":0", "}", 10000, NULL },
    { "a text in an unknown member", "{" SHAPE_V ",\"q\":\"", "\\n", "\"}", 10000, NULL },
    { "zeros for a string", "{" SHAPE_V ",\"word\":[0", ",0", "]}", 10000, "enum" },
    { "zeros for an object", "{" SHAPE_V ",\"place\":[0", ",0", "]}", 10000, "model_attributes_type" },
    { "zeros for a map", "{" SHAPE_V ",\"map\":[0", ",0", "]}", 10000, "dict_type" },
    { "zeros for words", "{" SHAPE_V ",\"words\":[0", ",0", "]}", 10000, "too_long" },
    { "zeros for parts", "{" SHAPE_V ",\"parts\":[0", ",0", "]}", 40000, "model_attributes_type" },
    { "empty parts", "{" SHAPE_V ",\"parts\":[{}", ",{}", "]}", 40000, "missing" },
    { "bad first, good then", "{" SHAPE_V ",\"parts\":[{}", ",{\"text\":\"\"}", "]}", 40000, "missing" },
    { "bad first, groups then", "{" SHAPE_V ",\"parts\":[{}", ",{\"type\":\"group\",\"parts\":[{\"text\":\"\"}]}", "]}",
      40000, "missing" },
    { "good groups", "{" SHAPE_V ",\"parts\":[{\"text\":\"\"}", ",{\"type\":\"group\",\"parts\":[]}", "]}",
      (size_t)30 << 20, NULL },
    { "members of a map", "{" SHAPE_V ",\"map\":{\"a\":0", ",\"a\":0", "}}", 10000, "too_long" },
    { "a long string", "{\"version\":1,\"name\":\"", "x", "\"}", 10000, "string_too_long" },
    { "a long string with escapes", "{" SHAPE_V ",\"secret\":\"", "\\n", "\"}", (size_t)1 << 20, "string_too_long" },
    { "a long string to strip", "{\"version\":1,\"name\":\"", "\\n", "\"}", (size_t)1 << 20, "string_too_long" },
    { "the same member", "{\"version\":1,\"name\":\"bo\\u0078\"", ",\"name\":\"bo\\u0078\"", "}", (size_t)12 << 20,
      NULL },
    { "open lists", "{" SHAPE_V ",\"q\":", "[", "}", 10000, "json_invalid" },
    { "open objects", "{" SHAPE_V ",\"q\":", "{\"place\":", "}", 10000, "json_invalid" },
    { "a long number", "{" SHAPE_V ",\"many\":1", "0", "}", 10000, NULL },
    { "a long real", "{" SHAPE_V ",\"ratio\":0.", "0", "1}", 10000, NULL },
    { "a word that never ends", "{" SHAPE_V ",\"flag\":\"", "t", "\"}", 10000, "bool_parsing" },
};

START_TEST(large_bodies_take_what_they_keep)
{
    size_t before = strlen(larges[_i].before), unit = strlen(larges[_i].unit), after = strlen(larges[_i].after);
    size_t len = before;
    char *text = malloc(LARGE + unit + after);
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, (size_t)1 << 30);
    struct aigw_body body = { .memory = &memory };
    struct shape shape;
    aigw_status status;

    memcpy(text, larges[_i].before, before);
    for (; len < LARGE; len += unit)
        memcpy(text + len, larges[_i].unit, unit);
    memcpy(text + len, larges[_i].after, after);
    status = aigw_body_read(&body, &shape_table, (aigw_str){ text, len + after }, &shape);
    if (larges[_i].fault) {
        ck_assert_msg(status == AIGW_E_INVALID, "%s: %d", larges[_i].id, status);
        ck_assert_msg(strcmp(body.faults->type, larges[_i].fault) == 0, "%s: %s at %s", larges[_i].id,
                      body.faults->type, body.faults->path.ptr);
    } else {
        ck_assert_msg(status == AIGW_OK, "%s: %d %s", larges[_i].id, status,
                      status == AIGW_E_INVALID ? body.faults->loc.ptr : "");
    }
    ck_assert_msg(((size_t)1 << 30) - memory.left <= larges[_i].memory_max, "%s: %zu bytes", larges[_i].id,
                  ((size_t)1 << 30) - memory.left);
    aigw_pool_free(&pool);
    free(text);
}
END_TEST

TCase *body_memory_case(void)
{
    TCase *large = tcase_create("large bodies");

    tcase_set_timeout(large, 60);
    tcase_add_loop_test(large, large_bodies_take_what_they_keep, 0, (int)COUNT(larges));
    return large;
}
