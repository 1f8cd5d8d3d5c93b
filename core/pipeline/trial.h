/* trial.h - before a reload opens instances here, another process of this program does: a plugin that crashes in its
 * open(), ends the process or does not come back must not take those with it who are being served. What is wrong with
 * the configuration in other ways is found when it is built here. */
#ifndef GW_TRIAL_H
#define GW_TRIAL_H

#include "base/base.h"
#include "config/snapshot.h"

/** In the gateway. False: opening it here would have harmed us, report says how. True also when no process can be
 *  started. signal_fd: a signal that waits there ends a trial that takes long, and fails it. */
bool gw_trial(const struct gw_snapshot_options *options, int signal_fd, struct gw_buf *report);

/** In the other process: the descriptor that begins a trial, -1 when this is none; and its good end, once everything
 * was opened and closed again. */
int gw_trial_begin(void);
_Noreturn void gw_trial_passed(int fd);

#endif
