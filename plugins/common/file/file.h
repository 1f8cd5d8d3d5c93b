/* file.h - small files with secrets in them: credential files, tokens that a cluster keeps fresh. They are local, read
 * now and then, and read whole: no callback of a plugin waits for one. */
#ifndef PLUGIN_FILE_H
#define PLUGIN_FILE_H

#include <aigw/sdk.h>

#define FILE_MAX ((size_t)256 * 1024)

/** All bytes of a regular file of at most FILE_MAX; NULL: *ret_why says why, static. Never waits: what is no regular
 *  file is not read. */
char *file_read(const char *path, size_t *ret_len, const char **ret_why);
/** What *ret_why is when there is no such file. */
extern const char file_is_missing[];
/** Free them; nothing of them stays in memory. NULL is fine. */
void file_free(char *bytes, size_t len);
/** The text of a file without the blanks at its end, NUL-terminated; lives for the build. AIGW_E_CONFIG with
 *  host->fail() when it has none: "WHAT: cannot read …". */
aigw_status file_text(const struct aigw_host *host, struct aigw_ctx *ctx, const char *what, const char *path,
                      aigw_str *ret_text);

#endif
