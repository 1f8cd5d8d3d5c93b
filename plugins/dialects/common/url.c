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

/* Root, path, and both queries as one. */
static const char *url_join(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str root, aigw_str path,
                            aigw_str query, aigw_str more)
{
    size_t scheme = wire_has_prefix(root, "https://") ? 8 : wire_has_prefix(root, "http://") ? 7 : 0, len = 0;
    const aigw_str rest[] = { path, query, more };
    char *url = host->alloc(ctx, AIGW_LIFE_BUILD, root.len + path.len + query.len + more.len + 1);

    if (!url)
        return NULL;
    for (size_t i = 0; i < root.len; i++)
        if (i < scheme || root.ptr[i] != '/' || root.ptr[i - 1] != '/')
            url[len++] = root.ptr[i];
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        if (rest[i].len > 0) {
            memcpy(url + len, rest[i].ptr, rest[i].len);
            len += rest[i].len;
        }
    if (query.len > 0 && more.len > 0)
        url[len - more.len] = '&';
    url[len] = '\0';
    return url;
}

const char *wire_url(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str base, const char *path,
                     const char *const *tails)
{
    aigw_str query, root = url_path(base, &query);

    url_cut(&root, path, tails);
    while (wire_has_suffix(root, "/v1/v1") ||
           (wire_has_suffix(root, "/v1") && wire_has_prefix(wire_str(path), "/v1/"))) {
        root.len -= 3;
        url_trim(&root);
    }
    return url_join(host, ctx, root, wire_str(path), query, AIGW_STR_NONE);
}

/* A client wrote it: nothing in it may lead elsewhere. */
static bool url_is_plain(aigw_str path)
{
    static const char *const steps[] = { "//", "/.", "/%2e", "/%2E" };
    bool is_query = false;

    for (size_t i = 0; i < path.len; i++) {
        aigw_str rest = { path.ptr + i, path.len - i };

        is_query = is_query || path.ptr[i] == '?';
        if (path.ptr[i] <= ' ' || path.ptr[i] > '~' || path.ptr[i] == '#' || path.ptr[i] == '\\')
            return false;
        for (size_t n = 0; n < sizeof steps / sizeof *steps && !is_query; n++)
            if (wire_has_prefix(rest, steps[n]))
                return false;
    }
    return wire_has_prefix(path, "/");
}

aigw_status wire_raw_url(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str base, aigw_str path,
                         const char *const *tails, const char **ret_url)
{
    aigw_str query, more, root = url_path(base, &query);

    if (!url_is_plain(path))
        return host->fail(ctx, AIGW_E_INVALID, "the path of the request to pass through is none that a URL may have");
    path = url_path(path, &more);
    url_cut(&root, "", tails);
    while (wire_has_suffix(root, "/v1") && (wire_has_prefix(path, "/v1/") || wire_has_suffix(root, "/v1/v1"))) {
        root.len -= 3;
        url_trim(&root);
    }
    *ret_url = url_join(host, ctx, root, path, query, more);
    return *ret_url ? AIGW_OK : AIGW_E_NOMEM;
}
