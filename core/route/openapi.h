/* openapi.h - the OpenAPI 3.1 document, assembled from what plugins registered plus the core's own routes. */
#ifndef GW_OPENAPI_H
#define GW_OPENAPI_H

#include "route/route.h"

/** Append the document as JSON. False when memory is out or `out` is full; then what is in it is no document. */
bool gw_openapi_put(struct gw_buf *out, const struct gw_router *router);

#endif
