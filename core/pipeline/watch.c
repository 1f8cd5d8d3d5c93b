/* watch.c - see watch.h. Files are looked at, not subscribed to: a mounted ConfigMap changes by a link that is swapped,
 * a network file system tells nobody, and a look every two seconds at some hundred files costs nothing that shows. */
#include "pipeline/watch.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 9u
#define FILES_MAX 20000u

struct look {
    uint64_t print;
    size_t files;
};

static void add(struct look *look, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        look->print = (look->print ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211); /* FNV-1a */
}

/** In any order: folders are not sorted. */
static void add_file(struct look *look, const char *path, const struct stat *st)
{
    const int64_t facts[] = { (int64_t)st->st_dev, (int64_t)st->st_ino, (int64_t)st->st_size,
                              (int64_t)st->st_mtim.tv_sec, (int64_t)st->st_mtim.tv_nsec };
    struct look one = { .print = UINT64_C(14695981039346656037) };

    add(&one, path, strlen(path));
    add(&one, facts, sizeof facts);
    look->print += one.print;
    look->files++;
}

static void add_folder(struct look *look, const char *folder, unsigned depth)
{
    DIR *dir = depth < DEPTH_MAX ? opendir(folder) : NULL;
    const struct dirent *entry;

    while (dir && look->files < FILES_MAX && (entry = readdir(dir)) != NULL) {
        char path[4096];
        struct stat st;
        int len = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);

        if (entry->d_name[0] == '.' || len < 0 || (size_t)len >= sizeof path || stat(path, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            add_folder(look, path, depth + 1);
        else
            add_file(look, path, &st);
    }
    if (dir)
        (void)closedir(dir);
}

static uint64_t print_of(const struct gw_snapshot_options *options, const struct gw_settings *settings)
{
    struct look look = { .print = 1 };

    for (size_t i = 0; i < options->conf_dir_count; i++)
        add_folder(&look, options->conf_dirs[i], 0);
    for (size_t i = 0; i < options->plugin_dir_count; i++)
        add_folder(&look, options->plugin_dirs[i], 0);
    for (size_t i = 0; i < settings->prompts.dirs.count; i++)
        add_folder(&look, settings->prompts.dirs.items[i], 0);
    return look.print;
}

void gw_watch_mark(struct gw_watch *watch, const struct gw_snapshot_options *options,
                   const struct gw_settings *settings)
{
    watch->applied = watch->last = print_of(options, settings);
}

bool gw_watch_look(struct gw_watch *watch, const struct gw_snapshot_options *options,
                   const struct gw_settings *settings)
{
    uint64_t before = watch->last;

    watch->last = print_of(options, settings);
    return watch->last != watch->applied && watch->last == before;
}
