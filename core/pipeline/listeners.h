/* listeners.h - the sockets that serve the API. Main thread.
 *
 * Opened here there is one for each worker, all on one port (SO_REUSEPORT): each has a queue of its own, so none may be
 * left that nobody reads, and none be closed while somebody waits in it. Sockets that came with the process may be more
 * or fewer than the workers are: then all workers watch all of them. */
#ifndef GW_LISTENERS_H
#define GW_LISTENERS_H

#include "config/settings.h"
#include "http/http.h"
#include "pipeline/heritage.h"

struct gw_listeners {
    struct gw_heir *items;
    size_t count;
    size_t inherited; /* of them */
};

/** Those of the heritage that listen where the settings say, and those of systemd's; without any, new ones. */
aigw_status gw_listeners_open(struct gw_listeners *listeners, struct gw_heritage *heritage,
                              const struct gw_settings *settings, uint32_t workers, struct gw_err *reterr);
/** Give worker `index` of so many its part. */
aigw_status gw_listeners_give(const struct gw_listeners *listeners, struct gw_http *http, uint32_t index,
                              uint32_t workers, struct gw_err *reterr);
uint16_t gw_listeners_port(const struct gw_listeners *listeners);
/** Workers keep theirs. */
void gw_listeners_close(struct gw_listeners *listeners);

#endif
