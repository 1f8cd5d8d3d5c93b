/* embed.c - OpenAI's embeddings: the body is read here and the answer written here, because providers pass through
 * chats only. */
#include "proxy.h"

#include <string.h>

#include "../common/vector.h"

#define INPUTS_MAX 2048u /* the API's own limit */

static bool refuse(struct aigw_ctx *ctx, const struct proxy_call *call, const char *text)
{
    const struct aigw_error error = { .struct_size = sizeof error,
                                      .kind = AIGW_ERR_BAD_REQUEST,
                                      .retry_after_ms = -1,
                                      .message = { text, strlen(text) } };

    proxy_respond_error(ctx, call, &error);
    return false;
}

bool proxy_check_embed(struct aigw_ctx *ctx, struct proxy_call *call)
{
    struct aigw_json input, format;
    struct aigw_json_walk walk;

    aigw_json_member(&call->root, "encoding_format", &format);
    call->base64 = aigw_json_is_text(&format, "base64");
    if (format.type > AIGW_JSON_NULL && !call->base64 && !aigw_json_is_text(&format, "float"))
        return refuse(ctx, call, "encoding_format must be \"float\" or \"base64\"");
    aigw_json_member(&call->root, "input", &input);
    call->inputs = 1;
    if (input.type == AIGW_JSON_STRING)
        return true;
    call->inputs = (uint32_t)aigw_json_count(&input);
    if (input.type != AIGW_JSON_LIST || call->inputs == 0 || call->inputs > INPUTS_MAX)
        return refuse(ctx, call, "input must be a string or a list of 1 to 2048 strings");
    walk = aigw_json_begin(&input);
    for (struct aigw_json item; aigw_json_next(&walk, NULL, &item);)
        if (item.type != AIGW_JSON_STRING)
            return refuse(ctx, call, "input must hold strings: lists of numbers are not served by this gateway");
    return true;
}

static aigw_status read_inputs(struct proxy_call *call, struct aigw_memory *memory, aigw_str *inputs)
{
    struct aigw_json input;
    struct aigw_json_walk walk;
    aigw_status status = AIGW_OK;

    aigw_json_member(&call->root, "input", &input);
    if (input.type == AIGW_JSON_STRING)
        return aigw_json_text(&input, memory, inputs);
    walk = aigw_json_begin(&input);
    for (struct aigw_json item; status == AIGW_OK && aigw_json_next(&walk, NULL, &item); inputs++)
        status = aigw_json_text(&item, memory, inputs);
    return status;
}

aigw_status proxy_build_embed(struct aigw_ctx *ctx, struct proxy_call *call, struct aigw_model_request *ret_request)
{
    struct aigw_host_memory from = { call->proxy->host, ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, SIZE_MAX };
    aigw_str *inputs = aigw_memory_get(&memory, call->inputs * sizeof *inputs);
    struct aigw_params *params = aigw_memory_get(&memory, sizeof *params);
    struct aigw_json dimensions, user;
    int64_t wanted = 0;
    aigw_status status;

    if (!inputs || !params)
        return AIGW_E_NOMEM;
    *params = (struct aigw_params){ .struct_size = sizeof *params };
    aigw_json_member(&call->root, "dimensions", &dimensions);
    aigw_json_member(&call->root, "user", &user);
    aigw_json_int(&dimensions, &wanted);
    status = read_inputs(call, &memory, inputs);
    if (status == AIGW_OK && user.type == AIGW_JSON_STRING)
        status = aigw_json_text(&user, &memory, &params->user);
    ret_request->kind = AIGW_CALL_EMBEDDING;
    ret_request->inputs = inputs;
    ret_request->input_count = call->inputs;
    ret_request->dimensions = wanted > 0 && wanted <= INT32_MAX ? (int32_t)wanted : 0;
    ret_request->params = params;
    return status;
}

static void put_vector(const struct proxy_call *call, const struct aigw_event *event)
{
    const struct aigw_host *host = call->proxy->host;

    host->buf_printf(call->whole, "%s{\"object\":\"embedding\",\"index\":%u,\"embedding\":",
                     call->vectors ? "," : "{\"object\":\"list\",\"data\":[", event->index);
    if (call->base64)
        vector_put_base64(host, call->whole, event->vector, event->vector_len);
    else
        vector_put_list(host, call->whole, event->vector, event->vector_len);
    host->buf_put(call->whole, "}", 1);
}

static aigw_status respond(struct aigw_ctx *ctx, const struct proxy_call *call)
{
    const struct aigw_host *host = call->proxy->host;
    long long tokens = call->input_count > 0 ? call->input_count : 0;
    aigw_str answer;

    host->buf_printf(call->whole, "],\"model\":");
    host->buf_json(call->whole, call->model_name);
    host->buf_printf(call->whole, ",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}}", tokens, tokens);
    if (call->vectors == 0 || host->buf_view(call->whole, &answer) != AIGW_OK)
        return proxy_refuse(ctx, call->proxy, 502, "Bad Gateway");
    return host->respond(ctx, 200, NULL, answer, NULL, 0);
}

aigw_status proxy_event_embed(struct aigw_ctx *ctx, struct proxy_call *call, const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_EMBEDDING:
        put_vector(call, event);
        call->vectors++;
        return AIGW_OK;
    case AIGW_EVENT_USAGE:
        call->input_count = event->usage->input;
        return AIGW_OK;
    case AIGW_EVENT_END:
        return respond(ctx, call);
    case AIGW_EVENT_ERROR:
        return proxy_respond_error(ctx, call, event->error);
    default:
        return AIGW_OK;
    }
}
