/* proxy.c - which proxy a call takes, from the usual environment variables. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/address.h"

static bool copy_first(char **ret_copy, const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);

        if (value && *value) {
            *ret_copy = strdup(value);
            return *ret_copy != NULL;
        }
    }
    return true;
}

bool gw_proxies_init(struct gw_proxies *proxies, const char *fixed)
{
    static const char *const http[] = { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", NULL };
    static const char *const https[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL };
    static const char *const none[] = { "no_proxy", "NO_PROXY", NULL };
    bool ok;

    *proxies = (struct gw_proxies){ .http = NULL };
    if (fixed) {
        if (!*fixed)
            return true;
        proxies->http = strdup(fixed);
        proxies->https = strdup(fixed);
        ok = proxies->http && proxies->https;
    } else {
        ok = copy_first(&proxies->http, http) && copy_first(&proxies->https, https) &&
             copy_first(&proxies->none_for, none);
    }
    if (!ok)
        gw_proxies_done(proxies);
    return ok;
}

void gw_proxies_done(struct gw_proxies *proxies)
{
    free(proxies->http);
    free(proxies->https);
    free(proxies->none_for);
    *proxies = (struct gw_proxies){ .http = NULL };
}

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

    if (pattern.len > 0 && pattern.ptr[0] == '.')
        pattern = (aigw_str){ pattern.ptr + 1, pattern.len - 1 };
    while (pattern.len > 0 && pattern.ptr[pattern.len - 1] == '.')
        pattern.len--;
    if (pattern.len == 0 || pattern.len > host.len)
        return false;
    tail = (aigw_str){ host.ptr + host.len - pattern.len, pattern.len };
    return gw_str_eq_ci(tail, pattern) && (tail.len == host.len || tail.ptr[-1] == '.');
}

static bool is_excepted(const char *list, aigw_str host)
{
    uint8_t bytes[16];
    size_t size;

    if (host.len > 2 && host.ptr[0] == '[')
        host = (aigw_str){ host.ptr + 1, host.len - 2 };
    while (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    size = parse_address(host.ptr, host.len, bytes);
    while (*list) {
        aigw_str item = { list, strcspn(list, ", \t") };

        list += item.len + (list[item.len] != '\0');
        if (item.len > 2 && item.ptr[0] == '[' && item.ptr[item.len - 1] == ']')
            item = (aigw_str){ item.ptr + 1, item.len - 2 };
        if (gw_str_is(item, "*") || (size > 0 ? in_network(item, bytes, size) : name_matches(item, host)))
            return true;
    }
    return false;
}

const char *gw_proxy_for(const struct gw_proxies *proxies, bool is_https, const char *host)
{
    const char *proxy = is_https ? proxies->https : proxies->http;

    if (proxy && proxies->none_for && is_excepted(proxies->none_for, gw_str(host)))
        return NULL;
    return proxy;
}
