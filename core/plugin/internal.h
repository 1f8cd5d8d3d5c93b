/* internal.h - shared by the files of plugin/ only. */
#ifndef GW_PLUGIN_INTERNAL_H
#define GW_PLUGIN_INTERNAL_H

#include "plugin/plugin.h"

/** One row of kinds.c. */
struct gw_plugin_kind {
    uint32_t kind;                                       /* AIGW_KIND_* */
    const char *name;                                    /* "provider" */
    const char *folder;                                  /* of its files in a plugin folder */
    const char *section;                                 /* of conf.d, whose groups are its instances */
    const char *const *reserved;                         /* keys of such a group that are the core's own, NULL-ended */
    bool takes_model;                                    /* a group may name a model of conf.d */
    size_t ops_at;                                       /* our copy of its operations, in struct gw_plugin */
    size_t ops_size;                                     /* of that copy */
    size_t ops_min;                                      /* what a plugin has to bring of them at least */
    size_t instances_at;                                 /* head of the list in struct gw_plugins */
    const void *(*ops)(const struct aigw_plugin *found); /* as the plugin has them */
    /* Is what it brings sound? Sees our copy, and replaces its tables by copies of ours. */
    aigw_status (*check)(struct gw_arena *arena, const char *path, struct gw_plugin *plugin, struct gw_err *reterr);
    /* Let the descriptor point at our copy. */
    void (*link)(struct gw_plugin *plugin);
    /* Bring one instance up and down; a plugin need not have either. */
    aigw_status (*open)(const struct gw_plugin *plugin, const struct aigw_host *host, struct aigw_ctx *ctx,
                        void *state);
    void (*close)(const struct gw_plugin *plugin, void *state);
};
extern const struct gw_plugin_kind gw_plugin_kinds[];
extern const size_t gw_plugin_kind_count;
/** NULL when this aigw knows no such kind. */
const struct gw_plugin_kind *gw_plugin_kind_of(uint32_t kind);
/** check.c: the rows' `check`. */
aigw_status gw_plugin_check_provider(struct gw_arena *arena, const char *path, struct gw_plugin *p,
                                     struct gw_err *reterr);
aigw_status gw_plugin_check_feature(struct gw_arena *arena, const char *path, struct gw_plugin *p,
                                    struct gw_err *reterr);
/** Head of the list of its instances. */
struct gw_instance **gw_plugin_instances(struct gw_plugins *plugins, const struct gw_plugin_kind *kind);

/** A sealed copy of the file in memory, as a descriptor. -1 with reterr, also when the file is not whole. */
int gw_plugin_image(const char *path, struct gw_err *reterr);
/** Have two such copies the same bytes? */
bool gw_plugin_image_same(int a, int b);

#endif
