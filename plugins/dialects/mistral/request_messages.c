/* request_messages.c - canonical messages → "messages".
 *
 * The API's rules: instructions come first; user and assistant take turns; results of tools follow the calls at once,
 * and after them speaks the assistant; content is a text or a list of chunks. So what comes in is taken in runs: the
 * instructions, then by turns all that is not the assistant's and all that is. Of the former the results go out first,
 * and what else it says behind a word of the assistant's.
 */
#include "mistral.h"

#include <string.h>

#define BRIDGE "{\"role\":\"assistant\",\"content\":\" \"}" /* between results and what the user says then */

enum run { RUN_SYSTEM, RUN_USER, RUN_ASSISTANT };

/* What a run says as content, in order. Walked twice: the chunks are counted before they are written. */
struct chunks {
    enum run run;
    bool is_writing;
    uint32_t count;
    const struct aigw_part *last;
    const struct aigw_message *last_msg;
};

static bool is_attachment(const struct aigw_part *part)
{
    return part->type == AIGW_PART_IMAGE || part->type == AIGW_PART_DOCUMENT || part->type == AIGW_PART_AUDIO;
}

static uint32_t count_parts(const struct aigw_message *msg, const struct aigw_message *end, uint32_t type)
{
    uint32_t count = 0;

    for (; msg != end; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            count += part->type == type;
    return count;
}

/* ---- chunks ---- */

static void put_json(struct mistral_out *out, const char *before, aigw_str text)
{
    wire_puts(out->body, before);
    out->host->buf_json(out->body->buf, text);
}

static aigw_status put_data_url(struct mistral_out *out, const char *before, aigw_str type, aigw_str data)
{
    if (!wire_is_media_type(type) || !wire_is_base64(data))
        return mistral_invalid(out, "an image or document needs a media type and base64 data");
    wire_puts(out->body, before);
    wire_puts(out->body, "\"data:");
    wire_put(out->body, type);
    wire_puts(out->body, ";base64,");
    wire_put(out->body, data);
    wire_puts(out->body, "\"");
    return AIGW_OK;
}

static aigw_status put_file(struct mistral_out *out, const struct aigw_part *part)
{
    if (part->file_id.len == 0)
        return mistral_invalid(out, "an image or document has neither data nor URL nor file id");
    put_json(out, "{\"type\":\"file\",\"file_id\":", part->file_id);
    return wire_check_file(out->host, out->ctx, part, "mistral");
}

static aigw_status put_image(struct mistral_out *out, const struct aigw_part *part)
{
    bool has_detail = part->detail.len > 0;
    const char *before =
        has_detail ? "{\"type\":\"image_url\",\"image_url\":{\"url\":" : "{\"type\":\"image_url\",\"image_url\":";
    aigw_status status = AIGW_OK;

    if (part->data.len > 0)
        status = put_data_url(out, before, part->media_type, part->data);
    else if (part->url.len > 0)
        put_json(out, before, part->url);
    else
        return put_file(out, part);
    if (has_detail) {
        put_json(out, ",\"detail\":", part->detail);
        wire_puts(out->body, "}");
    }
    return status;
}

/* Two texts as one. Absent without memory. */
static aigw_str join(struct mistral_out *out, aigw_str a, aigw_str b)
{
    const char *text = wire_join(out->host, out->ctx, a, b);

    return text ? (aigw_str){ text, a.len + b.len } : AIGW_STR_NONE;
}

/* The API reads PDF and the like; plain text is shown as text, below its title. */
static aigw_status put_text_document(struct mistral_out *out, const struct aigw_part *part, aigw_str data)
{
    aigw_str text = AIGW_STR_NONE;

    if (!wire_is_base64(data))
        return mistral_invalid(out, "an image or document needs a media type and base64 data");
    text = wire_from_base64(out->host, out->ctx, data);
    if (text.ptr && part->title.len > 0)
        text = join(out, join(out, part->title, AIGW_STR("\n")), text);
    if (!text.ptr)
        return AIGW_E_NOMEM;
    put_json(out, "{\"type\":\"text\",\"text\":", text);
    return AIGW_OK;
}

static aigw_status put_document(struct mistral_out *out, const struct aigw_part *part)
{
    static const char before[] = "{\"type\":\"document_url\",\"document_url\":";
    aigw_str type = part->media_type, data = part->data;
    bool has_data = data.len > 0 || wire_split_data_url(part->url, &type, &data);
    aigw_status status = AIGW_OK;

    if (has_data && wire_has_prefix(type, "text/"))
        return put_text_document(out, part, data);
    if (has_data)
        status = put_data_url(out, before, type, data);
    else if (part->url.len > 0)
        put_json(out, before, part->url);
    else
        return put_file(out, part);
    if (part->title.len > 0)
        put_json(out, ",\"document_name\":", part->title);
    return status;
}

static aigw_status put_audio(struct mistral_out *out, const struct aigw_part *part)
{
    if (part->data.len > 0 && !wire_is_base64(part->data))
        return mistral_invalid(out, "audio needs base64 data");
    if (part->data.len == 0 && part->url.len == 0)
        return mistral_no_part(out, "audio by file id", part->type);
    put_json(out, "{\"type\":\"input_audio\",\"input_audio\":", part->data.len > 0 ? part->data : part->url);
    return AIGW_OK;
}

/* The model's own thoughts go home. Those that nobody signed are sent where the operator or the model's name says so.
 */
static bool goes_home(const struct mistral_out *out, const struct aigw_part *part)
{
    if (part->type != AIGW_PART_REASONING || part->text.len == 0)
        return false;
    return wire_is(part->origin, MISTRAL_DIALECT) ||
           (part->origin.len == 0 && part->data.len == 0 && out->quirks->send_reasoning);
}

static void put_thinking(struct mistral_out *out, const struct aigw_part *part)
{
    put_json(out, "{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":", part->text);
    wire_puts(out->body, "}]");
    if (part->data.len > 0)
        put_json(out, ",\"signature\":", part->data);
}

/* The text of a part; instructions that came later than the first turn stay where they are: put to the top they would
 * mean something else. The API wants them nowhere else, so they are the user's, and marked. */
static aigw_status text_of(struct mistral_out *out, const struct chunks *chunks, const struct aigw_message *msg,
                           const struct aigw_part *part, aigw_str *ret_text)
{
    *ret_text = part->text;
    if (chunks->run != RUN_USER || !wire_is_system(msg))
        return AIGW_OK;
    *ret_text = join(out, join(out, AIGW_STR("<system>"), part->text), AIGW_STR("</system>"));
    return ret_text->ptr ? AIGW_OK : AIGW_E_NOMEM;
}

static bool takes_item(struct mistral_out *out, const struct aigw_part *part)
{
    return wire_takes_item(out->host, out->ctx, out->drops, part, mistral_is_ours(part->origin));
}

static aigw_status put_chunk(struct mistral_out *out, const struct chunks *chunks, const struct aigw_message *msg,
                             const struct aigw_part *part)
{
    aigw_str text;
    aigw_status status;

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
    case AIGW_PART_REASONING:
        put_thinking(out, part);
        status = AIGW_OK;
        break;
    case AIGW_PART_OPAQUE:
        wire_put(out->body, part->text);
        return AIGW_OK;
    default:
        status = text_of(out, chunks, msg, part, &text);
        if (status == AIGW_OK)
            put_json(out, "{\"type\":\"text\",\"text\":", text);
        break;
    }
    if (status == AIGW_OK)
        status = mistral_splice(out, part->extra);
    wire_puts(out->body, "}");
    return status;
}

static aigw_status take_part(struct mistral_out *out, struct chunks *chunks, const struct aigw_message *msg,
                             const struct aigw_part *part)
{
    bool is_chunk = wire_is_textual(part)
                        ? part->text.len > 0
                        : is_attachment(part) || (part->type == AIGW_PART_OPAQUE && takes_item(out, part)) ||
                              (chunks->run == RUN_ASSISTANT && goes_home(out, part));

    if (!is_chunk)
        return AIGW_OK;
    chunks->count++;
    chunks->last = part;
    chunks->last_msg = msg;
    if (!chunks->is_writing)
        return AIGW_OK;
    if (chunks->count > 1)
        wire_puts(out->body, ",");
    return put_chunk(out, chunks, msg, part);
}

/* Results hold text; pictures and documents in them are shown with what the user says behind them. */
static aigw_status walk(struct mistral_out *out, struct chunks *chunks, const struct aigw_message *msg,
                        const struct aigw_message *end)
{
    aigw_status status = AIGW_OK;

    chunks->count = 0;
    for (; msg != end; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
            if (part->type != AIGW_PART_TOOL_RESULT) {
                status = take_part(out, chunks, msg, part);
                continue;
            }
            for (const struct aigw_part *inner = part->parts; inner && status == AIGW_OK; inner = inner->next)
                if (is_attachment(inner))
                    status = take_part(out, chunks, msg, inner);
        }
    return status;
}

/* ---- messages ---- */

static void open_message(struct mistral_out *out, const char *role)
{
    wire_puts(out->body, out->message_count++ > 0 ? ",{\"role\":\"" : "{\"role\":\"");
    wire_puts(out->body, role);
    wire_puts(out->body, "\"");
}

/* One text is a string, as the oldest models take it; all else is a list. */
static aigw_status put_content(struct mistral_out *out, struct chunks *chunks, const struct aigw_message *msg,
                               const struct aigw_message *end)
{
    aigw_str text = AIGW_STR("");
    aigw_status status = AIGW_OK;

    if (chunks->count == 0 || (chunks->count == 1 && wire_is_textual(chunks->last) && chunks->last->extra.len == 0)) {
        if (chunks->count > 0)
            status = text_of(out, chunks, chunks->last_msg, chunks->last, &text);
        put_json(out, ",\"content\":", text);
        return status;
    }
    wire_puts(out->body, ",\"content\":[");
    chunks->is_writing = true;
    status = walk(out, chunks, msg, end);
    wire_puts(out->body, "]");
    return status;
}

static aigw_status close_message(struct mistral_out *out, const struct aigw_message *msg,
                                 const struct aigw_message *end)
{
    aigw_status status = AIGW_OK;

    for (; msg != end && status == AIGW_OK; msg = msg->next)
        status = mistral_splice(out, msg->extra);
    wire_puts(out->body, "}");
    return status;
}

static aigw_status put_calls(struct mistral_out *out, const struct aigw_message *msg, const struct aigw_message *end)
{
    aigw_status status = AIGW_OK;
    uint32_t count = 0;
    aigw_str sent;

    wire_puts(out->body, ",\"tool_calls\":[");
    for (; msg != end; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
            if (part->type != AIGW_PART_TOOL_CALL)
                continue;
            status =
                mistral_name_tool(out, part->flags & AIGW_PARTF_FREE_TEXT ? AIGW_TOOL_FREE_TEXT : AIGW_TOOL_FUNCTION,
                                  part->scope, part->name, &sent);
            if (status != AIGW_OK)
                return status;
            put_json(out, count++ > 0 ? ",{\"id\":" : "{\"id\":", mistral_tool_id(out, part->id));
            put_json(out, ",\"type\":\"function\",\"function\":{\"name\":", sent);
            status = mistral_put_arguments(out, part);
            wire_puts(out->body, "}");
            if (status == AIGW_OK)
                status = mistral_splice(out, part->extra);
            wire_puts(out->body, "}");
        }
    wire_puts(out->body, "]");
    return status;
}

static aigw_status put_assistant(struct mistral_out *out, const struct aigw_message *msg,
                                 const struct aigw_message *end)
{
    struct chunks chunks = { .run = RUN_ASSISTANT };
    uint32_t calls = count_parts(msg, end, AIGW_PART_TOOL_CALL);
    aigw_status status = walk(out, &chunks, msg, end);

    if (status != AIGW_OK || chunks.count + calls == 0)
        return status;
    open_message(out, "assistant");
    status = put_content(out, &chunks, msg, end);
    if (status == AIGW_OK && calls > 0)
        status = put_calls(out, msg, end);
    if (!end && calls == 0) /* words put into the assistant's mouth: to be continued */
        wire_puts(out->body, ",\"prefix\":true");
    return status == AIGW_OK ? close_message(out, msg, end) : status;
}

/* The texts of a result, a line each. */
static aigw_status put_result_text(struct mistral_out *out, const struct aigw_part *result)
{
    const struct aigw_part whole = { .struct_size = sizeof whole, .type = AIGW_PART_TEXT, .text = result->text };
    struct aigw_buf *joined = out->host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    bool has_text = false, has_attachment = false;
    aigw_str text;

    if (!joined)
        return AIGW_E_NOMEM;
    if (result->flags & AIGW_PARTF_ERROR)
        out->host->buf_put(joined, "Error: ", 7);
    for (const struct aigw_part *part = result->parts ? result->parts : &whole; part; part = part->next) {
        if (part->type == AIGW_PART_OPAQUE) {
            (void)wire_takes_item(out->host, out->ctx, out->drops, part, false);
            continue;
        }
        has_attachment |= is_attachment(part);
        if (!wire_is_textual(part) && !is_attachment(part))
            return mistral_no_part(out, "such part of a tool's result", part->type);
        if (!wire_is_textual(part) || part->text.len == 0)
            continue;
        if (wire_drop_members(out->host, out->ctx, out->drops, part->extra) != AIGW_OK)
            return mistral_invalid(out, "a part's extra members are not a JSON object");
        if (has_text)
            out->host->buf_put(joined, "\n", 1);
        out->host->buf_put(joined, part->text.ptr, part->text.len);
        has_text = true;
    }
    if (!has_text && has_attachment)
        out->host->buf_printf(joined, "The result is attached below.");
    if (out->host->buf_view(joined, &text) != AIGW_OK)
        return AIGW_E_NOMEM;
    put_json(out, ",\"content\":", text);
    return AIGW_OK;
}

static aigw_status put_result(struct mistral_out *out, const struct aigw_part *part)
{
    aigw_status status;

    open_message(out, "tool");
    put_json(out, ",\"tool_call_id\":", mistral_tool_id(out, part->id));
    if (part->name.len > 0 && names_find(out->quirks->names, part->name)) /* else its call went by another name */
        put_json(out, ",\"name\":", part->name);
    status = put_result_text(out, part);
    if (status == AIGW_OK)
        status = mistral_splice(out, part->extra);
    wire_puts(out->body, "}");
    return status;
}

static aigw_status put_user(struct mistral_out *out, const struct aigw_message *msg, const struct aigw_message *end)
{
    struct chunks chunks = { .run = RUN_USER };
    uint32_t results = count_parts(msg, end, AIGW_PART_TOOL_RESULT);
    aigw_status status = walk(out, &chunks, msg, end);

    for (const struct aigw_message *at = msg; at != end; at = at->next)
        for (const struct aigw_part *part = at->parts; part && status == AIGW_OK; part = part->next)
            if (part->type == AIGW_PART_TOOL_RESULT)
                status = put_result(out, part);
    if (status != AIGW_OK || chunks.count == 0)
        return status;
    if (results > 0) {
        wire_puts(out->body, "," BRIDGE);
        out->message_count++;
    }
    open_message(out, "user");
    status = put_content(out, &chunks, msg, end);
    return status == AIGW_OK ? close_message(out, msg, end) : status;
}

static aigw_status put_system(struct mistral_out *out, const struct aigw_message *msg, const struct aigw_message *end)
{
    struct chunks chunks = { .run = RUN_SYSTEM };
    aigw_status status = walk(out, &chunks, msg, end);

    if (status != AIGW_OK || chunks.count == 0)
        return status;
    open_message(out, "system");
    status = put_content(out, &chunks, msg, end);
    return status == AIGW_OK ? close_message(out, msg, end) : status;
}

/* ---- the whole ---- */

static aigw_status check_part(struct mistral_out *out, const struct aigw_message *msg, const struct aigw_part *part)
{
    bool is_users = msg->role == AIGW_ROLE_USER || msg->role == AIGW_ROLE_TOOL;

    switch (part->type) {
    case AIGW_PART_TEXT:
    case AIGW_PART_REFUSAL:
    case AIGW_PART_REASONING:
    case AIGW_PART_REDACTED:
    case AIGW_PART_TOOLS: /* request_write.c lists them */
        return AIGW_OK;
    case AIGW_PART_TOOL_CALL:
        return msg->role == AIGW_ROLE_ASSISTANT
                   ? AIGW_OK
                   : mistral_invalid(out, "a tool call stands outside of an assistant message");
    case AIGW_PART_TOOL_RESULT:
        return is_users ? AIGW_OK : mistral_invalid(out, "a tool's result stands in a message of another role");
    case AIGW_PART_OPAQUE:
        return AIGW_OK;
    default:
        if (!is_attachment(part))
            return mistral_no_part(out, "part of this type", part->type);
        return is_users ? AIGW_OK : mistral_no_part(out, "such part in a message of this role", part->type);
    }
}

static aigw_status check_message(struct mistral_out *out, const struct aigw_message *msg)
{
    aigw_status status = AIGW_OK;

    if (msg->role < AIGW_ROLE_SYSTEM || msg->role > AIGW_ROLE_DEVELOPER)
        return mistral_unsupported(out, "such role of a message", msg->role);
    if (msg->effort.len > 0)
        mistral_drop(out, "effort");
    for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next)
        status = check_part(out, msg, part);
    return status;
}

aigw_status mistral_messages(struct mistral_out *out, const struct aigw_model_request *req)
{
    const struct aigw_message *msg = req->messages, *end;
    aigw_status status = AIGW_OK;
    uint32_t instructions = 0;

    wire_key(out->body, "messages");
    wire_puts(out->body, "[");
    for (const struct aigw_message *at = msg; at && status == AIGW_OK; at = at->next)
        status = check_message(out, at);
    for (end = msg; end && wire_is_system(end); end = end->next)
        ;
    if (status == AIGW_OK)
        status = put_system(out, msg, end);
    instructions = out->message_count;
    for (msg = end; msg && status == AIGW_OK; msg = end) {
        bool is_assistant = msg->role == AIGW_ROLE_ASSISTANT;

        for (end = msg; end && (end->role == AIGW_ROLE_ASSISTANT) == is_assistant; end = end->next)
            ;
        status = is_assistant ? put_assistant(out, msg, end) : put_user(out, msg, end);
    }
    if (out->message_count == instructions) { /* somebody must have asked */
        open_message(out, "user");
        wire_puts(out->body, ",\"content\":\".\"}");
    }
    wire_puts(out->body, "]");
    return status;
}
