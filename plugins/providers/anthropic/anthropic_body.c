/* anthropic_body.c - canonical request → Anthropic's Messages body.
 *
 * Their rules: `system` stands apart, turns alternate and begin with the user, no text block is blank, a trailing
 * assistant turn does not end in blanks, max_tokens is required, at most four cache markers. */
#include "anthropic.h"

#include <string.h>

#define ANTHROPIC_CACHE_MARKS_MAX 4

static const char *const anthropic_reserved[] = { "model",       "messages",          "system", "stream", "tools",
                                                  "tool_choice", "anthropic_version", NULL };

/* The list of turns being written. */
struct anthropic_turns {
    struct wire_body *body;
    struct aigw_ctx *ctx;
    const struct anthropic_quirks *quirks;
    const char *role; /* of the open turn, NULL when none is open */
    uint32_t turn_count;
    uint32_t block_count; /* in the open turn */
    uint32_t cache_marks;
    bool with_thinking;
};

static aigw_status anthropic_invalid(const struct anthropic_turns *turns, const char *what)
{
    return turns->body->host->fail(turns->ctx, AIGW_E_INVALID,
                                   "the request cannot be sent in the Anthropic dialect: %s", what);
}

/* Close a block, with its cache marker if one is asked for and left. */
static void anthropic_close_block(struct anthropic_turns *turns, const struct aigw_part *part)
{
    const char *ttl = turns->quirks->cache_ttl;

    if (part && (part->flags & AIGW_PARTF_CACHE) && ttl && strcmp(ttl, "off") != 0 &&
        turns->cache_marks < ANTHROPIC_CACHE_MARKS_MAX) {
        turns->cache_marks++;
        wire_puts(turns->body, strcmp(ttl, "1h") == 0 ? ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"
                                                      : ",\"cache_control\":{\"type\":\"ephemeral\"}");
    }
    wire_puts(turns->body, "}");
}

static void anthropic_close_turn(struct anthropic_turns *turns)
{
    if (turns->role)
        wire_puts(turns->body, "]}");
    turns->role = NULL;
}

/* Begin a block in a turn of `role`, opening one when another's is open. */
static void anthropic_open_block(struct anthropic_turns *turns, const char *role, const char *begin)
{
    if (!turns->role || strcmp(turns->role, role) != 0) {
        anthropic_close_turn(turns);
        if (turns->turn_count++ > 0)
            wire_puts(turns->body, ",");
        else if (strcmp(role, "user") != 0) /* the first turn must be the user's */
            wire_puts(turns->body, "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\".\"}]},");
        turns->body->host->buf_printf(turns->body->buf, "{\"role\":\"%s\",\"content\":[", role);
        turns->role = role;
        turns->block_count = 0;
    }
    if (turns->block_count++ > 0)
        wire_puts(turns->body, ",");
    wire_puts(turns->body, begin);
}

/* "data:image/png;base64,…" → its two parts. */
static bool anthropic_split_data_url(aigw_str url, aigw_str *ret_type, aigw_str *ret_data)
{
    static const char mark[] = ";base64,";
    const char *at;

    if (!wire_has_prefix(url, "data:"))
        return false;
    at = memmem(url.ptr, url.len < 256 ? url.len : 256, mark, sizeof mark - 1);
    if (!at)
        return false;
    *ret_type = (aigw_str){ url.ptr + 5, (size_t)(at - url.ptr) - 5 };
    *ret_data = (aigw_str){ at + sizeof mark - 1, url.len - (size_t)(at - url.ptr) - (sizeof mark - 1) };
    return true;
}

static aigw_status anthropic_image(struct anthropic_turns *turns, const char *role, const struct aigw_part *part)
{
    aigw_str type = part->media_type, data = part->data;

    if (data.len == 0 && !anthropic_split_data_url(part->text, &type, &data)) {
        anthropic_open_block(turns, role, "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":");
        turns->body->host->buf_json(turns->body->buf, part->text);
    } else {
        if (!wire_is_media_type(type) || !wire_is_base64(data))
            return anthropic_invalid(turns, "an image needs a media type and base64 data");
        anthropic_open_block(turns, role, "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"");
        wire_put(turns->body, type);
        wire_puts(turns->body, "\",\"data\":\"");
        wire_put(turns->body, data);
        wire_puts(turns->body, "\"");
    }
    wire_puts(turns->body, "}");
    anthropic_close_block(turns, part);
    return AIGW_OK;
}

static aigw_status anthropic_tool_use(struct anthropic_turns *turns, const struct aigw_part *part)
{
    const struct aigw_host *host = turns->body->host;

    if (part->text.len > 0 && !wire_is_json_object(part->text))
        return anthropic_invalid(turns, "a tool call's arguments are not a JSON object");
    anthropic_open_block(turns, "assistant", "{\"type\":\"tool_use\",\"id\":");
    host->buf_json(turns->body->buf, part->id);
    wire_puts(turns->body, ",\"name\":");
    host->buf_json(turns->body->buf, part->name);
    wire_puts(turns->body, ",\"input\":");
    wire_put(turns->body, part->text.len > 0 ? part->text : AIGW_STR("{}"));
    anthropic_close_block(turns, part);
    return AIGW_OK;
}

static void anthropic_tool_result(struct anthropic_turns *turns, const struct aigw_part *part)
{
    const struct aigw_host *host = turns->body->host;

    anthropic_open_block(turns, "user", "{\"type\":\"tool_result\",\"tool_use_id\":");
    host->buf_json(turns->body->buf, part->id);
    if (part->text.len > 0) {
        wire_puts(turns->body, ",\"content\":");
        host->buf_json(turns->body->buf, part->text);
    }
    if (part->flags & AIGW_PARTF_ERROR)
        wire_puts(turns->body, ",\"is_error\":true");
    anthropic_close_block(turns, part);
}

/* prefix: put before the text, may be NULL. */
static aigw_status anthropic_text(struct anthropic_turns *turns, const char *role, const struct aigw_part *part,
                                  aigw_str text, const char *prefix)
{
    const struct aigw_host *host = turns->body->host;
    struct aigw_buf *joined;
    aigw_status status;

    if (wire_is_blank(text))
        return AIGW_OK; /* the API refuses blank blocks */
    if (prefix) {
        joined = host->buf_new(turns->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
        if (!joined)
            return AIGW_E_NOMEM;
        host->buf_printf(joined, "%s", prefix);
        host->buf_put(joined, text.ptr, text.len);
        status = host->buf_view(joined, &text);
        if (status != AIGW_OK)
            return status;
    }
    anthropic_open_block(turns, role, "{\"type\":\"text\",\"text\":");
    host->buf_json(turns->body->buf, text);
    anthropic_close_block(turns, part);
    return AIGW_OK;
}

static void anthropic_thinking(struct anthropic_turns *turns, const struct aigw_part *part)
{
    /* Signed thinking is wanted back only while thinking is switched on; otherwise the API refuses it. */
    if (!turns->with_thinking || part->data.len == 0)
        return;
    anthropic_open_block(turns, "assistant", "{\"type\":\"thinking\",\"thinking\":");
    turns->body->host->buf_json(turns->body->buf, part->text);
    wire_puts(turns->body, ",\"signature\":");
    turns->body->host->buf_json(turns->body->buf, part->data);
    wire_puts(turns->body, "}");
}

static aigw_status anthropic_message(struct anthropic_turns *turns, const struct aigw_message *msg, bool is_last)
{
    bool is_assistant = msg->role == AIGW_ROLE_ASSISTANT;
    bool is_rewritten = is_last && is_assistant && turns->quirks->refuses_prefill;
    const char *role = is_assistant && !is_rewritten ? "assistant" : "user";
    aigw_status status = AIGW_OK;

    for (uint32_t i = 0; i < msg->part_count && status == AIGW_OK; i++) {
        const struct aigw_part *part = &msg->parts[i];
        bool is_tail = is_last && is_assistant && i + 1 == msg->part_count;

        switch (part->type) {
        case AIGW_PART_TEXT:
            status = anthropic_text(turns, role, part, is_tail ? wire_trim_end(part->text) : part->text,
                                    is_rewritten ? WIRE_PREFILL_PREFIX : NULL);
            break;
        case AIGW_PART_IMAGE:
            status = anthropic_image(turns, role, part);
            break;
        case AIGW_PART_TOOL_CALL:
            status = anthropic_tool_use(turns, part);
            break;
        case AIGW_PART_TOOL_RESULT:
            anthropic_tool_result(turns, part);
            break;
        case AIGW_PART_REASONING:
            anthropic_thinking(turns, part);
            break;
        default:
            break;
        }
    }
    return status;
}

static aigw_status anthropic_system(struct anthropic_turns *turns, const struct aigw_model_request *req)
{
    uint32_t count = 0;

    for (uint32_t m = 0; m < req->message_count; m++)
        for (uint32_t i = 0; i < req->messages[m].part_count; i++) {
            const struct aigw_part *part = &req->messages[m].parts[i];

            if (req->messages[m].role != AIGW_ROLE_SYSTEM || part->type != AIGW_PART_TEXT || wire_is_blank(part->text))
                continue;
            if (count++ == 0) {
                wire_key(turns->body, "system");
                wire_puts(turns->body, "[");
            } else {
                wire_puts(turns->body, ",");
            }
            wire_puts(turns->body, "{\"type\":\"text\",\"text\":");
            turns->body->host->buf_json(turns->body->buf, part->text);
            anthropic_close_block(turns, part);
        }
    if (count > 0)
        wire_puts(turns->body, "]");
    return AIGW_OK;
}

static aigw_status anthropic_messages(struct anthropic_turns *turns, const struct aigw_model_request *req)
{
    aigw_status status = AIGW_OK;

    wire_key(turns->body, "messages");
    wire_puts(turns->body, "[");
    for (uint32_t i = 0; i < req->message_count && status == AIGW_OK; i++)
        if (req->messages[i].role != AIGW_ROLE_SYSTEM)
            status = anthropic_message(turns, &req->messages[i], i + 1 == req->message_count);
    anthropic_close_turn(turns);
    if (turns->turn_count == 0) /* instructions only: the API wants a user turn all the same */
        wire_puts(turns->body, "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\".\"}]}");
    wire_puts(turns->body, "]");
    return status;
}

static aigw_status anthropic_tools(struct anthropic_turns *turns, const struct aigw_model_request *req)
{
    struct wire_body *body = turns->body;
    const struct aigw_host *host = body->host;

    if (req->tool_count == 0)
        return AIGW_OK;
    wire_key(body, "tools");
    for (uint32_t i = 0; i < req->tool_count; i++) {
        const struct aigw_tool *tool = &req->tools[i];

        if (tool->parameters.len > 0 && !wire_is_json_object(tool->parameters))
            return anthropic_invalid(turns, "a tool's parameters are not a JSON object");
        wire_puts(body, i > 0 ? ",{\"name\":" : "[{\"name\":");
        host->buf_json(body->buf, tool->name);
        if (tool->description.len > 0) {
            wire_puts(body, ",\"description\":");
            host->buf_json(body->buf, tool->description);
        }
        wire_puts(body, ",\"input_schema\":");
        wire_put(body, tool->parameters.len > 0 ? tool->parameters : AIGW_STR("{\"type\":\"object\"}"));
        wire_puts(body, "}");
    }
    wire_puts(body, "]");
    if (req->tool_choice == AIGW_TOOLS_AUTO)
        return AIGW_OK;
    wire_key(body, "tool_choice");
    if (req->tool_choice == AIGW_TOOLS_NAMED) {
        wire_puts(body, "{\"type\":\"tool\",\"name\":");
        host->buf_json(body->buf, req->tool_choice_name);
        wire_puts(body, "}");
    } else {
        wire_puts(body, req->tool_choice == AIGW_TOOLS_NONE ? "{\"type\":\"none\"}" : "{\"type\":\"any\"}");
    }
    return AIGW_OK;
}

static void anthropic_params(const struct anthropic_turns *turns, const struct aigw_params *params)
{
    struct wire_body *body = turns->body;
    bool has_temperature = params->set & AIGW_PARAM_TEMPERATURE;
    uint32_t stops = 0;

    wire_int(body, "max_tokens",
             (params->set & AIGW_PARAM_MAX_TOKENS) ? params->max_tokens : turns->quirks->max_tokens);
    /* Thinking refuses sampling parameters; newer models refuse temperature together with top_p. */
    if (!turns->quirks->drop_sampling && !turns->with_thinking) {
        if (has_temperature)
            wire_double(body, "temperature",
                        params->temperature < 0   ? 0
                        : params->temperature > 1 ? 1
                                                  : params->temperature);
        else if (params->set & AIGW_PARAM_TOP_P)
            wire_double(body, "top_p", params->top_p);
        if (params->set & AIGW_PARAM_TOP_K)
            wire_int(body, "top_k", params->top_k);
    }
    for (uint32_t i = 0; i < params->stop_count; i++) {
        if (wire_is_blank(params->stop[i]))
            continue; /* refused */
        if (stops++ == 0) {
            wire_key(body, "stop_sequences");
            wire_puts(body, "[");
        } else {
            wire_puts(body, ",");
        }
        body->host->buf_json(body->buf, params->stop[i]);
    }
    if (stops > 0)
        wire_puts(body, "]");
    if (params->user.len > 0) {
        wire_key(body, "metadata");
        wire_puts(body, "{\"user_id\":");
        body->host->buf_json(body->buf, params->user);
        wire_puts(body, "}");
    }
}

static bool anthropic_asks_for_thinking(struct json_object *extra)
{
    struct json_object *thinking = wire_get(extra, "thinking", json_type_object);

    return thinking && !wire_is(wire_get_str(thinking, "type"), "disabled");
}

aigw_status anthropic_body(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str model,
                           const struct aigw_model_request *req, const struct anthropic_quirks *quirks,
                           aigw_str *ret_body)
{
    struct json_object *extra = req->extra.len > 0 ? wire_parse(req->extra) : NULL;
    struct wire_body body;
    struct anthropic_turns turns = { .body = &body, .ctx = ctx, .quirks = quirks };
    aigw_status status = wire_begin(&body, host, ctx);

    if (status != AIGW_OK)
        goto out;
    if (req->extra.len > 0 && !json_object_is_type(extra, json_type_object)) {
        status = anthropic_invalid(&turns, "the extra members are not a JSON object");
        goto out;
    }
    turns.with_thinking = anthropic_asks_for_thinking(extra);
    if (quirks->version)
        wire_string(&body, "anthropic_version", wire_str(quirks->version));
    if (!quirks->omit_model)
        wire_string(&body, "model", model);
    anthropic_params(&turns, &req->params);
    status = anthropic_tools(&turns, req);
    if (status == AIGW_OK)
        status = anthropic_system(&turns, req);
    if (status == AIGW_OK)
        status = anthropic_messages(&turns, req);
    if (status != AIGW_OK)
        goto out;
    if (req->flags & AIGW_REQF_STREAM) {
        wire_key(&body, "stream");
        wire_puts(&body, "true");
    }
    wire_merge(&body, extra, anthropic_reserved);
    status = wire_end(&body, ret_body);
out:
    json_object_put(extra);
    return status;
}
