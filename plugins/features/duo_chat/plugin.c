/* plugin.c - Duo Chat: one step of a conversation with tools, and the older route for prompts that GitLab prepared.
 *
 * Routes   POST /v2/chat/agent, POST /v1/chat/{chat_invokable}.
 * Prompts  chat/react: system text, question, beginning of the answer. chat/react_turn: one earlier turn.
 * State    struct duo_chat, one per conf.d group; struct chat_call, one per request. Static are the bodies' schemas.
 */
#include "duo_chat.h"

static const struct aigw_setting settings[] = {
    { "prompt", AIGW_SET_STRING, 0, offsetof(struct duo_chat, prompt), "chat/react", 0, 0, NULL,
      "Prompt id of a step: system text, the question, the beginning of the model's turn." },
    { "turn_prompt", AIGW_SET_STRING, 0, offsetof(struct duo_chat, turn_prompt), "chat/react_turn", 0, 0, NULL,
      "Prompt id of one earlier turn: what the user and the assistant said." },
    { "heartbeat_ms", AIGW_SET_INT, 0, offsetof(struct duo_chat, heartbeat_ms), "10000", 0, 600000, NULL,
      "While a model thinks, an empty line is sent this often, in milliseconds, so that GitLab goes on waiting. 0: "
      "never." },
    { "answer_max", AIGW_SET_INT, 0, offsetof(struct duo_chat, answer_max), "1048576", 1024, 16777216, NULL,
      "Most bytes kept of what a model says: all of it where it is not passed on at once, its thoughts elsewhere." },
};

/* The schemas are the tables', printed once when the shared object is loaded: constants that the compiler cannot write.
 */
static char agent_schema[16384], legacy_schema[8192];

struct schema_room {
    char *room;
    size_t size;
};

static void *schema_memory(void *user, size_t len)
{
    const struct schema_room *room = user;

    return len <= room->size ? room->room : NULL;
}

static void print_schema(const struct aigw_body_table *table, char *room, size_t size)
{
    struct schema_room user = { room, size };
    struct aigw_memory memory = { schema_memory, &user, size };
    aigw_str schema;

    aigw_body_schema(table, &memory, &schema);
}

__attribute__((constructor)) static void print_schemas(void)
{
    print_schema(&chat_request_table, agent_schema, sizeof agent_schema);
    print_schema(&chat_legacy_table, legacy_schema, sizeof legacy_schema);
}

static const char legacy_answer_schema[] =
    "{\"type\":\"object\",\"properties\":{\"response\":{\"type\":\"string\"},"
    "\"metadata\":{\"type\":\"object\",\"properties\":{\"provider\":{\"type\":[\"string\",\"null\"]},"
    "\"model\":{\"type\":[\"string\",\"null\"]},\"timestamp\":{\"type\":\"integer\"}}}}}";

static const struct aigw_route routes[] = {
    { .method = "POST",
      .path = "/v2/chat/agent",
      .tag = CHAT_TAG_AGENT,
      .category = "duo_chat",
      .summary = "One step of a chat: an answer, or a wish for a tool, as lines of JSON",
      .group = "chat",
      .request_schema = agent_schema },
    { .method = "POST",
      .path = "/v1/chat/{chat_invokable}",
      .tag = CHAT_TAG_LEGACY,
      .flags = AIGW_ROUTEF_DEPRECATED,
      .category = "duo_chat",
      .summary = "Answer a prompt that the client prepared",
      .group = "chat",
      .request_schema = legacy_schema,
      .response_schema = legacy_answer_schema },
};

static aigw_status open_instance(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct duo_chat *chat = self;

    (void)ctx;
    chat->host = host;
    return AIGW_OK;
}

static aigw_status check(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    struct chat_call *state = call;

    state->tag = request->route->tag;
    if (state->tag == CHAT_TAG_AGENT)
        return chat_agent_check(ctx, self, &state->of.agent, request);
    return chat_legacy_check(ctx, self, &state->of.legacy, request);
}

static aigw_status run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    struct chat_call *state = call;

    if (state->tag == CHAT_TAG_AGENT)
        return chat_agent_run(ctx, self, &state->of.agent);
    return chat_legacy_run(ctx, self, &state->of.legacy, request);
}

static aigw_status build(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_model_info *target,
                         const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    struct chat_call *state = call;

    (void)options;
    if (state->tag == CHAT_TAG_AGENT)
        return chat_agent_build(ctx, self, &state->of.agent, target, ret_request);
    return chat_legacy_build(ctx, self, &state->of.legacy, target, ret_request);
}

static aigw_status on_event(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event)
{
    struct chat_call *state = call;

    if (state->tag == CHAT_TAG_AGENT)
        return chat_agent_event(ctx, self, &state->of.agent, event);
    return chat_legacy_event(ctx, self, &state->of.legacy, event);
}

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct chat_call),
    .open = open_instance,
    .check = check,
    .run = run,
    .build = build,
    .event = on_event,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "duo_chat", .version = "0.1.0",
            .summary = "Chat with tools that the client runs", .state_size = sizeof(struct duo_chat),
            AIGW_SETTINGS(settings), .feature = &ops);
