/* plugin.c - prompts: features of GitLab that are nothing but a prompt, as conf.d/prompts defines them.
 *
 * Routes   POST /v1/prompts/{prompt_id}, POST /v2/prompts/{prompt_id}: the same requests, answers of two shapes.
 * Prompts  all of conf.d/prompts that are not kept for other routes. The right that one needs is in its definition.
 * State    struct prompts, one per conf.d group; struct prompts_call, one per request. Static is the body's schema, no
 *          threads. */
#include "prompts.h"

static const struct aigw_setting settings[] = {
    { "answer_max", AIGW_SET_INT, 0, offsetof(struct prompts, answer_max), "4194304", 1024, 67108864, NULL,
      "Largest answer of a model that is not a stream, in bytes." },
    { "not_callable", AIGW_SET_LIST, 0, offsetof(struct prompts, not_callable), "chat/react, chat/react_turn", 0, 0,
      NULL, "Prompt ids that belong to other routes and are refused here." },
};

/* The schema is the table's, printed once when the shared object is loaded: a constant that the compiler cannot write.
 */
static char request_schema[8192];

static void *schema_memory(void *user, size_t len)
{
    (void)user;
    return len <= sizeof request_schema ? request_schema : NULL;
}

__attribute__((constructor)) static void print_schema(void)
{
    struct aigw_memory memory = { schema_memory, NULL, sizeof request_schema };
    aigw_str schema;

    aigw_body_schema(&prompts_table, &memory, &schema);
}

static const char v1_answer[] = "{\"type\":\"string\"}";
static const char v2_answer[] =
    "{\"type\":\"object\",\"properties\":{\"content\":{\"type\":\"string\"},\"usage\":{\"type\":\"object\","
    "\"additionalProperties\":{\"type\":\"object\",\"properties\":{\"input_tokens\":{\"type\":\"integer\"},"
    "\"output_tokens\":{\"type\":\"integer\"}}}}}}";

static const struct aigw_route routes[] = {
    { .method = "POST",
      .path = "/v1/prompts/{prompt_id:path}",
      .tag = PROMPTS_V1,
      .category = "ai_abstraction_layer",
      .summary = "Run a prompt; the answer is a JSON string, or raw text as a stream",
      .group = "prompts",
      .request_schema = request_schema,
      .response_schema = v1_answer },
    { .method = "POST",
      .path = "/v2/prompts/{prompt_id:path}",
      .tag = PROMPTS_V2,
      .category = "ai_abstraction_layer",
      .summary = "Run a prompt; the answer is an object with usage, or one a line as a stream",
      .group = "prompts",
      .request_schema = request_schema,
      .response_schema = v2_answer },
};

static aigw_status open_instance(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct prompts *prompts = self;

    (void)ctx;
    prompts->host = host;
    return AIGW_OK;
}

static aigw_status check(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    struct prompts_call *call = state;

    call->id = request->path_param;
    call->version = request->route->tag;
    return prompts_read(ctx, self, call, request);
}

static aigw_status run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    (void)request;
    return prompts_run(ctx, self, call);
}

static aigw_status build(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_model_info *target,
                         const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    (void)options;
    return prompts_build(ctx, self, call, target, ret_request);
}

static aigw_status on_event(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event)
{
    return prompts_event(ctx, self, call, event);
}

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct prompts_call),
    .open = open_instance,
    .check = check,
    .run = run,
    .build = build,
    .event = on_event,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "prompts", .version = "0.1.0",
            .summary = "Features of GitLab that are one prompt", .state_size = sizeof(struct prompts),
            AIGW_SETTINGS(settings), .feature = &ops);
