/* openapi.c - built once per configuration with json-c: outside the request path. */
#include "route/openapi.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static struct json_object *str(const char *text)
{
    return json_object_new_string(text);
}

static struct json_object *schema_ref(const char *name)
{
    struct json_object *ref = json_object_new_object();
    char path[80];

    snprintf(path, sizeof path, "#/components/schemas/%s", name);
    json_object_object_add(ref, "$ref", str(path));
    return ref;
}

/* {"description": …, "content": {"application/json": {"schema": …}}} */
static struct json_object *response(const char *description, struct json_object *schema)
{
    struct json_object *result = json_object_new_object();

    json_object_object_add(result, "description", str(description));
    if (schema) {
        struct json_object *content = json_object_new_object(), *media = json_object_new_object();
        json_object_object_add(media, "schema", schema);
        json_object_object_add(content, "application/json", media);
        json_object_object_add(result, "content", content);
    }
    return result;
}

static struct json_object *detail_schema(const char *title, const char *key)
{
    struct json_object *schema = json_object_new_object(), *properties = json_object_new_object(),
                       *value = json_object_new_object(), *required = json_object_new_array();

    if (strcmp(key, "error") == 0)
        json_object_object_add(value, "type", str("string"));
    else
        json_object_object_add(value, "description", str("A text, or a list of objects with `msg`."));
    json_object_object_add(properties, key, value);
    json_object_array_add(required, str(key));
    json_object_object_add(schema, "title", str(title));
    json_object_object_add(schema, "type", str("object"));
    json_object_object_add(schema, "properties", properties);
    json_object_object_add(schema, "required", required);
    return schema;
}

static struct json_object *components(void)
{
    struct json_object *result = json_object_new_object(), *schemas = json_object_new_object(),
                       *security = json_object_new_object(), *bearer = json_object_new_object(),
                       *key = json_object_new_object();

    json_object_object_add(schemas, "Error", detail_schema("Error", "detail"));
    json_object_object_add(schemas, "Unauthorized", detail_schema("Unauthorized", "error"));
    json_object_object_add(bearer, "type", str("http"));
    json_object_object_add(bearer, "scheme", str("bearer"));
    json_object_object_add(bearer, "bearerFormat", str("JWT"));
    json_object_object_add(security, "bearer", bearer);
    json_object_object_add(key, "type", str("apiKey"));
    json_object_object_add(key, "in", str("header"));
    json_object_object_add(key, "name", str("x-api-key"));
    json_object_object_add(
        key, "description",
        str("An API key of this gateway; in Authorization: Bearer, api-key and x-goog-api-key, too."));
    json_object_object_add(security, "key", key);
    json_object_object_add(result, "schemas", schemas);
    json_object_object_add(result, "securitySchemes", security);
    return result;
}

static bool add_schema(struct json_object *content_owner, const char *schema_text)
{
    struct json_object *schema = json_tokener_parse(schema_text);
    struct json_object *content = json_object_new_object(), *media = json_object_new_object();

    json_object_object_add(media, "schema", schema);
    json_object_object_add(content, "application/json", media);
    json_object_object_add(content_owner, "content", content);
    return schema != NULL;
}

static bool add_responses(struct json_object *operation, const struct aigw_route *spec)
{
    struct json_object *responses = json_object_new_object(), *good = response("Success", NULL);
    bool ok = !spec->response_schema || add_schema(good, spec->response_schema);

    json_object_object_add(responses, "200", good);
    if (!(spec->callers & AIGW_CALLER_ANYONE))
        json_object_object_add(responses, "401", response("No valid token", schema_ref("Unauthorized")));
    if (spec->scope)
        json_object_object_add(responses, "403", response("The token lacks the right", schema_ref("Error")));
    if (spec->request_schema)
        json_object_object_add(responses, "422", response("The body is not valid", schema_ref("Error")));
    json_object_object_add(operation, "responses", responses);
    return ok;
}

/* ---- paths ---- */

/* The document tells paths apart by their text without the parameters' kinds: two patterns may not share one, and all
 * methods of one pattern have the first one's parameter names. */
struct doc_path {
    const struct gw_pattern *pattern;
    const char *text;   /* "/v1/prompts/{prompt_id}" */
    const char *suffix; /* behind each parameter's name */
};

struct doc {
    struct gw_arena *arena;
    struct json_object *paths;
    struct json_object *ids; /* operationIds in use */
    struct doc_path *list;
    size_t count;
};

static const char *render_path(struct gw_arena *arena, const struct gw_pattern *pattern, const char *suffix)
{
    struct gw_buf text;

    gw_buf_init(&text, 4u << 10);
    for (uint32_t i = 0; i < pattern->segment_count; i++) {
        const struct gw_pattern_segment *segment = &pattern->segments[i];
        gw_buf_puts(&text, "/");
        for (uint32_t j = 0; j < segment->part_count; j++)
            if (segment->parts[j].is_param)
                gw_buf_printf(&text, "{%.*s%s}", AIGW_STR_ARG(segment->parts[j].text), suffix);
            else
                gw_buf_put_str(&text, segment->parts[j].text);
    }
    const char *result = pattern->segment_count ? gw_arena_strndup(arena, text.data, text.len) : "/";
    bool is_whole = text.status == AIGW_OK;
    gw_buf_done(&text);
    return is_whole ? result : NULL;
}

static bool is_taken(const struct doc *doc, const char *text)
{
    for (size_t i = 0; i < doc->count; i++)
        if (strcmp(doc->list[i].text, text) == 0)
            return true;
    return false;
}

/* NULL when memory is out. */
static const struct doc_path *path_of(struct doc *doc, const struct gw_pattern *pattern)
{
    struct doc_path path = { .pattern = pattern, .suffix = "" };

    for (size_t i = 0; i < doc->count; i++)
        if (gw_pattern_compare(doc->list[i].pattern, pattern) == 0)
            return &doc->list[i];
    path.text = render_path(doc->arena, pattern, path.suffix);
    while (path.text && is_taken(doc, path.text)) { /* {x} and {x:path} at one place */
        path.suffix = gw_arena_printf(doc->arena, "%s_", path.suffix);
        path.text = path.suffix ? render_path(doc->arena, pattern, path.suffix) : NULL;
    }
    if (!path.text)
        return NULL;
    doc->list[doc->count] = path;
    return &doc->list[doc->count++];
}

static void add_parameters(struct gw_arena *arena, struct json_object *operation, const struct doc_path *path)
{
    struct json_object *parameters = NULL;

    for (uint32_t i = 0; i < path->pattern->segment_count; i++) {
        const struct gw_pattern_segment *segment = &path->pattern->segments[i];
        for (uint32_t j = 0; j < segment->part_count; j++) {
            const struct gw_pattern_part *part = &segment->parts[j];
            if (!part->is_param)
                continue;
            struct json_object *parameter = json_object_new_object(), *schema = json_object_new_object();
            const char *name = gw_arena_printf(arena, "%.*s%s", AIGW_STR_ARG(part->text), path->suffix);
            json_object_object_add(schema, "type", str("string"));
            json_object_object_add(parameter, "name", str(name ? name : ""));
            json_object_object_add(parameter, "in", str("path"));
            json_object_object_add(parameter, "required", json_object_new_boolean(1));
            if (part->is_rest)
                json_object_object_add(parameter, "description", str("May contain slashes."));
            json_object_object_add(parameter, "schema", schema);
            parameters = parameters ? parameters : json_object_new_array();
            json_object_array_add(parameters, parameter);
        }
    }
    if (parameters)
        json_object_object_add(operation, "parameters", parameters);
}

/* ---- operations ---- */

/* "POST /v1/chat/{name}" → "post_v1_chat_name": lower-case letters and digits, all else one underscore, and a number
 * behind it when another operation has it already. */
static const char *operation_id(struct doc *doc, const char *method, const char *path_text)
{
    char *text = gw_arena_printf(doc->arena, "%s%s", method, path_text);
    const char *id = text;
    size_t len = 0;

    if (!text)
        return NULL;
    for (const char *p = text; *p; p++) {
        bool is_upper = *p >= 'A' && *p <= 'Z', is_other = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9');
        if (is_upper || is_other)
            text[len++] = (char)(is_upper ? *p - 'A' + 'a' : *p);
        else if (len > 0 && text[len - 1] != '_')
            text[len++] = '_';
    }
    while (len > 0 && text[len - 1] == '_')
        len--;
    text[len] = '\0';
    for (unsigned number = 2; id && json_object_object_get_ex(doc->ids, id, NULL); number++)
        id = gw_arena_printf(doc->arena, "%s_%u", text, number);
    if (id)
        json_object_object_add(doc->ids, id, NULL);
    return id;
}

/* Which credentials open it: any one of the list. */
static struct json_object *security_of(const struct aigw_route *spec)
{
    uint32_t callers = spec->callers ? spec->callers : AIGW_CALLER_GITLAB;
    struct json_object *security = json_object_new_array();

    for (uint32_t caller = AIGW_CALLER_GITLAB; caller <= AIGW_CALLER_KEY; caller <<= 1)
        if (callers & caller) {
            struct json_object *one = json_object_new_object();

            json_object_object_add(one, caller == AIGW_CALLER_KEY ? "key" : "bearer", json_object_new_array());
            json_object_array_add(security, one);
        }
    return security;
}

static bool fill_operation(struct json_object *operation, const struct aigw_route *spec)
{
    struct json_object *tags = json_object_new_array();
    bool ok = true;

    json_object_array_add(tags, str(spec->group ? spec->group : "other"));
    json_object_object_add(operation, "tags", tags);
    if (spec->summary)
        json_object_object_add(operation, "summary", str(spec->summary));
    if (spec->flags & AIGW_ROUTEF_DEPRECATED)
        json_object_object_add(operation, "deprecated", json_object_new_boolean(1));
    if (!(spec->callers & AIGW_CALLER_ANYONE))
        json_object_object_add(operation, "security", security_of(spec));
    if (spec->request_schema) {
        struct json_object *body = json_object_new_object();
        json_object_object_add(body, "required", json_object_new_boolean(1));
        ok = add_schema(body, spec->request_schema);
        json_object_object_add(operation, "requestBody", body);
    }
    return add_responses(operation, spec) && ok;
}

/* The document knows these methods; a route of another one is left out of it. */
static const char *method_key(const char *method)
{
    static const char *const known[] = { "GET",  "get",  "PUT",     "put",     "POST",  "post",  "DELETE", "delete",
                                         "HEAD", "head", "OPTIONS", "options", "PATCH", "patch", "TRACE",  "trace" };

    for (size_t i = 0; i < GW_ARRAY_LEN(known); i += 2)
        if (strcmp(method, known[i]) == 0)
            return known[i + 1];
    return NULL;
}

static bool add_route(struct doc *doc, const struct aigw_route *spec, const struct gw_pattern *pattern)
{
    const char *key = method_key(spec->method);
    const struct doc_path *path = path_of(doc, pattern);
    struct json_object *item, *operation;

    if (!key)
        return true;
    const char *id = path ? operation_id(doc, spec->method, path->text) : NULL;
    if (!id)
        return false;
    if (!json_object_object_get_ex(doc->paths, path->text, &item)) {
        item = json_object_new_object();
        json_object_object_add(doc->paths, path->text, item);
    }
    operation = json_object_new_object();
    json_object_object_add(operation, "operationId", str(id));
    add_parameters(doc->arena, operation, path);
    bool ok = fill_operation(operation, spec);
    json_object_object_add(item, key, operation);
    return ok;
}

static const struct aigw_route core_routes[] = {
    { .method = "GET",
      .path = "/monitoring/healthz",
      .callers = AIGW_CALLER_ANYONE,
      .group = "monitoring",
      .summary = "Is the process alive? Never touches GitLab or a model." },
    { .method = "GET",
      .path = "/monitoring/ready",
      .callers = AIGW_CALLER_ANYONE,
      .group = "monitoring",
      .summary = "Is the process configured and taking requests? `?verbose` tells more." },
};

static bool add_all(struct doc *doc, const struct gw_router *router)
{
    struct gw_pattern *own = gw_arena_alloc(doc->arena, sizeof *own * GW_ARRAY_LEN(core_routes));
    bool ok = true;

    doc->list = gw_arena_calloc(doc->arena, (gw_router_count(router) + GW_ARRAY_LEN(core_routes)) * sizeof *doc->list);
    if (!own || !doc->list)
        return false;
    for (size_t i = 0; i < GW_ARRAY_LEN(core_routes); i++) {
        if (gw_pattern_parse(doc->arena, core_routes[i].path, &own[i], NULL))
            return false;
        ok = add_route(doc, &core_routes[i], &own[i]) && ok;
    }
    for (size_t i = 0; i < gw_router_count(router); i++)
        ok = add_route(doc, gw_router_at(router, i)->spec, gw_router_at(router, i)->pattern) && ok;
    return ok;
}

aigw_str gw_openapi_build(struct gw_arena *arena, const struct gw_router *router)
{
    struct json_object *document = json_object_new_object(), *info = json_object_new_object();
    struct doc doc = { .arena = arena, .paths = json_object_new_object(), .ids = json_object_new_object() };
    aigw_str text = AIGW_STR_NONE;

    json_object_object_add(document, "openapi", str("3.1.0"));
    json_object_object_add(info, "title", str("GitLab AI Gateway"));
    json_object_object_add(info, "description", str("GitLab AI Gateway API to execute AI actions"));
    json_object_object_add(info, "version", str("0.1.0"));
    json_object_object_add(document, "info", info);
    bool ok = add_all(&doc, router);
    json_object_object_add(document, "paths", doc.paths);
    json_object_object_add(document, "components", components());
    if (ok)
        text = gw_arena_str(arena, gw_str(json_object_to_json_string_ext(
                                       document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
    json_object_put(doc.ids);
    json_object_put(document);
    return text;
}
