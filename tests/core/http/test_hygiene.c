/* test_hygiene.c - requests that two parsers could read differently, byte by byte over a socket. Whatever follows a
 * refused request on its connection must never be served. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "harness.h"
#include "identity.h"

#define SMUGGLED "GET /info?smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

#define GOOD "GET /info?good HTTP/1.1\r\nHost: x\r\n\r\n"

static struct server *server;

static void setup(void)
{
    server = server_start(NULL, NULL);
}

static void setup_tls(void)
{
    struct identity identity;

    identity_make(&identity, "hygiene");
    server = server_start(NULL, &(struct gw_http_tls){ identity.cert, identity.key, NULL, NULL });
}

static void teardown(void)
{
    server_stop(server);
}

/** Text with its length: rows contain NULs. */
#define ROW(text) text, sizeof(text) - 1

static const struct {
    const char *id;
    const char *bytes;
    size_t len;
    int status; /* 0: the connection is closed without an answer */
} refused[] = {
    { "both CL and TE",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
    { "TE before CL",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"), 400 },
    { "two differing CL", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc"),
      400 },
    { "two equal CL", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), 400 },
    { "CL list", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc"), 400 },
    { "CL with plus", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc"), 400 },
    { "CL negative", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc"), 400 },
    { "CL hex", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc"), 400 },
    { "CL empty", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\nabc"), 400 },
    { "space before colon", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc"), 400 },
    { "tab before colon", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length\t: 3\r\n\r\nabc"), 400 },
    { "space in name", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n"), 400 },
    { "empty name", ROW("GET /echo HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n"), 400 },
    { "line without colon", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"), 400 },
    { "folded line", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n"), 400 },
    { "folded TE", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), 400 },
    { "folded line with tab", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\t2\r\nX-B: 3\r\n\r\n"), 400 },
    { "first line folded", ROW("GET /echo HTTP/1.1\r\n Host: x\r\nHost: y\r\n\r\n"), 400 },
    { "bare LF after request line", ROW("GET /echo HTTP/1.1\nHost: x\r\n\r\n"), 400 },
    { "bare LF after header", ROW("GET /echo HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n"), 400 },
    { "bare LF after last header", ROW("GET /echo HTTP/1.1\r\nHost: x\n\r\n"), 400 },
    { "bare LF as last line", ROW("GET /echo HTTP/1.1\r\nHost: x\r\n\n"), 400 },
    { "bare LF everywhere", ROW("GET /echo HTTP/1.1\nHost: x\n\n"), 400 },
    { "bare LF without headers", ROW("GET /echo HTTP/1.0\n\n"), 400 },
    { "bare CR in value", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nX-A: 1\rContent-Length: 3\r\n\r\n"), 400 },
    /* libmicrohttpd 0.9.75 alone would take these for the end of the headers */
    { "colon and bare LF", ROW("POST /echo HTTP/1.1\r\nHost: x\r\n:\nContent-Length: 3\r\n\r\nabc"), 400 },
    { "colon and CR LF", ROW("POST /echo HTTP/1.1\r\nHost: x\r\n:\r\nContent-Length: 3\r\n\r\nabc"), 400 },
    { "NUL and bare LF", ROW("POST /echo HTTP/1.1\r\nHost: x\r\n\0\nContent-Length: 3\r\n\r\nabc"), 400 },
    { "NUL and CR LF", ROW("POST /echo HTTP/1.1\r\nHost: x\r\n\0\r\nContent-Length: 3\r\n\r\nabc"), 400 },
    { "NUL, text, bare LF", ROW("POST /echo HTTP/1.1\r\nHost: x\r\n\0X: y\nContent-Length: 3\r\n\r\nabc"), 400 },
    { "colon and bare LF first", ROW("POST /echo HTTP/1.1\r\n:\nHost: x\r\nContent-Length: 3\r\n\r\nabc"), 400 },
    { "bare LF and blank", ROW("POST /echo HTTP/1.1\r\nHost: x\n Content-Length: 3\r\n\r\nabc"), 400 },
    { "bare CR as line end", ROW("GET /echo HTTP/1.1\r\nHost: x\rX-A: 1\r\n\r\n"), 400 },
    { "CR CR LF", ROW("GET /echo HTTP/1.1\r\nHost: x\r\r\nX-A: 1\r\n\r\n"), 400 },
    { "CR CR LF at the end", ROW("GET /echo HTTP/1.1\r\nHost: x\r\n\r\r\n\r\n"), 400 },
    { "CR before the request", ROW("\rGET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "LF before the request", ROW("\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "many blank lines before the request", ROW("\r\n\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "blank before the method", ROW(" GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "two blanks after the target", ROW("GET /echo  HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "blank after the version", ROW("GET /echo HTTP/1.1 \r\nHost: x\r\n\r\n"), 400 },
    { "tabs in the request line", ROW("GET\t/echo\tHTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "long version", ROW("GET /echo HTTP/1.10\r\nHost: x\r\n\r\n"), 400 },
    { "control character in target", ROW("GET /ec\001ho HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "NUL in value", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nX-A: 1\0 2\r\n\r\n"), 400 },
    { "NUL in name", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nX-\0A: 1\r\n\r\n"), 400 },
    { "NUL in target", ROW("GET /echo\0x HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "NUL in method", ROW("G\0T /echo HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "control character in value", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nX-A: a\001b\r\n\r\n"), 400 },
    { "DEL in value", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nX-A: a\177b\r\n\r\n"), 400 },
    { "two blanks before the target", ROW("GET  /echo HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "TE identity", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\nabc"), 400 },
    { "TE gzip, chunked", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
      400 },
    { "TE chunked, identity",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"), 400 },
    { "TE xchunked", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 400 },
    { "TE twice",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"),
      400 },
    { "TE with VT", ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \013chunked\r\n\r\n0\r\n\r\n"), 400 },
    { "TE on HTTP/1.0", ROW("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
    { "two hosts", ROW("GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"), 400 },
    { "no host", ROW("GET /echo HTTP/1.1\r\n\r\n"), 400 },
    { "no version", ROW("GET /echo\r\n\r\n"), 400 },
    { "HTTP/2.0", ROW("GET /echo HTTP/2.0\r\nHost: x\r\n\r\n"), 505 },
    { "HTTP/0.9", ROW("GET /echo HTTP/0.9\r\n\r\n"), 505 },
    { "lower-case version", ROW("GET /echo http/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "blank in target", ROW("GET /ec ho HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "method with a colon", ROW("G:T /echo HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "very long method",
      ROW("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA /echo HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "raw non-ASCII target", ROW("GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "CONNECT", ROW("CONNECT a:80 HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "relative target", ROW("GET echo HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "dot segments", ROW("GET /monitoring/healthz/../../v1/x HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "broken escape", ROW("GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n"), 400 },
    { "content-encoding br",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"), 415 },
    { "two content-encodings",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: "
          "3\r\n\r\nabc"),
      415 },
    { "a gzip body without an end",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"), 400 },
    { "a zstd body without an end",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: zstd\r\nContent-Length: 3\r\n\r\n\x28\xb5\x2f"), 400 },
    { "gzip in zstd",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip, zstd\r\nContent-Length: 3\r\n\r\nabc"), 415 },
    { "a gzip body that is damaged",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x01"), 400 },
    { "chunk size with garbage",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3 x\r\nabc\r\n0\r\n\r\n"), 400 },
    { "chunk size too large",
      ROW("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc"), 413 },
    { "garbage with blank", ROW("\x16\x03\x01 \x02 garbage\r\n\r\n"), 400 },
    { "garbage", ROW("NOTHTTP\r\n\r\n"), 400 },
};

/** Where the bad request stands on its connection. */
static const char *const places[] = { "first", "after an answer", "behind a good one in the same bytes" };

static void open_client(struct client *client, bool is_tls)
{
    client_open(client, server_port(server));
    if (is_tls)
        ck_assert_int_eq(client_tls(client, NULL, NULL), 0);
}

/** time: how often it came before, from 1. */
static void refuse_once(size_t row, size_t place, bool is_tls, int time)
{
    struct client client;
    struct response response;
    char bytes[1024];
    size_t len = 0;

    open_client(&client, is_tls);
    if (place == 1)
        client_send(&client, GOOD);
    else if (place == 2)
        len = (size_t)snprintf(bytes, sizeof bytes, GOOD);
    if (place == 1) {
        ck_assert(client_response(&client, false, &response));
        response_free(&response);
    }
    memcpy(bytes + len, refused[row].bytes, refused[row].len);
    len += refused[row].len;
    memcpy(bytes + len, SMUGGLED, sizeof SMUGGLED - 1);
    client_send_bytes(&client, bytes, len + sizeof SMUGGLED - 1);
    if (place == 2) {
        ck_assert(client_response(&client, false, &response));
        ck_assert_int_eq(response.status, 200);
        response_free(&response);
    }
    ck_assert_msg(client_response(&client, false, &response), "%s, %s: no answer", refused[row].id, places[place]);
    ck_assert_msg(response.status == refused[row].status, "%s, %s: %d", refused[row].id, places[place],
                  response.status);
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    ck_assert_str_ne(response_header(&response, "x-request-id"), "");
    response_free(&response);
    ck_assert_msg(client_at_end(&client), "%s, %s: something follows the refusal: %.*s", refused[row].id, places[place],
                  (int)client.len, client.data);
    client_close(&client);
    ck_assert(server_wait_connections(server, 0));
    ck_assert_msg(server_counters(server).bodies == (place > 0) * time, "%s, %s: a request was served, the %dth time",
                  refused[row].id, places[place], time);
}

/** What was seen before is known (known.c), but what was refused is no better for it. */
static void check_refused(size_t row, size_t place, bool is_tls)
{
    for (int time = 1; time <= (is_tls ? 1 : 3); time++)
        refuse_once(row, place, is_tls, time);
}

START_TEST(a_refused_request_ends_its_connection)
{
    check_refused((size_t)_i % GW_ARRAY_LEN(refused), (size_t)_i / GW_ARRAY_LEN(refused), false);
}
END_TEST

START_TEST(a_refused_request_ends_its_tls_connection)
{
    check_refused((size_t)_i % GW_ARRAY_LEN(refused), (size_t)_i / GW_ARRAY_LEN(refused), true);
}
END_TEST

/** The same, arriving one byte at a time: the check must not depend on how reads are cut. */
START_TEST(a_refused_request_in_single_bytes_ends_its_connection)
{
    struct client client;
    struct response response;
    char copy[512];
    int on = 1;

    client_open(&client, server_port(server));
    setsockopt(client.fd, 6 /* TCP */, 1 /* TCP_NODELAY */, &on, sizeof on);
    int len = snprintf(copy, sizeof copy, "%.*s", (int)refused[_i].len, refused[_i].bytes);
    if ((size_t)len < refused[_i].len)
        memcpy(copy, refused[_i].bytes, refused[_i].len);
    for (size_t i = 0; i < refused[_i].len; i++) {
        client_send_bytes(&client, copy + i, 1);
        server_connections(server); /* a turn of the loop in between */
    }
    client_send(&client, SMUGGLED);
    while (client_response(&client, false, &response)) {
        ck_assert_msg(response.status >= 400, "%s: served", refused[_i].id);
        response_free(&response);
    }
    response_free(&response);
    client_close(&client);
    ck_assert(server_wait_connections(server, 0));
    ck_assert_int_eq(server_counters(server).bodies, 0);
}
END_TEST

/** Framing tricks inside chunked bodies: the request itself may be served or refused, what follows never. */
static const struct {
    const char *id;
    const char *bytes;
} chunk_tricks[] = {
    { "bare LF after size", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n" },
    { "bare LF after data", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n" },
    { "bare LF in extension",
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n" },
    { "bare LF at the end", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\n\n" },
    { "folded trailer", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\n 2\r\n\r\n" },
    { "clean", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" },
};

START_TEST(nothing_follows_a_chunked_upload)
{
    struct client client;
    struct response response;

    client_open(&client, server_port(server));
    client_send(&client, chunk_tricks[_i].bytes);
    client_send(&client, SMUGGLED);
    ck_assert(client_response(&client, false, &response));
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    response_free(&response);
    ck_assert_msg(client_at_end(&client), "%s", chunk_tricks[_i].id);
    client_close(&client);
    ck_assert(server_wait_connections(server, 0));
    ck_assert_int_le(server_counters(server).bodies, 1);
}
END_TEST

static const struct {
    const char *id;
    const char *bytes;
    const char *body;
} accepted[] = {
    { "blank lines before the request", "\r\n\r\nGET /info HTTP/1.1\r\nHost: x\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "empty header value", "GET /info HTTP/1.1\r\nHost: x\r\nX-A:\r\nX-B:   \r\n\r\n", "GET /info  127.0.0.1 0" },
    { "blanks around a value", "GET /info HTTP/1.1\r\nHost: x\r\nX-A: \t b \t\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "bad host", "GET /info HTTP/1.1\r\nHost: bad_host\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "empty host", "GET /info HTTP/1.1\r\nHost:\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "non-ASCII value", "GET /info HTTP/1.1\r\nHost: x\r\nX-A: \xc3\xa9\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "cookies", "GET /info HTTP/1.1\r\nHost: x\r\nCookie: a=b; c=\"d\"\r\nX-A: 1\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "colon in value", "GET /info HTTP/1.1\r\nHost: x:80\r\nX-A: a:b: c\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "identity content-encoding", "GET /info HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\n\r\n",
      "GET /info  127.0.0.1 0" },
    { "other method", "PROPFIND /info HTTP/1.1\r\nHost: x\r\n\r\n", "PROPFIND /info  127.0.0.1 0" },
    { "no headers on HTTP/1.0", "GET /info HTTP/1.0\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "query untouched", "GET /info?a=%41&b=+c&&=d?e HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /info a=%41&b=+c&&=d?e 127.0.0.1 0" },
    { "odd characters in the target", "GET /info?a={\"b\"}|^`<>[]\\;,@:!$'()* HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /info a={\"b\"}|^`<>[]\\;,@:!$'()* 127.0.0.1 0" },
    { "many cookies",
      "GET /info HTTP/1.1\r\nHost: x\r\nCookie: a=1; b=2; c=3; d=4; e=5; f=6; g=7; h=8; i=9; j=10; broken; =; "
      "k=\r\n\r\n",
      "GET /info  127.0.0.1 0" },
    { "absolute form", "GET http://other/info?q HTTP/1.1\r\nHost: x\r\n\r\n", "GET /info q 127.0.0.1 0" },
    { "encoded slash", "GET /%2Finfo/ HTTP/1.1\r\nHost: x\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "HTTP/1.2", "GET /info HTTP/1.2\r\nHost: x\r\n\r\n", "GET /info  127.0.0.1 0" },
    { "forwarded headers of a stranger",
      "GET /info HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\r\n",
      "GET /info  127.0.0.1 0" },
};

START_TEST(odd_but_clear_requests_are_served)
{
    struct client client;
    struct response response;

    client_open(&client, server_port(server));
    client_send(&client, accepted[_i].bytes);
    ck_assert_msg(client_response(&client, false, &response), "%s", accepted[_i].id);
    ck_assert_msg(response.status == 200, "%s: %d", accepted[_i].id, response.status);
    ck_assert_str_eq(response.body, accepted[_i].body);
    response_free(&response);
    client_close(&client);
}
END_TEST

START_TEST(many_arguments_and_headers_are_served)
{
    struct client client;
    struct response response;
    char line[32];

    client_open(&client, server_port(server));
    for (int turn = 0; turn < 3; turn++) {
        client_send(&client, "GET /echo?a");
        for (int i = 0; i < 300; i++)
            client_send(&client, "&b=c");
        client_send(&client, " HTTP/1.1\r\nHost: x\r\n");
        for (int i = 0; i < 99; i++) {
            snprintf(line, sizeof line, "X-%d: y\r\n", i);
            client_send(&client, line);
        }
        client_send(&client, "\r\n");
        ck_assert(client_response(&client, false, &response));
        ck_assert_int_eq(response.status, 200);
        response_free(&response);
    }
    client_close(&client);
}
END_TEST

START_TEST(too_many_headers_and_too_long_targets_are_refused)
{
    struct client client;
    struct response response;
    char line[32];

    client_open(&client, server_port(server));
    client_send(&client, "GET /echo HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof line, "X-%d: y\r\n", i);
        client_send(&client, line);
    }
    client_send(&client, "\r\n");
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 431);
    response_free(&response);
    client_close(&client);

    client_open(&client, server_port(server));
    client_send(&client, "GET /");
    for (int i = 0; i < 900; i++)
        client_send(&client, "0123456789");
    client_send(&client, " HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 414);
    response_free(&response);
    client_close(&client);
}
END_TEST

static const struct {
    const char *forwarded;
    const char *seen;
} forwarded[] = {
    { "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n", "203.0.113.7 1" },
    { "X-Forwarded-For: 9.9.9.9, 203.0.113.7\r\n", "203.0.113.7 0" },
    { "X-Forwarded-For: 203.0.113.7, 10.1.2.3\r\n", "203.0.113.7 0" }, /* 10/8 is ours too */
    { "X-Forwarded-For: 203.0.113.7:4711\r\n", "203.0.113.7 0" },
    { "X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1 0" },
    { "X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1 0" },
    { "X-Forwarded-For: unknown\r\n", "127.0.0.1 0" },
    { "X-Forwarded-For: 203.0.113.7, garbage\r\n", "127.0.0.1 0" },
    { "", "127.0.0.1 0" },
};

static void trust(struct gw_http *http, void *arg)
{
    static const char *const cidrs[] = { "127.0.0.0/8", "10.0.0.0/8" };
    static const char *const bad[] = { "127.0.0.0/8", "300.1.2.3" };
    struct gw_err err;

    (void)arg;
    ck_assert_int_eq(gw_http_set_trusted_proxies(http, cidrs, 2, &err), AIGW_OK);
    ck_assert_int_eq(gw_http_set_trusted_proxies(http, bad, 2, &err), AIGW_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "300.1.2.3"));
}

START_TEST(trusted_proxies_say_who_the_client_is)
{
    struct client client;
    struct response response;
    char text[256];

    server_call(server, trust, NULL);
    client_open(&client, server_port(server));
    snprintf(text, sizeof text, "GET /info HTTP/1.1\r\nHost: x\r\n%s\r\n", forwarded[_i].forwarded);
    client_send(&client, text);
    ck_assert(client_response(&client, false, &response));
    snprintf(text, sizeof text, "GET /info  %s", forwarded[_i].seen);
    ck_assert_str_eq(response.body, text);
    response_free(&response);
    client_close(&client);
}
END_TEST

/** Damaged requests of every kind, many on one server: nothing crashes, leaks, hangs or stays open. */
START_TEST(damaged_requests_do_no_harm)
{
    static const char specials[] = "\r\n\t :;,\0%/0x\177\377";
    uint64_t state = 0x9e3779b97f4a7c15u + (uint64_t)_i;
    struct client client;
    char bytes[1024];

    for (int round = 0; round < 400; round++) {
        bool from_refused = round % 2;
        size_t row = (size_t)round / 2;
        const char *base =
            from_refused ? refused[row % GW_ARRAY_LEN(refused)].bytes : accepted[row % GW_ARRAY_LEN(accepted)].bytes;
        size_t len = from_refused ? refused[row % GW_ARRAY_LEN(refused)].len : strlen(base);
        memcpy(bytes, base, len);
        for (int change = 0; change < 3; change++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(state >> 33) % len;
            char c = specials[(state >> 20) % (sizeof specials - 1)];
            if ((state >> 60) % 3 == 0 && len < sizeof bytes - 1) { /* insert, delete or overwrite */
                memmove(bytes + at + 1, bytes + at, len++ - at);
                bytes[at] = c;
            } else if ((state >> 60) % 3 == 1 && len > 1) {
                memmove(bytes + at, bytes + at + 1, --len - at);
            } else {
                bytes[at] = c;
            }
        }
        client_open(&client, server_port(server));
        client_send_bytes(&client, bytes, len);
        shutdown(client.fd, SHUT_WR);
        while (client_fill(&client))
            ;
        ck_assert(client.is_eof || client.is_error); /* and not silence */
        client_close(&client);
    }
    ck_assert(server_wait_connections(server, 0));
    struct counters counters = server_counters(server);
    ck_assert_int_eq(counters.heads, counters.dones);
}
END_TEST

/** Values are looked at eight bytes at a time: every byte, at every place in such a group. */
START_TEST(no_control_character_hides_in_a_value)
{
    static const unsigned char bytes[] = { 0x01, 0x08, 0x0b, 0x0c, 0x1f, 0x7f, '\t', 0x80, 0x89, 0xff };

    for (size_t i = 0; i < GW_ARRAY_LEN(bytes); i++) {
        char text[128] = "GET /echo HTTP/1.1\r\nHost: x\r\nX-A: xxxxxxxxxxxxxxxxxxxxx\r\n\r\n";
        struct response response = { .status = 0 };
        struct client client;
        bool is_good = bytes[i] >= 0x80 || bytes[i] == '\t';

        strstr(text, "xxx")[1 + _i] = (char)bytes[i];
        client_open(&client, server_port(server));
        client_send(&client, text);
        ck_assert(client_response(&client, false, &response));
        ck_assert_msg(response.status == (is_good ? 200 : 400), "byte %02x at %d: %d", bytes[i], _i, response.status);
        response_free(&response);
        client_close(&client);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http.hygiene");
    TCase *tcase = tcase_create("hygiene");

    tcase_set_timeout(tcase, 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_refused_request_ends_its_connection, 0, GW_ARRAY_LEN(refused) * GW_ARRAY_LEN(places));
    tcase_add_loop_test(tcase, a_refused_request_in_single_bytes_ends_its_connection, 0, GW_ARRAY_LEN(refused));
    tcase_add_loop_test(tcase, nothing_follows_a_chunked_upload, 0, GW_ARRAY_LEN(chunk_tricks));
    tcase_add_loop_test(tcase, odd_but_clear_requests_are_served, 0, GW_ARRAY_LEN(accepted));
    tcase_add_loop_test(tcase, no_control_character_hides_in_a_value, 0, 19);
    tcase_add_test(tcase, many_arguments_and_headers_are_served);
    tcase_add_test(tcase, too_many_headers_and_too_long_targets_are_refused);
    tcase_add_loop_test(tcase, trusted_proxies_say_who_the_client_is, 0, GW_ARRAY_LEN(forwarded));
    tcase_add_loop_test(tcase, damaged_requests_do_no_harm, 0, 5);
    suite_add_tcase(suite, tcase);
    TCase *tls = tcase_create("hygiene over TLS");
    tcase_set_timeout(tls, 20);
    tcase_add_checked_fixture(tls, setup_tls, teardown);
    tcase_add_loop_test(tls, a_refused_request_ends_its_tls_connection, 0,
                        GW_ARRAY_LEN(refused) * GW_ARRAY_LEN(places));
    suite_add_tcase(suite, tls);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
