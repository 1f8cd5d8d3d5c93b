/* forwarded.c - who the client is: the socket's peer, or what a trusted proxy says (D22). */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

/** Any textual address as 16 bytes, IPv4 mapped. */
static bool address_parse(aigw_str text, uint8_t ret_address[16], bool *ret_is_v4)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;

    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        memset(ret_address, 0, 10);
        memset(ret_address + 10, 0xff, 2);
        memcpy(ret_address + 12, &v4, 4);
        *ret_is_v4 = true;
        return true;
    }
    if (inet_pton(AF_INET6, copy, &v6) != 1)
        return false;
    memcpy(ret_address, &v6, 16);
    *ret_is_v4 = false;
    return true;
}

static bool cidr_parse(const char *text, struct http_cidr *ret_cidr)
{
    aigw_str all = gw_str(text);
    const char *slash = strchr(text, '/');
    aigw_str address = { text, slash ? (size_t)(slash - text) : all.len };
    struct http_cidr cidr;
    bool is_v4;
    uint64_t bits;

    if (!address_parse(address, cidr.address, &is_v4))
        return false;
    bits = is_v4 ? 32 : 128;
    if (slash && !gw_str_to_u64(gw_str(slash + 1), bits, &bits))
        return false;
    cidr.bits = (uint8_t)(is_v4 ? bits + 96 : bits);
    *ret_cidr = cidr;
    return true;
}

static bool cidr_contains(const struct http_cidr *cidr, const uint8_t address[16])
{
    size_t whole = cidr->bits / 8u;
    unsigned rest = cidr->bits % 8u;

    if (memcmp(cidr->address, address, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return ((cidr->address[whole] ^ address[whole]) & mask) == 0;
}

static bool is_trusted(const struct gw_http *http, aigw_str text)
{
    uint8_t address[16];
    bool is_v4;

    if (!address_parse(text, address, &is_v4))
        return false;
    for (size_t i = 0; i < http->proxy_count; i++) {
        if (cidr_contains(&http->proxies[i], address))
            return true;
    }
    return false;
}

aigw_status gw_http_set_trusted_proxies(struct gw_http *http, const char *const *cidrs, size_t count,
                                        struct gw_err *reterr)
{
    struct http_cidr *proxies = NULL;

    if (count) {
        proxies = calloc(count, sizeof *proxies);
        if (!proxies)
            return gw_err_set(reterr, AIGW_E_NOMEM, "trusted proxies: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        if (!cidr_parse(cidrs[i], &proxies[i])) {
            aigw_status status = gw_err_set(reterr, AIGW_E_CONFIG,
                                            "trusted proxies: \"%s\" is not an address or "
                                            "network; expected something like 10.0.0.0/8 or fd00::/8",
                                            cidrs[i]);
            free(proxies);
            return status;
        }
    }
    free(http->proxies);
    http->proxies = proxies;
    http->proxy_count = count;
    return AIGW_OK;
}

/** "1.2.3.4:567", "[::1]:567" and "::1" without brackets and port. */
static aigw_str strip_port(aigw_str text)
{
    if (text.len && text.ptr[0] == '[') {
        const char *end = memchr(text.ptr, ']', text.len);
        return end ? (aigw_str){ text.ptr + 1, (size_t)(end - text.ptr) - 1 } : AIGW_STR_NONE;
    }
    const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
    if (colon && !memchr(colon + 1, ':', text.len - (size_t)(colon + 1 - text.ptr)))
        text.len = (size_t)(colon - text.ptr);
    return text;
}

void http_set_client(struct http_ex *ex, aigw_str forwarded_for, aigw_str forwarded_proto)
{
    const struct http_conn *conn = ex->conn;
    aigw_str client = gw_str(conn->peer_ip);

    ex->pub.client_port = conn->peer_port;
    if (conn->http->proxy_count && is_trusted(conn->http, client)) {
        aigw_str rest = forwarded_for;
        /* From the right: every hop that is ours vouches for the one before it. */
        while (rest.len && is_trusted(conn->http, client)) {
            size_t at = rest.len;
            while (at > 0 && rest.ptr[at - 1] != ',')
                at--;
            aigw_str hop = strip_port(gw_str_trim((aigw_str){ rest.ptr + at, rest.len - at }));
            uint8_t address[16];
            bool is_v4;
            if (!address_parse(hop, address, &is_v4))
                break;
            client = hop;
            ex->pub.client_port = 0;
            rest.len = at ? at - 1 : 0;
        }
        if (forwarded_proto.len)
            ex->pub.is_tls = gw_str_eq_ci(gw_str_trim(forwarded_proto), AIGW_STR("https"));
    }
    snprintf(ex->pub.client_ip, sizeof ex->pub.client_ip, "%.*s", AIGW_STR_ARG(client));
}

bool gw_http_is_network(const char *cidr)
{
    struct http_cidr parsed;

    return cidr_parse(cidr, &parsed);
}
