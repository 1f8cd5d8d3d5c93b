/* test_conf.c - libconfig text into nodes: values, lines, refusals, merging of folders. */
#include "support.h"

/* ---- values ---- */

static const struct {
    const char *id, *text, *path;
    int type;
    int64_t integer;
    const char *string;
} values[] = {
    { "int", "a = 5;", "a", GW_NODE_INT, 5, NULL },
    { "int-negative", "a = -5;", "a", GW_NODE_INT, -5, NULL },
    { "int32-max", "a = 2147483647;", "a", GW_NODE_INT, 2147483647, NULL },
    { "int-beyond-32", "a = 3000000000;", "a", GW_NODE_INT, 3000000000, NULL },
    { "int-beyond-32-negative", "a = -3000000000;", "a", GW_NODE_INT, -3000000000, NULL },
    { "int-with-L", "a = 3000000000L;", "a", GW_NODE_INT, 3000000000, NULL },
    { "hex-beyond-31", "a = 0xFFFFFFFF;", "a", GW_NODE_INT, 4294967295, NULL },
    { "int-in-group", "g: { b = 1; a = 5000000000; };", "g.a", GW_NODE_INT, 5000000000, NULL },
    { "double", "a = 1.5;", "a", GW_NODE_DOUBLE, 0, NULL },
    { "bool", "a = true;", "a", GW_NODE_BOOL, 1, NULL },
    { "string", "a = \"x\";", "a", GW_NODE_STRING, 0, "x" },
    { "string-joined", "a = \"x\" \"y\";", "a", GW_NODE_STRING, 0, "xy" },
    { "string-with-digits", "a = \"3000000000\";", "a", GW_NODE_STRING, 0, "3000000000" },
    { "string-escaped-quote", "a = \"\\\"3000000000\";", "a", GW_NODE_STRING, 0, "\"3000000000" },
    { "string-utf8", "a = \"\xc3\xa9\";", "a", GW_NODE_STRING, 0, "\xc3\xa9" },
    { "comment-with-include", "# @include \"x\"\na = \"ok\";", "a", GW_NODE_STRING, 0, "ok" },
    { "block-comment-with-include", "/* \n@include \"x\" */ a = \"ok\";", "a", GW_NODE_STRING, 0, "ok" },
    { "string-with-include", "a = \"@include\";", "a", GW_NODE_STRING, 0, "@include" },
    { "bom",
      "\xef\xbb\xbf"
      "a = 1;",
      "a", GW_NODE_INT, 1, NULL },
    { "deep", "a: { b: { c: { d = 7; }; }; };", "a.b.c.d", GW_NODE_INT, 7, NULL },
    { "list", "a = ( 1, \"x\" );", "a", GW_NODE_LIST, 0, NULL },
    { "array", "a = [ \"x\", \"y\" ];", "a", GW_NODE_LIST, 0, NULL },
    { "group", "a: { };", "a", GW_NODE_GROUP, 0, NULL },
    { "name-with-digits-behind", "x1234567890123 = 1; a = 2;", "a", GW_NODE_INT, 2, NULL },
    { "number-forms", "b = 1e3; c = .5; d = 0x1F; e = -1.5e-3; f = 5LL; a = 6;", "a", GW_NODE_INT, 6, NULL },
    { "no-terminators", "b = 1 c: { d = 2 } e = ( 1 ) a = 7", "a", GW_NODE_INT, 7, NULL },
    { "text-over-lines", "b = \"one\ntwo\"; a = \"x\"\n  \"y\";", "a", GW_NODE_STRING, 0, "xy" },
    { "empty-list", "b = ( ); c = [ ]; a = 8;", "a", GW_NODE_INT, 8, NULL },
    { "bool-case", "a = True;", "a", GW_NODE_BOOL, 1, NULL },
    { "name-with-dash", "a-b = 2;", "a-b", GW_NODE_INT, 2, NULL },
};

START_TEST(value_is_read_as_written)
{
    const struct gw_node *root = gw_conf_parse(&arena, values[_i].text, "t.conf", &problems);
    const struct gw_node *node = gw_node_get(root, values[_i].path);

    EXPECT_CLEAN(values[_i].id);
    ck_assert_msg(node != NULL, "%s: %s is not there", values[_i].id, values[_i].path);
    ck_assert_msg(node->type == values[_i].type, "%s: type %d", values[_i].id, node->type);
    if (node->type == GW_NODE_INT || node->type == GW_NODE_BOOL)
        ck_assert_msg(node->integer == values[_i].integer, "%s: %lld", values[_i].id, (long long)node->integer);
    if (node->type == GW_NODE_STRING)
        ck_assert_str_eq(node->string, values[_i].string);
}
END_TEST

/* ---- refusals ---- */

static const struct {
    const char *id, *text, *problem;
} refusals[] = {
    { "no-value", "a = 1;\nb = ;\n", "t.conf:2: b has no value, expected  b = value;" },
    { "no-value-at-end", "a = 1;\nb =\n", "t.conf:3: the file ends before b has a value" },
    { "no-value-in-group", "a: {\n b = };", "t.conf:2: b has no value" },
    { "no-assign", "a = 1;\nb 5;\n", "t.conf:2: found 5 after b, expected = before it:  b = value;" },
    { "no-group-assign", "a { b = 1; };", "t.conf:1: found { after a, expected  a: { … };" },
    { "name-alone", "a = 1;\nb;\n", "t.conf:2: b has no value" },
    { "name-with-dot", "a.b = 1;", "t.conf:1: found a dot in a name, expected one level after the other:  a: { … };" },
    { "section-in-brackets", "[a]\nb = 1;", "t.conf:1: found [, expected the name of a section" },
    { "json", "{ \"a\": 1 }", "t.conf:1: found { without a name before it" },
    { "yaml", "a:\n  b: 5\n",
      "t.conf:1: a has no value: the next setting follows, b; expected a value, or  a: { … };" },
    { "yaml-text", "a: b c\n", "t.conf:1: a is b without quotes" },
    { "word", "a = off;", "t.conf:1: a is off, expected true or false" },
    { "unit", "a = 10s;", "t.conf:1: a is 10s, which is no number; expected digits without a unit" },
    { "address", "a = 10.0.0.1;", "t.conf:1: a is 10.0.0.1, which is no number" },
    { "calculation", "a = 16 * 1024;", "t.conf:1: found * after the value of a, expected ; : nothing is calculated" },
    { "variable", "a = $B;", "t.conf:1: a is a shell variable, expected \"env:NAME\"" },
    { "path", "a = /b;", "t.conf:1: a begins with /, expected text in double quotes" },
    { "single-quotes", "a = 'b';", "t.conf:1: a: found a single quote, expected text in double ones" },
    { "curly-quotes",
      "a = \xe2\x80\x9c"
      "b\xe2\x80\x9d;",
      "t.conf:1: a: found a typographic quote" },
    { "no-break-space", "a:\n{\n\xc2\xa0 b = 1;\n};", "t.conf:3: found a no-break space (U+00A0)" },
    { "letter", "\xc3\xa9 = 1;", "t.conf:1: found a letter or sign beyond ASCII, expected a setting" },
    { "unclosed", "a = {\n b = 1;\n", "t.conf:1: the { that begins here (a) is never closed, expected }" },
    { "unclosed-list", "a = (\n 1\n", "t.conf:1: the ( that begins here (a) is never closed, expected )" },
    { "closed-twice", "a: { };\n};", "t.conf:2: found }, but nothing is open here" },
    { "closed-wrongly", "a: (\n 1 };", "t.conf:2: found }, expected ): the ( of line 1 (a) is still open" },
    { "list-comma", "a = ( 1\n 2 );", "t.conf:2: found 2 in the list of line 1 (a), expected , between elements" },
    { "list-semicolon", "a = ( 1; 2 );", "t.conf:1: found ; in the list of line 1 (a), expected ," },
    { "list-last-comma", "a = ( 1, );", "t.conf:1: found , before ), expected no comma behind the last element" },
    { "list-of-pairs", "a = ( b = 1 );", "t.conf:1: a has no value: the next setting follows, b" },
    { "duplicate", "a = 1;\n\na = 2;\n", "t.conf:3: a is in this file twice, here and in line 1" },
    { "duplicate-in-group", "g: { a = 1;\n b = 1;\na = 2; };",
      "t.conf:3: a is in this group twice, here and in line 1" },
    { "text-without-end", "a = \"x;\nb = \"y\";\n", "t.conf:1: the text that begins here with \" goes on to line 2" },
    { "text-without-end-first", "a = \"x;\nb = 1;\nc = \"y\" ;\nd = \"z\";", "t.conf:1: the text that begins here" },
    { "comment", "a = 1;\n/* b = 1;\n", "t.conf:2: the comment that begins here with /* is never closed" },
    { "comment-short", "/*/ a = 1;", "t.conf:1: the comment that begins here with /* is never closed" },
    { "line-ends", "// a\rb = 1;\r", "t.conf:1: this line ends in CR alone" },
    { "utf16",
      "\xff\xfe"
      "a",
      "t.conf:1: this file is UTF-16, expected UTF-8" },
    { "pem", "-----BEGIN CERTIFICATE-----\n", "t.conf:1: this is a PEM file, expected  name = value;" },
    { "include", "a = 1;\n@include \"/etc/passwd\"\n", "t.conf:2: @include is not supported" },
    { "include-indented", "  @include \"x\"\n", "t.conf:1: @include is not supported" },
    { "include-behind-string", "a = \"x\\\\\"; \n@include \"x\"\n", "t.conf:2: @include is not supported" },
    { "unclosed-string", "a = 1;\nb = \"x\n\n", "t.conf:2: the text that begins here with \" is never closed" },
    { "string-as-name", "\"x\"", "t.conf:1: text in quotes is out of place" },
    { "string-after-terminator", "a = 1, \"x\";", "t.conf:1: text in quotes is out of place" },
    { "string-after-number", "a = 1\n\"x\";", "t.conf:2: text in quotes is out of place" },
    { "string-in-group", "a: {\n \"x\" };", "t.conf:2: text in quotes is out of place" },
    { "stray-at", "@", "t.conf:1: found @, expected a setting:  name = value;" },
};

START_TEST(bad_text_is_refused_with_file_and_line)
{
    const struct gw_node *root = gw_conf_parse(&arena, refusals[_i].text, "t.conf", &problems);

    ck_assert_ptr_nonnull(root);
    EXPECT_ERROR(refusals[_i].id, refusals[_i].problem);
    ck_assert_uint_eq(problems.error_count, 1);
}
END_TEST

START_TEST(nesting_has_a_limit)
{
    struct gw_buf text;

    gw_buf_init(&text, 1 << 20);
    for (int i = 0; i < 200; i++)
        gw_buf_puts(&text, "a: {");
    for (int i = 0; i < 200; i++)
        gw_buf_puts(&text, "};");
    gw_conf_parse(&arena, text.data, "t.conf", &problems);
    gw_buf_done(&text);
    EXPECT_ERROR("depth", "nested deeper than 32 levels");
}
END_TEST

START_TEST(a_full_arena_is_a_problem_and_no_crash)
{
    struct gw_arena small;
    struct gw_buf text;

    gw_arena_init(&small, 32768);
    gw_buf_init(&text, 1 << 20);
    for (int i = 0; i < 2000; i++)
        gw_buf_printf(&text, "name_%d = \"some text that needs room\";\n", i);
    ck_assert_int_eq(text.status, AIGW_OK);
    gw_conf_parse(&small, text.data, "t.conf", &problems);
    EXPECT_ERROR("full", "t.conf: out of memory");
    gw_buf_done(&text);
    gw_arena_done(&small);
}
END_TEST

START_TEST(nodes_know_their_lines)
{
    const struct gw_node *root =
        gw_conf_parse(&arena, "// head\na: {\n  b = 1;\n  c = 3000000000; d = 1;\n};\n", "t.conf", &problems);

    ck_assert_str_eq(gw_node_get(root, "a")->file, "t.conf");
    ck_assert_int_eq(gw_node_get(root, "a")->line, 2);
    ck_assert_int_eq(gw_node_get(root, "a.b")->line, 3);
    ck_assert_int_eq(gw_node_get(root, "a.d")->line, 4);
    ck_assert_ptr_null(gw_node_get(root, "a.x"));
    ck_assert_ptr_null(gw_node_get(root, "a.b.c"));
    ck_assert_ptr_null(gw_node_get(root, "aa"));
}
END_TEST

/* ---- folders ---- */

START_TEST(folders_merge_in_name_order)
{
    const char *dirs[1] = { folder };
    const struct gw_node *root;

    write_file("20-b.conf", "server: { port = 2; extra = 9; };\nproviders: { p: { b = 1; }; };");
    write_file("10-a.conf", "server: { port = 1; host = \"h\"; };\nproviders: { p: { a = 1; }; q: { a = 1; }; };");
    write_file("30-c.conf.bak", "server: { port = 3; };");
    write_file(".hidden.conf", "server: { port = 4; };");
    root = gw_conf_read(&arena, dirs, 1, &problems);
    EXPECT_CLEAN("merge");
    ck_assert_int_eq(gw_node_get(root, "server.port")->integer, 2);
    ck_assert_str_eq(gw_node_get(root, "server.host")->string, "h");
    ck_assert_int_eq(gw_node_get(root, "server.extra")->integer, 9);
    ck_assert_ptr_null(gw_node_get(root, "providers.p.a")); /* a named group is replaced whole */
    ck_assert_ptr_nonnull(gw_node_get(root, "providers.p.b"));
    ck_assert_ptr_nonnull(gw_node_get(root, "providers.q.a"));
    ck_assert_ptr_nonnull(strstr(gw_node_get(root, "server.port")->file, "/20-b.conf"));
}
END_TEST

START_TEST(later_folders_win_and_bad_files_do_not_hide_good_ones)
{
    const char *dirs[3] = { folder, NULL, "/nonexistent/conf.d" };
    const struct gw_node *root;

    dirs[1] = gw_arena_printf(&arena, "%s/second", folder);
    ck_assert_int_eq(mkdir(dirs[1], 0700), 0);
    write_file("a.conf", "server: { port = 1; };");
    write_file("b.conf", "server: { port = ; };");
    write_file("second/a.conf", "server: { port = 2; };");
    root = gw_conf_read(&arena, dirs, 3, &problems);
    ck_assert_int_eq(gw_node_get(root, "server.port")->integer, 2);
    EXPECT_ERROR("bad-file", "/b.conf:1: port has no value");
    EXPECT_ERROR("no-folder", "/nonexistent/conf.d: cannot read this configuration folder: No such file");
    ck_assert_uint_eq(problems.error_count, 2);
}
END_TEST

START_TEST(a_folder_named_like_a_file_is_a_problem)
{
    const char *dirs[1] = { folder };

    ck_assert_int_eq(mkdir(gw_arena_printf(&arena, "%s/a.conf", folder), 0700), 0);
    gw_conf_read(&arena, dirs, 1, &problems);
    EXPECT_ERROR("folder", "/a.conf: is not a regular file");
}
END_TEST

/* ---- references ---- */

static const struct {
    const char *id, *text, *value, *problem;
} references[] = {
    { "plain", "v = \"x\";", "x", NULL },
    { "env", "v = \"env:T_SET\";", "set", NULL },
    { "env-empty", "v = \"env:T_EMPTY\";", "", NULL },
    { "env-unset", "v = \"env:T_UNSET\";", NULL, "t.conf:1: v: environment variable T_UNSET is not set" },
    { "env-second", "v = \"env:T_UNSET|T_SET\";", "set", NULL },
    { "env-first-not-empty", "v = \"env:T_EMPTY|T_SET\";", "set", NULL },
    { "env-default", "v = \"env:T_UNSET:-d:e\";", "d:e", NULL },
    { "env-default-for-empty", "v = \"env:T_EMPTY:-d\";", "d", NULL },
    { "env-no-name", "v = \"env:\";", NULL, "has an empty or overlong name" },
    { "env-no-second-name", "v = \"env:T_UNSET|\";", NULL, "has an empty or overlong name" },
    { "env-group-member", "v = \"env:AIGW_T__MEMBER\";", "m", NULL },
    { "file-missing", "v = \"file:/nonexistent/x\";", NULL, "file \"/nonexistent/x\" cannot be opened" },
    { "file-folder", "v = \"file:/tmp\";", NULL, "file \"/tmp\" cannot be read" },
    { "file-empty", "v = \"file:/dev/null\";", NULL, "file \"/dev/null\" is empty" },
    { "no-text", "v = 5;", NULL, "t.conf:1: v: is not text" },
};

START_TEST(references_are_resolved)
{
    static const char *const env[] = { "T_SET=set", "T_EMPTY=", "AIGW_T={\"member\":\"m\"}", NULL };
    struct gw_settings settings;
    const struct gw_node *root;
    const char *value;

    gw_settings_load(&arena, NULL, env, NULL, &settings, &problems);
    EXPECT_CLEAN("load");
    root = gw_conf_parse(&arena, references[_i].text, "t.conf", &problems);
    value = gw_node_text(&arena, gw_node_get(root, "v"), "v", &problems);
    if (references[_i].problem) {
        ck_assert_ptr_null(value);
        EXPECT_ERROR(references[_i].id, references[_i].problem);
    } else {
        EXPECT_CLEAN(references[_i].id);
        ck_assert_str_eq(value, references[_i].value);
    }
}
END_TEST

START_TEST(a_file_loses_its_last_line_ends_only)
{
    const char *path = write_file("secret", "line one\nline two\r\n\n");
    const struct gw_node *root =
        gw_conf_parse(&arena, gw_arena_printf(&arena, "v = \"file:%s\";", path), "t.conf", &problems);

    ck_assert_str_eq(gw_node_text(&arena, gw_node_get(root, "v"), "v", &problems), "line one\nline two");
    EXPECT_CLEAN("file");
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_loop_test(tcase, value_is_read_as_written, 0, GW_ARRAY_LEN(values));
    tcase_add_loop_test(tcase, bad_text_is_refused_with_file_and_line, 0, GW_ARRAY_LEN(refusals));
    tcase_add_test(tcase, nesting_has_a_limit);
    tcase_add_test(tcase, a_full_arena_is_a_problem_and_no_crash);
    tcase_add_test(tcase, nodes_know_their_lines);
    tcase_add_test(tcase, folders_merge_in_name_order);
    tcase_add_test(tcase, later_folders_win_and_bad_files_do_not_hide_good_ones);
    tcase_add_test(tcase, a_folder_named_like_a_file_is_a_problem);
    tcase_add_loop_test(tcase, references_are_resolved, 0, GW_ARRAY_LEN(references));
    tcase_add_test(tcase, a_file_loses_its_last_line_ends_only);
}

int main(void)
{
    return run_suite("conf", add);
}
