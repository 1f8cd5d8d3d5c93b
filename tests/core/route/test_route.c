/* test_route.c - finding routes, refusing bad ones, the API document. */
#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/json.h"
#include "route/openapi.h"
#include "route/route.h"

static struct aigw_route routes[] = {
    { .method = "POST",
      .path = "/v2/code/completions",
      .scope = "s",
      .group = "code",
      .request_schema = "{\"type\":\"object\"}" },
    { .method = "POST", .path = "/v1/prompts/{prompt_id:path}", .group = "prompts" },
    { .method = "POST", .path = "/v1/chat/{name}", .group = "chat" },
    { .method = "GET", .path = "/v1/models/definitions", .callers = AIGW_CALLER_ANYONE },
    { .method = "GET", .path = "/v1/models/{model}" },
    { .method = "DELETE", .path = "/v1/models/{id}" },
    { .method = "POST", .path = "/v1beta/models/{model}:generateContent" },
    { .method = "POST", .path = "/v1beta/models/{model}:streamGenerateContent" },
    { .method = "GET", .path = "/v1beta/models/{model}" },
    { .method = "GET", .path = "/v1/proxy/{vendor}/{rest:path}" },
    { .method = "POST", .path = "/v1/proxy/{vendor}/{rest:path}" },
    { .method = "POST", .path = "/v1/proxy/own/{rest:path}" },
    { .method = "GET", .path = "/v1/files/{id}" },
    { .method = "HEAD", .path = "/v1/files/{id}" },
    { .method = "GET", .path = "/v1/files/{id:path}" },
    { .method = "PURGE", .path = "/v1/files/{id:path}" },
    { .method = "*", .path = "/claimed", .flags = AIGW_ROUTEF_CLAIM },
    { .method = "GET", .path = "/claimed/place" },
};
static struct gw_plugin plugin = { .descriptor = { .name = "p" },
                                   .feature = { .route_count = GW_ARRAY_LEN(routes) },
                                   .routes = routes };
static struct gw_instance feature = { .name = "f", .plugin = &plugin };
static struct gw_arena arena;
static struct gw_problems problems;

static void setup(void)
{
    gw_arena_init(&arena, 16 << 20);
    gw_problems_init(&problems, &arena);
}

static void teardown(void)
{
    gw_arena_done(&arena);
}

static struct gw_router *build_of(struct aigw_route *list, uint32_t count)
{
    static struct gw_plugin other;
    static struct gw_instance instance;
    struct gw_plugins plugins = { .features = &instance };

    other = (struct gw_plugin){ .descriptor = { .name = "o" }, .feature = { .route_count = count }, .routes = list };
    instance = (struct gw_instance){ .name = "o", .plugin = &other };
    return gw_router_build(&arena, &plugins, &problems);
}

static struct gw_router *build(void)
{
    struct gw_plugins plugins = { .features = &feature };
    struct gw_router *router = gw_router_build(&arena, &plugins, &problems);

    ck_assert_msg(!problems.first, "%s", problems.first ? problems.first->text : "");
    return router;
}

/* to: the route's method and path, or the list of allowed methods, or NULL for no such path */
static const struct {
    const char *method, *path;
    int found;
    const char *to, *param;
} rows[] = {
    { "POST", "/v2/code/completions", GW_ROUTE_FOUND, "POST /v2/code/completions", "" },
    { "GET", "/v2/code/completions", GW_ROUTE_NO_METHOD, "POST", NULL },
    { "HEAD", "/v2/code/completions", GW_ROUTE_NO_METHOD, "POST", NULL },
    { "POST", "/v2/code/completion", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "/v2/code/completionss", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "/V2/code/completions", GW_ROUTE_NO_PATH, NULL, NULL },
    { "post", "/v2/code/completions", GW_ROUTE_NO_METHOD, "POST", NULL },
    { "", "/v2/code/completions", GW_ROUTE_NO_METHOD, "POST", NULL },
    { "POST", "/v2/code", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "/v1/prompts/a/b", GW_ROUTE_FOUND, "POST /v1/prompts/{prompt_id:path}", "prompt_id=a/b" },
    { "POST", "/v1/prompts", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "/v1/chat/agent", GW_ROUTE_FOUND, "POST /v1/chat/{name}", "name=agent" },
    { "POST", "/v1/chat/a/b", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "/", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "v1", GW_ROUTE_NO_PATH, NULL, NULL },
    /* literal before parameter; what the literal lacks, the parameter may have */
    { "GET", "/v1/models/definitions", GW_ROUTE_FOUND, "GET /v1/models/definitions", "" },
    { "GET", "/v1/models/definition", GW_ROUTE_FOUND, "GET /v1/models/{model}", "model=definition" },
    { "DELETE", "/v1/models/definitions", GW_ROUTE_FOUND, "DELETE /v1/models/{id}", "id=definitions" },
    { "POST", "/v1/models/definitions", GW_ROUTE_NO_METHOD, "DELETE, GET, HEAD", NULL },
    { "POST", "/v1/models/x", GW_ROUTE_NO_METHOD, "DELETE, GET, HEAD", NULL },
    /* text behind a parameter */
    { "POST", "/v1beta/models/g-1:generateContent", GW_ROUTE_FOUND, "POST /v1beta/models/{model}:generateContent",
      "model=g-1" },
    { "POST", "/v1beta/models/g-1:streamGenerateContent", GW_ROUTE_FOUND,
      "POST /v1beta/models/{model}:streamGenerateContent", "model=g-1" },
    { "GET", "/v1beta/models/g-1:generateContent", GW_ROUTE_FOUND, "GET /v1beta/models/{model}",
      "model=g-1:generateContent" },
    { "PUT", "/v1beta/models/g-1:generateContent", GW_ROUTE_NO_METHOD, "GET, HEAD, POST", NULL },
    { "POST", "/v1beta/models/g-1", GW_ROUTE_NO_METHOD, "GET, HEAD", NULL },
    /* several methods, several parameters */
    { "GET", "/v1/proxy/acme/v1/chat", GW_ROUTE_FOUND, "GET /v1/proxy/{vendor}/{rest:path}",
      "vendor=acme rest=v1/chat" },
    { "POST", "/v1/proxy/acme/v1/chat", GW_ROUTE_FOUND, "POST /v1/proxy/{vendor}/{rest:path}",
      "vendor=acme rest=v1/chat" },
    { "POST", "/v1/proxy/own/v1/chat", GW_ROUTE_FOUND, "POST /v1/proxy/own/{rest:path}", "rest=v1/chat" },
    { "GET", "/v1/proxy/own/v1/chat", GW_ROUTE_FOUND, "GET /v1/proxy/{vendor}/{rest:path}", "vendor=own rest=v1/chat" },
    { "PUT", "/v1/proxy/acme/v1", GW_ROUTE_NO_METHOD, "GET, HEAD, POST", NULL },
    /* HEAD */
    { "HEAD", "/v1/models/definitions", GW_ROUTE_FOUND, "GET /v1/models/definitions", "" },
    { "HEAD", "/v1/models/m", GW_ROUTE_FOUND, "GET /v1/models/{model}", "model=m" },
    { "HEAD", "/v1/files/f", GW_ROUTE_FOUND, "HEAD /v1/files/{id}", "id=f" },
    { "GET", "/v1/files/f", GW_ROUTE_FOUND, "GET /v1/files/{id}", "id=f" },
    { "HEAD", "/v1/files/f/g", GW_ROUTE_FOUND, "GET /v1/files/{id:path}", "id=f/g" },
    { "POST", "/v1/files/f", GW_ROUTE_NO_METHOD, "GET, HEAD, PURGE", NULL },
    { "OPTIONS", "/v1/files/f", GW_ROUTE_NO_METHOD, "GET, HEAD, PURGE", NULL },
    /* a claim is no route */
    { "*", "/claimed", GW_ROUTE_NO_PATH, NULL, NULL },
    { "GET", "/claimed/but/not/served", GW_ROUTE_NO_PATH, NULL, NULL },
    { "GET", "/claimed/place", GW_ROUTE_FOUND, "GET /claimed/place", "" },
    { "POST", "/claimed/place", GW_ROUTE_NO_METHOD, "GET, HEAD", NULL },
};

START_TEST(paths_lead_to_routes)
{
    struct gw_router *router = build();
    struct gw_route_match match;
    char to[256], params[256] = "";
    size_t len = 0;

    int found = gw_router_find(router, gw_str(rows[_i].method), gw_str(rows[_i].path), &match);
    ck_assert_msg(found == rows[_i].found, "%s %s: %d", rows[_i].method, rows[_i].path, found);
    ck_assert((match.route != NULL) == (found == GW_ROUTE_FOUND));
    if (found != GW_ROUTE_FOUND) {
        ck_assert_str_eq(match.allow, rows[_i].to ? rows[_i].to : "");
        ck_assert_uint_eq(match.param_count, 0);
        return;
    }
    snprintf(to, sizeof to, "%s %s", match.route->spec->method, match.route->spec->path);
    ck_assert_str_eq(to, rows[_i].to);
    for (uint32_t i = 0; i < match.param_count; i++)
        len += (size_t)snprintf(params + len, sizeof params - len, "%s%.*s=%.*s", i ? " " : "",
                                AIGW_STR_ARG(match.params[i].name), AIGW_STR_ARG(match.params[i].value));
    ck_assert_str_eq(params, rows[_i].param);
    ck_assert_str_eq(match.allow, "");
}
END_TEST

/* The order in which plugins register says nothing. */
START_TEST(registration_order_does_not_matter)
{
    struct aigw_route list[] = { { .method = "GET", .path = "/{x:path}" },
                                 { .method = "GET", .path = "/a/{x}" },
                                 { .method = "GET", .path = "/a/b-{x}" },
                                 { .method = "GET", .path = "/a/b-c" } };
    static const char *const paths[] = { "/z/z", "/a/z", "/a/b-z", "/a/b-c" };
    struct gw_route_match match;

    for (int is_turned = 0; is_turned < 2; is_turned++) {
        struct aigw_route turned[GW_ARRAY_LEN(list)];
        for (size_t i = 0; i < GW_ARRAY_LEN(list); i++)
            turned[i] = list[is_turned ? GW_ARRAY_LEN(list) - 1 - i : i];
        struct gw_router *router = build_of(turned, GW_ARRAY_LEN(turned));
        for (size_t i = 0; i < GW_ARRAY_LEN(paths); i++) {
            ck_assert_int_eq(gw_router_find(router, AIGW_STR("GET"), gw_str(paths[i]), &match), GW_ROUTE_FOUND);
            ck_assert_str_eq(match.route->spec->path, list[i].path);
        }
    }
}
END_TEST

/* Who is told of what is not there: the route that has the path, else the claim that is nearest. */
START_TEST(claims_hold_for_what_is_below)
{
    struct aigw_route list[] = { { .method = "*", .path = "/", .flags = AIGW_ROUTEF_CLAIM },
                                 { .method = "*", .path = "/a", .flags = AIGW_ROUTEF_CLAIM },
                                 { .method = "*", .path = "/a/b", .flags = AIGW_ROUTEF_CLAIM },
                                 { .method = "GET", .path = "/a/b/{x}" },
                                 { .method = "GET", .path = "/{x}/served" } };
    static const struct {
        const char *path;
        int found, near;
    } asked[] = { { "/", GW_ROUTE_NO_PATH, 0 },          { "/z/z", GW_ROUTE_NO_PATH, 0 },
                  { "/a", GW_ROUTE_NO_PATH, 1 },         { "/ab", GW_ROUTE_NO_PATH, 0 },
                  { "/a/z/z", GW_ROUTE_NO_PATH, 1 },     { "/a/b", GW_ROUTE_NO_PATH, 2 },
                  { "/a/b/c", GW_ROUTE_NO_METHOD, 3 },   { "/a/b/c/d", GW_ROUTE_NO_PATH, 2 },
                  { "/a/served", GW_ROUTE_NO_METHOD, 4 } };
    struct gw_router *router = build_of(list, GW_ARRAY_LEN(list));
    struct gw_route_match match;

    ck_assert_uint_eq(problems.error_count, 0);
    for (size_t i = 0; i < GW_ARRAY_LEN(asked); i++) {
        ck_assert_int_eq(gw_router_find(router, AIGW_STR("PUT"), gw_str(asked[i].path), &match), asked[i].found);
        ck_assert_ptr_nonnull(match.near);
        ck_assert_msg(match.near->spec == &list[asked[i].near], "%s: %s", asked[i].path, match.near->spec->path);
    }
    ck_assert_int_eq(gw_router_find(router, AIGW_STR("GET"), AIGW_STR("/a/served"), &match), GW_ROUTE_FOUND);
}
END_TEST

START_TEST(no_routes_at_all)
{
    struct gw_router *router = build_of(NULL, 0);
    struct gw_route_match match;

    ck_assert_int_eq(gw_router_find(router, AIGW_STR("GET"), AIGW_STR("/a/b"), &match), GW_ROUTE_NO_PATH);
    ck_assert_ptr_null(match.near);
}
END_TEST

START_TEST(many_routes_are_all_found)
{
    enum { COUNT = 500 };
    static struct aigw_route list[COUNT];
    static char paths[COUNT][64];
    struct gw_route_match match;

    for (int i = 0; i < COUNT; i++) {
        snprintf(paths[i], sizeof paths[i], i % 3 ? "/v%d/group/%d/items" : "/v%d/group/%d/{item}", i % 7, i);
        list[i] = (struct aigw_route){ .method = "GET", .path = paths[i] };
    }
    struct gw_router *router = build_of(list, COUNT);
    ck_assert_uint_eq(problems.error_count, 0);
    for (int i = 0; i < COUNT; i++) {
        char path[64];
        snprintf(path, sizeof path, "/v%d/group/%d/items", i % 7, i);
        ck_assert_int_eq(gw_router_find(router, AIGW_STR("GET"), gw_str(path), &match), GW_ROUTE_FOUND);
        ck_assert_ptr_eq(match.route->spec, &list[i]);
    }
}
END_TEST

START_TEST(two_features_cannot_serve_one_route)
{
    struct gw_instance second = { .name = "g", .plugin = &plugin }, first = feature;
    struct gw_plugins plugins = { .features = &first };

    first.next = &second;
    gw_router_build(&arena, &plugins, &problems);
    ck_assert_uint_eq(problems.error_count, GW_ARRAY_LEN(routes));
    ck_assert_ptr_nonnull(strstr(problems.first->text, "features.f"));
    ck_assert_ptr_nonnull(strstr(problems.first->text, "features.g"));
}
END_TEST

START_TEST(other_names_for_parameters_do_not_make_another_route)
{
    struct aigw_route list[] = { { .method = "GET", .path = "/a/{x}/{y:path}" },
                                 { .method = "GET", .path = "/a/{name}/{rest:path}" },
                                 { .method = "PUT", .path = "/a/{name}/{rest:path}" } };

    build_of(list, GW_ARRAY_LEN(list));
    ck_assert_uint_eq(problems.error_count, 1);
    ck_assert_ptr_nonnull(strstr(problems.first->text, "/a/{x}/{y:path}"));
    ck_assert_ptr_nonnull(strstr(problems.first->text, "/a/{name}/{rest:path}"));
}
END_TEST

START_TEST(a_malformed_route_is_refused)
{
    struct aigw_route bad[] = { { .method = "GET", .path = "no-slash" },
                                { .method = "GET", .path = "/a/{b}{c}" },
                                { .method = "GET", .path = NULL },
                                { .method = NULL, .path = "/a" },
                                { .method = "", .path = "/b" } };

    build_of(bad, GW_ARRAY_LEN(bad));
    ck_assert_uint_eq(problems.error_count, GW_ARRAY_LEN(bad));
    for (const struct gw_problem *p = problems.first; p; p = p->next)
        ck_assert_ptr_nonnull(strstr(p->text, "plugin o declares the route path"));
}
END_TEST

START_TEST(a_schema_that_is_no_object_is_refused_by_name)
{
    static const char *const bad[] = { "{bad", "", "[1]", "null", "7", "\"text\"" };

    for (size_t i = 0; i < GW_ARRAY_LEN(bad); i++) {
        struct aigw_route list[] = { { .method = "PUT", .path = "/good", .request_schema = "{}" },
                                     { .method = "POST", .path = "/a", .request_schema = bad[i] },
                                     { .method = "POST", .path = "/b", .response_schema = bad[i] } };
        size_t before = problems.error_count;

        build_of(list, GW_ARRAY_LEN(list));
        ck_assert_uint_eq(problems.error_count, before + 2);
    }
    ck_assert_ptr_nonnull(
        strstr(problems.first->text, "features.o: plugin o: request_schema of the route POST /a is no JSON object"));
    ck_assert_ptr_nonnull(strstr(problems.first->next->text, "response_schema of the route POST /b"));
}
END_TEST

/* ---- the document ---- */

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    ck_assert_msg(json_object_object_get_ex(object, key, &value), "no %s", key);
    return value;
}

static const struct {
    const char *path, *method, *id, *params;
} document_rows[] = {
    { "/monitoring/healthz", "get", "get_monitoring_healthz", "" },
    { "/v2/code/completions", "post", "post_v2_code_completions", "" },
    { "/v1/prompts/{prompt_id}", "post", "post_v1_prompts_prompt_id", "prompt_id " },
    { "/v1/models/{model}", "get", "get_v1_models_model", "model " },
    { "/v1/models/{model}", "delete", "delete_v1_models_model", "model " },
    { "/v1beta/models/{model}:generateContent", "post", "post_v1beta_models_model_generatecontent", "model " },
    { "/v1/proxy/{vendor}/{rest}", "get", "get_v1_proxy_vendor_rest", "vendor rest " },
    { "/v1/proxy/{vendor}/{rest}", "post", "post_v1_proxy_vendor_rest", "vendor rest " },
    { "/v1/files/{id}", "head", "head_v1_files_id", "id " },
    { "/v1/files/{id}", "get", "get_v1_files_id", "id " },
    { "/v1/files/{id_}", "get", "get_v1_files_id_2", "id_ " },
};

static struct json_object *document_of(const struct gw_router *router)
{
    struct json_object *document;
    struct gw_err err = { "" };
    struct gw_buf text;

    gw_buf_init(&text, 1 << 20);
    ck_assert(gw_openapi_put(&text, router));
    document = gw_json_read(gw_buf_str(&text), 64, GW_JSON_UNIQUE, &err);
    ck_assert_msg(document, "%s: %s", err.text, text.data);
    gw_buf_done(&text);
    return document;
}

START_TEST(the_document_lists_every_route)
{
    struct gw_router *router = build();
    struct json_object *document = document_of(router), *operation, *parameters;
    char names[128] = "";

    ck_assert_ptr_nonnull(document);
    operation = get(get(get(document, "paths"), document_rows[_i].path), document_rows[_i].method);
    ck_assert_str_eq(json_object_get_string(get(operation, "operationId")), document_rows[_i].id);
    if (json_object_object_get_ex(operation, "parameters", &parameters)) {
        for (size_t i = 0; i < json_object_array_length(parameters); i++) {
            struct json_object *parameter = json_object_array_get_idx(parameters, i);
            strcat(strcat(names, json_object_get_string(get(parameter, "name"))), " ");
            ck_assert_str_eq(json_object_get_string(get(parameter, "in")), "path");
            ck_assert(json_object_get_boolean(get(parameter, "required")));
        }
    }
    ck_assert_str_eq(names, document_rows[_i].params);
    json_object_put(document);
}
END_TEST

START_TEST(operation_ids_are_unique_and_plain)
{
    struct aigw_route list[] = { { .method = "GET", .path = "/a-b" },     { .method = "GET", .path = "/a/b" },
                                 { .method = "GET", .path = "/a_b" },     { .method = "GET", .path = "/a/_b" },
                                 { .method = "GET", .path = "/a/{b}" },   { .method = "GET", .path = "/A/B" },
                                 { .method = "GET", .path = "/a/b_2" },   { .method = "GET", .path = "/" },
                                 { .method = "GET", .path = "/\xc3\xa4" } };
    struct gw_router *router = build_of(list, GW_ARRAY_LEN(list));
    struct json_object *document = document_of(router);
    struct json_object *seen = json_object_new_object();

    ck_assert_ptr_nonnull(document);
    json_object_object_foreach(get(document, "paths"), path, item)
    {
        const char *id = json_object_get_string(get(get(item, "get"), "operationId"));
        ck_assert_msg(strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(id), "%s: %s", path, id);
        ck_assert_msg(!json_object_object_get_ex(seen, id, NULL), "%s: %s again", path, id);
        json_object_object_add(seen, id, NULL);
    }
    ck_assert_int_eq(json_object_object_length(seen), (int)GW_ARRAY_LEN(list) + 2);
    json_object_put(seen);
    json_object_put(document);
}
END_TEST

/* json-c takes more than JSON; the document is JSON. */
START_TEST(a_schema_that_json_c_forgives_is_written_anew)
{
    static const char *const forgiven[] = { "{'type':'object'}", "{\"type\":\"object\"} and more",
                                            "/* body */ {\"type\":\"object\"}", " {\"type\":\"object\"}\n" };

    for (size_t i = 0; i < GW_ARRAY_LEN(forgiven); i++) {
        struct aigw_route list[] = {
            { .method = "POST", .path = "/x", .request_schema = forgiven[i], .response_schema = forgiven[i] }
        };
        struct json_object *document = document_of(build_of(list, 1));
        struct json_object *operation = get(get(get(document, "paths"), "/x"), "post");
        struct json_object *owners[] = { get(operation, "requestBody"), get(get(operation, "responses"), "200") };

        for (size_t k = 0; k < GW_ARRAY_LEN(owners); k++) {
            struct json_object *schema = get(get(get(owners[k], "content"), "application/json"), "schema");
            ck_assert_str_eq(json_object_get_string(get(schema, "type")), "object");
        }
        json_object_put(document);
    }
    ck_assert_uint_eq(problems.error_count, 0);
}
END_TEST

START_TEST(a_plugin_at_a_place_of_the_core_is_not_in_the_document)
{
    struct aigw_route list[] = { { .method = "GET", .path = "/monitoring/healthz", .summary = "mine" },
                                 { .method = "BREW", .path = "/tea" },
                                 { .method = "GET", .path = "/{any}" } };
    struct json_object *document = document_of(build_of(list, GW_ARRAY_LEN(list)));
    struct json_object *paths = get(document, "paths");

    ck_assert_str_ne(json_object_get_string(get(get(get(paths, "/monitoring/healthz"), "get"), "summary")), "mine");
    ck_assert(!json_object_object_get_ex(paths, "/tea", NULL));
    ck_assert_int_eq(json_object_object_length(paths), 3);
    json_object_put(document);
}
END_TEST

START_TEST(a_document_that_does_not_fit_is_none)
{
    struct gw_router *router = build();
    struct gw_buf text;

    for (size_t max = 0; max < 4096; max += 100) {
        gw_buf_init(&text, max);
        ck_assert(!gw_openapi_put(&text, router));
        gw_buf_done(&text);
    }
}
END_TEST

START_TEST(a_schema_that_is_not_json_is_a_problem)
{
    struct aigw_route bad = { .method = "POST", .path = "/x", .request_schema = "{oops" };

    build_of(&bad, 1);
    ck_assert_uint_eq(problems.error_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("route");
    TCase *tcase = tcase_create("route");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, paths_lead_to_routes, 0, (int)GW_ARRAY_LEN(rows));
    tcase_add_test(tcase, registration_order_does_not_matter);
    tcase_add_test(tcase, claims_hold_for_what_is_below);
    tcase_add_test(tcase, no_routes_at_all);
    tcase_add_test(tcase, many_routes_are_all_found);
    tcase_add_test(tcase, two_features_cannot_serve_one_route);
    tcase_add_test(tcase, other_names_for_parameters_do_not_make_another_route);
    tcase_add_test(tcase, a_malformed_route_is_refused);
    tcase_add_test(tcase, a_schema_that_is_no_object_is_refused_by_name);
    tcase_add_loop_test(tcase, the_document_lists_every_route, 0, (int)GW_ARRAY_LEN(document_rows));
    tcase_add_test(tcase, operation_ids_are_unique_and_plain);
    tcase_add_test(tcase, a_schema_that_json_c_forgives_is_written_anew);
    tcase_add_test(tcase, a_plugin_at_a_place_of_the_core_is_not_in_the_document);
    tcase_add_test(tcase, a_document_that_does_not_fit_is_none);
    tcase_add_test(tcase, a_schema_that_is_not_json_is_a_problem);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
