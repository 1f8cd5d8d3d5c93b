/* router.c - the routes of all feature instances, and finding one. A few dozen routes: a scan that compares lengths
 * first is faster than any clever structure. */
#include "route/route.h"

#include <string.h>

#include "route/openapi.h"

struct gw_router {
    struct gw_route *routes;
    struct pattern {
        aigw_str literal; /* path up to '{', or all of it */
        aigw_str method;
        bool has_param;
        bool takes_rest; /* {name:path}: slashes too */
        aigw_str param;  /* its name */
    } * patterns;
    size_t count;
    aigw_str openapi;
};

static struct pattern parse_pattern(const struct aigw_route *spec)
{
    struct pattern pattern = { .literal = gw_str(spec->path), .method = gw_str(spec->method) };
    const char *brace = strchr(spec->path, '{');

    if (!brace)
        return pattern;
    pattern.has_param = true;
    pattern.literal.len = (size_t)(brace - spec->path);
    pattern.param = (aigw_str){ brace + 1, strcspn(brace + 1, ":}") };
    pattern.takes_rest = strstr(brace, ":path}") != NULL;
    return pattern;
}

static bool is_well_formed(const struct aigw_route *spec)
{
    const char *brace = strchr(spec->path, '{');

    if (spec->path[0] != '/')
        return false;
    /* a parameter is the last thing of a path */
    return !brace || (strchr(brace, '}') && strchr(brace, '}')[1] == '\0' && brace[-1] == '/');
}

static void add_routes(struct gw_router *router, struct gw_instance *feature, struct gw_problems *problems)
{
    const struct gw_plugin *plugin = feature->plugin;

    for (uint32_t i = 0; i < plugin->feature.route_count; i++) {
        const struct aigw_route *spec = &plugin->routes[i];
        if (!is_well_formed(spec)) {
            gw_problem(problems, feature->node, feature->name,
                       "plugin %s declares the route path \"%s\"; a path begins with / and may end in one {parameter}",
                       plugin->descriptor.name, spec->path);
            continue;
        }
        for (size_t at = 0; at < router->count; at++) {
            const struct gw_route *other = &router->routes[at];
            if (strcmp(other->spec->path, spec->path) == 0 && strcmp(other->spec->method, spec->method) == 0)
                gw_problem(problems, feature->node, feature->name,
                           "route %s %s is already served by features.%s; remove or disable one of the two",
                           spec->method, spec->path, other->feature->name);
        }
        router->patterns[router->count] = parse_pattern(spec);
        router->routes[router->count] =
            (struct gw_route){ .spec = spec, .feature = feature, .index = (uint32_t)router->count };
        router->count++;
    }
}

struct gw_router *gw_router_build(struct gw_arena *arena, const struct gw_plugins *plugins,
                                  struct gw_problems *problems)
{
    struct gw_router *router = gw_arena_calloc(arena, sizeof *router);
    size_t total = 0;

    for (struct gw_instance *f = plugins->features; f; f = f->next)
        total += f->plugin->feature.route_count;
    if (router && total) {
        router->routes = gw_arena_calloc(arena, total * sizeof *router->routes);
        router->patterns = gw_arena_calloc(arena, total * sizeof *router->patterns);
    }
    if (!router || (total && (!router->routes || !router->patterns))) {
        gw_problem(problems, NULL, "features", "out of memory while building the routes");
        return NULL;
    }
    for (struct gw_instance *f = plugins->features; f; f = f->next)
        add_routes(router, f, problems);
    router->openapi = gw_openapi_build(arena, router);
    if (!router->openapi.ptr)
        gw_problem(problems, NULL, "features",
                   "the API document could not be built: a plugin's schema is not JSON, or "
                   "memory is out");
    return router;
}

static bool matches(const struct pattern *pattern, aigw_str path, aigw_str *ret_param)
{
    if (!pattern->has_param)
        return gw_str_eq(pattern->literal, path);
    if (path.len <= pattern->literal.len || !gw_str_has_prefix(path, pattern->literal))
        return false;
    aigw_str rest = { path.ptr + pattern->literal.len, path.len - pattern->literal.len };
    if (!pattern->takes_rest && memchr(rest.ptr, '/', rest.len))
        return false;
    *ret_param = rest;
    return true;
}

int gw_router_find(const struct gw_router *router, aigw_str method, aigw_str path, const struct gw_route **ret_route,
                   aigw_str *ret_param, const char **ret_allow)
{
    const struct aigw_route *other_method = NULL;
    aigw_str param = AIGW_STR_NONE;

    for (size_t i = 0; i < router->count; i++) {
        if (!matches(&router->patterns[i], path, &param))
            continue;
        if (gw_str_eq(router->patterns[i].method, method)) {
            *ret_route = &router->routes[i];
            *ret_param = param;
            return GW_ROUTE_FOUND;
        }
        if (!other_method) /* one method a path is all that features have registered so far */
            other_method = router->routes[i].spec;
    }
    if (!other_method)
        return GW_ROUTE_NO_PATH;
    *ret_allow = other_method->method;
    return GW_ROUTE_NO_METHOD;
}

size_t gw_router_count(const struct gw_router *router)
{
    return router->count;
}

const struct gw_route *gw_router_at(const struct gw_router *router, size_t index)
{
    return &router->routes[index];
}

aigw_str gw_router_openapi(const struct gw_router *router)
{
    return router->openapi;
}
