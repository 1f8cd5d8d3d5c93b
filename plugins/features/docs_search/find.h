/* find.h - one search in the database, on a thread that may block. */
#ifndef DOCS_SEARCH_FIND_H
#define DOCS_SEARCH_FIND_H

#include <stdint.h>

#include <aigw/abi.h>

#include "query.h"
#include "request.h"

#define DS_REASON_MAX 256

/* What came of it. */
enum ds_outcome {
    DS_FOUND,       /* the rows are there, perhaps none */
    DS_NO_DATABASE, /* none of the files exists */
    DS_TOO_LATE,    /* not done before the deadline */
    DS_BROKEN,      /* `path` is no database of documents, or cannot be read: `reason` */
};

struct ds_row {
    char *content, *metadata; /* malloc'ed; metadata is JSON text as stored, not checked */
    size_t content_len, metadata_len;
};

/** A search: its question, then its answer. */
struct ds_search {
    const struct aigw_list *paths; /* the first that exists is searched; lives as long as the instance */
    int64_t page_size;
    int64_t deadline_ms; /* of ds_now_ms() */
    char expression[DS_EXPRESSION_MAX];

    enum ds_outcome outcome;
    const char *path; /* that was used, one of paths */
    char reason[DS_REASON_MAX];
    struct ds_row rows[DS_PAGE_MAX];
    size_t row_count;
};

/** A clock that never jumps and is the same on all threads. */
int64_t ds_now_ms(void);
/** Search. Blocks, at most until the deadline. */
void ds_find(struct ds_search *search);
/** Free the rows and the search. */
void ds_search_free(struct ds_search *search);

#endif
