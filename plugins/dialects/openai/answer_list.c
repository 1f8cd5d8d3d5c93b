/* answer_list.c - answers that are lists: embeddings, and the models of a server. */
#include "openai.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPENAI_VECTOR_MAX 65536 /* numbers in one embedding */

/* ---- embeddings ---- */

/* Bytes of as many floats, the lowest first, in base64: what OpenAI's own clients ask for. */
static aigw_status read_packed(struct openai_in *in, const struct aigw_json *text, float *vector, size_t *ret_len)
{
    aigw_str packed = reader_text(in->r, text);
    unsigned char *bytes = malloc(packed.len + 1);
    size_t len = 0;
    bool is_good;

    if (!bytes)
        return AIGW_E_NOMEM;
    is_good = wire_read_base64(packed, (char *)bytes, &len) && len % 4 == 0;
    for (size_t i = 0; is_good && i < len / 4; i++) {
        const unsigned char *at = bytes + 4 * i;
        uint32_t bits = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;

        memcpy(&vector[i], &bits, sizeof bits);
        is_good = isfinite(vector[i]);
    }
    free(bytes);
    *ret_len = len / 4;
    return is_good ? AIGW_OK : openai_nonsense(in, "has an embedding without numbers");
}

static aigw_status read_numbers(struct openai_in *in, const struct aigw_json *list, float *vector, size_t *ret_len)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct aigw_json number;

    for (*ret_len = 0; aigw_json_next(&walk, NULL, &number); ++*ret_len)
        if (!reader_float(&number, &vector[*ret_len]))
            return openai_nonsense(in, "has an embedding with something that is no number");
    return AIGW_OK;
}

static aigw_status emit_vector(struct openai_in *in, const struct aigw_json *value, uint32_t index)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_EMBEDDING, .index = index };
    bool is_packed = value->type == AIGW_JSON_STRING;
    size_t max = is_packed ? value->text.len / 16 * 3 + 3 : aigw_json_count(value), len = 0;
    aigw_status status;
    float *vector;

    if (max == 0 || max > OPENAI_VECTOR_MAX)
        return openai_nonsense(in, "has an embedding that is empty or too long");
    vector = malloc(max * sizeof *vector);
    if (!vector)
        return AIGW_E_NOMEM;
    status = is_packed ? read_packed(in, value, vector, &len) : read_numbers(in, value, vector, &len);
    if (status == AIGW_OK && len == 0)
        status = openai_nonsense(in, "has an embedding that is empty or too long");
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

/* In the order of the inputs, whatever that of the server. */
static aigw_status emit_vectors(struct openai_in *in, const struct aigw_json *data, size_t count,
                                const uint32_t *places)
{
    struct aigw_json *vectors = calloc(count, sizeof *vectors), item;
    struct aigw_json_walk walk = aigw_json_begin(data);
    aigw_status status = vectors ? AIGW_OK : AIGW_E_NOMEM;

    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item))
        aigw_json_member(&item, "embedding", &vectors[*places++]);
    for (size_t i = 0; status == AIGW_OK && i < count; i++)
        status = vectors[i].type == AIGW_JSON_LIST || vectors[i].type == AIGW_JSON_STRING
                     ? emit_vector(in, &vectors[i], (uint32_t)i)
                     : openai_nonsense(in, "has an embedding without numbers");
    free(vectors);
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
    status = places ? emit_vectors(in, data, count, places)
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
