/* model_metadata.c - see model_metadata.h. Blanks around pasted URLs and keys are dropped. */
#include "model_metadata.h"

#include <string.h>

static bool is(aigw_str s, const char *text)
{
    size_t len = strlen(text);

    return s.len == len && memcmp(s.ptr, text, len) == 0;
}

static void check(struct aigw_body *body, void *object)
{
    struct model_metadata *metadata = object;

    metadata->is_adhoc = !is(metadata->provider, "gitlab") && !is(metadata->provider, "amazon_q");
    if (metadata->is_adhoc && aigw_body_is_good(body) && !metadata->endpoint.len && !metadata->identifier.len)
        aigw_body_report(body, "endpoint", "value_error", "Value error, neither endpoint nor identifier is given");
}

#define TEXT(member, longest, more) \
    { \
        .name = #member, .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_NULLABLE | (more), \
        .offset = offsetof(struct model_metadata, member), .max = (longest) \
    }

static const struct aigw_body_field fields[] = {
    { .name = "provider",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct model_metadata, provider),
      .max = 255,
      .description = "gitlab, amazon_q; anything else is a self-hosted model" },
    TEXT(name, 255, 0),
    TEXT(endpoint, 255, AIGW_BODYF_STRIP | AIGW_BODYF_URL),
    TEXT(api_key, 2000, AIGW_BODYF_STRIP | AIGW_BODYF_SECRET),
    TEXT(identifier, 1000, AIGW_BODYF_STRIP),
    TEXT(feature_setting, 255, 0),
    { .name = "role_arn",
      .type = AIGW_BODY_STRING,
      .flags = AIGW_BODYF_NULLABLE,
      .offset = AIGW_BODY_NOWHERE,
      .max = 255 },
};

const struct aigw_body_table model_metadata_table = { AIGW_BODY_FIELDS(fields), .size = sizeof(struct model_metadata),
                                                      .check = check };

/** A name that conf.d may know. */
static aigw_str known_name(const struct model_metadata *metadata)
{
    if (is(metadata->provider, "amazon_q"))
        return metadata->provider;
    if (metadata->identifier.len)
        return metadata->identifier;
    return metadata->name.len ? metadata->name : metadata->feature_setting;
}

aigw_status model_metadata_resolve(const struct aigw_host *host, struct aigw_ctx *ctx,
                                   const struct model_metadata *metadata, const struct aigw_model_info **ret_info,
                                   struct aigw_error *ret_error)
{
    const struct aigw_error none = { .struct_size = sizeof none, .retry_after_ms = -1 };
    struct aigw_need need = { .struct_size = sizeof need };
    aigw_status status;

    *ret_error = none;
    if (metadata->is_adhoc) {
        need.provider = metadata->provider;
        need.name = metadata->name;
        need.endpoint = metadata->endpoint;
        need.api_key = metadata->api_key;
        need.identifier = metadata->identifier;
        return host->model_resolve(ctx, &need, ret_info, ret_error);
    }
    need.model = known_name(metadata);
    status = host->model_resolve(ctx, &need, ret_info, ret_error);
    if (status < 0 && need.model.len && ret_error->kind == AIGW_ERR_NO_MODEL && !is(need.model, "amazon_q")) {
        /* A name that GitLab manages and conf.d does not have: the operator's choice for the feature. */
        need.model = AIGW_STR_NONE;
        *ret_error = none;
        status = host->model_resolve(ctx, &need, ret_info, ret_error);
    }
    return status;
}
