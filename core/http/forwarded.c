/* forwarded.c - who the client is: the socket's peer, or what a trusted proxy says (D22). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/network.h"
#include "http/internal.h"

static bool is_trusted(const struct gw_http *http, aigw_str text)
{
    for (size_t i = 0; i < http->proxy_count; i++) {
        if (gw_network_contains(&http->proxies[i], text))
            return true;
    }
    return false;
}

aigw_status gw_http_set_trusted_proxies(struct gw_http *http, const char *const *cidrs, size_t count,
                                        struct gw_err *reterr)
{
    struct gw_network *proxies = NULL;

    if (count) {
        proxies = calloc(count, sizeof *proxies);
        if (!proxies)
            return gw_err_set(reterr, AIGW_E_NOMEM, "trusted proxies: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        if (!gw_network_parse(cidrs[i], &proxies[i])) {
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
            if (!gw_is_address(hop))
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
