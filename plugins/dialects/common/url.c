/* url.c - the URL of a call, from what people write as an endpoint. */
#include "wire.h"

#include <string.h>

void wire_put_encoded(const struct aigw_host *host, struct aigw_buf *out, aigw_str text, const char *plain)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            memchr(plain, c, strlen(plain)))
            host->buf_put(out, &c, 1);
        else
            host->buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

static void url_trim(aigw_str *root)
{
    while (wire_has_suffix(*root, "/"))
        root->len--;
}

aigw_str wire_url_split(aigw_str base, aigw_str *ret_query)
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

/* No version twice. */
static void url_cut_version(aigw_str *root, const char *path)
{
    while (wire_has_suffix(*root, "/v1/v1") ||
           (wire_has_suffix(*root, "/v1") && wire_has_prefix(wire_str(path), "/v1/"))) {
        root->len -= 3;
        url_trim(root);
    }
}

/* From the first slash behind the host on. */
static aigw_str path_of(aigw_str url)
{
    aigw_str query, path = wire_url_split(url, &query);
    const char *host = path.len > 0 ? memmem(path.ptr, path.len, "://", 3) : NULL, *slash;

    if (host)
        path = (aigw_str){ host + 3, path.len - (size_t)(host + 3 - path.ptr) };
    slash = path.len > 0 ? memchr(path.ptr, '/', path.len) : NULL;
    return slash ? (aigw_str){ slash, path.len - (size_t)(slash - path.ptr) } : AIGW_STR_NONE;
}

aigw_str wire_url_host(aigw_str url)
{
    const char *at = url.len > 0 ? memmem(url.ptr, url.len, "://", 3) : NULL;
    size_t len = 0;

    if (!at)
        return AIGW_STR_NONE;
    at += 3;
    while (at + len < url.ptr + url.len && !memchr(":/?#", at[len], 4))
        len++;
    return (aigw_str){ at, len };
}

bool wire_url_is_bare(aigw_str url)
{
    return path_of(url).len == 0;
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

    return wire_has_suffix(wire_url_split(base, &query), tail);
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
    aigw_str query, root = wire_url_split(base, &query);

    url_cut(&root, path, tails);
    url_cut_version(&root, path);
    return url_join(host, ctx, root, wire_str(path), query, AIGW_STR_NONE);
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

/* A client wrote it: it stays below the root, whatever is behind it. */
static bool is_below(aigw_str path)
{
    static const char *const steps[] = { "//", "/.", "/%2e", "/%2E" };

    for (size_t i = 0; i < path.len; i++)
        for (size_t n = 0; n < sizeof steps / sizeof *steps; n++)
            if (wire_has_prefix((aigw_str){ path.ptr + i, path.len - i }, steps[n]))
                return false;
    return is_of_url(path) && wire_has_prefix(path, "/");
}

aigw_status wire_raw_at(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw, aigw_str base,
                        const char *const *tails, bool is_version, struct aigw_http_request *ret_http)
{
    aigw_str query, more, path = raw_path(raw, &more), root = wire_url_split(base, &query);
    const char *end;

    if (!is_below(path) || !is_of_url(more) || !is_word(raw->method))
        return host->fail(ctx, AIGW_E_INVALID, "the request's method or path is none of the model server's");
    if (is_version && wire_has_prefix(path, "/v1/") && path_of(base).len > 0)
        path = (aigw_str){ path.ptr + 3, path.len - 3 };
    end = wire_join(host, ctx, path, AIGW_STR_NONE);
    if (!end)
        return AIGW_E_NOMEM;
    url_cut(&root, end, tails);
    url_cut_version(&root, end);
    ret_http->url = url_join(host, ctx, root, path, query, more.len > 1 ? more : AIGW_STR_NONE);
    ret_http->method = raw->method.len > 0 ? wire_join(host, ctx, raw->method, AIGW_STR_NONE) : "POST";
    return ret_http->url && ret_http->method ? AIGW_OK : AIGW_E_NOMEM;
}

aigw_status wire_raw_place(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_raw *raw,
                           aigw_str base, struct aigw_http_request *ret_http)
{
    static const char *const pasted[] = { "/chat/completions", "/completions", "/embeddings",
                                          "/models",           "/responses",   NULL };

    return wire_raw_at(host, ctx, raw, base, pasted, true, ret_http);
}
