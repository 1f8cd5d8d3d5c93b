/* index.c - `aigw docs index FOLDER -o FILE`: the database of the documentation search out of a folder of Markdown. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "docs/docs.h"

#define PAGE_MAX     ((int64_t)4 << 20)
#define COMMIT_FILES 100 /* what an interruption may cost */
#define DRAW_MS      100
#define BAR_LEN      30

/** One run. */
struct run {
    const char *folder;
    struct docs_list list;
    struct docs_store *store;
    struct gw_buf page;
    size_t counts[3]; /* by DOCS_… */
    size_t removed;
    size_t error_count; /* files that could not be read */
    int64_t begin_ms, drawn_ms;
    bool is_terminal;
};

/* ---- progress ---- */

static void erase_bar(const struct run *run)
{
    if (run->is_terminal && run->drawn_ms)
        fputs("\r\033[K", stderr);
}

static void draw_bar(struct run *run, size_t done)
{
    static const char full[BAR_LEN + 1] = "##############################";
    int64_t now_ms = gw_mono_ms();
    int len = (int)(done * BAR_LEN / (run->list.count ? run->list.count : 1));

    if (!run->is_terminal || (now_ms - run->drawn_ms < DRAW_MS && done < run->list.count))
        return;
    run->drawn_ms = now_ms;
    fprintf(stderr, "\r[%.*s%*s] %zu of %zu files", len, full, BAR_LEN - len, "", done, run->list.count);
    fflush(stderr);
}

static void complain(struct run *run, const char *path, const char *why)
{
    erase_bar(run);
    fprintf(stderr, "aigw: %s/%s: %s\n", run->folder, path, why);
    run->error_count++;
}

/* ---- files ---- */

/** Read a page into run->page; *file gets its size and time as they were. NULL, or why not. */
static const char *read_page(struct run *run, struct docs_file *file)
{
    char name[4096];
    struct stat st;
    ssize_t got = 1;
    int fd;

    gw_buf_clear(&run->page);
    if (snprintf(name, sizeof name, "%s/%s", run->folder, file->path) >= (int)sizeof name)
        return strerror(ENAMETOOLONG);
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return strerror(errno);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= PAGE_MAX) {
        file->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        file->size = st.st_size;
    } else {
        close(fd);
        return "is too large, at most 4 MiB, or not a file";
    }
    while (got > 0 && gw_buf_reserve(&run->page, 65536)) {
        got = read(fd, run->page.data + run->page.len, 65536);
        run->page.len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (got < 0)
        return strerror(errno);
    return run->page.status == AIGW_OK ? NULL : "is too large, at most 4 MiB";
}

/** False, with the reason, only for trouble with the database: what is wrong with the file is printed. */
static bool take_file(struct run *run, struct docs_file file, struct gw_err *reterr)
{
    int found = docs_store_look_up(run->store, &file, reterr);
    const char *why;

    if (found < 0)
        return false;
    if (found != DOCS_UNCHANGED) {
        why = read_page(run, &file);
        if (why) {
            complain(run, file.path, why);
            return true; /* what an earlier run found there stays */
        }
        if (!docs_store_put(run->store, &file, gw_buf_str(&run->page), reterr))
            return false;
    }
    run->counts[found]++;
    return true;
}

static bool take_files(struct run *run, struct gw_err *reterr)
{
    for (size_t i = 0; i < run->list.count; i++) {
        if (!take_file(run, run->list.files[i], reterr))
            return false;
        draw_bar(run, i + 1);
        if (i % COMMIT_FILES == COMMIT_FILES - 1 && !docs_store_commit(run->store, reterr))
            return false;
    }
    /* A folder that could not be read says nothing about its files. */
    return run->list.has_unread_folders || docs_store_remove_others(run->store, &run->list, &run->removed, reterr);
}

/* ---- the whole ---- */

static void report(const struct run *run, const char *output, size_t pieces)
{
    size_t done = run->counts[DOCS_NEW] + run->counts[DOCS_CHANGED] + run->counts[DOCS_UNCHANGED];
    int64_t took_ms = gw_mono_ms() - run->begin_ms;

    printf("%s: %zu pieces of %zu files: %zu new, %zu changed, %zu unchanged; %zu removed, %zu not readable\n", output,
           pieces, done, run->counts[DOCS_NEW], run->counts[DOCS_CHANGED], run->counts[DOCS_UNCHANGED], run->removed,
           run->error_count + run->list.error_count);
    printf("%.1f s, %lld files a second\n", (double)took_ms / 1000,
           (long long)done * 1000 / (long long)(took_ms > 0 ? took_ms : 1));
}

static int index_folder(struct run *run, const char *output, const char *url)
{
    struct gw_err err = { "" };
    size_t pieces = 0;
    bool is_good = false;

    run->begin_ms = gw_mono_ms();
    run->is_terminal = isatty(STDERR_FILENO) == 1;
    if (docs_list_read(&run->list, run->folder, &err) && run->list.count == 0 && run->list.error_count == 0)
        gw_err_set(&err, AIGW_E_INVALID, "%s: there is no *.md file in it", run->folder);
    if (!*err.text)
        run->store = docs_store_open(output, url, &err);
    if (run->store && take_files(run, &err)) {
        pieces = docs_store_count(run->store);
        is_good = docs_store_publish(run->store, &err);
    } else {
        docs_store_close(run->store);
    }
    erase_bar(run);
    if (!is_good) {
        fprintf(stderr, "aigw: %s\n", err.text);
        return EXIT_FAILURE;
    }
    report(run, output, pieces);
    return run->error_count + run->list.error_count ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void strip_slashes(char *text, size_t least_len)
{
    for (size_t len = strlen(text); len > least_len && text[len - 1] == '/'; len--)
        text[len - 1] = '\0';
}

int docs_index(char *folder, const char *output, char *url)
{
    struct run run = { .folder = folder };
    int result;

    strip_slashes(folder, 1);
    strip_slashes(url, 0);
    gw_buf_init(&run.page, (size_t)PAGE_MAX + 65536);
    result = index_folder(&run, output, url);
    docs_list_done(&run.list);
    gw_buf_done(&run.page);
    return result;
}
