/* test_docs.c - pages of documentation → pieces, links, searched text. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "docs/docs.h"

static char found[1 << 20];
static size_t found_count, longest_words, longest_bytes;
static size_t take_at_most;

static size_t words_in(aigw_str text)
{
    size_t words = 0;

    for (size_t i = 0; i < text.len; i++)
        words += !strchr(" \n\t", text.ptr[i]) && (i == 0 || strchr(" \n\t", text.ptr[i - 1]));
    return words;
}

static bool take(void *user, const struct docs_piece *piece)
{
    size_t len = strlen(found);

    (void)user;
    snprintf(found + len, sizeof found - len, "<%s|%s|%.*s>", piece->title, piece->trail, AIGW_STR_ARG(piece->text));
    found_count++;
    if (words_in(piece->text) > longest_words)
        longest_words = words_in(piece->text);
    if (piece->text.len > longest_bytes)
        longest_bytes = piece->text.len;
    return found_count < take_at_most;
}

/** Pieces of a page that lies in memory of its exact size. */
static bool split(const char *page, size_t len, const char *path)
{
    char *copy = malloc(len ? len : 1);
    bool result;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, page, len);
    *found = '\0';
    found_count = longest_words = longest_bytes = 0;
    take_at_most = SIZE_MAX;
    result = docs_pieces((aigw_str){ copy, len }, path, take, NULL);
    free(copy);
    return result;
}

#define SIXTY_WORDS \
    "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a " \
    "a " \
    "a a a"

static const struct {
    const char *page, *pieces;
} pages[] = {
    { "", "" },
    { "\n\n \n", "" },
    { "text", "<page|page|text>" },
    { "\xef\xbb\xbf# Title\n\ntext\n", "<Title|Title|text>" },
    { "# Title\r\n\r\ntext\r\n", "<Title|Title|text>" },
    { "---\ntitle: T\n---\ntext", "<T|T|text>" },
    { "---\nstage: x\ntitle: \"T: a 'b'\"\n---\n\n# T: a 'b'\n\ntext", "<T: a 'b'|T: a 'b'|text>" },
    { "---\ntitle: 'T'\r\n---\r\n\r\ntext", "<T|T|text>" },
    { "---\ntitle: T\n---\n# Other\n\ntext", "<T|T > Other|text>" },
    { "---\nredirect_to: 'x.md'\ntitle: T\n---\nmoved", "" },
    { "---\nredirect_to:\n---\ntext", "<page|page|text>" },
    { "---\ntitle: T\n", "<page|page|---\ntitle: T>" },
    { "---\n---\ntext", "<page|page|text>" },
    { "# T\n## A\n", "" },
    { "# T\n## A\ntext", "<T|T > A|text>" },
    { "# T\n## A\n### B ###\ntext", "<T|T > A > B|text>" },
    { "# T\n## A {#anchor}\ntext", "<T|T > A|text>" },
    { "# T\n#no heading\n    # code\n####### seven", "<T|T|#no heading\n    # code\n####### seven>" },
    { "# T\n\nshort\n\n## A\n\ntext", "<T|T|short\n\n## A\n\ntext>" },
    { "# T\n\n" SIXTY_WORDS "\n\n## A\n\ntext\n\n## B\n\nmore", "<T|T|" SIXTY_WORDS "><T|T > A|text\n\n## B\n\nmore>" },
    { "# T\n## A\n### B\n" SIXTY_WORDS "\n## C\n" SIXTY_WORDS "\n#### D\ntext",
      "<T|T > A > B|" SIXTY_WORDS "><T|T > C|" SIXTY_WORDS "><T|T > C > D|text>" },
    { "# T\na <!-- b --> c\n<!-- d\n## e\nf --> g\nh", "<T|T|a  c\n g\nh>" },
    { "# T\n<!-- never closed\n## x\ntext", "" },
    { "# T\n{{< details >}}\n\ntext {{< icon name=\"x\" >}}\n\n{{< /details >}}\n", "<T|T|text>" },
    { "# T\nopen {{< stays", "<T|T|open {{< stays>" },
    { "# T\na {{< b >}} c {{< d\ne {{< f >}} g", "<T|T|a  c {{< d\ne  g>" },
    { "# T\n```yaml\n# no heading\n<!-- stays -->\n\n\nx\n```\n## A\ntext",
      "<T|T|```yaml\n# no heading\n<!-- stays -->\n\n\nx\n```\n## A\ntext>" },
    { "# T\n````\n```\n# x\n````\n# A\ntext", "<T|T|````\n```\n# x\n````\n# A\ntext>" },
    { "# T\n~~~\n```\n# x\n~~~\n", "<T|T|~~~\n```\n# x\n~~~>" },
    { "# T\n```one line``` of code\n## A\ntext", "<T|T|```one line``` of code\n## A\ntext>" },
    { "# T\na\n\n\n\nb", "<T|T|a\n\nb>" },
};

START_TEST(pages_are_cut_as_expected)
{
    ck_assert(split(pages[_i].page, strlen(pages[_i].page), "user/page.md"));
    ck_assert_str_eq(found, pages[_i].pieces);
}
END_TEST

/** A page of `count` times `text`. */
static void split_many(const char *text, size_t count)
{
    size_t len = strlen(text);
    char *page = malloc(len * count);

    ck_assert_ptr_nonnull(page);
    for (size_t i = 0; i < count; i++)
        memcpy(page + i * len, text, len);
    ck_assert(split(page, len * count, "page.md"));
    free(page);
}

START_TEST(pieces_are_not_too_large)
{
    static const char *const texts[] = {
        "word ", "word\n",  "word word word.\n\n", "x", "\xc3\xb6", "| a table | of words |\n", "```\nword\n",
        "\xff",  "\n# A\n",
    };

    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++) {
        split_many(texts[i], 20000);
        ck_assert_msg(longest_words <= DOCS_PIECE_WORDS, "%s: %zu words", texts[i], longest_words);
        ck_assert_msg(longest_bytes <= DOCS_PIECE_BYTES, "%s: %zu bytes", texts[i], longest_bytes);
    }
}
END_TEST

START_TEST(odd_pages_take_no_longer)
{
    static const char *const texts[] = { "{{< ", "<!-- ", "](", "\x80", " ", "{#", "# ", "```", "x ", "\n" };

    for (size_t i = 0; i < GW_ARRAY_LEN(texts); i++)
        split_many(texts[i], 300000); /* would take minutes if each looked at all the rest */
}
END_TEST

START_TEST(long_sections_are_cut_at_paragraphs)
{
    split_many(SIXTY_WORDS " end.\n\n", 20);
    ck_assert_uint_ge(found_count, 4);
    for (const char *at = found; (at = strstr(at, "a>")) != NULL; at++)
        ck_abort_msg("a piece ends inside a paragraph: %s", at);
}
END_TEST

START_TEST(nothing_is_lost)
{
    char page[20000] = "", word[16];
    size_t len = 0;

    for (unsigned i = 0; i < 2000; i++)
        len += (size_t)snprintf(page + len, sizeof page - len, "w%u%s", i, i % 9 ? " " : "\n\n");
    ck_assert(split(page, len, "page.md"));
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(word, sizeof word, "w%u", i);
        ck_assert_msg(strstr(found, word) != NULL, "%s is gone", word);
    }
}
END_TEST

START_TEST(taking_may_stop)
{
    *found = '\0';
    found_count = 0;
    take_at_most = 1;
    ck_assert(!docs_pieces(gw_str("# T\n" SIXTY_WORDS "\n## A\n" SIXTY_WORDS "\n## B\ntext"), "page.md", take, NULL));
    ck_assert_uint_eq(found_count, 1);
}
END_TEST

static const struct {
    const char *path, *url;
} urls[] = {
    { "user/project/push_rules.md", "https://x.test/user/project/push_rules/" },
    { "user/project/_index.md", "https://x.test/user/project/" },
    { "user/index.md", "https://x.test/user/" },
    { "README.md", "https://x.test/" },
    { "page.md", "https://x.test/page/" },
    { "user_index.md", "https://x.test/user_index/" },
};

START_TEST(pages_have_links)
{
    struct gw_buf out;

    gw_buf_init(&out, 1024);
    docs_url("https://x.test", urls[_i].path, &out);
    ck_assert_str_eq(out.data, urls[_i].url);
    gw_buf_done(&out);
}
END_TEST

static const struct {
    const char *text, *plain;
} plains[] = {
    { "see [pushing](push.md#x) first", "see [pushing  first" },
    { "![alt](a.png) and [b](c)", "![alt  and [b " },
    { "a](b\nc) d", "a](b\nc) d" },
    { "a](never closed", "a](never closed" },
    { "]", "]" },
    { "x", "x" },
};

START_TEST(targets_of_links_are_not_searched)
{
    struct gw_buf out;

    gw_buf_init(&out, 1024);
    docs_plain_text(gw_str(plains[_i].text), &out);
    ck_assert_str_eq(out.data, plains[_i].plain);
    gw_buf_done(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("docs");
    TCase *tests = tcase_create("docs");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, pages_are_cut_as_expected, 0, (int)GW_ARRAY_LEN(pages));
    tcase_add_test(tests, pieces_are_not_too_large);
    tcase_add_test(tests, odd_pages_take_no_longer);
    tcase_add_test(tests, long_sections_are_cut_at_paragraphs);
    tcase_add_test(tests, nothing_is_lost);
    tcase_add_test(tests, taking_may_stop);
    tcase_add_loop_test(tests, pages_have_links, 0, (int)GW_ARRAY_LEN(urls));
    tcase_add_loop_test(tests, targets_of_links_are_not_searched, 0, (int)GW_ARRAY_LEN(plains));
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
