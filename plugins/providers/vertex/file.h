/* file.h - small files with secrets in them. */
#ifndef VERTEX_FILE_H
#define VERTEX_FILE_H

#include <stddef.h>

#define FILE_MAX ((size_t)64 * 1024)

/** All bytes of a regular file of at most FILE_MAX; NULL: *ret_why says why, static. Never waits: what is no regular
 *  file is not read. */
char *file_read(const char *path, size_t *ret_len, const char **ret_why);
void file_free(char *bytes, size_t len);

#endif
