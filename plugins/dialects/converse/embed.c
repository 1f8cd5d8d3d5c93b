/* embed.c - embeddings: Converse has none, so the bodies are the vendors' own, for InvokeModel.
 *
 *     Titan     {"inputText","dimensions"} → {"embedding":[…],"inputTextTokenCount"}        one text a call
 *     Cohere    {"texts","input_type","output_dimension"} → {"embeddings":[[…]…]} or {"embeddings":{"float":[[…]…]}} */
#include "converse.h"

#include <string.h>

#define VECTOR_MAX 65536u

enum maker { MAKER_NONE, MAKER_TITAN, MAKER_COHERE };

static enum maker maker_of(aigw_str model)
{
    if (wire_contains(model, "titan-embed"))
        return MAKER_TITAN;
    return wire_contains(model, "cohere.embed") ? MAKER_COHERE : MAKER_NONE;
}

static void put_titan(struct wire_body *body, aigw_str model, const struct aigw_model_request *req,
                      struct wire_drops *drops)
{
    wire_string(body, "inputText", req->inputs[0]);
    if (req->dimensions > 0 && !wire_contains(model, "titan-embed-text-v1"))
        wire_int(body, "dimensions", req->dimensions);
    else if (req->dimensions > 0)
        wire_drop(body->host, body->ctx, drops, AIGW_STR("dimensions"));
    if (req->input_type.len > 0)
        wire_drop(body->host, body->ctx, drops, AIGW_STR("input_type"));
}

static void put_cohere(struct wire_body *body, aigw_str model, const struct aigw_model_request *req,
                       struct wire_drops *drops)
{
    aigw_str type = req->input_type;

    wire_key(body, "texts");
    for (uint32_t i = 0; i < req->input_count; i++) {
        wire_puts(body, i > 0 ? "," : "[");
        body->host->buf_json(body->buf, req->inputs[i]);
    }
    wire_puts(body, "]");
    if (type.len == 0 || wire_is(type, "document")) /* the member is required */
        type = AIGW_STR("search_document");
    else if (wire_is(type, "query"))
        type = AIGW_STR("search_query");
    wire_string(body, "input_type", type);
    if (req->dimensions > 0 && wire_contains(model, "embed-v4")) {
        wire_int(body, "output_dimension", req->dimensions);
        wire_key(body, "embedding_types");
        wire_puts(body, "[\"float\"]");
    } else if (req->dimensions > 0) {
        wire_drop(body->host, body->ctx, drops, AIGW_STR("dimensions"));
    }
}

aigw_status converse_embed_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                                const struct aigw_model_request *req, struct converse_call *call, aigw_str *ret_body)
{
    enum maker maker = maker_of(model);
    struct wire_body body;
    aigw_status status;

    if (maker == MAKER_NONE)
        return host->fail(ctx, AIGW_E_UNSUPPORTED,
                          "embeddings on Bedrock are served for models of Titan and Cohere, by name; found \"%.*s\"",
                          AIGW_STR_ARG(model));
    if (wire_drop_members(host, ctx, &call->drops, converse_is_ours(req->dialect) ? AIGW_STR_NONE : req->extra) !=
        AIGW_OK)
        return host->fail(ctx, AIGW_E_INVALID, "the extra members are not a JSON object");
    if (req->extra.len > 0 && converse_is_ours(req->dialect))
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "embeddings on Bedrock take no extra members");
    if (req->input_count == 0)
        return host->fail(ctx, AIGW_E_INVALID, "there is no text to embed");
    if (maker == MAKER_TITAN && req->input_count > 1)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "Titan embeds one text a call, found %u", req->input_count);
    call->input_count = req->input_count;
    status = wire_begin(&body, host, ctx);
    if (status != AIGW_OK)
        return status;
    if (maker == MAKER_TITAN)
        put_titan(&body, model, req, &call->drops);
    else
        put_cohere(&body, model, req, &call->drops);
    status = wire_settle_drops(host, ctx, &call->drops, req, "Bedrock");
    return status == AIGW_OK ? wire_end(&body, ret_body) : status;
}

/* ---- answers ---- */

static aigw_status nonsense(struct converse_in *in, const char *what)
{
    return in->host->fail(in->ctx, AIGW_E_UPSTREAM, "the model server's answer %s; expected an embedding", what);
}

static aigw_status emit_vector(struct converse_in *in, const struct aigw_json *list, uint32_t index)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_EMBEDDING, .index = index };
    struct aigw_json_walk walk = aigw_json_begin(list);
    size_t count = aigw_json_count(list);
    struct aigw_json item;
    float *vector;

    if (list->type != AIGW_JSON_LIST || count == 0 || count > VECTOR_MAX)
        return nonsense(in, "has an embedding that is empty, too long, or no list");
    vector = aigw_memory_get(&in->reader->memory, count * sizeof *vector);
    if (!vector)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < count && aigw_json_next(&walk, NULL, &item); i++) {
        if (!reader_float(&item, &vector[i]))
            return nonsense(in, "has an embedding with something that is no number");
    }
    event.vector = vector;
    event.vector_len = (uint32_t)count;
    return converse_emit(in, &event);
}

static aigw_status emit_all(struct converse_in *in, const struct aigw_json *root)
{
    struct aigw_json list, item;
    struct aigw_json_walk walk;
    aigw_status status = AIGW_OK;
    uint32_t index = 0;

    if (reader_member(root, "embedding", AIGW_JSON_LIST, &list))
        return in->call->input_count == 1 ? emit_vector(in, &list, 0) : nonsense(in, "has one embedding only");
    if (reader_member(root, "embeddings", AIGW_JSON_OBJECT, &item))
        reader_member(&item, "float", AIGW_JSON_LIST, &list);
    else
        reader_member(root, "embeddings", AIGW_JSON_LIST, &list);
    if (aigw_json_count(&list) != in->call->input_count)
        return nonsense(in, "has another number of embeddings than texts were sent");
    walk = aigw_json_begin(&list);
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item))
        status = emit_vector(in, &item, index++);
    return status;
}

/* How many tokens it took stands in the answer, or in a header of it. */
static int64_t tokens_of(const struct converse_in *in, const struct aigw_json *root)
{
    aigw_str text = in->host->answer_header(in->ctx, "x-amzn-bedrock-input-token-count");
    int64_t tokens = reader_tokens_in(root, "inputTextTokenCount"), read = 0;

    if (tokens >= 0 || text.len == 0 || text.len > 12)
        return tokens;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -1;
        read = read * 10 + (text.ptr[i] - '0');
    }
    return read;
}

aigw_status converse_read_embeddings(struct converse_in *in, const struct aigw_json *root)
{
    struct aigw_usage usage = AIGW_USAGE_INIT;
    struct aigw_event count = { .struct_size = sizeof count, .type = AIGW_EVENT_USAGE, .usage = &usage };
    struct aigw_event end = { .struct_size = sizeof end, .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP };
    aigw_status status = emit_all(in, root);

    in->call->state = CONVERSE_OVER;
    usage.input = tokens_of(in, root);
    if (status == AIGW_OK && usage.input >= 0)
        status = converse_emit(in, &count);
    return status == AIGW_OK ? converse_emit(in, &end) : status;
}
