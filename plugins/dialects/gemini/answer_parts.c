/* answer_parts.c - the parts of a candidate, and what stands beside them → canonical events; embeddings and models. */
#include "gemini.h"
#include "members.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_MAX 1024u

/* ---- events ---- */

/* Number of a stream of text, for halves of characters: type of event, choice. */
#define STREAM_OF(type, choice) ((type) << 12 | (choice))

static aigw_status emit_text(struct gemini_in *in, uint32_t choice, uint32_t type, aigw_str text)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = type, .choice = choice, .text = text };
    aigw_status status = AIGW_OK;
    char *copy = NULL;

    if (in->call->halves.count > 0 || halves_at_edge(text))
        if (!halves_join(&in->call->halves, STREAM_OF(type, choice), text, &event.text, &copy))
            return AIGW_E_NOMEM;
    if (event.text.len > 0)
        status = gemini_emit(in, &event);
    free(copy);
    return status;
}

aigw_status gemini_emit_json(struct gemini_in *in, uint32_t choice, uint32_t type, aigw_str json)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = type,
                                .choice = choice,
                                .text = json,
                                .origin = AIGW_STR_INIT(GEMINI_DIALECT) };

    return json.len > 0 ? gemini_emit(in, &event) : AIGW_OK;
}

/* Of the thought, the text or the call before it. */
static aigw_status emit_signature(struct gemini_in *in, const struct aigw_json *signature, uint32_t choice,
                                  uint32_t part_type, uint32_t index)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_SIGNATURE,
                                .choice = choice,
                                .part_type = part_type,
                                .index = index,
                                .data = reader_text(&in->reader, signature),
                                .origin = AIGW_STR_INIT(GEMINI_DIALECT) };

    return event.data.len > 0 ? gemini_emit(in, &event) : AIGW_OK;
}

/* ---- parts ---- */

#define ID_SIZE 48

/* For calls that come without one: clients match results by it. */
static aigw_str make_id(struct gemini_in *in, uint32_t index, char room[ID_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t bytes[24];
    char text[sizeof bytes + 1] = "";

    if (in->host->random(in->ctx, bytes, sizeof bytes) != AIGW_OK)
        return AIGW_STR_NONE;
    for (size_t i = 0; i < sizeof bytes; i++)
        text[i] = digits[bytes[i] % 62];
    return (aigw_str){ room, (size_t)snprintf(room, ID_SIZE, "call_%s_%u", text, index) };
}

/* Plain text that was asked for as the one argument of a function. */
static aigw_status emit_unwrapped(struct gemini_in *in, struct aigw_event *event)
{
    struct unwrap unwrap = { .state = 0 };
    char *text = malloc(UNWRAP_ROOM(event->text.len));
    aigw_status status;

    if (!text)
        return AIGW_E_NOMEM;
    event->text = unwrap_piece(&unwrap, event->text, text);
    status = gemini_emit(in, event);
    free(text);
    return status;
}

/* The arguments as text of an object; false: they are something else. */
static bool read_args(struct gemini_in *in, const struct aigw_json *args, aigw_str *ret_text)
{
    bool has_none = args->type <= AIGW_JSON_NULL || (args->type == AIGW_JSON_LIST && aigw_json_count(args) == 0);

    *ret_text = args->type == AIGW_JSON_STRING ? reader_text(&in->reader, args) /* of servers in between */
                : has_none                     ? AIGW_STR("{}")
                                               : reader_json(&in->reader, args);
    return has_none || args->type == AIGW_JSON_OBJECT || wire_is_json_object(*ret_text);
}

static aigw_status emit_call(struct gemini_in *in, const struct aigw_json *signature, const struct aigw_json *call,
                             uint32_t choice)
{
    enum { NAME, ID, ARGS, ARGUMENTS, MEMBERS };
    static const char *const names[MEMBERS] = { "name", "id", "args", "arguments" };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TOOL_CALL, .choice = choice };
    uint32_t *count = &in->call->tool_count[choice];
    struct aigw_json members[MEMBERS];
    const struct name *known;
    char room[ID_SIZE];
    aigw_status status;

    if (in->call->raw) { /* the client reads it, in whichever form */
        ++*count;
        return AIGW_OK;
    }
    gemini_members(call, names, MEMBERS, members);
    event.name = reader_text(&in->reader, &members[NAME]);
    event.id = reader_text(&in->reader, &members[ID]);
    if (event.name.len == 0)
        return gemini_nonsense(in, "has a function call without a name");
    if (!read_args(in, &members[members[ARGS].type > AIGW_JSON_NULL ? ARGS : ARGUMENTS], &event.text))
        return gemini_nonsense(in, "has a function call whose arguments are no object");
    if (in->call->wants_single && *count > 0)
        return AIGW_OK;
    if (*count >= CALLS_MAX)
        return gemini_nonsense(in, "has more than 1024 function calls");
    event.index = (*count)++;
    if (event.id.len == 0)
        event.id = make_id(in, event.index, room);
    known = names_find(&in->call->names, event.name);
    if (known) {
        event.name = known->name;
        event.scope = known->scope;
    }
    status = known && known->kind == AIGW_TOOL_FREE_TEXT ? emit_unwrapped(in, &event) : gemini_emit(in, &event);
    return status == AIGW_OK ? emit_signature(in, signature, choice, AIGW_PART_TOOL_CALL, event.index) : status;
}

/* Members that are there and not null. */
static uint32_t count_set(const struct aigw_json *part)
{
    struct aigw_json_walk walk = aigw_json_begin(part);
    struct aigw_json value;
    uint32_t count = 0;

    while (aigw_json_next(&walk, NULL, &value))
        count += value.type > AIGW_JSON_NULL;
    return count;
}

aigw_status gemini_emit_part(struct gemini_in *in, const struct aigw_json *part, uint32_t choice)
{
    enum { TEXT, THOUGHT, CALL, SIGNATURE, MEMBERS };
    static const char *const names[MEMBERS] = { "text", "thought", "function_call", "thought_signature" };
    struct aigw_json members[MEMBERS];
    bool is_thought;
    aigw_status status;
    uint32_t count;

    if (part->type != AIGW_JSON_OBJECT)
        return gemini_nonsense(in, "has a part that is no object");
    gemini_members(part, names, MEMBERS, members);
    is_thought = reader_is_set(&members[THOUGHT]) && !aigw_json_is_text(&members[THOUGHT], "false");
    if (members[CALL].type == AIGW_JSON_OBJECT)
        return emit_call(in, &members[SIGNATURE], &members[CALL], choice);
    if (reader_is_set(&members[CALL]) && !in->call->raw)
        return gemini_nonsense(in, "has a function call that is no object");
    if (members[TEXT].type > AIGW_JSON_NULL && members[TEXT].type != AIGW_JSON_STRING)
        return gemini_nonsense(in, "has a part whose text is no text");
    if (members[TEXT].type == AIGW_JSON_STRING) {
        status = emit_text(in, choice, is_thought ? AIGW_EVENT_REASONING : AIGW_EVENT_TEXT,
                           reader_text(&in->reader, &members[TEXT]));
        return status == AIGW_OK ? emit_signature(in, &members[SIGNATURE], choice,
                                                  is_thought ? AIGW_PART_REASONING : AIGW_PART_TEXT, 0)
                                 : status;
    }
    count = count_set(part);
    if (members[SIGNATURE].type == AIGW_JSON_STRING && count == 1)
        return emit_signature(in, &members[SIGNATURE], choice, AIGW_PART_TEXT, 0);
    if (count == 0)
        return AIGW_OK;
    /* code that was run, pictures, tools of the server's own */
    return gemini_emit_json(in, choice, AIGW_EVENT_OPAQUE, reader_json(&in->reader, part));
}

aigw_status gemini_emit_parts(struct gemini_in *in, const struct aigw_json *parts, uint32_t choice)
{
    struct aigw_json_walk walk = aigw_json_begin(parts);
    struct aigw_json part;
    aigw_status status = AIGW_OK;

    if (parts->type > AIGW_JSON_NULL && parts->type != AIGW_JSON_LIST)
        return gemini_nonsense(in, "has parts that are no list");
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &part))
        status = gemini_emit_part(in, &part, choice);
    return status;
}

/* ---- log probabilities ---- */

/** Text in memory of the reader's, of a size that was guessed well. */
struct prob_text {
    char *at, *end;
    bool is_short;
};

static void put(struct prob_text *to, const char *fmt, ...) AIGW_PRINTF(2, 3);
static void put(struct prob_text *to, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(to->at, (size_t)(to->end - to->at), fmt, args);
    va_end(args);
    if (len < 0 || len >= to->end - to->at)
        to->is_short = true;
    else
        to->at += len;
}

/* {"token","tokenId","logProbability"}, in OpenAI's words. */
static void put_prob(struct gemini_in *in, struct prob_text *to, const struct aigw_json *candidate)
{
    struct aigw_json token, prob;
    aigw_str text;
    double number = -9999; /* OpenAI's word for very unlikely */

    aigw_json_member(candidate, "token", &token);
    gemini_member(candidate, "log_probability", &prob);
    (void)aigw_json_real(&prob, &number);
    text = token.type == AIGW_JSON_STRING ? reader_json(&in->reader, &token) : AIGW_STR("\"\"");
    put(to, "{\"token\":%.*s,\"logprob\":%.9g,\"bytes\":null", AIGW_STR_ARG(text), number > -9999 ? number : -9999);
}

static void put_top(struct gemini_in *in, struct prob_text *to, const struct aigw_json *step)
{
    struct aigw_json list, candidate;
    struct aigw_json_walk walk;
    const char *comma = "";

    aigw_json_member(step, "candidates", &list);
    walk = aigw_json_begin(&list);
    put(to, ",\"top_logprobs\":[");
    while (aigw_json_next(&walk, NULL, &candidate)) {
        put(to, "%s", comma);
        put_prob(in, to, &candidate);
        put(to, "}");
        comma = ",";
    }
    put(to, "]}");
}

static aigw_status emit_probs(struct gemini_in *in, const struct aigw_json *result, uint32_t choice)
{
    size_t size = 6 * result->text.len + 256;
    char *room = aigw_memory_get(&in->reader.memory, size);
    struct prob_text to = { room, room ? room + size : NULL, false };
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_LOGPROBS, .choice = choice };
    struct aigw_json chosen, top, candidate, step;
    struct aigw_json_walk walk, steps;
    const char *comma = "";

    if (!room)
        return AIGW_E_NOMEM;
    gemini_member(result, "chosen_candidates", &chosen);
    gemini_member(result, "top_candidates", &top);
    walk = aigw_json_begin(&chosen);
    steps = aigw_json_begin(&top);
    put(&to, "{\"content\":[");
    while (aigw_json_next(&walk, NULL, &candidate)) {
        if (!aigw_json_next(&steps, NULL, &step))
            step = (struct aigw_json){ .type = AIGW_JSON_ABSENT };
        put(&to, "%s", comma);
        put_prob(in, &to, &candidate);
        put_top(in, &to, &step);
        comma = ",";
    }
    put(&to, "]}");
    if (to.is_short || aigw_json_count(&chosen) == 0)
        return AIGW_OK;
    event.text = (aigw_str){ room, (size_t)(to.at - room) };
    return gemini_emit(in, &event);
}

/* ---- beside the parts ---- */

static aigw_status emit_citations(struct gemini_in *in, const struct aigw_json *metadata, uint32_t choice)
{
    static const char *const names[] = { "citation_sources", "citations" }; /* AI Studio's, Vertex AI's */
    struct aigw_json lists[2], item;
    aigw_status status = AIGW_OK;

    gemini_members(metadata, names, 2, lists);
    for (size_t i = 0; i < 2; i++) {
        struct aigw_json_walk walk = aigw_json_begin(&lists[i]);

        while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item))
            status = gemini_emit_json(in, choice, AIGW_EVENT_CITATION, reader_json(&in->reader, &item));
    }
    return status;
}

/* A member of the candidate, under its name. */
static aigw_status emit_named(struct gemini_in *in, const char *name, const struct aigw_json *value, uint32_t choice)
{
    aigw_str json = reader_json(&in->reader, value);
    size_t size = json.len + strlen(name) + 8;
    char *room = aigw_memory_get(&in->reader.memory, size);
    int len;

    if (!room)
        return AIGW_E_NOMEM;
    len = snprintf(room, size, "{\"%s\":%.*s}", name, AIGW_STR_ARG(json));
    return gemini_emit_json(in, choice, AIGW_EVENT_OPAQUE, (aigw_str){ room, (size_t)len });
}

aigw_status gemini_emit_beside(struct gemini_in *in, const struct aigw_json *candidate, uint32_t choice)
{
    enum { CITATIONS, PROBS, GROUNDING, URLS, SAFETY, REASON, MEMBERS };
    static const char *const names[MEMBERS] = { "citation_metadata",    "logprobs_result", "grounding_metadata",
                                                "url_context_metadata", "safety_ratings",  "finish_reason" };
    static const char *const ours[] = {
        [GROUNDING] = "groundingMetadata", [URLS] = "urlContextMetadata", [SAFETY] = "safetyRatings"
    };
    struct aigw_json members[MEMBERS];
    aigw_status status = AIGW_OK;

    if (in->call->raw)
        return AIGW_OK;
    gemini_members(candidate, names, MEMBERS, members);
    if (members[CITATIONS].type == AIGW_JSON_OBJECT)
        status = emit_citations(in, &members[CITATIONS], choice);
    if (status == AIGW_OK && members[PROBS].type == AIGW_JSON_OBJECT)
        status = emit_probs(in, &members[PROBS], choice);
    for (size_t i = GROUNDING; i <= SAFETY && status == AIGW_OK; i++) {
        bool is_wanted = aigw_json_count(&members[i]) > 0;

        if (i == SAFETY) /* every piece has them: the last ones tell */
            is_wanted = is_wanted && members[REASON].type > AIGW_JSON_NULL;
        if (is_wanted)
            status = emit_named(in, ours[i], &members[i], choice);
    }
    return status;
}

/* ---- embeddings ---- */

static aigw_status emit_vector(struct gemini_in *in, const struct aigw_json *values)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_EMBEDDING,
                                .index = in->call->vector_count++ };
    struct aigw_json_walk walk = aigw_json_begin(values);
    size_t count = aigw_json_count(values);
    float *vector = aigw_memory_get(&in->reader.memory, (count + 1) * sizeof *vector);
    struct aigw_json value;

    if (values->type != AIGW_JSON_LIST || count == 0 || count > UINT32_MAX)
        return gemini_nonsense(in, "has an embedding without values");
    if (!vector)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < count && aigw_json_next(&walk, NULL, &value); i++) {
        if (!reader_float(&value, &vector[i]))
            return gemini_nonsense(in, "has an embedding with a value that is no number");
    }
    event.vector = vector;
    event.vector_len = (uint32_t)count;
    return gemini_emit(in, &event);
}

/* AI Studio: {"embeddings":[{"values"}]} or {"embedding":{"values"}}. */
static aigw_status emit_studio(struct gemini_in *in, const struct aigw_json *answer)
{
    struct aigw_json one, list, values;
    struct aigw_json_walk walk;
    aigw_status status = AIGW_OK;

    if (reader_member(answer, "embedding", AIGW_JSON_OBJECT, &one)) {
        aigw_json_member(&one, "values", &values);
        return emit_vector(in, &values);
    }
    aigw_json_member(answer, "embeddings", &list);
    walk = aigw_json_begin(&list);
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &one)) {
        aigw_json_member(&one, "values", &values);
        status = emit_vector(in, &values);
    }
    return status;
}

/* Vertex AI: {"predictions":[{"embeddings":{"values","statistics":{"token_count"}}}]}. */
static aigw_status emit_predictions(struct gemini_in *in, const struct aigw_json *predictions)
{
    struct aigw_json_walk walk = aigw_json_begin(predictions);
    struct aigw_json one, embeddings, values;
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &one)) {
        aigw_json_member(&one, "embeddings", &embeddings);
        aigw_json_member(&embeddings, "values", &values);
        status = emit_vector(in, &values);
    }
    return status;
}

static int64_t plus(int64_t sum, int64_t count)
{
    return count < 0 ? sum : (sum < 0 ? 0 : sum) + count;
}

void gemini_read_prediction_usage(const struct aigw_json *answer, struct aigw_usage *usage)
{
    static const char *const ends[] = { "input_token_count", "output_token_count" };
    struct aigw_json predictions, one, embeddings, statistics, metadata, tokens, count;
    int64_t *const sums[] = { &usage->input, &usage->output };
    struct aigw_json_walk walk;

    aigw_json_member(answer, "predictions", &predictions);
    walk = aigw_json_begin(&predictions);
    while (aigw_json_next(&walk, NULL, &one)) {
        aigw_json_member(&one, "embeddings", &embeddings);
        aigw_json_member(&embeddings, "statistics", &statistics);
        usage->input = plus(usage->input, reader_tokens_in(&statistics, "token_count"));
    }
    aigw_json_member(answer, "metadata", &metadata);
    gemini_member(&metadata, "token_metadata", &tokens);
    for (int i = 0; i < 2; i++) {
        gemini_member(&tokens, ends[i], &count);
        *sums[i] = plus(*sums[i], gemini_tokens_in(&count, "total_tokens"));
    }
}

aigw_status gemini_emit_vectors(struct gemini_in *in, const struct aigw_json *answer)
{
    struct aigw_usage usage = AIGW_USAGE_INIT;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = &usage };
    struct aigw_json predictions, metadata;
    aigw_status status;

    gemini_member(answer, "usage_metadata", &metadata);
    usage.input = gemini_tokens_in(&metadata, "prompt_token_count");
    gemini_read_prediction_usage(answer, &usage);
    if (reader_member(answer, "predictions", AIGW_JSON_LIST, &predictions))
        status = emit_predictions(in, &predictions);
    else
        status = emit_studio(in, answer);
    if (status == AIGW_OK && !in->call->raw && in->call->vector_count != in->call->input_count)
        return in->host->fail(in->ctx, AIGW_E_UPSTREAM, "the model server answered %u embeddings to %u texts",
                              in->call->vector_count, in->call->input_count);
    if (status == AIGW_OK && usage.input >= 0)
        status = gemini_emit(in, &event);
    if (status != AIGW_OK || (in->call->finished & 1))
        return status;
    event = (struct aigw_event){ .struct_size = sizeof event, .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP };
    in->call->finished |= 1;
    return gemini_emit(in, &event);
}

/* ---- models ---- */

aigw_status gemini_emit_models(struct gemini_in *in, const struct aigw_json *answer)
{
    struct aigw_event finish = { .struct_size = sizeof finish, .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP };
    struct aigw_json list, item;
    struct aigw_json_walk walk;
    aigw_status status = AIGW_OK;

    if (!reader_member(answer, "models", AIGW_JSON_LIST, &list))
        return gemini_nonsense(in, "has no list of models");
    walk = aigw_json_begin(&list);
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &item)) {
        struct aigw_event event = { .struct_size = sizeof event,
                                    .type = AIGW_EVENT_MODEL,
                                    .text = reader_str(&in->reader, &item, "name") };

        if (wire_has_prefix(event.text, "models/"))
            event.text = (aigw_str){ event.text.ptr + 7, event.text.len - 7 };
        if (event.text.len == 0)
            return gemini_nonsense(in, "has a model without a name");
        status = gemini_emit(in, &event);
    }
    if (status != AIGW_OK || (in->call->finished & 1))
        return status;
    in->call->finished |= 1;
    return gemini_emit(in, &finish);
}
