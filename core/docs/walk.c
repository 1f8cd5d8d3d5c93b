/* walk.c - the Markdown files below a folder. What cannot be read is named and left out. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "docs/docs.h"

#define PATHS_MAX ((size_t)256 << 20)
#define FILES_MAX ((size_t)1000000)
#define DEPTH_MAX 64

static void complain(struct docs_list *list, const char *path, const char *why)
{
    fprintf(stderr, "aigw: %s%s%s: %s\n", list->folder, *path ? "/" : "", path, why);
    list->error_count++;
}

static bool is_markdown(const char *name)
{
    size_t len = strlen(name);

    return len > 3 && strcmp(name + len - 3, ".md") == 0;
}

static bool add_file(struct docs_list *list, const char *path, const struct stat *st)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4096;
        struct docs_file *files = capacity <= FILES_MAX * 2 ? realloc(list->files, capacity * sizeof *files) : NULL;

        if (!files)
            return false;
        list->files = files;
        list->capacity = capacity;
    }
    list->files[list->count++] = (struct docs_file){
        .path = path, .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec, .size = st->st_size
    };
    return true;
}

static bool walk(struct docs_list *list, int folder_fd, const char *path, int depth);

static bool walk_folder(struct docs_list *list, int parent_fd, const char *name, const char *path, int depth)
{
    int fd = depth < DEPTH_MAX ? openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

    if (fd < 0) {
        complain(list, path,
                 depth < DEPTH_MAX ? strerror(errno) : "is too deep, at most 64 folders inside one another");
        list->has_unread_folders = true;
        return true;
    }
    return walk(list, fd, path, depth);
}

/** False only when out of memory. */
static bool look_at(struct docs_list *list, int fd, const char *folder, const char *name, int depth)
{
    const char *path = gw_arena_printf(&list->paths, "%s%s%s", folder, *folder ? "/" : "", name);
    struct stat st;

    if (!path)
        return false;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return walk_folder(list, fd, name, path, depth + 1);
    if (!is_markdown(name))
        return true;
    if (fstatat(fd, name, &st, 0) != 0) {
        complain(list, path, strerror(errno));
        return true;
    }
    return !S_ISREG(st.st_mode) || add_file(list, path, &st);
}

/** Takes fd. */
static bool walk(struct docs_list *list, int folder_fd, const char *path, int depth)
{
    DIR *folder = fdopendir(folder_fd);
    const struct dirent *entry;
    bool is_good = true;

    if (!folder) {
        close(folder_fd);
        return false;
    }
    errno = 0;
    while (is_good && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.')
            is_good = look_at(list, folder_fd, path, entry->d_name, depth);
        errno = 0;
    }
    if (is_good && errno) {
        complain(list, path, strerror(errno));
        list->has_unread_folders = true;
    }
    closedir(folder);
    return is_good;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct docs_file *)a)->path, ((const struct docs_file *)b)->path);
}

bool docs_list_read(struct docs_list *list, const char *folder, struct gw_err *reterr)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *list = (struct docs_list){ .folder = folder };
    gw_arena_init(&list->paths, PATHS_MAX);
    if (fd < 0) {
        gw_err_set(reterr, AIGW_E_INVALID, "%s: %s; expected a folder with Markdown files", folder, strerror(errno));
        return false;
    }
    if (!walk(list, fd, "", 0)) {
        gw_err_set(reterr, AIGW_E_NOMEM, "%s: too many files, at most %zu", folder, FILES_MAX);
        return false;
    }
    if (list->count > 0)
        qsort(list->files, list->count, sizeof *list->files, by_path);
    return true;
}

void docs_list_done(struct docs_list *list)
{
    free(list->files);
    gw_arena_done(&list->paths);
    *list = (struct docs_list){ 0 };
}

bool docs_list_has(const struct docs_list *list, const char *path)
{
    struct docs_file wanted = { .path = path };

    return list->count > 0 && bsearch(&wanted, list->files, list->count, sizeof *list->files, by_path) != NULL;
}
