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
        if (!reader_float(&number, &vector[i]))
            status = openai_nonsense(in, "has an embedding with something that is no number");
    }
    event.vector = vector;
    event.vector_len = (uint32_t)len;
    if (status == AIGW_OK)
        status = openai_emit(in, &event);
    free(vector);
    return status;
}

/* Their numbers, where they are those of the inputs in some order; false without memory. Servers that give all of them
 * one number, or none, have them in order. *ret_places: to be freed; NULL when the numbers are others. */
static bool read_places(const struct aigw_json *data, size_t count, uint32_t **ret_places)
{
    struct aigw_json_walk walk = aigw_json_begin(data);
    uint32_t *places = malloc(count * sizeof *places);
    char *taken = calloc(count, 1);
    struct aigw_json item, number;
    int64_t first = -1;
    bool is_order = count > 1, is_ours = true;

    *ret_places = NULL;
    for (size_t i = 0; places && taken && i < count && aigw_json_next(&walk, NULL, &item); i++) {
        int64_t place = aigw_json_member(&item, "index", &number) ? reader_tokens(&number) : (int64_t)i;

        first = i == 0 ? place : first;
        is_order = is_order && place == first;
        is_ours = is_ours && place >= 0 && place < (int64_t)count && !taken[place];
        if (is_ours)
            taken[place] = 1;
        places[i] = (uint32_t)place;
    }
    for (size_t i = 0; places && is_order && !is_ours && i < count; i++)
        places[i] = (uint32_t)i;
    if (taken && (is_order || is_ours))
        *ret_places = places;
    else
        free(places);
    free(taken);
    return places && taken;
}

static aigw_status emit_vectors(struct openai_in *in, const struct aigw_json *data, const uint32_t *places)
{
    struct aigw_json_walk walk = aigw_json_begin(data);
    aigw_status status = AIGW_OK;
    struct aigw_json item, numbers;

    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item)) {
        if (!reader_member(&item, "embedding", AIGW_JSON_LIST, &numbers))
            return openai_nonsense(in, "has an embedding without numbers");
        status = emit_vector(in, &numbers, *places++);
    }
    return status;
}

aigw_status openai_read_embeddings(struct openai_in *in, const struct aigw_json *data, const struct aigw_json *usage)
{
    size_t count = data->type == AIGW_JSON_LIST ? aigw_json_count(data) : 0;
    aigw_status status;
    uint32_t *places;

    if (count == 0 || count != in->call->input_count)
        return in->host->fail(
            in->ctx, AIGW_E_UPSTREAM,
            "the model server answered %zu embeddings for %u inputs; is the model an embedding model?", count,
            in->call->input_count);
    if (!read_places(data, count, &places))
        return AIGW_E_NOMEM;
    status = places ? emit_vectors(in, data, places)
                    : openai_nonsense(in, "has embeddings whose indexes are not those of the inputs");
    free(places);
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
