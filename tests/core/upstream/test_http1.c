/* test_http1.c - the answer's parser: what passes, what is refused and why, in every split. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/http1.h"

#define OK "HTTP/1.1 200 OK\r\n"

/** What came of an answer. */
struct run {
    struct gw_http1 answer;
    enum gw_http1_step last;
    int heads;
    struct gw_buf body;
    size_t left; /* of the input, at the end */
};

/** Hundreds of thousands of times: without ck_assert_…(), of which check writes down each one that holds. */
static void feed(struct run *run, const char *bytes, size_t len)
{
    aigw_str input = { bytes, len }, data;

    while (run->last != GW_HTTP1_END && run->last != GW_HTTP1_BROKEN) {
        run->last = gw_http1_step(&run->answer, &input, &data);
        if (run->last == GW_HTTP1_NOMEM)
            ck_abort_msg("out of memory");
        run->heads += run->last == GW_HTTP1_HEAD;
        if (run->last == GW_HTTP1_DATA)
            gw_buf_put_str(&run->body, data);
        if (run->last == GW_HTTP1_MORE) {
            if (input.len > 0)
                ck_abort_msg("it wants more, and left %zu bytes", input.len);
            break;
        }
    }
    run->left = input.len;
}

static void run_begin(struct run *run, bool is_bodiless)
{
    memset(run, 0, sizeof *run);
    run->last = GW_HTTP1_MORE;
    gw_buf_init(&run->body, 1u << 20);
    gw_http1_begin(&run->answer, is_bodiless);
}

static void run_done(struct run *run)
{
    gw_http1_done(&run->answer);
    gw_buf_done(&run->body);
}

/* ---- good ones -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *id, *bytes;
    int status;
    const char *body;
    bool is_whole; /* else it ends with the connection */
    bool keeps;
    bool is_bodiless;
} good[] = {
    { "length", OK "Content-Length: 5\r\n\r\nhello", 200, "hello", true, true, false },
    { "length-0", OK "Content-Length: 0\r\n\r\n", 200, "", true, true, false },
    { "length-twice-the-same", OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true, true, false },
    { "length-zeros", OK "Content-Length: 0002\r\n\r\nhi", 200, "hi", true, true, false },
    { "no-reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true, true, false },
    { "no-blank-behind-status", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true, true, false },
    { "high-bytes", "HTTP/1.1 200 \xc3\xa9\r\nX: \xff\xc3\r\nContent-Length: 0\r\n\r\n", 200, "", true, true, false },
    { "tab-and-blanks", OK "Content-Length:\t 2 \t\r\nA:\r\nB: a\tb\r\n\r\nhi", 200, "hi", true, true, false },
    { "chunked", OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, "hello", true, true,
      false },
    { "chunked-any-case", OK "transfer-encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n00\r\n\r\n", 200, "0123456789", true,
      true, false },
    { "extension", OK "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0 ; x=\"y\"\r\n\r\n", 200, "hi", true, true,
      false },
    { "trailers", OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\nZ:\r\n\r\n", 200, "hi", true, true,
      false },
    { "until-close", OK "\r\nhello", 200, "hello", false, false, false },
    { "old-until-close", "HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello", false, false, false },
    { "old-length", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true, false, false },
    { "old-keep", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true, true,
      false },
    { "close", OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true, false, false },
    { "close-in-list", OK "Connection: x, Close\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true, false, false },
    { "close-in-second", OK "Connection: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, "", true, false,
      false },
    { "not-close", OK "Connection: closed\r\nContent-Length: 0\r\n\r\n", 200, "", true, true, false },
    { "continue-first", "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 2\r\n\r\nhi", 200, "hi", true, true,
      false },
    { "two-early-hints",
      "HTTP/1.1 103 E\r\nContent-Length: 9\r\n\r\nHTTP/1.1 103 E\r\nL: x\r\n\r\n" OK "Content-Length: 2\r\n\r\nhi", 200,
      "hi", true, true, false },
    { "no-content", "HTTP/1.1 204 No\r\n\r\n", 204, "", true, true, false },
    { "no-content-says-length", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", 204, "", true, true, false },
    { "not-modified", "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", 304, "", true, true, false },
    { "head", OK "Content-Length: 5\r\n\r\n", 200, "", true, true, true },
    { "head-chunked", OK "Transfer-Encoding: chunked\r\n\r\n", 200, "", true, true, true },
    { "error", "HTTP/1.1 599 No\r\nContent-Length: 2\r\n\r\nno", 599, "no", true, true, false },
};

static void check_good(const struct run *run, int at)
{
    ck_assert_int_eq(run->heads, 1);
    ck_assert_int_eq(run->answer.status, good[at].status);
    ck_assert_str_eq(run->body.data ? run->body.data : "", good[at].body);
    ck_assert_int_eq(run->last, good[at].is_whole ? GW_HTTP1_END : GW_HTTP1_MORE);
    ck_assert(gw_http1_may_end(&run->answer));
    ck_assert(gw_http1_keeps(&run->answer) == good[at].keeps);
    ck_assert_uint_eq(run->left, 0);
}

START_TEST(good_answers_pass_in_every_split)
{
    const char *bytes = good[_i].bytes;
    size_t len = strlen(bytes);
    struct run run;

    for (size_t split = 0; split <= len; split++) {
        run_begin(&run, good[_i].is_bodiless);
        feed(&run, bytes, split);
        if (run.last != GW_HTTP1_END)
            feed(&run, bytes + split, len - split);
        check_good(&run, _i);
        run_done(&run);
    }
    run_begin(&run, good[_i].is_bodiless);
    for (size_t i = 0; i < len; i++) {
        ck_assert_msg(run.last != GW_HTTP1_END, "whole after %zu of %zu bytes", i, len);
        if (good[_i].is_whole)
            ck_assert(!gw_http1_may_end(&run.answer));
        feed(&run, bytes + i, 1);
    }
    check_good(&run, _i);
    run_done(&run);
}
END_TEST

START_TEST(what_follows_an_answer_is_left_alone)
{
    struct gw_buf bytes;
    struct run run;

    if (!good[_i].is_whole)
        return;
    gw_buf_init(&bytes, 4096);
    gw_buf_puts(&bytes, good[_i].bytes);
    gw_buf_puts(&bytes, OK "Content-Length: 4\r\n\r\nevil");
    run_begin(&run, good[_i].is_bodiless);
    feed(&run, bytes.data, bytes.len);
    ck_assert_uint_eq(run.left, bytes.len - strlen(good[_i].bytes));
    ck_assert_int_eq(run.heads, 1);
    ck_assert_str_eq(run.body.data ? run.body.data : "", good[_i].body);
    run_done(&run);
    gw_buf_done(&bytes);
}
END_TEST

/* ---- refusals --------------------------------------------------------------------------------------------------- */

#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
    const char *id, *bytes;
    size_t len; /* 0: to the NUL */
    const char *problem;
} bad[] = {
    { "lf-in-status", "HTTP/1.1 200 OK\nA: b\r\n\r\n", 0, "does not end in CR LF" },
    { "lf-in-header", OK "A: b\nC: d\r\n\r\n", 0, "does not end in CR LF" },
    { "lf-at-the-end", OK "A: b\r\n\n", 0, "does not end in CR LF" },
    { "cr-in-value", OK "A: b\rc\r\n\r\n", 0, "control character" },
    { "cr-cr-lf", OK "A: b\r\r\n\r\n", 0, "control character" },
    { "nul-in-value", OK "A: b\0c\r\n\r\n", 26, "control character" },
    { "control-in-value", OK "A: b\x01\r\n\r\n", 0, "control character" },
    { "delete-in-value", OK "A: b\x7f\r\n\r\n", 0, "control character" },
    { "control-in-reason", "HTTP/1.1 200 O\x02K\r\n\r\n", 0, "control character in its status line" },
    { "nul-in-name", OK "A\0: b\r\n\r\n", 25, "header name" },
    { "folded", OK "A: b\r\n c\r\n\r\n", 0, "folded" },
    { "folded-tab", OK "A: b\r\n\tc\r\n\r\n", 0, "folded" },
    { "folded-first", OK " A: b\r\n\r\n", 0, "folded" },
    { "blank-before-colon", OK "Content-Length : 2\r\n\r\nhi", 0, "header name" },
    { "blank-in-name", OK "A b: c\r\n\r\n", 0, "header name" },
    { "no-name", OK ": c\r\n\r\n", 0, "header name" },
    { "no-colon", OK "A\r\n\r\n", 0, "no colon" },
    { "utf8-in-name", OK "\xc3\xa9: b\r\n\r\n", 0, "header name" },
    { "icy", "ICY 200 OK\r\n\r\n", 0, "does not begin with HTTP/1.0" },
    { "http2", "HTTP/2 200\r\n\r\n", 0, "does not begin with HTTP/1.0" },
    { "http-1.2", "HTTP/1.2 200 OK\r\n\r\n", 0, "does not begin with HTTP/1.0" },
    { "lower-case", "http/1.1 200 OK\r\n\r\n", 0, "does not begin with HTTP/1.0" },
    { "html", "<html>", 0, "does not begin with HTTP/1.0" },
    { "empty-line-first", "\r\n" OK "\r\n", 0, "does not begin with HTTP/1.0" },
    { "tls-alert", "\x15\x03\x01", 0, "looks like TLS" },
    { "two-digits", "HTTP/1.1 20 OK\r\n\r\n", 0, "three digits" },
    { "four-digits", "HTTP/1.1 2000 OK\r\n\r\n", 0, "three digits" },
    { "letters", "HTTP/1.1 2x0 OK\r\n\r\n", 0, "three digits" },
    { "099", "HTTP/1.1 099 OK\r\n\r\n", 0, "three digits" },
    { "600", "HTTP/1.1 600 OK\r\n\r\n", 0, "three digits" },
    { "no-status", "HTTP/1.1 \r\n\r\n", 0, "does not begin with HTTP/1.0" },
    { "two-blanks", "HTTP/1.1  200 OK\r\n\r\n", 0, "three digits" },
    { "length-plus", OK "Content-Length: +2\r\n\r\nhi", 0, "plain number" },
    { "length-minus", OK "Content-Length: -2\r\n\r\nhi", 0, "plain number" },
    { "length-list", OK "Content-Length: 2, 2\r\n\r\nhi", 0, "plain number" },
    { "length-hex", OK "Content-Length: 0x2\r\n\r\nhi", 0, "plain number" },
    { "length-empty", OK "Content-Length:\r\n\r\nhi", 0, "plain number" },
    { "length-19-digits", OK "Content-Length: 1000000000000000000\r\n\r\n", 0, "plain number" },
    { "two-lengths", OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", 0, "two different" },
    { "length-and-chunked", OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, "both" },
    { "gzip-chunked", OK "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, "not just chunked" },
    { "identity", OK "Transfer-Encoding: identity\r\n\r\n", 0, "not just chunked" },
    { "chunked-twice", OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "two Transfer" },
    { "chunked-in-1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "HTTP/1.0" },
    { "switching", "HTTP/1.1 101 Up\r\nUpgrade: x\r\n\r\n", 0, "another protocol" },
    { "no-size", CHUNKED "\r\nhi\r\n", 0, "hexadecimal" },
    { "size-0x", CHUNKED "0x2\r\nhi\r\n", 0, "hexadecimal" },
    { "size-minus", CHUNKED "-2\r\nhi\r\n", 0, "hexadecimal" },
    { "size-blank-first", CHUNKED " 2\r\nhi\r\n", 0, "hexadecimal" },
    { "size-16-digits", CHUNKED "0000000000000002\r\nhi\r\n", 0, "15 digits" },
    { "size-lf", CHUNKED "2\nhi\r\n", 0, "hexadecimal" },
    { "size-cr", CHUNKED "2\rhi\r\n", 0, "CR LF" },
    { "extension-control", CHUNKED "2;a\x01\r\nhi\r\n", 0, "extension" },
    { "extension-lf", CHUNKED "2;a\nhi\r\n", 0, "extension" },
    { "chunk-too-long", CHUNKED "2\r\nhix\r\n", 0, "longer than its size" },
    { "chunk-lf", CHUNKED "2\r\nhi\n0\r\n\r\n", 0, "longer than its size" },
    { "chunk-cr-x", CHUNKED "2\r\nhi\rx0\r\n\r\n", 0, "longer than its size" },
    { "trailer-folded", CHUNKED "0\r\n x\r\n\r\n", 0, "trailer" },
    { "trailer-no-colon", CHUNKED "0\r\nx\r\n\r\n", 0, "trailer" },
    { "trailer-control", CHUNKED "0\r\nx: \x01\r\n\r\n", 0, "trailer" },
    { "trailer-lf", CHUNKED "0\r\nx: y\n\r\n", 0, "trailer" },
    { "trailer-no-name", CHUNKED "0\r\n: y\r\n\r\n", 0, "trailer" },
    { "trailer-cr", CHUNKED "0\r\nx: y\rz\r\n\r\n", 0, "trailer" },
    { "end-cr-x", CHUNKED "0\r\n\rx", 0, "last chunk" },
};

START_TEST(bad_answers_are_refused_in_every_split)
{
    const char *bytes = bad[_i].bytes;
    size_t len = bad[_i].len ? bad[_i].len : strlen(bytes);
    struct run run;

    for (size_t split = 0; split <= len; split++) {
        run_begin(&run, false);
        feed(&run, bytes, split);
        feed(&run, bytes + split, len - split);
        ck_assert_int_eq(run.last, GW_HTTP1_BROKEN);
        ck_assert_msg(strstr(run.answer.problem, bad[_i].problem) != NULL, "'%s'", run.answer.problem);
        ck_assert(!gw_http1_may_end(&run.answer));
        ck_assert(!gw_http1_keeps(&run.answer));
        run_done(&run);
    }
    run_begin(&run, false);
    for (size_t i = 0; i < len; i++)
        feed(&run, bytes + i, 1);
    ck_assert_int_eq(run.last, GW_HTTP1_BROKEN);
    run_done(&run);
}
END_TEST

START_TEST(nonsense_is_refused_with_its_first_bytes)
{
    struct run run;

    run_begin(&run, false);
    feed(&run, "HTTQ", 3);
    ck_assert_int_eq(run.last, GW_HTTP1_MORE);
    feed(&run, "Q", 1);
    ck_assert_int_eq(run.last, GW_HTTP1_BROKEN);
    run_done(&run);
}
END_TEST

/* ---- limits ----------------------------------------------------------------------------------------------------- */

/** A head with a line of so many bytes, so many times, and an interim one before it. */
static void big_head(struct gw_buf *out, size_t line_len, int lines, int interims)
{
    for (int i = 0; i < interims; i++)
        gw_buf_puts(out, "HTTP/1.1 103 E\r\n\r\n");
    gw_buf_puts(out, OK);
    for (int i = 0; i < lines; i++) {
        gw_buf_puts(out, "A: ");
        for (size_t at = 5; at < line_len; at++)
            gw_buf_put(out, "x", 1);
        gw_buf_puts(out, "\r\n");
    }
    gw_buf_puts(out, "Content-Length: 0\r\n\r\n");
}

static const struct {
    size_t line_len;
    int lines, interims;
    const char *problem; /* NULL: passes */
} sizes[] = {
    { 8192, 1, 0, NULL },     { 8193, 1, 0, "longer than 8 kB" }, { 8000, 4, 0, NULL }, { 8192, 4, 0, "32 kB" },
    { 10, 97, 0, NULL },      { 10, 98, 0, "100 lines" },         { 10, 10, 40, NULL }, { 10, 1, 49, "100 lines" },
    { 8000, 4, 43, "32 kB" },
};

START_TEST(heads_have_limits)
{
    struct gw_buf bytes;
    struct run run;

    for (size_t piece = 1; piece < 70000; piece = piece * 7 + 1) {
        gw_buf_init(&bytes, 1u << 20);
        big_head(&bytes, sizes[_i].line_len, sizes[_i].lines, sizes[_i].interims);
        run_begin(&run, false);
        for (size_t at = 0; at < bytes.len; at += piece)
            feed(&run, bytes.data + at, bytes.len - at < piece ? bytes.len - at : piece);
        ck_assert_int_eq(run.last, sizes[_i].problem ? GW_HTTP1_BROKEN : GW_HTTP1_END);
        if (sizes[_i].problem)
            ck_assert_msg(strstr(run.answer.problem, sizes[_i].problem) != NULL, "'%s'", run.answer.problem);
        ck_assert_uint_le(run.answer.head_cap, 65536);
        run_done(&run);
        gw_buf_done(&bytes);
    }
}
END_TEST

START_TEST(endless_lines_extensions_and_trailers_are_refused)
{
    static const struct {
        const char *begin, *more;
        size_t most;
    } rows[] = { { OK "A: ", "x", 8300 },
                 { "HTTP/1.1 200 ", "x", 8300 },
                 { "HTTP/1.1 100 C\r\n\r\n", "HTTP/1.1 100 C\r\n\r\n", 2000 },
                 { CHUNKED "2;", "x", 1100 },
                 { CHUNKED "0\r\nx: ", "y", 8300 },
                 { CHUNKED "0\r\n", "x: y\r\n", 10000 } };

    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        size_t fed = 0;
        struct run run;

        run_begin(&run, false);
        feed(&run, rows[i].begin, strlen(rows[i].begin));
        for (; run.last != GW_HTTP1_BROKEN && fed < rows[i].most; fed += strlen(rows[i].more))
            feed(&run, rows[i].more, strlen(rows[i].more));
        ck_assert_int_eq(run.last, GW_HTTP1_BROKEN);
        run_done(&run);
    }
}
END_TEST

START_TEST(a_huge_length_is_no_trouble)
{
    static const char bytes[] = OK "Content-Length: 999999999999999999\r\n\r\nabc";
    static const char chunk[] = CHUNKED "fffffffffffffff\r\nabc";
    struct run run;

    run_begin(&run, false);
    feed(&run, bytes, sizeof bytes - 1);
    ck_assert_str_eq(run.body.data, "abc");
    ck_assert(!gw_http1_may_end(&run.answer));
    run_done(&run);
    run_begin(&run, false);
    feed(&run, chunk, sizeof chunk - 1);
    ck_assert_str_eq(run.body.data, "abc");
    run_done(&run);
}
END_TEST

/* ---- the rest --------------------------------------------------------------------------------------------------- */

START_TEST(headers_can_be_looked_up_and_listed)
{
    static const char bytes[] =
        "HTTP/1.1 103 E\r\nA: early\r\n\r\n" OK
        "A: one\r\nb:two\r\nA: three \r\nKeep-Alive: max=5, timeout=7\r\nContent-Length: 0\r\n\r\n";
    aigw_str name, value;
    struct run run;

    run_begin(&run, false);
    ck_assert_uint_eq(gw_http1_header_count(&run.answer), 0);
    feed(&run, bytes, 60); /* in the middle of the final head */
    ck_assert(!gw_http1_header(&run.answer, "A").ptr);
    feed(&run, bytes + 60, sizeof bytes - 61);
    ck_assert(gw_str_is(gw_http1_header(&run.answer, "a"), "one"));
    ck_assert(gw_str_is(gw_http1_header(&run.answer, "B"), "two"));
    ck_assert(!gw_http1_header(&run.answer, "C").ptr);
    ck_assert_uint_eq(gw_http1_header_count(&run.answer), 5);
    ck_assert(gw_http1_header_at(&run.answer, 2, &name, &value));
    ck_assert(gw_str_is(name, "A"));
    ck_assert(gw_str_is(value, "three"));
    ck_assert(!gw_http1_header_at(&run.answer, 5, &name, &value));
    ck_assert_uint_eq(run.answer.keep_s, 7);
    run_done(&run);
}
END_TEST

START_TEST(a_piece_can_be_given_back)
{
    static const char *const rows[] = { OK "Content-Length: 5\r\n\r\nhello", OK "\r\nhello",
                                        CHUNKED "5\r\nhello\r\n0\r\n\r\n" };

    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        aigw_str input = gw_str(rows[i]), data;
        enum gw_http1_step step;
        struct run run;

        run_begin(&run, false);
        while ((step = gw_http1_step(&run.answer, &input, &data)) != GW_HTTP1_DATA)
            ck_assert_int_ne(step, GW_HTTP1_MORE);
        ck_assert(gw_str_is(data, "hello"));
        gw_http1_unread(&run.answer, 3);
        feed(&run, data.ptr + 2, strlen(data.ptr + 2));
        ck_assert_str_eq(run.body.data, "llo");
        ck_assert(gw_http1_may_end(&run.answer));
        run_done(&run);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http1");
    TCase *parser = tcase_create("parser");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(parser, good_answers_pass_in_every_split, 0, (int)GW_ARRAY_LEN(good));
    tcase_add_loop_test(parser, what_follows_an_answer_is_left_alone, 0, (int)GW_ARRAY_LEN(good));
    tcase_add_loop_test(parser, bad_answers_are_refused_in_every_split, 0, (int)GW_ARRAY_LEN(bad));
    tcase_add_test(parser, nonsense_is_refused_with_its_first_bytes);
    tcase_add_loop_test(parser, heads_have_limits, 0, (int)GW_ARRAY_LEN(sizes));
    tcase_add_test(parser, endless_lines_extensions_and_trailers_are_refused);
    tcase_add_test(parser, a_huge_length_is_no_trouble);
    tcase_add_test(parser, headers_can_be_looked_up_and_listed);
    tcase_add_test(parser, a_piece_can_be_given_back);
    suite_add_tcase(suite, parser);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
