/* test_json.c - what is JSON and what is not, whatever json-c of this machine thinks. */
#include <json-c/json.h>

#include "config/json.h"
#include "support.h"

#define DEPTH 4

static const struct {
    const char *id, *text;
    const char *again; /* as json-c prints it; NULL: refused */
} rows[] = {
    { "object", "{\"a\":1}", "{\"a\":1}" },
    { "empty-object", " { } ", "{}" },
    { "list", "[1,\t-2.5,\r\n1e3,true,false,null]", "[1,-2.5,1e3,true,false,null]" },
    { "text", "\"a\"", "\"a\"" },
    { "number", "-0", "0" },
    { "accents", "{\"é\":\"ça va, Zoë\"}", "{\"é\":\"ça va, Zoë\"}" },
    { "emoji-and-cjk", "[\"😀\",\"漢字\"]", "[\"😀\",\"漢字\"]" },
    { "escapes", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"]", "[\"\\\"\\\\/\\b\\f\\n\\r\\té\"]" },
    { "escaped-pair", "[\"\\ud83d\\ude00\"]", "[\"😀\"]" },
    { "delete-is-text", "[\"\x7f\"]", "[\"\x7f\"]" },
    { "depth-4", "[[[[]]]]", "[[[[]]]]" },
    { "depth-5", "[[[[[]]]]]", NULL },
    { "depth-of-neighbours", "[[[[]]],[[[]]],{\"a\":[[]]}]", "[[[[]]],[[[]]],{\"a\":[[]]}]" },
    { "empty", "", NULL },
    { "blank", " \n", NULL },
    { "null", "null", NULL },
    { "cut", "{\"a\":", NULL },
    { "cut-in-a-name", "{\"a", NULL },
    { "cut-in-an-escape", "[\"\\", NULL },
    { "cut-in-a-list", "[1", NULL },
    { "goes-on", "{\"a\":1}x", NULL },
    { "two-values", "{}{}", NULL },
    { "comma-before-the-end", "{\"a\":1,}", NULL },
    { "comma-before-the-end-of-a-list", "[1,]", NULL },
    { "comma-first", "[,1]", NULL },
    { "no-comma", "[1 2]", NULL },
    { "no-colon", "{\"a\" 1}", NULL },
    { "wrong-bracket", "[1}", NULL },
    { "name-without-quotes", "{a:1}", NULL },
    { "single-quotes", "{'a':1}", NULL },
    { "comment", "{/* no */\"a\":1}", NULL },
    { "line-comment", "[1] // no", NULL },
    { "nan", "[NaN]", NULL },
    { "infinity", "[-Infinity]", NULL },
    { "word-in-capitals", "[True]", NULL },
    { "longer-word", "[nullx]", NULL },
    { "leading-zero", "[01]", NULL },
    { "plus", "[+1]", NULL },
    { "dot-first", "[.5]", NULL },
    { "dot-last", "[5.]", NULL },
    { "empty-exponent", "[1e]", NULL },
    { "hex", "[0x10]", NULL },
    { "line-end-in-text", "[\"a\nb\"]", NULL },
    { "control-character", "[\"a\x01\"]", NULL },
    { "unknown-escape", "[\"\\x41\"]", NULL },
    { "short-escape", "[\"\\u00e\"]", NULL },
    { "not-utf-8", "[\"\xff\"]", NULL },
    { "latin-1", "[\"caf\xe9\"]", NULL },
    { "overlong", "[\"\xc0\xaf\"]", NULL },
    { "surrogate-bytes", "[\"\xed\xa0\x80\"]", NULL },
    { "byte-order-mark", "\xef\xbb\xbf{}", NULL },
    { "html", "<html><body>Sign in</body></html>", NULL },
};

START_TEST(json_is_read_strictly)
{
    struct gw_err why = { "" };
    struct json_object *value = gw_json_read(gw_str(rows[_i].text), DEPTH, 0, &why);

    ck_assert_msg((value != NULL) == (rows[_i].again != NULL), "%s: %s", rows[_i].id, why.text);
    ck_assert_msg(value || why.text[0], "%s: no reason", rows[_i].id);
    if (value)
        ck_assert_str_eq(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                         rows[_i].again);
    json_object_put(value);
}
END_TEST

/** A text is never read beyond its length, and a NUL byte is no end. */
START_TEST(the_length_counts)
{
    static const char text[] = "{\"a\":1}\0{\"b\":2}";
    struct json_object *value;

    ck_assert_ptr_null(gw_json_read((aigw_str){ text, sizeof text - 1 }, DEPTH, 0, NULL));
    value = gw_json_read((aigw_str){ text, strlen(text) }, DEPTH, 0, NULL);
    ck_assert_ptr_nonnull(value);
    json_object_put(value);
    ck_assert_ptr_null(gw_json_read((aigw_str){ text, strlen(text) - 1 }, DEPTH, 0, NULL));
    ck_assert_ptr_null(gw_json_read(AIGW_STR_NONE, DEPTH, 0, NULL));
    value = gw_json_read(AIGW_STR("\"a\\u0000b\""), DEPTH, 0, NULL);
    ck_assert_int_eq(json_object_get_string_len(value), 3);
    json_object_put(value);
}
END_TEST

static const struct {
    const char *text;
    bool is_unique;
} twice[] = {
    { "{\"a\":1,\"b\":1}", true },         { "[{\"a\":1},{\"a\":1}]", true },
    { "{\"a\":{\"a\":{\"a\":1}}}", true }, { "{\"a\":1,\"a\":1}", false },
    { "{\"a\":1,\"\\u0061\":2}", false },  { "[[{\"b\":{\"a\":1,\"é\":2,\"é\":null}}]]", false },
};

START_TEST(a_name_may_appear_twice_only_where_that_is_allowed)
{
    struct gw_err why = { "" };
    struct json_object *value = gw_json_read(gw_str(twice[_i].text), DEPTH, GW_JSON_UNIQUE, &why);

    ck_assert_msg((value != NULL) == twice[_i].is_unique, "%s: %s", twice[_i].text, why.text);
    json_object_put(value);
    value = gw_json_read(gw_str(twice[_i].text), DEPTH, 0, &why);
    ck_assert_ptr_nonnull(value);
    json_object_put(value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, json_is_read_strictly, 0, GW_ARRAY_LEN(rows));
    tcase_add_test(tcase, the_length_counts);
    tcase_add_loop_test(tcase, a_name_may_appear_twice_only_where_that_is_allowed, 0, GW_ARRAY_LEN(twice));
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
