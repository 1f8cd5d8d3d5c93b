/* docs.h - what `aigw docs index` is made of: the list of files, their pieces, the database.
 *
 * It is a program of its own, docs-index, which `aigw` becomes: a gateway that serves for months need not hold what
 * writes databases (a quarter of a megabyte). */
#ifndef GW_DOCS_DOCS_H
#define GW_DOCS_DOCS_H

#include <stdio.h>

#include "base/base.h"

/* ---- walk.c: which files there are ---- */

struct docs_file {
    const char *path; /* below the folder, without a slash in front */
    int64_t mtime_ns, size;
};

/** The Markdown files of a folder, by path. */
struct docs_list {
    const char *folder;
    struct docs_file *files;
    size_t count, capacity;
    size_t error_count;      /* what could not be looked at; each was printed */
    bool has_unread_folders; /* so a file that is not here may still exist */
    struct gw_arena paths;
};

/** Walk the folder: *.md, hidden files and linked folders left out. False with the reason when it cannot be begun. */
bool docs_list_read(struct docs_list *list, const char *folder, struct gw_err *reterr);
void docs_list_done(struct docs_list *list);
bool docs_list_has(const struct docs_list *list, const char *path);

/* ---- pieces.c: what is in one of them ---- */

/* A piece is cut at headings, or else at paragraphs, so that four of them, what one answer usually holds, are a third
 * of the 8,000 tokens that it may hold, and a model reads what was asked for and little else. */
#define DOCS_PIECE_WORDS     400
#define DOCS_PIECE_WORDS_MIN 60 /* shorter sections go together with the next one */
#define DOCS_PIECE_BYTES     6000
#define DOCS_TITLE_MAX       256

struct docs_piece {
    const char *title; /* of the page */
    const char *trail; /* headings above it, "Title > Heading > Heading" */
    aigw_str text;     /* Markdown */
};

/** Cut a page into pieces and hand each to `take`, which answers false to stop. A page that only says where it moved to
 *  has none. `path` gives the title when the page has none. False when stopped or out of memory. */
bool docs_pieces(aigw_str page, const char *path, bool (*take)(void *user, const struct docs_piece *piece), void *user);
/** What of a piece is searched: the text without the targets of links. */
void docs_plain_text(aigw_str text, struct gw_buf *out);
/** Where the page is on the documentation's site: "<base>/user/project/" for user/project/_index.md. */
void docs_url(const char *base, const char *path, struct gw_buf *out);

/* ---- store.c: the database ---- */

struct docs_store;

/** Open the unfinished database beside `output`. When there is none it begins as a copy of `output`, or empty. `url` is
 *  the site of the documentation; with another one all files count as new. NULL with the reason. */
struct docs_store *docs_store_open(const char *output, const char *url, struct gw_err *reterr);
/** Close it. What was committed stays for the next run. NULL is fine. */
void docs_store_close(struct docs_store *store);

#define DOCS_NEW       0
#define DOCS_CHANGED   1
#define DOCS_UNCHANGED 2
/** DOCS_…, or -1 with the reason. */
int docs_store_look_up(struct docs_store *store, const struct docs_file *file, struct gw_err *reterr);
/** Put the page in place of what the file was before. False with the reason; then nothing of it is there. */
bool docs_store_put(struct docs_store *store, const struct docs_file *file, aigw_str page, struct gw_err *reterr);
/** Take out what is not in the list. */
bool docs_store_remove_others(struct docs_store *store, const struct docs_list *list, size_t *ret_count,
                              struct gw_err *reterr);
/** Make what was done so far survive an interruption. */
bool docs_store_commit(struct docs_store *store, struct gw_err *reterr);
/** Pieces in it. */
size_t docs_store_count(struct docs_store *store);
/** Finish the database and rename it to its place. The store is closed, whatever comes of it. */
bool docs_store_publish(struct docs_store *store, struct gw_err *reterr);

/* ---- index.c: the whole of it ---- */

/** Bring the database `output` up to what is in `folder` and print what was done; trouble goes to standard error.
 * Slashes at the end of folder and url are taken off in place. The process's exit status. */
int docs_index(char *folder, const char *output, char *url);

#endif
