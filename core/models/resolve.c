/* resolve.c - from what a feature needs to a plan: a configured model, or an ad-hoc target made of the endpoint, key
 * and identifier in the client's request. Facts: features-and-models.md §3.1–§3.3; decisions D9, D10, D21. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "models/plan.h"

#define DEFAULT_PREFIX "default"

static aigw_status refuse(struct aigw_error *ret_error, uint32_t kind, const char *message)
{
    *ret_error = (struct aigw_error){
        .struct_size = sizeof *ret_error,
        .kind = kind,
        .retry_after_ms = -1,
        .message = message ? gw_str(message) : AIGW_STR("out of memory"),
    };
    if (!message)
        ret_error->kind = AIGW_ERR_INTERNAL;
    return kind == AIGW_ERR_ENDPOINT ? AIGW_E_FORBIDDEN : AIGW_E_CONFIG;
}

static const struct gw_prefix *find_prefix(const struct gw_models *models, aigw_str name)
{
    for (size_t i = 0; i < models->prefix_count; i++)
        if (gw_str_is(name, models->prefixes[i].name))
            return &models->prefixes[i];
    return NULL;
}

/* "prefix/rest" at the first slash. An unknown prefix with an endpoint is taken for a part of the model's name, as in
 * "meta-llama/Llama-3": what else could the operator have meant? */
static const struct gw_prefix *split_identifier(const struct gw_models *models, aigw_str identifier, bool has_endpoint,
                                                aigw_str *ret_prefix, aigw_str *ret_model)
{
    const char *slash = identifier.len ? memchr(identifier.ptr, '/', identifier.len) : NULL;

    *ret_prefix = AIGW_STR_NONE;
    *ret_model = identifier;
    if (!slash)
        return find_prefix(models, AIGW_STR(DEFAULT_PREFIX));
    aigw_str name = { identifier.ptr, (size_t)(slash - identifier.ptr) };
    const struct gw_prefix *prefix = find_prefix(models, name);
    if (!prefix)
        return has_endpoint ? find_prefix(models, AIGW_STR(DEFAULT_PREFIX)) : NULL;
    *ret_prefix = name;
    *ret_model = (aigw_str){ slash + 1, identifier.len - name.len - 1 };
    return prefix;
}

static void fill_info(const struct gw_models *models, const struct gw_family *family, struct aigw_model_info *info)
{
    if (!family) {
        family = &models->base;
        info->flags |= AIGW_MODELF_UNKNOWN_FAMILY;
    }
    info->families = family->chain;
    info->family_count = family->chain_count;
    if (info->max_context_tokens == 0)
        info->max_context_tokens = family->max_context_tokens;
    if (family->unescape_underscores)
        info->flags |= AIGW_MODELF_UNESCAPE;
    if (models->settings->models.disable_streaming)
        info->flags |= AIGW_MODELF_STREAM_OFF;
    info->defaults = &family->defaults;
}

void gw_models_family_info(const struct gw_models *models, aigw_str family, struct aigw_model_info *ret_info)
{
    *ret_info = (struct aigw_model_info){ .struct_size = sizeof *ret_info, .name = family };
    fill_info(models, gw_models_family(models, family), ret_info);
}

static aigw_status need_memory(struct aigw_error *ret_error)
{
    return refuse(ret_error, AIGW_ERR_INTERNAL, "the request's memory budget is spent (limits.request_memory_max)");
}

/* One target of one's own: the mock, or what the request names. */
static aigw_status single_plan(struct gw_arena *arena, const struct gw_models *models, const struct gw_target *target,
                               aigw_str name, struct aigw_model_info *info, struct aigw_error *ret_error)
{
    struct gw_target *copy = gw_arena_alloc(arena, sizeof *copy);
    struct gw_plan *plan = gw_arena_calloc(arena, sizeof *plan);

    if (!copy || !plan)
        return need_memory(ret_error);
    *copy = *target;
    plan->targets = copy;
    plan->target_count = 1;
    plan->retries = models->settings->upstream.retries;
    plan->name = name;
    info->plan = plan;
    return AIGW_OK;
}

static aigw_status resolve_mock(const struct gw_models *models, const struct aigw_need *need, struct gw_arena *arena,
                                struct aigw_model_info *info, struct aigw_error *ret_error)
{
    aigw_str model = need->identifier.len ? need->identifier : need->name.len ? need->name : AIGW_STR("mock");
    const char *slash = memchr(model.ptr, '/', model.len);

    if (slash)
        model = (aigw_str){ slash + 1, model.len - (size_t)(slash + 1 - model.ptr) };
    model = gw_arena_str(arena, model);
    info->name = gw_arena_str(arena, need->name.len ? need->name : AIGW_STR("mock"));
    info->engine = gw_arena_str(arena, need->provider.len ? need->provider : AIGW_STR("mock"));
    if (!model.ptr || !info->name.ptr || !info->engine.ptr)
        return need_memory(ret_error);
    struct gw_target target = { .provider = models->mock, .model = model };
    target.circuit_key = gw_circuit_key(AIGW_STR("mock"), AIGW_STR_NONE, model, AIGW_STR_NONE);
    fill_info(models, gw_models_family(models, need->name), info);
    return single_plan(arena, models, &target, info->name, info, ret_error);
}

static aigw_str known_prefixes(const struct gw_models *models, struct gw_arena *arena)
{
    struct gw_buf list;
    aigw_str text;

    gw_buf_init(&list, 512);
    for (size_t i = 0; i < models->prefix_count; i++)
        if (models->prefixes[i].provider)
            gw_buf_printf(&list, "%s%s", list.len ? ", " : "", models->prefixes[i].name);
    text = gw_arena_str(arena, gw_buf_str(&list));
    gw_buf_done(&list);
    return text;
}

/* May requests name models of their own, and is this key one that a header can carry? */
static aigw_status check_adhoc(const struct gw_models *models, const struct aigw_need *need,
                               struct aigw_error *ret_error)
{
    if (!models->settings->models.custom_models && need->endpoint.len)
        return refuse(ret_error, AIGW_ERR_ENDPOINT,
                      "specifying custom models endpoint is disabled: api_base is not allowed");
    if (!models->settings->models.custom_models && need->api_key.len)
        return refuse(ret_error, AIGW_ERR_ENDPOINT,
                      "specifying custom models endpoint is disabled: api_key is not allowed");
    for (size_t i = 0; i < need->api_key.len; i++)
        if ((unsigned char)need->api_key.ptr[i] < ' ' || need->api_key.ptr[i] == 0x7f)
            return refuse(ret_error, AIGW_ERR_BAD_REQUEST, "the model's API key contains a control character");
    return AIGW_OK;
}

/* The caller's endpoint in normal form, if the operator allows it; else the prefix's own. */
static aigw_status pick_endpoint(const struct gw_models *models, const struct gw_prefix *prefix, aigw_str given,
                                 struct gw_arena *arena, aigw_str *ret_endpoint, bool *ret_from_caller,
                                 struct aigw_error *ret_error)
{
    const char *reason = NULL;

    *ret_from_caller = given.len && !prefix->ignore_endpoint; /* else it is a placeholder */
    *ret_endpoint = prefix->base_url ? gw_str(prefix->base_url) : AIGW_STR_NONE;
    if (!*ret_from_caller)
        return AIGW_OK;
    if (gw_endpoint_normalize(arena, given, ret_endpoint, &reason) != AIGW_OK ||
        !gw_endpoint_listed(models->endpoints, *ret_endpoint, arena, &reason))
        return refuse(ret_error, AIGW_ERR_ENDPOINT, reason);
    return AIGW_OK;
}

static aigw_status resolve_adhoc(const struct gw_models *models, const struct aigw_need *need, struct gw_arena *arena,
                                 struct aigw_model_info *info, struct aigw_error *ret_error)
{
    aigw_str prefix_name, model, endpoint;
    bool from_caller;
    aigw_status status = check_adhoc(models, need, ret_error);

    if (status)
        return status;
    const struct gw_prefix *prefix =
        split_identifier(models, need->identifier, need->endpoint.len > 0, &prefix_name, &model);
    if (!prefix || !prefix->provider)
        return refuse(
            ret_error, AIGW_ERR_BAD_REQUEST,
            gw_arena_printf(arena, "no provider is configured for the model identifier \"%.*s\"; known prefixes: %.*s",
                            AIGW_STR_ARG(need->identifier), AIGW_STR_ARG(known_prefixes(models, arena))));
    if (!model.len)
        model = need->name;
    if (!model.len)
        return refuse(ret_error, AIGW_ERR_BAD_REQUEST,
                      "the request names a model endpoint but neither a model identifier nor a model name");
    status = pick_endpoint(models, prefix, need->endpoint, arena, &endpoint, &from_caller, ret_error);
    if (status)
        return status;
    if (prefix->needs_endpoint && !endpoint.len) /* never a vendor's address by default (D11) */
        return refuse(
            ret_error, AIGW_ERR_BAD_REQUEST,
            gw_arena_printf(arena,
                            "model identifier \"%.*s\" comes without an endpoint; enter the model server's URL in "
                            "GitLab, or configure a model in conf.d of this gateway",
                            AIGW_STR_ARG(need->identifier)));
    struct gw_target target = { .provider = prefix->provider,
                                .model = gw_arena_str(arena, model),
                                .endpoint = gw_arena_str(arena, endpoint),
                                .api_key = gw_arena_str(arena, need->api_key),
                                .prefix = gw_arena_str(arena, prefix_name),
                                .is_adhoc = from_caller };
    info->name = gw_arena_str(arena, need->name.len ? need->name : model);
    info->engine = gw_arena_str(arena, need->provider.len ? need->provider : gw_str(prefix->name));
    if (!target.model.ptr || !target.endpoint.ptr || !target.api_key.ptr || !info->name.ptr || !info->engine.ptr)
        return need_memory(ret_error);
    target.circuit_key = gw_circuit_key(gw_str(prefix->provider->name), target.endpoint, target.model, target.api_key);
    info->flags |= AIGW_MODELF_ADHOC;
    fill_info(models, gw_models_family(models, need->name), info);
    if (info->flags & AIGW_MODELF_UNKNOWN_FAMILY && need->name.len)
        gw_log(GW_LOG_DEBUG, "models", "model family \"%.*s\" is not configured: base prompts are used",
               AIGW_STR_ARG(need->name));
    return single_plan(arena, models, &target, info->name, info, ret_error);
}

/* First try by weight, then the others in configured order. */
static const struct gw_target *order_targets(const struct gw_model *model, struct gw_arena *arena)
{
    static _Thread_local unsigned seed = 0;
    int64_t total = 0;
    uint32_t first = 0;

    if (model->target_count == 1)
        return model->targets;
    for (uint32_t i = 0; i < model->target_count; i++)
        total += model->targets[i].weight;
    if (seed == 0)
        seed = (unsigned)gw_mono_us() | 1;
    int64_t ticket = total > 0 ? rand_r(&seed) % total : 0;
    while (total > 0 && ticket >= model->targets[first].weight)
        ticket -= model->targets[first++].weight;
    struct gw_target *order = gw_arena_alloc(arena, model->target_count * sizeof *order);
    if (!order)
        return NULL;
    order[0] = model->targets[first];
    for (uint32_t i = 0, at = 1; i < model->target_count; i++)
        if (i != first)
            order[at++] = model->targets[i];
    return order;
}

static aigw_status resolve_configured(const struct gw_models *models, const struct gw_model *model,
                                      const struct aigw_need *need, struct gw_arena *arena,
                                      struct aigw_model_info *info, struct aigw_error *ret_error)
{
    struct gw_plan *plan = gw_arena_calloc(arena, sizeof *plan);
    const struct gw_target *targets = order_targets(model, arena);
    aigw_str family_name = model->family ? gw_str(model->family) : need->name;

    if (!plan || !targets)
        return need_memory(ret_error);
    *plan = (struct gw_plan){ .targets = targets,
                              .target_count = model->target_count,
                              .try_next = strcmp(model->on_failure, "next") == 0,
                              .retries = model->retries >= 0 ? model->retries : models->settings->upstream.retries,
                              .deadline_ms = model->deadline_ms,
                              .idle_ms = model->idle_ms,
                              .name = gw_str(model->name) };
    info->name = gw_str(model->report_name ? model->report_name : model->family ? model->family : model->name);
    info->engine = gw_str(model->report_engine ? model->report_engine : targets[0].provider->plugin->descriptor.name);
    info->max_context_tokens = model->max_context_tokens;
    if (targets[0].raw_completion)
        info->flags |= AIGW_MODELF_RAW_COMPLETION;
    fill_info(models, gw_models_family(models, family_name), info);
    info->plan = plan;
    return AIGW_OK;
}

aigw_status gw_models_refuse_unknown(struct gw_arena *arena, aigw_str name, struct aigw_error *ret_error)
{
    return refuse(
        ret_error, AIGW_ERR_NO_MODEL,
        gw_arena_printf(arena, "no model is called \"%.*s\" in `models` of this gateway's conf.d", AIGW_STR_ARG(name)));
}

aigw_status gw_models_resolve(const struct gw_models *models, const struct gw_instance *feature,
                              const struct aigw_need *need, struct gw_arena *arena, struct aigw_model_info *ret_info,
                              struct aigw_error *ret_error)
{
    struct aigw_model_info info = { .struct_size = sizeof info };
    const struct gw_model *model = NULL;
    aigw_status status;

    if (need->model.len)
        model = gw_models_find(models, need->model);
    else if (feature->model)
        model = gw_models_find(models, gw_str(feature->model));
    bool is_adhoc = need->endpoint.len || need->identifier.len || need->api_key.len;
    if (is_adhoc && !models->settings->models.custom_models) {
        status = check_adhoc(models, need, ret_error);
        if (status)
            return status;
    }
    if (models->mock)
        status = resolve_mock(models, need, arena, &info, ret_error);
    else if (need->endpoint.len || need->identifier.len)
        status = resolve_adhoc(models, need, arena, &info, ret_error);
    else if (model && model->target_count)
        status = resolve_configured(models, model, need, arena, &info, ret_error);
    else if (need->model.len)
        return gw_models_refuse_unknown(arena, need->model, ret_error);
    else
        return refuse(
            ret_error, AIGW_ERR_NO_MODEL,
            gw_arena_printf(arena,
                            "no model for %s: the request names none. Assign a self-hosted model to the feature "
                            "in GitLab, or set features.%s.model in conf.d of this gateway",
                            feature->name, feature->name));
    if (status == AIGW_OK)
        *ret_info = info;
    return status;
}

aigw_str gw_models_plan_name(const struct aigw_model_info *info)
{
    const struct gw_plan *plan = info->plan;

    return plan ? plan->name : AIGW_STR_NONE;
}
