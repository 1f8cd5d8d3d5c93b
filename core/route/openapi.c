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
                       *security = json_object_new_object(), *bearer = json_object_new_object();

    json_object_object_add(schemas, "Error", detail_schema("Error", "detail"));
    json_object_object_add(schemas, "Unauthorized", detail_schema("Unauthorized", "error"));
    json_object_object_add(bearer, "type", str("http"));
    json_object_object_add(bearer, "scheme", str("bearer"));
    json_object_object_add(bearer, "bearerFormat", str("JWT"));
    json_object_object_add(security, "bearer", bearer);
    json_object_object_add(result, "schemas", schemas);
    json_object_object_add(result, "securitySchemes", security);
    return result;
}

/* "/v1/prompts/{prompt_id:path}" → "/v1/prompts/{prompt_id}", and the parameter's description. */
static void document_path(const char *path, char *ret_path, size_t size, struct json_object *operation)
{
    const char *brace = strchr(path, '{');

    if (!brace) {
        snprintf(ret_path, size, "%s", path);
        return;
    }
    int name_len = (int)strcspn(brace + 1, ":}");
    snprintf(ret_path, size, "%.*s{%.*s}", (int)(brace - path), path, name_len, brace + 1);
    struct json_object *parameters = json_object_new_array(), *parameter = json_object_new_object(),
                       *schema = json_object_new_object();
    json_object_object_add(schema, "type", str("string"));
    json_object_object_add(parameter, "name", json_object_new_string_len(brace + 1, name_len));
    json_object_object_add(parameter, "in", str("path"));
    json_object_object_add(parameter, "required", json_object_new_boolean(1));
    json_object_object_add(parameter, "schema", schema);
    json_object_array_add(parameters, parameter);
    json_object_object_add(operation, "parameters", parameters);
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

static struct json_object *operation_of(const struct aigw_route *spec, const char *doc_path, bool *ok)
{
    struct json_object *operation = json_object_new_object(), *tags = json_object_new_array();
    char id[160];

    snprintf(id, sizeof id, "%s%s", spec->method, doc_path);
    for (char *p = id; *p; p++)
        *p = (char)(strchr("/{}.-", *p) ? '_' : *p | 0x20);
    json_object_array_add(tags, str(spec->group ? spec->group : "other"));
    json_object_object_add(operation, "tags", tags);
    json_object_object_add(operation, "operationId", str(id));
    if (spec->summary)
        json_object_object_add(operation, "summary", str(spec->summary));
    if (spec->flags & AIGW_ROUTEF_DEPRECATED)
        json_object_object_add(operation, "deprecated", json_object_new_boolean(1));
    if (!(spec->callers & AIGW_CALLER_ANYONE)) {
        struct json_object *security = json_object_new_array(), *bearer = json_object_new_object();
        json_object_object_add(bearer, "bearer", json_object_new_array());
        json_object_array_add(security, bearer);
        json_object_object_add(operation, "security", security);
    }
    if (spec->request_schema) {
        struct json_object *body = json_object_new_object();
        json_object_object_add(body, "required", json_object_new_boolean(1));
        *ok = add_schema(body, spec->request_schema) && *ok;
        json_object_object_add(operation, "requestBody", body);
    }
    *ok = add_responses(operation, spec) && *ok;
    return operation;
}

static bool add_route(struct json_object *paths, const struct aigw_route *spec)
{
    struct json_object *item, *parameters_owner = json_object_new_object();
    char doc_path[160], method[16] = "";
    bool ok = true;

    document_path(spec->path, doc_path, sizeof doc_path, parameters_owner);
    struct json_object *operation = operation_of(spec, doc_path, &ok);
    struct json_object *parameters;
    if (json_object_object_get_ex(parameters_owner, "parameters", &parameters))
        json_object_object_add(operation, "parameters", json_object_get(parameters));
    json_object_put(parameters_owner);
    for (size_t i = 0; spec->method[i] && i + 1 < sizeof method; i++)
        method[i] = (char)(spec->method[i] | 0x20);
    if (!json_object_object_get_ex(paths, doc_path, &item)) {
        item = json_object_new_object();
        json_object_object_add(paths, doc_path, item);
    }
    json_object_object_add(item, method, operation);
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

aigw_str gw_openapi_build(struct gw_arena *arena, const struct gw_router *router)
{
    struct json_object *document = json_object_new_object(), *info = json_object_new_object(),
                       *paths = json_object_new_object();
    bool ok = true;
    aigw_str text = AIGW_STR_NONE;

    json_object_object_add(document, "openapi", str("3.1.0"));
    json_object_object_add(info, "title", str("GitLab AI Gateway"));
    json_object_object_add(info, "description", str("GitLab AI Gateway API to execute AI actions"));
    json_object_object_add(info, "version", str("0.1.0"));
    json_object_object_add(document, "info", info);
    for (size_t i = 0; i < GW_ARRAY_LEN(core_routes); i++)
        ok = add_route(paths, &core_routes[i]) && ok;
    for (size_t i = 0; i < gw_router_count(router); i++)
        ok = add_route(paths, gw_router_at(router, i)->spec) && ok;
    json_object_object_add(document, "paths", paths);
    json_object_object_add(document, "components", components());
    if (ok)
        text = gw_arena_str(arena, gw_str(json_object_to_json_string_ext(
                                       document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
    json_object_put(document);
    return text;
}
