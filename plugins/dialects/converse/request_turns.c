/* request_turns.c - canonical messages → "system" and "messages".
 *
 * Their rules: `system` stands apart, turns alternate and begin with the user, results of tools come first in the turn
 * after the calls, no text is blank, a document never comes without text, at most four cache markers. */
#include "../common/turns.h"
#include "converse.h"

#include <ctype.h>
#include <string.h>

#define MARKS_MAX 4u
#define ID_MAX    64u

/* Ids with letters, digits and _ . : - may stay: the API takes more than others. Claude behind it does not. */
static aigw_str tool_id(struct converse_out *out, aigw_str id)
{
    if (out->quirks->model->vendor == CONVERSE_CLAUDE && id.len > 0)
        return wire_tool_id(out->host, out->ctx, id);
    for (size_t i = 0; i < id.len; i++)
        if (!isalnum((unsigned char)id.ptr[i]) && !memchr("_.:-", id.ptr[i], 4))
            return wire_tool_id(out->host, out->ctx, id);
    return id.len > 0 && id.len <= ID_MAX ? id : wire_tool_id(out->host, out->ctx, id.len > 0 ? id : AIGW_STR("none."));
}

/* ---- cache markers ---- */

static uint32_t count_tool_marks(const struct converse_out *out, const struct aigw_tool *tools)
{
    uint32_t count = 0;

    for (; tools && converse_takes(out, CONVERSE_CACHE_TOOLS); tools = tools->next)
        count += (tools->flags & AIGW_TOOLF_CACHE) != 0;
    return count;
}

void converse_count_marks(struct converse_out *out)
{
    uint32_t count = count_tool_marks(out, out->req->tools);

    for (const struct aigw_message *msg = out->req->messages; msg; msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part; part = part->next) {
            if ((part->flags & AIGW_PARTF_CACHE) && !(wire_is_textual(part) && wire_is_blank(part->text)))
                count++;
            if (part->type == AIGW_PART_TOOLS)
                count += count_tool_marks(out, part->tools);
        }
    out->marks_to_skip = count > MARKS_MAX ? count - MARKS_MAX : 0;
}

void converse_put_mark(struct converse_out *out, bool is_wanted, uint32_t ttl_s)
{
    const char *ttl = out->quirks->cache_ttl;

    if (!is_wanted || !ttl || strcmp(ttl, "off") == 0 || !converse_takes(out, CONVERSE_CACHE))
        return;
    if (out->marks_to_skip > 0) {
        out->marks_to_skip--;
        return;
    }
    if (ttl_s > 0 ? ttl_s >= 3600 : strcmp(ttl, "1h") == 0)
        wire_puts(out->body, ",{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}");
    else
        wire_puts(out->body, ",{\"cachePoint\":{\"type\":\"default\"}}");
}

/* ---- turns and blocks ---- */

static void close_turn(struct converse_out *out)
{
    if (out->role && out->has_document && !out->has_text)
        wire_puts(out->body, ",{\"text\":\".\"}");
    if (out->role)
        wire_puts(out->body, "]}");
    out->role = NULL;
}

/* Begin a block in a turn of `role`, opening one when another's is open. */
static void open_block(struct converse_out *out, const char *role)
{
    if (!out->role || strcmp(out->role, role) != 0) {
        close_turn(out);
        if (out->turn_count++ > 0)
            wire_puts(out->body, ",");
        else if (strcmp(role, "user") != 0) /* the first turn must be the user's */
            wire_puts(out->body, "{\"role\":\"user\",\"content\":[{\"text\":\".\"}]},");
        wire_puts(out->body, "{\"role\":\"");
        wire_puts(out->body, role);
        wire_puts(out->body, "\",\"content\":[");
        out->role = role;
        out->block_count = 0;
        out->has_document = out->has_text = false;
    }
    if (out->block_count++ > 0)
        wire_puts(out->body, ",");
}

/* Members in another vendor's spelling. */
static aigw_status drop_extra(struct converse_out *out, aigw_str extra)
{
    return wire_drop_members(out->host, out->ctx, out->drops, extra);
}

/* Close a block's inner object and itself: `extra` members go inside. */
static aigw_status close_block(struct converse_out *out, const struct aigw_part *part)
{
    aigw_status status = AIGW_OK;

    if ((converse_is_ours(out->req->dialect) ? wire_splice(out->body, part->extra) : drop_extra(out, part->extra)) !=
        AIGW_OK)
        status = converse_invalid(out, "a part's extra members are not a JSON object");
    wire_puts(out->body, "}}");
    converse_put_mark(out, part->flags & AIGW_PARTF_CACHE, part->cache_ttl_s);
    return status;
}

/* Text blocks are the one kind without an inner object: nothing can be added to them. */
static aigw_status put_plain(struct converse_out *out, const struct aigw_part *part, const char *before, aigw_str text,
                             const char *behind)
{
    aigw_status status = AIGW_OK;

    if (part->extra.len > 0 && converse_is_ours(out->req->dialect))
        return converse_no_part(out, "members beside a text", part->type);
    if (drop_extra(out, part->extra) != AIGW_OK)
        return converse_invalid(out, "a part's extra members are not a JSON object");
    wire_puts(out->body, "{\"text\":");
    if (*before || *behind) {
        struct aigw_buf *joined = out->host->buf_new(out->ctx, AIGW_LIFE_BUILD, WIRE_BODY_MAX);

        if (!joined)
            return AIGW_E_NOMEM;
        out->host->buf_put(joined, before, strlen(before));
        out->host->buf_put(joined, text.ptr, text.len);
        out->host->buf_put(joined, behind, strlen(behind));
        status = out->host->buf_view(joined, &text);
    }
    converse_put_text(out, text);
    wire_puts(out->body, "}");
    return status;
}

/* Text in a turn; blank text is left out: the API refuses it. */
static aigw_status put_text(struct converse_out *out, const char *role, const struct aigw_part *part, aigw_str text,
                            const char *before, const char *behind)
{
    aigw_status status;

    if (wire_is_blank(text))
        return AIGW_OK;
    open_block(out, role);
    out->has_text = true;
    status = put_plain(out, part, before, text, behind);
    converse_put_mark(out, part->flags & AIGW_PARTF_CACHE, part->cache_ttl_s);
    return status;
}

static aigw_status put_media(struct converse_out *out, const char *role, const struct aigw_part *part)
{
    aigw_status status;

    if (strcmp(role, "user") != 0)
        return converse_no_part(out, "such part in an assistant message", part->type);
    if (part->extra.len > 0 && converse_is_ours(out->req->dialect))
        return converse_no_part(out, "members beside an attachment", part->type);
    if (drop_extra(out, part->extra) != AIGW_OK)
        return converse_invalid(out, "a part's extra members are not a JSON object");
    open_block(out, role);
    out->has_document |= part->type == AIGW_PART_DOCUMENT;
    status = converse_put_media(out, part);
    converse_put_mark(out, part->flags & AIGW_PARTF_CACHE, part->cache_ttl_s);
    return status;
}

static aigw_status put_call(struct converse_out *out, const struct aigw_part *part)
{
    bool is_text = part->flags & AIGW_PARTF_FREE_TEXT;
    struct aigw_json root;
    aigw_str sent;
    aigw_status status =
        converse_tool_name(out, is_text ? AIGW_TOOL_FREE_TEXT : AIGW_TOOL_FUNCTION, part->scope, part->name, &sent);

    if (status != AIGW_OK)
        return status;
    open_block(out, "assistant");
    wire_puts(out->body, "{\"toolUse\":{\"toolUseId\":");
    converse_put_text(out, tool_id(out, part->id));
    wire_puts(out->body, ",\"name\":");
    converse_put_text(out, sent);
    wire_puts(out->body, ",\"input\":");
    if (wire_is_blank(part->text) && !is_text) {
        wire_puts(out->body, "{}");
    } else if (!is_text && aigw_json_check(part->text, 0, &root, NULL) == AIGW_OK && root.type == AIGW_JSON_OBJECT) {
        wire_put(out->body, reader_json(&out->reader, &root));
    } else { /* plain text, or what a model wrote in place of an object: an object must be */
        wire_puts(out->body, is_text ? "{\"" NAMES_TEXT_MEMBER "\":" : "{\"_raw\":");
        converse_put_text(out, part->text);
        wire_puts(out->body, "}");
    }
    return close_block(out, part);
}

/* ---- results of tools ---- */

/* Whether a result is a failure is a member of its own for some models; to the others it is said in words. */
static bool has_status(const struct converse_out *out)
{
    enum converse_vendor vendor = out->quirks->model->vendor;

    return vendor == CONVERSE_CLAUDE || vendor == CONVERSE_NOVA || vendor == CONVERSE_UNKNOWN;
}

static bool takes_item(struct converse_out *out, const struct aigw_part *part)
{
    return wire_takes_item(out->host, out->ctx, out->drops, part, wire_is(part->origin, CONVERSE_DIALECT));
}

static aigw_status put_result_parts(struct converse_out *out, const struct aigw_part *result)
{
    const struct aigw_part whole = { .struct_size = sizeof whole, .type = AIGW_PART_TEXT, .text = result->text };
    bool says_error = (result->flags & AIGW_PARTF_ERROR) && !has_status(out);
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    for (const struct aigw_part *part = result->parts ? result->parts : &whole; part && status == AIGW_OK;
         part = part->next) {
        if ((wire_is_textual(part) && wire_is_blank(part->text)) ||
            (part->type == AIGW_PART_OPAQUE && !takes_item(out, part)))
            continue;
        if (count++ > 0)
            wire_puts(out->body, ",");
        if (wire_is_textual(part))
            status = put_plain(out, part, says_error && count == 1 ? "Error: " : "", part->text, "");
        else if (part->type == AIGW_PART_IMAGE || part->type == AIGW_PART_DOCUMENT || part->type == AIGW_PART_VIDEO)
            status = converse_put_media(out, part);
        else if (part->type == AIGW_PART_OPAQUE)
            wire_put(out->body, part->text);
        else
            status = converse_no_part(out, "such part of a tool's result", part->type);
    }
    if (count == 0 && says_error)
        wire_puts(out->body, "{\"text\":\"Error\"}");
    return status;
}

static aigw_status put_result(struct converse_out *out, const struct aigw_part *part)
{
    aigw_status status;

    open_block(out, "user");
    wire_puts(out->body, "{\"toolResult\":{\"toolUseId\":");
    converse_put_text(out, tool_id(out, part->id));
    wire_puts(out->body, ",\"content\":[");
    status = put_result_parts(out, part);
    wire_puts(out->body, "]");
    if ((part->flags & AIGW_PARTF_ERROR) && has_status(out))
        wire_puts(out->body, ",\"status\":\"error\"");
    return status == AIGW_OK ? close_block(out, part) : status;
}

/* ---- messages ---- */

/* Signed thinking of their own goes home, and only while thinking is on: all else the model refuses. */
static void put_thinking(struct converse_out *out, const struct aigw_part *part)
{
    if (!converse_keeps_thoughts(out) || part->data.len == 0 || !converse_is_ours(part->origin))
        return;
    if (part->type == AIGW_PART_REDACTED && !wire_is_base64(part->data))
        return;
    open_block(out, "assistant");
    if (part->type == AIGW_PART_REDACTED) {
        wire_puts(out->body, "{\"reasoningContent\":{\"redactedContent\":");
        converse_put_text(out, part->data);
        wire_puts(out->body, "}}");
    } else {
        wire_puts(out->body, "{\"reasoningContent\":{\"reasoningText\":{\"text\":");
        converse_put_text(out, part->text);
        wire_puts(out->body, ",\"signature\":");
        converse_put_text(out, part->data);
        wire_puts(out->body, "}}}");
    }
}

static aigw_status put_one_result(void *self, const struct aigw_part *result)
{
    return put_result(self, result);
}

/* They are the user's, and marked; so are the first ones where a model has no place for instructions. */
static aigw_status put_instruction(void *self, const struct aigw_part *part)
{
    struct converse_out *out = self;

    return wire_is_textual(part) ? put_text(out, "user", part, part->text, "<system>", "</system>")
                                 : converse_no_part(out, "such part of a system message", part->type);
}

static aigw_status put_part(void *self, bool is_assistant, const struct aigw_part *part, aigw_str text, bool is_told)
{
    const char *role = is_assistant ? "assistant" : "user";
    struct converse_out *out = self;

    switch (part->type) {
    case AIGW_PART_TEXT:
    case AIGW_PART_REFUSAL:
        return put_text(out, role, part, text, is_told ? WIRE_PREFILL_PREFIX : "", "");
    case AIGW_PART_IMAGE:
    case AIGW_PART_DOCUMENT:
    case AIGW_PART_VIDEO:
    case AIGW_PART_AUDIO:
        return put_media(out, role, part);
    case AIGW_PART_TOOL_CALL:
        return put_call(out, part);
    case AIGW_PART_REASONING:
    case AIGW_PART_REDACTED:
        if (is_assistant)
            put_thinking(out, part);
        return AIGW_OK;
    case AIGW_PART_OPAQUE:
        if (!takes_item(out, part))
            return AIGW_OK;
        open_block(out, role);
        wire_put(out->body, part->text);
        return AIGW_OK;
    case AIGW_PART_TOOL_RESULT: /* stand before these */
    case AIGW_PART_TOOLS:       /* request_tools.c lists them */
        return AIGW_OK;
    default:
        return converse_no_part(out, "part of this type", part->type);
    }
}

static void open_system(struct converse_out *out, uint32_t *count)
{
    if (*count == 0)
        wire_key(out->body, "system");
    wire_puts(out->body, (*count)++ > 0 ? "," : "[");
}

/* The instructions before the first turn, and the note. */
static aigw_status put_system(struct converse_out *out, aigw_str note)
{
    const struct aigw_part last = { .struct_size = sizeof last, .type = AIGW_PART_TEXT };
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    for (const struct aigw_message *msg = out->req->messages; msg && wire_is_system(msg); msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
            if (!wire_is_textual(part) && part->type != AIGW_PART_TOOLS)
                return converse_no_part(out, "such part of a system message", part->type);
            if (!wire_is_textual(part) || wire_is_blank(part->text))
                continue;
            open_system(out, &count);
            status = put_plain(out, part, "", part->text, "");
            converse_put_mark(out, part->flags & AIGW_PARTF_CACHE, part->cache_ttl_s);
        }
    if (note.len > 0 && status == AIGW_OK) {
        open_system(out, &count);
        status = put_plain(out, &last, "", note, "");
    }
    if (count > 0)
        wire_puts(out->body, "]");
    return status;
}

static aigw_status check_message(void *self, const struct aigw_message *msg)
{
    struct converse_out *out = self;

    if (msg->role < AIGW_ROLE_SYSTEM || msg->role > AIGW_ROLE_DEVELOPER)
        return converse_unsupported(out, "such role of a message", msg->role);
    if (msg->extra.len > 0 && converse_is_ours(out->req->dialect))
        return converse_unsupported(out, "extra members of a message", msg->role);
    if (drop_extra(out, msg->extra) != AIGW_OK)
        return converse_invalid(out, "a message's extra members are not a JSON object");
    if (msg->name.len > 0)
        converse_drop(out, "name");
    if (msg->effort.len > 0)
        converse_drop(out, "effort");
    return AIGW_OK;
}

aigw_status converse_turns(struct converse_out *out, aigw_str note)
{
    const struct aigw_part instruction = { .struct_size = sizeof instruction, .type = AIGW_PART_TEXT };
    bool has_system = converse_takes(out, CONVERSE_SYSTEM);
    const struct turns_writer writer = { .out = out,
                                         .has_no_system = !has_system,
                                         .refuses_prefill = out->quirks->refuses_prefill,
                                         .check = check_message,
                                         .result = put_one_result,
                                         .instruction = put_instruction,
                                         .part = put_part };
    aigw_status status = has_system ? put_system(out, note) : AIGW_OK;

    wire_key(out->body, "messages");
    wire_puts(out->body, "[");
    if (status == AIGW_OK)
        status = turns_put(&writer, out->req->messages);
    if (status == AIGW_OK && !has_system && note.len > 0)
        status = put_text(out, "user", &instruction, note, "<system>", "</system>");
    close_turn(out);
    if (out->turn_count == 0) /* instructions only: the API wants a user turn all the same */
        wire_puts(out->body, "{\"role\":\"user\",\"content\":[{\"text\":\".\"}]}");
    wire_puts(out->body, "]");
    return status;
}
