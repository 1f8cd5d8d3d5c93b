/* find.c - the search itself. The database is opened for each one, read only: a new one that was renamed into its place
 * is seen at once, nothing is kept between threads, and opening costs less than a millisecond. What is in the file is
 * not trusted: sizes are bounded, its schema may call nothing. */
#include "find.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TOKENS_MAX   8000              /* of all results together, by the estimate below */
#define BYTES_MAX    ((size_t)1 << 20) /* likewise, for text without blanks */
#define METADATA_MAX ((size_t)64 << 10)
#define LENGTH_MAX   (64 << 20) /* bytes of one value in the database */
#define STEPS        1000       /* of the database's engine between two looks at the clock */

int64_t ds_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void ds_search_free(struct ds_search *search)
{
    for (size_t i = 0; search && i < search->row_count; i++) {
        free(search->rows[i].content);
        free(search->rows[i].metadata);
    }
    free(search);
}

/** Which file. False: the outcome says why there is none. */
static bool choose_path(struct ds_search *search)
{
    for (size_t i = 0; i < search->paths->count; i++) {
        struct stat st;

        search->path = search->paths->items[i];
        errno = 0;
        if (stat(search->path, &st) == 0 && S_ISREG(st.st_mode))
            return true;
        if (errno == ENOENT || errno == ENOTDIR)
            continue;
        search->outcome = DS_BROKEN;
        snprintf(search->reason, sizeof search->reason, "%s",
                 errno ? strerror(errno) : "is not a file, expected a database made by `aigw docs index`");
        return false;
    }
    search->outcome = DS_NO_DATABASE;
    return false;
}

static int look_at_clock(void *arg)
{
    const struct ds_search *search = arg;

    return ds_now_ms() >= search->deadline_ms;
}

static void fail(struct ds_search *search, sqlite3 *db, int code)
{
    if (code == SQLITE_INTERRUPT || code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        search->outcome = DS_TOO_LATE;
        return;
    }
    search->outcome = DS_BROKEN;
    snprintf(search->reason, sizeof search->reason, "%s", db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

static char *copy_column(sqlite3_stmt *statement, int column, size_t *ret_len)
{
    const void *text = sqlite3_column_text(statement, column);
    size_t len = (size_t)sqlite3_column_bytes(statement, column);
    char *copy = malloc(len + 1);

    if (!copy)
        return NULL;
    if (len > 0 && text)
        memcpy(copy, text, len);
    *ret_len = text ? len : 0;
    copy[*ret_len] = '\0';
    return copy;
}

/** The published estimate: 1.4 tokens a word. */
static size_t count_tokens(const char *text, size_t len)
{
    size_t words = 0;
    bool in_word = false;

    for (size_t i = 0; i < len; i++) {
        bool is_blank = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');

        words += !is_blank && !in_word;
        in_word = !is_blank;
    }
    return words * 14 / 10;
}

/** Take rows until one would be too much. SQLITE_DONE, or what went wrong. */
static int take_rows(struct ds_search *search, sqlite3_stmt *statement)
{
    size_t tokens = 0, bytes = 0;
    int code;

    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct ds_row row = { 0 };

        if ((size_t)sqlite3_column_bytes(statement, 1) > METADATA_MAX)
            continue;
        bytes += (size_t)sqlite3_column_bytes(statement, 0) + (size_t)sqlite3_column_bytes(statement, 1);
        if (bytes > BYTES_MAX)
            return SQLITE_DONE;
        row.content = copy_column(statement, 0, &row.content_len);
        row.metadata = copy_column(statement, 1, &row.metadata_len);
        if (row.content && row.metadata)
            tokens += count_tokens(row.content, row.content_len);
        if (!row.content || !row.metadata || tokens > TOKENS_MAX || search->row_count == DS_PAGE_MAX) {
            code = row.content && row.metadata ? SQLITE_DONE : SQLITE_NOMEM;
            free(row.content);
            free(row.metadata);
            return code;
        }
        search->rows[search->row_count++] = row;
    }
    return code;
}

static int run_query(struct ds_search *search, sqlite3 *db)
{
    /* Reading `rank` instead of calling bm25() lets the engine fetch the texts of the best rows only. */
    static const char sql[] = "SELECT content, metadata FROM doc_index WHERE processed MATCH ?1 ORDER BY rank LIMIT ?2";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, sizeof sql, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 1, search->expression, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 2, search->page_size);
    if (code == SQLITE_OK)
        code = take_rows(search, statement);
    if (code == SQLITE_DONE)
        search->outcome = DS_FOUND;
    else
        fail(search, db, code);
    sqlite3_finalize(statement);
    return code;
}

void ds_find(struct ds_search *search)
{
    sqlite3 *db = NULL;
    int64_t left_ms = search->deadline_ms - ds_now_ms();
    int code;

    if (!choose_path(search))
        return;
    if (left_ms <= 0) { /* it waited too long for its turn */
        search->outcome = DS_TOO_LATE;
        return;
    }
    code = sqlite3_open_v2(search->path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        fail(search, db, code);
    } else {
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
        sqlite3_busy_timeout(db, (int)(left_ms < INT32_MAX ? left_ms : INT32_MAX));
        sqlite3_progress_handler(db, STEPS, look_at_clock, search);
        run_query(search, db);
    }
    sqlite3_close(db);
}
