/* openai_body.c - canonical request → OpenAI's JSON bodies. Written straight into a buffer: no tree. */
#include "openai.h"

/* Members that describe the call itself; `extra` never sets them. */
static const char *const openai_reserved[] = { "model",          "messages", "prompt",      "input", "suffix", "stream",
                                               "stream_options", "tools",    "tool_choice", "n",     NULL };

static aigw_status openai_invalid(const struct aigw_host *host, struct aigw_ctx *ctx, const char *what)
{
    return host->fail(ctx, AIGW_E_INVALID, "the request cannot be sent in the OpenAI dialect: %s", what);
}

/* ---- messages ---- */

static bool openai_has_part(const struct aigw_message *msg, uint32_t type)
{
    for (uint32_t i = 0; i < msg->part_count; i++)
        if (msg->parts[i].type == type)
            return true;
    return false;
}

/* Text parts joined by line feeds, as one JSON string: more servers take a string than a list. */
static aigw_status openai_text_content(struct wire_body *body, struct aigw_ctx *ctx, const struct aigw_message *msg,
                                       const char *prefix)
{
    const struct aigw_host *host = body->host;
    const struct aigw_part *only = NULL;
    struct aigw_buf *joined;
    aigw_str text;
    aigw_status status;
    uint32_t count = 0;

    for (uint32_t i = 0; i < msg->part_count; i++)
        if (msg->parts[i].type == AIGW_PART_TEXT) {
            only = &msg->parts[i];
            count++;
        }
    if (count <= 1 && !prefix) {
        host->buf_json(body->buf, only ? only->text : AIGW_STR(""));
        return AIGW_OK;
    }
    joined = host->buf_new(ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    if (!joined)
        return AIGW_E_NOMEM;
    if (prefix)
        host->buf_printf(joined, "%s", prefix);
    for (uint32_t i = 0, done = 0; i < msg->part_count; i++) {
        if (msg->parts[i].type != AIGW_PART_TEXT)
            continue;
        if (done++ > 0)
            host->buf_put(joined, "\n", 1);
        host->buf_put(joined, msg->parts[i].text.ptr, msg->parts[i].text.len);
    }
    status = host->buf_view(joined, &text);
    if (status == AIGW_OK)
        host->buf_json(body->buf, text);
    return status;
}

static aigw_status openai_image(struct wire_body *body, struct aigw_ctx *ctx, const struct aigw_part *part)
{
    wire_puts(body, "{\"type\":\"image_url\",\"image_url\":{\"url\":");
    if (part->data.len > 0) {
        if (!wire_is_media_type(part->media_type) || !wire_is_base64(part->data))
            return openai_invalid(body->host, ctx, "an image needs a media type and base64 data");
        wire_puts(body, "\"data:");
        wire_put(body, part->media_type);
        wire_puts(body, ";base64,");
        wire_put(body, part->data);
        wire_puts(body, "\"");
    } else {
        body->host->buf_json(body->buf, part->text);
    }
    wire_puts(body, "}}");
    return AIGW_OK;
}

/* Text and images as a list of typed parts. */
static aigw_status openai_list_content(struct wire_body *body, struct aigw_ctx *ctx, const struct aigw_message *msg)
{
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    wire_puts(body, "[");
    for (uint32_t i = 0; i < msg->part_count && status == AIGW_OK; i++) {
        const struct aigw_part *part = &msg->parts[i];

        if (part->type != AIGW_PART_TEXT && part->type != AIGW_PART_IMAGE)
            continue;
        if (count++ > 0)
            wire_puts(body, ",");
        if (part->type == AIGW_PART_IMAGE) {
            status = openai_image(body, ctx, part);
        } else {
            wire_puts(body, "{\"type\":\"text\",\"text\":");
            body->host->buf_json(body->buf, part->text);
            wire_puts(body, "}");
        }
    }
    wire_puts(body, "]");
    return status;
}

static void openai_tool_calls(struct wire_body *body, const struct aigw_message *msg)
{
    const struct aigw_host *host = body->host;
    uint32_t count = 0;

    wire_puts(body, ",\"tool_calls\":[");
    for (uint32_t i = 0; i < msg->part_count; i++) {
        const struct aigw_part *part = &msg->parts[i];

        if (part->type != AIGW_PART_TOOL_CALL)
            continue;
        wire_puts(body, count++ > 0 ? ",{\"id\":" : "{\"id\":");
        host->buf_json(body->buf, part->id);
        wire_puts(body, ",\"type\":\"function\",\"function\":{\"name\":");
        host->buf_json(body->buf, part->name);
        wire_puts(body, ",\"arguments\":");
        host->buf_json(body->buf, part->text.len > 0 ? part->text : AIGW_STR("{}"));
        wire_puts(body, "}}");
    }
    wire_puts(body, "]");
}

static void openai_open_message(struct wire_body *body, const char *role, uint32_t *count)
{
    wire_puts(body, (*count)++ > 0 ? ",{\"role\":\"" : "{\"role\":\"");
    wire_puts(body, role);
    wire_puts(body, "\"");
}

/* Each tool result is a message of its own, before whatever else the message says. */
static void openai_tool_results(struct wire_body *body, const struct aigw_message *msg, uint32_t *count)
{
    for (uint32_t i = 0; i < msg->part_count; i++) {
        const struct aigw_part *part = &msg->parts[i];

        if (part->type != AIGW_PART_TOOL_RESULT)
            continue;
        openai_open_message(body, "tool", count);
        wire_puts(body, ",\"tool_call_id\":");
        body->host->buf_json(body->buf, part->id);
        wire_puts(body, ",\"content\":");
        body->host->buf_json(body->buf, part->text);
        wire_puts(body, "}");
    }
}

static const char *openai_role(uint32_t role)
{
    switch (role) {
    case AIGW_ROLE_SYSTEM:
        return "system";
    case AIGW_ROLE_ASSISTANT:
        return "assistant";
    default:
        return "user";
    }
}

static aigw_status openai_message(struct wire_body *body, struct aigw_ctx *ctx, const struct aigw_message *msg,
                                  const char *prefix, uint32_t *count)
{
    bool has_calls = msg->role == AIGW_ROLE_ASSISTANT && openai_has_part(msg, AIGW_PART_TOOL_CALL);
    bool has_text = openai_has_part(msg, AIGW_PART_TEXT), has_image = openai_has_part(msg, AIGW_PART_IMAGE);
    aigw_status status = AIGW_OK;

    openai_tool_results(body, msg, count);
    if (!has_text && !has_image && !has_calls &&
        (msg->role == AIGW_ROLE_TOOL || openai_has_part(msg, AIGW_PART_TOOL_RESULT)))
        return AIGW_OK;
    openai_open_message(body, prefix ? "user" : openai_role(msg->role), count);
    if (msg->name.len > 0) {
        wire_puts(body, ",\"name\":");
        body->host->buf_json(body->buf, msg->name);
    }
    wire_puts(body, ",\"content\":");
    if (has_calls && !has_text && !has_image)
        wire_puts(body, "null");
    else if (has_image)
        status = openai_list_content(body, ctx, msg);
    else
        status = openai_text_content(body, ctx, msg, prefix);
    if (has_calls)
        openai_tool_calls(body, msg);
    wire_puts(body, "}");
    return status;
}

/* The conversation ends with words put into the assistant's mouth (not with its tool calls). */
static bool openai_has_prefill(const struct aigw_model_request *req)
{
    const struct aigw_message *last = req->message_count > 0 ? &req->messages[req->message_count - 1] : NULL;

    return last && last->role == AIGW_ROLE_ASSISTANT && !openai_has_part(last, AIGW_PART_TOOL_CALL);
}

static aigw_status openai_messages(struct wire_body *body, struct aigw_ctx *ctx, const struct aigw_model_request *req,
                                   const struct openai_quirks *quirks)
{
    bool has_prefill = openai_has_prefill(req);
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    wire_key(body, "messages");
    wire_puts(body, "[");
    for (uint32_t i = 0; i < req->message_count && status == AIGW_OK; i++) {
        bool is_rewritten = has_prefill && quirks->refuses_prefill && i + 1 == req->message_count;

        status = openai_message(body, ctx, &req->messages[i], is_rewritten ? WIRE_PREFILL_PREFIX : NULL, &count);
    }
    wire_puts(body, "]");
    if (has_prefill && quirks->continue_final && !quirks->refuses_prefill) {
        wire_key(body, "continue_final_message");
        wire_puts(body, "true");
        wire_key(body, "add_generation_prompt");
        wire_puts(body, "false");
    }
    return status;
}

/* A chat for the legacy path: all its text, one message after the other. */
static aigw_status openai_prompt(struct wire_body *body, struct aigw_ctx *ctx, const struct aigw_model_request *req)
{
    const struct aigw_host *host = body->host;
    struct aigw_buf *joined;
    aigw_str text;
    aigw_status status;
    uint32_t count = 0;

    if (req->kind == AIGW_CALL_COMPLETION) {
        wire_string(body, "prompt", req->prompt);
        if (req->suffix.len > 0)
            wire_string(body, "suffix", req->suffix);
        return AIGW_OK;
    }
    joined = host->buf_new(ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    if (!joined)
        return AIGW_E_NOMEM;
    for (uint32_t m = 0; m < req->message_count; m++)
        for (uint32_t i = 0; i < req->messages[m].part_count; i++) {
            const struct aigw_part *part = &req->messages[m].parts[i];

            if (part->type != AIGW_PART_TEXT)
                continue;
            if (count++ > 0)
                host->buf_put(joined, "\n", 1);
            host->buf_put(joined, part->text.ptr, part->text.len);
        }
    status = host->buf_view(joined, &text);
    if (status == AIGW_OK)
        wire_string(body, "prompt", text);
    return status;
}

/* ---- tools ---- */

static aigw_status openai_tools(struct wire_body *body, struct aigw_ctx *ctx, const struct aigw_model_request *req)
{
    const struct aigw_host *host = body->host;

    if (req->tool_count == 0)
        return AIGW_OK;
    wire_key(body, "tools");
    wire_puts(body, "[");
    for (uint32_t i = 0; i < req->tool_count; i++) {
        const struct aigw_tool *tool = &req->tools[i];

        wire_puts(body, i > 0 ? ",{\"type\":\"function\",\"function\":{\"name\":"
                              : "{\"type\":\"function\",\"function\":{\"name\":");
        host->buf_json(body->buf, tool->name);
        if (tool->description.len > 0) {
            wire_puts(body, ",\"description\":");
            host->buf_json(body->buf, tool->description);
        }
        if (tool->parameters.len > 0) {
            if (!wire_is_json_object(tool->parameters))
                return openai_invalid(host, ctx, "a tool's parameters are not a JSON object");
            wire_puts(body, ",\"parameters\":");
            wire_put(body, tool->parameters);
        }
        wire_puts(body, "}}");
    }
    wire_puts(body, "]");
    if (req->tool_choice == AIGW_TOOLS_NONE) {
        wire_string(body, "tool_choice", AIGW_STR("none"));
    } else if (req->tool_choice == AIGW_TOOLS_REQUIRED) {
        wire_string(body, "tool_choice", AIGW_STR("required"));
    } else if (req->tool_choice == AIGW_TOOLS_NAMED) {
        wire_key(body, "tool_choice");
        wire_puts(body, "{\"type\":\"function\",\"function\":{\"name\":");
        host->buf_json(body->buf, req->tool_choice_name);
        wire_puts(body, "}}");
    }
    return AIGW_OK;
}

/* ---- parameters ---- */

static void openai_stops(struct wire_body *body, const struct aigw_params *params, int64_t max_stops)
{
    uint32_t count = params->stop_count;

    if (max_stops >= 0 && (int64_t)count > max_stops)
        count = (uint32_t)max_stops;
    if (count == 0)
        return;
    wire_key(body, "stop");
    for (uint32_t i = 0; i < count; i++) {
        wire_puts(body, i > 0 ? "," : "[");
        body->host->buf_json(body->buf, params->stop[i]);
    }
    wire_puts(body, "]");
}

static aigw_status openai_params(struct wire_body *body, struct aigw_ctx *ctx, uint32_t path,
                                 const struct aigw_params *params, const struct openai_quirks *quirks)
{
    bool is_chat = path == OPENAI_CHAT;

    if (params->set & AIGW_PARAM_MAX_TOKENS)
        wire_int(body, is_chat && quirks->max_completion_tokens ? "max_completion_tokens" : "max_tokens",
                 params->max_tokens);
    if (!quirks->drop_sampling) {
        if (params->set & AIGW_PARAM_TEMPERATURE)
            wire_double(body, "temperature", params->temperature);
        if (params->set & AIGW_PARAM_TOP_P)
            wire_double(body, "top_p", params->top_p);
        if (params->set & AIGW_PARAM_PRESENCE_PENALTY)
            wire_double(body, "presence_penalty", params->presence_penalty);
        if (params->set & AIGW_PARAM_FREQUENCY_PENALTY)
            wire_double(body, "frequency_penalty", params->frequency_penalty);
        if ((params->set & AIGW_PARAM_TOP_K) && quirks->send_top_k)
            wire_int(body, "top_k", params->top_k);
    }
    if (params->set & AIGW_PARAM_SEED)
        wire_int(body, "seed", params->seed);
    openai_stops(body, params, quirks->max_stops);
    if (params->user.len > 0)
        wire_string(body, "user", params->user);
    if (is_chat && params->response_format.len > 0) {
        if (!wire_is_json_object(params->response_format))
            return openai_invalid(body->host, ctx, "response_format is not a JSON object");
        wire_key(body, "response_format");
        wire_put(body, params->response_format);
    }
    return AIGW_OK;
}

static void openai_embedding(struct wire_body *body, const struct aigw_model_request *req)
{
    wire_key(body, "input");
    wire_puts(body, "[");
    for (uint32_t i = 0; i < req->input_count; i++) {
        if (i > 0)
            wire_puts(body, ",");
        body->host->buf_json(body->buf, req->inputs[i]);
    }
    wire_puts(body, "]");
    if (req->dimensions > 0)
        wire_int(body, "dimensions", req->dimensions);
    if (req->params.user.len > 0)
        wire_string(body, "user", req->params.user);
}

aigw_status openai_body(const struct aigw_host *host, struct aigw_ctx *ctx, uint32_t path, aigw_str model,
                        const struct aigw_model_request *req, const struct openai_quirks *quirks, aigw_str *ret_body)
{
    struct json_object *forced = NULL, *extra = NULL;
    struct wire_body body;
    aigw_status status = wire_begin(&body, host, ctx);

    if (status != AIGW_OK)
        return status;
    wire_string(&body, "model", model);
    if (path == OPENAI_EMBEDDING) {
        openai_embedding(&body, req);
    } else {
        status = path == OPENAI_CHAT ? openai_messages(&body, ctx, req, quirks) : openai_prompt(&body, ctx, req);
        if (status == AIGW_OK && path == OPENAI_CHAT)
            status = openai_tools(&body, ctx, req);
        if (status == AIGW_OK)
            status = openai_params(&body, ctx, path, &req->params, quirks);
        if (status == AIGW_OK && (req->flags & AIGW_REQF_STREAM)) {
            wire_key(&body, "stream");
            wire_puts(&body, "true");
            wire_key(&body, "stream_options");
            wire_puts(&body, "{\"include_usage\":true}");
        }
    }
    if (status != AIGW_OK)
        return status;
    if (quirks->body.len > 0) { /* parsed per call: json-c writes into an object that it prints */
        forced = wire_parse(quirks->body);
        wire_merge(&body, forced, openai_reserved);
    }
    if (req->extra.len > 0) {
        extra = wire_parse(req->extra);
        wire_merge(&body, extra, openai_reserved);
        if (!json_object_is_type(extra, json_type_object))
            status = openai_invalid(host, ctx, "the extra members are not a JSON object");
    }
    if (status == AIGW_OK)
        status = wire_end(&body, ret_body);
    json_object_put(extra);
    json_object_put(forced);
    return status;
}
