/* test_fill.c - a group through a settings table into a struct. */
#include "support.h"

struct sample {
    const char *text, *url, *key, *choice, *many;
    int64_t number;
    double ratio;
    int32_t flag;
    struct aigw_list list;
    struct aigw_map map;
};

static const struct aigw_setting table[] = {
    { .name = "text", .type = AIGW_SET_STRING, .offset = offsetof(struct sample, text), .default_value = "d" },
    { .name = "url", .type = AIGW_SET_STRING, .flags = AIGW_SETF_URL, .offset = offsetof(struct sample, url) },
    { .name = "api_key", .type = AIGW_SET_STRING, .flags = AIGW_SETF_SECRET, .offset = offsetof(struct sample, key) },
    { .name = "choice",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct sample, choice),
      .choices = "one|two|three" },
    { .name = "many",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct sample, many),
      .choices = "a0|a1|a2|a3|a4|a5|a6|a7|a8|a9|b0|b1|b2|b3|b4|b5|b6|b7|b8|b9|c0|c1|c2|c3|c4|c5|c6|c7|c8|c9|d0|d1|d2|"
                 "d3|d4|d5|d6|d7|d8|d9|last" },
    { .name = "number",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct sample, number),
      .default_value = "7",
      .min = 1,
      .max = 10 },
    { .name = "ratio", .type = AIGW_SET_DOUBLE, .offset = offsetof(struct sample, ratio), .default_value = "0.5" },
    { .name = "flag", .type = AIGW_SET_BOOL, .offset = offsetof(struct sample, flag), .default_value = "true" },
    { .name = "list", .type = AIGW_SET_LIST, .offset = offsetof(struct sample, list), .default_value = "a,b" },
    { .name = "map", .type = AIGW_SET_MAP, .offset = offsetof(struct sample, map) },
};
static const char *const reserved[] = { "plugin", NULL };

static void fill(const char *text, struct sample *out)
{
    static const char *const env[] = { "T_KEY=hunter2-hunter2", "T_NUM=9", "T_BAD=x", "T_EMPTY=", NULL };
    struct gw_settings settings;
    const struct gw_node *root;

    gw_settings_load(&arena, NULL, env, NULL, &settings, &problems);
    root = gw_conf_parse(&arena, gw_arena_printf(&arena, "g: {\n%s\n};", text), "t.conf", &problems);
    memset(out, 0, sizeof *out);
    gw_settings_fill(&arena, gw_node_get(root, "g"), "g", table, GW_ARRAY_LEN(table), sizeof *table, reserved, out,
                     &problems);
}

START_TEST(defaults_fill_an_empty_or_missing_group)
{
    struct sample s;

    if (_i == 0)
        fill("", &s);
    else
        gw_settings_fill(&arena, NULL, "g", table, GW_ARRAY_LEN(table), sizeof *table, reserved,
                         memset(&s, 0, sizeof s), &problems);
    EXPECT_CLEAN("defaults");
    ck_assert_str_eq(s.text, "d");
    ck_assert_ptr_null(s.url);
    ck_assert_int_eq(s.number, 7);
    ck_assert_double_eq(s.ratio, 0.5);
    ck_assert_int_eq(s.flag, 1);
    ck_assert_uint_eq(s.list.count, 2);
    ck_assert_str_eq(s.list.items[1], "b");
    ck_assert_uint_eq(s.map.count, 0);
}
END_TEST

START_TEST(every_type_is_read)
{
    struct sample s;

    fill("plugin = \"x\"; text = \"t\"; url = \"https://h:8/v1/\"; api_key = \"env:T_KEY\"; choice = \"two\"; many = "
         "\"last\"; "
         "number = \"env:T_NUM\"; ratio = 2; flag = false; list = ( \"x\", 5, true ); "
         "map: { A-b = \"1\"; c = 2; };",
         &s);
    EXPECT_CLEAN("types");
    ck_assert_str_eq(s.text, "t");
    ck_assert_str_eq(s.url, "https://h:8/v1");
    ck_assert_str_eq(s.key, "hunter2-hunter2");
    ck_assert_str_eq(s.choice, "two");
    ck_assert_str_eq(s.many, "last");
    ck_assert_int_eq(s.number, 9);
    ck_assert_double_eq(s.ratio, 2.0);
    ck_assert_int_eq(s.flag, 0);
    ck_assert_uint_eq(s.list.count, 3);
    ck_assert_str_eq(s.list.items[1], "5");
    ck_assert_str_eq(s.list.items[2], "true");
    ck_assert_uint_eq(s.map.count, 2);
    ck_assert_str_eq(s.map.names[0], "A-b");
    ck_assert_str_eq(s.map.values[1], "2");
}
END_TEST

static const struct {
    const char *id, *text;
    size_t list_count, map_count;
    const char *first;
} texts[] = {
    { "list-comma", "list = \" a , b ,, c \";", 3, 0, "a" },
    { "list-json", "list = \"[\\\"x\\\", null, \\\"y\\\"]\";", 2, 0, "x" },
    { "list-empty", "list = \"\";", 0, 0, NULL },
    { "list-empty-parens", "list = ();", 0, 0, NULL },
    { "map-json", "map = \"{\\\"k\\\": \\\"v\\\", \\\"n\\\": null}\";", 2, 1, "v" },
    { "map-empty-text", "map = \"\";", 2, 0, NULL },
};

START_TEST(lists_and_maps_come_from_text_too)
{
    struct sample s;

    fill(texts[_i].text, &s);
    EXPECT_CLEAN(texts[_i].id);
    ck_assert_msg(s.list.count == texts[_i].list_count, "%s: list %zu", texts[_i].id, s.list.count);
    ck_assert_msg(s.map.count == texts[_i].map_count, "%s: map %zu", texts[_i].id, s.map.count);
    if (texts[_i].first)
        ck_assert_str_eq(s.map.count ? s.map.values[0] : s.list.items[0], texts[_i].first);
}
END_TEST

static const struct {
    const char *id, *text, *problem;
} refusals[] = {
    { "unknown-close", "api_kye = \"x\";", "t.conf:2: g.api_kye: unknown, did you mean api_key?" },
    { "unknown-reserved", "plugn = \"x\";", "g.plugn: unknown, did you mean plugin?" },
    { "unknown-far", "zzzzzzzzzz = 1;", "g.zzzzzzzzzz: unknown, expected one of: text, url" },
    { "int-as-text", "number = \"5\";",
      "t.conf:2: g.number: is \"5\", expected an integer without quotes, 1 to 10; did you mean 5?" },
    { "int-as-double", "number = 5.5;", "g.number: is 5.5, expected an integer" },
    { "int-low", "number = 0;", "g.number: is 0, expected 1 to 10" },
    { "int-high", "number = 3000000000;", "g.number: is 3000000000, expected 1 to 10" },
    { "int-from-env-bad", "number = \"env:T_BAD\";", "g.number: is \"x\", expected an integer" },
    { "bool-as-int", "flag = 1;", "g.flag: is 1, expected true or false without quotes; did you mean true?" },
    { "bool-as-text", "flag = \"true\";", "g.flag: is \"true\", expected true or false" },
    { "double-as-text", "ratio = \"x\";", "g.ratio: is \"x\", expected a number" },
    { "string-as-int", "text = 5;", "g.text: is 5, expected text in double quotes; did you mean \"5\"?" },
    { "string-as-group", "text: { };", "g.text: is a group, expected text" },
    { "choice", "choice = \"thre\";", "g.choice: is \"thre\", expected one of one|two|three; did you mean three?" },
    { "choice-many", "many = \"lasst\";", "|d9|last; did you mean last?" },
    { "choice-prefix", "choice = \"tw\";", "g.choice: is \"tw\", expected one of one|two|three" },
    { "url-scheme", "url = \"ftp://h\";", "g.url: is \"ftp://h\": expected a URL that begins with http" },
    { "url-host", "url = \"http://\";", "the URL has no host name" },
    { "url-port-only", "url = \"http://:80\";", "the URL has no host name" },
    { "url-port", "url = \"http://h:70000/v1\";", "g.url: is \"http://h:70000/v1\": the URL has a port that is not" },
    { "url-bracket", "url = \"http://[::1/v1\";", "the URL has a [ in its host that is not closed" },
    { "url-v6", "url = \"http://[1::2::3]/\";", "the URL has something in brackets that is not an IPv6 address" },
    { "url-quoted", "url = \"\\\"http://h\\\"\";", "the quotes are part of it; remove them" },
    { "url-blank", "url = \"http://h/a b\";", "no blanks" },
    { "url-fragment", "url = \"http://h/#x\";", "the URL contains a fragment" },
    { "url-userinfo", "url = \"http://u:topsecret@h\";",
      "(hidden: it may hold a password): the URL contains user information" },
    { "utf8", "text = \"\xff\";", "g.text: is not valid UTF-8" },
    { "list-of-groups", "list = ( { a = 1; } );", "g.list: is a group or list, expected text" },
    { "list-json-bad", "list = \"[1,\";", "g.list: is not valid JSON" },
    { "map-of-groups", "map: { a: { }; };", "g.map: a: is a group or list" },
    { "map-as-list", "map = ( 1 );", "g.map: is a list, expected a group" },
    { "map-json-bad", "map = \"{\";", "g.map: is not valid JSON" },
    { "map-json-list", "map = \"[1]\";", "g.map: is a JSON array, expected an object" },
    { "secret-wrong-type", "api_key = 123456;", "g.api_key: is an integer, expected text" },
};

START_TEST(a_mistake_is_named_with_line_key_and_expectation)
{
    struct sample s;

    fill(refusals[_i].text, &s);
    EXPECT_ERROR(refusals[_i].id, refusals[_i].problem);
    ck_assert_uint_eq(problems.error_count, 1);
    ck_assert_ptr_null(strstr(all_problems(), "topsecret"));
}
END_TEST

START_TEST(all_mistakes_come_in_one_run)
{
    struct sample s;

    fill("number = 99; flag = 3; nummber = 1; choice = \"x\";", &s);
    ck_assert_uint_eq(problems.error_count, 4);
}
END_TEST

START_TEST(an_unset_variable_leaves_an_optional_setting_out)
{
    struct sample s;

    fill("api_key = \"env:T_NOT_THERE\"; number = \"env:T_EMPTY:-\"; url = \"env:T_EMPTY\";", &s);
    ck_assert_uint_eq(problems.error_count, 0);
    EXPECT_WARNING("unset", "t.conf:2: g.api_key: environment variable T_NOT_THERE is not set: taken as not given");
    ck_assert_ptr_null(s.key);
    ck_assert_ptr_null(s.url);
    ck_assert_int_eq(s.number, 7);
}
END_TEST

START_TEST(a_foreseen_unset_variable_is_silent)
{
    struct sample s;

    fill("api_key = \"env:T_NOT_THERE:-\"; text = \"env:T_EMPTY:-\";", &s);
    EXPECT_CLEAN("foreseen");
    ck_assert_ptr_null(s.key);
    ck_assert_str_eq(s.text, ""); /* set, to nothing */
}
END_TEST

START_TEST(a_required_setting_must_be_there)
{
    static const struct aigw_setting one = {
        .name = "key", .type = AIGW_SET_STRING, .flags = AIGW_SETF_REQUIRED, .help = "The key."
    };
    static const char *const cases[] = { "g: { };", "g: { key = \"env:T_NOT_THERE\"; };",
                                         "g: { key = \"env:T_NOT_THERE:-\"; };" };
    const char *value = NULL;
    const struct gw_node *root = gw_conf_parse(&arena, cases[_i], "t.conf", &problems);

    gw_settings_fill(&arena, gw_node_get(root, "g"), "g", &one, 1, sizeof one, NULL, &value, &problems);
    EXPECT_ERROR("required", "t.conf:1: g.key: ");
    ck_assert_ptr_null(value);
}
END_TEST

START_TEST(a_scalar_is_no_group)
{
    const struct gw_node *root = gw_conf_parse(&arena, "g = 5;", "t.conf", &problems);
    struct sample s;

    gw_settings_fill(&arena, gw_node_get(root, "g"), "g", table, GW_ARRAY_LEN(table), sizeof *table, NULL, &s,
                     &problems);
    EXPECT_ERROR("scalar", "t.conf:1: g: is not a group");
}
END_TEST

/** A table of a newer or older SDK has another stride. */
START_TEST(the_stride_is_honoured)
{
    struct wide {
        struct aigw_setting setting;
        void *newer;
    };
    static const struct wide wide[] = {
        { { .name = "a", .type = AIGW_SET_INT, .offset = 0, .default_value = "1" }, NULL },
        { { .name = "b", .type = AIGW_SET_INT, .offset = 8, .default_value = "2" }, NULL },
    };
    int64_t out[2] = { 0, 0 };

    gw_settings_fill(&arena, NULL, "g", &wide[0].setting, 2, sizeof *wide, NULL, out, &problems);
    EXPECT_CLEAN("stride");
    ck_assert_int_eq(out[0], 1);
    ck_assert_int_eq(out[1], 2);
}
END_TEST

START_TEST(secrets_never_show_in_problems)
{
    struct sample s;

    fill("api_key = \"env:T_KEY\";", &s);
    gw_problem(&problems, NULL, "k", "the server said hunter2-hunter2 is wrong");
    ck_assert_ptr_null(strstr(all_problems(), "hunter2"));
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_loop_test(tcase, defaults_fill_an_empty_or_missing_group, 0, 2);
    tcase_add_test(tcase, every_type_is_read);
    tcase_add_loop_test(tcase, lists_and_maps_come_from_text_too, 0, GW_ARRAY_LEN(texts));
    tcase_add_loop_test(tcase, a_mistake_is_named_with_line_key_and_expectation, 0, GW_ARRAY_LEN(refusals));
    tcase_add_test(tcase, all_mistakes_come_in_one_run);
    tcase_add_test(tcase, an_unset_variable_leaves_an_optional_setting_out);
    tcase_add_test(tcase, a_foreseen_unset_variable_is_silent);
    tcase_add_loop_test(tcase, a_required_setting_must_be_there, 0, 3);
    tcase_add_test(tcase, a_scalar_is_no_group);
    tcase_add_test(tcase, the_stride_is_honoured);
    tcase_add_test(tcase, secrets_never_show_in_problems);
}

int main(void)
{
    return run_suite("fill", add);
}
