/* bad_feature.c - a feature that breaks one rule of the headers, chosen by the setting `breaks`; the test host must
 * find each. With "nothing" it is a good one: POST /bad asks a model and answers what it said. */
#include <aigw/sdk.h>

#include <stdio.h>
#include <string.h>

struct bad {
    const struct aigw_host *host;
    const char *breaks;
};

static const struct aigw_setting bad_settings[] = {
    { .name = "breaks",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct bad, breaks),
      .default_value = "nothing",
      .help = "The rule to break." },
};

static int shared; /* what no plugin may have */

static aigw_status bad_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct bad *)self)->host = host;
    return AIGW_OK;
}

static int breaks(const struct bad *bad, const char *rule)
{
    return strcmp(bad->breaks, rule) == 0;
}

static aigw_status bad_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct bad *bad = self;
    const struct aigw_need need = { .struct_size = breaks(bad, "need without size") ? 0 : sizeof need };
    struct aigw_error error = { .struct_size = breaks(bad, "error without size") ? 0 : sizeof error };
    const struct aigw_pair chunked = { AIGW_STR_INIT("Transfer-Encoding"), AIGW_STR_INIT("chunked") };
    const struct aigw_model_info *model = NULL;

    (void)call, (void)request;
    if (breaks(bad, "static state"))
        return bad->host->respond_detail(ctx, 200, "request %d", ++shared);
    if (breaks(bad, "unknown metric"))
        bad->host->count(ctx, 3, NULL, 1);
    if (breaks(bad, "null body"))
        bad->host->respond(ctx, 200, NULL, (aigw_str){ NULL, 5 }, NULL, 0);
    if (breaks(bad, "null name"))
        bad->host->annotate(ctx, NULL, AIGW_STR("x"));
    if (breaks(bad, "foreign call"))
        bad->host->model_cancel(ctx, (struct aigw_call *)self);
    if (breaks(bad, "emits"))
        bad->host->emit(ctx, &(struct aigw_event){ .struct_size = sizeof(struct aigw_event), .type = AIGW_EVENT_TEXT });
    if (breaks(bad, "frames its stream")) {
        bad->host->stream_begin(ctx, 200, "text/plain", &chunked, 1);
        return bad->host->stream_end(ctx);
    }
    if (bad->host->model_resolve(ctx, &need, &model, &error) != AIGW_OK)
        return breaks(bad, "error without size") ? bad->host->respond_detail(ctx, 503, "no model")
                                                 : bad->host->respond_model_error(ctx, &error);
    return bad->host->model_call(ctx, model, NULL, NULL);
}

/* A second build of this file has none. */
#ifndef BAD_BUILD
#define BAD_BUILD bad_build
static aigw_status bad_build(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_model_info *model,
                             const struct aigw_call_options *options, struct aigw_model_request *ret_request)
{
    const struct bad *bad = self;
    struct aigw_message *message = bad->host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *message);
    struct aigw_part *part = bad->host->alloc(ctx, AIGW_LIFE_BUILD, sizeof *part);

    (void)call, (void)model, (void)options;
    *part = (struct aigw_part){ .struct_size = breaks(bad, "part without size") ? 0 : sizeof *part,
                                .type = AIGW_PART_TEXT,
                                .text = AIGW_STR("hello") };
    *message = (struct aigw_message){ .struct_size = sizeof *message, .role = AIGW_ROLE_USER, .parts = part };
    ret_request->kind = AIGW_CALL_CHAT;
    ret_request->messages = message;
    return AIGW_OK;
}
#endif

static aigw_status bad_event(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_event *event)
{
    const struct bad *bad = self;
    const struct aigw_pair length = { AIGW_STR_INIT("content-length"), AIGW_STR_INIT("4") };

    (void)call;
    if (event->type == AIGW_EVENT_END && breaks(bad, "frames its answer"))
        return bad->host->respond(ctx, 200, NULL, AIGW_STR("{}"), &length, 1);
    if (event->type == AIGW_EVENT_END)
        return bad->host->respond_detail(ctx, 200, "done");
    return event->type == AIGW_EVENT_ERROR ? bad->host->respond_model_error(ctx, event->error) : AIGW_OK;
}

static aigw_status bad_refuse(struct aigw_ctx *ctx, void *self, const struct aigw_request *request,
                              const struct aigw_refusal *refusal)
{
    const struct bad *bad = self;

    (void)request;
    if (breaks(bad, "refuse lies"))
        return AIGW_OK;
    if (breaks(bad, "refuse answers well"))
        return bad->host->respond(ctx, 200, NULL, AIGW_STR("{}"), NULL, 0);
    if (breaks(bad, "refuse forgets"))
        bad->host->respond(ctx, (uint32_t)refusal->http_status, NULL, AIGW_STR("{}"), NULL, 0);
    return AIGW_E_UNSUPPORTED;
}

static const struct aigw_route bad_routes[] = {
    { .method = "POST", .path = "/bad/{what}/{more:path}", .category = "bad", .summary = "Breaks one rule." },
};

static const struct aigw_feature_ops bad_ops = {
    .struct_size = sizeof bad_ops,
    .route_size = sizeof(struct aigw_route),
    .routes = bad_routes,
    .route_count = 1,
    .open = bad_open,
    .run = bad_run,
    .build = BAD_BUILD,
    .event = bad_event,
    .refuse = bad_refuse,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "bad_feature", .version = "0.1.0", .summary = "Breaks one rule",
            .state_size = sizeof(struct bad), AIGW_SETTINGS(bad_settings), .feature = &bad_ops);
