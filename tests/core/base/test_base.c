/* test_base.c - strings, arena, buffers. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/number.h"

static const struct {
    const char *id, *text;
    size_t len, valid;
} utf8_rows[] = {
    { "ascii", "hello world, 0123456789", 23, 23 },
    { "two bytes", "\xc3\xa9", 2, 2 },
    { "three bytes", "\xe2\x82\xac!", 4, 4 },
    { "four bytes", "\xf0\x9f\x98\x80", 4, 4 },
    { "cut sequence", "ab\xe2\x82", 4, 2 },
    { "overlong slash", "\xc0\xaf", 2, 0 },
    { "overlong three", "\xe0\x80\xaf", 3, 0 },
    { "surrogate", "a\xed\xa0\x80", 4, 1 },
    { "beyond U+10FFFF", "\xf4\x90\x80\x80", 4, 0 },
    { "stray continuation", "abcdefgh\x80", 9, 8 },
    { "NUL is valid", "a\0b", 3, 3 },
};

START_TEST(utf8_validity)
{
    aigw_str s = { utf8_rows[_i].text, utf8_rows[_i].len };

    ck_assert_msg(gw_utf8_valid_len(s) == utf8_rows[_i].valid, "%s: found %zu", utf8_rows[_i].id, gw_utf8_valid_len(s));
}
END_TEST

static const struct {
    const char *text;
    uint64_t max;
    bool ok;
    uint64_t value;
} number_rows[] = {
    { "0", 10, true, 0 },
    { "10", 10, true, 10 },
    { "11", 10, false, 0 },
    { "", 10, false, 0 },
    { "-1", 10, false, 0 },
    { "+1", 10, false, 0 },
    { " 1", 10, false, 0 },
    { "1x", 10, false, 0 },
    { "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
    { "18446744073709551616", UINT64_MAX, false, 0 },
    { "99999999999999999999999", UINT64_MAX, false, 0 },
};

START_TEST(decimal_numbers_are_read_strictly)
{
    uint64_t value = 7;
    bool ok = gw_str_to_u64(gw_str(number_rows[_i].text), number_rows[_i].max, &value);

    ck_assert_msg(ok == number_rows[_i].ok, "\"%s\"", number_rows[_i].text);
    ck_assert(value == (ok ? number_rows[_i].value : 7));
}
END_TEST

static const struct {
    const char *id, *text;
    size_t len;
    bool ascii;
    const char *json;
} json_rows[] = {
    { "plain", "abc", 3, false, "\"abc\"" },
    { "quotes", "a\"b\\c", 5, false, "\"a\\\"b\\\\c\"" },
    { "controls", "\n\r\t\b\f\x01", 6, false, "\"\\n\\r\\t\\b\\f\\u0001\"" },
    { "NUL", "a\0b", 3, false, "\"a\\u0000b\"" },
    { "utf8 stays", "\xc3\xa9", 2, false, "\"\xc3\xa9\"" },
    { "utf8 as ascii", "\xc3\xa9", 2, true, "\"\\u00e9\"" },
    { "emoji as ascii", "\xf0\x9f\x98\x80", 4, true, "\"\\ud83d\\ude00\"" },
    { "invalid byte",
      "a\xff"
      "b",
      3, false,
      "\"a\xef\xbf\xbd"
      "b\"" },
    { "cut at the end", "a\xe2\x82", 3, true, "\"a\\ufffd\\ufffd\"" },
    { "empty", "", 0, false, "\"\"" },
};

START_TEST(json_strings_are_escaped)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 1000);
    gw_buf_json(&buf, (aigw_str){ json_rows[_i].text, json_rows[_i].len }, json_rows[_i].ascii);
    ck_assert_msg(strcmp(buf.data, json_rows[_i].json) == 0, "%s: found %s", json_rows[_i].id, buf.data);
    gw_buf_done(&buf);
}
END_TEST

/* The plainest way to do it, for ASCII. */
static size_t escape_slowly(const char *text, size_t len, char *out)
{
    static const char named[] = "\"\"\\\\\nn\rr\tt\bb\ff";
    char *begin = out;

    *out++ = '"';
    for (size_t i = 0; i < len; i++) {
        const char *name = NULL;

        for (size_t n = 0; n + 1 < sizeof named && !name; n += 2)
            name = named[n] == text[i] ? &named[n + 1] : NULL;
        if (name)
            out += sprintf(out, "\\%c", *name);
        else if ((unsigned char)text[i] < 0x20)
            out += sprintf(out, "\\u%04x", (unsigned)text[i]);
        else
            *out++ = text[i];
    }
    *out++ = '"';
    *out = '\0';
    return (size_t)(out - begin);
}

/* Texts of every length and mixture, behind what is there already, with any maximum. */
START_TEST(json_strings_are_escaped_wherever_the_memory_ends)
{
    static const char letters[] = "abcdefgh ijklmnop~\x7f\"\\\n\n\t\r\b\f\x01\x1f";
    char text[120], expected[800];
    unsigned seed = 7;

    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)rand_r(&seed) % sizeof text, before = (size_t)rand_r(&seed) % 300;
        size_t letter_count = round % 2 ? sizeof letters - 1 : 18; /* every other one is plain */
        struct gw_buf buf;

        for (size_t i = 0; i < len; i++)
            text[i] = letters[(size_t)rand_r(&seed) % letter_count];
        size_t expected_len = escape_slowly(text, len, expected);
        bool is_enough = rand_r(&seed) % 4 != 0;
        gw_buf_init(&buf, is_enough ? before + expected_len : before + (size_t)rand_r(&seed) % expected_len);
        for (size_t i = 0; i < before; i++)
            gw_buf_put(&buf, "-", 1);
        gw_buf_json(&buf, (aigw_str){ text, len }, round % 3 == 0);
        ck_assert_int_eq(buf.status, is_enough ? AIGW_OK : AIGW_E_LIMIT);
        ck_assert_uint_le(buf.len, buf.max);
        if (is_enough)
            ck_assert_str_eq(buf.data + before, expected);
        else if (buf.data)
            ck_assert_uint_eq(strlen(buf.data), buf.len);
        gw_buf_done(&buf);
    }
}
END_TEST

START_TEST(formatted_text_is_whole_wherever_the_memory_ends)
{
    static const char filling[] = "................................................................";
    struct gw_arena arena;
    struct gw_buf buf;

    gw_arena_init(&arena, 1 << 20);
    gw_buf_init(&buf, 5000);
    for (int i = 0; i < 300; i++) {
        int width = i % 64;
        char *text = gw_arena_printf(&arena, "%d:%.*s!", i, width, filling);
        ck_assert_ptr_nonnull(text);
        ck_assert_int_eq(atoi(text), i);
        ck_assert_uint_eq(strcspn(text, ":") + 1 + (size_t)width, strlen(text) - 1);
        size_t before = buf.len;
        gw_buf_printf(&buf, "%d:%.*s!", i, width, filling);
        if (before + strlen(text) <= buf.max && !buf.status)
            ck_assert_str_eq(buf.data + before, text);
        else
            ck_assert_int_eq(buf.status, AIGW_E_LIMIT);
        ck_assert_uint_eq(strlen(buf.data), buf.len);
    }
    ck_assert_int_eq(buf.status, AIGW_E_LIMIT);
    gw_buf_done(&buf);
    gw_arena_done(&arena);
    gw_arena_init(&arena, 3000); /* near the limit: whole or not at all */
    for (char *text; (text = gw_arena_printf(&arena, "%s%s", filling, filling)) != NULL;)
        ck_assert_uint_eq(strlen(text), 2 * strlen(filling));
    ck_assert_uint_le(arena.used, 3000);
    gw_arena_done(&arena);
}
END_TEST

START_TEST(a_buffer_stops_at_its_maximum_and_stays_stopped)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 10);
    gw_buf_puts(&buf, "0123456789");
    ck_assert_int_eq(buf.status, AIGW_OK);
    gw_buf_puts(&buf, "x");
    ck_assert_int_eq(buf.status, AIGW_E_LIMIT);
    gw_buf_clear(&buf);
    gw_buf_printf(&buf, "%d", 42);
    ck_assert_str_eq(buf.data, "42");
    ck_assert_int_eq(buf.status, AIGW_OK);
    gw_buf_done(&buf);
}
END_TEST

START_TEST(an_arena_keeps_its_limit_and_serves_pieces_of_any_size)
{
    struct gw_arena arena;

    gw_arena_init(&arena, 100000);
    for (int i = 0; i < 50; i++) {
        char *piece = gw_arena_alloc(&arena, (size_t)i * 37 + 1);
        ck_assert_ptr_nonnull(piece);
        ck_assert_uint_eq((uintptr_t)piece % 16, 0);
        memset(piece, i, (size_t)i * 37 + 1);
    }
    ck_assert_ptr_null(gw_arena_alloc(&arena, 200000));
    ck_assert_ptr_null(gw_arena_alloc(&arena, SIZE_MAX - 3));
    ck_assert_uint_le(arena.used, 100000);
    while (gw_arena_alloc(&arena, 1000))
        ck_assert_uint_le(arena.used, 100000);
    gw_arena_done(&arena);
    ck_assert_uint_eq(arena.used, 0);
    gw_arena_done(&arena);
}
END_TEST

static int order[4], order_count;

static void note_order(void *arg)
{
    order[order_count++] = *(int *)arg;
}

START_TEST(deferred_functions_run_newest_first_and_at_once_without_memory)
{
    struct gw_arena arena;
    int numbers[] = { 1, 2, 3 };

    order_count = 0;
    gw_arena_init(&arena, 4096);
    ck_assert_int_eq(gw_arena_defer(&arena, note_order, &numbers[0]), AIGW_OK);
    ck_assert_int_eq(gw_arena_defer(&arena, note_order, &numbers[1]), AIGW_OK);
    while (gw_arena_alloc(&arena, 8))
        ;
    ck_assert_int_eq(gw_arena_defer(&arena, note_order, &numbers[2]), AIGW_E_NOMEM);
    ck_assert_int_eq(order[0], 3);
    gw_arena_done(&arena);
    ck_assert_int_eq(order_count, 3);
    ck_assert_int_eq(order[1], 2);
    ck_assert_int_eq(order[2], 1);
}
END_TEST

START_TEST(a_misspelt_word_finds_its_neighbour)
{
    static const char *const words[] = { "api_key", "base_url", "timeout_ms" };

    ck_assert_str_eq(gw_closest("api_kye", words, 3), "api_key");
    ck_assert_str_eq(gw_closest("baseurl", words, 3), "base_url");
    ck_assert_ptr_null(gw_closest("colour", words, 3));
    ck_assert_ptr_null(gw_closest("", words, 0));
}
END_TEST

START_TEST(ids_are_32_hex_digits_and_differ)
{
    char a[33], b[33];

    gw_id_hex(a);
    gw_id_hex(b);
    ck_assert_uint_eq(strlen(a), 32);
    ck_assert_uint_eq(strspn(a, "0123456789abcdef"), 32);
    ck_assert_str_ne(a, b);
}
END_TEST

/* Of what libm says; libm is linked into tests only. */
START_TEST(numbers_are_what_libm_says)
{
    static const double edges[] = { 0,   0.49999999999999994, 0.5,        0.9999999999999999, 1,   1.5,
                                    2.5, 1e15 - 0.5,          0x1p52 + 1, 0x1p53 - 1,         1e18 };
    uint64_t state = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < GW_ARRAY_LEN(edges) + 20000; i++) {
        double part = ((double)(state >> 11) + 0.5) * 0x1p-53;
        double value = i < GW_ARRAY_LEN(edges) ? edges[i] : ldexp(part, (int)(state & 63) - 4);

        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ck_assert_int_eq(gw_ceil_i64(value), (int64_t)ceil(value));
        ck_assert_int_eq(gw_ceil_i64(-value), (int64_t)ceil(-value));
        ck_assert_int_eq(gw_round_i64(value), llround(value));
        ck_assert_int_eq(gw_is_whole(value), floor(value) == value);
        ck_assert_int_eq(gw_is_whole(-value), floor(value) == value);
        ck_assert_double_eq_tol(gw_log_of_part(part), log(part), 1e-11);
    }
    ck_assert_double_eq_tol(gw_log_of_part(0x1p-54), log(0x1p-54), 1e-11);
    ck_assert_double_eq(gw_log_of_part(1), 0);
    ck_assert(gw_is_whole((double)INFINITY));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tcase = tcase_create("base");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, utf8_validity, 0, (int)GW_ARRAY_LEN(utf8_rows));
    tcase_add_loop_test(tcase, decimal_numbers_are_read_strictly, 0, (int)GW_ARRAY_LEN(number_rows));
    tcase_add_loop_test(tcase, json_strings_are_escaped, 0, (int)GW_ARRAY_LEN(json_rows));
    tcase_add_test(tcase, json_strings_are_escaped_wherever_the_memory_ends);
    tcase_add_test(tcase, formatted_text_is_whole_wherever_the_memory_ends);
    tcase_add_test(tcase, a_buffer_stops_at_its_maximum_and_stays_stopped);
    tcase_add_test(tcase, an_arena_keeps_its_limit_and_serves_pieces_of_any_size);
    tcase_add_test(tcase, deferred_functions_run_newest_first_and_at_once_without_memory);
    tcase_add_test(tcase, numbers_are_what_libm_says);
    tcase_add_test(tcase, a_misspelt_word_finds_its_neighbour);
    tcase_add_test(tcase, ids_are_32_hex_digits_and_differ);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
