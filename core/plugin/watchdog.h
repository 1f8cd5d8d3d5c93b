/* watchdog.h - a thread that notices when a plugin's callback does not come back: it says so by name in the log and in
 * the metrics, and ends the process when the operator wants that. It cannot free the thread. */
#ifndef GW_WATCHDOG_H
#define GW_WATCHDOG_H

#include "base/base.h"

#define GW_EXIT_STUCK 70 /* EX_SOFTWARE: the process ended because a plugin held one of its threads */

struct gw_watchdog;

/** NULL with reterr when there is no thread to be had. */
struct gw_watchdog *gw_watchdog_start(struct gw_err *reterr);
void gw_watchdog_stop(struct gw_watchdog *watchdog); /* NULL is fine */
/** A callback on a worker that is stuck for so long ends the process, limits.plugin_stuck_ms; 0: never. Any thread. */
void gw_watchdog_set(struct gw_watchdog *watchdog, int64_t abort_ms);

#endif
