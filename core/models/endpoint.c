/* endpoint.c - which endpoints from requests are acceptable (D21, auth-and-config.md §6 T1). */
#include <string.h>

#include "models/plan.h"

#define ENDPOINT_MAX 2048u

/* '*' matches any run without '/', '**' any run; the pattern must cover a whole prefix of the endpoint that ends at
 * its end, '/', ':' or '?'. */
static bool glob_prefix(const char *pattern, const char *text, const char *end)
{
    while (*pattern) {
        if (*pattern != '*') {
            if (text == end || *pattern != *text)
                return false;
            pattern++;
            text++;
            continue;
        }
        bool any = pattern[1] == '*';
        pattern += any ? 2 : 1;
        for (const char *at = text;; at++) {
            if (glob_prefix(pattern, at, end))
                return true;
            if (at == end || (!any && *at == '/'))
                return false;
        }
    }
    return text == end || *text == '/' || *text == '?' || text[-1] == '/';
}

static bool is_listed(const struct aigw_list *patterns, aigw_str endpoint)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (glob_prefix(patterns->items[i], endpoint.ptr, endpoint.ptr + endpoint.len))
            return true;
    return false;
}

static const char *find_fault(aigw_str endpoint)
{
    bool is_https = gw_str_has_prefix(endpoint, AIGW_STR("https://"));

    if (!is_https && !gw_str_has_prefix(endpoint, AIGW_STR("http://")))
        return "must begin with http:// or https://";
    if (endpoint.len > ENDPOINT_MAX)
        return "is longer than 2048 characters";
    const char *host = endpoint.ptr + (is_https ? 8 : 7), *end = endpoint.ptr + endpoint.len;
    if (host == end || *host == '/' || *host == ':' || *host == '?')
        return "has no host name";
    for (const char *p = host; p < end; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '\\')
            return "contains a blank, a control character or a backslash";
        if (*p == '#')
            return "contains a fragment (#…)";
    }
    const char *path = memchr(host, '/', (size_t)(end - host));
    if (memchr(host, '@', (size_t)((path ? path : end) - host)))
        return "contains user information (user@host)";
    return NULL;
}

bool gw_endpoint_allowed(const struct gw_settings *settings, aigw_str endpoint, struct gw_arena *arena,
                         const char **ret_reason)
{
    const char *fault = find_fault(endpoint);

    if (fault) {
        *ret_reason = gw_arena_printf(arena, "model endpoint %s", fault);
        return false;
    }
    if (settings->models.allowed_endpoints.count && !is_listed(&settings->models.allowed_endpoints, endpoint)) {
        *ret_reason = gw_arena_printf(arena,
                                      "model endpoint %.*s is not in models.allowed_endpoints of this gateway; ask its "
                                      "operator to add it",
                                      AIGW_STR_ARG(endpoint));
        return false;
    }
    return true;
}
