/* request_messages.c - canonical messages → the member "messages" of a chat. */
#include "openai.h"

#include <string.h>

aigw_status openai_unsupported(struct openai_out *out, const char *what, uint32_t number)
{
    return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "the OpenAI dialect has no %s (%u)", what, number);
}

aigw_status openai_no_part(struct openai_out *out, const char *what, uint32_t part_type)
{
    return wire_no_part(out->host, out->ctx, "the OpenAI dialect", what, part_type);
}

aigw_status openai_invalid(struct openai_out *out, const char *what)
{
    return out->host->fail(out->ctx, AIGW_E_INVALID, "the request cannot be sent in the OpenAI dialect: %s", what);
}

aigw_status openai_splice(struct openai_out *out, aigw_str extra)
{
    if ((out->is_foreign ? wire_drop_members(out->host, out->ctx, out->drops, extra) : wire_splice(out->body, extra)) !=
        AIGW_OK)
        return openai_invalid(out, "extra members are not a JSON object");
    return AIGW_OK;
}

bool openai_is_ours(aigw_str origin)
{
    return origin.len == 0 || wire_is(origin, OPENAI_DIALECT);
}

/* ---- parts ---- */

/* Not text, but may stand in a list of content. */
static bool is_attachment(uint32_t type)
{
    return type == AIGW_PART_IMAGE || type == AIGW_PART_DOCUMENT || type == AIGW_PART_AUDIO;
}

static bool has_attachment(const struct aigw_part *parts)
{
    for (; parts; parts = parts->next)
        if (is_attachment(parts->type))
            return true;
    return false;
}

static bool is_item(const struct aigw_part *part)
{
    return part->type == AIGW_PART_OPAQUE && openai_is_ours(part->origin) && wire_is_json_object(part->text);
}

static bool has_item(const struct aigw_part *parts)
{
    while (parts && !is_item(parts))
        parts = parts->next;
    return parts != NULL;
}

/* Text that carries members of its own, and can be no plain string. */
static bool has_extra_text(const struct aigw_part *parts)
{
    for (; parts; parts = parts->next)
        if ((parts->type == AIGW_PART_TEXT || parts->type == AIGW_PART_REFUSAL) && parts->extra.len > 0)
            return true;
    return false;
}

static void put_data_url(struct wire_body *body, const struct aigw_part *part)
{
    wire_puts(body, "\"data:");
    wire_put(body, part->media_type);
    wire_puts(body, ";base64,");
    wire_put(body, part->data);
    wire_puts(body, "\"");
}

static bool is_data_sound(const struct aigw_part *part)
{
    return wire_is_media_type(part->media_type) && wire_is_base64(part->data);
}

static aigw_status put_image(struct openai_out *out, const struct aigw_part *part)
{
    struct wire_body *body = out->body;

    aigw_status status = wire_check_file(out->host, out->ctx, part, OPENAI_DIALECT_ANY);

    if (status != AIGW_OK)
        return status;
    if (part->data.len > 0 && !is_data_sound(part))
        return openai_invalid(out, "an image needs a media type and base64 data");
    if (part->data.len == 0 && part->url.len == 0)
        return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED,
                               "file_id: a chat's images are not taken by file id; send what is in it");
    wire_puts(body, "{\"type\":\"image_url\",\"image_url\":{\"url\":");
    if (part->data.len > 0)
        put_data_url(body, part);
    else
        out->host->buf_json(body->buf, part->url);
    if (part->detail.len > 0) {
        wire_puts(body, ",\"detail\":");
        out->host->buf_json(body->buf, part->detail);
    }
    wire_puts(body, "}");
    return AIGW_OK;
}

static aigw_status put_document(struct openai_out *out, const struct aigw_part *part)
{
    struct wire_body *body = out->body;

    aigw_status status = wire_check_file(out->host, out->ctx, part, OPENAI_DIALECT_ANY);

    if (status != AIGW_OK)
        return status;
    if (part->data.len > 0 && !is_data_sound(part))
        return openai_invalid(out, "a document needs a media type and base64 data");
    if (part->data.len == 0 && part->file_id.len == 0)
        return openai_no_part(out, "documents by URL; send base64", part->type);
    wire_puts(body, "{\"type\":\"file\",\"file\":{");
    if (part->data.len > 0) {
        wire_puts(body, "\"file_data\":");
        put_data_url(body, part);
    } else {
        wire_puts(body, "\"file_id\":");
        out->host->buf_json(body->buf, part->file_id);
    }
    if (part->title.len > 0) {
        wire_puts(body, ",\"filename\":");
        out->host->buf_json(body->buf, part->title);
    }
    wire_puts(body, "}");
    return AIGW_OK;
}

static aigw_status put_audio(struct openai_out *out, const struct aigw_part *part)
{
    aigw_str type = part->media_type;
    const char *format = wire_has_suffix(type, "wav") || wire_is(type, "audio/wave")   ? "wav"
                         : wire_is(type, "audio/mpeg") || wire_has_suffix(type, "mp3") ? "mp3"
                                                                                       : NULL;

    if (!format)
        return openai_no_part(out, "audio other than wav and mp3", part->type);
    if (!wire_is_base64(part->data))
        return openai_invalid(out, "audio needs base64 data");
    wire_puts(out->body, "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"");
    wire_put(out->body, part->data);
    wire_puts(out->body, "\",\"format\":\"");
    wire_puts(out->body, format);
    wire_puts(out->body, "\"}");
    return AIGW_OK;
}

static aigw_status put_part(struct openai_out *out, const struct aigw_part *part)
{
    aigw_status status = AIGW_OK;

    switch (part->type) {
    case AIGW_PART_IMAGE:
        status = put_image(out, part);
        break;
    case AIGW_PART_DOCUMENT:
        status = put_document(out, part);
        break;
    case AIGW_PART_AUDIO:
        status = put_audio(out, part);
        break;
    case AIGW_PART_OPAQUE:
        wire_put(out->body, part->text);
        return AIGW_OK;
    default:
        wire_puts(out->body, "{\"type\":\"text\",\"text\":");
        out->host->buf_json(out->body->buf, part->text);
        break;
    }
    if (status != AIGW_OK)
        return status;
    status = openai_splice(out, part->extra);
    wire_puts(out->body, "}");
    return status;
}

/* ---- content ---- */

/* Text parts joined by line feeds, as one JSON string: more servers take a string than a list. */
static aigw_status put_text(struct openai_out *out, const struct aigw_part *parts, const char *prefix,
                            const char *otherwise)
{
    const struct aigw_host *host = out->host;
    const struct aigw_part *only = NULL;
    struct aigw_buf *joined;
    aigw_str text;
    aigw_status status;
    uint32_t count = 0;

    for (const struct aigw_part *part = parts; part; part = part->next)
        if (wire_is_textual(part) && part->text.len > 0) {
            only = part;
            count++;
        }
    if (count <= 1 && !prefix) {
        host->buf_json(out->body->buf, only ? only->text : wire_str(otherwise));
        return AIGW_OK;
    }
    joined = host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    if (!joined)
        return AIGW_E_NOMEM;
    if (prefix)
        host->buf_put(joined, prefix, strlen(prefix));
    count = 0;
    for (const struct aigw_part *part = parts; part; part = part->next) {
        if (!wire_is_textual(part) || part->text.len == 0)
            continue;
        if (count++ > 0)
            host->buf_put(joined, "\n", 1);
        host->buf_put(joined, part->text.ptr, part->text.len);
    }
    status = host->buf_view(joined, &text);
    if (status == AIGW_OK)
        host->buf_json(out->body->buf, text);
    return status;
}

/* The parts that may stand in content, as a list; only_attached: without the text. */
static aigw_status put_list(struct openai_out *out, const struct aigw_part *parts, bool only_attached, uint32_t *count)
{
    aigw_status status = AIGW_OK;

    for (const struct aigw_part *part = parts; part && status == AIGW_OK; part = part->next) {
        bool is_wanted = is_attachment(part->type) || (is_item(part) && !only_attached) ||
                         (wire_is_textual(part) && part->text.len > 0 && !only_attached);

        if (!is_wanted)
            continue;
        if ((*count)++ > 0)
            wire_puts(out->body, ",");
        status = put_part(out, part);
    }
    return status;
}

static void open_message(struct openai_out *out, const char *role, uint32_t *count)
{
    wire_puts(out->body, (*count)++ > 0 ? ",{\"role\":\"" : "{\"role\":\"");
    wire_puts(out->body, role);
    wire_puts(out->body, "\"");
}

/* Plain text as the one argument of a function, in the string that holds arguments. */
static aigw_status put_wrapped(struct openai_out *out, aigw_str text)
{
    struct aigw_buf *buf = out->host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    aigw_str wrapped;
    aigw_status status;

    if (!buf)
        return AIGW_E_NOMEM;
    out->host->buf_put(buf, "{\"" NAMES_TEXT_MEMBER "\":", sizeof NAMES_TEXT_MEMBER + 3);
    out->host->buf_json(buf, text);
    out->host->buf_put(buf, "}", 1);
    status = out->host->buf_view(buf, &wrapped);
    if (status == AIGW_OK)
        out->host->buf_json(out->body->buf, wrapped);
    return status;
}

static aigw_status put_call(struct openai_out *out, const struct aigw_part *part)
{
    const struct aigw_host *host = out->host;
    bool is_text = part->flags & AIGW_PARTF_FREE_TEXT, is_custom = is_text && openai_takes_text(out);
    aigw_str sent;
    aigw_status status =
        openai_name_tool(out, is_text ? AIGW_TOOL_FREE_TEXT : AIGW_TOOL_FUNCTION, part->scope, part->name, &sent);

    if (status != AIGW_OK)
        return status;
    wire_puts(out->body, "{\"id\":");
    host->buf_json(out->body->buf, part->id);
    wire_puts(out->body, is_custom ? ",\"type\":\"custom\",\"custom\":{\"name\":"
                                   : ",\"type\":\"function\",\"function\":{\"name\":");
    host->buf_json(out->body->buf, sent);
    wire_puts(out->body, is_custom ? ",\"input\":" : ",\"arguments\":");
    if (is_text && !is_custom)
        status = put_wrapped(out, part->text);
    else
        host->buf_json(out->body->buf, part->text.len > 0 || is_custom ? part->text : AIGW_STR("{}"));
    wire_puts(out->body, "}");
    if (status == AIGW_OK)
        status = openai_splice(out, part->extra);
    wire_puts(out->body, "}");
    return status;
}

static aigw_status put_calls(struct openai_out *out, const struct aigw_part *parts)
{
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    wire_puts(out->body, ",\"tool_calls\":[");
    for (const struct aigw_part *part = parts; part && status == AIGW_OK; part = part->next) {
        if (part->type != AIGW_PART_TOOL_CALL)
            continue;
        if (count++ > 0)
            wire_puts(out->body, ",");
        status = put_call(out, part);
    }
    wire_puts(out->body, "]");
    return status;
}

/* ---- tool results ---- */

/* Each is a message of its own, before whatever else the message says. */
static aigw_status put_results(struct openai_out *out, const struct aigw_message *msg, uint32_t *count)
{
    aigw_status status = AIGW_OK;

    for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
        const struct aigw_part text = { .struct_size = sizeof text, .type = AIGW_PART_TEXT, .text = part->text };

        if (part->type != AIGW_PART_TOOL_RESULT)
            continue;
        for (const struct aigw_part *inner = part->parts; inner; inner = inner->next)
            if (inner->type == AIGW_PART_OPAQUE)
                (void)wire_takes_item(out->host, out->ctx, out->drops, inner, false);
            else if (!wire_is_textual(inner) && !is_attachment(inner->type))
                return openai_no_part(out, "such part of a tool's result", inner->type);
            else if (wire_is_textual(inner) &&
                     wire_drop_members(out->host, out->ctx, out->drops, inner->extra) != AIGW_OK)
                return openai_invalid(out, "a part's extra members are not a JSON object");
        open_message(out, "tool", count);
        wire_puts(out->body, ",\"tool_call_id\":");
        out->host->buf_json(out->body->buf, part->id);
        wire_puts(out->body, ",\"content\":");
        status = put_text(out, part->parts ? part->parts : &text, part->flags & AIGW_PARTF_ERROR ? "Error: " : NULL,
                          has_attachment(part->parts) ? "The result is attached below." : "");
        if (status == AIGW_OK)
            status = openai_splice(out, part->extra);
        wire_puts(out->body, "}");
    }
    return status;
}

/* A tool message holds text only: what else results hold follows all tool messages of the turn, as the user's. */
static aigw_status put_attached_results(struct openai_out *out, const struct aigw_message *from,
                                        const struct aigw_message *until, uint32_t *count)
{
    aigw_status status = AIGW_OK;
    uint32_t items = 0;

    for (; from != until && status == AIGW_OK; from = from->next)
        for (const struct aigw_part *part = from->parts; part && status == AIGW_OK; part = part->next) {
            if (part->type != AIGW_PART_TOOL_RESULT || !has_attachment(part->parts))
                continue;
            if (items == 0) {
                open_message(out, "user", count);
                wire_puts(out->body, ",\"content\":[");
            }
            status = put_list(out, part->parts, true, &items);
        }
    if (items > 0)
        wire_puts(out->body, "]}");
    return status;
}

/* ---- messages ---- */

static const char *role_name(const struct openai_out *out, uint32_t role)
{
    switch (role) {
    case AIGW_ROLE_SYSTEM:
        return "system";
    case AIGW_ROLE_DEVELOPER: /* the templates of other servers know no such role */
        return out->quirks->says & OPENAI_SAYS_DEVELOPER ? "developer" : "system";
    case AIGW_ROLE_USER:
    case AIGW_ROLE_TOOL: /* what stands beside the results */
        return "user";
    case AIGW_ROLE_ASSISTANT:
        return "assistant";
    default:
        return NULL;
    }
}

static aigw_status check_parts(struct openai_out *out, const struct aigw_message *msg)
{
    bool is_assistant = msg->role == AIGW_ROLE_ASSISTANT;

    for (const struct aigw_part *part = msg->parts; part; part = part->next)
        switch (part->type) {
        case AIGW_PART_TEXT:
        case AIGW_PART_REFUSAL:
        case AIGW_PART_REASONING: /* of another vendor, or not wanted back */
        case AIGW_PART_REDACTED:
        case AIGW_PART_TOOLS: /* request_write.c lists them */
        case AIGW_PART_TOOL_RESULT:
            break;
        case AIGW_PART_OPAQUE: /* written where it is ours */
            (void)wire_takes_item(out->host, out->ctx, out->drops, part, openai_is_ours(part->origin));
            break;
        case AIGW_PART_TOOL_CALL:
            if (!is_assistant)
                return openai_invalid(out, "a tool call stands outside of an assistant message");
            break;
        case AIGW_PART_IMAGE:
        case AIGW_PART_DOCUMENT:
        case AIGW_PART_AUDIO:
            if (is_assistant)
                return openai_no_part(out, "such part in an assistant message", part->type);
            break;
        default:
            return openai_no_part(out, "part of this type", part->type);
        }
    return AIGW_OK;
}

/* What the servers that want it call the reasoning of earlier turns. */
static void put_reasoning(struct openai_out *out, const struct aigw_message *msg)
{
    for (const struct aigw_part *part = msg->parts; part; part = part->next)
        if (part->type == AIGW_PART_REASONING && part->text.len > 0 && openai_is_ours(part->origin)) {
            wire_puts(out->body, ",\"reasoning_content\":");
            out->host->buf_json(out->body->buf, part->text);
            return;
        }
}

static bool wants_reasoning(const struct openai_out *out, const struct aigw_message *msg, bool has_calls)
{
    return msg->role == AIGW_ROLE_ASSISTANT &&
           (out->quirks->send_reasoning || (has_calls && (out->quirks->says & OPENAI_SAYS_REASONING_BACK)));
}

/* Everything of a message but its tool results. `prefill`: it is the last one and the assistant's; else 0. */
static aigw_status put_rest(struct openai_out *out, const struct aigw_message *msg, uint32_t prefill, uint32_t *count)
{
    bool is_rewritten = prefill == OPENAI_PREFILL_TOLD;
    bool has_calls = wire_has_part(msg->parts, AIGW_PART_TOOL_CALL);
    bool has_list = has_attachment(msg->parts) || has_item(msg->parts) || has_extra_text(msg->parts);
    bool has_text = wire_has_part(msg->parts, AIGW_PART_TEXT) || wire_has_part(msg->parts, AIGW_PART_REFUSAL);
    aigw_status status = AIGW_OK;
    uint32_t items = 0;

    if (!has_text && !has_list && !has_calls &&
        (msg->role != AIGW_ROLE_USER || wire_has_part(msg->parts, AIGW_PART_TOOLS) ||
         wire_has_part(msg->parts, AIGW_PART_TOOL_RESULT)))
        return AIGW_OK;
    open_message(out, is_rewritten ? "user" : role_name(out, msg->role), count);
    if (msg->name.len > 0 && !openai_drops(out, OPENAI_NO_NAMES, "name")) {
        wire_puts(out->body, ",\"name\":");
        out->host->buf_json(out->body->buf, msg->name);
    }
    wire_puts(out->body, ",\"content\":");
    if (has_calls && !has_text && !has_list) {
        wire_puts(out->body, "null");
    } else if (has_list) {
        wire_puts(out->body, "[");
        status = put_list(out, msg->parts, false, &items);
        wire_puts(out->body, "]");
    } else {
        status = put_text(out, msg->parts, is_rewritten ? WIRE_PREFILL_PREFIX : NULL,
                          msg->role == AIGW_ROLE_USER ? " " : "");
    }
    if (status == AIGW_OK && has_calls)
        status = put_calls(out, msg->parts);
    if (status == AIGW_OK && wants_reasoning(out, msg, has_calls))
        put_reasoning(out, msg);
    if (prefill == OPENAI_PREFILL_PREFIX)
        wire_puts(out->body, ",\"prefix\":true");
    else if (prefill == OPENAI_PREFILL_PARTIAL)
        wire_puts(out->body, ",\"partial\":true");
    if (status == AIGW_OK)
        status = openai_splice(out, msg->extra);
    wire_puts(out->body, "}");
    return status;
}

static const struct aigw_message *last_message(const struct aigw_message *msg)
{
    while (msg && msg->next)
        msg = msg->next;
    return msg;
}

bool openai_has_prefill(const struct aigw_model_request *req)
{
    const struct aigw_message *last = last_message(req->messages);

    return last && last->role == AIGW_ROLE_ASSISTANT && !wire_has_part(last->parts, AIGW_PART_TOOL_CALL);
}

aigw_status openai_messages(struct openai_out *out, const struct aigw_model_request *req)
{
    const struct aigw_message *results = NULL;
    uint32_t prefill = openai_has_prefill(req) ? out->quirks->prefill : OPENAI_PREFILL_PLAIN;
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    wire_key(out->body, "messages");
    wire_puts(out->body, "[");
    for (const struct aigw_message *msg = req->messages; msg && status == AIGW_OK; msg = msg->next) {
        bool has_results = wire_has_part(msg->parts, AIGW_PART_TOOL_RESULT);

        if (!role_name(out, msg->role))
            return openai_unsupported(out, "such role of a message", msg->role);
        if (msg->effort.len > 0)
            wire_drop(out->host, out->ctx, out->drops, AIGW_STR("effort"));
        if (results && !has_results) {
            status = put_attached_results(out, results, msg, &count);
            results = NULL;
        } else if (has_results && !results) {
            results = msg;
        }
        if (status == AIGW_OK)
            status = check_parts(out, msg);
        if (status == AIGW_OK)
            status = put_results(out, msg, &count);
        if (status == AIGW_OK && results && !msg->next)
            status = put_attached_results(out, results, NULL, &count);
        if (status == AIGW_OK)
            status = put_rest(out, msg, msg->next ? OPENAI_PREFILL_PLAIN : prefill, &count);
    }
    wire_puts(out->body, "]");
    if (prefill == OPENAI_PREFILL_CONTINUE) {
        wire_key(out->body, "continue_final_message");
        wire_puts(out->body, "true");
        wire_key(out->body, "add_generation_prompt");
        wire_puts(out->body, "false");
    }
    return status;
}
