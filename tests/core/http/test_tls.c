/* test_tls.c - the same wire over TLS, certificate changes, client certificates, protocol versions. */
#include <check.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "harness.h"
#include "identity.h"

static struct server *server;
static struct client client;
static struct response response;
static struct identity first, second, stranger;

static void start(const char *client_ca, const char *priorities)
{
    struct gw_http_tls tls = { first.cert, first.key, client_ca, priorities };

    server = server_start(NULL, &tls);
}

static void setup(void)
{
    identity_make(&first, "first");
    identity_make(&second, "second");
    identity_make(&stranger, "stranger");
    client.fd = -1;
}

static void teardown(void)
{
    response_free(&response);
    client_close(&client);
    server_stop(server);
}

static void open_tls(void)
{
    client_open(&client, server_port(server));
    int rc = client_tls(&client, NULL, NULL);
    ck_assert_msg(rc == 0, "%s", gnutls_strerror(rc));
}

static void ask(const char *request, const char *body)
{
    response_free(&response);
    client_send(&client, request);
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 200);
    ck_assert(response.is_complete);
    ck_assert_str_eq(response.body, body);
}

/** Common name of the certificate this connection was shown. */
static const char *shown_name(const struct client *of)
{
    static char name[64];
    unsigned count = 0;
    size_t len = sizeof name;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(of->tls, &count);
    gnutls_x509_crt_t crt;

    ck_assert(der && count == 1);
    ck_assert_int_eq(gnutls_x509_crt_init(&crt), 0);
    ck_assert_int_eq(gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER), 0);
    ck_assert_int_eq(gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len), 0);
    gnutls_x509_crt_deinit(crt);
    return name;
}

static const char *const versions[] = {
    NULL,
    "NORMAL:-VERS-ALL:+VERS-TLS1.2",
    "NORMAL:-VERS-ALL:+VERS-TLS1.3",
};

START_TEST(requests_and_streams_work)
{
    start(NULL, versions[_i]);
    open_tls();
    for (int i = 0; i < 5; i++) {
        ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello");
        ask("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", "one two three");
        ask("GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n", "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
        ask("GET /info HTTP/1.1\r\nHost: x\r\n\r\n", "GET /info  127.0.0.1 1");
    }
    ck_assert_uint_eq(server_connections(server), 1);
    ck_assert_int_eq(server_counters(server).gones, 0);
}
END_TEST

START_TEST(chunks_are_not_delayed)
{
    const int64_t corked_us = 150000; /* a corked socket would take 200 ms */
    int64_t took_us = corked_us;

    start(NULL, NULL);
    for (int time = 1; took_us >= corked_us && time <= TRIES; time++) {
        open_tls();
        ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello");
        int64_t start_us = now_us();
        client_send(&client, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        while (!client.len || !memmem(client.data, client.len, "6\r\nfirst\n\r\n", 11))
            ck_assert(client_fill(&client));
        took_us = now_us() - start_us;
        client_close(&client);
    }
    ck_assert_int_lt(took_us, corked_us);
}
END_TEST

START_TEST(a_slow_reader_gets_every_byte)
{
    start(NULL, versions[_i]);
    client_open_small(&client, server_port(server), 8192);
    ck_assert_int_eq(client_tls(&client, NULL, NULL), 0);
    client_send(&client, "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(WAIT(server, fulls, 1));
    ck_assert(client_response(&client, false, &response));
    ck_assert(response.is_complete);
    ck_assert_uint_eq(response.body_len, FLOOD_TOTAL);
    ck_assert_uint_eq(strspn(response.body, "f"), FLOOD_TOTAL);
    ck_assert_int_gt(server_counters(server).drains, 1);
    ask("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", "one two three");
}
END_TEST

START_TEST(http_1_0_streams_end_with_a_close_notice)
{
    start(NULL, NULL);
    open_tls();
    client_send(&client, "GET /ticks HTTP/1.0\r\n\r\n");
    ck_assert(client_response(&client, false, &response));
    ck_assert_str_eq(response.body, "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
    ck_assert(client.is_eof); /* without the notice GnuTLS reports an error */
}
END_TEST

START_TEST(closed_answers_end_with_a_close_notice)
{
    start(NULL, NULL);
    open_tls();
    ask("GET /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /info  127.0.0.1 1");
    ck_assert(client_at_end(&client));
    ck_assert(client.is_eof);
}
END_TEST

START_TEST(an_aborted_stream_has_no_close_notice)
{
    start(NULL, NULL);
    open_tls();
    client_send(&client, _i == 0 ? "GET /abort HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /abort HTTP/1.0\r\n\r\n");
    if (client_response(&client, false, &response))
        ck_assert(!response.is_complete);
    ck_assert(client.is_error);
    ck_assert(WAIT(server, dones, 1));
}
END_TEST

START_TEST(early_answers_are_readable)
{
    char *body = malloc(4 << 20);

    ck_assert_ptr_nonnull(body);
    memset(body, 'x', 4 << 20);
    start(NULL, NULL);
    open_tls();
    client_send(&client, "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\n\r\n");
    client_send_bytes(&client, body, 4 << 20);
    free(body);
    ck_assert(client_response(&client, false, &response));
    ck_assert_int_eq(response.status, 401);
    ck_assert(response.is_complete);
}
END_TEST

START_TEST(a_client_that_leaves_is_noticed_at_once)
{
    int64_t took_us = AT_ONCE_US;

    start(NULL, NULL);
    for (int time = 1; took_us >= AT_ONCE_US && time <= TRIES;
         time++) { /* a busy machine may have something else to do */
        open_tls();
        client_send(&client, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        ck_assert(WAIT(server, bodies, time));
        int64_t left_us = now_us();
        client_close(&client);
        ck_assert(WAIT(server, gones, time));
        ck_assert(server_wait_connections(server, 0));
        took_us = server_counters(server).last_gone_us - left_us;
    }
    ck_assert_int_lt(took_us, AT_ONCE_US);
}
END_TEST

static void swap(struct gw_http *http, void *arg)
{
    const struct identity *to = arg;
    struct gw_http_tls tls = { to->cert, to->key, NULL, NULL };
    struct gw_err err;

    ck_assert_int_eq(gw_http_set_tls(http, &tls, &err), AIGW_OK);
}

static void swap_badly(struct gw_http *http, void *arg)
{
    struct gw_http_tls broken[] = {
        { "nonsense", second.key, NULL, NULL },
        { second.cert, first.key, NULL, NULL },
        { second.cert, second.key, "nonsense", NULL },
        { second.cert, second.key, NULL, "NORMAL:+NOSUCHTHING" },
        { NULL, second.key, NULL, NULL },
    };
    struct gw_err err;

    (void)arg;
    for (size_t i = 0; i < GW_ARRAY_LEN(broken); i++) {
        err.text[0] = '\0';
        ck_assert_int_eq(gw_http_set_tls(http, &broken[i], &err), AIGW_E_CONFIG);
        ck_assert_msg(strncmp(err.text, "TLS: ", 5) == 0, "%s", err.text);
        ck_assert_ptr_null(strstr(err.text, "BEGIN"));
    }
}

START_TEST(a_new_certificate_serves_new_connections_only)
{
    struct client later;

    start(NULL, NULL);
    open_tls();
    ck_assert_str_eq(shown_name(&client), "first");
    client_send(&client, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(WAIT(server, bodies, 1));
    server_call(server, swap_badly, NULL);
    server_call(server, swap, &second);
    client_open(&later, server_port(server));
    ck_assert_int_eq(client_tls(&later, NULL, NULL), 0);
    ck_assert_str_eq(shown_name(&later), "second");
    client_close(&later);
    while (!client.len || !memmem(client.data, client.len, "first\n", 6)) /* the old stream is untouched */
        ck_assert(client_fill(&client));
    ck_assert_int_eq(server_counters(server).gones, 0);
}
END_TEST

START_TEST(client_certificates_are_required_and_checked)
{
    static const struct identity *const owners[] = { &first, NULL, &stranger };

    start(first.cert, versions[1 + _i / 3]);
    client_open(&client, server_port(server));
    const struct identity *owner = owners[_i % 3];
    int rc = client_tls(&client, owner ? owner->cert : NULL, owner ? owner->key : NULL);
    if (owner == &first) {
        ck_assert_msg(rc == 0, "%s", gnutls_strerror(rc));
        ask("GET /info HTTP/1.1\r\nHost: x\r\n\r\n", "GET /info  127.0.0.1 1");
        return;
    }
    if (rc == 0) { /* with TLS 1.3 the refusal comes after the client's side of the handshake */
        client_send(&client, "GET /info HTTP/1.1\r\nHost: x\r\n\r\n");
        ck_assert(!client_response(&client, false, &response));
    }
    ck_assert_int_eq(server_counters(server).heads, 0);
}
END_TEST

static void drain(struct gw_http *http, void *arg)
{
    (void)arg;
    gw_http_drain(http, GW_DRAIN_END);
}

START_TEST(draining_does_not_wait_for_a_handshake_that_never_begins)
{
    struct client silent;

    start(NULL, NULL);
    open_tls();
    client_open(&silent, server_port(server));
    ck_assert(server_wait_connections(server, 2));
    client_send(&client, "GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(WAIT(server, bodies, 1));
    server_call(server, drain, NULL);
    ask("", "tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n");
    ck_assert(client_at_end(&client));
    ck_assert(client.is_eof); /* with a close notice */
    client_close(&client);
    ck_assert(client_at_end(&silent));
    client_close(&silent);
    ck_assert(server_wait_connections(server, 0));
}
END_TEST

START_TEST(plain_http_on_the_tls_port_is_dropped)
{
    start(NULL, NULL);
    client_open(&client, server_port(server));
    client_send(&client, "GET /info HTTP/1.1\r\nHost: x\r\n\r\n");
    while (client_fill(&client))
        ;
    ck_assert(client.is_eof || client.is_error);
    ck_assert(server_wait_connections(server, 0));
    ck_assert_int_eq(server_counters(server).heads, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http.tls");
    TCase *tcase = tcase_create("tls");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, requests_and_streams_work, 0, GW_ARRAY_LEN(versions));
    tcase_add_test(tcase, chunks_are_not_delayed);
    tcase_add_loop_test(tcase, a_slow_reader_gets_every_byte, 0, GW_ARRAY_LEN(versions));
    tcase_add_test(tcase, http_1_0_streams_end_with_a_close_notice);
    tcase_add_test(tcase, closed_answers_end_with_a_close_notice);
    tcase_add_loop_test(tcase, an_aborted_stream_has_no_close_notice, 0, 2);
    tcase_add_test(tcase, early_answers_are_readable);
    tcase_add_test(tcase, a_client_that_leaves_is_noticed_at_once);
    tcase_add_test(tcase, a_new_certificate_serves_new_connections_only);
    tcase_add_loop_test(tcase, client_certificates_are_required_and_checked, 0, 6);
    tcase_add_test(tcase, draining_does_not_wait_for_a_handshake_that_never_begins);
    tcase_add_test(tcase, plain_http_on_the_tls_port_is_dropped);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
