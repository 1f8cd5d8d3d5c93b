/* bad_served.c - a feature that the loader lets pass and the gateway refuses once it is to serve: for what, the build
 * says. The conformance check must refuse it, too. */
#include <aigw/sdk.h>

#ifndef BAD_PATH
#define BAD_PATH "/v1/other"
#endif
#ifndef BAD_METRIC
#define BAD_METRIC "served_total"
#endif
#ifndef BAD_LABEL
#define BAD_LABEL "other"
#endif

struct served {
    const struct aigw_host *host;
};

static aigw_status served_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct served *)self)->host = host;
    return AIGW_OK;
}

static aigw_status served_run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    (void)call, (void)request;
    return ((struct served *)self)->host->respond(ctx, 200, "text/plain", AIGW_STR("served"), NULL, 0);
}

static const struct aigw_route served_routes[] = {
    { .method = "POST", .path = "/v1/served", .category = "served", .summary = "Serves." },
    { .method = "POST", .path = BAD_PATH, .category = "served", .summary = "Serves, perhaps." },
};

static const char *const served_labels[] = { "kind", BAD_LABEL };
static const struct aigw_metric served_metrics[] = { { BAD_METRIC, "What was served.", served_labels, 2 } };

static const struct aigw_feature_ops served_ops = {
    .struct_size = sizeof served_ops,
    .route_size = sizeof(struct aigw_route),
    .routes = served_routes,
    .route_count = 2,
    .open = served_open,
    .run = served_run,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "served", .version = "0.1.0", .summary = "Serves, perhaps",
            .state_size = sizeof(struct served), AIGW_METRICS(served_metrics), .feature = &served_ops);
