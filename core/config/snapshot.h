/* snapshot.h - one immutable, checked configuration with everything built from it. Reference-counted: a reload builds
 * a new one and swaps it; requests finish on the one they began with; plugins close after the last of them, on the
 * main thread. */
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
struct gw_api_keys;
struct gw_oidc;
struct gw_quotas;
struct gw_prices;
struct gw_shared_options;
struct gw_pem;
struct gw_snapshot_yard;

/** What a file was when the configuration was read. All zero: there was none. */
struct gw_file_stamp {
    int64_t device, inode, size, changed_ns;
};
#define GW_UPSTREAM_FILES 4

struct gw_snapshot {
    atomic_uint refs;
    struct gw_snapshot *next;      /* in the yard */
    struct gw_snapshot_yard *yard; /* NULL: freed by whoever drops the last reference */
    struct gw_arena arena;
    struct gw_settings settings;
    struct gw_node *conf;
    struct gw_pem *pem; /* certificate and key of the listener; NULL without TLS */
    struct gw_upstream_tls upstream_tls;
    struct gw_file_stamp upstream_files[GW_UPSTREAM_FILES]; /* those that upstream_tls names */
    struct gw_plugins *plugins;
    struct gw_models *models;
    struct gw_api_keys *api_keys;
    struct gw_oidc *oidc;     /* NULL: nobody built it (plugin tests) */
    struct gw_quotas *quotas; /* as above */
    struct gw_prices *prices; /* as above */
    struct gw_shared_options *shared;
    struct gw_prompts *prompts;
    struct gw_router *router;
    char hash[16]; /* the same for the same configuration, whatever machine (pipeline/diff.h) */
};

/** Where dead snapshots wait for the main thread: the last reference is dropped on a worker, and a plugin's close() and
 *  dlclose() are not for a loop that serves others. */
struct gw_snapshot_yard {
    _Atomic(struct gw_snapshot *) first;
    int event_fd; /* readable when there is something to do */
};

struct gw_snapshot_options {
    const char *const *conf_dirs;
    size_t conf_dir_count;
    const char *const *plugin_dirs; /* each with providers/ and features/ inside */
    size_t plugin_dir_count;
    const char *const *environ_list; /* NULL: the process's */
    const char *dot_env_dir;
    struct gw_snapshot_yard *yard;     /* may be NULL */
    const struct gw_snapshot *running; /* shares the code of plugins whose files are the same; NULL: none is */
};

/** Read, check and build everything, collecting all problems (in `problems`, whose arena the caller owns). NULL when
 *  there was any error. Main thread only. */
struct gw_snapshot *gw_snapshot_build(const struct gw_snapshot_options *options, struct gw_problems *problems);
struct gw_snapshot *gw_snapshot_ref(struct gw_snapshot *snapshot);
void gw_snapshot_unref(struct gw_snapshot *snapshot); /* any thread */
/** Free the dead. Main thread only. */
void gw_snapshot_yard_clear(struct gw_snapshot_yard *yard);
/** Do model servers see the same trust and identity from both? */
bool gw_snapshot_has_same_upstream(const struct gw_snapshot *a, const struct gw_snapshot *b);

#endif
