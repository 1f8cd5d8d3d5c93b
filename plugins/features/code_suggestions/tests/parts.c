/* Language table, truncation, schemas: what of the plugin needs no core. Bodies are in bodies.c. */
#include "parts.h"

#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "../code_suggestions.h"
#include "../components.h"
#include "../language.h"
#include "../language_table.h"
#include "../truncate.h"

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
        ck_assert(aigw_utf8_is_valid(start) && aigw_utf8_is_valid(end));
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

START_TEST(new_code_leaves_a_quarter_for_what_stands_below)
{
    char *code = malloc(200000);
    struct cs_window window;

    memset(code, 'x', 200000);
    window = cs_fit_generation(1000, (aigw_str){ code, 100000 }, (aigw_str){ code, 100000 });
    ck_assert_uint_eq(window.prefix.len, cs_bytes_of(750));
    ck_assert_uint_eq(window.suffix.len, cs_bytes_of(250));
    window = cs_fit_generation(1000, (aigw_str){ code, 100000 }, AIGW_STR("12345678901234567")); /* 6 tokens */
    ck_assert_uint_eq(window.prefix.len, cs_bytes_of(994));
    ck_assert_uint_eq(window.suffix.len, 17);
    window = cs_fit_generation(1000, AIGW_STR("abc"), AIGW_STR_NONE);
    ck_assert_uint_eq(window.prefix.len, 3);
    ck_assert_int_eq(window.context_tokens, 999);
    free(code);
}
END_TEST

/* Each body's schema fits the room in plugin.c. */
static const struct aigw_body_table *const tables[] = { &cs_completion_table, &cs_generation_table,
                                                        &cs_components_table };
static const char *const answers[] = { cs_answer_schema, cs_suggestion_schema };

START_TEST(every_schema_fits_and_is_json)
{
    for (size_t i = 0; i < COUNT(tables); i++) {
        struct aigw_pool pool = { NULL };
        struct aigw_memory memory = aigw_pool_memory(&pool, 65536);
        struct json_object *json;
        aigw_str schema;

        ck_assert_int_eq(aigw_body_schema(tables[i], &memory, &schema), AIGW_OK);
        ck_assert_uint_lt(schema.len, 8192);
        json = json_tokener_parse(schema.ptr);
        ck_assert_ptr_nonnull(json);
        json_object_put(json);
        aigw_pool_free(&pool);
    }
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct json_object *json = json_tokener_parse(answers[i]);

        ck_assert_ptr_nonnull(json);
        json_object_put(json);
    }
}
END_TEST

START_TEST(schemas_are_json)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, 65536);
    struct json_object *body, *found = NULL, *out = json_tokener_parse(cs_answer_schema);
    aigw_str schema;

    ck_assert_int_eq(aigw_body_schema(&cs_completion_table, &memory, &schema), AIGW_OK);
    ck_assert_uint_lt(schema.len, 8192); /* the room in plugin.c */
    body = json_tokener_parse(schema.ptr);

    ck_assert_ptr_nonnull(body);
    ck_assert_ptr_nonnull(out);
    ck_assert(json_object_object_get_ex(body, "properties", &found));
    ck_assert_int_eq(json_object_object_length(found), 17);
    ck_assert(json_object_object_get_ex(out, "properties", &found));
    ck_assert_int_eq(json_object_object_length(found), 7);
    json_object_put(body);
    json_object_put(out);
    aigw_pool_free(&pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("code suggestions, parts");
    TCase *pure = tcase_create("pure");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(pure, file_name_tells_extension_and_language, 0, (int)COUNT(files));
    tcase_add_test(pure, tables_are_sorted_and_every_row_is_found);
    tcase_add_test(pure, cuts_fall_between_characters);
    tcase_add_test(pure, tokens_and_bytes_agree);
    tcase_add_test(pure, budget_is_shared_93_to_7);
    tcase_add_test(pure, new_code_leaves_a_quarter_for_what_stands_below);
    tcase_add_test(pure, schemas_are_json);
    tcase_add_test(pure, every_schema_fits_and_is_json);
    suite_add_tcase(suite, pure);
    suite_add_tcase(suite, bodies_case());
    suite_add_tcase(suite, clean_case());
    suite_add_tcase(suite, components_case());
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
