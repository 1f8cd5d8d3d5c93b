/* switch.h - switch an instance off and on while the process runs (`aigw plugin`). Main thread. */
#ifndef GW_SWITCH_H
#define GW_SWITCH_H

#include "config/snapshot.h"

/** The command: "plugin off NAME", "plugin on NAME" or "plugin list"; NAME is providers.NAME, features.NAME, or what
 *  stands behind the dot where only one has it. False: it was not done, out says why. */
bool gw_switch_command(const struct gw_snapshot *snapshot, aigw_str command, struct gw_buf *out);

#endif
