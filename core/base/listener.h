/* listener.h - listening TCP sockets: opened here, or handed to the process by whoever started it. */
#ifndef GW_LISTENER_H
#define GW_LISTENER_H

#include "base/base.h"

struct gw_listener_options {
    int backlog;
    bool is_port_shared; /* SO_REUSEPORT: several sockets on one port, each with a queue of its own */
    bool is_prompt;      /* TCP_NODELAY, which accepted sockets inherit */
};

/** Listen on host (NULL or "": every address) and port (0: any free one). The descriptor, non-blocking and closed by
 *  exec; -1 with reterr, which names host and port and says why. */
int gw_listener_open(const char *host, uint16_t port, const struct gw_listener_options *options, struct gw_err *reterr);
/** Does the socket listen where gw_listener_open() would? Port 0: on any. */
bool gw_listener_is_at(int fd, const char *host, uint16_t port);
/** Where a socket that listens on host is reached from this machine: host itself, or the loopback address for one that,
 *  in whatever spelling, means every address. Nothing is looked up. */
const char *gw_listener_reached_at(const char *host);
/** 0: unknown. */
uint16_t gw_listener_port(int fd);
/** Make a socket that came with the process one as gw_listener_open() makes them. On failure reterr says what it is
 *  instead: "a Unix socket, expected …". */
aigw_status gw_listener_adopt(int fd, bool is_prompt, struct gw_err *reterr);

#endif
