/* plugin.c - feature plugin for OpenAI's API in front of any model: chat completions, legacy completions, embeddings.
 * State: struct openai_api, one per conf.d group; struct openai_api_call, one per request. Static are tables only.
 */
#include "openai_api.h"

#include <string.h>

static const struct aigw_setting settings[] = {
    CLIENT_SETTINGS(struct openai_api, client),
    { .name = "responses_pass",
      .type = AIGW_SET_BOOL,
      .offset = offsetof(struct openai_api, responses_pass),
      .default_value = "false",
      .help = "Requests of the Responses API go as they are to servers of OpenAI's API, state and built-in tools "
              "included. Only for models whose server has /v1/responses; others get a chat." },
};

#define ROUTE(route_path, route_tag, route_summary) \
    { \
        .method = "POST", .path = (route_path), .tag = (route_tag), .body_max = CLIENT_BODY_MAX, \
        .category = "client_api", .summary = (route_summary), .group = "openai", .callers = AIGW_CALLER_KEY, \
        .key_first = AIGW_KEY_FIRST_BEARER \
    }

#define AZURE(route_path, route_tag, route_summary) \
    { \
        .method = "POST", .path = "/openai/deployments/{deployment:path}" route_path, .tag = (route_tag), \
        .body_max = CLIENT_BODY_MAX, .category = "client_api", .summary = (route_summary), .group = "openai", \
        .callers = AIGW_CALLER_KEY, .key_first = AIGW_KEY_FIRST_PLAIN \
    }

#define NO_BODY(route_method, route_path, route_tag, route_summary) \
    { \
        .method = (route_method), .path = (route_path), .tag = (route_tag), .flags = AIGW_ROUTEF_NO_BODY, \
        .category = "client_api", .summary = (route_summary), .group = "openai", .callers = AIGW_CALLER_KEY, \
        .key_first = AIGW_KEY_FIRST_BEARER \
    }

/* Base URLs are typed without their version, or with it where the client adds it. */
#define MISTAKEN(route_path, route_tag, route_summary) \
    ROUTE(route_path, route_tag, route_summary), ROUTE("/v1/v1" route_path, route_tag, route_summary), \
        ROUTE("/openai" route_path, route_tag, route_summary)

#define RESPONSES(base) \
    ROUTE(base "/responses", OPENAI_RESPONSES, "OpenAI's responses, without state"), \
        ROUTE(base "/responses/input_tokens", OPENAI_API_COUNT, "How many tokens a request has"), \
        ROUTE(base "/responses/compact", OPENAI_API_NO_SHRINK, "Not served"), \
        NO_BODY("POST", base "/responses/{response}/cancel", OPENAI_API_NO_STATE, "No answer is kept"), \
        NO_BODY("GET", base "/responses", OPENAI_API_SOCKET, "Not served over WebSockets"), \
        NO_BODY("GET", base "/responses/{response:path}", OPENAI_API_NO_STATE, "No answer is kept"), \
        NO_BODY("DELETE", base "/responses/{response:path}", OPENAI_API_NO_STATE, "No answer is kept")

#define CLAIM(claim_path) CLIENT_CLAIM(claim_path, "openai", 0, 0, AIGW_KEY_FIRST_BEARER)

static const struct aigw_route routes[] = {
    ROUTE("/v1/chat/completions", OPENAI_CHAT, "OpenAI's chat completions"),
    ROUTE("/v1/completions", OPENAI_COMPLETION, "OpenAI's legacy completions"),
    ROUTE("/v1/embeddings", OPENAI_EMBEDDING, "OpenAI's embeddings"),
    /* a prefix that says the dialect; base URLs without a version */
    ROUTE("/openai/v1/chat/completions", OPENAI_CHAT, "OpenAI's chat completions"),
    ROUTE("/openai/v1/completions", OPENAI_COMPLETION, "OpenAI's legacy completions"),
    ROUTE("/openai/v1/embeddings", OPENAI_EMBEDDING, "OpenAI's embeddings"),
    MISTAKEN("/chat/completions", OPENAI_CHAT, "OpenAI's chat completions"),
    MISTAKEN("/completions", OPENAI_COMPLETION, "OpenAI's legacy completions"),
    MISTAKEN("/embeddings", OPENAI_EMBEDDING, "OpenAI's embeddings"),
    MISTAKEN("/responses", OPENAI_RESPONSES, "OpenAI's responses, without state"),
    RESPONSES("/v1"),
    RESPONSES("/openai/v1"),
    /* what the vendor has besides, and nobody else: said so in its own words */
    CLAIM("/openai"),
    CLAIM("/v1/chat/completions"),
    CLAIM("/v1/completions"),
    CLAIM("/v1/embeddings"),
    CLAIM("/v1/responses"),
    CLAIM("/v1/assistants"),
    CLAIM("/v1/audio"),
    CLAIM("/v1/batches"),
    CLAIM("/v1/chatkit"),
    CLAIM("/v1/containers"),
    CLAIM("/v1/conversations"),
    CLAIM("/v1/edits"),
    CLAIM("/v1/engines"),
    CLAIM("/v1/evals"),
    CLAIM("/v1/fine_tuning"),
    CLAIM("/v1/images"),
    CLAIM("/v1/moderations"),
    CLAIM("/v1/organization"),
    CLAIM("/v1/realtime"),
    CLAIM("/v1/threads"),
    CLAIM("/v1/uploads"),
    CLAIM("/v1/vector_stores"),
    CLAIM("/v1/videos"),
    /* Azure's form: the model stands in the path */
    AZURE("/chat/completions", OPENAI_CHAT, "Azure OpenAI's chat completions"),
    AZURE("/completions", OPENAI_COMPLETION, "Azure OpenAI's legacy completions"),
    AZURE("/embeddings", OPENAI_EMBEDDING, "Azure OpenAI's embeddings"),
};

static aigw_status openai_api_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct openai_api *api = self;

    api->host = host;
    return client_check_aliases(host, ctx, &api->client.aliases);
}

/* What is dropped, as these APIs call it. */
static const struct client_word chat_words[] = {
    { "parallel_calls", "parallel_tool_calls" },
    { "format", "response_format" },
    { "effort", "reasoning_effort" },
    { "reasoning", "reasoning_effort" },
    { "reasoning_budget", "reasoning_effort" },
    { "cache_key", "prompt_cache_key" },
    { "title", "filename" },
    { "image", "image_url" },
    { "audio", "input_audio" },
    { "document", "file" },
    { NULL, NULL },
};
static const struct client_word responses_words[] = {
    { "parallel_calls", "parallel_tool_calls" },
    { "format", "text.format" },
    { "verbosity", "text.verbosity" },
    { "effort", "reasoning.effort" },
    { "logprobs", "top_logprobs" },
    { "reasoning", "reasoning.effort" },
    { "reasoning_budget", "reasoning.effort" },
    { "cache_key", "prompt_cache_key" },
    { "title", "filename" },
    { "image", "input_image" },
    { "audio", "input_audio" },
    { "document", "input_file" },
    { NULL, NULL },
};

static void keep_words(struct openai_api_call *call)
{
    const struct client_word words[] = { { "user", call->asked.user_word },
                                         { "effort", call->asked.effort_word },
                                         { "logprobs", call->asked.logprobs_word },
                                         { "reasoning", call->asked.thinking_word },
                                         { "reasoning_budget", call->asked.thinking_word } };
    size_t count = 0;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].word)
            call->said[count++] = words[i];
    call->answer.said = count > 0 ? call->said : NULL;
}

/* What a client says to the server beside its body. */
static void keep_headers(struct aigw_ctx *ctx, struct openai_api_call *call)
{
    static const char *const names[] = { "openai-beta", "idempotency-key" };
    struct aigw_raw *raw = &call->asked.raw;

    raw->headers = call->passed;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        aigw_str value = call->api->host->header(ctx, names[i]);

        if (value.len > 0)
            call->passed[raw->header_count++] = (struct aigw_pair){ { names[i], strlen(names[i]) }, value };
    }
}

static const struct client_rates rates = {
    .limit = { "x-ratelimit-limit-requests", "x-ratelimit-limit-tokens" },
    .remaining = { "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens" },
    .reset = { "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens" },
};

/* ---- the body ---- */

static aigw_status read_body(struct aigw_ctx *ctx, struct openai_api_call *call, const struct aigw_request *request,
                             struct openai_refusal *ret_refusal)
{
    const struct aigw_host *host = call->api->host;

    switch (request->route->tag) {
    case OPENAI_COMPLETION:
        return openai_read_completion(host, ctx, request->body, &call->asked, &call->request, ret_refusal);
    case OPENAI_RESPONSES:
    case OPENAI_API_COUNT:
        return openai_read_responses(host, ctx, request->body, &call->asked, &call->request, ret_refusal);
    case OPENAI_EMBEDDING:
        return openai_read_embedding(host, ctx, request->body, &call->asked, &call->request, ret_refusal);
    default:
        return openai_read_chat(host, ctx, request->body, &call->asked, &call->request, ret_refusal);
    }
}

/* A body of the Responses API on the chat's path: some clients do that, and expect a chat's answer. */
static aigw_status read_as_responses(struct aigw_ctx *ctx, struct openai_api_call *call,
                                     const struct aigw_request *request, struct openai_refusal *ret_refusal)
{
    aigw_status status;

    call->asked = (struct openai_asked){ .choice_count = 1 };
    call->request = (struct aigw_model_request){ .struct_size = sizeof call->request };
    status = openai_read_responses(call->api->host, ctx, request->body, &call->asked, &call->request, ret_refusal);
    call->asked.path = OPENAI_CHAT;
    call->asked.has_foreign = true; /* whatever it holds, no server takes it on that path */
    return status == AIGW_E_UNSUPPORTED ? AIGW_E_INVALID : status;
}

static aigw_status refuse_body(struct aigw_ctx *ctx, struct openai_api_call *call, const struct openai_refusal *refusal)
{
    openai_put_refusal(call->api->host, call->answer.buf, refusal);
    client_answer_refuse(&call->answer, ctx, 400, AIGW_NO, -1);
    return AIGW_E_INVALID;
}

/* It is said when the model turns out to be another vendor's. */
static bool keep_refusal(struct aigw_ctx *ctx, struct openai_api_call *call, const struct openai_refusal *refusal)
{
    const struct aigw_host *host = call->api->host;

    return client_keep(host, ctx, refusal->message, &call->only_as_is.message) &&
           client_keep(host, ctx, refusal->param, &call->only_as_is.param) &&
           client_keep(host, ctx, refusal->code, &call->only_as_is.code);
}

static aigw_status openai_api_check(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    struct openai_api_call *call = state;
    struct openai_refusal refusal = { AIGW_STR_NONE, AIGW_STR_NONE, AIGW_STR_NONE };
    const struct openai_refusal too_many = { AIGW_STR("prompt"), AIGW_STR("array_above_max_length"),
                                             AIGW_STR("prompt: more than 64 texts; send them in several requests") };
    aigw_status status;

    call->api = self;
    call->request.struct_size = sizeof call->request;
    call->body_len = request->body.len;
    call->is_count = request->route->tag == OPENAI_API_COUNT;
    call->is_responses = request->route->tag == OPENAI_RESPONSES || call->is_count;
    if (request->route->tag <= OPENAI_EMBEDDING)
        call->asked.model = request->path_param; /* in Azure's form */
    call->answer.words = call->is_responses ? responses_words : chat_words;
    call->answer.rates = &rates;
    status = client_answer_begin(&call->answer, call->api->host, ctx, false, openai_api_heartbeat);
    if (status != AIGW_OK)
        return status;
    if (request->route->tag > OPENAI_API_COUNT)
        return AIGW_OK; /* nothing is read */
    status = read_body(ctx, call, request, &refusal);
    if (status == AIGW_E_INVALID && call->asked.has_input)
        status = read_as_responses(ctx, call, request, &refusal);
    if (status == AIGW_E_UNSUPPORTED && call->is_responses && !call->api->responses_pass)
        status = AIGW_E_INVALID;
    if (status == AIGW_E_INVALID)
        return refuse_body(ctx, call, &refusal);
    if (status == AIGW_E_UNSUPPORTED)
        status = keep_refusal(ctx, call, &refusal) ? AIGW_OK : AIGW_E_NOMEM;
    if (status != AIGW_OK) /* a body of many tiny pieces is larger in memory than as text */
        return status == AIGW_E_NOMEM ? AIGW_E_LIMIT : status;
    if (call->asked.prompt_count > OPENAI_API_PROMPTS_MAX)
        return refuse_body(ctx, call, &too_many);
    call->answer.is_stream = call->asked.is_stream && !call->is_count;
    keep_words(call);
    keep_headers(ctx, call);
    if (call->is_count)
        call->request.kind = AIGW_CALL_COUNT;
    /* said in every piece of the answer */
    return client_keep(call->api->host, ctx, call->asked.model, &call->client_model) ? AIGW_OK : AIGW_E_NOMEM;
}

static aigw_status openai_api_run(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    (void)self;
    return request->route->tag > OPENAI_API_COUNT ? openai_api_stateless(ctx, state, request->route->tag)
                                                  : openai_api_ask(ctx, state);
}

static aigw_status on_build(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_model_info *target,
                            const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    struct openai_api_call *call = state;

    (void)self;
    return openai_api_build(ctx, call, target, (uint32_t)((struct aigw_usage *)options->tag - call->usage),
                            ret_request);
}

static aigw_status on_event(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_event *event)
{
    (void)self;
    return openai_api_event(ctx, state, event);
}

/* ---- refusals of the core ---- */

static aigw_status on_refuse(struct aigw_ctx *ctx, void *self, const struct aigw_request *request,
                             const struct aigw_refusal *refusal)
{
    const struct openai_api *api = self;
    struct client_answer answer = { .host = api->host };
    aigw_status status = client_answer_begin(&answer, api->host, ctx, false, NULL);
    struct openai_error error;

    (void)request;
    if (status != AIGW_OK)
        return status;
    openai_error_of_refusal(refusal->kind, &error);
    openai_put_error(api->host, answer.buf, &error, client_refusal_text(refusal, CLIENT_NO_OPENAI_PATH));
    return client_answer_refuse(&answer, ctx, (uint32_t)refusal->http_status, error.retry,
                                refusal->retry_after_s >= 0 ? refusal->retry_after_s * 1000 : -1);
}

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct openai_api_call),
    .open = openai_api_open,
    .check = openai_api_check,
    .run = openai_api_run,
    .build = on_build,
    .event = on_event,
    .refuse = on_refuse,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "openai_api", .version = "0.2.0",
            .summary = "OpenAI's API in front of any model", .state_size = sizeof(struct openai_api),
            AIGW_SETTINGS(settings), .feature = &ops);
