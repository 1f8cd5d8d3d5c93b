/* serve.h - the life of the serving process. */
#ifndef GW_SERVE_H
#define GW_SERVE_H

#include "config/snapshot.h"

/** Load the configuration, serve until SIGTERM or SIGINT, drain. SIGHUP reloads the configuration and reopens the log
 *  file. Returns the exit status: 0 after a clean stop, 1 when it could not start (reasons on standard error). */
int gw_serve(const struct gw_snapshot_options *options);

#endif
