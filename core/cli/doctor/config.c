/* config.c - does the configuration say what its operator thinks it says? */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/network.h"
#include "base/url.h"
#include "cli/doctor/doctor.h"
#include "cli/probe.h"
#include "config/snapshot.h"
#include "plugin/plugin.h"

#define PROBLEMS_SHOWN 20
#define LOOK_MS        2000

/* ---- mistakes ---- */

static enum doctor_fault fault_of(const char *text)
{
    if (strstr(text, "_key: ") && strstr(text, "holds NUL bytes"))
        return FAULT_KEY_DER;
    if (strstr(text, ".so") && strstr(text, "Permission denied"))
        return FAULT_PLUGIN_DENIED;
    return strstr(text, ".so") || strstr(text, "plugin folder") ? FAULT_PLUGIN : FAULT_CONFIG;
}

static void report_problems(struct doctor *d)
{
    size_t errors = 0, warnings = 0;

    for (const struct gw_problem *p = d->problems.first; p; p = p->next) {
        if (p->is_warning)
            warnings++;
        else if (errors++ < PROBLEMS_SHOWN)
            doctor_fail(d, "configuration", fault_of(p->text), "%s", p->text);
    }
    for (const struct gw_problem *p = d->problems.first; p && warnings <= PROBLEMS_SHOWN; p = p->next) {
        if (p->is_warning)
            doctor_warn(d, "configuration", FAULT_CONFIG, "%s", p->text);
    }
    if (!errors && !warnings)
        doctor_ok(d, "configuration", "conf.d and environment have no mistakes");
    else if (!errors)
        doctor_ok(d, "configuration", "it would serve");
    for (const struct gw_problem *note = d->problems.notes; note; note = note->next) {
        if (strstr(note->text, "in the environment wins"))
            doctor_warn(d, "configuration", FAULT_ENV_WINS, "%s", note->text);
    }
}

/* ---- ports ---- */

/** errno of binding there, 0 when it works. */
static int try_bind(const char *host, int64_t port)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char service[8];
    int error = 0, on = 1, fd;

    snprintf(service, sizeof service, "%u", (unsigned)(port & 0xffff));
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return 0; /* the configuration's checks say so */
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, found->ai_addr, found->ai_addrlen) != 0)
            error = errno;
        close(fd);
    }
    freeaddrinfo(found);
    return error;
}

/** Does a gateway answer at this path of it, with this in the body? */
static bool is_ours(struct doctor *d, const char *base, const char *path, const char *mark)
{
    struct cli_probe probe = { .url = gw_arena_printf(d->arena, "%s%s", base, path),
                               .timeout_ms = LOOK_MS,
                               .is_local = true };
    struct cli_answer answer;
    bool yes;

    cli_probe(&probe, &answer);
    yes = answer.status == 200 && answer.body.data && strstr(answer.body.data, mark);
    cli_answer_done(&answer);
    return yes;
}

static void check_port(struct doctor *d, const char *check, const char *host, int64_t port, bool is_gateway,
                       enum doctor_fault fault)
{
    int error;

    if (port == 0 || is_gateway)
        return;
    error = try_bind(host, port);
    if (error == EADDRINUSE)
        doctor_fail(d, check, fault, "port %lld is taken by another process", (long long)port);
    else if (error == 0)
        doctor_ok(d, check, "port %lld is free", (long long)port);
}

static void check_ports(struct doctor *d)
{
    const struct gw_settings *s = &d->settings;
    const char *metrics = cli_metrics_url(d->arena, s);

    d->is_running = is_ours(d, d->api_url, "/monitoring/healthz", "{\"status\":\"ok\"}");
    check_port(d, "port", s->server.host, s->server.port, d->is_running, FAULT_PORT_TAKEN);
    if (metrics)
        check_port(d, "metrics port", s->server.metrics_host, s->server.metrics_port,
                   is_ours(d, metrics, "/metrics", "aigw_"), FAULT_METRICS_PORT_TAKEN);
}

/* ---- proxies ---- */

const char *doctor_url_of(struct doctor *d, const struct gw_instance *provider)
{
    const struct gw_node *node = gw_node_get(provider->node, "base_url");
    struct gw_problems unheard;
    const char *url;

    gw_problems_init(&unheard, d->arena);
    url = node && node->type == GW_NODE_STRING ? gw_node_text(d->arena, node, "base_url", &unheard) : NULL;
    return url ? url : "";
}

static const char *variable(const char *lower, const char *upper)
{
    const char *value = getenv(lower);

    return value && *value ? value : getenv(upper);
}

/** Is this host inside, as far as its name or address tells? */
static bool is_internal(const char *host)
{
    static const char *const networks[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8" };
    static const char *const endings[] = { ".internal", ".local", ".lan", ".svc", ".cluster.local", ".intern" };
    struct gw_network network;
    size_t len = strlen(host);

    for (size_t i = 0; i < GW_ARRAY_LEN(networks); i++) {
        if (gw_network_parse(networks[i], &network) && gw_network_contains(&network, gw_str(host)))
            return true;
    }
    for (size_t i = 0; i < GW_ARRAY_LEN(endings); i++) {
        if (len > strlen(endings[i]) && strcmp(host + len - strlen(endings[i]), endings[i]) == 0)
            return true;
    }
    return !strchr(host, '.') && !strchr(host, ':');
}

/** NO_PROXY: names and their ends, separated by commas; * is all. */
static bool is_excepted(const char *host)
{
    const char *list = variable("no_proxy", "NO_PROXY");
    size_t len = strlen(host);

    while (list && *list) {
        size_t item_len = strcspn(list, ", ");
        const char *item = list;
        size_t n = item_len;

        if (n > 0 && *item == '.') {
            item++;
            n--;
        }
        if ((n == 1 && *item == '*') ||
            (n > 0 && n <= len && strncasecmp(host + len - n, item, n) == 0 && (n == len || host[len - n - 1] == '.')))
            return true;
        list += item_len + (list[item_len] != '\0');
    }
    return false;
}

static void check_proxy(struct doctor *d, const char *what, const char *text)
{
    bool is_https = text && strncasecmp(text, "https:", 6) == 0;
    const char *proxy = is_https ? variable("https_proxy", "HTTPS_PROXY") : variable("http_proxy", "HTTP_PROXY");
    char host[GW_URL_HOST_MAX];
    struct gw_url url;

    if (!proxy || !*proxy)
        proxy = variable("all_proxy", "ALL_PROXY");
    if (!proxy || !*proxy || !text || gw_url_split(gw_str(text), &url) || gw_url_host(url.host, host))
        return;
    if (is_internal(host) && !is_excepted(host))
        doctor_warn(d, "proxy", FAULT_PROXY_VARIABLE, "%s (%s) is inside, but goes through the proxy of %s", what, host,
                    is_https ? "HTTPS_PROXY" : "HTTP_PROXY");
}

static void check_proxies(struct doctor *d)
{
    check_proxy(d, "GitLab", d->settings.auth.gitlab_url);
    for (const struct gw_instance *i = d->snapshot ? d->snapshot->plugins->providers : NULL; i; i = i->next)
        check_proxy(d, i->name, doctor_url_of(d, i));
}

/* ---- files that never change ---- */

/** A file of a configuration folder that is a mount of its own: Kubernetes' subPath. */
static void check_mounts(struct doctor *d)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char line[4096], point[2048];

    while (mounts && fgets(line, sizeof line, mounts)) {
        if (sscanf(line, "%*s %*s %*s %*s %2047s", point) != 1)
            continue;
        for (size_t i = 0; i < d->options->conf_dirs.count; i++) {
            const char *dir = d->options->conf_dirs.items[i];
            size_t len = strlen(dir);

            if (strncmp(point, dir, len) == 0 && point[len] == '/' && strstr(point + len, ".conf"))
                doctor_warn(d, "configuration", FAULT_SUBPATH, "%s is a mount of its own", point);
        }
    }
    if (mounts)
        fclose(mounts);
}

void doctor_check_config(struct doctor *d)
{
    report_problems(d);
    check_ports(d);
    check_proxies(d);
    check_mounts(d);
}
