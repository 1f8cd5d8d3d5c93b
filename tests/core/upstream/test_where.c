/* test_where.c - connection failures, refused addresses and proxies. */
#include <arpa/inet.h>
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"

static struct fix fix;
static struct watch watch;

static struct gw_transfer_request get(const char *path)
{
    return (struct gw_transfer_request){
        .method = "GET", .url = fix_url(&fix, path), .flags = GW_UPF_EXPECT_STREAM, .idle_ms = 5000
    };
}

static void open_with(server_script script)
{
    fix_open(&fix, &(struct server_options){ .script = script });
    watch_init(&fix, &watch);
}

static void close_all(void)
{
    watch_done(&watch);
    fix_close(&fix);
}

static bool answer(struct server_conn *conn)
{
    return server_answer(conn, conn->path);
}

/* ---- connecting --------------------------------------------------------------------------------------------- */

START_TEST(a_closed_port_is_named)
{
    struct gw_transfer_request request = { .method = "GET" };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof in;
    char url[64], where[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    /* bound and not listening: nobody else gets the port meanwhile */
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/secret-path", ntohs(in.sin_port));
    snprintf(where, sizeof where, "127.0.0.1:%u: cannot connect: Connection refused", ntohs(in.sin_port));
    fix_open(&fix, NULL);
    watch_init(&fix, &watch);
    request.url = url;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_CONNECT);
    ck_assert_has(watch.message, where);
    ck_assert_ptr_null(strstr(watch.message, "secret"));
    ck_assert(!watch.result.got_bytes && !watch.result.was_reused);
    close(fd);
    close_all();
}
END_TEST

START_TEST(an_unknown_name_is_named)
{
    struct gw_transfer_request request = { .method = "GET", .url = "http://no-such-host.invalid:81/" };

    fix_open(&fix, NULL);
    watch_init(&fix, &watch);
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_CONNECT);
    ck_assert_has(watch.message, "no-such-host.invalid:81");
    ck_assert(strstr(watch.message, "resolved") != NULL);
    /* cancelled while the lookup runs: nothing hangs */
    watch_done(&watch);
    watch_init(&fix, &watch);
    request.url = "http://other-host.invalid/";
    watch_start(&watch, &request);
    gw_loop_turn(fix.loop, 0);
    gw_transfer_cancel(watch.call);
    ck_assert_uint_eq(gw_upstream_open_transfers(fix.up), 0);
    close_all();
}
END_TEST

START_TEST(connecting_has_a_limit)
{
    struct gw_transfer_request request = { .method = "GET", .connect_ms = 100 };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof in;
    char url[64];
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[8];

    /* a full backlog swallows connection attempts */
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&in, &len), 0);
    for (size_t i = 0; i < GW_ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&in, sizeof in);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(in.sin_port));
    fix_open(&fix, NULL);
    watch_init(&fix, &watch);
    request.url = url;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_CONNECT);
    ck_assert_has(watch.message, "no connection within 100 ms");
    for (size_t i = 0; i < GW_ARRAY_LEN(fillers); i++)
        close(fillers[i]);
    close(listener);
    close_all();
}
END_TEST

/* ---- addresses ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *host;
    bool is_refused;
} hosts[] = {
    { "169.254.169.254", true },
    { "2852039166", true },
    { "0xa9fea9fe", true },
    { "0251.0376.0251.0376", true },
    { "169.254.43518", true },
    { "0.0.0.0", true },
    { "0", true },
    { "[::]", true },
    { "[fe80::1]", true },
    { "[fd00:ec2::254]", true },
    { "[::ffff:169.254.169.254]", true },
    { "[::ffff:0:0]", true },
    { "metadata.google.internal", true },
    { "METADATA.google.internal.", true },
    { "127.0.0.1", false },
    { "0x7f.1", false },
};

START_TEST(forbidden_hosts_are_refused_and_others_reached)
{
    struct gw_transfer_request request;

    open_with(answer);
    request = get("/ok");
    request.url = fix_url_of(&fix, "http", hosts[_i].host, "/ok");
    request.flags |= GW_UPF_CHECK_ADDRESS;
    watch_run(&watch, &request);
    ck_assert_kind(watch, hosts[_i].is_refused ? GW_UP_REFUSED : GW_UP_OK);
    ck_assert_int_eq(server_accepted(fix.server), hosts[_i].is_refused ? 0 : 1);
    if (hosts[_i].is_refused)
        ck_assert_has(watch.message, "not allowed as an endpoint");
    close_all();
}
END_TEST

/* Wide digits: no literal to us, yet libcurl's IDN step makes 0.0.0.0 of them, which reaches this host. It stands in
 * for a name whose resolution ends at a forbidden address. */
#define WIDE_ZEROS "\xef\xbc\x90.\xef\xbc\x90.\xef\xbc\x90.\xef\xbc\x90"

START_TEST(the_address_counts_and_not_the_name)
{
    struct gw_transfer_request request;

    ck_assert_ptr_nonnull(setlocale(LC_ALL, "C.UTF-8"));
    open_with(answer);
    request = get("/ok");
    request.url = fix_url_of(&fix, "http", WIDE_ZEROS, "/ok");
    request.flags |= GW_UPF_CHECK_ADDRESS;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_REFUSED);
    ck_assert_has(watch.message, "0.0.0.0/8");
    ck_assert_int_eq(server_accepted(fix.server), 0);
    /* the operator may go there */
    watch_done(&watch);
    watch_init(&fix, &watch);
    request.flags = 0;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    /* a caller may not, not even on the operator's open connection */
    watch_done(&watch);
    watch_init(&fix, &watch);
    request.flags = GW_UPF_CHECK_ADDRESS;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_REFUSED);
    ck_assert_int_eq(watch.heads, 0);
    ck_assert_int_eq(server_accepted(fix.server), 1);
    close_all();
}
END_TEST

START_TEST(other_schemes_are_refused)
{
    static const char *const urls[] = { "ftp://127.0.0.1/", "file://localhost/etc/passwd", "gopher://127.0.0.1/x" };

    fix_open(&fix, NULL);
    for (size_t i = 0; i < GW_ARRAY_LEN(urls); i++) {
        struct gw_transfer_request request = { .method = "GET", .url = urls[i] };
        struct gw_transfer_events events = { .user = NULL };
        struct gw_err err = { .text = "" };

        if (strncmp(urls[i], "ftp", 3) != 0) { /* some have no port or host: malformed is as good */
            struct gw_transfer *call = gw_transfer_start(fix.up, &request, &events, &err);

            gw_transfer_cancel(call);
            continue;
        }
        watch_init(&fix, &watch);
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_REFUSED);
        watch_done(&watch);
    }
    fix_close(&fix);
}
END_TEST

/* ---- proxy -------------------------------------------------------------------------------------------------- */

START_TEST(a_proxy_is_used_and_the_host_still_checked)
{
    struct gw_transfer_request request = { .method = "GET", .url = "http://model.invalid/v1" };
    struct fix behind;
    char proxy[64];

    fix_open(&fix, &(struct server_options){ .script = answer });
    snprintf(proxy, sizeof proxy, "http://user:pass@127.0.0.1:%u", server_port(fix.server));
    fix_open_with_proxy(&behind, NULL, proxy);
    watch_init(&behind, &watch);
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_str_eq(watch.data.data, "http://model.invalid/v1");
    watch_done(&watch);
    watch_init(&behind, &watch);
    request.url = "http://2852039166/latest";
    request.flags = GW_UPF_CHECK_ADDRESS;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_REFUSED);
    ck_assert_ptr_null(strstr(watch.message, "pass"));
    ck_assert_int_eq(server_accepted(fix.server), 1);
    watch_done(&watch);
    fix_close(&behind);
    fix_close(&fix);
}
END_TEST

/** Handles and what is known about a URL are kept from call to call. */
START_TEST(a_call_through_a_proxy_leaves_no_trace_on_the_next)
{
    struct gw_transfer_request request = { .method = "GET" };
    struct fix both;
    char proxy[64], direct[64];

    fix_open(&fix, &(struct server_options){ .script = answer });
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", server_port(fix.server));
    snprintf(direct, sizeof direct, "http://127.0.0.1:%u/direct", server_port(fix.server));
    setenv("http_proxy", proxy, 1);
    setenv("no_proxy", "127.0.0.1", 1);
    fix_open_with_proxy(&both, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        watch_init(&both, &watch);
        request.url = "http://model.invalid/v1";
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_OK);
        ck_assert_str_eq(watch.data.data, "http://model.invalid/v1");
        watch_done(&watch);
        watch_init(&both, &watch);
        request.url = direct;
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_OK);
        ck_assert_str_eq(watch.data.data, "/direct");
        watch_done(&watch);
    }
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    fix_close(&both);
    fix_close(&fix);
}
END_TEST

START_TEST(many_urls_keep_their_own_hosts)
{
    struct gw_transfer_request request = { .method = "GET", .url = NULL };
    char url[1100], want[1000];

    fix_open(&fix, &(struct server_options){ .script = answer });
    for (int i = 0; i < 120; i++) { /* more than are remembered */
        int at = i % 40;
        snprintf(want, sizeof want, "/%0*d", at == 39 ? 900 : at + 1, at);
        snprintf(url, sizeof url, "http://%s:%u%s", at % 3 ? "127.0.0.1" : "localhost", server_port(fix.server), want);
        request.url = url;
        watch_init(&fix, &watch);
        watch_run(&watch, &request);
        ck_assert_kind(watch, GW_UP_OK);
        ck_assert_str_eq(watch.data.data, want);
        watch_done(&watch);
    }
    fix_close(&fix);
}
END_TEST

Suite *suite_where(void)
{
    Suite *suite = suite_create("where");
    TCase *where = tcase_create("where");

    tcase_add_test(where, a_closed_port_is_named);
    tcase_add_test(where, an_unknown_name_is_named);
    tcase_add_test(where, connecting_has_a_limit);
    tcase_add_loop_test(where, forbidden_hosts_are_refused_and_others_reached, 0, (int)GW_ARRAY_LEN(hosts));
    tcase_add_test(where, the_address_counts_and_not_the_name);
    tcase_add_test(where, other_schemes_are_refused);
    tcase_add_test(where, a_proxy_is_used_and_the_host_still_checked);
    tcase_add_test(where, a_call_through_a_proxy_leaves_no_trace_on_the_next);
    tcase_add_test(where, many_urls_keep_their_own_hosts);
    tcase_set_timeout(where, 20);
    suite_add_tcase(suite, where);
    return suite;
}
