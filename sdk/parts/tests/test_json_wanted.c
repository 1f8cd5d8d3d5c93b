/* Members that are found in the pass in which an object is checked or passed over; and strings at every place of the
 * blocks in which they are looked at. */
#include <aigw/json.h>

#include <check.h>

#include "tests.h"

static const char *const names[] = { "a", "bc", "", "é", "a b" };
#define NAMES COUNT(names)

static const char *const objects[] = {
    "{}",
    " { } ",
    "{\"a\":1}",
    "{\"a\":1,\"a\":\"last\",\"bc\":{\"a\":2,\"bc\":[{\"a\":3}]}}",
    "{\"\":0,\"\\u00e9\":[],\"a\\u0020b\":\"\\n\",\"b\":true,\"bcd\":null}",
    "{ \"bc\" : [ 1 , { } , \"}]\" ] ,\n\t\"\\u0061\" : { \"x\" : \"\\\"}\" } }",
    "{\"a\":\"\\ud83d\",\"bc\":[\"\\q\"]}",
    "{\"a\":NaN,\"bc\":-Infinity}",
    "[{\"a\":1}]",
    "\"a\"",
    "12",
    "{\"a\":1} x",
    "{\"a\":1,}",
    "{\"a\"}",
    "{\"a\":[1}",
    "{\"a\":1",
    "{a:1}",
    "",
    " ",
};

static void must_be_same(const struct aigw_json *found, const struct aigw_json *wanted, const char *text)
{
    ck_assert_msg(found->type == wanted->type && same_str(found->text, wanted->text) &&
                      (found->flags & AIGW_JSONF_ESCAPES) == (wanted->flags & AIGW_JSONF_ESCAPES),
                  "%s: \"%.*s\", not \"%.*s\"", text, AIGW_STR_ARG(found->text), AIGW_STR_ARG(wanted->text));
}

/* What two passes find. */
static void must_be_members(const struct aigw_json_wanted *wanted, const struct aigw_json *object, const char *text)
{
    struct aigw_json_walk walk = aigw_json_begin(object);
    struct aigw_json values[NAMES], key, value;
    size_t others = 0;

    aigw_json_members(object, names, NAMES, values);
    for (size_t i = 0; i < NAMES; i++)
        must_be_same(&wanted->values[i], &values[i], text);
    while (walk.is_object && aigw_json_next(&walk, &key, &value)) {
        size_t at = 0;

        while (at < NAMES && !aigw_json_is_text(&key, names[at]))
            at++;
        others += at == NAMES;
    }
    ck_assert_msg(wanted->has_others == (others > 0), "%s: has others", text);
}

START_TEST(checked_with_members)
{
    aigw_str text = exact_copy(str(objects[_i])), rest = text, rest_too = text;
    struct aigw_json values[NAMES], root, plain;
    struct aigw_json_wanted wanted = { .names = names, .count = NAMES, .values = values, .has_others = true };
    struct aigw_json_error error, plain_error;
    aigw_status status = aigw_json_check_for(text, AIGW_JSON_NAN, &wanted, &root, &error);

    ck_assert_int_eq(status, aigw_json_check(text, AIGW_JSON_NAN, &plain, &plain_error));
    ck_assert_msg(root.type == plain.type && same_str(root.text, plain.text) && root.flags == plain.flags, "%s",
                  objects[_i]);
    if (status == AIGW_OK) {
        must_be_members(&wanted, &root, objects[_i]);
    } else {
        ck_assert_uint_eq(error.offset, plain_error.offset);
        ck_assert_uint_eq(error.kind, plain_error.kind);
        ck_assert_str_eq(error.reason, plain_error.reason);
    }
    ck_assert_int_eq(aigw_json_check_first_for(&rest, AIGW_JSON_NAN, &wanted, &root, NULL),
                     aigw_json_check_first(&rest_too, AIGW_JSON_NAN, &plain, NULL));
    ck_assert(same_str(rest, rest_too) && root.type == plain.type);
    free_copy(text);
}
END_TEST

START_TEST(nothing_may_be_wanted)
{
    struct aigw_json root;

    ck_assert_int_eq(aigw_json_check_for(AIGW_STR("{\"a\":1}"), 0, NULL, &root, NULL), AIGW_OK);
    ck_assert_uint_eq(root.type, AIGW_JSON_OBJECT);
}
END_TEST

START_TEST(items_with_members)
{
    static const char text[] =
        "[{\"a\":1,\"x\":[{\"a\":2}]},{},3,\"a\",[{\"a\":4}],null,{\"bc\":\"]}\\\"\"} , {\"a\":5}]";
    struct aigw_json list, item, plain, values[NAMES];
    struct aigw_json_wanted wanted = { .names = names, .count = NAMES, .values = values };
    struct aigw_json_walk walk, plain_walk;
    size_t count = 0;

    ck_assert_int_eq(aigw_json_check(AIGW_STR(text), 0, &list, NULL), AIGW_OK);
    walk = plain_walk = aigw_json_begin(&list);
    while (aigw_json_next_for(&walk, &wanted, &item)) {
        ck_assert(aigw_json_next(&plain_walk, NULL, &plain));
        must_be_same(&item, &plain, text);
        must_be_members(&wanted, &plain, text);
        count++;
    }
    ck_assert_uint_eq(count, 8);
    ck_assert_uint_eq(item.type, AIGW_JSON_ABSENT);
    ck_assert(!aigw_json_next(&plain_walk, NULL, &plain));
}
END_TEST

/* Text that nobody checked: nothing is read outside, and the walk ends. */
START_TEST(unchecked_items)
{
    static const char *const texts[] = { "[{\"a\"",    "[{\"a\":", "[{\"a\":1",  "[{\"a\":\"", "[{",
                                         "[{\"a\":{]", "[{}{}{",   "[{,:,\"a\"", "[}{",        "[{\"a\":1}}" };
    struct aigw_json values[NAMES], item;
    struct aigw_json_wanted wanted = { .names = names, .count = NAMES, .values = values };

    for (size_t i = 0; i < COUNT(texts); i++) {
        aigw_str text = exact_copy(str(texts[i]));
        struct aigw_json_walk walk = aigw_json_begin(&(struct aigw_json){ text, AIGW_JSON_LIST, 0 });
        int steps = 0;

        while (aigw_json_next_for(&walk, &wanted, &item) && steps < 20)
            steps++;
        ck_assert_int_lt(steps, 20);
        free_copy(text);
    }
}
END_TEST

/* ---- strings ---- */

/* Byte by byte: where the string ends, or 0; whether it has escapes. */
static size_t end_of(const char *text, size_t len, bool *ret_escapes)
{
    *ret_escapes = false;
    for (size_t i = 1; i < len; i++) {
        if (text[i] == '"')
            return i + 1;
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x80)
            return 0;
        if (text[i] != '\\')
            continue;
        *ret_escapes = true;
        i++;
        if (i == len || !strchr("\"\\/bfnrt", text[i]))
            return 0;
    }
    return 0;
}

/* Rows of backslashes at each place of two blocks, and what may follow them there. */
START_TEST(escapes_at_every_place)
{
    enum { LEN = 200 };
    static const char behind[] = "n\"/u \x01\xff";
    char text[LEN];

    for (size_t row = 1; row <= 5; row++)
        for (size_t at = 1; at + row + 2 < 150; at++)
            for (size_t i = 0; i < sizeof behind - 1; i++) {
                struct aigw_json value;
                bool has_escapes;
                aigw_str copy;

                memset(text, 'x', sizeof text);
                text[0] = text[LEN - 1] = '"';
                text[2] = '\\'; /* the blocks begin behind the first escape */
                text[3] = 'n';
                memset(text + at, '\\', row);
                text[at + row] = behind[i];
                size_t end = end_of(text, LEN, &has_escapes);
                copy = exact_copy((aigw_str){ text, end ? end : LEN });
                aigw_status status = aigw_json_check(copy, AIGW_JSON_STRICT, &value, NULL);
                ck_assert_msg((status == AIGW_OK) == (end > 0), "%zu backslashes at %zu, then %02x", row, at,
                              behind[i]);
                if (end > 0) {
                    ck_assert_uint_eq(value.text.len, end);
                    ck_assert_int_eq((value.flags & AIGW_JSONF_ESCAPES) != 0, has_escapes);
                }
                free_copy(copy);
            }
}
END_TEST

/* A backslash before a character that is no ASCII is an escape that JSON does not have, wherever it stands. */
START_TEST(odd_escapes_at_every_place)
{
    char text[203];
    struct aigw_json value;

    for (size_t at = 4; at < 150; at++) {
        memset(text, 'x', sizeof text);
        text[0] = text[sizeof text - 1] = '"';
        memcpy(text + 2, "\\n", 2);
        memcpy(text + at, "\\\xc3\xa9", 3);
        ck_assert_int_eq(aigw_json_check((aigw_str){ text, sizeof text }, 0, &value, NULL), AIGW_OK);
        ck_assert_msg(value.flags == (AIGW_JSONF_ESCAPES | AIGW_JSONF_ODD), "at %zu: %x", at, value.flags);
    }
}
END_TEST

TCase *json_wanted_case(void)
{
    TCase *tests = tcase_create("json wanted");

    tcase_add_loop_test(tests, checked_with_members, 0, (int)COUNT(objects));
    tcase_add_test(tests, nothing_may_be_wanted);
    tcase_add_test(tests, items_with_members);
    tcase_add_test(tests, unchecked_items);
    tcase_add_test(tests, escapes_at_every_place);
    tcase_add_test(tests, odd_escapes_at_every_place);
    return tests;
}
