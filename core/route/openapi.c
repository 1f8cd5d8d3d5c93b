/* openapi.c - the API document, written each time somebody asks: few do, and kept it would be the largest text of a
 * configuration. Schemas are the plugins' texts, which the router looked at when it took the routes. */
#include "route/openapi.h"

#include <json-c/json.h>
#include <string.h>

#define SCRATCH_MAX ((size_t)16 << 20)

/* What no configuration changes. */
static const char head[] =
    "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"GitLab AI Gateway\",\"description\":\"GitLab AI "
    "Gateway API to execute AI actions\",\"version\":\"0.1.0\"},\"paths\":{";
static const char tail[] =
    "},\"components\":{\"schemas\":{"
    "\"Error\":{\"title\":\"Error\",\"type\":\"object\",\"properties\":{\"detail\":{\"description\":\"A text, or a "
    "list of "
    "objects with `msg`.\"}},\"required\":[\"detail\"]},"
    "\"Unauthorized\":{\"title\":\"Unauthorized\",\"type\":\"object\",\"properties\":{\"error\":{\"type\":\"string\"}},"
    "\"required\":[\"error\"]}},"
    "\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\"},"
    "\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-api-key\",\"description\":\"An API key of this "
    "gateway; "
    "in Authorization: Bearer, api-key and x-goog-api-key, too.\"}}}}";

struct doc {
    struct gw_buf *out;
    struct gw_arena scratch;
    struct json_object *paths, *ids; /* sets: what is in use */
};

static void put_text(struct gw_buf *out, const char *text)
{
    gw_buf_json(out, gw_str(text), false);
}

/* ---- paths ---- */

/* The document tells paths apart by their text without the parameters' kinds: two patterns may not share one, and all
 * methods of one pattern have the first one's parameter names. */
struct doc_path {
    const struct gw_pattern *pattern;
    const char *text;   /* "/v1/prompts/{prompt_id}" */
    const char *suffix; /* behind each parameter's name */
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

/* False when memory is out. */
static bool name_path(struct doc *doc, const struct gw_pattern *pattern, struct doc_path *ret)
{
    *ret = (struct doc_path){ .pattern = pattern, .suffix = "" };
    ret->text = render_path(&doc->scratch, pattern, ret->suffix);
    while (ret->text && json_object_object_get_ex(doc->paths, ret->text, NULL)) { /* {x} and {x:path} at one place */
        ret->suffix = gw_arena_printf(&doc->scratch, "%s_", ret->suffix);
        ret->text = ret->suffix ? render_path(&doc->scratch, pattern, ret->suffix) : NULL;
    }
    return ret->text && json_object_object_add(doc->paths, ret->text, NULL) == 0;
}

static void put_parameters(const struct doc *doc, const struct doc_path *path)
{
    struct gw_buf *out = doc->out;
    const char *before = ",\"parameters\":[";

    for (uint32_t i = 0; i < path->pattern->segment_count; i++) {
        const struct gw_pattern_segment *segment = &path->pattern->segments[i];
        for (uint32_t j = 0; j < segment->part_count; j++) {
            const struct gw_pattern_part *part = &segment->parts[j];
            if (!part->is_param)
                continue;
            gw_buf_printf(out, "%s{\"name\":\"%.*s%s\",\"in\":\"path\",\"required\":true,", before,
                          AIGW_STR_ARG(part->text), path->suffix); /* letters, digits and _ */
            if (part->is_rest)
                gw_buf_puts(out, "\"description\":\"May contain slashes.\",");
            gw_buf_puts(out, "\"schema\":{\"type\":\"string\"}}");
            before = ",";
        }
    }
    if (*before == ',' && !before[1])
        gw_buf_puts(out, "]");
}

/* ---- operations ---- */

/* "POST /v1/chat/{name}" → "post_v1_chat_name": lower-case letters and digits, all else one underscore, and a number
 * behind it when another operation has it already. NULL: memory is out. */
static const char *operation_id(struct doc *doc, const char *method, const char *path_text)
{
    char *text = gw_arena_printf(&doc->scratch, "%s%s", method, path_text);
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
        id = gw_arena_printf(&doc->scratch, "%s_%u", text, number);
    return id && json_object_object_add(doc->ids, id, NULL) == 0 ? id : NULL;
}

/* Which credentials open it: any one of the list. */
static void put_security(struct gw_buf *out, uint32_t callers)
{
    const char *before = "";

    gw_buf_puts(out, ",\"security\":[");
    for (uint32_t caller = AIGW_CALLER_GITLAB; caller <= AIGW_CALLER_KEY; caller <<= 1)
        if (callers & caller) {
            gw_buf_printf(out, "%s{\"%s\":[]}", before, caller == AIGW_CALLER_KEY ? "key" : "bearer");
            before = ",";
        }
    gw_buf_puts(out, "]");
}

static void put_content(struct gw_buf *out, const char *schema)
{
    gw_buf_puts(out, ",\"content\":{\"application/json\":{\"schema\":");
    gw_buf_puts(out, schema);
    gw_buf_puts(out, "}}");
}

static void put_refusal(struct gw_buf *out, const char *status, const char *description, const char *schema)
{
    gw_buf_printf(out, ",\"%s\":{\"description\":\"%s\"", status, description);
    put_content(out, schema);
    gw_buf_puts(out, "}");
}

static void put_responses(struct gw_buf *out, const struct gw_route *route)
{
    static const char error[] = "{\"$ref\":\"#/components/schemas/Error\"}";
    const struct aigw_route *spec = route->spec;

    gw_buf_puts(out, ",\"responses\":{\"200\":{\"description\":\"Success\"");
    if (route->response_schema)
        put_content(out, route->response_schema);
    gw_buf_puts(out, "}");
    if (!(spec->callers & AIGW_CALLER_ANYONE))
        put_refusal(out, "401", "No valid token", "{\"$ref\":\"#/components/schemas/Unauthorized\"}");
    if (spec->scope)
        put_refusal(out, "403", "The token lacks the right", error);
    if (route->request_schema)
        put_refusal(out, "422", "The body is not valid", error);
    gw_buf_puts(out, "}");
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

static bool put_operation(struct doc *doc, const struct gw_route *route, const struct doc_path *path)
{
    const struct aigw_route *spec = route->spec;
    const char *id = operation_id(doc, spec->method, path->text);
    struct gw_buf *out = doc->out;

    if (!id)
        return false;
    gw_buf_printf(out, "\"%s\":{\"operationId\":\"%s\"", method_key(spec->method), id);
    put_parameters(doc, path);
    gw_buf_puts(out, ",\"tags\":[");
    put_text(out, spec->group ? spec->group : "other");
    gw_buf_puts(out, "]");
    if (spec->summary) {
        gw_buf_puts(out, ",\"summary\":");
        put_text(out, spec->summary);
    }
    if (spec->flags & AIGW_ROUTEF_DEPRECATED)
        gw_buf_puts(out, ",\"deprecated\":true");
    if (!(spec->callers & AIGW_CALLER_ANYONE))
        put_security(out, spec->callers ? spec->callers : AIGW_CALLER_GITLAB);
    if (route->request_schema) {
        gw_buf_puts(out, ",\"requestBody\":{\"required\":true");
        put_content(out, route->request_schema);
        gw_buf_puts(out, "}");
    }
    put_responses(out, route);
    gw_buf_puts(out, "}");
    return true;
}

/* ---- the whole ---- */

/** What comes one after the other with one pattern is one path of the document. */
static bool put_path(struct doc *doc, const struct gw_route *const *routes, size_t count)
{
    const char *before = "";
    struct doc_path path;

    for (size_t i = 0; i < count; i++) {
        if (!method_key(routes[i]->spec->method))
            continue;
        if (!*before) {
            if (!name_path(doc, routes[i]->pattern, &path))
                return false;
            if (json_object_object_length(doc->paths) > 1)
                gw_buf_puts(doc->out, ",");
            put_text(doc->out, path.text);
            gw_buf_puts(doc->out, ":{");
        }
        gw_buf_puts(doc->out, before);
        before = ",";
        if (!put_operation(doc, routes[i], &path))
            return false;
    }
    if (*before)
        gw_buf_puts(doc->out, "}");
    return true;
}

static const struct aigw_route core_specs[] = {
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

/** The core answers these itself, whatever plugins have at the same place. */
static bool put_core_paths(struct doc *doc, struct gw_pattern *patterns)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(core_specs); i++) {
        const struct gw_route route = { .spec = &core_specs[i], .pattern = &patterns[i] }, *one = &route;

        if (gw_pattern_parse(&doc->scratch, core_specs[i].path, &patterns[i], NULL) || !put_path(doc, &one, 1))
            return false;
    }
    return true;
}

static bool is_core(const struct gw_pattern *patterns, const struct gw_pattern *pattern)
{
    for (size_t i = 0; i < GW_ARRAY_LEN(core_specs); i++)
        if (gw_pattern_compare(&patterns[i], pattern) == 0)
            return true;
    return false;
}

static bool put_paths(struct doc *doc, const struct gw_router *router)
{
    size_t count = gw_router_count(router);
    const struct gw_route **routes = gw_arena_alloc(&doc->scratch, (count + 1) * sizeof *routes);
    struct gw_pattern *core = gw_arena_alloc(&doc->scratch, sizeof *core * GW_ARRAY_LEN(core_specs));

    if (!routes || !core || !put_core_paths(doc, core))
        return false;
    for (size_t i = 0; i < count; i++)
        routes[i] = gw_router_sorted_at(router, i);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count; end++)
            if (gw_pattern_compare(routes[end]->pattern, routes[first]->pattern) != 0)
                break;
        if (!is_core(core, routes[first]->pattern) && !put_path(doc, &routes[first], end - first))
            return false;
    }
    return true;
}

bool gw_openapi_put(struct gw_buf *out, const struct gw_router *router)
{
    struct doc doc = { .out = out, .paths = json_object_new_object(), .ids = json_object_new_object() };
    bool is_whole = false;

    gw_arena_init(&doc.scratch, SCRATCH_MAX);
    gw_buf_puts(out, head);
    if (doc.paths && doc.ids)
        is_whole = put_paths(&doc, router);
    gw_buf_puts(out, tail);
    gw_arena_done(&doc.scratch);
    json_object_put(doc.paths);
    json_object_put(doc.ids);
    return is_whole && out->status == AIGW_OK;
}
