/* test_cases.c - the testing kit tells the truth: what a case file says that is not so, or does not say, is a finding
 * that names it; what is so is none. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aigw/testing.h>

#define ASK    "=== call a\n{\"kind\":\"completion\",\"prompt\":\"x\"}\n"
#define WITH   "=== settings\n"
#define BODY   "=== body\n"
#define EVENTS "=== events\ntext \"hi\"\nfinish stop \"\"\nend\n"
#define ANSWER "=== answer 200 text/plain\nhi\n"
#define SEND   "=== send POST /probe/answer\n\nx\n"

/* A case file for the odd provider, or for the probe feature; a part of the finding's text, NULL: it has none. */
static const struct row {
    const char *id, *text, *finding;
} rows[] = {
    { "RIGHT", ASK BODY "{}\n" ANSWER EVENTS, NULL },
    { "RIGHT-dos", "=== call a\r\n{\"kind\":\"completion\"}\r\n=== body\r\n{ }\r\n", NULL },
    { "RIGHT-byte-order-mark", "\xef\xbb\xbf" ASK BODY "{}\n", NULL },
    { "RIGHT-blanks",
      "=== call a  \n{\"kind\":\"completion\"}\n=== method\n POST \n=== url\nhttp://127.0.0.1:9/odd  \n", NULL },
    { "RIGHT-parameters", ASK "=== answer 200 text/plain; charset=utf-8\nhi\n" EVENTS, NULL },
    { "RIGHT-date",
      ASK "=== answer 429 text/plain Wed, 21 Oct 2015 07:28:00 GMT\nhi\n=== error\n"
          "rate_limited 429 retry=0 \"the model server answered 429\"\n",
      NULL },

    /* sections that are none */
    { "HEAD-no-blank", ASK BODY "{}\n===url\nhttp://x\n", "is no section: expected \"=== url\"" },
    { "HEAD-indented", ASK "=== method\nPOST\n === url\nhttp://x\n", "is no section: expected \"=== url\"" },
    { "HEAD-two", ASK "=== method\nPOST\n== url\nhttp://x\n", "is no section: expected \"=== url\"" },
    { "HEAD-four", ASK "=== method\nPOST\n==== Url\nhttp://x\n", "is no section: expected \"=== url\"" },
    { "HEAD-tab", ASK "=== method\nPOST\n===\turl\nhttp://x\n", "is no section: expected \"=== url\"" },
    { "HEAD-comment", "===call a\n{}\n" ASK, "is no section: expected \"=== call\"" },
    { "HEAD-case", ASK "=== URL\nhttp://x\n", "unknown section \"URL\"" },
    { "HEAD-argument", ASK "=== url http://x\n", "url: expected nothing behind the name, found \"http://x\"" },
    { "HEAD-rule", ASK BODY "{}\n=====\n", "not JSON" },
    { "HEAD-underline", WITH "body = \"a\\n=====\\n==\";\n" ASK BODY "a\n=====\n==\n", NULL },
    { "FILE-kind", "=== send POST /x\n\nx\n", "is for the other kind of plugin" },

    /* what nothing was expected of, or expected of nothing */
    { "ORDER-url", "=== url\nhttp://x\n", "url: there is no call before it" },
    { "ORDER-body", "=== body\n\n", "body: there is no call before it" },
    { "ORDER-fails", "=== fails\n", "fails: there is no call before it" },
    { "ORDER-settings", ASK WITH "body = \"x\";\n" BODY "{}\n", "body: there is no call before it" },
    { "ORDER-answer", ASK ANSWER, "answer: nothing says what comes of it" },
    { "ORDER-two-answers", ASK ANSWER ANSWER EVENTS, "answer: nothing says what comes of it" },
    { "ORDER-refused", ASK "=== answer 500\n", "expected a section \"error\" behind it" },
    { "ORDER-stale-error",
      ASK "=== answer 500\n{}\n=== error\nserver 500 \"the model server answered 500\"\n" ANSWER
          "=== error\nserver 500 \"the model server answered 500\"\n" EVENTS,
      "error without an answer" },
    { "ORDER-unopened", WITH "bogus = 1;\n", "bogus" },
    { "ORDER-unopened-first", WITH "bogus = 1;\n" WITH "body = \"x\";\n" ASK, "bogus" },
    { "ORDER-lines", ASK "=== notes\n", NULL },
    { "ORDER-lines-none", WITH "counts = 1;\n" ASK "=== notes\n", "notes: expected none, found" },
    { "ORDER-headers-none", WITH "headers = ( \"A: b\" );\n" ASK "=== headers\n", "headers: expected none, found" },
    { "ORDER-takes", ASK "=== takes\n5\n", "pauses in milliseconds differs" },

    /* bodies */
    { "BODY-behind", WITH "body = \"{} \\\"a\\\"\";\n" ASK BODY "{}\n", "what was found is not JSON" },
    { "BODY-expected-behind", ASK BODY "{} {}\n", "the expected text is not JSON" },
    { "BODY-comma", WITH "body = \"{\\\"a\\\":1,}\";\n" ASK BODY "{\"a\":1}\n", "what was found is not JSON" },
    { "BODY-quotes", WITH "body = \"{'a':1}\";\n" ASK BODY "{\"a\":1}\n", "what was found is not JSON" },
    { "BODY-comment", WITH "body = \"{\\\"a\\\":1/**/}\";\n" ASK BODY "{\"a\":1}\n", "what was found is not JSON" },
    { "BODY-nan", WITH "body = \"{\\\"a\\\":NaN}\";\n" ASK BODY "{\"a\":NaN}\n", "the expected text is not JSON" },
    { "BODY-twice", WITH "body = \"{\\\"a\\\":2,\\\"a\\\":2}\";\n" ASK BODY "{\"a\":2}\n", "has a member twice" },
    { "BODY-expected-twice", ASK BODY "{\"b\":[{\"a\":1,\"a\":2}]}\n", "has the member \"a\" twice" },
    { "BODY-mark", WITH "body = \"\\xef\\xbb\\xbf{}\";\n" ASK BODY "{}\n",
      "what was found is not JSON: a byte order mark" },
    { "BODY-nul", WITH "has_nul = true;\n" ASK BODY "{\"a\":1}\n", "what was found is not JSON" },
    { "BODY-missing", ASK BODY "{\"a\":{\"b\":[1]}}\n", "--- a is missing" },
    { "BODY-more", WITH "body = \"{\\\"a\\\":[1,2]}\";\n" ASK BODY "{\"a\":[1]}\n", "--- a[1] is not expected" },
    { "BODY-stranger", WITH "body = \"{\\\"x\\\":1}\";\n" ASK BODY "{}\n", "--- x is not expected" },
    { "BODY-type", WITH "body = \"{\\\"a\\\":\\\"1\\\"}\";\n" ASK BODY "{\"a\":1}\n", "--- a has another type" },
    { "BODY-real", WITH "body = \"{\\\"a\\\":1.0}\";\n" ASK BODY "{\"a\":1}\n", "--- a has another type" },
    { "BODY-large", WITH "body = \"[18446744073709551617]\";\n" ASK BODY "[18446744073709551618]\n",
      "--- [0] is another number" },
    { "BODY-same-real", WITH "body = \"[1e2,0.5,1E400]\";\n" ASK BODY "[100.0,5e-1,1E400]\n", NULL },
    { "BODY-deep",
      WITH
      "body = \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\";\n" ASK BODY
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
      NULL },
    { "BODY-order", WITH "body = \"{\\\"a\\\":1,\\\"b\\\":\\\"\\\\u0041\\\"}\";\n" ASK BODY "{\"b\":\"A\", \"a\":1}\n",
      NULL },
    { "BODY-string", WITH "body = \"a\\n\";\n" ASK BODY "\"a\\n\"\n", NULL },
    { "BODY-string-less", WITH "body = \"a\";\n" ASK BODY "\"a\\n\"\n", "the first difference is at byte 1" },
    { "BODY-string-behind", WITH "body = \"a\";\n" ASK BODY "\"a\" b\n", "begins like a JSON string and is none" },
    { "BODY-string-open", WITH "body = \"\";\n" ASK BODY "\"a\n", "begins like a JSON string and is none" },
    { "BODY-plain-return", WITH "body = \"a\\r\\n\";\n" ASK BODY "a\n", "body differs" },
    { "BODY-plain-blank", WITH "body = \"a \";\n" ASK BODY "a\n", "body differs" },
    { "BODY-shown", WITH "body = \"a\\x01\";\n" ASK BODY "a\n", "\"a\\u0001\"" },

    /* lines */
    { "LINE-twice", WITH "headers = ( \"A: b\", \"A: b\" );\n" ASK "=== headers\nA: b\n", "\"A: b\" 1 times, found 2" },
    { "LINE-both", WITH "headers = ( \"A: b\", \"A: b\" );\n" ASK "=== headers\nA: b\nA: b\n", NULL },
    { "LINE-once", WITH "headers = ( \"A: b\" );\n" ASK "=== headers\nA: b\nA: b\n", "\"A: b\" 2 times, found 1" },
    { "LINE-other", WITH "headers = ( \"A: b\", \"a: c\" );\n" ASK "=== headers\nA: b\n", "found \"a: c\", too" },
    { "LINE-others", WITH "headers = ( \"A: b\", \"a: c\" );\n" ASK "=== headers\na: c\nA: b\n", NULL },
    { "LINE-blank", WITH "headers = ( \"A: b\" );\n" ASK "=== headers\nA: b \n", "lack the line" },
    { "LINE-case", WITH "headers = ( \"A: b\" );\n" ASK "=== headers\na: b\n", "lack the line" },
    { "LINE-counted", WITH "counts = 2;\n" ASK "=== notes\ncount odd_total{} 1\n", "1 times, found 2" },
    { "LINE-counted-right", WITH "counts = 2;\n" ASK "=== notes\ncount odd_total{} 1\ncount odd_total{} 1\n", NULL },

    /* numbers, words, forms */
    { "FORM-status", ASK "=== answer 2OO\nhi\n" EVENTS, "with a status of 200 to 599, found \"2OO\"" },
    { "FORM-status-small", ASK "=== answer 99\nhi\n" EVENTS, "with a status of 200 to 599, found \"99\"" },
    { "FORM-type", ASK "=== answer 200 plain\nhi\n" EVENTS,
      "expected \"=== answer <status> [<content type, - for none>" },
    { "FORM-redirect", ASK "=== answer 302 text/plain\nhi\n" EVENTS, "answered with a redirect" },
    { "FORM-credential", "=== credential-answer 2x\nhi\n" ASK, "expected a whole number of at most 599, found \"2x\"" },
    { "FORM-credential-name", "=== credential\nhi\n" ASK, "credential: expected its name" },
    { "FORM-server-headers", "=== server-headers\nX-A b\n" ASK, "expected lines \"name: value\", found \"X-A b\"" },
    { "CALL-behind", "=== call a\n{\"kind\":\"completion\"} x\n", "not JSON" },
    { "CALL-null", "=== call a\n{\"kind\":null}\n", "kind: expected a word, found null" },
    { "CALL-number", "=== call a\n{\"kind\":\"completion\",\"max_tokens\":\"9\"}\n",
      "max_tokens: expected a whole number" },
    { "CALL-half", "=== call a\n{\"kind\":\"completion\",\"max_tokens\":1.5}\n",
      "max_tokens: expected a whole number" },
    { "CALL-bool", "=== call a\n{\"kind\":\"completion\",\"stream\":\"yes\"}\n",
      "stream: expected true or false, found a string" },
    { "CALL-negative", "=== call a\n{\"kind\":\"completion\",\"choice_count\":-1}\n",
      "choice_count: expected a whole number" },
    { "CALL-text", "=== call a\n{\"kind\":\"completion\",\"prompt\":7}\n",
      "prompt: expected a string, found a number" },
    { "CALL-raw", "=== call a\n{\"raw\":7}\n", "raw: expected an object, found a number" },
    { "CALL-raw-headers", "=== call a\n{\"raw\":{\"headers\":[]}}\n", "headers: expected an object, found a list" },
    { "CALL-choice", "=== call a\n{\"tool_choice\":null}\n", "tool_choice: expected a word, found null" },
    { "SETTINGS-second", WITH "counts = 77;\nbogus = 1;\n=== refuses\nbogus\n", NULL },
};

static const struct row feature_rows[] = {
    { "SEND-right", SEND "=== status\n 200\n=== type\ntext/plain\n=== answer-body\nwith a body\n=== state\ncomplete\n",
      NULL },
    { "SEND-dos", "=== send POST /probe/answer\r\nX-A: b\r\n\r\nx\r\n=== answer-body\r\nwith a body\r\n", NULL },
    { "SEND-before", "=== status\n0\n", "status: there is no send or refuse before it" },
    { "SEND-none-before", "=== state\nnone\n", "state: there is no send or refuse before it" },
    { "SEND-no-empty-line", "=== send POST /probe/answer\n{\"a\":1}\n", "a body begins behind an empty line" },
    { "SEND-blank-name", "=== send POST /probe/answer\nX A: b\n\nx\n", "expected lines \"name: value\"" },
    { "SEND-behind", "=== send POST /probe/answer now\n\nx\n", "nothing behind it, found \"POST /probe/answer now\"" },
    { "SEND-no-path", "=== send POST probe\n\nx\n", "a path that begins with /" },
    { "SEND-leave", "=== leave\nsoon\n" SEND, "leave: expected a whole number" },
    { "SEND-core", "=== core\nlimits.x 5\n" SEND, "expected lines \"name= value\"" },
    { "SEND-asked", SEND "=== asked one\n{}\n", "asked: expected a whole number" },
    { "SEND-model", "=== model\n{\"name\":\"m\"} x\n" SEND, "model: the expected text is not JSON" },
    { "SEND-prompt", "=== prompt\nuser: x\n" SEND, "prompt: expected its id" },
    { "SEND-refuse", "=== refuse token POST /probe/answer x\n", "nothing behind it" },
    { "SEND-script", "=== script\nembedding 0 [\"a\"]\n" SEND, "script: the text of this section is malformed" },
    { "SEND-script-index", "=== script\ntool 4294967296 \"a\"\n" SEND,
      "script: the text of this section is malformed" },
};

/* Run a case file of so many bytes. Answers its findings, and in *ret_said what was said of them. */
static int run(const char *plugin, const char *bytes, size_t len, char *ret_said, size_t room)
{
    char path[] = "/tmp/aigw-cases-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w"), *said = tmpfile();
    int kept = dup(2), findings;

    ck_assert(file && said && fwrite(bytes, 1, len, file) == len);
    fclose(file);
    fflush(stderr);
    dup2(fileno(said), 2);
    findings = aigw_testhost_run_cases(plugin, path);
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    rewind(said);
    ret_said[fread(ret_said, 1, room - 1, said)] = '\0';
    fclose(said);
    remove(path);
    return findings;
}

static void check_row(const char *plugin, const struct row *row)
{
    char said[65536];
    int findings = run(plugin, row->text, strlen(row->text), said, sizeof said);

    if (row->finding)
        ck_assert_msg(findings > 0 && strstr(said, row->finding), "%s: expected \"%s\", found %d: %s", row->id,
                      row->finding, findings, said);
    else
        ck_assert_msg(findings == 0, "%s: expected none, found %d: %s", row->id, findings, said);
}

START_TEST(a_case_file_of_a_provider_tells_the_truth)
{
    check_row(ODD_SO, &rows[_i]);
}
END_TEST

START_TEST(a_case_file_of_a_feature_tells_the_truth)
{
    check_row(PROBE_FEATURE_SO, &feature_rows[_i]);
}
END_TEST

START_TEST(a_file_that_is_no_text_is_a_finding)
{
    static const char nul[] = ASK BODY "{}\n\0=== url\nhttp://x\n";
    size_t len = ((size_t)16 << 20) + 1;
    char said[4096], *large = malloc(len);

    ck_assert_ptr_nonnull(large);
    memset(large, ' ', len);
    ck_assert_int_eq(run(ODD_SO, nul, sizeof nul - 1, said, sizeof said), 1);
    ck_assert_msg(strstr(said, "has a NUL byte in it"), "%s", said);
    ck_assert_int_eq(run(ODD_SO, large, len, said, sizeof said), 1);
    ck_assert_msg(strstr(said, "is larger than 16 MiB"), "%s", said);
    ck_assert_int_eq(aigw_testhost_run_cases(ODD_SO, "/tmp"), 1);
    free(large);
}
END_TEST

/* A plugin that ends the process, with a status that says all is well, has not passed. */
static const struct {
    const char *ends, *said;
} endings[] = {
    { "open", "the process ended with exit status 0 before the test was over" },
    { "request", "the process ended with exit status 0 before the test was over" },
    { "close", "the process ended with exit status 0 before the test was over" },
    { "exit in open", "ended the process outside of its callbacks" },
    { "exit in request", "ended the process in request()" },
};

START_TEST(a_plugin_that_ends_the_process_has_not_passed)
{
    char command[1024], said[4096];
    FILE *pipe;
    int status;

    snprintf(command, sizeof command, "'%s' test --settings 'ends = \"%s\";' '%s' 2>&1", TOOL, endings[_i].ends,
             ODD_SO);
    pipe = popen(command, "r"); // NOLINT: the command is ours
    ck_assert_ptr_nonnull(pipe);
    said[fread(said, 1, sizeof said - 1, pipe)] = '\0';
    status = pclose(pipe);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1, "%s: status %d: %s", endings[_i].ends, status, said);
    ck_assert_msg(strstr(said, endings[_i].said), "%s: %s", endings[_i].ends, said);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cases");
    TCase *tcase = tcase_create("cases");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_case_file_of_a_provider_tells_the_truth, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tcase, a_case_file_of_a_feature_tells_the_truth, 0, sizeof feature_rows / sizeof *feature_rows);
    tcase_add_test(tcase, a_file_that_is_no_text_is_a_finding);
    tcase_add_loop_test(tcase, a_plugin_that_ends_the_process_has_not_passed, 0, sizeof endings / sizeof *endings);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
