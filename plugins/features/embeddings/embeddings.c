/* embeddings.c - feature plugin for /v1/embeddings/code_embeddings and its two aliases: vectors for GitLab's semantic
 * code search. The model comes with the request, or from conf.d for models that GitLab manages.
 * State: struct embeddings, one per conf.d group; struct embeddings_call, one per request.
 */
#include <aigw/body.h>
#include <aigw/sdk.h>

#include <stdbool.h>
#include <string.h>

#include "../common/vector.h"

#define ANSWER_MAX   ((size_t)64 << 20)
#define CONTENTS_MAX 4096u

struct embeddings {
    const struct aigw_host *host;
};

struct embeddings_model {
    aigw_str provider, identifier, name, endpoint, api_key;
};

struct embeddings_call {
    struct embeddings_model model;
    struct aigw_body_list contents; /* of aigw_str; body memory */
    int64_t dimensions;             /* 0: not given */
    aigw_str identifier;            /* request memory: the answer names it */
    aigw_str name;
    struct aigw_buf *answer;
    uint32_t vectors;
};

/* ---- the body ---- */

/* Blanks around pasted URLs and keys are dropped. */
static const struct aigw_body_field model_fields[] = {
    { .name = "provider",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct embeddings_model, provider) },
    { .name = "identifier",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_STRIP,
      .offset = offsetof(struct embeddings_model, identifier) },
    { .name = "name",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct embeddings_model, name) },
    { .name = "endpoint",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP,
      .offset = offsetof(struct embeddings_model, endpoint) },
    { .name = "api_key",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE | AIGW_BODYF_STRIP | AIGW_BODYF_SECRET,
      .offset = offsetof(struct embeddings_model, api_key) },
};
static const struct aigw_body_table model_table = { AIGW_BODY_FIELDS(model_fields),
                                                    .size = sizeof(struct embeddings_model) };

static const struct aigw_body_field content = { .type = AIGW_BODY_STRING };

static const struct aigw_body_field fields[] = {
    { .name = "model_metadata",
      .type = AIGW_BODY_OBJECT,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct embeddings_call, model),
      .table = &model_table },
    { .name = "contents",
      .type = AIGW_BODY_LIST,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct embeddings_call, contents),
      .max = CONTENTS_MAX,
      .item = &content },
    { .name = "dimensions",
      .type = AIGW_BODY_INT,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = offsetof(struct embeddings_call, dimensions),
      .default_value = "0" },
    { .name = "litellm_drop_params",
      .type = AIGW_BODY_BOOL,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = AIGW_BODY_NOWHERE },
};
static const struct aigw_body_table table = { AIGW_BODY_FIELDS(fields), .size = sizeof(struct embeddings_call) };

static bool is(aigw_str text, const char *literal)
{
    return text.len == strlen(literal) && (text.len == 0 || memcmp(text.ptr, literal, text.len) == 0);
}

static aigw_status embeddings_check(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    return aigw_body_of_request(((struct embeddings *)self)->host, ctx, request, &table, AIGW_JSON_NAN, NULL, NULL,
                                call);
}

/* ---- which model ---- */

/** What the contract says about a model that cannot be; NULL when nothing is wrong. */
static const char *complaint(const struct embeddings_model *model)
{
    if (is(model->provider, "gitlab"))
        return NULL;
    if (!is(model->provider, "litellm"))
        return "Allowed providers are: gitlab|litellm.";
    if (model->name.len == 0)
        return "Model `name` must be set when using `litellm` provider.";
    if (!is(model->name, "embedding"))
        return "Model `name` must be 'embedding' when using `litellm` provider.";
    if (model->endpoint.len == 0)
        return "Model `endpoint` must be set when using `litellm` provider.";
    return NULL;
}

/** The model that the request brings, or one of conf.d: that of the identifier's name, else the feature's own. */
static aigw_status find_model(struct aigw_ctx *ctx, const struct aigw_host *host, const struct embeddings_model *wanted,
                              const struct aigw_model_info **ret_model)
{
    struct aigw_need need = { .struct_size = sizeof need };
    struct aigw_error error = { .struct_size = sizeof error, .retry_after_ms = -1 };
    bool is_managed = is(wanted->provider, "gitlab");
    aigw_status status;

    if (is_managed) {
        need.model = wanted->identifier;
    } else {
        need.provider = wanted->provider;
        need.name = wanted->name;
        need.endpoint = wanted->endpoint;
        need.api_key = wanted->api_key;
        need.identifier = wanted->identifier;
    }
    status = host->model_resolve(ctx, &need, ret_model, &error);
    if (status != AIGW_OK && is_managed && error.kind == AIGW_ERR_NO_MODEL) {
        need.model = AIGW_STR_NONE;
        status = host->model_resolve(ctx, &need, ret_model, &error);
        if (status != AIGW_OK) {
            host->respond_detail(ctx, 422, "Error creating the model_metadata: Invalid model identifier: %.*s",
                                 AIGW_STR_ARG(wanted->identifier));
            return status;
        }
    }
    if (status != AIGW_OK)
        host->respond_detail(ctx, 422, "%.*s", AIGW_STR_ARG(error.message));
    return status;
}

static bool keep(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str text, aigw_str *ret)
{
    char *copy = host->alloc(ctx, AIGW_LIFE_REQUEST, text.len + 1);

    if (copy && text.len > 0)
        memcpy(copy, text.ptr, text.len);
    *ret = (aigw_str){ copy, text.len };
    return copy;
}

static aigw_status respond(struct aigw_ctx *ctx, const struct aigw_host *host, const struct embeddings_call *call);

static aigw_status embeddings_run(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    const struct aigw_host *host = ((struct embeddings *)self)->host;
    struct embeddings_call *call = state;
    const char *wrong = complaint(&call->model);
    const struct aigw_model_info *model;
    struct aigw_call *handle;

    (void)request;
    if (wrong)
        return host->respond_detail(ctx, 422, "%s", wrong);
    if (find_model(ctx, host, &call->model, &model) != AIGW_OK)
        return AIGW_OK;
    call->answer = host->buf_new(ctx, AIGW_LIFE_REQUEST, ANSWER_MAX);
    if (!call->answer || !keep(host, ctx, call->model.identifier, &call->identifier) ||
        !keep(host, ctx, call->model.name.len > 0 ? call->model.name : model->name, &call->name))
        return AIGW_E_NOMEM;
    if (call->contents.count == 0)
        return respond(ctx, host, call);
    return host->model_call(ctx, model, NULL, &handle);
}

static aigw_status embeddings_build(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_model_info *target,
                                    const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    const struct embeddings_call *call = state;

    (void)ctx;
    (void)self;
    (void)target;
    (void)options;
    ret_request->kind = AIGW_CALL_EMBEDDING;
    ret_request->inputs = call->contents.items;
    ret_request->input_count = (uint32_t)call->contents.count;
    ret_request->dimensions = call->dimensions > 0 && call->dimensions <= INT32_MAX ? (int32_t)call->dimensions : 0;
    return AIGW_OK;
}

/* ---- the answer ---- */

static void put_vector(const struct aigw_host *host, struct embeddings_call *call, const struct aigw_event *event)
{
    host->buf_printf(call->answer, "%s{\"embedding\":", call->vectors++ ? "," : "");
    vector_put_list(host, call->answer, event->vector, event->vector_len);
    host->buf_printf(call->answer, ",\"index\":%u}", event->index);
}

static aigw_status respond(struct aigw_ctx *ctx, const struct aigw_host *host, const struct embeddings_call *call)
{
    struct aigw_buf *buf = host->buf_new(ctx, AIGW_LIFE_REQUEST, ANSWER_MAX);
    aigw_str vectors, body;
    aigw_status status = host->buf_view(call->answer, &vectors);

    if (!buf)
        return AIGW_E_NOMEM;
    if (status != AIGW_OK)
        return host->respond_detail(ctx, 500, "the vectors are larger than %zu bytes", ANSWER_MAX);
    host->buf_printf(buf, "{\"model\":{\"engine\":\"litellm_embedding\",\"name\":");
    host->buf_json(buf, call->name);
    host->buf_printf(buf, ",\"identifier\":");
    host->buf_json(buf, call->identifier);
    host->buf_printf(buf, "},\"predictions\":[");
    host->buf_put(buf, vectors.ptr, vectors.len);
    host->buf_put(buf, "]}", 2);
    status = host->buf_view(buf, &body);
    return status == AIGW_OK ? host->respond(ctx, 200, NULL, body, NULL, 0) : status;
}

/* The words in front of the cause are those that clients look for. */
static aigw_status respond_error(struct aigw_ctx *ctx, const struct aigw_host *host, const struct aigw_error *error)
{
    switch (error->kind) {
    case AIGW_ERR_BAD_REQUEST:
    case AIGW_ERR_CONTEXT_TOO_LONG:
    case AIGW_ERR_REFUSED:
        if (error->http_status == 422)
            break;
        return host->respond_detail(ctx, 400, "litellm.BadRequestError: %.*s", AIGW_STR_ARG(error->message));
    case AIGW_ERR_UNSUPPORTED:
        return host->respond_detail(ctx, 400, "litellm.BadRequestError: %.*s", AIGW_STR_ARG(error->message));
    case AIGW_ERR_SERVER:
        return host->respond_detail(ctx, 400, "litellm.BadRequestError: OpenAIException - Error code: %d - %.*s",
                                    error->http_status ? error->http_status : 500, AIGW_STR_ARG(error->message));
    case AIGW_ERR_AUTH:
        return host->respond_detail(ctx, 401, "litellm.AuthenticationError: %.*s", AIGW_STR_ARG(error->message));
    default:
        break;
    }
    return host->respond_detail(ctx, 500, "%.*s", AIGW_STR_ARG(error->message));
}

/** 429 with the wait that the model server asked for. */
static aigw_status respond_limited(struct aigw_ctx *ctx, const struct aigw_host *host, const struct aigw_error *error)
{
    struct aigw_buf *buf = host->buf_new(ctx, AIGW_LIFE_REQUEST, 16384);
    const char *text =
        host->format(ctx, AIGW_LIFE_REQUEST, "litellm.RateLimitError: %.*s", AIGW_STR_ARG(error->message));
    const char *wait_s =
        host->format(ctx, AIGW_LIFE_REQUEST, "%lld", (long long)((error->retry_after_ms + 999) / 1000));
    struct aigw_pair header = { AIGW_STR_INIT("retry-after"), AIGW_STR_NONE };
    aigw_str body;

    if (!buf || !text || !wait_s)
        return AIGW_E_NOMEM;
    header.value = (aigw_str){ wait_s, strlen(wait_s) };
    host->buf_put(buf, "{\"detail\":", 10);
    host->buf_json(buf, (aigw_str){ text, strlen(text) });
    host->buf_put(buf, "}", 1);
    if (host->buf_view(buf, &body) != AIGW_OK)
        return AIGW_E_NOMEM;
    return host->respond(ctx, 429, NULL, body, &header, error->retry_after_ms >= 0);
}

static aigw_status embeddings_event(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_event *event)
{
    const struct aigw_host *host = ((struct embeddings *)self)->host;
    struct embeddings_call *call = state;

    switch (event->type) {
    case AIGW_EVENT_EMBEDDING:
        put_vector(host, call, event);
        return AIGW_OK;
    case AIGW_EVENT_END:
        return respond(ctx, host, call);
    case AIGW_EVENT_ERROR:
        return event->error->kind == AIGW_ERR_RATE_LIMITED ? respond_limited(ctx, host, event->error)
                                                           : respond_error(ctx, host, event->error);
    default:
        return AIGW_OK;
    }
}

/* ---- the plugin ---- */

static char request_schema[4096]; /* printed once when the shared object is loaded */

static void *schema_memory(void *user, size_t len)
{
    (void)user;
    return len <= sizeof request_schema ? request_schema : NULL;
}

__attribute__((constructor)) static void print_schema(void)
{
    struct aigw_memory memory = { schema_memory, NULL, sizeof request_schema };
    aigw_str schema;

    aigw_body_schema(&table, &memory, &schema);
}

static aigw_status embeddings_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct embeddings *)self)->host = host;
    return AIGW_OK;
}

#define EMBEDDINGS_ROUTE(route_path, route_summary) \
    { \
        .method = "POST", .path = (route_path), .scope = "generate_embeddings_codebase", \
        .forbidden_detail = "Unauthorized to access 'embeddings_code'", .category = "global_search", \
        .summary = (route_summary), .group = "embeddings", .request_schema = request_schema \
    }

static const struct aigw_route routes[] = {
    EMBEDDINGS_ROUTE("/v1/embeddings/code_embeddings", "Vectors for texts"),
    EMBEDDINGS_ROUTE("/v1/embeddings/code_embeddings/index", "Vectors for texts to be found"),
    EMBEDDINGS_ROUTE("/v1/embeddings/code_embeddings/search", "Vectors for texts to search with"),
};

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct embeddings_call),
    .open = embeddings_open,
    .check = embeddings_check,
    .run = embeddings_run,
    .build = embeddings_build,
    .event = embeddings_event,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "embeddings", .version = "1.0.0",
            .summary = "vectors for GitLab's semantic code search", .state_size = sizeof(struct embeddings),
            .feature = &ops);
