/* plugin.c - provider plugin for OpenAI and the many servers that speak its dialect; how they differ is the dialect's
 * profile.h.
 *
 * Upstream: POST {base}/chat/completions, {base}/completions or {base}/embeddings, GET {base}/models, answered as JSON
 * or SSE; the client's own bytes to any path. State:    struct openai, one per conf.d group, read-only after open().
 */
#include "../../dialects/common/headers.h"
#include "../../dialects/openai/openai.h"

#include <string.h>

struct openai {
    const struct aigw_host *host;
    const char *profile, *base_url, *api_key, *organization, *project;
    const char *max_completion_tokens, *drop_temperature, *continue_final_message, *prefill, *completion_path;
    const char *extra_body;
    int64_t max_stops;
    int32_t send_reasoning;
};

static const struct aigw_setting openai_settings[] = {
    { .name = "base_url",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_URL,
      .offset = offsetof(struct openai, base_url),
      .help = "Root URL of the API, including its version: the paths /chat/completions, /completions, /embeddings and "
              "/models are appended, in front of a query. Without one that of the profile's public service, or "
              "https://api.openai.com/v1." },
    { .name = "profile",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct openai, profile),
      .default_value = "auto",
      .choices = OPENAI_PROFILE_NAMES,
      .help =
          "Kind of server: what it takes, what it calls things. auto: by the host of a well-known service, else the "
          "plain dialect." },
    { .name = "api_key",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_SECRET,
      .offset = offsetof(struct openai, api_key),
      .help = "Bearer key for base_url. Servers that need none get the value dummy_key. Never sent to an endpoint that "
              "came with a request." },
    { .name = "organization",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct openai, organization),
      .help = "Value of the header OpenAI-Organization for base_url." },
    { .name = "project",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct openai, project),
      .help = "Value of the header OpenAI-Project for base_url." },
    { .name = "max_completion_tokens",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct openai, max_completion_tokens),
      .default_value = "auto",
      .choices = "auto|on|off",
      .help = "Send the output limit as max_completion_tokens instead of max_tokens. auto: for gpt-5 and o-series "
              "models." },
    { .name = "drop_temperature",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct openai, drop_temperature),
      .default_value = "auto",
      .choices = "auto|on|off",
      .help = "Leave out temperature, top_p, top_k and penalties. auto: for models known to refuse them." },
    { .name = "max_stops",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct openai, max_stops),
      .default_value = "-1",
      .min = -1,
      .max = 1024,
      .help = "Most stop sequences sent, the first ones win; 0 for no limit; -1: by profile and model." },
    { .name = "continue_final_message",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct openai, continue_final_message),
      .default_value = "auto",
      .choices = "auto|on|off",
      .help = "Ask the server to continue a trailing assistant message (vLLM). auto: for Mistral-family models." },
    { .name = "prefill",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct openai, prefill),
      .default_value = "auto",
      .choices = "auto|on|off",
      .help = "Send a trailing assistant message as such. off: as a user message. auto: off for Claude models that "
              "refuse it." },
    { .name = "send_reasoning",
      .type = AIGW_SET_BOOL,
      .offset = offsetof(struct openai, send_reasoning),
      .default_value = "false",
      .help = "Send the reasoning of earlier turns back as reasoning_content, as some servers want it." },
    { .name = "completion_path",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct openai, completion_path),
      .help = "Path of raw completions below base_url." },
    { .name = "extra_body",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct openai, extra_body),
      .help = "JSON object whose members are added to every request, such as {\"chat_template_kwargs\":{}}. Members "
              "that the gateway writes itself are not replaced." },
};

static aigw_status openai_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct openai *openai = self;

    openai->host = host;
    if (wire_check_header_setting(host, ctx, "api_key", openai->api_key) != AIGW_OK ||
        wire_check_header_setting(host, ctx, "organization", openai->organization) != AIGW_OK ||
        wire_check_header_setting(host, ctx, "project", openai->project) != AIGW_OK)
        return AIGW_E_CONFIG;
    if (openai->completion_path && openai->completion_path[0] != '/')
        return host->fail(ctx, AIGW_E_CONFIG, "completion_path: is \"%s\", expected a path that begins with /",
                          openai->completion_path);
    if (openai->extra_body && openai->extra_body[0] && !wire_is_json_object(wire_str(openai->extra_body)))
        return host->fail(ctx, AIGW_E_CONFIG, "extra_body: is not a JSON object; expected text like {\"name\": 1}");
    return AIGW_OK;
}

/* ---- where to ---- */

/* The server at hand: its base URL, and what kind it is. */
struct openai_place {
    aigw_str base;
    const struct openai_profile *profile;
};

static aigw_status openai_find_place(const struct openai *openai, struct aigw_ctx *ctx,
                                     const struct aigw_target *target, struct openai_place *ret_place)
{
    aigw_str base = target->endpoint.len > 0 ? target->endpoint : wire_str(openai->base_url);

    ret_place->profile = openai_profile(openai->profile, base.len > 0 ? base : AIGW_STR("https://api.openai.com/v1"));
    ret_place->base = base.len > 0 ? base : wire_str(ret_place->profile->base_url);
    if (ret_place->base.len > 0)
        return AIGW_OK;
    return openai->host->fail(ctx, AIGW_E_INVALID,
                              "the request names no endpoint, base_url is not set, and a server of the profile \"%s\" "
                              "has no public address; set base_url",
                              openai->profile);
}

static const char *openai_tail(const struct openai *openai, const struct openai_place *place, struct aigw_ctx *ctx,
                               uint32_t path, bool has_prefill)
{
    const struct openai_profile *profile = place->profile;
    const char *tail = path == OPENAI_CHAT        ? "/chat/completions"
                       : path == OPENAI_MODELS    ? "/models"
                       : path == OPENAI_EMBEDDING ? "/embeddings"
                                                  : "/completions";
    bool is_beta = profile->beta && (path == OPENAI_COMPLETION || (path == OPENAI_CHAT && has_prefill));
    const char *before = is_beta                                             ? profile->beta
                         : profile->version && wire_url_is_bare(place->base) ? profile->version
                                                                             : NULL;

    if (path == OPENAI_COMPLETION && openai->completion_path)
        return openai->completion_path;
    return before ? wire_join(openai->host, ctx, wire_str(before), wire_str(tail)) : tail;
}

static aigw_status openai_url(const struct openai *openai, struct aigw_ctx *ctx, const struct openai_place *place,
                              const char *tail, struct openai_call *call, struct aigw_http_request *ret_http)
{
    static const char *const pasted[] = { "/chat/completions", "/completions", "/embeddings",
                                          "/models",           "/responses",   NULL };
    static const char *const pasted_beta[] = { "/v1/chat/completions", "/v1/completions", "/v1/models", "/v1", NULL };
    bool is_beta = tail && place->profile->beta && wire_has_prefix(wire_str(tail), place->profile->beta);

    ret_http->url = tail ? wire_url(openai->host, ctx, place->base, tail, is_beta ? pasted_beta : pasted) : NULL;
    if (!ret_http->url)
        return AIGW_E_NOMEM;
    if (!place->profile->hosts && !wire_url_has_version(wire_str(ret_http->url)))
        call->bare_url =
            openai->host->format(ctx, AIGW_LIFE_REQUEST, "%.*s", (int)strcspn(ret_http->url, "?"), ret_http->url);
    return AIGW_OK;
}

/* LiteLLM's word for servers that have raw completions alone. */
static bool is_text(const struct aigw_target *target)
{
    return wire_has_prefix(target->prefix, "text-completion-");
}

/* What the settings say wins. */
static struct openai_quirks openai_find_quirks(const struct openai *openai, const struct openai_profile *profile,
                                               aigw_str model)
{
    struct openai_quirks quirks = openai_quirks_of(profile, model);
    bool drops = wire_switch(openai->drop_temperature, quirks.refuses & OPENAI_NO_SAMPLING);
    bool says_new = wire_switch(openai->max_completion_tokens, quirks.says & OPENAI_SAYS_MAX_COMPLETION);
    bool continues = wire_switch(openai->continue_final_message, quirks.prefill == OPENAI_PREFILL_CONTINUE);

    quirks.refuses = drops ? quirks.refuses | OPENAI_NO_SAMPLING : quirks.refuses & ~OPENAI_NO_SAMPLING;
    quirks.says =
        says_new ? quirks.says | OPENAI_SAYS_MAX_COMPLETION : quirks.says & ~(uint32_t)OPENAI_SAYS_MAX_COMPLETION;
    if (!wire_switch(openai->prefill, quirks.prefill != OPENAI_PREFILL_TOLD))
        quirks.prefill = OPENAI_PREFILL_TOLD;
    else if (continues)
        quirks.prefill = OPENAI_PREFILL_CONTINUE;
    else if (quirks.prefill == OPENAI_PREFILL_TOLD || quirks.prefill == OPENAI_PREFILL_CONTINUE)
        quirks.prefill = OPENAI_PREFILL_PLAIN;
    if (openai->max_stops >= 0)
        quirks.max_stops = openai->max_stops == 0 ? OPENAI_STOPS_ALL : openai->max_stops;
    quirks.send_reasoning = openai->send_reasoning;
    quirks.body = wire_str(openai->extra_body);
    return quirks;
}

static aigw_status openai_headers(const struct openai *openai, struct aigw_ctx *ctx, const struct aigw_target *target,
                                  const struct aigw_raw *raw, struct aigw_http_request *ret_http)
{
    static const char *const ours[] = { "OpenAI-Organization", "OpenAI-Project", NULL };
    aigw_str type = raw ? wire_raw_header(raw, "content-type") : AIGW_STR_NONE; /* files come as forms */
    struct wire_headers headers;

    wire_headers_begin(&headers, openai->host, ctx);
    if (ret_http->body.len > 0)
        wire_header_value(&headers, "Content-Type: ", type.len > 0 ? type : AIGW_STR("application/json"));
    wire_header_value(&headers, "Authorization: Bearer ", wire_key_for(target, openai->api_key, WIRE_DUMMY_KEY));
    if (wire_is_our_place(target)) {
        wire_header_value(&headers, "OpenAI-Organization: ", wire_str(openai->organization));
        wire_header_value(&headers, "OpenAI-Project: ", wire_str(openai->project));
    }
    if (raw)
        wire_headers_pass(&headers, raw, ours);
    return wire_headers_end(&headers, ret_http);
}

/* ---- requests ---- */

/* A chat's bytes go to where chats go, others to their own path. */
static aigw_status openai_raw_request(const struct openai *openai, struct aigw_ctx *ctx, struct openai_call *call,
                                      const struct aigw_target *target, const struct openai_place *place,
                                      const struct aigw_raw *raw, struct aigw_http_request *ret_http)
{
    aigw_status status =
        openai_begin_raw(openai->host, ctx, raw, target->model, place->profile->refuses, call, ret_http);

    if (status == AIGW_OK && is_text(target))
        return openai->host->fail(ctx, AIGW_E_UNSUPPORTED, "a chat's bytes cannot pass to the completions path");
    if (status == AIGW_OK && raw->path.len == 0)
        return openai_url(openai, ctx, place, openai_tail(openai, place, ctx, OPENAI_CHAT, false), call, ret_http);
    return status == AIGW_OK ? wire_raw_place(openai->host, ctx, raw, place->base, ret_http) : status;
}

static aigw_status openai_built_request(const struct openai *openai, struct aigw_ctx *ctx, struct openai_call *call,
                                        const struct aigw_target *target, const struct openai_place *place,
                                        const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    struct openai_quirks quirks = openai_find_quirks(openai, place->profile, target->model);
    aigw_status status = openai_begin(openai->host, ctx, req, is_text(target), call, ret_http);

    if (status != AIGW_OK)
        return status;
    quirks.names = &call->names;
    quirks.stops = &call->stops;
    status = openai_url(openai, ctx, place, openai_tail(openai, place, ctx, call->path, openai_has_prefill(req)), call,
                        ret_http);
    if (status != AIGW_OK || call->path == OPENAI_MODELS)
        return status;
    return openai_body(openai->host, ctx, call->path, target->model, req, &quirks, &call->drops, &ret_http->body);
}

static aigw_status openai_request(struct aigw_ctx *ctx, void *self, void *call_state, const struct aigw_target *target,
                                  const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct openai *openai = self;
    struct openai_place place;
    aigw_status status = openai_find_place(openai, ctx, target, &place);

    if (status == AIGW_OK)
        status = req->raw ? openai_raw_request(openai, ctx, call_state, target, &place, req->raw, ret_http)
                          : openai_built_request(openai, ctx, call_state, target, &place, req, ret_http);
    return status == AIGW_OK ? openai_headers(openai, ctx, target, req->raw, ret_http) : status;
}

/* ---- answers ---- */

static aigw_status openai_on_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct openai *openai = self;

    return openai_frame(openai->host, ctx, call, frame);
}

static void openai_on_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                              struct aigw_error *ret_error)
{
    const struct openai *openai = self;

    openai_failure(openai->host, ctx, failure, ret_error);
    openai_explain_path(openai->host, ctx, call, failure, ret_error);
}

static const char *const openai_dialects[] = { OPENAI_DIALECT, OPENAI_DIALECT_ANY };

static const struct aigw_provider_ops openai_ops = {
    .struct_size = sizeof openai_ops,
    .dialect_count = sizeof openai_dialects / sizeof *openai_dialects,
    .call_size = sizeof(struct openai_call),
    .open = openai_open,
    .request = openai_request,
    .frame = openai_on_frame,
    .failure = openai_on_failure,
    .dialects = openai_dialects,
    AIGW_RATE_HEADERS(openai_rate_headers),
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "openai", .version = "0.2.0",
            .summary = "OpenAI and compatible servers: vLLM, Ollama, LM Studio, TGI, llama.cpp and others",
            .state_size = sizeof(struct openai), AIGW_SETTINGS(openai_settings), .provider = &openai_ops);
