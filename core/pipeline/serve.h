/* serve.h - the life of the serving process. */
#ifndef GW_SERVE_H
#define GW_SERVE_H

#include "config/snapshot.h"

struct gw_serve_options {
    struct gw_snapshot_options snapshot;
    char *const *argv; /* of the process: an upgrade starts the new program with the same */
};

/** Load the configuration, serve until SIGTERM or SIGINT, drain. SIGHUP reloads the configuration and reopens the log
 *  file; the control socket takes commands. Sockets that came with the process (heritage.h) are used. Returns the exit
 * status: 0 after a clean stop, 1 when it could not start (reasons on standard error). */
int gw_serve(const struct gw_serve_options *options);

#endif
