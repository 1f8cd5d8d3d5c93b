/* image.c - a plugin's file as a sealed copy in memory. What is loaded is mapped, and whoever writes to a mapped file
 * changes or cuts the code under our feet: `cp new.so old.so` would crash the gateway. Nobody can write to our copy,
 * and a file that is just being written is noticed here, before the linker trips over it. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/internal.h"

#define IMAGE_MAX ((off_t)256 << 20)
#define REPLACE   "replace plugin files by rename (copy to another name, then mv), and reload"

static aigw_status copy_bytes(int from, int to, const char *path, off_t *ret_len, struct gw_err *reterr)
{
    char chunk[16384]; /* the stack that is touched here stays ours */
    ssize_t got;

    *ret_len = 0;
    while ((got = read(from, chunk, sizeof chunk)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
        *ret_len += got;
        if (*ret_len > IMAGE_MAX)
            return gw_err_set(reterr, AIGW_E_CONFIG, "%s: is larger than %lld bytes", path, (long long)IMAGE_MAX);
        for (ssize_t at = 0; at < got;) {
            ssize_t put = write(to, chunk + at, (size_t)(got - at));

            if (put < 0 && errno != EINTR)
                return gw_err_set(reterr, AIGW_E_NOMEM, "%s: cannot be copied into memory: %s", path, strerror(errno));
            at += put > 0 ? put : 0;
        }
    }
    return AIGW_OK;
}

/** Where the last byte is that the headers speak of; 0 when these are no headers. */
static uint64_t extent(int fd, off_t len)
{
    ElfW(Ehdr) head;
    uint64_t end;

    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        head.e_phentsize != sizeof(ElfW(Phdr)))
        return 0;
    end = head.e_shoff ? head.e_shoff + (uint64_t)head.e_shnum * head.e_shentsize : 0;
    for (size_t i = 0; i < head.e_phnum; i++) {
        ElfW(Phdr) part;
        uint64_t at = head.e_phoff + i * sizeof part;

        if (at > (uint64_t)len || pread(fd, &part, sizeof part, (off_t)at) != (ssize_t)sizeof part)
            return at + sizeof part;
        if (part.p_type != PT_LOAD)
            continue;
        if (part.p_filesz > UINT64_MAX - part.p_offset)
            return UINT64_MAX;
        if (part.p_offset + part.p_filesz > end)
            end = part.p_offset + part.p_filesz;
    }
    return end;
}

/** The linker maps what the headers say; beyond the end of the file that would be a SIGBUS, not an error. */
static aigw_status check_whole(int fd, off_t len, const char *path, struct gw_err *reterr)
{
    uint64_t end = extent(fd, len);

    if (end == 0)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: cannot be loaded: it is no shared object of this machine (%lld bytes); if it is still "
                          "being written, " REPLACE,
                          path, (long long)len);
    if (end > (uint64_t)len)
        return gw_err_set(reterr, AIGW_E_CONFIG,
                          "%s: is not whole: it has %lld bytes, its headers speak of %llu; " REPLACE, path,
                          (long long)len, (unsigned long long)end);
    return AIGW_OK;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static aigw_status copy_file(int from, int to, const char *path, struct gw_err *reterr)
{
    struct stat before, after;
    aigw_status status;
    off_t len;

    if (fstat(from, &before) != 0 || !S_ISREG(before.st_mode))
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot be loaded: is not a regular file", path);
    status = copy_bytes(from, to, path, &len, reterr);
    if (status != AIGW_OK)
        return status;
    if (fstat(from, &after) != 0 || !is_same_file(&before, &after) || len != after.st_size)
        return gw_err_set(reterr, AIGW_E_CONFIG, "%s: changed while it was read; " REPLACE, path);
    return check_whole(to, len, path, reterr);
}

int gw_plugin_image(const char *path, struct gw_err *reterr)
{
    const char *slash = strrchr(path, '/');
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), image;
    char name[128]; /* seen in /proc/PID/maps; the kernel takes no longer one than 249 bytes */

    if (from < 0) {
        gw_err_set(reterr, AIGW_E_CONFIG, "%s: cannot be loaded: %s", path, strerror(errno));
        return -1;
    }
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    image = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (image < 0) {
        gw_err_set(reterr, AIGW_E_NOMEM, "%s: cannot be copied into memory: memfd_create: %s", path, strerror(errno));
    } else if (copy_file(from, image, path, reterr) != AIGW_OK) {
        close(image);
        image = -1;
    } else {
        (void)fcntl(image, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    }
    close(from);
    return image;
}

bool gw_plugin_image_same(int a, int b)
{
    char ours[16384], theirs[16384];
    ssize_t got;
    off_t at = 0;

    do {
        got = pread(a, ours, sizeof ours, at);
        if (got < 0 || pread(b, theirs, sizeof theirs, at) != got || memcmp(ours, theirs, (size_t)got) != 0)
            return false;
        at += got;
    } while (got > 0);
    return true;
}
