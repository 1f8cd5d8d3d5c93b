/* plugin.c - code suggestions: completes code at the cursor for GitLab and its editors.
 *
 * Routes   POST /v2/code/completions and its alias /v2/completions.
 * Prompts  code_suggestions/completions, one family per way of marking the gap.
 * State    struct cs, one per conf.d group; struct cs_call, one per request. Static is the body's schema, no threads.
 */
#include "code_suggestions.h"

#include <string.h>

static const struct aigw_setting settings[] = {
    { "completions_prompt", AIGW_SET_STRING, 0, offsetof(struct cs, completions_prompt), "code_suggestions/completions",
      0, 0, NULL, "Prompt id for completions." },
    { "default_context_tokens", AIGW_SET_INT, 0, offsetof(struct cs, default_context_tokens), "32768", 1024, 10000000,
      NULL, "Context window in tokens of a model whose family does not say. Longer code is cut around the cursor." },
    { "answer_max", AIGW_SET_INT, 0, offsetof(struct cs, answer_max), "1048576", 1024, 16777216, NULL,
      "Largest buffered answer of a model in bytes." },
};

static const char *const language_labels[] = { "lang", "extension", "editor_lang" };

static const struct aigw_metric metrics[] = {
    { "code_suggestions_prompt_language_total", "Code suggestion requests by language.", language_labels,
      sizeof language_labels / sizeof *language_labels },
};

/* The schema is the table's, printed once when the shared object is loaded: a constant that the compiler cannot write.
 */
static char completion_schema[8192];

static void *schema_memory(void *user, size_t len)
{
    (void)user;
    return len <= sizeof completion_schema ? completion_schema : NULL;
}

__attribute__((constructor)) static void print_schema(void)
{
    struct aigw_memory memory = { schema_memory, NULL, sizeof completion_schema };
    aigw_str schema;

    aigw_body_schema(&cs_completion_table, &memory, &schema);
}

#define COMPLETIONS_ROUTE(route_path, route_summary) \
    { \
        .method = "POST", .path = (route_path), .scope = "complete_code", \
        .forbidden_detail = "Unauthorized to access code completions", .category = "code_suggestions", \
        .summary = (route_summary), .group = "completions", .request_schema = completion_schema, \
        .response_schema = cs_answer_schema \
    }

static const struct aigw_route routes[] = {
    COMPLETIONS_ROUTE("/v2/code/completions", "Complete code at the cursor"),
    COMPLETIONS_ROUTE("/v2/completions", "Complete code at the cursor (older path)"),
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
    return cs_completions_check(ctx, self, call, request);
}

static aigw_status run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    (void)request;
    return cs_completions_run(ctx, self, call);
}

static aigw_status build(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_model_info *target,
                         const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    (void)options;
    return cs_completions_build(ctx, self, call, target, ret_request);
}

static aigw_status on_event(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event)
{
    return cs_completions_event(ctx, self, call, event);
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
            .summary = "Code completion for GitLab and its editors", .state_size = sizeof(struct cs),
            AIGW_SETTINGS(settings), AIGW_METRICS(metrics), .feature = &ops);
