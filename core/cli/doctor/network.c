/* network.c - names and addresses: do they resolve quickly, is an announced IPv6 alive, will GitLab take this gateway's
 * own address? */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/network.h"
#include "base/url.h"
#include "cli/doctor/doctor.h"
#include "config/snapshot.h"
#include "models/plan.h"
#include "plugin/plugin.h"

#define SLOW_MS    1000
#define CONNECT_MS 2000
#define HOSTS_MAX  64

struct looked_up {
    const char *hosts[HOSTS_MAX];
    size_t count;
};

/** The first time that this host is met? When there are too many, the rest is not looked at. */
static bool is_new(struct doctor *d, struct looked_up *seen, const char *host)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->hosts[i], host) == 0)
            return false;
    }
    if (seen->count == HOSTS_MAX)
        return false;
    seen->hosts[seen->count++] = gw_arena_strndup(d->arena, host, strlen(host));
    return seen->hosts[seen->count - 1] != NULL;
}

/** Does anybody take a connection there within two seconds? */
static bool can_connect(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t len = sizeof error;
    bool yes;

    if (fd < 0)
        return false;
    yes = connect(fd, address->ai_addr, address->ai_addrlen) == 0;
    if (!yes && errno == EINPROGRESS && poll(&wait, 1, CONNECT_MS) == 1)
        yes = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
    close(fd);
    return yes;
}

static const struct addrinfo *first_of(const struct addrinfo *list, int family)
{
    while (list && list->ai_family != family)
        list = list->ai_next;
    return list;
}

static void check_families(struct doctor *d, const char *what, const char *host, const struct addrinfo *found)
{
    const struct addrinfo *v4 = first_of(found, AF_INET), *v6 = first_of(found, AF_INET6);
    char text[64] = "";

    if (!v4 || !v6 || can_connect(v6) || !can_connect(v4))
        return;
    (void)getnameinfo(v6->ai_addr, v6->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    doctor_warn(d, "names", FAULT_IPV6_DEAD, "%s (%s) has the IPv6 address %s, at which nobody answers; IPv4 does",
                what, host, text);
}

static void check_host(struct doctor *d, struct looked_up *seen, const char *what, const char *text)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    char host[GW_URL_HOST_MAX], port[8];
    struct addrinfo *found = NULL;
    int64_t begun_ms = gw_mono_ms(), took_ms;
    struct gw_url url;
    uint16_t number;

    if (!text || gw_url_split(gw_str(text), &url) || gw_url_host(url.host, host) || gw_url_port(url.port, &number))
        return; /* the configuration's checks say so */
    if (host[0] == '[' || gw_is_address(gw_str(host)) || !is_new(d, seen, host))
        return;
    if (!number)
        number = gw_str_is(url.scheme, "https") ? 443 : 80;
    snprintf(port, sizeof port, "%u", (unsigned)number);
    if (getaddrinfo(host, port, &hints, &found) != 0)
        found = NULL; /* whoever needs the name says that it is unknown */
    took_ms = gw_mono_ms() - begun_ms;
    if (took_ms > SLOW_MS)
        doctor_warn(d, "names", FAULT_NAMES_SLOW, "it took %.1f s to resolve %s, the host of %s",
                    (double)took_ms / 1000.0, host, what);
    if (!found)
        return;
    check_families(d, what, host, found);
    freeaddrinfo(found);
}

/* ---- the address that is given to GitLab ---- */

/** Is it an address that GitLab's filter of outbound requests knows as local? */
static bool is_local(const char *address)
{
    static const char *const networks[] = { "127.0.0.0/8",    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                            "169.254.0.0/16", "::1",        "fc00::/7",      "fe80::/10" };
    struct gw_network network;

    for (size_t i = 0; i < GW_ARRAY_LEN(networks); i++) {
        if (gw_network_parse(networks[i], &network) && gw_network_contains(&network, gw_str(address)))
            return true;
    }
    return false;
}

static void check_public(struct doctor *d)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    char host[GW_URL_HOST_MAX], text[64];
    struct addrinfo *found = NULL;
    struct gw_url url;
    size_t len;

    if (!d->options->url || gw_url_split(gw_str(d->options->url), &url) || gw_url_host(url.host, host))
        return;
    len = strlen(host);
    if (host[0] == '[') {
        host[len - 1] = '\0';
        memmove(host, host + 1, len - 1);
    }
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return;
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 && is_local(text)) {
            doctor_warn(d, "address", FAULT_OUTBOUND_FILTER,
                        "%s is %s: GitLab refuses to call localhost and private "
                        "addresses unless it is told otherwise",
                        host, text);
            break;
        }
    }
    freeaddrinfo(found);
}

void doctor_check_network(struct doctor *d)
{
    const struct gw_models *models = d->snapshot ? d->snapshot->models : NULL;
    struct looked_up seen = { .count = 0 };

    check_host(d, &seen, "GitLab", d->settings.auth.gitlab_url);
    for (size_t i = 0; models && i < models->model_count; i++) { /* shipped providers that nobody uses are nobody's */
        for (uint32_t t = 0; t < models->models[i].target_count; t++) {
            const struct gw_instance *provider = models->models[i].targets[t].provider;

            check_host(d, &seen, provider->name, doctor_url_of(d, provider));
        }
    }
    check_public(d);
}
