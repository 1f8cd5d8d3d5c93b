/* plugin.c - provider plugin for Google's Vertex AI, with Gemini, Claude, Mistral and other models, and for AI Studio.
 *
 * Upstream: POST …/publishers/{google|anthropic|mistralai}/models/{model}:{method},
 * …/endpoints/openapi/chat/completions; AI Studio: POST …/v1beta/models/{model}:{method}. Answered as JSON or SSE.
 * State:    struct vertex, one per conf.d group, read-only after open().
 */
#include "auth.h"
#include "place.h"

#include "../../dialects/anthropic/anthropic.h"
#include "../../dialects/common/headers.h"
#include "../../dialects/gemini/gemini.h"
#include "../../dialects/mistral/mistral.h"

#include <string.h>

#define VERTEX_DIALECT "vertex" /* Vertex AI's paths, whosever model is behind them */

struct vertex {
    const struct aigw_host *host;
    const char *api, *base_url, *api_version, *project, *location, *mistral_location, *publisher, *api_key;
    const char *credentials_json, *credentials_file, *metadata_host, *schema, *cache_ttl;
    int64_t max_tokens;
    bool is_studio;
    struct vertex_site site;
    struct auth auth;
};

static const struct aigw_setting vertex_settings[] = {
    { .name = "api",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, api),
      .default_value = "vertex",
      .choices = "vertex|ai-studio",
      .help = "Which of Google's APIs: Vertex AI, with OAuth, or AI Studio (Gemini API), with a key." },
    { .name = "project",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, project),
      .help = "Google Cloud project. Default: that of the credential file, else that of the machine." },
    { .name = "location",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, location),
      .default_value = "global",
      .help = "A region such as europe-west1, eu or us for several of them, or global." },
    { .name = "mistral_location",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, mistral_location),
      .help = "Region of Mistral's models, which few have. Default: europe-west4 for European locations, else "
              "us-central1." },
    { .name = "publisher",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, publisher),
      .default_value = "auto",
      .choices = "auto|google|anthropic|mistralai|openapi|endpoints",
      .help = "Whose models are asked for. auto: by the model's name." },
    { .name = "credentials_file",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, credentials_file),
      .help = "Path of a credential file of Google Cloud: a service account's key, gcloud's application default "
              "credentials, workload identity federation. Without one the metadata server is asked." },
    { .name = "credentials_json",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_SECRET,
      .offset = offsetof(struct vertex, credentials_json),
      .help = "The text of such a file; wins over it." },
    { .name = "metadata_host",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, metadata_host),
      .default_value = "metadata.google.internal",
      .help = "Host, with a port or without, that serves the machine's metadata." },
    { .name = "api_key",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_SECRET,
      .offset = offsetof(struct vertex, api_key),
      .help = "Key for AI Studio, or for Vertex AI in express mode instead of a credential. Never sent to an endpoint "
              "that came with a request." },
    { .name = "base_url",
      .type = AIGW_SET_STRING,
      .flags = AIGW_SETF_URL,
      .offset = offsetof(struct vertex, base_url),
      .help = "Root URL instead of Google's, such as one of Private Service Connect." },
    { .name = "api_version",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, api_version),
      .help = "Version in the path. Default: v1, for AI Studio v1beta." },
    { .name = "schema",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, schema),
      .default_value = "auto",
      .choices = "auto|json|openapi",
      .help = "Form of schemas for Gemini. auto: the older one, openapi, for models before 2.5." },
    { .name = "max_tokens",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct vertex, max_tokens),
      .default_value = "4096",
      .min = 1,
      .max = 1000000,
      .help = "Output limit of Claude in tokens when neither request nor prompt names one; the API requires it." },
    { .name = "cache_ttl",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct vertex, cache_ttl),
      .default_value = "5m",
      .choices = "5m|1h|off",
      .help = "How long cached prompt parts of Claude are kept; off sends no cache markers." },
};

/* What stands in a URL. */
static aigw_status check_word(const struct aigw_host *host, struct aigw_ctx *ctx, const char *name, const char *text)
{
    if (!text || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:") == strlen(text))
        return AIGW_OK;
    return host->fail(ctx, AIGW_E_CONFIG, "%s: is \"%s\", expected letters, digits and -_.:", name, text);
}

static aigw_status vertex_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct vertex *vertex = self;
    aigw_status status;

    vertex->host = host;
    vertex->is_studio = strcmp(vertex->api, "ai-studio") == 0;
    if (wire_check_header_setting(host, ctx, "api_key", vertex->api_key) != AIGW_OK ||
        check_word(host, ctx, "project", vertex->project) != AIGW_OK ||
        check_word(host, ctx, "location", vertex->location) != AIGW_OK ||
        check_word(host, ctx, "mistral_location", vertex->mistral_location) != AIGW_OK ||
        check_word(host, ctx, "api_version", vertex->api_version) != AIGW_OK ||
        check_word(host, ctx, "metadata_host", vertex->metadata_host) != AIGW_OK)
        return AIGW_E_CONFIG;
    if (vertex->base_url && strchr(vertex->base_url, '?'))
        return host->fail(ctx, AIGW_E_CONFIG, "base_url: has a query, which the API's paths leave no room for");
    if (vertex->base_url && vertex->base_url[0] == '\0')
        vertex->base_url = NULL;
    if (!vertex->api_version || !vertex->api_version[0])
        vertex->api_version = vertex->is_studio ? "v1beta" : "v1";
    vertex->site = (struct vertex_site){ vertex->base_url, vertex->api_version,
                                         vertex->location[0] ? vertex->location : "global", vertex->mistral_location };
    vertex->auth.metadata_host = vertex->metadata_host;
    if (vertex->is_studio)
        return AIGW_OK;
    status = auth_open(host, ctx, &vertex->auth, vertex->credentials_json, vertex->credentials_file);
    if (status == AIGW_OK)
        status = check_word(host, ctx, "the credential's project_id", vertex->auth.project);
    return status;
}

/* ---- a call ---- */

enum vertex_speaks { SPEAKS_GEMINI, SPEAKS_ANTHROPIC, SPEAKS_MISTRAL, SPEAKS_OPENAI };

struct vertex_call {
    enum vertex_speaks speaks;
    union {
        struct gemini_call gemini;
        struct anthropic_call anthropic;
        struct mistral_call mistral;
        struct openai_call openai;
    } of;
};

static enum vertex_speaks speaks_of(enum vertex_publisher publisher)
{
    return publisher == VERTEX_ANTHROPIC ? SPEAKS_ANTHROPIC
           : publisher == VERTEX_MISTRAL ? SPEAKS_MISTRAL
           : publisher == VERTEX_OPENAPI ? SPEAKS_OPENAI
                                         : SPEAKS_GEMINI;
}

/* An express key goes without a project. */
static bool is_express(const struct vertex *vertex)
{
    return !vertex->is_studio && vertex->api_key && vertex->api_key[0];
}

static aigw_status find_project(const struct vertex *vertex, struct aigw_ctx *ctx, aigw_str *ret_project)
{
    *ret_project = wire_str(vertex->project && vertex->project[0] ? vertex->project : vertex->auth.project);
    if (ret_project->len > 0 || is_express(vertex))
        return AIGW_OK;
    if (vertex->auth.kind == AUTH_METADATA)
        return vertex->host->credential(ctx, AUTH_PROJECT, ret_project);
    return vertex->host->fail(ctx, AIGW_E_CONFIG,
                              "no Google Cloud project is known: set `project` of this provider in conf.d, or "
                              "AIGW_GOOGLE_CLOUD_PLATFORM__PROJECT");
}

static aigw_status vertex_headers(const struct vertex *vertex, struct aigw_ctx *ctx, const struct aigw_target *target,
                                  const struct aigw_raw *raw, struct aigw_http_request *ret_http)
{
    static const char *const ours[] = { "x-goog-api-key", "x-goog-user-project", NULL };
    struct wire_headers headers;
    aigw_str token;
    aigw_status status;

    wire_headers_begin(&headers, vertex->host, ctx);
    wire_header(&headers, "Content-Type: application/json");
    if (vertex->is_studio) {
        wire_header_value(&headers, "x-goog-api-key: ", wire_key_for(target, vertex->api_key, NULL));
    } else if (is_express(vertex)) {
        wire_header_value(&headers, "x-goog-api-key: ", wire_str(vertex->api_key));
    } else {
        status = vertex->host->credential(ctx, AUTH_TOKEN, &token);
        if (status != AIGW_OK)
            return status;
        wire_header_value(&headers, "Authorization: Bearer ", token);
        wire_header_value(&headers, "x-goog-user-project: ", wire_str(vertex->auth.quota_project));
    }
    if (raw)
        wire_headers_pass(&headers, raw, ours);
    return wire_headers_end(&headers, ret_http);
}

/* ---- AI Studio's address ---- */

/* Without a model that of their list. */
static const char *studio_url(const struct vertex *vertex, struct aigw_ctx *ctx, const struct aigw_target *target,
                              aigw_str model, const char *method)
{
    static const char *const pasted[] = { "/v1beta/models", "/v1beta", "/v1", NULL };
    aigw_str base = target->endpoint.len > 0 ? target->endpoint : wire_str(vertex->base_url);
    const char *query = base.len > 0 ? memchr(base.ptr, '?', base.len) : NULL;
    const char *kind = model.len == 0 ? "models" : wire_has_prefix(model, "tunedModels/") ? "" : "models/";
    const char *path = vertex->host->format(ctx, AIGW_LIFE_BUILD, "/%s/%s%.*s%s", vertex->api_version, kind,
                                            AIGW_STR_ARG(model), method);

    if (base.len == 0)
        base = AIGW_STR("https://generativelanguage.googleapis.com");
    else if (query)
        base.len = (size_t)(query - base.ptr);
    return path ? wire_url(vertex->host, ctx, base, path, pasted) : NULL;
}

/* Which models there are. */
static aigw_status studio_models(const struct vertex *vertex, struct aigw_ctx *ctx, struct gemini_call *call,
                                 const struct aigw_target *target, struct aigw_http_request *ret_http)
{
    struct wire_headers headers;

    call->kind = AIGW_CALL_MODELS;
    wire_headers_begin(&headers, vertex->host, ctx);
    wire_header_value(&headers, "x-goog-api-key: ", wire_key_for(target, vertex->api_key, NULL));
    ret_http->method = "GET";
    ret_http->framing = AIGW_FRAMING_BODY;
    ret_http->url = studio_url(vertex, ctx, target, AIGW_STR_NONE, "?pageSize=1000");
    return ret_http->url ? wire_headers_end(&headers, ret_http) : AIGW_E_NOMEM;
}

/* The name as the path has it; absent when no path may carry it. */
static aigw_str studio_model(aigw_str model)
{
    if (wire_has_prefix(model, "models/"))
        model = (aigw_str){ model.ptr + 7, model.len - 7 };
    for (size_t i = 0; i < model.len; i++)
        if (!memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@/", model.ptr[i], 67))
            return AIGW_STR_NONE;
    return wire_contains(model, "..") ? AIGW_STR_NONE : model;
}

/* ---- bodies ---- */

static aigw_status gemini_request(const struct vertex *vertex, struct aigw_ctx *ctx, struct vertex_call *call,
                                  aigw_str model, const struct aigw_model_request *req, const char **ret_method,
                                  aigw_str *ret_body)
{
    const struct gemini_quirks quirks = {
        .is_vertex = !vertex->is_studio,
        .openapi_schema = strcmp(vertex->schema, "auto") == 0 ? gemini_wants_openapi_schema(model)
                                                              : strcmp(vertex->schema, "openapi") == 0,
    };

    gemini_begin(&call->of.gemini, req);
    *ret_method = gemini_method(req, &quirks);
    return gemini_body(vertex->host, ctx, model, req, &quirks, &call->of.gemini.drops, ret_body);
}

/* A count names its model in the body, and not in the URL. */
static aigw_status claude_request(const struct vertex *vertex, struct aigw_ctx *ctx, struct vertex_call *call,
                                  struct vertex_place *place, const struct aigw_model_request *req,
                                  const char **ret_method, aigw_str *ret_body)
{
    bool is_count = req->kind == AIGW_CALL_COUNT;
    aigw_str model = place->model;
    const struct anthropic_quirks quirks = {
        .max_tokens = vertex->max_tokens,
        .drop_sampling = wire_model_drops_temperature(model),
        .refuses_prefill = wire_model_refuses_prefill(model),
        .cache_ttl = vertex->cache_ttl,
        .version = is_count ? NULL : "vertex-2023-10-16",
        .omit_model = !is_count,
    };

    if (req->kind != AIGW_CALL_CHAT && !is_count)
        return vertex->host->fail(ctx, AIGW_E_UNSUPPORTED, "Claude has no %s; use another model for it",
                                  req->kind == AIGW_CALL_EMBEDDING    ? "embeddings"
                                  : req->kind == AIGW_CALL_COMPLETION ? "raw completions"
                                                                      : "such call");
    call->of.anthropic.asks = is_count ? ANTHROPIC_ASKS_COUNT : ANTHROPIC_ASKS_ANSWER;
    if (is_count)
        place->model = AIGW_STR("count-tokens");
    *ret_method = (req->flags & AIGW_REQF_STREAM) && !is_count ? ":streamRawPredict" : ":rawPredict";
    return anthropic_body(vertex->host, ctx, model, req, &quirks, &call->of.anthropic.drops, ret_body);
}

/* The version of a model stands in the URL only. */
static aigw_status mistral_request(const struct vertex *vertex, struct aigw_ctx *ctx, struct vertex_call *call,
                                   aigw_str model, const struct aigw_model_request *req, const char **ret_method,
                                   aigw_str *ret_body)
{
    const struct mistral_quirks quirks = { .has_prompt_mode = false };
    const char *at = memchr(model.ptr, '@', model.len);
    aigw_status status = mistral_begin(vertex->host, ctx, req, false, &call->of.mistral);

    if (at)
        model.len = (size_t)(at - model.ptr);
    if (status == AIGW_OK && call->of.mistral.openai.path == MISTRAL_EMBEDDING)
        status = vertex->host->fail(ctx, AIGW_E_UNSUPPORTED, "Vertex AI has no embeddings of Mistral's");
    *ret_method = (req->flags & AIGW_REQF_STREAM) ? ":streamRawPredict" : ":rawPredict";
    return status == AIGW_OK ? mistral_body(vertex->host, ctx, call->of.mistral.openai.path, model, req, &quirks,
                                            &call->of.mistral.openai.drops, ret_body)
                             : status;
}

static aigw_status openapi_request(const struct vertex *vertex, struct aigw_ctx *ctx, struct vertex_call *call,
                                   aigw_str model, const struct aigw_model_request *req, aigw_str *ret_body)
{
    const struct openai_quirks quirks = openai_quirks_of(openai_profile("plain", AIGW_STR_NONE), model);
    struct openai_call *openai = &call->of.openai;

    if (req->kind != AIGW_CALL_CHAT)
        return vertex->host->fail(ctx, AIGW_E_UNSUPPORTED, "models such as %.*s have nothing but chats on Vertex AI",
                                  (int)(model.len < 100 ? model.len : 100), model.ptr);
    openai->path = OPENAI_CHAT;
    openai->choice_count = req->params && req->params->choice_count > 1 ? req->params->choice_count : 1;
    if (openai->choice_count > OPENAI_CHOICES_MAX)
        return vertex->host->fail(ctx, AIGW_E_UNSUPPORTED, "the OpenAI dialect has no more than %d answers to one call",
                                  OPENAI_CHOICES_MAX);
    return openai_body(vertex->host, ctx, OPENAI_CHAT, model, req, &quirks, &openai->drops, ret_body);
}

static aigw_status built_request(const struct vertex *vertex, struct aigw_ctx *ctx, struct vertex_call *call,
                                 struct vertex_place *place, const struct aigw_model_request *req,
                                 const char **ret_method, aigw_str *ret_body)
{
    *ret_method = "";
    switch (call->speaks) {
    case SPEAKS_ANTHROPIC:
        return claude_request(vertex, ctx, call, place, req, ret_method, ret_body);
    case SPEAKS_MISTRAL:
        return mistral_request(vertex, ctx, call, place->model, req, ret_method, ret_body);
    case SPEAKS_OPENAI:
        return openapi_request(vertex, ctx, call, place->model, req, ret_body);
    default:
        return gemini_request(vertex, ctx, call, place->model, req, ret_method, ret_body);
    }
}

/* ---- the client's own bytes ---- */

/* Where they go: the path of the client with our project and location, or a plain answer's. */
static aigw_status raw_place(const struct vertex *vertex, struct aigw_ctx *ctx, const struct aigw_target *target,
                             const struct aigw_raw *raw, struct vertex_place *place, const char **ret_method)
{
    const struct aigw_host *host = vertex->host;
    bool is_stream = raw->flags & AIGW_RAWF_STREAM;
    aigw_status status;

    if (wire_is(raw->dialect, VERTEX_DIALECT) && !vertex->is_studio) {
        if (vertex_split_path(host, ctx, raw->path, place, ret_method))
            return AIGW_OK;
        return host->fail(ctx, AIGW_E_INVALID,
                          "the path is none of Vertex AI's: expected "
                          "/v1/projects/…/locations/…/publishers/…/models/…:method");
    }
    if (!wire_is(raw->dialect, GEMINI_DIALECT))
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "the bytes of the dialect \"%.*s\" cannot pass here",
                          AIGW_STR_ARG(raw->dialect));
    *ret_method = raw->path.len > 0 ? vertex_method_of(host, ctx, raw->path)
                  : is_stream       ? ":streamGenerateContent?alt=sse"
                                    : ":generateContent";
    if (!*ret_method)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "of the Gemini API only methods of models pass here");
    place->publisher = VERTEX_GOOGLE;
    if (vertex->is_studio)
        return AIGW_OK;
    status = vertex_find(host, ctx, vertex->publisher, target->model, place);
    if (status == AIGW_OK && speaks_of(place->publisher) != SPEAKS_GEMINI)
        return host->fail(ctx, AIGW_E_UNSUPPORTED, "this model does not speak the Gemini API");
    return status;
}

static aigw_status raw_begin(const struct vertex *vertex, struct aigw_ctx *ctx, struct vertex_call *call)
{
    struct aigw_buf *buf = vertex->host->buf_new(ctx, AIGW_LIFE_REQUEST, WIRE_BODY_MAX);

    switch (call->speaks) {
    case SPEAKS_ANTHROPIC:
        call->of.anthropic.raw = buf;
        break;
    case SPEAKS_MISTRAL:
    case SPEAKS_OPENAI:
        call->of.openai.path = OPENAI_CHAT;
        call->of.openai.choice_count = OPENAI_CHOICES_MAX;
        call->of.openai.raw = buf;
        call->speaks = SPEAKS_OPENAI;
        break;
    default:
        call->of.gemini.kind = AIGW_CALL_CHAT;
        call->of.gemini.raw = buf;
    }
    return buf ? AIGW_OK : AIGW_E_NOMEM;
}

/* ---- operations ---- */

static aigw_status find_place(const struct vertex *vertex, struct aigw_ctx *ctx, const struct aigw_target *target,
                              const struct aigw_model_request *req, struct vertex_place *place, const char **ret_method)
{
    aigw_status status = AIGW_OK;

    *place = (struct vertex_place){ .publisher = VERTEX_GOOGLE };
    if (req->raw)
        status = raw_place(vertex, ctx, target, req->raw, place, ret_method);
    else if (!vertex->is_studio)
        status = vertex_find(vertex->host, ctx, vertex->publisher, target->model, place);
    if (status != AIGW_OK || !vertex->is_studio)
        return status;
    place->model = studio_model(target->model);
    return place->model.len > 0
               ? AIGW_OK
               : vertex->host->fail(ctx, AIGW_E_INVALID, "the model's name \"%.*s\" is none of AI Studio",
                                    (int)(target->model.len < 100 ? target->model.len : 100),
                                    target->model.ptr ? target->model.ptr : "");
}

static aigw_status vertex_request(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_target *target,
                                  const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct vertex *vertex = self;
    struct vertex_call *call = state;
    bool is_stream = req->raw ? req->raw->flags & AIGW_RAWF_STREAM : req->flags & AIGW_REQF_STREAM;
    struct vertex_place place;
    aigw_str project = AIGW_STR_NONE;
    const char *method = "";
    aigw_status status;

    if (req->kind == AIGW_CALL_MODELS && !req->raw && vertex->is_studio)
        return studio_models(vertex, ctx, &call->of.gemini, target, ret_http);
    status = find_place(vertex, ctx, target, req, &place, &method);

    if (status == AIGW_OK) /* first, as it may have to wait */
        status = vertex_headers(vertex, ctx, target, req->raw, ret_http);
    if (status == AIGW_OK && !vertex->is_studio)
        status = find_project(vertex, ctx, &project);
    if (status != AIGW_OK)
        return status;
    call->speaks = speaks_of(place.publisher);
    if (req->raw) {
        status = raw_begin(vertex, ctx, call);
        if (status == AIGW_OK)
            status = wire_raw_body(vertex->host, ctx, req->raw, place.model, "", &ret_http->body);
    } else {
        status = built_request(vertex, ctx, call, &place, req, &method, &ret_http->body);
        is_stream = is_stream && (req->kind == AIGW_CALL_CHAT || req->kind == AIGW_CALL_COMPLETION);
    }
    if (status != AIGW_OK)
        return status;
    ret_http->method = "POST";
    ret_http->framing = is_stream ? AIGW_FRAMING_SSE : AIGW_FRAMING_BODY;
    ret_http->url = vertex->is_studio ? studio_url(vertex, ctx, target, place.model, method)
                                      : vertex_url(vertex->host, ctx, &vertex->site, project, &place, method);
    return ret_http->url ? AIGW_OK : AIGW_E_NOMEM;
}

static aigw_status vertex_frame(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_frame *frame)
{
    const struct vertex *vertex = self;
    struct vertex_call *call = state;

    switch (call->speaks) {
    case SPEAKS_ANTHROPIC:
        return anthropic_frame(vertex->host, ctx, &call->of.anthropic, frame);
    case SPEAKS_MISTRAL:
        return mistral_frame(vertex->host, ctx, &call->of.mistral, frame);
    case SPEAKS_OPENAI:
        return openai_frame(vertex->host, ctx, &call->of.openai, frame);
    default:
        return gemini_frame(vertex->host, ctx, &call->of.gemini, frame);
    }
}

/* Google refuses before a publisher's server is asked, in words of its own. */
static bool is_of_google(aigw_str body)
{
    struct aigw_json root, error, status;
    struct aigw_json_walk walk;

    if (aigw_json_check(body, 0, &root, NULL) != AIGW_OK)
        return false;
    walk = aigw_json_begin(&root);
    if (root.type == AIGW_JSON_LIST && !aigw_json_next(&walk, NULL, &root))
        return false;
    aigw_json_member(&root, "error", &error);
    return aigw_json_member(&error, "status", &status) && status.type == AIGW_JSON_STRING;
}

static void vertex_failure(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_http_failure *failure,
                           struct aigw_error *ret_error)
{
    const struct vertex *vertex = self;
    const struct vertex_call *call = state;
    enum vertex_speaks speaks = is_of_google(failure->body) ? SPEAKS_GEMINI : call->speaks;

    switch (speaks) {
    case SPEAKS_ANTHROPIC:
        anthropic_failure(vertex->host, ctx, failure, ret_error);
        break;
    case SPEAKS_MISTRAL:
        mistral_failure(vertex->host, ctx, failure, ret_error);
        break;
    case SPEAKS_OPENAI:
        openai_failure(vertex->host, ctx, failure, ret_error);
        break;
    default:
        gemini_failure(vertex->host, ctx, failure, ret_error);
    }
}

static aigw_status vertex_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step)
{
    const struct vertex *vertex = self;

    return auth_step(vertex->host, ctx, &vertex->auth, memory, step);
}

static const char *const vertex_dialects[] = { GEMINI_DIALECT, VERTEX_DIALECT };

static const struct aigw_provider_ops vertex_ops = {
    .struct_size = sizeof vertex_ops,
    .dialect_count = sizeof vertex_dialects / sizeof *vertex_dialects,
    .call_size = sizeof(struct vertex_call),
    .open = vertex_open,
    .request = vertex_request,
    .frame = vertex_frame,
    .failure = vertex_failure,
    .credential = vertex_credential,
    .dialects = vertex_dialects,
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "vertex", .version = "0.1.0",
            .summary = "Google: Vertex AI (Gemini, Claude, Mistral and others) and AI Studio",
            .state_size = sizeof(struct vertex), AIGW_SETTINGS(vertex_settings), .provider = &vertex_ops);
