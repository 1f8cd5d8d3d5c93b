/* transcript.c - events as lines of text, and back. The same lines say what a provider emitted and what a scripted
 * model is to say. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

static const char *const error_names[] = {
    "none",         "bad_request", "auth",     "permission", "not_found", "context_too_long",
    "rate_limited", "overloaded",  "server",   "timeout",    "connect",   "tls",
    "protocol",     "cut",         "refused",  "cancelled",  "no_model",  "endpoint",
    "circuit",      "limit",       "internal",
};
static const char *const finish_names[] = { "unknown", "stop", "length", "tool_calls", "content_filter", "guardrail" };

const char *testhost_error_name(uint32_t kind)
{
    return kind < GW_ARRAY_LEN(error_names) ? error_names[kind] : "?";
}

int testhost_error_kind(aigw_str name)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(error_names); i++)
        if (gw_str_is(name, error_names[i]))
            return (int)i;
    return -1;
}

aigw_str testhost_next_line(aigw_str *rest)
{
    const char *feed = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
    size_t len = feed ? (size_t)(feed - rest->ptr) : rest->len;
    aigw_str line = { rest->ptr, len };

    *rest = (aigw_str){ rest->ptr + len + (feed ? 1 : 0), rest->len - len - (feed ? 1 : 0) };
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* ---- writing ---- */

static void put_named(struct gw_buf *out, const char *name, aigw_str value)
{
    if (value.len == 0)
        return;
    gw_buf_printf(out, " %s=", name);
    gw_buf_json(out, value, false);
}

static void put_text(struct gw_buf *out, const char *word, aigw_str text)
{
    gw_buf_printf(out, "%s ", word);
    gw_buf_json(out, text, false);
}

static void put_error(struct gw_buf *out, const struct aigw_error *error)
{
    gw_buf_printf(out, "error %s", testhost_error_name(error->kind));
    if (error->http_status)
        gw_buf_printf(out, " %d", error->http_status);
    if (error->retry_after_ms >= 0)
        gw_buf_printf(out, " retry=%lld", (long long)error->retry_after_ms);
    put_named(out, "code", error->code);
    put_text(out, "", error->message);
}

void testhost_write_event(struct gw_buf *out, const struct aigw_event *event)
{
    switch (event->type) {
    case AIGW_EVENT_TEXT:
        put_text(out, "text", event->text);
        break;
    case AIGW_EVENT_REASONING:
        put_text(out, "reasoning", event->text);
        break;
    case AIGW_EVENT_TOOL_CALL:
        gw_buf_printf(out, "tool %u", event->index);
        put_named(out, "id", event->id);
        put_named(out, "name", event->name);
        put_text(out, "", event->text);
        break;
    case AIGW_EVENT_EMBEDDING:
        gw_buf_printf(out, "embedding %u ", event->index);
        for (uint32_t i = 0; i < event->vector_len; i++)
            gw_buf_printf(out, "%s%.6g", i > 0 ? "," : "[", (double)event->vector[i]);
        gw_buf_puts(out, "]");
        break;
    case AIGW_EVENT_USAGE:
        gw_buf_printf(out, "usage %lld %lld", (long long)event->input_tokens, (long long)event->output_tokens);
        if (event->cached_tokens >= 0)
            gw_buf_printf(out, " cached=%lld", (long long)event->cached_tokens);
        break;
    case AIGW_EVENT_FINISH:
        gw_buf_printf(out, "finish %s", event->finish < GW_ARRAY_LEN(finish_names) ? finish_names[event->finish] : "?");
        put_text(out, "", event->text);
        break;
    case AIGW_EVENT_ERROR:
        put_error(out, event->error);
        break;
    default:
        gw_buf_printf(out, "event %u which no provider may emit", event->type);
    }
    gw_buf_puts(out, "\n");
}

/* ---- reading ---- */

struct reader {
    struct gw_arena *arena;
    aigw_str rest;
    bool is_bad;
};

static void skip_blanks(struct reader *r)
{
    while (r->rest.len > 0 && r->rest.ptr[0] == ' ')
        r->rest = (aigw_str){ r->rest.ptr + 1, r->rest.len - 1 };
}

static aigw_str read_word(struct reader *r)
{
    size_t len = 0;
    aigw_str word;

    skip_blanks(r);
    while (len < r->rest.len && r->rest.ptr[len] != ' ')
        len++;
    word = (aigw_str){ r->rest.ptr, len };
    r->rest = (aigw_str){ r->rest.ptr + len, r->rest.len - len };
    return word;
}

/* A JSON value; NULL when there is none here. */
static struct json_object *read_value(struct reader *r)
{
    struct json_tokener *tok = json_tokener_new();
    struct json_object *obj;
    size_t used;

    skip_blanks(r);
    if (!tok)
        abort();
    obj = json_tokener_parse_ex(tok, r->rest.len > 0 ? r->rest.ptr : "", (int)r->rest.len);
    if (json_tokener_get_error(tok) == json_tokener_continue)
        obj = json_tokener_parse_ex(tok, "", 1);
    if (json_tokener_get_error(tok) != json_tokener_success)
        obj = NULL;
    used = json_tokener_get_parse_end(tok);
    if (obj)
        r->rest = used <= r->rest.len ? (aigw_str){ r->rest.ptr + used, r->rest.len - used } : AIGW_STR_NONE;
    json_tokener_free(tok);
    return obj;
}

static aigw_str read_string(struct reader *r)
{
    struct json_object *obj;
    aigw_str text = AIGW_STR_NONE;

    skip_blanks(r);
    if (r->rest.len == 0)
        return text;
    obj = read_value(r);
    if (json_object_is_type(obj, json_type_string))
        text =
            gw_arena_str(r->arena, (aigw_str){ json_object_get_string(obj), (size_t)json_object_get_string_len(obj) });
    else
        r->is_bad = true;
    json_object_put(obj);
    return text;
}

static int64_t read_int(struct reader *r)
{
    aigw_str word = read_word(r);
    bool is_negative = word.len > 0 && word.ptr[0] == '-';
    uint64_t value = 0;

    if (is_negative)
        word = (aigw_str){ word.ptr + 1, word.len - 1 };
    if (!gw_str_to_u64(word, INT64_MAX, &value))
        r->is_bad = true;
    return is_negative ? -(int64_t)value : (int64_t)value;
}

/* name=: true and the name is passed over when it comes next. */
static bool read_name(struct reader *r, const char *name)
{
    size_t len = strlen(name);

    skip_blanks(r);
    if (!gw_str_has_prefix(r->rest, gw_str(name)) || r->rest.len <= len || r->rest.ptr[len] != '=')
        return false;
    r->rest = (aigw_str){ r->rest.ptr + len + 1, r->rest.len - len - 1 };
    return true;
}

static void read_vector(struct reader *r, struct aigw_event *event)
{
    struct json_object *list = read_value(r);
    size_t len = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    float *vector = gw_arena_alloc(r->arena, (len + 1) * sizeof *vector);

    r->is_bad |= len == 0 || !vector;
    for (size_t i = 0; i < len && vector; i++)
        vector[i] = (float)json_object_get_double(json_object_array_get_idx(list, i));
    event->vector = vector;
    event->vector_len = (uint32_t)len;
    json_object_put(list);
}

static void read_error(struct reader *r, struct aigw_event *event)
{
    struct aigw_error *error = gw_arena_calloc(r->arena, sizeof *error);
    int kind = testhost_error_kind(read_word(r));

    if (!error || kind < 0) {
        r->is_bad = true;
        return;
    }
    *error = (struct aigw_error){ .struct_size = sizeof *error, .kind = (uint32_t)kind, .retry_after_ms = -1 };
    skip_blanks(r);
    if (r->rest.len > 0 && r->rest.ptr[0] >= '0' && r->rest.ptr[0] <= '9')
        error->http_status = (int32_t)read_int(r);
    if (read_name(r, "retry"))
        error->retry_after_ms = read_int(r);
    if (read_name(r, "code"))
        error->code = read_string(r);
    error->message = read_string(r);
    event->error = error;
}

static void read_finish(struct reader *r, struct aigw_event *event)
{
    aigw_str word = read_word(r);

    r->is_bad = true;
    for (size_t i = 0; i < GW_ARRAY_LEN(finish_names); i++)
        if (gw_str_is(word, finish_names[i])) {
            event->finish = (uint32_t)i;
            r->is_bad = false;
        }
    if (!r->is_bad)
        event->text = read_string(r);
}

static void read_tool(struct reader *r, struct aigw_event *event)
{
    event->index = (uint32_t)read_int(r);
    if (read_name(r, "id"))
        event->id = read_string(r);
    if (read_name(r, "name"))
        event->name = read_string(r);
    event->text = read_string(r);
}

aigw_status testhost_read_event(struct gw_arena *arena, aigw_str line, struct aigw_event *ret_event)
{
    struct aigw_event event = {
        .struct_size = sizeof event, .input_tokens = -1, .output_tokens = -1, .cached_tokens = -1
    };
    struct reader r = { .arena = arena, .rest = line };
    aigw_str word = read_word(&r);

    if (gw_str_is(word, "text") || gw_str_is(word, "reasoning")) {
        event.type = gw_str_is(word, "text") ? AIGW_EVENT_TEXT : AIGW_EVENT_REASONING;
        event.text = read_string(&r);
    } else if (gw_str_is(word, "tool")) {
        event.type = AIGW_EVENT_TOOL_CALL;
        read_tool(&r, &event);
    } else if (gw_str_is(word, "embedding")) {
        event.type = AIGW_EVENT_EMBEDDING;
        event.index = (uint32_t)read_int(&r);
        read_vector(&r, &event);
    } else if (gw_str_is(word, "usage")) {
        event.type = AIGW_EVENT_USAGE;
        event.input_tokens = read_int(&r);
        event.output_tokens = read_int(&r);
        if (read_name(&r, "cached"))
            event.cached_tokens = read_int(&r);
    } else if (gw_str_is(word, "finish")) {
        event.type = AIGW_EVENT_FINISH;
        read_finish(&r, &event);
    } else if (gw_str_is(word, "error")) {
        event.type = AIGW_EVENT_ERROR;
        read_error(&r, &event);
    } else {
        return AIGW_E_INVALID;
    }
    skip_blanks(&r);
    if (r.is_bad || r.rest.len > 0)
        return AIGW_E_INVALID;
    *ret_event = event;
    return AIGW_OK;
}
