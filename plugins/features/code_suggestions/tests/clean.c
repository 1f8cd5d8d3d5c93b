/* What a model lets slip: each row is fed whole, byte by byte and in odd pieces, and must read the same. */
#include "parts.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../clean.h"
#include "../reflection.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define F        CS_CLEAN_FENCES
#define U        CS_CLEAN_UNESCAPE

#define LLAMA     "<PRE>\0<SUF>\0<MID>\0<EOT>\0"
#define CODESTRAL "[INST]\0[/INST]\0[PREFIX]\0[MIDDLE]\0[SUFFIX]\0</s>[SUFFIX]\0"

static const struct {
    const char *id;
    uint32_t flags;
    const char *stops; /* each with its NUL */
    const char *text, *wanted;
    bool is_cut;
} rows[] = {
    { "nothing", F, "", "", "", false },
    { "code", F | U, "", "def f():\n    return 1\n", "def f():\n    return 1\n", false },
    { "angles", F, LLAMA, "if (a < b && c <= d) x << 1; y <P z <", "if (a < b && c <= d) x << 1; y <P z <", false },
    { "brackets", 0, CODESTRAL, "a[i][PRE] = [SUFFI", "a[i][PRE] = [SUFFI", false },

    { "tags", 0, "", "<new_code>\nx\n</new_code>", "x\n", true },
    { "tags-inline", 0, "", "<new_code>x</new_code>", "x", true },
    { "tag-open", 0, "", "<new_code>\n\nx", "\nx", false },
    { "tag-crlf", 0, "", "<new_code>\r\nx", "\r\nx", false },
    { "tag-later", 0, "", "a<new_code>\nb", "ab", false },
    { "tag-twice", 0, "", "<new_code><new_code>\nb", "b", false },
    { "tag-close-first", 0, "", "</new_code>x", "", true },
    { "tag-close", 0, "", "x</new_code>y<new_code>z", "x", true },
    { "tag-half", 0, "", "x</new_cod", "x</new_cod", false },
    { "tag-nearly", 0, "", "<new_code2>", "<new_code2>", false },
    { "tag-in-tag", 0, "", "<new_<new_code>x", "<new_x", false },
    { "tag-only", 0, "", "<new_code>", "", false },
    { "cursor", 0, "", "a<|cursor|>b<|cursor|>", "ab", false },

    { "stop", 0, LLAMA, "x = 1 <EOT> and more", "x = 1 ", true },
    { "stop-first", 0, LLAMA, "<MID>x = 1", "x = 1", false },
    { "stop-first-blank", 0, LLAMA, " \n<MID>x", " \nx", false },
    { "stop-first-then-again", 0, LLAMA, "<MID>x<MID>y", "x", true },
    { "stop-codestral", 0, CODESTRAL, "a[0]\n[SUFFIX]b", "a[0]\n", true },
    { "stop-inside-longer", 0, CODESTRAL, "a</s>[SUFFIX]b", "a", true },
    { "stop-longer-fails", 0, CODESTRAL, "a</s>[SUFFI]b", "a</s>[SUFFI]b", false },
    { "stop-overlap", 0, "aab\0", "x aaab y", "x a", true },
    { "stop-blank-is-none", 0, "\n\n\0", "a\n\nb", "a\n\nb", false },
    { "stop-of-another-family", 0, LLAMA, "x<|fim_middle|>y", "x", true },
    { "stop-endoftext", 0, "", "x<|endoftext|>", "x", true },
    { "stop-deepseek", 0, "",
      "x<\xEF\xBD\x9C"
      "fim\xE2\x96\x81"
      "end\xEF\xBD\x9C>y",
      "x", true },
    { "not-quite-deepseek", 0, "",
      "x<\xEF\xBD\x9C"
      "fim y",
      "x<\xEF\xBD\x9C"
      "fim y",
      false },

    { "fence", F, "", "```python\nx\n```\n", "x\n", false },
    { "fence-no-end", F, "", "```\nx\n", "x\n", false },
    { "fence-last", F, "", "```c++\nx\n```", "x\n", false },
    { "fence-crlf", F, "", "```js\r\nx\r\n```\r\n", "x\r\n", false },
    { "fence-blanks", F, "", "```js  \nx\n", "x\n", false },
    { "fence-twice", F, "", "a\n```\nb\n```\n```\nc\n", "a\nb\nc\n", false },
    { "fence-title", F, "", "```js title=1\nx\n", "```js title=1\nx\n", false },
    { "fence-indented", F, "", "  ```js\nx\n", "  ```js\nx\n", false },
    { "fence-four", F, "", "````\nx\n", "````\nx\n", false },
    { "fence-long", F, "", "```aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nx",
      "```aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nx", false },
    { "fence-cut", F, "", "x\n``", "x\n", false },
    { "fence-label-cut", F, "", "```pyth", "", false },
    { "fence-behind-code", F, "", "x()```", "x()", false },
    { "fence-behind-code-line", F, "", "x()```\ny", "x()```\ny", false },
    { "backtick", F, "", "`a` + ``b`` + `c`", "`a` + ``b`` + `c`", false },
    { "backtick-lines", F, "", "`a`\n``\n`", "`a`\n``\n", false },
    { "backticks-many", F, "", "x ``````````````````````````````````````````````````````````````````````` y",
      "x ``````````````````````````````````````````````````````````````````````` y", false },
    { "no-fences", 0, "", "```python\nx\n```", "```python\nx\n```", false },
    { "fence-and-tag", F, "", "<new_code>\n```js\nx\n```\n</new_code>", "x\n", true },
    { "tag-in-fence", F, "", "```js\n<new_code>\nx</new_code>\n```", "x", true },
    { "empty-lines", F, "", "\n\nx\n\n", "\n\nx\n\n", false },

    { "escape", U, "", "a\\_b\\_c", "a_b_c", false },
    { "escape-none", U, "", "a\\b\\", "a\\b\\", false },
    { "escape-two", U, "", "\\\\_", "\\_", false },
    { "escape-tag", U, "", "<new\\_code>x", "x", false },
    { "escape-off", 0, "", "a\\_b", "a\\_b", false },
};

static char got[4096];
static size_t got_len;

static void put(void *user, aigw_str text)
{
    (void)user;
    ck_assert_uint_le(got_len + text.len, sizeof got);
    memcpy(got + got_len, text.ptr, text.len);
    got_len += text.len;
}

/** Pieces of the given size; 0: of 1, 2, 3 … bytes. Each from memory of its exact size. */
static bool feed(size_t row, size_t size)
{
    aigw_str stops[16];
    uint32_t stop_count = 0;
    struct cs_clean clean;
    size_t len = strlen(rows[row].text);

    for (const char *at = rows[row].stops; *at; at += strlen(at) + 1)
        stops[stop_count++] = (aigw_str){ at, strlen(at) };
    got_len = 0;
    cs_clean_begin(&clean, rows[row].flags, stops, stop_count, put, NULL);
    for (size_t at = 0, n = size ? size : 1; at < len; n = size ? size : n + 1) {
        size_t piece_len = n < len - at ? n : len - at;
        char *piece = malloc(piece_len);

        memcpy(piece, rows[row].text + at, piece_len);
        cs_clean_feed(&clean, (aigw_str){ piece, piece_len });
        free(piece);
        at += piece_len;
    }
    cs_clean_feed(&clean, AIGW_STR_NONE);
    cs_clean_end(&clean);
    return clean.is_cut;
}

START_TEST(answer_is_cleaned_however_it_is_cut)
{
    static const size_t sizes[] = { 4096, 1, 2, 3, 5, 7, 0 };

    for (size_t i = 0; i < COUNT(sizes); i++) {
        bool is_cut = feed((size_t)_i, sizes[i]);

        ck_assert_msg(got_len == strlen(rows[_i].wanted) && memcmp(got, rows[_i].wanted, got_len) == 0,
                      "%s in pieces of %zu: [%.*s], expected [%s]", rows[_i].id, sizes[i], (int)got_len, got,
                      rows[_i].wanted);
        ck_assert_msg(is_cut == rows[_i].is_cut, "%s in pieces of %zu: cut %d", rows[_i].id, sizes[i], is_cut);
    }
}
END_TEST

START_TEST(only_what_may_become_something_is_held)
{
    static const struct {
        const char *piece, *shown;
    } pieces[] = {
        { "first ", "first " }, { "a < b", "a < b" }, { "x <", "x " }, { "= y", "<= y" }, { "\n", "\n" },
        { "``", "" },           { "a", "``a" },       { "`", "" },     { "b", "`b" },     { "\nab", "\nab" },
    };
    struct cs_clean clean;

    cs_clean_begin(&clean, F, NULL, 0, put, NULL);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        got_len = 0;
        cs_clean_feed(&clean, (aigw_str){ pieces[i].piece, strlen(pieces[i].piece) });
        ck_assert_msg(got_len == strlen(pieces[i].shown) && memcmp(got, pieces[i].shown, got_len) == 0,
                      "piece %zu: [%.*s]", i, (int)got_len, got);
    }
}
END_TEST

START_TEST(too_many_and_too_long_stops_are_left_to_the_server)
{
    char texts[100][8], many[200];
    aigw_str stops[101];
    struct cs_clean clean;

    memset(many, 'm', sizeof many);
    stops[0] = (aigw_str){ many, sizeof many };
    for (int i = 0; i < 100; i++) {
        snprintf(texts[i], sizeof texts[i], "<%d>", i);
        stops[i + 1] = (aigw_str){ texts[i], strlen(texts[i]) };
    }
    cs_clean_begin(&clean, 0, stops, COUNT(stops), put, NULL);
    ck_assert_uint_eq(clean.marker_count, CS_MARKERS_MAX);
    got_len = 0;
    cs_clean_feed(&clean, (aigw_str){ many, sizeof many });
    cs_clean_feed(&clean, AIGW_STR("<0>more"));
    ck_assert(clean.is_cut);
    ck_assert_uint_eq(got_len, sizeof many);
}
END_TEST

/* ---- what stands above already ---- */

#define FIVE "alpha = beta alpha\nbeta = alpha beta\nalpha beta alpha\nbeta alpha beta\nalpha alpha beta\n"

static const struct {
    const char *id, *above, *text, *wanted;
} reflections[] = {
    { "nothing", "", "", "" },
    { "new", "a\nb\n", "c\nd\n", "c\nd\n" },
    { "code-line", "x = 1\n", "y\nx = 1\nz\n", "y\nx = 1\nz\n" },
    { "comment", "# add two\n", "y\n# add two\nz\n", "y\nz\n" },
    { "comment-indented", "\t// add two  \n", "y\n\t// add two\nz", "y\nz" },
    { "comment-other-indent", "\t// add two\n", "y\n// add two\nz", "y\n// add two\nz" },
    { "comment-first-stays", "# add two\n", "# add two\nz\n", "# add two\nz\n" },
    { "comment-last", "# add two", "y\n# add two", "y\n" },
    { "comment-end", "*/\n", "y\n*/\nz\n", "y\n*/\nz\n" },
    { "include", "#include <a.h>\n", "y\n#include <a.h>\nz\n", "y\n#include <a.h>\nz\n" },
    { "sql", "-- all rows\n", "y\n-- all rows\n", "y\n" },
    { "decrement", "--count;\n", "y\n--count;\n", "y\n--count;\n" },
    { "two-comments", "# one two\n# three\n", "y\n# one two\n# three\nz", "y\n# one two\n# three\nz" },
    { "block", FIVE, "y\n" FIVE "z\n", "y\nz\n" },
    { "block-last", FIVE, "y\n" FIVE, "y\n" },
    { "four-lines", FIVE, "y\nalpha = beta alpha\nbeta = alpha beta\nalpha beta alpha\nbeta alpha beta\nz\n",
      "y\nalpha = beta alpha\nbeta = alpha beta\nalpha beta alpha\nbeta alpha beta\nz\n" },
    { "signs", "{\n}\n(\n)\n;;\n", "y\n{\n}\n(\n)\n;;\nz", "y\n{\n}\n(\n)\n;;\nz" },
    { "blank-lines", "\n\n\n", "y\n\n\n\n\n\nz", "y\n\n\n\n\n\nz" },
};

START_TEST(lines_that_stand_above_are_not_said_again)
{
    size_t len = strlen(reflections[_i].text);
    char *text = malloc(len + 1);

    memcpy(text, reflections[_i].text, len);
    len = cs_drop_reflection((aigw_str){ reflections[_i].above, strlen(reflections[_i].above) }, text, len);
    ck_assert_msg(len == strlen(reflections[_i].wanted) && memcmp(text, reflections[_i].wanted, len) == 0, "%s: [%.*s]",
                  reflections[_i].id, (int)len, text);
    free(text);
}
END_TEST

START_TEST(large_answers_take_little_time)
{
    size_t size = (size_t)1 << 20;
    char *above = malloc(size), *text = malloc(size);

    for (size_t i = 0; i < size; i++) {
        above[i] = i % 2 ? '\n' : 'a';
        text[i] = i % 2 ? '\n' : 'b';
    }
    ck_assert_uint_eq(cs_drop_reflection((aigw_str){ above, size }, text, size), size);
    free(above);
    free(text);
}
END_TEST

TCase *clean_case(void)
{
    TCase *tc = tcase_create("clean");

    tcase_add_loop_test(tc, answer_is_cleaned_however_it_is_cut, 0, (int)COUNT(rows));
    tcase_add_test(tc, only_what_may_become_something_is_held);
    tcase_add_test(tc, too_many_and_too_long_stops_are_left_to_the_server);
    tcase_add_loop_test(tc, lines_that_stand_above_are_not_said_again, 0, (int)COUNT(reflections));
    tcase_add_test(tc, large_answers_take_little_time);
    return tc;
}
