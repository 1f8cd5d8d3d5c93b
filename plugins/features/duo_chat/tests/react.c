/* react.c - what is read out of a model's text: every row whole, byte by byte and in pieces of 2 to 9 bytes. */
#include "../react.h"

#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX 4096

/* What must come of it, on one line: "answer <text>", "action <tool>|<input>|<thought>", "unknown <text>", "nothing".
 */
static const struct {
    const char *title, *text, *expected;
} rows[] = {
    /* as published */
    { "answer", "I know this.\nFinal Answer: 42", "answer 42" },
    { "contract", "thought\nFinal Answer: answer\n", "answer answer" },
    { "direct", " Easy.\nAction: DirectAnswer\nFinal Answer: Hello\n\nthere.  \n\n", "answer Hello\n\nthere." },
    { "no thought", "Final Answer: yes", "answer yes" },
    { "inside a line", "well, Final Answer: yes", "answer yes" },
    { "inside a line, bold", "well, **Final Answer:** yes", "answer yes" },
    { "first one counts", "Final Answer: a\nFinal Answer: b", "answer a\nFinal Answer: b" },
    { "blanks first", "\n\n  Final Answer:  \n\n  x y \n z \n", "answer x y \n z" },
    { "empty answer", "Thought\nFinal Answer:", "answer " },
    { "blank answer", "Thought\nFinal Answer: \n \n", "answer " },
    { "action", "I need it.\nAction: issue_reader\nAction Input: #123", "action issue_reader|#123|I need it." },
    { "answer wins", "x\nAction: issue_reader\nAction Input: 1\nFinal Answer: no", "answer no" },
    { "one line", "t Action: epic_reader Action Input: &1", "action epic_reader|&1|t" },
    { "dash", "t\nAction: issue_reader -\nAction Input: 1", "action issue_reader|1|t" },
    { "blanks", "\n t \n\nAction:  issue_reader \n\n Action Input: \n a \n\n b \n ", "action issue_reader|a \n\n b|t" },
    { "escaped", "use the issue\\_reader\nAction: issue\\_reader\nAction Input: a\\_b",
      "action issue_reader|a\\_b|use the issue_reader" },
    { "thought again", "Thought: I need it\nAction: issue_reader\nAction Input: 1", "action issue_reader|1|I need it" },
    { "no thought, action", "Action: issue_reader\nAction Input: 1", "action issue_reader|1|" },
    { "old name", "t\nAction: MergeRequestReader\nAction Input: !1", "action MergeRequestReader|!1|t" },
    { "unicode", "日本\nAction: issue_reader\nAction Input: ñ\U0001f600", "action issue_reader|ñ\U0001f600|日本" },
    { "answer unicode", "x\nFinal Answer: 日本\u00a0\U0001f600 \n", "answer 日本\u00a0\U0001f600" },
    /* neither */
    { "text", "Just text.\nTwo lines.", "unknown Just text.\nTwo lines." },
    { "text, blanks", " \n text \n", "unknown text" },
    { "nothing", "", "nothing" },
    { "only blanks", " \n\t ", "nothing" },
    { "action alone", "t\nAction: issue_reader", "unknown t\nAction: issue_reader" },
    { "input alone", "t\nAction Input: 1", "unknown t\nAction Input: 1" },
    { "wrong order", "Action Input: 1\nAction: x", "unknown Action Input: 1\nAction: x" },
    { "half a word", "t\nFinal Ans", "unknown t\nFinal Ans" },
    { "no colon", "the Final Answer is 4", "unknown the Final Answer is 4" },
    { "other word", "NoAction: issue_reader\tAction Input: 1", "unknown NoAction: issue_reader\tAction Input: 1" },
    { "answer behind a word", "so beFinal Answer: 4, NoAction: 1", "answer 4, NoAction: 1" },
    { "answer behind a sign", "了解しましたFinal Answer: 4", "answer 4" },
    { "action behind a sign", "了解Action: issue_reader\nAction Input: 1", "action issue_reader|1|了解" },
    { "small inside a line", "my final answer: 4", "unknown my final answer: 4" },
    { "two actions", "t\nAction: a\nAction: b\nAction Input: c", "action a|c|t" },
    /* as models like to spell it */
    { "small", "hm\nfinal answer: 4", "answer 4" },
    { "capitals", "hm\nFINAL ANSWER: 4", "answer 4" },
    { "joined", "hm\nFinalAnswer: 4", "answer 4" },
    { "no blank behind", "hm\nFinal Answer:4", "answer 4" },
    { "blank before colon", "hm\nFinal Answer : 4", "answer 4" },
    { "low line", "hm\nAction: issue_reader\nAction_Input: 4", "action issue_reader|4|hm" },
    { "joined input", "hm\nAction:issue_reader\nActionInput:4", "action issue_reader|4|hm" },
    { "small action", "hm\naction: issue_reader\naction input: 4", "action issue_reader|4|hm" },
    { "bold", "hm\n**Final Answer:** *4*", "answer *4*" },
    { "bold word", "hm\n**Final Answer**: **4**", "answer **4**" },
    { "low line bold", "hm\n__Final Answer:__ 4", "answer 4" },
    { "bold open", "hm\n**Final Answer: 4", "answer 4" },
    { "bold action", "**Thought:** hm\n**Action:** issue_reader\n**Action Input:** #4", "action issue_reader|#4|hm" },
    { "bold action 2", "**Thought**: hm\n**Action**: `issue_reader`\n**Action Input**: #4",
      "action issue_reader|#4|hm" },
    { "heading", "hm\n### Final Answer: 4", "answer 4" },
    { "list", "- Thought: hm\n- Action: issue_reader\n- Action Input: 4", "action issue_reader|4|hm" },
    { "quote", "> Final Answer: 4", "answer 4" },
    { "indented", "hm\n    Final Answer: 4", "answer 4" },
    { "CRLF", "hm\r\nAction: issue_reader\r\nAction Input: 4\r\n", "action issue_reader|4|hm" },
    { "quoted name", "hm\nAction: \"issue_reader\"\nAction Input: 4", "action issue_reader|4|hm" },
    { "name in brackets", "hm\nAction: [issue_reader]\nAction Input: 4", "action issue_reader|4|hm" },
    { "input, lines", "hm\nAction: a\nAction Input: one\ntwo\n\nthree", "action a|one\ntwo\n\nthree|hm" },
    { "input, fence", "hm\nAction: a\nAction Input: ```json\n{\"a\":\n 1}\n```\n", "action a|{\"a\":\n 1}|hm" },
    { "input, fence below", "hm\nAction: a\nAction Input:\n```\n#1\n```", "action a|#1|hm" },
    { "input, code", "hm\nAction: a\nAction Input: ```#1```", "action a|#1|hm" },
    { "input, two fences", "h\nAction: a\nAction Input: ```\n1\n```\nor\n```\n2\n```",
      "action a|```\n1\n```\nor\n```\n2\n```|h" },
    { "empty input", "hm\nAction: a\nAction Input:", "action a||hm" },
    { "too much decoration", "hm\n****************************************Final Answer", /* 40 */
      "unknown hm\n****************************************Final Answer" },
    /* servers that know no stop words */
    { "observation", "hm\nAction: a\nAction Input: 4\nObservation: made up\nThought: x\nFinal Answer: wrong",
      "action a|4|hm" },
    { "observation, bold", "hm\nAction: a\nAction Input: 4\n**Observation:** made up", "action a|4|hm" },
    { "observation, small", "hm\nAction: a\nAction Input: 4\nobservation:", "action a|4|hm" },
    { "observation in a line", "hm\nAction: a\nAction Input: the Observation: x", "action a|the Observation: x|hm" },
    { "observation in an answer", "Final Answer: x\nObservation: y", "answer x\nObservation: y" },
    { "observation first", "hm\nObservation: none\nFinal Answer: x", "answer x" },
    /* reasoning */
    { "think", "<think>Final Answer: no\nAction: a</think>\n\nThought: t\nFinal Answer: yes", "answer yes" },
    { "think, blanks", " \n<think>\n\n</think>\n\nFinal Answer: yes", "answer yes" },
    { "think, text", "<think>a</think>b", "unknown b" },
    { "think twice", "<think>a</think> <think>b</think> c", "unknown c" },
    { "think open", "<think>Final Answer: a", "nothing" },
    { "think, nothing", "<think>a</think>\n", "nothing" },
    { "think, almost", "<thin", "unknown <thin" },
    { "think, other", "<b>bold</b>\nFinal Answer: x", "answer x" },
    { "stray", "so I say\n</think>\n\nhm\nAction: a\nAction Input: b", "action a|b|hm" },
    { "stray action", "Action: x\nAction Input: y</think>hm\nAction: a\nAction Input: b", "action a|b|hm" },
    { "stray at 80", "12345678901234567890123456789012345678901234567890123456789012345678901234567890</think>x",
      "unknown x" },
    { "stray, umlauts", "äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü</think>x", "unknown x" },
    { "stray late", "123456789012345678901234567890123456789012345678901234567890123456789012345678901</think>x",
      "unknown 123456789012345678901234567890123456789012345678901234567890123456789012345678901</think>x" },
    { "tag in an answer", "Final Answer: </think> is a tag", "answer </think> is a tag" },
};

/* As ck_assert(), but silent and quick when all is well: there are very many. */
#define MUST(condition) \
    do { \
        if (!(condition)) \
            ck_abort_msg("%s", #condition); \
    } while (0)

static size_t append(char *out, size_t at, aigw_str text)
{
    MUST(at + text.len < MAX);
    if (text.len)
        memcpy(out + at, text.ptr, text.len);
    out[at + text.len] = '\0';
    return at + text.len;
}

/** Read the text in pieces of `size` bytes, each in memory of its own so that a sanitizer sees what is read too far. */
static void read_in(const char *text, size_t size, char out[MAX])
{
    size_t len = strlen(text), at = 0, answered = 0;
    char answer[MAX] = "";
    struct react react;
    struct react_step step;

    react_init(&react, MAX);
    while (at < len) {
        size_t n = len - at < size ? len - at : size;
        char *piece = malloc(n);
        aigw_str grown;

        MUST(piece != NULL);
        memcpy(piece, text + at, n);
        MUST(react_feed(&react, (aigw_str){ piece, n }, &grown) == AIGW_OK);
        answered = append(answer, answered, grown);
        free(piece);
        at += n;
    }
    react_finish(&react, &step);
    if (step.kind == REACT_IS_ANSWER) {
        append(answer, answered, step.text);
        snprintf(out, MAX, "answer %.*s", MAX / 2, answer);
    } else {
        MUST(answered == 0);
        if (step.kind == REACT_IS_ACTION)
            snprintf(out, MAX, "action %.*s|%.*s|%.*s", AIGW_STR_ARG(step.tool), AIGW_STR_ARG(step.input),
                     AIGW_STR_ARG(step.thought));
        else if (step.kind == REACT_IS_UNKNOWN)
            snprintf(out, MAX, "unknown %.*s", AIGW_STR_ARG(step.text));
        else
            snprintf(out, MAX, "nothing");
    }
    react_free(&react);
}

START_TEST(texts)
{
    static const size_t sizes[] = { MAX, 1, 2, 3, 4, 5, 7, 9 };
    char found[MAX];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        read_in(rows[_i].text, sizes[i], found);
        ck_assert_msg(strcmp(found, rows[_i].expected) == 0, "%s, in pieces of %zu: expected <%s>, found <%s>",
                      rows[_i].title, sizes[i], rows[_i].expected, found);
    }
}
END_TEST

/* Texts made of what matters to the reader, in random order: however they are cut, the same comes of them. */
START_TEST(random_texts)
{
    static const char *const bits[] = { "Final Answer:",
                                        "Final",
                                        " Answer",
                                        "Action:",
                                        "Action",
                                        " Input:",
                                        "Action Input:",
                                        "Observation:",
                                        "Thought:",
                                        "<think>",
                                        "</think>",
                                        "<",
                                        "/think>",
                                        "**",
                                        "*",
                                        "_",
                                        "`",
                                        "```",
                                        "\n",
                                        "\r\n",
                                        " ",
                                        ":",
                                        "-",
                                        "#",
                                        ">",
                                        "\\_",
                                        "x",
                                        "issue_reader",
                                        "ä",
                                        "final answer",
                                        "ACTION",
                                        "{\"a\": 1}",
                                        "  \n\n " };
    uint32_t seed = 20241105;
    char text[1024], whole[MAX], found[MAX];

    for (int round = 0; round < 20000; round++) {
        size_t len = 0, count;

        seed = seed * 1664525u + 1013904223u;
        count = 1 + seed / 65536 % 24;
        for (size_t i = 0; i < count; i++) {
            const char *bit;

            seed = seed * 1664525u + 1013904223u;
            bit = bits[seed / 65536 % (sizeof bits / sizeof *bits)];
            memcpy(text + len, bit, strlen(bit));
            len += strlen(bit);
        }
        text[len] = '\0';
        read_in(text, MAX, whole);
        for (size_t size = 1; size < 8; size++) {
            read_in(text, size, found);
            if (strcmp(found, whole) != 0)
                ck_abort_msg("<%s> in pieces of %zu: expected <%s>, found <%s>", text, size, whole, found);
        }
    }
}
END_TEST

/* An answer goes out at once, but for blanks that may be its end. */
START_TEST(grows)
{
    static const struct {
        const char *piece, *grown;
    } pieces[] = { { "t\nFinal", "" },  { " Answer", "" }, { ": a", "a" },   { "b ", "b" },
                   { " ", "" },         { "\n", "" },      { "c", "  \nc" }, { "d\n", "d" },
                   { "\ne ", "\n\ne" }, { "f", " f" },     { " \n", "" } };
    struct react react;
    struct react_step step;

    react_init(&react, 64);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        aigw_str grown;

        ck_assert_int_eq(react_feed(&react, (aigw_str){ pieces[i].piece, strlen(pieces[i].piece) }, &grown), AIGW_OK);
        ck_assert_msg(grown.len == strlen(pieces[i].grown) &&
                          memcmp(grown.ptr ? grown.ptr : "", pieces[i].grown, grown.len) == 0,
                      "piece %zu: expected <%s>, found <%.*s>", i, pieces[i].grown, AIGW_STR_ARG(grown));
    }
    react_finish(&react, &step);
    ck_assert_int_eq(step.kind, REACT_IS_ANSWER);
    ck_assert_uint_eq(step.text.len, 0);
    react_free(&react);
}
END_TEST

/* What is kept is limited; what is passed on is not, nor what nobody needs. */
START_TEST(limits)
{
    static const char many[] = "0123456789012345678901234567890123456789";
    const aigw_str piece = { many, sizeof many - 1 };
    struct react react;
    aigw_str grown;

    react_init(&react, 64);
    ck_assert_int_eq(react_feed(&react, piece, &grown), AIGW_OK);
    ck_assert_int_eq(react_feed(&react, piece, &grown), AIGW_E_LIMIT);
    react_free(&react);

    react_init(&react, 64);
    ck_assert_int_eq(react_feed(&react, AIGW_STR("Final Answer:"), &grown), AIGW_OK);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(react_feed(&react, piece, &grown), AIGW_OK);
    react_free(&react);

    react_init(&react, 64);
    ck_assert_int_eq(react_feed(&react, AIGW_STR("<think>"), &grown), AIGW_OK);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(react_feed(&react, piece, &grown), AIGW_OK);
    react_free(&react);

    react_init(&react, 64);
    ck_assert_int_eq(react_feed(&react, AIGW_STR("Action: a\nAction Input: b\nObservation:"), &grown), AIGW_OK);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(react_feed(&react, piece, &grown), AIGW_OK);
    react_free(&react);
}
END_TEST

/* Text that is dropped again and again is not moved each time: as much of it takes no longer than any other. */
START_TEST(much_that_is_dropped)
{
    static const char *const bits[] = { "<think>a</think>", "a</think>", "<think>a</think>b</think>\n" };
    enum { TIMES = 100000 };

    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        size_t len = strlen(bits[i]), all = TIMES * len;
        char *text = malloc(all);
        struct react react;
        struct react_step step;
        aigw_str grown;

        ck_assert_ptr_nonnull(text);
        for (size_t at = 0; at < all; at += len)
            memcpy(text + at, bits[i], len);
        react_init(&react, all);
        ck_assert_int_eq(react_feed(&react, (aigw_str){ text, all }, &grown), AIGW_OK);
        for (int n = 0; n < TIMES / 10; n++) /* and piece by piece */
            ck_assert_int_eq(react_feed(&react, (aigw_str){ text, len }, &grown), AIGW_OK);
        ck_assert_uint_lt(react.room, 4 * all);
        ck_assert_int_eq(react_feed(&react, AIGW_STR("t\nAction: issue_reader\nAction Input: 1"), &grown), AIGW_OK);
        react_finish(&react, &step);
        ck_assert_int_eq(step.kind, REACT_IS_ACTION);
        ck_assert_uint_eq(step.thought.len, 1);
        react_free(&react);
        free(text);
    }
}
END_TEST

Suite *react_suite(void)
{
    Suite *suite = suite_create("react");
    TCase *tcase = tcase_create("rows");

    tcase_add_loop_test(tcase, texts, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tcase, random_texts);
    tcase_add_test(tcase, grows);
    tcase_add_test(tcase, limits);
    tcase_add_test(tcase, much_that_is_dropped);
    suite_add_tcase(suite, tcase);
    return suite;
}
