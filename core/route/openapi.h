/* openapi.h - the OpenAPI 3.1 document, assembled from what plugins registered plus the core's own routes. */
#ifndef GW_OPENAPI_H
#define GW_OPENAPI_H

#include "route/route.h"

/** JSON text in `arena`; absent when a schema does not parse or memory is out. */
aigw_str gw_openapi_build(struct gw_arena *arena, const struct gw_router *router);

#endif
