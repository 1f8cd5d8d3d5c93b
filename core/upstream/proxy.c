/* proxy.c - which proxy a call takes, from the usual environment variables, and what that proxy's URL says. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/address.h"

#define PORT_HTTPS 443u
#define PORT_OTHER 1080u /* as curl has it */

/* ---- what a proxy's URL says ------------------------------------------------------------------------------------ */

static void proxy_free(struct gw_proxy *proxy)
{
    if (!proxy)
        return;
    if (proxy->url)
        explicit_bzero(proxy->url, strlen(proxy->url));
    free(proxy->url);
    free(proxy->host);
    free(proxy->name);
    free(proxy->authorization);
    free(proxy);
}

static bool has_scheme(const char *url, const char *scheme)
{
    size_t len = strlen(scheme);

    return strncasecmp(url, scheme, len) == 0 && strncmp(url + len, "://", 3) == 0;
}

/** "Basic …" for Proxy-Authorization. */
static bool set_authorization(struct gw_proxy *proxy, const char *user, const char *password)
{
    gnutls_datum_t coded = { NULL, 0 }, plain = { NULL, 0 };
    char *text = NULL;
    int len = asprintf(&text, "%s:%s", user ? user : "", password ? password : "");
    bool ok = false;

    if (len < 0)
        return false;
    plain = (gnutls_datum_t){ (unsigned char *)text, (unsigned)len };
    if (gnutls_base64_encode2(&plain, &coded) == 0) {
        ok = asprintf(&proxy->authorization, "Basic %.*s", (int)coded.size, (const char *)coded.data) >= 0;
        if (!ok)
            proxy->authorization = NULL;
        gnutls_free(coded.data);
    }
    explicit_bzero(text, (size_t)len);
    free(text);
    return ok;
}

/** Host, port and user; what cannot be read is left to libcurl, which says so when it connects. */
static bool take_apart(struct gw_proxy *proxy)
{
    CURLU *parts = curl_url();
    char *host = NULL, *port = NULL, *user = NULL, *password = NULL;
    bool ok = parts != NULL;

    if (!ok || curl_url_set(parts, CURLUPART_URL, proxy->url, CURLU_NON_SUPPORT_SCHEME) ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0)) {
        proxy->kind = GW_PROXY_OTHER;
        proxy->name = strdup("(not a URL)");
        ok = ok && proxy->name;
        goto done;
    }
    (void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
    (void)curl_url_get(parts, CURLUPART_USER, &user, CURLU_URLDECODE);
    (void)curl_url_get(parts, CURLUPART_PASSWORD, &password, CURLU_URLDECODE);
    proxy->port = port ? (uint16_t)strtoul(port, NULL, 10) : proxy->kind == GW_PROXY_HTTPS ? PORT_HTTPS : PORT_OTHER;
    if (asprintf(&proxy->name, "%s:%u", host, proxy->port) < 0)
        proxy->name = NULL;
    proxy->host = host[0] == '[' ? strndup(host + 1, strlen(host) - 2) : strdup(host);
    ok = proxy->name && proxy->host && ((!user && !password) || set_authorization(proxy, user, password));
done:
    if (password)
        explicit_bzero(password, strlen(password));
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(parts);
    return ok;
}

static bool proxy_new(struct gw_proxy **ret_proxy, const char *url)
{
    struct gw_proxy *proxy = calloc(1, sizeof *proxy);
    bool is_bare = !strstr(url, "://");

    *ret_proxy = NULL;
    if (!proxy)
        return false;
    proxy->kind = is_bare || has_scheme(url, "http") ? GW_PROXY_HTTP
                  : has_scheme(url, "https")         ? GW_PROXY_HTTPS
                                                     : GW_PROXY_OTHER;
    if (asprintf(&proxy->url, "%s%s", is_bare ? "http://" : "", url) < 0)
        proxy->url = NULL;
    if (!proxy->url || !take_apart(proxy)) {
        proxy_free(proxy);
        return false;
    }
    *ret_proxy = proxy;
    return true;
}

/* ---- from the environment --------------------------------------------------------------------------------------- */

static const char *first_of(const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);

        if (value && *value)
            return value;
    }
    return NULL;
}

bool gw_proxies_init(struct gw_proxies *proxies, const char *fixed)
{
    static const char *const for_http[] = { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", NULL };
    static const char *const for_https[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL };
    static const char *const for_none[] = { "no_proxy", "NO_PROXY", NULL };
    const char *http = fixed ? fixed : first_of(for_http), *https = fixed ? fixed : first_of(for_https);
    const char *none = fixed ? NULL : first_of(for_none);

    *proxies = (struct gw_proxies){ .http = NULL };
    if (http && *http && !proxy_new(&proxies->http, http))
        goto fail;
    if (https && *https && !proxy_new(&proxies->https, https))
        goto fail;
    if (none && !(proxies->none_for = strdup(none)))
        goto fail;
    return true;
fail:
    gw_proxies_done(proxies);
    return false;
}

void gw_proxies_done(struct gw_proxies *proxies)
{
    proxy_free(proxies->http);
    proxy_free(proxies->https);
    free(proxies->none_for);
    *proxies = (struct gw_proxies){ .http = NULL };
}

/* ---- exceptions ------------------------------------------------------------------------------------------------- */

/** Network length of an address in text form, 0 when it is none; bytes are written when it is one. */
static size_t parse_address(const char *text, size_t len, uint8_t bytes[16])
{
    char copy[INET6_ADDRSTRLEN];

    if (len >= sizeof copy)
        return 0;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, copy, bytes) == 1 ? 16 : 0;
}

static bool in_network(aigw_str network, const uint8_t *host, size_t host_size)
{
    const char *slash = memchr(network.ptr, '/', network.len);
    size_t address_len = slash ? (size_t)(slash - network.ptr) : network.len;
    uint8_t bytes[16];
    size_t size = parse_address(network.ptr, address_len, bytes);
    uint64_t bits = size * 8;

    if (size == 0 || size != host_size)
        return false;
    if (slash && !gw_str_to_u64((aigw_str){ slash + 1, network.len - address_len - 1 }, size * 8, &bits))
        return false;
    if (memcmp(bytes, host, bits / 8) != 0)
        return false;
    return bits % 8 == 0 || ((bytes[bits / 8] ^ host[bits / 8]) & (0xff00u >> (bits % 8)) & 0xffu) == 0;
}

static bool name_matches(aigw_str pattern, aigw_str host)
{
    aigw_str tail;

    if (pattern.len > 1 && pattern.ptr[0] == '*' && pattern.ptr[1] == '.')
        pattern = (aigw_str){ pattern.ptr + 1, pattern.len - 1 };
    if (pattern.len > 0 && pattern.ptr[0] == '.')
        pattern = (aigw_str){ pattern.ptr + 1, pattern.len - 1 };
    while (pattern.len > 0 && pattern.ptr[pattern.len - 1] == '.')
        pattern.len--;
    if (pattern.len == 0 || pattern.len > host.len)
        return false;
    tail = (aigw_str){ host.ptr + host.len - pattern.len, pattern.len };
    return gw_str_eq_ci(tail, pattern) && (tail.len == host.len || tail.ptr[-1] == '.');
}

/** Brackets and port off an item: "host", "host:port", "[v6]", "[v6]:port", and "v6" as it is. An absent port is an
 *  empty text. False when it is none of these. */
static bool split_port(aigw_str *item, aigw_str *ret_port)
{
    const char *end = item->ptr + item->len, *colon;

    *ret_port = (aigw_str){ end, 0 };
    if (item->len > 2 && item->ptr[0] == '[') {
        const char *close = memchr(item->ptr, ']', item->len);

        if (!close)
            return false;
        *item = (aigw_str){ item->ptr + 1, (size_t)(close - item->ptr) - 1 };
        colon = close + 1;
        if (colon == end)
            return true;
    } else {
        colon = memchr(item->ptr, ':', item->len);
        if (!colon || memchr(colon + 1, ':', (size_t)(end - colon) - 1))
            return true;
        item->len = (size_t)(colon - item->ptr);
    }
    *ret_port = (aigw_str){ colon + 1, (size_t)(end - colon) - 1 };
    return *colon == ':' && ret_port->len > 0;
}

static bool is_excepted(const char *list, aigw_str host, uint16_t port)
{
    uint8_t bytes[16];
    size_t size;

    if (host.len > 2 && host.ptr[0] == '[')
        host = (aigw_str){ host.ptr + 1, host.len - 2 };
    while (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    size = parse_address(host.ptr, host.len, bytes);
    while (*list) {
        aigw_str item = { list, strcspn(list, ", \t") }, port_text;
        uint64_t item_port = port;

        list += item.len + (list[item.len] != '\0');
        if (item.len == 0 || !split_port(&item, &port_text))
            continue;
        if (port_text.len > 0 && !gw_str_to_u64(port_text, UINT16_MAX, &item_port))
            continue;
        if (item_port != port)
            continue;
        if (gw_str_is(item, "*") || (size > 0 ? in_network(item, bytes, size) : name_matches(item, host)))
            return true;
    }
    return false;
}

const struct gw_proxy *gw_proxy_for(const struct gw_proxies *proxies, bool is_https, const char *host, uint16_t port)
{
    const struct gw_proxy *proxy = is_https ? proxies->https : proxies->http;

    if (proxy && proxies->none_for && is_excepted(proxies->none_for, gw_str(host), port))
        return NULL;
    return proxy;
}
