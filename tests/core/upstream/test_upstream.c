/* test_upstream.c - the plain run of calls against a scripted server: answers, ends, limits, reuse. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "fixture.h"
#include "suites.h"

static struct fix fix;
static struct watch watch;

static const char *const no_headers[1];

static struct gw_transfer_request post(const char *path, const char *body)
{
    return (struct gw_transfer_request){ .method = "POST",
                                         .url = fix_url(&fix, path),
                                         .headers = no_headers,
                                         .body = gw_str(body),
                                         .idle_ms = 5000,
                                         .body_max = 1u << 20 };
}

static void close_all(void)
{
    watch_done(&watch);
    fix_close(&fix);
}

static void open_with(server_script script)
{
    fix_open(&fix, &(struct server_options){ .script = script });
    watch_init(&fix, &watch);
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

/** What the server says to /<id>, and how the call must end. The server closes the connection after it. */
static const struct {
    const char *id;
    const char *say;
    int kind, status;
    const char *data;
    const char *message; /* part of it */
} answers[] = {
    { "length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", GW_UP_OK, 200, "hello", "" },
    { "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", GW_UP_OK, 200,
      "hello", "" },
    { "until-close", "HTTP/1.0 200 OK\r\n\r\nhello", GW_UP_OK, 200, "hello", "" },
    { "empty", "HTTP/1.1 204 No Content\r\n\r\n", GW_UP_OK, 204, "", "" },
    { "interim", "HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", GW_UP_OK, 200,
      "hi", "" },
    { "error-status", "HTTP/1.1 429 No\r\nContent-Length: 4\r\nRetry-After: 3\r\n\r\nbusy", GW_UP_OK, 429, "busy", "" },
    { "redirect", "HTTP/1.1 302 Found\r\nLocation: /length\r\nContent-Length: 4\r\n\r\ngone", GW_UP_OK, 302, "gone",
      "" },
    { "unauthorized", "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n", GW_UP_OK, 401,
      "", "" },
    { "not-decoded", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", GW_UP_OK, 200,
      "hello", "" },
    { "trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n",
      GW_UP_OK, 200, "hi", "" },
    { "cut-length", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", GW_UP_CUT, 200, "hello", "in the middle" },
    { "cut-chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", GW_UP_CUT, 200, "hello",
      "in the middle" },
    { "cut-in-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello", GW_UP_CUT, 200, "hello",
      "in the middle" },
    { "bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello", GW_UP_PROTOCOL, 200, "",
      "not valid HTTP: the size of a chunk" },
    { "cut-head", "HTTP/1.1 200 OK\r\nContent-Le", GW_UP_CUT, 0, "", "" },
    { "silent-close", "", GW_UP_CUT, 0, "", "before the answer began" },
    { "not-http", "hello there\r\n\r\n", GW_UP_PROTOCOL, 0, "", "not valid HTTP: it does not begin with HTTP/1.0" },
};

static bool say_answer(struct server_conn *conn)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(answers); i++)
        if (strcmp(conn->path + 1, answers[i].id) == 0)
            server_say(conn, answers[i].say);
    return false;
}

START_TEST(answers_end_as_they_should)
{
    char path[64];
    struct gw_transfer_request request;

    snprintf(path, sizeof path, "/%s", answers[_i].id);
    open_with(say_answer);
    request = post(path, "{}");
    watch_run(&watch, &request);
    ck_assert_kind(watch, answers[_i].kind);
    ck_assert_int_eq(watch.result.status, answers[_i].status);
    ck_assert_int_eq(watch.status, answers[_i].status);
    ck_assert_int_eq(watch.heads, answers[_i].status != 0);
    ck_assert_str_eq(watch.data.data ? watch.data.data : "", answers[_i].data);
    ck_assert_has(watch.message, answers[_i].message);
    if (answers[_i].kind != GW_UP_OK)
        ck_assert_has(watch.message, "127.0.0.1:");
    ck_assert(!watch.result.was_reused);
    ck_assert_int_eq(watch.result.got_bytes, answers[_i].say[0] != '\0');
    ck_assert(watch.result.was_sent);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    close_all();
}
END_TEST

/* ---- what is sent ------------------------------------------------------------------------------------------- */

static bool echo(struct server_conn *conn)
{
    struct gw_buf out;

    gw_buf_init(&out, 1u << 20);
    gw_buf_puts(&out, conn->head);
    if (conn->body)
        gw_buf_puts(&out, conn->body);
    server_answer(conn, out.data);
    gw_buf_done(&out);
    return true;
}

START_TEST(the_request_goes_out_as_described)
{
    static const char *const headers[] = { "Content-Type: application/json", "Authorization: Bearer k" };
    struct gw_transfer_request request;

    open_with(echo);
    request = post("/v1/x?y=1", "{\"a\":1}");
    request.headers = headers;
    request.header_count = 2;
    request.extra_headers = AIGW_STR("X-One: 1\r\nX-Two: 2\r\n");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_has(watch.data.data, "POST /v1/x?y=1 HTTP/1.1\r\n");
    ck_assert_has(watch.data.data, "\r\nContent-Type: application/json\r\n");
    ck_assert_has(watch.data.data, "\r\nAuthorization: Bearer k\r\n");
    ck_assert_has(watch.data.data, "\r\nX-One: 1\r\n");
    ck_assert_has(watch.data.data, "\r\nX-Two: 2\r\n");
    ck_assert_has(watch.data.data, "\r\nContent-Length: 7\r\n");
    ck_assert_has(watch.data.data, "\r\n\r\n{\"a\":1}");
    ck_assert_ptr_null(strcasestr(watch.data.data, "expect:"));
    ck_assert_ptr_null(strcasestr(watch.data.data, "accept-encoding"));
    ck_assert_has(watch.data.data, "\r\nUser-Agent: aigw\r\n");
    ck_assert_has(watch.data.data, "\r\nAccept: */*\r\n");
    ck_assert_int_gt(watch.result.connect_us, 0);
    ck_assert_int_ge(watch.result.first_byte_us, watch.result.connect_us);
    ck_assert_int_ge(watch.result.total_us, watch.result.first_byte_us);
    close_all();
}
END_TEST

static const struct {
    const char *method, *body, *line, *length;
} methods[] = {
    { "GET", "", "GET /m HTTP/1.1\r\n", NULL },
    { "POST", "", "POST /m HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n" },
    { "PUT", "", "PUT /m HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n" },
    { "PUT", "abc", "PUT /m HTTP/1.1\r\n", "\r\nContent-Length: 3\r\n" },
    { "DELETE", "", "DELETE /m HTTP/1.1\r\n", NULL },
    { "GET", "", "GET /m HTTP/1.1\r\n", NULL },
};

START_TEST(methods_follow_each_other_on_one_pooled_handle)
{
    open_with(echo);
    for (size_t i = 0; i < GW_ARRAY_LEN(methods); i++) {
        struct gw_transfer_request request = post("/m", methods[i].body);
        struct watch one;

        watch_init(&fix, &one);
        request.method = methods[i].method;
        watch_run(&one, &request);
        ck_assert_kind(one, GW_UP_OK);
        ck_assert_msg(strncmp(one.data.data, methods[i].line, strlen(methods[i].line)) == 0, "%s", one.data.data);
        ck_assert_ptr_null(strcasestr(one.data.data, "urlencoded"));
        if (methods[i].length)
            ck_assert_has(one.data.data, methods[i].length);
        else
            ck_assert_ptr_null(strcasestr(one.data.data, "content-length"));
        ck_assert_int_eq(one.result.was_reused, i > 0);
        watch_done(&one);
    }
    ck_assert_int_eq(server_accepted(fix.server), 1);
    close_all();
}
END_TEST

static const struct {
    const char *id, *url, *header, *extra, *message;
} unsound[] = {
    { "no-scheme-host", "http://", NULL, "", "malformed" },
    { "spaces", "http://a b/", NULL, "", "malformed" },
    { "user-info", "http://u:p@127.0.0.1/", NULL, "", "user name" },
    { "header-split", "http://127.0.0.1/", "X: a\r\nY: b", "", "header 1" },
    { "header-no-colon", "http://127.0.0.1/", "X", "", "header 1" },
    { "header-space-in-name", "http://127.0.0.1/", "X Y: z", "", "header 1" },
    { "extra-bare-cr", "http://127.0.0.1/", "A: b", "X: a\rY: b\r\n", "header 2" },
    { "extra-no-colon", "http://127.0.0.1/", "A: b", "X: a\r\nnope", "header 3" },
    { "header-control", "http://127.0.0.1/", "X: a\x01", "", "header 1" },
    { "header-no-name", "http://127.0.0.1/", ": a", "", "header 1" },
    { "header-bad-name", "http://127.0.0.1/", "X(: a", "", "header 1" },
    { "own-host", "http://127.0.0.1/", "Host: a", "", "Host, which the gateway sets itself" },
    { "own-length", "http://127.0.0.1/", "content-length: 1", "", "content-length, which" },
    { "own-coding", "http://127.0.0.1/", "A: b", "Transfer-Encoding: chunked\r\n", "header 2 for the model server is" },
    { "own-connection", "http://127.0.0.1/", "Connection: close", "", "which the gateway" },
    { "own-expect", "http://127.0.0.1/", "Expect: 100-continue", "", "which the gateway" },
    { "bad-utf8-host", "http://\xff\xfe.example/", NULL, "", "host name" },
    { "lost-in-mapping", "http://a_\xc3\xbc.example/", NULL, "", "host name" },
    { "port-too-large", "http://127.0.0.1:70000/", NULL, "", "malformed" },
};

START_TEST(unsound_requests_do_not_start)
{
    struct gw_transfer_request request = { .method = "POST", .url = unsound[_i].url, .headers = &unsound[_i].header };
    struct gw_transfer_events events = { .user = NULL };
    struct gw_err err = { .text = "" };

    fix_open(&fix, NULL);
    request.header_count = unsound[_i].header != NULL;
    request.extra_headers = gw_str(unsound[_i].extra);
    ck_assert_ptr_null(gw_transfer_start(fix.up, &request, &events, &err));
    ck_assert_has(err.text, unsound[_i].message);
    ck_assert_ptr_null(strstr(err.text, "u:p"));
    fix_close(&fix);
}
END_TEST

START_TEST(large_bodies_arrive_whole)
{
    static const size_t sizes[] = { 1, 32768, 32769, 70000, 700000 };

    open_with(echo);
    for (size_t i = 0; i < GW_ARRAY_LEN(sizes); i++) {
        struct gw_transfer_request request = post("/", "");
        char *body = malloc(sizes[i] + 1);
        struct watch one;

        for (size_t at = 0; at < sizes[i]; at++)
            body[at] = (char)('a' + at * 7 % 26);
        body[sizes[i]] = '\0';
        watch_init(&fix, &one);
        request.body = (aigw_str){ body, sizes[i] };
        watch_run(&one, &request);
        ck_assert_kind(one, GW_UP_OK);
        ck_assert_str_eq(strstr(one.data.data, "\r\n\r\n") + 4, body);
        watch_done(&one);
        free(body);
    }
    close_all();
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------------------------- */

static bool answer_much(struct server_conn *conn)
{
    static char much[40001];

    memset(much, 'x', sizeof much - 1);
    return server_answer(conn, much);
}

START_TEST(an_answer_larger_than_the_limit_ends_the_call)
{
    static const struct {
        uint32_t flags;
        size_t max;
        int kind;
    } rows[] = { { 0, 39999, GW_UP_TOO_LARGE },
                 { 0, 40000, GW_UP_OK },
                 { 0, 1, GW_UP_TOO_LARGE },
                 { 0, 0, GW_UP_OK },
                 { GW_UPF_EXPECT_STREAM, 10, GW_UP_OK } };

    open_with(answer_much);
    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        struct gw_transfer_request request = post("/", "");
        struct watch one;

        watch_init(&fix, &one);
        request.flags = rows[i].flags;
        request.body_max = rows[i].max;
        watch_run(&one, &request);
        ck_assert_kind(one, rows[i].kind);
        if (rows[i].kind == GW_UP_TOO_LARGE) {
            ck_assert_uint_le(one.data.len, rows[i].max);
            ck_assert_has(one.message, "larger than the limit");
        } else {
            ck_assert_uint_eq(one.data.len, 40000);
        }
        watch_done(&one);
    }
    close_all();
}
END_TEST

START_TEST(headers_are_found_in_any_case)
{
    struct gw_transfer_request request;

    open_with(say_answer);
    watch.want_header = "rEtRy-aFtEr";
    request = post("/error-status", "");
    watch_run(&watch, &request);
    ck_assert_str_eq(watch.header, "3");
    close_all();
    open_with(say_answer);
    watch.want_header = "X-Missing";
    request = post("/error-status", "");
    watch_run(&watch, &request);
    ck_assert_str_eq(watch.header, "");
    close_all();
}
END_TEST

START_TEST(headers_can_be_listed)
{
    static const char *const names[] = { "Content-Length", "Retry-After" };
    struct gw_transfer_request request;

    open_with(say_answer);
    watch.lists_headers = true;
    request = post("/error-status", "");
    watch_run(&watch, &request);
    ck_assert_uint_eq(watch.header_count, 2);
    for (size_t i = 0; i < 2; i++)
        ck_assert_has(watch.header, names[i]);
    close_all();
}
END_TEST

/* ---- compressed answers ----------------------------------------------------------------------------------------- */

#define PLAIN_LEN 60000u

static char plain_text[PLAIN_LEN + 1], packed[PLAIN_LEN];
static size_t packed_len;

static void pack(bool is_bomb, bool is_zstd)
{
    z_stream z = { .next_in = NULL };

    for (size_t i = 0; i < PLAIN_LEN; i++)
        plain_text[i] = (char)('a' + i * i % 23);
    if (is_zstd) {
        packed_len = ZSTD_compress(packed, sizeof packed, plain_text, PLAIN_LEN, 3);
        ck_assert_msg(!ZSTD_isError(packed_len), "%s", ZSTD_getErrorName(packed_len));
        return;
    }
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (Bytef *)packed;
    z.avail_out = sizeof packed;
    for (int i = 0; i < (is_bomb ? 500 : 1); i++) {
        static char zeros[PLAIN_LEN];

        z.next_in = (Bytef *)(is_bomb ? zeros : plain_text);
        z.avail_in = PLAIN_LEN;
        ck_assert_int_eq(deflate(&z, Z_NO_FLUSH), Z_OK);
    }
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed_len = sizeof packed - z.avail_out;
    deflateEnd(&z);
}

/** /<status>/<coding>/<what>: the packed text in small chunks, changed as it says. */
static bool say_packed(struct server_conn *conn)
{
    char status[8] = "", coding[16] = "", what[16] = "";
    size_t len = packed_len;
    char head[256];

    sscanf(conn->path, "/%7[^/]/%15[^/]/%15s", status, coding, what);
    snprintf(head, sizeof head, "HTTP/1.1 %s X\r\nContent-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n", status,
             coding);
    server_say(conn, head);
    if (strcmp(what, "cut") == 0)
        len -= 5;
    for (size_t at = 0; at < len; at += 700)
        server_chunk(conn, packed + at, len - at < 700 ? len - at : 700);
    if (strcmp(what, "tail") == 0)
        server_chunk(conn, "tail", 4);
    server_chunk(conn, "", 0);
    return true;
}

static const struct {
    const char *path;
    int kind, status;
    size_t body_max;
    bool is_whole, pauses;
    const char *message;
} codings[] = {
    { "/200/gzip/x", GW_UP_OK, 200, 0, true, false, "" },
    { "/200/x-gzip/x", GW_UP_OK, 200, PLAIN_LEN, true, false, "" },
    { "/200/gzip/x", GW_UP_OK, 200, 0, true, true, "" },
    { "/429/gzip/x", GW_UP_OK, 429, 0, true, false, "" },
    { "/200/gzip/x", GW_UP_TOO_LARGE, 200, PLAIN_LEN - 1, false, false, "larger than the limit" },
    { "/200/gzip/cut", GW_UP_CUT, 200, 0, true, false, "its compressed body has no end" },
    { "/200/gzip/tail", GW_UP_PROTOCOL, 200, 0, true, false, "bytes follow the end of its compressed body" },
    { "/200/zstd/x", GW_UP_OK, 200, 0, true, false, "" },
    { "/200/zstd/x", GW_UP_OK, 200, PLAIN_LEN, true, true, "" },
    { "/200/zstd/x", GW_UP_TOO_LARGE, 200, PLAIN_LEN - 1, false, false, "larger than the limit" },
    { "/200/zstd/cut", GW_UP_CUT, 200, 0, false, false, "its compressed body has no end" },
    { "/200/zstd/tail", GW_UP_PROTOCOL, 200, 0, true, false, "bytes follow the end of its compressed body" },
    { "/200/br/x", GW_UP_PROTOCOL, 200, 0, false, false, "content coding 'br'" },
    { "/503/br/x", GW_UP_OK, 503, 0, false, false, "" },
    { "/200/gzip,gzip/x", GW_UP_OK, 200, 0, true, false, "" },
    { "/200/deflate/x", GW_UP_OK, 200, 0, true, false, "" },
    { "/200/gzip,utf-8/x", GW_UP_OK, 200, 0, true, false, "" },
    { "/200/gzip,br/x", GW_UP_PROTOCOL, 200, 0, false, false, "content coding 'gzip,br'" },
    { "/200/identity/x", GW_UP_OK, 200, 0, false, false, "" },
};

START_TEST(compressed_answers_are_unpacked)
{
    struct gw_transfer_request request;

    pack(false, strstr(codings[_i].path, "zstd") != NULL);
    open_with(say_packed);
    request = post(codings[_i].path, "");
    request.body_max = codings[_i].body_max;
    watch.in_data = codings[_i].pauses ? DO_PAUSE : DO_NOTHING;
    watch_start(&watch, &request);
    while (watch.dones == 0) {
        int datas = watch.datas;

        gw_loop_turn(fix.loop, 50);
        if (codings[_i].pauses && watch.datas > datas && watch.call)
            gw_transfer_resume(watch.call);
    }
    ck_assert_kind(watch, codings[_i].kind);
    ck_assert_int_eq(watch.result.status, codings[_i].status);
    ck_assert_has(watch.message, codings[_i].message);
    if (codings[_i].is_whole) {
        ck_assert_uint_eq(watch.data.len, PLAIN_LEN);
        ck_assert_mem_eq(watch.data.data, plain_text, PLAIN_LEN);
    }
    close_all();
}
END_TEST

START_TEST(a_bomb_is_a_broken_answer)
{
    struct gw_transfer_request request;

    pack(true, false);
    open_with(say_packed);
    request = post("/200/gzip/x", "");
    request.flags = GW_UPF_EXPECT_STREAM;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_PROTOCOL);
    ck_assert_has(watch.message, "the server's answer is not valid HTTP: its compressed body unpacks to more than 256");
    ck_assert_uint_lt(watch.data.len, 12u << 20);
    close_all();
}
END_TEST

/* ---- an answer without a look at the request --------------------------------------------------------------------- */

static bool refuse_unread(struct server_conn *conn)
{
    server_say(conn, "HTTP/1.1 413 Large\r\nContent-Length: 5\r\n\r\nlarge");
    if (strcmp(conn->path, "/wait") == 0) /* the client closes: it cannot use this connection again */
        server_wait_gone(conn);
    return false;
}

START_TEST(an_early_answer_counts)
{
    size_t len = 16u << 20;
    char *body = calloc(1, len);
    struct gw_transfer_request request;

    fix_open(&fix, &(struct server_options){ .script = refuse_unread, .leave_body = true });
    watch_init(&fix, &watch);
    request = post("/wait", "");
    request.body = (aigw_str){ body, len };
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_int_eq(watch.result.status, 413);
    ck_assert_str_eq(watch.data.data, "large");
    ck_assert(!watch.result.was_sent);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 0);
    free(body);
    close_all();
}
END_TEST

/* ---- pool --------------------------------------------------------------------------------------------------- */

static bool answer_once(struct server_conn *conn)
{
    if (conn->served > 0)
        return false; /* read the second request on a pooled connection and hang up */
    return server_answer(conn, "one");
}

START_TEST(a_pooled_connection_that_dies_is_replaced_without_fuss)
{
    open_with(answer_once);
    for (int i = 0; i < 3; i++) {
        struct gw_transfer_request request = post("/", "{}");
        struct watch one;

        watch_init(&fix, &one);
        watch_run(&one, &request);
        ck_assert_kind(one, GW_UP_OK);
        ck_assert(!one.result.was_reused);
        ck_assert_str_eq(one.data.data, "one");
        watch_done(&one);
    }
    ck_assert_int_eq(server_accepted(fix.server), 3);
    close_all();
}
END_TEST

START_TEST(connections_are_counted_and_kept)
{
    struct gw_transfer_request request;

    open_with(echo);
    request = post("/", "{}");
    watch_run(&watch, &request);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 1);
    gw_upstream_forget_connections(fix.up); /* nothing about this one depends on a certificate */
    fix_turn_for(&fix, 20);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 1);
    watch_done(&watch);
    watch_init(&fix, &watch);
    request = post("/", "{}");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert(watch.result.was_reused);
    ck_assert_int_eq(server_accepted(fix.server), 1);
    close_all();
}
END_TEST

#define MANY 300

START_TEST(three_hundred_calls_at_once)
{
    static struct watch many[MANY];
    struct gw_transfer_request request;

    open_with(echo);
    for (int round = 0; round < 2; round++) {
        int64_t begin_ms = gw_mono_ms();

        for (int i = 0; i < MANY; i++) {
            char path[32];

            snprintf(path, sizeof path, "/call-%d-%d", round, i);
            watch_init(&fix, &many[i]);
            request = post(path, "{}");
            watch_start(&many[i], &request);
        }
        ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), MANY);
        for (int i = 0; i < MANY; i++) {
            char want[64];

            snprintf(want, sizeof want, "POST /call-%d-%d HTTP/1.1\r\n", round, i);
            fix_wait(&fix, &many[i].dones, 1);
            ck_assert_kind(many[i], GW_UP_OK);
            ck_assert_has(many[i].data.data, want);
            watch_done(&many[i]);
        }
        ck_assert_int_lt(gw_mono_ms() - begin_ms, 8000);
    }
    ck_assert_int_eq(server_accepted(fix.server), MANY); /* the second round opened none */
    close_all();
}
END_TEST

Suite *suite_answers(void)
{
    Suite *suite = suite_create("upstream");
    TCase *plain = tcase_create("answers"), *pool = tcase_create("pool");

    tcase_add_loop_test(plain, answers_end_as_they_should, 0, (int)GW_ARRAY_LEN(answers));
    tcase_add_test(plain, the_request_goes_out_as_described);
    tcase_add_test(plain, methods_follow_each_other_on_one_pooled_handle);
    tcase_add_loop_test(plain, unsound_requests_do_not_start, 0, (int)GW_ARRAY_LEN(unsound));
    tcase_add_test(plain, large_bodies_arrive_whole);
    tcase_add_test(plain, an_answer_larger_than_the_limit_ends_the_call);
    tcase_add_test(plain, headers_are_found_in_any_case);
    tcase_add_test(plain, headers_can_be_listed);
    tcase_add_loop_test(plain, compressed_answers_are_unpacked, 0, (int)GW_ARRAY_LEN(codings));
    tcase_add_test(plain, a_bomb_is_a_broken_answer);
    tcase_add_test(plain, an_early_answer_counts);
    tcase_add_test(pool, a_pooled_connection_that_dies_is_replaced_without_fuss);
    tcase_add_test(pool, connections_are_counted_and_kept);
    tcase_add_test(pool, three_hundred_calls_at_once);
    tcase_set_timeout(pool, 30);
    suite_add_tcase(suite, plain);
    suite_add_tcase(suite, pool);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(suite_answers());
    int failed;

    srunner_add_suite(runner, suite_flow());
    srunner_add_suite(runner, suite_where());
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
