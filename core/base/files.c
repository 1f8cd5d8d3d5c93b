/* files.c - see files.h. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(const char *path, const char **ret_why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0) {
        *ret_why = strerror(errno);
    } else if (fstat(fd, &st) != 0 || S_ISFIFO(st.st_mode)) {
        *ret_why = "it is a pipe, expected a file: each reload reads it again";
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

FILE *gw_file_open(const char *path, const char **ret_why)
{
    int fd = open_file(path, ret_why);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

    if (fd >= 0 && !file) {
        *ret_why = strerror(errno);
        (void)close(fd);
    }
    return file;
}

static aigw_status append_file(int out, const char *path, const char *what, size_t *total, struct gw_err *reterr)
{
    char chunk[16384];
    aigw_status status = AIGW_OK;
    const char *why = "";
    int in = open_file(path, &why);

    if (in < 0)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot open %s: %s", what, path, why);
    for (;;) {
        ssize_t got = read(in, chunk, sizeof chunk);

        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        *total += got > 0 ? (size_t)got : 0;
        if (got < 0 || *total > GW_FILES_JOIN_MAX || write(out, chunk, (size_t)got) != got) {
            status = gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot use %s: %s", what, path,
                                got < 0 ? strerror(errno) : "it is too large");
            break;
        }
    }
    if (status == AIGW_OK && write(out, "\n", 1) != 1)
        status = gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot merge %s", what, path);
    (void)close(in);
    return status;
}

int gw_files_join(const char *first, const char *second, const char *what, struct gw_err *reterr)
{
    int fd = memfd_create("aigw-joined", MFD_CLOEXEC);
    size_t total = 0;

    if (fd < 0) {
        (void)gw_err_set(reterr, AIGW_E_NOMEM, "%s: memfd_create: %s", what, strerror(errno));
        return -1;
    }
    if ((!first || append_file(fd, first, what, &total, reterr) == AIGW_OK) &&
        append_file(fd, second, what, &total, reterr) == AIGW_OK)
        return fd;
    (void)close(fd);
    return -1;
}
