/* metrics_server.h - the listener for Prometheus: its own thread, its own port, plain HTTP, no authentication. It
 * never touches a worker, so a scrape costs no request anything. */
#ifndef GW_METRICS_SERVER_H
#define GW_METRICS_SERVER_H

#include "base/base.h"

struct gw_metrics_server;

/** Listen on host ("0.0.0.0", "::", a name; NULL: every address) and port (0: any free one, and then on loopback when
 *  host means every address; ret_port says which, may be NULL). GET and HEAD of any path answer the metrics page. NULL
 * with reterr when it cannot listen. */
struct gw_metrics_server *gw_metrics_server_start(const char *host, uint16_t port, uint16_t *ret_port,
                                                  struct gw_err *reterr);
/** Waits for a running scrape. NULL is allowed. */
void gw_metrics_server_stop(struct gw_metrics_server *server);

#endif
