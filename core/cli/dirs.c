/* dirs.c - where configuration, plugins and helping programs are.
 *
 * The program finds its folders relative to itself, so that a build tree, /usr and /opt/anything all work and no path
 * of the build machine is compiled in. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/internal.h"

#ifndef AIGW_SYSCONFDIR
#define AIGW_SYSCONFDIR "/etc"
#endif
#ifndef AIGW_LIBDIR
#define AIGW_LIBDIR "/usr/lib"
#endif
#ifndef AIGW_LIBEXECDIR
#define AIGW_LIBEXECDIR "/usr/libexec"
#endif

static bool is_folder(const char *path)
{
    struct stat st;

    return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/** Folder above the one that holds this program: "/usr" for /usr/bin/aigw. NULL when unknown. */
static const char *prefix_dir(struct gw_arena *arena)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

    if (len <= 0)
        return NULL;
    path[len] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');

        if (!slash)
            return NULL;
        *slash = '\0';
    }
    return gw_arena_strndup(arena, path, strlen(path));
}

/** The source folder when prefix is a CMake build folder, else NULL. */
static const char *source_dir(struct gw_arena *arena, const char *prefix)
{
    static const char key[] = "CMAKE_HOME_DIRECTORY:INTERNAL=";
    const char *path = gw_arena_printf(arena, "%s/CMakeCache.txt", prefix);
    FILE *file = path ? fopen(path, "re") : NULL;
    const char *found = NULL;
    char line[PATH_MAX];

    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, key, sizeof key - 1) == 0)
            found = gw_arena_strndup(arena, line + sizeof key - 1, strlen(line + sizeof key - 1));
    }
    if (file)
        fclose(file);
    return found;
}

/** The first of the candidates that is a folder, else the last one, so that the error names a real expectation. */
static const char *first_folder(const char *const *candidates, size_t count)
{
    const char *last = NULL;

    for (size_t i = 0; i < count; i++) {
        if (is_folder(candidates[i]))
            return candidates[i];
        if (candidates[i])
            last = candidates[i];
    }
    return last;
}

void cli_default_dirs(struct cli_options *options)
{
    struct gw_arena *arena = options->arena;
    const char *prefix = prefix_dir(arena);
    const char *source = prefix ? source_dir(arena, prefix) : NULL;
    const char *shipped = prefix ? gw_arena_printf(arena, "%s/share/aigw/conf.d", prefix) : NULL;
    const char *conf[] = { source ? gw_arena_printf(arena, "%s/conf.d", source) : NULL,
                           prefix ? gw_arena_printf(arena, "%s/etc/aigw/conf.d", prefix) : NULL,
                           AIGW_SYSCONFDIR "/aigw/conf.d" };
    const char *plugins[] = { prefix ? gw_arena_printf(arena, "%s/lib/aigw", prefix) : NULL, AIGW_LIBDIR "/aigw" };

    if (options->conf_dirs.count == 0) {
        /* A package keeps the shipped files apart from the operator's, which are read after them. */
        if (!source && is_folder(shipped))
            options->conf_dirs.items[options->conf_dirs.count++] = shipped;
        options->conf_dirs.items[options->conf_dirs.count++] = first_folder(conf, GW_ARRAY_LEN(conf));
    }
    if (options->plugin_dirs.count == 0)
        options->plugin_dirs.items[options->plugin_dirs.count++] = first_folder(plugins, GW_ARRAY_LEN(plugins));
}

const char *cli_helper(struct gw_arena *arena, const char *name)
{
    const char *prefix = prefix_dir(arena);
    const char *path = prefix ? gw_arena_printf(arena, "%s/libexec/aigw/%s", prefix, name) : NULL;

    return path && access(path, X_OK) == 0 ? path : gw_arena_printf(arena, AIGW_LIBEXECDIR "/aigw/%s", name);
}

bool cli_split_dirs(struct gw_arena *arena, const char *name, const char *value, struct cli_list *dirs)
{
    while (value && *value) {
        size_t len = strcspn(value, ":");

        if (len > 0 && dirs->count == CLI_LIST_MAX) {
            fprintf(stderr, "aigw: %s names more than %d folders\n", name, CLI_LIST_MAX);
            return false;
        }
        if (len > 0)
            dirs->items[dirs->count++] = gw_arena_strndup(arena, value, len);
        value += len + (value[len] == ':');
    }
    return true;
}

struct gw_snapshot_options cli_snapshot_options(const struct cli_options *options)
{
    return (struct gw_snapshot_options){ .conf_dirs = options->conf_dirs.items,
                                         .conf_dir_count = options->conf_dirs.count,
                                         .plugin_dirs = options->plugin_dirs.items,
                                         .plugin_dir_count = options->plugin_dirs.count,
                                         .environ_list = (const char *const *)environ,
                                         .dot_env_dir = options->conf_dirs.items[0] };
}
