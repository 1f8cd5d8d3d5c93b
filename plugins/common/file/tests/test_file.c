/* test_file.c - what is read of files, and of what is none. */
#include "../../aws/tests/small_host.h"
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

/* ---- tokens ---- */

static const struct {
    const char *bytes, *text; /* NULL: refused */
} tokens[] = {
    { "t", "t" }, { "a b\n", "a b" }, { "a\r\n \t\n", "a" }, { " a", " a" }, { "", NULL }, { "\n \n", NULL },
};

static void test_tokens(void)
{
    char path[] = "/tmp/aigw-token.XXXXXX";
    struct small_host h = { .time_s = 0 };
    aigw_str text;

    if (close(mkstemp(path)) != 0)
        abort();
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        FILE *file = fopen(path, "w");
        aigw_status status;

        if (!file || fputs(tokens[i].bytes, file) < 0 || fclose(file) != 0)
            abort();
        status = file_text(&small_host, small_ctx(&h), "token", path, &text);
        check((status == AIGW_OK) == (tokens[i].text != NULL), "a token or none");
        check(status != AIGW_OK || (strcmp(text.ptr, tokens[i].text) == 0 && text.len == strlen(tokens[i].text)),
              "its text");
        check(status == AIGW_OK || (strncmp(h.error, "token: the file \"", 17) == 0 && strstr(h.error, "is empty")),
              "the reason");
    }
    unlink(path);
    check(file_text(&small_host, small_ctx(&h), "token", path, &text) == AIGW_E_CONFIG &&
              strncmp(h.error, "token: cannot read \"", 20) == 0,
          "no file");
    small_free(&h);
}

int main(void)
{
    test_files();
    test_tokens();
    return failures > 0 || small_result();
}
