/* test_framing.c - byte streams of model servers cut into frames, whole and split at every offset. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/eventstream.h"
#include "upstream/framing.h"

/* ---- helpers ------------------------------------------------------------------------------------------------ */

/** Frames written as [event|data|exception]. */
struct seen {
    struct gw_buf text;
    const char *from, *to; /* the fed bytes */
    size_t copies;         /* frames whose data lies elsewhere */
    uint32_t framing;      /* of the last frame */
    aigw_status answer;
};

static aigw_status on_frame(void *user, const struct aigw_frame *frame)
{
    struct seen *seen = user;

    /* Not ck_assert_…(): check writes down each one that holds, here and in feed(). */
    if (frame->struct_size != sizeof *frame || !frame->data.ptr)
        ck_abort_msg("a frame of %u bytes, expected %zu; its data is %s", frame->struct_size, sizeof *frame,
                     frame->data.ptr ? "there" : "NULL");
    seen->framing = frame->framing;
    gw_buf_puts(&seen->text, "[");
    gw_buf_put_str(&seen->text, frame->event);
    gw_buf_puts(&seen->text, "|");
    gw_buf_put_str(&seen->text, frame->data);
    gw_buf_puts(&seen->text, "|");
    gw_buf_put_str(&seen->text, frame->exception);
    gw_buf_puts(&seen->text, "]");
    if (frame->data.ptr < seen->from || frame->data.ptr > seen->to)
        seen->copies++;
    return seen->answer;
}

static void seen_init(struct seen *seen)
{
    *seen = (struct seen){ .answer = AIGW_OK };
    gw_buf_init(&seen->text, 1u << 20);
}

/** Feed [from, to) from memory of its own, so that a view kept too long is caught by the sanitizer. */
static aigw_status feed(struct gw_framer *framer, struct seen *seen, const char *bytes, size_t len)
{
    char *copy = malloc(len ? len : 1);
    aigw_status status;

    if (!copy)
        ck_abort_msg("out of memory");
    memcpy(copy, bytes, len);
    seen->from = copy;
    seen->to = copy + len;
    status = gw_framer_feed(framer, copy, len, on_frame, seen);
    free(copy);
    return status;
}

/** One pass: split at `cut` (and, with every, after every byte). */
static aigw_status pass(uint32_t framing, aigw_str in, size_t cut, bool every, struct seen *seen)
{
    struct gw_framer framer;
    aigw_status status = AIGW_OK;

    gw_framer_init(&framer, framing, 4096);
    if (every) {
        for (size_t i = 0; i < in.len && status == AIGW_OK; i++)
            status = feed(&framer, seen, in.ptr + i, 1);
    } else {
        status = feed(&framer, seen, in.ptr, cut);
        if (status == AIGW_OK)
            status = feed(&framer, seen, in.ptr + cut, in.len - cut);
    }
    if (status == AIGW_OK)
        status = gw_framer_end(&framer, on_frame, seen);
    gw_framer_done(&framer);
    return status;
}

static void check_all_splits(const char *id, uint32_t framing, aigw_str in, const char *want, aigw_status want_status)
{
    for (size_t cut = 0; cut <= in.len + 1; cut++) {
        struct seen seen;
        aigw_status status;

        seen_init(&seen);
        status = pass(framing, in, cut <= in.len ? cut : 0, cut > in.len, &seen);
        ck_assert_msg(status == want_status, "%s cut at %zu: status %d, expected %d", id, cut, status, want_status);
        ck_assert_msg(gw_str_is(gw_buf_str(&seen.text), want), "%s cut at %zu: '%s', expected '%s'", id, cut,
                      seen.text.data ? seen.text.data : "", want);
        gw_buf_done(&seen.text);
    }
}

/* ---- lines -------------------------------------------------------------------------------------------------- */

#define ROW(id, framing, in, want) \
    { \
        id, framing, AIGW_STR_INIT(in), want \
    }
static const struct {
    const char *id;
    uint32_t framing;
    aigw_str in;
    const char *want;
} line_cases[] = {
    ROW("sse-lf", AIGW_FRAMING_SSE, "data: a\n\ndata: b\n\n", "[|a|][|b|]"),
    ROW("sse-crlf", AIGW_FRAMING_SSE, "data: a\r\n\r\ndata: b\r\n\r\n", "[|a|][|b|]"),
    ROW("sse-cr", AIGW_FRAMING_SSE, "data: a\r\rdata: b\r\r", "[|a|][|b|]"),
    ROW("sse-mixed-ends", AIGW_FRAMING_SSE, "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", "[|a|][|b|][|c|]"),
    ROW("sse-no-space", AIGW_FRAMING_SSE, "data:a\n\n", "[|a|]"),
    ROW("sse-two-spaces", AIGW_FRAMING_SSE, "data:  a\n\n", "[| a|]"),
    ROW("sse-lines-joined", AIGW_FRAMING_SSE, "data: a\ndata: b\ndata:\ndata: c\n\n", "[|a\nb\n\nc|]"),
    ROW("sse-event-name", AIGW_FRAMING_SSE, "event: delta\ndata: a\n\ndata: b\n\n", "[delta|a|][|b|]"),
    ROW("sse-event-after-data", AIGW_FRAMING_SSE, "data: a\nevent: late\n\n", "[late|a|]"),
    ROW("sse-event-twice", AIGW_FRAMING_SSE, "event: x\nevent: yy\ndata: a\n\n", "[yy|a|]"),
    ROW("sse-event-emptied", AIGW_FRAMING_SSE, "event: x\nevent:\ndata: a\n\n", "[|a|]"),
    ROW("sse-event-without-data", AIGW_FRAMING_SSE, "event: ping\n\ndata: a\n\n", "[|a|]"),
    ROW("sse-comments", AIGW_FRAMING_SSE, ": hi\n:\ndata: a\n: between\n\n:x\n\n", "[|a|]"),
    ROW("sse-one-line-feed-between", AIGW_FRAMING_SSE, "data: {\"a\":1}\ndata: {\"b\":\"}{\"}\ndata: [DONE]\n\n",
        "[|{\"a\":1}|][|{\"b\":\"}{\"}|][|[DONE]|]"),
    ROW("sse-one-line-feed-and-names", AIGW_FRAMING_SSE,
        "event: one\ndata: {\"a\":1}\nevent: two\ndata: {}\ndata: []\nevent: three\n\ndata: x\n\n",
        "[one|{\"a\":1}|][two|{}|][three|[]|][|x|]"),
    ROW("sse-one-value-over-lines", AIGW_FRAMING_SSE, "data: {\"a\":\ndata: {\"b\":\"\\\"{\"}\ndata: }\n\n",
        "[|{\"a\":\n{\"b\":\"\\\"{\"}\n}|]"),
    ROW("sse-data-twice", AIGW_FRAMING_SSE,
        "data: data: {\"a\":1}\n\ndata:data:data:  [DONE] \n\ndata: data: words\n\n",
        "[|{\"a\":1}|][|[DONE]|][|data: words|]"),
    ROW("sse-value-then-text", AIGW_FRAMING_SSE, "data: {}\ndata: text\ndata: {}\n\n", "[|{}\ntext\n{}|]"),
    ROW("sse-text-then-value", AIGW_FRAMING_SSE, "data: text\ndata: {}\n\n", "[|text\n{}|]"),
    ROW("sse-name-behind-joined-lines", AIGW_FRAMING_SSE, "event: x\ndata: a\nevent: y\ndata: b\n\n", "[y|a\nb|]"),
    ROW("sse-error-field", AIGW_FRAMING_SSE, "data: a\n\nerror: {\"code\":400}\n\ndata: [DONE]\n\n",
        "[|a|][error|{\"code\":400}|][|[DONE]|]"),
    ROW("sse-error-field-first-and-alone", AIGW_FRAMING_SSE, "error: words", "[error|words|]"),
    ROW("sse-error-field-behind-data", AIGW_FRAMING_SSE, "event: x\ndata: a\nerror:words\ndata: b\n\n",
        "[x|a|][error|words|][|b|]"),
    ROW("sse-error-without-colon", AIGW_FRAMING_SSE, "data: a\nerror\n\n", "[|a|]"),
    ROW("sse-error-of-some-kind", AIGW_FRAMING_SSE, "data: a\n\nRuntimeError: out of words\nERROR: x\n\n",
        "[|a|][error|RuntimeError: out of words|][error|x|]"),
    ROW("sse-error-page", AIGW_FRAMING_SSE, "data: a\n\n <html>502</html>\n\n", "[|a|][error|<html>502</html>|]"),
    ROW("sse-no-error-page", AIGW_FRAMING_SSE, "data: a\n<\n<3: x\nno error here: x\n\n", "[|a|]"),
    ROW("sse-odd-names", AIGW_FRAMING_SSE, " data: a\n\nDATA: b\n\ndata : c\n\n\tEvent: x\ndata:d\n\n",
        "[|a|][|b|][|c|][x|d|]"),
    ROW("sse-json-over-bare-lines", AIGW_FRAMING_SSE,
        "data: a\n\n{\n  \"error\": {\n  \"data\": 1}\n}\ndata: {\n \"b\": []\n }\ndata: c\n\n",
        "[|a|][|{\n  \"error\": {\n  \"data\": 1}\n}|][|{\n \"b\": []\n }|][|c|]"),
    ROW("sse-error-event-without-data-in-capitals", AIGW_FRAMING_SSE, "event: ERROR\n\nevent: x_error \n\n",
        "[ERROR||][x_error ||]"),
    ROW("sse-error-event-without-data", AIGW_FRAMING_SSE, "event: error\n\nevent: ping\n\n", "[error||]"),
    ROW("sse-error-event-at-the-end", AIGW_FRAMING_SSE, "data: a\n\nevent: error", "[|a|][error||]"),
    ROW("sse-json-without-field", AIGW_FRAMING_SSE, "data: a\n\n{\"error\":1}\n[DONE]\ndata: b\n{}\n\n",
        "[|a|][|{\"error\":1}|][|[DONE]|][|b|][|{}|]"),
    ROW("sse-json-behind-a-name", AIGW_FRAMING_SSE, "event: error\n{\"m\":1}\n\n: x\n\n", "[error|{\"m\":1}|]"),
    ROW("sse-strange-fields", AIGW_FRAMING_SSE, "id: 7\nretry: 10\ndatax: n\nfoo\ndata: a\n\n", "[|a|]"),
    ROW("sse-field-without-colon", AIGW_FRAMING_SSE, "data\n\n", "[||]"),
    ROW("sse-empty-data", AIGW_FRAMING_SSE, "data:\n\ndata: \n\n", "[||][||]"),
    ROW("sse-colons-in-data", AIGW_FRAMING_SSE, "data: {\"a\":\":\"}\n\n", "[|{\"a\":\":\"}|]"),
    ROW("sse-bom", AIGW_FRAMING_SSE,
        "\xef\xbb\xbf"
        "data: a\n\n",
        "[|a|]"),
    ROW("sse-bom-before-any-field", AIGW_FRAMING_SSE,
        "data: a\n\n\xef\xbb\xbf"
        "data: b\n\n",
        "[|a|][|b|]"),
    ROW("sse-utf8", AIGW_FRAMING_SSE, "data: \xe2\x82\xac\xf0\x9f\x98\x80\n\n", "[|\xe2\x82\xac\xf0\x9f\x98\x80|]"),
    ROW("sse-many-blank-lines", AIGW_FRAMING_SSE, "\n\n\ndata: a\n\n\n\n\r\n", "[|a|]"),
    ROW("sse-end-without-blank-line", AIGW_FRAMING_SSE, "event: e\ndata: a\n", "[e|a|]"),
    ROW("sse-end-without-newline", AIGW_FRAMING_SSE, "data: a\n\ndata: [DONE]", "[|a|][|[DONE]|]"),
    ROW("sse-end-after-cr", AIGW_FRAMING_SSE, "data: a\r", "[|a|]"),
    ROW("sse-nothing", AIGW_FRAMING_SSE, "", ""),
    ROW("ndjson", AIGW_FRAMING_NDJSON, "{\"a\":1}\n{\"b\":2}\n", "[|{\"a\":1}|][|{\"b\":2}|]"),
    ROW("ndjson-crlf", AIGW_FRAMING_NDJSON, "{}\r\n[]\r\n", "[|{}|][|[]|]"),
    ROW("ndjson-empty-lines", AIGW_FRAMING_NDJSON, "\n\r\n {} \n  \n", "[|{}|]"),
    ROW("ndjson-no-last-newline", AIGW_FRAMING_NDJSON, "{}\n{\"z\":0}", "[|{}|][|{\"z\":0}|]"),
    ROW("ndjson-bom", AIGW_FRAMING_NDJSON, "\xef\xbb\xbf{}\n", "[|{}|]"),
    ROW("body", AIGW_FRAMING_BODY, "{\"a\":\n1}", "[|{\"a\":\n1}|]"),
    ROW("body-empty", AIGW_FRAMING_BODY, "", "[||]"),
    ROW("body-blanks-around", AIGW_FRAMING_BODY, " \r\n\t\n[1]\n", "[|[1]\n|]"),
    ROW("body-blanks-only", AIGW_FRAMING_BODY, " \n ", "[||]"),
    ROW("body-text-like-a-field", AIGW_FRAMING_BODY, "database down", "[|database down|]"),
    ROW("body-begins-like-a-mark", AIGW_FRAMING_BODY, "\xef\xbbx", "[|\xef\xbbx|]"),
    ROW("body-is-half-a-mark", AIGW_FRAMING_BODY, "\xef", "[|\xef|]"),
    ROW("body-ends-inside-a-field", AIGW_FRAMING_BODY, "even", "[|even|]"),
    ROW("ndjson-blanks-first", AIGW_FRAMING_NDJSON, "\n \n{}\n", "[|{}|]"),
};

START_TEST(lines_are_cut_the_same_at_every_split)
{
    check_all_splits(line_cases[_i].id, line_cases[_i].framing, line_cases[_i].in, line_cases[_i].want, AIGW_OK);
}
END_TEST

/** What was asked for, what came, and what it is: the first bytes decide. */
#define SNIFF(id, asked, in, is, want) \
    { \
        id, asked, AIGW_STR_INIT(in), is, want \
    }
static const struct {
    const char *id;
    uint32_t asked;
    aigw_str in;
    uint32_t is;
    const char *want;
} sniff_cases[] = {
    SNIFF("sse-is-object", AIGW_FRAMING_SSE, "{\"a\":\n\n1}", AIGW_FRAMING_BODY, "[|{\"a\":\n\n1}|]"),
    SNIFF("sse-is-list", AIGW_FRAMING_SSE, "[{}]\n", AIGW_FRAMING_BODY, "[|[{}]\n|]"),
    SNIFF("sse-is-object-behind-blanks", AIGW_FRAMING_SSE, "\r\n \t{}", AIGW_FRAMING_BODY, "[|{}|]"),
    SNIFF("sse-is-object-behind-mark", AIGW_FRAMING_SSE, "\xef\xbb\xbf \n{}", AIGW_FRAMING_BODY, "[|{}|]"),
    SNIFF("sse-is-sse", AIGW_FRAMING_SSE, "\n\ndata: {}\n\n", AIGW_FRAMING_SSE, "[|{}|]"),
    SNIFF("sse-is-something", AIGW_FRAMING_SSE, "something\n\n", AIGW_FRAMING_SSE, ""),
    SNIFF("body-is-data-in-capitals", AIGW_FRAMING_BODY, "DATA: {}\n\n", AIGW_FRAMING_SSE, "[|{}|]"),
    SNIFF("body-is-data", AIGW_FRAMING_BODY, "data: {}\n\ndata: []\n\n", AIGW_FRAMING_SSE, "[|{}|][|[]|]"),
    SNIFF("body-is-data-behind-mark", AIGW_FRAMING_BODY, "\xef\xbb\xbf\ndata:{}\n\n", AIGW_FRAMING_SSE, "[|{}|]"),
    SNIFF("body-is-event", AIGW_FRAMING_BODY, "event: x\ndata: {}", AIGW_FRAMING_SSE, "[x|{}|]"),
    SNIFF("body-is-id", AIGW_FRAMING_BODY, "id: 1\ndata: {}\n\n", AIGW_FRAMING_SSE, "[|{}|]"),
    SNIFF("body-is-retry", AIGW_FRAMING_BODY, "retry: 1\ndata: {}\n\n", AIGW_FRAMING_SSE, "[|{}|]"),
    SNIFF("body-is-comment", AIGW_FRAMING_BODY, ": ping\n\ndata: {}\n\n", AIGW_FRAMING_SSE, "[|{}|]"),
    SNIFF("body-is-error", AIGW_FRAMING_BODY, "error: words\n\n", AIGW_FRAMING_SSE, "[error|words|]"),
    SNIFF("body-is-cr", AIGW_FRAMING_BODY, "\rdata: {}\r\r", AIGW_FRAMING_SSE, "[|{}|]"),
    SNIFF("body-is-body", AIGW_FRAMING_BODY, "[1]", AIGW_FRAMING_BODY, "[|[1]|]"),
    SNIFF("body-is-no-field", AIGW_FRAMING_BODY, "dates: 1", AIGW_FRAMING_BODY, "[|dates: 1|]"),
    SNIFF("events-are-object", AIGW_FRAMING_EVENTSTREAM, "{\"message\":\"x\"}", AIGW_FRAMING_BODY,
          "[|{\"message\":\"x\"}|]"),
    SNIFF("events-are-sse", AIGW_FRAMING_EVENTSTREAM, "data: {}\n\n", AIGW_FRAMING_SSE, "[|{}|]"),
    SNIFF("lines-are-object", AIGW_FRAMING_NDJSON, "{}\n{}", AIGW_FRAMING_NDJSON, "[|{}|][|{}|]"),
    SNIFF("lines-are-sse", AIGW_FRAMING_NDJSON, "data: {}\n\n", AIGW_FRAMING_SSE, "[|{}|]"),
};

START_TEST(what_a_body_begins_with_decides)
{
    struct seen seen;

    check_all_splits(sniff_cases[_i].id, sniff_cases[_i].asked, sniff_cases[_i].in, sniff_cases[_i].want, AIGW_OK);
    seen_init(&seen);
    ck_assert_int_eq(pass(sniff_cases[_i].asked, sniff_cases[_i].in, 0, true, &seen), AIGW_OK);
    if (seen.text.len > 0)
        ck_assert_uint_eq(seen.framing, sniff_cases[_i].is);
    gw_buf_done(&seen.text);
}
END_TEST

START_TEST(blanks_before_a_body_cost_no_memory)
{
    struct gw_framer framer;
    struct seen seen;

    seen_init(&seen);
    gw_framer_init(&framer, AIGW_FRAMING_BODY, 16);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(feed(&framer, &seen, " \r\n\t\n", 5), AIGW_OK);
    ck_assert_int_eq(feed(&framer, &seen, "{}", 2), AIGW_OK);
    ck_assert_int_eq(gw_framer_end(&framer, on_frame, &seen), AIGW_OK);
    ck_assert_str_eq(seen.text.data, "[|{}|]");
    gw_framer_done(&framer);
    gw_buf_done(&seen.text);
}
END_TEST

START_TEST(one_value_over_many_lines_costs_linear_time)
{
    const int lines = 200000;
    struct gw_framer framer;
    struct seen seen;
    int64_t before_us;

    seen_init(&seen);
    gw_framer_init(&framer, AIGW_FRAMING_SSE, 8u << 20);
    before_us = gw_thread_cpu_us();
    ck_assert_int_eq(feed(&framer, &seen, "data: [\n", 8), AIGW_OK);
    for (int i = 0; i < lines; i++)
        if (feed(&framer, &seen, "data: {},\n", 10) != AIGW_OK)
            ck_abort_msg("line %d", i);
    ck_assert_int_lt(gw_thread_cpu_us() - before_us, 3000000); /* squared it would be hours */
    ck_assert_uint_eq(seen.text.len, 0);
    gw_framer_done(&framer);
    gw_buf_done(&seen.text);
}
END_TEST

START_TEST(an_event_that_lies_whole_in_the_bytes_is_not_copied)
{
    static const struct {
        uint32_t framing;
        const char *in;
        size_t copies;
    } rows[] = { { AIGW_FRAMING_SSE, "event: x\ndata: a\n\ndata: b\n\n", 0 },
                 { AIGW_FRAMING_NDJSON, "{}\n{}\n", 0 },
                 { AIGW_FRAMING_SSE, "data: a\ndata: b\n\n", 1 } };

    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        struct gw_framer framer;
        struct seen seen;

        seen_init(&seen);
        gw_framer_init(&framer, rows[i].framing, 100);
        ck_assert_int_eq(feed(&framer, &seen, rows[i].in, strlen(rows[i].in)), AIGW_OK);
        ck_assert_uint_eq(seen.copies, rows[i].copies);
        gw_framer_done(&framer);
        gw_buf_done(&seen.text);
    }
}
END_TEST

START_TEST(a_frame_beyond_the_limit_fails_for_good)
{
    static const struct {
        const char *id;
        uint32_t framing;
        const char *head, *tail; /* around 5000 letters; the limit is 4096 */
    } rows[] = { { "sse-one-line", AIGW_FRAMING_SSE, "data: ", "\n\n" },
                 { "sse-never-ending", AIGW_FRAMING_SSE, "data: ", "" },
                 { "ndjson", AIGW_FRAMING_NDJSON, "", "\n" },
                 { "ndjson-never-ending", AIGW_FRAMING_NDJSON, "", "" },
                 { "body", AIGW_FRAMING_BODY, "", "" } };
    struct gw_buf in;

    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        for (int every = 0; every < 2; every++) {
            struct gw_framer framer;
            struct seen seen;
            aigw_status status = AIGW_OK;

            gw_buf_init(&in, 1u << 16);
            gw_buf_puts(&in, rows[i].head);
            for (int n = 0; n < 5000; n++)
                gw_buf_puts(&in, "x");
            gw_buf_puts(&in, rows[i].tail);
            seen_init(&seen);
            gw_framer_init(&framer, rows[i].framing, 4096);
            for (size_t at = 0; at < in.len && status == AIGW_OK; at += every ? 1 : in.len)
                status = feed(&framer, &seen, in.data + at, every ? 1 : in.len);
            ck_assert_msg(status == AIGW_E_LIMIT, "%s every=%d: %d", rows[i].id, every, status);
            ck_assert_int_eq(feed(&framer, &seen, "data: a\n\n", 9), AIGW_E_LIMIT);
            ck_assert_int_eq(gw_framer_end(&framer, on_frame, &seen), AIGW_E_LIMIT);
            ck_assert_uint_eq(seen.text.len, 0);
            ck_assert_uint_le(framer.held.cap + framer.data.cap + framer.name.cap, 3 * 4200);
            gw_framer_done(&framer);
            gw_buf_done(&seen.text);
            gw_buf_done(&in);
        }
    }
}
END_TEST

START_TEST(data_lines_joined_count_against_the_limit_together)
{
    struct gw_framer framer;
    struct seen seen;
    aigw_status status = AIGW_OK;
    int lines = 0;

    seen_init(&seen);
    gw_framer_init(&framer, AIGW_FRAMING_SSE, 100);
    while (status == AIGW_OK && lines < 1000) {
        status = feed(&framer, &seen, "data: 123456789\n", 16);
        lines++;
    }
    ck_assert_int_eq(status, AIGW_E_LIMIT);
    ck_assert_int_eq(lines, 11); /* ten lines and nine newlines are 99 bytes */
    gw_framer_done(&framer);
    gw_buf_done(&seen.text);
}
END_TEST

START_TEST(what_the_callback_answers_stops_the_feeding)
{
    static const uint32_t framings[] = { AIGW_FRAMING_SSE, AIGW_FRAMING_NDJSON };

    for (size_t i = 0; i < GW_ARRAY_LEN(framings); i++) {
        struct gw_framer framer;
        struct seen seen;

        seen_init(&seen);
        seen.answer = AIGW_E_CLOSED;
        gw_framer_init(&framer, framings[i], 100);
        ck_assert_int_eq(feed(&framer, &seen, "data:1\n\ndata:2\n\n", 16), AIGW_E_CLOSED);
        ck_assert_msg(seen.text.len > 0 && !strstr(seen.text.data, "2"), "%s", seen.text.data);
        gw_framer_done(&framer);
        gw_buf_done(&seen.text);
    }
}
END_TEST

START_TEST(lines_that_end_in_cr_alone_cost_linear_time)
{
    const size_t len = 4u << 20;
    char *in = malloc(len);
    struct gw_framer framer;
    struct seen seen;
    int64_t before_us;

    ck_assert_ptr_nonnull(in);
    memset(in, '\r', len);
    seen_init(&seen);
    gw_framer_init(&framer, AIGW_FRAMING_SSE, 100);
    before_us = gw_thread_cpu_us();
    ck_assert_int_eq(gw_framer_feed(&framer, in, len, on_frame, &seen), AIGW_OK);
    ck_assert_int_lt(gw_thread_cpu_us() - before_us, 3000000); /* squared it would be hours */
    gw_framer_done(&framer);
    gw_buf_done(&seen.text);
    free(in);
}
END_TEST

/* ---- event stream ------------------------------------------------------------------------------------------- */

static void put_be(struct gw_buf *out, uint32_t value, int bytes)
{
    while (bytes-- > 0) {
        char c = (char)(value >> (8 * bytes));

        gw_buf_put(out, &c, 1);
    }
}

static void put_header(struct gw_buf *out, const char *name, uint8_t type, const char *value, size_t len)
{
    put_be(out, (uint32_t)strlen(name), 1);
    gw_buf_puts(out, name);
    put_be(out, type, 1);
    if (type == 6 || type == 7)
        put_be(out, (uint32_t)len, 2);
    gw_buf_put(out, value, len);
}

/** One message around ready-made headers. */
static void put_message(struct gw_buf *out, const struct gw_buf *headers, const char *payload)
{
    size_t start = out->len, payload_len = strlen(payload);

    put_be(out, (uint32_t)(headers->len + payload_len + 16), 4);
    put_be(out, (uint32_t)headers->len, 4);
    put_be(out, gw_crc32((uint8_t *)out->data + start, 8), 4);
    gw_buf_put(out, headers->data, headers->len);
    gw_buf_puts(out, payload);
    put_be(out, gw_crc32((uint8_t *)out->data + start, out->len - start), 4);
}

static void put_event(struct gw_buf *out, const char *message_type, const char *name, const char *value,
                      const char *payload)
{
    struct gw_buf headers;

    gw_buf_init(&headers, 4096);
    put_header(&headers, ":message-type", 7, message_type, strlen(message_type));
    put_header(&headers, ":content-type", 7, "application/json", 16);
    if (name)
        put_header(&headers, name, 7, value, strlen(value));
    put_message(out, &headers, payload);
    gw_buf_done(&headers);
}

START_TEST(checksum_is_that_of_zlib)
{
    ck_assert_uint_eq(gw_crc32((const uint8_t *)"123456789", 9), 0xcbf43926u);
    ck_assert_uint_eq(gw_crc32((const uint8_t *)"", 0), 0);
}
END_TEST

START_TEST(event_stream_messages_are_read_at_every_split)
{
    struct gw_buf in;

    gw_buf_init(&in, 1u << 16);
    put_event(&in, "event", ":event-type", "contentDelta", "{\"t\":\"Hi\"}");
    put_event(&in, "event", ":event-type", "stop", "");
    put_event(&in, "exception", ":exception-type", "throttling", "{\"message\":\"slow down\"}");
    put_event(&in, "error", ":error-code", "500", "");
    put_event(&in, "error", ":error-message", "its words", "");
    put_event(&in, "error", ":error-message", "its words", "{}");
    put_event(&in, "error", NULL, NULL, "x");
    check_all_splits("messages", AIGW_FRAMING_EVENTSTREAM, gw_buf_str(&in),
                     "[contentDelta|{\"t\":\"Hi\"}|][stop||][|{\"message\":\"slow down\"}|throttling][||500]"
                     "[|its words|error][|{}|error][|x|error]",
                     AIGW_OK);
    gw_buf_done(&in);
}
END_TEST

START_TEST(every_header_type_is_skipped_by_its_own_length)
{
    static const size_t sizes[10] = { 0, 0, 1, 2, 4, 8, 5, 5, 8, 16 };
    struct gw_buf headers, in;

    gw_buf_init(&headers, 4096);
    gw_buf_init(&in, 4096);
    for (uint8_t type = 0; type < 10; type++)
        put_header(&headers, "h", type, "0123456789abcdef", sizes[type]);
    put_header(&headers, ":event-type", 7, "last", 4);
    put_message(&in, &headers, "p");
    check_all_splits("types", AIGW_FRAMING_EVENTSTREAM, gw_buf_str(&in), "[last|p|]", AIGW_OK);
    gw_buf_done(&headers);
    gw_buf_done(&in);
}
END_TEST

/** A good message, then one change that must be noticed. */
static const struct {
    const char *id;
    size_t at; /* byte to change, counted from the end when `from_end` */
    bool from_end;
    bool fix_prelude, fix_message; /* put right the checksums so that the lie itself is looked at */
    uint8_t with;
    aigw_status want;
} broken_messages[] = {
    { "prelude-checksum", 8, false, false, false, 0xff, AIGW_E_UPSTREAM },
    { "message-checksum", 1, true, false, false, 0xff, AIGW_E_UPSTREAM },
    { "payload-changed", 6, true, false, false, '?', AIGW_E_UPSTREAM },
    { "total-below-minimum", 3, false, true, false, 15, AIGW_E_UPSTREAM },
    { "total-huge", 0, false, true, false, 0x7f, AIGW_E_LIMIT },
    { "headers-longer-than-message", 5, false, true, false, 0x40, AIGW_E_UPSTREAM },
    { "headers-cut-in-a-header", 7, false, true, true, 10, AIGW_E_UPSTREAM },
    { "header-name-too-long", 12, false, true, true, 0xff, AIGW_E_UPSTREAM },
    { "header-type-unknown", 26, false, true, true, 10, AIGW_E_UPSTREAM },
    { "header-value-too-long", 27, false, true, true, 0xff, AIGW_E_UPSTREAM },
};

static void put_crc_at(struct gw_buf *buf, size_t at)
{
    uint32_t crc = gw_crc32((uint8_t *)buf->data, at);

    for (int i = 0; i < 4; i++)
        buf->data[at + (size_t)i] = (char)(crc >> (24 - 8 * i));
}

START_TEST(broken_event_stream_messages_are_refused)
{
    struct gw_buf in;
    size_t at;

    gw_buf_init(&in, 4096);
    put_event(&in, "event", ":event-type", "x", "payload");
    at = broken_messages[_i].from_end ? in.len - broken_messages[_i].at : broken_messages[_i].at;
    ck_assert_int_ne((uint8_t)in.data[at], broken_messages[_i].with);
    in.data[at] = (char)broken_messages[_i].with;
    if (broken_messages[_i].fix_prelude)
        put_crc_at(&in, 8);
    if (broken_messages[_i].fix_message)
        put_crc_at(&in, in.len - 4);
    check_all_splits(broken_messages[_i].id, AIGW_FRAMING_EVENTSTREAM, gw_buf_str(&in), "", broken_messages[_i].want);
    gw_buf_done(&in);
}
END_TEST

START_TEST(an_event_stream_that_ends_inside_a_message_is_an_error)
{
    struct gw_buf in;

    gw_buf_init(&in, 4096);
    put_event(&in, "event", ":event-type", "x", "payload");
    for (size_t len = 1; len < in.len; len++) {
        struct seen seen;

        seen_init(&seen);
        ck_assert_int_eq(pass(AIGW_FRAMING_EVENTSTREAM, (aigw_str){ in.data, len }, len / 2, false, &seen),
                         AIGW_E_UPSTREAM);
        ck_assert_uint_eq(seen.text.len, 0);
        gw_buf_done(&seen.text);
    }
    gw_buf_done(&in);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("framing");
    TCase *lines = tcase_create("lines"), *messages = tcase_create("messages");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(lines, lines_are_cut_the_same_at_every_split, 0, (int)GW_ARRAY_LEN(line_cases));
    tcase_add_loop_test(lines, what_a_body_begins_with_decides, 0, (int)GW_ARRAY_LEN(sniff_cases));
    tcase_add_test(lines, blanks_before_a_body_cost_no_memory);
    tcase_add_test(lines, one_value_over_many_lines_costs_linear_time);
    tcase_add_test(lines, an_event_that_lies_whole_in_the_bytes_is_not_copied);
    tcase_add_test(lines, a_frame_beyond_the_limit_fails_for_good);
    tcase_add_test(lines, data_lines_joined_count_against_the_limit_together);
    tcase_add_test(lines, what_the_callback_answers_stops_the_feeding);
    tcase_add_test(lines, lines_that_end_in_cr_alone_cost_linear_time);
    tcase_add_test(messages, checksum_is_that_of_zlib);
    tcase_add_test(messages, event_stream_messages_are_read_at_every_split);
    tcase_add_test(messages, every_header_type_is_skipped_by_its_own_length);
    tcase_add_loop_test(messages, broken_event_stream_messages_are_refused, 0, (int)GW_ARRAY_LEN(broken_messages));
    tcase_add_test(messages, an_event_stream_that_ends_inside_a_message_is_an_error);
    suite_add_tcase(suite, lines);
    suite_add_tcase(suite, messages);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
