/* body.c - what the proxy looks at in a body that it passes on as it is: the model's name and whether a stream is
 * wanted. */
#include "proxy.h"

#include <string.h>

/* ---- which model ---- */

/** "name" or, with a star at its end, all that begin so. */
static bool is_match(aigw_str pattern, aigw_str name)
{
    if (pattern.len > 0 && pattern.ptr[pattern.len - 1] == '*')
        return name.len >= pattern.len - 1 && memcmp(name.ptr, pattern.ptr, pattern.len - 1) == 0;
    return pattern.len == name.len && memcmp(name.ptr, pattern.ptr, name.len) == 0;
}

/** The first entry that fits decides. False when the list knows no such model. */
static bool choose_model(struct proxy_call *call)
{
    const struct aigw_list *list = &call->vendor->models;

    call->chosen = call->vendor->model;
    for (size_t i = 0; i < list->count; i++) {
        const char *entry = list->items[i], *mark = strchr(entry, '=');
        size_t len = mark ? (size_t)(mark - entry) : strlen(entry);

        if (!is_match(aigw_utf8_strip((aigw_str){ entry, len }), call->model_name))
            continue;
        if (mark)
            call->chosen = mark + 1 + strspn(mark + 1, " ");
        return true;
    }
    return list->count == 0;
}

/* ---- the body ---- */

/** The top-level model's name. A second one is no name: the server might read the other. */
static bool find_model(struct aigw_ctx *ctx, struct proxy_call *call)
{
    struct aigw_host_memory from = { call->proxy->host, ctx, AIGW_LIFE_REQUEST };
    struct aigw_memory memory = { aigw_host_memory_get, &from, SIZE_MAX };
    struct aigw_json_walk walk = aigw_json_begin(&call->root);
    struct aigw_json key, value;
    uint32_t count = 0;
    aigw_str name;
    char *copy;

    while (call->root.type == AIGW_JSON_OBJECT && aigw_json_next(&walk, &key, &value))
        if (aigw_json_is_text(&key, "model")) {
            call->model = value;
            count++;
        }
    if (count != 1 || aigw_json_text(&call->model, &memory, &name) != AIGW_OK || name.len == 0)
        return false;
    copy = aigw_memory_get(&memory, name.len);
    if (!copy)
        return false;
    memcpy(copy, name.ptr, name.len); /* answers name it when the body is gone */
    call->model_name = (aigw_str){ copy, name.len };
    return true;
}

/** Of the path, as Vertex AI's clients write it. */
static bool find_model_in_path(struct proxy_call *call)
{
    aigw_str method;

    if (!proxy_split_vertex(call->server_path, &call->model_name, &method))
        return false;
    call->wants_stream = proxy_is(method, "serverStreamingPredict") || proxy_is(method, "streamRawPredict") ||
                         method.len > 20; /* streamGenerateContent, perhaps with a query */
    return true;
}

bool proxy_read_body(struct aigw_ctx *ctx, struct proxy_call *call)
{
    const struct aigw_host *host = call->proxy->host;
    struct aigw_json stream;

    if (aigw_json_check(call->request->body, 0, &call->root, NULL) != AIGW_OK) {
        host->respond_detail(ctx, 400, "Invalid JSON");
        return false;
    }
    if (!(call->api->model_in_path ? find_model_in_path(call) : find_model(ctx, call))) {
        host->respond_detail(ctx, 400, "Failed to extract model name");
        return false;
    }
    if (!choose_model(call)) {
        host->respond_detail(ctx, 400, "Unsupported model");
        return false;
    }
    if (call->api->model_in_path)
        return true;
    aigw_json_member(&call->root, "stream", &stream);
    aigw_json_bool(&stream, &call->wants_stream);
    return true;
}
