/* request_turns.c - canonical messages → "system" and "messages".
 *
 * Their rules: `system` stands apart, turns alternate and begin with the user, tool results come first in the turn
 * after the calls, no text block is blank, a trailing assistant turn does not end in blanks, at most four cache
 * markers. */
#include "anthropic.h"

#include <string.h>

#define ANTHROPIC_MARKS_MAX 4

aigw_status anthropic_unsupported(struct anthropic_out *out, const char *what, uint32_t number)
{
    return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED, "the Anthropic dialect has no %s (%u)", what, number);
}

aigw_status anthropic_invalid(struct anthropic_out *out, const char *what)
{
    return out->host->fail(out->ctx, AIGW_E_INVALID, "the request cannot be sent in the Anthropic dialect: %s", what);
}

bool anthropic_is_ours(aigw_str origin)
{
    return origin.len == 0 || wire_is(origin, ANTHROPIC_DIALECT);
}

static bool is_system(const struct aigw_message *msg)
{
    return msg->role == AIGW_ROLE_SYSTEM || msg->role == AIGW_ROLE_DEVELOPER;
}

static bool is_textual(const struct aigw_part *part)
{
    return part->type == AIGW_PART_TEXT || part->type == AIGW_PART_REFUSAL;
}

static bool has_results(const struct aigw_message *msg)
{
    for (const struct aigw_part *part = msg->parts; part; part = part->next)
        if (part->type == AIGW_PART_TOOL_RESULT)
            return true;
    return false;
}

/* ---- cache markers ---- */

static uint32_t count_tool_marks(const struct aigw_tool *tools)
{
    uint32_t count = 0;

    for (; tools; tools = tools->next)
        count += (tools->flags & AIGW_TOOLF_CACHE) != 0;
    return count;
}

void anthropic_count_marks(struct anthropic_out *out, const struct aigw_model_request *req)
{
    uint32_t count = count_tool_marks(req->tools);

    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next) {
            if ((part->flags & AIGW_PARTF_CACHE) && !(is_textual(part) && wire_is_blank(part->text)))
                count++;
            if (part->type == AIGW_PART_TOOLS)
                count += count_tool_marks(part->tools);
        }
    out->marks_to_skip = count > ANTHROPIC_MARKS_MAX ? count - ANTHROPIC_MARKS_MAX : 0;
}

void anthropic_put_mark(struct anthropic_out *out, bool is_wanted, uint32_t ttl_s)
{
    const char *ttl = out->quirks->cache_ttl;

    if (!is_wanted || !ttl || strcmp(ttl, "off") == 0)
        return;
    if (out->marks_to_skip > 0) {
        out->marks_to_skip--;
        return;
    }
    if (ttl_s > 0 ? ttl_s >= 3600 : strcmp(ttl, "1h") == 0)
        wire_puts(out->body, ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}");
    else
        wire_puts(out->body, ",\"cache_control\":{\"type\":\"ephemeral\"}");
}

/* ---- blocks ---- */

static aigw_status close_block(struct anthropic_out *out, const struct aigw_part *part)
{
    aigw_status status = AIGW_OK;

    if (part->extra.len > 0 && out->is_foreign)
        return anthropic_unsupported(out, "members in another dialect's spelling", part->type);
    if (wire_splice(out->body, part->extra) != AIGW_OK)
        status = anthropic_invalid(out, "a part's extra members are not a JSON object");
    anthropic_put_mark(out, part->flags & AIGW_PARTF_CACHE, part->cache_ttl_s);
    wire_puts(out->body, "}");
    return status;
}

static void close_turn(struct anthropic_out *out)
{
    if (out->role)
        wire_puts(out->body, "]}");
    out->role = NULL;
}

/* Begin a block in a turn of `role`, opening one when another's is open. */
static void open_block(struct anthropic_out *out, const char *role, const char *begin)
{
    if (!out->role || strcmp(out->role, role) != 0) {
        close_turn(out);
        if (out->turn_count++ > 0)
            wire_puts(out->body, ",");
        else if (strcmp(role, "user") != 0) /* the first turn must be the user's */
            wire_puts(out->body, "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\".\"}]},");
        wire_puts(out->body, "{\"role\":\"");
        wire_puts(out->body, role);
        wire_puts(out->body, "\",\"content\":[");
        out->role = role;
        out->block_count = 0;
    }
    if (out->block_count++ > 0)
        wire_puts(out->body, ",");
    wire_puts(out->body, begin);
}

/* `"source":{…}` of an image or document. */
static aigw_status put_source(struct anthropic_out *out, const struct aigw_part *part)
{
    aigw_str type = part->media_type, data = part->data;
    bool has_data = data.len > 0 || wire_split_data_url(part->url, &type, &data);
    bool is_text = part->type == AIGW_PART_DOCUMENT && wire_has_prefix(type, "text/");

    wire_puts(out->body, "\"source\":{\"type\":\"");
    if (has_data) {
        if (!wire_is_media_type(type) || !wire_is_base64(data))
            return anthropic_invalid(out, part->type == AIGW_PART_IMAGE
                                              ? "an image needs a media type and base64 data"
                                              : "a document needs a media type and base64 data");
        wire_puts(out->body, is_text ? "text\",\"media_type\":\"text/plain" : "base64\",\"media_type\":\"");
        if (!is_text)
            wire_put(out->body, type);
        wire_puts(out->body, "\",\"data\":");
        out->host->buf_json(out->body->buf, is_text ? wire_from_base64(out->host, out->ctx, data) : data);
    } else if (part->url.len > 0) {
        wire_puts(out->body, "url\",\"url\":");
        out->host->buf_json(out->body->buf, part->url);
    } else if (part->file_id.len > 0) {
        wire_puts(out->body, "file\",\"file_id\":");
        out->host->buf_json(out->body->buf, part->file_id);
    } else {
        return anthropic_invalid(out, "an image or document has neither data nor URL nor file id");
    }
    wire_puts(out->body, "}");
    return AIGW_OK;
}

static aigw_status put_attachment(struct anthropic_out *out, const struct aigw_part *part)
{
    aigw_status status;

    wire_puts(out->body, part->type == AIGW_PART_IMAGE ? "{\"type\":\"image\"," : "{\"type\":\"document\",");
    status = put_source(out, part);
    if (part->type == AIGW_PART_DOCUMENT && part->title.len > 0) {
        wire_puts(out->body, ",\"title\":");
        out->host->buf_json(out->body->buf, part->title);
    }
    return status == AIGW_OK ? close_block(out, part) : status;
}

static aigw_status put_text(struct anthropic_out *out, const struct aigw_part *part, aigw_str text)
{
    wire_puts(out->body, "{\"type\":\"text\",\"text\":");
    out->host->buf_json(out->body->buf, text);
    if (part->citations.len > 0 && anthropic_is_ours(part->origin) && wire_is_json_list(part->citations)) {
        wire_puts(out->body, ",\"citations\":");
        wire_put(out->body, part->citations);
    }
    return close_block(out, part);
}

static aigw_status put_call(struct anthropic_out *out, const struct aigw_part *part)
{
    if (part->scope.len > 0)
        return anthropic_unsupported(out, "namespaces of tools", part->type);
    open_block(out, "assistant", "{\"type\":\"tool_use\",\"id\":");
    out->host->buf_json(out->body->buf, wire_tool_id(out->host, out->ctx, part->id));
    wire_puts(out->body, ",\"name\":");
    out->host->buf_json(out->body->buf, part->name);
    wire_puts(out->body, ",\"input\":");
    if (wire_is_blank(part->text) && !(part->flags & AIGW_PARTF_FREE_TEXT)) {
        wire_puts(out->body, "{}");
    } else if (!(part->flags & AIGW_PARTF_FREE_TEXT) && wire_is_json_object(part->text)) {
        wire_put(out->body, part->text);
    } else { /* plain text, or what a model wrote in place of an object: an object must be */
        wire_puts(out->body, part->flags & AIGW_PARTF_FREE_TEXT ? "{\"input\":" : "{\"_raw\":");
        out->host->buf_json(out->body->buf, part->text);
        wire_puts(out->body, "}");
    }
    return close_block(out, part);
}

/* The parts of a tool's result as a list of blocks. */
static aigw_status put_result_parts(struct anthropic_out *out, const struct aigw_part *parts)
{
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    wire_puts(out->body, ",\"content\":[");
    for (const struct aigw_part *part = parts; part && status == AIGW_OK; part = part->next) {
        if (is_textual(part) && wire_is_blank(part->text))
            continue;
        if (count++ > 0)
            wire_puts(out->body, ",");
        if (is_textual(part))
            status = put_text(out, part, part->text);
        else if (part->type == AIGW_PART_IMAGE || part->type == AIGW_PART_DOCUMENT)
            status = put_attachment(out, part);
        else
            status = anthropic_unsupported(out, "such part of a tool's result", part->type);
    }
    wire_puts(out->body, "]");
    return status;
}

static aigw_status put_result(struct anthropic_out *out, const struct aigw_part *part)
{
    aigw_status status = AIGW_OK;

    open_block(out, "user", "{\"type\":\"tool_result\",\"tool_use_id\":");
    out->host->buf_json(out->body->buf, wire_tool_id(out->host, out->ctx, part->id));
    if (part->parts) {
        status = put_result_parts(out, part->parts);
    } else if (part->text.len > 0) {
        wire_puts(out->body, ",\"content\":");
        out->host->buf_json(out->body->buf, part->text);
    }
    if (part->flags & AIGW_PARTF_ERROR)
        wire_puts(out->body, ",\"is_error\":true");
    return status == AIGW_OK ? close_block(out, part) : status;
}

/* Signed thinking of their own goes home, and only while thinking is on: all else the API refuses. */
static void put_thinking(struct anthropic_out *out, const struct aigw_part *part)
{
    bool is_on = out->thinking == ANTHROPIC_THINK_BUDGET || out->thinking == ANTHROPIC_THINK_ADAPTIVE;

    if (!is_on || part->data.len == 0 || !anthropic_is_ours(part->origin))
        return;
    if (part->type == AIGW_PART_REDACTED) {
        open_block(out, "assistant", "{\"type\":\"redacted_thinking\",\"data\":");
    } else {
        open_block(out, "assistant", "{\"type\":\"thinking\",\"thinking\":");
        out->host->buf_json(out->body->buf, part->text);
        wire_puts(out->body, ",\"signature\":");
    }
    out->host->buf_json(out->body->buf, part->data);
    wire_puts(out->body, "}");
}

/* Text with words around it; blank text is left out: the API refuses it. */
static aigw_status put_text_block(struct anthropic_out *out, const char *role, const struct aigw_part *part,
                                  aigw_str text, const char *before, const char *behind)
{
    struct aigw_buf *joined;

    if (wire_is_blank(text))
        return AIGW_OK;
    if (*before || *behind) {
        joined = out->host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
        if (!joined)
            return AIGW_E_NOMEM;
        out->host->buf_put(joined, before, strlen(before));
        out->host->buf_put(joined, text.ptr, text.len);
        out->host->buf_put(joined, behind, strlen(behind));
        if (out->host->buf_view(joined, &text) != AIGW_OK)
            return AIGW_E_NOMEM;
    }
    open_block(out, role, "");
    return put_text(out, part, text);
}

/* ---- messages ---- */

/* System messages that came later than the first turn stay where they are: put to the top they would mean something
 * else, and break the prompt's cache. The API knows no such role, so they are the user's, and marked. */
static aigw_status put_waiting(struct anthropic_out *out, const struct aigw_message *until)
{
    aigw_status status = AIGW_OK;

    for (const struct aigw_message *msg = out->waiting; msg != until && status == AIGW_OK; msg = msg->next)
        for (const struct aigw_part *part = is_system(msg) ? msg->parts : NULL; part && status == AIGW_OK;
             part = part->next)
            if (is_textual(part))
                status = put_text_block(out, "user", part, part->text, "<system>", "</system>");
    out->waiting = NULL;
    return status;
}

static aigw_status put_part(struct anthropic_out *out, const char *role, const struct aigw_part *part, aigw_str text,
                            bool is_rewritten)
{
    bool is_assistant = strcmp(role, "assistant") == 0;

    switch (part->type) {
    case AIGW_PART_TEXT:
    case AIGW_PART_REFUSAL:
        return put_text_block(out, role, part, text, is_rewritten ? WIRE_PREFILL_PREFIX : "", "");
    case AIGW_PART_IMAGE:
    case AIGW_PART_DOCUMENT:
        if (is_assistant)
            return anthropic_unsupported(out, "such part in an assistant message", part->type);
        open_block(out, role, "");
        return put_attachment(out, part);
    case AIGW_PART_TOOL_CALL:
        return put_call(out, part);
    case AIGW_PART_REASONING:
    case AIGW_PART_REDACTED:
        if (is_assistant)
            put_thinking(out, part);
        return AIGW_OK;
    case AIGW_PART_OPAQUE:
        if (!wire_is(part->origin, ANTHROPIC_DIALECT) || !wire_is_json_object(part->text))
            return anthropic_unsupported(out, "item of another vendor", part->type);
        open_block(out, role, "");
        wire_put(out->body, part->text);
        return AIGW_OK;
    case AIGW_PART_TOOL_RESULT: /* stand before these */
    case AIGW_PART_TOOLS:       /* request_write.c lists them */
        return AIGW_OK;
    default:
        return anthropic_unsupported(out, "part of this type", part->type);
    }
}

/* Results come first in their turn, those of the messages that follow with more of them included. */
static aigw_status put_results(struct anthropic_out *out, const struct aigw_message *msg)
{
    aigw_status status = AIGW_OK;

    if (out->results_ahead > 0) {
        out->results_ahead--;
        return AIGW_OK;
    }
    for (const struct aigw_message *at = msg; at && status == AIGW_OK && (is_system(at) || has_results(at));
         at = at->next) {
        for (const struct aigw_part *part = at->parts; part && status == AIGW_OK; part = part->next)
            if (part->type == AIGW_PART_TOOL_RESULT)
                status = put_result(out, part);
        out->results_ahead += at != msg && !is_system(at);
    }
    return status;
}

static aigw_status put_message(struct anthropic_out *out, const struct aigw_message *msg)
{
    bool is_assistant = msg->role == AIGW_ROLE_ASSISTANT, is_last = !msg->next;
    bool is_rewritten = is_last && is_assistant && out->quirks->refuses_prefill;
    aigw_status status = put_results(out, msg);

    if (status == AIGW_OK && out->waiting)
        status = put_waiting(out, msg);
    for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
        bool is_tail = is_last && is_assistant && !part->next;

        status = put_part(out, is_assistant && !is_rewritten ? "assistant" : "user", part,
                          is_tail ? wire_trim_end(part->text) : part->text, is_rewritten);
    }
    return status;
}

/* The instructions before the first turn. */
static aigw_status put_system(struct anthropic_out *out, const struct aigw_model_request *req, const char *note)
{
    const struct aigw_part last = { .struct_size = sizeof last, .type = AIGW_PART_TEXT };
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    for (const struct aigw_message *msg = req->messages; msg && is_system(msg); msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
            if (!is_textual(part) && part->type != AIGW_PART_TOOLS)
                return anthropic_unsupported(out, "such part of a system message", part->type);
            if (!is_textual(part) || wire_is_blank(part->text))
                continue;
            if (count == 0)
                wire_key(out->body, "system");
            wire_puts(out->body, count++ > 0 ? "," : "[");
            status = put_text(out, part, part->text);
        }
    if (note && status == AIGW_OK) {
        if (count == 0)
            wire_key(out->body, "system");
        wire_puts(out->body, count++ > 0 ? "," : "[");
        status = put_text(out, &last, wire_str(note));
    }
    if (count > 0)
        wire_puts(out->body, "]");
    return status;
}

aigw_status anthropic_turns(struct anthropic_out *out, const struct aigw_model_request *req, const char *note)
{
    aigw_status status = put_system(out, req, note);
    bool is_leading = true;

    wire_key(out->body, "messages");
    wire_puts(out->body, "[");
    for (const struct aigw_message *msg = req->messages; msg && status == AIGW_OK; msg = msg->next) {
        if (msg->role < AIGW_ROLE_SYSTEM || msg->role > AIGW_ROLE_DEVELOPER)
            return anthropic_unsupported(out, "such role of a message", msg->role);
        if (msg->extra.len > 0)
            return anthropic_unsupported(out, "extra members of a message", msg->role);
        if (msg->name.len > 0)
            wire_drop(out->host, out->ctx, out->drops, AIGW_STR("name"));
        if (msg->effort.len > 0)
            wire_drop(out->host, out->ctx, out->drops, AIGW_STR("effort"));
        is_leading = is_leading && is_system(msg);
        if (!is_system(msg))
            status = put_message(out, msg);
        else if (!is_leading && !out->waiting)
            out->waiting = msg;
    }
    if (status == AIGW_OK && out->waiting)
        status = put_waiting(out, NULL);
    close_turn(out);
    if (out->turn_count == 0) /* instructions only: the API wants a user turn all the same */
        wire_puts(out->body, "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\".\"}]}");
    wire_puts(out->body, "]");
    return status;
}
