/* responses_read.c - the body of /v1/responses → canonical request. */
#include <string.h>

#include "responses_read.h"

/* clang-format off */
enum {
    MODEL, STREAM, INPUT, INSTRUCTIONS, PREVIOUS, CONVERSATION, STORE, BACKGROUND, PROMPT, INCLUDE, REASONING, TEXT,
    TOOLS, TOOL_CHOICE, PARALLEL, MAX_OUTPUT, TEMPERATURE, TOP_P, TOP_LOGPROBS, TRUNCATION, METADATA, USER,
    SAFETY_IDENTIFIER, CACHE_KEY, SERVICE_TIER, CLIENT_METADATA, STREAM_OPTIONS, MEMBERS
};
static const char *const names[] = {
    "model", "stream", "input", "instructions", "previous_response_id", "conversation", "store", "background", "prompt",
    "include", "reasoning", "text", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "temperature",
    "top_p", "top_logprobs", "truncation", "metadata", "user", "safety_identifier", "prompt_cache_key", "service_tier",
    "client_metadata", "stream_options"
};
/* clang-format on */
_Static_assert(sizeof names / sizeof *names == MEMBERS && MEMBERS <= 64, "one name each, one bit each");

/* A body being read. */
struct body {
    struct responses_reading rs;
    struct aigw_json root, members[MEMBERS];
    bool has_others;
    uint64_t keep;
};

aigw_status responses_needs_server(struct responses_reading *rs, const struct openai_place *place, const char *code,
                                   const char *words)
{
    aigw_status status;

    if (rs->needs_server)
        return AIGW_OK;
    status = openai_refuse(&rs->r, place, code, words);
    rs->needs_server = status == AIGW_E_INVALID;
    return rs->needs_server ? AIGW_OK : status;
}

static void keep(struct body *body, uint32_t member)
{
    if (!openai_is_null(&body->members[member]))
        body->keep |= (uint64_t)1 << member;
}

static aigw_status take_text(struct body *body, uint32_t member, aigw_str *ret)
{
    return openai_take_text(&body->rs.r, OPENAI_AT(NULL, names[member]), &body->members[member], ret);
}

/* ---- what needs a memory that this gateway does not have ---- */

static aigw_status read_state(struct body *body)
{
    static const struct {
        uint32_t member;
        const char *code, *words;
    } rows[] = {
        { PREVIOUS, "previous_response_not_found",
          "names an answer that was not found: this gateway keeps none; send the whole conversation in 'input'" },
        { CONVERSATION, "previous_response_not_found",
          "names a conversation that was not found: this gateway keeps none; send all of it in 'input'" },
        { PROMPT, "unsupported_parameter", "is not supported: this gateway stores no prompts; send 'instructions'" },
    };
    const struct openai_place *place = OPENAI_AT(NULL, names[BACKGROUND]);
    uint32_t is_wanted = AIGW_UNSET;
    aigw_status status = openai_take_bool(&body->rs.r, place, &body->members[BACKGROUND], &is_wanted);

    for (size_t i = 0; i < sizeof rows / sizeof *rows && status == AIGW_OK; i++)
        if (!openai_is_null(&body->members[rows[i].member]))
            status =
                responses_needs_server(&body->rs, OPENAI_AT(NULL, names[rows[i].member]), rows[i].code, rows[i].words);
    if (status == AIGW_OK && is_wanted == AIGW_YES)
        status = responses_needs_server(&body->rs, place, "unsupported_parameter",
                                        "is not supported: answers are not kept; ask without it");
    return status;
}

/* ---- messages ---- */

struct aigw_message *responses_begin_message(struct responses_reading *rs, uint32_t role)
{
    struct aigw_message *message = openai_get(&rs->r, sizeof *message);

    if (!message)
        return NULL;
    message->struct_size = sizeof *message;
    message->role = role;
    if (rs->message)
        rs->message->next = message;
    else
        rs->r.request->messages = message;
    rs->message = message;
    rs->parts = (struct openai_parts){ .first = NULL };
    return message;
}

/* A text that is a message of its own. */
static aigw_status add_message(struct responses_reading *rs, uint32_t role, aigw_str text)
{
    struct aigw_message *message;
    struct aigw_part *part;

    if (text.len == 0)
        return AIGW_OK;
    message = responses_begin_message(rs, role);
    part = message ? openai_add_part(&rs->r, &rs->parts, AIGW_PART_TEXT) : NULL;
    if (!part)
        return AIGW_E_NOMEM;
    part->text = text;
    message->parts = part;
    return AIGW_OK;
}

static aigw_status read_input(struct body *body)
{
    const struct openai_place *place = OPENAI_AT(NULL, names[INPUT]);
    const struct aigw_json *input = &body->members[INPUT];
    struct responses_reading *rs = &body->rs;
    aigw_str instructions = AIGW_STR_NONE, text = AIGW_STR_NONE;
    aigw_status status = take_text(body, INSTRUCTIONS, &instructions);

    if (status == AIGW_OK)
        status = add_message(rs, AIGW_ROLE_SYSTEM, instructions);
    if (status != AIGW_OK)
        return status;
    if (openai_is_null(input) && !rs->needs_server)
        return openai_refuse_missing(&rs->r, place);
    if (input->type == AIGW_JSON_STRING) {
        status = aigw_json_text(input, &rs->r.memory, &text);
        if (status == AIGW_OK && text.len == 0) /* an empty question is one, too */
            return responses_begin_message(rs, AIGW_ROLE_USER) ? AIGW_OK : AIGW_E_NOMEM;
        return status == AIGW_OK ? add_message(rs, AIGW_ROLE_USER, text) : status;
    }
    status = responses_read_items(rs, place, input);
    if (status == AIGW_OK && !rs->r.request->messages && !rs->needs_server)
        status = openai_refuse(&rs->r, place, "empty_array", "must hold at least one item");
    return status;
}

/* ---- parameters ---- */

static aigw_status read_reasoning(struct body *body)
{
    static const char *const parts[] = { "effort", "summary", "generate_summary" };
    const struct openai_place *place = OPENAI_AT(NULL, names[REASONING]);
    const struct aigw_json *value = &body->members[REASONING];
    struct openai_reading *r = &body->rs.r;
    struct aigw_json members[3];
    aigw_str summary = AIGW_STR_NONE;
    aigw_status status;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    openai_note_members(r, value, parts, 3, members);
    status = openai_take_text(r, OPENAI_AT(place, parts[0]), &members[0], &r->params->effort);
    for (size_t i = 2; i > 0 && status == AIGW_OK; i--) /* the second is the first one's old name */
        status = openai_take_text(r, OPENAI_AT(place, parts[i]), &members[i], &summary);
    r->asked->shows_reasoning = summary.len > 0 && !wire_is(summary, "none");
    if (r->asked->shows_reasoning)
        r->params->reasoning_show = AIGW_SHOW_SUMMARY;
    return status;
}

/* text.format is flat: what a chat nests under json_schema stands beside the type. */
static aigw_status read_text_form(struct body *body)
{
    static const char *const parts[] = { "format", "verbosity" };
    static const char *const schema[] = { "json_schema" };
    const struct openai_place *place = OPENAI_AT(NULL, names[TEXT]);
    const struct aigw_json *value = &body->members[TEXT];
    struct openai_reading *r = &body->rs.r;
    struct aigw_json members[2], type;
    bool is_kept = false;
    aigw_status status;

    if (openai_is_null(value))
        return AIGW_OK;
    if (value->type != AIGW_JSON_OBJECT)
        return openai_refuse_type(r, place, value, "an object");
    openai_note_members(r, value, parts, 2, members);
    status = openai_take_text(r, OPENAI_AT(place, parts[1]), &members[1], &r->params->verbosity);
    aigw_json_member(&members[0], "type", &type);
    if (status == AIGW_OK && openai_word(&type, schema, 1) == 0)
        status = openai_request_schema(r, OPENAI_AT(place, parts[0]), &members[0]);
    else if (status == AIGW_OK)
        status = openai_request_format(r, OPENAI_AT(place, parts[0]), &members[0], &is_kept);
    if (is_kept)
        keep(body, TEXT);
    return status;
}

static aigw_status read_include(struct body *body)
{
    struct aigw_json_walk walk = aigw_json_begin(&body->members[INCLUDE]);
    struct openai_reading *r = &body->rs.r;
    struct aigw_json item;

    if (!openai_is_null(&body->members[INCLUDE]) && body->members[INCLUDE].type != AIGW_JSON_LIST)
        return openai_refuse_type(r, OPENAI_AT(NULL, names[INCLUDE]), &body->members[INCLUDE], "a list of strings");
    while (aigw_json_next(&walk, NULL, &item)) { /* what we cannot include is not missed */
        if (aigw_json_is_text(&item, "reasoning.encrypted_content"))
            r->asked->wants_encrypted = true;
        else if (aigw_json_is_text(&item, "message.output_text.logprobs")) {
            r->params->want_logprobs = AIGW_YES;
            if (r->params->top_logprobs <= 0)
                r->asked->logprobs_word = names[INCLUDE];
        }
    }
    return AIGW_OK;
}

static aigw_status read_numbers(struct body *body)
{
    static const struct openai_number rows[] = {
        { MAX_OUTPUT, AIGW_PARAM_MAX_TOKENS, offsetof(struct aigw_params, max_tokens), true, 1, 9.2e18 },
        { TEMPERATURE, AIGW_PARAM_TEMPERATURE, offsetof(struct aigw_params, temperature), false, 0, 2 },
        { TOP_P, AIGW_PARAM_TOP_P, offsetof(struct aigw_params, top_p), false, 0, 1 },
        { TOP_LOGPROBS, AIGW_PARAM_TOP_LOGPROBS, offsetof(struct aigw_params, top_logprobs), true, 0, 20 },
    };
    struct aigw_params *params = body->rs.r.params;
    aigw_status status = openai_request_numbers(&body->rs.r, rows, sizeof rows / sizeof *rows, names, body->members);

    if (params->top_logprobs > 0)
        params->want_logprobs = AIGW_YES;
    return status;
}

static aigw_status read_words(struct body *body)
{
    struct openai_reading *r = &body->rs.r;
    struct aigw_params *params = r->params;
    aigw_str identifier = AIGW_STR_NONE, truncation = AIGW_STR_NONE;
    aigw_status status = take_text(body, USER, &params->user);

    if (status == AIGW_OK)
        status = take_text(body, SAFETY_IDENTIFIER, &identifier);
    if (status == AIGW_OK)
        status = take_text(body, CACHE_KEY, &params->cache_key);
    if (status == AIGW_OK)
        status = take_text(body, SERVICE_TIER, &params->service_tier);
    if (status == AIGW_OK)
        status = take_text(body, TRUNCATION, &truncation);
    if (status == AIGW_OK)
        status = openai_take_members(r, OPENAI_AT(NULL, names[METADATA]), &body->members[METADATA], &params->metadata);
    if (params->user.len > 0) {
        keep(body, SAFETY_IDENTIFIER);
    } else if (identifier.len > 0) {
        params->user = identifier;
        r->asked->user_word = names[SAFETY_IDENTIFIER];
    }
    if (truncation.len > 0 && !wire_is(truncation, "disabled"))
        keep(body, TRUNCATION);
    return status;
}

/* Of the Responses API's own options none matters here; bodies of this form that arrive at a chat's path have one. */
static aigw_status read_stream_options(struct body *body)
{
    return openai_request_stream_options(&body->rs.r, &body->members[STREAM_OPTIONS]);
}

static aigw_status read_tools(struct body *body)
{
    struct openai_reading *r = &body->rs.r;
    struct openai_tool_list list = { .r = r };
    aigw_status status = openai_request_tool_list(&list, OPENAI_AT(NULL, names[TOOLS]), &body->members[TOOLS]);

    r->request->tools = list.first;
    if (status == AIGW_OK)
        status = openai_request_choice(r, names[TOOL_CHOICE], &body->members[TOOL_CHOICE]);
    if (status == AIGW_OK)
        status =
            openai_take_bool(r, OPENAI_AT(NULL, names[PARALLEL]), &body->members[PARALLEL], &r->params->parallel_calls);
    return status == AIGW_OK ? openai_request_tools_end(r) : status;
}

/* ---- the answer repeats some of it ---- */

#define ECHO_MAX 4096u /* a longer member, such as a schema, is not repeated */

static const struct {
    uint32_t member;
    const char *otherwise;
} echoes[] = {
    { MAX_OUTPUT, "null" },
    { METADATA, "{}" },
    { PARALLEL, "true" },
    { REASONING, "{\"effort\":null,\"summary\":null}" },
    { CACHE_KEY, "null" },
    { SAFETY_IDENTIFIER, "null" },
    { SERVICE_TIER, "\"default\"" },
    { TEMPERATURE, "1" },
    { TEXT, "{\"format\":{\"type\":\"text\"}}" },
    { TOOL_CHOICE, "\"auto\"" },
    { TOP_LOGPROBS, "0" },
    { TOP_P, "1" },
    { USER, "null" },
};

static aigw_status write_echo(struct body *body)
{
    struct openai_reading *r = &body->rs.r;
    struct aigw_buf *buf = r->host->buf_new(r->ctx, AIGW_LIFE_BUILD, ECHO_MAX * (MEMBERS + 1));

    if (!buf)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < sizeof echoes / sizeof *echoes; i++) {
        const struct aigw_json *value = &body->members[echoes[i].member];
        aigw_str text = wire_str(echoes[i].otherwise);
        aigw_status status = AIGW_OK;

        if (!openai_is_null(value) && value->text.len <= ECHO_MAX)
            status = aigw_json_mend(value, &r->memory, &text);
        if (status != AIGW_OK)
            return status;
        r->host->buf_printf(buf, "%s\"%s\":", i > 0 ? "," : "", names[echoes[i].member]);
        r->host->buf_put(buf, text.ptr, text.len);
    }
    return r->host->buf_view(buf, &r->asked->echo);
}

/* ---- the whole ---- */

static aigw_status read_body(struct body *body)
{
    static aigw_status (*const steps[])(struct body * body) = { read_state,     read_input,   read_numbers,
                                                                read_words,     read_include, read_reasoning,
                                                                read_text_form, read_tools,   read_stream_options };
    struct openai_reading *r = &body->rs.r;
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == AIGW_OK; i++)
        status = steps[i](body);
    if (status == AIGW_OK && (body->has_others || body->keep))
        status = openai_extra(r, &body->root, names, MEMBERS, body->keep, &r->request->extra);
    if (status == AIGW_OK)
        status = write_echo(body);
    return status == AIGW_OK && body->rs.needs_server ? AIGW_E_UNSUPPORTED : status;
}

aigw_status openai_read_responses(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body_text,
                                  struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                                  struct openai_refusal *ret_refusal)
{
    struct body body = {
        .rs.r = { .host = host, .ctx = ctx, .asked = ret_asked, .request = ret_request, .refusal = ret_refusal }
    };
    aigw_status status = openai_request_begin(&body.rs.r, OPENAI_RESPONSES, body_text, names, MEMBERS, &body.root,
                                              body.members, &body.has_others);

    if (status == AIGW_OK)
        status = read_body(&body);
    return status == AIGW_OK ? wire_later_room(&ret_asked->later, &body.rs.r.memory) : status;
}
