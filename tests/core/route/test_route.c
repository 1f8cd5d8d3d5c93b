/* test_route.c - finding routes, refusing bad ones, the API document. */
#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "route/route.h"

static struct aigw_route routes[] = {
    { .method = "POST",
      .path = "/v2/code/completions",
      .scope = "s",
      .group = "code",
      .request_schema = "{\"type\":\"object\"}" },
    { .method = "POST", .path = "/v1/prompts/{prompt_id:path}", .group = "prompts" },
    { .method = "POST", .path = "/v1/chat/{name}", .group = "chat" },
    { .method = "GET", .path = "/v1/models/definitions", .flags = AIGW_ROUTEF_ANONYMOUS },
};
static struct gw_plugin plugin = { .descriptor = { .name = "p" },
                                   .feature = { .route_count = GW_ARRAY_LEN(routes) },
                                   .routes = routes };
static struct gw_instance feature = { .name = "f", .plugin = &plugin };
static struct gw_arena arena;
static struct gw_problems problems;

static void setup(void)
{
    gw_arena_init(&arena, 1 << 20);
    gw_problems_init(&problems, &arena);
}

static void teardown(void)
{
    gw_arena_done(&arena);
}

static const struct {
    const char *method, *path;
    int found;
    const char *template, *param;
} rows[] = {
    { "POST", "/v2/code/completions", GW_ROUTE_FOUND, "/v2/code/completions", "" },
    { "GET", "/v2/code/completions", GW_ROUTE_NO_METHOD, NULL, NULL },
    { "POST", "/v2/code/completion", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "/v2/code/completionss", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "/V2/code/completions", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "/v1/prompts/a/b", GW_ROUTE_FOUND, "/v1/prompts/{prompt_id:path}", "a/b" },
    { "POST", "/v1/prompts", GW_ROUTE_NO_PATH, NULL, NULL },
    { "POST", "/v1/chat/agent", GW_ROUTE_FOUND, "/v1/chat/{name}", "agent" },
    { "POST", "/v1/chat/a/b", GW_ROUTE_NO_PATH, NULL, NULL },
    { "GET", "/v1/models/definitions", GW_ROUTE_FOUND, "/v1/models/definitions", "" },
    { "POST", "/", GW_ROUTE_NO_PATH, NULL, NULL },
};

START_TEST(paths_lead_to_routes)
{
    struct gw_plugins plugins = { .features = &feature };
    struct gw_router *router = gw_router_build(&arena, &plugins, &problems);
    const struct gw_route *route = NULL;
    const char *allow = NULL;
    aigw_str param = AIGW_STR_NONE;

    ck_assert_uint_eq(problems.error_count, 0);
    int found = gw_router_find(router, gw_str(rows[_i].method), gw_str(rows[_i].path), &route, &param, &allow);
    ck_assert_msg(found == rows[_i].found, "%s %s: %d", rows[_i].method, rows[_i].path, found);
    if (found == GW_ROUTE_FOUND) {
        ck_assert_str_eq(route->spec->path, rows[_i].template);
        ck_assert(gw_str_is(param, rows[_i].param));
    }
    if (found == GW_ROUTE_NO_METHOD)
        ck_assert_str_eq(allow, "POST");
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
}
END_TEST

START_TEST(a_malformed_template_is_refused)
{
    struct aigw_route bad[] = { { .method = "GET", .path = "no-slash" }, { .method = "GET", .path = "/a/{b}/c" } };
    struct gw_plugin other = { .descriptor = { .name = "o" }, .feature = { .route_count = 2 }, .routes = bad };
    struct gw_instance instance = { .name = "o", .plugin = &other };
    struct gw_plugins plugins = { .features = &instance };

    gw_router_build(&arena, &plugins, &problems);
    ck_assert_uint_eq(problems.error_count, 2);
}
END_TEST

START_TEST(the_document_lists_every_route_and_is_valid_json)
{
    struct gw_plugins plugins = { .features = &feature };
    struct gw_router *router = gw_router_build(&arena, &plugins, &problems);
    struct json_object *document = json_tokener_parse(gw_router_openapi(router).ptr), *paths, *item;

    ck_assert_ptr_nonnull(document);
    ck_assert(json_object_object_get_ex(document, "paths", &paths));
    ck_assert(json_object_object_get_ex(paths, "/v1/prompts/{prompt_id}", &item));
    ck_assert(json_object_object_get_ex(paths, "/v2/code/completions", &item));
    ck_assert(json_object_object_get_ex(paths, "/monitoring/healthz", &item));
    json_object_put(document);
}
END_TEST

START_TEST(a_schema_that_is_not_json_is_a_problem)
{
    struct aigw_route bad = { .method = "POST", .path = "/x", .request_schema = "{oops" };
    struct gw_plugin other = { .descriptor = { .name = "o" }, .feature = { .route_count = 1 }, .routes = &bad };
    struct gw_instance instance = { .name = "o", .plugin = &other };
    struct gw_plugins plugins = { .features = &instance };

    gw_router_build(&arena, &plugins, &problems);
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
    tcase_add_test(tcase, two_features_cannot_serve_one_route);
    tcase_add_test(tcase, a_malformed_template_is_refused);
    tcase_add_test(tcase, the_document_lists_every_route_and_is_valid_json);
    tcase_add_test(tcase, a_schema_that_is_not_json_is_a_problem);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
