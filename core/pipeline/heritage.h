/* heritage.h - descriptors that came with the process: sockets of systemd's (socket activation), or everything that the
 * gateway before this one listens at (`aigw upgrade`).
 *
 * Both come as sd_listen_fds(3) describes: descriptors from 3 on, LISTEN_FDS their number, LISTEN_FDNAMES their names.
 * From systemd they are for LISTEN_PID; one named "metrics" is the metrics listener's, all others serve the API. From a
 * gateway there is GW_HERITAGE_VARIABLE instead, for the pid cannot be known before the program runs: "PID KEYS", its
 * process and whether it has GitLab's keys. Names of its descriptors:
 *
 *   api            an API listener that it opened itself
 *   api-given      one that it got from systemd
 *   metrics        the metrics listener; metrics-given as above
 *   control        the control socket
 *   stderr         standard error: until it is ready the new process has a pipe to the old one there
 *   ready          the last one, a stream socket: one byte says "ready"; its end says that the old process has ended
 */
#ifndef GW_HERITAGE_H
#define GW_HERITAGE_H

#include <sys/types.h>

#include "base/base.h"

#define GW_HERITAGE_VARIABLE "AIGW_UPGRADE_OF"
#define GW_HERITAGE_FIRST    3
#define GW_HERITAGE_MAX      2048

/** A socket that serves the API. */
struct gw_heir {
    int fd;        /* -1: taken, or of no use */
    bool is_given; /* systemd's: it keeps the socket, and says where it listens */
};

struct gw_heritage {
    struct gw_heir *api;
    size_t api_count;
    struct gw_heir metrics;
    int control;
    pid_t before;   /* the gateway that this one replaces; 0: none */
    bool need_keys; /* it has GitLab's keys: so must we */
    int ready;      /* -1: it has ended, or there is none */
    int words;      /* for what keeps us from getting ready; -1: standard error is the place */
    int stderr_fd;  /* the real one, until gw_heritage_has_log() */
};

/** Take what came, and the variables out of the environment. With nothing it is empty. On failure reterr names the
 *  descriptor, what it is and what was expected. gw_heritage_done() in any case. */
aigw_status gw_heritage_take(struct gw_heritage *heritage, struct gw_err *reterr);
/** Close the sockets that were not taken: nobody would ever look at them. */
void gw_heritage_drop_sockets(struct gw_heritage *heritage);
/** The same, and forget the rest. */
void gw_heritage_done(struct gw_heritage *heritage);
/** The log begins: standard error becomes the real one. */
void gw_heritage_has_log(struct gw_heritage *heritage);
/** Say to whoever asked for the upgrade what is in its way. */
void gw_heritage_say(const struct gw_heritage *heritage, const char *text);
/** We serve. */
void gw_heritage_ready(struct gw_heritage *heritage);
/** Does the process before this one still run? */
bool gw_heritage_is_before_alive(struct gw_heritage *heritage);

#endif
