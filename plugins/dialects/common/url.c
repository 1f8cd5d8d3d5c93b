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

/* From the first slash behind the host on. */
static aigw_str path_of(aigw_str url)
{
    aigw_str query, path = url_path(url, &query);
    const char *host = path.len > 0 ? memmem(path.ptr, path.len, "://", 3) : NULL, *slash;

    if (host)
        path = (aigw_str){ host + 3, path.len - (size_t)(host + 3 - path.ptr) };
    slash = path.len > 0 ? memchr(path.ptr, '/', path.len) : NULL;
    return slash ? (aigw_str){ slash, path.len - (size_t)(slash - path.ptr) } : AIGW_STR_NONE;
}

bool wire_url_has_version(aigw_str url)
{
    aigw_str path = path_of(url);

    for (size_t i = 0; i + 2 < path.len; i++)
        if (path.ptr[i] == '/' && path.ptr[i + 1] == 'v' && path.ptr[i + 2] >= '0' && path.ptr[i + 2] <= '9')
            return true;
    return false;
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

/* ---- bytes that name their path ---- */

static aigw_str raw_path(const struct aigw_raw *raw, aigw_str *ret_query)
{
    const char *query = raw->path.len > 0 ? memchr(raw->path.ptr, '?', raw->path.len) : NULL;
    size_t len = query ? (size_t)(query - raw->path.ptr) : raw->path.len;

    *ret_query = query ? (aigw_str){ query, raw->path.len - len } : AIGW_STR_NONE;
    return (aigw_str){ raw->path.ptr, len };
}

bool wire_raw_path_ends(const struct aigw_raw *raw, const char *tail)
{
    aigw_str query;

    return wire_has_suffix(raw_path(raw, &query), tail);
}

static bool is_word(aigw_str method)
{
    for (size_t i = 0; i < method.len; i++)
        if (method.ptr[i] < 'A' || method.ptr[i] > 'Z')
            return false;
    return true;
}

static bool is_of_url(aigw_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '#' || text.ptr[i] == '\\')
            return false;
    return true;
}

/* Stays below the root, whatever is behind it. */
static bool is_below(aigw_str path)
{
    return is_of_url(path) && wire_has_prefix(path, "/") && !wire_has_suffix(path, "/..") &&
           !memmem(path.ptr, path.len, "/../", 4) && !wire_contains(path, "%2e");
}

aigw_status wire_raw_place(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                           aigw_str base, struct aigw_http_request *ret_http)
{
    static const char *const pasted[] = { "/chat/completions", "/completions", "/embeddings", "/models", NULL };
    aigw_str query, path = raw_path(raw, &query);
    const char *tail, *url;

    if (!is_below(path) || !is_of_url(query) || !is_word(raw->method))
        return host->fail(ctx, AIGW_E_INVALID, "the request's method or path is none of the model server's");
    if (wire_has_prefix(path, "/v1/") && path_of(base).len > 0)
        path = (aigw_str){ path.ptr + 3, path.len - 3 };
    tail = wire_join(host, ctx, path, AIGW_STR_NONE);
    url = tail ? wire_url(host, ctx, base, tail, pasted) : NULL;
    if (url && query.len > 1) { /* behind the one of the base */
        const char *more = strchr(url, '?') ? wire_join(host, ctx, wire_str(url), AIGW_STR("&")) : url;

        query = more == url ? query : (aigw_str){ query.ptr + 1, query.len - 1 };
        url = more ? wire_join(host, ctx, wire_str(more), query) : NULL;
    }
    ret_http->url = url;
    ret_http->method = raw->method.len > 0 ? wire_join(host, ctx, raw->method, AIGW_STR_NONE) : "POST";
    return ret_http->url && ret_http->method ? AIGW_OK : AIGW_E_NOMEM;
}
