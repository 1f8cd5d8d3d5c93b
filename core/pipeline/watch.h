/* watch.h - see that files of the configuration changed, and when that is over. */
#ifndef GW_WATCH_H
#define GW_WATCH_H

#include "config/snapshot.h"

struct gw_watch {
    uint64_t applied; /* what the running configuration was read from; 0: not looked yet */
    uint64_t last;    /* at the last look */
};

/** Look at the folders of configuration, prompts and plugins. True once when they are other than at the last reload and
 *  have been the same for two looks: somebody has finished. */
bool gw_watch_look(struct gw_watch *watch, const struct gw_snapshot_options *options,
                   const struct gw_settings *settings);

#endif
