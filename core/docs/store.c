/* store.c - the database of the documentation search, an SQLite file with three tables:
 *
 *   - doc_index, FTS5: processed (searched), content, metadata (JSON); its rowid is the file's id and the piece's
 * number
 *   - file: what of which file is in it; path, time and size tell whether it must be read again
 *   - aigw_docs: format and settings that it was made with
 *
 * It is written beside its place as "<output>.partial" and renamed once it is whole, so that a reader never sees half
 * of it. What was committed there survives an interruption; the next run goes on from it. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "docs/docs.h"

#define FORMAT     "1" /* of tables and pieces: with another one all files are read anew */
#define PIECE_BITS 16
#define PIECES_MAX (1 << PIECE_BITS)
#define TEXT_MAX   ((size_t)64 << 10)

enum { STATE_OPEN, FIND_FILE, DROP_FILE, DROP_PIECES, PUT_FILE, PUT_PIECE, ALL_FILES, COUNT_PIECES, STATEMENTS };

static const char *const sql[STATEMENTS] = {
    [STATE_OPEN] = ("SELECT (SELECT value FROM aigw_docs WHERE name = 'format') = ?1 AND "
                    "(SELECT value FROM aigw_docs WHERE name = 'url') = ?2"),
    [FIND_FILE] = "SELECT id, mtime_ns, size FROM file WHERE path = ?1",
    [DROP_FILE] = "DELETE FROM file WHERE id = ?1",
    [DROP_PIECES] = "DELETE FROM doc_index WHERE rowid BETWEEN ?1 AND ?2",
    [PUT_FILE] = "INSERT INTO file(path, mtime_ns, size) VALUES(?1, ?2, ?3)",
    [PUT_PIECE] = "INSERT INTO doc_index(rowid, processed, content, metadata) VALUES(?1, ?2, ?3, ?4)",
    [ALL_FILES] = "SELECT id, path FROM file",
    [COUNT_PIECES] = "SELECT count(*) FROM doc_index_docsize",
};

static const char schema[] =
    "CREATE TABLE aigw_docs(name TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE file(id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, mtime_ns INTEGER NOT NULL,"
    " size INTEGER NOT NULL);"
    "CREATE VIRTUAL TABLE doc_index USING fts5(processed, content UNINDEXED, metadata UNINDEXED,"
    " tokenize = 'porter unicode61 remove_diacritics 2');";

struct docs_store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    char *output, *url;
    char *partial, *journal;                /* the journal undoes what an interrupted run did not commit */
    struct gw_buf plain, content, metadata; /* of the piece that is being put */
    bool has_changes;
};

static bool fail(const struct docs_store *store, struct gw_err *reterr)
{
    if (sqlite3_errcode(store->db) == SQLITE_BUSY)
        gw_err_set(reterr, AIGW_E_STATE, "%s: is being written by another `aigw docs index`", store->partial);
    else
        gw_err_set(reterr, AIGW_E_INVALID, "%s: %s", store->partial, sqlite3_errmsg(store->db));
    return false;
}

static bool execute(struct docs_store *store, const char *text, struct gw_err *reterr)
{
    return sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK || fail(store, reterr);
}

/** The statement, ready to be bound and stepped. NULL with the reason. */
static sqlite3_stmt *use(struct docs_store *store, int which, struct gw_err *reterr)
{
    sqlite3_stmt **statement = &store->statements[which];

    if (!*statement && sqlite3_prepare_v2(store->db, sql[which], -1, statement, NULL) != SQLITE_OK) {
        fail(store, reterr);
        return NULL;
    }
    sqlite3_reset(*statement);
    return *statement;
}

static void bind_text(sqlite3_stmt *statement, int at, aigw_str text)
{
    sqlite3_bind_text64(statement, at, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

/** Step a statement that gives no rows. */
static bool run(struct docs_store *store, sqlite3_stmt *statement, struct gw_err *reterr)
{
    int code = sqlite3_step(statement);

    sqlite3_reset(statement);
    return code == SQLITE_DONE || fail(store, reterr);
}

/* ---- open ---- */

static void close_db(struct docs_store *store)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    sqlite3_close(store->db);
    store->db = NULL;
}

void docs_store_close(struct docs_store *store)
{
    if (!store)
        return;
    close_db(store);
    gw_buf_done(&store->plain);
    gw_buf_done(&store->content);
    gw_buf_done(&store->metadata);
    free(store->output);
    free(store->partial);
    free(store->journal);
    free(store->url);
    free(store);
}

/** 1: made by this command with this format and url. 0: with another one. -1: by something else. */
static int judge(sqlite3 *db, const char *url)
{
    sqlite3_stmt *statement = NULL;
    int result = -1;

    if (sqlite3_prepare_v2(db, sql[STATE_OPEN], -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, FORMAT, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, url, -1, SQLITE_STATIC);
        if (sqlite3_step(statement) == SQLITE_ROW)
            result = sqlite3_column_int(statement, 0) != 0;
    }
    sqlite3_finalize(statement);
    return result;
}

static bool open_partial(struct docs_store *store, struct gw_err *reterr)
{
    int code = sqlite3_open_v2(store->partial, &store->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    /* One run at a time: the lock is held until the database is closed. */
    return (code == SQLITE_OK &&
            sqlite3_exec(store->db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-65536; BEGIN IMMEDIATE", NULL,
                         NULL, NULL) == SQLITE_OK) ||
           fail(store, reterr);
}

/** Begin with what the last whole run made. True when that could be used. */
static bool copy_output(struct docs_store *store, sqlite3 *from)
{
    sqlite3_backup *backup;
    int code = SQLITE_ERROR;

    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    backup = sqlite3_backup_init(store->db, "main", from, "main");
    if (backup) {
        code = sqlite3_backup_step(backup, -1);
        sqlite3_backup_finish(backup);
    }
    return sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK && code == SQLITE_DONE;
}

static bool make_tables(struct docs_store *store, struct gw_err *reterr)
{
    char *settings = sqlite3_mprintf("INSERT INTO aigw_docs VALUES('format', %Q), ('url', %Q)", FORMAT, store->url);
    bool is_good = settings && execute(store, schema, reterr) && execute(store, settings, reterr);

    sqlite3_free(settings);
    return is_good && docs_store_commit(store, reterr);
}

/** What stands at the output's place: 1 and *ret_db, a database to begin with; 0 nothing of use; -1 with the reason: it
 *  must not be replaced. */
static int look_at_output(struct docs_store *store, sqlite3 **ret_db, struct gw_err *reterr)
{
    struct stat st;
    int verdict = -1;

    *ret_db = NULL;
    if (stat(store->output, &st) != 0)
        return 0;
    if (S_ISREG(st.st_mode) && sqlite3_open_v2(store->output, ret_db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK)
        verdict = judge(*ret_db, store->url);
    if (verdict < 0)
        gw_err_set(reterr, AIGW_E_INVALID,
                   "%s: is there and was not made by this command; remove it or name another file", store->output);
    return verdict;
}

/** Go on with an unfinished database, or begin one. */
static bool begin(struct docs_store *store, sqlite3 *old, struct gw_err *reterr)
{
    bool is_open = open_partial(store, reterr);

    if (!is_open && sqlite3_errcode(store->db) != SQLITE_NOTADB && sqlite3_errcode(store->db) != SQLITE_CORRUPT)
        return false;
    if (is_open && judge(store->db, store->url) == 1)
        return true;
    /* New, of another format, or damaged: begin anew. */
    close_db(store);
    if (unlink(store->partial) != 0 || (unlink(store->journal) != 0 && errno != ENOENT)) {
        gw_err_set(reterr, AIGW_E_INVALID, "%s: cannot be removed: %s", store->partial, strerror(errno));
        return false;
    }
    return open_partial(store, reterr) && ((old && copy_output(store, old)) || make_tables(store, reterr));
}

static bool look_and_begin(struct docs_store *store, struct gw_err *reterr)
{
    sqlite3 *old;
    int verdict = look_at_output(store, &old, reterr);
    bool is_good = verdict >= 0 && begin(store, verdict == 1 ? old : NULL, reterr);

    sqlite3_close(old);
    return is_good;
}

static char *join(const char *a, const char *b)
{
    size_t len = strlen(a) + strlen(b) + 1;
    char *text = malloc(len);

    if (text)
        snprintf(text, len, "%s%s", a, b);
    return text;
}

struct docs_store *docs_store_open(const char *output, const char *url, struct gw_err *reterr)
{
    struct docs_store *store = calloc(1, sizeof *store);

    if (!store || !(store->output = join(output, "")) || !(store->url = join(url, "")) ||
        !(store->partial = join(output, ".partial")) || !(store->journal = join(output, ".partial-journal"))) {
        gw_err_set(reterr, AIGW_E_NOMEM, "%s: out of memory", output);
        docs_store_close(store);
        return NULL;
    }
    gw_buf_init(&store->plain, TEXT_MAX);
    gw_buf_init(&store->content, TEXT_MAX);
    gw_buf_init(&store->metadata, TEXT_MAX);
    if (look_and_begin(store, reterr))
        return store;
    docs_store_close(store);
    return NULL;
}

/* ---- files ---- */

/** Its id, 0 when it is not there, -1 with the reason. */
static int64_t find_file(struct docs_store *store, const struct docs_file *file, bool *ret_is_same,
                         struct gw_err *reterr)
{
    sqlite3_stmt *statement = use(store, FIND_FILE, reterr);
    int64_t id = 0;
    int code;

    if (!statement)
        return -1;
    bind_text(statement, 1, gw_str(file->path));
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        id = sqlite3_column_int64(statement, 0);
        *ret_is_same =
            sqlite3_column_int64(statement, 1) == file->mtime_ns && sqlite3_column_int64(statement, 2) == file->size;
    } else if (code != SQLITE_DONE) {
        fail(store, reterr);
        id = -1;
    }
    sqlite3_reset(statement);
    return id;
}

int docs_store_look_up(struct docs_store *store, const struct docs_file *file, struct gw_err *reterr)
{
    bool is_same = false;
    int64_t id = find_file(store, file, &is_same, reterr);

    if (id < 0)
        return -1;
    if (id == 0)
        return DOCS_NEW;
    return is_same ? DOCS_UNCHANGED : DOCS_CHANGED;
}

static bool drop_file(struct docs_store *store, int64_t id, struct gw_err *reterr)
{
    sqlite3_stmt *pieces = use(store, DROP_PIECES, reterr), *file = use(store, DROP_FILE, reterr);

    if (!pieces || !file)
        return false;
    sqlite3_bind_int64(pieces, 1, id << PIECE_BITS);
    sqlite3_bind_int64(pieces, 2, (id << PIECE_BITS) + PIECES_MAX - 1);
    sqlite3_bind_int64(file, 1, id);
    store->has_changes = true;
    return run(store, pieces, reterr) && run(store, file, reterr);
}

struct put {
    struct docs_store *store;
    const struct docs_file *file;
    int64_t rowid, end;
    bool has_reason;
    struct gw_err *reterr;
};

static void put_member(struct gw_buf *out, const char *name, const char *value)
{
    gw_buf_printf(out, "%s\"%s\":", out->len ? "," : "{", name);
    gw_buf_json(out, gw_str(value), false);
}

static bool make_texts(struct docs_store *store, const struct put *put, const struct docs_piece *piece)
{
    struct gw_buf url;
    char id[32], name[4096];

    gw_buf_clear(&store->plain);
    gw_buf_clear(&store->content);
    gw_buf_clear(&store->metadata);
    gw_buf_init(&url, TEXT_MAX);
    gw_buf_printf(&store->content, "%s\n\n", piece->trail);
    gw_buf_put_str(&store->content, piece->text);
    docs_plain_text(gw_buf_str(&store->content), &store->plain);
    docs_url(store->url, put->file->path, &url);
    snprintf(id, sizeof id, "%llx", (unsigned long long)put->rowid);
    snprintf(name, sizeof name, "/%s", put->file->path);
    put_member(&store->metadata, "id", id);
    put_member(&store->metadata, "title", piece->title);
    put_member(&store->metadata, "heading", piece->trail);
    put_member(&store->metadata, "filename", name);
    put_member(&store->metadata, "source_url", url.data ? url.data : "");
    gw_buf_put(&store->metadata, "}", 1);
    gw_buf_done(&url);
    return store->plain.status == AIGW_OK && store->content.status == AIGW_OK && store->metadata.status == AIGW_OK;
}

static bool put_piece(void *user, const struct docs_piece *piece)
{
    struct put *put = user;
    struct docs_store *store = put->store;
    sqlite3_stmt *statement = use(store, PUT_PIECE, put->reterr);

    put->has_reason = true; /* should this fail */
    if (!statement)
        return false;
    if (put->rowid == put->end || !make_texts(store, put, piece)) {
        gw_err_set(put->reterr, AIGW_E_LIMIT, "%s: is too large, at most %d pieces", put->file->path, PIECES_MAX);
        return false;
    }
    sqlite3_bind_int64(statement, 1, put->rowid++);
    bind_text(statement, 2, gw_buf_str(&store->plain));
    bind_text(statement, 3, gw_buf_str(&store->content));
    bind_text(statement, 4, gw_buf_str(&store->metadata));
    if (!run(store, statement, put->reterr))
        return false;
    put->has_reason = false;
    return true;
}

static bool put_file(struct docs_store *store, const struct docs_file *file, aigw_str page, struct gw_err *reterr)
{
    struct put put = { .store = store, .file = file, .reterr = reterr };
    sqlite3_stmt *statement;
    bool is_same;
    int64_t id = find_file(store, file, &is_same, reterr);

    if (id < 0 || (id > 0 && !drop_file(store, id, reterr)))
        return false;
    statement = use(store, PUT_FILE, reterr);
    if (!statement)
        return false;
    bind_text(statement, 1, gw_str(file->path));
    sqlite3_bind_int64(statement, 2, file->mtime_ns);
    sqlite3_bind_int64(statement, 3, file->size);
    if (!run(store, statement, reterr))
        return false;
    store->has_changes = true;
    put.rowid = sqlite3_last_insert_rowid(store->db) << PIECE_BITS;
    put.end = put.rowid + PIECES_MAX;
    if (docs_pieces(page, file->path, put_piece, &put))
        return true;
    if (!put.has_reason)
        gw_err_set(reterr, AIGW_E_NOMEM, "%s: out of memory", file->path);
    return false;
}

bool docs_store_put(struct docs_store *store, const struct docs_file *file, aigw_str page, struct gw_err *reterr)
{
    if (!execute(store, "SAVEPOINT file", reterr))
        return false;
    if (put_file(store, file, page, reterr))
        return execute(store, "RELEASE file", reterr);
    sqlite3_exec(store->db, "ROLLBACK TO file; RELEASE file", NULL, NULL, NULL);
    return false;
}

bool docs_store_remove_others(struct docs_store *store, const struct docs_list *list, size_t *ret_count,
                              struct gw_err *reterr)
{
    sqlite3_stmt *statement = use(store, ALL_FILES, reterr);
    int64_t gone[256];
    size_t count;
    int code;

    *ret_count = 0;
    do { /* in batches: a table is not changed while it is read */
        count = 0;
        code = SQLITE_DONE;
        while (statement && count < GW_ARRAY_LEN(gone) && (code = sqlite3_step(statement)) == SQLITE_ROW)
            if (!docs_list_has(list, (const char *)sqlite3_column_text(statement, 1)))
                gone[count++] = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        if (!statement || (code != SQLITE_DONE && code != SQLITE_ROW))
            return statement ? fail(store, reterr) : false;
        for (size_t i = 0; i < count; i++)
            if (!drop_file(store, gone[i], reterr))
                return false;
        *ret_count += count;
    } while (count == GW_ARRAY_LEN(gone));
    return true;
}

/* ---- the end ---- */

bool docs_store_commit(struct docs_store *store, struct gw_err *reterr)
{
    return execute(store, "COMMIT", reterr) && execute(store, "BEGIN IMMEDIATE", reterr);
}

size_t docs_store_count(struct docs_store *store)
{
    sqlite3_stmt *statement = use(store, COUNT_PIECES, NULL);
    int64_t count = 0;

    if (statement && sqlite3_step(statement) == SQLITE_ROW)
        count = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return (size_t)count;
}

/** The name itself must reach the disk, too. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

bool docs_store_publish(struct docs_store *store, struct gw_err *reterr)
{
    bool is_good =
        (!store->has_changes || execute(store, "INSERT INTO doc_index(doc_index) VALUES('optimize')", reterr)) &&
        execute(store, "COMMIT", reterr);

    close_db(store);
    if (is_good && rename(store->partial, store->output) != 0) {
        gw_err_set(reterr, AIGW_E_INVALID, "%s: cannot be renamed to %s: %s", store->partial, store->output,
                   strerror(errno));
        is_good = false;
    }
    if (is_good)
        sync_folder(store->output);
    docs_store_close(store);
    return is_good;
}
