/* bad_plugin.c - a feature that breaks rules the loader lets pass: each must be found by the conformance check. */
#include <aigw/sdk.h>

struct bad {
    const char *text;
    int64_t number;
};

static const struct aigw_setting bad_settings[] = {
    { .name = "text", .type = AIGW_SET_STRING, .offset = offsetof(struct bad, text), .help = "A text that is fine." },
    { .name = "number", .type = AIGW_SET_INT, .offset = offsetof(struct bad, number), .help = "" },
    { .name = "same_field",
      .type = AIGW_SET_INT,
      .offset = offsetof(struct bad, number),
      .help = "Shares its field with number." },
};

static aigw_status bad_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    (void)ctx;
    (void)self;
    (void)call;
    (void)request;
    return AIGW_OK;
}

static const struct aigw_route bad_routes[] = {
    { .method = "POST", .path = "/v1/bad", .scope = "some_scope", .request_schema = "nonsense" },
};

static const struct aigw_feature_ops bad_ops = {
    .struct_size = sizeof bad_ops,
    .route_size = sizeof(struct aigw_route),
    .routes = bad_routes,
    .route_count = 1,
    .run = bad_run,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "bad", .version = "0.1.0", .summary = "Breaks rules",
            .state_size = sizeof(struct bad), AIGW_SETTINGS(bad_settings), .feature = &bad_ops);
