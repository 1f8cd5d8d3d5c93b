/* test_listener.c - listening sockets: opened, found again, and taken from others. */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/listener.h"

static const struct gw_listener_options shared = { .backlog = 16, .is_port_shared = true, .is_prompt = true };
static const struct gw_listener_options alone = { .backlog = 16 };

START_TEST(sockets_share_a_port_when_both_want_it)
{
    struct gw_err err = { "" };
    int first = gw_listener_open("127.0.0.1", 0, &shared, &err), second;
    uint16_t port = gw_listener_port(first);

    ck_assert_int_ge(first, 0);
    ck_assert_uint_ne(port, 0);
    second = gw_listener_open("127.0.0.1", port, &shared, &err);
    ck_assert_int_ge(second, 0);
    ck_assert_uint_eq(gw_listener_port(second), port);
    ck_assert_int_lt(gw_listener_open("127.0.0.1", port, &alone, &err), 0);
    ck_assert_msg(strstr(err.text, "cannot listen on 127.0.0.1 port ") && strstr(err.text, "in use"), "%s", err.text);
    close(first);
    close(second);
}
END_TEST

START_TEST(a_host_that_is_none_is_named)
{
    struct gw_err err = { "" };

    ck_assert_int_lt(gw_listener_open("not an address", 0, &alone, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "'not an address' cannot be resolved"));
}
END_TEST

/* Opened at one place: is it at another? PORT stands for the one that it got. */
#define PORT 1
static const struct {
    const char *opened, *wanted;
    uint16_t port;
    bool is_there;
} place_rows[] = {
    { "127.0.0.1", "127.0.0.1", PORT, true },  { "127.0.0.1", "127.0.0.1", 0, true },
    { "127.0.0.1", "127.0.0.1", 2, false },    { "127.0.0.1", "127.0.0.2", PORT, false },
    { "127.0.0.1", "0.0.0.0", PORT, false },   { "127.0.0.1", "::1", PORT, false },
    { "127.0.0.1", "no such host", 0, false }, { "0.0.0.0", "0.0.0.0", PORT, true },
    { "0.0.0.0", "127.0.0.1", PORT, false },
};

START_TEST(a_socket_is_known_by_its_place)
{
    struct gw_err err = { "" };
    int fd = gw_listener_open(place_rows[_i].opened, 0, &alone, &err);
    uint16_t port = place_rows[_i].port == PORT ? gw_listener_port(fd) : place_rows[_i].port;

    ck_assert_msg(fd >= 0, "%s", err.text);
    ck_assert_int_eq(gw_listener_is_at(fd, place_rows[_i].wanted, port), place_rows[_i].is_there);
    close(fd);
}
END_TEST

static const struct {
    const char *host, *reached_at;
} reach_rows[] = {
    { NULL, "127.0.0.1" },
    { "", "127.0.0.1" },
    { "0.0.0.0", "127.0.0.1" },
    { "0", "127.0.0.1" },
    { "0x0", "127.0.0.1" },
    { "000.0.0.0", "127.0.0.1" },
    { "::", "::1" },
    { "0:0::0", "::1" },
    { "::0.0.0.0", "::1" },
    { "::ffff:0.0.0.0", "127.0.0.1" },
    { "::ffff:0:0", "127.0.0.1" },
    { "::1", "::1" },
    { "10.0.0.1", "10.0.0.1" },
    { "127.0.0.2", "127.0.0.2" },
    { "localhost", "localhost" },
    { "no such host", "no such host" },
};

START_TEST(every_address_is_reached_at_loopback_however_it_is_spelled)
{
    const char *found = gw_listener_reached_at(reach_rows[_i].host);

    ck_assert_msg(strcmp(found, reach_rows[_i].reached_at) == 0, "\"%s\": %s", reach_rows[_i].host, found);
}
END_TEST

START_TEST(a_socket_of_others_is_made_like_ours)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    struct gw_err err = { "" };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(gw_listener_adopt(fd, true, &err), AIGW_OK);
    ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}
END_TEST

static const struct {
    int domain, type; /* domain 0: a pipe, -1: nothing at all */
    const char *found, *expected;
} strange_rows[] = {
    { AF_UNIX, SOCK_STREAM, "another kind", "TCP" },
    { AF_INET, SOCK_DGRAM, "another kind", "TCP" },
    { AF_INET, SOCK_STREAM, "a connection", "Accept=no" },
    { 0, 0, "no socket", "TCP" },
    { -1, 0, "not open", "TCP" },
};

START_TEST(what_is_no_listener_is_refused_by_its_kind)
{
    struct gw_err err = { "" };
    int pair[2] = { -1, -1 }, fd = -1;

    if (strange_rows[_i].domain > 0)
        fd = socket(strange_rows[_i].domain, strange_rows[_i].type, 0);
    else if (strange_rows[_i].domain == 0 && pipe(pair) == 0)
        fd = pair[0];
    ck_assert_int_eq(gw_listener_adopt(fd, true, &err), AIGW_E_CONFIG);
    ck_assert_msg(strstr(err.text, strange_rows[_i].found) && strstr(err.text, strange_rows[_i].expected), "%s",
                  err.text);
    close(fd);
    close(pair[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("listener");
    TCase *tcase = tcase_create("listener");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, sockets_share_a_port_when_both_want_it);
    tcase_add_test(tcase, a_host_that_is_none_is_named);
    tcase_add_loop_test(tcase, a_socket_is_known_by_its_place, 0, (int)GW_ARRAY_LEN(place_rows));
    tcase_add_test(tcase, a_socket_of_others_is_made_like_ours);
    tcase_add_loop_test(tcase, every_address_is_reached_at_loopback_however_it_is_spelled, 0, GW_ARRAY_LEN(reach_rows));
    tcase_add_loop_test(tcase, what_is_no_listener_is_refused_by_its_kind, 0, (int)GW_ARRAY_LEN(strange_rows));
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
