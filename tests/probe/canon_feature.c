/* canon_feature.c - a client that speaks the canonical model itself, for tests through the whole gateway: POST /canon
 * with a model request as case files spell it (docs/plugin-authors.md) and "need": {"model", "identifier",
 * "endpoint", "api_key" …}, which says who is to answer. The answer is the events, in lines as case files spell them.
 */
#include <aigw/sdk.h>

#include <string.h>

#include <json-c/json.h>

#include "internal.h"

#define EVENTS_MAX ((size_t)4 << 20)

struct canon_state {
    const struct aigw_host *host;
};

struct canon_call {
    char *request; /* JSON text without "need" */
    struct gw_arena arena;
    struct gw_buf events;
};

static aigw_status canon_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct canon_state *)self)->host = host;
    return AIGW_OK;
}

static void drop_call(void *arg)
{
    struct canon_call *call = arg;

    gw_arena_done(&call->arena);
    gw_buf_done(&call->events);
}

static aigw_str member(struct canon_call *call, struct json_object *obj, const char *name)
{
    struct json_object *value = NULL;

    if (!json_object_object_get_ex(obj, name, &value))
        return AIGW_STR_NONE;
    return gw_arena_str(&call->arena,
                        (aigw_str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) });
}

/* Take "need" out of the body. */
static bool read_body(struct canon_call *call, aigw_str body, struct aigw_need *ret_need, bool *ret_is_stream)
{
    struct json_object *obj = json_tokener_parse(body.ptr ? body.ptr : ""), *need = NULL, *stream = NULL;
    bool is_good = json_object_object_get_ex(obj, "need", &need);

    if (is_good) {
        ret_need->model = member(call, need, "model");
        ret_need->identifier = member(call, need, "identifier");
        ret_need->endpoint = member(call, need, "endpoint");
        ret_need->api_key = member(call, need, "api_key");
        ret_need->provider = member(call, need, "provider");
        ret_need->name = member(call, need, "name");
        json_object_object_del(obj, "need");
        *ret_is_stream = json_object_object_get_ex(obj, "stream", &stream) && json_object_get_boolean(stream);
        json_object_object_del(obj, "stream"); /* the core says so */
        call->request = gw_arena_printf(&call->arena, "%s", json_object_to_json_string(obj));
    }
    json_object_put(obj);
    return is_good;
}

static aigw_status canon_run(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_request *request)
{
    const struct aigw_host *host = ((struct canon_state *)self)->host;
    struct canon_call *call = state;
    struct aigw_need need = { .struct_size = sizeof need };
    struct aigw_error error = { .struct_size = sizeof error };
    struct aigw_call_options options = { .struct_size = sizeof options };
    const struct aigw_model_info *info = NULL;
    struct aigw_call *handle = NULL;
    bool is_stream = false;

    gw_arena_init(&call->arena, EVENTS_MAX);
    gw_buf_init(&call->events, EVENTS_MAX);
    if (host->defer(ctx, AIGW_LIFE_REQUEST, drop_call, call) != AIGW_OK)
        return AIGW_E_NOMEM;
    if (!read_body(call, request->body, &need, &is_stream))
        return host->respond_detail(ctx, 422, "the body needs to be an object with \"need\"");
    if (host->model_resolve(ctx, &need, &info, &error) != AIGW_OK)
        return host->respond_model_error(ctx, &error);
    options.flags = is_stream ? AIGW_CALLF_STREAM : 0;
    return host->model_call(ctx, info, &options, &handle);
}

static aigw_status canon_build(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_model_info *model,
                               const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    const struct aigw_host *host = ((struct canon_state *)self)->host;
    struct canon_call *call = state;
    struct aigw_model_request *req = NULL;
    struct aigw_target *target = NULL;
    struct gw_err err = { .text = "" };

    (void)model, (void)options;
    if (testhost_read_request(&call->arena, call->request, 0, &target, &req, &err) != AIGW_OK)
        return host->fail(ctx, AIGW_E_INVALID, "%s", err.text);
    req->flags |= ret_request->flags;
    *ret_request = *req;
    return AIGW_OK;
}

static aigw_status canon_event(struct aigw_ctx *ctx, void *self, void *state, const struct aigw_event *event)
{
    const struct aigw_host *host = ((struct canon_state *)self)->host;
    struct canon_call *call = state;

    if (event->type == AIGW_EVENT_START || event->type == AIGW_EVENT_WAITING)
        return AIGW_OK;
    if (event->type == AIGW_EVENT_END)
        gw_buf_puts(&call->events, "end\n");
    else
        testhost_write_event(&call->events, event);
    if (event->type != AIGW_EVENT_END && event->type != AIGW_EVENT_ERROR)
        return AIGW_OK;
    return host->respond(ctx, 200, "text/plain", gw_buf_str(&call->events), NULL, 0);
}

static const struct aigw_route routes[] = {
    { .method = "POST", .path = "/canon", .category = "probe", .callers = AIGW_CALLER_ANYONE },
};

static const struct aigw_feature_ops ops = { .struct_size = sizeof ops,
                                             .route_size = sizeof(struct aigw_route),
                                             .routes = routes,
                                             .route_count = sizeof routes / sizeof *routes,
                                             .open = canon_open,
                                             .call_size = sizeof(struct canon_call),
                                             .run = canon_run,
                                             .build = canon_build,
                                             .event = canon_event };

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "canon_feature", .version = "0.1.0",
            .summary = "Takes canonical requests, answers with events", .state_size = sizeof(struct canon_state),
            .feature = &ops);
