/* kinds.c - what the core knows of each kind of plugins, in one table. A new kind is a row here, the copy of its
 * operations in struct gw_plugin and the list of its instances in struct gw_plugins. */
#include "plugin/internal.h"

static const void *provider_ops(const struct aigw_plugin *found)
{
    return found->provider;
}

static void provider_link(struct gw_plugin *plugin)
{
    plugin->descriptor.provider = &plugin->provider;
    plugin->descriptor.feature = NULL;
}

static aigw_status provider_open(const struct gw_plugin *plugin, const struct aigw_host *host, struct aigw_ctx *ctx,
                                 void *state)
{
    return plugin->provider.open ? plugin->provider.open(host, ctx, state) : AIGW_OK;
}

static void provider_close(const struct gw_plugin *plugin, void *state)
{
    if (plugin->provider.close)
        plugin->provider.close(state);
}

static const void *feature_ops(const struct aigw_plugin *found)
{
    return found->feature;
}

static void feature_link(struct gw_plugin *plugin)
{
    plugin->descriptor.feature = &plugin->feature;
    plugin->descriptor.provider = NULL;
}

static aigw_status feature_open(const struct gw_plugin *plugin, const struct aigw_host *host, struct aigw_ctx *ctx,
                                void *state)
{
    return plugin->feature.open ? plugin->feature.open(host, ctx, state) : AIGW_OK;
}

static void feature_close(const struct gw_plugin *plugin, void *state)
{
    if (plugin->feature.close)
        plugin->feature.close(state);
}

/* Those behind "enabled" say what a server takes: models/places.c reads them. */
static const char *const provider_keys[] = { "plugin", "enabled",  "tags",   "max_parallel",
                                             "queue",  "queue_ms", "health", NULL };
static const char *const feature_keys[] = { "plugin", "enabled", "model", NULL };

/* Instances come up in this order and go down in the opposite one: features may rely on providers. */
const struct gw_plugin_kind gw_plugin_kinds[] = {
    {
        .kind = AIGW_KIND_PROVIDER,
        .name = "provider",
        .folder = "providers",
        .section = "providers",
        .reserved = provider_keys,
        .ops_at = offsetof(struct gw_plugin, provider),
        .ops_size = sizeof(struct aigw_provider_ops),
        .ops_min = offsetof(struct aigw_provider_ops, done),
        .instances_at = offsetof(struct gw_plugins, providers),
        .ops = provider_ops,
        .check = gw_plugin_check_provider,
        .link = provider_link,
        .open = provider_open,
        .close = provider_close,
    },
    {
        .kind = AIGW_KIND_FEATURE,
        .name = "feature",
        .folder = "features",
        .section = "features",
        .reserved = feature_keys,
        .takes_model = true,
        .ops_at = offsetof(struct gw_plugin, feature),
        .ops_size = sizeof(struct aigw_feature_ops),
        .ops_min = offsetof(struct aigw_feature_ops, event),
        .instances_at = offsetof(struct gw_plugins, features),
        .ops = feature_ops,
        .check = gw_plugin_check_feature,
        .link = feature_link,
        .open = feature_open,
        .close = feature_close,
    },
};
const size_t gw_plugin_kind_count = GW_ARRAY_LEN(gw_plugin_kinds);

const struct gw_plugin_kind *gw_plugin_kind_of(uint32_t kind)
{
    for (size_t i = 0; i < gw_plugin_kind_count; i++)
        if (gw_plugin_kinds[i].kind == kind)
            return &gw_plugin_kinds[i];
    return NULL;
}

const char *gw_plugin_kind_name(uint32_t kind)
{
    const struct gw_plugin_kind *row = gw_plugin_kind_of(kind);

    return row ? row->name : "unknown kind";
}

struct gw_instance **gw_plugin_instances(struct gw_plugins *plugins, const struct gw_plugin_kind *kind)
{
    return (struct gw_instance **)(void *)((char *)plugins + kind->instances_at);
}
