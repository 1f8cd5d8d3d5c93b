/* Rules of the Mustache specification with our own inputs, one row each; escaping is off throughout. */
#include "prompt/prompt.h"
#include "tests.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *id;
    const char *tmpl;
    const char *json; /* variables, NULL for none */
    const char *expect;
};

/* Partials that rows may use. */
static const struct {
    const char *name, *text;
} partials[] = {
    { "word", "tree" },
    { "value", "<{{x}}>" },
    { "lines", "one\ntwo {{x}}\n\nthree\n" },
    { "outer", "a\n  {{>inner}}\nb\n" },
    { "inner", "i\nj\n" },
    { "node", "{{name}}{{#kids}}({{>node}}){{/kids}}" },
    { "forever", ".{{>forever}}" },
    { "tags", "{{#on}}\n  {{x}}!\n{{/on}}\nend" },
    { "starts", "{{x}}\n{{x}}" },
    { "custom", "{{=[ ]=}}[x]{{x}}" },
};

static const struct row rows[] = {
    /* interpolation */
    { "interp-none", "plain text, no tags\n", NULL, "plain text, no tags\n" },
    { "interp-empty", "", NULL, "" },
    { "interp-basic", "Tree: {{kind}}.", "{\"kind\":\"oak\"}", "Tree: oak." },
    { "interp-noescape", "{{t}}", "{\"t\":\"& \\\" < > '\"}", "& \" < > '" },
    { "interp-triple", "{{{t}}}", "{\"t\":\"& \\\" < >\"}", "& \" < >" },
    { "interp-amp", "{{&t}}", "{\"t\":\"& \\\" < >\"}", "& \" < >" },
    { "interp-int", "{{n}} km", "{\"n\":42195}", "42195 km" },
    { "interp-float", "{{n}} l", "{\"n\":1.25}", "1.25 l" },
    { "interp-bool", "{{b}}{{c}}", "{\"b\":true,\"c\":false}", "truefalse" },
    { "interp-null", "({{n}})", "{\"n\":null}", "()" },
    { "interp-miss", "({{nope}})", "{}", "()" },
    { "interp-list", "{{l}}", "{\"l\":[1,\"a/b\"]}", "[1,\"a/b\"]" },
    { "interp-empty-list", "({{l}})", "{\"l\":[]}", "()" },
    { "interp-blanks", "{{  kind  }}|{{{ kind }}}|{{& kind }}", "{\"kind\":\"elm\"}", "elm|elm|elm" },
    { "interp-newlines", "{{\nkind\n}}", "{\"kind\":\"elm\"}", "elm" },
    { "interp-around", "  {{kind}}  \n", "{\"kind\":\"elm\"}", "  elm  \n" },
    { "interp-utf8", "é{{ü}}☃", "{\"ü\":\"木\"}", "é木☃" },
    { "interp-braces", "{ {{k}} } }} {k}", "{\"k\":\"v\"}", "{ v } }} {k}" },
    { "interp-triple-close", "{{{k}}}}", "{\"k\":\"v\"}", "v}" },
    { "interp-never-twice", "{{a}}", "{\"a\":\"{{b}}{{>word}}{{#c}}\",\"b\":\"LEAK\"}", "{{b}}{{>word}}{{#c}}" },
    { "dot-name", "{{a.b}}", "{\"a\":{\"b\":\"x\"}}", "x" },
    { "dot-deep", "{{a.b.c.d.e}}", "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":\"deep\"}}}}}", "deep" },
    { "dot-broken", "({{a.b.c}})", "{\"a\":{}}", "()" },
    { "dot-broken-leaf", "({{a.b}})", "{\"a\":\"text\"}", "()" },
    { "dot-no-restart", "{{#a}}({{b.c}}){{/a}}", "{\"a\":{\"b\":{}},\"b\":{\"c\":\"WRONG\"}}", "()" },
    { "dot-first-in-context", "{{#a}}{{b.name}}{{/a}}", "{\"a\":{\"b\":{\"name\":\"in\"}},\"b\":{\"name\":\"out\"}}",
      "in" },
    { "implicit-list", "{{#l}}({{.}}){{/l}}", "{\"l\":[\"a\",2,3.5,true]}", "(a)(2)(3.5)(true)" },
    { "implicit-nested", "{{#l}}[{{#.}}{{.}},{{/.}}]{{/l}}", "{\"l\":[[1,2],[3]]}", "[1,2,][3,]" },
    { "implicit-objects", "{{#l}}{{k}};{{/l}}", "{\"l\":[{\"k\":\"a\"},{\"k\":\"b\"}]}", "a;b;" },
    { "implicit-text", "{{#s}}<{{.}}>{{/s}}", "{\"s\":\"text\"}", "<text>" },

    /* sections */
    { "sec-true", "{{#b}}yes{{/b}}", "{\"b\":true}", "yes" },
    { "sec-false", "[{{#b}}no{{/b}}]", "{\"b\":false}", "[]" },
    { "sec-null", "[{{#b}}no{{/b}}]", "{\"b\":null}", "[]" },
    { "sec-missing", "[{{#b}}no{{/b}}]", "{}", "[]" },
    { "sec-empty-list", "[{{#b}}no{{/b}}]", "{\"b\":[]}", "[]" },
    { "sec-empty-text", "[{{#b}}no{{/b}}]", "{\"b\":\"\"}", "[]" },
    { "sec-zero", "[{{#b}}{{.}}{{/b}}]", "{\"b\":0}", "[0]" },
    { "sec-empty-object", "[{{#b}}yes{{/b}}]", "{\"b\":{}}", "[yes]" },
    { "sec-context", "{{#c}}Hi {{name}}.{{/c}}", "{\"c\":{\"name\":\"Joe\"}}", "Hi Joe." },
    { "sec-parent", "{{#c}}{{x}}{{y}}{{/c}}", "{\"c\":{\"x\":1},\"y\":2}", "12" },
    { "sec-shadow", "{{#c}}{{x}}{{/c}}{{x}}", "{\"c\":{\"x\":1},\"x\":2}", "12" },
    { "sec-list", "{{#l}}{{n}}{{/l}}", "{\"l\":[{\"n\":1},{\"n\":2},{\"n\":3}]}", "123" },
    { "sec-twice", "{{#b}}1{{/b}} {{t}} {{#b}}2{{/b}}", "{\"b\":true,\"t\":\"and\"}", "1 and 2" },
    { "sec-nested", "A{{#b}}B{{#b}}C{{/b}}D{{/b}}E", "{\"b\":true}", "ABCDE" },
    { "sec-nested-false", "A{{#b}}B{{#b}}C{{/b}}D{{/b}}E", "{\"b\":false}", "AE" },
    { "sec-empty-body", "A{{#b}}{{/b}}B", "{\"b\":true}", "AB" },
    { "sec-dotted", "{{#a.b}}yes{{/a.b}}", "{\"a\":{\"b\":true}}", "yes" },
    { "sec-dotted-missing", "[{{#a.b.c}}no{{/a.b.c}}]", "{\"a\":{}}", "[]" },
    { "sec-inline-space", "| {{#b}}\t|\t{{/b}} |\n", "{\"b\":true}", "| \t|\t |\n" },
    { "sec-inline-newline", "x {{#b}} \n y{{/b}}\n", "{\"b\":true}", "x  \n y\n" },
    { "sec-alone", "one\n{{#b}}\ntwo\n{{/b}}\nthree\n", "{\"b\":true}", "one\ntwo\nthree\n" },
    { "sec-alone-indented", "one\n  {{#b}}  \ntwo\n\t{{/b}}\nthree\n", "{\"b\":true}", "one\ntwo\nthree\n" },
    { "sec-alone-crlf", "|\r\n{{#b}}\r\n{{/b}}\r\n|", "{\"b\":true}", "|\r\n|" },
    { "sec-alone-first", "  {{#b}}\n*{{/b}}\n/", "{\"b\":true}", "*\n/" },
    { "sec-alone-last", "#{{#b}}\n/\n  {{/b}}", "{\"b\":true}", "#\n/\n" },
    { "sec-two-on-line", "{{#b}}{{/b}}\nx", "{\"b\":true}", "\nx" },
    { "sec-padding", "[{{# b }}={{/ b }}]", "{\"b\":true}", "[=]" },

    /* inverted sections */
    { "inv-false", "{{^b}}shown{{/b}}", "{\"b\":false}", "shown" },
    { "inv-true", "[{{^b}}no{{/b}}]", "{\"b\":true}", "[]" },
    { "inv-null", "{{^b}}shown{{/b}}", "{\"b\":null}", "shown" },
    { "inv-missing", "{{^b}}shown{{/b}}", "{}", "shown" },
    { "inv-empty-list", "{{^b}}shown{{/b}}", "{\"b\":[]}", "shown" },
    { "inv-empty-text", "{{^b}}shown{{/b}}", "{\"b\":\"\"}", "shown" },
    { "inv-list", "[{{^b}}no{{/b}}]", "{\"b\":[1]}", "[]" },
    { "inv-object", "[{{^b}}no{{/b}}]", "{\"b\":{}}", "[]" },
    { "inv-either", "{{#b}}A{{/b}}{{^b}}B{{/b}}", "{\"b\":false}", "B" },
    { "inv-dotted", "{{^a.b}}shown{{/a.b}}", "{\"a\":{}}", "shown" },
    { "inv-alone", "x\n{{^b}}\ny\n{{/b}}\nz\n", "{\"b\":false}", "x\ny\nz\n" },
    { "inv-nested", "A{{^b}}B{{^b}}C{{/b}}D{{/b}}E", "{\"b\":false}", "ABCDE" },

    /* comments */
    { "com-inline", "12{{! note }}34", NULL, "1234" },
    { "com-multiline", "12{{!\n  two\n  lines\n}}34\n", NULL, "1234\n" },
    { "com-alone", "a\n{{! gone }}\nb\n", NULL, "a\nb\n" },
    { "com-alone-indented", "a\n   {{! gone }}\nb\n", NULL, "a\nb\n" },
    { "com-alone-multiline", "a\n  {{!\n gone\n  }}\nb", NULL, "a\nb" },
    { "com-alone-crlf", "|\r\n{{! gone }}\r\n|", NULL, "|\r\n|" },
    { "com-alone-first", "  {{! gone }}\n!", NULL, "!" },
    { "com-alone-last", "!\n  {{! gone }}", NULL, "!\n" },
    { "com-inline-end", "  12 {{! 34 }}\n", NULL, "  12 \n" },
    { "com-in-word", "12{{! 34 }}5{{!}}6", NULL, "1256" },
    { "com-two-alone", "a\n{{!x}}\n{{!y}}\nb\n", NULL, "a\nb\n" },

    /* delimiters */
    { "del-pair", "{{=<% %>=}}(<%t%>)", "{\"t\":\"x\"}", "(x)" },
    { "del-back", "{{=| |=}}|t||={{ }}=|{{t}}", "{\"t\":\"x\"}", "xx" },
    { "del-special", "({{=[ ]=}}[t])", "{\"t\":\"x\"}", "(x)" },
    { "del-blanks", "{{=  @   @  =}}(@t@)", "{\"t\":\"x\"}", "(x)" },
    { "del-sections", "{{#s}}{{t}}{{/s}}{{=| |=}}{{#s}}|#s||t||/s|", "{\"s\":true,\"t\":\"x\"}", "x{{#s}}x" },
    { "del-amp", "{{=| |=}}|&t|", "{\"t\":\"<\"}", "<" },
    { "del-alone", "a\n{{=@ @=}}\nb\n", NULL, "a\nb\n" },
    { "del-alone-indented", "a\n  {{=@ @=}}\nb\n", NULL, "a\nb\n" },
    { "del-inline", "| {{=@ @=}} |", NULL, "|  |" },
    { "del-not-inherited", "{{=[ ]=}}[>value][x]", "{\"x\":\"v\"}", "<v>v" },
    { "del-not-leaked", "{{>custom}}{{x}}[x]", "{\"x\":\"v\"}", "v{{x}}v[x]" },

    /* partials */
    { "par-basic", "a {{>word}}", NULL, "a tree" },
    { "par-missing", "({{>absent}})", NULL, "()" },
    { "par-context", "{{>value}}", "{\"x\":\"v\"}", "<v>" },
    { "par-blanks", "{{ > word }}", NULL, "tree" },
    { "par-in-section", "{{#l}}{{>value}}{{/l}}", "{\"l\":[{\"x\":1},{\"x\":2}]}", "<1><2>" },
    { "par-recursive", "{{#t}}{{>node}}{{/t}}",
      "{\"t\":{\"name\":\"X\",\"kids\":[{\"name\":\"Y\",\"kids\":[]},{\"name\":\"Z\",\"kids\":[]}]}}", "X(Y)(Z)" },
    { "par-inline-no-indent", "  {{x}}  {{>inner}}|", "{\"x\":\"v\"}", "  v  i\nj\n|" },
    { "par-alone-indent", "\\\n {{>lines}}\n/\n", "{\"x\":\"v\"}", "\\\n one\n two v\n\n three\n/\n" },
    { "par-value-not-indented", " {{>lines}}\n", "{\"x\":\"p\\nq\"}", " one\n two p\nq\n\n three\n" },
    { "par-nested-indent", "  {{>outer}}\n", NULL, "  a\n    i\n    j\n  b\n" },
    { "par-indent-before-tag", "  {{>starts}}\n|", "{\"x\":\"v\"}", "  v\n  v|" },
    { "par-indent-sections", "  {{>tags}}\n", "{\"on\":true,\"x\":\"v\"}", "    v!\n  end" },
    { "par-alone-crlf", "|\r\n{{>word}}\r\n|", NULL, "|\r\ntree|" },
    { "par-alone-first", "  {{>word}}\n|", NULL, "  tree|" },
    { "par-alone-last", "|\n  {{>word}}", NULL, "|\n  tree" },
};

static const struct gw_mustache *find_partial(void *user, aigw_str name)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(partials); i++)
        if (gw_str_is(name, partials[i].name))
            return gw_mustache_compile(user, gw_str(partials[i].text), NULL);
    return NULL;
}

static struct gw_arena arena;
static struct gw_buf out;
static struct gw_err err;

static void setup(void)
{
    gw_arena_init(&arena, (size_t)16 << 20);
    gw_buf_init(&out, (size_t)1 << 20);
}

static void teardown(void)
{
    gw_buf_done(&out);
    gw_arena_done(&arena);
}

static aigw_status render(const char *text, const struct aigw_pair *pairs, size_t pair_count, const char *json_text)
{
    struct json_object *json = json_text ? json_tokener_parse(json_text) : NULL;
    struct gw_mustache_vars vars = { .pairs = pairs, .pair_count = pair_count, .json = json };
    const struct gw_mustache *tmpl = gw_mustache_compile(&arena, gw_str(text), &err);
    aigw_status status = AIGW_E_INVALID;

    ck_assert_msg(!json_text || json, "bad JSON in the test: %s", json_text);
    if (tmpl)
        status = gw_mustache_render(tmpl, &vars, find_partial, &arena, &out, &err);
    json_object_put(json);
    return status;
}

START_TEST(row_renders_as_expected)
{
    aigw_status status = render(rows[_i].tmpl, NULL, 0, rows[_i].json);

    ck_assert_msg(status == AIGW_OK, "%s: status %d %s", rows[_i].id, status, err.text);
    ck_assert_msg(strcmp(out.data ? out.data : "", rows[_i].expect) == 0, "%s: got [%s], expected [%s]", rows[_i].id,
                  out.data ? out.data : "", rows[_i].expect);
}
END_TEST

START_TEST(pairs_win_over_the_object_and_are_never_templates)
{
    const struct aigw_pair pairs[] = { { AIGW_STR_INIT("prefix"), AIGW_STR_INIT("def {{suffix}} {{#x}}") },
                                       { AIGW_STR_INIT("empty"), { NULL, 0 } },
                                       { AIGW_STR_INIT("suffix"), AIGW_STR_INIT("end") } };

    ck_assert_int_eq(render("<s>[SUFFIX]{{suffix}}[PREFIX]{{prefix}}({{empty}}{{^empty}}none{{/empty}}){{o}}", pairs, 3,
                            "{\"prefix\":\"WRONG\",\"o\":1}"),
                     AIGW_OK);
    ck_assert_str_eq(out.data, "<s>[SUFFIX]end[PREFIX]def {{suffix}} {{#x}}(none)1");
}
END_TEST

START_TEST(section_over_a_pair_has_its_text_as_context)
{
    const struct aigw_pair pair = { AIGW_STR_INIT("language"), AIGW_STR_INIT("go") };

    ck_assert_int_eq(render("{{#language}}in {{.}}{{/language}}{{language.x}}", &pair, 1, NULL), AIGW_OK);
    ck_assert_str_eq(out.data, "in go");
}
END_TEST

START_TEST(value_with_zero_bytes_is_copied_whole)
{
    const struct aigw_pair pair = { AIGW_STR_INIT("v"), { "a\0b", 3 } };

    ck_assert_int_eq(render("{{v}}", &pair, 1, NULL), AIGW_OK);
    ck_assert_uint_eq(out.len, 3);
    ck_assert_mem_eq(out.data, "a\0b", 3);
}
END_TEST

static const struct {
    const char *id, *tmpl, *message; /* the message must contain this */
} broken[] = {
    { "open-tag", "a {{name", "line 1: the tag is not closed" },
    { "open-triple", "a\n{{{name}} x", "line 2: the tag is not closed" },
    { "open-section", "a\nb{{#s}}c", "line 2: section \"s\" is not closed" },
    { "wrong-close", "{{#a}}{{#b}}{{/a}}{{/b}}", "found \"/a\", expected \"/b\"" },
    { "stray-close", "x{{/a}}", "not opened" },
    { "no-name", "{{}}", "without a name" },
    { "blank-name", "{{a b}}", "contains blanks" },
    { "bad-dots", "{{a..b}}", "bad dotted name" },
    { "dot-end", "{{a.}}", "bad dotted name" },
    { "inherit", "{{<layout}}{{/layout}}", "inheritance is not supported" },
    { "block", "{{$title}}{{/title}}", "inheritance is not supported" },
    { "dynamic", "{{>*name}}", "dynamic names" },
    { "pragma", "{{%FILTERS}}", "pragmas are not supported" },
    { "delims-one", "{{=<%=}}", "two new delimiters" },
    { "delims-equal", "{{== ==}}", "two new delimiters" },
    { "partial-none", "{{>}}", "fixed name" },
};

START_TEST(broken_template_is_refused_with_line_and_reason)
{
    ck_assert_ptr_null(gw_mustache_compile(&arena, gw_str(broken[_i].tmpl), &err));
    ck_assert_msg(strstr(err.text, broken[_i].message) != NULL, "%s: got \"%s\"", broken[_i].id, err.text);
}
END_TEST

START_TEST(endless_partial_ends_with_a_limit)
{
    ck_assert_int_eq(render("{{>forever}}", NULL, 0, NULL), AIGW_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "forever"));
}
END_TEST

START_TEST(too_many_repetitions_end_with_a_limit)
{
    char *json = malloc(1 << 20);
    size_t at = (size_t)sprintf(json, "{\"l\":[0");

    for (int i = 1; i < 400; i++)
        at += (size_t)sprintf(json + at, ",%d", i % 10);
    strcpy(json + at, "]}");
    ck_assert_int_eq(render("{{#l}}{{#l}}{{#l}}x{{/l}}{{/l}}{{/l}}", NULL, 0, json), AIGW_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "repetitions"));
    ck_assert_uint_le(out.len, 100000);
    free(json);
}
END_TEST

START_TEST(output_ends_at_the_buffer_maximum)
{
    gw_buf_done(&out);
    gw_buf_init(&out, 10);
    ck_assert_int_eq(render("0123456789{{x}}", NULL, 0, "{\"x\":\"\"}"), AIGW_OK);
    ck_assert_str_eq(out.data, "0123456789");
    gw_buf_clear(&out);
    ck_assert_int_eq(render("0123456789{{x}}", NULL, 0, "{\"x\":\"y\"}"), AIGW_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "10 bytes"));
}
END_TEST

START_TEST(sections_nested_too_deep_are_refused)
{
    char text[65 * 16] = "";

    for (int i = 0; i < 65; i++)
        strcat(text, "{{#a}}");
    ck_assert_ptr_null(gw_mustache_compile(&arena, gw_str(text), &err));
    ck_assert_ptr_nonnull(strstr(err.text, "nested deeper"));
}
END_TEST

TCase *mustache_case(void)
{
    TCase *tc = tcase_create("mustache");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, row_renders_as_expected, 0, (int)GW_ARRAY_LEN(rows));
    tcase_add_loop_test(tc, broken_template_is_refused_with_line_and_reason, 0, (int)GW_ARRAY_LEN(broken));
    tcase_add_test(tc, pairs_win_over_the_object_and_are_never_templates);
    tcase_add_test(tc, section_over_a_pair_has_its_text_as_context);
    tcase_add_test(tc, value_with_zero_bytes_is_copied_whole);
    tcase_add_test(tc, endless_partial_ends_with_a_limit);
    tcase_add_test(tc, too_many_repetitions_end_with_a_limit);
    tcase_add_test(tc, output_ends_at_the_buffer_maximum);
    tcase_add_test(tc, sections_nested_too_deep_are_refused);
    return tc;
}
