/* rows.h - a file of rows for tests: "=== kind name" lines, each with the text behind it, without the line feed at its
 * end. What stands before the first is a comment. */
#ifndef DIALECT_TESTS_ROWS_H
#define DIALECT_TESTS_ROWS_H

#include <aigw/sdk.h>
#include <stdbool.h>

struct row {
    aigw_str kind, name, text;
};

/** All rows of the file, or the end of the program. Never freed. */
const struct row *rows_load(const char *path, size_t *ret_count);
bool row_is(const struct row *row, const char *kind);

#endif
