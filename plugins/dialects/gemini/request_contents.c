/* request_contents.c - canonical messages → "systemInstruction" and "contents".
 *
 * Their rules: instructions stand apart, turns begin with the user, results stand in the turn after the calls, in the
 * calls' order: without ids nothing else tells which is whose. From the third generation on the first call of a turn
 * carries a signature. */
#include "../common/turns.h"
#include "gemini.h"

#include <string.h>

/* Documented for calls that another model made: nothing checks it. */
#define NO_SIGNATURE "skip_thought_signature_validator"

static bool is_ours(aigw_str origin)
{
    return wire_is(origin, GEMINI_DIALECT);
}

static uint32_t count_parts(const struct aigw_message *msg, uint32_t type)
{
    uint32_t count = 0;

    for (const struct aigw_part *part = msg->parts; part; part = part->next)
        count += part->type == type;
    return count;
}

/* ---- turns and parts ---- */

static void close_turn(struct gemini_out *out)
{
    if (out->role)
        wire_puts(out->body, "]}");
    out->role = NULL;
}

/* Begin a part in a turn of `role`, opening one when another's is open. */
static void open_part(struct gemini_out *out, const char *role, const char *begin)
{
    if (!out->role || strcmp(out->role, role) != 0) {
        close_turn(out);
        if (out->turn_count++ > 0)
            wire_puts(out->body, ",");
        else if (strcmp(role, "user") != 0) /* the first turn must be the user's */
            wire_puts(out->body, "{\"role\":\"user\",\"parts\":[{\"text\":\".\"}]},");
        wire_puts(out->body, "{\"role\":\"");
        wire_puts(out->body, role);
        wire_puts(out->body, "\",\"parts\":[");
        out->role = role;
        out->part_count = 0;
        out->has_call = false;
    }
    if (out->part_count++ > 0)
        wire_puts(out->body, ",");
    wire_puts(out->body, begin);
}

static void put_string(struct gemini_out *out, const char *before, aigw_str text)
{
    wire_puts(out->body, before);
    out->host->buf_json(out->body->buf, text);
}

static aigw_status close_part(struct gemini_out *out, const struct aigw_part *part)
{
    if ((out->is_foreign ? wire_drop_members(out->host, out->ctx, out->drops, part->extra)
                         : wire_splice(out->body, part->extra)) != AIGW_OK)
        return gemini_invalid(out, "a part's extra members are not a JSON object");
    wire_puts(out->body, "}");
    return AIGW_OK;
}

/* ---- media ---- */

aigw_str gemini_type_by_name(aigw_str url)
{
    static const struct {
        const char *end, *type;
    } rows[] = {
        { ".png", "image/png" },    { ".jpg", "image/jpeg" },      { ".jpeg", "image/jpeg" },
        { ".webp", "image/webp" },  { ".gif", "image/gif" },       { ".heic", "image/heic" },
        { ".heif", "image/heif" },  { ".pdf", "application/pdf" }, { ".txt", "text/plain" },
        { ".mp4", "video/mp4" },    { ".mov", "video/quicktime" }, { ".webm", "video/webm" },
        { ".mpeg", "video/mpeg" },  { ".mp3", "audio/mpeg" },      { ".wav", "audio/wav" },
        { ".flac", "audio/flac" },  { ".ogg", "audio/ogg" },       { ".html", "text/html" },
        { ".md", "text/markdown" }, { ".csv", "text/csv" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (wire_has_suffix(url, rows[i].end))
            return wire_str(rows[i].type);
    return AIGW_STR_NONE;
}

bool gemini_is_upload(aigw_str url)
{
    return wire_has_prefix(url, "gs://") || wire_has_prefix(url, "https://generativelanguage.googleapis.com/");
}

bool gemini_is_video_site(aigw_str url)
{
    static const char *const sites[] = { "https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/" };

    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
        if (wire_has_prefix(url, sites[i]))
            return true;
    return false;
}

/* Files that Google holds; of videos those of its site, too. Other addresses it does not fetch. */
static bool is_google_file(const struct aigw_part *part)
{
    return gemini_is_upload(part->url) || wire_has_prefix(part->url, "https://storage.googleapis.com/") ||
           (part->type == AIGW_PART_VIDEO && gemini_is_video_site(part->url));
}

/* `"inlineData":{…}` or `"fileData":{…}`. */
static aigw_status put_media(struct gemini_out *out, const struct aigw_part *part)
{
    aigw_str type = part->media_type, data = part->data;
    bool has_data = data.len > 0 || wire_split_data_url(part->url, &type, &data);
    aigw_status status = wire_check_file(out->host, out->ctx, part, GEMINI_DIALECT);

    if (status != AIGW_OK)
        return status;
    if (has_data) {
        if (!wire_is_media_type(type) || !wire_is_base64(data))
            return gemini_invalid(out, "an image, document, sound or video needs a media type and base64 data");
        put_string(out, "\"inlineData\":{\"mimeType\":", type);
        put_string(out, ",\"data\":", data);
        if (part->title.len > 0 && out->quirks->is_vertex)
            put_string(out, ",\"displayName\":", part->title);
    } else if (part->file_id.len > 0 || is_google_file(part)) {
        aigw_str uri = part->file_id.len > 0 ? part->file_id : part->url;

        if (type.len == 0)
            type = gemini_type_by_name(uri);
        wire_puts(out->body, "\"fileData\":{");
        if (type.len > 0)
            put_string(out, "\"mimeType\":", type);
        put_string(out, type.len > 0 ? ",\"fileUri\":" : "\"fileUri\":", uri);
        if (part->title.len > 0 && out->quirks->is_vertex)
            put_string(out, ",\"displayName\":", part->title);
    } else if (part->url.len > 0) {
        return out->host->fail(out->ctx, AIGW_E_UNSUPPORTED,
                               "%s: %s URLs are not accepted by this model, send base64, or an upload of Google's",
                               wire_part_word(part->type), wire_part_word(part->type));
    } else {
        return gemini_invalid(out, "an image, document, sound or video has neither data nor URL nor file id");
    }
    if (part->title.len > 0 && !out->quirks->is_vertex)
        gemini_drop(out, "title");
    wire_puts(out->body, "}");
    return AIGW_OK;
}

static aigw_status put_attachment(struct gemini_out *out, const char *role, const struct aigw_part *part)
{
    aigw_status status;

    open_part(out, role, "{");
    status = put_media(out, part);
    return status == AIGW_OK ? close_part(out, part) : status;
}

/* ---- text, reasoning, calls ---- */

static aigw_status put_text(struct gemini_out *out, const char *role, const struct aigw_part *part, bool is_late_system)
{
    static const char begin[] = "<system>", end[] = "</system>";
    aigw_str text = part->text;
    struct aigw_buf *joined;

    if (text.len == 0 && part->data.len == 0)
        return AIGW_OK;
    if (is_late_system) {
        joined = out->host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
        if (!joined)
            return AIGW_E_NOMEM;
        out->host->buf_put(joined, begin, sizeof begin - 1);
        out->host->buf_put(joined, text.ptr, text.len);
        out->host->buf_put(joined, end, sizeof end - 1);
        if (out->host->buf_view(joined, &text) != AIGW_OK)
            return AIGW_E_NOMEM;
    }
    open_part(out, role, "{\"text\":");
    out->host->buf_json(out->body->buf, text);
    if (part->data.len > 0 && is_ours(part->origin))
        put_string(out, ",\"thoughtSignature\":", part->data);
    return close_part(out, part);
}

/* Their own signed thoughts go home, in their place; all else stays here. */
static aigw_status put_thought(struct gemini_out *out, const struct aigw_part *part)
{
    if (part->type != AIGW_PART_REASONING || part->data.len == 0 || !is_ours(part->origin))
        return AIGW_OK;
    open_part(out, "model", "{\"text\":");
    out->host->buf_json(out->body->buf, part->text);
    put_string(out, ",\"thought\":true,\"thoughtSignature\":", part->data);
    return close_part(out, part);
}

static aigw_status put_call(struct gemini_out *out, const struct aigw_part *part)
{
    bool is_free = part->flags & AIGW_PARTF_FREE_TEXT, is_signed = part->data.len > 0 && is_ours(part->origin);

    aigw_str sent;
    aigw_status status =
        gemini_name_tool(out, is_free ? AIGW_TOOL_FREE_TEXT : AIGW_TOOL_FUNCTION, part->scope, part->name, &sent);

    if (status != AIGW_OK)
        return status;
    open_part(out, "model", "{\"functionCall\":{");
    put_string(out, "\"name\":", sent);
    if (part->id.len > 0 && !out->quirks->is_vertex)
        put_string(out, ",\"id\":", part->id);
    wire_puts(out->body, ",\"args\":");
    if (wire_is_blank(part->text) && !is_free) {
        wire_puts(out->body, "{}");
    } else if (!is_free && wire_is_json_object(part->text)) {
        wire_put(out->body, part->text);
    } else { /* plain text, or what a model wrote in place of an object: an object must be */
        put_string(out, is_free ? "{\"input\":" : "{\"_raw\":", part->text);
        wire_puts(out->body, "}");
    }
    wire_puts(out->body, "}");
    if (is_signed)
        put_string(out, ",\"thoughtSignature\":", part->data);
    else if (!out->has_call && out->model.major >= 3)
        wire_puts(out->body, ",\"thoughtSignature\":\"" NO_SIGNATURE "\"");
    out->has_call = true;
    return close_part(out, part);
}

/* ---- results ---- */

/* The call of a result; NULL when there is none. */
static const struct aigw_part *call_of(const struct gemini_out *out, aigw_str id)
{
    for (uint32_t i = out->call_count; i > 0; i--)
        if (wire_same(out->calls[i - 1]->id, id))
            return out->calls[i - 1];
    return NULL;
}

/* What the tool said, as an object. */
static aigw_status put_response(struct gemini_out *out, const struct aigw_part *part)
{
    struct aigw_buf *joined;
    aigw_str text = part->text;
    bool has_text = false;

    if (part->parts) {
        joined = out->host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
        if (!joined)
            return AIGW_E_NOMEM;
        for (const struct aigw_part *piece = part->parts; piece; piece = piece->next)
            if (wire_is_textual(piece)) {
                out->host->buf_put(joined, "\n", has_text);
                out->host->buf_put(joined, piece->text.ptr, piece->text.len);
                has_text = true;
            }
        if (out->host->buf_view(joined, &text) != AIGW_OK)
            return AIGW_E_NOMEM;
    }
    wire_puts(out->body, ",\"response\":");
    if (!(part->flags & AIGW_PARTF_ERROR) && wire_is_json_object(text)) {
        wire_put(out->body, text);
        return AIGW_OK;
    }
    put_string(out, part->flags & AIGW_PARTF_ERROR ? "{\"error\":" : "{\"output\":", text);
    wire_puts(out->body, "}");
    return AIGW_OK;
}

/* Images and files of a result: inside it from the third generation on, else behind all results of the turn. */
static aigw_status put_result_media(struct gemini_out *out, const struct aigw_part *parts, bool is_inside)
{
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    for (const struct aigw_part *part = parts; part && status == AIGW_OK; part = part->next) {
        if (wire_is_textual(part) && wire_drop_members(out->host, out->ctx, out->drops, part->extra) != AIGW_OK)
            return gemini_invalid(out, "a part's extra members are not a JSON object");
        if (wire_is_textual(part) ||
            (part->type == AIGW_PART_OPAQUE && !wire_takes_item(out->host, out->ctx, out->drops, part, false)))
            continue;
        if (part->type < AIGW_PART_IMAGE || part->type > AIGW_PART_VIDEO ||
            (part->type > AIGW_PART_IMAGE && part->type < AIGW_PART_DOCUMENT))
            return gemini_no_part(out, "such part of a tool's result", part->type);
        if (!is_inside) {
            status = put_attachment(out, "user", part);
            continue;
        }
        wire_puts(out->body, count++ > 0 ? ",{" : ",\"parts\":[{");
        status = put_media(out, part);
        if (status == AIGW_OK)
            status = close_part(out, part);
    }
    wire_puts(out->body, count > 0 ? "]" : "");
    return status;
}

static aigw_status put_result(struct gemini_out *out, const struct aigw_part *part)
{
    const struct aigw_part *call = call_of(out, part->id), *named = call ? call : part;
    aigw_str sent;
    aigw_status status;

    if (named->name.len == 0)
        return gemini_invalid(out, "a tool's result belongs to no call before it");
    status = gemini_name_tool(out, AIGW_TOOL_FUNCTION, named->scope, named->name, &sent);
    if (status != AIGW_OK)
        return status;
    open_part(out, "user", "{\"functionResponse\":{");
    put_string(out, "\"name\":", sent);
    if (part->id.len > 0 && !out->quirks->is_vertex)
        put_string(out, ",\"id\":", part->id);
    status = put_response(out, part);
    if (status == AIGW_OK && out->model.major >= 3)
        status = put_result_media(out, part->parts, true);
    wire_puts(out->body, "}");
    return status == AIGW_OK ? close_part(out, part) : status;
}

/** The results of a row of messages. */
struct result_list {
    const struct aigw_part **parts;
    uint32_t count;
};

static aigw_status list_results(struct gemini_out *out, const struct aigw_message *group, struct result_list *ret_list)
{
    uint32_t count = 0;

    for (const struct aigw_message *msg = group; turns_goes_on(msg); msg = msg->next)
        count += count_parts(msg, AIGW_PART_TOOL_RESULT);
    if (count > GEMINI_CALLS_MAX)
        return gemini_unsupported(out, "so many results of tools", count);
    *ret_list = (struct result_list){ out->host->alloc(out->ctx, AIGW_LIFE_BUILD, count * sizeof *ret_list->parts), 0 };
    if (!ret_list->parts)
        return AIGW_E_NOMEM;
    for (const struct aigw_message *msg = group; turns_goes_on(msg); msg = msg->next) {
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            if (part->type == AIGW_PART_TOOL_RESULT)
                ret_list->parts[ret_list->count++] = part;
    }
    return AIGW_OK;
}

static const struct aigw_part *find_result(const struct result_list *results, aigw_str id)
{
    for (uint32_t i = 0; id.len > 0 && i < results->count; i++)
        if (wire_same(results->parts[i]->id, id))
            return results->parts[i];
    return NULL;
}

/* Of the last turn. */
static const struct aigw_part *find_call(const struct gemini_out *out, aigw_str id)
{
    for (uint32_t i = out->run_first; id.len > 0 && i < out->run_end; i++)
        if (wire_same(out->calls[i]->id, id))
            return out->calls[i];
    return NULL;
}

/* All results of a row of messages, in one turn: those whose calls are known in the calls' order, then the others. */
static aigw_status put_results(void *self, const struct aigw_message *group)
{
    struct gemini_out *out = self;
    struct result_list results = { NULL, 0 };
    aigw_status status = list_results(out, group, &results);

    for (uint32_t i = out->run_first; status == AIGW_OK && i < out->run_end; i++) {
        const struct aigw_part *result = find_result(&results, out->calls[i]->id);

        if (result && find_call(out, result->id) == out->calls[i])
            status = put_result(out, result);
    }
    for (uint32_t i = 0; status == AIGW_OK && i < results.count; i++) {
        const struct aigw_part *part = results.parts[i];

        if (!(find_call(out, part->id) && find_result(&results, part->id) == part))
            status = put_result(out, part);
    }
    for (uint32_t i = 0; status == AIGW_OK && out->model.major < 3 && i < results.count; i++)
        status = put_result_media(out, results.parts[i]->parts, false);
    return status;
}

/* ---- messages ---- */

/* Parts that the model itself made and only this API understands. What it says beside its parts has no place in a
 * request. */
static aigw_status put_opaque(struct gemini_out *out, const char *role, const struct aigw_part *part)
{
    static const char *const beside[] = { "groundingMetadata", "urlContextMetadata", "safetyRatings", NULL };
    struct aigw_json root, member;

    if (!wire_takes_item(out->host, out->ctx, out->drops, part, is_ours(part->origin)) ||
        aigw_json_check(part->text, 0, &root, NULL) != AIGW_OK)
        return AIGW_OK;
    for (size_t i = 0; beside[i]; i++)
        if (aigw_json_member(&root, beside[i], &member))
            return AIGW_OK;
    open_part(out, role, "");
    wire_put(out->body, root.text);
    return AIGW_OK;
}

static aigw_status put_instruction(void *self, const struct aigw_part *part)
{
    struct gemini_out *out = self;

    if (!wire_is_textual(part))
        return gemini_no_part(out, "such part of a system message", part->type);
    return part->text.len > 0 ? put_text(out, "user", part, true) : AIGW_OK;
}

static aigw_status put_part(void *self, bool is_model, const struct aigw_part *part, aigw_str text, bool is_told)
{
    const char *role = is_model ? "model" : "user";
    struct gemini_out *out = self;

    (void)text; /* blanks at its end are no trouble here, nor is an answer that was begun */
    (void)is_told;
    switch (part->type) {
    case AIGW_PART_TEXT:
    case AIGW_PART_REFUSAL:
        return put_text(out, role, part, false);
    case AIGW_PART_IMAGE:
    case AIGW_PART_DOCUMENT:
    case AIGW_PART_AUDIO:
    case AIGW_PART_VIDEO:
        return put_attachment(out, role, part);
    case AIGW_PART_TOOL_CALL:
        return put_call(out, part);
    case AIGW_PART_REASONING:
    case AIGW_PART_REDACTED:
        return is_model ? put_thought(out, part) : AIGW_OK;
    case AIGW_PART_OPAQUE:
        return put_opaque(out, role, part);
    case AIGW_PART_TOOL_RESULT: /* stand before these */
    case AIGW_PART_TOOLS:       /* request_write.c lists them */
        return AIGW_OK;
    default:
        return gemini_no_part(out, "part of this type", part->type);
    }
}

/* The instructions before the first turn. */
static aigw_status put_system(struct gemini_out *out, const struct aigw_model_request *req, const char *note)
{
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    for (const struct aigw_message *msg = req->messages; msg && wire_is_system(msg); msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
            if (!wire_is_textual(part) && part->type != AIGW_PART_TOOLS)
                return gemini_no_part(out, "such part of a system message", part->type);
            if (!wire_is_textual(part) || part->text.len == 0)
                continue;
            if (count == 0)
                wire_key(out->body, "systemInstruction");
            put_string(out, count++ > 0 ? ",{\"text\":" : "{\"parts\":[{\"text\":", part->text);
            status = close_part(out, part);
        }
    if (note && status == AIGW_OK) {
        if (count == 0)
            wire_key(out->body, "systemInstruction");
        put_string(out, count++ > 0 ? ",{\"text\":" : "{\"parts\":[{\"text\":", wire_str(note));
        wire_puts(out->body, "}");
    }
    wire_puts(out->body, count > 0 ? "]}" : "");
    return status;
}

static aigw_status list_calls(struct gemini_out *out, const struct aigw_message *messages)
{
    uint32_t count = 0;

    for (const struct aigw_message *msg = messages; msg; msg = msg->next)
        count += count_parts(msg, AIGW_PART_TOOL_CALL);
    if (count > GEMINI_CALLS_MAX)
        return gemini_unsupported(out, "so many calls of tools", count);
    out->calls = count > 0 ? out->host->alloc(out->ctx, AIGW_LIFE_BUILD, count * sizeof *out->calls) : NULL;
    if (count > 0 && !out->calls)
        return AIGW_E_NOMEM;
    for (const struct aigw_message *msg = messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            if (part->type == AIGW_PART_TOOL_CALL)
                out->calls[out->call_count++] = part;
    return AIGW_OK;
}

/* Which calls the results that follow belong to: those of the assistant's messages without another's in between. */
static void follow_run(struct gemini_out *out, const struct aigw_message *msg)
{
    bool is_assistant = msg->role == AIGW_ROLE_ASSISTANT;

    if (is_assistant && !out->is_in_run)
        out->run_first = out->run_end;
    out->is_in_run = is_assistant || (out->is_in_run && wire_is_system(msg));
    out->run_end += count_parts(msg, AIGW_PART_TOOL_CALL);
}

static aigw_status check_message(void *self, const struct aigw_message *msg)
{
    struct gemini_out *out = self;

    if (msg->role < AIGW_ROLE_SYSTEM || msg->role > AIGW_ROLE_DEVELOPER)
        return gemini_unsupported(out, "such role of a message", msg->role);
    if (msg->extra.len > 0 && !out->is_foreign)
        return gemini_unsupported(out, "extra members of a message", msg->role);
    if (wire_drop_members(out->host, out->ctx, out->drops, msg->extra) != AIGW_OK)
        return gemini_invalid(out, "a message's extra members are not a JSON object");
    if (msg->name.len > 0)
        gemini_drop(out, "name");
    if (msg->effort.len > 0)
        gemini_drop(out, "effort");
    follow_run(out, msg);
    return AIGW_OK;
}

aigw_status gemini_contents(struct gemini_out *out, const struct aigw_model_request *req, const char *note)
{
    const struct turns_writer writer = {
        .out = out, .check = check_message, .results = put_results, .instruction = put_instruction, .part = put_part
    };
    aigw_status status = put_system(out, req, note);

    if (status == AIGW_OK)
        status = list_calls(out, req->messages);
    wire_key(out->body, "contents");
    wire_puts(out->body, "[");
    if (status == AIGW_OK)
        status = turns_put(&writer, req->messages);
    close_turn(out);
    if (out->turn_count == 0) /* instructions only: the API wants a turn all the same */
        wire_puts(out->body, "{\"role\":\"user\",\"parts\":[{\"text\":\".\"}]}");
    wire_puts(out->body, "]");
    return status;
}
