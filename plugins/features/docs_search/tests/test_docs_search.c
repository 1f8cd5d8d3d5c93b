/* test_docs_search.c - words out of any text: what comes out, and that the engine takes whatever does. */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../query.h"

static const struct {
    const char *text, *expression;
} expressions[] = {
    { "", "" },
    { " \t\r\n", "" },
    { "?!.,;:()[]{}\"'*^+-", "" },
    { "upload", "\"upload\"" },
    { "upload images", "\"upload\" OR \"images\"" },
    { "How do I upload images?", "\"upload\" OR \"images\"" },
    { "upload Upload UPLOAD", "\"upload\"" },
    { "how do I", "\"how\" OR \"do\" OR \"I\"" },
    { "don't push", "\"don\" OR \"push\"" },
    { "ci.skip merge_request a-b", "\"ci\" OR \"skip\" OR \"merge_request\" OR \"b\"" },
    { "images AND NEAR(x, 2)", "\"images\" OR \"NEAR\" OR \"x\" OR \"2\"" },
    { "say \"push\" OR push*", "\"say\" OR \"push\"" },
    { "Gr\xc3\xb6\xc3\x9f"
      "e",
      "\"Gr\xc3\xb6\xc3\x9f"
      "e\"" },
    { "\xe2\x80\x99push\xe2\x80\xa6rules\xe3\x80\x82", "\"push\" OR \"rules\"" },
    { "\xc2\xabpush\xc2\xbb", "\"push\"" },
    { "push\xffrules\xc3", "\"push\" OR \"rules\"" },
    { "\xe6\x97\xa5\xe6\x9c\xac", "\"\xe6\x97\xa5\xe6\x9c\xac\"" },
    { "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
};

/** In memory of its exact size. */
static void express(const char *text, size_t len, char expression[DS_EXPRESSION_MAX])
{
    char *copy = malloc(len ? len : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, len);
    ds_expression((aigw_str){ copy, len }, expression);
    free(copy);
}

START_TEST(words_are_quoted)
{
    char expression[DS_EXPRESSION_MAX];

    express(expressions[_i].text, strlen(expressions[_i].text), expression);
    ck_assert_str_eq(expression, expressions[_i].expression);
}
END_TEST

START_TEST(there_are_not_too_many_words)
{
    static char text[400000];
    char expression[DS_EXPRESSION_MAX];
    size_t words = 1, len = 0;

    for (unsigned i = 0; len + 80 < sizeof text; i++) { /* 64 characters each, and one longer */
        if (i == 3)
            memset(text + len, 'x', DS_WORD_MAX + 1), len += DS_WORD_MAX + 1;
        else
            len += (size_t)snprintf(text + len, 80, "%064u", i);
        text[len++] = ' ';
    }
    express(text, len, expression);
    ck_assert_uint_lt(strlen(expression), DS_EXPRESSION_MAX);
    for (const char *at = expression; (at = strstr(at, " OR ")) != NULL; at++)
        words++;
    ck_assert_uint_eq(words, DS_WORDS_MAX);
    ck_assert_ptr_null(strchr(expression, 'x'));
}
END_TEST

static int step(sqlite3 *db, const char *expression)
{
    sqlite3_stmt *statement;
    int code;

    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT 1 FROM d WHERE t MATCH ?1 ORDER BY rank", -1, &statement, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(statement, 1, expression, -1, SQLITE_STATIC);
    code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return code;
}

START_TEST(the_engine_takes_every_expression)
{
    static const char pieces[][8] = { "a",  "push", "\"", "'", "(", ")",   "*",        "AND",      "OR", " ",
                                      "\0", "_",    "^",  ":", "{", "NOT", "\xc3\xb6", "\xe2\x80", "-",  "NEAR(" };
    char expression[DS_EXPRESSION_MAX], text[64];
    unsigned state = 7;
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(db, "CREATE VIRTUAL TABLE d USING fts5(t); INSERT INTO d VALUES('push rules')", NULL, NULL, NULL),
        SQLITE_OK);
    for (int round = 0; round < 20000; round++) {
        size_t len = 0;

        for (int i = 0; i < 8; i++) {
            const char *piece = pieces[(state = state * 1103515245u + 12345u) / 65536u % 20u];
            size_t piece_len = *piece ? strlen(piece) : 1;

            memcpy(text + len, piece, piece_len);
            len += piece_len;
        }
        express(text, len, expression);
        if (*expression) {
            int code = step(db, expression);

            ck_assert_msg(code == SQLITE_ROW || code == SQLITE_DONE, "%s: %s", expression, sqlite3_errmsg(db));
        }
    }
    sqlite3_close(db);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docs_search");
    TCase *query = tcase_create("query");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(query, words_are_quoted, 0, (int)(sizeof expressions / sizeof *expressions));
    tcase_add_test(query, there_are_not_too_many_words);
    tcase_add_test(query, the_engine_takes_every_expression);
    tcase_set_timeout(query, 60);
    suite_add_tcase(suite, query);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
