/* run_folder.c - find the gateway and its plugins, and make the folder that it is started on. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

static const char *const kind_folders[] = { "providers", "features" };

#define FOLDERS_UP 6 /* <plugin>/build/lib/aigw/providers/x.so */

/* Cut the last name off. False: nothing is above. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash || slash == path)
        return false;
    *slash = '\0';
    return true;
}

void tool_find_cases(const char *plugin_path, const char *name, char *ret_path)
{
    static const char *const folders[] = { "", "tests/" };
    char folder[PATH_MAX];

    *ret_path = '\0';
    if (!realpath(plugin_path, folder))
        return;
    for (int up = 0; up < FOLDERS_UP && go_up(folder); up++)
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
            if (tool_path(ret_path, "%s/%s%s.case", folder, folders[i], name) && access(ret_path, R_OK) == 0)
                return;
            *ret_path = '\0';
        }
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int tool_find_gateway(const char *given, char *ret_path)
{
    const char *path = getenv("PATH");
    char found[PATH_MAX];

    tool_path(found, "%s%s", given ? given : tool_prefix(), given ? "" : "/bin/aigw");
    while (!given && !is_program(found) && path && *path) {
        tool_path(found, "%.*s/aigw", (int)strcspn(path, ":"), path);
        path += strcspn(path, ":");
        path += *path == ':';
    }
    if (is_program(found) && realpath(found, ret_path))
        return 0;
    return tool_fail("%s is not there: install the gateway (component runtime), or say --gateway <program>",
                     given ? given : "the gateway's program, aigw,");
}

int tool_find_plugin(const char *gateway, const char *kind, const char *name, char *ret_path)
{
    static const char *const libs[] = { AIGW_LIBDIR, "lib", "lib64" };
    char prefix[PATH_MAX];

    tool_path(prefix, "%s", gateway);
    if (go_up(prefix) && go_up(prefix))
        for (size_t i = 0; i < sizeof libs / sizeof *libs; i++)
            if (tool_path(ret_path, "%s/%s/aigw/%ss/%s.so", prefix, libs[i], kind, name) && access(ret_path, R_OK) == 0)
                return 0;
    return tool_fail("%s: its %s plugin %s is not there, which the sample needs; install the gateway whole (component "
                     "runtime)",
                     gateway, kind, name);
}

static bool link_plugin(const char *folder, const char *kind, const char *path)
{
    char full[PATH_MAX], to[PATH_MAX];
    const char *slash;

    if (!realpath(path, full))
        return false;
    slash = strrchr(full, '/');
    return tool_path(to, "%s/%ss/%s", folder, kind, slash + 1) && symlink(full, to) == 0;
}

int tool_folder_make(char *ret_folder, const char *conf, const char *const plugins[2][2])
{
    const char *tmp = getenv("TMPDIR");
    char path[PATH_MAX];
    FILE *file;
    bool is_made = tool_path(ret_folder, "%s/aigw-plugin-XXXXXX", tmp && *tmp ? tmp : "/tmp") && mkdtemp(ret_folder);

    for (size_t i = 0; is_made && i < 2; i++) {
        is_made = tool_path(path, "%s/%s", ret_folder, kind_folders[i]) && mkdir(path, 0700) == 0;
    }
    for (size_t i = 0; is_made && i < 2; i++)
        is_made = link_plugin(ret_folder, plugins[i][0], plugins[i][1]);
    tool_path(path, "%s/90-run.conf", ret_folder);
    file = is_made ? fopen(path, "wxe") : NULL;
    is_made = file && fputs(conf, file) >= 0;
    if (file)
        is_made = fclose(file) == 0 && is_made;
    return is_made ? 0 : tool_fail("%s: cannot be made: %s", ret_folder, strerror(errno));
}

static void remove_files(const char *folder)
{
    DIR *dir = opendir(folder);

    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(folder);
}

/* Only what was made above is in there. */
void tool_folder_remove(const char *folder)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < 2; i++) {
        tool_path(path, "%s/%s", folder, kind_folders[i]);
        remove_files(path);
    }
    remove_files(folder);
}
