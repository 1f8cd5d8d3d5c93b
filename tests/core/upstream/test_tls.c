/* test_tls.c - trust in servers, the words when there is none, client certificates. */
#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs.h"
#include "fixture.h"
#include "upstream/internal.h"

static const struct cert_spec specs[] = {
    { .name = "root", .is_ca = true, .from_days = -1, .to_days = 10 },
    { .name = "other-root", .is_ca = true, .from_days = -1, .to_days = 10 },
    { .name = "middle", .issuer = "root", .is_ca = true, .from_days = -1, .to_days = 10 },
    { .name = "good", .issuer = "root", .dns = "localhost", .ip = "127.0.0.1", .from_days = -1, .to_days = 10 },
    { .name = "deep", .issuer = "middle", .dns = "localhost", .ip = "127.0.0.1", .from_days = -1, .to_days = 10 },
    { .name = "expired", .issuer = "root", .ip = "127.0.0.1", .from_days = -10, .to_days = -1 },
    { .name = "future", .issuer = "root", .ip = "127.0.0.1", .from_days = 1, .to_days = 10 },
    { .name = "elsewhere", .issuer = "root", .dns = "models.example", .from_days = -1, .to_days = 10 },
    { .name = "selfmade", .dns = "localhost", .ip = "127.0.0.1", .from_days = -1, .to_days = 10 },
    { .name = "not-a-server", .issuer = "root", .ip = "127.0.0.1", .is_client = true, .from_days = -1, .to_days = 10 },
    { .name = "client", .issuer = "root", .is_client = true, .from_days = -1, .to_days = 10 },
    { .name = "bad-client", .issuer = "other-root", .is_client = true, .from_days = -1, .to_days = 10 },
};

static struct fix fix;
static struct watch watch;
static gnutls_certificate_credentials_t cred;

static bool answer(struct server_conn *conn)
{
    return server_answer(conn, "over TLS");
}

static void open_with(const char *cert, const char *client_ca)
{
    cred = certs_server(cert, client_ca);
    fix_open(&fix, &(struct server_options){ .script = answer, .tls = cred, .wants_client_cert = client_ca != NULL });
    watch_init(&fix, &watch);
}

static void close_all(void)
{
    watch_done(&watch);
    fix_close(&fix);
    gnutls_certificate_free_credentials(cred);
}

static struct gw_transfer_request get(const struct gw_upstream_tls *tls, const char *host)
{
    return (struct gw_transfer_request){
        .method = "GET", .url = fix_url_of(&fix, "https", host, "/secret-path"), .idle_ms = 5000, .tls = tls
    };
}

/* ---- trust -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *id, *cert, *ca, *extra, *host;
    int kind;
    const char *says[4]; /* all of them */
} trusts[] = {
    { "good", "good", "root", NULL, "127.0.0.1", GW_UP_OK, { "" } },
    { "good-by-name", "good", "root", NULL, "localhost", GW_UP_OK, { "" } },
    { "chain", "chain-deep", "root", NULL, "127.0.0.1", GW_UP_OK, { "" } },
    { "intermediate-trusted", "deep", "middle", NULL, "127.0.0.1", GW_UP_OK, { "" } },
    { "intermediate-in-bundle", "deep", "both", NULL, "127.0.0.1", GW_UP_OK, { "" } },
    { "selfmade-trusted", "selfmade", "selfmade", NULL, "127.0.0.1", GW_UP_OK, { "" } },
    { "leaf-trusted", "good", "good", NULL, "127.0.0.1", GW_UP_OK, { "" } },
    { "root-in-extra", "good", "other-root", "root", "127.0.0.1", GW_UP_OK, { "" } },
    { "root-in-extra-system", "good", NULL, "root", "127.0.0.1", GW_UP_OK, { "" } },
    { "unknown-root",
      "good",
      "other-root",
      NULL,
      "127.0.0.1",
      GW_UP_TLS,
      { "subject 'CN=good', issuer 'CN=root'", "other-root.pem (TEST_CA_SETTING)", "AIGW_EXTRA_CA_FILE" } },
    { "unknown-root-system",
      "good",
      NULL,
      NULL,
      "127.0.0.1",
      GW_UP_TLS,
      { "subject 'CN=good', issuer 'CN=root'", "the system's CA bundle", "AIGW_EXTRA_CA_FILE" } },
    { "missing-intermediate",
      "deep",
      "root",
      NULL,
      "127.0.0.1",
      GW_UP_TLS,
      { "subject 'CN=deep', issuer 'CN=middle'", "intermediate certificates" } },
    { "selfmade", "selfmade", "root", NULL, "127.0.0.1", GW_UP_TLS, { "subject 'CN=selfmade', issuer 'CN=selfmade'" } },
    { "expired",
      "expired",
      "root",
      NULL,
      "127.0.0.1",
      GW_UP_TLS,
      { "subject 'CN=expired', issuer 'CN=root'", "expired at 20", "renew it" } },
    { "future", "future", "root", NULL, "127.0.0.1", GW_UP_TLS, { "'CN=future'", "valid only from 20", "clock" } },
    { "wrong-name",
      "elsewhere",
      "root",
      NULL,
      "localhost",
      GW_UP_TLS,
      { "'CN=elsewhere'", "not for the host name localhost", "models.example" } },
    { "wrong-address", "elsewhere", "root", NULL, "127.0.0.1", GW_UP_TLS, { "not for the host name 127.0.0.1" } },
    { "wrong-purpose", "not-a-server", "root", NULL, "127.0.0.1", GW_UP_TLS, { "'CN=not-a-server'" } },
    { "no-such-bundle",
      "good",
      "no-such-file",
      NULL,
      "127.0.0.1",
      GW_UP_TLS,
      { "no-such-file.pem (TEST_CA_SETTING)", "no CA certificate could be read" } },
    { "key-as-bundle", "good", "good-key", NULL, "127.0.0.1", GW_UP_TLS, { "no CA certificate could be read" } },
    { "no-such-extra",
      "good",
      "root",
      "no-such-file",
      "127.0.0.1",
      GW_UP_TLS,
      { "no-such-file.pem (AIGW_EXTRA_CA_FILE)", "no CA certificate could be read" } },
};

START_TEST(servers_are_trusted_for_good_reasons_only)
{
    struct gw_upstream_tls tls = { .ca_source = "TEST_CA_SETTING", .verify = true };
    struct gw_transfer_request request;
    char where[64];

    open_with(trusts[_i].cert, NULL);
    tls.ca_file = trusts[_i].ca ? certs_path(trusts[_i].ca, ".pem") : NULL;
    tls.extra_ca_file = trusts[_i].extra ? certs_path(trusts[_i].extra, ".pem") : NULL;
    request = get(&tls, trusts[_i].host);
    watch_run(&watch, &request);
    ck_assert_kind(watch, trusts[_i].kind);
    if (trusts[_i].kind == GW_UP_OK) {
        ck_assert_str_eq(watch.data.data, "over TLS");
        ck_assert_int_gt(watch.result.connect_us, 0);
    } else {
        snprintf(where, sizeof where, "%s:%u: ", trusts[_i].host, server_port(fix.server));
        ck_assert_has(watch.message, where);
        ck_assert_int_eq(watch.heads, 0);
        ck_assert(!watch.result.got_bytes);
        for (size_t i = 0; i < GW_ARRAY_LEN(trusts[_i].says) && trusts[_i].says[i]; i++)
            ck_assert_has(watch.message, trusts[_i].says[i]);
        ck_assert_ptr_null(strstr(watch.message, "secret"));
    }
    fix_wait_accepted(&fix, 1);
    close_all();
}
END_TEST

START_TEST(no_settings_means_the_system_and_verified)
{
    struct gw_transfer_request request;

    open_with("good", NULL);
    request = get(NULL, "127.0.0.1");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_TLS);
    close_all();
}
END_TEST

START_TEST(verification_is_off_only_when_told)
{
    struct gw_upstream_tls tls = { .verify = false };
    struct gw_transfer_request request;

    open_with("elsewhere", NULL);
    request = get(&tls, "127.0.0.1");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    /* a connection opened that way never serves a call that wants verification */
    watch_done(&watch);
    watch_init(&fix, &watch);
    tls.verify = true;
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_TLS);
    close_all();
}
END_TEST

START_TEST(der_certificates_and_folders_will_do)
{
    struct gw_upstream_tls tls = { .verify = true };
    struct gw_transfer_request request;

    tls.ca_file = certs_path("root", ".der");
    open_with("good", NULL);
    request = get(&tls, "127.0.0.1");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    close_all();
    open_with("good", NULL);
    tls.ca_file = certs_path("", "");
    request = get(&tls, "127.0.0.1");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    close_all();
}
END_TEST

START_TEST(a_changed_bundle_is_read_again)
{
    struct gw_upstream_tls tls = { .verify = true };
    struct gw_transfer_request request;
    char path[200];

    snprintf(path, sizeof path, "%s", certs_path("live", ".pem"));
    ck_assert_int_eq(symlink(certs_path("other-root", ".pem"), path), 0);
    tls.ca_file = path;
    open_with("good", NULL);
    request = get(&tls, "127.0.0.1");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_TLS);
    watch_done(&watch);
    watch_init(&fix, &watch);
    unlink(path);
    ck_assert_int_eq(symlink(certs_path("root", ".pem"), path), 0);
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    unlink(path);
    close_all();
}
END_TEST

START_TEST(a_ca_that_vouched_before_does_not_vouch_for_everything)
{
    static const struct {
        const char *cert, *host;
        int kind;
    } servers[] = { { "good", "127.0.0.1", GW_UP_OK },       { "expired", "127.0.0.1", GW_UP_TLS },
                    { "elsewhere", "127.0.0.1", GW_UP_TLS }, { "selfmade", "127.0.0.1", GW_UP_TLS },
                    { "chain-deep", "127.0.0.1", GW_UP_OK }, { "not-a-server", "127.0.0.1", GW_UP_TLS },
                    { "deep", "127.0.0.1", GW_UP_OK },       { "good", "localhost", GW_UP_OK } };
    char both[160]; /* certs_path() has few buffers */
    struct gw_upstream_tls tls = { .ca_file = both, .verify = true };

    snprintf(both, sizeof both, "%s", certs_path("both", ".pem"));
    open_with("good", NULL);
    for (size_t i = 0; i < GW_ARRAY_LEN(servers); i++) {
        gnutls_certificate_credentials_t other = certs_server(servers[i].cert, NULL);
        struct server *first = fix.server;
        struct gw_transfer_request request;
        struct watch one;

        fix.server = server_start(&(struct server_options){ .script = answer, .tls = other });
        watch_init(&fix, &one);
        request = get(&tls, servers[i].host);
        watch_run(&one, &request);
        ck_assert_kind(one, servers[i].kind);
        ck_assert_int_eq(server_accepted(fix.server), 1);
        watch_done(&one);
        server_stop(fix.server);
        fix.server = first;
        gnutls_certificate_free_credentials(other);
    }
    close_all();
}
END_TEST

START_TEST(connections_over_tls_are_used_again)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };

    open_with("good", NULL);
    for (int i = 0; i < 5; i++) {
        struct gw_transfer_request request = get(&tls, "127.0.0.1");
        struct watch one;

        watch_init(&fix, &one);
        watch_run(&one, &request);
        ck_assert_kind(one, GW_UP_OK);
        ck_assert_int_eq(one.result.was_reused, i > 0);
        watch_done(&one);
    }
    ck_assert_int_eq(server_accepted(fix.server), 1);
    /* another trust never shares them */
    tls.ca_file = certs_path("other-root", ".pem");
    watch_run(&watch, &(struct gw_transfer_request){
                          .method = "GET", .url = fix_url_of(&fix, "https", "127.0.0.1", "/"), .tls = &tls });
    ck_assert_kind(watch, GW_UP_TLS);
    close_all();
}
END_TEST

static bool answer_once(struct server_conn *conn)
{
    return conn->served == 0 && server_answer(conn, "once");
}

START_TEST(a_dead_pooled_connection_is_replaced_by_one_verified_as_well)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };

    cred = certs_server("good", NULL);
    fix_open(&fix, &(struct server_options){ .script = answer_once, .tls = cred });
    watch_init(&fix, &watch);
    for (int i = 0; i < 3; i++) {
        struct gw_transfer_request request = get(&tls, "127.0.0.1");
        struct watch one;

        watch_init(&fix, &one);
        watch_run(&one, &request);
        ck_assert_kind(one, GW_UP_OK);
        watch_done(&one);
        ck_assert_int_eq(server_accepted(fix.server), i + 1);
    }
    close_all();
}
END_TEST

START_TEST(a_plain_server_behind_https_is_told_apart)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    struct gw_transfer_request request;

    cred = certs_server("good", NULL);
    fix_open(&fix, &(struct server_options){ .script = answer });
    watch_init(&fix, &watch);
    request = get(&tls, "127.0.0.1");
    request.connect_ms = 300; /* the server waits for a head that never comes */
    watch_run(&watch, &request);
    ck_assert_int_ne(watch.result.kind, GW_UP_OK);
    ck_assert(watch.result.kind == GW_UP_TLS || watch.result.kind == GW_UP_CONNECT);
    ck_assert_has(watch.message, "TLS");
    close_all();
}
END_TEST

/* ---- through a proxy ---------------------------------------------------------------------------------------- */

/** A proxy's tunnel: CONNECT 127.0.0.1:<port>, whatever name stands there. */
static bool tunnel(struct server_conn *conn)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const char *colon = strrchr(conn->path, ':');
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct pollfd ends[2] = { { .fd = conn->fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
    char bytes[4096];

    if (strstr(conn->head, "Host: blocked")) {
        server_say(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        close(fd);
        return false;
    }
    in.sin_port = htons((uint16_t)atoi(colon ? colon + 1 : "0"));
    if (connect(fd, (struct sockaddr *)&in, sizeof in) == 0)
        server_say(conn, "HTTP/1.1 200 Connection established\r\n\r\n");
    while (poll(ends, 2, 5000) > 0) {
        int from = ends[0].revents ? 0 : 1;
        ssize_t len = recv(ends[from].fd, bytes, sizeof bytes, 0);

        if (len <= 0 || send(ends[1 - from].fd, bytes, (size_t)len, MSG_NOSIGNAL) != len)
            break;
    }
    close(fd);
    return false;
}

static const struct {
    const char *id, *host, *ca;
    int kind;
    const char *says;
} tunnels[] = {
    { "good", "localhost", "root", GW_UP_OK, "" },
    { "not-trusted", "localhost", "other-root", GW_UP_TLS, "subject 'CN=good'" },
    { "wrong-name", "model.invalid", "root", GW_UP_TLS, "not for the host name model.invalid" },
    { "blocked", "blocked.invalid", "root", GW_UP_CONNECT, "the proxy answered 403" },
};

START_TEST(a_proxy_tunnel_changes_nothing_about_trust)
{
    struct gw_upstream_tls tls = { .ca_file = certs_path(tunnels[_i].ca, ".pem"), .verify = true };
    struct gw_transfer_request request;
    struct fix proxy;
    char url[64];

    cred = certs_server("good", NULL);
    fix_open(&proxy, &(struct server_options){ .script = tunnel });
    snprintf(url, sizeof url, "http://127.0.0.1:%u", server_port(proxy.server));
    fix_open_with_proxy(&fix, &(struct server_options){ .script = answer, .tls = cred }, url);
    watch_init(&fix, &watch);
    request = get(&tls, tunnels[_i].host);
    request.flags = GW_UPF_CHECK_ADDRESS;
    watch_run(&watch, &request);
    ck_assert_kind(watch, tunnels[_i].kind);
    ck_assert_has(watch.message, tunnels[_i].says);
    if (tunnels[_i].kind != GW_UP_OK)
        ck_assert_has(watch.message, "through proxy 127.0.0.1:");
    ck_assert_int_eq(server_accepted(proxy.server), 1);
    gw_upstream_free(fix.up);
    fix.up = NULL;
    close_all();
    fix_close(&proxy);
}
END_TEST

/* ---- client certificates ------------------------------------------------------------------------------------ */

static const struct {
    const char *id, *cert, *key, *password;
    int kind;
    const char *says;
} clients[] = {
    { "good", "client.pem", "client-key.pem", NULL, GW_UP_OK, "" },
    { "locked", "client.pem", "client-locked.pem", "sesame", GW_UP_OK, "" },
    { "wrong-password", "client.pem", "client-locked.pem", "open", GW_UP_TLS, "AIGW_MTLS__KEY_PASSWORD" },
    { "none", NULL, NULL, NULL, GW_UP_TLS, "AIGW_MTLS__CERT_FILE" },
    { "not-ours", "bad-client.pem", "bad-client-key.pem", NULL, GW_UP_TLS, "AIGW_MTLS__CERT_FILE" },
    { "no-such-file", "no-such.pem", "client-key.pem", NULL, GW_UP_TLS, "AIGW_MTLS__CERT_FILE" },
    { "wrong-key", "client.pem", "bad-client-key.pem", NULL, GW_UP_TLS, "AIGW_MTLS__KEY_FILE" },
};

START_TEST(client_certificates_are_shown_and_missed)
{
    struct gw_upstream_tls tls = { .verify = true, .key_password = clients[_i].password };
    struct gw_transfer_request request;

    open_with("good", "root");
    tls.ca_file = certs_path("root", ".pem");
    tls.cert_file = clients[_i].cert ? certs_path(clients[_i].cert, "") : NULL;
    tls.key_file = clients[_i].key ? certs_path(clients[_i].key, "") : NULL;
    request = get(&tls, "127.0.0.1");
    watch_run(&watch, &request);
    ck_assert_kind(watch, clients[_i].kind);
    ck_assert_has(watch.message, clients[_i].says);
    ck_assert_ptr_null(strstr(watch.message, "sesame"));
    close_all();
}
END_TEST

/* ---- cost --------------------------------------------------------------------------------------------------- */

START_TEST(a_new_connection_does_not_read_the_bundle_again)
{
    struct gw_upstream_tls tls = { .verify = true, .extra_ca_file = certs_path("root", ".pem") };
    struct gw_transfer_request request;
    int64_t begin_us, spent_us;

    open_with("good", NULL);
    request = get(&tls, "127.0.0.1");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    begin_us = gw_thread_cpu_us();
    for (int i = 0; i < 20; i++) {
        struct watch one;

        gw_pool_close_all(fix.up);
        watch_init(&fix, &one);
        watch_run(&one, &request);
        ck_assert_kind(one, GW_UP_OK);
        ck_assert(!one.result.was_reused);
        watch_done(&one);
    }
    spent_us = (gw_thread_cpu_us() - begin_us) / 20;
    if (getenv("AIGW_TEST_NUMBERS"))
        printf("new TLS connection and request, system bundle: %lld us of loop CPU\n", (long long)spent_us);
    ck_assert_int_lt(spent_us, 60000); /* with the sanitizers on; reading the bundle alone takes more then */
    close_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream tls");
    TCase *trust = tcase_create("trust");
    SRunner *runner;
    int failed;

    certs_make(specs, GW_ARRAY_LEN(specs));
    certs_join("chain-deep", "deep", "middle");
    certs_join("both", "root", "middle");
    tcase_add_loop_test(trust, servers_are_trusted_for_good_reasons_only, 0, (int)GW_ARRAY_LEN(trusts));
    tcase_add_test(trust, no_settings_means_the_system_and_verified);
    tcase_add_test(trust, verification_is_off_only_when_told);
    tcase_add_test(trust, der_certificates_and_folders_will_do);
    tcase_add_test(trust, a_changed_bundle_is_read_again);
    tcase_add_test(trust, a_ca_that_vouched_before_does_not_vouch_for_everything);
    tcase_add_test(trust, connections_over_tls_are_used_again);
    tcase_add_test(trust, a_dead_pooled_connection_is_replaced_by_one_verified_as_well);
    tcase_add_test(trust, a_plain_server_behind_https_is_told_apart);
    tcase_add_loop_test(trust, a_proxy_tunnel_changes_nothing_about_trust, 0, (int)GW_ARRAY_LEN(tunnels));
    tcase_add_loop_test(trust, client_certificates_are_shown_and_missed, 0, (int)GW_ARRAY_LEN(clients));
    tcase_add_test(trust, a_new_connection_does_not_read_the_bundle_again);
    tcase_set_timeout(trust, 30);
    suite_add_tcase(suite, trust);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    certs_remove();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
