/* test_ways.c - the ways to a server: names with several addresses, dead ones among them, IPv6, international names,
 * and every kind of proxy. Names are resolved here: this program has its own getaddrinfo(). */
#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs.h"
#include "fixture.h"
#include "upstream/internal.h"

static const struct cert_spec specs[] = {
    { .name = "root", .is_ca = true, .from_days = -1, .to_days = 10 },
    { .name = "other-root", .is_ca = true, .from_days = -1, .to_days = 10 },
    { .name = "good", .issuer = "root", .dns = "localhost", .ip = "127.0.0.1", .from_days = -1, .to_days = 10 },
    { .name = "model", .issuer = "root", .dns = "model.test", .from_days = -1, .to_days = 10 },
};

/* ---- names ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *addresses[3];
} names[] = {
    { "six-first.test", { "::1", "127.0.0.1" } },
    { "two-four.test", { "127.0.0.9", "127.0.0.1" } },
    { "metadata-behind.test", { "169.254.169.254" } },
    { "one-bad.test", { "169.254.169.254", "127.0.0.1" } },
    { "six-only.test", { "::1" } },
    { "xn--bcher-kva.test", { "127.0.0.1" } },
    { "model.test", { "127.0.0.1" } },
};

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/** In place of the C library's, for libcurl as well. */
int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict ret_list)
{
    resolver real = (resolver)(uintptr_t)dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo **at = ret_list;

    for (size_t i = 0; node && i < GW_ARRAY_LEN(names); i++) {
        if (strcmp(node, names[i].name) != 0)
            continue;
        for (size_t a = 0; a < GW_ARRAY_LEN(names[i].addresses) && names[i].addresses[a]; a++) {
            int rc = real(names[i].addresses[a], service, hints, at);

            if (rc != 0)
                return rc;
            while (*at)
                at = &(*at)->ai_next;
        }
        return 0;
    }
    return real(node, service, hints, ret_list);
}

static struct fix fix;
static struct watch watch;

static bool answer(struct server_conn *conn)
{
    return server_answer(conn, conn->path);
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

/** A listener that swallows attempts at this address and the server's port. */
struct hole {
    int listener, fillers[8];
};

static bool dig(struct hole *hole, const char *address, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    bool is_v6 = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
    struct sockaddr *where = is_v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
    socklen_t len = is_v6 ? sizeof in6 : sizeof in;

    if (!is_v6)
        ck_assert_int_eq(inet_pton(AF_INET, address, &in.sin_addr), 1);
    in.sin_port = in6.sin6_port = htons(port);
    hole->listener = socket(where->sa_family, SOCK_STREAM, 0);
    if (hole->listener < 0 || bind(hole->listener, where, len) < 0) { /* no IPv6 here */
        close(hole->listener);
        return false;
    }
    ck_assert_int_eq(listen(hole->listener, 0), 0);
    for (size_t i = 0; i < GW_ARRAY_LEN(hole->fillers); i++) {
        hole->fillers[i] = socket(where->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(hole->fillers[i], where, len);
    }
    return true;
}

static void fill(struct hole *hole)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(hole->fillers); i++)
        close(hole->fillers[i]);
    close(hole->listener);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *host, *dead; /* dead: swallows attempts; NULL: refuses them */
    uint32_t flags;
    int kind;
    int64_t most_ms; /* of 3,000 for connecting */
    const char *says;
} addresses[] = {
    { "six-first.test", "::1", 0, GW_UP_OK, 1500, "" },
    { "six-first.test", NULL, 0, GW_UP_OK, 1500, "" },
    { "two-four.test", "127.0.0.9", 0, GW_UP_OK, 2900, "" },
    { "two-four.test", NULL, 0, GW_UP_OK, 1000, "" },
    { "metadata-behind.test", NULL, GW_UPF_CHECK_ADDRESS, GW_UP_REFUSED, 1000, "169.254.0.0/16" },
    { "one-bad.test", NULL, GW_UPF_CHECK_ADDRESS, GW_UP_OK, 1000, "" },
    { "B\xc3\xbc"
      "cher.test",
      NULL, 0, GW_UP_OK, 1000, "" },
    { "BXCHER.invalid", NULL, 0, GW_UP_CONNECT, 3000, "bxcher.invalid:" },
};

START_TEST(dead_addresses_are_passed_by)
{
    struct gw_transfer_request request = { .method = "GET", .connect_ms = 3000, .flags = addresses[_i].flags };
    struct hole hole;
    bool has_hole = false;
    int64_t begin_ms = gw_mono_ms();

    open_with(answer);
    if (addresses[_i].dead) {
        has_hole = dig(&hole, addresses[_i].dead, server_port(fix.server));
        if (!has_hole && !strchr(addresses[_i].dead, ':'))
            ck_abort_msg("no listener at %s", addresses[_i].dead);
    }
    request.url = fix_url_of(&fix, "http", addresses[_i].host, "/x");
    watch_run(&watch, &request);
    ck_assert_kind(watch, addresses[_i].kind);
    ck_assert_int_lt(gw_mono_ms() - begin_ms, addresses[_i].most_ms);
    ck_assert_has(watch.message, addresses[_i].says);
    if (has_hole)
        fill(&hole);
    close_all();
}
END_TEST

static bool show_head(struct server_conn *conn)
{
    return server_answer(conn, conn->head);
}

START_TEST(the_host_header_is_what_servers_expect)
{
    static const struct {
        const char *host, *shown;
    } rows[] = { { "LOCALHOST", "localhost" },
                 { "127.0.0.1", "127.0.0.1" },
                 { "b\xc3\xbc"
                   "cher.test",
                   "xn--bcher-kva.test" },
                 { "two-four.test", "two-four.test" } };

    open_with(show_head);
    for (size_t i = 0; i < GW_ARRAY_LEN(rows); i++) {
        struct gw_transfer_request request = { .method = "GET" };
        char want[128];
        struct watch one;

        watch_init(&fix, &one);
        request.url = fix_url_of(&fix, "http", rows[i].host, "/x");
        snprintf(want, sizeof want, "\r\nHost: %s:%u\r\n", rows[i].shown, server_port(fix.server));
        watch_run(&one, &request);
        ck_assert_kind(one, GW_UP_OK);
        ck_assert_has(one.data.data, want);
        watch_done(&one);
    }
    close_all();
}
END_TEST

START_TEST(ipv6_is_spoken)
{
    static const char *const hosts[] = { "[::1]", "[0:0:0:0:0:0:0:1]", "six-only.test" };
    static const uint32_t flags[] = { 0, GW_UPF_CHECK_ADDRESS };

    fix_open(&fix, &(struct server_options){ .script = show_head, .is_v6 = true });
    for (size_t i = 0; fix.server && i < GW_ARRAY_LEN(hosts); i++)
        for (size_t f = 0; f < GW_ARRAY_LEN(flags); f++) {
            struct gw_transfer_request request = { .method = "GET", .flags = flags[f] };
            char want[128];

            watch_init(&fix, &watch);
            request.url = fix_url_of(&fix, "http", hosts[i], "/x");
            snprintf(want, sizeof want, "\r\nHost: %s:%u\r\n", i == 1 ? "[::1]" : hosts[i], server_port(fix.server));
            watch_run(&watch, &request);
            ck_assert_kind(watch, GW_UP_OK);
            ck_assert_has(watch.data.data, want);
            watch_done(&watch);
        }
    fix_close(&fix);
}
END_TEST

/** Many at once, cancelled at any moment, dead addresses among them: no number of a descriptor is mixed up. */
START_TEST(connecting_in_crowds_and_giving_up_does_no_harm)
{
    static struct watch crowd[60];
    struct hole hole;

    open_with(answer);
    ck_assert(dig(&hole, "127.0.0.9", server_port(fix.server)));
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < GW_ARRAY_LEN(crowd); i++) {
            struct gw_transfer_request request = { .method = "GET", .connect_ms = 1500 };

            watch_init(&fix, &crowd[i]);
            request.url = fix_url_of(&fix, "http", i % 3 ? "two-four.test" : "127.0.0.1", "/x");
            watch_start(&crowd[i], &request);
        }
        for (size_t i = 0; i < GW_ARRAY_LEN(crowd); i++) {
            if (i % 4 == 1 && round % 2 == 0) {
                gw_loop_turn(fix.loop, 1);
                gw_transfer_cancel(crowd[i].call);
            } else {
                fix_wait(&fix, &crowd[i].dones, 1);
                ck_assert_kind(crowd[i], GW_UP_OK);
            }
            watch_done(&crowd[i]);
        }
        gw_pool_close_all(fix.up);
    }
    fix_turn_for(&fix, 1);
    ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 0);
    ck_assert_uint_eq(fix.up->connector.under_way, 0);
    fill(&hole);
    close_all();
}
END_TEST

/* ---- proxies ---------------------------------------------------------------------------------------------------- */

static char proxy_head[16384]; /* of the last request to a proxy */

/** An HTTP proxy, over TLS or not: tunnels and absolute-form, whatever name stands there. */
static bool http_proxy(struct server_conn *conn)
{
    const char *colon = strrchr(conn->path, ':');
    uint16_t port = (uint16_t)strtoul(colon ? colon + 1 : "0", NULL, 10);
    int fd;

    memcpy(proxy_head, conn->head, sizeof proxy_head);
    if (strstr(conn->head, "Host: refused")) {
        server_say(conn, "HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nsorry");
        return false;
    }
    if (strstr(conn->head, "Host: auth") && !strstr(conn->head, "Proxy-Authorization: Basic dTpwQHNz\r\n")) {
        server_say(conn, "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
        return false;
    }
    if (strncmp(conn->head, "CONNECT ", 8) != 0)
        return server_answer(conn, conn->path);
    fd = server_dial(port);
    if (fd >= 0 && server_say(conn, "HTTP/1.1 200 Connection established\r\n\r\n"))
        server_pipe(conn, fd);
    close(fd);
    return false;
}

/** Exactly so many bytes. */
static bool take(struct server_conn *conn, unsigned char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = server_recv(conn, bytes, len);

        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/** SOCKS 5, name by the proxy. "refused.test" is refused. */
static bool socks_proxy(struct server_conn *conn)
{
    static const char fine[10] = { 5, 0, 0, 1 }, not_fine[10] = { 5, 5, 0, 1 };
    unsigned char bytes[300], name[256], port[2];
    int fd;

    if (!take(conn, bytes, 2) || !take(conn, bytes + 2, bytes[1]) || !server_send(conn, "\x05\x00", 2) ||
        !take(conn, bytes, 5) || bytes[3] != 3 || !take(conn, name, bytes[4]) || !take(conn, port, 2))
        return false;
    name[bytes[4]] = '\0';
    if (strcmp((const char *)name, "refused.test") == 0) {
        server_send(conn, not_fine, sizeof not_fine);
        return false;
    }
    fd = server_dial((uint16_t)(port[0] << 8 | port[1]));
    if (fd >= 0 && server_send(conn, fine, sizeof fine))
        server_pipe(conn, fd);
    close(fd);
    return false;
}

#define PLAIN 1
#define TLS   2

static const struct {
    const char *id, *proxy; /* "%u" is its port */
    int server;
    const char *host;
    int kind;
    const char *says; /* of the answer or of the words */
} proxies[] = {
    { "http", "http://127.0.0.1:%u", PLAIN, "model.test", GW_UP_OK, "http://model.test:" },
    { "http-tunnel", "http://127.0.0.1:%u", TLS, "model.test", GW_UP_OK, "/x" },
    { "http-auth", "http://u:p%%40ss@127.0.0.1:%u", PLAIN, "auth.test", GW_UP_OK, "http://auth.test:" },
    { "http-no-auth", "http://127.0.0.1:%u", TLS, "auth.test", GW_UP_CONNECT, "the proxy answered 407; put its user" },
    { "http-bad-gateway", "http://127.0.0.1:%u", TLS, "refused.test", GW_UP_CONNECT, "the proxy answered 503" },
    { "https", "https://localhost:%u", PLAIN, "model.test", GW_UP_OK, "http://model.test:" },
    { "https-tunnel", "https://localhost:%u", TLS, "model.test", GW_UP_OK, "/x" },
    { "https-by-address", "https://127.0.0.1:%u", TLS, "model.test", GW_UP_OK, "/x" },
    { "https-auth", "https://u:p%%40ss@localhost:%u", PLAIN, "auth.test", GW_UP_OK, "http://auth.test:" },
    { "https-no-auth", "https://localhost:%u", TLS, "auth.test", GW_UP_CONNECT,
      "the proxy answered 407; put its user" },
    { "https-bad-gateway", "https://localhost:%u", TLS, "refused.test", GW_UP_CONNECT, "the proxy answered 503" },
    { "https-wrong-name", "https://model.test:%u", TLS, "model.test", GW_UP_TLS,
      "the proxy's TLS: certificate refused" },
    { "https-wrong-server", "https://localhost:%u", TLS, "elsewhere.test", GW_UP_TLS,
      ": certificate refused: subject 'CN=model'" },
    { "socks5h", "socks5h://127.0.0.1:%u", PLAIN, "model.test", GW_UP_OK, "/x" },
    { "socks5h-tls", "socks5h://127.0.0.1:%u", TLS, "model.test", GW_UP_OK, "/x" },
    { "socks5h-refused", "socks5h://127.0.0.1:%u", PLAIN, "refused.test", GW_UP_CONNECT,
      "through the SOCKS proxy: the host refused" },
    { "unknown-proxy", "http://no-such-proxy.invalid:%u", TLS, "model.test", GW_UP_CONNECT, "the proxy's name" },
    { "unknown-https-proxy", "https://no-such-proxy.invalid:%u", TLS, "model.test", GW_UP_CONNECT, "the proxy's name" },
    { "no-proxy-there", "http://127.0.0.1:9", TLS, "model.test", GW_UP_CONNECT, "cannot connect" },
    { "no-tls-there", "https://127.0.0.1:9", TLS, "model.test", GW_UP_CONNECT, "cannot connect" },
};

START_TEST(every_kind_of_proxy_works_and_says_why_not)
{
    bool is_tls_proxy = strncmp(proxies[_i].proxy, "https:", 6) == 0;
    bool is_socks = strncmp(proxies[_i].proxy, "socks", 5) == 0;
    gnutls_certificate_credentials_t proxy_cred = certs_server("good", NULL), cred = certs_server("model", NULL);
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    struct fix proxy;
    char url[128];

    fix_open(&proxy, &(struct server_options){ .script = is_socks ? socks_proxy : http_proxy,
                                               .tls = is_tls_proxy ? proxy_cred : NULL,
                                               .is_raw = is_socks });
    snprintf(url, sizeof url, proxies[_i].proxy, server_port(proxy.server));
    fix_open_with_proxy(
        &fix, &(struct server_options){ .script = answer, .tls = proxies[_i].server == TLS ? cred : NULL }, url);
    for (int round = 0; round < 2; round++) {
        struct gw_transfer_request request = { .method = "GET", .idle_ms = 5000, .tls = &tls };

        watch_init(&fix, &watch);
        request.url = fix_url_of(&fix, proxies[_i].server == TLS ? "https" : "http", proxies[_i].host, "/x");
        watch_run(&watch, &request);
        ck_assert_kind(watch, proxies[_i].kind);
        if (proxies[_i].kind == GW_UP_OK) {
            ck_assert_has(watch.data.data, proxies[_i].says);
            ck_assert_int_eq(watch.result.was_reused, round);
        } else {
            ck_assert_has(watch.message, proxies[_i].says);
            ck_assert_has(watch.message, " through proxy ");
        }
        ck_assert_ptr_null(strstr(watch.message, "p@ss"));
        watch_done(&watch);
    }
    gw_upstream_free(fix.up);
    fix.up = NULL;
    fix_close(&fix);
    fix_close(&proxy);
    gnutls_certificate_free_credentials(proxy_cred);
    gnutls_certificate_free_credentials(cred);
}
END_TEST

START_TEST(a_proxys_password_never_reaches_the_server)
{
    gnutls_certificate_credentials_t cred = certs_server("model", NULL);
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    struct gw_transfer_request request = { .method = "GET", .tls = &tls };
    struct fix proxy;
    char url[128];

    fix_open(&proxy, &(struct server_options){ .script = http_proxy });
    snprintf(url, sizeof url, "http://u:p%%40ss@127.0.0.1:%u", server_port(proxy.server));
    fix_open_with_proxy(&fix, &(struct server_options){ .script = show_head, .tls = cred }, url);
    watch_init(&fix, &watch);
    request.url = fix_url_of(&fix, "https", "model.test", "/x");
    watch_run(&watch, &request);
    ck_assert_kind(watch, GW_UP_OK);
    ck_assert_ptr_null(strcasestr(watch.data.data, "proxy"));
    ck_assert_has(proxy_head, "Proxy-Authorization: Basic dTpwQHNz\r\n");
    gw_upstream_free(fix.up);
    fix.up = NULL;
    close_all();
    fix_close(&proxy);
    gnutls_certificate_free_credentials(cred);
}
END_TEST

/* ---- on the way ------------------------------------------------------------------------------------------------- */

static bool say_nothing(struct server_conn *conn)
{
    server_wait_gone(conn);
    return false;
}

static const struct {
    const char *id;
    bool has_proxy, is_proxy_mute; /* mute: not even a handshake */
    int state;
    const char *says;
} stops[] = {
    { "handshake", false, false, GW_CONN_TLS, "connected, but the TLS handshake did not finish" },
    { "proxy-handshake", true, true, GW_CONN_PROXY_TLS, "connected to the proxy, but its TLS handshake did not" },
    { "tunnel", true, false, GW_CONN_TUNNEL, "the proxy did not answer within 300 ms" },
};

/** A transfer whose connection is that far and gets no further. */
static struct gw_transfer *stop_at(int row, struct fix *proxy, const struct gw_upstream_tls *tls,
                                   gnutls_certificate_credentials_t cred, int64_t connect_ms)
{
    struct gw_transfer_request request = { .method = "GET", .connect_ms = connect_ms, .tls = tls };
    char url[128];

    fix_open(proxy, &(struct server_options){ .script = say_nothing,
                                              .tls = stops[row].is_proxy_mute ? NULL : cred,
                                              .is_raw = stops[row].is_proxy_mute });
    snprintf(url, sizeof url, "https://localhost:%u", server_port(proxy->server));
    fix_open_with_proxy(&fix, &(struct server_options){ .script = say_nothing, .is_raw = true },
                        stops[row].has_proxy ? url : "");
    watch_init(&fix, &watch);
    request.url = fix_url_of(&fix, "https", "localhost", "/x");
    watch_start(&watch, &request);
    while (watch.call && (!watch.call->conn || watch.call->conn->state != stops[row].state))
        gw_loop_turn(fix.loop, 10);
    ck_assert_int_eq(watch.dones, 0);
    return watch.call;
}

/** Cancelled, over its limit, or gone with the upstream. */
START_TEST(a_connection_that_gets_no_further_can_be_left)
{
    gnutls_certificate_credentials_t cred = certs_server("good", NULL);
    struct gw_upstream_tls tls = { .ca_file = certs_path("root", ".pem"), .verify = true };
    struct fix proxy;
    int row = _i / 3, how = _i % 3;
    struct gw_transfer *transfer = stop_at(row, &proxy, &tls, cred, how == 1 ? 300 : 5000);

    if (how == 0) {
        gw_transfer_cancel(transfer);
        ck_assert_uint_eq(gw_upstream_open_connections(fix.up), 0);
    } else if (how == 1) {
        fix_wait(&fix, &watch.dones, 1);
        ck_assert_kind(watch, GW_UP_CONNECT);
        ck_assert_has(watch.message, stops[row].says);
        ck_assert(!watch.result.was_sent);
    }
    gw_upstream_free(fix.up);
    fix.up = NULL;
    ck_assert_int_eq(watch.dones, how == 1);
    close_all();
    fix_close(&proxy);
    gnutls_certificate_free_credentials(cred);
}
END_TEST

static const struct {
    const char *id, *ca;
    bool verify, asks_for_certificate;
    int kind;
} guards[] = {
    { "trusted", "root", true, false, GW_UP_OK },
    { "not-trusted", "other-root", true, false, GW_UP_TLS },
    { "verify-off-is-about-servers", "other-root", false, false, GW_UP_TLS },
    { "no-identity-for-proxies", "root", true, true, GW_UP_TLS },
};

static const char *const guarded[] = { "http://model.test/x", "https://model.test/x" };

START_TEST(an_https_proxy_is_verified_and_learns_nothing)
{
    gnutls_certificate_credentials_t cred = certs_server("good", "root");
    struct gw_upstream_tls tls = { .ca_file = certs_path(guards[_i / 2].ca, ".pem"),
                                   .cert_file = certs_path("good", ".pem"),
                                   .key_file = certs_path("good", "-key.pem"),
                                   .verify = guards[_i / 2].verify };
    struct gw_transfer_request request = { .method = "GET", .url = guarded[_i % 2], .tls = &tls };
    struct fix proxy;
    char url[128];

    fix_open(&proxy, &(struct server_options){
                         .script = http_proxy, .tls = cred, .wants_client_cert = guards[_i / 2].asks_for_certificate });
    snprintf(url, sizeof url, "https://localhost:%u", server_port(proxy.server));
    fix_open_with_proxy(&fix, NULL, url);
    watch_init(&fix, &watch);
    watch_run(&watch, &request);
    if (guards[_i / 2].kind != GW_UP_OK) {
        ck_assert_kind(watch, guards[_i / 2].kind);
        ck_assert_has(watch.message, "the proxy's TLS: ");
    } else if (_i % 2 == 0) {
        ck_assert_kind(watch, GW_UP_OK);
    } else { /* the proxy finds nobody at that port and hangs up */
        ck_assert_kind(watch, GW_UP_CONNECT);
        ck_assert_has(watch.message, "the proxy closed the connection when it was asked");
    }
    close_all();
    fix_close(&proxy);
    gnutls_certificate_free_credentials(cred);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream ways");
    TCase *ways = tcase_create("ways");
    SRunner *runner;
    int failed;

    certs_make(specs, GW_ARRAY_LEN(specs));
    tcase_add_loop_test(ways, dead_addresses_are_passed_by, 0, (int)GW_ARRAY_LEN(addresses));
    tcase_add_test(ways, the_host_header_is_what_servers_expect);
    tcase_add_test(ways, ipv6_is_spoken);
    tcase_add_loop_test(ways, a_connection_that_gets_no_further_can_be_left, 0, 3 * (int)GW_ARRAY_LEN(stops));
    tcase_add_test(ways, connecting_in_crowds_and_giving_up_does_no_harm);
    tcase_add_loop_test(ways, every_kind_of_proxy_works_and_says_why_not, 0, (int)GW_ARRAY_LEN(proxies));
    tcase_add_test(ways, a_proxys_password_never_reaches_the_server);
    tcase_add_loop_test(ways, an_https_proxy_is_verified_and_learns_nothing, 0, 2 * (int)GW_ARRAY_LEN(guards));
    tcase_set_timeout(ways, 30);
    suite_add_tcase(suite, ways);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    certs_remove();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
