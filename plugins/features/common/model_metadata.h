/* model_metadata.h - `model_metadata` of a request body: the model that GitLab chose for a feature. Compiled into each
 * feature that reads it. Its three forms:
 *     self-hosted   name (family), endpoint, api_key, identifier    the caller's own server
 *     gitlab        identifier or feature_setting                   a name that this gateway's conf.d may know
 *     amazon_q      role_arn                                        served when conf.d has a model of that name
 */
#ifndef FEATURE_MODEL_METADATA_H
#define FEATURE_MODEL_METADATA_H

#include <aigw/body.h>

/** Strings live as the body does. Zeroed: none was sent. */
struct model_metadata {
    aigw_str provider, name, endpoint, api_key, identifier, feature_setting;
    bool is_adhoc; /* the caller's own model server */
};

extern const struct aigw_body_table model_metadata_table;

/** A row for a body table: the member, filling `member` of `type` and setting the bit `bit` when it has a value. */
#define MODEL_METADATA_FIELD(struct_type, member, bit) \
    { \
        .name = "model_metadata", .type = AIGW_BODY_OBJECT, .flags = AIGW_BODYF_NULLABLE, \
        .offset = offsetof(struct_type, member), .table = &model_metadata_table, .given = (bit), \
        .description = "the model to use; absent: the one that the gateway's configuration names" \
    }

/** The model that it leads to, or that of the feature's instance. As host->model_resolve(). */
aigw_status model_metadata_resolve(const struct aigw_host *host, struct aigw_ctx *ctx,
                                   const struct model_metadata *metadata, const struct aigw_model_info **ret_info,
                                   struct aigw_error *ret_error);

#endif
