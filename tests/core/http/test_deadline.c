/* test_deadline.c - slow, stuck and too many clients, with short limits. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* What a limit of a moment ends has ended by then, on the busiest machine; without the limit it would not end at all.
 */
#define LATE_US 15000000

static struct server *server;
static struct client client;
static struct response response;
static struct gw_http_limits limits;

static void setup(void)
{
    limits = default_limits;
    limits.header_ms = 60;
    limits.body_ms = 60;
    limits.idle_ms = 60;
    limits.write_stall_ms = 300;
    limits.connections_max = 3;
    server = server_start(&limits, NULL);
}

/** A server with the limits as they are now, in the place of the first. */
static void restart(void)
{
    server_stop(server);
    server = server_start(&limits, NULL);
}

static void teardown(void)
{
    response_free(&response);
    client_close(&client);
    server_stop(server);
}

/** Bytes that never make a whole request. */
static const struct {
    const char *id;
    const char *bytes;
    int heads;
} unfinished[] = {
    { "nothing", "", 0 },
    { "half a line", "GET /ec", 0 },
    { "half a header block", "GET /echo HTTP/1.1\r\nHost: x\r\nX-A: ", 0 },
    { "no body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", 1 },
    { "half a body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", 1 },
    { "half a chunked body", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 1 },
    { "half a chunk size", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5", 1 },
    { "no trailer end", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", 1 },
};

START_TEST(an_unfinished_request_is_dropped)
{
    int64_t start_us = now_us();

    client_open(&client, server_port(server));
    client_send(&client, unfinished[_i].bytes);
    ck_assert_msg(client_at_end(&client), "%s", unfinished[_i].id);
    ck_assert_int_ge(now_us() - start_us, 50000);
    ck_assert_int_lt(now_us() - start_us, LATE_US);
    ck_assert(server_wait_connections(server, 0));
    struct counters counters = server_counters(server);
    ck_assert_int_eq(counters.heads, unfinished[_i].heads);
    ck_assert_int_eq(counters.gones, unfinished[_i].heads);
    ck_assert_int_eq(counters.dones, unfinished[_i].heads);
}
END_TEST

START_TEST(a_trickle_does_not_extend_the_header_deadline)
{
    static const char head[] =
        "GET /echo HTTP/1.1\r\nHost: x\r\nX-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    int64_t start_us = now_us();
    size_t at = 0;

    client_open(&client, server_port(server));
    ck_assert(server_wait_connections(server, 1));
    while (server_connections(server) > 0 && now_us() - start_us < LATE_US) {
        if (at < sizeof head - 1 && now_us() - start_us > (int64_t)at * 2000)
            client_send_bytes(&client, head + at++, 1);
    }
    ck_assert_int_ge(now_us() - start_us, 50000);
    ck_assert_int_lt(now_us() - start_us, LATE_US);
    ck_assert(client_at_end(&client));
}
END_TEST

START_TEST(a_slow_but_moving_body_is_accepted)
{
    limits.body_ms = 1000; /* a busy machine may hold the client up that long, here and below */
    restart();
    client_open(&client, server_port(server));
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
    for (int sent = 0; sent < 10; sent++) { /* 1.5 s altogether, 150 ms of silence each */
        client_idle(150);
        client_send(&client, "x");
    }
    ck_assert(client_response(&client, false, &response));
    ck_assert_str_eq(response.body, "xxxxxxxxxx");
}
END_TEST

/** Bytes that go on coming, a little at a time, and never make a body in time. */
static const struct {
    const char *id;
    const char *head;
    const char *piece;
    int dropped_after_ms; /* body_ms without progress, body_total_ms with a little */
} trickles[] = {
    { "bytes of a body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "x", 1500 },
    { "chunks", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 1500 },
    { "bytes of an extension", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;", "x", 500 },
    { "bytes of a trailer", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", "x", 500 },
    { "bytes of a body nobody wants", "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "x", 1500 },
};

START_TEST(a_trickle_does_not_extend_the_body_deadline)
{
    int64_t after_us = (int64_t)trickles[_i].dropped_after_ms * 1000;

    limits.body_ms = 500;
    limits.body_total_ms = trickles[_i].dropped_after_ms > limits.body_ms ? 1500 : 60000;
    restart();
    client_open(&client, server_port(server));
    client_send(&client, trickles[_i].head);
    ck_assert(WAIT(server, heads, 1));
    int64_t start_us = now_us();
    while (server_connections(server) > 0 && now_us() - start_us < LATE_US) {
        client_send(&client, trickles[_i].piece);
        client_idle(10);
    }
    ck_assert_msg(now_us() - start_us >= after_us * 8 / 10, "%s: dropped early", trickles[_i].id);
    ck_assert_msg(now_us() - start_us < LATE_US, "%s: dropped late", trickles[_i].id);
    ck_assert(WAIT(server, dones, 1));
    ck_assert_int_eq(server_counters(server).gones, 1);
}
END_TEST

START_TEST(a_body_that_arrives_fast_enough_may_take_longer)
{
    static char piece[8192];
    int64_t start_us = now_us();
    size_t sent = 0;

    limits.body_ms = 600;
    limits.body_total_ms = 600;
    restart();
    memset(piece, 'x', sizeof piece);
    client_open(&client, server_port(server));
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n");
    for (; sent < 262144; sent += sizeof piece) { /* 1.3 s altogether */
        const int64_t left_us = start_us + (int64_t)(sent / sizeof piece) * 40000 - now_us();

        if (left_us > 0)
            client_idle((int)(left_us / 1000) + 1);
        client_send_bytes(&client, piece, sizeof piece);
    }
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 200);
    ck_assert_uint_eq(response.body_len, sent);
}
END_TEST

/** Where a chunked body has no chunks: nothing is held, and the client is told. */
static const char *const chunk_heads[] = { "5;", "5;name=\"", "0\r\nX-Trailer: " };

START_TEST(a_large_chunk_extension_ends_the_connection)
{
    static char waste[1 << 20];
    int64_t start_us = now_us();

    limits.body_ms = limits.body_total_ms = 60000;
    restart();
    memset(waste, 'e', sizeof waste);
    client_open(&client, server_port(server));
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client_send(&client, chunk_heads[_i]);
    client_send_bytes(&client, waste, sizeof waste);
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_ge(response.status, 400);
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    ck_assert(client_at_end(&client));
    ck_assert_int_lt(now_us() - start_us, LATE_US);
    client_close(&client);
    ck_assert(server_wait_connections(server, 0));
    ck_assert_int_eq(server_counters(server).bodies, 0);
}
END_TEST

START_TEST(an_idle_connection_is_closed_and_a_busy_one_is_not)
{
    int64_t start_us = now_us();
    int requests = 0;

    limits.idle_ms = 500;
    restart();
    client_open(&client, server_port(server));
    while (now_us() - start_us < 1200000) { /* longer than every limit */
        client_send(&client, "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
        response_free(&response);
        ck_assert(client_response(&client, false, &response));
        requests++;
    }
    ck_assert_int_gt(requests, 1);
    start_us = now_us();
    ck_assert(client_at_end(&client));
    ck_assert_int_ge(now_us() - start_us, 400000);
    ck_assert_int_lt(now_us() - start_us, LATE_US);
}
END_TEST

START_TEST(a_silent_pipeline_is_not_the_clients_fault)
{
    int64_t start_us = now_us();

    client_open(&client, server_port(server));
    client_send(&client, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(WAIT(server, bodies, 1));
    while (now_us() - start_us < 250000) {
        ck_assert_uint_eq(server_connections(server), 1);
        client_idle(1);
    }
    ck_assert_int_eq(server_counters(server).gones, 0);
}
END_TEST

START_TEST(a_client_that_takes_no_bytes_is_dropped)
{
    client_open_small(&client, server_port(server), 4096);
    client_send(&client, _i == 0 ? "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(WAIT(server, gones, 1));
    ck_assert(WAIT(server, dones, 1));
    ck_assert(server_counters(server).last_abort);
    ck_assert(server_wait_connections(server, 0));
    if (client_response(&client, false, &response))
        ck_assert(!response.is_complete);
}
END_TEST

START_TEST(a_slow_but_moving_reader_is_served)
{
    int64_t start_us = now_us();

    client_open_small(&client, server_port(server), 65536);
    client_send(&client, _i == 0 ? "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    while (now_us() - start_us < 900000) { /* several stall periods, always a little progress */
        client_idle(10);
        if (client.len < BIG_TOTAL / 2)
            ck_assert(client_fill(&client));
    }
    ck_assert(client_response(&client, false, &response));
    ck_assert(response.is_complete);
    ck_assert_int_eq(server_counters(server).gones, 0);
}
END_TEST

START_TEST(too_many_connections_are_told_so)
{
    struct client holders[3];

    for (size_t i = 0; i < GW_ARRAY_LEN(holders); i++) {
        client_open(&holders[i], server_port(server));
        client_send(&holders[i], "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    ck_assert(WAIT(server, bodies, 3));
    client_open(&client, server_port(server));
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 503);
    ck_assert_str_eq(response_header(&response, "retry-after"), "1");
    ck_assert_str_eq(response_header(&response, "content-type"), "application/json");
    ck_assert_str_eq(response_header(&response, "connection"), "close");
    ck_assert_ptr_eq(strstr(response.body, "{\"detail\":\""), response.body);
    ck_assert(client_at_end(&client));
    client_close(&client);
    client_close(&holders[0]);
    ck_assert(server_wait_connections(server, 2));
    client_open(&client, server_port(server));
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    response_free(&response);
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 200);
    client_close(&holders[1]);
    client_close(&holders[2]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http.deadline");
    TCase *tcase = tcase_create("deadline");

    tcase_set_timeout(tcase, 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, an_unfinished_request_is_dropped, 0, GW_ARRAY_LEN(unfinished));
    tcase_add_test(tcase, a_trickle_does_not_extend_the_header_deadline);
    tcase_add_test(tcase, a_slow_but_moving_body_is_accepted);
    tcase_add_loop_test(tcase, a_trickle_does_not_extend_the_body_deadline, 0, GW_ARRAY_LEN(trickles));
    tcase_add_test(tcase, a_body_that_arrives_fast_enough_may_take_longer);
    tcase_add_loop_test(tcase, a_large_chunk_extension_ends_the_connection, 0, GW_ARRAY_LEN(chunk_heads));
    tcase_add_test(tcase, an_idle_connection_is_closed_and_a_busy_one_is_not);
    tcase_add_test(tcase, a_silent_pipeline_is_not_the_clients_fault);
    tcase_add_loop_test(tcase, a_client_that_takes_no_bytes_is_dropped, 0, 2);
    tcase_add_loop_test(tcase, a_slow_but_moving_reader_is_served, 0, 2);
    tcase_add_test(tcase, too_many_connections_are_told_so);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
