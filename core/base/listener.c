/* listener.c - see listener.h. */
#include "base/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** The addresses that host and port stand for; freeaddrinfo(). NULL: *ret_why says why. */
static struct addrinfo *resolve(const char *host, uint16_t port, const char **ret_why)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char service[8];
    int code;

    (void)snprintf(service, sizeof service, "%u", port);
    code = getaddrinfo(host && *host ? host : NULL, service, &hints, &found);
    *ret_why = code ? gai_strerror(code) : NULL;
    return code ? NULL : found;
}

static int listen_at(const struct addrinfo *address, const struct gw_listener_options *options)
{
    int on = 1, off = 0, why;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (options->is_prompt)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off); /* "::" serves IPv4 too */
    if ((!options->is_port_shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, options->backlog) == 0)
        return fd;
    why = errno;
    close(fd);
    errno = why;
    return -1;
}

int gw_listener_open(const char *host, uint16_t port, const struct gw_listener_options *options, struct gw_err *reterr)
{
    const char *why, *name = host && *host ? host : "*";
    struct addrinfo *found = resolve(host, port, &why);
    int fd = -1;

    if (!found) {
        (void)gw_err_set(reterr, AIGW_E_CONFIG, "host '%s' cannot be resolved (%s)", name, why);
        return -1;
    }
    errno = EADDRNOTAVAIL;
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
        fd = listen_at(at, options);
    if (fd < 0)
        (void)gw_err_set(reterr, AIGW_E_CONFIG, "cannot listen on %s port %u: %s", name, port, strerror(errno));
    freeaddrinfo(found);
    return fd;
}

static bool is_bound_to(const struct sockaddr_storage *bound, const struct sockaddr *wanted)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)bound, *wanted4 = (const void *)wanted;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)bound, *wanted6 = (const void *)wanted;

    if (bound->ss_family != wanted->sa_family)
        return false;
    if (bound->ss_family == AF_INET)
        return v4->sin_addr.s_addr == wanted4->sin_addr.s_addr &&
               (!wanted4->sin_port || v4->sin_port == wanted4->sin_port);
    return bound->ss_family == AF_INET6 && memcmp(&v6->sin6_addr, &wanted6->sin6_addr, sizeof v6->sin6_addr) == 0 &&
           (!wanted6->sin6_port || v6->sin6_port == wanted6->sin6_port);
}

bool gw_listener_is_at(int fd, const char *host, uint16_t port)
{
    struct sockaddr_storage bound = { 0 };
    socklen_t len = sizeof bound;
    const char *why;
    struct addrinfo *found;
    bool is_there = false;

    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        return false;
    found = resolve(host, port, &why);
    for (const struct addrinfo *at = found; at && !is_there; at = at->ai_next)
        is_there = is_bound_to(&bound, at->ai_addr);
    if (found)
        freeaddrinfo(found);
    return is_there;
}

const char *gw_listener_reached_at(const char *host)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    const char *name = host;

    if (!host || !*host)
        return "127.0.0.1";
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return host;
    if (found->ai_family == AF_INET) {
        if (((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr.s_addr == htonl(INADDR_ANY))
            name = "127.0.0.1";
    } else if (found->ai_family == AF_INET6) {
        const struct in6_addr *address = &((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr;
        static const struct in6_addr any_v4 = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } } };

        if (IN6_IS_ADDR_UNSPECIFIED(address))
            name = "::1";
        else if (memcmp(address, &any_v4, sizeof any_v4) == 0)
            name = "127.0.0.1";
    }
    freeaddrinfo(found);
    return name;
}

uint16_t gw_listener_port(int fd)
{
    struct sockaddr_in6 bound = { 0 };
    socklen_t len = sizeof bound;

    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        return 0;
    return ntohs(bound.sin6_port); /* at the same place for IPv4 */
}

aigw_status gw_listener_adopt(int fd, bool is_prompt, struct gw_err *reterr)
{
    int domain = 0, type = 0, listens = 0, on = 1, flags = fcntl(fd, F_GETFL);
    socklen_t len = sizeof domain;

    if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "not open (%s), expected a listening TCP socket", strerror(errno));
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "no socket, expected a listening TCP socket");
    if ((domain != AF_INET && domain != AF_INET6) || type != SOCK_STREAM)
        return gw_err_set(reterr, AIGW_E_CONFIG, "a socket of another kind, expected TCP (ListenStream= with a port)");
    if (!listens)
        return gw_err_set(reterr, AIGW_E_CONFIG, "a connection, expected a listening socket (Accept=no)");
    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    if (is_prompt)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return AIGW_OK;
}
