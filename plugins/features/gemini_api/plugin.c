/* plugin.c - feature plugin for Google's Gemini API in front of any model: content, counts of tokens, embeddings.
 * State: struct gemini_api, one per conf.d group; struct gemini_api_call, one per request. Static are tables only.
 */
#include "gemini_api.h"

#include <string.h>

static const struct aigw_setting settings[] = {
    CLIENT_SETTINGS(struct gemini_api, client),
};

#define ROUTE(models, method_name, method_tag, method_summary) \
    { \
        .method = "POST", .path = models "/{model:path}:" method_name, .tag = (method_tag), \
        .body_max = CLIENT_BODY_MAX, .category = "client_api", .summary = (method_summary), .group = "gemini", \
        .callers = AIGW_CALLER_KEY, .key_first = AIGW_KEY_FIRST_GOOG \
    }
#define CLAIM(claim_path) CLIENT_CLAIM(claim_path, "gemini", 0, 0, AIGW_KEY_FIRST_GOOG)
#define ROUTES_OF(models) \
    ROUTE(models, "generateContent", GEMINI_API_GENERATE, "Gemini's answers, whole"), \
        ROUTE(models, "streamGenerateContent", GEMINI_API_STREAM, "Gemini's answers, streamed"), \
        ROUTE(models, "countTokens", GEMINI_API_COUNT, "How many tokens a request has"), \
        ROUTE(models, "embedContent", GEMINI_API_EMBED, "Gemini's embeddings"), \
        ROUTE(models, "batchEmbedContents", GEMINI_API_BATCH, "Gemini's embeddings, several")
#define ROUTES(version) ROUTES_OF(version "/models"), ROUTES_OF(version "/tunedModels")
/* Vertex AI's form; without a project in its express mode */
#define VERTEX(version) \
    ROUTES_OF(version "/projects/{project}/locations/{location}/publishers/google/models"), \
        ROUTES_OF(version "/publishers/google/models")

static const struct aigw_route routes[] = {
    ROUTES("/v1beta"),
    ROUTES("/v1"),
    ROUTES("/v1alpha"),
    ROUTES("/gemini/v1beta"),
    ROUTES("/gemini/v1"),
    ROUTES("/gemini/v1alpha"),
    /* base URLs without the version that their client does not add, or with one that it does */
    ROUTES_OF("/models"),
    ROUTES_OF("/gemini/models"),
    ROUTES_OF("/v1/v1/models"),
    ROUTES_OF("/v1/v1beta/models"),
    ROUTES_OF("/v1beta/v1/models"),
    ROUTES_OF("/v1beta/v1beta/models"),
    VERTEX("/v1"),
    VERTEX("/v1beta1"),
    VERTEX("/gemini/v1"),
    VERTEX("/gemini/v1beta1"),
    /* what the vendor has besides, and nobody else: said so in its own words */
    CLAIM("/gemini"),
    CLAIM("/v1alpha"),
    CLAIM("/v1beta"),
    CLAIM("/v1beta1"),
    CLAIM("/v1internal"),
    CLAIM("/v1/projects"),
    CLAIM("/v1/publishers"),
    CLAIM("/v1/tunedModels"),
    CLAIM("/upload"),
};

static aigw_status gemini_api_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct gemini_api *api = self;

    api->host = host;
    return client_check_aliases(host, ctx, &api->client.aliases);
}

/* What is dropped, as this API calls it: the member's own name, wherever it stands. */
static const struct client_word words[] = {
    { "top_p", "topP" },
    { "top_k", "topK" },
    { "stop", "stopSequences" },
    { "n", "candidateCount" },
    { "logprobs", "responseLogprobs" },
    { "presence_penalty", "presencePenalty" },
    { "frequency_penalty", "frequencyPenalty" },
    { "format", "responseMimeType" },
    { "effort", "thinkingLevel" },
    { "reasoning", "thinkingConfig" },
    { "reasoning_budget", "thinkingBudget" },
    { "tool_choice", "toolConfig" },
    { "safety_settings", "safetySettings" },
    { "service_tier", "serviceTier" },
    { "metadata", "labels" },
    { "input_type", "taskType" },
    { "dimensions", "outputDimensionality" },
    { "title", "displayName" },
    { "image", "inlineData" },
    { "audio", "inlineData" },
    { "video", "inlineData" },
    { "document", "inlineData" },
    { "file_id", "fileUri" },
    { NULL, NULL },
};

/* ---- the body ---- */

static bool asks_for_sse(aigw_str query)
{
    static const char word[] = "alt=sse";

    for (size_t i = 0; i + sizeof word - 1 <= query.len; i++)
        if ((i == 0 || query.ptr[i - 1] == '&') && memcmp(query.ptr + i, word, sizeof word - 1) == 0)
            return true;
    return false;
}

static uint32_t kind_of(uint32_t method)
{
    return method == GEMINI_API_COUNT   ? AIGW_CALL_COUNT
           : method >= GEMINI_API_EMBED ? AIGW_CALL_EMBEDDING
                                        : AIGW_CALL_CHAT;
}

static void mark_raw(struct aigw_ctx *ctx, struct gemini_api_call *call, aigw_str body)
{
    aigw_str client = call->api->host->header(ctx, "x-goog-api-client");

    call->raw = (struct aigw_raw){ .struct_size = sizeof call->raw,
                                   .flags = AIGW_RAWF_EVENTS | (call->answer.is_stream ? AIGW_RAWF_STREAM : 0),
                                   .dialect = AIGW_STR(GEMINI_DIALECT),
                                   .body = body,
                                   .headers = &call->passed,
                                   .header_count = client.len > 0 };
    call->passed = (struct aigw_pair){ AIGW_STR("x-goog-api-client"), client };
}

static aigw_status gemini_api_check(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    struct gemini_api_call *call = state;
    /* the last of them: Vertex AI's form has a project and a location before it */
    aigw_str model =
        request->path_param_count > 0 ? request->path_params[request->path_param_count - 1].value : request->path_param;
    struct gemini_refusal refusal;
    aigw_status status;

    call->api = self;
    call->method = request->route->tag;
    call->body_len = request->body.len;
    call->counted = (struct aigw_usage)AIGW_USAGE_INIT;
    call->request.struct_size = sizeof call->request;
    call->answer.words = words;
    status = client_answer_begin(&call->answer, call->api->host, ctx, call->method == GEMINI_API_STREAM,
                                 gemini_api_heartbeat);
    if (status != AIGW_OK)
        return status;
    status = gemini_read_request(call->api->host, ctx, kind_of(call->method), request->body, &call->asked,
                                 &call->request, &refusal);
    if (status == AIGW_E_INVALID) {
        gemini_api_refuse(ctx, &call->answer, &refusal);
        return AIGW_E_INVALID;
    }
    if (status != AIGW_OK) /* a body of many tiny pieces is larger in memory than as text */
        return status == AIGW_E_NOMEM ? AIGW_E_LIMIT : status;
    call->options.form = !call->answer.is_stream        ? GEMINI_WRITE_WHOLE
                         : asks_for_sse(request->query) ? GEMINI_WRITE_SSE
                                                        : GEMINI_WRITE_LIST;
    call->answer.is_list = call->options.form == GEMINI_WRITE_LIST;
    mark_raw(ctx, call, request->body);
    return client_keep(call->api->host, ctx, gemini_model_name(model), &call->client_model) ? AIGW_OK : AIGW_E_NOMEM;
}

static aigw_status gemini_api_run(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    (void)self;
    (void)request;
    return gemini_api_ask(ctx, state);
}

static aigw_status on_build(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_model_info *target,
                            const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    (void)self;
    (void)options;
    return gemini_api_build(ctx, state, target, ret_request);
}

static aigw_status on_event(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_event *event)
{
    (void)self;
    return gemini_api_event(ctx, state, event);
}

static aigw_status on_refuse(struct aigw_ctx *ctx, void *self, const struct aigw_request *request,
                             const struct aigw_refusal *refusal)
{
    const struct gemini_api *api = self;
    struct client_answer answer = { .host = api->host };
    struct gemini_refusal said;
    aigw_status status = client_answer_begin(&answer, api->host, ctx, false, NULL);

    (void)request;
    if (status != AIGW_OK)
        return status;
    gemini_refuse_status(refusal->http_status, client_refusal_text(refusal, CLIENT_NO_GEMINI_PATH), &said);
    said.retry_after_ms = refusal->retry_after_s >= 0 ? refusal->retry_after_s * 1000 : -1;
    return gemini_api_refuse(ctx, &answer, &said);
}

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct gemini_api_call),
    .open = gemini_api_open,
    .check = gemini_api_check,
    .run = gemini_api_run,
    .build = on_build,
    .event = on_event,
    .refuse = on_refuse,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "gemini_api", .version = "0.2.0",
            .summary = "Google's Gemini API in front of any model", .state_size = sizeof(struct gemini_api),
            AIGW_SETTINGS(settings), .feature = &ops);
