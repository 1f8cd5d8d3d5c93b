/* metrics_server.h - the listener for Prometheus: its own thread, its own port, plain HTTP, no authentication. It
 * never touches a worker, so a scrape costs no request anything. */
#ifndef GW_METRICS_SERVER_H
#define GW_METRICS_SERVER_H

#include "base/base.h"

struct gw_metrics_server;

/** Where it listens: any free port is for tests and trials, and nobody wants that one open to the world. */
const char *gw_metrics_host(const char *host, uint16_t port);
/** Listen on host ("0.0.0.0", "::", a name; NULL: every address) and port (0: any free one, and then on loopback when
 *  host means every address). The descriptor, or -1 with reterr. */
int gw_metrics_listen(const char *host, uint16_t port, struct gw_err *reterr);
/** Is that where this socket listens? */
bool gw_metrics_listens_at(int fd, const char *host, uint16_t port);
/** GET and HEAD of any path answer the metrics page. listener is duplicated. NULL with reterr when it cannot serve. */
struct gw_metrics_server *gw_metrics_server_start(int listener, struct gw_err *reterr);
/** Another process serves the listener from now on: take no connections any more, answer those that are there. NULL is
 *  allowed. */
void gw_metrics_server_retire(struct gw_metrics_server *server);
/** Waits for a running scrape, and after gw_metrics_server_retire() a moment for those that are connected. NULL is
 *  allowed. */
void gw_metrics_server_stop(struct gw_metrics_server *server);

#endif
