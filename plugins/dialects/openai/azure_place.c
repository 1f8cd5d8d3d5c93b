/* azure_place.c - what people write as an Azure endpoint: the resource's root, a deployment's URL, the whole URL of a
 * call out of the portal, the v1 API, Foundry's inference API; in the public cloud, the government's and China's. */
#include "azure.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define URL_MAX            ((size_t)64 * 1024)
#define MODELS_API_VERSION "2024-05-01-preview" /* the inference API has had no other */

/* ---- pieces ---- */

/* Where `part` begins in text, from `from` on: a row of whole path segments, in any case. len when it does not. */
static size_t find_segments(aigw_str text, size_t from, const char *part)
{
    size_t len = strlen(part);

    for (size_t i = from; i + len <= text.len; i++)
        if (strncasecmp(text.ptr + i, part, len) == 0 && (i + len == text.len || text.ptr[i + len] == '/'))
            return i;
    return text.len;
}

static bool ends_in(aigw_str text, const char *end)
{
    size_t len = strlen(end);

    return text.len >= len && strncasecmp(text.ptr + text.len - len, end, len) == 0;
}

static bool cut_end(aigw_str *text, const char *end)
{
    if (!ends_in(*text, end))
        return false;
    text->len -= strlen(end);
    while (text->len > 0 && text->ptr[text->len - 1] == '/')
        text->len--;
    return true;
}

/* Length of scheme and host, with the port. */
static size_t origin_len(aigw_str url)
{
    const char *scheme = url.len > 3 ? memmem(url.ptr, url.len, "://", 3) : NULL, *slash;
    size_t from = scheme ? (size_t)(scheme - url.ptr) + 3 : 0;

    slash = from < url.len ? memchr(url.ptr + from, '/', url.len - from) : NULL;
    return slash ? (size_t)(slash - url.ptr) : url.len;
}

/* ---- what it is ---- */

static const struct {
    const char *end; /* of the host */
    const char *cloud;
    bool is_foundry; /* a resource whose models come from many makers */
    bool is_single;  /* an endpoint that is one model */
} azure_hosts[] = {
    { ".services.ai.azure.com", "public", true, false },
    { ".services.ai.azure.us", "government", true, false },
    { ".services.ai.azure.cn", "china", true, false },
    { ".models.ai.azure.com", "public", false, true },
    { ".inference.ai.azure.com", "public", false, true },
    { ".inference.ml.azure.com", "public", false, true },
    { ".inference.ml.azure.us", "government", false, true },
    { ".azure.us", "government", false, false },
    { ".azure.cn", "china", false, false },
};

/* …/deployments/{name}/…; a name may be missing still. */
static bool read_deployment(aigw_str path_and_all, size_t origin, struct azure_place *place)
{
    static const char segments[] = "/deployments";
    size_t at = find_segments(path_and_all, origin, segments), from = at + sizeof segments, end;

    if (at == path_and_all.len)
        return false;
    for (end = from; end < path_and_all.len && path_and_all.ptr[end] != '/'; end++)
        ;
    place->form = AZURE_DEPLOYMENTS;
    place->base.len = at;
    if (from < path_and_all.len)
        place->deployment = (aigw_str){ path_and_all.ptr + from, end - from };
    return true;
}

/* The end of a call's URL that was pasted whole. */
static void cut_call(aigw_str *base)
{
    static const char *const calls[] = { "/chat/completions", "/completions", "/embeddings", "/responses", "/models" };

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (cut_end(base, calls[i]))
            return;
}

void azure_read_place(aigw_str endpoint, const char *version, struct azure_place *ret_place)
{
    struct azure_place *place = ret_place;
    aigw_str query, whole = wire_url_split(endpoint, &query), host = wire_url_host(whole);
    size_t origin = origin_len(whole), at;
    bool is_foundry = false, is_single = false;

    *place = (struct azure_place){ .cloud = "public",
                                   .base = whole,
                                   .between = "",
                                   .query = query.len > 0 ? (aigw_str){ query.ptr + 1, query.len - 1 } : query,
                                   .version = version };
    for (size_t i = 0; i < sizeof azure_hosts / sizeof *azure_hosts; i++)
        if (ends_in(host, azure_hosts[i].end)) {
            place->cloud = azure_hosts[i].cloud;
            is_foundry = azure_hosts[i].is_foundry;
            is_single = azure_hosts[i].is_single;
            break;
        }
    place->is_bearer = is_single;
    if (read_deployment(whole, origin, place))
        return;
    at = find_segments(whole, origin, "/openai/v1");
    if (at < whole.len) {
        place->form = AZURE_V1;
        place->base.len = at + strlen("/openai/v1");
        return;
    }
    if (is_single) {
        place->form = AZURE_MODELS;
        cut_call(&place->base);
        return;
    }
    at = find_segments(whole, origin, "/models");
    if (at < whole.len &&
        (is_foundry || ends_in(whole, "/models/chat/completions") || ends_in(whole, "/models/embeddings"))) {
        place->form = AZURE_MODELS;
        place->base.len = at + strlen("/models");
        return;
    }
    if (is_foundry && find_segments(whole, origin, "/openai") == whole.len) {
        place->form = AZURE_MODELS;
        place->base.len = origin; /* a project's path has no inference API of its own */
        place->between = "/models";
        return;
    }
    cut_call(&place->base);
    if (ends_in(place->base, "/v1")) { /* something that speaks OpenAI's dialect in front of Azure */
        place->form = AZURE_V1;
        return;
    }
    cut_end(&place->base, "/openai");
    place->form = AZURE_DEPLOYMENTS;
    place->between = "/openai";
}

/* ---- where a call goes ---- */

/* The next parameter of a query. */
static bool next_param(aigw_str *rest, aigw_str *ret_param)
{
    const char *end = rest->len > 0 ? memchr(rest->ptr, '&', rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->ptr) : rest->len;

    *ret_param = (aigw_str){ rest->ptr, len };
    if (rest->len == 0)
        return false;
    *rest = (aigw_str){ rest->ptr + len + (end != NULL), rest->len - len - (end != NULL) };
    return true;
}

static bool is_version(aigw_str param)
{
    return param.len > 12 && strncasecmp(param.ptr, "api-version=", 12) == 0;
}

bool azure_is_old(const struct azure_place *place)
{
    static const char first[] = "2024-09-01";
    aigw_str rest = place->query, param, version = wire_str(place->version);

    while (next_param(&rest, &param))
        if (is_version(param))
            version = (aigw_str){ param.ptr + 12, param.len - 12 };
    return place->form == AZURE_DEPLOYMENTS && version.len >= sizeof first - 1 &&
           isdigit((unsigned char)version.ptr[0]) && memcmp(version.ptr, first, sizeof first - 1) < 0;
}

/* The endpoint's query, and the version where one must be. It has no place below …/openai/v1, unless somebody wrote it
 * there. */
static void put_query(const struct aigw_host *host, struct aigw_buf *url, const struct azure_place *place, bool is_v1,
                      const char *mark)
{
    aigw_str rest = place->query, param;
    bool has_version = false;

    while (next_param(&rest, &param)) {
        if (is_v1 && place->form != AZURE_V1 && is_version(param))
            continue;
        has_version |= is_version(param);
        host->buf_printf(url, "%s%.*s", mark, AIGW_STR_ARG(param));
        mark = "&";
    }
    if (!is_v1 && !has_version)
        host->buf_printf(url, "%sapi-version=%s", mark,
                         place->form == AZURE_MODELS ? MODELS_API_VERSION : place->version);
}

const char *azure_v1_root(const struct aigw_host *host, struct aigw_ctx *ctx, const struct azure_place *place)
{
    struct aigw_buf *url = host->buf_new(ctx, AIGW_LIFE_BUILD, URL_MAX);
    aigw_str text, base = place->base;
    const char *below = place->form == AZURE_V1 ? "" : "/v1", *between = place->between;

    if (!url)
        return NULL;
    if (place->form == AZURE_MODELS) {
        base.len = origin_len(base);
        between = "/openai";
    }
    host->buf_printf(url, "%.*s%s%s", AIGW_STR_ARG(base), between, below);
    put_query(host, url, place, true, "?");
    return host->buf_view(url, &text) == AIGW_OK ? text.ptr : NULL;
}

const char *azure_url(const struct aigw_host *host, struct aigw_ctx *ctx, const struct azure_place *place,
                      aigw_str deployment, uint32_t path)
{
    static const char *const none[] = { NULL };
    struct aigw_buf *url = host->buf_new(ctx, AIGW_LIFE_BUILD, URL_MAX);
    const char *root;
    aigw_str text;

    if (!url)
        return NULL;
    if (path == OPENAI_MODELS) {
        root = azure_v1_root(host, ctx, place);
        return root ? wire_url(host, ctx, wire_str(root), "/models", none) : NULL;
    }
    host->buf_printf(url, "%.*s%s", AIGW_STR_ARG(place->base), place->between);
    if (place->form == AZURE_DEPLOYMENTS) {
        host->buf_printf(url, "/deployments/");
        wire_put_encoded(host, url, deployment, WIRE_PLAIN);
    }
    host->buf_printf(url, "%s",
                     path == OPENAI_CHAT         ? "/chat/completions"
                     : path == OPENAI_COMPLETION ? "/completions"
                                                 : "/embeddings");
    put_query(host, url, place, place->form == AZURE_V1, "?");
    return host->buf_view(url, &text) == AIGW_OK ? text.ptr : NULL;
}
