/* vendor.c - the vendors' paths. Whatever is not in these tables is not found. */
#include "proxy.h"

#include <string.h>

#define ANTHROPIC   AIGW_STR_INIT("anthropic")
#define OPENAI_CHAT AIGW_STR_INIT("openai-chat")
#define OPENAI      AIGW_STR_INIT("openai")
#define VERTEX      AIGW_STR_INIT("vertex")

static const struct proxy_path anthropic_paths[] = {
    { .path = "/v1/messages", .action = PROXY_DO_RAW, .dialect = ANTHROPIC },
    { .path = "/v1/messages?beta=true", .action = PROXY_DO_RAW, .dialect = ANTHROPIC },
    { .path = "/v1/messages/count_tokens", .action = PROXY_DO_RAW, .is_other = true, .dialect = ANTHROPIC },
    { .path = "/v1/messages/count_tokens?beta=true", .action = PROXY_DO_RAW, .is_other = true, .dialect = ANTHROPIC },
    { .path = NULL },
};

static const struct proxy_path openai_paths[] = {
    { .path = "/v1/chat/completions", .action = PROXY_DO_RAW, .dialect = OPENAI_CHAT },
    { .path = "/v1/embeddings", .action = PROXY_DO_EMBED },
    { .path = "/v1/models",
      .action = PROXY_DO_RAW,
      .is_other = true,
      .dialect = OPENAI,
      .method = AIGW_STR_INIT("GET") }, /* the contract has POST, the vendor's API GET */
    { .path = "/v1/responses", .action = PROXY_DO_RAW, .is_other = true, .dialect = OPENAI },
    { .path = NULL },
};

static const struct proxy_path vertex_path = {
    .path = "/v1/projects", .action = PROXY_DO_RAW, .is_other = true, .dialect = VERTEX
};

static const struct proxy_api apis[PROXY_VENDORS] = {
    [PROXY_ANTHROPIC] = { .name = "anthropic",
                          .setting = "anthropic_model",
                          .paths = anthropic_paths,
                          .passed = { "anthropic-version", "anthropic-beta" },
                          .answered = { "anthropic-beta", "request-id" },
                          .answered_count = 2,
                          .no_key_status = 400 },
    [PROXY_OPENAI] = { .name = "openai",
                       .setting = "openai_model",
                       .paths = openai_paths,
                       .passed = { "user-agent" },
                       .no_key_status = 500 },
    [PROXY_VERTEX] = { .name = "vertex-ai", .setting = "vertex_model", .model_in_path = true, .no_key_status = 500 },
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

/** Take one or more characters up to `end`, and `end` itself. */
static bool take_name(aigw_str *text, char end, aigw_str *ret_name)
{
    size_t len = 0;

    while (len < text->len && text->ptr[len] != end && text->ptr[len] != '/')
        len++;
    if (len == 0 || len == text->len || text->ptr[len] != end)
        return false;
    *ret_name = (aigw_str){ text->ptr, len };
    text->ptr += len + 1;
    text->len -= len + 1;
    return true;
}

/* /v1/projects/<p>/locations/<l>/publishers/{google|anthropic}/models/<model>:<method> */
bool proxy_split_vertex(aigw_str path, aigw_str *ret_model, aigw_str *ret_method)
{
    aigw_str name;

    if (!take(&path, "/v1/projects/") || !take_name(&path, '/', &name) || !take(&path, "locations/") ||
        !take_name(&path, '/', &name) || !take(&path, "publishers/") ||
        !(take(&path, "google/") || take(&path, "anthropic/")) || !take(&path, "models/") ||
        !take_name(&path, ':', ret_model))
        return false;
    *ret_method = path;
    return true;
}

static bool is_vertex_path(aigw_str path, aigw_str query)
{
    static const char *const methods[] = { "predict", "serverStreamingPredict", "streamRawPredict", "generateContent",
                                           "streamGenerateContent" };
    aigw_str model, method;

    if ((query.len > 0 && !proxy_is(query, "alt=sse")) || !proxy_split_vertex(path, &model, &method))
        return false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (proxy_is(method, methods[i]))
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
