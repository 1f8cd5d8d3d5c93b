/* url.c - the URL of a call, from what people write as an endpoint. */
#include "wire.h"

#include <string.h>

static void url_trim(aigw_str *root)
{
    while (wire_has_suffix(*root, "/"))
        root->len--;
}

/* The part before the query, without slashes at its end. *ret_query: from the ? on, without a fragment. */
static aigw_str url_path(aigw_str base, aigw_str *ret_query)
{
    const char *hash = base.len > 0 ? memchr(base.ptr, '#', base.len) : NULL, *query;

    if (hash)
        base.len = (size_t)(hash - base.ptr);
    query = base.len > 0 ? memchr(base.ptr, '?', base.len) : NULL;
    *ret_query = AIGW_STR_NONE;
    if (query) {
        *ret_query = (aigw_str){ query, base.len - (size_t)(query - base.ptr) };
        base.len = (size_t)(query - base.ptr);
    }
    url_trim(&base);
    return base;
}

/* Take the longest ending of `path` and `tails` off. */
static void url_cut(aigw_str *root, const char *path, const char *const *tails)
{
    size_t cut = wire_has_suffix(*root, path) ? strlen(path) : 0;

    for (; *tails; tails++)
        if (wire_has_suffix(*root, *tails) && strlen(*tails) > cut)
            cut = strlen(*tails);
    root->len -= cut;
    url_trim(root);
}

bool wire_url_ends(aigw_str base, const char *tail)
{
    aigw_str query;

    return wire_has_suffix(url_path(base, &query), tail);
}

const char *wire_url(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str base, const char *path,
                     const char *const *tails)
{
    aigw_str query, root = url_path(base, &query);
    size_t scheme, len = 0;
    char *url;

    url_cut(&root, path, tails);
    while (wire_has_suffix(root, "/v1/v1") ||
           (wire_has_suffix(root, "/v1") && wire_has_prefix(wire_str(path), "/v1/"))) {
        root.len -= 3;
        url_trim(&root);
    }
    url = host->alloc(ctx, AIGW_LIFE_BUILD, root.len + strlen(path) + query.len + 1);
    if (!url)
        return NULL;
    scheme = wire_has_prefix(root, "https://") ? 8 : wire_has_prefix(root, "http://") ? 7 : 0;
    for (size_t i = 0; i < root.len; i++)
        if (i < scheme || root.ptr[i] != '/' || root.ptr[i - 1] != '/')
            url[len++] = root.ptr[i];
    memcpy(url + len, path, strlen(path));
    len += strlen(path);
    if (query.len > 0)
        memcpy(url + len, query.ptr, query.len);
    url[len + query.len] = '\0';
    return url;
}
