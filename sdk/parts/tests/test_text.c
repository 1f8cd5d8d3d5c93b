/* UTF-8, white space, content types. */
#include <aigw/body.h>

#include <stdio.h>

#include "tests.h"

static const struct {
    const char *text;
    size_t len;
    bool is_valid;
} utf8[] = {
    { "", 0, true },
    { "plain ascii, longer than eight", 30, true },
    { "12345678\xC3\xA9", 10, true },
    { "\xE2\x82\xAC\xF0\x9F\x98\x80", 7, true },
    { "\xEF\xBF\xBF", 3, true },
    { "\xF4\x8F\xBF\xBF", 4, true },
    { "\0a", 2, true },
    { "\xFF", 1, false },
    { "\x80", 1, false },
    { "\xC3", 1, false },
    { "\xC0\x80", 2, false },
    { "\xC1\xBF", 2, false },
    { "\xE0\x9F\xBF", 3, false },
    { "\xED\xA0\x80", 3, false },
    { "\xF0\x8F\xBF\xBF", 4, false },
    { "\xF4\x90\x80\x80", 4, false },
    { "\xF5\x80\x80\x80", 4, false },
    { "1234567\xE2\x82", 9, false },
    { "12345678\xE2\x82", 10, false },
};

START_TEST(utf8_is_judged_strictly)
{
    /* A copy of exact size: reading beyond the end is found. */
    char *copy = malloc(utf8[_i].len + 1);

    memcpy(copy, utf8[_i].text, utf8[_i].len);
    ck_assert_int_eq(aigw_utf8_is_valid((aigw_str){ copy, utf8[_i].len }), utf8[_i].is_valid);
    free(copy);
}
END_TEST

static const struct {
    const char *text, *expect;
} strips[] = {
    { "", "" },
    { "  ", "" },
    { " a b ", "a b" },
    { "\t\r\n\va\f", "a" },
    { "\xC2\xA0"
      "a\xE3\x80\x80",
      "a" },
    { "\xE2\x80\x8A"
      "a\xE2\x80\xA9",
      "a" },
    { "\xC3\xA9 ", "\xC3\xA9" },
    { "\xE2\x82\xAC", "\xE2\x82\xAC" },
    { "\xE2\x80\x8B", "\xE2\x80\x8B" }, /* zero width space is no white space */
};

START_TEST(strip_takes_unicode_white_space)
{
    ck_assert(same_str(aigw_utf8_strip(str(strips[_i].text)), str(strips[_i].expect)));
}
END_TEST

static const struct {
    const char *type;
    bool is_json;
} types[] = {
    { "", true },
    { "application/json", true },
    { "APPLICATION/Json", true },
    { "application/json; charset=utf-8", true },
    { "application/json;charset=latin1", true },
    { " application/json ", true },
    { "application/problem+json", true },
    { "application/x+JSON; v=1", true },
    { "text/plain", false },
    { "text/json", false },
    { "application/x-www-form-urlencoded", false },
    { "application/jsonx", false },
    { "application/+json", false },
    { "application/xjson", false },
    { "json", false },
    { "multipart/form-data; boundary=json", false },
};

START_TEST(content_type_decides)
{
    ck_assert_msg(aigw_body_is_json_type(str(types[_i].type)) == types[_i].is_json, "%s", types[_i].type);
}
END_TEST

static const struct {
    const char *url;
    bool is_url;
} urls[] = {
    { "http://h", true },     { "https://h:8000/v1", true }, { "HTTP://h", true },    { "http://[::1]/v1", true },
    { "http://", false },     { "https://", false },         { "http:///v1", false }, { "http://:80", false },
    { "http://@h", false },   { "ftp://h", false },          { "h:8000", false },     { "http://a b", false },
    { "http://a\nb", false }, { "http://a\x7f", false },     { "", false },           { "http://?x", false },
};

START_TEST(urls_are_judged)
{
    ck_assert_msg(aigw_body_is_url(str(urls[_i].url)) == urls[_i].is_url, "%s", urls[_i].url);
}
END_TEST

/* Five pieces behind a run of plain bytes, so that quotes and backslashes meet every border of what is looked at at
 * once; the next member is found where the string ends, and only escapes are said to be some. */
START_TEST(strings_end_at_their_quote)
{
    static const char *const pieces[] = { "a", "\\\"", "\\\\", "\\n", "0123456789abcdefghijklm" };
    struct aigw_json root, value;
    char text[512];
    int64_t number;

    for (int code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
        int len = snprintf(text, sizeof text, "{\"a\":\"%.*s", _i, "................................................");
        bool has_escapes = false;

        for (int i = 0, rest = code; i < 5; i++, rest /= 5) {
            has_escapes |= pieces[rest % 5][0] == '\\';
            len += snprintf(text + len, sizeof text - (size_t)len, "%s", pieces[rest % 5]);
        }
        snprintf(text + len, sizeof text - (size_t)len, "\",\"b\":7}");
        /* Not ck_assert_…(): check writes down each one that holds, and these are half a million. */
        if (aigw_json_check(str(text), 0, &root, NULL) != AIGW_OK)
            ck_abort_msg("no JSON: %s", text);
        if (!aigw_json_member(&root, "b", &value) || !aigw_json_int(&value, &number) || number != 7)
            ck_abort_msg("b: %s", text);
        if (!aigw_json_member(&root, "a", &value) || value.text.len != (size_t)len - 4)
            ck_abort_msg("a: %s", text);
        if (!(value.flags & AIGW_JSONF_ESCAPES) != !has_escapes)
            ck_abort_msg("escapes: %s", text);
    }
}
END_TEST

TCase *text_case(void)
{
    TCase *text = tcase_create("text");

    tcase_add_loop_test(text, utf8_is_judged_strictly, 0, (int)COUNT(utf8));
    tcase_add_loop_test(text, strip_takes_unicode_white_space, 0, (int)COUNT(strips));
    tcase_add_loop_test(text, content_type_decides, 0, (int)COUNT(types));
    tcase_add_loop_test(text, urls_are_judged, 0, (int)COUNT(urls));
    tcase_add_loop_test(text, strings_end_at_their_quote, 0, 40);
    return text;
}
