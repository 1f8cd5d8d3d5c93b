/* rows.c - see rows.h. */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK     "=== "
#define ROWS_MAX 1024

static char *load(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(1 << 20);

    if (!file || !text) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    *ret_len = fread(text, 1, (1 << 20) - 1, file);
    text[*ret_len] = '\0';
    fclose(file);
    return text;
}

const struct row *rows_load(const char *path, size_t *ret_count)
{
    static struct row rows[ROWS_MAX];
    size_t len, count = 0;
    char *text = load(path, &len), *at = strstr(text, MARK);

    while (at && count < ROWS_MAX) {
        char *line = strchr(at, '\n'), *begin = at + sizeof MARK - 1, *blank, *next;

        if (!line)
            break;
        next = strstr(line, "\n" MARK);
        blank = memchr(begin, ' ', (size_t)(line - begin));
        if (!blank)
            blank = line;
        rows[count].kind = (aigw_str){ begin, (size_t)(blank - begin) };
        rows[count].name = (aigw_str){ blank, (size_t)(line - blank) };
        rows[count].text = (aigw_str){ line + 1, !next         ? strlen(line + 1)
                                                 : next > line ? (size_t)(next - line - 1)
                                                               : 0 };
        while (rows[count].text.len > 0 && rows[count].text.ptr[rows[count].text.len - 1] == '\n')
            rows[count].text.len--;
        count++;
        at = next ? next + 1 : NULL;
    }
    *ret_count = count;
    return rows;
}

bool row_is(const struct row *row, const char *kind)
{
    return row->kind.len == strlen(kind) && memcmp(row->kind.ptr, kind, row->kind.len) == 0;
}
