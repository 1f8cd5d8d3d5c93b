/* anthropic_answer.c - Anthropic's answers, whole or streamed, and refusals → canonical events and errors. */
#include "anthropic.h"

#include "../../common/json/json.h"
#include "../common/scan.h"

struct anthropic_in {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    struct anthropic_call *call;
};

static aigw_status anthropic_nonsense(const struct anthropic_in *in, const char *what)
{
    return in->host->fail(in->ctx, AIGW_E_UPSTREAM,
                          "the model server's answer %s; expected the Anthropic Messages dialect", what);
}

/* ---- errors ---- */

static const struct {
    const char *type;
    uint32_t kind;
    int32_t status;
} anthropic_types[] = {
    { "invalid_request_error", AIGW_ERR_BAD_REQUEST, 400 },
    { "authentication_error", AIGW_ERR_AUTH, 401 },
    { "billing_error", AIGW_ERR_PERMISSION, 402 },
    { "permission_error", AIGW_ERR_PERMISSION, 403 },
    { "not_found_error", AIGW_ERR_NOT_FOUND, 404 },
    { "request_too_large", AIGW_ERR_CONTEXT_TOO_LONG, 413 },
    { "rate_limit_error", AIGW_ERR_RATE_LIMITED, 429 },
    { "api_error", AIGW_ERR_SERVER, 500 },
    { "timeout_error", AIGW_ERR_TIMEOUT, 504 },
    { "overloaded_error", AIGW_ERR_OVERLOADED, 529 },
};

/* Fill in what an object {"type":"error","error":{"type","message"}} tells. */
static void anthropic_describe(const struct aigw_host *host, struct aigw_ctx *ctx, struct json_object *obj,
                               struct aigw_error *ret_error)
{
    struct json_object *error = wire_get(obj, "error", json_type_object);
    aigw_str type = wire_get_str(error, "type"), message = wire_get_str(error, "message"), words;

    if (message.len == 0)
        message = wire_get_str(obj, "message");
    for (size_t i = 0; i < sizeof anthropic_types / sizeof *anthropic_types; i++)
        if (wire_is(type, anthropic_types[i].type)) {
            ret_error->kind = anthropic_types[i].kind;
            if (ret_error->http_status == 0) /* in a stream the status was 200: say what it would have been */
                ret_error->http_status = anthropic_types[i].status;
        }
    if (ret_error->kind == AIGW_ERR_BAD_REQUEST && wire_says_too_long(message))
        ret_error->kind = AIGW_ERR_CONTEXT_TOO_LONG;
    if (ret_error->kind == AIGW_ERR_BAD_REQUEST && wire_contains(message, "credit balance"))
        ret_error->kind = AIGW_ERR_PERMISSION;
    if (type.len > 0)
        ret_error->code = wire_words(host, ctx, type);
    if (ret_error->kind == AIGW_ERR_AUTH) {
        ret_error->message = AIGW_STR("the model server refused the API key; check the key configured for this model");
        return;
    }
    words = wire_words(host, ctx, message);
    if (words.len > 0)
        ret_error->message = words;
}

void anthropic_failure(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_http_failure *failure,
                       struct aigw_error *ret_error)
{
    struct json_object *obj = wire_parse(failure->body);
    aigw_str request_id = wire_get_str(obj, "request_id");

    anthropic_describe(host, ctx, obj, ret_error);
    if (request_id.len > 0) /* what the vendor's support asks for */
        host->annotate(ctx, "model_request_id", wire_words(host, ctx, request_id));
    json_object_put(obj);
}

static aigw_status anthropic_emit_error(const struct anthropic_in *in, struct json_object *obj)
{
    struct aigw_error error = { .struct_size = sizeof error,
                                .kind = AIGW_ERR_SERVER,
                                .retry_after_ms = -1,
                                .message = AIGW_STR_INIT("the model server reported an error in its answer") };

    in->call->is_over = 1;
    anthropic_describe(in->host, in->ctx, obj, &error);
    return wire_emit_error(in->host, in->ctx, &error);
}

/* ---- pieces ---- */

static uint32_t anthropic_finish_kind(aigw_str word)
{
    static const struct {
        const char *word;
        uint32_t finish;
    } words[] = {
        { "end_turn", AIGW_FINISH_STOP },
        { "stop_sequence", AIGW_FINISH_STOP },
        { "pause_turn", AIGW_FINISH_STOP },
        { "max_tokens", AIGW_FINISH_LENGTH },
        { "model_context_window_exceeded", AIGW_FINISH_LENGTH },
        { "tool_use", AIGW_FINISH_TOOL_CALLS },
        { "refusal", AIGW_FINISH_CONTENT_FILTER },
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (wire_is(word, words[i].word))
            return words[i].finish;
    return AIGW_FINISH_UNKNOWN;
}

static aigw_status anthropic_emit_finish(const struct anthropic_in *in, aigw_str word)
{
    if (in->call->is_finished)
        return AIGW_OK;
    in->call->is_finished = 1;
    return wire_emit_finish(in->host, in->ctx, anthropic_finish_kind(word), word);
}

/* A usage object's numbers; -1 or 0 for what is not there. */
struct anthropic_usage {
    int64_t input, created, read, output;
};

/* The input comes with the first usage object, the output with the last: hand on all that is known. */
static aigw_status anthropic_emit_numbers(const struct anthropic_in *in, const struct anthropic_usage *usage)
{
    struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_USAGE };

    if (usage->input >= 0) {
        in->call->input_tokens = usage->input + usage->created + usage->read; /* theirs counts what was not cached */
        in->call->cached_tokens = usage->read;
    }
    event.input_tokens = in->call->input_tokens;
    event.cached_tokens = in->call->cached_tokens;
    event.output_tokens = usage->output;
    return in->host->emit(in->ctx, &event);
}

static aigw_status anthropic_emit_usage(const struct anthropic_in *in, struct json_object *usage)
{
    struct anthropic_usage numbers = {
        .input = wire_get_int(usage, "input_tokens", -1),
        .created = wire_get_int(usage, "cache_creation_input_tokens", 0),
        .read = wire_get_int(usage, "cache_read_input_tokens", 0),
        .output = wire_get_int(usage, "output_tokens", -1),
    };

    return usage ? anthropic_emit_numbers(in, &numbers) : AIGW_OK;
}

static aigw_status anthropic_emit_tool(const struct anthropic_in *in, aigw_str id, aigw_str name, aigw_str arguments)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .type = AIGW_EVENT_TOOL_CALL, .id = id, .name = name, .text = arguments
    };

    event.index = in->call->tool_count > 0 ? in->call->tool_count - 1 : 0;
    return in->host->emit(in->ctx, &event);
}

/* A content block of a whole answer, or the one that content_block_start announces. */
static aigw_status anthropic_emit_block(const struct anthropic_in *in, struct json_object *block)
{
    aigw_str type = wire_get_str(block, "type"), arguments = AIGW_STR_NONE;
    struct json_object *input;

    if (wire_is(type, "text"))
        return wire_emit_text(in->host, in->ctx, AIGW_EVENT_TEXT, wire_get_str(block, "text"));
    if (wire_is(type, "thinking"))
        return wire_emit_text(in->host, in->ctx, AIGW_EVENT_REASONING, wire_get_str(block, "thinking"));
    if (!wire_is(type, "tool_use"))
        return AIGW_OK;
    if (in->call->tool_count >= 1024)
        return anthropic_nonsense(in, "has more than 1024 tool calls");
    input = wire_get(block, "input", json_type_object);
    if (input && json_object_object_length(input) > 0)
        arguments = wire_str(json_object_to_json_string_ext(input, JSON_C_TO_STRING_PLAIN));
    in->call->tool_count++;
    return anthropic_emit_tool(in, wire_get_str(block, "id"), wire_get_str(block, "name"), arguments);
}

static aigw_status anthropic_emit_delta(const struct anthropic_in *in, struct json_object *obj)
{
    struct json_object *delta = wire_get(obj, "delta", json_type_object);
    aigw_str type = wire_get_str(delta, "type"), piece;

    if (wire_is(type, "text_delta"))
        return wire_emit_text(in->host, in->ctx, AIGW_EVENT_TEXT, wire_get_str(delta, "text"));
    if (wire_is(type, "thinking_delta"))
        return wire_emit_text(in->host, in->ctx, AIGW_EVENT_REASONING, wire_get_str(delta, "thinking"));
    piece = wire_get_str(delta, "partial_json");
    if (wire_is(type, "input_json_delta") && piece.len > 0 && wire_get_int(obj, "index", -1) == in->call->tool_block)
        return anthropic_emit_tool(in, AIGW_STR_NONE, AIGW_STR_NONE, piece);
    return AIGW_OK;
}

/* ---- frames ---- */

static aigw_status anthropic_whole(const struct anthropic_in *in, struct json_object *obj)
{
    struct json_object *content = wire_get(obj, "content", json_type_array);
    aigw_status status = AIGW_OK;

    if (!content)
        return anthropic_nonsense(in, "has no content");
    for (size_t i = 0; i < json_object_array_length(content) && status == AIGW_OK; i++)
        status = anthropic_emit_block(in, json_object_array_get_idx(content, i));
    if (status == AIGW_OK)
        status = anthropic_emit_usage(in, wire_get(obj, "usage", json_type_object));
    if (status == AIGW_OK)
        status = anthropic_emit_finish(in, wire_get_str(obj, "stop_reason"));
    return status;
}

static aigw_status anthropic_event(const struct anthropic_in *in, struct json_object *obj)
{
    struct json_object *block;
    aigw_str type = wire_get_str(obj, "type"), word;
    aigw_status status = AIGW_OK;

    if (wire_is(type, "content_block_delta"))
        return anthropic_emit_delta(in, obj);
    if (wire_is(type, "content_block_start")) {
        block = wire_get(obj, "content_block", json_type_object);
        in->call->tool_block = wire_is(wire_get_str(block, "type"), "tool_use") ? wire_get_int(obj, "index", 0) : -1;
        return anthropic_emit_block(in, block);
    }
    if (wire_is(type, "message_start"))
        return anthropic_emit_usage(in,
                                    wire_get(wire_get(obj, "message", json_type_object), "usage", json_type_object));
    if (wire_is(type, "message_delta")) {
        status = anthropic_emit_usage(in, wire_get(obj, "usage", json_type_object));
        word = wire_get_str(wire_get(obj, "delta", json_type_object), "stop_reason");
        return status == AIGW_OK && word.len > 0 ? anthropic_emit_finish(in, word) : status;
    }
    if (wire_is(type, "message_stop")) {
        status = anthropic_emit_finish(in, AIGW_STR(""));
        in->call->is_over = 1;
    }
    return status; /* ping, content_block_stop and whatever is added later */
}

aigw_status anthropic_frame_slow(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                                 const struct aigw_frame *frame)
{
    const struct anthropic_in in = { host, ctx, call };
    bool is_whole = frame->framing == AIGW_FRAMING_BODY;
    struct json_object *obj;
    aigw_status status;

    if (call->is_over || (!is_whole && wire_is_blank(frame->data)))
        return AIGW_OK;
    obj = wire_parse(frame->data);
    if (!json_object_is_type(obj, json_type_object))
        status = anthropic_nonsense(&in, "is not a JSON object");
    else if (wire_is(wire_get_str(obj, "type"), "error") || wire_get(obj, "error", json_type_object))
        status = anthropic_emit_error(&in, obj);
    else
        status = is_whole ? anthropic_whole(&in, obj) : anthropic_event(&in, obj);
    json_object_put(obj);
    return status;
}

/* ---- the short cut: one text delta, read in place ---- */

static bool anthropic_scan_delta(struct scan *s, aigw_str *ret_text, char *scratch, size_t scratch_size)
{
    bool is_first = true, has_type = false, has_text = false;
    aigw_str key;

    scan_char(s, '{');
    while (scan_key(s, &is_first, &key)) {
        if (wire_is(key, "type")) {
            s->is_ok = !has_type && wire_is(scan_plain(s), "text_delta") && s->is_ok;
            has_type = true;
        } else if (wire_is(key, "text")) {
            s->is_ok = s->is_ok && !has_text;
            has_text = true;
            *ret_text = scan_string(s, scratch, scratch_size);
        } else {
            scan_skip(s);
        }
    }
    return has_type && has_text;
}

static bool anthropic_scan_frame(aigw_str data, aigw_str *ret_text, char *scratch, size_t scratch_size)
{
    struct scan s = { .at = data.ptr, .end = data.ptr + data.len, .is_ok = data.len > 0 };
    bool is_first = true, has_type = false, has_delta = false;
    aigw_str key;

    scan_char(&s, '{');
    while (scan_key(&s, &is_first, &key)) {
        if (wire_is(key, "type")) {
            s.is_ok = !has_type && wire_is(scan_plain(&s), "content_block_delta") && s.is_ok;
            has_type = true;
        } else if (wire_is(key, "delta")) {
            s.is_ok = !has_delta && anthropic_scan_delta(&s, ret_text, scratch, scratch_size) && s.is_ok;
            has_delta = true;
        } else if (wire_is(key, "error")) {
            s.is_ok = false;
        } else {
            scan_skip(&s);
        }
    }
    return scan_at_end(&s) && has_type && has_delta;
}

/* ---- the short cut for whole answers: nothing but text blocks, read without json-c ---- */

static aigw_str anthropic_string(const struct pj *object, const char *name)
{
    const struct pj *value = pj_member_of(object, name, PJ_STRING);

    return value ? value->text : AIGW_STR_NONE;
}

static int64_t anthropic_number(const struct pj *object, const char *name, int64_t otherwise)
{
    const struct pj *value = pj_member_of(object, name, PJ_INT);

    return value ? value->of.integer : otherwise;
}

static bool anthropic_is_plain(const struct pj *root)
{
    const struct pj *content = pj_member_of(root, "content", PJ_LIST);

    if (!content || wire_is(anthropic_string(root, "type"), "error") || pj_member(root, "error"))
        return false;
    for (const struct pj *block = content->of.in.first; block; block = block->next)
        if (!wire_is(anthropic_string(block, "type"), "text"))
            return false;
    return true;
}

static aigw_status anthropic_emit_plain(const struct anthropic_in *in, const struct pj *root)
{
    const struct pj *content = pj_member(root, "content"), *usage = pj_member_of(root, "usage", PJ_OBJECT);
    struct anthropic_usage numbers = {
        .input = anthropic_number(usage, "input_tokens", -1),
        .created = anthropic_number(usage, "cache_creation_input_tokens", 0),
        .read = anthropic_number(usage, "cache_read_input_tokens", 0),
        .output = anthropic_number(usage, "output_tokens", -1),
    };
    aigw_status status = AIGW_OK;

    for (const struct pj *block = content->of.in.first; block && status == AIGW_OK; block = block->next)
        status = wire_emit_text(in->host, in->ctx, AIGW_EVENT_TEXT, anthropic_string(block, "text"));
    if (status == AIGW_OK && usage)
        status = anthropic_emit_numbers(in, &numbers);
    return status == AIGW_OK ? anthropic_emit_finish(in, anthropic_string(root, "stop_reason")) : status;
}

static aigw_status anthropic_body_frame(const struct anthropic_in *in, const struct aigw_frame *frame)
{
    struct pj_document *document = pj_read(frame->data);
    aigw_status status;

    if (document && anthropic_is_plain(pj_root(document)))
        status = anthropic_emit_plain(in, pj_root(document));
    else
        status = anthropic_frame_slow(in->host, in->ctx, in->call, frame);
    pj_free(document);
    return status;
}

aigw_status anthropic_frame(const struct aigw_host *host, struct aigw_ctx *ctx, struct anthropic_call *call,
                            const struct aigw_frame *frame)
{
    const struct anthropic_in in = { host, ctx, call };
    aigw_str text = AIGW_STR_NONE;
    char scratch[1024];

    if (frame->framing == AIGW_FRAMING_BODY && !call->is_over)
        return anthropic_body_frame(&in, frame);
    if (call->is_over || !anthropic_scan_frame(frame->data, &text, scratch, sizeof scratch))
        return anthropic_frame_slow(host, ctx, call, frame);
    return wire_emit_text(host, ctx, AIGW_EVENT_TEXT, text);
}
