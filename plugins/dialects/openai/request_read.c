/* request_read.c - the body of /v1/chat/completions → canonical request; and what all bodies of this dialect share. */
#include <string.h>

#include "request_read.h"

/* ---- the body ---- */

static aigw_status refuse_text(struct openai_reading *r, aigw_str body, const struct aigw_json_error *error)
{
    size_t line, column;
    char *message;

    aigw_json_where(body, error->offset, &line, &column);
    message = error->kind == AIGW_JSON_BAD_EMPTY
                  ? r->host->format(r->ctx, AIGW_LIFE_BUILD, "The body is empty; it must be a JSON object.")
                  : r->host->format(r->ctx, AIGW_LIFE_BUILD,
                                    "The body is no JSON that can be read: %s (line %zu, column %zu).", error->reason,
                                    line, column);
    if (!message)
        return AIGW_E_NOMEM;
    *r->refusal = (struct openai_refusal){ .code = AIGW_STR("invalid_json"), .message = wire_str(message) };
    return AIGW_E_INVALID;
}

/* Where the model's name stands, and where members may be added, for a server of the same dialect. */
static void mark_raw(struct openai_reading *r, aigw_str body, const struct aigw_json *root,
                     const struct aigw_json *model)
{
    uint32_t path = r->asked->path;
    struct aigw_raw *raw = &r->asked->raw;

    *raw = (struct aigw_raw){ .struct_size = sizeof *raw,
                              .flags = r->asked->is_stream ? AIGW_RAWF_STREAM : 0,
                              .dialect = AIGW_STR(OPENAI_DIALECT),
                              .body = body,
                              .insert_at = (size_t)(root->text.ptr - body.ptr) + 1 };
    if (model->type != AIGW_JSON_ABSENT) { /* null: the path has it */
        raw->model_at = (size_t)(model->text.ptr - body.ptr);
        raw->model_len = model->text.len;
    }
    if (path == OPENAI_CHAT)
        return;
    raw->dialect = AIGW_STR(OPENAI_DIALECT_ANY);
    raw->path = path == OPENAI_COMPLETION  ? AIGW_STR("/v1/completions")
                : path == OPENAI_EMBEDDING ? AIGW_STR("/v1/embeddings")
                                           : AIGW_STR("/v1/responses");
}

aigw_status openai_request_begin(struct openai_reading *r, uint32_t path, aigw_str body, const char *const *names,
                                 size_t count, struct aigw_json *ret_root, struct aigw_json *ret_members,
                                 bool *ret_has_others)
{
    struct aigw_json_wanted wanted = { .names = names, .count = count, .values = ret_members };
    struct aigw_json_error error;
    uint32_t is_stream = AIGW_UNSET;
    aigw_str model = AIGW_STR_NONE;
    aigw_status status;

    r->from = (struct aigw_host_memory){ r->host, r->ctx, AIGW_LIFE_BUILD };
    r->memory = (struct aigw_memory){ aigw_host_memory_get, &r->from, SIZE_MAX };
    if (aigw_json_check_for(body, 0, &wanted, ret_root, &error) != AIGW_OK)
        return refuse_text(r, body, &error);
    if (ret_root->type != AIGW_JSON_OBJECT) {
        *r->refusal = (struct openai_refusal){ .code = AIGW_STR("invalid_type"),
                                               .message = AIGW_STR("The body must be a JSON object.") };
        return AIGW_E_INVALID;
    }
    *ret_has_others = wanted.has_others;
    r->params = openai_get(r, sizeof *r->params);
    if (!r->params)
        return AIGW_E_NOMEM;
    r->params->struct_size = sizeof *r->params;
    r->request->params = r->params;
    r->request->kind = path == OPENAI_EMBEDDING    ? AIGW_CALL_EMBEDDING
                       : path == OPENAI_COMPLETION ? AIGW_CALL_COMPLETION
                                                   : AIGW_CALL_CHAT;
    r->request->dialect = path == OPENAI_RESPONSES ? AIGW_STR(OPENAI_RESPONSES_DIALECT) : AIGW_STR(OPENAI_DIALECT);
    r->asked->path = path;
    r->asked->choice_count = 1;
    status = openai_take_text(r, OPENAI_AT(NULL, names[0]), &ret_members[0], &model);
    if (status == AIGW_OK)
        status = openai_take_bool(r, OPENAI_AT(NULL, names[1]), &ret_members[1], &is_stream);
    if (status != AIGW_OK)
        return status;
    r->asked->is_stream = is_stream == AIGW_YES;
    if (r->asked->model.len == 0)
        r->asked->model = model;
    mark_raw(r, body, ret_root, &ret_members[0]);
    return r->asked->model.len > 0 ? AIGW_OK : openai_refuse_missing(r, OPENAI_AT(NULL, names[0]));
}

aigw_status openai_request_stream_options(struct openai_reading *r, const struct aigw_json *value)
{
    const struct openai_place *place = OPENAI_AT(NULL, "stream_options");
    struct aigw_json usage;
    uint32_t wants_usage = AIGW_UNSET;
    aigw_status status;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    aigw_json_member(value, "include_usage", &usage);
    status = openai_take_bool(r, OPENAI_AT(place, "include_usage"), &usage, &wants_usage);
    r->asked->wants_usage = wants_usage == AIGW_YES;
    return status;
}

aigw_status openai_request_n(struct openai_reading *r, const struct aigw_json *value)
{
    int64_t count;
    bool is_set;
    aigw_status status = openai_take_int(r, OPENAI_AT(NULL, "n"), value, 1, OPENAI_CHOICES_MAX, &count, &is_set);

    if (is_set) {
        r->asked->choice_count = (uint32_t)count;
        r->params->choice_count = (uint32_t)count;
    }
    return status;
}

aigw_status openai_request_max(struct openai_reading *r, const char *name, const struct aigw_json *value, int64_t least)
{
    const struct openai_place *place = OPENAI_AT(NULL, name);
    int64_t max;
    bool is_set;
    aigw_status status = openai_take_int(r, place, value, INT64_MIN, INT64_MAX, &max, &is_set);

    if (!is_set || max == -1) /* what clients of local servers send for "no limit" */
        return status;
    if (max < least)
        return openai_take_int(r, place, value, least, INT64_MAX, &max, &is_set);
    if ((r->params->set & AIGW_PARAM_MAX_TOKENS) && max >= r->params->max_tokens)
        return AIGW_OK;
    r->params->set |= AIGW_PARAM_MAX_TOKENS;
    r->params->max_tokens = max;
    return status;
}

aigw_status openai_request_numbers(struct openai_reading *r, const struct openai_number *rows, size_t count,
                                   const char *const *names, const struct aigw_json *members)
{
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < count && status == AIGW_OK; i++) {
        const struct openai_number *row = &rows[i];
        const struct openai_place *place = OPENAI_AT(NULL, names[row->member]);
        char *field = (char *)r->params + row->offset;
        bool is_set;

        status = row->is_int ? openai_take_int(r, place, &members[row->member], (int64_t)row->low,
                                               row->high >= 9e18 ? INT64_MAX : (int64_t)row->high,
                                               (int64_t *)(void *)field, &is_set)
                             : openai_take_number(r, place, &members[row->member], row->low, row->high,
                                                  (double *)(void *)field, &is_set);
        if (is_set)
            r->params->set |= row->bit;
    }
    return status;
}

/* ---- a chat ---- */

/* clang-format off */
enum {
    MODEL, STREAM, MESSAGES, STREAM_OPTIONS, MAX_TOKENS, MAX_COMPLETION_TOKENS, TEMPERATURE, TOP_P, TOP_K, MIN_P,
    REPETITION_PENALTY, MIN_TOKENS, PRESENCE_PENALTY, FREQUENCY_PENALTY, SEED, N, STOP, LOGIT_BIAS, LOGPROBS,
    TOP_LOGPROBS, USER, SAFETY_IDENTIFIER, CACHE_KEY, RESPONSE_FORMAT, TOOLS, TOOL_CHOICE, PARALLEL, FUNCTIONS,
    FUNCTION_CALL, EFFORT, REASONING, THINKING, ENABLE_THINKING, VERBOSITY, PREDICTION, SERVICE_TIER, METADATA, MODALITIES, CONTINUE,
    STORE, /* nothing is kept here, whatever it says */ MEMBERS
};
static const char *const names[] = {
    "model", "stream", "messages", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p",
    "top_k", "min_p", "repetition_penalty", "min_tokens", "presence_penalty", "frequency_penalty", "seed", "n", "stop",
    "logit_bias", "logprobs", "top_logprobs", "user", "safety_identifier", "prompt_cache_key", "response_format",
    "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "reasoning_effort", "reasoning",
    "thinking", "enable_thinking",
    "verbosity", "prediction", "service_tier", "metadata", "modalities", "continue_final_message", "store"
};
/* clang-format on */
_Static_assert(sizeof names / sizeof *names == MEMBERS && MEMBERS <= 64, "one name each, one bit each");

/* A chat being read. */
struct chat {
    struct openai_reading r;
    struct aigw_json root, members[MEMBERS];
    bool has_others;
    uint64_t keep; /* known members that only a server of this dialect understands as they are */
};

static void keep(struct chat *chat, uint32_t member)
{
    if (!openai_is_null(&chat->members[member]))
        chat->keep |= (uint64_t)1 << member;
}

static aigw_status take_text(struct chat *chat, uint32_t member, aigw_str *ret)
{
    return openai_take_text(&chat->r, OPENAI_AT(NULL, names[member]), &chat->members[member], ret);
}

static aigw_status read_numbers(struct chat *chat)
{
#define FIELD(name) offsetof(struct aigw_params, name)
    static const struct openai_number rows[] = {
        { TEMPERATURE, AIGW_PARAM_TEMPERATURE, FIELD(temperature), false, 0, 2 },
        { TOP_P, AIGW_PARAM_TOP_P, FIELD(top_p), false, 0, 1 },
        { TOP_K, AIGW_PARAM_TOP_K, FIELD(top_k), true, -1, 1e9 },
        { MIN_P, AIGW_PARAM_MIN_P, FIELD(min_p), false, 0, 1 },
        { REPETITION_PENALTY, AIGW_PARAM_REPETITION_PENALTY, FIELD(repetition_penalty), false, 0, 100 },
        { MIN_TOKENS, AIGW_PARAM_MIN_TOKENS, FIELD(min_tokens), true, 0, 1e15 },
        { PRESENCE_PENALTY, AIGW_PARAM_PRESENCE_PENALTY, FIELD(presence_penalty), false, -OPENAI_PENALTY_MAX,
          OPENAI_PENALTY_MAX },
        { FREQUENCY_PENALTY, AIGW_PARAM_FREQUENCY_PENALTY, FIELD(frequency_penalty), false, -OPENAI_PENALTY_MAX,
          OPENAI_PENALTY_MAX },
        { SEED, AIGW_PARAM_SEED, FIELD(seed), true, -9.2e18, 9.2e18 },
        { TOP_LOGPROBS, AIGW_PARAM_TOP_LOGPROBS, FIELD(top_logprobs), true, 0, 20 },
    };
    aigw_status status = openai_request_max(&chat->r, names[MAX_TOKENS], &chat->members[MAX_TOKENS], 1);

    if (status == AIGW_OK)
        status = openai_request_max(&chat->r, names[MAX_COMPLETION_TOKENS], &chat->members[MAX_COMPLETION_TOKENS], 1);
    if (status != AIGW_OK)
        return status;
    chat->r.asked->uses_completion_max = !openai_is_null(&chat->members[MAX_COMPLETION_TOKENS]);
    return openai_request_numbers(&chat->r, rows, sizeof rows / sizeof *rows, names, chat->members);
}

static aigw_status read_logprobs(struct chat *chat)
{
    struct aigw_params *params = chat->r.params;
    aigw_status status =
        openai_take_bool(&chat->r, OPENAI_AT(NULL, names[LOGPROBS]), &chat->members[LOGPROBS], &params->want_logprobs);

    if (status == AIGW_OK && params->want_logprobs != AIGW_YES && params->top_logprobs > 0)
        return openai_refuse(&chat->r, OPENAI_AT(NULL, names[TOP_LOGPROBS]), "invalid_value",
                             "is only allowed together with 'logprobs': true");
    return status;
}

static aigw_status read_words(struct chat *chat)
{
    struct aigw_params *params = chat->r.params;
    const struct {
        uint32_t member;
        aigw_str *text;
    } rows[] = { { CACHE_KEY, &params->cache_key },
                 { EFFORT, &params->effort },
                 { VERBOSITY, &params->verbosity },
                 { SERVICE_TIER, &params->service_tier } };
    aigw_str identifier = AIGW_STR_NONE;
    aigw_status status = take_text(chat, USER, &params->user);

    for (size_t i = 0; i < sizeof rows / sizeof *rows && status == AIGW_OK; i++)
        status = take_text(chat, rows[i].member, rows[i].text);
    if (status == AIGW_OK)
        status = take_text(chat, SAFETY_IDENTIFIER, &identifier);
    /* The successor of `user`; who sends both means two things by them. */
    if (params->user.len > 0) {
        keep(chat, SAFETY_IDENTIFIER);
    } else if (identifier.len > 0) {
        params->user = identifier;
        chat->r.asked->user_word = names[SAFETY_IDENTIFIER];
    }
    return status;
}

static aigw_status read_thinking(struct chat *chat)
{
    bool is_kept[OPENAI_THINKING_MEMBERS];
    aigw_status status = openai_request_thinking(&chat->r, &chat->members[REASONING], is_kept);

    for (uint32_t i = 0; i < OPENAI_THINKING_MEMBERS; i++)
        if (is_kept[i])
            keep(chat, REASONING + i);
    return status;
}

static aigw_status read_objects(struct chat *chat)
{
    struct aigw_params *params = chat->r.params;
    const struct {
        uint32_t member;
        aigw_str *text;
    } rows[] = { { LOGIT_BIAS, &params->logit_bias },
                 { PREDICTION, &params->prediction },
                 { METADATA, &params->metadata } };
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < sizeof rows / sizeof *rows && status == AIGW_OK; i++)
        status = openai_take_members(&chat->r, OPENAI_AT(NULL, names[rows[i].member]), &chat->members[rows[i].member],
                                     rows[i].text);
    return status;
}

/* Text needs no saying; anything more only a server of this dialect can give. */
static aigw_status read_modalities(struct chat *chat)
{
    static const char *const text[] = { "text" };
    struct aigw_json_walk walk = aigw_json_begin(&chat->members[MODALITIES]);
    struct aigw_json item;

    if (openai_is_null(&chat->members[MODALITIES]))
        return AIGW_OK;
    if (chat->members[MODALITIES].type != AIGW_JSON_LIST)
        return openai_refuse_type(&chat->r, OPENAI_AT(NULL, names[MODALITIES]), &chat->members[MODALITIES],
                                  "a list of strings");
    while (aigw_json_next(&walk, NULL, &item))
        if (openai_word(&item, text, 1) < 0)
            chat->r.asked->wants_audio = true;
    if (chat->r.asked->wants_audio)
        keep(chat, MODALITIES);
    return AIGW_OK;
}

static aigw_status read_params(struct chat *chat)
{
    struct openai_reading *r = &chat->r;
    const struct aigw_json *members = chat->members;
    bool is_kept = false;
    aigw_status status = read_numbers(chat);

    if (status == AIGW_OK)
        status = openai_request_n(r, &members[N]);
    if (status == AIGW_OK)
        status = openai_take_texts(r, OPENAI_AT(NULL, names[STOP]), &members[STOP], true, &r->params->stop,
                                   &r->params->stop_count);
    if (status == AIGW_OK)
        status = read_logprobs(chat);
    if (status == AIGW_OK)
        status = read_words(chat);
    if (status == AIGW_OK)
        status = read_thinking(chat);
    if (status == AIGW_OK)
        status = read_objects(chat);
    if (status == AIGW_OK)
        status = openai_take_bool(r, OPENAI_AT(NULL, names[PARALLEL]), &members[PARALLEL], &r->params->parallel_calls);
    if (status == AIGW_OK)
        status = openai_request_format(r, OPENAI_AT(NULL, names[RESPONSE_FORMAT]), &members[RESPONSE_FORMAT], &is_kept);
    if (is_kept)
        keep(chat, RESPONSE_FORMAT);
    return status == AIGW_OK ? read_modalities(chat) : status;
}

/* A last message of the assistant's that the client wants continued; vLLM's way of saying it. */
static aigw_status read_continue(struct chat *chat)
{
    uint32_t is_wanted = AIGW_UNSET;
    aigw_status status =
        openai_take_bool(&chat->r, OPENAI_AT(NULL, names[CONTINUE]), &chat->members[CONTINUE], &is_wanted);

    if (is_wanted == AIGW_YES)
        chat->r.request->flags |= AIGW_REQF_PREFILL;
    keep(chat, CONTINUE);
    return status;
}

static aigw_status read_chat(struct chat *chat)
{
    const struct aigw_json *members = chat->members;
    const struct openai_tool_members tools = { .tools = members[TOOLS],
                                               .tool_choice = members[TOOL_CHOICE],
                                               .functions = members[FUNCTIONS],
                                               .function_call = members[FUNCTION_CALL] };
    aigw_status status = openai_request_messages(&chat->r, &members[MESSAGES]);

    if (status == AIGW_OK)
        status = read_params(chat);
    if (status == AIGW_OK)
        status = openai_request_tools(&chat->r, &tools);
    if (status == AIGW_OK)
        status = openai_request_stream_options(&chat->r, &members[STREAM_OPTIONS]);
    if (status == AIGW_OK)
        status = read_continue(chat);
    if (status == AIGW_OK && (chat->has_others || chat->keep))
        status = openai_extra(&chat->r, &chat->root, names, MEMBERS, chat->keep, &chat->r.request->extra);
    return status;
}

aigw_status openai_read_chat(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body,
                             struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                             struct openai_refusal *ret_refusal)
{
    struct chat chat = {
        .r = { .host = host, .ctx = ctx, .asked = ret_asked, .request = ret_request, .refusal = ret_refusal }
    };
    struct aigw_json input;
    aigw_status status =
        openai_request_begin(&chat.r, OPENAI_CHAT, body, names, MEMBERS, &chat.root, chat.members, &chat.has_others);

    ret_asked->has_input = openai_is_null(&chat.members[MESSAGES]) && aigw_json_member(&chat.root, "input", &input) &&
                           !openai_is_null(&input);
    if (status == AIGW_OK)
        status = read_chat(&chat);
    return status == AIGW_OK ? wire_later_room(&ret_asked->later, &chat.r.memory) : status;
}
