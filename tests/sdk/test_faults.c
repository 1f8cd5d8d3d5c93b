/* test_faults.c - rules of the headers that show only while a plugin runs: each row breaks one, and the conformance
 * check or a case file must find it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aigw/testing.h>

static const char answer_case[] = "=== answer 200 text/plain\nhello\nworld\n.\n=== events\n%s";

#define PLAIN "text \"hello\"\ntext \"world\"\nfinish stop \"\"\nend\n"
#define CALL  "=== call\n{\"messages\":[{\"content\":\"hi\"}]}\n"

/* What breaks; findings of the conformance check; the same of a case file, and a part of their text. */
static const struct {
    const char *breaks;
    int conformance;
    int cases; /* 0: none, else some */
    const char *events, *text;
} rows[] = {
    { "nothing", 0, 0, PLAIN, "" },
    { "takes any kind", 1, 0, PLAIN, "an unknown kind of call: request() answers 0" },
    { "takes any role", 1, 0, PLAIN, "a message with an unknown role: request() answers 0" },
    { "loses parts", 1, 0, PLAIN, "a part of an unknown type: request() answers 0" },
    { "loses extra", 1, 0, PLAIN, "extra of a request: is neither in the body nor refused" },
    { "no reason", 8, 0, PLAIN, "without a reason" },
    { "copies by its size", 1, 0, PLAIN, "structs are longer, is answered differently" },
    { "answers the client", 5, 1, PLAIN, "respond() works for a feature while a request is served" },
    { "reads the client", 5, 1, PLAIN, "header() works for a feature while a request is served" },
    { "request emits", 5, 1, PLAIN, "emit() works inside frame()" },
    { "pends for nothing", 0, 1, PLAIN, "waits for a credential that it did not ask for" },
    { "no size", 1, 1, "", "struct_size is 0" },
    { "usage without size", 1, 1, "text \"hello\"\nusage 0 0 cached=0\n", "usage of an event: struct_size is 0" },
    { "null text", 2, 1, "", "emit(): a text of event type 1 is NULL with a length, 5 bytes" },
    { "finishes twice", 0, 1, "", "FINISH was emitted twice for choice 0" },
    { "emits on", 0, 1, "text \"hello\"\ntext \"hello\"\ntext \"world\"\ntext \"world\"\nfinish stop \"\"\nend\n",
      "emit() was called again after it had answered -5" },
    { "loses what emit says", 0, 1, PLAIN, "frame() answered 0 after emit() had answered -5" },
    { "pends in a frame", 1, 1, "", "frame() answered 2, expected AIGW_OK, AIGW_DONE or a failure" },
    { "tool with a gap", 1, 1, "", "TOOL_CALL has index 1, expected at most 0" },
    { "tool named twice", 1, 1, "", "id and name belong to its first piece only" },
    { "tires", 0, 1, PLAIN, "that was the cut before byte 3 of 14" },
#if !defined(__SANITIZE_ADDRESS__) /* it watches the memory itself */
    { "leaks", 1, 0, PLAIN, "bytes are not given back each time an instance is opened, asked and closed" },
    { "leaks in frames", 1, 1, PLAIN, "bytes are not given back after each call" },
#endif
    { "leaves files open", 1, 0, PLAIN, "1 open files are left each time an instance is opened, asked and closed" },
    { "sleeps", 11, 1, PLAIN, "ms: no callback may block; host->offload() is for that" },
    { "spins", 11, 1, PLAIN, "ms on the loop, at most 10 are good manners" },
};

/* The same for a feature; its conformance check alone. */
static const struct {
    const char *breaks;
    int findings;
    const char *text;
} feature_rows[] = {
    { "nothing", 0, "" },
    { "static state", 3, "two instances with the same settings answer differently" },
    { "unknown metric", 6, "count(): metric 3, but the plugin has 0" },
    { "emits", 6, "emit() works inside frame()" },
    { "null body", 6, "respond(): the body is NULL with a length, 5 bytes" },
    { "frames its answer", 6, "respond(): the header content-length is left out" },
    { "frames its stream", 6, "stream_begin(): the header Transfer-Encoding is left out" },
    { "null name", 6, "annotate(): the name is NULL" },
    { "foreign call", 6, "model_cancel(): that is no call of this request" },
    { "need without size", 6, "need: struct_size is 0" },
    { "error without size", 6, "error of model_resolve(): struct_size is 0" },
    { "part without size", 6, "a part has a struct_size that no struct has" },
    { "refuse lies", 13, "answered 0, and the client was not answered" },
    { "refuse forgets", 13, "answered -7, and the client was answered" },
    { "refuse answers well", 13, "is answered with status 200" },
};

/* Run fn with standard error in a string. */
static char *said(int (*fn)(int row), int row, int *ret_findings)
{
    FILE *file = tmpfile();
    int kept = dup(2);
    long len;
    char *text;

    ck_assert_ptr_nonnull(file);
    fflush(stderr);
    dup2(fileno(file), 2);
    *ret_findings = fn(row);
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    fseek(file, 0, SEEK_END);
    len = ftell(file);
    rewind(file);
    text = calloc(1, (size_t)len + 1);
    ck_assert_uint_eq(fread(text, 1, (size_t)len, file), (size_t)len);
    fclose(file);
    return text;
}

static int run_conformance(int row)
{
    char settings[128];

    snprintf(settings, sizeof settings, "breaks = \"%s\";", rows[row].breaks);
    return aigw_testhost_conformance(BAD_PROVIDER_SO, settings);
}

static int run_case(int row)
{
    char path[] = "/tmp/aigw-faults-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    int findings;

    fprintf(file, "=== settings\nbreaks = \"%s\";\n" CALL, rows[row].breaks);
    fprintf(file, answer_case, rows[row].events);
    fclose(file);
    findings = aigw_testhost_run_cases(BAD_PROVIDER_SO, path);
    remove(path);
    return findings;
}

START_TEST(a_broken_rule_is_found)
{
    int of_conformance, of_case;
    char *first = said(run_conformance, _i, &of_conformance), *second = said(run_case, _i, &of_case);

    ck_assert_msg(of_conformance == rows[_i].conformance, "%s: conformance: expected %d findings, found %d: %s",
                  rows[_i].breaks, rows[_i].conformance, of_conformance, first);
    ck_assert_msg((of_case > 0) == (rows[_i].cases > 0), "%s: case file: found %d: %s", rows[_i].breaks, of_case,
                  second);
    ck_assert_msg(strstr(first, rows[_i].text) || strstr(second, rows[_i].text), "%s: expected \"%s\", found: %s%s",
                  rows[_i].breaks, rows[_i].text, first, second);
    free(first);
    free(second);
}
END_TEST

static int run_feature(int row)
{
    char settings[128];

    snprintf(settings, sizeof settings, "breaks = \"%s\";", feature_rows[row].breaks);
    return aigw_testhost_conformance(BAD_FEATURE_SO, settings);
}

START_TEST(a_feature_that_breaks_a_rule_is_found)
{
    int findings;
    char *text = said(run_feature, _i, &findings);

    ck_assert_msg(findings == feature_rows[_i].findings && strstr(text, feature_rows[_i].text),
                  "%s: expected %d findings with \"%s\", found %d: %s", feature_rows[_i].breaks,
                  feature_rows[_i].findings, feature_rows[_i].text, findings, text);
    free(text);
}
END_TEST

static int run_without_build(int row)
{
    (void)row;
    return aigw_testhost_conformance(BAD_NO_BUILD_SO, NULL);
}

START_TEST(events_without_build_are_found)
{
    int findings;
    char *text = said(run_without_build, 0, &findings);

    ck_assert_msg(findings == 1 && strstr(text, "event() without build()"), "%s", text);
    free(text);
}
END_TEST

START_TEST(open_is_watched_too)
{
    char reason[256] = "";

    ck_assert_ptr_null(aigw_testhost_open(BAD_PROVIDER_SO, "breaks = \"open emits\";", reason, sizeof reason));
    ck_assert_msg(strstr(reason, "emit() works inside"), "%s", reason);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults");
    TCase *tcase = tcase_create("faults");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, a_broken_rule_is_found, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tcase, a_feature_that_breaks_a_rule_is_found, 0, sizeof feature_rows / sizeof *feature_rows);
    tcase_add_test(tcase, events_without_build_are_found);
    tcase_add_test(tcase, open_is_watched_too);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
