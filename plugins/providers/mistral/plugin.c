/* plugin.c - provider plugin for Mistral's own API, La Plateforme, and for Codestral's.
 *
 * Upstream: POST {base}/chat/completions, {base}/fim/completions or {base}/embeddings, GET {base}/models, answered as
 *           JSON or SSE.
 * State:    struct mistral, one per conf.d group, read-only after open().
 */
#include "../../dialects/common/headers.h"
#include "../../dialects/mistral/mistral.h"

#include <string.h>
#include <strings.h>

struct mistral {
    const struct aigw_host *host;
    const char *base_url, *api_key, *send_reasoning, *extra_body;
    int32_t safe_prompt;
};

static const struct aigw_setting mistral_settings[] = {
    { .name = "base_url",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_URL,
      .offset = offsetof(struct mistral, base_url),
      .default_value = "https://api.mistral.ai/v1",
      .help = "Root URL of the API, including its version: the paths /chat/completions, /fim/completions and "
              "/embeddings are appended, in front of a query." },
    { .name = "api_key",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_SECRET,
      .offset = offsetof(struct mistral, api_key),
      .help = "Key for base_url. Codestral's host has keys of its own. Never sent to an endpoint that came with a "
              "request." },
    { .name = "safe_prompt",
      .type = AIGW_SET_BOOL,
      .offset = offsetof(struct mistral, safe_prompt),
      .default_value = "false",
      .help = "Have Mistral put its safety prompt before every chat." },
    { .name = "send_reasoning",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct mistral, send_reasoning),
      .default_value = "auto",
      .choices = "auto|on|off",
      .help = "Send the reasoning of earlier turns back also where nothing tells that it is Mistral's. auto: for "
              "Magistral models." },
    { .name = "extra_body",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct mistral, extra_body),
      .help = "JSON object whose members are added to every request, such as {\"guardrails\":[]}. Members that the "
              "gateway writes itself are not replaced." },
};

static aigw_status mistral_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct mistral *mistral = self;

    mistral->host = host;
    if (wire_check_header_setting(host, ctx, "api_key", mistral->api_key) != AIGW_OK)
        return AIGW_E_CONFIG;
    if (mistral->extra_body && mistral->extra_body[0] && !wire_is_json_object(wire_str(mistral->extra_body)))
        return host->fail(ctx, AIGW_E_CONFIG, "extra_body: is not a JSON object; expected text like {\"name\": 1}");
    return AIGW_OK;
}

/* A host of Mistral's own: there the version is always /v1, be it written or not. */
static bool is_mistrals(aigw_str base)
{
    static const char domain[] = ".mistral.ai";
    size_t len = sizeof domain - 1;
    aigw_str host = wire_url_host(base);

    return host.len > len && strncasecmp(base.ptr, "https:", 6) == 0 &&
           strncasecmp(host.ptr + host.len - len, domain, len) == 0;
}

static const char *mistral_url(const struct mistral *mistral, struct aigw_ctx *ctx, const struct aigw_target *target,
                               uint32_t path)
{
    static const char *const pasted[] = { "/chat/completions", "/fim/completions", "/embeddings", "/models", NULL };
    static const char *const rooted[] = {
        "/v1/chat/completions", "/v1/fim/completions", "/v1/embeddings", "/v1/models", "/v1", NULL
    };
    aigw_str base = target->endpoint.len > 0 ? target->endpoint : wire_str(mistral->base_url);
    bool is_rooted = is_mistrals(base);
    const char *tail = path == MISTRAL_CHAT     ? "/v1/chat/completions"
                       : path == MISTRAL_FIM    ? "/v1/fim/completions"
                       : path == MISTRAL_MODELS ? "/v1/models"
                                                : "/v1/embeddings";

    return wire_url(mistral->host, ctx, base, is_rooted ? tail : tail + 3, is_rooted ? rooted : pasted);
}

static aigw_status mistral_headers(const struct mistral *mistral, struct aigw_ctx *ctx,
                                   const struct aigw_target *target, struct aigw_http_request *ret_http)
{
    struct wire_headers headers;

    wire_headers_begin(&headers, mistral->host, ctx);
    if (ret_http->body.len > 0)
        wire_header(&headers, "Content-Type: application/json");
    wire_header_value(&headers, "Authorization: Bearer ", wire_key_for(target, mistral->api_key, WIRE_DUMMY_KEY));
    return wire_headers_end(&headers, ret_http);
}

static aigw_status mistral_request(struct aigw_ctx *ctx, void *self, void *call_state, const struct aigw_target *target,
                                   const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct mistral *mistral = self;
    struct mistral_call *call = call_state;
    bool is_magistral = mistral_model_is_magistral(target->model);
    const struct mistral_quirks quirks = {
        .safe_prompt = mistral->safe_prompt,
        .send_reasoning = wire_switch(mistral->send_reasoning, is_magistral),
        .has_prompt_mode = is_magistral,
        .body = wire_str(mistral->extra_body),
        .names = &call->openai.names,
    };
    aigw_status status;
    uint32_t path;

    if (req->raw)
        return mistral->host->fail(ctx, AIGW_E_UNSUPPORTED, "the bytes of the dialect \"%.*s\" cannot pass here",
                                   AIGW_STR_ARG(req->raw->dialect));
    status = openai_begin(mistral->host, ctx, req, wire_has_prefix(target->prefix, "text-completion-"), &call->openai,
                          ret_http);
    if (status != AIGW_OK)
        return status;
    path = call->openai.path;
    ret_http->url = mistral_url(mistral, ctx, target, path);
    if (!ret_http->url)
        return AIGW_E_NOMEM;
    if (path != MISTRAL_MODELS)
        status =
            mistral_body(mistral->host, ctx, path, target->model, req, &quirks, &call->openai.drops, &ret_http->body);
    return status == AIGW_OK ? mistral_headers(mistral, ctx, target, ret_http) : status;
}

static aigw_status mistral_on_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct mistral *mistral = self;

    return mistral_frame(mistral->host, ctx, call, frame);
}

static void mistral_on_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                               struct aigw_error *ret_error)
{
    const struct mistral *mistral = self;

    (void)call;
    mistral_failure(mistral->host, ctx, failure, ret_error);
}

static const struct aigw_rate_header mistral_rates[] = {
    { "x-ratelimit-limit-req-minute", AIGW_RATE_REQUESTS, AIGW_RATE_LIMIT },
    { "x-ratelimit-remaining-req-minute", AIGW_RATE_REQUESTS, AIGW_RATE_REMAINING },
    { "x-ratelimit-limit-tokens-minute", AIGW_RATE_TOKENS, AIGW_RATE_LIMIT },
    { "x-ratelimit-remaining-tokens-minute", AIGW_RATE_TOKENS, AIGW_RATE_REMAINING },
    { "ratelimitbysize-limit", AIGW_RATE_TOKENS, AIGW_RATE_LIMIT },
    { "ratelimitbysize-remaining", AIGW_RATE_TOKENS, AIGW_RATE_REMAINING },
};

static const struct aigw_provider_ops mistral_ops = {
    .struct_size = sizeof mistral_ops,
    .call_size = sizeof(struct mistral_call),
    .open = mistral_open,
    .request = mistral_request,
    .frame = mistral_on_frame,
    .failure = mistral_on_failure,
    AIGW_RATE_HEADERS(mistral_rates),
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "mistral", .version = "0.1.0",
            .summary = "Mistral's API: chat, fill-in-the-middle with Codestral, embeddings",
            .state_size = sizeof(struct mistral), AIGW_SETTINGS(mistral_settings), .provider = &mistral_ops);
