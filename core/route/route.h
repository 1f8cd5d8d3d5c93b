/* route.h - method + normal path → the route a feature registered, or 404/405. */
#ifndef GW_ROUTE_H
#define GW_ROUTE_H

#include "base/base.h"
#include "config/node.h"
#include "plugin/plugin.h"

struct gw_router;

struct gw_route {
    const struct aigw_route *spec;
    struct gw_instance *feature;
    uint32_t index; /* dense, for metrics */
};

/** Collect the routes of all feature instances; two for one method and path is a problem. */
struct gw_router *gw_router_build(struct gw_arena *arena, const struct gw_plugins *plugins,
                                  struct gw_problems *problems);
#define GW_ROUTE_FOUND     1
#define GW_ROUTE_NO_PATH   2
#define GW_ROUTE_NO_METHOD 3 /* *ret_allow lists the methods */
int gw_router_find(const struct gw_router *router, aigw_str method, aigw_str path, const struct gw_route **ret_route,
                   aigw_str *ret_param, const char **ret_allow);
size_t gw_router_count(const struct gw_router *router);
const struct gw_route *gw_router_at(const struct gw_router *router, size_t index);
/** The OpenAPI 3.1 document of all routes, as JSON text in the router's arena. */
aigw_str gw_router_openapi(const struct gw_router *router);

#endif
