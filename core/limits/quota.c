/* quota.c - the quotas of conf.d, which of them a call meets, and charging them together. */
#include <stdio.h>
#include <string.h>

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
    { "parallel", AIGW_SET_INT, 0, AT(parallel), "0", 0, 1000000, NULL, "Model calls at one time; 0: any." },
    { "window", AIGW_SET_STRING, 0, AT(window_text), "minute", 0, 0, "second|minute|hour|day|week|month",
      "What `requests` and `tokens` are counted in. Up to an hour it slides: there is no moment at which twice as much "
      "fits. "
      "A day, week (from Monday) or month is that of the calendar, in UTC." },
    { "burst", AIGW_SET_INT, 0, AT(burst), "0", 0, INT64_C(1000000000), NULL,
      "Of `requests`, how many may come at once; 0: a sixth; of a day, week or month all." },
};

/* ---- reading conf.d ------------------------------------------------------------------------------------------- */

static int index_of(const char *const *words, const char *word)
{
    int i = 0;

    while (words[i] && strcmp(words[i], word) != 0)
        i++;
    return i;
}

static void finish(struct gw_quota *quota, const struct gw_node *group, const char *path, struct gw_problems *problems,
                   bool (*has_model)(void *user, aigw_str pattern), void *user)
{
    const struct aigw_list *models = &quota->models;

    quota->name = group->key;
    if (!quota->per_text || !quota->window_text)
        return; /* said */
    quota->per = index_of(pers, quota->per_text);
    quota->window = index_of(windows, quota->window_text);
    quota->seed = gw_hash_more(gw_hash_more(UINT64_C(14695981039346656037), quota->name, strlen(quota->name)),
                               quota->window_text, strlen(quota->window_text));
    if (!quota->requests && !quota->tokens && !quota->parallel)
        gw_problem(problems, group, path, "limits nothing; expected requests, tokens or parallel");
    if (quota->burst && !window_slides(quota->window))
        gw_problem(problems, group, path,
                   "burst: a %s has none, all may come at once; expected no burst, or a window of an "
                   "hour at most",
                   quota->window_text);
    if (quota->burst > quota->requests)
        gw_problem(problems, group, path, "burst: is %lld, more than requests (%lld)", (long long)quota->burst,
                   (long long)quota->requests);
    if (!quota->burst)
        quota->burst = quota->requests / 6 > 0 ? quota->requests / 6 : 1;
    if (quota->per == PER_ALL && quota->match.count)
        gw_problem(problems, group, path,
                   "match: there is nothing to match with per = \"all\"; perhaps models is meant");
    if (quota->per == PER_MODEL && models->count == 0)
        models = &quota->match;
    for (size_t i = 0; has_model && i < models->count; i++)
        if (!has_model(user, gw_str(models->items[i])))
            gw_problem(problems, group, path, "\"%s\" is none of `models`: the quota would never count for it",
                       models->items[i]);
}

struct gw_quotas *gw_quotas_build(struct gw_arena *arena, const struct gw_node *conf, struct gw_problems *problems,
                                  bool (*has_model)(void *user, aigw_str pattern), void *user)
{
    const struct gw_node *section = gw_node_get(conf, "quotas");
    struct gw_quotas *quotas = gw_arena_calloc(arena, sizeof *quotas);
    size_t count = 0;

    for (const struct gw_node *n = section ? section->first : NULL; n; n = n->next)
        count++;
    if (quotas)
        quotas->items = gw_arena_calloc(arena, (count + 1) * sizeof *quotas->items);
    if (!quotas || !quotas->items) {
        gw_problem(problems, section, "quotas", "out of memory");
        return NULL;
    }
    for (const struct gw_node *n = section ? section->first : NULL; n; n = n->next) {
        struct gw_quota *quota = &quotas->items[quotas->count++];
        const char *path = gw_arena_printf(arena, "quotas.%s", n->key);

        gw_settings_fill(arena, n, path, table, GW_ARRAY_LEN(table), sizeof *table, NULL, quota, problems);
        finish(quota, n, path, problems, has_model, user);
    }
    if (quotas->count > GW_QUOTAS_PER_CALL)
        gw_problem(problems, section, "quotas", "%zu of them, at most %u are counted", quotas->count,
                   GW_QUOTAS_PER_CALL);
    return quotas;
}

/* ---- a call --------------------------------------------------------------------------------------------------- */

bool gw_quotas_has_any(const struct gw_quotas *quotas)
{
    return quotas->count > 0;
}

static bool matches(const struct aigw_list *patterns, aigw_str text)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (gw_str_like(text, gw_str(patterns->items[i])))
            return true;
    return patterns->count == 0;
}

/** False: the quota does not count this call. */
static bool entity_of(const struct gw_quota *quota, const struct gw_limit_subject *subject, aigw_str *ret_entity)
{
    const aigw_str entities[] = {
        [PER_ALL] = AIGW_STR(""), [PER_INSTANCE] = subject->instance, [PER_USER] = subject->user,
        [PER_KEY] = subject->key, [PER_TEAM] = subject->team,         [PER_MODEL] = subject->model,
    };

    *ret_entity = entities[quota->per];
    if (quota->per != PER_ALL && ret_entity->len == 0)
        return false;
    return matches(&quota->models, subject->model) && (quota->per == PER_ALL || matches(&quota->match, *ret_entity));
}

static int64_t us_of(int64_t cost, int64_t limit, int window)
{
    return (int64_t)((double)cost * (double)gw_window_us(window) / (double)limit);
}

/** `cost` of a counter of which `limit` fit into the window, and no more than `burst` at once. */
static struct gw_limit_need need_of(const struct gw_limit_held *held, enum gw_limit_counter counter, int64_t cost,
                                    int64_t limit, int64_t burst)
{
    const int window = held->quota->window;

    if (held->end_day)
        return (struct gw_limit_need){ counter, GW_NEED_SUM, cost, limit, held->end_day };
    return (struct gw_limit_need){ counter, GW_NEED_PACE, us_of(cost, limit, window), us_of(burst, limit, window), 0 };
}

/** What a call needs of a quota's counters; as many as are limited. */
static size_t needs_of(const struct gw_limit_held *held, int64_t tokens, struct gw_limit_need *ret_needs)
{
    const struct gw_quota *quota = held->quota;
    size_t count = 0;

    if (quota->parallel)
        ret_needs[count++] = (struct gw_limit_need){ GW_LIMIT_PARALLEL, GW_NEED_PLACE, 1, quota->parallel, 0 };
    if (quota->requests)
        ret_needs[count++] =
            need_of(held, GW_LIMIT_REQUESTS, 1, quota->requests, held->end_day ? quota->requests : quota->burst);
    if (quota->tokens)
        ret_needs[count++] = need_of(held, GW_LIMIT_TOKENS, tokens, quota->tokens, quota->tokens);
    return count;
}

/** wait_us: negative when it ends with a call, not with time. */
static void refuse(const struct gw_quota *quota, aigw_str entity, enum gw_limit_counter counter, int64_t wait_us,
                   struct gw_limit_refusal *ret_refusal)
{
    const struct {
        int64_t limit;
        const char *what;
    } said[] = {
        [GW_LIMIT_PARALLEL] = { quota->parallel, "calls at one time" },
        [GW_LIMIT_REQUESTS] = { quota->requests, "requests" },
        [GW_LIMIT_TOKENS] = { quota->tokens, "tokens" },
    };
    char whom[128] = "";

    if (quota->per == PER_USER) /* an id that tells nobody anything */
        (void)snprintf(whom, sizeof whom, " for one user");
    else if (quota->per != PER_ALL)
        (void)snprintf(whom, sizeof whom, " for %s %.*s", quota->per_text, (int)(entity.len < 80 ? entity.len : 80),
                       entity.ptr);
    (void)snprintf(ret_refusal->text, sizeof ret_refusal->text, "quota %s is used up: %lld %s%s%s%s", quota->name,
                   (long long)said[counter].limit, said[counter].what, wait_us < 0 ? "" : " a ",
                   wait_us < 0 ? "" : quota->window_text, whom);
    ret_refusal->quota = quota->name;
    ret_refusal->retry_after_ms = wait_us < 0 ? -1 : (wait_us + 999) / 1000;
}

static void give_back(const struct gw_limit_held *held, const struct gw_limit_need *needs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gw_limit_need back = needs[i];

        back.add = -back.add;
        gw_limit_correct(held->slot, &back);
    }
}

/** Hold the counters of all quotas that count this call. */
static void meet(const struct gw_quotas *quotas, struct gw_limit_table *limits, const struct gw_limit_subject *subject,
                 const struct gw_limit_now *now, struct gw_limit_hold *ret_hold)
{
    ret_hold->count = 0;
    for (size_t i = 0; i < quotas->count && ret_hold->count < GW_QUOTAS_PER_CALL; i++) {
        const struct gw_quota *quota = &quotas->items[i];
        struct gw_limit_held *held = &ret_hold->held[ret_hold->count];
        int64_t begin_day = 0, end_day = 0;
        aigw_str entity;
        uint64_t id;

        if (!entity_of(quota, subject, &entity))
            continue;
        id = gw_hash_more(quota->seed, entity.ptr, entity.len);
        if (!window_slides(quota->window)) { /* a new window is a new counter: nothing is ever set back */
            gw_window_of(quota->window, now->wall_s, &begin_day, &end_day);
            id = gw_hash_more(id, &begin_day, sizeof begin_day);
        }
        *held = (struct gw_limit_held){ gw_limit_hold_slot(limits, id | 1, now), end_day, quota };
        if (held->slot) /* else more callers at once than can be told apart: nobody is refused for that */
            ret_hold->count++;
    }
}

/** One quota, all of it or nothing. */
static bool charge_one(const struct gw_limit_held *held, const struct gw_limit_subject *subject, int64_t tokens,
                       const struct gw_limit_now *now, struct gw_limit_refusal *ret_refusal)
{
    struct gw_limit_need needs[GW_LIMIT_COUNTERS];
    size_t count = needs_of(held, tokens, needs);
    aigw_str entity;
    int64_t wait_us;

    for (size_t i = 0; i < count; i++) {
        if (gw_limit_take(held->slot, &needs[i], now, &wait_us))
            continue;
        (void)entity_of(held->quota, subject, &entity);
        refuse(held->quota, entity, needs[i].counter, wait_us, ret_refusal);
        give_back(held, needs, i);
        return false;
    }
    return true;
}

static void let_go(struct gw_limit_hold *hold)
{
    for (uint32_t i = 0; i < hold->count; i++)
        gw_limit_let_go(hold->held[i].slot);
    hold->count = 0;
}

bool gw_quotas_charge(const struct gw_quotas *quotas, struct gw_limit_table *limits,
                      const struct gw_limit_subject *subject, int64_t tokens, const struct gw_limit_now *now,
                      struct gw_limit_hold *ret_hold, struct gw_limit_refusal *ret_refusal)
{
    struct gw_limit_need needs[GW_LIMIT_COUNTERS];
    uint32_t charged = 0;

    meet(quotas, limits, subject, now, ret_hold);
    ret_hold->tokens = tokens;
    while (charged < ret_hold->count && charge_one(&ret_hold->held[charged], subject, tokens, now, ret_refusal))
        charged++;
    if (charged == ret_hold->count)
        return true;
    while (charged-- > 0)
        give_back(&ret_hold->held[charged], needs, needs_of(&ret_hold->held[charged], tokens, needs));
    let_go(ret_hold);
    return false;
}

void gw_quotas_settle(struct gw_limit_hold *hold, int64_t tokens)
{
    for (uint32_t i = 0; i < hold->count; i++) {
        const struct gw_limit_held *held = &hold->held[i];
        const struct gw_quota *quota = held->quota;
        struct gw_limit_need place = { GW_LIMIT_PARALLEL, GW_NEED_PLACE, -1, 0, 0 }, change;

        if (quota->parallel)
            gw_limit_correct(held->slot, &place);
        if (!quota->tokens || tokens < 0)
            continue;
        change = need_of(held, GW_LIMIT_TOKENS, tokens - hold->tokens, quota->tokens, 0);
        gw_limit_correct(held->slot, &change);
    }
    let_go(hold);
}

/* ---- for people ----------------------------------------------------------------------------------------------- */

void gw_quotas_describe(const struct gw_quotas *quotas, struct gw_buf *json)
{
    gw_buf_puts(json, "\"quotas\":{");
    for (size_t i = 0; i < quotas->count; i++) {
        const struct gw_quota *quota = &quotas->items[i];

        gw_buf_puts(json, i ? "," : "");
        gw_buf_json(json, gw_str(quota->name), false);
        gw_buf_printf(json, ":{\"per\":\"%s\",\"window\":\"%s\",\"requests\":%lld,\"tokens\":%lld,\"parallel\":%lld}",
                      quota->per_text, quota->window_text, (long long)quota->requests, (long long)quota->tokens,
                      (long long)quota->parallel);
    }
    gw_buf_puts(json, "}");
}
