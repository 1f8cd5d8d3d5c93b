/* docs_page.c - puts the URL of the OpenAPI document into the page. */
#include "route/docs_page.h"

#include <string.h>

static void put_escaped(struct gw_buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            gw_buf_puts(out, "&amp;");
            break;
        case '<':
            gw_buf_puts(out, "&lt;");
            break;
        case '>':
            gw_buf_puts(out, "&gt;");
            break;
        case '"':
            gw_buf_puts(out, "&quot;");
            break;
        default:
            gw_buf_put(out, text, 1);
        }
    }
}

void gw_docs_page_put(struct gw_buf *out, const char *openapi_url)
{
    static const char mark[] = "%OPENAPI_URL%";
    const char *at = gw_docs_page, *next;

    while ((next = strstr(at, mark))) {
        gw_buf_put(out, at, (size_t)(next - at));
        put_escaped(out, openapi_url);
        at = next + sizeof mark - 1;
    }
    gw_buf_puts(out, at);
}
