/* loader.c - shared objects in and out. Main thread only: dlopen() runs constructors. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin/internal.h"

#define NAME_MAX_LEN 64

/** The copy's name for the linker. Not "self": a debugger, too, finds it there. */
static void image_name(int fd, char ret_name[NAME_MAX_LEN])
{
    snprintf(ret_name, NAME_MAX_LEN, "/proc/%ld/fd/%d", (long)getpid(), fd);
}

static void *open_so(const char *path, int fd, struct gw_err *reterr)
{
    char name[NAME_MAX_LEN];
    const char *reason;
    size_t len;
    void *so;

    image_name(fd, name);
    so = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (so)
        return so;
    reason = dlerror();
    len = strlen(name);
    if (access(name, R_OK) != 0) {
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "%s: cannot be loaded: plugins are loaded from %s, which is not there; mount /proc", path, name);
        return NULL;
    }
    if (reason && strncmp(reason, name, len) == 0 && strncmp(reason + len, ": ", 2) == 0)
        reason += len + 2; /* the name of the copy would only puzzle */
    gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot be loaded: %s", path, reason ? reason : "unknown reason");
    return NULL;
}

/** The linker knows what is loaded by name, so a number must not come back while it does: it would hand out the old
 *  plugin as the new one. A few objects stay for good (-z nodelete, GNU unique symbols); so does their number. */
static void close_so(void *so, int fd)
{
    char name[NAME_MAX_LEN];
    void *still;

    dlclose(so);
    image_name(fd, name);
    still = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (still)
        dlclose(still);
    else
        close(fd);
}

struct gw_plugin *gw_plugin_load(struct gw_arena *arena, const char *path, struct gw_err *reterr)
{
    struct gw_plugin *plugin = gw_arena_calloc(arena, sizeof *plugin);
    aigw_plugin_entry_fn entry = NULL;
    void *symbol, *so;
    int fd;

    if (!plugin) {
        gw_err_set(reterr, AIGW_E_NOMEM, "%s: out of memory", path);
        return NULL;
    }
    fd = gw_plugin_image(path, reterr);
    if (fd < 0)
        return NULL;
    so = open_so(path, fd, reterr);
    if (!so) {
        close(fd);
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
    plugin->image_fd = fd;
    return plugin;
fail:
    close_so(so, fd);
    return NULL;
}

void gw_plugin_unload(struct gw_plugin *plugin)
{
    if (plugin && plugin->so) {
        close_so(plugin->so, plugin->image_fd);
        plugin->so = NULL;
    }
}
