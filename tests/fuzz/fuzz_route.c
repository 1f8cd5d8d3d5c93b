/* fuzz_route.c - lines of patterns, an empty line, then lines of paths: what the index of the router finds must be what
 * trying every pattern finds, parameters lie inside the path and are not empty, 405 lists a method. */
#include <stdlib.h>
#include <string.h>

#include "route/route.h"

#define ROUTES_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(aigw_str value, aigw_str path)
{
    return value.len > 0 && value.ptr >= path.ptr && value.ptr + value.len <= path.ptr + path.len;
}

static void check_match(const struct gw_router *router, const struct gw_route_match *match, aigw_str path)
{
    struct gw_path_param params[GW_PATTERN_PARAMS_MAX];

    for (uint32_t i = 0; i < match->param_count; i++)
        if (!is_inside(match->params[i].value, path))
            abort();
    for (size_t i = 0; i < gw_router_count(router); i++) { /* none that is more specific was passed over */
        const struct gw_route *route = gw_router_at(router, i);
        if (gw_pattern_match(route->pattern, path, params) && strcmp(route->spec->method, "GET") == 0 &&
            gw_pattern_compare(route->pattern, match->route->pattern) < 0)
            abort();
    }
}

static void find(const struct gw_router *router, aigw_str path)
{
    struct gw_path_param params[GW_PATTERN_PARAMS_MAX];
    struct gw_route_match match;
    bool is_any = false;

    for (size_t i = 0; i < gw_router_count(router); i++)
        is_any |= gw_pattern_match(gw_router_at(router, i)->pattern, path, params);
    int found = gw_router_find(router, AIGW_STR("GET"), path, &match);
    if (is_any == (found == GW_ROUTE_NO_PATH) || (found == GW_ROUTE_FOUND) != (match.route != NULL))
        abort();
    if ((found == GW_ROUTE_NO_METHOD) != (match.allow[0] != '\0'))
        abort();
    if (match.route)
        check_match(router, &match, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aigw_route routes[ROUTES_MAX] = { { 0 } };
    struct gw_plugin plugin = { .descriptor = { .name = "p" }, .routes = routes };
    struct gw_instance feature = { .name = "f", .plugin = &plugin };
    struct gw_plugins plugins = { .features = &feature };
    struct gw_problems problems;
    struct gw_arena arena;
    char *text, *line;

    gw_arena_init(&arena, 64 << 20);
    gw_problems_init(&problems, &arena);
    text = gw_arena_strndup(&arena, (const char *)data, size);
    line = text;
    for (char *end; line && *line && *line != '\n' && plugin.feature.route_count < ROUTES_MAX; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        routes[plugin.feature.route_count++] =
            (struct aigw_route){ .method = *line == '+' ? "POST" : "GET", .path = *line == '+' ? line + 1 : line };
    }
    struct gw_router *router = gw_router_build(&arena, &plugins, &problems);
    while (router && line && line < text + size) {
        line++; /* the line feed, or the end of the last route */
        find(router, (aigw_str){ line, strcspn(line, "\n") });
        line += strcspn(line, "\n");
    }
    gw_arena_done(&arena);
    return 0;
}
