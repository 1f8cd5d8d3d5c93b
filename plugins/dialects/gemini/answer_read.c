/* answer_read.c - answers of the Gemini API, whole or streamed → canonical events.
 *
 * Every event of a stream is a whole answer object with the new parts only; a stream may come as one JSON list, too.
 * There is no end marker: the finish reason of each candidate is the end. */
#include "gemini.h"
#include "members.h"

#include "../common/finish.h"

#include <stdlib.h>
#include <string.h>

aigw_status gemini_nonsense(struct gemini_in *in, const char *what)
{
    return in->host->fail(in->ctx, AIGW_E_UPSTREAM, "the model server's answer %s; expected the Gemini dialect", what);
}

aigw_status gemini_emit(struct gemini_in *in, const struct aigw_event *event)
{
    return wire_emit(in->host, in->ctx, &in->pass, event);
}

/* ---- finish ---- */

/* Their words, in any case; as a server in between may have those of another dialect. */
static uint32_t finish_of(aigw_str word, uint32_t *ret_error)
{
    static const struct {
        const char *word;
        uint32_t finish;
    } words[] = {
        { "image_prohibited_content", AIGW_FINISH_CONTENT_FILTER },
        { "image_recitation", AIGW_FINISH_CONTENT_FILTER },
        { "model_armor", AIGW_FINISH_GUARDRAIL },
        { "continuation", AIGW_FINISH_PAUSE },
    };

    *ret_error = 0;
    for (size_t i = 0; word.len > 0 && i < sizeof words / sizeof *words; i++)
        if (wire_same_word(word, words[i].word))
            return words[i].finish;
    return finish_of_word(word, ret_error);
}

static aigw_status emit_finish(struct gemini_in *in, uint32_t choice, aigw_str word, aigw_str detail)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .type = AIGW_EVENT_FINISH, .choice = choice, .text = word, .detail = detail
    };
    aigw_status status = AIGW_OK;
    uint32_t stream, error;

    event.finish = finish_of(word, &error);
    if (error)
        return gemini_emit_broken(in, word);
    if (in->call->finished & 1u << choice)
        return AIGW_OK;
    while (status == AIGW_OK && halves_take(&in->call->halves, choice, 0xfff, &stream)) {
        struct aigw_event lost = {
            .struct_size = sizeof lost, .type = stream >> 12, .choice = choice, .text = HALVES_LOST
        };

        status = gemini_emit(in, &lost);
    }
    if (in->call->tool_count[choice] > 0 && (event.finish == AIGW_FINISH_STOP || event.finish == AIGW_FINISH_UNKNOWN))
        event.finish = AIGW_FINISH_TOOL_CALLS; /* whether there are calls is told by the calls */
    in->call->finished |= 1u << choice;
    return status == AIGW_OK ? gemini_emit(in, &event) : status;
}

/* Choices that came without a reason to end, in an answer that is whole all the same. */
static aigw_status finish_all(struct gemini_in *in)
{
    aigw_status status = AIGW_OK;

    for (uint32_t i = 0; i < GEMINI_CHOICES_MAX && status == AIGW_OK; i++)
        if (in->call->seen & 1u << i)
            status = emit_finish(in, i, AIGW_STR_NONE, AIGW_STR_NONE);
    return status;
}

/* ---- usage ---- */

/* Tokens of one kind in a list of {"modality","tokenCount"}. */
static int64_t audio_of(struct gemini_in *in, const struct aigw_json *list)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct aigw_json item;

    while (aigw_json_next(&walk, NULL, &item))
        if (wire_is(reader_str(&in->reader, &item, "modality"), "AUDIO"))
            return gemini_tokens_in(&item, "token_count");
    return -1;
}

/* They leave out what is 0. Thoughts and results of server tools stand beside the prompt and the answer. */
static aigw_status emit_usage(struct gemini_in *in, const struct aigw_json *metadata)
{
    enum { PROMPT, ANSWER, TOTAL, TOOLS, CACHED, THOUGHTS, PROMPT_DETAILS, ANSWER_DETAILS, MEMBERS };
    static const char *const names[MEMBERS] = { "prompt_token_count",         "candidates_token_count",
                                                "total_token_count",          "tool_use_prompt_token_count",
                                                "cached_content_token_count", "thoughts_token_count",
                                                "prompt_tokens_details",      "candidates_tokens_details" };
    struct aigw_usage usage = AIGW_USAGE_INIT, *known = &in->call->usage, before = *known;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = known };
    struct aigw_json members[MEMBERS];
    int64_t answer, total;

    gemini_members(metadata, names, MEMBERS, members);
    answer = reader_tokens(&members[ANSWER]);
    total = reader_tokens(&members[TOTAL]);
    usage.input = reader_tokens(&members[PROMPT]);
    usage.tool_prompt = reader_tokens(&members[TOOLS]);
    usage.cache_read = reader_tokens(&members[CACHED]);
    usage.reasoning = reader_tokens(&members[THOUGHTS]);
    usage.audio_input = audio_of(in, &members[PROMPT_DETAILS]);
    usage.audio_output = audio_of(in, &members[ANSWER_DETAILS]);
    if (usage.input >= 0 && usage.tool_prompt > 0)
        usage.input += usage.tool_prompt;
    if (answer >= 0 || usage.reasoning >= 0)
        usage.output = (answer > 0 ? answer : 0) + (usage.reasoning > 0 ? usage.reasoning : 0);
    else if (total >= 0 && usage.input >= 0 && total >= usage.input)
        usage.output = total - usage.input;
    if (known->struct_size == 0)
        *known = (struct aigw_usage)AIGW_USAGE_INIT;
    usage_merge(known, &usage);
    if (memcmp(known, &before, sizeof before) == 0)
        return AIGW_OK;
    return known->input >= 0 || known->output >= 0 ? gemini_emit(in, &event) : AIGW_OK;
}

/* ---- one object ---- */

static aigw_status emit_model(struct gemini_in *in, const struct aigw_json *obj)
{
    struct aigw_event event = { .struct_size = sizeof event,
                                .type = AIGW_EVENT_MODEL,
                                .text = gemini_str(&in->reader, obj, "model_version"),
                                .id = gemini_str(&in->reader, obj, "response_id") };

    if (in->call->has_model || event.text.len + event.id.len == 0)
        return AIGW_OK;
    in->call->has_model = 1;
    return gemini_emit(in, &event);
}

/* The number of a candidate; GEMINI_CHOICES_MAX for one that cannot be. Where one was asked for,
 * the first that comes is it, whatever it says. */
static uint32_t choice_of(struct gemini_in *in, const struct aigw_json *candidate)
{
    int64_t index = reader_int(candidate, "index", 0);

    if (in->call->has_one_choice && index >= 0 && index < GEMINI_CHOICES_MAX) {
        if (in->call->the_choice == 0)
            in->call->the_choice = (uint32_t)index + 1;
        if (index + 1 == in->call->the_choice)
            index = 0;
    }
    return index >= 0 && index < GEMINI_CHOICES_MAX ? (uint32_t)index : GEMINI_CHOICES_MAX;
}

/* The parts of a candidate: in its content; of servers in between in the candidate itself, or one of them without its
 * list. */
static aigw_status emit_parts(struct gemini_in *in, const struct aigw_json *candidate, const struct aigw_json *content,
                              uint32_t choice)
{
    enum { PARTS, TEXT, CALL, MEMBERS };
    static const char *const names[MEMBERS] = { "parts", "text", "function_call" };
    const struct aigw_json *const places[] = { content, candidate };
    struct aigw_json members[MEMBERS];

    for (size_t i = 0; i < 2; i++) {
        gemini_members(places[i], names, MEMBERS, members);
        if (members[PARTS].type > AIGW_JSON_NULL)
            return gemini_emit_parts(in, &members[PARTS], choice);
        if (members[TEXT].type > AIGW_JSON_NULL || members[CALL].type > AIGW_JSON_NULL)
            return gemini_emit_part(in, places[i], choice);
    }
    return AIGW_OK;
}

static aigw_status emit_candidate(struct gemini_in *in, const struct aigw_json *candidate)
{
    uint32_t choice = choice_of(in, candidate);
    struct aigw_json content;
    aigw_status status;

    if (candidate->type != AIGW_JSON_OBJECT || choice == GEMINI_CHOICES_MAX)
        return gemini_nonsense(in, "has a candidate that is none of those asked for");
    aigw_json_member(candidate, "content", &content);
    if (content.type > AIGW_JSON_NULL && content.type != AIGW_JSON_OBJECT)
        return gemini_nonsense(in, "has content that is no object");
    in->call->seen |= 1u << choice;
    status = emit_parts(in, candidate, &content, choice);
    return status == AIGW_OK ? gemini_emit_beside(in, candidate, choice) : status;
}

/* Its word; some servers say the number that Google's protocol has for it, or "FinishReason.STOP" as Python prints it.
 * Absent: it has not ended. */
static bool read_reason(struct gemini_in *in, const struct aigw_json *reason, aigw_str *ret_word)
{
    static const char *const words[] = {
        "",      "STOP",      "MAX_TOKENS",         "SAFETY", "RECITATION",
        "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",   "MALFORMED_FUNCTION_CALL"
    };
    static const char prefix[] = "FinishReason.";
    int64_t number;

    *ret_word = reader_text(&in->reader, reason);
    if (aigw_json_int(reason, &number) && number >= 0)
        *ret_word = wire_str(number < (int64_t)(sizeof words / sizeof *words) ? words[number] : "OTHER");
    else if (reason->type > AIGW_JSON_NULL && reason->type != AIGW_JSON_STRING)
        return false;
    if (wire_has_prefix(*ret_word, prefix))
        *ret_word = (aigw_str){ ret_word->ptr + sizeof prefix - 1, ret_word->len - (sizeof prefix - 1) };
    if (wire_is(*ret_word, "FINISH_REASON_UNSPECIFIED"))
        *ret_word = AIGW_STR_NONE;
    return true;
}

static aigw_status emit_ends(struct gemini_in *in, const struct aigw_json *candidates)
{
    struct aigw_json_walk walk = aigw_json_begin(candidates);
    struct aigw_json candidate;
    aigw_status status = AIGW_OK;

    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &candidate)) {
        struct aigw_json reason;
        aigw_str word;

        gemini_member(&candidate, "finish_reason", &reason);
        if (!read_reason(in, &reason, &word))
            return gemini_nonsense(in, "has a finish reason that is no word");
        if (word.len > 0)
            status =
                emit_finish(in, choice_of(in, &candidate), word, gemini_str(&in->reader, &candidate, "finish_message"));
    }
    return status;
}

/* A prompt that was refused: the client who gets the bytes sees it there. */
static aigw_status emit_blocked(struct gemini_in *in, aigw_str reason, aigw_str message)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_CONTENT_FILTER, .text = reason
    };

    if (!in->call->raw)
        return gemini_emit_blocked(in, reason, message);
    if (in->call->finished & 1)
        return AIGW_OK;
    in->call->finished |= 1;
    return gemini_emit(in, &event);
}

/* A client's own call of another method of Vertex AI's: {"predictions":[…]} of whatever kind. */
static aigw_status emit_prediction(struct gemini_in *in, const struct aigw_json *obj)
{
    struct aigw_usage usage = AIGW_USAGE_INIT;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = &usage };

    gemini_read_prediction_usage(obj, &usage);
    return usage.input >= 0 || usage.output >= 0 ? gemini_emit(in, &event) : AIGW_OK;
}

static aigw_status emit_answer(struct gemini_in *in, const struct aigw_json *obj, bool is_body)
{
    static const char *const names[] = { "candidates", "prompt_feedback", "usage_metadata" };
    bool is_others = in->call->raw && !(in->call->raw_flags & AIGW_RAWF_EVENTS); /* perhaps of another method */
    struct aigw_json members[3], candidate;
    struct aigw_json_walk walk;
    aigw_str reason;
    aigw_status status;

    gemini_members(obj, names, 3, members);
    reason = gemini_str(&in->reader, &members[1], "block_reason");
    if (is_body && !is_others && members[0].type != AIGW_JSON_LIST && reason.len == 0 && !in->call->has_begun)
        return gemini_nonsense(in, "has no candidates");
    if (members[0].type > AIGW_JSON_NULL && members[0].type != AIGW_JSON_LIST)
        return gemini_nonsense(in, "has candidates that are no list");
    in->call->has_begun = 1;
    status = emit_model(in, obj);
    walk = aigw_json_begin(&members[0]);
    while (status == AIGW_OK && aigw_json_next(&walk, NULL, &candidate))
        status = emit_candidate(in, &candidate);
    if (status == AIGW_OK && members[2].type == AIGW_JSON_OBJECT)
        status = emit_usage(in, &members[2]);
    else if (status == AIGW_OK && in->call->raw)
        status = emit_prediction(in, obj);
    if (status == AIGW_OK)
        status = emit_ends(in, &members[0]);
    if (status == AIGW_OK && reason.len > 0 && aigw_json_count(&members[0]) == 0)
        status = emit_blocked(in, reason, gemini_str(&in->reader, &members[1], "block_reason_message"));
    return status;
}

static aigw_status emit_count(struct gemini_in *in, const struct aigw_json *obj)
{
    struct aigw_usage usage = AIGW_USAGE_INIT;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE, .usage = &usage };
    aigw_status status;

    usage.input = gemini_tokens_in(obj, "total_tokens");
    if (usage.input < 0)
        return gemini_nonsense(in, "has no number of tokens");
    usage.cache_read = gemini_tokens_in(obj, "cached_content_token_count");
    status = gemini_emit(in, &event);
    return status == AIGW_OK ? emit_finish(in, 0, AIGW_STR("STOP"), AIGW_STR_NONE) : status;
}

static bool is_error(struct gemini_in *in, const struct aigw_json *obj)
{
    static const char *const names[] = { "error", "candidates", "usage_metadata" };
    struct aigw_json members[3];

    gemini_members(obj, names, 3, members);
    if (refusal_says(&members[0]))
        return true;
    return members[1].type == AIGW_JSON_ABSENT && members[2].type == AIGW_JSON_ABSENT &&
           (members[0].type > AIGW_JSON_NULL || refusal_is_complaint(&in->reader, obj));
}

static aigw_status read_object(struct gemini_in *in, const struct aigw_json *obj, bool is_body)
{
    if (obj->type != AIGW_JSON_OBJECT)
        return gemini_nonsense(in, "is not a JSON object");
    if (is_error(in, obj))
        return gemini_emit_error(in, obj);
    if (in->call->kind == AIGW_CALL_COUNT)
        return emit_count(in, obj);
    if (in->call->kind == AIGW_CALL_EMBEDDING)
        return gemini_emit_vectors(in, obj);
    if (in->call->kind == AIGW_CALL_MODELS)
        return gemini_emit_models(in, obj);
    return emit_answer(in, obj, is_body);
}

/* ---- frames ---- */

static aigw_status read_value(struct gemini_in *in, const struct aigw_json *value, bool is_body)
{
    struct aigw_json_walk walk = aigw_json_begin(value);
    struct aigw_json item;
    aigw_status status = AIGW_OK;

    if (value->type == AIGW_JSON_NULL && !is_body) {
        in->pass.frame = NULL; /* a heartbeat */
        return AIGW_OK;
    }
    if (value->type != AIGW_JSON_LIST)
        return read_object(in, value, is_body);
    if (!in->call->has_begun && (in->call->raw_flags & AIGW_RAWF_EVENTS))
        in->pass.buf = in->call->raw = NULL; /* an event of a stream is one object */
    while (status == AIGW_OK && !in->call->is_over && aigw_json_next(&walk, NULL, &item))
        status = read_object(in, &item, false);
    return status;
}

/* Servers in between that end every stream the same way. */
static aigw_status end_of_stream(struct gemini_in *in)
{
    aigw_status status;

    in->pass.frame = NULL; /* clients of this dialect have no word for it */
    if (!in->call->has_begun)
        return gemini_nonsense(in, "ended before it began");
    status = finish_all(in);
    in->call->is_over = 1;
    return status == AIGW_OK ? AIGW_DONE : status;
}

/* No JSON: behind the reason of each it is one more way to say that it is over. */
static aigw_status read_strange(struct gemini_in *in, aigw_str text)
{
    bool is_finished = in->call->seen != 0 && in->call->seen == in->call->finished;

    return is_finished && !refusal_is_plain(text) ? end_of_stream(in) : gemini_emit_strange(in, text);
}

/* The values in `text`, one after the other: two in one event are two events. */
static aigw_status read_values(struct gemini_in *in, aigw_str text, bool is_body)
{
    struct wire_parts parts = wire_parts_of(&in->pass);
    aigw_status status = AIGW_OK;
    struct aigw_json value;
    aigw_str words;

    do {
        aigw_str before = text;

        if ((!is_body || in->call->has_begun) && wire_is_end_marker(text))
            return end_of_stream(in);
        if (wire_is_error_line(text, &words))
            return gemini_emit_error_text(in, words);
        if (!reader_next(&in->reader, &text, &value))
            return read_strange(in, text);
        if (is_body && wire_is_odd_body(in->call->raw_flags, &value, text))
            in->pass.buf = in->call->raw = NULL;
        wire_take_part(&in->pass, &parts, before, text);
        status = read_value(in, &value, is_body);
        if (status == AIGW_OK && parts.one.data.ptr && !in->call->is_over)
            status = wire_pass(in->host, in->ctx, &in->pass);
    } while (text.len > 0 && status == AIGW_OK && !in->call->is_over);
    if (status == AIGW_OK && is_body && !in->call->is_over) /* what is complete as JSON is whole */
        status = in->call->seen == 0 && in->call->finished == 0 && in->call->raw
                     ? emit_finish(in, 0, AIGW_STR("STOP"), AIGW_STR_NONE)
                     : finish_all(in);
    return status;
}

aigw_status gemini_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct gemini_call *call,
                         const struct aigw_frame *frame)
{
    struct gemini_in in = {
        .host = host, .ctx = ctx, .call = call, .pass = { call->raw, frame, &call->drops, .is_bare = true }
    };
    bool is_body = frame->framing == AIGW_FRAMING_BODY;
    aigw_str text;
    char *copy;
    aigw_status status = AIGW_OK;

    if (call->is_over)
        return AIGW_OK;
    if (call->raw && wire_is_other_form(call->raw_flags, frame))
        in.pass.buf = call->raw = NULL;
    if (!halves_mark(frame->data, &text, &copy))
        return AIGW_E_NOMEM;
    reader_open(&in.reader);
    text = wire_skip_blanks(text);
    if (wire_is_error_event(frame->event))
        status = gemini_emit_error_text(&in, text);
    else if (is_body || !wire_is_heartbeat(frame->event, text))
        status = read_values(&in, text, is_body);
    else
        in.pass.frame = NULL; /* clients of this dialect have no word for it */
    if (in.reader.is_short && status >= 0)
        status = AIGW_E_NOMEM;
    reader_end(&in.reader);
    free(copy);
    if (status == AIGW_OK && !call->is_over)
        status = wire_pass(host, ctx, &in.pass);
    return status;
}
