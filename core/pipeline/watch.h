/* watch.h - see that files of the configuration changed, and when that is over. */
#ifndef GW_WATCH_H
#define GW_WATCH_H

#include "config/snapshot.h"

struct gw_watch {
    uint64_t applied; /* when the configuration was last read */
    uint64_t last;    /* at the last look */
};

/** The configuration is about to be read: what changes from now on is a change. */
void gw_watch_mark(struct gw_watch *watch, const struct gw_snapshot_options *options,
                   const struct gw_settings *settings);

/** Look at the folders of configuration, prompts and plugins. True when they are other than at the last mark and have
 * been the same for two looks: somebody has finished. */
bool gw_watch_look(struct gw_watch *watch, const struct gw_snapshot_options *options,
                   const struct gw_settings *settings);

#endif
