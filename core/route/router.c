/* router.c - the routes of all feature instances, and finding one.
 *
 * Routes are grouped by the leading segments of their path that are all literal; a hash table leads from those to the
 * group. A path is hashed once, each of its leading parts is looked up, the longest first: a pattern with more literal
 * segments in front is the more specific one. Inside a group routes are in the order of gw_pattern_compare(). A claim
 * has no other segments: it fits whatever its group was found for. */
#include "route/route.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "config/json.h"

#define METHODS_LISTED_MAX 12u
#define SCHEMA_DEPTH_MAX   64u

struct entry {
    const struct gw_route *route;
    aigw_str method;
    bool serves_head; /* GET, and the same path has no HEAD */
    bool is_claim;
};

struct group {
    uint64_t hash; /* of the prefix */
    aigw_str prefix;
    const struct entry *entries; /* most specific first */
    uint32_t entry_count;        /* 0: free place of the table */
};

struct gw_router {
    struct gw_route *routes;
    size_t count;
    struct entry *entries; /* grouped */
    struct group *groups;  /* open addressing */
    size_t group_mask;
    uint32_t depth_max; /* segments of the longest prefix */
};

/* ---- building ---- */

static uint64_t hash_byte(uint64_t hash, char c)
{
    return (hash ^ (unsigned char)c) * UINT64_C(1099511628211); /* FNV-1a */
}
#define HASH_START UINT64_C(14695981039346656037)

static const char *place_of(struct gw_arena *arena, const struct gw_instance *feature)
{
    const char *place = gw_arena_printf(arena, "features.%s", feature->name);

    return place ? place : feature->name;
}

/** The text as the API document shows it: JSON is left as it is, what json-c forgives is written anew. */
static const char *take_schema(struct gw_arena *arena, const struct gw_instance *feature, const struct aigw_route *spec,
                               const char *which, const char *text, struct gw_problems *problems)
{
    struct json_object *schema;

    if (!text || gw_json_is_object(gw_str(text), SCHEMA_DEPTH_MAX))
        return text;
    schema = json_tokener_parse(text);
    if (json_object_is_type(schema, json_type_object)) {
        text = json_object_to_json_string_ext(schema, JSON_C_TO_STRING_PLAIN);
        text = gw_arena_strndup(arena, text, strlen(text));
    } else {
        text = NULL;
        gw_problem(problems, feature->node, place_of(arena, feature),
                   "plugin %s: %s of the route %s %.200s is no JSON object; expected a JSON Schema, or NULL",
                   feature->plugin->descriptor.name, which, spec->method, spec->path);
    }
    json_object_put(schema);
    return text;
}

static const struct gw_pattern *parse_route(struct gw_arena *arena, struct gw_instance *feature,
                                            const struct aigw_route *spec, struct gw_problems *problems)
{
    struct gw_pattern *pattern = gw_arena_alloc(arena, sizeof *pattern);
    struct gw_err err = { "memory is out" };

    if (!spec->method || !spec->method[0]) {
        gw_problem(problems, feature->node, place_of(arena, feature),
                   "plugin %s declares the route path \"%.200s\" without a method", feature->plugin->descriptor.name,
                   spec->path ? spec->path : "");
        return NULL;
    }
    if (pattern && gw_pattern_parse(arena, spec->path, pattern, &err) == AIGW_OK)
        return pattern;
    gw_problem(problems, feature->node, place_of(arena, feature),
               "plugin %s declares the route path \"%.200s\": %s. Expected a path such as /v1/files/{id}",
               feature->plugin->descriptor.name, spec->path ? spec->path : "", err.text);
    return NULL;
}

static void add_routes(struct gw_arena *arena, struct gw_router *router, struct gw_instance *feature,
                       struct gw_problems *problems)
{
    for (uint32_t i = 0; i < feature->plugin->feature.route_count; i++) {
        const struct aigw_route *spec = &feature->plugin->routes[i];
        const struct gw_pattern *pattern = parse_route(arena, feature, spec, problems);
        if (!pattern)
            continue;
        router->routes[router->count] = (struct gw_route){
            .spec = spec,
            .feature = feature,
            .pattern = pattern,
            .index = (uint32_t)router->count,
            .request_schema = take_schema(arena, feature, spec, "request_schema", spec->request_schema, problems),
            .response_schema = take_schema(arena, feature, spec, "response_schema", spec->response_schema, problems),
        };
        router->count++;
    }
}

/* Groups together, most specific first, then in the order of registration. */
static int compare_entries(const void *a, const void *b)
{
    const struct gw_route *x = ((const struct entry *)a)->route, *y = ((const struct entry *)b)->route;
    aigw_str p = x->pattern->prefix, q = y->pattern->prefix;
    int order = p.len != q.len ? (p.len < q.len ? -1 : 1) : memcmp(p.ptr, q.ptr, p.len);

    if (!order)
        order = gw_pattern_compare(x->pattern, y->pattern);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static bool is_same_path(const struct entry *a, const struct entry *b)
{
    return gw_pattern_compare(a->route->pattern, b->route->pattern) == 0;
}

/* Entries of one path are neighbours: who has HEAD, who is there twice. */
static void look_at_neighbours(struct gw_router *router, struct gw_problems *problems)
{
    for (size_t i = 0; i < router->count; i++) {
        struct entry *entry = &router->entries[i];
        bool has_head = false;
        for (size_t j = i; j > 0 && is_same_path(&router->entries[j - 1], entry); j--) {
            const struct gw_route *other = router->entries[j - 1].route;
            has_head |= gw_str_is(router->entries[j - 1].method, "HEAD");
            if (gw_str_eq(router->entries[j - 1].method, entry->method))
                gw_problem(
                    problems, entry->route->feature->node, entry->route->feature->name,
                    "route %s %.200s of features.%s is already served by features.%s as %.200s; remove or disable "
                    "one of the two",
                    entry->route->spec->method, entry->route->spec->path, entry->route->feature->name,
                    other->feature->name, other->spec->path);
        }
        for (size_t j = i + 1; j < router->count && is_same_path(&router->entries[j], entry); j++)
            has_head |= gw_str_is(router->entries[j].method, "HEAD");
        entry->serves_head = gw_str_is(entry->method, "GET") && !has_head;
    }
}

static void add_group(struct gw_router *router, const struct entry *entries, uint32_t count)
{
    const struct gw_pattern *pattern = entries[0].route->pattern;
    uint64_t hash = HASH_START;

    for (size_t i = 0; i < pattern->prefix.len; i++)
        hash = hash_byte(hash, pattern->prefix.ptr[i]);
    size_t place = hash & router->group_mask;
    while (router->groups[place].entry_count)
        place = (place + 1) & router->group_mask;
    router->groups[place] = (struct group){ hash, pattern->prefix, entries, count };
    if (pattern->prefix_depth > router->depth_max)
        router->depth_max = pattern->prefix_depth;
}

static bool index_routes(struct gw_arena *arena, struct gw_router *router, struct gw_problems *problems)
{
    size_t places = 4;

    while (places < router->count * 2)
        places *= 2;
    router->group_mask = places - 1;
    router->groups = gw_arena_calloc(arena, places * sizeof *router->groups);
    router->entries = gw_arena_calloc(arena, (router->count + 1) * sizeof *router->entries);
    if (!router->groups || !router->entries)
        return false;
    for (size_t i = 0; i < router->count; i++)
        router->entries[i] = (struct entry){ .route = &router->routes[i],
                                             .method = gw_str(router->routes[i].spec->method),
                                             .is_claim = router->routes[i].spec->flags & AIGW_ROUTEF_CLAIM };
    qsort(router->entries, router->count, sizeof *router->entries, compare_entries);
    look_at_neighbours(router, problems);
    for (size_t first = 0, end; first < router->count; first = end) {
        aigw_str prefix = router->entries[first].route->pattern->prefix;
        for (end = first + 1; end < router->count; end++)
            if (!gw_str_eq(router->entries[end].route->pattern->prefix, prefix))
                break;
        add_group(router, &router->entries[first], (uint32_t)(end - first));
    }
    return true;
}

struct gw_router *gw_router_build(struct gw_arena *arena, const struct gw_plugins *plugins,
                                  struct gw_problems *problems)
{
    struct gw_router *router = gw_arena_calloc(arena, sizeof *router);
    size_t total = 0;

    for (struct gw_instance *f = plugins->features; f; f = f->next)
        total += f->plugin->feature.route_count;
    if (router)
        router->routes = gw_arena_calloc(arena, (total + 1) * sizeof *router->routes);
    if (router && router->routes) {
        for (struct gw_instance *f = plugins->features; f; f = f->next)
            add_routes(arena, router, f, problems);
    }
    if (!router || !router->routes || !index_routes(arena, router, problems)) {
        gw_problem(problems, NULL, "features", "out of memory while building the routes");
        return NULL;
    }
    return router;
}

/* ---- finding ---- */

/* The routes whose pattern fits a path, one by one, the most specific first. */
struct walk {
    const struct gw_router *router;
    aigw_str path;
    uint64_t hashes[GW_PATTERN_SEGMENTS_MAX + 1]; /* of the first n segments */
    size_t ends[GW_PATTERN_SEGMENTS_MAX + 1];
    uint32_t depth;            /* next one to look up is depth - 1 */
    const struct group *group; /* at hand */
    uint32_t at;               /* its next entry */
};

static void walk_start(struct walk *walk, const struct gw_router *router, aigw_str path)
{
    uint64_t hash = HASH_START;
    size_t len = path.len == 1 ? 0 : path.len;

    walk->router = router;
    walk->path = path;
    walk->group = NULL;
    walk->depth = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i == len || path.ptr[i] == '/') {
            walk->hashes[walk->depth] = hash;
            walk->ends[walk->depth] = i;
            if (walk->depth++ == router->depth_max)
                return;
        }
        if (i < len)
            hash = hash_byte(hash, path.ptr[i]);
    }
}

static const struct group *find_group(const struct gw_router *router, uint64_t hash, aigw_str prefix)
{
    size_t place = hash & router->group_mask;

    for (; router->groups[place].entry_count; place = (place + 1) & router->group_mask)
        if (router->groups[place].hash == hash && gw_str_eq(router->groups[place].prefix, prefix))
            return &router->groups[place];
    return NULL;
}

static const struct entry *walk_next(struct walk *walk, struct gw_path_param *ret_params)
{
    for (;;) {
        while (walk->group && walk->at < walk->group->entry_count) {
            const struct entry *entry = &walk->group->entries[walk->at++];
            if (entry->is_claim || gw_pattern_match(entry->route->pattern, walk->path, ret_params))
                return entry;
        }
        if (walk->depth == 0)
            return NULL;
        walk->depth--;
        walk->group =
            find_group(walk->router, walk->hashes[walk->depth], (aigw_str){ walk->path.ptr, walk->ends[walk->depth] });
        walk->at = 0;
    }
}

static int compare_methods(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_method(const char **list, size_t *count, const char *method)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(list[i], method) == 0)
            return;
    if (*count < METHODS_LISTED_MAX)
        list[(*count)++] = method;
}

static void list_methods(const struct gw_router *router, aigw_str path, struct gw_route_match *ret)
{
    const char *list[METHODS_LISTED_MAX] = { NULL };
    const struct entry *entry;
    size_t count = 0, len = 0;
    struct walk walk;

    walk_start(&walk, router, path);
    while ((entry = walk_next(&walk, ret->params))) {
        if (entry->is_claim)
            continue;
        add_method(list, &count, entry->route->spec->method);
        if (entry->serves_head)
            add_method(list, &count, "HEAD");
    }
    qsort(list, count, sizeof *list, compare_methods);
    for (size_t i = 0; i < count; i++) {
        size_t method_len = strlen(list[i]);
        if (len + method_len + 3 > sizeof ret->allow)
            return;
        if (len) {
            memcpy(ret->allow + len, ", ", 2);
            len += 2;
        }
        memcpy(ret->allow + len, list[i], method_len + 1);
        len += method_len;
    }
}

int gw_router_find(const struct gw_router *router, aigw_str method, aigw_str path, struct gw_route_match *ret)
{
    bool is_head = gw_str_eq(method, AIGW_STR("HEAD")), has_path = false;
    const struct entry *entry;
    struct walk walk;

    ret->route = NULL;
    ret->near = NULL;
    ret->param_count = 0;
    ret->allow[0] = '\0';
    if (path.len == 0 || path.ptr[0] != '/')
        return GW_ROUTE_NO_PATH;
    walk_start(&walk, router, path);
    while ((entry = walk_next(&walk, ret->params))) {
        if (!ret->near || (!entry->is_claim && !has_path))
            ret->near = entry->route;
        has_path |= !entry->is_claim;
        if (entry->is_claim || (!gw_str_eq(entry->method, method) && !(is_head && entry->serves_head)))
            continue;
        ret->route = entry->route;
        ret->param_count = entry->route->pattern->param_count;
        return GW_ROUTE_FOUND;
    }
    if (!has_path)
        return GW_ROUTE_NO_PATH;
    list_methods(router, path, ret);
    return GW_ROUTE_NO_METHOD;
}

size_t gw_router_count(const struct gw_router *router)
{
    return router->count;
}

const struct gw_route *gw_router_at(const struct gw_router *router, size_t index)
{
    return &router->routes[index];
}

const struct gw_route *gw_router_sorted_at(const struct gw_router *router, size_t index)
{
    return router->entries[index].route;
}
