/* request_read_blocks.c - blocks of a Messages body that bring something along: images, documents, search results; and
 * those that only the vendor understands. */
#include "request_read_blocks.h"

#include "../common/carry.h"
#include "anthropic.h"

/* A part without a type is left out. */
bool reading_opaque(struct reading *r, struct reading_block *b)
{
    const struct aigw_json *type = &b->of[OF_TYPE];

    b->part->type = 0;
    if (reading_drops(r, (aigw_str){ type->text.ptr + 1, type->text.len - 2 }))
        return true;
    b->part->type = AIGW_PART_OPAQUE;
    b->part->flags = 0;
    b->part->origin = AIGW_STR(ANTHROPIC_DIALECT);
    return reading_json(r, &b->json, &b->part->text);
}

enum { SOURCE_TYPE, SOURCE_MEDIA_TYPE, SOURCE_DATA, SOURCE_URL, SOURCE_FILE_ID, SOURCE_CONTENT, SOURCE_COUNT };
static const char *const source_names[SOURCE_COUNT] = {
    [SOURCE_TYPE] = "type", [SOURCE_MEDIA_TYPE] = "media_type", [SOURCE_DATA] = "data",
    [SOURCE_URL] = "url",   [SOURCE_FILE_ID] = "file_id",       [SOURCE_CONTENT] = "content",
};

/* A source that images and documents have alike; *ret_is_known tells. */
static bool read_source(struct reading *r, const struct aigw_json *at, struct aigw_part *part, bool *ret_is_known)
{
    bool is_image = part->type == AIGW_PART_IMAGE;

    *ret_is_known = true;
    if (aigw_json_is_text(&at[SOURCE_TYPE], "base64")) {
        if (!reading_name(r, &at[SOURCE_MEDIA_TYPE], "media_type", &part->media_type) ||
            !reading_name(r, &at[SOURCE_DATA], "data", &part->data))
            return false;
        if (wire_usual_media_type(r->host, r->ctx, &part->media_type) != AIGW_OK)
            return reading_fail(r, AIGW_E_NOMEM);
        if (!wire_is_media_type(part->media_type) || (is_image && !wire_has_prefix(part->media_type, "image/")))
            return reading_refuse(r, "media_type", "Input should be %s",
                                  is_image ? "an image's type, such as 'image/png'"
                                           : "a media type, such as 'application/pdf'");
        return wire_usual_base64(r->host, r->ctx, &part->data) != AIGW_E_NOMEM || reading_fail(r, AIGW_E_NOMEM);
    }
    if (aigw_json_is_text(&at[SOURCE_TYPE], "url"))
        return reading_name(r, &at[SOURCE_URL], "url", &part->url);
    if (aigw_json_is_text(&at[SOURCE_TYPE], "file")) {
        part->origin = AIGW_STR(ANTHROPIC_DIALECT); /* who keeps it */
        return reading_name(r, &at[SOURCE_FILE_ID], "file_id", &part->file_id);
    }
    *ret_is_known = false;
    return true;
}

bool reading_image(struct reading *r, struct reading_block *b)
{
    struct aigw_json at[SOURCE_COUNT];
    bool is_known = false;

    b->part->type = AIGW_PART_IMAGE;
    if (!reading_type(r, &b->of[OF_SOURCE], "source", READING_REQUIRED, AIGW_JSON_OBJECT))
        return false;
    reading_members(r, &b->of[OF_SOURCE], source_names, SOURCE_COUNT, at);
    reading_into(r, "source");
    if (!read_source(r, at, b->part, &is_known))
        return false;
    if (!is_known)
        return reading_refuse(r, "type", "Input should be 'base64', 'url' or 'file'");
    reading_out(r);
    return true;
}

/* Plain text as the canonical form has it: base64. */
static bool encode_text(struct reading *r, aigw_str text, struct aigw_part *part)
{
    char *out;

    if (text.len == 0)
        return reading_refuse(r, NULL, "a document of text should have at least 1 character");
    out = aigw_memory_get(&r->memory, CARRY_BASE64_SIZE(text.len));
    if (!out)
        return reading_fail(r, AIGW_E_NOMEM);
    part->media_type = AIGW_STR("text/plain");
    part->data = (aigw_str){ out, carry_base64(text, out) };
    return true;
}

/* Text blocks as lines of one text. False in *ret_is_text when there are others. */
static bool join_texts(struct reading *r, const struct aigw_json *list, aigw_str *ret_text, bool *ret_is_text)
{
    struct aigw_buf *buf = r->host->buf_new(r->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct aigw_json item, type, text;
    aigw_status status;
    aigw_str line;

    if (!buf)
        return reading_fail(r, AIGW_E_NOMEM);
    for (size_t i = 0; aigw_json_next(&walk, NULL, &item); i++) {
        aigw_json_member(&item, "type", &type);
        aigw_json_member(&item, "text", &text);
        *ret_is_text = aigw_json_is_text(&type, "text") && text.type == AIGW_JSON_STRING;
        if (!*ret_is_text)
            return true;
        if (!reading_str(r, &text, "text", READING_REQUIRED, &line))
            return false;
        if (i > 0)
            r->host->buf_put(buf, "\n", 1);
        r->host->buf_put(buf, line.ptr, line.len);
    }
    status = r->host->buf_view(buf, ret_text);
    return status == AIGW_OK || reading_fail(r, status);
}

/* A source that only documents have. */
static bool read_text_source(struct reading *r, const struct aigw_json *at, struct reading_block *b)
{
    aigw_str text = AIGW_STR_NONE;
    bool is_text = true;

    if (aigw_json_is_text(&at[SOURCE_TYPE], "text"))
        return reading_str(r, &at[SOURCE_DATA], "data", READING_REQUIRED, &text) && encode_text(r, text, b->part);
    if (!aigw_json_is_text(&at[SOURCE_TYPE], "content"))
        return reading_refuse(r, "type", "Input should be 'base64', 'text', 'content', 'url' or 'file'");
    if (at[SOURCE_CONTENT].type == AIGW_JSON_STRING)
        return reading_str(r, &at[SOURCE_CONTENT], "content", READING_REQUIRED, &text) && encode_text(r, text, b->part);
    if (!reading_type(r, &at[SOURCE_CONTENT], "content", READING_REQUIRED, AIGW_JSON_LIST) ||
        !join_texts(r, &at[SOURCE_CONTENT], &text, &is_text))
        return false;
    return is_text ? encode_text(r, text, b->part) : reading_opaque(r, b);
}

/* `context`, and `citations` when they are asked for, have no place in the canonical form. */
static bool read_document_rest(struct reading *r, struct reading_block *b)
{
    struct reading_extra extra = { NULL };
    struct aigw_json enabled;
    bool is_enabled = false;

    if (!reading_str(r, &b->of[OF_TITLE], "title", READING_OPTIONAL, &b->part->title) ||
        !reading_type(r, &b->of[OF_CONTEXT], "context", READING_OPTIONAL, AIGW_JSON_STRING) ||
        !reading_type(r, &b->of[OF_CITATIONS], "citations", READING_OPTIONAL, AIGW_JSON_OBJECT))
        return false;
    aigw_json_member(&b->of[OF_CITATIONS], "enabled", &enabled);
    aigw_json_bool(&enabled, &is_enabled);
    if (reading_is(&b->of[OF_CONTEXT]) && !reading_extra_add(r, &extra, AIGW_STR("\"context\""), &b->of[OF_CONTEXT]))
        return false;
    if (is_enabled && !reading_extra_add(r, &extra, AIGW_STR("\"citations\""), &b->of[OF_CITATIONS]))
        return false;
    return reading_extra_end(r, &extra, &b->part->extra);
}

bool reading_document(struct reading *r, struct reading_block *b)
{
    struct aigw_json at[SOURCE_COUNT];
    bool is_known = false;

    b->part->type = AIGW_PART_DOCUMENT;
    if (!reading_type(r, &b->of[OF_SOURCE], "source", READING_REQUIRED, AIGW_JSON_OBJECT))
        return false;
    reading_members(r, &b->of[OF_SOURCE], source_names, SOURCE_COUNT, at);
    reading_into(r, "source");
    if (!read_source(r, at, b->part, &is_known) || (!is_known && !read_text_source(r, at, b)))
        return false;
    reading_out(r);
    return b->part->type != AIGW_PART_DOCUMENT || read_document_rest(r, b);
}

/* What was found elsewhere is text to another vendor: title, source, content. */
bool reading_search_result(struct reading *r, struct reading_block *b)
{
    aigw_str title = AIGW_STR_NONE, source = AIGW_STR_NONE, content = AIGW_STR_NONE;
    bool is_text = true;
    const char *text;

    if (!r->is_for_others)
        return reading_opaque(r, b);
    if (!reading_str(r, &b->of[OF_TITLE], "title", READING_OPTIONAL, &title) ||
        !reading_str(r, &b->of[OF_SOURCE], "source", READING_OPTIONAL, &source) ||
        !reading_type(r, &b->of[OF_CONTENT], "content", READING_REQUIRED, AIGW_JSON_LIST) ||
        !join_texts(r, &b->of[OF_CONTENT], &content, &is_text))
        return false;
    if (!is_text)
        return reading_opaque(r, b);
    text = r->host->format(r->ctx, AIGW_LIFE_BUILD, "%.*s\n%.*s\n%.*s", AIGW_STR_ARG(title), AIGW_STR_ARG(source),
                           AIGW_STR_ARG(content));
    if (!text)
        return reading_fail(r, AIGW_E_NOMEM);
    b->part->type = AIGW_PART_TEXT;
    b->part->text = wire_str(text);
    return true;
}

/* A tool that was found and is known from here on: another vendor's model knows all of them anyway, and is told which.
 */
bool reading_reference(struct reading *r, struct reading_block *b)
{
    aigw_str name = AIGW_STR_NONE;
    struct aigw_json value;
    const char *text;

    if (!r->is_for_others)
        return reading_opaque(r, b);
    aigw_json_member(&b->json, "tool_name", &value);
    if (!reading_name(r, &value, "tool_name", &name))
        return false;
    text = r->host->format(r->ctx, AIGW_LIFE_BUILD, "The tool %.*s is available now.", AIGW_STR_ARG(name));
    if (!text)
        return reading_fail(r, AIGW_E_NOMEM);
    b->part->type = AIGW_PART_TEXT;
    b->part->text = wire_str(text);
    return true;
}

/* A file that the vendor keeps: a model that never saw it would answer all the same. */
bool reading_upload(struct reading *r, struct reading_block *b)
{
    return r->is_for_others ? reading_refuse(r, "type", "the file is kept by Anthropic; send what is in it")
                            : reading_opaque(r, b);
}
