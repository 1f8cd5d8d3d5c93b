/* answer_list.c - answers that are lists: embeddings, and the models of a server. */
#include "openai.h"

#include <stdlib.h>

#define OPENAI_VECTOR_MAX 65536 /* numbers in one embedding */

/* ---- embeddings ---- */

static aigw_status emit_vector(struct openai_in *in, const struct aigw_json *numbers, uint32_t index)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_EMBEDDING, .index = index };
    struct aigw_json_walk walk = aigw_json_begin(numbers);
    size_t len = aigw_json_count(numbers);
    aigw_status status = AIGW_OK;
    struct aigw_json number;
    float *vector;

    if (len == 0 || len > OPENAI_VECTOR_MAX)
        return openai_nonsense(in, "has an embedding that is empty or too long");
    vector = malloc(len * sizeof *vector);
    if (!vector)
        return AIGW_E_NOMEM;
    for (size_t i = 0; status == AIGW_OK && i < len && aigw_json_next(&walk, NULL, &number); i++) {
        double real = 0;

        if (!aigw_json_real(&number, &real))
            status = openai_nonsense(in, "has an embedding with something that is no number");
        vector[i] = (float)real;
    }
    event.vector = vector;
    event.vector_len = (uint32_t)len;
    if (status == AIGW_OK)
        status = openai_emit(in, &event);
    free(vector);
    return status;
}

aigw_status openai_read_embeddings(struct openai_in *in, const struct aigw_json *data, const struct aigw_json *usage)
{
    size_t count = data->type == AIGW_JSON_LIST ? aigw_json_count(data) : 0;
    struct aigw_json_walk walk = aigw_json_begin(data);
    aigw_status status = AIGW_OK;
    struct aigw_json item, numbers;

    if (count == 0 || count != in->call->input_count)
        return in->host->fail(
            in->ctx, AIGW_E_UPSTREAM,
            "the model server answered %zu embeddings for %u inputs; is the model an embedding model?", count,
            in->call->input_count);
    for (size_t i = 0; status == AIGW_OK && aigw_json_next(&walk, NULL, &item); i++) {
        int64_t index = reader_int(&item, "index", (int64_t)i);

        if (!reader_member(&item, "embedding", AIGW_JSON_LIST, &numbers) || index < 0 ||
            index >= (int64_t)in->call->input_count)
            return openai_nonsense(in, "has an embedding without numbers or with an index out of range");
        status = emit_vector(in, &numbers, (uint32_t)index);
    }
    if (status == AIGW_OK)
        status = openai_emit_usage(in, usage);
    return status == AIGW_OK ? openai_emit_finish(in, 0, AIGW_STR("stop"), AIGW_STR_NONE) : status;
}

/* ---- models ---- */

/* One event each: its id. What else servers say about a model they say in no common words. */
aigw_status openai_read_models(struct openai_in *in, const struct aigw_json *data)
{
    struct aigw_json_walk walk = aigw_json_begin(data);
    aigw_status status = AIGW_OK;
    struct aigw_json item;

    if (data->type != AIGW_JSON_LIST)
        return openai_nonsense(in, "has no list of models");
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item)) {
        struct aigw_event event = { .struct_size = sizeof event,
                                    .type = AIGW_EVENT_MODEL,
                                    .text = reader_str(in->r, &item, "id") };

        if (event.text.len == 0)
            event.text = item.type == AIGW_JSON_STRING ? reader_text(in->r, &item) : reader_str(in->r, &item, "name");
        if (event.text.len == 0)
            return openai_nonsense(in, "has a model without an id");
        status = openai_emit(in, &event);
    }
    return status == AIGW_OK ? openai_emit_finish(in, 0, AIGW_STR("stop"), AIGW_STR_NONE) : status;
}
