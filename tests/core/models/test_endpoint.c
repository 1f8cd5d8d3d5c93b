/* test_endpoint.c - spellings of endpoints and their one normal form; patterns and what they let through. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/plan.h"

static struct gw_arena arena;

static void setup(void)
{
    gw_arena_init(&arena, 16 << 20);
}

static void teardown(void)
{
    gw_arena_done(&arena);
}

static const struct {
    const char *raw, *normal;
} normal_rows[] = {
    { "http://h", "http://h" },
    { "http://h/", "http://h" },
    { "http://h/v1", "http://h/v1" },
    { "http://h/v1/", "http://h/v1" },
    { "http://h/v1///", "http://h/v1" },
    { "http://h//v1//chat", "http://h/v1/chat" },
    { "http://h:8000/v1/chat/completions/", "http://h:8000/v1/chat/completions" },
    /* case of scheme and host, not of the path */
    { "HTTP://LOCALHOST:8000/V1", "http://localhost:8000/V1" },
    { "HttpS://Models.Example.COM/v1", "https://models.example.com/v1" },
    { "http://h./v1", "http://h/v1" },
    { "http://my_vllm-1.internal:8000/v1", "http://my_vllm-1.internal:8000/v1" },
    /* ports */
    { "http://h:80/v1", "http://h/v1" },
    { "https://h:443", "https://h" },
    { "https://h:80/v1", "https://h:80/v1" },
    { "http://h:/v1", "http://h/v1" },
    { "http://h:08000", "http://h:8000" },
    { "http://h:65535", "http://h:65535" },
    /* blanks around it */
    { " http://h/v1\n", "http://h/v1" },
    { "\t\r\n http://h/v1/ \r\n", "http://h/v1" },
    { "\xc2\xa0http://h/v1\xe2\x80\x8b", "http://h/v1" },
    { "\xef\xbb\xbfhttp://h/v1 \xc2\xa0 ", "http://h/v1" },
    /* queries */
    { "http://h/v1?api-version=2024-02-01", "http://h/v1?api-version=2024-02-01" },
    { "http://h/v1/?a=b&c=d/e?f", "http://h/v1?a=b&c=d/e?f" },
    { "http://h?a=b", "http://h?a=b" },
    { "http://h/?a=b", "http://h?a=b" },
    { "http://h/v1?", "http://h/v1" },
    { "http://h/v1?a=%2F..%41", "http://h/v1?a=%2F..%41" },
    { "http://h/v1?u=http://x@y:1/", "http://h/v1?u=http://x@y:1/" },
    { "http://h/v1?a=\xc3\xbc\"<", "http://h/v1?a=%C3%BC%22%3C" },
    /* names in other scripts */
    { "http://b\xc3\xbc"
      "cher.localhost:1/v1",
      "http://xn--bcher-kva.localhost:1/v1" },
    { "http://B\xc3\x9c"
      "CHER.localhost",
      "http://xn--bcher-kva.localhost" },
    { "http://bu\xcc\x88"
      "cher.localhost",
      "http://xn--bcher-kva.localhost" },
    { "http://b%C3%BCcher.localhost", "http://xn--bcher-kva.localhost" },
    { "http://xn--bcher-kva.localhost", "http://xn--bcher-kva.localhost" },
    { "http://XN--BCHER-KVA.localhost", "http://xn--bcher-kva.localhost" },
    { "http://my_vllm.b\xc3\xbc"
      "cher.de",
      "http://my_vllm.xn--bcher-kva.de" },
    { "http://\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp", "http://xn--r8jz45g.jp" },
    /* addresses */
    { "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1" },
    { "http://127.1/", "http://127.0.0.1" },
    { "http://2130706433/", "http://127.0.0.1" },
    { "http://0x7f.1", "http://127.0.0.1" },
    { "http://0X7F000001", "http://127.0.0.1" },
    { "http://0177.0.0.01", "http://127.0.0.1" },
    { "http://127.0.0.1.", "http://127.0.0.1" },
    { "http://127.0.513", "http://127.0.2.1" },
    { "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", "http://127.0.0.1" },
    { "http://%31%32%37.0.0.1", "http://127.0.0.1" },
    { "http://[::1]:8000/v1", "http://[::1]:8000/v1" },
    { "http://[0:0:0:0:0:0:0:1]/v1", "http://[::1]/v1" },
    { "http://[FD00:EC2::0254]", "http://[fd00:ec2::254]" },
    { "http://[::ffff:127.0.0.1]:80", "http://127.0.0.1" },
    { "http://[::FFFF:7f00:1]", "http://127.0.0.1" },
    { "http://1.2.3.4.example", "http://1.2.3.4.example" },
    /* paths */
    { "http://h/%76%31", "http://h/v1" },
    { "http://h/a%3ab", "http://h/a%3Ab" },
    { "http://h/a:b@c,d;e=f", "http://h/a:b@c,d;e=f" },
    { "http://h/a%20b", "http://h/a%20b" },
    { "http://h/\xc3\xbc", "http://h/%C3%BC" },
    { "http://h/%c3%bc", "http://h/%C3%BC" },
    { "http://h/a\"<>b", "http://h/a%22%3C%3Eb" },
    { "http://h/...", "http://h/..." },
    { "http://h/.well-known/x.y", "http://h/.well-known/x.y" },
};

START_TEST(spellings_have_one_normal_form)
{
    const char *reason = "";
    aigw_str endpoint = AIGW_STR_NONE, again = AIGW_STR_NONE;

    aigw_status status = gw_endpoint_normalize(&arena, gw_str(normal_rows[_i].raw), &endpoint, &reason);
    ck_assert_msg(status == AIGW_OK, "%s: %s", normal_rows[_i].raw, reason);
    ck_assert_msg(gw_str_is(endpoint, normal_rows[_i].normal), "%s: found %.*s", normal_rows[_i].raw,
                  AIGW_STR_ARG(endpoint));
    ck_assert_int_eq(gw_endpoint_normalize(&arena, endpoint, &again, &reason), AIGW_OK);
    ck_assert_msg(gw_str_eq(endpoint, again), "again: %.*s", AIGW_STR_ARG(again));
}
END_TEST

static const struct {
    const char *raw, *says;
} refused_rows[] = {
    { "", "empty" },
    { " \n", "empty" },
    { "h", "http:// or https://" },
    { "h:8000/v1", "http:// or https://" },
    { "/v1", "http:// or https://" },
    { "//h/v1", "http:// or https://" },
    { "http:/h", "http:// or https://" },
    { "http:h", "http:// or https://" },
    { "http:", "http:// or https://" },
    { "://h", "http:// or https://" },
    { "ftp://h/v1", "http:// or https://" },
    { "file:///etc/passwd", "no host" },
    { "httpx://h", "http:// or https://" },
    { "http ://h", "blank" },
    { "\"http://h\"", "http:// or https://" },
    { "http://", "no host" },
    { "http:///v1", "no host" },
    { "http://:8000/v1", "no host" },
    { "http://?a=b", "no host" },
    { "http://./v1", "no host" },
    { "http://ann:s3cret@h/v1", "user information" },
    { "http://s3cret@h/v1", "user information" },
    { "http://@h/v1", "user information" },
    { "HTTPS://ANN:s3cret@h:1?x", "user information" },
    { "http://ann:s3cret@", "user information" },
    { "http://ann%3As3cret%40h/v1", "character in its host" },
    { "http://h/v1#s3cret", "fragment" },
    { "http://h#", "fragment" },
    { "http://h?a#b", "fragment" },
    { "http://h/v 1", "blank" },
    { "http://h /v1", "blank" },
    { "http://h/v1\r\nX: y", "blank" },
    { "http://h/\tv1", "blank" },
    { "http://h/v1\x7f", "blank" },
    { "http://h\\@x/v1", "backslash" },
    { "http:\\\\h/v1", "backslash" },
    { "http://h/v1\\..\\x", "backslash" },
    { "http://h/\xff", "UTF-8" },
    { "http://%ff.de", "UTF-8" },
    { "http://h/..", ".." },
    { "http://h/v1/../admin", ".." },
    { "http://h/v1/./x", ".." },
    { "http://h/v1/%2e%2e/admin", ".." },
    { "http://h/v1/%2E./admin", ".." },
    { "http://h/v1/.%2e", ".." },
    { "http://h/v1/..;x/admin", ".." },
    { "http://h/v1%2f..%2fadmin", "encoded slash" },
    { "http://h/v1%2Fadmin", "encoded slash" },
    { "http://h/v1%5cadmin", "encoded slash" },
    { "http://h/%252e%252e/admin", "encoded slash" },
    { "http://h/v1%00", "control" },
    { "http://h/v1%0d%0aX: y", "blank" },
    { "http://h/v1%0d%0aX", "control" },
    { "http://h/v1%", "hexadecimal" },
    { "http://h/v1%2", "hexadecimal" },
    { "http://h/v1%zz", "hexadecimal" },
    { "http://h%", "hexadecimal" },
    { "http://h%2", "hexadecimal" },
    { "http://h%2fx/v1", "character in its host" },
    { "http://h%00x/v1", "character in its host" },
    { "http://h,x/v1", "character in its host" },
    { "http://h*/v1", "character in its host" },
    { "http://h..x/v1", "empty" },
    { "http://.h/v1", "empty" },
    { "http://h../v1", "empty" },
    { "http://h:0/v1", "port" },
    { "http://h:65536/v1", "port" },
    { "http://h:99999999999999999999/v1", "port" },
    { "http://h:80x/v1", "port" },
    { "http://h:-1/v1", "port" },
    { "http://h:8000:9000/v1", "colons" },
    { "http://::1/v1", "colons" },
    { "http://[::1/v1", "not closed" },
    { "http://[::1]x/v1", "not closed" },
    { "http://[::1]:x/v1", "port" },
    { "http://[]/v1", "IPv6" },
    { "http://[127.0.0.1]/v1", "IPv6" },
    { "http://[fe80::1%25eth0]/v1", "IPv6" },
    { "http://256.0.0.1", "IPv4" },
    { "http://1.2.3.4.5", "IPv4" },
    { "http://4294967296", "IPv4" },
    { "http://0x1ffffffff", "IPv4" },
    { "http://h.0x1f", "IPv4" },
    { "http://h.08", "IPv4" },
    { "http://h.1", "IPv4" },
    { "http://-\xc3\xbc.de", "international" },
    { "http://a_\xc3\xbc.de", "character in its host" },
};

START_TEST(what_is_no_endpoint_is_refused_with_a_reason)
{
    const char *reason = NULL;
    aigw_str endpoint = AIGW_STR_NONE;

    ck_assert_msg(gw_endpoint_normalize(&arena, gw_str(refused_rows[_i].raw), &endpoint, &reason) < 0, "%s: %.*s",
                  refused_rows[_i].raw, AIGW_STR_ARG(endpoint));
    ck_assert_ptr_nonnull(reason);
    ck_assert_msg(strstr(reason, refused_rows[_i].says), "%s: found %s", refused_rows[_i].raw, reason);
    ck_assert_ptr_null(strstr(reason, "s3cret"));
}
END_TEST

START_TEST(lengths_are_bounded)
{
    char text[4096] = "http://h/";
    const char *reason = NULL;
    aigw_str endpoint;

    memset(text + 9, 'a', 2048 - 9);
    ck_assert_int_eq(gw_endpoint_normalize(&arena, (aigw_str){ text, 2048 }, &endpoint, &reason), AIGW_OK);
    text[2048] = 'a';
    ck_assert_int_lt(gw_endpoint_normalize(&arena, (aigw_str){ text, 2049 }, &endpoint, &reason), 0);
    ck_assert_ptr_nonnull(strstr(reason, "2048"));
    memset(text + 9, '"', 1000); /* three characters each when encoded */
    ck_assert_int_lt(gw_endpoint_normalize(&arena, (aigw_str){ text, 1000 }, &endpoint, &reason), 0);
    ck_assert_ptr_nonnull(strstr(reason, "2048"));
    memset(text + 9, 'a', 1000);
    text[7 + 64] = '/'; /* the host's label has 64 letters */
    text[8] = 'h';
    ck_assert_int_lt(gw_endpoint_normalize(&arena, (aigw_str){ text, 100 }, &endpoint, &reason), 0);
    ck_assert_ptr_nonnull(strstr(reason, "overlong"));
    for (int i = 0; i < 254; i++)
        text[7 + i] = i % 50 == 49 ? '.' : 'h';
    ck_assert_int_lt(gw_endpoint_normalize(&arena, (aigw_str){ text, 7 + 254 }, &endpoint, &reason), 0);
    ck_assert_ptr_nonnull(strstr(reason, "253"));
    ck_assert_int_eq(gw_endpoint_normalize(&arena, (aigw_str){ text, 7 + 253 }, &endpoint, &reason), AIGW_OK);
}
END_TEST

static const struct {
    const char *pattern, *endpoint;
    bool ok;
} list_rows[] = {
    { "http://*.internal:8000/v1", "http://vllm.internal:8000/v1", true },
    { "http://*.internal:8000/v1", "http://vllm.internal:8000/v1/chat", true },
    { "http://*.internal:8000/v1", "http://a.b.internal:8000/v1", true },
    { "http://*.internal:8000/v1", "HTTP://VLLM.Internal:8000/v1//", true },
    { "http://*.internal:8000/v1", "http://vllm.internal:8000/v1?api-version=1", true },
    { "http://*.internal:8000/v1", "http://vllm.internal.:8000/v1", true },
    { "http://*.internal:8000/v1", "http://vllm.internal:8000/%76%31", true },
    { "http://*.internal:8000/v1", "http://vllm.internal:8000/v12", false },
    { "http://*.internal:8000/v1", "http://vllm.internal:8000/V1", false },
    { "http://*.internal:8000/v1", "http://vllm.internal:8000", false },
    { "http://*.internal:8000/v1", "http://vllm.internal:8001/v1", false },
    { "http://*.internal:8000/v1", "http://internal:8000/v1", false },
    { "http://*.internal:8000/v1", "https://vllm.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://vllm.internal.evil.example:8000/v1", false },
    /* text that only looks like the pattern */
    { "http://*.internal:8000/v1", "http://127.0.0.1:19009?x=.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://127.0.0.1:19009/?x=.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://evil.example/x.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://evil.example#.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://evil.example@x.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://x.internal:8000@evil.example/v1", false },
    { "http://*.internal:8000/v1", "http://evil.example:80/.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://evil.example\\.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://evil.example%2f.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://evil.example%23.internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://[::1].internal:8000/v1", false },
    { "http://*.internal:8000/v1", "http://x.internal:8000/v1/../admin", false },
    { "http://*.internal:8000/v1", "http://x.internal:8000/v1/%2e%2e/admin", false },
    { "http://*.internal:8000/v1", "http://x.internal:8000/v1%2f..%2fadmin", false },
    { "http://*.internal:8000/v1", "http://x.internal:8000/admin/../v1", false },
    { "http://*.internal:8000/v1", "http://x.internal:8000/v1/..;/admin", false },
    { "http://*.internal:8000/v1", "http://x.internal:8000//admin/v1", false },
    /* no path, no port */
    { "https://models.example.com", "https://models.example.com/any/path", true },
    { "https://models.example.com", "https://models.example.com", true },
    { "https://models.example.com", "https://models.example.com?x", true },
    { "https://models.example.com/", "https://models.example.com/any", true },
    { "https://models.example.com", "https://models.example.com:443/any", true },
    { "https://models.example.com:443", "https://models.example.com/any", true },
    { "http://models.example.com:80/v1/", "http://models.example.com/v1", true },
    { "HTTPS://Models.Example.com/v1//", "https://models.example.com/v1", true },
    { "https://models.example.com", "https://models.example.com.evil.example/", false },
    { "https://models.example.com", "https://models.example.comx/", false },
    { "https://models.example.com", "https://models.example.com:8443/", false },
    { "https://models.example.com", "https://xmodels.example.com/", false },
    { "https://models.example.com", "http://models.example.com/", false },
    { "https://models.example.com/*", "https://models.example.com", true },
    { "https://models.example.com/*", "https://models.example.com/a/b", true },
    { "https://models.example.com/**", "https://models.example.com/a/b", true },
    /* ports */
    { "https://models.example.com:*/v1", "https://models.example.com:8443/v1", true },
    { "https://models.example.com:*/v1", "https://models.example.com/v1", true },
    { "https://models.example.com:84*/v1", "https://models.example.com:8443/v1", true },
    { "https://models.example.com:84*/v1", "https://models.example.com:9443/v1", false },
    { "http://h:08000", "http://h:8000", true },
    /* schemes */
    { "http*://h/v1", "http://h/v1", true },
    { "http*://h/v1", "https://h:443/v1", true },
    { "*://h/v1", "https://h/v1", true },
    /* any host */
    { "http://**", "http://anything:81/at/all", true },
    { "http://**", "http://[fd00::1]:81/at/all", true },
    { "http://**", "https://anything/at/all", false },
    { "http://**:81", "http://anything:81/x", true },
    { "http://**:81", "http://anything:82/x", false },
    { "http://*", "http://anything/x", true },
    { "http://*", "http://anything:81/x", false },
    { "http://*:81", "http://[fd00::1]:81/x", false },
    { "http://**.internal", "http://a.b.internal", true },
    { "http://vllm-*.internal", "http://vllm-7.internal", true },
    { "http://vllm-*.internal", "http://vllm.internal", false },
    /* addresses */
    { "http://127.0.0.1:8000", "http://0x7f.1:8000", true },
    { "http://127.0.0.1:8000", "http://2130706433:8000", true },
    { "http://127.0.0.1:8000", "http://[::ffff:127.0.0.1]:8000", true },
    { "http://0x7f.1:8000", "http://127.0.0.1:8000", true },
    { "http://127.0.0.1:8000", "http://localhost:8000", false },
    { "http://10.0.*:8000", "http://10.0.3.4:8000", true },
    { "http://10.0.*:8000", "http://10.1.3.4:8000", false },
    { "http://10.0.*:8000", "http://10.0.evil.example:8000", false },
    { "http://10.0.*.1", "http://10.0.7.1", true },
    { "http://[FD00::0:1]:8000", "http://[fd00:0::1]:8000", true },
    { "http://[fd00::1]:8000", "http://[fd00::2]:8000", false },
    /* other scripts */
    { "http://b\xc3\xbc"
      "cher.de",
      "http://xn--bcher-kva.de", true },
    { "http://xn--bcher-kva.de",
      "http://B\xc3\x9c"
      "CHER.de",
      true },
    { "http://*.b\xc3\xbc"
      "cher.de",
      "http://a.xn--bcher-kva.de", true },
    { "http://*.xn--bcher-kva.de",
      "http://a.b\xc3\xbc"
      "cher.de",
      true },
    /* paths */
    { "http://127.0.0.1:*/s/*", "http://127.0.0.1:9/s/5/v1", true },
    { "http://127.0.0.1:*/s/*", "http://127.0.0.1:9/t/5/v1", false },
    { "http://h/a/*/c", "http://h/a/b/c", true },
    { "http://h/a/*/c", "http://h/a/b/c/d", true },
    { "http://h/a/*/c", "http://h/a/b/d/c", false },
    { "http://h/a/*/c", "http://h/a/b/cd", false },
    { "http://h/a/*/c", "http://h/a/b:x/c", false },
    { "http://h/a/**/c", "http://h/a/b/d/c", true },
    { "http://h/a/**/c", "http://h/a/b/d/e", false },
    { "http://h/a/v*", "http://h/a/v2/x", true },
    { "http://h/a/v*", "http://h/a/w2", false },
    { "http://h/**/b*/c", "http://h/a/b1/x/b2/c", true },
    { "http://h/*a*a*a*a*a*b", "http://h/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false },
};

START_TEST(patterns_compare_parts_not_text)
{
    const char *items[] = { list_rows[_i].pattern }, *reason = NULL;
    const struct aigw_list patterns = { items, 1 };
    struct gw_endpoint_list *list = gw_endpoint_list_build(&arena, &patterns, "models.allowed_endpoints", NULL);
    aigw_str normal;

    bool ok = gw_endpoint_normalize(&arena, gw_str(list_rows[_i].endpoint), &normal, &reason) == AIGW_OK &&
              gw_endpoint_listed(list, normal, &arena, &reason);
    ck_assert_msg(ok == list_rows[_i].ok, "%s ~ %s: %s", list_rows[_i].pattern, list_rows[_i].endpoint,
                  ok ? "allowed" : reason);
    ck_assert(ok || reason);
}
END_TEST

START_TEST(any_of_several_patterns_will_do)
{
    const char *items[] = { "nonsense", "http://a", "http://b:*" }, *reason = NULL;
    const struct aigw_list patterns = { items, 3 }, none = { items, 0 };
    struct gw_problems problems;

    gw_problems_init(&problems, &arena);
    struct gw_endpoint_list *list = gw_endpoint_list_build(&arena, &patterns, "models.allowed_endpoints", &problems);
    ck_assert(gw_endpoint_listed(list, AIGW_STR("http://b:7/x"), &arena, &reason));
    ck_assert(!gw_endpoint_listed(list, AIGW_STR("http://c:7/x?key=s3cret"), &arena, &reason));
    ck_assert_ptr_nonnull(strstr(reason, "http://c:7/x is not in models.allowed_endpoints"));
    ck_assert_ptr_null(strstr(reason, "s3cret"));
    list = gw_endpoint_list_build(&arena, &none, "models.allowed_endpoints", &problems);
    ck_assert(gw_endpoint_listed(list, AIGW_STR("http://c:7/x"), &arena, &reason));
}
END_TEST

static const struct {
    const char *pattern, *says;
} bad_rows[] = {
    { "", "empty" },
    { "*.internal:8000", "begin with http" },
    { "vllm.internal", "begin with http" },
    { "ftp://h", "begin with http" },
    { "http://u:s3cret@h", "user information" },
    { "http://h/v1#x", "fragment" },
    { "http://h/v1?x=*", "query" },
    { "http:///v1", "no host" },
    { "http://h:x/v1", "port" },
    { "http://h:0/v1", "port" },
    { "http://h:8x*/v1", "port" },
    { "http://h/../v1", ".." },
    { "http://h/%2e%2e/v1", ".." },
    { "http://h/a b", "blank" },
    { "http://[fd00::*]/v1", "character" },
    { "http://h,*/v1", "character" },
    { "http://1.2.3.4.5/v1", "IPv4" },
    { "http://b*\xc3\xbc.de", "character" },
};

START_TEST(bad_patterns_are_problems_and_match_nothing)
{
    const char *items[] = { bad_rows[_i].pattern }, *reason = NULL;
    const struct aigw_list patterns = { items, 1 };
    struct gw_problems problems;

    gw_problems_init(&problems, &arena);
    struct gw_endpoint_list *list = gw_endpoint_list_build(&arena, &patterns, "models.allowed_endpoints", &problems);
    ck_assert_uint_eq(problems.error_count, 1);
    ck_assert_msg(strstr(problems.first->text, bad_rows[_i].says), "%s: found %s", bad_rows[_i].pattern,
                  problems.first->text);
    ck_assert_ptr_nonnull(strstr(problems.first->text, "pattern 1"));
    ck_assert_ptr_null(strstr(problems.first->text, "s3cret"));
    ck_assert(!gw_endpoint_listed(list, AIGW_STR("http://h/v1"), &arena, &reason));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("endpoint");
    TCase *tcase = tcase_create("endpoint");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, spellings_have_one_normal_form, 0, (int)GW_ARRAY_LEN(normal_rows));
    tcase_add_loop_test(tcase, what_is_no_endpoint_is_refused_with_a_reason, 0, (int)GW_ARRAY_LEN(refused_rows));
    tcase_add_test(tcase, lengths_are_bounded);
    tcase_add_loop_test(tcase, patterns_compare_parts_not_text, 0, (int)GW_ARRAY_LEN(list_rows));
    tcase_add_test(tcase, any_of_several_patterns_will_do);
    tcase_add_loop_test(tcase, bad_patterns_are_problems_and_match_nothing, 0, (int)GW_ARRAY_LEN(bad_rows));
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
