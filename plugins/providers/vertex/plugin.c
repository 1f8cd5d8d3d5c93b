/* plugin.c - provider plugin for Google's Vertex AI, with Gemini, Claude, Mistral and other models, and for AI Studio.
 *
 * Upstream: POST …/publishers/{google|anthropic|mistralai}/models/{model}:{method},
 *           …/endpoints/openapi/chat/completions; AI Studio: POST …/v1beta/models/{model}:{method}. Answered as JSON or
 *           SSE. Where and in which dialect: ../../dialects/vertex; with which token: ../../common/google.
 * State:    struct vertex, one per conf.d group, read-only after open().
 */
#include "../../common/google/google.h"
#include "../../dialects/common/headers.h"
#include "../../dialects/vertex/vertex.h"

#include <string.h>

struct vertex {
    const struct aigw_host *host;
    const char *api, *project, *api_key;
    struct vertex_site site;
    struct google google;
};

#define SETTING(text, field) .name = #text, .offset = offsetof(struct vertex, field)

static const struct aigw_setting vertex_settings[] = {
    { SETTING(api, api), .type = AIGW_SET_STRING, .default_value = "vertex", .choices = "vertex|ai-studio",
      .help = "Which of Google's APIs: Vertex AI, with OAuth, or AI Studio (Gemini API), with a key." },
    { SETTING(project, project), .type = AIGW_SET_STRING,
      .help = "Google Cloud project. Default: that of the credential file, else that of the machine." },
    { SETTING(location, site.location), .type = AIGW_SET_STRING, .default_value = "global",
      .help = "A region such as europe-west1, eu or us for several of them, or global." },
    { SETTING(mistral_location, site.mistral_location), .type = AIGW_SET_STRING,
      .help = "Region of Mistral's models, which few have. Default: europe-west4 for European locations, else "
              "us-central1." },
    { SETTING(publisher, site.publisher), .type = AIGW_SET_STRING, .default_value = "auto",
      .choices = "auto|google|anthropic|mistralai|openapi|endpoints",
      .help = "Whose models are asked for. auto: by the model's name." },
    GOOGLE_SETTINGS(struct vertex),
    { SETTING(api_key, api_key), .type = AIGW_SET_STRING, .flags = AIGW_SETF_SECRET,
      .help = "Key for AI Studio, or for Vertex AI in express mode instead of a credential. Never sent to an endpoint "
              "that came with a request." },
    { SETTING(base_url, site.base_url), .type = AIGW_SET_STRING, .flags = AIGW_SETF_URL,
      .help = "Root URL instead of Google's, such as one of Private Service Connect." },
    { SETTING(api_version, site.version), .type = AIGW_SET_STRING,
      .help = "Version in the path. Default: v1, for AI Studio v1beta." },
    { SETTING(schema, site.schema), .type = AIGW_SET_STRING, .default_value = "auto", .choices = "auto|json|openapi",
      .help = "Form of schemas for Gemini. auto: the older one, openapi, for models before 2.5." },
    { SETTING(max_tokens, site.max_tokens), .type = AIGW_SET_INT, .default_value = "4096", .min = 1, .max = 1000000,
      .help = "Output limit of Claude in tokens when neither request nor prompt names one; the API requires it." },
    { SETTING(cache_ttl, site.cache_ttl), .type = AIGW_SET_STRING, .default_value = "5m", .choices = "5m|1h|off",
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
    struct vertex_site *site = &vertex->site;
    aigw_status status;

    vertex->host = host;
    site->is_studio = strcmp(vertex->api, "ai-studio") == 0;
    if (wire_check_header_setting(host, ctx, "api_key", vertex->api_key) != AIGW_OK ||
        check_word(host, ctx, "project", vertex->project) != AIGW_OK ||
        check_word(host, ctx, "location", site->location) != AIGW_OK ||
        check_word(host, ctx, "mistral_location", site->mistral_location) != AIGW_OK ||
        check_word(host, ctx, "api_version", site->version) != AIGW_OK ||
        check_word(host, ctx, "metadata_host", vertex->google.metadata_host) != AIGW_OK ||
        check_word(host, ctx, "aws_region", vertex->google.aws_region) != AIGW_OK)
        return AIGW_E_CONFIG;
    if (site->base_url && strchr(site->base_url, '?'))
        return host->fail(ctx, AIGW_E_CONFIG, "base_url: has a query, which the API's paths leave no room for");
    if (!site->version || !site->version[0])
        site->version = site->is_studio ? "v1beta" : "v1";
    if (!site->location[0])
        site->location = "global";
    if (site->is_studio)
        return AIGW_OK;
    status = google_open(host, ctx, &vertex->google);
    return status == AIGW_OK ? check_word(host, ctx, "the credential's project_id", vertex->google.project) : status;
}

/* ---- requests ---- */

/* An express key goes without a project, and without an identity. */
static bool is_express(const struct vertex *vertex)
{
    return !vertex->site.is_studio && vertex->api_key && vertex->api_key[0];
}

static aigw_status find_project(const struct vertex *vertex, struct aigw_ctx *ctx, aigw_str *ret_project)
{
    bool is_set = vertex->project && vertex->project[0];

    if (!is_express(vertex))
        return google_project(vertex->host, ctx, &vertex->google, vertex->project, ret_project);
    *ret_project = wire_str(is_set ? vertex->project : vertex->google.project);
    return AIGW_OK;
}

static aigw_status vertex_headers(const struct vertex *vertex, struct aigw_ctx *ctx, const struct aigw_target *target,
                                  const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    static const char *const ours[] = { "x-goog-api-key", "x-goog-user-project", NULL };
    static const char *const claudes[] = { "anthropic-version", "anthropic-beta", NULL };
    bool is_claude = req->raw && wire_is(req->raw->dialect, ANTHROPIC_DIALECT);
    struct wire_headers headers;
    aigw_str token, betas = AIGW_STR_NONE;
    aigw_status status = is_claude ? vertex_betas(vertex->host, ctx, req->raw, &betas) : AIGW_OK;

    if (status != AIGW_OK)
        return status;

    wire_headers_begin(&headers, vertex->host, ctx);
    if (req->kind != AIGW_CALL_MODELS || req->raw)
        wire_header(&headers, "Content-Type: application/json");
    if (vertex->site.is_studio) {
        wire_header_value(&headers, "x-goog-api-key: ", wire_key_for(target, vertex->api_key, NULL));
    } else if (is_express(vertex)) {
        wire_header_value(&headers, "x-goog-api-key: ", wire_str(vertex->api_key));
    } else {
        status = google_token(vertex->host, ctx, &vertex->google, &token);
        if (status != AIGW_OK)
            return status;
        wire_header_value(&headers, "Authorization: Bearer ", token);
        wire_header_value(&headers, "x-goog-user-project: ", wire_str(vertex->google.quota_project));
    }
    wire_header_value(&headers, "anthropic-beta: ", betas);
    if (req->raw)
        wire_headers_pass(&headers, req->raw, is_claude ? claudes : ours);
    return wire_headers_end(&headers, ret_http);
}

/* Which models AI Studio has. */
static aigw_status list_request(struct vertex_call *call, struct vertex_place *place,
                                struct aigw_http_request *ret_http)
{
    *place = (struct vertex_place){ .method = "?pageSize=1000" };
    call->of.gemini.kind = AIGW_CALL_MODELS;
    ret_http->method = "GET";
    ret_http->framing = AIGW_FRAMING_BODY;
    return AIGW_OK;
}

static aigw_status vertex_request(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_target *target,
                                  const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct vertex *vertex = self;
    const struct vertex_site *site = &vertex->site;
    bool is_list = req->kind == AIGW_CALL_MODELS && !req->raw && site->is_studio;
    aigw_str project = AIGW_STR_NONE;
    struct vertex_place place;
    aigw_status status = is_list ? list_request(state, &place, ret_http)
                                 : vertex_find(vertex->host, ctx, site, target->model, req, &place);

    if (status == AIGW_OK) /* before the body, as it may have to wait */
        status = vertex_headers(vertex, ctx, target, req, ret_http);
    if (status == AIGW_OK && !site->is_studio)
        status = find_project(vertex, ctx, &project);
    if (status == AIGW_OK && !is_list)
        status = vertex_begin(vertex->host, ctx, site, req, &place, state, ret_http);
    if (status != AIGW_OK)
        return status;
    ret_http->url = vertex_url(vertex->host, ctx, site, target->endpoint, project, &place);
    return ret_http->url ? AIGW_OK : AIGW_E_NOMEM;
}

/* ---- answers ---- */

static aigw_status vertex_on_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct vertex *vertex = self;

    return vertex_frame(vertex->host, ctx, call, frame);
}

static void vertex_on_failure(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_http_failure *failure,
                              struct aigw_error *ret_error)
{
    const struct vertex *vertex = self;

    vertex_failure(vertex->host, ctx, call, failure, ret_error);
}

static aigw_status vertex_credential(struct aigw_ctx *ctx, void *self, void *memory, struct aigw_credential_step *step)
{
    const struct vertex *vertex = self;

    return google_credential(vertex->host, ctx, &vertex->google, memory, step);
}

static const char *const vertex_dialects[] = { GEMINI_DIALECT, VERTEX_DIALECT, ANTHROPIC_DIALECT };

static const struct aigw_provider_ops vertex_ops = {
    .struct_size = sizeof vertex_ops,
    .dialect_count = sizeof vertex_dialects / sizeof *vertex_dialects,
    .call_size = sizeof(struct vertex_call),
    .open = vertex_open,
    .request = vertex_request,
    .frame = vertex_on_frame,
    .failure = vertex_on_failure,
    .credential = vertex_credential,
    .dialects = vertex_dialects,
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "vertex", .version = "0.1.0",
            .summary = "Google: Vertex AI (Gemini, Claude, Mistral and others) and AI Studio",
            .state_size = sizeof(struct vertex), AIGW_SETTINGS(vertex_settings), .provider = &vertex_ops);
