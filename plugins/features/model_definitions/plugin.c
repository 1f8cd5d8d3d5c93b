/* plugin.c - model_definitions: the models that GitLab's administrators may choose for each feature.
 *
 * Route   GET /v1/models/definitions, without a token.
 * State   struct model_definitions, one per conf.d group: both answers there can be, written when it is opened.
 */
#include "catalogue.h"

#define PSEUDO_FLAG "ai_gateway_multi_default_models" /* the client knows pseudo models */

struct model_definitions {
    const struct aigw_host *host;
    struct md_catalogue catalogue;
    aigw_str plain, with_pseudo;
};

#define AT(field) offsetof(struct model_definitions, catalogue.field)
#define MAP(field, help) \
    { \
#field, AIGW_SET_MAP, 0, AT(field), NULL, 0, 0, NULL, help \
    }
#define LIST(field, help) \
    { \
#field, AIGW_SET_LIST, 0, AT(field), NULL, 0, 0, NULL, help \
    }
#define OF_FEATURE "Feature setting → identifiers of models, separated by blanks"

static const struct aigw_setting settings[] = {
    MAP(models, "Identifier → display name of every model, in the order in which they are listed."),
    MAP(providers, "Identifier → provider, for models that GitLab shows with one."),
    MAP(descriptions, "Identifier → a sentence about the model."),
    MAP(costs, "Identifier → cost indicator, such as \"$$\"."),
    MAP(deprecations, "Identifier → \"YYYY-MM-DD VERSION\": when it was deprecated, which GitLab drops it."),
    MAP(features, "Feature setting → the rights it needs, separated by blanks, in the order in which they are listed."),
    MAP(defaults, OF_FEATURE ": its defaults, the first one first. Others have `default_models`."),
    LIST(default_models, "Defaults of features that `defaults` does not name."),
    MAP(selectable, OF_FEATURE ": what can be selected. Others have `selectable_models`."),
    LIST(selectable_models, "What can be selected for features that `selectable` does not name."),
    MAP(beta, OF_FEATURE " that are in beta."),
    MAP(deprecated, OF_FEATURE " that will go; `deprecations` says when."),
    MAP(dev, OF_FEATURE " that developers of GitLab may select."),
    MAP(tags, "Feature setting → \"tag=identifier\", separated by blanks: the model for a tag such as small."),
};

static const char response_schema[] =
    "{\"type\":\"object\",\"required\":[\"models\",\"unit_primitives\"],\"properties\":{\"models\":{\"type\":\"array\","
    "\"items\":{\"type\":\"object\",\"required\":[\"name\",\"identifier\",\"provider\"],\"properties\":{\"name\":{"
    "\"type\":\"string\"},\"identifier\":{\"type\":\"string\"},\"provider\":{\"type\":[\"string\",\"null\"]}}}},"
    "\"unit_primitives\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"feature_setting\","
    "\"default_model\",\"selectable_models\",\"unit_primitives\"],\"properties\":{\"feature_setting\":{\"type\":"
    "\"string\"},\"default_model\":{\"type\":\"string\"},\"selectable_models\":{\"type\":\"array\",\"items\":{\"type\":"
    "\"string\"}},\"unit_primitives\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}}}}";

static const struct aigw_route routes[] = {
    { .method = "GET",
      .path = "/v1/models/definitions",
      .flags = AIGW_ROUTEF_NO_BODY,
      .category = "models",
      .summary = "List models, and which of them a feature may use",
      .group = "models",
      .response_schema = response_schema,
      .callers = AIGW_CALLER_ANYONE },
};

static aigw_status open_instance(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct model_definitions *md = self;
    aigw_status status = md_check(&md->catalogue, host, ctx);

    if (status != AIGW_OK)
        return status;
    md->host = host;
    md->plain = md_write(&md->catalogue, host, ctx, false);
    md->with_pseudo = md_write(&md->catalogue, host, ctx, true);
    if (!md->plain.ptr || !md->with_pseudo.ptr)
        return host->fail(ctx, AIGW_E_NOMEM, "models: the list is too large, or out of memory");
    return AIGW_OK;
}

static aigw_status run(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_request *request)
{
    const struct model_definitions *md = self;
    aigw_str answer = md->plain;
    uint32_t count = 0;
    const aigw_str *flags = md->host->feature_flags(ctx, &count);

    (void)call;
    (void)request;
    for (uint32_t i = 0; i < count; i++)
        if (md_is(flags[i], PSEUDO_FLAG))
            answer = md->with_pseudo;
    return md->host->respond(ctx, 200, NULL, answer, NULL, 0);
}

static const struct aigw_feature_ops ops = {
    .struct_size = sizeof ops,
    .route_size = sizeof *routes,
    .routes = routes,
    .route_count = sizeof routes / sizeof *routes,
    .open = open_instance,
    .run = run,
};

AIGW_PLUGIN(.kind = AIGW_KIND_FEATURE, .name = "model_definitions", .version = "0.1.0",
            .summary = "The list of models and of the features that may use them",
            .state_size = sizeof(struct model_definitions), AIGW_SETTINGS(settings), .feature = &ops);
