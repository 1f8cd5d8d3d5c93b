/* file.c - see file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char file_is_missing[] = "No such file or directory";

static char *read_all(int fd, size_t *ret_len, const char **ret_why)
{
    char *bytes = malloc(FILE_MAX + 1);
    ssize_t got = 1;
    size_t len = 0;

    *ret_why = "out of memory";
    if (!bytes)
        return NULL;
    while (len <= FILE_MAX && got > 0) {
        got = read(fd, bytes + len, FILE_MAX + 1 - len);
        len += got > 0 ? (size_t)got : 0;
        if (got < 0 && errno == EINTR)
            got = 1;
    }
    *ret_why = got < 0 ? strerror(errno) : len > FILE_MAX ? "it is larger than 256 KiB" : NULL;
    if (*ret_why) {
        file_free(bytes, len);
        return NULL;
    }
    *ret_len = len;
    return bytes;
}

char *file_read(const char *path, size_t *ret_len, const char **ret_why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *bytes = NULL;
    struct stat info;

    if (fd < 0) {
        *ret_why = errno == ENOENT ? file_is_missing : strerror(errno);
        return NULL;
    }
    if (fstat(fd, &info) != 0)
        *ret_why = strerror(errno);
    else if (!S_ISREG(info.st_mode))
        *ret_why = "it is no regular file";
    else
        bytes = read_all(fd, ret_len, ret_why);
    close(fd);
    return bytes;
}

void file_free(char *bytes, size_t len)
{
    if (bytes)
        explicit_bzero(bytes, len);
    free(bytes);
}

aigw_status file_text(const struct aigw_host *host, struct aigw_ctx *ctx, const char *what, const char *path,
                      aigw_str *ret_text)
{
    const char *why;
    size_t size, len;
    char *bytes = file_read(path, &size, &why), *copy;

    if (!bytes)
        return host->fail(ctx, AIGW_E_CONFIG, "%s: cannot read \"%s\": %s", what, path, why);
    for (len = size; len > 0 && memchr("\n\r\t ", bytes[len - 1], 4); len--)
        continue;
    copy = host->alloc(ctx, AIGW_LIFE_BUILD, len + 1);
    if (copy) {
        memcpy(copy, bytes, len);
        copy[len] = '\0';
    }
    file_free(bytes, size);
    *ret_text = (aigw_str){ copy, copy ? len : 0 };
    if (copy && len == 0)
        return host->fail(ctx, AIGW_E_CONFIG, "%s: the file \"%s\" is empty", what, path);
    return copy ? AIGW_OK : AIGW_E_NOMEM;
}
