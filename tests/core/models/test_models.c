/* test_models.c - from a need to a plan: configured models, ad-hoc targets. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/plan.h"

static struct gw_arena arena;
static struct gw_settings settings;
static struct gw_plugin plugin = { .descriptor = { .name = "dialect" } };
static struct gw_instance providers[] = {
    { .next = &providers[1], .name = "first", .plugin = &plugin },
    { .next = &providers[2], .name = "second", .plugin = &plugin },
    { .name = "mock", .plugin = &plugin },
};
static struct gw_instance feature = { .name = "completions", .plugin = &plugin };
static struct gw_plugins plugins = { .providers = providers, .features = &feature };

static const char conf_text[] =
    "families: { coder = { title = \"Coder\"; chain = ( \"coder\", \"general\" ); max_context_tokens = 128000;"
    "                      temperature = 0.0; max_tokens = 4096; };"
    "            loose = { unescape_underscores = true; }; };"
    "prefixes: { default = \"first\"; plain = \"first\"; other = \"second\";"
    "            nobody = \"\";"
    "            held = { provider = \"second\"; ignore_endpoint = true; };"
    "            strict = { provider = \"first\"; needs_endpoint = true; };"
    "            based = { provider = \"second\"; base_url = \"http://base:1/v1\"; }; };"
    "models: { fast = { family = \"coder\"; retries = 3; targets = ( { provider = \"first\"; model = \"m1\"; },"
    "                                                { provider = \"second\"; model = \"m2\"; weight = 0; } ); };"
    "          raw = { targets = ( { provider = \"first\"; model = \"m3\"; raw_completion = true; } ); }; };";

static struct gw_models *build(const char *text, char *first_problem, size_t size)
{
    struct gw_problems problems;

    gw_problems_init(&problems, &arena);
    struct gw_node *conf = gw_conf_parse(&arena, text, "test.conf", &problems);
    struct gw_models *models = gw_models_build(&arena, conf, &settings, &plugins, &problems);
    if (first_problem)
        snprintf(first_problem, size, "%s", problems.first ? problems.first->text : "");
    else
        ck_assert_msg(!problems.first, "%s", problems.first ? problems.first->text : "");
    return models;
}

static aigw_status resolve(const struct gw_models *models, const struct aigw_need *need, struct aigw_model_info *info,
                           struct aigw_error *error)
{
    struct gw_ask ask = { .feature = &feature };

    return gw_models_resolve(models, &ask, need, &arena, info, error);
}

static void setup(void)
{
    gw_seats_reset();
    gw_arena_init(&arena, 16 << 20);
    settings = (struct gw_settings){ 0 };
    settings.models.custom_models = 1;
    settings.upstream.retries = 1;
    feature.model = NULL;
}

static void teardown(void)
{
    gw_arena_done(&arena);
}

static const struct {
    const char *id;
    const char *endpoint, *identifier, *name, *provider; /* the need */
    const char *feature_model;
    uint32_t error;                              /* expected AIGW_ERR_*, 0: success */
    const char *to, *model, *url, *first_family; /* expected target */
    uint32_t flags;
} resolve_rows[] = {
    { "prefix and model", "http://h:1/v1", "other/a/b", "coder", "litellm", NULL, 0, "second", "a/b", "http://h:1/v1",
      "coder", AIGW_MODELF_ADHOC },
    { "no slash: default prefix", "http://h:1/v1", "served", "coder", NULL, NULL, 0, "first", "served", "http://h:1/v1",
      "coder", AIGW_MODELF_ADHOC },
    { "empty identifier: the family is the model", "http://h:1/v1/", "", "coder", NULL, NULL, 0, "first", "coder",
      "http://h:1/v1", "coder", AIGW_MODELF_ADHOC },
    { "unknown prefix with an endpoint is a model name", "http://h:1/v1", "org/model", "coder", NULL, NULL, 0, "first",
      "org/model", "http://h:1/v1", "coder", AIGW_MODELF_ADHOC },
    { "unknown prefix without an endpoint", NULL, "org/model", "coder", NULL, NULL, AIGW_ERR_BAD_REQUEST, NULL, NULL,
      NULL, NULL, 0 },
    { "prefix that nothing serves", "http://h:1/v1", "nobody/m", "coder", NULL, NULL, AIGW_ERR_BAD_REQUEST, NULL, NULL,
      NULL, NULL, 0 },
    { "placeholder endpoint is dropped", "http://placeholder", "held/m", "coder", NULL, NULL, 0, "second", "m", "",
      "coder", AIGW_MODELF_ADHOC },
    { "prefix with a base of its own", NULL, "based/m", "coder", NULL, NULL, 0, "second", "m", "http://base:1/v1",
      "coder", AIGW_MODELF_ADHOC },
    { "D11 no endpoint where one is needed", NULL, "strict/m", "coder", NULL, NULL, AIGW_ERR_BAD_REQUEST, NULL, NULL,
      NULL, NULL, 0 },
    { "D11 endpoint where one is needed", "http://h:1/v1", "strict/m", "coder", NULL, NULL, 0, "first", "m",
      "http://h:1/v1", "coder", AIGW_MODELF_ADHOC },
    { "D10 unknown family: base prompts", "http://h:1/v1", "plain/m", "newfamily", NULL, NULL, 0, "first", "m",
      "http://h:1/v1", "base", AIGW_MODELF_ADHOC | AIGW_MODELF_UNKNOWN_FAMILY },
    { "unescape flag", "http://h:1/v1", "plain/m", "loose", NULL, NULL, 0, "first", "m", "http://h:1/v1", "base",
      AIGW_MODELF_ADHOC | AIGW_MODELF_UNESCAPE },
    { "D9 nothing given, model configured", NULL, NULL, NULL, NULL, "fast", 0, "first", "m1", "", "coder", 0 },
    { "D9 nothing given, nothing configured", NULL, NULL, NULL, NULL, NULL, AIGW_ERR_NO_MODEL, NULL, NULL, NULL, NULL,
      0 },
    { "raw completion", NULL, NULL, NULL, NULL, "raw", 0, "first", "m3", "", "base",
      AIGW_MODELF_RAW_COMPLETION | AIGW_MODELF_UNKNOWN_FAMILY },
    { "T1 scheme", "ftp://h/v1", "plain/m", "coder", NULL, NULL, AIGW_ERR_ENDPOINT, NULL, NULL, NULL, NULL, 0 },
    { "T1 user info", "http://u:p@h/v1", "plain/m", "coder", NULL, NULL, AIGW_ERR_ENDPOINT, NULL, NULL, NULL, NULL, 0 },
    { "T1 fragment", "http://h/v1#x", "plain/m", "coder", NULL, NULL, AIGW_ERR_ENDPOINT, NULL, NULL, NULL, NULL, 0 },
    { "T1 line break", "http://h/v1\r\nX: y", "plain/m", "coder", NULL, NULL, AIGW_ERR_ENDPOINT, NULL, NULL, NULL, NULL,
      0 },
    { "T1 no host", "http:///v1", "plain/m", "coder", NULL, NULL, AIGW_ERR_ENDPOINT, NULL, NULL, NULL, NULL, 0 },
};

START_TEST(a_need_leads_to_a_target)
{
    struct gw_models *models = build(conf_text, NULL, 0);
    struct aigw_need need = { .struct_size = sizeof need,
                              .endpoint = gw_str(resolve_rows[_i].endpoint),
                              .identifier = gw_str(resolve_rows[_i].identifier),
                              .name = gw_str(resolve_rows[_i].name),
                              .provider = gw_str(resolve_rows[_i].provider) };
    struct aigw_model_info info;
    struct aigw_error error;

    feature.model = resolve_rows[_i].feature_model;
    aigw_status status = resolve(models, &need, &info, &error);
    if (resolve_rows[_i].error) {
        ck_assert_msg(status < 0 && error.kind == resolve_rows[_i].error, "%s: status %d", resolve_rows[_i].id, status);
        ck_assert_uint_gt(error.message.len, 10);
        return;
    }
    ck_assert_msg(status == AIGW_OK, "%s", resolve_rows[_i].id);
    const struct gw_target *target = ((const struct gw_plan *)info.plan)->targets;
    ck_assert_str_eq(target->provider->name, resolve_rows[_i].to);
    ck_assert_msg(gw_str_is(target->model, resolve_rows[_i].model), "%s: model %.*s", resolve_rows[_i].id,
                  AIGW_STR_ARG(target->model));
    ck_assert_msg(gw_str_is(target->endpoint, resolve_rows[_i].url), "%s: endpoint %.*s", resolve_rows[_i].id,
                  AIGW_STR_ARG(target->endpoint));
    ck_assert(gw_str_is(info.families[0], resolve_rows[_i].first_family));
    ck_assert(gw_str_is(info.families[info.family_count - 1], "base"));
    ck_assert_msg(info.flags == resolve_rows[_i].flags, "%s: flags %x", resolve_rows[_i].id, info.flags);
}
END_TEST

START_TEST(custom_models_off_refuses_endpoint_and_key_before_anything_else)
{
    struct gw_models *models = build(conf_text, NULL, 0);
    struct aigw_need with_url = { .struct_size = sizeof with_url, .endpoint = AIGW_STR_INIT("http://h/v1") };
    struct aigw_need with_key = { .struct_size = sizeof with_key, .api_key = AIGW_STR_INIT("k") };
    struct aigw_model_info info;
    struct aigw_error error;

    settings.models.custom_models = 0;
    feature.model = "fast";
    ck_assert_int_lt(resolve(models, &with_url, &info, &error), 0);
    ck_assert(gw_str_is(error.message, "specifying custom models endpoint is disabled: api_base is not allowed"));
    ck_assert_int_lt(resolve(models, &with_key, &info, &error), 0);
    ck_assert(gw_str_is(error.message, "specifying custom models endpoint is disabled: api_key is not allowed"));
}
END_TEST

START_TEST(mock_mode_leads_every_need_to_the_mock)
{
    settings.models.mock_responses = 1;
    struct gw_models *models = build(conf_text, NULL, 0);
    struct aigw_need need = { .struct_size = sizeof need,
                              .endpoint = AIGW_STR_INIT("http://h:1/v1"),
                              .identifier = AIGW_STR_INIT("plain/m"),
                              .name = AIGW_STR_INIT("coder"),
                              .provider = AIGW_STR_INIT("litellm") };
    struct aigw_model_info info;
    struct aigw_error error;

    ck_assert_int_eq(resolve(models, &need, &info, &error), AIGW_OK);
    const struct gw_target *target = ((const struct gw_plan *)info.plan)->targets;
    ck_assert_str_eq(target->provider->name, "mock");
    ck_assert_uint_eq(target->endpoint.len, 0); /* the caller's endpoint and key stay here */
    ck_assert_uint_eq(target->api_key.len, 0);
    ck_assert(gw_str_is(info.name, "coder"));
    ck_assert(gw_str_is(info.engine, "litellm"));
}
END_TEST

static const struct {
    const char *id, *conf, *says;
} problem_rows[] = {
    { "unknown provider", "models: { m = { targets = ( { provider = \"frist\"; model = \"x\"; } ); }; };",
      "did you mean \"first\"" },
    { "no targets", "models: { m = { }; };", "targets is missing" },
    { "unknown family", "models: { m = { family = \"x\"; targets = ( { provider = \"first\"; model = \"x\"; } ); }; };",
      "family \"x\"" },
    { "unknown key", "models: { m = { targts = 1; targets = ( { provider = \"first\"; model = \"x\"; } ); }; };",
      "targts" },
    { "prefix without provider", "prefixes: { p = { base_url = \"http://h\"; }; };", "provider" },
    { "range", "families: { f = { temperature = 7.0; }; };", "temperature" },
};

START_TEST(configuration_mistakes_name_file_line_and_key)
{
    char text[512];

    build(problem_rows[_i].conf, text, sizeof text);
    ck_assert_msg(strstr(text, problem_rows[_i].says), "%s: found %s", problem_rows[_i].id, text);
    ck_assert_msg(strstr(text, "test.conf:1"), "%s: found %s", problem_rows[_i].id, text);
}
END_TEST

START_TEST(a_plan_has_the_models_patience)
{
    struct gw_models *models = build(conf_text, NULL, 0);
    struct aigw_need need = { .struct_size = sizeof need };
    struct aigw_model_info info;
    struct aigw_error error;

    feature.model = "fast";
    ck_assert_int_eq(resolve(models, &need, &info, &error), AIGW_OK);
    const struct gw_plan *plan = info.plan;
    ck_assert_uint_eq(plan->target_count, 2);
    ck_assert(plan->patience.try_next);
    ck_assert_int_eq(plan->patience.retries, 3);
    ck_assert_int_eq(plan->patience.attempts, 4);
    ck_assert_uint_eq(plan->allowed, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("models");
    TCase *tcase = tcase_create("models");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_need_leads_to_a_target, 0, (int)GW_ARRAY_LEN(resolve_rows));
    tcase_add_test(tcase, custom_models_off_refuses_endpoint_and_key_before_anything_else);
    tcase_add_test(tcase, mock_mode_leads_every_need_to_the_mock);
    tcase_add_loop_test(tcase, configuration_mistakes_name_file_line_and_key, 0, (int)GW_ARRAY_LEN(problem_rows));
    tcase_add_test(tcase, a_plan_has_the_models_patience);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
