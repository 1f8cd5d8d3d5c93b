/* control.h - a running gateway can be asked, by its own user and by root: a Unix socket on which one line is a command
 * and the rest is the answer. It is an abstract socket unless told otherwise, so it needs no folder that can be written
 * to; it reaches as far as the network namespace. Served by the main thread: no request ever waits for it. */
#ifndef GW_CONTROL_H
#define GW_CONTROL_H

#include "base/base.h"

#define GW_CONTROL_NAME_MAX 108u /* as in struct sockaddr_un */

struct gw_control {
    int fd;                         /* readable: gw_control_serve(); -1: closed */
    char name[GW_CONTROL_NAME_MAX]; /* "@aigw-5052", or a path */
};

/** The name for a configured one (NULL: the default) and a port of the API. */
void gw_control_name(char ret_name[GW_CONTROL_NAME_MAX], const char *configured, unsigned port);
/** Listen. A path that is left from a process that is gone is taken over. */
aigw_status gw_control_open(struct gw_control *control, const char *name, struct gw_err *reterr);
/** Go on with the socket of the process before this one when it has that name; false: it has another. */
bool gw_control_adopt(struct gw_control *control, int fd, const char *name);
void gw_control_close(struct gw_control *control);
/** Another process answers there from now on. */
void gw_control_leave(struct gw_control *control);
/** Answer those that ask now. `answer` is called once for each: true when it did what was asked; what it appends to
 *  `out` is shown either way. */
typedef bool (*gw_control_fn)(void *user, aigw_str command, struct gw_buf *out);
void gw_control_serve(struct gw_control *control, gw_control_fn answer, void *user);

#define GW_CONTROL_COMMAND_MAX 4352u /* with a path in it */
#define GW_CONTROL_ANSWER_S    60    /* a reload may have to read a lot */
/** Ask the gateway of that name; its words into out. wait_s: longest silence. AIGW_OK: done; AIGW_E_STATE: it refused;
 * AIGW_E_NOT_FOUND with reterr: nobody answers there. */
aigw_status gw_control_ask(const char *name, const char *command, int wait_s, struct gw_buf *out,
                           struct gw_err *reterr);

#endif
