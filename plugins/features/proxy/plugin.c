/* plugin.c - feature plugin for /v1/proxy/{anthropic,openai,vertex-ai}/…: agents speak a vendor's own API to the
 * gateway, which decides who may and which model answers.
 * State: struct proxy, one per conf.d group; struct proxy_call, one per request. Static are tables only.
 */
#include "proxy.h"

#include <string.h>

#define VENDOR(tag, field) \
    (offsetof(struct proxy, vendors) + (tag) * sizeof(struct proxy_vendor) + offsetof(struct proxy_vendor, field))

static const struct aigw_setting settings[] = {
    { "anthropic_model", AIGW_SET_STRING, 0, VENDOR(PROXY_ANTHROPIC, model), NULL, 0, 0, NULL,
      "Name of the model (in `models`) that answers /v1/proxy/anthropic; its provider must speak Anthropic's API." },
    { "anthropic_models", AIGW_SET_LIST, 0, VENDOR(PROXY_ANTHROPIC, models), NULL, 0, 0, NULL,
      "Model names that clients of that proxy may ask for: \"name\", \"name*\" or either with \" = model\" to have "
      "that "
      "model of `models` answer. The first that fits decides. Empty: any name." },
    { "openai_model", AIGW_SET_STRING, 0, VENDOR(PROXY_OPENAI, model), NULL, 0, 0, NULL,
      "Name of the model (in `models`) that answers /v1/proxy/openai; its provider must speak OpenAI's API." },
    { "openai_models", AIGW_SET_LIST, 0, VENDOR(PROXY_OPENAI, models), NULL, 0, 0, NULL,
      "Model names that clients of that proxy may ask for; as anthropic_models." },
    { "vertex_model", AIGW_SET_STRING, 0, VENDOR(PROXY_VERTEX, model), NULL, 0, 0, NULL,
      "Name of the model (in `models`) that answers /v1/proxy/vertex-ai; its provider must speak Vertex AI's API." },
    { "vertex_models", AIGW_SET_LIST, 0, VENDOR(PROXY_VERTEX, models), NULL, 0, 0, NULL,
      "Model names that clients of that proxy may name in the path; as anthropic_models." },
    { "self_managed_enabled", AIGW_SET_STRING, 0, offsetof(struct proxy, self_managed_enabled), NULL, 0, 0, NULL,
      "Instance ids that may use the proxies, separated by commas. Empty: all." },
    { "saas_enabled", AIGW_SET_STRING, 0, offsetof(struct proxy, saas_enabled), NULL, 0, 0, NULL,
      "Root namespace ids that may use the proxies, separated by commas. Empty: all." },
};

#define PROXY_ROUTE(vendor_tag, route_path, route_summary) \
    { \
        .method = "POST", .path = (route_path), .tag = (vendor_tag), .body_max = (int64_t)PROXY_BODY_MAX, \
        .category = "duo_agent_platform", .summary = (route_summary), .group = "proxy" \
    }

static const struct aigw_route routes[] = {
    PROXY_ROUTE(PROXY_ANTHROPIC, "/v1/proxy/anthropic/{path:path}", "Anthropic's API: messages and token counts"),
    PROXY_ROUTE(PROXY_OPENAI, "/v1/proxy/openai/{path:path}", "OpenAI's API: chat completions, responses, embeddings"),
    PROXY_ROUTE(PROXY_VERTEX, "/v1/proxy/vertex-ai/{path:path}", "Vertex AI's API: publishers' models"),
};

static aigw_status proxy_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct proxy *)self)->host = host;
    return AIGW_OK;
}

/** The path behind the vendor's name, with its leading slash. */
static aigw_str vendor_path(const struct aigw_request *request)
{
    const char *pattern = request->route->path;
    size_t skip = (size_t)(strchr(pattern, '{') - pattern) - 1;

    return (aigw_str){ request->path.ptr + skip, request->path.len - skip };
}

/** The same with its query. Absent without memory. */
static aigw_str server_path(struct aigw_ctx *ctx, const struct proxy *proxy, const struct aigw_request *request)
{
    aigw_str path = vendor_path(request);
    const char *text = proxy->host->format(ctx, AIGW_LIFE_REQUEST, request->query.len > 0 ? "%.*s?%.*s" : "%.*s",
                                           AIGW_STR_ARG(path), AIGW_STR_ARG(request->query));

    return text ? (aigw_str){ text, strlen(text) } : AIGW_STR_NONE;
}

static aigw_status proxy_run(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    const struct proxy *proxy = self;
    struct proxy_call *call = state;
    uint32_t tag = request->route->tag;

    call->proxy = proxy;
    call->request = request;
    call->api = proxy_api_of(tag);
    call->vendor = &proxy->vendors[tag];
    if (!proxy_may_enter(ctx, proxy))
        return AIGW_OK;
    call->path = proxy_path_of(tag, vendor_path(request), request->query);
    if (!call->path)
        return proxy->host->respond_detail(ctx, 404, "Not found");
    call->server_path = server_path(ctx, proxy, request);
    if (call->server_path.len == 0)
        return AIGW_E_NOMEM;
    if (!proxy_read_body(ctx, call))
        return AIGW_OK;
    if (call->path->action == PROXY_DO_EMBED && !proxy_check_embed(ctx, call))
        return AIGW_OK;
    return proxy_forward(ctx, call);
}

static aigw_status proxy_build(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_model_info *target,
                               const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    struct proxy_call *call = state;

    (void)self;
    (void)options;
    return call->path->action == PROXY_DO_EMBED ? proxy_build_embed(ctx, call, ret_request)
                                                : proxy_build_raw(ctx, call, target, ret_request);
}

static aigw_status proxy_event(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_event *event)
{
    struct proxy_call *call = state;

    (void)self;
    return call->path->action == PROXY_DO_EMBED ? proxy_event_embed(ctx, call, event)
                                                : proxy_event_raw(ctx, call, event);
}

static const struct aigw_feature_ops proxy_ops = {
    .struct_size = sizeof proxy_ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .call_size = sizeof(struct proxy_call),
    .open = proxy_open,
    .run = proxy_run,
    .build = proxy_build,
    .event = proxy_event,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "proxy", .version = "1.0.0",
            .summary = "model vendors' own APIs for GitLab's agents", .state_size = sizeof(struct proxy),
            AIGW_SETTINGS(settings), .feature = &proxy_ops);
