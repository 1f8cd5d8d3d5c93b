/* places.c - what each server takes at once, whoever asks: the core's own keys of `providers`, routing.drain, and
 * routing.endpoints for addresses that requests name. */
#include <string.h>

#include "base/url.h"
#include "models/plan.h"

#define AT(field) offsetof(struct gw_place, field)

static const struct aigw_setting place_table[] = {
    { "tags", AIGW_SET_LIST, 0, AT(tags), NULL, 0, 0, NULL, "Labels that rules can ask for." },
    { "max_parallel", AIGW_SET_INT, 0, AT(max_parallel), "0", 0, 1000000, NULL,
      "Calls in flight at a time, of this process; 0: no limit." },
    { "queue", AIGW_SET_INT, 0, AT(queue), "0", 0, 1000000, NULL, "Calls that may wait for one of them to end." },
    { "queue_ms", AIGW_SET_INT, 0, AT(queue_ms), "1000", 1, 600000, NULL, "Longest such wait, milliseconds." },
    { "health", AIGW_SET_STRING, 0, AT(health), NULL, 0, 0, NULL,
      "Path or URL that is asked with GET while targets there rest after failures: 2xx ends the rest, 5xx prolongs "
      "it. Not given: nobody is asked." },
};
/* Nobody lists the addresses that requests name: their health is not asked for. */
#define ENDPOINT_ROWS (GW_ARRAY_LEN(place_table) - 1)

void gw_places_reference(struct gw_buf *out)
{
    gw_models_put_table(out, "providers.NAME, beside what its plugin has", place_table, GW_ARRAY_LEN(place_table));
    gw_buf_puts(out, "\n`routing.drain`: a list of names in `providers` that get nothing new.\n");
    gw_models_put_table(out, "each of routing.endpoints, beside `match`, a pattern of addresses", place_table,
                        ENDPOINT_ROWS);
}

/* An entry of routing.endpoints. */
struct gw_endpoint_place {
    struct gw_endpoint_place *next;
    const char *match;
    struct gw_place place;
    struct gw_endpoint_list *pattern;
};

static void drop_seat(void *seat)
{
    gw_seat_drop(seat);
}

struct gw_seat *gw_seat_in(struct gw_arena *arena, bool is_callers, const aigw_str *texts, size_t count)
{
    struct gw_seat *seat = gw_seat_take(gw_seat_key(is_callers, texts, count), gw_mono_ms());

    return seat && gw_arena_defer(arena, drop_seat, seat) == AIGW_OK ? seat : NULL;
}

/* The group with nothing but the keys of our table: the others are the plugin's. */
static struct gw_node own_keys(struct gw_arena *arena, const struct gw_node *group)
{
    struct gw_node own = *group, **tail = &own.first;

    own.first = NULL;
    for (const struct gw_node *n = group->first; n; n = n->next)
        for (size_t i = 0; i < GW_ARRAY_LEN(place_table); i++)
            if (strcmp(n->key, place_table[i].name) == 0 && (*tail = gw_arena_alloc(arena, sizeof **tail)) != NULL) {
                **tail = *n;
                (*tail)->next = NULL;
                tail = &(*tail)->next;
                break;
            }
    return own;
}

static void warn_of_queue(const struct gw_place *place, const struct gw_node *node, const char *path,
                          struct gw_problems *problems)
{
    if (place->queue > 0 && place->max_parallel == 0)
        gw_problem_warning(problems, node, path, "queue has no effect without max_parallel");
}

/* The provider's address: its plugin reads `base_url`, where it has one. */
static aigw_str base_of(struct gw_arena *arena, const struct gw_instance *provider, const char *path,
                        struct gw_problems *problems)
{
    const struct gw_node *node = gw_node_get(provider->node, "base_url");
    const struct aigw_plugin *plugin = &provider->plugin->descriptor;

    if (node)
        return gw_str(gw_node_text(arena, node, path, problems));
    for (uint32_t i = 0; i < plugin->setting_count; i++) {
        const struct aigw_setting *setting =
            (const void *)((const char *)plugin->settings + (size_t)i * plugin->setting_size);
        if (strcmp(setting->name, "base_url") == 0)
            return gw_str(setting->default_value);
    }
    return AIGW_STR_NONE;
}

/* The path at the server of base_url; what is wrong with that its plugin says. NULL: there is none. */
static const char *at_base(struct gw_arena *arena, const struct gw_instance *provider, const char *health,
                           const char *path, struct gw_problems *problems)
{
    aigw_str base = base_of(arena, provider, path, problems);
    struct gw_url url;

    if (base.len && gw_url_split(base, &url) == NULL)
        return gw_arena_printf(arena, "%.*s%s", (int)(url.path.ptr - url.scheme.ptr), url.scheme.ptr, health);
    if (!base.len)
        gw_problem(problems, provider->node, path,
                   "health is \"%s\", but the provider has no base_url; expected a whole URL such as "
                   "\"http://host:8000/health\"",
                   health);
    return NULL;
}

/* A whole URL, or a path at the server of base_url. */
static void read_health(struct gw_models *models, struct gw_place *place, const struct gw_instance *provider,
                        const char *path, struct gw_problems *problems)
{
    const char *text = place->health, *why;
    struct gw_url url;

    if (text && *text == '/')
        text = at_base(models->arena, provider, place->health, path, problems);
    if (!text || !*text)
        return;
    why = gw_url_split(gw_str(text), &url);
    if (!why && !gw_str_eq_ci(url.scheme, AIGW_STR("http")) && !gw_str_eq_ci(url.scheme, AIGW_STR("https")))
        why = "must begin with http:// or https://";
    if (why)
        gw_problem(problems, provider->node, path, "health %s; expected a path such as \"/health\", or a URL", why);
    else
        place->health_url =
            gw_arena_strndup(models->arena, url.scheme.ptr, (size_t)(url.query.ptr + url.query.len - url.scheme.ptr));
}

static void build_provider_places(struct gw_models *models, const struct gw_plugins *plugins,
                                  struct gw_problems *problems)
{
    size_t count = 0;

    for (const struct gw_instance *i = plugins->providers; i; i = i->next)
        count++;
    models->places = gw_arena_calloc(models->arena, (count + 1) * sizeof *models->places);
    for (const struct gw_instance *i = plugins->providers; i && models->places; i = i->next) {
        struct gw_place *place = &models->places[models->place_count++];
        const char *path = gw_arena_printf(models->arena, "providers.%s", i->name);
        struct gw_node own = { .type = GW_NODE_GROUP };

        if (i->node)
            own = own_keys(models->arena, i->node);
        gw_settings_fill(models->arena, &own, path, place_table, GW_ARRAY_LEN(place_table), sizeof *place_table, NULL,
                         place, problems);
        warn_of_queue(place, i->node, path, problems);
        place->name = i->name;
        read_health(models, place, i, path, problems);
        place->seat = gw_seat_in(models->arena, false, (aigw_str[]){ AIGW_STR("place"), gw_str(i->name) }, 2);
    }
}

const struct gw_place *gw_place_of(const struct gw_models *models, const struct gw_instance *provider)
{
    for (size_t i = 0; provider && i < models->place_count; i++)
        if (strcmp(models->places[i].name, provider->name) == 0)
            return &models->places[i];
    return NULL;
}

static void drain(struct gw_models *models, const struct gw_node *list, const struct gw_plugins *plugins,
                  struct gw_problems *problems)
{
    const char *names[64];
    size_t count = 0;

    if (list && list->type != GW_NODE_LIST) {
        gw_problem(problems, list, "routing.drain", "is not a list; write  drain = ( \"vllm2\" );");
        return;
    }
    for (size_t i = 0; i < models->place_count && count < GW_ARRAY_LEN(names); i++)
        names[count++] = models->places[i].name;
    for (const struct gw_node *n = list ? list->first : NULL; n; n = n->next) {
        const char *name = gw_node_text(models->arena, n, "routing.drain", problems), *close;
        bool is_known = false;

        for (size_t i = 0; name && i < models->place_count; i++)
            if (strcmp(models->places[i].name, name) == 0)
                is_known = models->places[i].is_drained = true;
        if (!name || is_known || gw_plugins_disabled(plugins, AIGW_KIND_PROVIDER, name))
            continue;
        close = gw_closest(name, names, count);
        gw_problem(problems, n, "routing.drain", "no provider is called \"%s\"%s%s%s", name,
                   close ? ", did you mean \"" : "", close ? close : "", close ? "\"?" : "");
    }
}

static void build_endpoint_places(struct gw_models *models, const struct gw_node *list, struct gw_problems *problems)
{
    static const char *const reserved[] = { "match", NULL };
    struct gw_endpoint_place **tail = &models->endpoint_places;

    if (list && list->type != GW_NODE_LIST) {
        gw_problem(problems, list, "routing.endpoints",
                   "is not a list; write  endpoints = ( { match = \"http://vllm*.internal:8000/v1\"; … } );");
        return;
    }
    for (const struct gw_node *n = list ? list->first : NULL; n; n = n->next) {
        struct gw_endpoint_place *entry = gw_arena_calloc(models->arena, sizeof *entry);
        if (!entry)
            return;
        gw_settings_fill(models->arena, n, "routing.endpoints", place_table, ENDPOINT_ROWS, sizeof *place_table,
                         reserved, &entry->place, problems);
        const struct gw_node *match = gw_node_get(n, "match");
        if (match)
            entry->match = gw_node_text(models->arena, match, "routing.endpoints.match", problems);
        else
            gw_problem(problems, n, "routing.endpoints",
                       "has no match, expected one such as \"http://vllm*.internal:8000/v1\"");
        if (!entry->match)
            continue;
        struct aigw_list one = { &entry->match, 1 };
        entry->place.name = entry->match;
        warn_of_queue(&entry->place, n, "routing.endpoints", problems);
        const char *where = gw_arena_printf(models->arena, "%s:%d: routing.endpoints.match", match->file, match->line);
        entry->pattern =
            gw_endpoint_list_build(models->arena, &one, where ? where : "routing.endpoints.match", problems);
        *tail = entry;
        tail = &entry->next;
    }
}

const struct gw_place *gw_place_of_endpoint(const struct gw_models *models, aigw_str endpoint,
                                            const struct gw_place *otherwise, struct gw_arena *arena)
{
    const char *reason;

    for (const struct gw_endpoint_place *entry = models->endpoint_places; entry; entry = entry->next) {
        struct gw_place *place;
        if (!entry->pattern || !gw_endpoint_listed(entry->pattern, endpoint, arena, &reason))
            continue;
        place = gw_arena_alloc(arena, sizeof *place);
        if (!place)
            return otherwise;
        *place = entry->place; /* each address that matches has a limit of its own */
        place->seat = gw_seat_in(arena, true, (aigw_str[]){ AIGW_STR("place"), endpoint }, 2);
        return place;
    }
    return otherwise;
}

void gw_places_build(struct gw_models *models, const struct gw_node *conf, const struct gw_plugins *plugins,
                     struct gw_problems *problems)
{
    build_provider_places(models, plugins, problems);
    drain(models, gw_node_get(conf, "routing.drain"), plugins, problems);
    build_endpoint_places(models, gw_node_get(conf, "routing.endpoints"), problems);
}
