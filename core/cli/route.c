/* route.c - `aigw route`: which target a request would take and why, step by step. Reads the configuration as the
 * gateway does, sends nothing; circuits and places are those of a process that has just begun. */
#define _XOPEN_SOURCE 700
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "cli/internal.h"
#include "config/json.h"
#include "models/plan.h"
#include "route/route.h"

#define ARENA_MAX   ((size_t)128 << 20)
#define REQUEST_MAX ((size_t)16 << 20)
#define DEPTH       64
#define SEARCH_MAX  12 /* objects within each other in which a model may stand */

struct question {
    const struct cli_options *options;
    struct gw_arena *arena;
    struct json_object *body;
    struct aigw_need need;
    struct gw_wants wants;
    struct gw_ask ask;
    struct gw_buf why;
};

/* ---- the request ---- */

static aigw_str member(struct json_object *object, const char *name)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_string))
        return AIGW_STR_NONE;
    return (aigw_str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) };
}

/* GitLab's two forms, wherever in the body: a group `model_metadata`, or flat members model_… */
static bool find_model(struct json_object *value, struct aigw_need *need, int depth)
{
    struct json_object *group;

    if (depth == 0)
        return false;
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            if (find_model(json_object_array_get_idx(value, i), need, depth - 1))
                return true;
        return false;
    }
    if (!json_object_is_type(value, json_type_object))
        return false;
    if (json_object_object_get_ex(value, "model_metadata", &group) && json_object_is_type(group, json_type_object)) {
        need->provider = member(group, "provider");
        need->name = member(group, "name");
        need->endpoint = member(group, "endpoint");
        need->identifier = member(group, "identifier");
        need->api_key = member(group, "api_key");
        return true;
    }
    need->endpoint = member(value, "model_endpoint");
    need->identifier = member(value, "model_identifier");
    if (need->endpoint.len || need->identifier.len) {
        need->name = member(value, "model_name");
        need->api_key = member(value, "model_api_key");
        need->provider = member(value, "model_provider");
        return true;
    }
    json_object_object_foreach(value, name, inner)
    {
        (void)name;
        if (find_model(inner, need, depth - 1))
            return true;
    }
    return false;
}

static int read_request(struct question *q, struct gw_buf *text)
{
    const char *path = q->options->request;
    FILE *file = path && strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
    struct gw_err why = { "" };
    char chunk[8192];
    size_t got;

    if (!path || !file) {
        fprintf(stderr,
                "aigw: route: %s%s; expected --request FILE with the request's JSON body, - for standard input\n",
                path ? "cannot open " : "no request was given", path ? path : "");
        return CLI_USAGE;
    }
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        gw_buf_put(text, chunk, got);
    if (file != stdin)
        fclose(file);
    q->body = text->status ? NULL : gw_json_read(gw_buf_str(text), DEPTH, 0, &why);
    if (!json_object_is_type(q->body, json_type_object)) {
        fprintf(stderr, "aigw: route: %s is not a JSON object: %s\n", path,
                text->status  ? "it is larger than 16 MiB"
                : why.text[0] ? why.text
                              : "it is another kind of value");
        return CLI_FAILED;
    }
    q->ask.body = gw_buf_str(text);
    q->need.struct_size = sizeof q->need;
    if (!find_model(q->body, &q->need, SEARCH_MAX))
        q->need = (struct aigw_need){ .struct_size = sizeof q->need, .model = member(q->body, "model") };
    return CLI_OK;
}

/* ---- what stands beside it ---- */

static aigw_str header_of(void *user_data, const char *name)
{
    const struct cli_list *headers = &((struct question *)user_data)->options->headers;

    for (size_t i = 0; i < headers->count; i++) {
        const char *colon = strchr(headers->items[i], ':');
        aigw_str found = { headers->items[i], colon ? (size_t)(colon - headers->items[i]) : 0 };
        if (colon && gw_str_eq_ci(gw_str_trim(found), gw_str(name)))
            return gw_str_trim(gw_str(colon + 1));
    }
    return AIGW_STR_NONE;
}

static bool has_scope(void *user_data, const char *scope)
{
    const struct cli_list *scopes = &((struct question *)user_data)->options->scopes;

    for (size_t i = 0; i < scopes->count; i++)
        if (strcmp(scopes->items[i], scope) == 0)
            return true;
    return false;
}

static bool has_flag(void *user_data, const char *flag)
{
    aigw_str list = header_of(user_data, "x-gitlab-enabled-feature-flags");

    while (list.len) {
        const char *comma = memchr(list.ptr, ',', list.len);
        aigw_str one = { list.ptr, comma ? (size_t)(comma - list.ptr) : list.len };
        if (gw_str_is(gw_str_trim(one), flag))
            return true;
        list.ptr += one.len + (comma != NULL);
        list.len -= one.len + (comma != NULL);
    }
    return false;
}

static bool read_time(const char *text, int64_t *ret_s)
{
    struct tm utc = { 0 };
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M", &utc) : "";

    *ret_s = text ? (int64_t)timegm(&utc) : gw_wall_s();
    return end && (*end == '\0' || strcmp(end, "Z") == 0);
}

static bool are_headers_good(const struct cli_list *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (strcspn(headers->items[i], ":") == 0 || !strchr(headers->items[i], ':')) {
            fprintf(stderr, "aigw: route: --header is \"%s\", expected \"name: value\"\n", headers->items[i]);
            return false;
        }
    }
    return true;
}

static int fill_ask(struct question *q, const struct gw_snapshot *snapshot)
{
    const struct cli_options *options = q->options;
    struct gw_route_match match;

    if (!are_headers_good(&options->headers))
        return CLI_USAGE;
    q->ask.forced = header_of(q, "x-aigw-force-target");
    if (q->ask.forced.len && !has_scope(q, "admin")) {
        fprintf(stderr, "aigw: route: x-aigw-force-target is for API keys whose scopes name \"admin\": a gateway "
                        "answers 403 without it; add --scope admin\n");
        return CLI_USAGE;
    }
    q->ask.realm = header_of(q, "x-gitlab-realm");
    q->ask.gitlab_version = header_of(q, "x-gitlab-version");
    q->ask.user = header_of(q, "x-gitlab-global-user-id");
    q->ask.key = gw_str(options->key);
    q->ask.team = gw_str(options->team);
    q->ask.route = gw_str(options->route);
    if (!read_time(options->at, &q->ask.wall_s)) {
        fprintf(stderr, "aigw: route: --at is %s, expected a time in UTC such as 2026-01-05T09:30\n", options->at);
        return CLI_USAGE;
    }
    if (!options->route)
        return CLI_OK;
    if (gw_router_find(snapshot->router, AIGW_STR("POST"), q->ask.route, &match) != GW_ROUTE_FOUND) {
        fprintf(stderr, "aigw: route: nothing answers POST %s; `aigw plugins` lists the routes\n", options->route);
        return CLI_FAILED;
    }
    q->ask.feature = match.route->feature;
    gw_ask_note(&q->ask, "route: %s is served by feature \"%s\"", options->route, match.route->feature->name);
    /* Some features have names of their own for models: one that conf.d does not know leaves the feature's model. */
    if (q->need.model.len && match.route->feature->model && !gw_models_find(snapshot->models, q->need.model))
        q->need.model = AIGW_STR_NONE;
    return CLI_OK;
}

/* ---- the answer ---- */

static void put_target_json(struct gw_buf *out, const struct gw_target *target)
{
    gw_buf_puts(out, "{\"provider\":");
    gw_buf_json(out, gw_str(target->provider->name), false);
    gw_buf_puts(out, ",\"model\":");
    gw_buf_json(out, target->model, false);
    if (target->endpoint.len) {
        gw_buf_puts(out, ",\"endpoint\":");
        gw_buf_json(out, target->endpoint, false);
    }
    gw_buf_puts(out, "}");
}

static void put_json(struct gw_buf *out, const struct gw_buf *why, const struct gw_target *target,
                     const struct aigw_error *error)
{
    aigw_str rest = gw_buf_str(why);
    bool is_first = true;

    gw_buf_puts(out, "{\"target\":");
    if (target)
        put_target_json(out, target);
    else
        gw_buf_puts(out, "null");
    if (!target) {
        gw_buf_puts(out, ",\"error\":");
        gw_buf_json(out, error->message, false);
    }
    gw_buf_puts(out, ",\"steps\":[");
    while (rest.len) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        aigw_str line = { rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len };
        gw_buf_puts(out, is_first ? "" : ",");
        gw_buf_json(out, line, false);
        is_first = false;
        rest.ptr += line.len + (end != NULL);
        rest.len -= line.len + (end != NULL);
    }
    gw_buf_puts(out, "]}\n");
}

static int answer(struct question *q, const struct gw_target *target, const struct aigw_error *error)
{
    bool is_json = q->options->json;
    struct gw_buf out;

    gw_buf_init(&out, ARENA_MAX);
    if (is_json) {
        put_json(&out, &q->why, target, error);
    } else {
        gw_buf_put_str(&out, gw_buf_str(&q->why));
        if (target && target->endpoint.len)
            gw_buf_printf(&out, "→ %s %.*s at %.*s\n", target->provider->name, AIGW_STR_ARG(target->model),
                          AIGW_STR_ARG(target->endpoint));
        else if (target)
            gw_buf_printf(&out, "→ %s %.*s\n", target->provider->name, AIGW_STR_ARG(target->model));
        else
            gw_buf_printf(&out, "→ refused: %.*s\n", AIGW_STR_ARG(error->message));
    }
    fwrite(out.data ? out.data : "", 1, out.len, stdout);
    gw_buf_done(&out);
    return target ? CLI_OK : CLI_FAILED;
}

static int explain(struct question *q, const struct gw_snapshot *snapshot)
{
    struct aigw_model_info info;
    struct aigw_error error = { .struct_size = sizeof error,
                                .message = AIGW_STR_INIT("every target rests or is full") };
    size_t index;

    if (gw_models_resolve(snapshot->models, &q->ask, &q->need, q->arena, &info, &error) != AIGW_OK)
        return answer(q, NULL, &error);
    gw_models_explain(&info, &snapshot->settings, &q->why, &index);
    const struct gw_plan *plan = info.plan;
    return answer(q, index < plan->target_count ? &plan->targets[index] : NULL, &error);
}

int cli_route(const struct cli_options *options)
{
    struct gw_snapshot_options how = cli_snapshot_options(options);
    struct gw_snapshot *snapshot = NULL;
    struct gw_problems problems;
    struct gw_arena arena;
    struct gw_buf text;
    struct question q = { .options = options, .arena = &arena };
    int result;

    gw_arena_init(&arena, ARENA_MAX);
    gw_problems_init(&problems, &arena);
    gw_buf_init(&text, REQUEST_MAX);
    gw_buf_init(&q.why, REQUEST_MAX);
    q.ask = (struct gw_ask){ .user_data = &q, .header = header_of, .has_scope = has_scope, .has_flag = has_flag };
    q.ask.wants = &q.wants;
    q.ask.why = &q.why;
    result = read_request(&q, &text);
    if (result != CLI_OK)
        goto out;
    snapshot = gw_snapshot_build(&how, &problems);
    if (!snapshot) {
        cli_print_problems(&problems, stderr);
        result = CLI_FAILED;
        goto out;
    }
    result = fill_ask(&q, snapshot);
    if (result == CLI_OK)
        result = explain(&q, snapshot);
out:
    json_object_put(q.body);
    gw_buf_done(&q.why);
    gw_buf_done(&text);
    gw_arena_done(&arena);
    if (snapshot)
        gw_snapshot_unref(snapshot);
    return result;
}
