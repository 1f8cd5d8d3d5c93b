/* canon.c - the canonical model request as JSON text, both ways. The form is described in docs/writing-a-plugin.md. */
#include "internal.h"

#include <string.h>

#include <json-c/json.h>

static const char *const kind_names[] = { NULL, "chat", "completion", "embedding" };
static const char *const role_names[] = { NULL, "system", "user", "assistant", "tool" };
static const char *const part_names[] = { NULL, "text", "image", "tool_call", "tool_result", "reasoning" };
static const char *const choice_names[] = { "auto", "none", "required", "named" };

/* ---- reading ---- */

struct canon {
    struct gw_arena *arena;
    struct gw_err *err;
    aigw_status status;
};

static void bad(struct canon *c, const char *what)
{
    if (c->status == AIGW_OK)
        c->status = gw_err_set(c->err, AIGW_E_INVALID, "%s", what);
}

static struct json_object *member(struct json_object *obj, const char *key)
{
    struct json_object *value = NULL;

    if (json_object_is_type(obj, json_type_object))
        json_object_object_get_ex(obj, key, &value);
    return value;
}

/* A string as it is, an object or list as JSON text. */
static aigw_str text_of(struct canon *c, struct json_object *value)
{
    if (!value)
        return AIGW_STR_NONE;
    if (json_object_is_type(value, json_type_string))
        return gw_arena_str(c->arena,
                            (aigw_str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) });
    return gw_arena_str(c->arena, gw_str(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN)));
}

static aigw_str string_of(struct canon *c, struct json_object *obj, const char *key)
{
    return text_of(c, member(obj, key));
}

static uint32_t name_of(struct canon *c, struct json_object *obj, const char *key, const char *const *names,
                        uint32_t count, uint32_t otherwise)
{
    struct json_object *value = member(obj, key);

    if (!value)
        return otherwise;
    for (uint32_t i = 0; i < count; i++)
        if (names[i] && strcmp(json_object_get_string(value), names[i]) == 0)
            return i;
    bad(c, key);
    return otherwise;
}

static void *list_of(struct canon *c, struct json_object *obj, const char *key, size_t item_size, uint32_t *ret_count)
{
    struct json_object *list = member(obj, key);
    void *items;

    *ret_count = 0;
    if (!list)
        return NULL;
    if (!json_object_is_type(list, json_type_array)) {
        bad(c, key);
        return NULL;
    }
    items = gw_arena_calloc(c->arena, (json_object_array_length(list) + 1) * item_size);
    if (items)
        *ret_count = (uint32_t)json_object_array_length(list);
    return items;
}

static void read_part(struct canon *c, struct json_object *obj, struct aigw_part *part)
{
    *part = (struct aigw_part){
        .type = name_of(c, obj, "type", part_names, GW_ARRAY_LEN(part_names), AIGW_PART_TEXT),
        .flags = (json_object_get_boolean(member(obj, "cache")) ? AIGW_PARTF_CACHE : 0) |
                 (json_object_get_boolean(member(obj, "error")) ? AIGW_PARTF_ERROR : 0),
        .text = string_of(c, obj, "text"),
        .id = string_of(c, obj, "id"),
        .name = string_of(c, obj, "name"),
        .media_type = string_of(c, obj, "media_type"),
        .data = string_of(c, obj, "data"),
        .extra = string_of(c, obj, "extra"),
    };
}

static void read_message(struct canon *c, struct json_object *obj, struct aigw_message *msg)
{
    struct json_object *content = member(obj, "content");
    struct aigw_part *parts = NULL;

    msg->role = name_of(c, obj, "role", role_names, GW_ARRAY_LEN(role_names), AIGW_ROLE_USER);
    msg->name = string_of(c, obj, "name");
    msg->extra = string_of(c, obj, "extra");
    if (json_object_is_type(content, json_type_string)) {
        parts = gw_arena_calloc(c->arena, sizeof *parts);
        if (parts)
            *parts = (struct aigw_part){ .type = AIGW_PART_TEXT, .text = text_of(c, content) };
        msg->part_count = parts ? 1 : 0;
    } else {
        parts = list_of(c, obj, "content", sizeof *parts, &msg->part_count);
        for (uint32_t i = 0; i < msg->part_count; i++)
            read_part(c, json_object_array_get_idx(content, i), &parts[i]);
    }
    msg->parts = parts;
}

static void read_params(struct canon *c, struct json_object *obj, struct aigw_params *params)
{
    const struct {
        const char *name;
        uint32_t bit;
        double *number;
        int64_t *integer;
    } numbers[] = {
        { "temperature", AIGW_PARAM_TEMPERATURE, &params->temperature, NULL },
        { "top_p", AIGW_PARAM_TOP_P, &params->top_p, NULL },
        { "presence_penalty", AIGW_PARAM_PRESENCE_PENALTY, &params->presence_penalty, NULL },
        { "frequency_penalty", AIGW_PARAM_FREQUENCY_PENALTY, &params->frequency_penalty, NULL },
        { "top_k", AIGW_PARAM_TOP_K, NULL, &params->top_k },
        { "max_tokens", AIGW_PARAM_MAX_TOKENS, NULL, &params->max_tokens },
        { "seed", AIGW_PARAM_SEED, NULL, &params->seed },
    };
    aigw_str *stops = list_of(c, obj, "stop", sizeof *stops, &params->stop_count);

    for (size_t i = 0; i < GW_ARRAY_LEN(numbers); i++) {
        struct json_object *value = member(obj, numbers[i].name);

        if (!value)
            continue;
        params->set |= numbers[i].bit;
        if (numbers[i].number)
            *numbers[i].number = json_object_get_double(value);
        else
            *numbers[i].integer = json_object_get_int64(value);
    }
    for (uint32_t i = 0; i < params->stop_count; i++)
        stops[i] = text_of(c, json_object_array_get_idx(member(obj, "stop"), i));
    params->stop = stops;
    params->response_format = string_of(c, obj, "response_format");
    params->user = string_of(c, obj, "user");
}

static void read_tools(struct canon *c, struct json_object *obj, struct aigw_model_request *req)
{
    struct json_object *choice = member(obj, "tool_choice");
    struct aigw_tool *tools = list_of(c, obj, "tools", sizeof *tools, &req->tool_count);

    for (uint32_t i = 0; i < req->tool_count; i++) {
        struct json_object *item = json_object_array_get_idx(member(obj, "tools"), i);

        tools[i] = (struct aigw_tool){ .name = string_of(c, item, "name"),
                                       .description = string_of(c, item, "description"),
                                       .parameters = string_of(c, item, "parameters"),
                                       .extra = string_of(c, item, "extra") };
    }
    req->tools = tools;
    if (json_object_is_type(choice, json_type_object)) {
        req->tool_choice = AIGW_TOOLS_NAMED;
        req->tool_choice_name = string_of(c, choice, "name");
    } else {
        req->tool_choice = name_of(c, obj, "tool_choice", choice_names, 3, AIGW_TOOLS_AUTO);
    }
}

static void read_target(struct canon *c, struct json_object *obj, struct aigw_target *target)
{
    *target = (struct aigw_target){
        .struct_size = sizeof *target,
        .flags = json_object_get_boolean(member(obj, "caller_endpoint")) ? AIGW_TARGETF_CALLER_ENDPOINT : 0,
        .model = string_of(c, obj, "model"),
        .endpoint = string_of(c, obj, "endpoint"),
        .api_key = string_of(c, obj, "api_key"),
        .prefix = string_of(c, obj, "prefix"),
    };
    if (!target->model.ptr)
        target->model = AIGW_STR("test-model");
}

static void check_keys(struct canon *c, struct json_object *obj)
{
    static const char *const known[] = {
        "kind",
        "stream",
        "prefill",
        "target",
        "messages",
        "tools",
        "tool_choice",
        "prompt",
        "suffix",
        "inputs",
        "dimensions",
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "seed",
        "stop",
        "user",
        "presence_penalty",
        "frequency_penalty",
        "response_format",
        "extra",
    };

    json_object_object_foreach(obj, key, value)
    {
        bool is_known = false;

        (void)value;
        for (size_t i = 0; i < GW_ARRAY_LEN(known); i++)
            is_known |= strcmp(known[i], key) == 0;
        if (!is_known && c->status == AIGW_OK)
            c->status = gw_err_set(c->err, AIGW_E_INVALID, "unknown member \"%s\"", key);
    }
}

aigw_status testhost_read_request(struct gw_arena *arena, const char *json, struct aigw_target *ret_target,
                                  struct aigw_model_request *ret_req, struct gw_err *reterr)
{
    struct canon c = { .arena = arena, .err = reterr, .status = AIGW_OK };
    struct json_object *obj = json_tokener_parse(json);
    struct aigw_model_request req = { .struct_size = sizeof req };
    struct aigw_message *messages;
    aigw_str *inputs;

    if (!json_object_is_type(obj, json_type_object)) {
        json_object_put(obj);
        return gw_err_set(reterr, AIGW_E_INVALID, "not a JSON object");
    }
    check_keys(&c, obj);
    req.kind = name_of(&c, obj, "kind", kind_names, GW_ARRAY_LEN(kind_names), AIGW_CALL_CHAT);
    req.flags = (json_object_get_boolean(member(obj, "stream")) ? AIGW_REQF_STREAM : 0) |
                (json_object_get_boolean(member(obj, "prefill")) ? AIGW_REQF_PREFILL : 0);
    messages = list_of(&c, obj, "messages", sizeof *messages, &req.message_count);
    for (uint32_t i = 0; i < req.message_count; i++)
        read_message(&c, json_object_array_get_idx(member(obj, "messages"), i), &messages[i]);
    req.messages = messages;
    inputs = list_of(&c, obj, "inputs", sizeof *inputs, &req.input_count);
    for (uint32_t i = 0; i < req.input_count; i++)
        inputs[i] = text_of(&c, json_object_array_get_idx(member(obj, "inputs"), i));
    req.inputs = inputs;
    req.prompt = string_of(&c, obj, "prompt");
    req.suffix = string_of(&c, obj, "suffix");
    req.dimensions = json_object_get_int(member(obj, "dimensions"));
    req.extra = string_of(&c, obj, "extra");
    read_tools(&c, obj, &req);
    read_params(&c, obj, &req.params);
    read_target(&c, member(obj, "target"), ret_target);
    json_object_put(obj);
    if (c.status == AIGW_OK)
        *ret_req = req;
    return c.status;
}

/* ---- writing ---- */

static void put_key(struct gw_buf *out, const char *key)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        gw_buf_puts(out, ",");
    gw_buf_printf(out, "\"%s\":", key);
}

static void put_string(struct gw_buf *out, const char *key, aigw_str value)
{
    if (!value.ptr)
        return;
    put_key(out, key);
    gw_buf_json(out, value, false);
}

static void put_raw(struct gw_buf *out, const char *key, aigw_str json)
{
    if (json.len == 0)
        return;
    put_key(out, key);
    gw_buf_put_str(out, json);
}

static void put_part(struct gw_buf *out, const struct aigw_part *part)
{
    gw_buf_puts(out, "{");
    put_string(out, "type", gw_str(part->type < GW_ARRAY_LEN(part_names) ? part_names[part->type] : "?"));
    put_string(out, "text", part->text);
    put_string(out, "id", part->id);
    put_string(out, "name", part->name);
    put_string(out, "media_type", part->media_type);
    put_string(out, "data", part->data);
    put_raw(out, "extra", part->extra);
    if (part->flags & AIGW_PARTF_CACHE)
        put_raw(out, "cache", AIGW_STR("true"));
    if (part->flags & AIGW_PARTF_ERROR)
        put_raw(out, "error", AIGW_STR("true"));
    gw_buf_puts(out, "}");
}

static void put_message(struct gw_buf *out, const struct aigw_message *msg)
{
    bool is_plain = msg->part_count == 1 && msg->parts[0].type == AIGW_PART_TEXT && msg->parts[0].flags == 0;

    gw_buf_puts(out, "{");
    put_string(out, "role", gw_str(msg->role < GW_ARRAY_LEN(role_names) ? role_names[msg->role] : "?"));
    put_string(out, "name", msg->name);
    put_raw(out, "extra", msg->extra);
    put_key(out, "content");
    if (is_plain) {
        gw_buf_json(out, msg->parts[0].text, false);
    } else {
        gw_buf_puts(out, "[");
        for (uint32_t i = 0; i < msg->part_count; i++) {
            gw_buf_puts(out, i > 0 ? "," : "");
            put_part(out, &msg->parts[i]);
        }
        gw_buf_puts(out, "]");
    }
    gw_buf_puts(out, "}");
}

static void put_strings(struct gw_buf *out, const char *key, const aigw_str *items, uint32_t count)
{
    if (count == 0)
        return;
    put_key(out, key);
    for (uint32_t i = 0; i < count; i++) {
        gw_buf_puts(out, i > 0 ? "," : "[");
        gw_buf_json(out, items[i], false);
    }
    gw_buf_puts(out, "]");
}

static void put_params(struct gw_buf *out, const struct aigw_params *params)
{
    const struct {
        const char *name;
        uint32_t bit;
        double value;
    } numbers[] = {
        { "temperature", AIGW_PARAM_TEMPERATURE, params->temperature },
        { "top_p", AIGW_PARAM_TOP_P, params->top_p },
        { "presence_penalty", AIGW_PARAM_PRESENCE_PENALTY, params->presence_penalty },
        { "frequency_penalty", AIGW_PARAM_FREQUENCY_PENALTY, params->frequency_penalty },
        { "top_k", AIGW_PARAM_TOP_K, (double)params->top_k },
        { "max_tokens", AIGW_PARAM_MAX_TOKENS, (double)params->max_tokens },
        { "seed", AIGW_PARAM_SEED, (double)params->seed },
    };

    for (size_t i = 0; i < GW_ARRAY_LEN(numbers); i++)
        if (params->set & numbers[i].bit) {
            put_key(out, numbers[i].name);
            gw_buf_printf(out, "%.15g", numbers[i].value);
        }
    put_strings(out, "stop", params->stop, params->stop_count);
    put_raw(out, "response_format", params->response_format);
    put_string(out, "user", params->user);
}

static void put_tools(struct gw_buf *out, const struct aigw_model_request *req)
{
    if (req->tool_count == 0)
        return;
    put_key(out, "tools");
    for (uint32_t i = 0; i < req->tool_count; i++) {
        gw_buf_puts(out, i > 0 ? ",{" : "[{");
        put_string(out, "name", req->tools[i].name);
        put_string(out, "description", req->tools[i].description);
        put_raw(out, "parameters", req->tools[i].parameters);
        put_raw(out, "extra", req->tools[i].extra);
        gw_buf_puts(out, "}");
    }
    gw_buf_puts(out, "]");
    if (req->tool_choice == AIGW_TOOLS_NAMED) {
        put_key(out, "tool_choice");
        gw_buf_puts(out, "{");
        put_string(out, "name", req->tool_choice_name);
        gw_buf_puts(out, "}");
    } else if (req->tool_choice != AIGW_TOOLS_AUTO) {
        put_string(out, "tool_choice", gw_str(choice_names[req->tool_choice & 3]));
    }
}

void testhost_write_request(struct gw_buf *out, const struct aigw_model_request *req)
{
    gw_buf_puts(out, "{");
    put_string(out, "kind", gw_str(req->kind < GW_ARRAY_LEN(kind_names) ? kind_names[req->kind] : "?"));
    if (req->flags & AIGW_REQF_STREAM)
        put_raw(out, "stream", AIGW_STR("true"));
    if (req->flags & AIGW_REQF_PREFILL)
        put_raw(out, "prefill", AIGW_STR("true"));
    if (req->message_count > 0) {
        put_key(out, "messages");
        for (uint32_t i = 0; i < req->message_count; i++) {
            gw_buf_puts(out, i > 0 ? "," : "[");
            put_message(out, &req->messages[i]);
        }
        gw_buf_puts(out, "]");
    }
    put_tools(out, req);
    put_string(out, "prompt", req->prompt);
    put_string(out, "suffix", req->suffix);
    put_strings(out, "inputs", req->inputs, req->input_count);
    if (req->dimensions > 0) {
        put_key(out, "dimensions");
        gw_buf_printf(out, "%d", req->dimensions);
    }
    put_params(out, &req->params);
    put_raw(out, "extra", req->extra);
    gw_buf_puts(out, "}");
}
