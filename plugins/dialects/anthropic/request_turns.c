/* request_turns.c - canonical messages → "system" and "messages".
 *
 * Their rules: `system` stands apart, turns alternate and begin with the user, tool results come first in the turn
 * after the calls, no text block is blank, a trailing assistant turn does not end in blanks, at most four cache
 * markers. */
#include "../common/turns.h"
#include "request_write.h"

#include <string.h>

/* ---- blocks ---- */

static void close_turn(struct anthropic_out *out)
{
    if (out->role)
        wire_puts(out->body, "]}");
    out->role = NULL;
}

void anthropic_open_block(struct anthropic_out *out, const char *role, const char *begin)
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

/* Signed thinking of their own goes home, and only while thinking is on: all else the API refuses. */
static void put_thinking(struct anthropic_out *out, const struct aigw_part *part)
{
    if (!anthropic_keeps_thoughts(out) || part->data.len == 0 || !anthropic_is_ours(part->origin))
        return;
    if (part->type == AIGW_PART_REDACTED) {
        anthropic_open_block(out, "assistant", "{\"type\":\"redacted_thinking\",\"data\":");
    } else {
        anthropic_open_block(out, "assistant", "{\"type\":\"thinking\",\"thinking\":");
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
    anthropic_open_block(out, role, "");
    return anthropic_put_text(out, part, text);
}

/* ---- messages ---- */

static aigw_status put_result(void *self, const struct aigw_part *result)
{
    return anthropic_put_result(self, result);
}

/* The API knows no such role behind the first turn, so it is the user's, and marked. */
static aigw_status put_instruction(void *self, const struct aigw_part *part)
{
    struct anthropic_out *out = self;

    return wire_is_textual(part) ? put_text_block(out, "user", part, part->text, "<system>", "</system>")
                                 : anthropic_no_part(out, "such part of a system message", part->type);
}

static aigw_status put_part(void *self, bool is_assistant, const struct aigw_part *part, aigw_str text, bool is_told)
{
    const char *role = is_assistant ? "assistant" : "user";
    struct anthropic_out *out = self;

    switch (part->type) {
    case AIGW_PART_TEXT:
    case AIGW_PART_REFUSAL:
        return put_text_block(out, role, part, text, is_told ? WIRE_PREFILL_PREFIX : "", "");
    case AIGW_PART_IMAGE:
    case AIGW_PART_DOCUMENT:
        if (is_assistant)
            return anthropic_no_part(out, "such part in an assistant message", part->type);
        anthropic_open_block(out, role, "");
        return anthropic_put_attachment(out, part);
    case AIGW_PART_TOOL_CALL:
        return anthropic_put_call(out, part);
    case AIGW_PART_REASONING:
    case AIGW_PART_REDACTED:
        if (is_assistant)
            put_thinking(out, part);
        return AIGW_OK;
    case AIGW_PART_OPAQUE:
        if (!anthropic_takes_item(out, part))
            return AIGW_OK;
        anthropic_open_block(out, role, "");
        wire_put(out->body, part->text);
        return AIGW_OK;
    case AIGW_PART_TOOL_RESULT: /* stand before these */
    case AIGW_PART_TOOLS:       /* request_write.c lists them */
        return AIGW_OK;
    default:
        return anthropic_no_part(out, "part of this type", part->type);
    }
}

/* The instructions before the first turn. */
static aigw_status put_system(struct anthropic_out *out)
{
    const struct aigw_part last = { .struct_size = sizeof last, .type = AIGW_PART_TEXT };
    aigw_status status = AIGW_OK;
    uint32_t count = 0;

    for (const struct aigw_message *msg = out->req->messages; msg && wire_is_system(msg); msg = msg->next)
        for (const struct aigw_part *part = msg->parts; part && status == AIGW_OK; part = part->next) {
            if (!wire_is_textual(part) && part->type != AIGW_PART_TOOLS)
                return anthropic_no_part(out, "such part of a system message", part->type);
            if (!wire_is_textual(part) || wire_is_blank(part->text))
                continue;
            if (count == 0)
                wire_key(out->body, "system");
            wire_puts(out->body, count++ > 0 ? "," : "[");
            status = anthropic_put_text(out, part, part->text);
        }
    if (out->note && status == AIGW_OK) {
        if (count == 0)
            wire_key(out->body, "system");
        wire_puts(out->body, count++ > 0 ? "," : "[");
        status = anthropic_put_text(out, &last, wire_str(out->note));
    }
    if (count > 0)
        wire_puts(out->body, "]");
    return status;
}

static aigw_status check_message(void *self, const struct aigw_message *msg)
{
    struct anthropic_out *out = self;

    if (msg->role < AIGW_ROLE_SYSTEM || msg->role > AIGW_ROLE_DEVELOPER)
        return anthropic_unsupported(out, "such role of a message", msg->role);
    if (msg->extra.len > 0 && !out->is_foreign)
        return anthropic_unsupported(out, "extra members of a message", msg->role);
    if (wire_drop_members(out->host, out->ctx, out->drops, msg->extra) != AIGW_OK)
        return anthropic_invalid(out, "a message's extra members are not a JSON object");
    if (msg->name.len > 0)
        anthropic_drop(out, "name");
    if (msg->effort.len > 0)
        anthropic_drop(out, "effort");
    return AIGW_OK;
}

aigw_status anthropic_put_turns(struct anthropic_out *out)
{
    const struct turns_writer writer = { .out = out,
                                         .refuses_prefill = out->has_no_prefill,
                                         .check = check_message,
                                         .result = put_result,
                                         .instruction = put_instruction,
                                         .part = put_part };
    aigw_status status = put_system(out);

    wire_key(out->body, "messages");
    wire_puts(out->body, "[");
    if (status == AIGW_OK)
        status = turns_put(&writer, out->req->messages);
    close_turn(out);
    if (out->turn_count == 0) /* instructions only: the API wants a user turn all the same */
        wire_puts(out->body, "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\".\"}]}");
    wire_puts(out->body, "]");
    return status;
}
