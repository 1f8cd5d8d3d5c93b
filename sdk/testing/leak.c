/* leak.c - what is not given back. Memory in use is read from the allocator, which a plugin in any language shares with
 * us. A single number says little (caches fill, tables grow once); what grows by every round of several windows one
 * after the other does so for ever. Each window is a thread of its own: glibc keeps freed blocks for the thread that
 * freed them, counts them as in use, and gives them back when it ends. */
#include "internal.h"

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#define ROUNDS  16u
#define WINDOWS 6u /* the first are for whatever is kept on purpose */
#define STEADY  3u /* so many windows at the end must have grown, each of them */

/* The smallest block of an allocator, in each round of a window. */
#define LEAST_GROWTH (ROUNDS * 16u)

/* 0 where nobody says: other C libraries, and AddressSanitizer, which finds leaks itself. */
static size_t memory_in_use(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    const struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static size_t files_open(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

struct window {
    void (*round)(void *arg);
    void *arg;
};

static void *run_window(void *arg)
{
    const struct window *window = arg;

    for (unsigned i = 0; i < ROUNDS; i++)
        window->round(window->arg);
    return NULL;
}

size_t testhost_find_leak(void (*round)(void *arg), void *arg, size_t *ret_files)
{
    struct window window = { .round = round, .arg = arg };
    size_t before = 0, after, files = 0, growth = 0;
    unsigned steady = 0;
    pthread_t thread;

    for (unsigned i = 0; i < (memory_in_use() > 0 ? WINDOWS : 1); i++) {
        files = files_open();
        if (pthread_create(&thread, NULL, run_window, &window) != 0)
            abort();
        pthread_join(thread, NULL);
        after = memory_in_use();
        growth = after > before ? after - before : 0;
        steady = growth >= LEAST_GROWTH ? steady + 1 : 0;
        before = after;
    }
    after = files_open();
    *ret_files = after > files ? (after - files + ROUNDS - 1) / ROUNDS : 0;
    return steady >= STEADY ? growth / ROUNDS : 0;
}
