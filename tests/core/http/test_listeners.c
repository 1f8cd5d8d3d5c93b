/* test_listeners.c - servers that share a socket, and one that leaves its socket to another. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/listener.h"
#include "harness.h"

#define CLIENTS 40

static const struct gw_listener_options options = { .backlog = 256, .is_prompt = true };
static struct server *first, *second;
static int shared = -1; /* a socket that both watch */
static uint16_t port;

static void add_shared(struct gw_http *http, void *arg)
{
    struct gw_err err = { "" };

    ck_assert_int_eq(gw_http_add_listener(http, shared, *(unsigned *)arg, &err), AIGW_OK);
    ck_assert_int_eq(gw_http_accept(http), AIGW_OK);
}

static void setup(void)
{
    struct gw_err err = { "" };

    shared = gw_listener_open("127.0.0.1", 0, &options, &err);
    ck_assert_msg(shared >= 0, "%s", err.text);
    port = gw_listener_port(shared);
    first = server_start(NULL, NULL);
    second = server_start(NULL, NULL);
}

static void teardown(void)
{
    server_stop(first);
    server_stop(second);
    close(shared);
}

static void ask(struct client *client, const char *path, int wanted_status, const char *wanted_connection)
{
    struct response response = { 0 };
    char request[128];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    client_send(client, request);
    ck_assert(client_response(client, false, &response));
    ck_assert_int_eq(response.status, wanted_status);
    ck_assert_str_eq(response_header(&response, "connection"), wanted_connection);
    response_free(&response);
}

START_TEST(those_who_share_a_socket_take_turns)
{
    unsigned flags = GW_HTTP_SHARED;
    struct client clients[CLIENTS];

    server_call(first, add_shared, &flags);
    server_call(second, add_shared, &flags);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&clients[i], port);
        ask(&clients[i], "/info", 200, "");
    }
    ck_assert_int_eq(server_connections(first) + server_connections(second), CLIENTS);
    ck_assert_int_ge(server_connections(first), CLIENTS / 4);
    ck_assert_int_ge(server_connections(second), CLIENTS / 4);
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
}
END_TEST

static void hand_over(struct gw_http *http, void *arg)
{
    client_open(arg, port); /* in the queue, and this thread will not look there any more */
    gw_http_drain(http, GW_DRAIN_HANDED_OVER);
}

/** Nothing is taken out of the queue, the idle may ask once more, and who is served is told to leave. */
START_TEST(a_socket_that_was_handed_over_keeps_its_queue)
{
    struct client idle, running, queued;
    struct response response = { 0 };
    unsigned none = 0;

    server_call(first, add_shared, &none);
    client_open(&idle, port);
    ask(&idle, "/info", 200, "");
    client_open(&running, port);
    client_send(&running, "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(WAIT(first, bodies, 2));
    server_call(first, hand_over, &queued);
    client_send(&queued, "GET /info HTTP/1.1\r\nHost: x\r\n\r\n");
    ask(&idle, "/info", 200, "close");
    ck_assert(client_at_end(&idle));
    ck_assert(client_response(&running, false, &response));
    ck_assert(response.is_complete);
    response_free(&response);
    ck_assert(server_wait_connections(first, 0));
    server_call(second, add_shared, &none);
    ck_assert(client_response(&queued, false, &response));
    ck_assert_int_eq(response.status, 200);
    response_free(&response);
    client_close(&idle);
    client_close(&running);
    client_close(&queued);
}
END_TEST

static void end(struct gw_http *http, void *arg)
{
    client_open(arg, port);
    gw_http_drain(http, GW_DRAIN_END);
}

/** Somebody keeps the socket: who waits in it waits for the next to serve there. */
START_TEST(a_kept_socket_keeps_its_queue_at_the_end)
{
    unsigned kept = GW_HTTP_KEPT;
    struct client queued;

    server_call(first, add_shared, &kept);
    server_call(first, end, &queued);
    ck_assert_int_eq(server_connections(first), 0);
    server_call(second, add_shared, &kept);
    ask(&queued, "/info", 200, "");
    client_close(&queued);
}
END_TEST

START_TEST(the_idle_are_closed_after_a_while)
{
    struct client idle, fresh, late;
    unsigned none = 0;

    server_call(first, add_shared, &none);
    client_open(&idle, port);
    ask(&idle, "/info", 200, "");
    client_open(&fresh, port);
    ck_assert(server_wait_connections(first, 2));
    int64_t start_us = now_us();
    server_call(first, hand_over, &late);
    ck_assert(client_at_end(&idle));
    ck_assert_int_ge(now_us() - start_us, 1500000);
    ck_assert(client_at_end(&fresh));
    ck_assert_int_lt(now_us() - start_us, 15000000);
    client_close(&idle);
    client_close(&fresh);
    client_close(&late);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http.listeners");
    TCase *tcase = tcase_create("listeners");

    tcase_set_timeout(tcase, 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, those_who_share_a_socket_take_turns);
    tcase_add_test(tcase, a_socket_that_was_handed_over_keeps_its_queue);
    tcase_add_test(tcase, a_kept_socket_keeps_its_queue_at_the_end);
    tcase_add_test(tcase, the_idle_are_closed_after_a_while);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
