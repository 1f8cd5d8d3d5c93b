/* build.c - read models, families and prefixes of conf.d. */
#include <string.h>

#include "models/plan.h"

#define AT(type, field) offsetof(struct type, field)

static const struct aigw_setting family_table[] = {
    { "title", AIGW_SET_STRING, 0, AT(gw_family, title), NULL, 0, 0, NULL, "Display name." },
    { "chain", AIGW_SET_LIST, 0, AT(gw_family, chain_text), NULL, 0, 0, NULL,
      "Prompt families to try, best first; \"base\" is always tried last." },
    { "max_context_tokens", AIGW_SET_INT, 0, AT(gw_family, max_context_tokens), "0", 0, 1e9, NULL,
      "Size of the model's window in tokens, 0 for unknown." },
    { "max_tokens", AIGW_SET_INT, 0, AT(gw_family, max_tokens), "0", 0, 1e9, NULL,
      "Default limit of the answer in tokens, 0 for none." },
    { "temperature", AIGW_SET_DOUBLE, 0, AT(gw_family, temperature), "-1", -1, 2, NULL,
      "Default temperature, -1 to leave it to the model server." },
    { "unescape_underscores", AIGW_SET_BOOL, 0, AT(gw_family, unescape_underscores), "false", 0, 0, NULL,
      "Replace \\_ by _ in answers." },
};

static const struct aigw_setting prefix_table[] = {
    { "provider", AIGW_SET_STRING, AIGW_SETF_REQUIRED, AT(gw_prefix, provider_name), NULL, 0, 0, NULL,
      "Provider instance that serves identifiers with this prefix; \"\": they are refused." },
    { "base_url", AIGW_SET_STRING, AIGW_SETF_URL, AT(gw_prefix, base_url), NULL, 0, 0, NULL,
      "Endpoint when the request names none." },
    { "ignore_endpoint", AIGW_SET_BOOL, 0, AT(gw_prefix, ignore_endpoint), "false", 0, 0, NULL,
      "The request's endpoint is a placeholder: use the provider's own." },
    { "needs_endpoint", AIGW_SET_BOOL, 0, AT(gw_prefix, needs_endpoint), "false", 0, 0, NULL,
      "Refuse requests that name no endpoint, rather than use the provider's own." },
    { "needs_env", AIGW_SET_LIST, 0, AT(gw_prefix, needs_env), NULL, 0, 0, NULL,
      "Variables of the environment without which its provider has no credentials; `aigw troubleshoot` looks for "
      "them." },
};

static const struct aigw_setting model_table[] = {
    { "family", AIGW_SET_STRING, 0, AT(gw_model, family), NULL, 0, 0, NULL, "Prompt family: a name in `families`." },
    { "report_name", AIGW_SET_STRING, 0, AT(gw_model, report_name), NULL, 0, 0, NULL,
      "Model name shown to clients; default: the family, else the configured name." },
    { "report_engine", AIGW_SET_STRING, 0, AT(gw_model, report_engine), NULL, 0, 0, NULL,
      "Engine shown to clients; default: the first target's provider." },
    { "on_failure", AIGW_SET_STRING, 0, AT(gw_model, on_failure), "next", 0, 0, "next|stop",
      "What to do when a target fails: try the next one, or stop." },
    { "aliases", AIGW_SET_LIST, 0, AT(gw_model, aliases), NULL, 0, 0, NULL,
      "Other names that clients may send for it; * is any run." },
    { "balance", AIGW_SET_STRING, 0, AT(gw_model, balance_text), "weight", 0, 0, "weight|least_busy",
      "How a target of a tier is chosen: by weight, or the less busy one of two chosen by weight." },
    { "sticky", AIGW_SET_STRING, 0, AT(gw_model, sticky), "none", 0, 0, "none|session|user|key|prefix",
      "What stays at one target while that is well." },
    { "on_busy", AIGW_SET_STRING, 0, AT(gw_model, on_busy), "next", 0, 0, "next|wait",
      "When all targets of a tier that are well are full (max_parallel): go to the next tier, or wait in their queue "
      "first." },
    { "on_exhausted", AIGW_SET_STRING, 0, AT(gw_model, on_exhausted), "try", 0, 0, "try|wait|refuse",
      "When all targets rest: try the first to recover (one call at a time), wait for it, or refuse with "
      "Retry-After." },
    { "attempts", AIGW_SET_INT, 0, AT(gw_model, attempts), "0", 0, 100, NULL,
      "Attempts of a whole call; 0: three, or as many as `retries` at one target need." },
    { "retries", AIGW_SET_INT, 0, AT(gw_model, retries), "-1", -1, 10, NULL,
      "Extra attempts at one target; -1 for upstream.retries." },
    { "first_token_ms", AIGW_SET_INT, 0, AT(gw_model, first_token_ms), "0", 0, 86400000, NULL,
      "Longest wait for the first content of a stream, 0 for none of its own." },
    { "hedge_ms", AIGW_SET_INT, 0, AT(gw_model, hedge_ms), "0", 0, 600000, NULL,
      "A stream without content for so long is asked of another provider too; the first to answer serves. At most a "
      "twentieth of the calls. 0: never." },
    { "connect_ms", AIGW_SET_INT, 0, AT(gw_model, connect_ms), "0", 0, 86400000, NULL,
      "Longest time to connect, 0 for upstream.connect_ms." },
    { "deadline_ms", AIGW_SET_INT, 0, AT(gw_model, deadline_ms), "0", 0, 86400000, NULL,
      "Longest time for the whole call, 0 for upstream.total_ms." },
    { "idle_ms", AIGW_SET_INT, 0, AT(gw_model, idle_ms), "0", 0, 86400000, NULL,
      "Longest silence of the model server, 0 for upstream.idle_ms." },
    { "max_context_tokens", AIGW_SET_INT, 0, AT(gw_model, max_context_tokens), "0", 0, 1e9, NULL,
      "Size of the model's window, 0 for the family's." },
};

struct target_text {
    const char *provider, *model;
    int64_t tier, weight, max_context_tokens, first_token_ms, idle_ms, connect_ms;
    struct aigw_list can;
    int32_t raw_completion;
};

static const struct aigw_setting target_table[] = {
    { "provider", AIGW_SET_STRING, AIGW_SETF_REQUIRED, AT(target_text, provider), NULL, 0, 0, NULL,
      "Provider instance: a name in `providers`." },
    { "model", AIGW_SET_STRING, AIGW_SETF_REQUIRED, AT(target_text, model), NULL, 0, 0, NULL,
      "Model name sent to the model server." },
    { "weight", AIGW_SET_INT, 0, AT(target_text, weight), "1", 0, 1000, NULL,
      "Share of the calls of its tier; 0: only when no other of the tier can serve." },
    { "tier", AIGW_SET_INT, 0, AT(target_text, tier), "1", 1, 100, NULL,
      "A higher tier serves only when no target of a lower one can." },
    { "can", AIGW_SET_LIST, 0, AT(target_text, can), NULL, 0, 0, NULL,
      "What it can do: tools, images, schema; requests that need something else pass it by. Not given: all." },
    { "max_context_tokens", AIGW_SET_INT, 0, AT(target_text, max_context_tokens), "0", 0, 1e9, NULL,
      "Size of its window; longer prompts pass it by. 0: unknown." },
    { "first_token_ms", AIGW_SET_INT, 0, AT(target_text, first_token_ms), "0", 0, 86400000, NULL,
      "As the model's, for this target; 0: the model's." },
    { "idle_ms", AIGW_SET_INT, 0, AT(target_text, idle_ms), "0", 0, 86400000, NULL,
      "As the model's, for this target; 0: the model's." },
    { "connect_ms", AIGW_SET_INT, 0, AT(target_text, connect_ms), "0", 0, 86400000, NULL,
      "As the model's, for this target; 0: the model's." },
    { "raw_completion", AIGW_SET_BOOL, 0, AT(target_text, raw_completion), "false", 0, 0, NULL,
      "Send fill-in-the-middle as prompt and suffix to the completions endpoint instead of a chat message." },
};

void gw_models_put_table(struct gw_buf *out, const char *title, const struct aigw_setting *table, size_t count)
{
    gw_buf_printf(out, "\n## %s\n\n| key | type | default | range | meaning |\n|---|---|---|---|---|\n", title);
    for (size_t i = 0; i < count; i++)
        gw_reference_row(out, table[i].name, NULL, &table[i]);
}

void gw_models_reference(struct gw_buf *out)
{
    gw_buf_puts(out, "# Models and routing\n\nGroups of conf.d; docs/routing.md has an example for each question.\n");
    gw_models_put_table(out, "models.NAME", model_table, GW_ARRAY_LEN(model_table));
    gw_models_put_table(out, "each of models.NAME.targets", target_table, GW_ARRAY_LEN(target_table));
    gw_places_reference(out);
    gw_rules_reference(out);
    gw_models_put_table(out, "families.NAME", family_table, GW_ARRAY_LEN(family_table));
    gw_models_put_table(out, "prefixes.NAME", prefix_table, GW_ARRAY_LEN(prefix_table));
}

static size_t count_children(const struct gw_node *group)
{
    size_t count = 0;

    for (const struct gw_node *n = group ? group->first : NULL; n; n = n->next)
        count++;
    return count;
}

static const char *suggest_provider(const struct gw_plugins *plugins, const char *name)
{
    const char *names[64];
    size_t count = 0;

    for (struct gw_instance *p = plugins->providers; p && count < GW_ARRAY_LEN(names); p = p->next)
        names[count++] = p->name;
    return gw_closest(name, names, count);
}

static struct gw_instance *need_provider(const struct gw_plugins *plugins, const char *name, const struct gw_node *node,
                                         const char *key, struct gw_problems *problems)
{
    struct gw_instance *provider = name ? gw_plugins_provider(plugins, name) : NULL;

    if (name && !provider)
        provider = gw_plugins_disabled(plugins, AIGW_KIND_PROVIDER, name); /* nothing is sent to it */
    if (name && !provider) {
        const char *close = suggest_provider(plugins, name);
        gw_problem(problems, node, key, "no provider is called \"%s\"%s%s%s; add it to `providers`", name,
                   close ? ", did you mean \"" : "", close ? close : "", close ? "\"?" : "");
    }
    return provider;
}

static void complete_chain(struct gw_arena *arena, struct gw_family *family, struct gw_problems *problems)
{
    family->chain = gw_arena_calloc(arena, (family->chain_text.count + 1) * sizeof *family->chain);
    if (!family->chain) {
        gw_problem(problems, NULL, "families", "out of memory");
        return;
    }
    for (size_t i = 0; i < family->chain_text.count; i++)
        if (strcmp(family->chain_text.items[i], "base") != 0)
            family->chain[family->chain_count++] = gw_str(family->chain_text.items[i]);
    family->chain[family->chain_count++] = AIGW_STR("base");
}

static void make_defaults(struct gw_family *family)
{
    struct aigw_params *params = &family->defaults;

    params->struct_size = sizeof *params;
    if (family->temperature >= 0) {
        params->temperature = family->temperature;
        params->set |= AIGW_PARAM_TEMPERATURE;
    }
    if (family->max_tokens > 0) {
        params->max_tokens = family->max_tokens;
        params->set |= AIGW_PARAM_MAX_TOKENS;
    }
}

static void build_families(struct gw_models *models, const struct gw_node *group, struct gw_problems *problems)
{
    models->families = gw_arena_calloc(models->arena, (count_children(group) + 1) * sizeof *models->families);
    for (const struct gw_node *n = group ? group->first : NULL; n && models->families; n = n->next) {
        struct gw_family *family = &models->families[models->family_count++];
        const char *path = gw_arena_printf(models->arena, "families.%s", n->key);
        gw_settings_fill(models->arena, n, path, family_table, GW_ARRAY_LEN(family_table), sizeof *family_table, NULL,
                         family, problems);
        family->name = n->key;
        make_defaults(family);
        complete_chain(models->arena, family, problems);
    }
    models->base = (struct gw_family){ .name = "base", .temperature = -1 };
    make_defaults(&models->base);
    complete_chain(models->arena, &models->base, problems);
}

static void build_prefixes(struct gw_models *models, const struct gw_node *group, const struct gw_plugins *plugins,
                           struct gw_problems *problems)
{
    models->prefixes = gw_arena_calloc(models->arena, (count_children(group) + 1) * sizeof *models->prefixes);
    for (const struct gw_node *n = group ? group->first : NULL; n && models->prefixes; n = n->next) {
        struct gw_prefix *prefix = &models->prefixes[models->prefix_count++];
        const char *path = gw_arena_printf(models->arena, "prefixes.%s", n->key);
        if (n->type == GW_NODE_STRING)
            prefix->provider_name = gw_node_text(models->arena, n, path, problems);
        else if (n->type != GW_NODE_GROUP)
            gw_problem(problems, n, path, "is neither text nor a group; write  %s = \"a provider\";", n->key);
        else
            gw_settings_fill(models->arena, n, path, prefix_table, GW_ARRAY_LEN(prefix_table), sizeof *prefix_table,
                             NULL, prefix, problems);
        prefix->name = n->key;
        if (prefix->provider_name && *prefix->provider_name)
            prefix->provider = need_provider(plugins, prefix->provider_name, n, path, problems);
    }
}

static uint32_t read_can(const struct aigw_list *list, bool is_given, const struct gw_node *node, const char *path,
                         struct gw_problems *problems)
{
    static const char *const names[] = { "tools", "images", "schema" };
    uint32_t can = 0;

    for (size_t i = 0; i < list->count; i++) {
        size_t at = 0;
        while (at < GW_ARRAY_LEN(names) && strcmp(list->items[i], names[at]) != 0)
            at++;
        if (at == GW_ARRAY_LEN(names))
            gw_problem(problems, node, path, "can: \"%s\" is unknown, expected tools, images or schema",
                       list->items[i]);
        else
            can |= 1u << at;
    }
    return is_given ? can : GW_CAN_ALL;
}

/* Behind all of its tier or of a lower one: configured order inside a tier. */
static void insert_by_tier(struct gw_model *model, const struct gw_target *target)
{
    uint32_t at = model->target_count++;

    for (; at > 0 && model->targets[at - 1].tier > target->tier; at--)
        model->targets[at] = model->targets[at - 1];
    model->targets[at] = *target;
}

static void warn_of_weights(const struct gw_model *model, const struct gw_node *node, const char *path,
                            struct gw_problems *problems)
{
    for (uint32_t i = 0; i < model->target_count; i++)
        if (model->targets[i].weight > 0)
            return;
    gw_problem_warning(
        problems, node, path,
        "every target has weight = 0, \"never first\": they are served in their order; give one a weight");
}

static void warn_of_waiting(const struct gw_model *model, const struct gw_node *node, const char *path,
                            struct gw_problems *problems)
{
    if (!model->on_busy || strcmp(model->on_busy, "wait") != 0)
        return;
    for (uint32_t i = 0; i < model->target_count; i++)
        if (model->targets[i].place && model->targets[i].place->queue > 0)
            return;
    gw_problem_warning(
        problems, node, path,
        "on_busy = \"wait\" has no effect: no provider of its targets has a queue (max_parallel, queue)");
}

static void prepare_hedges(struct gw_models *models, struct gw_model *model, const struct gw_node *node,
                           const char *path, struct gw_problems *problems)
{
    bool has_other = false;

    if (model->hedge_ms == 0)
        return;
    for (uint32_t i = 1; i < model->target_count; i++)
        has_other |= model->targets[i].provider != model->targets[0].provider;
    if (!has_other)
        gw_problem_warning(problems, node, path, "hedge_ms has no effect: its targets are all of one provider");
    else
        model->hedges = gw_seat_in(models->arena, false, (aigw_str[]){ AIGW_STR("hedges"), gw_str(model->name) }, 2);
}

static void read_target(struct gw_models *models, struct gw_model *model, const struct gw_node *node, const char *path,
                        const struct gw_plugins *plugins, struct gw_problems *problems)
{
    struct target_text text = { 0 };

    gw_settings_fill(models->arena, node, path, target_table, GW_ARRAY_LEN(target_table), sizeof *target_table, NULL,
                     &text, problems);
    struct gw_target target = { .provider = need_provider(plugins, text.provider, node, path, problems),
                                .model = gw_str(text.model),
                                .tier = text.tier,
                                .weight = text.weight,
                                .max_context_tokens = text.max_context_tokens,
                                .first_token_ms = text.first_token_ms,
                                .idle_ms = text.idle_ms,
                                .connect_ms = text.connect_ms,
                                .raw_completion = text.raw_completion != 0 };
    aigw_str names[] = { gw_str(text.provider), target.model };
    target.can = read_can(&text.can, gw_node_get(node, "can") != NULL, node, path, problems);
    target.place = gw_place_of(models, target.provider);
    target.identity = gw_seat_key(false, names, 2);
    target.seat = gw_seat_in(models->arena, false, names, 2);
    if (!target.seat)
        gw_problem_warning(problems, node, path, "there are too many targets: this one gets no circuit");
    insert_by_tier(model, &target);
}

static void build_targets(struct gw_models *models, struct gw_model *model, const struct gw_node *node,
                          const char *path, const struct gw_plugins *plugins, struct gw_problems *problems)
{
    const struct gw_node *list = gw_node_get(node, "targets");
    size_t errors_before = problems->error_count;

    if (!list || list->type != GW_NODE_LIST || !list->first) {
        gw_problem(
            problems, list ? list : node, path,
            "targets is missing or empty; expected a list such as ( { provider = \"vllm\"; model = \"name\"; } )");
        return;
    }
    if (count_children(list) > GW_TARGETS_MAX) {
        gw_problem(problems, list, path, "more than %u targets", GW_TARGETS_MAX);
        return;
    }
    model->targets = gw_arena_calloc(models->arena, count_children(list) * sizeof *model->targets);
    for (const struct gw_node *n = list->first; n && model->targets; n = n->next) {
        const char *target_path = gw_arena_printf(models->arena, "%s.targets", path);
        read_target(models, model, n, target_path, plugins, problems);
    }
    if (problems->error_count == errors_before)
        warn_of_weights(model, list, path, problems);
    warn_of_waiting(model, list, path, problems);
    prepare_hedges(models, model, list, path, problems);
}

static void build_models(struct gw_models *models, const struct gw_node *group, const struct gw_plugins *plugins,
                         struct gw_problems *problems)
{
    static const char *const reserved[] = { "targets", NULL };

    models->models = gw_arena_calloc(models->arena, (count_children(group) + 1) * sizeof *models->models);
    for (const struct gw_node *n = group ? group->first : NULL; n && models->models; n = n->next) {
        if (n->type != GW_NODE_GROUP) /* models.NAME = value is a core setting: settings.c checked it */
            continue;
        struct gw_model *model = &models->models[models->model_count++];
        const char *path = gw_arena_printf(models->arena, "models.%s", n->key);
        gw_settings_fill(models->arena, n, path, model_table, GW_ARRAY_LEN(model_table), sizeof *model_table, reserved,
                         model, problems);
        model->name = n->key;
        build_targets(models, model, n, path, plugins, problems);
        if (model->family && !gw_models_family(models, gw_str(model->family)))
            gw_problem(problems, n, path, "family \"%s\" is not in `families`", model->family);
    }
}

const struct gw_model *gw_models_find(const struct gw_models *models, aigw_str name)
{
    for (size_t i = 0; i < models->model_count; i++)
        if (gw_str_is(name, models->models[i].name))
            return &models->models[i];
    for (int globs = 0; globs < 2; globs++) /* a name said in full wins over a pattern */
        for (size_t i = 0; i < models->model_count; i++)
            for (size_t k = 0; k < models->models[i].aliases.count; k++) {
                const char *alias = models->models[i].aliases.items[k];
                if (globs ? strchr(alias, '*') && gw_match(alias, name) : gw_str_is(name, alias))
                    return &models->models[i];
            }
    return NULL;
}

aigw_str gw_models_name_at(const struct gw_models *models, size_t index, aigw_str *ret_model)
{
    for (size_t i = 0; i < models->model_count; i++) {
        const struct gw_model *model = &models->models[i];
        if (ret_model)
            *ret_model = gw_str(model->name);
        if (index-- == 0)
            return gw_str(model->name);
        for (size_t k = 0; k < model->aliases.count; k++)
            if (!strchr(model->aliases.items[k], '*') && index-- == 0)
                return gw_str(model->aliases.items[k]);
    }
    return AIGW_STR_NONE;
}

/* One name is one model. */
static void check_aliases(const struct gw_models *models, const struct gw_node *group, struct gw_problems *problems)
{
    for (size_t i = 0; i < models->model_count; i++)
        for (size_t k = 0; k < models->models[i].aliases.count; k++) {
            aigw_str alias = gw_str(models->models[i].aliases.items[k]);
            const struct gw_model *other = gw_models_find(models, alias);
            if (other && other != &models->models[i])
                gw_problem(problems, gw_node_get(group, models->models[i].name),
                           gw_arena_printf(models->arena, "models.%s.aliases", models->models[i].name),
                           "\"%.*s\" leads to model \"%s\" already", AIGW_STR_ARG(alias), other->name);
        }
}

const struct gw_family *gw_models_family(const struct gw_models *models, aigw_str name)
{
    for (size_t i = 0; i < models->family_count; i++)
        if (gw_str_is(name, models->families[i].name))
            return &models->families[i];
    return NULL;
}

static void check_features(const struct gw_models *models, const struct gw_plugins *plugins,
                           struct gw_problems *problems)
{
    for (struct gw_instance *f = plugins->features; f; f = f->next)
        if (f->model && !gw_models_find(models, gw_str(f->model)))
            gw_problem(problems, f->node, gw_arena_printf(models->arena, "features.%s.model", f->name),
                       "no model is called \"%s\"; add it to `models`", f->model);
}

/** "FILE:LINE: path", or the variable's name in front: who set it. */
static const char *at_source(struct gw_arena *arena, const struct gw_settings *settings, const char *path)
{
    const char *source = gw_settings_source(settings, path);
    const char *place = source ? gw_arena_printf(arena, "%s: %s", source, path) : NULL;

    return place ? place : path;
}

struct gw_models *gw_models_build(struct gw_arena *arena, const struct gw_node *conf,
                                  const struct gw_settings *settings, const struct gw_plugins *plugins,
                                  struct gw_problems *problems)
{
    struct gw_models *models = gw_arena_calloc(arena, sizeof *models);

    if (!models) {
        gw_problem(problems, NULL, "models", "out of memory");
        return NULL;
    }
    models->arena = arena;
    models->settings = settings;
    build_families(models, gw_node_section(conf, "families"), problems);
    build_prefixes(models, gw_node_section(conf, "prefixes"), plugins, problems);
    gw_places_build(models, conf, plugins, problems);
    build_models(models, gw_node_section(conf, "models"), plugins, problems);
    check_aliases(models, gw_node_section(conf, "models"), problems);
    check_features(models, plugins, problems);
    models->rules = gw_rules_build(models, conf, problems);
    models->endpoints = gw_endpoint_list_build(arena, &settings->models.allowed_endpoints,
                                               at_source(arena, settings, "models.allowed_endpoints"), problems);
    if (settings->models.mock_responses) {
        models->mock = gw_plugins_provider(plugins, "mock");
        if (!models->mock)
            gw_problem(problems, NULL, "models.mock_responses",
                       "AIGW_MOCK_MODEL_RESPONSES is on, but no provider is called \"mock\"; add "
                       "providers: { mock = { plugin = \"mock\"; }; }");
    }
    return models;
}
