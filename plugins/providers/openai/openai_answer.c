/* openai_answer.c - OpenAI's answers → canonical events: chat, legacy completions and embeddings, whole or streamed. */
#include "openai.h"

#include "../../common/json/json.h"
#include "../common/scan.h"

#include <stdlib.h>
#include <string.h>

#define OPENAI_VECTOR_MAX 65536 /* numbers in one embedding */

struct openai_in {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct openai_call *call;
};

static aigw_status openai_nonsense(const struct openai_in *in, const char *what)
{
    return in->host->fail(in->ctx, AIGW_E_UPSTREAM, "the model server's answer %s; expected the OpenAI dialect", what);
}

static uint32_t openai_finish_kind(aigw_str word)
{
    static const struct {
        const char *word;
        uint32_t finish;
    } words[] = {
        { "stop", AIGW_FINISH_STOP },
        { "length", AIGW_FINISH_LENGTH },
        { "tool_calls", AIGW_FINISH_TOOL_CALLS },
        { "function_call", AIGW_FINISH_TOOL_CALLS },
        { "content_filter", AIGW_FINISH_CONTENT_FILTER },
        { "eos", AIGW_FINISH_STOP },
        { "eos_token", AIGW_FINISH_STOP },
        { "stop_sequence", AIGW_FINISH_STOP },
        { "end_turn", AIGW_FINISH_STOP },
        { "max_tokens", AIGW_FINISH_LENGTH },
        { "model_length", AIGW_FINISH_LENGTH },
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (wire_is(word, words[i].word))
            return words[i].finish;
    return AIGW_FINISH_UNKNOWN;
}

static aigw_status openai_emit_finish(const struct openai_in *in, aigw_str word)
{
    if (in->call->is_finished)
        return AIGW_OK;
    /* Two words say that the server gave up: what came is not an answer. */
    if (wire_is(word, "error") || wire_is(word, "abort")) {
        struct aigw_error error = { .struct_size = sizeof error,
                                    .kind = AIGW_ERR_SERVER,
                                    .retry_after_ms = -1,
                                    .code = word,
                                    .message = AIGW_STR_INIT("the model server broke the answer off") };

        in->call->is_over = 1;
        return wire_emit_error(in->host, in->ctx, &error);
    }
    in->call->is_finished = 1;
    return wire_emit_finish(in->host, in->ctx, openai_finish_kind(word), word);
}

/* A string, or a list of parts of which the text counts. */
static aigw_status openai_emit_content(const struct openai_in *in, uint32_t type, struct json_object *content)
{
    aigw_status status = AIGW_OK;

    if (json_object_is_type(content, json_type_string))
        return wire_emit_text(in->host, in->ctx, type, wire_value_str(content));
    if (!json_object_is_type(content, json_type_array))
        return AIGW_OK;
    for (size_t i = 0; i < json_object_array_length(content) && status == AIGW_OK; i++) {
        struct json_object *part = json_object_array_get_idx(content, i);
        aigw_str text = json_object_is_type(part, json_type_string) ? wire_value_str(part) : wire_get_str(part, "text");

        status = wire_emit_text(in->host, in->ctx, type, text);
    }
    return status;
}

/* One entry of tool_calls. Servers that leave out `index` begin a new call whenever an id comes. */
static aigw_status openai_emit_tool(const struct openai_in *in, struct json_object *item, size_t position,
                                    bool is_whole)
{
    struct json_object *function = wire_get(item, "function", json_type_object), *arguments = NULL;
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TOOL_CALL };
    int64_t index = wire_get_int(item, "index", -1);

    event.id = wire_get_str(item, "id");
    event.name = wire_get_str(function, "name");
    if (is_whole)
        index = (int64_t)position;
    else if (index < 0)
        index = event.id.len > 0 || in->call->tool_count == 0 ? in->call->tool_count : in->call->tool_count - 1;
    if (index > 1023)
        return openai_nonsense(in, "has a tool call with an index beyond 1023");
    event.index = (uint32_t)index;
    if (event.index >= in->call->tool_count)
        in->call->tool_count = event.index + 1;
    if (function && json_object_object_get_ex(function, "arguments", &arguments)) {
        if (json_object_is_type(arguments, json_type_string))
            event.text = wire_value_str(arguments);
        else if (arguments) /* some servers send the object itself */
            event.text = wire_str(json_object_to_json_string_ext(arguments, JSON_C_TO_STRING_PLAIN));
    }
    return in->host->emit(in->ctx, &event);
}

/* `message` of a whole answer, `delta` of a streamed one. */
static aigw_status openai_emit_message(const struct openai_in *in, struct json_object *message, bool is_whole)
{
    static const char *const reasoning[] = { "reasoning_content", "reasoning" };
    struct json_object *content = NULL, *tools = wire_get(message, "tool_calls", json_type_array);
    aigw_status status = AIGW_OK;

    for (size_t i = 0; i < 2; i++)
        if (wire_get_str(message, reasoning[i]).len > 0) {
            status = wire_emit_text(in->host, in->ctx, AIGW_EVENT_REASONING, wire_get_str(message, reasoning[i]));
            break; /* some servers send both names with the same text */
        }
    if (status == AIGW_OK && json_object_is_type(message, json_type_object) &&
        json_object_object_get_ex(message, "content", &content))
        status = openai_emit_content(in, AIGW_EVENT_TEXT, content);
    if (status == AIGW_OK)
        status = wire_emit_text(in->host, in->ctx, AIGW_EVENT_TEXT, wire_get_str(message, "refusal"));
    for (size_t i = 0; tools && i < json_object_array_length(tools) && status == AIGW_OK; i++)
        status = openai_emit_tool(in, json_object_array_get_idx(tools, i), i, is_whole);
    return status;
}

static aigw_status openai_emit_choice(const struct openai_in *in, struct json_object *choice, bool is_whole)
{
    struct json_object *message = wire_get(choice, is_whole ? "message" : "delta", json_type_object);
    aigw_status status = AIGW_OK;
    aigw_str word;

    if (wire_get_int(choice, "index", 0) != 0)
        return AIGW_OK; /* we never ask for more than one */
    if (message)
        status = openai_emit_message(in, message, is_whole);
    else
        status = wire_emit_text(in->host, in->ctx, AIGW_EVENT_TEXT, wire_get_str(choice, "text"));
    word = wire_get_str(choice, "finish_reason");
    if (status == AIGW_OK && (word.len > 0 || is_whole))
        status = openai_emit_finish(in, word);
    return status;
}

static aigw_status openai_emit_usage(const struct openai_in *in, struct json_object *usage)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE };

    event.input_tokens = wire_get_int(usage, "prompt_tokens", -1);
    event.output_tokens = wire_get_int(usage, "completion_tokens", -1);
    event.cached_tokens = wire_get_int(wire_get(usage, "prompt_tokens_details", json_type_object), "cached_tokens", -1);
    return in->host->emit(in->ctx, &event);
}

/* ---- embeddings ---- */

static aigw_status openai_emit_vector(const struct openai_in *in, struct json_object *numbers, uint32_t index)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_EMBEDDING, .index = index };
    size_t len = json_object_array_length(numbers);
    float *vector;
    aigw_status status;

    if (len == 0 || len > OPENAI_VECTOR_MAX)
        return openai_nonsense(in, "has an embedding that is empty or too long");
    vector = malloc(len * sizeof *vector);
    if (!vector)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < len; i++)
        vector[i] = (float)json_object_get_double(json_object_array_get_idx(numbers, i));
    event.vector = vector;
    event.vector_len = (uint32_t)len;
    status = in->host->emit(in->ctx, &event);
    free(vector);
    return status;
}

static aigw_status openai_embeddings(const struct openai_in *in, struct json_object *obj)
{
    struct json_object *data = wire_get(obj, "data", json_type_array);
    struct json_object *usage = wire_get(obj, "usage", json_type_object);
    aigw_status status = AIGW_OK;

    if (!data || json_object_array_length(data) != in->call->input_count)
        return in->host->fail(
            in->ctx, AIGW_E_UPSTREAM,
            "the model server answered %zu embeddings for %u inputs; is the model an embedding model?",
            data ? json_object_array_length(data) : (size_t)0, in->call->input_count);
    for (size_t i = 0; i < json_object_array_length(data) && status == AIGW_OK; i++) {
        struct json_object *item = json_object_array_get_idx(data, i);
        struct json_object *numbers = wire_get(item, "embedding", json_type_array);
        int64_t index = wire_get_int(item, "index", (int64_t)i);

        if (!numbers || index < 0 || index >= (int64_t)in->call->input_count)
            return openai_nonsense(in, "has an embedding without numbers or with an index out of range");
        status = openai_emit_vector(in, numbers, (uint32_t)index);
    }
    if (status == AIGW_OK && usage)
        status = openai_emit_usage(in, usage);
    return status == AIGW_OK ? openai_emit_finish(in, AIGW_STR("stop")) : status;
}

/* ---- frames ---- */

static aigw_status openai_object(const struct openai_in *in, struct json_object *obj, bool is_whole)
{
    struct json_object *choices = wire_get(obj, "choices", json_type_array);
    struct json_object *usage = wire_get(obj, "usage", json_type_object);
    aigw_status status = AIGW_OK;

    if (!json_object_is_type(obj, json_type_object))
        return openai_nonsense(in, "is not a JSON object");
    if (openai_is_error(obj)) {
        in->call->is_over = 1;
        return openai_emit_error(in->host, in->ctx, obj);
    }
    if (in->call->path == OPENAI_EMBEDDING)
        return openai_embeddings(in, obj);
    if (is_whole && (!choices || json_object_array_length(choices) == 0))
        return openai_nonsense(in, "has no choices");
    for (size_t i = 0; choices && i < json_object_array_length(choices) && status == AIGW_OK && !in->call->is_over; i++)
        status = openai_emit_choice(in, json_object_array_get_idx(choices, i), is_whole);
    if (status == AIGW_OK && usage && !in->call->is_over)
        status = openai_emit_usage(in, usage);
    return status;
}

aigw_status openai_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                              const struct aigw_frame *frame)
{
    const struct openai_in in = { host, ctx, call };
    bool is_whole = frame->framing == AIGW_FRAMING_BODY;
    struct json_object *obj;
    aigw_status status;

    if (call->is_over || (!is_whole && wire_is_blank(frame->data)))
        return AIGW_OK;
    if (!is_whole && wire_is(wire_trim_end(frame->data), "[DONE]")) {
        status = openai_emit_finish(&in, AIGW_STR(""));
        call->is_over = 1;
        return status;
    }
    obj = wire_parse(frame->data);
    status = openai_object(&in, obj, is_whole);
    json_object_put(obj);
    return status;
}

/* ---- the short cut: one text delta, read in place ---- */

struct openai_delta {
    aigw_str text, finish;
    bool has_text, has_finish, has_delta;
};

static void openai_scan_delta(struct scan *s, struct openai_delta *delta, char *scratch, size_t scratch_size)
{
    bool is_first = true;
    aigw_str key;

    s->is_ok = s->is_ok && !delta->has_delta;
    delta->has_delta = true;
    scan_char(s, '{');
    while (scan_key(s, &is_first, &key)) {
        if (wire_is(key, "content")) {
            s->is_ok = s->is_ok && !delta->has_text; /* of two, the last counts: not here */
            delta->has_text = true;
            if (!scan_null(s))
                delta->text = scan_string(s, scratch, scratch_size);
        } else if (wire_is(key, "reasoning_content") || wire_is(key, "reasoning") || wire_is(key, "refusal") ||
                   wire_is(key, "tool_calls")) {
            s->is_ok = s->is_ok && scan_null(s);
        } else {
            scan_skip(s);
        }
    }
}

static void openai_scan_choice(struct scan *s, struct openai_delta *delta, char *scratch, size_t scratch_size)
{
    bool is_first = true;
    aigw_str key;

    scan_char(s, '{');
    while (scan_key(s, &is_first, &key)) {
        if (wire_is(key, "delta")) {
            openai_scan_delta(s, delta, scratch, scratch_size);
        } else if (wire_is(key, "index")) {
            s->is_ok = scan_int(s) == 0 && s->is_ok;
        } else if (wire_is(key, "finish_reason")) {
            s->is_ok = s->is_ok && !delta->has_finish;
            delta->has_finish = true;
            if (!scan_null(s))
                delta->finish = scan_plain(s);
        } else {
            scan_skip(s);
        }
    }
}

/* True when the frame is an ordinary text delta, or the one that ends with a finish reason. */
static bool openai_scan_frame(aigw_str data, struct openai_delta *delta, char *scratch, size_t scratch_size)
{
    struct scan s = { .at = data.ptr, .end = data.ptr + data.len, .is_ok = data.len > 0 };
    bool is_first = true, has_choices = false;
    aigw_str key;

    scan_char(&s, '{');
    while (scan_key(&s, &is_first, &key)) {
        if (wire_is(key, "choices")) {
            s.is_ok = s.is_ok && !has_choices;
            has_choices = true;
            scan_char(&s, '[');
            openai_scan_choice(&s, delta, scratch, scratch_size);
            scan_char(&s, ']');
        } else if (wire_is(key, "usage") || wire_is(key, "error")) {
            s.is_ok = s.is_ok && scan_null(&s);
        } else if (wire_is(key, "object")) {
            s.is_ok = !wire_is(scan_plain(&s), "error") && s.is_ok;
        } else {
            scan_skip(&s);
        }
    }
    return scan_at_end(&s) && delta->has_delta;
}

/* ---- the short cut for whole answers: one choice of plain text, read without json-c ---- */

struct openai_whole {
    const struct pj *usage;
    aigw_str text, finish;
};

static bool openai_is_absent(const struct pj *object, const char *name)
{
    const struct pj *value = pj_member(object, name);

    return !value || value->type == PJ_NULL;
}

static aigw_str openai_string(const struct pj *object, const char *name)
{
    const struct pj *value = pj_member_of(object, name, PJ_STRING);

    return value ? value->text : AIGW_STR_NONE;
}

static int64_t openai_number(const struct pj *object, const char *name)
{
    const struct pj *value = pj_member_of(object, name, PJ_INT);

    return value ? value->of.integer : -1;
}

/* Nothing in a message but its content, which is a string, null or absent. */
static bool openai_is_plain_message(const struct pj *message)
{
    const struct pj *content = pj_member(message, "content");

    return (!content || content->type == PJ_STRING || content->type == PJ_NULL) &&
           openai_is_absent(message, "tool_calls") && openai_is_absent(message, "reasoning_content") &&
           openai_is_absent(message, "reasoning") && openai_is_absent(message, "refusal");
}

static bool openai_read_whole(const struct pj *root, struct openai_whole *ret_whole)
{
    const struct pj *choices = pj_member_of(root, "choices", PJ_LIST), *choice, *index, *message;

    if (!choices || choices->of.in.count != 1 || !openai_is_absent(root, "error") ||
        wire_is(openai_string(root, "object"), "error"))
        return false;
    choice = choices->of.in.first;
    index = pj_member(choice, "index");
    message = pj_member_of(choice, "message", PJ_OBJECT);
    if (choice->type != PJ_OBJECT || (index && (index->type != PJ_INT || index->of.integer != 0)))
        return false;
    if (message && !openai_is_plain_message(message))
        return false;
    *ret_whole =
        (struct openai_whole){ .usage = pj_member_of(root, "usage", PJ_OBJECT),
                               .text = message ? openai_string(message, "content") : openai_string(choice, "text"),
                               .finish = openai_string(choice, "finish_reason") };
    return true;
}

static aigw_status openai_emit_whole(const struct openai_in *in, const struct openai_whole *whole)
{
    struct aigw_event usage = { .struct_size = sizeof usage, .type = AIGW_EVENT_USAGE };
    aigw_status status = wire_emit_text(in->host, in->ctx, AIGW_EVENT_TEXT, whole->text);

    if (status == AIGW_OK)
        status = openai_emit_finish(in, whole->finish);
    if (status != AIGW_OK || !whole->usage || in->call->is_over)
        return status;
    usage.input_tokens = openai_number(whole->usage, "prompt_tokens");
    usage.output_tokens = openai_number(whole->usage, "completion_tokens");
    usage.cached_tokens =
        openai_number(pj_member_of(whole->usage, "prompt_tokens_details", PJ_OBJECT), "cached_tokens");
    return in->host->emit(in->ctx, &usage);
}

static aigw_status openai_body_frame(const struct openai_in *in, const struct aigw_frame *frame)
{
    struct pj_document *document = pj_read(frame->data);
    struct openai_whole whole;
    aigw_status status;

    if (document && openai_read_whole(pj_root(document), &whole))
        status = openai_emit_whole(in, &whole);
    else
        status = openai_frame_slow(in->host, in->ctx, in->call, frame);
    pj_free(document);
    return status;
}

aigw_status openai_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct openai_call *call,
                         const struct aigw_frame *frame)
{
    const struct openai_in in = { host, ctx, call };
    struct openai_delta delta = { .has_text = false };
    char scratch[1024];
    aigw_status status;

    if (frame->framing == AIGW_FRAMING_BODY && call->path != OPENAI_EMBEDDING && !call->is_over)
        return openai_body_frame(&in, frame);
    if (call->is_over || call->path == OPENAI_EMBEDDING ||
        !openai_scan_frame(frame->data, &delta, scratch, sizeof scratch))
        return openai_frame_slow(host, ctx, call, frame);
    status = wire_emit_text(host, ctx, AIGW_EVENT_TEXT, delta.text);
    if (status == AIGW_OK && delta.finish.len > 0)
        status = openai_emit_finish(&in, delta.finish);
    return status;
}
