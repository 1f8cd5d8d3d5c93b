/* plugin.h - load shared objects, guard the ABI, bring instances up. */
#ifndef GW_PLUGIN_H
#define GW_PLUGIN_H

#include "base/base.h"
#include "config/node.h"
#include <aigw/sdk.h>

struct gw_meter; /* meter.h */
struct gw_plugins;

/** What dlopen() gave for one file. A reload shares it while the file has the same bytes. Main thread only. */
struct gw_plugin_code {
    unsigned users; /* struct gw_plugin, of the configurations that are alive */
    void *so;
    int image_fd;                         /* our copy of the file, open while it is loaded */
    const struct aigw_plugin *descriptor; /* the plugin's own, not yet checked; its entry is called once only */
};

/** One plugin of one configuration. descriptor, settings, ops are our own zero-extended copies: safe to read whatever
 * SDK minor the plugin was built with. */
struct gw_plugin {
    struct gw_plugin *next;
    const char *path;
    struct gw_plugin_code *code;
    struct aigw_plugin descriptor;
    struct aigw_provider_ops provider;
    struct aigw_feature_ops feature;
    struct aigw_route *routes;             /* feature: re-strided copy */
    struct aigw_rate_header *rate_headers; /* provider: likewise, provider.rate_header_count of them */
    struct aigw_metric *metrics;
    uint32_t *metric_ids; /* in the metrics registry, one per metric; NULL: it counts nowhere */
};

/** One configured group: providers.NAME or features.NAME. */
struct gw_instance {
    struct gw_instance *next;
    const char *name;
    struct gw_plugin *plugin;
    const struct gw_node *node; /* its group, NULL when made by the core (built-in mock) */
    void *state;
    struct aigw_ctx *ctx;   /* instance context, lives as long */
    struct gw_meter *meter; /* NULL: nothing is counted */
    const char *model;      /* features: conf.d `model`, or NULL */
    uint64_t settings_hash; /* of what conf.d said: the same after a reload that changed nothing about it */
    bool is_open;
    bool is_disabled; /* conf.d says enabled = false */
    bool is_guarded;  /* state has a mark behind it */
};

struct gw_plugins {
    struct gw_arena *arena; /* of the plugins and their instances */
    struct gw_plugin *first;
    struct gw_instance *providers;
    struct gw_instance *features;
    struct gw_instance *disabled; /* of both: conf.d says enabled = false. Names that may be referred to; never opened,
                                     without state and ctx, and their plugin may not be loaded (its path is NULL) */
};

/** "provider", "feature". */
const char *gw_plugin_kind_name(uint32_t kind);
/** Open and check one file; `running`, or NULL, are those in use, whose code is shared if the file has not changed. On
 *  failure the reason names path, found, expected and the remedy. */
struct gw_plugin *gw_plugin_load(struct gw_arena *arena, const char *path, const struct gw_plugins *running,
                                 struct gw_err *reterr);
void gw_plugin_unload(struct gw_plugin *plugin);
/** Check a descriptor and make the copies; the part of loading that needs no file, for tests. */
aigw_status gw_plugin_check(struct gw_arena *arena, const struct aigw_plugin *found, const char *path,
                            struct gw_plugin *ret_plugin, struct gw_err *reterr);
/** Load every *.so of <dir>/providers and <dir>/features; the first of two same names wins with a warning. `running` as
 *  above. */
struct gw_plugins *gw_plugins_load(struct gw_arena *arena, const char *const *dirs, size_t dir_count,
                                   const struct gw_plugins *running, struct gw_problems *problems);
/** Make and open the instances of conf.d's `providers` and `features`. */
void gw_plugins_configure(struct gw_plugins *plugins, struct gw_arena *arena, const struct gw_node *conf,
                          const struct aigw_host *host, struct gw_problems *problems);
/** A number that changes with any setting of the instance. */
uint64_t gw_plugin_settings_hash(const struct gw_plugin *plugin, const void *state);
/** Close instances, run what they deferred, then unload. */
void gw_plugins_close(struct gw_plugins *plugins);
const struct gw_plugin *gw_plugins_find(const struct gw_plugins *plugins, uint32_t kind, const char *name);
struct gw_instance *gw_plugins_provider(const struct gw_plugins *plugins, const char *name);
/** Its metrics on the page, as the gateway does it when it loads a plugin. False: the problem was recorded. */
bool gw_plugin_register_metrics(struct gw_plugin *plugin, struct gw_arena *arena, struct gw_problems *problems);
/** One that conf.d switches off. NULL: none of that kind and name. */
struct gw_instance *gw_plugins_disabled(const struct gw_plugins *plugins, uint32_t kind, const char *name);
/** Settings reference of all plugins as Markdown. */
void gw_plugins_reference(const struct gw_plugins *plugins, struct gw_buf *out);
/** aigw_plugin_info: which plugins are loaded, in which versions. Any thread. */
void gw_plugins_collect(const struct gw_plugins *plugins, struct gw_buf *page);

/** Instance contexts are made by whoever owns struct aigw_ctx (pipeline/host.c, or a test's stand-in). */
struct aigw_ctx *gw_ctx_new_instance(struct gw_arena *arena, const struct gw_plugin *plugin, const char *name);
/** Text of the last host->fail() on it, "" if none. */
const char *gw_ctx_error(const struct aigw_ctx *ctx);

#endif
