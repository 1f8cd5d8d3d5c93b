/* test_testhost.c - the SDK's borders that must not move, and the test host itself: does it see what it should see? */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aigw/testing.h>

/* The fields that guard the rest never move: a plugin of any age must be readable this far. */
_Static_assert(offsetof(struct aigw_plugin, magic) == 0, "magic guards the descriptor");
_Static_assert(offsetof(struct aigw_plugin, abi_major) == 4, "abi_major guards the descriptor");
_Static_assert(offsetof(struct aigw_plugin, abi_minor) == 6, "abi_minor guards the descriptor");
_Static_assert(offsetof(struct aigw_plugin, struct_size) == 8, "struct_size guards the descriptor");
_Static_assert(offsetof(struct aigw_host, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(struct aigw_host, abi_major) == 4, "the host's version follows");
_Static_assert(offsetof(struct aigw_provider_ops, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(struct aigw_feature_ops, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(struct aigw_feature_ops, route_size) == 4, "the stride of routes follows");
_Static_assert(offsetof(struct aigw_model_request, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(struct aigw_event, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(struct aigw_event, type) == 4, "an event's type can always be read");
_Static_assert(offsetof(struct aigw_error, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(struct aigw_error, kind) == 4, "an error's kind can always be read");
_Static_assert(offsetof(struct aigw_frame, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(struct aigw_http_request, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(struct aigw_target, struct_size) == 0, "struct_size comes first");
_Static_assert(sizeof(aigw_str) == 2 * sizeof(void *), "a string is pointer and length");
_Static_assert(sizeof(aigw_status) == 4, "statuses have a fixed width");

static char *write_file(const char *text)
{
    char *path = strdup("/tmp/aigw-case-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    fputs(text, file);
    fclose(file);
    return path;
}

/* Case files with a mistake in them, and how many findings that makes. Standard error is what the user would see. */
static const struct {
    const char *id, *plugin, *text;
    int findings;
} case_rows[] = {
    { "right", MOCK_SO, "=== call a\n{\"messages\":[]}\n=== takes\n0\n", 0 },
    { "empty file", MOCK_SO, "", 1 },
    { "no section", MOCK_SO, "some words\n", 1 },
    { "unknown section", MOCK_SO, "=== bogus\n", 1 },
    { "unknown member", MOCK_SO, "=== call a\n{\"massages\":[]}\n", 1 },
    { "call is no JSON", MOCK_SO, "=== call a\nnonsense\n=== takes\n0\n", 1 },
    { "failure at the end of the file", OPENAI_SO, "=== call a\n{\"extra\":[1]}\n", 1 },
    { "failure that was expected", OPENAI_SO, "=== call a\n{\"extra\":[1]}\n=== fails\nJSON object\n", 0 },
    { "failure for another reason", OPENAI_SO, "=== call a\n{\"extra\":[1]}\n=== fails\nweather\n", 1 },
    { "failure that did not come", OPENAI_SO, "=== call a\n{\"messages\":[]}\n=== fails\nweather\n", 1 },
    { "wrong url", OPENAI_SO, "=== call a\n{\"messages\":[]}\n=== url\nhttp://x\n", 1 },
    { "wrong body", OPENAI_SO, "=== call a\n{\"messages\":[]}\n=== body\n{\"model\":\"x\"}\n", 1 },
    { "missing header", OPENAI_SO, "=== call a\n{\"messages\":[]}\n=== headers\nX-Nothing: 1\n", 1 },
    { "part of a header", OPENAI_SO, "=== call a\n{\"messages\":[]}\n=== headers\nContent-Type: application/js\n", 1 },
    { "part of a header, said so", OPENAI_SO, "=== call a\n{\"messages\":[]}\n=== headers\n~application/js\n", 0 },
    { "section of the other kind", OPENAI_SO, "=== send GET /x\n", 1 },
    { "malformed credential answer", OPENAI_SO, "=== answer none\n", 1 },
    { "forbidden header", OPENAI_SO, "=== call a\n{\"messages\":[]}\n=== headers\n!Authorization\n", 1 },
    { "wrong events", MOCK_SO, "=== call a\n{\"messages\":[]}\n=== events\ntext \"x\"\nend\n", 1 },
    { "events without answer", OPENAI_SO, "=== call a\n{\"messages\":[]}\n=== events\nend\n", 1 },
    { "error without answer", OPENAI_SO, "=== call a\n{\"messages\":[]}\n=== error\nserver 500 \"x\"\n", 1 },
    { "settings that do not fit", OPENAI_SO, "=== settings\nbogus = 1;\n=== call a\n{}\n", 1 },
    { "settings refused as expected", OPENAI_SO, "=== settings\nbogus = 1;\n=== refuses\nbogus\n", 0 },
    { "settings not refused", OPENAI_SO, "=== settings\napi_key = \"k\";\n=== refuses\nbogus\n", 1 },
};

START_TEST(a_case_file_finds_what_is_wrong)
{
    char *path = write_file(case_rows[_i].text);
    int findings = aigw_testhost_run_cases(case_rows[_i].plugin, path);

    ck_assert_msg(findings == case_rows[_i].findings, "%s: expected %d findings, found %d", case_rows[_i].id,
                  case_rows[_i].findings, findings);
    remove(path);
    free(path);
}
END_TEST

START_TEST(a_feature_goes_through_the_core)
{
    ck_assert_int_eq(aigw_testhost_run_cases(PROBE_FEATURE_SO, CASES "/feature.case"), 0);
}
END_TEST

/* A folder of definitions, and one that the test writes over it; both are rendered by the core. */
START_TEST(prompts_are_the_cores)
{
    static const char body[] = "{\"prompt_version\":1,\"current_file\":{\"file_name\":\"a.py\","
                               "\"content_above_cursor\":\"def hello(\",\"content_below_cursor\":\"end\"}}";
    struct aigw_testhost *th = aigw_testhost_open(FEATURE_SO, "", NULL, 0);

    ck_assert_ptr_nonnull(th);
    aigw_testhost_prompts(th, PROMPTS);
    ck_assert_int_eq(aigw_testhost_model(th, "{\"families\":[\"deepseekcoder\"]}"), AIGW_OK);
    aigw_testhost_send(th, "POST", "/v2/code/completions", "Content-Type: application/json", body);
    ck_assert_uint_eq(aigw_testhost_answer(th)->status, 200);
    ck_assert_msg(strstr(aigw_testhost_asked(th), "def hello(<\xef\xbd\x9c"), "%s", aigw_testhost_asked(th));

    aigw_testhost_prompt(th, "code_suggestions/completions",
                         "system: in \"{{language}}\"\nuser: {{#prefix}}[{{prefix}}]{{/prefix}}\nnext line");
    ck_assert_int_eq(aigw_testhost_model(th, NULL), AIGW_OK);
    aigw_testhost_send(th, "POST", "/v2/code/completions", "Content-Type: application/json", body);
    ck_assert_msg(strstr(aigw_testhost_asked(th), "\"content\":\"in \\\"python\\\"\"") &&
                      strstr(aigw_testhost_asked(th), "[def hello(]\\nnext line"),
                  "%s", aigw_testhost_asked(th));
    aigw_testhost_close(th);
}
END_TEST

START_TEST(a_file_that_is_no_plugin_is_one_finding)
{
    char *path = write_file("not an ELF file");

    ck_assert_int_eq(aigw_testhost_conformance(path, NULL), 1);
    ck_assert_int_eq(aigw_testhost_conformance("/nonexistent.so", NULL), 1);
    ck_assert_int_eq(aigw_testhost_run_cases("/nonexistent.so", path), 1);
    remove(path);
    free(path);
}
END_TEST

/* No help, a shared field; no category, a scope without text, a schema that is none. */
START_TEST(the_conformance_check_finds_broken_rules)
{
    ck_assert_int_eq(aigw_testhost_conformance(BAD_SO, NULL), 5);
    ck_assert_int_eq(aigw_testhost_conformance(MOCK_SO, NULL), 0);
}
END_TEST

/* Routes and metrics that are refused only when somebody is to be served. */
static const struct {
    const char *name;
    int findings;
} served_rows[] = { { "good", 0 }, { "brace", 1 }, { "twice", 1 }, { "ours", 1 }, { "name", 1 }, { "label", 1 } };

START_TEST(what_the_gateway_refuses_is_a_finding)
{
    char path[512];

    snprintf(path, sizeof path, SERVED "%s.so", served_rows[_i].name);
    ck_assert_msg(aigw_testhost_conformance(path, NULL) == served_rows[_i].findings, "%s", served_rows[_i].name);
}
END_TEST

START_TEST(opening_tells_why_it_failed)
{
    char reason[256];

    ck_assert_ptr_null(aigw_testhost_open(MOCK_SO, "delay_ms = \"soon\";", reason, sizeof reason));
    ck_assert_msg(strstr(reason, "delay_ms"), "%s", reason);
    aigw_testhost_close(NULL);
}
END_TEST

START_TEST(a_provider_is_played_by_hand)
{
    struct aigw_testhost *th = aigw_testhost_open(OPENAI_SO, "api_key = \"k\";", NULL, 0);
    const char answer[] = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\n";
    const struct aigw_error *error;

    ck_assert_ptr_nonnull(th);
    ck_assert_str_eq(aigw_testhost_descriptor(th)->name, "openai");
    ck_assert_int_eq(aigw_testhost_feed(th, "x", 1), AIGW_E_STATE); /* no call yet */
    ck_assert_int_eq(aigw_testhost_request_json(th, "{\"stream\":true,\"messages\":[]}"), AIGW_OK);
    ck_assert_str_eq(aigw_testhost_http_header(th, "authorization"), "Bearer k");
    ck_assert_ptr_null(aigw_testhost_http_header(th, "x-nothing"));
    ck_assert_int_eq(aigw_testhost_feed(th, answer, sizeof answer - 1), AIGW_OK);
    ck_assert_int_eq(aigw_testhost_end(th), AIGW_OK);
    ck_assert_str_eq(aigw_testhost_said(th), "hi");
    ck_assert_str_eq(aigw_testhost_events(th), "text \"hi\"\nfinish stop \"stop\"\nend\n");
    ck_assert_int_eq(aigw_testhost_send(th, "GET", "/", NULL, NULL), AIGW_E_UNSUPPORTED); /* no feature */

    ck_assert_int_eq(aigw_testhost_request_json(th, "{\"messages\":[]}"), AIGW_OK);
    error = aigw_testhost_failure(th, 429, "application/json", "7", "{}");
    ck_assert_uint_eq(error->kind, AIGW_ERR_RATE_LIMITED);
    ck_assert_int_eq(error->retry_after_ms, 7000);
    aigw_testhost_close(th);
}
END_TEST

START_TEST(a_stall_is_not_waited_for)
{
    struct aigw_testhost *th = aigw_testhost_open(MOCK_SO, "fail = \"stall\"; fail_after = 1;", NULL, 0);
    int64_t ms = 0;

    ck_assert_int_eq(aigw_testhost_request_json(th, "{\"stream\":true,\"messages\":[]}"), AIGW_OK);
    ck_assert_int_eq(aigw_testhost_produce(th, 1000, &ms), AIGW_OK);
    ck_assert_str_eq(aigw_testhost_events(th), "text \"print(\\\"Hello \"\n");
    ck_assert_int_lt(ms, 1000);
    aigw_testhost_close(th);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testhost");
    TCase *tcase = tcase_create("testhost");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, a_case_file_finds_what_is_wrong, 0, sizeof case_rows / sizeof *case_rows);
    tcase_add_test(tcase, a_feature_goes_through_the_core);
    tcase_add_test(tcase, prompts_are_the_cores);
    tcase_add_test(tcase, a_file_that_is_no_plugin_is_one_finding);
    tcase_add_test(tcase, the_conformance_check_finds_broken_rules);
    tcase_add_loop_test(tcase, what_the_gateway_refuses_is_a_finding, 0, sizeof served_rows / sizeof *served_rows);
    tcase_add_test(tcase, opening_tells_why_it_failed);
    tcase_add_test(tcase, a_provider_is_played_by_hand);
    tcase_add_test(tcase, a_stall_is_not_waited_for);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
