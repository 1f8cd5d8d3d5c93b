/* The reader: what it takes, what it says about the rest, what it finds. */
#include <aigw/json.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests.h"

/* ---- whole texts ---- */

static const struct {
    const char *id, *text;
    uint32_t options;
    uint32_t kind; /* 0: good */
    size_t offset;
} texts[] = {
    { "object", "{}", 0, 0, 0 },
    { "all types", "{\"a\":[1,-2.5e3,true,false,null,\"x\"],\"b\":{}}", 0, 0, 0 },
    { "bare", " \"x\" ", 0, 0, 0 },
    { "empty", "", 0, AIGW_JSON_BAD_EMPTY, 0 },
    { "blank", " \r\n\t", 0, AIGW_JSON_BAD_EMPTY, 4 },
    { "mark alone", "\xEF\xBB\xBF", 0, AIGW_JSON_BAD_EMPTY, 3 },
    { "mark", "\xEF\xBB\xBF{}", 0, 0, 0 },
    { "two marks", "\xEF\xBB\xBF\xEF\xBB\xBF{}", 0, AIGW_JSON_BAD_SYNTAX, 3 },
    { "bare name", "{bad", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "more", "{} x", 0, AIGW_JSON_BAD_SYNTAX, 3 },
    { "second text", "{}{}", 0, AIGW_JSON_BAD_SYNTAX, 2 },
    { "comma behind", "[1,]", 0, AIGW_JSON_BAD_SYNTAX, 3 },
    { "comma before", "[,1]", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "member comma behind", "{\"a\":1,}", 0, AIGW_JSON_BAD_SYNTAX, 7 },
    { "no comma", "[1 2]", 0, AIGW_JSON_BAD_SYNTAX, 3 },
    { "no colon", "{\"a\" 1}", 0, AIGW_JSON_BAD_SYNTAX, 5 },
    { "no value", "{\"a\":}", 0, AIGW_JSON_BAD_SYNTAX, 5 },
    { "wrong bracket", "[1}", 0, AIGW_JSON_BAD_SYNTAX, 2 },
    { "open list", "[1", 0, AIGW_JSON_BAD_SYNTAX, 2 },
    { "open object", "{\"a\":1", 0, AIGW_JSON_BAD_SYNTAX, 6 },
    { "open key", "{\"a", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "open string", "[\"abc", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "open escape", "[\"abc\\", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "escaped end", "[\"abc\\\"]", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "control", "[\"a\nb\"]", 0, AIGW_JSON_BAD_SYNTAX, 3 },
    { "control far", "[\"0123456789abcdef0123456789abcdef\x01\"]", 0, AIGW_JSON_BAD_SYNTAX, 34 },
    { "control in key", "{\"a\tb\":1}", 0, AIGW_JSON_BAD_SYNTAX, 3 },
    { "vertical tab", "[\v1]", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "comment", "/* */{}", 0, AIGW_JSON_BAD_SYNTAX, 0 },
    { "line comment", "{}// x", 0, AIGW_JSON_BAD_SYNTAX, 2 },
    { "single quotes", "{'a':1}", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "word", "nul", 0, AIGW_JSON_BAD_SYNTAX, 0 },
    { "word runs on", "[nulll]", 0, AIGW_JSON_BAD_SYNTAX, 5 },
    { "word case", "[True]", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "leading zero", "[01]", 0, AIGW_JSON_BAD_SYNTAX, 2 },
    { "minus zero", "[-0]", 0, 0, 0 },
    { "plus", "[+1]", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "minus alone", "[-]", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "point first", "[.5]", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "point last", "[1.]", 0, AIGW_JSON_BAD_SYNTAX, 3 },
    { "exponent empty", "[1e+]", 0, AIGW_JSON_BAD_SYNTAX, 4 },
    { "hex", "[0x1]", 0, AIGW_JSON_BAD_SYNTAX, 2 },
    { "nan refused", "[NaN]", 0, AIGW_JSON_BAD_SYNTAX, 1 },
    { "nan", "[NaN,Infinity,-Infinity]", AIGW_JSON_NAN, 0, 0 },
    { "nan case", "[nan]", AIGW_JSON_NAN, AIGW_JSON_BAD_SYNTAX, 1 },
    { "minus infinity cut", "[-Inf]", AIGW_JSON_NAN, AIGW_JSON_BAD_SYNTAX, 1 },
    { "utf-8", "[\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"]", 0, 0, 0 },
    { "bad byte", "[\"ab\xFF\"]", 0, AIGW_JSON_BAD_UTF8, 4 },
    { "overlong", "[\"\xC0\xAF\"]", 0, AIGW_JSON_BAD_UTF8, 2 },
    { "surrogate bytes", "[\"\xED\xA0\x80\"]", 0, AIGW_JSON_BAD_UTF8, 2 },
    { "cut character", "[\"\xE2\x82\"]", 0, AIGW_JSON_BAD_UTF8, 2 },
    { "bad byte in key", "{\"\xFF\":1}", 0, AIGW_JSON_BAD_UTF8, 2 },
    { "bad byte behind backslash", "[\"\\\xFF\"]", 0, AIGW_JSON_BAD_UTF8, 3 },
    { "stray byte behind an odd escape", "[\"\\q\x87\"]", 0, AIGW_JSON_BAD_UTF8, 4 },
    { "two characters behind a backslash", "[\"\\\xC3\xA9\xC3\xA9\"]", 0, 0, 0 },
    { "odd escape", "[\"\\q\"]", 0, 0, 0 },
    { "odd escape strictly", "[\"\\q\"]", AIGW_JSON_STRICT, AIGW_JSON_BAD_SYNTAX, 2 },
    { "half pair", "[\"\\ud83d\"]", 0, 0, 0 },
    { "half pair strictly", "[\"\\ud83d\"]", AIGW_JSON_STRICT, AIGW_JSON_BAD_SYNTAX, 2 },
    { "odd key strictly", "{\"\\x\":1}", AIGW_JSON_STRICT, AIGW_JSON_BAD_SYNTAX, 2 },
};

START_TEST(a_nul_in_a_name_ends_no_other_name)
{
    static const char text[] = "{\"logprobs\0\":1,\"logprobs\0s\":2}";
    struct aigw_json root, member;

    ck_assert_int_eq(aigw_json_check((aigw_str){ text, sizeof text - 1 }, AIGW_JSON_BYTES, &root, NULL), AIGW_OK);
    ck_assert(!aigw_json_member(&root, "logprobs", &member));
    ck_assert(!aigw_json_member(&root, "logprobs_", &member));
}
END_TEST

START_TEST(texts_are_judged)
{
    aigw_str text = exact_copy(str(texts[_i].text));
    struct aigw_json root;
    struct aigw_json_error error;
    aigw_status status = aigw_json_check(text, texts[_i].options, &root, &error);

    if (!texts[_i].kind) {
        ck_assert_msg(status == AIGW_OK, "%s: %s", texts[_i].id, status < 0 ? error.reason : "");
    } else {
        ck_assert_msg(status == AIGW_E_INVALID, "%s: taken", texts[_i].id);
        ck_assert_msg(error.kind == texts[_i].kind && error.offset == texts[_i].offset, "%s: kind %u at %zu: %s",
                      texts[_i].id, error.kind, error.offset, error.reason);
        ck_assert_uint_eq(root.type, AIGW_JSON_ABSENT);
    }
    free_copy(text);
}
END_TEST

START_TEST(a_nul_byte_is_no_json)
{
    static const char *const places[] = { "?[1]", "[1]?", "[?1]", "[\"a?b\"]", "{\"a?\":1}", "[tr?e]" };

    for (size_t i = 0; i < COUNT(places); i++) {
        char text[16];
        struct aigw_json root;

        strcpy(text, places[i]);
        *strchr(text, '?') = '\0';
        ck_assert_msg(aigw_json_check((aigw_str){ text, strlen(places[i]) }, 0, &root, NULL) < 0, "%s", places[i]);
    }
}
END_TEST

START_TEST(depth_has_an_end)
{
    static const char *const opens[] = { "[", "{\"a\":" };

    for (size_t kind = 0; kind < COUNT(opens); kind++)
        for (uint32_t depth = AIGW_JSON_DEPTH; depth <= AIGW_JSON_DEPTH + 1; depth++) {
            char text[1024] = "";
            struct aigw_json root;
            struct aigw_json_error error = { 0 };

            for (uint32_t i = 0; i < depth; i++)
                strcat(text, opens[kind]);
            if (kind == 1)
                strcat(text, "1");
            for (uint32_t i = 0; i < depth; i++)
                strcat(text, kind ? "}" : "]");
            ck_assert_int_eq(aigw_json_check(str(text), 0, &root, &error) == AIGW_OK, depth == AIGW_JSON_DEPTH);
            ck_assert_uint_eq(error.kind, depth == AIGW_JSON_DEPTH ? 0 : AIGW_JSON_BAD_DEPTH);
        }
}
END_TEST

static const struct {
    const char *text;
    size_t offset, line, column;
} wheres[] = {
    { "", 0, 1, 1 },
    { "abc", 2, 1, 3 },
    { "abc", 9, 1, 4 },
    { "a\nbc", 3, 2, 2 },
    { "a\n\n\nx", 4, 4, 1 },
    { "\xC3\xA9\xC3\xA9x", 4, 1, 3 },
    { "a\r\n\xF0\x9F\x98\x80y", 7, 2, 2 },
};

/* Values one after the other, and what is left when one is bad. */
static const struct {
    const char *text;
    uint32_t options;
    const char *values[3];
    const char *left; /* NULL: nothing */
    uint32_t kind;
    size_t offset;
} sequences[] = {
    { "{}", 0, { "{}" }, NULL, 0, 0 },
    { " {\"a\":1}\n[2] ", 0, { "{\"a\":1}", "[2]" }, NULL, 0, 0 },
    { "{}{}\"x\"", 0, { "{}", "{}", "\"x\"" }, NULL, 0, 0 },
    { "1 2\t\r\n", 0, { "1", "2" }, NULL, 0, 0 },
    { "{} [DONE]", 0, { "{}" }, "[DONE]", AIGW_JSON_BAD_SYNTAX, 1 },
    { "{},{}", 0, { "{}" }, ",{}", AIGW_JSON_BAD_SYNTAX, 0 },
    { "null {\"a\":", 0, { "null" }, "{\"a\":", AIGW_JSON_BAD_SYNTAX, 5 },
    { "{} [\"\xFF\"]", 0, { "{}" }, "[\"\xFF\"]", AIGW_JSON_BAD_UTF8, 2 },
    { "{} [\"\xFF\n\"]", AIGW_JSON_BYTES, { "{}", "[\"\xFF\n\"]" }, NULL, 0, 0 },
    { "{\"\xFF\":NaN}{}", AIGW_JSON_BYTES | AIGW_JSON_NAN, { "{\"\xFF\":NaN}", "{}" }, NULL, 0, 0 },
    { "[1\n\x01]", AIGW_JSON_BYTES, { NULL }, "[1\n\x01]", AIGW_JSON_BAD_SYNTAX, 3 },
    { "\xEF\xBB\xBF{} x", 0, { "{}" }, "x", AIGW_JSON_BAD_SYNTAX, 0 },
    { " ", 0, { NULL }, " ", AIGW_JSON_BAD_EMPTY, 1 },
};

START_TEST(values_come_one_after_the_other)
{
    aigw_str text = exact_copy(str(sequences[_i].text)), rest = text;
    struct aigw_json value;
    struct aigw_json_error error;

    for (size_t i = 0; i < COUNT(sequences->values) && sequences[_i].values[i]; i++) {
        ck_assert_int_eq(aigw_json_check_first(&rest, sequences[_i].options, &value, NULL), AIGW_OK);
        ck_assert(same_str(value.text, str(sequences[_i].values[i])));
    }
    ck_assert(same_str(rest, str(sequences[_i].left)));
    if (sequences[_i].left) {
        ck_assert_int_eq(aigw_json_check_first(&rest, sequences[_i].options, &value, &error), AIGW_E_INVALID);
        ck_assert_uint_eq(value.type, AIGW_JSON_ABSENT);
        ck_assert_uint_eq(error.kind, sequences[_i].kind);
        ck_assert_uint_eq(error.offset, sequences[_i].offset);
        ck_assert(same_str(rest, str(sequences[_i].left)));
    }
    free_copy(text);
}
END_TEST

START_TEST(offsets_are_lines_and_columns)
{
    size_t line, column;

    aigw_json_where(str(wheres[_i].text), wheres[_i].offset, &line, &column);
    ck_assert_uint_eq(line, wheres[_i].line);
    ck_assert_uint_eq(column, wheres[_i].column);
}
END_TEST

/* ---- strings ---- */

#define FFFD "\xEF\xBF\xBD"

static const struct {
    const char *json;
    aigw_str text;
    bool is_odd;
    const char *mended; /* NULL: as it was */
    uint32_t options;
} strings[] = {
    { "\"\"", AIGW_STR_INIT(""), false, NULL, 0 },
    { "\"plain text that is longer than sixteen bytes\"", AIGW_STR_INIT("plain text that is longer than sixteen bytes"),
      false, NULL, 0 },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", AIGW_STR_INIT("\"\\/\b\f\n\r\t"), false, NULL, 0 },
    { "\"a line of code here;\\nand a second one of them\\n\\n\\tend\"",
      AIGW_STR_INIT("a line of code here;\nand a second one of them\n\n\tend"), false, NULL, 0 },
    { "\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\"", AIGW_STR_INIT("A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), false, NULL,
      0 },
    { "\"a\\u0000b\"", AIGW_STR_INIT("a\0b"), false, NULL, 0 },
    { "\"\xC3\xA9\xE2\x82\xAC\"", AIGW_STR_INIT("\xC3\xA9\xE2\x82\xAC"), false, NULL, 0 },
    { "\"\\n\xC3\xA9\xE2\x82\xAC\"", AIGW_STR_INIT("\n\xC3\xA9\xE2\x82\xAC"), false, NULL, 0 },
    { "\"\\q\"", AIGW_STR_INIT(FFFD), true, "\"\\ufffd\"", 0 },
    { "\"\\q\\q\\q\\q\\q\\q\\q\\q\"", AIGW_STR_INIT(FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD), true,
      "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"", 0 },
    { "\"\\u12z3\"", AIGW_STR_INIT(FFFD "12z3"), true, "\"\\ufffd12z3\"", 0 },
    { "\"\\u\"", AIGW_STR_INIT(FFFD), true, "\"\\ufffd\"", 0 },
    { "\"\\\xC3\xA9x\"", AIGW_STR_INIT(FFFD "x"), true, "\"\\ufffdx\"", 0 },
    { "\"\\ud83d\"", AIGW_STR_INIT(FFFD), true, "\"\\ufffd\"", 0 },
    { "\"\\ude00\"", AIGW_STR_INIT(FFFD), true, "\"\\ufffd\"", 0 },
    { "\"\\ude00\\ud83d\"", AIGW_STR_INIT(FFFD FFFD), true, "\"\\ufffd\\ufffd\"", 0 },
    { "\"\\ud83d\\ud83d\\ude00\"", AIGW_STR_INIT(FFFD "\xF0\x9F\x98\x80"), true, "\"\\ufffd\\ud83d\\ude00\"", 0 },
    { "\"\\ud83d\\n\"", AIGW_STR_INIT(FFFD "\n"), true, "\"\\ufffd\\n\"", 0 },
    { "\"\\ud83dx\"", AIGW_STR_INIT(FFFD "x"), true, "\"\\ufffdx\"", 0 },
    { "\"\\ud83d\\u12\"", AIGW_STR_INIT(FFFD FFFD "12"), true, "\"\\ufffd\\ufffd12\"", 0 },
    { "\"\\ud83d\\\\\"", AIGW_STR_INIT(FFFD "\\"), true, "\"\\ufffd\\\\\"", 0 },
    /* any bytes */
    { "\"\xC3\xA9 \\n\"", AIGW_STR_INIT("\xC3\xA9 \n"), false, NULL, AIGW_JSON_BYTES },
    { "\"\xF0\x9F\x98\"", AIGW_STR_INIT("\xF0\x9F\x98"), true, "\"\\ufffd\\ufffd\\ufffd\"", AIGW_JSON_BYTES },
    { "\"\x80\xC3\xA9\xFF\"", AIGW_STR_INIT("\x80\xC3\xA9\xFF"), true, "\"\\ufffd\xC3\xA9\\ufffd\"", AIGW_JSON_BYTES },
    { "\"a\xED\xA0\xBD\"", AIGW_STR_INIT("a\xED\xA0\xBD"), true, "\"a\\ufffd\"", AIGW_JSON_BYTES },
    { "\"\xED\xB8\x80\\n\"", AIGW_STR_INIT("\xED\xB8\x80\n"), true, "\"\\ufffd\\n\"", AIGW_JSON_BYTES },
    { "\"\xED\xA0\"", AIGW_STR_INIT("\xED\xA0"), true, "\"\\ufffd\\ufffd\"", AIGW_JSON_BYTES },
    { "\"\xED\x9F\xBF\"", AIGW_STR_INIT("\xED\x9F\xBF"), false, NULL, AIGW_JSON_BYTES },
    { "\"a\nb\x1F\tc\x7F\"", AIGW_STR_INIT("a\nb\x1F\tc\x7F"), true, "\"a\\u000ab\\u001f\\u0009c\x7F\"",
      AIGW_JSON_BYTES },
    { "\"\\\xFFx\"", AIGW_STR_INIT(FFFD "x"), true, "\"\\ufffdx\"", AIGW_JSON_BYTES },
    { "\"\\\nx\"", AIGW_STR_INIT(FFFD "x"), true, "\"\\ufffdx\"", AIGW_JSON_BYTES },
    { "\"\\\xC3\xC3\xA9\"", AIGW_STR_INIT(FFFD "\xC3\xA9"), true, "\"\\ufffd\xC3\xA9\"", AIGW_JSON_BYTES },
    { "\"sixteen bytes of text \x01 and sixteen more \xFE of it\"",
      AIGW_STR_INIT("sixteen bytes of text \x01 and sixteen more \xFE of it"), true,
      "\"sixteen bytes of text \\u0001 and sixteen more \\ufffd of it\"", AIGW_JSON_BYTES },
};

START_TEST(strings_read_as)
{
    aigw_str text = exact_copy(str(strings[_i].json)), read, mended;
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, 4096);
    const struct aigw_json_node *node;
    struct aigw_json root;
    char *room;

    ck_assert_int_eq(aigw_json_check(text, strings[_i].options, &root, NULL), AIGW_OK);
    ck_assert_int_eq(aigw_json_text(&root, &memory, &read), AIGW_OK);
    ck_assert_msg(same_str(read, strings[_i].text), "%s: %.*s", strings[_i].json, AIGW_STR_ARG(read));
    ck_assert_int_eq((root.flags & AIGW_JSONF_ODD) != 0, strings[_i].is_odd);
    room = malloc(aigw_json_room(&root) + 1);
    ck_assert(same_str(aigw_json_text_in(&root, room), strings[_i].text));
    free(room);
    ck_assert_int_eq(aigw_json_is_text(&root, strings[_i].text.ptr), strlen(strings[_i].text.ptr) == read.len);
    ck_assert(!aigw_json_is_text(&root, "something else"));
    ck_assert_int_eq(aigw_json_mend(&root, &memory, &mended), AIGW_OK);
    ck_assert_msg(same_str(mended, str(strings[_i].mended ? strings[_i].mended : strings[_i].json)), "%.*s",
                  AIGW_STR_ARG(mended));
    ck_assert_int_eq(aigw_json_tree(text, strings[_i].options, &memory, &node, NULL), AIGW_OK);
    ck_assert(same_str(node->text, strings[_i].text));
    aigw_pool_free(&pool);
    free_copy(text);
}
END_TEST

START_TEST(odd_values_are_mended_in_place)
{
    aigw_str text = AIGW_STR("{\"a\" : [\"\\ud83d\", NaN,-Infinity , 1.50],\"\\x\":\"NaN \\\" -Infinity\"}"), mended;
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, 4096);
    struct aigw_json root;

    ck_assert_int_eq(aigw_json_check(text, AIGW_JSON_NAN, &root, NULL), AIGW_OK);
    ck_assert_int_eq(aigw_json_mend(&root, &memory, &mended), AIGW_OK);
    ck_assert(same_str(mended, str("{\"a\" : [\"\\ufffd\", null,null , 1.50],\"\\ufffd\":\"NaN \\\" -Infinity\"}")));
    ck_assert_int_eq(aigw_json_check(mended, AIGW_JSON_STRICT, &root, NULL), AIGW_OK);
    aigw_pool_free(&pool);
}
END_TEST

/* ---- numbers ---- */

static const struct {
    const char *text;
    uint32_t type;
    int64_t integer;
    double real;
} numbers[] = {
    { "0", AIGW_JSON_INT, 0, 0 },
    { "-0", AIGW_JSON_INT, 0, 0 },
    { "7", AIGW_JSON_INT, 7, 7 },
    { "-12", AIGW_JSON_INT, -12, -12 },
    { "9223372036854775807", AIGW_JSON_INT, INT64_MAX, 9223372036854775807.0 },
    { "-9223372036854775808", AIGW_JSON_INT, INT64_MIN, -9223372036854775808.0 },
    { "9223372036854775808", AIGW_JSON_INT, INT64_MAX, 9223372036854775808.0 },
    { "-9223372036854775809", AIGW_JSON_INT, INT64_MIN, -9223372036854775808.0 },
    { "123456789012345678901234567890", AIGW_JSON_INT, INT64_MAX, 1.2345678901234568e29 },
    { "1.0", AIGW_JSON_REAL, 0, 1 },
    { "-0.5", AIGW_JSON_REAL, 0, -0.5 },
    { "1e3", AIGW_JSON_REAL, 0, 1000 },
    { "1E-2", AIGW_JSON_REAL, 0, 0.01 },
    { "0.1", AIGW_JSON_REAL, 0, 0.1 },
    { "1e400", AIGW_JSON_REAL, 0, INFINITY },
    { "-1e400", AIGW_JSON_REAL, 0, -INFINITY },
    { "1e-400", AIGW_JSON_REAL, 0, 0 },
    { "5e-324", AIGW_JSON_REAL, 0, 5e-324 },
    { "1e99999999999999999999999999999999999999", AIGW_JSON_REAL, 0, INFINITY },
    { "1e-99999999999999999999999999999999999999", AIGW_JSON_REAL, 0, 0 },
    /* longer than strtod() is given as it is */
    { "0.00000000000000000000000000000000000000000000000000000000000000000000000000000000001", AIGW_JSON_REAL, 0,
      1e-83 },
    { "0.0000000000000000000000000000000000000000000000000000000000000000000000000000001e80", AIGW_JSON_REAL, 0, 10 },
    { "100000000000000000000000000000000000000000000000000000000000000000000000000000e-77", AIGW_JSON_REAL, 0, 1 },
    { "-1.2500000000000000000000000000000000000000000000000000000000000000000000000000e+1", AIGW_JSON_REAL, 0, -12.5 },
    { "0.000000000000000000000000000000000000000000000000000000000000000000000000000000000", AIGW_JSON_REAL, 0, 0 },
};

START_TEST(numbers_read_as)
{
    aigw_str text = exact_copy(str(numbers[_i].text));
    struct aigw_json root;
    int64_t integer = 0;
    double real = NAN;

    ck_assert_int_eq(aigw_json_check(text, 0, &root, NULL), AIGW_OK);
    ck_assert_uint_eq(root.type, numbers[_i].type);
    ck_assert_int_eq(aigw_json_int(&root, &integer), root.type == AIGW_JSON_INT);
    ck_assert_int_eq(integer, numbers[_i].integer);
    ck_assert(aigw_json_real(&root, &real));
    ck_assert_msg(real == numbers[_i].real, "%s: %.17g", numbers[_i].text, real);
    free_copy(text);
}
END_TEST

/** "0.<zeros>1e<zeros>" and its like, too long for anything but counting. */
START_TEST(very_long_numbers_are_exact)
{
    static const size_t zeros[] = { 70, 799, 800, 801, 20000, 1000000 };

    for (size_t i = 0; i < COUNT(zeros); i++) {
        char *text = malloc(zeros[i] + 32);
        struct aigw_json root;
        double real = 0;
        int len = sprintf(text, "1.");

        memset(text + len, '0', zeros[i]);
        strcpy(text + (size_t)len + zeros[i], "1e0");
        ck_assert_int_eq(aigw_json_check(str(text), 0, &root, NULL), AIGW_OK);
        ck_assert(aigw_json_real(&root, &real) && real == 1.0);
        memset(text, '0', 2);
        text[1] = '.';
        sprintf(text + 2 + zeros[i], "25e%zu", zeros[i] + 1);
        ck_assert_int_eq(aigw_json_check(str(text), 0, &root, NULL), AIGW_OK);
        ck_assert(aigw_json_real(&root, &real) && real == 2.5);
        /* halfway between two doubles, and a little more at the far end */
        len = sprintf(text, "9007199254740993.");
        memset(text + len, '0', zeros[i]);
        strcpy(text + (size_t)len + zeros[i], "1");
        ck_assert_int_eq(aigw_json_check(str(text), 0, &root, NULL), AIGW_OK);
        ck_assert(aigw_json_real(&root, &real) && real == 9007199254740994.0);
        free(text);
    }
}
END_TEST

/* ---- finding ---- */

static const struct {
    const char *text, *name, *found; /* NULL: absent */
} members[] = {
    { "{\"a\":1,\"b\":[2,{\"a\":3}],\"c\":\"a\"}", "a", "1" },
    { "{\"a\":1,\"b\":[2,{\"a\":3}],\"c\":\"a\"}", "b", "[2,{\"a\":3}]" },
    { "{ \"a\" : 1 , \"b\" : {\"x\":\"}]\\\"\"} }", "b", "{\"x\":\"}]\\\"\"}" },
    { "{\"a\":1,\"a\":2}", "a", "2" },
    { "{\"a\":1,\"a\":null}", "a", "null" },
    { "{\"\\u0061\":5}", "a", "5" },
    { "{\"a\\u0000\":5}", "a", NULL },
    { "{\"\":5}", "", "5" },
    { "{\"ab\":5}", "a", NULL },
    { "{\"a\":5}", "ab", NULL },
    { "{}", "a", NULL },
    { "[1]", "a", NULL },
    { "\"a\"", "a", NULL },
    { "{\"a\":\"\\\\\",\"b\":1}", "b", "1" },
    { "{\"a\":\"\xC3\xA9\xC3\xA9\",\"b\":1}", "b", "1" },
};

START_TEST(members_are_found)
{
    aigw_str text = exact_copy(str(members[_i].text));
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, 4096);
    const struct aigw_json_node *root_node, *node;
    struct aigw_json root, found;

    ck_assert_int_eq(aigw_json_check(text, 0, &root, NULL), AIGW_OK);
    ck_assert_int_eq(aigw_json_member(&root, members[_i].name, &found), members[_i].found != NULL);
    if (members[_i].found)
        ck_assert_msg(same_str(found.text, str(members[_i].found)), "%.*s", AIGW_STR_ARG(found.text));
    else
        ck_assert_uint_eq(found.type, AIGW_JSON_ABSENT);
    ck_assert_int_eq(aigw_json_tree(text, 0, &memory, &root_node, NULL), AIGW_OK);
    node = aigw_json_node_member(root_node, members[_i].name);
    ck_assert_uint_eq(node ? node->type : AIGW_JSON_ABSENT, found.type);
    aigw_pool_free(&pool);
    free_copy(text);
}
END_TEST

START_TEST(several_members_are_found_at_once)
{
    static const char *const names[] = { "b", "none", "a", "ab" };
    struct aigw_json root, found[COUNT(names)];

    ck_assert_int_eq(
        aigw_json_check(AIGW_STR("{\"a\":1,\"b\":{\"none\":2},\"\\u0061b\":3,\"c\":4,\"a\":\"last\"}"), 0, &root, NULL),
        AIGW_OK);
    aigw_json_members(&root, names, COUNT(names), found);
    ck_assert(same_str(found[0].text, str("{\"none\":2}")));
    ck_assert_uint_eq(found[1].type, AIGW_JSON_ABSENT);
    ck_assert(aigw_json_is_text(&found[2], "last"));
    ck_assert(same_str(found[3].text, str("3")));
    aigw_json_members(&found[2], names, COUNT(names), found);
    for (size_t i = 0; i < COUNT(names); i++)
        ck_assert_uint_eq(found[i].type, AIGW_JSON_ABSENT);
}
END_TEST

START_TEST(items_come_in_order)
{
    struct aigw_json root, key, item;
    struct aigw_json_walk walk;
    int64_t number = 0, sum = 0;

    ck_assert_int_eq(aigw_json_check(AIGW_STR("[ 1 , 20,300 ]"), 0, &root, NULL), AIGW_OK);
    for (walk = aigw_json_begin(&root); aigw_json_next(&walk, &key, &item);) {
        ck_assert(aigw_json_int(&item, &number));
        ck_assert_uint_eq(key.type, AIGW_JSON_ABSENT);
        sum = sum * 2 + number;
    }
    ck_assert_int_eq(sum, 344);
    ck_assert_uint_eq(aigw_json_count(&root), 3);
    ck_assert(!aigw_json_next(&walk, &key, &item));
    ck_assert_int_eq(aigw_json_check(AIGW_STR("[ ]"), 0, &root, NULL), AIGW_OK);
    ck_assert_uint_eq(aigw_json_count(&root), 0);
}
END_TEST

/** What is said of text that was not checked: nothing outside of it is read, and there is an end. */
START_TEST(unchecked_text_does_no_harm)
{
    static const char *const bad[] = {
        "\"",
        "\"\\",
        "{",
        "[",
        "[\"",
        "{\"a\"",
        "{\"a\":",
        "[1,",
        "[}",
        "{]",
        "[\\\"]",
        "{\"a\":\"\\u12",
        "[]]",
        "\"\xE2",
        "[1e",
        "{,:,:}",
        "\"\n\"",
        "\"\\q\\q\\q\\q\\q\\q\\q\\qplain bytes behind them\"",
        "[\"\x01\",\"\xE2\n",
        "\"\xED\xA0",
        "[1e!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
        "\"\xED\xA0\x80"
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        for (uint32_t type = AIGW_JSON_NULL; type <= AIGW_JSON_OBJECT; type++)
            for (uint32_t flags = 0; flags < 4; flags++) {
                aigw_str text = exact_copy(str(bad[i])), read;
                struct aigw_pool pool = { NULL };
                struct aigw_memory memory = aigw_pool_memory(&pool, 4096);
                struct aigw_json value = { text, type, flags }, found;
                int64_t integer;
                double real;
                bool boolean;

                ck_assert_uint_le(aigw_json_count(&value), text.len);
                aigw_json_member(&value, "a", &found);
                (void)aigw_json_text(&value, &memory, &read);
                (void)aigw_json_int(&value, &integer);
                (void)aigw_json_real(&value, &real);
                (void)aigw_json_bool(&value, &boolean);
                (void)aigw_json_mend(&value, &memory, &read);
                (void)aigw_json_is_text(&value, "a");
                aigw_pool_free(&pool);
                free_copy(text);
            }
}
END_TEST

TCase *json_case(void)
{
    TCase *json = tcase_create("json");

    tcase_add_test(json, a_nul_in_a_name_ends_no_other_name);
    tcase_add_loop_test(json, texts_are_judged, 0, (int)COUNT(texts));
    tcase_add_test(json, a_nul_byte_is_no_json);
    tcase_add_test(json, depth_has_an_end);
    tcase_add_loop_test(json, values_come_one_after_the_other, 0, (int)COUNT(sequences));
    tcase_add_loop_test(json, offsets_are_lines_and_columns, 0, (int)COUNT(wheres));
    tcase_add_loop_test(json, strings_read_as, 0, (int)COUNT(strings));
    tcase_add_test(json, odd_values_are_mended_in_place);
    tcase_add_loop_test(json, numbers_read_as, 0, (int)COUNT(numbers));
    tcase_add_test(json, very_long_numbers_are_exact);
    tcase_add_loop_test(json, members_are_found, 0, (int)COUNT(members));
    tcase_add_test(json, several_members_are_found_at_once);
    tcase_add_test(json, items_come_in_order);
    tcase_add_test(json, unchecked_text_does_no_harm);
    return json;
}
