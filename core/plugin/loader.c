/* loader.c - shared objects in and out. Main thread only: dlopen() runs constructors. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/crash.h"
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

/** True also when that cannot be told. */
static bool is_function(void *symbol)
{
    const ElfW(Sym) *entry = NULL;
    Dl_info info;

    return dladdr1(symbol, &info, (void **)(uintptr_t)&entry, RTLD_DL_SYMENT) == 0 || !entry ||
           ELF64_ST_TYPE(entry->st_info) == STT_FUNC || ELF64_ST_TYPE(entry->st_info) == STT_GNU_IFUNC;
}

static aigw_plugin_entry_fn find_entry(const char *path, void *so, struct gw_err *reterr)
{
    void *symbol = dlsym(so, AIGW_PLUGIN_ENTRY);
    aigw_plugin_entry_fn entry = NULL;

    if (symbol && !is_function(symbol))
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "%s: the symbol %s is no function; define it with AIGW_PLUGIN() from <aigw/sdk.h>", path,
                   AIGW_PLUGIN_ENTRY);
    else if (symbol)
        memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from object to function pointer */
    else
        gw_err_set(reterr, AIGW_E_CONFIG,
                   "%s: has no symbol %s: this is not an aigw plugin; define it with "
                   "AIGW_PLUGIN() from <aigw/sdk.h>, or remove the file from the plugin folder",
                   path, AIGW_PLUGIN_ENTRY);
    return entry;
}

static void release(struct gw_plugin_code *code)
{
    if (--code->users > 0)
        return;
    close_so(code->so, code->image_fd);
    free(code);
}

/** The code of a file that `running` has loaded already, byte for byte; NULL when it has not. What changed is the
 *  configuration, most of the time: loading the same again would only cost memory and time. */
static struct gw_plugin_code *find_same(const struct gw_plugins *running, const char *path, int image_fd)
{
    for (const struct gw_plugin *plugin = running ? running->first : NULL; plugin; plugin = plugin->next) {
        if (strcmp(plugin->path, path) == 0 && gw_plugin_image_same(plugin->code->image_fd, image_fd))
            return plugin->code;
    }
    return NULL;
}

/** Owns image_fd from here on. */
static struct gw_plugin_code *load_code(const char *path, int image_fd, struct gw_err *reterr)
{
    struct gw_plugin_code *code = calloc(1, sizeof *code);
    aigw_plugin_entry_fn entry;

    if (!code) {
        gw_err_set(reterr, AIGW_E_NOMEM, "%s: out of memory", path);
        close(image_fd);
        return NULL;
    }
    code->users = 1;
    code->image_fd = image_fd;
    gw_crash_loading(path);
    code->so = open_so(path, image_fd, reterr);
    entry = code->so ? find_entry(path, code->so, reterr) : NULL;
    if (entry)
        code->descriptor = entry();
    gw_crash_loading(NULL);
    if (!code->so) {
        close(image_fd);
        free(code);
        return NULL;
    }
    if (!entry) {
        release(code);
        return NULL;
    }
    return code;
}

struct gw_plugin *gw_plugin_load(struct gw_arena *arena, const char *path, const struct gw_plugins *running,
                                 struct gw_err *reterr)
{
    struct gw_plugin *plugin = gw_arena_calloc(arena, sizeof *plugin);
    struct gw_plugin_code *code;
    int fd;

    if (!plugin) {
        gw_err_set(reterr, AIGW_E_NOMEM, "%s: out of memory", path);
        return NULL;
    }
    fd = gw_plugin_image(path, reterr);
    if (fd < 0)
        return NULL;
    code = find_same(running, path, fd);
    if (code) {
        code->users++;
        close(fd);
    } else {
        code = load_code(path, fd, reterr);
    }
    if (!code)
        return NULL;
    if (gw_plugin_check(arena, code->descriptor, path, plugin, reterr) != AIGW_OK) {
        release(code);
        return NULL;
    }
    plugin->code = code;
    return plugin;
}

void gw_plugin_unload(struct gw_plugin *plugin)
{
    if (plugin && plugin->code) {
        release(plugin->code);
        plugin->code = NULL;
    }
}
