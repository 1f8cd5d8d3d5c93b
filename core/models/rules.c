/* rules.c - routing.rules: what a request has to be like (`when`), and what follows: `tags` narrow, `use` ends the
 * walk. Everything in a `when` must hold; of a list in it one entry must. */
#include <stdlib.h>
#include <string.h>

#include "models/plan.h"

struct when {
    struct aigw_list route, feature, scope, header, realm, gitlab_version, model, identifier, language, flag, key, team,
        endpoint;
    int64_t prompt_over;
    const char *hours;
};

struct gw_rules {
    struct gw_rules *next;
    uint32_t number;
    struct when when;
    struct gw_hours *hours;
    struct aigw_list tags;
    const struct gw_model *use;
};

#define AT(field) offsetof(struct when, field)

static const struct aigw_setting when_table[] = {
    { "route", AIGW_SET_LIST, 0, AT(route), NULL, 0, 0, NULL, "Path, * for any run." },
    { "feature", AIGW_SET_LIST, 0, AT(feature), NULL, 0, 0, NULL, "Name in `features`." },
    { "scope", AIGW_SET_LIST, 0, AT(scope), NULL, 0, 0, NULL, "Right of the token." },
    { "header", AIGW_SET_LIST, 0, AT(header), NULL, 0, 0, NULL, "Request header: a name, or \"name: value\" with *." },
    { "realm", AIGW_SET_LIST, 0, AT(realm), NULL, 0, 0, NULL, "saas or self-managed." },
    { "gitlab_version", AIGW_SET_LIST, 0, AT(gitlab_version), NULL, 0, 0, NULL, "\"18.*\", \">= 18.2\" or \"< 18\"." },
    { "model", AIGW_SET_LIST, 0, AT(model), NULL, 0, 0, NULL, "Model or family that is asked for, with *." },
    { "identifier", AIGW_SET_LIST, 0, AT(identifier), NULL, 0, 0, NULL, "Model identifier of GitLab's form, with *." },
    { "endpoint", AIGW_SET_LIST, 0, AT(endpoint), NULL, 0, 0, NULL, "Endpoint of GitLab's form, with *." },
    { "language", AIGW_SET_LIST, 0, AT(language), NULL, 0, 0, NULL, "Programming language of the file." },
    { "flag", AIGW_SET_LIST, 0, AT(flag), NULL, 0, 0, NULL, "Feature flag that GitLab sends." },
    { "key", AIGW_SET_LIST, 0, AT(key), NULL, 0, 0, NULL, "Name in `keys`, with *." },
    { "team", AIGW_SET_LIST, 0, AT(team), NULL, 0, 0, NULL, "Team of the key." },
    { "prompt_over", AIGW_SET_INT, 0, AT(prompt_over), "0", 0, 1e9, NULL,
      "Prompt longer than this, tokens (a guess)." },
    { "hours", AIGW_SET_STRING, 0, AT(hours), NULL, 0, 0, NULL, "\"Mon-Fri 08:00-18:00 Europe/Berlin\"." },
};

struct then {
    struct aigw_list tags;
    const char *use;
};
static const struct aigw_setting then_table[] = {
    { "tags", AIGW_SET_LIST, 0, offsetof(struct then, tags), NULL, 0, 0, NULL, "All of them must be on the provider." },
    { "use", AIGW_SET_STRING, 0, offsetof(struct then, use), NULL, 0, 0, NULL, "Model of `models` that serves." },
};

void gw_rules_reference(struct gw_buf *out)
{
    gw_models_put_table(out, "each of routing.rules, beside `when`", then_table, GW_ARRAY_LEN(then_table));
    gw_models_put_table(out, "`when` of a rule", when_table, GW_ARRAY_LEN(when_table));
}

/* ---- reading ---- */

/* One text may stand where a list may. */
static struct gw_node *with_lists(struct gw_arena *arena, const struct gw_node *group)
{
    struct gw_node *copy = gw_arena_alloc(arena, sizeof *copy), **tail;

    if (!copy || group->type != GW_NODE_GROUP)
        return NULL;
    *copy = *group;
    copy->first = NULL;
    tail = &copy->first;
    for (const struct gw_node *n = group->first; n; n = n->next) {
        struct gw_node *item = gw_arena_alloc(arena, sizeof *item), *list = gw_arena_alloc(arena, sizeof *list);
        if (!item || !list)
            return NULL;
        *list = *item = *n;
        item->next = list->next = NULL;
        if (n->type == GW_NODE_STRING && strcmp(n->key, "hours") != 0) {
            item->key = NULL;
            list->type = GW_NODE_LIST;
            list->first = item;
        }
        *tail = list;
        tail = &list->next;
    }
    return copy;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/** "18.*", or an order and a number. */
static void check_versions(const struct when *when, const struct gw_node *node, const char *path,
                           struct gw_problems *problems)
{
    static const char *const orders[] = { "<", "<=", ">", ">=", "=" };

    for (size_t i = 0; i < when->gitlab_version.count; i++) {
        const char *text = when->gitlab_version.items[i];
        size_t len = strspn(text, "<>="), k = 0;

        while (k < GW_ARRAY_LEN(orders) && !gw_str_is((aigw_str){ text, len }, orders[k]))
            k++;
        if (len && (k == GW_ARRAY_LEN(orders) || !is_digit(text[len + strspn(text + len, " ")])))
            gw_problem(problems, node, path,
                       "gitlab_version: is \"%s\", expected one such as \"18.*\", \">= 18.2\" or \"< 18\"", text);
    }
}

static void read_rule(struct gw_models *models, struct gw_rules *rule, const struct gw_node *node, const char *path,
                      struct gw_problems *problems)
{
    static const char *const reserved[] = { "when", NULL };
    const char *when_path = gw_arena_printf(models->arena, "%s.when", path), *why;
    const struct gw_node *when = gw_node_get(node, "when");
    struct then then = { 0 };

    gw_settings_fill(models->arena, node, path, then_table, GW_ARRAY_LEN(then_table), sizeof *then_table, reserved,
                     &then, problems);
    if (node->type != GW_NODE_GROUP)
        return;
    if (when && when->type == GW_NODE_GROUP)
        when = with_lists(models->arena, when);
    gw_settings_fill(models->arena, when, when_path, when_table, GW_ARRAY_LEN(when_table), sizeof *when_table, NULL,
                     &rule->when, problems);
    if (rule->when.hours) {
        rule->hours = gw_hours_build(models->arena, rule->when.hours, &why);
        if (!rule->hours)
            gw_problem(problems, when, when_path, "hours is \"%s\": %s", rule->when.hours, why ? why : "out of memory");
    }
    check_versions(&rule->when, when, when_path, problems);
    rule->tags = then.tags;
    rule->use = then.use ? gw_models_find(models, gw_str(then.use)) : NULL;
    if (then.use && !rule->use)
        gw_problem(problems, node, path, "use: no model is called \"%s\"; add it to `models`", then.use);
    if (!then.use && !then.tags.count)
        gw_problem(problems, node, path, "does nothing; expected tags = ( \"…\" ) or use = \"a model\"");
}

struct gw_rules *gw_rules_build(struct gw_models *models, const struct gw_node *conf, struct gw_problems *problems)
{
    const struct gw_node *list = gw_node_get(conf, "routing.rules");
    struct gw_rules *first = NULL, **tail = &first;
    uint32_t number = 0, tag_rules = 0;

    if (list && list->type != GW_NODE_LIST) {
        gw_problem(problems, list, "routing.rules", "is not a list; write  rules = ( { when: { … }; use = \"…\"; } );");
        return NULL;
    }
    for (const struct gw_node *n = list ? list->first : NULL; n; n = n->next) {
        struct gw_rules *rule = gw_arena_calloc(models->arena, sizeof *rule);
        if (!rule) {
            gw_problem(problems, n, "routing.rules", "out of memory");
            return first;
        }
        rule->number = ++number;
        tag_rules += gw_node_get(n, "tags") != NULL;
        if (tag_rules > GW_TAG_LISTS_MAX) {
            gw_problem(problems, n, "routing.rules", "more than %u rules with tags", GW_TAG_LISTS_MAX);
            return first;
        }
        read_rule(models, rule, n, gw_arena_printf(models->arena, "routing.rules[%u]", number), problems);
        *tail = rule;
        tail = &rule->next;
    }
    return first;
}

/* ---- asking ---- */

void gw_ask_note(const struct gw_ask *ask, const char *fmt, ...)
{
    va_list args;

    if (!ask->why)
        return;
    va_start(args, fmt);
    gw_buf_vprintf(ask->why, fmt, args);
    va_end(args);
    gw_buf_puts(ask->why, "\n");
}

const struct gw_wants *gw_ask_wants(struct gw_ask *ask)
{
    static const struct gw_wants nothing;

    if (!ask->wants)
        return &nothing;
    if (!ask->wants->is_read)
        gw_wants_read(ask->body, ask->wants);
    return ask->wants;
}

static bool any_matches(const struct aigw_list *patterns, aigw_str text)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (gw_match(patterns->items[i], text))
            return true;
    return false;
}

/* Number by number: 18.10 is younger than 18.9. Only as many parts count as `limit` has. */
static int compare_versions(aigw_str version, const char *limit)
{
    size_t at = 0;

    for (;;) {
        long wanted = strtol(limit, (char **)(uintptr_t)&limit, 10), found = 0;
        for (; at < version.len && version.ptr[at] >= '0' && version.ptr[at] <= '9' && found < 1000000; at++)
            found = found * 10 + (version.ptr[at] - '0');
        if (found != wanted)
            return found < wanted ? -1 : 1;
        if (*limit != '.')
            return 0;
        limit++;
        at += at < version.len && version.ptr[at] == '.';
    }
}

static bool is_version(const struct aigw_list *wanted, aigw_str version)
{
    for (size_t i = 0; version.len && i < wanted->count; i++) {
        const char *text = wanted->items[i], *number = text + strspn(text, "<>= ");
        int order = compare_versions(version, number);
        bool has_equal = memchr(text, '=', (size_t)(number - text)) != NULL;

        if (number == text ? gw_match(text, version)
                           : is_digit(version.ptr[0]) && ((order == 0 && has_equal) || (order < 0 && *text == '<') ||
                                                          (order > 0 && *text == '>')))
            return true;
    }
    return false;
}

static bool has_header(const struct gw_ask *ask, const struct aigw_list *wanted)
{
    for (size_t i = 0; ask->header && i < wanted->count; i++) {
        const char *colon = strchr(wanted->items[i], ':');
        char name[128];
        size_t len = colon ? (size_t)(colon - wanted->items[i]) : strlen(wanted->items[i]);
        aigw_str value;

        if (len >= sizeof name)
            continue;
        memcpy(name, wanted->items[i], len);
        name[len] = '\0';
        value = ask->header(ask->user_data, name);
        if (value.ptr && (!colon || gw_match(colon + 1 + strspn(colon + 1, " "), value)))
            return true;
    }
    return false;
}

static bool any_true(const struct aigw_list *names, bool (*fn)(void *, const char *), void *user_data)
{
    for (size_t i = 0; fn && i < names->count; i++)
        if (fn(user_data, names->items[i]))
            return true;
    return false;
}

/* The first part of `when` that does not hold; NULL: all do. */
static const char *misses(const struct gw_rules *rule, struct gw_ask *ask, const struct aigw_need *need)
{
    const struct when *when = &rule->when;
    aigw_str feature = gw_str(ask->feature ? ask->feature->name : NULL);
    aigw_str own = gw_str(ask->feature ? ask->feature->model : NULL);
    aigw_str model = need->model.len ? need->model : need->name.len ? need->name : own;

#define MISSES(list, ok) \
    if (when->list.count && !(ok)) \
    return #list
    MISSES(route, any_matches(&when->route, ask->route));
    MISSES(feature, any_matches(&when->feature, feature));
    MISSES(scope, any_true(&when->scope, ask->has_scope, ask->user_data));
    MISSES(header, has_header(ask, &when->header));
    MISSES(realm, any_matches(&when->realm, ask->realm));
    MISSES(gitlab_version, is_version(&when->gitlab_version, ask->gitlab_version));
    MISSES(model, any_matches(&when->model, model));
    MISSES(identifier, need->identifier.len && any_matches(&when->identifier, need->identifier));
    MISSES(endpoint, need->endpoint.len && any_matches(&when->endpoint, need->endpoint));
    MISSES(flag, any_true(&when->flag, ask->has_flag, ask->user_data));
    MISSES(key, ask->key.len && any_matches(&when->key, ask->key));
    MISSES(team, ask->team.len && any_matches(&when->team, ask->team));
    MISSES(language, gw_ask_wants(ask)->language.len && any_matches(&when->language, gw_ask_wants(ask)->language));
#undef MISSES
    if (when->prompt_over && gw_wants_prompt_tokens(ask->body) <= when->prompt_over)
        return "prompt_over";
    if (rule->hours && !gw_hours_contain(rule->hours, ask->wall_s))
        return "hours";
    return NULL;
}

void gw_rules_apply(const struct gw_rules *rules, struct gw_ask *ask, const struct aigw_need *need,
                    struct gw_ruling *ret_ruling)
{
    *ret_ruling = (struct gw_ruling){ 0 };
    for (const struct gw_rules *rule = rules; rule && !ret_ruling->use; rule = rule->next) {
        const char *missed = misses(rule, ask, need);

        if (missed) {
            gw_ask_note(ask, "rule %u: not for this request: %s", rule->number, missed);
            continue;
        }
        if (rule->tags.count) /* there are no more rules with tags than room */
            ret_ruling->tags[ret_ruling->tag_list_count++] = &rule->tags;
        for (size_t i = 0; i < rule->tags.count; i++)
            gw_ask_note(ask, "rule %u: only providers with the tag \"%s\"", rule->number, rule->tags.items[i]);
        if (rule->use)
            gw_ask_note(ask, "rule %u: use model \"%s\"", rule->number, rule->use->name);
        ret_ruling->use = rule->use;
    }
}
