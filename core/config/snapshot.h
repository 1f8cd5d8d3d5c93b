/* snapshot.h - one immutable, checked configuration with everything built from it. Reference-counted: a reload builds
 * a new one and swaps it; requests finish on the one they began with; plugins close after the last of them. */
#ifndef GW_SNAPSHOT_H
#define GW_SNAPSHOT_H

#include <stdatomic.h>

#include "base/base.h"
#include "config/node.h"
#include "config/settings.h"
#include "upstream/upstream.h"

struct gw_plugins;
struct gw_models;
struct gw_prompts;
struct gw_router;

struct gw_snapshot {
    atomic_uint refs;
    struct gw_arena arena;
    struct gw_settings settings;
    struct gw_node *conf;
    struct gw_upstream_tls upstream_tls;
    struct gw_plugins *plugins;
    struct gw_models *models;
    struct gw_prompts *prompts;
    struct gw_router *router;
};

struct gw_snapshot_options {
    const char *const *conf_dirs;
    size_t conf_dir_count;
    const char *const *plugin_dirs; /* each with providers/ and features/ inside */
    size_t plugin_dir_count;
    const char *const *environ_list; /* NULL: the process's */
    const char *dot_env_dir;
};

/** Read, check and build everything, collecting all problems (in `problems`, whose arena the caller owns). NULL when
 *  there was any error. Main thread only. */
struct gw_snapshot *gw_snapshot_build(const struct gw_snapshot_options *options, struct gw_problems *problems);
struct gw_snapshot *gw_snapshot_ref(struct gw_snapshot *snapshot);
void gw_snapshot_unref(struct gw_snapshot *snapshot); /* any thread */

#endif
