/* count.c - Anthropic's token count: a call of its own kind, because only message bodies pass through. Content blocks
 * and tools stay in the vendor's own JSON, so nothing of them is lost on the way.
 */
#include "proxy.h"

#include <string.h>

#define ORIGIN    AIGW_STR("anthropic")
#define EXTRA_MAX ((size_t)1 << 20)

/** What the request is made of while it is built. */
struct count_build {
    struct aigw_memory *memory;
    struct aigw_message **next; /* where the next message is hung in */
    aigw_status status;
};

static void *get(struct count_build *build, size_t len)
{
    void *room = aigw_memory_get(build->memory, len);

    if (!room)
        build->status = AIGW_E_NOMEM;
    return room;
}

/** A part out of a plain text, or out of a block as it stands. */
static struct aigw_part *make_part(struct count_build *build, const struct aigw_json *value, bool is_system)
{
    struct aigw_part *part = get(build, sizeof *part);
    struct aigw_json text = *value;

    if (!part)
        return NULL;
    *part = (struct aigw_part){ .struct_size = sizeof *part, .type = AIGW_PART_TEXT };
    if (is_system && value->type == AIGW_JSON_OBJECT)
        aigw_json_member(value, "text", &text);
    if (text.type == AIGW_JSON_STRING) {
        build->status = aigw_json_text(&text, build->memory, &part->text);
    } else {
        part->type = AIGW_PART_OPAQUE;
        part->origin = ORIGIN;
        build->status = aigw_json_mend(&text, build->memory, &part->text);
    }
    return part;
}

static void add_message(struct count_build *build, uint32_t role, const struct aigw_json *content)
{
    struct aigw_message *message = get(build, sizeof *message);
    struct aigw_json_walk walk = aigw_json_begin(content);
    const struct aigw_part **next;
    struct aigw_part *part;

    if (!message)
        return;
    *message = (struct aigw_message){ .struct_size = sizeof *message, .role = role };
    *build->next = message;
    build->next = (struct aigw_message **)&message->next;
    next = &message->parts;
    if (content->type == AIGW_JSON_STRING)
        *next = make_part(build, content, role == AIGW_ROLE_SYSTEM);
    if (content->type != AIGW_JSON_LIST)
        return;
    for (struct aigw_json block; build->status == AIGW_OK && aigw_json_next(&walk, NULL, &block);) {
        part = make_part(build, &block, role == AIGW_ROLE_SYSTEM);
        *next = part;
        if (part)
            next = &part->next;
    }
}

static void add_messages(struct count_build *build, const struct aigw_json *list)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    struct aigw_json role, content;

    for (struct aigw_json item; build->status == AIGW_OK && aigw_json_next(&walk, NULL, &item);) {
        aigw_json_member(&item, "role", &role);
        aigw_json_member(&item, "content", &content);
        add_message(build, aigw_json_is_text(&role, "assistant") ? AIGW_ROLE_ASSISTANT : AIGW_ROLE_USER, &content);
    }
}

static const struct aigw_tool *make_tools(struct count_build *build, const struct aigw_json *list)
{
    struct aigw_json_walk walk = aigw_json_begin(list);
    const struct aigw_tool *first = NULL, **next = &first;
    struct aigw_tool *tool;
    struct aigw_json name;

    for (struct aigw_json item; build->status == AIGW_OK && aigw_json_next(&walk, NULL, &item);) {
        tool = get(build, sizeof *tool);
        if (!tool)
            break;
        *tool = (struct aigw_tool){ .struct_size = sizeof *tool, .kind = AIGW_TOOL_SERVER, .origin = ORIGIN };
        *next = tool;
        next = &tool->next;
        build->status = aigw_json_mend(&item, build->memory, &tool->extra);
        if (aigw_json_member(&item, "name", &name) && name.type == AIGW_JSON_STRING && build->status == AIGW_OK)
            build->status = aigw_json_text(&name, build->memory, &tool->name);
    }
    return first;
}

/** The members that have no place of their own, as a JSON object. */
static aigw_str other_members(struct aigw_ctx *ctx, const struct proxy_call *call)
{
    static const char *const placed[] = { "model", "messages", "system", "tools", "stream", NULL };
    const struct aigw_host *host = call->proxy->host;
    struct aigw_buf *buf = host->buf_new(ctx, AIGW_LIFE_BUILD, EXTRA_MAX);
    struct aigw_json_walk walk = aigw_json_begin(&call->root);
    struct aigw_json key, value;
    aigw_str text = AIGW_STR_NONE;
    bool is_first = true;

    if (!buf)
        return text;
    while (aigw_json_next(&walk, &key, &value)) {
        size_t i = 0;

        while (placed[i] && !aigw_json_is_text(&key, placed[i]))
            i++;
        if (placed[i])
            continue;
        host->buf_put(buf, is_first ? "{" : ",", 1);
        host->buf_put(buf, key.text.ptr, key.text.len);
        host->buf_put(buf, ":", 1);
        host->buf_put(buf, value.text.ptr, value.text.len);
        is_first = false;
    }
    if (!is_first)
        host->buf_put(buf, "}", 1);
    host->buf_view(buf, &text);
    return text;
}

aigw_status proxy_build_count(struct aigw_ctx *ctx, struct proxy_call *call, struct aigw_model_request *ret_request)
{
    struct aigw_host_memory from = { call->proxy->host, ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, SIZE_MAX };
    struct aigw_message *messages = NULL;
    struct count_build build = { .memory = &memory, .next = &messages };
    struct aigw_json system, list, tools;

    aigw_json_member(&call->root, "system", &system);
    aigw_json_member(&call->root, "messages", &list);
    aigw_json_member(&call->root, "tools", &tools);
    if (system.type == AIGW_JSON_STRING || system.type == AIGW_JSON_LIST)
        add_message(&build, AIGW_ROLE_SYSTEM, &system);
    add_messages(&build, &list);
    ret_request->kind = AIGW_CALL_COUNT;
    ret_request->messages = messages;
    ret_request->tools = make_tools(&build, &tools);
    ret_request->dialect = call->api->dialect;
    ret_request->extra = other_members(ctx, call);
    return build.status;
}

aigw_status proxy_event_count(struct aigw_ctx *ctx, struct proxy_call *call, const struct aigw_event *event)
{
    const struct aigw_host *host = call->proxy->host;
    const char *body;

    switch (event->type) {
    case AIGW_EVENT_USAGE:
        call->input_count = event->usage->input;
        return AIGW_OK;
    case AIGW_EVENT_END:
        body = host->format(ctx, AIGW_LIFE_REQUEST, "{\"input_tokens\":%lld}", (long long)call->input_count);
        return body ? host->respond(ctx, 200, NULL, (aigw_str){ body, strlen(body) }, NULL, 0) : AIGW_E_NOMEM;
    case AIGW_EVENT_ERROR:
        return proxy_respond_error(ctx, call, event->error);
    default:
        return AIGW_OK;
    }
}
