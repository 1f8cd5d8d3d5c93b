/* plugin.c - provider plugin for Anthropic's Messages API and servers that speak it.
 *
 * Upstream: POST {base}/v1/messages, answered as JSON or SSE; …/count_tokens; GET {base}/v1/models; any path that is
 *           passed through.
 * State:    struct anthropic, one per conf.d group, read-only after open().
 */
#include "../../dialects/anthropic/anthropic.h"
#include "../../dialects/common/headers.h"

#include <string.h>

struct anthropic {
    const struct aigw_host *host;
    const char *base_url, *api_key, *version, *prefill, *drop_temperature, *cache_ttl, *auth;
    struct aigw_list beta;
    int64_t max_tokens;
    const char *version_header, *beta_header;
};

static const struct aigw_setting anthropic_settings[] = {
    { .name = "base_url",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_URL,
      .offset = offsetof(struct anthropic, base_url),
      .default_value = "https://api.anthropic.com",
      .help = "Root URL of the API, with or without /v1, or the whole URL of its messages." },
    { .name = "api_key",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_SECRET,
      .offset = offsetof(struct anthropic, api_key),
      .help = "Key for base_url. Never sent to an endpoint that came with a request." },
    { .name = "auth",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct anthropic, auth),
      .default_value = "x-api-key",
      .choices = "x-api-key|bearer",
      .help = "Header that carries the key. Some proxies want bearer." },
    { .name = "version",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct anthropic, version),
      .default_value = "2023-06-01",
      .help = "Value of the header anthropic-version." },
    { .name = "beta",
      .type = AIGW_SET_LIST,
      .offset = offsetof(struct anthropic, beta),
      .help = "Beta features to ask for in the header anthropic-beta." },
    { .name = "max_tokens",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct anthropic, max_tokens),
      .default_value = "4096",
      .min = 1,
      .max = 1000000,
      .help = "Output limit in tokens when neither request nor prompt names one; the API requires it." },
    { .name = "drop_temperature",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct anthropic, drop_temperature),
      .default_value = "auto",
      .choices = "auto|on|off",
      .help = "Leave out temperature, top_p and top_k. auto: for models known to refuse them." },
    { .name = "prefill",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct anthropic, prefill),
      .default_value = "auto",
      .choices = "auto|on|off",
      .help = "Send a trailing assistant turn as such. off: as a user turn. auto: off for models that refuse it." },
    { .name = "cache_ttl",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct anthropic, cache_ttl),
      .default_value = "5m",
      .choices = "5m|1h|off",
      .help = "How long the server keeps cached prompt parts; off sends no cache markers." },
};

static aigw_status anthropic_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct anthropic *anthropic = self;
    struct aigw_buf *beta;
    aigw_str text;

    anthropic->host = host;
    if (wire_check_header_setting(host, ctx, "api_key", anthropic->api_key) != AIGW_OK ||
        wire_check_header_setting(host, ctx, "version", anthropic->version) != AIGW_OK)
        return AIGW_E_CONFIG;
    anthropic->version_header = host->format(ctx, AIGW_LIFE_REQUEST, "anthropic-version: %s", anthropic->version);
    if (!anthropic->version_header)
        return AIGW_E_NOMEM;
    if (anthropic->beta.count == 0)
        return AIGW_OK;
    beta = host->buf_new(ctx, AIGW_LIFE_REQUEST, 4096);
    if (!beta)
        return AIGW_E_NOMEM;
    for (size_t i = 0; i < anthropic->beta.count; i++) {
        if (wire_check_header_setting(host, ctx, "beta", anthropic->beta.items[i]) != AIGW_OK)
            return AIGW_E_CONFIG;
        host->buf_printf(beta, "%s%s", i > 0 ? "," : "anthropic-beta: ", anthropic->beta.items[i]);
    }
    if (host->buf_view(beta, &text) != AIGW_OK)
        return host->fail(ctx, AIGW_E_CONFIG, "beta: the list is longer than 4096 characters");
    anthropic->beta_header = text.ptr;
    return AIGW_OK;
}

/* ---- where to ---- */

/* What a root of the API may end in: people paste whole URLs. */
static const char *const anthropic_tails[] = { "/messages/count_tokens", "/messages", "/v1", NULL };

static aigw_str anthropic_base(const struct anthropic *anthropic, const struct aigw_target *target)
{
    return target->endpoint.len > 0 ? target->endpoint : wire_str(anthropic->base_url);
}

/* With or without /v1; a URL that ends in /messages is the whole one, as some proxies have other paths before it. */
static const char *anthropic_url(const struct anthropic *anthropic, struct aigw_ctx *ctx,
                                 const struct aigw_target *target, bool is_count)
{
    static const char *const none[] = { NULL }, *const count[] = { "/count_tokens", NULL };
    aigw_str base = anthropic_base(anthropic, target);

    if (wire_url_ends(base, "/messages"))
        return wire_url(anthropic->host, ctx, base, is_count ? "/count_tokens" : "", none);
    if (wire_url_ends(base, "/messages/count_tokens"))
        return wire_url(anthropic->host, ctx, base, is_count ? "/count_tokens" : "", count);
    return wire_url(anthropic->host, ctx, base, is_count ? "/v1/messages/count_tokens" : "/v1/messages",
                    anthropic_tails);
}

/* A path of the client's own. Below a whole URL without a version the API has none. */
static aigw_status anthropic_raw_place(const struct anthropic *anthropic, struct aigw_ctx *ctx,
                                       const struct aigw_target *target, const struct aigw_raw *raw,
                                       struct aigw_http_request *ret_http)
{
    aigw_str base = anthropic_base(anthropic, target);
    bool is_whole = wire_url_ends(base, "/messages") || wire_url_ends(base, "/messages/count_tokens");

    return wire_raw_at(anthropic->host, ctx, raw, base, anthropic_tails, is_whole && !wire_url_has_version(base),
                       ret_http);
}

/* Key, version and beta features. The version and further features of a client whose own bytes pass come from it. */
static aigw_status anthropic_headers(const struct anthropic *anthropic, struct aigw_ctx *ctx,
                                     const struct aigw_target *target, const struct aigw_model_request *req,
                                     struct aigw_http_request *ret_http)
{
    const struct aigw_raw *raw = req->raw;
    static const char *const ours[] = { "anthropic-version", "anthropic-beta", NULL };
    bool is_bearer = strcmp(anthropic->auth, "bearer") == 0;
    aigw_str version = raw ? wire_raw_header(raw, "anthropic-version") : AIGW_STR_NONE;
    aigw_str type = raw ? wire_raw_header(raw, "content-type") : AIGW_STR_NONE; /* files come as forms */
    struct wire_headers headers;

    wire_headers_begin(&headers, anthropic->host, ctx);
    if (ret_http->body.len > 0)
        wire_header_value(&headers, "Content-Type: ", type.len > 0 ? type : AIGW_STR("application/json"));
    wire_header_value(&headers, "anthropic-version: ", version);
    if (version.len == 0)
        wire_header(&headers, anthropic->version_header);
    wire_header_value(&headers, is_bearer ? "Authorization: Bearer " : "x-api-key: ",
                      wire_key_for(target, anthropic->api_key, WIRE_DUMMY_KEY));
    wire_header(&headers, anthropic->beta_header);
    if (!raw && anthropic_names_files(req))
        wire_header(&headers, "anthropic-beta: " ANTHROPIC_FILES_BETA);
    if (raw) {
        wire_header_value(&headers, "anthropic-beta: ", wire_raw_header(raw, "anthropic-beta"));
        wire_headers_pass(&headers, raw, ours);
    }
    return wire_headers_end(&headers, ret_http);
}

/* The client's own bytes. */
static aigw_status anthropic_raw_request(const struct anthropic *anthropic, struct aigw_ctx *ctx,
                                         struct anthropic_call *call, const struct aigw_target *target,
                                         const struct aigw_raw *raw, struct aigw_http_request *ret_http)
{
    aigw_status status = AIGW_OK;

    if (!wire_is(raw->dialect, ANTHROPIC_DIALECT))
        return anthropic->host->fail(ctx, AIGW_E_UNSUPPORTED, "the bytes of the dialect \"%.*s\" cannot pass here",
                                     AIGW_STR_ARG(raw->dialect));
    call->raw = anthropic->host->buf_new(ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    if (!call->raw)
        return AIGW_E_NOMEM;
    call->asks = anthropic_asks_at(raw->path);
    call->raw_flags = call->asks == ANTHROPIC_ASKS_ANSWER ? raw->flags : 0;
    ret_http->framing = (raw->flags & AIGW_RAWF_STREAM) ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY;
    if (raw->path.len > 0)
        status = anthropic_raw_place(anthropic, ctx, target, raw, ret_http);
    if (status != AIGW_OK)
        return status;
    return raw->body.len > 0 ? wire_raw_body(anthropic->host, ctx, raw, target->model, "", &ret_http->body) : AIGW_OK;
}

/* What the server has, in as few pages as it allows. */
static aigw_status anthropic_list_request(const struct anthropic *anthropic, struct aigw_ctx *ctx,
                                          struct anthropic_call *call, const struct aigw_target *target,
                                          struct aigw_http_request *ret_http)
{
    static const struct aigw_raw list = { .struct_size = sizeof list,
                                          .method = AIGW_STR_INIT("GET"),
                                          .path = AIGW_STR_INIT("/v1/models?limit=1000") };

    call->asks = ANTHROPIC_ASKS_MODELS;
    ret_http->framing = AIGW_FRAMING_BODY;
    return anthropic_raw_place(anthropic, ctx, target, &list, ret_http);
}

static aigw_status anthropic_built_request(const struct anthropic *anthropic, struct aigw_ctx *ctx,
                                           struct anthropic_call *call, const struct aigw_target *target,
                                           const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct anthropic_quirks quirks = {
        .max_tokens = anthropic->max_tokens,
        .drop_sampling = wire_switch(anthropic->drop_temperature, wire_model_drops_temperature(target->model)),
        .refuses_prefill = !wire_switch(anthropic->prefill, !wire_model_refuses_prefill(target->model)),
        .cache_ttl = anthropic->cache_ttl,
        .names = &call->names,
    };

    if (req->kind == AIGW_CALL_MODELS)
        return anthropic_list_request(anthropic, ctx, call, target, ret_http);
    if (req->kind != AIGW_CALL_CHAT && req->kind != AIGW_CALL_COUNT)
        return anthropic->host->fail(ctx, AIGW_E_UNSUPPORTED, "Anthropic's API has no %s; use another provider for it",
                                     req->kind == AIGW_CALL_EMBEDDING    ? "embeddings"
                                     : req->kind == AIGW_CALL_COMPLETION ? "raw completions"
                                                                         : "such call");
    call->asks = req->kind == AIGW_CALL_COUNT ? ANTHROPIC_ASKS_COUNT : ANTHROPIC_ASKS_ANSWER;
    ret_http->framing =
        (req->flags & AIGW_REQF_STREAM) && call->asks == ANTHROPIC_ASKS_ANSWER ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY;
    return anthropic_body(anthropic->host, ctx, target->model, req, &quirks, &call->drops, &ret_http->body);
}

static aigw_status anthropic_request(struct aigw_ctx *ctx, void *self, void *call_state,
                                     const struct aigw_target *target, const struct aigw_model_request *req,
                                     struct aigw_http_request *ret_http)
{
    const struct anthropic *anthropic = self;
    struct anthropic_call *call = call_state;
    aigw_status status;

    ret_http->method = "POST";
    status = req->raw ? anthropic_raw_request(anthropic, ctx, call, target, req->raw, ret_http)
                      : anthropic_built_request(anthropic, ctx, call, target, req, ret_http);
    if (status == AIGW_OK)
        status = anthropic_headers(anthropic, ctx, target, req, ret_http);
    if (status == AIGW_OK && !ret_http->url)
        ret_http->url = anthropic_url(anthropic, ctx, target, call->asks == ANTHROPIC_ASKS_COUNT);
    return status == AIGW_OK && !ret_http->url ? AIGW_E_NOMEM : status;
}

static aigw_status anthropic_on_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct anthropic *anthropic = self;

    return anthropic_frame(anthropic->host, ctx, call, frame);
}

static aigw_status anthropic_on_done(struct aigw_ctx *ctx, void *self, void *call)
{
    const struct anthropic *anthropic = self;

    return anthropic_done(anthropic->host, ctx, call);
}

static void anthropic_on_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                                 struct aigw_error *ret_error)
{
    const struct anthropic *anthropic = self;

    (void)call;
    anthropic_failure(anthropic->host, ctx, failure, ret_error);
}

static const char *const anthropic_dialects[] = { ANTHROPIC_DIALECT };

static const struct aigw_rate_header anthropic_rates[] = {
    { "anthropic-ratelimit-requests-limit", AIGW_RATE_REQUESTS, AIGW_RATE_LIMIT },
    { "anthropic-ratelimit-requests-remaining", AIGW_RATE_REQUESTS, AIGW_RATE_REMAINING },
    { "anthropic-ratelimit-tokens-limit", AIGW_RATE_TOKENS, AIGW_RATE_LIMIT },
    { "anthropic-ratelimit-tokens-remaining", AIGW_RATE_TOKENS, AIGW_RATE_REMAINING },
    { "anthropic-ratelimit-input-tokens-limit", AIGW_RATE_INPUT_TOKENS, AIGW_RATE_LIMIT },
    { "anthropic-ratelimit-input-tokens-remaining", AIGW_RATE_INPUT_TOKENS, AIGW_RATE_REMAINING },
    { "anthropic-ratelimit-output-tokens-limit", AIGW_RATE_OUTPUT_TOKENS, AIGW_RATE_LIMIT },
    { "anthropic-ratelimit-output-tokens-remaining", AIGW_RATE_OUTPUT_TOKENS, AIGW_RATE_REMAINING },
    { "anthropic-ratelimit-requests-reset", AIGW_RATE_REQUESTS, AIGW_RATE_RESET },
    { "anthropic-ratelimit-tokens-reset", AIGW_RATE_TOKENS, AIGW_RATE_RESET },
    { "anthropic-ratelimit-input-tokens-reset", AIGW_RATE_INPUT_TOKENS, AIGW_RATE_RESET },
    { "anthropic-ratelimit-output-tokens-reset", AIGW_RATE_OUTPUT_TOKENS, AIGW_RATE_RESET },
};

static const struct aigw_provider_ops anthropic_ops = {
    .struct_size = sizeof anthropic_ops,
    .dialect_count = sizeof anthropic_dialects / sizeof *anthropic_dialects,
    .call_size = sizeof(struct anthropic_call),
    .open = anthropic_open,
    .request = anthropic_request,
    .frame = anthropic_on_frame,
    .done = anthropic_on_done,
    .failure = anthropic_on_failure,
    .dialects = anthropic_dialects,
    AIGW_RATE_HEADERS(anthropic_rates),
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "anthropic", .version = "0.2.0", .summary = "Anthropic Messages API",
            .state_size = sizeof(struct anthropic), AIGW_SETTINGS(anthropic_settings), .provider = &anthropic_ops);
