/* transcript.c - events as lines of text, and back. The same lines say what a provider emitted and what a scripted
 * model is to say. One table says what stands in the line of each event. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

static const char *const error_names[] = {
    "none",         "bad_request", "auth",     "permission",  "not_found", "context_too_long",
    "rate_limited", "overloaded",  "server",   "timeout",     "connect",   "tls",
    "protocol",     "cut",         "refused",  "cancelled",   "no_model",  "endpoint",
    "circuit",      "limit",       "internal", "unsupported",
};
static const char *const finish_names[] = { "unknown",        "stop",      "length",        "tool_calls",
                                            "content_filter", "guardrail", "stop_sequence", "context_full",
                                            "pause",          "malformed" };

/* What stands between an event's word and its text, in this order. */
#define LINE_PART   0x1u /* a part type's word */
#define LINE_INDEX  0x2u /* event.index */
#define LINE_FINISH 0x4u /* a finish word */
#define LINE_USAGE  0x8u
#define LINE_VECTOR 0x10u
#define LINE_ERROR  0x20u
#define LINE_BRIEF  0x40u /* the text is left out when it is empty */

#define NO_TEXT SIZE_MAX

static const struct line_form {
    const char *word;
    uint32_t type, has;
    size_t text; /* offset of the string at the end of the line */
} forms[] = {
    { "text", AIGW_EVENT_TEXT, 0, offsetof(struct aigw_event, text) },
    { "reasoning", AIGW_EVENT_REASONING, 0, offsetof(struct aigw_event, text) },
    { "tool", AIGW_EVENT_TOOL_CALL, LINE_INDEX, offsetof(struct aigw_event, text) },
    { "embedding", AIGW_EVENT_EMBEDDING, LINE_INDEX | LINE_VECTOR, NO_TEXT },
    { "usage", AIGW_EVENT_USAGE, LINE_USAGE, NO_TEXT },
    { "finish", AIGW_EVENT_FINISH, LINE_FINISH, offsetof(struct aigw_event, text) },
    { "error", AIGW_EVENT_ERROR, LINE_ERROR, NO_TEXT },
    { "part_start", AIGW_EVENT_PART_START, LINE_PART | LINE_INDEX | LINE_BRIEF, offsetof(struct aigw_event, text) },
    { "part_end", AIGW_EVENT_PART_END, LINE_PART | LINE_INDEX | LINE_BRIEF, offsetof(struct aigw_event, text) },
    { "signature", AIGW_EVENT_SIGNATURE, LINE_PART | LINE_INDEX, offsetof(struct aigw_event, data) },
    { "refusal", AIGW_EVENT_REFUSAL, 0, offsetof(struct aigw_event, text) },
    { "citation", AIGW_EVENT_CITATION, 0, offsetof(struct aigw_event, text) },
    { "logprobs", AIGW_EVENT_LOGPROBS, 0, offsetof(struct aigw_event, text) },
    { "opaque", AIGW_EVENT_OPAQUE, 0, offsetof(struct aigw_event, text) },
    { "model", AIGW_EVENT_MODEL, 0, offsetof(struct aigw_event, text) },
    { "raw", AIGW_EVENT_RAW, 0, offsetof(struct aigw_event, text) },
    { "dropped", AIGW_EVENT_DROPPED, 0, offsetof(struct aigw_event, name) },
};

/* Strings that may stand in any line as name="…", unless they are its text. */
static const struct {
    const char *name;
    size_t offset;
} named[] = {
    { "id", offsetof(struct aigw_event, id) },
    { "item_id", offsetof(struct aigw_event, item_id) },
    { "name", offsetof(struct aigw_event, name) },
    { "scope", offsetof(struct aigw_event, scope) },
    { "origin", offsetof(struct aigw_event, origin) },
    { "data", offsetof(struct aigw_event, data) },
    { "stop", offsetof(struct aigw_event, stop_sequence) },
    { "detail", offsetof(struct aigw_event, detail) },
};

/* Details of usage, left out while unknown. */
static const struct {
    const char *name;
    size_t offset;
} counted[] = {
    { "cached", offsetof(struct aigw_usage, cache_read) },
    { "cache_write", offsetof(struct aigw_usage, cache_write) },
    { "cache_write_1h", offsetof(struct aigw_usage, cache_write_1h) },
    { "reasoning", offsetof(struct aigw_usage, reasoning) },
    { "audio_input", offsetof(struct aigw_usage, audio_input) },
    { "audio_output", offsetof(struct aigw_usage, audio_output) },
    { "tool_prompt", offsetof(struct aigw_usage, tool_prompt) },
};

const char *testhost_error_name(uint32_t kind)
{
    return kind < GW_ARRAY_LEN(error_names) ? error_names[kind] : "?";
}

static int word_at(const char *const *words, size_t count, aigw_str word)
{
    for (size_t i = 0; i < count; i++)
        if (gw_str_is(word, words[i]))
            return (int)i;
    return -1;
}

int testhost_error_kind(aigw_str name)
{
    return word_at(error_names, GW_ARRAY_LEN(error_names), name);
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

static void put_error(struct gw_buf *out, const struct aigw_error *error)
{
    gw_buf_printf(out, " %s", testhost_error_name(error->kind));
    if (error->http_status)
        gw_buf_printf(out, " %d", error->http_status);
    if (error->retry_after_ms >= 0)
        gw_buf_printf(out, " retry=%lld", (long long)error->retry_after_ms);
    put_named(out, "code", error->code);
    gw_buf_puts(out, " ");
    gw_buf_json(out, error->message, false);
}

static void put_usage(struct gw_buf *out, const struct aigw_usage *usage)
{
    gw_buf_printf(out, " %lld %lld", (long long)usage->input, (long long)usage->output);
    for (size_t i = 0; i < GW_ARRAY_LEN(counted); i++) {
        int64_t value = -1;

        if (usage->struct_size >= counted[i].offset + sizeof value)
            memcpy(&value, (const char *)usage + counted[i].offset, sizeof value);
        if (value >= 0)
            gw_buf_printf(out, " %s=%lld", counted[i].name, (long long)value);
    }
    if (usage->flags & AIGW_USAGEF_ESTIMATED)
        gw_buf_puts(out, " estimated");
}

static void put_vector(struct gw_buf *out, const struct aigw_event *event)
{
    gw_buf_puts(out, " ");
    for (uint32_t i = 0; i < event->vector_len; i++)
        gw_buf_printf(out, "%s%.6g", i > 0 ? "," : "[", (double)event->vector[i]);
    gw_buf_puts(out, event->vector_len > 0 ? "]" : "[]");
}

static const struct line_form *form_of(uint32_t type)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(forms); i++)
        if (forms[i].type == type)
            return &forms[i];
    return NULL;
}

static aigw_str string_at(const struct aigw_event *event, size_t offset)
{
    aigw_str value;

    memcpy(&value, (const char *)event + offset, sizeof value);
    return value;
}

void testhost_write_event(struct gw_buf *out, const struct aigw_event *event)
{
    const struct line_form *form = form_of(event->type);
    aigw_str text = form && form->text != NO_TEXT ? string_at(event, form->text) : AIGW_STR_NONE;

    if (!form) {
        gw_buf_printf(out, "event %u which no provider may emit\n", event->type);
        return;
    }
    gw_buf_puts(out, form->word);
    if (form->has & LINE_PART)
        gw_buf_printf(out, " %s", testhost_part_name(event->part_type));
    if (form->has & LINE_INDEX)
        gw_buf_printf(out, " %u", event->index);
    if (form->has & LINE_FINISH)
        gw_buf_printf(out, " %s", event->finish < GW_ARRAY_LEN(finish_names) ? finish_names[event->finish] : "?");
    if (event->choice > 0)
        gw_buf_printf(out, " choice=%u", event->choice);
    if ((form->has & LINE_USAGE) && event->usage)
        put_usage(out, event->usage);
    if ((form->has & LINE_ERROR) && event->error)
        put_error(out, event->error);
    if (form->has & LINE_VECTOR)
        put_vector(out, event);
    for (size_t i = 0; i < GW_ARRAY_LEN(named); i++)
        if (named[i].offset != form->text)
            put_named(out, named[i].name, string_at(event, named[i].offset));
    if (form->text != NO_TEXT && (text.len > 0 || !(form->has & LINE_BRIEF))) {
        gw_buf_puts(out, " ");
        gw_buf_json(out, text, false);
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

static uint32_t read_index(struct reader *r)
{
    int64_t value = read_int(r);

    r->is_bad |= value < 0 || value > UINT32_MAX;
    return (uint32_t)value;
}

static bool is_digit_next(struct reader *r)
{
    skip_blanks(r);
    return r->rest.len > 0 && r->rest.ptr[0] >= '0' && r->rest.ptr[0] <= '9';
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
    for (size_t i = 0; i < len && vector; i++) {
        struct json_object *number = json_object_array_get_idx(list, i);

        r->is_bad |= !json_object_is_type(number, json_type_int) && !json_object_is_type(number, json_type_double);
        vector[i] = (float)json_object_get_double(number);
    }
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
    if (is_digit_next(r))
        error->http_status = (int32_t)read_int(r);
    if (read_name(r, "retry"))
        error->retry_after_ms = read_int(r);
    if (read_name(r, "code"))
        error->code = read_string(r);
    error->message = read_string(r);
    event->error = error;
}

static void read_usage(struct reader *r, struct aigw_event *event)
{
    struct aigw_usage *usage = gw_arena_alloc(r->arena, sizeof *usage);

    if (!usage) {
        r->is_bad = true;
        return;
    }
    *usage = (struct aigw_usage)AIGW_USAGE_INIT;
    usage->input = read_int(r);
    usage->output = read_int(r);
    for (size_t i = 0; i < GW_ARRAY_LEN(counted); i++) {
        int64_t value;

        if (!read_name(r, counted[i].name))
            continue;
        value = read_int(r);
        memcpy((char *)usage + counted[i].offset, &value, sizeof value);
    }
    skip_blanks(r);
    if (gw_str_is(r->rest, "estimated")) {
        usage->flags = AIGW_USAGEF_ESTIMATED;
        r->rest = AIGW_STR_NONE;
    }
    event->usage = usage;
}

static void read_named(struct reader *r, struct aigw_event *event)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(named); i++) {
        aigw_str value;

        if (!read_name(r, named[i].name))
            continue;
        value = read_string(r);
        memcpy((char *)event + named[i].offset, &value, sizeof value);
    }
}

static void read_line(struct reader *r, const struct line_form *form, struct aigw_event *event)
{
    int part = form->has & LINE_PART ? testhost_part_type(read_word(r)) : 0;
    int finish = 0;

    event->type = form->type;
    if ((form->has & LINE_INDEX) && is_digit_next(r))
        event->index = read_index(r);
    if (form->has & LINE_FINISH)
        finish = word_at(finish_names, GW_ARRAY_LEN(finish_names), read_word(r));
    if (part < 0 || finish < 0) {
        r->is_bad = true;
        return;
    }
    event->part_type = (uint32_t)part;
    event->finish = (uint32_t)finish;
    if (read_name(r, "choice"))
        event->choice = read_index(r);
    if (form->has & LINE_USAGE)
        read_usage(r, event);
    if (form->has & LINE_ERROR)
        read_error(r, event);
    if (form->has & LINE_VECTOR)
        read_vector(r, event);
    read_named(r, event);
    if (form->text != NO_TEXT && !r->is_bad) {
        aigw_str text = read_string(r);

        memcpy((char *)event + form->text, &text, sizeof text);
    }
}

aigw_status testhost_read_event(struct gw_arena *arena, aigw_str line, struct aigw_event *ret_event)
{
    struct aigw_event event = { .struct_size = sizeof event };
    struct reader r = { .arena = arena, .rest = line };
    aigw_str word = read_word(&r);
    const struct line_form *form = NULL;

    for (size_t i = 0; i < GW_ARRAY_LEN(forms); i++)
        if (gw_str_is(word, forms[i].word))
            form = &forms[i];
    if (!form)
        return AIGW_E_INVALID;
    read_line(&r, form, &event);
    skip_blanks(&r);
    if (r.is_bad || r.rest.len > 0)
        return AIGW_E_INVALID;
    *ret_event = event;
    return AIGW_OK;
}
