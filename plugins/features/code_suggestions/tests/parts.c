/* Language table, truncation, body reading: everything of the plugin that needs no core. */
#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "../code_suggestions.h"
#include "../language.h"
#include "../language_table.h"
#include "../truncate.h"
#include "fake_host.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static aigw_str str(const char *text)
{
    return (aigw_str){ text, text ? strlen(text) : 0 };
}

/* ---- language ---- */

static const struct {
    const char *file, *extension, *name, *grammar; /* name NULL: unknown */
} files[] = {
    { "main.py", "py", "python", "python" },
    { "app/models/car.rb", "rb", "ruby", "ruby" },
    { "a.c", "c", "c", "c" },
    { "a.C", "C", "cpp", "cpp" },
    { "a.h", "h", "c", "c" },
    { "a.H", "H", "cpp", "cpp" },
    { "a.h++", "h++", "cpp", "cpp" },
    { "x.cs", "cs", "csharp", "c_sharp" },
    { "x.tsx", "tsx", "ts", "typescript" },
    { "x.jsx", "jsx", "js", "javascript" },
    { "x.S", "S", "asm", "asm" },
    { "x.R", "R", "r", "r" },
    { "x.v", "v", "verilog", "verilog" },
    { "x.vv", "vv", "v", "v" },
    { "x.zsh", "zsh", "zsh", "zsh" },
    { "x.ada", "ada", "ada", "ada" },
    { "x.PY", "PY", NULL, NULL },
    { "x.tar.gz", "gz", NULL, NULL },
    { "README", "", NULL, NULL },
    { "dir.d/README", "", NULL, NULL },
    { "Makefile", "", NULL, NULL },
    { ".bashrc", "", NULL, NULL },
    { "..py", "", NULL, NULL },
    { ".eslintrc.js", "js", "js", "javascript" },
    { "name.", "", NULL, NULL },
    { "", "", NULL, NULL },
    { "/", "", NULL, NULL },
    { "a.\xE2\x98\x83", "\xE2\x98\x83", NULL, NULL },
};

START_TEST(file_name_tells_extension_and_language)
{
    aigw_str extension = cs_extension(str(files[_i].file));
    const struct cs_language *language = cs_language_of_extension(extension);

    ck_assert_msg(cs_str_is(extension, files[_i].extension), "%s: extension %.*s", files[_i].file,
                  AIGW_STR_ARG(extension));
    if (!files[_i].name) {
        ck_assert_ptr_null(language);
    } else {
        ck_assert_ptr_nonnull(language);
        ck_assert_str_eq(language->name, files[_i].name);
        ck_assert_str_eq(language->grammar, files[_i].grammar);
    }
}
END_TEST

START_TEST(tables_are_sorted_and_every_row_is_found)
{
    ck_assert_uint_eq(COUNT(extensions), 167);
    ck_assert_uint_eq(COUNT(editor_ids), 113);
    for (size_t i = 0; i < COUNT(extensions); i++) {
        ck_assert_ptr_eq(strchr(extensions[i].key, '.'), NULL);
        ck_assert_msg(i == 0 || strcmp(extensions[i - 1].key, extensions[i].key) < 0, "%s", extensions[i].key);
        ck_assert_str_eq(cs_language_of_extension(str(extensions[i].key))->name, extensions[i].language.name);
    }
    for (size_t i = 0; i < COUNT(editor_ids); i++) {
        ck_assert_msg(i == 0 || strcmp(editor_ids[i - 1].key, editor_ids[i].key) < 0, "%s", editor_ids[i].key);
        ck_assert_str_eq(cs_language_of_editor(str(editor_ids[i].key))->name, editor_ids[i].language.name);
    }
    ck_assert_str_eq(cs_language_of_editor(AIGW_STR("javascriptreact"))->name, "js");
    ck_assert_str_eq(cs_language_of_editor(AIGW_STR("FortranFreeForm"))->name, "fortran");
    ck_assert_str_eq(cs_language_of_editor(AIGW_STR("matlab"))->name, "matlab");
    ck_assert_ptr_null(cs_language_of_editor(AIGW_STR("plaintext")));
    ck_assert_ptr_null(cs_language_of_editor(AIGW_STR_NONE));
}
END_TEST

/* ---- truncation ---- */

START_TEST(cuts_fall_between_characters)
{
    aigw_str text = AIGW_STR("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"); /* a é € 😀 z */

    for (size_t max = 0; max <= text.len + 1; max++) {
        aigw_str start = cs_keep_start(text, max), end = cs_keep_end(text, max);

        ck_assert_uint_le(start.len, max < text.len ? max : text.len);
        ck_assert_uint_le(end.len, max < text.len ? max : text.len);
        ck_assert(cs_utf8_is_valid(start) && cs_utf8_is_valid(end));
        ck_assert_ptr_eq(start.ptr, text.ptr);
        ck_assert_ptr_eq(end.ptr + end.len, text.ptr + text.len);
        if (max + 4 <= text.len) { /* no more is lost than one character */
            ck_assert_uint_gt(start.len + 4, max);
            ck_assert_uint_gt(end.len + 4, max);
        }
    }
    ck_assert_uint_eq(cs_keep_end(AIGW_STR_NONE, 5).len, 0);
}
END_TEST

START_TEST(tokens_and_bytes_agree)
{
    ck_assert_int_eq(cs_tokens_of(0), 0);
    ck_assert_int_eq(cs_tokens_of(1), 1);
    ck_assert_int_eq(cs_tokens_of(16), 5);
    ck_assert_int_eq(cs_tokens_of(17), 6);
    ck_assert_uint_eq(cs_bytes_of(5), 16);
    ck_assert_uint_eq(cs_bytes_of(-3), 0);
    for (int64_t tokens = 0; tokens < 1000; tokens++)
        ck_assert_int_le(cs_tokens_of(cs_bytes_of(tokens)), tokens);
}
END_TEST

START_TEST(budget_is_shared_93_to_7)
{
    char *code = malloc(200000);
    struct cs_window window;

    memset(code, 'x', 200000);
    memcpy(code + 100000 - 3, "END", 3);
    memcpy(code + 100000, "TOP", 3);
    window = cs_fit_completion(1000, (aigw_str){ code, 100000 }, (aigw_str){ code + 100000, 100000 });
    ck_assert_uint_eq(window.prefix.len, cs_bytes_of(930));
    ck_assert_uint_eq(window.suffix.len, cs_bytes_of(70));
    ck_assert_mem_eq(window.prefix.ptr + window.prefix.len - 3, "END", 3);
    ck_assert_mem_eq(window.suffix.ptr, "TOP", 3);
    ck_assert_int_eq(window.context_tokens, 0);

    window = cs_fit_completion(1000, (aigw_str){ code, 100000 }, AIGW_STR("x"));
    ck_assert_uint_eq(window.prefix.len, cs_bytes_of(930)); /* what the suffix leaves is not the prefix's */
    ck_assert_int_eq(window.context_tokens, 69);

    window = cs_fit_completion(32768, AIGW_STR("abc"), AIGW_STR_NONE);
    ck_assert_uint_eq(window.prefix.len, 3);
    ck_assert_int_eq(window.context_tokens, 32767);
    free(code);
}
END_TEST

/* ---- text ---- */

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
    ck_assert_int_eq(cs_utf8_is_valid((aigw_str){ copy, utf8[_i].len }), utf8[_i].is_valid);
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
    ck_assert(cs_str_is(cs_strip(str(strips[_i].text)), strips[_i].expect));
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
    ck_assert_msg(cs_is_json_type(str(types[_i].type)) == types[_i].is_json, "%s", types[_i].type);
}
END_TEST

/* ---- bodies ---- */

#define CF  "\"current_file\":{\"file_name\":\"main.py\",\"content_above_cursor\":\"a\",\"content_below_cursor\":\"b\"}"
#define CF2 "\"prompt_version\":2," CF

static struct cs_check check_state;
static struct cs_request request;
static struct json_object *document;

static void setup(void)
{
    check_state = (struct cs_check){ .host = &fake_host };
    memset(&request, 0, sizeof request);
    document = NULL;
}

static void teardown(void)
{
    json_object_put(document);
    fake_host_done();
}

static bool read_body(aigw_str body)
{
    document = cs_parse(&check_state, body);
    return document && cs_read_completion(&check_state, document, &request);
}

static const struct {
    const char *id, *body;
    const char *errors; /* the whole list; NULL when the body is good */
} bodies[] = {
    /* the discriminator */
    { "C-VAL-001", "{}",
      "[{\"type\":\"union_tag_not_found\",\"loc\":[\"body\"],\"msg\":\"Unable to extract tag using discriminator "
      "'prompt_version'\"}]" },
    { "C-VAL-002", "{" CF "}",
      "[{\"type\":\"union_tag_not_found\",\"loc\":[\"body\"],\"msg\":\"Unable to extract tag using discriminator "
      "'prompt_version'\"}]" },
    { "C-VAL-003", "{\"prompt_version\":4," CF "}",
      "[{\"type\":\"union_tag_invalid\",\"loc\":[\"body\"],\"msg\":\"Input tag '4' found using 'prompt_version' does "
      "not "
      "match any of the expected tags: 1, 2, 3\"}]" },
    { "version-text", "{\"prompt_version\":\"2\"," CF "}",
      "[{\"type\":\"union_tag_invalid\",\"loc\":[\"body\"],\"msg\":\"Input tag '2' found using 'prompt_version' does "
      "not "
      "match any of the expected tags: 1, 2, 3\"}]" },
    { "version-null", "{\"prompt_version\":null," CF "}",
      "[{\"type\":\"union_tag_invalid\",\"loc\":[\"body\"],\"msg\":\"Input tag 'None' found using 'prompt_version' "
      "does "
      "not match any of the expected tags: 1, 2, 3\"}]" },
    { "version-float", "{\"prompt_version\":1.0," CF "}", NULL },
    { "version-float-3", "{\"prompt_version\":3.0," CF "}", NULL },
    { "version-true", "{\"prompt_version\":true," CF "}", NULL },
    { "version-half", "{\"prompt_version\":1.5," CF "}",
      "[{\"type\":\"union_tag_invalid\",\"loc\":[\"body\"],\"msg\":\"Input tag '1.5' found using 'prompt_version' does "
      "not match any of the expected tags: 1, 2, 3\"}]" },

    /* texts of JSON */
    { "C-VAL-005", "{bad", "[{\"type\":\"json_invalid\",\"loc\":[\"body\",1],\"msg\":\"JSON decode error\"}]" },
    { "C-VAL-006", "", "[{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\"}]" },
    { "blank", " \r\n\t", "[{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\"}]" },
    { "null", "null", "[{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\"}]" },
    { "list", "[1]",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\"],\"msg\":\"Input should be a valid dictionary or object "
      "to "
      "extract fields from\"}]" },
    { "text", "\"x\"",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\"],\"msg\":\"Input should be a valid dictionary or object "
      "to "
      "extract fields from\"}]" },
    { "trailing", "{" CF2 "} x", "[{\"type\":\"json_invalid\",\"loc\":[\"body\",114],\"msg\":\"JSON decode error\"}]" },
    { "trailing-blank", "{" CF2 "} \n", NULL },
    { "C-VAL-012", "{" CF2 ",\"x\":\"\xFF\"}",
      "[{\"type\":\"json_invalid\",\"loc\":[\"body\"],\"msg\":\"JSON decode error: the body is not valid UTF-8 "
      "text\"}]" },
    { "bom", "\xEF\xBB\xBF{" CF2 "}", NULL },
    { "nan", "{" CF2 ",\"unknown\":NaN,\"more\":[Infinity,-Infinity]}", NULL },
    { "nan-int", "{" CF2 ",\"project_id\":NaN}",
      "[{\"type\":\"finite_number\",\"loc\":[\"body\",2,\"project_id\"],\"msg\":\"Input should be a finite "
      "number\"}]" },
    { "duplicate-last-wins", "{\"prompt_version\":9," CF2 "}", NULL },
    { "C-VAL-008", "{" CF2 ",\"zzz\":{\"a\":[{}]},\"telemetry\":[{\"requests\":1,\"accepts\":2,\"errors\":3,\"q\":1}]}",
      NULL },
    { "broken-escape", "{" CF2 ",\"prompt\":\"\\x \\u12 \\ud83d\"}", NULL },
    { "lone-surrogate", "{" CF2 ",\"prompt\":\"\\ud83d\"}", NULL },

    /* fields */
    { "no-file", "{\"prompt_version\":1}",
      "[{\"type\":\"missing\",\"loc\":[\"body\",1,\"current_file\"],\"msg\":\"Field required\"}]" },
    { "file-type", "{\"prompt_version\":1,\"current_file\":[]}",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\",1,\"current_file\"],\"msg\":\"Input should be a valid "
      "dictionary or object to extract fields from\"}]" },
    { "file-empty", "{\"prompt_version\":1,\"current_file\":{}}",
      "[{\"type\":\"missing\",\"loc\":[\"body\",1,\"current_file\",\"file_name\"],\"msg\":\"Field required\"},"
      "{\"type\":\"missing\",\"loc\":[\"body\",1,\"current_file\",\"content_above_cursor\"],\"msg\":\"Field "
      "required\"},"
      "{\"type\":\"missing\",\"loc\":[\"body\",1,\"current_file\",\"content_below_cursor\"],\"msg\":\"Field "
      "required\"}]" },
    { "file-null-content",
      "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a\",\"content_above_cursor\":null,"
      "\"content_below_cursor\":7}}",
      "[{\"type\":\"string_type\",\"loc\":[\"body\",1,\"current_file\",\"content_above_cursor\"],\"msg\":\"Input "
      "should be "
      "a valid "
      "string\"},{\"type\":\"string_type\",\"loc\":[\"body\",1,\"current_file\",\"content_below_cursor\"],\"msg\":"
      "\"Input should be a valid string\"}]" },
    { "C-VAL-011", "{" CF2 ",\"stream\":\"maybe\"}",
      "[{\"type\":\"bool_parsing\",\"loc\":[\"body\",2,\"stream\"],\"msg\":\"Input should be a valid boolean, unable "
      "to "
      "interpret input\"}]" },
    { "C-VAL-011b", "{" CF2 ",\"stream\":\"true\"}", NULL },
    { "stream-list", "{" CF2 ",\"stream\":[]}",
      "[{\"type\":\"bool_type\",\"loc\":[\"body\",2,\"stream\"],\"msg\":\"Input should be a valid boolean\"}]" },
    { "stream-2", "{" CF2 ",\"stream\":2}",
      "[{\"type\":\"bool_parsing\",\"loc\":[\"body\",2,\"stream\"],\"msg\":\"Input should be a valid boolean, unable "
      "to "
      "interpret input\"}]" },
    { "stream-null", "{" CF2 ",\"stream\":null}", NULL },
    { "C-COMP-017", "{" CF2 ",\"project_id\":\"12\"}", NULL },
    { "id-float", "{" CF2 ",\"project_id\":4.0}", NULL },
    { "id-bool", "{" CF2 ",\"project_id\":true}", NULL },
    { "id-half", "{" CF2 ",\"project_id\":3.5}",
      "[{\"type\":\"int_from_float\",\"loc\":[\"body\",2,\"project_id\"],\"msg\":\"Input should be a valid integer, "
      "got a "
      "number with a fractional part\"}]" },
    { "id-word", "{" CF2 ",\"project_id\":\"1x\"}",
      "[{\"type\":\"int_parsing\",\"loc\":[\"body\",2,\"project_id\"],\"msg\":\"Input should be a valid integer, "
      "unable "
      "to parse string as an integer\"}]" },
    { "id-object", "{" CF2 ",\"project_id\":{}}",
      "[{\"type\":\"int_type\",\"loc\":[\"body\",2,\"project_id\"],\"msg\":\"Input should be a valid integer\"}]" },
    { "choices-count", "{" CF2 ",\"choices_count\":null}", NULL },

    /* prompts */
    { "C-COMP-005a", "{" CF2 ",\"prompt\":null}", NULL },
    { "C-COMP-005b", "{" CF2 ",\"prompt\":\"\"}", NULL },
    { "C-COMP-005c", "{" CF2 ",\"prompt\":\"foo\"}", NULL },
    { "v1-prompt-ignored", "{\"prompt_version\":1," CF ",\"prompt\":[7]}", NULL },
    { "v2-prompt-list", "{" CF2 ",\"prompt\":[]}",
      "[{\"type\":\"string_type\",\"loc\":[\"body\",2,\"prompt\"],\"msg\":\"Input should be a valid string\"}]" },
    { "C-COMP-006", "{\"prompt_version\":3," CF ",\"prompt\":\"x\"}",
      "[{\"type\":\"list_type\",\"loc\":[\"body\",3,\"prompt\"],\"msg\":\"Input should be a valid list\"}]" },
    { "v3-prompt", "{\"prompt_version\":3," CF ",\"prompt\":[{\"role\":\"user\",\"content\":\"x\"}]}", NULL },
    { "v3-role", "{\"prompt_version\":3," CF ",\"prompt\":[{\"role\":\"robot\"}]}",
      "[{\"type\":\"literal_error\",\"loc\":[\"body\",3,\"prompt\",0,\"role\"],\"msg\":\"Input should be 'system', "
      "'user' "
      "or 'assistant'\"},{\"type\":\"missing\",\"loc\":[\"body\",3,\"prompt\",0,\"content\"],\"msg\":\"Field "
      "required\"}]" },

    /* models */
    { "C-COMP-004", "{" CF2 ",\"model_provider\":\"codestral\",\"model_name\":\"dummy_model\"}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"Value error, model dummy_model is not "
      "supported by use case code completions and provider codestral\"}]" },
    { "C-COMP-015", "{" CF2 ",\"model_provider\":\"anthropic\",\"model_name\":\"claude-2.1\"}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"Value error, model claude-2.1 is not "
      "supported by use case code completions and provider anthropic\"}]" },
    { "name-null", "{" CF2 ",\"model_provider\":\"vertex-ai\",\"model_name\":null}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"Value error, model None is not "
      "supported "
      "by use case code completions and provider vertex-ai\"}]" },
    { "name-absent", "{" CF2 ",\"model_provider\":\"vertex-ai\"}", NULL },
    { "name-no-provider", "{" CF2 ",\"model_name\":\"anything\"}", NULL },
    { "name-stripped", "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"  mistral \"}", NULL },
    { "name-general", "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"general\"}", NULL },
    { "name-new-family",
      "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"brand_new\",\"model_endpoint\":\"http://h/v1\"}",
      NULL },
    { "name-new-family-identifier",
      "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"brand_new\",\"model_identifier\":\"bedrock/x\"}",
      NULL },
    { "name-unknown-no-endpoint", "{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"brand_new\"}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"Value error, model brand_new is not "
      "supported by use case code completions and provider litellm\"}]" },
    { "gitlab-empty", "{" CF2 ",\"model_provider\":\"gitlab\",\"model_name\":\"\"}", NULL },
    { "gitlab-vertex", "{" CF2 ",\"model_provider\":\"gitlab\",\"model_name\":\"codestral_2508_vertex\"}", NULL },
    { "fireworks", "{" CF2 ",\"model_provider\":\"fireworks_ai\",\"model_name\":\"codestral-2501\"}", NULL },
    { "provider", "{" CF2 ",\"model_provider\":\"acme\",\"model_name\":\"x\"}",
      "[{\"type\":\"enum\",\"loc\":[\"body\",2,\"model_provider\"],\"msg\":\"Input should be 'anthropic', 'vertex-ai', "
      "'litellm', 'codestral', 'fireworks_ai', 'amazon_q' or 'gitlab'\"}]" },
    { "C-COMP-016",
      "{" CF2 ",\"model_provider\":null,\"model_name\":\"123456789012345678901234567890123456789012345678901\"}",
      "[{\"type\":\"string_too_long\",\"loc\":[\"body\",2,\"model_name\"],\"msg\":\"String should have at most 50 "
      "characters\"}]" },
    { "endpoint-no-url", "{" CF2 ",\"model_provider\":\"litellm\",\"model_endpoint\":\"vllm:8000\"}",
      "[{\"type\":\"url_parsing\",\"loc\":[\"body\",2,\"model_endpoint\"],\"msg\":\"Input should be a valid URL that "
      "begins with http:// or https://\"}]" },

    /* model_metadata */
    { "meta-null", "{" CF2 ",\"model_metadata\":null}", NULL },
    { "meta-good",
      "{" CF2 ",\"model_metadata\":{\"provider\":\"openai\",\"name\":\"mistral\",\"endpoint\":\"http://h:8000/v1\","
      "\"api_key\":null,\"identifier\":\"\"}}",
      NULL },
    { "meta-type", "{" CF2 ",\"model_metadata\":\"x\"}",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\",\"model_metadata\"],\"msg\":\"Input should be a valid "
      "dictionary or object to extract fields from\"}]" },
    { "meta-provider", "{" CF2 ",\"model_metadata\":{\"endpoint\":\"http://h\"}}",
      "[{\"type\":\"missing\",\"loc\":[\"body\",\"model_metadata\",\"provider\"],\"msg\":\"Field required\"}]" },
    { "meta-neither", "{" CF2 ",\"model_metadata\":{\"provider\":\"openai\",\"name\":\"gpt\"}}",
      "[{\"type\":\"value_error\",\"loc\":[\"body\",\"model_metadata\",\"endpoint\"],\"msg\":\"Value error, neither "
      "endpoint nor identifier is given\"}]" },
    { "meta-gitlab", "{" CF2 ",\"model_metadata\":{\"provider\":\"gitlab\",\"identifier\":\"\"}}", NULL },
    { "meta-secret-not-told",
      "{" CF2 ",\"model_metadata\":{\"provider\":\"openai\",\"endpoint\":\"http://h\",\"api_key\":7}}",
      "[{\"type\":\"string_type\",\"loc\":[\"body\",\"model_metadata\",\"api_key\"],\"msg\":\"Input should be a valid "
      "string\"}]" },

    /* lists */
    { "context", "{" CF2 ",\"context\":[{\"type\":\"file\",\"name\":\"a\",\"content\":\"\"}]}", NULL },
    { "context-null", "{" CF2 ",\"context\":null}", NULL },
    { "context-item", "{" CF2 ",\"context\":[7,{\"type\":\"file\",\"name\":\"a\"}]}",
      "[{\"type\":\"model_attributes_type\",\"loc\":[\"body\",2,\"context\",0],\"msg\":\"Input should be a valid "
      "dictionary or object to extract fields "
      "from\"},{\"type\":\"missing\",\"loc\":[\"body\",2,\"context\",1,\"content\"]"
      ",\"msg\":\"Field required\"}]" },
    { "C-COMP-010", "{" CF2 ",\"telemetry\":[{\"requests\":1,\"accepts\":\"2\"}]}",
      "[{\"type\":\"missing\",\"loc\":[\"body\",2,\"telemetry\",0,\"errors\"],\"msg\":\"Field required\"}]" },
    { "C-COMP-010b", "{" CF2 ",\"telemetry\":[1,2,3,4,5,6,7,8,9,10,11]}",
      "[{\"type\":\"too_long\",\"loc\":[\"body\",2,\"telemetry\"],\"msg\":\"List should have at most 10 items after "
      "validation, not 11\"}]" },
};

START_TEST(body_is_judged)
{
    bool is_good = read_body(str(bodies[_i].body));
    aigw_str errors = cs_errors(&check_state);

    if (!bodies[_i].errors) {
        ck_assert_msg(is_good, "%s: refused: %.*s", bodies[_i].id, AIGW_STR_ARG(errors));
    } else {
        ck_assert_msg(!is_good, "%s: accepted", bodies[_i].id);
        ck_assert_msg(cs_str_is(errors, bodies[_i].errors), "%s: errors are %.*s", bodies[_i].id, AIGW_STR_ARG(errors));
    }
}
END_TEST

/** Limits count characters: rows of field, limit, and how a body looks around the text. */
static const struct {
    const char *id, *before, *after;
    size_t max;
} limits[] = {
    { "C-VAL-004",
      "{\"prompt_version\":1,\"current_file\":{\"content_above_cursor\":\"\",\"content_below_cursor\":\"\",\"file_"
      "name\":\"",
      "\"}}", 255 },
    { "above",
      "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a\",\"content_below_cursor\":\"\",\"content_above_"
      "cursor\":\"",
      "\"}}", 100000 },
    { "below",
      "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a\",\"content_above_cursor\":\"\",\"content_below_"
      "cursor\":\"",
      "\"}}", 100000 },
    { "language",
      "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a\",\"content_above_cursor\":\"\",\"content_below_"
      "cursor\":\"\",\"language_identifier\":\"",
      "\"}}", 255 },
    { "project", "{" CF2 ",\"project_path\":\"", "\"}", 255 },
    { "context-name", "{" CF2 ",\"context\":[{\"type\":\"t\",\"content\":\"\",\"name\":\"", "\"}]}", 1024 },
    { "context-type", "{" CF2 ",\"context\":[{\"name\":\"t\",\"content\":\"\",\"type\":\"", "\"}]}", 1024 },
    { "context-content", "{" CF2 ",\"context\":[{\"name\":\"t\",\"type\":\"\",\"content\":\"", "\"}]}", 500000 },
    { "meta-endpoint", "{" CF2 ",\"model_metadata\":{\"provider\":\"p\",\"endpoint\":\"http://h/", "\"}}", 246 },
    { "meta-key", "{" CF2 ",\"model_metadata\":{\"provider\":\"p\",\"identifier\":\"i\",\"api_key\":\"", "\"}}", 2000 },
    { "meta-identifier", "{" CF2 ",\"model_metadata\":{\"provider\":\"p\",\"identifier\":\"", "\"}}", 1000 },
};

static void at_limit(size_t row, size_t characters, bool is_good)
{
    size_t before = strlen(limits[row].before), after = strlen(limits[row].after),
           len = before + 2 * characters + after;
    char *body = malloc(len + 1);

    memcpy(body, limits[row].before, before);
    for (size_t i = 0; i < characters; i++)
        memcpy(body + before + 2 * i, "\xC3\xA9", 2);
    memcpy(body + before + 2 * characters, limits[row].after, after + 1);
    ck_assert_msg(read_body((aigw_str){ body, len }) == is_good, "%s: %zu characters", limits[row].id, characters);
    free(body);
}

START_TEST(longest_text_is_accepted)
{
    at_limit((size_t)_i, limits[_i].max, true);
}
END_TEST

START_TEST(one_character_more_is_refused)
{
    at_limit((size_t)_i, limits[_i].max + 1, false);
}
END_TEST

START_TEST(hundred_and_one_context_items_are_refused) /* C-COMP-009 */
{
    char body[8192] = "{" CF2 ",\"context\":[0";

    for (int i = 0; i < 100; i++)
        strcat(body, ",0");
    strcat(body, "]}");
    ck_assert(!read_body(str(body)));
    ck_assert(
        cs_str_is(cs_errors(&check_state),
                  "[{\"type\":\"too_long\",\"loc\":[\"body\",2,\"context\"],\"msg\":\"List should have at most 100 "
                  "items after validation, not 101\"}]"));
}
END_TEST

START_TEST(deep_nesting_is_refused_not_followed)
{
    char body[20000];

    memset(body, '[', sizeof body);
    memcpy(body, "{\"a\":", 5);
    body[sizeof body - 1] = '\0';
    ck_assert(!read_body(str(body)));
}
END_TEST

START_TEST(errors_are_capped)
{
    char body[16384] = "{" CF2 ",\"context\":[0";
    struct json_object *list;

    for (int i = 0; i < 99; i++)
        strcat(body, ",0");
    strcat(body, "]}");
    ck_assert(!read_body(str(body)));
    ck_assert_uint_eq(check_state.error_count, 100);
    list = json_tokener_parse(cs_errors(&check_state).ptr);
    ck_assert_uint_eq(json_object_array_length(list), 50);
    json_object_put(list);
}
END_TEST

START_TEST(values_arrive)
{
    ck_assert(read_body(AIGW_STR(
        "{\"prompt_version\":2,\"current_file\":{\"file_name\":\" dir/x.rb \",\"language_identifier\":\"ruby\","
        "\"content_above_cursor\":\"A\\u0000\\ud83d\",\"content_below_cursor\":\" B \"},\"stream\":\"ON\","
        "\"model_provider\":\"litellm\",\"model_name\":\" codestral \",\"model_endpoint\":\"http://h/v1\","
        "\"model_api_key\":\"sk\",\"model_identifier\":\"custom_openai/x\",\"context\":[]}")));
    ck_assert_int_eq(request.version, 2);
    ck_assert(request.stream);
    ck_assert(cs_str_is(request.file_name, "dir/x.rb"));
    ck_assert(cs_str_is(request.language_identifier, "ruby"));
    ck_assert_uint_eq(request.above.len, 5);
    ck_assert_mem_eq(request.above.ptr, "A\0\xEF\xBF\xBD", 5);
    ck_assert(cs_str_is(request.below, " B "));
    ck_assert(cs_str_is(request.model.provider, "litellm"));
    ck_assert(cs_str_is(request.model.name, "codestral"));
    ck_assert(cs_str_is(request.model.endpoint, "http://h/v1"));
    ck_assert(cs_str_is(request.model.api_key, "sk"));
    ck_assert(cs_str_is(request.model.identifier, "custom_openai/x"));
    ck_assert(request.model.is_adhoc);
    ck_assert_ptr_null(request.context);
}
END_TEST

START_TEST(broken_escapes_become_replacement_characters)
{
    ck_assert(
        read_body(AIGW_STR("{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a.py\","
                           "\"content_above_cursor\":\"1\\q2\\u12z3\\\\q\\\"4\\\xC3\xA9\",\"content_below_cursor\":"
                           "\"\\ud83d\\ude00\\ude00\"}}")));
    ck_assert(cs_str_is(request.above, "1\xEF\xBF\xBD"
                                       "2\xEF\xBF\xBD"
                                       "12z3\\q\"4\xEF\xBF\xBD"));
    ck_assert(cs_str_is(request.below, "\xF0\x9F\x98\x80\xEF\xBF\xBD"));
}
END_TEST

START_TEST(metadata_wins_and_its_errors_are_plain)
{
    ck_assert(
        read_body(AIGW_STR("{" CF2 ",\"model_provider\":\"litellm\",\"model_name\":\"gpt\",\"model_endpoint\":"
                           "\"http://flat/v1\",\"model_metadata\":{\"provider\":\"openai\",\"name\":\"brand_new\","
                           "\"endpoint\":\"https://meta/v1\",\"identifier\":\"custom_openai/m\"}}")));
    ck_assert(cs_str_is(request.model.endpoint, "https://meta/v1"));
    ck_assert(cs_str_is(request.model.name, "brand_new"));
    ck_assert_str_eq(check_state.plain, "");
    json_object_put(document);
    setup();
    ck_assert(!read_body(AIGW_STR("{" CF2 ",\"model_metadata\":{\"provider\":\"openai\",\"endpoint\":\"ftp://x\"}}")));
    ck_assert_ptr_nonnull(strstr(check_state.plain, "model_metadata.endpoint: Input should be a valid URL"));
}
END_TEST

START_TEST(schemas_are_json)
{
    struct json_object *body = json_tokener_parse(cs_completion_schema), *found = NULL;
    struct json_object *out = json_tokener_parse(cs_completion_answer_schema);

    ck_assert_ptr_nonnull(body);
    ck_assert_ptr_nonnull(out);
    ck_assert(json_object_object_get_ex(body, "properties", &found));
    ck_assert_int_eq(json_object_object_length(found), 17);
    ck_assert(json_object_object_get_ex(out, "properties", &found));
    ck_assert_int_eq(json_object_object_length(found), 7);
    json_object_put(body);
    json_object_put(out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("code suggestions, parts");
    TCase *pure = tcase_create("pure"), *body = tcase_create("body");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(pure, file_name_tells_extension_and_language, 0, (int)COUNT(files));
    tcase_add_test(pure, tables_are_sorted_and_every_row_is_found);
    tcase_add_test(pure, cuts_fall_between_characters);
    tcase_add_test(pure, tokens_and_bytes_agree);
    tcase_add_test(pure, budget_is_shared_93_to_7);
    tcase_add_loop_test(pure, utf8_is_judged_strictly, 0, (int)COUNT(utf8));
    tcase_add_loop_test(pure, strip_takes_unicode_white_space, 0, (int)COUNT(strips));
    tcase_add_loop_test(pure, content_type_decides, 0, (int)COUNT(types));
    tcase_add_test(pure, schemas_are_json);
    tcase_add_checked_fixture(body, setup, teardown);
    tcase_add_loop_test(body, body_is_judged, 0, (int)COUNT(bodies));
    tcase_add_loop_test(body, longest_text_is_accepted, 0, (int)COUNT(limits));
    tcase_add_loop_test(body, one_character_more_is_refused, 0, (int)COUNT(limits));
    tcase_add_test(body, hundred_and_one_context_items_are_refused);
    tcase_add_test(body, deep_nesting_is_refused_not_followed);
    tcase_add_test(body, errors_are_capped);
    tcase_add_test(body, values_arrive);
    tcase_add_test(body, broken_escapes_become_replacement_characters);
    tcase_add_test(body, metadata_wins_and_its_errors_are_plain);
    suite_add_tcase(suite, pure);
    suite_add_tcase(suite, body);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
