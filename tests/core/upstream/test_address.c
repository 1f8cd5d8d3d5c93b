/* test_address.c - which addresses a model call may reach, and which proxy it takes. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/address.h"

static const struct {
    const char *text;
    bool is_forbidden;
} addresses[] = {
    { "169.254.0.0", true },
    { "169.254.169.254", true },
    { "169.254.255.255", true },
    { "169.253.255.255", false },
    { "169.255.0.0", false },
    { "0.0.0.0", true },
    { "0.1.2.3", true },
    { "1.0.0.0", false },
    { "127.0.0.1", false },
    { "10.0.0.1", false },
    { "192.168.1.1", false },
    { "8.8.8.8", false },
    { "::", true },
    { "::1", false },
    { "fe80::", true },
    { "fe80::1%lo", true },
    { "fe80::1", true },
    { "febf:ffff::1", true },
    { "fec0::1", false },
    { "fd00:ec2::254", true },
    { "fd00:ec2::253", false },
    { "fd00:ec2::23", true },
    { "fd20:ce::254", true },
    { "fd20:ce::253", false },
    { "168.63.129.16", true },
    { "168.63.129.17", false },
    { "100.100.100.200", true },
    { "100.100.100.201", false },
    { "192.0.0.192", true },
    { "192.0.0.193", false },
    { "::ffff:100.100.100.200", true },
    { "64:ff9b:1::169.254.169.254", true },
    { "64:ff9b:1::8.8.8.8", false },
    { "2002:a9fe:a9fe::1", true },
    { "2002:0808:0808::1", false },
    { "fd12::1", false },
    { "::ffff:169.254.1.1", true },
    { "::ffff:0.0.0.0", true },
    { "::ffff:127.0.0.1", false },
    { "::ffff:10.0.0.1", false },
    { "::169.254.169.254", true },
    { "64:ff9b::169.254.169.254", true },
    { "64:ff9b::8.8.8.8", false },
    { "2001:db8::169.254.1.1", false },
};

START_TEST(addresses_are_judged_in_both_forms)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    const char *text = addresses[_i].text;
    const struct sockaddr *address = (struct sockaddr *)&in;
    bool has_zone = strchr(text, '%') != NULL;

    ck_assert_msg((gw_address_text_forbidden(text) != NULL) == addresses[_i].is_forbidden, "%s", text);
    if (has_zone)
        return;
    if (inet_pton(AF_INET, text, &in.sin_addr) != 1) {
        ck_assert_int_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        address = (struct sockaddr *)&in6;
    }
    ck_assert_msg((gw_address_forbidden(address) != NULL) == addresses[_i].is_forbidden, "%s", text);
}
END_TEST

static const struct {
    const char *host;
    bool is_forbidden;
} hosts[] = {
    { "169.254.169.254", true },
    { "169.254.169.254.", true },
    { "2852039166", true },
    { "0xA9FEA9FE", true },
    { "0251.0376.0251.0376", true },
    { "0xa9.254.0xa9fe", true },
    { "0", true },
    { "0x0", true },
    { "[::]", true },
    { "[fe80::1]", true },
    { "[fe80::1%25eth0]", true },
    { "[::ffff:a9fe:a9fe]", true },
    { "metadata", true },
    { "metadata.google.internal", true },
    { "Metadata.Google.Internal.", true },
    { "metadata.goog", true },
    { "instance-data", true },
    { "instance-data.ec2.internal", true },
    { "localhost", false },
    { "127.1", false },
    { "2130706433", false },
    { "[::1]", false },
    { "metadata.example", false },
    { "my-metadata", false },
    { "vllm.internal", false },
    { "", false },
    { ".", false },
    { "169.254.169.254.example", false },
};

START_TEST(hosts_are_judged_however_they_are_written)
{
    ck_assert_msg((gw_host_forbidden(hosts[_i].host) != NULL) == hosts[_i].is_forbidden, "%s", hosts[_i].host);
}
END_TEST

START_TEST(what_is_no_internet_address_is_refused)
{
    struct sockaddr address = { .sa_family = AF_UNIX };

    ck_assert_ptr_nonnull(gw_address_forbidden(&address));
    ck_assert_ptr_null(gw_address_text_forbidden("not an address"));
    ck_assert_ptr_null(gw_address_text_forbidden(
        "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"));
}
END_TEST

/* ---- proxies ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *no_proxy, *host;
    bool is_direct;
    uint16_t port;
} exceptions[] = {
    { "*", "a.example", true, 8000 },
    { "a.example", "a.example", true, 8000 },
    { "a.example", "A.EXAMPLE", true, 8000 },
    { "a.example", "b.a.example", true, 8000 },
    { ".a.example", "b.a.example", true, 8000 },
    { ".a.example", "a.example", true, 8000 },
    { "a.example", "ba.example", false, 8000 },
    { "a.example.", "a.example", true, 8000 },
    { "x, y  a.example,z", "a.example", true, 8000 },
    { "x,,", "a.example", false, 8000 },
    { "", "a.example", false, 8000 },
    { "example", "a.example", true, 8000 },
    { "10.0.0.1", "10.0.0.1", true, 8000 },
    { "10.0.0.1", "10.0.0.12", false, 8000 },
    { "10.0.0.0/8", "10.9.8.7", true, 8000 },
    { "10.0.0.0/8", "11.9.8.7", false, 8000 },
    { "10.128.0.0/9", "10.127.0.1", false, 8000 },
    { "10.128.0.0/9", "10.129.0.1", true, 8000 },
    { "0.0.0.0/0", "8.8.8.8", true, 8000 },
    { "10.0.0.0/33", "10.0.0.0", false, 8000 },
    { "10.0.0.0/x", "10.0.0.0", false, 8000 },
    { "10.0.0.0/8", "ten.example", false, 8000 },
    { "fd00::/8", "[fd12::1]", true, 8000 },
    { "[fd12::1]", "[fd12::1]", true, 8000 },
    { "fd12::1", "[fd12::1]", true, 8000 },
    { "::1", "[::2]", false, 8000 },
    { "[::1]", "[::1]", true, 8000 },
    { "*.a.example", "b.a.example", true, 8000 },
    { "*.a.example", "a.example", true, 8000 },
    { "*.a.example", "ba.example", false, 8000 },
    { "127.0.0.1:8000", "127.0.0.1", true, 8000 },
    { "127.0.0.1:8000", "127.0.0.1", false, 8001 },
    { "127.0.0.1:8000", "127.0.0.12", false, 8000 },
    { "a.example:8000", "b.a.example", true, 8000 },
    { ".a.example:443", "b.a.example", true, 443 },
    { "*.a.example:443", "b.a.example", false, 8000 },
    { "a.example:", "a.example", false, 8000 },
    { "a.example:x", "a.example", false, 8000 },
    { "a.example:80000", "a.example", false, 8000 },
    { "[::1]:8000", "[::1]", true, 8000 },
    { "[::1]:8001", "[::1]", false, 8000 },
    { "[::1]8000", "[::1]", false, 8000 },
    { "[::1", "[::1]", false, 8000 },
    { "[fd00::1]:8000,a.example", "a.example", true, 8000 },
    { "10.0.0.0/8:8000", "10.1.2.3", true, 8000 },
    { "10.0.0.0/8:8001", "10.1.2.3", false, 8000 },
    { "*:8000", "a.example", true, 8000 },
    { "*:8001", "a.example", false, 8000 },
};

static void clear_environment(void)
{
    static const char *const names[] = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                         "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY" };

    for (size_t i = 0; i < GW_ARRAY_LEN(names); i++)
        unsetenv(names[i]);
}

START_TEST(no_proxy_names_hosts_domains_and_networks)
{
    struct gw_proxies proxies;
    const struct gw_proxy *proxy;
    uint16_t port = exceptions[_i].port;

    clear_environment();
    setenv("HTTP_PROXY", "http://proxy:3128", 1);
    setenv("NO_PROXY", exceptions[_i].no_proxy, 1);
    ck_assert(gw_proxies_init(&proxies, NULL));
    proxy = gw_proxy_for(&proxies, false, exceptions[_i].host, port);
    ck_assert_msg((proxy == NULL) == exceptions[_i].is_direct, "'%s' for %s", exceptions[_i].no_proxy,
                  exceptions[_i].host);
    gw_proxies_done(&proxies);
}
END_TEST

static const struct {
    const char *name, *value, *http, *https; /* "host:port" */
} environments[] = {
    { "http_proxy", "p:1", "p:1", NULL },  { "HTTP_PROXY", "p:1", "p:1", NULL }, { "https_proxy", "p:1", NULL, "p:1" },
    { "HTTPS_PROXY", "p:1", NULL, "p:1" }, { "ALL_PROXY", "p:1", "p:1", "p:1" }, { "all_proxy", "p:1", "p:1", "p:1" },
    { "http_proxy", "", NULL, NULL },
};

START_TEST(proxies_come_from_the_environment_in_either_case)
{
    struct gw_proxies proxies;
    const struct gw_proxy *http, *https;

    clear_environment();
    setenv(environments[_i].name, environments[_i].value, 1);
    ck_assert(gw_proxies_init(&proxies, NULL));
    http = gw_proxy_for(&proxies, false, "h", 80);
    https = gw_proxy_for(&proxies, true, "h", 443);
    ck_assert_str_eq(http ? http->name : "-", environments[_i].http ? environments[_i].http : "-");
    ck_assert_str_eq(https ? https->name : "-", environments[_i].https ? environments[_i].https : "-");
    gw_proxies_done(&proxies);
    /* an option wins over the environment, "" means none */
    ck_assert(gw_proxies_init(&proxies, "q:2"));
    ck_assert_str_eq(gw_proxy_for(&proxies, true, "h", 443)->name, "q:2");
    gw_proxies_done(&proxies);
    ck_assert(gw_proxies_init(&proxies, ""));
    ck_assert_ptr_null(gw_proxy_for(&proxies, false, "h", 80));
    gw_proxies_done(&proxies);
}
END_TEST

static const struct {
    const char *url, *name, *host;
    enum gw_proxy_kind kind;
    const char *authorization;
} proxy_urls[] = {
    { "p:1", "p:1", "p", GW_PROXY_HTTP, NULL },
    { "p", "p:1080", "p", GW_PROXY_HTTP, NULL },
    { "http://p:3128/", "p:3128", "p", GW_PROXY_HTTP, NULL },
    { "HTTP://p:3128", "p:3128", "p", GW_PROXY_HTTP, NULL },
    { "http://u:p%40ss@p:1", "p:1", "p", GW_PROXY_HTTP, "Basic dTpwQHNz" },
    { "u@p:1", "p:1", "p", GW_PROXY_HTTP, "Basic dTo=" },
    { "https://p", "p:443", "p", GW_PROXY_HTTPS, NULL },
    { "https://[::1]:8443", "[::1]:8443", "::1", GW_PROXY_HTTPS, NULL },
    { "socks5h://p:9", "p:9", "p", GW_PROXY_OTHER, NULL },
    { "http://a b", "(not a URL)", "", GW_PROXY_OTHER, NULL },
};

START_TEST(what_a_proxys_url_says)
{
    const struct gw_proxy *proxy;
    struct gw_proxies proxies;

    ck_assert(gw_proxies_init(&proxies, proxy_urls[_i].url));
    proxy = gw_proxy_for(&proxies, true, "h", 443);
    ck_assert_str_eq(proxy->name, proxy_urls[_i].name);
    ck_assert_str_eq(proxy->host ? proxy->host : "", proxy_urls[_i].host);
    ck_assert_int_eq(proxy->kind, proxy_urls[_i].kind);
    ck_assert_str_eq(proxy->authorization ? proxy->authorization : "-",
                     proxy_urls[_i].authorization ? proxy_urls[_i].authorization : "-");
    gw_proxies_done(&proxies);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upstream address");
    TCase *where = tcase_create("where");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(where, addresses_are_judged_in_both_forms, 0, (int)GW_ARRAY_LEN(addresses));
    tcase_add_loop_test(where, hosts_are_judged_however_they_are_written, 0, (int)GW_ARRAY_LEN(hosts));
    tcase_add_test(where, what_is_no_internet_address_is_refused);
    tcase_add_loop_test(where, no_proxy_names_hosts_domains_and_networks, 0, (int)GW_ARRAY_LEN(exceptions));
    tcase_add_loop_test(where, proxies_come_from_the_environment_in_either_case, 0, (int)GW_ARRAY_LEN(environments));
    tcase_add_loop_test(where, what_a_proxys_url_says, 0, (int)GW_ARRAY_LEN(proxy_urls));
    suite_add_tcase(suite, where);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
