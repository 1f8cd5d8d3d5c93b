/* loader.c - shared objects in and out. Main thread only: dlopen() runs constructors. */
#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/internal.h"

/** The same file under a name that is its own: dlopen() looks at names before it looks at files, so a plugin that was
 *  replaced on disk while the old one still serves requests would be handed out as the old one. The inode's bits become
 *  "/" and "/." between folder and file, which the kernel reads as nothing. NULL when there is no such file. */
static char *unique_name(struct gw_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct gw_buf name;
    struct stat st;
    char *copy;

    if (!slash || stat(path, &st) != 0)
        return NULL;
    gw_buf_init(&name, 8192);
    gw_buf_put(&name, path, (size_t)(slash - path));
    for (uint64_t bits = (uint64_t)st.st_dev; bits; bits >>= 1)
        gw_buf_puts(&name, bits & 1 ? "/." : "/");
    gw_buf_puts(&name, "/./."); /* ends the device's bits */
    for (uint64_t bits = (uint64_t)st.st_ino; bits; bits >>= 1)
        gw_buf_puts(&name, bits & 1 ? "/." : "/");
    gw_buf_puts(&name, slash);
    copy = name.status == AIGW_OK ? gw_arena_strndup(arena, name.data, name.len) : NULL;
    gw_buf_done(&name);
    return copy;
}

static void *open_so(struct gw_arena *arena, const char *path, struct gw_err *reterr)
{
    const char *name = unique_name(arena, path), *reason;
    size_t name_len = name ? strlen(name) : 0;
    void *so = dlopen(name ? name : path, RTLD_NOW | RTLD_LOCAL);

    if (so)
        return so;
    reason = dlerror();
    if (reason && name && strncmp(reason, name, name_len) == 0 && strncmp(reason + name_len, ": ", 2) == 0)
        reason += name_len + 2; /* the odd name would only puzzle */
    gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot be loaded: %s", path, reason ? reason : "unknown reason");
    return NULL;
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
    so = open_so(arena, path, reterr);
    if (!so)
        return NULL;
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
