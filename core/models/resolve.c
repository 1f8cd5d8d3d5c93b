/* resolve.c - from what a feature needs to a plan: a configured model, or an ad-hoc target made of the endpoint, key
 * and identifier in the client's request. Facts: features-and-models.md §3.1–§3.3; decisions D9, D10, D21. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "models/plan.h"
#include "plugin/meter.h"

#define DEFAULT_PREFIX "default"
#define ATTEMPTS       3 /* of a call, when nobody says how many */

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

static int64_t attempts_of(int64_t attempts, int64_t retries)
{
    return attempts > 0 ? attempts : retries + 1 > ATTEMPTS ? retries + 1 : ATTEMPTS;
}

/* One target of one's own: the mock, or what the request names. While it rests a call is refused at once: there is
 * nobody's `on_exhausted` to ask. */
static aigw_status single_plan(struct gw_arena *arena, const struct gw_models *models, const struct gw_target *target,
                               aigw_str name, struct aigw_model_info *info, struct aigw_error *ret_error)
{
    struct gw_target *copy = gw_arena_alloc(arena, sizeof *copy);
    struct gw_plan *plan = gw_arena_calloc(arena, sizeof *plan);
    int64_t retries = models->settings->upstream.retries;

    if (!copy || !plan)
        return need_memory(ret_error);
    *copy = *target;
    copy->tier = copy->weight = 1;
    copy->can = GW_CAN_ALL;
    *plan = (struct gw_plan){
        .targets = copy,
        .target_count = 1,
        .name = name,
        .label = AIGW_STR("adhoc"),
        .patience = { .retries = retries, .attempts = attempts_of(0, retries), .on_exhausted = GW_EXHAUSTED_REFUSE }
    };
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
    target.place = gw_place_of(models, models->mock);
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

/* A caller's address has nothing of the provider instance that speaks to it: neither its tags nor its places. */
static const struct gw_place *no_place(void)
{
    static const struct gw_place none = { .name = "the request's endpoint" };

    return &none;
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
    aigw_str names[] = { gw_str(prefix->provider->name), target.endpoint, target.model, target.api_key };
    target.seat = gw_seat_in(arena, true, names, GW_ARRAY_LEN(names));
    target.place = gw_place_of(models, prefix->provider);
    if (from_caller)
        target.place = gw_place_of_endpoint(models, target.endpoint, no_place(), arena);
    info->flags |= AIGW_MODELF_ADHOC;
    fill_info(models, gw_models_family(models, need->name), info);
    if (info->flags & AIGW_MODELF_UNKNOWN_FAMILY && need->name.len)
        gw_log(GW_LOG_DEBUG, "models", "model family \"%.*s\" is not configured: base prompts are used",
               AIGW_STR_ARG(need->name));
    return single_plan(arena, models, &target, info->name, info, ret_error);
}

/* ---- the filters that no failure changes ---- */

static bool has_tags(const struct gw_place *place, const struct aigw_list *wanted, const char **ret_missing)
{
    for (size_t i = 0; i < wanted->count; i++) {
        size_t at = 0;
        while (place && at < place->tags.count && strcmp(place->tags.items[at], wanted->items[i]) != 0)
            at++;
        *ret_missing = wanted->items[i];
        if (!place || at == place->tags.count)
            return false;
    }
    return true;
}

/* Why a target is not for this request; NULL: it is. */
static const char *unfit(const struct gw_target *target, struct gw_ask *ask, const struct gw_ruling *ruling,
                         struct gw_arena *arena)
{
    const char *missing;

    for (uint32_t i = 0; i < ruling->tag_list_count; i++)
        if (!has_tags(target->place, ruling->tags[i], &missing))
            return gw_arena_printf(arena, "it has not the tag \"%s\"", missing);
    if (target->provider->is_disabled)
        return "its provider is switched off (enabled = false)";
    if (gw_meter_is_off(target->provider->meter))
        return "its provider is switched off (aigw plugin off)";
    if (target->place && target->place->is_drained)
        return "its provider is drained (routing.drain)";
    if (target->can != GW_CAN_ALL && gw_ask_wants(ask)->needs & ~target->can)
        return gw_arena_printf(arena, "it cannot do what the request needs (can):%s%s%s",
                               gw_ask_wants(ask)->needs & ~target->can & GW_CAN_TOOLS ? " tools" : "",
                               gw_ask_wants(ask)->needs & ~target->can & GW_CAN_IMAGES ? " images" : "",
                               gw_ask_wants(ask)->needs & ~target->can & GW_CAN_SCHEMA ? " schema" : "");
    return NULL;
}

/* Out of those in `mask`, the ones whose window takes the prompt; none does: the largest, and its server has the last
 * word, since the size is a guess. */
static uint64_t fit_window(const struct gw_plan *plan, struct gw_ask *ask, uint64_t mask)
{
    uint64_t fits = 0, largest = 0;
    int64_t most = 0, needed = 0;

    for (uint32_t i = 0; i < plan->target_count; i++) {
        int64_t window = plan->targets[i].max_context_tokens;
        if (!(mask & UINT64_C(1) << i))
            continue;
        if (window && !needed)
            needed = gw_ask_wants(ask)->prompt_tokens + gw_ask_wants(ask)->answer_tokens;
        if (window > most) {
            most = window;
            largest = 0;
        }
        if (window == most)
            largest |= UINT64_C(1) << i;
        if (window == 0 || window >= needed)
            fits |= UINT64_C(1) << i;
        else
            gw_ask_note(ask, "target %.*s at %s: its window of %lld tokens is less than about %lld",
                        AIGW_STR_ARG(plan->targets[i].model), plan->targets[i].provider->name, (long long)window,
                        (long long)needed);
    }
    return fits ? fits : largest;
}

static aigw_status filter(struct gw_plan *plan, struct gw_ask *ask, const struct gw_ruling *ruling,
                          struct gw_arena *arena, struct aigw_error *ret_error)
{
    const char *last = NULL;

    for (uint32_t i = 0; i < plan->target_count; i++) {
        const char *why = unfit(&plan->targets[i], ask, ruling, arena);
        if (why)
            gw_ask_note(ask, "target %.*s at %s: %s", AIGW_STR_ARG(plan->targets[i].model),
                        plan->targets[i].provider->name, why);
        else
            plan->allowed |= UINT64_C(1) << i;
        last = why ? why : last;
    }
    if (plan->allowed) {
        plan->allowed = fit_window(plan, ask, plan->allowed);
        return AIGW_OK;
    }
    return refuse(ret_error, AIGW_ERR_CIRCUIT,
                  gw_arena_printf(arena, "no target of model \"%.*s\" is for this request: %s",
                                  AIGW_STR_ARG(plan->name), last ? last : "it has none"));
}

/* ---- one target, by the operator's word ---- */

static bool is_named(const struct gw_target *target, aigw_str name)
{
    aigw_str provider = gw_str(target->provider->name);

    if (name.len < provider.len || memcmp(name.ptr, provider.ptr, provider.len) != 0)
        return false;
    return name.len == provider.len ||
           (name.ptr[provider.len] == '/' &&
            gw_str_eq((aigw_str){ name.ptr + provider.len + 1, name.len - provider.len - 1 }, target->model));
}

static const char *names_of_targets(const struct gw_plan *plan, struct gw_arena *arena)
{
    const char *names = "";

    for (uint32_t i = 0; names && i < plan->target_count; i++)
        names = gw_arena_printf(arena, "%s%s%s/%.*s", names, i ? ", " : "", plan->targets[i].provider->name,
                                AIGW_STR_ARG(plan->targets[i].model));
    return names ? names : "";
}

/* To look at one target: neither draining nor a rest stops the call, nor does it say anything about the target's
 * health. Tags hold, and so do the places of the server. There is no other attempt. */
static aigw_status force(struct gw_plan *plan, struct gw_ask *ask, const struct gw_ruling *ruling,
                         struct gw_arena *arena, struct aigw_error *ret_error)
{
    struct gw_target *only = gw_arena_alloc(arena, sizeof *only);
    const char *missing;
    uint32_t at = 0;

    if (!only)
        return need_memory(ret_error);
    while (at < plan->target_count && !is_named(&plan->targets[at], ask->forced))
        at++;
    if (at == plan->target_count)
        return refuse(ret_error, AIGW_ERR_BAD_REQUEST,
                      gw_arena_printf(arena, "x-aigw-force-target: model \"%.*s\" has no target \"%.*s\"; it has: %s",
                                      AIGW_STR_ARG(plan->name), AIGW_STR_ARG(ask->forced),
                                      names_of_targets(plan, arena)));
    *only = plan->targets[at];
    for (uint32_t i = 0; i < ruling->tag_list_count; i++)
        if (!has_tags(only->place, ruling->tags[i], &missing))
            return refuse(ret_error, AIGW_ERR_CIRCUIT,
                          gw_arena_printf(arena, "x-aigw-force-target: %.*s has not the tag \"%s\"",
                                          AIGW_STR_ARG(ask->forced), missing));
    gw_ask_note(ask, "x-aigw-force-target: %.*s at %s and no other, whether it is well or not",
                AIGW_STR_ARG(only->model), only->provider->name);
    only->seat = NULL;
    only->weight = 1;
    plan->targets = only;
    plan->target_count = 1;
    plan->allowed = 1;
    plan->is_sticky = false;
    plan->patience.try_next = false;
    plan->patience.retries = 0;
    plan->patience.attempts = 1;
    plan->patience.hedge_ms = 0;
    return AIGW_OK;
}

/* ---- configured models ---- */

static uint64_t hash_of(aigw_str text)
{
    return gw_seat_key(false, &text, 1);
}

static void set_sticky(struct gw_plan *plan, const char *sticky, struct gw_ask *ask)
{
    aigw_str key = AIGW_STR_NONE;

    if (strcmp(sticky, "none") == 0)
        return;
    if (strcmp(sticky, "prefix") == 0) {
        plan->sticky_key = gw_ask_wants(ask)->prefix;
        plan->is_sticky = plan->sticky_key != 0;
    } else {
        if (strcmp(sticky, "session") == 0) {
            key = ask->header ? ask->header(ask->user_data, "x-session-id") : AIGW_STR_NONE;
            if (!key.len)
                key = gw_ask_wants(ask)->session;
        }
        if (!key.len)
            key = strcmp(sticky, "key") == 0 ? ask->key : ask->user;
        plan->sticky_key = hash_of(key);
        plan->is_sticky = key.len > 0;
    }
    if (!plan->is_sticky)
        gw_ask_note(ask, "sticky = \"%s\": the request says no such thing", sticky);
}

static struct gw_patience patience_of(const struct gw_models *models, const struct gw_model *model)
{
    int64_t retries = model->retries >= 0 ? model->retries : models->settings->upstream.retries;

    return (struct gw_patience){ .try_next = strcmp(model->on_failure, "next") == 0,
                                 .attempts = attempts_of(model->attempts, retries),
                                 .retries = retries,
                                 .deadline_ms = model->deadline_ms,
                                 .idle_ms = model->idle_ms,
                                 .first_token_ms = model->first_token_ms,
                                 .connect_ms = model->connect_ms,
                                 .hedge_ms = model->hedges ? model->hedge_ms : 0,
                                 .balance = strcmp(model->balance_text, "least_busy") == 0 ? GW_BALANCE_LEAST_BUSY
                                                                                           : GW_BALANCE_WEIGHT,
                                 .on_busy = strcmp(model->on_busy, "wait") == 0 ? GW_BUSY_WAIT : GW_BUSY_NEXT,
                                 .on_exhausted = strcmp(model->on_exhausted, "refuse") == 0 ? GW_EXHAUSTED_REFUSE
                                                 : strcmp(model->on_exhausted, "wait") == 0 ? GW_EXHAUSTED_WAIT
                                                                                            : GW_EXHAUSTED_TRY };
}

static aigw_status resolve_configured(const struct gw_models *models, const struct gw_model *model, struct gw_ask *ask,
                                      const struct aigw_need *need, struct gw_arena *arena,
                                      struct aigw_model_info *info, struct aigw_error *ret_error)
{
    struct gw_plan *plan = gw_arena_calloc(arena, sizeof *plan);
    bool is_alias = need->model.len && !gw_str_is(need->model, model->name);
    aigw_str family_name = model->family ? gw_str(model->family) : need->name;
    const struct gw_target *first = &model->targets[0];

    if (!plan)
        return need_memory(ret_error);
    *plan = (struct gw_plan){ .targets = model->targets,
                              .target_count = model->target_count,
                              .patience = patience_of(models, model),
                              .name = gw_str(model->name),
                              .label = gw_str(model->name),
                              .hedges = model->hedges };
    set_sticky(plan, model->sticky, ask);
    info->name = gw_str(model->report_name ? model->report_name : model->family ? model->family : model->name);
    if (is_alias && !model->report_name)
        info->name = gw_arena_str(arena, need->model);
    info->engine = gw_str(model->report_engine ? model->report_engine : first->provider->plugin->descriptor.name);
    info->max_context_tokens = model->max_context_tokens;
    if (first->raw_completion)
        info->flags |= AIGW_MODELF_RAW_COMPLETION;
    fill_info(models, gw_models_family(models, family_name), info);
    info->plan = plan;
    return info->name.ptr ? AIGW_OK : need_memory(ret_error);
}

aigw_status gw_models_refuse_unknown(struct gw_arena *arena, aigw_str name, struct aigw_error *ret_error)
{
    return refuse(
        ret_error, AIGW_ERR_NO_MODEL,
        gw_arena_printf(arena, "no model is called \"%.*s\" in `models` of this gateway's conf.d", AIGW_STR_ARG(name)));
}

/* ---- all together ---- */

/* Rules choose among what the key may use; a model asked for by an alias is meant by either name. */
static bool may_use(const struct gw_ask *ask, const struct gw_model *model, aigw_str asked)
{
    if (!ask->may_use)
        return true;
    return ask->may_use(ask->user_data, model ? gw_str(model->name) : AIGW_STR_NONE) ||
           (asked.len && ask->may_use(ask->user_data, asked));
}

static aigw_status refuse_without_model(const struct gw_ask *ask, struct gw_arena *arena, struct aigw_error *ret_error)
{
    const char *name = ask->feature ? ask->feature->name : "this route";

    return refuse(ret_error, AIGW_ERR_NO_MODEL,
                  gw_arena_printf(arena,
                                  "no model for %s: the request names none. Assign a self-hosted model to the feature "
                                  "in GitLab, or set features.%s.model in conf.d of this gateway",
                                  name, name));
}

/* The model of conf.d that serves, or NULL: the request's own. */
static const struct gw_model *find_model(const struct gw_models *models, const struct gw_ask *ask,
                                         const struct gw_ruling *ruling, const struct aigw_need *need, bool is_adhoc)
{
    if (ruling->use || is_adhoc)
        return ruling->use;
    if (need->model.len)
        return gw_models_find(models, need->model);
    return ask->feature && ask->feature->model ? gw_models_find(models, gw_str(ask->feature->model)) : NULL;
}

static aigw_status resolve(const struct gw_models *models, struct gw_ask *ask, const struct aigw_need *need,
                           const struct gw_ruling *ruling, struct gw_arena *arena, struct aigw_model_info *info,
                           struct aigw_error *ret_error)
{
    bool is_adhoc = need->endpoint.len || need->identifier.len;
    const struct gw_model *model = find_model(models, ask, ruling, need, is_adhoc);
    bool is_foreign = !model && is_adhoc;

    if (models->mock)
        return resolve_mock(models, need, arena, info, ret_error);
    if ((model || is_foreign || need->model.len) && !may_use(ask, model, ruling->use ? AIGW_STR_NONE : need->model))
        return gw_models_refuse_unknown(arena, need->model.len ? need->model : gw_str(model ? model->name : NULL),
                                        ret_error);
    if (is_foreign) {
        gw_ask_note(ask, "model: the one that the request brings");
        return resolve_adhoc(models, need, arena, info, ret_error);
    }
    if (model && model->target_count) {
        gw_ask_note(ask, "model: \"%s\" of conf.d", model->name);
        return resolve_configured(models, model, ask, need, arena, info, ret_error);
    }
    return need->model.len ? gw_models_refuse_unknown(arena, need->model, ret_error)
                           : refuse_without_model(ask, arena, ret_error);
}

aigw_status gw_models_resolve(const struct gw_models *models, struct gw_ask *ask, const struct aigw_need *need,
                              struct gw_arena *arena, struct aigw_model_info *ret_info, struct aigw_error *ret_error)
{
    struct aigw_model_info info = { .struct_size = sizeof info };
    struct gw_ruling ruling;
    aigw_status status;

    if ((need->endpoint.len || need->identifier.len || need->api_key.len) && !models->settings->models.custom_models) {
        status = check_adhoc(models, need, ret_error);
        if (status)
            return status;
    }
    gw_rules_apply(models->rules, ask, need, &ruling);
    if (ask->instead.len) {
        ruling.use = gw_models_find(models, ask->instead);
        if (!ruling.use)
            return gw_models_refuse_unknown(arena, ask->instead, ret_error);
    }
    status = resolve(models, ask, need, &ruling, arena, &info, ret_error);
    if (status == AIGW_OK)
        status =
            (ask->forced.len ? force : filter)((struct gw_plan *)(uintptr_t)info.plan, ask, &ruling, arena, ret_error);
    if (status == AIGW_OK)
        *ret_info = info;
    return status;
}

aigw_str gw_models_plan_name(const struct aigw_model_info *info)
{
    const struct gw_plan *plan = info->plan;

    return plan ? plan->name : AIGW_STR_NONE;
}
