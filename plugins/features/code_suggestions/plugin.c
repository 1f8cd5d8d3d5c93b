/* plugin.c - code suggestions: completes code at the cursor and writes new code for GitLab and its editors.
 *
 * Routes   POST /v2/code/completions and its alias /v2/completions, /v2/code/generations, /v3/code/completions,
 *          /v4/code/suggestions.
 * Prompts  code_suggestions/completions, one family per way of marking the gap; code_suggestions/generations.
 * State    struct cs, one per conf.d group; struct cs_call, one per request. Static are the bodies' schemas, no
 * threads.
 */
#include "code_suggestions.h"

#include "components.h"

static const struct aigw_setting settings[] = {
    { "completions_prompt", AIGW_SET_STRING, 0, offsetof(struct cs, completions_prompt), "code_suggestions/completions",
      0, 0, NULL, "Prompt id for completions." },
    { "generations_prompt", AIGW_SET_STRING, 0, offsetof(struct cs, generations_prompt), "code_suggestions/generations",
      0, 0, NULL, "Prompt id for generations that name none." },
    { "default_context_tokens", AIGW_SET_INT, 0, offsetof(struct cs, default_context_tokens), "32768", 1024, 10000000,
      NULL, "Context window in tokens of a model whose family does not say. Longer code is cut around the cursor." },
    { "answer_max", AIGW_SET_INT, 0, offsetof(struct cs, answer_max), "1048576", 1024, 16777216, NULL,
      "Largest buffered answer of a model in bytes." },
    { "answer_ms", AIGW_SET_INT, 0, offsetof(struct cs, answer_ms), "50000", 0, 600000, NULL,
      "Longest time of a whole answer that is not streamed, milliseconds; 0: as long as the model takes. GitLab's "
      "Workhorse waits 55 s and then says nothing of the cause." },
    { "ping_ms", AIGW_SET_INT, 0, offsetof(struct cs, ping_ms), "15000", 10, 600000, NULL,
      "Time between keep-alive comments in event streams." },
};

static const char *const language_labels[] = { "lang", "extension", "editor_lang" };

static const struct aigw_metric metrics[] = {
    { "code_suggestions_prompt_language_total", "Code suggestion requests by language.", language_labels,
      sizeof language_labels / sizeof *language_labels },
};

/* Schemas are the tables', printed once when the shared object is loaded: constants that the compiler cannot write. */
#define SCHEMA_MAX 8192u
static char completion_schema[SCHEMA_MAX], generation_schema[SCHEMA_MAX], components_schema[SCHEMA_MAX];

static void *schema_memory(void *user, size_t len)
{
    return len <= SCHEMA_MAX ? user : NULL;
}

static void print_schema(const struct aigw_body_table *table, char room[SCHEMA_MAX])
{
    struct aigw_memory memory = { schema_memory, room, SCHEMA_MAX };
    aigw_str schema;

    aigw_body_schema(table, &memory, &schema);
}

__attribute__((constructor)) static void print_schemas(void)
{
    print_schema(&cs_completion_table, completion_schema);
    print_schema(&cs_generation_table, generation_schema);
    print_schema(&cs_components_table, components_schema);
}

#define ROUTE(route_path, route_tag, route_group, route_summary) \
    .method = "POST", .path = (route_path), .tag = (route_tag), .category = "code_suggestions", \
    .group = (route_group), .summary = (route_summary)

#define COMPLETIONS_ROUTE(route_path, route_summary) \
    { \
        ROUTE(route_path, CS_ROUTE_COMPLETIONS, "completions", route_summary), \
            .scope = "complete_code", .forbidden_detail = "Unauthorized to access code completions", \
            .request_schema = completion_schema, .response_schema = cs_answer_schema \
    }

/* What the first component asks for decides which right is needed: run() checks it. */
#define COMPONENTS_ROUTE(route_path, route_tag, route_summary) \
    { \
        ROUTE(route_path, route_tag, "code_suggestions", route_summary), .request_schema = components_schema, \
                                                                         .response_schema = cs_suggestion_schema \
    }

static const struct aigw_route routes[] = {
    COMPLETIONS_ROUTE("/v2/code/completions", "Complete code at the cursor"),
    COMPLETIONS_ROUTE("/v2/completions", "Complete code at the cursor (older path)"),
    { ROUTE("/v2/code/generations", CS_ROUTE_GENERATIONS, "generations", "Write new code"), .scope = "generate_code",
      .forbidden_detail = "Unauthorized to access code generations", .flags = AIGW_ROUTEF_NO_USER_TOKEN,
      .request_schema = generation_schema, .response_schema = cs_answer_schema },
    COMPONENTS_ROUTE("/v3/code/completions", CS_ROUTE_V3, "Complete code or write new code"),
    COMPONENTS_ROUTE("/v4/code/suggestions", CS_ROUTE_V4, "Complete code or write new code, streamed as events"),
};

static aigw_status open_instance(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct cs *cs = self;

    (void)ctx;
    cs->host = host;
    return AIGW_OK;
}

static aigw_status check(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    return cs_check(ctx, self, call, request);
}

static aigw_status run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    (void)request;
    return cs_run(ctx, self, call);
}

static aigw_status build(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_model_info *target,
                         const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    const struct cs_call *asked = call;

    (void)options;
    if (asked->request.kind == CS_GENERATION)
        return cs_generation_build(ctx, self, call, target, ret_request);
    return cs_completion_build(ctx, self, call, target, ret_request);
}

static aigw_status on_event(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event)
{
    return cs_event(ctx, self, call, event);
}

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct cs_call),
    .open = open_instance,
    .check = check,
    .run = run,
    .build = build,
    .event = on_event,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "code_suggestions", .version = "0.1.0",
            .summary = "Code completion and generation for GitLab and its editors", .state_size = sizeof(struct cs),
            AIGW_SETTINGS(settings), AIGW_METRICS(metrics), .feature = &ops);
