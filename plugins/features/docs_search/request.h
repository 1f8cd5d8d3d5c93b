/* request.h - the body of a search. */
#ifndef DOCS_SEARCH_REQUEST_H
#define DOCS_SEARCH_REQUEST_H

#include <aigw/body.h>

#define DS_PAGE_MAX 20

/** Strings live as the body does. */
struct ds_request {
    aigw_str query;
    int64_t page_size;
};

extern const struct aigw_body_table ds_request_table;

#endif
