/* check.h - what only applying a configuration would find out. */
#ifndef GW_PIPELINE_CHECK_H
#define GW_PIPELINE_CHECK_H

#include "config/snapshot.h"

/** Try what the listener, the log, the connections to models and authentication will do with the settings, so that
 *  `aigw check` and a reload know before anything is applied. Fills snapshot->pem. */
void gw_snapshot_check(struct gw_snapshot *snapshot, struct gw_problems *problems);

#endif
