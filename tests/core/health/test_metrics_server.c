/* test_metrics_server.c - the metrics listener, spoken to over a real socket on loopback. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/listener.h"
#include "health/metrics.h"
#include "health/metrics_server.h"

static struct gw_metrics_server *server;
static uint16_t port;
static char answer[65536];

static struct gw_metrics_server *start(const char *host, uint16_t at, uint16_t *ret_port, struct gw_err *reterr)
{
    struct gw_metrics_server *made;
    int fd = gw_metrics_listen(host, at, reterr);

    if (fd < 0)
        return NULL;
    ck_assert(gw_metrics_listens_at(fd, host, at));
    made = gw_metrics_server_start(fd, reterr);
    if (made && ret_port)
        *ret_port = gw_listener_port(fd);
    close(fd);
    return made;
}

static void setup(void)
{
    struct gw_err err = { "" };

    server = start("127.0.0.1", 0, &port, &err);
    ck_assert_msg(server, "%s", err.text);
    ck_assert_uint_ne(port, 0);
}

static void teardown(void)
{
    gw_metrics_server_stop(server);
    server = NULL;
}

/* Send `request` and read until the server closes. */
static const char *exchange(const char *request)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t len = 0;
    ssize_t got;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    while ((got = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0)
        len += (size_t)got;
    close(fd);
    answer[len] = '\0';
    return answer;
}

static const char *const served_paths[] = { "/metrics", "/", "/anything/else?x=1" };

START_TEST(get_answers_the_page)
{
    uint32_t id = gw_metric(GW_METRIC_COUNTER, "seen_total", "Seen.", NULL, 0, NULL, 0);
    char request[128];

    gw_series_add(gw_series(id, NULL), 5);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", served_paths[_i]);
    exchange(request);
    ck_assert_msg(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s", answer);
    ck_assert_ptr_nonnull(strstr(answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\n# HELP seen_total Seen.\n# TYPE seen_total counter\nseen_total 5\n"));
}
END_TEST

START_TEST(head_answers_no_body)
{
    exchange("HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ck_assert_msg(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s", answer);
    ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}
END_TEST

START_TEST(an_empty_page_is_still_a_page)
{
    exchange("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ck_assert_msg(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s", answer);
}
END_TEST

START_TEST(another_method_is_refused_and_its_body_swallowed)
{
    exchange("POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");
    ck_assert_msg(strncmp(answer, "HTTP/1.1 405 ", 13) == 0, "%s", answer);
    ck_assert_ptr_nonnull(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
}
END_TEST

static int connect_only(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static bool is_closed_within(int fd, int ms)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    char byte;

    return poll(&wait, 1, ms) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

/** What a connection sent before it fell silent. */
static const char *const silent_after[] = { "", "GET /metrics HT", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" };

START_TEST(idle_connections_do_not_stop_a_scrape)
{
    enum { COUNT = 300 };
    int fds[COUNT];
    int open = 0;

    for (int i = 0; i < COUNT; i++) {
        fds[i] = connect_only();
        ck_assert_int_ge(send(fds[i], silent_after[_i], strlen(silent_after[_i]), MSG_NOSIGNAL), 0);
    }
    exchange("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ck_assert_msg(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s", answer);
    for (int i = 0; i < COUNT; i++) {
        struct pollfd look = { .fd = fds[i], .events = POLLRDHUP };
        open += poll(&look, 1, 0) == 0;
    }
    ck_assert_int_le(open, 64);
    ck_assert_int_gt(open, 32); /* no more went than had to */
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
}
END_TEST

START_TEST(an_idle_connection_is_closed_after_a_while)
{
    int fd = connect_only();

    ck_assert(!is_closed_within(fd, 2000));
    ck_assert(is_closed_within(fd, 6000));
    close(fd);
}
END_TEST

START_TEST(any_free_port_is_on_loopback_only)
{
    struct gw_err err = { "" };
    uint16_t free_port = 0;
    struct sockaddr_in to = { .sin_family = AF_INET };
    struct gw_metrics_server *other = start("0.0.0.0", 0, &free_port, &err);

    ck_assert_msg(other, "%s", err.text);
    to.sin_port = htons(free_port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1); /* 127.0.0.2: every address would answer */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_lt(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    close(fd);
    gw_metrics_server_stop(other);
}
END_TEST

START_TEST(a_taken_port_is_explained)
{
    struct gw_err err = { "" };
    uint16_t untouched = 7;

    ck_assert_ptr_null(start("127.0.0.1", port, &untouched, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "server.metrics_port"));
    ck_assert_ptr_nonnull(strstr(err.text, "in use"));
    ck_assert_uint_eq(untouched, 7);
}
END_TEST

START_TEST(a_host_that_is_none_is_explained)
{
    struct gw_err err = { "" };

    ck_assert_ptr_null(start("not a host", 0, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "not a host"));
    ck_assert_ptr_nonnull(strstr(err.text, "server.metrics_host"));
}
END_TEST

START_TEST(a_stopped_server_frees_its_port)
{
    struct gw_err err = { "" };
    uint16_t again = 0;

    gw_metrics_server_stop(server);
    server = start("127.0.0.1", port, &again, &err);
    ck_assert_msg(server, "%s", err.text);
    ck_assert_uint_eq(again, port);
    gw_metrics_server_stop(NULL);
}
END_TEST

START_TEST(a_retired_server_answers_who_is_connected_and_leaves_the_socket_to_others)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    struct gw_err err = { "" };
    struct sockaddr_in to = { .sin_family = AF_INET };
    int fd = gw_metrics_listen("127.0.0.1", 0, &err), let_in;
    struct gw_metrics_server *old = gw_metrics_server_start(fd, &err), *new;

    ck_assert_msg(old, "%s", err.text);
    port = gw_listener_port(fd);
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let_in = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(let_in, (const struct sockaddr *)&to, sizeof to), 0);
    exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); /* the one before was accepted */
    gw_metrics_server_retire(old);
    new = gw_metrics_server_start(fd, &err);
    ck_assert_msg(new, "%s", err.text);
    close(fd);
    ck_assert_int_eq(send(let_in, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    gw_metrics_server_stop(old);
    ssize_t got = recv(let_in, answer, sizeof answer - 1, 0);
    ck_assert_int_gt(got, 0);
    answer[got] = '\0';
    ck_assert_msg(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s", answer);
    ck_assert_ptr_nonnull(strstr(answer, "\r\nConnection: close\r\n"));
    close(let_in);
    exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ck_assert_msg(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s", answer);
    gw_metrics_server_stop(new);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics server");
    TCase *tcase = tcase_create("metrics server");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, get_answers_the_page, 0, (int)GW_ARRAY_LEN(served_paths));
    tcase_add_test(tcase, head_answers_no_body);
    tcase_add_test(tcase, an_empty_page_is_still_a_page);
    tcase_add_test(tcase, another_method_is_refused_and_its_body_swallowed);
    tcase_add_loop_test(tcase, idle_connections_do_not_stop_a_scrape, 0, (int)GW_ARRAY_LEN(silent_after));
    tcase_add_test(tcase, an_idle_connection_is_closed_after_a_while);
    tcase_add_test(tcase, any_free_port_is_on_loopback_only);
    tcase_add_test(tcase, a_taken_port_is_explained);
    tcase_add_test(tcase, a_host_that_is_none_is_explained);
    tcase_add_test(tcase, a_stopped_server_frees_its_port);
    tcase_add_test(tcase, a_retired_server_answers_who_is_connected_and_leaves_the_socket_to_others);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
