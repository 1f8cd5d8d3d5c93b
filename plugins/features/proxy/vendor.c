/* vendor.c - the vendors' paths. Whatever is not in these tables is not found. */
#include "proxy.h"

#include <string.h>

static const struct proxy_path anthropic_paths[] = {
    { "/v1/messages", PROXY_DO_RAW },
    { "/v1/messages?beta=true", PROXY_DO_RAW },
    { "/v1/messages/count_tokens", PROXY_DO_COUNT }, /* newer clients leave the query out */
    { "/v1/messages/count_tokens?beta=true", PROXY_DO_COUNT },
    { NULL, 0 },
};

static const struct proxy_path openai_paths[] = {
    { "/v1/chat/completions", PROXY_DO_RAW },
    { "/v1/embeddings", PROXY_DO_EMBED },
    { "/v1/models", PROXY_DO_NOTHING },
    { "/v1/responses", PROXY_DO_NOTHING },
    { NULL, 0 },
};

static const struct proxy_path vertex_path = { "/v1/projects", PROXY_DO_NOTHING };

static const struct proxy_api apis[PROXY_VENDORS] = {
    [PROXY_ANTHROPIC] = { .name = "anthropic",
                          .setting = "anthropic_model",
                          .dialect = AIGW_STR_INIT("anthropic"),
                          .paths = anthropic_paths,
                          .passed = { "anthropic-version", "anthropic-beta" },
                          .no_key_status = 400 },
    [PROXY_OPENAI] = { .name = "openai",
                       .setting = "openai_model",
                       .dialect = AIGW_STR_INIT("openai-chat"),
                       .paths = openai_paths,
                       .passed = { "user-agent" },
                       .no_key_status = 500 },
    [PROXY_VERTEX] = { .name = "vertex-ai", .no_key_status = 500 },
};

const struct proxy_api *proxy_api_of(uint32_t tag)
{
    return &apis[tag];
}

/* ---- Vertex AI ---- */

/** Take `literal` off the front of *text. */
static bool take(aigw_str *text, const char *literal)
{
    size_t len = strlen(literal);

    if (text->len < len || memcmp(text->ptr, literal, len) != 0)
        return false;
    text->ptr += len;
    text->len -= len;
    return true;
}

/** Take one or more characters up to `end`, and `end` itself; without `end` all that is left. */
static bool take_name(aigw_str *text, char end)
{
    size_t len = 0;

    while (len < text->len && text->ptr[len] != end && text->ptr[len] != '/')
        len++;
    if (len == 0 || len == text->len || text->ptr[len] != end)
        return false;
    text->ptr += len + 1;
    text->len -= len + 1;
    return true;
}

/** /v1/projects/<p>/locations/<l>/publishers/{google|anthropic}/models/<model>:<method> */
static bool is_vertex_path(aigw_str path, aigw_str query)
{
    static const char *const methods[] = { "predict", "serverStreamingPredict", "streamRawPredict", "generateContent",
                                           "streamGenerateContent" };

    if (query.len > 0 && !proxy_is(query, "alt=sse"))
        return false;
    if (!take(&path, "/v1/projects/") || !take_name(&path, '/') || !take(&path, "locations/") ||
        !take_name(&path, '/') || !take(&path, "publishers/") ||
        !(take(&path, "google/") || take(&path, "anthropic/")) || !take(&path, "models/") || !take_name(&path, ':'))
        return false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (proxy_is(path, methods[i]))
            return true;
    return false;
}

/* ---- all ---- */

static bool is_path(const char *known, aigw_str path, aigw_str query)
{
    const char *mark = strchr(known, '?');
    size_t len = mark ? (size_t)(mark - known) : strlen(known);

    return path.len == len && memcmp(path.ptr, known, len) == 0 && proxy_is(query, mark ? mark + 1 : "");
}

const struct proxy_path *proxy_path_of(uint32_t tag, aigw_str path, aigw_str query)
{
    if (tag == PROXY_VERTEX)
        return is_vertex_path(path, query) ? &vertex_path : NULL;
    for (const struct proxy_path *known = apis[tag].paths; known->path; known++)
        if (is_path(known->path, path, query))
            return known;
    return NULL;
}
