/* plugin.c - feature plugin for Anthropic's API in front of any model: messages and their count of tokens.
 * State: struct anthropic_api, one per conf.d group; struct anthropic_api_call, one per request. Static are tables
 * only.
 */
#include "anthropic_api.h"

#include <string.h>

static const struct aigw_setting settings[] = {
    CLIENT_SETTINGS(struct anthropic_api, client),
};

#define ROUTE(route_path, route_tag, route_summary) \
    { \
        .method = "POST", .path = (route_path), .tag = (route_tag), .body_max = CLIENT_BODY_MAX, \
        .category = "client_api", .summary = (route_summary), .group = "anthropic", .callers = AIGW_CALLER_KEY \
    }

#define ROUTES(base) \
    ROUTE(base "/messages", ANTHROPIC_API_MESSAGES, "Anthropic's messages"), \
        ROUTE(base "/messages/count_tokens", ANTHROPIC_API_COUNT, "How many tokens a message has")

/* Vertex AI's form */
#define VERTEX(models) \
    ROUTE(models "/{model:path}:rawPredict", ANTHROPIC_API_VERTEX, "Anthropic's messages, as Vertex AI has them"), \
        ROUTE(models "/{model:path}:streamRawPredict", ANTHROPIC_API_VERTEX_STREAM, \
              "Anthropic's messages, as Vertex AI streams them")
#define VERTEX_MODELS "/projects/{project}/locations/{location}/publishers/anthropic/models"

#define CLAIM(claim_path) CLIENT_CLAIM(claim_path, "anthropic", 0, 0, AIGW_KEY_FIRST_USUAL)

static const struct aigw_route routes[] = {
    ROUTES("/v1"),
    ROUTES("/anthropic/v1"),
    /* base URLs with a version that the client adds, or without one that it does not */
    ROUTES("/v1/v1"),
    ROUTES(""),
    ROUTES("/anthropic/v1/v1"),
    ROUTES("/anthropic"),
    VERTEX("/v1" VERTEX_MODELS),
    VERTEX("/v1beta1" VERTEX_MODELS),
    VERTEX("/anthropic/v1" VERTEX_MODELS),
    /* what the vendor has besides, and nobody else: said so in its own words */
    CLAIM("/anthropic"),
    CLAIM("/v1/messages"),
    CLAIM("/v1/complete"),
    CLAIM("/v1/experimental"),
    CLAIM("/v1/oauth"),
    CLAIM("/v1/organizations"),
    CLAIM("/api/event_logging"),
    CLAIM("/api/oauth"),
    /* a client's way to see whether it has the right address, without credentials */
    { .method = "GET",
      .path = "/api/hello",
      .tag = ANTHROPIC_API_HELLO,
      .flags = AIGW_ROUTEF_NO_BODY,
      .category = "client_api",
      .summary = "Somebody is here",
      .group = "anthropic",
      .callers = AIGW_CALLER_ANYONE },
};

static aigw_status anthropic_api_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct anthropic_api *api = self;

    api->host = host;
    return client_check_aliases(host, ctx, &api->client.aliases);
}

/* What is dropped, as this API calls it. */
static const struct client_word words[] = {
    { "parallel_calls", "tool_choice.disable_parallel_tool_use" },
    { "format", "output_config.format" },
    { "effort", "output_config.effort" },
    { "reasoning", "thinking" },
    { "reasoning_budget", "thinking.budget_tokens" },
    { "stop", "stop_sequences" },
    { "user", "metadata.user_id" },
    { NULL, NULL },
};

/* ---- the body ---- */

/* The client's own bytes, for a target that speaks its dialect. */
static void mark_raw(struct aigw_ctx *ctx, struct anthropic_api_call *call)
{
    static const char *const names[ANTHROPIC_API_PASSED] = { "anthropic-version", "anthropic-beta" };

    call->raw = (struct aigw_raw){ .struct_size = sizeof call->raw,
                                   .flags = AIGW_RAWF_EVENTS | (call->asked.is_stream ? AIGW_RAWF_STREAM : 0),
                                   .dialect = AIGW_STR(ANTHROPIC_DIALECT),
                                   .body = call->body,
                                   .model_at = call->asked.model_at,
                                   .model_len = call->asked.model_len,
                                   .insert_at = call->asked.insert_at,
                                   .headers = call->passed };
    if (call->is_count)
        call->raw.path = AIGW_STR("/v1/messages/count_tokens");
    for (uint32_t i = 0; i < ANTHROPIC_API_PASSED; i++) {
        aigw_str value = i == 1 && call->betas.len > 0 ? call->betas : call->api->host->header(ctx, names[i]);

        if (value.len > 0)
            call->passed[call->raw.header_count++] = (struct aigw_pair){ { names[i], strlen(names[i]) }, value };
    }
}

static const struct client_rates rates = {
    .limit = { "anthropic-ratelimit-requests-limit", "anthropic-ratelimit-tokens-limit" },
    .remaining = { "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-tokens-remaining" },
    .reset = { "anthropic-ratelimit-requests-reset", "anthropic-ratelimit-tokens-reset" },
    .has_date = true,
};

static aigw_status anthropic_api_check(struct aigw_ctx *ctx, void *self, void *state,
                                       const struct aigw_request *request)
{
    struct anthropic_api_call *call = state;
    struct anthropic_refusal refusal;
    aigw_status status;

    call->api = self;
    if (request->route->tag == ANTHROPIC_API_HELLO)
        return AIGW_OK;
    call->request_id = request->id;
    call->is_count = request->route->tag == ANTHROPIC_API_COUNT;
    call->counted = -1;
    call->body = request->body;
    call->body_len = request->body.len;
    call->request.struct_size = sizeof call->request;
    call->answer.words = words;
    call->answer.rates = &rates;
    status = client_answer_begin(&call->answer, call->api->host, ctx, false, anthropic_api_heartbeat);
    if (status == AIGW_OK && request->route->tag >= ANTHROPIC_API_VERTEX)
        status = anthropic_api_from_vertex(ctx, call, request);
    if (status != AIGW_OK)
        return status;
    status = anthropic_read_request(call->api->host, ctx, call->is_count ? AIGW_CALL_COUNT : AIGW_CALL_CHAT, call->body,
                                    &call->asked, &call->request, &refusal);
    if (status == AIGW_E_INVALID) {
        anthropic_api_refuse(ctx, &call->answer, &refusal, call->request_id);
        return AIGW_E_INVALID;
    }
    if (status != AIGW_OK) /* a body of many tiny pieces is larger in memory than as text */
        return status == AIGW_E_NOMEM ? AIGW_E_LIMIT : status;
    mark_raw(ctx, call);
    call->answer.is_stream = call->asked.is_stream && !call->is_count;
    return client_keep(call->api->host, ctx, call->asked.model, &call->client_model) ? AIGW_OK : AIGW_E_NOMEM;
}

static aigw_status anthropic_api_run(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    const struct anthropic_api *api = self;

    if (request->route->tag == ANTHROPIC_API_HELLO)
        return api->host->respond(ctx, 200, NULL, AIGW_STR("{\"message\":\"hello\"}"), NULL, 0);
    return anthropic_api_ask(ctx, state);
}

static aigw_status on_build(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_model_info *target,
                            const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    (void)self;
    (void)options;
    return anthropic_api_build(ctx, state, target, ret_request);
}

static aigw_status on_event(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_event *event)
{
    (void)self;
    return anthropic_api_event(ctx, state, event);
}

static aigw_status on_refuse(struct aigw_ctx *ctx, void *self, const struct aigw_request *request,
                             const struct aigw_refusal *refusal)
{
    const struct anthropic_api *api = self;
    struct client_answer answer = { .host = api->host };
    struct anthropic_refusal said;
    aigw_status status = client_answer_begin(&answer, api->host, ctx, false, NULL);

    if (status != AIGW_OK)
        return status;
    anthropic_refuse_status(refusal->http_status, client_refusal_text(refusal, CLIENT_NO_ANTHROPIC_PATH), &said);
    if (refusal->retry_after_s >= 0)
        said.retry_after_ms = refusal->retry_after_s * 1000;
    return anthropic_api_refuse(ctx, &answer, &said, request->id);
}

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct anthropic_api_call),
    .open = anthropic_api_open,
    .check = anthropic_api_check,
    .run = anthropic_api_run,
    .build = on_build,
    .event = on_event,
    .refuse = on_refuse,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "anthropic_api", .version = "0.2.0",
            .summary = "Anthropic's API in front of any model", .state_size = sizeof(struct anthropic_api),
            AIGW_SETTINGS(settings), .feature = &ops);
