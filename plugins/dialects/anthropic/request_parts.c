/* request_parts.c - what stands in a turn: text, images and documents, tool calls and their results; cache markers. */
#include "request_write.h"

#include <string.h>

#define ANTHROPIC_MARKS_MAX 4

bool anthropic_is_ours(aigw_str origin)
{
    return origin.len == 0 || wire_is(origin, ANTHROPIC_DIALECT);
}

/* ---- cache markers ---- */

static uint32_t count_tool_marks(const struct aigw_tool *tools)
{
    uint32_t count = 0;

    for (; tools; tools = tools->next)
        count += (tools->flags & AIGW_TOOLF_CACHE) != 0;
    return count;
}

/* Of what becomes a block that may bear one. */
static uint32_t count_part_marks(const struct aigw_part *part)
{
    uint32_t count = 0;

    for (; part; part = part->next) {
        bool is_marked = part->flags & AIGW_PARTF_CACHE;

        if (wire_is_textual(part))
            count += is_marked && !wire_is_blank(part->text);
        else if (part->type == AIGW_PART_IMAGE || part->type == AIGW_PART_DOCUMENT ||
                 part->type == AIGW_PART_TOOL_CALL || part->type == AIGW_PART_TOOL_RESULT)
            count += is_marked;
        if (part->type == AIGW_PART_TOOL_RESULT)
            count += count_part_marks(part->parts);
        if (part->type == AIGW_PART_TOOLS)
            count += count_tool_marks(part->tools);
    }
    return count;
}

void anthropic_count_marks(struct anthropic_out *out)
{
    uint32_t count = count_tool_marks(out->req->tools);

    for (const struct aigw_message *msg = out->req->messages; msg; msg = msg->next)
        count += count_part_marks(msg->parts);
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

aigw_status anthropic_close_block(struct anthropic_out *out, const struct aigw_part *part)
{
    aigw_status status = AIGW_OK;

    if ((out->is_foreign ? wire_drop_members(out->host, out->ctx, out->drops, part->extra)
                         : wire_splice(out->body, part->extra)) != AIGW_OK)
        status = anthropic_invalid(out, "a part's extra members are not a JSON object");
    anthropic_put_mark(out, part->flags & AIGW_PARTF_CACHE, part->cache_ttl_s);
    wire_puts(out->body, "}");
    return status;
}

aigw_status anthropic_put_text(struct anthropic_out *out, const struct aigw_part *part, aigw_str text)
{
    wire_puts(out->body, "{\"type\":\"text\",\"text\":");
    out->host->buf_json(out->body->buf, text);
    if (part->citations.len > 0 && anthropic_is_ours(part->origin) && wire_is_json_list(part->citations)) {
        wire_puts(out->body, ",\"citations\":");
        wire_put(out->body, part->citations);
    }
    return anthropic_close_block(out, part);
}

/* ---- images and documents ---- */

static bool is_one_of(aigw_str type, const char *const *types)
{
    for (; *types; types++)
        if (wire_same_word(type, *types))
            return true;
    return false;
}

static bool is_image_type(aigw_str type)
{
    static const char *const types[] = { "imagejpeg", "imagejpg", "imagepng", "imagegif", "imagewebp", NULL };

    return is_one_of(type, types);
}

/* What people can read without a program goes as text. */
static bool is_text_type(aigw_str type)
{
    static const char *const types[] = { "applicationjson",       "applicationxml",
                                         "applicationyaml",       "applicationxyaml",
                                         "applicationsql",        "applicationtoml",
                                         "applicationjavascript", NULL };

    return wire_has_prefix(type, "text/") || is_one_of(type, types);
}

/* "text/plain; charset=utf-8" without what follows the type. */
static aigw_str bare_type(aigw_str type)
{
    const char *end = type.len > 0 ? memchr(type.ptr, ';', type.len) : NULL;

    return wire_trim_end(end ? (aigw_str){ type.ptr, (size_t)(end - type.ptr) } : type);
}

static aigw_status put_data(struct anthropic_out *out, bool is_image, aigw_str full_type, aigw_str data)
{
    aigw_str type = bare_type(full_type);
    bool is_text = !is_image && is_text_type(type);

    if (!wire_is_media_type(type) || !wire_is_base64(data))
        return anthropic_invalid(out, is_image ? "an image needs a media type and base64 data"
                                               : "a document needs a media type and base64 data");
    if (is_image && !is_image_type(type))
        return anthropic_no_part(out, "images but JPEG, PNG, GIF and WebP", AIGW_PART_IMAGE);
    if (!is_image && !is_text && !wire_is(type, "application/pdf"))
        return anthropic_no_part(out, "documents but PDF and text", AIGW_PART_DOCUMENT);
    wire_puts(out->body, is_text ? "text\",\"media_type\":\"text/plain" : "base64\",\"media_type\":\"");
    if (!is_text)
        wire_put(out->body, wire_same_word(type, "imagejpg") ? AIGW_STR("image/jpeg") : type);
    wire_puts(out->body, "\",\"data\":");
    out->host->buf_json(out->body->buf, is_text ? wire_from_base64(out->host, out->ctx, data) : data);
    return AIGW_OK;
}

static bool names_file(const struct aigw_part *part)
{
    for (; part; part = part->next)
        if ((part->file_id.len > 0 && part->data.len == 0 && part->url.len == 0) || names_file(part->parts))
            return true;
    return false;
}

bool anthropic_names_files(const struct aigw_model_request *req)
{
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next)
        if (names_file(msg->parts))
            return true;
    return false;
}

/* `"source":{…}` */
static aigw_status put_source(struct anthropic_out *out, const struct aigw_part *part)
{
    aigw_str type = part->media_type, data = part->data;
    aigw_status status = wire_check_file(out->host, out->ctx, part, ANTHROPIC_DIALECT);

    if (status != AIGW_OK)
        return status;
    wire_puts(out->body, "\"source\":{\"type\":\"");
    if (data.len > 0 || wire_split_data_url(part->url, &type, &data)) {
        status = put_data(out, part->type == AIGW_PART_IMAGE, type, data);
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
    return status;
}

aigw_status anthropic_put_attachment(struct anthropic_out *out, const struct aigw_part *part)
{
    aigw_status status;

    wire_puts(out->body, part->type == AIGW_PART_IMAGE ? "{\"type\":\"image\"," : "{\"type\":\"document\",");
    status = put_source(out, part);
    if (part->type == AIGW_PART_DOCUMENT && part->title.len > 0) {
        wire_puts(out->body, ",\"title\":");
        out->host->buf_json(out->body->buf, part->title);
    }
    return status == AIGW_OK ? anthropic_close_block(out, part) : status;
}

/* ---- tool calls and results ---- */

aigw_status anthropic_put_call(struct anthropic_out *out, const struct aigw_part *part)
{
    uint32_t kind = part->flags & AIGW_PARTF_FREE_TEXT ? AIGW_TOOL_FREE_TEXT : AIGW_TOOL_FUNCTION;
    aigw_str sent;
    aigw_status status = anthropic_name_tool(out, kind, part->scope, part->name, &sent);

    if (status != AIGW_OK)
        return status;
    anthropic_open_block(out, "assistant", "{\"type\":\"tool_use\",\"id\":");
    out->host->buf_json(out->body->buf, wire_tool_id(out->host, out->ctx, part->id));
    wire_puts(out->body, ",\"name\":");
    out->host->buf_json(out->body->buf, sent);
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
    return anthropic_close_block(out, part);
}

bool anthropic_takes_item(struct anthropic_out *out, const struct aigw_part *part)
{
    return wire_takes_item(out->host, out->ctx, out->drops, part, wire_is(part->origin, ANTHROPIC_DIALECT));
}

static aigw_status put_result_part(struct anthropic_out *out, const struct aigw_part *part)
{
    if (wire_is_textual(part))
        return anthropic_put_text(out, part, part->text);
    if (part->type == AIGW_PART_IMAGE || part->type == AIGW_PART_DOCUMENT)
        return anthropic_put_attachment(out, part);
    if (part->type != AIGW_PART_OPAQUE)
        return anthropic_no_part(out, "such part of a tool's result", part->type);
    wire_put(out->body, part->text);
    return AIGW_OK;
}

/* The parts of a tool's result as a list of blocks. */
static aigw_status put_result_parts(struct anthropic_out *out, const struct aigw_part *parts)
{
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    wire_puts(out->body, ",\"content\":[");
    for (const struct aigw_part *part = parts; part && status == AIGW_OK; part = part->next) {
        if ((wire_is_textual(part) && wire_is_blank(part->text)) ||
            (part->type == AIGW_PART_OPAQUE && !anthropic_takes_item(out, part)))
            continue;
        if (count++ > 0)
            wire_puts(out->body, ",");
        status = put_result_part(out, part);
    }
    wire_puts(out->body, "]");
    return status;
}

aigw_status anthropic_put_result(struct anthropic_out *out, const struct aigw_part *part)
{
    aigw_status status = AIGW_OK;

    anthropic_open_block(out, "user", "{\"type\":\"tool_result\",\"tool_use_id\":");
    out->host->buf_json(out->body->buf, wire_tool_id(out->host, out->ctx, part->id));
    if (part->parts) {
        status = put_result_parts(out, part->parts);
    } else if (part->text.len > 0) {
        wire_puts(out->body, ",\"content\":");
        out->host->buf_json(out->body->buf, part->text);
    }
    if (part->flags & AIGW_PARTF_ERROR)
        wire_puts(out->body, ",\"is_error\":true");
    return status == AIGW_OK ? anthropic_close_block(out, part) : status;
}
