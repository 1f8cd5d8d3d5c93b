/* address.h - where a model call may not go (D21), and which proxy it takes. Pure but for reading the environment. */
#ifndef GW_ADDRESS_H
#define GW_ADDRESS_H

#include <sys/socket.h>

#include "base/base.h"

/** Why this address must not be connected to ("a link-local address"), or NULL when it may be. */
const char *gw_address_forbidden(const struct sockaddr *address);
/** The same for an address in text form without brackets; NULL also when it is not an address. */
const char *gw_address_text_forbidden(const char *text);
/** The same for a host as it stands in a URL: name, IPv4 or [IPv6]. */
const char *gw_host_forbidden(const char *host);

enum gw_proxy_kind {
    GW_PROXY_HTTP,  /* plain targets by absolute-form, https ones through CONNECT */
    GW_PROXY_HTTPS, /* the same inside TLS to the proxy */
    GW_PROXY_OTHER  /* SOCKS and what else libcurl knows: a straight pipe once it stands */
};

struct gw_proxy {
    enum gw_proxy_kind kind;
    char *url;  /* for libcurl; may hold a password */
    char *host; /* bare: no brackets */
    uint16_t port;
    char *name;          /* "host:port", for words */
    char *authorization; /* "Basic …", NULL without user and password */
};

/** Proxies as curl's documentation describes them, but decided by us so that we know what is in use. */
struct gw_proxies {
    struct gw_proxy *http, *https; /* NULL: none */
    char *none_for;
};
/** `fixed` replaces what the environment says ("" for no proxy at all); NULL reads http_proxy, https_proxy, all_proxy
 *  and no_proxy, in either case. False when out of memory. */
bool gw_proxies_init(struct gw_proxies *proxies, const char *fixed);
void gw_proxies_done(struct gw_proxies *proxies);
/** The proxy for this host, NULL to connect directly. host as in a URL. */
const struct gw_proxy *gw_proxy_for(const struct gw_proxies *proxies, bool is_https, const char *host, uint16_t port);

#endif
