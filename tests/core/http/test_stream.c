/* test_stream.c - bodies of unknown length, over plain TCP and over TLS (test_tls.c runs the same rows). */
#include <check.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

static struct server *server;
static struct client client;
static struct response response;

static void setup(void)
{
    server = server_start(NULL, NULL);
}

static void teardown(void)
{
    response_free(&response);
    client_close(&client);
    server_stop(server);
}

static void ask(const char *request)
{
    response_free(&response);
    client_send(&client, request);
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 200);
}

START_TEST(a_stream_is_chunked_and_keeps_the_connection)
{
    client_open(&client, server_port(server));
    for (int i = 0; i < 10; i++) {
        ask("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        ck_assert(response.is_chunked && response.is_complete);
        ck_assert_str_eq(response.body, "one two three");
        ck_assert_str_eq(response_header(&response, "content-type"), "text/event-stream");
        ask("GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
        ck_assert(response.is_complete);
        ck_assert_str_eq(response.body, "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
    }
    ck_assert_uint_eq(server_connections(server), 1);
    ck_assert(WAIT(server, dones, 20));
    ck_assert_uint_eq(server_counters(server).last_bytes_out, 35);
    ck_assert(!server_counters(server).last_abort);
    ck_assert_int_eq(server_counters(server).gones, 0);
}
END_TEST

START_TEST(the_first_chunk_arrives_while_the_stream_runs)
{
    client_open(&client, server_port(server));
    client_send(&client, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!client.len || !memmem(client.data, client.len, "6\r\nfirst\n\r\n", 11))
        ck_assert(client_fill(&client));
    ck_assert_int_eq(server_counters(server).dones, 0);
}
END_TEST

START_TEST(http_1_0_gets_plain_bytes_and_the_end_of_the_connection)
{
    static const char *const paths[] = { "/stream", "/ticks" };
    static const char *const bodies[] = { "one two three", "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n" };

    for (size_t i = 0; i < GW_ARRAY_LEN(paths); i++) {
        char request[64];
        client_close(&client);
        client_open(&client, server_port(server));
        snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", paths[i]);
        ask(request);
        ck_assert(!response.is_chunked);
        ck_assert_str_eq(response_header(&response, "connection"), "close");
        ck_assert_str_eq(response.body, bodies[i]);
        ck_assert(client.is_eof);
        ck_assert(server_wait_connections(server, 0));
        ck_assert_int_eq(server_counters(server).gones, 0);
    }
}
END_TEST

START_TEST(an_aborted_stream_never_looks_finished)
{
    client_open(&client, server_port(server));
    client_send(&client, _i == 0 ? "GET /abort HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /abort HTTP/1.0\r\n\r\n");
    if (client_response(&client, false, &response))
        ck_assert(!response.is_complete);
    if (_i == 0)
        ck_assert(client.is_eof || client.is_error); /* without the last chunk */
    else
        ck_assert(client.is_error); /* a reset: an orderly end would look like the end of the body */
    ck_assert(WAIT(server, dones, 1));
    ck_assert(server_counters(server).last_abort);
    ck_assert(server_wait_connections(server, 0));
}
END_TEST

START_TEST(writes_of_one_turn_go_out_together)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    client_open(&client, server_port(server));
    ask("GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(response.is_chunked && response.is_complete);
    ck_assert_str_eq(response.body, "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
    ck_assert_int_eq(getsockopt(client.fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    ck_assert_uint_le(info.tcpi_data_segs_in, 1 + 5); /* headers; ticks, the last one with the end */
    ask("GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");    /* framing is still in step */
    ck_assert_str_eq(response.body, "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
}
END_TEST

/** Many events in one turn, as they come out of one read from a model. */
static void write_many(struct gw_http *http, void *arg)
{
    struct gw_exchange *ex = server_last(arg);

    (void)http;
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(server_write(ex, AIGW_STR("data: an event\n\n")), GW_WRITE_OK);
}

START_TEST(a_hundred_events_of_one_turn_are_one_packet)
{
    struct tcp_info before, after;
    socklen_t len = sizeof before;
    size_t wanted = 100 * 16;

    client_open(&client, server_port(server));
    client_send(&client, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!client.len || !memmem(client.data, client.len, "6\r\nfirst\n\r\n", 11))
        ck_assert(client_fill(&client));
    ck_assert_int_eq(getsockopt(client.fd, IPPROTO_TCP, TCP_INFO, &before, &len), 0);
    size_t at = client.len;
    server_call(server, write_many, server);
    while (client.len < at + wanted + 100 * 6)
        ck_assert(client_fill(&client));
    ck_assert_int_eq(getsockopt(client.fd, IPPROTO_TCP, TCP_INFO, &after, &len), 0);
    ck_assert_uint_eq(after.tcpi_data_segs_in - before.tcpi_data_segs_in, 1);
}
END_TEST

/** The client resets; before the loop can hear of it, the pipeline writes. */
static void write_to_nobody(struct gw_http *http, void *arg)
{
    static char bytes[64 << 10];
    struct gw_exchange *ex = server_last(arg);
    struct linger reset = { .l_onoff = 1 };

    (void)http;
    memset(bytes, 'x', sizeof bytes);
    ck_assert_int_eq(setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(client.fd);
    client.fd = -1;
    ck_assert_int_eq(server_write(ex, (aigw_str){ bytes, sizeof bytes }), GW_WRITE_GONE);
    ck_assert_int_eq(server_counters(arg).gones, 0); /* not from inside the write */
    ck_assert_int_eq(server_write(ex, AIGW_STR("more")), GW_WRITE_GONE);
    ck_assert_int_eq(gw_http_stream_state(ex), GW_WRITE_GONE);
    gw_http_stream_end(ex);
    gw_http_abort(ex);
    ck_assert_int_eq(server_counters(arg).gones, 0);
    ck_assert_int_eq(server_counters(arg).dones, 0);
}

START_TEST(a_failing_write_says_so_and_on_gone_comes_later)
{
    client_open(&client, server_port(server));
    client_send(&client, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!client.len || !memmem(client.data, client.len, "6\r\nfirst\n\r\n", 11))
        ck_assert(client_fill(&client));
    server_call(server, write_to_nobody, server);
    ck_assert(WAIT(server, gones, 1));
    ck_assert(WAIT(server, dones, 1));
    ck_assert(server_counters(server).last_abort);
    ck_assert(server_wait_connections(server, 0));
    ck_assert_int_eq(server_counters(server).gones, 1);
}
END_TEST

START_TEST(pieces_reach_http_1_0)
{
    client_open(&client, server_port(server));
    ask("GET /pieces HTTP/1.0\r\n\r\n");
    ck_assert_str_eq(response.body, "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
    ck_assert(client.is_eof);
    client_close(&client);
    ck_assert(server_wait_connections(server, 0));
    ck_assert_int_eq(server_counters(server).gones, 0);
}
END_TEST

START_TEST(an_abort_sends_what_was_written_in_the_same_turn)
{
    client_open(&client, server_port(server));
    client_send(&client, "GET /cutpiece HTTP/1.1\r\nHost: x\r\n\r\n");
    while (client_fill(&client))
        ;
    ck_assert(client.is_eof || client.is_error);
    ck_assert_ptr_nonnull(memmem(client.data, client.len, "5\r\ntick \r\n1\r\n0\r\n1\r\n\n\r\n", 22));
    ck_assert_ptr_null(memmem(client.data, client.len, "\r\n0\r\n\r\n", 7));
    ck_assert(WAIT(server, dones, 1));
    ck_assert(server_counters(server).last_abort);
    ck_assert_int_eq(server_counters(server).gones, 0);
}
END_TEST

static const char *const floods[] = { "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n",
                                      "GET /smallflood HTTP/1.1\r\nHost: x\r\n\r\n" };

START_TEST(a_slow_reader_stops_the_pipeline_and_gets_every_byte)
{
    client_open_small(&client, server_port(server), 8192);
    client_send(&client, floods[_i]);
    ck_assert(WAIT(server, fulls, 1)); /* nothing was read yet */
    ck_assert(client_response(&client, false, &response));
    ck_assert(response.is_complete);
    ck_assert_uint_eq(response.body_len, FLOOD_TOTAL);
    ck_assert_uint_eq(strspn(response.body, "f"), FLOOD_TOTAL);
    struct counters counters = server_counters(server);
    ck_assert_int_ge(counters.drains, 1);
    /* nothing was read yet: the mark, one burst, and what the kernel's buffers took */
    ck_assert_uint_lt(counters.first_burst, (64u << 10) + 2 * FLOOD_CHUNK + (12u << 20));
    client_send(&client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    response_free(&response);
    ck_assert(client_response(&client, false, &response)); /* framing is still in step */
    ck_assert_str_eq(response.body, "one two three");
}
END_TEST

START_TEST(a_client_that_leaves_during_a_flood_frees_everything)
{
    client_open_small(&client, server_port(server), 8192);
    client_send(&client, floods[_i]);
    ck_assert(WAIT(server, fulls, 1));
    client_close(&client);
    ck_assert(WAIT(server, gones, 1));
    ck_assert(WAIT(server, dones, 1));
    ck_assert(server_wait_connections(server, 0));
}
END_TEST

START_TEST(a_request_pipelined_behind_a_stream_is_served_after_it)
{
    client_open(&client, server_port(server));
    client_send(&client,
                "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
    ask("");
    ck_assert_str_eq(response.body, "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
    ask("");
    ck_assert_str_eq(response.body, "ab");
}
END_TEST

START_TEST(a_long_request_behind_a_stream_on_a_used_connection_is_served)
{
    enum { PADDING = 14000 };
    char *text = malloc(PADDING + 512);

    ck_assert_ptr_nonnull(text);
    client_open(&client, server_port(server));
    for (int i = 0; i < 3; i++) {
        ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
        int len = sprintf(text,
                          "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n"
                          "POST /echo HTTP/1.1\r\nHost: x\r\nX-Long: %0*d\r\nContent-Length: 4\r\n\r\n%04d",
                          PADDING, i, i);
        client_send_bytes(&client, text, (size_t)len);
        ask("");
        ck_assert_str_eq(response.body, "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
        ask("");
        ck_assert_int_eq(atoi(response.body), i);
        ck_assert_uint_eq(response.body_len, 4);
    }
    free(text);
}
END_TEST

/** Without a buffer of its own: freed memory stays resident under the sanitizer. */
static size_t resident_pages(void)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY);
    ssize_t len = read(fd, text, sizeof text - 1);

    ck_assert_int_gt(len, 0);
    close(fd);
    text[len] = '\0';
    return strtoul(strchr(text, ' '), NULL, 10);
}

/** After a large request, too: nothing of it stays. */
START_TEST(idle_connections_hold_little_memory)
{
    enum { COUNT = 200, BYTES_EACH = 2048, PADDING = 14000 };
    struct client many[COUNT];
    char *text = malloc(PADDING + 512);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t before = 0;

    ck_assert_ptr_nonnull(text);
    server_stop(server);
    struct gw_http_limits limits = default_limits;
    limits.connections_max = COUNT + 10;
    server = server_start(&limits, NULL);
    int len =
        sprintf(text, "POST /echo HTTP/1.1\r\nHost: x\r\nX-Long: %0*d\r\nContent-Length: 2\r\n\r\nab", PADDING, 0);
    for (int i = 0; i < COUNT; i++) {
        if (i == COUNT / 10)
            before = resident_pages();
        client_open(&many[i], server_port(server));
        client_send_bytes(&many[i], text, (size_t)len);
        response_free(&response);
        ck_assert(client_response(&many[i], false, &response));
        free(many[i].data); /* the test's own memory does not count */
        many[i].data = NULL;
        many[i].len = many[i].cap = 0;
    }
    size_t each = (resident_pages() - before) * page / (COUNT - COUNT / 10);
#ifndef __SANITIZE_ADDRESS__ /* freed memory stays resident there */
    ck_assert_uint_le(each, BYTES_EACH);
#else
    (void)each;
#endif
    for (int i = 0; i < COUNT; i++) {
        client_send(&many[i], "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
        response_free(&response);
        ck_assert(client_response(&many[i], false, &response));
        ck_assert_uint_eq(response.body_len, 35);
        client_close(&many[i]);
    }
    client.fd = -1;
    free(text);
}
END_TEST

START_TEST(many_streams_at_once_stay_apart)
{
    struct client many[60];

    for (size_t i = 0; i < GW_ARRAY_LEN(many); i++) {
        client_open(&many[i], server_port(server));
        client_send(&many[i],
                    i % 2 ? "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(many); i++) {
        response_free(&response);
        ck_assert(client_response(&many[i], false, &response));
        ck_assert_int_eq(response.status, 200);
        ck_assert(response.is_complete);
        ck_assert_str_eq(response.body, i % 2 ? "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n" : "");
        client_close(&many[i]);
    }
    client.fd = -1;
}
END_TEST

/** As many as fit where 1,024 descriptors are all a process gets: each takes two here. */
START_TEST(hundreds_of_idle_streams_do_not_disturb_a_request)
{
    enum { COUNT = 450 };
    struct client *many = calloc(COUNT, sizeof *many);
    struct gw_http_limits limits = default_limits;

    ck_assert_ptr_nonnull(many);
    server_stop(server);
    limits.connections_max = COUNT + 10;
    server = server_start(&limits, NULL);
    for (int i = 0; i < COUNT; i++) {
        client_open(&many[i], server_port(server));
        client_send(&many[i], "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    ck_assert(WAIT(server, bodies, COUNT));
    client_open(&client, server_port(server));
    for (int i = 0; i < 10; i++) {
        ask("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        ask("GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
        ck_assert_uint_eq(response.body_len, 35);
    }
    for (int i = 0; i < COUNT / 2; i++) /* the rest is cut by the server's end */
        client_close(&many[i]);
    ck_assert(WAIT(server, gones, COUNT / 2));
    ck_assert(server_wait_connections(server, COUNT - COUNT / 2 + 1));
    ask("GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
    server_stop(server);
    for (int i = COUNT / 2; i < COUNT; i++) {
        while (client_fill(&many[i]))
            ;
        ck_assert(many[i].is_eof || many[i].is_error);
        client_close(&many[i]);
    }
    free(many);
    server = server_start(NULL, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http.stream");
    TCase *tcase = tcase_create("stream");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_stream_is_chunked_and_keeps_the_connection);
    tcase_add_test(tcase, the_first_chunk_arrives_while_the_stream_runs);
    tcase_add_test(tcase, http_1_0_gets_plain_bytes_and_the_end_of_the_connection);
    tcase_add_loop_test(tcase, an_aborted_stream_never_looks_finished, 0, 2);
    tcase_add_test(tcase, writes_of_one_turn_go_out_together);
    tcase_add_test(tcase, a_hundred_events_of_one_turn_are_one_packet);
    tcase_add_test(tcase, a_failing_write_says_so_and_on_gone_comes_later);
    tcase_add_test(tcase, pieces_reach_http_1_0);
    tcase_add_test(tcase, an_abort_sends_what_was_written_in_the_same_turn);
    tcase_add_loop_test(tcase, a_slow_reader_stops_the_pipeline_and_gets_every_byte, 0, GW_ARRAY_LEN(floods));
    tcase_add_loop_test(tcase, a_client_that_leaves_during_a_flood_frees_everything, 0, GW_ARRAY_LEN(floods));
    tcase_add_test(tcase, a_request_pipelined_behind_a_stream_is_served_after_it);
    tcase_add_test(tcase, a_long_request_behind_a_stream_on_a_used_connection_is_served);
    tcase_add_test(tcase, idle_connections_hold_little_memory);
    tcase_add_test(tcase, many_streams_at_once_stay_apart);
    tcase_add_test(tcase, hundreds_of_idle_streams_do_not_disturb_a_request);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
