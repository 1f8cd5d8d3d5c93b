/* quota_read.c - the quotas of conf.d. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "limits/internal.h"

#define AT(field) offsetof(struct gw_quota, field)
static const char *const pers[] = { "all", "instance", "user", "key", "team", "model", NULL };
static const char *const windows[] = { "second", "minute", "hour", "day", "week", "month", NULL };

static const struct aigw_setting table[] = {
    { "per", AIGW_SET_STRING, 0, AT(per_text), "all", 0, 0, "all|instance|user|key|team|model",
      "Whose calls are counted together: all, or those of one GitLab instance, user, API key, team or model." },
    { "match", AIGW_SET_LIST, 0, AT(match), NULL, 0, 0, NULL,
      "Only these: names of instances, users, keys, teams or models, or beginnings with * behind. Not given: each." },
    { "models", AIGW_SET_LIST, 0, AT(models), NULL, 0, 0, NULL,
      "Only calls of these models: names, or beginnings with * behind. Not given: all." },
    { "requests", AIGW_SET_INT, 0, AT(requests), "0", 0, INT64_C(1000000000), NULL,
      "Model calls in a window; 0: any." },
    { "tokens", AIGW_SET_INT, 0, AT(tokens), "0", 0, GW_LIMIT_SUM_MAX, NULL, "Tokens in and out in a window; 0: any." },
    { "cached_weight", AIGW_SET_DOUBLE, 0, AT(cached_weight), "0", 0, 1, NULL,
      "How much of `tokens` one counts that came out of the model server's cache: 0 nothing, 1 as any other." },
    { "cost", AIGW_SET_DOUBLE, 0, AT(cost_units), "0", 0, GW_COST_MAX, NULL,
      "What calls may cost in a day, week or month, in the currency of `prices`; 0: any sum." },
    { "parallel", AIGW_SET_INT, 0, AT(parallel), "0", 0, 1000000, NULL, "Model calls at one time; 0: any." },
    { "window", AIGW_SET_STRING, 0, AT(window_text), "minute", 0, 0, "second|minute|hour|day|week|month",
      "What `requests`, `tokens` and `cost` are counted in. Up to an hour it slides: there is no moment at which twice "
      "as much fits. A day, week (from Monday) or month is that of the calendar, in prices.zone." },
    { "burst", AIGW_SET_INT, 0, AT(burst), "0", 0, INT64_C(1000000000), NULL,
      "Of `requests`, how many may come at once; 0: a sixth; of a day, week or month all." },
    { "on_empty", AIGW_SET_STRING, 0, AT(on_empty), "refuse", 0, 0, NULL,
      "What happens to calls that do not fit: refuse, or \"use:MODEL\", another model of `models`." },
};

/** Their values are read by hand. */
static const char *const reserved[] = { "warn", NULL };

struct reading {
    struct gw_arena *arena;
    const struct gw_limit_models *models;
    const struct gw_prices *prices;
    struct gw_problems *problems;
    const struct gw_node *group;
    const char *path;
};

static int index_of(const char *const *words, const char *word)
{
    int i = 0;

    while (words[i] && strcmp(words[i], word) != 0)
        i++;
    return i;
}

/* ---- members ---- */

static int compare(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

static void read_warn(const struct reading *r, struct gw_quota *quota)
{
    const struct gw_node *list = gw_node_get(r->group, "warn");

    if (!list)
        return;
    if (window_slides(quota->window))
        gw_problem(r->problems, list, r->path,
                   "warn: a %s is over before anybody reads it; expected a window of a day, week or month",
                   quota->window_text);
    if (list->type != GW_NODE_LIST)
        gw_problem(r->problems, list, r->path, "warn: is not a list; write  warn = ( 50, 80 );");
    for (const struct gw_node *n = list->type == GW_NODE_LIST ? list->first : NULL; n; n = n->next) {
        if (n->type != GW_NODE_INT || n->integer < 1 || n->integer > 100)
            gw_problem(r->problems, n, r->path, "warn: expected whole per cents from 1 to 100, such as ( 50, 80 )");
        else if (quota->warn_count == GW_WARN_MAX)
            gw_problem(r->problems, n, r->path, "warn: more than %u", GW_WARN_MAX);
        else
            quota->warn[quota->warn_count++] = (int32_t)n->integer;
    }
    qsort(quota->warn, quota->warn_count, sizeof *quota->warn, compare);
}

static void check_burst(const struct reading *r, struct gw_quota *quota)
{
    if (quota->burst && !window_slides(quota->window))
        gw_problem(r->problems, r->group, r->path,
                   "burst: a %s has none, all may come at once; expected no burst, or a window of an "
                   "hour at most",
                   quota->window_text);
    if (quota->burst > quota->requests)
        gw_problem(r->problems, r->group, r->path, "burst: is %lld, more than requests (%lld)", (long long)quota->burst,
                   (long long)quota->requests);
    if (!quota->burst)
        quota->burst = quota->requests / 6 > 0 ? quota->requests / 6 : 1;
}

static void check_names(const struct reading *r, const struct gw_quota *quota)
{
    const struct aigw_list *models = &quota->models;

    if (quota->per == PER_ALL && quota->match.count)
        gw_problem(r->problems, r->group, r->path,
                   "match: there is nothing to match with per = \"all\"; perhaps models is meant");
    if (quota->per == PER_MODEL && models->count == 0)
        models = &quota->match;
    for (size_t i = 0; r->models && i < models->count; i++)
        if (!r->models->has(r->models->user, gw_str(models->items[i])))
            gw_problem(r->problems, r->group, r->path, "\"%s\" is none of `models`: the quota would never count for it",
                       models->items[i]);
}

static void check_on_empty(const struct reading *r, struct gw_quota *quota)
{
    static const char use[] = "use:";

    if (!quota->on_empty || strcmp(quota->on_empty, "refuse") == 0)
        return;
    if (strncmp(quota->on_empty, use, sizeof use - 1) != 0 || !quota->on_empty[sizeof use - 1]) {
        gw_problem(r->problems, r->group, r->path, "on_empty: is \"%s\", expected \"refuse\" or \"use:MODEL\"",
                   quota->on_empty);
        return;
    }
    quota->instead = quota->on_empty + sizeof use - 1;
    if (strchr(quota->instead, '*') || (r->models && !r->models->has(r->models->user, gw_str(quota->instead))))
        gw_problem(r->problems, r->group, r->path, "on_empty: \"%s\" is none of `models`", quota->instead);
}

/* ---- money ---- */

/** Every target that the quota may count needs a price: without one its calls would seem to cost nothing. */
static void check_prices(const struct reading *r, const struct gw_quota *quota)
{
    struct gw_limit_target at;

    for (size_t i = 0; r->models && r->models->target_at(r->models->user, i, &at); i++) {
        const struct gw_price *price = gw_prices_find(r->prices, at.provider, at.server_model);

        if (!gw_quota_counts_model(quota, gw_str(at.model)))
            continue;
        if (!price)
            gw_problem(r->problems, r->group, r->path,
                       "cost: model \"%s\" has no price at its target \"%.*s\" of %s; add to prices.table:  { model = "
                       "\"%.*s\"; input = …; output = …; }  (0.0 if it costs nothing)",
                       at.model, AIGW_STR_ARG(at.server_model), at.provider, AIGW_STR_ARG(at.server_model));
        else if (quota->instead && strcmp(at.model, quota->instead) == 0 && !gw_price_is_free(price))
            gw_problem(
                r->problems, r->group, r->path,
                "on_empty: \"%s\" is paid for by this quota, too, so it would be refused as well; name the models "
                "that the quota is for (models)",
                quota->instead);
    }
}

static void finish_cost(const struct reading *r, struct gw_quota *quota)
{
    const struct gw_node *node = gw_node_get(r->group, "cost");

    quota->cost = gw_round_i64(quota->cost_units * 1e9);
    if (quota->cost_units > 0 && quota->cost == 0)
        quota->cost = 1;
    if (!quota->cost)
        return;
    if (window_slides(quota->window)) {
        gw_problem(r->problems, node, r->path,
                   "cost: is counted in a window of a day, week or month, found \"%s\"; write  window = \"month\";",
                   quota->window_text);
        return;
    }
    check_prices(r, quota);
}

/* ---- groups ---- */

static void finish(const struct reading *r, struct gw_quota *quota)
{
    quota->name = r->group->key;
    if (!quota->per_text || !quota->window_text)
        return; /* said */
    quota->per = index_of(pers, quota->per_text);
    quota->window = index_of(windows, quota->window_text);
    quota->seed = gw_hash_more(gw_hash_more(UINT64_C(14695981039346656037), quota->name, strlen(quota->name)),
                               quota->window_text, strlen(quota->window_text));
    if (!quota->requests && !quota->tokens && !quota->parallel && !(quota->cost_units > 0))
        gw_problem(r->problems, r->group, r->path, "limits nothing; expected requests, tokens, cost or parallel");
    check_burst(r, quota);
    check_names(r, quota);
    check_on_empty(r, quota);
    read_warn(r, quota);
    finish_cost(r, quota);
}

struct gw_quotas *gw_quotas_build(struct gw_arena *arena, const struct gw_node *conf, const struct gw_prices *prices,
                                  const struct gw_limit_models *models, struct gw_problems *problems)
{
    const struct gw_node *section = gw_node_section(conf, "quotas");
    struct gw_quotas *quotas = gw_arena_calloc(arena, sizeof *quotas);
    struct reading r = { .arena = arena, .models = models, .prices = prices, .problems = problems };
    size_t count = 0;

    for (const struct gw_node *n = section ? section->first : NULL; n; n = n->next)
        count++;
    if (quotas) {
        quotas->items = gw_arena_calloc(arena, (count + 1) * sizeof *quotas->items);
        quotas->windows = gw_arena_calloc(arena, WINDOW_KINDS * sizeof *quotas->windows);
    }
    if (!quotas || !quotas->items || !quotas->windows) {
        gw_problem(problems, section, "quotas", "out of memory");
        return NULL;
    }
    quotas->prices = prices;
    for (const struct gw_node *n = section ? section->first : NULL; n; n = n->next) {
        struct gw_quota *quota = &quotas->items[quotas->count++];

        r.group = n;
        r.path = gw_arena_printf(arena, "quotas.%s", n->key);
        gw_settings_fill(arena, n, r.path, table, GW_ARRAY_LEN(table), sizeof *table, reserved, quota, problems);
        if (n->type == GW_NODE_GROUP)
            finish(&r, quota);
    }
    if (quotas->count > GW_QUOTAS_PER_CALL)
        gw_problem(problems, section, "quotas", "%zu of them, at most %u are counted", quotas->count,
                   GW_QUOTAS_PER_CALL);
    return quotas;
}
