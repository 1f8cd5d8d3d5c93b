/* loader.c - shared objects in and out. Main thread only: dlopen() runs constructors. */
#include <dlfcn.h>
#include <string.h>

#include "plugin/internal.h"


const char *gw_plugin_kind_name(uint32_t kind)
{
    return kind == AIGW_KIND_PROVIDER ? "provider" : kind == AIGW_KIND_FEATURE ? "feature" : "unknown kind";
}

struct gw_plugin *gw_plugin_load(struct gw_arena *arena, const char *path, struct gw_err *reterr)
{
    struct gw_plugin *plugin = gw_arena_calloc(arena, sizeof *plugin);
    aigw_plugin_entry_fn entry = NULL;
    void *symbol, *so;

    if (!plugin) {
        gw_err_set(reterr, AIGW_E_NOMEM, "%s: out of memory", path);
        return NULL;
    }
    so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so) {
        const char *reason = dlerror();
        gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot be loaded: %s", path, reason ? reason : "unknown reason");
        return NULL;
    }
    symbol = dlsym(so, AIGW_PLUGIN_ENTRY);
    if (!symbol) {
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "%s: has no symbol %s: this is not an aigw plugin; define it with "
                   "AIGW_PLUGIN() from <aigw/sdk.h>, or remove the file from the plugin folder",
                   path, AIGW_PLUGIN_ENTRY);
        goto fail;
    }
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from object to function pointer */
    if (gw_plugin_check(arena, entry(), path, plugin, reterr) != AIGW_OK)
        goto fail;
    plugin->so = so;
    return plugin;
fail:
    dlclose(so);
    return NULL;
}

void gw_plugin_unload(struct gw_plugin *plugin)
{
    if (plugin && plugin->so) {
        dlclose(plugin->so);
        plugin->so = NULL;
    }
}
