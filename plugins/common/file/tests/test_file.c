/* test_file.c - what is read of files, and of what is none. */
#include "../file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "not ok %s\n", what);
        failures++;
    }
}

static void write_bytes(const char *path, size_t len)
{
    FILE *file = fopen(path, "w");

    for (size_t i = 0; file && i < len; i++)
        fputc('a' + (int)(i % 26), file);
    if (!file || fclose(file) != 0)
        abort();
}

static void test_files(void)
{
    char folder[] = "/tmp/aigw-file.XXXXXX", path[64];
    static const size_t sizes[] = { 0, 1, 4096, FILE_MAX };
    const char *why = NULL;
    char *bytes;
    size_t len;

    if (!mkdtemp(folder))
        abort();
    snprintf(path, sizeof path, "%s/f", folder);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        write_bytes(path, sizes[i]);
        bytes = file_read(path, &len, &why);
        check(bytes && len == sizes[i] && (len == 0 || bytes[len - 1] == 'a' + (int)((len - 1) % 26)), "a file");
        file_free(bytes, len);
    }
    write_bytes(path, FILE_MAX + 1);
    check(!file_read(path, &len, &why) && strcmp(why, "it is larger than 256 KiB") == 0, "a large file");
    unlink(path);
    check(!file_read(path, &len, &why) && why == file_is_missing, "no file");
    check(!file_read(folder, &len, &why) && strcmp(why, "it is no regular file") == 0, "a folder");
    if (mkfifo(path, 0600) != 0)
        abort();
    check(!file_read(path, &len, &why) && strcmp(why, "it is no regular file") == 0, "a pipe nobody writes to");
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    test_files();
    return failures > 0;
}
