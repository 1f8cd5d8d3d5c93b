/* files.h - files as libraries want them. */
#ifndef GW_FILES_H
#define GW_FILES_H

#include <stdio.h>

#include "base/base.h"

#define GW_FILES_JOIN_MAX (16 * 1024 * 1024)

/** A file that operators name, to be read. Never waits: a pipe, which would until somebody writes, is refused. NULL
 * with *ret_why, in words. */
FILE *gw_file_open(const char *path, const char **ret_why);

/** Two files one after the other, in memory: for libraries that take one file where two are meant, with no writable
 *  folder. first may be NULL. A descriptor to close, readable as /proc/self/fd/N; -1 with reterr, which begins with
 *  `what`. */
int gw_files_join(const char *first, const char *second, const char *what, struct gw_err *reterr);

#endif
