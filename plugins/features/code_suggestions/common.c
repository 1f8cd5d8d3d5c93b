/* common.c - what every code route does: read the body, find the model. */
#include "code_suggestions.h"

#include <string.h>

aigw_status cs_check_body(const struct cs *cs, struct aigw_ctx *ctx, const struct aigw_request *request,
                          const struct aigw_body_table *table, void *ret)
{
    struct aigw_host_memory from = { cs->host, ctx, AIGW_LIFE_BUILD };
    struct aigw_memory memory = { aigw_host_memory_get, &from, SIZE_MAX };
    struct aigw_body body = { .memory = &memory, .options = AIGW_JSON_NAN };
    char plain[CS_PLAIN_SIZE];
    aigw_str faults;
    aigw_status status = AIGW_E_INVALID;

    if (!aigw_body_is_json_type(request->content_type))
        aigw_body_report(&body, NULL, "model_attributes_type",
                         "Input should be a valid dictionary or object to extract fields from");
    else
        status = aigw_body_read(&body, table, request->body, ret);
    if (status != AIGW_E_INVALID)
        return status;
    if (!(request->flags & AIGW_REQUESTF_VERBOSE) && cs_plain_fault(&body, plain)) {
        cs->host->respond_detail(ctx, 422, "%s", plain);
        return status;
    }
    if (aigw_body_list_faults(&body, &faults) < 0)
        return AIGW_E_NOMEM;
    cs->host->respond_invalid(ctx, faults);
    return status;
}

/** Names that older GitLabs use for models of today. */
static aigw_str current_name(const struct cs_model *wanted)
{
    static const struct {
        const char *provider, *name, *now;
    } table[] = {
        { "vertex-ai", "codestral-2501", "codestral_2508_vertex" },
        { "vertex-ai", "codestral-2508", "codestral_2508_vertex" },
        { "fireworks_ai", "codestral-2501", "codestral_2501_fireworks" },
        { "fireworks_ai", "codestral-2508", "codestral_2508_fireworks" },
        { "anthropic", "claude-sonnet-4-20250514", "claude_sonnet_4_5_20250929" },
        { "anthropic", "claude-sonnet-4-5-20250929", "claude_sonnet_4_5_20250929" },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cs_str_is(wanted->provider, table[i].provider) && cs_str_is(wanted->name, table[i].name))
            return (aigw_str){ table[i].now, strlen(table[i].now) };
    return wanted->name;
}

aigw_status cs_find_model(const struct cs *cs, struct aigw_ctx *ctx, const struct cs_model *wanted,
                          const struct aigw_model_info **ret_info)
{
    const struct aigw_host *host = cs->host;
    struct aigw_need need = { .struct_size = sizeof need };
    struct aigw_error error = { .struct_size = sizeof error, .retry_after_ms = -1 };
    aigw_status status;

    if (cs_str_is(wanted->provider, "amazon_q")) {
        host->respond_detail(ctx, 422,
                             "model provider amazon_q is not served by this gateway; assign a self-hosted "
                             "model to the feature in GitLab");
        return AIGW_E_UNSUPPORTED;
    }
    if (wanted->is_adhoc) {
        need.provider = wanted->provider;
        need.name = wanted->name;
        need.endpoint = wanted->endpoint;
        need.api_key = wanted->api_key;
        need.identifier = wanted->identifier;
    } else {
        need.model = current_name(wanted);
    }
    status = host->model_resolve(ctx, &need, ret_info, &error);
    if (status < 0 && need.model.len && error.kind == AIGW_ERR_NO_MODEL) {
        /* A name that GitLab manages and conf.d does not know: the operator's default for the feature. */
        need.model = AIGW_STR_NONE;
        error = (struct aigw_error){ .struct_size = sizeof error, .retry_after_ms = -1 };
        status = host->model_resolve(ctx, &need, ret_info, &error);
    }
    if (status < 0)
        host->respond_model_error(ctx, &error);
    return status;
}
