/* reading.c - see reading.h. */
#include "reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int reading_failures;

void reading_fail(const char *id, const char *what, aigw_str got)
{
    fprintf(stderr, "%s: %s: %.*s\n", id, what, AIGW_STR_ARG(got));
    reading_failures++;
}

typedef aigw_status (*reading_fn)(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body,
                                  struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                                  struct openai_refusal *ret_refusal);

aigw_status reading_begin(struct reading *r, uint32_t path, const char *text, size_t len, size_t budget)
{
    static const reading_fn readers[] = { [OPENAI_CHAT] = openai_read_chat,
                                          [OPENAI_COMPLETION] = openai_read_completion,
                                          [OPENAI_EMBEDDING] = openai_read_embedding,
                                          [OPENAI_RESPONSES] = openai_read_responses };

    memset(r, 0, sizeof *r);
    r->world.budget = budget;
    r->body = malloc(len > 0 ? len : 1);
    if (!r->body)
        abort();
    memcpy(r->body, text, len);
    r->len = len;
    r->request.struct_size = sizeof r->request;
    aigw_status status = readers[path](&server_host, server_ctx(&r->world), (aigw_str){ r->body, len }, &r->asked,
                                       &r->request, &r->refusal);
    wire_later_read(&r->asked.later);
    return status;
}

void reading_end(struct reading *r)
{
    server_free(&r->world);
    free(r->body);
}

/* ---- as text ---- */

void reading_put_str(struct aigw_buf *out, const char *name, aigw_str text)
{
    if (text.len > 0)
        server_host.buf_printf(out, " %s=%.*s", name, AIGW_STR_ARG(text));
}

static void put_tools(struct aigw_buf *out, const struct aigw_tool *tool)
{
    for (; tool; tool = tool->next) {
        server_host.buf_printf(out, " tool kind=%u flags=%u", tool->kind, tool->flags);
        reading_put_str(out, "name", tool->name);
        reading_put_str(out, "scope", tool->scope);
        reading_put_str(out, "origin", tool->origin);
        reading_put_str(out, "extra", tool->extra);
    }
}

static void put_part(struct aigw_buf *out, const struct aigw_part *part)
{
    static const char *const types[] = { "",      "text",  "image",   "call",     "result", "reasoning", "document",
                                         "audio", "video", "refusal", "redacted", "opaque", "tools" };

    server_host.buf_printf(out, "(%s", types[part->type]);
    if (part->flags)
        server_host.buf_printf(out, " flags=%u", part->flags);
    if (part->cache_ttl_s)
        server_host.buf_printf(out, " ttl=%u", part->cache_ttl_s);
    reading_put_str(out, "id", part->id);
    reading_put_str(out, "name", part->name);
    reading_put_str(out, "text", part->text);
    reading_put_str(out, "type", part->media_type);
    reading_put_str(out, "data", part->data);
    reading_put_str(out, "url", part->url);
    reading_put_str(out, "file", part->file_id);
    reading_put_str(out, "title", part->title);
    reading_put_str(out, "detail", part->detail);
    reading_put_str(out, "origin", part->origin);
    reading_put_str(out, "citations", part->citations);
    reading_put_str(out, "item", part->item_id);
    reading_put_str(out, "scope", part->scope);
    reading_put_str(out, "extra", part->extra);
    put_tools(out, part->tools);
    for (const struct aigw_part *inner = part->parts; inner; inner = inner->next)
        put_part(out, inner);
    server_host.buf_printf(out, ")");
}

void reading_put_request(struct aigw_buf *out, const struct aigw_model_request *request)
{
    static const char *const roles[] = { "", "system", "user", "assistant", "tool", "developer" };

    for (const struct aigw_message *message = request->messages; message; message = message->next) {
        server_host.buf_printf(out, "%s%s", message == request->messages ? "" : " ", roles[message->role]);
        reading_put_str(out, "name", message->name);
        reading_put_str(out, "phase", message->phase);
        reading_put_str(out, "extra", message->extra);
        for (const struct aigw_part *part = message->parts; part; part = part->next)
            put_part(out, part);
    }
    put_tools(out, request->tools);
    if (request->tool_choice)
        server_host.buf_printf(out, " choice=%u", request->tool_choice);
    reading_put_str(out, "choose", request->tool_choice_name);
    if (request->flags)
        server_host.buf_printf(out, " flags=%u", request->flags);
    reading_put_str(out, "all", request->extra);
}
