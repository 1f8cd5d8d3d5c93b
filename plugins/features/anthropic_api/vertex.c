/* vertex.c - Vertex AI's form of Anthropic's API: the model stands in the path, and what are headers elsewhere in the
 * body. It becomes a body of /v1/messages, and all else is as there. */
#include "anthropic_api.h"

#include <string.h>

#define BETAS_MAX (16u << 10)

/* A list of names, or one with commas in it, behind those of the header. Absent when there are none. */
static aigw_status read_betas(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_json *value,
                              aigw_str *ret_names)
{
    struct aigw_buf *names = host->buf_new(ctx, AIGW_LIFE_REQUEST, BETAS_MAX);
    struct aigw_json_walk walk = aigw_json_begin(value);
    aigw_str header = host->header(ctx, "anthropic-beta");
    struct aigw_json item = *value;
    bool is_first = header.len == 0;

    if (!names)
        return AIGW_E_NOMEM;
    host->buf_put(names, header.ptr, header.len);
    while (value->type != AIGW_JSON_LIST || aigw_json_next(&walk, NULL, &item)) {
        bool is_plain = item.type == AIGW_JSON_STRING && !(item.flags & AIGW_JSONF_ESCAPES);

        if (is_plain && item.text.len > 2) {
            host->buf_put(names, ",", !is_first);
            host->buf_put(names, item.text.ptr + 1, item.text.len - 2);
            is_first = false;
        }
        if (value->type != AIGW_JSON_LIST)
            break;
    }
    return host->buf_view(names, ret_names);
}

aigw_status anthropic_api_from_vertex(struct aigw_ctx *ctx, struct anthropic_api_call *call,
                                      const struct aigw_request *request)
{
    const struct aigw_host *host = call->api->host;
    aigw_str model = request->path_params[request->path_param_count - 1].value;
    struct aigw_json root, key, value;
    struct aigw_json_walk members;
    struct aigw_buf *body;
    bool has_stream = false, is_first = true;

    /* then the model stands in the body */
    call->is_count = request->route->tag == ANTHROPIC_API_VERTEX && wire_is(model, "count-tokens");
    if (aigw_json_check(request->body, 0, &root, NULL) != AIGW_OK || root.type != AIGW_JSON_OBJECT)
        return AIGW_OK; /* its reader says why not */
    body = host->buf_new(ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    if (!body)
        return AIGW_E_NOMEM;
    host->buf_put(body, "{", 1);
    if (!call->is_count) {
        host->buf_put(body, "\"model\":", strlen("\"model\":"));
        host->buf_json(body, model);
        is_first = false;
    }
    members = aigw_json_begin(&root);
    while (aigw_json_next(&members, &key, &value)) {
        if (aigw_json_is_text(&key, "anthropic_version") || (!call->is_count && aigw_json_is_text(&key, "model")))
            continue;
        if (aigw_json_is_text(&key, "anthropic_beta")) {
            aigw_status status = read_betas(host, ctx, &value, &call->betas);

            if (status != AIGW_OK)
                return status;
            continue;
        }
        has_stream |= aigw_json_is_text(&key, "stream");
        host->buf_put(body, ",", !is_first);
        host->buf_put(body, key.text.ptr, key.text.len);
        host->buf_put(body, ":", 1);
        host->buf_put(body, value.text.ptr, value.text.len);
        is_first = false;
    }
    if (request->route->tag == ANTHROPIC_API_VERTEX_STREAM && !has_stream)
        host->buf_put(body, ",\"stream\":true", strlen(",\"stream\":true"));
    host->buf_put(body, "}", 1);
    return host->buf_view(body, &call->body);
}
