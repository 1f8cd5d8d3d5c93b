/* fuzz_endpoint.c - a pattern, a line feed, an endpoint: a normal form is its own normal form and printable, and no
 * pattern without stars lets another host through. */
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "models/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_normal(struct gw_arena *arena, aigw_str endpoint)
{
    const char *reason = NULL;
    aigw_str again;

    for (size_t i = 0; i < endpoint.len; i++)
        if ((unsigned char)endpoint.ptr[i] <= ' ' || (unsigned char)endpoint.ptr[i] >= 0x7f ||
            strchr("\\#\"<>", endpoint.ptr[i]))
            abort();
    if (gw_endpoint_normalize(arena, endpoint, &again, &reason) || !gw_str_eq(endpoint, again))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = size ? memchr(data, '\n', size) : NULL, *reason = NULL;
    size_t pattern_len = line ? (size_t)(line - (const char *)data) : 0;
    aigw_str raw = { (const char *)data + pattern_len + (line != NULL), size - pattern_len - (line != NULL) }, endpoint;
    struct gw_problems problems;
    struct gw_arena arena;

    gw_arena_init(&arena, 1 << 20);
    gw_problems_init(&problems, &arena);
    const char *pattern = gw_arena_strndup(&arena, (const char *)data, pattern_len);
    const struct aigw_list patterns = { &pattern, pattern ? 1 : 0 };
    if (pattern && gw_endpoint_normalize(&arena, raw, &endpoint, &reason) == AIGW_OK) {
        check_normal(&arena, endpoint);
        struct gw_endpoint_list *list =
            gw_endpoint_list_build(&arena, &patterns, "models.allowed_endpoints", &problems);
        bool ok = list && gw_endpoint_listed(list, endpoint, &arena, &reason);
        if (ok && problems.error_count)
            abort();
        struct gw_url url, allowed;
        if (ok && !strchr(pattern, '*') && !gw_url_split(endpoint, &url) && !gw_url_split(gw_str(pattern), &allowed) &&
            !memchr(allowed.host.ptr, '%', allowed.host.len) && (unsigned char)allowed.host.ptr[0] < 0x80) {
            char host[GW_URL_HOST_MAX]; /* without stars the host is the very same */
            if (!gw_url_host(allowed.host, host) && !gw_str_is(url.host, host))
                abort();
        }
    }
    gw_arena_done(&arena);
    return 0;
}
