/* route.h - method + normal path → the route a feature registered, or 404/405. */
#ifndef GW_ROUTE_H
#define GW_ROUTE_H

#include "base/base.h"
#include "config/node.h"
#include "plugin/plugin.h"
#include "route/pattern.h"

struct gw_router;

struct gw_route {
    const struct aigw_route *spec;
    struct gw_instance *feature;
    const struct gw_pattern *pattern;             /* of spec->path */
    uint32_t index;                               /* dense, for metrics */
    const char *request_schema, *response_schema; /* JSON, an object each; or NULL */
};

#define GW_ROUTE_ALLOW_SIZE 128u

/** What gw_router_find() found. Values point into the path that was asked for. */
struct gw_route_match {
    const struct gw_route *route; /* NULL unless GW_ROUTE_FOUND */
    const struct gw_route
        *near; /* if not: the most specific route that has the path, else the nearest claim, or NULL */
    uint32_t param_count;
    struct gw_path_param params[GW_PATTERN_PARAMS_MAX]; /* in the path's order */
    char allow[GW_ROUTE_ALLOW_SIZE];                    /* GW_ROUTE_NO_METHOD: "GET, HEAD, POST", sorted; else "" */
};

/** Collect the routes of all feature instances. A path that is not well-formed and two routes that match the same paths
 *  with the same method are problems. */
struct gw_router *gw_router_build(struct gw_arena *arena, const struct gw_plugins *plugins,
                                  struct gw_problems *problems);
#define GW_ROUTE_FOUND     1
#define GW_ROUTE_NO_PATH   2
#define GW_ROUTE_NO_METHOD 3
/** The most specific route (pattern.h says which that is) that has the method; a GET route also serves HEAD unless the
 *  same path has a HEAD route. Allocates nothing. */
int gw_router_find(const struct gw_router *router, aigw_str method, aigw_str path, struct gw_route_match *ret);
/** Routes and claims. */
size_t gw_router_count(const struct gw_router *router);
const struct gw_route *gw_router_at(const struct gw_router *router, size_t index);
/** The same routes in another order: those with one pattern are neighbours. */
const struct gw_route *gw_router_sorted_at(const struct gw_router *router, size_t index);

#endif
