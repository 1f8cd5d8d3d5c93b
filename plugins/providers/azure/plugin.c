/* plugin.c - provider plugin for Azure OpenAI and Azure AI Foundry, on the OpenAI dialect.
 *
 * Upstream: POST …/chat/completions, …/completions, …/embeddings below whatever form the endpoint has, GET …/models;
 *           the client's own bytes. With a key, or a token of Entra ID.
 *
 * State: struct azure, one per conf.d group, read-only after open().
 */
#include "../../common/entra/entra.h"
#include "../../dialects/common/headers.h"
#include "../../dialects/openai/azure.h"

#include <string.h>

#define THINKING_MODEL "gpt-5" /* whose rules hold for deployments that are said to think */
#define SETTING(field) .name = #field, .offset = offsetof(struct azure, field)

struct azure {
    const struct aigw_host *host;
    const char *base_url, *api_key, *api_version, *model_kind;
    struct entra entra;
    struct aigw_list reasoning_deployments;
    int64_t max_stops;
};

struct azure_call {
    struct openai_call openai;
    aigw_str deployment; /* asked for; for the words of a refusal */
};

static const struct aigw_setting azure_settings[] = {
    { SETTING(base_url), .type = AIGW_SET_STRING, .flags = AIGW_SETF_URL,
      .help = "Endpoint for requests that bring none: the resource's root (https://name.openai.azure.com), a "
              "deployment's URL, the whole URL of a call with its api-version, the v1 API (…/openai/v1) or Foundry's "
              "inference API (https://name.services.ai.azure.com/models)." },
    { SETTING(api_key), .type = AIGW_SET_STRING, .flags = AIGW_SETF_SECRET,
      .help = "Key for base_url. Never sent to an endpoint that came with a request." },
    { SETTING(api_version), .type = AIGW_SET_STRING, .default_value = "2025-02-01-preview",
      .help = "The parameter api-version for endpoints that name none." },
    ENTRA_SETTINGS(struct azure),
    { SETTING(model_kind), .type = AIGW_SET_STRING, .default_value = "auto", .choices = "auto|chat|reasoning",
      .help =
          "reasoning: max_completion_tokens, no temperature and the like, no stop. auto: for deployments whose name "
          "has gpt-5, o1, o3-mini … in it, identifiers such as azure/o_series/name, and reasoning_deployments." },
    { SETTING(reasoning_deployments), .type = AIGW_SET_LIST,
      .help = "Deployments of reasoning models whose names do not say so." },
    { SETTING(max_stops), .type = AIGW_SET_INT, .default_value = "4", .min = 0, .max = 1024,
      .help = "Most stop sequences sent, the first ones win; 0 for no limit. Reasoning models get none." },
};

static aigw_status azure_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct azure *azure = self;

    azure->host = host;
    if (wire_check_header_setting(host, ctx, "api_key", azure->api_key) != AIGW_OK)
        return AIGW_E_CONFIG;
    if (azure->api_version[strspn(azure->api_version,
                                  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-")])
        return host->fail(ctx, AIGW_E_CONFIG, "api_version: is \"%s\", expected one like 2024-10-21",
                          azure->api_version);
    return entra_check(host, ctx, &azure->entra);
}

/* ---- which model ---- */

static bool is_listed(const struct azure *azure, aigw_str deployment)
{
    for (size_t i = 0; i < azure->reasoning_deployments.count; i++)
        if (wire_is(deployment, azure->reasoning_deployments.items[i]))
            return true;
    return false;
}

/* Deployments are called as their owner likes, often after the model: "team-gpt-5-mini", "prod_o3". What of the name a
 * model of OpenAI's begins with; "" when there is none. */
static aigw_str model_in(aigw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        aigw_str rest = { name.ptr + i, name.len - i };

        if (i > 0 && !strchr("-_.", name.ptr[i - 1]))
            continue;
        if (wire_model_is_reasoning(rest))
            return rest;
        if (wire_has_prefix(rest, "gpt5"))
            return AIGW_STR(THINKING_MODEL);
    }
    return AIGW_STR("");
}

/* "o_series/name" and "gpt5_series/name" say what the deployment is: the model whose rules hold. */
static const char *cut_series(aigw_str *model)
{
    static const struct {
        const char *prefix, *model;
    } series[] = { { "o_series/", "o3" }, { "gpt5_series/", THINKING_MODEL } };

    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        if (wire_has_prefix(*model, series[i].prefix)) {
            *model = (aigw_str){ model->ptr + strlen(series[i].prefix), model->len - strlen(series[i].prefix) };
            return series[i].model;
        }
    return NULL;
}

static struct openai_quirks find_quirks(const struct azure *azure, const struct azure_place *place, aigw_str deployment,
                                        const char *series)
{
    bool is_forced = strcmp(azure->model_kind, "auto") != 0;
    aigw_str model = is_forced                      ? wire_str(azure->model_kind[0] == 'r' ? THINKING_MODEL : "")
                     : series                       ? wire_str(series)
                     : is_listed(azure, deployment) ? AIGW_STR(THINKING_MODEL)
                                                    : model_in(deployment);
    const char *profile = place->form == AZURE_MODELS ? "plain" : "azure";
    struct openai_quirks quirks = openai_quirks_of(openai_profile(profile, AIGW_STR_NONE), model);

    if (quirks.max_stops != 0)
        quirks.max_stops = azure->max_stops > 0 ? azure->max_stops : OPENAI_STOPS_ALL;
    if (place->form == AZURE_MODELS)
        quirks.refuses |= OPENAI_NO_COMPLETIONS;
    if (azure_is_old(place))
        quirks.refuses |= OPENAI_NO_STREAM_OPTIONS;
    return quirks;
}

/* ---- requests ---- */

/* Entra's token is a JWT. Callers may bring one in place of a key. */
static bool is_token(aigw_str key)
{
    return wire_has_prefix(key, "eyJ") && memchr(key.ptr, '.', key.len);
}

/* What is configured opens what is configured. A caller's endpoint gets the caller's key, or one that is none. */
static aigw_status put_key(const struct azure *azure, struct aigw_ctx *ctx, const struct aigw_target *target,
                           const struct azure_place *place, struct wire_headers *headers)
{
    bool has_key = azure->api_key && azure->api_key[0] && entra_allows_key(&azure->entra);
    aigw_str key = wire_key_for(target, has_key ? azure->api_key : NULL, WIRE_DUMMY_KEY), token;
    aigw_status status;

    if (target->api_key.len == 0 && wire_is_our_place(target) && !has_key && entra_has_identity(&azure->entra)) {
        status = entra_token(azure->host, ctx, place->cloud, &token);
        if (status == AIGW_OK)
            wire_header_value(headers, "Authorization: Bearer ", token);
        return status;
    }
    wire_header_value(headers, place->is_bearer || is_token(key) ? "Authorization: Bearer " : "api-key: ", key);
    return AIGW_OK;
}

static aigw_status put_headers(const struct azure *azure, struct aigw_ctx *ctx, const struct aigw_target *target,
                               const struct azure_place *place, const struct aigw_raw *raw,
                               struct aigw_http_request *ret_http)
{
    static const char *const ours[] = { NULL };
    aigw_str type = raw ? wire_raw_header(raw, "content-type") : AIGW_STR_NONE; /* files come as forms */
    struct wire_headers headers;
    aigw_status status;

    wire_headers_begin(&headers, azure->host, ctx);
    if (ret_http->body.len > 0)
        wire_header_value(&headers, "Content-Type: ", type.len > 0 ? type : AIGW_STR("application/json"));
    if (place->form == AZURE_MODELS)
        wire_header(&headers, "extra-parameters: pass-through"); /* else it refuses what not all models know */
    status = put_key(azure, ctx, target, place, &headers);
    if (status != AIGW_OK)
        return status;
    if (raw)
        wire_headers_pass(&headers, raw, ours);
    return wire_headers_end(&headers, ret_http);
}

/* The client's own bytes: a chat's to where chats go, others below OpenAI's "/v1". */
static aigw_status raw_request(const struct azure *azure, struct aigw_ctx *ctx, struct azure_call *call,
                               const struct azure_place *place, aigw_str model, const struct aigw_raw *raw,
                               struct aigw_http_request *ret_http)
{
    aigw_status status = openai_begin_raw(azure->host, ctx, raw, model,
                                          azure_is_old(place) ? OPENAI_NO_STREAM_OPTIONS : 0, &call->openai, ret_http);
    const char *root;

    if (status != AIGW_OK || call->openai.path == OPENAI_CHAT)
        return status;
    root = azure_v1_root(azure->host, ctx, place);
    return root ? wire_raw_place(azure->host, ctx, raw, wire_str(root), ret_http) : AIGW_E_NOMEM;
}

static aigw_status built_request(const struct azure *azure, struct aigw_ctx *ctx, struct azure_call *call,
                                 const struct azure_place *place, const struct aigw_target *target, aigw_str model,
                                 const char *series, const struct aigw_model_request *req,
                                 struct aigw_http_request *ret_http)
{
    bool is_text = wire_is(target->prefix, "azure_text") || wire_has_prefix(target->prefix, "text-completion-");
    struct openai_quirks quirks = find_quirks(azure, place, call->deployment, series);
    aigw_status status = openai_begin(azure->host, ctx, req, is_text, &call->openai, ret_http);

    if (status != AIGW_OK || call->openai.path == OPENAI_MODELS)
        return status;
    quirks.names = &call->openai.names;
    quirks.stops = &call->openai.stops;
    return openai_body(azure->host, ctx, call->openai.path, model, req, &quirks, &call->openai.drops, &ret_http->body);
}

static aigw_status azure_request(struct aigw_ctx *ctx, void *self, void *call_state, const struct aigw_target *target,
                                 const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct azure *azure = self;
    struct azure_call *call = call_state;
    aigw_str endpoint = target->endpoint.len > 0 ? target->endpoint : wire_str(azure->base_url);
    aigw_str model = target->model;
    const char *series = cut_series(&model);
    struct azure_place place;
    aigw_status status;

    if (endpoint.len == 0)
        return azure->host->fail(
            ctx, AIGW_E_UNSUPPORTED,
            "no Azure endpoint: neither the request nor base_url names one; the shipped group reads "
            "base_url from AZURE_API_BASE");
    azure_read_place(endpoint, azure->api_version, &place);
    call->deployment = place.deployment.len > 0 ? place.deployment : model;
    status = req->raw ? raw_request(azure, ctx, call, &place, model, req->raw, ret_http)
                      : built_request(azure, ctx, call, &place, target, model, series, req, ret_http);
    if (status == AIGW_OK && !ret_http->url)
        ret_http->url = azure_url(azure->host, ctx, &place, call->deployment, call->openai.path);
    if (status == AIGW_OK && !ret_http->url)
        return AIGW_E_NOMEM;
    return status == AIGW_OK ? put_headers(azure, ctx, target, &place, req->raw, ret_http) : status;
}

static aigw_status azure_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct azure *azure = self;

    return openai_frame(azure->host, ctx, &((struct azure_call *)call)->openai, frame);
}

static void azure_on_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                             struct aigw_error *ret_error)
{
    const struct azure *azure = self;

    azure_failure(azure->host, ctx, ((struct azure_call *)call)->deployment, failure, ret_error);
}

static aigw_status azure_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step)
{
    const struct azure *azure = self;

    (void)memory;
    return entra_credential(azure->host, ctx, &azure->entra, step);
}

static const char *const azure_dialects[] = { OPENAI_DIALECT, OPENAI_DIALECT_ANY };

static const struct aigw_provider_ops azure_ops = {
    .struct_size = sizeof azure_ops,
    .dialect_count = sizeof azure_dialects / sizeof *azure_dialects,
    .call_size = sizeof(struct azure_call),
    .open = azure_open,
    .request = azure_request,
    .frame = azure_frame,
    .failure = azure_on_failure,
    .credential = azure_credential,
    .dialects = azure_dialects,
    AIGW_RATE_HEADERS(openai_rate_headers),
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "azure", .version = "0.1.0",
            .summary = "Azure OpenAI and Azure AI Foundry, with keys or Entra ID", .state_size = sizeof(struct azure),
            AIGW_SETTINGS(azure_settings), .provider = &azure_ops);
