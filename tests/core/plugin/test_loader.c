/* test_loader.c - real shared objects through the gate, and groups of conf.d into open instances. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "health/metrics.h"
#include "plugin/ctx.h"
#include "plugin/plugin.h"

static struct gw_arena arena;
static struct gw_problems problems;
static const struct aigw_host host = { .struct_size = sizeof host, .fail = gw_ctx_fail, .log = gw_ctx_log };

/** The state of fixtures/good.c, as far as the test looks into it. */
struct good {
    const char *base_url;
    int64_t number;
    int32_t fail;
    int32_t was_opened;
};

static void setup(void)
{
    gw_arena_init(&arena, (size_t)16 << 20);
    gw_problems_init(&problems, &arena);
}

static void teardown(void)
{
    gw_arena_done(&arena);
}

static bool has_problem(const char *text, bool is_warning)
{
    for (const struct gw_problem *p = problems.first; p; p = p->next) {
        if (p->is_warning == is_warning && strstr(p->text, text))
            return true;
    }
    return false;
}

static const char *first_problem(void)
{
    const struct gw_problem *p = problems.first;

    while (p && p->is_warning && p->next)
        p = p->next;
    return p ? p->text : "(none)";
}

/* ---- one file ---- */

static const struct {
    const char *file, *reason;
} refused[] = {
    { "bad_magic.so", "magic is 0x12345678" },
    { "wrong_major.so", "rebuild the plugin" },
    { "newer_minor.so", "this aigw speaks" },
    { "no_symbol.so", "has no symbol aigw_plugin_entry" },
    { "variable.so", "the symbol aigw_plugin_entry is no function" },
    { "undefined_symbol.so", "cannot be loaded: undefined symbol: a_function_of_the_core_that_is_not_there" },
    { "null_descriptor.so", "aigw_plugin_entry() returned NULL" },
    { "tail_used.so", "uses some beyond" },
    { "missing.so", "cannot be loaded: No such file or directory" },
};

START_TEST(bad_file_is_refused_with_path_and_reason)
{
    const char *path = gw_arena_printf(&arena, FIXTURES "/broken/%s", refused[_i].file);
    struct gw_err err = { "" };

    ck_assert_ptr_null(gw_plugin_load(&arena, path, NULL, &err));
    ck_assert_msg(strstr(err.text, refused[_i].reason) != NULL, "%s: %s", refused[_i].file, err.text);
    ck_assert_msg(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
}
END_TEST

START_TEST(longer_descriptor_with_a_zero_tail_loads)
{
    struct gw_err err = { "" };
    struct gw_plugin *plugin = gw_plugin_load(&arena, FIXTURES "/broken/tail_zero.so", NULL, &err);

    ck_assert_msg(plugin != NULL, "%s", err.text);
    ck_assert_str_eq(plugin->descriptor.name, "broken");
    gw_plugin_unload(plugin);
    gw_plugin_unload(NULL);
}
END_TEST

static void copy_file(const char *from, const char *to)
{
    const char *command = gw_arena_printf(&arena, "cp %s %s", from, to);

    ck_assert_int_eq(system(command), 0);
}

/** A reload after an upgrade: the old plugin still serves while the new one comes up, however it came there. */
static const struct {
    const char *id;
    bool by_rename;
} replacements[] = { { "rename", true }, { "overwritten", false } };

START_TEST(a_replaced_file_is_loaded_anew_while_the_old_one_is_in_use)
{
    char folder[] = "/tmp/aigw-test-XXXXXX";
    struct gw_plugin *first, *same, *newer;
    struct gw_err err = { "" };
    const char *path, *other;
    struct good state = { .number = 3 };

    ck_assert_ptr_nonnull(mkdtemp(folder));
    path = gw_arena_printf(&arena, "%s/good.so", folder);
    other = gw_arena_printf(&arena, "%s/good.so.new", folder);
    copy_file(FIXTURES "/plugins/providers/good.so", path);
    first = gw_plugin_load(&arena, path, NULL, &err);
    same = gw_plugin_load(&arena, path, NULL, &err);
    copy_file(FIXTURES "/newer/good_newer.so", replacements[_i].by_rename ? other : path);
    if (replacements[_i].by_rename)
        ck_assert_int_eq(rename(other, path), 0);
    ck_assert_msg(first && same, "%s: %s", replacements[_i].id, err.text);
    ck_assert_int_eq(first->provider.open(&host, NULL, &state), AIGW_OK); /* its code is still its own */
    newer = gw_plugin_load(&arena, path, NULL, &err);
    ck_assert_msg(newer != NULL, "%s: %s", replacements[_i].id, err.text);
    ck_assert_str_eq(first->descriptor.version, "1.2.3");
    ck_assert_str_eq(newer->descriptor.version, "2.0.0");
    ck_assert(first->provider.open != newer->provider.open);
    gw_plugin_unload(first);
    same->provider.close(&state);
    ck_assert_int_eq(state.number, -3);
    gw_plugin_unload(same);
    ck_assert_str_eq(newer->descriptor.version, "2.0.0");
    gw_plugin_unload(newer);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/** A reload that changes no plugin loads none again: same code, until the last configuration that uses it has gone. */
START_TEST(an_unchanged_file_shares_the_code_that_is_running)
{
    char folder[] = "/tmp/aigw-test-XXXXXX";
    struct gw_plugins running = { .arena = &arena };
    struct gw_plugin *first, *same, *elsewhere, *newer;
    struct gw_err err = { "" };
    const char *path, *other;
    struct good state = { .number = 3 };

    ck_assert_ptr_nonnull(mkdtemp(folder));
    path = gw_arena_printf(&arena, "%s/good.so", folder);
    other = gw_arena_printf(&arena, "%s/other.so", folder);
    copy_file(FIXTURES "/plugins/providers/good.so", path);
    copy_file(FIXTURES "/plugins/providers/good.so", other);
    first = running.first = gw_plugin_load(&arena, path, NULL, &err);
    same = gw_plugin_load(&arena, path, &running, &err);
    elsewhere = gw_plugin_load(&arena, other, &running, &err);
    ck_assert_msg(first && same && elsewhere, "%s", err.text);
    ck_assert_ptr_eq(first->code, same->code);
    ck_assert(first->provider.open == same->provider.open);
    ck_assert_ptr_ne(first->code, elsewhere->code);
    copy_file(FIXTURES "/newer/good_newer.so", path);
    newer = gw_plugin_load(&arena, path, &running, &err);
    ck_assert_msg(newer != NULL, "%s", err.text);
    ck_assert_ptr_ne(first->code, newer->code);
    ck_assert_str_eq(newer->descriptor.version, "2.0.0");
    gw_plugin_unload(first);
    same->provider.close(&state); /* is still there */
    ck_assert_int_eq(state.number, -3);
    gw_plugin_unload(same);
    gw_plugin_unload(elsewhere);
    gw_plugin_unload(newer);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(unlink(other), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/** Files that are just being written, in hundredths of what they will be. */
static const int parts[] = { 0, 1, 30, 60, 90, 99 };

START_TEST(a_half_written_file_is_an_error_that_says_so)
{
    char folder[] = "/tmp/aigw-test-XXXXXX";
    struct gw_err err = { "" };
    struct stat st;
    const char *path;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    path = gw_arena_printf(&arena, "%s/good.so", folder);
    copy_file(FIXTURES "/plugins/providers/good.so", path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(truncate(path, st.st_size * parts[_i] / 100), 0);
    ck_assert_ptr_null(gw_plugin_load(&arena, path, NULL, &err));
    ck_assert_msg(strstr(err.text, "replace plugin files by rename") != NULL, "%d: %s", parts[_i], err.text);
    ck_assert_msg(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(a_long_file_name_is_no_obstacle)
{
    char folder[] = "/tmp/aigw-test-XXXXXX", name[253];
    struct gw_err err = { "" };
    struct gw_plugin *plugin;
    const char *path;

    memset(name, 'n', sizeof name - 1);
    memcpy(name + sizeof name - 4, ".so", 4);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    path = gw_arena_printf(&arena, "%s/%s", folder, name);
    copy_file(FIXTURES "/plugins/providers/good.so", path);
    plugin = gw_plugin_load(&arena, path, NULL, &err);
    ck_assert_msg(plugin != NULL, "%s", err.text);
    gw_plugin_unload(plugin);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/** Loading and unloading leaves no descriptor behind. */
START_TEST(an_unloaded_plugin_gives_its_descriptor_back)
{
    struct gw_err err = { "" };
    int first = dup(0), last;

    close(first);
    for (int i = 0; i < 20; i++)
        gw_plugin_unload(gw_plugin_load(&arena, FIXTURES "/plugins/providers/good.so", NULL, &err));
    last = dup(0);
    close(last);
    ck_assert_int_eq(first, last);
}
END_TEST

/* ---- folders ---- */

static struct gw_plugins *load_good(void)
{
    static const char *const dirs[] = { FIXTURES "/plugins" };

    return gw_plugins_load(&arena, dirs, 1, NULL, &problems);
}

START_TEST(folders_load_in_name_order_and_the_first_of_a_name_wins)
{
    struct gw_plugins *plugins = load_good();
    const struct gw_plugin *good = gw_plugins_find(plugins, AIGW_KIND_PROVIDER, "good");

    ck_assert_ptr_nonnull(good);
    ck_assert_ptr_nonnull(strstr(good->path, "/good.so"));
    ck_assert_ptr_nonnull(gw_plugins_find(plugins, AIGW_KIND_FEATURE, "good_feature"));
    ck_assert_ptr_null(gw_plugins_find(plugins, AIGW_KIND_FEATURE, "good"));
    ck_assert_uint_eq(problems.error_count, 0);
    ck_assert(has_problem("good_again.so: is not used: ", true));
    gw_plugins_close(plugins);
}
END_TEST

START_TEST(a_plugin_in_the_wrong_folder_is_a_problem)
{
    static const char *const dirs[] = { FIXTURES "/misplaced", "/nonexistent/plugins" };
    struct gw_plugins *plugins = gw_plugins_load(&arena, dirs, 2, NULL, &problems);

    ck_assert(has_problem("misplaced.so: is a provider in the folder of the features", false));
    ck_assert(has_problem("/nonexistent/plugins: cannot read this plugin folder", false));
    ck_assert_ptr_null(plugins->first);
    gw_plugins_close(plugins);
}
END_TEST

START_TEST(the_reference_shows_every_plugin_and_setting)
{
    struct gw_plugins *plugins = load_good();
    struct gw_buf text;

    gw_buf_init(&text, 1 << 20);
    gw_plugins_reference(plugins, &text);
    ck_assert_ptr_nonnull(strstr(text.data, "## provider `good` 1.2.3"));
    ck_assert_ptr_nonnull(strstr(text.data, "## feature `good_feature` 1.2.3"));
    ck_assert_ptr_nonnull(
        strstr(text.data, "| `base_url` | text, URL | `http://localhost:1` |  | Where the server is. |"));
    gw_buf_done(&text);
    gw_plugins_close(plugins);
}
END_TEST

/* ---- metrics ---- */

/** Load another version of the provider "good", as a reload does: the registry remembers the ones before. */
static struct gw_plugins *load_version(int set)
{
    const char *dir = gw_arena_printf(&arena, FIXTURES "/metrics/%d", set);

    return set == 1 ? load_good() : gw_plugins_load(&arena, &dir, 1, NULL, &problems);
}

/** Count once under each of the plugin's metrics. */
static void count_all(const struct gw_plugins *plugins)
{
    const struct gw_plugin *plugin = gw_plugins_find(plugins, AIGW_KIND_PROVIDER, "good");
    const aigw_str value = AIGW_STR("x");
    struct gw_visit visit;
    struct aigw_ctx *ctx;

    ck_assert_ptr_nonnull(plugin);
    ctx = gw_ctx_new_instance(&arena, plugin, "one");
    gw_visit_begin(&visit, NULL, ctx, GW_CALLBACK_RUN);
    for (uint32_t i = 0; i < plugin->descriptor.metric_count; i++)
        gw_ctx_count(ctx, i, &value, 1);
    gw_visit_end(&visit);
}

static bool does_page_say(const char *line)
{
    struct gw_buf page;
    bool yes;

    gw_buf_init(&page, 1 << 20);
    gw_metrics_render(&page);
    yes = page.data && strstr(page.data, line);
    gw_buf_done(&page);
    return yes;
}

/** Versions that add, rename, reorder and drop counters follow each other in one process. */
START_TEST(a_new_version_may_have_other_metrics)
{
    static const int versions[] = { 1, 2, 3, 2, 1 };

    for (size_t i = 0; i < GW_ARRAY_LEN(versions); i++) {
        struct gw_plugins *plugins = load_version(versions[i]);

        ck_assert_msg(problems.error_count == 0, "version %d: %s", versions[i], first_problem());
        count_all(plugins);
        gw_plugins_close(plugins);
    }
    ck_assert(does_page_say("good_a_total{what=\"x\"} 4\n"));
    ck_assert(does_page_say("good_b_total{what=\"x\"} 5\n"));
    ck_assert(does_page_say("good_c_total{what=\"x\"} 2\n"));
}
END_TEST

static const struct {
    int set;
    const char *problem;
} bad_metrics[] = {
    { 4, "metric \"good_a_total\": is now a counter (other), but this process counts it as a counter (what)" },
    { 5, "metric \"good_a_total\": the name appears twice" },
    { 6, "metric \"aigw_of_the_core_total\": the name belongs to the core" },
};

START_TEST(a_metric_that_cannot_be_counted_refuses_its_plugin)
{
    static const char *const what[] = { "what" };
    struct gw_plugins *plugins = load_version(1);

    gw_metric(GW_METRIC_COUNTER, "aigw_of_the_core_total", "", what, 1, NULL, 0);
    gw_plugins_close(plugins);
    plugins = load_version(bad_metrics[_i].set);
    ck_assert_msg(has_problem(bad_metrics[_i].problem, false), "%s", first_problem());
    ck_assert_ptr_null(plugins->first);
    gw_plugins_close(plugins);
}
END_TEST

/* ---- instances ---- */

static struct gw_plugins *configure(const char *conf)
{
    struct gw_plugins *plugins = load_good();

    problems.first = NULL; /* the duplicate of good.so is not what is tested here */
    problems.tail = &problems.first;
    gw_plugins_configure(plugins, &arena, gw_conf_parse(&arena, conf, "t.conf", &problems), &host, &problems);
    return plugins;
}

START_TEST(two_groups_are_two_instances_with_their_own_state)
{
    struct gw_plugins *plugins =
        configure("providers: { one: { plugin = \"good\"; number = 5; }; two: { plugin = \"good\"; base_url = "
                  "\"https://two/\"; }; off: { plugin = \"good\"; enabled = false; }; };\n"
                  "features: { f: { plugin = \"good_feature\"; model = \"coder\"; }; };");
    struct gw_instance *one = gw_plugins_provider(plugins, "one");
    struct gw_instance *two = gw_plugins_provider(plugins, "two");
    struct good *state;

    ck_assert_msg(!problems.first, "%s", first_problem());
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_nonnull(two);
    ck_assert_ptr_null(gw_plugins_provider(plugins, "off"));
    ck_assert_ptr_eq(plugins->providers, one); /* configuration order */
    ck_assert_ptr_eq(one->plugin, two->plugin);
    state = one->state;
    ck_assert_int_eq((uintptr_t)state % 16, 0);
    ck_assert(one->is_open && state->was_opened);
    ck_assert_int_eq(state->number, 5);
    ck_assert_str_eq(state->base_url, "http://localhost:1");
    state = two->state;
    ck_assert_int_eq(state->number, 3);
    ck_assert_str_eq(state->base_url, "https://two");
    ck_assert_str_eq(plugins->features->model, "coder");
    ck_assert_ptr_null(one->model);
    gw_plugins_close(plugins);
    ck_assert_int_eq(state->number, -3); /* close() ran */
    ck_assert_int_eq(((struct good *)one->state)->number, -5);
}
END_TEST

static const struct {
    const char *id, *conf, *problem;
} mistakes[] = {
    { "no-plugin-key", "providers: {\n a: { number = 1; }; };",
      "t.conf:2: providers.a.plugin: is missing, expected the name of a provider plugin" },
    { "misspelt-plugin", "providers: {\n a: { plugin = \"goood\"; }; };",
      "t.conf:2: providers.a.plugin: there is no provider plugin \"goood\", did you mean good?" },
    { "unknown-plugin", "features: { a: { plugin = \"zzzzzzzzzzzzzzzzzzzz\"; }; };",
      "there is no feature plugin \"zzzzzzzzzzzzzzzzzzzz\"; loaded: good_feature" },
    { "wrong-kind", "features: { a: { plugin = \"good\"; }; };",
      "features.a.plugin: \"good\" is a provider plugin, expected a feature plugin; its group belongs into "
      "`providers`" },
    { "plugin-type", "providers: { a: { plugin = 5; }; };", "providers.a.plugin: is not text" },
    { "no-group", "providers: { a = 5; };", "t.conf:1: providers.a: is not a group" },
    { "section-no-group", "providers = 5;", "t.conf:1: providers: is not a group" },
    { "enabled-type", "providers: { a: { plugin = \"good\"; enabled = 1; }; };",
      "providers.a.enabled: is 1, expected true or false" },
    { "setting", "providers: {\n a: { plugin = \"good\";\n numbr = 1; }; };",
      "t.conf:3: providers.a.numbr: unknown, did you mean number?" },
    { "model-on-provider", "providers: { a: { plugin = \"good\"; model = \"x\"; }; };", "providers.a.model: unknown" },
    { "open-fails", "providers: {\n\n a: { plugin = \"good\"; fail = true; number = 8; }; };",
      "t.conf:3: providers.a: plugin \"good\" refused it: told to fail with number 8" },
};

START_TEST(mistake_in_a_group_is_named_once)
{
    struct gw_plugins *plugins = configure(mistakes[_i].conf);

    ck_assert_msg(has_problem(mistakes[_i].problem, false), "%s: %s", mistakes[_i].id, first_problem());
    ck_assert_msg(problems.error_count == 1, "%s: %zu errors", mistakes[_i].id, problems.error_count);
    gw_plugins_close(plugins);
}
END_TEST

START_TEST(a_warning_of_open_is_one_of_the_configuration)
{
    struct gw_plugins *plugins = configure("providers: {\n a: { plugin = \"good\"; number = 13; }; };");

    ck_assert_msg(has_problem("t.conf:2: providers.a: the number is 13", true), "%s", first_problem());
    ck_assert_uint_eq(problems.error_count, 0);
    ck_assert(gw_plugins_provider(plugins, "a")->is_open);
    gw_plugins_close(plugins);
}
END_TEST

START_TEST(what_did_not_open_is_not_closed)
{
    struct gw_plugins *plugins = configure("providers: { a: { plugin = \"good\"; fail = true; }; };");
    struct gw_instance *instance = gw_plugins_provider(plugins, "a");

    ck_assert_ptr_nonnull(instance);
    ck_assert(!instance->is_open);
    gw_plugins_close(plugins);
    ck_assert_int_eq(((struct good *)instance->state)->number, 3);
    gw_plugins_close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin loader");
    TCase *tcase = tcase_create("loader");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, bad_file_is_refused_with_path_and_reason, 0, GW_ARRAY_LEN(refused));
    tcase_add_test(tcase, longer_descriptor_with_a_zero_tail_loads);
    tcase_add_loop_test(tcase, a_replaced_file_is_loaded_anew_while_the_old_one_is_in_use, 0,
                        GW_ARRAY_LEN(replacements));
    tcase_add_loop_test(tcase, a_half_written_file_is_an_error_that_says_so, 0, GW_ARRAY_LEN(parts));
    tcase_add_test(tcase, a_long_file_name_is_no_obstacle);
    tcase_add_test(tcase, an_unloaded_plugin_gives_its_descriptor_back);
    tcase_add_test(tcase, an_unchanged_file_shares_the_code_that_is_running);
    tcase_add_test(tcase, folders_load_in_name_order_and_the_first_of_a_name_wins);
    tcase_add_test(tcase, a_plugin_in_the_wrong_folder_is_a_problem);
    tcase_add_test(tcase, a_new_version_may_have_other_metrics);
    tcase_add_loop_test(tcase, a_metric_that_cannot_be_counted_refuses_its_plugin, 0, GW_ARRAY_LEN(bad_metrics));
    tcase_add_test(tcase, the_reference_shows_every_plugin_and_setting);
    tcase_add_test(tcase, two_groups_are_two_instances_with_their_own_state);
    tcase_add_loop_test(tcase, mistake_in_a_group_is_named_once, 0, GW_ARRAY_LEN(mistakes));
    tcase_add_test(tcase, a_warning_of_open_is_one_of_the_configuration);
    tcase_add_test(tcase, what_did_not_open_is_not_closed);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
