/* test_exchange.c - requests and buffered answers over real sockets. */
#include <check.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

static struct server *server;
static struct client client;
static struct response response;

static void setup(void)
{
    server = server_start(NULL, NULL);
    client_open(&client, server_port(server));
}

static void teardown(void)
{
    response_free(&response);
    client_close(&client);
    server_stop(server);
}

/** Send, read one response, check status and body. */
static void ask(const char *request, int status, const char *body)
{
    response_free(&response);
    client_send(&client, request);
    ck_assert_msg(client_response(&client, false, &response), "no response to: %s", request);
    ck_assert_int_eq(response.status, status);
    ck_assert(response.is_complete);
    if (body)
        ck_assert_str_eq(response.body, body);
}

START_TEST(answers_carry_the_standard_headers)
{
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nOrigin: https://x.test\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    ck_assert_str_eq(response_header(&response, "server"), "aigw");
    ck_assert_str_eq(response_header(&response, "content-type"), "text/plain");
    ck_assert_str_eq(response_header(&response, "content-length"), "5");
    ck_assert_str_eq(response_header(&response, "access-control-allow-origin"), "*");
    ck_assert_uint_eq(strlen(response_header(&response, "date")), 29);
    ck_assert_uint_eq(strlen(response_header(&response, "x-request-id")), 32);
    ck_assert_uint_eq(strspn(response_header(&response, "x-request-id"), "0123456789abcdef"), 32);
    char *end;
    double seconds = strtod(response_header(&response, "x-process-time"), &end);
    ck_assert(*end == '\0' && seconds >= 0 && seconds < 3);
    ask("GET /echo HTTP/1.1\r\nHost: x\r\nX-Request-ID: my-id-1\r\n\r\n", 200, "");
    ck_assert_str_eq(response_header(&response, "x-request-id"), "my-id-1");
    ck_assert_str_eq(response_header(&response, "access-control-allow-origin"), "");
}
END_TEST

START_TEST(an_unusable_request_id_is_replaced)
{
    char request[512];

    snprintf(request, sizeof request, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Request-ID: %0256d\r\n\r\n", 1);
    ask(request, 200, "");
    ck_assert_uint_eq(strlen(response_header(&response, "x-request-id")), 32);
    ask("GET /echo HTTP/1.1\r\nHost: x\r\nX-Request-ID: caf\xc3\xa9\r\n\r\n", 200, "");
    ck_assert_uint_eq(strlen(response_header(&response, "x-request-id")), 32);
}
END_TEST

START_TEST(a_connection_serves_many_requests)
{
    for (int i = 0; i < 20; i++) {
        ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", 200, "ab");
        ask("GET /later HTTP/1.1\r\nHost: x\r\n\r\n", 200, "");
        ask("POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200, "abc");
    }
    ck_assert_uint_eq(server_connections(server), 1);
}
END_TEST

/** No descriptors are left to read a request with: the client is told, and the next one is served. */
START_TEST(a_request_that_cannot_be_read_is_told_so)
{
    struct rlimit before, none;
    int next = dup(client.fd);

    ck_assert(server_wait_connections(server, 1));
    ck_assert_int_ge(next, 0);
    close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)next;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", 503, NULL);
    ck_assert_str_eq(response_header(&response, "retry-after"), "1");
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    ck_assert(client_at_end(&client));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(server_counters(server).heads, 0);
    client_close(&client);
    client_open(&client, server_port(server));
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", 200, "ab");
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    client_send(&client, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
                         "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n2"
                         "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
                         "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n4");
    static const char *const bodies[] = { "1", "2", "one two three", "4" };
    for (size_t i = 0; i < GW_ARRAY_LEN(bodies); i++)
        ask("", 200, bodies[i]);
}
END_TEST

START_TEST(expect_100_continue_is_honoured)
{
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 100);
    ask("ok", 200, "ok");
}
END_TEST

START_TEST(a_refused_expectation_gets_no_100)
{
    ask("POST /early HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", 401,
        "{\"error\":\"no\"}");
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    ck_assert(client_at_end(&client));
}
END_TEST

#define CHUNKED "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

/** Status by version of libmicrohttpd, where it differs: 0.9.75, 1.x. */
static const struct {
    const char *id;
    const char *body;
    int status, status_1;
} chunked[] = {
    { "two chunks", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, 200 },
    { "upper-case hex, leading zeros", "0000000005\r\nabcde\r\n0\r\n\r\n", 200, 200 },
    { "trailer", "5\r\nabcde\r\n0\r\nX-A: 1\r\n\r\n", 200, 200 },
    { "extension", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", 200, 400 }, /* 1.x refuses every one */
};

START_TEST(chunked_uploads_work_and_close_the_connection)
{
    bool is_1 = strncmp(MHD_get_version(), "0.", 2) != 0;
    int status = is_1 ? chunked[_i].status_1 : chunked[_i].status;

    client_send(&client, CHUNKED);
    ask(chunked[_i].body, status, status == 200 ? "abcde" : NULL);
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    ck_assert(client_at_end(&client));
}
END_TEST

START_TEST(head_gets_headers_only)
{
    static const char *const paths[] = { "/echo", "/later", "/stream", "/big" };

    for (size_t i = 0; i < GW_ARRAY_LEN(paths); i++) {
        char request[128];
        snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        client_send(&client, request);
        response_free(&response);
        ck_assert(client_response(&client, true, &response));
        ck_assert_int_eq(response.status, 200);
    }
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n9", 200, "9"); /* nothing was left behind */
}
END_TEST

START_TEST(http_1_0_closes_unless_asked_to_stay)
{
    ask("GET /info HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "GET /info  127.0.0.1 0");
    ask("GET /info?a=b&c HTTP/1.0\r\n\r\n", 200, "GET /info a=b&c 127.0.0.1 0");
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    ck_assert(client_at_end(&client));
}
END_TEST

START_TEST(early_answers_keep_the_connection_when_the_body_is_short)
{
    ask("POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 401, "{\"error\":\"no\"}");
    ck_assert_str_eq(response_header(&response, "x-early"), "yes");
    ask("POST /waitno HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 401, "{\"no\":1}");
    ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    ck_assert_uint_eq(server_connections(server), 1);
}
END_TEST

/** Content-Length (0: chunked), bytes really sent, path, status, whether the connection survives. */
static const struct {
    size_t declared, sent;
    const char *path;
    int status;
    bool survives;
    size_t chunk; /* size of chunks, 0: one */
} big_bodies[] = {
    { 200 << 10, 200 << 10, "/early", 401, true, 0 }, /* drained */
    { 4 << 20, 4 << 20, "/early", 401, false, 0 },    /* beyond drain_max: answered at once */
    { 4 << 20, 1 << 20, "/early", 401, false, 0 },    /* the client stops when it reads the answer */
    { 4 << 20, 4 << 20, "/echo", 413, false, 0 },     /* beyond body_max */
    { 100 << 10, 100 << 10, "/small", 413, true, 0 }, /* beyond the route's own maximum, drained */
    { 11, 11, "/small", 413, true, 0 },
    { 10, 10, "/small", 200, true, 0 },
    { 1 << 20, 1 << 20, "/echo", 200, true, 0 }, /* exactly body_max */
    { 0, 4 << 20, "/echo", 413, false, 0 },
    { 0, 4 << 20, "/early", 401, false, 0 },
    { 0, 1 << 20, "/echo", 200, false, 0 },
    { 0, 1 << 20, "/echo", 200, false, 1000 },
    { 0, 600 << 10, "/early", 401, false, 100 },
    { 0, 2 << 20, "/echo", 413, false, 700 },
};

START_TEST(large_bodies_get_their_answer)
{
    size_t sent = big_bodies[_i].sent;
    size_t chunk = big_bodies[_i].chunk ? big_bodies[_i].chunk : sent;
    char head[256];
    char *body = malloc(sent);

    ck_assert_ptr_nonnull(body);
    memset(body, 'x', sent);
    if (big_bodies[_i].declared)
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", big_bodies[_i].path,
                 big_bodies[_i].declared);
    else
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                 big_bodies[_i].path);
    client_send(&client, head);
    for (size_t at = 0; at < sent; at += chunk) {
        size_t len = sent - at < chunk ? sent - at : chunk;
        if (!big_bodies[_i].declared) {
            snprintf(head, sizeof head, "%zx\r\n", len);
            client_send(&client, head);
        }
        client_send_bytes(&client, body + at, len);
        if (!big_bodies[_i].declared)
            client_send(&client, "\r\n");
    }
    if (!big_bodies[_i].declared)
        client_send(&client, "0\r\n\r\n");
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, big_bodies[_i].status);
    ck_assert(response.is_complete);
    if (response.status == 200)
        ck_assert(response.body_len == sent && memcmp(response.body, body, sent) == 0);
    if (response.status == 413)
        ck_assert_ptr_nonnull(strstr(response.body, "{\"detail\":\"Request body is too large: more than "));
    if (big_bodies[_i].survives)
        ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1", 200, "1");
    else
        ck_assert(client_at_end(&client));
    client_close(&client); /* ends the lingering */
    free(body);
    ck_assert(WAIT(server, dones, big_bodies[_i].survives ? 2 : 1));
    ck_assert_int_eq(server_counters(server).gones, 0);
}
END_TEST

START_TEST(a_large_answer_arrives_whole)
{
    ask("GET /big HTTP/1.1\r\nHost: x\r\n\r\n", 200, NULL);
    ck_assert_uint_eq(response.body_len, BIG_TOTAL);
    ck_assert(WAIT(server, dones, 1));
    ck_assert_uint_eq(server_counters(server).last_bytes_out, BIG_TOTAL);
}
END_TEST

static const struct {
    const char *name;
    size_t len;
    int status;
} header_sizes[] = {
    { "12 KB token passes", 12000, 200 },
    { "31 KB passes", 31000, 200 },
    { "33 KB is refused", 33000, 431 },
    { "60 KB is refused", 60000, 431 },
};

START_TEST(header_block_has_a_maximum)
{
    size_t len = header_sizes[_i].len;
    char *token = calloc(1, len + 1);

    ck_assert_ptr_nonnull(token);
    memset(token, 't', len);
    client_send(&client, "GET /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ");
    client_send(&client, token);
    free(token);
    client_send(&client, "\r\n\r\n");
    ck_assert_msg(client_response(&client, false, &response), "%s", header_sizes[_i].name);
    ck_assert_int_eq(response.status, header_sizes[_i].status);
}
END_TEST

/** After how long it was noticed. time: how many leave with this one. */
static int64_t leave(int way, int time)
{
    client_send(&client,
                way == 0 ? "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(WAIT(server, bodies, time));
    int64_t left_us = now_us();
    if (way == 2)
        shutdown(client.fd, SHUT_WR); /* a half-closed client counts as gone */
    else
        client_close(&client);
    ck_assert(WAIT(server, gones, time));
    ck_assert(WAIT(server, dones, time));
    ck_assert(server_counters(server).last_abort);
    ck_assert(server_wait_connections(server, 0));
    return server_counters(server).last_gone_us - left_us;
}

START_TEST(a_client_that_leaves_is_noticed_at_once)
{
    int64_t took_us = leave(_i, 1);

    for (int time = 2; took_us >= AT_ONCE_US && time <= TRIES; time++) { /* a busy machine had something else to do */
        client_close(&client);
        client_open(&client, server_port(server));
        took_us = leave(_i, time);
    }
    ck_assert_int_lt(took_us, AT_ONCE_US);
}
END_TEST

START_TEST(a_client_that_leaves_while_sending_is_noticed)
{
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf");
    ck_assert(WAIT(server, heads, 1));
    client_close(&client);
    ck_assert(WAIT(server, gones, 1));
    ck_assert(WAIT(server, dones, 1));
    ck_assert_int_eq(server_counters(server).bodies, 0);
}
END_TEST

static void run_drain(struct gw_http *http, void *arg)
{
    (void)arg;
    gw_http_drain(http, GW_DRAIN_END);
}

/** Everything that had been sent before draining began is answered, wherever it was: not accepted yet, accepted but
 *  unread, half a head, behind an answer. The server's thread is kept busy meanwhile, so that it is in none of them by
 *  chance. */
static void send_and_drain(struct gw_http *http, void *arg)
{
    struct client *many = arg;

    for (int i = 0; i < 200; i++) {
        client_open(&many[i], server_port(server));
        client_send(&many[i], "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
    }
    client_send(&client, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
    client_send(&many[200], "half\r\n\r\n");
    gw_http_drain(http, GW_DRAIN_END);
    ck_assert(!gw_http_is_drained(http));
}

static void get_drained(struct gw_http *http, void *arg)
{
    *(bool *)arg = gw_http_is_drained(http);
}

START_TEST(draining_answers_what_had_arrived)
{
    static struct client many[201];
    bool is_drained = false;
    int64_t until_us = now_us() + 3000000;

    server_stop(server);
    struct gw_http_limits limits = default_limits;
    limits.connections_max = 300;
    server = server_start(&limits, NULL);
    client_close(&client);
    client_open(&client, server_port(server));
    ask("GET /info HTTP/1.1\r\nHost: x\r\n\r\n", 200, NULL);
    client_open(&many[200], server_port(server));
    client_send(&many[200], "GET /later HTTP/1.1\r\nHost: x\r\nX-A: ");
    ck_assert(server_wait_connections(server, 2));
    server_call(server, send_and_drain, many);
    ask("", 200, "ab");
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    for (int i = 0; i <= 200; i++) {
        response_free(&response);
        ck_assert(client_response(&many[i], false, &response));
        ck_assert_int_eq(response.status, 200);
        ck_assert_str_eq(response_header(&response, "connection"), "close");
        ck_assert(client_at_end(&many[i]));
        client_close(&many[i]);
    }
    client_close(&client);
    while (!is_drained && now_us() < until_us)
        server_call(server, get_drained, &is_drained);
    ck_assert(is_drained);
    ck_assert(server_wait_connections(server, 0));
}
END_TEST

static void drain_and_send(struct gw_http *http, void *arg)
{
    gw_http_drain(http, GW_DRAIN_END);
    ck_assert(!gw_http_is_drained(http));
    client_send(arg, "GET /info HTTP/1.1\r\nHost: x\r\n\r\n");
}

/** No answer told that client to ask elsewhere: it may be sending at that moment. */
START_TEST(draining_serves_a_kept_connection_once_more)
{
    ask("GET /info HTTP/1.1\r\nHost: x\r\n\r\n", 200, NULL);
    ck_assert_str_eq(response_header(&response, "connection"), "");
    server_call(server, drain_and_send, &client);
    ask("", 200, NULL);
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    ck_assert(client_at_end(&client));
}
END_TEST

START_TEST(draining_closes_the_idle_and_the_silent_soon)
{
    struct client fresh;

    ask("GET /info HTTP/1.1\r\nHost: x\r\n\r\n", 200, NULL);
    client_send(&client, "\r\n"); /* some send that behind a body: still idle */
    client_open(&fresh, server_port(server));
    ck_assert(server_wait_connections(server, 2));
    int64_t start_us = now_us();
    server_call(server, run_drain, NULL);
    ck_assert(client_at_end(&client));
    ck_assert(client_at_end(&fresh));
    ck_assert_int_lt(now_us() - start_us, 2000000);
    ck_assert(server_wait_connections(server, 0));
    client_close(&fresh);
}
END_TEST

START_TEST(draining_finishes_what_runs_and_accepts_nothing_new)
{
    struct client late;

    client_send(&client, "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(WAIT(server, bodies, 1));
    client_open(&late, server_port(server));
    ck_assert(server_wait_connections(server, 2));
    server_call(server, run_drain, NULL);
    ask("", 200, "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
    client_send(&late, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    response_free(&response);
    ck_assert(client_response(&late, false, &response));
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    ck_assert(client_at_end(&late));
    client_close(&late);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof peer;
    ck_assert_int_eq(getpeername(client.fd, (struct sockaddr *)&peer, &peer_len), 0);
    ck_assert_int_lt(connect(fd, (struct sockaddr *)&peer, peer_len), 0);
    ck_assert_int_eq(shutdown(fd, SHUT_RDWR), -1);
    struct client closing = { .fd = fd };
    client_close(&closing);
}
END_TEST

START_TEST(freeing_the_server_cuts_what_runs)
{
    struct client more[3];
    static const char *const requests[] = { "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n",
                                            "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n",
                                            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc" };

    for (size_t i = 0; i < GW_ARRAY_LEN(more); i++) {
        client_open(&more[i], server_port(server));
        client_send(&more[i], requests[i]);
    }
    ck_assert(WAIT(server, heads, 3));
    ck_assert(WAIT(server, bodies, 2));
    for (size_t i = 0; i < GW_ARRAY_LEN(more); i++)
        client_close(&more[i]);
    /* teardown checks that every exchange ended exactly once; ASan that nothing leaked */
}
END_TEST

static void set_tls(struct gw_http *http, void *arg)
{
    static const struct gw_http_tls tls = { "x", "y", NULL, NULL };
    struct gw_err err;

    (void)arg;
    ck_assert_int_eq(gw_http_set_tls(http, &tls, &err), AIGW_E_STATE);
}

START_TEST(a_plain_listener_stays_one)
{
    server_call(server, set_tls, NULL);
}
END_TEST

static void set_prefix(struct gw_http *http, void *arg)
{
    gw_http_set_prefix(http, arg);
}

START_TEST(the_prefix_is_dropped)
{
    static char prefix[] = "/ai";

    server_call(server, set_prefix, prefix);
    ask("GET /ai/info?x HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /info x 127.0.0.1 0");
    ask("GET /info HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /info  127.0.0.1 0");
}
END_TEST

START_TEST(a_request_that_ends_with_the_connection_is_answered)
{
    client_send(&client, "GET /info HTTP/1.1\r\nHost: x\r\n\r\nGET /info HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(client.fd, SHUT_WR);
    ask("", 200, "GET /info  127.0.0.1 0");
    ask("", 200, "GET /info  127.0.0.1 0");
    ck_assert(client_at_end(&client));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http.exchange");
    TCase *tcase = tcase_create("exchange");

    tcase_set_timeout(tcase, 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, answers_carry_the_standard_headers);
    tcase_add_test(tcase, an_unusable_request_id_is_replaced);
    tcase_add_test(tcase, a_connection_serves_many_requests);
    tcase_add_test(tcase, a_request_that_cannot_be_read_is_told_so);
    tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, expect_100_continue_is_honoured);
    tcase_add_test(tcase, a_refused_expectation_gets_no_100);
    tcase_add_loop_test(tcase, chunked_uploads_work_and_close_the_connection, 0, GW_ARRAY_LEN(chunked));
    tcase_add_test(tcase, head_gets_headers_only);
    tcase_add_test(tcase, http_1_0_closes_unless_asked_to_stay);
    tcase_add_test(tcase, early_answers_keep_the_connection_when_the_body_is_short);
    tcase_add_loop_test(tcase, large_bodies_get_their_answer, 0, GW_ARRAY_LEN(big_bodies));
    tcase_add_test(tcase, a_large_answer_arrives_whole);
    tcase_add_loop_test(tcase, header_block_has_a_maximum, 0, GW_ARRAY_LEN(header_sizes));
    tcase_add_loop_test(tcase, a_client_that_leaves_is_noticed_at_once, 0, 3);
    tcase_add_test(tcase, a_client_that_leaves_while_sending_is_noticed);
    tcase_add_test(tcase, draining_answers_what_had_arrived);
    tcase_add_test(tcase, draining_serves_a_kept_connection_once_more);
    tcase_add_test(tcase, draining_closes_the_idle_and_the_silent_soon);
    tcase_add_test(tcase, draining_finishes_what_runs_and_accepts_nothing_new);
    tcase_add_test(tcase, freeing_the_server_cuts_what_runs);
    tcase_add_test(tcase, a_plain_listener_stays_one);
    tcase_add_test(tcase, the_prefix_is_dropped);
    tcase_add_test(tcase, a_request_that_ends_with_the_connection_is_answered);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
