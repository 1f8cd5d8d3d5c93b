/* plugin.c - provider plugin for OpenAI and the many servers that speak its dialect: vLLM, Ollama, LM Studio, TGI,
 * llama.cpp, LiteLLM, Fireworks and others.
 *
 * Upstream: POST {base}/chat/completions, {base}/completions or {base}/embeddings, answered as JSON or SSE.
 * State:    struct openai, one per conf.d group, read-only after open().
 */
#include "../../dialects/common/headers.h"
#include "../../dialects/openai/openai.h"

#include <string.h>

struct openai {
    const struct aigw_host *host;
    const char *base_url, *api_key, *organization, *project;
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
      .default_value = "https://api.openai.com/v1",
      .help = "Root URL of the API, including its version: the paths /chat/completions, /completions and /embeddings "
              "are appended, in front of a query." },
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
      .help =
          "Most stop sequences sent, the first ones win; 0 for no limit. -1 decides by itself: 4 for api.openai.com, "
          "none for gpt-5 and o-series models, no limit elsewhere." },
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
      .default_value = "/completions",
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
    if (openai->completion_path[0] != '/')
        return host->fail(ctx, AIGW_E_CONFIG, "completion_path: is \"%s\", expected a path that begins with /",
                          openai->completion_path);
    if (openai->extra_body && openai->extra_body[0] && !wire_is_json_object(wire_str(openai->extra_body)))
        return host->fail(ctx, AIGW_E_CONFIG, "extra_body: is not a JSON object; expected text like {\"name\": 1}");
    return AIGW_OK;
}

/* ---- where to ---- */

static aigw_str openai_base(const struct openai *openai, const struct aigw_target *target)
{
    return target->endpoint.len > 0 ? target->endpoint : wire_str(openai->base_url);
}

static const char *openai_url(const struct openai *openai, struct aigw_ctx *ctx, const struct aigw_target *target,
                              uint32_t path)
{
    static const char *const pasted[] = { "/chat/completions", "/completions", "/embeddings", NULL };
    const char *tail = path == OPENAI_CHAT         ? "/chat/completions"
                       : path == OPENAI_COMPLETION ? openai->completion_path
                                                   : "/embeddings";

    return wire_url(openai->host, ctx, openai_base(openai, target), tail, pasted);
}

/* 0 for a kind of call that the dialect does not have. */
static uint32_t openai_path(const struct aigw_target *target, const struct aigw_model_request *req)
{
    switch (req->kind) {
    case AIGW_CALL_EMBEDDING:
        return OPENAI_EMBEDDING;
    case AIGW_CALL_COMPLETION:
        return OPENAI_COMPLETION;
    case AIGW_CALL_CHAT:
        return wire_has_prefix(target->prefix, "text-completion-") ? OPENAI_COMPLETION : OPENAI_CHAT;
    default:
        return 0;
    }
}

static void openai_find_quirks(const struct openai *openai, const struct aigw_target *target, aigw_str base,
                               struct openai_quirks *ret_quirks)
{
    bool is_reasoning = wire_model_is_reasoning(target->model);
    bool is_official = wire_has_prefix(base, "https://api.openai.com/");
    int64_t stops = is_reasoning ? 0 : is_official ? 4 : -1;

    if (openai->max_stops >= 0)
        stops = openai->max_stops == 0 ? -1 : openai->max_stops;
    *ret_quirks = (struct openai_quirks){
        .is_official = is_official,
        .max_completion_tokens = wire_switch(openai->max_completion_tokens, is_reasoning),
        .drop_sampling =
            wire_switch(openai->drop_temperature, is_reasoning || wire_model_drops_temperature(target->model)),
        .continue_final = wire_switch(openai->continue_final_message, wire_model_wants_continue(target->model)),
        .refuses_prefill = !wire_switch(openai->prefill, !wire_model_refuses_prefill(target->model)),
        .send_reasoning = openai->send_reasoning,
        .max_stops = stops,
        .body = wire_str(openai->extra_body),
    };
}

static aigw_status openai_headers(const struct openai *openai, struct aigw_ctx *ctx, const struct aigw_target *target,
                                  const struct aigw_raw *raw, struct aigw_http_request *ret_http)
{
    static const char *const ours[] = { "OpenAI-Organization", "OpenAI-Project", NULL };
    struct wire_headers headers;

    wire_headers_begin(&headers, openai->host, ctx);
    wire_header(&headers, "Content-Type: application/json");
    wire_header_value(&headers, "Authorization: Bearer ", wire_key_for(target, openai->api_key, WIRE_DUMMY_KEY));
    if (wire_is_our_place(target)) {
        wire_header_value(&headers, "OpenAI-Organization: ", wire_str(openai->organization));
        wire_header_value(&headers, "OpenAI-Project: ", wire_str(openai->project));
    }
    if (raw)
        wire_headers_pass(&headers, raw, ours);
    return wire_headers_end(&headers, ret_http);
}

/* The client's own bytes. Usage is asked for in any case; a client that did not ask does not see it. */
static aigw_status openai_raw_request(const struct openai *openai, struct aigw_ctx *ctx, struct openai_call *call,
                                      const struct aigw_target *target, const struct aigw_raw *raw,
                                      struct aigw_http_request *ret_http)
{
    static const char options[] = "\"stream_options\"", insert[] = "\"stream_options\":{\"include_usage\":true},";
    bool is_stream = raw->flags & AIGW_RAWF_STREAM;

    if (!wire_is(raw->dialect, OPENAI_DIALECT))
        return openai->host->fail(ctx, AIGW_E_UNSUPPORTED, "the bytes of the dialect \"%.*s\" cannot pass here",
                                  AIGW_STR_ARG(raw->dialect));
    if (wire_has_prefix(target->prefix, "text-completion-"))
        return openai->host->fail(ctx, AIGW_E_UNSUPPORTED, "a chat's bytes cannot pass to the completions path");
    call->path = OPENAI_CHAT;
    call->choice_count = OPENAI_CHOICES_MAX;
    call->hides_usage =
        is_stream && raw->model_len > 0 && !memmem(raw->body.ptr, raw->body.len, options, sizeof options - 1);
    call->raw = openai->host->buf_new(ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);
    if (!call->raw)
        return AIGW_E_NOMEM;
    ret_http->framing = is_stream ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY;
    return wire_raw_body(openai->host, ctx, raw, target->model, call->hides_usage ? insert : "", &ret_http->body);
}

static aigw_status openai_built_request(const struct openai *openai, struct aigw_ctx *ctx, struct openai_call *call,
                                        const struct aigw_target *target, const struct aigw_model_request *req,
                                        struct aigw_http_request *ret_http)
{
    const struct aigw_host *host = openai->host;
    struct openai_quirks quirks;

    call->path = openai_path(target, req);
    call->input_count = req->input_count;
    call->choice_count = req->params && req->params->choice_count > 1 ? req->params->choice_count : 1;
    if (call->path == 0)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "the OpenAI dialect has no such call (kind %u)", req->kind);
    if (call->choice_count > OPENAI_CHOICES_MAX)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "the OpenAI dialect has no more than %d answers to one call",
                          OPENAI_CHOICES_MAX);
    openai_find_quirks(openai, target, openai_base(openai, target), &quirks);
    ret_http->framing =
        (req->flags & AIGW_REQF_STREAM) && call->path != OPENAI_EMBEDDING ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY;
    return openai_body(host, ctx, call->path, target->model, req, &quirks, &call->drops, &ret_http->body);
}

static aigw_status openai_request(struct aigw_ctx *ctx, void *self, void *call_state, const struct aigw_target *target,
                                  const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct openai *openai = self;
    struct openai_call *call = call_state;
    aigw_status status = openai_headers(openai, ctx, target, req->raw, ret_http);

    if (status != AIGW_OK)
        return status;
    status = req->raw ? openai_raw_request(openai, ctx, call, target, req->raw, ret_http)
                      : openai_built_request(openai, ctx, call, target, req, ret_http);
    if (status != AIGW_OK)
        return status;
    ret_http->method = "POST";
    ret_http->url = openai_url(openai, ctx, target, call->path);
    return ret_http->url ? AIGW_OK : AIGW_E_NOMEM;
}

static aigw_status openai_on_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct openai *openai = self;

    return openai_frame(openai->host, ctx, call, frame);
}

static void openai_on_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                              struct aigw_error *ret_error)
{
    const struct openai *openai = self;

    (void)call;
    openai_failure(openai->host, ctx, failure, ret_error);
}

static const char *const openai_dialects[] = { OPENAI_DIALECT };

static const struct aigw_provider_ops openai_ops = {
    .struct_size = sizeof openai_ops,
    .dialect_count = sizeof openai_dialects / sizeof *openai_dialects,
    .call_size = sizeof(struct openai_call),
    .open = openai_open,
    .request = openai_request,
    .frame = openai_on_frame,
    .failure = openai_on_failure,
    .dialects = openai_dialects,
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "openai", .version = "0.2.0",
            .summary = "OpenAI and compatible servers: vLLM, Ollama, LM Studio, TGI, llama.cpp and others",
            .state_size = sizeof(struct openai), AIGW_SETTINGS(openai_settings), .provider = &openai_ops);
