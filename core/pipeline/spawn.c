/* spawn.c - see spawn.h. */
#include "pipeline/spawn.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/heritage.h"

char **gw_spawn_environment(char *const *added, size_t added_count)
{
    size_t count = 0;
    char **list;

    while (environ[count])
        count++;
    list = calloc(count + added_count + 1, sizeof *list);
    if (!list)
        return NULL;
    memcpy(list, environ, count * sizeof *list);
    memcpy(list + count, added, added_count * sizeof *list);
    return list;
}

int gw_spawn(const char *program, char *const *argv, char *const *env, const int *fds, size_t fd_count, int words,
             pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int code;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    code = code ? code : posix_spawnattr_setsigmask(&attributes, &none);
    code = code ? code : posix_spawnattr_setsigdefault(&attributes, &defaults);
    code = code ? code : posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
    for (size_t i = 0; i < fd_count && !code; i++)
        code = posix_spawn_file_actions_adddup2(&actions, fds[i], GW_HERITAGE_FIRST + (int)i);
    /* Libraries open sockets that exec does not close. */
    code = code ? code : posix_spawn_file_actions_addclosefrom_np(&actions, GW_HERITAGE_FIRST + (int)fd_count);
    code = code ? code : posix_spawn(ret_pid, program, &actions, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

bool gw_spawn_words(int words, struct gw_buf *said)
{
    char piece[1024];
    ssize_t got;

    while ((got = read(words, piece, sizeof piece)) > 0)
        if (said->len + (size_t)got < GW_SPAWN_WORDS_MAX)
            gw_buf_put(said, piece, (size_t)got);
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}
