/* test_common.c - what the providers share and case files cannot reach: characters cut at every byte, words in a
 * stream, headers that pass. Exit status 0: all is well. */
#include "../halves.h"
#include "../later.h"
#include "../read.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void check(bool is_good, const char *what, const char *of)
{
    if (is_good)
        return;
    fprintf(stderr, "%s: %s\n", what, of);
    failures++;
}

static bool is(aigw_str s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || memcmp(s.ptr, text, s.len) == 0);
}

/* ---- characters ---- */

struct joined {
    struct halves halves;
    char text[256];
    size_t len;
};

static void join(struct joined *joined, const char *bytes, size_t len)
{
    char *exact = malloc(len > 0 ? len : 1), *copy;
    aigw_str text;

    if (!exact)
        abort();
    memcpy(exact, bytes, len);
    if (!halves_join(&joined->halves, 7, (aigw_str){ exact, len }, &text, &copy))
        abort();
    if (text.len > 0)
        memcpy(joined->text + joined->len, text.ptr, text.len);
    joined->len += text.len;
    free(copy);
    free(exact);
}

/* Cut in three at any two places, the pieces come to what they were. */
static void test_every_cut(void)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z\xed\x95\x9c\xf4\x8f\xbf\xbf\xef\xbf\xbd";
    const size_t len = sizeof text - 1;

    for (size_t one = 0; one <= len; one++)
        for (size_t two = one; two <= len; two++) {
            struct joined joined = { .len = 0 };
            uint32_t stream;

            join(&joined, text, one);
            join(&joined, text + one, two - one);
            join(&joined, text + two, len - two);
            check(joined.len == len && memcmp(joined.text, text, len) == 0, "cut and joined", joined.text);
            check(!halves_take(&joined.halves, 7, UINT32_MAX, &stream), "nothing is left", joined.text);
        }
}

static void test_pieces(void)
{
#define HIGH "\xed\xa0\xbd"
#define LOW  "\xed\xb8\x80"
#define LOST "\xef\xbf\xbd"
    static const struct {
        const char *pieces[4], *want;
        bool is_held; /* something at the end waits for more */
    } rows[] = {
        { { "a" HIGH, LOW "b" },
          "a\xf0\x9f\x98\x80"
          "b",
          false },
        { { HIGH, HIGH, LOW }, LOST "\xf0\x9f\x98\x80", false },
        { { HIGH, "x" }, LOST "x", false },
        { { LOW, "x" }, LOST "x", false },
        { { HIGH, "\x80x" }, LOST "x", false },
        { { "\xe2", "x" }, LOST "x", false },
        { { "\xe2", LOW "x" }, LOST "x", false },
        { { "\x80\x80\x80x" }, LOST "x", false },
        { { "\xe2\x82", "\xac\x80" }, "\xe2\x82\xac\x80", false }, /* what is wrong inside is not ours to mend */
        { { "a" HIGH }, "a", true },
        { { "a\xf0\x9f\x98" }, "a", true },
        { { "\xf0", "\x9f", "\x98", "\x80" }, "\xf0\x9f\x98\x80", false },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct joined joined = { .len = 0 };
        uint32_t stream = 0;
        bool is_held;

        for (size_t n = 0; n < 4 && rows[i].pieces[n]; n++)
            join(&joined, rows[i].pieces[n], strlen(rows[i].pieces[n]));
        is_held = halves_take(&joined.halves, 7, UINT32_MAX, &stream);
        check(is((aigw_str){ joined.text, joined.len }, rows[i].want), "joined", rows[i].want);
        check(is_held == rows[i].is_held && (!is_held || stream == 7), "held", rows[i].want);
    }
}

static void test_more_streams_than_are_held(void)
{
    struct halves halves = { .count = 0 };

    for (uint32_t stream = 0; stream < HALVES_MAX + 3; stream++) {
        aigw_str text;
        char *copy;

        check(halves_join(&halves, stream, AIGW_STR("x" HIGH), &text, &copy), "memory", "");
        check(is(text, stream < HALVES_MAX ? "x" : "x" LOST), "beyond the table", "");
        free(copy);
    }
    check(halves.count == HALVES_MAX, "the table", "is full");
}

/* ---- values one after the other ---- */

static void test_values(void)
{
    aigw_str rest = AIGW_STR("{\"t\":\"a\\ud83d\"} {\"t\":\"\\ude00\\n\"}\n{\"t\":\"\xe2\x82\"}x");
    static const char *const want[] = { "a" HIGH, LOW "\n", "\xe2\x82" };
    struct reader r;
    struct aigw_json value;

    reader_open(&r);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        check(reader_next(&r, &rest, &value), "a value", want[i]);
        check(is(reader_str(&r, &value, "t"), want[i]), "its text", want[i]);
    }
    check(!reader_next(&r, &rest, &value) && is(rest, "x") && value.type == AIGW_JSON_ABSENT, "no value", "x");
    rest = AIGW_STR("{ \"a b\" :\n[ 1 , \"\\\" \\\\\" ,\t\"\\q \x01\" , NaN ] } ");
    check(reader_next(&r, &rest, &value) && rest.len == 0, "a value", "with blanks");
    check(is(reader_json(&r, &value), "{\"a b\":[1,\"\\\" \\\\\",\"\\ufffd \\u0001\",null]}"), "on one line", "");
    reader_end(&r);
}

/* ---- members ---- */

static void test_members(void)
{
    static const char *const reserved[] = { "model", NULL };
    static const struct {
        const char *object, *want; /* the body, or NULL: it is refused */
        const char *dropped;
    } rows[] = {
        { "", "{\"n\":1}", "" },
        { "{}", "{\"n\":1}", "" },
        { " {\"a\" : [ 1 ] } ", "{\"n\":1,\"a\":[ 1 ]}", "" },
        { "{\"n\":2,\"model\":\"x\",\"b\":null}", "{\"n\":1,\"b\":null}", "nmodel" },
        { "{\"a\":1,\"b\":2,\"a\":3}", "{\"n\":1,\"a\":3,\"b\":2}", "" },
        { "{\"\\u006d\\u006f\\u0064el\":1,\"c\\\"d\":\"\\n\"}", "{\"n\":1,\"c\\\"d\":\"\\n\"}", "model" },
        { "[1]", NULL, "" },
        { "{\"a\":1} x", NULL, "" },
        { "{\"a\":\"\\q\"}", NULL, "" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct record record;
        struct aigw_ctx *ctx = (struct aigw_ctx *)(void *)&record;
        struct wire_drops drops = { .first = NULL };
        struct wire_body body;
        aigw_str text;

        check(wire_begin(&body, &record_host, ctx) == AIGW_OK, "a body", rows[i].object);
        wire_int(&body, "n", 1);
        if (wire_members(&body, wire_str(rows[i].object), reserved, &drops) != AIGW_OK) {
            check(!rows[i].want, "refused", rows[i].object);
        } else {
            char names[64] = "";
            const char *at = record.text;

            check(wire_end(&body, &text) == AIGW_OK && rows[i].want && is(text, rows[i].want), "merged",
                  rows[i].object);
            wire_emit_drops(&record_host, ctx, &drops);
            record.text[record.len] = '\0';
            while ((at = strstr(at, " name=")) != NULL) { /* " name=5:model" */
                char *name = strchr(at, ':') + 1;

                strncat(names, name, strtoul(at + 6, NULL, 10));
                at = name;
            }
            check(strcmp(names, rows[i].dropped) == 0, "left out", names);
        }
        record_free(&record);
    }
}

/* ---- words ---- */

static void test_words(void)
{
    static const struct {
        const char *text, *words; /* NULL: no error */
    } rows[] = {
        { "error: x y ", "x y" },       { " ERROR : x", "x" }, { "[ERROR] x", "x" },    { "[error]: x", "x" },
        { "a.b.RuntimeError: x", "x" }, { "Exception: ", "" }, { "error", NULL },       { "errors: x", NULL },
        { "{\"error\": 1}", NULL },     { "[1]", NULL },       { "terror x: y", NULL }, { "", NULL },
    };
    static const char *const beats[] = { "ping", "PING", "keep-alive", "heartbeat" };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aigw_str words = AIGW_STR_NONE;
        bool is_error = wire_is_error_line(wire_str(rows[i].text), &words);

        check(is_error == (rows[i].words != NULL) && (!is_error || is(words, rows[i].words)), "error line",
              rows[i].text);
    }
    for (size_t i = 0; i < sizeof beats / sizeof *beats; i++)
        check(wire_is_heartbeat(AIGW_STR_NONE, wire_str(beats[i])) &&
                  wire_is_heartbeat(wire_str(beats[i]), AIGW_STR("{}")),
              "heartbeat", beats[i]);
    check(!wire_is_heartbeat(AIGW_STR("message"), AIGW_STR("{}")), "no heartbeat", "{}");
    check(wire_is_end_marker(AIGW_STR("[Done]")) && wire_is_end_marker(AIGW_STR("\"[DONE]\"")) &&
              !wire_is_end_marker(AIGW_STR("[DON")),
          "end marker", "[DONE]");
    check(wire_same_word(AIGW_STR("maxTokens"), "max_tokens") && !wire_same_word(AIGW_STR("max"), "max_tokens") &&
              !wire_same_word(AIGW_STR("max_tokens_x"), "max_tokens"),
          "same word", "max_tokens");
}

/* ---- pass-through ---- */

static void test_headers(void)
{
#define PAIR(n, v) \
    { \
        AIGW_STR_INIT(n), AIGW_STR_INIT(v) \
    }
    static const struct aigw_pair pairs[] = { PAIR("X-Session", "1"),     PAIR("Authorization", "Bearer s"),
                                              PAIR("x-API-key", "s"),     PAIR("Ours", "theirs"),
                                              PAIR("a b", "1"),           PAIR("Evil", "a\r\nb: c"),
                                              PAIR("openai-beta", "x=1"), PAIR("Beyond", "the maximum") };
    static const char *const ours[] = { "ours", NULL };
    static struct record record;
    const struct aigw_raw raw = { .struct_size = sizeof raw,
                                  .headers = pairs,
                                  .header_count = sizeof pairs / sizeof *pairs };
    const char *headers[8] = { "First: 1" };
    uint32_t count = 1;

    check(wire_raw_headers(&record_host, (struct aigw_ctx *)(void *)&record, &raw, ours, headers, &count, 2) == AIGW_OK,
          "headers", "status");
    check(count == 3 && strcmp(headers[1], "X-Session: 1") == 0 && strcmp(headers[2], "openai-beta: x=1") == 0,
          "headers", "that pass");
    check(is(wire_raw_header(&raw, "OpenAI-Beta"), "x=1") && wire_raw_header(&raw, "other").len == 0, "header",
          "by name");
    record_free(&record);
}

/* ---- texts that are read later ---- */

static void test_later(void)
{
    enum { TURNS = 40 };
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, SIZE_MAX), none = aigw_pool_memory(&pool, 16);
    struct wire_laters laters = { .first = NULL };
    char written[TURNS * 11 + 3] = "\"", read[TURNS * 5 + 1] = "";
    aigw_str texts[4];
    struct aigw_json value;

    for (int i = 0; i < TURNS; i++) {
        strcat(written, "a\\n\\u00e4\\\"");
        strcat(read, "a\n\xc3\xa4\"");
    }
    strcat(written, "\"");
    check(aigw_json_check((aigw_str){ written, strlen(written) }, 0, &value, NULL) == AIGW_OK, "is JSON", written);
    for (int i = 0; i < 2; i++)
        check(wire_later_text(&laters, &value, &memory, &texts[i]) == AIGW_OK && texts[i].len > 0, "later", written);
    check(laters.first && !is(texts[0], read), "is not read yet", written);
    check(wire_later_text(&laters, &value, &none, &texts[2]) == AIGW_E_LIMIT, "no memory", written);
    check(wire_later_room(&laters, &none) == AIGW_E_LIMIT, "no room", written);
    check(wire_later_room(&laters, &memory) == AIGW_OK && !is(texts[0], read), "still not", written);
    for (int i = 0; i < 2; i++) {
        wire_later_read(&laters); /* the second time nothing is left */
        check(!laters.first && is(texts[0], read) && is(texts[1], read), "reads as", read);
    }
    aigw_json_check(AIGW_STR("\"\\n\""), 0, &value, NULL);
    check(wire_later_text(&laters, &value, &memory, &texts[3]) == AIGW_OK && is(texts[3], "\n"), "a short one at once",
          "");
    aigw_json_check(AIGW_STR("1"), 0, &value, NULL);
    check(wire_later_text(&laters, &value, &memory, &texts[3]) == AIGW_E_INVALID && !laters.first, "no text", "1");
    aigw_pool_free(&pool);
}

int main(void)
{
    test_every_cut();
    test_pieces();
    test_more_streams_than_are_held();
    test_values();
    test_members();
    test_words();
    test_headers();
    test_later();
    printf("%d failures\n", failures);
    return failures > 0;
}
