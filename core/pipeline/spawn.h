/* spawn.h - start another process of this program, or of its next version. */
#ifndef GW_SPAWN_H
#define GW_SPAWN_H

#include <sys/types.h>

#include "base/base.h"

#define GW_SPAWN_WORDS_MAX (16u << 10)

/** Our environment and `count` variables more, "NAME=value"; the list is the caller's to free. NULL: out of memory. */
char **gw_spawn_environment(char *const *added, size_t count);

/** Signals as a fresh process has them; fds at GW_HERITAGE_FIRST and behind it, no others; standard error goes to
 *  `words`. 0 or an errno. */
int gw_spawn(const char *program, char *const *argv, char *const *env, const int *fds, size_t fd_count, int words,
             pid_t *ret_pid);

/** Add to `said` what it has written to standard error since, as far as it fits; `words` does not block. False: it says
 *  no more. */
bool gw_spawn_words(int words, struct gw_buf *said);

#endif
