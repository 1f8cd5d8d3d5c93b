/* The store: folders written to a temporary place, loaded, rendered. */
#include "prompt/prompt.h"
#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct gw_arena arena;
static struct gw_problems problems;
static struct gw_err err;
static char root[64];

static void setup(void)
{
    gw_arena_init(&arena, (size_t)16 << 20);
    gw_problems_init(&problems, &arena);
    strcpy(root, "/tmp/aigw-prompt-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void teardown(void)
{
    char command[128];

    gw_arena_done(&arena);
    snprintf(command, sizeof command, "rm -r %s", root);
    ck_assert_int_eq(system(command), 0);
}

/** Write root/path, making folders as needed. */
static void put(const char *path, const char *text)
{
    char full[512];
    FILE *file;

    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

static struct gw_prompts *load(const char *first, const char *second)
{
    const char *dirs[2] = { gw_arena_printf(&arena, "%s/%s", root, first),
                            second ? gw_arena_printf(&arena, "%s/%s", root, second) : NULL };

    return gw_prompts_load(&arena, dirs, second ? 2 : 1, &problems);
}

static const char *all_problems(void)
{
    struct gw_buf text;
    const char *copy;

    gw_buf_init(&text, 65536);
    for (const struct gw_problem *p = problems.first; p; p = p->next)
        gw_buf_printf(&text, "%s\n", p->text);
    copy = gw_arena_strndup(&arena, text.data ? text.data : "", text.len);
    gw_buf_done(&text);
    return copy;
}

static uint32_t count_messages(const struct aigw_prompt *prompt)
{
    uint32_t count = 0;

    for (const struct aigw_message *m = prompt->messages; m; m = m->next)
        count++;
    return count;
}

static const char *message(const struct aigw_prompt *prompt, uint32_t index)
{
    const struct aigw_message *m = prompt->messages;

    while (m && index-- > 0)
        m = m->next;
    ck_assert_ptr_nonnull(m);
    ck_assert_ptr_nonnull(m->parts);
    ck_assert_ptr_null(m->parts->next);
    return gw_arena_strndup(&arena, m->parts->text.ptr, m->parts->text.len);
}

#define HEAD            "name = \"Test prompt\"; scope = \"complete_code\";\n"
#define USER_TEXT(text) "messages = ( { role = \"user\"; text = \"" text "\"; } );\n"

static struct aigw_prompt_query query(const char *id, const char *version, const struct aigw_model_info *model)
{
    return (struct aigw_prompt_query){
        .struct_size = sizeof(struct aigw_prompt_query), .id = gw_str(id), .version = gw_str(version), .model = model
    };
}

START_TEST(first_existing_family_wins_and_does_not_fall_through)
{
    const aigw_str families[] = { AIGW_STR_INIT("codestral"), AIGW_STR_INIT("mistral"), AIGW_STR_INIT("base") };
    struct aigw_model_info model = { .families = families, .family_count = 3 };
    struct gw_prompts *prompts;
    struct aigw_prompt_query q = query("code/complete", NULL, &model);
    struct aigw_prompt prompt;

    put("p/code/complete/mistral/1.0.0.conf", HEAD USER_TEXT("old"));
    put("p/code/complete/mistral/1.2.0.conf", HEAD USER_TEXT("mistral"));
    put("p/code/complete/mistral/1.3.0-dev.conf", HEAD USER_TEXT("dev"));
    put("p/code/complete/base/1.0.0.conf", HEAD USER_TEXT("base"));
    put("p/code/complete/base/2.0.0.conf", HEAD USER_TEXT("base two"));
    put("p/single/base/1.0.0.conf", HEAD USER_TEXT("one segment"));
    prompts = load("p", NULL);
    ck_assert_str_eq(all_problems(), "");
    ck_assert_uint_eq(gw_prompts_count(prompts), 6);

    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "mistral");
    ck_assert(gw_str_is(prompt.family, "mistral") && gw_str_is(prompt.version, "1.2.0"));
    ck_assert(gw_str_is(prompt.title, "Test prompt") && gw_str_is(prompt.scope, "complete_code"));

    q.version = AIGW_STR("1.3.0-dev");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "dev");

    q.version = AIGW_STR("^2.0.0"); /* base has it, but mistral's folder was chosen */
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_E_NOT_FOUND);
    ck_assert_str_eq(err.text, "No version matching '^2.0.0' (available: ['1.0.0', '1.2.0', '1.3.0-dev'])");

    q.version = AIGW_STR("newest");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_E_NOT_FOUND);
    ck_assert_str_eq(err.text, "Version 'newest' is not a valid PEP 440 constraint and no exact match found "
                               "(available: ['1.0.0', '1.2.0', '1.3.0-dev'])");

    q = query("single", NULL, NULL);
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "one segment");

    q = query("../../etc/passwd", NULL, &model);
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "Failed to load prompt definition for '../../etc/passwd': "));
}
END_TEST

START_TEST(missing_variable_is_told_in_the_contract_words)
{
    const struct aigw_pair vars[] = { { AIGW_STR_INIT("current_date"), AIGW_STR_INIT("July 12, 2025") } };
    struct aigw_prompt_query q = query("greet", NULL, NULL);
    struct gw_prompts *prompts;
    struct aigw_prompt prompt;

    put("p/greet/base/1.0.0.conf", HEAD
        "required = ( \"name\", \"age\", \"current_date\" );\n" USER_TEXT("Hi {{name}}, {{age}} on {{current_date}}"));
    prompts = load("p", NULL);
    ck_assert_str_eq(all_problems(), "");
    q.inputs = AIGW_STR("{\"name\":\"Ann\"}");
    q.vars = vars;
    q.var_count = 1;
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_E_INVALID);
    ck_assert_str_eq(err.text, "\"Input to ChatPromptTemplate is missing variables {'age'}.  Expected: ['age', "
                               "'current_date', 'name'] Received: ['name', 'current_date']");
    q.inputs = AIGW_STR("{\"name\":\"Ann\",\"age\":null,\"current_date\":\"x\"}"); /* null counts as given */
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "Hi Ann,  on July 12, 2025");
    q.inputs = AIGW_STR("[1]");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_E_INVALID);
}
END_TEST

START_TEST(title_and_scope_are_known_when_a_variable_is_missing)
{
    struct aigw_prompt_query q = query("greet", NULL, NULL);
    struct gw_prompts *prompts;
    struct aigw_prompt prompt = { 0 };

    put("p/greet/base/1.0.0.conf", HEAD "required = ( \"name\" );\n" USER_TEXT("Hi {{name}}"));
    prompts = load("p", NULL);
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_E_INVALID);
    ck_assert(gw_str_is(prompt.scope, "complete_code") && gw_str_is(prompt.title, "Test prompt"));
    ck_assert(gw_str_is(prompt.family, "base") && gw_str_is(prompt.version, "1.0.0"));
    ck_assert_ptr_null(prompt.messages);
    q.id = AIGW_STR("other");
    prompt = (struct aigw_prompt){ 0 };
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_E_NOT_FOUND);
    ck_assert_ptr_null(prompt.scope.ptr);
}
END_TEST

START_TEST(today_is_a_variable_unless_one_is_given)
{
    struct aigw_prompt_query q = query("day", NULL, NULL);
    const struct aigw_pair own[] = { { AIGW_STR_INIT("current_date"), AIGW_STR_INIT("a pair") } };
    struct gw_prompts *prompts;
    struct aigw_prompt prompt;
    time_t now = (time_t)gw_wall_s();
    char today[64];

    put("p/day/base/1.0.0.conf", HEAD "required = ( \"current_date\" );\n" USER_TEXT("{{current_date}}{{x}}"));
    prompts = load("p", NULL);
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_uint_gt(strftime(today, sizeof today, "%B %d, %Y", gmtime(&now)), 0);
    ck_assert_str_eq(message(&prompt, 0), today);
    q.inputs = AIGW_STR("{\"current_date\":\"mine\",\"x\":1}");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "mine1");
    q.vars = own;
    q.var_count = 1;
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "a pair1");
}
END_TEST

START_TEST(one_file_serves_other_versions_too)
{
    struct aigw_prompt_query q = query("t", "1.0.0", NULL);
    struct gw_prompt_entry entry;
    struct gw_prompts *prompts;
    struct aigw_prompt prompt;

    put("a/t/base/1.2.0.conf", HEAD "also = ( \"1.0.0\", \"1.1.0-dev\" );\n" USER_TEXT("a"));
    put("b/t/base/1.2.0.conf", HEAD "also = ( \"1.1.0\" );\n" USER_TEXT("b"));
    put("c/t/base/1.0.0.conf", HEAD USER_TEXT("c"));
    prompts = load("a", NULL);
    ck_assert_str_eq(all_problems(), "");
    ck_assert_uint_eq(gw_prompts_count(prompts), 3);
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "a");
    ck_assert(gw_str_is(prompt.version, "1.0.0"));
    q.version = AIGW_STR("1.1.0-dev");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    q.version = AIGW_STR("^1.0.0");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert(gw_str_is(prompt.version, "1.2.0"));
    ck_assert(gw_prompts_entry(prompts, 0, &entry) && strstr(entry.path, "/t/base/1.2.0.conf"));
    ck_assert_str_eq(entry.version, "1.0.0");
    ck_assert(!gw_prompts_entry(prompts, 3, &entry));

    prompts = load("a", "b"); /* with a file that is replaced go its other versions */
    ck_assert_str_eq(all_problems(), "");
    ck_assert_uint_eq(gw_prompts_count(prompts), 2);
    q.version = AIGW_STR("1.0.0");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_E_NOT_FOUND);
    ck_assert_str_eq(err.text, "No version matching '1.0.0' (available: ['1.1.0', '1.2.0'])");
    q.version = AIGW_STR("1.1.0");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "b");

    prompts = load("a", "c"); /* a file of a later folder takes a version of its own */
    ck_assert_str_eq(all_problems(), "");
    q.version = AIGW_STR("1.0.0");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "c");
    q.version = AIGW_STR_NONE;
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "a");
}
END_TEST

/* In either order of the files' names. */
START_TEST(two_files_of_a_folder_serve_no_version_both)
{
    put("early/t/base/1.0.0.conf", HEAD "also = ( \"1.2.0\" );\n" USER_TEXT("a"));
    put("early/t/base/1.2.0.conf", HEAD USER_TEXT("b"));
    put("late/t/base/1.0.0.conf", HEAD USER_TEXT("b"));
    put("late/t/base/1.2.0.conf", HEAD "also = ( \"1.0.0\" );\n" USER_TEXT("a"));
    put("wrong/t/base/1.2.0.conf", HEAD "also = \"1.0.0\";\n" USER_TEXT("a"));
    load("early", NULL);
    ck_assert_msg(strstr(all_problems(), "1.2.0.conf: version 1.2.0 of t/base is served by another file") != NULL, "%s",
                  all_problems());
    load("late", NULL);
    ck_assert_msg(strstr(all_problems(), "1.2.0.conf: version 1.0.0 of t/base is served by another file") != NULL, "%s",
                  all_problems());
    load("wrong", NULL);
    ck_assert_msg(strstr(all_problems(), "also: expected a list") != NULL, "%s", all_problems());
}
END_TEST

START_TEST(prompt_parameters_win_over_the_model)
{
    const aigw_str model_stop[] = { AIGW_STR_INIT("model") };
    const struct aigw_params defaults = { .struct_size = sizeof defaults,
                                          .set = AIGW_PARAM_TEMPERATURE | AIGW_PARAM_MAX_TOKENS,
                                          .temperature = 0.9,
                                          .max_tokens = 4096,
                                          .stop = model_stop,
                                          .stop_count = 1 };
    struct aigw_model_info model = { .struct_size = sizeof model, .defaults = &defaults };
    struct gw_prompts *prompts;
    struct aigw_prompt_query q = query("a", NULL, &model);
    struct aigw_prompt prompt;

    put("p/a/base/1.0.0.conf",
        HEAD "params: { temperature = 0.25; top_p = 1; top_k = 7; stop = ( \"\\n\\n\", \"END\" ); "
             "timeout_ms = 1500; };\n" USER_TEXT("x"));
    put("p/b/base/1.0.0.conf", HEAD USER_TEXT("x"));
    prompts = load("p", NULL);
    ck_assert_str_eq(all_problems(), "");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_uint_eq(prompt.params->set,
                      AIGW_PARAM_TEMPERATURE | AIGW_PARAM_MAX_TOKENS | AIGW_PARAM_TOP_P | AIGW_PARAM_TOP_K);
    ck_assert(prompt.params->temperature > 0.24 && prompt.params->temperature < 0.26);
    ck_assert(prompt.params->top_p > 0.99);
    ck_assert_int_eq(prompt.params->top_k, 7);
    ck_assert_int_eq(prompt.params->max_tokens, 4096);
    ck_assert_int_eq(prompt.timeout_ms, 1500);
    ck_assert_uint_eq(prompt.params->stop_count, 2);
    ck_assert(gw_str_is(prompt.params->stop[0], "\n\n") && gw_str_is(prompt.params->stop[1], "END"));
    q.id = AIGW_STR("b");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_uint_eq(prompt.params->stop_count, 1);
    ck_assert(prompt.params->temperature > 0.89);
}
END_TEST

START_TEST(files_partials_roles_and_prefill)
{
    struct gw_prompts *prompts;
    const struct aigw_pair vars[] = { { AIGW_STR_INIT("x"), AIGW_STR_INIT("{{>local}}") } };
    struct aigw_prompt_query q = query("t", NULL, NULL);
    struct aigw_prompt prompt;

    put("p/partials/shared.mustache", "shared {{x}}\n");
    put("p/partials/deep/one.mustache", "deep {{>shared}}");
    put("p/t/base/local.mustache", "local+{{>deep/one}}\n");
    put("p/t/base/user.mustache", "U {{>local}}\n\n");
    put("p/t/base/1.0.0.conf", HEAD "messages = ( { role = \"system\"; text = \"{{#nothing}}s{{/nothing}}\"; },\n"
                                    "  { role = \"user\"; template = \"user.mustache\"; },\n"
                                    "  { role = \"assistant\"; text = \"<new>\"; } );\n");
    prompts = load("p", NULL);
    ck_assert_str_eq(all_problems(), "");
    q.vars = vars;
    q.var_count = 1;
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_uint_eq(count_messages(&prompt), 2); /* the empty system message is left out */
    ck_assert_uint_eq(prompt.messages[0].role, AIGW_ROLE_USER);
    ck_assert_str_eq(message(&prompt, 0), "U local+deep shared {{>local}}\n"); /* one newline of the file is dropped */
    ck_assert_str_eq(message(&prompt, 1), "<new>");
    ck_assert_uint_eq(prompt.flags, AIGW_REQF_PREFILL);
}
END_TEST

START_TEST(later_folder_wins_per_version_and_partial)
{
    struct gw_prompts *prompts;
    struct aigw_prompt_query q = query("t", "1.0.0", NULL);
    struct aigw_prompt prompt;

    put("a/partials/w.mustache", "old");
    put("b/partials/w.mustache", "new");
    put("a/t/base/1.0.0.conf", HEAD USER_TEXT("a {{>w}}"));
    put("a/t/base/1.1.0.conf", HEAD USER_TEXT("a11 {{>w}}"));
    put("b/t/base/1.0.0.conf", HEAD USER_TEXT("b {{>w}}"));
    prompts = load("a", "b");
    ck_assert_str_eq(all_problems(), "");
    ck_assert_uint_eq(gw_prompts_count(prompts), 2);
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "b new");
    q.version = AIGW_STR_NONE;
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_str_eq(message(&prompt, 0), "a11 new");
}
END_TEST

START_TEST(completion_kind_needs_no_messages)
{
    struct gw_prompts *prompts;
    struct aigw_prompt_query q = query("t", NULL, NULL);
    struct aigw_prompt prompt;

    put("p/t/base/1.0.0.conf", HEAD "kind = \"completion\"; params: { max_tokens = 64; };\n");
    prompts = load("p", NULL);
    ck_assert_str_eq(all_problems(), "");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_OK);
    ck_assert_uint_eq(count_messages(&prompt), 0);
    ck_assert_int_eq(prompt.params->max_tokens, 64);
}
END_TEST

static const struct {
    const char *id, *path, *text, *problem; /* the problems must contain this */
} broken[] = {
    { "syntax", "p/t/base/1.0.0.conf", "name = ;", "1.0.0.conf:1" },
    { "no-name", "p/t/base/1.0.0.conf", "scope = \"s\";\n" USER_TEXT("x"), "name" },
    { "unknown-key", "p/t/base/1.0.0.conf", HEAD "scoop = \"s\";\n" USER_TEXT("x"), "1.0.0.conf:2: scoop" },
    { "unknown-param", "p/t/base/1.0.0.conf", HEAD "params: { temprature = 1.0; };\n" USER_TEXT("x"), "temprature" },
    { "param-range", "p/t/base/1.0.0.conf", HEAD "params: { temperature = 3.0; };\n" USER_TEXT("x"), "temperature" },
    { "stop-type", "p/t/base/1.0.0.conf", HEAD "params: { stop = ( 1 ); };\n" USER_TEXT("x"),
      "1.0.0.conf:2: params.stop" },
    { "no-messages", "p/t/base/1.0.0.conf", HEAD, "messages: expected a list" },
    { "role", "p/t/base/1.0.0.conf", HEAD "messages = ( { role = \"robot\"; text = \"x\"; } );", "role" },
    { "both", "p/t/base/1.0.0.conf", HEAD "messages = ( { role = \"user\"; text = \"x\"; template = \"y\"; } );",
      "either text" },
    { "neither", "p/t/base/1.0.0.conf", HEAD "messages = ( { role = \"user\"; } );", "either text" },
    { "no-file", "p/t/base/1.0.0.conf", HEAD "messages = ( { role = \"user\"; template = \"gone.mustache\"; } );",
      "gone.mustache: cannot be read" },
    { "escape", "p/t/base/1.0.0.conf", HEAD "messages = ( { role = \"user\"; template = \"../x.mustache\"; } );",
      "without \"..\"" },
    { "partial", "p/t/base/1.0.0.conf", HEAD USER_TEXT("{{>nowhere}}"), "partial \"nowhere\"" },
    { "partial-path", "p/t/base/1.0.0.conf", HEAD USER_TEXT("{{>../../x}}"), "partial \"../../x\"" },
    { "template", "p/t/base/1.0.0.conf", HEAD USER_TEXT("{{#a}}"), "not closed" },
    { "shallow", "p/1.0.0.conf", HEAD USER_TEXT("x"), "<prompt id>/<family>/<version>.conf" },
    { "shallow-2", "p/t/1.0.0.conf", HEAD USER_TEXT("x"), "<prompt id>/<family>/<version>.conf" },
    { "utf8", "p/t/base/1.0.0.conf", HEAD USER_TEXT("\xff"), "not valid UTF-8" },
    { "missing-dir", "q/x", "", "cannot be listed" },
};

START_TEST(broken_definition_is_a_problem_with_its_place)
{
    put(broken[_i].path, broken[_i].text);
    load("p", NULL);
    ck_assert_msg(strstr(all_problems(), broken[_i].problem) != NULL, "%s: problems are:\n%s", broken[_i].id,
                  all_problems());
    ck_assert_uint_ge(problems.error_count, 1);
}
END_TEST

START_TEST(endless_local_partials_load)
{
    struct gw_prompts *prompts;
    struct aigw_prompt_query q = query("t", NULL, NULL);
    struct aigw_prompt prompt;

    put("p/t/base/a.mustache", "{{>b}}");
    put("p/t/base/b.mustache", "{{>a}}");
    put("p/t/base/1.0.0.conf", HEAD USER_TEXT("{{>a}}"));
    prompts = load("p", NULL);
    ck_assert_str_eq(all_problems(), "");
    ck_assert_int_eq(gw_prompts_render(prompts, &arena, &q, &prompt, &err), AIGW_E_LIMIT);
}
END_TEST

TCase *store_case(void)
{
    TCase *tc = tcase_create("store");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, first_existing_family_wins_and_does_not_fall_through);
    tcase_add_test(tc, missing_variable_is_told_in_the_contract_words);
    tcase_add_test(tc, title_and_scope_are_known_when_a_variable_is_missing);
    tcase_add_test(tc, today_is_a_variable_unless_one_is_given);
    tcase_add_test(tc, one_file_serves_other_versions_too);
    tcase_add_test(tc, two_files_of_a_folder_serve_no_version_both);
    tcase_add_test(tc, prompt_parameters_win_over_the_model);
    tcase_add_test(tc, files_partials_roles_and_prefill);
    tcase_add_test(tc, later_folder_wins_per_version_and_partial);
    tcase_add_test(tc, completion_kind_needs_no_messages);
    tcase_add_loop_test(tc, broken_definition_is_a_problem_with_its_place, 0, (int)GW_ARRAY_LEN(broken));
    tcase_add_test(tc, endless_local_partials_load);
    return tc;
}
