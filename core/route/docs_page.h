/* docs_page.h - the API documentation for a browser: one page, everything inside, nothing fetched but the OpenAPI
 * document. docs_page.html is turned into C by the build. */
#ifndef GW_DOCS_PAGE_H
#define GW_DOCS_PAGE_H

#include "base/base.h"

/** The page as written, with %OPENAPI_URL% where the document's URL belongs; NUL-terminated, len without it. */
extern const char gw_docs_page[];
extern const size_t gw_docs_page_len;

/** Append the page for this URL ("/openapi.json"). The URL is escaped. */
void gw_docs_page_put(struct gw_buf *out, const char *openapi_url);

#endif
